"""The lines in which PostgreSQL's plug-in ``test_decoding`` tells changes, read strictly.

::

    table mes.events: INSERT: id[bigint]:7 note[text]:'it''s "7"' good[numeric]:12.50 lot[text]:null

Names that need it stand in double quotes, values in single ones; quotes within are doubled. A line
that does not read so to its last letter is an error, never half a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from twin.ingest.sql_reading import plain

_NAME = r'(?:"(?:[^"]|"")+"|[^\s":\[\].,]+)'
_LINE = re.compile(rf"table (?P<table>{_NAME}\.{_NAME}): (?P<kind>INSERT|UPDATE|DELETE):")
_COLUMN = re.compile(
    rf" (?P<name>{_NAME})"
    r'\[(?P<type>(?:[^\[\]"]|"(?:[^"]|"")*"|\[\])+)\]:'
    r"(?:'(?P<quoted>(?:[^']|'')*)'|B'(?P<bits>[01]*)'|(?P<bare>[^\s']+))(?= |$)"
)
_OLD, _NEW = " old-key:", " new-tuple:"
UNTOLD = "unchanged-toast-datum"
_WHOLE = ("smallint", "integer", "bigint", "oid")
_FRACTION = ("real", "double precision")


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a changed row."""

    type: str
    text: str | None
    is_told: bool = True
    """A large value that an update did not touch is not told."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row inserted, updated (as it is now) or deleted."""

    table: str
    """As ``quote_ident`` writes schema and table."""
    kind: str
    cells: Mapping[str, Cell]


def read_change(line: str) -> Change:
    """One line of a changed row.

    Raises
    ------
    ValueError
        When it is not exactly of that form.
    """
    head = _LINE.match(line)
    if not head:
        raise ValueError("this is no change of a row as test_decoding tells it")
    at, kind = head.end(), head["kind"]
    if line[at:] == " (no-tuple-data)":
        return Change(head["table"], kind, {})
    if kind == "UPDATE" and line.startswith(_OLD, at):
        _, at = _cells(line, at + len(_OLD))
        if not line.startswith(_NEW, at):
            raise ValueError(f"after column {at} the new row is expected")
        at += len(_NEW)
    cells, at = _cells(line, at)
    if at != len(line) or not cells:
        raise ValueError(f"column {at + 1} does not read as name[type]:value")
    return Change(head["table"], kind, cells)


def _cells(line: str, at: int) -> tuple[dict[str, Cell], int]:
    cells: dict[str, Cell] = {}
    while found := _COLUMN.match(line, at):
        at = found.end()
        name = _unquoted(found["name"])
        if name in cells:
            raise ValueError(f'column "{name}" comes twice')
        cells[name] = _cell(found)
    return cells, at


def _cell(found: re.Match[str]) -> Cell:
    kind, bare = found["type"], found["bare"]
    if found["quoted"] is not None:
        return Cell(kind, found["quoted"].replace("''", "'"))
    if found["bits"] is not None:
        return Cell(kind, found["bits"])
    if bare == UNTOLD:
        return Cell(kind, None, is_told=False)
    return Cell(kind, None if bare == "null" else bare)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def values_of(change: Change, columns: Iterable[str]) -> dict[str, Any]:
    """These columns of the row, as the same values that a query gives.

    Raises
    ------
    ValueError
        When one is an array, was not told, or does not read as its type.
    """
    return {name: _value(name, change.cells[name]) for name in columns if name in change.cells}


def _value(name: str, cell: Cell) -> Any:
    kind = cell.type.partition("(")[0].strip()
    if not cell.is_told:
        raise ValueError(f"the large value of {name} was not told; ALTER TABLE … REPLICA "
                         "IDENTITY FULL, or poll the table")  # fmt: skip
    if cell.text is None:
        return None
    if cell.type.endswith("[]"):
        raise ValueError(f"{name} is an array ({cell.type}); arrays are not read")
    try:
        return _of_type(kind, cell)
    except (ValueError, InvalidOperation):
        raise ValueError(f'{name} got "{cell.text[:80]}"; {cell.type} is expected') from None


def _of_type(kind: str, cell: Cell) -> Any:
    text = cell.text or ""
    if kind in _WHOLE:
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}[text] if text in ("true", "false") else int("")
    if kind == "numeric":
        return plain(Decimal(text))
    if kind in _FRACTION:
        return plain(float(text))
    if kind.startswith("timestamp"):
        return text if "infinity" in text or "BC" in text else plain(datetime.fromisoformat(text))
    if kind in ("json", "jsonb"):
        return plain(json.loads(text))
    if kind == "bytea":
        return text.replace("\\x", "0x", 1)
    return text
