"""A connection to another system's database that may read and nothing else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from twin.errors import Fault, InputError
from twin.ingest.signature import Intake, Stopped
from twin.model.base import unshown
from twin.store.settings import PostgresTls

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")
CONNECT_S = 10
_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A line that died without a word is noticed within half a minute."""


def check_url(url: str) -> str:
    """The address, when it is one and holds no password; else a fault that does not show it."""
    form = "postgresql://user@host/database"
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None
    except ValueError:
        raise unshown(f"this is no address; write {form}") from None
    if has_password:
        raise unshown("a password does not stand in an address; write it under password")
    if not parts.scheme or "://" not in url:
        raise unshown(f"this is no address; write {form}")
    if parts.scheme.startswith("postgresql") and parts.query:
        raise unshown("an address of PostgreSQL has no ? here; TLS goes under tls")
    return url


def reading_engine(url: str, password: str, tls: PostgresTls | None, folder: Path) -> Engine:
    """Opens connections whose transactions see one state of the database and cannot write.

    Raises
    ------
    InputError
        When the database's driver is not installed, or a SQLite file is not there.
    """
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    options: dict[str, Any] = {"poolclass": NullPool}
    try:
        address = sqlalchemy.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        if address.get_backend_name() == "sqlite":
            address = address.set(database=str(_sqlite_file(address.database, folder)))
        if password:
            address = address.set(password=password)
        if address.get_backend_name() == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
            options["connect_args"] = _postgres_arguments(tls, folder)
        return sqlalchemy.create_engine(address, **options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        found = str(error).splitlines()[0]
        remedy = "install the driver of this database beside noria, or check the address"
        raise InputError("url", [Fault("", found, remedy)]) from None


def _sqlite_file(name: str | None, folder: Path) -> Path:
    file = folder / (name or "")
    if not file.is_file():
        raise InputError("url", [Fault("", f"{file}: no such file", "check the address")])
    return file.absolute()


def _postgres_arguments(tls: PostgresTls | None, folder: Path) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "application_name": "noria ingest",
        "tcp_user_timeout": 30_000,
        **_ALIVE,
    }
    if tls:
        arguments["sslmode"] = tls.mode
        paths = {"sslrootcert": tls.ca, "sslcert": tls.cert, "sslkey": tls.key}
        arguments |= {name: str(folder / path) for name, path in paths.items() if path}
        if not tls.ca and tls.mode.startswith("verify"):
            arguments["sslrootcert"] = "system"
    return arguments


@contextmanager
def reading_connection(engine: Engine, intake: Intake) -> Iterator[Connection]:
    """A connection that is given up at once when the supervisor stops, also within a query."""
    connection = _unless_stopped(engine.connect, intake)
    try:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.rollback()
        elif engine.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
            _read_every_time(connection.connection.dbapi_connection)
        with _cancelled_on_stop(connection, intake):
            yield connection
    finally:
        connection.close()


def _read_every_time(raw: Any) -> None:
    """Give times beyond Python's years, such as infinity, as text: they hold up their row alone."""
    from psycopg import DataError
    from psycopg.types import datetime as times

    for name, loader in (
        ("timestamptz", times.TimestamptzLoader),
        ("timestamp", times.TimestampLoader),
        ("date", times.DateLoader),
    ):

        def load(self: Any, data: Any, parent: Any = loader) -> Any:
            try:
                return parent.load(self, data)
            except DataError:
                return bytes(data).decode()

        raw.adapters.register_loader(name, type(loader.__name__, (loader,), {"load": load}))


def limit_time(connection: Connection, seconds: float) -> None:
    """Let no statement of this transaction take longer, where the database knows how."""
    if connection.dialect.name == "postgresql":
        limit = f"{max(1, int(seconds * 1000))}"
        connection.exec_driver_sql("select set_config('statement_timeout', %s, true)", (limit,))


def _unless_stopped(connect: Callable[[], T], intake: Intake) -> T:
    """What ``connect`` returns; a server that does not answer does not hold up the end."""
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put((connect(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=ask, daemon=True, name="connecting").start()
    while True:
        try:
            found, error = answers.get(timeout=0.2)
        except queue.Empty:
            if intake.is_stopped:
                raise Stopped from None
            continue
        if error is not None:
            raise error
        return found  # type: ignore[return-value]


@contextmanager
def _cancelled_on_stop(connection: Connection, intake: Intake) -> Iterator[None]:
    done = threading.Event()
    raw: Any = connection.connection.dbapi_connection
    cancel = getattr(raw, "cancel", None) or getattr(raw, "interrupt", None)

    def watch() -> None:
        while not done.wait(0.2):
            if intake.is_stopped and cancel:
                with suppress(Exception):  # the line may be broken at this very moment
                    cancel()

    watcher = threading.Thread(target=watch, daemon=True, name="stopping a query")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(2)


def has_ended(intake: Intake) -> bool:
    """Whether the supervisor has stopped meanwhile."""
    return intake.is_stopped


def words_of(error: SQLAlchemyError) -> str:
    """What the database said, in one line and without the statement."""
    found = getattr(error, "orig", None) or error
    lines = str(found).strip().splitlines()
    return lines[0] if lines else type(found).__name__


def state_of(error: SQLAlchemyError) -> str:
    """The five letters of SQL's standard for what went wrong; empty where the driver has none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""
