"""Text files that appear whole or not at all: no reader, and no kill, ever meets half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_text(path: Path, text: str) -> None:
    """Replace a file in one stroke; folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def is_full(error: BaseException) -> bool:
    """Whether something failed for want of room on the disk, or of a quota."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def room_for(place: Path, remains: str = "nothing half-written remains") -> Iterator[None]:
    """Tell a full disk from other failures of the block; ``place`` is where it writes.

    Raises
    ------
    DiskFull
        Instead of the system's own error; every other error passes as it is.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        named = error.filename2 or error.filename or place
        raise DiskFull(
            f"{named}: no room left on the disk ({error.strerror}); {remains}; free some and run "
            "again"
        ) from None
