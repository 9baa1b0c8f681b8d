"""Plants drawn as uncertain as a calibration leaves them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from scipy import stats
from scipy.special import gamma

from twin.calibration.activity import Activity, read_activity
from twin.calibration.bootstrap import drawn_calibrations, parameter_sets, redrawn
from twin.calibration.calibrate import calibrate
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.calibration.life_posterior import Evidence, posteriors
from twin.calibration.lifetimes import Lives
from twin.calibration.many_lives import fit_weibull_many
from twin.calibration.mode_lives import ModeHistory
from twin.calibration.redrawn import Luck, beta_of, law_of, share, way
from twin.calibration.redrawn_lives import drawn_lives, from_grid
from twin.calibration.redrawn_power import correlation_of, resampled
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.plant import Plant

Simulated = Callable[..., EventLog]
DRAWS = 400
SEEDS = 6
QUANTITIES = (
    "processing_time", "processing_cv", "setup_time", "scrap", "time_to_failure", "time_to_repair",
    "power_kw",
)  # fmt: skip


@pytest.fixture(scope="module")
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=21)


@pytest.fixture(scope="module")
def activity(weeks: EventLog, frail_plant: Plant, until: datetime) -> Activity:
    return read_activity(weeks, frail_plant, until)


@pytest.fixture(scope="module")
def calibration(weeks: EventLog, frail_plant: Plant, until: datetime) -> Calibration:
    return calibrate(weeks, frail_plant, until)


@pytest.fixture(scope="module")
def drawn(activity: Activity, calibration: Calibration) -> list[Calibration]:
    return list(drawn_calibrations(activity, calibration, DRAWS, 1))


def values(drawn: list[Calibration], place: int) -> Array:
    return np.array([c.estimates[place].value for c in drawn])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_plants_scatter_as_widely_as_the_intervals_say(
    calibration: Calibration, drawn: list[Calibration], quantity: str
) -> None:
    ratios = []
    for place, e in enumerate(calibration.estimates):
        if e.quantity == quantity and e.high > e.low > 0:
            low, high = np.quantile(values(drawn, place), [0.025, 0.975])
            ratios.append((high - low) / (e.high - e.low))
    assert ratios
    assert 0.8 < np.median(ratios) < 1.2


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_plants_scatter_around_the_estimates(
    calibration: Calibration, drawn: list[Calibration], quantity: str
) -> None:
    for place, e in enumerate(calibration.estimates):
        if e.quantity == quantity:
            reach = max(e.high - e.low, 1e-9)
            assert abs(np.median(values(drawn, place)) - e.value) < 0.25 * reach, e.key


def test_means_and_the_laws_they_belong_to_move_together(
    calibration: Calibration, drawn: list[Calibration]
) -> None:
    for place, e in enumerate(calibration.estimates):
        for c in drawn[:5]:
            d, p = c.estimates[place], c.estimates[place].parameters
            if e.quantity == "time_to_failure" and e.law == "weibull":
                assert d.value == pytest.approx(p["scale"] * stats.weibull_min(p["shape"]).mean())
            if e.quantity == "time_to_repair" and e.law == "lognormal":
                assert d.value == pytest.approx(p["median"] * np.exp(p["sigma"] ** 2 / 2))


def test_the_grid_scatters_as_lives_drawn_and_fitted_anew() -> None:
    """The posterior and the bootstrap of the likelihood agree where failures are many."""
    rng = np.random.default_rng(2)
    ages = 1000 * rng.weibull(2.0, 200)
    lives = Lives(np.minimum(ages, 800.0), (ages <= 800.0).astype(float))
    nobody = Lives(np.zeros(0), np.zeros(0))
    history = ModeHistory(lives, nobody, ages[ages <= 800.0], 1e6, 800.0)
    evidence = Evidence(history, 1000 * gamma(1.5), 2.0)
    luck = Luck(1, 2000)
    found = from_grid(evidence, posteriors([evidence])[0], luck)
    again = np.minimum(1000 * rng.weibull(2.0, (2000, 200)), 800.0)
    shapes, scales = fit_weibull_many(again, (again < 800.0).astype(float))
    means = scales * gamma(1 + 1 / shapes)
    assert np.std(np.log(found.values)) == pytest.approx(np.std(np.log(means)), rel=0.15)
    grid = np.corrcoef(found.values, found.parameters["shape"])[0, 1]
    assert grid == pytest.approx(np.corrcoef(means, shapes)[0, 1], abs=0.15)
    assert grid < -0.3


def test_a_seed_gives_the_same_plants_however_many(
    activity: Activity, calibration: Calibration
) -> None:
    few = parameter_sets(activity, calibration, 3, 7)
    more = parameter_sets(activity, calibration, 6, 7)
    assert more[:3] == few
    assert parameter_sets(activity, calibration, 3, 8) != few
    assert few[0] != few[1]


def test_another_unit_leaves_the_others_alone(activity: Activity, calibration: Calibration) -> None:
    """But for times to failure, which learn from each other."""
    last = calibration.estimates[-1].work_unit
    fewer = [e for e in calibration.estimates if e.work_unit != last]
    luck = Luck(1, 5, "bootstrap")
    alone, together = redrawn(activity, fewer, luck), redrawn(activity, calibration.estimates, luck)
    place = {id(e): i for i, e in enumerate(calibration.estimates)}
    for i, e in enumerate(fewer):
        if e.quantity in QUANTITIES and e.quantity != "time_to_failure":
            assert alone[i].values == pytest.approx(together[place[id(e)]].values, rel=1e-12), e.key


def test_what_the_plant_does_not_hold_is_not_drawn(
    calibration: Calibration, drawn: list[Calibration]
) -> None:
    waits = [i for i, e in enumerate(calibration.estimates) if e.quantity == "waiting_for_crew"]
    assert all(c.estimates[i] == calibration.estimates[i] for c in drawn[:3] for i in waits)


def test_plants_hold_the_truth_as_often_as_they_claim(
    frail_plant: Plant, simulated: Simulated, until: datetime
) -> None:
    """Nine in ten true parameters lie between the 5th and the 95th percentile of drawn plants."""
    inside: dict[str, list[bool]] = {}
    for seed in range(SEEDS):
        log = simulated(frail_plant, seed=400 + seed)
        found = calibrate(log, frail_plant, until)
        drawn = redrawn(read_activity(log, frail_plant, until), found.estimates, Luck(seed, 100))
        for place, e in enumerate(found.estimates):
            if place in drawn and e.nominal is not None and e.quantity != "setup_ratio":
                low, high = np.quantile(drawn[place].values, [0.05, 0.95])
                inside.setdefault(e.quantity, []).append(bool(low <= e.nominal <= high))
    every = [hit for hits in inside.values() for hit in hits]
    assert len(every) > 120
    assert 0.84 < np.mean(every) < 0.96
    for quantity, hits in inside.items():
        assert np.mean(hits) > 0.9 - 4 * (0.09 / (len(hits) / 2)) ** 0.5, quantity


def estimate(law: str, n: int, **parameters: float) -> ParameterEstimate:
    return ParameterEstimate(
        "time_to_repair", "M", "jam", 1.0, 0.5, 2.0, "min", n, law=law, parameters=parameters
    )


@pytest.mark.parametrize(
    ("law", "parameters", "law_of_times"),
    [
        ("lognormal", {"median": 10.0, "sigma": 0.6}, stats.lognorm(0.6, scale=10)),
        ("weibull", {"shape": 1.5, "scale": 10.0}, stats.weibull_min(1.5, scale=10)),
        ("gamma", {"shape": 2.0, "scale": 5.0}, stats.gamma(2.0, scale=5)),
        ("exponential", {"scale": 10.0}, stats.expon(scale=10)),
    ],
)
def test_a_law_scatters_as_its_estimator_does(
    law: str, parameters: dict[str, float], law_of_times: stats.rv_continuous
) -> None:
    n = 60
    e = replace(estimate(law, n, **parameters), value=float(law_of_times.mean()))
    found = law_of(e, n - 1, Luck(3, 2000))
    times = law_of_times.rvs((2000, n), random_state=np.random.default_rng(4))
    if law == "lognormal":
        logs = np.log(times)
        fitted = np.exp(logs.mean(axis=1) + logs.var(axis=1, ddof=1) / 2)
    else:
        fitted = times.mean(axis=1)  # for gamma and exponential exactly, for Weibull nearly
    assert np.std(found.values) == pytest.approx(np.std(fitted), rel=0.08)
    assert np.mean(found.values) == pytest.approx(np.mean(fitted), rel=0.02)


def test_a_share_is_its_beta_posterior() -> None:
    low, high = stats.beta.ppf([0.025, 0.975], 3, 197)
    e = replace(estimate("beta", 200), value=3 / 200, low=float(low), high=float(high))
    assert beta_of(e.value, e.high - e.low) == pytest.approx((3, 197), rel=1e-6)
    found = share(e, Luck(1, 4000)).values
    assert np.quantile(found, [0.1, 0.5, 0.9]) == pytest.approx(
        stats.beta.ppf([0.1, 0.5, 0.9], 3, 197), rel=0.08
    )


def test_ways_brought_to_one_are_dirichlet() -> None:
    ways = []
    for jobs in (20, 5):
        low, high = stats.beta.ppf([0.025, 0.975], jobs, 25 - jobs)
        e = replace(estimate("dirichlet", 25), key=str(jobs), value=jobs / 25, low=low, high=high)
        ways.append(way(e, Luck(1, 4000, str(jobs))).values)
    first = ways[0] / (ways[0] + ways[1])
    assert np.std(first) == pytest.approx(stats.beta(20, 5).std(), rel=0.05)


def test_drawn_lives_are_cut_short_as_the_lives_were() -> None:
    lives = Lives.of([40.0, 60.0, 90.0], [100.0] * 7)
    ages, failed = drawn_lives(
        estimate("lognormal", 3, median=150.0, sigma=0.5), lives, Luck(1, 50)
    )
    assert ages.shape == failed.shape == (50, 10)
    assert ages.max() <= 100.0
    assert (ages[failed == 0] == 100.0).all()
    assert failed.mean() == pytest.approx(stats.lognorm(0.5, scale=150).cdf(100), abs=0.06)


def test_states_that_come_together_err_against_each_other() -> None:
    rng = np.random.default_rng(1)
    working = rng.random(800)
    hours = np.column_stack([working, 1 - working])
    errors = resampled(hours, rng.normal(size=800), Luck(1, 300))
    least_squares = np.linalg.inv(hours.T @ hours)
    assert correlation_of(errors)[0, 1] == pytest.approx(
        least_squares[0, 1] / least_squares[0, 0], abs=0.1
    )
    assert np.std(errors, axis=0) == pytest.approx(np.sqrt(np.diag(least_squares)), rel=0.15)


def test_no_draw_needs_many_numbers_of_another() -> None:
    luck = Luck(5, 4, "M")
    assert luck.of("a").normals("x", 2) != pytest.approx(luck.of("b").normals("x", 2))
    assert luck.normals("x", 2) == pytest.approx(Luck(5, 9, "M").normals("x", 2)[:4])
