"""A job on the page: how far it is, how to cancel it, how it ended; and the list of past ones."""

from __future__ import annotations

import time
from dataclasses import replace

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import text
from dashboards.jobs import Job, Progress
from dashboards.layout import address, attributes, card, icon, link
from dashboards.url_state import View

STATE_ICONS = {
    "queued": "clock",
    "running": "play",
    "done": "circle-check",
    "cancelled": "square",
    "failed": "triangle-alert",
}


def job_panel(job: Job | None) -> Component | None:
    """The job on show while it runs, or how it ended if it left no result."""
    if job is None or job.state == "done":
        return None
    title = text("job.title", job=number(job), name=name(job))
    if job.is_final:
        return card(title, html.Div(ending(job), role="alert", id="job-ending"), id="job")
    cancel = html.Button(
        [icon("x", 14), html.Span(text("job.cancel"))],
        id="job-cancel", type="button", className="app-button",
    )  # fmt: skip
    row = html.Div(
        [html.Div(progress_row(job), id="job-progress", role="status"), cancel], className="job-row"
    )
    return card(title, row, id="job")


def number(job: Job) -> str:
    return str(int(job.id))


def name(job: Job) -> str:
    return str(job.request.scenario.get("name", ""))


def ending(job: Job) -> list[Component]:
    """Why a job has no result, and where its log is."""
    if job.state == "cancelled":
        return [html.P(text("job.cancelled"))]
    lines = text("job.failed.text", message=job.error).splitlines()
    reference = html.P(text("job.failed.reference", reference=job.log_reference), className="muted")
    return [*(html.P(line) for line in lines), reference]


def progress_row(job: Job) -> list[Component]:
    """Step, bar and count of what is done."""
    share, count = shown_progress(job)
    bar = html.Span(
        html.Span(style={"width": f"{100 * share:.1f}%"}),
        className="bar",
        **attributes(aria_hidden="true"),
    )
    return [html.Strong(step_words(job)), bar, html.Span(count, className="muted")]


def step_words(job: Job) -> str:
    """The present step in the user's words."""
    if job.progress is None:
        return text("job.queued")
    if job.state == "queued":
        return text("job.waiting")
    return text(f"job.step.{step_key(job.progress)}")


def step_key(progress: Progress) -> str:
    """Which of the steps of a what-if a progress speaks of."""
    if progress.step.startswith(("optimise", "rehearse")):
        return "optimise"
    if progress.step == "simulate: base":
        return "base"
    return "variant" if progress.step.startswith("simulate") else "read"


def shown_progress(job: Job) -> tuple[float, str]:
    """Share of the present step that is done, and its count in words."""
    progress = job.progress
    if progress is None:
        return 0.0, ""
    if progress.total > 0:
        count = text("job.count", done=progress.done, total=progress.total)
        left = progress.seconds_left
        if left is not None and progress.done < progress.total:
            count += " · " + text("job.left", seconds=f"{max(left, 1):.0f}")
        return progress.done / progress.total, count
    if step_key(progress) == "optimise":
        spent = min(max(time.time() - progress.began, 0.0), job.request.time_limit)
        limit = job.request.time_limit
        return spent / limit, text("job.elapsed", seconds=f"{spent:.0f}", limit=f"{limit:g}")
    return 0.0, ""


def past_card(jobs: list[Job], view: View) -> Component:
    """Every what-if of this plan, the newest first, to be opened or laid beside the one on show."""
    if not jobs:
        return card(text("what-if.past"), html.P(text("what-if.past.none"), className="empty"))
    shown = [job for job in jobs if view.job and int(job.id) == int(view.job)]
    can_compare = bool(shown) and shown[0].state == "done"
    items = [past_item(job, view, can_compare) for job in jobs]
    return card(text("what-if.past"), html.Ul(items, className="past", id="past-list"))


def past_item(job: Job, view: View, can_compare: bool) -> Component:
    """One past what-if: state, name, and what can be done with it."""
    is_shown = bool(view.job) and int(job.id) == int(view.job)
    is_beside = bool(view.beside) and int(job.id) == int(view.beside)
    base = View(theme=view.theme)
    links = []
    if not is_shown:
        show = address("what-if", replace(base, job=job.id))
        links.append(link(text("what-if.show"), show, id=f"show-{job.id}"))
        if is_beside:
            alone = address("what-if", replace(base, job=view.job))
            links.append(link(text("what-if.alone"), alone, id=f"alone-{job.id}"))
        elif can_compare and job.state == "done":
            both = address("what-if", replace(base, job=view.job, beside=job.id))
            links.append(link(text("what-if.beside"), both, id=f"beside-{job.id}"))
    state = text(f"job.{job.state}.short" if job.is_final else "job.active")
    words = html.Div([html.Strong(f"{number(job)} {name(job)}"), html.Small(state)])
    return html.Li(
        [icon(STATE_ICONS[job.state], 15), words, html.Span(links, className="links")],
        className=f"{job.state}{' shown' if is_shown else ''}",
        **(attributes(aria_current="true") if is_shown else {}),
    )
