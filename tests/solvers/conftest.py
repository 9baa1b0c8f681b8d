"""Small planning problems for the tests of the solvers: drawn at random, or written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from solvers.problem import Problem, build_problem
from twin.accounting.check import CheckResult, check
from twin.model.compiled import compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.schedule import Schedule
from twin.model.state import OrderState, ShopState, UnitState

PLANTS = Path(__file__).parent.parent / "plants"
MONDAY = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """A plant with its orders, forecast and state: all that a plan is judged by."""

    plant: Plant
    orders: OrderBook
    forecast: Forecast
    state: ShopState
    previous: Schedule | None = None

    @property
    def problem(self) -> Problem:
        compiled = compile_plant(self.plant, self.forecast.horizon)
        return build_problem(compiled, self.orders, self.forecast, self.state, self.previous)

    def check(self, schedule: Schedule) -> CheckResult:
        return check(schedule, self.plant, self.orders, self.forecast, self.state, self.previous)


@pytest.fixture(scope="session")
def drawn_shop() -> Callable[[int], Shop]:
    """The small plant with random orders, prices, ages and work under way, by seed."""
    return draw_shop


@pytest.fixture(scope="session")
def one_unit() -> Callable[..., Shop]:
    """A shop of one work unit written by hand."""
    return make_one_unit


def make_one_unit(
    *,
    price: Array | list[float],
    orders: list[tuple[float, float]],
    slot_minutes: int = 60,
    unit: dict[str, Any] | None = None,
    costs: dict[str, float] | None = None,
    crews: list[dict[str, Any]] | None = None,
    calendars: list[dict[str, Any]] | None = None,
    state: UnitState | None = None,
    **forecast: float,
) -> Shop:
    """One unit of 60 kW; orders are (minutes of work, due minute), released at minute 0.

    ``price`` is per slot; no carbon, no own generation, no base load.
    """
    steps = [{"id": "cut"}]
    machine = {
        "id": "M",
        "area": "a",
        "processing": [{"operation": "cut", "basis": "piece", "time": {"*": 1}}],
        "power_kw": {"working": 60},
        **(unit or {}),
    }
    plant = Plant.model_validate(
        {
            "id": "one",
            "areas": [{"id": "a"}],
            "calendars": calendars or [],
            "crews": crews or [],
            "operations": steps,
            "routes": [{"id": "r", "operations": ["cut"]}],
            "products": [{"id": "A", "family": "f", "route": "r"}],
            "work_units": [machine],
            "costs": {"tardiness_per_h": 0.0, **(costs or {})},
        }
    )
    prices = np.array(price, dtype=float)
    nothing = np.zeros(len(prices))
    horizon = Horizon(MONDAY, len(prices) * slot_minutes, "UTC", slot_minutes)
    book = OrderBook(
        tuple(
            WorkOrder(f"O{n}", "A", int(minutes), MONDAY, MONDAY + timedelta(minutes=due))
            for n, (minutes, due) in enumerate(orders)
        )
    )
    return Shop(
        plant,
        book,
        Forecast(horizon, prices, nothing, nothing, **forecast),
        ShopState(MONDAY, {}, {"M": state} if state else {}),
    )


def draw_shop(seed: int, days: int = 4, orders: int = 8) -> Shop:
    random = Random(seed)
    plant = load_plant(PLANTS / "small.yaml")
    if seed % 3 == 0:  # buffers so small that most batches may only wait alone
        steps = [s.model_copy(update={"buffer_kg": 900.0}) for s in plant.operations]
        plant = plant.model_copy(update={"operations": steps})
    horizon = Horizon(MONDAY, days * 1440, plant.timezone)
    book = OrderBook(tuple(_draw_order(random, n, days) for n in range(orders)))
    units = {u.id: _draw_unit(random, plant, u.id) for u in plant.work_units}
    states, running = _draw_progress(random, plant, book)
    for order, unit in running.items():
        key = _setup_key(plant, unit, book[order].product)
        units[unit] = replace(units[unit], setup_key=key, is_on=True)
    return Shop(plant, book, _draw_forecast(random, horizon), ShopState(MONDAY, states, units))


def _draw_forecast(random: Random, horizon: Horizon) -> Forecast:
    """Three tariff windows, carbon that swings with the day, a sunny roof."""
    hours = np.arange(horizon.slots) * horizon.slot_minutes / 60 % 24
    day = (hours > 7) & (hours < 18)
    return Forecast(
        horizon,
        np.where((hours >= 17) & (hours < 22), 1.4, np.where(hours >= 7, 1.0, 0.7)),
        0.6 + 0.2 * np.sin(hours / 24 * 2 * np.pi),
        np.maximum(160 * np.sin((hours - 7) / 11 * np.pi), 0.0) * day,
        feed_in_per_kwh=0.2,
        demand_charge_per_kw=random.choice((0.0, 20.0)),
        peak_incurred_kw=random.choice((0.0, 150.0)),
    )


def _draw_order(random: Random, n: int, days: int) -> WorkOrder:
    product = random.choice("ABC")
    release = MONDAY + timedelta(hours=random.choice((-5.0, 0.0, random.uniform(0, 30))))
    due = MONDAY + timedelta(hours=random.uniform(10, days * 24))
    quantity = random.randrange(5_000, 60_000, 1_000)
    return WorkOrder(f"O{n}", product, quantity, release, due, random.choice((1.0, 2.0)))


def _draw_unit(random: Random, plant: Plant, unit: str) -> UnitState:
    found = plant.unit(unit)
    return UnitState(
        setup_key=random.choice(("", "fa", "fb") if unit != "F-1" else ("", "870", "890")),
        is_on=random.random() < 0.5,
        unavailable_minutes=random.choice((0.0, 0.0, 0.0, random.uniform(10, 200))),
        ages={m.id: random.uniform(0, 1.2) * m.time_to_failure.mean for m in found.failure_modes},
        last_maintenance={
            t.id: MONDAY - timedelta(minutes=random.uniform(0.5, 1.05) * t.interval)
            for t in found.maintenance
        },
    )


def _draw_progress(
    random: Random, plant: Plant, book: OrderBook
) -> tuple[dict[str, OrderState], dict[str, str]]:
    """States of up to four released orders, and on which unit the running ones are."""
    states: dict[str, OrderState] = {}
    running: dict[str, str] = {}
    for order in [o for o in book if o.release_date <= MONDAY][:4]:
        product = plant.product(order.product)
        route = plant.route_of(product)
        done = random.randrange(len(route))
        able = [u.id for u in plant.units_for(route[done], product)]
        free = [u for u in able if u not in running.values()]
        if free and random.random() < 0.5:
            running[order.id] = free[0]
            states[order.id] = OrderState(done, free[0], random.random())
        elif done:
            states[order.id] = OrderState(done)
    return states, running


def _setup_key(plant: Plant, unit: str, product: str) -> str:
    compiled = compile_plant(plant, Horizon(MONDAY, 15))
    return compiled.setup_key[compiled.unit_index[unit]][compiled.product_index[product]]
