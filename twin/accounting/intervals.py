"""How sure a figure from replications is: intervals for means, probabilities and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

from twin.accounting.report import Estimate
from twin.model.horizon import Array


def mean_interval(values: Sequence[float] | Array, level: float = 0.9) -> Estimate:
    """Mean with Student's interval x̄ ± t·s/√n; a single value stands for itself."""
    sample = np.asarray(values, dtype=float)
    n, mean = len(sample), float(sample.mean())
    if n < 2:
        return Estimate(mean, mean, mean, n, level)
    t = float(stdtrit(n - 1, (1 + level) / 2))
    half = t * float(sample.std(ddof=1)) / sqrt(n)
    return Estimate(mean, mean - half, mean + half, n, level)


def wilson_interval(successes: int, n: int, level: float = 0.9) -> Estimate:
    """Share of successes with Wilson's score interval; the mean is the plain share.

    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference,
    JASA 22: centre (p̂ + z²/2n)/(1 + z²/n), half-width z·√(p̂(1−p̂)/n + z²/4n²)/(1 + z²/n).

    >>> e = wilson_interval(8, 10, 0.95)
    >>> f"{e.mean:.1f} [{e.low:.4f}, {e.high:.4f}]"
    '0.8 [0.4902, 0.9433]'
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, scale = successes / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == n else min(centre + half, 1.0)
    return Estimate(share, low, high, n, level)


def observed_quantile(values: Sequence[float | None], share: float) -> float | None:
    """The value below or at which a share of all values lies; None (never) counts as the highest.

    >>> observed_quantile([3.0, 1.0, None, 2.0], 0.5)
    2.0
    """
    ranked = sorted(inf if v is None else v for v in values)
    found = float(np.quantile(ranked, share, method="inverted_cdf"))
    return None if found == inf else found
