"""Where a container came from and what became of a coil: genealogy and energy of lots, from a log.

The ``material`` of a lot names the traceable units it was made from, joined by ``+``: coils at the
first operation, lots of the operation before at the others. The walk along it is the genealogy.

The energy of a lot is that of the *working* state of its unit while it was worked there; lots
worked at the same time share it equally. Setup, standby and breakdowns are not laid on single lots,
so the lots of a unit add up to its working energy, and no further.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import numpy as np

from twin.accounting.energy import MINUTES_PER_HOUR
from twin.accounting.log_view import minutes_of, view
from twin.errors import did_you_mean
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.shifts import shared_equally, under_way

JOINT = "+"
"""Between the names of several units a lot is made from."""


@dataclass(frozen=True)
class LotRecord:
    """One lot on one work unit, or a traceable unit of raw material (without unit and times)."""

    lot: str
    material: tuple[str, ...] = ()
    """What it was made from."""
    work_unit: str = ""
    order: str = ""
    operation: str = ""
    product: str = ""
    start: float | None = None
    """[min]; None for raw material, or when the log does not know."""
    end: float | None = None
    """[min]; None as long as the lot has not ended."""
    good: float = 0.0
    scrap: float = 0.0
    verdicts: tuple[str, ...] = ()
    """Verdicts of its inspections, in time order."""
    energy_kwh: float = 0.0
    """Working energy of its unit while it was worked."""


class Genealogy:
    """Which traceable unit went into which, over a whole log."""

    def __init__(self, records: dict[str, LotRecord]) -> None:
        self.records = records
        """Every lot and every unit of material, by name."""
        self._graph = nx.DiGraph()
        self._graph.add_nodes_from(records)
        for record in records.values():
            self._graph.add_edges_from(
                (source, record.lot) for source in record.material if source != record.lot
            )

    def upstream(self, lot: str) -> tuple[LotRecord, ...]:
        """Everything a lot was made from, earliest first, ending with the lot itself."""
        return self._sorted({*nx.ancestors(self._graph, self._known(lot)), lot})

    def downstream(self, lot: str) -> tuple[LotRecord, ...]:
        """A lot or coil, and everything that was made from it, earliest first."""
        return self._sorted({*nx.descendants(self._graph, self._known(lot)), lot})

    def _known(self, lot: str) -> str:
        if lot not in self.records:
            raise KeyError(f'no lot "{lot}" in the log; {did_you_mean(lot, self.records)}')
        return lot

    def _sorted(self, names: set[str]) -> tuple[LotRecord, ...]:
        found = [self.records[name] for name in names]
        return tuple(sorted(found, key=lambda r: (r.start is not None, r.start or 0.0, r.lot)))


def trace(log: EventLog, plant: CompiledPlant) -> Genealogy:
    """Genealogy of every lot of a log, with the energy of each."""
    table = log.ordered().table
    lots = table[table["lot"] != ""]
    minute = minutes_of(lots["time"], plant)
    records: dict[str, LotRecord] = {}
    for row, at in zip(lots.itertuples(index=False), minute.tolist(), strict=True):
        known = records.get(str(row.lot), LotRecord(str(row.lot)))
        records[known.lot] = _with_event(known, row, at)
    records = _with_energy(records, log, plant)
    for record in list(records.values()):
        for source in record.material:
            records.setdefault(source, LotRecord(source))
    return Genealogy(records)


def _with_event(known: LotRecord, row: Any, minute: float) -> LotRecord:
    """A lot with one more event of the log."""
    if row.event == "verdict":
        return replace(known, verdicts=(*known.verdicts, str(row.verdict)))
    where: dict[str, Any] = {name: str(getattr(row, name)) for name in _WHERE}
    if row.event == "start":
        material = tuple(name for name in str(row.material).split(JOINT) if name)
        return replace(known, **where, start=minute, material=material)
    if row.event == "end":
        good, scrap = _pieces(row.quantity), _pieces(row.scrap)
        return replace(known, **where, end=minute, good=good, scrap=scrap)
    return known


_WHERE = ("work_unit", "order", "operation", "product")


def _pieces(number: float) -> float:
    return 0.0 if math.isnan(number) else float(number)


def _with_energy(
    records: dict[str, LotRecord], log: EventLog, plant: CompiledPlant
) -> dict[str, LotRecord]:
    stays = view(log, plant).stays
    found = dict(records)
    for m, unit in enumerate(plant.unit_ids):
        lots = [r for r in records.values() if r.work_unit == unit and r.start is not None]
        is_work = (stays.unit == m) & (stays.state == _WORKING)
        power = float(plant.power_kw[m, _WORKING])
        begin = np.array([r.start for r in lots], dtype=float)
        end = np.array([plant.horizon.minutes if r.end is None else r.end for r in lots])
        minutes = shared_minutes(begin, end, stays.start[is_work], stays.end[is_work])
        for record, share in zip(lots, minutes.tolist(), strict=True):
            kwh = power * share / MINUTES_PER_HOUR
            found[record.lot] = replace(record, energy_kwh=kwh)
    return found


_WORKING = STATE_INDEX["working"]


def shared_minutes(begin: Array, end: Array, work_begin: Array, work_end: Array) -> Array:
    """Working minutes of a unit that fall to each of its lots, (L,).

    Minutes in which several lots are worked are shared equally; those without a lot fall to none.

    >>> shared_minutes(*map(np.array, ([0.0, 30.0], [60.0, 90.0], [0.0], [120.0])))
    array([45., 45.])
    """
    edges = np.unique(np.concatenate((begin, end, work_begin, work_end)))
    if not len(begin) or len(edges) < 2:
        return np.zeros(len(begin))
    is_working = under_way(edges, work_begin, work_end) > 0
    return shared_equally(begin, end, edges, np.diff(edges) * is_working)
