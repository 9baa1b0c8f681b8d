"""Orders under way at a cut-off, judged from nothing but the events before it.

A log of reports names no product, quantity, due date or end of an order. So, by rules that can be
read here and argued with:

* an order is open when it has not had, for most of its pieces, the operation after which orders are
  usually over (found on the log's own past), and it has not been silent for longer than any order
  that went on, or a week;
* its product is the plant's route whose beginning is nearest to what it has done, and of equally
  near ones the most frequent;
* its quantity is the median of the pieces its operations report, or while it is still in its first
  operation at least the usual quantity of orders;
* an operation is done when it reports most of the pieces, or a later one of the route is done;
* it is due when :data:`DUE_SHARE` of past orders as far from their end had ended.

A full log names all of these but the due date, and its states tell how far each order has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median

import numpy as np
import pandas as pd

from twin.calibration.replay import shop_state
from twin.calibration.reports import shows_states, work_reports
from twin.calibration.routes import (
    DONE_SHARE,
    SETTLING,
    Case,
    Closing,
    Route,
    cases,
    find_closing,
    prefix_distance,
    whole_cases,
)
from twin.model.events import EventLog
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import OrderState

DUE_SHARE = 0.8
"""Share of past orders, as far from their end, that had ended by the due date given."""
USUAL_DAYS = 3.0
"""From release to due date, where no order is seen whole."""
HALF_DONE = 0.5
"""An operation that waits in the middle counts as done from this share on, else as not begun."""
RECENT = timedelta(days=1)
"""An operation whose last report is younger than this is still on its resource."""


def open_orders(
    log: EventLog, plant: Plant, at: datetime, same: Mapping[str, str] | None = None
) -> tuple[OrderBook, dict[str, OrderState]]:
    """Orders open at an instant and how far each has come, from the events before it.

    Parameters
    ----------
    plant
        As found by ``discover`` from the same log; its routes are the possible continuations.
    same
        Spellings, as given to ``discover``.
    """
    if shows_states(log):
        return _released(log.until(at).ordered(), plant, at)
    reports = work_reports(log, at, same)
    found, start = cases(reports), reports[0].start
    closing = find_closing(found, start, at)
    silence = longest_silence(found.values())
    whole = whole_cases(found, start, closing)
    is_open = [c for c in found.values() if _is_open(c, closing, at, silence)]
    usual = median([c.quantity for c in whole if c.quantity > 0] or [1.0])
    names = {o.name or o.id: o.id for o in plant.operations}
    standings = [_standing(case, plant, names, usual) for case in is_open]
    rests = _remaining_days(whole)
    orders = []
    for s in standings:
        left = len(s.route) - s.done
        orders.append(
            WorkOrder(
                id=s.case.order,
                product=s.product,
                quantity=s.quantity,
                release_date=pd.Timestamp(s.case.first).to_pydatetime(),
                due_date=at + timedelta(days=_rest_days(rests, left)),
            )
        )
    return OrderBook(tuple(orders)), _states(standings, plant, at)


def _released(log: EventLog, plant: Plant, at: datetime) -> tuple[OrderBook, dict[str, OrderState]]:
    """Orders that a full log releases, or begins, and does not complete."""
    table = log.table
    known = {p.id for p in plant.products}
    over = set(log.of_kind("complete")["order"])
    rows = table[table["event"].isin(("release", "start")) & table["product"].isin(known)]
    rows = rows[~rows["order"].isin(over) & (rows["order"] != "")]
    due = timedelta(days=_usual_days(log))
    pieces = _most_pieces(table[table["event"] == "end"])
    orders = []
    for order, product, time, quantity in zip(
        *(rows.drop_duplicates("order")[c] for c in ("order", "product", "time", "quantity")),
        strict=True,
    ):
        n = quantity if quantity >= 1 else pieces.get(order, 1.0)
        since = pd.Timestamp(time).to_pydatetime()
        orders.append(WorkOrder(order, product, max(int(n), 1), since, since + due))
    book = OrderBook(tuple(orders))
    return book, dict(shop_state(log, plant, book, at).orders)


def _usual_days(log: EventLog) -> float:
    """Days in which :data:`DUE_SHARE` of the orders came from release to completion."""
    begin, end = (
        log.of_kind(kind).drop_duplicates("order").set_index("order")["time"]
        for kind in ("release", "complete")
    )
    took = (end - begin).dropna().dt.total_seconds() / 86400
    return round(float(took.quantile(DUE_SHARE)), 3) if len(took) else USUAL_DAYS


def _most_pieces(ends: pd.DataFrame) -> dict[str, float]:
    """Pieces of each order at the operation that reports most."""
    pieces = ends["quantity"].fillna(0) + ends["scrap"].fillna(0)
    steps = pieces.groupby([ends["order"], ends["operation"]]).sum()
    return {str(order): float(n) for order, n in steps.groupby(level=0).max().items()}


@dataclass(frozen=True)
class _Standing:
    """Where one open order is believed to be on its route."""

    case: Case
    product: str
    route: Route
    done: int
    quantity: int
    unit: str
    """Where its next operation was last worked; empty when it has not begun."""
    share: float
    """Of that operation's pieces."""
    last: datetime


def _is_open(case: Case, closing: Closing, at: datetime, silence: timedelta) -> bool:
    return closing.operation not in case.had and at - case.last <= silence


def longest_silence(found: Iterable[Case]) -> timedelta:
    """The longest time between two reports of one order, which then went on; a week at least."""
    longest = SETTLING
    for case in found:
        end = case.first
        for report in case.reports:
            longest = max(longest, report.start - end)
            end = max(end, report.end)
    return longest


def _standing(case: Case, plant: Plant, names: Mapping[str, str], usual: float) -> _Standing:
    done_names = tuple(names[o] for o in case.sequence if o in names)
    routes = [(p.id, tuple(plant.route_of(p))) for p in plant.products]
    product, route = min(routes, key=lambda row: prefix_distance(done_names, row[1]))
    pieces = {names[o]: n for o, n in case.pieces.items() if o in names}
    quantity = case.quantity
    if len([n for n in pieces.values() if n > 0]) < 2:
        quantity = max(quantity, usual)
    finished = [n for n, o in enumerate(route) if pieces.get(o, 0) >= DONE_SHARE * quantity]
    done = min(max(finished, default=-1) + 1, len(route) - 1)
    reports = [r for r in case.reports if names.get(r.operation) == route[done]]
    unit = reports[-1].work_unit if reports else ""
    share = min(pieces.get(route[done], 0.0) / quantity, 1.0) if reports else 0.0
    last = max((r.end for r in reports), default=case.first)
    return _Standing(case, product, route, done, max(ceil(quantity), 1), unit, share, last)


def _states(standings: Sequence[_Standing], plant: Plant, at: datetime) -> dict[str, OrderState]:
    """One running order for each resource, the one reported last; the others wait."""
    units = {u.id: {row.operation for row in u.processing} for u in plant.work_units}
    running: dict[str, _Standing] = {}
    for s in standings:
        able = s.route[s.done] in units.get(s.unit, set())
        if able and at - s.last < RECENT:
            rival = running.get(s.unit)
            if rival is None or (s.last, s.case.order) > (rival.last, rival.case.order):
                running[s.unit] = s
    found = {}
    for s in standings:
        if running.get(s.unit) is s:
            found[s.case.order] = OrderState(s.done, s.unit, min(s.share, 0.95))
        else:
            skips = s.share >= HALF_DONE and s.done + 1 < len(s.route)
            found[s.case.order] = OrderState(s.done + skips)
    return found


def _remaining_days(whole: Iterable[Case]) -> list[tuple[int, float]]:
    """For every past order at the end of each operation: operations and days still to go."""
    found = []
    for case in whole:
        sequence = case.sequence
        for n, operation in enumerate(sequence):
            end = max(r.end for r in case.reports if r.operation == operation)
            rest = (case.last - end).total_seconds() / 86400
            found.append((len(sequence) - n - 1, rest))
        found.append((len(sequence), (case.last - case.first).total_seconds() / 86400))
    return found


def _rest_days(rests: Sequence[tuple[int, float]], operations_left: int) -> float:
    """Days in which :data:`DUE_SHARE` of past orders with as many operations left had ended."""
    if not rests:
        return float(operations_left)
    nearest = min(abs(left - operations_left) for left, _ in rests)
    days = [rest for left, rest in rests if abs(left - operations_left) == nearest]
    return round(float(np.quantile(days, DUE_SHARE)), 3)
