"""Export to Parquet, and setting older events aside without losing one."""

import json
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.services.processes import wait_until
from tests.twin.store.conftest import NOW, Place
from tests.twin.store.plant_events import START, ended, meter, state
from twin.errors import DiskFull, InputError, Locked
from twin.model.events import COLUMNS
from twin.secrets import Keyring
from twin.store import parquet, retention
from twin.store.imports import import_parquet
from twin.store.record import Appended, Event
from twin.store.retention import Retained
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

DAYS = [ended(n, time=START + timedelta(days=n)) for n in range(60)]
"""An event a day from March 2nd to April 30th."""


def open_other(folder: Path) -> EventStore:
    """A second store, in a file."""
    settings = StoreSettings(url="sqlite:///other.sqlite")
    return open_store(settings, Keyring({}, folder), clock=lambda: NOW)


def keys_in(folder: Path) -> list[str]:
    return [k for path in sorted(folder.glob("*.parquet")) for k in pd.read_parquet(path)["key"]]


def test_pandas_and_duckdb_read_an_export(store: EventStore, tmp_path: Path) -> None:
    told = [ended(1), state(2, "down", reason="Öl"), meter(3)]
    store.append("line-1", told)
    done = store.export(tmp_path / "out")
    (path,) = done.files
    assert path.name == "events-2026-03.parquet"
    table = pd.read_parquet(path)
    assert table["key"].tolist() == [event.key for event in told]
    assert table["source"].tolist() == ["line-1"] * 3
    log = store.log().table
    for name in COLUMNS:
        left, right = table[name].tolist(), log[name].tolist()
        assert pd.Series(left).equals(pd.Series(right)), name
    asked = f"select count(*), sum(quantity), max(time) from '{path}'"
    counted = duckdb.connect().execute(asked).fetchone()
    assert counted is not None
    assert counted[:2] == (3, 103.5)
    assert counted[2] == told[2].time
    assert (os.stat(path).st_mode & 0o777) == 0o640


def test_an_export_has_a_file_for_each_month(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", DAYS)
    done = store.export(tmp_path)
    assert [p.name for p in done.files] == ["events-2026-03.parquet", "events-2026-04.parquet"]
    assert done.events == 60
    assert keys_in(tmp_path) == [event.key for event in DAYS]
    assert store.export(tmp_path) == done


def test_a_part_of_a_month_says_so_in_its_name(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", DAYS)
    since, until = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 4, 2, 6, 0, 0, 1, UTC)
    done = store.export(tmp_path, since, until)
    assert [p.name for p in done.files] == [
        "events-2026-03-10-to-2026-04-01.parquet",
        "events-2026-04-01-to-2026-04-02T060000.000001.parquet",
    ]
    assert keys_in(tmp_path) == [e.key for e in DAYS if since <= e.time < until]


def test_an_empty_window_is_refused_and_an_empty_store_exports_nothing(
    store: EventStore, tmp_path: Path
) -> None:
    assert store.export(tmp_path).files == ()
    store.append("line-1", DAYS)
    assert store.export(tmp_path, NOW).files == ()
    with pytest.raises(InputError, match="not after"):
        store.export(tmp_path, NOW, START)
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_file_is_not_replaced_by_one_with_fewer_events(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", DAYS)
    store.export(tmp_path / "out")
    with open_other(tmp_path) as other:
        other.append("line-1", DAYS[:3])
        with pytest.raises(InputError, match="holds 30 events; 3 would replace them"):
            other.export(tmp_path / "out")
    assert len(keys_in(tmp_path / "out")) == 60
    assert [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")] == []


def test_two_stores_in_one_folder_do_not_replace_what_is_the_only_copy(
    store: EventStore, tmp_path: Path
) -> None:
    store.append("line-1", DAYS[:3])
    with open_other(tmp_path) as other:
        other.append("line-2", DAYS)
        line = START + timedelta(days=31)
        assert store.retain(line, tmp_path / "out").deleted == 3
        with pytest.raises(InputError, match="holds events of another store"):
            other.retain(line, tmp_path / "out")
        assert other.status().events == 60
    assert keys_in(tmp_path / "out") == [event.key for event in DAYS[:3]]


def test_an_export_into_a_full_disk_leaves_nothing(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", DAYS)
    with pytest.raises((DiskFull, InputError)):
        store.export(Path("/dev/full"))
    with pytest.raises(InputError, match="cannot be written"):
        store.export(Path("/proc/nowhere"))


def test_what_is_set_aside_is_in_the_export_and_no_longer_in_the_store(
    store: EventStore, tmp_path: Path
) -> None:
    store.append("line-1", [*DAYS, state(0, "down", "PRESS-7")])
    line = datetime(2026, 4, 10, tzinfo=UTC)
    done = store.retain(line, tmp_path)
    older = [event.key for event in DAYS if event.time < line]
    assert isinstance(done, Retained)
    assert (done.deleted, done.exported.events, done.kept_from) == (40, 40, line)
    assert sorted(keys_in(tmp_path)) == sorted([*older, "PRESS-7:0:down"])
    assert store.log().table["lot"].tolist() == [e.lot for e in DAYS if e.time >= line]
    status = store.status()
    assert (status.events, status.kept_from, status.first) == (21, line, DAYS[39].time)
    assert "PRESS-7" not in store.last_events()["work_unit"].tolist()
    again = store.retain(line, tmp_path)
    assert (again.deleted, again.exported.events) == (0, 0)
    assert len(keys_in(tmp_path)) == 40


def test_an_older_event_told_again_is_held_not_stored_anew(
    store: EventStore, tmp_path: Path
) -> None:
    store.append("line-1", DAYS)
    store.retain(datetime(2026, 4, 1, tzinfo=UTC), tmp_path)
    assert store.append("line-1", DAYS) == Appended(0, 30, 30)
    assert all("older than 2026-04-01" in held.reason for held in store.quarantine())
    assert store.status().events == 30
    assert store.since(0)[0].table["sequence"].min() == 31


def test_sequence_numbers_are_never_given_twice(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", DAYS)
    store.retain(datetime(2026, 6, 1, tzinfo=UTC), tmp_path)
    assert store.status().events == 0
    store.append("line-1", [ended(1, time=NOW)])
    log, sequence = store.since(60)
    assert (len(log), sequence) == (1, 61)


def test_the_line_is_never_moved_back_and_never_into_the_future(
    store: EventStore, tmp_path: Path
) -> None:
    store.append("line-1", DAYS)
    line = datetime(2026, 4, 1, tzinfo=UTC)
    store.retain(line, tmp_path)
    assert store.retain(line - timedelta(days=9), tmp_path).kept_from == line
    with pytest.raises(InputError, match="in the future; all events would be deleted"):
        store.retain(NOW + timedelta(days=1), tmp_path)


def test_an_export_that_is_not_whole_deletes_nothing(
    store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file read back holds something else: a positive control of the verification."""
    store.append("line-1", DAYS)
    content_of = parquet.content_of

    def spoilt(path: Path) -> parquet.Content:
        found = content_of(path)
        return parquet.Content(found.events, found.sum_of_sequences + 1)

    monkeypatch.setattr(retention, "content_of", spoilt)
    with pytest.raises(InputError, match="does not hold what the store holds"):
        store.retain(datetime(2026, 4, 1, tzinfo=UTC), tmp_path)
    assert store.status().events == 60
    assert store.status().kept_from is None


def test_a_damaged_file_is_seen_when_it_is_read_back(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", [ended(n) for n in range(5000)])
    (path,) = store.export(tmp_path).files
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) // 2, 97):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read back"):
        parquet.content_of(path)


def test_an_event_that_arrives_during_the_export_is_exported_as_well(
    store: EventStore, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("line-1", DAYS)
    late: list[Event] = [ended(99, time=START + timedelta(hours=1))]
    exported = retention._exported

    def with_newcomer(*words: object) -> retention.Exported:
        done = exported(*words)  # type: ignore[arg-type]
        if late:
            store.append("line-2", [late.pop()])
        return done

    monkeypatch.setattr(retention, "_exported", with_newcomer)
    line = datetime(2026, 4, 1, tzinfo=UTC)
    assert store.retain(line, tmp_path).deleted == 31
    assert "line-1:99" in keys_in(tmp_path)


def test_a_second_retention_waits_for_the_first(place: Place, tmp_path: Path) -> None:
    with place.open() as store:
        store.append("line-1", DAYS)
        retention._draw_line(store._engine, datetime(2026, 4, 1, tzinfo=UTC), 30)
        with pytest.raises(Locked, match="another retention"):
            retention._exported(store._engine, NOW, tmp_path)


def test_an_export_is_imported_with_its_keys_and_sources(store: EventStore, tmp_path: Path) -> None:
    told = [ended(1), state(2, "down"), meter(3), ended(4)]
    store.append("line-1", told[:3])
    store.append("line-2", told[3:])
    (path,) = store.export(tmp_path / "out").files
    with open_other(tmp_path) as other:
        assert import_parquet(other, "import", path).stored == 4
        assert import_parquet(other, "import", path).duplicates == 4
        assert other.log().table[list(COLUMNS)].equals(store.log().table[list(COLUMNS)])
        assert other.append("line-1", told).duplicates == 4
        (copy,) = other.export(tmp_path / "copy").files
    assert pd.read_parquet(copy)["source"].tolist() == pd.read_parquet(path)["source"].tolist()


RETAIN = """
import sys, json
from datetime import datetime
from pathlib import Path
from twin.secrets import Keyring
from twin.store import retention
from twin.store.settings import StoreSettings
from twin.store.store import open_store
import os
retention._AT_ONCE = 5
settings = StoreSettings.model_validate(json.loads(sys.argv[1]))
with open_store(settings, Keyring(os.environ, Path(sys.argv[2]))) as store:
    print("begin", flush=True)
    store.retain(datetime.fromisoformat(sys.argv[3]), Path(sys.argv[2]) / "out")
"""


def kill_retentions(place: Place, kills: int) -> None:
    """Kill retentions anywhere; what is in neither store nor export is lost."""
    luck = random.Random(kills)
    events = [ended(n, time=START + timedelta(hours=n)) for n in range(1400)]
    checkout = Path(__file__).resolve().parents[3]
    settings = json.dumps(place.settings.model_dump(mode="json", exclude_none=True))
    line = datetime(2026, 4, 20, tzinfo=UTC)
    with place.open() as store:
        store.append("line-1", events)
        kept = sum(event.time >= line for event in events)
        for number in range(kills):
            words = [sys.executable, "-c", RETAIN, settings, str(place.keyring.folder)]
            job = subprocess.Popen(
                [*words, line.isoformat()], cwd=checkout, stdout=subprocess.PIPE,
                env={**os.environ, **place.keyring.environ},
            )  # fmt: skip
            assert job.stdout is not None
            assert job.stdout.readline() == b"begin\n"
            if number == 1:  # certainly while it deletes; the others anywhere
                wait_until(lambda: len(store.log()) < len(events), 60, "a deletion", every=0)
            else:
                time.sleep(luck.random() * 0.25)
            job.kill()
            job.wait()
            job.stdout.close()
            left = {f"line-1:{lot[1:]}" for lot in store.log().table["lot"]}
            assert number != 1 or kept < len(left) < len(events)
            assert {e.key for e in events} <= left | set(keys_in(place.keyring.folder / "out"))
            assert store.status().events == len(left)
        store.retain(line, place.keyring.folder / "out")
        assert len(store.log()) == kept
        exported_keys = keys_in(place.keyring.folder / "out")
        assert sorted(exported_keys) == sorted(e.key for e in events if e.time < line)


def test_a_retention_killed_anywhere_loses_nothing(place: Place) -> None:
    kill_retentions(place, 2)


@pytest.mark.slow
def test_a_retention_killed_twenty_times_loses_nothing(place: Place) -> None:
    kill_retentions(place, 20)
