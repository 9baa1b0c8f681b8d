"""Deadlines that conflict are named: the set is minimal, the proof true, the ways out work."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from random import Random

import pytest

from scenarios.conflicts import (
    proven_conflict,
    refuse_conflicts,
    searched_conflict,
    unmet,
    ways_out,
)
from scenarios.deadline_search import least_excess
from scenarios.robust import robust_plan
from scenarios.run import problem_of
from scenarios.scenario import Case
from tests.solvers.conftest import make_one_unit
from twin.errors import Infeasible
from twin.model.orders import OrderBook


def one_unit_case(orders: list[tuple[int, int, int]]) -> Case:
    """One unit, always open; orders are (release, minutes, deadline) in minutes."""
    shop = make_one_unit(price=[1.0] * 24, orders=[(work, due) for _, work, due in orders])
    rows = tuple(
        replace(o, release_date=o.release_date + timedelta(minutes=release), deadline=o.due_date)
        for o, (release, _, _) in zip(shop.orders, orders, strict=True)
    )
    return Case(shop.plant, OrderBook(rows), shop.forecast, shop.state)


def can_meet(orders: list[tuple[int, int, int]]) -> bool:
    """By trying every sequence."""
    for sequence in permutations(orders):
        at = 0
        for release, work, deadline in sequence:
            at = max(at, release) + work
            if at > deadline:
                break
        else:
            return True
    return False


def draw(seed: int) -> list[tuple[int, int, int]]:
    random = Random(seed)
    found = []
    for _ in range(5):
        release, work = random.randrange(0, 200, 20), random.randrange(20, 120, 10)
        found.append((release, work, release + work + random.randrange(0, 260, 20)))
    return found


def test_a_proven_conflict_is_one_and_minimal_and_what_is_found_is_a_plan() -> None:
    proven = met = 0
    for seed in range(60):
        orders = draw(seed)
        problem = problem_of(one_unit_case(orders))
        conflict = proven_conflict(problem)
        if conflict is None:
            found = least_excess(problem)
            assert found.minutes > 0 or can_meet(orders)
            met += found.minutes <= 0
            continue
        proven += 1
        named = [orders[int(id[1:])] for id in conflict.orders]
        assert not can_meet(named)
        assert conflict.needed_h > conflict.open_h
        if len(named) > 1:  # no order of the interval can be spared by the proof
            shortest = min(work for _, work, _ in named) / 60
            assert conflict.needed_h - shortest <= conflict.open_h + 1 / 30
    assert proven >= 5
    assert met >= 5


def test_the_words_name_orders_hours_and_ways_out() -> None:
    case = one_unit_case([(0, 120, 300), (0, 120, 310), (0, 120, 300), (0, 30, 900)])
    with pytest.raises(Infeasible) as refused:
        refuse_conflicts(case)
    words = str(refused.value)
    assert "no schedule meets all deadlines: orders O0, O1, O2 need 6.0 h on M" in words
    assert "5.2 h remain" in words or "5.0 h remain" in words
    assert "move the deadline of order O1" in words
    with pytest.raises(Infeasible, match="orders O0, O1, O2"):
        robust_plan(case, time_limit=1.0)


def test_a_way_out_works() -> None:
    case = one_unit_case([(0, 120, 300), (0, 120, 310), (0, 120, 300)])
    conflict = proven_conflict(problem_of(case))
    assert conflict is not None
    way = ways_out(case, None, conflict)[0]
    order = way.words.split("order ")[1].split(" ")[0]
    later = timedelta(hours=way.hours)
    rows = (
        replace(o, deadline=o.deadline + later) if o.id == order and o.deadline else o
        for o in case.orders
    )
    assert unmet(replace(case, orders=OrderBook(tuple(rows)))) == ""


def test_what_no_interval_proves_is_said_to_be_no_proof() -> None:
    """The long order cannot be interrupted for the short one that comes in its middle."""
    orders = [(0, 200, 240), (80, 40, 120)]
    assert not can_meet(orders)
    problem = problem_of(one_unit_case(orders))
    assert proven_conflict(problem) is None
    conflict = searched_conflict(problem)
    assert conflict is not None
    assert (conflict.orders, conflict.is_proven) == (("O0", "O1"), False)
    assert "no proof" in unmet(one_unit_case(orders))


def test_orders_without_deadlines_are_not_looked_at() -> None:
    case = one_unit_case([(0, 120, 60)])
    rows = tuple(replace(o, deadline=None) for o in case.orders)
    refuse_conflicts(replace(case, orders=OrderBook(rows)))
