"""Working time and prefix integrals on flat lists: the two things every placement asks for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from twin.model.horizon import Array
from twin.model.shifts import OpenTime

TINY = 1e-9
"""Working time below this [min] is nothing, as in :meth:`twin.model.shifts.OpenTime.work`."""


@dataclass(frozen=True, eq=False)
class Shift:
    """Open intervals of a calendar with their cumulative open minutes, for search by bisection."""

    starts: tuple[float, ...]
    ends: tuple[float, ...]
    before: tuple[float, ...]
    """Open minutes before interval i."""
    after: tuple[float, ...]
    """Open minutes up to the end of interval i."""

    @staticmethod
    def of(open_time: OpenTime) -> Shift:
        starts, ends = open_time.starts.tolist(), open_time.ends.tolist()
        after = list(accumulate(e - s for s, e in zip(starts, ends, strict=True)))
        return Shift(tuple(starts), tuple(ends), (0.0, *after[:-1])[: len(starts)], tuple(after))

    def next_open(self, minute: float) -> float:
        """First open minute at or after ``minute``; infinity when there is none."""
        i = bisect_right(self.ends, minute)
        if i == len(self.ends):
            return float("inf")
        return minute if minute > self.starts[i] else self.starts[i]

    def end_of(self, begin: float, minutes: float) -> float:
        """When ``minutes`` of work begun at or after ``begin`` are done; infinity if never."""
        i = bisect_right(self.ends, begin)
        if i == len(self.ends):
            return float("inf")
        first = begin if begin > self.starts[i] else self.starts[i]
        target = self.before[i] + first - self.starts[i] + minutes
        if target <= self.after[i]:
            return first + minutes
        k = bisect_left(self.after, target - TINY, i)
        if k == len(self.after):
            return float("inf")
        return min(round(self.starts[k] + target - self.before[k], 9), self.ends[k])

    def opened(self, minute: float) -> float:
        """Open minutes before ``minute``."""
        i = bisect_right(self.ends, minute)
        if i == len(self.ends):
            return self.after[-1] if self.after else 0.0
        return self.before[i] + max(minute - self.starts[i], 0.0)

    def latest_start(self, finish: float, minutes: float) -> float:
        """Latest start for ``minutes`` of work to be done by ``finish``; −infinity if none."""
        target = self.opened(finish) - minutes
        if target < -TINY:
            return float("-inf")
        if minutes <= 0:
            return finish
        k = bisect_right(self.after, target)
        return self.starts[k] + max(target, 0.0) - self.before[k]

    def pieces(self, begin: float, end: float) -> list[tuple[float, float]]:
        """Open pieces of [begin, end), each of some length."""
        found: list[tuple[float, float]] = []
        if end - begin <= TINY:
            return found
        i = bisect_right(self.ends, begin)
        if i < len(self.starts) and self.starts[i] <= begin and end <= self.ends[i]:
            return [(begin, end)]
        while i < len(self.starts) and self.starts[i] < end - TINY:
            found.append((max(begin, self.starts[i]), min(end, self.ends[i])))
            i += 1
        return found


class Prefix:
    """Integral from 0 of a piecewise constant rate; any stretch costs ``at(end) - at(start)``."""

    __slots__ = ("points", "rates", "sums")

    def __init__(self, points: Sequence[float], rates: Array) -> None:
        """``rates`` (N,) hold between ``points`` (N + 1,)."""
        self.points = points
        steps = np.diff(np.asarray(points)) * rates
        self.sums: list[float] = np.concatenate(([0.0], np.cumsum(steps))).tolist()
        self.rates: list[float] = [*rates.tolist(), 0.0]

    def at(self, minute: float) -> float:
        i = bisect_right(self.points, minute) - 1
        return self.sums[i] + (minute - self.points[i]) * self.rates[i]

    def between(self, begin: float, end: float) -> float:
        return self.at(end) - self.at(begin)


@dataclass(frozen=True, eq=False)
class Grid:
    """Slot edges and calendar changes merged: between two points every rate is constant."""

    points: tuple[float, ...]
    slot: Array
    """(N,) slot of each stretch between points, as integers."""
    open: tuple[Array, ...]
    """For each shift (N,) 1.0 where it is open, else 0.0."""

    @staticmethod
    def of(edges: Array, shifts: Iterable[Shift]) -> Grid:
        shifts = list(shifts)
        changes = [np.array([*s.starts, *s.ends]) for s in shifts]
        points = np.unique(np.concatenate([edges, *changes]))
        points = points[(points >= edges[0]) & (points <= edges[-1])]
        middle = (points[:-1] + points[1:]) / 2
        slot = np.searchsorted(edges, middle, side="right") - 1
        is_open = tuple(_covered(middle, s) for s in shifts)
        return Grid(tuple(points.tolist()), slot, is_open)

    def prefix(self, per_slot: Array, shift: int | None = None) -> Prefix:
        """Integral of a rate given per slot, counted only while a shift is open."""
        rates = per_slot[self.slot]
        return Prefix(self.points, rates if shift is None else rates * self.open[shift])


def _covered(instants: Array, shift: Shift) -> Array:
    i = np.searchsorted(np.array(shift.ends), instants, side="right")
    starts = np.array([*shift.starts, np.inf])
    return (starts[i] <= instants).astype(float)
