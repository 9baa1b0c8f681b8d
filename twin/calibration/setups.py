"""Setup times by pair of setup keys; a pair seldom seen leans on its work unit's other setups.

Each setup is compared with its nominal time: r = ln(observed/nominal). Pairs differ from the unit's
mean ratio with variance τ², visits of one pair with variance σ²; a pair visited n times is believed
with weight nτ²/(nτ² + σ²), the unit's mean with the rest (Efron & Morris 1975, JASA 70). Pairs
never seen, and the table's default, take the unit's mean ratio.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from twin.calibration.activity import Activity, UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.robust import is_typical
from twin.model.plant import Plant, SetupTable, WorkUnit, setup_key

ASSUMED_SIGMA = 0.3
"""Spread of ln(observed/nominal) of a unit whose only setup this is."""
ALIKE = 4.0
"""Visits that the assumption is worth that all pairs of a unit differ from nominal alike."""
PAUSES = ("off", "startup", "standby", "blocked", "down", "repair", "maintenance")
ARROW = " → "


def setup_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Setup time of every pair seen and the mean ratio of every unit with setups."""
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        if unit.setup is None or states is None:
            continue
        seen = setups_of(activity.plant, unit, states)
        yield from _of_unit(unit.id, unit.setup, seen)


def setups_of(plant: Plant, unit: WorkUnit, states: UnitActivity) -> pd.DataFrame:
    """Finished setups with ``before``, ``after``, ``minutes``; pauses inside are not counted.

    The key before is that of the work or setup before; a setup from an unknown key is left out.
    """
    keys = {p.id: setup_key(unit, p) for p in plant.products}
    found = states.episodes(["setup"], through=PAUSES)
    found["after"] = (
        found["reason"].where(found["reason"] != "", found["product"].map(keys)).fillna("")
    )
    worked = states.products.map(keys).where(states.states.eq("working"))
    marks = states.reasons.where(states.states.eq("setup"), worked)
    before = marks.where(marks != "").ffill().shift(1)
    found["before"] = before.iloc[found["first"]].to_numpy()
    is_known = found["before"].notna() & found["after"].ne("") & (found["before"] != found["after"])
    return found[is_known & ~found["is_open"] & (found["minutes"] > 0)]


def _of_unit(unit: str, table: SetupTable, seen: pd.DataFrame) -> Iterator[ParameterEstimate]:
    if seen.empty:
        return
    seen = seen.assign(
        nominal=[
            table.time_between(b, a) for b, a in zip(seen["before"], seen["after"], strict=True)
        ]
    )
    seen = seen[seen["nominal"] > 0]
    if seen.empty:
        return
    seen = seen.assign(log=np.log(seen["minutes"] / seen["nominal"]))
    kept = seen[is_typical(seen["log"].to_numpy()).astype(bool)] if len(seen) >= 5 else seen
    pairs = kept.groupby(["before", "after"], sort=True)["log"].agg(["mean", "count"])
    sigma2, tau2, mu, mu_var = _variances(kept, pairs)
    freedom = max(len(kept) - len(pairs), 3)
    reach = float(stats.t.ppf(0.975, freedom))
    stray = f"{len(seen) - len(kept)} stray setups left out" if len(seen) > len(kept) else ""
    for before, after, mean, n in pairs.reset_index().itertuples(index=False):
        weight = n * tau2 / (n * tau2 + sigma2)
        centre = weight * mean + (1 - weight) * mu + sigma2 / 2
        error = math.sqrt(weight * sigma2 / n + (1 - weight) ** 2 * mu_var)
        nominal = table.time_between(before, after)
        value, low, high = (nominal * math.exp(centre + d * reach * error) for d in (0, -1, 1))
        yield ParameterEstimate(
            "setup_time", unit, f"{before}{ARROW}{after}", value, low, high, "min", int(n),
            law="lognormal", parameters={"sigma": math.sqrt(sigma2)}, nominal=nominal,
            note=f"own visits weigh {weight:.0%}, the unit's mean ratio the rest",
        )  # fmt: skip
    error = math.sqrt(mu_var + tau2)
    value, low, high = (math.exp(mu + sigma2 / 2 + d * reach * error) for d in (0, -1, 1))
    yield ParameterEstimate(
        "setup_ratio", unit, "*", value, low, high, "× nominal", len(kept), nominal=1.0,
        note="; ".join(filter(None, ["applied to pairs never seen", stray])),
    )  # fmt: skip


def _variances(kept: pd.DataFrame, pairs: pd.DataFrame) -> tuple[float, float, float, float]:
    """σ² within pairs, τ² between them (method of moments, DerSimonian & Laird 1986), the mean
    ratio's log and its variance."""
    within = kept["log"] - kept.groupby(["before", "after"])["log"].transform("mean")
    overall = float(kept["log"].var(ddof=1)) if len(kept) > 1 else ASSUMED_SIGMA**2
    freedom = len(kept) - len(pairs)
    # Where hardly any pair was seen twice, the spread counts as luck, not as the pair's nature.
    sigma2 = float((within**2).sum() + ALIKE * overall) / (freedom + ALIKE)
    sigma2 = max(sigma2, 1e-8)
    n, means = pairs["count"].to_numpy(float), pairs["mean"].to_numpy(float)
    grand = float(n @ means / n.sum())
    room = n.sum() - (n**2).sum() / n.sum()
    tau2 = 0.0
    if len(pairs) > 1 and room > 0:
        tau2 = max((float(n @ (means - grand) ** 2) - sigma2 * (len(pairs) - 1)) / float(room), 0.0)
    weights = 1 / (tau2 + sigma2 / n)
    return sigma2, tau2, float(weights @ means / weights.sum()), float(1 / weights.sum())


def with_setups(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its setup times put in."""
    ratio = next((e.value for e in estimates if e.quantity == "setup_ratio"), None)
    if unit.setup is None or ratio is None:
        return unit
    times = {b: {a: t * ratio for a, t in row.items()} for b, row in unit.setup.times.items()}
    for e in estimates:
        if e.quantity == "setup_time":
            before, after = e.key.split(ARROW)
            times.setdefault(before, {})[after] = e.value
    update = {"times": times, "default": unit.setup.default * ratio}
    return unit.model_copy(update={"setup": unit.setup.model_copy(update=update)})
