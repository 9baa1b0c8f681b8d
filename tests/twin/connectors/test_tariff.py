"""A time-of-use tariff: every minute of the year has one price, by the clock on the wall."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from twin.connectors.tariff import (
    Tariff,
    checked,
    class_series,
    feed_in_series,
    load_tariff,
    price_series,
)
from twin.errors import InputError
from twin.model.horizon import Horizon

YAML = """
id: example
currency: MAD
demand_charge_per_kw_month: 41.7
feed_in_per_kwh: {peak: 0.21, full: 0.18, off_peak: 0.18}
classes: {peak: 1.4, full: 1.0, off_peak: 0.7}
seasons:
  - name: winter
    first: "10-01"
    last: "03-31"
    windows: {peak: ["17:00-22:00"], full: ["07:00-17:00"], off_peak: ["22:00-07:00"]}
  - name: summer
    first: "04-01"
    last: "09-30"
    windows: {peak: ["18:00-23:00"], full: ["07:00-18:00"], off_peak: ["23:00-07:00"]}
"""


def read(tmp_path: Path, text: str) -> Tariff:
    path = tmp_path / "tariff.yaml"
    path.write_text(text, encoding="utf-8")
    return load_tariff(path)


def message(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    return str(caught.value)


@pytest.fixture
def tariff(tmp_path: Path) -> Tariff:
    return read(tmp_path, YAML)


def day(zone: str, *start: int, hours: int = 24, slot: int = 60) -> Horizon:
    return Horizon(datetime(*start, tzinfo=UTC), hours * 60, zone, slot)  # type: ignore[misc, arg-type]


def test_a_winter_day_has_its_windows(tariff: Tariff) -> None:
    classes = class_series(tariff, day("UTC", 2026, 11, 23))
    expected = ["off_peak"] * 7 + ["full"] * 10 + ["peak"] * 5 + ["off_peak"] * 2
    assert classes == expected


def test_prices_follow_the_clock_on_the_wall(tariff: Tariff) -> None:
    prices = price_series(tariff, day("Africa/Casablanca", 2026, 11, 23))
    assert prices[5:7].tolist() == [0.7, 1.0]  # 07:00 local is 06:00 UTC


def test_the_season_changes_at_local_midnight(tariff: Tariff) -> None:
    classes = class_series(tariff, day("UTC", 2026, 9, 30, hours=48))
    assert classes[22] == "peak"
    assert classes[24 + 22] == "off_peak"


def test_the_day_the_clock_goes_back_has_25_hours(tariff: Tariff) -> None:
    horizon = day("Europe/Paris", 2026, 10, 24, 22, hours=25)
    assert class_series(tariff, horizon).count("off_peak") == 10
    assert class_series(tariff, horizon).count("full") == 10


def test_the_day_the_clock_goes_forward_has_23_hours(tariff: Tariff) -> None:
    horizon = day("Europe/Paris", 2026, 3, 28, 23, hours=23)
    assert class_series(tariff, horizon).count("off_peak") == 8


def test_a_slot_across_a_change_has_the_mean_price(tmp_path: Path) -> None:
    text = YAML.replace("07:00", "07:20")
    prices = price_series(read(tmp_path, text), day("UTC", 2026, 11, 23))
    assert prices[7] == pytest.approx(0.7 / 3 + 1.0 * 2 / 3)


def test_feed_in_is_by_class_or_one_number(tariff: Tariff, tmp_path: Path) -> None:
    horizon = day("UTC", 2026, 11, 23)
    assert feed_in_series(tariff, horizon)[[0, 18]].tolist() == [0.18, 0.21]
    one = read(tmp_path, YAML.replace("{peak: 0.21, full: 0.18, off_peak: 0.18}", "0.2"))
    assert set(feed_in_series(one, horizon).tolist()) == {0.2}


def test_weekdays_may_have_their_own_windows(tmp_path: Path) -> None:
    text = YAML.replace("name: winter", "name: winter\n    days: [mon, tue, wed, thu, fri]")
    weekend = '  - {name: weekend, first: "10-01", last: "03-31", days: [sat, sun], '
    weekend += 'windows: {off_peak: ["00:00-24:00"]}}\n'
    tariff = read(tmp_path, text + weekend)
    assert set(class_series(tariff, day("UTC", 2026, 11, 22))) == {"off_peak"}
    assert set(class_series(tariff, day("UTC", 2026, 11, 23))) == {"off_peak", "full", "peak"}


def test_the_year_of_an_accepted_tariff_has_a_price_in_every_slot(tariff: Tariff) -> None:
    horizon = Horizon(datetime(2027, 12, 31, tzinfo=UTC), 367 * 1440, "Africa/Casablanca")
    assert np.isin(price_series(tariff, horizon), [0.7, 1.0, 1.4]).all()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("22:00-07:00", "22:00-06:00", "winter, 01-01 to 03-31, 10-01 to 12-31, 06:00-07:00: no"),
        ("23:00-07:00", "22:00-07:00", "22:00-23:00: more than one price (peak, off_peak)"),
        ('last: "09-30"', 'last: "09-29"', "no season, 09-30: no price"),
        ('last: "03-31"', 'last: "04-01"', "winter and summer, 04-01, 00:00-24:00: more than one"),
        ("{peak: [", "{peek: [", 'seasons.0.windows: no class "peek"; did you mean "peak"?'),
        ("{peak: 0.21, ", "{", 'feed_in_per_kwh: no price for class "peak"'),
        ('"10-01"', '"10-32"', "seasons.0.first: got '10-32'; a day of the year reads \"MM-DD\""),
        ("currency:", "currenzy:", 'did you mean "currency"?'),
    ],
)
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert expected in message(tmp_path, YAML.replace(old, new))


def test_weekdays_without_a_season_are_named(tmp_path: Path) -> None:
    text = YAML.replace("name: winter", "name: winter\n    days: [mon, tue, wed, thu, fri, sat]")
    assert "no season, 01-01 to 03-31, 10-01 to 12-31 (sun): no price" in message(tmp_path, text)


def test_february_29_belongs_to_a_season_that_ends_on_28(tariff: Tariff) -> None:
    seasons = [
        tariff.seasons[0].model_copy(update={"first": "03-01", "last": "02-28"}),
    ]
    assert checked(tariff.model_copy(update={"seasons": seasons}), "here").seasons == seasons
