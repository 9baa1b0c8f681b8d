"""The page of a diagnosis says the verdict first, shows every part, and needs no network."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboards.diagnosis_page import write_page
from dashboards.diagnosis_sections import losses_body
from dashboards.figures import numbers
from dashboards.figures.pareto import MOST_BARS, STAR, SUM, label, pareto_figure
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
    ends = {y: text for trace in figure.data for y, text in zip(trace.y, trace.text, strict=True)}
    lasts = [ends[label(row)].partition(SUM)[2] for row in rows]
    assert lasts[0] == numbers.share(rows[0].share)
    assert lasts[-1] == numbers.share(sum(row.share for row in rows))


def test_money_bears_the_currency_of_the_plant(plant: Plant, found: Diagnosis) -> None:
    dirhams = diagnose(found.clean, plant.model_copy(update={"currency": "MAD"}), found.until)
    page = text_of(f"<body>{losses_body(dirhams.losses, 'f')}")
    assert "Money [MAD]" in page
    assert "Parts, fees [MAD]" in page
    hovers = [text for trace in pareto_figure(dirhams.losses).data for text in trace.hovertext]
    assert [h for h in hovers if "money" in h] == [h for h in hovers if h.endswith(" MAD")] != []
    lines = [line for line in dirhams.describe().splitlines() if "dearest: " in line]
    assert all(len(line.split(" MAD")) == len(line.split(";")) + 1 for line in lines)
    assert dirhams.to_dict()["losses"]["currency"] == "MAD"


def test_the_bottleneck_is_said_to_be_that_of_the_past(found: Diagnosis) -> None:
    assert found.losses.bottleneck
    page = text_of(f"<body>{losses_body(found.losses, 'f')}")
    for text in (page, found.describe()):
        assert "bottleneck of the past, by this log" in text
        assert "noria simulate" in text


def test_the_head_is_on_the_clock_of_the_plant(
    plant: Plant, found: Diagnosis, tmp_path: Path
) -> None:
    """The log begins at 05:00 UTC on a Monday: half past ten in Kolkata."""
    there = plant.model_copy(update={"timezone": "Asia/Kolkata"})
    moved = diagnose(found.clean, there, found.until)
    write_page(tmp_path / "page.html", moved, there)
    text = text_of((tmp_path / "page.html").read_text(encoding="utf-8"))
    begin, until = "2026-11-02 10:30", "2026-11-09 10:30"
    assert "from Mon 2 Nov 10:30 until Mon 9 Nov 10:30 (Asia/Kolkata)" in text
    head = moved.describe().splitlines()[0]
    assert head.endswith(f"from {begin} until {until} (Asia/Kolkata)")
    assert "UTC" not in head
