"""Whole microseconds: the clock of the engine, calendars on it, and the order within one instant.

Integer time does not drift when work is paused and resumed, and two things that happen at the same
instant really do. Within an instant, what was under way ends first (SimPy's normal priority), then
idle work units decide in the order of the plant, then preventive tasks begin, then crews answer
calls for repair. So nobody decides on half of the news of an instant.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Generator
from typing import Any

import simpy
from simpy.events import EventPriority

from twin.model.shifts import OpenTime

TICKS_PER_MINUTE = 60_000_000
GRACE = 1_000
"""Work shorter than this [ticks] is finished although the shift has ended: a plan in minutes and
a clock in ticks round differently, and nobody leaves a millisecond of work for Monday."""
DECIDE = 2**20
"""Priority at which the first work unit decides; the others follow in the order of the plant."""
BEGIN_TASKS = 2**39
"""Priority at which preventive tasks begin, when the failures of the instant are known."""
CALL_CREWS = 2**40
"""Priority at which crews answer calls."""

Process = Generator[simpy.Event, Any, None]


def to_tick(minute: float) -> int:
    """The instant nearest to a minute of the horizon."""
    return math.floor(minute * TICKS_PER_MINUTE + 0.5)


def duration(minutes: float) -> int:
    """A duration in ticks, at least one."""
    ticks = minutes * TICKS_PER_MINUTE
    return max(math.floor(ticks + 0.5), 1) if ticks < 2**62 else 2**62


def minutes(ticks: int) -> float:
    return ticks / TICKS_PER_MINUTE


def after_others(env: simpy.Environment, event: simpy.Event, priority: int) -> simpy.Event:
    """Let an event happen at this instant, after everything of a lower priority number."""
    event._ok = True
    event._value = None
    env.schedule(event, EventPriority(priority))
    return event


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
