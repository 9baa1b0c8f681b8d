"""Transports: vehicles that carry finished jobs to their next operation, one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from twin.model.snapshot import TransportSnapshot
from twin.simulation.clock import duration
from twin.simulation.floor import Floor
from twin.simulation.jobs import Job
from twin.simulation.tally import Level


class Vehicle:
    """Carries one job, and is back when it has arrived."""

    job: Job | None

    def __init__(
        self, floor: Floor, index: int, driving: Level, arrive: Callable[[Job], None]
    ) -> None:
        self._floor = floor
        self._driving = driving
        self._arrive = arrive
        self._timer = floor.timer("vehicle", index, self._stop)
        self.job = None

    @property
    def is_free(self) -> bool:
        return self.job is None

    def carry(self, job: Job, minutes: float) -> None:
        self.take_up(job, self._floor.now + duration(minutes))

    def trip(self) -> tuple[Job, int] | None:
        """The job it carries, and when it arrives."""
        return None if self.job is None else (self.job, self._timer.due)

    def take_up(self, job: Job, due: int) -> None:
        """Go on with a trip."""
        self.job = job
        self._driving.change(1, self._floor.now)
        self._timer.set(due)

    def _stop(self) -> None:
        job, self.job = self.job, None
        assert job is not None
        self._driving.change(-1, self._floor.now)
        self._floor.calls_are_open = True
        self._arrive(job)


class Transport:
    """Vehicles of one kind and the jobs that ask for one, in the order they asked."""

    def __init__(
        self,
        floor: Floor,
        vehicles: Iterable[int],
        driving: Level,
        arrive: Callable[[Job], None],
    ) -> None:
        self._floor = floor
        self.asking: deque[Job] = deque()
        self._vehicles = [Vehicle(floor, n, driving, arrive) for n in vehicles]

    @property
    def under_way(self) -> list[Job]:
        """Jobs on vehicles."""
        return [vehicle.job for vehicle in self._vehicles if vehicle.job is not None]

    def ask(self, job: Job) -> None:
        self.asking.append(job)
        self._floor.calls_are_open = True

    def snapshot(self, name: Callable[[Job], str]) -> TransportSnapshot:
        """As it stands between two instants."""
        trips = {n: vehicle.trip() for n, vehicle in enumerate(self._vehicles)}
        now = self._floor.now
        return TransportSnapshot(
            asking=tuple(name(job) for job in self.asking),
            trips={n: (name(trip[0]), trip[1] - now) for n, trip in trips.items() if trip},
        )

    def take_up(self, seen: TransportSnapshot, jobs: Mapping[str, Job]) -> None:
        """Go on from where a snapshot was taken."""
        self.asking.extend(jobs[name] for name in seen.asking)
        for n, (name, due) in seen.trips.items():
            self._vehicles[n].take_up(jobs[name], due)

    def next_trip(self, has_room: Callable[[Job], bool]) -> tuple[Vehicle, Job] | None:
        """A free vehicle and the first job that finds a place where it wants to go."""
        vehicle = next((v for v in self._vehicles if v.is_free), None)
        job = next((j for j in self.asking if has_room(j)), None) if vehicle else None
        if vehicle is None or job is None:
            return None
        self.asking.remove(job)
        return vehicle, job
