"""The planning problem as flat tuples: what is left to do, where, and how long it takes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from solvers.supported import refuse_unsupported
from solvers.timing import Grid, Shift
from solvers.wear import Wear
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.demands import NOTHING_DEMANDED, Demands
from twin.model.failures import FailureMode
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.maintenance import DueTask, due_tasks
from twin.model.orders import OrderBook
from twin.model.plant import WorkUnit
from twin.model.schedule import Schedule, Unkept
from twin.model.shifts import OpenTime
from twin.model.state import OrderState, ShopState

INFINITE = float("inf")
BAD_LUCK = 0.8
"""Quantile of its delays by which an order counts as due earlier in sequences by date."""
HARD = 100.0
"""What breaks a hard demand by a kWh, a kg or an hour costs the search this many times the most
that one can cost otherwise, so that no plan pays for it."""


@dataclass(frozen=True)
class Choice:
    """One work unit that can do an operation."""

    unit: int
    minutes: float
    """p_jm, or what is left of it [min]."""
    key: int
    """Index of the setup key the unit needs, in ``Unit.keys``."""


@dataclass(frozen=True)
class Op:
    """Operation k of order j that is still to be done."""

    index: int
    job: int
    step: int
    """Place in the order's remaining operations."""
    operation: int
    """Index in ``CompiledPlant.operation_ids``."""
    choices: tuple[Choice, ...]
    buffer_kg: float
    """Room for batches waiting for it [kg]."""
    is_running: bool
    """Has started before minute 0; goes on where it is, without setup."""
    planned: tuple[int, float] | None = None
    """Unit and first minute of work [min] in the previous plan, where moving it is charged."""
    is_frozen: bool = False
    """Keeps its unit and first minute of work; see :mod:`solvers.frozen`."""

    @property
    def is_bound(self) -> bool:
        """Stands where it is, whatever else changes."""
        return self.is_running or self.is_frozen


@dataclass(frozen=True)
class Job:
    """A work order with its remaining operations."""

    index: int
    order: str
    release: float
    due: float
    aim: float
    """When the search wants it done: the due date, or earlier where bad luck would make it late."""
    weight: float
    kg: float
    ops: tuple[int, ...]
    is_waiting: bool
    """Waits at minute 0 before its next operation, in that operation's buffer."""
    is_begun: bool
    """Waits or runs at minute 0, or its next operation is frozen."""
    deadline: float = INFINITE
    """Must be done by then [min]."""
    delays: tuple[float, ...] = ()
    """How far it may run behind its plan, equally likely values in rising order [min]."""

    def lateness(self, end: float) -> float:
        """Expected tardiness if the plan has it done at ``end`` [min]: the mean over its delays."""
        late = end - self.due
        if not self.delays:
            return late if late > 0 else 0.0
        if late + self.delays[-1] <= 0:
            return 0.0
        return sum(late + d for d in self.delays if late + d > 0) / len(self.delays)


@dataclass(frozen=True, eq=False)
class Mode:
    """A failure mode with its age at minute 0 and the tasks that renew it."""

    mode: FailureMode
    age: float
    renewed_by: frozenset[str]
    wear: Wear

    @property
    def is_operating(self) -> bool:
        """Ages only while the unit works."""
        return self.mode.clock == "operating"


@dataclass(frozen=True, eq=False)
class Unit:
    """A work unit as the search sees it."""

    index: int
    id: str
    shift: int
    startup: float
    """Warm-up [min]; with 0 the unit is simply off while nothing is done."""
    ready: float
    """Does nothing before [min]."""
    is_on: bool
    """Warm and free at minute 0; one under repair is off when that ends."""
    timeout: float
    """Without a look at prices an idle unit switches off after this long [min]."""
    keys: tuple[str, ...]
    first_key: int
    setup_minutes: tuple[tuple[float, ...], ...]
    """[from][to]"""
    setup_cost: float
    off: float
    standby: float
    warming: float
    setting: float
    working: float
    maintaining: float
    """Power in each state [kW]."""
    modes: tuple[Mode, ...]
    """Those whose failures cost something."""


@dataclass(frozen=True)
class Pin:
    """A frozen operation, or task, in its place."""

    ref: int
    """Index of the operation, or the complement of the task's."""
    start: float
    """First minute of setup [min]."""
    work: float
    end: float
    choice: Choice | None = None
    """For operations."""
    setup: float = 0.0


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything the solvers read. Times in minutes of the horizon, indices for names."""

    plant: CompiledPlant
    orders: OrderBook
    forecast: Forecast
    state: ShopState
    previous: Schedule | None
    jobs: tuple[Job, ...]
    ops: tuple[Op, ...]
    units: tuple[Unit, ...]
    shifts: tuple[Shift, ...]
    """Of units, then of crews."""
    pms: tuple[DueTask, ...]
    pm_unit: tuple[int, ...]
    crew_shift: dict[str, int] = field(default_factory=dict)
    demands: Demands = NOTHING_DEMANDED
    carbon_weight: float = 0.0
    """Added to the price of carbon in the search, not in what a plan costs [currency/kg]."""
    pins: tuple[Pin, ...] = ()
    """What is frozen, in the order it was placed."""
    unkept: tuple[Unkept, ...] = ()
    """What was frozen and could not be kept."""
    blocks: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)
    """What :func:`solvers.states.block` remembers; the same for all problems of the same units."""

    @property
    def horizon(self) -> Horizon:
        return self.forecast.horizon

    @property
    def end(self) -> float:
        return float(self.horizon.minutes)

    @cached_property
    def grid(self) -> Grid:
        return Grid.of(self.horizon.edges, self.shifts)

    @cached_property
    def energy_rate(self) -> Array:
        """Price with the price of carbon in it, for imported energy (T,) [currency/kWh]."""
        return self.forecast.price_per_kwh + self.forecast.carbon_intensity * self.carbon_rate

    @property
    def carbon_rate(self) -> float:
        """Price of carbon in the search [currency/kgCO2e]."""
        return self.plant.plant.costs.carbon_per_t / 1000 + self.carbon_weight

    @cached_property
    def frozen_tasks(self) -> frozenset[int]:
        """Preventive tasks that keep their start."""
        return frozenset(~pin.ref for pin in self.pins if pin.ref < 0)

    @cached_property
    def power_cap(self) -> float:
        """Highest mean import allowed in a slot [kW]."""
        cap = self.demands.power_cap_kw
        return INFINITE if cap is None else cap

    @cached_property
    def carbon_cap(self) -> float:
        """Most that what is bought may emit [kgCO2e]."""
        cap = self.demands.carbon_cap_kg
        return INFINITE if cap is None else cap

    @cached_property
    def power_fine(self) -> float:
        """What the search is charged for a kWh above the power cap [currency/kWh]."""
        return HARD * max(float(np.abs(self.energy_rate).max()), 1e-3)

    @cached_property
    def carbon_fine(self) -> float:
        """What the search is charged for a kg above the carbon cap [currency/kgCO2e]."""
        cleanest = float(self.forecast.carbon_intensity.mean())
        return self.power_fine / HARD * 20 / max(cleanest, 1e-3)

    @cached_property
    def deadline_fine(self) -> float:
        """What the search is charged for an hour past a deadline [currency/h]."""
        power = sum(unit.working for unit in self.units) / max(len(self.units), 1)
        hour = self.plant.plant.costs.tardiness_per_h + power * self.power_fine / HARD
        return HARD * max(hour, 1.0)

    @cached_property
    def floor_kw(self) -> float:
        """Power of the site with every work unit off: base load and off power [kW]."""
        return self.plant.plant.energy.base_load_kw + sum(u.off for u in self.units)

    @cached_property
    def shortest(self) -> tuple[float, ...]:
        """For each operation the least work from its start to the end of its order [min]."""
        left = [0.0] * len(self.ops)
        for job in self.jobs:
            total = 0.0
            for o in reversed(job.ops):
                total += min((c.minutes for c in self.ops[o].choices), default=0.0)
                left[o] = total
        return tuple(left)


def build_problem(
    plant: CompiledPlant,
    orders: OrderBook,
    forecast: Forecast,
    state: ShopState,
    previous: Schedule | None = None,
    demands: Demands = NOTHING_DEMANDED,
) -> Problem:
    """Lay out the planning problem of one horizon.

    Orders that are finished at the cut-off are left out; an operation that is running stays on its
    work unit with the rest of its time. What is frozen is settled by
    :func:`solvers.frozen.settled`, before a plan is made.

    Raises
    ------
    InputError
        If the plant has what plans cannot honour.
    ValueError
        If plant and forecast speak of different horizons.
    """
    refuse_unsupported(plant.plant)
    if plant.horizon != forecast.horizon:
        raise ValueError("plant and forecast have different horizons; compile the plant for it")
    shifts, shift_of = _shifts(plant)
    units = tuple(_unit(plant, state, m, shift_of[m]) for m in range(len(plant.unit_ids)))
    jobs, ops = _jobs(plant, orders, state, units, _planned(plant, previous))
    pms = tuple(due_tasks(plant.plant, state, plant.horizon))
    return Problem(
        plant=plant,
        orders=orders,
        forecast=forecast,
        state=state,
        previous=previous,
        jobs=jobs,
        ops=ops,
        units=units,
        shifts=shifts,
        pms=pms,
        pm_unit=tuple(plant.unit_index[pm.work_unit] for pm in pms),
        crew_shift={crew: shift_of[crew] for crew in plant.crew_open},
        demands=demands,
    )


def with_delays(problem: Problem, delays: Mapping[str, Sequence[float]]) -> Problem:
    """The same problem, its search reckoning with how far each order may run behind its plan [min].

    An order is charged its expected tardiness over these delays; in sequences by date it counts as
    due earlier by the one in :data:`BAD_LUCK` of them.
    """

    def reckoned(job: Job) -> Job:
        found = tuple(sorted(delays.get(job.order, ())))
        if not found:
            return job
        bad = found[min(int(BAD_LUCK * len(found)), len(found) - 1)]
        return replace(job, aim=job.due - max(bad, 0.0), delays=found)

    return replace(problem, jobs=tuple(reckoned(job) for job in problem.jobs))


def _shifts(plant: CompiledPlant) -> tuple[tuple[Shift, ...], dict[int | str, int]]:
    """Each distinct calendar once, and which one a unit (by index) or crew (by id) follows."""
    found: list[Shift] = []
    place: dict[tuple[bytes, bytes], int] = {}
    follows: dict[int | str, int] = {}
    everyone: list[tuple[int | str, OpenTime]] = [
        *enumerate(plant.unit_open),
        *plant.crew_open.items(),
    ]
    for name, open_time in everyone:
        key = (open_time.starts.tobytes(), open_time.ends.tobytes())
        if key not in place:
            place[key] = len(found)
            found.append(Shift.of(open_time))
        follows[name] = place[key]
    return tuple(found), follows


def _unit(plant: CompiledPlant, state: ShopState, m: int, shift: int) -> Unit:
    unit = plant.plant.work_units[m]
    now = state.unit(unit.id)
    made = {plant.setup_key[m][p] for (u, _, p) in plant.rows if u == m}
    keys = tuple(sorted({now.setup_key, *made}))
    table = unit.setup
    between = tuple(tuple(table.time_between(a, b) if table else 0.0 for b in keys) for a in keys)
    power = plant.power_kw[m]
    return Unit(
        index=m,
        id=unit.id,
        shift=shift,
        startup=unit.startup_time,
        ready=max(now.unavailable_minutes, 0.0),
        is_on=now.is_on and now.unavailable_minutes <= 0,
        timeout=unit.standby_timeout,
        keys=keys,
        first_key=keys.index(now.setup_key),
        setup_minutes=between,
        setup_cost=table.cost if table else 0.0,
        off=float(power[STATE_INDEX["off"]]),
        standby=float(power[STATE_INDEX["standby"]]),
        warming=float(power[STATE_INDEX["startup"]]),
        setting=float(power[STATE_INDEX["setup"]]),
        working=float(power[STATE_INDEX["working"]]),
        maintaining=float(power[STATE_INDEX["maintenance"]]),
        modes=tuple(
            _mode(unit, mode, now.ages.get(mode.id, 0.0), plant.horizon.minutes)
            for mode in unit.failure_modes
            if mode.cost > 0
        ),
    )


def _mode(unit: WorkUnit, mode: FailureMode, age: float, horizon: float) -> Mode:
    renewing = frozenset(task.id for task in unit.maintenance if mode.id in task.renews)
    return Mode(mode, age, renewing, Wear(mode.life, age, float(horizon)))


def _planned(
    plant: CompiledPlant, previous: Schedule | None
) -> dict[tuple[str, str], tuple[int, float]]:
    """Unit and start of each operation of the previous plan, in minutes of this horizon."""
    if previous is None:
        return {}
    shift = plant.horizon.to_minutes(previous.horizon.start)
    return {
        (a.order, a.operation): (plant.unit_index.get(a.work_unit, -1), a.start + shift)
        for a in previous.assignments
    }


def _jobs(
    plant: CompiledPlant,
    orders: OrderBook,
    state: ShopState,
    units: tuple[Unit, ...],
    planned: dict[tuple[str, str], tuple[int, float]],
) -> tuple[tuple[Job, ...], tuple[Op, ...]]:
    jobs: list[Job] = []
    ops: list[Op] = []
    to_minutes = plant.horizon.to_minutes
    for order in orders:
        now = state.order(order.id)
        product = plant.product_index[order.product]
        left = plant.routes[product][now.operations_done :]
        if not left:
            continue
        first = len(ops)
        for step, operation in enumerate(left):
            running = step == 0 and bool(now.running_on)
            choices = _choices(
                plant, units, operation, product, order.quantity, now if running else None
            )
            room = plant.plant.operations[operation].buffer_kg
            name = (order.id, plant.operation_ids[operation])
            before = None if running else planned.get(name)
            ops.append(
                Op(len(ops), len(jobs), step, operation, choices, room or INFINITE, running, before)
            )
        jobs.append(
            Job(
                index=len(jobs),
                order=order.id,
                release=max(to_minutes(order.release_date), 0.0),
                due=to_minutes(order.due_date),
                deadline=to_minutes(order.deadline) if order.deadline else INFINITE,
                aim=to_minutes(order.due_date),
                weight=order.weight,
                kg=plant.batch_kg(product, order.quantity),
                ops=tuple(range(first, len(ops))),
                is_waiting=now.operations_done > 0 and not now.running_on,
                is_begun=now.operations_done > 0 or bool(now.running_on),
            )
        )
    return tuple(jobs), tuple(ops)


def _choices(
    plant: CompiledPlant,
    units: tuple[Unit, ...],
    operation: int,
    product: int,
    quantity: int,
    running: OrderState | None,
) -> tuple[Choice, ...]:
    eligible = plant.eligible[operation, product]
    share = 1.0
    if running:
        eligible, share = (plant.unit_index[running.running_on],), 1 - running.done_fraction
    found = []
    for m in eligible:
        # Rounded to a billionth of a minute so that ends of work are clean numbers.
        minutes = round(plant.processing_time(m, operation, product, quantity) * share, 9)
        found.append(Choice(m, minutes, units[m].keys.index(plant.setup_key[m][product])))
    return tuple(found)
