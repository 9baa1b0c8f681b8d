"""What-if: change something, run it as a job, and see the difference against tonight's plan."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.catalogue import text
from dashboards.figures import numbers
from dashboards.jobs import Job, Request
from dashboards.layout import address, button, card, icon, shell
from dashboards.pages.job import job_panel, past_card, progress_row
from dashboards.pages.results import results
from dashboards.source import Source, source
from dashboards.url_state import View, view_of
from dashboards.what_if_form import FIELDS, NumberField, can_work_longer, read_form
from scenarios.archive import Run
from scenarios.scenario import Scenario
from twin.errors import NoriaError
from twin.model.plant import Plant

TICK_MS = 700
"""How often a page asks how far its job has come."""
PAIRS = (("demand", "price"), ("maintenance", "carbon"), ("replications", "time_limit"))
"""Fields that stand side by side."""


def render(view: View) -> Component:
    """Form and past what-ifs at the side of the job on show and its result."""
    archive = source()
    run, job = run_and_job(archive, view)
    is_over = job is None or job.is_final
    content = [
        html.Div(
            [
                html.Div([form_card(run, job), past_slot(archive, run, view)], className="side"),
                html.Div(
                    [
                        html.Div(job_panel(job), id="job-panel"),
                        html.Div(results(archive, run, job, view), id="results"),
                    ],
                    className="side",
                ),
            ],
            className="what-if-columns",
        ),
        dcc.Store(id="what-if-view", data={"run": run.id, **asdict(view)}),
        dcc.Store(id="navigate"),
        dcc.Interval(id="job-tick", interval=TICK_MS, disabled=is_over),
    ]
    return shell("what-if", view, run, about=about(run, job), actions=[], content=content)


def run_and_job(archive: Source, view: View) -> tuple[Run, Job | None]:
    """The job on show and the run it started from; without a job the latest run."""
    if not view.job:
        return archive.latest(), None
    job = archive.jobs.job(view.job)
    if job is None:
        raise NoriaError(text("what-if.missing", job=view.job))
    return archive.run(job.request.run), job


def about(run: Run, job: Job | None) -> list[Component]:
    """Which plan is the base, and that both share their luck."""
    plan = text("plan.identity", at=numbers.moment(run.case.horizon.local(0.0)))
    words = text("what-if.about", plan=plan)
    if job and job.state == "done":
        words = text("what-if.about.done", plan=plan, n=job.request.replications)
    return [icon("git-compare-arrows", 14), html.Span(words)]


def past_slot(archive: Source, run: Run, view: View) -> Component:
    return html.Div(past_card(archive.jobs.jobs(run.id), view), id="past")


def form_card(run: Run, job: Job | None) -> Component:
    """The form, filled with what the job on show was asked."""
    plant, typed = run.case.plant, typed_values(job)
    fields = {f.key: f for f in FIELDS}
    longer = can_work_longer(plant)
    shifts = html.Fieldset(
        [
            html.Legend(text("form.extra_shift")),
            dcc.Checklist(
                options=[
                    {
                        "label": a.name or a.id,
                        "value": a.id,
                        "disabled": not longer[a.id],
                        "title": "" if longer[a.id] else text("form.extra_shift.always"),
                    }
                    for a in plant.areas
                ],
                value=typed["extra_shift"],
                id="form-extra_shift",
                className="areas",
            ),
            html.Small(text("form.extra_shift.help")),
        ],
        className="field",
    )
    name = html.Div(
        [
            html.Label(text("form.name"), htmlFor="form-name"),
            dcc.Input(id="form-name", type="text", value=typed["name"], maxLength=80),
        ],
        className="field wide",
    )
    pairs = [
        html.Div([number_field(fields[key], typed[key], plant) for key in pair], className="pair")
        for pair in PAIRS
    ]
    run_button = button("form-run", text("form.run"), "play", filled=True)
    fault = html.P(id="fault-form", className="fault", role="alert")
    return card(
        text("what-if.form"), *pairs[:2], shifts, *pairs[2:], name, fault, run_button,
        id="form",
    )  # fmt: skip


def number_field(f: NumberField, value: str, plant: Plant) -> Component:
    """A number with its label, unit, help, and room for what is wrong with it."""
    unit = f"{plant.currency}{f.unit}" if f.key == "carbon" else f.unit
    row = html.Span(
        [
            dcc.Input(id=f"form-{f.key}", type="text", value=value),
            html.Span(unit, className="unit"),
        ],
        className="field-row",
    )
    return html.Div(
        [
            html.Label(text(f"form.{f.key}"), htmlFor=f"form-{f.key}"),
            row,
            html.Small(text(f"form.{f.key}.help", now=numbers.number(plant.costs.carbon_per_t))),
            html.Span(id=f"fault-{f.key}", className="fault", role="alert"),
        ],
        className="field",
        id=f"field-{f.key}",
    )


def typed_values(job: Job | None) -> dict[str, Any]:
    """What the form shows: the job's request, or no change at all."""
    values: dict[str, Any] = {f.key: f.default for f in FIELDS} | {"extra_shift": [], "name": ""}
    if job is None:
        return values
    scenario = Scenario.model_validate(job.request.scenario)
    carbon = scenario.carbon_per_t
    return values | {
        "demand": f"{100 * scenario.demand:g}",
        "maintenance": f"{100 * scenario.maintenance_interval:g}",
        "price": f"{100 * scenario.price_level:g}",
        "carbon": "" if carbon is None else f"{carbon:g}",
        "extra_shift": list(scenario.extra_shift),
        "replications": str(job.request.replications),
        "time_limit": f"{job.request.time_limit:g}",
    }


def submit(archive: Source, run: Run, values: dict[str, Any]) -> tuple[dict[str, str], Job | None]:
    """Start a job for a form, or say what is wrong with which field."""
    form = read_form(values, run.case.plant)
    if form.scenario is None:
        return dict(form.faults), None
    request = Request(
        run=run.id,
        scenario=form.scenario.model_dump(mode="json"),
        replications=form.replications,
        time_limit=form.time_limit,
        seed=run.report.seed,
        asked=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return {}, archive.jobs.submit(run.folder, request)


def register_callbacks(app: Dash) -> None:
    """Run, follow and cancel a job."""
    _register_run(app)
    _register_follow(app)
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("noria", "navigate"),
        Output("navigate", "modified_timestamp"),
        Input("navigate", "data"),
        prevent_initial_call=True,
    )


def _register_run(app: Dash) -> None:
    keys = [f.key for f in FIELDS]
    typed = [*keys, "name", "extra_shift"]

    @app.callback(
        output={
            "address": Output("navigate", "data"),
            "faults": {key: Output(f"fault-{key}", "children") for key in [*keys, "form"]},
            "looks": {key: Output(f"field-{key}", "className") for key in keys},
        },
        inputs={
            "_": Input("form-run", "n_clicks"),
            "seen": State("what-if-view", "data"),
            "values": {key: State(f"form-{key}", "value") for key in typed},
        },
        prevent_initial_call=True,
    )
    def start(_: int, seen: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        archive = source()
        faults, job = submit(archive, archive.run(seen["run"]), values)
        view = View(theme=view_of(seen).theme, job=job.id if job else "")
        return {
            "address": address("what-if", view) if job else no_update,
            "faults": {key: faults.get(key, "") for key in [*keys, "form"]},
            "looks": {key: "field invalid" if key in faults else "field" for key in keys},
        }


def _register_follow(app: Dash) -> None:
    @app.callback(
        Output("job-progress", "children"),
        Output("job-panel", "children"),
        Output("results", "children"),
        Output("past", "children"),
        Output("plan-identity", "children"),
        Output("job-tick", "disabled"),
        Input("job-tick", "n_intervals"),
        State("what-if-view", "data"),
        prevent_initial_call=True,
    )
    def follow(_: int, seen: dict[str, Any]) -> Any:
        view = view_of(seen)
        archive = source()
        run, job = run_and_job(archive, view)
        if job and not job.is_final:
            return progress_row(job), no_update, no_update, no_update, no_update, False
        past = past_card(archive.jobs.jobs(run.id), view)
        shown = results(archive, run, job, view)
        return no_update, job_panel(job), shown, past, about(run, job), True

    @app.callback(
        Output("job-cancel", "disabled"),
        Input("job-cancel", "n_clicks"),
        State("what-if-view", "data"),
        prevent_initial_call=True,
    )
    def cancel(clicks: int | None, seen: dict[str, Any]) -> bool:
        if clicks:
            source().jobs.cancel(view_of(seen).job)
        return bool(clicks)
