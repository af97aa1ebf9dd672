"""A film of images as they are drawn (§2.1): GIF, or one HTML page with a player."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from .checkpoint import write_atomically
from .figures import enlarged, tile


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
        from matplotlib.animation import ArtistAnimation
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), frameon=False)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        artists = [
            [axes.imshow(f, interpolation="nearest", extent=(0, 1, 0, 1))] for f in self.frames
        ]
        interval = 1000 * seconds / len(artists)
        player = ArtistAnimation(figure, artists, interval=interval).to_jshtml(default_mode="once")
        return f"<!doctype html><meta charset=utf-8><title>pixelrnn_np</title>{player}"
