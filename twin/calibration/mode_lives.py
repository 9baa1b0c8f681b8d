"""Lives of one failure mode read from the states of its work unit.

A life begins when a repair of its mode, or a preventive task that renews it, ends. It ends in a
failure, or is censored by such a task or by the end of the log. Its age grows on the clock the
plant names: working minutes, all minutes, or lots. Modes compete: another one that fails first
stops the unit for its repair, leaves the age of this one alone, and so censors nothing; what would
be censored elsewhere goes on here as the same life.

A repair that leaves an age behind (*as bad as old*, or partial) begins the next life at that age:
the life is compared with survivors to it. For minimal repair this is the likelihood of a Poisson
process with the hazard of the law as its intensity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from twin.calibration.activity import UnitActivity
from twin.calibration.lifetimes import Lives, fit_weibull
from twin.model.failures import FailureMode
from twin.model.horizon import Array
from twin.model.plant import WorkUnit

SHORTEST = 1e-6
"""Lives shorter than this [min, or lots] are two records of one stop."""
STRAY = 0.02
"""Share of failures that a log may place in a state in which the mode's clock stands still."""
FEWEST = 4
"""Failures from which clocks are compared."""
Clock = Callable[[Array], Array]
"""Reading at instants of the log."""


def _nobody() -> Lives:
    return Lives(np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class ModeHistory:
    """What the log says about one failure mode of one work unit."""

    lives: Lives
    """Lives whose age is known."""
    first: Lives
    """The life under way when the log began, its age counted from then."""
    failure_times: Array
    """[min on the mode's clock, or lots, from the log's start]"""
    clock_end: float
    """Length of the log on that clock."""
    renewal_age: float
    """Age at which preventive tasks renew the mode, on its clock; infinite without any."""
    fits: dict[str, float] = field(default_factory=dict)
    """Log-likelihood, for each calendar minute, of a Weibull law on each clock."""

    @property
    def failures(self) -> int:
        return len(self.failure_times)

    @property
    def all_lives(self) -> Lives:
        """With the first."""
        return self.lives.and_(self.first)


@dataclass(frozen=True)
class _Stop:
    """A repair, or a task that renews the mode [min]."""

    start: float
    end: float
    is_failure: bool


def mode_history(
    unit: WorkUnit,
    mode: FailureMode,
    states: UnitActivity,
    lot_ends: Array | None = None,
) -> ModeHistory:
    """Lives of one mode on its own clock.

    Parameters
    ----------
    lot_ends
        Instants at which lots ended on the unit [min].
    """
    clocks = clocks_of(states, np.zeros(0) if lot_ends is None else lot_ends)
    clock = clocks[mode.clock]
    begin, end = float(states.starts[0]), float(states.ends[-1])
    stops = _stops(unit, mode, states)
    is_under_way = not stops or stops[-1].end < end
    readings = _readings(stops, end, is_under_way, clock)
    ages, first = _lives(readings, mode)
    times = [up for (_, up, failed) in readings if failed]
    since = [down for (down, _, failed) in readings if failed]
    times = [t for t, s in zip(times, since, strict=True) if t - s > SHORTEST]
    length = float(clock(np.array([end]))[0])
    renewal = _renewal_age(unit, mode, clocks, begin, end)
    fits = _fits(stops, end, is_under_way, clocks, states) if mode.repair_effect == "new" else {}
    return ModeHistory(ages, first, np.array(times, dtype=float), length, renewal, fits)


def clocks_of(states: UnitActivity, lot_ends: Array) -> dict[str, Clock]:
    """The three clocks, each 0 at the start of the log."""
    begin, ends = float(states.starts[0]), np.sort(lot_ends)

    def working(t: Array) -> Array:
        return states.minutes_in(["working"], np.full(len(t), begin), t)

    def calendar(t: Array) -> Array:
        return t - begin

    def count(t: Array) -> Array:
        return np.searchsorted(ends, t + 1e-9, side="right").astype(float)

    return {"operating": working, "calendar": calendar, "count": count}


def _stops(unit: WorkUnit, mode: FailureMode, states: UnitActivity) -> list[_Stop]:
    renewals = {task.id for task in unit.maintenance if mode.id in task.renews}
    stops = []
    for group, reasons in ((("down", "repair"), {mode.id}), (("maintenance",), renewals)):
        found = states.episodes(group)
        for start, stop, reason in zip(found["start"], found["end"], found["reason"], strict=True):
            if reason in reasons:
                stops.append(_Stop(start, stop, group != ("maintenance",)))
    return sorted(stops, key=lambda stop: stop.start)


def _readings(
    stops: list[_Stop], end: float, is_under_way: bool, clock: Clock
) -> list[tuple[float, float, bool]]:
    """Reading at the start and at the end of each life, and whether it failed."""
    begins = clock(np.array([s.end for s in stops], dtype=float)).tolist()
    ends = clock(np.array([s.start for s in stops], dtype=float)).tolist()
    last = float(clock(np.array([end]))[0])
    lives = [
        (since, until, stop.is_failure)
        for since, until, stop in zip([0.0, *begins], ends, stops, strict=False)
    ]
    return [*lives, (begins[-1] if begins else 0.0, last, False)] if is_under_way else lives


def _lives(readings: list[tuple[float, float, bool]], mode: FailureMode) -> tuple[Lives, Lives]:
    """Lives of known age, and the first one."""
    if mode.repair_effect == "new":
        rows = [(0.0, until - since, failed) for since, until, failed in readings]
        return _table(rows[1:]), _table(rows[:1])
    kept = 1.0 if mode.repair_effect == "old" else 1 - mode.restores
    rows, age = [], 0.0
    for since, until, failed in readings:
        rows.append((age, age + until - since, failed))
        age = kept * (age + until - since) if failed else 0.0
    return _table(rows), _nobody()


def _table(rows: list[tuple[float, float, bool]]) -> Lives:
    kept = [row for row in rows if row[1] - row[0] > SHORTEST]
    table = np.array(kept, dtype=float).reshape(-1, 3)
    return Lives(table[:, 1], table[:, 2], entry=table[:, 0])


def _renewal_age(
    unit: WorkUnit, mode: FailureMode, clocks: dict[str, Clock], begin: float, end: float
) -> float:
    """Age at which the soonest task renews the mode, on the mode's clock."""
    length = {name: float(clock(np.array([end]))[0]) for name, clock in clocks.items()}
    shortest = math.inf
    for task in unit.maintenance:
        if mode.id not in task.renews or task.due_by == "condition":
            continue
        counted = mode.clock if task.due_by == "age" else task.due_by
        if length[counted] > 0:
            shortest = min(shortest, task.interval * length[mode.clock] / length[counted])
    return shortest


def _fits(
    stops: list[_Stop],
    end: float,
    is_under_way: bool,
    clocks: dict[str, Clock],
    states: UnitActivity,
) -> dict[str, float]:
    """How well a Weibull law describes the same failures on each clock.

    A density on a clock becomes one of calendar time when multiplied with the clock's speed: 1 for
    the calendar and for working minutes while working, 1 over a lot's minutes for lots. A failure
    where the clock stands still counts :data:`STRAY`.
    """
    found: dict[str, float] = {}
    for name, clock in clocks.items():
        readings = _readings(stops, end, is_under_way, clock)[1:]
        ages = np.array([max(until - since, 0.5) for since, until, _ in readings])
        failed = np.array([float(is_failure) for *_, is_failure in readings])
        if failed.sum() < FEWEST:
            return {}
        if name == "count" and float(clock(np.array([end]))[0]) < len(ages):
            continue
        at = np.array([s.start for s in stops[1:] if s.is_failure])
        lives = Lives(ages, failed)
        if name == "count":  # the kth lot: somewhere between k − ½ and k + ½
            low = np.where(failed > 0, ages - 0.5, ages)
            lives = Lives(low, failed, latest=np.where(failed > 0, ages + 0.5, ages))
        speed = _speeds(name, clock, at, states)
        found[name] = fit_weibull(lives).loglik + float(np.log(speed).sum())
    return found


def _speeds(name: str, clock: Clock, at: Array, states: UnitActivity) -> Array:
    if name == "calendar":
        return np.ones(len(at))
    before = np.clip(np.searchsorted(states.starts, at) - 1, 0, len(states) - 1)
    runs = states.states.eq("working").to_numpy()[before]
    if name == "operating":
        return np.where(runs, 1.0, STRAY)
    end = np.array([states.ends[-1]])
    lots, worked = clock(end), states.minutes_in(["working"], states.starts[:1], end)
    speed = float(lots[0] / worked[0]) if worked[0] > 0 and lots[0] > 0 else STRAY
    return np.where(runs, speed, STRAY * speed)
