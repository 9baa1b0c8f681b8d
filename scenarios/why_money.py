"""What an order costs above the least it could: the hours it runs in, its lateness, its setups.

The least is exact and counts one operation at a time: each on its unit in the cheapest stretch of
the horizon in which it could run alone. Energy is priced at what one more kWh costs in the plan,
carbon and own generation included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from solvers.account import Account
from solvers.plan import Plan
from solvers.problem import Problem
from solvers.timing import Prefix, Shift

ROUND_THE_CLOCK = Shift((0.0,), (inf,), (0.0,), (inf,))


@dataclass(frozen=True)
class Dear:
    """What an order costs in the plan, in the plant's currency, and what of it is not its work."""

    energy: float
    flat: float
    """Its energy at the mean price of the horizon."""
    least_in_time: float
    """In the cheapest open hours between release and due date."""
    least: float
    """In the cheapest open hours of the horizon."""
    least_any_time: float
    """In the cheapest hours of the horizon, shifts or not."""
    lateness: float
    setups: float

    @property
    def avoidable(self) -> float:
        """What it costs above its cheapest hours, with its lateness."""
        return max(self.energy - self.least_any_time, 0.0) + self.lateness

    @property
    def parts(self) -> dict[str, float]:
        """What makes it dear, by cause; the parts add up to :attr:`avoidable`."""
        in_time = min(self.least_in_time, self.energy)
        return {
            "lateness": self.lateness,
            "others in its cheap hours": max(self.energy - in_time, 0.0),
            "its due date": max(in_time - min(self.least, in_time), 0.0),
            "shifts": max(min(self.least, in_time) - self.least_any_time, 0.0),
        }


def dear_orders(plan: Plan, count: int) -> list[str]:
    """The orders that cost most above the least they could."""
    problem = plan.problem
    prices = _Prices(plan)
    placed = [job for job in problem.jobs if plan.is_placed(job.index)]
    ranked = sorted(placed, key=lambda job: -prices.dearness(job.index).avoidable)
    return [job.order for job in ranked[:count]]


def dearness(plan: Plan, job: int) -> Dear:
    """What one order costs, and the least it could."""
    return _Prices(plan).dearness(job)


class _Prices:
    """What one more kWh costs in each hour of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.account = Account(plan)
        self.prefix = self.account.prefix
        self.mean = self.prefix.at(plan.problem.end) / plan.problem.end

    def dearness(self, j: int) -> Dear:
        problem, plan = self.plan.problem, self.plan
        job = problem.jobs[j]
        ops = [o for o in job.ops if plan.choice[o] and not problem.ops[o].is_running]
        late = max(plan.end[job.ops[-1]] - job.due, 0.0) / 60 * job.weight
        energy, flat, in_time, least, any_time = (
            sum(column) for column in zip((0.0,) * 5, *map(self._operation, ops), strict=True)
        )
        return Dear(
            energy, flat, in_time, least, any_time,
            lateness=late * problem.plant.plant.costs.tardiness_per_h,
            setups=sum(self._setup(o) for o in ops),
        )  # fmt: skip

    def _setup(self, op: int) -> float:
        choice = self.plan.choice[op]
        is_set_up = choice is not None and self.plan.setup[op] > 0
        return self.plan.problem.units[choice.unit].setup_cost if choice and is_set_up else 0.0

    def _operation(self, op: int) -> tuple[float, float, float, float, float]:
        """Energy of one operation as in :class:`Dear`: planned, flat, and three times the least."""
        plan, problem, prefix = self.plan, self.plan.problem, self.prefix
        choice, job = plan.choice[op], problem.jobs[problem.ops[op].job]
        assert choice is not None
        unit = problem.units[choice.unit]
        shift, minutes = problem.shifts[unit.shift], choice.minutes
        spent = sum(prefix.between(a, b) for a, b in shift.pieces(plan.work[op], plan.end[op]))
        last = job.due if plan.end[op] <= job.due else problem.end
        per_kw = (
            spent,
            self.mean * minutes,
            _least(prefix, problem, shift, minutes, job.release, last),
            _least(prefix, problem, shift, minutes, 0.0, problem.end),
            _least(prefix, problem, ROUND_THE_CLOCK, minutes, 0.0, problem.end),
        )
        planned, flat, in_time, least, any_time = ((unit.working - unit.off) * x for x in per_kw)
        return planned, flat, in_time, least, any_time


def _least(
    prefix: Prefix, problem: Problem, shift: Shift, minutes: float, begin: float, end: float
) -> float:
    """The cheapest stretch of work of one kW in [begin, end] [currency]; inf if none fits."""
    costs = (
        sum(prefix.between(a, b) for a, b in _pieces(shift, start, minutes))
        for start in _starts(problem, shift, minutes, begin, end)
    )
    return min(costs, default=inf)


def _pieces(shift: Shift, start: float, minutes: float) -> list[tuple[float, float]]:
    return shift.pieces(start, shift.end_of(start, minutes))


def _starts(
    problem: Problem, shift: Shift, minutes: float, begin: float, end: float
) -> Iterator[float]:
    """Starts at which a slot's price begins or ends the stretch, or the span does."""
    edges = [float(edge) for edge in problem.horizon.edges]
    wanted = {begin, end - minutes, *edges, *(edge - minutes for edge in edges)}
    for start in sorted(wanted):
        at = shift.next_open(start) if start >= begin else inf
        if at < inf and shift.end_of(at, minutes) <= end + 1e-6:
            yield at
