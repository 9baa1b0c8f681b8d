"""Where time, pieces and money are lost: every kind of loss by work unit, the largest first.

Hours are always counted. Money is counted only at rates that the plant or the caller gives: parts
and fees of failures, tasks and setups, and energy at a price. Labour, material and the margin of
pieces not made have no rate in a plant file and are not in it; an hour at the bottleneck is an hour
of the whole plant, which is said beside it instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twin.calibration.activity import Activity, UnitActivity
from twin.calibration.cycle_times import cycle_time_estimates
from twin.calibration.estimates import ParameterEstimate
from twin.model.plant import Processing, Product, State, WorkUnit

KINDS = (
    "failure", "maintenance", "setup", "start-up", "blocked", "waiting", "micro-stops", "slow",
    "scrap",
)  # fmt: skip
IDLE = ("waiting", "blocked")
"""No loss by themselves where a unit has time to spare; they count where the bottleneck waits."""
STOPS: tuple[tuple[str, tuple[State, ...]], ...] = (
    ("failure", ("down", "repair")), ("maintenance", ("maintenance",)), ("setup", ("setup",)),
    ("start-up", ("startup",)), ("blocked", ("blocked",)),
)  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """All losses of one unit of one kind and for one reason."""

    work_unit: str
    kind: str
    """One of :data:`KINDS`."""
    reason: str
    """Failure mode, task, or product of scrap; empty where the kind says it all."""
    hours: float
    """Of the unit's time."""
    count: int
    """Stops, lots or pieces."""
    counted: str
    """What count counts."""
    parts: float
    """Parts and fees at the plant's rates [currency]."""
    energy: float
    """Energy drawn meanwhile at the price given [currency]; 0 without a price."""
    at_bottleneck: bool
    share: float = 0.0
    """Of the hours of all losses but those of :data:`IDLE` away from the bottleneck."""

    @property
    def cost(self) -> float:
        """What has a rate [currency]."""
        return self.parts + self.energy

    @property
    def is_counted(self) -> bool:
        """Whether its hours are lost for sure: a unit with time to spare may wait."""
        return self.kind not in IDLE or self.at_bottleneck


@dataclass(frozen=True)
class Losses:
    """Losses of a log, the largest first."""

    rows: tuple[Loss, ...]
    bottleneck: str
    """The unit busy for the largest share of its shifts; empty where no states say so."""
    busy_share: float
    price_per_kwh: float | None
    counted: str
    """What the money is made of, in words."""
    currency: str = ""
    """Of the money, as the plant file names it."""

    def by_kind(self) -> list[tuple[str, float, float]]:
        """Kind, hours and money of the losses that count, the largest first."""
        sums: dict[str, tuple[float, float]] = {}
        for row in self.rows:
            if row.is_counted:
                hours, cost = sums.get(row.kind, (0.0, 0.0))
                sums[row.kind] = hours + row.hours, cost + row.cost
        found = [(kind, hours, cost) for kind, (hours, cost) in sums.items()]
        return sorted(found, key=lambda f: (-f[1], f[0]))

    def to_rows(self) -> list[dict[str, object]]:
        return [{**vars(r), "cost": r.cost, "is_counted": r.is_counted} for r in self.rows]


NO_LOSSES = Losses((), "", 0.0, None, "")


def losses_of(activity: Activity, price_per_kwh: float | None = None) -> Losses:
    """Every loss that the log shows, ranked by hours (money cannot rank what has no rate)."""
    bottleneck, busy = bottleneck_of(activity)
    price = price_per_kwh or 0.0
    paces = _paces(activity)
    found = [
        loss
        for unit in activity.plant.work_units
        for loss in _of_unit(activity, unit, paces.get(unit.id, []), price)
        if loss.hours > 0 or loss.cost > 0
    ]
    found = [replace(loss, at_bottleneck=loss.work_unit == bottleneck) for loss in found]
    total = sum(loss.hours for loss in found if loss.is_counted)
    shared = [
        replace(loss, share=loss.hours / total if total and loss.is_counted else 0.0)
        for loss in found
    ]
    shared.sort(key=lambda r: (not r.is_counted, -r.hours, r.work_unit, r.kind, r.reason))
    energy = (
        f", energy at {price_per_kwh:.3g} {activity.plant.currency}/kWh"
        if price_per_kwh else ""
    )  # fmt: skip
    counted = (
        f"money is parts and fees of the plant file{energy}; labour, material and lost margin "
        "have no rate and are not in it"
    )
    return Losses(
        tuple(shared), bottleneck, busy, price_per_kwh, counted, activity.plant.currency
    )  # fmt: skip


def bottleneck_of(activity: Activity) -> tuple[str, float]:
    """The unit whose shifts are fullest of work, setups and stops, and how full."""
    best = ("", 0.0)
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        shifts = activity.open_time[unit.id]
        opened = shifts.working_minutes(0, activity.minutes)
        if states is None or opened <= 0:
            continue
        inside = shifts.minutes_before(states.ends) - shifts.minutes_before(states.starts)
        busy = states.states.isin(["working", "setup", "startup", "down", "repair", "maintenance"])
        share = float(inside[busy.to_numpy(dtype=bool)].sum()) / opened
        best = max(best, (unit.id, share), key=lambda found: found[1])
    return best


def _paces(activity: Activity) -> dict[str, list[ParameterEstimate]]:
    """Cycle times and micro-stops of each unit, where a nominal time is given to compare with."""
    found: dict[str, list[ParameterEstimate]] = {}
    for estimate in cycle_time_estimates(activity):
        found.setdefault(estimate.work_unit, []).append(estimate)
    return found


def _of_unit(
    activity: Activity, unit: WorkUnit, paces: list[ParameterEstimate], price: float
) -> Iterator[Loss]:
    states = activity.units.get(unit.id)
    lots = activity.lots[activity.lots["work_unit"] == unit.id]
    if states is not None:
        yield from _stops(unit, states, price)
        yield _waiting(activity, unit, states, price)
    kw = unit.power_kw.of("working")
    yield from _micro_stops(unit, lots, paces, kw * price)
    yield from _slow(activity, unit, lots, paces, kw * price)
    yield from _scrap(unit, lots, kw * price)


def _stops(unit: WorkUnit, states: UnitActivity, price: float) -> Iterator[Loss]:
    for kind, group in STOPS:
        stops = states.episodes(group)
        if kind == "setup":
            stops["reason"] = ""
        for reason, rows in stops.groupby("reason", sort=True):
            hours = float(rows["minutes"].sum()) / 60
            parts = len(rows) * cost_of_one(unit, group[0], str(reason))
            energy = hours * unit.power_kw.of(group[0]) * price
            yield Loss(
                unit.id, kind, str(reason), hours, len(rows), "stops", parts, energy, False
            )  # fmt: skip


def cost_of_one(unit: WorkUnit, state: str, reason: str) -> float:
    """Parts and fees of one stop at the plant's rates [currency]."""
    if state == "down":
        return sum(m.cost for m in unit.failure_modes if m.id == reason)
    if state == "maintenance":
        return sum(t.cost for t in unit.maintenance if t.id == reason)
    return unit.setup.cost if state == "setup" and unit.setup else 0.0


def _waiting(activity: Activity, unit: WorkUnit, states: UnitActivity, price: float) -> Loss:
    """Standing still within its shifts, on or off, without a stop to blame."""
    opened = activity.open_time[unit.id]
    hours = {}
    for state in ("standby", "off"):
        stays = states.states.eq(state).to_numpy(dtype=bool)
        begin, end = states.starts[stays], states.ends[stays]
        hours[state] = float((opened.minutes_before(end) - opened.minutes_before(begin)).sum()) / 60
    energy = price * sum(hours[s] * unit.power_kw.of(s) for s in ("standby", "off"))
    count = int(states.states.isin(["standby"]).sum())
    return Loss(
        unit.id, "waiting", "", sum(hours.values()), count, "stays", 0.0, energy, False
    )  # fmt: skip


def _micro_stops(
    unit: WorkUnit, lots: pd.DataFrame, paces: list[ParameterEstimate], money_per_h: float
) -> Iterator[Loss]:
    for e in paces:
        length = e.parameters.get("minutes", 0.0)
        if e.quantity == "micro_stop" and length > 0:
            made = int((lots["operation"] == e.key).sum())
            hours = made * e.value * length / 60
            yield Loss(
                unit.id, "micro-stops", e.key, hours, round(made * e.value), "lots", 0.0,
                hours * money_per_h, False,
            )  # fmt: skip


def _slow(
    activity: Activity, unit: WorkUnit, lots: pd.DataFrame, paces: list[ParameterEstimate],
    money_per_h: float,
) -> Iterator[Loss]:  # fmt: skip
    """Plain cycles longer than the plant file's, over the pieces that were made."""
    products = {p.id: p for p in activity.plant.products}
    for e in paces:
        if e.quantity != "processing_time" or not e.nominal:
            continue
        operation, _, key = e.key.partition("/")
        row = next((r for r in unit.processing if r.operation == operation), None)
        made = lots[lots["operation"] == operation]
        if row is None:
            continue
        mine = [id for id, p in products.items() if key in (id, p.family)]
        made = made[made["product"].isin(mine)]
        plain = _plain_mean(e)
        low, high = (bound * plain / e.value for bound in (e.low, e.high))
        hours = (plain - e.nominal) * _units_of(made, row, products) / 60
        if hours > 0 and not low <= e.nominal <= high:
            yield Loss(
                unit.id, "slow", e.key, hours, len(made), "lots", 0.0, hours * money_per_h, False
            )  # fmt: skip


def _plain_mean(e: ParameterEstimate) -> float:
    """Mean cycle without micro-stops, where the estimate tells it apart."""
    if "median" not in e.parameters:
        return e.value
    return e.parameters["median"] * float(np.exp(e.parameters.get("sigma", 0.0) ** 2 / 2))


def _units_of(made: pd.DataFrame, row: Processing, products: dict[str, Product]) -> float:
    """Pieces, kg, loads or lots of some lots, in what the row counts its time by."""
    if row.basis == "piece":
        return float(made["pieces"].sum())
    if row.basis == "kg":
        grams = made["product"].map({id: p.piece_mass_g for id, p in products.items()})
        return float((made["pieces"] * grams).sum()) / 1000
    return float(len(made))


def _scrap(unit: WorkUnit, lots: pd.DataFrame, money_per_h: float) -> Iterator[Loss]:
    """Time spent on pieces that were scrapped, at the pace of their own lots."""
    made = lots[(lots["scrap"] > 0) & (lots["pieces"] > 0)]
    for product, rows in made.groupby("product", sort=True):
        hours = float((rows["working"] * rows["scrap"] / rows["pieces"]).sum()) / 60
        yield Loss(
            unit.id, "scrap", str(product), hours, round(float(rows["scrap"].sum())), "pieces",
            0.0, hours * money_per_h, False,
        )  # fmt: skip
