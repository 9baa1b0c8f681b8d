"""Dirt put into a clean log on purpose, and the note that says exactly what and how much.

Real logs have all of this: a terminal whose clock is wrong, rows sent twice, ends that were never
keyed in, rows that arrive late, a name typed with blanks, a unit long gone that still reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from scenarios.demo_draws import Draws
from twin.model.events import EventLog


@dataclass(frozen=True)
class Dirt:
    """What is put in."""

    skewed_unit: str = "CH-7"
    skew_minutes: float = 7.0
    """Its clock runs ahead by this much."""
    duplicate_share: float = 0.02
    """Of all rows, sent twice."""
    missing_end_share: float = 0.01
    """Of all lot ends, never recorded."""
    late_rows: int = 120
    """Rows, not of meters, that arrive after some that happened later."""
    late_by: int = 40
    """Places in the file by which such a row is late."""
    blank_unit: str = "VS-1"
    """Its name ends with two blanks for some days."""
    blank_days: tuple[int, int] = (8, 10)
    """First and last such day, counted from the start of the log (0)."""
    retired_unit: str = "CH-9"
    """Scrapped, not in the plant, still sending states."""
    retired_rows: int = 6


def dirty(log: EventLog, until: datetime, dirt: Dirt, seed: int) -> tuple[EventLog, dict[str, Any]]:
    """A log with dirt, and what was planted, countable row by row.

    Parameters
    ----------
    log
        Clean, in the order of time.
    until
        The extract ends here: rows that a fast clock stamps later are not in it.

    Returns
    -------
    The dirty log, and a note with the rows of each kind of dirt.
    """
    draws = Draws(seed, "mes", "dirt")
    note: dict[str, Any] = {"clean_rows": len(log)}
    table = _skewed(log.table, until, dirt, note)
    table = _without_some_ends(table, dirt, draws, note)
    table = _blanks_in_name(table, dirt, note)
    table = _with_retired_unit(table, dirt, draws, note)
    table = _late_rows(table, dirt, draws, note)
    table = _duplicates(table, dirt, draws, note)
    note["dirty_rows"] = len(table)
    return EventLog(table.reset_index(drop=True), f"{log.source}, dirtied"), note


def _skewed(table: pd.DataFrame, until: datetime, dirt: Dirt, note: dict[str, Any]) -> pd.DataFrame:
    skewed = table.copy()
    rows = (table["work_unit"] == dirt.skewed_unit).to_numpy()
    skewed.loc[rows, "time"] += timedelta(minutes=dirt.skew_minutes)
    kept = (skewed["time"] < pd.Timestamp(until)).to_numpy()
    note["clock_skew"] = {
        "work_unit": dirt.skewed_unit,
        "minutes": dirt.skew_minutes,
        "rows": int((rows & kept).sum()),
        "rows_stamped_after_the_extract": int((~kept).sum()),
    }
    return skewed[kept].sort_values("time", kind="stable", ignore_index=True)


def _without_some_ends(
    table: pd.DataFrame, dirt: Dirt, draws: Draws, note: dict[str, Any]
) -> pd.DataFrame:
    ends = np.flatnonzero((table["event"] == "end").to_numpy())
    chosen = ends[draws.sample(len(ends), round(len(ends) * dirt.missing_end_share))]
    lost = table.iloc[chosen]
    note["missing_lot_ends"] = {
        "rows": len(lost),
        "lots": [f"{unit} {lot}" for unit, lot in zip(lost["work_unit"], lost["lot"], strict=True)],
    }
    return table.drop(index=table.index[chosen]).reset_index(drop=True)


def _blanks_in_name(table: pd.DataFrame, dirt: Dirt, note: dict[str, Any]) -> pd.DataFrame:
    day = (table["time"] - table["time"].iloc[0]).dt.days
    first, last = dirt.blank_days
    rows = (table["work_unit"] == dirt.blank_unit) & day.between(first, last)
    changed = table.copy()
    changed.loc[rows, "work_unit"] = f"{dirt.blank_unit}  "
    note["blanks_after_name"] = {
        "work_unit": dirt.blank_unit,
        "blanks": 2,
        "first_day": first,
        "last_day": last,
        "rows": int(rows.sum()),
    }
    return changed


def _with_retired_unit(
    table: pd.DataFrame, dirt: Dirt, draws: Draws, note: dict[str, Any]
) -> pd.DataFrame:
    """States of a work unit that no longer exists, at moments spread over the log."""
    at = draws.sample(len(table), dirt.retired_rows)
    rows = EventLog.of(
        {
            "time": table["time"].iloc[i],
            "work_unit": dirt.retired_unit,
            "event": "state",
            "state": ("standby", "off")[n % 2],
        }
        for n, i in enumerate(at)
    ).table
    note["retired_unit"] = {"work_unit": dirt.retired_unit, "rows": len(rows)}
    return pd.concat([table, rows]).sort_values("time", kind="stable", ignore_index=True)


def _late_rows(table: pd.DataFrame, dirt: Dirt, draws: Draws, note: dict[str, Any]) -> pd.DataFrame:
    """Some rows a few places later in the file than their time says.

    Counted are the rows that end up after one with a later time; rows of one instant may swap
    places without being out of order.
    """
    places = np.arange(len(table), dtype=float)
    keyed_in = np.flatnonzero((table["event"] != "meter").to_numpy()[: -dirt.late_by - 1])
    chosen = keyed_in[draws.sample(len(keyed_in), dirt.late_rows)]
    places[chosen] += dirt.late_by + 0.5
    moved = table.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)
    latest = moved["time"].cummax()
    note["out_of_order"] = {
        "rows": int((moved["time"] < latest).sum()),
        "rows_moved": len(chosen),
        "places": dirt.late_by,
    }
    return moved


def _duplicates(
    table: pd.DataFrame, dirt: Dirt, draws: Draws, note: dict[str, Any]
) -> pd.DataFrame:
    """Some rows twice, the copy right after the original."""
    chosen = draws.sample(len(table), round(len(table) * dirt.duplicate_share))
    repeats = np.ones(len(table), dtype=int)
    repeats[chosen] = 2
    note["duplicates"] = {"rows": len(chosen), "share": dirt.duplicate_share}
    return table.iloc[np.repeat(np.arange(len(table)), repeats)].reset_index(drop=True)
