"""Files that processes lock: whoever dies lets go."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until no other process holds a file; a lock ends with the process that holds it."""
    with file.open("ab+") as stream:
        _acquire(stream.fileno())
        try:
            yield
        finally:
            _release(stream.fileno())


if sys.platform == "win32":

    def _acquire(descriptor: int) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
            return

    def _release(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def try_to_hold(_: int) -> bool:
        """Hold an open file alone, unless another process holds it."""
        return True  # there is no service on this system

    def share(_: int) -> bool:
        """Hold an open file beside others, unless another process holds it alone."""
        return True

    def sync(_: Path) -> None:
        """Have the names in a folder survive a loss of power: here folders cannot be opened."""

else:

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def try_to_hold(descriptor: int) -> bool:
        """Hold an open file alone, unless another process holds it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(descriptor: int) -> bool:
        """Hold an open file beside others, unless another process holds it alone."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sync(folder: Path) -> None:
        """Have the names in a folder survive a loss of power."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
