"""What hinders a work unit: the overlay register, failures, repairs and preventive tasks."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import Protocol, cast

from twin.behaviour.reliability import ModeLife, Reliability
from twin.model import snapshot
from twin.model.compiled import STATE_INDEX
from twin.model.snapshot import UnitSnapshot
from twin.model.state import UnitState
from twin.simulation.agenda import Agenda
from twin.simulation.clock import count, duration, to_tick
from twin.simulation.crews import Busy, Call, Kind, People
from twin.simulation.floor import Floor
from twin.simulation.stocks import Stock
from twin.simulation.upkeep import Task, Upkeep

_DOWN, _REPAIR = STATE_INDEX["down"], STATE_INDEX["repair"]
_MAINTENANCE = STATE_INDEX["maintenance"]


class Overlay(Enum):
    """What hinders a work unit."""

    NONE = auto()
    HIDDEN = auto()
    """Failed, and nobody knows."""
    DOWN = auto()
    """Waits for a crew or a spare part."""
    REPAIR = auto()
    ASKED = auto()
    """Between two jobs, asks for the crew of a preventive task, within one instant only."""
    MAINTENANCE = auto()


UNHINDERED, ASKED = Overlay.NONE, Overlay.ASKED
"""By themselves, as it takes long to look a member up in its enumeration."""


class Base(Protocol):
    """What is hindered: what a work unit does otherwise."""

    agenda: Agenda
    is_on: bool

    @property
    def has_part_in_hand(self) -> bool:
        """Whether a lot is open, or finished work has not left."""
        ...

    def interrupt(self, life: ModeLife) -> None:
        """A failure stops the unit."""
        ...

    def resume(self) -> None:
        """The unit runs on, if nothing hinders it any more."""
        ...

    def went_idle(self) -> None:
        """The unit counts as idle since now, if it is idle."""
        ...


class Hindrance:
    """The overlay of one work unit."""

    def __init__(
        self,
        floor: Floor,
        unit: int,
        state: UnitState,
        people: People,
        stocks: dict[str, Stock],
        base: Base,
        *,
        is_planned: bool,
    ) -> None:
        facts = floor.plant.plant.work_units[unit]
        self.overlay = UNHINDERED
        self.reliability = Reliability(
            facts.id, facts.failure_modes, state.ages, floor.luck, duration, count
        )
        self.upkeep = Upkeep(floor, unit, state, self.reliability, is_planned=is_planned)
        tasks_before = sum(len(u.maintenance) for u in floor.plant.plant.work_units[:unit])
        self.upkeep.start_inspecting(tasks_before, self._finds)
        self._floor = floor
        self._unit = unit
        self._people = people
        self._stocks = stocks
        self._base = base
        self._failed: ModeLife | None = None
        """The mode that failed, until it is repaired or renewed."""
        self._task: Task | None = None
        self._call: Call | None = None
        self._helpers: Busy | None = None
        self._refused_at = -1
        self._timer = floor.timer("overlay", unit, self._end)
        self._failure_timer = floor.timer("failure", unit, self._life_ends)
        unavailable = to_tick(state.unavailable_minutes)
        if unavailable > 0:
            self.overlay = Overlay.REPAIR
            self._timer.set(unavailable)

    def visible(self) -> tuple[int, int] | None:
        """State and reason to be logged; None when the base is to be seen."""
        if self.overlay in (UNHINDERED, ASKED) and self._failed is None:
            return None
        if self.overlay is Overlay.MAINTENANCE:
            assert self._task is not None
            return _MAINTENANCE, self._task.index
        reason = -1 if self._failed is None else self._failed.index
        return (_REPAIR if self.overlay is Overlay.REPAIR else _DOWN), reason

    @property
    def stands(self) -> bool:
        """Failed, under repair or maintained: a common cause does not strike it."""
        return self.overlay not in (UNHINDERED, ASKED)

    # --- failures ---

    def look(self) -> None:
        """Whether a life is over; the first such mode, as listed, strikes."""
        reliability, now = self.reliability, self._floor.now
        if not reliability.lives:
            return
        if reliability.has_wear:
            reliability.grow(now)
        if self.overlay is UNHINDERED:
            may_wait = reliability.may_wait_for_part and self._base.has_part_in_hand
            life = reliability.failed(now, may_wait)
            if life is not None:
                self._strike(life)
        if reliability.has_calendar_lives:
            self._failure_timer.set(reliability.next_calendar_end(now))

    def _life_ends(self) -> None:
        self.look()
        self._floor.mark(self._unit)

    def _strike(self, life: ModeLife) -> None:
        self._floor.tally.failures[self._unit][life.index] += 1
        self._floor.stirred.add(self._unit)
        self._base.interrupt(life)
        self._failed = life
        if life.mode.detected == "at_inspection":
            self.overlay = Overlay.HIDDEN
        else:
            self._found(life)

    def _finds(self, life: ModeLife) -> bool:
        """Whether an inspection of a mode has found a failure that nobody had seen."""
        if self.overlay is not Overlay.HIDDEN or self._failed is not life:
            return False
        self._found(life)
        self._floor.mark(self._unit)
        return True

    def _found(self, life: ModeLife) -> None:
        """A failure is known: call for what its repair needs, or begin it."""
        mode = life.mode
        spare = None if mode.spare is None else self._stocks[mode.spare]
        if spare is not None:
            spare.demand(1)
        if mode.crew is None and spare is None:
            self._repair(None)
            return
        self.overlay = Overlay.DOWN
        self._call_for(life, self._floor.now)

    def _call_for(self, life: ModeLife, since: int) -> None:
        """Call for what the repair of a mode needs."""
        mode = life.mode
        spare = None if mode.spare is None else self._stocks[mode.spare]
        self._people.call(
            Call(
                Kind.REPAIR, since, self._unit, mode.crew, mode.people,
                can_begin=lambda: True, begin=self._repair, spare=spare,
            )
        )  # fmt: skip

    def _repair(self, helpers: Busy | None) -> None:
        assert self._failed is not None
        self.overlay, self._helpers = Overlay.REPAIR, helpers
        self._timer.set(self._floor.now + duration(self._failed.repair_minutes()))

    # --- preventive tasks ---

    def could_begin(self, task: Task) -> bool:
        """Whether the crew of a task could come, as far as one can see, and has not refused."""
        return self._refused_at != self._floor.now and self._people.could_serve(
            task.task.crew, task.task.people
        )

    def ask(self, task: Task) -> None:
        """Ask for the crew of a task; the answer comes within this instant."""
        self.overlay, self._task = ASKED, task
        self._call = Call(
            Kind.MAINTENANCE, self._floor.now, self._unit, task.task.crew, task.task.people,
            can_begin=lambda: True, begin=self._maintain,
        )  # fmt: skip
        self._people.call(self._call)

    def withdraw(self) -> None:
        """Ask no longer: there is news, and the unit decides anew."""
        assert self._call is not None
        self._people.withdraw(self._call)
        self.overlay = UNHINDERED if self._failed is None else Overlay.HIDDEN

    def refuse(self) -> None:
        """Nobody has come; the unit does something else."""
        self.withdraw()
        self._refused_at = self._floor.now
        self._floor.mark(self._unit)

    def _maintain(self, helpers: Busy | None) -> None:
        assert self._task is not None
        self.overlay, self._helpers = Overlay.MAINTENANCE, helpers
        self._floor.tally.executions[self._unit][self._task.index] += 1
        self._base.agenda.task_begins(self._task, self._floor.now)
        self.upkeep.begins(self._task.task)
        self._timer.set(self._floor.now + duration(self._task.task.duration))

    # --- their end ---

    def _end(self) -> None:
        """A repair or a preventive task is done."""
        if self._helpers is not None:
            self._helpers.free()
            self._helpers = None
        was, self.overlay = self.overlay, UNHINDERED
        if was is Overlay.MAINTENANCE:
            self._maintained()
        else:
            self._repaired()
        self.look()
        self._floor.stirred.add(self._unit)
        self._floor.calls_are_open = True
        self._floor.mark(self._unit)
        self._base.resume()

    def _repaired(self) -> None:
        life, self._failed = self._failed, None
        if life is None:  # the repair was under way before the horizon
            self._base.went_idle()
        else:
            life.repaired(self.reliability.reading(life.clock, self._floor.now))
            self.upkeep.new_life(life)
        self.upkeep.take_opportunity()

    def _maintained(self) -> None:
        """Some modes are as good as new; a hidden failure is mended with its mode, or found."""
        task, base = self._task, self._base
        assert task is not None
        for mode in task.task.renews:
            life = self.reliability.life(mode)
            life.renew(self.reliability.reading(life.clock, self._floor.now))
            self.upkeep.new_life(life)
            if life is self._failed:
                self._failed = None
        self.upkeep.ends(task.task)
        self.upkeep.take_opportunity()
        base.is_on = base.agenda.stays_warm(task, base.is_on)
        base.went_idle()
        if self._failed is not None:
            self._found(self._failed)

    # --- where it stands, and goes on ---

    def added_to(self, seen: UnitSnapshot) -> UnitSnapshot:
        """What is seen of a work unit, with what hinders it and its condition."""
        now, reliability = self._floor.now, self.reliability
        is_timed = self.overlay in (Overlay.REPAIR, Overlay.MAINTENANCE)
        is_kept = self.overlay is Overlay.MAINTENANCE and self._task is not None
        called = self._people.called(Kind.REPAIR, self._unit)
        return replace(
            seen,
            overlay=cast(snapshot.Overlay, self.overlay.name.lower()),
            failed="" if self._failed is None else self._failed.mode.id,
            task=self._task.task.id if is_kept and self._task else "",
            until=self._timer.due - now if is_timed else 0,
            called=0 if called is None else called - now,
            helpers=None if self._helpers is None else self._helpers.snapshot(),
            modes={
                life.mode.id: life.snapshot(reliability.reading(life.clock, now))
                for life in reliability.lives
            },
            tasks=self.upkeep.snapshot(now),
        )

    def take_up(self, seen: UnitSnapshot) -> None:
        """Go on from where a snapshot was taken."""
        lives = self.reliability.lives
        for life in lives:
            life.take_up(seen.modes[life.mode.id])
        self.upkeep.take_up(seen.tasks)
        ends = [life.ends for life in lives if life.clock == "calendar" and life.ends >= 0]
        if ends:
            self._failure_timer.set(min(ends))
        self.overlay = Overlay[seen.overlay.upper()]
        self._failed = self.reliability.life(seen.failed) if seen.failed else None
        self._helpers = self._people.take_up(seen.helpers)
        if seen.task:
            tasks = self._floor.plant.plant.work_units[self._unit].maintenance
            index = next(n for n, task in enumerate(tasks) if task.id == seen.task)
            self._task = Task(tasks[index], 0, index)
        if self.overlay in (Overlay.REPAIR, Overlay.MAINTENANCE):
            self._timer.set(seen.until)
        elif self.overlay is Overlay.DOWN and self._failed is not None:
            self._call_for(self._failed, seen.called)
