"""What one replication achieved, from an engine's totals alone.

The ISO 22400-2 indicators and the figures of the plant are those of :mod:`twin.accounting.kpi`,
which counts them from a log. Beside them stand the figures only a simulation knows: work inside,
buffers, waiting, people. Every figure carries its unit in its name or is a share, from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from twin.accounting.energy import MINUTES_PER_HOUR
from twin.accounting.kpi import KG_PER_TONNE, Indicators, UnitTimes, counted_times, indicators
from twin.accounting.outcome import is_on_time
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook
from twin.model.plant import STATES
from twin.simulation.result import Integers, Totals

TICKS_PER_MINUTE = 60e6
WAITING_STATES = ("off", "standby", "blocked")
"""In its open time, a unit in one of these has nothing to do or no room for what it has done."""

Kind = Literal[
    "plant", "product", "work_unit", "failure_mode", "task", "operation", "crew", "transport",
    "stock",
]  # fmt: skip


class Key(NamedTuple):
    """Which figure of what."""

    kind: Kind
    id: str
    """Of the work unit, product, …; ``UNIT/mode`` and ``UNIT/task``; empty for the plant."""
    figure: str


def times_of(totals: Totals, plant: CompiledPlant, warm_up: float = 0.0) -> UnitTimes:
    """Times and quantities of every work unit, from the warm-up's end [min] to the horizon's."""
    return counted_times(
        _minutes(totals.state_ticks),
        _minutes(totals.open_ticks),
        open_minutes(plant, warm_up),
        totals.planned_minutes,
        (totals.unit_good + totals.unit_scrap).astype(float),
        totals.unit_good.astype(float),
    )


def open_minutes(plant: CompiledPlant, warm_up: float) -> Array:
    """POT of each unit (M,) from the end of the warm-up on [min]."""
    end = plant.horizon.minutes
    return np.array([opened.working_minutes(warm_up, end) for opened in plant.unit_open])


def work_unit_indicators(
    totals: Totals, plant: CompiledPlant, warm_up: float = 0.0
) -> dict[str, Indicators]:
    """ISO 22400-2 indicators of every work unit."""
    times = times_of(totals, plant, warm_up)
    return {id: indicators(times, [m]) for m, id in enumerate(plant.unit_ids)}


def plant_indicators(
    totals: Totals,
    plant: CompiledPlant,
    forecast: Forecast | None,
    orders: OrderBook,
    warm_up: float = 0.0,
) -> dict[str, float]:
    """What the plant achieved, under the names of :func:`twin.accounting.kpi.plant_kpis`.

    Where orders move in several jobs, pieces and flow times are those of jobs here, of whole orders
    there. Energy bought is not netted against own generation. A mean of nothing is "not a number";
    without prices there is no cost, without intensities no carbon.
    """
    times = times_of(totals, plant, warm_up)
    whole = indicators(times)
    hours = (plant.horizon.minutes - warm_up) / MINUTES_PER_HOUR
    energy, cost, carbon = _site(totals, plant, forecast, warm_up)
    produced, completed = float(times.produced.sum()), float(totals.completed.sum())
    tonnes = float(totals.completed @ _piece_kg(plant)) / KG_PER_TONNE
    found = {
        "throughput_per_h": completed / hours,
        "wip_jobs": _minutes(totals.inside_area).sum() / (hours * MINUTES_PER_HOUR),
        "orders_completed": _orders_completed(totals, plant, orders),
        "good_pieces": completed,
        "flow_time_h": _ratio(_hours(totals.flow_ticks).sum(), totals.completed_jobs.sum()),
        "availability": _number(whole.availability),
        "oee": _number(whole.oee),
        "scrap_share": _ratio(produced - float(times.good.sum()), produced),
        "setup_h": whole.setup / MINUTES_PER_HOUR,
        "failures": float(totals.failures.sum()),
        "repair_h": float(times.state_minutes[:, STATE_INDEX["repair"]].sum()) / MINUTES_PER_HOUR,
        "energy_kwh": energy,
        "kwh_per_tonne": _ratio(energy, tonnes),
        "mean_kw": energy / hours,
    }
    if forecast is not None and forecast.price_per_kwh.any():
        found["energy_cost"] = cost
    if forecast is not None and forecast.carbon_intensity.any():
        found["carbon_kg"] = carbon
    if len(orders):
        found["orders_on_time"] = float(sum(on_time(totals, plant.horizon, orders)))
    return {name: float(value) for name, value in found.items()}


def on_time(totals: Totals, horizon: Horizon, orders: OrderBook) -> list[bool]:
    """Whether each order is not late by the end of the horizon."""
    return [
        is_on_time(end, horizon.to_minutes(order.due_date), horizon.minutes)
        for order, end in zip(orders, completion_minutes(totals), strict=True)
    ]


def completion_minutes(totals: Totals) -> list[float | None]:
    """When each order was complete [min from the horizon's start]; None where it did not end."""
    return [t / TICKS_PER_MINUTE if t >= 0 else None for t in totals.order_complete.tolist()]


def observe(
    totals: Totals,
    plant: CompiledPlant,
    forecast: Forecast | None,
    orders: OrderBook,
    warm_up: float = 0.0,
) -> dict[Key, float]:
    """Every figure of one replication. One that has no value is "not a number"."""
    minutes = plant.horizon.minutes - warm_up
    whole = plant_indicators(totals, plant, forecast, orders, warm_up)
    rows: list[Iterator[tuple[Key, float]]] = [
        ((Key("plant", "", name), value) for name, value in whole.items()),
        _products(totals, plant, minutes),
        _units(totals, plant, warm_up),
        _failures_and_tasks(totals, plant),
        _operations(totals, plant, minutes),
        _crews(totals, plant, warm_up),
        _transports(totals, plant, minutes),
        _stocks(totals, plant, minutes),
    ]
    return {key: float(value) for part in rows for key, value in part}


def known_figures(plant: CompiledPlant, forecast: Forecast | None, orders: OrderBook) -> list[Key]:
    """Every figure that :func:`observe` gives for a plant."""
    return list(observe(no_totals(plant, orders), plant, forecast, orders))


def no_totals(plant: CompiledPlant, orders: OrderBook) -> Totals:
    """Totals of a plant in which nothing happened: every sum is 0, no order is complete."""
    units = plant.plant.work_units
    sizes = {
        "M": len(units),
        "O": len(plant.operation_ids),
        "P": len(plant.product_ids),
        "C": len(plant.plant.crews),
        "V": len(plant.plant.transports),
        "K": len(plant.plant.stocks),
        "J": len(orders),
        "F": sum(len(unit.failure_modes) for unit in units),
        "T": sum(len(unit.maintenance) for unit in units),
        "B": 1,
    }

    def whole(index: str) -> Integers:
        return np.zeros(sizes[index], dtype=np.int64)

    by_state = np.zeros((len(units), len(STATES)), dtype=np.int64)
    return Totals(
        state_ticks=by_state,
        energy_kwh=np.zeros(len(units)),
        energy_cost=np.zeros(len(units)),
        carbon_kg=np.zeros(len(units)),
        order_complete=whole("J") - 1,
        order_good=whole("J"),
        order_scrap=whole("J"),
        released=whole("P"),
        completed=whole("P"),
        scrapped=whole("P"),
        completed_jobs=whole("P"),
        flow_ticks=whole("P"),
        inside_area=whole("P"),
        buffer_area=whole("O"),
        wait_ticks=whole("O"),
        taken=whole("O"),
        crew_ticks=whole("C"),
        vehicle_ticks=whole("V"),
        failures=whole("F"),
        executions=whole("T"),
        inspections=whole("T"),
        stock_area=whole("K"),
        owed_area=whole("K"),
        demands=whole("K"),
        filled=whole("K"),
        series=whole("B"),
        open_ticks=by_state.copy(),
        unit_good=whole("M"),
        unit_scrap=whole("M"),
        planned_minutes=np.zeros(len(units)),
    )


def _products(totals: Totals, plant: CompiledPlant, minutes: float) -> Iterator[tuple[Key, float]]:
    hours = minutes / MINUTES_PER_HOUR
    inside, flow = _minutes(totals.inside_area), _hours(totals.flow_ticks)
    for p, id in enumerate(plant.product_ids):
        found = {
            "throughput_per_h": totals.completed[p] / hours,
            "released_per_h": totals.released[p] / hours,
            "scrapped_per_h": totals.scrapped[p] / hours,
            "wip_jobs": inside[p] / minutes,
            "flow_time_h": _ratio(flow[p], totals.completed_jobs[p]),
        }
        yield from ((Key("product", id, name), value) for name, value in found.items())


def _units(totals: Totals, plant: CompiledPlant, warm_up: float) -> Iterator[tuple[Key, float]]:
    times, minutes = times_of(totals, plant, warm_up), plant.horizon.minutes - warm_up
    in_state_open, opened = _minutes(totals.open_ticks), open_minutes(plant, warm_up)
    waiting = in_state_open[:, [STATE_INDEX[s] for s in WAITING_STATES]].sum(axis=1)  # type: ignore[index]
    failures = _by_unit(totals.failures, [len(u.failure_modes) for u in plant.plant.work_units])
    for m, id in enumerate(plant.unit_ids):
        iso = indicators(times, [m])
        found = {
            **{f"{s}_share": times.state_minutes[m, i] / minutes for i, s in enumerate(STATES)},
            "waiting_share": _ratio(waiting[m], opened[m]),
            "availability": _number(iso.availability),
            "effectiveness": _number(iso.effectiveness),
            "quality_ratio": _number(iso.quality_ratio),
            "oee": _number(iso.oee),
            "failures": failures[m],
            "energy_kwh": totals.energy_kwh[m],
        }
        yield from ((Key("work_unit", id, name), value) for name, value in found.items())


def _failures_and_tasks(totals: Totals, plant: CompiledPlant) -> Iterator[tuple[Key, float]]:
    failures, executions = iter(totals.failures.tolist()), iter(totals.executions.tolist())
    inspections = iter(totals.inspections.tolist())
    for unit in plant.plant.work_units:
        for mode in unit.failure_modes:
            yield Key("failure_mode", f"{unit.id}/{mode.id}", "failures"), next(failures)
        for task in unit.maintenance:
            id, made = f"{unit.id}/{task.id}", next(inspections)
            yield Key("task", id, "executions"), next(executions)
            if task.condition is not None:
                yield Key("task", id, "inspections"), made


def _operations(
    totals: Totals, plant: CompiledPlant, minutes: float
) -> Iterator[tuple[Key, float]]:
    held, waited = _minutes(totals.buffer_area), _minutes(totals.wait_ticks)
    for o, id in enumerate(plant.operation_ids):
        yield Key("operation", id, "buffer_jobs"), held[o] / minutes
        yield Key("operation", id, "wait_min"), _ratio(waited[o], totals.taken[o])


def _crews(totals: Totals, plant: CompiledPlant, warm_up: float) -> Iterator[tuple[Key, float]]:
    busy, end = _minutes(totals.crew_ticks), plant.horizon.minutes
    for c, crew in enumerate(plant.plant.crews):
        duty = crew.size * plant.crew_open[crew.id].working_minutes(warm_up, end)
        yield Key("crew", crew.id, "busy_people"), busy[c] / (end - warm_up)
        yield Key("crew", crew.id, "utilisation"), _ratio(busy[c], duty)


def _transports(
    totals: Totals, plant: CompiledPlant, minutes: float
) -> Iterator[tuple[Key, float]]:
    driving = _minutes(totals.vehicle_ticks)
    for v, transport in enumerate(plant.plant.transports):
        yield Key("transport", transport.id, "busy_vehicles"), driving[v] / minutes
        share = driving[v] / (minutes * transport.vehicles)
        yield Key("transport", transport.id, "utilisation"), share


def _stocks(totals: Totals, plant: CompiledPlant, minutes: float) -> Iterator[tuple[Key, float]]:
    on_hand, owed = _minutes(totals.stock_area), _minutes(totals.owed_area)
    for k, stock in enumerate(plant.plant.stocks):
        yield Key("stock", stock.id, "on_hand_pieces"), on_hand[k] / minutes
        yield Key("stock", stock.id, "owed_pieces"), owed[k] / minutes
        yield Key("stock", stock.id, "fill_rate"), _ratio(totals.filled[k], totals.demands[k])


def _site(
    totals: Totals, plant: CompiledPlant, forecast: Forecast | None, warm_up: float
) -> tuple[float, float, float]:
    """Energy [kWh], its cost and its carbon [kgCO2e], the base load included."""
    horizon, base = plant.horizon, plant.plant.energy.base_load_kw
    counted = np.clip(horizon.edges[1:] - warm_up, 0.0, horizon.slot_minutes)
    base_kwh = base * counted / MINUTES_PER_HOUR
    energy = float(totals.energy_kwh.sum() + base_kwh.sum())
    if forecast is None:
        return energy, 0.0, 0.0
    cost = float(totals.energy_cost.sum() + base_kwh @ forecast.price_per_kwh)
    carbon = float(totals.carbon_kg.sum() + base_kwh @ forecast.carbon_intensity)
    return energy, cost, carbon


def _orders_completed(totals: Totals, plant: CompiledPlant, orders: OrderBook) -> float:
    """Work orders, and parts of sources where these can be told from the jobs of an order."""
    moves_by = {product.id: product.moves_by for product in plant.plant.products}
    if all(moves_by[order.product] == "order" for order in orders):
        return float(totals.completed_jobs.sum())
    return float((totals.order_complete >= 0).sum())


def _piece_kg(plant: CompiledPlant) -> Array:
    return np.array([product.piece_mass_g / 1000 for product in plant.plant.products])


def _by_unit(values: Integers, sizes: list[int]) -> list[float]:
    """Sums over consecutive groups of the sizes given."""
    ends = np.cumsum(sizes)
    return [float(values[end - size : end].sum()) for end, size in zip(ends, sizes, strict=True)]


def _minutes(ticks: Integers) -> Array:
    return np.asarray(ticks / TICKS_PER_MINUTE, dtype=float)


def _hours(ticks: Integers) -> Array:
    return _minutes(ticks) / MINUTES_PER_HOUR


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
