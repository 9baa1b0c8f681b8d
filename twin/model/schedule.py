"""A plan: what every work unit does when, in minutes from the start of the horizon."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from twin.model.horizon import Horizon

Kind = Literal["startup", "setup", "work", "maintenance", "standby"]
Status = Literal["optimal", "feasible", "heuristic", "fallback"]
"""*optimal*: proven best of the model that was solved. *feasible*: obeys every rule, and ``bound``
says how far the best can be. *heuristic*: obeys every rule, nothing is known about the best.
*fallback*: the optimiser failed, this is the constructive plan, and ``note`` says why."""


@dataclass(frozen=True, order=True)
class Segment:
    """One stretch of one work unit's time. Time in no segment is spent off."""

    work_unit: str
    start: float
    """[min]"""
    end: float
    """[min]"""
    kind: Kind
    order: str = ""
    """For setup and work."""
    operation: str = ""
    """For setup and work."""
    task: str = ""
    """For maintenance."""

    @property
    def minutes(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Assignment:
    """One operation of one order on its work unit, from first to last minute of work."""

    order: str
    operation: str
    work_unit: str
    start: float
    end: float


Excuse = Literal[
    "unit_down", "unit_busy", "late_batch", "setup", "late_start", "closed", "cannot", "no_room",
    "service", "crew", "not_due", "unplaced",
]  # fmt: skip
"""Why a frozen start could not be kept. *unit_down*: repair or maintenance of the unit lasts
longer. *unit_busy*: what precedes it on the unit ends later. *late_batch*: the batch is not there
by then. *setup*: its setup, or warm-up, was under way at the cut-off or has to begin anew.
*late_start*: it was to start before the cut-off, and did not. *closed*: its unit is not
open then. *cannot*: its unit cannot do it any more. *no_room*: the buffer before it is full.
*service*: a preventive task has no other place. *crew*: the crew is off or busy. *not_due*: a task
would be outside its window. *unplaced*: the rest of the order would find no place."""


@dataclass(frozen=True, order=True)
class Unkept:
    """A frozen operation or preventive task that could not keep its start, and why."""

    start: float
    """Where last night's plan had it, in minutes of this plan."""
    work_unit: str
    excuse: Excuse
    words: str
    """The reason with its names and instants."""
    order: str = ""
    operation: str = ""
    """For operations."""
    task: str = ""
    """For maintenance."""


@dataclass(frozen=True)
class Value:
    """What a plan costs and causes over its horizon. Costs in the plant's currency."""

    energy_cost: float
    carbon_cost: float
    demand_cost: float
    setup_cost: float
    maintenance_cost: float
    failure_cost: float
    """Expected, from the hazard of the planned operating time."""
    tardiness_cost: float
    change_cost: float
    energy_kwh: float
    """Drawn by all work units and the base load."""
    import_kwh: float
    """Bought from the grid after own generation."""
    carbon_kg: float
    """kgCO2e of the imported energy."""
    peak_kw: float
    """Highest slot mean of the import."""

    @property
    def total_cost(self) -> float:
        return (
            self.energy_cost + self.carbon_cost + self.demand_cost + self.setup_cost
            + self.maintenance_cost + self.failure_cost + self.tardiness_cost + self.change_cost
        )  # fmt: skip

    def as_dict(self) -> dict[str, float]:
        return {"total_cost": self.total_cost, **asdict(self)}


@dataclass(frozen=True)
class Schedule:
    """A plan for one horizon, with the optimiser's own word about it.

    An operation is one or more *work* segments (it pauses while its unit is off shift), all on one
    work unit, preceded by a *setup* where the unit's setup key changes.
    """

    horizon: Horizon
    segments: tuple[Segment, ...]
    value: Value | None = None
    """As the optimiser counted it; ``check`` counts again."""
    status: Status = "heuristic"
    bound: float | None = None
    """No plan of the same model can cost less than this [currency]; none when unknown."""
    note: str = ""
    solver: str = ""
    """Which method made it, with versions."""
    unplaced: tuple[str, ...] = field(default_factory=tuple)
    """Orders for which no place was found inside the horizon, by name."""
    unkept: tuple[Unkept, ...] = field(default_factory=tuple)
    """What of the frozen window could not be kept, with the reasons."""

    @cached_property
    def assignments(self) -> tuple[Assignment, ...]:
        """Operations in the order they start."""
        spans: dict[tuple[str, str, str], tuple[float, float]] = {}
        for s in self.segments:
            if s.kind == "work":
                key = (s.order, s.operation, s.work_unit)
                begin, end = spans.get(key, (s.start, s.end))
                spans[key] = (min(begin, s.start), max(end, s.end))
        rows = [Assignment(*key, *span) for key, span in spans.items()]
        return tuple(sorted(rows, key=lambda a: (a.start, a.work_unit, a.order)))

    @property
    def gap(self) -> float | None:
        """Share by which the cost could be lower at most, from the bound; None if unknown."""
        if self.value is None or self.bound is None or self.value.total_cost <= 0:
            return None
        return max((self.value.total_cost - self.bound) / self.value.total_cost, 0.0)

    def of_unit(self, work_unit: str) -> tuple[Segment, ...]:
        """Segments of one work unit in time order."""
        return tuple(sorted(s for s in self.segments if s.work_unit == work_unit))

    def completion(self, order: str) -> float | None:
        """Last planned minute of an order; None when it has no work in the plan."""
        ends = [a.end for a in self.assignments if a.order == order]
        return max(ends) if ends else None

    def to_json(self) -> str:
        content = {**asdict(self), "horizon": self.horizon.to_dict()}
        content["segments"] = [asdict(s) for s in sorted(self.segments)]
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Schedule:
        """Inverse of :meth:`to_json`; raises ``ValueError`` or ``KeyError`` on anything else."""
        content: dict[str, Any] = json.loads(text)
        return Schedule(
            **{
                **content,
                "horizon": Horizon.from_dict(content["horizon"]),
                "segments": tuple(_segment(s) for s in content["segments"]),
                "value": Value(**content["value"]) if content["value"] else None,
                "unplaced": tuple(content["unplaced"]),
                "unkept": tuple(Unkept(**u) for u in content.get("unkept", ())),
            }
        )


def _segment(content: dict[str, Any]) -> Segment:
    times = {name: float(content[name]) for name in ("start", "end")}
    return Segment(**{**content, **times})
