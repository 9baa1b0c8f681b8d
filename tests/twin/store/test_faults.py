"""What can be wrong with a database, said in a sentence, with nothing half done and no secret."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.services.certificates import make_certificates
from tests.services.postgres import Database, PostgresServer, private_postgres
from tests.services.processes import descendants, free_port
from tests.twin.store.conftest import Place
from tests.twin.store.plant_events import ended
from twin.errors import DiskFull, InputError, StoreAway
from twin.secrets import Keyring
from twin.store import engine
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

CHECKOUT = Path(__file__).resolve().parents[3]
SQLITE = StoreSettings(url="sqlite:///events.sqlite")


def open_sqlite(folder: Path, *, migrate: bool = True) -> EventStore:
    return open_store(SQLITE, Keyring({}, folder), migrate=migrate)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is given up after a second, not after half a minute."""
    monkeypatch.setattr(engine, "LOCK_SECONDS", 1)


def test_a_reader_makes_no_store(place: Place) -> None:
    with pytest.raises(InputError, match="no event store yet"):
        place.open(migrate=False)
    place.open().close()
    place.open(migrate=False).close()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no event store yet"):
        open_sqlite(tmp_path, migrate=False)
    assert list(tmp_path.iterdir()) == []


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.append("line-1", [ended(1)])
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {f"events.sqlite{end}": 0o600 for end in ("", "-wal", "-shm")}


def test_a_commit_is_on_the_disk_before_it_is_acknowledged(place: Place) -> None:
    with place.open() as store, store._engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("pragma synchronous").scalar() == 2  # FULL
            assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        else:
            assert connection.exec_driver_sql("show synchronous_commit").scalar() == "on"


@pytest.mark.servers
def test_a_server_that_commits_lazily_is_asked_not_to(postgres: Database, tmp_path: Path) -> None:
    with postgres.connect() as connection:
        connection.execute(f"alter database {postgres.name} set synchronous_commit = off")
    settings = StoreSettings.model_validate(postgres.settings)
    with open_store(settings, postgres.keyring(tmp_path)) as store:
        assert store._engine.connect().exec_driver_sql("show synchronous_commit").scalar() == "on"


def test_a_store_that_another_process_keeps_locked_is_away(place: Place, short_waits: None) -> None:
    with place.open() as store, place.open() as other:
        store.append("line-1", [ended(1)])
        with engine.writing(other._engine):
            assert len(store.log()) == 1  # readers do not wait
            with pytest.raises(StoreAway, match="locked"):
                store.append("line-1", [ended(2)], position={"row": 2})
        assert store.position("line-1") is None
        assert store.append("line-1", [ended(2)]).stored == 1


@pytest.mark.servers
def test_a_server_that_is_away_is_said_and_comes_back(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    database = postgres_server.database()
    settings = StoreSettings.model_validate(database.settings)
    with open_store(settings, database.keyring(tmp_path)) as store:
        store.append("line-1", [ended(1)])
        with database.connect() as connection:
            query = "select pid from pg_stat_activity where application_name = 'noria'"
            serving = {row[0] for row in connection.execute(query)}
        assert serving & {*descendants(postgres_server.process.pid)}
        postgres_server.kill()
        for _ in range(2):
            with pytest.raises(StoreAway, match="cannot be reached") as caught:
                store.append("line-1", [ended(2)])
            assert database.password not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(StoreAway):
            store.log()
        postgres_server.start()
        assert store.append("line-1", [ended(1), ended(2)]).stored == 1
        assert len(store.log()) == 2


def test_no_server_is_away_not_a_fault_of_the_configuration(tmp_path: Path) -> None:
    settings = StoreSettings(url=f"postgresql://noria@127.0.0.1:{free_port()}/plant")
    with pytest.raises(StoreAway, match=r"cannot be reached.*check the server"):
        open_store(settings, Keyring({}, tmp_path))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong-geheim"}, "password authentication failed"),
        ({"user": "nobody"}, "nobody"),
        ({"name": "no_such_base"}, "does not exist"),
    ],
)
def test_a_refused_login_says_what_to_check(
    postgres: Database, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    wrong = replace(postgres, **change)
    with pytest.raises(InputError, match=words) as caught:
        open_store(StoreSettings.model_validate(wrong.settings), wrong.keyring(tmp_path))
    told = "".join(traceback.format_exception(caught.value))
    assert "check user, password" in told
    assert wrong.password not in told


@pytest.mark.servers
def test_tls_that_the_server_has_not_is_refused(postgres: Database, tmp_path: Path) -> None:
    settings = StoreSettings.model_validate({**postgres.settings, "tls": {"mode": "require"}})
    with pytest.raises((InputError, StoreAway), match="SSL"):
        open_store(settings, postgres.keyring(tmp_path))


@pytest.mark.servers
def test_a_server_is_who_its_certificate_says(tmp_path: Path) -> None:
    """Encrypted to a server signed by the plant's authority; no word to one that is not."""
    ours = make_certificates(tmp_path / "ours", "server", "noria")
    theirs = make_certificates(tmp_path / "theirs", "server")
    files = {n: (ours / n).read_bytes() for n in ("server.pem", "server.key", "ca.pem")}
    options = {
        "ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key",
        "ssl_ca_file": "ca.pem",
    }  # fmt: skip
    with private_postgres(options=options, files=files) as server:
        database = server.database()

        def opened(**tls: str) -> EventStore:
            settings = StoreSettings.model_validate({**database.settings, "tls": tls})
            return open_store(settings, database.keyring(tmp_path))

        own = {"cert": "ours/noria.pem", "key": "ours/noria.key"}
        for wanted in ({"ca": "ours/ca.pem"}, {"ca": "ours/ca.pem", **own}):
            with opened(**wanted) as store:
                store.append("line-1", [ended(1)])
                query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
                with store._engine.connect() as connection:
                    assert connection.exec_driver_sql(query).scalar() is True
        for other in ({"ca": str(theirs / "ca.pem")}, {}, {"ca": "none.pem"}):
            with pytest.raises(InputError, match=r"certificate|root|signature"):
                opened(**other)


@pytest.mark.servers
def test_a_role_that_may_only_read_is_told_so(postgres: Database, tmp_path: Path) -> None:
    settings = StoreSettings.model_validate(postgres.settings)
    with open_store(settings, postgres.keyring(tmp_path)) as store:
        store.append("line-1", [ended(1)])
    with postgres.connect() as connection:
        role = f"reader_{postgres.name}"
        connection.execute(f"create role {role} login password 'r3ad'")
        connection.execute(f"grant select on all tables in schema public to {role}")
    reader = replace(postgres, user=role, password="r3ad")
    settings = StoreSettings.model_validate(reader.settings)
    with open_store(settings, reader.keyring(tmp_path), migrate=False) as store:
        assert len(store.log()) == 1
        assert store.status().events == 1
        with pytest.raises(InputError, match=r"not allowed.*right to write"):
            store.append("line-1", [ended(2)])


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite"
    file.write_text("time;machine;state\n" * 100, encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(InputError, match="damaged, or no event store"):
        open_sqlite(tmp_path)
    assert file.read_bytes() == before


def test_a_damaged_file_is_named_and_the_remedy_told(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        for first in range(0, 20_000, 5000):
            store.append("line-1", [ended(n) for n in range(first, first + 5000)])
    file = tmp_path / "events.sqlite"
    content = bytearray(file.read_bytes())
    content[8192 : len(content) - 8192] = os.urandom(len(content) - 16384)
    file.write_bytes(content)
    with (
        pytest.raises(InputError, match=r"events\.sqlite.*damaged.*restore"),
        open_sqlite(tmp_path) as store,
    ):
        store.log()


@pytest.mark.parametrize("name", ["missing/events.sqlite", "folder"])
def test_a_wrong_path_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"no folder|not a file"):
        open_store(StoreSettings(url=f"sqlite:///{name}"), Keyring({}, tmp_path))


def test_a_database_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as connection:
        connection.execute("create table event (id integer primary key)")
        connection.execute("create table noria_event (id integer primary key)")
        connection.commit()
    with pytest.raises((InputError, RuntimeError), match="noria_event"):
        open_sqlite(tmp_path)
    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        assert {row[0] for row in tables} == {"event", "noria_event"}


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A small disk in memory."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no tiny disk: mounting one needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    with mounted(tmp_path / "tiny", "2m") as folder:
        yield folder


@pytest.mark.servers
def test_a_server_without_room_keeps_what_was_acknowledged(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with mounted(postgres_server.folder / "tiny", "20m") as folder:
        shutil.chown(folder, folder.parent.owner())
        database = postgres_server.database()
        with database.connect() as connection:
            connection.execute(f"create tablespace tiny location '{folder}'")
            connection.execute(f"alter role {database.user} set default_tablespace = tiny")
        settings = StoreSettings.model_validate(database.settings)
        with open_store(settings, database.keyring(tmp_path)) as store:
            fill_and_check(store, 1000)
        postgres_server.kill()


def fill_and_check(store: EventStore, batch_size: int) -> int:
    """Store batches until there is no room; what was acknowledged, and only that, is there."""
    stored = 0

    def fill() -> None:
        nonlocal stored
        for batch in range(1000):
            events = [ended(n) for n in range(batch * batch_size, (batch + 1) * batch_size)]
            store.append("line-1", events, position={"batch": batch})
            stored += batch_size

    with pytest.raises(DiskFull, match=r"no room left.*nothing of this batch"):
        fill()
    assert stored > 0
    assert len(store.log()) == stored == store.status().events
    assert store.position("line-1") == {"batch": stored // batch_size - 1}
    return stored


def test_a_store_that_was_set_back_makes_each_source_begin_again(
    store: EventStore, place: Place
) -> None:
    """A backup restored under a running ingester: going on would leave a hole nobody sees."""
    store.append("line-1", [ended(1), ended(2)], position={"row": 2})
    store.position("line-2")
    place.query("delete from noria_event where sequence = 2")
    place.query("update noria_store set value = 1 where name = 'last_sequence'")
    for source in ("line-1", "line-2"):
        with pytest.raises(InputError, match="the store was set back"):
            store.append(source, [ended(3)], position={"row": 3})
    assert store.position("line-1") == {"row": 2}
    assert store.append("line-1", [ended(2), ended(3)], position={"row": 3}).stored == 2


def test_a_file_put_in_the_place_of_the_store_is_the_store(tmp_path: Path) -> None:
    settings, keyring = StoreSettings(url="sqlite:///events.sqlite"), Keyring({}, tmp_path)
    file, backup = tmp_path / "events.sqlite", tmp_path / "backup.sqlite"
    with open_store(settings, keyring) as store:
        store.append("line-1", [ended(1)], position={"row": 1})
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("vacuum into ?", (str(backup),))
        store.append("line-1", [ended(2)], position={"row": 2})
        for name in ("events.sqlite", "events.sqlite-wal", "events.sqlite-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        with pytest.raises(StoreAway, match="the file is gone"):
            store.append("line-1", [ended(3)], position={"row": 3})
        backup.rename(file)
        with pytest.raises(InputError, match="the store was set back"):
            store.append("line-1", [ended(3)], position={"row": 3})
        assert store.position("line-1") == {"row": 1}
        assert store.append("line-1", [ended(2), ended(3)], position={"row": 3}).stored == 2
    with open_store(settings, keyring) as store:
        assert store.status().events == 3


def test_a_full_disk_keeps_what_was_acknowledged_and_nothing_half(tiny_disk: Path) -> None:
    with open_sqlite(tiny_disk) as store:
        stored = fill_and_check(store, 100)
    with open_sqlite(tiny_disk) as store:
        assert len(store.log()) == stored


def test_a_file_that_may_not_grow_is_full_as_well(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.append("line-1", [ended(1)])
        with store._engine.connect() as connection:
            pages = connection.exec_driver_sql("pragma page_count").scalar()
            connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        with pytest.raises(DiskFull):
            store.append("line-1", [ended(n) for n in range(2, 2000)], position={"row": 2})
        assert len(store.log()) == 1
        assert store.position("line-1") is None


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """As somebody who is not root, for root may write anywhere."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from twin.errors import InputError\n"
        "from twin.secrets import Keyring\n"
        "from twin.store.settings import StoreSettings\n"
        "from twin.store.store import open_store\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "settings = StoreSettings(url='sqlite:///events.sqlite')\n"
        "try: open_store(settings, Keyring({}, Path(sys.argv[1])))\n"
        "except InputError as error: print(error)\n"
    )
    folder = tempfile.mkdtemp()  # reachable by all, other than the test's own
    os.chmod(folder, 0o555)
    try:
        words = [sys.executable, "-c", script, folder]
        done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    finally:
        os.rmdir(folder)
    assert "cannot be written" in done.stdout, done.stderr
    assert "give the user that runs Noria the right" in done.stdout
