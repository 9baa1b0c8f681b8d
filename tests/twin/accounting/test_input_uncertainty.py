"""What part of a figure's uncertainty comes from the inputs."""

import numpy as np
import pytest

from twin.accounting.input_uncertainty import input_variance, range_half_widths, two_widths
from twin.accounting.intervals import mean_interval
from twin.model.horizon import Array

Z = 1.6448536


def nested(
    seed: int, plants: int, each: int, between: float, within: float
) -> list[Array]:  # fmt: skip
    """Outcomes of plants whose means scatter by ``between``."""
    rng = np.random.default_rng(seed)
    centres = 10 + between * rng.standard_normal(plants)
    return list(centres[:, None] + within * rng.standard_normal((plants, each)))


def test_the_variance_between_plants_is_found_whatever_scatters_within() -> None:
    for within in (0.1, 1.0, 3.0):
        found = [input_variance(nested(s, 30, 4, 1.0, within)) for s in range(200)]
        assert np.mean(found) == pytest.approx(1.0, abs=0.15)


def test_chance_alone_is_not_taken_for_inputs() -> None:
    found = [input_variance(nested(s, 30, 4, 0.0, 1.0)) for s in range(200)]
    assert min(found) == 0.0
    assert np.mean(found) < 0.05


def test_plants_without_some_replications_count_by_what_they_have() -> None:
    found = []
    for seed in range(200):
        drawn = nested(seed, 30, 4, 1.0, 1.0)
        found.append(input_variance([values[: 1 + n % 4] for n, values in enumerate(drawn)]))
    assert np.mean(found) == pytest.approx(1.0, abs=0.15)


def test_one_replication_each_cannot_tell_chance_from_inputs() -> None:
    assert input_variance([np.array([1.0]), np.array([3.0])]) == pytest.approx(2.0)


def test_both_half_widths_of_a_figure() -> None:
    figure = mean_interval([9.0, 10.0, 11.0, 10.0])
    found = two_widths(figure, nested(1, 400, 4, 1.0, 1.0))
    assert found is not None
    assert found.simulation == pytest.approx((figure.high - figure.low) / 2)
    assert found.inputs == pytest.approx(Z, rel=0.12)
    assert found.both == pytest.approx(np.hypot(found.simulation, found.inputs))
    assert found.draws == 400


def test_a_figure_that_one_plant_alone_has_tells_nothing_of_inputs() -> None:
    figure = mean_interval([9.0, 11.0])
    assert two_widths(figure, [np.array([1.0]), np.array([])]) is None


def test_the_interval_of_both_holds_the_truth_as_often_as_it_claims() -> None:
    """An estimate off by N(0, 1), plants drawn around it, few replications of the estimate."""
    hits = []
    for seed in range(400):
        rng = np.random.default_rng([seed, 1])
        off = float(rng.standard_normal())
        figure = mean_interval(off + rng.standard_normal(10))
        found = two_widths(figure, [off - 10 + values for values in nested(seed, 20, 4, 1.0, 1.0)])
        assert found is not None
        hits.append(abs(figure.mean) <= found.both)
    assert np.mean(hits) == pytest.approx(0.9, abs=0.045)


def test_ranges_of_single_outcomes() -> None:
    rng = np.random.default_rng(1)
    chance, inputs = range_half_widths(3 * rng.standard_normal(4000), nested(2, 400, 10, 2.0, 3.0))
    assert chance == pytest.approx(3 * Z, rel=0.05)
    assert inputs == pytest.approx(2 * Z, rel=0.12)
    assert range_half_widths(np.array([1.0, 3.0]), []) == pytest.approx((Z, 0.0))
