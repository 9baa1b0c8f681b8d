"""Lives and repairs read from states: what ends a life, what cuts it short, and few failures."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import integrate

from twin.calibration.activity import read_activity
from twin.calibration.failures import (
    ModeHistory,
    estimate_mode,
    failure_estimates,
    mode_history,
    nominal_shape,
    residual_loglik,
)
from twin.calibration.lifetimes import Lives
from twin.calibration.repairs import repair_estimates, repairs_of
from twin.model.laws import Exponential, Lognormal, Weibull
from twin.model.plant import Plant

NOBODY = Lives(np.zeros(0), np.zeros(0))


def history(write: Any, plant: Plant, until: datetime, unit: str = "P-1") -> ModeHistory:
    activity = read_activity(write.log, plant, until)
    mode = plant.unit(unit).failure_modes[0]
    return mode_history(plant.unit(unit), mode, activity.units[unit])


@pytest.fixture
def until(begin: datetime) -> datetime:
    return begin + timedelta(minutes=1000)


def test_a_life_counts_working_minutes_between_repair_and_failure(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    write.state(100, "P-1", "down", reason="spindle")
    write.state(150, "P-1", "repair", reason="spindle")
    write.state(200, "P-1", "working")
    write.state(260, "P-1", "off")
    write.state(500, "P-1", "working")
    write.state(600, "P-1", "repair", reason="spindle")
    write.state(700, "P-1", "working")
    seen = history(write, plant, until)
    assert seen.lives.ages.tolist() == [160, 300]
    assert seen.lives.failed.tolist() == [1, 0]
    assert seen.first.ages.tolist() == [100]


def test_maintenance_that_renews_the_mode_censors_its_life(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    write.state(100, "P-1", "maintenance", reason="service")
    write.state(190, "P-1", "working")
    write.state(390, "P-1", "maintenance", reason="service")
    write.state(480, "P-1", "working")
    seen = history(write, plant, until)
    assert seen.lives.ages.tolist() == [200, 520]
    assert seen.lives.failed.tolist() == [0, 0]


def test_maintenance_that_does_not_renew_it_and_other_modes_leave_it_alone(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    write.state(100, "P-1", "maintenance", reason="painting")
    write.state(200, "P-1", "working")
    write.state(300, "P-1", "repair", reason="belt")
    write.state(400, "P-1", "working")
    seen = history(write, plant, until)
    assert seen.first.ages.tolist() == [800]
    assert len(seen.lives.ages) == 0


def test_a_calendar_clock_counts_every_minute(write: Any, plant: Plant, until: datetime) -> None:
    write.state(0, "F-1", "working")
    write.state(100, "F-1", "repair", reason="heater")
    write.state(200, "F-1", "off")
    write.state(700, "F-1", "repair", reason="heater")
    seen = history(write, plant, until, "F-1")
    assert seen.lives.ages.tolist() == [500]


def test_a_unit_under_repair_at_the_end_has_no_life_under_way(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    write.state(900, "P-1", "repair", reason="spindle")
    assert len(history(write, plant, until).lives.ages) == 0


def test_censored_lives_lengthen_the_estimate_of_a_unit_under_maintenance(
    plant: Plant, begin: datetime
) -> None:
    """Lives of a press that is serviced at 0.7 of its scale, most of them cut short."""
    mode = plant.unit("P-1").failure_modes[0]
    rng = np.random.default_rng(1)
    ages = 7200 * rng.weibull(2.0, 4000)
    seen = Lives(np.minimum(ages, 5040), (ages <= 5040).astype(float))
    failed = ModeHistory(seen, NOBODY, np.zeros(0), 1e6, 5040)
    assert seen.ages[seen.failed > 0].mean() < 0.6 * 6381
    assert estimate_mode("P-1", mode, failed).value == pytest.approx(6381, rel=0.05)


def test_without_failures_the_nominal_law_speaks_and_survival_lengthens_it(plant: Plant) -> None:
    mode = plant.unit("P-1").failure_modes[0]
    nothing = estimate_mode("P-1", mode, ModeHistory(NOBODY, NOBODY, np.zeros(0), 1.0, np.inf))
    assert nothing.value == pytest.approx(mode.time_to_failure.mean, rel=1e-3)
    survived = Lives.of([], [20_000.0])
    longer = estimate_mode("P-1", mode, ModeHistory(survived, NOBODY, np.zeros(0), 2e4, np.inf))
    assert longer.value > 1.2 * nothing.value
    assert (longer.n, longer.n_censored) == (0, 1)


def test_few_failures_lean_on_like_units(plant: Plant) -> None:
    mode = plant.unit("P-1").failure_modes[0]
    own = ModeHistory(NOBODY, NOBODY, np.zeros(0), 1.0, np.inf)
    frail = ModeHistory(Lives.of([3000.0] * 20), NOBODY, np.zeros(0), 6e4, np.inf)
    alone = estimate_mode("P-1", mode, own)
    together = estimate_mode("P-1", mode, own, [(frail, 7200.0)])
    assert together.value < 0.6 * alone.value


def test_a_failure_in_the_first_life_counts_at_a_kept_shape(plant: Plant) -> None:
    mode = plant.unit("P-1").failure_modes[0]
    early = ModeHistory(NOBODY, Lives.of([500.0]), np.array([500.0]), 1e3, 5000.0)
    late = ModeHistory(NOBODY, Lives.of([], [500.0]), np.zeros(0), 1e3, 5000.0)
    assert estimate_mode("P-1", mode, early).value < estimate_mode("P-1", mode, late).value


@pytest.mark.parametrize("renewal_age", [0.8, np.inf])
def test_the_residual_life_of_steady_state_is_a_probability_law(renewal_age: float) -> None:
    scale = np.array([1.3])

    def density(t: float) -> float:
        return float(np.exp(residual_loglik(t, True, renewal_age, 2.0, scale))[0])

    failed, _ = integrate.quad(density, 0, 0.9)
    survived = float(np.exp(residual_loglik(0.9, False, renewal_age, 2.0, scale))[0])
    assert failed + survived == pytest.approx(1.0, abs=1e-6)


def test_wear_is_not_taken_for_chance_for_want_of_failures(plant: Plant) -> None:
    """Six failures are too few for AICc to pay for a shape; the nominal one costs nothing."""
    mode = plant.unit("P-1").failure_modes[0]
    lives = Lives.of([5200.0, 6100.0, 7000.0, 7900.0, 6600.0, 5900.0])
    found = estimate_mode("P-1", mode, ModeHistory(lives, NOBODY, np.zeros(0), 1e5, np.inf))
    assert found.law == "weibull"
    assert found.parameters["shape"] >= 2


def test_the_nearest_weibull_of_other_laws() -> None:
    assert nominal_shape(Weibull(shape=2.2, scale=1)) == 2.2
    assert nominal_shape(Exponential(scale=5)) == 1
    assert nominal_shape(Lognormal(median=1, sigma=0.83)) == pytest.approx(1, abs=0.05)


def test_waiting_for_the_crew_is_no_repair(write: Any, plant: Plant, until: datetime) -> None:
    write.state(0, "P-1", "working")
    write.state(100, "P-1", "down", reason="spindle")
    write.state(400, "P-1", "repair", reason="spindle")
    write.state(460, "P-1", "down", reason="spindle")
    write.state(800, "P-1", "repair", reason="spindle")
    write.state(830, "P-1", "working")
    activity = read_activity(write.log, plant, until)
    repairs = repairs_of(plant.unit("P-1").failure_modes[0], activity.units["P-1"])
    assert repairs.ages.tolist() == [90]
    assert repairs.failed.tolist() == [1]


def test_a_repair_under_way_at_the_end_is_censored(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    write.state(900, "P-1", "repair", reason="spindle")
    (found,) = repair_estimates(read_activity(write.log, plant, until))
    assert (found.n, found.n_censored) == (0, 1)


def test_a_unit_without_states_has_no_lives(write: Any, plant: Plant, until: datetime) -> None:
    write.lot(0, 10, "P-1", "O1", "press", "A")
    assert list(failure_estimates(read_activity(write.log, plant, until))) == []
