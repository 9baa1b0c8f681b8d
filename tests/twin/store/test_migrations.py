"""A store is brought up to date when it is opened, keeps its rows, and is never half way."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tests.twin.store.conftest import NOW, Place
from tests.twin.store.plant_events import ended, state
from twin.errors import InputError
from twin.secrets import Keyring
from twin.store import engine, migrations, schema
from twin.store.migrations import CURRENT, STEPS, migrate, version_of
from twin.store.settings import StoreSettings
from twin.store.store import open_store

VERSION_1 = Path(__file__).with_name("version_1.sql")


def make_version(place: Place, version: int) -> None:
    """A store of an older version."""
    pool = engine.engine_of(place.settings, place.keyring, create=True)
    with engine.writing(pool) as connection:
        migrate(connection, to=version)
    pool.dispose()


def insert_event(place: Place, sequence: int, unit: str, time: int) -> None:
    place.query(
        'insert into noria_event (sequence, time, key, work_unit, event, state, "order", operation,'
        " product, lot, material, verdict, reason, quantity, scrap, source, received) values"
        f" ({sequence}, {time}, 'k{sequence}', '{unit}', 'state', 'down', '', '', '', '', '', '',"
        " '', null, null, 's', 0)"
    )


def test_the_tables_are_those_the_program_asks(place: Place) -> None:
    with place.open() as store:
        found = inspect(store._engine)
        for table in (
            schema.EVENT, schema.SEEN, schema.POSITION, schema.QUARANTINE, schema.STORE,
        ):  # fmt: skip
            columns = {column["name"] for column in found.get_columns(table.name)}
            assert columns == {column.name for column in table.c}


def test_a_store_of_version_1_keeps_its_rows(tmp_path: Path) -> None:
    """As the program of then wrote it, in a file."""
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    settings = StoreSettings(url="sqlite:///old.sqlite")
    with pytest.raises(InputError, match=r"has version 1, this program needs 2"):
        open_store(settings, Keyring({}, tmp_path), migrate=False)
    with open_store(settings, Keyring({}, tmp_path)) as store:
        status = store.status()
        assert (status.version, status.events, status.last_sequence) == (CURRENT, 3, 3)
        assert store.log().table["lot"].tolist() == ["", "L1", ""]
        assert store.position("line-1") == {"row": 2}
        assert [held.raw for held in store.quarantine()] == ["{}"]
        last = store.last_events().set_index("event")["events"].to_dict()
        assert last == {"state": 2, "end": 1}
        assert store.append("line-1", [ended(5)]).stored == 1
        assert store.last_sequence() == 4


def test_every_version_migrates_and_counts_what_was_there(place: Place) -> None:
    make_version(place, 1)
    for n in range(1, 6):
        insert_event(place, n, f"U{n % 2}", n * 10**6)
    place.query("update noria_store set value = 5 where name = 'last_sequence'")
    with place.open() as store:
        assert store.status().version == CURRENT == len(STEPS) == 2
        table = store.last_events()
        assert table["work_unit"].tolist() == ["U0", "U1"]
        assert table["events"].tolist() == [2, 3]
        assert [t.second for t in table["last"]] == [4, 5]
        assert store.append("s", [state(1, "working", "U0")]).stored == 1
        assert store.last_events()["events"].tolist() == [3, 3]


def test_a_store_newer_than_the_program_is_refused(place: Place) -> None:
    with place.open() as store:
        store.append("line-1", [ended(1)])
    place.query(f"update noria_store set value = {CURRENT + 1} where name = 'version'")
    for may_change in (True, False):
        with pytest.raises(InputError, match=f"has version {CURRENT + 1}.*run the newer Noria"):
            place.open(migrate=may_change)
    assert place.query("select count(*) from noria_event") == [(1,)]


def test_a_step_that_fails_leaves_the_version_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version(place, 1)
    insert_event(place, 1, "U1", 0)
    broken = (STEPS[0], (*STEPS[1][:2], "create table noria_event (x {whole})"))
    monkeypatch.setattr(migrations, "STEPS", broken)
    with pytest.raises(RuntimeError, match="noria_event"):
        place.open()
    pool = engine.engine_of(place.settings, place.keyring, create=True)
    with engine.reading(pool) as connection:
        assert version_of(connection) == 1
        assert not inspect(connection).has_table("noria_seen")
        assert connection.scalar(text("select count(*) from noria_event")) == 1
    pool.dispose()
    monkeypatch.undo()
    with place.open() as store:
        assert store.status().events == 1


def test_two_that_open_at_once_make_one_store(place: Place) -> None:
    faults: list[BaseException] = []

    def work(name: str) -> None:
        try:
            with place.open() as store:
                store.append(name, [ended(1, key=name)])
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(f"line-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with place.open(migrate=False) as store:
        assert store.status().events == 6
        assert store.status().last_sequence == 6


def test_each_store_has_an_identity_of_its_own(place: Place, tmp_path: Path) -> None:
    place.open().close()
    first = place.query("select value from noria_store where name = 'identity'")
    other = StoreSettings(url="sqlite:///other.sqlite")
    open_store(other, Keyring({}, tmp_path), clock=lambda: NOW).close()
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        query = "select value from noria_store where name = 'identity'"
        assert connection.execute(query).fetchall() != first
    assert first[0][0] > 0
