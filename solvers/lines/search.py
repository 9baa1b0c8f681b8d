"""Finds plans: construction, annealing, a polish by HiGHS; the work of one process.

A cap on carbon is obeyed by pricing carbon: with a multiplier [currency/kgCO2e] on top of its
price plans become cleaner, and the least multiplier that brings them below the cap is looked for.
What this cannot reach are plans between two that are cheapest at the same multiplier (the gaps of
Everett 1963); they are met by chance on the way, and all plans below the cap are told.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace

from solvers.lines.anneal import anneal
from solvers.lines.answer import excess_of, rank_of
from solvers.lines.bill import bill_of
from solvers.lines.construct import build
from solvers.lines.polish import polish
from solvers.lines.problem import NEVER, LinePlan, LineProblem
from solvers.lines.processes import Desk, Tell
from solvers.lines.timing import Sequences, Timing, sequences_of
from twin.errors import NoriaError

POLISH_SHARE = 0.1
"""Of the time; the rest is annealing."""
SMALL_POLISH_SHARE, SMALL_ORDERS = 0.3, 15
"""The same with few orders, where HiGHS sees much of the plan at once."""
SHORTEST_POLISH = 1.0
"""[s]; below, HiGHS does not get anywhere."""
CARBON_SHARES = (*(0.04,) * 10, *(0.15,) * 4)
"""Of the time of a capped search, one search at a multiplier each: short ones look for it."""
SETTLING_ROUNDS = 20
"""In which lines are timed again for each other's sake."""
PUBLISHED = (4, 9)
"""After these searches the multiplier is worth telling the proof."""
DEAREST = 1e4
"""Times the mean cost of a kgCO2e: only carbon counts then."""


@dataclass(frozen=True)
class Found:
    """A plan, and what found it."""

    plan: LinePlan
    search: str


def priced(problem: LineProblem, multiplier: float) -> LineProblem:
    """The problem without a cap, and with carbon dearer by so much per kgCO2e."""
    site = problem.site
    price = site.carbon_price_per_t + 1000 * multiplier
    return replace(problem, site=replace(site, carbon_price_per_t=price), carbon_cap_kg=NEVER)


@dataclass(frozen=True)
class Search:
    """Finds plans: a first one at once, better ones by annealing, the last by HiGHS."""

    problem: LineProblem
    seed: int
    warm: Sequences | None = None
    incumbent: LinePlan | None = None
    multiplier: float = 0.0
    """Price of carbon to begin with below a cap [currency/kgCO2e]."""

    def __call__(self, desk: Desk, tell: Tell) -> None:
        start = self._first(tell)
        seconds = desk.seconds_left()
        is_small = len(self.problem.orders) <= SMALL_ORDERS
        polishing = (SMALL_POLISH_SHARE if is_small else POLISH_SHARE) * seconds
        if polishing < SHORTEST_POLISH:
            polishing = 0.0
        is_capped = self.problem.carbon_cap_kg != NEVER
        find = self._below_cap if is_capped else self._annealed
        desk.multiplier = self.multiplier
        plan = find(start, seconds - polishing, desk, tell)
        if polishing and not desk.must_stop():
            self._polish(plan, desk, tell)

    def _first(self, tell: Tell) -> Sequences | None:
        """Tell a first plan, and return what annealing is to begin with; None for its own."""
        if self.incumbent is not None:
            return sequences_of(self.problem, self.incumbent)
        if self.warm is not None:
            with suppress(NoriaError):
                tell(Found(Timing(self.problem).plan(self.warm), "last plan"))
            return self.warm
        with suppress(NoriaError):  # tasks may still find their places
            tell(Found(constructed(self.problem, self.seed), "construction"))
        return None

    def _annealed(
        self,
        start: Sequences | None,
        seconds: float,
        desk: Desk,
        tell: Tell,
        multiplier: float = 0.0,
    ) -> LinePlan:
        """The best plan found at a price of carbon; every better one is told."""
        found = anneal(
            priced(self.problem, multiplier),
            seed=self.seed,
            seconds=seconds,
            start=start,
            tell=lambda _, found: tell(Found(billed(self.problem, found), "annealing")),
            must_stop=desk.must_stop,
        )
        return billed(self.problem, found)

    def _below_cap(
        self, start: Sequences | None, seconds: float, desk: Desk, tell: Tell
    ) -> LinePlan:
        """Searches at multipliers on both sides of the least that brings plans below the cap."""
        bracket = Bracket(self.multiplier)
        best = [self.incumbent] if self.incumbent else []
        for number, share in enumerate(CARBON_SHARES):
            found = self._annealed(start, share * seconds, desk, tell, bracket.multiplier)
            best = [min([*best, found], key=lambda p: rank_of(self.problem, p))]
            start = sequences_of(self.problem, best[0])
            bracket.narrow(found, is_below=excess_of(self.problem, found) == 0)
            if number in PUBLISHED:
                desk.multiplier = bracket.multiplier
            if desk.must_stop():
                break
        return best[0]

    def _polish(self, plan: LinePlan, desk: Desk, tell: Tell) -> None:
        polish(
            self.problem,
            plan,
            seconds=desk.seconds_left(),
            seed=self.seed,
            tell=lambda _, found: tell(Found(found, "annealing and polish")),
            must_stop=desk.must_stop,
        )


@dataclass
class Bracket:
    """Two multipliers, between which plans fall below the cap, and the next one to be tried."""

    multiplier: float = 0.0
    low: float = 0.0
    high: float = math.inf

    def narrow(self, found: LinePlan, *, is_below: bool) -> None:
        """Learn what a plan did at the multiplier, and choose the next."""
        if is_below:
            self.high = self.multiplier
        else:
            self.low = self.multiplier
        if self.high == math.inf:
            scale = abs(found.bill.total) / max(found.bill.carbon_kg, 1e-9)
            self.multiplier = min(max(3 * self.low, 0.05 * scale), DEAREST * scale)
        elif self.low > 0:
            self.multiplier = math.sqrt(self.low * self.high)
        else:
            self.multiplier = self.high / 3


def constructed(problem: LineProblem, seed: int) -> LinePlan:
    """A first plan, made in a moment; orders that find no place are left out."""
    timing = Timing(problem, is_strict=False)
    timing.begin()
    build(timing, seed)
    timing.search.settle_peak(SETTLING_ROUNDS)
    return timing.written()


def billed(problem: LineProblem, plan: LinePlan) -> LinePlan:
    """The plan with the bill of another problem of the same lines."""
    return replace(plan, bill=bill_of(problem, plan.stretches))
