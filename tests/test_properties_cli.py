"""Every command with odd words: it works, or says in one line what is wrong, and ends with 2."""

import contextlib
import io
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixelrnn_np as pr
from pixelrnn_np.cli import app as cli
from pixelrnn_np.cli import coding as cli_coding
from pixelrnn_np.cli import pictures as cli_pictures

TINY = ["--model", "pixelcnn", "--h", "2", "--layers", "0", "--head", "2", "--epochs", "1",
        "--samples", "0"]  # fmt: skip
# Options that take a value, and words that are right for them; every command has odd ones as well.
NUMBER = ["1", "2", "3"]
DRAWING = {"--seed": NUMBER, "--temperature": ["0.5", "1"], "--threads": NUMBER, "-n": NUMBER}
OPTIONS = {
    "train": {
        "--model": ["pixelcnn"], "--data": ["digits"], "--levels": NUMBER, "--epochs": ["1"],
        "--seed": NUMBER, "--threads": NUMBER, "--h": NUMBER, "--layers": ["0", "1"],
        "--head": NUMBER, "--batch-size": ["8"], "--optimizer": ["adam", "rmsprop"],
        "--lr": ["0.01"], "--schedule": ["cosine", "constant"], "--warmup": NUMBER,
        "--ema": ["0", "0.9"], "--clip": ["1"], "--base": ["pixelcnn"], "--factor": ["2"],
        "--scales": ["2"], "--scale": ["0"], "--init": ["RUN"], "--checkpoint-every": NUMBER,
        "--samples": ["0", "2"],
    },
    "evaluate": {"--split": ["test"], "--data": ["digits"], "--limit": NUMBER,
                 "--threads": NUMBER, "--pretrained": ["digits-diagonal_bilstm"]},
    "sample": DRAWING,
    "complete": {**DRAWING, "--mask": ["top", "hole"], "--rows": NUMBER, "--times": NUMBER,
                 "--data": ["digits"], "--image": ["OUT"]},
    "animate": {**DRAWING, "--seconds": ["1"]},
    "explain": {"--seed": NUMBER, "--threads": NUMBER, "-n": NUMBER, "--row": NUMBER,
                "--column": NUMBER, "--data": ["digits"]},
    "compress": {"--limit": NUMBER, "--threads": NUMBER, "--data": ["digits"], "--run": ["RUN"],
                 "--pretrained": ["digits-diagonal_bilstm"]},
    "decompress": {"--threads": NUMBER, "--run": ["RUN"],
                   "--pretrained": ["digits-diagonal_bilstm"]},
    "pretrained": {},
    "check": {"--model": [], "--seed": []},
}  # fmt: skip
FLAGS = ["--quiet", "--resume", "--stochastic", "--exact", "--no-skip", "--no-residual", "--colour"]
ODD = [
    "", " ", "-1", "0", "0.0", "-0.5", "1.5", "nan", "inf", "-inf", "1e400", "9" * 30, "x", "é",
    "１", "-" + "9" * 9, "a\nb", "--", "-", "None", "[1]", "0x10", "1,2", "/dev/null", "%s%n",
    "a" * 5000, "\udcff",
]  # fmt: skip
ENDING = {"sample": "a.png", "complete": "a.png", "explain": "a.png", "animate": "a.gif",
          "compress": "a.pxr", "decompress": "a.npy"}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained run, in which the commands work; data sets are cut short."""
    folder = tmp_path_factory.mktemp("cli")
    model = pr.build_model("pixelcnn", (8, 8, 1), 17, h=2, layers=0, head=2)
    model.save(folder / "RUN")
    (folder / "DATA").write_bytes(pr.compress(model, np.zeros((1, 8, 8, 1), np.uint8)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for module in (cli, cli_pictures, cli_coding):
            patch.setattr(module, "load_data", lambda *a, **k: pr.load_data(*a, **k)[:16])
        yield folder


def call(words):
    shown, said, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["pixelrnn", *words]
    try:
        with (contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said),
              pytest.raises(SystemExit) as e):  # fmt: skip
            cli.main()
    finally:
        sys.argv = before
    return e.value.code or 0, shown.getvalue(), said.getvalue()


def refused(words):
    code, shown, said = call(words)
    assert code in (0, 2), (words, code, said)
    last = said.splitlines()[-1:]
    if code == 2:
        assert shown == "" and said.endswith("\n") and last[0].startswith("error: "), (words, said)
        # Training may have said something before it found a reason to stop.
        assert words[0] == "train" or said.count("\n") == 1, (words, said)
        assert len(last[0]) > len("error: ")
    assert "Traceback" not in said
    return code == 2


@settings(derandomize=True, deadline=None, database=None, max_examples=100,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(st.data())
def test_odd_words(place, data):
    command = data.draw(st.sampled_from(sorted(OPTIONS)))
    options = OPTIONS[command]
    words = [command]
    if command == "train":
        words += [*TINY, "--out", "OUT"]
    elif command not in ("pretrained", "check") and data.draw(st.integers(0, 9)):
        words += ["RUN"]
    if command in ENDING and data.draw(st.integers(0, 9)):
        words += ["-o", ENDING[command]]
    if command == "check":  # a good one takes seconds
        words += ["--model", "x"]
    odd = st.one_of(st.sampled_from(ODD), st.text(max_size=6))
    for name in (
        data.draw(st.lists(st.sampled_from(sorted(options)), max_size=3)) if options else ()
    ):
        right = data.draw(st.booleans()) and options[name]
        words += [name, data.draw(st.sampled_from(options[name]) if right else odd)]
    words += data.draw(st.lists(st.one_of(st.sampled_from(FLAGS), odd), max_size=1))
    if "--help" in words:
        return
    # A NUL cannot be in a command line.
    refused([w.replace("\0", "") for w in words if w != "-h"])


FREE = ("--warmup", "--samples", "--layers", "--ema", "--seed", "--scale", "--row", "--column")
REAL = ("--lr", "--clip", "--seconds", "--temperature")


@pytest.mark.parametrize("command", OPTIONS)
def test_one_odd_word(place, command):
    """An odd value of each option alone; what is taken has to be right for it."""
    base = {
        "train": [*TINY, "--out", "OUT"], "check": ["--model", "x"],
        "compress": ["test", "--run", "RUN"], "decompress": ["DATA", "--run", "RUN"],
    }.get(command, ["RUN"])  # fmt: skip
    base = [*base, "-o", ENDING[command]] if command in ENDING else base
    for i, option in enumerate(OPTIONS[command]):
        if option in ("--init", "--image", "--pretrained", "--run"):
            continue
        for word in ODD[i % 3 :: 3]:
            if not refused([command, *base, option, word]):
                one = word == "１" or (option in FREE and word in ("0", "0.0", "-0"))
                assert one or (option in REAL and word in ("1.5", "9" * 30)), (
                    command,
                    option,
                    word,
                )


@pytest.mark.parametrize("command", ["", *OPTIONS])
def test_an_odd_path_or_word_alone(place, command):
    for word in ODD:
        words = [command, word] if command else [word]
        assert word == "--" or refused(words), words
