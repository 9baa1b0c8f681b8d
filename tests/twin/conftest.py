"""Servers offered to the tests of the twin."""

from tests.services.postgres import postgres, postgres_server

__all__ = ["postgres", "postgres_server"]
