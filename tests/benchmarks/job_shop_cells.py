"""Machine-hours and operations of a job shop by activity and week: as reported, and as simulated.

A machine-hour is an hour in which a resource reports work or setup; what it reports at the same
time is shared, so that no hour counts twice. Activities with little work are put together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from twin.calibration.reports import WorkReport
from twin.model.events import EventLog
from twin.model.horizon import Array

WEEK = timedelta(days=7)
OTHER = "other"
LEAST_SHARE = 0.015
"""Of all hours; activities with less are one: other."""


@dataclass(frozen=True)
class Cells:
    """(A, W) by activity and week."""

    hours: Array
    operations: Array


def activities_of(reports: Sequence[WorkReport]) -> list[str]:
    """The activities told apart, by hours, and the other ones last."""
    hours: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        if report.kind != "break":
            hours[report.operation] += report.minutes / 60
    whole = sum(hours.values())
    large = [name for name, h in hours.items() if h >= LEAST_SHARE * whole]
    return [*sorted(large, key=lambda name: -hours[name]), OTHER]


def reported(
    reports: Iterable[WorkReport], activities: Sequence[str], begin: datetime, weeks: int
) -> Cells:
    """What was reported in each of some weeks; a report across a boundary is split by time."""
    place = {name: n for n, name in enumerate(activities)}
    found = Cells(*(np.zeros((len(activities), weeks)) for _ in range(2)))
    for r in reports:
        if r.kind == "break":
            continue
        a = place.get(r.operation, len(activities) - 1)
        first, last = ((t - begin) / WEEK for t in (r.start, r.end))
        if 0 <= first < weeks:
            found.operations[a, int(first)] += 1
        for w in range(max(int(np.floor(first)), 0), min(int(np.floor(last)), weeks - 1) + 1):
            inside = min(last, w + 1) - max(first, w)
            share = inside / (last - first) if last > first else float(int(first) == w)
            found.hours[a, w] += share * r.minutes / 60
    return found


def simulated(
    log: EventLog, names: Mapping[str, str], activities: Sequence[str], begin: datetime, weeks: int
) -> Cells:
    """What a simulated log has in each week; ``names`` says how the log calls the operations."""
    place = {name: n for n, name in enumerate(activities)}
    index = {id: place.get(name, len(activities) - 1) for id, name in names.items()}
    found = Cells(*(np.zeros((len(activities), weeks)) for _ in range(2)))
    rows = log.state_intervals(begin + weeks * WEEK)
    rows = rows[rows["state"].isin(("working", "setup"))]
    origin = np.datetime64(begin.replace(tzinfo=None), "us")
    week = np.timedelta64(WEEK)
    first, last = (
        (rows[side].dt.tz_localize(None).to_numpy() - origin) / week for side in ("start", "end")
    )
    which = np.array([index.get(o, len(activities) - 1) for o in rows["operation"].tolist()], int)
    for w in range(weeks):
        inside = np.clip(last, w, w + 1) - np.clip(first, w, w + 1)
        np.add.at(found.hours[:, w], which, inside * WEEK.total_seconds() / 3600)
    starts = log.of_kind("start").drop_duplicates(["order", "operation"])
    weeks_of = (starts["time"].dt.tz_localize(None).to_numpy() - origin) / week
    for operation, at in zip(starts["operation"].tolist(), weeks_of.tolist(), strict=True):
        if 0 <= at < weeks:
            found.operations[index.get(operation, len(activities) - 1), int(at)] += 1
    return found


def by_order(reports: Iterable[WorkReport]) -> dict[str, list[WorkReport]]:
    """Work and setups of each order, by start."""
    found: dict[str, list[WorkReport]] = defaultdict(list)
    for report in reports:
        if report.kind != "break" and report.order:
            found[report.order].append(report)
    return dict(found)
