"""Four figures that move: a mask (§3.4), a field (§3.5), rows (§3.1) and diagonals (§3.2)."""

import numpy as np

from .moving import Moving
from .palette import BLACK, BLUE, CURRENT, FUTURE, MISSED, SEEN

BLANK, FAINT, NEW = "#F2F2F2", "#999999", "#69B3E0"


def mask_sliding(image, kernel, kind="A"):
    """A masked convolution, pixel by pixel with its numbers.

    image: whole numbers (H, W), 0 outside; kernel: whole numbers (3, 3); kind: mask "A" or "B".
    """
    image, kernel = np.asarray(image), np.asarray(kernel)
    (H, W), taps = image.shape, [(-1, -1), (-1, 0), (-1, 1), (0, -1), *[(0, 0)] * (kind == "B")]
    film = Moving(
        2 * W + 6.6, H + 4.4,
        f"""Mask {kind} slides over an image of {H}×{W} numbers in raster order. At each pixel the
        {len(taps)} numbers under the open taps are multiplied with the kernel's and added up; what
        the mask hides is grey. The results fill a second map of the same size.""",
    )  # fmt: skip
    wide, out = np.pad(image, 1), np.full((H, W), "", object)
    for r, q in np.ndindex(H, W):
        terms = [(int(wide[r + i + 1, q + j + 1]), int(kernel[i + 1, j + 1])) for i, j in taps]
        out[r, q] = sum(a * b for a, b in terms)
        _slide(film, wide, kernel, taps, out.copy(), r, q)
        written = " + ".join(f"{a}·{b}" if b >= 0 else f"{a}·(−{-b})" for a, b in terms)
        film.words(film.width / 2, H + 3.1, f"{written} = {_minus(out[r, q])}", 12)
    return film


def _slide(film, wide, kernel, taps, out, r, q):
    """One stage of `mask_sliding`: the window lies on pixel (r, q)."""
    H, W = out.shape

    def of_image(row, column):
        tap = (row - 1 - r, column - 1 - q)
        under = max(map(abs, tap)) <= 1
        outside = not (0 < row <= H and 0 < column <= W)
        if outside and not under:
            return "white", ""
        ground = SEEN if tap in taps else FUTURE if under else BLANK
        return ground, wide[row, column], FAINT if outside or (under and tap not in taps) else BLACK

    def of_kernel(i, j):
        read = (i - 1, j - 1) in taps
        return (SEEN, _minus(kernel[i, j])) if read else (FUTURE, "0", FAINT)

    film.stage()
    x = W + 2.7
    film.grid(0.2, 0.7, H + 2, W + 2, of_image)
    film.frame(0.2 + q, 0.7 + r, 3, 3, BLUE)
    film.frame(1.2 + q, 1.7 + r)
    film.grid(x, 1.7, 3, 3, of_kernel)
    film.grid(x + 3.5, 1.7, H, W, lambda i, j: (BLANK, _minus(out[i, j])))
    film.frame(x + 3.5 + q, 1.7 + r)
    film.words(W / 2 + 1.2, 0.35, "the image, 0 outside")
    film.words(x + 1.5, 0.35, "the kernel")
    film.words(x + 3.5 + W / 2, 0.35, "the result")
    film.legend({"read": SEEN, "hidden by the mask": FUTURE}, H + 4.0)


def _minus(number):
    return str(number).replace("-", "−")


def field_growing(fields, pixel):
    """Receptive fields, one stage each: {title: bool (H, W)}.

    pixel: (row, column) of the prediction. A number says since which stage a pixel is seen.
    """
    names = list(fields)
    H, W = np.shape(fields[names[0]])
    seen = [np.asarray(fields[name]) != 0 for name in names]
    place = pixel[0] * W + pixel[1]
    counts = [int(s.sum()) for s in seen]
    film = Moving(
        W + 0.4, H + 2.2,
        f"""The field of pixel {tuple(pixel)} grows: {names[0]}, {counts[0]} of {place} earlier
        pixels; {names[-1]}, {counts[-1]}. A number says with which step a pixel came in. It grows
        up and to the left; its right edge slants, and pixels beyond it stay unseen.""",
        1.6,
    )  # fmt: skip
    first = np.full((H, W), -1)
    for k, now in enumerate(seen):
        first[(first < 0) & now] = k

        def look(r, q, k=k):
            if (r, q) == tuple(pixel):
                return CURRENT, ""
            if 0 <= first[r, q] <= k:
                return (NEW if first[r, q] == k else SEEN), str(first[r, q])
            return (MISSED if r * W + q < place else FUTURE), ""

        film.stage()
        film.grid(0.2, 1.0, H, W, look)
        text = f"{names[k]}: {counts[k]} of {place} earlier pixels"
        film.words(film.width / 2, 0.5, text, 12)
        film.legend(
            {"this pixel": CURRENT, "new": NEW, "seen": SEEN, "earlier, not seen": MISSED,
             "later": FUTURE}, H + 1.6,
        )  # fmt: skip
    return film


def rows_scanned(height=5, width=7, k=3):
    """The Row LSTM's steps: a row of states from a row of inputs and the states above it."""
    film = Moving(
        2 * width + 4.2, height + 4.2,
        f"""Two maps of {height} rows: the inputs x and the states h, with a row of h0 above. Step
        r makes all {width} states of row r at once. Arrows lead to one of them from its own input
        and the {k // 2} to the left of it, and from the {k} states above, which are finished.""",
        2.0,
    )  # fmt: skip
    q, s, x = width // 2, k // 2, width + 3.0
    for r in range(height):
        film.stage()

        def inputs(i, j, r=r):
            return (SEEN, "") if i == r and q - s <= j <= q else (BLANK, "")

        def states(i, j, r=r):
            if i == 0:
                return (SEEN if r == 0 and abs(j - q) <= s else "#FFFFFF"), "h0"
            row = i - 1
            read = row == r - 1 and abs(j - q) <= s
            ground = CURRENT if row == r else SEEN if read else BLANK if row < r else FUTURE
            return ground, str(row) if row <= r else ""

        film.grid(0.6, 1.8, height, width, inputs)
        film.grid(x, 0.8, height + 1, width, states)
        film.words(0.6 + width / 2, 0.35, "inputs x")
        film.words(x + width / 2, 0.35, "states h (and cells c)")
        film.arrow(0.6 + q + 1, 2.62 + r, x + q, 2.62 + r, BLUE)
        for v in range(-s, s + 1):
            film.arrow(x + q + v + 0.5, 1.5 + r, x + q + 0.5 + 0.22 * v, 2.05 + r)
        film.words(
            film.width / 2, height + 2.6,
            f"step {r}: all of row {r} at once. Kⁱˢ reads row {r} of x, Kˢˢ "
            + (f"row {r - 1} of h" if r else "the learned h0"), 11,
        )  # fmt: skip
        film.legend(
            {"computed now": CURRENT, "read for one of them": SEEN, "done": BLANK,
             "still to come": FUTURE}, height + 3.6,
        )  # fmt: skip
    return film


def diagonals_scanned(height=4, width=6):
    """§3.2: a scan's steps in the image and in the skewed map; numbers: the step of a pixel."""
    steps = height + width - 1
    film = Moving(
        width + steps + 1.6, height + 2.4,
        f"""An image of {height}×{width} pixels and its skewed map. Step t makes all pixels of one
        diagonal at once, which is column t of the map; arrows lead to one of them from the pixel
        above and the pixel to its left, both of the step before. {steps} steps make all.""",
        1.5,
    )  # fmt: skip
    x = width + 1.2
    for t in range(steps):
        film.stage()

        def colour(r, q, t=t):
            step = r + q
            ground = CURRENT if step == t else SEEN if step < t else FUTURE
            return ground, str(step) if step <= t else ""

        def skewed(r, column, t=t):
            return colour(r, column - r) if 0 <= column - r < width else ("white", "·")

        film.grid(0.2, 0.8, height, width, colour)
        film.grid(x, 0.8, height, steps, skewed)
        low, high = max(0, t - width + 1), min(t, height - 1)
        r = (low + high + 1) // 2
        q = t - r
        for dr, dq in ((1, 0), (0, 1)):
            if r >= dr and q >= dq:
                a, b = 0.2 * dq, 0.2 * dr
                film.arrow(q - dq + 0.7 + a, r - dr + 1.3 + b, q + 0.7 - a, r + 1.3 - b)
                film.arrow(x + t - 0.3, r - dr + 1.3 + b, x + t + 0.3, r + 1.3 - b)
        film.words(0.2 + width / 2, 0.4, "the image")
        film.words(x + steps / 2, 0.4, f"skewed: step {t} of 0 to {steps - 1} is column {t}")
        film.legend(
            {"computed now": CURRENT, "done": SEEN, "still to come": FUTURE, "padding": "white"},
            height + 2.0,
        )
    return film
