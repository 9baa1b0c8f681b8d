"""Which waiting batch a free work unit takes next when no plan says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from twin.model.orders import WorkOrder


class Waiting(NamedTuple):
    """A batch that a work unit could start now."""

    order: WorkOrder
    arrived: float
    """When it came to wait for this operation [min from horizon start]."""
    due: float
    """Due date of its order [min from horizon start]."""
    processing_time: float
    """Work it means for the unit that asks [min]."""


class DispatchingRule(Protocol):
    """A rank for waiting batches; equal ranks go first come, first served, then as in the ERP."""

    def rank(self, waiting: Waiting) -> float:
        """The batch of the lowest rank goes first."""
        ...


@dataclass(frozen=True)
class EarliestDueDate:
    """The order due first goes first."""

    def rank(self, waiting: Waiting) -> float:
        return waiting.due


@dataclass(frozen=True)
class FirstInFirstOut:
    """The batch that has waited longest goes first."""

    def rank(self, waiting: Waiting) -> float:
        return waiting.arrived


@dataclass(frozen=True)
class ShortestProcessingTime:
    """The batch with the least work for this unit goes first."""

    def rank(self, waiting: Waiting) -> float:
        return waiting.processing_time
