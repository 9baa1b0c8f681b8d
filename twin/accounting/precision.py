"""How many replications make a figure as sure as wanted: a sequential rule.

Replications are added until Student's interval of the mean is no wider than wanted (Law, A. M.,
Simulation Modeling and Analysis, 5th ed., 2015, section 9.4.1; the theory is that of Chow, Y. S.
and Robbins, H. (1965), On the asymptotic theory of fixed-width sequential confidence intervals,
Annals of Mathematical Statistics 36, 457–462). Departures: replications are added in steps, each
as large as the spread so far asks for, so that a series is looked at a few times only; and the
relative width is compared with the mean found, not with Law's γ/(1 + γ) of it.

Stopping when the interval happens to look narrow makes it right a little less often than its level
says; the minimum number of replications keeps that loss small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Generic, TypeVar

from twin.accounting.intervals import mean_interval
from twin.accounting.report import Estimate

T = TypeVar("T")

MOST_AT_ONCE = 3
"""A step at most multiplies the replications by this: early spreads are unsure."""


@dataclass(frozen=True)
class Precision:
    """What half-width is wanted, and how long to try."""

    half_width: float
    """Half the width of the interval: in the unit of the figure, or a share of its mean."""
    is_relative: bool = True
    level: float = 0.9
    minimum: int = 10
    """Replications before the first look."""
    maximum: int = 1000

    def __post_init__(self) -> None:
        if not (self.half_width > 0 and isfinite(self.half_width)):
            raise ValueError(f"got a half-width of {self.half_width:g}; it is above 0")
        if not 2 <= self.minimum <= self.maximum:
            raise ValueError(
                f"got {self.minimum} to {self.maximum} replications; at least 2 are needed for an "
                "interval, and the maximum is not below the minimum"
            )

    def target(self, mean: float) -> float:
        """The half-width wanted at a mean, in the unit of the figure."""
        return self.half_width * abs(mean) if self.is_relative else self.half_width

    def is_reached(self, found: Estimate) -> bool:
        """Whether an interval is narrow enough. A mean of 0 has no relative half-width, unless
        every replication gave 0."""
        half = (found.high - found.low) / 2
        return found.n >= 2 and half <= self.target(found.mean)

    def next_count(self, found: Estimate) -> int:
        """How many replications there should be in all, judging by an interval that is too wide."""
        target, half = self.target(found.mean), (found.high - found.low) / 2
        wanted = found.n * (half / target) ** 2 if target > 0 else float("inf")
        step = min(wanted, MOST_AT_ONCE * found.n)
        return min(max(ceil(step), found.n + 1), self.maximum)


@dataclass(frozen=True)
class Series(Generic[T]):
    """Replications made for a precision, and whether it was reached."""

    results: list[T]
    estimate: Estimate | None
    """Of the figure asked for; none where no replication had a value."""
    is_reached: bool
    """False: the maximum was reached, or the series was stopped, without the wanted width."""
    is_stopped: bool
    """Stopped from outside before it was done."""


def replicate_until(
    run: Callable[[int, int], Sequence[T]], figure: Callable[[T], float], precision: Precision
) -> Series[T]:
    """Add replications until the mean of a figure is as sure as wanted.

    Parameters
    ----------
    run
        ``run(first, count)`` gives the results of replications first … first + count − 1, fewer
        when it was stopped.
    figure
        Value of one result; "not a number" for one that has none, which counts as no observation
        (and as one replication of the maximum).
    """
    results: list[T] = []
    count = precision.minimum
    while True:
        results += run(len(results), count - len(results))
        values = [v for v in map(figure, results) if isfinite(v)]
        found = mean_interval(values, precision.level) if values else None
        is_reached = found is not None and precision.is_reached(found)
        is_stopped = len(results) < count and not is_reached
        if is_reached or is_stopped or count >= precision.maximum:
            return Series(results, found, is_reached, is_stopped)
        grown = precision.next_count(found) - found.n if found else count
        count = min(count + max(grown, 1), precision.maximum)
