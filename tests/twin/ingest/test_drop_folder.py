"""CSV and Parquet files dropped into a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from tests.services.processes import Process, wait_until
from tests.twin.ingest.fake_intake import FakeIntake, receiving
from twin.ingest import drop_folder
from twin.ingest.drop_folder import DropFolderSource
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import open_store

HEADER = "id,time,work_unit,event,quantity"


def source_of(**settings: Any) -> DropFolderSource:
    return DropFolderSource.model_validate(
        {"name": "drop", "folder": "drop", "every_s": 0.05, "settled_s": 0.3, **settings}
    )


def running(source: Any, folder: Path, start_at: Any = None) -> AbstractContextManager[FakeIntake]:
    return receiving(source, Keyring({}, folder), FakeIntake(start_at=start_at))


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def row(number: int, unit: str = "PRESS-1") -> str:
    instant = datetime(2026, 11, 23, 5, tzinfo=UTC) + timedelta(seconds=number)
    return f"{number},{instant.isoformat()},{unit},end,{number}"


def csv_of(numbers: Any, header: str = HEADER) -> str:
    return "".join(f"{line}\n" for line in [header, *(row(n) for n in numbers)])


def ids(intake: FakeIntake) -> list[int]:
    return [int(values["id"]) for values in intake.values]


class TestCsv:
    def test_rows_there_and_rows_to_come_are_read_with_their_lines(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of(range(3)))
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 3)
            with (drop / "a.csv").open("a") as file:
                file.write(f"{row(3)}\n{row(4)}\n")
            (drop / "b.csv").write_text(csv_of([5]))
            intake.wait_for(lambda i: len(i.messages) == 6)
        assert sorted(ids(intake)) == [0, 1, 2, 3, 4, 5]
        assert intake.messages[0].origin == "a.csv:2"
        assert {m.origin for m in intake.messages} >= {"a.csv:5", "a.csv:6", "b.csv:2"}

    def test_a_file_emptied_to_be_written_anew_is_waited_for(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of([1]))
        with running(source_of(settled_s=60), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
            (drop / "a.csv").write_text("")
            intake.wait(0.2)
            (drop / "a.csv").write_text(csv_of([1, 2]))
            intake.wait_for(lambda i: 2 in ids(i))
        assert not intake.refused

    def test_half_a_line_waits_for_its_other_half(self, drop: Path) -> None:
        text = csv_of([1, 2])
        (drop / "a.csv").write_text(text[:-9])
        source = source_of(settled_s=60)
        with running(source, drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
            intake.wait(0.2)
            assert ids(intake) == [1]
            (drop / "a.csv").write_text(text)
            intake.wait_for(lambda i: len(i.messages) == 2)
        assert not intake.refused

    def test_a_last_line_that_stays_without_end_is_held_once_and_read_when_it_is_ended(
        self, drop: Path
    ) -> None:
        (drop / "a.csv").write_text(csv_of([1]) + row(2))
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: bool(i.refused))
            intake.wait(0.6)
            assert len(intake.refused) == 1
            held = intake.messages[-1]
            assert held.origin == "a.csv:3"
            assert "no end and may be cut off" in held.refused
            (drop / "a.csv").write_text(csv_of([1, 2]))
            intake.wait_for(lambda i: ids(i) == [1, 2])

    def test_a_bad_line_is_held_and_the_others_go_on(self, drop: Path) -> None:
        lines = [HEADER, row(1), "2,only three,x", '3,"lone quote,x,end,1', row(4), "", ",,,,"]
        (drop / "a.csv").write_bytes("\r\n".join([*lines, ""]).encode() + b"5,\xff,x,end,1\r\n")
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 5)
        assert ids(intake) == [1, 4]
        held = {m.origin: m.refused for m in intake.messages if m.refused}
        assert held["a.csv:3"] == "has 3 fields; 5 are expected"
        assert "lone quote mark" in held["a.csv:4"]
        assert "a character is not utf-8" in held["a.csv:8"]

    def test_an_export_of_another_country_is_read_as_it_is_said(self, drop: Path) -> None:
        text = 'Nr;Zeit;Maschine;Gut\n1;2026-11-23T06:00;Säge "1";1234,5\n2;2026-11-23T07:00;X;7\n'
        (drop / "a.csv").write_bytes(text.encode("cp1252"))
        fields = {
            "time": "Zeit",
            "work_unit": "Maschine",
            "event": {"value": "end"},
            "quantity": "Gut",
        }
        source = source_of(separator=";", decimal=",", encoding="cp1252", fields=fields, key=["Nr"])
        with running(source, drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 2)
        assert [v["Gut"] for v in intake.values] == ["1234.5", "7"]
        assert intake.values[0]["Maschine"] == 'Säge "1"'

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, drop: Path) -> None:
        (drop / "a.csv").write_bytes(b"\xef\xbb\xbf" + csv_of([1]).encode())
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: ids(i) == [1])

    @pytest.mark.parametrize("text", ["1.234", "1.234,5", "12,3,4", "viel"])
    def test_a_number_that_is_not_as_said_is_held(self, drop: Path, text: str) -> None:
        (drop / "a.csv").write_text(f"time;event;quantity\n2026-11-23T05:00Z;end;{text}\n")
        with running(source_of(separator=";", decimal=","), drop.parent) as intake:
            intake.wait_for(lambda i: bool(i.refused))
        assert intake.refused == [f'quantity got "{text}"; a number reads 1234,5']


class TestWholeFiles:
    """What is wrong with a file as a whole is one message."""

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            (csv_of(range(500)).replace(",", ";").encode(), 'not separated by "," but by ";"'),
            (csv_of(range(500)).replace(",", "\t").encode(), 'not separated by "," but by a tab'),
            (csv_of(range(500), "id,time,unit,kind,n").encode(), 'no column "event"'),
            (csv_of(range(500), "id,time,event,event,n").encode(), "event appears twice"),
            (csv_of(range(500)).encode("utf-16"), "UTF-16"),
            (b"\xff" + csv_of(range(500)).encode(), "the header is not utf-8"),
            (b'"' + csv_of(range(500)).encode(), "header is not valid CSV"),
            (row(1).encode() + b"\n" + csv_of(range(5)).encode(), 'no column "time"'),
        ],
    )
    def test_it_is_held_once_and_the_other_files_are_read(
        self, drop: Path, content: bytes, match: str
    ) -> None:
        (drop / "a.csv").write_bytes(content)
        (drop / "b.csv").write_text(csv_of([7]))
        source = source_of(key=["id"])
        with running(source, drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 2)
            intake.wait(0.2)
        assert ids(intake) == [7]
        assert len(intake.refused) == 1
        assert match in intake.refused[0]
        with running(source, drop.parent, start_at=intake.positions[-1]) as again:
            again.wait(0.3)
        assert not again.messages  # nor is it told again after a restart

    def test_once_it_is_mended_it_is_read(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of([1, 2]).replace(",", ";"))
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.refused) == 1)
            (drop / "a.csv").write_text(csv_of([1, 2]))
            intake.wait_for(lambda i: ids(i) == [1, 2])

    def test_an_empty_file_is_held_when_it_stays_so(self, drop: Path) -> None:
        (drop / "a.csv").touch()
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.refused) == 1)
        assert "no line has an end" in intake.refused[0]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-7x", "rot13", ""])
    def test_an_encoding_that_cannot_be_followed_is_refused(self, encoding: str) -> None:
        with pytest.raises(ValidationError, match="encoding"):
            source_of(encoding=encoding)


class TestNames:
    def test_links_out_of_the_folder_are_named_and_left_alone(
        self, drop: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "other.csv").write_text(csv_of([666]))
        (drop / "a.csv").symlink_to(tmp_path / "other.csv")
        (drop / "b.csv").write_text(csv_of([1]))
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: ids(i) == [1] and bool(i.troubles))
        assert "a.csv (it is a link that leads out" in intake.troubles[-1][1]

    def test_odd_names_stay_in_one_line(self, drop: Path) -> None:
        (drop / "a\nb'; drop table events; --.csv").write_text(csv_of([1]))
        (drop / "..csv").write_text(csv_of([2]))  # begins with a point
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
        assert intake.messages[0].origin == "a\ufffdb'; drop table events; --.csv:2"

    def test_a_renamed_file_gives_duplicates_alone(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of([1, 2]))
        with running(source_of(key=["id"]), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 2)
            (drop / "a.csv").rename(drop / "b.csv")
            intake.wait_for(lambda i: sum(i.batches) == 4)
        assert {m.values["id"] for m in intake.messages} == {"1", "2"}

    def test_a_missing_folder_is_waited_for(self, drop: Path) -> None:
        drop.rmdir()
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            assert intake.connections[0][0] is False
            drop.mkdir()
            (drop / "a.csv").write_text(csv_of([1]))
            intake.wait_for(lambda i: ids(i) == [1])


class TestReplaced:
    def test_a_file_replaced_under_its_name_is_read_again(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of(range(5)))
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 5)
            (drop / "new").write_text(csv_of(range(3, 9)))
            (drop / "new").rename(drop / "a.csv")
            intake.wait_for(lambda i: {*ids(i)} == set(range(9)))

    def test_a_restart_goes_on_where_the_last_run_ended(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of(range(5)))
        source = source_of()
        with running(source, drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 5)
        with (drop / "a.csv").open("a") as file:
            file.write(f"{row(5)}\n")
        with running(source, drop.parent, start_at=intake.positions[-1]) as again:
            again.wait_for(lambda i: bool(i.messages))
        assert ids(again) == [5]
        assert again.messages[0].origin == "a.csv:7"

    def test_another_folder_under_the_same_name_begins_anew(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of([1]))
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: bool(i.messages))
        drop.rename(drop.parent / "drop2")
        source = source_of(folder="drop2")
        with running(source, drop.parent, start_at=intake.positions[-1]) as again:
            again.wait_for(lambda i: ids(i) == [1])


class TestMoving:
    def test_files_read_go_to_done_and_others_to_refused(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of([1]))
        (drop / "b.csv").write_text(csv_of([2]).replace(",", ";"))
        with running(source_of(after="move"), drop.parent) as intake:
            wait_until(lambda: (drop / "done" / "a.csv").exists(), 5)
            wait_until(lambda: (drop / "refused" / "b.csv").exists(), 5)
            (drop / "a.csv").write_text(csv_of([3]))
            wait_until(lambda: (drop / "done" / "a-2.csv").exists(), 5)
        assert ids(intake) == [1, 3]
        assert (drop / "done" / "a.csv").read_text() == csv_of([1])

    def test_a_file_still_written_to_stays(self, drop: Path) -> None:
        (drop / "a.csv").write_text(csv_of([0]))
        with running(source_of(after="move", settled_s=1.0), drop.parent) as intake:
            for n in range(1, 15):
                with (drop / "a.csv").open("a") as file:
                    file.write(f"{row(n)}\n")
                time.sleep(0.1)
                assert (drop / "a.csv").exists()
            wait_until(lambda: (drop / "done" / "a.csv").exists(), 5)
        assert ids(intake) == list(range(15))

    def test_a_link_in_place_of_done_is_not_followed(self, drop: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (drop / "done").symlink_to(tmp_path / "elsewhere")
        (drop / "a.csv").write_text(csv_of([1]))
        with running(source_of(after="move"), drop.parent) as intake:
            intake.wait_for(lambda i: any("cannot be moved" in text for _, text, _ in i.troubles))
        assert list((tmp_path / "elsewhere").iterdir()) == []
        assert (drop / "a.csv").exists()


class TestParquet:
    def frame(self, numbers: Any) -> pd.DataFrame:
        rows = [row(n).split(",") for n in numbers]
        frame = pd.DataFrame(rows, columns=HEADER.split(","))
        frame["time"] = pd.to_datetime(frame["time"], utc=True)
        return frame.astype({"id": int, "quantity": float})

    def test_rows_are_read_once_the_file_is_whole(self, drop: Path, tmp_path: Path) -> None:
        self.frame(range(1000)).to_parquet(tmp_path / "whole")
        content = (tmp_path / "whole").read_bytes()
        (drop / "a.parquet").write_bytes(content[: len(content) // 2])
        with running(source_of(batch=300, settled_s=60), drop.parent) as intake:
            intake.wait(0.3)
            assert not intake.messages
            (drop / "a.parquet").write_bytes(content)
            intake.wait_for(lambda i: len(i.messages) == 1000)
        assert max(intake.batches) <= 300
        assert intake.messages[4].origin == "a.parquet: row 5"
        assert intake.values[4]["time"].isoformat() == "2026-11-23T05:00:04+00:00"
        assert intake.values[4]["quantity"] == 4.0

    def test_one_that_stays_half_is_held(self, drop: Path) -> None:
        (drop / "a.parquet").write_bytes(b"PAR1" + b"x" * 100)
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: bool(i.refused))
        assert "not a whole Parquet file" in intake.refused[0]

    def test_one_without_the_columns_is_held_once(self, drop: Path) -> None:
        self.frame(range(5)).rename(columns={"event": "kind"}).to_parquet(drop / "a.parquet")
        with running(source_of(), drop.parent) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
        assert 'no column "event"' in intake.refused[0]


def test_a_thousand_files_are_read_and_stay_read(drop: Path) -> None:
    for n in range(1000):
        (drop / f"{n:04}.csv").write_text(csv_of([n]))
    source = source_of()
    with running(source, drop.parent) as intake:
        intake.wait_for(lambda i: len(i.messages) == 1000, 20)
        (drop / "late.csv").write_text(csv_of([1000]))
        intake.wait_for(lambda i: len(i.messages) == 1001)
    assert sorted(ids(intake)) == list(range(1001))
    assert len(intake.batches) < 20  # small files are stored together
    with running(source, drop.parent, start_at=intake.positions[-1]) as again:
        again.wait(0.5)
    assert not again.messages


WRITER = """
import sys, time
path, first = sys.argv[1], int(sys.argv[2])
with open(path, "a", buffering=1) as file:
    for n in range(first, 100_000):
        text = "%d,2026-11-23T05:00:00Z,PRESS-1,end,%d\\n" % (n, n)
        file.write(text[:9]); file.flush(); time.sleep(0.0005); file.write(text[9:]); file.flush()
"""


def test_a_writer_killed_midway_leaves_whole_rows_and_one_held_line(
    drop: Path, tmp_path: Path
) -> None:
    path = drop / "a.csv"
    path.write_text(f"{HEADER}\n")
    program = tmp_path / "writer.py"
    program.write_text(WRITER)
    with running(source_of(key=["id"]), drop.parent) as intake:
        for _ in range(40):  # until a kill falls into a line
            first = sum(1 for _ in path.open("rb")) - 1
            with Process(
                [sys.executable, str(program), str(path), str(first)], tmp_path / "writer.log"
            ) as writer:
                wait_until(lambda: path.stat().st_size > 3000 + 40 * first, 10)  # noqa: B023
                assert writer.is_running
                writer.kill()
            if not path.read_bytes().endswith(b"\n"):
                break
            first += 1
        whole = path.read_bytes().count(b"\n") - 1
        intake.wait_for(lambda i: len(i.refused) == 1, 10)
        assert sorted({*ids(intake)}) == list(range(whole))
        with path.open("a") as file:
            file.write("\n")  # what somebody does who looks at it: now it is a line, a bad one
        intake.wait_for(lambda i: len(i.refused) == 2 or len(i.values) == whole + 1)
    assert sorted({*ids(intake)} - {whole}) == list(range(whole))


def test_a_file_without_right_to_read_is_named_and_the_others_are_read() -> None:
    program = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from tests.twin.ingest.test_drop_folder import running, source_of, ids
        if os.geteuid() == 0:  # root may read everything
            os.setgroups([]), os.setgid(65534), os.setuid(65534)
        with running(source_of(), Path(sys.argv[1])) as intake:
            intake.wait_for(lambda i: ids(i) == [2] and bool(i.troubles))
            print(intake.troubles[-1][1])
        """
    )
    with tempfile.TemporaryDirectory() as folder:
        drop = Path(folder) / "drop"
        drop.mkdir()
        (drop / "a.csv").write_text(csv_of([1]))
        (drop / "b.csv").write_text(csv_of([2]))
        os.chmod(folder, 0o755)
        os.chmod(drop / "a.csv", 0)
        done = subprocess.run(
            [sys.executable, "-c", program, folder],
            cwd=Path(__file__).resolve().parents[3],
            capture_output=True,
            text=True,
            check=False,
        )
    assert "a.csv (cannot be read: Permission denied; check its rights)" in done.stdout, done.stderr


# --- through the real command ---


@pytest.mark.parametrize("after", [pytest.param("keep", marks=pytest.mark.slow), "move"])
def test_the_ingester_killed_while_files_come_stores_each_row_once(
    tmp_path: Path, after: str
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    source = {
        "kind": "drop_folder",
        "name": "mes",
        "folder": "drop",
        "every_s": 0.05,
        "settled_s": 0.5,
        "batch": 50,
        "after": after,
        "key": ["id"],
    }
    config = tmp_path / "ingest.yaml"
    content = {"store": "sqlite:///events.sqlite", "sources": [source]}
    config.write_text(yaml.safe_dump(content))
    files, rows = 60, 40

    def write() -> None:
        for n in range(files):
            numbers = range(rows * n, rows * (n + 1))
            with (drop / f"{n:03}.csv").open("w", buffering=1) as file:
                file.write(f"{HEADER}\n")
                for number in numbers:
                    file.write(f"{row(number)}\n")
                    time.sleep(0.002)

    def stored() -> int:
        try:
            with open_store(settings, Keyring({}, tmp_path), migrate=False) as store:
                return store.status().events
        except Exception:
            return 0

    settings = StoreSettings(url="sqlite:///events.sqlite")
    command = [sys.executable, "-m", "scenarios.cli", "ingest", str(config)]
    with Process(command, tmp_path / "ingest.log") as ingester:
        wait_until(lambda: (tmp_path / "events.sqlite").exists(), 30, "the ingester")
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        for enough in (300, 1200):
            wait_until(lambda n=enough: stored() >= n, 60, ingester.tail())
            assert ingester.is_running  # it is this one that stores
            ingester.kill()
            ingester.start()
        writer.join(60)
        wait_until(lambda: stored() >= files * rows, 60, ingester.tail())
        if after == "move":
            wait_until(lambda: len(list((drop / "done").iterdir())) == files, 30)
        assert ingester.stop() == 0
    with open_store(settings, Keyring({}, tmp_path)) as store:
        log, status = store.log().table, store.status()
    assert sorted(log["quantity"].astype(int)) == list(range(files * rows))
    assert not status.held


def test_the_example_in_the_documentation_is_read() -> None:
    text = (drop_folder.__doc__ or "").split("::\n\n")[1].split("\n\n")[0]
    assert DropFolderSource.model_validate(yaml.safe_load(text)[0])
