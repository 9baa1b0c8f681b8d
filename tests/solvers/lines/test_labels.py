"""The cheapest week of a line: plain paths, remembered orders, tasks exact in the nodes."""

import math
import random
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

from solvers.lines import pricing
from solvers.lines.network import TASK, Network, line_network
from solvers.lines.pricing import LinePricing, rows_of
from solvers.lines.problem import LineProblem
from tests.solvers.lines.drawn import drawn_problem

SEEDS = range(12)


def problem_of(seed: int) -> LineProblem:
    return drawn_problem(seed, orders=5, lines=2, slots=24, tasks=2)


def priced_line(seed: int, draw: int = 0) -> LinePricing:
    """The first line of a drawn problem at drawn prices that make orders worth repeating."""
    problem = problem_of(seed)
    network = line_network(problem, 0)
    own = [q for q, task in enumerate(problem.tasks) if task.line == 0]
    orders = len(problem.orders)
    line = LinePricing(network, rows_of(network, orders, {}), orders, own)
    reprice(line, seed, draw)
    return line


def reprice(line: LinePricing, seed: int, draw: int) -> None:
    rng = random.Random(f"{seed}/{draw}/prices")
    line.price(
        np.array([rng.uniform(0.05, 0.4) for _ in range(line.slots)]),
        np.array([rng.uniform(20, 120) for _ in range(line.multipliers)]),
    )


def least_once(line: LinePricing) -> float:
    """Cheapest path on which no order comes twice, and every task once, by all sets of orders."""
    network, row = line.network, line.row
    out: dict[int, list[int]] = {}
    for a, tail in enumerate(network.tail.tolist()):
        out.setdefault(tail, []).append(a)
    tasks = {int(i) for i in network.index[network.kind == TASK]}
    best: dict[int, dict[tuple[frozenset[int], frozenset[int]], float]] = {
        network.source: {(frozenset(), frozenset()): 0.0}
    }
    for node in sorted(out):
        for (made, done), cost in best.get(node, {}).items():
            for a in out[node]:
                order = frozenset({int(row[a])} if row[a] >= 0 else ())
                task = frozenset({int(network.index[a])} if network.kind[a] == TASK else ())
                if made & order or done & task:
                    continue
                states = best.setdefault(int(network.head[a]), {})
                state = (made | order, done | task)
                states[state] = min(states.get(state, math.inf), cost + line.cost[a])
    ends = [best.get(int(sink), {}) for sink in network.sinks]
    return min(c for end in ends for (_, done), c in end.items() if done == tasks)


def settled(line: LinePricing) -> pricing.Way:
    """The answer once everything that came again is remembered."""
    while True:
        way = line.remembered()
        if not line.remember(way.arcs):
            return way


@pytest.mark.parametrize("seed", SEEDS)
def test_full_memory_finds_the_cheapest_week_without_repeats(seed: int) -> None:
    line = priced_line(seed)
    line.capacity = line.home_capacity = 1000
    assert settled(line).cost == pytest.approx(least_once(line))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("capacity", [1, 2])
def test_merging_labels_stays_below_the_cheapest_week(seed: int, capacity: int) -> None:
    line = priced_line(seed)
    line.capacity = line.home_capacity = capacity
    truth = least_once(line)
    plain = line.plain().cost
    for _ in range(8):
        way = line.remembered()
        assert plain - 1e-6 <= way.cost <= truth + 1e-6
        line.remember(way.arcs)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_path_costs_what_its_arcs_cost_and_does_each_task_once(seed: int) -> None:
    line = priced_line(seed)
    for way in (line.plain(), settled(line)):
        network = line.network
        arcs = [a for a in way.arcs.tolist() if a < network.arcs]
        assert way.cost == pytest.approx(line.cost[arcs].sum())
        assert all(network.head[a] == network.tail[b] for a, b in pairwise(arcs))
        done = [int(network.index[a]) for a in arcs if network.kind[a] == TASK]
        own = {q for q, t in enumerate(problem_of(seed).tasks) if t.line == 0}
        assert sorted(done) == sorted(own)
        flow = np.bincount(arcs, minlength=network.arcs).astype(float)
        assert way.power == pytest.approx(network.power(flow), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_fixing_keeps_every_week_within_the_limit(seed: int) -> None:
    line = priced_line(seed)
    line.capacity = line.home_capacity = 1000
    before = settled(line)
    assert line.thin(before.cost + 5.0) > 0
    assert settled(line).cost == pytest.approx(before.cost)
    reprice(line, seed, draw=0)
    assert settled(line).cost == pytest.approx(before.cost)


def test_a_week_that_cannot_be_has_no_cost() -> None:
    line = priced_line(0)
    unreachable = Network(**{**vars(line.network), "source": 1_000_000 % line.network.nodes})
    line = LinePricing(
        unreachable.taken(np.zeros(unreachable.arcs, dtype=bool)),
        np.zeros(0, dtype=np.int32),
        5,
        [],
    )
    assert not line.is_feasible


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_compiled_and_python_kernel_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def costs() -> list[float]:
        line = priced_line(seed)
        line.capacity = 3
        found = []
        for draw in range(6):
            reprice(line, seed, draw)
            way = line.remembered()
            line.remember(way.arcs)
            found += [line.plain().cost, way.cost, float(way.arcs.sum())]
        return found

    loaded = costs()
    monkeypatch.setattr(pricing, "kernel", import_module("solvers.lines._label_kernel"))
    assert costs() == loaded
