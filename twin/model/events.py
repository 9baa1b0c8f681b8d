"""What happened: one table for simulated and recorded logs alike.

Event kinds
-----------
``state``    a work unit enters ``state``; ``order``, ``operation`` and ``product`` say for which
             work, ``reason`` why (the failure mode of *down* and *repair*, the task of
             *maintenance*, the setup key of *setup*).
``start``    a lot starts on a work unit; ``material`` is the traceable unit it is made from.
``end``      a lot ends: ``quantity`` good pieces, ``scrap`` scrapped, ``reason`` the main reason.
``verdict``  an inspection of a lot: ``quantity`` passed, ``scrap`` failed, ``verdict`` pass/fail.
``release``  a work order is released. No work unit.
``complete`` a work order has left its last operation: ``quantity`` good pieces. No work unit.
``meter``    ``quantity`` kWh drawn by a work unit (or the site: empty) since its last reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

KINDS = ("state", "start", "end", "verdict", "release", "complete", "meter")
TEXT = (
    "work_unit", "event", "state", "order", "operation", "product", "lot", "material",
    "verdict", "reason",
)  # fmt: skip
NUMBERS = ("quantity", "scrap")
COLUMNS = (
    "time", "work_unit", "event", "state", "order", "operation", "product", "lot", "material",
    "quantity", "scrap", "verdict", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class EventLog:
    """Events in the order they were recorded; columns are :data:`COLUMNS`.

    ``time`` is UTC, text columns are empty strings where they do not apply, numbers are NaN there.
    A log from a plant may be out of order; :meth:`ordered` sorts it (stably) by time.
    """

    table: pd.DataFrame
    source: str = ""

    def __post_init__(self) -> None:
        missing = [c for c in COLUMNS if c not in self.table.columns]
        if missing:
            raise ValueError(f"event log lacks columns {', '.join(missing)}")
        if not isinstance(self.table["time"].dtype, pd.DatetimeTZDtype):
            raise ValueError("event log: column time is not zone-aware")

    def __len__(self) -> int:
        return len(self.table)

    @staticmethod
    def of(rows: Iterable[Mapping[str, Any]], source: str = "") -> EventLog:
        """A log from rows that name only the columns that apply."""
        table = pd.DataFrame(list(rows), columns=list(COLUMNS))
        table["time"] = pd.to_datetime(table["time"], utc=True).astype("datetime64[us, UTC]")
        for column in TEXT:
            table[column] = (
                table[column].astype(object).where(table[column].notna(), "").astype(str)
            )
        for column in NUMBERS:
            table[column] = pd.to_numeric(table[column]).astype(float)
        return EventLog(table, source)

    def ordered(self) -> EventLog:
        return EventLog(
            self.table.sort_values("time", kind="stable", ignore_index=True), self.source
        )

    def until(self, instant: datetime) -> EventLog:
        """Events strictly before an instant."""
        return EventLog(self.table[self.table["time"] < pd.Timestamp(instant)], self.source)

    def of_kind(self, kind: str) -> pd.DataFrame:
        return self.table[self.table["event"] == kind]

    def state_intervals(self, end: datetime) -> pd.DataFrame:
        """State of every work unit as intervals, the last one closed at ``end``.

        Returns
        -------
        DataFrame with columns work_unit, state, start, end, order, operation, product, reason;
        ordered by work unit and start. Intervals of no length are dropped.
        """
        states = self.ordered().of_kind("state")
        frame = states[["work_unit", "state", "time", "order", "operation", "product", "reason"]]
        frame = frame.rename(columns={"time": "start"}).sort_values(
            ["work_unit", "start"], kind="stable", ignore_index=True
        )
        following = frame.groupby("work_unit", sort=False)["start"].shift(-1)
        frame.insert(3, "end", following.fillna(pd.Timestamp(end)))
        return frame[frame["end"] > frame["start"]].reset_index(drop=True)
