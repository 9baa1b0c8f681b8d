"""A small plan and its report, made by hand: no solver and no simulator is needed to draw them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from twin.accounting.report import Estimate, OrderReport, Report, UnitReport
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.maintenance import due_tasks
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.schedule import Schedule, Segment
from twin.model.state import ShopState

SMALL = Path(__file__).resolve().parent.parent / "plants" / "small.yaml"


@dataclass(frozen=True)
class Case:
    """Everything a figure or report is drawn from."""

    plant: Plant
    orders: OrderBook
    forecast: Forecast
    schedule: Schedule
    report: Report


def make_orders(plant: Plant, start: datetime, count: int) -> OrderBook:
    """Orders of every product in turn, due one after another."""
    return OrderBook(
        tuple(
            WorkOrder(
                f"{4101 + i}",
                plant.products[i % len(plant.products)].id,
                12_000 + 3_000 * (i % 4),
                start,
                start + timedelta(hours=14 + 7 * i),
            )
            for i in range(count)
        )
    )


def make_forecast(horizon: Horizon) -> Forecast:
    """Three tariff blocks a day, a carbon curve, a sine of sun."""
    hour = np.array([horizon.local(m).hour for m in horizon.edges[:-1]])
    price = np.where(
        (hour >= 17) & (hour < 22), 1.38, np.where((hour >= 7) & (hour < 22), 1.01, 0.74)
    )
    return Forecast(
        horizon,
        price,
        0.62 + 0.1 * np.cos((hour - 20) / 24 * 2 * np.pi),
        40 * np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0),
        demand_charge_per_kw=40,
        peak_incurred_kw=210,
    )


def make_schedule(compiled: CompiledPlant, orders: OrderBook) -> Schedule:
    """Earliest due date first, each operation on the unit that would finish it first."""
    free = dict.fromkeys(range(len(compiled.unit_ids)), 0.0)
    key = dict.fromkeys(free, "")
    segments: list[Segment] = []
    at_start = ShopState(compiled.horizon.start)
    for due in due_tasks(compiled.plant, at_start, compiled.horizon)[:3]:
        m = compiled.unit_index[due.work_unit]
        start = compiled.crew_open[due.task.crew].next_open(max(due.earliest, free[m]))
        free[m] = start + due.task.duration
        segments.append(Segment(due.work_unit, start, free[m], "maintenance", task=due.task.id))
    for order in sorted(orders, key=lambda o: o.due_date):
        p = compiled.product_index[order.product]
        ready = 0.0
        for o in compiled.routes[p]:
            options = []
            for m in compiled.eligible[o, p]:
                setup = compiled.setup_minutes(m, key[m], p)
                begin = max(
                    free[m], ready - setup, float(compiled.startup_time[m]) if not key[m] else 0.0
                )
                changed = compiled.unit_open[m].work(begin, setup) if setup else []
                begin = changed[-1][1] if changed else begin
                begin = max(begin, ready)
                work = compiled.unit_open[m].work(
                    begin, compiled.processing_time(m, o, p, order.quantity)
                )
                if work and (changed or not setup):
                    options.append((work[-1][1], m, changed, work))
            if not options:
                break
            ready, m, changed, work = min(options, key=lambda option: option[:2])
            unit = compiled.unit_ids[m]
            warm = float(compiled.startup_time[m])
            first = (changed or work)[0][0]
            if warm and not key[m]:
                segments.append(Segment(unit, first - warm, first, "startup"))
            elif warm and first > free[m]:
                segments.append(Segment(unit, free[m], first, "standby"))
            name = compiled.operation_ids[o]
            segments += [Segment(unit, a, b, "setup", order.id, name) for a, b in changed]
            segments += [Segment(unit, a, b, "work", order.id, name) for a, b in work]
            free[m], key[m] = ready, compiled.setup_key[m][p] or "set"
    return Schedule(compiled.horizon, tuple(sorted(segments)))


def make_report(schedule: Schedule, orders: OrderBook, forecast: Forecast) -> Report:
    """Chances that fall with the margin, and round figures."""
    rows = []
    for order in orders:
        due, end = schedule.horizon.to_minutes(order.due_date), schedule.completion(order.id)
        chance = 0.0 if end is None else float(np.clip(0.5 + (due - end) / 1200, 0.0, 1.0))
        estimate = Estimate(chance, max(chance - 0.05, 0.0), min(chance + 0.05, 1.0), 200)
        rows.append(
            OrderReport(
                order.id, order.product, order.quantity, "Atlas", due, end, estimate, end, end, end
            )
        )
    figures = {
        "orders_on_time": Estimate(6.4, 6.1, 6.7, 200),
        "tardiness_h": Estimate(8.3, 5.9, 12.4, 200),
        "good_pieces": Estimate(117_300, 116_100, 118_200, 200),
        "energy_cost": Estimate(61_200, 59_800, 63_000, 200),
        "carbon_kg": Estimate(38_400, 37_200, 39_600, 200),
        "peak_kw": Estimate(251, 248, 256, 200),
        "total_cost": Estimate(81_300, 79_000, 84_100, 200),
        "energy_kwh": Estimate(64_000, 63_000, 65_100, 200),
        "setup_cost": Estimate(1_400, 1_400, 1_400, 1),
    }
    units = tuple(
        UnitReport(u, {}, 0.9, 0.9, 0.99, 0.8, 100.0, 0.3)
        for u in sorted({s.work_unit for s in schedule.segments})
    )
    load = tuple(float(x) for x in 120 + forecast.price_per_kwh * 40)
    return Report(
        "tonight", schedule.horizon, "MAD", "simpy", 7, 200, figures, tuple(rows), units, load, load
    )


def make_case(plant: Plant, start: datetime, days: int = 3, count: int = 8) -> Case:
    horizon = Horizon(start, days * 1440, plant.timezone)
    orders, forecast = make_orders(plant, start, count), make_forecast(horizon)
    schedule = make_schedule(compile_plant(plant, horizon), orders)
    return Case(plant, orders, forecast, schedule, make_report(schedule, orders, forecast))


@pytest.fixture(scope="session")
def small_plant() -> Plant:
    return load_plant(SMALL)


@pytest.fixture(scope="session")
def case(small_plant: Plant) -> Case:
    """Three days from Monday 23 November 2026, 05:00 in Morocco."""
    return make_case(small_plant, datetime(2026, 11, 23, 4, tzinfo=UTC))


@pytest.fixture(scope="session")
def ramadan_case(small_plant: Plant) -> Case:
    """Four days around the night in which Morocco's clocks go back (Sunday 7 February 2027)."""
    return make_case(small_plant, datetime(2027, 2, 6, 0, tzinfo=UTC), days=4, count=3)


@pytest.fixture(scope="session")
def previous(case: Case) -> Schedule:
    """Last night's plan: everything two hours earlier on the clock, one order on another press."""
    moved = [
        replace(s, start=s.start + 120, end=s.end + 120) if s.order == "4103" else s
        for s in case.schedule.segments
    ]
    moved = [
        replace(s, work_unit="P-2") if s.work_unit == "P-1" and s.order == "4105" else s
        for s in moved
    ]
    return replace(case.schedule, segments=tuple(sorted(moved)))


@pytest.fixture(name="make_case")
def _make_case(small_plant: Plant) -> Callable[..., Case]:
    """Make a case of other length on the small plant."""

    def make(**options: int) -> Case:
        return make_case(small_plant, datetime(2026, 11, 23, 4, tzinfo=UTC), **options)

    return make
