"""The plant's own command is told how a run ended, and cannot change it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from scenarios.execution import DRY_RUN, Execution, recorded
from scenarios.ledger import Ledger
from scenarios.night_metrics import FILE as METRICS
from scenarios.notify import notify, occasions
from scenarios.settings import Notification, ReplanConfig
from tests.scenarios.test_outbox import config_of
from twin.errors import Partial, StaleData


def told(tmp_path: Path, **changes: Any) -> tuple[ReplanConfig, Path]:
    """A configuration whose command writes down what it is told, and where."""
    heard = tmp_path / "heard.json"
    tell = Notification(command=("/bin/sh", "-c", f"cat > {heard}"), **changes)
    return config_of(tmp_path).model_copy(update={"notify": tell}), heard


def test_a_failure_is_told_with_its_message(tmp_path: Path) -> None:
    config, heard = told(tmp_path)

    def fails(execution: Execution) -> None:
        execution.details |= {"orders": 3, "versions": {"noria": "1"}}
        raise StaleData("mes.csv: the last event is 40 h older than the cut-off")

    with pytest.raises(StaleData), recorded(config, "replan") as execution:
        fails(execution)
    found = json.loads(heard.read_text())
    assert (found["status"], found["exit_code"], found["run_number"]) == ("StaleData", 4, 1)
    assert found["message"].startswith("mes.csv: the last event is 40 h")
    assert (found["command"], found["orders"]) == ("replan", 3)
    assert "versions" not in found


def test_a_good_end_is_told_to_whoever_wants_always(tmp_path: Path) -> None:
    config, heard = told(tmp_path)
    with recorded(config, "replan"):
        pass
    assert not heard.exists()
    config, heard = told(tmp_path, on=frozenset({"always"}))
    with recorded(config, "replan"):
        pass
    assert json.loads(heard.read_text())["exit_code"] == 0


def test_a_dry_run_is_told_to_nobody_and_leaves_the_nights_figures_alone(tmp_path: Path) -> None:
    config, heard = told(tmp_path, on=frozenset({"always"}))
    with recorded(config, "replan") as execution:
        execution.status = DRY_RUN
    assert not heard.exists()
    assert not (config.archive / METRICS).exists()
    assert Ledger(config.archive).rows()[0]["status"] == "dry run"


@pytest.mark.parametrize(
    ("code", "details", "found"),
    [
        (0, {}, {"always"}),
        (7, {}, {"always", "partial"}),
        (130, {}, {"always", "failure"}),
        (9, {"status_of_plan": "fallback"}, {"always", "failure", "fallback"}),
    ],
)
def test_occasions(code: int, details: dict[str, Any], found: set[str]) -> None:
    assert occasions(code, details) == found


def test_no_secret_is_told(tmp_path: Path) -> None:
    config, heard = told(tmp_path)
    with pytest.raises(Partial), recorded(config, "replan"):
        raise Partial("written in part to https://noria:hunter2@erp.example")
    assert "erp.example" in heard.read_text()
    assert "hunter2" not in heard.read_text()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/no/such/command",), "cannot be started"),
        (("/bin/sh", "-c", "echo no mail server >&2; exit 3"), "exit code 3; no mail server"),
        (("/bin/true",), ""),  # reads nothing, which is its affair
    ],
)
def test_what_is_wrong_with_the_command_is_said_and_changes_nothing(
    tmp_path: Path, command: tuple[str, ...], words: str
) -> None:
    tell = Notification(command=command, on=frozenset({"always"}))
    config = config_of(tmp_path).model_copy(update={"notify": tell})
    with recorded(config, "replan"):
        pass
    log = (config.archive / "replan.log.jsonl").read_text()
    assert words in log
    assert ("not notified" in log) == bool(words)


def test_a_command_that_hangs_is_stopped_with_all_it_started() -> None:
    tell = Notification(command=("/bin/sh", "-c", "sleep 60 & sleep 60"), time_limit_s=0.5)
    began = time.monotonic()
    assert notify(tell, {"big": "x" * 1_000_000}) == "/bin/sh: stopped after 0.5 s"
    assert time.monotonic() - began < 20
