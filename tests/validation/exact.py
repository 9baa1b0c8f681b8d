"""Exact values for single units, crews, spares and queues: closed forms, quadrature, small chains.

Hours throughout. Each function names its source; the figures they give are held to the printed
ones in ``test_exact.py``, and the simulator is held to them in ``run.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammainc, gammaincc, ndtr
from scipy.stats import poisson

Law = Callable[[float], float]


def integral(function: Law, low: float, high: float) -> float:
    """∫ function over [low, high], to about ten digits."""
    return float(quad(function, low, high, epsabs=1e-12, epsrel=1e-11, limit=400)[0])


# Replacement and repair (A) --------------------------------------------------------------------


@dataclass(frozen=True)
class Weibull:
    """S(t) = exp(−(t/η)^β)."""

    shape: float
    scale: float

    def survival(self, t: float) -> float:
        return math.exp(-math.pow(t / self.scale, self.shape))

    def hazard(self, t: float) -> float:
        return self.shape / self.scale * math.pow(t / self.scale, self.shape - 1)

    @property
    def mean(self) -> float:
        return self.scale * math.gamma(1 + 1 / self.shape)

    def mean_up_to(self, age: float) -> float:
        """∫₀^age S, the mean of the shorter of life and age."""
        return integral(self.survival, 0, age)

    def age_cost(self, age: float, preventive: float, corrective: float) -> float:
        """C(T) of age replacement, a cost per hour (Barlow and Proschan 1965)."""
        survival = self.survival(age)
        return (preventive * survival + corrective * (1 - survival)) / self.mean_up_to(age)

    def age_availability(self, age: float, preventive: float, corrective: float) -> float:
        """A(T) of age replacement with these lengths of maintenance and repair."""
        up, survival = self.mean_up_to(age), self.survival(age)
        return up / (up + preventive * survival + corrective * (1 - survival))

    def best_age(self, preventive: float, corrective: float) -> float:
        """T*: h(T) ∫₀^T S − F(T) = cp/(cf − cp); costs or lengths alike."""
        wanted = preventive / (corrective - preventive)

        def excess(age: float) -> float:
            return self.hazard(age) * self.mean_up_to(age) - 1 + self.survival(age) - wanted

        return float(brentq(excess, 1e-3 * self.scale, 5 * self.scale, xtol=1e-9))

    def mean_residual(self, age: float) -> float:
        return integral(self.survival, age, age + 20 * self.scale) / self.survival(age)

    def fails_within(self, age: float, hours: float) -> float:
        """Probability to fail in the next hours, given survival to the age."""
        return 1 - self.survival(age + hours) / self.survival(age)

    def perfect_by_chance_rate(self, chance: float) -> float:
        """Failures per hour when a repair is perfect by chance, else minimal (Brown, Proschan)."""
        return float(chance ** (1 / self.shape - 1) / self.mean)


def erlang2_renewals(rate: float, t: float) -> float:
    """M(t) of lives of two exponential stages of this rate each."""
    return rate * t / 2 - (1 - math.exp(-2 * rate * t)) / 4


def block_cost(rate: float, interval: float, preventive: float, corrective: float) -> float:
    """C(T) of block replacement with Erlang-2 lives."""
    return (preventive + corrective * erlang2_renewals(rate, interval)) / interval


def best_block(rate: float, preventive: float, corrective: float) -> float:
    found = minimize_scalar(
        lambda t: block_cost(rate, t, preventive, corrective),
        bounds=(100, 2000),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(found.x)


def overhaul(shape: float, scale: float, overhaul: float, repair: float) -> tuple[float, float]:
    """T* and C* of minimal repair with an overhaul each T, power-law intensity."""
    best = scale * (overhaul / (repair * (shape - 1))) ** (1 / shape)
    return best, overhaul * shape / ((shape - 1) * best)


def power_law_arrival(shape: float, scale: float, n: int) -> float:
    """Mean time of the n-th event of a power-law process."""
    return scale * math.exp(math.lgamma(n + 1 / shape) - math.lgamma(n))


def competing(shape: float, scales: list[float]) -> tuple[float, list[float]]:
    """Scale of the first failure of Weibull modes of one shape, and the share of each mode."""
    rates = [scale**-shape for scale in scales]
    return sum(rates) ** (-1 / shape), [rate / sum(rates) for rate in rates]


def hidden_unavailability(rate: float, interval: float, duration: float) -> float:
    """Share of time failed unseen or under inspection, with inspections each interval."""
    x = rate * interval
    return 1 - (1 - math.exp(-x)) / x * interval / (interval + duration)


def best_inspection(rate: float, duration: float) -> float:
    found = minimize_scalar(
        lambda t: hidden_unavailability(rate, t, duration),
        bounds=(1, 1000),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(found.x)


@dataclass(frozen=True)
class GammaWear:
    """X(t) is gamma of shape rate · t; the unit fails when X reaches the limit."""

    rate: float
    scale: float
    limit: float

    def below(self, level: float, t: float) -> float:
        return 1.0 if t <= 0 else float(gammainc(self.rate * t, level / self.scale))

    def fails_by(self, t: float) -> float:
        return 1 - self.below(self.limit, t)

    @property
    def mean(self) -> float:
        return integral(lambda t: self.below(self.limit, t), 0, 2000)

    @property
    def deviation(self) -> float:
        square = 2 * integral(lambda t: t * self.below(self.limit, t), 0, 2000)
        return math.sqrt(square - self.mean**2)

    def mean_on_grid(self, step: float) -> float:
        """Mean life when a failure comes at the end of its step: later by half a step, about."""
        return step * sum(self.below(self.limit, k * step) for k in range(int(2000 / step)))

    def watched(self, level: float, interval: float) -> tuple[float, float]:
        """Inspections per renewal and share of renewals by failure, renewed from the level on.

        Wear never shrinks, so the cycle is longer than k inspections when the k-th finds less than
        the level, and fails at the next when that step leads from below the level past the limit.
        """
        shape = self.rate * interval
        inspections = failed = 0.0
        for k in range(200):
            inspections += self.below(level, k * interval)
            failed += self._jump(shape, k, level)
        return inspections, failed

    def _jump(self, shape: float, k: int, level: float) -> float:
        top, limit = level / self.scale, self.limit / self.scale
        if k == 0:
            return float(gammaincc(shape, limit))
        log_norm = math.lgamma(k * shape)

        def density(x: float) -> float:
            log = (k * shape - 1) * math.log(x) - x - log_norm
            return math.exp(log) * float(gammaincc(shape, limit - x))

        return integral(density, 0, top) if top > 0 else 0.0

    def watch_cost(
        self, level: float, interval: float, inspection: float, preventive: float, failure: float
    ) -> float:
        inspections, failed = self.watched(level, interval)
        cycle = inspections * inspection + preventive * (1 - failed) + failure * failed
        return cycle / (inspections * interval)

    def best_level(self, interval: float, *costs: float) -> float:
        found = minimize_scalar(
            lambda level: self.watch_cost(level, interval, *costs),
            bounds=(0.5 * self.limit, 0.9 * self.limit),
            method="bounded",
            options={"xatol": 1e-6},
        )
        return float(found.x)


@dataclass(frozen=True)
class WienerWear:
    """First passage of a Brownian motion with drift: the inverse Gaussian law."""

    drift: float
    sigma: float
    limit: float

    @property
    def mean(self) -> float:
        return self.limit / self.drift

    @property
    def deviation(self) -> float:
        return math.sqrt(self.limit * self.sigma**2 / self.drift**3)

    def fails_by(self, t: float) -> float:
        root = self.sigma * math.sqrt(t)
        past = math.exp(2 * self.drift * self.limit / self.sigma**2)
        return float(
            ndtr((self.drift * t - self.limit) / root)
            + past * ndtr(-(self.limit + self.drift * t) / root)
        )


# Availability and crews (B) --------------------------------------------------------------------


def alternating_deviation(up: float, down: float, stages: int, window: float) -> float:
    """Standard deviation of the share of a window spent up, exact, in the long run.

    Lives exponential, repairs Erlang of so many stages. From the chain over the stages:
    Var = 2/T² ∫₀^T (T − s) A (A₁(s) − A) ds, with A₁(s) the availability s after a time when up:
    a sum over the eigenvalues λ of the chain, where ∫ (T − s) exp(λs) ds = (exp(λT) − 1 − λT)/λ².
    """
    rate = stages / down
    generator = np.zeros((stages + 1, stages + 1))
    generator[0, :2] = -1 / up, 1 / up
    for stage in range(1, stages + 1):
        generator[stage, stage] = -rate
        generator[stage, (stage + 1) % (stages + 1)] = rate
    values, vectors = np.linalg.eig(generator)
    weights = vectors[0] * np.linalg.inv(vectors)[:, 0]
    moving = np.abs(values) > 1e-9 * rate  # the eigenvalue 0 is the long run itself
    value, weight = values[moving], weights[moving]
    total = (weight * (np.exp(value * window) - 1 - value * window) / value**2).sum().real
    return math.sqrt(2 * up / (up + down) * float(total)) / window


def alternating_deviation_asymptotic(
    up: float, down: float, up_deviation: float, down_deviation: float, window: float
) -> float:
    """The same, to first order in 1/T: (D² su² + U² sd²)/(U + D)³ T."""
    spread = (down * up_deviation) ** 2 + (up * down_deviation) ** 2
    return math.sqrt(spread / (up + down) ** 3 / window)


def availability_after(up: float, down: float, t: float) -> float:
    """Point availability of a unit new at 0, both laws exponential."""
    total = 1 / up + 1 / down
    return 1 / down / total + 1 / up / total * math.exp(-total * t)


@dataclass(frozen=True)
class Repairmen:
    """N machines, c crews, exponential: the birth-death chain of the number down (Palm)."""

    machines: int
    crews: int
    fails: float
    repairs: float

    @property
    def shares(self) -> list[float]:
        """Probability of n machines down."""
        weights = [1.0]
        for n in range(self.machines):
            up = (self.machines - n) * self.fails
            weights.append(weights[-1] * up / (min(n + 1, self.crews) * self.repairs))
        return [weight / sum(weights) for weight in weights]

    @property
    def mean_up(self) -> float:
        return sum((self.machines - n) * p for n, p in enumerate(self.shares))

    @property
    def crew_share(self) -> float:
        return sum(min(n, self.crews) * p for n, p in enumerate(self.shares)) / self.crews

    @property
    def mean_wait(self) -> float:
        """Mean wait of a failure for a crew."""
        waiting = sum(max(n - self.crews, 0) * p for n, p in enumerate(self.shares))
        return waiting / (self.fails * self.mean_up)

    def works(self, needed: int) -> float:
        """Probability that at least so many machines are up."""
        return sum(self.shares[: self.machines - needed + 1])


# Queues, spares, quality (D) -------------------------------------------------------------------


@dataclass(frozen=True)
class FailingServer:
    """M/G/1 whose server fails while it works and resumes: the effective time C of a job."""

    arrivals: float
    mean: float
    cv2: float
    fails: float
    repair: float

    @property
    def effective_mean(self) -> float:
        return self.mean * (1 + self.fails * self.repair)

    @property
    def effective_square(self) -> float:
        stretch = 1 + self.fails * self.repair
        square = self.mean**2 * (1 + self.cv2)
        return square * stretch**2 + self.fails * self.mean * 2 * self.repair**2

    @property
    def effective_variance(self) -> float:
        return self.effective_square - self.effective_mean**2

    @property
    def load(self) -> float:
        return self.arrivals * self.effective_mean

    @property
    def wait(self) -> float:
        """Mean wait in the queue (Pollaczek and Khinchine)."""
        return self.arrivals * self.effective_square / (2 * (1 - self.load))

    @property
    def flow_time(self) -> float:
        return self.wait + self.effective_mean

    @property
    def inside(self) -> float:
        return self.arrivals * self.flow_time


def erlang_c(servers: int, arrivals: float, rate: float) -> tuple[float, float]:
    """Probability to wait and mean wait in M/M/c."""
    offered = arrivals / rate
    last = offered**servers / math.factorial(servers) / (1 - offered / servers)
    waits = last / (sum(offered**n / math.factorial(n) for n in range(servers)) + last)
    return waits, waits / (servers * rate - arrivals)


def spares(stock: int, pipeline: float) -> tuple[float, float]:
    """Backorders and chance of a spare on hand under (S − 1, S), pipeline Poisson (Palm)."""
    owed = pipeline - stock + sum((stock - n) * poisson.pmf(n, pipeline) for n in range(stock))
    return float(owed), float(poisson.cdf(stock - 1, pipeline))


def reorder(point: int, quantity: int, pipeline: float) -> tuple[float, float, float]:
    """Fill rate, backorders and stock on hand under (r, Q): the position is uniform on r+1..r+Q."""
    each: Any = [spares(s, pipeline) for s in range(point + 1, point + quantity + 1)]
    owed, fill = np.mean(each, axis=0)
    on_hand = point + (quantity + 1) / 2 - pipeline + owed
    return float(fill), float(owed), float(on_hand)
