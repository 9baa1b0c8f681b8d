"""Moves between two nights, each with a reason that can be looked up in the two plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from twin.accounting.moves import Moves, moves_of
from twin.model.demands import Demands
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Schedule, Segment, Unkept
from twin.model.state import ShopState, UnitState

MONDAY = datetime(2026, 11, 23, 5, tzinfo=UTC)
HORIZON = Horizon(MONDAY, 1440, "UTC", 60)
PRICE = np.array([2.0] * 12 + [1.0] * 12)
"""Cheap from minute 720 on [currency/kWh]."""


@pytest.fixture(scope="module")
def plant() -> Plant:
    units = [
        {
            "id": unit, "area": "a", "power_kw": {"working": 60},
            "processing": [{"operation": "cut", "basis": "piece", "time": {"*": 1}},
                           {"operation": "bend", "basis": "piece", "time": {"*": 1}}],
        }
        for unit in ("M", "N")
    ]  # fmt: skip
    return Plant.model_validate(
        {
            "id": "two", "areas": [{"id": "a"}],
            "operations": [{"id": "cut"}, {"id": "bend"}],
            "routes": [{"id": "r", "operations": ["cut", "bend"]}],
            "products": [{"id": "A", "family": "f", "route": "r"}], "work_units": units,
        }
    )  # fmt: skip


def plan(*rows: tuple[str, str, str, float], start: datetime = MONDAY) -> Schedule:
    """Rows of (order, operation, unit, start), an hour each."""
    segments = tuple(
        Segment(unit, at, at + 60, "work", order=order, operation=operation)
        for order, operation, unit, at in rows
    )
    return Schedule(replace(HORIZON, start=start), segments)


def book(*ids: str, due: float = 1440.0) -> OrderBook:
    return OrderBook(
        tuple(WorkOrder(id, "A", 60, MONDAY, MONDAY + timedelta(minutes=due)) for id in ids)
    )


def compared(
    plant: Plant, now: Schedule, before: Schedule, orders: OrderBook, freeze: float = 0.0,
    units: dict[str, UnitState] | None = None,
) -> Moves:  # fmt: skip
    nothing = np.zeros(24)
    forecast = Forecast(HORIZON, PRICE, nothing, nothing)
    state = ShopState(MONDAY, {}, units or {})
    return moves_of(now, before, plant, orders, forecast, state, Demands(freeze=freeze))


def only_reason(moves: Moves) -> str:
    (move,) = moves.moves
    return move.reason


A, B = ("1", "cut", "M", 120.0), ("1", "bend", "N", 600.0)


def test_nothing_moved_is_nothing_told(plant: Plant) -> None:
    moves = compared(plant, plan(A, B), plan(A, B), book("1"))
    assert (moves.compared, moves.moves, moves.reasons) == (2, (), {})


def test_last_nights_minutes_are_those_of_another_day(plant: Plant) -> None:
    before = plan(("1", "cut", "M", 1560.0), ("1", "bend", "N", 2040.0),
                  start=MONDAY - timedelta(days=1))  # fmt: skip
    assert compared(plant, plan(A, B), before, book("1")).moves == ()


def test_an_hour_is_no_move_and_more_is(plant: Plant) -> None:
    for away, count in ((60.0, 0), (61.0, 1)):
        now = plan(("1", "cut", "M", 120 + away), B)
        assert len(compared(plant, now, plan(A, B), book("1")).moves) == count


def test_a_unit_under_repair_is_the_reason(plant: Plant) -> None:
    now = plan(("1", "cut", "N", 120.0), B)
    down = {"M": UnitState(unavailable_minutes=300)}
    assert only_reason(compared(plant, now, plan(A, B), book("1"), units=down)) == "unit_down"


def test_a_batch_that_comes_later_is_the_reason(plant: Plant) -> None:
    now = plan(("1", "cut", "M", 150.0), ("1", "bend", "N", 320.0))
    before = plan(A, ("1", "bend", "N", 200.0))
    assert only_reason(compared(plant, now, before, book("1"))) == "late_batch"


def test_a_new_order_in_its_place_is_the_reason(plant: Plant) -> None:
    now = plan(("1", "cut", "N", 120.0), B, ("2", "cut", "M", 130.0), ("2", "bend", "M", 300.0))
    moves = compared(plant, now, plan(A, B), book("1", "2"))
    assert only_reason(moves) == "new_order"
    assert moves.new_orders == ("2",)
    assert "order 2" in moves.moves[0].words


def test_cheaper_energy_is_the_reason_where_the_place_stayed_free(plant: Plant) -> None:
    now = plan(A, ("1", "bend", "N", 780.0))
    moves = compared(plant, now, plan(A, B), book("1"))
    assert only_reason(moves) == "cheaper_energy"
    assert "1.000 instead of 2.000" in moves.moves[0].words


def test_an_order_that_is_less_late_is_the_reason(plant: Plant) -> None:
    now = plan(A, ("1", "bend", "N", 300.0))
    assert only_reason(compared(plant, now, plan(A, B), book("1", due=400))) == "less_late"


def test_no_known_cause_is_said_to_be_none(plant: Plant) -> None:
    now = plan(A, ("1", "bend", "N", 300.0))
    assert only_reason(compared(plant, now, plan(A, B), book("1"))) == "replanned"


def test_a_frozen_start_counts_to_the_minute_and_has_its_excuse(plant: Plant) -> None:
    excuse = Unkept(120.0, "M", "unit_down", "M is down", order="1", operation="cut")
    now = replace(plan(("1", "cut", "M", 125.0), B), unkept=(excuse,))
    moves = compared(plant, now, plan(A, B), book("1"), freeze=480)
    assert (moves.frozen, moves.kept) == (1, 0)
    assert only_reason(moves) == "unit_down"
    assert moves.moves[0].is_frozen


def test_a_frozen_order_that_left_the_book_is_named(plant: Plant) -> None:
    other = (("2", "cut", "M", 300.0), ("2", "bend", "M", 400.0))
    moves = compared(plant, plan(A, B), plan(A, B, *other), book("1"), freeze=480)
    assert moves.gone == ("2",)


def test_moves_survive_json(plant: Plant) -> None:
    now = plan(A, ("1", "bend", "N", 780.0))
    moves = compared(plant, now, plan(A, B), book("1"))
    assert Moves.from_dict(moves.to_dict()) == moves
