"""Which waiting batch a free work unit takes next when no plan says so."""

from __future__ import annotations

import math
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
    now: float = 0.0
    """[min from horizon start]"""
    mean_processing_time: float = 0.0
    """Mean of ``processing_time`` over the batches the unit chooses among [min]."""


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


@dataclass(frozen=True)
class ApparentTardinessCost:
    """Most is lost by waiting with the batch of the highest index (Vepsalainen and Morton 1987).

    I_j = w_j / p_j · exp(−max(d_j − p_j − t, 0) / (k · p̄)): the weighted shortest one when all are
    late, the one with the least slack when none is.
    """

    look_ahead: float = 2.0
    """k: how many mean processing times ahead slack counts."""

    def rank(self, waiting: Waiting) -> float:
        work = max(waiting.processing_time, 1e-9)
        slack = max(waiting.due - work - waiting.now, 0.0)
        reach = max(self.look_ahead * waiting.mean_processing_time, 1e-9)
        return -(waiting.order.weight / work) * math.exp(-slack / reach)
