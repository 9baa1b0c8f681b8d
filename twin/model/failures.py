"""How a work unit breaks down, what a failure does to the work in hand, and how it is kept well."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from twin.errors import NoriaError
from twin.model.base import Frozen, Minutes
from twin.model.laws import Law

NonNegativeMinutes = Annotated[Minutes, Field(ge=0)]
PositiveMinutes = Annotated[Minutes, Field(gt=0)]


class Degradation(Frozen):
    """Wear that can be measured: it grows on the clock of its failure mode until a limit.

    *gamma*: the growth over a time t is gamma distributed, of shape ``rate``·t and scale
    ``scale``; it never shrinks. *wiener*: the growth is normal with mean ``rate``·t and standard
    deviation ``scale``·√t; it may shrink for a while.
    """

    process: Literal["gamma", "wiener"]
    rate: float = Field(gt=0)
    """gamma: shape per hour; wiener: drift per hour [level/h]."""
    scale: float = Field(gt=0)
    """gamma: scale [level]; wiener: standard deviation of one hour's growth [level/√h]."""
    limit: float = Field(gt=0)
    """The level at which the unit fails."""
    step: PositiveMinutes = 60.0
    """The level is known at steps of this length on the mode's clock; a failure comes at the end of
    the step in which the level passes the limit."""

    def mean_growth(self, minutes: float) -> float:
        """Mean growth of the level in some minutes of the mode's clock."""
        hourly = self.rate * (self.scale if self.process == "gamma" else 1.0)
        return hourly * minutes / 60


class FailureMode(Frozen):
    """One way a work unit breaks down."""

    id: str
    name: str = ""
    time_to_failure: Law | None = None
    """Life on the mode's clock; for the clock *count* its minutes are lots. Left out where
    ``degradation`` or ``common_cause`` says when it fails."""
    degradation: Degradation | None = None
    common_cause: str | None = None
    """Fails when this common cause strikes, together with other units."""
    clock: Literal["operating", "calendar", "count"] = "operating"
    """*operating*: age grows only while working; *calendar*: always; *count*: by one a lot."""
    interrupted: Literal["resume", "finish_first", "scrap", "restart"] = "resume"
    """What becomes of the lot in work: it goes on after the repair, is finished before the repair,
    is scrapped, or is begun again."""
    detected: Literal["at_once", "at_inspection"] = "at_once"
    """*at_inspection*: the unit stands failed, without anybody knowing, until a preventive task
    or an inspection of its condition finds it."""
    time_to_repair: Law
    crew: str | None = None
    """Crew, or skill, that repairs it; none: the operator does, at once."""
    people: int = Field(default=1, gt=0)
    """People of the crew it takes."""
    spare: str | None = None
    """Stock from which one part is used up by each repair, which waits for it."""
    repair_effect: Literal["new", "old", "partial", "chance"] = "new"
    """State after a repair: as good as new; as bad as old (minimal repair); *partial*: its virtual
    age is multiplied by 1 − ``restores`` (Kijima 1989, type II); *chance*: as good as new with
    probability ``restores``, else as bad as old (Brown and Proschan 1983)."""
    restores: float = Field(default=1.0, ge=0, le=1)
    """For *partial* and *chance*."""
    cost: float = Field(default=0.0, ge=0)
    """Parts and labour of one failure, beside lost time [currency]."""

    @property
    def life(self) -> Law:
        """The law of its life, for those who need one.

        Raises
        ------
        NoriaError
            For a mode that wears by degradation or is struck by a common cause.
        """
        if self.time_to_failure is None:
            raise NoriaError(
                f"failure mode {self.id}: it has no time_to_failure, which plans and calibration "
                "need; give it one, or only simulate this plant"
            )
        return self.time_to_failure

    @model_validator(mode="after")
    def _one_cause(self) -> FailureMode:
        causes = [self.time_to_failure, self.degradation, self.common_cause]
        if sum(cause is not None for cause in causes) != 1:
            raise ValueError("give one of time_to_failure, degradation and common_cause")
        if self.degradation is not None and self.clock == "count":
            raise ValueError("degradation runs on the clock operating or calendar")
        if self.degradation is not None and self.repair_effect != "new":
            raise ValueError("a repair brings the level back to 0; leave repair_effect out")
        return self


class CommonCause(Frozen):
    """An event that strikes several work units at once: a power cut, a compressor trip.

    Every failure mode with this ``common_cause`` fails at that instant; a unit that stands
    already is not struck.
    """

    id: str
    name: str = ""
    time_between: Law
    """From one event to the next, on the calendar."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Probability that a given unit is struck by an event."""


class ConditionLimit(Frozen):
    """A preventive task is due when an inspection finds a degradation at or above a level."""

    model_config = ConfigDict(allow_inf_nan=True)

    mode: str
    """Failure mode of the same unit, with ``degradation``."""
    level: float = Field(ge=0)
    """Infinitely high: only failures that nobody saw are found."""
    inspection_cost: float = Field(default=0.0, ge=0)
    """[currency]"""


class MaintenanceTask(Frozen):
    """A preventive task that comes due and renews some failure modes."""

    id: str
    name: str = ""
    interval: PositiveMinutes
    """What lies between one execution and the due date of the next, by ``due_by``: minutes, or
    lots for *count*."""
    due_by: Literal["calendar", "operating", "count", "age", "condition"] = "calendar"
    """*calendar*: time since the task was last begun (block replacement); *operating*: working
    time since then; *count*: lots since then; *age*: age, on its own clock, of the first mode it
    renews, so that a repair as good as new puts it off too (age replacement); *condition*: the
    interval is that of inspections, and the task is due when one finds ``condition``."""
    condition: ConditionLimit | None = None
    """For ``due_by`` *condition*."""
    opportunity: NonNegativeMinutes = 0.0
    """Done early, by up to this much of its interval, when the unit stands for a repair or another
    task anyway."""
    tolerance: NonNegativeMinutes
    """The window of execution is due date ± tolerance."""
    duration: PositiveMinutes
    crew: str
    """Crew, or skill, that does it."""
    people: int = Field(default=1, gt=0)
    renews: list[str] = Field(default_factory=list)
    """Failure modes that are as good as new afterwards."""
    cost: float = Field(default=0.0, ge=0)
    """Parts and labour of one execution [currency]."""

    @model_validator(mode="after")
    def _fits(self) -> MaintenanceTask:
        if (self.due_by == "condition") != (self.condition is not None):
            raise ValueError("condition goes with due_by condition, and only with it")
        if self.due_by == "age" and not self.renews:
            raise ValueError("due_by age counts the age of the first mode in renews; name one")
        return self
