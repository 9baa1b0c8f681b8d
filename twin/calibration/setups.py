"""Setup times by pair of setup keys; a pair seldom or never seen leans on those it resembles.

Which others, and how much, is told by :mod:`twin.calibration.setup_model`. What the plant file says
is used where it helps to tell pairs apart, and left where it does not. Pairs of keys that the unit
can make but never changed between get the prediction of the model, with n = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from twin.calibration.activity import Activity, UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.robust import KEPT_WITHIN, LEAST_SPREAD, cv_of, median_deviation
from twin.calibration.setup_model import Pair, SetupModel, fit_setups, ratio_model
from twin.model.horizon import Array
from twin.model.plant import ANY, Plant, Product, SetupTable, WorkUnit, by_product, setup_key

ASSUMED_SIGMA = 0.3
"""Spread of ln(minutes) of a unit whose only setup this is, and the most that few may suggest."""
ALIKE = 4.0
"""Visits that the assumption is worth that all pairs of a unit differ from nominal alike."""
OWN_MEDIAN_FROM = 4
"""Visits from which a pair tells which of them are stray."""
MOST_KEYS = 20
"""Setup keys of a unit up to which pairs never seen are listed; beyond, they follow the ratio."""
CV_FROM = 10
"""Degrees of freedom from which the plant's spread of setups is replaced."""
PAUSES = ("off", "startup", "standby", "blocked", "down", "repair", "maintenance")
ARROW = " → "
OTHERS = f"{ANY}{ARROW}{ANY}"
"""Key of all pairs not listed, where nothing is written down for any."""


def setup_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Setup time of every pair seen and the mean ratio of every unit with setups."""
    for unit in activity.plant.work_units:
        states = activity.units.get(unit.id)
        if unit.setup is None or states is None:
            continue
        seen = setups_of(activity.plant, unit, states)
        yield from _of_unit(activity.plant, unit, unit.setup, seen)


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


@dataclass(frozen=True)
class SeenVisits:
    """What the visits of a unit say, pair by pair."""

    pairs: list[Pair]
    means: Array
    counts: Array
    sigma2: float
    freedom: int
    """Visits beyond the first of each pair."""
    stray: int

    @property
    def visits(self) -> int:
        return int(self.counts.sum())


def _of_unit(
    plant: Plant, unit: WorkUnit, table: SetupTable, visits: pd.DataFrame
) -> Iterator[ParameterEstimate]:
    if visits.empty:
        return
    model, seen = fitted_setups(plant, unit, table, visits)

    def nominal(pair: Pair) -> float:
        return table.time_between(*pair)

    counts = dict(zip(seen.pairs, seen.counts, strict=True))
    for pair in [*seen.pairs, *_never_seen(plant, unit, table, counts)]:
        yield _of_pair(unit.id, pair, int(counts.get(pair, 0)), model, seen, nominal(pair))
    if any(nominal(pair) > 0 for pair in seen.pairs):
        yield _ratio(unit.id, model, seen, nominal)
    if not model.uses_nominal:
        yield _of_others(unit.id, model, seen, table.default)


def fitted_setups(
    plant: Plant, unit: WorkUnit, table: SetupTable, visits: pd.DataFrame
) -> tuple[SetupModel, SeenVisits]:
    """The model of a unit's setups, and the visits as it saw them; there is at least one."""
    families = _families(plant, unit)

    def nominal(pair: Pair) -> float:
        return table.time_between(*pair)

    seen = _by_pair(visits, nominal)
    model = fit_setups(
        seen.pairs, seen.means, seen.counts, seen.sigma2, nominal, lambda k: families.get(k, k)
    )
    return model, seen


def _families(plant: Plant, unit: WorkUnit) -> dict[str, str]:
    """Family of each setup key: that of its products, where they have one."""
    found: dict[str, set[str]] = {}
    for product in plant.products:
        found.setdefault(setup_key(unit, product), set()).add(product.family)
    return {key: families.pop() for key, families in found.items() if len(families) == 1}


def _never_seen(
    plant: Plant, unit: WorkUnit, table: SetupTable, seen: Collection[Pair]
) -> Iterator[Pair]:
    """Pairs of keys the unit can make, but those that are written down to need no setup."""
    can = [p for p in plant.products if any(_makes(row.time, p) for row in unit.processing)]
    keys = sorted({setup_key(unit, p) for p in can} - {""})
    if len(keys) > MOST_KEYS:
        return
    has_times = table.default > 0 or any(
        t > 0 for row in table.times.values() for t in row.values()
    )
    for pair in permutations(keys, 2):
        if pair not in seen and (table.time_between(*pair) > 0 or not has_times):
            yield pair


def _makes(times: dict[str, float], product: Product) -> bool:
    return by_product(times, product) is not None


def _by_pair(visits: pd.DataFrame, nominal: Callable[[Pair], float]) -> SeenVisits:
    """Means of the logarithms without strays."""
    pairs = list(zip(visits["before"], visits["after"], strict=True))
    logs = np.log(visits["minutes"].to_numpy(float))
    written = np.array([math.log(t) if (t := nominal(p)) > 0 else np.nan for p in pairs])
    typical = 0.0 if np.isnan(written).all() else float(np.nanmean(written))
    ratios = logs - np.where(np.isnan(written), typical, written)
    table = pd.DataFrame({"pair": pairs, "log": logs, "ratio": ratios})
    kept = table[_is_usual(table)]
    groups = kept.groupby("pair", sort=True)["log"]
    means, counts = groups.mean(), groups.count()
    within = float(((kept["log"] - groups.transform("mean")) ** 2).sum())
    freedom = len(kept) - len(counts)
    # Where hardly any pair was seen twice, the spread counts as luck, not as the pair's nature.
    overall = float(kept["ratio"].var(ddof=1)) if len(kept) > 1 else ASSUMED_SIGMA**2
    assumed = min(overall, ASSUMED_SIGMA**2)
    if freedom >= CV_FROM:
        assumed = min(assumed, within / freedom)
    sigma2 = max((within + ALIKE * assumed) / (freedom + ALIKE), 1e-8)
    return SeenVisits(
        list(means.index), means.to_numpy(float), counts.to_numpy().astype(float),
        sigma2, freedom,
        len(table) - len(kept),
    )  # fmt: skip


def _is_usual(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Visits near the median of their pair or, where it has few, near that of all pairs."""
    groups = table.groupby("pair")["log"]
    n = groups.transform("count").to_numpy(float)
    own = n >= OWN_MEDIAN_FROM
    usual = np.ones(len(table), dtype=bool)
    apart = (table["log"] - groups.transform("median")).to_numpy()
    if own.sum() >= 2 * OWN_MEDIAN_FROM:
        # Deviations from the median of a few are smaller than from the truth.
        scale = max(median_deviation((apart * np.sqrt(n / (n - 1 + (n < 2))))[own]), LEAST_SPREAD)
        usual[own] = np.abs(apart[own]) <= KEPT_WITHIN * scale
    else:
        own[:] = False
    if len(table) >= 5:
        apart = table["ratio"].to_numpy() - float(table["ratio"].median())
        scale = max(median_deviation(apart), LEAST_SPREAD)
        usual[~own] = (np.abs(apart) <= KEPT_WITHIN * scale)[~own]
    return usual


def _of_pair(
    unit: str, pair: Pair, n: int, model: SetupModel, seen: SeenVisits, nominal: float
) -> ParameterEstimate:
    mean, variance, weight = model.predict(pair)
    value, low, high = _interval(mean, variance, seen, n)
    note = "never seen: from the setups it resembles"
    if n:
        note = f"own visits weigh {weight:.0%}, the setups it resembles the rest"
    if not model.uses_nominal and nominal > 0:
        note += "; what is written down does not help to tell the unit's setups apart"
    return ParameterEstimate(
        "setup_time", unit, ARROW.join(pair), value, low, high, "min", n, law="lognormal",
        parameters={
            "median": value / math.exp(seen.sigma2 / 2), "sigma": math.sqrt(seen.sigma2),
        },
        nominal=nominal, note=note,
    )  # fmt: skip


def _interval(mean: float, variance: float, seen: SeenVisits, n: int) -> tuple[float, float, float]:
    """exp(mean + σ²/2) and its interval; the fewer visits a pair has, the more it rests on how
    much pairs differ, which as many pairs tell."""
    freedom = max(seen.freedom if n >= 3 else len(seen.pairs) - 1, 3)
    error = math.sqrt(variance + seen.sigma2**2 / (2 * (seen.freedom + ALIKE)))
    reach = float(stats.t.ppf(0.975, freedom)) * error
    centre = mean + seen.sigma2 / 2
    return math.exp(centre), math.exp(centre - reach), math.exp(centre + reach)


def _ratio(
    unit: str, model: SetupModel, seen: SeenVisits, nominal: Callable[[Pair], float]
) -> ParameterEstimate:
    ratios = ratio_model(model, seen.means, seen.counts, seen.sigma2, nominal)
    value, low, high = _interval(*ratios.unseen, seen, 0)
    stray = f"{seen.stray} stray setups left out" if seen.stray else ""
    return ParameterEstimate(
        "setup_ratio", unit, ANY, value, low, high, "× nominal", seen.visits, nominal=1.0,
        note="; ".join(filter(None, ["of a pair that resembles none of those seen", stray])),
    )  # fmt: skip


def _of_others(unit: str, model: SetupModel, seen: SeenVisits, nominal: float) -> ParameterEstimate:
    """Where what is written down is of no use: the time of any pair not listed."""
    value, low, high = _interval(*model.unseen, seen, 0)
    return ParameterEstimate(
        "setup_time", unit, OTHERS, value, low, high, "min", seen.visits, law="lognormal",
        parameters={"sigma": math.sqrt(seen.sigma2)}, nominal=nominal,
        note="of a pair that resembles none of those seen",
    )  # fmt: skip


def with_setups(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its setup times put in, and their spread where enough of them were seen."""
    mine = [e for e in estimates if e.quantity in ("setup_time", "setup_ratio")]
    if unit.setup is None or not mine:
        return unit
    ratio = next((e.value for e in mine if e.quantity == "setup_ratio"), 1.0)
    times = {b: {a: t * ratio for a, t in row.items()} for b, row in unit.setup.times.items()}
    update: dict[str, object] = {"default": unit.setup.default * ratio}
    listed = [e for e in mine if e.quantity == "setup_time"]
    for e in listed:
        before, after = e.key.split(ARROW)
        if e.key == OTHERS:
            update["default"] = e.value
        else:
            times.setdefault(before, {})[after] = e.value
    seen = [e.n for e in listed if e.n and e.key != OTHERS]
    if sum(seen) - len(seen) >= CV_FROM:
        update["cv"] = min(cv_of(listed[0].parameters["sigma"]), 2.0)
    return unit.model_copy(
        update={"setup": unit.setup.model_copy(update={**update, "times": times})}
    )
