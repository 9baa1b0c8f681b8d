"""Two plans on the same replications: the mean of the differences, not the difference of means.

Under common random numbers both plans meet the same breakdowns, so most of the luck cancels.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

from twin.accounting.intervals import mean_interval
from twin.accounting.outcome import Outcome

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Difference:
    """How much higher a figure of the other plan is than that of the base plan."""

    mean: float
    low: float
    high: float
    """Two-sided interval [low, high] for the mean."""
    n: int
    """Pairs of replications."""
    base_mean: float
    other_mean: float
    level: float = 0.9

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no doubt about the sign; never with a single pair."""
        return self.n > 1 and (self.low > 0 or self.high < 0)


def compare(
    base: Sequence[Outcome], other: Sequence[Outcome], level: float = 0.9
) -> dict[str, Difference]:
    """Other minus base for every figure, paired by replication.

    Raises
    ------
    ValueError
        If the two do not have the same, positive number of replications.
    """
    return compare_figures([a.figures() for a in base], [b.figures() for b in other], level)


def compare_figures(
    base: Sequence[Mapping[Name, float]], other: Sequence[Mapping[Name, float]], level: float = 0.9
) -> dict[Name, Difference]:
    """Other minus base for every figure that both have, paired by replication.

    For figures of an engine's totals (:func:`twin.accounting.indicators.observe`) as well: give
    both the same seed and the same replications. A pair in which a figure has no value ("not a
    number") is left out of it, and ``n`` counts the others; a figure without any pair is left out.

    Raises
    ------
    ValueError
        If the two do not have the same, positive number of replications.
    """
    if not base or len(base) != len(other):
        raise ValueError(f"got {len(base)} and {len(other)} replications; pairs are needed")
    found = {}
    for name in base[0]:
        if name not in other[0]:
            continue
        pairs = [(a[name], b[name]) for a, b in zip(base, other, strict=True)]
        known = [pair for pair in pairs if isfinite(pair[0]) and isfinite(pair[1])]
        if known:
            found[name] = _difference(known, level)
    return found


def _difference(pairs: Sequence[tuple[float, float]], level: float) -> Difference:
    found = mean_interval([b - a for a, b in pairs], level)
    return Difference(
        mean=found.mean,
        low=found.low,
        high=found.high,
        n=found.n,
        base_mean=sum(a for a, _ in pairs) / len(pairs),
        other_mean=sum(b for _, b in pairs) / len(pairs),
        level=level,
    )
