"""Simulated annealing over orders of work, each timed exactly (Kirkpatrick et al., 1983).

One chain cools from T0 to T1, both in proportion to the plan's value, and keeps the best plan seen.
Several chains with other luck follow each other: a single long one can freeze at a wrong peak.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solvers.lines.construct import build, in_turn
from solvers.lines.problem import LinePlan, LineProblem
from solvers.lines.timing import Sequences, Timing

Tell = Callable[[float, LinePlan], None]
Stop = Callable[[], bool]

BATCH = 500
"""Moves between two looks at the clock; the temperature stays the same meanwhile."""
WORD_SECONDS = 0.2
"""A better plan is told, and the wish to stop heard, at least so often."""


@dataclass(frozen=True)
class Cooling:
    """How a chain cools, and how often it makes which move."""

    first: float = 0.003
    """T0 as a share of the plan's value."""
    last: float = 0.0003
    """T1, likewise."""
    margin: float = 3.0
    """Moves between lines that look worse than accepted by more than so many T are not timed."""
    peak_share: float = 0.005
    """Moves of the peak target."""
    rebuild_share: float = 0.03
    """Moves that take some orders near each other out and put each at its best place."""


FRESH = Cooling()
"""Of a chain from a first plan of its own."""
AGAIN = Cooling(first=0.0012)
"""Of a chain from the best plan so far."""
QUENCH = 40
"""Batches before a chain that bring its first plan to the size of the last one's value."""
MOST_CHAINS = 9
CHAIN_SECONDS = 5.0
"""Of 40 orders in 168 slots on 3 lines; longer for more, up to ``MOST_GROWTH`` times."""
CHAIN_STEPS = 800_000
MOST_GROWTH = 6.0
FRESH_SHARE = 2 / 3
"""Share of the chains that begin anew; the others begin at the best plan of those before."""


class Annealing:
    """Chains of one problem, and the best plan of them all."""

    def __init__(self, problem: LineProblem, seed: int, tell: Tell | None, stop: Stop | None):
        self.problem = problem
        self.seed = seed
        self.tell = tell
        self.stop = stop or (lambda: False)
        self.timing = Timing(problem, is_strict=False)
        self.exact = Timing(problem)
        self.best: LinePlan | None = None
        self.best_value = float("inf")
        self.told_at = -float("inf")
        self.is_stopped = False
        site = problem.site
        idle = site.base_kw - site.generation_kw
        self.idle_cost = float(
            (site.rate * np.maximum(idle, 0) - site.feed_in_per_kwh * np.maximum(-idle, 0)).sum()
            * problem.slot_hours
        )

    @property
    def value(self) -> float:
        """Best value of this chain, orders without a place included [currency]."""
        return self.timing.search.values()[3] - self.idle_cost

    def begin(self, chain: int, start: Sequences | None, *, is_fresh: bool) -> None:
        """A first plan of a chain: last night's, a constructed one, or the best so far."""
        luck = random.Random(f"{self.seed}/anneal/{chain}").getrandbits(63)
        self.timing.begin(seed=luck)
        if not is_fresh:
            self.timing.take_up_best(self.exact)
        elif start is None:
            build(self.timing, self.seed + chain)
        else:
            self.timing.search.load(self.timing.items_of(start))
            placed = {item for line in self.timing.search.sequences() for item in line}
            build(self.timing, 0, [j for j in in_turn(self.problem, 0) if j not in placed])
        self.timing.search.settle_peak(20)
        self.keep()

    def run(self, temperature: float, cooling: Cooling) -> None:
        """A batch of moves at one temperature."""
        self.timing.search.run(
            BATCH, temperature, cooling.margin, cooling.peak_share, cooling.rebuild_share
        )
        now = time.monotonic()
        if now - self.told_at >= WORD_SECONDS:
            self.told_at = now
            if self.tell is not None:
                self.keep()
            self.is_stopped = self.stop()

    def keep(self) -> None:
        """Write the best plan down where it is better than before, and tell it."""
        if self.best is not None and not self.value < self.best_value - 1e-6:
            return
        self.best_value = self.value
        found = self.exact.plan_of_best(self.timing)
        self.best = found
        if self.tell is not None:
            self.tell(found.bill.total, found)

    def chain(self, number: int, clock: Clock, start: Sequences | None, *, is_fresh: bool) -> None:
        """One chain from its first plan to the end of its share of the clock."""
        cooling = FRESH if is_fresh else AGAIN
        self.begin(number, start, is_fresh=is_fresh)
        for _ in range(QUENCH if is_fresh else 0):
            if self.is_stopped or clock.share() >= 1:
                break
            self.run(0.001 * abs(self.value) / len(self.problem.lines), cooling)
        scale = abs(self.value)
        while not self.is_stopped and (share := clock.share()) < 1:
            ratio = cooling.last / cooling.first
            self.run(scale * cooling.first * ratio**share, cooling)
        self.keep()


class Clock:
    """How much of a chain's seconds or moves is spent; asked once before each batch."""

    def __init__(self, seconds: float | None, steps: int | None) -> None:
        self.seconds, self.steps = seconds, steps
        self.began = time.monotonic()
        self.asked = 0

    def share(self) -> float:
        """From 0 at the beginning to 1 at the end."""
        spent = 0.0
        if self.steps is not None:
            spent = self.asked * BATCH / self.steps
            self.asked += 1
        if self.seconds is not None:
            spent = max(spent, (time.monotonic() - self.began) / self.seconds)
        return spent


def anneal(
    problem: LineProblem,
    *,
    seed: int,
    seconds: float | None = None,
    steps: int | None = None,
    start: Sequences | None = None,
    tell: Tell | None = None,
    must_stop: Stop | None = None,
) -> LinePlan:
    """The best plan that chains of simulated annealing find.

    Parameters
    ----------
    seconds, steps : optional
        How long, or how many moves, over all chains; at least one of them. With steps alone the
        same seed gives the same plan.
    start : optional
        Orders of work to begin the first chain from, such as last night's; items that stand in none
        are added, each at its best place.
    tell : optional
        Called with the value and the plan whenever a better one is found, at most every 0.2 s.
    must_stop : optional
        Asked every 0.2 s; True ends the search.

    Returns
    -------
    LinePlan
        Orders for which there is no place in the horizon stand in ``unplaced``.

    Raises
    ------
    NoriaError
        If a task found no time in its window, or a line cannot even rest.
    """
    if seconds is None and steps is None:
        raise ValueError("anneal: neither seconds nor steps; give at least one of them")
    annealing = Annealing(problem, seed, tell, must_stop)
    chains = _chains(problem, seconds, steps)
    fresh = max(int(chains * FRESH_SHARE), 1)
    ends = time.monotonic() + seconds if seconds is not None else None
    for number in range(chains):
        left = None if ends is None else max(ends - time.monotonic(), 1e-3) / (chains - number)
        clock = Clock(left, None if steps is None else max(steps // chains, 1))
        annealing.chain(number, clock, start if number == 0 else None, is_fresh=number < fresh)
        if annealing.is_stopped:
            break
    if annealing.best is None:
        raise RuntimeError("anneal: no plan was kept")
    return annealing.best


def _chains(problem: LineProblem, seconds: float | None, steps: int | None) -> int:
    """As many chains as are long enough."""
    size = len(problem.orders) * problem.slots / (40 * 168)
    growth = min(max(size * max(len(problem.lines) / 3, 1.0) ** 0.5, 0.2), MOST_GROWTH)
    by_time = MOST_CHAINS if seconds is None else round(seconds / (CHAIN_SECONDS * growth))
    by_steps = MOST_CHAINS if steps is None else round(steps / (CHAIN_STEPS * growth**0.5))
    return max(min(by_time, by_steps, MOST_CHAINS), 1)
