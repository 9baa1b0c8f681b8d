"""What a reader is looking at, as the query of the address: one parser, one writer, inverse.

Reload, Back and a copied link bring the same view, because nothing of it is kept elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, cast, get_args
from urllib.parse import parse_qsl, urlencode

from dashboards.tokens import Theme

SPANS: Mapping[str, int] = MappingProxyType({"shift": 480, "day": 1440, "36h": 2160, "week": 10080})
"""Lengths of time to look at that have a button of their own [min]."""
LONGEST = 99_999
"""Farthest minute and longest span an address can name [min]."""
SHORTEST = 15
"""Shortest span [min]."""

_JOB = re.compile(r"[0-9]{1,6}", re.ASCII)
_MINUTES = re.compile(r"-?[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True)
class View:
    """The choices of one reader; a default stands for no choice and is not written."""

    theme: Theme = "light"
    begin: int = 0
    """First minute of the plan in view, from the horizon's start."""
    span: int = SPANS["36h"]
    """Length of the time in view [min]."""
    order: str = ""
    """The selected work order."""
    job: str = ""
    """Number of the what-if on show."""
    beside: str = ""
    """Number of a second what-if, compared with the same base."""


def view_of(query: Mapping[str, Any]) -> View:
    """The view of a parsed query; a value nobody could have written counts as no choice."""
    theme = _first(query, "theme")
    job, beside = (_matching(_JOB, _first(query, key)) for key in ("job", "beside"))
    return View(
        theme=cast(Theme, theme) if theme in get_args(Theme) else "light",
        begin=_minutes(_first(query, "begin"), -LONGEST, 0),
        span=_minutes(_first(query, "span"), SHORTEST, SPANS["36h"]),
        order=_first(query, "order"),
        job=job,
        beside="" if beside == job else beside,
    )


def parse_view(search: str) -> View:
    """The view written in an address's query, with or without its question mark.

    >>> parse_view("?order=4111&theme=dark").order
    '4111'
    """
    return view_of(dict(parse_qsl(search.removeprefix("?"))))


def write_view(view: View) -> str:
    """The query that brings a view back; empty for the default view.

    >>> write_view(View(order="4111", theme="dark"))
    '?theme=dark&order=4111'
    """
    default = asdict(View())
    chosen = {key: value for key, value in asdict(view).items() if value != default[key]}
    return f"?{urlencode(chosen)}" if chosen else ""


def _first(query: Mapping[str, Any], key: str) -> str:
    value = query.get(key, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value)


def _matching(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""


def _minutes(text: str, least: int, default: int) -> int:
    value = int(_matching(_MINUTES, text) or default)
    return value if least <= value <= LONGEST else default
