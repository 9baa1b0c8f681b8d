"""A plant whose true parameters are known, and the log that its MES would have written.

A press feeds two mills, which feed a bench. Each unit differs from seed to seed: true times,
setups, lives, repairs, scrap and power are drawn around those that its engineers wrote down. The
log has what real ones have: crews that keep machines waiting, blocked and starved units, preventive
tasks that cut lives short, and *micro-stops*, which hide in the working time of a few lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from scenarios.demo import with_meters
from scenarios.demo_dirt import Dirt, dirty
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

BEGIN = datetime(2026, 3, 1, 23, tzinfo=UTC)
"""Midnight from Sunday to Monday in the plant."""
ZONE = "Etc/GMT-1"
WEEKLY = {
    **{day: ["06:00-14:00", "14:00-22:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    "sat": ["06:00-14:00"],
}
PRODUCTS = {"A1": "fa", "A2": "fa", "B1": "fb", "B2": "fb", "A3": "fa", "B3": "fb"}
MIX = (0.24, 0.24, 0.24, 0.22, 0.03, 0.03)
"""The last two are made so seldom that some of their setups are never seen."""
LOT = 100
MICRO = "micro"
MICRO_SHARE = 0.04
"""Micro-stops per lot's mean working time."""
MICRO_LENGTH = 2.0
"""Length of a micro-stop over the mean working time of a lot."""
JUMP = timedelta(hours=1)

# unit: operation, minutes of a lot, setup minutes within a family, between families
UNITS = {
    "PRESS": ("press", 9.0, 6.0, 14.0),
    "MILL-1": ("mill", 17.0, 8.0, 20.0),
    "MILL-2": ("mill", 19.0, 8.0, 20.0),
    "BENCH": ("pack", 8.0, 3.0, 6.0),
}


@dataclass(frozen=True)
class TruthCase:
    """One plant, what it did for some weeks, and what is true about it."""

    truth: Plant
    """As it really is; without micro-stops, which :data:`MICRO_SHARE` and ``micro_minutes``
    describe."""
    nominal: Plant
    """As its engineers wrote it down, some tens of percent off."""
    log: EventLog
    """As the MES hands it over."""
    begin: datetime
    until: datetime
    orders: OrderBook
    micro_minutes: dict[str, float]
    """Mean length of a micro-stop by work unit [min]."""


def truth_case(seed: int, weeks: int = 8, *, is_dirty: bool = False) -> TruthCase:
    """Simulate some weeks of a plant drawn with ``seed``; the same seed gives the same log.

    Parameters
    ----------
    is_dirty
        Two percent of the rows twice, one percent of the ends missing, one percent of the rows out
        of order, and one unit whose clock runs an hour ahead for two days.
    """
    rng = np.random.default_rng([seed, 4])
    truth, nominal = _content(rng), _content(None)
    micro_minutes = {u["id"]: MICRO_LENGTH * _mean_lot(u) for u in truth["work_units"]}
    plant = Plant.model_validate(truth)
    stuttering = Plant.model_validate(_with_micro_stops(truth, micro_minutes))
    horizon = Horizon(BEGIN, weeks * 7 * 1440, ZONE)
    orders = _orders(rng, horizon)
    compiled = compile_plant(stuttering, horizon)
    happened = simulate(compiled, orders, state=ShopState(BEGIN), seed=seed).until(horizon.end)
    log = with_meters(_without_micro_stops(happened), plant, horizon, seed)
    if is_dirty:
        log = dirtied(log, horizon.end, seed)
    return TruthCase(
        plant, Plant.model_validate(nominal), log, BEGIN, horizon.end, orders, micro_minutes
    )


def dirtied(log: EventLog, until: datetime, seed: int) -> EventLog:
    """The log with the dirt that :func:`truth_case` names."""
    rng = np.random.default_rng([seed, 5])
    table = log.table.copy()
    unit = sorted(UNITS)[int(rng.integers(len(UNITS)))]
    length = (until - BEGIN) - timedelta(days=4)
    since = pd.Timestamp(BEGIN + timedelta(days=1) + float(rng.random()) * length)
    jumped = (table["work_unit"] == unit) & (table["time"] >= since)
    jumped &= table["time"] < since + timedelta(days=2)
    table.loc[jumped, "time"] += JUMP
    dirt = Dirt(
        skewed_unit="", blank_unit="", retired_rows=0, late_rows=round(0.01 * len(table)),
        duplicate_share=0.02, missing_end_share=0.01,
    )  # fmt: skip
    return dirty(EventLog(table, log.source), until, dirt, seed)[0]


def _content(rng: np.random.Generator | None) -> dict[str, Any]:
    """A plant file: as written down without a generator, as it really is with one."""

    def off(spread: float) -> float:
        return 1.0 if rng is None else float(np.exp(rng.normal(0.0, spread)))

    return {
        "id": "known",
        "timezone": ZONE,
        "areas": [{"id": "shop"}],
        "calendars": [{"id": "shifts", "weekly": WEEKLY}],
        "crews": [{"id": "MECH", "size": 1, "calendar": "shifts"}],
        "operations": [
            {"id": "press"},
            {"id": "mill", "buffer_jobs": 2},
            {"id": "pack", "buffer_jobs": 2},
        ],
        "routes": [{"id": "line", "operations": ["press", "mill", "pack"]}],
        "products": [
            {"id": id, "family": family, "route": "line", "lot_size": LOT}
            for id, family in PRODUCTS.items()
        ],
        "work_units": [
            _unit(id, *row, off)
            for id, row in UNITS.items()
        ],
    }  # fmt: skip


def _unit(
    id: str, operation: str, lot: float, within: float, between: float, off: Any
) -> dict[str, Any]:
    scale = lot * 35 * off(0.15)
    spindle = {
        "id": "spindle", "crew": "MECH",
        "time_to_failure": {"law": "weibull", "shape": 1.8 * off(0.15), "scale": scale},
        "time_to_repair": {"law": "lognormal", "median": 12 * off(0.15), "sigma": 0.5},
    }  # fmt: skip
    jam = {
        "id": "jam", "crew": "MECH",
        "time_to_failure": {
            "law": "weibull", "shape": 1.2 * off(0.1), "scale": lot * 30 * off(0.15),
        },
        "time_to_repair": {"law": "lognormal", "median": 6 * off(0.15), "sigma": 0.4},
    }  # fmt: skip
    service = {
        "id": "service", "interval": 0.8 * scale, "due_by": "age", "tolerance": lot,
        "duration": 15, "crew": "MECH", "renews": ["spindle"],
    }  # fmt: skip
    times = {
        a: {
            b: (within if PRODUCTS[a] == PRODUCTS[b] else between) * off(0.25)
            for b in PRODUCTS
            if a != b
        }
        for a in PRODUCTS
    }
    power = {"off": 0.5, "standby": 4.0, "setup": 7.0, "working": 22.0, "down": 2.5}
    return {
        "id": id,
        "area": "shop",
        "calendar": "shifts",
        "processing": [
            {
                "operation": operation, "basis": "piece", "cv": 0.1 * off(0.2),
                "time": {p: lot / LOT * off(0.2) for p in PRODUCTS},
            }
        ],
        "setup": {"by": "product", "default": between, "times": times, "cv": 0.2},
        "power_kw": {state: kw * off(0.15) for state, kw in power.items()} | {"maintenance": 1.0},
        "scrap": {p: 0.02 * off(0.4) for p in PRODUCTS},
        "failure_modes": [spindle, jam],
        "maintenance": [service] if operation == "mill" else [],
    }  # fmt: skip


def _mean_lot(unit: dict[str, Any]) -> float:
    times: dict[str, float] = unit["processing"][0]["time"]
    return LOT * sum(share * times[p] for p, share in zip(PRODUCTS, MIX, strict=True))


def _with_micro_stops(content: dict[str, Any], minutes: dict[str, float]) -> dict[str, Any]:
    """The plant with the mode that :func:`_without_micro_stops` takes out of the log again."""
    units = []
    for unit in content["work_units"]:
        mode = {
            "id": MICRO,
            "time_to_failure": {"law": "exponential", "scale": _mean_lot(unit) / MICRO_SHARE},
            "time_to_repair": {
                "law": "lognormal", "median": minutes[unit["id"]] / np.exp(0.3**2 / 2),
                "sigma": 0.3,
            },
        }  # fmt: skip
        units.append({**unit, "failure_modes": [*unit["failure_modes"], mode]})
    return {**content, "work_units": units}


def _without_micro_stops(log: EventLog) -> EventLog:
    """The log of a machine that calls a micro-stop working."""
    table = log.table
    hidden = (table["event"] == "state") & (table["reason"] == MICRO)
    return EventLog(table[~hidden].reset_index(drop=True), log.source)


def _orders(rng: np.random.Generator, horizon: Horizon) -> OrderBook:
    """About as many orders as keep the mills four fifths busy, released day and night."""
    mean_lots, hours_open = 4.5, 88.0
    mill_hours_per_order = (mean_lots * 18.0 + 15.0) / 2 / 60
    each_week = 0.78 * hours_open / mill_hours_per_order
    count = rng.poisson(each_week * horizon.minutes / (7 * 1440))
    released = np.sort(rng.random(count)) * horizon.minutes
    orders = []
    for number, minute in enumerate(released):
        product = str(rng.choice(list(PRODUCTS), p=MIX))
        quantity = int(rng.integers(1, 9)) * LOT
        release = BEGIN + timedelta(minutes=round(float(minute)))
        due = release + timedelta(days=3)
        orders.append(WorkOrder(f"O{number:04d}", product, quantity, release, due))
    return OrderBook(tuple(orders))
