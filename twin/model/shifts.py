"""Shift calendars: when a work unit or a crew is on, with exceptions and dated variants.

A :class:`Calendar` is what people write (local wall-clock windows by weekday). :class:`OpenTime` is
what programs read: the open intervals of one horizon in elapsed minutes, clock changes already
resolved, with the arithmetic of working time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from twin.model.base import Frozen
from twin.model.horizon import Array, Horizon

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_WINDOW = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _check_window(text: str) -> str:
    found = _WINDOW.fullmatch(text)
    if not found or text.startswith("24:") or max(text[:5], text[6:]) > "24:00":
        raise ValueError('a window reads "HH:MM-HH:MM", for example "06:00-22:00" or "22:00-06:00"')
    if text[:5] == text[6:]:
        raise ValueError('a window has a length; write "00:00-24:00" for the whole day')
    return text


Window = Annotated[str, AfterValidator(_check_window)]
Weekly = dict[Weekday, list[Window]]


class Variant(Frozen):
    """Another weekly pattern between two dates, for example the hours of Ramadan."""

    name: str
    first: date
    last: date
    """Last day of the variant, included."""
    weekly: Weekly

    @model_validator(mode="after")
    def _ordered(self) -> Variant:
        if self.last < self.first:
            raise ValueError(f"ends on {self.last} before it starts on {self.first}")
        return self


class Calendar(Frozen):
    """When someone or something is on duty, by local wall clock.

    A window that ends before it starts runs past midnight and belongs to the day it starts on.
    """

    id: str
    name: str = ""
    weekly: Weekly = Field(default_factory=dict)
    """Windows by weekday; a day left out is closed."""
    exceptions: dict[date, list[Window]] = Field(default_factory=dict)
    """Windows of single dates (holidays: an empty list); they win over everything else."""
    variants: list[Variant] = Field(default_factory=list)
    """Dated patterns that replace the weekly one; the first that covers a date wins."""

    def windows_on(self, day: date) -> list[Window]:
        """Windows that start on a local date."""
        if day in self.exceptions:
            return self.exceptions[day]
        weekly = next((v.weekly for v in self.variants if v.first <= day <= v.last), self.weekly)
        return weekly.get(WEEKDAYS[day.weekday()], [])

    def open_time(self, horizon: Horizon) -> OpenTime:
        """Open intervals of a horizon in elapsed minutes, merged and clipped to it."""
        zone = ZoneInfo(horizon.timezone)
        day = horizon.start.astimezone(zone).date() - timedelta(days=1)
        last = horizon.end.astimezone(zone).date()
        found: list[tuple[float, float]] = []
        while day <= last:
            for window in self.windows_on(day):
                begin, end = (_instant(day, part, zone) for part in window.split("-"))
                if end <= begin:
                    end = _instant(day + timedelta(days=1), window.split("-")[1], zone)
                found.append((horizon.to_minutes(begin), horizon.to_minutes(end)))
            day += timedelta(days=1)
        return OpenTime.of(found, horizon.minutes)


def _instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    hour, minute = int(clock[:2]), int(clock[3:])
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


ALWAYS_ON = Calendar(id="always", weekly={day: ["00:00-24:00"] for day in WEEKDAYS})


@dataclass(frozen=True)
class OpenTime:
    """Open intervals of one horizon and the arithmetic of working time on them.

    ``starts`` and ``ends`` are (N,) increasing minutes; intervals are half-open and do not touch.
    """

    starts: Array
    ends: Array

    @staticmethod
    def of(intervals: list[tuple[float, float]], minutes: float) -> OpenTime:
        """Merge intervals and clip them to [0, minutes]."""
        merged: list[list[float]] = []
        for begin, end in sorted(intervals):
            begin, end = max(begin, 0.0), min(end, float(minutes))
            if end <= begin:
                continue
            if merged and begin <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([begin, end])
        table = np.array(merged, dtype=float).reshape(-1, 2)
        return OpenTime(table[:, 0], table[:, 1])

    def _index(self, minute: float) -> int:
        """Index of the first interval that ends after a minute."""
        return int(np.searchsorted(self.ends, minute, side="right"))

    def is_open(self, minute: float) -> bool:
        i = self._index(minute)
        return i < len(self.starts) and bool(self.starts[i] <= minute)

    def next_open(self, minute: float) -> float:
        """First open minute at or after ``minute``; infinity when there is none."""
        i = self._index(minute)
        return max(minute, float(self.starts[i])) if i < len(self.starts) else float("inf")

    def next_change(self, minute: float) -> float:
        """First opening or closing after ``minute``; infinity when there is none."""
        i = self._index(minute)
        if i == len(self.starts):
            return float("inf")
        return float(self.ends[i] if self.starts[i] <= minute else self.starts[i])

    def working_minutes(self, begin: float, end: float) -> float:
        """Open minutes inside [begin, end)."""
        overlap = np.minimum(self.ends, end) - np.maximum(self.starts, begin)
        return float(np.maximum(overlap, 0.0).sum())

    def minutes_before(self, instants: Array) -> Array:
        """Open minutes before each instant, (N,); their differences are working minutes."""
        if not len(self.starts):
            return np.zeros(len(instants))
        lengths = self.ends - self.starts
        total = np.cumsum(lengths)
        spent = np.column_stack((total - lengths, total)).ravel()
        knots = np.column_stack((self.starts, self.ends)).ravel()
        result: Array = np.interp(instants, knots, spent)
        return result

    def work(self, begin: float, minutes: float) -> list[tuple[float, float]]:
        """Pieces in which ``minutes`` of work are done when started at or after ``begin``.

        Work pauses while closed and resumes at the next opening. Empty when the horizon has not
        enough open time left; one empty piece for work of no length.
        """
        pieces: list[tuple[float, float]] = []
        left = minutes
        i = self._index(begin)
        while i < len(self.starts):
            start = max(begin, float(self.starts[i]))
            stop = min(float(self.ends[i]), start + left)
            if stop > start or minutes == 0:
                pieces.append((start, stop))
            left -= stop - start
            if left <= 1e-9:
                return pieces
            i += 1
        return []


def shared_equally(begin: Array, end: Array, edges: Array, minutes: Array) -> Array:
    """Minutes that fall to each of several intervals when those under way share them, (N,).

    Parameters
    ----------
    begin, end : (N,)
        The intervals; each of their ends is one of the edges.
    edges : (K + 1,)
        Increasing instants.
    minutes : (K,)
        What there is to share between edges[k] and edges[k + 1].
    """
    share = minutes / np.maximum(under_way(edges, begin, end), 1)
    before = np.concatenate(([0.0], np.cumsum(share)))
    found: Array = before[np.searchsorted(edges, end)] - before[np.searchsorted(edges, begin)]
    return found


def under_way(edges: Array, begin: Array, end: Array) -> NDArray[np.int64]:
    """Number of intervals under way between each two neighbouring edges, (K,)."""
    begun = np.searchsorted(np.sort(begin), edges[:-1], side="right")
    ended = np.searchsorted(np.sort(end), edges[:-1], side="right")
    return np.asarray(begun - ended, dtype=np.int64)
