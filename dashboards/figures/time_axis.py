"""Time ticks written in the plant's clock: plotly draws UTC and knows no time zones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dashboards.figures import numbers
from twin.model.horizon import Horizon

STEPS = (1, 2, 3, 4, 6, 12, 24)
"""Hours between ticks that divide a day."""
TICK_ROOM_PX = 52.0
"""Least distance of two ticks that show the hour [px]."""


@dataclass(frozen=True)
class Ticks:
    """Positions [min] and two-line texts of the time axis; midnights apart."""

    minutes: tuple[float, ...]
    texts: tuple[str, ...]
    midnights: tuple[float, ...]


def milliseconds(horizon: Horizon, minute: float) -> float:
    """Plotly's number for an instant: milliseconds of UTC since 1970."""
    return horizon.start.timestamp() * 1000 + minute * 60_000


def step_for(minutes: float, width_px: float) -> int:
    """Hours between ticks so that their texts do not touch."""
    for step in STEPS:
        if step * 60 / minutes * width_px >= TICK_ROOM_PX:
            return step
    return STEPS[-1]


def time_ticks(horizon: Horizon, begin: float, end: float, step: int) -> Ticks:
    """Ticks at whole local hours divisible by ``step`` inside [begin, end].

    An hour that the clock shows twice has two ticks with their offsets; one it skips has none. The
    day stands under its first tick.
    """
    minutes, texts, midnights = [], [], []
    shown = None
    for minute, hour in _whole_hours(horizon, begin, end):
        local = horizon.local(minute)
        if hour == 0 and numbers.clock(local).startswith("00:00") and local.fold == 0:
            midnights.append(minute)
        if hour % step:
            continue
        day = (
            (numbers.long_day(local) if step <= 3 else numbers.day(local))
            if local.date() != shown
            else ""
        )
        shown = local.date()
        minutes.append(minute)
        texts.append(f"{numbers.clock(local)}<br>{day or ' '}")
    if step < 24:
        _drop_crowded_day(minutes, texts, step)
    return Ticks(tuple(minutes), tuple(texts), tuple(midnights))


def _drop_crowded_day(minutes: list[float], texts: list[str], step: int) -> None:
    """Leave out the first day's name where the next follows too closely to be written beside it."""
    named = [i for i, text in enumerate(texts) if not text.endswith("<br> ")]
    if len(named) > 1 and minutes[named[1]] - minutes[named[0]] < 2 * step * 60:
        texts[named[0]] = texts[named[0]].split("<br>")[0] + "<br> "


def _whole_hours(horizon: Horizon, begin: float, end: float) -> list[tuple[float, int]]:
    """Minutes at which the plant's clock shows a whole hour, with that hour."""
    first = horizon.to_datetime(begin)
    offset = timedelta(
        minutes=-first.minute % 15, seconds=-first.second, microseconds=-first.microsecond
    )
    minute = begin + offset.total_seconds() / 60
    minute = minute if minute >= begin else minute + 15
    found = []
    while minute <= end + 1e-9:
        local = horizon.local(minute)
        if local.minute == 0:
            found.append((minute, local.hour))
        minute += 15
    return found
