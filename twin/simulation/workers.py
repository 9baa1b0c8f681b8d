"""Numbered work spread over threads or processes; results in the order of the numbers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from multiprocessing import connection
from typing import Any, Protocol, TypeVar

DEFAULT_WORKERS = 2

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Series(Protocol[T_co]):
    """Work that differs by a number only. For processes it must be picklable."""

    def begin(self) -> Callable[[int], T_co]:
        """What does it; asked for once by each worker."""
        ...


def run_series(
    series: Series[T],
    numbers: range,
    *,
    workers: int | None = None,
    in_threads: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[T]:
    """Results in the order of the numbers, the same for any number of workers.

    Parameters
    ----------
    workers
        Threads or processes; two, or one on a single core, when left out.
    progress
        Called with the number done and the number wanted.
    cancelled
        Asked before each piece of work; once true, what is finished is returned: the first so many.
    """
    wanted = min(workers or DEFAULT_WORKERS, os.cpu_count() or 1, len(numbers))
    report = progress or (lambda done, total: None)
    is_cancelled = cancelled or (lambda: False)
    if wanted > 1 and in_threads:
        with ThreadPoolExecutor(wanted, initializer=_remember, initargs=(series,)) as threads:
            return _hand_out(threads, wanted, numbers, report, is_cancelled)
    if wanted > 1:
        start = (wanted, _context(), _remember_in_process, (series,))
        with ProcessPoolExecutor(*start) as processes:
            try:
                return _hand_out(processes, wanted, numbers, report, is_cancelled)
            except KeyboardInterrupt:  # asked to leave at once: nobody waits for what is half done
                for child in multiprocessing.active_children():
                    child.terminate()
                raise
    results: list[T] = []
    run = None
    for number in numbers:
        if is_cancelled():
            break
        run = run or series.begin()
        results.append(run(number))
        report(len(results), len(numbers))
    return results


def _hand_out(
    pool: Executor,
    workers: int,
    numbers: range,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> list[Any]:
    """Hand work out in order, two pieces a worker at a time, so that a cancellation is quick."""
    results: dict[int, Any] = {}
    running: dict[Future[Any], int] = {}
    left = iter(numbers)
    while True:
        while len(running) < 2 * workers and not cancelled():
            number = next(left, None)
            if number is None:
                break
            running[pool.submit(_run, number)] = number
        if not running:
            return [results[number] for number in sorted(results)]
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            results[running.pop(future)] = future.result()
            progress(len(results), len(numbers))


def _context() -> Any:
    """Forked workers start at once, but only a program of one thread may fork safely."""
    can_fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    return multiprocessing.get_context("fork" if can_fork else "spawn")


class _Worker(threading.local):
    """What this worker, a thread or the thread of a process, has to do."""

    series: Series[Any]
    run: Callable[[int], Any] | None = None


_worker = _Worker()


def _remember(series: Series[Any]) -> None:
    _worker.series = series
    _worker.run = None


def _remember_in_process(series: Series[Any]) -> None:
    _remember(series)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program itself decides what is kept
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a forked worker has the program's own answer
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed program cannot stop its workers, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _run(number: int) -> Any:
    if _worker.run is None:
        _worker.run = _worker.series.begin()
    return _worker.run(number)
