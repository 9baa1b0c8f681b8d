"""What a work unit was doing, read row by row from a simulated log.

The walk keeps what the engines keep (base and overlay, the lives of failure modes, the preventive
tasks), draws the same numbers, and lets the rows say which of the things that may happen did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from twin.behaviour.randomness import Luck
from twin.behaviour.reliability import ModeLife, Reliability
from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant
from twin.model.failures import MaintenanceTask
from twin.model.plant import WorkUnit
from twin.model.snapshot import Base, Overlay, People, UnitSnapshot
from twin.model.state import UnitState
from twin.simulation.clock import NEVER, OpenTicks, count, duration, to_tick
from twin.simulation.crews import Kind
from twin.simulation.floor import Floor
from twin.simulation.lots import remaining_lots, spread_factor
from twin.simulation.material import Materials
from twin.simulation.upkeep import Upkeep

_RUNNING = ("startup", "setup", "working")
"""States in which what a unit does goes on."""


@dataclass(frozen=True)
class Event:
    """A row of the log."""

    tick: int
    unit: str
    event: str
    state: str
    order: str
    lot: str
    quantity: float
    reason: str


Came = tuple[int, int, int]
"""When a job came to wait: tick; by a timer (0) or as units settled (1); which row, or unit."""


@dataclass
class JobWalk:
    """Where an order is, or a part of a source."""

    name: str
    """As the log names it."""
    origin: str
    """The order, or the source: it names the luck."""
    serial: int
    product: int
    step: int
    pieces: int
    """Good, when its present operation began."""
    released: int = 0
    came: Came = (0, 0, 0)
    is_waiting: bool = False
    is_complete: bool = False


@dataclass(frozen=True)
class Setting:
    """What is the same for all units."""

    plant: CompiledPlant
    luck: Luck
    materials: Materials
    jobs: dict[str, JobWalk]


@dataclass(order=True)
class Begun:
    """People have come, at this instant; in the order in which they are served."""

    kind: Kind
    called: int
    unit: int
    crew: str = field(compare=False)
    """Crew or skill asked for."""
    people: int = field(compare=False)
    role: str = field(compare=False)
    """``helpers``, ``setters`` or ``operators``."""


class UnitWalk:
    """What a work unit is doing."""

    def __init__(self, index: int, setting: Setting, state: UnitState) -> None:
        plant = setting.plant
        self.index = index
        self.facts: WorkUnit = plant.plant.work_units[index]
        self._all = setting
        self._calendar = OpenTicks(plant.unit_open[index])
        self._startup = float(plant.startup_time[index])
        self.base: Base = "idle"
        self.job: JobWalk | None = None
        self._spent = self._whole = 0
        """Ticks of the present startup, setup or lot: worked off, and as drawn."""
        self._lots: tuple[int, ...] = ()
        """Pieces of the lots of its job here."""
        self._lot = 0
        self._lot_is_open = False
        self._good = 0
        self.must_leave = False
        """The last lot has ended, and its job has not left yet."""
        self._asked = 0
        """Since when it waits for people, or unhindered for its shift."""
        self.overlay: Overlay = "none"
        self._failed = self._task = ""
        self.until = self._called = 0
        self.here: dict[str, People] = {}
        """Who is busy with it, by role."""
        self.begun: list[Begun] = []
        self.freed: list[People] = []
        """Who went free at this instant."""
        self._key = state.setup_key
        self._is_on = state.is_on
        self._idle_since = 0
        self._reliability = Reliability(
            self.facts.id, self.facts.failure_modes, state.ages, setting.luck, duration, count
        )
        self._stage = _Stage(plant)
        self._upkeep = Upkeep(
            cast(Floor, self._stage), index, state, self._reliability, is_planned=False
        )
        self._upkeep.start_inspecting(0, self._finds)
        self._shown = ""
        self._since = 0
        if state.unavailable_minutes:
            self.overlay, self.until = "repair", to_tick(state.unavailable_minutes)

    # --- time passes ---

    def turn_to(self, tick: int) -> None:
        """Let time pass, up to an instant of which the log has a row."""
        self._inspect(tick - 1)
        self._pass(tick)
        if self.base in ("startup", "setup") and self._spent == self._whole:
            self._end_preparation()
        if self.overlay in ("repair", "maintenance") and self.until <= tick:
            if self.until < tick:
                raise NoriaError(
                    f"replay: {self.facts.id} is under {self.overlay} at minute "
                    f"{tick / 60e6:g}, which with this luck has ended; give the seed and "
                    "replication that wrote the log"
                )
            self._reliability.grow(tick - 1)
            self._end_overlay(tick)
        self._reliability.grow(tick)

    def do_again(self, tick: int) -> None:
        """A task that ends without a row is begun again at once: the unit shows the same state."""
        if self.overlay == "maintenance" and self.until == tick:
            task = self._task
            self.turn_to(tick)
            self._strike_unseen(tick)
            self._begin_task(tick, task)

    def end_instant(self, tick: int) -> None:
        """Work off what the log has no row of."""
        self._inspect(tick)

    def _pass(self, tick: int) -> None:
        passed, self._since = tick - self._since, tick
        self._stage.now = tick
        if self._shown in _RUNNING:
            self._spent += passed
        if self._shown == "working":
            self._reliability.worked += passed

    def _inspect(self, last: int) -> None:
        """Inspections of conditions, up to an instant."""
        while (inspection := self._stage.next_timer()) is not None and inspection.due <= last:
            self._pass(inspection.due)
            self._reliability.grow(inspection.due)
            inspection.fire()

    def _end_preparation(self) -> None:
        if self.base == "startup":
            self._is_on = True
        elif self.job is not None:
            self._key = self._all.plant.setup_key[self.index][self.job.product]
            self._free("setters")

    def _end_overlay(self, tick: int) -> None:
        self._free("helpers")
        if self.base == "ready":
            self._asked = tick
        if self.overlay == "maintenance":
            for id in self._facts_of(self._task).renews:
                life = self._reliability.life(id)
                life.renew(self._reading(life, tick))
                self._upkeep.new_life(life)
                self._failed = "" if id == self._failed else self._failed
            self._upkeep.ends(self._facts_of(self._task))
            self._idle_since = tick
        elif self._failed:
            life = self._reliability.life(self._failed)
            life.repaired(self._reading(life, tick))
            self._upkeep.new_life(life)
            self._failed = ""
        else:
            self._idle_since = tick
        self._upkeep.take_opportunity()
        self._task, self.overlay = "", "none"
        if self._failed:  # a task has found what nobody had seen
            self.overlay, self._called = "down", tick

    def _reading(self, life: ModeLife, tick: int) -> int:
        return self._reliability.reading(life.clock, tick)

    def _free(self, role: str) -> None:
        if role in self.here:
            self.freed.append(self.here.pop(role))

    # --- lots ---

    def start(self, event: Event) -> None:
        """A lot starts."""
        job, plant = self._all.jobs[event.order], self._all.plant
        self.leave(event.tick)
        operation = plant.routes[job.product][job.step]
        if self.base != "work" or self.job is not job or self._lot == len(self._lots):
            row = plant.rows[self.index, operation, job.product]
            if row.operators is not None:
                called = self._operators_called(event.tick)
                self._people_come(Kind.OPERATORS, called, row.operators, row.people, "operators")
            self._note_tasks()
            self.base, self.job, self._is_on = "work", job, True
            self._lots = plant.lots(self.index, operation, job.product, job.pieces).pieces
            self._lot = self._good = 0
            self._key = plant.setup_key[self.index][job.product]
            job.is_waiting = False
        self._lot_is_open, self._spent = True, 0
        self._whole = lot_ticks(self._all, self.index, job, self._lot)
        pieces = self._lots[self._lot]
        self._all.materials.start(self.index, job.name, job.product, (job.step, 0), pieces)

    def end(self, event: Event) -> None:
        """A lot ends."""
        job = self._all.jobs[event.order]
        good = int(event.quantity)
        self._all.materials.end(job.name, (job.step, 0), event.lot, good)
        self._good += good
        self._lot += 1
        self._lot_is_open, self._spent, self._whole = False, 0, 0
        self._reliability.lots += 1
        if self._lot == len(self._lots):
            self.must_leave = True
            if not self._was_scrapped(event):
                self.leave(event.tick)

    def _was_scrapped(self, event: Event) -> bool:
        """Whether a failure ended the lot; the last lot of a job then leaves after the repair."""
        modes = [m.id for m in self.facts.failure_modes if m.interrupted == "scrap"]
        is_named = event.reason in modes and event.reason not in self.facts.scrap_reasons
        return is_named and event.quantity == 0

    def leave(self, tick: int) -> None:
        """The job goes on, if it has to: it waits for its next operation, or is complete."""
        job = self.job
        if not self.must_leave or job is None:
            return
        self.must_leave = False
        self._free("operators")
        job.step += 1
        job.pieces = self._good
        if job.pieces == 0 or job.step == len(self._all.plant.routes[job.product]):
            job.is_complete = True
        else:
            job.is_waiting, job.came = True, (tick, 1, self.index)

    # --- states ---

    def state(self, event: Event) -> None:
        """The unit shows another state, or other work."""
        tick, shown, order = event.tick, event.state, event.order
        named = self._all.jobs[order] if order else None
        if self.must_leave and (named is not self.job or shown == "blocked"):
            self.leave(tick)
        if shown in ("down", "repair"):
            self._hinder(event)
            if named is None:
                self._become_idle(tick)
            elif self._is_through() and not self.must_leave:
                self.base = "blocked"
        else:
            if shown == "maintenance":
                self._strike_unseen(tick)
            self._inspect(tick)
            self._do(event, named)
        self._shown = shown

    def _is_through(self) -> bool:
        """Whether all lots of the job here are done."""
        return self.base == "work" and self._lot == len(self._lots) and not self._lot_is_open

    def _has_left(self) -> bool:
        """Whether the job that is done here has surely left, though no row says so."""
        job, plant = self.job, self._all.plant
        if not self._is_through() or job is None:
            return False
        if not job.is_waiting:
            return True
        following = plant.plant.operations[plant.routes[job.product][job.step]]
        return following.buffer_jobs is None and following.buffer_kg is None

    def _refuse_unknown_room(self) -> None:
        """A task that hides whether a job has left was begun as the unit failed unseen."""
        if self.overlay == "maintenance" and self._is_through() and self.job is not None:
            raise NoriaError(
                f"replay: {self.facts.id} failed unseen as {self.job.name} was done, and while "
                f"its task {self._task} is under way no row says whether that had room to leave; "
                "give rerun.exact_state the plan and rule too, or read it later"
            )

    def _become_idle(self, tick: int) -> None:
        if self.base != "idle":
            self.base, self.job, self._idle_since = "idle", None, tick
            self._spent = self._whole = 0
        self._note_tasks()

    def _do(self, event: Event, named: JobWalk | None) -> None:
        """Be idle, be maintained, get ready, work, or wait with a job."""
        tick, shown = event.tick, event.state
        if shown == "maintenance":
            if self.overlay == "none" or self._has_left():
                self._become_idle(tick)
            self._begin_task(tick, event.reason)
        elif named is None and shown != "startup":
            self._become_idle(tick)
            self._is_on = shown == "standby"
        elif shown == "startup":
            if self.base != "startup":
                self._claim("startup", named, duration(self._startup))
        elif shown == "blocked":
            self.base = "blocked"
        elif named is not None and shown == "setup":
            if self.base != "setup" or self.job is not named:
                self._set_up(tick, named)
        elif named is not None and shown != "working":
            self._wait_with(tick, named)

    def _claim(self, base: Base, job: JobWalk | None, whole: int) -> None:
        """Get ready for a job, or warm up for none in particular."""
        self._note_tasks()
        self.base, self.job, self._spent, self._whole = base, job, 0, whole
        self._is_on = self._is_on or base != "startup"

    def _setup_minutes(self, product: int) -> float:
        """Mean time from what it is set up for; a product without a key needs no setup."""
        plant = self._all.plant
        has_key = bool(plant.setup_key[self.index][product])
        return plant.setup_minutes(self.index, self._key, product) if has_key else 0.0

    def _set_up(self, tick: int, job: JobWalk) -> None:
        table = self.facts.setup
        assert table is not None
        if table.crew is not None:
            waited = self.base == "setup_wait" and self.job is job
            called = self._asked if waited else tick
            self._people_come(Kind.SETUP, called, table.crew, 1, "setters")
        self._claim("setup", job, setup_ticks(self._all, self.index, self._key, job))

    def _wait_with(self, tick: int, job: JobWalk) -> None:
        """Work that does not run, or has not begun: for want of an open shift, or of people."""
        if self.job is job and self._goes_on_waiting():
            return
        plant, table = self._all.plant, self.facts.setup
        base: Base = "ready"
        if self._setup_minutes(job.product) == 0:
            self._key = plant.setup_key[self.index][job.product]
        elif table is not None and table.crew is not None:
            base = "setup_wait"
        self._claim(base, job, 0)
        self._asked = tick

    def _goes_on_waiting(self) -> bool:
        """Whether what it does with its job only stands still."""
        if self.base == "setup":
            return self._spent < self._whole
        is_in_work = self.base == "work" and (self.must_leave or not self._is_through())
        return is_in_work or self.base in ("setup_wait", "ready", "operator_wait")

    def _operators_called(self, now: int) -> int:
        """When a unit whose work begins has called for its operators."""
        if self.base == "operator_wait":
            return self._asked
        if self.base == "ready":
            return int(min(self._calendar.opening(self._asked), now))
        return now

    def _call_operators(self, before: int) -> None:
        """A job that was ready calls for operators when the shift opens, if nothing hinders."""
        if self.base != "ready" or self.job is None or self.overlay != "none":
            return
        plant, job = self._all.plant, self.job
        row = plant.rows[self.index, plant.routes[job.product][job.step], job.product]
        is_set_up = self._setup_minutes(job.product) == 0
        opening = self._calendar.opening(self._asked)
        if row.operators is not None and is_set_up and opening < before:
            self.base, self._asked = "operator_wait", int(opening)

    # --- failures and tasks ---

    def _hinder(self, event: Event) -> None:
        """A failure, or the beginning of its repair; not the same row with other work."""
        tick, shown = event.tick, event.state
        if event.reason == "":
            return
        life = self._reliability.life(event.reason)
        mode = life.mode
        if self.overlay == "none":
            self._strike(tick, life)
        self._inspect(tick)
        if shown == "repair" and self.overlay != "repair":
            self._called = tick if self.overlay == "hidden" else self._called
            self.overlay = "repair"
            self.until = tick + duration(life.repair_minutes())
            if mode.crew is not None:
                self._people_come(Kind.REPAIR, self._called, mode.crew, mode.people, "helpers")

    def _strike(self, tick: int, life: ModeLife) -> None:
        """A mode fails, and the lot in work may have to be begun again."""
        self._call_operators(tick)
        self._called, self._failed = tick, life.mode.id
        if self._lot_is_open and life.mode.interrupted == "restart":
            self._spent = 0
        self.overlay = "hidden" if life.mode.detected == "at_inspection" else "down"
        self._note_tasks()

    def _strike_unseen(self, tick: int) -> None:
        """A failure that no row tells of, as a task is begun at the instant it strikes."""
        life = self._reliability.failed(tick)
        if self.overlay == "none" and life is not None:
            self._strike(tick, life)

    def _finds(self, life: ModeLife) -> bool:
        """An inspection finds a failure nobody had seen."""
        if self.overlay != "hidden" or self._failed != life.mode.id:
            return False
        self.overlay, self._called = "down", self._stage.now
        return True

    def _facts_of(self, task: str) -> MaintenanceTask:
        return next(t for t in self.facts.maintenance if t.id == task)

    def _begin_task(self, tick: int, name: str) -> None:
        task = self._facts_of(name)
        self.overlay, self._task = "maintenance", name
        self.until = tick + duration(task.duration)
        self._upkeep.begins(task)
        self._people_come(Kind.MAINTENANCE, tick, task.crew, task.people, "helpers")

    def _note_tasks(self) -> None:
        """Tasks that come due by work are found due when the unit looks for work."""
        if self.overlay in ("none", "hidden"):
            self._upkeep.due()

    def _people_come(self, kind: Kind, called: int, crew: str, people: int, role: str) -> None:
        self.begun.append(Begun(kind, called, self.index, crew, people, role))

    # --- the end of the walk ---

    def snapshot(self, cut: int) -> UnitSnapshot:
        """As it stands at an instant, which is not worked through any more."""
        self._refuse_unknown_room()
        self._inspect(cut - 1)
        self._pass(cut)
        self._call_operators(cut)
        lives = self._reliability.lives
        for life in lives:
            life.grow(self._reading(life, cut) - 1)
        job, is_in_work, is_blocked = self.job, self.base == "work", self.base == "blocked"
        is_timed = self.overlay in ("repair", "maintenance")
        return UnitSnapshot(
            base=self.base,
            jobs=(job.name,) if job else (),
            named=(job.name, job.step - is_blocked, 0) if job else None,
            product=self._all.plant.product_ids[job.product] if job and not is_blocked else "",
            left=self._whole - self._spent,
            whole=self._whole if self._lot_is_open else 0,
            runs=self._shown in _RUNNING,
            lot=self._lot if is_in_work else 0,
            lot_is_open=self._lot_is_open,
            pieces=job.pieces if job and is_in_work else 0,
            overlay=self.overlay,
            failed=self._failed,
            task=self._task,
            until=self.until - cut if is_timed else 0,
            called=self._called - cut if self.overlay == "down" else 0,
            asked=self._asked - cut if self.base in ("setup_wait", "operator_wait") else 0,
            helpers=self.here.get("helpers"),
            setters=self.here.get("setters"),
            operators=self.here.get("operators"),
            setup_key=self._key,
            is_on=self._is_on,
            idle_since=self._idle_since - cut if self.base == "idle" else 0,
            modes={life.mode.id: life.snapshot(self._reading(life, cut)) for life in lives},
            tasks=self._upkeep.snapshot(cut),
        )

    def pieces_now(self) -> int:
        """Good pieces of the job here."""
        assert self.job is not None
        return self._good + sum(self._lots[self._lot :]) if self.base == "work" else self.job.pieces


class _Stage:
    """What the upkeep of a unit asks of a shop floor: an instant, and timers of inspections."""

    def __init__(self, plant: CompiledPlant) -> None:
        self.plant = plant
        self.now = 0
        self.tally = _Counts()
        self._timers: list[_StageTimer] = []

    def timer(self, group: str, index: int, action: Callable[[], None]) -> _StageTimer:
        found = _StageTimer(action)
        self._timers.append(found)
        return found

    def next_timer(self) -> _StageTimer | None:
        return min(self._timers, key=lambda timer: timer.due, default=None)

    def mark(self, unit: int) -> None:
        pass


@dataclass
class _StageTimer:
    """An inspection to come."""

    action: Callable[[], None]
    due: int = NEVER

    def set(self, due: int) -> None:
        self.due = due

    def cancel(self) -> None:
        self.due = NEVER

    def fire(self) -> None:
        self.due = NEVER
        self.action()


@dataclass
class _Counts:
    """Inspections by unit and task, which nobody asks for here."""

    inspections: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))


def lot_ticks(setting: Setting, unit: int, job: JobWalk, number: int) -> int:
    """How long a lot takes, as drawn."""
    plant = setting.plant
    operation = plant.routes[job.product][job.step]
    row = plant.rows[unit, operation, job.product]
    lot = remaining_lots(plant.lots(unit, operation, job.product, job.pieces), 0.0)[number]
    entity = f"{job.origin}/{plant.operation_ids[operation]}"
    u = setting.luck.stream(entity, "lot time").uniform(job.serial << 16 | number)
    return lot.ticks(row.spread, row.cv, u)


def setup_ticks(setting: Setting, unit: int, key: str, job: JobWalk) -> int:
    """How long a setup takes, as drawn."""
    plant = setting.plant
    table = plant.plant.work_units[unit].setup
    assert table is not None
    entity = f"{job.origin}/{plant.operation_ids[plant.routes[job.product][job.step]]}"
    u = setting.luck.stream(entity, "setup").uniform(job.serial << 16)
    minutes = plant.setup_minutes(unit, key, job.product)
    return duration(minutes * spread_factor("lognormal", table.cv, u))
