"""Streams of luck: published answers, names, and the laws drawn from them."""

import math

import numpy as np
import pytest
from scipy import stats

from twin.behaviour.randomness import Luck, Words, lognormal_factor, philox4x32

PUBLISHED: list[tuple[Words, tuple[int, int], Words]] = [
    (
        (0x00000000, 0x00000000, 0x00000000, 0x00000000),
        (0x00000000, 0x00000000),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
"""Counter, key and answer from the file kat_vectors of Random123."""


@pytest.mark.parametrize(("counter", "key", "answer"), PUBLISHED)
def test_philox_gives_the_published_answers(
    counter: Words, key: tuple[int, int], answer: Words
) -> None:
    assert philox4x32(counter, key) == answer


def test_a_number_does_not_depend_on_the_order_of_asking() -> None:
    forwards, backwards = Luck(1, 2).stream("P-1", "life"), Luck(1, 2).stream("P-1", "life")
    numbers = [forwards.uniform(k) for k in range(50)]
    assert [backwards.uniform(k) for k in reversed(range(50))] == numbers[::-1]


@pytest.mark.parametrize("step", [1, 2, 3, 1 << 16])
def test_looking_ahead_gives_the_same_numbers(step: int) -> None:
    """A stream asked in equal steps looks many blocks up at once."""
    luck, asked = Luck(1, 2), range(5 << 52, (5 << 52) + 400 * step, step)
    ahead = luck.stream("P-1", "life")
    alone = [luck.stream("P-1", "life").uniform(k) for k in asked]
    assert [ahead.uniform(k) for k in asked] == alone


def test_every_part_of_the_name_changes_the_luck() -> None:
    names = [(1, 2, "P-1", "life"), (2, 1, "P-1", "life"), (1, 3, "P-1", "life"),
             (1, 2, "P-11", "life"), (1, 2, "P-1", "repair"), (12, 0, "P-1", "life")]  # fmt: skip
    numbers = {Luck(s, r).stream(entity, purpose).uniform(0) for s, r, entity, purpose in names}
    assert len(numbers) == len(names)


def test_numbers_are_uniform_and_serially_independent() -> None:
    stream = Luck(7, 0).stream("P-1", "life")
    u = np.array([stream.uniform(k) for k in range(20_000)])
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 0.001
    lag_one = np.corrcoef(u[:-1], u[1:])[0, 1]
    assert abs(lag_one) < 3.3 / math.sqrt(len(u))


def test_neighbouring_streams_are_independent() -> None:
    rows = np.array(
        [[Luck(0, r).stream("P-1", "life").uniform(k) for k in (0, 1)] for r in range(5000)]
    )
    assert abs(np.corrcoef(rows.T)[0, 1]) < 3.3 / math.sqrt(len(rows))
    assert stats.kstest(rows[:, 0], "uniform").pvalue > 0.001


@pytest.mark.parametrize("cv", [0.05, 0.5, 1.0])
def test_the_factor_has_mean_one_and_the_stated_variation(cv: float) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    factors = np.array([lognormal_factor(cv, x) for x in u.tolist()])
    assert factors.mean() == pytest.approx(1, rel=2e-3)
    assert factors.std() == pytest.approx(cv, rel=2e-2)


def test_no_variation_is_exactly_one() -> None:
    assert lognormal_factor(0.0, 0.123) == 1.0
