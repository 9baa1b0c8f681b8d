"""Where jobs go: counted job by job, with room for ways that were never taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import read_activity
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.routing import branch_shares, routing_estimates, transitions, with_routing
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

BEGIN = datetime(2026, 11, 2, 5, tzinfo=UTC)
TRUE = {"pack": 0.8, "press": 0.15, "scrap": 0.05}


def branched(shares: dict[str, float]) -> Plant:
    """Press, then pack, or back to the press, or to scrap."""
    processing = {"basis": "order", "time": {"*": 10}}
    unit = {"area": "shop"}
    return Plant.model_validate(
        {
            "id": "branched",
            "timezone": "UTC",
            "areas": [{"id": "shop"}],
            "operations": [{"id": "press"}, {"id": "pack"}],
            "routes": [
                {
                    "id": "r",
                    "operations": ["press", "pack"],
                    "branches": [{"after": "press", "to": shares}],
                }
            ],
            "products": [{"id": "A", "family": "A", "route": "r", "lot_size": 10}],
            "work_units": [
                {**unit, "id": "P-1", "processing": [{**processing, "operation": "press"}]},
                {**unit, "id": "P-2", "processing": [{**processing, "operation": "press"}]},
                {**unit, "id": "K-1", "processing": [{**processing, "operation": "pack"}]},
            ],
        }
    )


@pytest.fixture(scope="module")
def log() -> EventLog:
    horizon = Horizon(BEGIN, 14 * 1440, "UTC")
    orders = OrderBook(
        tuple(
            WorkOrder(
                f"O{i}", "A", 10, BEGIN + timedelta(minutes=12 * i), BEGIN + timedelta(days=9)
            )
            for i in range(1500)
        )
    )
    return simulate(compile_plant(branched(TRUE), horizon), orders, state=ShopState(BEGIN), seed=3)


UNTIL = BEGIN + timedelta(days=14)


def test_shares_come_out_of_the_log_of_a_branched_route(log: EventLog) -> None:
    nominal = branched({"pack": 0.98, "press": 0.01, "scrap": 0.01})
    estimates = list(routing_estimates(read_activity(log, nominal, UNTIL)))
    assert {e.work_unit for e in estimates} == {"P-1", "P-2"}
    inside = [e.low <= TRUE[e.key.partition(" → ")[2]] <= e.high for e in estimates]
    assert sum(inside) >= len(inside) - 1
    (branch,) = with_routing(nominal, estimates).routes[0].branches
    for way, share in TRUE.items():
        assert branch.to[way] == pytest.approx(share, abs=4 * (share * (1 - share) / 1500) ** 0.5)


def test_calibration_puts_them_into_the_plant(log: EventLog) -> None:
    nominal = branched({"pack": 0.98, "press": 0.01, "scrap": 0.01})
    plant = calibrated(nominal, calibrate(log, nominal, UNTIL))
    assert plant.routes[0].branches[0].to["press"] == pytest.approx(0.15, abs=0.04)
    assert Plant.model_validate(plant.model_dump(mode="json")) == plant


def test_a_job_still_waiting_counts_for_no_way(log: EventLog) -> None:
    """Cut off early, the ways are those of the jobs that had left by then."""
    cut = BEGIN + timedelta(days=2)
    estimates = list(routing_estimates(read_activity(log, branched(TRUE), cut)))
    ended = log.until(cut).of_kind("end")
    assert 0 < sum(e.n for e in estimates) / len(TRUE) <= (ended["operation"] == "press").sum()


def test_a_repeat_on_the_same_unit_is_a_way_of_its_own(write: Any) -> None:
    plant = branched({"press": 0.5, "pack": 0.5})
    for n, (t, unit, operation) in enumerate(
        [(0, "P-1", "press"), (10, "P-1", "press"), (20, "P-1", "press"), (30, "K-1", "pack")]
    ):
        write.lot(t, t + 10, unit, "O1", operation, "A", lot="1" if n < 3 else "2", good=10)
    found = routing_estimates(read_activity(write.log, plant, BEGIN + timedelta(days=1)))
    assert {e.key: e.fit for e in found} == {
        "press → press": "2 of 3 jobs", "press → pack": "1 of 3 jobs",
    }  # fmt: skip


def test_a_way_never_taken_keeps_a_share_and_an_interval() -> None:
    shares = branch_shares({"on": 40.0, "back": 10.0, "scrap": 0.0})
    value, low, high = shares["scrap"]
    assert low == 0.0 < value < high < 0.1
    assert sum(value for value, _, _ in shares.values()) == pytest.approx(1.0)


def test_intervals_of_shares_hold_the_truth_as_often_as_they_claim() -> None:
    rng = np.random.default_rng(4)
    truth = np.array([0.7, 0.25, 0.05])
    held = []
    for counts in rng.multinomial(200, truth, 400):
        shares = branch_shares({str(i): float(n) for i, n in enumerate(counts)})
        held += [shares[str(i)][1] <= truth[i] <= shares[str(i)][2] for i in range(3)]
    assert 0.92 < np.mean(held) < 0.98


def test_every_last_operation_is_followed_by_the_end() -> None:
    found = transitions([["a", "b", "a"], ["a"]])
    assert found == {"a": {"b": 1, "end": 2}, "b": {"a": 1}}
