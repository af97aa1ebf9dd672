"use strict";
/* The page of a record. Twin: inspection/record/tape.py `Record`, whose rows are the steps here. */

const steps = data.steps, unpacked_maps = {}, signed = colours.signed.map(rgb), missed = rgb(colours.missed);
const SIDES = ["value", "gradient"];
let at = 0, under = null, feature = 0;

// The tensor of a name, unpacked when it is first asked for: {shape: [H, W, F], numbers}.
function tensor(name) {
  const stored = data.tensors[name];
  if (stored && !unpacked_maps[name]) {
    const numbers = new Float32Array(unpacked(stored.data).buffer);
    const most = numbers.reduce((m, v) => Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m, 0);
    unpacked_maps[name] = { shape: stored.shape, numbers, most };
  }
  return unpacked_maps[name];
}

// A number as NumPy shows three digits of it.
function three(v) {
  const size = Math.abs(v);
  return v === 0 ? "0" : size >= 1e-3 && size < 1e5 ? String(Number(v.toPrecision(3))) : v.toExponential(2);
}

const full_name = step => (step.backward ? "d" : "") + step.name;

// The colour of a number; one that is none, such as NaN, has the colour of what is missed.
const colour_of = (v, most) => Number.isFinite(v) ? shade(signed, 0.5 + v / (2 * most || 1)) : missed;

// One canvas for each feature; the chosen one is large.
function show_side(side, name) {
  const found = tensor(name), box = by_id(side);
  by_id(`${side}-said`).textContent = found
    ? `${name}: ${found.shape.join("×")}, up to ±${three(found.most)}`
    : `${name}: none`;
  box.setAttribute("aria-label", name);
  box.replaceChildren();
  if (!found) return;
  const [H, W, F] = found.shape;
  for (let k = -1; k < F; k++) {
    if (k >= 0 && F === 1) break;  // one feature needs no list of them
    const canvas = box.appendChild(document.createElement("canvas"));
    canvas.dataset.feature = k;
    canvas.className = k < 0 ? "large" : k === feature ? "small chosen" : "small";
    const shown = k < 0 ? feature : k;
    paint(canvas, H, W, place => colour_of(found.numbers[place * F + shown], found.most));
  }
}

function show() {
  const step = steps[at], most = tensor(step.name) ?? tensor("d" + step.name);
  feature = Math.min(feature, most.shape[2] - 1);
  by_id("step").value = by_id("names").value = at;
  by_id("name").textContent = `${at + 1} of ${steps.length}: ${full_name(step)}`;
  by_id("name").className = step.backward ? "backward" : "forward";
  by_id("equation").textContent = step.equation || step.how;
  by_id("line").textContent = step.line;
  by_id("file").textContent = step.line ? `pixelrnn_np/${step.file}, line ${step.number}` : "";
  show_side("value", step.name);
  show_side("gradient", "d" + step.name);
  SIDES.forEach(side => by_id(side).parentElement.classList.toggle("now", (side === "gradient") === step.backward));
  read();
}

// The numbers under the pointer, of the tensor and of its gradient.
function read() {
  const { name } = steps[at], found = tensor(name) ?? tensor("d" + name);
  const [H, W, F] = found.shape, [r0, q0] = under ?? [H >> 1, W >> 1];
  const r = Math.min(r0, H - 1), q = Math.min(q0, W - 1), place = r * W + q;
  const said = key => tensor(key) ? `${key} = ${three(tensor(key).numbers[place * F + feature])}` : `no ${key}`;
  by_id("readout").textContent =
    `Row ${r + 1}, column ${q + 1}, feature ${feature + 1} of ${F}: ${said(name)}, ${said("d" + name)}`;
}

function go(k) {
  at = Math.min(steps.length - 1, Math.max(0, k));
  show();
}

function choose(k) {
  const found = tensor(steps[at].name) ?? tensor("d" + steps[at].name);
  feature = Math.min(found.shape[2] - 1, Math.max(0, k));
  show();
}

function on_key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  const features = event.target.matches(".features");
  if (event.key === "ArrowLeft") go(at - 1);
  else if (event.key === "ArrowRight") go(at + 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(steps.length - 1);
  else if (features && event.key === "ArrowUp") choose(feature - 1);
  else if (features && event.key === "ArrowDown") choose(feature + 1);
  else return;
  event.preventDefault();
}

function begin() {
  by_id("step").max = steps.length - 1;
  steps.forEach((step, k) => by_id("names").add(new Option(full_name(step), k)));
  by_id("step").addEventListener("input", () => go(Number(by_id("step").value)));
  by_id("names").addEventListener("change", () => go(Number(by_id("names").value)));
  by_id("back").addEventListener("click", () => go(at - 1));
  by_id("on").addEventListener("click", () => go(at + 1));
  document.addEventListener("keydown", on_key);
  for (const side of SIDES) {
    by_id(side).addEventListener("pointermove", event => {
      if (event.target.tagName !== "CANVAS") return;
      under = pixel_at(event.target, event, event.target.height, event.target.width);
      read();
    });
    by_id(side).addEventListener("click", event => {
      if (Number(event.target.dataset?.feature) >= 0) choose(Number(event.target.dataset.feature));
    });
  }
  show();
}

// For tests and the curious.
window.pixelrnn = {
  steps, tensor, go,
  at: () => at,
};
begin();
