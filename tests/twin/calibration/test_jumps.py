"""A clock that was wrong for a stretch is found, taken out where it is certain, else left out."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.known_truth import truth_case
from twin.calibration.clock_repair import DOUBTFUL, JUMPED
from twin.calibration.diagnosis import Diagnosis, diagnose
from twin.calibration.meter_beats import beat_breaks, pairs_of
from twin.calibration.splicing import Succession, by_succession
from twin.model.events import EventLog
from twin.model.plant import Plant

HOURS = 40.0
Jumped = Callable[..., tuple[Diagnosis, pd.DataFrame]]


@pytest.fixture(scope="module")
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=21)


@pytest.fixture
def jumped(weeks: EventLog, frail_plant: Plant, begin: datetime, until: datetime) -> Jumped:
    """The diagnosis of the sound log after one clock was wrong for a stretch; the sound rows."""

    def diagnosis(
        unit: str, minutes: float, *, in_order: bool = True, meters: bool = True, day: float = 8.13
    ) -> tuple[Diagnosis, pd.DataFrame]:
        table = weeks.table if meters else weeks.table[weeks.table["event"] != "meter"]
        sound, table = table.copy(), table.copy()
        since = pd.Timestamp(begin + timedelta(days=day))
        rows = (table["time"] >= since) & (table["time"] < since + pd.Timedelta(hours=HOURS))
        if unit:
            rows &= table["work_unit"] == unit
        table.loc[rows, "time"] += pd.Timedelta(minutes=minutes)
        if in_order:
            table = table.sort_values("time", kind="stable")
        log = EventLog(table.reset_index(drop=True), "jumped")
        return diagnose(log, frail_plant, until), sound

    return diagnosis


@pytest.mark.parametrize(
    ("minutes", "in_order"), [(60.0, True), (60.0, False), (-60.0, False), (50.0, True)]
)
def test_a_jump_that_several_signs_show_is_taken_out(
    jumped: Jumped, minutes: float, in_order: bool
) -> None:
    found, sound = jumped("P-1", minutes, in_order=in_order)
    (jump,) = found.clock_jumps
    assert jump.work_unit == "P-1"
    assert jump.minutes == pytest.approx(minutes, abs=0.5)
    assert jump.is_certain
    assert found.adjusted[JUMPED] == jump.rows
    columns = ["time", "event", "state", "lot", "order"]
    mine = [t[t["work_unit"] == "P-1"][columns] for t in (found.clean.table, sound)]
    same = mine[0].merge(mine[1], how="inner").drop_duplicates()
    assert len(same) >= len(mine[1].drop_duplicates()) - 8


def test_a_jump_without_any_meter_is_found_where_the_file_keeps_the_order_of_arrival(
    jumped: Jumped,
) -> None:
    found, _ = jumped("P-1", 60, in_order=False, meters=False)
    assert [(j.work_unit, j.minutes) for j in found.clock_jumps] == [("P-1", 60.0)]


def test_a_jump_that_nothing_confirms_is_left_out_of_times_and_counted(
    weeks: EventLog, frail_plant: Plant, begin: datetime, until: datetime
) -> None:
    """Only the meter's clock was wrong: its unit's hand-overs all make sense."""
    table = weeks.table.copy()
    since = pd.Timestamp(begin + timedelta(days=8.13))
    rows = (table["work_unit"] == "P-1") & (table["event"] == "meter")
    rows &= (table["time"] >= since) & (table["time"] < since + pd.Timedelta(hours=HOURS))
    table.loc[rows, "time"] += pd.Timedelta(minutes=60)
    log = EventLog(table.sort_values("time", kind="stable", ignore_index=True))
    found = diagnose(log, frail_plant, until)
    (jump,) = found.clock_jumps
    assert not jump.is_certain
    assert found.set_aside[DOUBTFUL] > 0
    assert JUMPED not in found.adjusted
    (finding,) = [f for f in found.findings if f.kind == "clock jump"]
    assert finding.severity == "warning"
    assert "left out of every time" in finding.text


def test_a_clock_wrong_to_the_end_of_the_log_is_told_by_hand_overs() -> None:
    """A line whose batches are passed on at once, its second mill an hour ahead."""
    case = truth_case(1, weeks=4)
    table = case.log.table.copy()
    rows = table["time"] >= pd.Timestamp(case.begin + timedelta(days=11))
    rows &= table["work_unit"] == "MILL-2"
    table.loc[rows, "time"] += pd.Timedelta(minutes=60)
    log = EventLog(table.sort_values("time", kind="stable", ignore_index=True))
    (jump,) = diagnose(log, case.nominal, case.until).clock_jumps
    assert (jump.work_unit, jump.minutes, jump.is_certain) == ("MILL-2", 60.0, True)
    late = int((table.loc[rows, "time"] >= pd.Timestamp(case.until)).sum())
    assert abs(jump.rows - (int(rows.sum()) - late)) <= 5


def test_a_jump_of_the_whole_plant_is_named_and_no_single_clock_blamed(jumped: Jumped) -> None:
    found, _ = jumped("", 60)
    assert {j.work_unit for j in found.clock_jumps} == {""}
    assert sorted(j.minutes for j in found.clock_jumps) == [-60.0, 60.0]
    assert not any(j.is_certain for j in found.clock_jumps)


def test_a_sound_log_without_meters_shows_no_jump(
    weeks: EventLog, frail_plant: Plant, until: datetime
) -> None:
    table = weeks.table[weeks.table["event"] != "meter"]
    assert diagnose(EventLog(table), frail_plant, until).clock_jumps == ()


def test_lost_readings_are_no_jump(weeks: EventLog, frail_plant: Plant, until: datetime) -> None:
    meters = weeks.table.index[(weeks.table["event"] == "meter")]
    lost = meters[np.random.default_rng(3).random(len(meters)) < 0.03]
    assert diagnose(EventLog(weeks.table.drop(lost)), frail_plant, until).clock_jumps == ()


def test_a_break_of_a_beat_is_as_long_as_its_clock_was_moved() -> None:
    times = np.arange(0, 6000, 15.0)
    moved = np.where((times > 2000) & (times < 4000), times + 60, times)
    breaks = beat_breaks(moved, pd.Series(["U"] * len(times)))
    assert [b.minutes for b in breaks] == [60.0, -60.0]
    assert pairs_of(breaks) == [(breaks[0], breaks[1])]


def test_shuffled_lots_are_told_apart_by_what_follows_what(begin: datetime) -> None:
    """Lots of order A end when the clock is set back an hour; order B starts in the same hour."""

    def lots(order: str, since: float, numbers: range) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for i, n in enumerate(numbers):
            for kind, minute in (("start", since + 7 * i), ("end", since + 7 * i + 7)):
                time = begin + timedelta(minutes=minute)
                rows.append({"time": time, "work_unit": "U", "event": kind, "order": order,
                             "lot": f"{order}-{n:02d}"})  # fmt: skip
        return rows

    usual = Succession(EventLog.of(lots("X", 0, range(60)) + lots("Y", 420, range(60))).table)
    both = EventLog.of(lots("A", 1000, range(2, 10)) + lots("B", 1003, range(8))).ordered().table
    before = EventLog.of(lots("A", 986, range(2))).table
    after = EventLog.of(lots("B", 1060, range(8, 10))).table
    split = by_succession(both, before, after, 60, usual)
    assert split is not None
    assert split.gain > 10
    assert (both["order"][split.is_first] == "A").all()
    assert (both["order"][~split.is_first] == "B").all()
