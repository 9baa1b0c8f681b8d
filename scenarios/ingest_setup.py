"""A configuration of ``noria ingest`` with everything that belongs to it, checked as a whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from twin.errors import Fault, InputError
from twin.ingest.health import status_file
from twin.ingest.names_check import wrong_names
from twin.ingest.registry import Registry, load_registry
from twin.ingest.settings import IngestConfig, load_ingest
from twin.ingest.signature import Source
from twin.secrets import Keyring, look_up_secrets


@dataclass(frozen=True)
class Setup:
    """A configuration with everything that belongs to it."""

    path: Path
    config: IngestConfig
    keyring: Keyring
    registry: Registry

    @property
    def sources(self) -> list[Source]:
        return cast("list[Source]", self.config.sources)

    @property
    def status(self) -> Path:
        return status_file(self.path, self.config)

    @property
    def lock(self) -> Path:
        return lock_of(self.status)


def load_setup(path: Path, *, needs_sources: bool = True) -> Setup:
    """Read a configuration, its names and its secrets; without sources, that of the store alone.

    Raises
    ------
    InputError
        With every fault of all of them.
    """
    config = load_ingest(path)
    keyring = Keyring(os.environ, path.absolute().parent)
    faults: list[Fault] = []
    registry = Registry()
    try:
        look_up_secrets(config if needs_sources else {"store": config.store}, keyring)
    except InputError as error:
        faults += error.faults
    named = [place for place in (config.plant, config.equipment.file) if place is not None]
    missing = [Fault(str(p), "no such file", "check the path") for p in named if not p.is_file()]
    faults += missing
    try:
        if not missing:
            registry = load_registry(config)
            faults += wrong_names(config.sources, registry)
    except InputError as error:
        faults += [Fault(error.source, str(fault)) for fault in error.faults]
    if faults:
        raise InputError(str(path), faults)
    return Setup(path, config, keyring, registry)


def lock_of(status: Path) -> Path:
    """The lock beside a status file."""
    return status.with_name(f".{status.name.removesuffix('.status.json')}.ingest.lock")
