"""A what-if: a handful of changes to a case, written down so that it can be run again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pydantic import Field

from twin.errors import Fault, InputError, did_you_mean
from twin.model.base import Frozen
from twin.model.demands import NOTHING_DEMANDED, Demands
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.shifts import WEEKDAYS, Calendar, Variant, Weekly
from twin.model.state import ShopState


@dataclass(frozen=True)
class Case:
    """What is planned: a plant in a state, asked for orders, under a forecast."""

    plant: Plant
    orders: OrderBook
    forecast: Forecast
    state: ShopState
    demands: Demands = NOTHING_DEMANDED
    """What the plan must keep to beside the plant's rules."""

    @property
    def horizon(self) -> Horizon:
        return self.forecast.horizon


class Scenario(Frozen):
    """Changes against a base case. The defaults change nothing."""

    name: str = "what if"
    demand: float = Field(default=1.0, gt=0, le=3)
    """Factor on the quantity of every order not yet started."""
    extra_shift: list[str] = Field(default_factory=list)
    """Areas whose work units run round the clock on every day they work at all."""
    maintenance_interval: float = Field(default=1.0, gt=0, le=5)
    """Factor on the interval (and tolerance) of every preventive task."""
    price_level: float = Field(default=1.0, ge=0, le=10)
    """Factor on every electricity price, the demand charge included."""
    carbon_per_t: float | None = Field(default=None, ge=0)
    """Internal carbon price [currency/t]; none: as in the plant."""

    def changes(self) -> dict[str, object]:
        """What differs from the base, by field name."""
        return {k: v for k, v in self.model_dump().items() if k != "name" and v != _BASE[k]}


_BASE = Scenario().model_dump()


def applied(scenario: Scenario, base: Case) -> Case:
    """The base case with a scenario's changes made.

    Raises
    ------
    InputError
        If an area of ``extra_shift`` is not one of the plant's.
    """
    areas = {area.id for area in base.plant.areas}
    faults = [
        Fault("extra_shift", f'no area "{area}"', did_you_mean(area, areas))
        for area in scenario.extra_shift
        if area not in areas
    ]
    if faults:
        raise InputError(f'scenario "{scenario.name}"', faults)
    return Case(
        plant=_plant(scenario, base.plant),
        orders=_orders(scenario, base),
        forecast=base.forecast.scaled(scenario.price_level),
        state=base.state,
        demands=base.demands,
    )


def _orders(scenario: Scenario, base: Case) -> OrderBook:
    """Started batches keep their size: their pieces are already on the floor."""
    return OrderBook(
        tuple(
            order
            if order.id in base.state.orders
            else replace(order, quantity=max(math.ceil(order.quantity * scenario.demand), 1))
            for order in base.orders
        )
    )


def _plant(scenario: Scenario, plant: Plant) -> Plant:
    calendars = {calendar.id: calendar for calendar in plant.calendars}
    units = []
    for unit in plant.work_units:
        tasks = [
            task.model_copy(
                update={
                    "interval": task.interval * scenario.maintenance_interval,
                    "tolerance": task.tolerance * min(scenario.maintenance_interval, 1.0),
                }
            )
            for task in unit.maintenance
        ]
        calendar = unit.calendar
        if unit.area in scenario.extra_shift and calendar in calendars:
            longer = round_the_clock(calendars[calendar])
            calendars[longer.id], calendar = longer, longer.id
        units.append(unit.model_copy(update={"maintenance": tasks, "calendar": calendar}))
    costs = plant.costs
    if scenario.carbon_per_t is not None:
        costs = costs.model_copy(update={"carbon_per_t": scenario.carbon_per_t})
    return plant.model_copy(
        update={"work_units": units, "calendars": list(calendars.values()), "costs": costs}
    )


def round_the_clock(calendar: Calendar) -> Calendar:
    """The same calendar with every day that is worked at all worked from midnight to midnight."""

    def whole_days(weekly: Weekly) -> Weekly:
        return {day: ["00:00-24:00"] for day in WEEKDAYS if weekly.get(day)}

    return Calendar(
        id=f"{calendar.id}+",
        name=f"{calendar.name or calendar.id}, round the clock",
        weekly=whole_days(calendar.weekly),
        exceptions={
            day: ["00:00-24:00"] if windows else [] for day, windows in calendar.exceptions.items()
        },
        variants=[
            Variant(name=v.name, first=v.first, last=v.last, weekly=whole_days(v.weekly))
            for v in calendar.variants
        ],
    )
