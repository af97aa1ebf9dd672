"use strict";
/* What one sees: the drawing, the completions, and maps of the one that is chosen. The state is page.js's. */

const tint = rgb(colours.generated), waiting = rgb(colours.waiting), shades = colours.sizes.map(rgb);
const grey = v => { const g = Math.round(255 * v); return [g, g, g]; };
const level = v => v / (levels - 1);
// As figures/maps.py tints what is generated.
const tinted = v => grey(v).map((g, k) => Math.round(0.62 * g + 0.38 * tint[k]));

// The completion that is looked at, or the given rows before there is one.
const shown = () => fillings[chosen] ?? given;

function colour_of(filling, place) {
  if (place < line * W) return grey(level(drawing[place]));
  return place < filling.place ? tinted(level(filling.image[place])) : waiting;
}

function render() {
  const filling = shown();
  paint(by_id("drawing"), H, W, place => colour_of(filling, place));
  for (const [k, canvas] of [...by_id("completions").querySelectorAll("canvas")].entries())
    paint(canvas, H, W, place => colour_of(fillings[k] ?? given, place));
  by_id("line").style.top = `${100 * line / H}%`;
  by_id("line").setAttribute("aria-valuenow", line);
  paint(by_id("expected"), H, W, place =>
    place < filling.place ? grey(filling.means[place]) : waiting);
  render_nats(filling);
  render_cursor();
}

function render_nats(filling) {
  const nats = filling.nats.subarray(0, filling.place), rows = Math.min(line * W, nats.length);
  const top = nats.reduce((most, v) => Math.max(most, v), 1);
  paint(by_id("nats"), H, W, place => place < nats.length ? shade(shades, nats[place] / top) : waiting);
  const sum = (from, to) => nats.subarray(from, to).reduce((a, b) => a + b, 0).toFixed(1);
  by_id("nats-said").textContent = `Your rows: ${sum(0, rows)}, the network's: ${sum(rows)}.`;
  by_id("nats-top").textContent = top.toFixed(1);
}

function render_cursor() {
  const [r, q] = cursor;
  for (const mark of document.querySelectorAll(".cursor"))
    Object.assign(mark.style, { left: `${100 * q / W}%`, top: `${100 * r / H}%`,
      width: `${100 / W}%`, height: `${100 / H}%` });
  render_reach(r * W + q);
  render_row(r);
  by_id("readout").textContent = `Row ${r + 1}, column ${q + 1}: ${said_of(r * W + q)}`;
}

function said_of(place) {
  const filling = shown();
  if (place >= filling.place) return "not drawn yet.";
  const v = filling.image[place], p = probabilities(filling.logits_at(place));
  const nats = `${filling.nats[place].toFixed(2)} nats`;
  if (levels === 2) return `white with p = ${p[1].toFixed(3)}; it is ${v ? "white" : "black"}, ${nats}.`;
  return `on average ${(filling.means[place] * (levels - 1)).toFixed(1)} of ${levels - 1}; ` +
    `it is ${v}, of p = ${p[v].toFixed(3)}, ${nats}.`;
}

// Twin of the data: pages/drawing.py `graded`.
function render_reach(pixel) {
  if (!reach) return;
  const start = pixel * (pixel - 1) / 2, missed = rgb(colours.missed), future = rgb(colours.future);
  paint(by_id("reach"), H, W, place => {
    if (place === pixel) return rgb(colours.current);
    if (place > pixel) return future;
    const step = reach[start + place];
    return step ? shade(shades, (step - 1) / 254) : missed;
  });
}

// The row of the cursor: a bar of p(white) for each column, or p of every level, the brightest on top.
function render_row(r) {
  const filling = shown(), canvas = by_id("row"), cell = Math.ceil(1120 / W), height = 160;
  Object.assign(canvas, { width: W * cell, height });
  const context = canvas.getContext("2d");
  for (let q = 0; q < W; q++) {
    const place = r * W + q;
    if (place >= filling.place) continue;
    const p = probabilities(filling.logits_at(place)), v = filling.image[place];
    const rectangle = (colour, low, high, inset) => {
      context.fillStyle = colour;
      context.fillRect(q * cell + inset, height * (1 - high), cell - 2 * inset, Math.ceil(height * (high - low)));
    };
    if (levels === 2) {
      rectangle(v ? colours.generated : colours.blue, 0, Math.max(p[1], 0.01), 2);
    } else {
      p.forEach((share, k) => rectangle(shade(colours.sizes, Math.sqrt(share)), k / levels, (k + 1) / levels, 0));
      rectangle(colours.generated, (v + 0.35) / levels, (v + 0.65) / levels, 0.3 * cell);
    }
    if (q === cursor[1]) {
      context.strokeStyle = colours.current;
      context.lineWidth = 3;
      context.strokeRect(q * cell + 1.5, 1.5, cell - 3, height - 3);
    }
  }
  by_id("row-said").textContent = `Row ${r + 1}: ` + (levels === 2
    ? "p(white) of each pixel, from 0 to 1; amber where the pixel is white, blue where it is black."
    : "p of every level, brighter for more, the lightest level on top; amber marks the pixel's own.");
}
