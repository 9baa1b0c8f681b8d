"""Quarantine: how a message is kept so that it can be read again, and the replay.

A message that could be parsed is kept with its fields, so that a mapping or a name that was mended
since applies to it. One that could not be parsed is kept as it came; only a source with a method
``reread(raw, origin)`` can make something of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from twin.errors import NoriaError
from twin.ingest.kept_fields import MARK, plain, raw_with_fields, values_of
from twin.ingest.reading import Reader
from twin.ingest.signature import Message
from twin.ingest.values import Refused
from twin.store.keys import event_of_raw
from twin.store.record import Appended, Event

ANOTHER_EVENT = "the store has another event under the same key; discard this one, or mend the key"
BATCH = 500
"""Messages replayed in one transaction."""
LONGEST_RAW = 256 * 1024
"""Characters of a message that is kept with its fields; a longer one is kept as it came."""
_VARIES = re.compile(r'got "[^"]*"')


# --- how a message is kept ---


def raw_of(message: Message, rereads: bool) -> str:
    """What quarantine keeps of a message: as it came, with its fields where these are not the same.

    ``rereads`` says that the source reads its raw messages again by itself.
    """
    if rereads or message.refused or len(message.raw) > LONGEST_RAW:
        return message.raw
    try:
        fields = json.dumps(dict(message.values), default=plain, skipkeys=True)
        if not message.key and json.loads(message.raw or "null") == json.loads(fields):
            return message.raw
    except (ValueError, TypeError, RecursionError):
        pass
    try:
        return raw_with_fields(message.values, message.key, raw=message.raw)
    except (ValueError, TypeError, RecursionError):
        return message.raw


def as_received(raw: str) -> str:
    """A kept message as people want to see it: the way it came."""
    if MARK not in raw:
        return raw
    try:
        found = json.loads(raw)
        return str(found.get("raw") or json.dumps(found[MARK], ensure_ascii=False))
    except (ValueError, KeyError, AttributeError, RecursionError):
        return raw


def grouped(reason: str) -> str:
    """A reason without the value that each message has of its own.

    >>> grouped('quantity got "-3"; a quantity is 0 or above')
    'quantity got …; a quantity is 0 or above'
    """
    return _VARIES.sub("got …", reason)


# --- the replay ---


class HeldRow(Protocol):
    """A message in quarantine (:class:`twin.store.store.HeldMessage`)."""

    @property
    def id(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def received(self) -> datetime: ...
    @property
    def raw(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Quarantine(Protocol):
    """What a replay needs of :class:`twin.store.store.EventStore`."""

    def quarantine(
        self, source: str | None = None, limit: int = 1000, *, after: int = 0
    ) -> Sequence[HeldRow]: ...

    def resolve(
        self, ids: Sequence[int], source: str, events: Sequence[Event], still: Mapping[int, str]
    ) -> Appended: ...


class Rereads(Protocol):
    """A source that reads its own raw messages again."""

    def reread(self, raw: str, origin: str) -> Sequence[Message]: ...


@dataclass(frozen=True)
class Way:
    """How the messages of one source are read now."""

    read: Reader
    source: Rereads | None = None
    """The source, if it reads its raw messages itself."""


@dataclass
class Replayed:
    """What a replay did."""

    messages: int = 0
    """Messages that left quarantine."""
    stored: int = 0
    duplicates: int = 0
    ignored: int = 0
    """Messages that are no events by the mapping of today."""
    still: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Messages that stay, by source and reason (:func:`grouped`)."""


def replay(
    store: Quarantine, ways: Mapping[str, Way], sources: Iterable[str], batch: int = BATCH
) -> Replayed:
    """Read every held message of the sources again, a transaction a batch.

    A message becomes events, or stays with the reason it has now. It is judged by the clock of the
    day it was received. A replay that is interrupted is complete up to its last batch.
    """
    done = Replayed()
    for source in sources:
        after = 0
        while rows := store.quarantine(source, batch, after=after):
            after = rows[-1].id
            _replay_batch(store, source, ways.get(source), rows, done)
    return done


def _replay_batch(
    store: Quarantine, source: str, way: Way | None, rows: Sequence[HeldRow], done: Replayed
) -> None:
    """Rows that hold another event under a known key go by themselves: where they still do, the
    store leaves them waiting. Of other rows it makes such a row, which comes in a later batch."""
    conflicts = [row for row in rows if _conflict_of(row) is not None]
    others = [row for row in rows if _conflict_of(row) is None]
    if others:
        _resolve(store, source, way, others, done)
    if conflicts:
        stay = _resolve(store, source, way, conflicts, done).held
        done.messages -= stay
        if stay:
            done.still[source, ANOTHER_EVENT] += stay


def _resolve(
    store: Quarantine, source: str, way: Way | None, rows: Sequence[HeldRow], done: Replayed
) -> Appended:
    resolved: list[int] = []
    events: list[Event] = []
    still: dict[int, str] = {}
    for row in rows:
        try:
            found = _events_of(row, way)
        except Refused as refused:
            still[row.id] = str(refused)
            done.still[source, grouped(str(refused))] += 1
        else:
            resolved.append(row.id)
            events += found
            done.ignored += not found
    answer = store.resolve(resolved, source, events, still)
    done.messages += len(resolved)
    done.stored += answer.stored
    done.duplicates += answer.duplicates
    return answer


def _events_of(row: HeldRow, way: Way | None) -> list[Event]:
    """The events of a held message as it is read now."""
    conflict = _conflict_of(row)
    if conflict is not None:
        return [conflict]
    if way is None:
        raise Refused(row.reason)
    found = [way.read(message, row.received) for message in _messages_of(row, way.source)]
    return [event for event in found if event is not None]


def _conflict_of(row: HeldRow) -> Event | None:
    """The event that the store itself has held; what a sender writes in that form is none."""
    event = event_of_raw(row.raw)
    return event if event and row.origin == f"key {event.key}" else None


def _messages_of(row: HeldRow, source: Rereads | None) -> Sequence[Message]:
    if source is not None:
        try:
            return source.reread(row.raw, row.origin)
        except (NoriaError, ValueError) as error:
            raise Refused(f"it cannot be read again: {error}") from None
    fields = values_of(row.raw)
    if fields is None:
        raise Refused(row.reason)
    values, key = fields
    return [Message(values, row.raw, row.origin, key)]
