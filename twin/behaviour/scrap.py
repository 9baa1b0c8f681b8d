"""How many pieces of a lot are scrapped, and why: one uniform draw each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from twin.model.quantiles import normal_quantile

EXACT_UP_TO = 30.0
"""Up to this expected number of scrapped pieces the binomial law is summed term by term."""


def scrapped_pieces(pieces: int, share: float, u: float) -> int:
    """Scrapped pieces of a lot: the quantile ``u`` of the binomial law (pieces, share).

    Above :data:`EXACT_UP_TO` expected pieces the quantile is the Cornish-Fisher expansion to the
    skewness (Cornish and Fisher 1938), which is within one piece of the exact one.

    >>> scrapped_pieces(20_000, 0.01, 0.5)
    200
    """
    if share <= 0 or pieces <= 0:
        return 0
    if share >= 1:
        return pieces
    expected = pieces * share
    if expected > EXACT_UP_TO:
        z = normal_quantile(u)
        spread = math.sqrt(expected * (1 - share))
        skew_term = (1 - 2 * share) * (z * z - 1) / 6
        return min(max(math.floor(expected + spread * z + skew_term + 0.5), 0), pieces)
    odds = share / (1 - share)
    term = math.exp(pieces * math.log1p(-share))
    total, k = term, 0
    while total < u and k < pieces:
        k += 1
        term *= odds * (pieces - k + 1) / k
        total += term
    return k


def scrap_reason(frequencies: Sequence[float], u: float) -> int:
    """Place of the main reason of a lot's scrap, drawn by relative frequency; −1 for none."""
    total = 0.0
    for frequency in frequencies:
        total += frequency
    reached = 0.0
    for place, frequency in enumerate(frequencies):
        reached += frequency
        if u * total < reached:
            return place
    return -1
