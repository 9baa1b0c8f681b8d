"""Passes through a growing table: each row is handed on once, with how far the reading got."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from twin.ingest.late_commits import Look, Progress, Value, less
from twin.ingest.signature import Intake, Message, Position
from twin.ingest.sql_connection import limit_time
from twin.ingest.sql_reading import Reading

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twin.ingest.sql_tables import SqlSource

LONG_OPEN_S = 600.0
"""A transaction that is open for so long is named [s]."""
SAVED_EVERY_S = 60.0
REMEMBERED_ROWS = 50_000
"""Of a longer overlap the store is told the oldest rows again at every pass, as duplicates."""


@dataclass
class TableFollower:
    """Goes through the table, pass by pass, and remembers what it has handed on."""

    source: SqlSource
    intake: Intake
    progress: Progress
    slot: dict[str, str] = field(default_factory=dict)
    """The slot that has been followed without a gap since the last pass, and up to where."""
    _handed: dict[bytes, Value] = field(default_factory=dict)
    """Rows of the overlap handed on in this run: the store need not see them at every pass."""
    _saved: float = 0.0
    _oldest: tuple[int, float] = (0, 0.0)
    """Number of the oldest open transaction, and since when it is that [s]."""
    _is_backward: bool = False
    _left: int = 0
    """Rows of the first pass still to be read."""

    @staticmethod
    def of(source: SqlSource, intake: Intake) -> TableFollower:
        """Goes on where an earlier run ended, if it read the same table."""
        position = intake.position() or {}
        if position.get("of") != source.identity:
            position = {}
        progress = Progress.of_json(position.get("progress"))
        return TableFollower(source, intake, progress, dict(position.get("slot") or {}))

    @property
    def position(self) -> Position:
        plain = {"of": self.source.identity, "progress": self.progress.as_json()}
        return {**plain, "slot": self.slot} if self.slot else plain

    def tell(self, connection: Connection, reading: Reading) -> None:
        """Say that the connection stands, and what somebody should know of the table."""
        self.intake.connected(True)
        with connection.begin():
            limit_time(connection, self.source.timeout_s)
            missed = reading.without_value(connection)
            if self.progress.last is None:
                first = self.source.first_value(reading)
                self._left = reading.from_on(connection, first)
        text = f"{missed} rows have no {reading.changed_by} and are not read" if missed else ""
        self.intake.trouble(f"{reading.shown}.{reading.changed_by}", text)

    def pass_through(
        self, connection: Connection, reading: Reading, *, must_be_full: bool = False
    ) -> None:
        """Read from where late rows may still appear to the end of the table, or until the stop.

        A full pass also reads what may have come late behind a transaction that is still open.
        """
        overlap = self.source.overlap_of(reading)
        if not self.progress.under_way:
            with connection.begin():
                limit_time(connection, self.source.timeout_s)
                look = reading.look(connection)
            self.progress = self.progress.begin(look, overlap, must_be_full=must_be_full)
        most, is_end, has_met = self.source.batch, False, False
        while not is_end and not self.intake.is_stopped:
            rows = self._rows(connection, reading, most)
            is_end = len(rows) < most
            has_met = has_met or bool(rows)
            if rows:
                is_stuck = reading.value(rows[0]) == reading.value(rows[-1]) and not is_end
                most = 2 * most if is_stuck else self.source.batch
                self._hand_on(rows, reading)
        if not is_end:
            return
        look = self.progress.under_way.look if self.progress.under_way else None
        self.progress = self.progress.end()
        if self._left:
            self._left = 0
            self.intake.pending(0)
        self._forget_below(less(self.progress.last, overlap))
        self._watch(look)
        if not has_met:
            self._look_whether_back(connection, reading)
        if time.monotonic() - self._saved > SAVED_EVERY_S:
            self.store([])

    def _rows(
        self, connection: Connection, reading: Reading, most: int
    ) -> Sequence[Mapping[str, Any]]:
        at = self.progress.under_way.at if self.progress.under_way else None
        first = self.source.first_value(reading)
        if first is not None:
            at = first if at is None or at < first else at  # type: ignore[operator]
        with connection.begin():
            limit_time(connection, self.source.timeout_s)
            return reading.batch(connection, at, most)

    def _hand_on(self, rows: Sequence[Mapping[str, Any]], reading: Reading) -> None:
        """Store the rows that were not stored in this run, and how far the reading got."""
        fresh = []
        for row in rows:
            mark = blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if mark not in self._handed:
                fresh.append((mark, row))
        self.progress = self.progress.read_to(reading.value(rows[-1]))
        if self._left:
            self._left = max(0, self._left - len(rows))
            self.intake.pending(self._left)
        if not fresh:
            return
        self.store([reading.message(row, self.source) for _, row in fresh])
        self._handed |= {mark: reading.value(row) for mark, row in fresh}
        while len(self._handed) > REMEMBERED_ROWS:
            del self._handed[next(iter(self._handed))]

    def store(self, messages: Sequence[Message]) -> None:
        self.intake.store(messages, self.position)
        self._saved = time.monotonic()

    def _forget_below(self, value: Value | None) -> None:
        if value is None:
            return
        self._handed = {m: v for m, v in self._handed.items() if v >= value}  # type: ignore[operator]

    def _watch(self, look: Look | None) -> None:
        """Name a transaction that holds up late rows for long."""
        now = time.monotonic()
        is_open = look is not None and look.oldest < look.coming
        if look is None or not is_open or look.oldest != self._oldest[0]:
            self._oldest = (look.oldest if look else 0, now)
        open_s = now - self._oldest[1]
        text = f"one is open for {open_s / 60:.0f} min; rows that came late wait for its end"
        self.intake.trouble("open transactions", text if open_s > LONG_OPEN_S else "")

    def _look_whether_back(self, connection: Connection, reading: Reading) -> None:
        """A table whose highest value went back was emptied or restored: read it all again."""
        with connection.begin():
            limit_time(connection, self.source.timeout_s)
            highest = reading.highest(connection)
        last = self.progress.last
        is_back = highest is not None and last is not None and highest < last  # type: ignore[operator]
        text = f"the highest {reading.changed_by} went back from {last} to {highest}: read again"
        if is_back and not self._is_backward:
            self.progress = Progress()
        self._is_backward = is_back
        self.intake.trouble(reading.shown, text if is_back else "")
