"""What the tests of the command line share: the options of a tiny run, the bytes in a folder."""

TINY = ["--model", "pixelcnn", "--h", "2", "--layers", "1", "--head", "4", "--quiet"]


def tree(folder):
    return {p: p.is_file() and p.read_bytes() for p in folder.rglob("*")}
