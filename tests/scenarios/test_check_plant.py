"""``noria check`` of a plant file: its faults, and by name what is for the simulator only."""

import json
from pathlib import Path

import pytest

from scenarios.cli import main

DATA = Path(__file__).resolve().parents[2] / "data"
NETWORK, DEMO = DATA / "plants" / "network.yaml", DATA / "demo" / "plant.yaml"


def test_what_plans_cannot_honour_is_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(NETWORK)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "network.yaml: no fault in 30 work units, 15 operations and 5 products" in out
    assert "note: plans cannot honour carriage by AGV: operation test" in out
    assert "note: plans cannot honour setups by a crew (SETTERS): S-1, setup; S-2, setup" in out
    assert main(["check", str(NETWORK), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["plans_cannot_honour"]
    assert found["plans cannot honour carriage by AGV"] == ["operation test"]


def test_a_plant_that_can_be_planned_has_no_note(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DEMO)]) == 0
    assert "note" not in capsys.readouterr().out


def test_faults_and_other_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "plant.yaml"
    broken.write_text(NETWORK.read_text().replace("grey: {red: 4 min}", "gray: {red: 4 min}"))
    job = tmp_path / "replan.yaml"
    job.write_text("mes: {path: log.csv}\n")
    for arguments, words in (
        ([broken], 'work_units.26.setup.times: no colour "gray"; did you mean "grey"?'),
        ([job], "a configuration, not a plant"),
        ([NETWORK, "--schedule", "plan.json"], "has no orders"),
    ):
        assert main(["check", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert words in err
