"""Names and values written in a configuration, checked before anything starts.

A state or a work unit mistyped there would put every message of its source into quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from twin.errors import Fault
from twin.ingest.mapping import Mapped
from twin.ingest.reading import column_of
from twin.ingest.registry import Registry
from twin.ingest.values import Refused


def wrong_names(sources: Sequence[Any], registry: Registry) -> list[Fault]:
    """Everything in the settings of the sources that no event could hold."""
    faults: list[Fault] = []
    for number, source in enumerate(sources):
        for where, fault in (*_wrong_constants(source, registry), *_wrong_units(source, registry)):
            faults.append(Fault(f"sources.{number}.{where}", fault))
    return faults


def _wrong_constants(mapped: Mapped, registry: Registry) -> Iterator[tuple[str, str]]:
    """Constants, defaults and translations of ``fields``."""
    for column, rule in mapped.fields.items():
        constants: dict[str, Any] = {f"values.{word}": value for word, value in rule.values.items()}
        constants |= {"value": rule.value, "default": rule.default}
        take = column_of(column, mapped.model_copy(update={"fields": {}}), registry)
        for where, constant in constants.items():
            try:
                if constant not in (None, ""):
                    take({column: constant})
            except Refused as refused:
                yield f"fields.{column}.{where}", str(refused)


def _wrong_units(source: Mapped, registry: Registry) -> Iterator[tuple[str, str]]:
    """Work units that the settings of a source name, and those of its signals."""
    check = registry.check_of("work_unit")
    signals = cast("Mapping[str, Any]", getattr(source, "signals", None) or {})
    named = dict(_units_in(source, ""))
    named |= {f"signals.{name}": signal.work_unit for name, signal in signals.items()}
    told = set()
    for where, unit in named.items():
        try:
            if check is not None and unit:
                check(unit)
        except Refused as refused:
            if unit not in told:
                yield where, str(refused)
            told.add(unit)


def _units_in(setting: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every field ``work_unit`` of the settings, with its key path."""
    if isinstance(setting, BaseModel):
        for name in type(setting).model_fields:
            value = getattr(setting, name)
            place = f"{where}.{name}" if where else name
            if name == "work_unit" and isinstance(value, str):
                yield place, value
            elif name != "fields":
                yield from _units_in(value, place)
    elif isinstance(setting, Mapping):
        for key, value in setting.items():
            yield from _units_in(value, f"{where}.{key}")
    elif isinstance(setting, list | tuple):
        for number, value in enumerate(setting):
            yield from _units_in(value, f"{where}.{number}")
