"""A few anchors on short runs; `make anchors` runs all of them at full length.

A short run's interval is wider, so each anchor states the half-width it must reach here.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import t as student

from tests.validation.anchor import (
    EXPONENTIAL,
    Anchor,
    Content,
    Run,
    Station,
    exponential,
    line,
    mode,
)
from tests.validation.anchors import ANCHORS
from twin.simulation.engines import build_engine

REPLICATIONS = 20
CONFIDENCE = 0.999
"""Of each of some forty figures, whose luck is fixed by the seed."""


def sampled(anchor: Anchor, replications: int = REPLICATIONS) -> np.ndarray:
    """Figures of each replication, (R, figures)."""
    experiment = anchor.experiment(seed=3)
    engine = build_engine(experiment)
    found = []
    for replication in range(replications):
        run = Run(experiment, engine.run(replication, trace=anchor.trace), replication)
        found.append([figure.of(run) for figure in anchor.figures])
    return np.array(found)


@pytest.mark.parametrize(
    ("id", "hours", "warm_up", "half_width"),
    [
        ("A1", 8000, 1000, 0.25),
        ("A4", 3270.42, 545.07, 0.3),
        ("A7", 3000, 600, 0.3),
        ("A9", 2270, 0, 0.4),
        ("R2.1", 1500, 100, 0.2),
        ("B2", 500, 50, 0.8),
        ("B0d", 300, 30, 0.2),
        ("D2", 10, 3, 0.5),
        ("BN4", 5, 1, 0.2),
        ("Q2p", 200, 0, 0.3),
        ("Q3", 500, 0, 0.1),
        ("Q5", 40, 5, 0.4),
        ("Q6", 600, 50, 0.3),
    ],
)
def test_an_anchor(id: str, hours: float, warm_up: float, half_width: float) -> None:
    """Exact values lie in the intervals, and the intervals say something."""
    anchor = dataclasses.replace(ANCHORS[id], hours=hours, warm_up=warm_up)
    samples = sampled(anchor)
    quantile = float(student.ppf((1 + CONFIDENCE) / 2, REPLICATIONS - 1))
    wide = quantile / math.sqrt(REPLICATIONS) * samples.std(axis=0, ddof=1)
    for figure, mean, width in zip(anchor.figures, samples.mean(axis=0), wide, strict=True):
        assert width <= half_width * figure.exact, figure.name
        assert mean == pytest.approx(figure.exact, abs=width + 1e-9 * figure.exact), figure.name


def test_what_enters_and_leaves_obeys_littles_law() -> None:
    """Q7: no luck in it, the areas are equal to the tick."""
    assert sampled(ANCHORS["Q7"], replications=2) == pytest.approx(1, abs=1e-12)


def test_more_room_and_shorter_repairs_never_make_fewer_parts() -> None:
    """Every part keeps its luck, so that it holds in each replication, not only on average."""

    def made(room: int, repair: float) -> list[int]:
        wear = mode(
            clock="operating", time_to_failure=exponential(20), time_to_repair=exponential(repair)
        )
        facts: Content = {"failure_modes": [wear]}
        stations = [Station(1, room if i else None, EXPONENTIAL, facts) for i in range(3)]
        anchor = Anchor("line", "", line(stations), (), hours=300)
        engine = build_engine(anchor.experiment(seed=3))
        return [int(engine.run(r).totals.completed[0]) for r in range(5)]

    first = made(0, 5)
    for more in (made(1, 5), made(4, 5), made(0, 2)):
        assert all(a <= b for a, b in zip(first, more, strict=True))
