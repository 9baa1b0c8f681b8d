"""What makes an event one: its content in one form, its key, and what the store refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Any

from twin.model.events import KINDS, NUMBERS, TEXT
from twin.model.plant import STATES
from twin.store.record import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LAST = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
"""Times are from 1970 to 2199 [µs since EPOCH]."""
MOST_KEY, MOST_TEXT = 300, 1000
"""Longest key and longest other text [characters]."""
NEEDS_UNIT = frozenset({"state", "start", "end", "verdict"})
_DIGITS = 20

Row = tuple[Any, ...]
"""key, time [µs], the text columns in the order of ``TEXT``, quantity, scrap (or None)."""
ROW = ("key", "time", *TEXT, *NUMBERS)
_KEY, _TIME, _FIRST_TEXT, _FIRST_NUMBER = 0, 1, 2, 2 + len(TEXT)
_UNIT, _EVENT, _STATE = (ROW.index(name) for name in ("work_unit", "event", "state"))
_fields_of = attrgetter(*ROW)


def content_key(event: Event) -> str:
    """The key of an event whose source gives none: two events with the same content are one.

    The time stands first, so that events close in time are close in the store's index.

    >>> content_key(Event("", datetime(2026, 3, 2, 6, tzinfo=UTC), "release", order="4711"))
    '64c044c109800-351ffb3c637315b50b3f'
    """
    return key_of_content(row_of(event))


def key_of_content(row: Row) -> str:
    """:func:`content_key` of a row; its key does not count."""
    time = row[_TIME]
    texts = "\x1f".join(row[_FIRST_TEXT:_FIRST_NUMBER])
    content = f"{time}\x1f{texts}\x1f{row[-2]}\x1f{row[-1]}"
    digest = sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{time:013x}-{digest[:_DIGITS]}"


def row_of(event: Event) -> Row:
    """An event as the store holds it; a time without zone stays as it is, to be refused."""
    found = _fields_of(event)
    time = found[_TIME]
    whole = (time - EPOCH) // _MICROSECOND if time.tzinfo else time
    return (found[_KEY], whole, *found[_FIRST_TEXT:_FIRST_NUMBER], *map(_number, found[-2:]))


def event_of(row: Row) -> Event:
    """The event in a row."""
    values = dict(zip(ROW, row, strict=True))
    values |= {name: math.nan for name in NUMBERS if values[name] is None}
    time = row[_TIME]
    return Event(**values | {"time": instant(time) if isinstance(time, int) else time})


def instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    if time.tzinfo is None:
        raise ValueError(f"{time} has no zone")
    return (time - EPOCH) // _MICROSECOND


def _number(value: float) -> float | None:
    """Not a number means that there is none; 5 and 5.0, 0.0 and -0.0 are the same content."""
    return None if value != value else value + 0.0


def event_as_raw(event: Event) -> str:
    """An event as JSON, for the quarantine: ``{"conflict": {column: value}}``."""
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    filled = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if name in ("key", "time", "event") or (value != "" and value == value)
    }
    return json.dumps({"conflict": filled})


def event_of_raw(raw: str) -> Event | None:
    """The event that :func:`event_as_raw` wrote; None for anything else."""
    try:
        values = dict(json.loads(raw)["conflict"])
        return Event(**values | {"time": datetime.fromisoformat(values["time"])})
    except (ValueError, TypeError, KeyError):
        return None


def refusals(rows: Sequence[Row]) -> dict[int, str]:
    """Which of these rows the store does not take, and why; positions and sentences."""
    if _is_sound(rows):
        return {}
    found = {}
    for position, row in enumerate(rows):
        if reason := _refusal(row):
            found[position] = reason
    return found


def _is_sound(rows: Sequence[Row]) -> bool:
    """Whether all rows are certainly fine: the quick look at a whole batch."""
    if not rows:
        return True
    columns = list(zip(*rows, strict=True))
    texts = columns[_FIRST_TEXT:_FIRST_NUMBER]
    if not set(columns[_EVENT]).issubset(KINDS) or not set(columns[_STATE]).issubset(_STATES):
        return False
    if set(map(type, columns[_TIME])) != {int}:
        return False
    if min(columns[_TIME]) < 0 or max(columns[_TIME]) >= LAST:
        return False
    needing = zip(columns[_EVENT], columns[_UNIT], columns[_STATE], strict=True)
    if any(
        (not unit and e in NEEDS_UNIT) or (not state and e == "state") for e, unit, state in needing
    ):
        return False
    numbers = [n for n in chain(*columns[_FIRST_NUMBER:]) if n is not None]
    if not all(map(math.isfinite, numbers)) or not all(columns[_KEY]):
        return False
    if max(map(len, columns[_KEY])) > MOST_KEY:
        return False
    distinct = [set(column) for column in texts]
    if any(max(map(len, column)) > MOST_TEXT for column in distinct):
        return False
    return _is_plain("".join(chain(columns[_KEY], *distinct)))


_STATES = frozenset({*STATES, ""})


def _is_plain(text: str) -> bool:
    """Whether every database holds this text: no NUL, no half of a surrogate pair."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _refusal(row: Row) -> str:
    """Why the store does not take a row; empty when it does."""
    values = dict(zip(ROW, row, strict=True))
    event, time = values["event"], values["time"]
    if not values["key"] or len(values["key"]) > MOST_KEY:
        return f"the key has {len(values['key'])} characters; 1 to {MOST_KEY} are allowed"
    if not isinstance(time, int):
        return "the time has no zone; say which it is in"
    if not 0 <= time < LAST:
        return "the time is outside the years 1970 to 2199; check the clock and its unit"
    for name in ("key", *TEXT):
        if not _is_plain(values[name]):
            return f"{name} has a NUL or half a character in it; check the encoding of the source"
        if len(values[name]) > MOST_TEXT:
            return f"{name} has {len(values[name])} characters; {MOST_TEXT} are allowed"
    if event not in KINDS:
        return f'unknown event "{event}"; known: {", ".join(KINDS)}'
    if event in NEEDS_UNIT and not values["work_unit"]:
        return f"event {event} names no work unit"
    if values["state"] not in _STATES:
        return f'unknown state "{values["state"]}"; known: {", ".join(STATES)}'
    if event == "state" and not values["state"]:
        return "event state names no state"
    for name in NUMBERS:
        if values[name] is not None and not math.isfinite(values[name]):
            return f"{name} is {values[name]}; a finite number is expected"
    return ""


def differences(known: Row, told: Row) -> str:
    """In which columns two rows with the same key differ, with both values."""
    pairs: Iterable[tuple[str, Any, Any]] = zip(ROW, known, told, strict=True)
    shown = []
    for name, there, here in pairs:
        if there != here:
            if name == "time":
                there, here = instant(there).isoformat(), instant(here).isoformat()
            shown.append(f"{name} {there!r:.60} there, {here!r:.60} here")
    return "; ".join(shown)
