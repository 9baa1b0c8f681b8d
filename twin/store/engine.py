"""How each database is reached: SQLite as a durable file, PostgreSQL over the network.

Both commit to the disk before they answer. Writers take turns: SQLite by ``BEGIN IMMEDIATE``,
PostgreSQL by an advisory lock, so the order of sequence numbers is the order of commits.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text

from twin.errors import Fault, InputError
from twin.secrets import Keyring
from twin.store.settings import POSTGRESQL, SQLITE, StoreSettings

LOCK_SECONDS = 30
"""How long a writer waits for its turn."""
_WRITES = "noria_writes"
_APPEND_LOCK = 0x6E6F726961  # "noria"
_SQLITE_CACHE_KIB = 64 * 1024
_WAL_PAGES = 8000
"""Pages of 4 KiB in SQLite's log before they move to the main file."""


def engine_of(settings: StoreSettings, keyring: Keyring, *, create: bool) -> Engine:
    """A pool of connections; a SQLite file is made when ``create`` says so."""
    if settings.file is not None:
        return _sqlite(keyring.folder / settings.file, create)
    return _postgresql(settings, keyring)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the store, whole batches only."""
    with engine.connect() as connection:
        if engine.dialect.name == POSTGRESQL:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is the only one to write; committed durably at the end."""
    options: dict[str, Any] = {_WRITES: True}
    if engine.dialect.name == POSTGRESQL:
        options["isolation_level"] = "READ COMMITTED"
    with engine.connect().execution_options(**options) as connection, connection.begin():
        if engine.dialect.name == POSTGRESQL:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
        yield connection


def _sqlite(file: Path, create: bool) -> Engine:
    _prepare(file, create)
    url = URL.create(SQLITE, database=str(file))
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS, "isolation_level": None}
    )
    event.listen(engine, "connect", _set_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare(file: Path, create: bool) -> None:
    """Make the file, readable by its owner alone; SQLite gives its companions the same mode."""
    if not file.parent.is_dir():
        fault = Fault("", f"there is no folder {file.parent}", "make it, or check the address")
        raise InputError(str(file), [fault])
    if file.exists() and not file.is_file():
        raise InputError(str(file), [Fault("", "this is not a file", "check the address")])
    if not create:
        if not file.exists():
            remedy = "check the address, or begin with noria ingest"
            raise InputError(str(file), [Fault("", "there is no event store yet", remedy)])
        return
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        remedy = f"give the user that runs Noria the right to write into {file.parent}"
        raise InputError(
            str(file), [Fault("", f"cannot be written: {error.strerror}", remedy)]
        ) from None


def _set_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """FULL syncs the log at each commit: what is acknowledged survives a power cut."""
    connection.execute("pragma synchronous = full")
    connection.execute(f"pragma cache_size = -{_SQLITE_CACHE_KIB}")
    connection.execute(f"pragma wal_autocheckpoint = {_WAL_PAGES}")
    connection.execute("pragma temp_store = file")
    _set_wal(connection)


def _set_wal(connection: sqlite3.Connection) -> None:
    """Readers do not wait for the writer. Changing into it knows no busy timeout of its own."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            is_busy = (error.sqlite_errorname or "").startswith("SQLITE_BUSY")
            if not is_busy or time.monotonic() > end:
                raise
            time.sleep(0.02)
    if mode != "wal":
        found = f"the file system gives SQLite no write-ahead log (mode {mode})"
        remedy = "put the store on a local disk; for a network use PostgreSQL"
        raise InputError("event store", [Fault("", found, remedy)])


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("begin immediate" if writes else "begin")


def _postgresql(settings: StoreSettings, keyring: Keyring) -> Engine:
    url = make_url(settings.url).set(drivername="postgresql+psycopg")
    if settings.password is not None:
        url = url.set(password=keyring.value(settings.password, "store.password"))
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args=_arguments(settings, keyring.folder),
    )
    event.listen(engine, "connect", _set_postgresql)
    return engine


def _arguments(settings: StoreSettings, folder: Path) -> dict[str, Any]:
    """A server that is gone is noticed within half a minute, also when nobody says goodbye."""
    found: dict[str, Any] = {
        "application_name": "noria",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": LOCK_SECONDS * 1000,
        "client_encoding": "utf8",
        "options": f"-c lock_timeout={LOCK_SECONDS}s -c timezone=UTC",
    }
    if tls := settings.tls:
        found["sslmode"] = tls.mode
        if tls.mode.startswith("verify"):
            found["sslrootcert"] = str(folder / tls.ca) if tls.ca else "system"
        if tls.cert and tls.key:
            found |= {"sslcert": str(folder / tls.cert), "sslkey": str(folder / tls.key)}
    return found


def _set_postgresql(connection: Any, record: object) -> None:
    """A server or role that commits lazily is asked not to, for what is acknowledged must stay."""
    with connection.cursor() as cursor:
        cursor.execute("show synchronous_commit")
        if cursor.fetchone()[0] == "off":
            cursor.execute("set synchronous_commit = on")
    connection.commit()
