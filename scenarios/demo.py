"""The demonstration plant: three weeks of log, an order book and everything a nightly job reads.

The log comes from the twin itself, run on a *true* plant that differs from the described one by
documented factors (``data/demo/true_plant.yaml``), then dirtied in a documented way. So everything
a calibration should find is known, and written down beside the data.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from scenarios.demo_dirt import Dirt, dirty
from scenarios.demo_draws import Draws
from scenarios.demo_orders import order_book, state_at_start
from scenarios.demo_series import HourlySeries, carbon_series, generation_series
from scenarios.demo_truth import load_rules
from scenarios.demo_truth import true_plant as changed_by
from twin.model.events import EventLog
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import STATES, Plant, load_plant

if TYPE_CHECKING:
    from scenarios.run import Progress

DATA = Path(__file__).resolve().parent.parent / "data" / "demo"

ZONE = ZoneInfo("Africa/Casablanca")
LOG_START = datetime(2026, 11, 2, 5, tzinfo=ZONE)
CUT_OFF = datetime(2026, 11, 23, 5, tzinfo=ZONE)
FIRST_RELEASE, LAST_RELEASE = date(2026, 10, 28), date(2026, 11, 26)
HORIZON_DAYS = 10
METER_NOISE = 0.01
"""Standard deviation of a meter reading around the true energy, as a share of it."""


@dataclass(frozen=True)
class DemoData:
    """What was generated, truth included."""

    nominal: Plant
    """As described by its engineers."""
    truth: Plant
    """As it really behaves."""
    past_orders: OrderBook
    """Every order released before the cut-off, finished or not."""
    open_orders: OrderBook
    """What the ERP lists at the cut-off."""
    clean_log: EventLog
    """As it happened, with meter readings."""
    log: EventLog
    """As the MES hands it over."""
    dirt: dict[str, Any]
    """What was planted into the log."""


def make_demo(folder: Path, seed: int = 1, progress: Progress | None = None) -> Path:
    """Write the demonstration into a folder; the same seed gives the same bytes.

    Files: plant.yaml, tariff.yaml, true_plant.yaml, carbon.csv, generation.csv, mes_log.csv,
    dirt.json, orders.csv, replan.yaml. Existing ones are replaced.

    Returns
    -------
    Path of ``replan.yaml``, the configuration of the nightly job.
    """
    from twin.connectors.csv_files import csv_text
    from twin.connectors.erp_files import write_orders
    from twin.connectors.mes_files import write_log
    from twin.connectors.whole_files import write_text

    tell = progress or _silent
    data = demo_data(seed, tell)
    tell("demo: write the files", 2, 3)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("plant.yaml", "tariff.yaml", "true_plant.yaml"):
        shutil.copyfile(DATA / name, folder / name)
    write_log(data.log, folder / "mes_log.csv")
    write_orders(data.open_orders, folder / "orders.csv")
    write_text(folder / "dirt.json", json.dumps(data.dirt, indent=1, ensure_ascii=False) + "\n")
    for name, series in series_files(data.nominal, seed).items():
        write_text(folder / name, csv_text(["time", series.column], series.csv_rows()))
    write_text(folder / "replan.yaml", config_text(seed))
    tell("demo: write the files", 3, 3)
    return folder / "replan.yaml"


def demo_data(seed: int = 1, progress: Progress | None = None) -> DemoData:
    """Generate orders, three weeks of the true plant, meter readings and dirt, in memory."""
    tell = progress or _silent
    nominal = load_plant(DATA / "plant.yaml")
    truth = true_plant(nominal)
    past, coming = demo_orders(nominal, seed)
    tell("demo: simulate three weeks of the true plant", 0, 3)
    events = past_log(truth, past, seed)
    tell("demo: meter readings and dirt", 1, 3)
    clean = with_meters(events, truth, past_horizon(), seed)
    log, note = dirty(clean, CUT_OFF, Dirt(), seed)
    return DemoData(
        nominal=nominal,
        truth=truth,
        past_orders=past,
        open_orders=OrderBook((*unfinished(past, events), *coming)),
        clean_log=clean,
        log=log,
        dirt=note,
    )


def true_plant(nominal: Plant) -> Plant:
    """The demonstration plant as it really is."""
    return changed_by(nominal, load_rules(DATA / "true_plant.yaml"))


def past_horizon() -> Horizon:
    """The three weeks of the log."""
    return Horizon(LOG_START, int((CUT_OFF - LOG_START).total_seconds() // 60), ZONE.key)


def demo_orders(plant: Plant, seed: int) -> tuple[OrderBook, OrderBook]:
    """Orders released before the cut-off, and those released from it on."""
    calendar = next(c for c in plant.calendars if c.id == "two_shift")
    book = order_book(plant, calendar, FIRST_RELEASE, LAST_RELEASE, seed)
    past = tuple(order for order in book if order.release_date < CUT_OFF)
    return OrderBook(past), OrderBook(tuple(order for order in book if order not in past))


def past_log(truth: Plant, orders: OrderBook, seed: int) -> EventLog:
    """The three weeks as they happened: earliest due date first, maintenance by the calendar."""
    from twin.model.compiled import compile_plant
    from twin.simulation.simulate import simulate

    plant = compile_plant(truth, past_horizon())
    state = state_at_start(truth, orders, LOG_START, seed)
    return simulate(plant, orders, state=state, seed=seed).until(CUT_OFF)


def unfinished(orders: OrderBook, log: EventLog) -> list[WorkOrder]:
    """Orders without a *complete* event, in the ERP's sequence."""
    complete = set(log.of_kind("complete")["order"])
    return [order for order in orders if order.id not in complete]


def with_meters(log: EventLog, truth: Plant, horizon: Horizon, seed: int) -> EventLog:
    """The log of a horizon with a reading of every work unit's meter each quarter of an hour.

    A reading is the exact energy of the states, with the error of the meter; it is stamped with the
    end of its quarter.
    """
    energy = _energy_by_quarter(log, truth, horizon)
    ends = [horizon.to_datetime(edge) for edge in horizon.edges[1:]]
    rows = []
    for unit, kwh in zip(truth.work_units, energy, strict=True):
        error = METER_NOISE * Draws(seed, unit.id, "meter").normals(horizon.slots)
        readings = (kwh * (1 + error)).round(4).tolist()
        rows += [
            {"time": end, "work_unit": unit.id, "event": "meter", "quantity": reading}
            for end, reading in zip(ends, readings, strict=True)
        ]
    table = pd.concat([log.table, EventLog.of(rows).table])
    table = table.sort_values("time", kind="stable", ignore_index=True)
    return EventLog(table, "simulated on the true plant").until(horizon.end)


def _energy_by_quarter(log: EventLog, truth: Plant, horizon: Horizon) -> Array:
    """(M, T) energy of each work unit in each quarter of an hour [kWh]."""
    from twin.accounting.energy import energy_of_intervals

    intervals = log.state_intervals(horizon.end)
    units = {unit.id: m for m, unit in enumerate(truth.work_units)}
    kw = {(u.id, state): u.power_kw.of(state) for u in truth.work_units for state in STATES}
    keys = zip(intervals["work_unit"], intervals["state"], strict=True)
    return energy_of_intervals(
        unit=np.array([units[id] for id in intervals["work_unit"]], dtype=np.int64),
        start=horizon.to_minutes_array(intervals["start"]),
        end=horizon.to_minutes_array(intervals["end"]),
        power_kw=np.array([kw[key] for key in keys], dtype=np.float64),
        slots=horizon.edges,
        units=len(units),
    )


def series_files(plant: Plant, seed: int) -> dict[str, HourlySeries]:
    """Carbon intensity and own generation from the first of the month to past the horizon."""
    first = datetime(LOG_START.year, LOG_START.month, 1, tzinfo=UTC)
    last = CUT_OFF + timedelta(days=HORIZON_DAYS + 5)
    hours = int((last - first).total_seconds() // 3600)
    return {
        "carbon.csv": carbon_series(first, hours, seed),
        "generation.csv": generation_series(first, hours, plant.energy.pv_kwp, seed),
    }


def config_text(seed: int) -> str:
    """The nightly job's configuration, paths relative to its own folder."""
    return f"""\
# Nightly job of the demonstration plant. Paths are relative to this file.
plant: plant.yaml
mes: {{path: mes_log.csv, format: noria}}
orders: orders.csv
tariff: tariff.yaml
carbon: {{path: carbon.csv, value_column: carbon_intensity_kgco2e_per_kwh}}
generation: {{path: generation.csv, value_column: generation_kw}}
cut_off: {CUT_OFF.isoformat()}
horizon_days: {HORIZON_DAYS}
replications: 100
seed: {seed}
# The floor has been told the next shift; power_cap_kw and carbon_cap_kg can stand here too.
plan: {{freeze: 8 h}}
publish: erp_drop
archive: runs
"""


def _silent(step: str, done: int, total: int) -> None:
    """Say nothing."""
