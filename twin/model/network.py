"""What ties work units into a plant: where parts come from, go, are carried and kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.model.base import MANY, Frozen, Minutes
from twin.model.laws import Law

NonNegativeMinutes = Annotated[Minutes, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Source(Frozen):
    """Parts that come without a work order: from a supplier, the line before, or at random."""

    id: str
    product: str
    time_between: Law | None = None
    """From one part to the next; none: there is always one waiting (a saturated line)."""
    start: NonNegativeMinutes = 0.0
    """The first part comes one ``time_between`` after this [min from the horizon's start]."""
    limit: int | None = Field(default=None, gt=0, le=MANY)
    """Parts in all; unlimited when left out."""
    quantity: int = Field(default=1, gt=0, le=MANY)
    """Pieces that move together as one part."""
    due_after: NonNegativeMinutes = 0.0
    """Due date of a part, from its arrival."""


class Branch(Frozen):
    """Where jobs go after an operation, by chance; without a branch, to the next one of the route.

    A target earlier in the route is a rework loop.
    """

    after: str
    """Operation of the route."""
    to: dict[str, Probability] = Field(min_length=1)
    """Share by target: an operation of the route, ``end`` (complete) or ``scrap``. Adds up to 1."""

    @model_validator(mode="after")
    def _adds_up(self) -> Branch:
        if abs(sum(self.to.values()) - 1) > 1e-9:
            raise ValueError(f"shares add up to {sum(self.to.values()):g}; 1 is expected")
        return self


class Stock(Frozen):
    """Pieces kept for assembly or repair: bought with a lead time, or made in this plant."""

    id: str
    name: str = ""
    on_hand: int = Field(default=0, ge=0, le=MANY)
    """Pieces at the start of the horizon."""
    capacity: int | None = Field(default=None, gt=0, le=MANY)
    """Room for pieces made here; a job for which there is none stays on its unit. Unlimited when
    left out; deliveries are always taken."""
    reorder_point: int | None = Field(default=None, ge=-1, le=MANY)
    """r: ordered when on hand + on order − owed falls to it; never when left out."""
    order_quantity: int = Field(default=1, gt=0, le=MANY)
    """Q."""
    lead_time: Law | None = None
    """From order to delivery; needed with ``reorder_point``."""

    @model_validator(mode="after")
    def _orders_arrive(self) -> Stock:
        if (self.reorder_point is None) != (self.lead_time is None):
            raise ValueError("reorder_point goes with lead_time")
        return self


class Transport(Frozen):
    """Vehicles that carry jobs to operations; each carries one job at a time."""

    id: str
    name: str = ""
    vehicles: int = Field(gt=0, le=10_000)


class Carriage(Frozen):
    """How jobs come to an operation."""

    by: str
    """Transport."""
    time: Annotated[Minutes, Field(gt=0)]
    """One trip, there and back."""


class Inspection(Frozen):
    """A test of finished work that errs: made on every job that leaves a work unit."""

    sensitivity: Probability = 1.0
    """Share of the defective pieces that fail it."""
    specificity: Probability = 1.0
    """Share of the good pieces that pass it."""
    rework_to: str | None = None
    """Operation of the route a job with failed pieces goes back to, where they are put right; none:
    they are scrapped."""
    passes: int = Field(default=3, gt=0)
    """Times a job may be inspected here; pieces that fail the last time are scrapped."""


class Load(Frozen):
    """Jobs of one product that are worked together: an oven, a bath, a press with several dies."""

    max_jobs: int = Field(gt=0, le=MANY)
    min_jobs: int = Field(default=1, gt=0)
    """Fewer are not begun ..."""
    longest_wait: Annotated[Minutes, Field(gt=0)] | None = None
    """... unless the first of them has waited this long."""

    @model_validator(mode="after")
    def _holds_some(self) -> Load:
        if self.min_jobs > self.max_jobs:
            raise ValueError("min_jobs is above max_jobs")
        return self


Spread = Literal["lognormal", "gamma", "exponential"]
"""Law of a lot's time around its mean; *exponential* has the coefficient of variation 1."""
