"""Several processes give what one gives; one that dies ends the job; rank 0 alone writes.

mpiexec is MPICH's, from the package `mpich`; more ranks than processors are slower, not wrong.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mpi_job
import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import checkpoint
from pixelrnn_np.cli.spread import shares
from pixelrnn_np.parallel.alone import Alone
from pixelrnn_np.runs.reading import CHECKPOINT, load_checkpoint

MPIEXEC = str(Path(sys.executable).with_name("mpiexec"))
HERE = Path(MPIEXEC).exists() and importlib.util.find_spec("mpi4py") is not None
NONE = "there is no MPI beside this Python: pip install -e '.[mpi]' brings one"
needs_mpi = pytest.mark.skipif(not HERE, reason=NONE)
JOB = [sys.executable, mpi_job.__file__]
COMMAND = [sys.executable, "-m", "pixelrnn_np"]
# Digits are 8×8, 32 to a shard: 5 shards in a batch, 9 updates in an epoch.
TRAIN = [
    "train", "--model", "pixelcnn", "--layers", "1", "--h", "4", "--batch-size", "150", "--epochs",
    "3", "--samples", "0", "--quiet", "--checkpoint-every", "2", "--warmup", "5",
    "--optimizer", "adam",  # in SOAP's bases what rounding changes grows
]  # fmt: skip


def mpi(*jobs, **options):
    """Runs (ranks, command) …, all in one MPI job; stdout and stderr come as text."""
    if not HERE:
        pytest.skip(NONE)
    words = [MPIEXEC]
    for count, command in jobs:
        words += [*([":"] if len(words) > 1 else []), "-n", str(count), *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def alone():
    chunk = mpi_job.sampling.CHUNK
    yield mpi_job.compute(Alone())
    mpi_job.sampling.CHUNK = chunk


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The run of one process that no fault touched."""
    out = tmp_path_factory.mktemp("alone") / "run"
    words = [*JOB, "pids", out.with_name("pid"), *TRAIN, "--threads", "1", "--out", out]
    subprocess.run(words, check=True, capture_output=True)
    return out


def assert_close(a, b):
    """Two runs' checkpoints hold the same training, up to the order of float64's summation."""
    (x, _, state_x, _), (y, _, state_y, _) = load_checkpoint(a), load_checkpoint(b)
    same = ("step_count", "epoch", "position", "images", "order_state", "settings")
    assert {k: state_x[k] for k in same} == {k: state_y[k] for k in same}
    assert np.abs(x.flat - y.flat).max() < 1e-9 * np.abs(y.flat).max()


@pytest.mark.parametrize("size", [2, 4])
def test_ranks_give_what_one_process_gives(size, alone, tmp_path):
    done = mpi((size, [*JOB, "compute", tmp_path]))
    assert done.returncode == 0, done.stderr
    results = [dict(np.load(tmp_path / f"{rank}.npz")) for rank in range(size)]
    for result in results:
        for name, value in result.items():
            if "threads" not in name:
                assert np.array_equal(value, results[0][name]), f"{name}: the ranks differ"
        for name, value in alone.items():
            kind = name.split()[0]
            if kind in ("sample", "complete", "nll", "nats"):
                assert np.array_equal(result[name], value), name
            elif kind != "crc":
                tolerance = 1e-5 if "float32" in name else 1e-12
                scale = np.abs(value).max()
                np.testing.assert_allclose(
                    result[name], value, rtol=tolerance, atol=tolerance * scale, err_msg=name
                )
        assert len(np.unique(result["drift before"], axis=0)) == size
        assert len(np.unique(result["drift after"], axis=0)) == 1
        assert np.array_equal(result["drift after"][0], result["drift before"][0])
        assert result["told"] == f"rank {size - 1} has other training images than rank 0"
    processors = len(os.sched_getaffinity(0))
    assert [r["threads"].tolist() for r in results] == [[max(1, processors // size), 7]] * size


class Job:
    """A training job in the background whose ranks' process ids are known."""

    def __init__(self, size, out, pids):
        self.out, self.pids = out, [Path(f"{pids}.{r}") for r in range(size)]
        for path in self.pids:
            path.unlink(missing_ok=True)
        command = [*JOB, "pids", str(pids), *TRAIN, "--resume", "--out", str(out)]
        self.process = subprocess.Popen(
            [MPIEXEC, "-n", str(size), *command], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait_for_checkpoint(self):
        path, end = self.out / CHECKPOINT, time.monotonic() + 60
        while not path.exists() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        assert path.exists(), self.process.communicate()[1]

    def signal(self, rank, number):
        os.kill(int(self.pids[rank].read_text()), number)
        begun = time.monotonic()
        _, err = self.process.communicate(timeout=60)
        assert time.monotonic() - begun < 15
        return self.process.returncode, err


@needs_mpi
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_ends_the_job_and_other_numbers_of_ranks_go_on(rank, tmp_path, undisturbed):
    out = tmp_path / "run"
    job = Job(2, out, tmp_path / "pid")
    job.wait_for_checkpoint()
    code, err = job.signal(rank, signal.SIGKILL)
    assert code != 0 and "KILLED" in err.upper()
    checkpoint.load(out / CHECKPOINT)
    pids = tmp_path / "pids"
    done = mpi((1 if rank else 4, [*JOB, "pids", pids, *TRAIN, "--resume", "--out", out]))
    assert done.returncode == 0, done.stderr
    assert_close(out, undisturbed)


@needs_mpi
def test_a_polite_kill_of_one_rank_stops_all_after_the_same_update(tmp_path, undisturbed):
    """The resumed job's second rank cannot see the run's folder, and makes none."""
    out, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    job = Job(2, out, tmp_path / "pid")
    job.wait_for_checkpoint()
    code, err = job.signal(1, signal.SIGTERM)
    assert code == 130 and err.count("saved after update") == 1, err
    assert load_checkpoint(out)[2]["epoch"] < 3
    resume = [*JOB, "pids", tmp_path / "pids", *TRAIN, "--resume", "--out"]
    done = mpi((1, [*resume, out]), (1, [*resume, elsewhere]))
    assert done.returncode == 0, done.stderr
    assert "going on after update" in done.stderr and done.stderr.count("best validation") == 1
    assert not elsewhere.exists() and not list(out.glob(".*"))
    assert_close(out, undisturbed)


@pytest.mark.parametrize(("what", "code", "said"), [
    ("memory", 2, "error: no more of it"), ("mistake", 1, "KeyError: 'a mistake'"),
])  # fmt: skip
def test_an_exception_in_one_rank_ends_all_and_names_it(what, code, said, tmp_path):
    begun = time.monotonic()
    done = mpi((2, [*JOB, "fail", what, *TRAIN, "--out", tmp_path / "run"]))
    assert time.monotonic() - begun < 40
    assert done.returncode == code
    assert done.stderr.count("rank 1 of 2, on ") == 1 and done.stderr.count(said) == 1, done.stderr


@pytest.mark.parametrize(("words", "said"), [
    (["train", "--out", "{tmp}/run", "--epochs", "0"], "error: epochs is 0"),
    (["sample", "--pretrained", "digits-diagonal_bilstm", "-o", "{tmp}/no/x.png"],
     "error: the folder {tmp}/no does not exist"),
])  # fmt: skip
def test_errors_are_said_once(words, said, tmp_path):
    """Those that all ranks meet, and those that only rank 0 does, which alone writes."""
    done = mpi((3, [*COMMAND, *(word.format(tmp=tmp_path) for word in words)]))
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1 and said.format(tmp=tmp_path) in done.stderr
    assert not list(tmp_path.iterdir())


def test_one_rank_without_the_data_ends_the_start(tmp_path):
    (tmp_path / "binarized_mnist.npz").write_bytes(b"damaged")
    train = ["train", "--data", "binarized_mnist", "--out", tmp_path / "run"]
    here = [sys.executable, "-c", f"import os; os.environ['PIXELRNN_DATA'] = {str(tmp_path)!r}; "
            "from pixelrnn_np.cli.app import main; main()"]  # fmt: skip
    done = mpi(
        (1, [*COMMAND, "train", "--out", tmp_path / "run", "--samples", "0"]), (1, [*here, *train])
    )
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1 and "rank 1 of 2" in done.stderr, done.stderr
    assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_evaluate_and_sample_give_the_same_with_ranks(tmp_path):
    outputs = []
    for size in (1, 2):
        name = ["--pretrained", "digits-diagonal_bilstm"]
        picture = tmp_path / f"{size}.png"
        told = mpi((size, [*COMMAND, "evaluate", *name, "--limit", "70"]))
        drawn = mpi((size, [*COMMAND, "sample", *name, "-n", "8", "--quiet", "-o", picture]))
        assert (told.returncode, drawn.returncode) == (0, 0), told.stderr + drawn.stderr
        outputs.append((told.stdout, picture.read_bytes()))
    assert outputs[0] == outputs[1]


def test_too_few_shards_are_told():
    trainer = pr.Trainer(mpi_job.build(), batch_size=65, threads=2)  # three shards
    here = Alone()
    here.size = 2
    assert shares(here, trainer) == (
        "2 ranks on 1 host, 2 threads each: a batch of 65 is 3 shards of 32 images"
    )
    here.size = 4
    assert "only 3 of the 4 ranks have something to do; --batch-size 128" in shares(here, trainer)


def test_without_mpi4py_several_processes_are_refused(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('there is none')")
    done = mpi(
        (3, [*COMMAND, "train", "--out", tmp_path / "run"]),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    assert done.stderr.count("error: 3 processes were started") == 1
    assert "pixelrnn_np[mpi]" in done.stderr and not (tmp_path / "run").exists()


@needs_mpi
def test_a_launcher_of_another_mpi_is_refused(tmp_path):
    """As if Open MPI's mpiexec had started four processes of an mpi4py that runs on MPICH."""
    env = {**os.environ, "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4"}
    words = [*COMMAND, "train", "--out", tmp_path / "run"]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "4 processes were started, but mpi4py finds 1" in done.stderr
    assert not (tmp_path / "run").exists()


def test_one_process_never_imports_mpi4py():
    code = (
        "import sys; from pixelrnn_np.cli import app; app.world(); print('mpi4py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_shares_are_consecutive_and_even():
    for size in (1, 2, 3, 5, 8):
        parts = []
        for rank in range(size):
            here = Alone()
            here.rank, here.size = rank, size
            parts.append(here.part(list(range(5))))
        assert [item for part in parts for item in part] == list(range(5))
        lengths = [len(part) for part in parts]
        assert max(lengths) - min(lengths) <= 1 and lengths[0] == max(lengths)
