"""The value of information is what knowing saves on average, and luck is not sold as knowledge."""

import numpy as np
import pytest

from scenarios.information import Information, expected_costs, worth_of


def test_two_plans_each_better_for_one_truth_are_worth_half_their_difference() -> None:
    costs = np.repeat([[[0.0], [10.0]], [[10.0], [0.0]]], 4, axis=2)
    assert worth_of("x", costs).value == 5.0


def test_where_one_plan_is_always_best_nothing_is_worth_knowing() -> None:
    rng = np.random.default_rng(2)
    costs = rng.normal(0, 5, (1, 8, 6)) + np.array([0.0, 100.0, 200.0])[:, None, None]
    worth = worth_of("x", costs)
    assert (worth.value, worth.at_most) == (0.0, 0.0)
    assert not worth.is_shown
    assert "one is best under every draw" in worth.words("MAD", 100.0)


def test_luck_alone_shows_no_value() -> None:
    rng = np.random.default_rng(3)
    shown = [
        worth_of("x", rng.normal(0, 50, (6, 8, 6)) + rng.normal(0, 1000, (1, 1, 6))).is_shown
        for _ in range(100)
    ]
    assert sum(shown) <= 3


def test_a_real_value_is_found_and_lies_below_the_upper_figure() -> None:
    rng = np.random.default_rng(4)
    found, true, most = [], [], []
    for _ in range(60):
        own = rng.normal(0, 60, (6, 8))
        costs = own[:, :, None] + rng.normal(0, 40, (6, 8, 6)) + rng.normal(0, 900, (1, 1, 6))
        worth = worth_of("x", costs)
        found.append(worth.value)
        most.append(worth.at_most)
        true.append(own.mean(axis=1).min() - own.min(axis=0).mean())
    assert np.mean(found) == pytest.approx(np.mean(true), rel=0.15)
    assert np.mean(most) >= np.mean(found)


def test_differences_that_luck_explains_are_shrunk_away() -> None:
    rng = np.random.default_rng(5)
    costs = rng.normal(0, 50, (4, 6, 6))
    means = costs.mean(axis=2)
    shrunk = expected_costs(costs)
    own = [m - m.mean(0) - m.mean(1, keepdims=True) + m.mean() for m in (means, shrunk)]
    assert np.abs(own[1]).sum() < 0.5 * np.abs(own[0]).sum()
    assert shrunk.mean(axis=1) == pytest.approx(means.mean(axis=1))


def test_what_was_not_drawn_or_reached_is_said() -> None:
    found = Information("MAD", 100.0, (), ("naive plan",), 6, ("energy",), ("scrap",))
    text = "\n".join(found.lines())
    assert "the log shows nothing of them: energy" in text
    assert "not reached in time: scrap" in text
