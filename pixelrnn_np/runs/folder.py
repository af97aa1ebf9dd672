"""A run's folder on the disk: one writer at a time; what is damaged is set aside. Not the paper."""

import contextlib
import errno
import os
import re
from pathlib import Path

LOCK = ".lock"
BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
MISSING = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


class Lock:
    """Holds a folder, which is made if it is missing, until `release` or the end of the process.

    The lock is the operating system's, on an open file: a kill releases it, and a file that stays
    behind means nothing. (The library filelock falls back to a file that does, where a file system
    has no locks.) `held` is False on such a file system. Raises ValueError if another run has it,
    OSError, which names the folder, if it cannot be made or written to.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._process = os.getpid()
        self._made = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        self._file = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.held = self._acquire(self.folder / LOCK)
        except OSError as e:
            self._remove_made()
            raise type(e)(e.errno, e.strerror, str(self.folder)) from None

    def _acquire(self, path):
        while True:
            self._file = open(path, "ab")  # noqa: SIM115  open as long as the lock is held
            try:
                _lock(self._file)
            except OSError as e:
                self._file.close()
                if e.errno in MISSING:
                    return False
                if e.errno not in BUSY:
                    raise
                raise ValueError(
                    f"{self.folder} is in use: another run is writing there. Wait for its end, "
                    "stop it, or name another folder"
                ) from None
            if _same(self._file, path):
                return True
            self._file.close()  # its holder removed it between our open and our lock

    def release(self):
        """Also removes the folder if the lock made it and nothing was put there.

        In a forked process the lock is still its parent's.
        """
        if self._process != os.getpid():
            return
        if self._file is not None and not self._file.closed:
            with contextlib.suppress(OSError):  # while it is held: nobody else can have it
                (self.folder / LOCK).unlink()
            self._file.close()
        self._remove_made()

    def _remove_made(self):
        with contextlib.suppress(OSError):  # it ends at the first that holds something
            for path in self._made:
                path.rmdir()


def _same(file, path):
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


if os.name == "nt":

    def _lock(file):
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:

    def _lock(file):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_leftovers(folder, names):
    """Removes what writing files of these names left behind when it was killed."""
    pattern = re.compile(rf"\.({'|'.join(map(re.escape, names))})\.[0-9a-f]{{8}}\.tmp")
    for path in Path(folder).iterdir():
        if pattern.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def set_aside(path, why):
    """Renames a.b to a.WHY-1.b, or the first such name that is free; returns the new path."""
    path, n = Path(path), 1
    while (target := path.with_name(f"{path.stem}.{why}-{n}{path.suffix}")).exists():
        n += 1
    os.replace(path, target)
    return target
