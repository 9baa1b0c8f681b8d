"""Whether failures come faster or slower as time goes by, and the power law that says how fast.

Repairs that make a unit as good as new leave no trend. Where there is one, lives between repairs
are no sample of one law, and a *power law process* describes the repairs of the whole unit: its
expected number by time t is Λ(t) = (t/η)^β, after Crow (1974, 1982). β > 1 deteriorates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from twin.model.horizon import Array

_SHAPES = (math.log(1e-2), math.log(1e2))


@dataclass(frozen=True)
class PowerLaw:
    """Λ(t) = (t/η)^β."""

    shape: float
    """β."""
    scale: float
    """η, the time by which one failure is expected."""
    loglik: float
    n: int
    """Failures that carry it."""

    def intensity(self, time: float) -> float:
        """Failures for each unit of time, at a time."""
        return self.shape / self.scale * math.pow(time / self.scale, self.shape - 1)

    def shape_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Of β: 2n β/β̂ is χ² with 2n degrees of freedom (Crow 1974, time truncated)."""
        low, high = stats.chi2.ppf([0.5 - level / 2, 0.5 + level / 2], 2 * self.n)
        return float(self.shape * low / (2 * self.n)), float(self.shape * high / (2 * self.n))

    def mean_time_interval(self, time: float, level: float = 0.95) -> tuple[float, float, float]:
        """Time between failures at a time, 1/λ(t), and its interval.

        ln β̂ and ln n each have a variance of about 1/n, and λ̂(T) = n β̂/T.
        """
        value = 1 / self.intensity(time)
        reach = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(2 / self.n)
        return value, value * math.exp(-reach), value * math.exp(reach)


def fit_power_law(times: Array, starts: Array, ends: Array) -> PowerLaw:
    """Highest likelihood for like units, each watched from a start to an end on its own clock.

    With all starts at 0 and one end T, β̂ = n/Σ ln(T/t_i) and η̂ = T n^(−1/β̂).

    Parameters
    ----------
    times : (n,)
        Failures of all units, above 0.
    starts, ends : (W,)
        Windows in which units were watched.
    """
    n = len(times)
    if n == 0:
        raise ValueError("no failure; a power law needs some")
    top = float(ends.max())
    logs, s, e = np.log(times / top), starts / top, ends / top
    log_s, log_e = np.log(np.where(s > 0, s, 1.0)), np.log(e)

    def score(log_shape: float) -> float:
        shape = math.exp(log_shape)
        sb, eb = np.where(s > 0, s, 0.0) ** shape, e**shape
        return float((eb @ log_e - sb @ log_s) / (eb.sum() - sb.sum()) - 1 / shape - logs.mean())

    if score(_SHAPES[0]) >= 0 or score(_SHAPES[1]) <= 0:
        shape = math.exp(_SHAPES[0] if score(_SHAPES[0]) >= 0 else _SHAPES[1])
    else:
        shape = math.exp(optimize.brentq(score, *_SHAPES, xtol=1e-12))
    spent = float(np.sum(e**shape - np.where(s > 0, s, 0.0) ** shape))
    scale = top * (spent / n) ** (1 / shape)
    loglik = n * (math.log(shape) - shape * math.log(scale)) - n
    loglik += (shape - 1) * float(np.log(times).sum())
    return PowerLaw(shape, scale, loglik, n)


def constant_rate_loglik(n: int, watched: float) -> float:
    """Highest log-likelihood of failures at one constant rate over a total time."""
    return n * math.log(n / watched) - n if n else 0.0


def laplace_trend(failure_times: Array, end: float) -> float:
    """Two-sided p-value of Laplace's test that failures come at a constant rate over (0, end).

    U = (Σt_i/n − T/2)/(T √(1/12n)) is about standard normal without a trend (Cox & Lewis 1966).
    """
    return pooled_laplace(failure_times, np.zeros(len(failure_times)), np.full(1, end))


def pooled_laplace(times: Array, starts: Array, ends: Array) -> float:
    """The same over like units; start and end of the window of each failure.

    Given the number in each window, failure times without a trend are uniform in it.
    """
    n = len(times)
    if n < 2:
        return 1.0
    begin, length = np.broadcast_to(starts, n), np.broadcast_to(ends, n)
    length = length - begin
    u = float(np.sum(times - begin - length / 2)) / math.sqrt(float(np.sum(length**2)) / 12)
    return float(2 * stats.norm.sf(abs(u)))


def military_trend(failure_times: Array, end: float | Array) -> float:
    """Two-sided p-value of the test of MIL-HDBK-189: 2Σ ln(T/t_i) is χ² with 2n degrees of freedom.

    Against a power law it is the most powerful one. ``end`` may be one for each failure.
    """
    n = len(failure_times)
    if n < 2:
        return 1.0
    statistic = 2 * float(np.sum(np.log(end / failure_times)))
    below = float(stats.chi2.cdf(statistic, 2 * n))
    return min(2 * min(below, 1 - below), 1.0)


def renewal_trend(failure_times: Array, end: float) -> float:
    """Two-sided p-value of the test of Lewis and Robinson (1974) that lives are renewals.

    Laplace's U divided by the coefficient of variation of the times between failures: lives less
    regular than exponential ones sway U without any trend, and regular ones hide it.
    """
    n = len(failure_times)
    if n < 4:
        return 1.0
    gaps = np.diff(failure_times, prepend=0.0)
    variation = float(gaps.std(ddof=1) / gaps.mean())
    u = (failure_times.mean() - end / 2) / (end * math.sqrt(1 / (12 * n)))
    return float(2 * stats.norm.sf(abs(u) / max(variation, 1e-6)))
