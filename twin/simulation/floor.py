"""The shop floor: what all that happens in one replication shares."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import accumulate

from twin.behaviour.randomness import Luck
from twin.simulation.clock import to_tick
from twin.simulation.experiment import Experiment
from twin.simulation.jobs import JobLuck
from twin.simulation.recorder import Recorder
from twin.simulation.tally import Tally
from twin.simulation.timers import Timer, Timers

GROUPS = (
    "shift", "duty", "activity", "overlay", "failure", "cause", "wake", "inspection", "vehicle",
    "source", "release", "delivery",
)  # fmt: skip
"""Kinds of timer, in the order they fire within an instant."""


class Floor(Timers):
    """The clock, the luck, the record, and what is still to be decided at this instant."""

    def __init__(self, experiment: Experiment, replication: int, *, trace: bool) -> None:
        super().__init__(to_tick(experiment.plant.horizon.minutes))
        self.plant = experiment.plant
        self.luck = Luck(experiment.seed, replication)
        self.job_luck = JobLuck(self.luck, self.plant)
        self.record = Recorder() if trace else None
        """None where no trace is wanted."""
        self.tally = Tally(experiment)
        self.calls_are_open = True
        """Something happened to people, parts or vehicles since they were last served."""
        plant = self.plant.plant
        units = len(plant.work_units)
        tasks = sum(len(unit.maintenance) for unit in plant.work_units)
        vehicles = sum(transport.vehicles for transport in plant.transports)
        sizes = (
            units, len(plant.crews), units, units, units, len(plant.common_causes), units, tasks,
            vehicles, len(plant.sources), 1, len(plant.stocks),
        )  # fmt: skip
        self._first_slot = dict(zip(GROUPS, accumulate((0, *sizes[:-1])), strict=True))
        self.dirty: list[int] = []
        """Work units that are to look around at this instant, a heap."""
        self._is_dirty = [False] * units
        self.stirred: set[int] = set()
        """Work units whose visible state may have changed at this instant."""

    def timer(self, group: str, index: int, action: Callable[[], None]) -> Timer:
        """The timer of an entity, in the slot of its kind."""
        return Timer(self, self._first_slot[group] + index, action)

    def mark(self, unit: int) -> None:
        """A work unit should look around at this instant."""
        if not self._is_dirty[unit]:
            self._is_dirty[unit] = True
            heappush(self.dirty, unit)

    def mark_all(self) -> None:
        for unit in range(len(self._is_dirty)):
            self.mark(unit)

    def next_dirty(self) -> int:
        """The marked work unit of the lowest index, its mark taken off."""
        unit = heappop(self.dirty)
        self._is_dirty[unit] = False
        return unit
