"""Where the live twin hears of events: the event store by arrival, or a file that grows.

The store is asked for what has arrived since the last time; only the first time, without a
checkpoint, is it read from the beginning of its window, day by day. A file is diagnosed and read
whole whenever it has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from scenarios.inputs import read_log
from scenarios.settings import MesSource, ReplanConfig
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import Plant

if TYPE_CHECKING:
    from twin.store.store import EventStore

DAY = timedelta(days=1)
BATCH = 50_000


class Feed(Protocol):
    """Events for a follower."""

    shown: str
    """What it is, without secrets."""

    def begins_anew(self) -> bool:
        """Whether the next news are the whole log, and not a continuation."""

    def begin_anew(self) -> None:
        """Let the next news be the whole log."""

    def news(self, now: datetime, plant: Plant, orders: OrderBook) -> Iterator[EventLog]:
        """What has arrived since the last news, in order of arrival."""

    def mark(self) -> Any:
        """Where it got to, as JSON; None where that cannot be gone on from."""

    def go_on(self, mark: Any) -> None:
        """Continue from a mark."""


class StoreFeed:
    """The event store."""

    def __init__(self, store: EventStore, window_days: int) -> None:
        self.shown = store.url_shown
        self._store = store
        self._window = window_days * DAY
        self._sequence: int | None = None

    def begins_anew(self) -> bool:
        return self._sequence is None

    def begin_anew(self) -> None:
        self._sequence = None

    def news(self, now: datetime, plant: Plant, orders: OrderBook) -> Iterator[EventLog]:
        if self._sequence is None:
            yield from self._whole(now)
            return
        while True:
            log, self._sequence = self._store.since(self._sequence, BATCH)
            if len(log):
                yield log
            if len(log) < BATCH:
                return

    def _whole(self, now: datetime) -> Iterator[EventLog]:
        """The window in time order, up to the event that is now the last to have arrived."""
        last = self._store.last_sequence()
        begin = now - self._window
        while begin < now:
            yield self._known(self._store.log(begin, begin + DAY), last)
            begin += DAY
        yield self._known(self._store.log(begin, None), last)
        self._sequence = last

    @staticmethod
    def _known(log: EventLog, last: int) -> EventLog:
        table = log.table[log.table["sequence"] <= last]
        return EventLog(table.reset_index(drop=True), log.source)

    def mark(self) -> Any:
        return self._sequence

    def go_on(self, mark: Any) -> None:
        self._sequence = int(mark)


class FileFeed:
    """A log file, diagnosed as the nightly job does it."""

    def __init__(self, source: MesSource) -> None:
        self.shown = str(source.file)
        self._source = source
        self._read: tuple[int, int] | None = None

    def _signature(self) -> tuple[int, int] | None:
        with suppress(OSError):
            facts = self._source.file.stat()
            return facts.st_mtime_ns, facts.st_size
        return None

    def begins_anew(self) -> bool:
        return self._read is None or self._signature() not in (self._read, None)

    def begin_anew(self) -> None:
        self._read = None

    def news(self, now: datetime, plant: Plant, orders: OrderBook) -> Iterator[EventLog]:
        if not self.begins_anew():
            return
        from twin.calibration.diagnosis import diagnose

        signature = self._signature()
        log = read_log(self._source)
        self._read = signature
        yield diagnose(log, plant, now, orders=orders).clean.ordered()

    def mark(self) -> Any:
        return None

    def go_on(self, mark: Any) -> None:
        self.begin_anew()


def feed_of(config: ReplanConfig) -> Feed:
    """The feed of a configuration; a store must be there already.

    Raises
    ------
    InputError, StoreAway
        When there is no store, or it cannot be reached.
    """
    if config.mes.store is None:
        return FileFeed(config.mes)
    from twin.store.store import open_store

    store = open_store(config.mes.store, config.keyring, migrate=False)
    return StoreFeed(store, config.mes.window_days)
