"""What is simulated: a plant, what it is asked to make, where it stands, how it decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.behaviour.dispatching import DispatchingRule, EarliestDueDate
from twin.model.compiled import CompiledPlant
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import ShopState


@dataclass(frozen=True)
class Experiment:
    """Everything about a series of replications but their number. Engines are built from it."""

    plant: CompiledPlant
    orders: OrderBook
    state: ShopState
    """Where orders and work units are at the start of the plant's horizon."""
    schedule: Schedule | None = None
    """The plan to follow; ``policy`` then decides only on work it leaves out."""
    policy: DispatchingRule = field(default_factory=EarliestDueDate)
    seed: int = 0
    forecast: Forecast | None = None
    """Prices energy and carbon in the totals; they are 0 without one."""
    warm_up: float = 0.0
    """Totals are counted from this minute on."""
    bucket: float | None = None
    """Length of the buckets of ``Totals.series`` [min]; the whole horizon when left out."""
    full_scan: bool = False
    """Debugging: decide anew for every unit and crew at every instant, dirty or not. A trajectory
    that differs from the usual one has found a missed wake-up."""
