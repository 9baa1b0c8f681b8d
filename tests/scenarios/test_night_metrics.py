"""Figures of the last execution, as a Prometheus reads them, whatever became of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scenarios.archive import load_run
from scenarios.execution import recorded
from scenarios.night_metrics import FILE
from scenarios.publication import decide_and_deliver
from tests.archives import RUN_ID, small_run
from tests.fake_erp import FakeErp
from tests.scenarios.test_outbox import config_of
from twin.errors import ErpAway, FeedMissing


def figures(archive: Path) -> dict[str, float]:
    """Value of each metric, a label behind its name."""
    found = {}
    for family in text_string_to_metric_families((archive / FILE).read_text()):
        for sample in family.samples:
            label = "".join(f":{value}" for value in sample.labels.values())
            found[sample.name.removeprefix("noria_replan_") + label] = sample.value
    return found


def test_an_execution_that_ended_well(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with recorded(config, "replan") as execution:
        execution.details |= {
            "orders": 12, "total_cost": 345.5, "moved": 3, "set_aside": 7, "unplaced": ["1"],
            "status_of_plan": "feasible",
        }  # fmt: skip
    found = figures(config.archive)
    assert found["exit_code"] == 0
    assert found["last_success_timestamp_seconds"] == pytest.approx(
        found["ended_timestamp_seconds"], abs=1.5
    )
    for name, value in (("orders", 12), ("cost", 345.5), ("moved", 3), ("set_aside_events", 7),
                        ("unplaced_orders", 1), ("fallback", 0)):  # fmt: skip
        assert found[name] == value
    assert found["duration_seconds"] >= 0


def test_one_that_failed_keeps_the_time_of_the_last_success(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with recorded(config, "replan"):
        pass
    before = figures(config.archive)["last_success_timestamp_seconds"]
    with pytest.raises(FeedMissing), recorded(config, "replan"):
        raise FeedMissing("prices.csv: no such file")
    found = figures(config.archive)
    assert found["exit_code"] == 11
    assert found["last_success_timestamp_seconds"] == before
    assert "orders" not in found  # what it did not come to is not told


def test_what_waits_is_counted_by_target(tmp_path: Path) -> None:
    config, erp = config_of(tmp_path), FakeErp(tmp_path / "erp", is_away=True)
    small_run(config.archive, replications=2)
    with pytest.raises(ErpAway), recorded(config, "replan", {"fake": erp}) as execution:
        decide_and_deliver(execution, load_run(config.archive / RUN_ID))
    assert figures(config.archive)["outbox_pending:fake"] == 1
    erp.is_away = False
    with recorded(config, "replan", {"fake": erp}) as execution:
        decide_and_deliver(execution, load_run(config.archive / RUN_ID))
    assert figures(config.archive)["outbox_pending:fake"] == 0


def test_figures_that_cannot_be_written_do_not_fail_the_job(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    (config.archive / FILE).mkdir(parents=True)
    with recorded(config, "replan"):
        pass
    assert "metrics not written" in (config.archive / "replan.log.jsonl").read_text()
