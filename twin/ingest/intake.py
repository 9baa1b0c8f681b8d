"""From a source's messages to the store: read, check, and store or hold, in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from twin.errors import DiskFull, StoreAway
from twin.ingest.health import SourceHealth
from twin.ingest.reading import Reader
from twin.ingest.replaying import grouped, raw_of
from twin.ingest.signature import Clock, Message, Position, Stopped, Waits
from twin.ingest.values import Refused
from twin.store.record import Appended, Event, Held

MOST_REASONS = 200
"""Reasons of which the first message is logged; the rest are counted."""


class Log(Protocol):
    """Where is told what happens (a structlog logger)."""

    def info(self, event: str, **facts: Any) -> Any: ...
    def warning(self, event: str, **facts: Any) -> Any: ...
    def error(self, event: str, **facts: Any) -> Any: ...


class Keeper(Protocol):
    """What an intake needs of :class:`twin.store.store.EventStore`."""

    def append(
        self,
        source: str,
        events: Sequence[Event],
        *,
        position: Mapping[str, Any] | None = None,
        held: Sequence[Held] = (),
    ) -> Appended: ...

    def position(self, source: str) -> dict[str, Any] | None: ...


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class StoreIntake:
    """The intake of one source (:class:`twin.ingest.signature.Intake`)."""

    source: str
    store_events: Keeper
    read: Reader
    health: SourceHealth
    stop: threading.Event
    log: Log
    rereads: bool = False
    """Whether the source reads its own raw messages again, so that they are kept as they came."""
    is_once: bool = False
    """Whether the source is to end where it would wait."""
    clock: Clock = utc_now
    waits: Waits = field(default_factory=Waits)
    _has_waited: bool = field(default=False, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def position(self) -> Position | None:
        self.health.awake()
        waits = Waits(self.waits.first, self.waits.longest)
        while True:
            try:
                found = self.store_events.position(self.source)
            except StoreAway as error:
                self._wait_for_store(error, waits)
            else:
                self._store_answered()
                return found

    def store(self, messages: Sequence[Message], position: Position | None = None) -> Appended:
        began = time.monotonic()
        events, held, ignored = self._read(messages)
        waits = Waits(self.waits.first, self.waits.longest)
        while True:
            try:
                done = self.store_events.append(self.source, events, position=position, held=held)
                break
            except (StoreAway, DiskFull) as error:
                self._wait_for_store(error, waits)
        self.health.awake()
        newest = max((event.time for event in events), default=None)
        self._store_answered()
        self.health.took(len(messages), ignored, done, newest, time.monotonic() - began)
        return done

    def _read(self, messages: Sequence[Message]) -> tuple[list[Event], list[Held], int]:
        events: list[Event] = []
        held: list[Held] = []
        received = self.clock()
        for message in messages:
            try:
                event = self.read(message, received)
            except Refused as refused:
                held.append(Held(raw_of(message, self.rereads), message.origin, str(refused)))
                self._tell_once(str(refused), message.origin)
            else:
                if event is not None:
                    events.append(event)
        return events, held, len(messages) - len(events) - len(held)

    def _tell_once(self, reason: str, origin: str) -> None:
        """Log the first message held for a reason."""
        kind = grouped(reason)
        if kind not in self._told and len(self._told) < MOST_REASONS:
            self._told.add(kind)
            self.log.warning("held", source=self.source, origin=origin, reason=reason)

    def _wait_for_store(self, error: Exception, waits: Waits) -> None:
        """Wait before the store is tried again; nothing of the batch is in it."""
        if not self.health.store_away:
            self.log.error("store is away", source=self.source, error=str(error))
        self.health.store_is_away(str(error))
        if self.is_once:
            raise error
        seconds = next(waits)
        self.health.awake(seconds)
        if self.stop.wait(seconds):
            raise Stopped

    def _store_answered(self) -> None:
        if self.health.store_away:
            self.log.info("store takes events again", source=self.source)
            self.health.store_is_away("")

    def connected(self, is_connected: bool, why: str = "") -> None:
        if self.health.connection(is_connected, why):
            if is_connected:
                self.log.info("connected", source=self.source)
            else:
                self.log.warning("connection lost", source=self.source, why=why)

    def pending(self, messages: int) -> None:
        self.health.awake()
        self.health.pending = messages

    def trouble(self, about: str, text: str = "", missing: int = 0) -> None:
        if self.health.trouble(about, text, missing):
            if text:
                self.log.warning("trouble", source=self.source, about=about, text=text)
            else:
                self.log.info("well again", source=self.source, about=about)

    def wait(self, seconds: float) -> bool:
        if self.is_once and seconds > 0:
            self._has_waited = True
            return True
        self.health.awake(seconds)
        return self.stop.wait(seconds)

    @property
    def is_stopped(self) -> bool:
        self.health.awake()
        return self._has_waited or self.stop.is_set()
