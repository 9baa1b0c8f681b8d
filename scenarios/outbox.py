"""What was decided and has to reach the ERP: kept until it has, whatever happens in between.

A plan is decided when one transaction of the ledger's file says so, with a *letter* for every
target. Only then is anything written to a target, and each letter is marked when it has arrived. A
job that dies in between leaves letters pending; the next one delivers them before it does anything
else. Connectors compare before they write, so a letter that had arrived, unmarked, is delivered
again without writing anything: the ERP sees each plan once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scenarios.ledger import Ledger, now_text

State = Literal["pending", "sent", "superseded", "refused"]


@dataclass(frozen=True)
class Letter:
    """One plan on its way to one target."""

    id: int
    number: int
    """Of the execution that decided it."""
    run: str
    """Archived run whose plan it is."""
    target: str
    content: str
    """Hash of the plan."""
    state: State
    attempts: int
    error: str
    """What was wrong at the last attempt; without secrets."""


class Outbox:
    """The letters of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def decide(
        self,
        number: int,
        run: str,
        content: str,
        targets: Iterable[str],
        details: Mapping[str, Any],
    ) -> list[Letter]:
        """Decide a plan: its letters are pending, older ones to the same targets superseded."""
        named = list(targets)
        marks = ", ".join("?" * len(named))
        with self.ledger.transaction() as db:
            db.execute(
                "UPDATE run SET status = 'decided', run_id = ?, details = ? WHERE number = ?",
                (run, json.dumps(dict(details), default=str), number),
            )
            db.execute(
                "UPDATE outbox SET state = 'superseded', changed = ? WHERE state = 'pending' "
                f"AND target IN ({marks})",
                (now_text(), *named),
            )
            db.executemany(
                "INSERT INTO outbox (number, run_id, target, content, state, changed) "
                "VALUES (?, ?, ?, ?, 'pending', ?)",
                [(number, run, target, content, now_text()) for target in named],
            )
        return [letter for letter in self.pending() if letter.number == number]

    def pending(self) -> list[Letter]:
        """Letters that have not arrived, the oldest first."""
        return self._letters("WHERE state = 'pending'")

    def decided(self) -> set[str]:
        """Ids of all runs that ever were decided."""
        return {letter.run for letter in self._letters()}

    def letters(self) -> list[Letter]:
        """Every letter, the oldest first."""
        return self._letters()

    def _letters(self, where: str = "") -> list[Letter]:
        if not self.ledger.path.exists():
            return []
        with self.ledger.transaction() as db:
            rows = db.execute(
                "SELECT id, number, run_id, target, content, state, attempts, error FROM outbox "
                f"{where} ORDER BY id"
            ).fetchall()
        return [Letter(*row) for row in rows]

    def attempt(self, letter: Letter) -> None:
        """Count an attempt, before it is made."""
        with self.ledger.transaction() as db:
            db.execute("UPDATE outbox SET attempts = attempts + 1 WHERE id = ?", (letter.id,))

    def mark(self, letter: Letter, state: State, error: str = "") -> None:
        """Say what became of a letter; ``pending`` with an error: it is tried again later."""
        with self.ledger.transaction() as db:
            db.execute(
                "UPDATE outbox SET state = ?, error = ?, changed = ? WHERE id = ?",
                (state, error, now_text(), letter.id),
            )

    def memory(self, target: str) -> Memory:
        """What was written to a target last, record by record."""
        return Memory(self.ledger, target)


@dataclass(frozen=True)
class Memory:
    """What was written last, record by record (:class:`twin.erp.signature.Remembered`)."""

    ledger: Ledger
    target: str

    def last(self, record: str) -> Mapping[str, Any] | None:
        return self._values("confirmed", record)

    def intended(self, record: str) -> Mapping[str, Any] | None:
        return self._values("noted", record)

    def note(self, record: str, values: Mapping[str, Any]) -> None:
        with self.ledger.transaction() as db:
            db.execute(
                "INSERT INTO remembered (target, record, noted) VALUES (?, ?, ?) "
                "ON CONFLICT (target, record) DO UPDATE SET noted = excluded.noted",
                (self.target, record, json.dumps(dict(values), sort_keys=True)),
            )

    def confirm(self, record: str) -> None:
        with self.ledger.transaction() as db:
            db.execute(
                "UPDATE remembered SET confirmed = noted, noted = NULL "
                "WHERE target = ? AND record = ? AND noted IS NOT NULL",
                (self.target, record),
            )

    def _values(self, column: Literal["noted", "confirmed"], record: str) -> dict[str, Any] | None:
        if not self.ledger.path.exists():
            return None
        with self.ledger.transaction() as db:
            row = db.execute(
                f"SELECT {column} FROM remembered WHERE target = ? AND record = ?",
                (self.target, record),
            ).fetchone()
        return dict(json.loads(row[0])) if row and row[0] else None
