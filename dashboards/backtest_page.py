"""The page of a backtest: one HTML file with everything inside. Start at :func:`write_page`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from dashboards import report_sections as sections
from dashboards.figures import numbers
from dashboards.figures.backtest import fan_figure, pit_figure
from dashboards.html_report import page
from scenarios.backtest import Backtest, Span
from scenarios.backtest_text import AHEAD, distance_rows, number, percent, remarks, shortfall
from scenarios.backtest_verdict import LEVEL, Trust, Verdict, in_one_sentence, verdicts
from twin.accounting.indicators import Key
from twin.accounting.scoring import LEVELS
from twin.connectors.whole_files import write_text

MOST_FANS = 7
"""Figures drawn of each length of forecast: those of the plant, then of products and units."""
_TONES: dict[Trust, str] = {"trusted": "good", "with care": "warn", "not": "bad"}


def write_page(path: Path, found: Backtest) -> None:
    """Write the page of a backtest with at least one origin; it is there whole or not at all."""
    judged = list(verdicts(found))
    name = found.plant.name or found.plant.id
    body = [_heading(name, found, judged)]
    for span in found.spans:
        mine = [v for v in judged if v.span == span]
        title = f"Forecasts {AHEAD[span]}"
        body += [
            sections.card(f"{title}: what to trust", "", _verdict_table(mine)),
            sections.card(
                title, "the actual value should lie inside nine ranges of ten", _fans(found, span)
            ),
            sections.card(
                f"{title}: coverage and skill",
                "share of actual values inside the range of each level",
                _score_table(mine, found),
            ),
            sections.card(
                f"{title}: where actual values lay in their forecasts",
                "dotted: evenly spread, as they should be; a hill: too wide; a bowl: too narrow",
                _html(pit_figure({v.label: v.score.pit for v in mine}), f"pit-{span}"),
            ),
        ]
    body.append(
        sections.card(
            "Simulated logs against real ones", "0 is the same; beside it, how far two real "
            "stretches of the same length are apart", _distance_table(found),
        )
    )  # fmt: skip
    said = [*found.notes, *remarks(found), *filter(None, [shortfall(found)])]
    items = "".join(f"<li>{escape(note)}</li>" for note in said)
    body.append(sections.card("To know when reading this", "", f"<ul>{items}</ul>"))
    write_text(path, page(f"{name}: backtest", "\n".join(body)))


def _heading(name: str, found: Backtest, judged: Sequence[Verdict]) -> str:
    zone = found.plant.zone
    first, last = (f(found.origins).astimezone(zone) for f in (min, max))
    identity = (
        f"Backtest · {len(found.origins)} origins from {numbers.moment(first)} to "
        f"{numbers.moment(last)} · {found.effort.replications} replications each"
    )
    return (
        f'<header class="title"><h1>{escape(name)}</h1>'
        f'<span class="muted">{escape(identity)}</span></header>'
        f'<p class="lead"><strong>What this twin can be trusted with.</strong> '
        f"{escape(in_one_sentence(judged))}</p>"
    )


def _verdict_table(judged: Sequence[Verdict]) -> str:
    rows = [
        [
            f"<strong>{escape(v.label)}</strong>",
            f'<span class="{_TONES[v.trust]}">{sections.mark(_TONES[v.trust])} {v.trust}</span>',
            escape(v.why),
        ]
        for v in judged
    ]
    return sections.table([("Figure", "nowrap"), ("Trust", "nowrap"), ("Why", "")], rows)


def _fans(found: Backtest, span: Span) -> str:
    """The figures of the plant, then the largest of products and work units."""
    keys = found.keys(span)
    chosen = [key for key in keys if key.kind == "plant"]
    for figure in ("good_pieces", "working_h", "down_h"):
        rest = [k for k in keys if k.kind != "plant" and k.figure == figure]
        rest.sort(key=lambda key: -_mean_actual(found, key, span))
        chosen += rest[:2]
    return _html(fan_figure(found, chosen[:MOST_FANS], span), f"fan-{span}")


def _mean_actual(found: Backtest, key: Key, span: Span) -> float:
    values = [check.verified.actual for check in found.of(key, span)]
    return sum(values) / len(values)


def _score_table(judged: Sequence[Verdict], found: Backtest) -> str:
    head = [("Figure", ""), ("Forecasts", "number")]
    head += [(f"in {level:.0%}", "number") for level in LEVELS]
    head += [("Width 90 %", "number")]
    head += [("by chance", "number")] if found.has_draws else []
    head += [("Mean error", "number"), ("Skill", "number"), ("against", ""), ("PIT", "nowrap")]
    rows = []
    for v in judged:
        s = v.score
        chance = [percent(v.by_chance.width[LEVEL])] if found.has_draws else []
        rows.append(
            [
                f"<strong>{escape(v.label)}</strong>", str(s.n),
                *(percent(s.coverage[level]) for level in LEVELS),
                percent(s.width[LEVEL]), *chance, f"{numbers.signed(100 * s.mean_error, 1)} %",
                number(s.skill), escape(s.best_naive), s.pit_verdict,
            ]
        )  # fmt: skip
    return sections.table(head, rows)


def _distance_table(found: Backtest) -> str:
    rows = [
        [f"<strong>{escape(name.replace('_', ' '))}</strong>", number(mine), number(real),
         escape(explained)]
        for name, mine, real, explained in distance_rows(found)
    ]  # fmt: skip
    head = [("View", "nowrap"), ("Simulated from real", "number"), ("Real from real", "number"),
            ("What it compares", "")]  # fmt: skip
    return sections.table(head, rows)


def _html(figure: go.Figure, id: str) -> str:
    html: str = figure.to_html(
        include_plotlyjs=False, include_mathjax=False, full_html=False,
        div_id=id,
        config={"displayModeBar": False, "responsive": True},
    )  # fmt: skip
    return html
