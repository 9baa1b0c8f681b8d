"""noria front: files that agree, a table for people, and points kept when it is stopped."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import solvers.unit_bound
from dashboards.figures.front import front_figure
from dashboards.front_page import front_page
from scenarios.cli import main
from scenarios.front import Front, make_front
from scenarios.front_text import front_text
from scenarios.replan import prepare
from scenarios.settings import load_config
from twin.model.schedule import Schedule


@pytest.fixture(scope="module", autouse=True)
def _few_steps() -> Iterator[None]:
    """Bounds are climbed to in a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solvers.unit_bound, "STEPS", 4)
        yield


@pytest.fixture(scope="module")
def told(written_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("front")
    code = main(
        ["front", str(written_shop / "replan.yaml"), "--points", "3", "--time-limit", "3",
         "--out", str(out), "--quiet"]
    )  # fmt: skip
    assert code == 0
    return out / "front"


def test_json_csv_plans_and_page_tell_of_the_same_points(told: Path) -> None:
    points = json.loads((told / "front.json").read_text())["points"]
    rows = list(csv.DictReader((told / "front.csv").open()))
    assert [row["name"] for row in rows] == [point["name"] for point in points]
    page = (told / "front.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "https://" not in page.split("<body")[1]
    assert sorted(p.stem for p in (told / "plans").iterdir()) == sorted(r["name"] for r in rows)
    for row, point in zip(rows, points, strict=True):
        plan = Schedule.from_json((told / "plans" / f"{row['name']}.json").read_text())
        assert plan.value
        assert plan.value.total_cost == point["total_cost"] == float(row["total_cost"])
        assert plan.value.carbon_kg == point["carbon_kg"]
        assert plan.bound == point["bound"]
        assert point["bound"] <= point["total_cost"]


@pytest.fixture(scope="module")
def front(written_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Front:
    out = tmp_path_factory.mktemp("front-case")
    case = prepare(load_config(written_shop / "replan.yaml", out=out)).case
    return make_front(case, points=2, time_limit=2.0, seed=3)


def test_the_picture_has_a_dot_for_each_point(front: Front) -> None:
    dots = next(t for t in front_figure(front).data if "markers" in (t.mode or ""))
    assert list(dots.y) == [point.total_cost for point in front.points]
    assert list(dots.x) == [point.carbon_kg / 1000 for point in front.points]


def test_the_page_is_a_function_of_the_front(front: Front) -> None:
    assert front_page(front) == front_page(replace(front))


def test_what_is_missing_is_said(front: Front) -> None:
    stopped = replace(front, shortfall="stopped early: 1 of up to 9 points")
    assert stopped.shortfall in front_text(stopped)
    assert stopped.shortfall in front_page(stopped)


def test_a_stop_keeps_the_points_found(
    written_shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("front-stop")
    case = prepare(load_config(written_shop / "replan.yaml", out=out)).case
    begun: list[str] = []

    found = make_front(
        case, points=5, time_limit=2.0, progress=lambda step, done, total: begun.append(step),
        cancelled=lambda: len(begun) > 1,
    )  # fmt: skip
    assert found.points
    assert found.shortfall
