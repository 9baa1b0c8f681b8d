"""What is known of the best plan while it is searched for, and what is said of it in the end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from solvers.lines.check import check
from solvers.lines.problem import NEVER, LinePlan, LineProblem

PROVEN = 1e-9
"""Relative distance of value and bound at which a plan is optimal."""

Status = Literal["optimal", "feasible", "heuristic", "infeasible"]
Rank = tuple[int, float, float]
"""Orders without a place, carbon above the cap [kgCO2e], value [currency]; less is better."""


@dataclass(frozen=True)
class Moment:
    """What was known at some time."""

    seconds: float
    value: float | None
    """Of the best plan; None while it leaves orders out or there is none."""
    bound: float | None


@dataclass(frozen=True)
class Answer:
    """A plan for the lines, with what is proven about it."""

    plan: LinePlan
    status: Status
    """``optimal``: proven. ``feasible``: the bound is known. ``heuristic``: it is not, or orders
    have no place. ``infeasible``: proven, with the conflict."""
    bound: float | None
    """No plan with all orders costs less [currency]; None where nothing is proven."""
    bound_method: str
    gap: float | None
    """(value − bound) / value."""
    seconds: float
    first_plan_seconds: float
    first_plan_objective: float
    history: tuple[Moment, ...]
    search: str
    """How the plan was found."""
    reasons: tuple[str, ...] = ()
    """Why no more can be said: what failed, which orders have no place, in sentences."""
    conflict: tuple[int, ...] = ()
    """Orders that cannot all be made, where that is proven."""
    multiplier: float = 0.0
    """Price of carbon [currency/kgCO2e] that brought plans below the cap; 0 if unknown."""

    @property
    def objective(self) -> float:
        """Value of the plan [currency]; orders without a place cost nothing in it."""
        return self.plan.bill.total


def rank_of(problem: LineProblem, plan: LinePlan) -> Rank:
    """How good a plan is: first all orders, then below the cap on carbon, then cheap."""
    return len(plan.unplaced), excess_of(problem, plan), plan.bill.total


def excess_of(problem: LineProblem, plan: LinePlan) -> float:
    """Carbon above the cap [kgCO2e], beyond rounding."""
    cap = problem.carbon_cap_kg
    if cap == NEVER or plan.bill.carbon_kg <= cap + 1e-9 * abs(cap):
        return 0.0
    return plan.bill.carbon_kg - cap


def gap_of(value: float, bound: float) -> float:
    """Share of the value that may be saved at most; 0 for a value of 0 that is proven."""
    if value - bound <= PROVEN * max(abs(value), 1e-6):
        return 0.0
    return (value - bound) / abs(value) if value else math.inf


@dataclass
class Ledger:
    """The best plan and the best bound so far, and when they were found.

    A plan that breaks a rule is refused, and so is a bound above the value of a plan: whoever made
    them is at fault, and the answer says so.
    """

    problem: LineProblem
    plan: LinePlan | None = None
    search: str = ""
    bound: float | None = None
    bound_method: str = ""
    first: tuple[float, LinePlan] | None = None
    """Seconds and plan: the first that makes all orders, or the first of all."""
    history: list[Moment] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """Value of the best plan if it makes all orders below the cap, else None."""
        if self.plan is None or rank_of(self.problem, self.plan)[:2] != (0, 0.0):
            return None
        return self.plan.bill.total

    @property
    def gap(self) -> float | None:
        if self.value is None or self.bound is None:
            return None
        return gap_of(self.value, self.bound)

    @property
    def is_proven(self) -> bool:
        return self.gap == 0.0

    def take_plan(self, plan: LinePlan, search: str, seconds: float) -> bool:
        """Keep a plan if it is better; True if so."""
        problem = self.problem
        if self.plan and rank_of(problem, plan) >= rank_of(problem, self.plan):
            return False
        if faults := self._faults(plan):
            self.say(f"a plan of {search} was refused: {faults[0]}")
            return False
        self.plan, self.search = plan, search
        if self.first is None or (self.first[1].unplaced and not plan.unplaced):
            self.first = seconds, plan
        self._note(seconds)
        return True

    def _faults(self, plan: LinePlan) -> list[str]:
        """Rules that the plan breaks; being above the cap on carbon is in its rank."""
        return [f for f in check(self.problem, plan) if "kgCO2e; the cap is" not in f]

    def take_bound(self, value: float, method: str, seconds: float) -> bool:
        """Keep a bound if it is higher; True if so."""
        if not math.isfinite(value) or (self.bound is not None and value <= self.bound):
            return False
        self.bound, self.bound_method = value, method
        self._note(seconds)
        return True

    def say(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def _note(self, seconds: float) -> None:
        self.history.append(Moment(seconds, self.value, self.bound))

    def doubt_bound(self) -> None:
        """Drop a bound above the value of a plan that obeys every rule."""
        if self.value is None or self.bound is None:
            return
        if self.bound > self.value + 1e-6 * max(abs(self.value), 1.0):
            self.say(f"the bound {self.bound:.8g} of {self.bound_method} is wrong: a plan is below")
            self.bound, self.bound_method = None, ""
        elif self.bound > self.value:
            self.bound = self.value
