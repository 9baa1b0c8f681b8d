"""Many replications of a plant as figures with intervals: what ``noria simulate`` tells.

Means carry Student's interval over replications; the chance of an order to be on time Wilson's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from twin.accounting.indicators import Key, completion_minutes
from twin.accounting.intervals import mean_interval
from twin.accounting.outcome import order_report
from twin.accounting.report import Estimate, OrderReport
from twin.accounting.value import open_orders
from twin.model.compiled import CompiledPlant
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import ShopState
from twin.simulation.result import Totals

UNIT_OF_ENDING: tuple[tuple[str, str], ...] = (
    ("throughput_per_h", "pieces/h"),
    ("_per_h", "pieces/h"),
    ("_jobs", "jobs"),
    ("_pieces", "pieces"),
    ("_people", "people"),
    ("_vehicles", "vehicles"),
    ("kwh_per_tonne", "kWh/t"),
    ("_kwh", "kWh"),
    ("_kw", "kW"),
    ("_kg", "kgCO2e"),
    ("_cost", "{currency}"),
    ("_min", "min"),
    ("_h", "h"),
    ("_share", "1"),
)
"""Unit of a figure by the ending of its name; the first that fits."""
UNIT_OF_NAME = {
    "orders_completed": "orders",
    "orders_on_time": "orders",
    "failures": "failures",
    "executions": "executions",
    "inspections": "inspections",
    "replications": "replications",
}


@dataclass(frozen=True)
class Bottleneck:
    """The work unit that waits least: where an hour lost is lost to the whole plant.

    After Li, L., Chang, Q. and Ni, J. (2009), Data driven bottleneck detection of manufacturing
    systems, International Journal of Production Research 47, 5019–5036, who look for the least sum
    of blockage and starvation; here over all work units, as a share of their open time.
    """

    work_unit: str
    waiting: Estimate
    """Share of its open time in which it waits for work or for room."""
    runner_up: str
    """The work unit that waits least but one; empty when there is no other."""
    gap: Estimate | None
    """How much more the runner-up waits, over paired replications."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the gap leaves no doubt which of the two waits less."""
        return self.gap is None or (self.gap.n > 1 and self.gap.low > 0)


@dataclass(frozen=True)
class SimulationReport:
    """Everything known from some replications of one experiment."""

    plant: str
    plan: str
    """What was followed, in words: a schedule, or a dispatching rule."""
    engine: str
    seed: int
    replications: int
    """That have finished."""
    horizon: Horizon
    warm_up: float
    """Totals are counted from this minute on."""
    currency: str
    level: float
    figures: Mapping[Key, Estimate]
    orders: tuple[OrderReport, ...]
    bottleneck: Bottleneck | None
    notes: tuple[str, ...] = ()
    """What was assumed, and what could not be done, in words."""

    def of(self, kind: str, id: str = "") -> dict[str, Estimate]:
        """All figures of one work unit, product, …"""
        return {k.figure: e for k, e in self.figures.items() if (k.kind, k.id) == (kind, id)}

    def ids(self, kind: str) -> list[str]:
        """What there is of a kind, in the order of the plant."""
        return list(dict.fromkeys(k.id for k in self.figures if k.kind == kind))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``figures[kind][id][figure]``, and the unit of every figure."""
        nested: dict[str, dict[str, dict[str, Any]]] = {}
        for key, estimate in self.figures.items():
            nested.setdefault(key.kind, {}).setdefault(key.id, {})[key.figure] = asdict(estimate)
        bottleneck = self.bottleneck and {
            **asdict(self.bottleneck), "is_clear": self.bottleneck.is_clear
        }  # fmt: skip
        names = dict.fromkeys(key.figure for key in self.figures)
        return {
            **{k: v for k, v in vars(self).items() if k not in ("figures", "horizon", "warm_up")},
            "horizon": self.horizon.to_dict(),
            "warm_up_min": self.warm_up,
            "units": {name: unit_of(name, self.currency) for name in names},
            "figures": {**nested, "plant": nested.get("plant", {}).get("", {})},
            "orders": [asdict(order) for order in self.orders],
            "bottleneck": bottleneck,
            "notes": list(self.notes),
        }


def unit_of(figure: str, currency: str) -> str:
    """Unit of a figure; "1" for a share.

    >>> unit_of("throughput_per_h", "EUR"), unit_of("oee", "EUR"), unit_of("energy_cost", "MAD")
    ('pieces/h', '1', 'MAD')
    """
    if figure in UNIT_OF_NAME:
        return UNIT_OF_NAME[figure]
    ending = (unit for end, unit in UNIT_OF_ENDING if figure.endswith(end))
    return next(ending, "1").format(currency=currency)


def with_scrapped_parts(observed: Mapping[Key, float]) -> dict[Key, float]:
    """The figures of one replication, and the share of all pieces finished that became scrap.

    ``scrap_share`` is by operation: pieces scrapped on a unit among the pieces worked there, so it
    is diluted by every further operation and knows no part sent to scrap by a branch. This one
    counts pieces wherever they end: on a unit, at a branch, at an inspection.
    """
    ended = {"throughput_per_h": 0.0, "scrapped_per_h": 0.0}
    for key, value in observed.items():
        if key.kind == "product" and key.figure in ended:
            ended[key.figure] += value
    whole = sum(ended.values())
    share = ended["scrapped_per_h"] / whole if whole > 0 else float("nan")
    return {**observed, Key("plant", "", "parts_scrapped_share"): share}


def estimates(observed: Sequence[Mapping[Key, float]], level: float = 0.9) -> dict[Key, Estimate]:
    """Mean and interval of every figure; ``n`` counts the replications that have a value for it."""
    found = {}
    for key in dict.fromkeys(key for row in observed for key in row):
        values = [v for row in observed if isfinite(v := row.get(key, float("nan")))]
        if values:
            found[key] = mean_interval(values, level)
    return found


def find_bottleneck(
    observed: Sequence[Mapping[Key, float]], level: float = 0.9
) -> Bottleneck | None:
    """The work unit that waits least, and how sure that is; none where no unit is ever open."""
    waiting = {
        key.id: np.array([row[key] for row in observed])
        for key in observed[0]
        if key.kind == "work_unit" and key.figure == "waiting_share"
    }
    known = {id: shares for id, shares in waiting.items() if np.isfinite(shares).all()}
    if not known:
        return None
    first, *others = sorted(known, key=lambda id: float(known[id].mean()))
    gap = mean_interval(known[others[0]] - known[first], level) if others else None
    return Bottleneck(first, mean_interval(known[first], level), others[0] if others else "", gap)


def order_reports(
    runs: Sequence[Totals],
    plant: CompiledPlant,
    orders: OrderBook,
    state: ShopState,
    schedule: Schedule | None = None,
    level: float = 0.9,
) -> tuple[OrderReport, ...]:
    """Chance of being on time and completion of each order not finished before the horizon."""
    is_open = {order.id for order in open_orders(orders, plant.plant, state)}
    ends = zip(*(completion_minutes(totals) for totals in runs), strict=True)
    return tuple(
        order_report(order, list(end), plant, schedule, level)
        for order, end in zip(orders, ends, strict=True)
        if order.id in is_open
    )


def figure_key(name: str, known: Iterable[Key]) -> Key | None:
    """The figure meant by ``FIGURE`` or ``FIGURE:ID``; the beginning of its name is enough.

    >>> keys = [Key("plant", "", "throughput_per_h"), Key("work_unit", "M-1", "oee")]
    >>> figure_key("throughput", keys).figure, figure_key("oee:M-1", keys).kind
    ('throughput_per_h', 'work_unit')
    """
    wanted, _, id = name.partition(":")
    same = [k for k in known if k.id == id and k.figure.startswith(wanted)]
    exact = [k for k in same if k.figure == wanted]
    found = exact or same
    return found[0] if wanted and len({k.figure for k in found}) == 1 else None
