"""Load profiles: every interval of energy once, whatever the file and the clocks do."""

import math
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.services.processes import wait_until
from tests.twin.ingest.fake_intake import FakeIntake
from twin.errors import InputError
from twin.ingest.local_times import NoInstant, Stamps
from twin.ingest.meters import MeterSource
from twin.model.base import validate
from twin.secrets import Keyring

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HEADER = "time,Press,Site\n"


def source(folder: Path, **more: Any) -> MeterSource:
    settings = {
        "name": "energy", "folder": "profiles", "time": "time",
        "meters": {"Press": {"work_unit": "PRESS-1"}, "Site": {"is_site": True}},
    }  # fmt: skip
    (folder / "profiles").mkdir(exist_ok=True)
    return validate({**settings, **more}, MeterSource, "ingest.yaml")


def read_once(
    made: MeterSource, folder: Path, start_at: dict[str, Any] | None = None
) -> FakeIntake:
    """One look through the folder; the wait after it ends the run."""
    intake = FakeIntake(start_at=start_at)
    intake.wait = lambda seconds: True  # type: ignore[method-assign]
    made.run(intake, Keyring({}, folder))
    return intake


def write(folder: Path, text: str, name: str = "march.csv", *, add: bool = False) -> Path:
    path = folder / "profiles" / name
    with path.open("a" if add else "w", encoding="utf-8", newline="") as file:
        file.write(text)
    stamp = time.time_ns()
    os.utime(path, ns=(stamp, stamp))
    return path


def profile(rows: int, first: int = 0) -> str:
    """Rows of a quarter of an hour: the press draws its row number, the site a tenth of it."""
    return "".join(
        f"{(MIDNIGHT + timedelta(minutes=15 * n)).isoformat()},{n},{n / 10}\n"
        for n in range(first, first + rows)
    )


def total(intake: FakeIntake, unit: str) -> float:
    return math.fsum(v["quantity"] for v in intake.values if v["work_unit"] == unit)


def test_every_interval_of_every_meter_is_an_event_at_its_end(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, HEADER + profile(96))
    intake = read_once(made, tmp_path)
    assert len(intake.values) == 192
    assert total(intake, "PRESS-1") == sum(range(96))
    assert total(intake, "") == pytest.approx(sum(range(96)) / 10)
    assert intake.values[0] == {
        "event": "meter", "time": MIDNIGHT, "work_unit": "PRESS-1", "quantity": 0.0,
    }  # fmt: skip


def test_rows_stamped_with_their_start_are_told_at_their_end(tmp_path: Path) -> None:
    made = source(tmp_path, stamps="start")
    write(tmp_path, HEADER + profile(1))
    assert read_once(made, tmp_path).values[0]["time"] == MIDNIGHT + timedelta(minutes=15)


def test_mean_power_becomes_energy(tmp_path: Path) -> None:
    made = source(tmp_path, meters={"Press": {"work_unit": "P", "reads": "power", "factor": 2}})
    write(tmp_path, HEADER + "2026-03-02T00:15Z,10,0\n")
    assert read_once(made, tmp_path).values[0]["quantity"] == 5.0


def test_a_register_gives_differences_times_its_factor(tmp_path: Path) -> None:
    made = source(
        tmp_path, meters={"Press": {"work_unit": "P", "reads": "register", "factor": 40,
                                    "modulo": 1_000_000}},
    )  # fmt: skip
    values = [999_999.5, 999_999.75, 0.25, 0.5]
    lines = [f"2026-03-02T00:{15 * n:02}Z,{v},0\n" for n, v in enumerate(values)]
    write(tmp_path, HEADER + "".join(lines))
    assert [v["quantity"] for v in read_once(made, tmp_path).values] == [10, 20, 10]


def test_a_register_set_back_is_named(tmp_path: Path) -> None:
    made = source(tmp_path, meters={"Press": {"work_unit": "P", "reads": "register"}})
    write(tmp_path, HEADER + "2026-03-02T00:00Z,500,0\n2026-03-02T00:15Z,3,0\n")
    intake = read_once(made, tmp_path)
    assert [v["quantity"] for v in intake.values] == [3]
    assert any("set back" in text for _, text, _ in intake.troubles)


def test_a_file_that_grows_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    made = source(tmp_path)
    whole = HEADER + profile(40)
    write(tmp_path, whole[:-7])
    first = read_once(made, tmp_path)
    assert total(first, "PRESS-1") == sum(range(39))
    write(tmp_path, whole[-7:] + profile(10, 40), add=True)
    second = read_once(made, tmp_path, first.position())  # type: ignore[arg-type]
    assert total(first, "PRESS-1") + total(second, "PRESS-1") == sum(range(50))


def test_a_file_exported_again_repeats_the_same_events(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, HEADER + profile(20))
    first = read_once(made, tmp_path)
    write(tmp_path, HEADER + profile(30, 10), "again.csv")
    second = read_once(made, tmp_path, first.position())  # type: ignore[arg-type]
    both = {m.key: m.values["quantity"] for m in [*first.messages, *second.messages]}
    assert len(both) == 80
    assert {m.key for m in first.messages} & {m.key for m in second.messages}
    assert all(m.values["quantity"] == both[m.key] for m in first.messages)


def test_rows_before_the_first_one_of_a_register_are_named(tmp_path: Path) -> None:
    made = source(tmp_path, meters={"Press": {"work_unit": "P", "reads": "register"}})
    write(tmp_path, HEADER + profile(10, 100))
    write(tmp_path, HEADER + profile(10), "february.csv")  # copied after the newer one
    read = read_once(made, tmp_path)
    named = [trouble for trouble in read.troubles if trouble[0] == "Press (older)"]
    assert sum(missing for _, _, missing in named) == 10
    assert "not counted" in named[0][1]
    write(tmp_path, HEADER + profile(5, 102), "again.csv")  # what was counted is no matter
    again = read_once(made, tmp_path, read.position())  # type: ignore[arg-type]
    assert [trouble for trouble in again.troubles if trouble[0] == "Press (older)"] == []


def test_a_register_exported_again_counts_nothing_twice(tmp_path: Path) -> None:
    made = source(tmp_path, meters={"Press": {"work_unit": "P", "reads": "register"}})
    write(tmp_path, HEADER + profile(20))
    first = read_once(made, tmp_path)
    write(tmp_path, HEADER + profile(30, 10), "again.csv")
    second = read_once(made, tmp_path, first.position())  # type: ignore[arg-type]
    assert total(first, "P") + total(second, "P") == 39
    assert not {m.key for m in first.messages} & {m.key for m in second.messages}


def test_reading_twice_gives_nothing_new(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, HEADER + profile(20))
    first = read_once(made, tmp_path)
    assert read_once(made, tmp_path, first.position()).messages == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-23", 24)]
)
def test_a_local_day_has_all_its_hours(tmp_path: Path, day: str, hours: int) -> None:
    """In Berlin the clocks go forward in March and back in October; rows end at 24:00."""
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    lines, truth = [], []
    for n in range(1, 4 * hours + 1):
        end = begin + timedelta(minutes=15 * n)
        local = end.astimezone(zone)
        is_midnight = (local.hour, local.minute) == (0, 0)
        shown = local - timedelta(days=1) if is_midnight else local
        clock = "24:00" if is_midnight else f"{local:%H:%M}"
        lines.append(f"{shown:%d.%m.%Y};{clock};{n},5\n")
        truth.append((end, n + 0.5))
    made = source(
        tmp_path, time=["Datum", "Uhrzeit"], time_format="%d.%m.%Y %H:%M", separator=";",
        decimal=",", timezone="Europe/Berlin", meters={"Press": {"work_unit": "P"}},
    )  # fmt: skip
    write(tmp_path, "Datum;Uhrzeit;Press\n" + "".join(lines))
    intake = read_once(made, tmp_path)
    assert intake.refused == []
    assert [(v["time"], v["quantity"]) for v in intake.values] == truth


def test_an_hour_that_does_not_exist_is_refused() -> None:
    stamps = Stamps(zone=ZoneInfo("Europe/Berlin"))
    with pytest.raises(NoInstant, match="does not exist"):
        stamps.instant("2026-03-29T02:30")


def test_an_hour_that_comes_twice_needs_the_row_before() -> None:
    stamps = Stamps(zone=ZoneInfo("Europe/Berlin"))
    with pytest.raises(NoInstant, match="comes twice"):
        stamps.instant("2026-10-25T02:30")


def test_a_time_without_zone_is_refused_with_a_word(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, HEADER + "2026-03-02 00:15,1,2\n")
    intake = read_once(made, tmp_path)
    assert intake.values == []
    assert "no offset from UTC" in intake.refused[0]


def test_missing_intervals_are_named_and_counted(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, HEADER + profile(4) + profile(4, 10))
    told = {about: (text, n) for about, text, n in read_once(made, tmp_path).troubles}
    text, missing = told["Press (gap)"]
    assert missing == 6
    assert "6 intervals missing before 2026-03-02T02:30" in text


def test_an_empty_cell_is_a_gap_of_that_meter_alone(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, HEADER + "2026-03-02T00:15Z,,4\n")
    assert [v["work_unit"] for v in read_once(made, tmp_path).values] == [""]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("abc", '"abc" is no number'),
        ("1.234.5", "is no number"),
        ("-3", "below 0"),
        ("500", "more than 100 kW"),
        ("nan", "is no number"),
    ],
)
def test_a_value_that_cannot_be_is_held_and_the_row_goes_on(
    tmp_path: Path, cell: str, reason: str
) -> None:
    meters = {"Press": {"work_unit": "P", "most_kw": 100}, "Site": {"is_site": True}}
    made = source(tmp_path, meters=meters)
    write(tmp_path, HEADER + f"2026-03-02T00:15Z,{cell},4\n")
    intake = read_once(made, tmp_path)
    assert reason in intake.refused[0]
    assert [m.origin for m in intake.messages if m.refused] == ["march.csv: line 2, Press"]
    assert [v["quantity"] for v in intake.values] == [4]


def test_a_file_without_the_columns_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    made = source(tmp_path)
    write(tmp_path, "time,Pres,Site\n" + profile(3), "bad.csv")
    write(tmp_path, HEADER + profile(3), "good.csv")
    intake = read_once(made, tmp_path)
    assert len(intake.values) == 6
    assert ("bad.csv", 'no column "Press"; did you mean "Pres"?', 0) in intake.troubles
    with pytest.raises(InputError, match="no column"):
        made.check(Keyring({}, tmp_path))


def test_a_short_row_and_a_foreign_byte_are_held(tmp_path: Path) -> None:
    made = source(tmp_path)
    path = write(tmp_path, HEADER + "2026-03-02T00:15Z,1\n")
    with path.open("ab") as file:
        file.write(b"2026-03-02T00:30Z,\xff,1\n2026-03-02T00:45Z,1,1\n")
    intake = read_once(made, tmp_path)
    assert intake.refused == ["2 values for 3 columns", "a line is not utf-8; set encoding"]
    assert len(intake.values) == 2


def test_files_are_only_read(tmp_path: Path) -> None:
    made = source(tmp_path)
    path = write(tmp_path, HEADER + profile(3))
    before = (path.read_bytes(), sorted(os.listdir(path.parent)), path.stat().st_mtime_ns)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    read_once(made, tmp_path)
    path.parent.chmod(0o700)
    assert (path.read_bytes(), sorted(os.listdir(path.parent)), path.stat().st_mtime_ns) == before


def test_a_missing_folder_is_waited_for(tmp_path: Path) -> None:
    made = source(tmp_path)
    (tmp_path / "profiles").rmdir()
    intake = read_once(made, tmp_path)
    assert intake.connections[0][0] is False


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"meters": {"Press": {}}}, "give either work_unit, or is_site"),
        ({"meters": {"Press": {"work_unit": "P", "modulo": 100}}}, "modulo goes with"),
        ({"separator": ",", "decimal": ","}, "the same sign"),
        ({"meters": {}}, "meters"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        source(tmp_path, **change)


def test_a_run_reads_on_while_the_file_is_written_and_stops_at_once(tmp_path: Path) -> None:
    made = source(tmp_path, every="0.1 s")
    intake = FakeIntake()
    run = threading.Thread(target=made.run, args=(intake, Keyring({}, tmp_path)), daemon=True)
    run.start()
    text = HEADER + profile(60)
    for cut in range(0, len(text), 97):
        write(tmp_path, text[cut : cut + 97], add=True)
        time.sleep(0.01)
    wait_until(lambda: len(intake.values) == 120, what="every row")
    intake.stop()
    run.join(2)
    assert not run.is_alive()
    assert total(intake, "PRESS-1") == sum(range(60))
