"""An event log as arrays aligned with a compiled plant, for counting figures from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.events import EventLog
from twin.model.horizon import Array

Index = NDArray[np.int64]
Text = NDArray[np.object_]
MICROSECONDS_PER_MINUTE = 60e6


@dataclass(frozen=True)
class Stays:
    """Stays of work units in states, (N,), by unit and then in time.

    Minutes count from the start of the horizon and are not cut at its ends; the last stay of a unit
    lasts to the end of the horizon, or to its own start if that is later.
    """

    unit: Index
    state: Index
    """Index in ``STATES``; −1 for a state of another name, which counts nowhere."""
    start: Array
    end: Array
    is_first: NDArray[np.bool_]
    """Whether the log says nothing of the unit before."""
    order: Text
    operation: Text
    reason: Text

    def entries(self, states: Iterable[str]) -> Index:
        """Rows at which a unit enters one of some states, or goes on in them for another reason."""
        inside = np.isin(self.state, [STATE_INDEX[s] for s in states])  # type: ignore[index]
        came_from_inside = np.zeros(len(inside), dtype=bool)
        came_from_inside[1:] = inside[:-1] & ~self.is_first[1:]
        came_from_inside[1:] &= self.reason[1:] == self.reason[:-1]
        return np.flatnonzero(inside & ~came_from_inside)


@dataclass(frozen=True)
class LotEnds:
    """Lots that left a work unit, (L,)."""

    unit: Index
    minute: Array
    good: Array
    scrap: Array
    order: Text
    operation: Text
    product: Text


@dataclass(frozen=True, order=True)
class Completion:
    """A work order that has left its last operation."""

    minute: float
    good: float
    """Pieces."""
    product: str


@dataclass(frozen=True)
class LogView:
    """One log on the horizon of one compiled plant. Rows of unknown work units are left out."""

    plant: CompiledPlant
    stays: Stays
    lot_ends: LotEnds
    released: dict[str, float]
    """First release of each order [min]."""
    completed: dict[str, Completion]
    """Last completion of each order."""


def view(log: EventLog, plant: CompiledPlant) -> LogView:
    """Turn the names of a log into indices and its instants into minutes."""
    table = log.table
    minute = minutes_of(table["time"], plant)
    event = table["event"].to_numpy(dtype=object)
    unit = codes(table["work_unit"], plant.unit_index)
    released: dict[str, float] = {}
    for row in np.flatnonzero(event == "release").tolist():
        order, at = str(table["order"].iat[row]), float(minute[row])
        released[order] = min(at, released.get(order, at))
    completed: dict[str, Completion] = {}
    pieces = np.nan_to_num(table["quantity"].to_numpy(dtype=float))
    for row in np.flatnonzero(event == "complete").tolist():
        order, product = str(table["order"].iat[row]), str(table["product"].iat[row])
        found = Completion(float(minute[row]), float(pieces[row]), product)
        completed[order] = max(found, completed.get(order, found))
    return LogView(
        plant=plant,
        stays=_stays(table, np.flatnonzero((event == "state") & (unit >= 0)), minute, unit, plant),
        lot_ends=_lot_ends(table, np.flatnonzero((event == "end") & (unit >= 0)), minute, unit),
        released=released,
        completed=completed,
    )


def minutes_of(time: pd.Series, plant: CompiledPlant) -> Array:
    """Zone-aware instants as minutes from the start of the horizon, exact to the microsecond."""
    instants = time.to_numpy(dtype="datetime64[us]").astype(np.int64)
    start = np.datetime64(plant.horizon.start.astimezone(UTC).replace(tzinfo=None), "us")
    return (instants - start.astype(np.int64)) / MICROSECONDS_PER_MINUTE


def codes(names: pd.Series, index: dict[str, int]) -> Index:
    """Index of each name; −1 where it has none."""
    code, uniques = pd.factorize(names)
    of_unique = np.array([index.get(str(name), -1) for name in uniques] + [-1], dtype=np.int64)
    return of_unique[code]


def _stays(
    table: pd.DataFrame, rows: Index, minute: Array, unit: Index, plant: CompiledPlant
) -> Stays:
    rows = rows[np.lexsort((minute[rows], unit[rows]))]  # stable: equal instants keep their order
    start, who = minute[rows], unit[rows]
    is_last = np.append(who[1:] != who[:-1], True)[: len(rows)]
    following = np.append(start[1:], 0.0)[: len(rows)]
    end = np.where(is_last, np.maximum(plant.horizon.minutes, start), following)
    text = {name: table[name].to_numpy(dtype=object)[rows] for name in _TEXT}
    return Stays(
        unit=who,
        state=codes(table["state"], {str(k): i for k, i in STATE_INDEX.items()})[rows],
        start=start,
        end=end,
        is_first=np.append(True, is_last[:-1])[: len(rows)],
        **text,
    )


_TEXT = ("order", "operation", "reason")


def _lot_ends(table: pd.DataFrame, rows: Index, minute: Array, unit: Index) -> LotEnds:
    return LotEnds(
        unit=unit[rows],
        minute=minute[rows],
        good=np.nan_to_num(table["quantity"].to_numpy(dtype=float)[rows]),
        scrap=np.nan_to_num(table["scrap"].to_numpy(dtype=float)[rows]),
        order=table["order"].to_numpy(dtype=object)[rows],
        operation=table["operation"].to_numpy(dtype=object)[rows],
        product=table["product"].to_numpy(dtype=object)[rows],
    )
