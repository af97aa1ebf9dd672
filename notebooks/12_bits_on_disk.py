# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Bits on disk: a likelihood becomes a file
#
# **What you will do.** Write an arithmetic coder, two dozen lines of whole numbers; store a test digit
# with it in about as many bytes as the likelihood says, and read it back, pixel by pixel. Then
# measure what a wrong model costs, and hand the coder a model that cheats.
#
# **What you will learn.** Why $-\log_2 p$ is a number of bits and not a figure of speech; how one
# number can hold a whole image; what the Kullback-Leibler divergence is in bytes; why a model that
# sees the future can claim any likelihood and can store nothing.
#
# **What you need.** Nats, bits and the chain rule ([01](01_pixel_by_pixel.ipynb)), softmax over
# values ([02](02_softmax_pixels.ipynb)). [11](11_catch_the_leak.ipynb) helps with the last part.
# Nothing here needs the internet or more than a minute.

# %%
from fractions import Fraction
from math import ceil

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import container, course, figures, likelihood
from pixelrnn_np.course import n12 as check
from pixelrnn_np.data import compressors

rng = np.random.default_rng(12)

# %%
figures.you_are_here("12")

# %% [markdown]
# ## The idea
#
# [01](01_pixel_by_pixel.ipynb) said: with $p$ at hand, an image can be stored in about
# $-\log_2 p(\mathbf{x})$ bits. But how does one write down a
# pixel that costs a tenth of a bit? Here is how.
#
# Take the numbers from 0 to 1, and cut them into parts, one for each value that the first pixel may
# have, each as wide as the value is probable. The pixel's value picks a part. Cut *that* part in the
# same way for the second pixel, with the probabilities that hold now that the first one is known.
# Go on. Each image ends in an interval of its own, no two of them overlap, and the interval's width
# is the product of all the probabilities: $p(\mathbf{x})$.
#
# To store the image, write down **any number inside its interval**. A wide interval holds a short
# number, with few digits; a narrow one needs many. Each binary digit halves what is left, so an
# interval of width $p$ needs about $-\log_2 p$ of them.
#
# Below, messages of four letters from an alphabet of three. Each bar is the orange part of the one
# above, magnified. Under the last stands a number inside its orange part, in binary digits: as few as will
# do so that, whatever digits follow, it stays inside. Before you look: which of the two messages
# will be the shorter file, `bacb` or `aaaa`?

# %%
P = {"a": Fraction(1, 2), "b": Fraction(1, 3), "c": Fraction(1, 6)}


def digits_inside(low, width):
    """The fewest binary digits such that each number that begins with them lies inside: "0110"."""
    n = 0
    while ceil(low * 2**n) + 1 > (low + width) * 2**n:
        n += 1
    return format(ceil(low * 2**n), f"0{n}b")


def draw_message(message="bacb"):
    titles, low, width = [], Fraction(0), Fraction(1)
    for letter in message:
        titles.append(f"{float(low):.3f} to {float(low + width):.3f}")
        low += width * sum(list(P.values())[: list(P).index(letter)])
        width *= P[letter]
    found = digits_inside(low, width)
    below = f"{message}: 0.{found} in binary, {len(found)} digits"
    return figures.intervals([(P, letter) for letter in message], titles, below)


course.interactive(
    draw_message,
    static=[{"message": "bacb"}, {"message": "aaaa"}],
    message=["bacb", "aaaa", "cccc", "abca"],
)

# %% [markdown]
# The second one. `aaaa` ends in an interval of $\left(\tfrac12\right)^4 = \tfrac1{16}$, which is four
# bits. `bacb` ends in one of $\tfrac13 \cdot \tfrac12 \cdot \tfrac16 \cdot \tfrac13 = \tfrac1{108}$, which
# is 6.75 bits; the digits that fit inside it are eight. Likely letters leave a wide interval.
#
# ## What the paper says (§5.1), and what it leaves to others
#
# The paper gives likelihoods in nats per image for MNIST and in bits per dimension for colour
# images, and explains the latter as the total of bits over the number of values. It stores no
# image. That is a step of its own, known long before: an *entropy coder* turns probabilities into
# bits. Arithmetic coding is from the 1970s; the form below, which works on bytes, is called a
# *range coder*.
#
# Three points are easily missed.
#
# - **The decoder has no image.** It has the number, and the model. It asks the model for the first
#   pixel's parts, looks into which of them the number falls, and so knows the pixel. Then it can ask
#   for the second one's. That is sampling ([01](01_pixel_by_pixel.ipynb)), with the stored number in
#   the place of chance, and it takes as many steps.
# - **Both ends need the same cuts, to the last bit.** A part that is a hair wider at one end picks
#   another value some day, and everything after it is noise. So the coder below uses whole numbers
#   only, and the network has to give the very same floats at both ends.
# - **Nothing may cost infinitely much.** A value with probability 0 has no part, and an image with
#   such a value cannot be stored. Every value is given at least a sliver.
#
# ## Exercise 12.1 · The interval of a message
#
# Given a list `message` of values (0, 1, …) and a list `p` with the probability of each value, the
# same at every place, return `low` and `width` of the message's interval. Value 0 takes the lowest
# part, then value 1, and so on. Fractions come in; keep to sums and products, and exact fractions
# come out.
#
# <details><summary>Hint</summary>
#
# Start with `low, width = 0, 1`. The part of value $v$ begins where the parts of the values below
# $v$ end: how far is that, in units of the interval's present width?
# </details>


# %%
def interval(message, p):
    low, width = ..., ...  # your code
    return low, width


check.interval(interval)

# %% [markdown]
# ## Slowly: whole numbers only
#
# Exact fractions work, and grow: after an image they have hundreds of digits. A coder keeps only the
# end of them. Three rules make it one.
#
# **Interval.** `low` and `width` are whole numbers of 32 bits. Frequencies stand for probabilities:
# whole numbers, at least 1, that sum to $2^{16}$. One unit is `width >> 16`, and a value takes the
# part from `start` units on, `size` units wide.
#
# **Renormalisation.** When `width` has fallen below $2^{24}$, the first byte of `low` will hardly
# change any more. It is written out, and the other three move up, which makes `width` 256 times as
# large.
#
# **Carry.** Hardly, but it may: a later part can lift `low` beyond $2^{32}$. Then 1 is added to the
# byte that was written last, as in a sum on paper, and where that byte is 255 it becomes 0 and the 1
# goes on to the byte before.


# %%
class Encoder:
    def __init__(self):
        self.low, self.width, self.out = 0, 2**32, bytearray()

    def write(self, start, size):
        unit = self.width >> 16  # interval
        self.low, self.width = self.low + unit * start, unit * size
        self.carry()
        while self.width < 2**24:  # renormalisation
            self.out.append(self.low >> 24)
            self.low, self.width = self.low << 8 & 2**32 - 1, self.width << 8

    def carry(self):
        if self.low >= 2**32:
            self.low, k = self.low - 2**32, len(self.out) - 1
            while self.out[k] == 255:
                self.out[k], k = 0, k - 1
            self.out[k] += 1

    def finish(self):
        """The shortest number inside the interval: zeros at its end need not be written."""
        last = self.low + self.width - 1
        unit = next(2**b for b in range(32, -1, -1) if last >> b << b >= self.low)
        self.low = last // unit * unit
        self.carry()
        return bytes(self.out + self.low.to_bytes(4)).rstrip(b"\0")


# %% [markdown]
# The decoder keeps the distance of the stored number from `low`. It divides it by the unit, sees
# in which part it lies, and takes the same two steps as the encoder. Carries it never sees: the
# number that it reads is finished.


# %%
class Decoder:
    def __init__(self, data):
        self.bytes = iter(data)
        self.width, self.code = 2**32, 0
        for _ in range(4):
            self.code = self.code << 8 | next(self.bytes, 0)

    def read(self, starts):
        """starts: where the parts begin, and 2**16 at the end → the value that is stored here."""
        unit = self.width >> 16
        value = int(np.searchsorted(starts, self.code // unit, side="right")) - 1
        self.code -= unit * int(starts[value])
        self.width = unit * int(starts[value + 1] - starts[value])
        while self.width < 2**24:
            self.code = self.code << 8 | next(self.bytes, 0)
            self.width <<= 8
        return value


# %% [markdown]
# From probabilities to frequencies: each value gets 1, the rest is shared out by $p$, and what
# rounding down leaves over goes to the likeliest value.


# %%
def frequencies(p):
    """p (levels,) → whole numbers of at least 1 that sum to 2**16."""
    found = 1 + np.floor(p * (2**16 - len(p))).astype(int)
    found[p.argmax()] += 2**16 - found.sum()
    return found


def parts(p):
    """Where each value's part begins, and the end: (levels + 1,)."""
    return np.concatenate([[0], np.cumsum(frequencies(p))])


p = np.array([0.90, 0.07, 0.02, 0.01])
message = rng.choice(4, 10_000, p=p)


def encode(message, p):
    """Values, each at the same probabilities p, as bytes."""
    encoder, cuts = Encoder(), parts(p).tolist()
    for v in message:
        encoder.write(cuts[v], cuts[v + 1] - cuts[v])
    return encoder.finish()


data = encode(message, p)
decoder = Decoder(data)
assert [decoder.read(parts(p)) for _ in message] == message.tolist()
entropy = -(np.log2(p[message])).sum()
print(f"{len(message):,} values, decoded without an error")
print(f"-log2 p of the message: {entropy / 8:.1f} bytes; the file: {len(data)} bytes")

# %% [markdown]
# There are four values. If nothing were known of them, each would need two bits; here each took little
# more than half a bit. A code that gives every value bits of its own, at least one, could not do it.
#
# The tests of a coder are random messages, and the odd ones: no value at all, values that are nearly
# impossible, and a carry that runs through many bytes.

# %%
messages = {
    "no value": ([0.5, 0.5], []),
    "one fair coin": ([0.5, 0.5], [1]),
    "1000 likely ones": ([1e-9, 1 - 1e-9], [1] * 1000),
    "1000 unlikely ones": ([1 - 1e-9, 1e-9], [1] * 1000),
    "a long carry": ([0.5, 0.25, 0.25], [0] + [2] * 400 + [1, 2] * 20),
}
rows = []
for name, (p, values) in messages.items():
    data = encode(values, np.array(p))
    decoder = Decoder(data)
    assert [decoder.read(parts(np.array(p))) for _ in values] == values
    rows.append([name, len(values), len(data)])
figures.Table(["message", "values", "bytes"], rows)

# %% [markdown]
# A thousand values that were expected leave a single byte. A thousand that were not take two bytes each
# and no more, for no frequency is below 1 in $2^{16}$.
#
# ## Exercise 12.2 · Frequencies
#
# The rule above is one of many. Write your own: given `p`, shape $(m,)$, which sums to 1 and may
# hold zeros, and a whole number `total` $\geq m$, return whole numbers (an integer array) of at
# least 1 that sum to exactly `total`, none of them further than $m$ from `p * total`.
#
# <details><summary>Hint</summary>
#
# Rounding `p * total` makes zeros and a wrong sum. What is left for sharing out, once each value
# has its 1? And who can best bear what is left over after rounding down?
# </details>


# %%
def whole_frequencies(p, total):
    found = ...  # your code: an integer array like p
    return found


check.whole_frequencies(whole_frequencies)

# %% [markdown]
# ## A whole test digit
#
# Now the model. The trained Diagonal BiLSTM for 8×8 digits gives, for each pixel, probabilities of
# its 17 values. The loop below is the sampler's: ask for one pixel, let the coder write or read it,
# put the value into the image, go on. **One function serves both ends**, so that they cannot
# differ in anything but what `code` does.


# %%
model = pr.load_pretrained("digits-diagonal_bilstm")
test = pr.load_data("digits", "test")


def through_the_image(code, logits=model.logits):
    """code(p, r, q) → value: called for each pixel in raster order; returns the image (8, 8)."""
    x = np.zeros((1, 8, 8, 1), np.uint8)
    for r, q in np.ndindex(8, 8):
        p = likelihood.probabilities(logits(x)[0, r, q, 0], 17)
        x[0, r, q, 0] = code(p, r, q)
    return x[0, ..., 0]


def compress(image, logits=model.logits):
    encoder = Encoder()

    def write(p, r, q):
        v = int(image[r, q])
        encoder.write(int(parts(p)[v]), int(frequencies(p)[v]))
        return v

    through_the_image(write, logits)
    return encoder.finish()


def decompress(data, logits=model.logits):
    decoder = Decoder(data)
    return through_the_image(lambda p, r, q: decoder.read(parts(p)), logits)


nats = model.nll(test)
pick = int(np.argmin(np.abs(nats / np.log(2) / 8 - 14)))  # a digit of about 14 bytes
digit = test[pick, ..., 0]
data = compress(digit)
assert np.array_equal(decompress(data), digit)
bits = nats[pick] / np.log(2)
print(f"the file: {data.hex(' ')}")
print(f"{len(data)} bytes; packed, five bits a pixel, it would be {64 * 5 // 8}")
print(f"the model said {nats[pick]:.2f} nats = {bits:.1f} bits = {bits / 8:.2f} bytes")

# %% [markdown]
# These bytes are the digit. Each pixel added its own share to them: expensive at the edges of a
# stroke, next to nothing where the paper is blank.

# %%
prices = -np.log2(likelihood.probabilities(model.logits(test[pick : pick + 1]), 17))
per_pixel = np.take_along_axis(prices, test[pick : pick + 1, ..., None].astype(int), -1)[..., 0]
course.show(figures.nats(test[pick : pick + 1], per_pixel[..., 0] * np.log(2), 17))
costs = np.cumsum(per_pixel.ravel()) / 8
figures.lines(
    {"prices so far": (np.arange(1, 65), costs)},
    "pixels coded",
    "bytes",
    levels={"the file": len(data)},
    markers=False,
)

# %% [markdown]
# What if only the beginning of the file arrives? The decoder goes on with zeros. So the first pixels are
# right, and the rest is what the model makes of an arbitrary number: a plausible digit that begins
# like ours. Below are 0, 2, 4 and 6 bytes, then 8, 10, 12 and all 14. What comes from the first
# wrong pixel on is tinted.


# %%
def first_wrong(image, other):
    """The number of the first pixel in which two images differ, or None."""
    wrong = np.flatnonzero(image.ravel() != other.ravel())
    return int(wrong[0]) if len(wrong) else None


begun = np.stack([decompress(data[:kept]) for kept in range(0, len(data) + 1, 2)])
right = [64 if (k := first_wrong(digit, image)) is None else k for image in begun]
wrong = np.arange(64) >= np.array(right)[:, None]
figures.sheet(begun[..., None], 17, columns=4, generated=wrong.reshape(-1, 8, 8, 1))

# %% [markdown]
# ## Fast
#
# The package does the same for many images at once. `pr.compress` goes through a group of images
# by the incremental `step`, so that coding costs about as much as drawing; the range coder is that
# of the library *constriction*, and frequencies sum to $2^{24}$. One number holds a whole group, so
# that the rounding up to a byte is paid once and not per image.

# %%
packed = pr.compress(model, test)
assert np.array_equal(pr.decompress(model, packed), test)


def coded(x, p):
    """Images x (B, 8, 8, 1) at probabilities p (B, 8, 8, 1, 17) → bytes, by this page's coder."""
    encoder = Encoder()
    for v, row in zip(x.ravel(), p.reshape(-1, 17), strict=True):
        cuts = parts(row)
        encoder.write(int(cuts[v]), int(cuts[v + 1] - cuts[v]))
    return encoder.finish()


slow = coded(test, likelihood.probabilities(model.logits(test), 17))
streams = sum(len(stream) for stream in container.unpack(packed).streams)
ideal = nats.sum() / np.log(2) / 8
assert streams < 1.01 * ideal and len(slow) < 1.01 * ideal
print(f"{len(test)} test digits; the model's nats are {ideal:.0f} bytes")
more = f"{streams / ideal - 1:.2%} more than the nats"
print(f"slow: {len(slow)} bytes; fast: {streams}, that is {more}")
print(f"the whole file has {len(packed)}: its header says whose they are")

# %% [markdown]
# The header holds a *fingerprint* of weights and configuration, since another model could only read
# noise; a checksum of the bytes and one of the images; and a *canary*, a hash of probabilities that
# the machine computed. Floats are the weak point: another processor may add in another order. If the
# canary or the checksum differs, `pr.decompress` refuses, and gives no image rather than a wrong one.
#
# How good is it? Below are programs that everybody has, on the same digits. Each was given what suits
# it best, all images in one run or as one tall picture; and the formats of pictures also a file for
# each image, which is what one usually has.

# %%
found = {"the model's nats": ideal, "pr.compress": len(packed)}
found |= compressors.sizes(test, 17)
found = dict(sorted(found.items(), key=lambda each: each[1]))
figures.bars(
    {name: 8 * size / len(test) for name, size in found.items()},
    "bits per image, test digits",
    highlight=("pr.compress",),
    form="{:.0f}",
)

# %% [markdown]
# The comparison is not quite fair, and it is honest to say how. Our decoder needs the weights, which
# are larger than all these files; they were trained on digits, and photographs would come out
# larger than they went in. A general compressor knows nothing beforehand. What the bars show is
# what such knowledge is worth.
#
# ## What a wrong model costs
#
# Let images come from $p$, and let $q$ set the prices: a second distribution from here on, no longer
# a column. An image costs $-\log_2 q$ bits where it would have cost $-\log_2 p$. On average the
# difference is
#
# $$\sum_{\mathbf{x}} p(\mathbf{x}) \log_2 \frac{p(\mathbf{x})}{q(\mathbf{x})}
#   = D_{\mathrm{KL}}(p \,\|\, q),$$
#
# the *Kullback-Leibler divergence*. It is never negative: no prices beat the true ones. In practice
# nobody knows the true $p$ of handwriting. But we can make images from a $p$ that we know, by
# drawing them from the model, and then measure in bytes.
#
# ## Exercise 12.3 · Extra bits
#
# Values come from `p`, shape $(m,)$, and are coded with the prices of `q`, whose entries are all
# positive. How many bits per value are paid on top of what `p`'s own prices would have cost? A
# float. `p` may hold zeros.
#
# <details><summary>Hint</summary>
#
# A value costs $-\log_2 q$ with one list of prices and $-\log_2 p$ with the other, and it occurs
# with which probability? What never occurs costs nothing, although its logarithm is infinite.
# </details>


# %%
def extra_bits(p, q):
    bits = ...  # your code
    return bits


check.extra_bits(extra_bits)

# %% [markdown]
# Temperature makes wrong models of a right one. Divide the logits by $T$: below 1 the model is surer
# of itself than it should be, above 1 less sure. Two sets of images: digits that the model has drawn
# itself, of which it is the exact truth, and test digits. For each, bits per image at the prices
# of each $T$. Where will each curve have its lowest point?


# %%
def bits_at(logits, x, T):
    """Bits of every image at temperature T: (B,)."""
    return likelihood.nll_forward(logits / T, x)[0] / np.log(2)


drawn, drawn_nats = pr.sample(model, 400, seed=3, return_nll=True)
temperatures = np.array([0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0])
sets = {"drawn by the model": drawn, "test digits": test}
curves = {}
for name, x in sets.items():
    z = model.logits(x).astype(np.float64)
    curves[name] = (temperatures, [float(bits_at(z, x, T).mean()) for T in temperatures])
best = {name: float(T[int(np.argmin(bits))]) for name, (T, bits) in curves.items()}
for name, T in best.items():
    print(f"{name}: cheapest at temperature {T}")
figures.lines(curves, "temperature of the prices", "bits per image")

# %% [markdown]
# For its own images the model's own prices are the cheapest, and either way it gets dearer: that is
# the theorem, measured. The gap between the curve and its lowest point *is* $D_{\mathrm{KL}}$, as
# far as 400 images can tell. For test digits the model is itself a wrong $q$. Their curve's lowest
# point lies a little above 1: on images that it has not seen, the model is a little too sure.
#
# And the bytes follow. Four lists of prices for the same 400 drawn images, each by the coder above
# (one long message of all pixels, frequencies from each model's probabilities):

# %%
chosen = drawn[:40] if course.fast() else drawn
z = model.logits(chosen).astype(np.float64)
prices = {
    "the model's own": likelihood.probabilities(z, 17),
    "temperature 0.7": likelihood.probabilities(z / 0.7, 17),
    "temperature 1.5": likelihood.probabilities(z / 1.5, 17),
    "all 17 values equal": np.full(z.shape, 1 / 17),
}
truth = -np.log(np.take_along_axis(prices["the model's own"], chosen[..., None].astype(int), -1))
rows = []
for name, q in prices.items():
    own = -np.log(np.take_along_axis(q, chosen[..., None].astype(int), -1))
    extra = (own - truth).sum() / np.log(2)
    rows.append([name, *(float(n) / len(chosen) for n in (8 * len(coded(chosen, q)), extra))])
figures.Table(["prices", "bits in the file", "extra bits by log p/q"], rows, form="{:.1f}")

# %% [markdown]
# The last column was computed from probabilities, the one before it was counted in files. From line
# to line they grow by the same number of bits, but for rounding.

# %% [markdown]
# ## Why a leak cannot be decoded
#
# Some models reach likelihoods that are too good. [11](11_catch_the_leak.ipynb) found such leaks by
# gradients, by perturbations and by sums. A coder has no test for them. It stumbles over any leak that
# moves a cut in the images that it stores.
#
# Here is a cheat. It adds to the logit of each value a bonus, if the pixel *has* that value. It
# still gives proper probabilities, at every pixel; its code uses softmax, like everybody's. Only it
# has looked at the answer.


# %%
def peeks(x):
    """The model's logits, and a bonus for the value that the pixel has."""
    return model.logits(x) + 8 * (x[..., None] == np.arange(17))


one = test[pick : pick + 1]
claimed = likelihood.nll_forward(peeks(one).astype(float), one)[0][0] / np.log(2) / 8
print(f"honest: {bits / 8:.2f} bytes; the cheat claims {claimed:.2f} bytes")

# %% [markdown]
# An encoder has the whole image, and would write those few bytes. A decoder has nothing yet. At the
# first pixel it asks for the probabilities, and the cheat looks at a pixel that nobody has filled
# in. Its parts are cut in the wrong places, and the first value that comes out of them is wrong or
# right by luck; from there on the two ends no longer speak of the same image.


# %%
def compress_with_the_image(image, logits):
    """As a careless encoder does it: all probabilities in one pass over the whole image."""
    p = likelihood.probabilities(logits(image[None, ..., None])[0, ..., 0, :], 17)
    encoder = Encoder()
    for r, q in np.ndindex(8, 8):
        v = int(image[r, q])
        encoder.write(int(parts(p[r, q])[v]), int(frequencies(p[r, q])[v]))
    return encoder.finish()


assert decompress(compress_with_the_image(digit, model.logits)).tolist() == digit.tolist()
inked = test[int(np.argmax(test[:, 0, 0, 0])), ..., 0].copy()
inked[0, 0] = max(inked[0, 0], 9)  # some ink in the very first pixel
short = compress_with_the_image(inked, peeks)
back = decompress(short, peeks)
print(f"bytes written: {len(short)}; the first pixel is {inked[0, 0]}, decoded as {back[0, 0]}")
print(f"first wrong pixel: {first_wrong(inked, back)}")
both = np.stack([inked, back])[..., None]
figures.sheet(both, 17, columns=2, title="written, and read back")

# %% [markdown]
# (The digits of this set begin with a blank pixel, which is what the cheat expects of an empty image,
# so it would guess the first pixel by luck; here that pixel has some ink.)
#
# It stops at the first pixel, and it must. To store an image, the decoder's questions have to have
# answers that depend on what the decoder knows. The honest model passed the same test, in the
# first `assert` of the cell above: all its probabilities were computed in one pass over the *finished*
# image, the file was decoded pixel by pixel, and nothing went wrong. **To decode an image is to prove causality**, for every pixel of this
# image and as finely as the parts are cut.
#
# The cheat can be coded honestly, both ends asking with the pixel not yet filled in. Then it knows
# nothing more than the model, is misled by its own bonus for blank, and pays for it:

# %%
honest = compress(digit, peeks)
assert np.array_equal(decompress(honest, peeks), digit)
print(f"claimed {claimed:.2f} bytes; stored so that it can be read: {len(honest)} bytes")

# %% [markdown]
# ## What to take away
#
# - An image is an interval as wide as its probability; a number inside it takes $-\log_2 p$ bits. An
#   arithmetic coder finds that number with whole numbers of fixed size: interval, renormalisation,
#   carry.
# - Nats divided by $\ln 2$ are the bits of a real file: within a fraction of a percent for many images in
#   one stream, its header aside.
# - Wrong prices cost $D_{\mathrm{KL}}(p\,\|\,q)$ bits more, never less.
# - Decoding is sampling with a stored number in the place of chance. Both ends must compute the same
#   probabilities bit for bit, and a leak stops the decoder at the first value that it changes.
#
# In the package: `coding.py` (`pr.compress`, `pr.decompress`), `container.py` (the file), the commands
# `compress` and `decompress`; [docs/compression.md](../docs/compression.md) has whole test
# sets.
#
# ## Further reading
#
# - The paper: §5.1 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [coding.py](../pixelrnn_np/coding.py), [container.py](../pixelrnn_np/container.py).
# - D. J. C. MacKay, *Information Theory, Inference, and Learning Algorithms* (Cambridge University
#   Press, 2003), chapters 4 to 6: source coding, and arithmetic coding with a model.
# - I. H. Witten, R. M. Neal and J. G. Cleary, *Arithmetic Coding for Data Compression*,
#   Communications of the ACM 30 (1987): the coder, with carries.
#
# Solutions: [solutions/12_bits_on_disk](solutions/12_bits_on_disk.ipynb). Next:
# [13 · All of it](13_all_of_it.ipynb), a whole network on one page.
