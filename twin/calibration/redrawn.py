"""Estimates as they might have come out: the laws by which estimators err.

A *parametric bootstrap* draws data of the same size from the fitted law and estimates again, many
times (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, §6.5); what the estimates then
scatter is how uncertain they are. Where the scatter of the estimator is known in closed form it is
drawn at once, which is the same but for the arithmetic:

* lognormal: the mean of n logarithms is normal with variance σ²/n, and s²ν/σ² is χ² with ν degrees
  of freedom, independent of each other. The mean is *studentised*, as its interval is, so that few
  observations scatter as widely as they should.
* exponential: the mean of n lives is gamma with shape n.
* shares: the beta posterior, told by its mean and the width of its interval.

Weibull and gamma laws are drawn and fitted anew. Every function returns (B,) arrays, one element
for each plant drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import numpy as np
from scipy import special

from twin.calibration.estimates import ParameterEstimate
from twin.calibration.life_laws import LawName, mean_of
from twin.calibration.many_lives import fit_weibull_many
from twin.model.horizon import Array

NORMAL_95 = float(special.ndtri(0.975))
LEAST_FREEDOM = 4
"""Degrees of freedom below which tails are not made heavier still."""
TAIL = 0.005
"""Of studentised draws, cut off at each end: with four degrees of freedom these are no news any
more but would be one machine in a hundred that never stops."""
WIDEST = 6.0
"""Logarithm by which nothing is drawn away further from its estimate."""
LARGEST_SHARE = 0.99


@dataclass(frozen=True)
class Luck:
    """Random numbers by name: those of one estimate do not depend on what else is drawn, nor those
    of one plant on how many are."""

    seed: int
    draws: int
    """B."""
    name: str = ""

    def of(self, *names: str) -> Luck:
        """The luck of something named."""
        return replace(self, name="/".join(filter(None, (self.name, *names))))

    def stream(self, purpose: str) -> np.random.Generator:
        words = f"{self.name}/{purpose}".encode()
        return np.random.default_rng([self.seed, len(words), *words])

    def normals(self, purpose: str, columns: int) -> Array:
        """(B, columns) standard normal."""
        return self.stream(purpose).standard_normal((self.draws, columns))

    def chi_squares(self, purpose: str, freedom: float) -> Array:
        """(B,) χ² over its degrees of freedom: mean 1."""
        return self.stream(purpose).chisquare(freedom, self.draws) / freedom

    def students(self, purpose: str, freedom: float) -> Array:
        """(B,) Student's t, without its outermost tails."""
        level = np.clip(self.stream(purpose).random(self.draws), TAIL, 1 - TAIL)
        found: Array = special.stdtrit(max(freedom, LEAST_FREEDOM), level)
        return found


@dataclass(frozen=True)
class Redrawn:
    """One estimate, drawn B times."""

    values: Array
    parameters: Mapping[str, Array] = field(default_factory=dict)
    """Those that change."""

    def estimates(self, first: ParameterEstimate) -> Iterator[ParameterEstimate]:
        """The estimate as it came out each time."""
        same, names = vars(first), tuple(self.parameters)
        # Built anew and not by dataclasses.replace, which takes three times as long.
        rows = zip(*(self.parameters[name].tolist() for name in names), strict=True)
        for value, row in zip_longest(self.values.tolist(), rows, fillvalue=()):
            parameters = {**first.parameters, **dict(zip(names, row, strict=True))}
            yield ParameterEstimate(**{**same, "value": value, "parameters": parameters})


def by_interval(estimate: ParameterEstimate, luck: Luck) -> Redrawn:
    """An estimate of which nothing but its interval is known: lognormal, or normal if that reaches
    down to 0. A law is stretched with its mean."""
    z = np.clip(luck.normals("interval", 1)[:, 0], -3.0, 3.0)
    if estimate.low > 0:
        ratio = np.exp(z * np.log(estimate.high / estimate.low) / (2 * NORMAL_95))
        return stretched(estimate, np.clip(ratio, np.exp(-WIDEST), np.exp(WIDEST)))
    moved = estimate.value + z * (estimate.high - estimate.low) / (2 * NORMAL_95)
    return Redrawn(np.maximum(moved, 0.0))


def stretched(estimate: ParameterEstimate, ratio: Array) -> Redrawn:
    """The value times a ratio, and with it the parameters of its law that are times."""
    grow = {name: x for name, x in estimate.parameters.items() if name in TIMES}
    return Redrawn(estimate.value * ratio, {name: x * ratio for name, x in grow.items()})


TIMES = ("scale", "median", "value")
"""Parameters of laws that grow with their mean."""


def share(estimate: ParameterEstimate, luck: Luck) -> Redrawn:
    """A share with a beta posterior."""
    if not estimate.high > estimate.low:
        return Redrawn(np.full(luck.draws, estimate.value))
    a, b = beta_of(estimate.value, estimate.high - estimate.low)
    drawn = luck.stream("share").beta(a, b, luck.draws)
    return Redrawn(np.clip(drawn, 0.0, LARGEST_SHARE))


def way(estimate: ParameterEstimate, luck: Luck) -> Redrawn:
    """The share of one of several ways, before all of them are brought to a sum of 1.

    Gamma variables of one scale, over their sum, are the Dirichlet law whose margins are beta.
    """
    if not estimate.high > estimate.low:
        return Redrawn(np.full(luck.draws, estimate.value))
    a, b = beta_of(estimate.value, estimate.high - estimate.low)
    return Redrawn(luck.stream("way").gamma(a, 1 / (a + b), luck.draws))


def beta_of(mean: float, width: float) -> tuple[float, float]:
    """The beta law with a mean and so wide a 95 % interval.

    >>> low, high = special.betaincinv(2.0, 98.0, [0.025, 0.975])
    >>> [round(x, 6) for x in beta_of(0.02, float(high - low))]
    [2.0, 98.0]
    """
    mean = min(max(mean, 1e-9), 1 - 1e-9)
    worth = mean * (1 - mean) * (2 * NORMAL_95 / width) ** 2
    for _ in range(60):
        low, high = special.betaincinv(mean * worth, (1 - mean) * worth, [0.025, 0.975])
        new = worth * float((high - low) / width) ** 2
        if abs(new / worth - 1) < 1e-9:
            break
        worth = new
    return mean * worth, (1 - mean) * worth


def law_of(estimate: ParameterEstimate, freedom: float, luck: Luck) -> Redrawn:
    """A law of whole times, fitted to ``estimate.n`` of them.

    Parameters
    ----------
    freedom
        Of the spread of a lognormal law.
    """
    n, p = estimate.n, estimate.parameters
    if estimate.law == "lognormal" and freedom >= 1:
        return _lognormal(p["median"], p["sigma"], freedom, luck, _spread_of_centre(estimate))
    if n >= 2 and estimate.law == "exponential":
        return stretched(estimate, luck.stream("mean").gamma(n, 1 / n, luck.draws))
    if n >= 3 and estimate.law == "weibull":
        return _weibull(p["shape"], p["scale"], n, luck)
    if n >= 3 and estimate.law == "gamma":
        return _gamma(p["shape"], p["scale"], n, luck)
    return by_interval(estimate, luck)


def _spread_of_centre(estimate: ParameterEstimate) -> float:
    """Standard error of the mean logarithm."""
    return estimate.parameters["sigma"] / float(np.sqrt(max(estimate.n, 1)))


def _lognormal(median: float, sigma: float, freedom: float, luck: Luck, error: float) -> Redrawn:
    moved = np.clip(luck.students("centre", freedom) * error, -WIDEST, WIDEST)
    sigmas = sigma * np.sqrt(luck.chi_squares("spread", freedom))
    medians = median * np.exp(moved)
    return Redrawn(medians * np.exp(sigmas**2 / 2), {"median": medians, "sigma": sigmas})


def _weibull(shape: float, scale: float, n: int, luck: Luck) -> Redrawn:
    lives = scale * luck.stream("lives").weibull(shape, (luck.draws, n))
    shapes, scales = fit_weibull_many(np.maximum(lives, 1e-12 * scale), np.ones_like(lives))
    return Redrawn(
        means("weibull", {"shape": shapes, "scale": scales}), {"shape": shapes, "scale": scales}
    )


def _gamma(shape: float, scale: float, n: int, luck: Luck) -> Redrawn:
    lives = np.maximum(luck.stream("lives").gamma(shape, scale, (luck.draws, n)), 1e-12 * scale)
    mean = lives.mean(axis=1)
    shapes = _gamma_shapes(np.log(mean) - np.log(lives).mean(axis=1))
    return Redrawn(mean, {"shape": shapes, "scale": mean / shapes})


def _gamma_shapes(gap: Array) -> Array:
    """Shape k of the gamma law of highest likelihood: ln k − ψ(k) = ln x̄ − mean of ln x.

    Newton's steps in 1/k from Minka's start (Estimating a Gamma distribution, 2002).
    """
    gap = np.maximum(gap, 1e-9)
    k = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(8):
        k = 1 / (
            1 / k
            + (np.log(k) - special.digamma(k) - gap) / (k**2 * (1 / k - special.polygamma(1, k)))
        )
    found: Array = k
    return found


def means(law: LawName, parameters: Mapping[str, Array]) -> Array:
    """(B,) means of a law with (B,) parameters."""
    names = list(parameters)
    rows = zip(*(parameters[name].tolist() for name in names), strict=True)
    return np.array([mean_of(law, dict(zip(names, row, strict=True))) for row in rows])
