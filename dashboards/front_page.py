"""The page of a cost–carbon front: one file with everything inside. A function of the front."""

from __future__ import annotations

from html import escape

from dashboards import report_sections as sections
from dashboards.figures import numbers
from dashboards.figures.front import front_figure
from dashboards.figures.late import Lead
from dashboards.html_report import page
from scenarios.front import Front, FrontPoint


def front_page(front: Front) -> str:
    """Picture and table of a front, as HTML."""
    title = f"Cost and carbon, {front.plant}"
    identity = (
        f"{front.horizon_days:g} days from {front.cut_off[:16]} · seed {front.seed} · "
        f"{front.time_limit_s:g} s of search"
    )
    picture = front_figure(front).to_html(
        include_plotlyjs=False, include_mathjax=False, full_html=False, div_id="front",
        config={"displayModeBar": False, "responsive": True},
    )  # fmt: skip
    body = [
        sections.heading(title, identity, _lead(front)),
        sections.card(
            "Plans", "a dot is a whole plan: to the left cleaner, below cheaper", picture
        ),
        sections.card("Figures", "on paper, not rehearsed on the twin", _table(front)),
    ]
    if front.shortfall:
        body.append(sections.card("Not complete", "", sections.empty(front.shortfall)))
    return page(title, "\n".join(body))


def _lead(front: Front) -> Lead:
    """How much cleaner a plan can be, and what that costs."""
    if not front.points:
        return Lead("No plan was found.", front.shortfall)
    clean, cheap = front.points[0], front.points[-1]
    if clean is cheap:
        return Lead("One plan is both the cheapest and the cleanest found.", "")
    less = 1 - clean.carbon_kg / cheap.carbon_kg
    more = clean.total_cost - cheap.total_cost
    return Lead(
        f"The cleanest plan emits {numbers.share(less)} less than the cheapest.",
        f"It costs {numbers.number(more)} {front.currency} more.",
    )


def _table(front: Front) -> str:
    head = [
        ("Plan", ""), ("Cost", "number"), ("tCO2e", "number"), ("Bound", "number"),
        ("Gap", "number"), ("Per tonne less", "number"), ("Late orders", "number"),
        ("Peak kW", "number"),
    ]  # fmt: skip
    return sections.table(head, [_row(point) for point in front.points])


def _row(point: FrontPoint) -> list[str]:
    saving = point.saving_cost_per_t
    return [
        f"<strong>{escape(point.name)}</strong>",
        numbers.number(point.total_cost),
        numbers.number(point.carbon_kg / 1000, 2),
        numbers.number(point.bound),
        numbers.share(point.gap),
        "" if saving is None else numbers.number(saving),
        str(point.orders_late),
        numbers.number(point.peak_kw),
    ]
