"""A work unit: two registers, and the day they make.

The *base* says what the unit does, the *overlay* what hinders it, which is another file
(:mod:`twin.simulation.hindrance`). The base runs only under no overlay and, but for a startup, only
while the shift of the unit is open. What is stopped keeps what is left of it, and runs on when the
hindrance ends: there is no more to interruptions than that.

What ends at an instant (a warm-up, a setup, a lot, a shift) is worked off by the timers of the
unit. What begins is decided in :meth:`WorkUnit.settle`, when all ends of the instant are known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twin.behaviour.reliability import ModeLife
from twin.model.compiled import STATE_INDEX
from twin.model.state import UnitState
from twin.simulation.agenda import Agenda, Step
from twin.simulation.clock import GRACE, OpenTicks, duration
from twin.simulation.crews import Busy, Call, Kind, People
from twin.simulation.floor import Floor
from twin.simulation.hindrance import ASKED, UNHINDERED, Hindrance, Overlay
from twin.simulation.jobs import Job
from twin.simulation.lots import spread_factor
from twin.simulation.registers import (
    BLOCKED,
    FINISHED,
    IDLE,
    NO_WORK,
    OPERATOR_WAIT,
    PREPARATION,
    READY,
    RUNS,
    SETUP,
    SETUP_WAIT,
    STARTUP,
    STOPS,
    WORK,
    Registers,
)
from twin.simulation.shop import Shop
from twin.simulation.stocks import Stock
from twin.simulation.work import Bench, Work

_STATE_OF = {
    STARTUP: STATE_INDEX["startup"],
    SETUP: STATE_INDEX["setup"],
    WORK: STATE_INDEX["working"],
    FINISHED: STATE_INDEX["blocked"],
    BLOCKED: STATE_INDEX["blocked"],
}
_OFF, _STANDBY = STATE_INDEX["off"], STATE_INDEX["standby"]


class WorkUnit(Registers):
    """It warms up, is set up, works, is blocked, fails, is repaired and maintained, and waits."""

    __slots__ = (
        "_bench", "_calls_operators", "_done", "_floor", "_has_tasks", "_held", "_idle_since",
        "_is_open", "_keys", "_logged", "_meter", "_named", "_operators", "_people",
        "_reliability", "_rem", "_running_since", "_setters", "_shares_work", "_shift_timer",
        "_shop", "_startup", "_step", "_timer", "_wake", "_wears_at_work", "_work", "agenda",
        "base", "calendar", "facts", "hindrance", "index", "is_on", "peers", "setup_key",
        "under_way",
    )  # fmt: skip
    """Listed, as Python is slower with an object of more than 30 attributes."""

    agenda: Agenda

    def __init__(
        self,
        floor: Floor,
        index: int,
        state: UnitState,
        shop: Shop,
        people: People,
        stocks: dict[str, Stock],
        *,
        is_planned: bool,
    ) -> None:
        plant = floor.plant
        self.index = index
        self.facts = plant.plant.work_units[index]
        self.calendar = OpenTicks(plant.unit_open[index])
        self.base = IDLE
        self.is_on = state.is_on
        self.setup_key = state.setup_key
        self.hindrance = Hindrance(floor, index, state, people, stocks, self, is_planned=is_planned)
        self._reliability = self.hindrance.reliability
        self.under_way: deque[tuple[Job, float]] = deque()
        """Jobs in work when the horizon begins, with the share of the operation done."""
        self.peers: list[WorkUnit] = []
        """All units of the plant, itself among them."""
        self._floor = floor
        self._shop = shop
        self._people = people
        self._bench = Bench(floor, index)
        self._startup = float(plant.startup_time[index])
        self._keys = plant.setup_key[index]
        self._has_tasks = bool(self.facts.maintenance)
        self._calls_operators = any(row.operators is not None for row in self.facts.processing)
        self._wears_at_work = any(m.clock == "operating" for m in self.facts.failure_modes)
        self._shares_work = any(
            len(units) > 1 for units in plant.eligible.values() if index in units
        )
        self._is_open = self.calendar.closing(0) is not None
        self._meter = floor.tally.meters[index]
        self._meter.is_open = self._is_open
        self._rem = 0
        """Left of startup, setup or the lot in work [tick]."""
        self._running_since: int | None = None
        self._idle_since = 0
        self._step: Step | None = None
        """What it prepares for or works on."""
        self._done = 0.0
        """Share of that done before the horizon."""
        self._work: Work | None = None
        self._held: list[Job] = []
        """Jobs done that have not left."""
        self._named = NO_WORK
        """Job, step and pass that its rows name."""
        self._setters: Busy | None = None
        self._operators: Busy | None = None
        self._logged: tuple[int, tuple[int, int, int], int] | None = None
        self._shift_timer = floor.timer("shift", index, self._shift_turns)
        self._shift_timer.set(self.calendar.next_change(0))
        self._timer = floor.timer("activity", index, self._activity_ends)
        self._wake = floor.timer("wake", index, lambda: floor.mark(index))

    # --- what ends ---

    def _shift_turns(self) -> None:
        """The shift begins, or ends: what is all but done, or ends at this instant, is finished."""
        now = self._floor.now
        self._floor.stirred.add(self.index)
        self._is_open = self.calendar.closing(now) is not None
        self._meter.shift_turns(self._is_open, now)
        self._shift_timer.set(self.calendar.next_change(now))
        if self._is_open:
            self._floor.calls_are_open = True
            self.resume()
        elif self._running_since is not None and self.base is not STARTUP:
            is_all_but_done = self._rem - (now - self._running_since) <= GRACE
            if not is_all_but_done and self._timer.due != now:
                self._stop()
        self._floor.mark(self.index)

    def _activity_ends(self) -> None:
        """A startup, setup or lot is done, or a failure mode has used up its life."""
        self._count_run()
        if self._rem == 0:
            if self.base is WORK:
                self._end_lot()
            elif self.base is SETUP:
                self._end_setup()
            else:
                self.is_on = True
        if self._reliability.lives:
            self.hindrance.look()
        if self.base is not FINISHED:
            self.resume()
        self._floor.stirred.add(self.index)
        self._floor.mark(self.index)

    def _end_setup(self) -> None:
        assert self._step is not None
        self.setup_key = self._keys[self._step.product]
        if self._setters is not None:
            self._setters.free()
            self._setters = None

    def _end_lot(self) -> None:
        work = self._work
        assert work is not None
        work.end_lot()
        self._reliability.lots += 1
        if work.lots_left == 0:
            self._finish()

    def _finish(self) -> None:
        """The last lot has ended."""
        assert self._work is not None
        if self._operators is not None:
            self._operators.free()
            self._operators = None
        if self.facts.inspection is not None:
            self._work.inspect()
        self._held = list(self._work.jobs)
        self.base = FINISHED

    # --- what is stopped, and runs on ---

    @property
    def has_part_in_hand(self) -> bool:
        """Whether a lot is open, or finished work has not left."""
        if self.base is WORK:
            assert self._work is not None
            return self._work.is_open
        return self.base in (FINISHED, BLOCKED)

    def _stop(self) -> None:
        """Stand still; what is left is kept."""
        if self._running_since is not None:
            self._count_run()
            self._timer.cancel()

    def _count_run(self) -> None:
        """Count what has been done since it began to run."""
        assert self._running_since is not None
        ran = self._floor.now - self._running_since
        self._running_since = None
        self._rem -= ran
        if self.base is WORK:
            self._reliability.worked += ran

    def interrupt(self, life: ModeLife) -> None:
        """A failure stops the unit; what becomes of the lot, or of done jobs, its mode says."""
        self._stop()
        work, rule = self._work, life.mode.interrupted
        if work is not None and work.is_open:
            if rule == "scrap":
                work.scrap_lot(len(self.facts.scrap_reasons) + life.index)
                self._reliability.lots += 1
            elif rule == "restart":
                self._rem = work.ticks
        elif rule == "scrap" and self.base in (FINISHED, BLOCKED):
            for job in list(self._held):
                if job in self._held and not job.is_claimed:  # the one before may have made room
                    self._shop.throw_away(job, self.index)
            if not self._held:
                self._become_idle()

    def resume(self) -> None:
        """Run on, if nothing hinders; between two lots, start the next."""
        base = self.base
        if (
            base not in RUNS
            or self._running_since is not None
            or self.hindrance.overlay is not UNHINDERED
        ):
            return
        if base is WORK and self._work is not None and not self._work.is_open:
            self._work_on()
        elif self._rem > 0 and (self._is_open or base is STARTUP or self._rem <= GRACE):
            self._run()

    def _work_on(self) -> None:
        """No lot is open: start the next, in open time; after the last, the work is finished."""
        work = self._work
        assert work is not None
        if self._is_open:
            if work.lots_left > 0:
                self._rem = work.start_lot()
                self._run()
            else:
                self._finish()

    def _run(self) -> None:
        """Run from now on, until what is left is done, or a life on the clock of its work."""
        stretch = self._rem
        if self._wears_at_work and self.base is WORK:
            stretch = min(stretch, self._reliability.work_left())
        now = self._running_since = self._floor.now
        self._timer.set(now + stretch)

    # --- what begins ---

    def look_around(self) -> None:
        """There is a job it may take: decide anew at this instant, unless it is at work."""
        if self.base is not WORK or self.hindrance.overlay is not UNHINDERED:
            self._floor.mark(self.index)

    def settle(self) -> None:
        """Look around and decide what to do next."""
        hindrance = self.hindrance
        if self.base is WORK and hindrance.overlay is UNHINDERED:
            return
        self._floor.stirred.add(self.index)
        if self.base is FINISHED:
            self._hand_on()
        if hindrance.overlay is ASKED:
            hindrance.withdraw()
        if self.base is IDLE and self._reliability.may_wait_for_part:
            hindrance.look()
        if hindrance.overlay is UNHINDERED:
            if self.base is not IDLE and self._is_prepared:
                self._proceed()
            if self.base is IDLE:
                self._decide()
        elif hindrance.overlay is Overlay.HIDDEN:
            self._ask_for_task(None)
            self._set_wake()

    @property
    def _is_prepared(self) -> bool:
        """Whether nothing but the shift is waited for, or its startup or setup is done."""
        return self.base is READY or (self.base in PREPARATION and self._rem == 0)

    def wants_task(self) -> bool:
        """Whether it is idle, or has failed unseen, and has a task whose crew could come."""
        overlay = self.hindrance.overlay
        if overlay is not Overlay.HIDDEN and (overlay is not UNHINDERED or self.base is not IDLE):
            return False
        task = self.agenda.task_due(self._floor.now)
        return task is not None and self.hindrance.could_begin(task)

    def _decide(self) -> None:
        """An idle unit does what is under way, a task, the next work, or nothing."""
        while self.base is IDLE:
            if self.under_way:
                self._take_up(*self.under_way.popleft())
                continue
            step = None
            if self._is_open:
                step = self.agenda.next_step(self._floor.now, self.setup_key)
            if self._has_tasks and self._ask_for_task(step):
                return
            if step is None:
                self._stand_idle()
                return
            unit = self._readiest(step) if self._shares_work else self
            unit.begin(step)

    def _ask_for_task(self, step: Step | None) -> bool:
        """Ask for the crew of a task that goes before the work, if it could come."""
        task = self.agenda.task_due(self._floor.now)
        if task is None or (step is not None and task.planned_start > step.planned_start):
            return False
        if not self.hindrance.could_begin(task):
            return False
        self.hindrance.ask(task)
        return True

    def _stand_idle(self) -> None:
        """Stand by, warm up for work to come, or switch off, until something changes."""
        is_wanted = self.agenda.wants_on(self._floor.now, self.is_on, self._idle_since)
        if is_wanted and not self.is_on and self._startup > 0:
            self._wake.cancel()
            self._start_up()
            return
        self.is_on = is_wanted
        self._set_wake()

    def _set_wake(self) -> None:
        self._wake.set(self.agenda.next_change(self._floor.now, self._idle_since))

    def _take_up(self, job: Job, done: float) -> None:
        """Go on with a job that was in work before the horizon: warm and set up for it."""
        self.is_on = True
        self.setup_key = self._keys[job.product]
        self.begin(Step(job.product, (job,), float("-inf")), done)

    def begin(self, step: Step, done: float = 0.0) -> None:
        """Claim the jobs of a step and get ready for them."""
        self._wake.cancel()
        self._floor.stirred.add(self.index)
        self._step, self._done = step, done
        for job in step.jobs:
            if job.is_waiting:
                self._shop.claim(job)
        self._named = self._name(step)
        self._proceed()

    def _proceed(self) -> None:
        """Start up, be set up, wait for shift and people, work: until one of them takes time."""
        step = self._step
        if step is None:  # started up for no job in particular
            self._become_idle()
            return
        if not self.is_on and self._startup > 0:
            self._start_up()
            return
        self.is_on = True
        if self.facts.setup is not None and self.setup_minutes(step.product) > 0:
            self._call_setters(step)
            return
        self.setup_key = self._keys[step.product]
        item = step.item
        if item is not None:
            item.is_set_up = True
        if not step.jobs or (item is not None and item.work_start > self._floor.now):
            for job in step.jobs:
                job.is_claimed = False
            self._become_idle()
        elif not self._is_open:
            self.base = READY
        elif self._calls_operators:
            self._call_operators(step)
        else:
            self._begin_work(None)

    def _start_up(self) -> None:
        self.base, self._rem = STARTUP, duration(self._startup)
        self.resume()

    def _call_setters(self, step: Step) -> None:
        table = self.facts.setup
        assert table is not None
        if table.crew is None:
            self._set_up(None)
            return
        self.base = SETUP_WAIT
        self._call(Kind.SETUP, table.crew, 1, self._set_up)

    def _set_up(self, setters: Busy | None) -> None:
        step, table = self._step, self.facts.setup
        assert step is not None
        assert table is not None
        number, at, _ = self._named
        u = self._floor.job_luck.uniform(self._shop.jobs[number], "setup", step=at)
        minutes = self.setup_minutes(step.product) * spread_factor("lognormal", table.cv, u)
        self._setters = setters
        self.base, self._rem = SETUP, duration(minutes)
        self.resume()

    def _call_operators(self, step: Step) -> None:
        operation = step.jobs[0].operation
        row = self._floor.plant.rows[self.index, operation, step.product]
        if row.operators is None:
            self._begin_work(None)
            return
        self.base = OPERATOR_WAIT
        self._call(Kind.OPERATORS, row.operators, row.people, self._begin_work)

    def _call(
        self, kind: Kind, crew: str, people: int, begin: Callable[[Busy | None], None],
        since: int | None = None,
    ) -> None:  # fmt: skip
        def can_begin() -> bool:
            return self._is_open and self.hindrance.overlay is UNHINDERED

        called = self._floor.now if since is None else since
        self._people.call(Call(kind, called, self.index, crew, people, can_begin, begin))

    def _begin_work(self, operators: Busy | None) -> None:
        """Everything is there: the jobs are taken and the first lot starts."""
        step = self._step
        assert step is not None
        self._operators = operators
        for job in step.jobs:
            if job.is_waiting:
                self._shop.take(job)
        if step.item is not None:
            self.agenda.begins(step.item)
        self._work = Work(self._bench, step.jobs, self._done)
        self.base = WORK
        self._work_on()

    # --- jobs that leave, jobs that are offered ---

    def _hand_on(self) -> None:
        """The jobs go on, as far as there is room for them."""
        assert self._work is not None
        for job in self._work.jobs:
            self._shop.hand_on(job, self.index)
        if self._held:
            self.base = BLOCKED
            self._shop.refuse_deadlock(self.index)
        else:
            self._become_idle()

    def job_leaves(self, job: Job) -> None:
        """A finished job has found room."""
        self._held.remove(job)
        if self.base is BLOCKED and not self._held:
            self._become_idle()
            self._floor.mark(self.index)

    def _become_idle(self) -> None:
        self.base = IDLE
        self._step, self._work, self._named = None, None, NO_WORK
        self._idle_since = self._floor.now

    def went_idle(self) -> None:
        self._idle_since = self._floor.now

    def _readiest(self, step: Step) -> WorkUnit:
        """Of the free units that can do a job without a planned place, the one ready first."""
        if step.item is not None:
            return self
        plant, operation = self._floor.plant, step.jobs[0].operation
        able = plant.eligible[operation, step.product]
        if len(able) == 1 or plant.rows[self.index, operation, step.product].load is not None:
            return self
        best, least = self, self._readiness(step.product)
        for m in able:
            unit = self.peers[m]
            if unit is self or plant.rows[m, operation, step.product].load is not None:
                continue
            readiness = unit._readiness(step.product)
            if readiness < least and unit._is_free():
                best, least = unit, readiness
        return best

    def _readiness(self, product: int) -> tuple[float, float]:
        """Minutes until it could begin a product: by warm-up first, then by setup."""
        return (0.0 if self.is_on else self._startup), self.setup_minutes(product)

    def _is_free(self) -> bool:
        return (
            self.base is IDLE
            and self.hindrance.overlay is UNHINDERED
            and self._is_open
            and not self.under_way
            and self.agenda.task_due(self._floor.now) is None
            and self._reliability.failed(self._floor.now) is None
            and self.agenda.is_over()
        )

    # --- what is written down ---

    def log_state(self) -> None:
        """Log the visible state where it differs from the one before."""
        seen = self._visible()
        if seen != self._logged:
            self._logged = seen
            now, record = self._floor.now, self._floor.record
            self._meter.enter(seen[0], now)
            if record is not None:
                record.state(now, self.index, *seen)

    def _visible(self) -> tuple[int, tuple[int, int, int], int]:
        """State, (job, step, pass) and reason."""
        base, hindrance = self.base, self.hindrance
        if hindrance.overlay is not UNHINDERED:
            hindered = hindrance.visible()
            if hindered is not None:
                is_for_job = hindrance.overlay is not Overlay.MAINTENANCE
                return hindered[0], (self._named if is_for_job else NO_WORK), hindered[1]
        if base in _STATE_OF and (self._running_since is not None or base not in STOPS):
            return _STATE_OF[base], self._named, -1
        if base is IDLE:
            is_warm = self.is_on
        else:  # waits for its shift, or for people
            is_warm = self._is_open or self._startup > 0
        return (_STANDBY if is_warm else _OFF), self._named, -1

    def setup_minutes(self, product: int) -> float:
        """Mean setup time for a product; 0 where the unit, or the product, has no key."""
        return self._floor.plant.setup_minutes(self.index, self.setup_key, product)

    def _name(self, step: Step) -> tuple[int, int, int]:
        """Job, step and pass of some work: the order's job, if it is to be set up ahead for it."""
        if step.jobs:
            job = step.jobs[0]
            at = job.step
        else:
            assert step.item is not None
            job = self._shop.batches[step.item.order]
            at = job.route.index(step.item.operation)
        return job.number, at, job.visits[at]
