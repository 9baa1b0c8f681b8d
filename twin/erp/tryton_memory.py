"""What Noria wrote last to a production of Tryton: so its own dates are told from a user's.

A note says what is about to be written and is confirmed after. Between the two the job may have
been killed, and nobody knows on which side of the writing: while a note is pending, both its dates
and those from before count as Noria's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from twin.erp.signature import Remembered
from twin.erp.tryton_read import Production

Dates = tuple[date | None, date | None]
"""Planned start date and planned date."""


@dataclass(frozen=True)
class Note:
    """What was written to one production, or is about to be."""

    dates: Dates
    wished: Dates
    """Dates that were asked for, before Noria ever wrote over them."""
    first_minute: datetime
    """Planned start to the minute; it decides what is frozen."""
    entered: datetime
    """When the production was made: a later one may bear the same reference."""
    released: bool = False
    """Taken to *waiting* by Noria, once."""

    def as_values(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {
            "dates": [str(day or "") for day in self.dates],
            "wished": [str(day or "") for day in self.wished],
            "first_minute": self.first_minute.isoformat(),
            "entered": self.entered.isoformat(),
            "released": self.released,
        }

    @staticmethod
    def of(values: Mapping[str, Any]) -> Note:
        """Inverse of :meth:`as_values`."""
        return Note(
            dates=_dates(values["dates"]),
            wished=_dates(values["wished"]),
            first_minute=datetime.fromisoformat(values["first_minute"]),
            entered=datetime.fromisoformat(values["entered"]),
            released=values["released"],
        )


@dataclass(frozen=True)
class Memory:
    """The notes of one production."""

    last: Note | None = None
    """Confirmed."""
    pending: Note | None = None
    """Not confirmed: written or not."""

    @property
    def notes(self) -> list[Note]:
        """Newest first."""
        return [note for note in (self.pending, self.last) if note]

    def is_own(self, dates: Dates) -> bool:
        """Whether no user has changed the dates since Noria wrote; so where it never did."""
        own = [note.dates for note in self.notes]
        if self.pending and not self.last:
            own.append(self.pending.wished)
        return dates in own or not own

    def holding(self, dates: Dates) -> Note | None:
        """The note whose dates Tryton holds."""
        return next((note for note in self.notes if note.dates == dates), None)

    def wished(self, production: Production) -> Dates:
        """From when and by when it is wanted: a date that a user changed is the new wish."""
        start, end = production.dates
        starts = {note.dates[0]: note.wished[0] for note in reversed(self.notes)}
        ends = {note.dates[1]: note.wished[1] for note in reversed(self.notes)}
        return starts.get(start, start), ends.get(end, end)


def record_of(order: str) -> str:
    """Name of an order's record in the outbox."""
    return f"production {order}"


def memory_of(production: Production, order: str, remembered: Remembered | None) -> Memory:
    """What is remembered of a production; nothing of an older one of the same name."""
    if remembered is None:
        return Memory()

    def note(values: Mapping[str, Any] | None) -> Note | None:
        found = Note.of(values) if values else None
        return found if found and found.entered == production.entered else None

    record = record_of(order)
    return Memory(note(remembered.last(record)), note(remembered.intended(record)))


def _dates(texts: list[str]) -> Dates:
    start, end = (date.fromisoformat(text) if text else None for text in texts)
    return start, end
