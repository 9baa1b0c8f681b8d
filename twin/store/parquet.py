"""Events as Parquet files, which pandas, DuckDB and most tools of analysts read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select

from twin.errors import DiskFull, Fault, InputError
from twin.model.events import TEXT
from twin.store.reading import chunks
from twin.store.schema import EVENT, IDENTITY
from twin.store.writing import fact

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 100_000
"""Rows of a row group."""
COLUMNS = tuple(column.name for column in EVENT.c)
_STORE = b"noria_store"
"""Under which a file says whose events it holds."""


@dataclass(frozen=True)
class Content:
    """What a file holds, to compare it with the store."""

    events: int = 0
    sum_of_sequences: int = 0


def schema() -> pa.Schema:
    import pyarrow as pa

    kinds: dict[str, Any] = {
        "sequence": pa.int64(),
        "quantity": pa.float64(),
        "scrap": pa.float64(),
    }
    kinds |= dict.fromkeys(("time", "received"), pa.timestamp("us", tz="UTC"))
    kinds |= dict.fromkeys(("key", "source", *TEXT), pa.string())
    return pa.schema([pa.field(name, kinds[name]) for name in COLUMNS])


def write_events(connection: Connection, query: Select[Any], path: Path) -> Content:
    """Write the rows of a query over all columns; the file appears whole or not at all.

    Nothing is written when there are none. A file that holds more events than would replace them,
    or those of another store, is left alone: they may be the only copy.

    Raises
    ------
    InputError
        When the folder cannot be written, or the file there is not to be replaced.
    DiskFull
        When there is no room.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = chunks(connection, query, ROWS)
    first = next(parts, None)
    if first is None:
        return Content()
    store = {_STORE: str(fact(connection, IDENTITY)).encode()}
    form, events, total = schema().with_metadata(store), 0, 0
    with whole_file(path) as unfinished:
        with pq.ParquetWriter(
            unfinished, form, compression="zstd", write_page_checksum=True
        ) as writer:
            for rows in _and(first, parts):
                columns = list(zip(*rows, strict=True))
                arrays = [pa.array(c, f.type) for c, f in zip(columns, form, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=form))
                events += len(rows)
                total += sum(columns[0])
        if path.exists() and (there := content_of(path).events) > events:
            found = f"holds {there} events; {events} would replace them"
            raise InputError(str(path), [Fault("", found, "export to another folder")])
        if path.exists() and (pq.read_schema(path).metadata or {}).get(_STORE) != store[_STORE]:
            remedy = "give each store a folder of its own"
            raise InputError(str(path), [Fault("", "holds events of another store", remedy)])
    return Content(events, total)


def content_of(path: Path) -> Content:
    """Read a whole file, with its checksums, and say what it holds.

    Raises
    ------
    InputError
        When it is no Parquet file of events, or is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    events, total = 0, 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(schema()):
                raise InputError(str(path), [Fault("", "this is no export of an event store")])
            for batch in file.iter_batches(ROWS):
                events += batch.num_rows
                total += sum(batch.column("sequence").to_pylist())
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())
        raise InputError(str(path), [Fault("", f"cannot be read back: {said}")]) from None
    return Content(events, total)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write, which takes its name when all is on the disk."""
    with _room_for(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(descriptor)
        try:
            yield Path(name)
            _sync(Path(name))
            os.chmod(name, 0o640)
            os.replace(name, path)
            _sync(path.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    """Say an error of the disk in words."""
    try:
        yield
    except OSError as error:
        said = error.strerror or " ".join(str(error).split())
        if error.errno in (28, 122, 27):
            raise DiskFull(
                f"{path}: no room left ({said}); nothing half-written remains; free some room"
            ) from None
        fault = Fault("", f"cannot be written: {said}", "check the folder and its rights")
        raise InputError(str(path), [fault]) from None


def _and(first: list[Any], others: Iterator[list[Any]]) -> Iterator[list[Any]]:
    yield first
    yield from others
