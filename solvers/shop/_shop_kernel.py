"""Tabu search for the job shop and the flexible job shop: one schedule, changed move by move.

This file is annotated Python; compiled by Cython it runs without the interpreter's lock, as it is
it gives the same results, slowly. It knows operations, machines and alternatives by number;
:mod:`solvers.shop.search` makes the tables and tells the runs apart.

The schedule is semi-active and stands as the disjunctive graph (Roy and Sussmann 1964): each
operation has a predecessor and a successor in its job and on its machine. ``done`` is the length of
the longest path to the end of an operation (its head and its time), ``rest`` that from its start to
the end of everything (its time and its tail). An operation is critical if done + rest - time is the
makespan.

A step traces one critical path drawn at random and judges by estimate (Balas and Vazacopoulos 1998)

* every move of neighbourhood N7 (Zhang, Li, Guan and Rao 2007): in a block of the path an operation
  goes behind the last or before the first one, or the first or last one goes inside;
* every critical operation on every other machine that can do it, between the places where it would
  wait only for its job (Mastrolilli and Gambardella 2000).

The best move that is not tabu is made, whatever it costs. A topological order is kept and mended
only between the old and the new place; heads are computed anew behind, tails before it.
"""

from __future__ import annotations

from array import array

from twin.simulation import _cython_shim as cython

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)

NO_ESTIMATE = cython.declare(cython.longlong, 4611686018427387904)
"""Above every makespan."""
SLOTS = cython.declare(cython.longlong, 65536)
SLOT_MASK = cython.declare(cython.ulonglong, 65535)
MASK_64 = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
MIX_ONE = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
MIX_OTHER = cython.declare(cython.ulonglong, 0xC2B2AE3D27D4EB4F)
MIX_MACHINE = cython.declare(cython.ulonglong, 0x165667B19E3779F9)
MIX_LAST = cython.declare(cython.ulonglong, 0xBF58476D1CE4E5B9)
DRAW = cython.declare(cython.ulonglong, 0x2545F4914F6CDD1D)

# Kinds of move
FORWARD = cython.declare(cython.longlong, 0)
BACKWARD = cython.declare(cython.longlong, 1)
REASSIGN = cython.declare(cython.longlong, 2)

# How a run ends
PATIENCE_OVER = cython.declare(cython.longlong, 0)
WORK_OVER = cython.declare(cython.longlong, 1)
STUCK = cython.declare(cython.longlong, 2)
TARGET_MET = cython.declare(cython.longlong, 3)
BROKEN = cython.declare(cython.longlong, -1)


@cython.inline
@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def arc(one: i64, other: i64, machine: i64) -> u64:
    """A number for one operation right before another on a machine; sums stand for sequences."""
    mixed: u64
    mixed = (cython.cast(u64, one + 1) * MIX_ONE) & MASK_64
    mixed = mixed ^ ((cython.cast(u64, other + 2) * MIX_OTHER) & MASK_64)
    mixed = (mixed + cython.cast(u64, machine) * MIX_MACHINE) & MASK_64
    mixed = ((mixed ^ (mixed >> 29)) * MIX_LAST) & MASK_64
    return mixed ^ (mixed >> 32)


@cython.cclass
class ShopSearch:
    """One search. Arrays of operations have two places more: the start and the end of a job."""

    # the shop
    operations: i64
    machines: i64
    tenure: i64
    start: i64
    end: i64
    job_before: i64[::1]
    job_after: i64[::1]
    last_of_job: i64[::1]
    choices_from: i64[::1]
    choice_machine: i64[::1]
    choice_time: i64[::1]
    queue_from: i64[::1]
    # the schedule
    choice: i64[::1]
    machine: i64[::1]
    time: i64[::1]
    queue: i64[::1]
    """Operations of each machine in their sequence, machine by machine, with room to spare."""
    length: i64[::1]
    position: i64[::1]
    before: i64[::1]
    after: i64[::1]
    order: i64[::1]
    rank: i64[::1]
    done: i64[::1]
    rest: i64[::1]
    makespan: i64
    # the best schedule of the run
    best: i64
    best_order: i64[::1]
    best_choice: i64[::1]
    # the search
    luck: u64
    steps: i64
    idle: i64
    work: i64
    sequence: u64[::1]
    """Of each machine a sum over neighbours, which stands for its sequence."""
    tabu_key: u64[::1]
    tabu_until: i64[::1]
    path: i64[::1]
    path_length: i64
    mark: i64[::1]
    marks: i64
    spare: i64[::1]
    spare_done: i64[::1]
    # moves judged in this step
    seen: i64
    found: i64
    estimate: i64
    ties: i64
    kind: i64
    mover: i64
    target: i64
    target_choice: i64
    any_kind: i64
    any_mover: i64
    any_target: i64
    any_choice: i64

    def __init__(
        self,
        job_before: i64[::1],
        job_after: i64[::1],
        last_of_job: i64[::1],
        choices_from: i64[::1],
        choice_machine: i64[::1],
        choice_time: i64[::1],
        queue_from: i64[::1],
        tenure: i64,
        seed: i64,
    ) -> None:
        count: i64 = len(choices_from) - 1
        self.operations = count
        self.machines = len(queue_from) - 1
        self.tenure = tenure
        self.start = count
        self.end = count + 1
        self.job_before = job_before
        self.job_after = job_after
        self.last_of_job = last_of_job
        self.choices_from = choices_from
        self.choice_machine = choice_machine
        self.choice_time = choice_time
        self.queue_from = queue_from
        self.choice = array("q", bytes(8 * (count + 2)))
        self.machine = array("q", bytes(8 * (count + 2)))
        self.time = array("q", bytes(8 * (count + 2)))
        self.queue = array("q", bytes(8 * (queue_from[self.machines] + 1)))
        self.length = array("q", bytes(8 * (self.machines + 1)))
        self.position = array("q", bytes(8 * (count + 2)))
        self.before = array("q", bytes(8 * (count + 2)))
        self.after = array("q", bytes(8 * (count + 2)))
        self.order = array("q", bytes(8 * (count + 2)))
        self.rank = array("q", bytes(8 * (count + 2)))
        self.done = array("q", bytes(8 * (count + 2)))
        self.rest = array("q", bytes(8 * (count + 2)))
        self.best_order = array("q", bytes(8 * (count + 2)))
        self.best_choice = array("q", bytes(8 * (count + 2)))
        self.sequence = array("Q", bytes(8 * (self.machines + 1)))
        self.tabu_key = array("Q", bytes(8 * SLOTS))
        self.tabu_until = array("q", bytes(8 * SLOTS))
        self.path = array("q", bytes(8 * (count + 2)))
        self.mark = array("q", bytes(8 * (count + 2)))
        self.spare = array("q", bytes(8 * (count + 2)))
        self.spare_done = array("q", bytes(8 * (count + 2)))
        self.marks = 0
        self.steps = 0
        self.work = 0
        self.best = NO_ESTIMATE
        self.luck = (cython.cast(u64, seed) * MIX_ONE + MIX_LAST) & MASK_64
        if self.luck == 0:
            self.luck = MIX_LAST

    # The doors ----------------------------------------------------------------------------

    def load(self, order: i64[::1], choice: i64[::1]) -> int:
        """Begin a run at this schedule and return its makespan.

        ``order`` lists the operations so that each comes behind its predecessors in its job and on
        its machine; ``choice`` gives the alternative of each operation.
        """
        k: i64
        t: i64
        x: i64
        for k in range(self.machines):
            self.length[k] = 0
        for t in range(self.operations):
            x = order[t]
            self.choice[x] = choice[x]
            self.machine[x] = self.choice_machine[choice[x]]
            self.time[x] = self.choice_time[choice[x]]
            self.order[t] = x
            self.rank[x] = t
            k = self.machine[x]
            self.position[x] = self.length[k]
            self.queue[self.queue_from[k] + self.length[k]] = x
            self.length[k] += 1
        self.rank[self.start] = -1
        self.rank[self.end] = self.operations
        for k in range(self.machines):
            for t in range(self.length[k]):
                self.link(k, t)
            self.sequence[k] = 0
            for t in range(self.length[k]):
                x = self.at(k, t)
                self.sequence[k] = (self.sequence[k] + arc(self.before[x], x, k)) & MASK_64
            if self.length[k] > 0:
                x = self.at(k, self.length[k] - 1)
                self.sequence[k] = (self.sequence[k] + arc(x, self.end, k)) & MASK_64
        self.heads(0)
        self.tails(self.operations - 1)
        self.measure()
        self.best = self.makespan
        self.keep()
        self.idle = 0
        self.steps += 1_000_000  # nothing is tabu any more
        return self.makespan

    def climb(self, patience: i64, work: i64, target: i64) -> int:
        """Search until so many steps in a row found nothing better, or so much work was done.

        ``work`` counts visits of operations and ends the call, not the run: the next call goes on.
        The run ends when its best makespan is at most ``target``.
        """
        code: i64 = WORK_OVER
        until: i64 = self.work + work
        with cython.nogil:
            while self.work < until:
                if self.best <= target:
                    code = TARGET_MET
                    break
                if self.idle >= patience:
                    code = PATIENCE_OVER
                    break
                code = self.step()
                if code != WORK_OVER:
                    break
        if code == BROKEN:
            raise RuntimeError("a move made a circle in the schedule")
        return code

    def best_makespan(self) -> int:
        """Makespan of the best schedule of the run."""
        return self.best

    def steps_idle(self) -> int:
        """Moves made without improvement since the best schedule was found."""
        return self.idle

    def copy_best(self, order: i64[::1], choice: i64[::1]) -> None:
        """Write the best schedule of the run into these arrays, as :meth:`load` takes it."""
        x: i64
        for x in range(self.operations):
            order[x] = self.best_order[x]
            choice[x] = self.best_choice[x]

    def copy_times(self, done: i64[::1], rest: i64[::1]) -> None:
        """Write done and rest of each operation of the present schedule into these arrays."""
        x: i64
        for x in range(self.operations):
            done[x] = self.done[x]
            rest[x] = self.rest[x]

    # The schedule -------------------------------------------------------------------------

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def at(self, machine: i64, place: i64) -> i64:
        return self.queue[self.queue_from[machine] + place]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def link(self, machine: i64, place: i64) -> cython.void:
        """Tell the operation at this place of a machine its neighbours."""
        x: i64 = self.at(machine, place)
        self.position[x] = place
        self.before[x] = self.at(machine, place - 1) if place > 0 else self.start
        self.after[x] = (
            self.at(machine, place + 1) if place + 1 < self.length[machine] else self.end
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def heads(self, first: i64) -> cython.void:
        """Compute ``done`` from this place of the order on."""
        t: i64
        x: i64
        by_job: i64
        by_machine: i64
        for t in range(first, self.operations):
            x = self.order[t]
            by_job = self.done[self.job_before[x]]
            by_machine = self.done[self.before[x]]
            self.done[x] = self.time[x] + (by_job if by_job > by_machine else by_machine)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def tails(self, last: i64) -> cython.void:
        """Compute ``rest`` from this place of the order back to the first."""
        t: i64
        x: i64
        by_job: i64
        by_machine: i64
        for t in range(last, -1, -1):
            x = self.order[t]
            by_job = self.rest[self.job_after[x]]
            by_machine = self.rest[self.after[x]]
            self.rest[x] = self.time[x] + (by_job if by_job > by_machine else by_machine)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def measure(self) -> cython.void:
        j: i64
        self.makespan = 0
        for j in range(self.last_of_job.shape[0]):
            if self.done[self.last_of_job[j]] > self.makespan:
                self.makespan = self.done[self.last_of_job[j]]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep(self) -> cython.void:
        t: i64
        self.best = self.makespan
        for t in range(self.operations):
            self.best_order[t] = self.order[t]
            self.best_choice[t] = self.choice[t]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw(self, below: i64) -> i64:
        """A whole number from 0 to below - 1 (xorshift*, Vigna 2016)."""
        self.luck = self.luck ^ (self.luck >> 12)
        self.luck = self.luck ^ ((self.luck << 25) & MASK_64)
        self.luck = self.luck ^ (self.luck >> 27)
        return cython.cast(i64, ((self.luck * DRAW) & MASK_64) >> 33) % below

    # Moves --------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def step(self) -> i64:
        """Make the best move that is not tabu, or any if all are; WORK_OVER if all went well."""
        self.trace()
        self.seen = 0
        self.found = 0
        self.estimate = NO_ESTIMATE
        self.judge_blocks()
        self.judge_machines()
        self.work += self.operations + 8 * self.seen
        if self.seen == 0:
            return STUCK
        if self.found == 0:
            self.kind = self.any_kind
            self.mover = self.any_mover
            self.target = self.any_target
            self.target_choice = self.any_choice
        self.steps += 1
        if self.make() == BROKEN:
            return BROKEN
        self.measure()
        self.idle += 1
        if self.makespan < self.best:
            self.keep()
            self.idle = 0
        return WORK_OVER

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def trace(self) -> cython.void:
        """Draw a critical path; it stands in ``path`` from its start on."""
        count: i64 = 0
        j: i64
        x: i64 = self.start
        y: i64
        z: i64
        head: i64
        for j in range(self.last_of_job.shape[0]):
            y = self.last_of_job[j]
            if self.done[y] == self.makespan:
                count += 1
                if count == 1 or self.draw(count) == 0:
                    x = y
        count = 0
        while x != self.start:
            self.spare[count] = x
            count += 1
            head = self.done[x] - self.time[x]
            y = self.job_before[x]
            z = self.before[x]
            if head == 0:
                x = self.start
            elif self.done[y] != head or y == self.start:
                x = z
            elif self.done[z] != head or z == self.start or z == y:
                x = y
            else:
                x = y if self.draw(2) == 0 else z
        for j in range(count):
            self.path[j] = self.spare[count - 1 - j]
        self.path_length = count

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_blocks(self) -> cython.void:
        """Judge neighbourhood N7 in each block of the path."""
        i: i64 = 0
        j: i64
        while i < self.path_length:
            j = i
            while j + 1 < self.path_length and self.after[self.path[j]] == self.path[j + 1]:
                j += 1
            if j > i:
                self.judge_block(self.path[i], self.path[j], i == 0, j == self.path_length - 1)
            i = j + 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_block(
        self, first: i64, last: i64, is_first: cython.bint, is_last: cython.bint
    ) -> cython.void:
        """Judge moves to the ends of a block and of its ends inside.

        In the first block of a path only its rear can shorten the path, in the last one its front.
        """
        k: i64 = self.machine[first]
        s: i64 = self.position[first]
        e: i64 = self.position[last]
        i: i64
        if not is_last:
            for i in range(s, e):
                self.judge_forward(k, i, e)
            for i in range(s if is_first else s + 1, e - 1):
                self.judge_backward(k, i, e)
        if not is_first:
            for i in range(s + 1, e + 1):
                if is_last or i - s > 1 or e - s > 1:
                    self.judge_backward(k, s, i)
            for i in range(s + 2, e + 1 if is_last else e):
                self.judge_forward(k, s, i)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_forward(self, k: i64, i: i64, j: i64) -> cython.void:
        """Judge the move of the operation at place i of machine k right behind that at j."""
        u: i64 = self.at(k, i)
        v: i64 = self.at(k, j)
        follower: i64 = self.job_after[u]
        w: i64
        x: i64
        by_job: i64
        length: i64 = 0
        at: i64
        if follower != self.end:
            # A path from the follower to v would be longer than v's own rest.
            if follower == v or self.rest[v] < self.rest[follower]:
                return
            if self.time[follower] == 0 and self.rest[v] == self.rest[follower]:
                return
        at = self.done[self.before[u]]
        for w in range(i + 1, j + 1):
            x = self.at(k, w)
            by_job = self.done[self.job_before[x]]
            at = (by_job if by_job > at else at) + self.time[x]
            self.spare_done[w - i] = at
        by_job = self.done[self.job_before[u]]
        at = (by_job if by_job > at else at) + self.time[u]
        self.spare_done[0] = at
        at = self.rest[self.after[v]]
        by_job = self.rest[follower]
        at = (by_job if by_job > at else at) + self.time[u]
        length = self.spare_done[0] + at - self.time[u]
        w = j
        while w > i and length <= self.estimate:
            x = self.at(k, w)
            by_job = self.rest[self.job_after[x]]
            at = (by_job if by_job > at else at) + self.time[x]
            if self.spare_done[w - i] + at - self.time[x] > length:
                length = self.spare_done[w - i] + at - self.time[x]
            w -= 1
        self.offer(length, FORWARD, u, v, -1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_backward(self, k: i64, i: i64, j: i64) -> cython.void:
        """Judge the move of the operation at place j of machine k right before that at i."""
        u: i64 = self.at(k, i)
        v: i64 = self.at(k, j)
        leader: i64 = self.job_before[v]
        w: i64
        x: i64
        by_job: i64
        length: i64 = 0
        at: i64
        if leader != self.start:
            if leader == u or self.done[u] < self.done[leader]:
                return
            if self.time[leader] == 0 and self.done[u] == self.done[leader]:
                return
        at = self.rest[self.after[v]]
        for w in range(j - 1, i - 1, -1):
            x = self.at(k, w)
            by_job = self.rest[self.job_after[x]]
            at = (by_job if by_job > at else at) + self.time[x]
            self.spare_done[j - w] = at
        by_job = self.rest[self.job_after[v]]
        at = (by_job if by_job > at else at) + self.time[v]
        self.spare_done[0] = at
        at = self.done[self.before[u]]
        by_job = self.done[leader]
        at = (by_job if by_job > at else at) + self.time[v]
        length = self.spare_done[0] + at - self.time[v]
        w = i
        while w < j and length <= self.estimate:
            x = self.at(k, w)
            by_job = self.done[self.job_before[x]]
            at = (by_job if by_job > at else at) + self.time[x]
            if self.spare_done[j - w] + at - self.time[x] > length:
                length = self.spare_done[j - w] + at - self.time[x]
            w += 1
        self.offer(length, BACKWARD, v, u, -1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_machines(self) -> cython.void:
        """Judge each operation of the path on each other machine that can do it."""
        i: i64
        c: i64
        x: i64
        for i in range(self.path_length):
            x = self.path[i]
            if self.choices_from[x + 1] - self.choices_from[x] > 1:
                for c in range(self.choices_from[x], self.choices_from[x + 1]):
                    if self.choice_machine[c] != self.machine[x]:
                        self.judge_machine(x, c)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_machine(self, x: i64, c: i64) -> cython.void:
        """Judge an operation by its alternative c, at each place that could be the best one.

        Behind what ends before its job arrives it only gains, and likewise before what needs less
        time to the end than its job does behind it; between the two each place is judged.
        """
        k: i64 = self.choice_machine[c]
        leader: i64 = self.job_before[x]
        follower: i64 = self.job_after[x]
        arrives: i64 = self.done[leader]
        needs: i64 = self.rest[follower]
        low: i64 = 0
        high: i64 = self.length[k]
        middle: i64
        place: i64
        last: i64
        y: i64
        at: i64
        to_end: i64
        while low < high:  # the first place whose operation ends after the job's arrival
            middle = (low + high) >> 1
            if self.done[self.at(k, middle)] <= arrives:
                low = middle + 1
            else:
                high = middle
        place = low
        last = self.length[k]
        if follower != self.end:
            # What starts before the follower ends cannot depend on it.
            low = 0
            high = last
            while low < high:
                middle = (low + high) >> 1
                y = self.at(k, middle)
                if self.done[y] - self.time[y] < self.done[follower]:
                    low = middle + 1
                else:
                    high = middle
            last = low
        if place > last:
            place = last
        if leader != self.start and place < self.length[k]:
            # What ends after the leader's start does not come before it.
            y = self.at(k, place)
            if self.done[y] <= arrives - self.time[leader]:
                return
        while place <= last:
            at = arrives
            if place > 0:
                y = self.at(k, place - 1)
                if self.done[y] > at:
                    at = self.done[y]
            to_end = needs
            if place < self.length[k]:
                y = self.at(k, place)
                if self.rest[y] > to_end:
                    to_end = self.rest[y]
            self.offer(at + self.choice_time[c] + to_end, REASSIGN, x, place, c)
            if to_end == needs:
                break
            place += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def offer(self, length: i64, kind: i64, mover: i64, target: i64, c: i64) -> cython.void:
        """Take note of a move: the shortest estimate that is not tabu, ties drawn, is made."""
        self.seen += 1
        if self.found == 0 and self.draw(self.seen) == 0:
            self.any_kind = kind
            self.any_mover = mover
            self.any_target = target
            self.any_choice = c
        if length > self.estimate:
            return
        if length >= self.best and self.is_tabu(kind, mover, target, c):
            return
        if length == self.estimate:
            self.ties += 1
            if self.draw(self.ties) != 0:
                return
        else:
            self.ties = 1
        self.found = 1
        self.estimate = length
        self.kind = kind
        self.mover = mover
        self.target = target
        self.target_choice = c

    # Memory -------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_tabu(self, kind: i64, mover: i64, target: i64, c: i64) -> cython.bint:
        """Whether a move brings back a machine's sequence, or an operation to it, left lately."""
        key: u64
        slot: i64
        if kind == REASSIGN:
            key = arc(mover, mover, self.choice_machine[c])
        else:
            key = self.sequence_after(kind, mover, target)
        slot = cython.cast(i64, key & SLOT_MASK)
        return self.tabu_until[slot] > self.steps and self.tabu_key[slot] == key

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def sequence_after(self, kind: i64, x: i64, target: i64) -> u64:
        """What stands for the machine's sequence once x is moved next to the target."""
        k: i64 = self.machine[x]
        key: u64 = self.sequence[k]
        y: i64
        key = (key - arc(self.before[x], x, k) - arc(x, self.after[x], k)) & MASK_64
        key = (key + arc(self.before[x], self.after[x], k)) & MASK_64
        if kind == FORWARD:
            y = self.after[target]
            key = (key - arc(target, y, k) + arc(target, x, k) + arc(x, y, k)) & MASK_64
        else:
            y = self.before[target]
            key = (key - arc(y, target, k) + arc(y, x, k) + arc(x, target, k)) & MASK_64
        return key

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def forbid(self, key: u64) -> cython.void:
        slot: i64 = cython.cast(i64, key & SLOT_MASK)
        self.tabu_key[slot] = key
        self.tabu_until[slot] = self.steps + self.tenure + self.draw(self.tenure)

    # Making a move ------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def make(self) -> i64:
        """Make the chosen move and mend order, heads and tails."""
        x: i64 = self.mover
        k: i64 = self.machine[x]
        if self.kind == REASSIGN:
            self.forbid(arc(x, x, k))
            self.take_out(x)
            self.put_in(x, self.target_choice, self.target)
        else:
            self.forbid(self.sequence[k])
            self.sequence[k] = self.sequence_after(self.kind, x, self.target)
            self.shift(x, self.position[self.target])
        return self.mend(x)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def shift(self, x: i64, place: i64) -> cython.void:
        """Set an operation to another place of its machine."""
        k: i64 = self.machine[x]
        base: i64 = self.queue_from[k]
        low: i64 = self.position[x]
        high: i64 = place
        w: i64
        if low < place:
            for w in range(low, place):
                self.queue[base + w] = self.queue[base + w + 1]
        else:
            high = low
            low = place
            for w in range(high, place, -1):
                self.queue[base + w] = self.queue[base + w - 1]
        self.queue[base + place] = x
        if low > 0:
            low -= 1
        if high + 1 < self.length[k]:
            high += 1
        for w in range(low, high + 1):
            self.link(k, w)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take_out(self, x: i64) -> cython.void:
        k: i64 = self.machine[x]
        base: i64 = self.queue_from[k]
        key: u64 = self.sequence[k] + arc(self.before[x], self.after[x], k)
        w: i64
        self.sequence[k] = (key - arc(self.before[x], x, k) - arc(x, self.after[x], k)) & MASK_64
        self.length[k] -= 1
        for w in range(self.position[x], self.length[k]):
            self.queue[base + w] = self.queue[base + w + 1]
            self.position[self.queue[base + w]] = w
        if self.position[x] > 0:
            self.link(k, self.position[x] - 1)
        if self.position[x] < self.length[k]:
            self.link(k, self.position[x])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def put_in(self, x: i64, c: i64, place: i64) -> cython.void:
        k: i64 = self.choice_machine[c]
        base: i64 = self.queue_from[k]
        key: u64 = self.sequence[k]
        w: i64
        for w in range(self.length[k], place, -1):
            self.queue[base + w] = self.queue[base + w - 1]
            self.position[self.queue[base + w]] = w
        self.queue[base + place] = x
        self.length[k] += 1
        self.choice[x] = c
        self.machine[x] = k
        self.time[x] = self.choice_time[c]
        self.link(k, place)
        if place > 0:
            self.link(k, place - 1)
        if place + 1 < self.length[k]:
            self.link(k, place + 1)
        key = (key + arc(self.before[x], x, k) + arc(x, self.after[x], k)) & MASK_64
        self.sequence[k] = (key - arc(self.before[x], self.after[x], k)) & MASK_64

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def mend(self, x: i64) -> i64:
        """Set the moved operation behind its predecessors and before its successors in the order.

        Between its highest predecessor and its lowest successor, and its own old place, what
        follows from it is set behind it. A predecessor among these would close a circle.
        """
        low: i64 = self.rank[self.job_after[x]]
        high: i64 = self.rank[self.job_before[x]]
        t: i64
        y: i64
        kept: i64
        moved: i64 = 0
        if self.rank[self.after[x]] < low:
            low = self.rank[self.after[x]]
        if self.rank[self.before[x]] > high:
            high = self.rank[self.before[x]]
        if self.rank[x] < low:
            low = self.rank[x]
        if self.rank[x] > high:
            high = self.rank[x]
        self.marks += 1
        self.mark[x] = self.marks
        kept = low
        for t in range(low, high + 1):
            y = self.order[t]
            if y == x:
                continue
            if (
                self.mark[self.job_before[y]] == self.marks
                or self.mark[self.before[y]] == self.marks
            ):
                self.mark[y] = self.marks
                self.spare[moved] = y
                moved += 1
            else:
                self.order[kept] = y
                self.rank[y] = kept
                kept += 1
        if self.mark[self.job_before[x]] == self.marks or self.mark[self.before[x]] == self.marks:
            return BROKEN
        self.order[kept] = x
        self.rank[x] = kept
        for t in range(moved):
            kept += 1
            self.order[kept] = self.spare[t]
            self.rank[self.spare[t]] = kept
        self.heads(low)
        self.tails(high)
        return WORK_OVER
