"""Wear that can be measured: the moments of its growth, and when it reaches its limit."""

import math

import numpy as np
import pytest

from twin.behaviour.degradation import Wear
from twin.behaviour.randomness import Luck
from twin.model.failures import Degradation


def wear(facts: Degradation, replication: int, level: float = 0.0) -> Wear:
    return Wear(facts, level, Luck(5, replication).stream("P-1", "degradation of wear"))


@pytest.mark.parametrize(
    ("process", "mean", "variance"), [("gamma", 2 * 3 * 0.5, 2 * 3 * 0.25), ("wiener", 6, 0.25 * 3)]
)
def test_growth_has_the_moments_of_its_process(process: str, mean: float, variance: float) -> None:
    """After 3 h: gamma of shape 2/h and scale 0.5; Wiener of drift 2/h and deviation 0.5/√h."""
    facts = Degradation(process=process, rate=2, scale=0.5, limit=1e9, step=30)
    levels = []
    for replication in range(1500):
        found = wear(facts, replication)
        for _ in range(6):
            found.grow()
        levels.append(found.level)
    half_width = 2.576 * math.sqrt(variance / len(levels))
    assert np.mean(levels) == pytest.approx(mean, abs=half_width)
    assert np.var(levels) == pytest.approx(variance, rel=0.15)


def test_a_gamma_process_never_shrinks() -> None:
    found = wear(Degradation(process="gamma", rate=0.2, scale=1, limit=5, step=60), 0)
    levels = [found.level]
    while not found.is_over:
        found.grow()
        levels.append(found.level)
    assert levels == sorted(levels)
    assert levels[-1] >= 5 > levels[-2]


@pytest.mark.parametrize("step", [30, 240])
def test_first_passage_of_a_wiener_process_hardly_depends_on_the_step(step: float) -> None:
    """Its mean is (limit / drift), here 10 h, seen at the end of the step: half a step later."""
    facts = Degradation(process="wiener", rate=1, scale=1, limit=10, step=step)
    hours = []
    for replication in range(600):
        found, steps = wear(facts, replication), 0
        while not found.is_over:
            found.grow()
            steps += 1
        hours.append(steps * step / 60)
    half_width = 2.576 * float(np.std(hours)) / math.sqrt(len(hours))
    assert np.mean(hours) == pytest.approx(10 + step / 120, abs=half_width + 0.02 * 10)


def test_a_renewal_brings_the_level_back_to_nothing() -> None:
    found = wear(Degradation(process="gamma", rate=1, scale=1, limit=2), 0, level=3.0)
    assert found.is_over
    found.renew()
    assert (found.level, found.is_over) == (0.0, False)
