"""Sections of the HTML report: rows of data in, plain HTML out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from dashboards.figures import numbers
from dashboards.figures.changes import PlanChanges
from dashboards.figures.forest import ForestRow
from dashboards.figures.gantt import swatch
from dashboards.figures.kpi import KpiCard
from dashboards.figures.late import LateOrder, Lead, why_text
from twin.accounting.report import Estimate
from twin.model.plant import Plant
from twin.model.schedule import Schedule

MOST_ROWS = 25
"""Rows of a table before it says how many more there are."""

_MARKS = {
    "good": '<circle cx="8" cy="8" r="6.2"/><path d="m5.4 8.2 1.8 1.8 3.4-3.8"/>',
    "bad": '<path d="M8 2.2 14.4 13.4H1.6Z"/><path d="M8 6.4v3.2M8 11.5v.1"/>',
    "warn": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.8v3.8M8 11v.1"/>',
    "neutral": '<circle cx="8" cy="8" r="6.2"/><path d="M8 7.4v3.6M8 5v.1"/>',
}


def card(title: str, note: str, body: str, extra: str = "") -> str:
    """A section with its heading; ``body`` and ``extra`` are HTML, the rest is text."""
    aside = f'<span class="muted">{escape(note)}</span>' if note else ""
    return (
        f'<section class="card"><header><h2>{escape(title)}</h2>{aside}{extra}</header>'
        f"{body}</section>"
    )


def empty(text: str) -> str:
    return f'<p class="empty">{escape(text)}</p>'


def mark(tone: str) -> str:
    """A glyph that says good, warn, bad or neutral without its colour."""
    return (
        '<svg class="mark" width="14" height="14" viewBox="0 0 16 16" fill="none" '
        'stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" '
        f'style="vertical-align:-2px" aria-hidden="true">{_MARKS[tone]}</svg>'
    )


def table(head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], name: str = "") -> str:
    """A table; ``head`` has text and class of each column, the cells are HTML."""
    classes = [css for _, css in head]
    top = "".join(f'<th scope="col"{_css(css)}>{escape(text)}</th>' for text, css in head)
    body = "".join(
        "<tr>"
        + "".join(f"<td{_css(c)}>{cell}</td>" for cell, c in zip(row, classes, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="table-scroll"><table{_css(name)}><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _css(name: str) -> str:
    return f' class="{name}"' if name else ""


def heading(title: str, identity: str, lead: Lead) -> str:
    return (
        f'<header class="title"><h1>{escape(title)}</h1>'
        f'<span class="muted">{escape(identity)}</span></header>'
        f'<p class="lead"><strong>{escape(lead.answer)}</strong> {escape(lead.detail)}</p>'
    )


def kpi_strip(cards: Sequence[KpiCard]) -> str:
    """The strip of figures."""
    return f'<section class="card kpi-strip">{"".join(_kpi(c) for c in cards)}</section>'


def _kpi(c: KpiCard) -> str:
    base = (
        f'<span class="kpi-base" style="left:{_percent(c.base_at)}"></span>'
        if c.base_at is not None
        else ""
    )
    verdict = (
        f'<div class="kpi-verdict {c.tone}">{mark(c.tone)} {escape(c.verdict)}</div>'
        if c.verdict
        else ""
    )
    return (
        f'<div class="kpi"><div class="kpi-label">{escape(c.label)}</div>'
        f'<div class="kpi-row"><span><span class="kpi-value">{c.value}</span>'
        f'<span class="kpi-unit">{escape(c.unit)}</span></span>'
        f'<span class="kpi-interval">{c.interval}</span></div>'
        f'<div class="kpi-line"><span class="kpi-band" style="left:{_percent(c.low_at)};'
        f'width:{_percent(c.high_at - c.low_at)}"></span>{base}'
        f'<span class="kpi-dot" style="left:{_percent(c.mean_at)}"></span></div>'
        f'{verdict}<div class="kpi-note">{escape(c.note)}</div></div>'
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def legend_html(names: Sequence[str]) -> str:
    """Entries of the plan's legend, only for states that occur."""
    words = {"last night's place": "last night’s place"}
    entries = "".join(
        f'<span><i class="swatch {swatch(name)}"></i>{escape(words.get(name, name))}</span>'
        for name in names
    )
    return f'<div class="legend">{entries}</div>'


def late_table(rows: Sequence[LateOrder], schedule: Schedule, plant: Plant) -> str:
    """Late orders and those at risk, the smallest margin first."""
    head = [
        ("Order", "nowrap"), ("Planned end", "nowrap"), ("Margin", "number"),
        ("Chance on time", ""), ("Where its time goes", ""),
    ]  # fmt: skip
    body = table(head, [_late_row(r, schedule, plant) for r in rows[:MOST_ROWS]])
    rest = len(rows) - MOST_ROWS
    return body + (empty(f"and {rest} more, with larger margins") if rest > 0 else "")


def _late_row(row: LateOrder, schedule: Schedule, plant: Plant) -> list[str]:
    names = {p.id: p.name or p.id for p in plant.products}
    about = f"{names.get(row.product, row.product)} · {numbers.number(row.quantity)} pieces"
    local = schedule.horizon.local
    ends = "no place" if row.planned_end is None else numbers.moment(local(row.planned_end))
    due = numbers.moment(local(row.due))
    return [
        f'<strong>{escape(row.order)}</strong> <span class="muted">{escape(row.customer)}</span>'
        f'<span class="second">{escape(about)}</span>',
        f'{ends}<span class="second">due {due}</span>',
        _margin(row.margin),
        chance(row.on_time),
        escape(why_text(row.causes, 2)),
    ]


def _margin(minutes: float | None) -> str:
    if minutes is None:
        return "–"
    tone = "bad" if minutes < 0 else "warn"
    return f'<strong class="{tone}">{numbers.signed(minutes / 60, 1)}{numbers.THIN}h</strong>'


def chance(estimate: Estimate | None) -> str:
    """A probability as number, and as a mark on a line from 0 to 1 with its interval."""
    if estimate is None:
        return '<span class="muted">by the plan</span>'
    return (
        f'<div class="chance"><strong class="number">{numbers.share(estimate.mean)}</strong>'
        f'<span class="chance-line"><span class="chance-band" style="left:{_percent(estimate.low)};'
        f'width:{_percent(estimate.high - estimate.low)}"></span>'
        f'<span class="chance-mark" style="left:{_percent(estimate.mean)}"></span></span></div>'
    )


def changes_body(changes: PlanChanges, schedule: Schedule) -> str:
    """What moved since last night: counts by kind, then the first items of each."""
    moved = [
        f"{m.order} {m.operation} {_move(schedule, m.before_start, m.start)}"
        for m in changes.moved_in_time
    ]
    switched = [f"{m.order} {m.before_unit} → {m.unit}" for m in changes.changed_unit]
    service = [
        f"{m.work_unit} {m.task} {_move(schedule, m.before_start, m.start)}"
        for m in changes.maintenance
    ]
    of = f"of {numbers.number(changes.compared)} operations in both plans"
    rows = [
        (f"{len(moved)} moved in time", of, moved),
        (f"{len(switched)} changed work unit", of, switched),
        (f"{len(service)} maintenance moved", "", service),
        (f"{len(changes.new_orders)} new orders", "", list(changes.new_orders)),
        (f"{len(changes.gone_orders)} orders finished or gone", "", list(changes.gone_orders)),
    ]
    told = [
        [
            f"<strong>{escape(what)}</strong><span class='second'>{escape(note)}</span>",
            _items(items),
        ]
        for what, note, items in rows
        if items
    ]
    if not told:
        return empty("Nothing moved by more than an hour and no work unit changed.")
    return table([("What", "nowrap"), ("Which", "")], told)


def _move(schedule: Schedule, before: float, after: float) -> str:
    """``Mon 11:00 → 13:00``; the day again where it changes, the date where a week lies between."""
    old, new = schedule.horizon.local(before), schedule.horizon.local(after)
    if abs(after - before) >= 6 * 1440:
        return f"{numbers.moment(old)} → {numbers.moment(new)}"
    then = numbers.clock(new) if new.date() == old.date() else numbers.short_moment(new)
    return f"{numbers.short_moment(old)} → {then}"


def _items(items: Sequence[str], most: int = 6) -> str:
    shown = " · ".join(escape(i) for i in items[:most])
    rest = len(items) - most
    return shown + (f' <span class="muted">and {rest} more</span>' if rest > 0 else "")


def forest_table(rows: Sequence[ForestRow], base_name: str, other_name: str) -> str:
    """Paired differences with their intervals."""
    head = [
        ("Figure", ""), (base_name, "number"), (other_name, "number"), ("Difference", ""),
        ("", "number"), ("", "nowrap"),
    ]  # fmt: skip
    return table(head, [_forest_cells(r) for r in rows], "forest")


def _forest_cells(r: ForestRow) -> list[str]:
    wide = f"left:{_percent(r.low_at)};width:{_percent(r.high_at - r.low_at)}"
    half = f"left:{_percent(r.half_low_at)};width:{_percent(r.half_high_at - r.half_low_at)}"
    line = (
        f'<div class="forest-line {r.tone}"><span class="forest-zero"></span>'
        f'<span class="forest-wide" style="{wide}"></span>'
        f'<span class="forest-half" style="{half}"></span>'
        f'<span class="forest-dot" style="left:{_percent(r.mean_at)}"></span></div>'
    )
    return [
        f'<strong>{escape(r.label)}</strong><span class="second">{escape(r.unit)}</span>',
        r.base,
        r.other,
        line,
        f'<strong>{r.change}</strong><span class="second">{r.interval}</span>',
        f'<span class="{r.tone}">{mark(r.tone)} {escape(r.verdict)}</span>',
    ]


def ledger_body(row: Mapping[str, object]) -> str:
    """What identifies the run, so that it can be repeated."""
    cells = [
        [f"<strong>{escape(key.replace('_', ' '))}</strong>", _value(value)]
        for key, value in row.items()
    ]
    return table([("Entry", "nowrap"), ("Value", "wrap")], cells)


def _value(value: object) -> str:
    if value is None or value == [] or value == ():
        return '<span class="muted">none</span>'
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(k))}: {_value(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return escape(", ".join(str(v) for v in value))
    if isinstance(value, float):
        return numbers.significant(value, 4)
    if isinstance(value, str) and len(value) == 64 and not value.strip("0123456789abcdef"):
        return f'<code title="{value}">{value[:16]}…</code>'
    return escape(str(value))
