"""Thousands of hostile files for every file reader: a clear error or a right result, never worse.

    python -m tests.soak.fuzz --files 10000 --seed 0 [--readers idx npz …] [--keep FOLDER]

Each reader works in a process of its own, so that a crash or a hang is caught and the file that did
it is known. What fails: a crash; 10 seconds of a processor, or 5 minutes of waiting; an exception
that is not ValueError or OSError, or whose message is not one line or does not name the file; a
wrong result; 256 MiB more memory than before (of address space: a limit of 512 MiB on top); a file
written anywhere but in the reader's own folder, and a process, a connection or an unpickling (by
Python's audit events). File k of seed s is the same every time; --keep keeps those that failed, as
READER-s-k. Files are written anew all the time: TMPDIR may name a folder in memory.
Exits 1 if any file failed.
"""

import argparse
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

SECONDS, WAIT, MORE_MEMORY, MORE_ADDRESSES = 10, 300, 256 * 2**20, 512 * 2**20
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "subprocess.Popen",
             "socket.", "pickle.", "ctypes.dlopen", "shutil.", "ftplib.", "urllib.")  # fmt: skip
NUMBAS = ("open", "os.", "pickle.", "ctypes.")
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod",
           "os.truncate", "os.mkfifo")  # fmt: skip


class Guard:
    """Notes every audit event of a kind that reading a file has no use for.

    folder: the only one where files may be written.
    """

    def __init__(self, folder):
        self.folder, self.found, self.armed = os.path.realpath(folder), [], False
        sys.addaudithook(self.hear)

    def hear(self, event, args):
        if not self.armed or (event.startswith(NUMBAS) and numba_asks()):
            return
        if event == "open":
            path, mode, flags = args
            writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            if (mode and set(mode) & set("wax+")) or (flags or 0) & writes:
                self.check(event, path)
        elif event in CHANGES:
            paths = args[:2] if event in ("os.rename", "os.link", "os.symlink") else args[:1]
            for path in paths:
                self.check(event, path)
        elif event.startswith(FORBIDDEN):
            self.found.append(f"{event} {args!r}")

    def check(self, event, path):
        if isinstance(path, int):
            return
        place = os.path.realpath(os.fsdecode(path))
        if os.path.commonpath([place, self.folder]) != self.folder and place != os.devnull:
            self.found.append(f"{event} {place}")


def numba_asks():
    """Whether it is Numba, which keeps compiled kernels in a cache of its own."""
    frame = sys._getframe()
    while frame is not None:
        if "numba" in Path(frame.f_code.co_filename).parts:
            return True
        frame = frame.f_back
    return False


def attempt(reader, guard):
    """ "right", "refused", or what was wrong, in a line."""
    guard.found.clear()
    guard.armed = True
    try:
        reader.read()
        result = "right"
    except (ValueError, OSError) as e:
        said = str(e)
        named = str(reader.path) in said or str(getattr(e, "filename", "")) == str(reader.path)
        result = "refused"
        if not named or "\n" in said:
            result = f"unclear: {type(e).__name__}: {said[:300]!r} {where(e)}"
    except BaseException as e:
        result = f"raised {type(e).__name__}: {str(e)[:300]!r} {where(e)}"
    finally:
        guard.armed = False
    return f"did {guard.found[0]}" if guard.found else result


def where(error):
    frames = traceback.extract_tb(error.__traceback__)[-2:]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def work(name, seed, start, stop, folder):
    """Reads the files start … stop-1; prints a line for each."""
    from .fuzz_readers import READERS

    reader, guard = READERS[name](folder), Guard(folder)
    reader.warm()
    for k in range(50):
        reader.write(seed + 1, k)
        attempt(reader, guard)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = tree(folder.parent)
    for k in range(start, stop):
        reader.write(seed, k)
        most, begun = memory(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process
        result = attempt(reader, guard)
        signal.setitimer(signal.ITIMER_PROF, 0)
        took, more = time.process_time() - begun, memory() - most
        if more > MORE_MEMORY:
            result = f"took {more / 2**20:.0f} MiB: {result}"
        if tree(folder.parent) != before:
            result, before = "changed other files", tree(folder.parent)
        line = " ".join(result.split()).encode("ascii", "backslashreplace").decode()
        print(f"{k}\t{took:.4f}\t{max(more, 0)}\t{line}", flush=True)


def tree(folder):
    """Names and sizes of what lies beside the reader's own folder."""
    return sorted((p.name, p.stat().st_size) for p in folder.iterdir() if p.is_file())


def supervise(name, seed, files, folder, kept):
    """One reader over all its files; {outcome: count}, failures, most CPU seconds, most memory."""
    counts, failures, longest, most, k = Counter(), [], 0.0, 0, 0
    while k < files:
        place = Path(tempfile.mkdtemp(dir=folder)) / "own"
        place.mkdir()
        command = [sys.executable, "-m", __spec__.name, "--work", name, "--seed", seed,
                   "--start", k, "--files", files, "--folder", place]  # fmt: skip
        child = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE)
        begun = k
        for line in lines(child):
            number, took, more, result = line.split("\t")
            k, longest = int(number) + 1, max(longest, float(took))
            most = max(most, int(more))
            good = result in ("right", "refused")
            counts[result if good else "failed"] += 1
            if not good:
                failures.append((k - 1, result))
                keep(kept, place, name, seed, k - 1)
        code = child.wait()
        if k < files:
            hung = code in (-signal.SIGKILL, -signal.SIGPROF)
            why = "no answer in time" if hung else f"the process ended with {code}"
            counts["failed"] += 1
            failures.append((k, why))
            keep(kept, place, name, seed, k)
            if k == begun and not hung and len(failures) > 20:
                break
            k += 1
        shutil.rmtree(place.parent)
    return counts, failures, longest, most


def lines(child):
    """What the child prints, line by line; it is killed if it is silent for too long."""
    buffer = b""
    while True:
        ready, _, _ = select.select([child.stdout], [], [], WAIT)
        if not ready:
            child.kill()
            return
        data = os.read(child.stdout.fileno(), 2**16)
        if not data:
            return
        *whole, buffer = (buffer + data).split(b"\n")
        for line in whole:
            if b"\t" in line:
                yield line.decode()


def keep(kept, place, name, seed, k):
    from .fuzz_readers import READERS

    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        path = place / READERS[name].filename
        if path.exists():
            shutil.copyfile(path, kept / f"{name}-{seed}-{k}")


def main(arguments=None):
    from .fuzz_readers import READERS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000, help="for every reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", nargs="*", choices=list(READERS), default=list(READERS))
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    parser.add_argument("--work", choices=list(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        work(options.work, options.seed, options.start, options.files, options.folder)
        return 0
    heads = ("files", "right", "refused", "failed", "most CPU s", "most MiB")
    print(f"{'reader':<12}" + "".join(f"{h:>11}" for h in heads))
    failed = 0
    for name in options.readers:
        with tempfile.TemporaryDirectory() as folder:
            counts, failures, longest, most = supervise(
                name, options.seed, options.files, folder, options.keep
            )
        row = (counts.total(), counts["right"], counts["refused"], counts["failed"])
        shown = [*map(str, row), f"{longest:.2f}", f"{most / 2**20:.0f}"]
        print(f"{name:<12}" + "".join(f"{s:>11}" for s in shown), flush=True)
        for k, why in failures[:20]:
            print(f"    {name}, seed {options.seed}, file {k}: {why}", flush=True)
        failed += len(failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
