"""The kernel's codes for laws and modes, and how lists become its arrays."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

from twin.behaviour.dispatching import (
    ApparentTardinessCost,
    EarliestDueDate,
    FirstInFirstOut,
    ShortestProcessingTime,
)
from twin.model.failures import FailureMode
from twin.model.laws import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Histogram,
    Law,
    Lognormal,
    Weibull,
)
from twin.model.plant import Processing
from twin.model.shifts import OpenTime
from twin.simulation.clock import to_tick

FAR = 2**62
RULES = (EarliestDueDate, FirstInFirstOut, ShortestProcessingTime, ApparentTardinessCost)
BASES = ("order", "piece", "kg", "load")
INTERRUPTED = ("resume", "finish_first", "scrap", "restart")
EFFECTS = ("new", "old", "partial", "chance")
CLOCKS = ("operating", "calendar", "count")
DUE_BY = ("operating", "calendar", "count", "age", "condition")
PURPOSES = (
    "lot time", "lot scrap", "scrap reason", "setup", "branch", "defect", "found", "false alarm",
)  # fmt: skip
"""Of a job's random numbers, in the order in which the kernel numbers them."""


def integers(values: Iterable[int]) -> array[int]:
    return array("q", values)


def reals(values: Iterable[float]) -> array[float]:
    return array("d", values)


def joined(parts: Iterable[Sequence[int]]) -> tuple[array[int], array[int]]:
    """Where each part begins, and all of them one after the other."""
    first, values = [0], array("q")
    for part in parts:
        values.extend(part)
        first.append(len(values))
    return integers(first), values


def open_ticks(
    calendars: Iterable[OpenTime],
) -> tuple[array[int], array[int], array[int]]:
    """Open intervals of calendars: where each calendar begins, starts, ends."""
    calendars = list(calendars)
    first, starts = joined([to_tick(t) for t in c.starts.tolist()] for c in calendars)
    _, ends = joined([to_tick(t) for t in c.ends.tolist()] for c in calendars)
    return first, starts, ends


def mode_kind(mode: FailureMode) -> int:
    """What ends a life: a law, a degradation (gamma, wiener), a common cause."""
    if mode.degradation is not None:
        return 1 if mode.degradation.process == "gamma" else 2
    return 3 if mode.common_cause is not None else 0


def lot_pieces(row: Processing, lot_size: int, piece_mass_g: float) -> int:
    """Pieces of a full lot, as :meth:`~twin.model.compiled.CompiledPlant.lots` cuts them."""
    if row.basis == "order":
        return FAR
    if row.load_kg is not None:
        return max(int(row.load_kg * 1000 / piece_mass_g), 1)
    return lot_size


def spread_numbers(row: Processing) -> tuple[int, float, float]:
    """Code and two numbers of the law of a lot's time around its mean."""
    if row.spread == "exponential":
        return 3, 0.0, 0.0
    if row.cv == 0:
        return 0, 0.0, 0.0
    if row.spread == "gamma":
        return 2, 1 / (row.cv * row.cv), row.cv * row.cv
    variance = math.log1p(row.cv * row.cv)
    return 1, math.sqrt(variance), variance / 2


def law_numbers(law: Law) -> tuple[int, float, float, list[float], int]:
    """Code, two numbers, a table and its number of classes or values."""
    if isinstance(law, Constant):
        return 0, law.value, 0.0, [], 0
    if isinstance(law, Exponential):
        return 1, law.scale, 0.0, [], 0
    if isinstance(law, Weibull):
        return 2, law.shape, law.scale, [], 0
    if isinstance(law, Lognormal):
        return 3, law.median, law.sigma, [], 0
    if isinstance(law, Gamma):
        return 4, law.shape, law.scale, [], 0
    if isinstance(law, Histogram):
        return 5, 0.0, 0.0, [*law.edges, *law.reached], len(law.counts)
    assert isinstance(law, Empirical)
    return 6, 0.0, 0.0, list(law.ordered), len(law.values)


def bit_places() -> list[int]:
    """Place of the lowest bit, by the top of its product with a de Bruijn number."""
    places = [0] * 64
    for place in range(64):
        places[((1 << place) * 0x03F79D71B4CB0A89 & 0xFFFFFFFFFFFFFFFF) >> 58] = place
    return places
