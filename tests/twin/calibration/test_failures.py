"""Lives and repairs read from states: what ends a life, what cuts it short, and few failures."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import integrate

from twin.calibration.activity import read_activity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.failures import (
    estimate_modes,
    failure_estimates,
    mode_history,
    nominal_shape,
    of_mode,
)
from twin.calibration.life_posterior import Evidence, posteriors, residual_loglik
from twin.calibration.lifetimes import Lives, fit_weibull
from twin.calibration.mode_lives import ModeHistory
from twin.calibration.repairs import mean_wait_interval, repair_estimates, repairs_of, waits_of
from twin.model.failures import FailureMode
from twin.model.laws import Exponential, Lognormal, Weibull
from twin.model.plant import Plant

NOBODY = Lives(np.zeros(0), np.zeros(0))


def lives_only(lives: Lives, **facts: Any) -> ModeHistory:
    """A history of lives of known age, which came one after the other."""
    ends = np.cumsum(lives.ages - lives.entry)
    times = facts.pop("times", ends[lives.failed > 0])
    end = facts.pop("end", float(ends[-1]) if len(ends) else 1.0)
    return ModeHistory(lives, facts.pop("first", NOBODY), times, end, np.inf, **facts)


def estimate(plant: Plant, history: ModeHistory, mode: FailureMode | None = None) -> Any:
    """What is said about the spindle of the press, alone in its plant."""
    unit = plant.unit("P-1")
    (found,) = estimate_modes([of_mode(unit, mode or unit.failure_modes[0], history)])
    assert isinstance(found, ParameterEstimate)
    return found


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


def test_censored_lives_lengthen_the_estimate_of_a_unit_under_maintenance(plant: Plant) -> None:
    """Lives of a press that is serviced at 0.7 of its scale, most of them cut short."""
    rng = np.random.default_rng(1)
    ages = 7200 * rng.weibull(2.0, 4000)
    seen = Lives(np.minimum(ages, 5040), (ages <= 5040).astype(float))
    found = estimate(plant, lives_only(seen))
    assert seen.ages[seen.failed > 0].mean() < 0.6 * 6381
    assert found.value == pytest.approx(6381, rel=0.05)
    assert "lives cut short it would be" in found.note


def test_without_failures_the_nominal_law_speaks_and_survival_lengthens_it(plant: Plant) -> None:
    mode = plant.unit("P-1").failure_modes[0]
    nothing = estimate(plant, lives_only(NOBODY))
    assert nothing.low < mode.life.mean < nothing.high
    assert nothing.value == pytest.approx(mode.life.mean, rel=0.3)
    longer = estimate(plant, lives_only(Lives.of([], [20_000.0])))
    assert longer.value > 1.2 * nothing.value
    assert (longer.n, longer.n_censored) == (0, 1)


def test_a_mode_without_failures_leans_on_what_the_others_taught() -> None:
    own = Evidence(lives_only(NOBODY), 6000.0, 2.0)
    frail = [Evidence(lives_only(Lives.of([2700.0, 2300.0, 3100.0] * 8)), 6000.0, 2.0)] * 6
    (alone,) = posteriors([own])
    together = posteriors([own, *frail])[0]
    assert together.mean < 0.7 * alone.mean
    assert together.high / together.low < alone.high / alone.low


def test_many_failures_outweigh_the_nominal_law(plant: Plant) -> None:
    lives = Lives.of((900 * np.random.default_rng(3).weibull(1.4, 600)).tolist())
    found, own = estimate(plant, lives_only(lives)), fit_weibull(lives)
    assert found.value == pytest.approx(own.mean, rel=0.01)
    assert found.parameters["shape"] == pytest.approx(own.parameters["shape"], rel=0.02)


def test_intervals_of_few_failures_hold_the_truth_as_often_as_they_claim() -> None:
    """Plants of eight modes that failed about three times each, engineers off by 20 %."""
    rng, hits, runs = np.random.default_rng(5), 0, 30
    for _ in range(runs):
        evidence, true = [], Weibull(shape=1.6, scale=1000)
        for off in np.exp(rng.normal(0, 0.2, 8)):
            ages = 1000 * rng.weibull(1.6, 6)
            seen = Lives(np.minimum(ages, 800), (ages <= 800).astype(float))
            evidence.append(Evidence(lives_only(seen), true.mean * off, 1.6))
        hits += sum(p.low <= true.mean <= p.high for p in posteriors(evidence))
    # 95 % of 240 is 228 with a deviation of 3.4.
    assert 216 <= hits <= 239


def test_a_log_that_begins_with_the_plant_does_not_lengthen_lives() -> None:
    """Every first life is new; taken for lives of steady state they would look longer."""
    rng, ratios = np.random.default_rng(6), []
    for _ in range(12):
        evidence = []
        for _ in range(8):
            ages, until = 1000 * rng.weibull(2.0, 4), 1300.0
            ends = np.cumsum(ages)
            ages = np.diff(np.minimum(ends, until), prepend=0.0)
            failed = (ends <= until).astype(float)[ages > 0]
            ages = ages[ages > 0]
            first, rest = Lives(ages[:1], failed[:1]), Lives(ages[1:], failed[1:])
            evidence.append(Evidence(lives_only(rest, first=first), 886.0, 2.0))
        ratios += [p.mean / 886.2 for p in posteriors(evidence)]
    # A steady state taken for granted would make it 1.32, a new plant known for one 1.06.
    assert 0.9 < np.mean(ratios) < 1.2


def test_a_failure_in_the_first_life_counts(plant: Plant) -> None:
    early = lives_only(NOBODY, first=Lives.of([500.0]), times=np.array([500.0]), end=1e3)
    late = lives_only(NOBODY, first=Lives.of([], [500.0]), end=1e3)
    assert estimate(plant, early).value < estimate(plant, late).value


def test_failures_that_come_ever_faster_are_told_and_the_last_rate_is_used(plant: Plant) -> None:
    times = 60_000 * np.linspace(0.02, 0.99, 30) ** (1 / 2.5)
    lives = Lives.of(np.diff(times, prepend=0.0).tolist())
    found = estimate(plant, lives_only(lives, times=times, end=60_000.0))
    assert found.law == "exponential"
    assert "ever faster" in found.note
    # A power law of shape β through 30 failures in T has a rate of 30 β/T at its end.
    assert found.value == pytest.approx(60_000 / 30 / 2.5, rel=0.1)
    assert found.value < 0.6 * float(np.diff(times).mean())


def test_renewals_are_seldom_taken_for_a_trend(plant: Plant) -> None:
    rng, trends = np.random.default_rng(8), 0
    for _ in range(25):
        lives = Lives.of((1000 * rng.weibull(0.8, 20)).tolist())
        trends += "come ever" in estimate(plant, lives_only(lives)).note
    assert trends <= 1


def test_lognormal_lives_are_known_for_such_when_they_are_many(plant: Plant) -> None:
    ages = 900 * np.exp(0.9 * np.random.default_rng(9).standard_normal(400))
    found = estimate(plant, lives_only(Lives.of(ages.tolist())))
    assert found.law == "lognormal"
    assert found.candidates[0].law == "lognormal"
    assert {c.law for c in found.candidates} == {"exponential", "weibull", "lognormal", "gamma"}
    assert found.p_value is not None
    assert found.p_value > 0.01


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
    lives = Lives.of([5200.0, 6100.0, 7000.0, 7900.0, 6600.0, 5900.0])
    found = estimate(plant, lives_only(lives))
    assert found.law == "weibull"
    assert found.parameters["shape"] >= 2


def test_minimal_repair_leaves_the_age_and_gives_the_shape_of_a_power_law(
    write: Any, plant: Plant, until: datetime
) -> None:
    unit = plant.unit("P-1")
    mode = unit.failure_modes[0].model_copy(update={"repair_effect": "old"})
    write.state(0, "P-1", "working")
    for start in (300, 500, 640):
        write.state(start, "P-1", "repair", reason="spindle")
        write.state(start + 10, "P-1", "working")
    activity = read_activity(write.log, plant, until)
    seen = mode_history(unit, mode, activity.units["P-1"])
    assert seen.lives.entry.tolist() == [0, 300, 490, 620]
    assert seen.lives.ages.tolist() == [300, 490, 620, 970]
    shape = 3 / np.log(970 / np.array([300, 490, 620])).sum()
    assert fit_weibull(seen.lives).parameters["shape"] == pytest.approx(shape)


def test_a_partial_repair_takes_off_a_share_of_the_age(
    write: Any, plant: Plant, until: datetime
) -> None:
    unit = plant.unit("P-1")
    update = {"repair_effect": "partial", "restores": 0.75}
    mode = unit.failure_modes[0].model_copy(update=update)
    write.state(0, "P-1", "working")
    write.state(400, "P-1", "repair", reason="spindle")
    write.state(450, "P-1", "working")
    activity = read_activity(write.log, plant, until)
    seen = mode_history(unit, mode, activity.units["P-1"])
    assert seen.lives.entry.tolist() == [0, 100]
    assert seen.lives.ages.tolist() == [400, 650]


def test_a_clock_of_lots_counts_lots(write: Any, plant: Plant, until: datetime) -> None:
    unit = plant.unit("P-1")
    mode = unit.failure_modes[0].model_copy(update={"clock": "count"})
    write.state(0, "P-1", "working")
    write.state(100, "P-1", "repair", reason="spindle")
    write.state(150, "P-1", "working")
    write.state(600, "P-1", "repair", reason="spindle")
    write.state(700, "P-1", "working")
    activity = read_activity(write.log, plant, until)
    lots = np.array([40.0, 100.0, 200.0, 300.0, 599.0, 600.0, 800.0])
    seen = mode_history(unit, mode, activity.units["P-1"], lots)
    assert seen.first.ages.tolist() == [2]
    assert seen.lives.ages.tolist() == [4, 1]
    assert seen.clock_end == 7


def test_the_clock_that_failures_keep_to_is_told(write: Any, plant: Plant, begin: datetime) -> None:
    """Failures every 40 working minutes of a unit that works little and unevenly."""
    unit, rng, now = plant.unit("P-1"), np.random.default_rng(2), 0.0
    mode = unit.failure_modes[0].model_copy(update={"clock": "calendar"})
    for _ in range(12):
        write.state(now, "P-1", "working")
        now += 20
        write.state(now, "P-1", "off")
        now += float(rng.integers(10, 600))
        write.state(now, "P-1", "working")
        now += 20 + float(rng.uniform(0, 4))
        write.state(now, "P-1", "repair", reason="spindle")
        now += 5
    activity = read_activity(write.log, plant, begin + timedelta(minutes=now))
    seen = mode_history(unit, mode, activity.units["P-1"])
    assert seen.fits["operating"] > seen.fits["calendar"] + 10
    (found,) = estimate_modes([of_mode(unit, mode, seen)])
    assert "the clock operating fits better" in found.note


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


def test_the_wait_for_the_crew_is_told_apart(write: Any, plant: Plant, until: datetime) -> None:
    write.state(0, "P-1", "working")
    for start, wait in ((100, 30), (300, 0), (500, 90)):
        if wait:
            write.state(start, "P-1", "down", reason="spindle")
        write.state(start + wait, "P-1", "repair", reason="spindle")
        write.state(start + wait + 50, "P-1", "working")
    activity = read_activity(write.log, plant, until)
    waits = waits_of(plant.unit("P-1").failure_modes[0], activity.units["P-1"])
    assert waits.tolist() == [30, 0, 90]
    (found,) = (e for e in repair_estimates(activity) if e.quantity == "waiting_for_crew")
    assert (found.value, found.n) == (40, 3)
    assert found.low <= 40 <= found.high
    assert found.parameters["share"] == pytest.approx(2 / 3)


def test_the_interval_of_a_mean_wait_holds_it_as_often_as_it_claims() -> None:
    rng, hits = np.random.default_rng(4), 0
    for _ in range(200):
        waits = np.where(rng.random(40) < 0.4, rng.exponential(30.0, 40), 0.0)
        low, high = mean_wait_interval(waits, 30.0)
        hits += low <= 12 <= high
    assert 178 <= hits <= 199


def test_a_repair_under_way_at_the_end_is_censored(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    write.state(900, "P-1", "repair", reason="spindle")
    found = next(iter(repair_estimates(read_activity(write.log, plant, until))))
    assert (found.n, found.n_censored) == (0, 1)


def test_a_unit_without_states_has_no_lives(write: Any, plant: Plant, until: datetime) -> None:
    write.lot(0, 10, "P-1", "O1", "press", "A")
    assert list(failure_estimates(read_activity(write.log, plant, until))) == []
