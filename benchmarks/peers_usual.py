"""The opponents as PyTorch code for PixelRNN is usually written: eager, NCHW, float32.

Source: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
sections 3.1 to 3.5. Masked `Conv2d` whose mask multiplies the weight at every call, `Conv1d` for
the state-to-state step of each row or skewed column, slices at every step, a skew that copies row
by row, one direction after the other. Nothing is slowed down on purpose: this is the structure of
the public implementations, with learned initial states and skip connections added.

Binary images of one channel only, where every colour mask is one of whole taps.
"""

import torch
from torch import nn
from torch.nn import functional


class MaskedConv2d(nn.Conv2d):
    """A "same" convolution whose later taps, and for mask A the centre, are multiplied by zero."""

    def __init__(self, kind, inputs, outputs, size):
        super().__init__(inputs, outputs, size, padding=(size[0] // 2, size[1] // 2))
        mask = torch.ones_like(self.weight)
        row, column = size[0] // 2, size[1] // 2
        mask[:, :, row, column + (kind == "B") :] = 0
        mask[:, :, row + 1 :] = 0
        self.register_buffer("mask", mask)

    def forward(self, x):
        return functional.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


def cell(z, c):
    """Equation (3): z (B, 4h, n), c (B, h, n) to the new h and c."""
    o, f, i, g = torch.chunk(z, 4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class RowLSTM(nn.Module):
    """§3.1: (B, 2h, H, W) to (B, h, H, W)."""

    def __init__(self, h):
        super().__init__()
        self.input_to_state = MaskedConv2d("B", 2 * h, 4 * h, (1, 3))
        self.state_to_state = nn.Conv1d(h, 4 * h, 3, padding=1, bias=False)
        self.h0, self.c0 = nn.Parameter(torch.zeros(h)), nn.Parameter(torch.zeros(h))

    def forward(self, x):
        B, _, H, W = x.shape
        z = self.input_to_state(x)
        h, c = (s[None, :, None].expand(B, -1, W) for s in (self.h0, self.c0))
        rows = []
        for i in range(H):
            h, c = cell(z[:, :, i, :] + self.state_to_state(h), c)
            rows.append(h)
        return torch.stack(rows, dim=2)


def skew(x):
    """Row r moves r columns to the right: (B, F, H, W) to (B, F, H, W + H - 1)."""
    B, F, H, W = x.shape
    y = x.new_zeros(B, F, H, W + H - 1)
    for r in range(H):
        y[:, :, r, r : r + W] = x[:, :, r]
    return y


def unskew(y, width):
    return torch.stack([y[:, :, r, r : r + width] for r in range(y.shape[2])], dim=2)


class DiagonalLSTM(nn.Module):
    """§3.2, one direction, from left to right: (B, 2h, H, W) to (B, h, H, W)."""

    def __init__(self, h):
        super().__init__()
        self.input_to_state = MaskedConv2d("B", 2 * h, 4 * h, (1, 1))
        self.state_to_state = nn.Conv1d(h, 4 * h, 2, bias=False)
        self.h0, self.c0 = nn.Parameter(torch.zeros(h)), nn.Parameter(torch.zeros(h))

    def forward(self, x):
        B, _, H, W = x.shape
        z = skew(self.input_to_state(x))
        h0, c0 = (s[None, :, None].expand(B, -1, H) for s in (self.h0, self.c0))
        h, c = h0, c0
        rows, columns = torch.arange(H), []
        for t in range(z.shape[3]):
            above = torch.cat([h0[:, :, :1], h], dim=2)
            h, c = cell(z[:, :, :, t] + self.state_to_state(above), c)
            before = rows > t  # these rows have not begun: their left neighbour is (h0, c0)
            h, c = torch.where(before, h0, h), torch.where(before, c0, c)
            columns.append(h)
        return unskew(torch.stack(columns, dim=3), W)


class DiagonalBiLSTM(nn.Module):
    """Both directions, the right-to-left map one row lower, added."""

    def __init__(self, h):
        super().__init__()
        self.l2r, self.r2l = DiagonalLSTM(h), DiagonalLSTM(h)

    def forward(self, x):
        right = self.r2l(x.flip(3)).flip(3)
        return self.l2r(x) + functional.pad(right[:, :, :-1], (0, 0, 1, 0))


class ConvInner(nn.Module):
    """§3.5, Figure 5 left, without the last 1×1."""

    def __init__(self, h):
        super().__init__()
        self.down = MaskedConv2d("B", 2 * h, h, (1, 1))
        self.conv = MaskedConv2d("B", h, h, (3, 3))

    def forward(self, x):
        x = self.down(functional.relu(x))
        return functional.relu(self.conv(functional.relu(x)))


class Block(nn.Module):
    """§3.3: the inner map, and 1×1 convolutions of it to the trunk and to the output."""

    def __init__(self, kind, h):
        super().__init__()
        if kind == "pixelcnn":
            self.inner = ConvInner(h)
        else:
            self.lstm = RowLSTM(h) if kind == "row_lstm" else DiagonalBiLSTM(h)
        self.up = MaskedConv2d("B", h, 2 * h, (1, 1))
        self.skip = MaskedConv2d("B", h, 2 * h, (1, 1))

    def forward(self, x):
        a = self.inner(x) if hasattr(self, "inner") else self.lstm(x)
        return x + self.up(a), self.skip(a)


class Usual(nn.Module):
    """The whole network: images (B, H, W, 1) to mean nats per image."""

    malloc_keeps_memory = False

    def __init__(self, config):
        super().__init__()
        h, head = config["h"], config["head"]
        self.first = MaskedConv2d("A", 1, 2 * h, (7, 7))
        blocks = [Block(config["name"], h) for _ in range(config["layers"])]
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.ModuleDict(
            {
                "conv1": MaskedConv2d("B", 2 * h, head, (1, 1)),
                "conv2": MaskedConv2d("B", head, head, (1, 1)),
                "logits": MaskedConv2d("B", head, 1, (1, 1)),
            }
        )

    def forward(self, x):
        x = x.permute(0, 3, 1, 2).contiguous()
        y, skips = self.first(x), 0
        for block in self.blocks:
            y, skip = block(y)
            skips = skips + skip
        y = y + skips
        for layer in self.head.values():
            y = layer(functional.relu(y))
        return functional.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x)

    def load(self, params):
        """Copies this project's {name: array} into the modules' layouts."""
        with torch.no_grad():
            for name, p in self.named_parameters():
                K = torch.from_numpy(params[our_name(name)])
                if p.ndim == 4:
                    K = K.permute(3, 2, 0, 1)
                elif p.ndim == 3:
                    K = K.reshape(-1, *K.shape[2:]).permute(2, 1, 0)
                p.copy_(K)

    def gradients(self, shapes):
        """{this project's name: gradient array of this project's shape}; shapes: {name: shape}."""
        found = {}
        for name, p in self.named_parameters():
            g = p.grad
            if g.ndim == 4:
                g = g.permute(2, 3, 1, 0)
            elif g.ndim == 3:
                g = g.permute(2, 1, 0)
            found[our_name(name)] = g.reshape(shapes[our_name(name)]).numpy()
        return found

    def optimiser(self, lr):
        """An optimiser, and the tensors whose gradients are divided and clipped before it."""
        parameters = list(self.parameters())
        return torch.optim.Adam(parameters, lr=lr), parameters


def our_name(name):
    """ "blocks.0.lstm.input_to_state.weight" → "blocks.0.lstm.K_is"."""
    for theirs, ours in (
        ("inner.", ""), ("input_to_state.weight", "K_is"), ("input_to_state.bias", "b"),
        ("state_to_state.weight", "K_ss"), (".weight", ".K"), (".bias", ".b"),
    ):  # fmt: skip
        name = name.replace(theirs, ours)
    return name
