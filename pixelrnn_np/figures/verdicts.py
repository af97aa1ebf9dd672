"""Grids of words: which test finds which bug, and which feature belongs to which colour."""

from .palette import BLACK, GREY, MISSED, SEEN, bare, drawn, new
from .words import listed

FOUND, ALARM, NOTHING = SEEN, MISSED, "#F2F2F2"
INKS = {"R": "#F6CDB3", "G": "#BFE6D5", "B": "#B9CFEC"}


@drawn
def verdicts(results, splits=()):
    """Which test finds what, {row: {column: True, False or a word}}, as a coloured grid.

    A word, such as "false alarm", is shown by its last. splits: rows above which a line is drawn.
    """
    rows, columns = list(results), list(next(iter(results.values())))
    figure = new(0.31 * len(rows) + 0.75)
    axes = figure.subplots()
    looks = {True: (FOUND, "✓ found", BLACK), False: (NOTHING, "·", GREY)}
    for r, row in enumerate(rows):
        for q, column in enumerate(columns):
            told = results[row][column]
            alarm = (ALARM, f"! {str(told).split()[-1]}", BLACK)
            ground, text, ink = looks.get(told, alarm)
            _square(axes, r, q, ground, text, ink)
        if row in splits:
            axes.axhline(r - 0.5, color=BLACK, lw=1.2)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    bare(axes)
    axes.set_xticks(range(len(columns)), [name.replace(" ", "\n") for name in columns])
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=9)
    axes.tick_params(axis="x", labelsize=8)  # the longest name is as wide as its column
    figure.alt = " ".join(_told(row, results[row]) for row in rows)
    return figure


def _told(row, found):
    told = {column: f" ({what})" if isinstance(what, str) else "" for column, what in found.items()}
    names = [column + told[column] for column, what in found.items() if what]
    return f"{row}: {'found by ' + listed(names) if names else 'found by none'}."


@drawn
def colour_groups(named, rows="ofig"):
    """The colour of each feature, {title: strings (rows, features)} of R, G and B.

    Columns whose rows differ are framed: there features of several colours are multiplied.
    """
    from matplotlib.patches import Rectangle

    figure = new(0.42 * len(rows) + 0.75)
    axes = figure.subplots(1, len(named), squeeze=False)[0]
    alts = []
    for a, (title, grid) in zip(axes, named.items(), strict=True):
        mixed = [q for q in range(len(grid[0])) if len({row[q] for row in grid}) > 1]
        for r, row in enumerate(grid):
            for q, letter in enumerate(row):
                _square(a, r, q, INKS[letter], letter, BLACK)
        for q in mixed:
            a.add_patch(
                Rectangle((q - 0.46, -0.47), 0.92, len(grid) - 0.06, fill=False, lw=2,
                          edgecolor=BLACK, zorder=3)
            )  # fmt: skip
        a.set(xlim=(-0.6, len(grid[0]) - 0.4), ylim=(len(grid) - 0.4, -0.6))
        bare(a)
        a.set_title(title, fontsize=10)
        a.set_yticks(range(len(grid)), list(rows))
        a.set_xticks(range(len(grid[0])))
        a.set_xlabel("feature of the gate", fontsize=9)
        a.tick_params(length=0, labelsize=9)
        told = " / ".join(f"{name}: {' '.join(row)}" for name, row in zip(rows, grid, strict=True))
        alts.append(f"{title}: {told}; {len(mixed)} of {len(grid[0])} features mix colours.")
    figure.alt = " ".join(alts)
    return figure


def _square(axes, r, q, ground, text, ink):
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((q - 0.5, r - 0.5), 1, 1, facecolor=ground, edgecolor="white", lw=1.5))
    axes.text(q, r, text, ha="center", va="center", fontsize=9, color=ink)
