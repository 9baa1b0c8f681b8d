"""An extract of the store for quick counting: Parquet files that DuckDB reads.

The files take up what arrived since the last time; nothing in them is changed. DuckDB lets no
second process at a database file of its own, so it only reads these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.engine.default import DefaultDialect

from twin.errors import Fault, InputError
from twin.store.parquet import whole_file
from twin.store.reading import chunks
from twin.store.schema import EVENT, IDENTITY, LAST_SEQUENCE
from twin.store.unit_days import IS_STATE, Days, UnitDays, count
from twin.store.writing import fact

if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Connection

COLUMNS = ("sequence", "time", "work_unit", "event", "state", "order", "operation", "product",
           "quantity", "scrap")  # fmt: skip
_NUMBERS = ("quantity", "scrap")
_ROWS = 100_000
_MOST_ROWS = 500_000
"""Of one file."""
_DIALECT = DefaultDialect(paramstyle="qmark")
_LABEL = "extract.json"


class Extract:
    """A folder of files ``part-FIRST-LAST.parquet``, named by sequence numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*-*.parquet"))

    @property
    def last_sequence(self) -> int:
        """The last event taken up; 0 when there is none."""
        parts = self.parts()
        return _last(parts[-1]) if parts else 0

    def refresh(self, connection: Connection) -> int:
        """Take up what arrived since the last time; returns how many events.

        Raises
        ------
        InputError
            When the folder holds an extract of another store, or is ahead of this one.
        """
        self._check(connection)
        before, end, taken = self.last_sequence, fact(connection, LAST_SEQUENCE) or 0, 0
        if before > end:
            found = f"has events up to {before}, the store up to {end}; it was set back"
            raise InputError(str(self.folder), [Fault("", found, "remove the folder")])
        while rows := self._take_up(connection, self.last_sequence):
            taken += rows
        return taken

    def unit_days(self, start: datetime, end: datetime, zone: ZoneInfo) -> UnitDays:
        """As :meth:`twin.store.store.EventStore.unit_days`, for the events of the extract."""
        days = Days.of(start, end, zone)
        with self._database() as database:

            def ask(query: Select[Any]) -> Iterable[Sequence[Any]]:
                statement, values = _in_duckdb(query)
                return database.execute(statement, values).fetchall()

            return count(ask, EVENT, days, _carried(ask, days))

    def _check(self, connection: Connection) -> None:
        label = self.folder / _LABEL
        identity = fact(connection, IDENTITY)
        try:
            known = json.loads(label.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if self.parts():
                found = f"has parts but no {_LABEL}"
                raise InputError(str(self.folder), [Fault("", found, "remove it")]) from None
            with whole_file(label) as unfinished:
                unfinished.write_text(json.dumps({"store": identity}), encoding="utf-8")
            return
        except ValueError:
            raise InputError(str(label), [Fault("", "not JSON", "remove the folder")]) from None
        if known != {"store": identity}:
            found = "this is the extract of another store"
            raise InputError(str(self.folder), [Fault("", found, "give each store its folder")])

    def _take_up(self, connection: Connection, after: int) -> int:
        """Write one more file; returns its number of events."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        query = select(*(EVENT.c[name] for name in COLUMNS)).where(EVENT.c.sequence > after)
        query = query.order_by(EVENT.c.sequence).limit(_MOST_ROWS)
        batches = [_batch(rows) for rows in chunks(connection, query, _ROWS)]
        if not batches:
            return 0
        table = pa.Table.from_batches(batches)
        first, last = table["sequence"][0].as_py(), table["sequence"][-1].as_py()
        with whole_file(self.folder / f"part-{first:012d}-{last:012d}.parquet") as unfinished:
            pq.write_table(table, unfinished, compression="zstd", row_group_size=_ROWS)
        return int(table.num_rows)

    def _database(self) -> duckdb.DuckDBPyConnection:
        """DuckDB in memory with the files as a view; it fetches nothing from anywhere."""
        import duckdb

        database = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        parts = [str(path) for path in self.parts()]
        if any(_last(one) >= _first(other) for one, other in pairwise(self.parts())):
            found = "two commands filled it at once, and events would be counted twice"
            raise InputError(str(self.folder), [Fault("", found, "remove the folder")])
        if not parts:
            remedy = "refresh it from a store that has events"
            raise InputError(str(self.folder), [Fault("", "the extract is empty", remedy)])
        database.read_parquet(parts).create_view(EVENT.name)
        return database


def _first(part: Path) -> int:
    return int(part.stem.split("-")[1])


def _last(part: Path) -> int:
    return int(part.stem.split("-")[2])


def _batch(rows: list[Any]) -> Any:
    import pyarrow as pa

    columns = list(zip(*rows, strict=True))
    arrays = []
    for name, values in zip(COLUMNS, columns, strict=True):
        kind = pa.int64() if name in ("sequence", "time") else pa.string()
        arrays.append(pa.array(values, pa.float64() if name in _NUMBERS else kind))
    return pa.record_batch(arrays, names=list(COLUMNS))


def _in_duckdb(query: Select[Any]) -> tuple[str, list[Any]]:
    """The statement with question marks, and their values in order."""
    compiled = query.compile(dialect=_DIALECT)
    return str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]


def _carried(ask: Any, days: Days) -> list[tuple[str, str, int]]:
    """The state in which each unit comes into the window, and until when it lasts there."""
    unit, time = EVENT.c.work_unit, EVENT.c.time
    number = func.row_number().over(
        partition_by=unit, order_by=(time.desc(), EVENT.c.sequence.desc())
    )
    earlier = (
        select(unit, EVENT.c.state, number.label("number"))
        .where(EVENT.c.event == IS_STATE, time < days.start)
        .subquery()
    )
    states = ask(select(earlier.c.work_unit, earlier.c.state).where(earlier.c.number == 1))
    inside = (EVENT.c.event == IS_STATE) & (time >= days.start) & (time < days.end)
    first = {
        unit: int(at) for unit, at in ask(select(unit, func.min(time)).where(inside).group_by(unit))
    }
    return [(name, state, first.get(name, days.end)) for name, state in states]
