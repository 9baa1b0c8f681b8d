"""Times and ways of real shops: histograms of presses, retrofitted machines, a job shop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.calibration.fit_times import Stamped, compare
from twin.calibration.micro_stops import split_lots
from twin.calibration.routing import branch_shares, transitions
from twin.calibration.stamps import grain_of
from twin.calibration.time_laws import GAMMA, LOGNORMAL, WEIBULL

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "binned_cycle_times.py"
PRESSES = "press-shop-mdc/cycle_time_histograms.csv"
MACHINES = "machine-states-sme/company_a_2022-08-31_2022-09-14.csv"
JOB_SHOP = "job-shop-log/production_jan_feb_2012.csv"


def needed(shared_dir: Path, name: str) -> Path:
    path = shared_dir / "datasets" / name
    if not path.is_file():
        pytest.skip(f"{name} is not on this machine")
    return path


@pytest.fixture(scope="module")
def job_shop(shared_dir: Path) -> pd.DataFrame:
    table = pd.read_csv(needed(shared_dir, JOB_SHOP), parse_dates=["start", "end"])
    return table.sort_values(["case", "start"], kind="stable", ignore_index=True)


def test_a_few_presses_are_fitted_row_by_row(tmp_path: Path, shared_dir: Path) -> None:
    rows = pd.read_csv(needed(shared_dir, PRESSES)).iloc[::230]
    file = tmp_path / "some.csv"
    rows.to_csv(file, index=False)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(rows) + 1
    for line in lines[:-1]:
        assert line["n"] == "probabilities"
        assert line["distance"] < 0.1
        assert line["held_out"] > line["alone"]["held_out"]
        assert 0 <= line["micro_stop_share"] < 0.5
    assert lines[-1]["what"] == "summary"


def test_a_file_that_is_no_histogram_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("machine,operation,colour\n1,2,red\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "no classes found" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_column_of_one_value_is_a_time_without_spread(shared_dir: Path) -> None:
    """Company A's ``cycle_time`` is 60 s in 99 % of the rows: a setting rather than a measurement.
    Whoever divides seconds by pieces gets another figure."""
    table = pd.read_csv(needed(shared_dir, MACHINES))
    times = table.loc[table["cycle_time"] > 0, "cycle_time"].to_numpy()
    assert np.mean(times == 60) > 0.99
    split = split_lots(np.log(times), np.zeros(len(times), dtype=np.intp), np.zeros(len(times)))
    assert np.exp(split.centre[0]) == pytest.approx(60, rel=1e-3)
    assert split.sigma < 0.01
    assert not split.has_stops


def test_the_reports_of_the_job_shop_are_written_to_the_minute(job_shop: pd.DataFrame) -> None:
    assert grain_of(job_shop["start"].dt.tz_localize("UTC")) >= 1.0


def test_long_reports_of_the_job_shop_are_weibull_rather_than_lognormal(
    job_shop: pd.DataFrame,
) -> None:
    """Shifts end long reports, so their upper tail is short."""
    rows = job_shop[job_shop["activity"] == "Turning & Milling"]
    rows = rows[rows["Report_Type"] == "D"]
    minutes = (rows["end"] - rows["start"]).dt.total_seconds().to_numpy() / 60
    seen = Stamped(minutes, np.ones(len(minutes)))
    start = (float(np.mean(np.log(np.maximum(minutes, 1)))), 0.9)
    fits = {f.law.name: f for f in compare(seen, [LOGNORMAL, GAMMA, WEIBULL], start, None)}
    best = min(fits.values(), key=lambda f: f.aicc)
    assert best.law.name != "lognormal"
    assert best.held_out is not None
    assert fits["lognormal"].held_out is not None
    assert best.held_out > fits["lognormal"].held_out


def test_ways_of_half_the_orders_foretell_those_of_the_others(job_shop: pd.DataFrame) -> None:
    """Shares of the next operation, learnt on half of the orders, against equal shares."""
    orders = {
        str(case): list(dict.fromkeys(rows["activity"]))
        for case, rows in job_shop.groupby("case", sort=True)
    }
    known, unseen = (transitions(list(orders.values())[i::2]) for i in (0, 1))
    names = sorted({way for found in (known, unseen) for ways in found.values() for way in ways})
    learnt, equal, n = 0.0, 0.0, 0
    for before, ways in unseen.items():
        seen = known.get(before, Counter())
        counts = {name: float(seen[name]) for name in names}
        shares = branch_shares(counts)
        assert sum(value for value, _, _ in shares.values()) == pytest.approx(1.0)
        for way, times in ways.items():
            learnt += times * np.log(shares[way][0])
            equal += times * np.log(1 / len(names))
            n += times
    assert learnt / n > equal / n + 1.0
