"""A replication slot followed, and the lines in which PostgreSQL tells its changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.postgres import Database, private_postgres
from tests.twin.ingest.fake_intake import FakeIntake, receiving
from tests.twin.ingest.test_sql_tables import plant, run_shortly, source_of, table
from twin.errors import InputError
from twin.ingest import sql_tables
from twin.ingest.decoded_changes import read_change, values_of
from twin.ingest.signature import Message, Position
from twin.store.record import Appended

__all__ = ["table"]


class TestLines:
    def test_values_of_every_type_are_those_of_a_query(self) -> None:
        line = (
            """table public.events: INSERT: id[bigint]:7 note[text]:'it''s "7" [a]:b' """
            "good[numeric]:12.50 x[double precision]:1e-05 ok[boolean]:true lot[text]:null "
            "at[timestamp with time zone]:'2026-11-23 05:00:00+00' "
            "at3[timestamp(3) without time zone]:'2026-11-23 06:00:00.5' "
            "bits[bit varying]:B'101' j[jsonb]:'{\"a\": [1]}' raw[bytea]:'\\x00ff'"
        )
        change = read_change(line)
        row = values_of(change, change.cells)
        assert row["id"] == 7
        assert row["note"] == 'it\'s "7" [a]:b'
        assert (row["good"], row["x"], row["ok"], row["lot"]) == (12.5, 1e-05, True, None)
        assert row["at"].isoformat() == "2026-11-23T05:00:00+00:00"
        assert row["at3"].isoformat() == "2026-11-23T06:00:00.500000"
        assert (row["bits"], row["raw"]) == ("101", "0x00ff")

    def test_quoted_names_and_line_ends_are_read(self) -> None:
        line = 'table "My S"."a.b: ""x""": INSERT: "c [d]"[text]:\'one\ntwo\' e["T y"."p"]:\'v\''
        change = read_change(line)
        assert change.table == '"My S"."a.b: ""x"""'
        assert values_of(change, ["c [d]", "e"]) == {"c [d]": "one\ntwo", "e": "v"}

    def test_of_an_update_the_new_row_is_read(self) -> None:
        line = "table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 a[text]:'x'"
        assert values_of(read_change(line), ["id", "a"]) == {"id": 2, "a": "x"}

    @pytest.mark.parametrize(
        "line",
        [
            "table public.t: INSERT: id[integer]:1 a[text]:'x",  # cut off
            "table public.t: INSERT: id[integer]:1 a[text]:'x'y'",
            "table public.t: INSERT: id[integer]:1 a[te",
            "table public.t: INSERT: id[integer]:1 id[integer]:2",
            "table public.t: INSERT: id:1",
            "table public.t: INSERT:",
            "table t: INSERT: id[integer]:1",
            "table public.t: UPDATE: old-key: id[integer]:1",
            "id[integer]:1",
            "",
        ],
    )
    def test_what_does_not_read_to_its_end_is_an_error(self, line: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            read_change(line)

    @pytest.mark.parametrize(
        ("cell", "match"),
        [
            ("a[integer[]]:'{1,2}'", "arrays are not read"),
            ("a[text]:unchanged-toast-datum", "was not told"),
            ("a[integer]:x", "integer is expected"),
            ("a[boolean]:yes", "boolean is expected"),
            ("a[timestamp with time zone]:'yesterday'", "is expected"),
        ],
    )
    def test_values_that_cannot_be_had_are_named(self, cell: str, match: str) -> None:
        change = read_change(f"table public.t: INSERT: id[integer]:1 {cell}")
        assert values_of(change, ["id"]) == {"id": 1}  # a column that is not read does no harm
        with pytest.raises(ValueError, match=match):
            values_of(change, ["id", "a"])


@pytest.fixture
def slot(postgres: Database, table: psycopg.Connection[Any]) -> Iterator[str]:
    """A name for a slot, which is dropped at the end."""
    name = f"noria_{postgres.name}"
    yield name
    for _ in range(50):
        try:
            table.execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                " where slot_name = %s",
                (name,),
            )
        except psycopg.errors.ObjectInUse:
            time.sleep(0.1)
        else:
            return


class StopsItself(FakeIntake):
    """Is stopped after its first batch, and stores to the end, as the real one does."""

    def store(self, messages: Sequence[Message], position: Position | None = None) -> Appended:
        self._stop.clear()
        done = super().store(messages, position)
        self._stop.set()
        return done


def at_slot(database: Database, name: str, **settings: Any) -> Any:
    return source_of(database, slot=name, **settings)


@pytest.mark.servers
class TestSlot:
    def test_rows_there_and_rows_to_come_are_read_with_the_same_values(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        plant(table, 30)
        polled = FakeIntake()
        with receiving(at_slot(postgres, slot, strict=True), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 30)
            intake.wait_for(lambda i: any("bytes behind" in why for _, why in i.connections))
            plant(table, 40, 'it\'s \\ "PRESS" ünit\n2')
            intake.wait_for(lambda i: len(i.messages) == 70)
        with receiving(source_of(postgres, strict=True), postgres.keyring(tmp_path), polled):
            polled.wait_for(lambda i: len(i.messages) == 70)
        assert intake.values == polled.values
        assert [m.raw for m in intake.messages] == [m.raw for m in polled.messages]

    def test_a_restart_gets_what_came_meanwhile_and_nothing_twice(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        source = at_slot(postgres, slot)
        with receiving(source, postgres.keyring(tmp_path)) as first:
            first.wait_for(lambda i: bool(i.connections))
            plant(table, 5)
            first.wait_for(lambda i: len(i.messages) == 5)
        plant(table, 7)
        again = FakeIntake(start_at=first.positions[-1])
        with receiving(source, postgres.keyring(tmp_path), again):
            again.wait_for(lambda i: len(i.messages) == 7)
        assert sum(again.batches) == 7

    def test_changes_not_stored_are_told_again(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        source = at_slot(postgres, slot)
        with receiving(source, postgres.keyring(tmp_path)) as first:
            first.wait_for(lambda i: bool(i.connections))

        class Killed(Exception):
            pass

        plant(table, 5)
        dying = FakeIntake(start_at=first.positions[-1], refuse=lambda messages: Killed())
        with pytest.raises(Killed), receiving(source, postgres.keyring(tmp_path), dying):
            time.sleep(1)
        again = FakeIntake(start_at=first.positions[-1])
        with receiving(source, postgres.keyring(tmp_path), again):
            again.wait_for(lambda i: len(i.messages) == 5)

    def test_a_slot_that_somebody_else_moved_on_loses_nothing(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        source = at_slot(postgres, slot)
        with receiving(source, postgres.keyring(tmp_path)) as first:
            first.wait_for(lambda i: bool(i.connections))
        plant(table, 9)
        table.execute("select count(*) from pg_logical_slot_get_changes(%s, null, null)", (slot,))
        again = FakeIntake(start_at=first.positions[-1])
        with receiving(source, postgres.keyring(tmp_path), again):
            again.wait_for(lambda i: len(i.messages) == 9)

    def test_a_slot_that_was_dropped_is_made_again_and_nothing_is_lost(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        source = at_slot(postgres, slot)
        with receiving(source, postgres.keyring(tmp_path)) as first:
            first.wait_for(lambda i: bool(i.connections))
        table.execute("select pg_drop_replication_slot(%s)", (slot,))
        plant(table, 9)
        again = FakeIntake(start_at=first.positions[-1])
        with receiving(source, postgres.keyring(tmp_path), again):
            again.wait_for(lambda i: len(i.messages) == 9)

    def test_a_stop_within_the_first_pass_leaves_the_rest_to_the_next_run(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        plant(table, 1000)
        source = at_slot(postgres, slot, batch=100)
        first = StopsItself()
        with receiving(source, postgres.keyring(tmp_path), first):
            first.wait_for(lambda i: i.is_stopped)
            time.sleep(0.3)
        assert 0 < len(first.messages) < 1000
        plant(table, 7)
        again = FakeIntake(start_at=first.positions[-1])
        with receiving(source, postgres.keyring(tmp_path), again):
            again.wait_for(lambda i: any("bytes behind" in why for _, why in i.connections))
            again.wait_for(lambda i: any(row["id"] == 1007 for row in i.values))
        ids = [row["id"] for row in (*first.values, *again.values)]
        assert {*ids} == set(range(1, 1008))

    def test_a_gap_is_filled_also_while_a_transaction_is_open(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        source = at_slot(postgres, slot, overlap_rows=0)
        with receiving(source, postgres.keyring(tmp_path)) as first:
            first.wait_for(lambda i: bool(i.connections))
            with postgres.connect() as late:
                late.autocommit = False
                plant(late, 1, "LATE")
                plant(table, 5)
                first.wait_for(lambda i: len(i.messages) == 5)
                first.stop()
                late.commit()
        table.execute("select count(*) from pg_logical_slot_get_changes(%s, null, null)", (slot,))
        table.execute("create table other (x int)")
        with postgres.connect() as busy:
            busy.autocommit = False
            busy.execute("insert into other values (1)")
            again = FakeIntake(start_at=first.positions[-1])
            with receiving(source, postgres.keyring(tmp_path), again):
                again.wait_for(lambda i: any(row["machine"] == "LATE" for row in i.values))

    def test_a_large_transaction_is_stored_in_batches(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        with receiving(at_slot(postgres, slot, batch=100), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            plant(table, 1050)
            intake.wait_for(lambda i: len(i.messages) == 1050)
        assert max(intake.batches) == 100

    def test_other_tables_deletes_and_truncates_are_passed_over(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        table.execute("create table events2 (like events including all)")
        with receiving(at_slot(postgres, slot), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            plant(table, 3)
            table.execute("insert into events2 select * from events")
            table.execute("delete from events where id = 1")
            table.execute("truncate events2")
            plant(table, 1, "LAST")
            intake.wait_for(lambda i: any(row["machine"] == "LAST" for row in i.values))
        assert len(intake.messages) == 4

    def test_rows_of_partitions_made_later_are_read(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        table.execute("drop table events")
        table.execute(
            "create table events (id bigserial, ended_at timestamptz, machine text, good numeric)"
            " partition by list (machine)"
        )
        table.execute("create table \"Press 1\" partition of events for values in ('PRESS-1')")
        with receiving(at_slot(postgres, slot), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            plant(table, 3)
            table.execute("create table p2 partition of events for values in ('PRESS-2')")
            plant(table, 4, "PRESS-2")
            intake.wait_for(lambda i: len(i.messages) == 7)

    def test_much_of_others_moves_the_slot_on(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        table.execute("create table other (text text)")
        with receiving(at_slot(postgres, slot), postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            before = confirmed(table, slot)
            table.execute("insert into other select repeat('x', 1000) from generate_series(1,5000)")
            end = time.monotonic() + 8
            while confirmed(table, slot) == before and time.monotonic() < end:
                time.sleep(0.05)
        assert confirmed(table, slot) != before

    def test_a_slot_of_another_kind_is_refused(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        table.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
        with pytest.raises(InputError, match="another database or plug-in"):
            run_shortly(at_slot(postgres, slot), postgres.keyring(tmp_path))

    def test_a_view_is_polled_with_a_word(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        plant(table, 3)
        table.execute("create view v as select * from events")
        source = at_slot(postgres, slot, table="v")
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 3)
        assert "v is no table, a slot needs one; the table is polled" in intake.troubles[0][1]

    def test_without_the_right_to_replicate_the_table_is_polled_with_a_word(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        plant(table, 3)
        name = f"poor_{postgres.name}"
        table.execute(f"create role {name} login password 'sesame-9041'")
        table.execute(f"grant select on events to {name}")
        poor = Database(postgres.port, postgres.name, name, "sesame-9041")
        with receiving(at_slot(poor, slot), poor.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 3)
        assert "may not replicate (ALTER ROLE … REPLICATION)" in intake.troubles[0][1]

    def test_select_and_replication_are_enough(
        self, postgres: Database, table: psycopg.Connection[Any], slot: str, tmp_path: Path
    ) -> None:
        name = f"enough_{postgres.name}"
        table.execute(f"create role {name} login replication password 'sesame-9041'")
        table.execute(f"grant select on events to {name}")
        reader = Database(postgres.port, postgres.name, name, "sesame-9041")
        with receiving(at_slot(reader, slot), reader.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            plant(table, 3)
            intake.wait_for(lambda i: len(i.messages) == 3)
        assert "bytes behind" in intake.connections[0][1]


@pytest.mark.servers
def test_a_slot_that_could_not_be_had_is_tried_again(
    postgres: Database,
    table: psycopg.Connection[Any],
    slot: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sql_tables, "SLOT_AGAIN_S", 0.3)
    with postgres.connect() as other:
        other.autocommit = False
        plant(other, 1)  # an open transaction: a slot cannot begin before its end
        source = at_slot(postgres, slot, timeout_s=0.5)
        with receiving(source, postgres.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: bool(i.connections))
            assert "it cannot be made" in intake.troubles[0][1]
            assert "the table is polled" in intake.troubles[0][1]
            plant(table, 1)
            intake.wait_for(lambda i: len(i.messages) == 1)
            other.commit()
            intake.wait_for(lambda i: any("bytes behind" in why for _, why in i.connections))
            intake.wait_for(lambda i: len(i.messages) == 2)
            assert (f"slot {slot}", "", 0) in intake.troubles


@pytest.mark.servers
def test_where_the_server_keeps_too_little_the_table_is_polled_with_a_word(tmp_path: Path) -> None:
    with private_postgres(options={"wal_level": "replica"}) as server:
        database = server.database()
        with database.connect() as connection:
            connection.execute(
                "create table events (id bigserial primary key, ended_at timestamptz,"
                " machine text, good numeric)"
            )
            plant(connection, 3)
        with receiving(at_slot(database, "noria"), database.keyring(tmp_path)) as intake:
            intake.wait_for(lambda i: len(i.messages) == 3)
        assert "wal_level is replica, logical is needed" in intake.troubles[0][1]


@pytest.mark.servers
def test_a_lost_slot_is_named_and_the_table_polled_without_loss(tmp_path: Path) -> None:
    options = {"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "wal_segment_size": "1MB"}
    options.pop("wal_segment_size")  # fixed when the cluster is made
    with private_postgres(options=options) as server:
        database = server.database()
        with database.connect() as connection:
            connection.execute(
                "create table events (id bigserial primary key, ended_at timestamptz,"
                " machine text, good numeric)"
            )
            source = at_slot(database, "noria")
            with receiving(source, database.keyring(tmp_path)) as first:
                first.wait_for(lambda i: bool(i.connections))
            plant(connection, 4)
            connection.execute("create table other (text text)")
            for _ in range(4):
                connection.execute("select pg_switch_wal()")
                connection.execute("insert into other values ('x')")
            connection.execute("checkpoint")
            status = connection.execute("select wal_status from pg_replication_slots").fetchone()
            assert status == ("lost",)
            again = FakeIntake(start_at=first.positions[-1])
            with receiving(source, database.keyring(tmp_path), again):
                again.wait_for(lambda i: len(i.messages) == 4)
            assert "wal_status lost" in again.troubles[0][1]
            assert "pg_drop_replication_slot('noria')" in again.troubles[0][1]


def confirmed(connection: psycopg.Connection[Any], slot: str) -> str:
    row = connection.execute(
        "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s", (slot,)
    ).fetchone()
    assert row
    return str(row[0])
