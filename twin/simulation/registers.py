"""The registers of a work unit: what it keeps between two instants, read out and put back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import IntEnum, auto
from typing import cast

from twin.model import plant, snapshot
from twin.model.snapshot import UnitSnapshot
from twin.simulation.agenda import Agenda, Step
from twin.simulation.clock import GRACE
from twin.simulation.crews import Busy, Kind, People
from twin.simulation.floor import Floor
from twin.simulation.hindrance import Hindrance
from twin.simulation.jobs import Job
from twin.simulation.shop import Shop
from twin.simulation.timers import Timer
from twin.simulation.work import Bench, Work

NO_WORK = (-1, -1, -1)


class Base(IntEnum):
    """What a work unit does."""

    IDLE = auto()
    STARTUP = auto()
    SETUP_WAIT = auto()
    """For a setup crew."""
    SETUP = auto()
    READY = auto()
    """Has claimed a job and waits for its shift."""
    OPERATOR_WAIT = auto()
    WORK = auto()
    FINISHED = auto()
    """The last lot is done, the job has not left."""
    BLOCKED = auto()
    """The job could not leave."""


IDLE, STARTUP, SETUP_WAIT, SETUP, READY, OPERATOR_WAIT, WORK, FINISHED, BLOCKED = Base
PREPARATION = frozenset((STARTUP, SETUP))
STOPS = frozenset((SETUP, WORK))
RUNS = frozenset((STARTUP, SETUP, WORK))


class Registers(ABC):
    """What a work unit is doing, for what and since when, and how it goes on after a snapshot."""

    index: int
    facts: plant.WorkUnit
    agenda: Agenda
    base: Base
    hindrance: Hindrance
    is_on: bool
    setup_key: str
    under_way: deque[tuple[Job, float]]
    _floor: Floor
    _shop: Shop
    _people: People
    _bench: Bench
    _is_open: bool
    _rem: int
    _running_since: int | None
    _idle_since: int
    _step: Step | None
    _done: float
    _work: Work | None
    _held: list[Job]
    _named: tuple[int, int, int]
    _setters: Busy | None
    _operators: Busy | None
    _timer: Timer

    @abstractmethod
    def resume(self) -> None:
        """Run on, if nothing hinders; between two lots, start the next."""

    @abstractmethod
    def _count_run(self) -> None:
        """Count what has been done since it began to run."""

    @abstractmethod
    def _call(
        self, kind: Kind, crew: str, people: int, begin: Callable[[Busy | None], None],
        since: int | None = None,
    ) -> None:  # fmt: skip
        """Call for people."""

    @abstractmethod
    def _set_up(self, setters: Busy | None) -> None:
        """The setup begins."""

    @abstractmethod
    def _begin_work(self, operators: Busy | None) -> None:
        """The work begins."""

    def snapshot(self, name: Callable[[Job], str]) -> UnitSnapshot:
        """As it stands between two instants."""
        base, now = self.base, self._floor.now
        runs = self._running_since is not None
        if runs:
            self._count_run()
            self._running_since = now
        seen = UnitSnapshot(
            base=cast(snapshot.Base, base.name.lower()),
            runs=runs,
            under_way=tuple((name(job), done) for job, done in self.under_way),
            setters=None if self._setters is None else self._setters.snapshot(),
            operators=None if self._operators is None else self._operators.snapshot(),
            setup_key=self.setup_key,
            is_on=self.is_on,
            idle_since=self._idle_since - now if base is IDLE else 0,
            plan=self.agenda.snapshot(now),
        )
        return self.hindrance.added_to(self._with_lot(self._with_step(seen, name)))

    def _with_step(self, seen: UnitSnapshot, name: Callable[[Job], str]) -> UnitSnapshot:
        """With what it gets ready for, works on, or could not let go."""
        step, named, base = self._step, self._named, self.base
        if named != NO_WORK:
            seen = replace(seen, named=(name(self._shop.jobs[named[0]]), *named[1:]))
        if base is BLOCKED:
            return replace(seen, jobs=tuple(name(job) for job in self._held))
        if step is None:
            return seen
        item = None if base is WORK else step.item
        asked = self._people.called(
            Kind.SETUP if base is SETUP_WAIT else Kind.OPERATORS, self.index
        )
        return replace(
            seen,
            jobs=tuple(name(job) for job in step.jobs),
            product=self._floor.plant.product_ids[step.product],
            place=None if item is None else self.agenda.place(item, self._floor.now),
            done=self._done,
            asked=0 if asked is None else asked - self._floor.now,
        )

    def _with_lot(self, seen: UnitSnapshot) -> UnitSnapshot:
        """With what is left of the startup, the setup or the lot in work."""
        work = self._work
        if self.base in (STARTUP, SETUP):
            return replace(seen, left=self._rem)
        if self.base is not WORK or work is None:
            return seen
        seen = replace(seen, lot=work.lot, lot_is_open=work.is_open, pieces=work.pieces)
        return replace(seen, left=self._rem, whole=work.ticks) if work.is_open else seen

    def take_up(self, seen: UnitSnapshot, jobs: Mapping[str, Job]) -> None:
        """Go on from where a snapshot was taken."""
        self.hindrance.take_up(seen)
        self.agenda.take_up(seen)
        self.base = Base[seen.base.upper()]
        self.is_on, self.setup_key, self._idle_since = seen.is_on, seen.setup_key, seen.idle_since
        self._rem, self._done = seen.left, seen.done
        self.under_way.extend((jobs[name], done) for name, done in seen.under_way)
        self._setters = self._people.take_up(seen.setters)
        self._operators = self._people.take_up(seen.operators)
        self._take_up_step(seen, jobs)
        self._call_again(seen.asked)
        self._run_on(seen)

    def _take_up_step(self, seen: UnitSnapshot, jobs: Mapping[str, Job]) -> None:
        mine = tuple(jobs[name] for name in seen.jobs)
        if seen.named is not None:
            self._named = (jobs[seen.named[0]].number, *seen.named[1:])
        if self.base is BLOCKED:
            self._held = list(mine)
            return
        if seen.product:
            item = None if seen.place is None else self.agenda.item_at(seen.place, bool(mine))
            product = self._floor.plant.product_index[seen.product]
            self._step = Step(product, mine, math.inf, item)
        if self.base is WORK:
            self._work = Work.resumed(self._bench, mine, seen)
        for job in mine:
            job.is_claimed = job.is_waiting

    @property
    def has_place(self) -> bool:
        """Whether what it gets ready for has a place in its plan."""
        return self._step is not None and self._step.item is not None

    def _call_again(self, since: int) -> None:
        """Call once more, as of then, for those it waits for."""
        step, table = self._step, self.facts.setup
        if self.base is SETUP_WAIT and table is not None and table.crew is not None:
            self._call(Kind.SETUP, table.crew, 1, self._set_up, since)
        elif self.base is OPERATOR_WAIT and step is not None:
            row = self._floor.plant.rows[self.index, step.jobs[0].operation, step.product]
            assert row.operators is not None
            self._call(Kind.OPERATORS, row.operators, row.people, self._begin_work, since)

    def _run_on(self, seen: UnitSnapshot) -> None:
        """What ran up to now runs on, unless its shift ends now; what stood may begin to."""
        if not seen.runs:
            self.resume()
            return
        stretch = seen.left
        if self.base is WORK:
            ends = [m.ends for m in self.hindrance.reliability.lives if m.clock == "operating"]
            stretch = min([stretch, *(end for end in ends if end >= 0)])
        is_bound = self.base is not STARTUP and not self._is_open
        if not is_bound or seen.left <= GRACE or stretch == 0:
            self._running_since = 0
            self._timer.set(stretch)
