"""What comes of the shop as it stands now: the twin follows the rest of the plan, many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from scenarios.watch_plan import InForce
from twin.accounting.intervals import wilson_interval
from twin.accounting.outcome import is_on_time, outcome
from twin.accounting.report import Estimate
from twin.errors import NoriaError
from twin.model.compiled import compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule, Segment
from twin.model.state import ShopState

LOAD_REPLICATIONS = 8
"""Of the load of the next hours; its mean is what counts."""


@dataclass(frozen=True)
class Prospect:
    """What is to be expected of an order."""

    on_time: Estimate
    end: datetime | None
    """Median of the completion; None when half of the futures do not see it."""


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of the shop."""

    at: datetime
    replications: int
    orders: Mapping[str, Prospect] = field(default_factory=dict)
    slots: tuple[datetime, ...] = ()
    """Starts of the slots of the next hours."""
    import_kw: tuple[float, ...] = ()
    """Expected net import of these slots."""
    trouble: str = ""
    """Why there is no forecast; empty when there is one."""


def outlook(
    plan: InForce, state: ShopState, *, replications: int, seed: int, ahead: float
) -> Outlook:
    """Simulate the rest of the plan from the present state; ``ahead`` is how far loads are seen."""
    case = plan.run.case
    minutes = (case.horizon.end - state.at).total_seconds() / 60
    minutes = int(minutes - minutes % case.horizon.slot_minutes)
    if minutes < case.horizon.slot_minutes:
        return Outlook(state.at, 0, trouble="the plan is over; run noria replan")
    horizon = Horizon(state.at, minutes, case.horizon.timezone, case.horizon.slot_minutes)
    orders = OrderBook(
        tuple(o for o in case.orders if state.order(o.id).operations_done < len(plan.route(o)))
    )
    schedule = rest_of_plan(plan, state, horizon)
    try:
        chances = _prospects(case.plant, orders, state, schedule, replications, seed)
        slots, load = _loads(plan, orders, state, schedule, seed, ahead)
    except NoriaError as error:
        return Outlook(state.at, 0, trouble=f"the twin cannot go on from this state: {error}")
    return Outlook(state.at, replications, chances, slots, load)


def rest_of_plan(plan: InForce, state: ShopState, horizon: Horizon) -> Schedule:
    """What of the plan is still to be done, told from now; what is late stays in its sequence."""
    gone = plan.minute(state.at)
    routes = {o.id: plan.route(o) for o in plan.run.case.orders}
    begin = plan.run.schedule.horizon.start
    executed = {
        (id, task): plan.minute(at)
        for id, unit in state.units.items()
        for task, at in unit.last_maintenance.items()
        if at >= begin
    }

    def is_left(s: Segment) -> bool:
        if s.kind in ("setup", "work"):
            route, done = routes[s.order], state.order(s.order).operations_done
            return s.operation in route[done:]
        if s.kind == "maintenance":
            last = executed.get((s.work_unit, s.task))
            return s.end > gone or last is None or last < s.start - (s.end - s.start)
        return s.end > gone

    left = (s for s in plan.run.schedule.segments if is_left(s))
    moved = tuple(replace(s, start=s.start - gone, end=s.end - gone) for s in left)
    return replace(plan.run.schedule, horizon=horizon, segments=moved, value=None, bound=None)


def _prospects(
    plant: Plant, orders: OrderBook, state: ShopState, schedule: Schedule, replications: int,
    seed: int,
) -> dict[str, Prospect]:  # fmt: skip
    from twin.simulation.clock import TICKS_PER_MINUTE
    from twin.simulation.experiment import Experiment
    from twin.simulation.simulate import totals

    horizon = schedule.horizon
    if not len(orders):
        return {}
    compiled = compile_plant(plant, horizon)
    experiment = Experiment(compiled, orders, state, schedule, seed=seed)
    done = [found.order_complete for found in totals(experiment, replications)]
    ends = np.array(done, dtype=float) / TICKS_PER_MINUTE
    ends[np.array(done) < 0] = np.inf
    return {
        order.id: _prospect(ends[:, n], horizon.to_minutes(order.due_date), horizon)
        for n, order in enumerate(orders)
    }


def _prospect(ends: Array, due: float, horizon: Horizon) -> Prospect:
    known = [None if np.isinf(end) else float(end) for end in ends]
    in_time = sum(is_on_time(end, due, horizon.minutes) for end in known)
    median = float(np.quantile(ends, 0.5, method="higher"))
    end = None if np.isinf(median) else horizon.to_datetime(median)
    return Prospect(wilson_interval(in_time, len(known)), end)


def _loads(
    plan: InForce, orders: OrderBook, state: ShopState, schedule: Schedule, seed: int, ahead: float
) -> tuple[tuple[datetime, ...], tuple[float, ...]]:
    """Mean net import of the slots of the next hours; slots are those of the plan."""
    from twin.simulation.simulate import replicate

    forecast = plan.run.case.forecast
    slot = forecast.horizon.slot_minutes
    minutes = int(min(ahead, schedule.horizon.minutes) // slot) * slot
    if minutes <= 0:
        return (), ()
    horizon = replace(schedule.horizon, minutes=minutes)
    first = int(forecast.horizon.to_minutes(state.at) // slot)
    part = np.clip(np.arange(first, first + horizon.slots), 0, forecast.horizon.slots - 1)
    near = Forecast(
        horizon, forecast.price_per_kwh[part], forecast.carbon_intensity[part],
        forecast.generation_kw[part],
    )  # fmt: skip
    compiled = compile_plant(plan.run.case.plant, horizon)
    short = replace(
        schedule,
        horizon=horizon,
        segments=tuple(s for s in schedule.segments if s.start < minutes),
    )
    measure = partial(
        outcome, plant=compiled, orders=orders, forecast=near, state=state, schedule=short
    )
    futures = replicate(
        compiled, orders, measure, state=state, schedule=short, seed=seed,
        replications=LOAD_REPLICATIONS, workers=1,
    )  # fmt: skip
    load = np.mean([future.load_kw for future in futures], axis=0) - near.generation_kw
    starts = tuple(state.at + timedelta(minutes=float(m)) for m in horizon.edges[:-1])
    return starts, tuple(np.maximum(load, 0.0).round(2).tolist())
