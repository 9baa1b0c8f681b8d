"""Start from now: a log goes on from the state read out of it as if nothing had happened.

Two ways lead to the state: the log is walked row by row, as far as it alone tells enough, or the
reference runs beside it. They must agree in every number.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.twin.simulation import random_plants
from tests.twin.simulation.picks import Numbered, Picks
from tests.twin.simulation.random_cases import random_experiment
from tests.twin.simulation.resuming import REPLICATION, assert_goes_on, cuts, resumed, run
from twin.behaviour.randomness import Luck
from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.snapshot import Snapshot
from twin.model.state import ShopState, UnitState
from twin.simulation.experiment import Experiment
from twin.simulation.replay import beyond, replay
from twin.simulation.rerun import exact_state

CORE = {
    "shifts": 5, "failures": 8, "tasks": 7, "degradation": 4, "setups": 6, "setup crews": 5,
    "operators": 4, "sources": 4, "startups": 5, "scrap": 6, "buffers": 7, "spread": 5,
    "defects": 3,
}  # fmt: skip
"""Chances of the features that can be read from a log, in tenths."""
CASES = (*range(40), 1552)
"""The last one waits for operators over the end of a shift."""
REFUSED = {"hidden failures that scrap the work", "sources that always have a part waiting"}
"""What a plant of the core features may have and a log does not tell."""


def core_experiment(number: int, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """A random plant of the core features, without a plan or an order under way."""
    wishes = dict.fromkeys(random_plants.WISHES, 0) | CORE
    monkeypatch.setattr(random_plants, "WISHES", wishes)
    found = random_experiment(Picks(Numbered(number)))
    waiting = {id: order for id, order in found.state.orders.items() if not order.running_on}
    return replace(found, schedule=None, state=replace(found.state, orders=waiting), warm_up=0.0)


def read(log: EventLog, experiment: Experiment, at: datetime) -> Snapshot:
    luck = Luck(experiment.seed, REPLICATION)
    return replay(log, experiment.plant, experiment.orders, at, luck, experiment.state)


def assert_read_state_goes_on(experiment: Experiment, log: EventLog, at: datetime) -> None:
    """The state read at an instant is the one of a run beside the log, and the log goes on."""
    snapshot = read(log, experiment, at)
    assert known(snapshot) == known(exact_state(log, experiment, REPLICATION, at))
    assert_goes_on(experiment, log, at, snapshot)


def known(snapshot: Snapshot) -> Snapshot:
    """Without what neither a log tells nor such a plant needs."""
    jobs = {id: replace(job, visits=(), defective=0) for id, job in snapshot.jobs.items()}
    return replace(snapshot, jobs=jobs)


@pytest.mark.parametrize("number", CASES)
def test_a_log_goes_on_from_the_state_read_out_of_it(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = core_experiment(number, monkeypatch)
    if features := beyond(experiment.plant.plant):
        assert set(features) <= REFUSED
        pytest.skip("its log does not tell enough")
    try:
        log = run(experiment)
    except NoriaError:
        pytest.skip("the plant locks itself")
    for at in cuts(log, experiment):
        assert_read_state_goes_on(experiment, log, at)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 1600, 100))
def test_many_more_logs_go_on(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(first, first + 100):
        experiment = core_experiment(number, monkeypatch)
        if beyond(experiment.plant.plant):
            continue
        try:
            log = run(experiment)
        except NoriaError:
            continue
        for at in cuts(log, experiment):
            assert_read_state_goes_on(experiment, log, at)


def assert_read_all_along(plant: CompiledPlant, orders: OrderBook, start: ShopState) -> None:
    """At every whole minute."""
    experiment = Experiment(plant, orders, start)
    log = run(experiment)
    for minute in range(1, int(plant.horizon.minutes) - 5):
        assert_read_state_goes_on(experiment, log, plant.horizon.to_datetime(float(minute)))


def test_a_product_without_a_key_needs_no_setup(workshop: Any, book: Any) -> None:
    """Its operators are called at once, though the table has a time for what it does not name."""
    product = {"id": "A", "family": "f", "route": "all", "lot_size": 1}
    products = [product, product | {"id": "B", "attributes": {"heat": "hot"}}]
    works = workshop({"cut": None}, crews=[{"id": "M", "size": 1}], products=products)
    table = {"by": "heat", "default": 10}
    works.unit("C", "cut", 10, row={"operators": "M"}, setup=table)
    works.unit("D", "cut", 10, row={"operators": "M"}, setup=table)
    plant = works.compiled(40)
    start = ShopState(plant.horizon.start, units={"D": UnitState(setup_key="hot")})
    assert_read_all_along(plant, book(3), start)


def test_a_job_leaves_as_its_unit_fails_unseen(workshop: Any, book: Any) -> None:
    """The second lot breaks the tool as a task is due; only bounded room before packing matters."""
    mode = {
        "id": "tool", "clock": "count", "detected": "at_inspection",
        "time_to_failure": {"law": "constant", "value": 2},
        "time_to_repair": {"law": "constant", "value": 3}, "crew": "M",
    }  # fmt: skip
    task = {"id": "clean", "interval": 15, "duration": 5, "tolerance": 5, "crew": "M"}

    def works(kg: float | None) -> CompiledPlant:
        made = workshop({"cut": None, "pack": kg}, crews=[{"id": "M", "size": 1}])
        made.unit("C", "cut", 5, failure_modes=[mode], maintenance=[task])
        made.unit("P", "pack", 8)
        return made.compiled(40)

    assert_read_all_along(works(None), book(4), ShopState(works(None).horizon.start))
    with pytest.raises(NoriaError, match=r"C failed unseen .* no row says .*; give rerun"):
        assert_read_all_along(works(1.0), book(4), ShopState(works(None).horizon.start))


@pytest.fixture(scope="module")
def week(small: CompiledPlant, small_orders: OrderBook) -> Experiment:
    return Experiment(small, small_orders, ShopState(small.horizon.start), seed=5)


def test_coils_and_lots_keep_their_names(week: Experiment) -> None:
    log = run(week)
    for hours in (7, 26, 53, 100):
        assert_read_state_goes_on(week, log, week.plant.horizon.to_datetime(60.0 * hours))


def test_a_plan_can_begin_at_an_exact_state(week: Experiment) -> None:
    """The lot in work ends when it would have ended, whatever is planned for later."""
    log, at = run(week), week.plant.horizon.to_datetime(26 * 60.0)
    rest = resumed(week, read(log, week, at), at)
    planned = run(replace(rest, schedule=Schedule(rest.plant.horizon, ())))
    names = ["time", "work_unit", "lot", "quantity"]
    ends = [found.of_kind("end")[names].iloc[0].tolist() for found in (planned, run(rest))]
    assert ends[0] == ends[1]
    assert planned.source.startswith("SimPy reference")


def test_the_state_of_another_plant_is_refused(week: Experiment) -> None:
    log, at = run(week), week.plant.horizon.to_datetime(600.0)
    snapshot = read(log, week, at)
    rest = resumed(week, snapshot, at)
    with pytest.raises(NoriaError, match="order WO-0 is not in this plant"):
        run(replace(rest, orders=OrderBook()))
    fewer = replace(snapshot, units={})
    with pytest.raises(NoriaError, match="work unit F-1 is not in the state"):
        run(replace(rest, state=ShopState(at, exact=fewer)))


def test_a_log_of_another_luck_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its repairs would have ended at other instants."""
    for number in CASES:
        experiment = core_experiment(number, monkeypatch)
        try:
            log = run(experiment)
        except NoriaError:
            continue
        repairs = log.of_kind("state").query("state == 'repair' and reason != ''")
        if len(repairs):
            break
    other = replace(experiment, seed=experiment.seed + 1)
    with pytest.raises(NoriaError, match="give the seed and replication"):
        read(log, other, experiment.plant.horizon.end)


def test_what_a_log_does_not_tell_is_refused_by_name(workshop: Any, book: Any, run: Any) -> None:
    plant = workshop({"cut": None}, transports=[{"id": "fork", "vehicles": 1}])
    plant.unit("C", "cut", 10, row={"load": {"max_jobs": 2}})
    compiled = plant.compiled()
    log = run(compiled, book(2)).log
    with pytest.raises(NoriaError, match="loads of several jobs"):
        replay(log, compiled, book(2), compiled.horizon.end, Luck(0, 0))
