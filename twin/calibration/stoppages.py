"""Where time is lost: hours by work unit and reason, the longest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from twin.calibration.activity import Activity
from twin.model.plant import WorkUnit

STOPS = (("down", "repair"), ("maintenance",), ("setup",), ("startup",), ("blocked",))
"""States in which a unit cannot work; those in one group are one stop."""


@dataclass(frozen=True)
class Stoppage:
    """All stops of one unit for one reason."""

    work_unit: str
    state: str
    reason: str
    """Failure mode or task; empty where the state says it all."""
    hours: float
    count: int
    share: float
    """Of the hours of all stoppages."""
    cost: float
    """Parts, labour and first-off scrap at the plant's rates, beside the time [currency]."""


def stoppages_of(activity: Activity) -> list[Stoppage]:
    """Stoppages ranked by hours."""
    found = [s for unit in activity.plant.work_units for s in _of_unit(activity, unit)]
    total = sum(s.hours for s in found)
    ranked = sorted(found, key=lambda s: (-s.hours, s.work_unit, s.state, s.reason))
    return [replace(s, share=s.hours / total if total else 0.0) for s in ranked]


def _of_unit(activity: Activity, unit: WorkUnit) -> Iterator[Stoppage]:
    states = activity.units.get(unit.id)
    if states is None:
        return
    for group in STOPS:
        stops = states.episodes(group)
        if group == ("setup",):
            stops["reason"] = ""
        for reason, rows in stops.groupby("reason", sort=True):
            hours, count = float(rows["minutes"].sum() / 60), len(rows)
            cost = count * cost_of_one(unit, group[0], str(reason))
            yield Stoppage(unit.id, group[0], str(reason), hours, count, 0.0, cost)


def cost_of_one(unit: WorkUnit, state: str, reason: str) -> float:
    if state == "down":
        return sum(m.cost for m in unit.failure_modes if m.id == reason)
    if state == "maintenance":
        return sum(t.cost for t in unit.maintenance if t.id == reason)
    return unit.setup.cost if state == "setup" and unit.setup else 0.0
