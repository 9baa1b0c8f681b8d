"""ISO 22400-2 indicators of each work unit and day, from what the event store has counted.

The counting is the database's (or DuckDB's, on an extract); the indicators are those of
:mod:`twin.accounting.kpi`, which says what counts as planned. Without a plant description there is
no calendar and no planned runtime: then a unit is planned whenever it is known to be neither *off*
nor under *maintenance*, and effectiveness, and with it OEE, is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

import numpy as np

from twin.accounting.kpi import Indicators, UnitTimes, counted_times, indicators
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.horizon import Array, Horizon
from twin.model.plant import STATES, Plant, by_product
from twin.store.unit_days import Made, UnitDays

OPEN_STATES = ("maintenance", "down", "repair", "blocked")
"""States that are planned down time or delay where they are in open time."""
_STATE: Mapping[str, int] = {state: n for n, state in enumerate(STATES)}
Cell = tuple[str, date]
Stay = tuple[str, str, datetime, datetime]
"""Work unit, state, from, until."""


@dataclass(frozen=True)
class UnitDayIndicators:
    """Indicators of work units by day and over the whole window."""

    by_day: Mapping[Cell, Indicators]
    by_unit: Mapping[str, Indicators]
    notes: tuple[str, ...]
    """What could not be counted, and why."""


@dataclass(frozen=True)
class Window:
    """What is looked at: an interval of time, in the days of a zone."""

    start: datetime
    end: datetime
    zone: ZoneInfo


def unit_day_indicators(
    counted: UnitDays, stays: Sequence[Stay], window: Window, plant: Plant | None = None
) -> UnitDayIndicators:
    """Indicators of a window that was counted by unit and day; ``stays`` are of OPEN_STATES."""
    notes = []
    if plant is None:
        notes.append(
            "no plant description: planned is what was neither off nor maintenance; "
            "effectiveness and OEE need the plant's cycle times"
        )
    else:
        known = {unit.id for unit in plant.work_units}
        others = {unit for unit, _ in _cells(counted)} - known
        notes += [f"{unit} is not in the plant description: left out" for unit in sorted(others)]
        counted = _only(counted, known)
        stays = [stay for stay in stays if stay[0] in known]
    cells = _cells(counted)
    row = {cell: n for n, cell in enumerate(cells)}
    times = _times(counted, stays, window, plant, row)
    units: dict[str, list[int]] = {}
    for (unit, _), n in row.items():
        units.setdefault(unit, []).append(n)
    told = _indicators if plant else _without_runtime
    return UnitDayIndicators(
        {cell: told(times, [n]) for cell, n in row.items()},
        {unit: told(times, rows) for unit, rows in units.items()},
        tuple(notes),
    )


def _indicators(times: UnitTimes, rows: list[int]) -> Indicators:
    return indicators(times, rows)


def _without_runtime(times: UnitTimes, rows: list[int]) -> Indicators:
    return replace(indicators(times, rows), effectiveness=None)


def _only(counted: UnitDays, units: set[str]) -> UnitDays:
    return UnitDays(
        tuple(one for one in counted.states if one.work_unit in units),
        tuple(one for one in counted.made if one.work_unit in units),
    )


def _cells(counted: UnitDays) -> list[Cell]:
    """Every unit and day of which anything is known, in order."""
    states = {(one.work_unit, one.day) for one in counted.states}
    return sorted(states | {(one.work_unit, one.day) for one in counted.made})


def _times(
    counted: UnitDays,
    stays: Sequence[Stay],
    window: Window,
    plant: Plant | None,
    row: Mapping[Cell, int],
) -> UnitTimes:
    """Times and quantities, a row for each unit and day."""
    in_state = np.zeros((len(row), len(STATES)))
    for stay in counted.states:
        in_state[row[stay.work_unit, stay.day], _STATE[stay.state]] += stay.minutes
    good, produced = np.zeros(len(row)), np.zeros(len(row))
    for lot in counted.made:
        good[row[lot.work_unit, lot.day]] += lot.good
        produced[row[lot.work_unit, lot.day]] += lot.good + lot.scrap
    if plant is None:
        planned = in_state.sum(axis=1) - in_state[:, _STATE["off"]]
        return counted_times(in_state, in_state, planned, np.zeros(len(row)), produced, good)
    calendar = _Calendar(_compiled(plant, window), window)
    return counted_times(
        in_state,
        calendar.open_minutes(stays, row),
        np.array([calendar.open_on(*cell) for cell in row]),
        _planned_runtime(calendar.plant, counted.made, row),
        produced,
        good,
    )


def _compiled(plant: Plant, window: Window) -> CompiledPlant:
    slot = 15
    minutes = ceil((window.end - window.start) / timedelta(minutes=slot)) * slot
    return compile_plant(plant, Horizon(window.start, minutes, plant.timezone, slot))


@dataclass(frozen=True)
class _Calendar:
    """The open time of the units' calendars, by local day of a window."""

    plant: CompiledPlant
    window: Window

    def open_on(self, unit: str, day: date) -> float:
        """POT of a unit on a day [min]."""
        left, right = self._minutes_of(day)
        return self.plant.unit_open[self.plant.unit_index[unit]].working_minutes(left, right)

    def open_minutes(self, stays: Sequence[Stay], row: Mapping[Cell, int]) -> Array:
        """Minutes in each state inside open time, a row for each unit and day."""
        found = np.zeros((len(row), len(STATES)))
        for unit, state, since, until in stays:
            opened = self.plant.unit_open[self.plant.unit_index[unit]]
            day = since.astimezone(self.window.zone).date()
            begin, end = self._minute(since), self._minute(until)
            while (left := (edges := self._minutes_of(day))[0]) < end:
                inside = opened.working_minutes(max(begin, left), min(end, edges[1]))
                found[row[unit, day], _STATE[state]] += inside
                day += timedelta(days=1)
        return found

    def _minutes_of(self, day: date) -> tuple[float, float]:
        """A local day inside the window [min from its start]."""
        zone, later = self.window.zone, day + timedelta(days=1)
        midnights = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, later))
        left, right = (self._minute(midnight) for midnight in midnights)
        return max(left, 0.0), min(right, self._minute(self.window.end))

    def _minute(self, instant: datetime) -> float:
        return (instant - self.window.start) / timedelta(minutes=1)


def _planned_runtime(plant: CompiledPlant, made: Sequence[Made], row: Mapping[Cell, int]) -> Array:
    """PRI·PQ [min] of each unit and day, by the rule of :mod:`twin.accounting.kpi`."""
    found = np.zeros(len(row))
    for lot in made:
        operation = plant.operation_index.get(lot.operation, -1)
        product = plant.product_index.get(lot.product, -1)
        processing = plant.rows.get((plant.unit_index[lot.work_unit], operation, product))
        if processing is None:
            continue
        piece = plant.plant.products[product]
        each = by_product(processing.time, piece) or 0.0
        if processing.basis in ("load", "order"):
            count = float(lot.loads if processing.load is not None else lot.lots)
        else:
            count = lot.good + lot.scrap
            count *= piece.piece_mass_g / 1000 if processing.basis == "kg" else 1.0
        found[row[lot.work_unit, lot.day]] += each * count + lot.orders * processing.transit
    return found
