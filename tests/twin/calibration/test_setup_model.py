"""Setups of many pairs: each leans on those it resembles, and on what is written if it helps."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from twin.calibration.setup_model import Pair, SetupModel, fit_setups
from twin.calibration.setups import OTHERS, with_setups
from twin.model.plant import Plant

FAMILY = {"A1": "a", "A2": "a", "A3": "a", "B1": "b", "B2": "b", "B3": "b"}
PAIRS = list(permutations(FAMILY, 2))
SIGMA = 0.2


def family_minutes(pair: Pair) -> float:
    return 6.0 if FAMILY[pair[0]] == FAMILY[pair[1]] else 20.0


def visited(seed: int, visits: int, spread: float) -> tuple[dict[Pair, float], dict[Pair, float]]:
    """True times of all pairs, and the mean logarithms of the visits."""
    rng = np.random.default_rng(seed)
    truth = {p: family_minutes(p) * float(np.exp(rng.normal(0, spread))) for p in PAIRS}
    seen = {p: np.log(t) + float(rng.normal(0, SIGMA / visits**0.5)) for p, t in truth.items()}
    return truth, seen


def fitted(seen: dict[Pair, float], visits: int, written: dict[Pair, float] | None) -> SetupModel:
    nominal = written or {}
    return fit_setups(
        list(seen), np.array(list(seen.values())), np.full(len(seen), float(visits)), SIGMA**2,
        lambda p: nominal.get(p, 0.0), lambda key: FAMILY[key],
    )  # fmt: skip


@pytest.mark.parametrize("written", ["none", "wrong", "right"])
def test_a_pair_never_seen_takes_the_mean_of_its_families(written: str) -> None:
    rng = np.random.default_rng(1)
    truth, seen = visited(1, 12, 0.1)
    table = {
        "none": None,
        "wrong": {p: t * 3 ** float(rng.uniform(-1, 1)) for p, t in truth.items()},
        "right": {p: family_minutes(p) for p in PAIRS},
    }[written]
    for pair in (("A1", "A2"), ("A1", "B3")):
        others = {p: y for p, y in seen.items() if p != pair}
        model = fitted(others, 12, table)
        mean, variance, weight = model.predict(pair)
        assert np.exp(mean) == pytest.approx(family_minutes(pair), rel=0.25)
        assert weight == 0.0
        assert variance > 0


def test_what_is_written_down_is_used_only_if_it_helps() -> None:
    rng = np.random.default_rng(2)
    truth, seen = visited(2, 12, 0.1)
    wrong = {p: t * 3 ** float(rng.uniform(-1, 1)) for p, t in truth.items()}
    assert not fitted(seen, 12, wrong).uses_nominal
    right = {p: 1.4 * t for p, t in truth.items()}
    assert fitted(seen, 12, right).uses_nominal


def test_the_fewer_visits_the_more_a_pair_leans_on_others() -> None:
    weights = []
    for visits in (1, 4, 20):
        _, seen = visited(3, visits, 0.25)
        model = fitted(seen, visits, None)
        weights.append(model.predict(("A1", "B1"))[2])
    assert weights[0] < weights[1] < weights[2]


def test_leaning_on_others_beats_the_pairs_own_mean() -> None:
    own, shrunk = [], []
    for seed in range(10):
        truth, seen = visited(10 + seed, 3, 0.1)
        model = fitted(seen, 3, None)
        for pair, time in truth.items():
            own.append(abs(seen[pair] - np.log(time)))
            shrunk.append(abs(model.predict(pair)[0] - np.log(time)))
    assert np.mean(shrunk) < 0.85 * np.mean(own)


def test_intervals_hold_the_truth_as_often_as_they_claim() -> None:
    held: list[bool] = []
    for seed in range(15):
        truth, seen = visited(30 + seed, 6, 0.25)
        hidden = PAIRS[seed::7]
        model = fitted({p: y for p, y in seen.items() if p not in hidden}, 6, None)
        for pair, time in truth.items():
            mean, variance, _ = model.predict(pair)
            held.append(abs(mean - np.log(time)) <= 2.05 * variance**0.5)
    assert 0.9 < np.mean(held) < 0.985


def test_without_written_times_a_plant_still_learns_its_setups(plant: Plant) -> None:
    """No times and no default: the table is filled from what was seen, its default too."""
    from twin.calibration.estimates import ParameterEstimate

    unit = plant.unit("P-1")
    assert unit.setup is not None
    bare = unit.model_copy(
        update={"setup": unit.setup.model_copy(update={"times": {}, "default": 0.0})}
    )
    rows = [("fa → fb", 30.0), (OTHERS, 25.0)]
    found = with_setups(
        bare,
        [
            ParameterEstimate(
                "setup_time", "P-1", key, value, 1, 99, "min", 12, parameters={"sigma": 0.2}
            )
            for key, value in rows
        ],
    )
    assert found.setup is not None
    assert found.setup.time_between("fa", "fb") == 30.0
    assert found.setup.time_between("fb", "fc") == 25.0
    assert found.setup.cv == pytest.approx(0.202, abs=0.001)
