"""§3.3 The residual block as boxes and arrows."""

from .sketch import sketch


def block_sketch():
    """Figure 5 right: one LSTM block with its residual and its skip connection."""
    return sketch(
        {
            "x[l]": (0, 0), "LSTM": (1.5, 0), "a[l]": (3.0, 0), "U": (4.5, 0), "+": (5.9, 0),
            "x[l+1]": (7.3, 0), "S": (4.5, 1.1), "s[l]": (5.9, 1.1), "to the head": (7.5, 1.1),
            "unchanged": (2.9, -1.1),
        },
        [
            ("x[l]", "LSTM"), ("LSTM", "a[l]"), ("a[l]", "U"), ("U", "+"), ("+", "x[l+1]"),
            ("a[l]", "S"), ("S", "s[l]", "skip"), ("s[l]", "to the head"),
            ("x[l]", "unchanged"), ("unchanged", "+"),
        ],
        height=2.6,
    )  # fmt: skip
