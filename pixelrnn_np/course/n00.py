"""Notebook 00, the tour: which trained weights it takes, handwriting for them, and its checks."""

import numpy as np

from .. import data, pretrained
from .checking import Wrong, exercise, same


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
    name, levels = card["data"]["name"], card["data"]["levels"]
    if name in ("digits", "colour_digits"):
        x = data.load_data(name, "test", levels=levels)
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


@exercise("0.1")
def powers_of_ten(answer):
    for a, b in [(80.0, 80.0), (80.0, 103.02585), (103.02585, 80.0), (79.2, 543.43), (0.0, 7.5)]:
        wanted, got = (b - a) / np.log(10), answer(a, b)
        what = f"powers_of_ten({a}, {b})"
        if np.ndim(got) == 0 and a != b and np.isclose(float(got), -wanted):
            raise Wrong(f"{what} gives {got:.4g}: the image with fewer nats is the more probable.")
        if np.ndim(got) == 0 and a != b and np.isclose(float(got), b - a):
            raise Wrong(f"{what} gives {got:.4g}: that is still in nats, powers of e.")
        same(what, got, wanted)


@exercise("0.2")
def pick(answer):
    p = np.array([0.1, 0.0, 0.6, 0.0, 0.3])
    for q in (p, np.array([0.7, 0.3]), np.array([0.0, 1.0]), p[::-1]):
        for u in (0.0, 0.05, 0.35, 0.65, 0.75, 0.95, 0.9999):
            got, what = answer(q.copy(), u), f"pick({q.tolist()}, {u})"
            wanted = int((np.cumsum(q) <= u).sum())
            if np.ndim(got) or not float(got).is_integer():
                raise Wrong(f"{what} gives {got!r}; it should be one whole number.")
            if not 0 <= got < len(q):
                raise Wrong(f"{what} gives {got}; values are 0 to {len(q) - 1}.")
            if q[int(got)] == 0:
                raise Wrong(f"{what} gives {int(got)}, which has probability 0.")
            if got != wanted:
                raise Wrong(f"{what} gives {int(got)}, which is not right.")


@exercise("0.3")
def steered(answer):
    for r, q, H, W in [(0, 0, 3, 4), (1, 2, 3, 4), (2, 3, 3, 4), (27, 0, 28, 28), (13, 27, 28, 28)]:
        wanted, got = H * W - 1 - (r * W + q), answer(r, q, H, W)
        what = f"steered({r}, {q}, {H}, {W})"
        if np.ndim(got) == 0 and got == wanted + 1:
            raise Wrong(f"{what} gives {got}: the pixel itself is known, it is not drawn.")
        if np.ndim(got) == 0 and got == (H - 1 - r) * W and got != wanted:
            raise Wrong(f"{what} gives {got}: there are also pixels to its right in its own row.")
        same(what, got, wanted)
