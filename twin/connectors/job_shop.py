"""A job shop's production reports: who did what on which order, from when to when, a row each.

The columns are those of the public job-shop log of 4TU.ResearchData (D. Levy, 2014); another export
with the same meaning is read by naming its columns. Every report becomes events of the lot
``R<line>``, so none is lost and each can be found again in the file:

* production: ``start`` and ``end`` of the lot with its good and rejected pieces; ``reason``
  *rework* where the report is one; pieces set aside for review are a failed ``verdict``;
* setup: state *setup*, and at its end the pieces made on trial, if any, as a lot of their own;
* break: state *standby* with reason *break*.

A resource may have several reports open at once. Its state is that of the report begun last; when
that ends it is *off*, or at once what the report begun before it says that is still open.

Local times need a zone. A wall-clock time that a change of clock skips is read as the instant of
the change plus the minutes past it; one that it repeats is read as the first. Both are counted in
``source`` of the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from twin.connectors.csv_files import CsvTable, Faults, numbers, read_csv
from twin.errors import Fault, InputError, did_you_mean
from twin.model.events import EventLog


@dataclass(frozen=True)
class JobShopColumns:
    """Names of the columns; an empty name where an export has none."""

    case: str = "case"
    activity: str = "activity"
    resource: str = "worker_or_machine"
    start: str = "start"
    end: str = "end"
    completed: str = "Qty_Completed"
    rejected: str = "Qty_Rejected"
    review: str = "Qty_for_MRB"
    report: str = "Report_Type"
    """D for production, S for setup, B for a break; without it everything is production."""
    rework: str = "Rework"
    """Y where a report is rework."""


@dataclass(frozen=True)
class _Report:
    """One row of the file, its times in UTC."""

    lot: str
    kind: str
    order: str
    operation: str
    work_unit: str
    start: datetime
    end: datetime
    completed: float
    rejected: float
    review: float
    is_rework: bool

    @property
    def work(self) -> dict[str, Any]:
        return {
            "order": self.order,
            "operation": self.operation,
            "work_unit": self.work_unit,
            "lot": self.lot,
        }


STATE_OF = {"D": "working", "S": "setup", "B": "standby"}
"""Machine state of each type of report."""
TRIAL = "made in setup"
"""Reason of an end without a start: pieces reported together with a setup."""


def read_log(path: Path, timezone: str = "UTC", columns: JobShopColumns | None = None) -> EventLog:
    """Read a job shop's reports as a log, in the order of their times.

    Raises
    ------
    InputError
        With every fault: missing columns, times that cannot be read, reports that end before they
        start, quantities that are no number, types of report that are not known.
    """
    path, columns = Path(path), columns or JobShopColumns()
    table = read_csv(path, [name for name in astuple(columns) if name])
    if not len(table) and not table.faults.found:
        raise InputError(str(path), [Fault("", "no reports, only a header")])
    clock = _Clock(ZoneInfo(timezone), table.faults)
    reports = _reports(table, columns, clock)
    table.faults.settle()
    return EventLog.of(_events(reports), str(path) + clock.remark)


class _Clock:
    """Reads times of the file and counts those that a change of clock makes doubtful."""

    def __init__(self, zone: ZoneInfo, faults: Faults) -> None:
        self.zone, self.faults = zone, faults
        self.skipped = self.repeated = 0

    def instant(self, name: str, text: str, line: int) -> datetime | None:
        try:
            read = datetime.fromisoformat(text.strip())
        except ValueError:
            self.faults.at_line(line, f'{name} got "{text}"; a time reads 2012-01-02 07:00')
            return None
        if read.tzinfo is not None:
            return read.astimezone(UTC)
        first, second = (read.replace(tzinfo=self.zone, fold=f).astimezone(UTC) for f in (0, 1))
        self.repeated += first < second
        self.skipped += first > second
        return first

    @property
    def remark(self) -> str:
        if not self.skipped + self.repeated:
            return ""
        return (
            f" (change of clock in {self.zone.key}: {self.skipped} times in the skipped hour moved "
            f"past it, {self.repeated} in the repeated hour read as the first)"
        )


def _reports(table: CsvTable, columns: JobShopColumns, clock: _Clock) -> list[_Report]:
    completed, rejected, review = (
        numbers(table, name) if name else [float("nan")] * len(table)
        for name in (columns.completed, columns.rejected, columns.review)
    )
    cells = {
        field: [" ".join(text.split()) for text in table.column(getattr(columns, field))]
        for field in ("case", "activity", "resource", "report", "rework")
    }
    found = []
    for n, line in enumerate(table.lines):
        start = clock.instant(columns.start, table.columns[columns.start][n], line)
        end = clock.instant(columns.end, table.columns[columns.end][n], line)
        kind = cells["report"][n] if columns.report else "D"
        _check(table.faults, line, kind, {f: cells[f][n] for f in ("case", "activity", "resource")})
        if start is None or end is None:
            continue
        if end < start:
            remedy = "correct one of the times"
            table.faults.at_line(line, f"ends {end} before it starts {start}", remedy)
        found.append(
            _Report(
                lot=f"R{line}",
                kind=kind,
                order=cells["case"][n],
                operation=cells["activity"][n],
                work_unit=cells["resource"][n],
                start=start,
                end=end,
                completed=completed[n],
                rejected=rejected[n],
                review=review[n],
                is_rework=cells["rework"][n].upper() in ("Y", "YES", "1", "TRUE"),
            )
        )
    return found


def _check(faults: Faults, line: int, kind: str, names: dict[str, str]) -> None:
    if kind not in STATE_OF:
        faults.at_line(line, f'unknown type of report "{kind}"', did_you_mean(kind, STATE_OF))
    for field, text in names.items():
        if not text:
            faults.at_line(line, f"the report names no {field}")


def _events(reports: list[_Report]) -> Iterator[dict[str, Any]]:
    """Events in time order; at one instant ends come first, but never before their own start."""
    moments: list[tuple[datetime, int, int, bool]] = []
    for n, report in enumerate(reports):
        is_instant = report.end == report.start
        moments.append((report.start, 1, n, True))
        moments.append((report.end, 2 if is_instant else 0, n, False))
    under_way: dict[str, list[_Report]] = {}
    for _, _, n, begins in sorted(moments):
        report = reports[n]
        stack = under_way.setdefault(report.work_unit, [])
        if begins:
            stack.append(report)
            yield from _at_start(report)
        else:
            stack.remove(report)
            yield from _at_end(report, stack[-1] if stack else None)


def _at_start(report: _Report) -> Iterator[dict[str, Any]]:
    yield _state(report, report.start)
    if report.kind == "D":
        reason = "rework" if report.is_rework else ""
        yield {"time": report.start, "event": "start", **report.work, "reason": reason}


def _at_end(report: _Report, returns_to: _Report | None) -> Iterator[dict[str, Any]]:
    made = {"quantity": report.completed, "scrap": report.rejected}
    if report.kind == "D" or report.completed > 0 or report.rejected > 0:
        reason = "rework" if report.is_rework else "" if report.kind == "D" else TRIAL
        yield {"time": report.end, "event": "end", **report.work, **made, "reason": reason}
    if report.review > 0:
        failed = {"scrap": report.review, "verdict": "fail", "reason": "material review"}
        yield {"time": report.end, "event": "verdict", **report.work, **failed}
    yield {"time": report.end, "event": "state", "state": "off", **report.work}
    if returns_to is not None:
        yield _state(returns_to, report.end)


def _state(report: _Report, instant: datetime) -> dict[str, Any]:
    reason = "break" if report.kind == "B" else ""
    row = {"time": instant, "event": "state", "state": STATE_OF[report.kind]}
    return {**row, **report.work, "reason": reason}
