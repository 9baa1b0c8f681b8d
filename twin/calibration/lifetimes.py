"""Maximum likelihood for lives seen only in part: exponential, Weibull and lognormal, in numpy
alone.

A life that has not ended when observation ends, or that a preventive task cuts short, is
*censored*: it lasted at least so long. Leaving such lives out keeps the short ones and drops the
long ones, and understates the mean life by a third or more under preventive maintenance. A life
whose observation begins at an age above zero is *left truncated* and is compared with survivors to
that age only.

Symbols: t_i age at failure or censoring, e_i age at which observation begins, δ_i = 1 for a
failure, d = Σδ_i; β shape, η scale. References: Lawless, Statistical Models and Methods for
Lifetime Data (2003), ch. 3–5; Meeker & Escobar, Statistical Methods for Reliability Data (1998),
ch. 8 and 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import optimize, special, stats

from twin.model.horizon import Array

LawName = Literal["exponential", "weibull", "lognormal"]
SHAPES = (1e-2, 1e2)
"""Weibull shapes are sought between these."""


@dataclass(frozen=True)
class Lives:
    """Ages of like items [min]; all arrays are (n,)."""

    ages: Array
    failed: Array
    """1 for a failure, 0 for a life censored at that age."""
    entry: Array = field(default_factory=lambda: np.zeros(0))
    """Age at which observation begins; zeros when left out."""
    weight: Array = field(default_factory=lambda: np.zeros(0))
    """How many items each row stands for; ones when left out."""

    def __post_init__(self) -> None:
        n = len(self.ages)
        for name, fill in (("entry", 0.0), ("weight", 1.0)):
            if len(getattr(self, name)) != n:
                object.__setattr__(self, name, np.full(n, fill))
        if n and not (np.all(self.ages > 0) and np.all(self.entry < self.ages)):
            raise ValueError("every life is longer than zero and than the age at its entry")

    @staticmethod
    def of(failures: Sequence[float], censored: Sequence[float] = ()) -> Lives:
        """Lives that ended in failure, and lives that were still going."""
        ages = np.array([*failures, *censored], dtype=float)
        failed = np.array([1.0] * len(failures) + [0.0] * len(censored))
        return Lives(ages, failed)

    @property
    def failures(self) -> float:
        """d."""
        return float(self.weight @ self.failed)

    @property
    def exposure(self) -> float:
        """Total age accrued under observation."""
        return float(self.weight @ (self.ages - self.entry))


@dataclass(frozen=True)
class Fit:
    """A law fitted to lives."""

    law: LawName
    parameters: dict[str, float]
    """shape and scale, scale, or median and sigma."""
    loglik: float
    free: int
    """Number of parameters estimated."""
    n: float
    """Failures that carry it."""

    @property
    def aicc(self) -> float:
        """Akaike's criterion with the small-sample term, counted on failures; infinite when d is
        too small for the number of parameters."""
        room = self.n - self.free - 1
        if room <= 0:
            return math.inf
        return 2 * self.free - 2 * self.loglik + 2 * self.free * (self.free + 1) / room

    @property
    def mean(self) -> float:
        p = self.parameters
        if self.law == "exponential":
            return p["scale"]
        if self.law == "weibull":
            return p["scale"] * math.gamma(1 + 1 / p["shape"])
        return p["median"] * math.exp(p["sigma"] ** 2 / 2)


def fit_exponential(lives: Lives) -> Fit:
    """Exponential: the scale is the total age divided by the failures (Lawless eq. 4.1.3)."""
    scale = lives.exposure / _some_failures(lives)
    return Fit(
        "exponential", {"scale": scale}, _weibull_loglik(lives, 1.0, scale), 1, lives.failures
    )


def fit_weibull(lives: Lives, shape: float | None = None) -> Fit:
    """Weibull by profile likelihood; with ``shape`` given, only the scale is estimated.

    η(β)^β = Σ(t_i^β − e_i^β)/d, and β solves
    Σ(t^β ln t − e^β ln e)/Σ(t^β − e^β) − 1/β − Σδ ln t/d = 0 (Lawless eq. 5.2.9).
    """
    _some_failures(lives)
    free = 1 if shape is not None else 2
    if shape is None:
        shape = _weibull_shape(lives)
    scale = _scale_at(lives, shape)
    loglik = _weibull_loglik(lives, shape, scale)
    return Fit("weibull", {"shape": shape, "scale": scale}, loglik, free, lives.failures)


def fit_lognormal(lives: Lives) -> Fit:
    """Lognormal; in closed form when nothing is censored, else by a simplex on (μ, ln σ)."""
    _some_failures(lives)
    y, w = np.log(lives.ages), lives.weight
    mu = float(w @ y / w.sum())
    sigma = max(math.sqrt(float(w @ (y - mu) ** 2 / w.sum())), 1e-6)
    if np.any(lives.failed == 0) or np.any(lives.entry > 0):
        found = optimize.minimize(
            lambda p: -_lognormal_loglik(lives, p[0], math.exp(p[1])),
            (mu, math.log(sigma)),
            method="Nelder-Mead",
            options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000},
        )
        mu, sigma = float(found.x[0]), math.exp(float(found.x[1]))
    loglik = _lognormal_loglik(lives, mu, sigma)
    return Fit("lognormal", {"median": math.exp(mu), "sigma": sigma}, loglik, 2, lives.failures)


def mean_interval(lives: Lives, fit: Fit, level: float = 0.95) -> tuple[float, float]:
    """Interval for the mean life: exact χ² for one parameter, profile likelihood for a free shape.

    With a known shape β, 2 Σ(t^β − e^β)/η^β is χ² with 2d degrees of freedom (2d + 2 below, because
    the last stretch is censored by time).
    """
    if fit.law == "lognormal":
        raise ValueError("intervals are for exponential and Weibull lives")
    if fit.free == 2:
        return _profile_interval(
            lambda mean: _profile_at_mean(lives, mean), fit.mean, fit.loglik, level
        )
    shape = fit.parameters.get("shape", 1.0)
    total, d = _power_exposure(lives, shape), lives.failures
    low = 2 * total / stats.chi2.ppf(0.5 + level / 2, 2 * d + 2)
    high = 2 * total / stats.chi2.ppf(0.5 - level / 2, 2 * d)
    unit = math.gamma(1 + 1 / shape)
    return float(low ** (1 / shape) * unit), float(high ** (1 / shape) * unit)


def shape_interval(lives: Lives, fit: Fit, level: float = 0.95) -> tuple[float, float]:
    """Profile likelihood interval for a Weibull shape."""

    def profile(shape: float) -> float:
        return _weibull_loglik(lives, shape, _scale_at(lives, shape))

    return _profile_interval(profile, fit.parameters["shape"], fit.loglik, level)


def laplace_trend(failure_times: Array, end: float) -> float:
    """Two-sided p-value of Laplace's test that failures come at a constant rate over (0, end).

    U = (Σt_i/n − T/2)/(T √(1/12n)) is about standard normal without a trend (Cox & Lewis 1966).
    """
    n = len(failure_times)
    if n < 2:
        return 1.0
    u = (failure_times.mean() - end / 2) / (end * math.sqrt(1 / (12 * n)))
    return float(2 * stats.norm.sf(abs(u)))


def _some_failures(lives: Lives) -> float:
    if lives.failures <= 0:
        raise ValueError("no life ended in failure; only a lower bound of the life is known")
    return lives.failures


def _power_exposure(lives: Lives, shape: float) -> float:
    """Σ(t^β − e^β)."""
    return float(lives.weight @ (lives.ages**shape - lives.entry**shape))


def _scale_at(lives: Lives, shape: float) -> float:
    """η that maximises the likelihood at a shape; ages are scaled so that no power overflows."""
    top = float(lives.ages.max())
    total = lives.weight @ ((lives.ages / top) ** shape - (lives.entry / top) ** shape)
    return top * math.exp(math.log(float(total) / lives.failures) / shape)


def _weibull_shape(lives: Lives) -> float:
    top = float(lives.ages.max())
    t, e, w = lives.ages / top, lives.entry / top, lives.weight
    log_t = np.log(t)
    log_e = np.log(np.where(e > 0, e, 1.0))
    mean_log = float(w @ (lives.failed * log_t)) / lives.failures

    def score(log_shape: float) -> float:
        shape = math.exp(log_shape)
        tb, eb = w * t**shape, w * np.where(e > 0, e, 0.0) ** shape
        return float((tb @ log_t - eb @ log_e) / (tb.sum() - eb.sum()) - 1 / shape - mean_log)

    low, high = math.log(SHAPES[0]), math.log(SHAPES[1])
    if score(low) >= 0:
        return SHAPES[0]
    if score(high) <= 0:
        return SHAPES[1]  # all failures at one age: the likelihood grows without bound
    return math.exp(optimize.brentq(score, low, high, xtol=1e-12))


def _weibull_loglik(lives: Lives, shape: float, scale: float) -> float:
    """Σ δ[ln β − β ln η + (β − 1) ln t] − Σ[(t/η)^β − (e/η)^β]."""
    hazard = math.log(shape) - shape * math.log(scale) + (shape - 1) * np.log(lives.ages)
    with np.errstate(over="ignore"):
        spent = (lives.ages / scale) ** shape - (lives.entry / scale) ** shape
    return float(lives.weight @ (lives.failed * hazard - spent))


def _lognormal_loglik(lives: Lives, mu: float, sigma: float) -> float:
    z = (np.log(lives.ages) - mu) / sigma
    density = stats.norm.logpdf(z) - math.log(sigma) - np.log(lives.ages)
    survived = special.log_ndtr(-z)
    before = np.where(lives.entry > 0, np.log(np.where(lives.entry > 0, lives.entry, 1.0)), -np.inf)
    entered = special.log_ndtr(-(before - mu) / sigma)
    return float(lives.weight @ (np.where(lives.failed > 0, density, survived) - entered))


def _profile_at_mean(lives: Lives, mean: float) -> float:
    """Highest Weibull log-likelihood among the laws with a given mean."""

    def loss(log_shape: float) -> float:
        shape = math.exp(log_shape)
        return -_weibull_loglik(lives, shape, mean / math.gamma(1 + 1 / shape))

    bounds = (math.log(SHAPES[0]), math.log(SHAPES[1]))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return -float(found.fun)


def _profile_interval(
    profile: Callable[[float], float], best: float, loglik: float, level: float
) -> tuple[float, float]:
    """Where a profile log-likelihood falls χ²₁/2 below its top, on both sides."""
    target = loglik - float(stats.chi2.ppf(level, 1)) / 2

    def excess(log_value: float) -> float:
        return max(profile(math.exp(log_value)) - target, -1e6)

    ends = []
    for direction in (-1.0, 1.0):
        inside, step = math.log(best), 0.1 * direction
        while excess(inside + step) > 0 and abs(step) < 12:
            inside, step = inside + step, 2 * step
        if excess(inside + step) > 0:
            ends.append(0.0 if direction < 0 else math.inf)
        else:
            bracket = sorted((inside, inside + step))
            ends.append(math.exp(optimize.brentq(excess, *bracket, xtol=1e-6)))
    return ends[0], ends[1]
