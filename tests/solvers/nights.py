"""The night after: a shop whose floor has followed last night's plan to the minute, or nearly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.solvers.conftest import Shop
from twin.model.compiled import compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import OrderState, ShopState, UnitState

DAY = 1440


def next_night(shop: Shop, plan: Schedule, minutes: int = DAY) -> Shop:
    """The shop ``minutes`` later, everything done as planned, the plan its last night's."""
    start = shop.forecast.horizon.start + timedelta(minutes=minutes)
    left = shop.forecast.horizon.minutes - minutes
    horizon = Horizon(start, left, shop.plant.timezone, shop.forecast.horizon.slot_minutes)
    n = horizon.slots
    old = shop.forecast
    forecast = Forecast(
        horizon, old.price_per_kwh[-n:], old.carbon_intensity[-n:], old.generation_kw[-n:],
        old.feed_in_per_kwh, old.demand_charge_per_kw, old.peak_incurred_kw,
    )  # fmt: skip
    orders = {o.id: _progress(shop, plan, o.id, minutes) for o in shop.orders}
    route = {o.id: len(_route(shop, o.id)) for o in shop.orders}
    open_orders = tuple(o for o in shop.orders if orders[o.id].operations_done < route[o.id])
    units = {u.id: _unit(shop, plan, u.id, minutes) for u in shop.plant.work_units}
    state = ShopState(start, {o.id: orders[o.id] for o in open_orders}, units)
    return replace(shop, orders=OrderBook(open_orders), forecast=forecast, state=state,
                   previous=plan)  # fmt: skip


def _route(shop: Shop, order: str) -> list[str]:
    return shop.plant.route_of(shop.plant.product(shop.orders[order].product))


def _progress(shop: Shop, plan: Schedule, order: str, now: int) -> OrderState:
    mine = [a for a in plan.assignments if a.order == order]
    before = shop.state.order(order).operations_done
    done = before + sum(a.end <= now for a in mine)
    running = next((a for a in mine if a.start < now < a.end), None)
    if running is None:
        return OrderState(done)
    work = [s for s in plan.segments if s.kind == "work"]
    rows = [s for s in work if (s.order, s.operation) == (order, running.operation)]
    worked = sum(min(s.end, now) - s.start for s in rows if s.start < now)
    whole = sum(s.minutes for s in rows)
    first = shop.state.order(order)
    share = first.done_fraction if first.running_on and done == before else 0.0
    return OrderState(done, running.work_unit, share + (1 - share) * worked / whole)


def _unit(shop: Shop, plan: Schedule, unit: str, now: int) -> UnitState:
    segments = [s for s in plan.of_unit(unit) if s.start < now]
    worked = [s for s in segments if s.kind == "work"]
    old = shop.state.unit(unit)
    compiled = compile_plant(shop.plant, shop.forecast.horizon)
    m = compiled.unit_index[unit]
    key = old.setup_key
    if worked:
        key = compiled.setup_key[m][compiled.product_index[shop.orders[worked[-1].order].product]]
    at = shop.forecast.horizon.to_datetime
    services = {s.task: at(s.end) for s in segments if s.kind == "maintenance"}
    under_way = [s.end - now for s in segments if s.kind == "maintenance" and s.end > now]
    is_on = any(s.end >= now for s in segments if s.kind in ("work", "standby", "startup"))
    return UnitState(
        setup_key=key,
        is_on=is_on and shop.plant.work_units[m].startup_time > 0,
        unavailable_minutes=max(under_way, default=max(old.unavailable_minutes - now, 0.0)),
        ages={mode: age + now for mode, age in old.ages.items()},
        last_maintenance={**old.last_maintenance, **services},
    )
