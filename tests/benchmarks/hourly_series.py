"""Reads hourly prices and carbon intensities from a CSV file, whatever its columns are called.

Columns are known by words in their names, and so are units: without any, a median above 5 is taken
as currency/MWh or g/kWh. Quarter hours are averaged to hours. What was taken for what, and how many
hours were missing, is told with the results.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from twin.errors import Fault, InputError
from twin.model.horizon import Array

PRICE_WORDS = ("price", "eur_per", "eur/", "usd", "mad", "tariff", "spot", "day_ahead", "dayahead")
CARBON_WORDS = ("ci_direct", "direct", "carbon", "co2", "intensity", "ci_", "gco2")
NOT_VALUES = ("estimated", "filled", "pct", "share", "percent", "flag", "_id", "forecast")
LARGE = 5.0
"""Median above which a value without a unit is per MWh, or in grams."""
MOST_MISSING = 0.02
"""Share of hours that may be missing; each takes the value of the same hour a day before."""


@dataclass(frozen=True)
class HourlySeries:
    """Whole days of prices and carbon intensities."""

    begin: pd.Timestamp
    price: Array
    """(D, 24) [currency/kWh]"""
    carbon: Array | None
    """(D, 24) [kgCO2e/kWh]; None where the file has no such column."""
    notes: dict[str, object]
    """Columns, units and hours filled."""


def read_series(path: Path) -> HourlySeries:
    """The whole days of a file.

    Raises
    ------
    InputError
        If it cannot be read, has no times or no price, or too many hours are missing.
    """
    frame = _frame(path)
    times = _times(path, frame)
    price, price_notes = _column(frame, PRICE_WORDS, "price")
    if price is None:
        raise _fault(path, f"no price among {list(frame.columns)}", "name a column price")
    carbon, carbon_notes = _column(frame, CARBON_WORDS, "carbon")
    notes: dict[str, object] = {**price_notes, **carbon_notes}
    days, filled, begin = _days(path, times, price)
    notes["hours_filled"] = filled
    intensity = None if carbon is None else _days(path, times, carbon)[0]
    return HourlySeries(begin, days, intensity, notes)


def _fault(path: Path, found: str, remedy: str) -> InputError:
    return InputError(str(path), [Fault("file", found, remedy)])


def _frame(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, sep=None, engine="python")
    except (OSError, ValueError, csv.Error) as error:
        raise _fault(path, f"cannot be read ({error})", "name a CSV file") from None
    if len(frame) < 24:
        raise _fault(path, f"{len(frame)} rows; hours of days are expected", "name a longer series")
    return frame


def _times(path: Path, frame: pd.DataFrame) -> pd.DatetimeIndex:
    """The first column that reads as rising times."""
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name]):
            continue
        times = pd.to_datetime(frame[name], utc=True, errors="coerce", format="ISO8601")
        if times.isna().mean() > MOST_MISSING:
            times = pd.to_datetime(frame[name], utc=True, errors="coerce", format="mixed")
        if times.isna().mean() <= MOST_MISSING:
            return pd.DatetimeIndex(times)
    raise _fault(path, "no column of times", "write them as 2021-01-01 00:00:00+00:00")


def _column(
    frame: pd.DataFrame, words: tuple[str, ...], what: str
) -> tuple[pd.Series | None, dict[str, object]]:
    """A numeric column by the words of its name, with the factor to kWh and kg."""
    names = {str(name).lower(): name for name in frame.columns}
    for word in words:
        for low, name in names.items():
            is_value = word in low and not any(other in low for other in NOT_VALUES)
            if is_value and pd.api.types.is_numeric_dtype(frame[name]):
                factor = _factor(low, frame[name], what)
                notes = {f"{what}_column": str(name), f"{what}_factor": factor}
                return frame[name] * factor, notes
    return None, {f"{what}_column": None}


def _factor(name: str, values: pd.Series, what: str) -> float:
    """To currency/kWh or kgCO2e/kWh."""
    is_large = abs(float(values.median())) > LARGE
    if what == "price":
        if "mwh" in name:
            return 0.001
        return 1.0 if "kwh" in name or not is_large else 0.001
    if "mwh" in name and is_large:
        return 0.001  # kg/MWh
    return 0.001 if is_large else 1.0


def _days(
    path: Path, times: pd.DatetimeIndex, values: pd.Series
) -> tuple[Array, int, pd.Timestamp]:
    """Whole days (D, 24), hours filled, and the first midnight."""
    series = pd.Series(values.to_numpy(dtype=float), index=times)
    hourly = series[series.index.notna()].resample("1h").mean()
    first, last = hourly.index[0].ceil("D"), hourly.index[-1].floor("D")
    if hourly.index[-1].hour == 23:
        last += pd.Timedelta(days=1)
    hourly = hourly[(hourly.index >= first) & (hourly.index < last)]
    missing = int(hourly.isna().sum())
    if missing > MOST_MISSING * len(hourly) or len(hourly) < 24:
        raise _fault(path, f"{missing} of {len(hourly)} hours are missing", "name a fuller series")
    days = hourly.to_numpy().reshape(-1, 24).copy()
    for day in range(1, len(days)):
        days[day] = np.where(np.isnan(days[day]), days[day - 1], days[day])
    return np.nan_to_num(days, nan=float(np.nanmean(days))), missing, first
