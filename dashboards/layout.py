"""The frame around every page: rail, top bar, and the card that stands where a page has failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import text
from dashboards.figures import numbers
from dashboards.figures.plan_words import status_words
from dashboards.url_state import View, view_of, write_view
from scenarios.archive import Run
from twin.errors import NoriaError

log = logging.getLogger(__name__)

PAGES = (
    ("now", "/now", "clock"),
    ("plan", "/", "calendar-days"),
    ("what-if", "/what-if", "git-compare-arrows"),
    ("runs", "/runs", "list"),
)
"""Key, address and icon of every page there is, as in the rail."""
GROUPS = (("plan", ("now", "plan", "what-if")), ("trust", ("runs",)))

FRESH_MINUTES = 120.0
"""A log that ends longer before the cut-off is marked as stale [min]."""

Children = Any


def attributes(**named: object) -> dict[str, Any]:
    """Attributes whose names hold a hyphen in HTML.

    >>> attributes(aria_hidden="true", data_order="4111")
    {'aria-hidden': 'true', 'data-order': '4111'}
    """
    return {name.replace("_", "-"): value for name, value in named.items()}


def icon(name: str, size: int = 16) -> Component:
    """A picture beside a word; screen readers pass over it."""
    return html.Span(
        className=f"icon icon-{name}",
        style={"width": size, "height": size},
        **attributes(aria_hidden="true"),
    )


def link(label: Children, to: str, **others: Any) -> Component:
    """A link inside the app: the page changes without loading the app again."""
    return html.A(label, href=to, **attributes(data_nav="true"), **others)


def button(
    id: str, label: str, icon_name: str = "", *, filled: bool = False, **others: Any
) -> Component:
    """A button of the top bar or a form."""
    content = ([icon(icon_name)] if icon_name else []) + [html.Span(label)]
    kind = "app-button filled" if filled else "app-button"
    return html.Button(content, id=id, type="button", className=kind, **others)


def address(page: str, view: View) -> str:
    """Address of a page with the reader's choices."""
    return next(path for key, path, _ in PAGES if key == page) + write_view(view)


def shell(
    page: str, view: View, run: Run | None, *, about: Children, actions: Children, content: Children
) -> Component:
    """A whole page: rail at the side, title and actions on top, then the content."""
    head = html.Header(
        [
            html.H1(text(f"page.{page}")),
            html.P(about, id="plan-identity", className="identity"),
            html.Div([*actions, theme_link(page, view)], className="actions"),
        ],
        className="app-top",
    )
    alert = html.Div(id="app-error", role="alert", className="alert")
    main = html.Main([head, alert, *content], id="main", className="app-main")
    return html.Div([rail(page, view, run), main], className="app-shell", id=f"page-{page}")


def theme_link(page: str, view: View) -> Component:
    """Switch between light and dark; the choice is part of the address."""
    other = replace(view, theme="light" if view.theme == "dark" else "dark")
    return link(
        icon("sun" if view.theme == "dark" else "moon"),
        address(page, other),
        id="theme",
        className="app-button square",
        title=text(f"theme.{other.theme}"),
        **attributes(aria_label=text(f"theme.{other.theme}")),
    )


def rail(page: str, view: View, run: Run | None) -> Component:
    """Where one can go, and at its foot how old the data are."""
    carried = View(theme=view.theme)
    groups: list[Children] = []
    for group, keys in GROUPS:
        groups.append(html.H2(text(f"group.{group}"), className="rail-group"))
        for key, path, icon_name in PAGES:
            if key in keys:
                current = attributes(aria_current="page") if key == page else {}
                groups.append(
                    link(
                        [icon(icon_name, 17), html.Span(text(f"page.{key}"))],
                        path + write_view(carried),
                        id=f"rail-{key}",
                        className="rail-link",
                        title=text(f"page.{key}"),
                        **current,
                    )
                )
    brand = html.Div([html.Span(className="brand-mark"), html.Span("Noria")], className="brand")
    site = [site_card(run)] if run else []
    return html.Nav(
        [brand, *site, *groups, rail_foot(run)],
        className="app-rail",
        **attributes(aria_label=text("rail.label")),
    )


def site_card(run: Run) -> Component:
    """Which plant this is."""
    plant = run.case.plant
    size = text("rail.size", units=len(plant.work_units), orders=len(run.case.orders))
    body = html.Div([html.Strong(plant.name or plant.id), html.Small(size)])
    return html.Div([icon("factory", 17), body], className="rail-site")


def rail_foot(run: Run | None) -> Component:
    """Age of the data the plan stands on, in words with a mark."""
    rows = data_ages(run) if run else []
    return html.Ul(
        [
            html.Li([html.Span(className=f"age {mark}", **attributes(aria_hidden="true")), words])
            for mark, words in rows
        ],
        id="data-age",
        className="rail-foot",
    )


def data_ages(run: Run) -> list[tuple[str, str]]:
    """Mark (*fresh*, *stale* or *forecast*) and words for each source."""
    horizon, found = run.case.horizon, []
    age = log_age(run)
    if age is not None:
        mark = "fresh" if age < FRESH_MINUTES else "stale"
        found.append((mark, text("age.log", age=duration(age))))
    cut_off, end = (numbers.moment(horizon.local(m)) for m in (0.0, horizon.minutes))
    found.append(("fresh", text("age.cut_off", at=cut_off)))
    found.append(("forecast", text("age.prices", until=end)))
    return found


def log_age(run: Run) -> float | None:
    """Minutes from the last event of the log to the cut-off, after the nightly job's diagnosis.

    The clock on the wall would tell how long ago the plan was made; this is how old the data were.
    """
    diagnosis = run.extras.get("diagnosis") or {}
    last = [row["last"] for row in diagnosis.get("coverage", []) if row.get("last")]
    if not last:
        return None
    return -run.case.horizon.to_minutes(max(datetime.fromisoformat(instant) for instant in last))


def duration(minutes: float) -> str:
    """A length of time in one unit: minutes, hours or days."""
    if minutes < 48 * 60:
        return numbers.hours(minutes)
    return f"{numbers.number(minutes / 1440, 1)}{numbers.THIN}{text('unit.days')}"


def plan_identity(run: Run) -> list[Component]:
    """Which plan this is and what is known of its quality, in the user's words."""
    at = numbers.moment(run.case.horizon.local(0.0))
    words = f"{text('plan.title', at=at)} · {status_words(run.schedule)}"
    return [icon("moon", 14), html.Span(words)]


def card(title: Children, *content: Children, id: str = "", note: Children = "") -> Component:
    """A section with a border and a heading."""
    head = html.Header([html.H2(title), html.Span(note, className="muted")])
    return html.Section([head, *content], className="card", **(attributes(id=id) if id else {}))


Render = Callable[[View], Component]


def page(key: str, render: Render) -> Callable[..., Component]:
    """The function Dash calls for a page: view in, whole page out, and never a traceback."""

    def layout(**query: Any) -> Component:
        view = view_of(query)
        try:
            return render(view)
        except NoriaError as error:
            return failed(key, view, str(error).splitlines())
        except Exception:
            log.exception("page %s failed", key)
            return failed(key, view, [text("error.page", page=key)])

    return layout


def failed(key: str, view: View, messages: Sequence[str]) -> Component:
    """A page that could not be made: what failed and what to do; the rail still works."""
    body = html.Div([html.P(message) for message in messages], role="alert", id="page-error")
    content = [card(text("error.title"), body)]
    return shell(key, view, None, about="", actions=[], content=content)


def not_found() -> Component:
    """An address that belongs to no page."""
    return failed("plan", View(), [text("error.not_found")])
