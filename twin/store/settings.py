"""Where the event store is, as a configuration says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import field_validator, model_validator

from twin.model.base import Frozen, unshown
from twin.secrets import Secret

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_FORMS = "sqlite:///events.sqlite or postgresql://user@host/database"


class PostgresTls(Frozen):
    """How the line to a PostgreSQL server is encrypted and who is trusted."""

    mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "verify-full"
    """As libpq's sslmode. *verify-full* also checks that the certificate names the host."""
    ca: Path | None = None
    """Certificates trusted to sign the server's; default: those of the operating system."""
    cert: Path | None = None
    """Own certificate, where the server asks for one."""
    key: Path | None = None
    """Key of the own certificate; readable by its owner alone."""

    @model_validator(mode="after")
    def _pair(self) -> PostgresTls:
        if bool(self.cert) != bool(self.key):
            raise ValueError("cert and key go together")
        return self


class StoreSettings(Frozen):
    """The event store. In YAML also the bare URL: ``store: sqlite:///events.sqlite``."""

    url: str
    """``sqlite:///FILE``, relative to the configuration's folder (``sqlite:////var/lib/…`` is
    absolute), or ``postgresql://USER@HOST:PORT/DATABASE``. No password stands in it."""
    password: Secret | None = None
    """Of the PostgreSQL user."""
    tls: PostgresTls | None = None
    """Default: encrypted where the server offers it, without checking who it is (``prefer``)."""

    @model_validator(mode="before")
    @classmethod
    def _of_url(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            has_password, port = parts.password is not None, parts.port
        except ValueError:
            raise unshown(f"this is no address; write {_FORMS}") from None
        if has_password:
            raise unshown("a password does not stand in an address; write it under password")
        if parts.query or parts.fragment:
            raise unshown("an address has no ? or # here; TLS goes under tls")
        if parts.scheme == SQLITE:
            if parts.netloc or len(parts.path) < 2 or parts.path.endswith("/"):
                raise unshown(f"write three slashes and a file: {_FORMS}")
        elif parts.scheme == POSTGRESQL:
            if not parts.hostname or not parts.path.strip("/") or not parts.username:
                raise unshown(f"user, host or database is missing: {_FORMS}")
            if "/" in parts.path[1:] or port == 0:
                raise unshown(f"this is no address; write {_FORMS}")
        else:
            raise unshown(f"write {_FORMS}")
        return url

    @model_validator(mode="after")
    def _fitting(self) -> StoreSettings:
        if self.file is not None and (self.password or self.tls):
            raise ValueError("password and tls are for PostgreSQL; a SQLite file has its mode")
        return self

    @property
    def file(self) -> Path | None:
        """The SQLite file; none for PostgreSQL."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path[1:])) if parts.scheme == SQLITE else None

    def located(self, folder: Path) -> StoreSettings:
        """The same with paths that start at the configuration's folder."""
        changes: dict[str, Any] = {}
        if self.file is not None:
            changes["url"] = sqlite_url(folder.absolute() / self.file)
        if self.tls is not None:
            paths = {name: getattr(self.tls, name) for name in ("ca", "cert", "key")}
            found = {name: folder.absolute() / path for name, path in paths.items() if path}
            changes["tls"] = self.tls.model_copy(update=found)
        return self.model_copy(update=changes)


def sqlite_url(file: Path) -> str:
    """Address of a SQLite file.

    >>> sqlite_url(Path("/var/lib/noria/a b.sqlite"))
    'sqlite:////var/lib/noria/a%20b.sqlite'
    """
    from urllib.parse import quote

    return f"{SQLITE}:///{quote(str(file))}"
