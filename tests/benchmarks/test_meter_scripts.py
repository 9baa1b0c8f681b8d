"""The scripts on power, calendars and the steel meter: small files, known answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import calendar_recovery, power_by_state, power_recovery, steel_meter
from twin.errors import InputError


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def steel_file(path: Path, weeks: int) -> Path:
    """Ten kWh in working hours, two else; the row of 00:00 stands last of its day."""
    rng, rows = np.random.default_rng(3), []
    for day in pd.date_range("2018-01-01", periods=7 * weeks):
        for quarter in range(1, 97):
            begin = (quarter - 1) / 4
            works = day.weekday() < 5 and 8 <= begin < 16
            kwh = rng.normal(10, 0.5) if works else rng.normal(2, 0.1)
            clock = f"{quarter // 4 % 24:02d}:{quarter % 4 * 15:02d}"
            rows.append((f"{day:%d-%m-%Y} {clock}", round(kwh, 2)))
    pd.DataFrame(rows, columns=["date", "Usage_kWh"]).to_csv(path, index=False)
    return path


def test_midnight_closes_the_day_whose_date_it_bears(tmp_path: Path) -> None:
    load, notes = steel_meter.read(steel_file(tmp_path / "steel.csv", 1))
    assert len(load.kwh) == 7 * 96
    assert notes["midnights_put_after_their_day"] == 7
    assert notes["missing"] == 0


def test_midnight_may_also_open_its_day(tmp_path: Path) -> None:
    """As other extracts write it: the row of 00:00 stands first, after the day before."""
    times = pd.date_range("2018-01-01 00:15", periods=96, freq="15min")
    frame = pd.DataFrame({"date": times.strftime("%d-%m-%Y %H:%M"), "Usage_kWh": 1.0})
    frame.to_csv(tmp_path / "steel.csv", index=False)
    load, notes = steel_meter.read(tmp_path / "steel.csv")
    assert notes["midnights_put_after_their_day"] == 0
    assert len(load.kwh) == 96


def test_the_steel_meter_tells_profile_states_and_next_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steel_meter.report(steel_file(tmp_path / "steel.csv", 15))
    rows = told(capsys)
    states = {r["state"]: r for r in rows if r["what"] == "state"}
    assert states["idle"]["kwh_a_quarter"] == pytest.approx(2, rel=0.02)
    assert states["idle"]["share_of_time"] == pytest.approx(1 - 5 * 8 / 168, abs=0.01)
    assert next(r for r in rows if r["what"] == "shifts")["weekly"]["mon"] == ["08:00-16:00"]
    assert rows[-1]["what"] == "summary"
    assert rows[-1]["skill_mae_last_week"] > 0.2
    assert rows[-1]["coverage_90%"] == pytest.approx(0.9, abs=0.03)


def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks date, Usage_kWh"):
        steel_meter.read(tmp_path / "other.csv")
    with pytest.raises(InputError, match="lacks columns ts"):
        power_by_state.read(tmp_path / "other.csv")


def test_a_file_that_cannot_be_used_is_named_and_the_next_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    good = steel_file(tmp_path / "steel.csv", 2)
    assert steel_meter.main([str(tmp_path / "other.csv"), str(good)]) == 2
    told, said = capsys.readouterr()
    assert "other.csv" in said
    assert json.loads(told.splitlines()[-1])["file"] == "steel.csv"
    assert steel_meter.main([str(good)]) == 0


def shop_rows() -> pd.DataFrame:
    """Four days of one asset: 2.8 kW in automatic, 0.3 kW by hand."""
    times = pd.date_range("2022-09-05", periods=4 * 288, freq="5min", tz="UTC")
    works = (times.hour >= 5) & (times.hour < 17)
    rng = np.random.default_rng(4)
    kw = np.where(works, rng.normal(2.8, 0.5, len(times)), rng.normal(0.3, 0.05, len(times)))
    return pd.DataFrame(
        {"ts": times, "asset": 0, "items": np.where(works, 4, 0), "status": np.where(works, 2, 1),
         "status_time": 60, "power_avg": np.round(kw.clip(0)),
         "cycle_time": np.where(works, 60, 0), "alarm": 0, "product": 7}
    )  # fmt: skip


def test_power_by_state_reads_whole_kw_with_care(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop_rows().to_csv(tmp_path / "shop.csv", index=False)
    power_by_state.report(tmp_path / "shop.csv")
    rows = told(capsys)
    power = {r["state"]: r for r in rows if r["what"] == "power"}
    assert power["automatic"]["kw"] == pytest.approx(2.8, rel=0.03)
    assert power["automatic"]["low"] <= 2.8 <= power["automatic"]["high"]
    # Always read as zero: the interval reaches up to where a reading would be one.
    assert power["manual"]["kw"] == 0
    assert power["manual"]["low"] == 0
    assert power["manual"]["high"] == 0.5
    cycle = next(r for r in rows if r["what"] == "cycle time")
    assert (cycle["product"], cycle["seconds_per_piece"]) == (7, 15)
    assert rows[-1]["what"] == "summary"
    assert abs(rows[-1]["energy_error"]) < 0.05


def test_rows_that_cannot_be_are_set_aside_and_counted(tmp_path: Path) -> None:
    rows = shop_rows()
    rows.loc[3, "power_avg"] = -1
    rows.loc[[200, 201], "cycle_time"] = 0
    rows.loc[[200, 201], "items"] = 8
    pd.concat([rows, rows.tail(1)]).to_csv(tmp_path / "shop.csv", index=False)
    kept, aside = power_by_state.read(tmp_path / "shop.csv")
    assert aside == {"twice": 1, "impossible": 1, "pieces without a cycle": 2}
    assert len(kept) == len(rows) - 3


@pytest.mark.parametrize("kind", ["one shift", "nights", "three shifts"])
def test_calendars_come_back(kind: str) -> None:
    assert calendar_recovery.wrong_share(kind, "reports of six", 3, 8) <= 0.01


def test_power_comes_back() -> None:
    rows = list(power_recovery.recovered(3, 2))
    errors = [abs(value / true - 1) for meter, _, true, value, _, _ in rows if meter == "as it is"]
    assert np.quantile(errors, 0.9) < 0.05
    hits = [low <= true <= high for _, _, true, _, low, high in rows]
    assert np.mean(hits) > 0.85


@pytest.fixture
def datasets(shared_dir: Path) -> Path:
    folder = shared_dir / "datasets"
    if not folder.is_dir():
        pytest.skip(f"no data sets: {folder} is not a folder")
    return folder


def test_the_real_files_are_read(datasets: Path) -> None:
    load, notes = steel_meter.read(datasets / "steel-energy/steel_energy_2018-01_2018-08.csv")
    assert (len(load.kwh), notes["missing"]) == (23_328, 0)
    assert notes["midnights_put_after_their_day"] == 243
    path = datasets / "machine-states-sme/company_a_2022-08-31_2022-09-14.csv"
    rows, _ = power_by_state.read(path)
    automatic = rows[(rows["asset"] == 0) & (rows["status"] == 2)]
    found = power_by_state.power_of(automatic, 2)
    assert found.low < 2.9 < found.high or abs(found.kw / 2.91 - 1) < 0.05
