"""A small plant with failures, and logs of it: simulated with meters, or written by hand."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

PLANT = Path(__file__).resolve().parents[2] / "plants" / "small.yaml"
BEGIN = datetime(2026, 11, 2, 5, tzinfo=UTC)
METER_NOISE = 0.02

Rows = Iterable[dict[str, Any]]
Simulated = Callable[..., EventLog]


@pytest.fixture(scope="session")
def begin() -> datetime:
    """First instant of the logs: a Monday at 06:00 in Casablanca."""
    return BEGIN


@pytest.fixture(scope="session")
def plant() -> Plant:
    return load_plant(PLANT)


@pytest.fixture(scope="session")
def frail_plant(plant: Plant) -> Plant:
    """The same plant with lives short enough to be seen in three weeks."""
    content = plant.model_dump(mode="json")
    press, furnace = content["work_units"][0], content["work_units"][2]
    press["failure_modes"][0]["time_to_failure"] = {"law": "weibull", "shape": 2, "scale": 1200}
    furnace["failure_modes"][0]["time_to_failure"] = {"law": "exponential", "scale": 2400}
    return Plant.model_validate(content)


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    """``simulated(plant, days=21, seed=0)``: a log of busy weeks, meters read each quarter hour."""
    return simulated_log


@pytest.fixture(scope="session")
def weeks(frail_plant: Plant) -> EventLog:
    """Three weeks of the frail plant."""
    return simulated_log(frail_plant, seed=5)


def simulated_log(plant: Plant, days: int = 21, seed: int = 0) -> EventLog:
    horizon = Horizon(BEGIN, days * 1440, plant.timezone)
    rng = np.random.default_rng(seed)
    orders = OrderBook(
        tuple(
            WorkOrder(
                f"O{i}", "ABC"[i % 3], int(rng.integers(60_000, 150_000)),
                BEGIN + timedelta(hours=6 * i), BEGIN + timedelta(hours=6 * i + 48),
            )
            for i in range(days * 3)
        )
    )  # fmt: skip
    log = simulate(compile_plant(plant, horizon), orders, state=ShopState(BEGIN), seed=seed)
    return with_meters(log, plant, horizon, rng)


def with_meters(
    log: EventLog, plant: Plant, horizon: Horizon, rng: np.random.Generator
) -> EventLog:
    """The log with a noisy reading of every unit each quarter hour."""
    rows = []
    for unit, states in log.state_intervals(horizon.end).groupby("work_unit"):
        begin = horizon.to_minutes_array(states["start"].dt.to_pydatetime())
        end = horizon.to_minutes_array(states["end"].dt.to_pydatetime())
        power = np.array([plant.unit(str(unit)).power_kw.of(s) for s in states["state"]])
        drawn = np.append(0.0, np.cumsum(power * (end - begin) / 60))
        kwh = np.diff(np.interp(horizon.edges, np.append(begin, end[-1]), drawn))
        kwh = kwh * (1 + METER_NOISE * rng.standard_normal(len(kwh)))
        rows += [
            {"time": horizon.to_datetime(t), "work_unit": unit, "event": "meter", "quantity": q}
            for t, q in zip(horizon.edges[1:-1], kwh[:-1], strict=True)
        ]
    both = pd.concat([log.table, EventLog.of(rows).table], ignore_index=True)
    return EventLog(both, "simulated with meters").ordered()


class LogWriter:
    """Writes a log by hand, in minutes from :data:`BEGIN`."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, minute: float, unit: str, event: str, **columns: Any) -> None:
        time = BEGIN + timedelta(minutes=minute)
        self.rows.append({"time": time, "work_unit": unit, "event": event, **columns})

    def state(self, minute: float, unit: str, state: str, **columns: Any) -> None:
        self.add(minute, unit, "state", state=state, **columns)

    def lot(
        self, begin: float, end: float, unit: str, order: str, operation: str, product: str,
        lot: str = "1", good: float = 100, scrap: float = 0,
    ) -> None:  # fmt: skip
        names = {"order": order, "operation": operation, "product": product, "lot": lot}
        self.add(begin, unit, "start", **names)
        self.add(end, unit, "end", **names, quantity=good, scrap=scrap)

    @property
    def log(self) -> EventLog:
        return EventLog.of(self.rows, "written by hand")


@pytest.fixture
def write() -> LogWriter:
    return LogWriter()
