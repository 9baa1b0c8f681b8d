"""Up to when the log is read and from when is planned: an instant, or a rule that gives one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

NOW = "now"
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_FORMS = 'write a date and time, now, or a time of day in quotes, as "06:00"'


def _rule(value: Any) -> Any:
    """A rule as it is; numbers are refused, for YAML takes 16:00 without quotes for one."""
    if isinstance(value, int | float):
        raise ValueError(f"got the number {value}; {_FORMS}")
    if isinstance(value, str) and not (value == NOW or _CLOCK.fullmatch(value)):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f'got "{value}"; {_FORMS}') from None
    return value


CutOff = Annotated[datetime | str, BeforeValidator(_rule)]
"""A datetime, ``now``, or a time of day as ``06:00``."""


def is_rule(cut_off: datetime | str) -> bool:
    """Whether the instant depends on when one asks."""
    return isinstance(cut_off, str)


def instant_of(cut_off: datetime | str, zone: ZoneInfo, now: datetime) -> datetime:
    """The instant that a cut-off means on a plant's clock, at a moment.

    Parameters
    ----------
    cut_off
        A datetime (without an offset: the plant's time), ``now`` (the last full minute), or a time
        of day, whose latest occurrence is meant.
    now
        Zone-aware.

    Examples
    --------
    >>> now = datetime.fromisoformat("2026-11-23T05:30:20+00:00")
    >>> instant_of("06:00", ZoneInfo("Africa/Casablanca"), now).isoformat()
    '2026-11-23T06:00:00+01:00'
    >>> instant_of("07:00", ZoneInfo("Africa/Casablanca"), now).isoformat()
    '2026-11-22T07:00:00+01:00'
    """
    if isinstance(cut_off, datetime):
        return cut_off if cut_off.tzinfo else cut_off.replace(tzinfo=zone)
    local = now.astimezone(zone)
    if cut_off == NOW:
        return local.replace(second=0, microsecond=0)
    hour, minute = (int(part) for part in cut_off.split(":"))
    today = datetime.combine(local.date(), time(hour, minute), zone)
    # Compared as instants, not as times on the wall: in the night of a change of clock they differ.
    is_past = today.timestamp() <= now.timestamp()
    return (
        today
        if is_past
        else datetime.combine(local.date() - timedelta(days=1), time(hour, minute), zone)
    )


def moment_of(cut_off: datetime | str, now: datetime) -> datetime:
    """What is the present to a job: its cut-off where that is a fixed instant (to the zone, where
    it is written without one), else the clock's."""
    if isinstance(cut_off, str):
        return now
    return cut_off if cut_off.tzinfo else cut_off.replace(tzinfo=UTC)
