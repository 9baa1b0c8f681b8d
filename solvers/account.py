"""What a plan costs, counted from prefix sums and slot profiles, unit by unit.

The same figures as :class:`twin.model.schedule.Value`, worked out so that a change of few units
costs few recounts: energy per slot is kept for each unit; the rest is a sum over units, orders and
tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from math import inf

import numpy as np

from solvers.plan import Plan
from solvers.problem import Job, Mode, Problem
from solvers.states import Decide, Gap, Stretch, stretches
from solvers.timing import Prefix
from twin.behaviour.renewals import expected_failures
from twin.model.horizon import Array
from twin.model.schedule import Kind, Value

MOVED_MINUTES = 60.0 + 1e-6
"""An operation that starts further than this from last night's plan has moved [min]."""

CAP_TOLERANCE = 1e-9
"""A cap may be passed by this share: rounding."""


class Bill:
    """What the site's draw costs at the grid connection, and what one kWh more would cost."""

    def __init__(self, problem: Problem) -> None:
        forecast = problem.forecast
        self.problem = problem
        self.hours = problem.horizon.slot_minutes / 60
        self.rate = problem.energy_rate
        self.feed_in = forecast.feed_in_per_kwh
        self.generation = forecast.generation_kw * self.hours
        self.floor = problem.floor_kw * self.hours
        self.charge = forecast.demand_charge_per_kw
        self.incurred = forecast.peak_incurred_kw
        self.most = problem.power_cap * self.hours
        self.intensity = forecast.carbon_intensity

    def cost(self, above: Array) -> float:
        """Energy, carbon and demand cost of the energy the units draw above off, (T,) [kWh]."""
        net = above + (self.floor - self.generation)
        bought = np.maximum(net, 0.0)
        # Not ``@``: its last digit depends on the machine's linear algebra, and a plan must not.
        cost = float((bought * self.rate).sum())
        if self.feed_in:
            cost -= self.feed_in * float((bought - net).sum())
        cost += self.charge * max(float(bought.max()) / self.hours - self.incurred, 0.0)
        return cost + self._fines(bought)

    def _fines(self, bought: Array) -> float:
        """What the search is charged for import above the caps; nothing where they are kept."""
        fine = 0.0
        if self.most < inf:
            fine += self.problem.power_fine * float(np.maximum(bought - self.most, 0.0).sum())
        if self.problem.carbon_cap < inf:
            over = float((bought * self.intensity).sum()) - self.problem.carbon_cap
            fine += self.problem.carbon_fine * max(over, 0.0)
        return fine

    def marginal(self, above: Array) -> Array:
        """Cost of one more kWh in each slot, (T,) [currency/kWh]."""
        net = above + (self.floor - self.generation)
        rate = self.rate
        if self.problem.carbon_cap < inf:
            over = float((np.maximum(net, 0.0) * self.intensity).sum()) > self.problem.carbon_cap
            rate = rate + self.intensity * (self.problem.carbon_fine if over else 0.0)
        return np.where(net >= 0, rate, self.feed_in)


class Account:
    """The costs of one plan, recounted where it changed."""

    def __init__(
        self, plan: Plan, decide: Decide | None = None, hints: Mapping[int, bool] | None = None
    ) -> None:
        self.problem = plan.problem
        self.plan = plan
        self.bill = Bill(plan.problem)
        slots = plan.problem.horizon.slots
        units = len(plan.problem.units)
        self.energy = np.zeros((units, slots))
        self.setup = [0.0] * units
        self.failure = [0.0] * units
        self.late = [0.0] * len(plan.problem.jobs)
        self.change = [0.0] * len(plan.problem.jobs)
        self.above = np.zeros(slots)
        self.edges = plan.problem.horizon.edges
        self._net: Array | None = None
        self.fixed_rule = decide
        self.hints = hints or {}
        """Operations before which a unit is to be switched off, or not, whatever the rule says."""
        self.price(self.bill.marginal(self.above))
        self.recount(range(units), range(len(plan.problem.jobs)))
        self.price(self.bill.marginal(self.above))
        self.recount(range(units), ())

    def price(self, marginal: Array) -> None:
        """Take a new cost per kWh in each slot for the choice between standby and off."""
        self.marginal = marginal
        self.prefix = self.problem.grid.prefix(marginal / 60)
        self.decide: Decide = self.fixed_rule or partial(
            cheaper_off, self.problem, self.prefix, self.hints
        )

    def recount(self, units: Iterable[int], jobs: Iterable[int]) -> None:
        """Count again what depends on these units and orders."""
        self._net = None
        for m in units:
            found = stretches(self.plan, m, self.decide)
            profile = self._profile(m, found)
            self.above += profile - self.energy[m]
            self.energy[m] = profile
            self.setup[m] = self._setups(m, found)
            self.failure[m] = self._failures(m)
        for j in jobs:
            self.late[j] = self._tardiness(j)
            self.change[j] = self._moved(j)

    @property
    def net_kw(self) -> Array:
        """Mean power drawn less own generation in each slot, (T,) [kW]."""
        if self._net is None:
            self._net = (self.above + (self.bill.floor - self.bill.generation)) / self.bill.hours
        return self._net

    @property
    def total(self) -> float:
        """What the search minimises [currency]: the total cost, but for expected delays, tables of
        failures, a weight on carbon, and fines for what breaks a hard demand."""
        return (
            self.bill.cost(self.above)
            + sum(self.setup)
            + sum(self.failure)
            + self.maintenance
            + sum(self.late)
            + sum(self.change)
        )

    @property
    def maintenance(self) -> float:
        pms = self.problem.pms
        return sum(pm.cost_at(t) for pm, t in zip(pms, self.plan.pm_start, strict=True))

    def copy_of(self, plan: Plan) -> Account:
        """The same figures for a copy of the plan."""
        twin = Account.__new__(Account)
        twin.__dict__.update(self.__dict__)
        twin.plan = plan
        twin.energy, twin.above = self.energy.copy(), self.above.copy()
        twin.setup, twin.failure = self.setup.copy(), self.failure.copy()
        twin.late, twin.change = self.late.copy(), self.change.copy()
        return twin

    def value(self) -> Value:
        """All figures of the plan: failures without tables, lateness without margins."""
        forecast, bill = self.problem.forecast, self.bill
        above = self.energy.sum(axis=0)
        net = above + (bill.floor - bill.generation)
        bought = np.maximum(net, 0.0)
        carbon = float((bought * forecast.carbon_intensity).sum())
        peak = float(bought.max()) / bill.hours
        sold = float((bought - net).sum())
        return Value(
            energy_cost=float((bought * forecast.price_per_kwh).sum()) - bill.feed_in * sold,
            carbon_cost=carbon / 1000 * self.problem.plant.plant.costs.carbon_per_t,
            demand_cost=bill.charge * max(peak - bill.incurred, 0.0),
            setup_cost=sum(self.setup),
            maintenance_cost=self.maintenance,
            failure_cost=sum(self._failures(m, True) for m in range(len(self.failure))),
            tardiness_cost=sum(self._tardiness(j, True) for j in range(len(self.late))),
            change_cost=sum(self.change),
            energy_kwh=float(above.sum()) + bill.floor * len(above),
            import_kwh=float(bought.sum()),
            carbon_kg=carbon,
            peak_kw=peak,
        )

    def power_of(self, m: int) -> dict[Kind, float]:
        """Power of a unit above off in each kind of segment [kW]."""
        return self._power[m]

    @cached_property
    def _power(self) -> list[dict[Kind, float]]:
        return [
            {
                "startup": u.warming - u.off,
                "setup": u.setting - u.off,
                "work": u.working - u.off,
                "maintenance": u.maintaining - u.off,
                "standby": u.standby - u.off,
            }
            for u in self.problem.units
        ]

    def _profile(self, m: int, found: list[Stretch]) -> Array:
        """Energy of a unit above its off power in each slot, (T,) [kWh]."""
        if not found:
            return np.zeros_like(self.above)
        power = self.power_of(m)
        instants: list[float] = []
        energy: list[float] = []
        total = 0.0
        for start, end, kind, _ in found:
            instants += (start, end)
            energy.append(total)
            total += power[kind] * (end - start) / 60
            energy.append(total)
        return np.diff(np.interp(self.edges, instants, energy))

    def _setups(self, m: int, found: list[Stretch]) -> float:
        cost = self.problem.units[m].setup_cost
        return cost * len({ref for _, _, kind, ref in found if kind == "setup"}) if cost else 0.0

    def _failures(self, m: int, is_exact: bool = False) -> float:
        """Expected cost of failures on a unit, life by life of each mode."""
        total = 0.0
        for mode in self.problem.units[m].modes:
            for n, minutes in enumerate(lives(self.plan, m, mode)):
                if is_exact:
                    law = mode.mode.time_to_failure
                    count = expected_failures(law, 0.0 if n else mode.age, minutes)
                else:
                    count = mode.wear.failures(minutes, n > 0)
                total += mode.mode.cost * count
        return total

    def _tardiness(self, j: int, is_exact: bool = False) -> float:
        """Cost of an order's lateness: as the search sees it, or exactly by the plan's own end."""
        job = self.problem.jobs[j]
        last = job.ops[-1]
        end = self.plan.end[last] if self.plan.choice[last] is not None else self.problem.end
        if not is_exact:
            return lateness_cost(self.problem, job, end)
        rate = self.problem.plant.plant.costs.tardiness_per_h
        return job.weight * max(end - job.due, 0.0) / 60 * rate

    @property
    def is_allowed(self) -> bool:
        """Keeps the caps and deadlines, and leaves out no order of which something is frozen."""
        problem, plan = self.problem, self.plan
        bought = np.maximum(self.above + (self.bill.floor - self.bill.generation), 0.0)
        if float(bought.max()) > self.bill.most * (1 + CAP_TOLERANCE):
            return False
        if float((bought * self.bill.intensity).sum()) > problem.carbon_cap * (1 + CAP_TOLERANCE):
            return False
        return not _has_stuck(plan) and all(
            plan.end[job.ops[-1]] <= job.deadline + 1e-6
            if plan.is_placed(job.index)
            else job.deadline >= problem.end
            for job in problem.jobs
            if job.deadline < inf
        )

    def _moved(self, j: int) -> float:
        cost = self.problem.plant.plant.costs.moved_operation
        if not cost:
            return 0.0
        return cost * sum(is_moved(self.plan, o) for o in self.problem.jobs[j].ops)


def _has_stuck(plan: Plan) -> bool:
    """Whether an order is left out although something of it is frozen."""
    pinned = {plan.problem.ops[pin.ref].job for pin in plan.problem.pins if pin.ref >= 0}
    return any(not plan.is_placed(j) for j in pinned)


def lateness_cost(problem: Problem, job: Job, end: float) -> float:
    """What the search is charged if an order is done at ``end``: expected tardiness, deadline."""
    cost = 0.0
    late = job.lateness(end)
    if late > 0:
        cost = job.weight * late / 60 * problem.plant.plant.costs.tardiness_per_h
    if end > job.deadline:
        cost += problem.deadline_fine * (end - job.deadline) / 60
    return cost


def lives(plan: Plan, m: int, mode: Mode) -> list[float]:
    """How long a mode's clock runs in each of its lives, from one renewal to the next [min]."""
    found: list[float] = []
    begin = worked = 0.0
    for _, end, ref in plan.items[m]:
        if ref >= 0:
            choice = plan.choice[ref]
            worked += choice.minutes if choice else 0.0
        elif plan.problem.pms[~ref].task.id in mode.renewed_by:
            found.append(worked if mode.is_operating else end - begin)
            begin, worked = end, 0.0
    found.append(worked if mode.is_operating else plan.problem.end - begin)
    return found


def is_moved(plan: Plan, op: int) -> bool:
    """Whether an operation is not where and when the previous plan had it."""
    planned, choice = plan.problem.ops[op].planned, plan.choice[op]
    if planned is None or choice is None:
        return False
    unit, start = planned
    return choice.unit != unit or abs(plan.work[op] - start) > MOVED_MINUTES


def cheaper_off(problem: Problem, prefix: Prefix, hints: Mapping[int, bool], gap: Gap) -> bool:
    """Whether switching off and warming up again costs less than standby, at marginal prices."""
    if gap.op in hints:
        return hints[gap.op]
    unit = problem.units[gap.unit]
    stay = sum(prefix.between(a, b) for a, b in gap.free) * (unit.standby - unit.off)
    warm = prefix.between(gap.end - unit.startup, gap.end) * (unit.warming - unit.off)
    return warm < stay
