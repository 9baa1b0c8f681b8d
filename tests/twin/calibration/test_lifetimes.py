"""Censored maximum likelihood: published fits, closed forms, and honest intervals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.calibration.lifetimes import (
    Lives,
    fit_exponential,
    fit_lognormal,
    fit_weibull,
    laplace_trend,
    mean_interval,
    shape_interval,
)

FAILED = ("Fail", "Failed", "Failure")


def drawn(rng: np.random.Generator, n: int, shape: float, limit: float) -> Lives:
    """Weibull lives of scale 1, cut off at an age limit, as by preventive replacement."""
    ages = rng.weibull(shape, n)
    return Lives(np.minimum(ages, limit), (ages <= limit).astype(float))


def read(shared_dir: Path, name: str) -> pd.DataFrame:
    path = shared_dir / "datasets" / "meeker-escobar" / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"no reliability data: {path} is missing")
    return pd.read_csv(path)


def lives_of(table: pd.DataFrame) -> Lives:
    failed = table["event"].isin(FAILED).to_numpy(dtype=float)
    return Lives(table.iloc[:, 0].to_numpy(float), failed, weight=table["count"].to_numpy(float))


def test_leaving_censored_lives_out_understates_the_mean_and_we_do_not() -> None:
    lives = drawn(np.random.default_rng(1), 20_000, 2.0, 0.7)
    true_mean = float(np.sqrt(np.pi) / 2)
    naive = float(lives.ages[lives.failed > 0].mean())
    assert naive < 0.6 * true_mean
    assert fit_weibull(lives).mean == pytest.approx(true_mean, rel=0.02)


def test_the_exponential_scale_is_the_total_age_over_the_failures() -> None:
    assert fit_exponential(Lives.of([10.0, 20.0], [30.0])).parameters["scale"] == pytest.approx(30)


def test_a_weibull_of_shape_one_is_the_exponential() -> None:
    lives = Lives.of([3.0, 8.0, 13.0], [20.0])
    assert fit_weibull(lives, 1.0).loglik == pytest.approx(fit_exponential(lives).loglik)


def test_the_weibull_shape_does_not_depend_on_the_unit_of_time() -> None:
    hours = Lives.of([30.0, 80.0, 130.0, 150.0], [200.0])
    seconds = Lives(hours.ages * 3600, hours.failed)
    assert fit_weibull(seconds).parameters["shape"] == pytest.approx(
        fit_weibull(hours).parameters["shape"], rel=1e-9
    )


def test_a_life_seen_from_an_age_on_is_compared_with_survivors_to_that_age() -> None:
    rng = np.random.default_rng(2)
    ages, entry = rng.weibull(2.0, 40_000), rng.uniform(0, 1.5, 40_000)
    seen = ages > entry
    lives = Lives(ages[seen], np.ones(seen.sum()), entry=entry[seen])
    assert fit_weibull(lives).parameters["shape"] == pytest.approx(2.0, rel=0.03)
    assert fit_weibull(Lives(ages[seen], np.ones(seen.sum()))).mean > 1.1 * fit_weibull(lives).mean


def test_without_a_failure_nothing_is_fitted() -> None:
    with pytest.raises(ValueError, match="no life ended in failure"):
        fit_weibull(Lives.of([], [5.0]))


def test_a_life_of_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than zero"):
        Lives.of([0.0])


@pytest.mark.parametrize("shape", [1.0, 2.5])
def test_the_profile_interval_of_the_mean_holds_it_as_often_as_it_claims(shape: float) -> None:
    rng = np.random.default_rng(3)
    one = drawn(rng, 400_000, shape, np.inf)
    mean, hits, runs = float(one.ages.mean()), 0, 200
    for _ in range(runs):
        lives = drawn(rng, 25, shape, 1.2)
        low, high = mean_interval(lives, fit_weibull(lives))
        hits += low <= mean <= high
    # 95 % of 200 is 190 with standard deviation 3.1; small samples cost the likelihood a little.
    assert 178 <= hits <= 199


def test_the_shape_interval_is_a_profile_likelihood_interval() -> None:
    lives = drawn(np.random.default_rng(4), 40, 2.0, 1.5)
    fit = fit_weibull(lives)
    for end in shape_interval(lives, fit):
        assert 2 * (fit.loglik - fit_weibull(lives, end).loglik) == pytest.approx(3.841, abs=0.01)


def test_failures_all_at_one_age_have_an_interval_around_it() -> None:
    lives = Lives.of([5449.0] * 4, [891.2] * 4)
    fit = fit_weibull(lives)
    low, high = mean_interval(lives, fit)
    assert low <= fit.mean <= high


def test_few_failures_leave_aicc_no_room_for_two_parameters() -> None:
    assert fit_weibull(Lives.of([1.0, 2.0, 3.0])).aicc == float("inf")


def test_failures_that_come_ever_faster_show_a_trend() -> None:
    assert laplace_trend(100 * np.sqrt(np.linspace(0.05, 1, 20)), 100.0) < 0.05
    assert laplace_trend(np.linspace(5, 95, 20), 100.0) > 0.9


@pytest.mark.real_data
def test_ball_bearings_of_lieblein_and_zelen(shared_dir: Path) -> None:
    lives = Lives.of(read(shared_dir, "lzbearing").iloc[:, 0].tolist())
    fit = fit_weibull(lives)
    assert fit.parameters["shape"] == pytest.approx(2.1018, abs=1e-4)
    assert fit.parameters["scale"] == pytest.approx(81.87, abs=0.01)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("mode", "shape", "scale"),
    [("", 3.1605, 27_719), ("Mode1", 3.384, 31_206), ("Mode2", 2.822, 40_866)],
)
def test_shock_absorbers(shared_dir: Path, mode: str, shape: float, scale: float) -> None:
    """Competing modes: a failure of the other mode is a censored life of this one."""
    table = read(shared_dir, "shockabsorber")
    failed = table["mode"].eq(mode) if mode else table["mode"].ne("Censored")
    fit = fit_weibull(Lives(table["miles"].to_numpy(float), failed.to_numpy(float)))
    assert fit.parameters["shape"] == pytest.approx(shape, abs=5e-4)
    assert fit.parameters["scale"] == pytest.approx(scale, abs=1)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "shape", "scale"), [("fan", 1.058, 26_297), ("bearingcage", 2.035, 11_792)]
)
def test_heavily_censored_weibull(shared_dir: Path, name: str, shape: float, scale: float) -> None:
    fit = fit_weibull(lives_of(read(shared_dir, name)))
    assert fit.parameters["shape"] == pytest.approx(shape, abs=1e-3)
    assert fit.parameters["scale"] == pytest.approx(scale, abs=1)


@pytest.mark.real_data
def test_locomotive_controls_are_lognormal(shared_dir: Path) -> None:
    fit = fit_lognormal(lives_of(read(shared_dir, "locomotivecontrol")))
    assert np.log(fit.parameters["median"]) == pytest.approx(5.117, abs=1e-3)
    assert fit.parameters["sigma"] == pytest.approx(0.7055, abs=1e-4)


@pytest.mark.real_data
def test_repair_times_are_lognormal_rather_than_weibull(shared_dir: Path) -> None:
    lives = Lives.of(read(shared_dir, "repairtimes").iloc[:, 0].astype(float).tolist())
    fit = fit_lognormal(lives)
    assert np.log(fit.parameters["median"]) == pytest.approx(2.089, abs=1e-3)
    assert fit.parameters["sigma"] == pytest.approx(0.925, abs=1e-3)
    assert fit.loglik - fit_weibull(lives).loglik == pytest.approx(3.3, abs=0.05)
