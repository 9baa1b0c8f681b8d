"""The state kept event by event is the state that a replay of the whole log gives."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.calibration import following
from twin.calibration.following import Following
from twin.calibration.replay import shop_state
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

PLANTS = Path(__file__).resolve().parents[2] / "plants"
START = datetime(2026, 11, 2, 5, tzinfo=UTC)
Rng = np.random.Generator


def shop(seed: int, name: str = "small") -> tuple[Plant, OrderBook, EventLog]:
    """A plant, its orders, and six days of log."""
    plant = load_plant(PLANTS / f"{name}.yaml")
    products = [product.id for product in plant.products]
    rng = np.random.default_rng(seed)
    orders = OrderBook(
        tuple(
            WorkOrder(
                str(n), products[n % len(products)], int(rng.integers(5_000, 60_000)),
                START + timedelta(hours=float(rng.uniform(0, 72))), START + timedelta(days=4),
            )
            for n in range(14)
        )
    )  # fmt: skip
    compiled = compile_plant(plant, Horizon(START, 6 * 1440, plant.timezone))
    log = simulate(compiled, orders, state=ShopState(START), seed=seed)
    return plant, orders, log


def part(log: EventLog, begin: int, end: int) -> EventLog:
    return EventLog(log.table.iloc[begin:end].reset_index(drop=True))


def assert_same(found: ShopState, truth: ShopState) -> None:
    assert found.orders.keys() == truth.orders.keys()
    for id, state in truth.orders.items():
        own = found.orders[id]
        assert (own.operations_done, own.running_on) == (state.operations_done, state.running_on)
        assert own.done_fraction == pytest.approx(state.done_fraction, abs=1e-9)
    for unit, truly in truth.units.items():
        mine = found.units[unit]
        assert (mine.setup_key, mine.is_on) == (truly.setup_key, truly.is_on), unit
        assert mine.last_maintenance == truly.last_maintenance
        assert mine.unavailable_minutes == pytest.approx(truly.unavailable_minutes, abs=1e-6)
        assert mine.ages == pytest.approx(truly.ages, abs=1e-6), unit


def in_time_order(rng: Rng, log: EventLog) -> EventLog:
    return log


def up_to_some_hours_late(rng: Rng, log: EventLog) -> EventLog:
    """One event in five arrives up to six hours after later ones."""
    late = np.where(rng.random(len(log)) < 0.2, rng.uniform(0, 6 * 60, len(log)), 0.0)
    arrival = log.table["time"] + pd.to_timedelta(late, unit="min")
    order = np.argsort(arrival.to_numpy(), kind="stable")
    return EventLog(log.table.iloc[order].reset_index(drop=True))


def told_twice(rng: Rng, log: EventLog) -> EventLog:
    """One event in ten is told again a while later (by a source that gives it another key)."""
    twice = log.table[rng.random(len(log)) < 0.1]
    return up_to_some_hours_late(rng, EventLog(pd.concat([log.table, twice]).sort_values("time")))


def with_gaps(rng: Rng, log: EventLog) -> EventLog:
    """One event in twelve never arrives, others late."""
    return up_to_some_hours_late(rng, EventLog(log.table[rng.random(len(log)) > 0.08]))


def to_whole_minutes(rng: Rng, log: EventLog) -> EventLog:
    """Many events share an instant, in any order."""
    table = log.table.assign(time=log.table["time"].dt.floor("5min"))
    return EventLog(table.sample(frac=1, random_state=7).sort_values("time", kind="stable"))


@pytest.mark.parametrize(
    "arrival",
    [in_time_order, up_to_some_hours_late, told_twice, with_gaps, to_whole_minutes],
)
@pytest.mark.parametrize(("seed", "name"), [(1, "small"), (2, "small"), (3, "all_features")])
def test_the_state_followed_is_the_state_replayed(
    arrival: Callable[[Rng, EventLog], EventLog], seed: int, name: str
) -> None:
    """At random instants, past and to come, whatever the order of arrival; restarts included."""
    plant, orders, truth = shop(seed, name)
    rng = np.random.default_rng(seed)
    log = arrival(rng, truth)
    found, position = Following(plant), 0
    while position < len(log):
        batch = int(rng.integers(1, max(len(log) // 12, 2)))
        found.take(part(log, position, position + batch))
        position = min(position + batch, len(log))
        arrived = part(log, 0, position)
        newest = arrived.table["time"].max().to_pydatetime()
        instant = newest + timedelta(minutes=float(rng.uniform(-90, 200)))
        found.settle(instant)
        assert_same(found.state(orders, instant), shop_state(arrived, plant, orders, instant))
        if rng.random() < 0.3:
            found = Following.from_dict(json.loads(json.dumps(found.to_dict())), plant)
    assert found.too_late == 0
    assert found.arrived == len(log)


def test_looking_back_an_hour_takes_the_later_events_out_again() -> None:
    plant, orders, log = shop(3)
    found = Following(plant)
    found.take(log)
    for hours in (100, 99, 130, 12):
        instant = START + timedelta(hours=hours)
        assert_same(found.state(orders, instant), shop_state(log, plant, orders, instant))


def test_the_last_days_can_be_looked_at_again() -> None:
    plant, _, log = shop(1)
    found = Following(plant)
    found.take(log)
    end = START + timedelta(days=5)
    found.settle(end)
    begin = end - timedelta(days=2)
    kinds = log.table["event"].isin(following.OF_THE_STATE)
    inside = (log.table["time"] >= pd.Timestamp(begin)) & (log.table["time"] < pd.Timestamp(end))
    truth = log.table[kinds & inside].reset_index(drop=True)
    seen = found.recent(begin, end).table
    names = ["time", "work_unit", "event", "state", "order", "operation", "lot", "quantity"]
    pd.testing.assert_frame_equal(seen[names], truth[names], check_dtype=False)
    assert len(found.recent(end, end)) == 0


def test_an_event_older_than_what_is_settled_is_counted_and_left_out() -> None:
    plant, _, log = shop(1)
    found = Following(plant)
    found.take(log)
    found.settle(START + timedelta(days=5))
    found.take(part(log, 0, 3))
    assert found.too_late == 3


def test_memory_is_that_of_the_latest_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_ROWS", 200)
    plant, orders, log = shop(1)
    found = Following(plant)
    for begin in range(0, len(log), 100):
        found.take(part(log, begin, begin + 100))
        instant = log.table["time"].iloc[min(begin + 99, len(log) - 1)].to_pydatetime()
        found.settle(instant)
        assert len(found.to_dict()["rows"]) <= 300
    assert_same(found.state(orders, instant), shop_state(log, plant, orders, instant))


def test_the_comparison_would_see_a_lost_event() -> None:
    """The control: without one start of a lot the states differ somewhere."""
    plant, orders, log = shop(1)
    start = int(np.flatnonzero(log.table["event"] == "start")[5])
    instant = log.table["time"].iloc[start].to_pydatetime() + timedelta(minutes=1)
    lost = EventLog(log.table.drop(index=start))
    found = Following(plant)
    found.take(lost)
    with pytest.raises(AssertionError):
        assert_same(found.state(orders, instant), shop_state(log, plant, orders, instant))
