"""Where a notebook stands in the course: the network's stages, and what is around it."""

from itertools import pairwise

from .network import Diagram
from .palette import BLACK, CURRENT, FUTURE, SEEN, drawn

# number: (name on the map, what it is called, minutes to read, as the site counts them)
COURSE = {
    "00": ("a tour", "a tour of trained networks", 20),
    "01": ("nats", "nats, and pixel by pixel", 35),
    "02": ("softmax", "the end of the head: a softmax", 25),
    "02b": ("networks", "what a network is", 15),
    "03": ("mask A", "the first layer, and all masks", 20),
    "04": ("PixelCNN", "the PixelCNN's block", 40),
    "05": ("Row LSTM", "the Row LSTM's block", 30),
    "06": ("two scans", "the Diagonal BiLSTM's block", 40),
    "07": ("sums", "the sums around the blocks", 30),
    "08": ("two scales", "a small image first", 35),
    "09": ("training", "training, and results", 45),
    "10": ("speed", "from loops to kernels", 40),
    "11": ("leaks", "how leaks are caught", 40),
    "12": ("files", "from nats to bytes", 25),
    "13": ("all of it", "a whole network on one page", 25),
}
STAGES = ["03", "04", "05", "06", "07", "02", "01"]
AROUND = ["00", "02b", "08", "09", "10", "11", "12", "13"]


@drawn
def you_are_here(number):
    """The map of the course with one notebook in orange, earlier ones light blue, later ones grey.

    number: of a notebook, such as "05"; None: the map alone, all of it light blue. Raises KeyError
    for one that is not on the map.
    """
    _, what, minutes = COURSE[number] if number else ("", "the course", 0)
    # Narrow, with a name on one line: on a telephone its letters are those of the text.
    plan = Diagram(12, 10.9 if number else 9.3, 4.2)
    order = list(COURSE)

    def box(name, x, y, width):
        passed = order.index(name) - order.index(number) if number else -1
        colour = CURRENT if passed == 0 else SEEN if passed < 0 else FUTURE
        plan.box(name, x, y, f"{name} {COURSE[name][0]}", width, 0.82, colour)
        if name == number:
            plan.axes.texts[-1].set(color="white", fontweight="bold")

    if number:
        plan.say(0.1, 10.5, f"You are here: {number}, {what}", 9.5, BLACK, fontweight="bold")
        plan.axes.texts[-1].set_ha("left")
        plan.say(0.1, 9.75, f"about {minutes} minutes to read", 9.5)
        plan.axes.texts[-1].set_ha("left")
    plan.box("image", 2, 8.6, "image", 1.8, 0.6, "none")
    plan.box("block", 6, 6.3, "", 11.9, 1.5, "white")
    plan.say(6.3, 7.6, "a block, of one of three kinds", 9)
    plan.axes.texts[-1].set_ha("left")
    places = [(6, 8.6), (2.1, 6.3), (6, 6.3), (9.9, 6.3), (2, 4.4), (6, 4.4), (10, 4.4)]
    for name, (x, y) in zip(STAGES, places, strict=True):
        box(name, x, y, 3.65 if y == 6.3 else 3.0)
    for first, last in pairwise(["image", "03", "block"]):
        plan.arrow(first, last)
    plan.corner([(2, 5.55)], "07")
    for first, last in pairwise(["07", "02", "01"]):
        plan.arrow(first, last)
    for k, name in enumerate(AROUND):
        box(name, 2 + 4 * (k % 3) + 2 * (k > 5), 2.55 - k // 3, 3.8)
    plan.say(6, 3.4, "around the network", 9)
    plan.figure.alt = (
        f"Map of the course{f', with notebook {number} in orange: {what}' if number else ''}. "
        "The network: an image, 03 "
        "the first layer, a block of 04, 05 or 06, 07 the sums, 02 the softmax, 01 nats. Around "
        f"it: {', '.join(f'{name} {COURSE[name][0]}' for name in AROUND)}."
    )
    return plan.figure
