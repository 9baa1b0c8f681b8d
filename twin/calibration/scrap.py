"""Scrap shares: beta-binomial, with lots as the unit of luck.

Pieces of one lot share their fate (a worn tool, a cold furnace), so there are fewer of them than it
seems: counts are divided by the dispersion φ = Pearson χ²/(L − 1) of the lots before they meet the
prior.
The prior has the nominal share as its mean and weighs half a scrapped piece.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from twin.calibration.activity import LOT_KEY, Activity
from twin.calibration.cycle_times import time_key
from twin.calibration.estimates import ParameterEstimate
from twin.model.horizon import Array
from twin.model.plant import ANY, WorkUnit, by_product

PRIOR_SCRAP = 0.5
"""Scrapped pieces that the prior is worth."""
HIGHEST = 0.99


def scrap_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Scrap share of every (work unit, product or family) with lots."""
    products = {p.id: p for p in activity.plant.products}
    lots = activity.lots[activity.lots["pieces"] > 0]
    lots = lots[lots["product"].isin([*products, ""])]
    by_unit = dict(iter(_with_verdicts(activity, lots).groupby("work_unit", sort=False)))
    for unit in activity.plant.work_units:
        rows = by_unit.get(unit.id)
        if rows is None:
            continue
        # A log that names no products speaks of all of them.
        keys = {p: time_key(unit.scrap, products[p]) for p in rows["product"].unique() if p}
        keys[""] = ANY
        for key, group in rows.groupby(rows["product"].map(keys), sort=True):
            made = products.get(group["product"].iloc[0])
            nominal = by_product(unit.scrap, made) if made else unit.scrap.get(ANY)
            if nominal is not None or group["scrap"].sum() > 0:
                yield _of_key(unit, str(key), group, nominal)


def _with_verdicts(activity: Activity, lots: pd.DataFrame) -> pd.DataFrame:
    """Lots of inspecting units that report their scrap only as verdicts, taken from those."""
    inspecting = {u.id for u in activity.plant.work_units if u.inspects}
    silent = inspecting - set(lots.loc[lots["scrap"] > 0, "work_unit"])
    verdicts = activity.log.of_kind("verdict")
    verdicts = verdicts[verdicts["work_unit"].isin(silent) & (verdicts["scrap"] > 0)]
    if verdicts.empty:
        return lots
    failed = verdicts.groupby(LOT_KEY)["scrap"].sum().rename("failed")
    joined = lots.join(failed, on=LOT_KEY)
    scrap = joined["failed"].where(joined["failed"].notna(), joined["scrap"])
    return lots.assign(scrap=np.minimum(scrap, lots["pieces"]))


def _of_key(
    unit: WorkUnit, key: str, lots: pd.DataFrame, nominal: float | None
) -> ParameterEstimate:
    pieces, scrapped = lots["pieces"].to_numpy(float), lots["scrap"].to_numpy(float)
    phi = dispersion(pieces, scrapped)
    value, low, high = lots_share(pieces, scrapped, nominal or 0.0)
    return ParameterEstimate(
        "scrap", unit.id, key, min(value, HIGHEST), low, high, "share", int(pieces.sum()),
        law="beta",
        fit=f"{len(lots)} lots, dispersion {phi:.2f}", nominal=nominal or 0.0,
        note=f"{scrapped.sum():.0f} scrapped",
    )  # fmt: skip


def lots_share(pieces: Array, scrapped: Array, nominal: float) -> tuple[float, float, float]:
    """Scrap share of some lots and its 95 % credible interval, :func:`scrap_share` of the lots'
    effective numbers."""
    phi = dispersion(pieces, scrapped)
    return scrap_share(pieces.sum() / phi, scrapped.sum() / phi, nominal)


def dispersion(pieces: Array, scrapped: Array) -> float:
    """φ: variance between lots over that of independent pieces; at least 1."""
    share = scrapped.sum() / pieces.sum()
    if len(pieces) < 2 or not 0 < share < 1:
        return 1.0
    chi2 = float(((scrapped - share * pieces) ** 2 / (pieces * share * (1 - share))).sum())
    return max(chi2 / (len(pieces) - 1), 1.0)


def scrap_share(pieces: float, scrapped: float, nominal: float) -> tuple[float, float, float]:
    """Posterior mean and 95 % credible interval of a scrap share."""
    a = PRIOR_SCRAP + scrapped
    rest = PRIOR_SCRAP * (1 - nominal) / nominal if nominal > 0 else PRIOR_SCRAP
    b = rest + pieces - scrapped
    low, high = stats.beta.ppf([0.025, 0.975], a, b)
    return float(a / (a + b)), float(low), float(high)


def with_scrap(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its scrap shares put in."""
    found = {e.key: e.value for e in estimates if e.quantity == "scrap"}
    return unit.model_copy(update={"scrap": {**unit.scrap, **found}}) if found else unit
