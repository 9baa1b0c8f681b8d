"""A series of equal steps from CSV (hourly prices, carbon intensity), strictly checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from twin.connectors.csv_files import CsvTable, number, read_csv
from twin.errors import Fault, InputError
from twin.model.horizon import Array, Horizon

STEPS = (60, 30, 15)
"""Lengths of a step that are understood [min]."""

_SHOWN = 3


@dataclass(frozen=True)
class Series:
    """Values that hold for steps of equal length without hole: value k from start + k × step."""

    start: datetime
    """UTC instant of the first step."""
    step_minutes: int
    values: Array
    """(K,)"""
    source: str
    """Where it comes from, and by how much it was moved in time."""

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.step_minutes * len(self.values))


def read_hourly(
    path: Path,
    time_column: str,
    value_column: str,
    unit_factor: float = 1.0,
    timezone: str | None = None,
    shift_days: int = 0,
) -> Series:
    """Read a series of 60-, 30- or 15-min steps.

    Parameters
    ----------
    unit_factor
        Multiplies every value, for example 0.001 from EUR/MWh to EUR/kWh.
    timezone
        IANA zone of times written without offset. In the repeated hour of autumn the first
        occurrence in the file is the earlier one.
    shift_days
        Moves the series by whole weeks (a multiple of 7, so weekdays stay weekdays), to let one
        year stand in for another. ``source`` of the answer says so.

    Raises
    ------
    InputError
        When a step is missing, repeated or out of order, a value is no number, or a time has no
        zone; the first ones are named.
    ValueError
        When ``shift_days`` is no multiple of 7.
    """
    if shift_days % 7:
        raise ValueError(f"shift_days got {shift_days}; a series is moved by whole weeks only")
    path = Path(path)
    table = read_csv(path, (time_column, value_column))
    if len(table) < 2 and not table.faults.found:
        found = f"{len(table)} values; a series has at least two"
        raise InputError(str(path), [Fault("", found)])
    values = _values(table, value_column)
    instants = _instants(table, time_column, timezone)
    table.faults.settle()
    step = _regular_step(instants, table, timezone)
    source = f"{path}, column {value_column}"
    if shift_days:
        later = "later" if shift_days > 0 else "earlier"
        source += f", moved {abs(shift_days)} days {later} (measured {instants[0]:%Y-%m-%d} on)"
    start = instants[0] + timedelta(days=shift_days)
    return Series(start, step, np.array(values) * unit_factor, source)


def on_horizon(series: Series, horizon: Horizon) -> Array:
    """(T,) mean value in each slot of a horizon.

    Raises
    ------
    InputError
        When the series does not cover the whole horizon; it says from when to when it does.
    """
    if horizon.start < series.start or horizon.end > series.end:
        found = (
            f"covers {series.start:%Y-%m-%d %H:%M} to {series.end:%Y-%m-%d %H:%M} UTC; the horizon "
            f"runs {horizon.start:%Y-%m-%d %H:%M} to {horizon.end:%Y-%m-%d %H:%M} UTC"
        )
        raise InputError(series.source, [Fault("", found, "use a longer series, or shift_days")])
    edges = horizon.edges + (horizon.start - series.start).total_seconds() / 60
    if series.step_minutes % horizon.slot_minutes == 0 and edges[0] % horizon.slot_minutes == 0:
        steps = (edges[:-1] // series.step_minutes).astype(int)
        return np.asarray(series.values[steps], dtype=np.float64)
    knots = np.arange(len(series.values) + 1, dtype=float) * series.step_minutes
    integral = np.concatenate([[0.0], np.cumsum(series.values) * series.step_minutes])
    first, last = int(edges[0] // series.step_minutes), int(-(-edges[-1] // series.step_minutes))
    part = slice(first, last + 1)
    total = np.interp(edges, knots[part], integral[part] - integral[first])
    return np.asarray(np.diff(total) / horizon.slot_minutes, dtype=np.float64)


def _values(table: CsvTable, name: str) -> list[float]:
    """Any finite number; prices may be below 0."""
    found = []
    for text, line in zip(table.columns[name], table.lines, strict=True):
        try:
            found.append(number(text))
        except ValueError as error:
            shown = f'"{text}"' if text.strip() else "nothing"
            table.faults.at_line(line, f"{name} got {shown}; {error}")
    return found


def _instants(table: CsvTable, name: str, timezone: str | None) -> list[datetime]:
    """UTC instants; faults for what cannot be read or does not exist on the clock."""
    zone = ZoneInfo(timezone) if timezone else None
    found: list[datetime] = []
    for text, line in zip(table.columns[name], table.lines, strict=True):
        try:
            read = datetime.fromisoformat(text.strip())
        except ValueError:
            remedy = "write times as 2026-11-23T05:00+01:00"
            table.faults.at_line(line, f'{name} got "{text}"; an ISO time is expected', remedy)
            continue
        if read.tzinfo is None and zone is None:
            remedy = "add offsets, or name the zone the times are in (timezone)"
            table.faults.at_line(line, f'{name} "{text}" has no time zone', remedy)
            continue
        if read.tzinfo is None and zone is not None:
            early, late = (read.replace(tzinfo=zone, fold=f).astimezone(UTC) for f in (0, 1))
            if early > late:
                found_text = f'{name} "{text}" does not exist: the clock of {zone.key} skips it'
                table.faults.at_line(line, found_text, "write the times in UTC")
                continue
            repeated = early != late and found and found[-1] >= early
            read = late if repeated else early
        found.append(read.astimezone(UTC))
    return found


def _regular_step(instants: Sequence[datetime], table: CsvTable, timezone: str | None) -> int:
    """Length of a step [min]; holes, repetitions and disorder are faults."""
    gaps = [(b - a).total_seconds() / 60 for a, b in pairwise(instants)]
    step = next((s for s in STEPS if s == abs(_commonest(gaps))), 0)
    if not step:
        found = f"steps of {_commonest(gaps):g} min; 60, 30 or 15 min are understood"
        raise InputError(table.faults.source, [Fault("", found)])
    clock = "; a change of clock in times without offset does this" if timezone else ""
    for kind, remedy, times in (
        ("out of order", "sort the file by time", _after(instants, gaps, lambda g: g < 0)),
        ("repeated", "keep one value for each step", _after(instants, gaps, lambda g: g == 0)),
        (
            "off the grid",
            "give every step",
            _after(instants, gaps, lambda g: g > 0 and g % step > 0),
        ),
        ("missing", "fill the hole, and say so", _missing(instants, gaps, step)),
    ):
        if times:
            shown = ", ".join(f"{t:%Y-%m-%d %H:%M}" for t in times[:_SHOWN]) + " UTC"
            more = f" and {len(times) - _SHOWN} more" if len(times) > _SHOWN else ""
            table.faults.add("", f"steps {kind}: {shown}{more}{clock}", remedy)
    table.faults.settle()
    return step


def _after(
    instants: Sequence[datetime], gaps: Sequence[float], is_wrong: Callable[[float], bool]
) -> list[datetime]:
    """Instants whose gap before them is wrong."""
    return [instant for instant, gap in zip(instants[1:], gaps, strict=True) if is_wrong(gap)]


def _missing(instants: Sequence[datetime], gaps: Sequence[float], step: int) -> list[datetime]:
    """The first missing steps of every hole."""
    return [
        before + timedelta(minutes=step * n)
        for before, gap in zip(instants, gaps, strict=False)
        for n in range(1, min(int(gap // step), _SHOWN + 1))
        if gap % step == 0
    ]


def _commonest(gaps: Sequence[float]) -> float:
    values, counts = np.unique(np.array(gaps), return_counts=True)
    return float(values[np.argmax(counts)])
