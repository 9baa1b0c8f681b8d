"""The time between releases: its law, its clock, and what comes at once."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import Activity, read_activity
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.releases import release_estimates, release_patterns, with_releases
from twin.model.laws import Exponential
from twin.model.network import Source
from twin.model.plant import Plant

DAYS = 56


def released(
    write: Any, plant: Plant, begin: datetime, minutes: Any, products: str = "AB"
) -> Activity:
    """A log of orders released at some minutes, by turns of each product."""
    for n, minute in enumerate(minutes):
        product = products[n % len(products)]
        write.add(float(minute), "", "release", order=f"O{n}", product=product, quantity=100)
    return read_activity(write.log, plant, begin + timedelta(days=DAYS))


def arrivals(rng: np.random.Generator, mean: float) -> Any:
    times = np.cumsum(rng.exponential(mean, int(3 * DAYS * 1440 / mean)))
    return times[times < DAYS * 1440]


def test_arrivals_at_random_are_exponential_on_the_wall_clock(
    write: Any, plant: Plant, begin: datetime
) -> None:
    minutes = arrivals(np.random.default_rng(2), 180.0)
    every, *products = release_estimates(released(write, plant, begin, minutes))
    assert every.key == "*"
    assert every.law == "exponential"
    assert every.low <= 180 <= every.high
    assert every.note.startswith("on the clock on the wall")
    assert "100 pieces an order" in every.note
    assert every.p_value is not None
    assert every.p_value > 0.01
    assert {c.law for c in every.candidates} == {"exponential", "weibull", "gamma", "lognormal"}
    assert [e.key for e in products] == ["A", "B"]


def test_arrivals_in_office_hours_run_on_their_clock(
    write: Any, plant: Plant, begin: datetime
) -> None:
    """The log begins on a Monday at six; releases fall between eight and sixteen, Monday to Friday.

    Ninety minutes of these are the mean, and not the hours of the wall between them.
    """
    opened = np.cumsum(np.random.default_rng(4).exponential(90.0, 300))
    day, minute = opened // 480, opened % 480
    wall = (day // 5 * 7 + day % 5) * 1440 + 120 + minute
    (every, *_) = release_estimates(released(write, plant, begin, wall[wall < DAYS * 1440]))
    assert "found in the releases" in every.note
    assert every.low <= 90 <= every.high


def test_regular_releases_are_constant(write: Any, plant: Plant, begin: datetime) -> None:
    (every, *_) = release_estimates(released(write, plant, begin, np.arange(0, 80_000, 240)))
    assert (every.law, every.parameters) == ("constant", {"value": 240.0})


def test_orders_of_the_same_minute_arrive_together(
    write: Any, plant: Plant, begin: datetime
) -> None:
    minutes = np.repeat(np.round(arrivals(np.random.default_rng(2), 600.0)), 3)
    activity = released(write, plant, begin, minutes)
    pattern = release_patterns(activity)[0]
    assert len(pattern.arrivals) * 3 == len(minutes)
    assert set(pattern.orders) == {3.0}
    assert "3.00 orders at a time" in next(release_estimates(activity)).note


def test_few_releases_tell_nothing(write: Any, plant: Plant, begin: datetime) -> None:
    assert list(release_estimates(released(write, plant, begin, [5, 900, 4000]))) == []


def test_a_source_gets_the_time_that_was_found(write: Any, plant: Plant, begin: datetime) -> None:
    minutes = arrivals(np.random.default_rng(2), 180.0)
    source = Source(id="in", product="A", time_between=Exponential(scale=100))
    fed = plant.model_copy(update={"sources": [source]})
    activity = released(write, fed, begin, minutes, products="A")
    found = {e.key: e for e in release_estimates(activity)}["A"]
    assert found.nominal == 100
    assert found.is_surprising
    (calibrated_source,) = with_releases(fed, [found]).sources
    assert calibrated_source.time_between is not None
    assert calibrated_source.time_between.mean == pytest.approx(found.value)


def test_calibration_has_releases_behind_its_work_units(
    write: Any, plant: Plant, begin: datetime
) -> None:
    minutes = arrivals(np.random.default_rng(2), 180.0)
    log = released(write, plant, begin, minutes).log
    found = calibrate(log, plant, begin + timedelta(days=DAYS))
    assert found.of("interarrival", "")[0].key == "*"
    assert calibrated(plant, found).work_units == plant.work_units
