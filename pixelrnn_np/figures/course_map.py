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
    "10": ("speed", "from loops to kernels", 55),
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
    plan = Diagram(19, 5.2 if number else 4.5)
    order = list(COURSE)

    def box(name, x, y, width):
        passed = order.index(name) - order.index(number) if number else -1
        colour = CURRENT if passed == 0 else SEEN if passed < 0 else FUTURE
        plan.box(name, x, y, f"{name}\n{COURSE[name][0]}", width, 1.15, colour)
        if name == number:
            plan.axes.texts[-1].set(color="white", fontweight="bold")
            if len(COURSE[name][0]) > 6:  # bold letters are wider
                plan.axes.texts[-1].set_fontsize(8.5)

    if number:
        plan.say(0.1, 4.9, f"You are here: {number}, {what}", 10, BLACK, fontweight="bold")
        plan.axes.texts[-1].set_ha("left")
        plan.say(18.9, 4.9, f"about {minutes} minutes to read", 10)
        plan.axes.texts[-1].set_ha("right")
    plan.box("image", 0.75, 3.2, "image", 1.5, 0.6, "none")
    plan.box("block", 8.05, 3.2, "", 7.1, 1.6, "white")
    plan.say(8.05, 4.25, "the blocks, one of three kinds")
    for name, x in zip(STAGES, (2.85, 5.75, 8.05, 10.35, 13.3, 15.5, 17.75), strict=True):
        box(name, x, 3.2, 2.15 if name in ("04", "05", "06") else 1.85)
    for first, last in pairwise(["image", "03", "block", "07", "02", "01"]):
        plan.arrow(first, last)
    for k, name in enumerate(AROUND):
        box(name, 1.2 + 2.37 * k, 0.8, 2.22)
    plan.say(9.5, 1.75, "around the network")
    plan.figure.alt = (
        f"Map of the course{f', with notebook {number} in orange: {what}' if number else ''}. "
        "The network: an image, 03 "
        "the first layer, a block of 04, 05 or 06, 07 the sums, 02 the softmax, 01 nats. Around "
        f"it: {', '.join(f'{name} {COURSE[name][0]}' for name in AROUND)}."
    )
    return plan.figure
