"""The figures of a plan, with intervals: what the CLI, the pages and the archive read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from twin.model.horizon import Horizon


@dataclass(frozen=True)
class Estimate:
    """A mean over replications with a two-sided interval for that mean."""

    mean: float
    low: float
    high: float
    n: int
    """Replications; 1 and low == high == mean for an exact figure."""
    level: float = 0.9


@dataclass(frozen=True)
class OrderReport:
    """One work order: what is planned and how sure it is."""

    order: str
    product: str
    quantity: int
    customer: str
    due: float
    """[min from horizon start]"""
    planned_end: float | None
    """[min]; None when the plan has no place for it."""
    on_time: Estimate | None
    """Probability of being on time, with a Wilson interval; None where nothing is known yet: due
    after the horizon, and not complete inside it."""
    completion_p10: float | None
    """10th percentile of the simulated completion [min]; None where it does not end."""
    completion_p50: float | None
    completion_p90: float | None


@dataclass(frozen=True)
class UnitReport:
    """One work unit over the horizon: ISO 22400 indicators and energy, means over replications."""

    work_unit: str
    state_minutes: dict[str, float]
    availability: float | None
    """A = APT / PBT; None without planned busy time."""
    effectiveness: float | None
    """E = PRI·PQ / APT."""
    quality_ratio: float | None
    """QR = GQ / PQ."""
    oee: float | None
    energy_kwh: float
    failures: float


@dataclass(frozen=True)
class Report:
    """Everything known about one plan on the stochastic twin.

    ``figures`` has an :class:`Estimate` for every field of :class:`twin.model.schedule.Value` (and
    ``total_cost``), ``orders_on_time`` (not late by the horizon's end), ``good_pieces``,
    ``failures``, ``tardiness_h`` (weighted).
    """

    name: str
    horizon: Horizon
    currency: str
    engine: str
    """Which simulator ran."""
    seed: int
    replications: int
    figures: dict[str, Estimate]
    orders: tuple[OrderReport, ...]
    units: tuple[UnitReport, ...]
    load_kw: tuple[float, ...] = field(default_factory=tuple)
    """(T,) mean of the site's draw in each slot, before own generation [kW]."""
    load_kw_high: tuple[float, ...] = field(default_factory=tuple)
    """(T,) 95th percentile over replications [kW]."""

    def to_json(self) -> str:
        content = {**asdict(self), "horizon": self.horizon.to_dict()}
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Report:
        content: dict[str, Any] = json.loads(text)
        orders = [
            OrderReport(**{**o, "on_time": o["on_time"] and Estimate(**o["on_time"])})
            for o in content["orders"]
        ]
        return Report(
            **{
                **content,
                "horizon": Horizon.from_dict(content["horizon"]),
                "figures": {k: Estimate(**v) for k, v in content["figures"].items()},
                "orders": tuple(orders),
                "units": tuple(UnitReport(**u) for u in content["units"]),
                "load_kw": tuple(content["load_kw"]),
                "load_kw_high": tuple(content["load_kw_high"]),
            }
        )
