"""Work in a process of its own: it tells what it finds on the way and can be ended at any time.

A worker ends with the program that started it, whatever ends that; Ctrl-C is the program's to
answer. What a worker sends is told in the order of sending, its failure last.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

JOIN_SECONDS = 1.0
"""A killed process is gone at once; this is for a machine out of breath."""


@dataclass(frozen=True)
class Failure:
    """The last word of a worker that did not come to its end."""

    reason: str


class Desk:
    """What workers and their caller read at any time: the best value, the order to stop, the clock.

    Parameters
    ----------
    context
        Of :mod:`multiprocessing`, by which the workers are started.
    """

    def __init__(self, context: Any, deadline: float) -> None:
        self._upper = context.RawValue("d", math.inf)
        self._multiplier = context.RawValue("d", 0.0)
        self._is_over = context.RawValue("b", 0)
        self.deadline = deadline
        """Instant of :func:`time.monotonic` [s] by which work is to end."""

    @property
    def upper(self) -> float:
        """Value of the best complete plan so far; infinite without one."""
        return float(self._upper.value)

    @upper.setter
    def upper(self, value: float) -> None:
        self._upper.value = value

    @property
    def multiplier(self) -> float:
        """Price of carbon that brings plans about to their cap [currency/kgCO2e]; 0 if unknown."""
        return float(self._multiplier.value)

    @multiplier.setter
    def multiplier(self, value: float) -> None:
        self._multiplier.value = value

    def stop(self) -> None:
        self._is_over.value = 1

    def must_stop(self) -> bool:
        return bool(self._is_over.value)

    def seconds_left(self) -> float:
        return max(self.deadline - time.monotonic(), 0.0)


Tell = Callable[[object], None]
Work = Callable[[Desk, Tell], None]
"""What a worker does; for processes that cannot be forked it has to be picklable."""


class Worker:
    """A process that works, as its caller sees it."""

    def __init__(self, context: Any, name: str, work: Work, desk: Desk) -> None:
        self.name = name
        self.failure: Failure | None = None
        self.is_over = False
        self.connection, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_main, args=(work, desk, theirs), name=name, daemon=True
        )
        self._process.start()
        theirs.close()

    def heard(self) -> list[object]:
        """What it has told since it was last heard; its failure is kept aside."""
        messages: list[object] = []
        try:
            while not self.is_over and self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Failure):
                    self.failure = message
                elif message is None:
                    self.is_over = True
                else:
                    messages.append(message)
        except (EOFError, OSError):
            self._end_is_unexplained()
        return messages

    def _end_is_unexplained(self) -> None:
        self.is_over = True
        self._process.join(JOIN_SECONDS)
        code = self._process.exitcode
        self.failure = self.failure or Failure(f"its process ended with code {code}")

    def end(self) -> None:
        """Kill the process and forget it."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join(JOIN_SECONDS)
        self.connection.close()
        if self._process.exitcode is not None:
            self._process.close()


def process_context() -> Any:
    """Forked workers start at once, but only a program of one thread may fork safely.

    HiGHS may have started threads of its own, which a forked process would wait for in vain.
    """
    is_alone = threading.active_count() == 1 and "highspy" not in sys.modules
    can_fork = is_alone and "fork" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if can_fork else "spawn")


def wait_for(workers: list[Worker], seconds: float) -> None:
    """Until one of the workers tells something or ends, for so many seconds at most."""
    listening = [w.connection for w in workers if not w.is_over]
    if listening:
        connection.wait(listening, seconds)
    else:
        time.sleep(seconds)


def _main(work: Work, desk: Desk, outlet: Any) -> None:
    """Life of a worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a forked worker has the program's own answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(desk, outlet.send)
    except Exception as error:  # whatever it is, the caller has to hear of it
        outlet.send(Failure(f"{type(error).__name__}: {error}"))
    outlet.send(None)
    outlet.close()


def _end_with_parent() -> None:
    """A killed program cannot stop its workers, which would work on for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
