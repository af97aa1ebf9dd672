"""A film of images as they are drawn (§2.1): GIF, or one HTML page with a player."""

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ..checkpoint import write_atomically
from . import enlarged, tile


class Film:
    """Collects a frame after every row: sample(model, n, on_row=film.add)."""

    def __init__(self, levels):
        self.levels, self.frames = levels, []

    def add(self, images, row):
        """images: uint8 (n, H, W, C), of which rows 0 to `row` are drawn."""
        waiting = np.zeros((1, *images.shape[1:3], 1), bool)
        waiting[:, row + 1 :] = True
        columns = int(np.ceil(np.sqrt(len(images))))
        sheet = tile(images, self.levels, columns, waiting=waiting)
        self.frames.append((enlarged(sheet, 480) * 255).round().astype(np.uint8))

    def save(self, path, seconds=5.0):
        """Writes a .gif that pauses at the end and repeats, or an .html with a player.

        seconds: length. Raises ValueError for another ending, OSError if it cannot be written.
        """
        ending = Path(path).suffix.lower()
        if ending == ".gif":
            write_atomically(path, self._gif(seconds))
        elif ending == ".html":
            write_atomically(path, self._html(seconds).encode())
        else:
            raise ValueError(f"{path}: name a file that ends in .gif or .html")

    def _gif(self, seconds):
        size = max(f.shape for f in self.frames)[:2]
        frames = [Image.fromarray(f).resize(size[::-1], Image.Resampling.NEAREST)
                  for f in self.frames]  # fmt: skip
        step = max(20, round(1000 * seconds / len(frames)))
        buffer = io.BytesIO()
        frames[0].save(
            buffer, "GIF", save_all=True, append_images=frames[1:], loop=0,
            duration=[step] * (len(frames) - 1) + [step + 2000],
        )  # fmt: skip
        return buffer.getvalue()

    def _html(self, seconds):
        pictures = []
        for frame in self.frames:
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, "PNG")
            pictures.append(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}")
        step = max(20, round(1000 * seconds / len(pictures)))
        return PAGE.replace("STEP", str(step)).replace("FRAMES", json.dumps(pictures))


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Images as they are drawn</title>
<style>body{font-family:sans-serif;text-align:center}img{width:480px;image-rendering:pixelated}
input{width:360px}</style>
<img id="image" alt="images as they are drawn, row by row"><br>
<button id="play" aria-label="play or pause">&#9654; / &#10074;&#10074;</button>
<input id="frame" type="range" min="0" value="0" aria-label="row">
<script>
const frames = FRAMES, step = STEP;
const image = document.getElementById("image"), slider = document.getElementById("frame");
let timer = null;
slider.max = frames.length - 1;
function show(k) { slider.value = k; image.src = frames[k]; }
function pause() { clearInterval(timer); timer = null; }
function play() {
  if (+slider.value === frames.length - 1) show(0);
  timer = setInterval(() => {
    show(+slider.value + 1);
    if (+slider.value === frames.length - 1) pause();
  }, step);
}
slider.oninput = () => { pause(); show(+slider.value); };
document.getElementById("play").onclick = () => timer ? pause() : play();
show(0); play();
</script></html>
"""
