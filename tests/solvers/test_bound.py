"""The bound, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solvers.bound import lower_bound

Make = Callable[..., Any]


def test_an_order_alone_is_bounded_by_its_cheapest_hours(one_unit: Make) -> None:
    """Two hours of 60 kW: the best neighbours among 5 4 1 2 1 6 cost 60 · 3; out is dearer."""
    shop = one_unit(
        price=[5, 4, 1, 2, 1, 6], orders=[(120, 120)], costs={"tardiness_per_h": 1000.0}
    )
    assert lower_bound(shop.problem) == pytest.approx(180)


def test_lateness_nobody_can_avoid_counts(one_unit: Make) -> None:
    """Two hours of work due after one: late by an hour at least."""
    shop = one_unit(price=[0.0] * 6, orders=[(120, 60)], costs={"tardiness_per_h": 7.0})
    assert lower_bound(shop.problem) == pytest.approx(7)


def test_an_order_that_may_be_left_out_counts_no_more_than_that(one_unit: Make) -> None:
    shop = one_unit(price=[100.0] * 6, orders=[(120, 300)], costs={"tardiness_per_h": 7.0})
    assert lower_bound(shop.problem) == pytest.approx(7)


def test_own_generation_is_worth_the_feed_in(one_unit: Make) -> None:
    """An idle site sells 60 kW for two hours at 0.5; an hour of work costs it 60 · 0.5."""
    shop = one_unit(price=[2.0, 2.0], orders=[(60, 120)], feed_in_per_kwh=0.5)
    sunny = replace(shop.forecast, generation_kw=np.full(2, 60.0))
    late = replace(shop, forecast=sunny)
    # Left out, the order costs nothing: it is due at the end of the horizon.
    assert lower_bound(late.problem) == pytest.approx(-60.0)
