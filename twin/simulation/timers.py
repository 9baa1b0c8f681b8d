"""The event list: SimPy's, read in the three phases of Tocher (*The Art of Simulation*, 1963).

At every instant all timers that are due fire first, in the order of their slots, and each touches
only its own entity (phase B). When the last has fired, the plant settles (phase C): whoever should
look around decides what to do next, and everybody decides on the full news of the instant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import EventPriority

from twin.simulation.clock import NEVER

_FIRST_SLOT = 2
"""SimPy keeps the priorities 0 and 1 for itself; 1 ends the warm-up here."""


class Timers:
    """The timers of one replication on one SimPy clock."""

    def __init__(self, end: int) -> None:
        self.env = simpy.Environment()
        self.now = 0
        """The instant that is worked through [tick]."""
        self.end = end

    def at(self, instant: int, priority: int, action: Callable[[simpy.Event], None]) -> simpy.Event:
        """Let SimPy call an action at an instant."""
        event = simpy.Event(self.env)
        event._ok = True
        event._value = None
        event.callbacks = [action]
        self.env.schedule(event, EventPriority(priority), instant - self.now)
        return event

    def fire_until(self, end: int, settle: Callable[[], None]) -> None:
        """Work through all instants before an end: first their timers, then the plant settles."""
        peek, step = self.env.peek, self.env.step
        while (instant := peek()) < end:
            self.now = int(instant)
            step()
            while peek() == instant:
                step()
            settle()


class Timer(simpy.Event):
    """One thing that happens at one instant, unless it is put off or called off before.

    It is one event of SimPy's, scheduled as often as it is set; of the instants it is scheduled
    for, it lets those pass that are not the one due.
    """

    def __init__(self, timers: Timers, slot: int, action: Callable[[], None]) -> None:
        super().__init__(timers.env)
        self._ok = True
        self._value = None
        self._calls: list[Callable[[Any], None]] = [self._fire]
        self.callbacks = self._calls
        self._timers = timers
        self._place = EventPriority(_FIRST_SLOT + slot)
        self._action = action
        self.due = NEVER

    def set(self, due: int) -> None:
        """Fire at an instant, later than now, and at no other."""
        if due != self.due:
            self.due = due
            timers = self._timers
            if due < timers.end:
                timers.env.schedule(self, self._place, due - timers.now)

    def cancel(self) -> None:
        self.due = NEVER

    def _fire(self, event: simpy.Event) -> None:
        self.callbacks = self._calls  # SimPy takes them away
        if self.due == self._timers.now:
            self.due = NEVER
            self._action()
