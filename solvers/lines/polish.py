"""Improves a plan by solving parts of the mixed-integer programme with the rest held fast.

Two kinds of part take turns: one *shift*, and all *windows* of time with so many orders, one after
the other. In a window everything is free on all lines: which order is made where and when, setups,
rests, maintenance; what lies outside stays. In a shift every order stays on its line and may start
some slots earlier or later, everywhere at once, so that states, maintenance and the peak are timed
jointly. The plan is a solution of every part, so it never becomes worse. Large neighbourhood search
after Shaw (1998), with HiGHS for the parts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Literal

import numpy as np

from solvers.lines.check import check
from solvers.lines.highs_model import SiteModel
from solvers.lines.highs_run import Listener, minimise
from solvers.lines.network import (
    ORDER,
    TASK,
    Network,
    Whole,
    line_networks,
    on_paths,
    single_orders,
)
from solvers.lines.optimum import arcs_of, plan_of, values_of
from solvers.lines.problem import LinePlan, LineProblem

WINDOW_SECONDS, SHIFT_SECONDS = 2.0, 4.0
"""A part that takes longer is left [s]: most windows are done in a tenth of it or never."""
PART_GAP = 1e-4
"""Relative gap at which a part is solved."""
MOST_ARCS = 60_000
"""Parts of more arcs are not tried: HiGHS would not come to an end."""
FIRST_ORDERS = 5
"""Orders in the windows of the first pass."""
MARGIN = 3
"""Slots before the first order of a window and after its last: for states to change."""
LEAST_GAIN = 1e-7
"""Relative saving that counts."""

Outcome = Literal["better", "same", "late", "large"]
"""Of a part: it was improved; it cannot be; time was over; it was not tried."""
Tell = Callable[[float, LinePlan], None]
Part = list[Whole]
"""Of each line's network, (A,) whether an arc may be used."""


def polish(
    problem: LineProblem,
    plan: LinePlan,
    *,
    seconds: float,
    seed: int = 0,
    tell: Tell | None = None,
    must_stop: Callable[[], bool] | None = None,
    window: tuple[int, int] | None = None,
) -> LinePlan:
    """A plan at least as good as one given; that one, if it leaves orders out.

    Ends before its time when no part can be solved in its share of it any more.

    Parameters
    ----------
    tell
        Called with value [currency] and plan whenever it is better.
    window : (first slot, slot after the last), optional
        Solve this window once, and nothing else.
    """
    if plan.unplaced or not problem.orders:
        return plan
    polisher = Polisher(problem, plan, seconds, must_stop or (lambda: False))
    if not polisher.can_begin():
        return plan
    if window is not None:
        polisher.solve(polisher.in_window(*window), seconds, tell)
        return polisher.plan
    draw = random.Random(f"{seed}/polish")
    size, reach = FIRST_ORDERS, 1
    while polisher.has_time() and not polisher.is_optimal:
        outcomes = [polisher.shift(reach, tell), *polisher.windows(size, draw, tell)]
        if all(outcome in ("late", "large") for outcome in outcomes):
            break
        if "better" not in outcomes[1:]:
            size += 1 + size // 4
        reach += outcomes[0] == "same"
    return polisher.plan


class Polisher:
    """The plan while it is improved, as a path in each line's network."""

    def __init__(
        self,
        problem: LineProblem,
        plan: LinePlan,
        seconds: float,
        must_stop: Callable[[], bool],
    ) -> None:
        self.problem, self.plan = problem, plan
        self.networks = line_networks(problem)
        self.classes = single_orders(problem)
        self.lines = tuple((n,) for n in range(len(problem.lines)))
        self.deadline = time.monotonic() + seconds
        self.must_stop = must_stop
        self.paths: list[Whole] = []
        self.seen: set[object] = set()
        """Windows as they were when they were solved."""
        self.is_optimal = False
        """Whether a part that was everything has been solved."""
        self._follow()

    def can_begin(self) -> bool:
        """Whether the plan obeys every rule and lies in the networks."""
        return bool(self.paths) and not check(self.problem, self.plan)

    def has_time(self) -> bool:
        return time.monotonic() < self.deadline and not self.must_stop()

    def _follow(self) -> None:
        """Find the plan's path in each network."""
        class_of = {j: j for j in range(len(self.problem.orders))}
        found = [
            arcs_of(self.problem, network, self.plan, class_of, network.line)
            for network in self.networks
        ]
        paths = [np.array(sorted(arcs), dtype=int) for arcs in found if arcs is not None]
        self.paths = paths if len(paths) == len(found) else []

    # --- parts ---

    def in_window(self, begin: int, end: int) -> Part:
        """Everything between two slots, for the orders and tasks that lie between them now."""
        masks, free = [], set[tuple[int, int]]()
        for network, path in zip(self.networks, self.paths, strict=True):
            first, last = _free_zone(network, path, begin, end)
            stops = network.start + network.length
            masks.append((network.start >= first) & (stops <= last))
            inside = path[(network.start[path] >= first) & (stops[path] <= last)]
            free |= set(
                zip(network.kind[inside].tolist(), network.index[inside].tolist(), strict=True)
            )
        for network, path, mask in zip(self.networks, self.paths, masks, strict=True):
            for kind, count in ((ORDER, len(self.problem.orders)), (TASK, len(self.problem.tasks))):
                is_free = np.array([(kind, k) in free for k in range(count)], dtype=bool)
                own = network.kind == kind
                mask[own] &= is_free[network.index[own]]
            mask[path] = True
        return masks

    def in_shift(self, reach: int) -> Part:
        """Orders and tasks where they are or up to so many slots away; all the rest is free."""
        masks = []
        for network, path in zip(self.networks, self.paths, strict=True):
            mask = np.ones(network.arcs, dtype=bool)
            for kind, count in ((ORDER, len(self.problem.orders)), (TASK, len(self.problem.tasks))):
                at = np.full(count, -(10**9))
                done = path[network.kind[path] == kind]
                at[network.index[done]] = network.start[done]
                own = network.kind == kind
                mask[own] = np.abs(network.start[own] - at[network.index[own]]) <= reach
            masks.append(mask)
        return masks

    def spans(self, size: int) -> list[tuple[int, int]]:
        """Windows around so many orders that start one after the other, each half in the next."""
        orders = sorted((s.start, s.end) for s in self.plan.stretches if s.kind == "order")
        if size >= len(orders):
            return [(0, self.problem.slots)]
        firsts = {*range(0, len(orders) - size, max(size // 2, 1)), len(orders) - size}
        chosen = [orders[n : n + size] for n in sorted(firsts)]
        return [(own[0][0] - MARGIN, max(end for _, end in own) + MARGIN) for own in chosen]

    # --- solving ---

    def windows(self, size: int, draw: random.Random, tell: Tell | None) -> list[Outcome]:
        """Solve all windows of a size, in any order; what came of each."""
        spans = self.spans(size)
        draw.shuffle(spans)
        return [self.window(span, tell) for span in spans if self.has_time()]

    def window(self, span: tuple[int, int], tell: Tell | None) -> Outcome:
        """Solve a window; one that looks as it did when it was last solved stays as it is."""
        own = tuple(s for s in self.plan.stretches if s.end > span[0] and s.start < span[1])
        look = (span, own, round(self.plan.bill.peak_kw, 6))
        if look in self.seen:
            return "same"
        self.seen.add(look)
        return self.solve(self.in_window(*span), WINDOW_SECONDS, tell)

    def shift(self, reach: int, tell: Tell | None) -> Outcome:
        """Solve the shift by so many slots."""
        return self.solve(self.in_shift(reach), SHIFT_SECONDS, tell)

    def solve(self, part: Part, seconds: float, tell: Tell | None = None) -> Outcome:
        """Solve a part; the plan becomes better or stays."""
        networks = [
            (some := network.taken(mask)).taken(on_paths(some))
            for network, mask in zip(self.networks, part, strict=True)
        ]
        if sum(network.arcs for network in networks) > MOST_ARCS:
            return "large"
        model = SiteModel(self.problem, networks, self.classes, self.lines)
        outcome = minimise(
            model.programme(),
            seconds=min(seconds, max(self.deadline - time.monotonic(), 0.1)),
            start=values_of(model, self.plan),
            listener=Listener(must_stop=lambda: not self.has_time()),
            gap=PART_GAP,
        )
        if outcome.values is not None and self._is_better(plan := plan_of(model, outcome.values)):
            self.plan = plan
            self._follow()
            if tell:
                tell(plan.bill.total, plan)
            return "better"
        is_solved = outcome.objective - outcome.bound <= 2 * PART_GAP * abs(outcome.objective)
        self.is_optimal = is_solved and all(mask.all() for mask in part)
        return "same" if is_solved else "late"

    def _is_better(self, plan: LinePlan) -> bool:
        old, new = self.plan.bill.total, plan.bill.total
        return new < old - LEAST_GAIN * abs(old)


def _free_zone(network: Network, path: Whole, begin: int, end: int) -> tuple[int, int]:
    """Where a line is free in a window: after what it does across the beginning, before what it
    does across the end."""
    starts, stops = network.start[path], network.start[path] + network.length[path]
    first = stops[(starts < begin) & (stops > begin)].max(initial=begin)
    last = starts[(starts < end) & (stops > end)].min(initial=end)
    return int(first), int(last)
