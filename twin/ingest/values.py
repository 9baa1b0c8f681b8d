"""What one field of a message says: times, numbers and texts, each read strictly.

Nothing is guessed: what cannot be read for certain raises :class:`Refused` in words for quarantine.
In these words ``got`` comes before the value, and names of things stand in quotation marks (see
:func:`twin.ingest.replaying.grouped`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from numbers import Real
from reprlib import Repr
from typing import Any, cast
from uuid import UUID

from twin.ingest.mapping import TimeUnit

Values = Mapping[str, Any]
Taker = Callable[[Values], Any]
"""Gives one field of a message, or one column of an event."""

LONGEST = {"reason": 1000}
LONGEST_TEXT = 200
"""Characters of any other text."""
LARGEST = 1e15
"""No count of pieces and no kWh of a plant; above it whole numbers are no longer exact."""

_ZONED_OR_LOCAL = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[-+]?\d{1,30}(\.\d*)?([eE][-+]?\d{1,3})?", re.ASCII)
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069"
    r"\ud800-\udfff\ufeff]"
)
"""Control characters, turns of direction, blanks without width (they make two orders of one, and
nobody sees why) and halves of characters: none belongs in a name."""
_PER_SECOND: Mapping[TimeUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BRIEF = Repr()
_BRIEF.maxother = _BRIEF.maxlong = 60


class Refused(ValueError):
    """A message is no event; the text says why and what to do."""


def shown(value: Any) -> str:
    """A value as reasons show it: in quotation marks, short, on one line."""
    try:
        text = value if isinstance(value, str) else _BRIEF.repr(value)
    except ValueError:
        text = type(value).__name__  # a whole number of thousands of digits
    text = printable(text[:61])
    return f'"{text[:57]}…"' if len(text) > 60 else f'"{text}"'


def printable(text: str) -> str:
    """A text without characters that would move a terminal's cursor or hide others."""
    return _UNFIT.sub("\ufffd", text)


def is_fit(text: str) -> bool:
    """Whether a text has no character that is no part of a name."""
    return text.isprintable() or _UNFIT.search(text) is None


def found_at(name: str) -> Taker:
    """What gives the field of that name; None where there is none.

    >>> found_at("a.b")({"a": {"b": 1}}), found_at("a.b")({"a.b": 2}), found_at("a.b")({"a": 3})
    (1, 2, None)
    """
    if "." not in name:
        return lambda values: values.get(name)
    steps = name.split(".")

    def walk(values: Values) -> Any:
        if name in values:
            return values[name]
        found: Any = values
        for step in steps:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list | tuple) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found

    return walk


def read_text(column: str, value: Any) -> str:
    """A text; whole numbers are written out, blanks at its ends are not part of it."""
    text = value.strip() if isinstance(value, str) else _written_out(column, value)
    if len(text) > (longest := LONGEST.get(column, LONGEST_TEXT)):
        raise Refused(f"{column} got {shown(text)}; at most {longest} characters are expected")
    if not is_fit(text):
        raise Refused(f"{column} got {shown(text)}, with a character that is no part of a name")
    return text


def _written_out(column: str, value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise Refused(f"{column} got {shown(value)}; a text is expected")
    try:
        whole = int(cast("int", value))
        if value == whole and abs(whole) < 10**60:
            return str(whole)
    except (ValueError, ArithmeticError):
        pass  # infinite, or no number
    raise Refused(f"{column} got {shown(value)}; a text or whole number is expected")


def read_number(column: str, value: Any) -> float:
    """A finite number at or above 0; a text must be a plain numeral with a point for decimals."""
    kind = type(value)
    if kind is not float and kind is not int:
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value.strip()):
                how = "a number such as 12000 or 0.5 is expected: a point for decimals, no unit"
                raise Refused(f"{column} got {shown(value)}; {how}")
        elif isinstance(value, bool) or not isinstance(value, Real | Decimal):
            raise Refused(f"{column} got {shown(value)}; a number is expected")
    try:
        number = float(value) + 0.0  # a negative zero is zero
    except (ValueError, OverflowError):
        number = math.inf
    if not -LARGEST <= number <= LARGEST:
        raise Refused(f"{column} got {shown(value)}; a finite number up to {LARGEST:g} is expected")
    if number < 0:
        raise Refused(f"{column} got {shown(value)}; a {column} is 0 or above")
    return number


def read_time(value: Any, zone: tzinfo | None, unit: TimeUnit | None) -> datetime:
    """An instant in UTC: text after ISO 8601, a number since 1970, or a datetime."""
    if isinstance(value, str):
        text = value.strip()
        match = _ZONED_OR_LOCAL.fullmatch(text)
        if match is None:
            if unit is not None and _NUMBER.fullmatch(text):
                return _counted(Decimal(text), unit, value)
            raise Refused(f"time got {shown(value)}; 2026-11-23T05:00:00+01:00 is the form of one")
        day, clock, offset = match.groups(default="")
        try:
            read = datetime.fromisoformat(f"{day}T{clock}{offset}")
        except ValueError as error:
            raise Refused(f"time got {shown(value)}; there is no such time: {error}") from None
        return _in_utc(read, zone, value)
    if isinstance(value, datetime):
        return _in_utc(value if type(value) is datetime else _plain(value), zone, value)
    if isinstance(value, date | bool) or not isinstance(value, Real | Decimal):
        raise Refused(f"time got {shown(value)}; a date with a time of day is expected")
    if unit is None:
        raise Refused(f"time got {shown(value)}, a number; write time_unit (s, ms, us or ns)")
    return _counted(value, unit, value)


def _plain(value: datetime) -> datetime:
    """A datetime of a library of its own (pandas) as Python's."""
    if value != value:
        raise Refused("time got nothing; a date with a time of day is expected")
    parts = (value.hour, value.minute, value.second, value.microsecond)
    return datetime(
        value.year, value.month, value.day, *parts, tzinfo=value.tzinfo, fold=value.fold
    )


def _counted(number: Any, unit: TimeUnit, value: Any) -> datetime:
    try:
        if isinstance(number, int):
            return _EPOCH + timedelta(microseconds=number * 10**6 // _PER_SECOND[unit])
        return _EPOCH + timedelta(seconds=float(number) / _PER_SECOND[unit])
    except (OverflowError, ValueError, ArithmeticError):
        raise Refused(f"time got {shown(value)}; no such time in {unit} since 1970") from None


def _in_utc(read: datetime, zone: tzinfo | None, value: Any) -> datetime:
    try:
        offset = read.utcoffset()
        if offset is None:
            offset = _offset_in(read, zone, value)
        return (read.replace(tzinfo=None, fold=0) - offset).replace(tzinfo=UTC)
    except OverflowError:
        raise Refused(f"time got {shown(value)}; no such time in UTC") from None


def _offset_in(read: datetime, zone: tzinfo | None, value: Any) -> timedelta:
    """Offset of a wall-clock time; one that a change of clock skips or repeats has none."""
    if zone is None:
        raise Refused(f"time got {shown(value)}, without offset; write timezone, or send an offset")
    first = cast("timedelta", read.replace(tzinfo=zone, fold=0).utcoffset())
    second = cast("timedelta", read.replace(tzinfo=zone, fold=1).utcoffset())
    if first != second:
        kind = "repeats" if first > second else "skips"
        raise Refused(f"time got {shown(value)}; {zone} {kind} this hour; send times with offset")
    return first
