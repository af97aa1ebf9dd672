"""A formula in a line of text keeps the sign that follows it: no line begins with a comma."""

import re

from docutils import nodes

FOLLOWING = re.compile(r"[,.;:!?)\]’”]+|-\w+")  # "x, y", "(see x).", "the t-th step"


def keep_punctuation(app, doctree):
    """Wraps each formula and the signs right after it in an inline node that does not break."""
    for math in list(doctree.findall(nodes.math)):
        parent, place = math.parent, math.parent.index(math)
        after = parent[place + 1] if place + 1 < len(parent) else None
        found = isinstance(after, nodes.Text) and FOLLOWING.match(after.astext())
        if found:
            whole = nodes.inline(classes=["whole"])
            whole += [math.deepcopy(), nodes.Text(found[0])]
            rest = after.astext()[found.end() :]
            parent[place : place + 2] = [whole, *([nodes.Text(rest)] if rest else [])]
