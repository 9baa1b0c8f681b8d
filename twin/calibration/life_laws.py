"""Laws of a life as the likelihood sees them: log density and log survival at many ages at once.

A law has a position on the whole plane, which lets an optimiser walk freely: the logarithm of its
time, and the logarithm of what gives its form. :mod:`twin.model.laws` has the same laws as a plant
writes them, one age at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from twin.model.horizon import Array

LawName = Literal["exponential", "weibull", "lognormal", "gamma"]
LAWS: tuple[LawName, ...] = ("exponential", "weibull", "lognormal", "gamma")

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
_TINY = 1e-300
_LARGEST_SHAPE = 1e5
_LARGEST_EXPONENT = 300.0
"""Its power can be squared and is still a number."""


@dataclass(frozen=True)
class LifeLaw:
    """One family; positions are (ln time, form), the second missing for the exponential."""

    name: LawName
    free: int
    """Number of parameters."""
    log_density: Callable[[Array, Array], Array]
    """ln f at ages above 0 and a position."""
    log_survival: Callable[[Array, Array], Array]
    """ln S at ages from 0 on and a position."""
    names: tuple[str, ...]
    """Of the parameters in :mod:`twin.model.laws`; each is the exponential of a coordinate."""

    def parameters(self, position: Array) -> dict[str, float]:
        return {n: math.exp(float(x)) for n, x in zip(self.names, position, strict=True)}

    def position(self, parameters: dict[str, float]) -> Array:
        """Inverse of :meth:`parameters`."""
        return np.array([math.log(parameters[name]) for name in self.names])


def mean_of(law: LawName, parameters: dict[str, float]) -> float:
    """Mean life; infinite beyond what a float holds."""
    try:
        if law == "weibull":
            return parameters["scale"] * math.gamma(1 + 1 / parameters["shape"])
        if law == "lognormal":
            return parameters["median"] * math.exp(parameters["sigma"] ** 2 / 2)
    except OverflowError:
        return math.inf
    return parameters["scale"] * parameters.get("shape", 1.0)


def time_at_mean(law: LawName, mean: float, form: float) -> float:
    """Coordinate ln time of the law with a mean, given its form coordinate."""
    if law == "weibull":
        return math.log(mean) - math.lgamma(1 + math.exp(-form))
    if law == "lognormal":
        return math.log(mean) - math.exp(2 * form) / 2
    return math.log(mean) - (form if law == "gamma" else 0.0)


def _log(ages: Array) -> Array:
    """ln of ages, −∞ at 0."""
    with np.errstate(divide="ignore"):
        result: Array = np.log(ages)
    return result


def _weibull_density(ages: Array, position: Array) -> Array:
    shape = _exp(position[1])
    z = np.log(ages) - position[0]
    with np.errstate(over="ignore"):
        result: Array = position[1] + (shape - 1) * z - position[0] - np.exp(shape * z)
    return result


def _weibull_survival(ages: Array, position: Array) -> Array:
    with np.errstate(over="ignore"):
        result: Array = -np.exp(_exp(position[1]) * (_log(ages) - position[0]))
    return result


def _exp(x: float) -> float:
    """e^x, bounded: a search may look where it would be no number."""
    return math.exp(min(x, _LARGEST_EXPONENT))


def _exponential_density(ages: Array, position: Array) -> Array:
    result: Array = -position[0] - ages * _exp(-position[0])
    return result


def _exponential_survival(ages: Array, position: Array) -> Array:
    return -ages * _exp(-position[0])


def _lognormal_density(ages: Array, position: Array) -> Array:
    log_ages = np.log(ages)
    z = (log_ages - position[0]) * _exp(-position[1])
    result: Array = -0.5 * z * z - _HALF_LOG_TAU - position[1] - log_ages
    return result


def _lognormal_survival(ages: Array, position: Array) -> Array:
    z = (_log(ages) - position[0]) * _exp(-position[1])
    result: Array = special.log_ndtr(-z)
    return result


def _gamma_density(ages: Array, position: Array) -> Array:
    shape = min(_exp(position[1]), _LARGEST_SHAPE)
    z = ages * _exp(-position[0])
    result: Array = (shape - 1) * np.log(z) - z - special.gammaln(shape) - position[0]
    return result


def _gamma_survival(ages: Array, position: Array) -> Array:
    shape = min(_exp(position[1]), _LARGEST_SHAPE)
    tail = special.gammaincc(shape, ages * _exp(-position[0]))
    result: Array = np.log(np.maximum(tail, _TINY))
    return result


FAMILIES: dict[LawName, LifeLaw] = {
    law.name: law
    for law in (
        LifeLaw("exponential", 1, _exponential_density, _exponential_survival, ("scale",)),
        LifeLaw("weibull", 2, _weibull_density, _weibull_survival, ("scale", "shape")),
        LifeLaw("lognormal", 2, _lognormal_density, _lognormal_survival, ("median", "sigma")),
        LifeLaw("gamma", 2, _gamma_density, _gamma_survival, ("scale", "shape")),
    )
}
