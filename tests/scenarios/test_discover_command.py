"""``noria discover`` on a full log: plant and order book out, ready for the other commands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from scenarios.cli import main
from scenarios.inputs import format_of, read_inputs
from scenarios.settings import load_config
from tests.benchmarks.known_truth import ZONE, TruthCase, truth_case
from twin.connectors.erp_files import read_orders
from twin.connectors.mes_files import write_log
from twin.model.plant import load_plant


@pytest.fixture(scope="module")
def case() -> TruthCase:
    return truth_case(4, weeks=2)


@pytest.fixture(scope="module")
def log_file(case: TruthCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Up to a Wednesday, in the middle of work."""
    path = tmp_path_factory.mktemp("full") / "mes_log.csv"
    write_log(case.log.until(case.begin + timedelta(days=9, hours=11)), path)
    return path


def test_a_full_log_gives_a_plant_and_its_open_orders(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant, orders = tmp_path / "plant.yaml", tmp_path / "orders.csv"
    words = ["discover", str(log_file), "--timezone", ZONE, "--quiet"]
    assert main([*words, "-o", str(plant), "--orders", str(orders)]) == 0
    told = capsys.readouterr().out
    book = read_orders(orders, load_plant(plant))
    assert "4 work units, 3 operations, 1 routes" in told
    assert f"{len(book)} orders open at the end of the log" in told
    assert len(book) > 0
    assert main(["check", str(plant)]) == 0
    where = ["--orders", str(orders), "--log", str(log_file), "--days", "1"]
    assert main(["simulate", str(plant), *where, "--replications", "2", "--quiet"]) == 0


def test_the_format_is_told_by_the_columns(log_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "shop.csv"
    other.write_text("case,activity,worker_or_machine,start,end\n")
    assert (format_of(log_file), format_of(other)) == ("noria", "job_shop")


def test_a_nightly_job_can_do_with_a_full_log_alone(log_file: Path, tmp_path: Path) -> None:
    config = tmp_path / "night.yaml"
    config.write_text(
        f"discover: {{id: found}}\n"
        f"mes: {{path: {log_file}, format: noria, timezone: {ZONE}}}\n"
        "prices: {path: prices.csv, value_column: price}\n"
        "carbon: {path: prices.csv, value_column: carbon}\n"
        "cut_off: 2026-03-11T11:00:00+01:00\nhorizon_days: 3\npublish: out\narchive: runs\n"
    )
    hours = "".join(
        f"2026-03-{11 + n // 24:02d}T{n % 24:02d}:00:00+01:00,0.1,0.3\n" for n in range(120)
    )
    (tmp_path / "prices.csv").write_text(f"time,price,carbon\n{hours}")
    inputs = read_inputs(load_config(config))
    assert {o.product for o in inputs.orders} <= {p.id for p in inputs.plant.products}
    assert inputs.order_states is not None
    assert any(state.running_on for state in inputs.order_states.values())
