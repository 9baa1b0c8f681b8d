"""What the second process does: prove how good a plan can be, and then search as well."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from solvers.flow_shop import exact
from solvers.flow_shop.anneal import Annealing, Clock, Plan
from solvers.flow_shop.problem import FlowShop
from solvers.flow_shop.programme import Programme
from solvers.flow_shop.relaxation import Relaxed
from solvers.flow_shop.single import SingleMachine
from solvers.lines.processes import Desk, Tell

PATIENCE = 0.02
"""Seconds between looks for a first plan."""
SHARE_FOR_SEARCH, MOST_FOR_SEARCH = 0.1, 5.0
"""Share of the time, and seconds, that the search has before starts are ruled out by its plan."""
PAUSE_BEFORE_TELLING = 0.05
MOST_STARTS = 10_000
"""Beyond, the first linear relaxation already takes minutes, and has no better bound."""


@dataclass(frozen=True)
class Bound:
    """No plan costs less."""

    value: float


@dataclass(frozen=True)
class Found:
    """A plan that is better than the best known."""

    plan: Plan


@dataclass(frozen=True)
class Cheapest:
    """Starts on the one machine, job by job, below which there is nothing."""

    starts: tuple[int, ...]


class Prover:
    """Work of the second process; it can be sent to one."""

    def __init__(self, shop: FlowShop, seed: int, *, may_search: bool) -> None:
        self.shop, self.seed, self.may_search = shop, seed, may_search

    def __call__(self, desk: Desk, tell: Tell) -> None:
        begin = time.monotonic()
        while desk.upper == float("inf") and not desk.must_stop():
            time.sleep(PATIENCE)
        if self.shop.machines == 1:
            self._prove_single(desk, tell)
        else:
            self._prove_several(desk, tell, begin)

    def _prove_single(self, desk: Desk, tell: Tell) -> None:
        machine = SingleMachine(self.shop)
        starts = machine.prove(lambda: desk.upper, lambda bound: tell(Bound(bound)))
        if starts is not None:
            tell(Cheapest(starts))
        elif machine.is_stuck:
            self._search_too(desk, tell)

    def _prove_several(self, desk: Desk, tell: Tell, begin: float) -> None:
        """The relaxation at once; then the programme, without the starts it rules out."""
        rising = _rising(tell)
        relaxed = Relaxed(self.shop)
        relaxed.climb(lambda: desk.upper, rising)
        whole_time = desk.deadline - begin
        begin_programme = begin + min(SHARE_FOR_SEARCH * whole_time, MOST_FOR_SEARCH)
        while time.monotonic() < begin_programme and not desk.must_stop():
            time.sleep(PATIENCE)
        upper = desk.upper
        starts = relaxed.possible_starts(upper)
        if sum(map(len, starts.values())) > MOST_STARTS:
            self._search_too(desk, tell)
            return
        programme = Programme(self.shop, starts)

        def tell_either(bound: float) -> None:
            """A plan that has a start ruled out costs ``upper`` at least."""
            rising(min(bound, upper))

        tell_either(exact.prove(programme, desk.seconds_left(), tell_either, desk.must_stop))

    def _search_too(self, desk: Desk, tell: Tell) -> None:
        """Where nothing more is to be proven, look for better plans with other luck."""
        if not self.may_search:
            return
        annealing = Annealing(self.shop, Clock(desk.deadline), self.seed)
        while annealing.advance() and not desk.must_stop():
            if annealing.value < desk.upper:
                desk.upper = annealing.value
                tell(Found(annealing.best()))


def _rising(tell: Tell) -> Callable[[float], None]:
    """Tell bounds that rose, and not more often than they are read."""
    told = -float("inf")
    last = 0.0

    def tell_rising(bound: float) -> None:
        nonlocal told, last
        now = time.monotonic()
        if bound > told and (bound > told + 1e-3 * abs(told) or now > last + PAUSE_BEFORE_TELLING):
            told, last = bound, now
            tell(Bound(bound))

    return tell_rising
