"""The paper's models in PyTorch, written from its equations alone, for make_golden.py.

Source: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
arXiv 1601.06759v3: sections 2.2 (output), 3.1 (Row LSTM), 3.2 (Diagonal BiLSTM), 3.3 (residual
and skip connections), 3.4 (masks), 3.5 (PixelCNN), 3.6 (multi-scale) and Table 1 (first layer and
head).

Nothing here imports pixelrnn_np, and nothing is fast: a model is a function of a dictionary of
parameters, and autograd does the rest. Maps are `(B, H, W, features)`, kernels
`(rows, cols, in, out)`. Parameters are dense: masks act on the weights each time they are used,
so that autograd masks their gradients too.
"""

import torch
from torch.nn import functional

# ---- §3.4 Masked convolution ---------------------------------------------------------------


def groups(features, channels):
    """The colour group of each of `features` features: contiguous R, G, B parts."""
    return [channels * k // features for k in range(features)]


def mask(kind, rows, cols, groups_in, groups_out):
    """The mask `(rows, cols, in, out)` of kind "A" or "B", tap by tap as the paper words it."""
    M = torch.zeros(rows, cols, len(groups_in), len(groups_out), dtype=torch.float64)
    y_c, x_c = rows // 2, cols // 2
    for y in range(rows):
        for x in range(cols):
            for i, g_i in enumerate(groups_in):
                for o, g_o in enumerate(groups_out):
                    if y < y_c or (y == y_c and x < x_c):
                        M[y, x, i, o] = 1
                    elif (y, x) == (y_c, x_c):
                        M[y, x, i, o] = g_o > g_i if kind == "A" else g_o >= g_i
    return M


def masks(config):
    """{name: mask} for each masked kernel of the model; kernels that are absent are unmasked."""
    C, h, head = config["image_shape"][2], config["h"], config["head"]
    colours, inner, trunk, wide = (groups(m, C) for m in (C, h, 2 * h, head))
    per_colour = 1 if config["levels"] == 2 else config["levels"]
    outputs = [colour for colour in range(C) for _ in range(per_colour)]
    gates = inner * 4  # gate-major: o, f, i, g, each with the h groups of its own

    M = {"first.K": mask("A", 7, 7, colours, trunk)}
    for i in range(config["layers"]):
        block = f"blocks.{i}"
        if config["name"] == "pixelcnn":
            M[f"{block}.down.K"] = mask("B", 1, 1, trunk, inner)
            M[f"{block}.conv.K"] = mask("B", 3, 3, inner, inner)
        elif config["name"] == "row_lstm":
            M[f"{block}.lstm.K_is"] = mask("B", 1, 3, trunk, gates)
        else:
            for d in ("l2r", "r2l"):
                M[f"{block}.lstm.{d}.K_is"] = mask("B", 1, 1, trunk, gates)
        M[f"{block}.up.K"] = mask("B", 1, 1, inner, trunk)
        M[f"{block}.skip.K"] = mask("B", 1, 1, inner, trunk)
    M["head.conv1.K"] = mask("B", 1, 1, trunk, wide)
    M["head.conv2.K"] = mask("B", 1, 1, wide, wide)
    M["head.logits.K"] = mask("B", 1, 1, wide, outputs)
    return M


def conv(x, K, b=None):
    """The "same" convolution, zero-padded, of x `(B, H, W, in)` by K `(rows, cols, in, out)`."""
    padding = (K.shape[0] // 2, K.shape[1] // 2)
    y = functional.conv2d(x.permute(0, 3, 1, 2), K.permute(3, 2, 0, 1), b, padding=padding)
    return y.permute(0, 2, 3, 1)


# ---- §3.1 and §3.2 The recurrences ---------------------------------------------------------


def cell(z, c):
    """Equation (3) after the two convolutions: z `(..., 4h)`, c `(..., h)` to the new (h, c)."""
    o, f, i, g = z.chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def row_lstm(z, K_ss, h0, c0):
    """§3.1: from z, the input-to-state map `(B, H, W, 4h)`, to h `(B, H, W, h)`, row by row."""
    B, H, W, _ = z.shape
    h, c = h0.expand(B, W, -1), c0.expand(B, W, -1)
    rows = []
    for i in range(H):
        h, c = cell(z[:, i] + conv(h[:, None], K_ss)[:, 0], c)
        rows.append(h)
    return torch.stack(rows, dim=1)


def diagonal_direct(z, K_ss, h0, c0):
    """§3.2, left to right, unskewed: one pixel at a time; (h0, c0) outside the image."""
    B, H, W, _ = z.shape
    above, same = K_ss[0, 0], K_ss[1, 0]
    outside = h0.expand(B, -1), c0.expand(B, -1)
    state = {}
    for i in range(H):
        for j in range(W):
            h_left, c_left = state.get((i, j - 1), outside)
            h_up, _ = state.get((i - 1, j), outside)
            state[i, j] = cell(z[:, i, j] + h_up @ above + h_left @ same, c_left)
    return torch.stack(
        [torch.stack([state[i, j][0] for j in range(W)], dim=1) for i in range(H)], dim=1
    )


def diagonal_skewed(z, K_ss, h0, c0):
    """The same map as diagonal_direct by the paper's way: skew, scan columns, unskew."""
    B, H, W, _ = z.shape
    skewed = torch.stack(
        [functional.pad(z[:, r], (0, 0, r, H - 1 - r)) for r in range(H)], dim=1
    )  # (B, H, W + H - 1, 4h)
    h, c = h0.expand(B, H, -1), c0.expand(B, H, -1)
    columns = []
    for t in range(W + H - 1):
        h_up = torch.cat([h0.expand(B, 1, -1), h[:, :-1]], dim=1)
        h, c = cell(skewed[:, :, t] + h_up @ K_ss[0, 0] + h @ K_ss[1, 0], c)
        real = torch.tensor([[0 <= t - r < W] for r in range(H)])
        h, c = torch.where(real, h, h0), torch.where(real, c, c0)  # padding never evolves
        columns.append(h)
    skewed = torch.stack(columns, dim=2)
    return torch.stack([skewed[:, r, r : r + W] for r in range(H)], dim=1)


# ---- §3.3, §3.5 and Table 1 The models -----------------------------------------------------


def scale(x, levels):
    """Images as the networks read them: {0, 1} as is, more levels to [-1, 1]."""
    return x.double() if levels == 2 else 2 * x.double() / (levels - 1) - 1


def logits(params, u, config, diagonal=diagonal_direct, small=None):
    """Logits of scaled images u `(B, H, W, C)`: `(B, H, W, C)` for two levels, else
    `(B, H, W, C, levels)`. `diagonal` is the recurrence that the Diagonal BiLSTM uses; `small`
    is the scaled smaller image that a conditional network of §3.6 reads."""
    M = masks(config)
    p = {name: value * M[name] if name in M else value for name, value in params.items()}
    features = None
    if "factor" in config:
        for i in range(config.get("around", 0)):
            small = functional.relu(conv(small, p[f"around.conv{i}.K"], p[f"around.conv{i}.b"]))
        features = upsample(small, p["upsample.K"], p["upsample.b"], config["factor"])
        features = features[:, : u.shape[1], : u.shape[2]]

    def conv_is(x, K, b, features, K_fs):
        """The input-to-state map, plus §3.6's bias if the network is conditional."""
        return conv(x, K, b) if features is None else conv(x, K, b) + conv(features, K_fs)

    x = conv(u, p["first.K"], p["first.b"])
    skips = 0
    for i in range(config["layers"]):
        q = {n.removeprefix(f"blocks.{i}."): v for n, v in p.items() if f"blocks.{i}." in n}
        if config["name"] == "pixelcnn":
            inner = conv(functional.relu(x), q["down.K"], q["down.b"])
            weights = q["conv.K"], q["conv.b"], features, q.get("conv.K_fs")
            inner = functional.relu(conv_is(functional.relu(inner), *weights))
        elif config["name"] == "row_lstm":
            z = conv_is(x, q["lstm.K_is"], q["lstm.b"], features, q.get("lstm.K_fs"))
            inner = row_lstm(z, q["lstm.K_ss"], q["lstm.h0"], q["lstm.c0"])
        else:

            def scan(x, features, d, q=q):
                q = {n.removeprefix(f"lstm.{d}."): v for n, v in q.items()}
                z = conv_is(x, q["K_is"], q["b"], features, q.get("K_fs"))
                return diagonal(z, q["K_ss"], q["h0"], q["c0"])

            left = scan(x, features, "l2r")
            mirrored = None if features is None else features.flip(2)
            right = scan(x.flip(2), mirrored, "r2l").flip(2)  # mirror, scan, mirror back
            shifted = torch.cat([torch.zeros_like(right[:, :1]), right[:, :-1]], dim=1)
            inner = left + shifted
        skips = skips + conv(inner, q["skip.K"], q["skip.b"])
        x = x + conv(inner, q["up.K"], q["up.b"])

    y = conv(functional.relu(x + skips), p["head.conv1.K"], p["head.conv1.b"])
    y = conv(functional.relu(y), p["head.conv2.K"], p["head.conv2.b"])
    y = conv(functional.relu(y), p["head.logits.K"], p["head.logits.b"])
    return y if config["levels"] == 2 else y.unflatten(3, (-1, config["levels"]))


def nats(y, x, levels):
    """§2.2: nats of each sub-pixel `(B, H, W, C)` from logits y and the images x, uint8."""
    if levels == 2:
        return functional.binary_cross_entropy_with_logits(y, x.double(), reduction="none")
    return functional.cross_entropy(y.movedim(-1, 1), x.long(), reduction="none")


def nll(y, x, levels):
    """Nats of each image `(B,)`."""
    return nats(y, x, levels).flatten(1).sum(1)


def shapes(config):
    """{name: shape} of every parameter."""
    C, h, head = config["image_shape"][2], config["h"], config["head"]
    outputs = C * (1 if config["levels"] == 2 else config["levels"])
    S = {"first.K": (7, 7, C, 2 * h), "first.b": (2 * h,)}
    for i in range(config["layers"]):
        block = f"blocks.{i}"
        if config["name"] == "pixelcnn":
            S |= {f"{block}.down.K": (1, 1, 2 * h, h), f"{block}.down.b": (h,)}
            S |= {f"{block}.conv.K": (3, 3, h, h), f"{block}.conv.b": (h,)}
        else:
            row = config["name"] == "row_lstm"
            for lstm in ["lstm"] if row else ["lstm.l2r", "lstm.r2l"]:
                S[f"{block}.{lstm}.K_is"] = (1, 3 if row else 1, 2 * h, 4 * h)
                S[f"{block}.{lstm}.K_ss"] = (*((1, 3) if row else (2, 1)), h, 4 * h)
                S |= {f"{block}.{lstm}.b": (4 * h,)}
                S |= {f"{block}.{lstm}.h0": (h,), f"{block}.{lstm}.c0": (h,)}
        S |= {f"{block}.up.K": (1, 1, h, 2 * h), f"{block}.up.b": (2 * h,)}
        S |= {f"{block}.skip.K": (1, 1, h, 2 * h), f"{block}.skip.b": (2 * h,)}
    S |= {"head.conv1.K": (1, 1, 2 * h, head), "head.conv1.b": (head,)}
    S |= {"head.conv2.K": (1, 1, head, head), "head.conv2.b": (head,)}
    S |= {"head.logits.K": (1, 1, head, outputs), "head.logits.b": (outputs,)}
    if "factor" in config:
        around = config.get("around", 0)
        for i in range(around):
            S |= {f"around.conv{i}.K": (3, 3, h if i else C, h), f"around.conv{i}.b": (h,)}
        read = h if around else C
        S |= {"upsample.K": (*[2 * config["factor"]] * 2, read, h), "upsample.b": (h,)}
        for name in list(S):
            if name.endswith((".conv.K", ".K_is")) and name.startswith("blocks."):
                S[name[: name.rindex("K")] + "K_fs"] = (1, 1, h, S[name][3])
    return S


# ---- §3.6 Multi-Scale PixelRNN -------------------------------------------------------------


def upsample(small, K, b, factor):
    """Features `(B, factor * H, factor * W, h)` of small images `(B, H, W, C)`."""
    x, weight = small.permute(0, 3, 1, 2), K.permute(2, 3, 0, 1).contiguous()
    y = functional.conv_transpose2d(x, weight, b, stride=factor, padding=factor // 2)
    return functional.relu(y).permute(0, 2, 3, 1)


def networks(config):
    """The config of each network, the smallest first; "factor" marks the conditional ones."""
    H, W, C = config["image_shape"]
    f, scales = config["factor"], config["scales"]
    sizes = [[H, W]]
    while len(sizes) < scales:
        sizes.insert(0, [-(-n // f) for n in sizes[0]])
    shared = {k: v for k, v in config.items() if k not in ("factor", "scales", "around")}
    each = [shared | {"name": config["base"], "image_shape": [*size, C]} for size in sizes]
    given = {"factor": f, "around": config.get("around", 0)}
    return each[:1] + [network | given for network in each[1:]]


def of_network(params, s):
    """Network s's own parameters, under their own names."""
    prefix = f"networks.{s}."
    return {n.removeprefix(prefix): v for n, v in params.items() if n.startswith(prefix)}


def multi_scale(params, x, config, **kwargs):
    """(the largest network's logits, nll, exact nll) of images x, uint8; nats `(B,)`.

    The first nll adds all networks' nats; the second leaves out the sub-pixels that the next
    smaller image has already given.
    """
    f, levels = config["factor"], config["levels"]
    pyramid = [x]
    while len(pyramid) < config["scales"]:
        pyramid.insert(0, pyramid[0][:, ::f, ::f])
    total = exact = 0
    for s, (image, network) in enumerate(zip(pyramid, networks(config), strict=True)):
        small = scale(pyramid[s - 1], levels) if s else None
        own = of_network(params, s)
        y = logits(own, scale(image, levels), network, small=small, **kwargs)
        cost = nats(y, image, levels)
        total = total + cost.flatten(1).sum(1)
        unknown = torch.ones_like(cost)
        if s:
            unknown[:, ::f, ::f] = 0
        exact = exact + (cost * unknown).flatten(1).sum(1)
    return y, total, exact
