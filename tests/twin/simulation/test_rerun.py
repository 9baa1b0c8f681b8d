"""Start from now, whatever the plant: the reference runs beside a log and says where all stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.twin.simulation.conftest import plan
from tests.twin.simulation.random_cases import numbered
from tests.twin.simulation.resuming import (
    REPLICATION,
    assert_goes_on,
    between,
    cuts,
    news,
    resumed,
    run,
)
from twin.connectors.mes_files import read_log, write_log
from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.snapshot import Snapshot
from twin.model.state import ShopState, UnitState
from twin.simulation.experiment import Experiment
from twin.simulation.replay import beyond
from twin.simulation.rerun import exact_state
from twin.simulation.result import Totals
from twin.simulation.simpy_engine import SimpyEngine

CASES = (*range(20), 29, 32, 67, 273, 1799)
"""All that a log alone does not tell, jobs that ask for vehicles, orders half done, and an order
and a part that are due at one instant."""


def read(log: EventLog, experiment: Experiment, at: datetime) -> Snapshot:
    return exact_state(log, experiment, REPLICATION, at)


def logged(numbers: Iterable[int]) -> Iterator[tuple[Experiment, EventLog]]:
    """Random plants with all features, with plans and orders under way, that do not lock."""
    for number in numbers:
        experiment = numbered(number)
        try:
            yield experiment, run(experiment)
        except NoriaError:
            continue


@pytest.mark.parametrize("number", CASES)
def test_any_log_goes_on(number: int) -> None:
    for experiment, log in logged([number]):
        for at in cuts(log, experiment):
            assert_goes_on(experiment, log, at, read(log, experiment, at))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 100))
def test_many_more_of_any_logs_go_on(first: int) -> None:
    for experiment, log in logged(range(first, first + 100)):
        for at in cuts(log, experiment):
            assert_goes_on(experiment, log, at, read(log, experiment, at))


def test_the_cases_have_what_a_log_alone_does_not_tell() -> None:
    """All of it, and plans that are followed."""
    found: set[str] = set()
    for experiment, _ in logged(CASES):
        found.update(beyond(experiment.plant.plant))
        found.update(["plans"] if experiment.schedule else [])
        if any(order.running_on for order in experiment.state.orders.values()):
            found.add("orders under way")
    assert found == {
        "stocks", "carriages", "branches", "jobs smaller than their order", "loads of several jobs",
        "inspections of jobs", "common causes", "sources that always have a part waiting",
        "hidden failures that scrap the work", "plans", "orders under way",
    }  # fmt: skip


def test_a_state_read_from_a_log_that_began_at_a_state_is_the_same() -> None:
    """Night by night: what is read from the second log is what the first would have told."""
    read_twice = 0
    for experiment, log in logged(CASES[:12]):
        first, *later = sorted(set(cuts(log, experiment)))
        rest = resumed(experiment, read(log, experiment, first), first)
        goes_on = run(rest)
        for at in later:
            if at <= rest.plant.horizon.end:
                assert read(goes_on, rest, at) == read(log, experiment, at)
                read_twice += 1
    assert read_twice > 10


def test_the_state_at_the_very_beginning_is_the_beginning() -> None:
    for experiment, log in logged(CASES[:8]):
        at = experiment.plant.horizon.start
        assert_goes_on(experiment, log, at, read(log, experiment, at))


def test_the_sums_of_the_rest_are_those_after_a_warm_up() -> None:
    """What is counted from the cut-off on is the same: queues, people, stocks, ages of jobs."""
    whole_run = {"order_complete", "order_good", "order_scrap", "series"}
    for experiment, log in logged(CASES):
        plain = replace(experiment, forecast=None, bucket=None)
        at = plain.plant.horizon.to_datetime(30.0)
        rest = replace(resumed(plain, read(log, plain, at), at), warm_up=0.0)
        ours = SimpyEngine(rest).run(REPLICATION).totals
        theirs = SimpyEngine(replace(plain, warm_up=30.0)).run(REPLICATION).totals
        for field in fields(Totals):
            if field.name not in whole_run:
                found, expected = getattr(ours, field.name), getattr(theirs, field.name)
                np.testing.assert_array_equal(found, expected, err_msg=field.name)


def test_a_load_leaves_part_by_part(workshop: Any) -> None:
    """Its rows name its first part until all have left, be it long out of the plant."""
    source = {
        "id": "S",
        "product": "A",
        "limit": 4,
        "time_between": {"law": "constant", "value": 1},
    }
    works = workshop({"bake": None, "cut": None}, sources=[source])
    works.unit("B", "bake", 20, row={"load": {"max_jobs": 4, "min_jobs": 4}})
    works.unit("C", "cut", 10)
    plant = works.plant()
    operations = [plant.operations[0], plant.operations[1].model_copy(update={"buffer_jobs": 1})]
    plant = plant.model_copy(update={"operations": operations})
    horizon = Horizon(datetime(2026, 11, 23, tzinfo=UTC), 120)
    start = ShopState(horizon.start)
    experiment = Experiment(compile_plant(plant, horizon), OrderBook(), start)
    log, gone = run(experiment), 0
    for minute in range(0, 105, 4):
        at = horizon.to_datetime(float(minute))
        snapshot = read(log, experiment, at)
        named = snapshot.units["B"].named
        gone += named is not None and named[0] not in snapshot.jobs
        assert_goes_on(experiment, log, at, snapshot)
    assert gone > 0


def test_a_job_waits_on_its_unit_for_room_in_a_stock(workshop: Any, book: Any) -> None:
    """Room for five pieces: the second job of four stays until repairs have used up three."""
    product = {"id": "A", "family": "f", "route": "all", "into": "S"}
    life, repair = ({"law": "constant", "value": minutes} for minutes in (50, 5))
    failing = {"id": "m", "time_to_failure": life, "time_to_repair": repair}
    works = workshop(
        {"cut": None}, products=[product], stocks=[{"id": "S", "capacity": 5}],
        calendars=[{"id": "closed"}],
    )  # fmt: skip
    works.unit("C", "cut", 10)
    modes = [failing | {"clock": "calendar", "spare": "S"}]
    works.unit("D", "cut", 10, failure_modes=modes, calendar="closed")
    orders = book({"O1": 0, "O2": 0}, quantity=4)
    plant = works.compiled(240)
    experiment = Experiment(plant, orders, ShopState(plant.horizon.start))
    log, at = run(experiment), plant.horizon.to_datetime(100.0)
    snapshot = read(log, experiment, at)
    assert snapshot.stocks["S"].blocked == ("O2",)
    assert len(log.of_kind("complete")) == 2
    assert_goes_on(experiment, log, at, snapshot)


def test_a_state_that_is_a_microsecond_out_is_seen() -> None:
    """The comparison of what follows can fail."""
    for experiment, log in logged(CASES):
        for at in cuts(log, experiment):
            snapshot = read(log, experiment, at)
            if lots_that_end_in_time(snapshot, log, at):
                late = {id: replace(u, left=u.left + 1) for id, u in snapshot.units.items()}
                with pytest.raises(AssertionError):
                    assert_goes_on(experiment, log, at, replace(snapshot, units=late))
                return
    pytest.fail("no lot is in work at any cut")


def lots_that_end_in_time(
    snapshot: Snapshot, log: EventLog, at: datetime
) -> list[tuple[pd.Timestamp, str]]:
    """When and where lots in work at an instant end in a log that nothing has hindered."""
    ends = log.of_kind("end")
    rows = set(zip(ends["time"], ends["work_unit"], strict=True))
    due = [
        (pd.Timestamp(at) + pd.Timedelta(microseconds=unit.left), id)
        for id, unit in snapshot.units.items()
        if unit.runs and unit.lot_is_open
    ]
    return [row for row in due if row in rows]


# --- plans ---


def test_the_work_in_hand_goes_on_under_a_new_plan() -> None:
    """Whatever is planned anew, a lot in work ends when it would have ended."""
    compared = 0
    for experiment, log in logged(CASES):
        if experiment.schedule is None:
            continue
        for at in cuts(log, experiment):
            snapshot = read(log, experiment, at)
            rest = resumed(experiment, snapshot, at)
            anew = run(replace(rest, schedule=Schedule(rest.plant.horizon, ())))
            expected = EventLog(between(log, at, rest.plant.horizon.end))
            due = lots_that_end_in_time(snapshot, expected, at)
            assert lots_that_end_in_time(snapshot, anew, at) == due
            compared += len(due)
    assert compared > 5


def test_a_unit_may_be_set_up_ahead_of_its_order(workshop: Any, book: Any) -> None:
    """Its setup ends before its shift does, its work is planned for the next one."""
    windows = {"mon": ["00:00-02:10", "03:20-24:00"]}
    works = workshop({"cut": None}, calendars=[{"id": "two", "weekly": windows}])
    setup = {"by": "family", "default": 40, "cv": 0}
    works.unit("C", "cut", 100, setup=setup, calendar="two", startup_time=5)
    plant = works.compiled(420)
    rows = [("C", 60, 100, "setup", "O1/cut"), ("C", 200, 300, "work", "O1/cut")]
    start = ShopState(plant.horizon.start, units={"C": UnitState(setup_key="other")})
    schedule = plan(plant.horizon, rows)
    experiment = Experiment(plant, book({"O1": 150}), start, schedule)
    log, ahead = run(experiment), 0
    for minute in range(0, 400, 10):
        at = plant.horizon.to_datetime(float(minute))
        snapshot = read(log, experiment, at)
        unit = snapshot.units["C"]
        ahead += bool(unit.product) and not unit.jobs and unit.place is not None
        assert_goes_on(experiment, log, at, snapshot)
    assert ahead > 2


def test_a_unit_is_cold_after_a_task_where_its_plan_starts_it_up(workshop: Any, book: Any) -> None:
    """What comes behind the task is kept in mind while it is under way."""
    task = {"id": "service", "interval": 5000, "tolerance": 60, "duration": 30, "crew": "M"}
    works = workshop({"cut": None}, crews=[{"id": "M", "size": 1}])
    works.unit("C", "cut", 100, startup_time=60, maintenance=[task])
    plant = works.compiled(420)
    rows = [
        ("C", 0, 60, "startup", ""),
        ("C", 60, 160, "work", "O1/cut"),
        ("C", 160, 200, "standby", ""),
        ("C", 200, 230, "maintenance", "service"),
        ("C", 230, 290, "startup", ""),
        ("C", 290, 390, "work", "O2/cut"),
    ]
    start = ShopState(plant.horizon.start)
    experiment = Experiment(plant, book(2), start, plan(plant.horizon, rows))
    log = run(experiment)
    assert list(log.of_kind("state")["state"]).count("startup") == 2
    at = plant.horizon.to_datetime(210.0)
    assert_goes_on(experiment, log, at, read(log, experiment, at))


def test_tasks_of_a_followed_plan_have_no_age() -> None:
    """Without a plan their due dates would have to be known, which a followed plan does not say."""
    for experiment, log in logged(count()):
        tasks = [t for u in experiment.plant.plant.work_units for t in u.maintenance]
        if experiment.schedule is None or all(t.due_by == "condition" for t in tasks):
            continue
        at = experiment.plant.horizon.start + timedelta(minutes=15)
        rest = resumed(experiment, read(log, experiment, at), at)
        with pytest.raises(NoriaError, match=r"task .* is not in the state; .* go on with a plan"):
            run(replace(rest, schedule=None))
        return


# --- logs that are not what they should be ---


@pytest.fixture(scope="module")
def week(small: CompiledPlant, small_orders: OrderBook) -> Experiment:
    return Experiment(small, small_orders, ShopState(small.horizon.start), seed=5)


@pytest.fixture(scope="module")
def week_log(week: Experiment) -> EventLog:
    return run(week, engine="auto")


def test_the_log_may_be_any_engines(week: Experiment, week_log: EventLog) -> None:
    at = week.plant.horizon.to_datetime(26 * 60.0)
    rest = resumed(week, read(week_log, week, at), at)
    expected = between(week_log, at, rest.plant.horizon.end)
    found = news(run(rest), week_log.until(at), expected)
    pd.testing.assert_frame_equal(found, expected)


def test_the_log_may_come_from_a_file(week: Experiment, week_log: EventLog, tmp_path: Path) -> None:
    at = week.plant.horizon.to_datetime(26 * 60.0)
    write_log(week_log, tmp_path / "log.csv")
    assert read(read_log(tmp_path / "log.csv"), week, at) == read(week_log, week, at)


def test_readings_of_meters_may_stand_between_the_rows(
    week: Experiment, week_log: EventLog
) -> None:
    at = week.plant.horizon.to_datetime(26 * 60.0)
    table = week_log.table
    meter = table.iloc[[0]].assign(event="meter", work_unit="", state="", quantity=3.0)
    with_meter = EventLog(pd.concat([meter, table], ignore_index=True), week_log.source)
    assert read(with_meter, week, at) == read(week_log, week, at)


def test_a_log_of_something_else_is_refused(week: Experiment, week_log: EventLog) -> None:
    at = week.plant.horizon.to_datetime(26 * 60.0)
    with pytest.raises(NoriaError, match=r"row \d+ of the log is .*; this plan, rule and luck"):
        read(week_log, replace(week, seed=6), at)
    table = week_log.table
    missing = EventLog(table.drop(index=10).reset_index(drop=True))
    with pytest.raises(NoriaError, match="row 10 of the log"):
        read(missing, week, at)
    changed = table.copy()
    changed.loc[12, "work_unit"] = "elsewhere"
    with pytest.raises(NoriaError, match=r"row 12 of the log is .* elsewhere"):
        read(EventLog(changed), week, at)
    short = EventLog(table.iloc[:40])
    with pytest.raises(NoriaError, match="row 40 of the log is no row"):
        read(short, week, at)


def test_an_instant_outside_the_log_is_refused(week: Experiment, week_log: EventLog) -> None:
    with pytest.raises(NoriaError, match="outside the log's horizon"):
        read(week_log, week, week.plant.horizon.end + timedelta(minutes=1))


# --- on paper ---


def test_what_is_not_a_state_is_refused() -> None:
    with pytest.raises(NoriaError, match=r"exact state: the text: .* Snapshot.to_json"):
        Snapshot.from_json("{")
    with pytest.raises(NoriaError, match=r"exact state: units\.A\.bse: "):
        Snapshot.from_json('{"units": {"A": {"bse": "idle"}}, "jobs": {}}')
