"""A stretch of a plan whose start times are open: sequences and units stay, starts may move.

Operations and maintenance tasks inside the window may start at their present minute, a whole
number of slots earlier or later, or at a change of price; everything else stands still. With the
present minute as the origin of the grid, blocks that touch can move together, and the present plan
is a solution.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from solvers.account import MOVED_MINUTES, Account, lateness_cost
from solvers.constructive import next_free
from solvers.plan import Plan
from solvers.problem import Problem
from solvers.states import Gap, Stretch, block, gaps, stretches
from twin.behaviour.renewals import expected_failures
from twin.model.horizon import Array

Slots = dict[int, float]
"""Energy [kWh], or minutes, by slot."""


@dataclass
class Piece:
    """An operation or task whose start is open, with its possible starts in time order."""

    ref: int
    unit: int
    starts: list[float]
    works: list[float]
    ends: list[float]
    costs: list[float]
    """What each start costs beside energy [currency]."""
    energy: list[Slots]
    """Above off power."""

    def last_ended(self, minute: float) -> int:
        """Last candidate that has ended by a minute; −1 for none."""
        return bisect_right(self.ends, minute + 1e-9) - 1

    def last_started(self, minute: float) -> int:
        return bisect_right(self.starts, minute + 1e-9) - 1

    def last_working(self, minute: float) -> int:
        return bisect_right(self.works, minute + 1e-9) - 1


@dataclass(frozen=True)
class Edge:
    """An end of an idle stretch: of a piece, or at a fixed minute."""

    piece: int = -1
    minute: float = 0.0


@dataclass(frozen=True)
class LiveGap:
    """Idle time of a unit that warms up, with an open end or two."""

    unit: int
    op: int
    stretches: tuple[tuple[Edge, Edge], ...]
    can_stay: bool
    can_switch: bool


@dataclass
class Window:
    """The open pieces of a plan between two minutes, and what ties them together."""

    account: Account
    begin: float
    end: float
    reach: float
    """How far a start may move [min]."""
    pieces: list[Piece] = field(default_factory=list)
    index: dict[int, int] = field(default_factory=dict)
    """Piece of an operation, or of the complement of a task."""

    def __post_init__(self) -> None:
        for m, items in enumerate(self.plan.items):
            for _, _, ref in items:
                if ref not in self._open:
                    continue
                piece = self._piece(m, ref, *self._room(m, ref))
                if len(piece.starts) > 1:
                    self.index[ref] = len(self.pieces)
                    self.pieces.append(piece)

    @property
    def plan(self) -> Plan:
        return self.account.plan

    @property
    def problem(self) -> Problem:
        return self.account.problem

    def span(self, ref: int) -> tuple[float, float]:
        """Present start and end of an operation or task."""
        if ref >= 0:
            return self.plan.start[ref], self.plan.end[ref]
        start = self.plan.pm_start[~ref]
        return start, start + self.problem.pms[~ref].task.duration

    @cached_property
    def _open(self) -> set[int]:
        """What may move; of the tasks on one unit only the first, for their costs are tied."""
        found: set[int] = set()
        for items in self.plan.items:
            tasks = 0
            for start, end, ref in items:
                tasks += ref < 0
                is_inside = start >= self.begin and end <= self.end
                is_bound = (
                    self.problem.ops[ref].is_bound
                    if ref >= 0
                    else ~ref in self.problem.frozen_tasks
                )
                if is_inside and not is_bound and not (ref < 0 and tasks > 1):
                    found.add(ref)
        return found

    def _room(self, m: int, ref: int) -> tuple[float, float]:
        """Earliest start and latest end that what stands still leaves to an item."""
        start, end = self.span(ref)
        low, high = max(self.begin, start - self.reach), min(self.end, end + self.reach)
        unit = self.problem.units[m]
        low = max(low, unit.ready)
        items = self.plan.items[m]
        at = items.index((start, end, ref))
        fixed_before = next((i for i in reversed(items[:at]) if i[2] not in self._open), None)
        fixed_after = next((i for i in items[at + 1 :] if i[2] not in self._open), None)
        low = max(low, fixed_before[1]) if fixed_before else low
        high = min(high, fixed_after[0]) if fixed_after else high
        if ref >= 0:
            low = max(low, self._ready(ref))
            high = min(high, self._needed(ref))
        return low, high

    def _ready(self, op: int) -> float:
        """When the batch is there at the earliest, from what stands still."""
        row = self.problem.ops[op]
        job = self.problem.jobs[row.job]
        before = job.ops[row.step - 1] if row.step else -1
        if before >= 0 and before not in self._open:
            return max(job.release, self.plan.end[before])
        return job.release

    def _needed(self, op: int) -> float:
        """When the batch has to be done for the next operation, if that stands still."""
        row = self.problem.ops[op]
        ops = self.problem.jobs[row.job].ops
        after = ops[row.step + 1] if row.step + 1 < len(ops) else -1
        if after >= 0 and self.plan.choice[after] is not None and after not in self._open:
            return self.plan.start[after]
        return self.problem.end

    # --- candidates ---

    def _piece(self, m: int, ref: int, low: float, high: float) -> Piece:
        start, _ = self.span(ref)
        piece = Piece(ref, m, [], [], [], [], [])
        for t in self._grid(start, low, high):
            row = self._operation(m, ref, t) if ref >= 0 else self._task(ref, t)
            is_now = t == start
            if row is None or not (is_now or (low <= t and row[1] <= high)):
                continue
            if piece.ends and row[1] <= piece.ends[-1] and row[0] <= piece.works[-1]:
                continue
            work, end, found, cost = row
            piece.starts.append(t)
            piece.works.append(work)
            piece.ends.append(end)
            piece.costs.append(cost)
            piece.energy.append(self.slot_energy(m, found))
        return piece

    def _grid(self, start: float, low: float, high: float) -> list[float]:
        slot = float(self.problem.horizon.slot_minutes)
        first = start - slot * int(max(start - low, 0.0) // slot)
        regular = np.arange(first, high, slot).tolist()
        changes = [t for t in self._price_changes if low <= t < high]
        return sorted({start, *regular, *changes})

    @cached_property
    def _price_changes(self) -> list[float]:
        changed = np.flatnonzero(np.diff(self.problem.energy_rate)) + 1
        return [float(i * self.problem.horizon.slot_minutes) for i in changed]

    def _operation(
        self, m: int, op: int, start: float
    ) -> tuple[float, float, list[Stretch], float] | None:
        """First minute of work, end, stretches and cost of an operation started at ``start``."""
        unit = self.problem.units[m]
        shift = self.problem.shifts[unit.shift]
        choice = self.plan.choice[op]
        assert choice is not None
        setup = self.plan.setup[op]
        if shift.next_open(start) != start:
            return None
        end = shift.end_of(start, setup + choice.minutes)
        if end > self.problem.end:
            return None
        work = start if setup <= 0 else shift.next_open(shift.end_of(start, setup))
        return (
            work,
            end,
            block(self.problem, m, op, start, work, end, setup),
            self._cost(m, op, work, end),
        )

    def _cost(self, m: int, op: int, work: float, end: float) -> float:
        """Tardiness if the order ends here, and the charge for moving against the last plan."""
        row = self.problem.ops[op]
        job = self.problem.jobs[row.job]
        costs = self.problem.plant.plant.costs
        cost = 0.0
        if op == job.ops[-1]:
            cost += lateness_cost(self.problem, job, end)
        if row.planned and (m != row.planned[0] or abs(work - row.planned[1]) > MOVED_MINUTES):
            cost += costs.moved_operation
        return cost

    def _task(self, ref: int, start: float) -> tuple[float, float, list[Stretch], float] | None:
        due = self.problem.pms[~ref]
        end = start + due.task.duration
        m = self.problem.pm_unit[~ref]
        if not due.earliest <= start <= due.latest or not self._crew_is_free(~ref, start):
            return None
        found: list[Stretch] = [(start, end, "maintenance", ref)]
        return start, end, found, due.cost_at(start) + self._calendar_wear(m, ref, end)

    def _crew_is_free(self, pm: int, start: float) -> bool:
        """Whether the crew is on shift and what stands still leaves it someone."""
        return next_free(self._standing, pm, start) <= start

    @cached_property
    def _standing(self) -> Plan:
        """The plan without what may move."""
        rest = self.plan.copy()
        for m, items in enumerate(rest.items):
            rest.items[m] = [i for i in items if i[2] not in self._open]
        for i in range(len(self.problem.pms)):
            if ~i in self._open:
                rest.pm_start[i] = float("inf")
        return rest

    def standing_tasks(self, crew: str, minute: float) -> int:
        """Tasks of a crew under way at a minute among those that stand still."""
        return sum(
            ~i not in self.index and due.task.crew == crew and t <= minute < t + due.task.duration
            for i, (t, due) in enumerate(zip(self.plan.pm_start, self.problem.pms, strict=True))
        )

    def _calendar_wear(self, m: int, ref: int, end: float) -> float:
        """Expected failure cost of modes that age by the calendar, if a task ends at ``end``."""
        total = 0.0
        for mode in self.problem.units[m].modes:
            if mode.is_operating or self.problem.pms[~ref].task.id not in mode.renewed_by:
                continue
            others = [
                stop
                for _, stop, r in self.plan.items[m]
                if r < 0 and r != ref and self.problem.pms[~r].task.id in mode.renewed_by
            ]
            bounds = [0.0, *sorted([*others, end]), self.problem.end]
            for n, (a, b) in enumerate(pairwise(bounds)):
                age = 0.0 if n else mode.age
                total += mode.mode.cost * expected_failures(mode.mode.time_to_failure, age, b - a)
        return total

    # --- energy ---

    def slot_energy(self, m: int, found: list[Stretch]) -> Slots:
        """Energy of stretches above the unit's off power, by slot."""
        power = self.account.power_of(m)
        energy: Slots = {}
        for start, end, kind, _ in found:
            for t, minutes in self.minutes_in(start, end).items():
                energy[t] = energy.get(t, 0.0) + power[kind] * minutes / 60
        return energy

    def minutes_in(self, begin: float, end: float) -> Slots:
        """Minutes of a stretch by slot; negative if it ends before it begins."""
        if end < begin:
            return {t: -v for t, v in self.minutes_in(end, begin).items()}
        slot = self.problem.horizon.slot_minutes
        found: Slots = {}
        t = int(begin // slot)
        while t * slot < end - 1e-9 and t < self.problem.horizon.slots:
            found[t] = min(end, (t + 1) * slot) - max(begin, t * slot)
            t += 1
        return found

    @cached_property
    def live_gaps(self) -> list[LiveGap]:
        found = []
        for unit in self.problem.units:
            if unit.startup > 0:
                for gap in gaps(self.plan, unit.index):
                    live = self._live(unit.index, gap)
                    if live:
                        found.append(live)
        return found

    def _live(self, m: int, gap: Gap) -> LiveGap | None:
        ends = {end: ref for _, end, ref in self.plan.items[m]}
        begins = {start: ref for start, _, ref in self.plan.items[m]}
        rows = tuple(
            (self._edge(ends.get(a), a), self._edge(begins.get(b), b)) for a, b in gap.free
        )
        if all(e.piece < 0 for row in rows for e in row):
            return None
        left, right = rows[-1]
        longest = self._latest(right) - self._earliest(left)
        startup = self.problem.units[m].startup
        return LiveGap(m, gap.op, rows, gap.can_stay, longest >= startup)

    def _edge(self, ref: int | None, minute: float) -> Edge:
        return Edge(self.index.get(ref, -1) if ref is not None else -1, minute)

    def _latest(self, edge: Edge) -> float:
        return self.pieces[edge.piece].starts[-1] if edge.piece >= 0 else edge.minute

    def _earliest(self, edge: Edge) -> float:
        return self.pieces[edge.piece].ends[0] if edge.piece >= 0 else edge.minute

    def fixed_net(self) -> Array:
        """Energy in each slot of all that stands still, less own generation, (T,) [kWh]."""
        bill = self.account.bill
        net = np.array(bill.floor - bill.generation, dtype=float)
        live = {gap.op for gap in self.live_gaps}
        for m in range(len(self.problem.units)):
            found = [
                s
                for s in stretches(self.plan, m, self.account.decide)
                if s[3] not in self.index and not self._is_live(s, live)
            ]
            for t, kwh in self.slot_energy(m, found).items():
                net[t] += kwh
        return net

    def _is_live(self, stretch: Stretch, live: set[int]) -> bool:
        _, end, kind, op = stretch
        return kind in ("startup", "standby") and op in live and end <= self.plan.start[op] + 1e-9
