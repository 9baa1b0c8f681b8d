"""PostgreSQL servers of the tests: one for all with a database each, or one's own to be killed.

``tests/twin/conftest.py`` offers the fixtures; other folders import them in their conftest.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.processes import Process, free_port, needed_program, wait_until
from twin.secrets import Keyring

PASSWORD_VARIABLE = "NORIA_TEST_PASSWORD"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database of its own on a server, reached over TCP with name and password."""

    port: int
    name: str
    user: str = "noria"
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """As a configuration has it: without the password."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.name}"

    @property
    def dsn(self) -> str:
        """For ``psycopg.connect``, with the password."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{self.name}"

    @property
    def settings(self) -> dict[str, Any]:
        """Under ``store:`` of a configuration; the password is in :attr:`environ`."""
        return {"url": self.url, "password": {"env": PASSWORD_VARIABLE}}

    @property
    def environ(self) -> dict[str, str]:
        return {PASSWORD_VARIABLE: self.password}

    def keyring(self, folder: Path = Path()) -> Keyring:
        return Keyring(self.environ, folder)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection beside the program's, to plant and to look; commits at once."""
        return psycopg.connect(self.dsn, autocommit=True, **options)


class PostgresServer:
    """A PostgreSQL server with a folder and a port of its own; the role noria may all, by password.

    ``options`` are settings of the server, ``files`` are put into its data folder before it starts.
    ``is_durable`` syncs every commit to the disk, as in a plant; without it the tests are quicker
    and a killed server process still loses nothing, for the operating system lives on.
    """

    def __init__(
        self,
        *,
        is_durable: bool = False,
        options: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self.folder = Path(tempfile.mkdtemp(prefix="noria-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        self.log = self.folder / "server.log"
        try:
            self._initialise()
            for name, content in (files or {}).items():
                self._put(self.folder / "data" / name, content)
            self.process = Process(
                self._command(is_durable, options or {}), self.log, user=self._user, start=False
            )
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it (again after a kill) and wait until it answers."""
        self.process.start()
        wait_until(lambda: self._answers(), 60, f"PostgreSQL ({self.log})")

    def kill(self) -> None:
        """End the server and all its sessions with signal 9."""
        self.process.kill()

    def close(self) -> None:
        if hasattr(self, "process"):
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, name: str = "") -> Database:
        """A new, empty database."""
        name = name or f"plant_{next(_numbers)}"
        with self._postgres().connect() as connection:
            connection.execute(
                psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name))
            )
        return Database(self.port, name, password=self.password)

    def _postgres(self) -> Database:
        return Database(self.port, "postgres", password=self.password)

    def _answers(self) -> bool:
        if not self.process.is_running:
            raise RuntimeError(self.process.tail())
        self._postgres().connect(connect_timeout=2).close()
        return True

    def _initialise(self) -> None:
        if self._user:
            shutil.chown(self.folder, self._user)
        secret = self.folder / "password"
        self._put(secret, self.password.encode())
        made = subprocess.run(
            [
                postgres_program("initdb"), "-D", self.folder / "data", "-U", "noria", "-E", "UTF8",
                "--locale=C", "--no-sync", "-A", "scram-sha-256", "--pwfile", secret,
            ],
            user=self._user, group=self._user, extra_groups=None if self._user is None else [],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(made.stdout + made.stderr)

    def _put(self, path: Path, content: bytes) -> None:
        """A file that only the server may read."""
        path.touch(mode=0o600)
        path.write_bytes(content)
        if self._user:
            shutil.chown(path, self._user)

    def _command(self, is_durable: bool, options: Mapping[str, str]) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "wal_level": "logical",
            "max_replication_slots": "8",
            "max_connections": "60",
            "timezone": "UTC",
            **({} if is_durable else {"fsync": "off"}),
            **options,
        }
        words = [postgres_program("postgres"), "-D", str(self.folder / "data")]
        return words + [
            word for key, value in settings.items() for word in ("-c", f"{key}={value}")
        ]


def postgres_program(name: str) -> str:
    """Path of a program of the newest PostgreSQL; the test is skipped where there is none."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    return needed_program(name, folders=folders, package="postgresql")


@contextmanager
def private_postgres(**options: Any) -> Iterator[PostgresServer]:
    """A server of one's own, which may be killed and started again."""
    server = PostgresServer(**options)
    try:
        yield server
    finally:
        server.close()


@functools.cache
def shared_postgres() -> PostgresServer:
    """One server for all tests of this process; ended with it."""
    server = PostgresServer()
    atexit.register(server.close)
    return server


@pytest.fixture
def postgres() -> Database:
    """A fresh database on the server shared by all tests of the process."""
    return shared_postgres().database()


@pytest.fixture
def postgres_server() -> Iterator[PostgresServer]:
    """A server of the test's own, which it may kill."""
    with private_postgres() as server:
        yield server
