"""Stores of both kinds, opened afresh for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.services.postgres import Database, shared_postgres
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where a store is, and how to open it."""

    settings: StoreSettings
    keyring: Keyring
    query: Callable[[str], list[tuple[Any, ...]]]
    """Asks or changes the database behind the store's back."""

    def open(self, *, migrate: bool = True, now: datetime = NOW) -> EventStore:
        return open_store(self.settings, self.keyring, migrate=migrate, clock=lambda: now)


@cache
def store_database() -> Database:
    """One database for all tests of the store: to empty it is quicker than to make one."""
    return shared_postgres().database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place without a store."""
    if request.param == "postgresql":
        database = store_database()
        with database.connect() as connection:
            connection.execute("drop schema public cascade; create schema public")

        def ask(statement: str) -> list[tuple[Any, ...]]:
            with database.connect() as connection:
                found = connection.execute(statement)
                return found.fetchall() if found.description else []

        settings = StoreSettings.model_validate(database.settings)
        yield Place(settings, database.keyring(tmp_path), ask)
        return
    file = tmp_path / "events.sqlite"

    def ask_sqlite(statement: str) -> list[tuple[Any, ...]]:
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(file)) as connection, connection:
            return connection.execute(statement).fetchall()

    yield Place(StoreSettings(url="sqlite:///events.sqlite"), Keyring({}, tmp_path), ask_sqlite)


@pytest.fixture
def store(place: Place) -> Iterator[EventStore]:
    """An empty store."""
    with ExitStack() as stack:
        yield stack.enter_context(place.open())
