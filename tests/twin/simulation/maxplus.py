"""A serial line without an engine: starts and departures by recursion over parts and stations.

Station v starts part i when it has the part and is empty, and part i leaves when it is done and the
buffer of ``places`` before station v + 1 has a place, which the start of an earlier part gives free
(Altiok and Ranjan 1989; Kendrick 1993):

    s(v, i) = max(d(v − 1, i), d(v, i − 1))
    d(v, i) = max(s(v, i) + p(v, i), s(v + 1, i − places(v + 1)))

With no place at all a part leaves when the next station starts it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.behaviour.randomness import Luck, lognormal_factor
from twin.simulation.result import Integers

TICKS = 60_000_000
"""Ticks of a minute."""


@dataclass(frozen=True)
class LineTimes:
    """Starts and departures of part i at station v [tick]."""

    starts: Integers
    """(V, N)"""
    departures: Integers
    """(V, N)"""


def line_times(work: Integers, arrivals: Integers, places: list[int | None]) -> LineTimes:
    """Starts and departures of a serial line with blocking after service.

    Parameters
    ----------
    work : (V, N)
        Working time of part i at station v [tick].
    arrivals : (N,)
        When part i stands before the first station [tick].
    places : (V,)
        Room before station v; None is unlimited. That of the first station is not read.
    """
    stations, parts = work.shape
    starts, departures = np.zeros_like(work), np.zeros_like(work)
    for i in range(parts):
        here = int(arrivals[i])
        for v in range(stations):
            start = max(here, int(departures[v, i - 1]) if i else 0)
            leaves = start + int(work[v, i])
            room = places[v + 1] if v + 1 < stations else None
            if room == 0 and i > 0:
                leaves = max(leaves, int(departures[v + 1, i - 1]))
            elif room is not None and room <= i and i > 0:
                leaves = max(leaves, int(starts[v + 1, i - room]))
            starts[v, i], departures[v, i] = start, leaves
            here = leaves
    return LineTimes(starts, departures)


def lot_ticks(
    luck: Luck, source: str, operation: str, minutes: float, cv: float, parts: int
) -> Integers:
    """Working time of the first ``parts`` parts of a source at an operation [tick], (N,)."""
    stream = luck.stream(f"{source}/{operation}", "lot time")
    drawn = [minutes * lognormal_factor(cv, stream.uniform(i << 16)) for i in range(parts)]
    return np.array([max(int(np.floor(m * TICKS + 0.5)), 1) for m in drawn], dtype=np.int64)
