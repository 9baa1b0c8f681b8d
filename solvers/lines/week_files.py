"""Reads a week of a plant from JSON: lines, orders, maintenance, hourly prices, demand charge.

The format is that of the plant-week benchmark: times in slots of ``slot_minutes``, prices by hour.
Line l rests in mode 0 (off) or in mode f + 1, ready for product family f.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from solvers.lines.problem import OFF, Line, LineProblem, Order, Site, Task, Transition, Way
from twin.errors import Fault, InputError

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Rows(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeekLine(_Rows):
    """A line: calendar as half-open intervals of slots, and power of what is not work."""

    open: list[tuple[Count, Count]]
    power_factor: Amount
    standby_kw: Amount
    startup_kw: Amount
    shutdown_kw: Amount
    setup_kw: Amount


class WeekOrder(_Rows):
    """An order: duration on each line that can make it, family, dates, cost of a late slot."""

    family: Count
    slots: dict[Count, Positive]
    release: Count
    due: int
    tardiness_per_slot: Amount


class WeekTask(_Rows):
    """Maintenance of a line with its window."""

    line: Count
    slots: Positive
    earliest: Count
    latest_end: Count


class Week(_Rows):
    """A whole file; fields are those of the benchmark's description."""

    name: str = ""
    slot_minutes: Positive
    slots: Positive
    price_per_mwh: list[FiniteFloat]
    carbon_t_per_mwh: list[FiniteFloat]
    carbon_price_per_t: Amount
    demand_charge_per_kw: Amount
    base_load_kw: Amount
    maintenance_crews: Count
    setup_fee: Amount
    setup_slots: list[list[Count]]
    family_power_kw: list[Amount]
    startup_slots: Count
    shutdown_slots: Count
    first_slots: Count
    first_power_factor: Amount
    lines: list[WeekLine]
    orders: list[WeekOrder]
    maintenance: list[WeekTask]


def read_week(path: Path) -> LineProblem:
    """The line problem of a plant-week file.

    Raises
    ------
    InputError
        If the file cannot be read, or with everything in it that does not fit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(str(path), [Fault("file", found, "name a plant-week file")]) from None
    except ValueError as error:
        found = f"is not JSON ({error})"
        raise InputError(str(path), [Fault("file", found, "name a plant-week file")]) from None
    try:
        week = Week.model_validate(content)
    except ValidationError as error:
        faults = [
            Fault(".".join(map(str, e["loc"])) or "file", e["msg"], "correct the file")
            for e in error.errors()
        ]
        raise InputError(str(path), faults) from None
    if faults := list(misfits(week)):
        raise InputError(str(path), faults)
    return line_problem(week, week.name or path.stem)


def misfits(week: Week) -> Iterator[Fault]:
    """What does not fit together: hours short of the horizon, names of what there is not."""
    families, lines = len(week.family_power_kw), len(week.lines)
    hours = -(-week.slots * week.slot_minutes // 60)
    for name in ("price_per_mwh", "carbon_t_per_mwh"):
        if (found := len(getattr(week, name))) < hours:
            yield Fault(name, f"{found} hours; {hours} expected", "add the missing hours")
    if [len(row) for row in week.setup_slots] != [families] * families:
        yield Fault("setup_slots", f"is not {families} rows of {families}", "one for each family")
    for n, line in enumerate(week.lines):
        for start, end in line.open:
            if not start < end <= week.slots:
                found_slots = f"{start} to {end}; rising slots up to {week.slots} are expected"
                yield Fault(f"lines.{n}.open", found_slots, "correct the calendar")
    for n, order in enumerate(week.orders):
        if order.family >= families:
            found_family = f"{order.family}; there are {families}, from 0"
            yield Fault(f"orders.{n}.family", found_family, "name one of them")
        if not order.slots or max(order.slots) >= lines:
            found_lines = f"lines {sorted(order.slots)}; there are {lines}, from 0"
            yield Fault(f"orders.{n}.slots", found_lines, "name some of them")
    for n, task in enumerate(week.maintenance):
        if task.line >= lines:
            found_line = f"{task.line}; there are {lines}, from 0"
            yield Fault(f"maintenance.{n}.line", found_line, "name one of them")


def line_problem(week: Week, name: str) -> LineProblem:
    """A week in the nouns of line planning."""
    per_slot = np.arange(week.slots) * week.slot_minutes // 60
    site = Site(
        price_per_kwh=np.array(week.price_per_mwh)[per_slot] / 1000,
        carbon_intensity=np.array(week.carbon_t_per_mwh)[per_slot],
        carbon_price_per_t=week.carbon_price_per_t,
        base_kw=np.full(week.slots, week.base_load_kw),
        generation_kw=np.zeros(week.slots),
        demand_charge_per_kw=week.demand_charge_per_kw,
        crews=(np.full(week.slots, week.maintenance_crews),),
    )
    return LineProblem(
        name=name,
        slot_hours=week.slot_minutes / 60,
        slots=week.slots,
        lines=tuple(_line(week, n) for n in range(len(week.lines))),
        orders=tuple(_order(week, n) for n in range(len(week.orders))),
        tasks=tuple(
            Task(f"maintenance {n}", t.line, t.slots, t.earliest, t.latest_end)
            for n, t in enumerate(week.maintenance)
        ),
        site=site,
    )


def _line(week: Week, number: int) -> Line:
    row = week.lines[number]
    is_open = np.zeros(week.slots, dtype=bool)
    for start, end in row.open:
        is_open[start:end] = True
    families = range(len(week.family_power_kw))
    starts = [Transition(OFF, f + 1, week.startup_slots, row.startup_kw) for f in families]
    stops = [
        Transition(f + 1, OFF, week.shutdown_slots, row.shutdown_kw, needs_shift=False)
        for f in families
    ]
    setups = [
        Transition(f + 1, g + 1, week.setup_slots[f][g], row.setup_kw, week.setup_fee)
        for f in families
        for g in families
        if f != g
    ]
    hold = (0.0, *(row.standby_kw for _ in families))
    return Line(f"line {number}", is_open, hold, tuple(starts + stops + setups))


def _order(week: Week, number: int) -> Order:
    row = week.orders[number]
    return Order(
        id=f"order {number}",
        ways=tuple(_way(week, row, line, slots) for line, slots in sorted(row.slots.items())),
        release=row.release,
        due=row.due,
        tardiness=row.tardiness_per_slot,
    )


def _way(week: Week, row: WeekOrder, line: int, slots: int) -> Way:
    power_kw = week.family_power_kw[row.family] * week.lines[line].power_factor
    first = min(week.first_slots, slots)
    runs = ((first, power_kw * week.first_power_factor), (slots - first, power_kw))
    return Way(line, row.family + 1, tuple((n, kw) for n, kw in runs if n))
