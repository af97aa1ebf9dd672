# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 12 · Bits on disk
#
# Each exercise of [the notebook](../12_bits_on_disk.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n12 as check

# %% [markdown]
# ## Exercise 12.1 · The interval of a message
#
# The part of value $v$ begins after those of the smaller values, which together take a share of
# $p_0 + \dots + p_{v-1}$ of the present width. So `low` moves up by that share of `width`, and `width`
# is multiplied by $p_v$. In this order: `low` needs the old width.


# %%
def interval(message, p):
    low, width = 0, 1
    for v in message:
        low, width = low + width * sum(p[:v]), width * p[v]
    return low, width


check.interval(interval)

# %% [markdown]
# To shrink first and to move then, uses the new width for the move. To move by `p[:v]` itself is right
# for the first value only. And a sum of probabilities would make longer messages more probable.


# %%
def shrinks_first(message, p):
    low, width = 0, 1
    for v in message:
        width *= p[v]
        low += width * sum(p[:v])
    return low, width


def never_shrinks_the_step(message, p):
    low, width = 0, 1
    for v in message:
        low, width = low + sum(p[:v]), width * p[v]
    return low, width


def adds_up(message, p):
    return 0, sum(p[v] for v in message)


def from_the_end(message, p):
    return interval(message[::-1], p)


course.show(*(check.interval(f) for f in (shrinks_first, adds_up, from_the_end)))

# %% [markdown]
# ## Exercise 12.2 · Frequencies
#
# Give each value 1, share the remaining `total - m` by $p$, round down, and hand what is left over,
# fewer than $m$, to the likeliest value: relative to its size the change is the smallest there.


# %%
def whole_frequencies(p, total):
    found = 1 + np.floor(p * (total - len(p))).astype(int)
    found[np.argmax(p)] += total - found.sum()
    return found


check.whole_frequencies(whole_frequencies)

# %% [markdown]
# Rounding alone gives improbable values nothing. Lifting these to 1 afterwards spoils the sum. And
# floats are not what a coder counts in, however whole they look.


# %%
def rounds(p, total):
    return np.round(p * total).astype(int)


def lifts_to_one(p, total):
    return np.maximum(1, np.round(p * total)).astype(int)


def floats(p, total):
    return 1 + p * (total - len(p))


course.show(
    check.whole_frequencies(rounds),
    check.whole_frequencies(lifts_to_one),
    check.whole_frequencies(floats),
)

# %% [markdown]
# ## Exercise 12.3 · Extra bits
#
# A value occurs with probability $p$, and costs $-\log_2 q$ in the place of $-\log_2 p$. The mean of
# the difference is $\sum p \log_2 (p/q)$, over the values that occur at all: $p \log_2 p$ goes to 0
# as $p$ does, and in NumPy it has to be told so.


# %%
def extra_bits(p, q):
    here = p > 0
    return float((p[here] * np.log2(p[here] / q[here])).sum())


check.extra_bits(extra_bits)

# %% [markdown]
# Turned round it is the divergence of the other kind, which is another number. The natural logarithm
# gives nats. And $-\sum p \log_2 q$ is the whole bill, of which $p$'s own entropy would have been
# due anyway.


# %%
def turned_round(p, q):
    with np.errstate(divide="ignore"):
        return float((q * np.log2(q / p)).sum())


def in_nats(p, q):
    here = p > 0
    return float((p[here] * np.log(p[here] / q[here])).sum())


def the_whole_bill(p, q):
    return float(-(p * np.log2(q)).sum())


def zero_times_infinity(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((p * np.log2(p / q)).sum())


course.show(
    check.extra_bits(turned_round),
    check.extra_bits(in_nats),
    check.extra_bits(the_whole_bill),
    check.extra_bits(zero_times_infinity),
)

# %% tags=["answers"]
RIGHT = {
    "interval": interval,
    "whole_frequencies": whole_frequencies,
    "extra_bits": extra_bits,
}
WRONG = {
    "interval": [shrinks_first, never_shrinks_the_step, adds_up, from_the_end],
    "whole_frequencies": [rounds, lifts_to_one, floats],
    "extra_bits": [turned_round, in_nats, the_whole_bill, zero_times_infinity],
}
