"""Limits on risk: who is below, with plain shares, and that a plan made again is only better."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scenarios.cli import main
from scenarios.risk import OrderRisk, risk_words, risks, risks_of_report, within_risk
from scenarios.robust import delays
from scenarios.run import naive_plan, plan, problem_of, prove, simulate_case
from scenarios.scenario import Case
from scenarios.settings import load_config
from tests.archives import small_case
from twin.accounting.check import check
from twin.accounting.intervals import wilson_interval
from twin.errors import InputError
from twin.model.demands import Demands
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule


def limited_case(limit: float = 0.9) -> Case:
    """The small plant; every second order is of class A."""
    case = small_case()
    rows = tuple(
        replace(order, customer_class="A" if n % 2 else "") for n, order in enumerate(case.orders)
    )
    return replace(case, orders=OrderBook(rows), demands=Demands(risk={"A": limit}))


def test_chances_are_plain_shares_of_orders_with_a_limit() -> None:
    case = limited_case()
    proof = prove(case, naive_plan(case), replications=8, seed=1)
    found = risks(case, proof.outcomes)
    assert {one.order for one in found} <= {o.id for o in case.orders if o.customer_class == "A"}
    assert found == risks_of_report(case, proof.report)
    for one in found:
        due = case.horizon.to_minutes(case.orders[one.order].due_date)
        ends = [outcome.completion[one.order] for outcome in proof.outcomes]
        assert one.on_time.mean == sum(e is not None and e <= due + 1e-6 for e in ends) / 8
        assert one.on_time.low <= one.on_time.mean <= one.on_time.high


def test_a_plan_made_for_its_limits_is_no_worse_and_keeps_every_rule() -> None:
    case = limited_case(0.95)
    start = naive_plan(case)
    simulate = partial(simulate_case, case, replications=12, seed=7)

    def replan(
        hurried: Case, late: Mapping[str, Sequence[float]], warm: Schedule, number: int
    ) -> Schedule:
        assert all(o.weight >= case.orders[o.id].weight for o in hurried.orders)
        return plan(hurried, delays=late, warm=warm, seed=number, time_limit=0.3)

    found = within_risk(
        case, start, partial(problem_of, case), simulate=simulate, replan=replan, delays_of=delays
    )
    below = [sum(not one.is_kept for one in risks(case, simulate(s))) for s in (start, found)]
    assert below[1] <= below[0]
    assert "risk limits" in found.note
    assert check(found, case.plant, case.orders, case.forecast, case.state).is_feasible


def test_without_limits_nothing_happens() -> None:
    case = replace(limited_case(), demands=Demands())
    start = naive_plan(case)
    never = partial(pytest.fail, "nothing is to be done")
    assert within_risk(
        case, start, never, simulate=never, replan=never, delays_of=never
    ) is start  # fmt: skip


def test_the_words_name_who_is_below_with_the_interval() -> None:
    kept = OrderRisk("1", "A", 0.9, wilson_interval(19, 20))
    below = OrderRisk("2", "A", 0.9, wilson_interval(10, 20))
    assert not kept.is_sure
    assert "all 1 orders keep theirs, 0 of them surely" in risk_words([kept])
    words = risk_words([kept, below])
    assert "1 of 2 orders keep theirs" in words
    assert "2 (class A) 50% [" in words
    assert risk_words([]) == ""


def test_a_limit_is_a_share_between_nothing_and_certainty(
    written_shop: Path, tmp_path: Path
) -> None:
    text = (written_shop / "replan.yaml").read_text() + "\nplan: {risk: {A: 1.5}}\n"
    (tmp_path / "replan.yaml").write_text(text)
    with pytest.raises(InputError, match="risk"):
        load_config(tmp_path / "replan.yaml")


def test_the_nightly_job_says_who_keeps_the_limits(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (shop / "orders.csv").read_text().splitlines()
    (shop / "orders.csv").write_text(
        "\n".join([rows[0] + ",customer_class", *(r + ",A" for r in rows[1:])])
    )
    text = (shop / "replan.yaml").read_text().replace("time_limit_s: 20", "time_limit_s: 2")
    (shop / "replan.yaml").write_text(text + "\nplan: {risk: {A: 0.9}}\n")
    assert main(["replan", str(shop / "replan.yaml"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert len(values["risk"]) > 0
    below = [row["order"] for row in values["risk"] if not row["is_kept"]]
    assert values["ledger"]["below_risk_limit"] == below
    assert all(row["on_time"]["low"] <= row["on_time"]["mean"] for row in values["risk"])
    assert "Limits on risk" in Path(values["report"]).read_text()
