"""Colours: one table for figures and CSS, readable text, ramps that go one way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dashboards
from dashboards.figures.ribbons import contrast
from dashboards.tokens import TOKENS, Theme, Tokens, css_variables

STYLE = Path(dashboards.__file__).parent / "assets" / "style.css"
THEMES: tuple[Theme, ...] = ("light", "dark")
SELECTOR = {"light": ":root", "dark": '[data-theme="dark"]'}


def css_block(theme: Theme) -> dict[str, str]:
    found = re.search(re.escape(SELECTOR[theme]) + r" \{(.*?)\}", STYLE.read_text("utf-8"), re.S)
    assert found
    return dict(re.findall(r"(--[\w-]+): (#[0-9A-F]{6});", found[1]))


def lightness(colour: str) -> float:
    """CIELAB L* of a colour under D65."""
    linear = []
    for i in (1, 3, 5):
        c = int(colour[i : i + 2], 16) / 255
        linear.append(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * y ** (1 / 3) - 16 if y > (6 / 29) ** 3 else 903.3 * y


@pytest.mark.parametrize("theme", THEMES)
def test_the_style_sheet_repeats_the_tokens(theme: Theme) -> None:
    assert css_block(theme) == css_variables(TOKENS[theme])


def text_pairs(t: Tokens) -> list[tuple[str, str]]:
    on_surfaces = [
        (text, back)
        for text in (t.ink, t.muted, t.accent, t.good, t.bad, t.warn)
        for back in (t.background, t.surface, t.raised)
    ]
    on_fills = [(t.on_fill, t.working), (t.on_fill, t.late), (t.on_maintenance, t.maintenance)]
    return [*on_surfaces, *on_fills, (t.on_accent, t.accent)]


@pytest.mark.parametrize("theme", THEMES)
def test_text_has_a_contrast_of_at_least_4_5(theme: Theme) -> None:
    weak = {pair: contrast(*pair) for pair in text_pairs(TOKENS[theme]) if contrast(*pair) < 4.5}
    assert weak == {}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ramp", ["price", "carbon"])
def test_more_is_darker_on_light_and_lighter_on_dark(theme: Theme, ramp: str) -> None:
    steps = [lightness(colour) for colour in getattr(TOKENS[theme], ramp)]
    assert steps == sorted(steps, reverse=theme == "light")
    assert len(set(steps)) == len(steps)


def test_the_style_sheet_loads_nothing_from_outside() -> None:
    sources = re.findall(r"url\(([^)]+)\)", STYLE.read_text("utf-8"))
    assert sources
    assert all((STYLE.parent / source).is_file() for source in sources)
