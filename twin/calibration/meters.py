"""Meter readings as intervals: since when each counts, and how finely it was read.

A meter tells either the energy since its last reading or the position of its counter. A counter
only ever rises, but for a reset; energies of intervals fall as often as they rise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twin.model.horizon import Array

LONGEST_INTERVAL = 1.5
"""Readings further apart than this times the usual are left out: some between them may be
missing. A counter misses nothing."""
MOST_FALLS = 0.02
"""A counter falls at no more than this share of its steps (resets)."""
LEAST_RISES = 0.2
STEPS = (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Steps to which readings are rounded, as energy [kWh] or as the mean power behind it [kW]."""
LEAST_READINGS = 20
"""With fewer nothing is said of a meter."""


@dataclass(frozen=True)
class Readings:
    """Energy of (N,) intervals between readings of one meter."""

    begin: Array
    end: Array
    """[min]"""
    kwh: Array
    step: float = 0.0
    """Readings are whole multiples of this [kWh]; 0 where no rounding shows."""
    is_counter: bool = False
    resets: int = 0
    """Falls of the counter; the energy of these intervals is not known."""
    gaps: int = 0
    """Intervals left out because readings are missing."""

    def __len__(self) -> int:
        return len(self.kwh)

    def only(self, mask: NDArray[np.bool_]) -> Readings:
        return replace(self, begin=self.begin[mask], end=self.end[mask], kwh=self.kwh[mask])

    def notes(self) -> Iterator[str]:
        """What was found about the meter, in words."""
        if self.is_counter:
            resets = f" with {self.resets} resets" if self.resets else ""
            yield f"readings are positions of a counter{resets}"
        if self.step:
            yield f"readings are rounded to {self.step:g} kWh"
        if self.gaps:
            yield f"{self.gaps} intervals with missing readings left out"


def read_meter(minutes: Array, quantity: Array) -> Readings:
    """Intervals of one meter from its (N,) readings at (N,) minutes, in the order of time.

    The first reading only begins an interval: nobody knows since when it counts.
    """
    known = np.isfinite(quantity)
    is_counter = shows_counter(quantity[known])
    if is_counter:
        minutes, quantity = minutes[known], quantity[known]
    begin, end = minutes[:-1], minutes[1:]
    kwh = np.diff(quantity) if is_counter else quantity[1:]
    length = end - begin
    usual = float(np.median(length)) if len(length) else 0.0
    fell = is_counter & (kwh < 0)
    gap = np.zeros(len(kwh), dtype=bool) if is_counter else ~(length <= LONGEST_INTERVAL * usual)
    gap |= ~np.isfinite(kwh)
    whole = (length > 0) & ~fell & ~gap
    return Readings(
        begin[whole], end[whole], kwh[whole], rounding_step(kwh[whole], usual / 60), is_counter,
        int(fell.sum()), int(gap.sum()),
    )  # fmt: skip


def shows_counter(quantity: Array) -> bool:
    """Whether readings are positions of a counter and not energies of intervals.

    >>> bool(shows_counter(np.arange(30.0))), bool(shows_counter(np.arange(30.0) % 3))
    (True, False)
    """
    if len(quantity) < LEAST_READINGS:
        return False
    change = np.diff(quantity)
    falls, rises = float((change < 0).mean()), float((change > 0).mean())
    return falls <= MOST_FALLS and rises >= max(LEAST_RISES, 5 * falls)


def rounding_step(kwh: Array, hours: float = 1.0) -> float:
    """The coarsest step [kWh] that all readings are multiples of, where it matters.

    A step below a hundredth of the usual reading changes nothing and counts as none.

    Parameters
    ----------
    hours
        Usual length of an interval, by which a step of power becomes one of energy.
    """
    drawn = kwh[kwh > 0]
    if len(drawn) < LEAST_READINGS:
        return 0.0
    least = 0.01 * float(np.median(drawn))
    for step in sorted({*STEPS, *(s * hours for s in STEPS)}, reverse=True):
        multiples = drawn / step
        if step >= least and np.all(np.abs(multiples - np.round(multiples)) < 1e-6):
            return step
    return 0.0
