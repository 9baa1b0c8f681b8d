"""Events from logs and exports: rows with their keys, in batches, for any number of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import Fault, InputError
from twin.model.events import COLUMNS, NUMBERS, TEXT, EventLog
from twin.store.keys import ROW, Row, event_of, key_of_content
from twin.store.record import Appended, Event

if TYPE_CHECKING:
    import pandas as pd

    from twin.store.store import EventStore

BATCH = 50_000
"""Events of one transaction."""


def events_of(log: EventLog) -> Iterator[Event]:
    """The events of a log, with keys by their content: identical rows are one event."""
    for rows in rows_of(log.table):
        yield from map(event_of, rows)


def rows_of(table: pd.DataFrame, size: int = BATCH) -> Iterator[list[Row]]:
    """The rows of an event table in batches, in its order, with keys by their content.

    A column ``key``, where there is one, gives the keys instead.
    """
    for first in range(0, len(table), size):
        part = table.iloc[first : first + size]
        time = part["time"].dt.tz_convert("UTC").to_numpy(dtype="datetime64[us]")
        texts = [part[name].fillna("").astype(str).tolist() for name in TEXT]
        numbers = [_or_none(part[name].to_numpy(dtype=float)) for name in NUMBERS]
        keys = part["key"].tolist() if "key" in part else [""] * len(part)
        rows = zip(keys, time.astype("int64").tolist(), *texts, *numbers, strict=True)
        if "key" in part:
            yield list(rows)
        else:
            yield [(key_of_content(row), *row[1:]) for row in rows]


def import_log(store: EventStore, source: str, log: EventLog) -> Appended:
    """Store a log; what is stored already is a duplicate, so that it may be done again."""
    return _sum(store.append_rows(source, rows) for rows in rows_of(log.table))


def import_parquet(store: EventStore, source: str, path: Path) -> Appended:
    """Store an export of a store, with its keys and sources, or a Parquet file of an event log.

    Raises
    ------
    InputError
        When it is no Parquet file, or lacks columns of an event log.
    """
    return _sum(store.append_rows(name or source, rows) for name, rows in _rows_of_parquet(path))


def _rows_of_parquet(path: Path) -> Iterator[tuple[str, list[Row]]]:
    """Batches with the source each was told by; empty where the file names none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check(path, file.schema_arrow)
            for batch in file.iter_batches(BATCH):
                table = batch.to_pandas()
                rows = next(rows_of(table, len(table)), [])
                sources = table["source"].tolist() if "source" in table else [""] * len(rows)
                pairs = zip(sources, rows, strict=True)
                for name, group in groupby(pairs, key=itemgetter(0)):
                    yield str(name), [row for _, row in group]
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())
        fault = Fault("", f"cannot be read: {said}", "give a Parquet file of events")
        raise InputError(str(path), [fault]) from None


def _check(path: Path, schema: Any) -> None:
    import pyarrow as pa

    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        found = f"has no column {', '.join(missing)}"
        raise InputError(str(path), [Fault("", found, "give an export of an event store")])
    time = schema.field("time").type
    if not pa.types.is_timestamp(time) or time.tz is None:
        found = f"column time is {time}; timestamps with a zone are expected"
        raise InputError(str(path), [Fault("", found)])


def _or_none(values: np.ndarray[Any, np.dtype[np.float64]]) -> Sequence[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _sum(parts: Iterator[Appended]) -> Appended:
    stored = duplicates = held = 0
    for part in parts:
        stored += part.stored
        duplicates += part.duplicates
        held += part.held
    return Appended(stored, duplicates, held)


__all__ = ["BATCH", "ROW", "events_of", "import_log", "import_parquet", "rows_of"]
