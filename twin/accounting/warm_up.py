"""Where the start of a run ends and its steady state begins: MSER-5.

White, K. P. (1997), An effective truncation heuristic for bias reduction in simulation output,
Simulation 69(6), 323–334; White, K. P., Cobb, M. J. and Spratt, S. C. (2000), A comparison of five
steady-state truncation heuristics for simulation, Proceedings of the Winter Simulation Conference,
755–760.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.model.horizon import Array

BATCH = 5
"""Observations in one mean: the 5 of MSER-5."""
FEWEST_BATCHES = 10
"""Below this many means nothing is said."""


@dataclass(frozen=True)
class Truncation:
    """How much of the beginning of a series to throw away."""

    observations: int
    """Cut these off; a multiple of :data:`BATCH`."""
    total: int
    """Observations there are."""
    is_found: bool
    """False when the run is too short to tell its start from its steady state."""

    @property
    def share(self) -> float:
        """Share of the series that is cut off."""
        return self.observations / self.total if self.total else 0.0


def mser5(series: Sequence[float] | Array) -> Truncation:
    """The truncation point that makes the mean of the rest most certain.

    Of the means of five Y_1 … Y_n, d are cut off so that

        MSER(d) = Σ_{i>d} (Y_i − Ȳ(d))² / (n − d)²

    is least: the squared standard error of the mean of what remains, were they independent. Only
    d ≤ n/2 is believed, as the statistic falls by chance where few means remain; when the least one
    lies in the second half, or there are fewer than :data:`FEWEST_BATCHES` means, the run is too
    short. Observations behind the last whole five are left out. Of equal values the smallest d.

    >>> mser5([9.0] * 10 + [1.0, 2.0] * 45).observations
    10
    >>> mser5(range(200)).is_found
    False
    """
    values = np.asarray(series, dtype=float)
    n = len(values) // BATCH
    if n < FEWEST_BATCHES:
        return Truncation(0, len(values), is_found=False)
    means = values[: n * BATCH].reshape(n, BATCH).mean(axis=1)
    # Sums from the end; the overall mean is taken off first so that large values do not cancel.
    rest = (means - means.mean())[::-1]
    count = np.arange(1, n + 1, dtype=float)
    squares = np.cumsum(rest * rest) - np.cumsum(rest) ** 2 / count
    noise = n * float(np.abs(rest).max(initial=0.0)) ** 2 * np.finfo(float).eps
    statistic = (np.where(squares > noise, squares, 0.0) / count**2)[::-1]
    # The last means are left out, as a lone one would have no spread at all.
    d = int(np.argmin(statistic[: n - BATCH]))
    return Truncation(d * BATCH, len(values), is_found=d <= n / 2)
