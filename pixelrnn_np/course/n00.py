"""Notebook 00, the tour: which trained weights it takes, handwriting for them, and its checks."""

import numpy as np

from .. import data, pretrained
from .checking import Wrong, exercise, mistaken, same


def best():
    """The shipped weights with the fewest nats on the paper's binarised digits' validation set."""
    cards = map(pretrained.pretrained_card, pretrained.list_pretrained())
    cards = [card for card in cards if card["data"]["name"] == "binarized_mnist"]
    return min(cards, key=lambda card: card["nats"]["valid"])["name"]


def pictures(card, count=None, seed=0):
    """Images for the model of a card, uint8 (n, H, W, C), and a sentence that says what they are.

    The test images themselves where the package carries them. For binarised MNIST, which it does
    not: scikit-learn's test digits, enlarged to MNIST's size and place, binarised by chance.
    """
    name = card["data"]["name"]
    if name != "binarized_mnist":
        x = data.load_data(split="test", **card["data"])
        return x[:count], f"test images of {name}, unknown to the model"
    x = like_mnist(data.load_data("digits", "test", levels=17)[:count], seed)
    return x, "scikit-learn's test digits, enlarged to 28×28 and binarised by chance"


def like_mnist(digits, seed=0):
    """uint8 (N, 8, 8, 1) of 17 levels → uint8 (N, 28, 28, 1) of two.

    Much as MNIST's were made: the digit is enlarged to 20 rows (and 16 columns: these digits are
    stretched to a square), its centre of mass is moved to the middle, and each pixel is 1 with a
    probability that is its intensity.
    """
    from scipy.ndimage import zoom

    rng = np.random.default_rng(seed)
    images = np.zeros((len(digits), 28, 28, 1), np.uint8)
    for image, digit in zip(images, digits[..., 0] / 16.0, strict=True):
        large = zoom(digit, (2.5, 2.0), order=3, grid_mode=True, mode="grid-constant")
        large = np.clip(2.2 * (large - 0.5) + 0.5, 0, 1)  # enlarging has blurred the edges
        mass = max(large.sum(), 1e-9)
        place = []
        for axis, size in enumerate(large.shape):
            centre = (large.sum(axis=1 - axis) * np.arange(size)).sum() / mass
            place.append(int(np.clip(round(13.5 - centre), 0, 28 - size)))
        r, q = place
        image[r : r + 20, q : q + 16, 0] = rng.random((20, 16)) < large
    return images


def furthest_off(model, image, rows):
    """{"row", "column"} of the guess within `rows`, (first, beyond the last), that costs most."""
    from ..inspection.explain import pixel_nats

    first, end = rows
    nats = pixel_nats(model, image[None])[0, first:end]
    row, column = np.unravel_index(nats.argmax(), nats.shape)
    return {"row": first + int(row), "column": int(column)}


def about(model, card):
    """What a model is, and what its card says of it: a table."""
    from ..figures import Table

    H, W, _ = model.image_shape
    return Table(
        ["", ""],
        [
            ["weights", card["name"]],
            ["kind of network", model.name],
            ["blocks of layers", model.layers],
            ["numbers in it", f"{card['parameters']:,}"],
            ["trained on", f"{card['splits']['train']:,} images of {card['data']['name']}"],
            ["an image", f"{H}×{W} pixels of {model.levels} values"],
            ["nats per image of that set's test split", f"{card['nats']['test']:.2f}"],
        ],
    )


@exercise("0.1")
def powers_of_ten(answer):
    for a, b in [(80.0, 103.0), (103.0, 80.0), (80.0, 80.0), (79.2, 543.43), (0.0, 7.5)]:
        wanted, got = (b - a) / np.log(10), answer(a, b)
        what = f"powers_of_ten({a}, {b})"
        if np.ndim(got) == 0 and a != b:
            mistakes = {
                "the image with fewer nats is the more probable.": -wanted,
                "that is still in nats, powers of e.": b - a,
                "the exponent may be a fraction; do not round it.": np.round(wanted),
                "that is rounded down; the exponent may be a fraction.": np.floor(wanted),
                "that is the ratio itself; its power of ten is asked for.": np.exp(b - a),
                "that takes nats for bits, powers of 2.": (b - a) * np.log10(2),
                "a power of ten is ln 10 nats; how many of them are in b - a?":
                    (b - a) * np.log(10),
                "that takes a logarithm of b - a; nats are logarithms already.":
                    np.log10(abs(b - a)),
                "that is the ratio; its exponent m is asked for.": 10 ** ((b - a) / np.log(10)),
                "the quotient is upside down: b - a is to be divided, by ln 10.":
                    np.log(10) / (b - a),
            } | (_quotients(a, b) if a > 0 else {})  # fmt: skip
            mistaken(f"{what} gives {got:.4g}:", got, wanted, mistakes, 1e-6)
        same(what, got, wanted)
    _without_exponentials(answer, 1000.0, 1300.0)


def _quotients(a, b):
    """What those get who divide the nats instead of the probabilities."""
    why = "nats are logarithms: the quotient of two probabilities is a difference of nats."
    return {
        f"that is b / a; {why}": b / a,
        f"that is a / b; {why}": a / b,
        f"that takes the logarithm of b / a; {why}": np.log10(b / a),
        f"that takes the logarithm of a / b; {why}": np.log10(a / b),
    }


def _without_exponentials(answer, a, b):
    """Whoever makes the probabilities first divides 0 by 0."""
    what = f"powers_of_ten({a}, {b})"
    try:
        with np.errstate(all="ignore"):
            got = answer(a, b)
    except (ArithmeticError, ValueError):
        got = np.nan
    if np.ndim(got) == 0 and not np.isfinite(float(got)):
        raise Wrong(
            f"{what} fails: e^-{a:.0f} is smaller than the smallest float64, so it becomes 0. Put "
            "the exponents together before any exponential is taken."
        )
    same(what, got, (b - a) / np.log(10))


@exercise("0.2")
def pick(answer):
    p = np.array([0.1, 0.0, 0.6, 0.0, 0.3])
    for die in (p, np.array([0.7, 0.3]), np.array([0.0, 1.0]), p[::-1]):
        if np.ndim(first := answer(die.copy(), 0.5)):
            raise Wrong(f"It gives {first!r} for u = 0.5; it should be one whole number.")
        if die.max() < 1 and answer(die.copy(), 0.01) == answer(die.copy(), 0.99) == np.argmax(die):
            raise Wrong(
                "It takes the most probable value whatever u is: where is the chance in that?"
            )
        for u in (0.0, 0.05, 0.35, 0.65, 0.75, 0.95, 0.9999):
            got, what = answer(die.copy(), u), f"pick({die.tolist()}, {u})"
            wanted = int((np.cumsum(die) <= u).sum())
            if not float(got).is_integer():
                raise Wrong(f"{what} gives {got!r}; it should be one whole number.")
            if answer(die.copy(), u) != got:
                raise Wrong("It answers the same u in several ways; u is all the chance there is.")
            if not 0 <= got < len(die):
                raise Wrong(f"{what} gives {got}; values are 0 to {len(die) - 1}.")
            if got == (np.cumsum(die) < u).sum() != wanted:
                raise Wrong(f"{what} gives {int(got)}: a part includes its lower end.")
            if u > 0 and got == (int(np.argmax(die > u)) if (die > u).any() else 0) != wanted:
                raise Wrong(
                    f"{what} gives {int(got)}: it compares u with the probabilities, not "
                    "with where their parts end."
                )
            if die[int(got)] == 0:
                raise Wrong(f"{what} gives {int(got)}, which has probability 0.")
            if got != wanted:
                raise Wrong(f"{what} gives {int(got)}, which is not right.")


@exercise("0.3")
def steered(answer):
    cases = [
        (0, 0, 3, 4),
        (1, 2, 3, 4),
        (2, 3, 3, 4),
        (1, 0, 2, 5),
        (27, 0, 28, 28),
        (13, 27, 28, 28),
    ]
    got = [answer(*case) for case in cases]
    r, q, H, W = np.array(cases).T
    mistakes = {
        "counts the pixel itself; it is known, it is not drawn.": H * W - (r * W + q),
        "leaves out the pixels to its right in its own row.": (H - 1 - r) * W,
        "counts all other pixels, also those that are drawn before it.": H * W - 1,
        "counts those that come before it; they are drawn without it.": r * W + q,
        "counts the rectangle below and to the right; rows below are drawn as a whole.":
            (H - r) * (W - q) - 1,
        "counts the pixels that lie both below and to the right; all that come later are drawn.":
            (H - 1 - r) * (W - 1 - q),
        "counts the rectangle that begins with the pixel itself; rows are drawn as a whole.":
            (H - r) * (W - q),
        "takes r for the column and q for the row.": H * W - 1 - (q * W + r),
        "goes down the columns; the raster order goes along the rows.": H * W - 1 - (q * H + r),
        "skips H pixels for each row above; a row has W of them.": H * W - 1 - (r * H + q),
    }  # fmt: skip
    if all(np.ndim(g) == 0 for g in got):
        mistaken("It", got, H * W - 1 - (r * W + q), mistakes)
    for case, g in zip(cases, got, strict=True):
        same(f"steered{case}", g, case[2] * case[3] - 1 - (case[0] * case[3] + case[1]))
