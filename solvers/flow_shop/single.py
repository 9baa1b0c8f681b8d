"""Proof for one machine: the exact kernel, with more and more jobs tracked.

See :mod:`solvers.flow_shop._flow_single_kernel` for the method.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from solvers.flow_shop.problem import FlowShop
from solvers.flow_shop.tables import real, whole
from twin.native import load

KERNEL = "solvers.flow_shop._flow_single_kernel"
MOST_IN_TABLE = 8
"""Tracked jobs up to which the states stand in a table: 2^k sets a slot."""
FIRST_STEPS, STEPS = 2000, 200
"""Of the multipliers, without tracked jobs and after each pair of new ones."""
MOST_ROUNDS, ENOUGH = 10, 2e-6
"""Of such steps, and the relative rise over a round below which the multipliers are good."""
FIRST_ROOM, MOST_STATES = 50_000, 3_000_000
"""The most take about 250 MB."""
TRIALS = (0.3, 0.6, 1.0)
"""Limits tried, as shares of the way from the first bound to the best plan."""
ROUNDING = 1e-9
"""A plan counts as better when it is so by this share."""
KEY_BITS = 62
NOWHERE = 1e300

Upper = Callable[[], float]
"""Value of the best plan known."""


class SingleMachine:
    """Bounds of a shop of one machine, rising; at best they end with its cheapest plan."""

    def __init__(self, shop: FlowShop, most_states: int = MOST_STATES) -> None:
        self.shop = shop
        self.most_states = most_states
        self.is_stuck = False
        """Whether the states were too many."""
        self.work = [job for job in range(shop.jobs) if shop.processing_time[job][0] > 0]
        """Jobs that take time; the others pass in the first instant."""
        self.times = whole(shop.processing_time[job][0] for job in self.work)
        self.costs = costs_by_start(shop, self.work)
        self.kernel: Any = self._new_kernel()

    def prove(self, upper: Upper, tell_bound: Callable[[float], None]) -> tuple[int, ...] | None:
        """Tell better and better bounds; return starts where the cheapest plan was found.

        None if the plan whose value is ``upper`` is the cheapest (a bound of that value was told),
        or the states are too many. Fewer they are the lower the limit: so a plan is first looked
        for a little above the bound, and where there is none, higher.
        """
        bound = self.climb(upper)
        tell_bound(bound)
        if len(self.work) + self.shop.slots.bit_length() > KEY_BITS:
            self.is_stuck = True
            return None
        for share in TRIALS:
            limit = bound + share * (_below(upper()) - bound)
            starts = self._below_limit(limit, tell_bound)
            if starts is not None or self.is_stuck:
                return starts
            tell_bound(limit)
            if limit >= _below(upper()):
                return None
            self.kernel = self._new_kernel()
            self.climb(upper)
        return None

    def _below_limit(
        self, limit: float, tell_bound: Callable[[float], None]
    ) -> tuple[int, ...] | None:
        """Starts of the cheapest plan if its cost is below the limit."""
        while self._level(limit) >= 0:
            if self.kernel.least() >= limit:
                return None
            tell_bound(self.kernel.least())
            starts = self.kernel.starts()
            if all(visits == 1 for visits in self.visits()):
                return self._all_starts(starts)
            self.track_worst()
        self.is_stuck = True
        return None

    def _level(self, limit: float) -> int:
        """Number of states of a level, or -1 when they are too many; room is made as needed."""
        room = min(FIRST_ROOM, self.most_states)
        while (states := int(self.kernel.level(limit, room))) < 0 and room < self.most_states:
            room = min(8 * room, self.most_states)
        return states

    def _new_kernel(self) -> Any:
        return load(KERNEL).Single(self.times, self.costs, self.shop.slots)

    def climb(self, upper: Upper) -> float:
        """Bound of the table, with jobs tracked until its path visits all others once."""
        bound = self._ascend(FIRST_STEPS, upper)
        while self.tracked() < MOST_IN_TABLE and any(v != 1 for v in self.visits()):
            self.track_worst()
            bound = self._ascend(STEPS, upper)
        return bound

    def _ascend(self, steps: int, upper: Upper) -> float:
        """Rounds of steps until the bound stands; the best plan gets better meanwhile."""
        bound = float(self.kernel.ascend(steps, upper()))
        for _ in range(MOST_ROUNDS):
            before, bound = bound, float(self.kernel.ascend(steps, upper()))
            if bound - before < ENOUGH * abs(bound):
                break
        return bound

    def tracked(self) -> int:
        return sum(self.kernel.is_tracked(place) for place in range(len(self.work)))

    def visits(self) -> list[int]:
        return [self.kernel.visits_of(place) for place in range(len(self.work))]

    def track_worst(self, number: int = 2) -> None:
        """Track the jobs that the best path visits most wrongly, longer ones first."""
        visits = self.visits()
        free = [p for p in range(len(self.work)) if not self.kernel.is_tracked(p)]
        times = self.shop.processing_time
        free.sort(key=lambda p: (-abs(visits[p] - 1), -times[self.work[p]][0], p))
        for place in free[:number]:
            self.kernel.track(place)

    def _all_starts(self, starts: list[int]) -> tuple[int, ...]:
        by_job = dict(zip(self.work, starts, strict=True))
        return tuple(by_job.get(job, 0) for job in range(self.shop.jobs))


def costs_by_start(shop: FlowShop, jobs: list[int]) -> memoryview:
    """(J·(T + 1)) cost of each job for each start, alone on the one machine."""
    costs = array("d")
    for job in jobs:
        profile = shop.power[job][0]
        for start in range(shop.slots + 1):
            if start + len(profile) > shop.slots:
                costs.append(NOWHERE)
                continue
            costs.append(
                sum(
                    shop.rate[t] * max(0.0, power - shop.generation[t])
                    for t, power in enumerate(profile, start)
                )
            )
    return real(costs)


def _below(value: float) -> float:
    return value - ROUNDING * abs(value)
