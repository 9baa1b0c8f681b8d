"""Tables and views polled: what is read, in which rights, and what is refused."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
import yaml
from pydantic import ValidationError

from tests.services.certificates import make_certificates
from tests.services.postgres import Database, private_postgres
from tests.twin.ingest.fake_intake import FakeIntake, receiving, started
from twin.errors import InputError
from twin.ingest import sql_passes, sql_tables
from twin.ingest.sql_connection import reading_connection, reading_engine
from twin.ingest.sql_tables import SqlSource
from twin.secrets import Keyring

FIELDS: dict[str, Any] = {
    "time": "ended_at",
    "work_unit": "machine",
    "event": {"value": "end"},
    "quantity": "good",
}
PASSWORD = {"env": "NORIA_TEST_PASSWORD"}


def run_shortly(source: SqlSource, keyring: Keyring) -> None:
    """Run a source that is expected to raise; one that does not is stopped."""
    intake = FakeIntake()
    thread, errors = started(source, keyring, intake)
    thread.join(5)
    intake.stop()
    thread.join(2)
    if errors:
        raise errors[0]


def source_of(database: Database, **settings: Any) -> SqlSource:
    return SqlSource.model_validate(
        {
            "name": "mes",
            "url": database.url,
            "password": PASSWORD,
            "table": "events",
            "changed_by": "id",
            "key": ["id"],
            "fields": FIELDS,
            "every_s": 0.05,
            **settings,
        }
    )


@pytest.fixture
def table(postgres: Database) -> Iterator[psycopg.Connection[Any]]:
    """A table ``events`` in a database of its own, and a connection that may write to it."""
    with postgres.connect() as connection:
        connection.execute(
            "create table events (id bigserial primary key, ended_at timestamptz, machine text,"
            " good numeric, note text, updated_at timestamptz default clock_timestamp())"
        )
        yield connection


def plant(connection: psycopg.Connection[Any], count: int, machine: str = "PRESS-1") -> None:
    connection.execute(
        "insert into events (ended_at, machine, good)"
        " select timestamptz '2026-11-23 05:00Z' + n * interval '1 s', %s, n"
        " from generate_series(1, %s) n",
        (machine, count),
    )


@pytest.mark.servers
class TestReading:
    def test_rows_there_and_rows_to_come_are_read(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 2500)
        source = source_of(postgres, batch=1000)
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 2500)
            plant(table, 10)
            intake.wait_for(lambda i: len(i.messages) == 2510)
        assert max(intake.batches) == 1000
        assert [row["id"] for row in intake.values] == list(range(1, 2511))
        assert intake.values[0]["ended_at"].isoformat() == "2026-11-23T05:00:01+00:00"
        assert set(intake.values[0]) == {"id", "ended_at", "machine", "good"}

    def test_a_restart_goes_on_where_the_last_run_ended(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 3000)
        source = source_of(postgres, overlap_rows=100)
        with receiving(source, postgres.keyring(tmp_path)) as first:
            first.wait_for(lambda i: len(i.messages) == 3000)
        plant(table, 5)
        again = FakeIntake(start_at=first.positions[-1])
        with receiving(source, postgres.keyring(tmp_path), again):
            again.wait_for(lambda i: any(row["id"] == 3005 for row in i.values))
        # The second pass of a new server's table reads it anew; a long-lived one the overlap.
        assert {row["id"] for row in again.values} >= set(range(3001, 3006))

    def test_another_table_or_server_under_the_same_name_begins_anew(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 5)
        source = source_of(postgres)
        progress = {"last": 99, "finished": None, "marks": []}
        for other in ("events by id", source.identity.replace("127.0.0.1", "old-server")):
            before = FakeIntake(start_at={"of": other, "progress": progress})
            with receiving(source, postgres.keyring(tmp_path), before) as intake:
                intake.wait_for(lambda i: len(i.messages) == 5)

    def test_rows_in_the_overlap_are_handed_on_once_in_a_run(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 50)
        with receiving(source_of(postgres), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 50)
            for _ in range(3):
                plant(table, 1)
                intake.wait_for(lambda i: i.values[-1]["id"] == table_count(table))
        assert sum(intake.batches) == 53

    def test_from_leaves_out_what_was_before(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 20)
        source = source_of(postgres, **{"from": 11})
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 10)
        assert [row["id"] for row in intake.values] == list(range(11, 21))

    def test_more_rows_of_one_time_than_a_batch_are_all_read(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 300)
        table.execute("update events set updated_at = timestamptz '2026-11-23 06:00Z'")
        source = source_of(postgres, changed_by="updated_at", batch=7)
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 300)

    def test_a_changed_row_is_met_again_by_its_time(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 3)
        source = source_of(postgres, changed_by="updated_at", key=["id", "updated_at"])
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 3)
            table.execute("update events set good = 99, updated_at = clock_timestamp() where id=2")
            intake.wait_for(lambda i: len(i.messages) == 4)
        assert intake.values[-1]["good"] == 99

    @pytest.mark.parametrize("changed_by", ["id", "updated_at"])
    def test_a_row_committed_long_after_later_ones_is_read(
        self,
        postgres: Database,
        table: psycopg.Connection[Any],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        changed_by: str,
    ) -> None:
        monkeypatch.setattr(sql_passes, "LONG_OPEN_S", 0.3)
        source = source_of(postgres, changed_by=changed_by, overlap_rows=0, overlap=0)
        with (
            postgres.connect() as late,
            receiving(source, postgres.keyring(tmp_path)) as intake,
        ):
            plant(table, 3)
            intake.wait_for(lambda i: len(i.messages) == 3)
            late.autocommit = False
            plant(late, 1, "LATE")
            for n in range(4, 10):
                plant(table, 1)
                intake.wait_for(lambda i, n=n: len(i.messages) == n)
            intake.wait_for(lambda i: any("one is open" in text for _, text, _ in i.troubles))
            late.commit()
            intake.wait_for(lambda i: any(row["machine"] == "LATE" for row in i.values))
            intake.wait_for(lambda i: i.troubles[-1] == ("open transactions", "", 0))
        assert [row["id"] for row in intake.values] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 4]

    def test_rows_without_the_column_are_counted_and_named(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 3)
        table.execute("update events set updated_at = null where id = 1")
        table.execute("update events set updated_at = 'infinity' where id = 2")
        source = source_of(postgres, changed_by="updated_at")
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
        about, text, _ = intake.troubles[0]
        assert (about, text) == (
            "events.updated_at",
            "2 rows have no updated_at and are not read",
        )

    def test_an_infinite_time_holds_up_its_own_row_alone(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 3)
        table.execute("update events set ended_at = 'infinity' where id = 2")
        with receiving(source_of(postgres), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 3)
        assert intake.values[1]["ended_at"] == "infinity"

    def test_a_table_that_was_emptied_and_begins_anew_is_read_again(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 2000)
        source = source_of(postgres, overlap_rows=10)
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 2000)
            table.execute("truncate events restart identity")
            plant(table, 5, "PRESS-2")
            intake.wait_for(
                lambda i: any("went back from 2000 to 5" in text for _, text, _ in i.troubles)
            )

    def test_values_reach_the_mapping_as_plain_values(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        table.execute(
            "create table odd (id int, u uuid, b bytea, j jsonb, d date, n numeric, f float8,"
            " t timestamp, l text[])"
        )
        table.execute(
            "insert into odd values (1, '12345678-1234-5678-1234-567812345678', '\\x00ff',"
            " '{\"a\": {\"b\": 1.5}}', '2026-11-23', 12.50, 'NaN', '2026-11-23 06:00', null)"
        )
        source = source_of(postgres, table="odd", fields={}, key=[], strict=True)
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
        row = intake.values[0]
        assert row["u"] == "12345678-1234-5678-1234-567812345678"
        assert (row["b"], row["d"], row["n"], row["f"]) == ("0x00ff", "2026-11-23", 12.5, "nan")
        assert row["j"] == {"a": {"b": 1.5}}
        assert row["t"].tzinfo is None


@pytest.mark.servers
def test_what_is_remembered_of_a_long_table_stays_small(
    postgres: Database,
    table: psycopg.Connection[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sql_passes, "REMEMBERED_ROWS", 500)
    plant(table, 5000)
    intake = FakeIntake()
    source = source_of(postgres, batch=300)
    follower = sql_passes.TableFollower.of(source, intake)
    engine = reading_engine(postgres.url, postgres.password, None, tmp_path)
    with reading_connection(engine, intake) as connection:
        with connection.begin():
            reading = source.reading(connection)
        follower.pass_through(connection, reading)
    assert len(intake.messages) == 5000
    assert len(follower._handed) == 500


def table_count(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("select count(*) from events").fetchone()
    assert row
    return int(row[0])


@pytest.mark.servers
class TestRights:
    @pytest.fixture
    def reader(self, postgres: Database, table: psycopg.Connection[Any]) -> Database:
        """A role that may log in and nothing else."""
        name = f"reader_{postgres.name}"
        table.execute(f"create role {name} login password 'sesame-9041'")
        return Database(postgres.port, postgres.name, name, "sesame-9041")

    def test_select_on_a_view_is_enough(
        self, reader: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 5)
        table.execute("create schema shop")
        table.execute(
            "create view shop.for_noria as select id, ended_at, machine, good from events"
        )
        table.execute(f"grant usage on schema shop to {reader.user}")
        table.execute(f"grant select on shop.for_noria to {reader.user}")
        source = source_of(reader, table="shop.for_noria")
        with receiving(source, reader.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 5)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.connect().execute("select * from events")

    def test_select_on_the_columns_read_is_enough(
        self, reader: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        plant(table, 5)
        table.execute(f"grant select (id, ended_at, machine, good) on events to {reader.user}")
        with receiving(source_of(reader), reader.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 5)

    def test_without_the_right_the_message_names_what_to_grant(
        self, reader: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        with pytest.raises(InputError, match="GRANT SELECT ON events to this account"):
            run_shortly(source_of(reader), reader.keyring(tmp_path))
        with pytest.raises(InputError, match="GRANT SELECT ON events"):
            list(source_of(reader).check(reader.keyring(tmp_path)))

    def test_the_connection_cannot_write(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        engine = reading_engine(postgres.url, postgres.password, None, tmp_path)
        with (
            reading_connection(engine, FakeIntake()) as connection,
            pytest.raises(sqlalchemy.exc.DBAPIError, match="read-only"),
        ):
            connection.exec_driver_sql("delete from events")

    def test_a_wrong_password_is_tried_again_and_never_shown(
        self, reader: Database, tmp_path: Path
    ) -> None:
        wrong = Database(reader.port, reader.name, reader.user, "not-sesame-77")
        with receiving(source_of(wrong), wrong.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.connections) >= 2)
        assert all(not is_connected for is_connected, _ in intake.connections)
        assert "authentication failed" in intake.connections[0][1]
        assert "sesame" not in str(intake.connections)


@pytest.mark.servers
class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "name",
        [
            "events; drop table events",
            'events" where 1=1; drop table events; --',
            "events--",
            "pg_sleep(5)",
            "(select 1) x",
            "public.events; drop table events",
            "events\0",
        ],
    )
    def test_a_table_name_is_a_name_and_no_sql(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path, name: str
    ) -> None:
        with pytest.raises((InputError, ValidationError)):
            run_shortly(source_of(postgres, table=name), postgres.keyring(tmp_path))
        assert table_count(table) == 0

    def test_every_wrong_column_is_named_at_once(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        fields = {**FIELDS, "quantity": "goood", "reason": '1"; drop table events; --'}
        with pytest.raises(InputError) as caught:
            run_shortly(source_of(postgres, fields=fields, key=["nr"]), postgres.keyring(tmp_path))
        text = str(caught.value)
        assert 'fields.quantity: table events has no column "goood"; did you mean "good"?' in text
        assert 'no column "nr"' in text
        assert "drop table" in text  # as a name that is not there
        assert table_count(table) == 0

    def test_names_and_values_like_sql_are_read_as_they_are(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        table.execute('create table "Odd; drop table events" ("a""b" int, "select" text)')
        table.execute("""insert into "Odd; drop table events" values (1, 'x''; drop table y')""")
        source = source_of(
            postgres,
            table="Odd; drop table events",
            changed_by='a"b',
            key=["select"],
            fields={"work_unit": "select"},
        )
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
        assert intake.values == [{'a"b': 1, "select": "x'; drop table y"}]

    def test_a_column_of_text_cannot_carry_the_order(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        with pytest.raises(InputError, match="note has type TEXT; a whole number or a time"):
            run_shortly(source_of(postgres, changed_by="note"), postgres.keyring(tmp_path))

    def test_times_without_zone_need_an_overlap_longer_than_the_hour_that_comes_twice(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        table.execute("alter table events alter updated_at type timestamp")
        source = source_of(postgres, changed_by="updated_at", timezone="Africa/Casablanca")
        with pytest.raises(InputError, match="repeats an hour when clocks go back"):
            run_shortly(source, postgres.keyring(tmp_path))
        longer = source_of(
            postgres, changed_by="updated_at", timezone="Africa/Casablanca", overlap="70 min"
        )
        assert list(longer.check(postgres.keyring(tmp_path)))

    def test_from_has_to_be_of_the_columns_kind(
        self, postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        source = source_of(postgres, **{"from": "2026-11-23T05:00:00Z"})
        with pytest.raises(InputError, match="id is a whole number, as from has to be"):
            run_shortly(source, postgres.keyring(tmp_path))

    @pytest.mark.parametrize(
        ("url", "match"),
        [
            ("postgresql://me:secret-5@host/db", "a password does not stand in an address"),
            ("mes-server", "this is no address"),
            ("postgresql://me@host/db?sslmode=disable", "TLS goes under tls"),
        ],
    )
    def test_addresses(self, url: str, match: str) -> None:
        with pytest.raises(ValidationError, match=match):
            SqlSource(name="x", url=url, table="t", changed_by="id")

    def test_a_driver_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        source = SqlSource(name="x", url="oracle://me@host/db", table="t", changed_by="id")
        with pytest.raises(InputError, match="install the driver"):
            list(source.check(Keyring({}, tmp_path)))


class TestSqlite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        import sqlite3

        path = tmp_path / "mes.sqlite"
        with sqlite3.connect(path) as connection:
            connection.execute("create table events (id integer primary key, machine text)")
            rows = [(f"PRESS-{i % 3}",) for i in range(20)]
            connection.executemany("insert into events (machine) values (?)", rows)
        connection.close()
        return path

    def test_a_file_is_read_and_never_written(self, file: Path) -> None:
        before = file.read_bytes()
        source = SqlSource.model_validate(
            {
                "name": "mes",
                "url": "sqlite:///mes.sqlite",
                "table": "events",
                "changed_by": "id",
                "fields": {"work_unit": "machine"},
                "every_s": 0.05,
            }
        )
        with receiving(source, Keyring({}, file.parent)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 20)
        assert [m.key for m in intake.messages[:2]] == ["1", "2"]  # the primary key
        assert file.read_bytes() == before

    def test_a_missing_file_is_not_made(self, tmp_path: Path) -> None:
        source = SqlSource(name="x", url="sqlite:///no.sqlite", table="t", changed_by="id")
        with pytest.raises(InputError, match="no such file"):
            run_shortly(source, Keyring({}, tmp_path))
        assert list(tmp_path.iterdir()) == []


@pytest.mark.servers
def test_a_long_query_ends_within_two_seconds_of_the_stop(
    postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
) -> None:
    table.execute("create view slow as select id, machine, pg_sleep(20)::text as s from events")
    plant(table, 2)
    source = source_of(postgres, table="slow", fields={"work_unit": "machine", "reason": "s"})
    with receiving(source, postgres.keyring(tmp_path)) as intake:
        intake.wait_for(lambda i: bool(i.connections))


@pytest.mark.servers
def test_a_query_over_its_time_is_said_with_its_remedy(
    postgres: Database, table: psycopg.Connection[Any], tmp_path: Path
) -> None:
    table.execute("create view slow as select id, machine, pg_sleep(20)::text as s from events")
    plant(table, 2)
    fields = {"work_unit": "machine", "reason": "s"}
    source = source_of(postgres, table="slow", fields=fields, timeout_s=0.3)
    with receiving(source, postgres.keyring(tmp_path)) as intake:
        intake.wait_for(lambda i: any("index on id" in why for _, why in i.connections))


# --- encryption ---


@pytest.mark.servers
class TestTls:
    @pytest.fixture
    def encrypted(self) -> Iterator[tuple[Database, Path]]:
        """A server that takes encrypted connections alone, and the folder of certificates."""
        with tempfile.TemporaryDirectory() as name:
            folder = make_certificates(Path(name), "server")
            make_certificates(folder / "other")
            folder.chmod(0o755)
            if os.geteuid() == 0:
                shutil.chown(folder / "server.key", "postgres")
            options = {
                "ssl": "on",
                "ssl_cert_file": str(folder / "server.pem"),
                "ssl_key_file": str(folder / "server.key"),
            }
            with private_postgres(options=options) as server:
                database = server.database()
                with database.connect() as connection:
                    connection.execute("create table events (id int, machine text)")
                    connection.execute("insert into events values (1, 'PRESS-1')")
                yield database, folder

    def source(self, database: Database, **tls: str) -> SqlSource:
        return source_of(database, fields={"work_unit": "machine"}, tls=tls)

    def test_a_server_whose_certificate_is_trusted_is_read_and_another_is_not(
        self, encrypted: tuple[Database, Path], tmp_path: Path
    ) -> None:
        database, folder = encrypted
        good = self.source(database, ca=str(folder / "ca.pem"))
        with receiving(good, database.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 1)
            with database.connect() as connection:
                served = connection.execute(
                    "select ssl from pg_stat_ssl join pg_stat_activity using (pid)"
                    " where application_name = 'noria ingest'"
                ).fetchall()
        assert served == [(True,)]
        wrong = self.source(database, ca=str(folder / "other" / "ca.pem"))
        with receiving(wrong, database.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
        assert "SSL error" in intake.connections[0][1]
        assert not intake.messages


def test_the_example_in_the_documentation_is_read() -> None:
    text = (sql_tables.__doc__ or "").split("::\n\n")[1].split("\n\n")[0]
    assert SqlSource.model_validate(yaml.safe_load(text)[0])
