"""Setups, scrap and power: what is learnt from few, from many, and from nothing."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import UnitActivity, read_activity
from twin.calibration.power import estimate_power, fit_power, with_power
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
    pair, ratio = setup_estimates(read_activity(write.log, plant, until))
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


def readings(
    plant: Plant, write: Any, until: datetime, kw: dict[str, float]
) -> tuple[UnitActivity, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Noisy quarter-hourly readings of a furnace that changes state every 40 minutes."""
    rng, t = np.random.default_rng(4), 0.0
    while t < 6000:
        state = str(rng.choice(["off", "standby", "working"]))
        write.state(t, "F-1", state)
        t += 40
    states = read_activity(write.log, plant, until).units["F-1"]
    edges = np.arange(0.0, 6000, 15)
    energy = sum(states.minutes_in([s], edges[:-1], edges[1:]) / 60 * p for s, p in kw.items())
    noisy = np.append(0.0, energy * (1 + 0.01 * rng.standard_normal(len(edges) - 1)))
    return states, edges, noisy


def test_power_by_state_comes_out_of_the_readings(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"off": 1, "standby": 66, "working": 160})
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes, kwh)}
    assert found["working"].value == pytest.approx(160, rel=0.01)
    assert found["standby"].value == pytest.approx(66, rel=0.01)
    assert found["working"].is_surprising


def test_a_jump_of_the_meter_is_left_out_and_counted(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    kwh[100] = 5000
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes, kwh)}
    assert found["working"].value == pytest.approx(150, rel=0.01)
    assert "1 stray readings left out" in found["working"].note


def test_a_reading_after_a_gap_is_not_spread_over_it(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    kept = np.delete(np.arange(len(minutes)), np.arange(50, 90))
    found = {e.key: e for e in estimate_power(plant.unit("F-1"), states, minutes[kept], kwh[kept])}
    assert found["working"].value == pytest.approx(150, rel=0.01)


def test_states_that_always_come_together_stay_near_nominal() -> None:
    hours = np.full((200, 2), 0.125)
    kw, error, _ = fit_power(hours, np.full(200, 0.125 * 120), np.array([100.0, 20.0]))
    assert kw == pytest.approx([100, 20], abs=0.5)
    assert error.min() > 5


def test_power_is_never_negative() -> None:
    rng = np.random.default_rng(5)
    hours = rng.dirichlet((1, 1), 300) / 4
    kw, _, _ = fit_power(hours, hours @ [0.0, 50.0] + rng.normal(0, 0.5, 300), np.array([0.1, 50]))
    assert kw.min() >= 0


def test_a_state_never_seen_keeps_its_nominal_power(
    write: Any, plant: Plant, until: datetime
) -> None:
    states, minutes, kwh = readings(plant, write, until, {"standby": 60, "working": 150})
    unit = plant.unit("F-1")
    found = list(estimate_power(unit, states, minutes, kwh))
    assert with_power(unit, found).power_kw.of("startup") == unit.power_kw.of("startup")
