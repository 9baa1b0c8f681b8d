"""Setups and scrap: what is learnt from few, from many, and from nothing."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import read_activity
from twin.calibration.scrap import dispersion, scrap_estimates, scrap_share
from twin.calibration.setups import setup_estimates, with_setups
from twin.model.plant import Plant


@pytest.fixture
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=7)


def change(write: Any, t: float, after: str, minutes: float) -> float:
    """A setup to a family on P-1, then 50 minutes of work; the end of it."""
    product = {"fa": "A", "fb": "B"}[after]
    write.state(t, "P-1", "setup", reason=after, order=f"O{t}", product=product)
    write.state(t + minutes, "P-1", "working", order=f"O{t}", product=product)
    write.state(t + minutes + 50, "P-1", "standby")
    return t + minutes + 60


def test_a_setup_is_the_time_in_setup_without_its_pauses(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working", product="A")
    write.state(50, "P-1", "setup", reason="fb", order="O2", product="B")
    write.state(60, "P-1", "off")
    write.state(500, "P-1", "setup", reason="fb", order="O2", product="B")
    write.state(526, "P-1", "working", order="O2", product="B")
    pair, unseen, ratio = setup_estimates(read_activity(write.log, plant, until))
    assert (unseen.key, unseen.n) == ("fb → fa", 0)
    assert pair.key == "fa → fb"
    assert pair.nominal == 30
    assert pair.parameters["sigma"] > 0
    assert ratio.n == 1
    assert ratio.value == pytest.approx(36 / 30 * np.exp(pair.parameters["sigma"] ** 2 / 2))


def test_a_setup_from_an_unknown_key_teaches_nothing(
    write: Any, plant: Plant, until: datetime
) -> None:
    change(write, 0, "fa", 99)
    assert list(setup_estimates(read_activity(write.log, plant, until))) == []


def test_pairs_seldom_seen_lean_on_the_unit_and_unseen_ones_follow_it(
    write: Any, plant: Plant, until: datetime
) -> None:
    """Both ways take 1.5 times nominal, with luck of 2 %."""
    rng = np.random.default_rng(1)
    write.state(0, "P-1", "working", product="A")
    t = 50.0
    for n in range(20):
        after, nominal = (("fb", 30), ("fa", 40))[n % 2]
        t = change(write, t, after, 1.5 * nominal * float(rng.lognormal(0, 0.02)))
    found = list(setup_estimates(read_activity(write.log, plant, until)))
    unit = with_setups(plant.unit("P-1"), found)
    assert unit.setup is not None
    assert unit.setup.time_between("fa", "fb") == pytest.approx(45, rel=0.02)
    assert unit.setup.time_between("fb", "fx") == pytest.approx(60, rel=0.02)


def test_scrap_of_lots_that_share_their_fate_is_less_certain() -> None:
    rng = np.random.default_rng(2)
    pieces = np.full(60, 10_000.0)
    alike = rng.binomial(10_000, 0.01, 60).astype(float)
    moody = rng.binomial(10_000, 0.01 * rng.lognormal(0, 0.5, 60)).astype(float)
    assert dispersion(pieces, alike) < 1.6
    assert dispersion(pieces, moody) > 10


def test_the_scrap_interval_holds_the_truth_as_often_as_it_claims() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for scrapped in rng.binomial(5000, 0.004, 400):
        _, low, high = scrap_share(5000, scrapped, 0.004)
        hits += low <= 0.004 <= high
    assert hits >= 0.93 * 400


def test_no_scrap_among_few_pieces_is_not_taken_for_none() -> None:
    value, low, high = scrap_share(50, 0, 0.01)
    assert 0 < low < value < high
    assert value == pytest.approx(0.5 / 100, rel=0.01)


def test_an_inspecting_unit_may_give_its_scrap_as_verdicts_only(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "K-1", "working")
    for n in range(5):
        names = {"order": "O1", "operation": "pack", "product": "A", "lot": str(n)}
        write.lot(10 * n, 10 * n + 10, "K-1", "O1", "pack", "A", lot=str(n), good=1000)
        write.add(10 * n + 10, "K-1", "verdict", **names, quantity=980, scrap=20, verdict="pass")
    (found,) = scrap_estimates(read_activity(write.log, plant, until))
    assert found.value == pytest.approx(0.02, rel=0.05)
