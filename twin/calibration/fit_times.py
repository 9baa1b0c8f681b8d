"""Maximum likelihood for working times that were measured as plants measure them.

Stamps are rounded: a time is the difference of two stamps on a grid of width w, so that what was
seen is the time plus an error of triangular density on (−w, w). The likelihood of a time x so seen
is the second difference of the integral of the distribution, G(x) = ∫₀ˣ F,

    [G(x + w) − 2 G(x) + G(x − w)] / w²,

which becomes the density f(x) as w falls to 0. Counts in classes have F(b) − F(a). Tests and
estimates that take rounded stamps for exact ones reject every law and overstate every spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import optimize, stats

from twin.calibration.estimates import Candidate
from twin.calibration.time_laws import LEAST, LOGNORMAL, Theta, TimeLaw
from twin.model.horizon import Array

FINE = 1e-4
"""Half-widths below this share of a time are taken for none: their second difference would be lost
in rounding of the computer's own."""
CLEARLY = 6.0
"""Another law replaces the one written down when its AICc is better by so much, and its held-out
score too: odds of 20 to 1."""
HELD_OUT_FROM = 20
LARGEST_STEP = 12.0
"""Logarithms of parameters further than this from where the search starts are refused."""


class Seen(Protocol):
    """What was seen of some times."""

    @property
    def weights(self) -> Array: ...

    def likelihood(self, law: TimeLaw, theta: Theta) -> Array:
        """Probability or density of each observation."""
        ...


@dataclass(frozen=True)
class Stamped:
    """Times from stamps: (N,) values and half-widths of their rounding error."""

    values: Array
    widths: Array

    @cached_property
    def weights(self) -> Array:
        return np.ones(len(self.values))

    @cached_property
    def _is_fine(self) -> bool:
        return bool((self.widths <= FINE * np.maximum(self.values, LEAST)).all())

    def likelihood(self, law: TimeLaw, theta: Theta) -> Array:
        x, w = self.values, self.widths
        if self._is_fine:
            return law.density(x, theta)
        w = np.maximum(w, FINE * x)
        above, below = law.integral(x + w, theta), law.integral(x - w, theta)
        return np.maximum(above - 2 * law.integral(x, theta) + below, 0.0) / w**2

    def levels(self, law: TimeLaw, theta: Theta) -> tuple[Array, Array]:
        """Probabilities of less than each value, and of that value or less."""
        x, w = self.values, self.widths
        if self._is_fine:
            exact = law.cumulative(x, theta)
            return exact, exact
        w = np.maximum(w, FINE * x)
        at = law.integral(x, theta)
        return (at - law.integral(x - w, theta)) / w, (law.integral(x + w, theta) - at) / w

    def part(self, mask: Array) -> Stamped:
        return Stamped(self.values[mask], self.widths[mask])


@dataclass(frozen=True)
class Classes:
    """Times counted in classes: (N,) limits and counts."""

    low: Array
    high: Array
    weights: Array

    def likelihood(self, law: TimeLaw, theta: Theta) -> Array:
        return law.cumulative(self.high, theta) - law.cumulative(self.low, theta)


@dataclass(frozen=True)
class Tail:
    """Longer times mixed among the plain ones: lognormal, in the unit of the times."""

    share: float
    median: float
    sigma: float

    @property
    def theta(self) -> Theta:
        return math.log(self.median), math.log(self.sigma)


@dataclass(frozen=True)
class Fitted:
    """A law of the plain times, fitted."""

    law: TimeLaw
    theta: Theta
    loglik: float
    free: int
    """Parameters that were fitted, those of the tail and of the locations with them."""
    n: float
    held_out: float | None = None

    @property
    def aicc(self) -> float:
        room = self.n - self.free - 1
        small = 2 * self.free * (self.free + 1) / room if room > 0 else math.inf
        return 2 * self.free - 2 * self.loglik + small

    def candidate(self, scale: float = 1.0) -> Candidate:
        """In the unit of the times, times a scale."""
        theta = (self.theta[0] + math.log(scale), self.theta[1])
        finite = self.aicc if math.isfinite(self.aicc) else 2 * self.free - 2 * self.loglik
        return Candidate(
            self.law.name, self.law.parameters(theta), self.loglik, finite, self.held_out
        )


def log_likelihood(seen: Seen, law: TimeLaw, theta: Theta, tail: Tail | None = None) -> float:
    """Of all observations, tail included."""
    density = seen.likelihood(law, theta)
    if tail is not None:
        density = (1 - tail.share) * density + tail.share * seen.likelihood(LOGNORMAL, tail.theta)
    return float(seen.weights @ np.log(np.maximum(density, LEAST)))


def fit_law(
    law: TimeLaw, seen: Seen, start: Theta, tail: Tail | None = None
) -> tuple[Theta, float]:
    """θ of the greatest likelihood, with the tail as it is, and that likelihood's logarithm."""
    origin = np.array(start[: law.free])

    def cost(at: Array) -> float:
        if np.abs(at - origin).max() > LARGEST_STEP:
            return math.inf
        theta = (float(at[0]), float(at[1]) if law.free > 1 else start[1])
        return -log_likelihood(seen, law, theta, tail)

    # Steps of the size by which such numbers differ: a tenth of the spread, a tenth of itself.
    sigma = max(law_sigma(law, start), 1e-3)
    corners = np.vstack([origin, origin + np.diag([0.3 * sigma, 0.1][: law.free])])
    found = optimize.minimize(
        cost, origin, method="Nelder-Mead",
        options={"initial_simplex": corners, "xatol": 1e-5, "fatol": 1e-4, "maxfev": 400},
    )  # fmt: skip
    theta = (float(found.x[0]), float(found.x[1]) if law.free > 1 else start[1])
    return theta, -float(found.fun)


def law_sigma(law: TimeLaw, theta: Theta) -> float:
    """Spread of a law as the sigma of the lognormal of the same coefficient of variation."""
    return math.sqrt(math.log1p(law.cv(theta) ** 2))


def compare(
    seen: Stamped, laws: Sequence[TimeLaw], start: tuple[float, float], tail: Tail | None,
    others: int = 0,
) -> list[Fitted]:  # fmt: skip
    """Every law fitted, with AICc and the mean log density of each half under the other's fit.

    Parameters
    ----------
    start
        Mean and standard deviation of the logarithms.
    others
        Parameters fitted beside those of the law: of the tail, of the keys' locations.
    """
    halves = np.arange(len(seen.values)) % 2 == 0
    found = []
    for law in laws:
        theta, loglik = fit_law(law, seen, law.start(*start), tail)
        held_out = None
        if len(halves) >= HELD_OUT_FROM:
            total = 0.0
            for known in (halves, ~halves):
                half, _ = fit_law(law, seen.part(known), theta, tail)
                total += log_likelihood(seen.part(~known), law, half, tail)
            held_out = total / len(halves)
        found.append(Fitted(law, theta, loglik, law.free + others, float(len(halves)), held_out))
    return found


def choose(fits: Sequence[Fitted], written: str, allowed: Sequence[str]) -> list[Fitted]:
    """The fits with the law to use first: the one written down unless another is clearly better."""
    usual = next(f for f in fits if f.law.name == written)
    able = [f for f in fits if f.law.name in allowed]
    best = min(able, key=lambda f: f.aicc)
    is_better = usual.aicc - best.aicc >= CLEARLY and (
        best.held_out is None or usual.held_out is None or best.held_out > usual.held_out
    )
    first = best if is_better else usual
    return [first, *sorted((f for f in fits if f is not first), key=lambda f: f.aicc)]


def fit_p_value(seen: Stamped, fitted: Fitted, tail: Tail | None) -> float | None:
    """χ² test of the law on equally likely classes; None for fewer than 30 times.

    What lies between the probabilities of *less* and of *this or less* is spread evenly by seeded
    draws, so that ties of rounded stamps do not count against the law.
    """
    n = len(seen.values)
    if n < 30:
        return None
    below, up_to = seen.levels(fitted.law, fitted.theta)
    if tail is not None:
        tail_below, tail_up_to = seen.levels(LOGNORMAL, tail.theta)
        below = (1 - tail.share) * below + tail.share * tail_below
        up_to = (1 - tail.share) * up_to + tail.share * tail_up_to
    draws = np.random.Generator(np.random.Philox(key=n)).random(n)
    classes = int(min(max(2 * n**0.4, 8), 40))
    level = np.clip(below + draws * (up_to - below), 0.0, 1.0 - 1e-12)
    counts = np.bincount((level * classes).astype(int), minlength=classes)
    chi2 = float(((counts - n / classes) ** 2).sum() / (n / classes))
    freedom = classes - 1 - fitted.law.free - (3 if tail else 0)
    return float(stats.chi2.sf(chi2, freedom))
