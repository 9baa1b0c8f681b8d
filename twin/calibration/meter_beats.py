"""Beats of meters: where the time between readings of one meter is not what it always is.

A meter read every quarter hour shows what its clock does. Where the clock is set on by an hour,
one interval is an hour too long; where it is set back, readings come twice in the same hour, and
their intervals are an hour too short in sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.model.horizon import Array

LEAST_READINGS = 20
STEADY = 0.2
"""Readings within this of their beat [min] are on it."""
MOSTLY = 0.9
"""Share of intervals that are one beat long, where there is a beat at all."""
MOST_METERS = 0.7
"""Share of the meters that break together where it is the plant's clock."""
AGREE = 1.0
"""Sizes within this [min] are the same."""


@dataclass(frozen=True)
class Break:
    """A place where a meter's beat is broken; times are minutes since the first row."""

    work_unit: str
    minutes: float
    """By how much its intervals are too long (set on, or lost readings) or too short (set back)."""
    first: float
    """Last reading before it."""
    last: float
    """First reading after it."""
    beat: float


def beat_breaks(minutes: Array, units: pd.Series) -> list[Break]:
    """Breaks of every meter with a steady beat, from its readings' (N,) times and units."""
    found: list[Break] = []
    for unit, rows in pd.Series(minutes).groupby(units.to_numpy(), sort=True):
        found += _of_meter(str(unit), np.sort(rows.to_numpy(float)))
    return found


def _of_meter(unit: str, times: Array) -> list[Break]:
    if len(times) < LEAST_READINGS:
        return []
    lengths = np.diff(times)
    beat = float(np.median(lengths))
    off = np.abs(lengths - beat) > STEADY
    if beat <= STEADY or off.mean() > 1 - MOSTLY:
        return []
    found = []
    for group in _close_together(np.flatnonzero(off)):
        first, last = group[0], group[-1] + 1
        size = float(times[last] - times[first] - beat * (last - first))
        if abs(size) > AGREE:
            found.append(Break(unit, size, float(times[first]), float(times[last]), beat))
    return found


def _close_together(places: np.ndarray) -> list[list[int]]:
    """Places no more than two apart are one break: doubled readings alternate with empty steps."""
    groups: list[list[int]] = []
    for place in places.tolist():
        if groups and place - groups[-1][-1] <= 2:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def common_breaks(breaks: Sequence[Break], meters: int) -> list[list[Break]]:
    """Breaks of one size at one instant on most of at least three meters: the plant's own.

    Of readings that came twice one may be gone, taken for a repeat; single readings that several
    meters miss together are lost messages.
    """
    found: list[list[Break]] = []
    used: set[int] = set()
    large = [b for b in breaks if b.minutes < 0 or b.minutes > 1.5 * b.beat]
    for one in sorted(large, key=lambda b: -abs(b.minutes)):
        same = [b for b in breaks if id(b) not in used and _is_same(b, one)]
        if meters >= 3 and id(one) not in used and len(same) >= MOST_METERS * meters:
            found.append([one, *(b for b in same if b is not one)])
            used |= {id(b) for b in same}
    return found


def _is_same(a: Break, b: Break) -> bool:
    spare = a.beat if b.minutes < 0 else 0.0
    is_one_size = a.minutes * b.minutes > 0 and abs(a.minutes - b.minutes) <= spare + AGREE
    return is_one_size and abs(a.first - b.first) <= 1.5 * b.beat


def pairs_of(breaks: Sequence[Break]) -> list[tuple[Break, Break]]:
    """Breaks of one meter that undo each other: the clock was wrong between them.

    Those that do so exactly first; then those short of one reading, lost or taken for a repeat.
    """
    found: list[tuple[Break, Break]] = []
    used: set[int] = set()
    for spare in (0.0, 1.0):
        for i, begin in enumerate(breaks):
            for j in range(i + 1, len(breaks)):
                rest = abs(begin.minutes + breaks[j].minutes)
                is_one_back = begin.minutes * breaks[j].minutes < 0
                if {i, j} & used or not is_one_back or rest > AGREE + spare * begin.beat:
                    continue
                if min(abs(begin.minutes), abs(breaks[j].minutes)) <= spare * begin.beat + AGREE:
                    continue
                found.append((begin, breaks[j]))
                used |= {i, j}
    return found
