"""Generated files are touched only where they change, so that Sphinx builds again what did."""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="\n")


def keep_only(folder, pattern, wanted):
    """Removes the files of an older build that match and are not wanted any more."""
    for path in set(folder.glob(pattern)) - set(wanted):
        path.unlink()
