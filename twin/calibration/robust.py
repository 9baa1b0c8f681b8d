"""Means of positive durations that survive stray values, with intervals for few observations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from twin.model.horizon import Array

LEVEL = 0.95
KEPT_WITHIN = 4.0
"""Durations further than this many MAD-deviations from the median (of logs) are no plain work."""
LEAST_SPREAD = 0.005
"""Deviation of logs assumed at least when looking for stray values: minute stamps may have none."""


def is_typical(logs: Array) -> NDArray[np.bool_]:
    """Mask of values within the median ± 4 MAD, the MAD scaled to a standard deviation."""
    centre = np.median(logs)
    spread = max(median_deviation(logs - centre), LEAST_SPREAD)
    mask: NDArray[np.bool_] = np.abs(logs - centre) <= KEPT_WITHIN * spread
    return mask


def median_deviation(residuals: Array) -> float:
    """Standard deviation of most of the residuals: their median size, scaled as for a normal."""
    return float(np.median(np.abs(residuals)) / stats.norm.ppf(0.75))


def lognormal_mean(
    mean_log: float, sigma: float, n: float, freedom: float, level: float = LEVEL,
    noise: float = 0.0,
) -> tuple[float, float, float]:  # fmt: skip
    """Mean of a lognormal with its interval: exp(ȳ + s²/2 ± t √(s²/n + s⁴/2ν)).

    Cox's interval with Student's t, which keeps its level for few observations (Olsson 2005,
    J. Statistics Education 13). ν is the degrees of freedom of s. Rounding of known variance
    ``noise`` widens what was seen of each logarithm, and so both terms, but not the law.
    """
    centre = mean_log + sigma**2 / 2
    seen = sigma**2 + noise
    error = math.sqrt(seen / n + seen**2 / (2 * freedom))
    reach = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return math.exp(centre), math.exp(centre - reach), math.exp(centre + reach)


def sigma_interval(
    sigma: float, freedom: float, level: float = LEVEL, noise: float = 0.0
) -> tuple[float, float]:
    """χ² interval of a standard deviation, seen through rounding of known variance ``noise``."""
    seen = sigma**2 + noise
    low, high = (
        max(seen * freedom / q - noise, 0.0)
        for q in stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], freedom)
    )
    return math.sqrt(low), math.sqrt(high)


def cv_of(sigma: float) -> float:
    """Coefficient of variation of a lognormal: √(exp σ² − 1)."""
    return math.sqrt(math.expm1(sigma**2))


def sigma_of(cv: float) -> float:
    """Inverse of :func:`cv_of`."""
    return math.sqrt(math.log1p(cv**2))
