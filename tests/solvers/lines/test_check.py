"""The judge of line plans finds nothing in good plans, and each planted fault by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from solvers.lines.bill import bill_of
from solvers.lines.check import check
from solvers.lines.problem import (
    NEVER,
    OFF,
    Line,
    LinePlan,
    LineProblem,
    Order,
    Site,
    Stretch,
    Task,
    Transition,
    Way,
)
from tests.solvers.lines.drawn import drawn_case

SLOTS = 16
UP, DOWN, SETUP = 0, 1, 2
RED, BLUE = 1, 2


def plant() -> LineProblem:
    """Two lines, two families, one crew; the second line is closed in its last four slots."""
    transitions = (
        Transition(OFF, RED, 1, 20.0),
        Transition(RED, OFF, 1, 5.0, needs_shift=False),
        Transition(RED, BLUE, 2, 10.0, fee=7.0),
        Transition(BLUE, OFF, 1, 5.0, needs_shift=False),
    )
    always = np.ones(SLOTS, dtype=bool)
    early = np.array([t < SLOTS - 4 for t in range(SLOTS)], dtype=bool)
    lines = (
        Line("press", always, (0.0, 3.0, 3.0), transitions),
        Line("oven", early, (0.0, 4.0, 4.0), transitions, ready=1),
    )
    orders = (
        Order("red", (Way(0, RED, ((1, 60.0), (1, 50.0))),), due=3, tardiness=2.0, deadline=9),
        Order("blue", (Way(0, BLUE, ((2, 40.0),)), Way(1, BLUE, ((3, 40.0),))), release=5),
        Order("any", (Way(1, RED, ((3, 30.0),)),), planned=(1, 2), is_frozen=True),
    )
    tasks = (
        Task("grease", 0, 2, 10, 16, crew=0, deferral=tuple(float(t) for t in range(SLOTS))),
        Task("clean", 1, 3, 6, 16, crew=0),
    )
    site = Site(
        price_per_kwh=np.linspace(0.1, 0.3, SLOTS),
        carbon_intensity=np.full(SLOTS, 0.4),
        carbon_price_per_t=50.0,
        base_kw=np.full(SLOTS, 10.0),
        generation_kw=np.zeros(SLOTS),
        demand_charge_per_kw=1.0,
        contract_kw=110.0,
        crews=(np.ones(SLOTS, dtype=int),),
    )
    return LineProblem("plant", 1.0, SLOTS, lines, orders, tasks, site, carbon_cap_kg=200.0)


GOOD = (
    Stretch(0, 0, 1, "transition", UP),
    Stretch(0, 1, 3, "order", 0),
    Stretch(0, 3, 5, "transition", SETUP),
    Stretch(0, 5, 6, "hold", BLUE),
    Stretch(0, 6, 8, "order", 1),
    Stretch(0, 8, 9, "transition", 3),
    Stretch(0, 12, 14, "task", 0),
    Stretch(1, 1, 2, "transition", UP),
    Stretch(1, 2, 5, "order", 2),
    Stretch(1, 5, 6, "transition", DOWN),
    Stretch(1, 7, 10, "task", 1),
)


def planned(problem: LineProblem, stretches: tuple[Stretch, ...]) -> LinePlan:
    return LinePlan(stretches, bill_of(problem, stretches))


def swapped(*changes: tuple[int, Stretch | None]) -> tuple[Stretch, ...]:
    """The good plan with some stretches replaced or left out."""
    changed = dict(changes)
    rows = [changed.get(n, s) for n, s in enumerate(GOOD)]
    return tuple(s for s in rows if s is not None)


def with_site(**changes: object) -> LineProblem:
    problem = plant()
    return replace(problem, site=replace(problem.site, **changes))  # type: ignore[arg-type]


def with_line(number: int, **changes: object) -> LineProblem:
    problem, lines = plant(), list(plant().lines)
    lines[number] = replace(lines[number], **changes)  # type: ignore[arg-type]
    return replace(problem, lines=tuple(lines))


def with_order(number: int, **changes: object) -> LineProblem:
    problem, orders = plant(), list(plant().orders)
    orders[number] = replace(orders[number], **changes)  # type: ignore[arg-type]
    return replace(problem, orders=tuple(orders))


def test_a_good_plan_has_no_fault() -> None:
    problem = plant()
    assert check(problem, planned(problem, GOOD), bound=0.0) == []


@pytest.mark.parametrize("seed", range(20))
def test_drawn_plans_have_no_fault(seed: int) -> None:
    problem, plan = drawn_case(seed, orders=5, slots=30, tasks=2)
    assert check(problem, plan) == []


BROKEN: dict[str, tuple[Callable[[], LineProblem], tuple[Stretch, ...], str]] = {
    "no such line": (plant, (*GOOD, Stretch(7, 0, 1, "hold", 0)), "there is no line 7"),
    "no such order": (plant, (*GOOD, Stretch(0, 9, 10, "order", 9)), "there is no order 9"),
    "no such mode": (plant, (*GOOD, Stretch(0, 9, 10, "hold", 5)), "there is no hold 5"),
    "behind the horizon": (
        plant,
        swapped((6, Stretch(0, 15, 17, "task", 0))),
        "outside the horizon of 16 slots",
    ),
    "cut short": (plant, swapped((1, Stretch(0, 1, 2, "order", 0))), "lasts 1 slots; it takes 2"),
    "on a line that cannot": (
        plant,
        swapped((8, Stretch(0, 9, 12, "order", 2))),
        "lasts 3 slots; it takes -1",
    ),
    "left out": (plant, swapped((4, Stretch(0, 6, 8, "hold", 2))), "order blue: made 0 times"),
    "made twice": (
        plant,
        swapped((3, None), (4, Stretch(0, 5, 7, "order", 1)), (5, Stretch(0, 7, 9, "order", 1))),
        "order blue: made 2 times; 1 expected",
    ),
    "task forgotten": (plant, swapped((6, None)), "task grease: done 0 times"),
    "two things at once": (
        plant,
        swapped((6, Stretch(0, 8, 10, "task", 0))),
        "begins before the end",
    ),
    "before the line is ready": (
        plant,
        swapped((7, Stretch(1, 0, 1, "transition", UP))),
        "before slot 1, when the line is ready",
    ),
    "wrong family": (
        plant,
        swapped((2, None), (3, Stretch(0, 3, 6, "hold", RED))),
        "starts in mode 2; the line is in mode 1",
    ),
    "nothing said": (plant, swapped((3, None)), "nothing is said of slots 5 to 6 in mode 2"),
    "left on": (
        plant,
        swapped((9, Stretch(1, 5, 7, "hold", RED)), (10, None)),
        "nothing is said of slots 7 to the end",
    ),
    "wrong end": (
        lambda: with_line(0, last_mode=RED),
        GOOD,
        "press: ends in mode 0; 1 is expected",
    ),
    "no rest in a mode": (
        lambda: with_line(0, hold_kw=(0.0, 3.0, NEVER)),
        GOOD,
        "in a mode in which the line cannot rest",
    ),
    "off that costs": (
        lambda: with_line(0, hold_kw=(1.0, 3.0, 3.0)),
        GOOD,
        "nothing is said of slots 9 to 12 in mode 0",
    ),
    "before release": (
        plant,
        swapped((3, None), (4, Stretch(0, 4, 6, "order", 1)), (2, Stretch(0, 3, 5, "hold", 1))),
        "order blue: starts in slot 4; released in 5",
    ),
    "after its deadline": (lambda: with_order(0, deadline=2), GOOD, "its deadline is 2"),
    "in closed slots": (
        lambda: with_line(0, is_open=np.arange(SLOTS) != 7),
        GOOD,
        "order blue: works in closed slots of press",
    ),
    "setup without people": (
        lambda: with_line(0, is_open=np.arange(SLOTS) != 4),
        GOOD,
        "in closed slots",
    ),
    "frozen elsewhere": (
        lambda: with_order(2, planned=(1, 3)),
        GOOD,
        "order any: is frozen at (1, 3); planned at (1, 2)",
    ),
    "task on another line": (
        plant,
        swapped((10, Stretch(0, 9, 12, "task", 1))),
        "task clean: done on line 0; it belongs to line 1",
    ),
    "task before its window": (
        plant,
        swapped((6, Stretch(0, 9, 11, "task", 0))),
        "task grease: done from 9 to 11; its window is 10 to 16",
    ),
    "one crew in two places": (
        plant,
        swapped((10, Stretch(1, 11, 14, "task", 1))),
        "crew 0: 2 tasks in slot 12; it can do 1",
    ),
    "above the contract": (lambda: with_site(contract_kw=80.0), GOOD, "the contract allows 80 kW"),
    "above the cap": (
        lambda: replace(plant(), carbon_cap_kg=100.0),
        GOOD,
        "kgCO2e; the cap is 100 kgCO2e",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_planted_fault_is_named(name: str) -> None:
    problem, stretches, message = BROKEN[name]
    bill = planned(plant(), GOOD).bill  # of no matter here; ill-formed plans have none
    faults = check(problem(), LinePlan(stretches, bill))
    assert [fault for fault in faults if message in fault], faults


def test_an_order_named_as_unplaced_is_not_expected() -> None:
    problem = plant()
    stretches = swapped((4, Stretch(0, 6, 8, "hold", BLUE)))
    plan = replace(planned(problem, stretches), unplaced=(1,))
    assert check(problem, plan, bound=1e9) == []


def test_an_unplaced_order_that_is_made_is_a_fault() -> None:
    problem = plant()
    plan = replace(planned(problem, GOOD), unplaced=(1,))
    assert check(problem, plan) == ["order blue: made 1 times; 0 expected"]


def test_a_wrong_bill_is_a_fault() -> None:
    problem = plant()
    plan = planned(problem, GOOD)
    cheaper = replace(plan, bill=replace(plan.bill, fees=0.0))
    (fault,) = check(problem, cheaper)
    assert fault.startswith("the bill says")


def test_a_bound_above_the_value_is_a_fault() -> None:
    problem = plant()
    plan = planned(problem, GOOD)
    (fault,) = check(problem, plan, bound=plan.bill.total * 1.001)
    assert fault.startswith("the bound")


def test_the_bill_of_the_good_plan_is_counted_by_hand() -> None:
    """Peak 60 + 30 + 10 kW in slot 2; one setup; tardiness 0; grease started in slot 12."""
    problem = plant()
    bill = planned(problem, GOOD).bill
    price = np.linspace(0.1, 0.3, SLOTS)
    press = [20, 60, 50, 10, 10, 3, 40, 40, 5, 0, 0, 0, 0, 0, 0, 0]
    oven = [0, 20, 30, 30, 30, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    power = np.array(press) + np.array(oven)
    assert bill.energy == pytest.approx(float(price @ power))
    assert bill.carbon_kg == pytest.approx(0.4 * power.sum())
    assert bill.carbon == pytest.approx(0.4 * power.sum() * 0.05)
    assert (bill.peak_kw, bill.demand, bill.fees, bill.tardiness) == (90.0, 90.0, 7.0, 0.0)
    assert (bill.deferral, bill.changes) == (12.0, 0.0)
