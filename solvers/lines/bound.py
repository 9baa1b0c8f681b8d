"""Proves how much better than a plan any plan could be: a Lagrangian bound by lines.

What couples the lines is relaxed at prices (:mod:`solvers.lines.multipliers`): orders, peak,
contract, carbon, power above own generation. Each line is then priced exactly
(:mod:`solvers.lines.pricing`), first forgetful, then with a memory that grows with what the
cheapest weeks make again. Crews are relaxed. Prices follow Polyak's steps (1969) with momentum.

A bound is right at any prices, so neither the steps nor the estimate that they aim at can make it
wrong. Links that no plan cheaper than ``upper`` can use are taken out on the way (fixing by
reduced cost); the answer is therefore never above ``upper``.

What is left, about 3 % at 40 orders on 3 lines with a demand charge, is the convex mixture of
weeks: it makes the total power flatter than any plan can. Subset-row cuts on three orders were
tried and did not help: averaged over the last steps, the mixture breaks none of them by 0.08.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from solvers.lines.multipliers import Prices, SiteSide, most_power, no_prices
from solvers.lines.network import line_network
from solvers.lines.pricing import EXACT_TASKS, FAR, LinePricing, Way, rows_of
from solvers.lines.problem import LineProblem
from twin.model.horizon import Array

PLAIN, MEMORY = "Lagrangian by lines", "Lagrangian by lines with order memory"
PLAIN_SHARE = 0.2
"""Most of the time that prices may take to settle before anything is remembered."""
PATIENCE = 30
"""Steps without a higher bound after which they become shorter."""
SHORTER = 0.7
SETTLED = 1e-3
"""Steps so short move nothing any more."""
MOMENTUM = 0.75
GROWTH = 5
"""Steps between two looks at what is made again."""
RISE = 1e-6
"""Share of the bound that counts as a rise."""
FIXING = 2e-3
"""Share of the bound by which it rises between two fixings."""
LABELS = (24, 72, 240, 720)
"""Labels that a node may hold, in the order in which they are tried."""

Upper = Callable[[], float] | float
Tell = Callable[[float, str], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Bound:
    """No plan costs less than ``value`` [currency]; infinite if there is no plan at all."""

    value: float
    method: str
    seconds: float
    history: tuple[tuple[float, float], ...] = ()
    """(seconds, bound) whenever it rose."""


def lower_bound(
    problem: LineProblem,
    *,
    seconds: float = math.inf,
    upper: Upper = math.inf,
    tell: Tell | None = None,
    must_stop: Stop | None = None,
    steps: int | None = None,
) -> Bound:
    """A proven lower bound on the value of every plan that makes all orders.

    Parameters
    ----------
    seconds
        Time to take; it ends before where nothing more can be gained.
    upper
        Value of the best plan so far [currency], as a number or asked for again and again.
    tell
        Called with each higher bound and the name of the method.
    must_stop
        Asked between steps.
    steps
        Most steps of the prices; the same number gives the same bound on every machine.
    """
    progress = Progress(seconds, upper, tell, must_stop, math.inf if steps is None else steps)
    relaxation = Relaxation(problem)
    ascent = Ascent(relaxation, progress)
    if not relaxation.is_feasible:
        progress.rises(math.inf, PLAIN)
        return progress.bound()
    for phase in phases():
        if progress.is_over():
            break
        ascent.climb(phase)
    return progress.bound()


@dataclass(frozen=True)
class Phase:
    """A stretch of the ascent, from long steps to steps too short to matter."""

    method: str
    labels: int
    """A node may hold; 0 to remember nothing."""
    step: float
    """Share of Polyak's step to begin with."""
    share: float
    """Most of the whole time that it may take."""


def phases() -> Iterator[Phase]:
    """Forgetful first; then with longer and longer lists of labels."""
    yield Phase(PLAIN, 0, 1.0, PLAIN_SHARE)
    for number, labels in enumerate(LABELS):
        yield Phase(MEMORY, labels, 0.1 if number else 0.3, 1.0)


class Progress:
    """The best bound so far, who wants to know it, and when to end."""

    def __init__(
        self, seconds: float, upper: Upper, tell: Tell | None, must_stop: Stop | None, steps: float
    ) -> None:
        self.began = time.monotonic()
        self.seconds = seconds
        self.steps_left = steps
        self._upper, self._tell, self._must_stop = upper, tell, must_stop
        self.value = -math.inf
        self.method = PLAIN
        self.history: list[tuple[float, float]] = []
        self.cutoff = math.inf
        """Lowest upper value that anything was fixed by."""

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def upper(self) -> float:
        return self._upper() if callable(self._upper) else self._upper

    def is_over(self) -> bool:
        if self.steps_left <= 0 or self.elapsed() >= self.seconds:
            return True
        if self._must_stop is not None and self._must_stop():
            return True
        return self.value >= self.upper()

    def rises(self, value: float, method: str) -> None:
        """Take a bound if it is higher than the best."""
        value = min(value, self.cutoff)
        if value <= self.value:
            return
        self.value, self.method = value, method
        self.history.append((self.elapsed(), value))
        if self._tell is not None:
            self._tell(value, method)

    def bound(self) -> Bound:
        return Bound(self.value, self.method, self.elapsed(), tuple(self.history))


class Relaxation:
    """The problem with its lines apart, at prices."""

    def __init__(self, problem: LineProblem) -> None:
        self.problem = problem
        exact: list[list[int]] = []
        priced: list[int] = []
        for number in range(len(problem.lines)):
            own = [q for q, task in enumerate(problem.tasks) if task.line == number]
            exact.append(own[:EXACT_TASKS])
            priced += own[EXACT_TASKS:]
        orders = len(problem.orders)
        task_rows = {q: orders + k for k, q in enumerate(priced)}
        self.multipliers = orders + len(priced)
        networks = [line_network(problem, number) for number in range(len(problem.lines))]
        self.lines = [
            LinePricing(n, rows_of(n, orders, task_rows), self.multipliers, exact[n.line])
            for n in networks
        ]
        self.site = SiteSide(problem, most_power(problem))

    @property
    def is_feasible(self) -> bool:
        """Whether every line has a week, and every order a place."""
        placed = np.zeros(self.multipliers, dtype=bool)
        for line in self.lines:
            placed[line.row[line.links.arc][line.row[line.links.arc] >= 0]] = True
        return all(line.is_feasible for line in self.lines) and bool(placed.all())

    def at(self, prices: Prices, with_memory: bool, is_over: Stop) -> tuple[float, list[Way]]:
        """The bound at prices, and the week of each line that gives it.

        When it is over between two lines, there is no bound: −inf, and the weeks so far.
        """
        slot_price = self.site.slot_price(prices)
        ways: list[Way] = []
        for line in self.lines:
            if ways and is_over():
                return -math.inf, ways
            line.price(slot_price, prices.orders)
            ways.append(line.remembered() if with_memory else line.plain())
        return self.site.kept(prices) + sum(w.cost for w in ways), ways

    def gradient(self, prices: Prices, ways: list[Way]) -> Array:
        power = np.sum([w.power for w in ways], axis=0)
        visits = np.sum([w.visits for w in ways], axis=0)
        return self.site.gradient(prices, power, visits).vector

    def first_prices(self) -> Prices:
        """Orders are paid what the cheapest start of each costs; the peak is charged evenly."""
        prices = no_prices(self.multipliers, self.problem.slots)
        if self.site.has_peak:
            prices.peak[:] = self.site.charge / self.problem.slots
        prices.slope[:] = 0.5
        slot_price = self.site.slot_price(prices)
        least = np.full(self.multipliers, math.inf)
        for line in self.lines:
            line.price(slot_price, prices.orders)
            is_paid = line.row >= 0
            np.minimum.at(least, line.row[is_paid], line.cost[is_paid])
        prices.orders[:] = np.where(np.isfinite(least), least, 0.0)
        return prices

    def scale(self, prices: Prices) -> Array:
        """Squared length of each multiplier against that of an order: 1 for orders.

        A step should move each price in proportion to its usual size.
        """
        site, slots = self.site, self.problem.slots
        order = max(float(np.abs(prices.orders).mean()) if self.multipliers else 1.0, 1e-6)
        kw = 0.15 * max(float((site.most - site.least).max(initial=0.0)), 1e-6)
        rate = float(np.abs(site.rate).mean()) + 1e-9
        spread = np.maximum(site.rate - site.feed_in, 1e-9).mean()
        intensity = float(np.abs(site.intensity).mean()) + 1e-9
        kwh = kw * site.hours * slots
        found = no_prices(self.multipliers, slots)
        found.orders[:] = 1.0
        found.peak[:] = site.charge / (0.3 * slots) / (order * kw)
        found.contract[:] = (site.hours * rate + site.charge / slots) / (order * kw)
        found.slope[:] = 0.3 / (order * site.hours * spread * kw)
        found.vector[-1] = rate / intensity / (order * intensity * kwh)
        return found.vector


class Ascent:
    """Prices on their way up."""

    def __init__(self, relaxation: Relaxation, progress: Progress) -> None:
        self.relaxation, self.progress = relaxation, progress
        self.site = relaxation.site
        self.prices = relaxation.first_prices()
        self.scale = relaxation.scale(self.prices)
        self.best_at = self.prices.vector.copy()
        self.fixed_at = -math.inf

    def climb(self, phase: Phase) -> None:
        """Follow the steps of a phase until they are too short, or its time is over."""
        relaxation, progress = self.relaxation, self.progress
        for line in relaxation.lines:
            line.capacity, line.home_capacity = phase.labels, max(phase.labels // 3, 4)
        until = progress.elapsed() + phase.share * progress.seconds
        theta, stall, count, best = phase.step, 0, 0, -math.inf
        momentum = np.zeros_like(self.scale)
        prices = self.site.allowed(self.best_at.copy(), relaxation.multipliers)
        while theta > SETTLED and not progress.is_over() and progress.elapsed() < until:
            value, ways = relaxation.at(prices, phase.labels > 0, progress.is_over)
            progress.steps_left -= 1
            if value == -math.inf:
                return
            if value >= FAR:
                progress.rises(math.inf, phase.method)
                return
            count += 1
            stall = 0 if value > best + RISE * abs(best) else stall + 1
            if value > best:
                best, self.best_at = value, prices.vector.copy()
                progress.rises(value, phase.method)
                self.fix(value, ways, phase)
            if phase.labels and count % GROWTH == 0:
                self.remember(ways)
            if stall > PATIENCE:
                theta, stall = theta * SHORTER, 0
                momentum[:] = 0.0
                prices = self.site.allowed(self.best_at.copy(), relaxation.multipliers)
                continue
            momentum = MOMENTUM * momentum + relaxation.gradient(prices, ways)
            if not momentum.any():
                return
            prices = self.moved(prices, momentum, theta * max(self.aim(best) - value, 0.0))

    def moved(self, prices: Prices, direction: Array, rise: float) -> Prices:
        """Prices after a step that would raise a linear bound by so much."""
        step = rise / max(float((self.scale * direction * direction).sum()), 1e-12)
        vector = prices.vector + step * self.scale * direction
        return self.site.allowed(vector, self.relaxation.multipliers)

    def aim(self, best: float) -> float:
        """What the steps aim at: the best plan, or a little above the bound without one."""
        upper = self.progress.upper()
        margin = 0.01 * abs(best) + 1e-6
        return max(upper, best + margin) if upper < math.inf else best + 10 * margin

    def remember(self, ways: list[Way]) -> None:
        for line, way in zip(self.relaxation.lines, ways, strict=True):
            line.remember(way.arcs)

    def fix(self, value: float, ways: list[Way], phase: Phase) -> None:
        """Take out what no plan cheaper than the best one can use."""
        upper = self.progress.upper()
        if not phase.labels or upper == math.inf or value > upper:
            return
        if value < self.fixed_at + FIXING * abs(value):
            return
        self.fixed_at = value
        self.progress.cutoff = min(self.progress.cutoff, upper)
        slack = upper - value + 1e-6 * abs(upper)
        for line, way in zip(self.relaxation.lines, ways, strict=True):
            line.thin(way.cost + slack)
