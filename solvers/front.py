"""The front of cost and carbon: whole plans between the cheapest and the cleanest.

The ε-constraint method (Haimes, Lasdon and Wismer 1971): cost is minimised below a cap on carbon,
which also finds plans that no price of carbon would choose. The caps are not laid out beforehand,
for the ends move while they are searched: each is put into the middle of the widest gap between
neighbouring plans of the front so far. A search under a hard cap alone would look for places by
price only; so a gap is first searched with a weight on carbon, the slope between its two plans,
which is the multiplier of the cap as far as they tell, and then under the cap alone.

Not every search finds a plan that no other dominates, so there are more than points asked for.

The bound of a point is the best of Lagrange's: if no plan has cost + w · carbon below L(w), then
none that keeps a cap c costs less than L(w) − w · c, for every weight w ≥ 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf

from solvers.bound import lower_bound
from solvers.frozen import settled
from solvers.optimize import optimize, tight_bound
from solvers.problem import Problem
from twin.model.schedule import Schedule

Tell = Callable[[str, int, int], None]
CHEAP_SHARE, CLEAN_SHARE = 0.2, 0.1
"""Share of the time for the cheapest plan, and for each of the searches of the clean end; the gaps
between share the rest."""
CLEANER = (3.0, 20.0)
"""Weights on carbon on the way to the clean end: a kg then costs so many times the dearest kWh of
the mean intensity. Still higher ones make the search wander among plans that are equally clean and
ever later."""
TRIES = 2
"""Gaps searched for each point asked for: not every search finds a plan that nothing dominates."""
WIDEN = 3
"""Every so many searches the clean end is searched again."""
STAGES = 2
"""Searches of a gap: with a weight on carbon, and without."""
SAME = 1e-6
"""Plans closer than this share in cost and carbon are one point."""


@dataclass(frozen=True)
class Point:
    """A plan of the front."""

    schedule: Schedule
    """Its bound holds for every plan that emits no more than ``cap``."""
    cap: float
    """Its own carbon: it is the cheapest plan known that emits no more [kgCO2e]; infinite for the
    cheapest of all."""

    @property
    def cost(self) -> float:
        assert self.schedule.value is not None
        return self.schedule.value.total_cost

    @property
    def carbon_kg(self) -> float:
        assert self.schedule.value is not None
        return self.schedule.value.carbon_kg


def front(
    problem: Problem,
    *,
    points: int = 9,
    time_limit: float = 300.0,
    seed: int = 0,
    warm: Schedule | None = None,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[list[Point], bool]:
    """Plans from the cleanest to the cheapest, none dominated, and whether all were searched.

    Parameters
    ----------
    points : int
        Plans at most, the two ends included; at least 2. Fewer come back where none is between.
    time_limit : float
        Time that all searches are sized for [s].
    warm : Schedule, optional
        A plan of the problem to begin from, such as tonight's: the cheapest is no dearer.
    cancelled : callable, optional
        When it returns true the points found so far are returned.
    """
    row = Row(settled(problem), seed, points, tell or _nobody, cancelled or _never, warm)
    is_complete = row.find_ends(time_limit) and row.find_between(time_limit)
    return row.chosen(), is_complete


@dataclass
class Row:
    """The plans found so far."""

    problem: Problem
    seed: int
    points: int
    tell: Tell
    cancelled: Callable[[], bool]
    warm: Schedule | None = None
    pool: list[Schedule] = field(default_factory=list)
    weighted: dict[float, float] = field(default_factory=dict)
    """Least cost + weight · carbon of any plan, by weight [currency]."""
    tried: set[tuple[float, float]] = field(default_factory=set)
    """Gaps (cleaner, dirtier) that were searched [kgCO2e]."""

    def find_ends(self, time_limit: float) -> bool:
        """The cheapest plan; from it the cleanest, and that again as cheap as it can be."""
        self.tell("front: the cheapest plan", 0, self.points)
        self.search(time_limit * CHEAP_SHARE, 0.0, inf, self.warm)
        self.tighten(0.0)
        self.tell("front: the cleanest plan", 1, self.points)
        for weight in (*(w * self._carbon_unit for w in CLEANER), 0.0):
            if self.cancelled():
                return False
            clean = min(self.pool, key=lambda s: (self._left_out(s), carbon_of(s)))
            cap = inf if weight else carbon_of(clean)
            self.search(time_limit * CLEAN_SHARE, weight, cap, clean)
        return not self.cancelled()

    def find_between(self, time_limit: float) -> bool:
        """Plans in the widest gaps, one search after another; then a bound for the clean end."""
        share = 1 - CHEAP_SHARE - CLEAN_SHARE * (len(CLEANER) + 1)
        tries = TRIES * (self.points - 2)
        for n in range(tries):
            seconds = time_limit * share / tries
            gap = self._widest_gap()
            if gap is None or n % WIDEN == WIDEN - 1:
                self.tell("front: cleaner still", n + 2, tries + 2)
                self._widen(seconds)
            else:
                middle = (carbon_of(gap[0]) + carbon_of(gap[1])) / 2
                self.tell(f"front: about {middle / 1000:,.2f} tCO2e", n + 2, tries + 2)
                self._search_gap(*gap, seconds / STAGES)
            if self.cancelled():
                return False
        self.tell("front: bound of the clean end", tries + 2, tries + 2)
        plans = self.known()
        if len(plans) > 1:
            self.tighten(_slope(plans[0], plans[1]))
        return not self.cancelled()

    def _widen(self, seconds: float) -> None:
        """The clean end again, from the cleanest plan: gaps are searched for plans better in both,
        and a front of plans that still improve closes up."""
        clean = self.known()[0]
        self.search(seconds, CLEANER[-1] * self._carbon_unit, inf, clean)

    @property
    def _carbon_unit(self) -> float:
        """What the dearest kWh of the mean intensity costs for each kg [currency/kg]."""
        mean = max(float(self.problem.forecast.carbon_intensity.mean()), 1e-3)
        return float(self.problem.energy_rate.max()) / mean

    def _widest_gap(self) -> tuple[Schedule, Schedule] | None:
        """Neighbours of the front furthest apart in carbon that were not searched between."""
        found = [
            (clean, cheap)
            for clean, cheap in pairwise(self.known())
            if (carbon_of(clean), carbon_of(cheap)) not in self.tried
        ]
        return max(found, key=lambda g: carbon_of(g[1]) - carbon_of(g[0]), default=None)

    def _search_gap(self, clean: Schedule, cheap: Schedule, seconds: float) -> None:
        """Between two plans: from the cheap one with the slope for a weight, then by the cap."""
        self.tried.add((carbon_of(clean), carbon_of(cheap)))
        cap = (carbon_of(clean) + carbon_of(cheap)) / 2
        warm = cheap
        for weight in (_slope(clean, cheap), 0.0):
            if not self.cancelled():
                self.search(seconds, weight, cap, warm)
                warm = self.best_under(cap) or cheap

    def _left_out(self, schedule: Schedule) -> int:
        return len(schedule.unplaced)

    def search(self, seconds: float, weight: float, cap: float, warm: Schedule | None) -> Schedule:
        """One search: cost + weight · carbon below a cap, from a plan known."""
        limits = [c for c in (self.problem.demands.carbon_cap_kg, cap) if c is not None and c < inf]
        demands = self.problem.demands.model_copy(
            update={"carbon_cap_kg": min(limits) if limits else None}
        )
        asked = replace(self.problem, carbon_weight=weight, demands=demands)
        if weight not in self.weighted:
            self.weighted[weight] = lower_bound(asked)
        found = optimize(
            asked, time_limit=seconds, seed=self.seed + len(self.pool), warm=warm,
            cancelled=self.cancelled, bound=self.weighted[weight],
        )  # fmt: skip
        self.pool.append(found)
        return found

    def tighten(self, weight: float) -> None:
        """A tighter bound of cost + weight · carbon, from the plan that is best in that."""
        best = min(self.pool, key=lambda s: cost_of(s) + weight * carbon_of(s))
        asked = replace(self.problem, carbon_weight=weight)
        least = tight_bound(asked, best, self.cancelled)
        self.weighted[weight] = max(self.weighted.get(weight, -inf), least)

    def best_under(self, cap: float) -> Schedule | None:
        """The cheapest plan known that keeps a cap."""
        return next((s for s in reversed(self.known()) if carbon_of(s) <= cap * (1 + SAME)), None)

    def known(self) -> list[Schedule]:
        """Plans that no other known one dominates, the cleanest first.

        Of plans that leave orders out only those that leave out as few as any count.
        """
        fewest = min(map(self._left_out, self.pool), default=0)
        fit = [s for s in self.pool if self._left_out(s) == fewest]
        found: list[Schedule] = []
        for plan in sorted(fit, key=lambda s: (carbon_of(s), cost_of(s))):
            if not found or cost_of(plan) < cost_of(found[-1]) * (1 - SAME):
                found.append(plan)
        return found

    def chosen(self) -> list[Point]:
        """As many plans of the front as were asked for, spread over its carbon; the ends always."""
        plans = self.known()
        while len(plans) > self.points:
            middle = range(1, len(plans) - 1)
            closest = min(middle, key=lambda i: carbon_of(plans[i + 1]) - carbon_of(plans[i - 1]))
            del plans[closest]
        return [self._point(plan, n == len(plans) - 1) for n, plan in enumerate(plans)]

    def _point(self, plan: Schedule, is_last: bool) -> Point:
        cap = inf if is_last else carbon_of(plan)
        words = f"front of cost and carbon, at most {carbon_of(plan):,.0f} kgCO2e"
        words = "front of cost and carbon, the cheapest" if is_last else words
        note = f"{words}; {plan.note}" if plan.note else words
        bound = self.bound_under(cap)
        return Point(replace(plan, bound=bound, status="feasible", note=note), cap)

    def bound_under(self, cap: float) -> float:
        """No plan that emits at most ``cap`` costs less [currency]."""
        if cap == inf:
            return self.weighted.get(0.0, -inf)
        return max(least - weight * cap for weight, least in self.weighted.items())


def _slope(clean: Schedule, cheap: Schedule) -> float:
    """What each kg costs by which one plan is cleaner than the next [currency/kg]."""
    return (cost_of(clean) - cost_of(cheap)) / (carbon_of(cheap) - carbon_of(clean))


def cost_of(schedule: Schedule) -> float:
    assert schedule.value is not None
    return schedule.value.total_cost


def carbon_of(schedule: Schedule) -> float:
    assert schedule.value is not None
    return schedule.value.carbon_kg


def _nobody(step: str, done: int, total: int) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False
