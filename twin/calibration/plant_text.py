"""A plant as YAML that people can read, with a comment where something was inferred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import yaml

from twin.model.plant import Plant

WIDTH = 96
"""Columns of a line of comment."""


@dataclass(frozen=True)
class Note:
    """What something in a plant rests on."""

    where: str
    """``plant``, or a part of the plant and an id: ``work_units.ID4618``."""
    text: str


def commented_yaml(plant: Plant, notes: Iterable[Note]) -> str:
    """YAML of a plant with each note above what it is about; defaults are left out."""
    by_place: dict[str, list[str]] = defaultdict(list)
    for note in notes:
        by_place[note.where].append(note.text)
    content = plant.model_dump(mode="json", exclude_defaults=True)
    lines = [line for text in by_place["plant"] for line in _comment(text, "")]
    for key, value in content.items():
        if isinstance(value, list):
            lines += [f"{key}:", *_items(key, value, by_place)]
        else:
            lines += _dump({key: value}, None if isinstance(value, dict) else False)
    return "\n".join(lines) + "\n"


def _items(key: str, items: list[dict[str, Any]], by_place: dict[str, list[str]]) -> Iterator[str]:
    for item in items:
        for text in by_place.get(f"{key}.{item['id']}", []):
            yield from _comment(text, "  ")
        first, *rest = _dump(item)
        yield f"  - {first}"
        yield from (f"    {line}" for line in rest)


def _dump(value: Any, flow: bool | None = None) -> list[str]:
    """YAML lines; short lists and mappings stay on one line."""
    text = yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=10_000
    )
    return text.rstrip("\n").split("\n")


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in wrap(text, WIDTH - len(indent))]
