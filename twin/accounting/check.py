"""Whether a plan obeys every rule, and whether it is worth what it claims. Knows no solver.

The rules stand in ``unit_rules``, ``order_rules`` and ``maintenance_rules``, one function for one
sentence; what was demanded beside them in ``demand_rules`` and ``freeze_rules``. ``check`` runs
them all, counts the value again, and compares it with the claim.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from twin.accounting.demand_rules import broken_demands
from twin.accounting.freeze_rules import keeps_the_frozen_window
from twin.accounting.inspection import Inspection
from twin.accounting.maintenance_rules import MAINTENANCE_RULES
from twin.accounting.order_rules import ORDER_RULES, runs_on_an_eligible_unit
from twin.accounting.unit_rules import UNIT_RULES, names_are_known
from twin.accounting.value import value_of
from twin.errors import Fault
from twin.model.compiled import compile_plant
from twin.model.demands import NOTHING_DEMANDED, Demands
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule, Value
from twin.model.state import ShopState

RULES = (*UNIT_RULES, *ORDER_RULES, *MAINTENANCE_RULES)

CLAIM_TOLERANCE = 1e-6
"""A claim may differ from the count by this share; by this amount where both are below 1."""


@dataclass(frozen=True)
class CheckResult:
    """What an inspection of a plan found."""

    faults: tuple[Fault, ...]
    value: Value
    """Counted again from the segments."""
    claimed: Value | None = None
    """What the plan says of itself."""
    disagreement: float | None = None
    """Largest relative difference between claim and count over all figures; none without claim."""
    unplaced: tuple[str, ...] = field(default_factory=tuple)
    """Orders left out and listed as such: no fault, charged as late until the end."""

    @property
    def is_feasible(self) -> bool:
        return not self.faults

    def describe(self) -> str:
        """The finding in words, one line a fault."""
        return "\n".join(_lines(self))

    def to_dict(self) -> dict[str, Any]:
        return {
            "is_feasible": self.is_feasible,
            "faults": [asdict(fault) for fault in self.faults],
            "value": self.value.as_dict(),
            "claimed": self.claimed.as_dict() if self.claimed else None,
            "disagreement": self.disagreement,
            "unplaced": list(self.unplaced),
        }


def _lines(result: CheckResult) -> Iterator[str]:
    if result.is_feasible:
        yield "the plan obeys every rule"
    else:
        yield f"the plan breaks the rules: {_count(len(result.faults), 'fault')}"
    yield from (f"  {fault}" for fault in result.faults)
    if result.unplaced:
        names = ", ".join(result.unplaced)
        yield f"left out by the plan: {_count(len(result.unplaced), 'order')} ({names})"
    yield f"total cost {result.value.total_cost:.2f}, counted from the segments"
    if result.disagreement is None:
        yield "the plan claims no value"
    else:
        yield f"largest difference to what the plan claims: {result.disagreement:.1e} of the figure"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def check(
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    forecast: Forecast,
    state: ShopState,
    previous: Schedule | None = None,
    demands: Demands = NOTHING_DEMANDED,
) -> CheckResult:
    """Inspect a plan by every rule and demand, and count its value again.

    Raises
    ------
    ValueError
        If plan and forecast are not on the same horizon.
    """
    plan = Inspection(schedule, compile_plant(plant, schedule.horizon), orders, state)
    value = value_of(schedule, plant, orders, forecast, state, previous)
    faults = [fault for rule in RULES for fault in rule(plan)]
    faults += broken_demands(replace(schedule, value=value), orders, demands)
    if previous is not None:
        faults += keeps_the_frozen_window(plan, previous, demands.freeze)
    claims = [*_false_claims(schedule, value)]
    claimed = schedule.value
    return CheckResult(
        faults=(*faults, *claims),
        value=value,
        claimed=claimed,
        disagreement=None if claimed is None else max(_differences(claimed, value).values()),
        unplaced=tuple(id for id in schedule.unplaced if id in plan.order_of),
    )


def foreign_parts(
    schedule: Schedule, plant: Plant, orders: OrderBook, state: ShopState
) -> tuple[Fault, ...]:
    """What in a plan is of another plant or book, so that nobody could follow it, good or bad."""
    plan = Inspection(schedule, compile_plant(plant, schedule.horizon), orders, state)
    return tuple(
        fault for rule in (names_are_known, runs_on_an_eligible_unit) for fault in rule(plan)
    )


def _false_claims(schedule: Schedule, value: Value) -> Iterator[Fault]:
    """The value a plan claims is the value counted, and its bound is no higher."""
    if schedule.value is not None:
        claimed = schedule.value.as_dict()
        for name, difference in _differences(schedule.value, value).items():
            if difference > CLAIM_TOLERANCE:
                counted = value.as_dict()[name]
                found = f"wrong claim: {claimed[name]:.10g} claimed; {counted:.10g} counted"
                yield Fault(f"value.{name}", found, "count it again")
    bound, total = schedule.bound, value.total_cost
    if bound is not None and not bound - total <= CLAIM_TOLERANCE * max(1.0, abs(total)):
        found = f"wrong bound: {bound:.10g}; the plan itself costs {total:.10g}"
        yield Fault("bound", found, "a bound is at most the cost of any plan")


def _differences(claimed: Value, counted: Value) -> dict[str, float]:
    """Relative difference of each figure, including the total."""
    a, b = claimed.as_dict(), counted.as_dict()
    return {name: _difference(a[name], b[name]) for name in b}


def _difference(claimed: float, counted: float) -> float:
    share = abs(claimed - counted) / max(1.0, abs(claimed), abs(counted))
    return share if math.isfinite(share) else math.inf
