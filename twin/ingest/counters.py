"""Cumulative counters and registers: what was counted between one reading and the next.

A piece counter or an energy register only ever says how much there has been so far. The difference
of two readings is what happened between them, however many readings were lost, so a counter is
the surest signal a machine can give. What can go wrong is told apart:

==============  ================================================================================
``first``       no reading before: the baseline, nothing is counted
``counted``     the value rose, or stayed
``rollover``    the register passed its highest value and went on from 0
``reset``       the counter was set back and goes on from 0: its value was counted since
``late``        the reading is older than one already used: set aside
``jump``        more than the machine can do; or, where nothing says how much that is, a value that
                fell by less than half, or came back at once: not counted, until the next reading
                says which is true
``confirmed``   the reading after a jump goes on from there: counted from the jump on
``unreadable``  no number, below 0, or more than the register can hold: set aside
==============  ================================================================================

Conservation: the quantities of all readings add up to the last value less the first, plus the value
before each reset and the register's size at each rollover, less what was held as a jump.
Differences are taken of the decimal numbers as the meter shows them, so 0.3 - 0.2 is 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

What = Literal[
    "first", "counted", "rollover", "reset", "late", "jump", "confirmed", "unreadable",
]  # fmt: skip
SET_ASIDE: frozenset[What] = frozenset({"late", "jump", "unreadable"})
"""Readings of which nothing is stored."""
LEAST_SECONDS = 60.0
"""A rate is judged over a minute at least: pieces do not arrive evenly."""
LARGEST = 1e15
"""No count of pieces and no kWh of a plant; as at the door of events."""
STAKE = 100.0
"""A fall from less than so many counts is believed: a wrong one would cost little."""


@dataclass(frozen=True, slots=True)
class CounterRule:
    """How the readings of one counter are to be understood."""

    factor: float = 1.0
    """Pieces or kWh per count: the ratio of a current transformer, 0.001 for Wh."""
    modulo: float | None = None
    """Number of values of the register (65 536, 1 000 000): after the highest comes 0. A signed
    register gives negative values past its middle; they are read as what follows it."""
    most_per_hour: float | None = None
    """Most the machine can do in an hour [pieces or kWh]. More is a jump."""
    first: Literal["baseline", "count"] = "baseline"
    """What the very first reading says: nothing, or that all of it was counted just now."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a counter showed at an instant."""

    time: datetime
    value: float


@dataclass(frozen=True, slots=True)
class CounterState:
    """What has to be remembered of a counter between two readings."""

    last: Reading | None = None
    """The reading that was used last."""
    suspect: Reading | None = None
    """A jump after it, not yet confirmed."""
    fell_from: Reading | None = None
    """The reading before it, when the counter was set back since."""


@dataclass(frozen=True, slots=True)
class Count:
    """What one reading says."""

    what: What
    quantity: float = 0.0
    """Counted since ``since``, in pieces or kWh; of a jump, what was not counted."""
    since: datetime | None = None
    """The reading before it."""
    why: str = ""
    """Why a reading was set aside."""

    @property
    def is_stored(self) -> bool:
        return self.what not in SET_ASIDE


def advance(state: CounterState, reading: Reading, rule: CounterRule) -> tuple[CounterState, Count]:
    """What a reading adds, and the state after it.

    >>> from datetime import datetime, timedelta, UTC
    >>> noon, minute = datetime(2026, 11, 23, 12, tzinfo=UTC), timedelta(minutes=1)
    >>> state, rule, told = CounterState(), CounterRule(modulo=100), []
    >>> for n, value in enumerate([90, 95, 2, 2]):
    ...     state, count = advance(state, Reading(noon + n * minute, value), rule)
    ...     told.append((count.what, count.quantity))
    >>> told
    [('first', 0.0), ('counted', 5.0), ('rollover', 7.0), ('counted', 0.0)]
    """
    if why := _unreadable(reading.value, rule):
        return state, Count("unreadable", why=why)
    if rule.modulo:
        reading = replace(reading, value=reading.value % rule.modulo)
    last = state.last
    if last is None:
        whole = _times(rule.factor, _decimal(reading.value)) if rule.first == "count" else 0.0
        return CounterState(reading), Count("first", whole)
    if _is_late(reading, last):
        why = f"it is older than the reading of {last.time.isoformat()}"
        return state, Count("late", since=last.time, why=why)
    count = _between(last, reading, rule)
    fell_from = state.fell_from
    if rule.most_per_hour is None and fell_from and reading.value >= fell_from.value >= STAKE:
        why = f"it fell from {fell_from.value:g} to {last.value:g} and came back; one is wrong"
        count = replace(count, what="jump", why=why)
    if count.what != "jump":
        before = last if count.what == "reset" else fell_from if not count.quantity else None
        return CounterState(reading, fell_from=before), count
    if state.suspect and not _is_late(reading, state.suspect):
        onward = _between(state.suspect, reading, rule)
        if onward.what != "jump":
            return CounterState(reading), replace(onward, what="confirmed")
    return replace(state, suspect=reading), count


def _is_late(reading: Reading, last: Reading) -> bool:
    """Readings of one instant are taken as they come, unless the value falls: told in disorder."""
    return reading.time < last.time or (reading.time == last.time and reading.value < last.value)


def _between(last: Reading, reading: Reading, rule: CounterRule) -> Count:
    """What was counted from one reading to a later one."""
    value, before = _decimal(reading.value), _decimal(last.value)
    elapsed = (reading.time - last.time).total_seconds()
    if value >= before:
        return _judged("counted", value - before, elapsed, last, rule)
    if rule.modulo:
        around = _decimal(rule.modulo) - before + value
        rolled = _judged("rollover", around, elapsed, last, rule)
        # Without a rate, the shorter way round the register is the likelier one.
        is_near = rule.most_per_hour is not None or around < _decimal(rule.modulo) / 2
        if is_near and rolled.what != "jump":
            return rolled
    count = _judged("reset", value, elapsed, last, rule)
    if rule.most_per_hour is None and last.value >= STAKE and 2 * value > before:
        why = f"it fell from {last.value:g} to {reading.value:g}, less than by half"
        return replace(count, what="jump", why=why)
    return count


def _judged(what: What, counts: Decimal, elapsed: float, last: Reading, rule: CounterRule) -> Count:
    quantity = _times(rule.factor, counts)
    if rule.most_per_hour is None:
        return Count(what, quantity, last.time)
    hours = max(elapsed, LEAST_SECONDS) / 3600
    most = rule.most_per_hour * hours + abs(rule.factor)  # one count is always possible
    if quantity <= most:
        return Count(what, quantity, last.time)
    why = f"{quantity:g} in {elapsed:.0f} s; at most {rule.most_per_hour:g} an hour is possible"
    return Count("jump", quantity, last.time, why)


def _unreadable(value: float, rule: CounterRule) -> str:
    if not math.isfinite(value):
        return "it is no number"
    if value > LARGEST:
        return f"{value:g} is no count of a machine"
    if rule.modulo is None:
        return f"{value:g} is below 0" if value < 0 else ""
    if not -rule.modulo / 2 <= value < rule.modulo:
        return f"{value:g} does not fit a register of {rule.modulo:g} values"
    return ""


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _times(factor: float, counts: Decimal) -> float:
    return float(_decimal(factor) * counts)


def counter_to_json(state: CounterState) -> dict[str, Any]:
    """The state as JSON values, for the position of a source."""
    found = {}
    for name in ("last", "suspect", "fell_from"):
        if (reading := getattr(state, name)) is not None:
            found[name] = [reading.time.isoformat(), reading.value]
    return found


def counter_from_json(saved: Mapping[str, Any]) -> CounterState:
    """The state that :func:`counter_to_json` wrote; an empty mapping is a counter never read."""
    return CounterState(**{name: _reading(*pair) for name, pair in saved.items()})


def _reading(time: str, value: float) -> Reading:
    return Reading(datetime.fromisoformat(time).astimezone(UTC), value)
