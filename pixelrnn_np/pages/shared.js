"use strict";
/* What the pages share: their data, colours, and canvases of one dot for each pixel of an image. */

const data = JSON.parse(document.getElementById("data").textContent);
const colours = data.colours;
const by_id = id => document.getElementById(id);

// The bytes of base64. Twin: pages/template.py `packed`.
const unpacked = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

// [r, g, b] of "#rrggbb".
const rgb = hex => [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16));

// The shade of v in [0, 1] in a colour map, a list of colours.
function shade(map, v) {
  return map[Math.min(map.length - 1, Math.max(0, Math.round(v * (map.length - 1))))];
}

// Colours every pixel: `colour(place)` gives [r, g, b].
function paint(canvas, H, W, colour) {
  if (canvas.width !== W || canvas.height !== H) Object.assign(canvas, { width: W, height: H });
  const context = canvas.getContext("2d"), dots = context.createImageData(W, H);
  for (let place = 0; place < H * W; place++) {
    const [r, g, b] = colour(place);
    dots.data.set([r, g, b, 255], 4 * place);
  }
  context.putImageData(dots, 0, 0);
}

// The pixel under a pointer, as [row, column], held within the image.
function pixel_at(canvas, event, H, W) {
  const box = canvas.getBoundingClientRect();
  const held = (v, n) => Math.min(n - 1, Math.max(0, Math.floor(v * n)));
  return [held((event.clientY - box.top) / box.height, H), held((event.clientX - box.left) / box.width, W)];
}

// A bar that shows a colour map.
function show_shades(element, map) {
  element.style.background = `linear-gradient(to right, ${map.join(",")})`;
}
