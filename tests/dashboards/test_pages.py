"""Pages as the server makes them: what they say is computed from the run, and faults are told."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from dash import Dash
from dash.development.base_component import Component

from dashboards import catalogue
from dashboards.app import ASSETS, create_app, serve
from dashboards.figures.late import late_orders
from dashboards.jobs import Request
from dashboards.layout import PAGES, page
from dashboards.order_story import order_story
from dashboards.pages import now, plan, runs, what_if
from dashboards.source import source
from dashboards.url_state import View, write_view
from dashboards.what_if_form import FIELDS, can_work_longer, read_form
from dashboards.what_if_words import changed_sides, verdict
from scenarios.archive import Run
from scenarios.scenario import Scenario
from scenarios.what_if import WhatIf
from tests.archives import MOVED_MINUTES, PLANT, small_run
from twin.accounting.comparison import Difference
from twin.errors import NoriaError

DASHBOARDS = Path(catalogue.__file__).parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def app(run: Run) -> Dash:
    return create_app(run.folder.parent)


def parts(component: Any) -> Iterator[Component]:
    """A component and everything inside it."""
    if isinstance(component, Component):
        yield component
        yield from parts(getattr(component, "children", None))
    elif isinstance(component, list | tuple):
        for part in component:
            yield from parts(part)


def words(component: Any) -> str:
    """Text of a component, as a reader sees it."""
    if isinstance(component, Component):
        return words(getattr(component, "children", None))
    if isinstance(component, list | tuple):
        return " ".join(words(part) for part in component)
    return "" if component is None else str(component)


def part(component: Any, id: str) -> Component:
    """The part with an id."""
    return next(p for p in parts(component) if getattr(p, "id", None) == id)


def rendered(app: Dash, key: str, view: View | None = None) -> Component:
    """A page as the browser gets it."""
    render = {
        "now": now.render, "plan": plan.render, "what-if": what_if.render, "runs": runs.render,
    }[key]  # fmt: skip
    with app.server.test_request_context():
        query = dict(re.findall(r"(\w+)=([^&]*)", write_view(view or View())))
        return page(key, render)(**query)


# --- every page ---


@pytest.mark.parametrize("key", [key for key, _, _ in PAGES])
def test_every_page_of_the_rail_can_be_made(app: Dash, key: str) -> None:
    made = rendered(app, key)
    headings = [words(p) for p in parts(made) if p._type == "H1"]
    assert headings == [catalogue.text(f"page.{key}")]
    assert not [p for p in parts(made) if getattr(p, "id", "") == "page-error"]


@pytest.mark.parametrize("key", [key for key, _, _ in PAGES])
def test_ids_of_a_page_are_used_once(app: Dash, key: str) -> None:
    ids = [p.id for p in parts(rendered(app, key)) if getattr(p, "id", None)]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("key", [key for key, _, _ in PAGES])
def test_a_page_has_at_most_one_filled_button(app: Dash, key: str) -> None:
    looks = [str(getattr(p, "className", "")) for p in parts(rendered(app, key))]
    assert sum("filled" in look.split() for look in looks) <= 1


def test_every_page_keeps_the_theme_in_its_links(app: Dash) -> None:
    made = rendered(app, "plan", View(theme="dark"))
    links = [p.href for p in parts(made) if str(getattr(p, "id", "")).startswith("rail-")]
    assert links
    assert all(link.endswith("?theme=dark") for link in links)


def test_an_empty_archive_says_what_to_do(tmp_path: Path) -> None:
    made = rendered(create_app(tmp_path), "plan")
    assert "noria replan" in words(part(made, "page-error"))


def test_an_unexpected_fault_of_a_page_keeps_the_rail_and_shows_no_traceback(app: Dash) -> None:
    def broken(_: View) -> Component:
        raise ZeroDivisionError("inside")

    with app.server.test_request_context():
        made = page("plan", broken)()
    told = words(part(made, "page-error"))
    assert ("ZeroDivisionError" in told, "Traceback" in told) == (False, False)
    assert part(made, "rail-what-if").href == "/what-if"


def test_two_apps_in_one_process_show_their_own_archives(app: Dash, tmp_path: Path) -> None:
    other = create_app(tmp_path)
    with app.server.test_request_context():
        mine = source().archive
    with other.server.test_request_context():
        theirs = source().archive
    assert (mine != theirs, theirs) == (True, tmp_path)


def test_serving_an_empty_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoriaError, match="noria replan"):
        serve(tmp_path)


def test_an_address_in_use_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NoriaError, match=f"127.0.0.1:{port} cannot be had .*another port"):
            serve(run.folder.parent, port=port)


# --- today's plan ---


def test_the_table_lists_every_late_order(app: Dash, run: Run) -> None:
    table = part(rendered(app, "plan"), "late-table")
    shown = [getattr(p, "data-order") for p in parts(table) if getattr(p, "data-order", None)]
    late = late_orders(run.schedule, run.case.orders, run.report, run.case.plant)
    assert shown == [row.order for row in late]
    assert shown


def test_the_selected_order_of_the_address_is_on_its_card(app: Dash) -> None:
    made = rendered(app, "plan", View(order="4102"))
    assert words(part(made, "order")).startswith("Order 4102")


def test_an_order_nobody_knows_is_said_to_be_unknown(app: Dash) -> None:
    made = rendered(app, "plan", View(order="nobody"))
    assert "no order “nobody”" in words(part(made, "order"))


def test_what_moved_since_last_night_is_counted(app: Dash, run: Run) -> None:
    assert MOVED_MINUTES > 60
    told = words(part(rendered(app, "plan"), "changes"))
    assert re.search(r"(\d+) of \1 operations moved", told)


def test_the_rail_tells_the_age_of_the_log(app: Dash) -> None:
    assert "Log ends 30\u202fmin before the cut-off" in words(
        part(rendered(app, "plan"), "data-age")
    )


def test_the_orders_leave_as_a_table_with_raw_numbers(app: Dash, run: Run) -> None:
    answer = app.server.test_client().get(f"/export/{run.id}/orders.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["order"] for row in rows] == [order.id for order in run.case.orders]
    chances = {o.order: o.on_time.mean for o in run.report.orders}
    assert {row["order"]: float(row["chance on time [1]"]) for row in rows} == chances


def test_a_run_that_is_not_there_cannot_be_exported(app: Dash) -> None:
    assert app.server.test_client().get("/export/nobody/orders.csv").status_code == 404


# --- the way of one order ---


def test_the_steps_of_an_order_follow_its_route(run: Run) -> None:
    story = order_story(run.case, run.schedule, run.report, "4101")
    assert story is not None
    assert [s.operation for s in story.steps] == run.case.plant.route_of(story.product)


def test_waiting_and_work_fill_the_time_to_the_planned_end(run: Run) -> None:
    """From release to the end, an order waits or is at an operation: nothing is left over."""
    for order in run.case.orders:
        story = order_story(run.case, run.schedule, run.report, order.id)
        assert story is not None
        at_work = sum(s.end - s.start for s in story.steps if s.start is not None and s.end)
        release = max(run.case.horizon.to_minutes(order.release_date), 0.0)
        assert story.planned_end is not None
        assert story.waiting + at_work == pytest.approx(story.planned_end - release)


def test_the_causes_of_an_order_add_up(run: Run) -> None:
    story = order_story(run.case, run.schedule, run.report, "4103")
    assert story is not None
    assert sum(c.minutes for c in story.causes) == pytest.approx(story.planned_end)


# --- what-if ---


def form(**typed: Any) -> dict[str, Any]:
    """A form as it stands when the page opens, with some fields typed over."""
    return {f.key: f.default for f in FIELDS} | {"name": "", "extra_shift": []} | typed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"demand": "120"}, Scenario(demand=1.2)),
        ({"demand": " 112,5 % "}, Scenario(demand=1.125)),
        ({"maintenance": "80"}, Scenario(maintenance_interval=0.8)),
        ({"price": "150%"}, Scenario(price_level=1.5)),
        ({"carbon": "1 200"}, Scenario(carbon_per_t=1200)),
        ({"extra_shift": ["packing", "forming"]}, Scenario(extra_shift=["forming", "packing"])),
    ],
)
def test_a_form_becomes_its_scenario(typed: dict[str, Any], expected: Scenario) -> None:
    read = read_form(form(**typed), PLANT)
    assert read.scenario is not None
    assert read.scenario.model_copy(update={"name": expected.name}) == expected


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("demand", "many"),
        ("demand", "0"),
        ("demand", "nan"),
        ("price", "-5"),
        ("maintenance", "inf"),
        ("carbon", "1e9"),
        ("replications", "12.5"),
        ("time_limit", "0"),
    ],
)
def test_a_value_that_does_not_fit_is_told_beside_its_field(key: str, typed: str) -> None:
    read = read_form(form(**{"demand": "120", key: typed}), PLANT)
    assert (read.scenario, list(read.faults)) == (None, [key])
    assert typed in read.faults[key]


def test_every_fault_of_a_form_is_told_at_once() -> None:
    assert set(read_form(form(demand="x", price="y"), PLANT).faults) == {"demand", "price"}


@pytest.mark.parametrize("typed", [{}, {"demand": "100"}, {"carbon": "300"}, {"demand": ""}])
def test_a_form_that_changes_nothing_is_refused(typed: dict[str, Any]) -> None:
    assert list(read_form(form(**typed), PLANT).faults) == ["form"]


def test_an_area_that_never_closes_has_no_shift_to_gain() -> None:
    assert can_work_longer(PLANT) == {"forming": True, "heat": False, "packing": True}


def test_a_what_if_without_a_name_is_called_by_its_changes() -> None:
    read = read_form(form(demand="120", extra_shift=["packing"]), PLANT)
    assert read.scenario is not None
    assert read.scenario.name == "demand 120 %, one shift more in packing"


def test_a_job_that_does_not_exist_is_said_to_be_missing(app: Dash) -> None:
    assert "no what-if number 7" in words(
        part(rendered(app, "what-if", View(job="7")), "page-error")
    )


def test_the_message_of_a_failed_job_is_on_the_page(app: Dash, run: Run) -> None:
    with app.server.test_request_context():
        folder = source().jobs.folder / "0042"
    folder.mkdir(parents=True)
    request = Request(run=run.id, scenario={"name": "tight", "demand": 2.0})
    (folder / "request.json").write_text(json.dumps(asdict(request)))
    (folder / "error.txt").write_text("replan: no place for 4101; add a shift")
    made = rendered(app, "what-if", View(job="42"))
    told = words(part(made, "job-ending"))
    assert "no place for 4101; add a shift" in told
    assert "what_if/0042/log.txt" in told


def finished(app: Dash, run: Run, number: str, demand: float) -> None:
    """Put a finished what-if into the archive: the plan of the run, called a variant of itself."""
    with app.server.test_request_context():
        folder = source().jobs.folder / number
    folder.mkdir(parents=True, exist_ok=True)
    scenario = Scenario(name=f"variant {number}", demand=demand)
    request = Request(run=run.id, scenario=scenario.model_dump(mode="json"), replications=6)
    comparison = {
        "total_cost": difference(-420.0, -500.0, -340.0),
        "peak_kw": difference(3, -8, 14),
    }
    result = WhatIf(scenario, run.schedule, run.report, run.report, comparison)
    (folder / "request.json").write_text(json.dumps(asdict(request)))
    (folder / "result.json").write_text(result.to_json())


def test_a_finished_what_if_is_shown_with_its_differences(app: Dash, run: Run) -> None:
    finished(app, run, "0050", 1.2)
    made = rendered(app, "what-if", View(job="50"))
    assert words(part(made, "lead")).startswith("B is 420")
    assert "cheaper" in words(part(made, "forest-total_cost"))
    assert "no clear difference" in words(part(made, "forest-peak_kw"))
    assert part(made, "gantt").figure.data
    assert part(made, "form-demand").value == "120"


def test_two_what_ifs_stand_side_by_side(app: Dash, run: Run) -> None:
    finished(app, run, "0051", 1.2)
    finished(app, run, "0052", 1.4)
    made = rendered(app, "what-if", View(job="51", beside="52"))
    shown = words(part(made, "scenarios"))
    assert ("variant 0051" in shown, "variant 0052" in shown) == (True, True)
    heads = [words(p) for p in parts(part(made, "forest")) if p._type == "Th"]
    assert heads == ["Figure", "A", "B − A", "C − A"]


def difference(mean: float, low: float, high: float, base: float = 1000.0) -> Difference:
    return Difference(mean, low, high, 100, base, base + mean)


def test_the_sentence_says_what_is_clear_and_what_is_not() -> None:
    lead = verdict(
        {
            "total_cost": difference(-420.0, -500.0, -340.0),
            "peak_kw": difference(3.0, -8.0, 14.0),
        },
        "MAD",
        "B",
    )
    assert lead.answer == "B is 420\u202fMAD cheaper."
    assert lead.detail == "B has no clear change in peak import."


def test_the_sentence_does_not_call_noise_a_difference() -> None:
    lead = verdict({"total_cost": difference(5.0, -8.0, 14.0)}, "MAD", "B")
    assert lead.answer == catalogue.text("verdict.none", letter="B")


def test_orders_that_stay_on_their_side_are_not_listed(run: Run) -> None:
    assert changed_sides(run.report, run.report) == ()


# --- words and pictures ---


def test_every_word_the_app_asks_for_is_in_the_catalogue() -> None:
    asked = set()
    for path in sorted(DASHBOARDS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\btext\(\s*"([a-z][\w .-]+)"', text))
    assert len(asked) > 50
    assert asked - catalogue.keys() == set()


def test_every_word_of_the_catalogue_is_asked_for() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted(DASHBOARDS.rglob("*.py"))
        if path.name != "catalogue.py"
    )
    composed = re.findall(r'f"([a-z-]+(?:\.[a-z_-]+)*\.)\{', sources)
    unused = {
        key
        for key in sorted(catalogue.keys())
        if f'"{key}"' not in sources
        and f'"{key.rpartition(".")[0]}"' not in sources
        and not key.startswith(tuple(composed))
        and f"'{key}'" not in sources
    }
    assert unused == set()


def test_values_of_a_text_are_named() -> None:
    for key in sorted(catalogue.keys()):
        template = catalogue._ENGLISH[key]
        names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        assert all(name.isidentifier() for name in names), key


def test_every_icon_has_a_picture_and_a_rule() -> None:
    style = (ASSETS / "app.css").read_text(encoding="utf-8")
    pictures = {path.stem for path in (ASSETS / "icons").glob("*.svg")}
    rules = set(re.findall(r"\.icon-([a-z-]+) \{ mask-image: url\(icons/\1\.svg\)", style))
    assert rules == pictures


def test_nothing_the_browser_loads_names_another_host() -> None:
    for path in [*ASSETS.glob("*.css"), *ASSETS.glob("*.js"), *(ASSETS / "icons").glob("*.svg")]:
        found = re.findall(
            r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text(encoding="utf-8")
        )
        assert [host for host in found if "www.w3.org" not in host] == [], path.name
