"""Passwords and keys: named in a configuration, held elsewhere, never shown.

A configuration says where a secret is, ``{env: NAME}`` or ``{file: PATH}``, never what it is. The
values are looked up at the door (command line, dashboard) by a :class:`Keyring`, which also takes
them out of every text that leaves: messages, logs, metrics, ledger and reports.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, model_validator

from twin.errors import Fault, InputError
from twin.model.base import HIDDEN, Frozen, hide_passwords, unshown


class SecretPlace(Frozen):
    """Where a secret is."""

    env: str = ""
    """Name of an environment variable."""
    file: Path | None = None
    """File that holds the secret and nothing else (a line end is not part of it), readable by its
    owner alone (mode 0600 or 0400). A relative path starts at the configuration's folder."""

    @model_validator(mode="after")
    def _one_of_each(self) -> SecretPlace:
        if bool(self.env) == bool(self.file):
            raise ValueError("give either env or file")
        return self


def _no_literal(value: Any) -> Any:
    if isinstance(value, str | int):
        raise unshown(
            "a secret does not stand in a configuration; write {env: NAME} or {file: PATH}"
        )
    return value


Secret = Annotated[SecretPlace, BeforeValidator(_no_literal)]
"""A field of a configuration that says where a secret is."""


@dataclass
class Keyring:
    """Looks secrets up, and hides those it has looked up from any text.

    ``environ`` is the environment as the door found it; ``folder`` the configuration's.
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    _known: set[str] = field(default_factory=set, repr=False)

    def value(self, place: SecretPlace | None, where: str) -> str:
        """The secret, or an empty text where none is asked for; ``where`` is its key path.

        Raises
        ------
        InputError
            When it is not there, empty, or in a file that others can read.
        """
        if place is None:
            return ""
        found = self._of_file(place.file, where) if place.file else self._of_env(place.env, where)
        # Libraries show values as they are, in quotation marks, in JSON, as part of an address, or
        # on one line.
        shapes = {found, repr(found)[1:-1], quote(found, safe=""), quote(found)}
        shapes |= {json.dumps(found, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
        shapes |= {" ".join(found.split()) or found}
        self._known = self._known | shapes  # a new set: other threads may be reading the old one
        return found

    def redact(self, text: str) -> str:
        """The text without any secret looked up so far, nor any password in an address."""
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return hide_passwords(text)

    def _of_env(self, name: str, where: str) -> str:
        found = self.environ.get(name, "")
        if not found:
            fault = Fault(where, f"environment variable {name} is not set or empty", "set it")
            raise InputError("secrets", [fault])
        return found

    def _of_file(self, path: Path, where: str) -> str:
        path = self.folder / path
        try:
            with path.open(encoding="utf-8") as file:
                facts = os.fstat(file.fileno())
                found = file.read().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            fault = Fault(where, f"{path} cannot be read: {reason}", "check the path and its owner")
            raise InputError("secrets", [fault]) from None
        if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(facts.st_mode)
            found_mode = f"{path} has mode {mode:04o}: others can read or change it"
            raise InputError("secrets", [Fault(where, found_mode, f"chmod 600 {path}")])
        if not found:
            raise InputError("secrets", [Fault(where, f"{path} is empty", "write the secret")])
        return found


def secrets_of(setting: Any, where: str = "") -> Iterator[tuple[str, SecretPlace]]:
    """Every place of a secret in settings, with its key path."""
    if isinstance(setting, SecretPlace):
        yield where, setting
    elif isinstance(setting, BaseModel):
        for name in type(setting).model_fields:
            yield from secrets_of(getattr(setting, name), f"{where}.{name}" if where else name)
    elif isinstance(setting, Mapping):
        for name, each in setting.items():
            yield from secrets_of(each, f"{where}.{name}" if where else str(name))
    elif isinstance(setting, list | tuple):
        for number, each in enumerate(setting):
            yield from secrets_of(each, f"{where}.{number}")


def look_up_secrets(setting: Any, keyring: Keyring) -> None:
    """Look every secret up before anything starts, so that all missing ones are told together.

    Raises
    ------
    InputError
        With every secret that cannot be had.
    """
    faults: list[Fault] = []
    for where, place in secrets_of(setting):
        try:
            keyring.value(place, where)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError("secrets", faults)
