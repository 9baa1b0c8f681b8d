"""Cycle times that come as histograms: classes with counts, or with probabilities alone.

A machine may have run at several speeds; above them are the cycles that hide a stop. Speeds are
lognormal, gamma or Weibull, cycles with a stop lognormal, and all are fitted at once by the
likelihood of the classes, in which a class [a, b) with c observations has (F(b) − F(a))ᶜ. Speeds
are added one by one, where the fit so far misses most, while the criterion AICc falls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from twin.calibration.fit_times import Classes
from twin.calibration.time_laws import GAMMA, LEAST, LOGNORMAL, WEIBULL, TimeLaw
from twin.model.horizon import Array

LAWS = (LOGNORMAL, GAMMA, WEIBULL)
MOST_SPEEDS = 4
LARGEST_COUNT = 10_000.0
"""What probabilities are taken to be out of at most: they are written to four digits."""
NARROWEST, WIDEST, WIDEST_SPEED = math.log(2e-3), math.log(4.0), math.log(0.25)
"""Limits of ln sigma: of any law, and of one speed among several or below stops."""
STRAY = 1e-4
"""Share that may lie anywhere in the classes: a lone miscount must not bend a law."""
STOP_RISE = -0.7
"""Logarithm of the rise of ln(time) by a stop where the search begins: about half as long again."""


@dataclass(frozen=True)
class Histogram:
    """(N,) classes in order, with counts."""

    edges: Array
    """(N + 1,) increasing."""
    counts: Array
    is_counted: bool
    """Whether the counts are such, or probabilities times an assumed number."""

    @property
    def n(self) -> float:
        return float(self.counts.sum())

    @property
    def seen(self) -> Classes:
        """Classes that are not empty."""
        full = self.counts > 0
        return Classes(self.edges[:-1][full], self.edges[1:][full], self.counts[full])


def histogram(edges: Array, values: Array) -> Histogram:
    """From increasing edges and counts, or probabilities of sum 1 or a little less (cut digits).

    Probabilities are taken as out of the number of observations that makes the smallest of them
    one, at most 10,000; likelihoods and criteria depend on that number, estimates hardly do.
    """
    edges, values = np.asarray(edges, dtype=float), np.asarray(values, dtype=float)
    if len(edges) != len(values) + 1 or not (np.diff(edges) > 0).all():
        raise ValueError("edges do not increase, or are not one more than the classes")
    if not (values >= 0).all() or not values.sum() > 0:
        raise ValueError("a class below 0 or without a number, or all classes empty")
    total = float(values.sum())
    if total > 1.0 + 1e-6:
        return Histogram(edges, values, True)
    n = min(total / float(values[values > 0].min()), LARGEST_COUNT)
    return Histogram(edges, values / total * n, False)


@dataclass(frozen=True)
class Speed:
    """One speed of a machine: mean and standard deviation of ln(time), and its share."""

    share: float
    mean_log: float
    sigma_log: float


@dataclass(frozen=True)
class BinnedFit:
    """A mixture fitted to a histogram."""

    law: TimeLaw
    speeds: tuple[Speed, ...]
    """The most frequent one first."""
    stop: Speed | None
    """Cycles with a stop: lognormal."""
    is_narrow: bool = False
    """Whether a speed may not spread wide: what does is a stop."""
    loglik: float = -math.inf
    n: float = 0.0

    @property
    def free(self) -> int:
        return len(self.speeds) * (self.law.free + 1) - 1 + (3 if self.stop else 0)

    @property
    def aicc(self) -> float:
        k = self.free
        room = self.n - k - 1
        return 2 * k - 2 * self.loglik + (2 * k * (k + 1) / room if room > 0 else math.inf)

    @property
    def stop_share(self) -> float:
        return self.stop.share if self.stop else 0.0

    @property
    def location(self) -> float:
        """Mean cycle of the most frequent speed."""
        return self.law.mean(self._theta)

    @property
    def sigma(self) -> float:
        """Its spread, as sigma of the lognormal of the same coefficient of variation."""
        return math.sqrt(math.log1p(self.law.cv(self._theta) ** 2))

    @property
    def parameters(self) -> dict[str, float]:
        """Of its law, by the names of :mod:`twin.model.laws`, in the unit of the edges."""
        return self.law.parameters(self._theta)

    @property
    def _theta(self) -> tuple[float, float]:
        return self.law.start(self.speeds[0].mean_log, self.speeds[0].sigma_log)

    @property
    def parts(self) -> list[tuple[TimeLaw, Speed]]:
        """Components of the mixture."""
        parts = [(self.law, speed) for speed in self.speeds]
        return [*parts, (LOGNORMAL, self.stop)] if self.stop else parts

    def likelihood(self, seen: Classes) -> Array:
        """Probability of each class."""
        total = np.zeros(len(seen.low))
        for law, part in self.parts:
            theta = law.start(part.mean_log, part.sigma_log)
            total += part.share * seen.likelihood(law, theta)
        return total


def fit_histogram(found: Histogram, most_speeds: int = MOST_SPEEDS) -> list[BinnedFit]:
    """Laws and mixtures that were tried, the one of the least AICc first.

    Every law alone is among them. A mixture has stops, and as many speeds as pay for themselves.
    """
    seen = found.seen
    alone = _climb(_first(seen, False), seen)
    fits = [alone]
    if len(seen.weights) > 5:
        fit = _climb(_first(seen, True, narrow=most_speeds > 1), seen)
        fits.append(fit)
        while len(fit.speeds) < most_speeds and fit.free + 3 < len(seen.weights):
            more = _climb(_with_speed(fit, seen), seen)
            fits.append(more)
            if more.aicc >= fit.aicc:
                break
            fit = more
    for fit in {min(fits, key=lambda f: f.aicc), alone}:
        fits += [_climb(replace(fit, law=law), seen) for law in LAWS if law is not LOGNORMAL]
    return sorted(fits, key=lambda f: f.aicc)


def held_out(found: Histogram, fit: BinnedFit) -> float | None:
    """Mean log probability of each half of the observations under the fit to the other half.

    Counts are dealt into the halves by seeded draws; None for fewer than 20 observations.
    """
    counts = np.floor(found.counts + 0.5).astype(int)
    if counts.sum() < 20:
        return None
    draws = np.random.Generator(np.random.Philox(key=int(counts.sum())))
    first = draws.binomial(counts, 0.5)
    total, width = 0.0, float(found.edges[-1] - found.edges[0])
    for known, unseen in ((first, counts - first), (counts - first, first)):
        half = Histogram(found.edges, known.astype(float), True).seen
        other = Histogram(found.edges, unseen.astype(float), True).seen
        again = _climb(fit, half)
        total += float(other.weights @ np.log(_mixed(again.likelihood(other), other, width)))
    return total / float(counts.sum())


def distance(found: Histogram, fit: BinnedFit) -> float:
    """Largest difference of the two distributions at any edge (Kolmogorov)."""
    classes = Classes(found.edges[:-1], found.edges[1:], found.counts)
    model = np.cumsum(fit.likelihood(classes))
    return float(np.abs(model - np.cumsum(found.counts) / found.n).max())


def _mixed(likelihood: Array, seen: Classes, width: float) -> Array:
    mixed: Array = (1 - STRAY) * likelihood + STRAY * (seen.high - seen.low) / width
    return np.maximum(mixed, LEAST)


def _first(seen: Classes, has_stop: bool, narrow: bool = False) -> BinnedFit:
    """Where the search begins: one speed, and stops above it."""
    middle, weight = _middles(seen), seen.weights / seen.weights.sum()
    order = np.argsort(middle)
    median = float(middle[order][np.searchsorted(np.cumsum(weight[order]), 0.5)])
    near = np.abs(middle - median) < 0.25
    spread = float(np.sqrt(weight[near] @ (middle[near] - median) ** 2 / weight[near].sum()))
    speed = Speed(0.9 if has_stop else 1.0, median, max(spread, _step(seen) / 2))
    stop = Speed(0.1, median + math.exp(STOP_RISE), 0.5) if has_stop else None
    return BinnedFit(LOGNORMAL, (speed,), stop, narrow)


def _with_speed(fit: BinnedFit, seen: Classes) -> BinnedFit:
    """One more speed, at the class where most observations are missed."""
    missed = seen.weights / seen.weights.sum() - fit.likelihood(seen)
    at = int(np.argmax(missed))
    share = min(max(float(missed[at]), 0.02), 0.5)
    new = Speed(share, float(_middles(seen)[at]), _step(seen))
    old = tuple(replace(s, share=s.share * (1 - share)) for s in fit.speeds)
    stop = replace(fit.stop, share=fit.stop.share * (1 - share)) if fit.stop else None
    return replace(fit, speeds=(*old, new), stop=stop)


def _middles(seen: Classes) -> Array:
    middles: Array = np.log(np.maximum((seen.low + seen.high) / 2, LEAST))
    return middles


def _step(seen: Classes) -> float:
    """Width of a class on the scale of logarithms, at the fullest one."""
    at = int(np.argmax(seen.weights))
    low, high = max(float(seen.low[at]), 1e-9), float(seen.high[at])
    return min(max(math.log(high / low), 0.004), 0.5)


def _climb(start: BinnedFit, seen: Classes) -> BinnedFit:
    """The greatest likelihood in reach of a start."""
    width = float(seen.high.max() - seen.low.min())
    scale = float(seen.weights.sum())

    def cost(numbers: Array) -> tuple[float, Array]:
        value, slope = _cost(start, numbers, seen, width)
        return value / scale, slope / scale

    found = optimize.minimize(
        cost, _numbers(start), jac=True, method="BFGS", options={"maxiter": 150, "gtol": 1e-5}
    )
    fit = _read(start, found.x)
    speeds = tuple(sorted(fit.speeds, key=lambda s: -s.share))
    return replace(fit, speeds=speeds, loglik=-float(found.fun) * scale, n=scale)


def _numbers(fit: BinnedFit) -> Array:
    """A mixture as unbounded numbers: (mean, ln sigma) of each speed; (ln rise, ln sigma) of the
    stops; ln of the shares over that of the first speed."""
    numbers = [x for s in fit.speeds for x in (s.mean_log, math.log(s.sigma_log))]
    if fit.stop:
        rise = max(fit.stop.mean_log - fit.speeds[0].mean_log, 0.01)
        numbers += [math.log(rise), math.log(fit.stop.sigma_log)]
    shares = [max(part.share, 1e-9) for _, part in fit.parts]
    return np.array([*numbers, *(math.log(s / shares[0]) for s in shares[1:])])


def _read(form: BinnedFit, numbers: Array) -> BinnedFit:
    """Inverse of :func:`_numbers`, for a mixture of this form."""
    count = len(form.speeds)
    parts = count + (1 if form.stop else 0)
    odds = np.exp(np.clip(np.append(0.0, numbers[2 * parts :]), -30, 30))
    shares = odds / odds.sum()
    sigmas = np.exp(np.clip(numbers[1 : 2 * parts : 2], NARROWEST, _widest(form)))
    speeds = tuple(
        Speed(float(shares[j]), float(numbers[2 * j]), float(sigmas[j])) for j in range(count)
    )
    if not form.stop:
        return replace(form, speeds=speeds)
    rise = math.exp(min(max(float(numbers[2 * count]), -5.0), 2.0))
    stop = Speed(float(shares[-1]), speeds[0].mean_log + rise, float(sigmas[-1]))
    return replace(form, speeds=speeds, stop=stop)


def _widest(form: BinnedFit) -> Array:
    """Upper limit of ln sigma of each component."""
    speed = WIDEST_SPEED if form.is_narrow else WIDEST
    return np.array([speed] * len(form.speeds) + [WIDEST] * (form.stop is not None))


def _cost(form: BinnedFit, numbers: Array, seen: Classes, width: float) -> tuple[float, Array]:
    """Minus the log-likelihood and its gradient."""
    fit = _read(form, numbers)
    pieces, by_mean, by_spread = [], [], []
    for law, part in fit.parts:
        pieces.append(seen.likelihood(law, law.start(part.mean_log, part.sigma_log)))
        upper = law.slopes(seen.high, part.mean_log, part.sigma_log)
        lower = law.slopes(seen.low, part.mean_log, part.sigma_log)
        by_mean.append(part.share * (upper[0] - lower[0]))
        by_spread.append(part.share * (upper[1] - lower[1]))
    shares = np.array([part.share for _, part in fit.parts])
    table = np.array(pieces)
    total = _mixed(shares @ table, seen, width)
    each = (1 - STRAY) * seen.weights / total
    means, spreads = np.array(by_mean) @ each, np.array(by_spread) @ each
    worth = table @ each
    odds = shares * (worth - shares @ worth)
    if fit.stop:
        # The stops' place is told from that of the first speed, and moves with it.
        means[0] += means[-1]
        means[-1] *= fit.stop.mean_log - fit.speeds[0].mean_log
    logs = numbers[1 : 2 * len(shares) : 2]
    spreads[(logs <= NARROWEST) | (logs >= _widest(form))] = 0.0
    slope = np.concatenate([np.column_stack([means, spreads]).ravel(), odds[1:]])
    return -float(seen.weights @ np.log(total)), -slope
