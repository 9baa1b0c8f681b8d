"""Maximum likelihood for lives seen only in part: exponential, Weibull, lognormal and gamma.

A life that has not ended when observation ends, or that a preventive task cuts short, is
*censored*: it lasted at least so long. Leaving such lives out keeps the short ones and drops the
long ones, and understates the mean life by a third or more under preventive maintenance. A life
whose observation begins at an age above zero is *left truncated* and is compared with survivors to
that age only. A failure that an inspection finds happened at some age since the one before: it is
*interval censored*.

Symbols: t_i age at failure or censoring, e_i age at which observation begins, δ_i = 1 for a
failure, d = Σδ_i; β shape, η scale. References: Lawless, Statistical Models and Methods for
Lifetime Data (2003), ch. 3–5; Meeker & Escobar, Statistical Methods for Reliability Data (1998),
ch. 8 and 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from twin.calibration.life_laws import FAMILIES, LawName, mean_of, time_at_mean
from twin.model.horizon import Array

SHAPES = (1e-2, 1e2)
"""Weibull shapes are sought between these."""
_FORMS = (math.log(SHAPES[0]), math.log(SHAPES[1]))
_WORST = 1e15
"""Loss where a likelihood is zero."""
_STEP = 1e-4
"""Of central differences, in logarithms."""
_SETTLED = 1e-7
"""Newton's method has arrived when its step is shorter."""
_CLOSE = 1e-3
"""The same where a likelihood to a millionth will do, as on lives held out."""


@dataclass(frozen=True)
class Lives:
    """Ages of like items [min]; all arrays are (n,)."""

    ages: Array
    """Age at failure or censoring; for a failure between two inspections, at the earlier one."""
    failed: Array
    """1 for a failure, 0 for a life censored at that age."""
    entry: Array = field(default_factory=lambda: np.zeros(0))
    """Age at which observation begins; zeros when left out."""
    weight: Array = field(default_factory=lambda: np.zeros(0))
    """How many items each row stands for; ones when left out."""
    latest: Array = field(default_factory=lambda: np.zeros(0))
    """Age by which a failure had happened, at the later inspection; ``ages`` when left out."""

    def __post_init__(self) -> None:
        n = len(self.ages)
        for name, fill in (("entry", 0.0), ("weight", 1.0), ("latest", self.ages)):
            if len(getattr(self, name)) != n:
                object.__setattr__(self, name, np.broadcast_to(fill, n).astype(float))
        if n and not (np.all(self.latest > 0) and np.all(self.entry < self.latest)):
            raise ValueError("every life is longer than zero and than the age at its entry")
        if n and not (np.all(self.ages >= self.entry) and np.all(self.latest >= self.ages)):
            raise ValueError("a failure lies between its two inspections, and after the entry")

    @staticmethod
    def of(failures: Sequence[float], censored: Sequence[float] = ()) -> Lives:
        """Lives that ended in failure, and lives that were still going."""
        ages = np.array([*failures, *censored], dtype=float)
        failed = np.array([1.0] * len(failures) + [0.0] * len(censored))
        return Lives(ages, failed)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int_]) -> Lives:
        """Some of the lives."""
        return Lives(
            self.ages[chosen],
            self.failed[chosen],
            self.entry[chosen],
            self.weight[chosen],
            self.latest[chosen],
        )

    def and_(self, other: Lives) -> Lives:
        """These lives and others."""
        return Lives(
            np.append(self.ages, other.ages),
            np.append(self.failed, other.failed),
            np.append(self.entry, other.entry),
            np.append(self.weight, other.weight),
            np.append(self.latest, other.latest),
        )

    @property
    def has_intervals(self) -> bool:
        """Whether some failures are known only to lie between two ages."""
        return bool(np.any(self.latest > self.ages))

    @property
    def failures(self) -> float:
        """d."""
        return float(self.weight @ self.failed)

    @property
    def censored(self) -> float:
        """Lives that did not end in failure."""
        return float(self.weight @ (1 - self.failed))

    @property
    def exposure(self) -> float:
        """Total age accrued under observation."""
        return float(self.weight @ (self.ages - self.entry))


@dataclass(frozen=True)
class Fit:
    """A law fitted to lives."""

    law: LawName
    parameters: dict[str, float]
    """By the names of :mod:`twin.model.laws`."""
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
        return mean_of(self.law, self.parameters)


def fit_law(lives: Lives, law: LawName, near: Array | None = None) -> Fit:
    """The law of highest likelihood in a family.

    ``near`` is the position of a fit to almost the same lives, from which a search begins.

    Raises
    ------
    ValueError
        If no life ended in failure.
    """
    if law == "exponential":
        return fit_exponential(lives)
    if law == "weibull":
        return fit_weibull(lives)
    if law == "lognormal" and near is None:
        return fit_lognormal(lives)
    return _fit_by_search(lives, law, near=near)


def fit_exponential(lives: Lives) -> Fit:
    """Exponential: the scale is the total age divided by the failures (Lawless eq. 4.1.3)."""
    if lives.has_intervals:
        return _fit_by_search(lives, "exponential")
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
    if lives.has_intervals:
        return _fit_by_search(lives, "weibull", None if shape is None else math.log(shape))
    free = 1 if shape is not None else 2
    if shape is None:
        shape = _weibull_shape(lives)
    scale = _scale_at(lives, shape)
    loglik = _weibull_loglik(lives, shape, scale)
    return Fit("weibull", {"shape": shape, "scale": scale}, loglik, free, lives.failures)


def fit_lognormal(lives: Lives) -> Fit:
    """Lognormal; in closed form when nothing is censored, else by search."""
    _some_failures(lives)
    is_whole = np.all(lives.failed == 1) and np.all(lives.entry == 0) and not lives.has_intervals
    if not is_whole:
        return _fit_by_search(lives, "lognormal")
    y, w = np.log(lives.ages), lives.weight
    mu = float(w @ y / w.sum())
    sigma = max(math.sqrt(float(w @ (y - mu) ** 2 / w.sum())), 1e-6)
    loglik = log_likelihood(lives, "lognormal", np.array([mu, math.log(sigma)]))
    return Fit("lognormal", {"median": math.exp(mu), "sigma": sigma}, loglik, 2, lives.failures)


def fit_gamma(lives: Lives) -> Fit:
    """Gamma, by search."""
    _some_failures(lives)
    return _fit_by_search(lives, "gamma")


def log_likelihood(lives: Lives, law: LawName, position: Array) -> float:
    """Σ δ ln f(t) + (1 − δ) ln S(t) − ln S(e); for failures between a and b, ln [S(a) − S(b)].

    ``position`` is that of :class:`~twin.calibration.life_laws.LifeLaw`.
    """
    return float(lives.weight @ log_likelihoods(lives, law, position))


def log_likelihoods(lives: Lives, law: LawName, position: Array) -> Array:
    """Contribution of each life to :func:`log_likelihood`, before its weight; (n,)."""
    family = FAMILIES[law]
    between = lives.latest > lives.ages
    seen = (lives.failed > 0) & ~between
    ln = np.empty(len(lives.ages))
    ln[seen] = family.log_density(lives.ages[seen], position)
    ln[~seen] = family.log_survival(lives.ages[~seen], position)
    if between.any():
        after = family.log_survival(lives.latest[between], position) - ln[between]
        with np.errstate(divide="ignore"):
            ln[between] += np.log(-np.expm1(np.minimum(after, 0.0)))
    late = lives.entry > 0
    if late.any():
        ln[late] -= family.log_survival(lives.entry[late], position)
    return ln


def mean_interval(lives: Lives, fit: Fit, level: float = 0.95) -> tuple[float, float]:
    """Interval for the mean life: exact χ² for one parameter, profile likelihood for a free form.

    With a known shape β, 2 Σ(t^β − e^β)/η^β is χ² with 2d degrees of freedom (2d + 2 below, because
    the last stretch is censored by time).
    """
    if fit.free == 2:
        return _profile_interval(
            lambda mean: _profile_at_mean(lives, fit.law, mean), fit.mean, fit.loglik, level
        )
    if lives.has_intervals:
        return _profile_interval(
            lambda mean: _at_mean(lives, fit, mean), fit.mean, fit.loglik, level
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
        return fit_weibull(lives, shape).loglik

    return _profile_interval(profile, fit.parameters["shape"], fit.loglik, level)


def parameter_intervals(lives: Lives, fit: Fit, level: float = 0.95) -> dict[str, list[float]]:
    """Interval of each parameter from the curvature of the log-likelihood in its logarithm."""
    family = FAMILIES[fit.law]
    centre = family.position(fit.parameters)

    def loss(x: Array) -> float:
        return -log_likelihood(lives, fit.law, x)

    try:
        _, curvature = _derivatives(loss, centre, loss(centre))
        with np.errstate(invalid="ignore"):
            spread = np.sqrt(np.diag(np.linalg.inv(curvature)))
    except np.linalg.LinAlgError:
        return {}
    reach = float(stats.norm.ppf(0.5 + level / 2)) * spread
    return {
        name: [math.exp(x - r), math.exp(x + r)]
        for name, x, r in zip(family.names, centre.tolist(), reach.tolist(), strict=True)
        if math.isfinite(r) and r < 50
    }


def _some_failures(lives: Lives) -> float:
    if lives.failures <= 0:
        raise ValueError("no life ended in failure; only a lower bound of the life is known")
    return lives.failures


def _fit_by_search(
    lives: Lives, law: LawName, form: float | None = None, near: Array | None = None
) -> Fit:
    """Highest likelihood by search from ``near``, or from a guess; ``form`` keeps the second
    coordinate."""
    _some_failures(lives)
    family = FAMILIES[law]
    kept = [] if form is None else [form]

    def loss(x: Array) -> float:
        value = -log_likelihood(lives, law, np.append(x, kept))
        return value if math.isfinite(value) else _WORST

    start = (_start(lives, law) if near is None else near)[: family.free - len(kept)]
    with np.errstate(over="ignore", invalid="ignore"):
        best, value = _climbed(loss, start, _SETTLED if near is None else _CLOSE)
    parameters = family.parameters(np.clip(np.append(best, kept), -600.0, 600.0))
    return Fit(law, parameters, -value, family.free - len(kept), lives.failures)


def _climbed(loss: Callable[[Array], float], start: Array, settled: float) -> tuple[Array, float]:
    """Where a loss is least: Newton's method until its step is short, or a simplex where it does
    not settle."""
    x, value = start, loss(start)
    for _ in range(30):
        slope, curvature = _derivatives(loss, x, value)
        try:
            np.linalg.cholesky(curvature)
            step = np.linalg.solve(curvature, -slope)
        except np.linalg.LinAlgError:
            break
        step *= min(1.0, 1.0 / float(np.max(np.abs(step)) + 1e-300))
        while (new := loss(x + step)) > value and np.max(np.abs(step)) > settled:
            step = step / 2
        is_settled = bool(np.max(np.abs(step)) <= settled)
        if new <= value:
            x, value = x + step, new
        if is_settled:
            return x, value
    options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000}
    found = optimize.minimize(loss, x, method="Nelder-Mead", options=options)
    return found.x, float(found.fun)


def _derivatives(loss: Callable[[Array], float], x: Array, value: float) -> tuple[Array, Array]:
    """Slope and curvature by central differences."""
    n = len(x)
    slope, curvature = np.zeros(n), np.zeros((n, n))
    steps = _STEP * np.eye(n)
    for i in range(n):
        up, down = loss(x + steps[i]), loss(x - steps[i])
        slope[i] = (up - down) / (2 * _STEP)
        curvature[i, i] = (up + down - 2 * value) / _STEP**2
        for j in range(i):
            both = steps[i] + steps[j]
            across = steps[i] - steps[j]
            corners = loss(x + both) + loss(x - both) - loss(x + across) - loss(x - across)
            curvature[i, j] = curvature[j, i] = corners / (4 * _STEP**2)
    return slope, curvature


def _start(lives: Lives, law: LawName) -> Array:
    """Where to begin: the exponential scale at hand, and the form of the failures' spread."""
    middle = np.where(lives.latest > lives.ages, (lives.ages + lives.latest) / 2, lives.ages)
    scale = float(lives.weight @ middle) / lives.failures
    done = lives.failed > 0
    logs, w = np.log(middle[done]), lives.weight[done]
    spread = math.sqrt(float(w @ (logs - w @ logs / w.sum()) ** 2 / w.sum()))
    sigma = min(max(spread * math.sqrt(lives.weight.sum() / lives.failures), 0.1), 3.0)
    if law == "lognormal":
        mu = float(lives.weight @ np.log(middle)) / float(lives.weight.sum())
        return np.array([mu + sigma * lives.censored / lives.weight.sum(), math.log(sigma)])
    if law == "gamma":
        form = min(max(-2 * math.log(sigma), -1.0), 4.0)
        return np.array([math.log(scale) - form, form])
    return np.array([math.log(scale), math.log(1.28 / sigma)])[: FAMILIES[law].free]


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

    low, high = _FORMS
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


def _at_mean(lives: Lives, fit: Fit, mean: float) -> float:
    """Log-likelihood of a fit whose time is stretched to another mean."""
    position = FAMILIES[fit.law].position(fit.parameters)
    position[0] += math.log(mean / fit.mean)
    return log_likelihood(lives, fit.law, position)


def _profile_at_mean(lives: Lives, law: LawName, mean: float) -> float:
    """Highest log-likelihood among the laws of a family with a given mean."""
    is_plain = law == "weibull" and not lives.has_intervals

    def loss(form: float) -> float:
        time = time_at_mean(law, mean, form)
        if is_plain:
            value = -_weibull_loglik(lives, math.exp(form), math.exp(min(time, 600.0)))
        else:
            value = -log_likelihood(lives, law, np.array([time, form]))
        return value if math.isfinite(value) else _WORST

    bounds = _FORMS if law == "weibull" else (-7.0, 7.0)
    if law == "lognormal":
        bounds = (-7.0, 2.3)
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
