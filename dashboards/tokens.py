"""Colours of the interface, light and dark: one mapping for figures, repeated as CSS variables.

Grey-blue is normal; a saturated colour means late, down or the reader's own selection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Tokens:
    """One theme: every colour by what it means, as ``#RRGGBB``."""

    background: str
    surface: str
    raised: str
    line: str
    grid: str
    ink: str
    muted: str
    accent: str
    good: str
    bad: str
    warn: str
    working: str
    setup: str
    standby: str
    waiting: str
    """Blocked or starved."""
    down: str
    maintenance: str
    late: str
    off_shift: str
    off_shift_hatch: str
    on_fill: str
    """Text on the fills of states."""
    on_maintenance: str
    """Text on the fill of maintenance."""
    on_accent: str
    price: tuple[str, ...]
    """Ramp from cheap to dear; lightness goes one way."""
    carbon: tuple[str, ...]
    """Ramp from clean to dirty; lightness goes one way."""
    categories: tuple[str, ...]
    """Products or footprint parts; never the colour of a state."""
    solar: str
    font: str = "Inter Variable, Inter, system-ui, sans-serif"


LIGHT = Tokens(
    background="#F2F4F6", surface="#FFFFFF", raised="#F8F9FB", line="#DCE1E7", grid="#E9EDF1",
    ink="#16202B", muted="#566270", accent="#0B6480",
    good="#1B7A5A", bad="#B3261E", warn="#8A5A00",
    working="#AFBECD", setup="#5E6B7A", standby="#DFE4E9", waiting="#E9C46A",
    down="#C62828", maintenance="#7A5BA8", late="#E37B40",
    off_shift="#EEF1F4", off_shift_hatch="#E2E7EC",
    on_fill="#16202B", on_maintenance="#FFFFFF", on_accent="#FFFFFF",
    price=("#EDF1F7", "#B9C6DC", "#5B6F99"),
    carbon=("#F7EBD3", "#D9B27C", "#9A6637", "#5B3517"),
    categories=("#A3B5C8", "#566879", "#7FA58B", "#D3AC63"),
    solar="#C9A227",
)  # fmt: skip

DARK = Tokens(
    background="#11161C", surface="#192028", raised="#1F2731", line="#2E3844", grid="#252E38",
    ink="#E8EDF2", muted="#A6B1BD", accent="#66C5E0",
    good="#4CC38A", bad="#FF8A80", warn="#E8B84A",
    working="#71879F", setup="#A9B6C4", standby="#3A4653", waiting="#F0D98A",
    down="#F0564E", maintenance="#A98BD6", late="#E87A3C",
    off_shift="#151B22", off_shift_hatch="#1D242D",
    on_fill="#0F1720", on_maintenance="#0F1720", on_accent="#0F1720",
    price=("#26303D", "#4A5F86", "#9DB4E6"),
    carbon=("#3A2E20", "#7A5631", "#C08A4E", "#F0D3A0"),
    categories=("#A3B5C8", "#566879", "#7FA58B", "#D3AC63"),
    solar="#C9A227",
)  # fmt: skip

TOKENS: Mapping[Theme, Tokens] = MappingProxyType({"light": LIGHT, "dark": DARK})


def css_variables(tokens: Tokens) -> dict[str, str]:
    """CSS custom properties of a theme: ``--name`` for a colour, ``--name-1`` … for a ramp.

    >>> css_variables(LIGHT)["--off-shift"], css_variables(LIGHT)["--price-3"]
    ('#EEF1F4', '#5B6F99')
    """
    found: dict[str, str] = {}
    for field in fields(tokens):
        value = getattr(tokens, field.name)
        name = "--" + field.name.replace("_", "-")
        if isinstance(value, tuple):
            found.update({f"{name}-{i}": colour for i, colour in enumerate(value, 1)})
        elif field.name != "font":
            found[name] = value
    return found


def with_alpha(colour: str, alpha: float) -> str:
    """``rgba(…)`` of a ``#RRGGBB`` colour.

    >>> with_alpha("#0B6480", 0.05)
    'rgba(11,100,128,0.05)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"
