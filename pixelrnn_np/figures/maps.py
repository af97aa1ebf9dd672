"""Arrays over the image: receptive fields, feature maps, nats per pixel, samples."""

import numpy as np

from .palette import (
    CURRENT,
    FUTURE,
    GENERATED,
    MISSED,
    SEEN,
    SIGNED,
    SIZES,
    WIDTH,
    bare,
    colour_legend,
    drawn,
    new,
    panels,
)
from .tiles import finer, tile, to_rgb
from .words import listed, pictures, sentence, titles

WIDEST = 1.9  # inches: an image of a sheet that has few


@drawn
def fields(named, pixel, columns=None, own=False, places=False):
    """Receptive fields, {title: (H, W)}: which earlier pixels one prediction sees (not 0).

    pixel: (row, column) of that prediction. Pixels that come earlier and are not seen have a colour
    of their own, and so have later ones; a later one that is seen would be a leak: it gets a cross.
    own: whether seeing the pixel itself is no leak, as inside the network, after a mask B.
    places: whether rows and columns are numbered.
    """
    extra = 0.35 + 0.45 * places
    figure, axes = panels(len(named), columns=columns, ratio=_ratio(named), extra=extra)
    for a, (title, reach) in zip(axes, named.items(), strict=True):
        _field(a, np.asarray(reach) != 0, pixel, own)
        a.set_title(title, fontsize=10)
        if places:
            _number(a, *np.shape(reach))
    kinds = {"this pixel": CURRENT, "seen": SEEN, "earlier, not seen": MISSED, "later": FUTURE}
    colour_legend(figure, kinds)
    figure.alt = f"What pixel {tuple(pixel)} sees. " + " ".join(
        _counted(title, np.asarray(reach) != 0, pixel, own) for title, reach in named.items()
    )
    return figure


def _counted(title, seen, pixel, own):
    """How many pixels of a field are seen, missed, or leak, in words."""
    order = np.arange(seen.size).reshape(seen.shape) - (pixel[0] * seen.shape[1] + pixel[1])
    earlier, leaks = order < 0, (seen & (order >= own)).sum()
    crosses = f", and {leaks} that it must not see" if leaks else ""
    found = f"{(seen & earlier).sum()} of {earlier.sum()} earlier pixels"
    rows = np.flatnonzero((seen & earlier)[: pixel[0]].any(axis=1))
    ends = [rows[0], rows[-1]] if len(rows) > 1 else rows
    spans = "".join(f"; row {r}: columns {_span(seen[r])}" for r in ends)
    return sentence(f"{title}: {found}{crosses}{spans}")


def _span(row):
    columns = np.flatnonzero(row)
    return f"{columns[0]} to {columns[-1]}"


def _field(axes, seen, pixel, own):
    from matplotlib.colors import to_rgb as colour

    H, W = seen.shape
    order = np.arange(H * W).reshape(H, W) - (pixel[0] * W + pixel[1])
    picture = np.empty((H, W, 3))
    picture[...] = colour(FUTURE)
    picture[order < 0] = colour(MISSED)
    picture[seen] = colour(SEEN)
    picture[pixel] = colour(CURRENT)
    axes.pcolormesh(np.arange(W + 1) - 0.5, np.arange(H + 1) - 0.5, picture, edgecolor="white",
                    linewidth=1 if max(H, W) <= 20 else 0.3)  # fmt: skip
    leaks = np.argwhere(seen & (order >= own))
    axes.plot(leaks[:, 1], leaks[:, 0], "x", color="black")
    axes.set(xlim=(-0.5, W - 0.5), ylim=(H - 0.5, -0.5), aspect="equal")
    bare(axes)


def _number(axes, height, width):
    """Numbers at the first, the last and some rows and columns between, and what they count."""
    for axis, count, name in ((axes.yaxis, height, "row"), (axes.xaxis, width, "column")):
        axis.set_ticks(range(0, count, -(-count // 5)))
        axis.set_label_text(name, fontsize=9)
    axes.tick_params(length=0, labelsize=9)


@drawn
def feature_maps(named, columns=None, signed=True, pixel=None, label=None, places=False):
    """Arrays over the image on one scale, {title: (H, W)}.

    signed: a scale around zero; else from 0 up. pixel: None or (row, column), outlined, or a list
    with one for each array; label: of the scale; places: whether rows and columns are numbered.
    """
    from .grids import outline

    top = max(float(np.abs(a).max()) for a in named.values()) or 1.0
    figure, axes = panels(len(named), columns=columns or min(len(named), 5), ratio=_ratio(named))
    pixels = pixel if isinstance(pixel, list) else [pixel] * len(named)
    for a, (title, values), pixel in zip(axes, named.items(), pixels, strict=True):
        shown = a.imshow(values, cmap=SIGNED if signed else SIZES, vmin=-top if signed else 0,
                         vmax=top, interpolation="nearest")  # fmt: skip
        a.set_title(title, fontsize=10)
        bare(a)
        if places:
            _number(a, *np.shape(values))
        if pixel is not None:
            outline(a, *pixel)
    bar = figure.colorbar(shown, ax=axes, label=label, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)
    size = "{}×{}".format(*np.shape(values))
    figure.alt = sentence(
        f"{len(named)} map{'s' * (len(named) > 1)} of {size} on one scale, "
        f"{'±' if signed else '0 to '}{top:.2g}{f' ({label})' if label else ''}: {titles(named)}"
    )
    return figure


@drawn
def tensor(record, name, image=0, features=8):
    """The first features of one recorded tensor over one image: step through a `record` with it."""
    a = record[name][image]
    a = a.reshape(*a.shape[:2], -1)
    shown = {f"{name} [{k}]": a[..., k] for k in range(min(features, a.shape[2]))}
    return feature_maps(shown, columns=4, signed=bool(a.min() < 0))


@drawn
def nats(images, per_pixel, levels, titles=None, top=None):
    """Images above, what each of their pixels cost below: (n, H, W, C) and (n, H, W), nats.

    One image has its nats beside it.

    titles: None, or one for each image, above its nats; top: where the scale ends, None: at the
    largest.
    """
    top = top or per_pixel.max() or 1
    n = len(images)
    side = (WIDTH - 0.8) / max(n, 3)
    if n == 1:  # beside each other
        figure = new(side + 0.5, 2 * side + 0.8, "compressed")
        axes = figure.subplots(1, 2).reshape(2, 1)
    else:
        figure = new(2 * side + 0.5, n * side + 0.8, "compressed")
        axes = figure.subplots(2, n, squeeze=False)
    for i in range(n):
        axes[0, i].imshow(to_rgb(images[i : i + 1], levels)[0], interpolation="nearest")
        name = f"{titles[i]}\n" if titles else ""
        axes[0, i].set_title(f"{name}{per_pixel[i].sum():.1f} nats", fontsize=9 if titles else 10)
        shown = axes[1, i].imshow(per_pixel[i], cmap=SIZES, vmin=0, vmax=top)
        bare(axes[0, i])
        bare(axes[1, i])
    more = "max" if per_pixel.max() > top else "neither"
    bar = figure.colorbar(shown, ax=axes[1].tolist(), label="nats", extend=more, fraction=0.05,
                          pad=0.02)  # fmt: skip
    bar.outline.set_visible(False)
    totals = (
        f"{t} {p.sum():.1f}".strip() for t, p in zip(titles or [""] * n, per_pixel, strict=True)
    )
    where = "beside it" if n == 1 else "below each"
    figure.alt = f"{pictures(images)}, and {where} what its pixels cost: {listed(totals)} nats."
    return figure


@drawn
def marked(image, pixels, levels):
    """One image, uint8 (H, W, C), with a frame and the place (row, column) at some pixels."""
    from .grids import outline

    figure = new(2.4)
    axes = figure.subplots()
    axes.imshow(to_rgb(image[None], levels)[0], interpolation="nearest")
    for r, q in pixels:
        outline(axes, r, q)
        axes.text(image.shape[1] - 0.3, r, f"({r}, {q})", va="center", fontsize=9)
    bare(axes)
    figure.alt = f"An image with frames at {listed((int(r), int(q)) for r, q in pixels)}."
    return figure


@drawn
def sheet(images, levels, columns=8, waiting=None, generated=None, title=None):
    """Images side by side, uint8 (n, H, W, C).

    waiting: bool that broadcasts to (n, H, W, 1), pixels not drawn or not known: dark blue;
    generated: the same for pixels the model drew beside known ones: tinted.
    """
    from matplotlib.colors import to_rgb as colour

    columns = min(columns, len(images))
    fine = finer(images)
    picture = tile(images, levels, columns, waiting=waiting, fine=fine)
    if generated is not None:
        mask = np.broadcast_to(generated, (*images.shape[:3], 1)).astype(np.uint8)
        # The same tiling puts the mask where the pixels are; the ground between is 0.6.
        where = (tile(mask, 2, columns, fine=fine) == 1)[..., :1]
        picture = np.where(where, 0.62 * picture + 0.38 * np.array(colour(GENERATED)), picture)
    height, width = picture.shape[:2]
    across = min(WIDTH, WIDEST * columns)
    figure = new(min(across * height / width, 9) + (0.3 if title else 0), across)
    axes = figure.subplots()
    axes.imshow(picture, interpolation="nearest")
    axes.set_title(title or "", fontsize=10)
    bare(axes)
    hidden = "; dark blue is not known" if waiting is not None else ""
    tinted = "; tinted pixels were drawn" if generated is not None else ""
    name = f"{title}: " if title else ""
    figure.alt = sentence(f"{name}{pictures(images)}, {columns} in a row{hidden}{tinted}")
    return figure


@drawn
def frames(film, levels, rows):
    """A film's still pictures: film is (rows, n, H, W, C), `rows` the rows after which to look."""
    stills = {f"after row {r}": film[r] for r in rows}
    figure, axes = panels(len(stills), ratio=1.0)
    for a, (title, images), r in zip(axes, stills.items(), rows, strict=True):
        waiting = np.zeros((1, *images.shape[1:3], 1), bool)
        waiting[:, r + 1 :] = True
        columns = int(np.ceil(np.sqrt(len(images))))
        picture = tile(images, levels, columns, waiting=waiting, fine=finer(images))
        a.imshow(picture, interpolation="nearest")
        a.set_title(title, fontsize=10)
        bare(a)
    figure.alt = f"{pictures(film[0])} while they are drawn: {titles(stills)}."
    return figure


def _ratio(named):
    return max(np.shape(a)[0] / np.shape(a)[1] for a in named.values())
