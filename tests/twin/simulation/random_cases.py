"""A random plant with everything an engine needs: orders, a start, perhaps a plan, a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from tests.twin.simulation.picks import Drawn, Numbered, Picks
from tests.twin.simulation.random_plants import random_plant
from twin.behaviour.dispatching import (
    ApparentTardinessCost,
    DispatchingRule,
    EarliestDueDate,
    FirstInFirstOut,
    ShortestProcessingTime,
)
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Kind, Schedule, Segment
from twin.model.state import OrderState, ShopState, UnitState
from twin.simulation.experiment import Experiment

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
RULES: tuple[DispatchingRule, ...] = (
    EarliestDueDate(),
    FirstInFirstOut(),
    ShortestProcessingTime(),
    ApparentTardinessCost(),
)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """What hypothesis draws and shrinks."""
    return random_experiment(Picks(Drawn(draw)))


def numbered(number: int) -> Experiment:
    """Experiment number n; always the same one."""
    return random_experiment(Picks(Numbered(number)))


def random_experiment(picks: Picks) -> Experiment:
    plant = random_plant(picks)
    horizon = Horizon(MONDAY, picks.one_of(120, 60, 240, 360), slot_minutes=15)
    compiled = compile_plant(plant, horizon)
    has_plan = picks.chance(3)
    orders = _orders(picks, plant)
    state = _state(picks, compiled, orders)
    return Experiment(
        compiled,
        orders,
        state,
        schedule=_Planner(picks, compiled, orders, state).schedule() if has_plan else None,
        policy=picks.one_of(*RULES),
        seed=picks.one_of(0, 1, 7, 2**32 - 1),
        forecast=_forecast(picks, horizon) if picks.chance(5) else None,
        warm_up=picks.one_of(15.0, 20.25, 1000.0) if picks.chance(4) else 0.0,
        bucket=picks.one_of(30.0, 15.0, 7.0) if picks.chance(4) else None,
    )


def _orders(picks: Picks, plant: Plant) -> OrderBook:
    """Few orders, many of them released and due at the same instants."""
    lowest = 0 if plant.sources else 1
    rows = []
    for n in range(picks.whole(lowest, 8)):
        release = picks.one_of(0.0, -30.0, 3.0, 6.0, 12.0, 30.0, 75.0)
        due = release + picks.one_of(30.0, 60.0, 90.0, 5.0)
        product = picks.one_of(*plant.products)
        many = [200] if product.moves_by == "order" else []
        rows.append(
            WorkOrder(
                f"W{n}",
                product.id,
                picks.one_of(1, 2, 4, 5, 7, 12, *many),
                MONDAY + timedelta(minutes=release),
                MONDAY + timedelta(minutes=due),
                weight=picks.one_of(1.0, 2.0, 5.0),
            )
        )
    return OrderBook(tuple(rows))


def _state(picks: Picks, plant: CompiledPlant, orders: OrderBook) -> ShopState:
    if picks.chance(4):
        return ShopState(MONDAY)
    busy: set[str] = set()
    under_way = {}
    for order in orders:
        found = _order_state(picks, plant, order, busy) if picks.chance(5) else None
        if found is not None:
            under_way[order.id] = found
    units = {id: _unit_state(picks, plant, id) for id in plant.unit_ids if picks.chance(6)}
    return ShopState(MONDAY, under_way, units)


def _order_state(
    picks: Picks, plant: CompiledPlant, order: WorkOrder, busy: set[str]
) -> OrderState | None:
    product = plant.product_index[order.product]
    route = plant.routes[product]
    done = picks.whole(0, len(route))
    free = (
        [m for m in plant.eligible[route[done], product] if plant.unit_ids[m] not in busy]
        if done < len(route)
        else []
    )
    if free and picks.chance(6):
        unit = plant.unit_ids[picks.one_of(*free)]
        busy.add(unit)
        return OrderState(done, unit, picks.one_of(0.0, 0.25, 0.5, 0.9))
    return OrderState(done) if done else None


def _unit_state(picks: Picks, plant: CompiledPlant, id: str) -> UnitState:
    unit = plant.plant.unit(id)
    keys = sorted({key for key in plant.setup_key[plant.unit_index[id]] if key})
    ages = {}
    for mode in unit.failure_modes:
        if picks.chance(5):
            limit = mode.degradation.limit if mode.degradation else 20.0
            ages[mode.id] = limit * picks.one_of(0.25, 0.5, 0.8, 1.0)
    done = {
        task.id: MONDAY - timedelta(minutes=task.interval * picks.one_of(0.0, 0.5, 1.0, 1.5))
        for task in unit.maintenance
        if picks.chance(6)
    }
    return UnitState(
        setup_key=picks.one_of(*keys, "") if keys else "",
        is_on=picks.chance(5),
        unavailable_minutes=picks.minutes(up_to=30) if picks.chance(2) else 0.0,
        ages=ages,
        last_maintenance=done,
    )


def _forecast(picks: Picks, horizon: Horizon) -> Forecast:
    def series(*values: float) -> np.ndarray:
        return np.array([picks.one_of(*values) for _ in range(horizon.slots)])

    return Forecast(horizon, series(0.1, 0.3, -0.05), series(0.2, 0.55), np.zeros(horizon.slots))


def widened(experiment: Experiment, units: int) -> Experiment:
    """The same experiment with copies of its work units until there are at least so many.

    Engines that keep a set of units in machine words need more units than a word has bits.
    """
    plant = experiment.plant.plant
    copies = [
        unit.model_copy(update={"id": f"{unit.id}-{n}"} if n else {})
        for n in range(-(-units // len(plant.work_units)))
        for unit in plant.work_units
    ]
    wide = plant.model_copy(update={"work_units": copies})
    return replace(experiment, plant=compile_plant(wide, experiment.plant.horizon))


@dataclass
class _Planner:
    """Puts orders one after the other on units, with gaps, warm-ups and tasks by chance.

    The plan need not be a good one, nor fit what happens: engines must agree on bad plans too.
    """

    picks: Picks
    plant: CompiledPlant
    orders: OrderBook
    state: ShopState

    def __post_init__(self) -> None:
        self._free = dict.fromkeys(self.plant.unit_ids, 0.0)
        self._keys = {id: self.state.unit(id).setup_key for id in self.plant.unit_ids}
        self._segments: list[Segment] = []

    def schedule(self) -> Schedule:
        for order in self.picks.shuffled(list(self.orders)):
            product = self.plant.plant.product(order.product)
            if product.moves_by == "order" and not self.picks.chance(2):
                self._place(order)
        return Schedule(self.plant.horizon, tuple(sorted(self._segments)))

    def _place(self, order: WorkOrder) -> None:
        product = self.plant.product_index[order.product]
        progress = self.state.order(order.id)
        ready = max(self.plant.horizon.to_minutes(order.release_date), 0.0)
        for step in range(progress.operations_done, len(self.plant.routes[product])):
            operation = self.plant.routes[product][step]
            units = self.plant.eligible[operation, product]
            unit = self.plant.unit_ids[self.picks.one_of(*units)]
            if step == progress.operations_done and progress.running_on:
                unit = progress.running_on
            elif self.picks.chance(1):
                return
            ready = self._work(order, product, operation, unit, ready)
            if ready > self.plant.horizon.minutes:
                return

    def _work(
        self, order: WorkOrder, product: int, operation: int, unit: str, ready: float
    ) -> float:
        """Put an operation on a unit; returns its end."""
        picks, m = self.picks, self.plant.unit_index[unit]
        start = max(ready, self._free[unit])
        if picks.chance(4):
            start += picks.minutes()
        start = self._before(unit, start)
        before, key = self._keys[unit], self.plant.setup_key[m][product]
        setup = self.plant.setup_minutes(m, before, product)
        name = self.plant.operation_ids[operation]
        if setup > 0 and picks.chance(8):
            self._add(unit, start, start + setup, "setup", order.id, name)
            start += setup + (picks.minutes() if picks.chance(3) else 0.0)
        self._keys[unit] = key or before
        minutes = self.plant.processing_time(m, operation, product, order.quantity)
        end = start + max(minutes * picks.one_of(1.0, 0.5, 2.0), 0.25)
        if picks.chance(2):
            middle = (start + end) / 2
            self._add(unit, start, middle, "work", order.id, name)
            self._add(unit, middle + 1, end + 1, "work", order.id, name)
            end += 1
        else:
            self._add(unit, start, end, "work", order.id, name)
        self._free[unit] = end
        return end

    def _before(self, unit: str, start: float) -> float:
        """What fills the time up to some work, and the earliest start of it."""
        picks, facts = self.picks, self.plant.plant.unit(unit)
        gap = self._free[unit]
        tasks = [t for t in facts.maintenance if t.due_by != "condition"]
        if tasks and picks.chance(4):
            task = picks.one_of(*tasks)
            self._add(unit, gap, gap + task.duration, "maintenance", task=task.id)
            gap += task.duration
            start = max(start, gap)
        if facts.startup_time > 0 and picks.chance(4):
            start = max(start, gap + facts.startup_time)
            self._add(unit, start - facts.startup_time, start, "startup")
        elif start > gap and picks.chance(5):
            self._add(unit, gap, start, "standby")
        return start

    def _add(
        self, unit: str, start: float, end: float, kind: Kind,
        order: str = "", operation: str = "", task: str = "",
    ) -> None:  # fmt: skip
        self._segments.append(Segment(unit, start, end, kind, order, operation, task))
