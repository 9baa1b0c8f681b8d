"""The form in which quarantine keeps a message with its fields and its key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

MARK = "noria_fields"


def raw_with_fields(fields: Mapping[str, Any], key: str, **more: str) -> str:
    """Fields and key as quarantine keeps them; :func:`values_of` reads them back."""
    kept = {MARK: dict(fields), "key": key, **more}
    return json.dumps(kept, default=plain, skipkeys=True, ensure_ascii=False)


def values_of(raw: str) -> tuple[dict[str, Any], str] | None:
    """The fields and the key of a message kept with them; None where it has none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if MARK in found and isinstance(found[MARK], dict):
        return found[MARK], str(found.get("key", ""))
    return found, ""


def plain(value: Any) -> Any:
    """A value of a library as JSON; a time as ISO text, which reads the same."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    return str(value)
