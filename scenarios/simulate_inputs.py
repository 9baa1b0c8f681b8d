"""What ``noria simulate`` is asked: a plant, its orders, where it stands, how long, by which rule.

The plant comes from its own YAML file, from the configuration of a nightly job (then calibrated and
as the log left it), or from the folder of an archived run.
"""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.commands import read_schedule, schedule_for
from scenarios.run import Progress
from scenarios.scenario import Case
from twin.accounting.check import foreign_parts
from twin.behaviour.dispatching import (
    ApparentTardinessCost,
    DispatchingRule,
    EarliestDueDate,
    FirstInFirstOut,
    ShortestProcessingTime,
    Waiting,
)
from twin.errors import Fault, InputError, did_you_mean
from twin.model.base import read_yaml, validate
from twin.model.compiled import compile_plant
from twin.model.feasibility import overloaded
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant, checked
from twin.model.schedule import Schedule
from twin.model.state import ShopState, UnitState
from twin.simulation.experiment import Experiment

POLICIES: dict[str, tuple[Callable[[], DispatchingRule], str]] = {
    "EDD": (EarliestDueDate, "earliest due date first"),
    "FIFO": (FirstInFirstOut, "first come, first served"),
    "SPT": (ShortestProcessingTime, "shortest work first"),
    "ATC": (ApparentTardinessCost, "apparent tardiness cost"),
}
MOST_FAULTS = 5
"""Of a plan that are shown; it is enough to see that it is the wrong one."""
A_MONDAY = datetime(2026, 1, 5)
"""Where a run of a plant without orders starts, on the plant's clock, unless told otherwise."""
DEFAULT_DAYS = 7.0
DEFAULT_REPLICATIONS, DEFAULT_SEED = 20, 1
LONGEST_DAYS = 3660.0
MINUTES_PER_DAY = 1440
SLOT = 15
"""A horizon is a whole number of these [min]."""


@dataclass(frozen=True)
class Question:
    """An experiment, and the words for it."""

    experiment: Experiment
    plan: str
    """What is followed, in words."""
    notes: tuple[str, ...]
    """What was assumed."""
    replications: int = DEFAULT_REPLICATIONS
    """As many as a configuration asks for, or the usual number."""
    is_steady: bool = False
    """Whether the start says nothing and is to be cut off: an empty shop, parts from sources only.
    Where a log or orders say what is to be done from now on, the first hours matter most."""
    warnings: tuple[str, ...] = ()
    """Why the figures may not mean what they seem to."""


def read_question(options: Namespace, progress: Progress) -> Question:
    """Read and check everything that is simulated; nothing is written.

    Raises
    ------
    InputError
        For the first source that has faults, with all faults of that source.
    """
    policy, by_rule = policy_named(options.policy)
    replications, seed = DEFAULT_REPLICATIONS, DEFAULT_SEED
    if options.plant.is_dir() or not _is_plant(options.plant):
        _refuse_with_case(options)
        case, replications, seed = _case(options, progress)
        schedule = schedule_for(case, options.schedule) if options.schedule else None
        plant, orders, state, horizon = case.plant, case.orders, case.state, case.horizon
        forecast: Forecast | None = case.forecast
        notes: list[str] = []
        is_steady = False
    else:
        plant = checked(
            validate(read_yaml(options.plant), Plant, str(options.plant)), str(options.plant)
        )
        orders = _orders(options.orders, plant)
        schedule = read_schedule(options.schedule) if options.schedule else None
        horizon, notes = _horizon(options, plant, orders, schedule)
        state = _state(options, plant, orders, horizon)
        forecast = _forecast(options, horizon)
        is_steady = not len(orders) and options.log is None
    _refuse_no_work(plant, orders, options)
    if schedule:
        _refuse_foreign(options.schedule, schedule, plant, orders, state)
    if forecast is not None and forecast.generation_kw.any():
        notes.append("own generation is not taken off: cost and carbon are those of all energy")
    compiled = compile_plant(plant, horizon)
    warnings = tuple(str(found) for found in overloaded(compiled))
    experiment = Experiment(
        plant=compiled,
        orders=orders,
        state=state,
        schedule=schedule,
        policy=policy,
        seed=seed if options.seed is None else options.seed,
        forecast=forecast,
    )
    plan = f"the plan {options.schedule}; other work {by_rule}" if schedule else by_rule
    return Question(experiment, plan, tuple(notes), replications, is_steady, warnings)


def _refuse_foreign(
    path: Path, schedule: Schedule, plant: Plant, orders: OrderBook, state: ShopState
) -> None:
    """A plan for another plant or other orders is refused, its first faults named."""
    planned = {segment.work_unit for segment in schedule.segments}
    own = {unit.id for unit in plant.work_units}
    if planned and not planned & own:
        names = ", ".join(sorted(planned)[:4])
        found = f"it is for other work units ({names}); {plant.id} has none of them"
        raise InputError(str(path), [Fault("", found, "give a plan made for this plant")])
    if foreign := foreign_parts(schedule, plant, orders, state):
        more = len(foreign) - MOST_FAULTS
        last = [Fault("", f"{more} more like these", "plan again for these orders")]
        raise InputError(str(path), [*foreign[:MOST_FAULTS], *(last if more > 0 else [])])


def policy_named(name: str) -> tuple[DispatchingRule, str]:
    """A dispatching rule and its description, from its short name or ``module:Class``.

    Raises
    ------
    InputError
        For a name that is no rule, or a class that cannot be imported or made without arguments.
    """
    if name.upper() in POLICIES:
        make, words = POLICIES[name.upper()]
        return make(), f"{words} ({name.upper()})"
    if ":" not in name:
        hint = did_you_mean(name.upper(), POLICIES)
        raise InputError(
            "--policy", [Fault("", f'no rule "{name}"', f"{hint}, or module:Class of your own")]
        )
    module, _, path = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as for a script that lies here
    try:
        rule: Any = getattr(importlib.import_module(module), path)()
    except Exception as error:  # whatever the user's module does wrong
        found = f'"{name}" cannot be used: {type(error).__name__}: {error}'
        remedy = "name a module that Python finds and a class made without arguments"
        raise InputError("--policy", [Fault("", found, remedy)]) from error
    if not callable(getattr(rule, "rank", None)):
        fault = Fault("", f'"{name}" has no method rank', "see twin/behaviour/dispatching.py")
        raise InputError("--policy", [fault])
    return Checked(rule), f"dispatching by {name}"


@dataclass(frozen=True)
class Checked:
    """A rule of the user's own; a rank that is no number would put jobs in no order."""

    rule: DispatchingRule

    def rank(self, waiting: Waiting) -> float:
        found: Any = self.rule.rank(waiting)
        if not isinstance(found, int | float | np.number) or found != found:
            raise ValueError(f"rank gave {found!r}; a number is expected")
        return float(found)


def _is_plant(path: Path) -> bool:
    """Whether a YAML file describes a plant, not the configuration of a nightly job."""
    content = read_yaml(path)
    if isinstance(content, dict) and not {"work_units", "mes"} & set(content):
        found = "neither a plant (no work_units) nor a configuration (no mes)"
        raise InputError(str(path), [Fault("", found, "data/plants has examples of plants")])
    return not isinstance(content, dict) or "work_units" in content


def _case(options: Namespace, progress: Progress) -> tuple[Case, int, int]:
    """The case of an archived run or of a configuration, with its replications and its seed."""
    if options.plant.is_dir():
        from scenarios.archive import load_run

        run = load_run(options.plant)
        return run.case, run.report.replications, run.report.seed
    from scenarios.replan import prepare
    from scenarios.settings import load_config

    config = load_config(options.plant, options.data, None)
    return prepare(config, progress).case, config.replications, config.seed


def _refuse_with_case(options: Namespace) -> None:
    """Options that a configuration or an archived run has already answered."""
    given = [
        f"--{name}"
        for name in ("orders", "log", "start", "until", "days", "tariff", "carbon")
        if getattr(options, name) is not None
    ]
    if given:
        found = f"{', '.join(given)} cannot be changed here"
        remedy = "give the plant's own YAML file to choose them"
        raise InputError(str(options.plant), [Fault("", found, remedy)])


def _orders(path: Path | None, plant: Plant) -> OrderBook:
    if path is None:
        return OrderBook()
    from twin.connectors.erp_files import read_orders

    return read_orders(path, plant)


def _refuse_no_work(plant: Plant, orders: OrderBook, options: Namespace) -> None:
    if not plant.sources and not len(orders):
        found = "the plant has no sources, and there are no orders: nothing would be made"
        remedy = "add --orders FILE, or sources to the plant"
        raise InputError(str(options.plant), [Fault("", found, remedy)])


def _horizon(
    options: Namespace, plant: Plant, orders: OrderBook, schedule: Schedule | None
) -> tuple[Horizon, list[str]]:
    """From when to when, and what was assumed about it."""
    notes: list[str] = []
    start = _instant("--start", options.start, plant)
    until = _instant("--until", options.until, plant)
    if schedule is not None:
        if start not in (None, schedule.horizon.start):
            local = schedule.horizon.local(0)
            found = f"got {options.start}; the plan starts at {local:%Y-%m-%d %H:%M}"
            raise InputError("--start", [Fault("", found, "leave --start out")])
        if until is None and options.days is None:
            return schedule.horizon, notes
        start = schedule.horizon.start
    if start is None:
        start, why = _start(options, plant, orders)
        notes.append(f"starts on {start.astimezone(plant.zone):%a %Y-%m-%d %H:%M}: {why}")
    if until is not None:
        days = (until - start) / timedelta(days=1)
        if days <= 0:
            found = f"got {options.until}; the run starts at {start.astimezone(plant.zone)}"
            raise InputError("--until", [Fault("", found, "name a later time")])
    elif options.days is not None:
        days = options.days
    elif len(orders):
        last = max(order.due_date for order in orders)
        days = max(ceil((last - start) / timedelta(days=1)) + 1, 1)
        notes.append(f"lasts {days:g} days: to a day after the last due date")
    else:
        days = DEFAULT_DAYS
        notes.append(f"lasts {days:g} days, as nothing else was asked for")
    if days > LONGEST_DAYS:
        where = "--until" if until else "--days" if options.days else str(options.orders)
        found = f"got {days:,.0f} days; at most {LONGEST_DAYS:,.0f} are simulated"
        raise InputError(where, [Fault("", found, "check the dates, or name --days")])
    slots = max(ceil(days * MINUTES_PER_DAY / SLOT - 1e-9), 1)
    return Horizon(start, slots * SLOT, plant.timezone), notes


def _start(options: Namespace, plant: Plant, orders: OrderBook) -> tuple[datetime, str]:
    """When a run starts for which nobody said, and why then."""
    if options.log is not None:
        from twin.connectors import mes_files

        last = mes_files.read_log(options.log).table["time"].max()
        return last.to_pydatetime() + timedelta(microseconds=1), "where the log ends"
    if len(orders):
        first = min(order.release_date for order in orders).astimezone(plant.zone)
        midnight = datetime.combine(first.date(), time(), plant.zone)
        return midnight.astimezone(UTC), "the day the first order is released"
    return A_MONDAY.replace(tzinfo=plant.zone).astimezone(UTC), "a Monday, as no --start is given"


def _instant(option: str, text: str | None, plant: Plant) -> datetime | None:
    if text is None:
        return None
    from twin.connectors.csv_files import parse_instant

    try:
        return parse_instant(text, plant.zone)
    except ValueError as error:
        raise InputError(option, [Fault("", f'got "{text}"; {error}')]) from None


def _state(options: Namespace, plant: Plant, orders: OrderBook, horizon: Horizon) -> ShopState:
    """As the log left it; without a log, an empty shop of new machines just maintained."""
    if options.log is not None:
        from twin.calibration.replay import shop_state
        from twin.connectors import mes_files

        return shop_state(mes_files.read_log(options.log), plant, orders, horizon.start)
    units = {
        unit.id: UnitState(last_maintenance={task.id: horizon.start for task in unit.maintenance})
        for unit in plant.work_units
    }
    return ShopState(horizon.start, units=units)


def _forecast(options: Namespace, horizon: Horizon) -> Forecast | None:
    """Prices by a tariff and one carbon intensity, as far as they are given."""
    if options.tariff is None and options.carbon is None:
        return None
    from twin.connectors.tariff import load_tariff, price_series

    prices, source = np.zeros(horizon.slots), "no price"
    if options.tariff is not None:
        tariff = load_tariff(options.tariff)
        prices, source = price_series(tariff, horizon), f"{tariff.id} ({tariff.status})"
    carbon = np.full(horizon.slots, options.carbon or 0.0)
    return Forecast(horizon, prices, carbon, np.zeros(horizon.slots), source=source)
