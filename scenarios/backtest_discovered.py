"""What was known at an origin of a shop nobody has described: plant, orders and progress inferred.

Everything comes from the events before the origin, but for the orders first seen inside the
forecast stretch: they are *released* to the twin at their first report, with the pieces that their
operations report. Which route they take is not known then; it is drawn by how often orders took
each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median

import numpy as np

from scenarios.backtest import Footing, Prepare, Standing
from scenarios.settings import ReplanConfig
from twin.calibration.discover import discover, open_orders
from twin.calibration.reports import work_reports
from twin.calibration.routes import Case, cases, prefix_distance
from twin.model.events import EventLog
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import ShopState

USUAL_DAYS = 14.0
"""From release to due date of an order not begun; the shop takes them in this order."""


@dataclass(frozen=True)
class Arrival:
    """An order first seen inside a forecast stretch."""

    order: str
    first: datetime
    pieces: float
    """0 where none of its operations reports any."""


def discovered(log: EventLog, config: ReplanConfig) -> Prepare:
    """Footings of a shop that is discovered anew at each origin."""
    about = config.discover
    assert about is not None
    found = cases(work_reports(log, _end(log), about.same))

    def prepare(origin: datetime, end: datetime) -> Footing:
        known = log.until(origin)
        plant = discover(
            known, id=about.id, timezone=config.mes.timezone, until=origin, same=about.same,
            working_kw=about.working_kw, standby_kw=about.standby_kw, currency=about.currency,
        ).plant  # fmt: skip
        book, states = open_orders(known, plant, origin, about.same)
        state = ShopState(origin, states)
        arrived = arrivals(found, origin, end)
        shares = route_shares(known, plant, origin, about.same)
        usual = median([c.quantity for c in found.values() if c.first < origin] or [1.0])

        def standing(luck: np.random.Generator) -> Standing:
            new = released(arrived, shares, usual, luck)
            return Standing(plant, OrderBook((*book, *new)), state)

        def draws(count: int) -> Sequence[Standing]:
            return [standing(np.random.default_rng([config.seed, n])) for n in range(1, count + 1)]

        return Footing(standing(np.random.default_rng([config.seed, 0])), draws)

    return prepare


def arrivals(found: Mapping[str, Case], origin: datetime, end: datetime) -> list[Arrival]:
    """Orders first seen in [origin, end)."""
    return [
        Arrival(case.order, case.first, case.quantity)
        for case in found.values()
        if origin <= case.first < end
    ]


def route_shares(
    log: EventLog, plant: Plant, origin: datetime, same: Mapping[str, str] | None
) -> dict[str, float]:
    """How often orders seen before the origin went each route of the plant, by product."""
    names = {o.name or o.id: o.id for o in plant.operations}
    routes = [(p.id, tuple(plant.route_of(p))) for p in plant.products]
    counts: Counter[str] = Counter()
    for case in cases(work_reports(log, origin, same)).values():
        done = tuple(names[o] for o in case.sequence if o in names)
        if len(done) >= 2:
            counts[min(routes, key=lambda row: prefix_distance(done, row[1]))[0]] += 1
    whole = sum(counts.values())
    if not whole:
        return {routes[0][0]: 1.0}
    return {product: n / whole for product, n in sorted(counts.items())}


def released(
    arrived: Sequence[Arrival],
    shares: Mapping[str, float],
    usual: float,
    luck: np.random.Generator,
) -> list[WorkOrder]:
    """The orders that come, their products drawn."""
    products = list(shares)
    weights = np.array([shares[p] for p in products])
    drawn = luck.choice(len(products), size=len(arrived), p=weights / weights.sum()).tolist()
    return [
        WorkOrder(
            id=a.order,
            product=products[n],
            quantity=max(ceil(a.pieces or usual), 1),
            release_date=a.first,
            due_date=a.first + timedelta(days=USUAL_DAYS),
        )
        for a, n in zip(arrived, drawn, strict=True)
    ]


def _end(log: EventLog) -> datetime:
    last: datetime = log.table["time"].max().to_pydatetime()
    return last + timedelta(microseconds=1)
