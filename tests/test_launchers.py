"""A shell inside a Slurm job has its variables, and is one process all the same."""

import os
import subprocess
import sys

import pytest

from pixelrnn_np.parallel import ranks
from pixelrnn_np.parallel.ranks import launched

SLURM = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "8"}
SAMPLE = ["sample", "--pretrained", "digits-diagonal_bilstm", "-n", "1", "--quiet", "-o"]


def shell(*words, **variables):
    return subprocess.run(
        [sys.executable, "-m", "pixelrnn_np", *map(str, words)], env=os.environ | variables,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("words", [
    [], ["--help"], ["train", "--help"], ["pretrained"], ["pretrained", "digits-diagonal_bilstm"],
], ids=" ".join)  # fmt: skip
def test_help_and_lists_need_no_ranks(words):
    done = shell(*words, **SLURM)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout
    assert shell(*words, **SLURM | {"SLURM_PROCID": "3"}).stdout == "", "rank 0 alone speaks"


def test_check_and_bad_options_need_no_ranks(tmp_path):
    done = shell("check", "--model", "pixelcnn", **SLURM)
    assert done.returncode == 0 and "leaks, by gradient" in done.stdout
    done = shell("tarin", **SLURM)
    assert done.returncode == 2 and done.stderr.startswith("error: No such command")
    done = shell("tarin", **SLURM | {"SLURM_PROCID": "1"})
    assert (done.returncode, done.stderr) == (2, "")


def test_where_nobody_is_at_the_keyboard_it_says_what_to_do(tmp_path):
    """As srun without an MPI would start it: eight processes that each think they are alone."""
    done = shell(*SAMPLE, tmp_path / "a.png", **SLURM)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: 8 processes were started")
    assert done.stderr.strip().endswith("a shell in a job does, unset SLURM_PROCID")
    assert not list(tmp_path.iterdir())
    done = shell(*SAMPLE, tmp_path / "a.png", SLURM_STEP_NUM_TASKS="8")
    assert done.returncode == 0 and (tmp_path / "a.png").exists(), done.stderr


def test_a_shell_goes_on_alone_with_a_word(tmp_path):
    done = shell(*SAMPLE, tmp_path / "a.png", **SLURM, SLURM_PTY_PORT="4711")
    assert done.returncode == 0 and (tmp_path / "a.png").exists(), done.stderr
    assert done.stderr.count("in a Slurm step of 8 tasks: this process goes on alone") == 1


@pytest.fixture
def slurm(monkeypatch):
    for name in (name for names in ranks.LAUNCHERS for name in names):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SLURM_PTY_PORT", raising=False)
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_a_terminal_is_a_shells(slurm, monkeypatch):
    ends = os.openpty()
    with open(ends[1]) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert launched() == (0, 1)
        monkeypatch.setenv("PMI_RANK", "2")
        monkeypatch.setenv("PMI_SIZE", "4")
        assert launched() == (2, 4), "mpiexec was called in that shell"
    os.close(ends[0])


def test_a_task_of_srun_is_none(slurm, monkeypatch):
    for stdin in (None, open(os.devnull)):  # noqa: SIM115
        monkeypatch.setattr(sys, "stdin", stdin)
        assert launched() == (0, 8)
    stdin.close()
    assert launched() == (0, 8)
