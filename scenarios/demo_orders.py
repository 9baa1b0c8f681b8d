"""The order book of the demonstration: what customers called off, day by day, and what was in
process when the log begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scenarios.demo_draws import Draws
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, Product
from twin.model.shifts import Calendar
from twin.model.state import OrderState, ShopState, UnitState

FIRST_ORDER = 3951
RELEASE_CLOCK = time(5)
"""Orders of a day are released together before the early shift."""
LORRY_CLOCKS = (time(12), time(18), time(22))
"""Orders are due when a lorry leaves."""

CUSTOMERS: tuple[tuple[str, float], ...] = (
    ("Sièges Atlas", 1.0),
    ("Essieux du Gharb", 2.0),
    ("Directions Loukkos", 2.0),
    ("Faisceaux Zaër", 1.0),
    ("Freins du Détroit", 3.0),
    ("Quincaillerie Maâmora", 0.5),
)
"""Invented names and the weight their lateness has."""


@dataclass(frozen=True)
class CallOff:
    """How often a family is ordered and how large its orders are."""

    per_day: float
    """Orders on a working day."""
    containers: tuple[int, int]
    """Smallest and largest order."""
    lead_days: tuple[int, int]
    """Working days from release to due date, fewest and most."""


CALL_OFFS: dict[str, CallOff] = {
    "M6": CallOff(3.2, (1, 3), (2, 4)),
    "M8": CallOff(2.7, (2, 4), (2, 4)),
    "M10-12": CallOff(2.4, (3, 6), (3, 4)),
    "M14-16": CallOff(1.6, (4, 9), (4, 4)),
}


def order_book(plant: Plant, calendar: Calendar, first: date, last: date, seed: int) -> OrderBook:
    """Orders released on the working days of a calendar from ``first`` to ``last``."""
    draws = Draws(seed, "customers", "orders")
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    orders: list[WorkOrder] = []
    owed = dict.fromkeys(CALL_OFFS, 0.0)
    turn = dict.fromkeys(CALL_OFFS, 0)
    for day in (d for d in days if _is_working_day(d, calendar)):
        for family in CALL_OFFS:
            owed[family] += CALL_OFFS[family].per_day
            while owed[family] >= 1:
                owed[family] -= 1
                product = _next_product(plant, family, turn)
                id = str(FIRST_ORDER + len(orders))
                orders.append(_order(id, product, day, calendar, plant.zone, draws))
    return OrderBook(tuple(orders))


def _next_product(plant: Plant, family: str, turn: dict[str, int]) -> Product:
    """Products of a family in turn: every one is called off about equally often."""
    products = [p for p in plant.products if p.family == family]
    turn[family] += 1
    return products[(turn[family] * 2 + turn[family] // len(products)) % len(products)]


def _order(
    id: str, product: Product, day: date, calendar: Calendar, zone: ZoneInfo, draws: Draws
) -> WorkOrder:
    rule = CALL_OFFS[product.family]
    low, high = rule.containers
    containers = draws.integer(low, high)
    due_day = _working_days_later(day, draws.integer(*rule.lead_days), calendar)
    customer, weight = CUSTOMERS[draws.integer(0, len(CUSTOMERS) - 1)]
    clock = LORRY_CLOCKS[draws.integer(0, len(LORRY_CLOCKS) - 1)]
    return WorkOrder(
        id=id,
        product=product.id,
        quantity=containers * product.lot_size,
        release_date=datetime.combine(day, RELEASE_CLOCK, zone),
        due_date=datetime.combine(due_day, clock, zone),
        weight=weight,
        customer=customer,
    )


def _is_working_day(day: date, calendar: Calendar) -> bool:
    return day.weekday() < 5 and bool(calendar.windows_on(day))


def _working_days_later(day: date, count: int, calendar: Calendar) -> date:
    while count:
        day += timedelta(days=1)
        count -= _is_working_day(day, calendar)
    return day


def state_at_start(plant: Plant, orders: OrderBook, at: datetime, seed: int) -> ShopState:
    """The shop when the log begins: orders under way, furnaces hot, work units of every age."""
    draws = Draws(seed, "shop", "first state")
    begun = [order for order in orders if order.release_date < at]
    return ShopState(
        at=at,
        orders={order.id: OrderState(_done_before(order, plant, at, draws)) for order in begun},
        units=_units_at_start(plant, at, draws),
    )


def _done_before(order: WorkOrder, plant: Plant, at: datetime, draws: Draws) -> int:
    """Operations finished: one a day or so, never all of them."""
    steps = len(plant.route_of(plant.product(order.product)))
    days = (at - order.release_date).total_seconds() / 86400 - 2  # a weekend lies between
    return min(max(round(days * 1.2 + draws.uniform(-1, 1)), 0), steps - 1)


def _units_at_start(plant: Plant, at: datetime, draws: Draws) -> dict[str, UnitState]:
    """Ages and last services spread evenly over their cycles, so that services do not bunch."""
    tasks = [(unit.id, task) for unit in plant.work_units for task in unit.maintenance]
    phases = [(k + 0.5) / len(tasks) for k in draws.permutation(len(tasks))]
    last: dict[str, dict[str, datetime]] = {unit.id: {} for unit in plant.work_units}
    for (unit_id, task), phase in zip(tasks, phases, strict=True):
        # A task so rare that the log might miss it altogether falls due in the first week of it.
        rare = task.interval > 21 * 1440
        age = task.interval - phase * 4 * 1440 if rare else task.interval * phase
        last[unit_id][task.id] = at - timedelta(minutes=round(age))
    return {
        unit.id: UnitState(
            is_on=unit.startup_time > 0 and unit.calendar == "always",
            ages={m.id: draws.uniform(0, 0.7) * m.life.mean for m in unit.failure_modes},
            last_maintenance=last[unit.id],
        )
        for unit in plant.work_units
    }  # fmt: skip
