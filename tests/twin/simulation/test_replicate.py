"""Many replications: the same results however they are spread over workers."""

import threading
from typing import Any

import pytest

from twin.model.events import EventLog
from twin.simulation.simulate import replicate, simulate


def last_completion(log: EventLog) -> float:
    return float(log.of_kind("complete")["time"].max().timestamp())


@pytest.fixture(scope="module")
def arguments(small: Any, small_orders: Any, shop: Any) -> dict[str, Any]:
    return {"plant": small, "orders": small_orders, "state": shop(), "measure": last_completion}


def test_results_do_not_depend_on_the_number_of_workers(arguments: dict[str, Any]) -> None:
    alone = replicate(**arguments, replications=6, workers=1)
    assert replicate(**arguments, replications=6, workers=2) == alone
    assert len(set(alone)) == 6


def test_a_program_with_threads_starts_its_workers_afresh(arguments: dict[str, Any]) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        spread = replicate(**arguments, replications=2, workers=2)
    finally:
        done.set()
        thread.join()
    assert spread == replicate(**arguments, replications=2, workers=1)


def test_results_come_in_the_order_of_replications(arguments: dict[str, Any]) -> None:
    plant, orders, state = (arguments[name] for name in ("plant", "orders", "state"))
    logs = [simulate(plant, orders, state=state, replication=r) for r in range(3)]
    results = replicate(**arguments, replications=3, workers=1)
    assert results == [last_completion(log) for log in logs]


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_up_to_all(arguments: dict[str, Any], workers: int) -> None:
    seen: list[tuple[int, int]] = []
    replicate(
        **arguments, replications=4, workers=workers, progress=lambda n, of: seen.append((n, of))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cancelled_run_returns_what_it_has_finished(
    arguments: dict[str, Any], workers: int
) -> None:
    done: list[int] = []
    results = replicate(
        **arguments,
        replications=500,
        workers=workers,
        progress=lambda n, of: done.append(n),
        cancelled=lambda: len(done) >= 3,
    )
    assert 3 <= len(results) == len(done) < 20
    assert results == replicate(**arguments, replications=len(results), workers=1)


def test_a_plan_for_another_start_is_refused(small: Any, small_orders: Any, shop: Any) -> None:
    from twin.model.horizon import Horizon
    from twin.model.schedule import Schedule

    other = Schedule(Horizon(small.horizon.end, 1440), ())
    with pytest.raises(ValueError, match="the schedule starts at"):
        simulate(small, small_orders, state=shop(), schedule=other)
