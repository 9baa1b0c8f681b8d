"""Transports: vehicles that carry finished jobs to their next operation, one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twin.simulation.clock import duration
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job


class Vehicle:
    """Carries one job, and is back when it has arrived."""

    job: Job | None

    def __init__(self, floor: Floor, index: int, arrive: Callable[[Job], None]) -> None:
        self._floor = floor
        self._arrive = arrive
        self._timer = floor.timer("vehicle", index, self._stop)
        self.job = None

    @property
    def is_free(self) -> bool:
        return self.job is None

    def carry(self, job: Job, minutes: float) -> None:
        self.job = job
        self._timer.set(self._floor.now + duration(minutes))

    def _stop(self) -> None:
        job, self.job = self.job, None
        assert job is not None
        self._floor.calls_are_open = True
        self._arrive(job)


class Transport:
    """Vehicles of one kind and the jobs that ask for one, in the order they asked."""

    def __init__(
        self, floor: Floor, vehicles: Iterable[int], arrive: Callable[[Job], None]
    ) -> None:
        self._floor = floor
        self.asking: deque[Job] = deque()
        self._vehicles = [Vehicle(floor, n, arrive) for n in vehicles]

    @property
    def under_way(self) -> list[Job]:
        """Jobs on vehicles."""
        return [vehicle.job for vehicle in self._vehicles if vehicle.job is not None]

    def ask(self, job: Job) -> None:
        self.asking.append(job)
        self._floor.calls_are_open = True

    def next_trip(self, has_room: Callable[[Job], bool]) -> tuple[Vehicle, Job] | None:
        """A free vehicle and the first job that finds a place where it wants to go."""
        vehicle = next((v for v in self._vehicles if v.is_free), None)
        job = next((j for j in self.asking if has_room(j)), None) if vehicle else None
        if vehicle is None or job is None:
            return None
        self.asking.remove(job)
        return vehicle, job
