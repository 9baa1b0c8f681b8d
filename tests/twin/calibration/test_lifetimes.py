"""Censored maximum likelihood: published fits, closed forms, and honest intervals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.calibration.goodness import fit_p_value
from twin.calibration.law_choice import fits_of, held_out, preferred
from twin.calibration.life_laws import LAWS, LawName
from twin.calibration.lifetimes import (
    Lives,
    fit_exponential,
    fit_gamma,
    fit_law,
    fit_lognormal,
    fit_weibull,
    mean_interval,
    parameter_intervals,
    shape_interval,
)
from twin.calibration.many_lives import (
    fit_exponential_many,
    fit_lognormal_many,
    fit_weibull_many,
)
from twin.calibration.trend import (
    fit_power_law,
    laplace_trend,
    military_trend,
    pooled_laplace,
    renewal_trend,
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


def test_a_failure_found_at_an_inspection_counts_for_the_stretch_before_it() -> None:
    """Lives known only to a quarter of their scale give the law back."""
    ages = np.random.default_rng(5).weibull(2.0, 4000)
    low = np.floor(4 * ages) / 4
    binned = Lives(low, np.ones(4000), latest=low + 0.25)
    assert fit_weibull(binned).parameters["shape"] == pytest.approx(2.0, rel=0.05)
    taken_for_exact = Lives(low + 0.25, np.ones(4000))
    assert fit_weibull(taken_for_exact).parameters["shape"] > 2.1


def test_items_inspected_once_give_the_law_back() -> None:
    rng = np.random.default_rng(6)
    ages, looked = rng.weibull(1.7, 5000), rng.choice([0.3, 0.6, 0.9, 1.2, 1.5], 5000)
    failed = (ages <= looked).astype(float)
    seen = Lives(np.where(failed > 0, 0.0, looked), failed, latest=looked)
    fit = fit_weibull(seen)
    assert fit.parameters["shape"] == pytest.approx(1.7, rel=0.08)
    assert fit.parameters["scale"] == pytest.approx(1.0, rel=0.05)


def test_stretches_so_short_that_they_are_instants_change_nothing() -> None:
    lives = drawn(np.random.default_rng(7), 40, 1.5, 1.2)
    almost = np.where(lives.failed > 0, lives.ages * (1 + 1e-9), lives.ages)
    stretched = Lives(lives.ages, lives.failed, latest=almost)
    for law in LAWS:
        near, exact = fit_law(stretched, law), fit_law(lives, law)
        assert near.mean == pytest.approx(exact.mean, rel=1e-3)


def test_the_gamma_law_of_shape_one_is_exponential_and_censoring_counts() -> None:
    rng = np.random.default_rng(8)
    ages = rng.gamma(3.0, 100.0, 5000)
    lives = Lives(np.minimum(ages, 350.0), (ages <= 350).astype(float))
    fit = fit_gamma(lives)
    assert fit.parameters["shape"] == pytest.approx(3.0, rel=0.08)
    assert fit.mean == pytest.approx(300.0, rel=0.03)
    chance = Lives.of(rng.exponential(5.0, 5000).tolist())
    assert fit_gamma(chance).loglik == pytest.approx(fit_exponential(chance).loglik, abs=4)


@pytest.mark.parametrize("law", ["lognormal", "gamma"])
def test_counts_are_as_good_as_repeated_rows(law: LawName) -> None:
    ages, failed = np.array([3.0, 5.0, 8.0, 9.0]), np.array([1.0, 1.0, 1.0, 0.0])
    counted = fit_law(Lives(ages, failed, weight=np.array([1.0, 3.0, 2.0, 4.0])), law)
    times = [1, 3, 2, 4]
    repeated = fit_law(Lives(np.repeat(ages, times), np.repeat(failed, times)), law)
    assert counted.loglik == pytest.approx(repeated.loglik)


def test_a_failure_outside_its_inspections_is_refused() -> None:
    with pytest.raises(ValueError, match="between its two inspections"):
        Lives(np.array([5.0]), np.ones(1), latest=np.array([4.0]))


def test_many_samples_at_once_give_the_fits_of_one_by_one() -> None:
    rng = np.random.default_rng(9)
    ages = 700 * rng.weibull(1.6, (30, 25))
    failed = (ages <= 600).astype(float)
    ages, weight = np.minimum(ages, 600.0), rng.integers(0, 3, (30, 25)).astype(float)
    entry = 0.3 * ages * (rng.random((30, 25)) < 0.4)
    shapes, scales = fit_weibull_many(ages, failed, weight, entry)
    medians, sigmas = fit_lognormal_many(ages, failed, weight)
    means = fit_exponential_many(ages, failed, weight)
    for i in range(30):
        kept = weight[i] > 0
        own = Lives(ages[i][kept], failed[i][kept], weight=weight[i][kept])
        late = Lives(own.ages, own.failed, entry[i][kept], own.weight)
        assert fit_weibull(late).parameters == pytest.approx(
            {"shape": shapes[i], "scale": scales[i]}, rel=1e-7
        )
        assert fit_lognormal(own).parameters == pytest.approx(
            {"median": medians[i], "sigma": sigmas[i]}, rel=1e-4
        )
        assert fit_exponential(own).mean == pytest.approx(means[i])


def test_a_sample_in_which_nothing_failed_is_not_a_number() -> None:
    shapes, scales = fit_weibull_many(np.array([[1.0, 2.0], [1.0, 2.0]]), np.eye(2)[::-1] * 0.0)
    assert np.isnan(shapes).all()
    assert np.isnan(scales).all()


def test_the_test_of_fit_rejects_true_laws_as_seldom_as_it_claims() -> None:
    """Half of the lives are censored and a third are seen late."""
    rng, rejected, runs = np.random.default_rng(10), 0, 300
    for _ in range(runs):
        ages, entry = rng.weibull(1.6, 50), 0.3 * rng.random(50) * (rng.random(50) < 0.33)
        limit = rng.uniform(0.4, 1.6, 50)
        seen = ages > entry
        lives = Lives(
            np.minimum(ages, np.maximum(limit, entry + 0.05))[seen],
            (ages <= np.maximum(limit, entry + 0.05)).astype(float)[seen],
            entry[seen],
        )
        p_value = fit_p_value(lives, fit_weibull(lives))
        assert p_value is not None
        rejected += p_value < 0.05
    # 5 % of 300 is 15 with a deviation of 3.8.
    assert 4 <= rejected <= 26


def test_the_test_of_fit_sees_a_hump_in_the_hazard() -> None:
    rng = np.random.default_rng(11)
    early = rng.random(120) < 0.3
    ages = np.where(early, 0.2 * rng.weibull(0.8, 120), rng.normal(1.0, 0.1, 120))
    lives = Lives(np.minimum(ages, 1.1), (ages <= 1.1).astype(float))
    p_value = fit_p_value(lives, fit_weibull(lives))
    assert p_value is not None
    assert p_value < 1e-3


def test_inspected_lives_get_a_test_of_counts_of_the_right_level() -> None:
    rng, rejected = np.random.default_rng(12), 0
    edges = np.append(np.linspace(0, 1.6, 9), np.inf)
    for _ in range(100):
        ages = rng.weibull(1.7, 200)
        cell = np.searchsorted(edges, ages) - 1
        failed = edges[cell + 1] < np.inf
        latest = np.where(failed, edges[cell + 1], edges[cell])
        lives = Lives(edges[cell], failed.astype(float), latest=latest)
        p_value = fit_p_value(lives, fit_weibull(lives))
        assert p_value is not None
        rejected += p_value < 0.05
    assert rejected <= 12


def test_a_family_is_left_only_on_evidence() -> None:
    rng = np.random.default_rng(13)
    few = Lives.of(np.exp(rng.normal(5.0, 0.8, 12)).tolist())
    assert preferred(fits_of(few), "weibull", {}) == "weibull"
    many = Lives.of(np.exp(rng.normal(5.0, 0.8, 400)).tolist())
    fits = fits_of(many)
    scores: dict[str, float | None] = {law: held_out(many, fit) for law, fit in fits.items()}
    assert preferred(fits, "weibull", scores) == "lognormal"


def test_the_score_on_lives_held_out_is_below_that_on_lives_seen() -> None:
    lives = drawn(np.random.default_rng(14), 30, 1.5, 1.0)
    fit = fit_weibull(lives)
    score = held_out(lives, fit)
    assert score is not None
    assert score < fit.loglik / 30
    assert held_out(Lives.of([1.0, 2.0, 4.0]), fit_weibull(Lives.of([1.0, 2.0, 4.0]))) is None


def test_intervals_of_parameters_hold_them_as_often_as_they_claim() -> None:
    rng, hits = np.random.default_rng(15), 0
    for _ in range(200):
        lives = drawn(rng, 60, 1.8, 1.1)
        low, high = parameter_intervals(lives, fit_weibull(lives))["scale"]
        hits += low <= 1.0 <= high
    assert 178 <= hits <= 199


def test_a_power_law_of_one_system_has_its_closed_form() -> None:
    times, end = np.array([3.0, 7.0, 15.0, 18.0, 19.5]), 20.0
    fit = fit_power_law(times, np.zeros(1), np.array([end]))
    shape = 5 / np.log(end / times).sum()
    assert fit.shape == pytest.approx(shape)
    assert fit.scale == pytest.approx(end * 5 ** (-1 / shape))
    value, low, high = fit.mean_time_interval(end)
    assert value == pytest.approx(end / 5 / shape)
    assert low < value < high


def test_systems_seen_from_an_age_on_share_one_power_law() -> None:
    rng = np.random.default_rng(16)
    starts, ends = rng.uniform(0, 5, 200), rng.uniform(6, 10, 200)
    times = []
    for start, end in zip(starts, ends, strict=True):
        n = rng.poisson(end**1.8 - start**1.8)
        times += ((start**1.8 + rng.random(n) * (end**1.8 - start**1.8)) ** (1 / 1.8)).tolist()
    fit = fit_power_law(np.array(times), starts, ends)
    assert fit.shape == pytest.approx(1.8, rel=0.03)
    assert fit.scale == pytest.approx(1.0, rel=0.06)


def test_trends_are_claimed_as_seldom_as_they_should_be() -> None:
    rng, claims = np.random.default_rng(17), np.zeros(3)
    for _ in range(300):
        times = np.sort(rng.random(15)) * 100
        claims[0] += laplace_trend(times, 100.0) < 0.05
        claims[1] += military_trend(times, 100.0) < 0.05
        claims[2] += pooled_laplace(times, np.zeros(15), np.full(15, 100.0)) < 0.05
    assert np.all(claims <= 27)
    assert np.all(claims >= 4)


def test_regular_lives_do_not_hide_a_trend_from_the_test_of_renewals() -> None:
    """Lives that shorten from 12 to 5, each about as long as the one before."""
    times = np.cumsum(np.linspace(12.0, 5.0, 16) + np.random.default_rng(18).normal(0, 0.5, 16))
    assert renewal_trend(times, float(times[-1])) < laplace_trend(times, float(times[-1]))


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
