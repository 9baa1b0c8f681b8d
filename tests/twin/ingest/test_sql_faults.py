"""Rows committed late, server and ingester killed again and again: the store ends with all rows."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
import yaml

from tests.services.postgres import Database, PostgresServer, private_postgres
from tests.services.processes import Process, wait_until
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

pytestmark = pytest.mark.servers
BEGIN = datetime(2026, 11, 2, 5, tzinfo=UTC)
OVERLAP = 20
"""Rows; far less than rows come late in these tests: open transactions have to be noticed."""


def time_of(number: int) -> datetime:
    return BEGIN + timedelta(seconds=3 * number, microseconds=number)


def unit_of(number: int) -> str:
    return f"PRESS-{number % 7}"


@dataclass
class Session(threading.Thread):
    """A client of the plant's system: writes its rows in transactions that it holds open a while.

    What it cannot be sure of it writes again; the unique number makes that harmless.
    """

    database: Database
    numbers: Sequence[int]
    draw: random.Random
    hold_s: float
    broken: int = 0
    """Transactions that a killed server ended."""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        left = list(self.numbers)
        while left:
            count = self.draw.randint(1, 8)
            try:
                with psycopg.connect(self.database.dsn, connect_timeout=5) as connection:
                    while left:
                        self._write(connection, left[:count])
                        del left[:count]
                        count = self.draw.randint(1, 8)
            except psycopg.Error:
                self.broken += 1
                threading.Event().wait(0.1)

    def _write(self, connection: psycopg.Connection[Any], numbers: Iterable[int]) -> None:
        for n in numbers:
            connection.execute(
                "insert into events (no, machine, ended_at, good) values (%s, %s, %s, %s)"
                " on conflict (no) do nothing",
                (str(n), unit_of(n), time_of(n), n),
            )
        is_long = self.draw.random() < 0.05
        threading.Event().wait(self.draw.uniform(0, 1) * self.hold_s * (20 if is_long else 1))
        connection.commit()


@dataclass
class NaivePoller(threading.Thread):
    """Positive control: asks for ``id > last - overlap`` and looks at nothing else."""

    database: Database
    overlap: int
    seen: set[int] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        last = 0
        while not self.ended.is_set():
            try:
                with self.database.connect(connect_timeout=5) as connection:
                    while not self.ended.wait(0.1):
                        rows = connection.execute(
                            "select id, no from events where id > %s order by id",
                            (last - self.overlap,),
                        ).fetchall()
                        self.seen |= {int(number) for _, number in rows}
                        last = max([last, *(row_id for row_id, _ in rows)])
            except psycopg.Error:
                self.ended.wait(0.1)


class Ingester:
    """``noria ingest`` as a process of its own, which reads the table."""

    def __init__(
        self, folder: Path, database: Database, slot: str = "", *, start: bool = True
    ) -> None:
        self.folder = folder
        self.database = database
        source = {
            "kind": "sql",
            "name": "mes",
            **database.settings,
            "table": "events",
            "changed_by": "id",
            "overlap_rows": OVERLAP,
            "every_s": 0.1,
            "batch": 500,
            "slot": slot,
            "key": ["no"],
            "fields": {
                "time": "ended_at",
                "work_unit": "machine",
                "event": {"value": "end"},
                "quantity": "good",
            },
        }
        config = {"store": "sqlite:///events.sqlite", "sources": [source]}
        path = folder / "ingest.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [sys.executable, "-m", "scenarios.cli", "ingest", str(path)]
        self.process = Process(
            command, folder / "ingest.log", environ=database.environ, start=start
        )

    def sessions(self) -> list[int]:
        """Ports from which the ingester is logged in, as the server knows them."""
        with self.database.connect(connect_timeout=5) as connection:
            rows = connection.execute(
                "select client_port from pg_stat_activity where application_name = 'noria ingest'"
            ).fetchall()
        return [port for (port,) in rows]

    def is_served(self) -> bool:
        """Whether this very process is the one that the server talks to."""
        table = Path(f"/proc/{self.process.pid}/net/tcp").read_text(encoding="ascii")
        columns = [line.split() for line in table.splitlines()[1:]]
        inodes = {int(c[1].partition(":")[2], 16): f"socket:[{c[9]}]" for c in columns}
        handles = {str(h.readlink()) for h in Path(f"/proc/{self.process.pid}/fd").iterdir()}
        return any(inodes.get(port) in handles for port in self.sessions())

    def kill(self) -> int:
        wait_until(self.is_served, 90, "the ingester's login")
        pid = self.process.pid
        self.process.kill()
        wait_until(lambda: not self.sessions(), 30, "the end of its session")
        return pid

    def store(self) -> EventStore:
        settings = StoreSettings(url="sqlite:///events.sqlite")
        return open_store(settings, Keyring({}, self.folder), migrate=False)

    def once(self) -> int:
        """Run ``noria ingest --once`` beside; its exit code."""
        done = Process(
            [*self.process.command, "--once"],
            self.folder / "once.log",
            environ=self.database.environ,
        )
        return done.wait()

    def stored(self) -> int:
        try:
            with self.store() as store:
                return store.status().events
        except Exception:
            return 0


def kill_server(server: PostgresServer, ingester: Ingester) -> int:
    """Kill -9 the server that the ingester is logged in at, and start it again."""
    wait_until(ingester.is_served, 90, "the ingester's login")
    pid = server.process.pid
    server.kill()
    server.start()
    assert server.process.pid != pid
    return pid


def faults(planted: Iterable[int], log: pd.DataFrame) -> list[str]:
    """What distinguishes the store from what was planted: nothing, if all is well."""
    wanted = Counter((unit_of(n), pd.Timestamp(time_of(n)), float(n)) for n in planted)
    found = Counter(log[["work_unit", "time", "quantity"]].itertuples(index=False, name=None))
    missing, more = wanted - found, found - wanted
    return [f"missing: {row}" for row in missing] + [f"too many: {row}" for row in more]


def make_table(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "create table events (id bigserial primary key, no text unique,"
        " machine text, ended_at timestamptz, good numeric)"
    )


def ends_with_the_planted_set(
    folder: Path, *, rows: int, kills: int, seconds: float, hold_s: float, slot: str
) -> Mapping[str, int]:
    numbers = list(range(1, rows + 1))
    with private_postgres() as server:
        database = server.database()
        with database.connect() as connection:
            make_table(connection)
        ingester = Ingester(folder, database, slot)
        with ingester.process:
            wait_until(ingester.is_served, 90, "the ingester's login")
            naive = [NaivePoller(database, overlap) for overlap in (0, OVERLAP)]
            sessions = [
                Session(database, numbers[n::8], random.Random(n), hold_s) for n in range(8)
            ]
            for thread in (*naive, *sessions):
                thread.start()
            pids = set()
            for kill in range(1, 2 * kills + 1):
                enough = rows * kill // (2 * kills + 1)
                wait_until(lambda n=enough: ingester.stored() >= n, seconds, f"{enough} rows")
                if kill % 2:
                    pids.add(kill_server(server, ingester))
                else:
                    pids.add(ingester.kill())
                    ingester.process.start()
            for session in sessions:
                session.join(seconds)
                assert not session.is_alive()
            wait_until(lambda: ingester.stored() >= rows, seconds, "all rows", every=0.3)
            wait_until(ingester.is_served, 90, "the ingester's last login")
            for poller in naive:
                poller.ended.wait(0.5)  # it has had time for what is still to come
                poller.ended.set()
                poller.join(10)
            assert ingester.process.stop() == 0
        with database.connect() as connection:
            count = connection.execute("select count(*) from events").fetchone()
            assert count == (rows,)
    # The faults were real: each kill met another process, transactions broke, rows came late.
    assert len(pids) == 2 * kills
    assert sum(session.broken for session in sessions) > 0
    missed = {f"overlap {poller.overlap}": rows - len(poller.seen) for poller in naive}
    assert missed["overlap 0"] > 0
    assert missed[f"overlap {OVERLAP}"] > 0
    with ingester.store() as store:
        log = store.log().table
        status = store.status()
    assert faults(numbers, log) == []
    assert not status.held
    assert len(faults(numbers, log.iloc[1:])) == 1  # a lost event would be found,
    assert len(faults(numbers, pd.concat([log, log.iloc[:1]]))) == 1  # and one that is twice
    return missed


@pytest.mark.parametrize("slot", ["", "noria"], ids=["polled", "slot"])
def test_killed_once_each_the_store_ends_with_the_planted_rows(tmp_path: Path, slot: str) -> None:
    ends_with_the_planted_set(tmp_path, rows=2000, kills=1, seconds=60, hold_s=0.04, slot=slot)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("slot", ["", "noria"], ids=["polled", "slot"])
def test_killed_five_times_each_the_store_ends_with_the_planted_rows(
    tmp_path: Path, slot: str
) -> None:
    missed = ends_with_the_planted_set(
        tmp_path, rows=20_000, kills=5, seconds=300, hold_s=0.04, slot=slot
    )
    print(f"rows that a poller without regard to open transactions missed: {missed}")


# --- through the real command, without faults ---


def test_names_and_keys_that_look_like_sql_are_stored_as_they_are(
    postgres: Database, tmp_path: Path
) -> None:
    attempts = [
        "'); drop table events; --",
        '" or 1=1 --',
        "$$; select pg_sleep(9); $$",
        "%s %(x)s :name ? \\",
        "../../etc/passwd",
        "Presse \N{SNOWMAN} 1",
    ]
    with postgres.connect() as connection:
        make_table(connection)
        for n, text in enumerate(attempts):
            connection.execute(
                "insert into events (no, machine, ended_at, good) values (%s, %s, %s, %s)",
                (text, text, time_of(n), n),
            )
        ingester = Ingester(tmp_path, postgres, start=False)
        assert ingester.once() == 0
        assert connection.execute("select count(*) from events").fetchone() == (len(attempts),)
    with ingester.store() as store:
        assert list(store.log().table["work_unit"]) == attempts


def test_a_row_changed_later_is_held_and_a_second_reading_stores_nothing_twice(
    postgres: Database, tmp_path: Path
) -> None:
    with postgres.connect() as connection:
        make_table(connection)
        for n in range(5):
            connection.execute(
                "insert into events (no, machine, ended_at, good) values (%s, %s, %s, %s)",
                (str(n), unit_of(n), time_of(n), n),
            )
        ingester = Ingester(tmp_path, postgres, start=False)
        assert ingester.once() == 0
        assert ingester.stored() == 5
        connection.execute("update events set good = 99 where no = '4'")
        assert ingester.once() == 7
        assert ingester.once() in (0, 7)
    assert ingester.stored() == 5
    with ingester.store() as store:
        held = store.quarantine()
    assert len(held) == 1
    assert "other content" in held[0].reason or "another" in held[0].reason
    log = (tmp_path / "once.log").read_text()
    assert postgres.password not in log
