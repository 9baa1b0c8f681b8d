"""Whole microseconds: the clock of the engines, and calendars on it.

Integer time does not drift when work is paused and resumed, and two things that happen at the same
instant really do. What the order within an instant is, :mod:`twin.simulation.timers` says.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from twin.model.shifts import OpenTime

TICKS_PER_MINUTE = 60_000_000
NEVER = 2**62
"""The longest duration, and the instant of what does not happen."""
_TICKS_PER_MINUTE, _NEVER = float(TICKS_PER_MINUTE), float(NEVER)
"""The same numbers, for the arithmetic of fractions."""
GRACE = 1_000
"""Work shorter than this [ticks] is finished although the shift has ended: a plan in minutes and
a clock in ticks round differently, and nobody leaves a millisecond of work for Monday."""


def to_tick(minute: float) -> int:
    """The instant nearest to a minute of the horizon."""
    return math.floor(minute * TICKS_PER_MINUTE + 0.5)


def duration(minutes: float) -> int:
    """A duration in ticks, at least one."""
    ticks = minutes * _TICKS_PER_MINUTE
    if ticks >= _NEVER:
        return NEVER
    whole = math.floor(ticks + 0.5)
    return whole if whole > 1 else 1


def count(number: float) -> int:
    """A number of lots, at least one; on the clock *count* it stands in place of minutes."""
    return max(math.floor(number + 0.5), 1) if number < NEVER else NEVER


def minutes(ticks: int) -> float:
    return ticks / TICKS_PER_MINUTE


class OpenTicks:
    """The open intervals of a calendar in ticks, half-open."""

    def __init__(self, open_time: OpenTime) -> None:
        self.starts = [to_tick(start) for start in open_time.starts.tolist()]
        self.ends = [to_tick(end) for end in open_time.ends.tolist()]

    def closing(self, now: int) -> int | None:
        """End of the open interval that holds ``now``; None when closed."""
        i = bisect_right(self.ends, now)
        return self.ends[i] if i < len(self.ends) and self.starts[i] <= now else None

    def opening(self, now: int) -> float:
        """First open instant at or after ``now``; infinity when there is none."""
        i = bisect_right(self.ends, now)
        return max(self.starts[i], now) if i < len(self.ends) else math.inf

    def next_change(self, now: int) -> int:
        """First opening or closing after ``now``."""
        i = bisect_right(self.ends, now)
        if i == len(self.ends):
            return NEVER
        return self.starts[i] if self.starts[i] > now else self.ends[i]
