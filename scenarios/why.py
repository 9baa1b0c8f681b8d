"""Why an order of a plan is late, unsure or dear: the one cause whose removal helps it most.

First what is certain: if an order alone in the plant would be late, no plan can help, and its
release, the shifts or its work is the cause; and where its time goes is read off the plan. Then
each cause that the order meets on its way is taken out of the night, one at a time, and a short
search (:mod:`scenarios.why_search`) says how soon the order could be done; the same search with
nothing taken away is what it is measured against. Breakdowns are taken away on the twin, with the
same luck otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from scenarios.archive import Run
from scenarios.causes import Cause, plan_before, without
from scenarios.run import Progress, problem_of
from scenarios.why_chance import Chance, Chances
from scenarios.why_money import Dear, dear_orders, dearness
from scenarios.why_search import (
    FIRST,
    Found,
    alone_moved,
    carried_over,
    cheapest_in_time,
    others_late,
    soonest,
)
from scenarios.why_waits import Stretch, earliest_end, stretches_of
from solvers.account import Account
from solvers.frozen import settled
from solvers.plan import Plan
from solvers.problem import Job
from solvers.warm import taken_up
from twin.accounting.report import Estimate
from twin.errors import Fault, InputError, did_you_mean

AT_RISK = 0.9
"""An order that is on time in fewer of the replications is unsure."""
WORTH = 15.0
"""Causes that cost an order less than this are not tried [min]."""
MOST_CAUSES, MOST_UNSURE, MOST_DEAR = 6, 6, 3
CLEAR = 15.0
"""Help of less than this says nothing [min]."""
Matter = Literal["late", "unsure", "dear", "fine"]


@dataclass(frozen=True)
class Removal:
    """What taking a cause away would do for an order."""

    cause: Cause
    end: float
    """When it could be done then [min]."""
    late_h: float
    """Behind its due date; negative: ahead of it."""
    sooner_h: float
    """Than without this: than in the plan (*energy*), than with nothing else moved
    (*right_of_way*), than by the same search with the cause in place (all others)."""
    others_later_h: float
    """Σ weight · tardiness of all other orders, more than in the plan."""
    dearer: float | None = None
    """What the whole plan would cost more, at most [currency]; None where the night is another."""


@dataclass(frozen=True)
class Why:
    """One order: where it stands, where its time goes, and what binds it."""

    order: str
    matter: Matter
    due: float
    planned_end: float | None
    late_h: float | None
    on_time: Estimate | None
    earliest_end: float
    """Alone in the plant; no plan does it sooner [min]."""
    stretches: tuple[Stretch, ...]
    removals: tuple[Removal, ...]
    """The most helpful first."""
    chances: tuple[Chance, ...]
    """Taking breakdowns away, the most helpful first."""
    dear: Dear | None
    moved: tuple[str, ...]
    """What moved since last night and why, as the plan's comparison has it."""
    cause: Cause | None
    """What binds it; None where nothing tried helps."""
    is_certain: bool
    """Follows from the plant alone, without any search."""
    not_tried: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def why(run: Run, orders: Sequence[str] = (), progress: Progress | None = None) -> list[Why]:
    """The orders named, or else all that are late, the least sure and the dearest, in this order.

    Raises
    ------
    InputError
        If an order is not in the plan's order book, or the archived plan does not fit its case.
    """
    night = Night(run)
    known = [job.order for job in night.problem.jobs]
    faults = [
        Fault(f"order {id}", "not open in this run", did_you_mean(id, known))
        for id in orders
        if id not in known
    ]
    if faults:
        raise InputError(str(run.folder), faults)
    chosen = [night.job(id) for id in orders] or night.telling()
    found = []
    for n, job in enumerate(chosen):
        if progress:
            progress("look for causes", n, len(chosen))
        found.append(night.explained(job))
    return found


class Night:
    """An archived run, its plan taken up by the solvers."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.problem = settled(problem_of(run.case, run.previous))
        plan = taken_up(self.problem, run.schedule)
        if plan is None:
            fault = Fault("plan.json", "does not fit case.json", "run noria replan again")
            raise InputError(str(run.folder), [fault])
        self.plan: Plan = plan
        self.chances = Chances(run)
        self.expected = {row.order: row for row in run.report.orders}
        self._without: dict[tuple[Cause, str], Plan | None] = {}

    def job(self, order: str) -> Job:
        return next(job for job in self.problem.jobs if job.order == order)

    def end(self, job: Job) -> float | None:
        return self.plan.end[job.ops[-1]] if self.plan.is_placed(job.index) else None

    def telling(self) -> list[Job]:
        """Late orders, then the least sure, then the dearest of the rest."""
        by_matter: dict[Matter, list[Job]] = defaultdict(list)
        for job in self.problem.jobs:
            by_matter[self.matter(job)].append(job)
        late = sorted(by_matter["late"], key=lambda j: -j.weight * self._late(j))
        unsure = sorted(by_matter["unsure"], key=lambda j: self._on_time(j).mean)
        return [*late, *unsure[:MOST_UNSURE], *by_matter["dear"]]

    def matter(self, job: Job) -> Matter:
        end = self.end(job)
        if end is None or end > job.due + 1e-6:
            return "late"
        expected = self.expected.get(job.order)
        if expected and expected.on_time and expected.on_time.mean < AT_RISK:
            return "unsure"
        return "dear" if job.order in self.dearest else "fine"

    @cached_property
    def dearest(self) -> frozenset[str]:
        return frozenset(dear_orders(self.plan, MOST_DEAR))

    def _late(self, job: Job) -> float:
        end = self.end(job)
        return (self.problem.end if end is None else end) - job.due

    def _on_time(self, job: Job) -> Estimate:
        found = self.expected[job.order].on_time
        assert found is not None
        return found

    # --- one order ---

    def explained(self, job: Job) -> Why:
        """Certain reasons first; causes are taken away only where these do not settle it."""
        end, matter = self.end(job), self.matter(job)
        earliest = earliest_end(self.problem, job.index)
        expected = self.expected.get(job.order)
        stretches = stretches_of(self.plan, job.index) if end is not None else []
        cause = self._certain(job, earliest) if matter == "late" else None
        is_certain = cause is not None
        removals: list[Removal] = []
        missed: list[str] = []
        if end is not None and not is_certain and matter in ("late", "unsure"):
            removals, missed = self._removals(job, end, stretches)
        chances = self.chances.of(job, self._units(job)) if matter == "unsure" else ()
        return Why(
            order=job.order,
            matter=matter,
            due=job.due,
            planned_end=end,
            late_h=None if end is None else (end - job.due) / 60,
            on_time=expected.on_time if expected else None,
            earliest_end=earliest,
            stretches=tuple(stretches),
            removals=tuple(removals),
            chances=tuple(chances),
            dear=dearness(self.plan, job.index) if end is not None else None,
            moved=tuple(self._moved(job.order)),
            cause=cause or _binding(matter, removals, chances),
            is_certain=is_certain,
            not_tried=tuple(missed),
        )

    def _certain(self, job: Job, earliest: float) -> Cause | None:
        """What makes it late in every plan: release, shifts, or the work itself."""
        if earliest <= job.due + 1e-6:
            return None
        if earliest_end(self.problem, job.index, release=False) <= job.due:
            return Cause("release")
        if earliest_end(self.problem, job.index, shifts=False) <= job.due:
            return Cause("calendar")
        return Cause("work")

    def _units(self, job: Job) -> list[str]:
        choices = [self.plan.choice[o] for o in job.ops]
        return list(dict.fromkeys(self.problem.units[c.unit].id for c in choices if c))

    def _removals(
        self, job: Job, end: float, stretches: Sequence[Stretch]
    ) -> tuple[list[Removal], list[str]]:
        """What may be taken away, one by one; nothing, where moving others alone is enough."""
        aim = job.due - (self._margin(job, end) if end <= job.due else 0.0)
        moved = alone_moved(self.plan, job.index)
        seed = f"why/{job.order}"
        given_way = soonest(self.plan, job.index, aim, seed)
        found = [
            self._removal(Cause("energy"), job, moved, end),
            self._removal(Cause("right_of_way"), job, given_way, moved.end),
        ]
        if given_way.end <= job.due < end:
            found[1] = self._priced(job, found[1], moved.end)
        missed = []
        if given_way.end > aim:
            first = soonest(self.plan, job.index, aim, seed, right=FIRST)
            found.append(self._removal(Cause("priority"), job, first, given_way.end))
        tried = self._candidates(job, stretches) if given_way.end > aim else []
        for cause in tried:
            plan = self._plan_without(cause, job.order)
            if plan is None:
                missed.append(f"{cause.kind} {cause.unit} {cause.task}".strip())
                continue
            then = soonest(plan, job.index, aim, seed)
            found.append(self._removal(cause, job, then, given_way.end))
        return sorted(found, key=lambda r: -r.sooner_h), missed

    def _removal(self, cause: Cause, job: Job, found: Found, end: float) -> Removal:
        is_same_night = found.plan.problem is self.problem
        return Removal(
            cause=cause,
            end=found.end,
            late_h=(found.end - job.due) / 60,
            sooner_h=(end - found.end) / 60,
            others_later_h=(found.others_late - others_late(self.plan, job.index)) / 60,
            dearer=Account(found.plan).value().total_cost - self.cost if is_same_night else None,
        )

    def _priced(self, job: Job, given_way: Removal, before: float) -> Removal:
        """The cheapest plan of a short search that has a late order done in time, if one is."""
        found = cheapest_in_time(self.plan, job, f"why/{job.order}/price")
        if found is None:
            return replace(given_way, dearer=None)
        return self._removal(given_way.cause, job, found, before)

    @cached_property
    def cost(self) -> float:
        """What the plan costs with its starts as they are [currency]."""
        return Account(self.plan).value().total_cost

    def _margin(self, job: Job, end: float) -> float:
        """How far the order runs behind its plan in one of ten replications [min]."""
        row = self.expected.get(job.order)
        if row is None or row.completion_p90 is None:
            return 0.0
        return max(row.completion_p90 - end, 0.0)

    def _candidates(self, job: Job, stretches: Iterable[Stretch]) -> list[Cause]:
        """What it meets on its way for a quarter of an hour or more, the longest first."""
        minutes: dict[Cause, float] = defaultdict(float)
        for s in stretches:
            if s.kind == "busy":
                minutes[Cause("capacity", s.unit)] += s.minutes
                minutes[Cause("setup", s.unit)] += 0.0
            elif s.kind == "setup":
                minutes[Cause("setup", s.unit)] += s.minutes
            elif s.kind == "maintenance":
                minutes[Cause("maintenance", s.unit, s.by)] += s.minutes
            elif s.kind == "closed":
                minutes[Cause("calendar", s.unit)] += s.minutes
        for cause in [c for c in minutes if c.kind == "setup"]:
            minutes[cause] += self._setups(cause.unit, stretches)
        if job.release > 0:
            minutes[Cause("release")] = job.release
        if self.problem.pins:
            minutes[Cause("frozen")] = self.problem.demands.freeze
        ranked = sorted(minutes, key=lambda c: -minutes[c])
        return [c for c in ranked if minutes[c] >= WORTH][:MOST_CAUSES]

    def _setups(self, unit: str, stretches: Iterable[Stretch]) -> float:
        """Setup time of the orders it waits for on a unit [min]."""
        orders = {s.by for s in stretches if s.kind == "busy" and s.unit == unit}
        m = self.problem.plant.unit_index[unit]
        return sum(
            self.plan.setup[ref]
            for _, _, ref in self.plan.items[m]
            if ref >= 0 and self.problem.jobs[self.problem.ops[ref].job].order in orders
        )

    def _plan_without(self, cause: Cause, order: str) -> Plan | None:
        key = (cause, order if cause.kind == "release" else "")
        if key not in self._without:
            case = without(cause, self.run.case, order)
            problem = settled(problem_of(case, plan_before(cause, self.run.previous)))
            self._without[key] = carried_over(problem, self.plan)
        return self._without[key]

    def _moved(self, order: str) -> Iterable[str]:
        moves: Mapping[str, Any] = self.run.extras.get("moves") or {}
        return (
            f"{m['operation']} from {m['before_unit']} to {m['unit']}: {m['words']}"
            for m in moves.get("moves", ())
            if m["order"] == order
        )


def _binding(
    matter: Matter, removals: Sequence[Removal], chances: Sequence[Chance]
) -> Cause | None:
    """The most helpful: to a late order hours, to an unsure one the chance of being on time."""
    if matter == "unsure" and chances and chances[0].gain.is_clear:
        return chances[0].cause
    helpful = [removal.cause for removal in removals if removal.sooner_h * 60 >= CLEAR]
    harmless = [cause for cause in helpful if cause.kind != "priority"]
    return next(iter(harmless or helpful), None)
