"""Shifts to the minute: where on the days of a pattern activity begins and ends.

Seldom does the first activity of a day fall on the minute a shift begins; the earliest of many days
comes close. People set shifts on round times, so a minute that is nearly round is taken for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.model.horizon import Array

DAY = 1440
BEFORE, AFTER = 20, 40
"""Minutes outside and inside of an edge to the quarter in which the true one is looked for."""
STRAYS = 0.04
"""Share of days on which something may have happened outside of the shift."""
COMMON = 0.4
"""A minute at which activity begins on this share of the days is the shift's."""
ROUND = (30, 15, 10, 5)
"""Minutes a shift likes to begin and end at, the rounder the better."""

QUIET = 0.25
"""A quarter with less activity than this share of the busiest is quiet."""
LEAST_QUIET = 4
"""Quarters of quiet, at least, to cut days apart in."""

Mask = NDArray[np.bool_]


def minute_windows(is_open: Mask, busy: Mask) -> list[tuple[int, int]]:
    """Begin and end [min of the day] of a pattern's windows.

    Parameters
    ----------
    is_open : (96,)
    busy : (N, 1440)
        Minutes with activity on the days of the pattern.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_open.astype(int), [0]]))) * 15
    found: list[tuple[int, int]] = []
    limits = np.concatenate([[0], (edges[1:-1:2] + edges[2::2]) // 2, [DAY]])
    for n, (begin, end) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        low, high = int(limits[n]), int(limits[n + 1])
        middle = int(begin + end) // 2
        first = _edge(busy[:, low:middle], int(begin) - low) + low if begin else 0
        last = DAY - end
        if last:
            back = busy[:, middle:high][:, ::-1]
            last = DAY - high + _edge(back, int(high - end), DAY - high)
        found.append((first, DAY - last))
    return [(begin, end) for begin, end in found if end > begin]


def _edge(busy: Mask, near: int, offset: int = 0) -> int:
    """First minute of activity close to an edge, over (N, M) days.

    Parameters
    ----------
    offset
        Of the first column from a round time, by which roundness is judged.
    """
    low, high = max(near - BEFORE, 0), min(near + AFTER, busy.shape[1])
    part = busy[:, low:high]
    firsts = np.sort(np.argmax(part, axis=1)[part.any(axis=1)]).astype(float) + low
    if not len(firsts):
        return near
    minute, count = np.unique(firsts, return_counts=True)
    if count.max() >= COMMON * len(busy):  # most days begin at the same minute, whatever others do
        return _rounded(float(minute[np.argmax(count)]), 1.0, offset)
    kept = firsts[int(STRAYS * len(firsts)) :]
    late = float(np.mean(kept) - kept[0]) / len(kept)
    return _rounded(float(kept[0]) - late, 1.0 + 3 * late, offset)


def _rounded(minute: float, room: float, offset: int) -> int:
    for step in ROUND:
        nearest = round((minute + offset) / step) * step - offset
        if abs(nearest - minute) <= min(room, step / 2):
            return max(int(nearest), 0)
    return max(round(minute), 0)


def windows_of(minutes: Mask) -> list[str]:
    """The open stretches of a day of (1440,) minutes as text.

    >>> day = np.zeros(1440, dtype=bool); day[350:830] = True
    >>> windows_of(day)
    ['05:50-13:50']
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], minutes.astype(int), [0]]))).tolist()
    return [f"{_clock(a)}-{_clock(b)}" for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def best_cut(share: Array) -> int:
    """Quarter of the day at which to cut days apart, from the (7, 96) share of activity.

    The middle of the quiet hours, so that no shift runs over it. Where there are none, half a day
    away from where the longest rest of the week ends, so that this edge lies inside of a day.
    """
    mean = share.mean(axis=0)
    begin, length = _longest_run(mean < QUIET * float(mean.max()))
    if length >= LEAST_QUIET:
        return (begin + length // 2) % len(mean)
    begin, length = _longest_run(share.ravel() < QUIET * float(share.max()))
    if not length:
        return 0
    return (begin + length + len(mean) // 2) % len(mean)


def _longest_run(circle: Mask) -> tuple[int, int]:
    """Begin and length of the longest run of true values around a circle."""
    if circle.all():
        return 0, len(circle)
    start = int(np.argmin(circle))
    turned = np.concatenate([[False], np.roll(circle, -start), [False]])
    edges = np.flatnonzero(np.diff(turned.astype(int)))
    begins, ends = edges[::2], edges[1::2]
    if not len(begins):
        return 0, 0
    best = int(np.argmax(ends - begins))
    return (int(begins[best]) + start) % len(circle), int(ends[best] - begins[best])
