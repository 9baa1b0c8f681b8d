"""A time-of-use electricity tariff: seasons × day types × windows, by local wall clock.

Every minute of every day of the year belongs to exactly one price class; a hole or an overlap is
refused when the file is read, so no price is ever made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from twin.errors import Fault, InputError, did_you_mean
from twin.model.base import Frozen, read_yaml, validate
from twin.model.horizon import Array, Horizon
from twin.model.shifts import WEEKDAYS, Weekday, Window

DAY = 1440
"""Minutes of a day by the clock on the wall."""

_ANY_LEAP_YEAR = 2024


def _check_day_of_year(text: str) -> str:
    try:
        if not re.fullmatch(r"\d\d-\d\d", text):
            raise ValueError
        date.fromisoformat(f"{_ANY_LEAP_YEAR}-{text}")
    except ValueError:
        raise ValueError('a day of the year reads "MM-DD", for example "10-01"') from None
    return text


DayOfYear = Annotated[str, AfterValidator(_check_day_of_year)]
Price = Annotated[float, Field(allow_inf_nan=False)]


class Season(Frozen):
    """Part of every year with its own windows, for all weekdays or some."""

    name: str
    first: DayOfYear
    last: DayOfYear
    """Included. A season that ends before it starts runs over the new year; one that ends on 02-28
    includes the 29th."""
    days: list[Weekday] = Field(default_factory=lambda: list(WEEKDAYS), min_length=1)
    """Weekdays it holds for; all when left out."""
    windows: dict[str, list[Window]]
    """Windows by price class. One that ends before it starts is the two ends of the same day:
    "22:00-07:00" is 00:00-07:00 and 22:00-24:00."""

    def covers(self, day_of_year: str, weekday: Weekday) -> bool:
        last = "02-29" if self.last == "02-28" else self.last
        inside = (self.first <= day_of_year, day_of_year <= last)
        return weekday in self.days and (all(inside) if self.first <= last else any(inside))


class Tariff(Frozen):
    """What electricity costs by season, weekday and hour, and what the month's peak costs."""

    id: str
    currency: str
    status: str = ""
    """How sure the figures are, for example "example, the user must confirm"."""
    source: str = ""
    note: str = ""
    timezone: str | None = None
    """IANA zone of the windows; the plant's when left out."""
    demand_charge_per_kw_month: float = Field(default=0.0, ge=0)
    """For the highest slot mean of the month [currency/kW]."""
    feed_in_per_kwh: Price | dict[str, Price] = 0.0
    """Paid for surplus generation, one number or by class [currency/kWh]."""
    classes: dict[str, Price] = Field(min_length=1)
    """Price of electricity by class [currency/kWh]."""
    seasons: list[Season] = Field(min_length=1)

    @property
    def feed_in_by_class(self) -> dict[str, float]:
        """Paid for surplus generation [currency/kWh]."""
        paid = self.feed_in_per_kwh
        return paid if isinstance(paid, dict) else dict.fromkeys(self.classes, paid)


def load_tariff(path: Path) -> Tariff:
    """Read a tariff from YAML.

    Raises
    ------
    InputError
        With every fault; holes and overlaps are named by season, day and hour.
    """
    return checked(validate(read_yaml(Path(path)), Tariff, str(path)), str(path))


def checked(tariff: Tariff, source: str) -> Tariff:
    """The same tariff, proven to give every minute of the year exactly one price class."""
    faults = [*_unknown_classes(tariff)] or [*_holes_and_overlaps(tariff)]
    if faults:
        raise InputError(source, faults)
    return tariff


def price_series(tariff: Tariff, horizon: Horizon) -> Array:
    """(T,) mean price in each slot of a horizon [currency/kWh], by the clock on the wall.

    An hour repeated by a change of clock has its price twice; a skipped hour has none.
    """
    return _slot_means(tariff, horizon, tariff.classes)


def feed_in_series(tariff: Tariff, horizon: Horizon) -> Array:
    """(T,) mean price paid for surplus generation in each slot [currency/kWh]."""
    return _slot_means(tariff, horizon, tariff.feed_in_by_class)


def class_series(tariff: Tariff, horizon: Horizon) -> list[str]:
    """(T,) price class at the start of each slot."""
    names = list(tariff.classes)
    classes = _class_by_minute(tariff, horizon)[:: horizon.slot_minutes]
    return [names[i] for i in classes.tolist()]


def _slot_means(tariff: Tariff, horizon: Horizon, by_class: dict[str, float]) -> Array:
    prices = np.array([by_class[name] for name in tariff.classes])[
        _class_by_minute(tariff, horizon)
    ]
    slots = prices.reshape(horizon.slots, -1)
    is_constant = (slots == slots[:, :1]).all(axis=1)
    return np.where(is_constant, slots[:, 0], slots.mean(axis=1))


def _class_by_minute(tariff: Tariff, horizon: Horizon) -> NDArray[np.intp]:
    """Index of the price class in each minute of a horizon."""
    instants = pd.date_range(horizon.start, periods=horizon.minutes, freq="min")
    local = instants.tz_convert(tariff.timezone or horizon.timezone)
    minute_of_day = (local.hour * 60 + local.minute).to_numpy()
    day_of_minute, days = pd.factorize(local.date)
    by_day = [_classes_of_day(tariff, day).argmax(axis=0) for day in days]
    return np.asarray(np.stack(by_day)[day_of_minute, minute_of_day], dtype=np.intp)


def _classes_of_day(tariff: Tariff, day: date) -> NDArray[np.bool_]:
    seasons = _seasons_on(tariff, f"{day:%m-%d}", WEEKDAYS[day.weekday()])
    return _coverage(tariff, seasons).astype(bool)


def _seasons_on(tariff: Tariff, day_of_year: str, weekday: Weekday) -> tuple[int, ...]:
    return tuple(i for i, s in enumerate(tariff.seasons) if s.covers(day_of_year, weekday))


def _coverage(tariff: Tariff, seasons: tuple[int, ...]) -> NDArray[np.int_]:
    """(C, 1440) how many windows of each class cover each minute of a day of these seasons."""
    names = list(tariff.classes)
    found = np.zeros((len(names), DAY), dtype=int)
    for i in seasons:
        for name, windows in tariff.seasons[i].windows.items():
            for window in windows:
                begin, end = (_minute(clock) for clock in window.split("-"))
                if end > begin:
                    found[names.index(name), begin:end] += 1
                else:
                    found[names.index(name), begin:] += 1
                    found[names.index(name), :end] += 1
    return found


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _unknown_classes(tariff: Tariff) -> Iterator[Fault]:
    for i, season in enumerate(tariff.seasons):
        for name in season.windows:
            if name not in tariff.classes:
                where = f"seasons.{i}.windows"
                yield Fault(where, f'no class "{name}"', did_you_mean(name, tariff.classes))
    paid = tariff.feed_in_by_class
    for name in sorted(paid.keys() ^ tariff.classes.keys()):
        found = f'no price for class "{name}"' if name not in paid else f'no class "{name}"'
        yield Fault("feed_in_per_kwh", found, "give the classes of the tariff, or one number")


def _holes_and_overlaps(tariff: Tariff) -> Iterator[Fault]:
    """Minutes of the year with no price or several, by the seasons that meet there."""
    days: dict[tuple[int, ...], list[tuple[str, Weekday]]] = {}
    for n in range(366):
        day = f"{date(_ANY_LEAP_YEAR, 1, 1) + timedelta(days=n):%m-%d}"
        for weekday in WEEKDAYS:
            days.setdefault(_seasons_on(tariff, day, weekday), []).append((day, weekday))
    for seasons, covered in days.items():
        shown = " and ".join(tariff.seasons[i].name for i in seasons)
        where = f"{shown or 'no season'}, {_days_text(covered)}"
        coverage = _coverage(tariff, seasons)
        if not seasons:
            yield Fault("seasons", f"{where}: no price", "add a season for these days")
            continue
        for begin, end in _runs(coverage.sum(axis=0)):
            names = [
                name
                for name, row in zip(tariff.classes, coverage, strict=True)
                if row[begin:end].any()
            ]
            found = f"{where}, {_clock(begin)}-{_clock(end)}: "
            found += f"more than one price ({', '.join(names)})" if names else "no price"
            yield Fault("seasons", found, "every minute belongs to one class")


def _days_text(days: list[tuple[str, Weekday]]) -> str:
    """Dates and weekdays in words: ``on 04-01 (mon, tue)`` or ``04-01 to 09-30``."""
    dates = sorted({day for day, _ in days})
    present = {weekday for _, weekday in days}
    weekdays = "" if len(present) == 7 else f" ({', '.join(w for w in WEEKDAYS if w in present)})"
    runs: list[list[str]] = []
    for day in dates:
        following = date.fromisoformat(f"{_ANY_LEAP_YEAR}-{day}") - timedelta(days=1)
        if runs and runs[-1][1] == f"{following:%m-%d}":
            runs[-1][1] = day
        else:
            runs.append([day, day])
    return ", ".join(a if a == b else f"{a} to {b}" for a, b in runs) + weekdays


def _runs(covers: NDArray[np.int_]) -> list[tuple[int, int]]:
    """Stretches of minutes that are not covered exactly once, cut where the count changes."""
    edges = [0, *(np.flatnonzero(np.diff(covers)) + 1).tolist(), len(covers)]
    return [(a, b) for a, b in pairwise(edges) if covers[a] != 1]
