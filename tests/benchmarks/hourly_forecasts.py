"""Naive forecasts of the hours of coming days from the days before, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from twin.model.horizon import Array

Forecast = Callable[[Array, int, int], Array]
"""From the days known, (D, 24), the weekday of the first one (0 is Monday) and so many days ahead:
the days after, (ahead, 24)."""

WEEK = 7
SAME_KIND_DAYS = 8
REGRESSION_DAYS = 180
FEWEST_REGRESSION_DAYS = 45
RIDGE = 0.05
"""Of the number of days: shrinks coefficients of scaled regressors."""


def yesterday(known: Array, weekday: int, ahead: int) -> Array:
    """The same hour of the last day known."""
    return np.repeat(known[-1:], ahead, axis=0)


def last_week(known: Array, weekday: int, ahead: int) -> Array:
    """The same hour a week before."""
    return np.array([known[-WEEK + day % WEEK] for day in range(ahead)])


def mean_of(days: int, known: Array, weekday: int, ahead: int) -> Array:
    """The mean of the same hour over some days."""
    return np.repeat(known[-days:].mean(axis=0, keepdims=True), ahead, axis=0)


def same_kind(known: Array, weekday: int, ahead: int) -> Array:
    """The mean of the same hour over the last working days, Saturdays or Sundays."""
    kinds = _kinds(weekday, len(known) + ahead)
    rows = []
    for day in range(len(known), len(known) + ahead):
        alike = np.flatnonzero(kinds[: len(known)] == kinds[day])[-SAME_KIND_DAYS:]
        rows.append(known[alike if len(alike) else [-1]].mean(axis=0))
    return np.array(rows)


def regression(known: Array, weekday: int, ahead: int) -> Array:
    """Hour by hour a ridge regression on the week before, yesterday and the kind of day.

    What is regressed is the distance from the mean of the seven days before; later days are
    forecast from the forecasts of the days before them. With too few days: :func:`same_kind`.
    """
    if len(known) < FEWEST_REGRESSION_DAYS:
        return same_kind(known, weekday, ahead)
    first = max(len(known) - REGRESSION_DAYS, WEEK)
    seen = np.array([_regressors(known, weekday, day) for day in range(first, len(known))])
    scale = seen.std(axis=(0, 1)) + 1e-12
    base = np.array([known[day - WEEK : day].mean(axis=0) for day in range(first, len(known))])
    weights = _fitted(seen / scale, known[first:] - base)
    days = known
    for _ in range(ahead):
        x = _with_one(_regressors(days, weekday, len(days)) / scale)
        row = days[-WEEK:].mean(axis=0) + np.einsum("hk,hk->h", x, weights)
        days = np.vstack([days, row])
    return days[len(known) :]


def mixture(known: Array, weekday: int, ahead: int) -> Array:
    """Half regression, half days of the same kind: errors of the two cancel in part."""
    return (regression(known, weekday, ahead) + same_kind(known, weekday, ahead)) / 2


def _fitted(x: Array, y: Array) -> Array:
    """Weights of each hour, (24, K + 1), from (D, 24, K) and (D, 24)."""
    x = _with_one(x)
    square = np.einsum("dhk,dhl->hkl", x, x) + RIDGE * len(x) * np.eye(x.shape[-1])
    return np.asarray(np.linalg.solve(square, np.einsum("dhk,dh->hk", x, y)[..., None])[..., 0])


def _with_one(x: Array) -> Array:
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def _regressors(days: Array, weekday: int, day: int) -> Array:
    """(24, K) of one day, from the days before it."""
    week = days[day - WEEK : day].mean(axis=0)
    before, evening = days[day - 1] - week, slice(20, 24)
    kind = _kinds(weekday, day + 1)[day]
    level = week.mean()
    columns = (
        before,
        np.full(24, before[-1]),
        np.full(24, before[evening].mean()),
        np.full(24, before.mean()),
        days[day - WEEK] - week,
        np.full(24, level * (kind == 1)),
        np.full(24, level * (kind == 2)),
    )
    return np.stack(columns, axis=1)


def _kinds(weekday: int, days: int) -> Array:
    """0 on working days, 1 on Saturdays, 2 on Sundays."""
    return np.maximum((np.arange(days) + weekday) % WEEK - 4, 0)


FORECASTS: dict[str, Forecast] = {
    "yesterday": yesterday,
    "last week": last_week,
    "mean of 7 days": partial(mean_of, 7),
    "mean of 8 days of the same kind": same_kind,
    "regression": regression,
    "mixture": mixture,
}
DEFAULT = "mixture"
