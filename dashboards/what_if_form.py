"""What people type into the what-if form, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from dashboards.catalogue import text
from dashboards.figures import numbers
from scenarios.scenario import Scenario, round_the_clock
from twin.model.plant import Plant


@dataclass(frozen=True)
class NumberField:
    """A number of the form: how it is read, and which range makes sense."""

    key: str
    default: str
    low: float
    high: float
    unit: str
    is_whole: bool = False


FIELDS = (
    NumberField("demand", "100", 10, 300, "%"),
    NumberField("maintenance", "100", 20, 500, "%"),
    NumberField("price", "100", 0, 1000, "%"),
    NumberField("carbon", "", 0, 100_000, "/t"),
    NumberField("replications", "100", 2, 2000, "", is_whole=True),
    NumberField("time_limit", "30", 1, 600, "s"),
)


@dataclass(frozen=True)
class Form:
    """A form as it was read: a scenario to run, or what is wrong with which field."""

    scenario: Scenario | None
    replications: int
    time_limit: float
    """[s]"""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Message by field; key "form" for the whole."""


def read_form(values: Mapping[str, Any], plant: Plant) -> Form:
    """Check a form. Every fault is told at once; without faults there is a scenario."""
    read: dict[str, float | None] = {}
    faults: dict[str, str] = {}
    for f in FIELDS:
        try:
            read[f.key] = read_number(values.get(f.key), f)
        except ValueError as error:
            faults[f.key] = str(error)
    chosen = values.get("extra_shift") or []
    areas = [id for id, is_open in can_work_longer(plant).items() if is_open and id in chosen]
    if faults:
        return Form(None, 0, 0.0, faults)
    scenario = Scenario(
        demand=_of(read, "demand", 100) / 100,
        extra_shift=areas,
        maintenance_interval=_of(read, "maintenance", 100) / 100,
        price_level=_of(read, "price", 100) / 100,
        carbon_per_t=read["carbon"],
    )
    if not changes(scenario, plant):
        return Form(None, 0, 0.0, {"form": text("form.nothing")})
    name = str(values.get("name") or "").strip()[:80]
    scenario = scenario.model_copy(update={"name": name or ", ".join(changes(scenario, plant))})
    replications, seconds = _of(read, "replications", 100), _of(read, "time_limit", 30)
    return Form(scenario, int(replications), seconds)


def _of(read: Mapping[str, float | None], key: str, default: float) -> float:
    value = read[key]
    return default if value is None else value


def read_number(typed: Any, f: NumberField) -> float | None:
    """The number typed into a field; None when it was left empty.

    Raises
    ------
    ValueError
        With the message to show beside the field.
    """
    shown = str(typed if typed is not None else "").strip()
    plain = shown.removesuffix("%").strip()
    for space in (" ", "\u00a0", numbers.THIN):
        plain = plain.replace(space, "")
    plain = plain.replace(",", ".").replace(numbers.MINUS, "-")
    if not plain:
        return None
    try:
        value = float(plain)
    except ValueError:
        raise ValueError(text("form.no_number", typed=shown, range=_range(f))) from None
    is_fit = isfinite(value) and f.low <= value <= f.high and not (f.is_whole and value % 1)
    if not is_fit:
        raise ValueError(text("form.out_of_range", typed=shown, range=_range(f)))
    return value


def _range(f: NumberField) -> str:
    kind = text("form.whole_number" if f.is_whole else "form.number")
    unit = f"{numbers.THIN}{f.unit}" if f.unit in ("%", "s") else ""
    return text(
        "form.range", kind=kind, low=numbers.number(f.low), high=numbers.number(f.high) + unit
    )


def can_work_longer(plant: Plant) -> dict[str, bool]:
    """By area, whether a shift more changes anything: a unit of it closes on a working day."""
    calendars = {calendar.id: calendar for calendar in plant.calendars}
    found = {area.id: False for area in plant.areas}
    for unit in plant.work_units:
        calendar = calendars.get(unit.calendar)  # "always" is none of the plant's own
        if calendar and round_the_clock(calendar).weekly != calendar.weekly:
            found[unit.area] = True
    return found


def changes(scenario: Scenario, plant: Plant) -> list[str]:
    """What a scenario changes, a clause each, in the order of the form."""
    areas = {a.id: a.name or a.id for a in plant.areas}
    told = []
    if scenario.demand != 1:
        told.append(text("change.demand", percent=_percent(scenario.demand)))
    if scenario.extra_shift:
        where = ", ".join(areas.get(a, a) for a in scenario.extra_shift)
        told.append(text("change.extra_shift", areas=where))
    if scenario.maintenance_interval != 1:
        percent = _percent(scenario.maintenance_interval)
        told.append(text("change.maintenance", percent=percent))
    if scenario.price_level != 1:
        told.append(text("change.price", percent=_percent(scenario.price_level)))
    carbon = scenario.carbon_per_t
    if carbon is not None and carbon != plant.costs.carbon_per_t:
        price = numbers.number(carbon, 0 if carbon % 1 == 0 else 2)
        told.append(text("change.carbon", price=price, currency=plant.currency))
    return told


def _percent(factor: float) -> str:
    return numbers.number(100 * factor, 0 if round(100 * factor, 6) % 1 == 0 else 1)
