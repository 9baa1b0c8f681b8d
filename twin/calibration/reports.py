"""An event log as work reports: one row for each lot worked, setup made or break taken.

A resource may report several things at once. Its time is then shared: of n reports open together
each gets 1/n of the minutes, and work gets none while a break is open, so that the minutes of a
resource's reports add up to the time it was busy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from twin.model.events import EventLog

NAMED = 0.9
"""Share of the lots that name a product, from which products are those that are named."""


def shows_states(log: EventLog) -> bool:
    """Whether a log says when units worked, and what: more than reports do."""
    lots = log.of_kind("start")
    named = len(lots) > 0 and float((lots["product"] != "").mean()) >= NAMED
    return named and bool((log.of_kind("state")["state"] == "working").any())


@dataclass(frozen=True)
class WorkReport:
    """One stretch of one resource's time."""

    kind: str
    """work, setup or break"""
    work_unit: str
    order: str
    operation: str
    start: datetime
    end: datetime
    is_open: bool
    """It had not ended at the end of the log."""
    pieces: float
    """Good and scrapped."""
    scrap: float
    minutes: float = 0.0
    """Its share of the resource's time [min]."""


def work_reports(
    log: EventLog, until: datetime, same: Mapping[str, str] | None = None
) -> list[WorkReport]:
    """Reports begun before an instant, by start; an open one is closed at that instant.

    Parameters
    ----------
    same
        Operations that are another one under a different spelling: ``{"Final Insp.": "Final
        Inspection"}``. Spaces, case and a leading word SETUP never make a difference.
    """
    rows = log.until(until).ordered().table
    spelling = _spellings(rows["operation"].unique().tolist(), same or {})
    found = [*_lots(rows, until, spelling), *_states(rows, until, spelling)]
    found.sort(key=lambda r: (r.start, r.end, r.work_unit, r.order, r.operation))
    return _shared(found)


def _spellings(names: Iterable[str], same: Mapping[str, str]) -> dict[str, str]:
    """One name for every spelling of an operation: the stated one, else the first met."""
    stated = {plain_name(old): new for old, new in same.items()}
    first: dict[str, str] = {}
    for name in sorted(names, key=lambda n: (plain_name(n) != _words(n).lower(), n)):
        first.setdefault(plain_name(name), _words(name))
    return {name: stated.get(plain_name(name), first[plain_name(name)]) for name in names}


def _words(name: str) -> str:
    return " ".join(name.split())


def plain_name(name: str) -> str:
    """A name without what spells one operation in two ways: blanks, case, a leading SETUP.

    >>> plain_name("SETUP  Turning")
    'turning'
    """
    return _words(name).lower().removeprefix("setup ")


def _lots(rows: pd.DataFrame, until: datetime, spelling: Mapping[str, str]) -> list[WorkReport]:
    """Lots from start to end; an end without a start has no minutes of its own."""
    lots = rows[rows["event"].isin(("start", "end"))]
    names = ["time", "work_unit", "event", "order", "operation", "lot", "quantity", "scrap"]
    begun: dict[tuple[str, str, str, str], pd.Timestamp] = {}
    found = []
    for time, unit, event, order, operation, lot, good, scrap in zip(
        *(lots[name].tolist() for name in names), strict=True
    ):
        key = (unit, order, operation, lot)
        if event == "start":
            begun[key] = time
            continue
        good, scrap = np.nan_to_num([good, scrap]).tolist()
        found.append(
            WorkReport(
                kind="work",
                work_unit=unit,
                order=order,
                operation=spelling[operation],
                start=begun.pop(key, time),
                end=time,
                is_open=False,
                pieces=good + scrap,
                scrap=scrap,
            )
        )
    for (unit, order, operation, _), start in begun.items():
        end = pd.Timestamp(until)
        found.append(
            WorkReport("work", unit, order, spelling[operation], start, end, True, 0.0, 0.0)
        )
    return found


def _states(rows: pd.DataFrame, until: datetime, spelling: Mapping[str, str]) -> list[WorkReport]:
    """Setups and breaks: until the state of the same lot says off, or the unit's next state."""
    states = rows[rows["event"] == "state"]
    names = ["time", "work_unit", "state", "order", "operation", "lot", "reason"]
    begun: dict[tuple[str, str], WorkReport] = {}
    found = []
    for time, unit, state, order, operation, lot, reason in zip(
        *(states[name].tolist() for name in names), strict=True
    ):
        if lot == "" or state == "off":
            key = (unit, lot)
            if key in begun and not (state == "setup" and begun[key].order == order):
                found.append(replace(begun.pop(key), end=time, is_open=False))
        kind = "setup" if state == "setup" else "break" if reason == "break" else ""
        if kind and (unit, lot) not in begun:
            name = spelling[operation]
            end = pd.Timestamp(until)
            begun[unit, lot] = WorkReport(kind, unit, order, name, time, end, True, 0.0, 0.0)
    return [*found, *begun.values()]


def _shared(reports: list[WorkReport]) -> list[WorkReport]:
    """The same reports with each resource's minutes shared among those open together."""
    by_unit: dict[str, list[int]] = defaultdict(list)
    for n, report in enumerate(reports):
        by_unit[report.work_unit].append(n)
    minutes = [0.0] * len(reports)
    for numbers in by_unit.values():
        edges = sorted({t for n in numbers for t in (reports[n].start, reports[n].end)})
        begins: dict[datetime, list[int]] = defaultdict(list)
        for n in numbers:
            begins[reports[n].start].append(n)
        under_way: list[int] = []
        for begin, end in pairwise(edges):
            under_way = [n for n in under_way if reports[n].end > begin]
            under_way += [n for n in begins[begin] if reports[n].end > begin]
            breaks = [n for n in under_way if reports[n].kind == "break"]
            sharing = breaks or under_way
            for n in sharing:
                minutes[n] += (end - begin).total_seconds() / 60 / len(sharing)
    return [replace(r, minutes=m) for r, m in zip(reports, minutes, strict=True)]
