"""Where every order is: batches waiting, the room they take, and the coils they are made from.

Traceability
------------
A lot is named ``ORDER-operation-001``. The ``material`` of a lot of the first operation is the coil
(or bag) it is drawn from, ``WIRE-00012``: each work unit uses up the one it has mounted before it
mounts the next, numbered in the order of mounting. The ``material`` of any later lot is the lots of
the operation before that it draws its pieces from, first in, first out. Several are joined by
``+``. So the way from a container back to its coils is a walk along ``material``. A batch that was
under way before the horizon does not know its earlier lots, and its ``material`` there is empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant
from twin.model.orders import WorkOrder
from twin.simulation.clock import minutes
from twin.simulation.recorder import Recorder


@dataclass(eq=False)
class Batch:
    """A work order on its way through the plant."""

    order: WorkOrder
    sequence: int
    """Place in the order book."""
    product: int
    due: float
    """[min]"""
    pieces: int
    """Still good."""
    mass_kg: float
    """Of the pieces launched: the room it takes in a buffer, as plans count it."""
    step: int = 0
    """Place in its route of the operation it waits for or is in."""
    arrived: int = 0
    """When it came to wait for that operation [tick]."""
    is_waiting: bool = False
    is_claimed: bool = False
    """A work unit has chosen it and is getting ready."""
    holder: int | None = None
    """Work unit it still occupies for want of room, which is blocked."""
    source_lots: deque[tuple[str, int]] = field(default_factory=deque)
    """Lots of the operation before and the good pieces left in each."""

    def draw_pieces(self, pieces: int) -> str:
        """Take pieces from the lots of the operation before; returns their names."""
        names = []
        while pieces > 0 and self.source_lots:
            name, left = self.source_lots.popleft()
            names.append(name)
            if left > pieces:
                self.source_lots.appendleft((name, left - pieces))
            pieces -= left
        return "+".join(names)


class Coils:
    """Traceable units of raw material, mounted one after the other."""

    def __init__(self, plant: CompiledPlant) -> None:
        self._unit_kg = {material.id: material.unit_kg for material in plant.plant.materials}
        self._issued = dict.fromkeys(self._unit_kg, 0)
        self._mounted: dict[tuple[int, str], tuple[str, float]] = {}

    def draw(self, unit: int, material: str, kg: float) -> str:
        """Use up some material on a work unit; returns the names of the coils used."""
        names = []
        name, left = self._mounted.get((unit, material), ("", 0.0))
        while kg > 1e-9:
            if left <= 1e-9:
                self._issued[material] += 1
                name, left = f"{material}-{self._issued[material]:05d}", self._unit_kg[material]
            names.append(name)
            used = min(left, kg)
            left, kg = left - used, kg - used
        self._mounted[unit, material] = (name, left)
        return "+".join(names)


class Shop:
    """Batches between operations.

    A finished batch waits for its next operation at once, and may be taken by a work unit that can
    begin it; but until there is room in the buffer it stays on the unit that made it, which is
    blocked. Blocked units get room in the order they asked for it.
    """

    def __init__(
        self,
        plant: CompiledPlant,
        record: Recorder,
        clock: Callable[[], int],
        planned: dict[tuple[str, int], int],
    ) -> None:
        self.plant = plant
        self.coils = Coils(plant)
        self.batches: dict[str, Batch] = {}
        self.planned = planned
        """Work unit by (order, operation), where a plan says so."""
        self.ring: Callable[[int, int], None] = lambda unit, rank: None
        """Tell an idle work unit that something changed; lower ranks decide first."""
        self.readiness: Callable[[int, Batch], tuple[float, ...]] = lambda unit, batch: ()
        self._record = record
        self._clock = clock
        self._waiting: dict[int, list[Batch]] = {o: [] for o in range(len(plant.operation_ids))}
        self._room = [operation.buffer_kg for operation in plant.plant.operations]
        self._used = [0.0] * len(plant.operation_ids)
        self._blocked: dict[int, deque[Batch]] = {o: deque() for o in self._waiting}

    def operation(self, batch: Batch) -> int:
        """The operation a batch waits for or is in."""
        return self.plant.routes[batch.product][batch.step]

    def is_complete(self, batch: Batch) -> bool:
        return batch.step >= len(self.plant.routes[batch.product])

    def is_first(self, batch: Batch) -> bool:
        return batch.step == 0

    def release(self, batch: Batch) -> None:
        """An order may start."""
        order = batch.order
        self._record.release(self._clock(), order.id, order.product, order.quantity)
        self._wait(batch)

    def put_at_start(self, batch: Batch) -> None:
        """A batch that waits between operations when the horizon begins."""
        self._used[self.operation(batch)] += batch.mass_kg
        self._wait(batch)

    def hand_on(self, batch: Batch, unit: int) -> None:
        """A unit has finished an operation of a batch: it waits for the next, or is complete."""
        batch.step += 1
        if self.is_complete(batch) or batch.pieces == 0:
            batch.step = len(self.plant.routes[batch.product])
            order = batch.order
            self._record.complete(self._clock(), order.id, order.product, batch.pieces)
            return
        operation = self.operation(batch)
        if not self._blocked[operation] and self._has_room(operation, batch):
            self._used[operation] += batch.mass_kg
        else:
            batch.holder = unit
            self._blocked[operation].append(batch)
        self._wait(batch)
        if batch.holder is not None:
            self._refuse_deadlock(unit)

    def take(self, batch: Batch) -> None:
        """A work unit begins to work on a batch; its place is free from this instant."""
        operation = self.operation(batch)
        self._waiting[operation].remove(batch)
        batch.is_waiting = batch.is_claimed = False
        if batch.holder is not None:
            self._blocked[operation].remove(batch)
            self._unblock(batch)
        elif not self.is_first(batch):
            self._used[operation] -= batch.mass_kg
        queue = self._blocked[operation]
        while queue and self._has_room(operation, queue[0]):
            self._used[operation] += queue[0].mass_kg
            self._unblock(queue.popleft())

    def waiting_for(self, operations: Iterable[int], unit: int) -> Iterable[Batch]:
        """Batches without a planned place that a unit could begin now."""
        for operation in operations:
            for batch in self._waiting[operation]:
                if (
                    not batch.is_claimed
                    and (batch.order.id, operation) not in self.planned
                    and (unit, operation, batch.product) in self.plant.rows
                ):
                    yield batch

    def is_stuck(self, order: str, operation: int) -> bool:
        """Whether a planned operation waits for one that no plan has a place for."""
        batch = self.batches.get(order)
        if batch is None or self.is_complete(batch):
            return True
        here = self.operation(batch)
        return here != operation and batch.is_waiting and (order, here) not in self.planned

    def _wait(self, batch: Batch) -> None:
        batch.arrived = self._clock()
        batch.is_waiting = True
        self._waiting[self.operation(batch)].append(batch)
        units = self._takers(batch)
        for rank, unit in enumerate(sorted(units, key=lambda m: (*self.readiness(m, batch), m))):
            self.ring(unit, rank)

    def _takers(self, batch: Batch) -> tuple[int, ...]:
        """Work units that may do the operation a batch waits for."""
        operation = self.operation(batch)
        unit = self.planned.get((batch.order.id, operation))
        return self.plant.eligible[operation, batch.product] if unit is None else (unit,)

    def _has_room(self, operation: int, batch: Batch) -> bool:
        room, used = self._room[operation], self._used[operation]
        return room is None or used < 1e-9 or used + batch.mass_kg <= room + 1e-9

    def _unblock(self, batch: Batch) -> None:
        unit, batch.holder = batch.holder, None
        if unit is not None:
            self.ring(unit, 0)

    def _refuse_deadlock(self, unit: int) -> None:
        """Stop when a unit waits for room that only units in the same plight could make."""
        needs = {
            batch.holder: {m for other in self._waiting[o] for m in self._takers(other)}
            for o, queue in self._blocked.items()
            for batch in queue
            if batch.holder is not None
        }
        stuck = set(needs)
        while freed := {m for m in stuck if needs[m] - stuck}:
            stuck -= freed
        if unit in stuck:
            names = ", ".join(self.plant.unit_ids[m] for m in sorted(stuck))
            waiting = sorted(
                self.plant.operation_ids[o] for o, queue in self._blocked.items() if queue
            )
            raise NoriaError(
                f"simulation: after {minutes(self._clock()):.0f} min the buffers before "
                f"{', '.join(waiting)} are full and only {names} could empty them, which wait for "
                "room there; enlarge a buffer or let another work unit do the operation"
            )
