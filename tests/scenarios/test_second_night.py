"""The second night: last night's plan is compared, frozen where it was told, and said so."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from scenarios.cli import main
from scenarios.replan import Replanned, replan
from scenarios.settings import load_config
from twin.accounting.moves import Moves


@pytest.fixture(scope="module")
def nights(written_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Replanned]:
    """Two nights of the small shop, eight hours frozen on the second."""
    out = tmp_path_factory.mktemp("nights")
    config = load_config(written_shop / "replan.yaml", out=out)
    config = config.model_copy(
        update={"plan": config.plan.model_copy(update={"freeze": 480.0}), "time_limit_s": 5.0}
    )
    replan(config.model_copy(update={"cut_off": config.cut_off - timedelta(hours=12)}))
    return out, replan(config)


def test_the_moves_are_archived_published_and_told(
    nights: tuple[Path, Replanned], capsys: pytest.CaptureFixture[str]
) -> None:
    out, done = nights
    moves = done.run.extras["moves"]
    drop = json.loads((out / "erp_drop" / "changes.json").read_text())
    assert drop == json.loads(json.dumps(moves))
    assert drop["compared"] > 0
    assert drop["frozen"] > 0
    assert main(["report", str(out / "runs")]) == 0
    said = capsys.readouterr().out
    assert "against last night's plan" in said
    assert f"{drop['kept']} of {drop['frozen']} kept to the minute" in said
    assert "Because" in done.report_html.read_text() or not drop["moves"]


def test_check_judges_the_frozen_window_of_an_archived_run(nights: tuple[Path, Replanned]) -> None:
    assert main(["check", str(nights[1].run.folder), "--quiet"]) == 0


def test_what_is_frozen_and_not_kept_has_a_reason(nights: tuple[Path, Replanned]) -> None:
    run = nights[1].run
    moves = Moves.from_dict(json.loads(json.dumps(run.extras["moves"])))
    broken = [m for m in moves.moves if m.is_frozen]
    assert len(broken) == moves.frozen - moves.kept
    named = {(u.order, u.operation, u.task) for u in run.schedule.unkept}
    assert {(m.order, m.operation, m.task) for m in broken} <= named
    assert run.ledger_row["frozen_kept"] == moves.kept


def test_the_window_is_part_of_a_runs_identity(written_shop: Path) -> None:
    from scenarios.inputs import read_inputs
    from scenarios.replan import run_identity

    config = load_config(written_shop / "replan.yaml")
    longer = config.model_copy(update={"plan": config.plan.model_copy(update={"freeze": 60.0})})
    inputs = read_inputs(config)
    assert run_identity(config, inputs) != run_identity(longer, inputs)
