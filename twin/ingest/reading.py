"""One message to one event, by the mapping of its source and the names of the plant.

A mapping is compiled once, to a function a column; reading a message is then a walk over them.
Every fault of a message is told together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, get_args

from twin.errors import did_you_mean
from twin.ingest.mapping import OTHERWISE, Column, Constant, FieldRule, Mapped, as_text
from twin.ingest.registry import Registry
from twin.ingest.signature import Message
from twin.ingest.values import (
    LONGEST_TEXT,
    Refused,
    Taker,
    Values,
    found_at,
    is_fit,
    read_number,
    read_text,
    read_time,
    shown,
)
from twin.model.events import KINDS, NUMBERS
from twin.model.plant import STATES
from twin.store.record import Event

NEEDED: Mapping[str, tuple[str, ...]] = {
    "state": ("work_unit", "state"),
    "start": ("work_unit",),
    "end": ("work_unit",),
    "verdict": ("work_unit", "verdict"),
    "release": ("order",),
    "complete": ("order",),
    "meter": ("quantity",),
}
"""Columns without which an event of a kind says nothing."""

EARLIEST = datetime(2001, 1, 1, tzinfo=UTC)
"""Controllers whose battery is empty begin in 1970, 1984, 1990 or 2000; so does a time read in the
wrong unit."""
AHEAD = timedelta(hours=1)
"""A sender's clock may be so far ahead of ours."""
LONGEST_KEY = 200
"""Characters; the store keeps an index of them."""


def _origin(column: str, rule: FieldRule) -> Taker:
    """What gives the value of a column by its rule, before it is read as text or number."""
    if rule.value is not None:
        return lambda values: rule.value
    take = _template(column, rule) if rule.template else found_at(rule.from_)
    if rule.values:
        take = _translated(column, take, rule)
    if rule.default is None:
        return take

    def or_default(values: Values) -> Any:
        found = take(values)
        return rule.default if found is None or found == "" else found

    return or_default


def _template(column: str, rule: FieldRule) -> Taker:
    parts = re.split(r"\{([^{}]*)\}", rule.template)
    takes = [(name, found_at(name)) for name in parts[1::2]]

    def fill(values: Values) -> Any:
        found = [read_text(name, "" if (v := take(values)) is None else v) for name, take in takes]
        if not any(found):
            return None
        if not all(found):
            missing = ", ".join(n for (n, _), text in zip(takes, found, strict=True) if not text)
            raise Refused(f"{column}: the template lacks {missing}; send it, or change the rule")
        words = [*parts]
        words[1::2] = found
        return "".join(words)

    return fill


def _translated(column: str, take: Taker, rule: FieldRule) -> Taker:
    known: dict[str, Constant] = rule.values

    def translate(values: Values) -> Any:
        found = take(values)
        if found is None or found == "":
            return found
        if isinstance(found, Mapping | list | tuple):
            raise Refused(f"{column} got {shown(found)}; a single value is expected")
        word = as_text(found)
        if word in known:
            return known[word]
        if OTHERWISE in known:
            return known[OTHERWISE]
        hint = did_you_mean(word[:LONGEST_TEXT], known)
        where = f"fields.{column}.values"
        raise Refused(f"{column}: {shown(word)} is not among {where}; {hint}; or add it there")

    return translate


def column_of(column: Column, mapped: Mapped, registry: Registry) -> Taker:
    """What gives a column, read and checked."""
    rule = mapped.fields.get(column)
    take = _origin(column, rule) if rule else found_at(column)
    if column == "time":
        return _time_column(take, mapped)
    if column in NUMBERS:
        return _number_column(column, take, rule.factor if rule else None)
    check = _CHECKS.get(column) or registry.check_of(column)

    def text(values: Values) -> str:
        found = take(values)
        if found is None or found == "":
            return ""
        read = read_text(column, found)
        return check(read) if check and read else read

    return text


def _time_column(take: Taker, mapped: Mapped) -> Taker:
    zone, unit = mapped.zone, mapped.time_unit

    def time(values: Values) -> datetime:
        found = take(values)
        if found is None or found == "":
            raise Refused("time is missing; say under fields where it is")
        instant = read_time(found, zone, unit)
        if instant < EARLIEST:
            what = "check the sender's clock and time_unit"
            raise Refused(f"time got {shown(found)}, before {EARLIEST:%Y}; {what}")
        return instant

    return time


def _number_column(column: str, take: Taker, factor: float | None) -> Taker:
    def number(values: Values) -> float:
        found = take(values)
        if found is None or found == "":
            return math.nan
        if factor is None:
            return read_number(column, found)
        return read_number(column, read_number(column, found) * factor)

    return number


def _one_of(column: str, known: tuple[str, ...]) -> Callable[[str], str]:
    allowed = frozenset(known)

    def check(text: str) -> str:
        if text not in allowed:
            hint = did_you_mean(text, known)
            where = f"translate it under fields.{column}.values"
            raise Refused(f"unknown {column} {shown(text)}; {hint}; {where}")
        return text

    return check


_CHECKS = {
    "event": _one_of("event", KINDS),
    "state": _one_of("state", STATES),
    "verdict": _one_of("verdict", ("pass", "fail")),
}


# --- messages ---

Reader = Callable[[Message, datetime], Event | None]
"""The event of a message received at an instant; None for one that is to be ignored."""


def compile_reader(
    mapped: Mapped, source: str, registry: Registry, content_key: Callable[[Event], str]
) -> Reader:
    """What reads the messages of one source.

    The reader raises :class:`Refused`, with every fault of the message, and nothing else, whatever
    the message is.
    """
    columns: tuple[Column, ...] = get_args(Column)
    takes = [(column, column_of(column, mapped, registry)) for column in columns]
    ignores = _ignored(mapped)
    known = mapped.read_fields | {n.partition(".")[0] for n in mapped.read_fields}
    key_of = _keyed(mapped, mapped.key_space or source, content_key)

    def read(message: Message, received: datetime) -> Event | None:
        if message.refused:
            raise Refused(message.refused)
        values = message.values
        if ignores is not None and ignores(values):
            return None
        if mapped.strict and (unread := sorted({str(name) for name in values} - known)):
            raise Refused(f"unknown field {shown(unread[0])}; map it, or leave strict out")
        cells: dict[str, Any] = {}
        faults: list[str] = []
        for column, take in takes:
            try:
                cells[column] = take(values)
            except Refused as refused:
                faults.append(str(refused))
            except Exception as error:  # values come from many libraries
                faults.append(f"{column} cannot be read ({type(error).__name__})")
        faults += _of_the_kind(cells, received)
        if faults:
            raise Refused("; and ".join(faults))
        return key_of(message, cells)

    return read


def _of_the_kind(cells: Mapping[str, Any], received: datetime) -> list[str]:
    """Faults that lie between columns, of those that could be read."""
    faults = []
    kind = cells.get("event")
    if kind == "":
        faults.append("event is missing; say under fields what kind of event this is")
    for column in NEEDED.get(kind or "", ()):
        if column in cells and (cells[column] == "" or cells[column] != cells[column]):
            faults.append(f"an event {kind} needs {column}; say under fields where it is")
    time = cells.get("time")
    if time is not None and time - received > AHEAD:
        ahead = (time - received).total_seconds() / 3600
        check = "check the sender's clock, timezone and time_unit"
        told = shown(f"{time.isoformat()}, {ahead:.4g} h ahead of ours")
        faults.append(f"time too late: got {told}; {check}")
    return faults


def _ignored(mapped: Mapped) -> Callable[[Values], bool] | None:
    if not mapped.ignore:
        return None
    rules = [(found_at(n), frozenset(map(as_text, words))) for n, words in mapped.ignore.items()]

    def is_ignored(values: Values) -> bool:
        return any(
            (found := take(values)) is not None
            and not isinstance(found, Mapping | list | tuple)
            and as_text(found) in words
            for take, words in rules
        )

    return is_ignored


def _keyed(
    mapped: Mapped, space: str, content_key: Callable[[Event], str]
) -> Callable[[Message, dict[str, Any]], Event]:
    """What makes the event, with its key: the message's, or by ``key``, or by the content."""
    takes = [(name, found_at(name)) for name in mapped.key]

    def keyed(message: Message, cells: dict[str, Any]) -> Event:
        if message.key:
            return Event(_short(f"{space}:{read_key(message.key)}"), **cells)
        if takes:
            parts = [_key_part(name, take(message.values)) for name, take in takes]
            return Event(_short(f"{space}:{'|'.join(parts)}"), **cells)
        return Event(content_key(Event("", **cells)), **cells)

    return keyed


def _key_part(name: str, value: Any) -> str:
    if value is None or value == "":
        raise Refused(f"key: the field {shown(name)} is missing; send it, or change key")
    if isinstance(value, datetime):
        value = value.isoformat()
    return read_key(read_text(f"key field {name}", value)).replace("\\", "\\\\").replace("|", "\\|")


def read_key(text: str) -> str:
    """A key as the source gave it, if it can be kept."""
    if not is_fit(text):
        raise Refused(f"key got {shown(text)}, with a character that is no part of a name")
    return text


def _short(key: str) -> str:
    """The key, or a digest of one too long for the store's index."""
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key.partition(':')[0]}:sha256:{sha256(key.encode()).hexdigest()}"
