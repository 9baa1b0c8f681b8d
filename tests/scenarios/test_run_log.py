"""A line of JSON for every step, without secrets, and never a reason to fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.execution import recorded
from scenarios.run_log import FILE, RunLog
from tests.scenarios.test_outbox import config_of
from twin.errors import Infeasible
from twin.secrets import Keyring, SecretPlace


def lines(archive: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (archive / FILE).read_text().splitlines()]


def test_each_step_is_a_line_with_its_seconds(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "replan", 7, Keyring({}, tmp_path))
    shown: list[str] = []
    tell = log.beside(lambda step, done, total: shown.append(step))
    for step in ("read", "optimise, round 1: construct, best 12", "optimise, round 1: anneal"):
        tell(step, 0, 1)
    log.close()
    read, optimise = lines(tmp_path)
    assert (read["event"], read["step"], read["run_number"]) == ("step", "read", 7)
    assert (optimise["step"], optimise["command"]) == ("optimise, round 1", "replan")
    assert read["seconds"] >= 0
    assert read["time"].endswith("Z")
    assert len(shown) == 3  # whoever watches is told everything


def test_executions_add_their_lines_and_tell_how_they_ended(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with recorded(config, "replan") as execution:
        execution.details["orders"] = 12
    with pytest.raises(Infeasible), recorded(config, "rollback"):
        raise Infeasible("no plan: a deadline cannot be met")
    told = lines(config.archive)
    assert [(one["run_number"], one["event"]) for one in told] == [
        (1, "begun"), (1, "ended"), (2, "begun"), (2, "ended"),
    ]  # fmt: skip
    assert (told[1]["level"], told[1]["exit_code"], told[1]["orders"]) == ("info", 0, 12)
    assert (told[3]["level"], told[3]["exit_code"]) == ("error", 5)
    assert told[3]["message"] == "no plan: a deadline cannot be met"
    assert told[3]["status"] == "Infeasible"


def test_no_secret_gets_in_at_any_depth(tmp_path: Path) -> None:
    keyring = Keyring({"PASSWORD": "hunter2"}, tmp_path)
    keyring.value(SecretPlace(env="PASSWORD"), "erp.password")
    log = RunLog(tmp_path, "replan", 1, keyring)
    log.error(
        "x", message="with hunter2", inside={"refused": ["postgresql://u:p4ss@h/d", "hunter2"]}
    )
    log.close()
    text = (tmp_path / FILE).read_text()
    assert "with " in text
    assert "hunter2" not in text
    assert "p4ss" not in text


def test_a_log_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to("/dev/full")
    log = RunLog(tmp_path, "replan", 1, Keyring({}, tmp_path))
    log.info("begun")
    log.close()
    with pytest.raises(OSError, match="No space left"):  # it cannot be written indeed
        (tmp_path / FILE).write_text("x")
    (tmp_path / "file").touch()
    RunLog(tmp_path / "file", "replan", 1, Keyring({}, tmp_path)).close()
