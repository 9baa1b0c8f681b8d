"""Rows of a table or view as messages: its columns checked, read in batches, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from twin.errors import Fault, InputError, did_you_mean
from twin.ingest.late_commits import Look, Value
from twin.ingest.mapping import Mapped
from twin.ingest.signature import Message

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, TableClause


@dataclass(frozen=True)
class Reading:
    """One table or view and those of its columns that are read."""

    shown: str
    """Its name in messages, with its schema."""
    table: TableClause
    columns: tuple[str, ...]
    changed_by: str
    is_time: bool
    """Whether ``changed_by`` is a time; else a whole number."""
    has_zone: bool
    """Whether that time is an instant; else the reading of a clock on some wall."""
    is_key: bool
    """Whether ``changed_by`` alone is the table's primary key."""

    def look(self, connection: Connection) -> Look | None:
        """Which transactions are open; None where the database does not say."""
        if connection.dialect.name != "postgresql":
            return None
        version = connection.dialect.server_version_info or (0,)
        function = "pg_current_snapshot" if version >= (13,) else "txid_current_snapshot"
        snapshot = connection.exec_driver_sql(f"select {function}()::text").scalar_one()
        oldest, coming, _ = snapshot.split(":")
        return Look(int(oldest), int(coming), self.highest(connection))

    def highest(self, connection: Connection) -> Value | None:
        import sqlalchemy as sql

        asked = sql.select(sql.func.max(self._by)).where(self._is_met(connection))
        value: Value | None = plain(connection.execute(asked).scalar_one())
        return value

    def without_value(self, connection: Connection) -> int:
        """Rows that no pass will ever meet, because ``changed_by`` is empty or infinite."""
        import sqlalchemy as sql

        missed = sql.or_(self._by.is_(None), sql.not_(self._is_met(connection)))
        counting = sql.select(sql.func.count()).select_from(self.table).where(missed)
        return int(connection.execute(counting).scalar_one())

    def from_on(self, connection: Connection, value: Value | None) -> int:
        """How many rows there are from a value on."""
        import sqlalchemy as sql

        is_asked = self._above(connection, value)
        counting = sql.select(sql.func.count()).select_from(self.table).where(is_asked)
        return int(connection.execute(counting).scalar_one())

    def batch(
        self, connection: Connection, at: Value | None, most: int
    ) -> Sequence[Mapping[str, Any]]:
        """The next rows from a value on (itself included), in order, at most ``most`` of them."""
        import sqlalchemy as sql

        asked = sql.select(*(self.table.c[name] for name in self.columns))
        asked = asked.where(self._above(connection, at)).order_by(self._by).limit(most)
        found = connection.execute(asked).mappings().all()
        return [{name: plain(value) for name, value in row.items()} for row in found]

    def _above(self, connection: Connection, at: Value | None) -> ColumnElement[bool]:
        import sqlalchemy as sql

        is_met = self._is_met(connection)
        return is_met if at is None else sql.and_(self._by >= at, is_met)

    def _is_met(self, connection: Connection) -> ColumnElement[bool]:
        import sqlalchemy as sql

        if self.is_time and connection.dialect.name == "postgresql":
            return sql.func.isfinite(self._by)
        return self._by.is_not(None)

    @property
    def _by(self) -> ColumnElement[Any]:
        return self.table.c[self.changed_by]

    def value(self, row: Mapping[str, Any]) -> Value:
        """By what the row is ordered."""
        found: Value = row[self.changed_by]
        return found

    def message(self, row: Mapping[str, Any], settings: Mapped) -> Message:
        value = shown_value(row.get(self.changed_by))
        key = value if self.is_key and not settings.key else ""
        return Message(row, as_raw(row), f"{self.shown}, {self.changed_by} {value}", key)


def reading_of(
    connection: Connection, name: str, changed_by: str, settings: Mapped, where: str
) -> Reading:
    """Check that the table and its columns are there and can carry the reading.

    Raises
    ------
    InputError
        With everything that does not fit.
    """
    import sqlalchemy as sql
    from sqlalchemy.exc import NoSuchTableError

    schema, _, table = name.rpartition(".")
    inspector = sql.inspect(connection)
    try:
        found = inspector.get_columns(table, schema or None)
        key = inspector.get_pk_constraint(table, schema or None)["constrained_columns"]
    except NoSuchTableError:
        raise InputError(where, [_no_table(inspector, schema, table)]) from None
    types = {str(column["name"]): column["type"] for column in found}
    faults = [
        Fault(at, f'table {name} has no column "{column}"', did_you_mean(column, types))
        for at, column in _columns_asked_for(settings, changed_by, types)
    ]
    if not faults:
        faults = list(_faults_of_order(types[changed_by], changed_by, connection))
    if faults:
        raise InputError(where, faults)
    read = settings.read_fields | {changed_by}
    columns = tuple(c for c in types if settings.strict or _is_read(c, read))
    order = types[changed_by]
    return Reading(
        name,
        sql.table(table, *(sql.column(c, types[c]) for c in types), schema=schema or None),
        columns,
        changed_by,
        isinstance(order, sql.DateTime),
        bool(getattr(order, "timezone", False)),
        key == [changed_by],
    )


def _no_table(inspector: Any, schema: str, table: str) -> Fault:
    from sqlalchemy.exc import SQLAlchemyError

    place = f"schema {schema}" if schema else "the database"
    try:
        known = [*inspector.get_table_names(schema or None)]
        known += inspector.get_view_names(schema or None)
    except SQLAlchemyError:
        known = []
    return Fault("table", f'{place} has no table or view "{table}"', did_you_mean(table, known))


def _columns_asked_for(
    settings: Mapped, changed_by: str, there: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """(where it is asked for, column) of those that are not there."""
    asked = [("changed_by", changed_by)]
    asked += [("key", name) for name in settings.key]
    asked += [("ignore", name) for name in settings.ignore]
    for column, rule in settings.fields.items():
        asked += [(f"fields.{column}", name) for name in rule.names]
    return [
        (at, name) for at, name in asked if name not in there and name.split(".")[0] not in there
    ]


def _is_read(column: str, read: set[str]) -> bool:
    return column in read or any(name.startswith(f"{column}.") for name in read)


def _faults_of_order(kind: Any, changed_by: str, connection: Connection) -> list[Fault]:
    import sqlalchemy as sql

    is_number = isinstance(kind, sql.Integer) or (
        isinstance(kind, sql.Numeric) and kind.asdecimal and not kind.scale
    )
    if isinstance(kind, sql.DateTime) and connection.dialect.name == "sqlite":
        found = "SQLite keeps times as text, whose order depends on how they were written"
        return [Fault("changed_by", f"{changed_by}: {found}", "name a column of whole numbers")]
    if is_number or isinstance(kind, sql.DateTime):
        return []
    expected = "a whole number or a time that only grows is expected"
    return [Fault("changed_by", f"{changed_by} has type {kind}; {expected}")]


def plain(value: Any) -> Any:
    """A database's value as a number, text, truth, time, or mapping of these.

    >>> from decimal import Decimal
    >>> plain(Decimal("12.50")), plain(Decimal("7"))
    (12.5, 7)
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > 30:
            return str(value)
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return "0x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    return str(value)


def shown_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def as_raw(row: Mapping[str, Any]) -> str:
    """A row as JSON text, for the quarantine."""
    return json.dumps(row, ensure_ascii=False, default=shown_value)
