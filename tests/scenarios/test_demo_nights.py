"""The demonstration shows what it promises; a whole run of it, so for ``make verify``."""

from pathlib import Path

import pytest

from scenarios.archive import Run, run_folders
from scenarios.demo_nights import run_demo
from twin.accounting.check import check


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("demo")
    return run_demo(folder, seed=1, replications=60, progress=lambda *step: None).run


@pytest.mark.slow
def test_the_calibrated_twin_is_closer_to_the_true_plant_on_every_indicator(run: Run) -> None:
    rows = run.extras["closeness"]
    assert len(rows) >= 10
    assert [row["kpi"] for row in rows if row["closer"] != "calibrated"] == []


@pytest.mark.slow
def test_the_plan_is_cheaper_than_the_naive_one_beyond_the_noise(run: Run) -> None:
    assert run.comparison is not None
    assert run.comparison["total_cost"].high < 0


@pytest.mark.slow
def test_the_plan_is_checked_and_compared_with_last_nights(run: Run) -> None:
    case = run.case
    found = check(run.schedule, case.plant, case.orders, case.forecast, case.state, run.previous)
    assert found.faults == ()
    assert found.disagreement is not None
    assert found.disagreement <= 1e-6
    assert run.previous is not None
    folders: list[Path] = run_folders(run.folder.parent)
    assert [folder.name for folder in folders] == sorted(folder.name for folder in folders)
    assert len(folders) == 2
