"""A plan is given time where rehearsals on the twin show that it is missing."""

from dataclasses import replace
from pathlib import Path

import pytest

from scenarios import robust
from scenarios.replan import prepare
from scenarios.robust import MOST_DELAY, delays, robust_plan
from scenarios.run import naive_plan, plan, problem_of, prove, simulate_case
from scenarios.scenario import Case
from scenarios.settings import load_config
from twin.accounting.check import check
from twin.errors import Infeasible
from twin.model.demands import Demands


@pytest.fixture(scope="module")
def case(written_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    out = tmp_path_factory.mktemp("robust")
    return prepare(load_config(written_shop / "replan.yaml", out=out)).case


def test_the_chosen_plan_is_the_cheapest_in_rehearsal(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive plan stands among the candidates, so the choice cannot be worse than it."""
    monkeypatch.setattr(robust, "REHEARSALS", 6)
    chosen = robust_plan(case, seed=1, time_limit=4)
    luck = {"replications": 6, "seed": 1 + robust.REHEARSAL_SEED}

    def cost(schedule: object) -> float:
        outcomes = simulate_case(case, schedule, **luck)  # type: ignore[arg-type]
        return sum(o.value.total_cost for o in outcomes) / 6

    assert cost(chosen) <= cost(naive_plan(case)) + 1e-6
    assert cost(chosen) <= cost(plan(case, seed=1, time_limit=4 / robust.rounds_in(4))) + 1e-6
    found = check(chosen, case.plant, case.orders, case.forecast, case.state)
    assert found.faults == ()


def test_the_same_seed_gives_the_same_plan(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robust, "REHEARSALS", 4)
    first, second = (robust_plan(case, seed=2, time_limit=3) for _ in range(2))
    assert first.to_json() == second.to_json()


def test_a_delay_is_what_an_order_runs_behind_or_ahead(case: Case) -> None:
    schedule = naive_plan(case)
    outcomes = prove(case, schedule, replications=5, seed=1).outcomes
    order = next(o.id for o in case.orders if schedule.completion(o.id) is not None)
    planned = schedule.completion(order)
    assert planned is not None
    late = [
        replace(o, completion={order: planned + 60.0 * (n - 1)}) for n, o in enumerate(outcomes)
    ]
    assert delays(case, schedule, late)[order] == pytest.approx((-60, 0, 60, 120, 180))
    never = [replace(o, completion={order: None}) for o in outcomes]
    most = min(case.horizon.minutes - planned, MOST_DELAY)
    assert delays(case, schedule, never)[order] == (most,) * 5


def test_expected_lateness_is_the_mean_over_the_delays(case: Case) -> None:
    """By hand: due at 100, done at 80, delays −30, 10 and 70: late by 0, 0 and 50."""
    job = replace(problem_of(case).jobs[0], due=100.0, delays=(-30.0, 10.0, 70.0))
    assert job.lateness(80.0) == pytest.approx(50 / 3)
    assert job.lateness(30.0) == 0
    assert job.lateness(1000.0) == pytest.approx(900 + 50 / 3)
    assert replace(job, delays=()).lateness(160.0) == 60


def test_a_cap_that_no_plan_was_found_for_is_an_answer_of_its_own(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not impossible by what is known, yet below what the plans found emit."""
    monkeypatch.setattr(robust, "REHEARSALS", 2)
    value = plan(case, seed=1, time_limit=1).value
    assert value
    capped = replace(case, demands=Demands(carbon_cap_kg=0.6 * value.carbon_kg))
    with pytest.raises(Infeasible, match=r"no plan was found|idle units alone"):
        robust_plan(capped, seed=1, time_limit=2)
