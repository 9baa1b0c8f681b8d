"""A log that lacks half of its last days is told from a weekend, a holiday and a quiet hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from scenarios.demo import CUT_OFF, DemoData, demo_data
from twin.calibration.activity import Activity, read_activity
from twin.calibration.completeness import half_empty, silent_units, thin_days
from twin.calibration.diagnosis import diagnose
from twin.model.events import EventLog

FRIDAY = CUT_OFF - timedelta(days=3)


@pytest.fixture(scope="module")
def data() -> DemoData:
    return demo_data(1)


@pytest.fixture(scope="module")
def clean(data: DemoData) -> EventLog:
    return diagnose(data.log, data.nominal, CUT_OFF).clean


@pytest.fixture(scope="module")
def half(data: DemoData) -> set[str]:
    return {unit.id for unit in data.nominal.work_units[::2]}


def activity(data: DemoData, table: pd.DataFrame, until: datetime = FRIDAY) -> Activity:
    return read_activity(EventLog(table, "log"), data.nominal, until)


def test_a_whole_log_is_never_called_half_empty(data: DemoData, clean: EventLog) -> None:
    """Every seven hours of two weeks: shifts, nights, weekends and a holiday."""
    for hours in range(0, 14 * 24, 7):
        until = CUT_OFF - timedelta(hours=hours)
        assert half_empty(activity(data, clean.until(until).table, until), 0.5) == "", until


@pytest.mark.parametrize("hours", [12, 24, 60])
def test_half_of_the_units_silent_are_named_with_since_when(
    data: DemoData, clean: EventLog, half: set[str], hours: int
) -> None:
    since = FRIDAY - timedelta(hours=hours)
    table = clean.until(FRIDAY).table
    lost = (table["time"] >= pd.Timestamp(since)) & table["work_unit"].isin(half)
    found = half_empty(activity(data, table[~lost]), 0.5)
    assert "of 24 work units that usually report are silent" in found
    _, silent = silent_units(activity(data, table[~lost]))
    assert len(half & {s.work_unit for s in silent}) >= 11
    assert all(s.shift_hours * 60 >= 120 for s in silent)
    first = silent[0].since.astimezone(data.nominal.zone)
    assert f"{silent[0].work_unit} (since {first:%Y-%m-%d %H:%M}, " in found


def test_a_day_with_every_second_event_is_thin(data: DemoData, clean: EventLog) -> None:
    table = clean.until(FRIDAY).table
    day = table["time"] >= pd.Timestamp(FRIDAY - timedelta(days=1))
    lost = day & (np.random.default_rng(1).random(len(table)) < 0.6)
    found = half_empty(activity(data, table[~lost]), 0.5)
    assert "from 2026-11-19 05:00 (Africa/Casablanca) to 2026-11-20 05:00" in found
    (thin,) = thin_days(activity(data, table[~lost]))
    assert thin.events < 0.5 * thin.usual
    assert list(thin_days(activity(data, table[~lost]), least=0.3)) == []  # as the setting says
    assert list(thin_days(activity(data, table))) == []


@pytest.mark.parametrize("first", [1])
def test_a_log_with_every_second_row_throughout_has_torn_lots(data: DemoData, first: int) -> None:
    table = data.log.table.iloc[first::2]
    torn = diagnose(EventLog(table, "log"), data.nominal, CUT_OFF)
    found = half_empty(activity(data, torn.clean.table, CUT_OFF), 0.5)
    assert "lots have both a start and an end" in found


def test_an_empty_log_is_the_diagnosis_affair(data: DemoData) -> None:
    assert half_empty(activity(data, data.log.table.iloc[:0]), 0.5) == ""
