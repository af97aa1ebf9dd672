"""Checks of notebook 02b, networks in ten minutes."""

import numpy as np

from .checking import exercise, mistaken, same


@exercise("2b.1")
def parameter_count(answer):
    cases = [(7, 7, 3, 32, 32, 32), (3, 3, 1, 1, 8, 8), (1, 1, 4, 6, 5, 5), (1, 3, 16, 64, 28, 28)]
    for rows, cols, m, n, H, W in cases:
        weights = rows * cols * m * n
        what = f"parameter_count{(rows, cols, m, n, H, W)}"
        got = answer(rows, cols, m, n, H, W)
        mistakes = {
            "leaves out the biases.": weights,
            "has one bias for the whole layer; each new feature has its own.": weights + 1,
            "gives each weight a bias; each new feature has one.": 2 * weights,
            "has a bias for each pair of features; each new feature has one.": weights + m * n,
            "has a bias at each tap; each new feature has one.": weights + rows * cols * n,
            "counts each pixel's weights and biases; all pixels share them.":
                (weights // n + 1) * n * H * W,
            "gives the biases to the m features that are read, not to those that are made.":
                weights + m,
            "counts each pixel's weights; all pixels share them.": (weights + n) * H * W,
            "counts the weights of each pixel; all pixels share them.": weights * H * W + n,
            "adds m and n; there is a weight for each pair of them.": rows * cols * (m + n),
            "forgets that each new feature reads all m.": rows * cols * n + n,
        }  # fmt: skip
        mistaken(what, got, weights + n, mistakes)
        same(what, got, weights + n)


@exercise("2b.2")
def difference_kernel(answer):
    got = answer()
    wanted = np.zeros((3, 3))
    wanted[1, 1:] = 1, -1
    mistakes = {
        "takes the left neighbour: the kernel is laid on as it is, not mirrored.": wanted[:, ::-1],
        "takes the pixel below: rows come before columns.": wanted.T,
        "takes the pixel above: rows come before columns.": wanted.T[::-1],
        "has the wrong sign: the neighbour is taken from the pixel.": -wanted,
        "adds the neighbour; a difference is asked for.": np.abs(wanted),
        "stands in row 0, which lies on the pixels above; the pixel's own row is row 1.":
            np.roll(wanted, -1, axis=0),
        "stands in row 2, which lies on the pixels below; the pixel's own row is row 1.":
            np.roll(wanted, 1, axis=0),
        "begins a column too early: the pixel itself lies under column 1.":
            np.roll(wanted, -1, axis=1),
    }  # fmt: skip
    mistaken("It", got, wanted, mistakes)
    same("The kernel", got, wanted)
