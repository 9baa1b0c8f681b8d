"""What a plan moved against last night's, move by move, each with the simplest true reason.

A reason is a fact that can be looked up: the state of the shop at the cut-off, or what the two
plans say. Why a search preferred one plan to another is more than one fact; where none of these is
so, the move is *replanned*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from twin.accounting.freeze_rules import Told, is_kept, told
from twin.accounting.inspection import Inspection
from twin.accounting.value import MOVED_MINUTES, TOLERANCE
from twin.model.compiled import compile_plant
from twin.model.demands import Demands
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Assignment, Schedule, Segment
from twin.model.state import ShopState

CHEAPER = 0.99
"""Energy is cheaper when its mean price is at most this share of the other."""


@dataclass(frozen=True)
class Move:
    """An operation or preventive task that stands elsewhere than in last night's plan.

    Starts are first minutes of work, in minutes from the cut-off; a task's, of the task.
    """

    before_start: float
    before_unit: str
    start: float
    unit: str
    reason: str
    """One word, for counting."""
    words: str
    """The reason with its names and instants."""
    order: str = ""
    operation: str = ""
    task: str = ""
    is_frozen: bool = False

    @property
    def what(self) -> str:
        return f"maintenance {self.task}" if self.task else f"{self.order} {self.operation}"


@dataclass(frozen=True)
class Moves:
    """Two plans compared over what both still have to begin."""

    compared: int
    """Operations and preventive tasks in both."""
    moves: tuple[Move, ...]
    """Those over an hour from their old start, on another unit, or frozen and not kept to the
    minute; by old start."""
    frozen: int
    """Operations and tasks in the frozen window that are still to do."""
    kept: int
    """Of these, those that keep unit and start."""
    gone: tuple[str, ...]
    """Orders of the frozen window that are no longer in the order book."""
    new_orders: tuple[str, ...]
    """Orders that last night's plan did not have."""

    @property
    def reasons(self) -> dict[str, int]:
        """Moves by reason, the most frequent first."""
        return dict(Counter(m.reason for m in self.moves).most_common())

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "moved": len(self.moves), "reasons": self.reasons}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> Moves:
        """Inverse of :meth:`to_dict`."""
        rest = {k: v for k, v in content.items() if k not in ("moved", "reasons")}
        lists = {name: tuple(rest[name]) for name in ("gone", "new_orders")}
        return Moves(**{**rest, **lists, "moves": tuple(Move(**m) for m in rest["moves"])})


def moves_of(
    schedule: Schedule,
    previous: Schedule,
    plant: Plant,
    orders: OrderBook,
    forecast: Forecast,
    state: ShopState,
    demands: Demands,
) -> Moves:
    """Compare a plan with last night's."""
    plan = Inspection(schedule, compile_plant(plant, schedule.horizon), orders, state)
    nights = _Nights(plan, previous, forecast, told(plan, previous, demands.freeze))
    pairs = [*nights.operations(), *nights.tasks()]
    shift = schedule.horizon.to_minutes(previous.horizon.start)
    in_window = {a.order for a in previous.assignments if 0 <= a.start + shift < demands.freeze}
    known = {a.order for a in previous.assignments} | set(previous.unplaced)
    return Moves(
        compared=len(pairs),
        moves=tuple(sorted((m for m in pairs if nights.has_moved(m)), key=_place)),
        frozen=len(nights.frozen),
        kept=sum(is_kept(plan, one) for one in nights.frozen),
        gone=tuple(sorted(in_window - set(plan.order_of))),
        new_orders=tuple(o.id for o in orders if o.id not in known),
    )


def _place(move: Move) -> tuple[float, str, str]:
    return move.before_start, move.before_unit, move.what


@dataclass
class _Nights:
    """Tonight's plan beside last night's, in minutes of tonight's."""

    plan: Inspection
    previous: Schedule
    forecast: Forecast
    frozen: list[Told]

    @cached_property
    def shift(self) -> float:
        return self.plan.schedule.horizon.to_minutes(self.previous.horizon.start)

    @cached_property
    def before(self) -> dict[tuple[str, str], Assignment]:
        """Last night's operations."""
        return {
            (a.order, a.operation): replace(a, start=a.start + self.shift, end=a.end + self.shift)
            for a in self.previous.assignments
        }

    @cached_property
    def rate(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Price with that of carbon (T,) [currency/kWh]."""
        per_kg = self.plan.compiled.plant.costs.carbon_per_t / 1000
        return self.forecast.price_per_kwh + per_kg * self.forecast.carbon_intensity

    def operations(self) -> Iterator[Move]:
        """Every operation of both plans that does not run at the cut-off."""
        now = {(a.order, a.operation): a for a in self.plan.schedule.assignments}
        for key in sorted(now.keys() & self.before.keys() - self.plan.running.keys()):
            old, new = self.before[key], now[key]
            reason, words = self.reason(old, new)
            yield Move(
                old.start, old.work_unit, new.start, new.work_unit, reason, words,
                order=key[0], operation=key[1], is_frozen=self._is_frozen(key, ""),
            )  # fmt: skip

    def tasks(self) -> Iterator[Move]:
        """The executions of each task in time order, as far as both plans have them."""
        new, old = (
            self._services(self.plan.schedule, 0.0),
            self._services(self.previous, self.shift),
        )
        for (unit, task), starts in sorted(new.items()):
            for start, before in zip(starts, old.get((unit, task), []), strict=False):
                excuse = self._excuse(("", "", unit, task)) if start != before else None
                reason, words = excuse or ("replanned", "with what surrounds it")
                yield Move(
                    before, unit, start, unit, reason, words, task=task,
                    is_frozen=any(t.task == task and t.work_unit == unit for t in self.frozen)
                    and before == old[unit, task][0],
                )  # fmt: skip

    @staticmethod
    def _services(schedule: Schedule, shift: float) -> dict[tuple[str, str], list[float]]:
        found: dict[tuple[str, str], list[float]] = {}
        for s in sorted(schedule.segments, key=lambda s: s.start):
            if s.kind == "maintenance" and s.start + shift >= -MOVED_MINUTES:
                found.setdefault((s.work_unit, s.task), []).append(s.start + shift)
        return found

    def _is_frozen(self, key: tuple[str, str], task: str) -> bool:
        return any((t.order, t.operation, t.task) == (*key, task) for t in self.frozen)

    def has_moved(self, move: Move) -> bool:
        away = abs(move.start - move.before_start)
        most = TOLERANCE if move.is_frozen else MOVED_MINUTES + TOLERANCE
        return move.unit != move.before_unit or away > most

    # --- reasons, the plainest first ---

    def reason(self, old: Assignment, new: Assignment) -> tuple[str, str]:
        """The first of the facts below that is so."""
        return (
            self._excuse((old.order, old.operation, old.work_unit, ""))
            or self._not_begun(old)
            or self._unit_down(old)
            or self._late_batch(old)
            or self._taken_by_new(old)
            or self._less_late(old)
            or self._cheaper(old, new)
            or self._taken(old)
            or ("replanned", "no single cause")
        )

    def _excuse(self, key: tuple[str, str, str, str]) -> tuple[str, str] | None:
        for u in self.plan.schedule.unkept:
            if (u.order, u.operation, u.work_unit, u.task) == key:
                return u.excuse, u.words
        return None

    def _not_begun(self, old: Assignment) -> tuple[str, str] | None:
        if old.start >= 0:
            return None
        return "late_start", f"it was to start {self.plan.at(old.start)} and has not"

    def _unit_down(self, old: Assignment) -> tuple[str, str] | None:
        if old.work_unit not in self.plan.unit_of:
            return "unit_gone", f"{old.work_unit} is no longer in the plant"
        until = self.plan.available_from(old.work_unit)
        if until <= old.start + TOLERANCE:
            return None
        return "unit_down", f"{old.work_unit} is not ready before {self.plan.at(until)}"

    def _late_batch(self, old: Assignment) -> tuple[str, str] | None:
        """The operation before it ends later now than it was to start."""
        remaining = self.plan.remaining(old.order)
        if old.operation not in remaining or (at := remaining.index(old.operation)) == 0:
            return None
        work = self.plan.work.get((old.order, remaining[at - 1]), ())
        if not work or work[-1].end <= old.start + TOLERANCE:
            return None
        return "late_batch", f"{remaining[at - 1]} ends {self.plan.at(work[-1].end)}"

    def _in_its_place(self, old: Assignment) -> list[Segment]:
        return [
            s for s in self.plan.by_unit.get(old.work_unit, ())
            if s.kind in ("setup", "work", "maintenance") and s.order != old.order
            and s.start < old.end - TOLERANCE and s.end > old.start + TOLERANCE
        ]  # fmt: skip

    def _taken_by_new(self, old: Assignment) -> tuple[str, str] | None:
        """A preventive task, or an order that last night's plan did not have, stands there."""
        known = {order for order, _ in self.before}
        for s in self._in_its_place(old):
            if s.kind == "maintenance":
                return "maintenance", f"maintenance {s.task} stands in its place"
            if s.order not in known:
                return "new_order", f"new order {s.order} stands in its place"
        return None

    def _less_late(self, old: Assignment) -> tuple[str, str] | None:
        """The order was late by last night's plan, and is less so."""
        due = self.plan.schedule.horizon.to_minutes(self.plan.order_of[old.order].due_date)
        ends = [a.end for key, a in self.before.items() if key[0] == old.order]
        now = self.plan.schedule.completion(old.order)
        was_late, is_late = max(ends) - due, max((now or 0.0) - due, 0.0)
        if was_late <= TOLERANCE or is_late >= was_late - TOLERANCE:
            return None
        left = f"{is_late / 60:.1f} h" if is_late else "on time"
        return "less_late", f"the order was {was_late / 60:.1f} h late; now {left}"

    def _cheaper(self, old: Assignment, new: Assignment) -> tuple[str, str] | None:
        then, now = self._mean_rate(old), self._mean_rate(new)
        if not now < CHEAPER * then:
            return None
        unit = f"{self.plan.compiled.plant.currency}/kWh"
        return "cheaper_energy", f"energy at {now:.3f} instead of {then:.3f} {unit}"

    def _mean_rate(self, a: Assignment) -> float:
        slot = self.forecast.horizon.slot_minutes
        first = int(max(a.start, 0.0) // slot)
        last = max(int(np.ceil(min(a.end, self.forecast.horizon.minutes) / slot)), first + 1)
        rates = self.rate[first:last]
        return float(rates.mean()) if len(rates) else float("nan")

    def _taken(self, old: Assignment) -> tuple[str, str] | None:
        for s in self._in_its_place(old):
            return "other_order", f"order {s.order} stands in its place"
        return None
