"""Hourly series: strict about holes, repetitions and clock changes; moved by whole weeks only."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from twin.connectors.series import Series, on_horizon, read_hourly
from twin.errors import InputError
from twin.model.horizon import Horizon


def write(path: Path, times: list[str], values: list[str] | None = None) -> Path:
    values = values or [str(n) for n in range(len(times))]
    rows = [f'{t},"{v}"' for t, v in zip(times, values, strict=True)]
    path.write_text("\n".join(["time,price", *rows]) + "\n", encoding="utf-8")
    return path


def hours(first: str, n: int, minutes: int = 60) -> list[str]:
    start = datetime.fromisoformat(first)
    return [(start + timedelta(minutes=minutes * k)).isoformat() for k in range(n)]


def message(path: Path, timezone: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_hourly(path, "time", "price", timezone=timezone)
    return str(caught.value)


def test_values_are_multiplied_into_the_unit(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", hours("2022-01-01T00:00+00:00", 3), ["50", "-10", "0"])
    series = read_hourly(path, "time", "price", 0.001)
    assert series.values.tolist() == [0.05, -0.01, 0.0]
    assert series.end == datetime(2022, 1, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize("minutes", [60, 30, 15])
def test_the_length_of_a_step_is_found(tmp_path: Path, minutes: int) -> None:
    path = write(tmp_path / "p.csv", hours("2022-01-01T00:00+00:00", 5, minutes))
    assert read_hourly(path, "time", "price").step_minutes == minutes


def test_moving_by_weeks_keeps_the_weekday_and_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", hours("2022-02-16T00:00+00:00", 3))
    series = read_hourly(path, "time", "price", shift_days=-3654)
    assert series.start.weekday() == datetime(2022, 2, 16).weekday()
    assert series.start.year == 2012
    assert "moved 3654 days earlier (measured 2022-02-16 on)" in series.source


def test_moving_by_days_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="whole weeks"):
        read_hourly(tmp_path / "p.csv", "time", "price", shift_days=3)


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ([3], "steps missing: 2022-01-01 03:00 UTC"),
        ([3, 5, 7, 9], "05:00, 2022-01-01 07:00 UTC and 1 more"),
    ],
)
def test_holes_are_named(tmp_path: Path, drop: list[int], expected: str) -> None:
    times = [t for n, t in enumerate(hours("2022-01-01T00:00+00:00", 20)) if n not in drop]
    assert expected in message(write(tmp_path / "p.csv", times))


def test_repeated_steps_are_named(tmp_path: Path) -> None:
    times = hours("2022-01-01T00:00+00:00", 5)
    assert "steps repeated: 2022-01-01 02:00" in message(
        write(tmp_path / "p.csv", [*times[:3], *times[2:]])
    )


def test_steps_out_of_order_are_named(tmp_path: Path) -> None:
    times = hours("2022-01-01T00:00+00:00", 8)
    times[3], times[4] = times[4], times[3]
    assert "steps out of order: 2022-01-01 03:00" in message(write(tmp_path / "p.csv", times))


def test_a_series_with_the_newest_first_is_out_of_order(tmp_path: Path) -> None:
    times = hours("2022-01-01T00:00+00:00", 8)[::-1]
    assert "steps out of order: 2022-01-01 06:00" in message(write(tmp_path / "p.csv", times))


def test_a_two_column_file_with_semicolons_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("time;price\n2022-01-01T00:00Z;0,5\n", encoding="utf-8")
    assert "not separated by commas; export with commas, and decimals with a point" in message(path)


def test_a_step_off_the_grid_is_named(tmp_path: Path) -> None:
    times = hours("2022-01-01T00:00+00:00", 8)
    times[4] = "2022-01-01T04:10+00:00"
    assert "off the grid: 2022-01-01 04:10" in message(write(tmp_path / "p.csv", times))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", "price got nothing"), ("n/a", '"n/a"'), ("nan", '"nan"'), ("0,5", '"0,5"')],
)
def test_what_is_no_number_is_named(tmp_path: Path, value: str, expected: str) -> None:
    path = write(tmp_path / "p.csv", hours("2022-01-01T00:00+00:00", 3), ["1", value, "3"])
    assert f"line 3: price got {expected.removeprefix('price got ')}" in message(path)


def test_times_without_zone_need_one(tmp_path: Path) -> None:
    assert "has no time zone" in message(write(tmp_path / "p.csv", hours("2022-01-01T00:00", 3)))


def test_local_hours_over_the_autumn_change_are_read(tmp_path: Path) -> None:
    clock = ["00:00", "01:00", "02:00", "02:00", "03:00"]
    path = write(tmp_path / "p.csv", [f"2022-10-30T{c}" for c in clock])
    series = read_hourly(path, "time", "price", timezone="Europe/Madrid")
    assert len(series.values) == 5
    assert series.end - series.start == timedelta(hours=5)


def test_a_repeated_local_hour_given_once_is_a_hole(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", hours("2022-10-30T00:00", 8))
    found = message(path, "Europe/Madrid")
    assert "steps missing: 2022-10-30 01:00 UTC" in found
    assert "a change of clock" in found


def test_a_skipped_local_hour_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", hours("2022-03-27T00:00", 8))
    assert 'line 4: time "2022-03-27T02:00:00" does not exist' in message(path, "Europe/Madrid")


def test_a_slot_has_the_value_of_its_hour() -> None:
    series = Series(datetime(2022, 1, 1, tzinfo=UTC), 60, np.array([1.0, 2.0, 4.0]), "s")
    horizon = Horizon(datetime(2022, 1, 1, 0, 30, tzinfo=UTC), 120, slot_minutes=15)
    assert on_horizon(series, horizon).tolist() == [1, 1, 2, 2, 2, 2, 4, 4]


def test_a_slot_longer_than_a_step_has_the_mean() -> None:
    series = Series(datetime(2022, 1, 1, tzinfo=UTC), 15, np.arange(8.0), "s")
    horizon = Horizon(datetime(2022, 1, 1, tzinfo=UTC), 120, slot_minutes=60)
    assert on_horizon(series, horizon) == pytest.approx([1.5, 5.5])


def test_a_slot_across_two_hours_has_the_mean_weighted_by_time() -> None:
    series = Series(datetime(2022, 1, 1, tzinfo=UTC), 60, np.array([1.0, 2.0, 4.0]), "s")
    horizon = Horizon(datetime(2022, 1, 1, 0, 50, tzinfo=UTC), 30, slot_minutes=30)
    assert on_horizon(series, horizon) == pytest.approx([(10 * 1 + 20 * 2) / 30])


def test_a_series_that_is_too_short_says_from_when_to_when() -> None:
    series = Series(datetime(2022, 1, 1, tzinfo=UTC), 60, np.zeros(24), "p.csv")
    with pytest.raises(InputError, match="covers 2022-01-01 00:00 to 2022-01-02 00:00 UTC"):
        on_horizon(series, Horizon(datetime(2022, 1, 1, 12, tzinfo=UTC), 1440))


@pytest.mark.real_data
def test_the_spanish_series_is_whole(shared_dir: Path) -> None:
    path = shared_dir / "datasets/energy/spain_2021_2022_price_carbon_hourly.csv"
    price = read_hourly(path, "utc", "price_eur_per_mwh", 0.001)
    carbon = read_hourly(path, "utc", "ci_lca_g_per_kwh", 0.001)
    assert len(price.values) == len(carbon.values) == 2 * 8760
    assert price.values[:8760].mean() == pytest.approx(0.11196, abs=5e-6)
    assert carbon.values[8760:].mean() == pytest.approx(0.2193, abs=5e-5)
