"""CP-SAT's model says the same as brute force; its news reach the parent."""

from __future__ import annotations

import io
import json
import time
from dataclasses import asdict
from typing import Any

import pytest

from solvers.shop.check import faults
from solvers.shop.cp_sat import CpSat, News, is_installed
from solvers.shop.problem import Problem
from solvers.shop.solve import solve
from tests.solvers.shop.drawn import drawn_shop, least_makespan

pytestmark = pytest.mark.skipif(not is_installed(), reason="OR-tools is not installed")


def news_of(shop: Problem, objective_of_hint: str) -> list[News]:
    """What the child says when it begins at a dispatched schedule or at an optimal one."""
    limit = 0.0 if objective_of_hint == "dispatched" else 1.0
    hint = solve(shop, time_limit=limit, cp_sat=False).schedule
    with CpSat(shop, hint, 0, 60.0) as child:
        return wait_for_news(child, 60.0)


def wait_for_news(child: CpSat, seconds: float) -> list[News]:
    """What the child tells until it ends or the time is over."""
    until, found = time.monotonic() + seconds, list[News]()
    while time.monotonic() < until and not (found and (found[-1].ended or found[-1].failed)):
        found += child.news()
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("hint", ["dispatched", "optimal"])
@pytest.mark.parametrize("alternatives", [1, 3])
def test_the_child_proves_the_optimum(alternatives: int, hint: str) -> None:
    shop = drawn_shop(21, jobs=4, machines=3, steps=3 if alternatives == 1 else 2,
                      alternatives=alternatives, shortest=0)  # fmt: skip
    found = news_of(shop, hint)
    assert max(each.bound for each in found if each.bound is not None) == least_makespan(shop)
    for each in found:
        if each.schedule is not None:
            assert faults(shop, each.schedule) == []
            assert each.schedule.makespan >= least_makespan(shop)
    assert found[-1].ended


def test_a_problem_survives_the_way_to_the_child() -> None:
    from solvers.shop.cp_sat import _problem_of

    shop = drawn_shop(1, alternatives=3)
    told: dict[str, Any] = json.load(io.StringIO(json.dumps(asdict(shop))))
    assert _problem_of(told) == shop
