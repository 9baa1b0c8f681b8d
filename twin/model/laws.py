"""Laws of a duration: lifetimes, repair times. Minutes throughout; sampled by inverse CDF only.

One uniform draw gives one duration, so a stream of draws means the same luck under any law. A life
is worked out from the cumulative hazard H(t) = −ln S(t): a new one is H⁻¹(−ln(1 − u)), and one that
goes on from age a lasts H⁻¹(H(a) − ln(1 − u)) − a more, exact however old the part is.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.model.base import Frozen, Minutes
from twin.model.quantiles import (
    LARGE_SHAPE,
    gamma_quantile,
    gamma_tail,
    gamma_upper_quantile,
    normal_quantile,
)

PositiveMinutes = Annotated[Minutes, Field(gt=0)]
NonNegativeMinutes = Annotated[Minutes, Field(ge=0)]


class Constant(Frozen):
    """Always the same duration."""

    law: Literal["constant"] = "constant"
    value: PositiveMinutes

    @property
    def mean(self) -> float:
        return self.value

    def quantile(self, u: float) -> float:
        return self.value

    def cumulative_hazard(self, t: float) -> float:
        return 0.0 if t < self.value else math.inf

    def inverse_hazard(self, h: float) -> float:
        return self.value


class Exponential(Frozen):
    """Memoryless: the hazard does not depend on age."""

    law: Literal["exponential"] = "exponential"
    scale: PositiveMinutes
    """Mean duration."""

    @property
    def mean(self) -> float:
        return self.scale

    def quantile(self, u: float) -> float:
        return self.inverse_hazard(-math.log1p(-u))

    def cumulative_hazard(self, t: float) -> float:
        return max(t, 0.0) / self.scale

    def inverse_hazard(self, h: float) -> float:
        return h * self.scale


class Weibull(Frozen):
    """S(t) = exp(−(t/η)^β): wear-out for β > 1, early failures for β < 1."""

    law: Literal["weibull"] = "weibull"
    shape: float = Field(gt=0)
    """β."""
    scale: PositiveMinutes
    """η, the age by which 63.2 % have failed."""

    @property
    def mean(self) -> float:
        return self.scale * math.gamma(1 + 1 / self.shape)

    def quantile(self, u: float) -> float:
        return self.inverse_hazard(-math.log1p(-u))

    def cumulative_hazard(self, t: float) -> float:
        return math.pow(max(t, 0.0) / self.scale, self.shape)

    def inverse_hazard(self, h: float) -> float:
        return self.scale * math.pow(h, 1 / self.shape)


class Lognormal(Frozen):
    """ln T is normal with standard deviation sigma around ln median."""

    law: Literal["lognormal"] = "lognormal"
    median: PositiveMinutes
    sigma: float = Field(gt=0)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)

    def quantile(self, u: float) -> float:
        return self.median * math.exp(self.sigma * normal_quantile(u))

    def cumulative_hazard(self, t: float) -> float:
        if t <= 0:
            return 0.0
        z = math.log(t / self.median) / self.sigma
        return -math.log(max(0.5 * math.erfc(z / math.sqrt(2)), 1e-300))

    def inverse_hazard(self, h: float) -> float:
        return self.median * math.exp(-self.sigma * normal_quantile(_survival(h)))


class Gamma(Frozen):
    """Gamma law of this shape and scale; Erlang for a whole shape."""

    law: Literal["gamma"] = "gamma"
    shape: float = Field(gt=0, le=LARGE_SHAPE)
    scale: PositiveMinutes

    @property
    def mean(self) -> float:
        return self.shape * self.scale

    def quantile(self, u: float) -> float:
        return self.scale * gamma_quantile(self.shape, u)

    def cumulative_hazard(self, t: float) -> float:
        if t <= 0:
            return 0.0
        return -math.log(max(gamma_tail(self.shape, t / self.scale, True), 1e-300))

    def inverse_hazard(self, h: float) -> float:
        return self.scale * gamma_upper_quantile(self.shape, _survival(h))


class Histogram(Frozen):
    """Durations counted in classes, evenly spread inside each."""

    law: Literal["histogram"] = "histogram"
    edges: tuple[NonNegativeMinutes, ...] = Field(min_length=2)
    """Increasing limits of the classes."""
    counts: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=1)
    """Durations seen in each class; one fewer than the edges."""

    @model_validator(mode="after")
    def _fits(self) -> Histogram:
        if len(self.counts) != len(self.edges) - 1:
            raise ValueError(f"{len(self.edges)} edges go with {len(self.edges) - 1} counts")
        if any(b <= a for a, b in pairwise(self.edges)):
            raise ValueError("edges must increase")
        if sum(self.counts) <= 0:
            raise ValueError("all counts are 0")
        return self

    @cached_property
    def reached(self) -> tuple[float, ...]:
        """Share of durations up to each edge."""
        up_to = [*accumulate(self.counts)]
        return (0.0, *(count / up_to[-1] for count in up_to))

    @property
    def mean(self) -> float:
        middles = [(a + b) / 2 for a, b in pairwise(self.edges)]
        weighted = sum(m * c for m, c in zip(middles, self.counts, strict=True))
        return weighted / sum(self.counts)

    def quantile(self, u: float) -> float:
        i = min(max(bisect_left(self.reached, u), 1), len(self.counts))
        low, high = self.reached[i - 1], self.reached[i]
        inside = (u - low) / (high - low) if high > low else 0.0
        return self.edges[i - 1] + (self.edges[i] - self.edges[i - 1]) * inside

    def cumulative_hazard(self, t: float) -> float:
        if t <= self.edges[0]:
            return 0.0
        if t >= self.edges[-1]:
            return math.inf
        i = bisect_right(self.edges, t)
        width = self.edges[i] - self.edges[i - 1]
        inside = (t - self.edges[i - 1]) / width
        share = self.reached[i - 1] + (self.reached[i] - self.reached[i - 1]) * inside
        return -math.log1p(-share) if share < 1 else math.inf

    def inverse_hazard(self, h: float) -> float:
        return self.quantile(-math.expm1(-h))


class Empirical(Frozen):
    """Durations as they were seen, each as likely as the others."""

    law: Literal["empirical"] = "empirical"
    values: tuple[PositiveMinutes, ...] = Field(min_length=1)

    @cached_property
    def ordered(self) -> tuple[float, ...]:
        return tuple(sorted(self.values))

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    def quantile(self, u: float) -> float:
        return self.ordered[min(math.floor(u * len(self.values)), len(self.values) - 1)]

    def cumulative_hazard(self, t: float) -> float:
        share = bisect_right(self.ordered, t) / len(self.values)
        return -math.log1p(-share) if share < 1 else math.inf

    def inverse_hazard(self, h: float) -> float:
        return self.quantile(-math.expm1(-h))


Law = Annotated[
    Constant | Exponential | Weibull | Lognormal | Gamma | Histogram | Empirical,
    Field(discriminator="law"),
]


def variation(law: Law) -> float:
    """Coefficient of variation of a law: its standard deviation over its mean.

    >>> variation(Exponential(scale=90))
    1.0
    """
    if isinstance(law, Constant):
        return 0.0
    if isinstance(law, Exponential):
        return 1.0
    if isinstance(law, Weibull):
        first, second = math.gamma(1 + 1 / law.shape), math.gamma(1 + 2 / law.shape)
        return math.sqrt(second / first**2 - 1)
    if isinstance(law, Lognormal):
        return math.sqrt(math.expm1(law.sigma**2))
    if isinstance(law, Gamma):
        return 1 / math.sqrt(law.shape)
    if isinstance(law, Histogram):
        classes = zip(pairwise(law.edges), law.counts, strict=True)
        square = sum(c * (a * a + a * b + b * b) / 3 for (a, b), c in classes) / sum(law.counts)
    else:
        square = sum(value * value for value in law.values) / len(law.values)
    return math.sqrt(max(square / law.mean**2 - 1, 0.0))


def remaining_life(law: Law, age: float, u: float) -> float:
    """Life left [min] at an age, given survival to it: the conditional inverse CDF at ``u``.

    0 at an age that no part of a bounded law reaches.
    """
    fresh = -math.log1p(-u)
    if age <= 0:
        return law.inverse_hazard(fresh)
    used = law.cumulative_hazard(age)
    if used == math.inf:
        return 0.0
    return max(law.inverse_hazard(used + fresh) - age, 0.0)


def _survival(h: float) -> float:
    return max(math.exp(-h), 1e-300)
