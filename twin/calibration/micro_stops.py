"""Short stops that hide in working time: a second component above the plain times.

A lot without a stop takes its plain time, ln x = μ_key + σ ε; one with a stop takes longer by δ on
average, with the wider spread τ. Shares and spreads come from the EM algorithm (Dempster, Laird &
Rubin 1977, J. R. Stat. Soc. B 39) with the rounding of the stamps as a known variance v of each
logarithm. The second component stays only if it earns its three parameters (Schwarz's criterion,
with a margin) and stands clear of the plain times; otherwise lots far off are strays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.calibration.robust import LEAST_SPREAD, is_typical, median_deviation
from twin.model.horizon import Array

Integers = NDArray[np.intp]

LEAST_LOTS = 20
LEAST_STOPS = 2.5
"""Expected lots with a stop; fewer are strays."""
CLEAR_BY = 1.5
"""Spreads of the plain time by which a stop must lengthen a lot on average."""
LARGEST_SHARE = 0.3
MARGIN = 6.0
"""What Schwarz's criterion must gain."""
LONGEST = 20.0
"""A lot that takes longer than so many plain ones was forgotten, not stopped for short."""
LEAST_PLAIN = 0.5
"""Expected plain lots below which a key keeps the centre it had."""
ROUNDS = 500
SETTLED = 1e-7


@dataclass(frozen=True)
class Split:
    """Lots told apart: plain ones, ones with a stop, and strays."""

    centre: Array
    """(K,) mean logarithm of plain times by key."""
    sigma: float
    """Of plain times, all keys together."""
    is_kept: NDArray[np.bool_]
    """(N,) lots that are no strays."""
    plain: Array
    """(N,) probability that a lot had no stop; 0 for strays."""
    share: float = 0.0
    """Of lots with a stop."""
    shift: float = 0.0
    """δ."""
    spread: float = 0.0
    """τ."""

    @property
    def has_stops(self) -> bool:
        return self.share > 0


def split_lots(logs: Array, keys: Integers, noise: Array) -> Split:
    """Tell plain lots from those with a stop.

    Parameters
    ----------
    logs, keys, noise : (N,)
        ln of the time per piece; number of the key, all of 0 … K − 1 present; variance of the
        logarithm from rounding.
    """
    centre = _medians(logs, keys)
    rest = logs - centre[keys]
    if len(logs) >= LEAST_LOTS:
        mad = max(median_deviation(rest), LEAST_SPREAD)
        kept = (rest >= -max(4 * mad, 0.03)) & (rest <= math.log(LONGEST))
        found = _mixture(logs, keys, noise, kept, mad)
        if found is not None:
            return found
    return _without_stops(logs, keys, noise)


def _medians(logs: Array, keys: Integers) -> Array:
    """By key; the lower of the two middle ones, as a stop only lengthens."""
    return np.array(
        [np.quantile(logs[keys == k], 0.5, method="lower") for k in range(keys.max() + 1)]
    )


def _without_stops(logs: Array, keys: Integers, noise: Array) -> Split:
    kept = np.zeros(len(logs), dtype=bool)
    for k in range(keys.max() + 1):
        kept[keys == k] = is_typical(logs[keys == k])
    plain = kept.astype(float)
    centre = _means(logs, keys, plain)
    return Split(centre, _spread(logs - centre[keys], plain, noise, len(centre)), kept, plain)


def _means(logs: Array, keys: Integers, weights: Array) -> Array:
    total = np.bincount(keys, weights)
    means: Array = np.bincount(keys, weights * logs) / np.maximum(total, 1e-12)
    return means


def _spread(rest: Array, plain: Array, noise: Array, keys: int) -> float:
    """Standard deviation of plain times without their rounding, for so many fitted locations."""
    freedom = plain.sum() - keys
    if freedom <= 0:
        return 0.0
    total = float(plain @ rest**2) / freedom
    known = float(plain @ noise) / plain.sum()
    return math.sqrt(max(total - known, (0.1 * LEAST_SPREAD) ** 2))


def _mixture(
    logs: Array, keys: Integers, noise: Array, kept: NDArray[np.bool_], mad: float
) -> Split | None:
    """The two components, or None if the second does not earn its place."""
    y, k, v = logs[kept], keys[kept], noise[kept]
    if len(y) < LEAST_LOTS or len(np.unique(k)) <= keys.max():
        return None
    centre = _medians(y, k)
    rest = y - centre[k]
    above = rest > 3 * mad
    if above.sum() < LEAST_STOPS:
        return None
    sigma2 = max(mad**2 - float(v.mean()), (0.3 * mad) ** 2)
    share, shift = float(above.mean()), float(rest[above].mean())
    tau2 = max(float(rest[above].var()), sigma2)
    plain = np.ones(len(y))
    for _ in range(ROUNDS):
        ordinary = (1 - share) * _normal(rest, sigma2 + v)
        stopped = share * _normal(rest - shift, tau2 + v)
        plain = ordinary / np.maximum(ordinary + stopped, 1e-300)
        before = (share, shift, sigma2)
        is_told = np.bincount(k, plain) > LEAST_PLAIN
        centre = np.where(is_told, _means(y, k, plain / (sigma2 + v)), centre)
        rest = y - centre[k]
        held = sigma2 / (sigma2 + v)
        freedom = max(plain.sum() - len(centre), 1.0)
        sigma2 = float(plain @ (held**2 * rest**2 + held * v)) / float(freedom)
        hidden = 1 - plain
        share = float(hidden.mean())
        if not LEAST_STOPS / len(y) <= share <= LARGEST_SHARE:
            return None
        shift = float(hidden @ rest) / float(hidden.sum())
        tau2 = float(hidden @ (rest - shift) ** 2) / float(hidden.sum()) - float(v.mean())
        tau2 = max(tau2, sigma2)
        now = (share, shift, sigma2)
        if max(abs(a - b) / (abs(b) + 1e-9) for a, b in zip(now, before, strict=True)) < SETTLED:
            break
    gain = 2 * (_log_mixture(rest, v, share, shift, sigma2, tau2) - _log_normal(y, k))
    is_clear = shift >= CLEAR_BY * math.sqrt(sigma2 + float(v.mean()))
    if not is_clear or gain < 3 * math.log(len(y)) + MARGIN:
        return None
    probability = np.zeros(len(logs))
    probability[kept] = plain
    return Split(centre, math.sqrt(sigma2), kept, probability, share, shift, math.sqrt(tau2))


def _log_mixture(
    rest: Array, noise: Array, share: float, shift: float, sigma2: float, tau2: float
) -> float:
    density = (1 - share) * _normal(rest, sigma2 + noise)
    density = density + share * _normal(rest - shift, tau2 + noise)
    return float(np.log(np.maximum(density, 1e-300)).sum())


def _log_normal(y: Array, keys: Integers) -> float:
    """Log-likelihood of one component for all lots."""
    centre = _means(y, keys, np.ones(len(y)))
    variance = max(float(((y - centre[keys]) ** 2).mean()), 1e-12)
    return float(np.log(np.maximum(_normal(y - centre[keys], np.array(variance)), 1e-300)).sum())


def _normal(deviation: Array, variance: Array) -> Array:
    return np.exp(-0.5 * deviation**2 / variance) / np.sqrt(2 * math.pi * variance)
