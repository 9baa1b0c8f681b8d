"""Short stops that hide in working time: told apart, priced, and kept in the plant's mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import Activity, read_activity
from twin.calibration.cycle_times import cycle_time_estimates, with_cycle_times
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.micro_stops import split_lots
from twin.calibration.robust import cv_of
from twin.model.events import EventLog
from twin.model.plant import Plant

LOTS = 1500
PIECES = 6000
STOP = 60.0
"""Minutes of a stop in lots of 30."""


def lots_log(write: Any, seed: int, share: float = 0.04, sigma: float = 0.08) -> EventLog:
    """Lots of P-1, some with a stop of which the log says nothing."""
    rng, t = np.random.default_rng(seed), 0.0
    write.state(0, "P-1", "working")
    for n in range(LOTS):
        minutes = 30 * float(np.exp(rng.normal(0, sigma)))
        minutes += STOP * float(np.exp(rng.normal(0, 0.2))) * (rng.random() < share)
        write.lot(t, t + minutes, "P-1", "O1", "press", "A", lot=str(n), good=PIECES)
        t += minutes
    log: EventLog = write.log
    return log


def found(activity: Activity) -> dict[str, ParameterEstimate]:
    return {e.quantity: e for e in cycle_time_estimates(activity)}


@pytest.fixture
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=60)


def test_plain_time_and_spread_are_those_without_the_stops(
    write: Any, plant: Plant, until: datetime
) -> None:
    """The plain mean of the working time is 8 % too long."""
    activity = read_activity(lots_log(write, 1), plant, until)
    estimates = found(activity)
    time, cv = estimates["processing_time"], estimates["processing_cv"]
    naive = activity.lots["working"].sum() / activity.lots["pieces"].sum()
    true = 30 / PIECES * np.exp(0.08**2 / 2)
    assert naive / true > 1.06
    assert time.value == pytest.approx(true, rel=0.01)
    assert cv.value == pytest.approx(cv_of(0.08), rel=0.06)


def test_share_and_length_of_the_stops_are_an_estimate(
    write: Any, plant: Plant, until: datetime
) -> None:
    stop = found(read_activity(lots_log(write, 2), plant, until))["micro_stop"]
    assert stop.low <= 0.04 <= stop.high
    assert stop.parameters["minutes"] == pytest.approx(STOP, rel=0.1)
    assert stop.key == "press"


def test_the_calibrated_plant_works_as_long_as_the_log_says(
    write: Any, plant: Plant, until: datetime
) -> None:
    activity = read_activity(lots_log(write, 3), plant, until)
    estimates = list(cycle_time_estimates(activity))
    row = with_cycle_times(plant.unit("P-1"), estimates).processing[0]
    paces = activity.lots["working"] / activity.lots["pieces"]
    assert row.time["fa"] == pytest.approx(paces.mean(), rel=0.003)
    assert row.cv == pytest.approx(paces.std() / paces.mean(), rel=0.06)


def test_minute_stamps_change_nothing_but_the_last_digits(
    write: Any, plant: Plant, until: datetime
) -> None:
    exact = lots_log(write, 4)
    minutes = EventLog(exact.table.assign(time=exact.table["time"].dt.floor("1min")))
    one, other = (found(read_activity(log, plant, until)) for log in (exact, minutes))
    for quantity, rel in (("processing_time", 2e-3), ("processing_cv", 0.04), ("micro_stop", 0.02)):
        assert other[quantity].value == pytest.approx(one[quantity].value, rel=rel)
    assert "rounding" in other["processing_time"].fit


def test_laws_are_compared_and_told(write: Any, plant: Plant, until: datetime) -> None:
    time = found(read_activity(lots_log(write, 5), plant, until))["processing_time"]
    assert {c.law for c in time.candidates} == {"lognormal", "gamma", "weibull"}
    assert time.law == time.candidates[0].law == "lognormal"
    assert time.p_value is not None
    assert time.candidates[0].held_out is not None
    assert time.parameters["median"] == pytest.approx(time.candidates[0].parameters["median"], 0.01)


def test_a_gamma_law_is_found_and_put_in(write: Any, plant: Plant, until: datetime) -> None:
    rng, t = np.random.default_rng(6), 0.0
    write.state(0, "P-1", "working")
    for n in range(LOTS):
        minutes = float(rng.gamma(4.0, 7.5))
        write.lot(t, t + minutes, "P-1", "O1", "press", "A", lot=str(n), good=PIECES)
        t += minutes
    estimates = list(cycle_time_estimates(read_activity(write.log, plant, until)))
    row = with_cycle_times(plant.unit("P-1"), estimates).processing[0]
    assert row.spread == "gamma"
    assert row.cv == pytest.approx(0.5, rel=0.05)
    assert row.time["fa"] == pytest.approx(30 / PIECES, rel=0.05)


@pytest.mark.parametrize("draw", ["normal", "gamma", "exponential"])
def test_no_stops_are_found_where_there_are_none(draw: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        logs = {
            "normal": lambda r: r.normal(0, 0.2, 800),
            "gamma": lambda r: np.log(r.gamma(4.0, 0.25, 800)),
            "exponential": lambda r: np.log(r.exponential(1.0, 800)),
        }[draw](rng)
        assert not split_lots(logs, np.zeros(800, dtype=np.intp), np.zeros(800)).has_stops


def test_products_share_their_stops_but_not_their_times() -> None:
    rng = np.random.default_rng(7)
    keys = rng.integers(0, 3, 2000)
    times = np.array([1.0, 2.0, 5.0])[keys] * np.exp(rng.normal(0, 0.1, 2000))
    times = times * np.where(rng.random(2000) < 0.05, 3.0, 1.0)
    split = split_lots(np.log(times), keys.astype(np.intp), np.zeros(2000))
    assert np.exp(split.centre) == pytest.approx([1, 2, 5], rel=0.02)
    assert split.share == pytest.approx(0.05, abs=0.012)
    assert split.sigma == pytest.approx(0.1, rel=0.06)
