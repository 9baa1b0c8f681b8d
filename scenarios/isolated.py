"""Work in a process of its own, so that whatever becomes of it the job goes on.

The process is a fork, so nothing is handed over; it sends its progress and its result back. It ends
with its parent, even where the parent is killed.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from time import monotonic
from typing import Any, TypeVar, cast

from scenarios.run import Progress
from twin.errors import InputError, NoriaError

T = TypeVar("T")
ENDING_S = 5.0
"""What a process that has closed its pipe is given to end."""
_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class WorkFailed(Exception):
    """The work failed, was killed, or did not end in time; the text says which."""


def isolated(work: Callable[[Progress], T], limit_s: float, progress: Progress) -> T:
    """What ``work(progress)`` returns, computed in another process.

    Raises
    ------
    NoriaError
        As raised by the work.
    WorkFailed
        When it raised anything else, ended without a word, or took longer than ``limit_s`` [s].
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, work, os.getpid()))
    with warnings.catch_warnings():
        # Other threads of this process draw a progress bar at most: the child never waits for them.
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
        process.start()
    theirs.close()
    try:
        return cast(T, _followed(ours, limit_s, progress))
    except EOFError:
        process.join(ENDING_S)
        raise WorkFailed(_ended(process.exitcode)) from None
    finally:
        _end(process)
        process.join()
        ours.close()


def _followed(pipe: Connection, limit_s: float, progress: Progress) -> Any:
    """Pass on the progress until there is a result."""
    end = monotonic() + limit_s
    while True:
        if not pipe.poll(max(end - monotonic(), 0.0)):
            raise WorkFailed(f"it did not end within {limit_s:g} s")
        match pipe.recv():
            case ("progress", step, done, total):
                progress(step, done, total)
            case ("done", result):
                return result
            case ("refused", kind, arguments):
                raise kind(*arguments)
            case ("failed", text):
                raise WorkFailed(text)


def _child(pipe: Connection, work: Callable[[Progress], Any], parent: int) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it died before this process could be told to end with it
    try:
        result = work(lambda step, done, total: pipe.send(("progress", step, done, total)))
        pipe.send(("done", result))
    except NoriaError as error:
        arguments = (error.source, error.faults) if isinstance(error, InputError) else error.args
        pipe.send(("refused", type(error), arguments))
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with code {code} and no result"


def _end(process: ForkProcess) -> None:
    """End the process and all it started."""
    if process.pid is not None:
        with suppress(ProcessLookupError):  # over, or not yet come to have a group of its own
            os.killpg(process.pid, signal.SIGKILL)
    if process.exitcode is None:
        process.kill()
