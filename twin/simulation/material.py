"""What every lot is made from: coils on work units, and the lots a job was worked in before.

The ``material`` of a lot of the first operation is the coil (or bag) it is drawn from,
``WIRE-00012``: each work unit uses up the one it has mounted before it mounts the next, numbered in
the order of mounting. The ``material`` of any later lot is the lots its job was worked in before
and draws its pieces from, first in, first out. Several are joined by ``+``. So the way from a
container back to its coils is a walk along ``material``. A job that was under way before the
horizon does not know its earlier lots, and its ``material`` there is empty. Pieces from stocks are
counted, not traced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from twin.model.compiled import CompiledPlant
from twin.model.snapshot import HistorySnapshot, Snapshot

NO_MATERIAL = 1e-9
"""A coil with less than this left [kg] is used up."""

Visit = tuple[int, int]
"""Step of the route, and how often the job was there before."""


@dataclass
class History:
    """What a job is made from."""

    visit: Visit
    """Where it is worked, or was last."""
    sources: deque[tuple[str, int]] = field(default_factory=deque)
    """Lots of the visit before and the good pieces left in each."""
    finished: list[tuple[str, int]] = field(default_factory=list)
    """Lots of this visit."""

    def turn_to(self, visit: Visit) -> None:
        """The job is worked elsewhere; what is finished is what it is now made from."""
        if visit != self.visit:
            self.visit = visit
            self.sources = deque(self.finished)
            self.finished = []

    def draw(self, pieces: int) -> str:
        """Take pieces from the lots of the visit before; returns their names."""
        names = []
        while pieces > 0 and self.sources:
            name, left = self.sources.popleft()
            names.append(name)
            if left > pieces:
                self.sources.appendleft((name, left - pieces))
            pieces -= left
        return "+".join(names)


class Materials:
    """The way of material through a plant, followed lot by lot."""

    def __init__(self, plant: CompiledPlant, snapshot: Snapshot | None = None) -> None:
        self.histories: dict[str, History] = {}
        """By job."""
        self.coils = Coils(plant)
        self._plant = plant
        self._material = [product.material for product in plant.plant.products]
        if snapshot is not None:
            self._take_up(snapshot)

    def start(self, unit: int, job: str, product: int, visit: Visit, pieces: int) -> str:
        """A lot starts; returns what it is made from."""
        history = self.histories.setdefault(job, History(visit))
        history.turn_to(visit)
        if visit != (0, 0):
            return history.draw(pieces)
        material = self._material[product]
        return self.coils.draw(unit, material, self._plant.batch_kg(product, pieces))

    def end(self, job: str, visit: Visit, lot: str, good: int) -> None:
        """A lot ends; of what is scrapped nothing more is made."""
        if good:
            self.histories.setdefault(job, History(visit)).finished.append((lot, good))

    def snapshot(self, jobs: Iterable[str]) -> dict[str, HistorySnapshot]:
        """What is known of some jobs."""
        known = {job: self.histories[job] for job in jobs if job in self.histories}
        return {
            job: HistorySnapshot(h.visit, tuple(h.sources), tuple(h.finished))
            for job, h in known.items()
        }

    def put(self, job: str, visit: Visit, lots: Iterable[tuple[str, int]]) -> None:
        """Lots a job was worked in before the first one that is known."""
        self.histories[job] = History(visit, finished=list(lots))

    def _take_up(self, snapshot: Snapshot) -> None:
        self.coils.take_up(snapshot)
        for job, seen in snapshot.histories.items():
            self.histories[job] = History(seen.visit, deque(seen.sources), list(seen.finished))


class Coils:
    """Traceable units of raw material, mounted one after the other."""

    def __init__(self, plant: CompiledPlant) -> None:
        self._units = plant.unit_ids
        self._unit_kg = {material.id: material.unit_kg for material in plant.plant.materials}
        self.issued = dict.fromkeys(self._unit_kg, 0)
        self.mounted: dict[tuple[int, str], tuple[str, float]] = {}
        """The coil on a unit, by unit and material, and what is left of it [kg]."""

    def draw(self, unit: int, material: str, kg: float) -> str:
        """Use up some material on a work unit; returns the names of the coils used."""
        if not material:
            return ""
        names = []
        name, left = self.mounted.get((unit, material), ("", 0.0))
        while kg > NO_MATERIAL:
            if left <= NO_MATERIAL:
                self.issued[material] += 1
                name, left = f"{material}-{self.issued[material]:05d}", self._unit_kg[material]
            names.append(name)
            used = min(left, kg)
            left, kg = left - used, kg - used
        self.mounted[unit, material] = (name, left)
        return "+".join(names)

    def take_up(self, snapshot: Snapshot) -> None:
        """Go on from where a snapshot was taken."""
        self.issued.update(snapshot.issued)
        for unit, coils in snapshot.mounted.items():
            for material, coil in coils.items():
                self.mounted[self._units.index(unit), material] = coil

    def by_unit(self) -> dict[str, dict[str, tuple[str, float]]]:
        """What is mounted, as a snapshot has it."""
        found: dict[str, dict[str, tuple[str, float]]] = {}
        for (unit, material), coil in self.mounted.items():
            found.setdefault(self._units[unit], {})[material] = coil
        return found
