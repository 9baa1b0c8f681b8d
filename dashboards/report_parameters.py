"""The report's section on the parameters in force: why these, what drifted, the nights before."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboards.figures import numbers
from dashboards.report_sections import empty, mark, table
from scenarios.duel import Duel
from scenarios.parameter_store import Night
from scenarios.parameters_text import VERDICTS, moment
from twin.calibration.drift import Drift

WIDTH, HEIGHT = 360.0, 64.0
_TONES = {"first": "neutral", "accepted": "good", "kept": "warn"}
_KINDS = {"work_unit": "of a work unit", "product": "of a product", "plant": "of the plant"}


def parameters_body(nights: Sequence[Night]) -> str:
    """Tonight's decision first; scores and history folded below."""
    night = nights[-1]
    tone = _TONES[night.verdict]
    whose = (
        "Tonight’s parameters are in force"
        if night.since == night.cut_off
        else f"The parameters of {moment(night.since)} stay in force"
    )
    why = night.why[0].upper() + night.why[1:]
    parts = [
        f'<p><strong class="{tone}">{mark(tone)} {escape(whose)}.</strong> {escape(why)}.</p>',
        _alarms(night.drifts) if night.verdict != "first" else "",
    ]
    if night.duel:
        parts.append(
            f"<details><summary>Scores of the duel</summary>{_scores(night.duel)}</details>"
        )
    if len(nights) > 1:
        parts.append(
            f"<details open><summary>The last {len(nights)} nights</summary>{ratio_figure(nights)}"
            f"{_history(nights)}</details>"
        )
    return "".join(parts)


def _alarms(drifts: Sequence[Drift]) -> str:
    if not drifts:
        return empty("No cycle time has drifted from the parameters that were in force.")
    rows = [
        [
            f"<strong>{escape(d.work_unit)}</strong> "
            f'<span class="muted">{escape(d.operation)}</span>',
            f'<span class="{"bad" if d.is_lasting else "warn"}">'
            f"{mark('bad' if d.is_lasting else 'warn')} {escape(d.direction)}</span>",
            f"{numbers.signed(100 * (d.ratio - 1), 1)}{numbers.THIN}%",
            numbers.number(d.lots),
            f"{d.since:%d %b %H:%M}",
            f"{d.raised:%d %b %H:%M}",
            "yes" if d.is_lasting else "once so far",
        ]
        for d in drifts
    ]
    head = [
        ("Alarm", "nowrap"), ("Cycle times", "nowrap"), ("Change", "number"), ("Lots", "number"),
        ("Since, UTC", "nowrap"), ("Raised, UTC", "nowrap"), ("Lasting", "nowrap"),
    ]  # fmt: skip
    return table(head, rows)


def _scores(duel: Duel) -> str:
    head = [("Figure", ""), ("Champion", "number"), ("Challenger", "number"), ("Ratio", "number")]
    rows = [
        [
            f"<strong>{escape(s.figure.replace('_', ' '))}</strong> "
            f'<span class="muted">{escape(_KINDS.get(s.kind, s.kind))}</span>',
            numbers.significant(s.champion),
            numbers.significant(s.challenger),
            numbers.number(s.challenger / s.champion, 3) if s.champion else "–",
        ]
        for s in duel.scores
    ]
    note = (
        f"Mean CRPS of the forecasts of {len(duel.days)} days, in the unit of the figure; the lower"
        f" the better. {duel.unseen} of these days are not in the champion’s own data."
    )
    return f"{table(head, rows)}<p class='muted'>{escape(note)}</p>"


def _history(nights: Sequence[Night]) -> str:
    head = [
        ("Night", "nowrap"), ("Parameters", "nowrap"), ("In force", "nowrap"),
        ("Error ratio", "number"), ("90 %", "number"), ("Alarms", "number"), ("Why", ""),
    ]  # fmt: skip
    rows = []
    for night in reversed(nights):
        duel, tone = night.duel, _TONES[night.verdict]
        rows.append(
            [
                f"<strong>{moment(night.cut_off)}</strong>",
                f'<span class="{tone}">{mark(tone)} {VERDICTS[night.verdict]}</span>',
                moment(night.since),
                numbers.number(duel.ratio, 3) if duel else "–",
                numbers.interval(duel.low, duel.high, 3) if duel else "–",
                numbers.number(len(night.drifts)),
                escape(night.why),
            ]
        )
    return table(head, rows)


def ratio_figure(nights: Sequence[Night]) -> str:
    """A line of the duels' error ratios over the nights, with their ranges; empty for fewer than
    two."""
    duels = [(night, night.duel) for night in nights if night.duel]
    if len(duels) < 2:
        return ""
    ends = [abs(end - 1) for _, duel in duels for end in (duel.low, duel.high)]
    reach = min(max(max(ends), 0.01), 1.0)

    def y(ratio: float) -> str:
        return f"{HEIGHT / 2 * (1 - max(min((ratio - 1) / reach, 1), -1) * 0.92):.1f}"

    step = (WIDTH - 16) / (len(duels) - 1)
    places = [f"{8 + n * step:.1f}" for n in range(len(duels))]
    bars = "".join(
        f'<line x1="{x}" x2="{x}" y1="{y(d.low)}" y2="{y(d.high)}" stroke-opacity="0.35"/>'
        for x, (_, d) in zip(places, duels, strict=True)
    )
    dots = "".join(
        f'<circle cx="{x}" cy="{y(d.ratio)}" r="2.5" fill="currentColor">'
        f"<title>{moment(night.cut_off)}: {d.ratio:.3f}</title></circle>"
        for x, (night, d) in zip(places, duels, strict=True)
    )
    line = " ".join(f"{x},{y(d.ratio)}" for x, (_, d) in zip(places, duels, strict=True))
    label = f"Error ratio of the challenger over the champion, 1 ± {reach:.2f}, by night"
    return (
        f'<figure><svg role="img" aria-label="{label}" width="{WIDTH:.0f}" height="{HEIGHT:.0f}" '
        'fill="none" stroke="currentColor" stroke-width="1.5">'
        f'<line x1="0" x2="{WIDTH:.0f}" y1="{y(1)}" y2="{y(1)}" stroke-opacity="0.25"/>'
        f'{bars}<polyline points="{line}"/>{dots}</svg>'
        f'<figcaption class="muted">{escape(label)}; above the line the challenger was worse'
        "</figcaption></figure>"
    )
