"""The page of a diagnosis says the verdict first, shows every part, and needs no network."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboards.diagnosis_page import write_page
from dashboards.figures.pareto import MOST_BARS, STAR, pareto_figure
from scenarios.information import Information, Worth
from tests.twin.calibration.conftest import PLANT, simulated_log
from twin.calibration.diagnosis import Diagnosis, diagnose
from twin.model.events import EventLog
from twin.model.plant import Plant, load_plant

BEGIN = datetime(2026, 11, 2, 5, tzinfo=UTC)
DAYS = 7


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(PLANT)


@pytest.fixture(scope="module")
def found(plant: Plant) -> Diagnosis:
    log = simulated_log(plant, days=DAYS, seed=5)
    return diagnose(log, plant, BEGIN + timedelta(days=DAYS), price_per_kwh=0.2)


def text_of(page: str) -> str:
    body = page[page.index("<body") :]
    body = re.sub(r"<script.*?</script>", "", body, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_page_has_every_part_and_loads_nothing(
    found: Diagnosis, plant: Plant, tmp_path: Path
) -> None:
    worth = Worth("failures", 120.0, 20.0, 150.0, 900.0, 8)
    information = Information(
        "EUR", 5000.0, (worth,), ("naive plan", "plan for the estimates"), 6, (), ("scrap",)
    )
    write_page(tmp_path / "page.html", found, plant, ["the wind blows"], information)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    text = text_of(page)
    for title in (
        "What the log can carry", "What it is worth to know more", "What is wrong with it",
        "Where time and money are lost", "Reasons of stops", "Names that do not match",
        "Signals of every work unit", "Events not used as they came", "the wind blows",
        "worth 120 ± 40 EUR", "Not reached in the time given: scrap",
    ):  # fmt: skip
        assert title in text, title
    assert not re.search(r'(src|href)="https?:', page[page.index("<body") :])


def test_a_refused_log_says_so_first(plant: Plant, tmp_path: Path) -> None:
    refused = diagnose(EventLog.of([]), plant, BEGIN)
    write_page(tmp_path / "page.html", refused, plant)
    assert "This log carries no plan." in text_of(
        (tmp_path / "page.html").read_text(encoding="utf-8")
    )


def test_bars_are_the_largest_losses_and_end_in_what_they_add_up_to(found: Diagnosis) -> None:
    figure = pareto_figure(found.losses)
    rows = [row for row in found.losses.rows if row.is_counted][:MOST_BARS]
    bars = sorted((x for trace in figure.data for x in trace.x), reverse=True)
    assert bars == pytest.approx([row.hours for row in rows])
    labels = [y for trace in figure.data for y in trace.y]
    assert sum(STAR in one for one in labels) == sum(row.at_bottleneck for row in rows)
