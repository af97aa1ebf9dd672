"""The opponents as PyTorch code by someone who knows how: eager, channels last, float32.

Source: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
sections 3.1 to 3.5; the same functions as peers_usual.py. Binary images of one channel only.

What makes them fast: kernels cut to the rows that the mask leaves; up- and skip projection in one
product; every map in the order in which its recurrence reads it, so that a step is a contiguous
slice handed out by one `unbind` or `split`; both directions of the Diagonal BiLSTM in one `baddbmm`
per step, which adds the input-to-state map on the way; one sigmoid for three gates; only the real
pixels of a diagonal, so no padding is computed and none has to be overwritten with (h0, c0); one
flat vector of parameters, hence one division, clip and fused Adam; memory that is given back to the
process and not to the system (see `keep_memory`).

What was tried and is slower is in benchmarks/README.md. The backward passes are autograd's:
gradients by hand would be this project over again.
"""

import torch
from torch import nn
from torch.nn import functional


def conv(x, K, b=None, padding=(0, 0)):
    """Channels-last convolution: x (B, rows, cols, in), K (rows, cols, in, out).

    oneDNN's convolution on this layout beats `addmm`, also for 1×1.
    """
    y = functional.conv2d(x.permute(0, 3, 1, 2), K.permute(3, 2, 0, 1), b, padding=padding)
    return y.permute(0, 2, 3, 1)


def cell(z, c):
    """Equation (3) along the last axis: z (…, 4h), c (…, h) to the new h and c."""
    gates, g = z.split((3 * c.shape[-1], c.shape[-1]), -1)
    o, f, i = gates.sigmoid().chunk(3, -1)
    c = torch.addcmul(f * c, i, g.tanh())
    return o * c.tanh(), c


def row_lstm(x, p):
    """§3.1: (H, W, B, 2h) to (H, W, B, h)."""
    H, W, B, _ = x.shape
    K_is, K_ss, h0, c0 = p["K_is"][:, :2], p["K_ss"], p["h0"], p["c0"]
    # The axis W takes the place of rows, so that one kernel of two taps slides along it.
    z = conv(x, K_is.transpose(0, 1), p["b"], padding=(1, 0))[:, :W].reshape(H, W * B, -1)
    K_ss = K_ss.reshape(-1, K_ss.shape[3])
    h, c = (s.expand(W * B, -1) for s in (h0, c0))
    outside, rows = h.new_zeros(B, h.shape[1]), []
    for row in z.unbind(0):
        left, right = torch.cat([outside, h[:-B]]), torch.cat([h[B:], outside])
        h, c = cell(torch.addmm(row, torch.cat([left, h, right], 1), K_ss), c)
        rows.append(h)
    return torch.stack(rows).view(H, W, B, -1)


class Layout:
    """What can be made once, before training, for an H × W image: masks, and orders of pixels.

    mask_first, mask_conv: of the rows of mask A 7×7 and mask B 3×3 that see anything.
    sizes: pixels of each diagonal; first: raster position of each pixel in the left-to-right
    scan's order, back: its inverse. The rest are places in that order: mirror, where the
    right-to-left scan finds its next pixel, its own inverse; lower, which of the right-to-left
    scan's pixels is added, the one above by the shift, upper: its adjoint; top, bottom: the first
    and the last row.
    """

    def __init__(self, H, W, dtype):
        self.mask_first, self.mask_conv = tap_mask(4, 7, 3, dtype), tap_mask(2, 3, 2, dtype)
        self.shape = H, W
        spans = [range(max(0, t - W + 1), min(H - 1, t) + 1) for t in range(H + W - 1)]
        places = [(r, t - r) for t, span in enumerate(spans) for r in span]
        place = {pixel: k for k, pixel in enumerate(places)}
        self.sizes = [len(span) for span in spans]
        self.first = torch.tensor([r * W + c for r, c in places])
        self.mirror = torch.tensor([place[r, W - 1 - c] for r, c in places])
        self.lower = torch.tensor([place[max(r - 1, 0), W - 1 - c] for r, c in places])
        self.upper = torch.tensor([place[min(r + 1, H - 1), W - 1 - c] for r, c in places])
        self.top = torch.tensor([k for k, (r, _) in enumerate(places) if r == 0])
        self.bottom = torch.tensor([k for k, (r, _) in enumerate(places) if r == H - 1])
        self.none, self.back = self.top[:0], torch.argsort(self.first)


class Take(torch.autograd.Function):
    """x[order], zero at the places `blank`; backward by the inverse order instead of scattering."""

    @staticmethod
    def forward(ctx, x, order, blank, inverse, inverse_blank):
        ctx.save_for_backward(inverse, inverse_blank)
        return x.index_select(0, order).index_fill_(0, blank, 0)

    @staticmethod
    def backward(ctx, dy):
        inverse, blank = ctx.saved_tensors
        return dy.index_select(0, inverse).index_fill_(0, blank, 0), None, None, None, None


def scan(z, K_ss, h0, c0, layout, B):
    """Both directions: z (2, H·W·B, 4h), diagonal after diagonal, to h (2, H·W·B, h).

    A diagonal's h with (h0, c0) at the ends that lie outside the image holds, one pixel apart, what
    is above and what is to the left of each pixel of the next.
    """
    outside, c_outside = h0.expand(2, B, -1), c0.expand(2, B, -1)
    above, left = K_ss.unbind(1)
    (H, W), maps = layout.shape, z.split([n * B for n in layout.sizes], 1)
    h, c, columns = outside[:, :0], c_outside[:, :0], []
    for t, column in enumerate(maps):
        n, top, bottom = column.shape[1], t < W, t < H
        around = [outside] * top + [h] + [outside] * bottom
        around = torch.cat(around, 1) if top or bottom else h
        c = c if top else c[:, B:]
        c = torch.cat([c, c_outside], 1) if bottom else c
        column = torch.baddbmm(column, around[:, :n], above)
        h, c = cell(torch.baddbmm(column, around[:, B : B + n], left), c)
        columns.append(h)
    return torch.cat(columns, 1)


def diagonal_bilstm(x, p, d):
    """§3.2 on maps in the left-to-right scan's order: (H·W, 1, B, 2h) to (H·W, 1, B, h)."""
    N, _, B, _ = x.shape
    mirrored = Take.apply(x, d.mirror, d.none, d.mirror, d.none)
    maps = [conv(a, p[f"{k}.K_is"], p[f"{k}.b"]) for a, k in ((x, "l2r"), (mirrored, "r2l"))]
    z = torch.stack(maps).view(2, N * B, -1)
    both = {k: torch.stack([p[f"l2r.{k}"], p[f"r2l.{k}"]]) for k in ("K_ss", "h0", "c0")}
    states = (both[k][:, None] for k in ("h0", "c0"))
    left, right = scan(z, both["K_ss"][:, :, 0], *states, d, B).view(2, N, B, -1).unbind(0)
    right = Take.apply(right, d.lower, d.top, d.upper, d.bottom)
    return (left + right)[:, None]


def conv_inner(x, p, layout):
    """§3.5: (B, H, W, 2h) to (B, H, W, h)."""
    x = functional.relu_(conv(functional.relu(x), p["down.K"], p["down.b"]))
    K = p["conv.K"][:2] * layout.mask_conv
    return functional.relu_(conv(x, K, p["conv.b"], padding=(1, 1))[:, : x.shape[1]])


def tap_mask(rows, cols, seen, dtype):
    """Ones, but in the last row only for the first `seen` taps."""
    mask = torch.ones(rows, cols, 1, 1, dtype=dtype)
    mask[-1, seen:] = 0
    return mask


def block(x, total, p, kind, layout):
    """§3.3: the trunk map and the sum of skips after one more block; both side by side."""
    if kind == "pixelcnn":
        a = conv_inner(x, p, layout)
    else:
        q = {n.removeprefix("lstm."): v for n, v in p.items()}
        a = row_lstm(x, q) if kind == "row_lstm" else diagonal_bilstm(x, q, layout)
    K, b = (torch.cat([p[f"up.{n}"], p[f"skip.{n}"]], -1) for n in ("K", "b"))
    up, skip = conv(a, K, b).chunk(2, -1)
    return x + up, skip if total is None else total + skip


class Fast(nn.Module):
    """The whole network: images (B, H, W, 1) to mean nats per image."""

    malloc_keeps_memory = True

    def __init__(self, config):
        super().__init__()
        self.config, self.block = config, block

    def load(self, params):
        """Copies this project's {name: array} into one vector, in this project's layouts."""
        self.shapes = {name: a.shape for name, a in params.items()}
        arrays = [torch.from_numpy(a).reshape(-1) for a in params.values()]
        self.flat = nn.Parameter(torch.cat(arrays))
        self.layout = Layout(*self.config["image_shape"][:2], self.flat.dtype)

    def views(self, flat):
        sizes = [torch.Size(shape).numel() for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), flat.split(sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}

    def forward(self, x):
        p, kind = self.views(self.flat), self.config["name"]
        K = p["first.K"][:4] * self.layout.mask_first
        y, total = conv(x, K, p["first.b"], padding=(3, 3))[:, : x.shape[1]], None
        y, x = reorder(y, kind, self.layout), reorder(x, kind, self.layout)
        for i in range(self.config["layers"]):
            start = f"blocks.{i}."
            own = {n.removeprefix(start): v for n, v in p.items() if n.startswith(start)}
            y, total = self.block(y, total, own, kind, self.layout)
        y = y if total is None else y + total
        for name in ("conv1", "conv2", "logits"):
            y = conv(functional.relu(y), p[f"head.{name}.K"], p[f"head.{name}.b"])
        nats = functional.binary_cross_entropy_with_logits(y, x, reduction="sum")
        return nats / self.batch_of(x, kind)

    def batch_of(self, x, kind):
        return x.shape[0] if kind == "pixelcnn" else x.shape[2]

    def gradients(self, shapes):
        return {name: g.numpy() for name, g in self.views(self.flat.grad).items()}

    def optimiser(self, lr):
        return torch.optim.Adam([self.flat], lr=lr, fused=True), [self.flat]


def reorder(x, kind, d):
    """(B, H, W, F) in the order of the recurrence: (H, W, B, F), or (H·W, 1, B, F) by diagonals."""
    if kind == "pixelcnn":
        return x
    x = x.permute(1, 2, 0, 3)
    if kind == "row_lstm":
        return x.contiguous()
    return Take.apply(x.flatten(0, 1), d.first, d.none, d.back, d.none)[:, None]
