"""Writes the event log of a simulated plant, row by row, and hands it over as one table."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from twin.model.events import COLUMNS, EventLog
from twin.model.horizon import Horizon

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONE = float("nan")
_Row = tuple[int, str, str, str, str, str, str, str, str, float, float, str, str]


class Recorder:
    """Rows in the order they happen; times are ticks from the start of the horizon."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []

    def state(
        self, tick: int, unit: str, state: str, work: tuple[str, str, str], reason: str
    ) -> None:
        """A work unit enters a state; ``work`` is (order, operation, product), empty for none."""
        row = (tick, unit, "state", state, *work, "", "", _NONE, _NONE, "", reason)
        self._rows.append(row)

    def start(
        self, tick: int, unit: str, work: tuple[str, str, str], lot: str, material: str
    ) -> None:
        row = (tick, unit, "start", "", *work, lot, material, _NONE, _NONE, "", "")
        self._rows.append(row)

    def end(
        self,
        tick: int,
        unit: str,
        work: tuple[str, str, str],
        lot: str,
        good: int,
        scrap: int,
        reason: str,
    ) -> None:
        self._rows.append((tick, unit, "end", "", *work, lot, "", good, scrap, "", reason))

    def verdict(
        self,
        tick: int,
        unit: str,
        work: tuple[str, str, str],
        lot: str,
        good: int,
        scrap: int,
        verdict: str,
        reason: str,
    ) -> None:
        row = (tick, unit, "verdict", "", *work, lot, "", good, scrap, verdict, reason)
        self._rows.append(row)

    def release(self, tick: int, order: str, product: str, quantity: int) -> None:
        row = (tick, "", "release", "", order, "", product, "", "", quantity, _NONE, "", "")
        self._rows.append(row)

    def complete(self, tick: int, order: str, product: str, good: int) -> None:
        row = (tick, "", "complete", "", order, "", product, "", "", good, _NONE, "", "")
        self._rows.append(row)

    def log(self, horizon: Horizon, source: str) -> EventLog:
        """Everything recorded so far, as the table an MES connector would give."""
        columns: dict[str, list[object]] = {
            name: list(values)
            for name, values in zip(
                COLUMNS, zip(*self._rows, strict=True) if self._rows else [()] * len(COLUMNS),
                strict=True,
            )
        }  # fmt: skip
        origin = (horizon.start - _EPOCH) // pd.Timedelta(microseconds=1)
        ticks = np.array(columns.pop("time"), dtype=np.int64) + origin
        table = pd.DataFrame(
            {
                "time": pd.DatetimeIndex(ticks.view("datetime64[us]")).tz_localize("UTC"),
                **{name: _column(name, values) for name, values in columns.items()},
            }
        )
        return EventLog(table, source)


def _column(name: str, values: list[object]) -> pd.Series:
    is_number = name in ("quantity", "scrap")
    return pd.Series(values, dtype="float64" if is_number else "str")
