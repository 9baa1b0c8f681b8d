"""What a what-if came to: sentence, scenario cards, forest of differences, orders, its plan."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import text
from dashboards.figures import numbers
from dashboards.figures.forest import ForestRow, forest_rows
from dashboards.jobs import Job
from dashboards.layout import attributes, card, icon
from dashboards.order_story import order_story
from dashboards.pages.gantt import gantt_card, of_job
from dashboards.pages.job import number
from dashboards.pages.kpi import TONE_ICONS, kpi_strip
from dashboards.pages.order import order_card
from dashboards.source import Source
from dashboards.url_state import View
from dashboards.what_if_form import changes
from dashboards.what_if_words import ChangedSide, changed_sides, verdict
from scenarios.archive import Run
from scenarios.what_if import WhatIf
from twin.model.plant import Plant

MOST_ORDERS = 10


def results(archive: Source, run: Run, job: Job | None, view: View) -> list[Component]:
    """Everything below the job's panel; without a job an invitation to run one."""
    if job is None:
        return [invitation(), *base_figures(run)]
    if job.state != "done":
        return base_figures(run)
    found = {"B": (job, archive.result(job))}
    beside = archive.jobs.job(view.beside) if view.beside else None
    if beside and beside.state == "done" and beside.request.run == run.id:
        found["C"] = (beside, archive.result(beside))
    currency = run.case.plant.currency
    leads = [verdict(result.comparison, currency, letter) for letter, (_, result) in found.items()]
    lead = html.P(
        [html.Strong(" ".join(lead.answer for lead in leads))]
        + [f" {lead.detail}" for lead in leads if lead.detail],
        className="lead",
        id="lead",
    )
    title = text("what-if.gantt", letter="B", name=job.request.scenario["name"])
    shown = of_job(archive, run, job.id)
    story = order_story(shown.case, shown.schedule, shown.report, view.order)
    order = order_card(story, view.order, run.case.horizon)
    return [
        lead,
        scenario_cards(found, run.case.plant),
        forest_card({letter: result for letter, (_, result) in found.items()}, currency),
        *[sides_card(letter, result, run) for letter, (_, result) in found.items()],
        gantt_card(shown, view, run.id, job.id, [html.H2(title), gantt_note()]),
        html.Div(order, id="order-slot"),
    ]


def base_figures(run: Run) -> list[Component]:
    """Tonight's plan, to look at while there is no result."""
    return [html.H2(text("what-if.base.figures")), kpi_strip(run)]


def invitation() -> Component:
    return html.P(
        [html.Strong(text("what-if.lead")), f" {text('what-if.lead.detail')}"],
        className="lead",
        id="lead",
    )


def gantt_note() -> Component:
    return html.Span(text("what-if.gantt.note"), className="muted")


def scenario_cards(found: dict[str, tuple[Job, WhatIf]], plant: Plant) -> Component:
    """The base and each what-if with what it changes."""
    cards = [scenario_card("A", text("what-if.base"), text("what-if.base.note"), False)]
    for letter, (job, result) in found.items():
        told = ", ".join(changes(result.scenario, plant))
        request = job.request
        effort = text("what-if.effort", n=request.replications, seconds=f"{request.time_limit:g}")
        name = result.scenario.name
        note = effort if name == told else f"{told} · {effort}"
        cards.append(scenario_card(letter, f"{number(job)} {name}", note, letter == "B"))
    return html.Div(cards, className="scenario-cards", id="scenarios")


def scenario_card(letter: str, title: str, note: str, is_shown: bool) -> Component:
    name = html.Div([html.Span(letter, className="letter"), html.Strong(title)])
    return html.Div([name, html.P(note)], className=f"card{' shown' if is_shown else ''}")


def forest_card(found: dict[str, WhatIf], currency: str) -> Component:
    """Paired differences, a row a figure, a pair of columns a what-if."""
    rows = {
        letter: {row.key: row for row in forest_rows(result.comparison, currency)}
        for letter, result in found.items()
    }
    first = rows["B"]
    head = [
        html.Th(text("forest.figure"), scope="col"),
        html.Th("A", scope="col", className="number"),
    ]
    for letter in found:
        head.append(html.Th(f"{letter} − A", scope="col", colSpan=3))
    body = [
        html.Tr(
            [figure_cell(row), html.Td(row.base, className="number strong")]
            + [cell for letter in found for cell in difference_cells(rows[letter].get(key))],
            id=f"forest-{key}",
        )
        for key, row in first.items()
    ]
    table = html.Table(
        [html.Thead(html.Tr(head)), html.Tbody(body)], className=f"forest of-{len(found)}"
    )
    level = next(iter(found["B"].base_report.figures.values())).level
    note = text("what-if.figures.note", level=f"{100 * level:.0f}")
    return card(
        text("what-if.figures"), html.Div(table, className="table-scroll"), id="forest", note=note
    )


def figure_cell(row: ForestRow) -> Component:
    return html.Td([html.Strong(row.label), html.Span(row.unit, className="second")])


def difference_cells(row: ForestRow | None) -> list[Component]:
    """Picture, numbers and verdict of one difference."""
    if row is None:
        return [html.Td(), html.Td(), html.Td()]
    change = html.Td(
        [html.Strong(row.change), html.Span(row.interval, className="second")], className="number"
    )
    word = html.Span([icon(TONE_ICONS[row.tone], 14), html.Span(row.verdict)], className="verdict")
    return [html.Td(forest_line(row)), change, html.Td(word, className=row.tone)]


def forest_line(row: ForestRow) -> Component:
    def band(name: str, low: float, high: float) -> Component:
        place = {"left": f"{100 * low:.2f}%", "width": f"{100 * (high - low):.2f}%"}
        return html.Span(className=name, style=place)

    return html.Div(
        [
            html.Span(className="forest-zero"),
            band("forest-wide", row.low_at, row.high_at),
            band("forest-half", row.half_low_at, row.half_high_at),
            html.Span(className="forest-dot", style={"left": f"{100 * row.mean_at:.2f}%"}),
        ],
        className=f"forest-line {row.tone}",
        **attributes(aria_hidden="true"),
    )


def sides_card(letter: str, result: WhatIf, run: Run) -> Component:
    """Orders that become late, or no longer are."""
    found = changed_sides(result.base_report, result.report)
    title = text("sides.title", letter=letter)
    if not found:
        return card(title, html.P(text("sides.none"), className="empty"), id=f"sides-{letter}")
    items = [side_row(side, run.case.plant) for side in found[:MOST_ORDERS]]
    note = text("sides.note", shown=len(items), total=len(found))
    return card(title, html.Ul(items, className="sides"), id=f"sides-{letter}", note=note)


def side_row(side: ChangedSide, plant: Plant) -> Component:
    product = plant.product(side.product)
    tone = "bad" if side.is_late_now else "good"
    step = f"{numbers.share(side.base)} → {numbers.share(side.other)}"
    return html.Li(
        [
            icon(TONE_ICONS[tone], 14),
            html.Strong(side.order),
            html.Span(product.name or product.id, className="muted"),
            html.Span(text("sides.late" if side.is_late_now else "sides.on_time"), className=tone),
            html.Span(step, className="number"),
        ]
    )
