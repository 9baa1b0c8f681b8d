"""One row for every execution of the nightly job, kept for the people who run it.

A row is written when the job starts and completed when it ends; a job that was killed leaves a row
that the next one marks as interrupted. In the same SQLite file, so that one transaction holds both,
lies the outbox (:mod:`scenarios.outbox`): what was decided and has to reach the ERP.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.connectors.whole_files import room_for
from twin.errors import DiskFull, Locked, NoriaError

_VERSIONS = (
    (
        """
        CREATE TABLE IF NOT EXISTS run (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            started TEXT NOT NULL,
            ended TEXT,
            status TEXT NOT NULL,
            exit_code INTEGER,
            run_id TEXT,
            details TEXT NOT NULL DEFAULT '{}'
        )
        """,
    ),
    (
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            number INTEGER NOT NULL REFERENCES run (number),
            run_id TEXT NOT NULL,
            target TEXT NOT NULL,
            content TEXT NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            changed TEXT NOT NULL,
            error TEXT NOT NULL DEFAULT ''
        )
        """,
        """
        CREATE TABLE remembered (
            target TEXT NOT NULL,
            record TEXT NOT NULL,
            noted TEXT,
            confirmed TEXT,
            PRIMARY KEY (target, record)
        )
        """,
    ),
)
"""Statements that lead from each version of the file to the next; a new file is of version 0."""
PUBLISHED = "ok"
"""Status of a run whose plan went to the ERP."""
_NO_ROOM = 1 << 16
"""Free bytes below which a write that failed has failed for want of room."""


class Ledger:
    """The ledger of one archive, a small SQLite file."""

    def __init__(self, archive: Path) -> None:
        self.path = archive / "ledger.sqlite"
        self._kept: sqlite3.Connection | None = None

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """One connection for all transactions of the block, which makes many small ones quick; for
        one thread.

        Raises
        ------
        DiskFull, NoriaError
            When the file cannot be read or written.
        """
        with self._opened() as self._kept:
            try:
                yield
            finally:
                self._kept = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept together, on the disk, when the block ends well.

        Raises
        ------
        DiskFull, NoriaError
            When the file cannot be read or written.
        """
        if self._kept is not None:
            with self._told(), self._kept:
                yield self._kept
        else:
            with self._opened() as connection, self._told(), connection:
                yield connection

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._told(), room_for(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=30)
        with closing(connection):
            with self._told():
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                self._migrate(connection)
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what is wrong with the file in words."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._in_words(error) from None

    def _migrate(self, db: sqlite3.Connection) -> None:
        """Bring the file to this version's tables, in one transaction; what it holds stays."""
        if _version(db) == len(_VERSIONS):
            return
        with db:
            db.execute("BEGIN IMMEDIATE")
            found = _version(db)  # again: another process may have done it meanwhile
            if found > len(_VERSIONS):
                raise NoriaError(
                    f"{self.path}: written by a newer Noria (version {found} of the ledger; "
                    f"{len(_VERSIONS)} is understood); use that one"
                )
            for statements in _VERSIONS[found:]:
                for statement in statements:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(_VERSIONS)}")

    def _in_words(self, error: sqlite3.Error) -> NoriaError:
        code = getattr(error, "sqlite_errorcode", 0) or 0
        is_full = code & 0xFF == sqlite3.SQLITE_FULL
        if is_full or _free_bytes(self.path.parent) < _NO_ROOM:
            return DiskFull(
                f"{self.path}: no room left on the disk; the ledger stands as it was before; free "
                "some and run again"
            )
        return NoriaError(
            f"{self.path}: the ledger cannot be read or written ({error}); move the file "
            "aside, and the next run begins a new one; the archived runs are not touched"
        )

    def begin(self) -> int:
        """Open a row; rows left open by a killed job are marked as interrupted."""
        with self.transaction() as db:
            db.execute(
                "UPDATE run SET status = 'interrupted' WHERE status IN ('running', 'decided')"
            )
            row = db.execute(
                "INSERT INTO run (started, status) VALUES (?, 'running')", (now_text(),)
            )
            assert row.lastrowid is not None
            return row.lastrowid

    def end(
        self, number: int, *, status: str, exit_code: int, run_id: str, details: dict[str, Any]
    ) -> None:
        """Complete a row."""
        with self.transaction() as db:
            db.execute(
                "UPDATE run SET ended = ?, status = ?, exit_code = ?, run_id = ?, details = ? "
                "WHERE number = ?",
                (now_text(), status, exit_code, run_id, json.dumps(details, default=str), number),
            )

    def publications(self) -> list[str]:
        """Ids of the runs whose plan reached an ERP or its folder, the latest decision last.

        A plan that was published again by a later decision (a rollback, a second run) stands there
        twice; the same run decided twice in a row, once.
        """
        if not self.path.exists():
            return []
        with self.transaction() as db:
            rows = db.execute(
                "SELECT number, run_id FROM outbox WHERE state = 'sent' "
                "UNION SELECT number, run_id FROM run WHERE status = ? AND run_id <> '' "
                "AND number NOT IN (SELECT number FROM outbox) ORDER BY number",
                (PUBLISHED,),
            ).fetchall()
        ids = [str(row[1]) for row in rows]
        return [id for i, id in enumerate(ids) if i == 0 or ids[i - 1] != id]

    def published(self) -> set[str]:
        """Ids of the runs whose plan went to the ERP."""
        return set(self.publications())

    def last_success(self) -> datetime | None:
        """When a run last ended well."""
        ended = next((row["ended"] for row in self.rows() if row["status"] == PUBLISHED), None)
        return datetime.fromisoformat(ended) if ended else None

    def rows(self) -> list[dict[str, Any]]:
        """Every execution, the latest first; ``details`` are merged into the row."""
        if not self.path.exists():
            return []
        with self.transaction() as db:
            cursor = db.execute(
                "SELECT number, started, ended, status, exit_code, run_id, details "
                "FROM run ORDER BY number DESC"
            )
            names = [column[0] for column in cursor.description]
            found = [dict(zip(names, row, strict=True)) for row in cursor]
        return [{**row, **json.loads(row.pop("details"))} for row in found]


@contextmanager
def locked(archive: Path) -> Iterator[None]:
    """Hold the archive's lock; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    Locked
        At once, if another run holds it.
    """
    try:
        with room_for(archive):
            archive.mkdir(parents=True, exist_ok=True)
            handle = (archive / ".lock").open("a")
    except OSError as error:
        raise NoriaError(
            f"{archive}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from None
    with handle:
        try:
            fcntl.lockf(
                handle, fcntl.LOCK_EX | fcntl.LOCK_NB
            )  # unlike flock, children do not inherit it
        except (BlockingIOError, PermissionError):
            raise Locked(
                f"{archive}: another run holds the lock; wait for it to end, then try again"
            ) from None
        yield


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _free_bytes(folder: Path) -> int:
    """Room on the disk of a folder; plenty where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return _NO_ROOM


def now_text() -> str:
    """The instant as the ledger writes it: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
