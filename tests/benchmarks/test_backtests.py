"""The parts of the backtests' scripts: weeks, the order model, and that no later report is read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import backtest_job_shop
from tests.benchmarks.job_shop_cells import WEEK, activities_of, reported
from tests.benchmarks.job_shop_forecast import Orders, forecast, given_at, order_model
from twin.calibration.reports import WorkReport

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = ["cut", "bend", "other"]


def a_report(order: str, operation: str, start: float, hours: float = 2.0) -> WorkReport:
    """One that begins so many days after the beginning."""
    at = BEGIN + timedelta(days=start)
    return WorkReport(
        "work", "M", order, operation, at, at + hours * HOUR, False, 10.0, 0.0, 60 * hours
    )


def steady_shop(weeks: int) -> list[WorkReport]:
    """An order a day: cut 2 h on its first day, bent 3 h a week later."""
    return [
        report
        for day in range(7 * weeks)
        for report in (
            a_report(f"O{day}", "cut", day + 0.3), a_report(f"O{day}", "bend", day + 7.3, 3.0)
        )
        if report.start < BEGIN + weeks * WEEK
    ]  # fmt: skip


def test_a_report_across_two_weeks_is_split_by_time() -> None:
    found = reported([a_report("A", "cut", 6.75, hours=12)], NAMES, BEGIN, 2)
    assert found.hours[0] == pytest.approx([6.0, 6.0])
    assert not found.hours[1:].any()
    assert found.operations.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_small_activities_are_put_together() -> None:
    reports = [a_report("A", "cut", 1, 99), a_report("A", "bend", 2, 98), a_report("A", "x", 3, 1)]
    assert activities_of(reports) == ["cut", "bend", "other"]


def test_the_order_model_knows_a_steady_shop() -> None:
    """Seven orders a week: 14 h of cutting for those that come, 21 h of bending for those open."""
    orders = Orders.of(steady_shop(9), NAMES, BEGIN, "hours")
    given = given_at(orders, 7.0, 8.0)
    found = order_model(orders.before(7.0), given, 7.0, 1, 1, len(NAMES))
    assert found[:, 0] == pytest.approx([14.0, 21.0, 0.0], rel=0.12)


def test_only_released_orders_of_the_time_after_the_origin_change_a_forecast() -> None:
    known = Orders.of(steady_shop(7), NAMES, BEGIN, "hours")
    later = [a_report(f"L{n}", "bend", 49.5 + n, hours=9.0) for n in range(7)]
    both = Orders.of([*steady_shop(7), *later], NAMES, BEGIN, "hours")
    given = given_at(both, 7.0, 8.0)
    assert given.released.keys() == {f"L{n}" for n in range(7)}
    found = forecast(known, given, 7.0, 1, None, seed=1)
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert found.samples.min() > 0
    assert found.samples[:, 1].mean() < 30  # not the 63 h that were then reported


def test_the_spread_of_sums_is_their_own() -> None:
    orders = Orders.of(steady_shop(8), NAMES, BEGIN, "hours")
    found = forecast(orders, given_at(orders, 8.0, 9.0), 8.0, 1, None, seed=1, samples=4000)
    sums = found.samples.sum(axis=1)
    assert float(np.std(sums) / np.mean(sums)) == pytest.approx(found.spread_of_sum, rel=0.25)


def test_too_short_a_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "case,activity,worker_or_machine,start,end,Qty_Completed,Qty_Rejected,Qty_for_MRB"
    row = "A,cut,M,2026-01-05 07:00:00,2026-01-05 09:00:00,1,0,0,D,"
    path = tmp_path / "log.csv"
    path.write_text(f"{head},Report_Type,Rework\n{row}\n")
    assert backtest_job_shop.main([str(path)]) == 8
    assert "35 days and 1 week are needed" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(900)
def test_the_real_job_shop_in_one_file_and_in_two(
    shared_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared_dir / "datasets" / "job-shop-log" / "production_jan_feb_2012.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    head, *rows = path.read_text().splitlines()
    cut = "2012-02-16 00:00:00"
    parts = [[r for r in rows if (r.split(",")[4] < cut) == is_first] for is_first in (True, False)]
    files = [tmp_path / "train.csv", tmp_path / "test.csv"]
    for file, part in zip(files, parts, strict=True):
        file.write_text("\n".join([head, *part]) + "\n")
    told = []
    for arguments in ([str(path)], [str(file) for file in files]):
        assert backtest_job_shop.main(arguments) == 0
        told.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert told[0]["mape"] == pytest.approx(told[1]["mape"], rel=0.05)
    assert told[0]["mape"] < 0.15
    assert told[0]["crps_skill"] > 0
