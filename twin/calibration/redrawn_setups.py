"""Setup times of one unit, drawn anew together.

Given its variances, the model of :mod:`~twin.calibration.setup_model` errs normally, with a
covariance that is known: pairs that lean on the same visits err together. From this the predictions
of all pairs are drawn at once, studentised as their intervals are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from twin.calibration.activity import UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.redrawn import WIDEST, Luck, Redrawn, by_interval
from twin.calibration.setup_model import Pair, SetupModel
from twin.calibration.setups import ALIKE, ARROW, OTHERS, fitted_setups, setups_of
from twin.model.horizon import Array
from twin.model.plant import Plant, WorkUnit

Row = tuple[ParameterEstimate, Redrawn]
OWN_FROM = 3
"""Visits from which the interval of a pair rests on the spread of visits, not of pairs."""


def redraw_setups(
    plant: Plant, unit: WorkUnit, states: UnitActivity, estimates: Sequence[ParameterEstimate],
    luck: Luck,
) -> Iterator[Row]:  # fmt: skip
    """Setup times of all pairs, and the ratio of those not listed."""
    listed = [e for e in estimates if _is_listed(e)]
    others = [e for e in estimates if not _is_listed(e)]
    yield from ((e, by_interval(e, luck.of(e.quantity, e.key))) for e in others)
    visits = setups_of(plant, unit, states)
    if unit.setup is None or visits.empty or not listed:
        return
    model, seen = fitted_setups(plant, unit, unit.setup, visits)
    own = max(seen.freedom, 3)
    among = max(len(seen.pairs) - 1, 3)
    spread2 = seen.sigma2 * luck.chi_squares("spread", seen.freedom + ALIKE)
    moved = errors(model, [pair_of(e) for e in listed], luck)
    scales = {f: 1 / np.sqrt(luck.chi_squares(f"scale {f}", f)) for f in {own, among}}
    for k, e in enumerate(listed):
        scale = scales[own if e.n >= OWN_FROM else among]
        away = np.clip(moved[:, k] * np.minimum(scale, 2.0), -WIDEST, WIDEST)
        values = e.value * np.exp(away + (spread2 - seen.sigma2) / 2)
        sigmas = np.sqrt(spread2)
        yield e, Redrawn(values, {"sigma": sigmas, "median": values / np.exp(spread2 / 2)})


def _is_listed(e: ParameterEstimate) -> bool:
    return e.quantity == "setup_time" and e.key != OTHERS


def pair_of(e: ParameterEstimate) -> Pair:
    before, after = e.key.split(ARROW)
    return before, after


def errors(model: SetupModel, pairs: Sequence[Pair], luck: Luck) -> Array:
    """(B, P) errors of the mean logarithms of some pairs."""
    covariance = model.covariance(pairs)
    least = 1e-9 * float(np.trace(covariance)) + 1e-15
    root = np.linalg.cholesky(covariance + least * np.eye(len(pairs)))
    found: Array = luck.normals("error", len(pairs)) @ root.T
    return found
