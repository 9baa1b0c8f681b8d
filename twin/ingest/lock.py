"""One ingester for a configuration: a lock that ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from twin.errors import Fault, InputError, Locked

ATTEMPTS, PAUSE = 3, 0.1
"""Whoever asks for the status holds the lock for an instant too."""


@contextmanager
def only_one(lock: Path, what: str) -> Iterator[None]:
    """Hold a lock that the system lets go of when the process ends, however it ends.

    Raises
    ------
    Locked
        At once, if another process holds it.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("a")
    except OSError as error:
        fault = Fault("", f"cannot be written: {error.strerror}", "set state: to another folder")
        raise InputError(str(lock), [fault]) from None
    with handle:
        if not any(_taken(handle, attempt) for attempt in range(ATTEMPTS)):
            raise Locked(f"{what}: another process holds {lock}; stop it first")
        yield


def _taken(handle: IO[str], attempt: int) -> bool:
    if attempt:
        time.sleep(PAUSE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(lock: Path) -> bool:
    """Whether a process holds the lock."""
    try:
        with lock.open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
