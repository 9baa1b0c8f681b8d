"""Lives of components from a log of failures and a log of replacements (the Azure set)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.reliability_tables import Case, Sample
from twin.calibration.lifetimes import Lives
from twin.errors import NoriaError

FAILURES, REPLACEMENTS = "PdM_failures.csv", "PdM_maint.csv"
DAY = 24 * 60 * 60


def is_azure(path: Path) -> bool:
    """Whether a path is the folder of the set or its file of failures."""
    return path.is_dir() or path.name.lower().endswith(FAILURES.lower())


def azure_cases(path: Path) -> list[Case]:
    """Lives in days of each component; replaced on schedule or still in use is censored.

    A replacement at the instant of a failure of the same component on the same machine ends a
    failed life, any other one cuts a life short. Replacements are told from half a year before the
    first failure on, but only the last one of each component: lives from then count whole in the
    first case of a component, as published fits have it, and from the age at which failures began
    to be told in the second, which is the stricter reading.
    """
    failures = _read(path if path.is_file() else path / FAILURES, "failure")
    maint = path.parent / path.name.replace("failures", "maint") if path.is_file() else None
    replaced = _read(maint if maint is not None else path / REPLACEMENTS, "comp")
    end = max(failures["datetime"].max(), replaced["datetime"].max()).normalize()
    end += pd.Timedelta(days=1)
    failed = {*zip(failures["machineID"], failures["failure"], failures["datetime"], strict=True)}
    begin = failures["datetime"].min().normalize()
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for (machine, comp), own in replaced.groupby(["machineID", "comp"], sort=True):
        instants = sorted(own["datetime"].unique())
        for since, until in zip(instants, [*instants[1:], end], strict=True):
            is_failure = (machine, comp, until) in failed
            days, entry = _days(since, until), max(_days(since, begin), 0.0)
            rows.setdefault(str(comp), []).append((days, float(is_failure), entry))
    whole: list[Case] = [Sample(comp, _lives(rows[comp], False)) for comp in sorted(rows)]
    late = [Sample(f"{comp} left truncated", _lives(rows[comp], True)) for comp in sorted(rows)]
    return [*whole, *late]


def _days(since: pd.Timestamp, until: pd.Timestamp) -> float:
    return (pd.Timestamp(until) - pd.Timestamp(since)).total_seconds() / DAY


def _lives(rows: list[tuple[float, float, float]], is_truncated: bool) -> Lives:
    table = np.array([row for row in rows if row[0] > 0])
    entry = table[:, 2] if is_truncated else np.zeros(len(table))
    table, entry = table[table[:, 0] > entry], entry[table[:, 0] > entry]
    return Lives(table[:, 0], table[:, 1], entry=entry)


def _read(path: Path, what: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, parse_dates=["datetime"])
    except (OSError, ValueError) as fault:
        raise NoriaError(f"{path}: {fault}; expected columns datetime, machineID, {what}") from None
    if {"machineID", what} - set(table.columns):
        raise NoriaError(f"{path}: columns {', '.join(table.columns)}; expected machineID, {what}")
    return table
