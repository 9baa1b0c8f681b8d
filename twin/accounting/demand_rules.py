"""What a plan owes to the hard demands of its night: power cap, carbon cap, deadlines."""

from __future__ import annotations

from collections.abc import Iterator

from twin.accounting.value import TOLERANCE
from twin.errors import Fault
from twin.model.demands import Demands
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule

SHARE = 1e-6
"""A cap may be passed by this share of it: rounding."""


def broken_demands(schedule: Schedule, orders: OrderBook, demands: Demands) -> list[Fault]:
    """The demands a plan breaks; its caps are judged by the value it carries."""
    return [*_caps(schedule, demands), *_deadlines(schedule, orders)]


def _caps(schedule: Schedule, demands: Demands) -> Iterator[Fault]:
    """No slot's mean import is above the power cap, and the whole emits no more than its cap."""
    value = schedule.value
    if value is None:
        return
    power, carbon = demands.power_cap_kw, demands.carbon_cap_kg
    if power is not None and value.peak_kw > power * (1 + SHARE):
        found = f"above the power cap: {value.peak_kw:.1f} kW; {power:g} kW are allowed"
        yield Fault("power_cap_kw", found, "spread the load, or raise the cap")
    if carbon is not None and value.carbon_kg > carbon * (1 + SHARE):
        found = f"above the carbon cap: {value.carbon_kg:.0f} kgCO2e; {carbon:g} are allowed"
        yield Fault("carbon_cap_kg", found, "move load to cleaner hours, or raise the cap")


def _deadlines(schedule: Schedule, orders: OrderBook) -> Iterator[Fault]:
    """An order with a deadline within the horizon is complete by then."""
    horizon = schedule.horizon
    for order in orders:
        if order.deadline is None:
            continue
        deadline = horizon.to_minutes(order.deadline)
        end = schedule.completion(order.id)
        is_left_out = order.id in schedule.unplaced
        if is_left_out and deadline < horizon.minutes:
            found = f"deadline missed: {horizon.local(deadline):%a %d %b %H:%M}, and left out"
        elif not is_left_out and end is not None and end > deadline + TOLERANCE:
            found = (
                f"deadline missed: {horizon.local(deadline):%a %d %b %H:%M}; it would end "
                f"{horizon.local(end):%a %d %b %H:%M}"
            )
        else:
            continue
        yield Fault(f"order {order.id}", found, "bring it forward, or move the deadline")
