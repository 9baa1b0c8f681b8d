"""A writer, or the server under it, killed with signal 9 while it writes: nothing acknowledged is
lost, nothing is there twice, no batch is there in part."""

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.postgres import Database, PostgresServer, private_postgres
from tests.services.processes import Process, descendants, wait_until
from tests.twin.store.conftest import Place
from tests.twin.store.endless_writer import BATCH, batch
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

CHECKOUT = Path(__file__).resolve().parents[3]


def writer_at(settings: StoreSettings, keyring: Keyring, log: Path) -> Process:
    """The endless writer, not yet started."""
    words = [json.dumps(settings.model_dump(mode="json", exclude_none=True)), keyring.folder]
    return Process(
        [sys.executable, "-m", "tests.twin.store.endless_writer", *map(str, words)],
        log, folder=CHECKOUT, environ=dict(keyring.environ), start=False,
    )  # fmt: skip


def said(writer: Process, word: str) -> list[list[str]]:
    """Lines of the writer with this word, of all its lives; the last line may be cut."""
    lines = [line.split() for line in writer.lines()]
    return [line for line in lines if line[1:2] == [word] and len(line) == 2 + (word != "away")]


def acknowledged(writer: Process) -> int:
    """How many batches were acknowledged; they come in order."""
    return max((int(line[2]) + 1 for line in said(writer, "acknowledged")), default=0)


def faults_of(store: EventStore, batches: int) -> list[str]:
    """What is wrong with a store in which so many batches were acknowledged."""
    table = store.since(0, limit=10**9)[0].table
    found = table["lot"].tolist()
    faults = []
    if len(set(found)) < len(found):
        faults.append(f"{len(found) - len(set(found))} events are there twice")
    if lost := {f"L{n}" for n in range(batches * BATCH)} - set(found):
        faults.append(f"{len(lost)} acknowledged events are lost")
    if len(set(found)) % BATCH:
        faults.append("a batch is there in part")
    if unknown := set(found) - {event.lot for n in range(batches + 1) for event in batch(n)}:
        faults.append(f"{len(unknown)} events were not acknowledged, or never told")
    if table["sequence"].tolist() != list(range(1, len(table) + 1)):
        faults.append("sequence numbers have gaps")
    if store.status().events != len(table):
        faults.append("the count of events is not theirs")
    return faults


def kill_while_writing(writer: Process, store: EventStore, luck: random.Random) -> None:
    """Kill the writer between two batches or in one; certain that it was the one writing."""
    before = acknowledged(writer)
    writer.start()
    wait_until(lambda: acknowledged(writer) > before + 3, 60, f"the writer: {writer.tail(5)}")
    first_look = store.last_sequence()
    wait_until(lambda: store.last_sequence() > first_look, 30, "rows between two looks")
    time.sleep(luck.random() * 0.05)
    assert writer.is_running
    assert said(writer, "acknowledged")[-1][0] == str(writer.pid)
    writer.kill()


def check_kills(place: Place, kills: int, log: Path) -> None:
    luck = random.Random(kills)
    with place.open() as store:
        writer = writer_at(place.settings, place.keyring, log)
        try:
            for _ in range(kills):
                kill_while_writing(writer, store, luck)
                assert faults_of(store, acknowledged(writer)) == []
        finally:
            writer.kill()
        pids = {line[0] for line in said(writer, "acknowledged")}
        assert len(pids) == kills


def test_a_killed_writer_loses_nothing_it_acknowledged(place: Place, tmp_path: Path) -> None:
    check_kills(place, 3, tmp_path / "writer.log")


@pytest.mark.slow
def test_a_writer_killed_twenty_times_loses_nothing(place: Place, tmp_path: Path) -> None:
    check_kills(place, 20, tmp_path / "writer.log")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that syncs every commit, as in a plant."""
    with private_postgres(is_durable=True) as server:
        yield server


def serving_pids(database: Database) -> set[int]:
    """Server processes that hold a connection of the program."""
    query = "select pid from pg_stat_activity where application_name = 'noria'"
    with database.connect() as connection:
        return {row[0] for row in connection.execute(query)}


def check_server_kills(server: PostgresServer, kills: int, tmp_path: Path) -> None:
    database = server.database()
    settings, keyring = StoreSettings.model_validate(database.settings), database.keyring(tmp_path)
    luck = random.Random(kills)
    with (
        open_store(settings, keyring) as store,
        writer_at(settings, keyring, tmp_path / "w.log") as writer,
    ):
        writer.start()
        for _ in range(kills):
            known, away = acknowledged(writer), len(said(writer, "away"))
            wait_until(lambda k=known: acknowledged(writer) > k + 3, 60, "the writer")  # type: ignore[misc]
            time.sleep(luck.random() * 0.05)
            assert serving_pids(database) & {*descendants(server.process.pid)}
            server.kill()
            wait_until(lambda a=away: len(said(writer, "away")) > a, 60, "the writer notices")  # type: ignore[misc]
            server.start()
        known = acknowledged(writer)
        wait_until(lambda: acknowledged(writer) > known, 60, "the writer goes on by itself")
        writer.kill()
        assert len({line[0] for line in said(writer, "acknowledged")}) == 1, (
            "it was never restarted"
        )
        assert faults_of(store, acknowledged(writer)) == []


@pytest.mark.servers
def test_a_killed_server_loses_nothing_it_acknowledged(
    server: PostgresServer, tmp_path: Path
) -> None:
    check_server_kills(server, 2, tmp_path)


@pytest.mark.servers
@pytest.mark.slow
def test_a_server_killed_twenty_times_loses_nothing(server: PostgresServer, tmp_path: Path) -> None:
    check_server_kills(server, 20, tmp_path)


# --- positive controls: what is planted is found ---


def doctored(place: Place, statement: str, batches: int = 3) -> list[str]:
    with place.open() as store:
        for number in range(3):
            store.append("writer", batch(number))
        assert faults_of(store, 3) == []
        place.query(statement)
        return faults_of(store, batches)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("delete from noria_event where lot = 'L77'", "1 acknowledged events are lost"),
        ("delete from noria_event where lot in ('L598', 'L599')", "a batch is there in part"),
        ("update noria_event set lot = 'L76' where lot = 'L77'", "1 events are there twice"),
        ("update noria_event set lot = 'X' where lot = 'L77'", "never told"),
        ("update noria_event set sequence = 9999 where lot = 'L599'", "gaps"),
        ("update noria_seen set events = events + 1", "the count of events"),
    ],
)
def test_a_doctored_store_is_found(place: Place, statement: str, fault: str) -> None:
    assert any(fault in one for one in doctored(place, statement))


def test_an_acknowledged_batch_that_is_not_there_is_found(place: Place) -> None:
    assert any(f"{BATCH} acknowledged" in one for one in doctored(place, "select 1", batches=4))
