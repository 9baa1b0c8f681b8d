"""Laws of a duration: lifetimes, repair times. Minutes throughout; sampled by inverse CDF only.

One uniform draw gives one duration, so a stream of draws means the same luck under any law.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field

from twin.model.base import Frozen, Minutes

_NORMAL = NormalDist()

PositiveMinutes = Annotated[Minutes, Field(gt=0)]


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


class Exponential(Frozen):
    """Memoryless: the hazard does not depend on age."""

    law: Literal["exponential"] = "exponential"
    scale: PositiveMinutes
    """Mean duration."""

    @property
    def mean(self) -> float:
        return self.scale

    def quantile(self, u: float) -> float:
        return -math.log1p(-u) * self.scale

    def cumulative_hazard(self, t: float) -> float:
        return max(t, 0.0) / self.scale


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
        return self.scale * math.pow(-math.log1p(-u), 1 / self.shape)

    def cumulative_hazard(self, t: float) -> float:
        return math.pow(max(t, 0.0) / self.scale, self.shape)


class Lognormal(Frozen):
    """ln T is normal with standard deviation sigma around ln median."""

    law: Literal["lognormal"] = "lognormal"
    median: PositiveMinutes
    sigma: float = Field(gt=0)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)

    def quantile(self, u: float) -> float:
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf(min(max(u, 1e-300), 1 - 1e-16)))

    def cumulative_hazard(self, t: float) -> float:
        if t <= 0:
            return 0.0
        z = math.log(t / self.median) / self.sigma
        return -math.log(max(0.5 * math.erfc(z / math.sqrt(2)), 1e-300))


Law = Annotated[Constant | Exponential | Weibull | Lognormal, Field(discriminator="law")]


def remaining_life(law: Law, age: float, u: float) -> float:
    """Life left [min] at an age, given survival to it: the conditional inverse CDF at ``u``.

    P(T ≤ t | T > a) = 1 − S(t)/S(a), so T = F⁻¹(1 − (1 − u) S(a)) and the life left is T − a.
    """
    survival = math.exp(-law.cumulative_hazard(age)) if age > 0 else 1.0
    if survival <= 0:
        return 0.0
    return max(law.quantile(1 - (1 - u) * survival) - age, 0.0) if age > 0 else law.quantile(u)
