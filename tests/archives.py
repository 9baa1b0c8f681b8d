"""A small archived run to look at: the small plant, seven orders, some of them late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from scenarios.archive import Run, load_run, save_run
from scenarios.ledger import Ledger
from scenarios.run import naive_plan, prove
from scenarios.scenario import Case
from twin.accounting.comparison import compare
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import load_plant
from twin.model.schedule import Schedule
from twin.model.state import ShopState

PLANT = load_plant(Path(__file__).parent / "plants" / "small.yaml")
CUT_OFF = datetime(2026, 11, 23, 5, tzinfo=PLANT.zone)
RUN_ID = "2026-11-23T0500-00000001"
MOVED_MINUTES = 120.0
"""By so much every operation is later than in the plan of the night before."""


def small_case(days: int = 4) -> Case:
    """Seven orders from Monday morning, the first of them due too early."""
    horizon = Horizon(CUT_OFF, days * 1440, PLANT.timezone)
    hour = np.array([horizon.local(m).hour for m in horizon.edges[:-1]])
    price = np.where((hour >= 17) & (hour < 22), 1.38, np.where(hour >= 7, 1.01, 0.74))
    forecast = Forecast(
        horizon,
        price_per_kwh=price,
        carbon_intensity=0.6 + 0.1 * np.cos((hour - 20) / 12 * np.pi),
        generation_kw=np.where((hour > 7) & (hour < 18), 30.0, 0.0),
        demand_charge_per_kw=30.0,
        peak_incurred_kw=150.0,
    )
    orders = tuple(
        WorkOrder(
            str(4101 + i), "ABC"[i % 3], 8000 + 4000 * (i % 4), CUT_OFF,
            CUT_OFF + timedelta(hours=3 + 9 * i), customer="Atlas",
        )
        for i in range(7)
    )  # fmt: skip
    return Case(PLANT, OrderBook(orders), forecast, ShopState(CUT_OFF))


def night_before(schedule: Schedule) -> Schedule:
    """A plan made a day earlier in which everything begins two hours before."""
    horizon = replace(schedule.horizon, start=schedule.horizon.start - timedelta(days=1))
    later = 1440 - MOVED_MINUTES
    segments = tuple(
        replace(s, start=s.start + later, end=s.end + later) for s in schedule.segments
    )
    return replace(schedule, horizon=horizon, segments=segments)


def small_run(archive: Path, replications: int = 6) -> Run:
    """Plan the small case by due dates, simulate it, and put it into an archive with a ledger."""
    case = small_case()
    proof = prove(case, naive_plan(case), replications=replications, seed=1)
    last_event = (CUT_OFF - timedelta(minutes=30)).isoformat()
    run = Run(
        id=RUN_ID,
        folder=archive / RUN_ID,
        case=case,
        schedule=proof.schedule,
        report=proof.report,
        naive_report=proof.report,
        previous=night_before(proof.schedule),
        comparison=compare(proof.outcomes, proof.outcomes),
        ledger_row={"run_id": RUN_ID},
        extras={"diagnosis": {"coverage": [{"last": last_event}, {"last": None}]}},
    )
    folder = save_run(archive, run)
    ledger = Ledger(archive)
    number = ledger.begin()
    ledger.end(number, status="ok", exit_code=0, run_id=RUN_ID, details={"orders": 7})
    return load_run(folder)
