"use strict";
/* The page: a drawing, and completions of it that refresh as one draws. What one sees of them, and
   the maps of one of them, are in maps.js. */

// {name: {shape, data}}. Twin: pages/drawing.py `masked_weights`.
function parameters() {
  const flat = new Float32Array(unpacked(data.weights).buffer), params = {};
  let start = 0;
  for (const [name, shape] of Object.entries(data.shapes)) {
    const size = shape.reduce((a, b) => a * b, 1);
    params[name] = { shape, data: Float64Array.from(flat.subarray(start, start + size)) };
    start += size;
  }
  return params;
}

const model = new Trunk(data.config, parameters());
const { H, W, levels } = model;
const COMPLETIONS = 6, FRAME = 12;  // milliseconds of a frame that drawing may take
const SPEEDS = [12, 25, 50, 100, 200, 400, 800, 1600, Infinity];  // pixels a second
const BRUSH = H * W >= 400 ? 2 : 1;  // pixels across: what strokes of handwritten digits have

const drawing = new Uint8Array(H * W);
const reach = data.reach && unpacked(data.reach);
const given = new Filling(model);  // the drawing, as far as it has been run
let line = Math.floor(H / 2);      // rows above it are given
let fillings = [], streams = [];   // the completions, and their uniform numbers
let chosen = 0, cursor = [line, Math.floor(W / 2)];
let begun = 0, scheduled = false, settling = [];

// ---- Drawing the completions, a few pixels in each frame ----

const number_of = id => Number(by_id(id).value);
const seed = () => Math.min(2 ** 32 - 1, Math.max(0, Math.floor(number_of("seed")) || 0));

// What is given has changed from row r on; Infinity: only how the rest is drawn.
function restart(r = Infinity) {
  given.back_to(Math.min(r, line));
  streams = Array.from({ length: COMPLETIONS }, (_, k) => uniforms(seed(), k, H * W));
  fillings = [];
  if (!scheduled) requestAnimationFrame(frame);
  scheduled = true;
}

function frame(now) {
  const until = performance.now() + FRAME, rows = line * W;
  while (given.place < rows && performance.now() < until) given.step(drawing[given.place]);
  if (given.place === rows && !fillings.length) {
    fillings = streams.map(() => given.copy());
    begun = now;
  }
  const due = rows + 1 + SPEEDS[number_of("speed")] * Math.max(1, now - begun) / 1000;
  while (fillings.length && !fillings.at(-1).done && fillings.at(-1).place < due && performance.now() < until)
    fillings.forEach((f, k) => f.step(null, streams[k][f.place], number_of("temperature")));
  render();
  scheduled = !fillings.length || !fillings.at(-1).done;
  if (scheduled) requestAnimationFrame(frame);
  else settling.splice(0).forEach(resolve => resolve());
}

// ---- What one does ----

let tool = "pen", last = null;

function use(name) {
  tool = name;
  for (const id of ["pen", "eraser"]) by_id(id).setAttribute("aria-pressed", id === name);
}

// Draws or erases a dot of the brush's size. The line gives way to the pen, and what it uncovers is blank.
function dot(r, q, value) {
  const below = value ? Math.max(line, Math.min(H, r + BRUSH)) : line;
  drawing.fill(0, line * W, below * W);
  for (let i = 0; i < BRUSH; i++)
    for (let k = 0; k < BRUSH; k++)
      if (r + i < H && q + k < W) drawing[(r + i) * W + q + k] = value;
  set_line(below, r);
}

// From the last pixel of the stroke to this one, without gaps.
function stroke(r, q) {
  const [r0, q0] = last ?? [r, q], n = Math.max(1, Math.abs(r - r0), Math.abs(q - q0));
  for (let i = 0; i <= n; i++)
    dot(Math.round(r0 + (r - r0) * i / n), Math.round(q0 + (q - q0) * i / n), tool === "pen" ? number_of("ink") : 0);
  last = [r, q];
}

function set_line(row, changed = Infinity) {
  line = Math.min(H, Math.max(0, row));
  restart(changed);
}

function move_cursor(r, q) {
  cursor = [Math.min(H - 1, Math.max(0, r)), Math.min(W - 1, Math.max(0, q))];
  render_cursor();
}

function choose(k) {
  chosen = k;
  by_id("completions").querySelectorAll("button").forEach((b, i) => b.setAttribute("aria-pressed", i === k));
  render();
}

function again() {
  by_id("seed").value = (seed() + 1) % 2 ** 32;
  restart();
}

function start_with(image) {
  drawing.set(image);
  set_line(Math.floor(H / 2), 0);
}

function keep() {
  if (!fillings.length || !fillings[chosen].done) return;
  drawing.set(fillings[chosen].image);
  set_line(H, line);
}

function clear() {
  start_with(new Uint8Array(H * W));
}

function listen_to_pointer() {
  const canvas = by_id("drawing");
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(...pixel_at(canvas, event, H, W));
  });
  canvas.addEventListener("pointermove", event => {
    const at = pixel_at(canvas, event, H, W);
    move_cursor(...at);
    if (last) stroke(...at);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });
  for (const id of ["expected", "nats", "reach"])
    for (const name of ["pointermove", "pointerdown"])
      by_id(id).addEventListener(name, event => move_cursor(...pixel_at(by_id(id), event, H, W)));

  const handle = by_id("line");
  handle.addEventListener("pointerdown", event => handle.setPointerCapture(event.pointerId));
  handle.addEventListener("pointermove", event => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = canvas.getBoundingClientRect();
    set_line(Math.round((event.clientY - box.top) / box.height * H));
  });
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function on_key(event) {
  const [r, q] = cursor, { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (ARROWS[key]) move_cursor(r + ARROWS[key][0], q + ARROWS[key][1]);
  else if (key === " " || key === "Enter") dot(r, q, r < line && drawing[r * W + q] ? 0 : number_of("ink"));
  else if (key === "Backspace" || key === "Delete") dot(r, q, 0);
  else if (key === "PageUp") set_line(line - 1);
  else if (key === "PageDown") set_line(line + 1);
  else if (key >= "1" && key <= String(COMPLETIONS)) choose(Number(key) - 1);
  else if (key === "n" || key === "N") again();
  else if (key === "c" || key === "C") clear();
  else return;
  event.preventDefault();
}

function on_line_key(event) {
  const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1, PageUp: -4, PageDown: 4 }[event.key];
  if (step) set_line(line + step);
  else if (event.key === "Home") set_line(0);
  else if (event.key === "End") set_line(H);
  else return;
  event.preventDefault();
}

// A button that shows an image; `act` is what it does.
function picture_button(parent, label, act) {
  const button = parent.appendChild(document.createElement("button"));
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button.appendChild(document.createElement("canvas"));
}

function say_settings() {
  const speed = SPEEDS[number_of("speed")];
  by_id("speed-said").textContent = speed === Infinity ? "at once" : `${speed} pixels a second`;
  by_id("temperature-said").textContent = number_of("temperature").toFixed(2);
}

function begin() {
  const images = data.images.map(unpacked);
  images.forEach((image, k) => {
    const canvas = picture_button(by_id("starts"), `Begin with image ${k + 1}`, () => start_with(image));
    paint(canvas, H, W, place => grey(level(image[place])));
  });
  for (let k = 0; k < COMPLETIONS; k++)
    picture_button(by_id("completions"), `Completion ${k + 1}`, () => choose(k));
  Object.assign(by_id("ink"), { max: levels - 1, value: levels - 1 });
  by_id("ink-label").hidden = levels === 2;
  by_id("reach-figure").hidden = !reach;
  by_id("line").setAttribute("aria-valuemax", H);
  document.querySelectorAll(".shades").forEach(e => show_shades(e, colours.sizes));
  for (const name of ["missed", "future"])
    document.querySelectorAll(`.key .${name}`).forEach(e => { e.style.background = colours[name]; });
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) by_id("speed").value = SPEEDS.length - 1;

  listen_to_pointer();
  by_id("drawing").addEventListener("keydown", on_key);
  by_id("line").addEventListener("keydown", on_line_key);
  for (const [id, act] of Object.entries({ clear, again, keep, pen: () => use("pen"), eraser: () => use("eraser") }))
    by_id(id).addEventListener("click", act);
  by_id("seed").addEventListener("input", () => restart());
  for (const id of ["speed", "temperature"])
    by_id(id).addEventListener("input", () => { say_settings(); restart(); });
  say_settings();
  choose(0);
  by_id("starts-caption").hidden = !images.length;
  start_with(images[3] ?? images.at(-1) ?? new Uint8Array(H * W));
}

// For tests and the curious: the network, and what the page shows.
window.pixelrnn = {
  model,
  logits: image => Array.from(complete(model, image, image.map(() => true), image.map(() => 0)).logits),
  complete: (image, known, u, temperature) => Array.from(complete(model, image, known, u, temperature).image),
  drawing: () => Array.from(drawing),
  completions: () => fillings.map(f => Array.from(f.image)),
  line: () => line,
  settled: () => scheduled ? new Promise(resolve => settling.push(resolve)) : Promise.resolve(),
};
begin();
