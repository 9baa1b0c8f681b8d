"""A work unit as one SimPy process that can be read like its day.

Nothing is interrupted from outside. A unit that works knows what can stop it next (the end of the
lot, of the shift, or of a failure mode's life) and works until the first of them; a unit that has
nothing to do waits until a bell rings (a batch has come, a crew is free) or an instant comes.

Kept simple on purpose, and worth knowing when reading results:

* A failure interrupts the lot, which resumes after the repair; nothing is scrapped by it.
* A calendar clock also runs while its unit is under another repair; a life that ends meanwhile
  stops the unit when that repair is done.
* A repair leaves a unit as warm as it was.
* Preventive tasks take exactly their planned duration, transits their nominal time, and setups vary
  by :data:`SETUP_CV`.
* Of the lots an operation had finished before the horizon no scrap is known: they count as good.
"""

from __future__ import annotations

from dataclasses import dataclass

import simpy

from twin.behaviour.randomness import Luck, lognormal_factor
from twin.behaviour.reliability import ModeLife, Reliability
from twin.behaviour.scrap import scrap_reason, scrapped_pieces
from twin.model.compiled import CompiledPlant
from twin.model.plant import State
from twin.model.state import UnitState
from twin.simulation.agenda import Agenda, Step, Task
from twin.simulation.clock import (
    BEGIN_TASKS,
    DECIDE,
    GRACE,
    OpenTicks,
    Process,
    after_others,
    duration,
    to_tick,
)
from twin.simulation.crews import Crew
from twin.simulation.lots import LotLuck, remaining_lots
from twin.simulation.recorder import Recorder
from twin.simulation.shop import Batch, Shop

SETUP_CV = 0.1
"""Coefficient of variation of a setup's time around the setup table."""
REJECT_RATIO = 2.0
"""An inspected lot fails when its scrapped share exceeds this multiple of the usual share."""
_NO_WORK = ("", "", "")


@dataclass(frozen=True)
class Floor:
    """What the work units of one replication share."""

    env: simpy.Environment
    plant: CompiledPlant
    shop: Shop
    crews: dict[str, Crew]
    record: Recorder
    luck: Luck
    end: int
    """End of the horizon [tick]."""

    def work_name(self, order: str, operation: int, product: int) -> tuple[str, str, str]:
        """(order, operation, product) as the log names them."""
        return order, self.plant.operation_ids[operation], self.plant.product_ids[product]


class WorkUnitProcess:
    """A work unit: it warms up, is set up, works, fails, is repaired and maintained, and waits."""

    def __init__(self, floor: Floor, index: int, state: UnitState) -> None:
        plant = floor.plant
        self.floor = floor
        self.env = floor.env
        self.index = index
        self.facts = plant.plant.work_units[index]
        self.calendar = OpenTicks(plant.unit_open[index])
        self.startup = float(plant.startup_time[index])
        self.setup_key = state.setup_key
        self.is_on = state.is_on
        self.unavailable = to_tick(state.unavailable_minutes)
        self.reliability = Reliability(
            self.facts.id, self.facts.failure_modes, state.ages, floor.luck, duration
        )
        self.agenda: Agenda
        self.under_way: list[tuple[Batch, float]] = []
        """Batches in work when the horizon begins, with the share of the operation done."""
        self._idle_since = 0
        self._bell: simpy.Event | None = None
        self._logged: tuple[str, tuple[str, str, str], str] | None = None

    @property
    def now(self) -> int:
        return int(self.env.now)

    def live(self) -> Process:
        """What the unit does from the first to the last instant of the horizon."""
        yield from self._resume_from_before()
        while True:
            yield after_others(self.env, self.env.event(), self._turn(0))
            while (activity := self._next_activity()) is None:
                yield from self._stand_idle()
            yield from activity

    def _next_activity(self) -> Process | None:
        """What comes next: a repair, a task, work or a warm-up; None when nothing is to do."""
        failure = self.reliability.failed(self.now)
        if failure is not None:
            return self._break_down(failure, _NO_WORK)
        step, task = self._next_step(), self.agenda.task_due(self.now)
        if task and self._may_begin(task, step):
            return self._maintain(task)
        if step:
            return self._carry_out(step)
        is_wanted = self.agenda.wants_on(self.now, self.is_on, self._idle_since)
        return self._warm_up(_NO_WORK) if is_wanted and not self.is_on else None

    def ring(self, rank: int) -> None:
        """Something changed that an idle unit should know; it decides at the end of the instant."""
        bell = self._bell
        if bell is None or bell.triggered:
            return

        def wake(_: simpy.Event) -> None:
            if not bell.triggered:
                bell.succeed()

        turn = after_others(self.env, self.env.event(), self._turn(rank))
        assert turn.callbacks is not None
        turn.callbacks.append(wake)

    def readiness(self, batch: Batch) -> tuple[float, ...]:
        """How soon the unit could begin a batch, for choosing among idle units; less is sooner."""
        setup = self.floor.plant.setup_minutes(self.index, self.setup_key, batch.product)
        return (0.0 if self.is_on else self.startup, setup)

    # --- the activities of a unit ---

    def _resume_from_before(self) -> Process:
        if self.unavailable:
            self._enter("repair", _NO_WORK)
            yield self.env.timeout(self.unavailable)
        for batch, done in self.under_way:
            self.is_on = True
            yield from self._work(batch, done)
        self._idle_since = self.now

    def _carry_out(self, step: Step) -> Process:
        """Get ready for a step and, when its batch is there and it is time, work it."""
        batch, item = step.batch, step.item
        if batch is not None:
            batch.is_claimed = True
            work = self._work_of(batch)
        else:
            assert item is not None
            work = self.floor.work_name(item.order, item.operation, step.product)
        if not self.is_on:
            yield from self._warm_up(work)
        yield from self._set_up(step.product, work)
        if item is not None:
            item.is_set_up = True
        if batch is not None and (item is None or item.work_start <= self.now):
            self.agenda.begins(step)
            yield from self._work(batch, 0.0)
        elif batch is not None:
            batch.is_claimed = False
        self._idle_since = self.now

    def _warm_up(self, work: tuple[str, str, str]) -> Process:
        if self.startup > 0:
            yield from self._spend("startup", duration(self.startup), work, "")
        self.is_on = True
        self._idle_since = self.now

    def _set_up(self, product: int, work: tuple[str, str, str]) -> Process:
        plant = self.floor.plant
        mean = plant.setup_minutes(self.index, self.setup_key, product)
        key = plant.setup_key[self.index][product]
        if mean > 0:
            luck = self.floor.luck.stream(f"{work[0]}/{work[1]}", "setup")
            minutes = mean * lognormal_factor(SETUP_CV, luck.uniform(0))
            yield from self._spend("setup", duration(minutes), work, key)
        self.setup_key = key

    def _work(self, batch: Batch, done: float) -> Process:
        """Work a batch lot by lot, from the share already done, and hand it on."""
        plant, operation = self.floor.plant, self.floor.shop.operation(batch)
        work = self._work_of(batch)
        lots = plant.lots(self.index, operation, batch.product, batch.pieces)
        yield from self._get_able("working", work, GRACE + 1)
        if batch.is_waiting:
            self.floor.shop.take(batch)
        self.setup_key = plant.setup_key[self.index][batch.product]
        job = LotLuck(self.floor.luck, work)
        finished: list[tuple[str, int]] = []
        for n, (pieces, transit, minutes) in enumerate(remaining_lots(lots, done)):
            name = f"{work[0]}-{work[1]}-{n + 1:03d}"
            if minutes is None:  # finished before the horizon
                finished.append((name, pieces))
                continue
            ticks = duration(minutes * lognormal_factor(lots.cv, job.time.uniform(n)))
            if transit > 0:
                ticks += duration(transit)
            yield from self._get_able("working", work, ticks)
            self._enter("working", work)
            self._log_start(batch, work, name, pieces)
            yield from self._spend("working", ticks, work, "")
            finished.append((name, self._log_end(batch, work, name, pieces, n, job)))
        batch.pieces = sum(good for _, good in finished)
        batch.source_lots.clear()
        batch.source_lots.extend((name, good) for name, good in finished if good)
        self.floor.shop.hand_on(batch, self.index)
        yield from self._hold(batch, work)

    def _hold(self, batch: Batch, work: tuple[str, str, str]) -> Process:
        """Keep a finished batch until there is room for it."""
        while batch.holder == self.index:
            failure = self.reliability.failed(self.now)
            if failure is not None and failure.is_calendar:
                yield from self._break_down(failure, work)
            else:
                yield from self._pause("blocked", self.reliability.next_calendar_failure(), work)

    def _break_down(self, failure: ModeLife, work: tuple[str, str, str]) -> Process:
        """Wait for the crew, if one is needed, and be repaired."""
        mode = failure.mode
        if mode.crew is not None:
            self._enter("down", work, mode.id)
            yield self.floor.crews[mode.crew].call(self.index)
        self._enter("repair", work, mode.id)
        yield self.env.timeout(failure.repair_ticks())
        if mode.crew is not None:
            self.floor.crews[mode.crew].release()
        failure.renew(self.now)

    def _may_begin(self, task: Task, step: Step | None) -> bool:
        """A task goes before the work planned after it, when its crew is free."""
        is_next = step is None or task.planned_start <= step.planned_start
        return is_next and self.floor.crews[task.task.crew].is_free()

    def _maintain(self, task: Task) -> Process:
        """Do a preventive task, unless a failure of this very instant claims the crew."""
        crew = self.floor.crews[task.task.crew]
        yield after_others(self.env, self.env.event(), BEGIN_TASKS + self.index)
        if not crew.is_free():
            return
        crew.take()
        self.agenda.task_begins(task, self.now)
        self._enter("maintenance", _NO_WORK, task.task.id)
        yield self.env.timeout(duration(task.task.duration))
        crew.release()
        self.reliability.renew(task.task.renews, self.now)
        self.is_on = self.agenda.stays_warm(task, self.is_on)
        self._idle_since = self.now

    def _stand_idle(self) -> Process:
        """Stand by or off until something changes."""
        self.is_on = self.agenda.wants_on(self.now, self.is_on, self._idle_since)
        task = self.agenda.task_due(self.now)
        if task is not None:
            self.floor.crews[task.task.crew].watch(self.index, lambda: self.ring(0))
        closing = self.calendar.closing(self.now)
        changes = [
            self.agenda.next_change(self.now, self._idle_since),
            self.reliability.next_calendar_failure(),
            self.calendar.opening(self.now) if closing is None else closing,
        ]
        yield from self._pause("standby" if self.is_on else "off", min(changes), _NO_WORK)

    # --- how time is spent ---

    def _spend(self, state: State, ticks: int, work: tuple[str, str, str], reason: str) -> Process:
        """Spend ticks in an activity, paused by the end of the shift and by failures.

        A startup is bound to no shift, and only work ages the operating clocks.
        """
        left = ticks
        while left > 0:
            yield from self._get_able(state, work, left)
            stretch = int(min(left, self._uninterrupted(state, left)))
            self._enter(state, work, reason)
            yield self.env.timeout(stretch)
            left -= stretch
            if state == "working":
                self.reliability.age(stretch)

    def _get_able(self, state: State, work: tuple[str, str, str], left: int) -> Process:
        """Be repaired and wait for the shift, until an activity of ``left`` ticks can go on."""
        while True:
            failure = self.reliability.failed(self.now)
            if failure is not None and (state == "working" or failure.is_calendar):
                yield from self._break_down(failure, work)
            elif state != "startup" and left > GRACE and self.calendar.closing(self.now) is None:
                yield from self._wait_for_shift(work)
            else:
                return

    def _uninterrupted(self, state: State, left: int) -> float:
        """Ticks until a failure or the end of the shift stops what has ``left`` to go."""
        stretch = self.reliability.next_calendar_failure() - self.now
        if state == "working":
            stretch = min(stretch, self.reliability.work_left())
        closing = self.calendar.closing(self.now)
        if state != "startup" and closing is not None and left > closing - self.now + GRACE:
            stretch = min(stretch, closing - self.now)
        return stretch

    def _wait_for_shift(self, work: tuple[str, str, str]) -> Process:
        """Pause inside an operation until the shift opens, or a failure comes first.

        A unit that needs warmth keeps it meanwhile.
        """
        self._enter("standby" if self.startup > 0 else "off", work)
        opening = self.calendar.opening(self.now)
        yield self._at(min(opening, self.reliability.next_calendar_failure()))

    def _pause(self, state: State, until: float, work: tuple[str, str, str]) -> Process:
        """Stay in a state until the bell rings or an instant comes."""
        self._enter(state, work)
        bell = self._bell = self.env.event()
        if until < self.floor.end:
            timer = self.env.timeout(int(until) - self.now)
            assert timer.callbacks is not None
            timer.callbacks.append(lambda _: self.ring(0) if self._bell is bell else None)
        yield bell

    def _turn(self, rank: int) -> int:
        """When the unit decides within an instant: by rank, then in the order of the plant."""
        return DECIDE + rank * len(self.floor.plant.unit_ids) + self.index

    def _at(self, instant: float) -> simpy.Event:
        """An event at an instant; one that never happens when that is past the horizon."""
        if instant >= self.floor.end:
            return self.env.event()
        return self.env.timeout(int(instant) - self.now)

    # --- what is written down ---

    def _next_step(self) -> Step | None:
        """The next work, on shift only."""
        if self.calendar.closing(self.now) is None:
            return None
        return self.agenda.next_step(self.now, self.setup_key)

    def _work_of(self, batch: Batch) -> tuple[str, str, str]:
        shop = self.floor.shop
        return self.floor.work_name(batch.order.id, shop.operation(batch), batch.product)

    def _enter(self, state: State, work: tuple[str, str, str], reason: str = "") -> None:
        """Log a state where it differs from the one before."""
        if (state, work, reason) != self._logged:
            self._logged = (state, work, reason)
            self.floor.record.state(self.now, self.facts.id, state, work, reason)

    def _log_start(self, batch: Batch, work: tuple[str, str, str], lot: str, pieces: int) -> None:
        plant = self.floor.plant
        material = plant.plant.products[batch.product].material
        if not self.floor.shop.is_first(batch):
            source = batch.draw_pieces(pieces)
        elif material:
            kg = plant.batch_kg(batch.product, pieces)
            source = self.floor.shop.coils.draw(self.index, material, kg)
        else:
            source = ""
        self.floor.record.start(self.now, self.facts.id, work, lot, source)

    def _log_end(
        self,
        batch: Batch,
        work: tuple[str, str, str],
        lot: str,
        pieces: int,
        n: int,
        job: LotLuck,
    ) -> int:
        """Log the end of a lot and, at an inspection, its verdict; returns the good pieces."""
        share = float(self.floor.plant.scrap[self.index, batch.product])
        scrap = scrapped_pieces(pieces, share, job.scrap.uniform(n)) if share else 0
        good = pieces - scrap
        reason = scrap_reason(self.facts.scrap_reasons, job.reason.uniform(n)) if scrap else ""
        record = self.floor.record
        record.end(self.now, self.facts.id, work, lot, good, scrap, reason)
        if self.facts.inspects:
            verdict = "fail" if scrap > REJECT_RATIO * share * pieces else "pass"
            record.verdict(self.now, self.facts.id, work, lot, good, scrap, verdict, reason)
        return good
