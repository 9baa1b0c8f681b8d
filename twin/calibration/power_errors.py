"""How surely least squares know the power of each state: the jackknife over stretches of time.

Readings close in time err together, so whole stretches are left out in turn (Tukey 1958; CR3 of
Cameron and Miller 2015, J. Human Resources 50). States visited in few stretches get Student's t
with as many degrees of freedom as stretches carry them (Satterthwaite 1946, Biometrics Bulletin 2).

Rounding is an error of its own kind: two readings of the same states are rounded the same way, so
it does not average out over them. It counts once for each set of readings alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from twin.model.horizon import Array

STRETCHES = 100
"""Stretches at most."""
LEAST_STRETCH = 8
"""Readings in a stretch at least."""
LEAST_FREEDOM = 2.0
TWO_STEPS = 0.26
"""Readings in two neighbouring steps vary by no more [steps²]."""
ALIKE = 0.02
"""Readings whose expected values differ by less than so many steps are alike."""


@dataclass(frozen=True)
class PowerErrors:
    """Errors of (S,) powers."""

    centre: Array
    """Solution without the bound at zero."""
    reach: Array
    """Half-width of the 95 % interval around it."""
    correlation: Array


@dataclass(frozen=True)
class Rounding:
    """How (N,) readings were rounded."""

    reading: Array
    """[steps]"""
    expected: Array
    """Energy that the fit expects [steps]."""
    step: Array
    """Length of a step, weighed as the readings."""


def power_errors(
    x: Array, y: Array, nominal: Array, spread: Array, rounding: Rounding | None = None
) -> PowerErrors:
    """Errors of the ridge regression of y (N,) on x (N, S), all weighed to a deviation of 1.

    Parameters
    ----------
    spread
        (S,) deviation of the prior around the nominal power [kW].
    """
    prior = np.diag(1 / spread**2)
    gram, moment = x.T @ x + prior, x.T @ y + nominal / spread**2
    bread = np.linalg.inv(gram)
    centre = bread @ moment
    stretch = _stretches(len(y))
    away = _leave_out(x, y, gram, moment, stretch) - centre
    count = len(away)
    sampled = (count - 1) / count * away.T @ away
    lean = bread @ prior @ bread
    rounded = _rounded(x @ bread, rounding) if rounding else np.zeros_like(bread)
    covariance = sampled + lean + rounded
    share = np.add.reduceat((x @ bread) ** 2, np.flatnonzero(np.diff(stretch, prepend=-1)))
    freedom = share.sum(axis=0) ** 2 / np.maximum((share**2).sum(axis=0), 1e-300)
    quantile = stats.t.ppf(0.975, np.maximum(freedom, LEAST_FREEDOM))
    normal = float(stats.norm.ppf(0.975))
    reach = np.sqrt(quantile**2 * np.diag(sampled) + normal**2 * (np.diag(lean) + np.diag(rounded)))
    error = np.sqrt(np.diag(covariance))
    return PowerErrors(centre, reach, covariance / np.outer(error, error))


def _stretches(n: int) -> NDArray[np.int_]:
    """(N,) number of the stretch of each reading."""
    length = max(LEAST_STRETCH, -(-n // STRETCHES))
    return np.arange(n) // length


def _leave_out(x: Array, y: Array, gram: Array, moment: Array, stretch: NDArray[np.int_]) -> Array:
    """(B, S) solutions without each stretch in turn."""
    found = []
    for b in range(int(stretch[-1]) + 1):
        mine = stretch == b
        found.append(np.linalg.solve(gram - x[mine].T @ x[mine], moment - x[mine].T @ y[mine]))
    return np.array(found)


def _rounded(influence: Array, rounding: Rounding) -> Array:
    """(S, S) covariance from rounding, which readings alike share.

    A deviation of d steps around what is expected shakes readings over the steps, and the mean of
    rounded values is then off by at most exp(−2π² d²)/π steps (Widrow and Kollár 2008, Quantization
    Noise, on Sheppard's corrections). Readings in no more than two steps show no such d: the energy
    may lie anywhere in one, or hardly scatter around the edge between two.
    """
    alike = np.unique(np.round(rounding.expected / ALIKE), return_inverse=True)[1].ravel()
    count = np.bincount(alike)
    mean = np.bincount(alike, rounding.reading) / count
    variance = np.bincount(alike, (rounding.reading - mean[alike]) ** 2) / count
    shaken = 2 / np.pi * np.exp(-2 * np.pi**2 * np.maximum(variance - 1 / 12, 0.0))
    left = np.where(variance > TWO_STEPS, shaken, 1.0)
    pooled = np.zeros((len(count), influence.shape[1]))
    np.add.at(pooled, alike, influence * (rounding.step * left[alike] / np.sqrt(12))[:, None])
    found: Array = pooled.T @ pooled
    return found
