"""A plan is given time where rehearsals on the twin show that it is missing."""

from dataclasses import replace
from pathlib import Path

import pytest

from scenarios import robust
from scenarios.replan import prepare
from scenarios.robust import BAD_LUCK, MOST_MARGIN, delays, robust_plan
from scenarios.run import naive_plan, plan, prove, simulate_case
from scenarios.scenario import Case
from scenarios.settings import load_config
from twin.accounting.check import check


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
    assert cost(chosen) <= cost(plan(case, seed=1, time_limit=4 * robust.SHARES[0])) + 1e-6
    found = check(chosen, case.plant, case.orders, case.forecast, case.state)
    assert found.faults == ()


def test_the_same_seed_gives_the_same_plan(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robust, "REHEARSALS", 4)
    first, second = (robust_plan(case, seed=2, time_limit=3) for _ in range(2))
    assert first.to_json() == second.to_json()


def test_a_delay_is_what_an_order_runs_behind_in_bad_luck(case: Case) -> None:
    schedule = naive_plan(case)
    outcomes = prove(case, schedule, replications=5, seed=1).outcomes
    order = next(o.id for o in case.orders if schedule.completion(o.id) is not None)
    planned = schedule.completion(order)
    assert planned is not None
    late = [replace(o, completion={order: planned + 60.0 * n}) for n, o in enumerate(outcomes)]
    found = delays(case, schedule, late)
    assert found[order] == pytest.approx(240 * BAD_LUCK)
    early = [replace(o, completion={order: planned - 60.0}) for o in outcomes]
    assert delays(case, schedule, early)[order] == 0
    never = [replace(o, completion={order: None}) for o in outcomes]
    assert delays(case, schedule, never)[order] == min(case.horizon.minutes - planned, MOST_MARGIN)
