"""The shop at a cut-off: where every order is, what every work unit is doing, how old it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from twin.model.snapshot import Snapshot


@dataclass(frozen=True)
class OrderState:
    """How far a work order has come."""

    operations_done: int = 0
    """Operations of the route finished."""
    running_on: str = ""
    """Work unit on which the next operation has started; empty when it waits."""
    done_fraction: float = 0.0
    """Share of the running operation's work already done, in [0, 1)."""


@dataclass(frozen=True)
class UnitState:
    """Condition of a work unit."""

    setup_key: str = ""
    """What it is set up for; empty when unknown."""
    is_on: bool = False
    """Warm and ready; otherwise off, and its startup time comes first."""
    unavailable_minutes: float = 0.0
    """Expected rest of a repair or maintenance under way at the cut-off [min]."""
    ages: dict[str, float] = field(default_factory=dict)
    """Age of each failure mode on its own clock since its last renewal [min]."""
    last_maintenance: dict[str, datetime] = field(default_factory=dict)
    """Last execution of each preventive task; a task left out is due at the cut-off."""


@dataclass(frozen=True)
class ShopState:
    """Everything a simulation or a plan needs to start from now."""

    at: datetime
    """The cut-off; zone-aware."""
    orders: dict[str, OrderState] = field(default_factory=dict)
    """Orders not in here have not been started."""
    units: dict[str, UnitState] = field(default_factory=dict)
    exact: Snapshot | None = None
    """What a simulator knows beyond that; it then starts from here, not from the rest."""

    def order(self, id: str) -> OrderState:
        return self.orders.get(id, OrderState())

    def unit(self, id: str) -> UnitState:
        return self.units.get(id, UnitState())
