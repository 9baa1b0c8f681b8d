"""Helpers of the tests that cut a simulated log and go on from the state at the cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.snapshot import Snapshot
from twin.model.state import ShopState
from twin.simulation.engines import EngineChoice
from twin.simulation.experiment import Experiment
from twin.simulation.resume import rest_of
from twin.simulation.simulate import simulate

REPLICATION = 3
CUTS = 4
"""For each log; half of them at instants at which something happens."""


def run(experiment: Experiment, engine: EngineChoice = "simpy") -> EventLog:
    return simulate(
        experiment.plant, experiment.orders, state=experiment.state, policy=experiment.policy,
        schedule=experiment.schedule, seed=experiment.seed, replication=REPLICATION, engine=engine,
    )  # fmt: skip


def resumed(experiment: Experiment, snapshot: Snapshot, at: datetime) -> Experiment:
    """The same, and the same plan, from an instant on, to the last whole slot of the horizon."""
    horizon, schedule = experiment.plant.horizon, experiment.schedule
    slots = (horizon.end - at) // timedelta(minutes=horizon.slot_minutes)
    rest = Horizon(at, slots * horizon.slot_minutes, horizon.timezone, horizon.slot_minutes)
    return replace(
        experiment,
        plant=compile_plant(experiment.plant.plant, rest),
        state=ShopState(at, exact=snapshot),
        schedule=None if schedule is None else rest_of(schedule, rest),
    )


def between(log: EventLog, begin: datetime, end: datetime) -> pd.DataFrame:
    table = log.until(end).table
    return table[table["time"] >= pd.Timestamp(begin)].reset_index(drop=True)


def news(log: EventLog, before: EventLog, expected: pd.DataFrame) -> pd.DataFrame:
    """A log without the states in which units are already when it begins.

    Those must be the ones they came to before; of a unit that enters a state at that very instant,
    ``expected`` has a row.
    """
    table = log.table
    names = ["work_unit", "state", "order", "operation", "product", "reason"]
    known = before.of_kind("state").groupby("work_unit")[names].last()
    shown = {tuple(row) for row in known.to_numpy()}
    start = table["time"].iloc[0] if len(table) else None
    enters = set(expected[(expected["event"] == "state") & (expected["time"] == start)].work_unit)
    is_first = ~table["work_unit"].where(table["event"] == "state").duplicated()
    is_first &= (table["event"] == "state") & ~table["work_unit"].isin(enters)
    is_known = np.array([tuple(row) in shown for row in table[names].to_numpy()], dtype=bool)
    return table[~(is_first & is_known)].reset_index(drop=True)


def cuts(log: EventLog, experiment: Experiment) -> list[datetime]:
    """Some instants at which nothing happens, and some at which something does."""
    rng = np.random.default_rng(experiment.seed)
    horizon = experiment.plant.horizon
    last = horizon.minutes - horizon.slot_minutes
    found = [horizon.to_datetime(float(m)) for m in rng.uniform(0, last, CUTS // 2)]
    times = log.table["time"]
    is_inside = (times > horizon.start) & (times < horizon.to_datetime(last))
    busy = sorted(set(times[is_inside].dt.to_pydatetime()))
    return found + [busy[i] for i in rng.integers(0, max(len(busy), 1), CUTS // 2) if busy]


def assert_goes_on(
    experiment: Experiment, log: EventLog, at: datetime, snapshot: Snapshot
) -> EventLog:
    """What follows on a state is what the log goes on with, also when it has been written down."""
    kept = Snapshot.from_json(snapshot.to_json())
    assert kept == snapshot
    rest = resumed(experiment, kept, at)
    expected, found = between(log, at, rest.plant.horizon.end), run(rest)
    pd.testing.assert_frame_equal(news(found, log.until(at), expected), expected)
    return found
