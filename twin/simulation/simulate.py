"""One replication of a plant, or many: from a shop state and a plan to event logs."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Generic, TypeVar

from twin.behaviour.dispatching import DispatchingRule, EarliestDueDate
from twin.behaviour.randomness import Luck
from twin.model.compiled import CompiledPlant
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import ShopState
from twin.simulation.simpy_engine import Twin

ENGINE = "SimPy reference"
"""Which simulator this is, for reports."""
DEFAULT_WORKERS = 2

T = TypeVar("T")


def simulate(
    plant: CompiledPlant,
    orders: OrderBook,
    *,
    state: ShopState,
    schedule: Schedule | None = None,
    policy: DispatchingRule = EarliestDueDate(),  # noqa: B008 - frozen, without fields
    seed: int = 0,
    replication: int = 0,
) -> EventLog:
    """What the plant might do over its horizon, as the log its MES would write.

    Parameters
    ----------
    state
        Where orders and work units are at the start of the plant's horizon.
    schedule
        The plan to follow; ``policy`` then decides only on work it leaves out. Without a plan, idle
        units take waiting batches by ``policy`` and preventive tasks are done at their due date.
    seed, replication
        Name the luck. Two plans of the same seed and replication meet the same lives, repairs,
        lot times and scrap.

    Raises
    ------
    NoriaError
        If an order runs on a unit that cannot do it, or full buffers stop each other for good.
    """
    if schedule is not None and schedule.horizon.start != plant.horizon.start:
        raise ValueError(
            f"the schedule starts at {schedule.horizon.start}, the plant was compiled "
            f"for {plant.horizon.start}"
        )
    twin = Twin(plant, orders, state, schedule, policy, Luck(seed, replication))
    return twin.run(f"{ENGINE}, seed {seed}, replication {replication}")


@dataclass(frozen=True)
class _Replications(Generic[T]):
    """Everything about a series of replications but their number."""

    plant: CompiledPlant
    orders: OrderBook
    measure: Callable[[EventLog], T]
    state: ShopState
    schedule: Schedule | None
    policy: DispatchingRule
    seed: int

    def run(self, replication: int) -> T:
        log = simulate(
            self.plant,
            self.orders,
            state=self.state,
            schedule=self.schedule,
            policy=self.policy,
            seed=self.seed,
            replication=replication,
        )
        return self.measure(log)


def replicate(
    plant: CompiledPlant,
    orders: OrderBook,
    measure: Callable[[EventLog], T],
    *,
    state: ShopState,
    schedule: Schedule | None = None,
    policy: DispatchingRule = EarliestDueDate(),  # noqa: B008 - frozen, without fields
    seed: int = 0,
    replications: int = 100,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[T]:
    """Measure many replications; results in the order of replications, for any number of workers.

    Parameters
    ----------
    measure
        From a log to what is kept of it. In a program with threads it must be a function of a
        module (or a ``functools.partial`` of one), as the workers are then started afresh.
    workers
        Processes; two, or one on a single core, when left out.
    progress
        Called with the number done and the number wanted.
    cancelled
        Asked before each replication; once true, the replications already finished are returned.
    """
    series = _Replications(plant, orders, measure, state, schedule, policy, seed)
    wanted = min(workers or DEFAULT_WORKERS, os.cpu_count() or 1, replications)
    report = progress or (lambda done, total: None)
    is_cancelled = cancelled or (lambda: False)
    if wanted > 1:
        return _in_processes(series, replications, wanted, report, is_cancelled)
    results: list[T] = []
    for replication in range(replications):
        if is_cancelled():
            break
        results.append(series.run(replication))
        report(len(results), replications)
    return results


def _in_processes(
    series: _Replications[T],
    replications: int,
    workers: int,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> list[T]:
    """Hand replications out in order, two a worker at a time, so that a cancellation is quick."""
    results: dict[int, T] = {}
    running: dict[Future[T], int] = {}
    numbers = iter(range(replications))
    with ProcessPoolExecutor(workers, _context(), _remember, (series,)) as pool:
        while True:
            while len(running) < 2 * workers and not cancelled():
                number = next(numbers, None)
                if number is None:
                    break
                running[pool.submit(_run, number)] = number
            if not running:
                return [results[number] for number in sorted(results)]
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                results[running.pop(future)] = future.result()
                progress(len(results), replications)


def _context() -> Any:
    """Forked workers start at once, but only a program of one thread may fork safely."""
    can_fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    return multiprocessing.get_context("fork" if can_fork else "spawn")


_series: _Replications[Any] | None = None
"""What a worker process is to run; set once when it starts."""


def _remember(series: _Replications[Any]) -> None:
    global _series
    _series = series
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed program cannot stop its workers, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _run(replication: int) -> Any:
    assert _series is not None
    return _series.run(replication)
