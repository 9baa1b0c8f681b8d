"""What a database's error means for the plant: away, full, broken, or not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from twin.errors import DiskFull, Fault, InputError, NoriaError, StoreAway
from twin.secrets import Keyring
from twin.store.engine import LOCK_SECONDS

_DRIVERS = ("sqlite3", "psycopg")
_FULL = ("SQLITE_FULL", "53100")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01", "40001")
_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "XX001", "XX002")
_FORBIDDEN = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH", "42501")
_AWAY = ("SQLITE_IOERR", "SQLITE_PROTOCOL", "08", "53", "57", "58", "25006")
"""Beginnings of SQLite's error names and of SQLSTATE codes, PostgreSQL 15 appendix A."""
_REFUSED_LOGIN = ("password authentication failed", "no password supplied", "does not exist",
                  "no pg_hba.conf entry", "certificate", "root.crt", "private key",
                  "signature failure")  # fmt: skip
"""In the answer to a login, which brings no code; a server may speak another language."""


@contextmanager
def store_errors(shown: str, keyring: Keyring, *, is_opening: bool = False) -> Iterator[None]:
    """Say a database's error in the words of :mod:`twin.errors`, without its secrets.

    The error itself is not chained: it may hold the address with the password.
    """
    from sqlalchemy.exc import DBAPIError, TimeoutError

    try:
        yield
    except NoriaError:
        raise
    except DBAPIError as error:
        if error.orig is None:
            raise
        _raise(error.orig, shown, keyring, is_opening)
    except TimeoutError:
        raise StoreAway(f"{shown}: all connections are in use; ask fewer things at once") from None
    except Exception as error:  # a stream of rows goes past SQLAlchemy
        if type(error).__module__.partition(".")[0] not in _DRIVERS:
            raise
        _raise(error, shown, keyring, is_opening)


def _raise(error: BaseException, shown: str, keyring: Keyring, is_opening: bool) -> NoReturn:
    code, said = _code(error), keyring.redact(" ".join(str(error).split()))
    if code.startswith(_FULL):
        raise DiskFull(
            f"{shown}: no room left on its disk; nothing of this batch is stored; "
            "free some room, or set older events aside with noria store CONFIG retain"
        ) from None
    if code.startswith(_BUSY):
        raise StoreAway(
            f"{shown}: another process has kept it locked for {LOCK_SECONDS} s; "
            "nothing of this batch is stored; look who holds it"
        ) from None
    if code.startswith(_BROKEN):
        remedy = (
            "check the address; restore it from a backup, or import the last export into a new one"
        )
        raise InputError(
            shown, [Fault("", f"damaged, or no event store: {said}", remedy)]
        ) from None
    if code.startswith(_FORBIDDEN):
        remedy = "give the user that runs Noria the right to write it, and the folder it is in"
        raise InputError(shown, [Fault("", f"not allowed: {said}", remedy)]) from None
    if is_opening and any(words in said for words in _REFUSED_LOGIN):
        fault = Fault("", f"the server refuses: {said}", "check user, password, database and tls")
        raise InputError(shown, [fault]) from None
    if _is_lost(error, code):
        raise StoreAway(
            f"{shown}: cannot be reached: {said}; nothing is acknowledged; "
            "check the server, its address and the network"
        ) from None
    raise RuntimeError(f"{shown}: {type(error).__name__} {code}: {said}") from None


def _code(error: BaseException) -> str:
    """SQLite's name of the error, or PostgreSQL's SQLSTATE; empty where the library gives none."""
    return str(getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or "")


def _is_lost(error: BaseException, code: str) -> bool:
    """Whether time, or somebody outside, may repair it."""
    if code:
        return code.startswith(_AWAY)
    return type(error).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
