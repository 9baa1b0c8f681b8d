"""What ``noria simulate`` is asked: a plant, its orders, where it stands, how long, by which rule.

The plant comes from its own YAML file, from the configuration of a nightly job (then calibrated and
as the log left it), or from the folder of an archived run.
"""

from __future__ import annotations

import importlib
import os
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
from scenarios.input_uncertainty import PlantDraws, plant_draws
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
from twin.model.events import EventLog
from twin.model.feasibility import overloaded, unattended
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
    draws: PlantDraws | None = None
    """Plants as uncertain as the calibration leaves them; None where nothing was calibrated."""


def read_question(options: Namespace, progress: Progress) -> Question:
    """Read and check everything that is simulated; nothing is written.

    Raises
    ------
    InputError
        For the first source that has faults, with all faults of that source.
    """
    policy, by_rule = policy_named(options.policy)
    _refuse_kernel(options, policy)
    replications, seed = DEFAULT_REPLICATIONS, DEFAULT_SEED
    draws: PlantDraws | None = None
    if options.plant.is_dir() or not is_plant(options.plant):
        _refuse_with_case(options)
        case, replications, seed, draws = _case(options, progress)
        schedule = schedule_for(case, options.schedule) if options.schedule else None
        plant, orders, state, horizon = case.plant, case.orders, case.state, case.horizon
        forecast: Forecast | None = case.forecast
        notes: list[str] = []
        is_steady = False
    else:
        _refuse_data(options, "a plant file has no inputs beside it")
        plant = checked(
            validate(read_yaml(options.plant), Plant, str(options.plant)), str(options.plant)
        )
        orders = _orders(options.orders, plant)
        schedule = read_schedule(options.schedule) if options.schedule else None
        log, set_aside = _log(options.log, plant)
        horizon, assumed = _horizon(options, plant, orders, schedule, log)
        state = _state(log, plant, orders, horizon)
        notes = [*assumed, *set_aside]
        forecast = _forecast(options, horizon)
        is_steady = not len(orders) and options.log is None
    _refuse_draws(options, draws)
    _refuse_no_work(plant, orders, options)
    if schedule:
        _refuse_foreign(options.schedule, schedule, plant, orders, state)
    if forecast is not None and forecast.generation_kw.any():
        notes.append("own generation is not taken off: cost and carbon are those of all energy")
    compiled = compile_plant(plant, horizon)
    warnings = tuple(map(str, [*overloaded(compiled), *unattended(compiled)]))
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
    return Question(experiment, plan, tuple(notes), replications, is_steady, warnings, draws)


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
    except (Exception, SystemExit) as error:  # whatever the user's module does wrong
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


def _refuse_kernel(options: Namespace, policy: DispatchingRule) -> None:
    """The kernel is compiled and knows rules by number; one written in Python it cannot ask."""
    if options.engine == "kernel" and isinstance(policy, Checked):
        found = f"got kernel; it knows {', '.join(POLICIES)} and cannot ask {options.policy}"
        raise InputError("--engine", [Fault("", found, "leave --engine out, or name simpy")])


def _refuse_data(options: Namespace, why: str) -> None:
    if options.data is not None:
        found = f"got {options.data}; {why}"
        remedy = "leave --data out, or simulate a configuration"
        raise InputError("--data", [Fault("", found, remedy)])


def _refuse_draws(options: Namespace, draws: PlantDraws | None) -> None:
    if options.draws and draws is None:
        found = f"got {options.draws}; {options.plant} is not calibrated here"
        remedy = "leave --draws out, or simulate a configuration: its log says how sure it is"
        raise InputError("--draws", [Fault("", found, remedy)])


def is_plant(path: Path) -> bool:
    """Whether a YAML file describes a plant, not the configuration of a nightly job."""
    content = read_yaml(path)
    if isinstance(content, dict) and not {"work_units", "mes"} & set(content):
        found = "neither a plant (no work_units) nor a configuration (no mes)"
        raise InputError(str(path), [Fault("", found, "data/plants has examples of plants")])
    return not isinstance(content, dict) or "work_units" in content


def _case(options: Namespace, progress: Progress) -> tuple[Case, int, int, PlantDraws | None]:
    """The case of an archived run or of a configuration, its replications and its seed; and plants
    drawn around the calibration, for which it takes the log."""
    if options.plant.is_dir():
        from scenarios.archive import load_run

        _refuse_data(options, "an archived run holds its own inputs")
        run = load_run(options.plant)
        return run.case, run.report.replications, run.report.seed, None
    from scenarios.replan import prepare
    from scenarios.settings import load_config

    config = load_config(options.plant, options.data, environ=os.environ)
    found = prepare(config, progress)
    draws = plant_draws(
        found.diagnosis.clean, found.inputs.plant, found.calibration, config.seed
    )  # fmt: skip
    return found.case, config.replications, config.seed, draws


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


def _log(path: Path | None, plant: Plant) -> tuple[EventLog | None, list[str]]:
    """Where the shop stands, as far as the plant has what is named; and what is set aside.

    Raises
    ------
    InputError
        If it is the log of another plant.
    """
    if path is None:
        return None, []
    from twin.connectors.mes_files import read_log

    log = read_log(path)
    named = log.table["work_unit"]
    own = {unit.id for unit in plant.work_units}
    foreign = list(dict.fromkeys(id for id in named if id and id not in own))
    names = ", ".join(f'"{id}"' for id in foreign[:4]) + (", …" if len(foreign) > 4 else "")
    if foreign and not named.isin(own).any():
        found = f"it is of other work units ({names}); {plant.id} has none of them"
        raise InputError(str(path), [Fault("", found, "give a log of this plant")])
    if not foreign:
        return log, []
    count = int(named.isin(foreign).sum())
    note = f"{count} events of {names} are set aside, as the plant has no such work unit"
    return EventLog(log.table[~named.isin(foreign)], log.source), [note]


def _horizon(
    options: Namespace,
    plant: Plant,
    orders: OrderBook,
    schedule: Schedule | None,
    log: EventLog | None,
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
        start, why = _start(log, plant, orders)
        notes.append(f"starts on {start.astimezone(plant.zone):%a %Y-%m-%d %H:%M}: {why}")
    if until is not None:
        days = (until - start) / timedelta(days=1)
        if days <= 0:
            found = f"got {options.until}; the run starts at {start.astimezone(plant.zone)}"
            raise InputError("--until", [Fault("", found, "name a later time")])
    elif options.days is not None:
        days = options.days
    elif len(orders) and (last := max(order.due_date for order in orders)) > start:
        days = ceil((last - start) / timedelta(days=1)) + 1
        notes.append(f"lasts {days:g} days: to a day after the last due date")
    elif len(orders):
        days = DEFAULT_DAYS
        notes.append(f"lasts {days:g} days: every order was due before the start")
    else:
        days = DEFAULT_DAYS
        notes.append(f"lasts {days:g} days, as nothing else was asked for")
    if days > LONGEST_DAYS:
        where = "--until" if until else "--days" if options.days else str(options.orders)
        found = f"got {days:,.0f} days; at most {LONGEST_DAYS:,.0f} are simulated"
        raise InputError(where, [Fault("", found, "check the dates, or name --days")])
    slots = max(ceil(days * MINUTES_PER_DAY / SLOT - 1e-9), 1)
    return Horizon(start, slots * SLOT, plant.timezone), notes


def _start(log: EventLog | None, plant: Plant, orders: OrderBook) -> tuple[datetime, str]:
    """When a run starts for which nobody said, and why then."""
    if log is not None:
        last = log.table["time"].max()
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


def _state(log: EventLog | None, plant: Plant, orders: OrderBook, horizon: Horizon) -> ShopState:
    """As the log left it; without a log, an empty shop of new machines just maintained."""
    if log is not None:
        from twin.calibration.replay import shop_state

        return shop_state(log, plant, orders, horizon.start)
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
