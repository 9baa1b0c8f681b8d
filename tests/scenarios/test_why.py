"""Why an order is late: sums that must add up, bounds no plan beats, causes known by design."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scenarios.archive import Run
from scenarios.causes import Cause, without
from scenarios.cli import main
from scenarios.run import naive_plan, plan, problem_of, prove
from scenarios.scenario import Case
from scenarios.why import why
from scenarios.why_money import dearness
from scenarios.why_search import alone_moved, carried_over, others_late, soonest
from scenarios.why_text import why_text
from scenarios.why_waits import earliest_end, stretches_of
from solvers.plan import Plan
from solvers.problem import Problem
from solvers.warm import taken_up
from tests.archives import small_case, small_run
from tests.solvers.conftest import Shop, make_one_unit
from twin.errors import InputError
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule

FLAT = [1.0] * 24


def case_of(shop: Shop) -> Case:
    return Case(shop.plant, shop.orders, shop.forecast, shop.state)


def run_of(case: Case, schedule: Schedule | None = None) -> Run:
    """An archived run that was never written."""
    proof = prove(case, schedule or naive_plan(case), replications=4, seed=1)
    return Run("test", Path("test"), case, proof.schedule, proof.report)


def taken(case: Case, schedule: Schedule) -> tuple[Problem, Plan]:
    problem = problem_of(case)
    found = taken_up(problem, schedule)
    assert found is not None
    return problem, found


@pytest.fixture(scope="module")
def planned() -> tuple[Case, Schedule]:
    case = small_case()
    return case, plan(case, seed=1, time_limit=1.0)


def test_an_orders_stretches_add_up_to_its_time(planned: tuple[Case, Schedule]) -> None:
    problem, found = taken(*planned)
    for job in problem.jobs:
        stretches = stretches_of(found, job.index)
        end = found.end[job.ops[-1]]
        assert sum(s.minutes for s in stretches) == pytest.approx(end - job.release)
        work = sum(s.minutes for s in stretches if s.kind == "work")
        assert work == pytest.approx(sum(c.minutes for o in job.ops if (c := found.choice[o])))
        for before, after in pairwise(stretches):
            assert after.begin == pytest.approx(before.end)


def test_no_plan_and_no_search_beats_the_earliest_end(planned: tuple[Case, Schedule]) -> None:
    problem, found = taken(*planned)
    for job in problem.jobs:
        earliest = earliest_end(problem, job.index)
        searched = soonest(found, job.index, 0.0, "test", rounds=30)
        moved = alone_moved(found, job.index)
        assert earliest <= searched.end + 1e-6 <= moved.end + 2e-6
        assert moved.end <= found.end[job.ops[-1]] + 1e-6
        assert searched.plan.unplaced() == ()
        without_shifts = earliest_end(problem, job.index, shifts=False)
        assert without_shifts <= earliest + 1e-6
        assert searched.others_late == pytest.approx(others_late(searched.plan, job.index))


def test_a_plan_carried_over_to_the_same_night_is_the_same(planned: tuple[Case, Schedule]) -> None:
    problem, found = taken(*planned)
    again = carried_over(problem, found)
    assert again is not None
    assert (again.items, again.work, again.setup) == (found.items, found.work, found.setup)


@pytest.mark.parametrize(
    "cause",
    [Cause("capacity", "M"), Cause("calendar", "M"), Cause("frozen"), Cause("setup", "M"),
     Cause("release"), Cause("failures"), Cause("failures", "M")],
)  # fmt: skip
def test_every_cause_leaves_a_night_that_can_be_planned(cause: Cause) -> None:
    case = case_of(make_one_unit(price=FLAT, orders=[(60, 100), (60, 100)]))
    assert plan(without(cause, case, "O0"), time_limit=0.1).unplaced == ()


def late_order(found: list[Any]) -> Any:
    return next(one for one in found if one.matter == "late")


def test_a_queue_is_the_capacity_of_its_unit() -> None:
    """Two orders of 5 h, both due after 6 h: with a second unit both would be on time."""
    case = case_of(make_one_unit(price=FLAT, orders=[(300, 360), (300, 360)]))
    found = late_order(why(run_of(case)))
    assert found.cause == Cause("capacity", "M")
    assert found.late_h == pytest.approx(4.0)
    removal = found.removals[0]
    assert removal.late_h == pytest.approx(-1.0)
    assert removal.sooner_h == pytest.approx(5.0)
    text = why_text([found], case.horizon, "EUR")
    assert "is 4.0 h late" in text
    assert "M is full" in text
    assert "with a second M it would be on time, 60 min early" in text or "1.0 h early" in text


def test_work_that_does_not_fit_before_its_due_date_is_certain() -> None:
    case = case_of(make_one_unit(price=FLAT, orders=[(600, 300)]))
    found = late_order(why(run_of(case)))
    assert (found.cause, found.is_certain) == (Cause("work"), True)
    assert found.earliest_end == pytest.approx(600)
    assert "no plan does it sooner" in why_text([found], case.horizon, "EUR")


def test_a_late_release_is_certain() -> None:
    case = case_of(make_one_unit(price=FLAT, orders=[(120, 300)]))
    rows = [replace(o, release_date=o.release_date + timedelta(hours=4)) for o in case.orders]
    found = late_order(why(run_of(replace(case, orders=OrderBook(tuple(rows))))))
    assert (found.cause, found.is_certain) == (Cause("release"), True)


def test_shifts_that_leave_too_little_time_are_certain() -> None:
    hours = {day: ["06:00-08:00", "12:00-18:00"] for day in ("mon", "tue")}
    shop = make_one_unit(
        price=FLAT, orders=[(240, 300)], calendars=[{"id": "d", "weekly": hours}],
        unit={"calendar": "d"},
    )  # fmt: skip
    found = late_order(why(run_of(case_of(shop))))
    assert (found.cause, found.is_certain) == (Cause("calendar"), True)


def test_an_order_kept_for_cheaper_hours_could_be_sooner() -> None:
    """The price falls to a tenth after noon; being late costs less than the dear hours."""
    price = [1.0] * 12 + [0.1] * 12
    case = case_of(make_one_unit(price=price, orders=[(120, 300)], costs={"tardiness_per_h": 1.0}))
    found = late_order(why(run_of(case, plan(case, time_limit=1.0))))
    assert found.cause == Cause("energy")
    assert found.removals[0].late_h <= 0
    assert found.removals[0].dearer > 0


def test_what_makes_an_order_dear_adds_up(planned: tuple[Case, Schedule]) -> None:
    problem, found = taken(*planned)
    for job in problem.jobs:
        dear = dearness(found, job.index)
        assert sum(dear.parts.values()) == pytest.approx(dear.avoidable, abs=1e-6)
        assert dear.least_any_time <= dear.least + 1e-6 <= dear.least_in_time + 2e-6


def test_the_command_tells_and_refuses_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_run(tmp_path)
    assert main(["why", str(run.folder), "4101", "--quiet"]) == 0
    assert "order 4101 is" in capsys.readouterr().out
    assert main(["why", str(tmp_path), "4101", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["orders"][0]["matter"] == "late"
    assert main(["why", str(run.folder), "9999"]) == 2
    assert "not open in this run" in capsys.readouterr().err


def test_a_plan_of_another_night_is_refused() -> None:
    run = run_of(small_case())
    other = replace(run, schedule=replace(run.schedule, segments=run.schedule.segments[:1]))
    with pytest.raises(InputError, match="does not fit"):
        why(other)
