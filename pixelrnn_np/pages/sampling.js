"use strict";
/* Drawing from the network of network.js. Twin: sampling.py and likelihood.py. */

// The logits over the temperature, without overflow. Twin: sampling.py `_sharpened`.
function sharpened(logits, temperature) {
  const top = logits.length > 1 ? Math.max(...logits) : 0, limit = 1e4 * temperature;
  return logits.map(z => Math.min(Math.max(z - top, -limit), limit) / temperature);
}

// p of every level; one logit stands for two levels. Twin: likelihood.py `probabilities`.
function probabilities(logits) {
  const z = logits.length === 1 ? [0, logits[0]] : logits, top = Math.max(...z);
  const e = Array.from(z, v => Math.exp(v - top)), sum = e.reduce((a, b) => a + b);
  return e.map(v => v / sum);
}

// Inverts the distribution function at u in [0, 1). Twin: sampling.py `draw`.
function draw(p, u) {
  let sum = 0, value = 0;
  const sums = p.map(v => (sum += v));
  for (const s of sums) value += s <= u * sum;
  return value;
}

// What u draws from the logits of a pixel. Twin: sampling.py `_values`.
function value_of(logits, u, temperature) {
  const z = temperature === 1 ? logits : sharpened(logits, temperature);
  if (z.length > 1) return draw(probabilities(z), u);
  return +(u >= 0.5 - 0.5 * Math.tanh(0.5 * z[0]));  // p(0) = σ(-z)
}

// The mean of the levels, from 0 for the lowest to 1 for the highest: p(1) for two of them.
const mean_of = p => p.reduce((sum, share, k) => sum + share * k / (p.length - 1), 0);

// -ln p of value v. Twin: reference/likelihood.py `bernoulli_nll` and `softmax_nll`.
function nats_of(logits, v) {
  if (logits.length === 1) {
    const z = logits[0];
    return Math.max(z, 0) - v * z + Math.log1p(Math.exp(-Math.abs(z)));
  }
  const top = Math.max(...logits);
  return top - logits[v] + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0));
}

// n numbers in [0, 1), the same for the same seed and stream; the generator is sfc32.
function uniforms(seed, stream, n) {
  let a = seed >>> 0, b = stream >>> 0, c = 0x9e3779b9, d = 1;
  const next = () => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let k = 0; k < 16; k++) next();
  return Float64Array.from({ length: n }, next);
}

/* An image on its way: pixels before `place` have their logits. Twin: sampling.py `_fill`, cut in
   pieces: `step` is one pixel, so that a page can show it. */
class Filling {
  constructor(model) {
    this.model = model;
    this.image = new Uint8Array(model.H * model.W);
    this.per_pixel = model.levels === 2 ? 1 : model.levels;
    this.logits = new Float64Array(this.image.length * this.per_pixel);
    this.nats = new Float64Array(this.image.length);
    this.means = new Float64Array(this.image.length);  // of the levels, before one is drawn
    this.place = 0;
    this.state = model.begin();
    this.rows = [];  // the state at the beginning of each row
  }

  get done() { return this.place === this.image.length; }

  copy() {
    const { model, per_pixel, place, image, logits, nats, means, state } = this;
    const own = structuredClone({ image, logits, nats, means, state });
    return Object.assign(Object.create(Filling.prototype), { model, per_pixel, place, rows: null }, own);
  }

  // Goes back to the beginning of row r, if it is beyond it.
  back_to(r) {
    if (this.place <= r * this.model.W) return;
    this.place = r * this.model.W;
    this.state = this.rows[r];
    this.rows.length = r;
  }

  // One pixel: the given value, or, for null, what u draws.
  step(given, u, temperature) {
    const { model, state, place } = this, r = Math.floor(place / model.W), q = place % model.W;
    if (q === 0) {
      if (this.rows) this.rows[r] = structuredClone(state);
      model.begin_row(state, r);
    }
    const z = model.step(state, q);
    this.logits.set(z, place * this.per_pixel);
    this.image[place] = given ?? value_of(z, u, temperature);
    this.nats[place] = nats_of(z, this.image[place]);
    this.means[place] = mean_of(probabilities(z));
    model.keep(this.image[place], state, q);
    this.place++;
  }

  logits_at(place) {
    return this.logits.subarray(place * this.per_pixel, (place + 1) * this.per_pixel);
  }
}

// Twin: sampling.py `complete`, of one image at given uniforms; known: one flag for each pixel.
function complete(model, image, known, u, temperature = 1) {
  const filling = new Filling(model);
  filling.rows = null;
  while (!filling.done) {
    const k = filling.place;
    filling.step(known[k] ? image[k] : null, u[k], temperature);
  }
  return filling;
}
