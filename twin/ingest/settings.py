"""The configuration of ``noria ingest``: the store, the plant's names, and the sources.

A kind of source is a line in :data:`AnySource`; its settings are the fields of its class. Relative
paths, of sources as well, start at the configuration's folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from twin.errors import Fault, InputError, did_you_mean
from twin.ingest.b2mml_performance import B2mmlSource
from twin.ingest.drop_folder import DropFolderSource
from twin.ingest.meters import MeterSource
from twin.ingest.mqtt import MqttSource
from twin.ingest.opcua import OpcUaSource
from twin.ingest.signature import Source
from twin.ingest.sparkplug import SparkplugSource
from twin.ingest.sql_tables import SqlSource
from twin.ingest.vision import VisionSource
from twin.model.base import Frozen, read_yaml, validate
from twin.secrets import SecretPlace
from twin.store.settings import StoreSettings

AnySource = Annotated[
    B2mmlSource
    | DropFolderSource
    | MqttSource
    | OpcUaSource
    | SparkplugSource
    | MeterSource
    | SqlSource
    | VisionSource,
    Field(discriminator="kind"),
]
"""Every kind of source; a new connector adds its class here."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Metrics(Frozen):
    """Where the health of the sources is told."""

    file: Path | None = None
    """Text file for Prometheus' node exporter (its textfile collector); its name ends in .prom."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port on this machine alone (127.0.0.1) at which Prometheus may ask; 0: none."""
    every_s: Annotated[float, Field(ge=1, le=300)] = 5.0
    """How often the files are written [s]."""
    silent_after_s: Annotated[float, Field(gt=0)] = 60.0
    """A source that has not been heard of for so long is reported as silent [s]. It says nothing of
    the plant, which may rest: it is the connector that no longer turns."""


def _names_of_units(value: Any) -> Any:
    if isinstance(value, str | Path):
        return {"file": value}
    if isinstance(value, dict) and "names" not in value and "file" not in value:
        return {"names": value}
    return value


class Equipment(Frozen):
    """Other names of work units, as the sources know them; in the configuration, or in a file."""

    names: dict[str, list[str]] = Field(default_factory=dict)
    """For each work unit of the plant its other names: {PRESS-1: [press1, Line1/Press1]}."""
    file: Path | None = None
    """YAML file with such a list."""


class IngestConfig(Frozen):
    """What ``noria ingest`` is told."""

    store: StoreSettings
    """The event store: an address, or address and password."""
    plant: Path | None = None
    """Plant description. Names of work units, operations and products that it does not have put a
    message into quarantine. Without it all names are taken as they come, those of ``equipment``
    translated."""
    equipment: Annotated[Equipment, BeforeValidator(_names_of_units)] = Equipment()
    """Other names of work units: a list, or the path of a file with the list."""
    free_names: list[Literal["operation", "product"]] = Field(default_factory=list)
    """Columns whose names need not be in the plant description."""
    metrics: Metrics = Metrics()
    state: Path | None = None
    """Folder of the lock and of the status file; default: that of the configuration."""
    sources: list[AnySource] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_different(self) -> Self:
        names = [source.name for source in cast("list[Source]", self.sources)]
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f'the source name "{name[:80]}" is not made of at most 64 letters without '
                    "accents, digits and . _ -, the first a letter or digit"
                )
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f'two sources have the name "{name}"; positions are kept by name')
        return self

    def located(self, folder: Path) -> IngestConfig:
        """The same with every path, of the sources as well, from the configuration's folder."""
        store = self.store.located(folder)
        rest = {name: _located(getattr(self, name), folder) for name in _WITH_PATHS}
        return self.model_copy(update={"store": store, **rest})


_WITH_PATHS = ("plant", "equipment", "metrics", "state", "sources")


def _located(value: Any, folder: Path) -> Any:
    """A setting with its paths from a folder; those of secrets are the keyring's business."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, list | tuple):
        return type(value)(_located(each, folder) for each in value)
    if isinstance(value, dict):
        return {key: _located(each, folder) for key, each in value.items()}
    if isinstance(value, BaseModel) and not isinstance(value, SecretPlace):
        found = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: _located(each, folder) for name, each in found.items()}
        return value.model_copy(update={n: v for n, v in changed.items() if v is not found[n]})
    return value


def load_ingest(path: Path) -> IngestConfig:
    """Read a configuration; its paths start at its folder.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    content = read_yaml(path)
    _check_kinds(content, str(path))
    return validate(content, IngestConfig, str(path)).located(path.parent)


def kinds() -> list[str]:
    """Every kind of source there is, as written after ``kind:``."""
    variants = get_args(get_args(AnySource)[0]) if get_args(AnySource) else ()
    return [str(variant.model_fields["kind"].default) for variant in variants]


def _check_kinds(content: Any, source: str) -> None:
    """A kind that does not exist hides all other faults of a source: it is said first."""
    found = content.get("sources") if isinstance(content, Mapping) else None
    faults = []
    for number, entry in enumerate(found if isinstance(found, list) else ()):
        kind = entry.get("kind") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping):
            fault = Fault(f"sources.{number}", "a mapping of keys is expected, kind among them")
            faults.append(fault)
        elif kind is None:
            faults.append(Fault(f"sources.{number}.kind", "missing", did_you_mean("", kinds())))
        elif kind not in kinds():
            where = f"sources.{number}.kind"
            faults.append(Fault(where, f'no kind "{kind}"', did_you_mean(str(kind), kinds())))
    if faults:
        raise InputError(source, faults)
