"""Tryton servers of the tests, each with a pin factory of its own and ready within seconds.

Making an empty Tryton takes half a minute, so it is made once for each version of Tryton and of
:mod:`tests.services.tryton_plant`, kept in the system's temporary folder, and copied for each test.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.services import tryton_plant
from tests.services.processes import Process, free_port, needed_program, wait_until
from twin.erp.tryton_rpc import Connection, Session
from twin.secrets import Keyring

MODULES = ("production_work", "stock_supply_production")
PASSWORD = "not-To-be-Shown-41"
"""Of every user in the tests, and of nobody else."""
DATABASE = "pins"
PASSWORD_VARIABLE = "NORIA_TEST_ERP_PASSWORD"
CONFIG = """\
[database]
uri = sqlite://
path = {folder}
[web]
listen = 127.0.0.1:{port}
"""
KEPT_S = 7 * 86400
"""Planted databases of other versions are kept this long [s]."""


@dataclass(frozen=True)
class Erp:
    """A Tryton with the pin factory, and how to reach it."""

    server: Server
    database: ClassVar[str] = DATABASE

    @property
    def settings(self) -> dict[str, Any]:
        """Under ``erp:`` of a configuration; the password is in :attr:`environ`."""
        return {
            "kind": "tryton",
            "url": self.server.url,
            "database": self.database,
            "user": "noria",
            "password": {"env": PASSWORD_VARIABLE},
        }

    @property
    def environ(self) -> dict[str, str]:
        return {PASSWORD_VARIABLE: PASSWORD}

    def keyring(self, folder: Path = Path()) -> Keyring:
        return Keyring(self.environ, folder)

    def connection(self, user: str = "noria") -> Connection:
        content = {name: value for name, value in self.settings.items() if name != "kind"}
        return Connection.model_validate({**content, "user": user})

    def session(self, user: str = "admin") -> Session:
        """A login as somebody, for the test's own questions; use it in a ``with``."""
        return Session(self.connection(user), self.keyring())


class Server:
    """A trytond on a free port, with its database in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "trytond.conf"
        config.write_text(CONFIG.format(folder=folder, port=self.port), encoding="utf-8")
        # Without the database's name it is not loaded, and every login fails.
        command = [_program("trytond"), "-c", str(config), "-d", DATABASE]
        self.process = Process(command, folder / "trytond.log", start=False)

    def start(self) -> None:
        """Start it again after it was killed."""
        self.process.start()

    def answers(self, erp: Erp) -> None:
        """Wait until it answers for a database."""

        def logs_in() -> bool:
            with erp.session() as admin:
                return bool(admin.context)

        wait_until(logs_in, seconds=40, what=f"Tryton with {erp.database}", every=0.2)

    def kill(self) -> None:
        """Signal 9, as in a power cut."""
        self.process.kill()


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Erp]:
    """A Tryton of one's own, to be written to and to be killed."""
    with running_erp(tmp_path / "trytond") as found:
        yield found


@pytest.fixture(scope="module")
def shared_erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    """One Tryton for the tests of a module that do not get into each other's way."""
    with running_erp(tmp_path_factory.mktemp("trytond")) as found:
        yield found


@contextmanager
def running_erp(folder: Path) -> Iterator[Erp]:
    """A server with a fresh copy of the planted database in a folder of its own."""
    folder.mkdir(exist_ok=True)
    server = Server(folder)
    shutil.copy(planted(), folder / f"{DATABASE}.sqlite")
    found = Erp(server)
    try:
        server.start()
        server.answers(found)
        yield found
    finally:
        server.kill()
        (folder / f"{DATABASE}.sqlite").unlink()


def _program(name: str) -> str:
    return needed_program(name, folders=[Path(sys.executable).parent])


@functools.cache
def planted() -> Path:
    """A database with the pin factory; two test workers never make it twice."""
    source = Path(tryton_plant.__file__).read_bytes()
    stamp = hashlib.sha256(source + version("trytond").encode() + PASSWORD.encode()).hexdigest()
    # One folder for each user of the machine: nobody else can put a database into it.
    folder = Path(tempfile.gettempdir()) / f"noria-tests-tryton-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{stamp[:16]}.sqlite"
    with closing(os.fdopen(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600))) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_file():
            for old in folder.glob("*.sqlite"):
                if time.time() - old.stat().st_mtime > KEPT_S:
                    old.unlink()
            _make(folder, kept)
    return kept


def _make(folder: Path, kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        server = Server(work)
        file = work / f"{DATABASE}.sqlite"
        _initialise(server, file)
        new = Erp(server)
        try:
            server.start()
            server.answers(new)
            with new.session() as admin:
                tryton_plant.plant_factory(admin, PASSWORD)
        finally:
            server.process.stop()
        # The last writes are in a file beside it; this puts all into one.
        with closing(sqlite3.connect(file)) as database:
            database.execute("VACUUM INTO ?", (str(work / "whole"),))
        (work / "whole").replace(kept)


def _initialise(server: Server, file: Path) -> None:
    """Make the tables of an empty Tryton with its administrator."""
    file.touch()
    password = file.with_name("password")
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    command: list[str] = [
        _program("trytond-admin"), "-c", str(server.folder / "trytond.conf"), "-d", DATABASE,
        "--all", "--activate-dependencies", "-u", *MODULES, "--email", "admin@example.com",
    ]  # fmt: skip
    environ: Mapping[str, str] = {**os.environ, "TRYTONPASSFILE": str(password)}
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=600)
