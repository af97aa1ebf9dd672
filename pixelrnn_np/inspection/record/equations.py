"""For each tensor of a record: the equation that gives it, and the line of the package that does.

Lines are those of the readable twins (reference/), and found by their text when they are asked for.
The patterns are of a name's end, and the first that fits counts.
"""

import re
from importlib import resources

LSTM = r"lstm(\.[lr]2[lr])?\."
CONV = "reference/masked_conv.py", "y[n, r, q] += x[n, row, column] @ K[t]"
CONV_BACK = "reference/masked_conv.py", "dx[n, row, column] += K[t] @ d"
RELU = "reference/pointwise.py", "y[i] = 0 if x[i] < 0 else x[i]"
RELU_BACK = "reference/pointwise.py", "dx[i] = dy[i] if y[i] > 0 else 0"
CELL = "reference/lstm_cell.py"
DIAGONAL, ROW = "reference/diagonal_lstm.py", "reference/row_lstm.py"
RESIDUAL, TRUNK = "reference/residual.py", "models/trunk.py"
GATES = CELL, "o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)"
GATES_BACK = CELL, "do, df, di, dg = dh * np.tanh(c), dc * c_before, dc * g, dc * i"
BLOCK_BACK = RESIDUAL, "da[p] = K @ d"
UPSAMPLE = "reference/upsample.py"

FORWARD = [
    (r"[lr]2[lr]\.z", "z[r,q] = b + x[r,q] K_is + h[r-1,q] K_ss[0] + h[r,q∓1] K_ss[1]", DIAGONAL,
     "z = b + x[n, r, q] @ K_is + above @ K_ss[0] + beside @ K_ss[1]"),
    (r"lstm\.z", "z[r,q] = b + Σ_t x[r,q+t] K_is[t] + Σ_v h[r-1,q+v] K_ss[v]", ROW,
     "z += x[n, r, column] @ K_is[t]"),
    (LSTM + "g", "g = tanh(z_g)", *GATES),
    (LSTM + "o", "o = σ(z_o)", *GATES),
    (LSTM + "f", "f = σ(z_f)", *GATES),
    (LSTM + "i", "i = σ(z_i)", *GATES),
    (LSTM + "c", "c = f ⊙ earlier c + i ⊙ g", CELL, "c = f * c_before + i * g"),
    (LSTM + "h", "h = o ⊙ tanh(c)", CELL,
     "return np.concatenate((o, f, i, g)), c, o * np.tanh(c)"),
    (r"lstm\.shifted", "shift(R)_r = R_(r-1), zeros in the first row", DIAGONAL,
     "y[:, 1:] += inner[:, :-1]"),
    (r"lstm", "the LSTM's h; of the Diagonal BiLSTM y = L + shift(R)", "layers/diagonal_bilstm.py",
     "y, right_cache = self.r2l.forward(x, into=y)"),
    (r"(head\.)?(upsample_)?relu\w*|around", "y = max(x, 0)", *RELU),
    (r"upsample", "y[f·r + u - f/2, f·q + v - f/2] += x[r,q] K[u,v]", UPSAMPLE,
     "y[large] += x[small] @ K[tap]"),
    (r"blocks\.\d+", "y = up(a) + x, where the block is residual", RESIDUAL, "y[p] += x[p]"),
    (r"(first|down|conv|up|skip|(head|around)\.conv\d|head\.logits)",
     "y[p] = b + Σ_t x[p+t] (K ⊙ M)[t]", *CONV),
    (r"z", "z = y of the last block + Σ of all skips", TRUNK,
     "z = y if total is None else np.add(total, y, out=total)"),
    (r"logits", "logits = head(z)", TRUNK, "logits, head_cache = self.head.forward(z)"),
    (r"nats", "-ln p of each sub-pixel, by its logits", "reference/likelihood.py",
     "nats[i[0]] += max(z, 0.0) - v * z + math.log1p(math.exp(-abs(z)))"),
    (r"(x|small)", "the image, scaled (§5.2)", "models/base.py",
     'y = x.astype(self.dtype, order="C")'),
]  # fmt: skip

BACKWARD = [
    (r"[lr]2[lr]\.h", "dh = dy + dz K_ssᵀ of the later pixels that read h", DIAGONAL,
     "dh[n][above] += K_ss[0] @ d"),
    (r"lstm\.h", "dh[r,q] = dy[r,q] + Σ_v dz[r+1,q-v] K_ss[v]ᵀ", ROW, "target += K_ss[v] @ d"),
    (LSTM + "c", "dc = dh ⊙ o ⊙ (1 - tanh²(c)) + later dc ⊙ f", CELL,
     "dc = dc + dh * o * (1 - np.tanh(c) ** 2)"),
    (LSTM + "o", "do = dh ⊙ tanh(c)", *GATES_BACK),
    (LSTM + "f", "df = dc ⊙ earlier c", *GATES_BACK),
    (LSTM + "i", "di = dc ⊙ g", *GATES_BACK),
    (LSTM + "g", "dg = dc ⊙ i", *GATES_BACK),
    (LSTM + "z", "dz = [do ⊙ o(1-o), df ⊙ f(1-f), di ⊙ i(1-i), dg ⊙ (1-g²)]", CELL,
     "dz = (do * o * (1 - o), df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2))"),
    (r"lstm\.shifted", "dshift(R) = dy; then dR_r = dy_(r+1)", DIAGONAL,
     "dh[:, 1:-2, 1:-1] = dy[:, 1:]"),
    (r"blocks\.\d+\.(lstm|relu_conv)", "da = dy K_upᵀ + dskip K_skipᵀ", *BLOCK_BACK),
    (r"blocks\.\d+\.(up|skip)", "dup = dy, dskip = dz: sums pass gradients on", RESIDUAL,
     "d = np.concatenate((dy[p], dskip[p])) if dskip.size else dy[p]"),
    (r"(blocks\.\d+|first)", "dx = innerᵀ(da) + dy, of the block that reads it", RESIDUAL,
     "dx[...] = dy[: len(dx)]"),
    (r"(conv|down|(head|around)\.conv\d|z|upsample)",
     "dx = dy ⊙ [y > 0], of the ReLU that reads it", *RELU_BACK),
    (r"around\.small", "dx[p] = Σ_t dy[p-t] K[t]ᵀ, of the layer that reads it", *CONV_BACK),
    (r"small|around", "dx[r,q] = Σ dy[f·r + u - f/2, f·q + v - f/2] K[u,v]ᵀ", UPSAMPLE,
     "dx[small] += K[tap] @ dy[large]"),
    (r"upsample_relu", "the sum over the blocks that read the features", TRUNK,
     "dfeatures = dfeatures if d is None else dfeatures + d"),
    (r"head\.logits|logits", "dlogits = (p - [value]) / B: softmax, or σ(z) - v",
     "reference/likelihood.py", "dlogits[i] = scale * (sigmoid - np.float64(x[i]))"),
    (r"(head\.)?(relu\w*|x)", "dx[p] = Σ_t dy[p-t] (K ⊙ M)[t]ᵀ, of the layer that reads it",
     *CONV_BACK),
]  # fmt: skip


SOFTMAX = {  # with more than two levels
    False: (r"nats", "-ln p(v) = ln Σ_k e^(z_k) - z_v", "reference/likelihood.py",
            "nats[i[0]] += top - z[x[i]] + math.log(np.exp(z - top).sum())"),
    True: (r"logits", "dlogits_k = (softmax(z)_k - [k = v]) / B", "reference/likelihood.py",
           "dlogits[i] = scale * e / e.sum()"),
}  # fmt: skip


def equation(name, backward=False, softmax=False):
    """(equation, file within the package, the line's text) of a tensor, named without its d.

    softmax: whether the model has more than two levels. Empty texts for an unknown name.
    """
    rows = BACKWARD if backward else FORWARD
    for pattern, text, file, line in [SOFTMAX[backward], *rows] if softmax else rows:
        if re.search(rf"(^|\.)({pattern})$", name):
            return text, file, line
    return "", "", ""


def line_number(file, line):
    """Where the line is in that file of the package; ValueError if it is not there."""
    package = resources.files(__package__.split(".")[0])
    lines = (package / file).read_text(encoding="utf-8").splitlines()
    for k, text in enumerate(lines, 1):
        if text.strip() == line:
            return k
    raise ValueError(f"{file} has no line {line!r}")
