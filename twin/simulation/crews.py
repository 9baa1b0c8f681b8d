"""Maintenance crews: they answer calls in their open time, repairs before preventive tasks."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

import simpy

from twin.simulation.clock import CALL_CREWS, OpenTicks, Process, after_others


class Crew:
    """A number of people who can do that many tasks at once.

    A task is begun only in the crew's open time, and once begun it is finished. Repairs are served
    in the order they were called (work units of the same instant in the order of the plant). A
    preventive task is begun by its work unit when :meth:`is_free`, that is, when no repair waits.
    """

    def __init__(self, env: simpy.Environment, size: int, calendar: OpenTicks) -> None:
        self._env = env
        self._size = size
        self._calendar = calendar
        self._busy = 0
        self._calls: list[tuple[int, int, simpy.Event]] = []
        self._watchers: dict[int, Callable[[], None]] = {}
        self._will_serve = False
        env.process(self._come_on_duty())

    def call(self, unit: int) -> simpy.Event:
        """Ask for a repair; the event happens when someone of the crew begins it."""
        arrival = self._env.event()
        heappush(self._calls, (int(self._env.now), unit, arrival))
        self._serve_soon()
        return arrival

    def is_free(self) -> bool:
        """Whether a preventive task could begin now."""
        is_open = self._calendar.closing(int(self._env.now)) is not None
        return is_open and self._busy + len(self._calls) < self._size

    def take(self) -> None:
        """Begin a preventive task; only when :meth:`is_free`."""
        self._busy += 1

    def release(self) -> None:
        """A repair or task is finished."""
        self._busy -= 1
        self._serve_soon()

    def watch(self, unit: int, ring: Callable[[], None]) -> None:
        """Ring once, when the crew may have become free."""
        self._watchers[unit] = ring

    def _come_on_duty(self) -> Process:
        for opening in self._calendar.starts:
            yield self._env.timeout(opening - int(self._env.now))
            self._serve_soon()

    def _serve_soon(self) -> None:
        """Serve when all work units have had their say at this instant."""
        if not self._will_serve:
            self._will_serve = True
            event = after_others(self._env, self._env.event(), CALL_CREWS)
            assert event.callbacks is not None
            event.callbacks.append(self._serve)

    def _serve(self, _: simpy.Event) -> None:
        self._will_serve = False
        is_open = self._calendar.closing(int(self._env.now)) is not None
        while is_open and self._calls and self._busy < self._size:
            self._busy += 1
            heappop(self._calls)[2].succeed()
        if self.is_free():
            watchers, self._watchers = self._watchers, {}
            for unit in sorted(watchers):
                watchers[unit]()
