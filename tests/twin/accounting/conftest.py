"""A plan for the small plant, made by hand: two days, four orders, every feature once.

Minute 0 is Monday 05:00 in Casablanca; day shift opens at minute 60 and closes at 1020, and opens
again on Tuesday at 1500.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.accounting.check import CheckResult, check
from twin.accounting.value import value_of
from twin.model.base import read_yaml, validate
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Schedule, Segment, Value
from twin.model.state import ShopState, UnitState

SMALL = Path(__file__).resolve().parents[2] / "plants" / "small.yaml"
START = datetime(2026, 11, 23, 4, tzinfo=UTC)
HORIZON = Horizon(START, 2880, "Africa/Casablanca")


def minute(at: float) -> datetime:
    return START + timedelta(minutes=at)


def small_plant(**changes: Any) -> Plant:
    """The small plant with some top-level parts replaced."""
    return validate({**read_yaml(SMALL), **changes}, Plant, "small")


def work(unit: str, order: str, operation: str, *spans: tuple[float, float]) -> list[Segment]:
    return [Segment(unit, a, b, "work", order, operation) for a, b in spans]


def hand_made_segments() -> list[Segment]:
    return [
        *work("P-1", "O1", "press", (60, 120)),
        Segment("P-1", 120, 150, "setup", "O2", "press"),
        *work("P-1", "O2", "press", (150, 210)),
        Segment("P-1", 210, 300, "maintenance", task="service"),
        *work("P-2", "O3", "press", (60, 135)),
        *work("P-2", "O4", "press", (600, 1020), (1500, 1580)),  # over night
        Segment("F-1", 0, 180, "startup"),
        Segment("F-1", 180, 190, "standby"),
        *work("F-1", "O1", "harden", (190, 270)),
        Segment("F-1", 270, 330, "setup", "O3", "harden"),
        *work("F-1", "O3", "harden", (330, 410)),
        *work("K-1", "O2", "pack", (210, 222)),
        *work("K-1", "O1", "pack", (270, 276)),
        *work("K-1", "O3", "pack", (410, 422)),
        *work("K-1", "O4", "pack", (1580, 1660)),
    ]


def hand_made_orders() -> OrderBook:
    def order(id: str, product: str, quantity: int, due: float, weight: float = 1.0) -> WorkOrder:
        return WorkOrder(id, product, quantity, minute(0), minute(due), weight)

    return OrderBook(
        (
            order("O1", "A", 9_000, due=240, weight=2.0),  # ends at 276: 36 min late
            order("O2", "C", 9_000, due=2000),
            order("O3", "B", 9_000, due=2000),
            order("O4", "C", 60_000, due=2000),
        )
    )


def hand_made_state() -> ShopState:
    return ShopState(
        at=START,
        units={
            "P-1": UnitState(
                setup_key="fa",
                ages={"spindle": 1200.0},
                last_maintenance={"service": minute(720) - timedelta(days=7)},
            ),
            "F-1": UnitState(setup_key="870"),
        },
    )


def flat_forecast(horizon: Horizon = HORIZON, **changes: Any) -> Forecast:
    """1 MAD/kWh and 0.5 kg/kWh all the time, no sun."""
    slots = horizon.slots
    series = {
        "price_per_kwh": np.full(slots, 1.0),
        "carbon_intensity": np.full(slots, 0.5),
        "generation_kw": np.zeros(slots),
    }
    return Forecast(horizon, **{**series, **changes})


@dataclass(frozen=True)
class Case:
    """Everything ``check`` and ``value_of`` are told."""

    schedule: Schedule
    plant: Plant
    orders: OrderBook
    forecast: Forecast
    state: ShopState
    previous: Schedule | None = None

    def check(self) -> CheckResult:
        return check(
            self.schedule, self.plant, self.orders, self.forecast, self.state, self.previous
        )

    def value(self) -> Value:
        return value_of(
            self.schedule, self.plant, self.orders, self.forecast, self.state, self.previous
        )

    def having(self, **changes: Any) -> "Case":
        return replace(self, **changes)

    def with_segments(self, segments: Iterable[Segment], **changes: Any) -> "Case":
        return self.having(schedule=replace(self.schedule, segments=tuple(segments), **changes))

    def plus(self, *segments: Segment) -> "Case":
        return self.with_segments([*self.schedule.segments, *segments])

    def without(self, **like: Any) -> "Case":
        """Without the segments whose fields are like this."""
        return self.with_segments(s for s in self.schedule.segments if not is_like(s, like))

    def moved(self, to: dict[str, Any], **like: Any) -> "Case":
        """With other fields in the segments that are like this; there must be some."""
        assert any(is_like(s, like) for s in self.schedule.segments)
        return self.with_segments(
            replace(s, **to) if is_like(s, like) else s for s in self.schedule.segments
        )

    def with_unit(self, id: str, **changes: Any) -> "Case":
        """With another condition of one work unit at the cut-off."""
        units = {**self.state.units, id: replace(self.state.unit(id), **changes)}
        return self.having(state=replace(self.state, units=units))

    def with_order(self, id: str, **changes: Any) -> "Case":
        """With another description of one order."""
        orders = (replace(o, **changes) if o.id == id else o for o in self.orders)
        return self.having(orders=OrderBook(tuple(orders)))


def is_like(segment: Segment, like: dict[str, Any]) -> bool:
    return all(getattr(segment, name) == value for name, value in like.items())


@pytest.fixture
def case() -> Case:
    return Case(
        schedule=Schedule(HORIZON, tuple(hand_made_segments())),
        plant=small_plant(),
        orders=hand_made_orders(),
        forecast=flat_forecast(),
        state=hand_made_state(),
    )
