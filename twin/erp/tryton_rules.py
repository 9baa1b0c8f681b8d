"""What may be written to a production of Tryton, and what is left alone and why.

Plain functions of values: what the plan wishes, what Tryton holds, what Noria wrote last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from twin.erp.signature import PlanToPublish
from twin.erp.tryton_memory import Dates, Memory, Note
from twin.erp.tryton_orders import Names
from twin.erp.tryton_read import Production

_LEFT = {
    "request": "a request in Tryton that nobody has confirmed",
    "waiting": "waiting in Tryton, its dates are fixed",
    "assigned": "assigned in Tryton",
    "running": "running",
    "done": "done in Tryton",
    "cancelled": "cancelled in Tryton",
}


@dataclass(frozen=True)
class Wish:
    """What the plan wants of one order."""

    order: str
    product: str
    quantity: int
    dates: Dates
    """Days of the first and the last minute of work, on the plant's clock; an end at midnight
    belongs to the day before."""
    first_minute: datetime
    work_units: Mapping[str, str]
    """Work unit of each operation."""
    is_started: bool
    """Its first operations are no longer in the plan: they are done."""


class Step(Enum):
    """What is to be done with one production."""

    KEEP = auto()
    """It holds the plan."""
    DATES = auto()
    """Write its dates; it stays in draft."""
    DATES_AND_RELEASE = auto()
    RELEASE = auto()
    """Take it to waiting, then assign its work centres."""
    ASSIGN = auto()
    """Finish a release that was cut off: assign its work centres."""
    LEAVE = auto()
    """Not to be touched."""


@dataclass(frozen=True)
class Decision:
    step: Step
    reason: str = ""
    """Why it is left alone."""


def wishes_of(plan: PlanToPublish) -> dict[str, Wish]:
    """The plan order by order; one without a place in the plan is not among them."""
    found = {}
    local = plan.schedule.horizon.local
    for order in plan.orders:
        rows = [a for a in plan.schedule.assignments if a.order == order.id]
        if rows:
            first, last = min(a.start for a in rows), max(a.end for a in rows)
            route = plan.plant.route_of(plan.plant.product(order.product))
            found[order.id] = Wish(
                order=order.id,
                product=order.product,
                quantity=order.quantity,
                dates=(local(first).date(), (local(last) - timedelta(seconds=1)).date()),
                first_minute=local(first),
                work_units={a.operation: a.work_unit for a in rows},
                is_started=route[0] not in {a.operation for a in rows},
            )
    return found


def decide(
    wish: Wish,
    production: Production,
    memory: Memory,
    names: Names,
    *,
    frozen: tuple[datetime, datetime] | None = None,
    release_until: datetime | None = None,
) -> Decision:
    """What is to be done with a production; the rules are told in :mod:`twin.erp.tryton`.

    ``frozen`` is from when until when a start in the last plan stands.
    """
    if production.state != "draft":
        if production.state == "waiting" and memory.pending and memory.pending.released:
            return Decision(Step.ASSIGN)
        if production.state == "waiting" and _is_released_as(wish, production, memory):
            return Decision(Step.KEEP)
        return Decision(Step.LEAVE, _LEFT.get(production.state, f"{production.state} in Tryton"))
    if wish.is_started:
        return Decision(Step.LEAVE, "started on the floor, still in draft in Tryton")
    if change := _change_of_order(wish, production, names):
        return Decision(Step.LEAVE, f"changed in Tryton since the orders were read: {change}")
    releases = release_until is not None and wish.first_minute < release_until
    if memory.last and memory.last.released:
        releases = False  # it was waiting, and a user has taken it back to draft
    if production.dates == wish.dates:
        return Decision(Step.RELEASE if releases else Step.KEEP)
    if not memory.is_own(production.dates):
        return Decision(Step.LEAVE, _edit(production, memory.notes[0]))
    note = memory.holding(production.dates)
    if note and frozen and frozen[0] <= note.first_minute < frozen[1]:
        return Decision(Step.LEAVE, f"frozen: it starts {note.first_minute:%a %d %b %H:%M}")
    return Decision(Step.DATES_AND_RELEASE if releases else Step.DATES)


def _is_released_as(wish: Wish, production: Production, memory: Memory) -> bool:
    released = memory.last is not None and memory.last.released
    return released and production.dates == wish.dates


def _change_of_order(wish: Wish, production: Production, names: Names) -> str:
    if names.product(production.product) != wish.product:
        return f"product {wish.product} -> {names.product(production.product) or 'none'}"
    if production.quantity != wish.quantity:
        held = "none" if production.quantity is None else f"{production.quantity:g}"
        return f"quantity {wish.quantity} -> {held}"
    return ""


def _edit(production: Production, note: Note) -> str:
    held, written = _shown(production.dates), _shown(note.dates)
    return f"edited by a user: planned {held}; Noria had written {written}"


def _shown(dates: Dates) -> str:
    return " to ".join(str(day or "no date") for day in dates)
