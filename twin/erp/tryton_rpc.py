"""A session with Tryton: remote calls in JSON over one connection, as its web client makes them.

Logging in gives a token that goes along with every call; that is much quicker than sending the
password each time. Tryton forgets a session that was idle (five minutes unless told otherwise):
one new login, then the call is sent again.

What Tryton answers when it does not obey is an exception here: :class:`Stale` when somebody saved
the record meanwhile, :class:`Refusal` for every other rule of its own, with its own words.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator, model_validator

from twin.errors import ErpAway, Fault, InputError
from twin.model.base import Frozen, unshown
from twin.secrets import Keyring, Secret

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PAGE = 500
"""Records asked for at once; Tryton's own limit is a few thousand."""


class Refusal(Exception):
    """Tryton understood and says no; the text is its own, without secrets."""


class Stale(Refusal):
    """Somebody saved the record since it was read."""


class Connection(Frozen):
    """Where a Tryton is and who logs in."""

    url: str
    """``https://erp.plant.example:8000``; ``http`` only on this very machine."""
    database: str = Field(min_length=1)
    user: str = Field(min_length=1)
    """A user of its own, in Tryton's group *Production* and no other."""
    password: Secret
    ca: Path | None = None
    """Certificate of the authority that signed the server's, where the system does not know it."""
    plain_http: bool = False
    """Allow ``http`` to another machine: passwords and orders are then readable on the way."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Longest wait for one answer."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("an address like https://erp.plant.example:8000 is expected") from None
        if parts.username or parts.password:
            raise unshown("the address holds a user or password; use the keys user and password")
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError("an address like https://erp.plant.example:8000 is expected")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("nothing follows the port; the database has a key of its own")
        return url

    @model_validator(mode="after")
    def _encrypted(self) -> Connection:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.plain_http:
            raise ValueError(
                "http to another machine shows the password to the network; write https, or "
                "plain_http: true"
            )
        return self


class Session:
    """A login; ``with`` it, and the connection is closed and the login ended.

    Raises
    ------
    ErpAway
        On entering and on every call: when Tryton cannot be reached, does not answer in time, or
        refuses the login.
    """

    def __init__(self, connection: Connection, keyring: Keyring, where: str = "erp") -> None:
        self.connection = connection
        self.keyring = keyring
        self.context: dict[str, Any] = {}
        """Goes along with every call: company, language, employee."""
        self.user_id = 0
        self.calls = 0
        """Sent so far."""
        self._password_at = f"{where}.password"
        self._token = ""
        self._http: http.client.HTTPConnection | None = None

    def __enter__(self) -> Session:
        try:
            self._log_in()
            self.context = dict(self.call("model.res.user.get_preferences", True))
        except BaseException:
            self._drop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, ErpAway):
            with suppress(ErpAway, Refusal, _Forgotten):  # Tryton ends it by itself in the end
                self._send("common.db.logout", (), with_token=True)
        self._drop()

    def call(self, method: str, *arguments: Any, **context: Any) -> Any:
        """The answer of a method, for example ``model.production.write``.

        Raises
        ------
        Stale, Refusal
            When Tryton says no.
        """
        message = (*arguments, {**self.context, **context})
        try:
            return self._send(method, message, with_token=True)
        except _Forgotten:
            self._log_in()
        try:
            return self._send(method, message, with_token=True)
        except _Forgotten:
            raise self._away("it ends every session at once", "see its log") from None

    def all(self, model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        """Every record of a model that fits, oldest first; ``product.code`` reads what it names."""
        found: list[dict[str, Any]] = []
        while True:
            after = [*domain, ["id", ">", found[-1]["id"]]] if found else domain
            page = self.call(
                f"model.{model}.search_read", after, 0, PAGE, [["id", "ASC"]], [*fields, "id"]
            )
            found += page
            if len(page) < PAGE:
                return found

    def _log_in(self) -> None:
        password = self.keyring.value(self.connection.password, self._password_at)
        parameters = (self.connection.user, {"password": password})
        try:
            answer = self._send("common.db.login", parameters, with_token=False)
        except (_Forgotten, Refusal) as error:
            why = f" ({error})" if isinstance(error, Refusal) else ""
            raise self._away(
                f"the login of user {self.connection.user} to database "
                f"{self.connection.database} is refused{why}",
                f"check {self._password_at} and that the user is active in Tryton",
            ) from None
        self.user_id = int(answer[0])
        login = f"{self.connection.user}:{answer[0]}:{answer[1]}"
        self._token = base64.b64encode(login.encode()).decode()

    def _send(self, method: str, parameters: tuple[Any, ...], *, with_token: bool) -> Any:
        """One call. What may have been carried out is not sent twice: the next run sees to it."""
        self.calls += 1
        body = json.dumps({"id": self.calls, "method": method, "params": parameters}, default=_pack)
        headers = {"Content-Type": "application/json"}
        if with_token:
            headers["Authorization"] = f"Session {self._token}"
        path = f"/{quote(self.connection.database, safe='')}/rpc/"
        try:
            if self._http is None:
                self._http = self._open()
            self._http.request("POST", path, body.encode(), headers)
            response = self._http.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise self._away(
                f"it cannot be reached ({_words(error)})", "see that it runs"
            ) from None
        if response.status != http.HTTPStatus.OK:
            raise self._of_status(response.status)
        try:
            answer = json.loads(content, object_hook=_unpack)
            assert isinstance(answer, dict)
        except (ValueError, AssertionError):
            raise self._away("what answers is no Tryton", "check the address") from None
        if "error" in answer:
            raise self._refusal(answer["error"])
        return answer.get("result")

    def _open(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.connection.url)
        host, seconds = parts.hostname or "", self.connection.timeout_s
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port or 80, timeout=seconds)
        try:
            trusted = ssl.create_default_context(cafile=self.connection.ca)
        except OSError as error:  # an SSLError is one too: it is no certificate
            found = f"{self.connection.ca} cannot be read as a certificate: {_words(error)}"
            fault = Fault("ca", found, "name a file in PEM form")
            raise InputError(self.connection.url, [fault]) from None
        return http.client.HTTPSConnection(
            host, parts.port or 443, timeout=seconds, context=trusted
        )

    def _drop(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None

    def _of_status(self, status: int) -> Exception:
        self._drop()
        known = {
            401: _Forgotten(),
            403: Refusal("this user may not call it (HTTP 403)"),
            404: self._away(
                f"it has no database {self.connection.database}, or is older than series 8",
                "check the database's name and that trytond was started with it",
            ),
            413: Refusal("too many records in one call (HTTP 413)"),
            429: self._away("it takes no more logins for a while", "wait some minutes"),
        }
        return known.get(status) or self._away(f"it answers HTTP {status}", "see its log")

    def _refusal(self, error: Any) -> Refusal:
        kind, told = (error[0], error[1:]) if isinstance(error, list) and error else ("", [error])
        text = self.keyring.redact(_told(kind, told))
        return Stale(text) if kind == "ConcurrencyException" else Refusal(text)

    def _away(self, found: str, remedy: str) -> ErpAway:
        return ErpAway(self.keyring.redact(f"Tryton at {self.connection.url}: {found}; {remedy}"))


class _Forgotten(Exception):
    """The session, or the login, is not known."""


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _told(kind: str, told: Any) -> str:
    """Tryton's own words in one line: the message, and the description where there is one."""
    while isinstance(told, list) and len(told) == 1:
        told = told[0]
    if isinstance(told, list):
        told = told[1:] if kind == "UserWarning" else told[:2]
        told = ": ".join(str(part) for part in told if part)
    line = " ".join(str(told).split())
    return f"it asks first: {line}" if kind == "UserWarning" else line or kind


def _pack(value: Any) -> Any:
    """Values JSON has no word for, as Tryton writes them."""
    if isinstance(value, datetime):
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime", **{name: getattr(value, name) for name in names}}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, timedelta):
        return {"__class__": "timedelta", "seconds": value.total_seconds()}
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, bytes):
        return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
    raise TypeError(f"no word of Tryton's for {type(value).__name__}")


def _unpack(content: Mapping[str, Any]) -> Any:
    """The inverse of :func:`_pack`."""
    kind = content.get("__class__")
    numbers = {name: value for name, value in content.items() if name != "__class__"}
    if kind == "datetime":
        return datetime(**numbers)
    if kind == "date":
        return date(**numbers)
    if kind == "timedelta":
        return timedelta(seconds=content["seconds"])
    if kind == "Decimal":
        return Decimal(content["decimal"])
    if kind == "bytes":
        return base64.b64decode(content["base64"])
    return content
