"""README.md for the package index: there are no files beside it, so its links become addresses."""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
LINK = re.compile(r"(\]\()(?!\w+:|#)([^)\s]+)")


def with_addresses(text, source):
    """Markdown whose relative links start at `source`, the project's page of files."""
    return LINK.sub(lambda m: f"{m[1]}{source}/{m[2]}", text)


def main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=with_addresses(
            (ROOT / "README.md").read_text(encoding="utf-8"), project["urls"]["Source"]
        ),
        long_description_content_type="text/markdown",
    )


if __name__ == "__main__":
    main()
