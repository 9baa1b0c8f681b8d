"""Two stretches of one unit's rows that a clock set back has shuffled into each other, told apart.

When a clock is set back by an hour, the rows of the hour before and of the hour after carry the
same times. Where the file keeps the order in which rows came, that order tells them apart. Where it
was sorted, the rows are split so that in each stretch every row follows the one before it as rows
of this unit do elsewhere in the log: an end after its start, the next lot after the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.model.horizon import Array

SMOOTH = 0.02
"""Added to each count of one row after another, so that nothing is impossible."""
LARGEST = 120
"""Rows in a window; more are not told apart."""
LEAST_SHUFFLED = 3
"""Rows on each side that overlap; fewer came late, one by one."""
STRAY = 0.1
"""Share of rows that may stand out of order in a file that keeps the order of arrival."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """Which rows of a window came first, and how clear that is."""

    is_first: Mask
    gain: float
    """Log likelihood of the split above that of the rows in the order of their stamps."""


class Succession:
    """How often which row of a unit follows which: learnt from its rows in time order."""

    def __init__(self, rows: pd.DataFrame) -> None:
        words = _words(rows)
        times = _minutes(rows)
        pairs = [
            _step(a, b, later <= sooner)
            for a, b, sooner, later in zip(words, words[1:], times, times[1:], strict=False)
        ]
        self._steps = Counter(pairs)
        self._from = Counter(p[0] for p in pairs)
        self._kinds = max(len(self._steps), 1)

    def weight(self, a: _Word, b: _Word, is_at_once: bool) -> float:
        """Log probability that b follows a."""
        step = _step(a, b, is_at_once)
        total = self._from[step[0]] + SMOOTH * self._kinds
        return log((self._steps[step] + SMOOTH) / total)


_Word = tuple[str, str, str, str, str]
"""Kind of event, state, order, operation and lot of a row."""


def _words(rows: pd.DataFrame) -> list[_Word]:
    columns = ("event", "state", "order", "operation", "lot")
    return list(zip(*(rows[c].tolist() for c in columns), strict=True))


def _minutes(rows: pd.DataFrame) -> list[float]:
    seconds = (rows["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return [float(s) / 60 for s in seconds]


_Step = tuple[tuple[str, str], tuple[str, str], str, str, bool]


def _step(a: _Word, b: _Word, is_at_once: bool) -> _Step:
    order = "none" if not (a[2] and b[2]) else "same" if a[2] == b[2] else "other"
    lots = "none"
    if a[4] and b[4]:
        lots = "same" if a[4] == b[4] else "next" if b[4] > a[4] else "back"
    return (a[0], a[1]), (b[0], b[1]), order, lots, is_at_once


def by_file_order(rows: pd.DataFrame) -> Mask | None:
    """Rows recorded before the file's times fall back; None where it was sorted by time.

    ``rows`` is indexed by row number of the file.
    """
    filed = rows.sort_index()
    times = np.array(_minutes(filed))
    if len(times) < 3 or not (np.diff(times) < 0).any():
        return None
    best = min(range(1, len(times)), key=lambda k: _falls(times[:k]) + _falls(times[k:]))
    one, two = times[:best], times[best:]
    shuffled = min(int((one > two.min()).sum()), int((two < one.max()).sum()))
    if _falls(one) + _falls(two) > STRAY * len(times) or shuffled < LEAST_SHUFFLED:
        return None
    first = set(filed.index[:best])
    return np.array([row in first for row in rows.index])


def _falls(times: Array) -> int:
    return int((np.diff(times) < 0).sum())


def by_succession(
    rows: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, minutes: float, usual: Succession
) -> Split | None:
    """The most likely split of a window's rows, the second stretch stamped ``minutes`` too early.

    ``before`` and ``after`` are rows on its two sides, surely of the first and of the second
    stretch.
    """
    n = len(rows)
    if not 1 < n <= LARGEST:
        return None
    words = [*_words(before.tail(1)), *_words(rows), *_words(after.head(1))]
    times = [*_minutes(before.tail(1)), *_minutes(rows), *_minutes(after.head(1))]
    has_before, has_after = len(before) > 0, len(after) > 0
    weights = np.full((len(words), len(words)), -inf)
    for i, a in enumerate(words):
        for j in range(i + 1, len(words)):
            weights[i, j] = usual.weight(a, words[j], times[j] <= times[i])
    join = np.full((len(words), len(words)), 0.0)
    for i, a in enumerate(words):
        for j, b in enumerate(words):
            join[i, j] = usual.weight(a, b, times[j] + minutes <= times[i])
    shift = 1 if has_before else 0
    best, chosen = -inf, None
    for f in range(shift, n + shift):
        score, labels = _best_from(f, n + shift, weights, join, times, minutes, has_after)
        if score > best:
            best, chosen = score, labels
    if chosen is None:
        return None
    plain = sum(weights[i, i + 1] for i in range(len(words) - 1))
    return Split(np.array(chosen[shift:]), float(best - plain))


def _best_from(
    f: int, stop: int, weights: Array, join: Array, times: Sequence[float], minutes: float,
    has_after: bool,
) -> tuple[float, list[bool]]:  # fmt: skip
    """Best labels (True: first stretch) where row f is the first of the second stretch."""
    # scores[(a, b)]: a and b are the last rows of the two stretches so far.
    start = sum(weights[i, i + 1] for i in range(f - 1)) if f else 0.0
    scores: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {(f - 1, f): (start, ())}
    for i in range(f + 1, stop):
        following: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        may_be_first = times[i] < times[f] + minutes
        for (a, b), (score, path) in scores.items():
            second = score + weights[b, i]
            if second > following.get((a, i), (-inf, ()))[0]:
                following[a, i] = second, path
            if may_be_first:
                first = score + (weights[a, i] if a >= 0 else 0.0)
                if first > following.get((i, b), (-inf, ()))[0]:
                    following[i, b] = first, (*path, i)
        scores = following
    best, labels = -inf, [True] * f + [False] * (stop - f)
    for (a, b), (score, path) in scores.items():
        total = score + (join[a, f] if a >= 0 else 0.0)
        total += weights[b, stop] if has_after else 0.0
        if total > best:
            best = total
            labels = [i < f or i in path for i in range(stop)]
    return best, labels
