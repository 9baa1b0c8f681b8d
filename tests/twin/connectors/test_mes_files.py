"""The MES drop: what is written is read back exactly, and every fault is named with its line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from twin.connectors.mes_files import read_log, write_log
from twin.errors import InputError
from twin.model.events import COLUMNS, EventLog

HEADER = ",".join(COLUMNS)
GOOD = "2026-11-02T06:00:00+01:00,P-1,start,,4711,press,A,L1,COIL-9,,,,"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def message(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_log(path)
    return str(caught.value)


@pytest.fixture
def log() -> EventLog:
    start = datetime(2026, 11, 2, 5, tzinfo=UTC)
    return EventLog.of(
        [
            {"time": start, "work_unit": "P-1", "event": "state", "state": "off"},
            {
                "time": start + timedelta(microseconds=123457),
                "work_unit": "P-1",
                "event": "end",
                "order": 'Schraube "M8", lang',
                "operation": "Härten\nund Anlassen",
                "product": " A ",
                "quantity": 0.1 + 0.2,
                "scrap": 3,
                "reason": "lap",
            },
            {"time": start + timedelta(days=1), "event": "meter", "quantity": 1e300},
            {"time": start, "event": "release", "order": "NA"},
        ]
    )


def test_a_log_is_read_back_exactly(log: EventLog, tmp_path: Path) -> None:
    write_log(log, tmp_path / "mes.csv")
    pd.testing.assert_frame_equal(read_log(tmp_path / "mes.csv").table, log.table)


def test_writing_leaves_only_the_file(log: EventLog, tmp_path: Path) -> None:
    write_log(log, tmp_path / "mes.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["mes.csv"]


def test_a_failed_write_keeps_the_old_file(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "mes.csv", HEADER, GOOD)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_log(log, path)
    assert path.read_text(encoding="utf-8") == f"{HEADER}\n{GOOD}\n"
    assert [p.name for p in tmp_path.iterdir()] == ["mes.csv"]


def test_times_of_any_offset_are_utc_inside(tmp_path: Path) -> None:
    path = write(tmp_path / "mes.csv", HEADER, GOOD)
    assert read_log(path).table["time"].iloc[0] == pd.Timestamp("2026-11-02T05:00:00Z")


def test_a_column_in_another_place_or_extra_is_fine(tmp_path: Path) -> None:
    header, row = ["remark", *reversed(COLUMNS)], ["x", *reversed(GOOD.split(","))]
    path = write(tmp_path / "mes.csv", ",".join(header), ",".join(row))
    assert read_log(path).table["order"].tolist() == ["4711"]


def test_a_row_of_blank_fields_is_a_blank_line(tmp_path: Path) -> None:
    path = write(tmp_path / "mes.csv", HEADER, GOOD, ", " + "," * 11, "," * 12)
    assert len(read_log(path)) == 1


def test_a_misspelt_column_is_named_with_what_was_found(tmp_path: Path) -> None:
    path = write(tmp_path / "mes.csv", HEADER.replace("work_unit", "work_units"), GOOD)
    assert 'line 1: no column "work_unit"; found "work_units" instead' in message(path)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (GOOD.replace("06:00", "26:00"), 'line 3: time got "2026-11-02T26:00:00+01:00"'),
        (GOOD.replace("+01:00", ""), 'line 3: time "2026-11-02T06:00:00" has no time zone'),
        (GOOD.replace(",start,", ",begin,"), 'line 3: unknown event "begin"'),
        (GOOD.replace(",start,,", ",state,workng,"), 'did you mean "working"?'),
        (GOOD.replace(",start,", ",state,"), "line 3: event state of P-1 names no state"),
        (GOOD.replace("COIL-9,,,", "COIL-9,-5,,"), "line 3: quantity got -5"),
        (GOOD.replace("COIL-9,,,", "COIL-9,,many,"), 'line 3: scrap got "many"'),
        (GOOD.replace("COIL-9,,,", "COIL-9,inf,,"), 'line 3: quantity got "inf"'),
        ("2026-11-02T06:00", "line 3: has 1 field; 13 are expected"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, row: str, expected: str) -> None:
    assert expected in message(write(tmp_path / "mes.csv", HEADER, GOOD, row))


def test_a_file_cut_off_in_its_last_line_is_said_to_be(tmp_path: Path) -> None:
    path = write(tmp_path / "mes.csv", HEADER, GOOD, GOOD)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[: -len(GOOD) + 9], encoding="utf-8")
    assert "line 3: has 1 field; 13 are expected; the file seems cut off here" in message(path)


def test_a_file_cut_off_inside_quotes_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "mes.csv"
    path.write_text(f'{HEADER}\n{GOOD}\n2026-11-02T06:00:00+01:00,"P-', encoding="utf-8")
    assert "line 3: not valid CSV" in message(path)
    assert "the file is cut off" in message(path)


@pytest.mark.parametrize("rows", [("2026-11-02T06:00", GOOD), (GOOD, "2026-11-02T06:00", "")])
def test_a_short_line_that_ends_is_not_said_to_be_cut_off(
    tmp_path: Path, rows: tuple[str, ...]
) -> None:
    path = tmp_path / "mes.csv"
    path.write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    assert "has 1 field; 13 are expected" in message(path)
    assert "cut off" not in message(path)


def test_the_line_is_counted_past_blank_lines_and_broken_text(tmp_path: Path) -> None:
    row = GOOD.replace("COIL-9", '"COIL\n9"')
    path = write(tmp_path / "mes.csv", HEADER, "", row, GOOD.replace(",start,", ",begin,"))
    assert 'line 5: unknown event "begin"' in message(path)


def test_all_faults_are_in_one_message(tmp_path: Path) -> None:
    rows = [GOOD.replace("+01:00", ""), GOOD.replace(",start,", ",stat,")]
    lines = message(write(tmp_path / "mes.csv", HEADER, *rows)).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["line 2", "line 3"]


def test_many_faults_are_counted_after_the_first_twenty(tmp_path: Path) -> None:
    path = write(tmp_path / "mes.csv", HEADER, *[GOOD.replace("+01:00", "")] * 50)
    lines = message(path).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("and 30 more")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEADER.encode(), "no events, only a header"),
        (b"", "the file is empty"),
        (HEADER.encode() + b"\n" * 9_000 + b"\xff\xfe", "line 9001: a character is not UTF-8"),
        (f'{HEADER}\n{GOOD}\n{GOOD[:-1]}"Atlas\n{GOOD}\n'.encode(), "line 3: not valid CSV"),
        (b"a,b,c\n1,2,3\n", "line 1: found columns a, b, c; time, work_unit"),
        (HEADER.replace(",", ";").encode(), "not separated by commas"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "mes.csv"
    path.write_bytes(content)
    assert expected in message(path)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    assert "no such file" in message(tmp_path / "mes.csv")
