"""A plan under construction: every work unit's items in time order, and where a new one fits.

An *item* is an operation with its setup (one block, from the first minute of setup to the last of
work) or one maintenance task. Blocks start on whole minutes; a setup waits for its batch. Work
units that warm up are kept warm or switched off between items later, gap by gap; here it only
matters that one of the two is possible.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, inf

from solvers.problem import Choice, Pin, Problem
from twin.errors import Infeasible

Item = tuple[float, float, int]
"""Start, end, and the operation's index or the complement ``~i`` of a maintenance task's."""


@dataclass(slots=True)
class Fit:
    """A place for an operation on a unit."""

    choice: Choice
    position: int
    start: float
    work: float
    """First minute of work, after the setup."""
    end: float
    setup: float
    """Setup time [min]."""
    follower: int = -1
    """Operation whose setup changes because of it; −1 for none."""
    follower_start: float = 0.0
    follower_setup: float = 0.0


@dataclass(slots=True)
class Wait:
    """A batch that waits in the buffer before an operation."""

    begin: float
    end: float
    kg: float
    job: int
    is_given: bool
    """Waits at minute 0, or comes from an operation that is running then."""


def _no_time_left(problem: Problem, op: int) -> Infeasible:
    row = problem.ops[op]
    unit = problem.units[row.choices[0].unit]
    return Infeasible(
        f"replan: order {problem.jobs[row.job].order} runs on {unit.id}, needs "
        f"{row.choices[0].minutes / 60:.1f} h more, and {unit.id} has no such open time left in "
        "the horizon; lengthen the horizon or correct the shop state"
    )


class Plan:
    """Where and when everything is, as lists that the search changes in place."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        n = len(problem.ops)
        self.items: list[list[Item]] = [[] for _ in problem.units]
        self.choice: list[Choice | None] = [None] * n
        self.start = [0.0] * n
        """First minute of setup."""
        self.setup = [0.0] * n
        """Setup time [min]."""
        self.work = [0.0] * n
        self.end = [0.0] * n
        self.pm_start = [inf] * len(problem.pms)
        self.waits: list[list[Wait]] = [[] for _ in problem.plant.operation_ids]
        self._pin_running()
        self._hold_begun()
        for pin in problem.pins:
            self.put_pin(pin)

    def copy(self) -> Plan:
        twin = Plan.__new__(Plan)
        twin.problem = self.problem
        twin.items = [items.copy() for items in self.items]
        twin.choice = self.choice.copy()
        twin.start, twin.work, twin.end = self.start.copy(), self.work.copy(), self.end.copy()
        twin.setup = self.setup.copy()
        twin.pm_start = self.pm_start.copy()
        twin.waits = [waits.copy() for waits in self.waits]
        return twin

    def _pin_running(self) -> None:
        """Operations that run at minute 0 go on where they are, first of all."""
        for op in self.problem.ops:
            if not op.is_running:
                continue
            choice = op.choices[0]
            shift = self.problem.shifts[self.problem.units[choice.unit].shift]
            items = self.items[choice.unit]
            begin = shift.next_open(self.free_from(choice.unit, len(items)))
            end = shift.end_of(begin, choice.minutes)
            if end == inf:
                raise _no_time_left(self.problem, op.index)
            self.choice[op.index] = choice
            self.start[op.index] = self.work[op.index] = begin
            self.end[op.index] = end
            items.append((begin, end, op.index))

    def put_pin(self, pin: Pin) -> None:
        """Put what is frozen in its place, behind all that its unit has."""
        if pin.choice is None:
            unit = self.problem.pm_unit[~pin.ref]
            self.pm_start[~pin.ref] = pin.start
        else:
            unit, op = pin.choice.unit, pin.ref
            self.choice[op], self.setup[op] = pin.choice, pin.setup
            self.start[op], self.work[op], self.end[op] = pin.start, pin.work, pin.end
            self.add_wait(op)
        self.items[unit].append((pin.start, pin.end, pin.ref))

    def is_placed(self, job: int) -> bool:
        return all(self.choice[o] is not None for o in self.problem.jobs[job].ops)

    def unplaced(self) -> tuple[int, ...]:
        return tuple(j.index for j in self.problem.jobs if not self.is_placed(j.index))

    # --- what stands where ---

    def key_before(self, unit: int, position: int) -> int:
        """Setup key of a unit just before an item of its list."""
        items = self.items[unit]
        for i in range(position - 1, -1, -1):
            if items[i][2] >= 0:
                choice = self.choice[items[i][2]]
                assert choice is not None
                return choice.key
        return self.problem.units[unit].first_key

    def next_op(self, unit: int, position: int) -> int:
        """Position of the first operation at or after ``position``; −1 for none."""
        items = self.items[unit]
        for i in range(position, len(items)):
            if items[i][2] >= 0:
                return i
        return -1

    def is_warm(self, unit: int, position: int) -> bool:
        """Whether a unit can have been kept warm up to an item of its list."""
        found = self.problem.units[unit]
        if found.is_on or found.startup <= 0:
            return True
        return any(self.items[unit][i][2] >= 0 for i in range(position))

    def free_from(self, unit: int, position: int) -> float:
        """Earliest start of a block at a position, warm-up from cold included."""
        items = self.items[unit]
        found = self.problem.units[unit]
        begin = items[position - 1][1] if position else found.ready
        return begin if self.is_warm(unit, position) else begin + found.startup

    def available(self, op: int) -> float:
        """When the batch is there: end of its operation before, or its release."""
        row = self.problem.ops[op]
        job = self.problem.jobs[row.job]
        if row.step == 0:
            return job.release
        return max(job.release, self.end[job.ops[row.step - 1]])

    # --- where an operation fits ---

    def fit(self, choice: Choice, position: int, earliest: float) -> Fit | None:
        """The first block at a position of a unit's list that starts at or after ``earliest``."""
        m = choice.unit
        items = self.items[m]
        unit = self.problem.units[m]
        shift = self.problem.shifts[unit.shift]
        before = self.key_before(m, position)
        setup = unit.setup_minutes[before][choice.key]
        start = shift.next_open(max(earliest, self.free_from(m, position)))
        if start == inf:
            return None
        start = shift.next_open(float(ceil(start)))
        end = shift.end_of(start, setup + choice.minutes)
        if end == inf:
            return None
        work = start if setup <= 0 else shift.next_open(shift.end_of(start, setup))
        fit = Fit(choice, position, start, work, end, setup)
        if position == len(items):
            return fit
        return fit if self._follows(fit, before) else None

    def _follows(self, fit: Fit, before: int) -> bool:
        """Whether the items behind a new block can stay; sets the follower whose setup changes."""
        m, position = fit.choice.unit, fit.position
        items = self.items[m]
        if fit.end > items[position][0] and items[position][2] < 0:
            return False
        at = self.next_op(m, position)
        if at < 0:
            return True
        op = items[at][2]
        choice = self.choice[op]
        assert choice is not None
        unit = self.problem.units[m]
        now, then = (
            unit.setup_minutes[before][choice.key],
            unit.setup_minutes[fit.choice.key][choice.key],
        )
        if now == then:
            return fit.end <= items[position][0]
        begin = self._begin_for(m, op, then)
        lowest = fit.end if at == position else items[at - 1][1]
        if begin < max(lowest, self.available(op)):
            return False
        fit.follower, fit.follower_start, fit.follower_setup = op, begin, then
        return True

    def _begin_for(self, unit: int, op: int, setup: float) -> float:
        """Latest start of a block whose work stays where it is, for another setup time."""
        return self.begin_for(unit, self.work[op], setup)

    def begin_for(self, unit: int, work: float, setup: float) -> float:
        """Latest start of a setup that is done when work begins."""
        if setup <= 0:
            return work
        return self.problem.shifts[self.problem.units[unit].shift].latest_start(work, setup)

    def positions(self, unit: int, earliest: float, minutes: float) -> Iterator[int]:
        """Positions of a unit's list with room for ``minutes`` that begin at or after ``earliest``.

        A quick sieve: setups and shifts are not looked at.
        """
        items = self.items[unit]
        first = bisect_left(items, (earliest,))
        while first > 0 and items[first - 1][1] > earliest:
            first -= 1
        first = max(first, 1 if items and self._is_running(items[0]) else 0)
        begin = max(earliest, items[first - 1][1]) if first else earliest
        for position in range(first, len(items)):
            start, end, _ = items[position]
            if start - begin >= minutes:
                yield position
            if end > begin:
                begin = end
        yield len(items)

    def _is_running(self, item: Item) -> bool:
        return item[2] >= 0 and self.problem.ops[item[2]].is_running

    # --- changes ---

    def insert(self, op: int, fit: Fit) -> None:
        """Put an operation where it fits."""
        m = fit.choice.unit
        self.items[m].insert(fit.position, (fit.start, fit.end, op))
        self.choice[op] = fit.choice
        self.start[op], self.work[op], self.end[op] = fit.start, fit.work, fit.end
        self.setup[op] = fit.setup
        if fit.follower >= 0:
            self._restart(m, fit.follower, fit.follower_start, fit.follower_setup)

    def remove(self, op: int) -> int:
        """Take an operation out; its unit, which is to be mended, comes back."""
        choice = self.choice[op]
        assert choice is not None
        self.items[choice.unit].remove((self.start[op], self.end[op], op))
        self.choice[op] = None
        return choice.unit

    def mend(self, m: int) -> list[int]:
        """Give every operation of a unit the setup it needs now; those that have no time for it."""
        unit = self.problem.units[m]
        key, is_first = unit.first_key, True
        late = []
        for at, (start, _, op) in enumerate(self.items[m]):
            choice = self.choice[op] if op >= 0 else None
            if choice is None:
                continue
            setup = unit.setup_minutes[key][choice.key]
            key = choice.key
            if self.problem.ops[op].is_running:
                late += [op] if at else []
            elif setup != self.setup[op]:
                begin = self._begin_for(m, op, setup)
                if begin < max(self.free_from(m, at), self.available(op)):
                    late.append(op)
                else:
                    self._restart(m, op, begin, setup)
            elif is_first and start < self.free_from(m, at):
                late.append(op)
            is_first = False
        return late

    def _restart(self, unit: int, op: int, begin: float, setup: float) -> None:
        """Change the setup of a block whose work stays where it is."""
        items = self.items[unit]
        items[items.index((self.start[op], self.end[op], op))] = (begin, self.end[op], op)
        self.start[op], self.setup[op] = begin, setup

    # --- buffers ---

    def _hold_begun(self) -> None:
        """A batch that is there already takes its room until its next operation has a place."""
        for job in self.problem.jobs:
            for op in job.ops[:2]:
                self.drop_wait(op)

    def add_wait(self, op: int) -> None:
        """Note the wait of a placed operation's batch in the buffer before it."""
        self._note(op, self.wait_of(op, self.work[op]))

    def drop_wait(self, op: int) -> None:
        """Forget the wait before an operation that has no place; a batch already there stays."""
        row = self.problem.ops[op]
        job = self.problem.jobs[row.job]
        is_there = (
            job.is_waiting if row.step == 0 else self.problem.ops[job.ops[row.step - 1]].is_running
        )
        self._note(op, self.wait_of(op, self.problem.end) if is_there else None)

    def _note(self, op: int, wait: Wait | None) -> None:
        row = self.problem.ops[op]
        if row.buffer_kg == inf:
            return
        waits = [w for w in self.waits[row.operation] if w.job != row.job]
        if wait is not None and wait.end > wait.begin:
            waits.append(wait)
        self.waits[row.operation] = waits

    def wait_of(self, op: int, until: float) -> Wait | None:
        """The wait of a batch until the work of an operation starts, if room for it is limited."""
        row = self.problem.ops[op]
        job = self.problem.jobs[row.job]
        if row.buffer_kg == inf or row.is_running:
            return None
        if row.step == 0:
            return Wait(0.0, until, job.kg, row.job, True) if job.is_waiting else None
        before = job.ops[row.step - 1]
        return Wait(self.end[before], until, job.kg, row.job, self.problem.ops[before].is_running)

    def has_room(self, op: int, wait: Wait) -> bool:
        """Whether the buffer holds a batch more for as long as it would wait.

        A batch may wait alone whatever it weighs. Batches that wait at minute 0, or run then, may
        meet: no plan could keep them apart.
        """
        row = self.problem.ops[op]
        others = [
            w for w in self.waits[row.operation]
            if w.begin < wait.end and w.end > wait.begin and w.job != wait.job
        ]  # fmt: skip
        if not others or sum(w.kg for w in others) + wait.kg <= row.buffer_kg:
            return True
        arrivals = {
            t for t in (wait.begin, *(w.begin for w in others)) if t >= wait.begin and t > 0
        }
        return all(self._holds(row.buffer_kg, wait, others, t) for t in sorted(arrivals))

    @staticmethod
    def _holds(capacity: float, wait: Wait, others: list[Wait], minute: float) -> bool:
        here = [w for w in others if w.begin <= minute < w.end]
        is_given = wait.is_given and all(w.is_given for w in here)
        return not here or is_given or sum(w.kg for w in here) + wait.kg <= capacity

    def room_from(self, op: int, wait: Wait) -> float:
        """Earliest begin of a wait that ends at ``wait.end`` and finds room throughout."""
        ends = sorted(
            w.end for w in self.waits[self.problem.ops[op].operation] if w.end > wait.begin
        )
        for begin in ends:
            if begin >= wait.end:
                break
            if self.has_room(op, replace(wait, begin=begin)):
                return begin
        return wait.end

    def note_waits(self) -> None:
        """Note all waits anew, after starts were changed from outside."""
        for job in self.problem.jobs:
            for op in job.ops:
                if self.choice[op] is None:
                    self.drop_wait(op)
                else:
                    self.add_wait(op)

    def overfull(self) -> list[tuple[int, float]]:
        """Operations and minutes at which a batch arrives at their buffer without room for it."""
        found = []
        for operation, waits in enumerate(self.waits):
            limit = self.problem.plant.plant.operations[operation].buffer_kg or inf
            for arriving in sorted(waits, key=lambda w: (w.begin, w.job)):
                at = arriving.begin
                others = [w for w in waits if w.begin <= at < w.end and w.job != arriving.job]
                if at > 0 and not self._holds(limit, arriving, others, at):
                    found.append((operation, at))
        return found
