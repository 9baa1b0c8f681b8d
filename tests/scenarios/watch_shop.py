"""A small shop that follows its published plan for a day, told to an event store step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios import archive
from scenarios.demo import with_meters
from scenarios.ledger import Ledger
from scenarios.run import naive_plan, prove
from scenarios.scenario import Case
from scenarios.settings import ReplanConfig, load_config
from scenarios.watch import Watch
from scenarios.watch_alerts import FILE as ALERTS
from scenarios.watch_feed import StoreFeed
from twin.calibration.calibrate import calibrate
from twin.calibration.replay import shop_state
from twin.model.compiled import compile_plant
from twin.model.events import COLUMNS, EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.state import ShopState
from twin.secrets import Keyring
from twin.simulation.experiment import Experiment
from twin.simulation.rerun import exact_state
from twin.simulation.simulate import simulate
from twin.store.record import Event
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

SMALL = load_plant(Path(__file__).parents[1] / "plants" / "small.yaml")
CUT_OFF = datetime(2026, 11, 23, 5, tzinfo=SMALL.zone)
HISTORY_DAYS, PLAN_DAYS = 14, 5
STORE = "sqlite:///events.sqlite"

CONFIG = """\
plant: plant.yaml
mes: {{store: "sqlite:///events.sqlite"}}
orders: orders.csv
tariff: tariff.yaml
carbon: {{path: carbon.csv, value_column: carbon}}
cut_off: now
watch: {{replications: 40, forecast_every: {forecast}, drift_every: 2 h}}
"""


def unfailing(plant: Plant = SMALL) -> Plant:
    """The same plant, in which nothing breaks."""
    units = [
        unit.model_copy(
            update={
                "failure_modes": [],
                "maintenance": [t.model_copy(update={"renews": []}) for t in unit.maintenance],
            }
        )
        for unit in plant.work_units
    ]
    return plant.model_copy(update={"work_units": units})


def changed(plant: Plant, unit: str, **values: Any) -> Plant:
    """The same plant with some facts of one work unit changed."""
    units = [u.model_copy(update=values) if u.id == unit else u for u in plant.work_units]
    return plant.model_copy(update={"work_units": units})


@dataclass(frozen=True)
class WatchedShop:
    """A published plan, the log before it, and what is needed to go on from there."""

    folder: Path
    run: archive.Run
    history: EventLog
    experiment: Experiment
    orders: OrderBook
    seed: int

    @property
    def config(self) -> ReplanConfig:
        return load_config(self.folder / "replan.yaml")

    def day(self, truth: Plant | None = None, seed: int | None = None) -> EventLog:
        """What happens from the cut-off on while the plan is followed, with meters."""
        plant = truth or self.experiment.plant.plant
        exact = exact_state(self.history, self.experiment, 0, CUT_OFF)
        state = replace(self.run.case.state, exact=exact)
        horizon = self.run.case.horizon
        log = simulate(
            compile_plant(plant, horizon), self.orders, state=state, schedule=self.run.schedule,
            seed=self.seed if seed is None else seed, engine="simpy",
        )  # fmt: skip
        return with_meters(log, plant, horizon, self.seed)


def watched_shop(
    folder: Path, *, seed: int = 1, plant: Plant = SMALL, twin: Plant | None = None,
    forecast: str = "1 h",
) -> WatchedShop:  # fmt: skip
    """Two weeks of log by due date, then a plan for the week that is published.

    ``plant`` is the shop as it is, ``twin`` what is believed of it.
    """
    twin = twin or plant
    begin = CUT_OFF - timedelta(days=HISTORY_DAYS)
    orders = _orders(plant, seed, begin)
    known = OrderBook(tuple(o for o in orders if o.release_date < CUT_OFF))
    past = compile_plant(plant, Horizon(begin, HISTORY_DAYS * 1440, plant.timezone))
    experiment = Experiment(past, known, ShopState(begin), seed=seed)
    bare = simulate(past, known, state=ShopState(begin), seed=seed, engine="simpy").until(CUT_OFF)
    history = EventLog(bare.table, bare.source)
    done = set(history.of_kind("complete")["order"])
    asked = OrderBook(tuple(o for o in orders if o.id not in done))
    horizon = Horizon(CUT_OFF, PLAN_DAYS * 1440, plant.timezone)
    state = shop_state(history, twin, asked, CUT_OFF)
    case = Case(twin, asked, _forecast(horizon), state)
    run = _publish(folder, case, history, twin)
    (folder / "replan.yaml").write_text(CONFIG.format(forecast=forecast))
    return WatchedShop(folder, run, history, experiment, orders, seed)


def _orders(plant: Plant, seed: int, begin: datetime) -> OrderBook:
    """Three orders on every weekday, due with slack; the plant is busy, not full."""
    rng = np.random.default_rng(seed)
    found = []
    for day in range(HISTORY_DAYS + PLAN_DAYS - 2):
        release = begin + timedelta(days=day, hours=1)
        if release.weekday() < 5:
            found += [
                WorkOrder(
                    f"{4000 + 10 * day + n}", "ABC"[n % 3], int(rng.integers(10, 25)) * 1000,
                    release, release + timedelta(days=2, hours=12),
                )
                for n in range(3)
            ]  # fmt: skip
    return OrderBook(tuple(found))


def _forecast(horizon: Horizon) -> Forecast:
    return Forecast(
        horizon, np.full(horizon.slots, 1.0), np.full(horizon.slots, 0.6), np.zeros(horizon.slots)
    )


def _publish(folder: Path, case: Case, history: EventLog, plant: Plant) -> archive.Run:
    runs = folder / "runs"
    proof = prove(case, naive_plan(case), replications=60, seed=1)
    run = archive.Run(
        id="2026-11-23T0500-00000001",
        folder=runs / "2026-11-23T0500-00000001",
        case=case,
        schedule=proof.schedule,
        report=proof.report,
        extras={"calibration": json.loads(calibrate(history, plant, CUT_OFF).to_json())},
    )
    archive.save_run(runs, run)
    ledger = Ledger(runs)
    ledger.end(ledger.begin(), status="ok", exit_code=0, run_id=run.id, details={})
    return archive.load_run(run.folder)


def store_of(folder: Path) -> EventStore:
    return open_store(StoreSettings(url=STORE), Keyring({}, folder))


def events_of(log: EventLog, tag: str) -> list[Event]:
    """The events of a log with keys of their own."""
    names = [name for name in COLUMNS if name != "time"]
    columns = [log.table[name].tolist() for name in names]
    times = [time.to_pydatetime() for time in log.table["time"]]
    return [
        Event(f"{tag}-{n}", time, **dict(zip(names, values, strict=True)))
        for n, (time, *values) in enumerate(zip(times, *columns, strict=True))
    ]


@dataclass
class Day:
    """A day as it goes by: events reach the store when they happen, and somebody looks."""

    shop: WatchedShop
    store: EventStore
    now: datetime = CUT_OFF

    def watch(self, start_replan: Callable[[], Any] = lambda: None) -> Watch:
        feed = StoreFeed(self.store, 90)
        return Watch(self.shop.config, feed, lambda: self.now, start_replan)

    def looks(
        self, events: list[Event], hours: float, watch: Watch | None = None, every: float = 5
    ) -> Iterator[dict[str, Any]]:
        """Look every few minutes until some hours after the cut-off."""
        watch = watch or self.watch()
        waiting = sorted(events, key=lambda event: event.time)
        while self.now < CUT_OFF + timedelta(hours=hours):
            self.now += timedelta(minutes=every)
            come = [event for event in waiting if event.time < self.now]
            waiting = waiting[len(come) :]
            if come:
                self.store.append("shop", come)
            yield watch.look()

    def alerts(self) -> list[tuple[str, str, str, float]]:
        """Change, kind, subject and hours since the cut-off of all that was ever told."""
        path = self.shop.config.archive / ALERTS
        lines = path.read_text().splitlines() if path.exists() else []
        told = [json.loads(line) for line in lines]
        hours = [(datetime.fromisoformat(t["at"]) - CUT_OFF) / timedelta(hours=1) for t in told]
        return [(t["change"], t["kind"], t["subject"], h) for t, h in zip(told, hours, strict=True)]


def day_of(shop: WatchedShop) -> Day:
    """The history is in the store, the day has not begun."""
    store = store_of(shop.folder)
    metered = with_meters(
        shop.history, shop.experiment.plant.plant, shop.experiment.plant.horizon, shop.seed
    )
    store.append("shop", events_of(metered, "history"))
    return Day(shop, store)


def without(log: EventLog, gone: pd.Series) -> EventLog:
    return EventLog(log.table[~gone].reset_index(drop=True), log.source)
