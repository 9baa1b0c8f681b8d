"""Drift: seen soon, and seldom where there is none."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from tests.benchmarks.cycle_time_recovery import _lone_unit
from tests.lot_logs import BEGIN, log_of
from twin.calibration.activity import read_activity
from twin.calibration.calibrate import calibrate
from twin.calibration.drift import Drift, cusum, drifts, self_started, series

MEAN, CV = 10.0, 0.1


def test_an_unchanged_series_has_under_one_alarm_in_900_lots() -> None:
    z = np.random.default_rng(1).normal(size=200_000)
    assert len(list(cusum(z))) / len(z) < 1 / 900


def test_a_shift_of_one_deviation_is_found_within_20_lots_nine_times_of_ten() -> None:
    rng = np.random.default_rng(2)
    delays = []
    for sign in [1, -1] * 500:
        z = rng.normal(size=200)
        z[50:] += sign
        after = [a for a in cusum(z) if a.last >= 50]
        assert after[0].direction == ("slower" if sign > 0 else "faster")
        delays.append(after[0].last - 49)
    assert np.mean(np.array(delays) <= 20) > 0.9
    assert np.mean(delays) < 13


def test_the_evidence_begins_where_the_change_did() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=400)
    z[200:] += 2
    alarm = next(a for a in cusum(z) if a.last >= 200)
    assert abs(alarm.first - 200) <= 5


def test_usual_stops_raise_no_alarm_and_many_do() -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(size=20_000)
    assert len(list(cusum(np.where(rng.random(20_000) < 0.08, 9.0, z), 0.08))) < 40
    often = np.where(rng.random(200) < 0.4, 9.0, rng.normal(size=200))
    assert next(cusum(often, 0.04)).direction == "stops"


def test_a_jump_of_many_deviations_is_a_change_of_pace_and_not_a_matter_of_stops() -> None:
    assert next(cusum(np.full(50, 7.0))).direction == "slower"
    assert next(cusum(np.full(50, -7.0))).direction == "faster"


@pytest.mark.parametrize("n", [2, 5, 30])
def test_a_centre_from_few_lots_leaves_independent_deviations_of_unit_spread(n: int) -> None:
    """Without it a centre that is off by 1/√n would raise an alarm sooner or later."""
    rng = np.random.default_rng(n)
    rows = []
    for _ in range(4000):
        off = rng.normal(0, 1 / np.sqrt(n))
        rows.append(self_started(rng.normal(size=12) - off, n))
    found = np.array(rows)
    assert found.std(axis=0) == pytest.approx(np.ones(12), abs=0.05)
    between = np.corrcoef(found.T) - np.eye(12)
    assert np.abs(between).max() < 0.07


def drifted(factor: float, lots: int, seed: int = 1) -> tuple[list[Drift], datetime]:
    """Drifts found after 300 lots, and when the change was; then lots are longer by a factor."""
    rng = np.random.default_rng(seed)
    times = MEAN * np.exp(rng.normal(-(CV**2) / 2, CV, 300 + lots))
    times[300:] *= factor
    log = log_of(times.tolist())
    changed = BEGIN + timedelta(minutes=float(times[:300].sum()))
    until = BEGIN + timedelta(minutes=float(times.sum()) + 1)
    plant = _lone_unit(MEAN, CV)
    found = calibrate(log.until(changed), plant, changed)
    return drifts(read_activity(log, plant, until), found, changed), changed


def test_a_slower_unit_is_named_with_its_change_and_when_it_began() -> None:
    (drift,), changed = drifted(1.2, 60)
    assert (drift.work_unit, drift.operation, drift.direction) == ("U", "op", "slower")
    assert drift.is_lasting
    assert drift.ratio == pytest.approx(1.2, abs=0.03)
    assert abs(drift.since - changed) < timedelta(minutes=4 * MEAN)
    assert drift.raised - changed < timedelta(minutes=20 * 1.2 * MEAN)
    assert "U, op: slower" in str(drift)


def test_a_faster_unit_is_named_too() -> None:
    (drift,), _ = drifted(0.85, 60)
    assert drift.direction == "faster"


def test_lots_as_before_are_no_drift() -> None:
    assert drifted(1.0, 100)[0] == []


def test_a_drift_comes_back_from_json() -> None:
    (drift,), _ = drifted(1.2, 60)
    assert Drift.from_dict(drift.to_dict()) == drift


def test_lots_before_the_instant_are_not_looked_at() -> None:
    times = [MEAN * (1 + 0.01 * (n % 7)) for n in range(40)]
    log = log_of(times)
    plant = _lone_unit(MEAN, CV)
    until = BEGIN + timedelta(minutes=sum(times) + 1)
    found = calibrate(log, plant, until)
    activity = read_activity(log, plant, until)
    since = BEGIN + timedelta(minutes=sum(times[:30]) - 0.01)
    seen = series(activity, found, "U", plant.unit("U").processing[0], since)
    assert len(seen.z) == 10
