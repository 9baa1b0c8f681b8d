"""Scrapped pieces and their reasons."""

import numpy as np
import pytest
from scipy import stats

from twin.behaviour.scrap import scrap_reason, scrapped_pieces

QUANTILES = ((np.arange(400) + 0.5) / 400).tolist()


@pytest.mark.parametrize(("pieces", "share"), [(1, 0.3), (40, 0.5), (1000, 0.01), (20_000, 0.0015)])
def test_few_expected_pieces_follow_the_binomial_law_exactly(pieces: int, share: float) -> None:
    drawn = [scrapped_pieces(pieces, share, u) for u in QUANTILES]
    assert drawn == stats.binom.ppf(QUANTILES, pieces, share).astype(int).tolist()


@pytest.mark.parametrize(
    ("pieces", "share"), [(20_000, 0.01), (4000, 0.01), (500, 0.3), (90_000, 0.9)]
)
def test_many_expected_pieces_are_within_one_of_the_binomial_law(pieces: int, share: float) -> None:
    drawn = np.array([scrapped_pieces(pieces, share, u) for u in QUANTILES])
    assert np.abs(drawn - stats.binom.ppf(QUANTILES, pieces, share)).max() <= 1


def test_nothing_is_scrapped_without_a_share() -> None:
    assert scrapped_pieces(1000, 0.0, 0.999999) == 0


def test_never_more_pieces_than_there_are() -> None:
    assert scrapped_pieces(3, 0.99, 1 - 1e-15) == 3


def test_all_are_scrapped_where_the_share_is_one() -> None:
    assert scrapped_pieces(7, 1.0, 0.01) == 7


def test_reasons_come_by_their_relative_frequency() -> None:
    drawn = [scrap_reason([2, 1], u) for u in QUANTILES]
    assert drawn.count(0) / len(drawn) == pytest.approx(2 / 3, abs=0.01)


def test_no_reasons_give_no_reason() -> None:
    assert scrap_reason([], 0.5) == -1
