"""PostgreSQL tells its changes itself, in the order of their commits: no row can come late.

A logical replication slot keeps for us what has been committed since we last said how far we are.
We look at the next changes (peek), store them, and only then move the slot on (advance): killed in
between, we get them once more, and the store knows them by their key. What was in the table before
the slot was made is read by one pass.

What it takes, beside the rights of :mod:`twin.ingest.sql_tables`: PostgreSQL 13 or later, with
``wal_level = logical`` and
``max_replication_slots`` above the slots in use (postgresql.conf), the plug-in ``test_decoding``
(package postgresql-contrib) and ``ALTER ROLE noria_reader REPLICATION``. Such a role can read every
change of the whole database: where that is too much, poll a view. Where something is missing the
table is polled, and it is said why.

A slot that nobody moves on makes the server keep its log until the disk is full. Who no longer
needs it: ``SELECT pg_drop_replication_slot('NAME')``; and ``max_slot_wal_keep_size`` limits it, at
the price of the slot. A slot lost in that way is named, and the table is polled meanwhile.

Deleted and emptied rows stay in the store; a row changed later is held, "same key, other content".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.errors import Fault, InputError
from twin.ingest.decoded_changes import read_change, values_of
from twin.ingest.signature import Message, Waits
from twin.ingest.sql_connection import limit_time, state_of, words_of
from twin.ingest.sql_passes import TableFollower
from twin.ingest.sql_reading import Reading

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLUGIN = "test_decoding"
FILLING = "filling "
"""Before the place of a slot: what was in the table until then is not read to its end yet."""
BEHIND = 64 << 20
"""A slot so far behind is named [bytes]: the server keeps its log for us."""
MOVED = 1 << 20
"""Others' changes after which the slot is moved on although nothing is ours [bytes]."""


def follow_slot(
    slot: str, follower: TableFollower, connection: Connection, reading: Reading, waits: Waits
) -> None:
    """Follow the slot until the supervisor stops; where it cannot be, say why and return at once.

    Raises
    ------
    InputError
        When the slot belongs to another database or plug-in.
    """
    follows = _Slot(slot, follower, connection, reading)
    reason = follows.obstacle() or follows.made()
    follower.intake.trouble(f"slot {slot}", f"{reason}; the table is polled" if reason else "")
    if reason:
        follower.slot = {}
        return
    if follows.has_gap():
        follower.pass_through(connection, reading, must_be_full=True)
        if follower.progress.under_way:
            return  # stopped within the pass, which goes on at the next start
        follows.note(follows.confirmed())
        follower.store([])
    follower.intake.connected(True, f"slot {slot}, {follows.behind():,} bytes behind")
    while not follower.intake.is_stopped:
        is_more = follows.take()
        waits.reset()
        if not is_more:
            follower.intake.wait(follower.source.every_s)


@dataclass
class _Slot:
    name: str
    follower: TableFollower
    connection: Connection
    reading: Reading
    _known: list[str] = field(default_factory=list)
    """The table and its partitions, as they stand in the lines."""

    def obstacle(self) -> str:
        """Why there can be no slot; empty where there can."""
        if self.connection.dialect.name != "postgresql":
            return "only PostgreSQL has slots"
        facts = self._one(
            "select pg_is_in_recovery(), current_setting('wal_level'), rolreplication or rolsuper"
            " from pg_roles where rolname = current_user"
        )
        if facts[0]:
            return "the server is a standby"
        if facts[1] != "logical":
            return f"wal_level is {facts[1]}, logical is needed"
        if not facts[2]:
            return "this account may not replicate (ALTER ROLE … REPLICATION)"
        self._look_for_tables()
        return "" if self._known else f"{self.reading.shown} is no table, a slot needs one"

    def made(self) -> str:
        """Make the slot if it is missing; why it cannot be used, or nothing."""
        from sqlalchemy.exc import DBAPIError

        found = self._rows(
            "select plugin, database = current_database(), wal_status = 'lost'"
            " from pg_replication_slots where slot_name = %s",
            self.name,
        )
        if not found:
            try:
                self._one("select pg_create_logical_replication_slot(%s, %s)", self.name, PLUGIN)
            except DBAPIError as error:
                if not state_of(error) or error.connection_invalidated:
                    raise
                return f"it cannot be made ({words_of(error)})"
            self.follower.slot = {}
            return ""
        plugin, is_ours, is_lost = found[0]
        if plugin != PLUGIN or not is_ours:
            fault = f"it belongs to another database or plug-in ({plugin})"
            remedy = "name another slot"
            raise InputError(
                f"source {self.follower.source.name}",
                [Fault("slot", f"{self.name}: {fault}", remedy)],
            )
        if is_lost:
            drop = f"SELECT pg_drop_replication_slot('{self.name}')"
            lost = "the server has thrown away what it kept (wal_status lost)"
            return f"{lost}: {drop}, and it is made again"
        return ""

    def has_gap(self) -> bool:
        """Whether changes may have passed that we did not get: the slot is new, or was moved.

        A pass that began after the gap fills it; one that was under way before does not.
        """
        noted = self.follower.slot.get(self.name, "")
        is_filling = noted.startswith(FILLING)
        confirmed = self.confirmed()
        if noted and not self._is_beyond(confirmed, noted.removeprefix(FILLING)):
            return is_filling
        self.follower.progress = self.follower.progress.without_pass()
        self.note(FILLING + confirmed)
        return True

    def _is_beyond(self, one: str, other: str) -> bool:
        return bool(self._one("select %s::pg_lsn > %s::pg_lsn", one, other)[0])

    def take(self) -> bool:
        """Store the next changes and move the slot on; whether there may be more at once."""
        flushed = self._one("select pg_current_wal_flush_lsn()::text")[0]
        self._look_for_tables()  # there may be a new partition
        done, count, messages = "", 0, []
        most = self.follower.source.batch
        for lsn, line in self._peek(flushed, most):
            count += 1
            if line.startswith("COMMIT"):
                done = lsn
            elif message := self._message(line):
                messages.append(message)
            if len(messages) >= most:
                self.follower.store(messages)
                messages = []
        if done:
            self.note(done)
        elif self.behind() < MOVED:
            return False
        else:
            self.note(flushed)  # everything up to there was somebody else's
        self.follower.store(messages)
        self._one(
            "select pg_replication_slot_advance(%s, %s::pg_lsn)::text", self.name, done or flushed
        )
        self._warn()
        return count >= most

    def note(self, lsn: str) -> None:
        self.follower.slot = {self.name: lsn}

    def confirmed(self) -> str:
        return str(
            self._one(
                "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s",
                self.name,
            )[0]
        )

    def behind(self) -> int:
        """What the server keeps for us [bytes]."""
        return int(
            self._one(
                "select pg_current_wal_lsn() - confirmed_flush_lsn from pg_replication_slots"
                " where slot_name = %s",
                self.name,
            )[0]
        )

    def _warn(self) -> None:
        behind = self.behind()
        text = (
            f"{behind:,} bytes behind; the server keeps them on its disk" if behind > BEHIND else ""
        )
        self.follower.intake.trouble(f"slot {self.name}", text)

    def _peek(self, flushed: str, most: int) -> Iterator[tuple[str, str]]:
        import sqlalchemy as sql

        asked = sql.text(
            "select lsn::text, data from pg_logical_slot_peek_changes"
            "(:slot, cast(:flushed as pg_lsn), :most, 'include-xids', '0', 'skip-empty-xacts', '1')"
        ).execution_options(yield_per=most)
        with self.connection.begin():
            self._prepare()
            values = {"slot": self.name, "flushed": flushed, "most": most}
            yield from ((row[0], row[1]) for row in self.connection.execute(asked, values))

    def _message(self, line: str) -> Message | None:
        """The row that a line tells, if it is one of our table; refused if it cannot be read."""
        if not line.startswith(self._prefixes):
            return None
        try:
            row = values_of(read_change(line), self.reading.columns)
        except ValueError as error:
            return Message({}, line, f"slot {self.name}", refused=str(error))
        return self.reading.message(row, self.follower.source)

    @property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(
            f"table {table}: {kind}:" for table in self._known for kind in ("INSERT", "UPDATE")
        )

    def _look_for_tables(self) -> None:
        quote = self.connection.dialect.identifier_preparer.quote_identifier
        name = ".".join(quote(part) for part in self.reading.shown.split("."))
        self._known = [
            row[0]
            for row in self._rows(
                "with ours as (select to_regclass(%s) as id)"
                " select quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
                " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                " where c.relkind in ('r', 'p') and c.oid in (select id from ours union"
                " select relid from pg_partition_tree((select id from ours)))",
                name,
            )
        ]

    def _prepare(self) -> None:
        limit_time(self.connection, self.follower.source.timeout_s)
        self.connection.exec_driver_sql(
            "select set_config('datestyle', 'ISO', true), set_config('timezone', 'UTC', true),"
            " set_config('bytea_output', 'hex', true)"
        )

    def _one(self, query: str, *values: Any) -> Any:
        return self._rows(query, *values)[0]

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self.connection.begin():
            self._prepare()
            return list(self.connection.exec_driver_sql(query, values))
