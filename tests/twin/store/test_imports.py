"""Logs and Parquet files become events with keys by their content."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.twin.store.plant_events import START, ended, meter, state
from twin.errors import InputError
from twin.model.events import COLUMNS, EventLog
from twin.store.imports import events_of, import_log, import_parquet
from twin.store.keys import content_key
from twin.store.record import Appended
from twin.store.store import EventStore

TOLD = [ended(1, reason="a\x1fb"), state(2, "down", reason="Öl"), meter(3), ended(4)]


def log_of(events: list) -> EventLog:  # type: ignore[type-arg]
    return EventLog.of({name: getattr(e, name) for name in COLUMNS} for e in events)


def test_the_events_of_a_log_have_keys_by_content() -> None:
    found = list(events_of(log_of(TOLD)))
    assert [str(event) for event in found] == [
        str(replace(event, key=content_key(event))) for event in TOLD
    ]


def test_identical_rows_are_one_event(store: EventStore) -> None:
    log = log_of([TOLD[0], TOLD[1], replace(TOLD[0], key="other")])
    assert import_log(store, "import", log) == Appended(2, 1, 0)
    assert import_log(store, "import", log) == Appended(0, 3, 0)


def test_a_log_goes_in_and_comes_out(store: EventStore) -> None:
    log = log_of(TOLD)
    import_log(store, "import", log)
    assert store.log().table[list(COLUMNS)].equals(log.ordered().table)


def test_keys_in_time_are_close_in_the_index() -> None:
    keys = [event.key for event in events_of(log_of([ended(n) for n in range(300)]))]
    assert keys == sorted(keys)


def test_a_parquet_file_of_a_log_is_imported(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    log_of(TOLD).table.to_parquet(path)
    assert import_parquet(store, "import", path).stored == 4
    assert store.append("line-1", list(events_of(log_of(TOLD)))).duplicates == 4


def test_rows_that_are_no_events_are_held(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    log_of([*TOLD, ended(9, event="boom")]).table.to_parquet(path)
    assert import_parquet(store, "import", path) == Appended(4, 0, 1)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"a": [1]}), "has no column time, work_unit"),
        (log_of(TOLD).table.assign(time="2026-01-01"), "timestamps with a zone"),
        (log_of(TOLD).table.assign(time=pd.Timestamp(START.replace(tzinfo=None))), "with a zone"),
    ],
)
def test_a_parquet_file_of_something_else_is_refused(
    store: EventStore, tmp_path: Path, table: pd.DataFrame, words: str
) -> None:
    table.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(InputError, match=words):
        import_parquet(store, "import", tmp_path / "log.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"time;state\n" * 50])
def test_what_is_no_parquet_file_is_refused(
    store: EventStore, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "log.parquet").write_bytes(content)
    with pytest.raises(InputError, match="give a Parquet file of events"):
        import_parquet(store, "import", tmp_path / "log.parquet")


def test_a_file_that_is_not_there_is_said(store: EventStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_parquet(store, "import", tmp_path / "none.parquet")
