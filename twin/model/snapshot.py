"""The exact state of a simulated shop at an instant: enough to go on as if nothing had happened.

:class:`~twin.model.state.ShopState` says where a shop stands as people see it. A snapshot also says
what only a simulator knows: how much is left of every lot, setup, repair and life, and how many
numbers of its luck each failure mode has used. All instants are microseconds from the cut-off,
those before it negative; durations are microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

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
class UnitSnapshot:
    """A work unit: what it does, what hinders it, and its condition."""

    base: Base = "idle"
    order: str = ""
    """The order it gets ready for, works on or could not let go."""
    left: int = 0
    """Left of the startup, the setup or the lot in work."""
    whole: int = 0
    """The lot in work, as drawn."""
    runs: bool = False
    """Whether it was doing it up to the cut-off: not hindered, and in its shift."""
    lot: int = 0
    """Number of the lot in work, or of the next one."""
    lot_is_open: bool = False
    good: int = 0
    """Good pieces of the lots that have ended."""
    overlay: Overlay = "none"
    failed: str = ""
    """Mode that failed, seen or not, and is not yet repaired. A repair without one was under way
    before the log."""
    task: str = ""
    """Under maintenance."""
    until: int = 0
    """End of the repair or of the maintenance."""
    called: int = 0
    """When people were called for the repair."""
    asked: int = 0
    """When people were called for the setup or the work it waits for."""
    helpers: People | None = None
    """Who repair or maintain it."""
    setters: People | None = None
    operators: People | None = None
    setup_key: str = ""
    is_on: bool = False
    idle_since: int = 0
    modes: dict[str, ModeSnapshot] = field(default_factory=dict)
    tasks: dict[str, TaskSnapshot] = field(default_factory=dict)


@dataclass(frozen=True)
class JobSnapshot:
    """An order that is in the plant."""

    step: int
    """Place in its route of the operation it waits for or is in."""
    pieces: int
    """Still good."""
    released: int
    arrived: int
    """When it came to wait for its operation."""
    came: int
    """Order of coming to wait, among the orders that wait."""
    is_waiting: bool
    """Not yet taken."""
    holder: str = ""
    """Work unit it still occupies for want of room."""


@dataclass(frozen=True)
class SourceSnapshot:
    """A source of parts."""

    parts: int
    """Brought so far."""
    next: int | None
    """Instant of the next part; none when it waits for one to be taken, or has brought all."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that is not in the plant, the order book or the luck."""

    units: dict[str, UnitSnapshot]
    jobs: dict[str, JobSnapshot]
    """Orders in the plant, and parts of sources; orders not yet released are left out."""
    complete: tuple[str, ...] = ()
    """Orders that are complete."""
    mounted: dict[str, dict[str, tuple[str, float]]] = field(default_factory=dict)
    """By work unit and material: the coil mounted, and what is left of it [kg]."""
    issued: dict[str, int] = field(default_factory=dict)
    """Coils of each material mounted so far."""
    finished: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """Lots of the operation an order is in, and their good pieces."""
    made_from: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """Lots of the operation before, and the good pieces not yet drawn from them."""
    sources: dict[str, SourceSnapshot] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> Snapshot:
        """Inverse of :meth:`to_json`."""
        content = json.loads(text)
        return Snapshot(
            units={id: _unit(row) for id, row in content["units"].items()},
            jobs={id: JobSnapshot(**row) for id, row in content["jobs"].items()},
            complete=tuple(content["complete"]),
            mounted={
                unit: {material: (name, kg) for material, (name, kg) in coils.items()}
                for unit, coils in content["mounted"].items()
            },
            issued=content["issued"],
            finished=_lots(content["finished"]),
            made_from=_lots(content["made_from"]),
            sources={id: SourceSnapshot(**row) for id, row in content["sources"].items()},
        )


def _unit(row: Mapping[str, Any]) -> UnitSnapshot:
    modes = {id: ModeSnapshot(**mode) for id, mode in row["modes"].items()}
    tasks = {id: TaskSnapshot(**task) for id, task in row["tasks"].items()}
    here = {
        role: People(**row[role]) if row[role] else None
        for role in ("helpers", "setters", "operators")
    }
    return UnitSnapshot(**{**row, **here, "modes": modes, "tasks": tasks})


def _lots(rows: Mapping[str, list[list[Any]]]) -> dict[str, tuple[tuple[str, int], ...]]:
    return {order: tuple((name, good) for name, good in lots) for order, lots in rows.items()}
