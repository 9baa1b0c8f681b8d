"""The transit of a work unit: what the first lot of an operation takes longer than later ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from twin.calibration.estimates import ParameterEstimate
from twin.calibration.robust import KEPT_WITHIN, LEAST_SPREAD, is_typical, median_deviation
from twin.model.plant import Processing, WorkUnit

TRANSIT_FROM = 3
"""First lots needed to tell the transit from the work."""


def find_transit(
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


def without_transit(lots: pd.DataFrame, transit: float) -> pd.DataFrame:
    """Later lots as they are; first lots less the transit only where a key has no others."""
    with_later = set(lots.loc[~lots["is_first"], "key"])
    lots = lots[~lots["is_first"] | ~lots["key"].isin(with_later)].copy()
    lots["working"] -= np.where(lots["is_first"], transit, 0.0)
    return lots[lots["working"] > 0]
