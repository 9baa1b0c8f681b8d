"""A line's network has every plan of the line as a path, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers.lines.bill import power_of
from solvers.lines.network import (
    HOLD,
    ORDER,
    PASS,
    TASK,
    line_classes,
    line_network,
    line_networks,
    order_classes,
    paths_of,
    stretches_of,
)
from solvers.lines.optimum import arcs_of
from solvers.lines.problem import Line, LineProblem, Order, Site, Task, Transition, Way
from tests.solvers.lines.drawn import drawn_case, drawn_problem

SLOTS = 12
OPEN = np.ones(SLOTS, dtype=bool)
START_UP, SHUT_DOWN = Transition(0, 1, 2, 5.0), Transition(1, 0, 1, 1.0, needs_shift=False)


def small(
    *,
    lines: tuple[Line, ...] = (),
    orders: tuple[Order, ...] = (),
    tasks: tuple[Task, ...] = (),
    crew: np.ndarray | None = None,
) -> LineProblem:
    """Lines that start up in two slots, at a price that rises with the slot."""
    site = Site(
        price_per_kwh=np.arange(SLOTS, dtype=float),
        carbon_intensity=np.zeros(SLOTS),
        carbon_price_per_t=0.0,
        base_kw=np.zeros(SLOTS),
        generation_kw=np.zeros(SLOTS),
        crews=() if crew is None else (crew,),
    )
    lines = lines or (Line("line", OPEN, (0.0, 2.0), (START_UP, SHUT_DOWN)),)
    return LineProblem("small", 1.0, SLOTS, lines, orders, tasks, site)


def order(name: str, slots: int, lines: int = 1, **more: object) -> Order:
    ways = tuple(Way(n, 1, ((1, 9.0), (slots - 1, 6.0))) for n in range(lines))
    return replace(Order(name, ways), **more)  # type: ignore[arg-type]


def starts(problem: LineProblem, kind: int) -> list[int]:
    network = line_network(problem, 0)
    return sorted(network.start[network.kind == kind].tolist())


@pytest.mark.parametrize("seed", range(6))
def test_arcs_lead_forward_and_are_sorted(seed: int) -> None:
    for network in line_networks(drawn_problem(seed)):
        assert (network.head > network.tail).all()
        assert (np.diff(network.tail) >= 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_is_a_path_with_its_power_and_comes_back(seed: int) -> None:
    """Stretches to arcs and back gives the same plan; the arcs draw what the stretches draw."""
    problem, plan = drawn_case(seed)
    numbers = {j: j for j in range(len(problem.orders))}
    waiting = [[j] for j in numbers]
    for network in line_networks(problem):
        own = [s for s in plan.stretches if s.line == network.line]
        arcs = arcs_of(problem, network, plan, numbers, network.line)
        assert arcs is not None
        flow = np.bincount(arcs, minlength=network.arcs)
        assert network.power(flow.astype(float)) == pytest.approx(power_of(problem, own))
        back = stretches_of(problem, network, arcs, waiting)
        assert power_of(problem, back) == pytest.approx(power_of(problem, own))
        assert [s for s in back if s.kind != "hold"] == [s for s in own if s.kind != "hold"]


def test_an_order_starts_only_where_its_dates_and_the_calendar_allow() -> None:
    is_open = OPEN.copy()
    is_open[6] = False
    line = Line("line", is_open, (0.0, 2.0), (START_UP, SHUT_DOWN))
    made = order("a", 2, release=3, deadline=10)
    assert starts(small(lines=(line,), orders=(made,)), ORDER) == [3, 4, 7, 8]


def test_a_frozen_order_starts_where_it_was_planned() -> None:
    made = order("a", 2, planned=(0, 5), is_frozen=True)
    assert starts(small(orders=(made,)), ORDER) == [5]


def test_a_task_starts_only_in_its_window_and_with_its_crew() -> None:
    crew = np.ones(SLOTS, dtype=int)
    crew[5] = 0
    problem = small(tasks=(Task("t", 0, 2, earliest=2, latest_end=10),), crew=crew)
    assert starts(problem, TASK) == [2, 3, 6, 7, 8]


def test_late_orders_cost_their_tardiness() -> None:
    network = line_network(small(orders=(order("a", 2, due=6, tardiness=10.0),)), 0)
    late = {int(s): float(c) for s, c in zip(network.start, network.fixed, strict=True) if c}
    assert late == {5: 10.0, 6: 20.0, 7: 30.0, 8: 40.0, 9: 50.0}


def test_the_energy_of_an_arc_is_that_of_its_runs() -> None:
    problem = small(orders=(order("a", 3),))
    network = line_network(problem, 0)
    cost = network.energy_cost(problem.site.price_per_kwh)
    a = int(np.flatnonzero((network.kind == ORDER) & (network.start == 4))[0])
    assert cost[a] == 9.0 * 4 + 6.0 * (5 + 6)


def test_transitions_without_time_pass_in_one_row_of_nodes_at_the_least_fee() -> None:
    """Two setups of fee 1 are taken for one of fee 3, in their order."""
    setups = (
        Transition(0, 1, 0, 0.0, fee=1.0),
        Transition(1, 2, 0, 0.0, fee=1.0),
        Transition(0, 2, 0, 0.0, fee=3.0),
    )
    line = Line("line", OPEN, (0.0, 2.0, 2.0), setups, last_mode=2)
    network = line_network(small(lines=(line,)), 0)
    crossing = (network.kind == PASS) & (network.fixed == 2.0)
    assert {network.passes[k] for k in network.index[crossing].tolist()} == {(0, 1)}
    assert 3.0 not in network.fixed


def test_a_line_that_cannot_rest_has_no_hold_there() -> None:
    line = Line("line", OPEN, (0.0, float("inf")), (START_UP, SHUT_DOWN))
    network = line_network(small(lines=(line,), orders=(order("a", 2),)), 0)
    assert set(network.index[network.kind == HOLD].tolist()) == {0}


def test_a_line_without_any_plan_has_no_arcs() -> None:
    line = Line("line", ~OPEN, (0.0, 2.0), (START_UP, SHUT_DOWN), last_mode=1)
    assert line_network(small(lines=(line,)), 0).arcs == 0


def test_work_without_duration_is_refused() -> None:
    made = Order("a", (Way(0, 1, ()),))
    with pytest.raises(ValueError, match="a: takes 0 slots"):
        line_network(small(orders=(made,)), 0)


def test_a_line_that_can_do_nothing_has_a_network_too() -> None:
    line = Line("line", OPEN, (float("inf"),), ())
    assert line_network(small(lines=(line,)), 0).arcs == 0


def test_orders_that_differ_in_their_id_only_are_one_class() -> None:
    orders = (order("a", 2), order("b", 3), order("c", 2), order("d", 2, release=1))
    assert order_classes(small(orders=orders)) == ((0, 2), (1,), (3,))


def test_an_old_place_that_nobody_charges_makes_no_class() -> None:
    orders = (order("a", 2, planned=(0, 3)), order("b", 2, planned=(0, 5)))
    assert order_classes(small(orders=orders)) == ((0, 1),)
    charged = tuple(replace(o, move_cost=1.0) for o in orders)
    assert order_classes(small(orders=charged)) == ((0,), (1,))


def test_lines_that_are_alike_are_one_class_unless_a_task_ties_them() -> None:
    lines = tuple(Line(f"line {n}", OPEN, (0.0, 2.0), (START_UP, SHUT_DOWN)) for n in range(3))
    orders = (order("a", 2, lines=3),)
    assert line_classes(small(lines=lines, orders=orders)) == ((0, 1, 2),)
    tasks = (Task("t", 1, 2, 0, 10),)
    assert line_classes(small(lines=lines, orders=orders, tasks=tasks)) == ((0, 2), (1,))
    assert line_classes(small(lines=lines, orders=(order("a", 2, lines=2),))) == ((0, 1), (2,))


def test_a_flow_of_several_lines_falls_into_a_path_for_each() -> None:
    """Two lines rest all day but for an order each; the flow has both at once."""
    line = Line("line", OPEN, (0.0,), ())
    made = Order("a", (Way(0, 0, ((2, 9.0),)),))
    problem = small(lines=(line,), orders=(made,))
    network = line_network(problem, 0)
    arc = {
        (int(k), int(t)): a
        for a, (k, t) in enumerate(zip(network.kind, network.start, strict=True))
    }
    path = {
        start: [arc[ORDER if t == start else HOLD, t] for t in range(SLOTS) if t != start + 1]
        for start in (2, 5)
    }
    flow = np.bincount(path[2] + path[5], minlength=network.arcs)
    paths = paths_of(network, flow)
    assert len(paths) == 2
    assert (np.bincount(paths[0] + paths[1], minlength=network.arcs) == flow).all()
    for found in paths:
        assert network.tail[found[0]] == network.source
        assert (network.head[found[:-1]] == network.tail[found[1:]]).all()
        assert network.head[found[-1]] in network.sinks
