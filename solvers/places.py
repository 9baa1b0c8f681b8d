"""Where an operation would cost least: places ranked by what they add to the bill and lateness.

Everything else stays where it is, so a place is judged in a few look-ups: energy by prefix sums at
the cost of one more kWh, the demand charge by the present profile, wear by the hazard of the unit
at the age it will reach. The estimate only ranks; the search counts the whole plan afterwards.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf
from random import Random

import numpy as np

from solvers.account import MOVED_MINUTES, Account, lateness_cost, lives
from solvers.plan import Fit, Plan
from solvers.problem import Choice, Problem, Unit
from solvers.timing import Prefix, Shift
from twin.model.horizon import Array

WINDOW = 36 * 60.0
"""How long after its first place on a unit an operation looks for a better one [min]."""
MOST_GAPS = 5
"""Gaps of a unit looked at in one ranking."""
SHIFTED_STARTS = 3
"""Later starts tried in a gap, at changes of price."""
BIG_LOAD_KW = 20.0
"""Below this power an operation is not delayed for a better price."""
HOUR = 60.0
DELAY_SHARES = (0.0, 0.003, 0.03, 0.3)
"""What an hour of delay may be charged in ranking, as a share of an hour of tardiness."""


@dataclass
class Rates:
    """Cost of drawing one kW for a while: in the open time of each shift, and in all time."""

    open: list[Prefix]
    always: Prefix

    @staticmethod
    def of(problem: Problem, marginal: Array) -> Rates:
        per_minute = marginal / HOUR
        shifts = [problem.grid.prefix(per_minute, i) for i in range(len(problem.shifts))]
        return Rates(shifts, problem.grid.prefix(per_minute))


BLINK = 0.02
"""Under a cap, the probability that the best place is overlooked, and the next one after it
(Christiaens and Vanden Berghe 2020, *Slack induction by string removals*): the best of all plans
below a cap may use places that are best at no price. Without a cap it only costs moves."""


class Thrift:
    """Ranks places by added cost; how far it trades delay for price is drawn anew for each move."""

    def __init__(self, account: Account, random: Random) -> None:
        self.account = account
        self.problem = account.problem
        self.random = random
        self.rates = Rates.of(self.problem, account.marginal)
        self.slack_factor = 1.0
        """The rest of an order is expected to take this many times its working time."""
        self.delay_cost = 0.0
        """Charged for each hour of delay beside tardiness, to keep plans tight [currency/h]."""
        self.peak = 0.0
        self.late_rate = self.problem.plant.plant.costs.tardiness_per_h / HOUR
        self.move_cost = self.problem.plant.plant.costs.moved_operation
        self.wear = [_wear(account.plan, u) for u in self.problem.units]
        self.blinks = min(self.problem.carbon_cap, self.problem.power_cap) < inf

    def begin_move(self, peak_kw: float) -> None:
        """Draw how this move weighs delay; ``peak_kw`` is free of charge."""
        self.slack_factor = self.random.choice((1.0, 1.3, 1.8, 2.5))
        self.delay_cost = self.random.choice(DELAY_SHARES) * self.late_rate * HOUR
        self.peak = max(peak_kw, self.account.bill.incurred)

    def reprice(self) -> None:
        self.rates = Rates.of(self.problem, self.account.marginal)

    def observe(self, units: Sequence[int]) -> None:
        """Look again at units that changed, and at the site's profile."""
        for m in units:
            self.wear[m] = _wear(self.account.plan, self.problem.units[m])

    @cached_property
    def price_changes(self) -> list[float]:
        """Minutes at which the price with carbon changes."""
        rate = self.problem.energy_rate
        changed = np.flatnonzero(np.diff(rate)) + 1
        return [float(i * self.problem.horizon.slot_minutes) for i in changed]

    def __call__(self, plan: Plan, op: int, earliest: float, end_after: float) -> list[Fit]:
        ranked: list[tuple[float, float, int, Fit]] = []
        problem = self.problem
        for choice in problem.ops[op].choices:
            begin = earliest
            shift = problem.shifts[problem.units[choice.unit].shift]
            if end_after > earliest:
                begin = max(begin, shift.latest_start(end_after, choice.minutes))
            for fit in self._fits(plan, choice, begin, shift):
                cost = self.cost(plan, op, fit)
                ranked.append((cost, fit.end, choice.unit, fit))
        ranked.sort(key=lambda row: row[:3])
        fits = [row[3] for row in ranked]
        while self.blinks and len(fits) > 1 and self.random.random() < BLINK:
            fits.append(fits.pop(0))
        return fits

    def _fits(self, plan: Plan, choice: Choice, begin: float, shift: Shift) -> list[Fit]:
        found: list[Fit] = []
        gaps = 0
        may_shift = self.problem.units[choice.unit].working >= BIG_LOAD_KW
        for position in plan.positions(choice.unit, begin, choice.minutes):
            fit = plan.fit(choice, position, begin)
            if fit is None:
                continue
            found.append(fit)
            gaps += 1
            if may_shift:
                found += self._later(plan, fit, shift)
            if gaps >= MOST_GAPS or fit.start > found[0].start + WINDOW:
                break
        return found

    def _later(self, plan: Plan, fit: Fit, shift: Shift) -> list[Fit]:
        """The same place with later starts: up against what follows, or at a change of price."""
        choice, position = fit.choice, fit.position
        items = plan.items[choice.unit]
        bound = items[position][0] if position < len(items) else self.problem.end
        duration = shift.opened(fit.end) - shift.opened(fit.start)
        latest = min(shift.latest_start(bound, duration), fit.start + WINDOW)
        if latest < fit.start + 1:
            return []
        changes = self.price_changes
        low, high = bisect_right(changes, fit.start), bisect_right(changes, latest)
        starts = [float(int(latest))] if position < len(items) else []
        for _ in range(min(SHIFTED_STARTS, high - low)):
            t = changes[self.random.randrange(low, high)]
            starts.append(t if self.random.random() < 0.5 else shift.latest_start(t, duration))
        fits = (plan.fit(choice, position, t) for t in starts if t > fit.start)
        return [f for f in fits if f]

    def cost(self, plan: Plan, op: int, fit: Fit) -> float:
        """What a place adds to the cost of the plan, estimated [currency]."""
        unit = self.problem.units[fit.choice.unit]
        return (
            self._energy(unit, fit)
            + self._setup(plan, unit, fit)
            + self._idle(plan, unit, fit)
            + self._demand(unit, fit)
            + self._wear(unit, fit)
            + self._delay(op, fit)
        )

    def _energy(self, unit: Unit, fit: Fit) -> float:
        open_rate = self.rates.open[unit.shift]
        work = open_rate.between(fit.work, fit.end)
        cost = work * (unit.working - unit.off)
        if fit.work > fit.start:
            cost += open_rate.between(fit.start, fit.work) * (unit.setting - unit.off)
        if unit.startup > 0:
            paused = self.rates.always.between(fit.work, fit.end) - work
            cost += paused * (unit.standby - unit.off)
        return cost

    def _setup(self, plan: Plan, unit: Unit, fit: Fit) -> float:
        cost = unit.setup_cost if fit.work > fit.start else 0.0
        if fit.follower >= 0 and unit.setup_cost:
            had = plan.start[fit.follower] < plan.work[fit.follower]
            has = fit.follower_start < plan.work[fit.follower]
            cost += unit.setup_cost * (has - had)
        return cost

    def _idle(self, plan: Plan, unit: Unit, fit: Fit) -> float:
        """What the idle time of a unit that warms up costs more, or less, than before."""
        if unit.startup <= 0:
            return 0.0
        items = plan.items[unit.index]
        before = next((i[1] for i in reversed(items[: fit.position]) if i[2] >= 0), None)
        after = next((i[0] for i in items[fit.position :] if i[2] >= 0), None)
        if before is None and unit.is_on:
            before = unit.ready
        cost = self._gap(unit, before, fit.start)
        if after is not None:
            cost += self._gap(unit, fit.end, after) - self._gap(unit, before, after)
        return cost

    def _gap(self, unit: Unit, begin: float | None, end: float) -> float:
        always = self.rates.always
        warm = always.between(max(end - unit.startup, 0.0), end) * (unit.warming - unit.off)
        if begin is None:
            return warm
        stay = always.between(begin, end) * (unit.standby - unit.off)
        return min(warm, stay) if end - begin >= unit.startup else stay

    def _demand(self, unit: Unit, fit: Fit) -> float:
        bill, cap = self.account.bill, self.problem.power_cap
        if unit.working <= unit.off or not (bill.charge or cap < inf):
            return 0.0
        slot = self.problem.horizon.slot_minutes
        net = self.account.net_kw[int(fit.work // slot) : ceil(fit.end / slot)]
        draw = float(net.max()) + unit.working - unit.off
        cost = bill.charge * (draw - self.peak) if draw > self.peak else 0.0
        if draw > cap:
            more = np.minimum(net + unit.working - unit.off - cap, unit.working - unit.off)
            cost += self.problem.power_fine * bill.hours * float(np.maximum(more, 0.0).sum())
        return cost

    def _wear(self, unit: Unit, fit: Fit) -> float:
        for until, rate in self.wear[unit.index]:
            if fit.start < until:
                return rate * fit.choice.minutes
        return 0.0

    def _delay(self, op: int, fit: Fit) -> float:
        row = self.problem.ops[op]
        job = self.problem.jobs[row.job]
        rest = self.problem.shortest[op] - min(c.minutes for c in row.choices)
        cost = self.delay_cost * fit.end / HOUR
        cost += lateness_cost(self.problem, job, fit.end + rest * self.slack_factor)
        if row.planned and self.move_cost:
            m, start = row.planned
            if m != fit.choice.unit or abs(fit.work - start) > MOVED_MINUTES:
                cost += self.move_cost
        return cost


def _wear(plan: Plan, unit: Unit) -> list[tuple[float, float]]:
    """Cost of one more minute of work in each stretch between tasks: (until, [currency/min])."""
    modes = [m for m in unit.modes if m.is_operating]
    if not modes:
        return []
    items = plan.items[unit.index]
    tasks = [(end, plan.problem.pms[~ref].task.id) for _, end, ref in items if ref < 0]
    rates = [0.0] * (len(tasks) + 1)
    for mode in modes:
        life, worked = 0, lives(plan, unit.index, mode)
        for i in range(len(rates)):
            if i and tasks[i - 1][1] in mode.renewed_by:
                life += 1
            more = mode.wear.failures(worked[life] + HOUR, life > 0)
            rates[i] += (more - mode.wear.failures(worked[life], life > 0)) * mode.mode.cost / HOUR
    return list(zip([*(end for end, _ in tasks), inf], rates, strict=True))
