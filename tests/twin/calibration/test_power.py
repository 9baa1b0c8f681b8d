"""Power by state: what a meter tells, and what its clock, its counter and its rounding hide."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import UnitActivity, read_activity
from twin.calibration.meters import read_meter, rounding_step, shows_counter
from twin.calibration.power import estimate_power, fit_power, meter_lag, with_power
from twin.model.plant import Plant


@pytest.fixture
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=7)


def readings(
    plant: Plant, write: Any, until: datetime, kw: dict[str, float]
) -> tuple[UnitActivity, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Noisy quarter-hourly readings of a furnace that changes state every 40 minutes."""
    rng, t = np.random.default_rng(4), 0.0
    while t < 6000:
        state = str(rng.choice(["off", "standby", "working"]))
        write.state(t, "F-1", state)
        t += 40
    states = read_activity(write.log, plant, until).units["F-1"]
    edges = np.arange(0.0, 6000, 15)
    energy = sum(states.minutes_in([s], edges[:-1], edges[1:]) / 60 * p for s, p in kw.items())
    noisy = np.append(0.0, energy * (1 + 0.01 * rng.standard_normal(len(edges) - 1)))
    return states, edges, noisy


def test_power_by_state_comes_out_of_the_readings(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"off": 1, "standby": 66, "working": 160})
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes, kwh)}
    assert found["working"].value == pytest.approx(160, rel=0.01)
    assert found["standby"].value == pytest.approx(66, rel=0.01)
    assert found["working"].is_surprising


def test_a_jump_of_the_meter_is_left_out_and_counted(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    kwh[100] = 5000
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes, kwh)}
    assert found["working"].value == pytest.approx(150, rel=0.01)
    assert "1 stray readings left out" in found["working"].note


def test_a_reading_after_a_gap_is_not_spread_over_it(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    kept = np.delete(np.arange(len(minutes)), np.arange(50, 90))
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes[kept], kwh[kept])}
    assert found["working"].value == pytest.approx(150, rel=0.01)


def test_states_that_always_come_together_stay_near_nominal() -> None:
    hours = np.full((200, 2), 0.125)
    found = fit_power(hours, np.full(200, 0.125 * 120), np.array([100.0, 20.0]))
    assert found.kw == pytest.approx([100, 20], abs=0.5)
    assert (found.high - found.low).min() > 20


def test_power_is_never_negative() -> None:
    rng = np.random.default_rng(5)
    hours = rng.dirichlet((1, 1), 300) / 4
    kwh = hours @ [0.0, 50.0] + rng.normal(0, 0.5, 300)
    found = fit_power(hours, kwh, np.array([0.1, 50]))
    assert found.kw.min() >= 0
    assert found.low.min() >= 0


def test_a_state_never_seen_keeps_its_nominal_power(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    unit = plant.unit("F-1")
    found = list(estimate_power(unit, states, minutes, kwh))
    assert with_power(unit, found).power_kw.of("startup") == unit.power_kw.of("startup")


def test_states_that_come_together_are_named(write: Any, plant: Plant, until: datetime) -> None:
    """Ten minutes of setup before each ten of work, read every twenty: only the sum is known."""
    for t in range(0, 6000, 20):
        write.state(t, "F-1", "setup")
        write.state(t + 10, "F-1", "working")
    states = read_activity(write.log, plant, until).units["F-1"]
    minutes = np.arange(0.0, 6000, 20)
    kwh = np.random.default_rng(2).normal(25, 0.2, len(minutes))
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes, kwh)}
    working = found["working"]
    assert "working, which comes together" in found["setup"].note
    assert working.high - working.low > 50
    assert found["setup"].value + working.value == pytest.approx(150, rel=0.01)


@pytest.mark.parametrize("lag", [-11.0, -2.5, 4.0, 17.0])
def test_a_late_meter_is_found_and_used(
    write: Any, plant: Plant, until: datetime, lag: float
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"off": 1, "standby": 66, "working": 160})
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes + lag, kwh)}
    assert found["working"].value == pytest.approx(160, rel=0.01)
    side = "late" if lag > 0 else "early"
    assert f"the meter's clock is {abs(lag):.1f} min {side}" in found["working"].note


def test_a_punctual_meter_is_not_shifted(write: Any, plant: Plant, until: datetime) -> None:
    states, minutes, kwh = readings(plant, write, until, {"off": 1, "standby": 66, "working": 160})
    assert meter_lag(states, read_meter(minutes, kwh)) == 0


def test_a_counter_is_read_by_its_steps_and_its_resets_are_left_out(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    position = 80_000 + np.cumsum(kwh)
    position[200:] -= position[200]
    kept = np.delete(np.arange(len(minutes)), np.arange(50, 90))
    found = {
        e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes[kept], position[kept])
    }
    assert found["working"].value == pytest.approx(150, rel=0.01)
    assert "positions of a counter with 1 resets" in found["working"].note


def test_energies_of_intervals_are_no_counter() -> None:
    rng = np.random.default_rng(3)
    assert not shows_counter(rng.uniform(5, 6, 200))
    assert not shows_counter(np.full(200, 7.0))
    assert shows_counter(np.cumsum(rng.uniform(0, 6, 200)))


def test_the_rounding_of_readings_is_seen() -> None:
    kwh = np.random.default_rng(3).uniform(5, 40, 200)
    assert rounding_step(np.round(kwh)) == 1
    assert rounding_step(np.round(kwh) / 6, hours=1 / 6) == pytest.approx(1 / 6)
    assert rounding_step(kwh) == 0


@pytest.mark.parametrize("true", [0.3, 0.49, 0.52, 1.3])
def test_whole_kw_are_no_false_certainty(true: float) -> None:
    """Off for whole intervals, always read as the same: the interval is as wide as the step."""
    rng = np.random.default_rng(8)
    hours = np.column_stack([rng.choice([0.0, 0.25], 400), np.zeros(400)])
    hours[:, 1] = 0.25 - hours[:, 0]
    kwh = np.round(hours @ [true, 20.3] * (1 + 0.01 * rng.standard_normal(400)) * 4) / 4
    found = fit_power(hours, kwh, np.array([1.0, 18.0]), step=0.25)
    assert found.low[0] <= true <= found.high[0]
    assert found.low[1] <= 20.3 <= found.high[1]


def test_rounding_at_the_edge_of_a_step_is_seen_through() -> None:
    """0.52 kW reads as 1 kW nearly always: the mean of the readings would be twice too high."""
    rng = np.random.default_rng(8)
    hours = np.full((600, 1), 0.25)
    kwh = np.round(0.52 + 0.02 * rng.standard_normal(600)) / 4
    found = fit_power(hours, kwh, np.array([0.6]), step=0.25)
    assert kwh.mean() * 4 > 0.8
    assert found.kw[0] < 0.7
    assert found.low[0] <= 0.52 <= found.high[0]


def test_intervals_hold_the_truth_as_often_as_they_claim() -> None:
    """Two hundred units, readings two percent off: 95 % ± 3.3 standard errors."""
    rng, true = np.random.default_rng(6), np.array([0.5, 4.0, 25.0])
    hits = []
    for _ in range(200):
        hours = rng.dirichlet((0.2, 0.2, 0.2), 300) / 4
        kwh = hours @ true * (1 + 0.02 * rng.standard_normal(300))
        found = fit_power(hours, kwh, np.array([1.0, 3.0, 20.0]))
        hits += ((found.low <= true) & (true <= found.high)).tolist()
    assert 0.92 <= np.mean(hits) <= 0.98
