"""The exact state of a simulated shop at an instant: enough to go on as if nothing had happened.

:class:`~twin.model.state.ShopState` says where a shop stands as people see it. A snapshot also says
what only a simulator knows: how much is left of every lot, setup, repair and life, who asked before
whom, and how many numbers of its luck each stream has used. All instants are microseconds from the
cut-off, those before it negative; durations are microseconds.

A job is named as its order, ``4711``; where the order moves in several jobs, with its number,
``4711#2``; a part of a source ``SOURCE-000001``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from twin.errors import NoriaError

Base = Literal[
    "idle", "startup", "setup_wait", "setup", "ready", "operator_wait", "work", "blocked"
]
Overlay = Literal["none", "hidden", "down", "repair", "maintenance"]


@dataclass(frozen=True)
class ModeSnapshot:
    """The life of one failure mode."""

    virtual_age: float
    """At the beginning of this life [min, or lots]."""
    life: float
    """Length of this life, as drawn [min, or lots]."""
    left: int
    """Clock *operating*: working time left; *count*: lots left; *calendar*: time left. Not above
    0 for a mode that waits for its lot to finish, or for another repair to end."""
    age: int
    """Virtual age now, on its clock."""
    lives: int
    """Drawn so far."""
    repairs: int
    """Begun so far."""
    level: float = 0.0
    """Of a degradation."""
    steps: int = 0
    """Of the degradation, in all lives so far."""
    is_worn_out: bool = False
    """The degradation has reached its limit."""


@dataclass(frozen=True)
class TaskSnapshot:
    """A preventive task."""

    elapsed: int
    """On the clock its interval is counted on, since it last began."""
    noted: int | None = None
    """Instant at which it was found due, where that is not told by the calendar."""
    inspection: int | None = None
    """Next inspection of a condition; none while the task is due or under way."""


@dataclass(frozen=True)
class People:
    """People of a crew who are busy with a work unit."""

    crew: str
    people: int


@dataclass(frozen=True)
class Place:
    """A place in the plan that was followed up to the cut-off.

    A plan that goes on has it at the same instant; in a new plan nothing matches it.
    """

    order: str
    operation: str
    start: int
    """Planned."""


@dataclass(frozen=True)
class LatePlace:
    """A place whose planned start has come, and whose work has not begun."""

    place: Place
    work_start: int
    """Planned, where idle time parts it from its setup."""
    is_set_up: bool
    """The unit has been set up for it."""


@dataclass(frozen=True)
class PlanSnapshot:
    """How far a work unit has come with the plan it followed."""

    begun: tuple[Place, ...] = ()
    """Operations whose work has begun."""
    late: tuple[LatePlace, ...] = ()
    tasks: tuple[tuple[str, int], ...] = ()
    """Preventive tasks begun, and their planned starts."""


@dataclass(frozen=True)
class UnitSnapshot:
    """A work unit: what it does, what hinders it, and its condition."""

    base: Base = "idle"
    jobs: tuple[str, ...] = ()
    """What it gets ready for, works on or could not let go; several for a load."""
    named: tuple[str, int, int] | None = None
    """Job, step and pass that its rows name."""
    place: Place | None = None
    """In the plan, of what it gets ready for."""
    product: str = ""
    """Of what it gets ready for."""
    left: int = 0
    """Left of the startup, the setup or the lot in work."""
    whole: int = 0
    """The lot in work, as drawn."""
    runs: bool = False
    """Whether it was doing it up to the cut-off: not hindered, and in its shift."""
    lot: int = 0
    """Number of the lot in work, or of the next one."""
    lot_is_open: bool = False
    pieces: int = 0
    """Of its first job, when this work began."""
    done: float = 0.0
    """Share of this work that was done before the log began."""
    under_way: tuple[tuple[str, float], ...] = ()
    """Jobs that were in work before the log, have not gone on yet, and their share done."""
    overlay: Overlay = "none"
    failed: str = ""
    """Mode that failed, seen or not, and is not yet repaired. A repair without one was under way
    before the log."""
    task: str = ""
    """Under maintenance."""
    until: int = 0
    """End of the repair or of the maintenance."""
    called: int = 0
    """When people were called for the repair it waits for."""
    asked: int = 0
    """When people were called for the setup or the work it waits for."""
    helpers: People | None = None
    """Who repair or maintain it."""
    setters: People | None = None
    operators: People | None = None
    setup_key: str = ""
    is_on: bool = False
    idle_since: int = 0
    """When it became idle, if it is."""
    modes: dict[str, ModeSnapshot] = field(default_factory=dict)
    tasks: dict[str, TaskSnapshot] = field(default_factory=dict)
    plan: PlanSnapshot = PlanSnapshot()


@dataclass(frozen=True)
class JobSnapshot:
    """A job that is in the plant."""

    origin: str
    """Its order, or source."""
    serial: int
    """Number among the jobs of its origin, from 0."""
    step: int
    """Place in its route of the operation it waits for, is carried to or is in."""
    visits: tuple[int, ...]
    """How often it was at each step of its route before."""
    pieces: int
    """Still good."""
    released: int
    defective: int = 0
    """Of the good ones, those that nobody has seen to be bad."""
    is_waiting: bool = False
    """Not yet taken."""
    arrived: int = 0
    """When it came to wait for its operation."""
    came: int = 0
    """Order of coming to wait, among the jobs that wait."""
    has_place: bool = False
    """Takes room before its operation."""
    has_parts: bool = False
    """The stocks its operation uses have been taken for it, though it waits."""


@dataclass(frozen=True)
class HistorySnapshot:
    """What a job is made from."""

    visit: tuple[int, int]
    """Step and pass in which it is worked, or was last."""
    sources: tuple[tuple[str, int], ...] = ()
    """Lots of the visit before, and the good pieces not yet drawn from them."""
    finished: tuple[tuple[str, int], ...] = ()
    """Lots of this visit, and their good pieces."""


@dataclass(frozen=True)
class SourceSnapshot:
    """A source of parts."""

    parts: int
    """Brought so far."""
    next: int | None
    """Instant of the next part; none when it waits for one to be taken, or has brought all."""


@dataclass(frozen=True)
class StockSnapshot:
    """A stock."""

    on_hand: int
    owed: int
    orders: int
    """Made so far."""
    deliveries: tuple[int, ...] = ()
    """On order, by the instant at which they come."""
    blocked: tuple[str, ...] = ()
    """Finished jobs for whose pieces there is no room, in their order."""


@dataclass(frozen=True)
class TransportSnapshot:
    """The vehicles of a transport."""

    asking: tuple[str, ...] = ()
    """Jobs that wait for a vehicle, in their order."""
    trips: dict[int, tuple[str, int]] = field(default_factory=dict)
    """By the number of the vehicle: the job it carries, and when it arrives."""


@dataclass(frozen=True)
class CauseSnapshot:
    """A common cause."""

    events: int
    """So far."""
    next: int


@dataclass(frozen=True)
class Snapshot:
    """Everything that is not in the plant, the order book or the luck."""

    units: dict[str, UnitSnapshot]
    jobs: dict[str, JobSnapshot]
    """In the plant. Of an order with jobs in here, those left out are complete; orders that have
    none and are not complete have not been released."""
    complete: tuple[str, ...] = ()
    """Orders that are complete."""
    good: dict[str, int] = field(default_factory=dict)
    """Good pieces of the complete jobs of orders that are not complete."""
    places_used: tuple[Place, ...] = ()
    """Of the plan: operations whose work has begun, wherever it was done."""
    mounted: dict[str, dict[str, tuple[str, float]]] = field(default_factory=dict)
    """By work unit and material: the coil mounted, and what is left of it [kg]."""
    issued: dict[str, int] = field(default_factory=dict)
    """Coils of each material mounted so far."""
    histories: dict[str, HistorySnapshot] = field(default_factory=dict)
    """By job; none of those of which no lot is known."""
    sources: dict[str, SourceSnapshot] = field(default_factory=dict)
    stocks: dict[str, StockSnapshot] = field(default_factory=dict)
    transports: dict[str, TransportSnapshot] = field(default_factory=dict)
    causes: dict[str, CauseSnapshot] = field(default_factory=dict)

    def to_json(self) -> str:
        """What is as usual is left out."""
        return _JSON.dump_json(self, indent=1, exclude_defaults=True).decode()

    @staticmethod
    def from_json(text: str | bytes) -> Snapshot:
        """Inverse of :meth:`to_json`.

        Raises
        ------
        NoriaError
            If the text is not one that :meth:`to_json` wrote.
        """
        try:
            return _JSON.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the text"
            raise NoriaError(
                f"exact state: {where}: {first['msg']}; give the JSON that Snapshot.to_json wrote"
            ) from error


_PARTS: tuple[Any, ...] = (
    ModeSnapshot, TaskSnapshot, People, Place, LatePlace, PlanSnapshot, UnitSnapshot,
    JobSnapshot, HistorySnapshot, SourceSnapshot, StockSnapshot, TransportSnapshot, CauseSnapshot,
    Snapshot,
)  # fmt: skip
for _part in _PARTS:  # a life may be endless, and no key may be mistyped
    _part.__pydantic_config__ = ConfigDict(extra="forbid", ser_json_inf_nan="strings")
_JSON = TypeAdapter(Snapshot)
