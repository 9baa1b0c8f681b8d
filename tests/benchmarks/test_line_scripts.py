"""The scripts on line planning: small files, known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import line_front, plant_week, price_shift
from tests.benchmarks.hourly_forecasts import FORECASTS
from tests.benchmarks.hourly_series import read_series
from twin.errors import InputError

DAYS = 70


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def series_file(path: Path, **columns: object) -> Path:
    """Hours of days that are all alike: dear by day, dirty by night."""
    times = pd.date_range("2024-01-01", periods=24 * DAYS, freq="h", tz="UTC")
    dear = np.where((times.hour >= 8) & (times.hour < 20), 150.0, 50.0)
    dirty = np.where((times.hour >= 6) & (times.hour < 18), 100.0, 300.0)
    frame = pd.DataFrame({"utc": times, "price_eur_per_mwh": dear, "ci_g_per_kwh": dirty})
    frame.assign(**columns).to_csv(path, index=False)
    return path


def week_file(path: Path) -> Path:
    """Two orders on a line within a day."""
    line = {
        "open": [[0, 24]],
        "power_factor": 1.0,
        "standby_kw": 5.0,
        "startup_kw": 20.0,
        "shutdown_kw": 5.0,
        "setup_kw": 8.0,
    }
    order = {"slots": {"0": 3}, "release": 0, "due": 24, "tardiness_per_slot": 4.0}
    rows = {
        "name": "small",
        "slot_minutes": 60,
        "slots": 24,
        "price_per_mwh": [100.0 + 40 * np.sin(t / 3) for t in range(24)],
        "carbon_t_per_mwh": [0.3 + 0.1 * np.cos(t / 3) for t in range(24)],
        "carbon_price_per_t": 10.0,
        "demand_charge_per_kw": 0.5,
        "base_load_kw": 10.0,
        "maintenance_crews": 1,
        "setup_fee": 9.0,
        "setup_slots": [[0, 1], [2, 0]],
        "family_power_kw": [40.0, 60.0],
        "startup_slots": 1,
        "shutdown_slots": 1,
        "first_slots": 1,
        "first_power_factor": 1.25,
        "lines": [line],
        "orders": [order | {"family": 0}, order | {"family": 1}],
        "maintenance": [{"line": 0, "slots": 2, "earliest": 0, "latest_end": 24}],
    }
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", FORECASTS)
def test_days_that_are_all_alike_are_forecast_exactly(name: str) -> None:
    known = np.tile(np.sin(np.arange(24.0)), (60, 1))
    assert FORECASTS[name](known, 3, 3) == pytest.approx(known[:3], abs=1e-6)


def test_a_regression_sees_that_a_dear_evening_is_followed_by_a_dear_day() -> None:
    """Levels that persist are forecast better than by the mean of a week."""
    rng = np.random.default_rng(1)
    level = np.zeros(200)
    for day in range(1, 200):
        level[day] = 0.9 * level[day - 1] + rng.normal()
    days = 10 + level[:, None] + rng.normal(0, 0.1, (200, 24))
    errors = {
        name: np.mean(
            [abs(FORECASTS[name](days[:d], 0, 1) - days[d]).mean() for d in range(150, 200)]
        )
        for name in ("regression", "mean of 7 days")
    }
    assert errors["regression"] < 0.8 * errors["mean of 7 days"]


def test_columns_and_units_are_recognised(tmp_path: Path) -> None:
    series = read_series(series_file(tmp_path / "a.csv", ci_estimated=1, price_filled=0))
    assert series.price.shape == (DAYS, 24)
    assert (series.price[0, 0], series.price[0, 12]) == (0.05, 0.15)
    assert series.carbon is not None
    assert (series.carbon[0, 0], series.carbon[0, 12]) == (0.3, 0.1)
    assert series.notes["price_column"] == "price_eur_per_mwh"


def test_a_series_without_prices_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    pd.read_csv(series_file(path)).drop(columns="price_eur_per_mwh").to_csv(path, index=False)
    with pytest.raises(InputError, match="no price"):
        read_series(path)


def test_a_series_with_holes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    pd.read_csv(series_file(path)).iloc[::2].to_csv(path, index=False)
    with pytest.raises(InputError, match="hours are missing"):
        read_series(path)


def test_where_all_days_are_alike_shifting_captures_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten hours of work a day find twelve cheap ones."""
    path = series_file(tmp_path / "alike.csv")
    assert price_shift.main([str(path), "--hours", "10", "--due", "24"]) == 0
    rows = told(capsys)
    years = {row["aim"]: row for row in rows if row["what"] == "year"}
    for aim in ("cost", "kgco2e"):
        assert years[aim]["captured_share"] == pytest.approx(1.0, abs=1e-3)
        assert years[aim]["perfect"][aim] < 0.75 * years[aim]["flat"][aim]
    assert years["cost"]["perfect"]["kgco2e"] > years["kgco2e"]["perfect"]["kgco2e"]
    assert rows[-1]["what"] == "summary"


def test_a_plant_week_is_planned_judged_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    week_file(tmp_path / "small.json")
    (tmp_path / "reference.csv").write_text("name,value,bound\nsmall,99.0,1.0\n", encoding="utf-8")
    files = [str(tmp_path / "nowhere.json"), str(tmp_path / "small.json")]
    assert plant_week.main([*files, "--time-limit", "5"]) == 2
    row, summary = told(capsys)
    assert (row["instance"], row["faults"], row["unplaced"]) == ("small", [], [])
    assert row["bound"] <= row["objective"] * (1 + 1e-9)
    assert (row["reference_value"], row["reference_bound"]) == (99.0, 1.0)
    assert summary["sizes"]["2x1-60min"]["complete"] == 1


def test_a_front_leads_from_the_cleanest_to_the_cheapest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = week_file(tmp_path / "small.json")
    assert line_front.main([str(path), "--time-limit", "12", "--points", "4"]) == 0
    rows = told(capsys)
    points = [row for row in rows if row["what"] == "point"]
    carbon = [row["carbon_kg"] for row in points]
    cost = [row["objective"] for row in points]
    assert carbon == sorted(carbon)
    assert cost == sorted(cost, reverse=True)
    assert all(row["faults"] == [] for row in points)
    assert all(row["bound"] <= row["objective"] * (1 + 1e-9) for row in points)
