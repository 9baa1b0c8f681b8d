"""How whole each unit's signals are: gaps, overlaps, states out of turn, energy unexplained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import optimize

from twin.calibration.activity import Activity, UnitActivity, minutes_since
from twin.calibration.meters import LEAST_READINGS, read_meter
from twin.calibration.power import FIELDS, hours_between
from twin.calibration.stop_codes import StopCodes, stop_codes_of
from twin.model.plant import WorkUnit

LEAST_SILENCE = 60.0
"""Minutes of its shift for which a busy unit may always keep silent."""
USUAL, UNUSUAL = 0.95, 3.0
"""It is silent for too long at so many times the longest of most of its silences: one with long
lots and no meter has little to say."""
IMPOSSIBLE: dict[tuple[str, str], str] = {
    ("off", "blocked"): "what it is blocked with was made while it was off",
    ("standby", "blocked"): "what it is blocked with was made while it waited",
    ("setup", "blocked"): "what it is blocked with was made during the setup",
    ("startup", "blocked"): "what it is blocked with was made while it started up",
    ("working", "startup"): "it started up without having been off",
    ("setup", "startup"): "it started up without having been off",
    ("blocked", "startup"): "it started up without having been off",
}
"""States that cannot follow each other, and what that says."""
ODD_SHARE = 0.1
ODD_NOMINAL = 0.25
NO_REPAIR = "the repair it waited for was not recorded"


@dataclass(frozen=True)
class SignalGaps:
    """Silences and overlaps of one unit."""

    work_unit: str
    gaps: int
    """Silences within its shifts that are too long for it."""
    gap_minutes: float
    """Of shift in them."""
    overlaps: int
    """Lots that start before the one before them has ended."""
    overlap_minutes: float


@dataclass(frozen=True)
class Transition:
    """One state after another that cannot follow it."""

    work_unit: str
    before: str
    after: str
    count: int
    meaning: str


@dataclass(frozen=True)
class EnergyBalance:
    """A unit's meter against the time in its states."""

    work_unit: str
    metered_kwh: float
    nominal_kwh: float
    """What the plant file expects for the states recorded."""
    unexplained_kwh: float
    """Left between readings and states at the powers that fit them best, sum of sizes."""

    @property
    def unexplained_share(self) -> float:
        """Of the metered energy."""
        return self.unexplained_kwh / self.metered_kwh if self.metered_kwh > 0 else 0.0

    @property
    def is_odd(self) -> bool:
        """Whether the states, or the plant file's powers, explain the meter badly."""
        off = abs(self.metered_kwh - self.nominal_kwh)
        return self.unexplained_share > ODD_SHARE or off > ODD_NOMINAL * self.nominal_kwh


@dataclass(frozen=True)
class Signals:
    """What the signals of a log show, each part by unit."""

    gaps: tuple[SignalGaps, ...]
    transitions: tuple[Transition, ...]
    stop_codes: tuple[StopCodes, ...]
    energy: tuple[EnergyBalance, ...]


def read_signals(activity: Activity) -> Signals:
    """Every part of the signals of a log."""
    return Signals(
        gaps=tuple(signal_gaps(activity)),
        transitions=tuple(transitions_of(activity)),
        stop_codes=tuple(stop_codes_of(activity)),
        energy=tuple(energy_balances(activity)),
    )


def signal_gaps(activity: Activity) -> Iterator[SignalGaps]:
    """Silences within shifts and overlapping lots, of every unit that speaks."""
    table = activity.log.table
    minutes = minutes_since(activity.begin, table["time"])
    spoken = {str(u): np.sort(minutes[i]) for u, i in table.groupby("work_unit").indices.items()}
    lots = dict(iter(activity.lots.groupby("work_unit", sort=False)))
    for unit in activity.plant.work_units:
        if unit.id not in spoken:
            continue
        times = np.append(spoken[unit.id], activity.minutes)
        opened = np.diff(activity.open_time[unit.id].minutes_before(times))
        states = activity.units.get(unit.id)
        is_busy = opened > 0
        if states is not None:  # one that is off or waits has nothing to say
            idle = states.minutes_in(["off", "standby"], times[:-1], times[1:])
            is_busy &= idle < 0.99 * np.diff(times)
        usual = float(np.quantile(opened[is_busy], USUAL)) if is_busy.any() else 0.0
        is_quiet = is_busy & (opened > max(LEAST_SILENCE, UNUSUAL * usual))
        count, shared = _overlaps(lots.get(unit.id))
        yield SignalGaps(
            unit.id, int(is_quiet.sum()), float(opened[is_quiet].sum()), count, shared
        )  # fmt: skip


def _overlaps(lots: pd.DataFrame | None) -> tuple[int, float]:
    if lots is None or len(lots) < 2:
        return 0, 0.0
    rows = lots.sort_values("start", kind="stable")
    start, end = rows["start"].to_numpy(float), rows["end"].to_numpy(float)
    before = np.maximum.accumulate(end)[:-1]
    shared = np.minimum(end[1:], before) - start[1:]
    over = shared > 1e-6
    return int(over.sum()), float(shared[over].sum())


def transitions_of(activity: Activity) -> Iterator[Transition]:
    """States that cannot follow each other, counted by unit and pair."""
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        if states is None or len(states) < 2:
            continue
        words = states.states.tolist()
        pairs = Counter(pairwise(words))
        for (before, after), count in sorted(pairs.items()):
            if (before, after) in IMPOSSIBLE:
                yield Transition(unit.id, before, after, count, IMPOSSIBLE[before, after])
        yield from _without_repair(unit, states)


def _without_repair(unit: WorkUnit, states: UnitActivity) -> Iterator[Transition]:
    crewed = {m.id for m in unit.failure_modes if m.crew is not None}
    after = states.states.shift(-1)
    waits = states.states.eq("down") & states.reasons.isin(crewed) & after.notna()
    broken = after[waits & ~after.isin(["down", "repair", "off", "standby"])]
    for word, count in broken.value_counts().items():
        yield Transition(unit.id, "down", str(word), int(count), NO_REPAIR)


def energy_balances(activity: Activity) -> Iterator[EnergyBalance]:
    """Metered energy, and what no power by state explains of it."""
    meters = dict(iter(activity.log.of_kind("meter").groupby("work_unit", sort=False)))
    for unit in activity.plant.work_units:
        states, rows = activity.units.get(unit.id), meters.get(unit.id)
        if states is None or rows is None or len(rows) < LEAST_READINGS:
            continue
        minutes = minutes_since(activity.begin, rows["time"])
        readings = read_meter(minutes, rows["quantity"].to_numpy(float))
        if not len(readings):
            continue
        hours = hours_between(states, readings, 0.0)
        nominal = np.array([unit.power_kw.of(s[0]) for s in FIELDS.values()])
        fitted, _ = optimize.nnls(hours, readings.kwh)
        yield EnergyBalance(
            unit.id, float(readings.kwh.sum()), float((hours @ nominal).sum()),
            float(np.abs(readings.kwh - hours @ fitted).sum()),
        )  # fmt: skip
