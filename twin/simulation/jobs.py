"""A job: what goes through the plant together, an order or part of one, or a part of a source."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.behaviour.randomness import Luck, Stream
from twin.model.compiled import CompiledPlant
from twin.model.orders import WorkOrder


@dataclass(eq=False, slots=True)
class Job:
    """A job on its way through the plant."""

    number: int
    """Place in the trace."""
    order: WorkOrder
    """Of a source part: one made up for the source."""
    origin: int
    """Place of the order in the order book, or the number of orders + the source."""
    serial: int
    """Number within its order or source."""
    product: int
    route: tuple[int, ...]
    """Operations of its product in order."""
    due: float
    """[min]"""
    quantity: int
    """Pieces launched."""
    mass_mg: int
    """Of the pieces launched: the room it takes in a buffer, as plans count it."""
    visits: list[int]
    """How often it was at each step of its route before."""
    pieces: int
    """Still good."""
    defective: int = 0
    """Of the good ones, those that nobody has seen to be bad."""
    step: int = 0
    """Place in its route of the operation it waits for or is in."""
    sent_back_to: int | None = None
    """Step to which an inspection sends it."""
    released: int = 0
    """[tick]"""
    arrived: int = 0
    """When it came to wait for its operation [tick]."""
    came: int = 0
    """Running number of its coming to wait: the order of those who came at one instant."""
    is_waiting: bool = False
    is_claimed: bool = False
    """A work unit has chosen it and is getting ready."""
    is_complete: bool = False
    has_place: bool = False
    """Takes room before the operation it waits for."""
    has_parts: bool = False
    """The stocks its operation uses have been taken for it."""
    holder: int | None = None
    """Work unit it still occupies for want of room, which is blocked."""

    operation: int = field(init=False)
    """The one it waits for or is in."""

    def __post_init__(self) -> None:
        self.go_to(self.step)

    def go_to(self, step: int) -> None:
        """It is at a step of its route, or, past the last, at none."""
        self.step = step
        self.operation = self.route[step] if step < len(self.route) else -1

    @property
    def visit(self) -> int:
        """Earlier visits to the step it is at."""
        return self.visits[self.step]


@dataclass
class JobLuck:
    """The luck of jobs; it follows the job to any unit."""

    luck: Luck
    plant: CompiledPlant
    _streams: dict[tuple[int, int, str], Stream] = field(default_factory=dict)

    def uniform(self, job: Job, purpose: str, lot: int = 0, step: int | None = None) -> float:
        """The number of a job for a purpose at a step of its route (if not said, where it is)."""
        if step is None:
            at, operation = job.step, job.operation
        else:
            at, operation = step, job.route[step]
        key = (job.origin, operation, purpose)
        stream = self._streams.get(key)
        if stream is None:
            entity = f"{job.order.id}/{self.plant.operation_ids[operation]}"
            stream = self._streams[key] = self.luck.stream(entity, purpose)
        return stream.uniform(job.visits[at] << 52 | job.serial << 16 | lot)
