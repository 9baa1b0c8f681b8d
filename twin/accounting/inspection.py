"""A plan laid out for inspection: its segments by unit and by operation, beside what was asked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from twin.accounting.value import STATE_OF_KIND, TOLERANCE
from twin.errors import Fault
from twin.model.compiled import CompiledPlant
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import WorkUnit
from twin.model.schedule import Schedule, Segment
from twin.model.shifts import OpenTime
from twin.model.state import ShopState

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

OperationKey = tuple[str, str]
"""(order, operation)"""


@dataclass(frozen=True)
class Inspection:
    """One plan, the plant and orders it is for, and the shop it starts from.

    ``segments`` are those that name things that exist and have proper times; the others are named
    by the rule of known names and are not looked at again.
    """

    schedule: Schedule
    compiled: CompiledPlant
    orders: OrderBook
    state: ShopState

    @cached_property
    def order_of(self) -> dict[str, WorkOrder]:
        return {order.id: order for order in self.orders}

    @cached_property
    def unit_of(self) -> dict[str, WorkUnit]:
        return {unit.id: unit for unit in self.compiled.plant.work_units}

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(sorted(s for s in self.schedule.segments if self.is_proper(s)))

    def is_proper(self, s: Segment) -> bool:
        """Whether a segment has proper times and names things that exist."""
        if not is_timed(s) or s.kind not in STATE_OF_KIND or s.work_unit not in self.unit_of:
            return False
        if s.kind == "maintenance":
            return s.task in {t.id for t in self.unit_of[s.work_unit].maintenance}
        if s.kind in ("setup", "work"):
            return s.order in self.order_of and s.operation in self.route(s.order)
        return True

    @cached_property
    def by_unit(self) -> dict[str, tuple[Segment, ...]]:
        """Segments of each unit in time order; every unit is present."""
        found: dict[str, list[Segment]] = {id: [] for id in self.compiled.unit_ids}
        for s in self.segments:
            found[s.work_unit].append(s)
        return {id: tuple(segments) for id, segments in found.items()}

    @cached_property
    def work(self) -> dict[OperationKey, tuple[Segment, ...]]:
        """Work segments of each planned operation in time order, whatever the unit."""
        found: dict[OperationKey, list[Segment]] = {}
        for s in self.segments:
            if s.kind == "work":
                found.setdefault((s.order, s.operation), []).append(s)
        return {key: tuple(sorted(rows, key=lambda s: s.start)) for key, rows in found.items()}

    def route(self, order: str) -> list[str]:
        plant = self.compiled.plant
        return plant.route_of(plant.product(self.order_of[order].product))

    def remaining(self, order: str) -> list[str]:
        """Operations not finished at the cut-off, in order."""
        return self.route(order)[self.state.order(order).operations_done :]

    @cached_property
    def running(self) -> dict[OperationKey, str]:
        """Work unit of each operation under way at the cut-off."""
        found: dict[OperationKey, str] = {}
        for order in self.orders:
            unit = self.state.order(order.id).running_on
            if unit and self.remaining(order.id):
                found[order.id, self.remaining(order.id)[0]] = unit
        return found

    def is_eligible(self, key: OperationKey, unit: str) -> bool:
        return self._row(key, unit) in self.compiled.rows

    def needed_minutes(self, key: OperationKey, unit: str) -> float:
        """Work the plan owes to an operation on an eligible unit [min]."""
        order = self.order_of[key[0]]
        whole = self.compiled.processing_time(*self._row(key, unit), order.quantity)
        if key in self.running:
            return (1 - self.state.order(order.id).done_fraction) * whole
        return whole

    def setup_minutes(self, unit: str, before: str, order: str) -> float:
        product = self.compiled.product_index[self.order_of[order].product]
        return self.compiled.setup_minutes(self.compiled.unit_index[unit], before, product)

    def setup_key(self, unit: str, order: str) -> str:
        product = self.compiled.product_index[self.order_of[order].product]
        return self.compiled.setup_key[self.compiled.unit_index[unit]][product]

    def mass_kg(self, order: str) -> float:
        o = self.order_of[order]
        return self.compiled.batch_kg(self.compiled.product_index[o.product], o.quantity)

    def open_time(self, unit: str) -> OpenTime:
        return self.compiled.unit_open[self.compiled.unit_index[unit]]

    def available_from(self, unit: str) -> float:
        """End of a repair or maintenance under way at the cut-off [min]; 0 without one."""
        return max(0.0, self.state.unit(unit).unavailable_minutes)

    def is_on(self, unit: str) -> bool:
        """Whether a unit is warm and free at minute 0; one under repair is off when that ends."""
        return self.state.unit(unit).is_on and self.available_from(unit) <= 0

    def _row(self, key: OperationKey, unit: str) -> tuple[int, int, int]:
        compiled = self.compiled
        product = self.order_of[key[0]].product
        return (
            compiled.unit_index[unit],
            compiled.operation_index[key[1]],
            compiled.product_index[product],
        )

    def at(self, minute: float) -> str:
        """A minute on the plant's clock, for example ``Mon 2026-11-23 06:00``."""
        try:
            local = self.schedule.horizon.local(minute)
        except (OverflowError, ValueError):
            return f"minute {minute:g}"
        clock = "%H:%M" if local.second == 0 and local.microsecond < 1000 else "%H:%M:%S"
        return f"{DAYS[local.weekday()]} {local:%Y-%m-%d} {local.strftime(clock)}"

    def fault(self, s: Segment, name: str, found: str, remedy: str) -> Fault:
        """A fault of one segment: unit, what it does, local start; then the fault by its name."""
        return Fault(self.where(s), f"{name}: {found}", remedy)

    def where(self, s: Segment) -> str:
        return f"{s.work_unit}, {what(s)}, {self.at(s.start)}"


def what(s: Segment) -> str:
    """What a segment is for, in words."""
    if s.kind in ("setup", "work"):
        return f"{s.kind} of {s.operation} for order {s.order}"
    return f"maintenance {s.task}" if s.kind == "maintenance" else str(s.kind)


def is_timed(s: Segment) -> bool:
    """Whether a segment ends after it starts; only work may take no time."""
    if not (math.isfinite(s.start) and math.isfinite(s.end)):
        return False
    return s.end > s.start or (s.kind == "work" and s.end == s.start)


def is_later(a: float, b: float) -> bool:
    """Whether instant a lies after instant b by more than rounding."""
    return a > b + TOLERANCE


def is_same(a: float, b: float) -> bool:
    """Whether two instants or durations [min] are equal but for rounding."""
    return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))


def in_words(minutes: float) -> str:
    """A duration for people: minutes up to two hours, hours above.

    >>> in_words(90), in_words(150.0)
    ('90 min', '2.5 h')
    """
    return f"{minutes:.6g} min" if abs(minutes) <= 120 else f"{minutes / 60:.6g} h"


def total_minutes(segments: Iterable[Segment]) -> float:
    return math.fsum(s.minutes for s in segments)
