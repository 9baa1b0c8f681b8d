"""One row for every execution of the nightly job, kept for the people who run it.

A row is written when the job starts and completed when it ends; a job that was killed leaves a row
that the next one marks as interrupted.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.errors import Locked, NoriaError

_TABLE = """
CREATE TABLE IF NOT EXISTS run (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    started TEXT NOT NULL,
    ended TEXT,
    status TEXT NOT NULL,
    exit_code INTEGER,
    run_id TEXT,
    details TEXT NOT NULL DEFAULT '{}'
)
"""


PUBLISHED = "ok"
"""Status of a run whose plan went to the ERP."""


class Ledger:
    """The ledger of one archive, a small SQLite file."""

    def __init__(self, archive: Path) -> None:
        self.path = archive / "ledger.sqlite"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute(_TABLE)
                with connection:
                    yield connection
        except sqlite3.Error as error:
            raise NoriaError(
                f"{self.path}: the ledger cannot be read or written ({error}); move the file "
                "aside, and the next run begins a new one; the archived runs are not touched"
            ) from None

    def begin(self) -> int:
        """Open a row; rows left open by a killed job are marked as interrupted."""
        with self._open() as db:
            db.execute("UPDATE run SET status = 'interrupted' WHERE status = 'running'")
            row = db.execute("INSERT INTO run (started, status) VALUES (?, 'running')", (_now(),))
            assert row.lastrowid is not None
            return row.lastrowid

    def end(
        self, number: int, *, status: str, exit_code: int, run_id: str, details: dict[str, Any]
    ) -> None:
        """Complete a row."""
        with self._open() as db:
            db.execute(
                "UPDATE run SET ended = ?, status = ?, exit_code = ?, run_id = ?, details = ? "
                "WHERE number = ?",
                (_now(), status, exit_code, run_id, json.dumps(details, default=str), number),
            )

    def published(self) -> set[str]:
        """Ids of the runs whose plan went to the ERP."""
        return {row["run_id"] for row in self.rows() if row["status"] == PUBLISHED}

    def rows(self) -> list[dict[str, Any]]:
        """Every execution, the latest first; ``details`` are merged into the row."""
        if not self.path.exists():
            return []
        with self._open() as db:
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
