"""Failure modes and preventive tasks behind the reasons of a log, each with first values.

What is left open gets the value that says least: repairs as good as new, a lot that goes on after
the repair. Laws are first those of all units that fail in the same mode, so that one with few
failures, or whose long lives are cut short by preventive tasks, leans on its sisters; they are
fitted afterwards, by calibration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from twin.calibration.activity import UnitActivity
from twin.calibration.lifetimes import Lives, fit_weibull
from twin.calibration.mode_lives import ModeHistory, clocks_of, mode_history
from twin.calibration.repairs import repairs_of
from twin.model.failures import FailureMode, MaintenanceTask
from twin.model.horizon import Array
from twin.model.laws import Lognormal, Weibull
from twin.model.plant import Processing, WorkUnit

Interrupted = Literal["resume", "finish_first", "scrap", "restart"]
Clock = Literal["operating", "calendar", "count"]

STANDS = ("down", "repair")
SHAPES = np.geomspace(0.5, 5.0, 47)
SHAPE_SPREAD = 0.5
"""Deviation of the logarithm of a shape around 1 before the log speaks."""
NEUTRAL_REPAIR, NEUTRAL_SIGMA = 30.0, 0.6
"""A repair of which nothing is known: median [min] and deviation of the logarithm."""
CLOCK_GAIN = 3.0
"""Log likelihood by which another clock than working time must be better."""
AT_LOT_END = 0.8
"""Share of failures at the end of a lot, from which the lot is finished first."""
AT_ONCE = 1 / 60
RENEWAL_GAIN = 2.0
"""Log likelihood by which lives renewed by a task must be better."""
DUE_QUANTILE = 0.05
"""Tasks are begun late rather than early: the interval is near the least reading, strays apart."""
TOLERANCE = 0.1
"""Least tolerance of a task over its interval: a log shows when it was done, not when it might."""
LEAST_GAPS = 4
"""Times between executions from which one can tell what a task is due by."""
CLEARER = 0.7
"""The calendar is left for another clock when readings there spread by so much less."""


@dataclass(frozen=True)
class FoundMode:
    """A failure mode of one unit."""

    mode: FailureMode
    failures: int
    note: str


@dataclass(frozen=True)
class FoundTask:
    """A preventive task of one unit."""

    task: MaintenanceTask
    times: int
    notes: Mapping[str, str]
    """By field."""


def modes_of(
    unit: str, states: UnitActivity, ends: pd.DataFrame, crews: Mapping[str, str]
) -> Iterator[FoundMode]:
    """Failure modes of a unit by the reasons of its stops.

    Parameters
    ----------
    ends
        End rows of the unit's lots: ``at`` [min], good ``quantity`` and ``scrap``.
    crews
        Crew by reason.
    """
    stops = states.episodes(STANDS)
    stops = stops[stops["first"] > 0]
    for reason in sorted(set(stops["reason"])):
        mine = stops[stops["reason"] == reason]
        mode = _neutral(reason, states, mine, crews.get(reason))
        clock = _clock(unit, mode, states, ends["at"].to_numpy(float))
        interrupted, note = _interrupted(mine["start"].to_numpy(float), ends)
        update: dict[str, object] = {"clock": clock, "interrupted": interrupted}
        if clock != "operating":
            lots = ends["at"].to_numpy(float)
            update["time_to_failure"] = _life(states, lots, clock, len(mine))
        yield FoundMode(mode.model_copy(update=update), len(mine), note)


def _neutral(
    reason: str, states: UnitActivity, stops: pd.DataFrame, crew: str | None
) -> FailureMode:
    return FailureMode(
        id=reason,
        time_to_failure=_life(states, np.zeros(0), "operating", len(stops)),
        time_to_repair=Lognormal(median=NEUTRAL_REPAIR, sigma=NEUTRAL_SIGMA),
        crew=crew,
    )


def _life(states: UnitActivity, lots: Array, clock: Clock, failures: int) -> Weibull:
    """Time on the clock over the failures, the shape of no wear."""
    length = float(clocks_of(states, lots)[clock](states.ends[-1:])[0])
    return Weibull(shape=1.0, scale=float(f"{max(length / (failures + 0.5), 1.0):.4g}"))


def _bare(unit: str, modes: Sequence[FailureMode], tasks: Sequence[MaintenanceTask]) -> WorkUnit:
    """A unit with nothing but its upkeep, as the readers of lives ask for one."""
    row = Processing(operation="any", basis="order", time={"*": 1.0})
    return WorkUnit(
        id=unit, area="any", processing=[row], failure_modes=list(modes), maintenance=list(tasks)
    )


def _clock(unit: str, mode: FailureMode, states: UnitActivity, lots: Array) -> Clock:
    fits = mode_history(_bare(unit, [mode], []), mode, states, lots).fits
    best: Clock = "operating"
    for name in ("calendar", "count"):
        if fits.get(name, -np.inf) > fits.get(best, np.inf) + CLOCK_GAIN:
            best = "calendar" if name == "calendar" else "count"
    return best


def _interrupted(starts: Array, ends: pd.DataFrame) -> tuple[Interrupted, str]:
    """What became of the lot in work."""
    if len(starts) < 5 or not len(ends):
        return "resume", ""
    at = ends["at"].to_numpy(float)
    place = np.clip(np.searchsorted(at, starts + AT_ONCE) - 1, 0, len(at) - 1)
    with_end = np.abs(at[place] - starts) <= AT_ONCE
    lost = with_end & (ends["quantity"].to_numpy(float)[place] == 0)
    lost &= ends["scrap"].to_numpy(float)[place] > 0
    n = len(starts)
    if lost.mean() >= AT_LOT_END:
        return "scrap", f"{int(lost.sum())} of {n} failures scrapped the lot in work"
    if with_end.mean() >= AT_LOT_END:
        return "finish_first", f"{int(with_end.sum())} of {n} failures came at the end of a lot"
    return "resume", ""


def alike_modes(
    units: Sequence[WorkUnit], states: Mapping[str, UnitActivity], lots: Mapping[str, Array]
) -> list[WorkUnit]:
    """The units with first laws that are not their own: those of all units with the same mode.

    Calibration takes what stands in a plant for known beforehand. Were it each unit's own figure,
    the log would count twice, and few failures would look like certainty. A mode of one unit only
    gets the mean life of all modes of the plant.
    """
    seen: dict[str, list[Lives]] = {}
    mended: dict[str, list[Array]] = {}
    for unit in units:
        for mode in unit.failure_modes:
            ends = lots.get(unit.id, np.zeros(0))
            history = mode_history(unit, mode, states[unit.id], ends)
            seen.setdefault(mode.id, []).append(history.all_lives)
            repairs = repairs_of(mode, states[unit.id])
            mended.setdefault(mode.id, []).append(repairs.ages[repairs.failed > 0])
    laws = _laws(seen)
    repairs_by_mode = _repairs(mended)
    return [
        unit.model_copy(
            update={
                "failure_modes": [
                    m.model_copy(
                        update={
                            "time_to_failure": laws[m.id], "time_to_repair": repairs_by_mode[m.id],
                        }
                    )
                    for m in unit.failure_modes
                ]
            }
        )
        for unit in units
    ]  # fmt: skip


def _laws(seen: Mapping[str, Sequence[Lives]]) -> dict[str, Weibull]:
    """Law of life by mode, the scale common to all units."""
    shapes, scales = {}, {}
    for mode, lives in seen.items():
        failed = [one for one in lives if one.failures]
        shapes[mode] = _common_shape(failed) if failed else 1.0
        whole = lives[0]
        for other in lives[1:]:
            whole = whole.and_(other)
        scales[mode] = (
            fit_weibull(whole, shapes[mode]).parameters["scale"]
            if failed
            else 2 * max(float(whole.ages.sum()), 1.0)
        )
    usual = math.exp(float(np.mean(np.log(list(scales.values()))))) if scales else 1.0
    return {
        mode: Weibull(
            shape=round(shapes[mode], 2),
            scale=max(float(f"{scales[mode] if len(lives) > 1 else usual:.4g}"), 1.0),
        )
        for mode, lives in seen.items()
    }


def _repairs(mended: Mapping[str, Sequence[Array]]) -> dict[str, Lognormal]:
    """Law of repair by mode, of all units that have it; of one unit only, that of all modes."""
    every = np.concatenate([np.zeros(0), *(a for units in mended.values() for a in units)])
    found = {}
    for mode, units in mended.items():
        mine = np.concatenate(units) if sum(len(a) > 0 for a in units) > 1 else every
        median = float(np.median(mine)) if len(mine) else NEUTRAL_REPAIR
        found[mode] = Lognormal(median=float(f"{max(median, 0.01):.4g}"), sigma=NEUTRAL_SIGMA)
    return found


def _common_shape(lives: Sequence[Lives]) -> float:
    """The likeliest shape of several units' lives, each with a scale of its own."""

    def liked(shape: float) -> float:
        prior = -((math.log(shape) / SHAPE_SPREAD) ** 2) / 2
        return prior + sum(fit_weibull(mine, shape).loglik for mine in lives)

    return float(max(SHAPES.tolist(), key=liked))


def tasks_of(
    unit: str,
    states: UnitActivity,
    modes: Sequence[FailureMode],
    lots: Array,
    crews: Mapping[str, str],
) -> Iterator[FoundTask]:
    """Preventive tasks of a unit by the reasons of its maintenance."""
    found = states.episodes(["maintenance"])
    for reason in sorted(set(found["reason"])):
        mine = found[(found["reason"] == reason)]
        whole = mine[~mine["is_open"] & (mine["first"] > 0)]
        starts = mine["start"].to_numpy(float)
        duration = float((whole if len(whole) else mine)["minutes"].median())
        yield _task(unit, states, modes, lots, reason, starts, duration, crews[reason])


def _task(
    unit: str, states: UnitActivity, modes: Sequence[FailureMode], lots: Array, reason: str,
    starts: Array, duration: float, crew: str,
) -> FoundTask:  # fmt: skip
    readings = _readings(states, modes, lots, reason, starts)
    due_by, interval, reach, note, age_of = _due(readings, states, len(starts))
    task = MaintenanceTask(
        id=reason, interval=interval, tolerance=reach, duration=float(f"{duration:.4g}"), crew=crew
    )
    renewed = {m.id: _renewal_gain(unit, states, m, task, lots) for m in modes}
    renews = [id for id, gain in renewed.items() if gain > RENEWAL_GAIN]
    if age_of:
        renews = [age_of, *(id for id in renews if id != age_of)]
    told = ", ".join(f"{id} {gain:+.1f}" for id, gain in renewed.items())
    about = f"gain in log likelihood of lives that begin anew after it: {told}"
    if not any(renewed.values()) and not age_of:
        about = "what it renews cannot be told: too few failures; left out"
    notes = {
        "interval": note,
        "duration": f"median of {len(starts)}",
        "tolerance": f"how far its starts lie apart, at least {TOLERANCE:.0%} of the interval",
        "renews": about,
    }
    task = task.model_copy(update={"due_by": due_by, "renews": renews})
    return FoundTask(task, len(starts), notes)


@dataclass(frozen=True)
class _Readings:
    """What a task's clock showed at each of its starts."""

    due_by: str
    age_of: str
    values: Array

    @property
    def spread(self) -> float:
        """Of the readings, robustly, over their median."""
        if len(self.values) < LEAST_GAPS or np.median(self.values) <= 0:
            return np.inf
        low, high = np.quantile(self.values, [0.1, 0.9])
        return float((high - low) / np.median(self.values))


def _readings(
    states: UnitActivity, modes: Sequence[FailureMode], lots: Array, task: str, starts: Array
) -> list[_Readings]:
    """Readings on every clock that a task may be due by."""
    clocks = clocks_of(states, lots)
    found = [
        _Readings("calendar", "", np.diff(starts)),
        _Readings("operating", "", np.diff(clocks["operating"](starts))),
    ]
    if len(lots):
        found.append(_Readings("count", "", np.diff(clocks["count"](starts))))
    stops = states.episodes([*STANDS, "maintenance"])
    for mode in modes:
        resets = stops.loc[stops["reason"].isin((mode.id, task)), "end"].to_numpy(float)
        since = np.searchsorted(resets, starts - AT_ONCE) - 1
        known = since >= 0
        clock = clocks[mode.clock]
        ages = clock(starts[known]) - clock(resets[since[known]])
        found.append(_Readings("age", mode.id, ages))
    return found


def _due(
    readings: Sequence[_Readings], states: UnitActivity, times: int
) -> tuple[str, float, float, str, str]:
    """What the task is due by, its interval, how far its starts lie apart, and why."""
    calendar = readings[0]
    if len(calendar.values) < LEAST_GAPS:
        length = float(states.ends[-1] - states.starts[0])
        known = float(calendar.values.min()) if len(calendar.values) else length
        what = "the shortest time between" if len(calendar.values) else "the length of the log"
        note = f"done {times} times: {what}; a guess"
        return "calendar", float(f"{known:.4g}"), float(f"{TOLERANCE * known:.3g}"), note, ""
    best = min(readings, key=lambda r: r.spread)
    if best.spread > CLEARER * calendar.spread:
        best = calendar
    low, high = (float(v) for v in np.quantile(best.values, [DUE_QUANTILE, 1 - DUE_QUANTILE]))
    unit = "lots" if best.due_by == "count" else "min"
    sure = "sure" if len(best.values) >= 10 and best.spread < 0.2 else "unsure"
    note = (
        f"begun at {low:.4g}–{high:.4g} {unit} ({best.due_by}{' of ' * bool(best.age_of)}"
        f"{best.age_of}) in 90 % of {len(best.values)} times; {sure}"
    )
    interval = float(f"{max(low, 1.0):.4g}")
    reach = float(f"{max(high - low, TOLERANCE * interval):.3g}")
    return best.due_by, interval, min(reach, interval / 2), note, best.age_of


def _renewal_gain(
    unit: str, states: UnitActivity, mode: FailureMode, task: MaintenanceTask, lots: Array
) -> float:
    """Log likelihood of a mode's failures with the task renewing it, over that without."""
    liked = []
    for renews in ([mode.id], []):
        tried = task.model_copy(update={"renews": renews})
        history: ModeHistory = mode_history(_bare(unit, [mode], [tried]), mode, states, lots)
        lives = history.all_lives
        if history.failures < 4:
            return 0.0
        liked.append(fit_weibull(lives).loglik)
    return liked[0] - liked[1]
