"""Stamps of a load profile: local times, with their two hours of doubt a year and ``24:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MIDNIGHT = re.compile(r"(?<!\d)24:00(?!:[0-5][1-9]|:[1-5]0)")
"""The end of a day, as some meters write it."""


class NoInstant(Exception):
    """A stamp is no instant; the message says why."""


@dataclass(frozen=True)
class Stamps:
    """How the stamps of a file are read."""

    format: str = ""
    """As for strptime, for example %d.%m.%Y %H:%M; empty: ISO 8601."""
    zone: ZoneInfo | None = None
    """Of stamps without offset."""

    def instant(self, text: str, last: datetime | None = None) -> datetime:
        """The instant of a stamp (UTC); ``last`` is that of the row before.

        In the hour that comes twice when the clocks go back, a stamp is the first instant that
        follows the row before; without such a row nobody can tell.

        Raises
        ------
        NoInstant
            When the stamp cannot be read, or names an hour that was skipped or comes twice.
        """
        shown = self._read(text.strip())
        if shown.tzinfo is not None:
            return shown.astimezone(UTC)
        if self.zone is None:
            raise NoInstant(f'time "{text}" has no offset from UTC; give timezone')
        first, second = (
            shown.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if first.astimezone(self.zone).replace(tzinfo=None) != shown:
            raise NoInstant(f'time "{text}" does not exist: the clocks went forward over it')
        if first == second:
            return first
        found = [one for one in (first, second) if last is not None and one > last]
        if not found:
            raise NoInstant(
                f'time "{text}" comes twice, when the clocks go back, and the row before does not '
                "say which it is; let the meter write UTC or the offset"
            )
        return found[0]

    def _read(self, text: str) -> datetime:
        is_midnight = bool(_MIDNIGHT.search(text))
        if is_midnight:
            text = _MIDNIGHT.sub("00:00", text)
        try:
            shown = (
                datetime.strptime(text, self.format)
                if self.format
                else datetime.fromisoformat(text)
            )
        except ValueError:
            expected = self.format or "2026-11-23T12:15 or 2026-11-23T12:15:00+01:00"
            raise NoInstant(f'time "{text[:60]}" is not of the form {expected}') from None
        return shown + timedelta(days=1) if is_midnight else shown
