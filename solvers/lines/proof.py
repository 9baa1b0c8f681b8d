"""Proves how good a plan could be: the optimum of a small problem, a bound of a large one.

Below a cap on carbon the search finds out what price of carbon, λ [currency/kgCO2e], brings plans
to the cap; for every λ ≥ 0, (bound at that price) − λ·cap is a bound below the cap (Everett 1963).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from solvers.lines.bound import lower_bound
from solvers.lines.network import line_networks
from solvers.lines.optimum import Found as Known
from solvers.lines.optimum import search_optimum
from solvers.lines.problem import NEVER, LineProblem
from solvers.lines.processes import Desk, Tell
from solvers.lines.search import Found, priced

SMALL_ARCS = 6000
"""Networks up to this size are given to HiGHS as one mixed-integer model."""
LEAST_SHARE, MOST_SHARE = 0.1, 0.6
"""Of the time of a small problem, for the bound by lines before HiGHS: the smaller the problem,
the surer HiGHS is to prove the optimum; where it does not get so far, the bound is better."""
MODEL = "mixed-integer model"


@dataclass(frozen=True)
class Proven:
    """A lower bound on all complete plans; infinite where there is none."""

    bound: float
    method: str


@dataclass(frozen=True)
class Proof:
    """The work of the process that proves."""

    problem: LineProblem

    def __call__(self, desk: Desk, tell: Tell) -> None:
        size = sum(network.arcs for network in line_networks(self.problem)) / SMALL_ARCS
        if size <= 1:
            share = max(LEAST_SHARE, size * MOST_SHARE)
            self._bound(share * desk.seconds_left(), desk, tell)
            self._optimum(desk.seconds_left(), desk, tell)
        elif self.problem.carbon_cap_kg == NEVER:
            self._bound(desk.seconds_left(), desk, tell)
        else:
            self._bounds(desk, tell)

    def _bounds(self, desk: Desk, tell: Tell) -> None:
        """Bounds at each price of carbon that the search finds out."""
        while desk.seconds_left() > 0 and not desk.must_stop():
            price = desk.multiplier
            self._bound(desk.seconds_left(), desk, tell)
            while desk.multiplier == price and desk.seconds_left() > 0 and not desk.must_stop():
                time.sleep(0.1)

    def _bound(self, seconds: float, desk: Desk, tell: Tell) -> None:
        """The bound by lines, in so many seconds at most, or until carbon has another price."""
        price = desk.multiplier
        paid = price * self.problem.carbon_cap_kg if price else 0.0
        lower_bound(
            priced(self.problem, price) if price else self.problem,
            seconds=seconds,
            upper=lambda: desk.upper + paid,
            tell=lambda value, method: tell(Proven(value - paid, method)),
            must_stop=lambda: desk.must_stop() or desk.multiplier != price,
        )

    def _optimum(self, seconds: float, desk: Desk, tell: Tell) -> None:
        """Ask HiGHS for the best plan."""
        found = search_optimum(
            self.problem,
            seconds=seconds,
            upper=desk.upper,
            tell=lambda known: tell_known(known, tell),
            must_stop=desk.must_stop,
        )
        tell_known(found, tell)


def tell_known(known: Known, tell: Tell) -> None:
    """Pass on what HiGHS knows."""
    if known.plan is not None:
        tell(Found(known.plan, MODEL))
    tell(Proven(math.inf if known.is_infeasible else known.bound, MODEL))
