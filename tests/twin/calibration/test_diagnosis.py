"""What is wrong with a log is found, counted, and said; a log that carries no plan is refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twin.calibration.calibrate import calibrate
from twin.calibration.diagnosis import Diagnosis, diagnose
from twin.calibration.findings import Finding
from twin.connectors.job_shop import read_log
from twin.model.events import EventLog
from twin.model.plant import Plant

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=21)


@pytest.fixture(scope="module")
def sound(weeks: EventLog, frail_plant: Plant, until: datetime) -> Diagnosis:
    return diagnose(weeks, frail_plant, until)


@pytest.fixture
def spoilt(weeks: EventLog, frail_plant: Plant, until: datetime) -> Callable[[Spoil], Diagnosis]:
    """The diagnosis of the sound log after something was done to its table."""

    def diagnosis(spoil: Spoil) -> Diagnosis:
        table = spoil(weeks.table.copy()).reset_index(drop=True)
        return diagnose(EventLog(table, "spoilt"), frail_plant, until)

    return diagnosis


def finding(diagnosis: Diagnosis, kind: str) -> Finding:
    return next(f for f in diagnosis.findings if f.kind == kind)


def shifted(unit: str, minutes: float, meters: bool = True) -> Spoil:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        rows = (table["work_unit"] == unit) & (meters | (table["event"] != "meter"))
        table.loc[rows, "time"] += pd.Timedelta(minutes=minutes)
        return table.sort_values("time", kind="stable")

    return spoil


def test_a_sound_log_loses_nothing(sound: Diagnosis, weeks: EventLog) -> None:
    assert sound.set_aside == {}
    assert sound.adjusted == {}
    assert sound.refusal == ""
    assert sound.clock_shifts == ()
    assert len(sound.clean) == len(weeks)
    assert not [f for f in sound.findings if f.severity == "severe"]


def test_a_sound_log_carries_cycle_times_scrap_energy_and_flow(sound: Diagnosis) -> None:
    for name in ("cycle_times", "scrap", "energy", "flow"):
        assert sound.readiness[name].verdict == "good", name


def test_repeated_events_are_dropped_and_counted(
    spoilt: Callable[[Spoil], Diagnosis], weeks: EventLog
) -> None:
    found = spoilt(lambda t: pd.concat([t, t.iloc[100:150]]))
    assert found.set_aside == {"the same event twice": 50}
    pd.testing.assert_frame_equal(
        found.clean.ordered().table.sort_values(list(weeks.table.columns), ignore_index=True),
        weeks.table.sort_values(list(weeks.table.columns), ignore_index=True),
    )


def test_late_rows_are_put_in_order_and_counted(spoilt: Callable[[Spoil], Diagnosis]) -> None:
    def one_late(table: pd.DataFrame) -> pd.DataFrame:
        rows = [*range(50), *range(51, 90), 50, *range(90, len(table))]
        return table.iloc[rows]

    found = spoilt(one_late)
    assert found.adjusted == {"recorded out of time order": 1}
    assert "row 90" in found.details[0].example
    assert found.clean.table["time"].is_monotonic_increasing


def test_blanks_around_a_name_are_taken_off_and_counted(
    spoilt: Callable[[Spoil], Diagnosis],
) -> None:
    def blanks(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[:10], "work_unit"] += "  "
        return table

    found = spoilt(blanks)
    assert found.adjusted == {"blanks around a name": 10}
    assert found.set_aside == {}


def test_a_log_on_another_clock_than_the_shifts_is_told(
    sound: Diagnosis, spoilt: Callable[[Spoil], Diagnosis]
) -> None:
    kind = "work outside the shifts"
    assert all(f.kind != kind for f in sound.findings)
    found = finding(spoilt(lambda t: t.assign(time=t["time"] - timedelta(hours=6))), kind)
    assert found.severity == "severe"
    assert "time zone" in found.remedy


def test_an_unknown_unit_is_set_aside_with_a_suggestion(
    spoilt: Callable[[Spoil], Diagnosis],
) -> None:
    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[table["event"] == "end"][:7], "work_unit"] = "P-l"
        return table

    found = spoilt(renamed)
    assert found.set_aside["work unit not in the plant"] == 7
    assert 'did you mean "P-' in finding(found, "work unit not in the plant").example


def test_unknown_products_are_set_aside_from_the_work_not_from_the_states(
    spoilt: Callable[[Spoil], Diagnosis], weeks: EventLog
) -> None:
    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["order"] == "O3", "product"] = "Z"
        return table

    found = spoilt(renamed)
    of_order = weeks.table[weeks.table["order"] == "O3"]
    assert found.set_aside["product not in the plant"] == (of_order["event"] != "state").sum()


def test_negative_quantities_and_meter_jumps_are_set_aside(
    spoilt: Callable[[Spoil], Diagnosis],
) -> None:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        meters = table.index[(table["event"] == "meter") & (table["work_unit"] == "F-1")]
        table.loc[meters[40], "quantity"] = -3.0
        table.loc[meters[60], "quantity"] = 1e6
        table.loc[meters[80], "quantity"] = np.nan
        return table

    assert spoilt(spoil).set_aside == {
        "negative quantity": 1,
        "meter reading without a value": 1,
        "meter reading beyond what the unit can draw": 1,
    }


def test_a_lot_that_never_ended_is_kept_for_progress_and_counted(
    spoilt: Callable[[Spoil], Diagnosis], sound: Diagnosis
) -> None:
    def without_some_ends(table: pd.DataFrame) -> pd.DataFrame:
        ends = table.index[(table["event"] == "end") & (table["work_unit"] == "P-1")]
        return table.drop(ends[[10, 20, 30]])

    found = spoilt(without_some_ends)
    assert list(found.set_aside.values()) == [3]
    assert "never ended" in next(iter(found.set_aside))
    assert len(found.clean) == len(sound.clean) - 3


def test_a_lot_that_ends_before_it_starts_is_set_aside(write: Any, plant: Plant) -> None:
    write.state(0, "P-1", "working")
    write.lot(0, 40, "P-1", "O1", "press", "A")
    write.lot(90, 60, "P-1", "O1", "press", "A", lot="2")
    write.lot(100, 140, "P-1", "O1", "press", "A", lot="3")
    until = write.rows[0]["time"] + timedelta(minutes=200)
    found = diagnose(write.log, plant, until)
    assert found.set_aside == {"lot ends before it starts": 2}
    assert len(found.clean) == 5


@pytest.mark.parametrize("kind", ["start", "end"])
def test_a_log_without_any_start_or_any_end_is_diagnosed_and_refused(
    spoilt: Callable[[Spoil], Diagnosis], kind: str
) -> None:
    found = spoilt(lambda t: t[t["event"] != kind])
    assert "no lot has both a start and an end" in found.refusal


def test_a_row_of_a_clock_that_was_never_set_does_not_begin_the_log(
    spoilt: Callable[[Spoil], Diagnosis], sound: Diagnosis
) -> None:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[5, "time"] = pd.Timestamp("1970-01-01", tz="UTC")
        return table

    found = spoilt(spoil)
    assert found.set_aside == {"weeks before the rest of the log": 1}
    assert found.begin == sound.begin


def test_a_lot_under_way_at_either_end_of_the_log_is_nothing_odd(write: Any, plant: Plant) -> None:
    write.state(0, "P-1", "working")
    write.lot(-30, 20, "P-1", "O1", "press", "A", lot="1")
    write.lot(20, 60, "P-1", "O1", "press", "A", lot="2")
    write.lot(60, 300, "P-1", "O1", "press", "A", lot="3")
    write.rows = [r for r in write.rows if r["time"] >= write.rows[0]["time"]]
    until = write.rows[0]["time"] + timedelta(minutes=200)
    found = diagnose(write.log, plant, until)
    assert set(found.set_aside) == {"at or after the cut-off"}


@pytest.mark.parametrize("minutes", [9.0, -9.0])
@pytest.mark.parametrize("unit", ["P-1", "F-1"])
def test_a_clock_that_is_off_is_found_and_set_right(
    spoilt: Callable[[Spoil], Diagnosis], sound: Diagnosis, unit: str, minutes: float
) -> None:
    found = spoilt(shifted(unit, minutes))
    assert [(s.work_unit, s.is_certain) for s in found.clock_shifts] == [(unit, True)]
    assert found.clock_shifts[0].minutes == pytest.approx(minutes, abs=0.5)
    assert found.adjusted["clock of the work unit shifted"] > 100
    of_unit = found.clean.table["work_unit"] == unit
    assert finding(found, "clock shift").work_unit == unit
    before = sound.clean.table[sound.clean.table["work_unit"] == unit]["time"].iloc[200]
    assert abs(found.clean.table[of_unit]["time"].iloc[200] - before) < pd.Timedelta(seconds=30)


def test_batches_passed_on_in_part_are_no_clock(
    spoilt: Callable[[Spoil], Diagnosis],
) -> None:
    """Some operations begin an hour early, on all units: the shop works so."""

    def overlapping(table: pd.DataFrame) -> pd.DataFrame:
        of_some = table["order"].isin([f"O{n}" for n in range(0, 60, 3)])
        begins = of_some & ((table["event"] == "start") | (table["state"] == "working"))
        table.loc[begins, "time"] -= pd.Timedelta(hours=1)
        return table.sort_values("time", kind="stable")

    found = spoilt(overlapping)
    assert [s for s in found.clock_shifts if s.is_certain] == []
    assert finding(found, "operations of one order at once").count >= 3


def test_repairs_that_were_not_recorded_are_named(
    spoilt: Callable[[Spoil], Diagnosis],
) -> None:
    def no_repairs(table: pd.DataFrame) -> pd.DataFrame:
        return table[~((table["state"] == "repair") & (table["work_unit"] == "P-1"))]

    found = spoilt(no_repairs)
    assert finding(found, "impossible transition").work_unit == "P-1"
    assert "repair" in finding(found, "impossible transition").text


def test_stops_without_a_failure_mode_are_named(spoilt: Callable[[Spoil], Diagnosis]) -> None:
    def nameless(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["state"].isin(["down", "repair"]), "reason"] = "misc"
        return table

    found = spoilt(nameless)
    assert "misc" in finding(found, "stop without a known failure mode").text
    assert found.readiness["failures"].verdict == "none"


def test_a_silent_unit_and_a_gap_are_named(
    spoilt: Callable[[Spoil], Diagnosis], until: datetime
) -> None:
    def silence(table: pd.DataFrame) -> pd.DataFrame:
        day = (table["time"] - table["time"].iloc[0]).dt.days
        lost = (table["work_unit"] == "F-1") & day.between(7, 10)
        kept: pd.DataFrame = table[~lost & (table["work_unit"] != "P-2")]
        return kept

    found = spoilt(silence)
    assert finding(found, "silent unit").work_unit == "P-2"
    assert finding(found, "gap").work_unit == "F-1"


def test_a_meter_that_reads_double_is_named(spoilt: Callable[[Spoil], Diagnosis]) -> None:
    def doubled(table: pd.DataFrame) -> pd.DataFrame:
        rows = (table["event"] == "meter") & (table["work_unit"] == "K-1")
        table.loc[rows, "quantity"] *= 2
        return table

    found = spoilt(doubled)
    assert finding(found, "meter against states").work_unit == "K-1"
    assert finding(found, "meter against states").share == pytest.approx(1, abs=0.1)


def test_overlapping_reports_are_counted_not_choked_on(write: Any, plant: Plant) -> None:
    """A log of reports only: no states, every third report begins inside the one before."""
    for n in range(30):
        begin = 60.0 * n - (20 if n % 3 == 2 else 0)
        write.lot(begin, begin + 55, "P-1", f"O{n}", "press", "A", lot=str(n))
    until = write.rows[0]["time"] + timedelta(minutes=1900)
    found = diagnose(write.log, plant, until)
    assert finding(found, "overlapping lots").count == 10
    assert found.refusal == ""
    assert found.readiness["cycle_times"].verdict == "weak"
    assert found.readiness["failures"].verdict == "none"


def test_lots_of_no_length_are_counted(write: Any, plant: Plant) -> None:
    for n in range(10):
        write.lot(60.0 * n, 60.0 * n + (30 if n else 0), "P-1", f"O{n}", "press", "A", lot=str(n))
    until = write.rows[0]["time"] + timedelta(minutes=700)
    assert finding(diagnose(write.log, plant, until), "lots without working time").count == 1


def test_coverage_tells_what_each_unit_reports(sound: Diagnosis) -> None:
    for row in sound.coverage:
        assert row.state_share > 0.95
        assert row.meter_share > 0.99
        assert row.lots > 0


def test_a_diagnosis_is_plain_json_and_text(sound: Diagnosis) -> None:
    content = json.loads(sound.to_json())
    assert content["events"] == content["clean_events"]
    assert "what the log can carry" in sound.describe()


# --- refusals ---


def test_an_empty_log_is_refused(plant: Plant, until: datetime) -> None:
    assert "the log is empty" in diagnose(EventLog.of([]), plant, until).refusal


def test_a_log_of_another_time_is_refused(
    weeks: EventLog, frail_plant: Plant, begin: datetime
) -> None:
    assert "no event before the cut-off" in diagnose(weeks, frail_plant, begin).refusal


def test_a_log_of_another_plant_is_refused(spoilt: Callable[[Spoil], Diagnosis]) -> None:
    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["work_unit"] != "", "work_unit"] = "X-" + table["work_unit"]
        return table

    assert "work units the plant does not have" in spoilt(renamed).refusal


def test_a_stale_log_is_refused_though_meters_go_on(
    spoilt: Callable[[Spoil], Diagnosis], until: datetime
) -> None:
    last = pd.Timestamp(until) - pd.Timedelta(days=5)
    found = spoilt(lambda t: t[(t["time"] < last) | (t["event"] == "meter")])
    assert "the last sign of work" in found.refusal


def test_a_refusal_is_on_the_clock_of_the_plant(
    weeks: EventLog, frail_plant: Plant, begin: datetime
) -> None:
    there = frail_plant.model_copy(update={"timezone": "Asia/Kolkata"})
    early = diagnose(weeks, there, begin).refusal
    clock = begin.astimezone(there.zone)
    assert f"before the cut-off {clock:%Y-%m-%d %H:%M} (Asia/Kolkata)" in early
    late = diagnose(weeks, there, begin + timedelta(days=35)).refusal
    assert late.count("(Asia/Kolkata)") == 2
    assert "UTC" not in late


def test_a_weekend_does_not_make_a_log_stale(
    spoilt: Callable[[Spoil], Diagnosis], begin: datetime, frail_plant: Plant, weeks: EventLog
) -> None:
    """Cut off on Monday morning; the last work was on Friday evening."""
    friday, monday = begin + timedelta(days=4, hours=17), begin + timedelta(days=7)
    log = weeks.until(friday)
    day_plant = frail_plant.model_copy(
        update={"work_units": [u for u in frail_plant.work_units if u.calendar == "day"]}
    )
    kept = EventLog(log.table[log.table["work_unit"] != "F-1"])
    assert diagnose(kept, day_plant, monday).refusal == ""


def test_a_log_without_finished_lots_is_refused(spoilt: Callable[[Spoil], Diagnosis]) -> None:
    assert "no lot has both" in spoilt(lambda t: t[t["event"] != "end"]).refusal


def test_a_log_with_hardly_a_usable_event_is_refused(
    spoilt: Callable[[Spoil], Diagnosis],
) -> None:
    def wordless(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[::2], "event"] = "?"
        return table

    assert "cannot be used" in spoilt(wordless).refusal


# --- logs of reports ---


def test_an_operation_may_be_given_by_its_name(write: Any, plant: Plant) -> None:
    named = plant.model_copy(
        update={
            "operations": [
                o.model_copy(update={"name": "Cold Press"}) if o.id == "press" else o
                for o in plant.operations
            ]
        }
    )
    write.lot(0, 40, "P-1", "O1", "SETUP cold  press", "A")
    until = write.rows[0]["time"] + timedelta(minutes=200)
    found = diagnose(write.log, named, until)
    assert found.adjusted == {"operation given by its name": 2}
    assert set(found.clean.table["operation"]) == {"press"}


@pytest.mark.real_data
def test_the_job_shop_log_is_diagnosed_and_calibrated(shared_dir: Path) -> None:
    """A real log of reports: over a quarter overlap, nothing is metered, no plant was described."""
    from twin.calibration.discover import discover

    path = shared_dir / "datasets" / "job-shop-log" / "production_jan_feb_2012.csv"
    if not path.exists():
        pytest.skip(f"no job-shop log: {path} is missing")
    log = read_log(path, "Asia/Jerusalem")
    cut_off = datetime(2012, 2, 27, 4, tzinfo=UTC)
    plant = discover(log, id="shop", timezone="Asia/Jerusalem", until=cut_off).plant
    found = diagnose(log, plant, cut_off)
    assert found.refusal == ""
    assert 0.25 < finding(found, "overlapping lots").share < 0.32
    assert found.readiness["energy"].verdict == "none"
    assert [s for s in found.clock_shifts if s.is_certain] == []
    times = calibrate(found.clean, plant, cut_off).of("processing_time")
    assert len(times) > 30
    assert all(e.low <= e.value <= e.high for e in times)
    close = [e for e in times if e.nominal and 0.7 < e.value / e.nominal < 1.4]
    assert len(close) >= 0.9 * len(times)
