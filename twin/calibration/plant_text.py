"""A plant found in a log, and its YAML with a comment wherever something was inferred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import yaml

from twin.calibration.estimates import Calibration
from twin.model.plant import Plant, checked

WIDTH = 96
"""Columns of a line of comment."""
NAMES = ("id", "operation", "after")
"""Keys by which an item of a list is spoken of."""
Notes = Mapping[str, list[str]]


@dataclass(frozen=True)
class Note:
    """What something in a plant rests on."""

    where: str
    """``plant``, a part of the plant and an id (``work_units.ID4618``), or one value inside it:
    ``work_units.ID4618.processing.mill.time.A1``."""
    text: str


@dataclass(frozen=True)
class Discovery:
    """A plant found in a log, and how surely."""

    plant: Plant
    notes: tuple[Note, ...]
    """What each thing rests on."""
    calibration: Calibration | None = None
    """The estimates put into it; None for a log of reports."""
    neutral: Plant | None = None
    """The plant without these estimates, for those who calibrate it anew on the same log: what the
    log says would count twice otherwise. None for a log of reports."""

    def __post_init__(self) -> None:
        checked(self.plant, f"discovered plant {self.plant.id}")


def plant_yaml(discovery: Discovery) -> str:
    """The plant as YAML with the notes as comments; ``load_plant`` reads it back to the same."""
    return commented_yaml(discovery.plant, discovery.notes)


def commented_yaml(plant: Plant, notes: Iterable[Note]) -> str:
    """YAML of a plant; notes on an item stand above it, notes on a value behind it.

    Defaults are left out, and with them the notes on them.
    """
    by_place: dict[str, list[str]] = defaultdict(list)
    for note in notes:
        by_place[note.where].append(note.text)
    content = _told(
        plant.model_dump(mode="json", exclude_defaults=True), plant.model_dump(mode="json")
    )
    lines = [line for text in by_place["plant"] for line in _comment(text, "")]
    for key, value in content.items():
        lines += _lines(key, value, key, by_place)
    return "\n".join(lines) + "\n"


def _told(told: Any, whole: Any) -> Any:
    """What is left of a plant without its defaults, and the name of every law in it."""
    if isinstance(told, dict):
        law = {"law": whole["law"]} if "law" in whole else {}
        return law | {key: _told(inner, whole[key]) for key, inner in told.items()}
    if isinstance(told, list):
        return [_told(inner, other) for inner, other in zip(told, whole, strict=True)]
    return told


def _lines(key: str, value: Any, place: str, notes: Notes) -> Iterator[str]:
    """One key with its value; it stays on one line where nothing inside has a note."""
    about = notes.get(place, [])
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield from _head(key, about)
        for item in value:
            yield from (f"  {line}" for line in _item(item, place, notes))
    elif isinstance(value, dict) and _is_deep(value, place, notes):
        yield from _head(key, about)
        for name, inner in value.items():
            yield from (f"  {line}" for line in _lines(name, inner, f"{place}.{name}", notes))
    else:
        yield _with_comment(_flow({key: value}), about)


def _item(item: dict[str, Any], place: str, notes: Notes) -> Iterator[str]:
    name = next((item[k] for k in NAMES if k in item), "")
    here = f"{place}.{name}"
    for text in notes.get(here, []):
        yield from _comment(text, "")
    mark = "- "
    for key, value in item.items():
        for line in _lines(key, value, f"{here}.{key}", notes):
            yield mark + line
            mark = "  "


def _is_deep(value: dict[str, Any], place: str, notes: Notes) -> bool:
    """Whether a mapping is written over several lines."""
    if any(isinstance(inner, dict | list) for inner in value.values()):
        return True
    return any(notes.get(f"{place}.{name}") for name in value)


def _head(key: str, about: list[str]) -> Iterator[str]:
    for text in about:
        yield from _comment(text, "")
    yield _flow({key: None}).removesuffix(" null")


def _with_comment(line: str, about: list[str]) -> str:
    return f"{line}  # {'; '.join(about)}" if about else line


def _flow(value: dict[str, Any]) -> str:
    """YAML of one key on one line."""
    (key,) = value
    text = yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100_000
    )
    if text.count("\n") > 1:
        inner = yaml.safe_dump(
            value[key], sort_keys=False, allow_unicode=True, default_flow_style=True, width=100_000
        )
        text = f"{_flow({key: None}).removesuffix(' null')} {inner}"
    return text.rstrip("\n")


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in wrap(text, WIDTH - len(indent))]
