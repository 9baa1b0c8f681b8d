"""A table or view of another system's database, read again and again from where it ended.

::

    - kind: sql
      name: mes
      url: postgresql://noria_reader@mes-server/mes
      password: {env: MES_PASSWORD}
      tls: {mode: verify-full, ca: mes-ca.pem}
      table: mes.events                # what the plant's view gives, or a table
      changed_by: id                   # the column that only grows
      key: [id]
      fields: {time: ended_at, work_unit: machine, event: {value: end}, quantity: good}
      timezone: Africa/Casablanca      # of times without offset

There is no SQL in a configuration: joins, conversions and selections belong into a view, where the
database's own people see them. The rights it takes, and no others::

    CREATE ROLE noria_reader LOGIN PASSWORD '…';
    GRANT USAGE ON SCHEMA mes TO noria_reader;
    GRANT SELECT ON mes.events TO noria_reader;

Connections are read-only, see one state of the database for each batch, and limit the time of every
statement. A column ``changed_by`` with an index keeps the load small.

* ``changed_by`` of whole numbers (an identity, a sequence) finds new rows. Rows changed later are
  not met again, or only within the overlap: the store then holds them, "same key, other content".
* ``changed_by`` of times (``updated_at``) finds changed rows too. Where one row is overwritten
  again and again (a table of current states), the time is part of the key:
  ``key: [machine, updated_at]``. A time that the database fills in with ``now()`` is the beginning
  of the transaction: ``overlap`` has to be longer than transactions live before they first write.
  Times without zone repeat an hour when clocks go back: they need an overlap of more than that.

Rows committed late are not overlooked: :mod:`twin.ingest.late_commits`. Deleted rows stay in the
store. With ``slot`` a PostgreSQL server tells its changes itself: :mod:`twin.ingest.logical_slot`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from twin.errors import Fault, InputError
from twin.ingest.late_commits import Overlap, Value
from twin.ingest.mapping import Mapped
from twin.ingest.signature import Intake, Waits
from twin.ingest.sql_connection import (
    check_url,
    has_ended,
    limit_time,
    reading_connection,
    reading_engine,
    state_of,
    words_of,
)
from twin.ingest.sql_passes import TableFollower
from twin.ingest.sql_reading import Reading, reading_of
from twin.model.base import Minutes
from twin.secrets import Keyring, Secret
from twin.store.settings import PostgresTls

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

SLOT_AGAIN_S = 600.0
"""A table polled for want of its slot is polled so long before the slot is tried again [s]."""
NO_RIGHT, NO_TABLE, CANCELLED = "42501", ("42P01", "42703", "3F000"), "57014"


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name has no control characters")
    return name


SqlName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


class SqlSource(Mapped):
    """A table or view that is polled, or followed through a replication slot."""

    kind: Literal["sql"] = "sql"
    name: str
    url: Annotated[str, AfterValidator(check_url)]
    """``postgresql://user@host/database``, ``sqlite:///FILE``, or another address that SQLAlchemy
    knows and whose driver is installed; without a password."""
    password: Secret | None = None
    tls: PostgresTls | None = None
    """For PostgreSQL; default: encrypted where the server offers it, without checking who it is."""
    table: SqlName
    """Table or view, with its schema where it is not the account's own: ``mes.events``."""
    changed_by: SqlName
    """Column of whole numbers or times that grows with every new (or changed) row."""
    from_: int | datetime | None = Field(default=None, alias="from")
    """Where to begin on the first run; default: with the first row there is."""
    overlap_rows: int = Field(default=1000, ge=0)
    """How far below the last number read every pass begins, for rows committed late."""
    overlap: Minutes = Field(default=10.0, ge=0)
    """The same for a column of times [min]."""
    every_s: float = Field(default=5.0, gt=0, le=86_400)
    """Wait between two passes [s]."""
    batch: int = Field(default=5000, ge=1, le=100_000)
    """Rows read and stored at once."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Longest time of one statement [s], where the database can limit it."""
    slot: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,63}$")] = ""
    """Name of a logical replication slot of PostgreSQL (letters a to z, digits and _), made when it
    is missing and the account may. Where the server offers none the table is polled."""

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Read until the supervisor stops; a lost connection is taken up again.

        Raises
        ------
        InputError
            When table, columns or rights do not allow it; the message says what to grant.
        """
        from sqlalchemy.exc import SQLAlchemyError

        engine = self._engine(keyring)
        follower = TableFollower.of(self, intake)
        waits = Waits()
        while not intake.is_stopped:
            try:
                with reading_connection(engine, intake) as connection:
                    self._follow(follower, connection, waits)
            except SQLAlchemyError as error:
                if not has_ended(intake):
                    self._raise_if_fault(error, keyring)
                    intake.connected(False, keyring.redact(self._why(error)))
                    intake.wait(next(waits))

    def check(self, keyring: Keyring) -> Iterable[str]:
        """Connect, look at table and columns, and say what is there.

        Raises
        ------
        InputError
            When it cannot be read as configured.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine(keyring).connect() as connection:
                limit_time(connection, self.timeout_s)
                reading = self.reading(connection)
                look = reading.look(connection)
                highest = reading.highest(connection)
        except SQLAlchemyError as error:
            self._raise_if_fault(error, keyring)
            fault = Fault("url", keyring.redact(self._why(error)), "check address and account")
            raise InputError(self._where, [fault]) from None
        seen = "open transactions are seen" if look else "late rows: by the overlap alone"
        yield f"{reading.shown}: {len(reading.columns)} columns, highest {highest}; {seen}"

    def reading(self, connection: Connection) -> Reading:
        """The table with its columns, checked; and the settings against it."""
        reading = reading_of(connection, self.table, self.changed_by, self, self._where)
        if reading.is_time and not reading.has_zone and not self._stands_no_hour():
            remedy = "write overlap: 70 min or more, or timezone: UTC if that is what they are"
            found = f"{self.changed_by} has no zone and repeats an hour when clocks go back"
            raise InputError(self._where, [Fault("overlap", found, remedy)])
        self.first_value(reading)
        return reading

    def _stands_no_hour(self) -> bool:
        return self.overlap > 60 or self.timezone in ("UTC", "Etc/UTC")

    def overlap_of(self, reading: Reading) -> Overlap:
        return timedelta(minutes=self.overlap) if reading.is_time else self.overlap_rows

    def first_value(self, reading: Reading) -> Value | None:
        """``from`` as a value of the column."""
        first = self.from_
        if first is None or isinstance(first, datetime) != reading.is_time:
            if first is not None:
                kind = "time" if reading.is_time else "whole number"
                fault = Fault("from", f"{self.changed_by} is a {kind}, as from has to be")
                raise InputError(self._where, [fault])
            return None
        if isinstance(first, int):
            return first
        if first.tzinfo is None:
            if self.zone is None:
                raise InputError(self._where, [Fault("from", "has no offset", "add one: +01:00")])
            first = first.replace(tzinfo=self.zone)
        if reading.has_zone:
            return first.astimezone(UTC)
        return first.astimezone(self.zone or UTC).replace(tzinfo=None)

    def _engine(self, keyring: Keyring) -> Engine:
        password = keyring.value(self.password, f"{self._where}.password")
        return reading_engine(self.url, password, self.tls, keyring.folder)

    @property
    def _where(self) -> str:
        return f"source {self.name}"

    @property
    def identity(self) -> str:
        """What a position belongs to: another server or table begins anew."""
        return f"{self.url} {self.table} by {self.changed_by}"

    def _follow(self, follower: TableFollower, connection: Connection, waits: Waits) -> None:
        follower.progress = follower.progress.reconnected()
        with connection.begin():
            limit_time(connection, self.timeout_s)
            reading = self.reading(connection)
        if self.slot:
            from twin.ingest.logical_slot import follow_slot

            follow_slot(self.slot, follower, connection, reading, waits)
        if not has_ended(follower.intake):
            follower.tell(connection, reading)
        again = time.monotonic() + SLOT_AGAIN_S if self.slot else float("inf")
        while not follower.intake.is_stopped and time.monotonic() < again:
            follower.pass_through(connection, reading)
            waits.reset()
            follower.intake.wait(self.every_s)

    def _raise_if_fault(self, error: SQLAlchemyError, keyring: Keyring) -> None:
        """Raise what waiting does not mend."""
        state = state_of(error)
        found = keyring.redact(words_of(error))
        if state == NO_RIGHT:
            schema = self.table.rpartition(".")[0]
            usage = f"GRANT USAGE ON SCHEMA {schema} and " if schema else ""
            remedy = f"let the owner {usage}GRANT SELECT ON {self.table} to this account"
            raise InputError(self._where, [Fault("table", found, remedy)]) from None
        if state in NO_TABLE:
            fault = Fault("table", found, "check table and columns")
            raise InputError(self._where, [fault]) from None

    def _why(self, error: SQLAlchemyError) -> str:
        found = words_of(error)
        if state_of(error) == CANCELLED:
            remedy = f"is there an index on {self.changed_by}? else raise timeout_s"
            return f"{found}: reading took longer than {self.timeout_s:g} s; {remedy}"
        return found
