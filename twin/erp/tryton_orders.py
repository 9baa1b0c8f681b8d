"""Work orders from Tryton's productions, or why one cannot be planned.

A production may start on its planned start date (from the first instant of that day on the plant's
clock) and is due by its planned date (the last instant of that day). Publishing writes over both,
so for dates that Noria wrote itself the outbox gives back those from before: else a late order
would be due, the next night, whenever it happened to be planned. A date that a user has changed
since then is the new wish, and counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from twin.connectors.csv_files import Faults, parse_instant
from twin.connectors.erp_files import MOST_DAYS
from twin.erp.signature import Remembered
from twin.erp.tryton_memory import memory_of
from twin.erp.tryton_read import Production, Work
from twin.errors import did_you_mean
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, Product
from twin.model.state import OrderState


@dataclass(frozen=True)
class Names:
    """What things of Tryton are called in the plant."""

    order_id: str
    products: Mapping[str, str]
    operations: Mapping[str, str]
    work_centers: Mapping[str, str]

    def product(self, code: str) -> str:
        return self.products.get(code, code)

    def operation(self, name: str) -> str:
        return self.operations.get(name, name)

    def work_unit(self, name: str) -> str:
        return self.work_centers.get(name, name)

    def order(self, production: Production) -> str:
        return production.order_id(self.order_id)


@dataclass(frozen=True)
class Reading:
    """Open productions as work orders, and what is wrong with the others."""

    orders: OrderBook
    states: Mapping[str, OrderState]
    """How far running orders have come, by the works that are finished in Tryton."""
    faults: Faults


def orders_of(
    productions: Iterable[Production],
    plant: Plant,
    names: Names,
    remembered: Remembered | None,
    source: str,
) -> Reading:
    """Work orders of productions; one that cannot be planned is a fault and left out."""
    faults = Faults(source)
    first: dict[str, Production] = {}
    found, states = [], {}
    for production in productions:
        id = names.order(production)
        if id and id in first:
            both = f'order "{id}" is also {first[id].shown} (record {first[id].id})'
            faults.add(_where(production), both, f"give one of them another {names.order_id}")
            continue
        first[id] = production
        order = _order(production, plant, names, remembered, faults)
        if order:
            found.append(order)
            if production.state == "running":
                states[order.id] = _state(production.works, names)
    return Reading(OrderBook(tuple(found)), states, faults)


def _where(production: Production) -> str:
    return f"production {production.shown}"


def _order(
    production: Production,
    plant: Plant,
    names: Names,
    remembered: Remembered | None,
    faults: Faults,
) -> WorkOrder | None:
    before, where = len(faults.found), _where(production)
    if not (id := names.order(production)):
        remedy = f"give it a {names.order_id}, or name orders by their record (order_id: record)"
        faults.add(where, f"has no {names.order_id} to know it by", remedy)
    product = _product(production, plant, names, faults)
    quantity = _quantity(production, faults)
    if product and quantity and (days := _days_of_work(quantity, product, plant)) > MOST_DAYS:
        found = f"quantity {quantity}: {days:.0f} days of work at one operation alone"
        faults.add(where, found, "check the unit of the quantity, or split the production")
    start, end = memory_of(production, id, remembered).wished(production)
    release = _instant(start, "planned start date", plant, where, faults)
    due = _instant(end, "planned date", plant, where, faults)
    if start and end and end < start:
        faults.add(where, f"planned from {start} to {end}", "correct one of the dates")
    if len(faults.found) > before or not (product and quantity and release and due):
        return None
    return WorkOrder(id, product.id, quantity, release, due)


def _product(production: Production, plant: Plant, names: Names, faults: Faults) -> Product | None:
    where, known = _where(production), [product.id for product in plant.products]
    if not production.product:
        faults.add(where, "names no product, or one without a code", "give the product a code")
        return None
    id = names.product(production.product)
    if id not in known:
        found = f'product "{production.product}" is not made by plant {plant.id}'
        faults.add(where, found, f"{did_you_mean(id, known)}; name it under products")
        return None
    return plant.product(id)


def _quantity(production: Production, faults: Faults) -> int:
    value = production.quantity
    if value is None or value <= 0 or not float(value).is_integer():
        shown = "no quantity" if value is None else f"quantity {value:g} {production.unit}".strip()
        faults.add(_where(production), f"{shown}; a positive whole number of pieces is expected")
        return 0
    return int(value)


def _days_of_work(quantity: int, product: Product, plant: Plant) -> float:
    """Days without pause that the slowest operation of an order takes on its fastest unit."""
    minutes = [
        min(row.minutes_per_piece(product) for row in plant.rows_for(operation, product))
        for operation in plant.route_of(product)
    ]
    return quantity * max(minutes) / 1440


def _instant(
    day: date | None, name: str, plant: Plant, where: str, faults: Faults
) -> datetime | None:
    if day is None:
        faults.add(where, f"has no {name}", "enter one")
        return None
    try:
        return parse_instant(day.isoformat(), plant.zone, end_of_day=name == "planned date")
    except ValueError as error:
        faults.add(where, f"{name} got {day}; {error}")
        return None


def _state(works: Iterable[Work], names: Names) -> OrderState:
    """Works finished from the first on, and where the next one runs."""
    rest = list(works)
    done = 0
    while rest and rest[0].state in ("finished", "done"):
        rest.pop(0)
        done += 1
    runs = bool(rest) and rest[0].state == "running"
    return OrderState(done, names.work_unit(rest[0].work_center) if runs else "")
