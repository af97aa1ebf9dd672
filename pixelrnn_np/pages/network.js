"use strict";
/* The network in plain JavaScript, one pixel of one image at a time, with one channel (§2.1).

   Names are the Python's, and each function says where its twin is, in the package pixelrnn_np.
   Arrays are Float64Array, laid out as NumPy's: feature k of column q of a map (W, F) is at
   q * F + k, and a kernel (in, out) has its weight at i * out + o. The masks are in the weights
   already. A layer holds weights only; a state is a plain object of arrays, so `structuredClone`
   copies it, and several completions go on from one drawing. */

// y[y_at…] += x[x_at…] K[K_at…], a row vector by (inputs, outputs). NumPy's `@`, four inputs at once.
function add_product(y, y_at, x, x_at, K, K_at, inputs, outputs) {
  let i = 0;
  for (; i + 4 <= inputs; i += 4) {
    const a = x[x_at + i], b = x[x_at + i + 1], c = x[x_at + i + 2], d = x[x_at + i + 3];
    if (a === 0 && b === 0 && c === 0 && d === 0) continue;
    const A = K_at + i * outputs, B = A + outputs, C = B + outputs, D = C + outputs;
    for (let o = 0; o < outputs; o++)
      y[y_at + o] += a * K[A + o] + b * K[B + o] + c * K[C + o] + d * K[D + o];
  }
  for (; i < inputs; i++) {
    const a = x[x_at + i], A = K_at + i * outputs;
    for (let o = 0; o < outputs; o++) y[y_at + o] += a * K[A + o];
  }
}

// max(x, 0). Twin: reference/pointwise.py `relu_forward`.
const relu = x => x.map(v => Math.max(v, 0));

// A row of `width` equal vectors. Twin: np.tile.
function tile(vector, width) {
  const row = new Float64Array(width * vector.length);
  for (let q = 0; q < width; q++) row.set(vector, q * vector.length);
  return row;
}

// 1 / (1 + e^-z), by the form whose exponential does not overflow. Twin: reference/lstm_cell.py.
function sigmoid(z) {
  const e = Math.exp(-Math.abs(z));
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Equation (3) at column q: z (4h), gates o f i g; c and h are maps, c_before has its h numbers from
   `before`. Twin: reference/lstm_cell.py `cell`. */
function cell(z, z_at, c_before, before, c, h, q, F) {
  for (let k = 0; k < F; k++) {
    const o = sigmoid(z[z_at + k]), f = sigmoid(z[z_at + F + k]);
    const i = sigmoid(z[z_at + 2 * F + k]), g = Math.tanh(z[z_at + 3 * F + k]);
    c[q * F + k] = f * c_before[before + k] + i * g;
    h[q * F + k] = o * Math.tanh(c[q * F + k]);
  }
}

// §3.4. Twin: layers/masked_conv.py `MaskedConv`.
class MaskedConv {
  constructor(params, prefix) {
    const { shape, data } = params[prefix + ".K"];
    [this.rows, this.cols, this.I, this.O] = shape;
    Object.assign(this, { K: data, b: params[prefix + ".b"].data });
    this.reach = this.rows >> 1;
    this.left = this.cols >> 1;
  }

  tap(u, v) { return (u * this.cols + v) * this.I * this.O; }  // where K[u, v] begins

  begin(width) {
    const { reach, left, I } = this;
    return {
      rows: Array.from({ length: reach }, () => new Float64Array((width + 2 * left) * I)),
      row: new Float64Array((width + left) * I),
      above: tile(this.b, width),
    };
  }

  // What the rows above give. Twin of `begin_row`, and of reference/masked_conv.py `conv_above`.
  begin_row(state, r) {
    const { reach, left, I, O } = this, width = state.row.length / I - left;
    if (!left && !reach) return;
    if (r > 0 && reach) {
      const last = state.rows.shift().fill(0);
      last.set(state.row.subarray(left * I), left * I);
      state.rows.push(last);
    }
    state.row.fill(0);
    state.above = tile(this.b, width);
    state.rows.forEach((row, u) => {
      for (let q = 0; q < width; q++)
        for (let v = 0; v < this.cols; v++)
          add_product(state.above, q * O, row, (q + v) * I, this.K, this.tap(u, v), I, O);
    });
  }

  // Twin of `keep`.
  keep(x_q, state, q) { state.row.set(x_q, (this.left + q) * this.I); }

  // Twin of `step`.
  step(x_q, state, q) {
    const { reach, left, I, O } = this, y = state.above.slice(q * O, (q + 1) * O);
    this.keep(x_q, state, q);
    for (let v = 0; v <= left; v++)
      add_product(y, 0, state.row, (q + v) * I, this.K, this.tap(reach, v), I, O);
    return y;
  }

  // A 1×1, which needs no state: y = b + x K.
  at(x, y = this.b.slice()) {
    add_product(y, 0, x, 0, this.K, 0, this.I, this.O);
    return y;
  }
}

// §3.2, one direction. Twin: layers/diagonal_bilstm.py `DiagonalLSTM`.
class DiagonalLSTM {
  constructor(params, prefix, reverse) {
    for (const name of ["K_is", "K_ss", "b", "h0", "c0"]) this[name] = params[prefix + "." + name].data;
    Object.assign(this, { reverse, F: this.h0.length, I: this.K_is.length / this.b.length });
    this.K_ss1 = this.F * 4 * this.F;  // where K_ss[1] begins
  }

  begin(width) {
    return {
      h: tile(this.h0, width), c: new Float64Array(width * this.F), z: null,
      row: new Float64Array(width * this.I), shifted: null,
    };
  }

  // b + h[r-1] K_ss[0]. Twin of `_from_above`.
  from_above(state) {
    const { F } = this, width = state.h.length / F, z = tile(this.b, width);
    for (let q = 0; q < width; q++) add_product(z, q * 4 * F, state.h, q * F, this.K_ss, 0, F, 4 * F);
    return z;
  }

  // Twin of `begin_row`: right to left, the finished row r - 1 is scanned.
  begin_row(state, r) {
    if (!this.reverse) {
      state.z = this.from_above(state);
      state.h = new Float64Array(state.h.length);
    } else if (r === 0) {
      state.shifted = new Float64Array(state.h.length);
    } else {
      this.diagonal_row(this.from_above(state), state);
      state.shifted = state.h;
    }
  }

  // Twin: reference/diagonal_lstm.py `diagonal_row`.
  diagonal_row(z, state) {
    const { F, I } = this, h = new Float64Array(state.h.length), c = new Float64Array(h.length);
    for (let q = h.length / F - 1; q >= 0; q--) {
      const last = (q + 1) * F === h.length, at = last ? 0 : (q + 1) * F;
      add_product(z, q * 4 * F, state.row, q * I, this.K_is, 0, I, 4 * F);
      add_product(z, q * 4 * F, last ? this.h0 : h, at, this.K_ss, this.K_ss1, F, 4 * F);
      cell(z, q * 4 * F, last ? this.c0 : c, at, c, h, q, F);
    }
    state.h = h;
  }

  // Twin of `step`.
  step(x_q, state, q) {
    const { F, I } = this;
    if (this.reverse) {
      state.row.set(x_q, q * I);
      return state.shifted.subarray(q * F, (q + 1) * F);
    }
    const z = state.z.slice(q * 4 * F, (q + 1) * 4 * F), at = q > 0 ? (q - 1) * F : 0;
    add_product(z, 0, x_q, 0, this.K_is, 0, I, 4 * F);
    add_product(z, 0, q > 0 ? state.h : this.h0, at, this.K_ss, this.K_ss1, F, 4 * F);
    cell(z, 0, q > 0 ? state.c : this.c0, at, state.c, state.h, q, F);
    return state.h.subarray(q * F, (q + 1) * F);
  }
}

// §3.2, y = L + shift(R). Twin: layers/diagonal_bilstm.py `DiagonalBiLSTM`.
class DiagonalBiLSTM {
  constructor(params, prefix) {
    this.layers = [["l2r", false], ["r2l", true]].map(
      ([name, reverse]) => new DiagonalLSTM(params, `${prefix}.${name}`, reverse));
  }

  begin(width) { return this.layers.map(layer => layer.begin(width)); }

  begin_row(state, r) { this.layers.forEach((layer, k) => layer.begin_row(state[k], r)); }

  step(x_q, state, q) {
    const [left, right] = this.layers.map((layer, k) => layer.step(x_q, state[k], q));
    return left.map((v, k) => v + right[k]);
  }
}

// §3.1. Twin: layers/row_lstm.py `RowLSTM`.
class RowLSTM {
  constructor(params, prefix) {
    for (const name of ["K_is", "K_ss", "b", "h0", "c0"]) this[name] = params[prefix + "." + name].data;
    this.left = params[prefix + ".K_is"].shape[1] >> 1;
    Object.assign(this, { F: this.h0.length, I: params[prefix + ".K_is"].shape[2] });
  }

  begin(width) {
    return {
      row: new Float64Array((width + this.left) * this.I), z: null,
      h: tile(this.h0, width), c: tile(this.c0, width), c_before: null,
    };
  }

  // Twin of `begin_row`: z = b + Σ_v h[r-1, q+v] K_ss[v].
  begin_row(state, r) {
    const { F, left } = this, width = state.h.length / F;
    state.z = tile(this.b, width);
    for (let q = 0; q < width; q++)
      for (let v = -left; v <= left; v++)
        if (q + v >= 0 && q + v < width)
          add_product(state.z, q * 4 * F, state.h, (q + v) * F, this.K_ss, (v + left) * F * 4 * F, F, 4 * F);
    state.row.fill(0);
    state.c_before = state.c;
    state.c = new Float64Array(width * F);
    state.h = new Float64Array(width * F);
  }

  // Twin of `step`.
  step(x_q, state, q) {
    const { F, I, left } = this, z = state.z.slice(q * 4 * F, (q + 1) * 4 * F);
    state.row.set(x_q, (left + q) * I);
    add_product(z, 0, state.row, q * I, this.K_is, 0, (left + 1) * I, 4 * F);
    cell(z, 0, state.c_before, q * F, state.c, state.h, q, F);
    return state.h.subarray(q * F, (q + 1) * F);
  }
}

// Figure 5: y = up(a) + x, and skip(a) is added to `skips`. Twin: layers/residual.py.
class ResidualBlock {
  constructor(params, prefix, config) {
    this.residual = config.residual;
    this.up = new MaskedConv(params, prefix + ".up");
    this.skip = config.skip ? new MaskedConv(params, prefix + ".skip") : null;
  }

  outer(a, x, skips) {
    const y = this.up.at(a);
    if (this.residual) for (let k = 0; k < y.length; k++) y[k] += x[k];
    if (this.skip) this.skip.at(a).forEach((v, k) => { skips[k] += v; });
    return y;
  }
}

// §3.5. Twin: reference/conv_block.py `conv_block_step`.
class ConvBlock extends ResidualBlock {
  constructor(params, prefix, config) {
    super(params, prefix, config);
    this.down = new MaskedConv(params, prefix + ".down");
    this.conv = new MaskedConv(params, prefix + ".conv");
  }

  begin(width) { return this.conv.begin(width); }

  begin_row(state, r) { this.conv.begin_row(state, r); }

  step(x, state, q, skips) {
    const down = relu(this.down.at(relu(x)));
    return this.outer(relu(this.conv.step(down, state, q)), x, skips);
  }
}

// §3.1-3.3. Twin: reference/lstm_block.py `lstm_block_step`.
class LSTMBlock extends ResidualBlock {
  constructor(params, prefix, config) {
    super(params, prefix, config);
    const LSTM = config.name === "row_lstm" ? RowLSTM : DiagonalBiLSTM;
    this.lstm = new LSTM(params, prefix + ".lstm");
  }

  begin(width) { return this.lstm.begin(width); }

  begin_row(state, r) { this.lstm.begin_row(state, r); }

  step(x, state, q, skips) { return this.outer(this.lstm.step(x, state, q), x, skips); }
}

// Table 1. Twin: models/trunk.py `Trunk`, with layers/head.py as its last lines.
class Trunk {
  constructor(config, params) {
    [this.H, this.W] = config.image_shape;
    this.levels = config.levels;
    this.first = new MaskedConv(params, "first");
    const Block = config.name === "pixelcnn" ? ConvBlock : LSTMBlock;
    this.blocks = Array.from({ length: config.layers },
      (_, k) => new Block(params, `blocks.${k}`, config));
    this.head = ["conv1", "conv2", "logits"].map(name => new MaskedConv(params, `head.${name}`));
  }

  // Twin: models/base.py `scale`.
  scale(v) { return this.levels > 2 ? v * 2 / (this.levels - 1) - 1 : v; }

  begin() {
    return { first: this.first.begin(this.W), blocks: this.blocks.map(b => b.begin(this.W)) };
  }

  begin_row(state, r) {
    this.first.begin_row(state.first, r);
    this.blocks.forEach((block, k) => block.begin_row(state.blocks[k], r));
  }

  // The logits of column q, one for two levels, given all pixels before it: `keep` tells them.
  step(state, q) {
    let y = this.first.step([0], state.first, q);
    const total = new Float64Array(y.length);
    this.blocks.forEach((block, k) => { y = block.step(y, state.blocks[k], q, total); });
    y = y.map((v, k) => v + total[k]);
    for (const conv of this.head) y = conv.at(relu(y));
    return y;
  }

  keep(v, state, q) { this.first.keep([this.scale(v)], state.first, q); }
}
