"""Laws of a working time as calibration fits them: density, distribution and its integral.

A law is fitted by two unconstrained numbers θ = (location, spread): the logarithm of its median,
mean or scale, and that of its sigma or shape. The integral of the distribution, ∫₀ˣ F, is what the
likelihood of rounded stamps needs (:mod:`twin.calibration.binned`); it equals x F(x) − E[T; T ≤ x].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from twin.model.horizon import Array

Theta = tuple[float, float]
Curve = Callable[[Array, Theta], Array]
LEAST = 1e-300
"""Times and densities are held above this before their logarithm is taken."""
STEEPEST = 700.0
"""Largest exponent taken."""


@dataclass(frozen=True)
class TimeLaw:
    """One family of laws."""

    name: str
    """As in :mod:`twin.model.laws`."""
    free: int
    """Parameters that are fitted."""
    density: Curve
    cumulative: Curve
    mean_below: Curve
    """E[T; T ≤ x]."""
    parameters: Callable[[Theta], dict[str, float]]
    """By the names of :mod:`twin.model.laws`."""
    mean: Callable[[Theta], float]
    start: Callable[[float, float], Theta]
    """θ from the mean and the standard deviation of the logarithms."""
    slopes: Callable[[Array, float, float], tuple[Array, Array]]
    """Derivatives of F by that mean, and by the logarithm of that standard deviation."""

    def integral(self, x: Array, theta: Theta) -> Array:
        """∫ F from 0 to x; 0 below."""
        x = np.maximum(x, 0.0)
        return x * self.cumulative(x, theta) - self.mean_below(x, theta)

    def cv(self, theta: Theta) -> float:
        """Coefficient of variation."""
        return _CV[self.name](theta)


def _log(x: Array) -> Array:
    return np.log(np.maximum(x, LEAST))


# --- lognormal: θ = (ln median, ln sigma) ---


def _lognormal_density(x: Array, theta: Theta) -> Array:
    sigma = math.exp(theta[1])
    z = (_log(x) - theta[0]) / sigma
    return np.exp(-0.5 * z * z) / (np.maximum(x, LEAST) * sigma * math.sqrt(2 * math.pi))


def _lognormal_cumulative(x: Array, theta: Theta) -> Array:
    found: Array = special.ndtr((_log(x) - theta[0]) / math.exp(theta[1]))
    return found


def _lognormal_mean(theta: Theta) -> float:
    return math.exp(theta[0] + math.exp(2 * theta[1]) / 2)


def _lognormal_below(x: Array, theta: Theta) -> Array:
    sigma = math.exp(theta[1])
    found: Array = special.ndtr((_log(x) - theta[0]) / sigma - sigma)
    return _lognormal_mean(theta) * found


# --- gamma: θ = (ln mean, ln shape) ---


def _gamma_density(x: Array, theta: Theta) -> Array:
    shape = math.exp(theta[1])
    scale = math.exp(theta[0]) / shape
    logs = (shape - 1) * _log(x / scale) - x / scale - special.gammaln(shape) - math.log(scale)
    return np.where(x > 0, np.exp(logs), 0.0)


def _gamma_cumulative(x: Array, theta: Theta) -> Array:
    shape = math.exp(theta[1])
    found: Array = special.gammainc(shape, np.maximum(x, 0.0) * shape / math.exp(theta[0]))
    return found


def _gamma_below(x: Array, theta: Theta) -> Array:
    shape, mean = math.exp(theta[1]), math.exp(theta[0])
    found: Array = special.gammainc(shape + 1, np.maximum(x, 0.0) * shape / mean)
    return mean * found


# --- Weibull: θ = (ln scale, ln shape) ---


def _weibull_hazard(x: Array, theta: Theta) -> Array:
    """Cumulative hazard (x/η)^β."""
    return np.exp(np.minimum(math.exp(theta[1]) * (_log(x) - theta[0]), STEEPEST))


def _weibull_density(x: Array, theta: Theta) -> Array:
    hazard = _weibull_hazard(x, theta)
    rate = math.exp(theta[1]) * hazard / np.maximum(x, LEAST)
    return np.where(x > 0, rate * np.exp(-hazard), 0.0)


def _weibull_cumulative(x: Array, theta: Theta) -> Array:
    return -np.expm1(-_weibull_hazard(x, theta))


def _weibull_mean(theta: Theta) -> float:
    return math.exp(theta[0]) * math.gamma(1 + math.exp(-theta[1]))


def _weibull_below(x: Array, theta: Theta) -> Array:
    found: Array = special.gammainc(1 + math.exp(-theta[1]), _weibull_hazard(x, theta))
    return _weibull_mean(theta) * found


def _weibull_start(mean_log: float, sigma: float) -> Theta:
    shape = math.pi / math.sqrt(6) / sigma
    return mean_log + float(np.euler_gamma) / shape, math.log(shape)


def _lognormal_slopes(x: Array, mean_log: float, sigma: float) -> tuple[Array, Array]:
    z = (_log(x) - mean_log) / sigma
    bell = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return -bell / sigma, -bell * z


def _weibull_slopes(x: Array, mean_log: float, sigma: float) -> tuple[Array, Array]:
    theta = _weibull_start(mean_log, sigma)
    shape = math.exp(theta[1])
    hazard = _weibull_hazard(x, theta)
    falling = hazard * np.exp(-hazard)
    by_scale = -shape * falling
    by_shape = falling * np.log(np.maximum(hazard, LEAST))
    return by_scale, by_scale * float(np.euler_gamma) / shape - by_shape


def _gamma_start(mean_log: float, sigma: float) -> Theta:
    return mean_log + sigma**2 / 2, -2 * math.log(sigma)


def _gamma_slopes(x: Array, mean_log: float, sigma: float) -> tuple[Array, Array]:
    step = 1e-4
    wide = _gamma_cumulative(x, _gamma_start(mean_log, sigma * math.exp(step)))
    narrow = _gamma_cumulative(x, _gamma_start(mean_log, sigma * math.exp(-step)))
    by_mean = -x * _gamma_density(x, _gamma_start(mean_log, sigma))
    return by_mean, (wide - narrow) / (2 * step)


def _exponential_slopes(x: Array, mean_log: float, sigma: float) -> tuple[Array, Array]:
    by_mean = -x * _gamma_density(x, (mean_log + float(np.euler_gamma), 0.0))
    return by_mean, np.zeros_like(by_mean)


LOGNORMAL = TimeLaw(
    "lognormal", 2, _lognormal_density, _lognormal_cumulative, _lognormal_below,
    lambda theta: {"median": math.exp(theta[0]), "sigma": math.exp(theta[1])},
    _lognormal_mean,
    lambda mean_log, sigma: (mean_log, math.log(sigma)),
    _lognormal_slopes,
)  # fmt: skip
GAMMA = TimeLaw(
    "gamma", 2, _gamma_density, _gamma_cumulative, _gamma_below,
    lambda theta: {"shape": math.exp(theta[1]), "scale": math.exp(theta[0] - theta[1])},
    lambda theta: math.exp(theta[0]),
    _gamma_start,
    _gamma_slopes,
)  # fmt: skip
WEIBULL = TimeLaw(
    "weibull", 2, _weibull_density, _weibull_cumulative, _weibull_below,
    lambda theta: {"shape": math.exp(theta[1]), "scale": math.exp(theta[0])},
    _weibull_mean,
    _weibull_start,
    _weibull_slopes,
)  # fmt: skip
EXPONENTIAL = TimeLaw(
    "exponential", 1,
    lambda x, theta: _gamma_density(x, (theta[0], 0.0)),
    lambda x, theta: _gamma_cumulative(x, (theta[0], 0.0)),
    lambda x, theta: _gamma_below(x, (theta[0], 0.0)),
    lambda theta: {"scale": math.exp(theta[0])},
    lambda theta: math.exp(theta[0]),
    lambda mean_log, sigma: (mean_log + float(np.euler_gamma), 0.0),
    _exponential_slopes,
)  # fmt: skip
LAWS = {law.name: law for law in (LOGNORMAL, GAMMA, WEIBULL, EXPONENTIAL)}


def _weibull_cv(theta: Theta) -> float:
    inverse = math.exp(-theta[1])
    log_ratio = math.lgamma(1 + 2 * inverse) - 2 * math.lgamma(1 + inverse)
    return math.sqrt(math.expm1(max(log_ratio, 0.0)))


_CV: dict[str, Callable[[Theta], float]] = {
    "lognormal": lambda theta: math.sqrt(math.expm1(math.exp(2 * theta[1]))),
    "gamma": lambda theta: math.exp(-theta[1] / 2),
    "weibull": _weibull_cv,
    "exponential": lambda theta: 1.0,
}
