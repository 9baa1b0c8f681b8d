"""Which quarters of an hour are on shift on which day, from whether there was activity in them.

Inside a shift activity is a Markov chain: it comes with one probability after a quarter without it,
with another after a quarter with it. Outside there is next to none. Each quarter so bears witness
for or against being on shift, and the witnesses of all days with the same pattern add up. A pattern
is the best path through the day when each opening and each closing costs :data:`CHANGE`; two
weekdays share one where a second is not worth what its changes cost (minimum description length,
Rissanen 1978, Automatica 14). Between two dates other patterns may hold, and a single day may have
its own, at a price of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.model.horizon import Array

QUARTERS = 96
"""Quarters of an hour in a day."""
CHANGE = 4.6
"""Cost of an opening or a closing, in log likelihood: to name one quarter of the day, ln 96."""
OWN_DAY = 4.0
"""Cost of a day with a pattern of its own, besides that of its changes: one in fifty has one."""
OWN_RANGE = 25.0
"""Cost of a stretch of dates with patterns of their own."""
LEAST_RANGE = 10
"""Days of such a stretch, at least."""
MOST_RANGES = 3
ROUNDS = 4
SURE = 3.0
"""Log likelihood of a quarter with activity for one on shift, of a single resource."""
STRAY = (0.002, 0.05)
"""Least and most share of quarters with activity outside of shifts."""
IDLE_DAY = 0.1
"""A day with less of the usual activity than this is taken for a day off to begin with."""
LONG_REST = 10.0
"""Idle for longer than so many median idle stretches is not idleness: were these exponential, one
in a thousand would be."""
LEAST_RESTS = 20
"""Idle stretches that must be seen before longer ones than a quarter are taken for usual."""
SHORTEST_REST = 12
"""Quarters without activity that are always taken for idleness."""
LEAST_USE = 0.5
"""A window is a shift when on this share of the days that chance gives it there was activity."""
LEAST_DATES = 3
"""Days of a pattern that must have been seen before one of them can have its own."""

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Days that have the same shifts. Two are the same only as objects."""

    days: tuple[int, ...]
    """Numbers of the days that follow it."""
    open: Mask
    """(96,)"""


@dataclass(frozen=True)
class Patterns:
    """How the days of a log fall into patterns."""

    regime: Numbers
    """(D,) number of each day's stretch of dates; 0 is the one at the end of the log."""
    usual: dict[tuple[int, int], Pattern]
    """By stretch and weekday; weekdays that share a pattern share the object."""
    own: dict[int, Pattern] = field(default_factory=dict)
    """By day, where it has its own."""

    def of(self, day: int, weekday: int) -> Pattern:
        return self.own.get(day) or self.usual[int(self.regime[day]), weekday]

    def all_open(self, weekday: Numbers) -> Mask:
        """(D, 96) from the (D,) weekdays."""
        return np.array([self.of(d, w).open for d, w in enumerate(weekday.tolist())])


@dataclass(frozen=True)
class _Chain:
    """Probability of activity in a quarter on shift, after one without and one with; and off."""

    after_idle: float
    after_busy: float
    off: float


def find_patterns(
    active: Mask, seen: Mask, weekday: Numbers, midnight: int = 0, *, by_weekday: bool = True
) -> Patterns:
    """Sort the days of a log into patterns.

    Parameters
    ----------
    active, seen : (D, 96)
        Whether there was activity, and whether the log covers the quarter at all.
    weekday : (D,)
    midnight
        First quarter of a day that belongs to the next date, 0 where days are dates.
    by_weekday
        Weekdays may differ. Otherwise all on which there is work share one pattern.
    """
    log = _Log(active, seen, weekday, midnight, by_weekday)
    open_now = _first_guess(active, weekday)
    found = Patterns(np.zeros(len(active), dtype=int), {})
    for _ in range(ROUNDS):
        found = _best_told(log, _chain(active, seen, open_now))
        before, open_now = open_now, found.all_open(weekday)
        if np.array_equal(before, open_now):
            break
    return found


def patterns_of_one(
    active: Mask, weekday: Numbers, *, by_weekday: bool, least_share: float
) -> Patterns:
    """Patterns of a single resource, whose idle days say nothing about its shifts.

    A quarter is on shift when it was active, on the days with any work, at least this share as
    often as the busy quarters.
    """
    works = active.any(axis=1)
    groups: list[tuple[int, ...]] = [(w,) for w in range(7)]
    if not by_weekday:
        groups = _working_weekdays(weekday, active)
    mean = active[works].mean(axis=0)
    least = least_share * float(np.quantile(mean[mean > 0], 0.9))
    usual = {}
    for n, group in enumerate(groups):
        mine = np.flatnonzero(works & np.isin(weekday, group))
        witness = SURE * (active[mine] - least).sum(axis=0)
        is_rest = not by_weekday and n > 0
        pattern = Pattern(
            tuple(mine.tolist()), np.zeros(QUARTERS, dtype=bool) if is_rest else best_open(witness)
        )
        usual.update({(0, w): pattern for w in group})
    return Patterns(np.zeros(len(active), dtype=int), usual)


@dataclass(frozen=True)
class _Log:
    """What is known of the days, see :func:`find_patterns`."""

    active: Mask
    seen: Mask
    weekday: Numbers
    midnight: int
    by_weekday: bool

    @property
    def days(self) -> Numbers:
        return np.arange(len(self.active))


def _first_guess(active: Mask, weekday: Numbers) -> Mask:
    """(D, 96) quarters busy on their weekday at least a third as often as the busy ones are."""
    mean = np.array(
        [active[weekday == w].mean(axis=0) if (weekday == w).any() else np.zeros(QUARTERS)
         for w in range(7)]
    )  # fmt: skip
    flat = np.convolve(np.pad(mean.ravel(), 1, mode="wrap"), np.ones(3) / 3, mode="valid")
    busy = float(np.quantile(flat[flat > 0], 0.8))
    guess: Mask = (flat > busy / 3).reshape(7, QUARTERS)[weekday]
    # Days off would pass for idleness, and so hide themselves.
    share = (active & guess).sum(axis=1) / np.maximum(guess.sum(axis=1), 1)
    usual = float(np.median(share[guess.any(axis=1)])) if guess.any() else 0.0
    guess[share < IDLE_DAY * usual] = False
    return guess


def _chain(active: Mask, seen: Mask, is_open: Mask) -> _Chain:
    """Probabilities of activity, without stretches too long to be idleness."""
    flat = active.ravel()
    outside = active[~is_open & seen]
    inside = (is_open & seen).ravel()
    inside &= ~_long_rests(inside & ~flat)
    now, before, inside = flat[1:], flat[:-1], inside[1:] & inside[:-1]

    def share(of: Mask, prior: float) -> float:
        return (float(now[of].sum()) + prior) / (float(of.sum()) + 1.0)

    off = (float(outside.sum()) + 0.5) / (outside.size + 1.0)
    after_busy = share(inside & before, 0.5)
    after_idle = share(inside & ~before, min(after_busy, 0.9))
    least = max(after_idle, 0.01)
    return _Chain(least, max(after_busy, least), float(np.clip(off, *STRAY)))


def _long_rests(idle: Mask) -> Mask:
    """Idle quarters in runs much longer than the usual: time off, not yet known as such."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], idle.astype(int), [0]])))
    begins, ends = edges[::2], edges[1::2]
    found = np.zeros(len(idle), dtype=bool)
    if len(begins):
        lengths = np.concatenate([ends - begins, np.ones(LEAST_RESTS, dtype=int)])
        limit = max(LONG_REST * float(np.median(lengths)), SHORTEST_REST)
        for begin, end in zip(begins, ends, strict=True):
            found[begin:end] = end - begin > limit
    return found


def _witness(active: Mask, seen: Mask, chain: _Chain) -> Array:
    """(D, 96) log likelihood of each quarter on shift over that off shift."""
    flat = active.ravel()
    before = np.append(False, flat[:-1])
    busy = np.where(before, chain.after_busy, chain.after_idle)
    on = np.log(np.where(flat, busy, 1 - np.minimum(busy, 0.995)))
    off = np.log(np.where(flat, chain.off, 1 - chain.off))
    found: Array = ((on - off) * seen.ravel()).reshape(active.shape)
    return found


def best_open(witness: Array) -> Mask:
    """(..., 96) quarters to call open for the highest sum of witness less the cost of changes."""
    return _paths(np.atleast_2d(witness))[1].reshape(witness.shape)


def _worth(witness: Array) -> Array:
    """(N,) what the best pattern reaches for each of (N, 96) witnesses."""
    return _paths(witness)[0]


def _paths(witness: Array) -> tuple[Array, Mask]:
    """Viterbi's algorithm on two states, closed and open, for (N, Q) witnesses at once."""
    n, quarters = witness.shape
    closed, opened = np.zeros(n), np.full(n, -CHANGE)
    from_open, from_closed = np.zeros((2, n, quarters), dtype=bool)
    for q in range(quarters):
        if q:
            from_open[:, q] = opened - CHANGE > closed
            from_closed[:, q] = closed - CHANGE > opened
            closed, opened = (
                np.maximum(closed, opened - CHANGE),
                np.maximum(opened, closed - CHANGE),
            )
        opened = opened + witness[:, q]
    is_open = np.zeros((n, quarters), dtype=bool)
    opened = opened - CHANGE
    state = opened > closed
    for q in range(quarters - 1, -1, -1):
        is_open[:, q] = state
        state = np.where(state, ~from_closed[:, q], from_open[:, q])
    return np.maximum(closed, opened), is_open


def _weekday_groups(
    log: _Log, chain: _Chain, witness: Array, days: Numbers
) -> list[tuple[int, ...]]:
    """Weekdays that share a pattern on some days, merged as long as that is the shorter story."""
    weekday = log.weekday[days]
    if not log.by_weekday:
        return _working_weekdays(weekday, log.active[days])
    rests = tuple(
        w for w in range(7) if not _own_pattern(log, chain, witness, days[weekday == w]).any()
    )
    groups: dict[tuple[int, ...], Array] = {
        (w,): witness[days[weekday == w]].sum(axis=0) for w in range(7) if w not in rests
    }
    while len(groups) > 1:
        pairs = list(combinations(groups, 2))
        apart = dict(zip(groups, _worth(np.array([*groups.values()])), strict=True))
        together = _worth(np.array([groups[a] + groups[b] for a, b in pairs]))
        gain = together - np.array([apart[a] + apart[b] for a, b in pairs])
        gain[_differ(groups, pairs)] = -np.inf
        best = int(np.argmax(gain))
        if gain[best] < 0:
            break
        a, b = pairs[best]
        groups[tuple(sorted(a + b))] = groups.pop(a) + groups.pop(b)
    return sorted([*groups, rests] if rests else groups)


def _own_pattern(log: _Log, chain: _Chain, witness: Array, days: Numbers) -> Mask:
    """(96,) pattern of some days by themselves."""
    return _believed(_shared(witness[days]), log.active[days], chain)


def _differ(groups: dict[tuple[int, ...], Array], pairs: list[Any]) -> Mask:
    """Pairs of groups of which one would still open or close a stretch of the pattern they share.

    A pause on Fridays is told by its two ends; the rest of the day is as on other weekdays.
    """
    shared = best_open(np.array([groups[a] + groups[b] for a, b in pairs]))
    found = np.zeros(len(pairs), dtype=bool)
    for side in (0, 1):
        witness = np.array([groups[pair[side]] for pair in pairs])
        gain = np.cumsum(np.where(shared, -witness, witness), axis=1)
        gain = np.column_stack([np.zeros(len(pairs)), gain])
        best = (gain - np.minimum.accumulate(gain, axis=1)).max(axis=1)
        found |= best > 2 * CHANGE
    return found


def _working_weekdays(weekday: Numbers, active: Mask) -> list[tuple[int, ...]]:
    """The weekdays with work, and the others."""
    busy = [float(active[weekday == w].mean()) if (weekday == w).any() else 0.0 for w in range(7)]
    usual = float(np.median([b for b in busy if b > 0]))
    works = tuple(w for w in range(7) if busy[w] > 0.3 * usual)
    rests = tuple(w for w in range(7) if w not in works)
    return [g for g in (works, rests) if g]


def _best_told(log: _Log, chain: _Chain) -> Patterns:
    """Patterns with as many stretches of dates as pay for themselves."""
    witness = _witness(log.active, log.seen, chain)
    found, reached = _told(log, chain, np.zeros(len(witness), dtype=int))
    for number in range(1, MOST_RANGES + 1):
        groups = _weekday_groups(log, chain, witness, log.days)
        span = _best_range(witness * (found.regime == 0)[:, None], log.weekday, groups)
        if span is None:
            break
        inside = (log.days >= span[0]) & (log.days <= span[1])
        if span[1] >= len(witness) - LEAST_RANGE // 2:
            inside = ~inside  # what holds at the end goes on: the rest was special
        tried = np.where(inside & (found.regime == 0), number, found.regime)
        other, told = _told(log, chain, tried)
        if told - reached < OWN_RANGE:
            break
        found, reached = other, told
    return found


def _told(log: _Log, chain: _Chain, regime: Numbers) -> tuple[Patterns, float]:
    """Patterns under some stretches of dates, and what this description is worth."""
    witness = _witness(log.active, log.seen, chain)
    own: dict[int, Pattern] = {}
    for _ in range(2):
        usual = _usual(log, chain, own, regime)
        own = _own_days(log, witness, regime, usual)
    found = Patterns(regime, usual, own)
    cost = CHANGE * sum(_changes(p.open) for p in set(usual.values()))
    cost += sum(OWN_DAY + CHANGE * _changes(p.open) for p in own.values())
    return found, float(witness[found.all_open(log.weekday)].sum()) - cost


def _changes(is_open: Mask) -> int:
    """Openings and closings, that at the ends of the day among them."""
    return int((np.diff(np.concatenate([[0], is_open.astype(int), [0]])) != 0).sum())


def _best_range(
    witness: Array, weekday: Numbers, groups: list[tuple[int, ...]]
) -> tuple[int, int] | None:
    """First and last day of the dates that are worth most with patterns of their own."""
    days = len(witness)
    step = max(1, days // 100)
    marks = np.arange(0, days + 1, step)
    best = _search(witness, weekday, groups, marks, marks)
    if best is None or step == 1:
        return best
    near = [np.clip(np.arange(at - step, at + step + 1), 0, days) for at in (best[0], best[1] + 1)]
    return _search(witness, weekday, groups, *near) or best


def _search(
    witness: Array, weekday: Numbers, groups: list[tuple[int, ...]], begins: Numbers, ends: Numbers
) -> tuple[int, int] | None:
    begin, end = (a.ravel() for a in np.meshgrid(np.unique(begins), np.unique(ends)))
    days = len(witness)
    fits = (end - begin >= LEAST_RANGE) & (days - (end - begin) >= LEAST_RANGE)
    begin, end = begin[fits], end[fits]
    if not len(begin):
        return None
    gain = np.zeros(len(begin))
    for group in groups:
        mine = witness * np.isin(weekday, group)[:, None]
        sums = np.vstack([np.zeros(QUARTERS), np.cumsum(mine, axis=0)])
        inside = sums[end] - sums[begin]
        gain += _worth(inside) + _worth(sums[-1] - inside) - _worth(sums[-1:])[0]
    best = int(np.argmax(gain))
    return (int(begin[best]), int(end[best]) - 1) if gain[best] > OWN_RANGE else None


def _usual(
    log: _Log, chain: _Chain, own: dict[int, Pattern], regime: Numbers
) -> dict[tuple[int, int], Pattern]:
    """Pattern of every weekday in every stretch of dates, from the days without their own."""
    witness = _witness(log.active, log.seen, chain)
    is_plain = ~np.isin(log.days, list(own))
    found = {}
    for number in range(int(regime.max()) + 1):
        days = log.days[is_plain & (regime == number)]
        for group in _weekday_groups(log, chain, witness, days):
            mine = days[np.isin(log.weekday[days], group)]
            pattern = Pattern(tuple(mine.tolist()), _own_pattern(log, chain, witness, mine))
            found.update({(number, w): pattern for w in group})
    return found


def _shared(witness: Array) -> Mask:
    """(96,) pattern of (N, 96) days of which some may be told better by their own.

    Their sum alone would let a few busy days open all: the patterns of single days are tried too,
    and the best is fitted again to the days that it tells.
    """
    total = best_open(witness.sum(axis=0))
    if len(witness) < LEAST_DATES:
        return total
    worth, own = _paths(witness)
    tried = np.unique(np.vstack([own, total, np.zeros_like(total)]), axis=0)
    told = witness @ tried.T
    at_most = np.maximum(told, (worth - OWN_DAY)[:, None]).sum(axis=0)
    best = int(np.argmax(at_most - CHANGE * np.array([_changes(t) for t in tried])))
    follows = told[:, best] >= worth - OWN_DAY
    return best_open(witness[follows].sum(axis=0)) if follows.any() else tried[best]


def _believed(is_open: Mask, active: Mask, chain: _Chain) -> Mask:
    """The pattern without windows that half of the days and more leave idle all through.

    These days would each be told cheaply enough where activity is sparse; but what most days do not
    have is no shift, and the others are the exceptions.
    """
    found = is_open.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_open.astype(int), [0]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        expected = 1 - (1 - chain.after_idle) ** int(end - begin)
        if float(active[:, begin:end].any(axis=1).mean()) < LEAST_USE * expected:
            found[begin:end] = False
    return found


def _own_days(
    log: _Log, witness: Array, regime: Numbers, usual: dict[tuple[int, int], Pattern]
) -> dict[int, Pattern]:
    """Days that are better told by a pattern of their own."""
    plain = Patterns(regime, usual).all_open(log.weekday)
    worth, best = _paths(witness)
    told = (witness * plain).sum(axis=1)
    kind = regime * 7 + log.weekday
    is_known = (np.bincount(kind)[kind] >= LEAST_DATES) & log.seen.any(axis=1)
    is_open, off = plain.copy(), _dates_off(log, witness * is_known[:, None], plain)
    is_open[off] = False
    odd = is_known & (worth - told > OWN_DAY - np.where(off, witness, 0.0).sum(axis=1))
    is_open = np.where(odd[:, None] & log.seen, best, is_open)
    return {
        int(d): Pattern((int(d),), is_open[d])
        for d in np.flatnonzero((is_open != plain).any(axis=1))
    }


def _dates_off(log: _Log, witness: Array, plain: Mask) -> Mask:
    """(D, 96) quarters of dates without work, where these are not days: after midnight too."""
    quarters = witness.shape[1]
    against = np.cumsum(np.append(0.0, (witness * plain).ravel()))
    first = np.arange(0, witness.size, quarters) - (quarters - log.midnight) * (log.midnight > 0)
    last = np.minimum(first + quarters, witness.size)
    first = np.maximum(first, 0)
    off = np.zeros(witness.size, dtype=bool)
    for begin, end in zip(first, last, strict=True):
        off[begin:end] |= against[end] - against[begin] < -OWN_DAY
    return off.reshape(witness.shape) & plain
