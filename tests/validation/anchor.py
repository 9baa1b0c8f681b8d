"""An anchor: a declarative plant, how long it runs, and the exact values of what a run shows.

Everything is in hours here and becomes minutes on its way into the plant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from twin.behaviour.dispatching import FirstInFirstOut
from twin.model.compiled import compile_plant
from twin.model.failures import FailureMode, MaintenanceTask
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook
from twin.model.plant import STATES, Plant, State, checked
from twin.model.state import ShopState, UnitState
from twin.simulation.experiment import Experiment
from twin.simulation.result import KIND, STATE, STATE_ROW, TICK, UNIT, Integers, Result, Totals

HOUR = 60.0
"""[min]"""
INSTANT = 1 / 60e6
"""Repairs and tasks that take no time last one tick [min]."""
TICKS_PER_HOUR = 3_600_000_000
START = datetime(2026, 11, 23, tzinfo=UTC)
Content = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One exact value, and how to read it off a run."""

    name: str
    exact: float
    of: Callable[[Run], float]
    allowed: float = 0.01
    """Half-width of the 99 % interval that still proves something, as a share of the value."""
    own: float = 0.0
    """Half-width of the value itself, where it was simulated elsewhere."""
    bound: bool = False
    """The model has no exact equivalent; the plant is known to make a little less."""


@dataclass(frozen=True)
class Anchor:
    """A plant and what it is held to."""

    id: str
    model: str
    plant: Content
    figures: Sequence[Figure]
    hours: float
    """Counted in one replication."""
    warm_up: float = 0.0
    """Not counted, before [h]."""
    replications: int = 24
    age: float | None = None
    """Of every failure mode at the start [h]; new when left out."""
    once: bool = False
    """The horizon belongs to the model (one life a unit, a window): it cannot be cut short."""
    trace: bool = False

    def experiment(self, seed: int, scale: float = 1.0) -> Experiment:
        """What an engine is given; a scale below 1 runs for a shorter time."""
        hours = self.hours if self.once else self.hours * scale
        minutes = round((self.warm_up + hours) * HOUR)
        plant = checked(Plant.model_validate(self.plant), self.id)
        units = {}
        if self.age is not None:
            for unit in plant.work_units:
                ages = {mode.id: self.age * HOUR for mode in unit.failure_modes}
                units[unit.id] = UnitState(ages=ages)
        return Experiment(
            plant=compile_plant(plant, Horizon(START, minutes, slot_minutes=minutes)),
            orders=OrderBook(),
            state=ShopState(at=START, units=units),
            policy=FirstInFirstOut(),
            seed=seed,
            warm_up=self.warm_up * HOUR,
        )


@dataclass(frozen=True)
class Run:
    """One replication, in hours and shares."""

    experiment: Experiment
    result: Result
    replication: int = 0

    @property
    def totals(self) -> Totals:
        return self.result.totals

    @property
    def plant(self) -> Plant:
        return self.experiment.plant.plant

    @cached_property
    def begin(self) -> int:
        """End of the warm-up [tick]."""
        return round(self.experiment.warm_up * 60_000_000)

    @cached_property
    def end(self) -> int:
        """End of the horizon [tick]."""
        return self.experiment.plant.horizon.minutes * 60_000_000

    @property
    def hours(self) -> float:
        return (self.end - self.begin) / TICKS_PER_HOUR

    @property
    def unit_hours(self) -> float:
        return self.hours * len(self.plant.work_units)

    def shares(self, *states: State) -> Array:
        """Share of time each unit is in one of the states, (M,)."""
        columns = [STATES.index(state) for state in states]
        found: Array = self.totals.state_ticks[:, columns].sum(axis=1) / (self.end - self.begin)
        return found

    def share(self, *states: State) -> float:
        """The same over all units."""
        return float(self.shares(*states).mean())

    @property
    def modes(self) -> list[FailureMode]:
        return [mode for unit in self.plant.work_units for mode in unit.failure_modes]

    @property
    def tasks(self) -> list[MaintenanceTask]:
        return [task for unit in self.plant.work_units for task in unit.maintenance]

    @property
    def failures(self) -> int:
        return int(self.totals.failures.sum())

    def failures_of(self, mode: str) -> int:
        of = [found.id == mode for found in self.modes]
        return int(self.totals.failures[of].sum())

    @property
    def executions(self) -> int:
        return int(self.totals.executions.sum())

    @property
    def renewals(self) -> int:
        """Repairs and tasks: cycles of a unit that both renew."""
        return self.failures + self.executions

    @property
    def cost_per_hour(self) -> float:
        """Failures, tasks and inspections of one unit, at the plant's costs."""
        cost = sum(n * m.cost for n, m in zip(self.totals.failures, self.modes, strict=True))
        for k, task in enumerate(self.tasks):
            cost += self.totals.executions[k] * task.cost
            if task.condition is not None:
                cost += self.totals.inspections[k] * task.condition.inspection_cost
        return float(cost / self.unit_hours)

    @property
    def per_hour(self) -> float:
        """Good pieces complete in an hour."""
        return float(self.totals.completed.sum() / self.hours)

    def mean(self, area: Integers, which: int = 0) -> float:
        """Mean over time of what a total integrates."""
        return float(area[which] / (self.end - self.begin))

    def rows(self, kind: int) -> Integers:
        assert self.result.trace is not None
        rows = self.result.trace.rows
        found: Integers = rows[rows[:, KIND] == kind]
        return found

    def together(self, *states: State) -> Array:
        """Share of time with 0, 1, 2, … units in one of the states at once."""
        rows = self.rows(STATE_ROW)
        inside = np.isin(rows[:, STATE], [STATES.index(state) for state in states])
        order = np.lexsort((np.arange(len(rows)), rows[:, UNIT]))
        before = np.zeros(len(rows), dtype=bool)
        same = rows[order[1:], UNIT] == rows[order[:-1], UNIT]
        before[order[1:]] = inside[order[:-1]] & same
        count = np.cumsum(inside.astype(int) - before.astype(int))
        at = np.clip(np.append(rows[:, TICK], self.end), self.begin, self.end)
        found: Array = np.bincount(count, np.diff(at)) / (self.end - self.begin)
        return found


def exponential(mean: float) -> Content:
    return {"law": "exponential", "scale": mean * HOUR}


def constant(value: float) -> Content:
    return {"law": "constant", "value": value * HOUR}


def weibull(shape: float, scale: float) -> Content:
    return {"law": "weibull", "shape": shape, "scale": scale * HOUR}


def gamma(shape: float, scale: float) -> Content:
    return {"law": "gamma", "shape": shape, "scale": scale * HOUR}


AT_ONCE: Content = {"law": "constant", "value": INSTANT}


def mode(id: str = "wear", /, **facts: Any) -> Content:
    """A failure mode on the calendar, mended at once unless the facts say otherwise."""
    return {"id": id, "clock": "calendar", "time_to_repair": AT_ONCE} | facts


def task(interval: float, due_by: str, **facts: Any) -> Content:
    """A preventive task each so many hours that takes no time and renews the wear."""
    return {
        "id": "renewal", "interval": interval * HOUR, "due_by": due_by, "duration": INSTANT,
        "tolerance": 0, "crew": "fitters", "renews": ["wear"],
    } | facts  # fmt: skip


def fleet(
    size: int, modes: list[Content], tasks: Sequence[Content] = (), crew: int | None = None
) -> Content:
    """Idle units that only age; as many fitters as units unless said otherwise."""
    unit = {
        "area": "hall",
        "processing": [{"operation": "use", "basis": "order", "time": {"*": 1}}],
        "failure_modes": modes,
        "maintenance": list(tasks),
    }
    return {
        "id": "fleet",
        "areas": [{"id": "hall"}],
        "crews": [{"id": "fitters", "size": crew or size}],
        "operations": [{"id": "use"}],
        "routes": [{"id": "all", "operations": ["use"]}],
        "products": [{"id": "part", "family": "parts", "route": "all"}],
        "work_units": [{"id": f"U{n:04}", **unit} for n in range(size)],
    }


@dataclass(frozen=True)
class Station:
    """One operation of a line, with as many equal units as ``units``."""

    mean: float
    """Work on a part [h]."""
    room: int | None = None
    """Places before it; unlimited when left out."""
    row: Content = field(default_factory=dict)
    """Facts of its processing row; work is exponential when left out."""
    facts: Content = field(default_factory=dict)
    """Facts of its units."""
    operation: Content = field(default_factory=dict)
    """Facts of its operation."""
    units: int = 1


EXPONENTIAL: Content = {"spread": "exponential", "cv": 1}
STEADY: Content = {"cv": 0}


def line(stations: Sequence[Station], source: Content | None = None, **facts: Any) -> Content:
    """A serial line; there is always a part waiting before it unless a source says otherwise."""
    names = [f"S{n}" for n in range(len(stations))]
    operations, units = [], []
    for name, station in zip(names, stations, strict=True):
        room = {} if station.room is None else {"buffer_jobs": station.room}
        operations.append({"id": name} | room | station.operation)
        time = {"operation": name, "basis": "piece", "time": {"*": station.mean * HOUR}}
        for k in range(station.units):
            units.append(
                {"id": f"{name}M{k}", "area": "hall", "standby_timeout": 1e9}
                | {"processing": [time | (station.row or EXPONENTIAL)]}
                | station.facts
            )
    return {
        "id": "line",
        "areas": [{"id": "hall"}],
        "operations": operations,
        "routes": [{"id": "all", "operations": names}],
        "products": [{"id": "part", "family": "parts", "route": "all"}],
        "sources": [{"id": "raw", "product": "part"} | (source or {})],
        "work_units": units,
    } | facts
