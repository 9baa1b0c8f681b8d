"""Which orders are late or at risk, by how much and why; the sentence that opens every page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from dashboards.figures import numbers
from dashboards.figures.causes import Cause, delay_causes
from twin.accounting.report import Estimate, Report
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule

OrderStatus = Literal["on time", "at risk", "late", "no place"]

LATE_BELOW = 0.5
"""An order less likely on time than this is expected late, whatever its planned end."""
AT_RISK_BELOW = 0.8
"""An order less likely on time than this is at risk."""


@dataclass(frozen=True)
class LateOrder:
    """One order that is late or at risk. Times in minutes from the horizon's start."""

    order: str
    product: str
    quantity: int
    customer: str
    status: OrderStatus
    due: float
    planned_end: float | None
    """None when the plan has no place for the order."""
    margin: float | None
    """Due date less planned end [min]; negative when late."""
    on_time: Estimate | None
    """Chance of being on time; None without a simulated report."""
    causes: tuple[Cause, ...]
    """Where its time goes, in order of length; empty when the plant is not given."""


@dataclass(frozen=True)
class Lead:
    """The sentence that opens a page: the answer first, then what explains it."""

    answer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.answer} {self.detail}".strip()


def due_minutes(
    schedule: Schedule, orders: OrderBook | None, report: Report | None
) -> dict[str, float]:
    """Due date of every order known from the book or, failing that, from the report [min]."""
    due = {o.order: o.due for o in report.orders} if report else {}
    for order in orders or ():
        due[order.id] = schedule.horizon.to_minutes(order.due_date)
    return due


def order_statuses(
    schedule: Schedule, orders: OrderBook | None, report: Report | None
) -> dict[str, OrderStatus]:
    """Status of every order: by its planned end, and by its chance on time where simulated."""
    chance = _chances(report)
    ends = completions(schedule)
    due = due_minutes(schedule, orders, report)
    return {
        order: _status(order in schedule.unplaced, ends.get(order), due[order], chance.get(order))
        for order in due
    }


def _status(
    is_unplaced: bool, end: float | None, due: float, on_time: Estimate | None
) -> OrderStatus:
    if is_unplaced:
        return "no place"
    if (end is not None and end > due) or (on_time is not None and on_time.mean < LATE_BELOW):
        return "late"
    if on_time is not None and on_time.mean < AT_RISK_BELOW:
        return "at risk"
    return "on time"


def _chances(report: Report | None) -> dict[str, Estimate]:
    return {o.order: o.on_time for o in report.orders if o.on_time} if report else {}


def completions(schedule: Schedule) -> dict[str, float]:
    """Last planned minute of every order that has work in the plan."""
    ends: dict[str, float] = {}
    for work in schedule.assignments:
        ends[work.order] = max(ends.get(work.order, work.end), work.end)
    return ends


def late_orders(
    schedule: Schedule, orders: OrderBook, report: Report | None, plant: Plant | None = None
) -> tuple[LateOrder, ...]:
    """Orders late or at risk, the smallest margin first; orders without a place come before all."""
    chance = _chances(report)
    ends = completions(schedule)
    statuses = order_statuses(schedule, orders, report)
    rows = []
    for order in orders:
        if statuses[order.id] == "on time":
            continue
        due, end = schedule.horizon.to_minutes(order.due_date), ends.get(order.id)
        if statuses[order.id] == "no place":
            end = None
        rows.append(
            LateOrder(
                order=order.id,
                product=order.product,
                quantity=order.quantity,
                customer=order.customer,
                status=statuses[order.id],
                due=due,
                planned_end=end,
                margin=None if end is None else due - end,
                on_time=chance.get(order.id),
                causes=delay_causes(schedule, plant, order) if plant else (),
            )
        )
    return tuple(sorted(rows, key=_by_margin))


def _by_margin(row: LateOrder) -> tuple[bool, float, str]:
    return row.margin is not None, row.margin or 0.0, row.order


def busiest_unit(schedule: Schedule, plant: Plant) -> tuple[str, float]:
    """The work unit with the largest share of its open time planned, and that share.

    Setup, work and maintenance count as planned; open time counts up to the last work of the plan.
    """
    end = max((s.end for s in schedule.segments if s.kind == "work"), default=0.0)
    calendars = plant.calendars_by_id
    planned: dict[str, float] = {}
    for s in schedule.segments:
        if s.kind in ("setup", "work", "maintenance") and s.start < end:
            planned[s.work_unit] = planned.get(s.work_unit, 0.0) + min(s.end, end) - s.start
    best, best_share = "", 0.0
    for unit in plant.work_units:
        opened = calendars[unit.calendar].open_time(schedule.horizon).working_minutes(0.0, end)
        busy = planned.get(unit.id, 0.0) / opened if opened else 0.0
        if busy > best_share:
            best, best_share = unit.id, min(busy, 1.0)
    return best, best_share


def lead_sentence(
    schedule: Schedule, orders: OrderBook, report: Report | None, plant: Plant
) -> Lead:
    """What a planner wants to know first: how many orders are late, and where it is tight."""
    statuses = order_statuses(schedule, orders, report)
    count = Counter(statuses.values())
    due = due_minutes(schedule, orders, report)
    later = sum(due[id] > schedule.horizon.minutes for id in schedule.unplaced if id in due)
    late = count["late"] + count["no place"] - later
    answer = _late_clause(late, len(statuses)) + _risk_clause(count["at risk"], late, report)
    unit, busy = busiest_unit(schedule, plant)
    details = []
    if n := count["no place"]:
        rest = f", {later} of them due after its end" if later else ""
        details.append(f"{n} found no place in the plan{rest}.")
    if not late and not count["at risk"] and report and (tight := tightest(report)):
        details.append(f"The tightest is {tight[0]}, {numbers.share(tight[1])} on time.")
    if unit:
        details.append(
            f"{unit} is the busiest unit: {numbers.share(busy)} of its open time is planned "
            f"until its orders end."
        )
    return Lead(answer, " ".join(details))


def _late_clause(late: int, total: int) -> str:
    if late == 0:
        return f"None of {total} orders is expected late" if total else "There is no open order"
    return f"{late} of {total} orders {'is' if late == 1 else 'are'} expected late"


def _risk_clause(at_risk: int, late: int, report: Report | None) -> str:
    if report is None:
        return " by the plan's own times."
    if at_risk == 0:
        return ", none is at risk." if late == 0 else ", no other is at risk."
    more = " more" if late else ""
    return f", {at_risk}{more} {'is' if at_risk == 1 else 'are'} at risk."


def tightest(report: Report) -> tuple[str, float] | None:
    """The order least likely on time and its chance; None when the report has none."""
    chances = ((o.order, o.on_time.mean) for o in report.orders if o.on_time)
    return min(chances, key=lambda pair: (pair[1], pair[0]), default=None)


def why_text(causes: tuple[Cause, ...], most: int = 3) -> str:
    """The largest causes in a clause with hours, plain work left out.

    >>> why_text((Cause("waiting", "HT-1", 192.0), Cause("work", "", 500.0)))
    'waiting for HT-1 3.2\u202fh'
    """
    told = [c for c in causes if c.kind != "work" and c.minutes >= 6.0]
    told.sort(key=lambda c: -c.minutes)
    return " · ".join(f"{c.text} {numbers.hours(c.minutes)}" for c in told[:most])
