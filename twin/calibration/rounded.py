"""Linear regression on rounded readings: each tells only in which step the energy lay.

A reading r, rounded to steps of q, says r − q/2 ≤ y < r + q/2 of an energy y that is normal around
m = Σ_s P_s h_s with variance a² + b² m². Its likelihood is Φ((r + q/2 − m)/s) − Φ((r − q/2 − m)/s);
a reading of zero has no lower side. Plain least squares would take r for y, and be off by up to
half a step where a state fills whole intervals, each time by the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from twin.model.horizon import Array

LEAST_SCATTER = 0.03
"""Least deviation of the energies [steps]: keeps the likelihood smooth."""
LEAST_LIKELY = 1e-12
"""Likelihood below which a reading tells nothing more."""


@dataclass(frozen=True)
class RoundedFit:
    """Power that makes the rounded readings most likely."""

    kw: Array
    scatter: Array
    """(N,) standard deviation of the energy of each interval."""
    kwh: Array
    """(N,) mean energy of each interval, given the reading."""
    error: Array
    """(S,) standard error of the power, from the curvature of the likelihood; infinite where it is
    flat, as with a state that is always read as the same step."""


@dataclass(frozen=True)
class _Bins:
    """Likelihood of the (N,) readings, its slopes, and the mean energy inside each step."""

    log: Array
    by_mean: Array
    by_scatter: Array
    mean: Array


def fit_rounded(
    hours: Array, kwh: Array, step: float, start: Array, nominal: Array, spread: float
) -> RoundedFit:
    """Power of the (S,) states whose (N, S) hours explain (N,) readings rounded to a step.

    Parameters
    ----------
    start
        (S,) where the search begins [kW].
    nominal, spread
        Normal prior of the power [kW].
    """
    likelihood = _Likelihood(hours / step, kwh / step, nominal, spread)
    bounds = [*((0.0, None) for _ in start), (LEAST_SCATTER, None), (0.0, 1.0)]
    found = optimize.minimize(
        likelihood.loss, np.append(start, [0.2, 0.02]), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 300, "ftol": 1e-10},
    ).x  # fmt: skip
    scatter, bins = likelihood.at(found)
    error = likelihood.error(found)[: len(start)]
    return RoundedFit(found[:-2], scatter * step, bins.mean * step, error)


@dataclass(frozen=True)
class _Likelihood:
    """Of power (S,) and the two parts of the scatter, all energies in steps."""

    x: Array
    reading: Array
    nominal: Array
    spread: float

    def at(self, parameters: Array) -> tuple[Array, _Bins]:
        mean = self.x @ parameters[:-2]
        scatter = np.sqrt(parameters[-2] ** 2 + (parameters[-1] * mean) ** 2)
        low = np.where(self.reading > 0, self.reading - 0.5, -np.inf)
        return scatter, _bins(low, self.reading + 0.5, mean, scatter)

    def slopes(self, parameters: Array) -> Array:
        """(N, S + 2) slopes of the log likelihood of each reading."""
        kw, constant, proportional = parameters[:-2], parameters[-2], parameters[-1]
        mean = self.x @ kw
        scatter, bins = self.at(parameters)
        by_kw = bins.by_mean + bins.by_scatter * proportional**2 * mean / scatter
        by_constant = bins.by_scatter * constant / scatter
        by_proportional = bins.by_scatter * proportional * mean**2 / scatter
        return np.column_stack([self.x * by_kw[:, None], by_constant, by_proportional])

    def loss(self, parameters: Array) -> tuple[float, Array]:
        """What is least where readings and prior are likeliest, and its slope."""
        away = (parameters[:-2] - self.nominal) / self.spread
        value = float(away @ away) / 2 - float(self.at(parameters)[1].log.sum())
        slope = -self.slopes(parameters).sum(axis=0)
        slope[:-2] += away / self.spread
        return value, slope

    def error(self, parameters: Array) -> Array:
        """(S + 2,) standard errors: the larger of Fisher's and White's, infinite where flat."""
        size = 1e-4 * np.maximum(np.abs(parameters), 0.1)
        bent = np.array(
            [self.loss(parameters + d)[1] - self.loss(parameters - d)[1] for d in np.diag(size)]
        )
        hessian = bent / (2 * size[:, None])
        hessian = (hessian + hessian.T) / 2
        if np.linalg.eigvalsh(hessian)[0] <= 0:
            return np.full(len(parameters), np.inf)
        bread = np.linalg.inv(hessian)
        slopes = self.slopes(parameters)
        variance = np.maximum(np.diag(bread), np.diag(bread @ slopes.T @ slopes @ bread))
        found: Array = np.sqrt(variance)
        return found


def _bins(low: Array, high: Array, mean: Array, scatter: Array) -> _Bins:
    below, above = (low - mean) / scatter, (high - mean) / scatter
    # In the upper tail the difference of two numbers near one would be lost.
    flip = below > 0
    left, right = np.where(flip, -above, below), np.where(flip, -below, above)
    share = special.ndtr(right) - special.ndtr(left)
    is_likely = share > LEAST_LIKELY
    share = np.maximum(share, LEAST_LIKELY)
    at_low, at_high = _density(below), _density(above)
    finite = np.where(np.isfinite(below), below, 0.0)
    drop = (at_high - at_low) / share
    bend = (above * at_high - finite * at_low) / share
    # Far from its step a reading pulls as hard as a squared error would.
    towards = np.clip(mean, np.where(np.isfinite(low), low, mean), high)
    far = (towards - mean) / scatter
    by_mean = np.where(is_likely, -drop, far) / scatter
    log = np.where(is_likely, np.log(share), np.log(LEAST_LIKELY) - far**2 / 2)
    by_scatter = np.where(is_likely, -bend, far**2) / scatter
    return _Bins(log, by_mean, by_scatter, np.where(is_likely, mean - scatter * drop, towards))


def _density(z: Array) -> Array:
    found: Array = np.exp(-np.minimum(z**2, 1400.0) / 2) / np.sqrt(2 * np.pi)
    return found
