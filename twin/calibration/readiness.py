"""Which conclusions a log can carry: good, weak or none, on how many observations, and what is
missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.calibration.activity import Activity
from twin.calibration.failures import mode_history
from twin.calibration.repairs import repairs_of
from twin.calibration.setups import setups_of

Verdict = Literal["good", "weak", "none"]
ENOUGH = {
    "cycle_times": 10,
    "setups": 5,
    "failures": 5,
    "repairs": 5,
    "energy": 200,
    "scrap": 10,
    "flow": 20,
}
"""Observations of one thing (a unit's operation, a unit, a mode, a plant) that count as enough."""
MOST = 0.8
"""Share of things with enough observations from which a conclusion is good."""


@dataclass(frozen=True)
class Readiness:
    """How far the log carries one conclusion."""

    verdict: Verdict
    n: int
    what: str
    """What n counts."""
    missing: str = ""
    """What would make it better; empty when good."""


def readiness_of(activity: Activity) -> dict[str, Readiness]:
    """Readiness of every conclusion, in the order of :data:`ENOUGH`."""
    return {
        "cycle_times": _cycle_times(activity),
        "setups": _setups(activity),
        "failures": _failures(activity),
        "repairs": _repairs(activity),
        "energy": _energy(activity),
        "scrap": _scrap(activity),
        "flow": _flow(activity),
    }


def judged(name: str, counts: dict[str, int], what: str, remedy: str) -> Readiness:
    """Good when most things have enough observations, weak when any has one."""
    total = sum(counts.values())
    poor = [thing for thing, n in counts.items() if n < ENOUGH[name]]
    if not counts:
        return Readiness("none", 0, what, "the plant file describes none")
    if total == 0:
        return Readiness("none", 0, what, remedy)
    shown = ", ".join(poor[:6]) + (f" and {len(poor) - 6} more" if len(poor) > 6 else "")
    missing = f"fewer than {ENOUGH[name]} for {shown}" if poor else ""
    is_good = len(poor) <= (1 - MOST) * len(counts)
    return Readiness("good" if is_good else "weak", total, what, missing)


def _cycle_times(activity: Activity) -> Readiness:
    seen = activity.lots.groupby(["work_unit", "operation"]).size().to_dict()
    counts = {
        f"{u.id} {r.operation}": int(seen.get((u.id, r.operation), 0))
        for u in activity.plant.work_units
        for r in u.processing
    }
    return judged("cycle_times", counts, "lots", "record a start and an end of every lot")


def _setups(activity: Activity) -> Readiness:
    counts = {
        u.id: len(setups_of(activity.plant, u, activity.units[u.id]))
        if u.id in activity.units
        else 0
        for u in activity.plant.work_units
        if u.setup is not None
    }
    found = judged("setups", counts, "setups between known keys", "record the state setup")
    nameless = sum(len(s.episodes(["setup"])) for s in activity.units.values())
    if found.verdict == "none" and counts and nameless:
        missing = "the product or setup key they were for"
        return Readiness("none", nameless, "setups without a key", missing)
    return found


def _failures(activity: Activity) -> Readiness:
    counts = {}
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        for mode in unit.failure_modes:
            n = mode_history(unit, mode, states).failures if states else 0
            counts[f"{unit.id} {mode.id}"] = n
    found = judged(
        "failures", counts, "failures", "record the state down or repair with its failure mode"
    )
    if counts and found.verdict == "weak":
        lacking = sum(n < ENOUGH["failures"] for n in counts.values())
        text = f"fewer than {ENOUGH['failures']} failures for {lacking} of {len(counts)} modes"
        return Readiness("weak", found.n, found.what, f"{text}; a longer log")
    return found


def _repairs(activity: Activity) -> Readiness:
    counts = {}
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        for mode in unit.failure_modes:
            counts[f"{unit.id} {mode.id}"] = len(repairs_of(mode, states).ages) if states else 0
    remedy = "none happened, or the state repair is not told from down"
    return judged("repairs", counts, "repairs", remedy)


def _energy(activity: Activity) -> Readiness:
    meters = activity.log.of_kind("meter")["work_unit"].value_counts().to_dict()
    counts = {u.id: int(meters.get(u.id, 0)) for u in activity.plant.work_units}
    found = judged(
        "energy", counts, "meter readings", "meter the work units, or trust the plant file"
    )
    if found.n and not activity.units:
        return Readiness(
            "weak", found.n, found.what, "states, to tell what the energy was used for"
        )
    return found


def _scrap(activity: Activity) -> Readiness:
    lots = activity.lots[activity.lots["pieces"] > 0]["work_unit"].value_counts().to_dict()
    counts = {u.id: int(lots.get(u.id, 0)) for u in activity.plant.work_units}
    return judged(
        "scrap", counts, "lots with pieces", "record good and scrapped pieces at each end"
    )


def _flow(activity: Activity) -> Readiness:
    table = activity.log.table
    complete = int((table["event"] == "complete").sum())
    released = int((table["event"] == "release").sum())
    routed = activity.lots.drop_duplicates(["order", "operation"])["order"].value_counts()
    n = max(complete, int((routed > 1).sum()))
    if n == 0:
        return Readiness(
            "none", 0, "orders followed", "record order numbers, release and completion"
        )
    missing = [] if released else ["no release events: when orders could have started is unknown"]
    if not complete:
        missing.append("no completion events: the last operation's end is taken for it")
    if n < ENOUGH["flow"]:
        missing.append(f"fewer than {ENOUGH['flow']} orders")
    return Readiness("weak" if missing else "good", n, "orders followed", "; ".join(missing))
