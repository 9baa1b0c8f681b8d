"""The event store: append, ask, keep what is refused, set aside what is old.

::

    with open_store(settings, keyring) as store:
        store.append("line-1", events, position={"row": 4711})     # durable when it returns
        log = store.log(start, end)                                 # for calibration and plans
        news, sequence = store.since(sequence)                      # for whoever follows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from twin.errors import Fault, InputError, StoreAway
from twin.model.events import EventLog
from twin.secrets import Keyring
from twin.store import quarantine, reading, writing
from twin.store.engine import engine_of
from twin.store.engine import reading as snapshot
from twin.store.engine import writing as alone
from twin.store.faults import store_errors
from twin.store.keys import Row, instant, microseconds, row_of
from twin.store.migrations import CURRENT, migrate, refuse_other, version_of
from twin.store.quarantine import HeldMessage
from twin.store.reading import StoreStatus
from twin.store.record import Appended, Event, Held
from twin.store.schema import LAST_SEQUENCE
from twin.store.settings import StoreSettings
from twin.store.unit_days import Days, UnitDays

if TYPE_CHECKING:
    import pandas as pd

    from twin.store.extract import Extract
    from twin.store.retention import Exported, Retained

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


def open_store(
    settings: StoreSettings, keyring: Keyring, *, migrate: bool = True, clock: Clock = _now
) -> EventStore:
    """Open the store and bring its tables up to date; a first opening makes them.

    Readers give ``migrate=False``: they neither make nor change a store, so that a mistyped address
    is a fault, not an empty store. Relative paths start at the keyring's folder.

    Raises
    ------
    InputError
        Where there is no store, it is damaged, newer than this program, or access is refused.
    StoreAway
        When it cannot be reached.
    """
    shown = settings.url
    engine: Engine | None = None
    try:
        with store_errors(shown, keyring, is_opening=True):
            engine = engine_of(settings, keyring, create=migrate)
            _bring_up_to_date(engine, shown, migrate)
    except BaseException:
        if engine is not None:
            engine.dispose()
        raise
    file = None if settings.file is None else keyring.folder / settings.file
    return EventStore(engine, shown, keyring, file, clock)


def _bring_up_to_date(engine: Engine, shown: str, may_change: bool) -> None:
    with snapshot(engine) as connection:
        version = version_of(connection)
    if version == CURRENT:
        return
    if version > CURRENT or not may_change:
        refuse_other(version, shown)
    with alone(engine) as connection:
        migrate(connection)


class EventStore:
    """Every event once. Safe to use from several threads; close it, or use it in ``with``."""

    def __init__(
        self, engine: Engine, url_shown: str, keyring: Keyring, file: Path | None, clock: Clock
    ) -> None:
        self.url_shown = url_shown
        self._engine = engine
        self._keyring = keyring
        self._file = file
        self._inode = _inode(file)
        self._ends: dict[str, int] = {}
        """Last sequence number when each source last appended or asked for its position."""
        self._clock = clock

    def append(
        self,
        source: str,
        events: Sequence[Event],
        *,
        position: Mapping[str, Any] | None = None,
        held: Sequence[Held] = (),
    ) -> Appended:
        """Store events, quarantine and position in one transaction; durable on return.

        An event whose key is known is a duplicate when its content is the same too, otherwise it
        goes to quarantine with the difference; so does one that is older than the retention line
        or that is no event (unknown kind, no work unit, a number that is infinite, …).

        Raises
        ------
        StoreAway
            The store is away or was locked for 30 s. Nothing is acknowledged: try again; should
            the commit have come through after all, the events are duplicates then.
        DiskFull
            No room; nothing of the batch stays.
        InputError
            Once for each source when the store was set back: take up its position again.
        """
        return self.append_rows(source, [row_of(e) for e in events], position=position, held=held)

    def append_rows(
        self,
        source: str,
        rows: Sequence[Row],
        *,
        position: Mapping[str, Any] | None = None,
        held: Sequence[Held] = (),
    ) -> Appended:
        """:meth:`append` of rows as :mod:`twin.store.keys` defines them: imports have them so."""
        _check_source(source)
        with self._alone() as connection:
            self._check_not_set_back(connection, source)
            now = microseconds(self._clock())
            done = writing.append_rows(connection, source, rows, now, position, held)
            end = writing.fact(connection, LAST_SEQUENCE) or 0
        self._ends[source] = end
        return done

    def _check_not_set_back(self, connection: Connection, source: str) -> None:
        """A backup restored under a running source: what it goes on from is not in the store."""
        before, end = self._ends.get(source, 0), writing.fact(connection, LAST_SEQUENCE) or 0
        if end < before:
            del self._ends[source]
            found = f"its last event was number {before}, now it is {end}: the store was set back"
            remedy = "the source begins again at the position that the store has"
            raise InputError(self.url_shown, [Fault("", found, remedy)])

    def position(self, source: str) -> dict[str, Any] | None:
        """Where a source got to; None when it has stored none."""
        with self._snapshot() as connection:
            self._ends[source] = writing.fact(connection, LAST_SEQUENCE) or 0
            return reading.position(connection, source)

    def log(self, start: datetime | None = None, end: datetime | None = None) -> EventLog:
        """Events with ``start`` ≤ time < ``end``, by time, then by arrival.

        Beside the columns of an event log there is ``sequence``, the number in order of arrival.
        """
        with self._snapshot() as connection:
            query = reading.window(start, end)
            return reading.log_of(reading.chunks(connection, query), self.url_shown)

    def since(self, sequence: int, limit: int = 50_000) -> tuple[EventLog, int]:
        """At most ``limit`` events that arrived after ``sequence``, in order of arrival.

        Returns them with the number to ask with next. None is missed: numbers are given while
        writers take turns, so no smaller number is ever committed later.
        """
        with self._snapshot() as connection:
            parts = list(reading.chunks(connection, reading.arrived(sequence, limit)))
        log = reading.log_of(parts, self.url_shown)
        return log, int(log.table["sequence"].iloc[-1]) if len(log) else sequence

    def last_sequence(self) -> int:
        """Number of the event that arrived last; 0 in an empty store."""
        with self._snapshot() as connection:
            return writing.fact(connection, LAST_SEQUENCE) or 0

    def last_events(self) -> pd.DataFrame:
        """Columns work_unit, event, last (UTC) and events, a row for each unit and kind."""
        with self._snapshot() as connection:
            return reading.last_events(connection)

    def unit_days(self, start: datetime, end: datetime, zone: ZoneInfo) -> UnitDays:
        """Minutes in each state and pieces made, of every work unit and local day of a window."""
        with self._snapshot() as connection:
            return reading.unit_days(connection, Days.of(start, end, zone))

    def stays(
        self, start: datetime, end: datetime, states: Sequence[str]
    ) -> list[tuple[str, str, datetime, datetime]]:
        """Work unit, state, from and until of every time a unit was in one of these states."""
        with self._snapshot() as connection:
            found = reading.long_stays(connection, Days.of(start, end, ZoneInfo("UTC")), states)
        return [
            (unit, state, instant(since), instant(until)) for unit, state, since, until in found
        ]

    def extract(self, folder: Path) -> Extract:
        """The extract in a folder, brought up to date with this store."""
        from twin.store.extract import Extract

        found = Extract(folder)
        with self._snapshot() as connection:
            found.refresh(connection)
        return found

    def status(self) -> StoreStatus:
        """What is in the store."""
        with self._snapshot() as connection:
            return reading.status(connection, self.url_shown, self._file)

    def quarantine(
        self, source: str | None = None, limit: int = 1000, *, after: int = 0
    ) -> list[HeldMessage]:
        """At most ``limit`` messages that wait, oldest first, with an id above ``after``."""
        with self._snapshot() as connection:
            return quarantine.waiting(connection, source, limit, after)

    def resolve(
        self, ids: Sequence[int], source: str, events: Sequence[Event], still: Mapping[int, str]
    ) -> Appended:
        """Replay messages in one transaction.

        ``events`` are all that became of ``ids``, but for those in ``still``, which keep waiting
        for the new reason given there. An event that cannot be stored is held by itself.
        """
        _check_source(source)
        with self._alone() as connection:
            quarantine.settle(connection, [id for id in ids if id not in still])
            quarantine.keep_waiting(connection, still)
            now = microseconds(self._clock())
            return writing.append_rows(connection, source, [row_of(e) for e in events], now)

    def discard(self, ids: Sequence[int], reason: str) -> int:
        """Set messages aside for good; they stay in the table, with the reason."""
        with self._alone() as connection:
            return quarantine.discard(connection, ids, reason)

    def export(
        self, folder: Path, start: datetime | None = None, end: datetime | None = None
    ) -> Exported:
        """Write events with ``start`` ≤ time < ``end`` as Parquet, a file for each month (UTC)."""
        from twin.store.retention import export

        with self._snapshot() as connection:
            return export(connection, folder, start, end)

    def retain(self, before: datetime, folder: Path) -> Retained:
        """Keep events from ``before`` on; older ones are exported, verified, then deleted.

        An event older than ``before`` that is told again goes to quarantine: nobody can know any
        more whether it was there. In which state a unit came over that instant is not kept either:
        its time is in no state until its next word.
        """
        from twin.store.retention import retain

        with self._errors():
            return retain(self._engine, before, folder, self._clock())

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> EventStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _errors(self) -> Any:
        return store_errors(self.url_shown, self._keyring)

    def _reopen_if_replaced(self) -> None:
        """A file put in the place of another is the store from now on; SQLite would not notice."""
        if (found := _inode(self._file)) == self._inode:
            return
        if found is None:
            raise StoreAway(f"{self.url_shown}: the file is gone; put it back, or a backup of it")
        self._inode = found
        self._engine.dispose()

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        self._reopen_if_replaced()
        with self._errors(), snapshot(self._engine) as connection:
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        self._reopen_if_replaced()
        with self._errors(), alone(self._engine) as connection:
            yield connection


def _inode(file: Path | None) -> tuple[int, int] | None:
    """Which file stands there; None without one."""
    try:
        facts = file.stat() if file else None
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino) if facts else None


def _check_source(source: str) -> None:
    if not source or len(source) > writing.MOST_SOURCE or writing.printable(source) != source:
        fault = Fault("", f"{writing.printable(source)[:60]!r} is no name", "1 to 200 characters")
        raise InputError("source", [fault])
