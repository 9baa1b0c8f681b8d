"""The dashboard in a browser: it renders everywhere, asks nobody else, and keeps its state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboards.jobs import read_job, wait_until
from scenarios.archive import Run
from tests.browser.conftest import Visit
from tests.live_twin import small_live

pytestmark = pytest.mark.browser

Open = Callable[..., Visit]
PATHS = ("/", "/now", "/what-if", "/runs")
PATIENCE_MS = 60_000
PATIENCE_S = 60.0


def overflow(page: Page) -> int:
    """Pixels by which a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def wait_for_plan(page: Page) -> None:
    page.wait_for_selector("#gantt .js-plotly-plot .bars .point", timeout=PATIENCE_MS)


def shown_minutes(page: Page) -> tuple[int, int]:
    """First minute and length of the time in view, as the figure itself has them."""
    first, last = page.evaluate(
        """() => {
          const axis = document.querySelector('#gantt .js-plotly-plot')._fullLayout.xaxis;
          const origin = Number(document.querySelector('[data-origin]').dataset.origin);
          return axis.range.map((at) => Math.round((axis.r2l(at) - origin) / 60000));
        }"""
    )
    return first, last - first


def ask(page: Page, **typed: str) -> str:
    """Fill the what-if form, run it, and return the job's number from the address."""
    for key, value in typed.items():
        page.fill(f"#form-{key}", value)
    page.click("#form-run")
    page.wait_for_url("**/what-if?job=*", timeout=PATIENCE_MS)
    return page.url.rpartition("job=")[2]


def job_folder(run: Run, number: str) -> Path:
    return run.folder.parent / "what_if" / number


FIRST_BAR = """() => {
  const plot = document.querySelector('#gantt .js-plotly-plot');
  const { xaxis, yaxis } = plot._fullLayout;
  const work = ['working', 'late order', 'at risk'];
  const trace = plot.data.find((t) => work.includes(t.name) && t.x.length);
  const box = plot.getBoundingClientRect();
  const middle = trace.base[0] + trace.x[0] / 2;
  return [
    trace.customdata[0][2],
    box.left + xaxis._offset + xaxis.l2p(middle),
    box.top + yaxis._offset + yaxis.l2p(trace.y[0]),
  ];
}"""
"""Order of a bar of work, and where on the screen its middle is."""


# --- every page, theme and width ---


@pytest.mark.parametrize("width", [1440, 1280, 834])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_renders(visit: Open, theme: str, width: int) -> None:
    """No request goes elsewhere, nothing is complained of, nothing is wider than the window."""
    seen = visit(width)
    for path in PATHS:
        page = seen.go(f"{path}?theme={theme}")
        if path == "/":
            wait_for_plan(page)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert overflow(page) <= 0, path
    assert seen.outside == []
    assert seen.complaints == []
    assert len(seen.requests) > 10


def test_a_request_to_another_host_would_be_seen(visit: Open) -> None:
    seen = visit()
    seen.page.route("http://elsewhere.test/**", lambda route: route.fulfill(body=""))
    seen.go("/runs").evaluate("fetch('http://elsewhere.test/picture', {mode: 'no-cors'})")
    assert seen.outside == ["http://elsewhere.test/picture"]


def test_an_error_in_a_script_would_be_seen(visit: Open) -> None:
    seen = visit()
    seen.go("/runs").evaluate("setTimeout(() => { throw new Error('planted'); }, 0)")
    assert wait_until(lambda: bool(seen.page.title()) and bool(seen.complaints), PATIENCE_S)


def test_the_page_names_its_language(visit: Open) -> None:
    assert visit().go("/").evaluate("document.documentElement.lang") == "en"


def test_an_address_without_a_page_says_so(visit: Open) -> None:
    page = visit().go("/nowhere")
    expect(page.locator("#page-error")).to_contain_text("no page at this address")


# --- now ---


def test_the_page_now_follows_the_live_twin_by_itself(visit: Open, run: Run) -> None:
    """First nobody looks, then somebody does, then nobody any more."""
    live = run.folder.parent / "live.json"
    live.unlink(missing_ok=True)
    seen = visit()
    page = seen.go("/now")
    expect(page.locator("#now-empty")).to_contain_text("noria watch")
    try:
        small_live(run)
        page.wait_for_selector("#now-gantt .js-plotly-plot .bars .point", timeout=PATIENCE_MS)
        expect(page.locator("#now-units tbody tr")).to_have_count(len(run.case.plant.work_units))
        expect(page.locator("#now-lead")).to_contain_text("As of")
        assert overflow(page) <= 0
        live.unlink()
        expect(page.locator("#now-empty")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        live.unlink(missing_ok=True)
    assert seen.complaints == []


# --- today's plan ---


def test_a_row_selects_its_order_everywhere(visit: Open) -> None:
    page = visit().go("/")
    wait_for_plan(page)
    row = page.locator("#late-table tr[data-order]").first
    order = row.get_attribute("data-order")
    row.click()
    expect(page.locator("#order h2")).to_have_text(f"Order {order}")
    expect(row).to_have_attribute("aria-selected", "true")
    outlined = """() => document.querySelector('#gantt .js-plotly-plot').data
        .find((trace) => trace.name === 'selected').x.length"""
    assert page.evaluate(outlined) > 0
    assert f"order={order}" in page.url


def test_a_row_is_selected_by_the_keyboard(visit: Open) -> None:
    page = visit().go("/")
    wait_for_plan(page)
    row = page.locator("#late-table tr[data-order]").first
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#order h2")).to_have_text(f"Order {row.get_attribute('data-order')}")


def test_a_click_on_a_bar_selects_its_order(visit: Open) -> None:
    page = visit().go("/?span=1440")
    wait_for_plan(page)
    order, x, y = page.evaluate(FIRST_BAR)
    page.mouse.click(x, y)
    expect(page.locator("#order h2")).to_have_text(f"Order {order}")


def test_back_undoes_a_selection(visit: Open) -> None:
    page = visit().go("/")
    wait_for_plan(page)
    page.locator("#late-table tr[data-order]").first.click()
    page.wait_for_url("**order=*")
    page.go_back()
    expect(page.locator("#order h2")).to_have_text("Order")


def test_the_time_in_view_survives_a_reload(visit: Open) -> None:
    page = visit().go("/")
    wait_for_plan(page)
    page.click("#zoom-shift")
    page.wait_for_url("**span=480*")
    page.reload()
    wait_for_plan(page)
    assert shown_minutes(page) == (0, 480)
    expect(page.locator("#zoom-shift")).to_have_attribute("aria-pressed", "true")


def test_keys_choose_the_time_in_view(visit: Open) -> None:
    page = visit().go("/")
    wait_for_plan(page)
    page.keyboard.press("2")
    page.wait_for_url("**span=1440*")
    assert shown_minutes(page) == (0, 1440)


def test_the_theme_changes_without_losing_the_selection(visit: Open) -> None:
    page = visit().go("/?order=4102")
    wait_for_plan(page)
    page.click("#theme")
    page.wait_for_url("**theme=dark*")
    expect(page.locator("#order h2")).to_have_text("Order 4102")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


# --- what-if ---


def test_a_fault_stands_beside_its_field(visit: Open) -> None:
    page = visit().go("/what-if")
    page.fill("#form-demand", "plenty")
    page.click("#form-run")
    expect(page.locator("#fault-demand")).to_contain_text("“plenty” is not a number")
    assert "job=" not in page.url


def test_a_what_if_runs_to_its_end_and_is_kept(visit: Open, run: Run) -> None:
    seen = visit()
    page = seen.go("/what-if")
    number = ask(page, demand="150", replications="8", time_limit="3")
    page.reload()
    expect(page.locator("#forest")).to_be_visible(timeout=PATIENCE_MS)
    wait_for_plan(page)
    result = json.loads((job_folder(run, number) / "result.json").read_text())
    assert result["scenario"]["demand"] == 1.5
    assert page.input_value("#form-demand") == "150"
    expect(page.locator("#forest-total_cost")).to_be_visible()
    expect(page.locator("#past-list li")).not_to_have_count(0)
    assert overflow(page) <= 0
    assert (seen.outside, seen.complaints) == ([], [])


def test_cancel_ends_the_worker(visit: Open, run: Run) -> None:
    page = visit().go("/what-if")
    number = ask(page, demand="120", replications="2000", time_limit="60")
    folder = job_folder(run, number)
    page.reload()
    expect(page.locator("#job-progress")).to_contain_text(
        "of 2000 replications", timeout=PATIENCE_MS
    )
    pid = read_job(folder).pid
    assert pid is not None
    assert Path(f"/proc/{pid}").exists()
    page.click("#job-cancel")
    expect(page.locator("#job-ending")).to_contain_text("Cancelled", timeout=PATIENCE_MS)
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists(), PATIENCE_S)
    assert not (folder / "result.json").exists()
