"""A job shop's reports as events: nothing is lost, and clock changes and bad rows are named."""

from pathlib import Path

import pandas as pd
import pytest

from twin.connectors.job_shop import JobShopColumns, read_log
from twin.errors import InputError
from twin.model.events import EventLog

HEADER = (
    "case,activity,worker_or_machine,start,end,"
    "Qty_Completed,Qty_Rejected,Qty_for_MRB,Report_Type,Rework"
)


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(
    start: str,
    end: str,
    kind: str = "D",
    activity: str = "Turning",
    made: str = "5,1,0",
    end_: str = "",
) -> str:
    return f"C1,{activity},ID1,2012-01-02 {start},2012-01-02 {end},{made},{kind},{end_}"


def read(tmp_path: Path, *rows: str) -> EventLog:
    return read_log(write(tmp_path / "log.csv", *rows))


def states(log: EventLog) -> list[tuple[str, str]]:
    """(clock, state) of the intervals that last."""
    end = pd.Timestamp("2012-01-03T00:00Z").to_pydatetime()
    rows = log.state_intervals(end)
    return [(f"{s:%H:%M}", state) for s, state in zip(rows["start"], rows["state"], strict=True)]


def message(tmp_path: Path, *rows: str) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, *rows)
    return str(caught.value)


def test_production_is_a_lot_with_its_pieces(tmp_path: Path) -> None:
    log = read(tmp_path, row("07:00", "09:00", activity="  Turn   Mill "))
    end = log.of_kind("end").iloc[0]
    assert (end["order"], end["operation"], end["work_unit"], end["lot"]) == (
        "C1", "Turn Mill", "ID1", "R2",
    )  # fmt: skip
    assert (end["quantity"], end["scrap"], end["reason"]) == (5, 1, "")
    assert len(log.of_kind("start")) == 1


def test_rework_is_a_reason(tmp_path: Path) -> None:
    log = read(tmp_path, row("07:00", "09:00", end_="Y"))
    assert log.of_kind("end")["reason"].tolist() == ["rework"]


def test_pieces_for_review_are_a_failed_verdict(tmp_path: Path) -> None:
    verdict = read(tmp_path, row("07:00", "09:00", made="5,1,3")).of_kind("verdict").iloc[0]
    assert (verdict["verdict"], verdict["scrap"]) == ("fail", 3)


def test_setup_and_break_are_states(tmp_path: Path) -> None:
    log = read(
        tmp_path,
        row("07:00", "09:00", "S", made="0,0,0"),
        row("09:00", "09:30", "B", made="0,0,0"),
        row("09:30", "10:00"),
    )
    assert states(log) == [
        ("07:00", "setup"), ("09:00", "standby"), ("09:30", "working"), ("10:00", "off"),
    ]  # fmt: skip
    assert log.table.loc[log.table["state"] == "standby", "reason"].tolist() == ["break"]


def test_pieces_made_in_setup_are_kept(tmp_path: Path) -> None:
    log = read(tmp_path, row("07:00", "09:00", "S", made="2,0,0"))
    assert log.of_kind("end")[["quantity", "reason"]].values.tolist() == [[2, "made in setup"]]
    assert len(log.of_kind("start")) == 0


def test_the_report_begun_last_says_the_state(tmp_path: Path) -> None:
    log = read(tmp_path, row("07:00", "12:00"), row("08:00", "09:00", "S", made="0,0,0"))
    assert states(log) == [
        ("07:00", "working"), ("08:00", "setup"), ("09:00", "working"), ("12:00", "off"),
    ]  # fmt: skip


def test_a_report_of_no_length_is_kept(tmp_path: Path) -> None:
    log = read(tmp_path, row("07:00", "07:00"))
    assert log.table["event"].tolist() == ["state", "start", "end", "state"]


def test_a_report_ends_before_the_next_begins_at_the_same_instant(tmp_path: Path) -> None:
    log = read(tmp_path, row("08:00", "09:00"), row("07:00", "08:00"))
    events = log.table[log.table["event"].isin(("start", "end"))]
    assert events["lot"].tolist() == ["R3", "R3", "R2", "R2"]


def test_local_times_are_read_in_their_zone(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "log.csv", row("07:00", "09:00")), "Asia/Jerusalem")
    assert log.table["time"].iloc[0] == pd.Timestamp("2012-01-02T05:00Z")
    assert "change of clock" not in log.source


def test_doubtful_local_times_are_read_by_rule_and_counted(tmp_path: Path) -> None:
    rows = [
        "C1,T,ID1,2012-03-25 02:30,2012-03-25 04:00,1,0,0,D,",
        "C1,T,ID1,2012-10-28 02:30,2012-10-28 04:00,1,0,0,D,",
    ]
    log = read_log(write(tmp_path / "log.csv", *rows), "Europe/Paris")
    starts = log.of_kind("start")["time"].tolist()
    assert starts == [pd.Timestamp("2012-03-25T01:30Z"), pd.Timestamp("2012-10-28T00:30Z")]
    assert "1 times in the skipped hour" in log.source
    assert "1 in the repeated hour" in log.source


def test_other_column_names_can_be_given(tmp_path: Path) -> None:
    columns = JobShopColumns(
        case="wo", activity="op", resource="machine", start="from", end="to", completed="good",
        rejected="", review="", report="", rework="",
    )  # fmt: skip
    path = write(
        tmp_path / "log.csv",
        "1,turn,M1,2012-01-02T07:00Z,2012-01-02T08:00Z,7",
        header="wo,op,machine,from,to,good",
    )
    end = read_log(path, columns=columns).of_kind("end").iloc[0]
    assert (end["order"], end["work_unit"], end["quantity"]) == ("1", "M1", 7)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (row("09:00", "07:00"), "line 3: ends 2012-01-02 07:00:00+00:00 before it starts"),
        (row("07:00", "26:00"), 'line 3: end got "2012-01-02 26:00"'),
        (row("07:00", "09:00", "X"), 'line 3: unknown type of report "X"'),
        (row("07:00", "09:00", made="five,0,0"), 'line 3: Qty_Completed got "five"'),
        (row("07:00", "09:00", made="-5,0,0"), "line 3: Qty_Completed got -5"),
        (row("07:00", "09:00", activity=" "), "line 3: the report names no activity"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, bad: str, expected: str) -> None:
    assert expected in message(tmp_path, row("07:00", "09:00"), bad)


@pytest.mark.real_data
def test_every_report_of_the_real_log_is_found_again(shared_dir: Path) -> None:
    path = shared_dir / "datasets/job-shop-log/production_jan_feb_2012.csv"
    reports = pd.read_csv(path)
    log = read_log(path)
    lots = set(log.table["lot"])
    assert lots == {f"R{n + 2}" for n in range(len(reports))}
    ends = log.of_kind("end")
    assert ends["quantity"].sum() == reports["Qty_Completed"].sum()
    assert ends["scrap"].sum() == reports["Qty_Rejected"].sum()
    assert log.of_kind("verdict")["scrap"].sum() == reports["Qty_for_MRB"].sum()
    assert len(log.of_kind("start")) == (reports["Report_Type"] == "D").sum()
    assert (ends["reason"] == "rework").sum() == (reports["Rework"] == "Y").sum()
