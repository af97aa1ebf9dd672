"""Directives for the command line's guide: a command's help, and an example with what it shows.

```{command-help} train        ```{example} train        ```{all-commands}
```                            ```                       ```
"""

import json

import click
import typer
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from pixelrnn_np.cli.app import app as command_line

WIDTH = 88


def commands():
    """{name: click command}, in the order of `--help`."""
    return typer.main.get_command(command_line).commands


def help_text(name):
    command = commands()[name]
    with click.Context(command, info_name=f"pixelrnn {name}", max_content_width=WIDTH,
                       terminal_width=WIDTH) as context:  # fmt: skip
        return command.get_help(context)


def folded(command, width=72):
    """A command on several lines of a shell, each of them short."""
    lines = [""]
    for word in command.replace(" -", "\0-").split("\0"):
        if lines[-1] and len(lines[-1]) + len(word) > width:
            lines.append("    ")
        lines[-1] += word + " "
    return " \\\n".join(line.rstrip() for line in lines)


def example_text(example):
    """An example as Markdown."""
    parts = [f"```shell\n{folded(example['command'])}\n```"]
    if not example.get("shows"):
        parts.append(f"```{{literalinclude}} /guide/examples/{example['name']}.txt\n"
                     ":language: text\n```")  # fmt: skip
    for k, shown in enumerate(example.get("shows", ())):
        picture = f"/guide/examples/{example['name']}-{k + 1}.{shown.rsplit('.', 1)[1]}"
        parts.append(f":::{{figure}} {picture}\n:alt: {example['alt'][k]}\n\n"
                     f"{example['caption'][k]}\n:::")  # fmt: skip
    return "\n\n".join(parts)


class Parsed(SphinxDirective):
    """Shows the Markdown that `text` returns."""

    required_arguments = 1

    def run(self):
        box = nodes.container()
        box.document = self.state.document
        lines = StringList(self.text().splitlines(), self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, box)
        return box.children


class CommandHelp(Parsed):
    def text(self):
        name = self.arguments[0]
        if name not in commands():
            raise self.error(f"there is no command {name}")
        return f":::{{dropdown}} `pixelrnn {name} --help`\n```text\n{help_text(name)}\n```\n:::"


class Example(Parsed):
    def text(self):
        path = f"{self.env.srcdir}/guide/examples.json"
        self.env.note_dependency(path)
        with open(path, encoding="utf-8") as f:
            named = {example["name"]: example for example in json.load(f)}
        if self.arguments[0] not in named:
            raise self.error(f"{path} has no example {self.arguments[0]}")
        return example_text(named[self.arguments[0]])


class AllCommands(Parsed):
    required_arguments = 0

    def text(self):
        return "\n\n".join(f"## {name}\n\n```text\n{help_text(name)}\n```" for name in commands())


def setup(app):
    app.add_directive("command-help", CommandHelp)
    app.add_directive("example", Example)
    app.add_directive("all-commands", AllCommands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
