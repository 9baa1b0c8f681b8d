"""Where every job is: waiting for an operation, in what room, on its way, or complete."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Protocol

from twin.behaviour.dispatching import DispatchingRule, EarliestDueDate, FirstInFirstOut
from twin.errors import NoriaError
from twin.model.compiled import COMPLETE, SCRAP
from twin.model.snapshot import JobSnapshot
from twin.simulation.clock import minutes
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job
from twin.simulation.locks import units_can_follow_themselves
from twin.simulation.stocks import Stock
from twin.simulation.transports import Transport, Vehicle

_BY_COMING = attrgetter("came")
_RANKS = {FirstInFirstOut: _BY_COMING, EarliestDueDate: attrgetter("due")}
"""Rules that rank a job the same for all units and at all times: its queue stands in this order."""


class Room:
    """The places before one operation, and the jobs that hold one or wait for one.

    Room is counted by the pieces launched, in whole milligrams, or by jobs. By mass, one job
    always fits where there is nothing.
    """

    def __init__(self, floor: Floor, operation: int) -> None:
        facts = floor.plant.plant.operations[operation]
        self._floor = floor
        self._jobs = facts.buffer_jobs
        self._mg = None if facts.buffer_kg is None else round_mg(facts.buffer_kg * 1e6)
        self._used_mg = 0
        self._held = floor.tally.places[operation]
        self.asking: deque[Job] = deque()
        """Jobs that wait here but stay on the unit before, which is blocked, in their order."""

    def has_place(self, job: Job) -> bool:
        if self._jobs is not None and self._held.value >= self._jobs:
            return False
        if self._mg is None or self._held.value == 0:
            return True
        return self._used_mg + job.mass_mg <= self._mg

    def enter(self, job: Job) -> None:
        job.has_place = True
        self._used_mg += job.mass_mg
        self._held.change(1, self._floor.now)

    def leave(self, job: Job) -> None:
        job.has_place = False
        self._used_mg -= job.mass_mg
        self._held.change(-1, self._floor.now)


class Holder(Protocol):
    """A work unit, which takes jobs, and holds a finished one for want of room."""

    def look_around(self) -> None:
        """There is a job it may take."""
        ...

    def job_leaves(self, job: Job) -> None:
        """A job it held has gone."""
        ...


class Shop:
    """Jobs between operations.

    A finished job waits for its next operation at once, and may be taken by a work unit that can
    begin it; but until there is room before that operation it stays on the unit that made it, which
    is blocked. Blocked units get room in the order they asked for it. Where an operation has a
    carriage, a job comes to wait there when a vehicle has brought it, and its place is kept from
    the moment the vehicle takes it.
    """

    def __init__(
        self,
        floor: Floor,
        stocks: list[Stock],
        planned: dict[tuple[str, int], int],
        follows_plan: bool,
        rule: DispatchingRule,
    ) -> None:
        self.plant = floor.plant
        self.jobs: list[Job] = []
        self.batches: dict[str, Job] = {}
        """The job of each work order; its first one where it moves in several."""
        self.planned = planned
        """Work unit by (order, operation), where a plan says so, until its work begins."""
        self.holders: Sequence[Holder] = ()
        """The work units."""
        self.taken: Callable[[Job], None] = lambda job: None
        """Tells the sources that a job has been taken for its first step."""
        self.transports: list[Transport] = []
        self._floor = floor
        self._stocks = stocks
        self._follows_plan = follows_plan
        operations = range(len(self.plant.operation_ids))
        self._waiting: list[list[Job]] = [[] for _ in operations]
        self._rank_of = _RANKS.get(type(rule), _BY_COMING)
        self._rooms = [Room(floor, o) for o in operations]
        self._carriages = [
            (self.plant.transport_index[o.carriage.by], o.carriage.time) if o.carriage else None
            for o in self.plant.plant.operations
        ]
        self._into = [
            None if p.into is None else stocks[self.plant.stock_index[p.into]]
            for p in self.plant.plant.products
        ]
        self._jobs_left = [0] * len(floor.tally.order_complete)
        self._came = 0
        self._can_lock = units_can_follow_themselves(self.plant)
        for k, stock in enumerate(stocks):
            stock.has_more = lambda k=k: self._parts_came(k)  # type: ignore[misc]
            stock.has_less = lambda stock=stock: self._stock_has_room(stock)  # type: ignore[misc]

    # --- questions ---

    def waiting_for(self, operations: Iterable[int], unit: int) -> list[Job]:
        """Jobs without a planned place that a unit could begin now."""
        return [
            job
            for operation in operations
            for job in self._waiting[operation]
            if not job.is_claimed and self._is_open_to(unit, job)
        ]

    def _is_open_to(self, unit: int, job: Job) -> bool:
        """Whether a unit could begin a waiting job, which has no planned place."""
        operation, planned = job.operation, self.planned
        return (
            (unit, operation, job.product) in self.plant.rows
            and (not planned or (job.order.id, operation) not in planned)
            and (not self.plant.uses[operation] or self.has_parts(job))
        )

    def _goes_before(self, job: Job, other: Job) -> bool:
        """Whether the first of one queue goes before that of another."""
        rank = self._rank_of
        return (rank(job), job.came) < (rank(other), other.came)

    def is_in_order_of(self, rule: DispatchingRule) -> bool:
        """Whether the jobs of a queue stand as a rule ranks them."""
        return type(rule) in _RANKS

    def first_for(self, operations: Iterable[int], unit: int) -> Job | None:
        """The first of the jobs without a planned place that a unit could begin now, in the order
        of the queues."""
        first: Job | None = None
        for operation in operations:
            for job in self._waiting[operation]:
                if not job.is_claimed and self._is_open_to(unit, job):
                    if first is None or self._goes_before(job, first):
                        first = job
                    break
        return first

    def has_parts(self, job: Job, beside: Iterable[Job] = ()) -> bool:
        """Whether the stocks hold what a waiting job uses, beside what some others use."""
        for k, each in self.plant.uses[job.operation]:
            jobs = [other for other in (*beside, job) if not other.has_parts]
            if not job.has_parts and self._stocks[k].on_hand < each * sum(j.pieces for j in jobs):
                return False
        return True

    def is_stuck(self, order: str, operation: int) -> bool:
        """Whether a planned operation waits for one that no plan has a place for."""
        job = self.batches.get(order)
        if job is None or job.is_complete:
            return True
        if not job.is_waiting:
            return False
        here = job.operation
        return here != operation and (order, here) not in self.planned

    # --- how jobs come ---

    def add(self, job: Job) -> None:
        """A job is known from now on."""
        self.jobs.append(job)
        if job.origin < len(self._jobs_left):
            self._jobs_left[job.origin] += 1
            self.batches.setdefault(job.order.id, job)

    def appear(self, job: Job) -> None:
        """A job is in the plant."""
        job.released = self._floor.now
        self._floor.tally.inside[job.product].change(1, self._floor.now)

    def release(self, jobs: list[Job], quantity: int) -> None:
        """The jobs of an order, or a part of a source, may start; they need no room."""
        if self._floor.record is not None:
            self._floor.record.release(self._floor.now, jobs[-1], quantity)
        self._floor.tally.released[jobs[0].product] += quantity
        for job in jobs:
            self.appear(job)
            self._wait(job)

    def put_at_start(self, job: Job) -> None:
        """A job that waits between operations when the horizon begins."""
        self.appear(job)
        if job.step > 0:
            self._rooms[job.operation].enter(job)
        self._wait(job)

    def put_back(self, job: Job, seen: JobSnapshot, holder: int | None) -> None:
        """A job where it was before a snapshot; of those that wait the one that came first first.

        ``holder`` is the blocked unit it is still on.
        """
        job.go_to(seen.step)
        job.visits[:] = seen.visits
        job.pieces, job.defective, job.holder = seen.pieces, seen.defective, holder
        self.appear(job)
        job.released = seen.released
        if seen.has_place:
            self._rooms[job.operation].enter(job)
        if seen.is_waiting:
            job.is_waiting, job.has_parts, job.arrived = True, seen.has_parts, seen.arrived
            job.came, self._came = self._came, self._came + 1
            insort(self._waiting[job.operation], job, key=self._rank_of)
            if holder is not None:
                self._rooms[job.operation].asking.append(job)

    @property
    def stocks(self) -> list[Stock]:
        """In the order of the plant."""
        return self._stocks

    def put_complete(self, job: Job) -> None:
        """A job that was complete before a snapshot."""
        job.go_to(len(job.route))
        job.is_complete = True
        if job.origin < len(self._jobs_left):
            self._jobs_left[job.origin] -= 1

    def count_good(self, job: Job, good: int) -> None:
        """Good pieces of the complete jobs of the order of a job."""
        self._floor.tally.order_good[job.origin] = good

    def name(self, job: Job) -> str:
        """What a snapshot calls a job."""
        if job.origin >= len(self._floor.tally.order_complete):
            return f"{job.order.id}-{job.serial + 1:06d}"
        is_whole = job.quantity == job.order.quantity
        return job.order.id if is_whole else f"{job.order.id}#{job.serial + 1}"

    def snapshot(self, job: Job, rank: int) -> JobSnapshot:
        """A job as it stands between two instants, the ``rank``-th of those that wait."""
        now, is_waiting = self._floor.now, job.is_waiting
        return JobSnapshot(
            origin=job.order.id,
            serial=job.serial,
            step=job.step,
            visits=tuple(job.visits),
            pieces=job.pieces,
            released=job.released - now,
            defective=job.defective,
            is_waiting=is_waiting,
            arrived=job.arrived - now if is_waiting else 0,
            came=rank if is_waiting else 0,
            has_place=job.has_place,
            has_parts=is_waiting and job.has_parts and bool(self.plant.uses[job.operation]),
        )

    # --- how they are worked ---

    def claim(self, job: Job) -> None:
        """A work unit has chosen a job and gets ready; the parts it uses are laid out."""
        job.is_claimed = True
        if not job.has_parts:
            job.has_parts = True
            for k, each in self.plant.uses[job.operation]:
                self._stocks[k].serve(each * job.pieces)

    def take(self, job: Job) -> None:
        """A work unit begins to work on a job; its place is free from this instant."""
        operation, floor = job.operation, self._floor
        self._waiting[operation].remove(job)
        job.is_waiting = job.is_claimed = False
        floor.tally.taken[operation] += 1
        floor.tally.wait_ticks[operation] += floor.now - job.arrived
        if self.planned:
            self.planned.pop((job.order.id, operation), None)
        room = self._rooms[operation]
        if job.holder is not None:
            room.asking.remove(job)
            self._let_go(job)
        elif job.has_place:
            room.leave(job)
            if self._carriages[operation] is not None:
                floor.calls_are_open = True
        if room.asking:
            self._fill(room)
        if job.step == 0:
            self.taken(job)

    def hand_on(self, job: Job, unit: int) -> None:
        """A unit has finished a job, which leaves it or, for want of room, holds it blocked."""
        job.holder = unit
        target = self._next_step(job)
        job.visits[job.step] += 1
        job.has_parts = False
        if target == SCRAP or job.pieces == 0:
            self._scrap(job)
        elif target == COMPLETE:
            self._finish(job)
        else:
            self._send(job, target)

    def throw_away(self, job: Job, unit: int) -> None:
        """A failure spoils a job that is done and has not left its unit."""
        job.holder = unit
        if job.is_waiting:
            self._waiting[job.operation].remove(job)
            job.is_waiting = False
            for k, each in () if job.has_parts else self.plant.uses[job.operation]:
                self._stocks[k].withdraw(each * job.pieces)
        stock = self._into[job.product]
        lines = [room.asking for room in self._rooms]
        lines += [transport.asking for transport in self.transports]
        lines += [] if stock is None else [stock.blocked]
        for line in lines:
            if job in line:
                line.remove(job)
        self._scrap(job)
        for room in self._rooms:
            self._fill(room)
        if stock is not None:
            self._stock_has_room(stock)

    def serve_vehicles(self) -> bool:
        """Give free vehicles to the jobs that ask for one; says whether any was given."""
        has_served = False
        for transport in self.transports:
            while trip := transport.next_trip(self._has_place):
                self._set_off(*trip)
                has_served = True
        return has_served

    def _has_place(self, job: Job) -> bool:
        return self._rooms[job.operation].has_place(job)

    def arrive(self, job: Job) -> None:
        """A vehicle has brought a job to where its place is."""
        self._wait(job)

    # --- where they go ---

    def _next_step(self, job: Job) -> int:
        """By the inspection, else by the branch of its step, else the next in the route."""
        if job.sent_back_to is not None:
            target, job.sent_back_to = job.sent_back_to, None
            return target
        branches = self.plant.branches
        branch = branches.get((job.product, job.step)) if branches else None
        if branch is not None:
            u = self._floor.job_luck.uniform(job, "branch")
            return next((to for to, reached in branch if u < reached), branch[-1][0])
        following = job.step + 1
        return following if following < len(job.route) else COMPLETE

    def _send(self, job: Job, step: int) -> None:
        """Let a job wait for an operation, or for the vehicle that carries it there."""
        job.go_to(step)
        operation = job.operation
        carriage = self._carriages[operation]
        if carriage is not None:
            self.transports[carriage[0]].ask(job)
            return
        room = self._rooms[operation]
        self._wait(job)
        if not room.asking and room.has_place(job):
            room.enter(job)
            self._let_go(job)
        else:
            room.asking.append(job)

    def _set_off(self, vehicle: Vehicle, job: Job) -> None:
        operation = job.operation
        carriage = self._carriages[operation]
        assert carriage is not None
        self._rooms[operation].enter(job)
        vehicle.carry(job, carriage[1])
        self._let_go(job)

    def _wait(self, job: Job) -> None:
        """A job comes to wait for the operation it is at; those who may take it look around."""
        operation = job.operation
        job.arrived = self._floor.now
        job.came = self._came
        self._came += 1
        job.is_waiting = True
        insort(self._waiting[operation], job, key=self._rank_of)
        for k, each in self.plant.uses[operation]:
            self._stocks[k].demand(each * job.pieces)
        for unit in self._takers(job):
            self.holders[unit].look_around()
        if self._follows_plan and (job.order.id, operation) not in self.planned:
            self._floor.mark_all()

    def _takers(self, job: Job) -> tuple[int, ...]:
        """Work units that may do the operation a job waits for."""
        operation = job.operation
        unit = self.planned.get((job.order.id, operation)) if self.planned else None
        return self.plant.eligible[operation, job.product] if unit is None else (unit,)

    def _let_go(self, job: Job) -> None:
        """A job no longer occupies the unit that made it."""
        unit, job.holder = job.holder, None
        if unit is not None:
            self.holders[unit].job_leaves(job)

    def _fill(self, room: Room) -> None:
        """Give places to those who wait for one, in their order."""
        while room.asking and room.has_place(room.asking[0]):
            job = room.asking.popleft()
            room.enter(job)
            self._let_go(job)

    def _scrap(self, job: Job) -> None:
        """All that is left of a job is scrap."""
        self._floor.tally.scrap(job.product, job.origin, job.pieces)
        job.pieces = 0
        self._complete(job)

    def _finish(self, job: Job) -> None:
        """A job has done its route: its pieces go into stock, or out."""
        job.go_to(len(job.route))
        stock = self._into[job.product]
        if stock is not None and (stock.blocked or not stock.has_room(job.pieces)):
            stock.blocked.append(job)
        else:
            self._complete(job)

    def _complete(self, job: Job) -> None:
        """A job is done, with the good pieces that are left."""
        now, tally = self._floor.now, self._floor.tally
        job.go_to(len(job.route))
        job.is_complete = True
        tally.inside[job.product].change(-1, now)
        tally.completed_jobs[job.product] += 1
        tally.flow_ticks[job.product] += now - job.released
        tally.completed_pieces(job.product, job.pieces, now)
        good, is_last = job.pieces, True
        if job.origin < len(self._jobs_left):
            tally.order_good[job.origin] += good
            good = tally.order_good[job.origin]
            self._jobs_left[job.origin] -= 1
            is_last = self._jobs_left[job.origin] == 0
            if is_last:
                tally.order_complete[job.origin] = now
        if is_last and self._floor.record is not None:
            self._floor.record.complete(now, job, good)
        self._let_go(job)
        if self._follows_plan:
            self._floor.mark_all()
        stock = self._into[job.product]
        if stock is not None and job.pieces > 0:
            stock.put(job.pieces)

    def _stock_has_room(self, stock: Stock) -> None:
        while stock.blocked and stock.has_room(stock.blocked[0].pieces):
            self._complete(stock.blocked.popleft())

    def _parts_came(self, k: int) -> None:
        """A stock has more: units with jobs that wait for it look around."""
        for operation, jobs in enumerate(self._waiting):
            if any(used == k for used, _ in self.plant.uses[operation]):
                for job in jobs:
                    for unit in self._takers(job):
                        self._floor.mark(unit)

    def refuse_deadlock(self, unit: int) -> None:
        """Stop when a unit waits for room that only units in the same plight could make.

        A unit is stuck when, where one of its jobs lacks room, every job that waits there, or is on
        its way there, can only be taken by stuck units. Units blocked for a vehicle or a stock only
        are not looked at.
        """
        if not self._can_lock:
            return
        blocked = [job for room in self._rooms for job in room.asking]
        for transport in self.transports:
            blocked += [job for job in transport.asking if not self._has_place(job)]
        lacking = {job.operation for job in blocked}
        coming = [job for transport in self.transports for job in transport.under_way]
        takers: dict[int, set[int]] = {
            o: {
                unit
                for job in (*self._waiting[o], *(j for j in coming if j.operation == o))
                for unit in self._takers(job)
            }
            for o in lacking
        }
        needs = [(job.holder, takers[job.operation]) for job in blocked]
        stuck = {holder for holder, _ in needs if holder is not None}
        while True:
            still = {m for m in stuck if any(h == m and takers <= stuck for h, takers in needs)}
            if still == stuck:
                break
            stuck = still
        if unit in stuck:
            names = ", ".join(self.plant.unit_ids[m] for m in sorted(stuck))
            waiting = sorted(self.plant.operation_ids[o] for o in lacking)
            raise NoriaError(
                f"simulation: after {minutes(self._floor.now):.0f} min the buffers before "
                f"{', '.join(waiting)} are full and only {names} could empty them, which wait for "
                "room there; enlarge a buffer or let another work unit do the operation"
            )


def round_mg(mg: float) -> int:
    return int(mg + 0.5)
