"""How sure a figure from replications is: intervals for means, probabilities and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from statistics import NormalDist

import numpy as np
from scipy.special import bdtr, betaincinv, stdtrit

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


def clopper_pearson_interval(successes: int, n: int, level: float = 0.9) -> Estimate:
    """Share of successes with the exact interval: it holds the truth at least as often as stated.

    Clopper, C. J. and Pearson, E. S. (1934), The use of confidence or fiducial limits illustrated
    in the case of the binomial, Biometrika 26: the shares at which so many successes or more (or
    fewer) have a chance of (1 − level)/2, as quantiles of the beta distribution. It is wider than
    Wilson's; use it where an error must not be more frequent than stated.

    >>> e = clopper_pearson_interval(8, 10, 0.95)
    >>> f"{e.mean:.1f} [{e.low:.4f}, {e.high:.4f}]"
    '0.8 [0.4439, 0.9748]'
    """
    tail = (1 - level) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Estimate(successes / n, low, high, n, level)


def quantile_interval(
    values: Sequence[float | None], share: float, level: float = 0.9
) -> tuple[float | None, float | None] | None:
    """Two observations between which a quantile lies, whatever the distribution.

    The number of n observations below the q-quantile is binomial (n, q), so the quantile lies
    between the r-th and the s-th smallest with a chance of at least P(r ≤ B ≤ s − 1); r and s leave
    at most (1 − level)/2 at either side (David and Nagaraja, Order Statistics, 3rd ed., 2003,
    section 7.1). None (never) counts as the highest.

    Returns
    -------
    The two ends; an end is None where it is "never". None alone when the values are too few to
    have such an interval.

    >>> quantile_interval([float(i) for i in range(1, 11)], 0.5)
    (2.0, 9.0)
    >>> quantile_interval([1.0, 2.0, 3.0], 0.9) is None
    True
    """
    n, tail = len(values), (1 - level) / 2
    below = bdtr(np.arange(n), n, share)  # P(B ≤ k)
    r = int(np.searchsorted(below, tail, side="right"))  # largest r with P(B ≤ r − 1) ≤ tail
    s = int(np.searchsorted(below, 1 - tail, side="left")) + 1  # least s with P(B ≤ s − 1) ≥ …
    if r < 1 or s > n:
        return None
    ranked = sorted(inf if v is None else v for v in values)
    low, high = (None if end == inf else end for end in (ranked[r - 1], ranked[s - 1]))
    return low, high


def observed_quantile(values: Sequence[float | None], share: float) -> float | None:
    """The value below or at which a share of all values lies; None (never) counts as the highest.

    >>> observed_quantile([3.0, 1.0, None, 2.0], 0.5)
    2.0
    """
    ranked = sorted(inf if v is None else v for v in values)
    found = float(np.quantile(ranked, share, method="inverted_cdf"))
    return None if found == inf else found
