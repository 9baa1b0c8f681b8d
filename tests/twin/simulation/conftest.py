"""Small plants and plans to simulate. Every plant starts on Monday 2026-11-23, 00:00 UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from twin.behaviour.dispatching import DispatchingRule, FirstInFirstOut
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, checked, load_plant
from twin.model.schedule import Kind, Schedule, Segment
from twin.model.state import OrderState, ShopState, UnitState
from twin.simulation.simulate import simulate

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
Row = tuple[str, float, float, str, str]


class Workshop:
    """A plant under construction: units do operations of a fixed time per order, without noise."""

    def __init__(self, operations: dict[str, float | None], **facts: Any) -> None:
        self.operations = operations
        self.units: list[dict[str, Any]] = []
        self.facts = facts

    def unit(self, id: str, operation: str, minutes: Any, *, cv: float = 0, **facts: Any) -> None:
        time = minutes if isinstance(minutes, dict) else {"*": minutes}
        row = {"operation": operation, "basis": "order", "time": time, "cv": cv}
        row.update(facts.pop("row", {}))
        self.units.append({"id": id, "area": "a", "processing": [row], **facts})

    def plant(self) -> Plant:
        route = {"id": "all", "operations": list(self.operations)}
        product = {"id": "A", "family": "f", "route": "all", "lot_size": 1}
        content = {
            "id": "workshop",
            "areas": [{"id": "a"}],
            "operations": [{"id": o, "buffer_kg": kg} for o, kg in self.operations.items()],
            "routes": [route],
            "products": [product],
            "work_units": self.units,
            **self.facts,
        }
        return checked(Plant.model_validate(content), "workshop")

    def compiled(self, minutes: int = 1440) -> CompiledPlant:
        return compile_plant(self.plant(), Horizon(MONDAY, minutes, slot_minutes=5))


def orders(
    releases: dict[str, float] | int, *, quantity: int = 1, product: str = "A", due: float = 0
) -> OrderBook:
    """Orders by name and release minute; a number stands for so many orders at minute 0."""
    if isinstance(releases, int):
        releases = {f"O{i + 1}": 0.0 for i in range(releases)}
    rows = [
        WorkOrder(
            id, product, quantity, MONDAY + timedelta(minutes=minute),
            MONDAY + timedelta(minutes=due + n),
        )
        for n, (id, minute) in enumerate(releases.items())
    ]  # fmt: skip
    return OrderBook(tuple(rows))


def plan(horizon: Horizon, rows: Iterable[tuple[str, float, float, Kind, str]]) -> Schedule:
    """A schedule from rows (unit, start, end, kind, "order/operation" or task)."""
    segments = []
    for unit, start, end, kind, what in rows:
        order, _, operation = what.partition("/")
        names = (
            {"task": what} if kind == "maintenance" else {"order": order, "operation": operation}
        )
        segments.append(Segment(unit, start, end, kind, **names))
    return Schedule(horizon, tuple(segments))


class Run:
    """A simulated log, read in minutes."""

    def __init__(self, plant: CompiledPlant, log: EventLog) -> None:
        self.plant, self.log, self.horizon = plant, log, plant.horizon

    def states(self, unit: str) -> list[tuple[str, float, float]]:
        """(state, start, end) of a unit [min]; stays of no length are left out."""
        rows = self.intervals()
        return [
            (r.state, round(r.begin, 4), round(r.stop, 4))
            for r in rows[rows["work_unit"] == unit].itertuples()
        ]

    def intervals(self) -> pd.DataFrame:
        rows = self.log.state_intervals(self.horizon.end)
        rows["begin"] = self._minutes(rows["start"])
        rows["stop"] = self._minutes(rows["end"])
        rows["minutes"] = rows["stop"] - rows["begin"]
        return rows

    def events(self, kind: str) -> pd.DataFrame:
        rows = self.log.of_kind(kind).copy()
        rows["minute"] = self._minutes(rows["time"])
        return rows

    def completions(self) -> dict[str, float]:
        """Completion of each finished order [min]."""
        return {order: round(minute, 4) for order, minute in self.exact_completions().items()}

    def exact_completions(self) -> dict[str, float]:
        rows = self.events("complete")
        return dict(zip(rows["order"], rows["minute"], strict=True))

    def starts(self, unit: str) -> list[tuple[str, float]]:
        rows = self.events("start")
        rows = rows[rows["work_unit"] == unit]
        return [(o, round(m, 4)) for o, m in zip(rows["order"], rows["minute"], strict=True)]

    def _minutes(self, times: pd.Series) -> pd.Series:
        return (times - pd.Timestamp(self.horizon.start)).dt.total_seconds() / 60


def simulated(
    plant: CompiledPlant,
    book: OrderBook,
    *,
    state: ShopState | None = None,
    rows: Iterable[tuple[str, float, float, Kind, str]] | None = None,
    schedule: Schedule | None = None,
    policy: DispatchingRule = FirstInFirstOut(),  # noqa: B008 - frozen, without fields
    replication: int = 0,
) -> Run:
    """Run a plant; ``rows`` or a schedule is the plan."""
    if rows is not None:
        schedule = plan(plant.horizon, rows)
    state = state or ShopState(plant.horizon.start)
    log = simulate(
        plant, book, state=state, schedule=schedule, policy=policy, replication=replication
    )
    return Run(plant, log)


KINDS: dict[str, Kind] = {
    "working": "work", "setup": "setup", "startup": "startup", "standby": "standby",
    "maintenance": "maintenance",
}  # fmt: skip


def plan_from(run: Run) -> Schedule:
    """The plan of doing again what a run did; repairs and blocked time have no place in it."""
    segments = []
    for row in run.intervals().itertuples():
        if row.state in KINDS:
            kind = KINDS[row.state]
            names = (row.order, row.operation) if kind in ("work", "setup") else ("", "")
            task = row.reason if kind == "maintenance" else ""
            segments.append(Segment(row.work_unit, row.begin, row.stop, kind, *names, task))
    return Schedule(run.horizon, tuple(segments))


def shop_state(
    orders: dict[str, OrderState] | None = None, units: dict[str, UnitState] | None = None
) -> ShopState:
    return ShopState(MONDAY, orders or {}, units or {})


@pytest.fixture(scope="session")
def workshop() -> type[Workshop]:
    return Workshop


@pytest.fixture(scope="session")
def book() -> Callable[..., OrderBook]:
    return orders


@pytest.fixture(scope="session")
def run() -> Callable[..., Run]:
    return simulated


@pytest.fixture(scope="session")
def plan_of() -> Callable[[Run], Schedule]:
    return plan_from


@pytest.fixture(scope="session")
def shop() -> Callable[..., ShopState]:
    return shop_state


@pytest.fixture(scope="session")
def small_plant() -> Plant:
    return load_plant(Path(__file__).parents[2] / "plants" / "small.yaml")


@pytest.fixture(scope="session")
def small(small_plant: Plant) -> CompiledPlant:
    """The small test plant over one week."""
    start = datetime(2026, 11, 23, 4, tzinfo=UTC)
    return compile_plant(small_plant, Horizon(start, 7 * 1440, small_plant.timezone))


@pytest.fixture(scope="session")
def small_orders(small: CompiledPlant) -> OrderBook:
    """Nine orders of all three products, released in the first two days."""
    start = small.horizon.start
    return OrderBook(
        tuple(
            WorkOrder(
                f"WO-{i}", "ABC"[i % 3], 30_000 + 7_000 * i,
                start + timedelta(hours=5 * i), start + timedelta(days=2 + i % 3),
            )
            for i in range(9)
        )
    )  # fmt: skip
