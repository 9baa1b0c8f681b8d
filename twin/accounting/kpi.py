"""ISO 22400-2 indicators of work units and of the plant, from a simulated or recorded log alike.

Everything is counted inside the horizon of the compiled plant. What counts as what, said once:

======  =================================  =======================================================
symbol  ISO 22400-2                        here
======  =================================  =======================================================
POT     planned operation time             open time of the unit's calendar
PBT     planned busy time                  POT minus planned down time, which is preventive
                                           maintenance inside POT. Time without an order, setup,
                                           warm-up and breakdowns stay inside: they are losses.
APT     actual production time             state *working*
AUST    actual unit setup time             state *setup*
ADET    actual unit delay time             *down*, *repair* and *blocked* inside POT: an order is
                                           held up
ADOT    actual unit down time              the rest of PBT: free, but no order is being executed
                                           (standby, warm-up, switched off)
PRI     planned runtime per item           mean lot time of the plant model per piece of that lot;
                                           jobs of one load share the time of the first
PQ, GQ  produced and good quantity         pieces of the lots that ended; good = not scrapped
======  =================================  =======================================================

Availability A = APT/PBT, effectiveness E = PRI·PQ/APT, quality ratio QR = GQ/PQ, OEE = A·E·QR. So
setup lowers availability. A unit that works off shift can exceed 1, and so can E where a lot that
ends in the horizon began before it; nothing is clipped to hide it.
Preventive maintenance outside open time (at night) costs no availability.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from twin.accounting.energy import MINUTES_PER_HOUR, energy_of_intervals, grid_bill, sums
from twin.accounting.log_view import Completion, Index, LogView, view
from twin.accounting.value import site_draw
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Array
from twin.model.orders import OrderBook
from twin.model.plant import STATES, Processing, by_product

KG_PER_TONNE = 1000.0


@dataclass(frozen=True)
class UnitTimes:
    """Times and quantities of all work units m inside the horizon."""

    state_minutes: Array
    """(M, S) in the order of ``STATES``."""
    planned_busy: Array
    """(M,) PBT [min]."""
    delay: Array
    """(M,) ADET [min]."""
    planned_runtime: Array
    """(M,) PRI·PQ [min]."""
    produced: Array
    """(M,) PQ [pieces]."""
    good: Array
    """(M,) GQ [pieces]."""


@dataclass(frozen=True)
class Indicators:
    """ISO 22400-2 indicators of one work unit, or of several together. Times in minutes."""

    production: float
    """APT."""
    planned_busy: float
    """PBT."""
    setup: float
    """AUST."""
    down: float
    """ADOT."""
    delay: float
    """ADET."""
    availability: float | None
    """A; none without planned busy time."""
    effectiveness: float | None
    """E; none without production."""
    quality_ratio: float | None
    """QR; none without pieces."""

    @property
    def oee(self) -> float | None:
        factors = (self.availability, self.effectiveness, self.quality_ratio)
        known = [f for f in factors if f is not None]
        return float(np.prod(known)) if len(known) == len(factors) else None


def work_unit_kpis(log: EventLog, plant: CompiledPlant) -> dict[str, Indicators]:
    """Indicators of every work unit."""
    times = unit_times(view(log, plant))
    return {id: indicators(times, [m]) for m, id in enumerate(plant.unit_ids)}


def indicators(times: UnitTimes, units: list[int] | slice = slice(None)) -> Indicators:
    """Indicators of some work units taken together: ratios of their sums."""
    minutes = times.state_minutes[units].sum(axis=0)
    production, setup = float(minutes[_WORKING]), float(minutes[_SETUP])
    busy, delay = float(times.planned_busy[units].sum()), float(times.delay[units].sum())
    produced = float(times.produced[units].sum())
    return Indicators(
        production=production,
        planned_busy=busy,
        setup=setup,
        down=max(busy - production - setup - delay, 0.0),
        delay=delay,
        availability=_ratio(production, busy),
        effectiveness=_ratio(float(times.planned_runtime[units].sum()), production),
        quality_ratio=_ratio(float(times.good[units].sum()), produced),
    )


_WORKING, _SETUP = STATE_INDEX["working"], STATE_INDEX["setup"]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def unit_times(log: LogView) -> UnitTimes:
    """Times and quantities of every work unit."""
    planned_runtime, produced, good = _quantities(log)
    return counted_times(
        state_minutes(log),
        open_state_minutes(log),
        np.array([_length(o.starts, o.ends) for o in log.plant.unit_open]),
        planned_runtime,
        produced,
        good,
    )


def counted_times(
    in_state: Array,
    in_state_open: Array,
    planned_operation: Array,
    planned_runtime: Array,
    produced: Array,
    good: Array,
) -> UnitTimes:
    """Times of the indicators from what was counted, by a log or by an engine alike.

    Parameters
    ----------
    in_state, in_state_open : (M, S)
        Minutes in each state; those inside the open time of the unit's calendar.
    planned_operation : (M,)
        POT: open time of the unit's calendar [min].
    planned_runtime, produced, good : (M,)
        PRI·PQ [min], PQ and GQ [pieces].
    """
    return UnitTimes(
        state_minutes=in_state,
        planned_busy=planned_operation - in_state_open[:, STATE_INDEX["maintenance"]],
        delay=in_state_open[:, _DELAYED].sum(axis=1),
        planned_runtime=planned_runtime,
        produced=produced,
        good=good,
    )


_DELAYED = [STATE_INDEX["down"], STATE_INDEX["repair"], STATE_INDEX["blocked"]]


def _length(starts: Array, ends: Array) -> float:
    return float((ends - starts).sum())


def state_minutes(log: LogView) -> Array:
    """Minutes of each unit in each state inside the horizon, (M, S); unknown time is in none."""
    stays, shape = log.stays, (len(log.plant.unit_ids), len(STATES))
    inside = np.minimum(stays.end, log.plant.horizon.minutes) - np.maximum(stays.start, 0.0)
    known = (inside > 0) & (stays.state >= 0)
    cell = stays.unit[known] * shape[1] + stays.state[known]
    return sums(cell, inside[known], shape[0] * shape[1]).reshape(shape)


def open_state_minutes(log: LogView) -> Array:
    """Minutes of each unit in each state inside its open time, (M, S)."""
    stays, shape = log.stays, (len(log.plant.unit_ids), len(STATES))
    found = np.zeros(len(stays.unit))
    for m in np.unique(stays.unit):
        own = stays.unit == m
        worked = log.plant.unit_open[m].minutes_before
        found[own] = np.maximum(worked(stays.end[own]) - worked(stays.start[own]), 0.0)
    known = stays.state >= 0
    cell = stays.unit[known] * shape[1] + stays.state[known]
    return sums(cell, found[known], shape[0] * shape[1]).reshape(shape)


def _quantities(log: LogView) -> tuple[Array, Array, Array]:
    """PRI·PQ [min], PQ and GQ of each unit, (M,) each."""
    lots, plant = log.lot_ends, log.plant
    inside = (lots.minute >= 0) & (lots.minute <= plant.horizon.minutes)
    runtime = np.zeros(len(plant.unit_ids))
    pieces = lots.good + lots.scrap
    kinds: dict[tuple[int, str, str], list[int]] = {}
    for row in np.flatnonzero(inside):
        key = (int(lots.unit[row]), lots.operation[row], lots.product[row])
        kinds.setdefault(key, []).append(int(row))
    for (m, operation, product), rows in kinds.items():
        first = _first_of_loads(plant, m, operation, product, lots.minute[rows])
        counted = [rows[i] for i in first]
        runtime[m] += _planned_minutes(plant, m, operation, product, pieces[counted])
        batches = len(set(lots.order[counted]))
        runtime[m] += batches * _transit(plant, m, operation, product)
    units = lots.unit[inside]
    produced = sums(units, pieces[inside], len(runtime))
    return runtime, produced, sums(units, lots.good[inside], len(runtime))


def _planned_minutes(
    plant: CompiledPlant, unit: int, operation: str, product: str, pieces: Array
) -> float:
    """Mean time of lots of so many pieces [min]; 0 where the plant has no such processing."""
    row = _processing(plant, unit, operation, product)
    if row is None:
        return 0.0
    made = plant.plant.products[plant.product_index[product]]
    each = by_product(row.time, made) or 0.0
    if row.basis in ("load", "order"):
        return each * len(pieces)
    mass = made.piece_mass_g / 1000 if row.basis == "kg" else 1.0
    return each * mass * float(pieces.sum())


def _first_of_loads(
    plant: CompiledPlant, unit: int, operation: str, product: str, minute: Array
) -> Index:
    """Which lots count for planned runtime: of those that ended together as one load, the first."""
    row = _processing(plant, unit, operation, product)
    if row is None or row.load is None:
        return np.arange(len(minute))
    return np.sort(np.unique(minute, return_index=True)[1])


def _transit(plant: CompiledPlant, unit: int, operation: str, product: str) -> float:
    row = _processing(plant, unit, operation, product)
    return row.transit if row else 0.0


def _processing(plant: CompiledPlant, unit: int, operation: str, product: str) -> Processing | None:
    o, p = plant.operation_index.get(operation, -1), plant.product_index.get(product, -1)
    return plant.rows.get((unit, o, p))


def log_energy(log: LogView) -> Array:
    """Energy each unit drew in each slot by its states, (M, T) [kWh].

    Before the first word of a unit, and in a state the plant does not know, it counts as off.
    """
    plant, stays = log.plant, log.stays
    horizon, units = plant.horizon, np.arange(len(plant.unit_ids))
    first = np.full(len(units), float(horizon.minutes))
    first[stays.unit[stays.is_first]] = stays.start[stays.is_first]
    state = np.where(stays.state >= 0, stays.state, _OFF)
    return energy_of_intervals(
        np.concatenate((units, stays.unit)),
        np.concatenate((np.zeros(len(units)), stays.start)),
        np.concatenate((first, stays.end)),
        np.concatenate((plant.power_kw[:, _OFF], plant.power_kw[stays.unit, state])),
        horizon.edges,
        len(units),
    )


_OFF = STATE_INDEX["off"]


def failure_rows(log: LogView, already_down: frozenset[int] = frozenset()) -> Index:
    """Rows of ``log.stays`` at which a unit breaks down inside the horizon.

    ``already_down`` are units under repair or maintenance at minute 0: the first word of the log
    on them is no new event.
    """
    return _events(log, ("down", "repair"), already_down)


def maintenance_rows(log: LogView, already_down: frozenset[int] = frozenset()) -> Index:
    """Rows of ``log.stays`` at which a preventive task begins inside the horizon."""
    return _events(log, ("maintenance",), already_down)


def _events(log: LogView, states: tuple[str, ...], already_down: frozenset[int]) -> Index:
    stays = log.stays
    rows = stays.entries(states)
    inside = (stays.start[rows] >= 0) & (stays.start[rows] < log.plant.horizon.minutes)
    known = stays.is_first[rows] & np.isin(stays.unit[rows], sorted(already_down))
    return rows[inside & ~known]


def plant_kpis(
    log: EventLog, plant: CompiledPlant, forecast: Forecast | None, orders: OrderBook
) -> dict[str, float]:
    """What a plant achieved inside the horizon, by name with its unit.

    Availability, OEE and scrap are ratios of sums over all work units. A mean of nothing is "not a
    number". Without a forecast there is no carbon figure.
    """
    seen = view(log, plant)
    times = unit_times(seen)
    whole = indicators(times)
    done = {
        id: completion
        for id, completion in seen.completed.items()
        if 0 <= completion.minute < plant.horizon.minutes
    }
    draw = site_draw(log_energy(seen), plant.plant, plant.horizon)
    produced = float(times.produced.sum())
    kpis = {
        "orders_completed": float(len(done)),
        "good_pieces": sum(completion.good for completion in done.values()),
        "flow_time_h": _mean_flow_hours(seen, done, orders),
        "availability": _number(whole.availability),
        "oee": _number(whole.oee),
        "scrap_share": _number(_ratio(produced - float(times.good.sum()), produced)),
        "setup_h": whole.setup / MINUTES_PER_HOUR,
        "failures": float(len(failure_rows(seen))),
        "repair_h": float(times.state_minutes[:, _REPAIR].sum()) / MINUTES_PER_HOUR,
        "energy_kwh": float(draw.sum()),
        "kwh_per_tonne": _number(_ratio(float(draw.sum()), _good_tonnes(plant, done.values()))),
        "mean_kw": float(draw.sum()) / (plant.horizon.minutes / MINUTES_PER_HOUR),
    }
    return kpis if forecast is None else {**kpis, "carbon_kg": grid_bill(draw, forecast).carbon_kg}


_REPAIR = STATE_INDEX["repair"]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _mean_flow_hours(log: LogView, done: dict[str, Completion], orders: OrderBook) -> float:
    """Mean time from release to completion [h]; the release in the log before the ERP's date."""
    to_minutes = log.plant.horizon.to_minutes
    released = {o.id: to_minutes(o.release_date) for o in orders} | log.released
    flows = [end.minute - released[id] for id, end in done.items() if id in released]
    return float(np.mean(flows)) / MINUTES_PER_HOUR if flows else float("nan")


def _good_tonnes(plant: CompiledPlant, done: Iterable[Completion]) -> float:
    kg = {product.id: product.piece_mass_g / 1000 for product in plant.plant.products}
    return sum(end.good * kg.get(end.product, 0.0) for end in done) / KG_PER_TONNE
