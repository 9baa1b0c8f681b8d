"""What no plan of a problem can cost less than: simple, valid, and far from tight.

Each order is given its cheapest unit and its cheapest hours, as if it were alone in the plant, and
is charged for being late only as far as no plan could avoid. Setups, standby, warm-up and the peak
of the work itself count nothing. Every term bounds a different part of the cost from below, so the
sum is a bound for every plan, also for one that leaves orders out.
"""

from __future__ import annotations

from functools import cached_property
from math import inf

import numpy as np

from solvers.problem import Choice, Job, Op, Problem, Unit
from solvers.timing import Prefix, Shift
from twin.behaviour.renewals import expected_failures
from twin.model.horizon import Array
from twin.model.laws import Exponential


def lower_bound(problem: Problem) -> float:
    """A cost [currency] that no plan of the problem can fall below."""
    return Bound(problem).total


class Bound:
    """The parts of a lower bound."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.hours = problem.horizon.slot_minutes / 60
        self.least = [_least_power(u) for u in problem.units]

    @property
    def total(self) -> float:
        return (
            self.site
            + sum(self._order(job) for job in self.problem.jobs)
            + self.tasks
            + sum(self._calendar_wear(u) for u in self.problem.units)
        )

    @cached_property
    def _idle_kwh(self) -> Array:
        """Energy of the site less own generation if every unit drew its least, (T,) [kWh]."""
        forecast = self.problem.forecast
        site = self.problem.plant.plant.energy.base_load_kw + sum(self.least)
        return np.asarray((site - forecast.generation_kw) * self.hours)

    @cached_property
    def slope(self) -> Array:
        """Least cost of one kWh on top of the idle site, (T,) [currency/kWh]."""
        rate, feed_in = self.problem.energy_rate, self.problem.forecast.feed_in_per_kwh
        return np.where(self._idle_kwh >= 0, rate, np.minimum(rate, feed_in))

    @property
    def site(self) -> float:
        """Energy and demand of the idle site; where draw earns money, all draw what they can."""
        forecast = self.problem.forecast
        bought = np.maximum(self._idle_kwh, 0.0)
        sold = np.maximum(-self._idle_kwh, 0.0)
        cost = float((bought * self.problem.energy_rate).sum()) - forecast.feed_in_per_kwh * float(
            sold.sum()
        )
        most = sum(_most_power(u) for u in self.problem.units) - sum(self.least)
        cost += float(np.minimum(self.slope, 0.0).sum()) * most * self.hours
        peak = float(bought.max()) / self.hours - forecast.peak_incurred_kw
        return cost + forecast.demand_charge_per_kw * max(peak, 0.0)

    @cached_property
    def _rates(self) -> list[Prefix]:
        """Least cost of a kW for a while in the open time of each shift."""
        slope = np.maximum(self.slope, 0.0) / 60
        return [self.problem.grid.prefix(slope, i) for i in range(len(self.problem.shifts))]

    @property
    def tasks(self) -> float:
        """Preventive maintenance: each task at its plain cost and in the cheapest hours."""
        return sum(self._task(i) for i in range(len(self.problem.pms)))

    def running_energy(self, op: Op) -> float:
        """Energy of what is left of an operation that runs at minute 0."""
        return self._energy(op.choices[0], 0.0)

    def _order(self, job: Job) -> float:
        ops = [self.problem.ops[o] for o in job.ops]
        begun = sum(self._operation(o, 0.0) for o in ops if o.is_running)
        late = self.problem.plant.plant.costs.tardiness_per_h * job.weight / 60
        left_out = late * max(self.problem.end - job.due, 0.0)
        done, work = job.release, 0.0
        for op in ops:
            if not op.is_running:
                work += self._operation(op, done)
            done = min(self._earliest_end(op, c, done) for c in op.choices)
            if done == inf:
                return begun + left_out
        return begun + min(left_out, work + late * max(done - job.due, 0.0))

    def _earliest_end(self, op: Op, choice: Choice, begin: float) -> float:
        unit = self.problem.units[choice.unit]
        warm = unit.ready if unit.is_on else unit.ready + unit.startup
        begin = warm if op.is_running else max(begin, warm)
        return self.problem.shifts[unit.shift].end_of(begin, choice.minutes)

    def _operation(self, op: Op, earliest: float) -> float:
        """Energy and wear of an operation on its cheapest unit at its cheapest time."""
        return min(self._energy(choice, earliest) + self._wear(choice) for choice in op.choices)

    def _energy(self, choice: Choice, earliest: float) -> float:
        unit = self.problem.units[choice.unit]
        power = unit.working - self.least[choice.unit]
        shift, rate = self.problem.shifts[unit.shift], self._rates[unit.shift]
        return power * _cheapest(rate, shift, choice.minutes, earliest)

    def _wear(self, choice: Choice) -> float:
        """Expected failure cost of the work by modes that know no age; others count nothing."""
        return sum(
            mode.mode.cost * choice.minutes / mode.mode.time_to_failure.scale
            for mode in self.problem.units[choice.unit].modes
            if mode.is_operating and isinstance(mode.mode.time_to_failure, Exponential)
        )

    def _calendar_wear(self, unit: Unit) -> float:
        """Expected failure cost of the modes that age by the calendar and are not renewed."""
        tasks = zip(self.problem.pms, self.problem.pm_unit, strict=True)
        renewed = {pm.task.id for pm, m in tasks if m == unit.index}
        return sum(
            mode.mode.cost
            * expected_failures(mode.mode.time_to_failure, mode.age, self.problem.end)
            for mode in unit.modes
            if not mode.is_operating and not renewed & mode.renewed_by
        )

    def _task(self, pm: int) -> float:
        due, m = self.problem.pms[pm], self.problem.pm_unit[pm]
        power = self.problem.units[m].maintaining - self.least[m]
        least = float(np.maximum(self.slope, 0.0).min())
        return due.task.cost + power * due.task.duration / 60 * least


def _cheapest(rate: Prefix, shift: Shift, minutes: float, earliest: float) -> float:
    """Least cost of one kW over ``minutes`` of open time that begin at or after ``earliest``.

    The cost of a start is piecewise linear in open time, so its least value is where the beginning
    or the end lies on a change of rate, or at the first or last possible start.
    """
    starts = {earliest, shift.latest_start(rate.points[-1], minutes)}
    for point in rate.points:
        starts |= {point, shift.latest_start(point, minutes)}
    found = inf
    for start in starts:
        if start < earliest - 1e-9 or start == -inf:
            continue
        end = shift.end_of(start, minutes)
        if end < inf:
            found = min(found, rate.between(start, end))
    return 0.0 if found == inf else max(found, 0.0)


def _least_power(unit: Unit) -> float:
    return min(unit.off, unit.standby, unit.warming, unit.setting, unit.working, unit.maintaining)


def _most_power(unit: Unit) -> float:
    return max(unit.off, unit.standby, unit.warming, unit.setting, unit.working, unit.maintaining)
