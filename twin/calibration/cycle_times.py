"""Processing times from lots: working time of a lot, divided by what was in it.

Stoppages are not work: minutes down, off shift, blocked or starved lie outside the working state
and do not count; short stops hidden inside it show as lots far above the median and are taken out,
with the share of time they took in the note.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from twin.calibration.activity import Activity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.robust import (
    KEPT_WITHIN,
    LEAST_SPREAD,
    cv_of,
    is_typical,
    lognormal_mean,
    median_deviation,
    sigma_interval,
    sigma_of,
)
from twin.model.plant import Processing, Product, WorkUnit, by_product

OWN_SPREAD_FROM = 30
"""With so many lots a family shows its own spread; with fewer it borrows that of its operation."""
TRANSIT_FROM = 3
"""First lots needed to tell the transit from the work."""


def cycle_time_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Processing time, its spread and the transit of every (work unit, operation) with lots."""
    products = {p.id: p for p in activity.plant.products}
    by_row = dict(iter(activity.lots.groupby(["work_unit", "operation"], sort=False)))
    for unit in activity.plant.work_units:
        for row in unit.processing:
            lots = by_row.get((unit.id, row.operation))
            if lots is not None:
                note = "" if activity.has_working_states(unit.id) else _REPORTS_ONLY
                yield from _of_row(unit, row, measured(lots, row, products), note)


_REPORTS_ONLY = (
    "no working states: open time between start and end of the reports; "
    "time shared by overlapping reports is split between them"
)


def time_key(table: dict[str, float], product: Product) -> str:
    """The finest key that a table by product, family or "*" can be refined with for a product."""
    return product.id if product.id in table else product.family


def measured(lots: pd.DataFrame, row: Processing, products: dict[str, Product]) -> pd.DataFrame:
    """Lots a row speaks of, with ``key``, ``amount`` in its basis and working time above zero."""
    can = {id for id, p in products.items() if by_product(row.time, p) is not None}
    lots = lots[lots["product"].isin(can) & (lots["working"] > 0)].copy()
    lots["key"] = lots["product"].map({id: time_key(row.time, products[id]) for id in can})
    mass = lots["product"].map({id: p.piece_mass_g for id, p in products.items()}) / 1000
    if row.basis in ("load", "order"):
        lots["amount"] = 1.0
    else:
        lots["amount"] = lots["pieces"] * (mass if row.basis == "kg" else 1.0)
    return lots[lots["amount"] > 0]


def _of_row(
    unit: WorkUnit, row: Processing, lots: pd.DataFrame, note: str
) -> Iterator[ParameterEstimate]:
    if lots.empty:
        return
    if row.transit > 0:
        transit, transit_note = _transit(unit, row, lots)
        yield from transit
        lots = _without_transit(lots, transit[0].value if transit else row.transit)
        note = "; ".join(filter(None, [note, transit_note]))
    if lots.empty:
        return
    lots = lots.assign(log=np.log(lots["working"] / lots["amount"]))
    typical = lots.groupby("key", sort=False)["log"].transform(lambda g: is_typical(g.to_numpy()))
    kept = lots[typical.astype(bool)]
    residual = (kept["log"] - kept.groupby("key")["log"].transform("mean")).to_numpy()
    freedom = len(kept) - kept["key"].nunique()
    sigma = float(np.sqrt(residual @ residual / freedom)) if freedom > 0 else sigma_of(row.cv)
    for key, group in kept.groupby("key", sort=True):
        all_of_key = lots[lots["key"] == key]
        yield _time(unit, row, str(key), group, all_of_key, (sigma, max(freedom, 1)), note)
    if freedom > 0:
        low, high = sigma_interval(sigma, freedom)
        yield ParameterEstimate(
            "processing_cv", unit.id, row.operation, min(cv_of(sigma), 2.0),
            cv_of(low), cv_of(min(high, 5.0)), "share", len(kept), law="lognormal",
            parameters={"sigma": sigma}, nominal=row.cv,
        )  # fmt: skip


def _time(
    unit: WorkUnit, row: Processing, key: str, kept: pd.DataFrame, lots: pd.DataFrame,
    pooled: tuple[float, float], note: str,
) -> ParameterEstimate:  # fmt: skip
    logs = kept["log"].to_numpy()
    sigma, freedom = pooled
    if len(logs) >= OWN_SPREAD_FROM:
        sigma, freedom = float(logs.std(ddof=1)), len(logs) - 1
    value, low, high = lognormal_mean(float(logs.mean()), sigma, len(logs), freedom)
    stray = _stray(kept, lots, value)
    nominal = row.time.get(key)
    if nominal is None:
        nominal = row.time.get("*")
    return ParameterEstimate(
        "processing_time", unit.id, f"{row.operation}/{key}", value, low, high, f"min/{row.basis}",
        len(logs), law="lognormal",
        parameters={"median": float(np.exp(logs.mean())), "sigma": sigma}, nominal=nominal,
        note="; ".join(filter(None, [stray, note])),
    )  # fmt: skip


def _stray(kept: pd.DataFrame, lots: pd.DataFrame, value: float) -> str:
    out = lots.drop(kept.index)
    if out.empty:
        return ""
    lost = float((out["working"] - value * out["amount"]).sum() / lots["working"].sum())
    return f"{len(out)} of {len(lots)} lots left out as stray ({lost:+.1%} of the working time)"


def _transit(
    unit: WorkUnit, row: Processing, lots: pd.DataFrame
) -> tuple[list[ParameterEstimate], str]:
    """Transit as the excess of first lots over the later lots of the same key."""
    later = lots[~lots["is_first"]].copy()
    later["pace"] = later["working"] / later["amount"]
    typical = later.groupby("key", sort=False)["pace"].transform(
        lambda g: is_typical(np.log(g.to_numpy()))
    )
    pace = later[typical.astype(bool)].groupby("key")["pace"].agg(["mean", "std", "count"])
    first = lots[lots["is_first"] & lots["key"].isin(pace.index)]
    if len(first) < TRANSIT_FROM:
        told = f"{len(first)} first lots with later ones to compare"
        return [], f"transit kept at {row.transit:g} min: {told}"
    excess = (first["working"] - first["amount"] * first["key"].map(pace["mean"])).to_numpy()
    centre = np.median(excess)
    spread = median_deviation(excess - centre)
    kept = np.abs(excess - centre) <= KEPT_WITHIN * max(spread, LEAST_SPREAD * row.transit)
    # The pace of a key is itself an estimate, and the same error sits in all its first lots.
    weight = first[kept].groupby("key")["amount"].sum() / kept.sum()
    doubt = (weight * pace["std"].fillna(0.0) / np.sqrt(pace["count"])).dropna()
    value, freedom = float(excess[kept].mean()), int(kept.sum()) - 1
    error = np.sqrt(excess[kept].var(ddof=1) / kept.sum() + float((doubt**2).sum()))
    reach = float(stats.t.ppf(0.975, freedom)) * float(error)
    found = ParameterEstimate(
        "transit", unit.id, row.operation, max(value, 0.0), max(value - reach, 0.0),
        max(value + reach, 0.0), "min", int(kept.sum()), nominal=row.transit,
        note="excess of first lots over later lots",
    )  # fmt: skip
    return [found], ""


def _without_transit(lots: pd.DataFrame, transit: float) -> pd.DataFrame:
    """Later lots as they are; first lots less the transit only where a key has no others."""
    with_later = set(lots.loc[~lots["is_first"], "key"])
    lots = lots[~lots["is_first"] | ~lots["key"].isin(with_later)].copy()
    lots["working"] -= np.where(lots["is_first"], transit, 0.0)
    return lots[lots["working"] > 0]


def with_cycle_times(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its processing times, spreads and transits put in."""
    rows = []
    for row in unit.processing:
        update: dict[str, object] = {}
        times = dict(row.time)
        for e in estimates:
            operation, _, key = e.key.partition("/")
            if operation != row.operation:
                continue
            if e.quantity == "processing_time":
                times[key] = e.value
            elif e.quantity == "processing_cv":
                update["cv"] = min(e.value, 2.0)
            elif e.quantity == "transit":
                update["transit"] = e.value
        rows.append(row.model_copy(update={**update, "time": times}))
    return unit.model_copy(update={"processing": rows})
