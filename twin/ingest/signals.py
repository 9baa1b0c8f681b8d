"""What the signals of a machine mean: a node, tag or metric becomes events of a work unit.

::

    state:   {means: state, values: {0: standby, 1: working, 2: setup, 9: down}}
    good:    {means: good, modulo: 65536, most_per_hour: 900}      # cumulative counter of pieces
    scrap:   {means: scrap}
    order:   {means: order}          # also operation, product, lot, material, reason
    energy:  {means: meter, factor: 0.001}                         # cumulative register in Wh
    camera:  {means: verdict, values: {1: pass, 2: fail}}

A signal gives a value whenever it changes. What is at the unit (order, operation, product, lot, the
reason of a stop) is stamped on the events that follow. Pieces come from cumulative counters
(:mod:`twin.ingest.counters`), which lose nothing when readings are lost, and are gathered into
reports (:mod:`twin.ingest.counted_lots`). A unit whose orders and lots another system reports
(MES tables, for example) should not have its pieces counted here as well: they would be in the
log twice.

Values of one instant are taken in the order: counters, then what is at the unit, then states; a
piece counted when the order changes belongs to the order before.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from twin.errors import did_you_mean
from twin.ingest.counted_lots import WORK, CountedLots, Row
from twin.ingest.counters import (
    Count,
    CounterRule,
    CounterState,
    Reading,
    advance,
    counter_from_json,
    counter_to_json,
)
from twin.ingest.kept_fields import raw_with_fields, values_of
from twin.ingest.mapping import as_text
from twin.ingest.signature import Message
from twin.model.base import Frozen, Minutes
from twin.model.plant import STATES, State

REASONED = ("setup", "down", "repair", "maintenance")
"""States that have a reason."""
AWAY = "counted while away"
"""Reason of an event whose readings in between were not seen."""


def _texts(values: Any) -> Any:
    return {as_text(k): v for k, v in values.items()} if isinstance(values, dict) else values


class SignalOf(Frozen):
    """One signal of a work unit."""

    work_unit: str = ""
    """The unit it speaks of, where its place in the configuration does not say so."""


class StateSignal(SignalOf):
    """The state of the machine; an event whenever it changes."""

    means: Literal["state"]
    values: Annotated[dict[str, State], BeforeValidator(_texts)] = Field(default_factory=dict)
    """Machine state for each value. Default: the value is the name of a state. A value that is
    not named goes to quarantine."""


class CountSignal(SignalOf):
    """A counter that says how many pieces there have been so far."""

    means: Literal["good", "scrap"]
    factor: Annotated[float, Field(gt=0)] = 1.0
    """Pieces per count."""
    modulo: Annotated[float, Field(gt=1)] | None = None
    """Number of values of the counter's register, for example 65536; after the highest comes 0."""
    most_per_hour: Annotated[float, Field(gt=0)] | None = None
    """Most pieces the machine can make in an hour; a jump beyond it goes to quarantine."""


class MeterSignal(SignalOf):
    """An energy register that says how many kWh there have been so far."""

    means: Literal["meter"]
    factor: Annotated[float, Field(gt=0)] = 1.0
    """kWh per count: 0.001 for Wh, or the ratio of the current transformer."""
    modulo: Annotated[float, Field(gt=1)] | None = None
    """Number of values of the register; after the highest comes 0."""
    most_per_hour: Annotated[float, Field(gt=0)] | None = None
    """Most kWh in an hour, the connected load [kW]; a jump beyond it goes to quarantine."""
    every: Annotated[Minutes, Field(ge=0)] = 1.0
    """Least time between two meter events [min]."""
    is_site: bool = False
    """Whether it is the meter of the whole site."""


class ContextSignal(SignalOf):
    """What is at the unit: stamped on the events that follow."""

    means: Literal["order", "operation", "product", "lot", "material", "reason"]
    values: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=dict)
    """Name for each value, for example {0: "", 1: OP-10}; other values are taken as they are."""


class VerdictSignal(SignalOf):
    """The verdict of an inspection at the unit."""

    means: Literal["verdict"]
    values: Annotated[dict[str, Literal["pass", "fail", ""]], BeforeValidator(_texts)]
    """pass or fail for each value; an empty text: no verdict yet."""


Signal = Annotated[
    StateSignal | CountSignal | MeterSignal | ContextSignal | VerdictSignal,
    Field(discriminator="means"),
]
"""What one signal means."""
MEANINGS = (
    "state", "good", "scrap", "meter", "verdict",
    "order", "operation", "product", "lot", "material", "reason",
)  # fmt: skip
_RANK = {"good": 0, "scrap": 0, "state": 2, "verdict": 3, "meter": 3}
"""Order of the signals of one instant; 1 is what is at the unit."""
Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class SignalValue:
    """A value that a signal had from an instant on."""

    name: str
    value: Scalar
    time: datetime
    raw: str = ""
    """As received, for the quarantine."""
    origin: str = ""


class Signals:
    """The signals of any number of work units, with what has to be remembered of them.

    ``memory`` is what :attr:`memory` gave at the last store, or None. The first reading of each
    counter after that, and after :meth:`lost`, is marked as counted while away.
    """

    def __init__(
        self,
        signals: Mapping[str, Signal],
        memory: Mapping[str, Any] | None = None,
        report_every: float | None = 1.0,
    ) -> None:
        self._signals = dict(signals)
        self._counted_units = {s.work_unit for s in signals.values() if isinstance(s, CountSignal)}
        self._contexts: dict[tuple[str, str], list[str]] = {}
        for name, signal in signals.items():
            self._contexts.setdefault((signal.work_unit, signal.means), []).append(name)
        saved = memory or {}
        self._stated: dict[str, list[str]] = dict(saved.get("stated", {}))
        """Signal, state, time and work (order, operation, product) of each unit's last state."""
        self._last: dict[str, list[Any]] = dict(saved.get("last", {}))
        """Value and time [ISO] of each signal that is no counter."""
        self._counters = {n: counter_from_json(s) for n, s in saved.get("counters", {}).items()}
        self._energy: dict[str, list[Any]] = dict(saved.get("energy", {}))
        """kWh not yet told of each meter, and when the last event of it was."""
        self._lots = self._lots_of(report_every)
        for unit, report in saved.get("lots", {}).items():
            if unit in self._lots:
                self._lots[unit].restore(report)
        self._away: set[str] = set()
        self._changed_away: set[str] = set()
        self._unknown: dict[str, Scalar] = {}
        """Values without a meaning, in quarantine already."""
        self.set_aside: Counter[str] = Counter()
        """Readings of which nothing was stored, by signal and reason."""
        if memory:
            self.lost()

    def _lots_of(self, report_every: float | None) -> dict[str, CountedLots]:
        every = None if report_every is None else timedelta(minutes=report_every)
        units = {s.work_unit for s in self._signals.values()}
        ordered = {s.work_unit for s in self._signals.values() if s.means == "order"}
        return {unit: CountedLots(unit, every, unit in ordered) for unit in units}

    @property
    def memory(self) -> dict[str, Any]:
        """What has to be kept with the events stored so far, as JSON values."""
        return {
            "last": {name: list(pair) for name, pair in self._last.items()},
            "counters": {name: counter_to_json(s) for name, s in self._counters.items()},
            "stated": {unit: list(told) for unit, told in self._stated.items()},
            "energy": {name: list(pair) for name, pair in self._energy.items()},
            "lots": {unit: lots.to_json() for unit, lots in self._lots.items()},
        }

    def lost(self, names: Iterable[str] | None = None) -> None:
        """The connection to these signals (None: to all) was lost: changes may be missed."""
        gone = set(self._signals if names is None else names)
        self._away |= gone
        self._changed_away -= {self._signals[name].work_unit for name in gone}

    def caught_up(self, name: str) -> None:
        """The changes of a signal are known again without a gap."""
        self._away.discard(name)

    def last_time(self, name: str) -> datetime | None:
        """When the value of a signal used last was read."""
        if state := self._counters.get(name):
            return state.last.time if state.last else None
        return datetime.fromisoformat(self._last[name][1]) if name in self._last else None

    def take_all(self, values: Iterable[SignalValue]) -> list[Message]:
        """The events that values give, taken in the order of their times."""
        rank = {n: _RANK.get(s.means, 1) for n, s in self._signals.items()}
        ordered = sorted(values, key=lambda v: (v.time, rank[v.name]))
        return [m for v in ordered for m in self.take(v.name, v.value, v.time, v.raw, v.origin)]

    def take(
        self, name: str, value: Scalar, time: datetime, raw: str = "", origin: str = ""
    ) -> list[Message]:
        """The events that a value gives; a value told again gives none."""
        signal = self._signals[name]
        raw = raw or json.dumps(
            {"signal": name, "value": value, "time": time.isoformat()}, ensure_ascii=False
        )
        value_of = SignalValue(name, value, time, raw, origin or name)
        found = self.tick(time, signal.work_unit)
        if isinstance(signal, CountSignal):
            return found + self._counted(signal, value_of)
        if isinstance(signal, MeterSignal):
            return found + self._metered(signal, value_of)
        return found + self._told(signal, value_of)

    def tick(self, now: datetime, unit: str | None = None) -> list[Message]:
        """Events due because time has passed: call it every second or so."""
        found = []
        for name, lots in self._lots.items():
            if unit is None or name == unit:
                found += self._reported(name, lots.tick(now))
        return found

    # --- counters ---

    def _advance(
        self, signal: CountSignal | MeterSignal, v: SignalValue
    ) -> tuple[Count, list[Message]]:
        rule = CounterRule(signal.factor, signal.modulo, signal.most_per_hour)
        state = self._counters.get(v.name, CounterState())
        number = _number(v.value)
        if number is None:
            count = Count("unreadable", why=f"{v.value!r} is no number")
        else:
            state, count = advance(state, Reading(v.time, number), rule)
            self._counters[v.name] = state
        if count.is_stored:
            return count, []
        self.set_aside[f"{v.name}: {count.what}"] += 1
        if count.what != "jump":
            return count, []
        return count, [_refused(v, f"{v.name}: {count.why}; check the counter, or most_per_hour")]

    def _why_away(self, name: str, count: Count, unit: str) -> str:
        if name not in self._away:
            return ""
        self._away.discard(name)
        parts = [AWAY]
        if count.what == "reset":
            parts.append("the counter was set back meanwhile")
        if unit in self._changed_away:
            parts.append("the order changed meanwhile")
        return "; ".join(parts)

    def _counted(self, signal: CountSignal, v: SignalValue) -> list[Message]:
        count, found = self._advance(signal, v)
        if not count.is_stored:
            return found
        lots, unit = self._lots[signal.work_unit], signal.work_unit
        away = self._why_away(v.name, count, unit)
        if count.what == "first":
            lots.begin(v.time)
        if count.quantity == 0 or count.since is None:
            return found
        rows = lots.count(signal.means, count.quantity, count.since, v.time, away)
        return found + self._reported(unit, rows)

    def _metered(self, signal: MeterSignal, v: SignalValue) -> list[Message]:
        count, found = self._advance(signal, v)
        if not count.is_stored:
            return found
        away = self._why_away(v.name, count, "") if count.quantity else ""
        waiting, told = self._energy.get(v.name, [0.0, v.time.isoformat()])
        waiting += count.quantity
        is_due = v.time - datetime.fromisoformat(told) >= timedelta(minutes=signal.every)
        if count.what == "first" or not (is_due or away):
            self._energy[v.name] = [waiting, told]
            return found
        self._energy[v.name] = [0.0, v.time.isoformat()]
        unit = "" if signal.is_site else signal.work_unit
        row = {"event": "meter", "time": v.time, "quantity": waiting, "reason": away}
        return [*found, _message(unit, row, f"{v.name}|meter|{v.time.isoformat()}", v.origin)]

    # --- everything else ---

    def _told(
        self, signal: StateSignal | ContextSignal | VerdictSignal, v: SignalValue
    ) -> list[Message]:
        value, why = _meaning(signal, v.value)
        last, at = self._last.get(v.name, [None, None])
        is_late = at is not None and v.time < datetime.fromisoformat(at)
        was_away = v.name in self._away
        self._away.discard(v.name)
        if why:
            self.set_aside[f"{v.name}: unknown value"] += 1
            is_new = self._unknown.get(v.name) != v.value
            self._unknown[v.name] = v.value
            return [_refused(v, f"{v.name}: {why}")] if is_new else []
        self._unknown.pop(v.name, None)
        if isinstance(signal, ContextSignal) and is_late:
            self.set_aside[f"{v.name}: late"] += 1
            return []
        if not is_late and (value != last or not isinstance(signal, ContextSignal)):
            self._last[v.name] = [value, v.time.isoformat()]
        if isinstance(signal, ContextSignal):
            return self._changed(signal, value, v, was_away) if value != last else []
        is_news = is_late or value != last
        if isinstance(signal, VerdictSignal):
            is_news |= not was_away and v.time.isoformat() != at
        if not (is_news and value):
            return []
        return [self._of_value(signal, v.name, value, v.time, v.origin)]

    def _of_value(
        self, signal: StateSignal | VerdictSignal, name: str, value: str, at: datetime, origin: str
    ) -> Message:
        """A state or verdict with what is at the unit, as far as it was there at that time."""
        work = {what: self._at_unit(signal.work_unit, what, at) for what in WORK}
        row: Row = {"event": signal.means, "time": at, signal.means: value}
        row |= work if signal.means == "verdict" else dict(list(work.items())[:3])
        if value in REASONED:
            row["reason"] = self._at_unit(signal.work_unit, "reason", at)
        if signal.means == "state" and at >= self._stated_at(signal.work_unit, at):
            self._stated[signal.work_unit] = [name, value, at.isoformat(), *list(work.values())[:3]]
        return _message(signal.work_unit, row, f"{name}|{at.isoformat()}|{value}", origin)

    def _stated_at(self, unit: str, default: datetime) -> datetime:
        told = self._stated.get(unit)
        return datetime.fromisoformat(told[2]) if told else default

    def _at_unit(self, unit: str, what: str, at: datetime) -> str:
        for name in self._contexts.get((unit, what), ()):
            value, since = self._last.get(name, ["", None])
            if since is not None and datetime.fromisoformat(since) <= at:
                return str(value)
        return ""

    def _changed(
        self, signal: ContextSignal, value: str, v: SignalValue, was_away: bool
    ) -> list[Message]:
        """Another order, product, … is at the unit."""
        if signal.means == "reason":
            return []
        if was_away:
            self._changed_away.add(signal.work_unit)
        rows = self._lots[signal.work_unit].change(signal.means, value, v.time)
        return self._reported(signal.work_unit, rows)

    def _reported(self, unit: str, rows: Iterable[Row]) -> list[Message]:
        """Starts and ends of a unit's reports; with a start of other work, its state once more."""
        found = []
        for row in rows:
            if unit in self._counted_units:
                key = f"{unit}|{row['event']}|{row['lot']}|{row['time'].isoformat()}"
                found.append(_message(unit, row, key, unit))
            if row["event"] == "start":
                found += self._stated_again(unit, row)
        return found

    def _stated_again(self, unit: str, start: Row) -> list[Message]:
        """The state a unit is in, when it goes on for other work than it began for."""
        name, value, _, *work = self._stated.get(unit, ["", "", ""])
        signal, at = self._signals.get(name), start["time"]
        if not isinstance(signal, StateSignal) or self._stated_at(unit, at) >= at:
            return []
        if work == [start[what] for what in WORK[:3]]:
            return []
        return [self._of_value(signal, name, value, at, name)]


def reread(signals: Mapping[str, Signal], raw: str, origin: str) -> list[Message]:
    """What is in quarantine once more, now that the configuration may know it.

    An event whose names were not known is given again as it was. A state or verdict becomes an
    event, without what was at the unit then. A counter's jump stays: only the readings around it
    say what was counted.

    Raises
    ------
    ValueError
        When nothing can be made of it; it then stays in quarantine.
    """
    kept, key = values_of(raw) or ({}, "")
    if key:
        return [Message(kept, raw, origin, key)]
    name = str(kept.get("signal", ""))
    signal = signals.get(name)
    if not isinstance(signal, StateSignal | VerdictSignal):
        raise ValueError("only states and verdicts of the signals configured can be read again")
    time = datetime.fromisoformat(str(kept.get("time")))
    return Signals({name: signal}).take(name, kept.get("value"), time, raw, origin)


def _meaning(signal: StateSignal | ContextSignal | VerdictSignal, value: Scalar) -> tuple[str, str]:
    """The value in Noria's words, or why it has none."""
    text = "" if value is None else as_text(value)
    if isinstance(signal, ContextSignal):
        return signal.values.get(text, text), ""
    if text in signal.values:
        return signal.values[text], ""
    if signal.values or text not in STATES:
        known = signal.values or STATES
        return "", f'no meaning for the value "{text}"; {did_you_mean(text, known)}'
    return text, ""


def _number(value: Scalar) -> float | None:
    """A counter's value; text counts where it is a plain number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _message(unit: str, row: Row, key: str, origin: str) -> Message:
    values = {"work_unit": unit, **{k: v for k, v in row.items() if v != ""}}
    shown = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}
    return Message(values, raw_with_fields(shown, key), origin, key)


def _refused(v: SignalValue, why: str) -> Message:
    return Message({}, v.raw, v.origin, refused=why)
