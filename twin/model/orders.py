"""What the plant is asked to make: work orders, as an ERP or MES knows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class WorkOrder:
    """A quantity of one product to be launched through its route."""

    id: str
    product: str
    quantity: int
    """Pieces launched at the first operation (the ERP's scrap allowance included)."""
    release_date: datetime
    """May start; zone-aware."""
    due_date: datetime
    """Should be complete; zone-aware. An order may be late, at a cost."""
    weight: float = 1.0
    """Multiplies the cost of being late."""
    customer: str = ""
    customer_class: str = ""
    """As the planner sorts customers, for example "A"; ``risk`` of a configuration speaks of it."""
    deadline: datetime | None = None
    """Must be complete, whatever that costs; zone-aware. None: it may be late at its cost."""


@dataclass(frozen=True)
class OrderBook:
    """Work orders in the ERP's sequence; ids are unique."""

    orders: tuple[WorkOrder, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if len({order.id for order in self.orders}) != len(self.orders):
            raise ValueError("two work orders share an id")

    def __iter__(self) -> Iterator[WorkOrder]:
        return iter(self.orders)

    def __len__(self) -> int:
        return len(self.orders)

    def __getitem__(self, id: str) -> WorkOrder:
        return next(order for order in self.orders if order.id == id)
