"""Weekly work of a job shop, forecast from what its orders did: the second way beside the twin.

*Order model*: what an open order reports in the week after next is the mean of what past orders
reported so long after they were last at the same activity; a new order does what past orders did
so long after their first report. *Combination*: order model, twin (corrected for what it got wrong
on past weeks), last week and mean of all weeks are weighted by how well each would have done from
origins inside the known past; the same past errors give the spread. Nothing after the origin is
used but the orders that are released, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from scipy.optimize import minimize, nnls

from tests.benchmarks.job_shop_cells import WEEK, by_order
from twin.calibration.reports import WorkReport
from twin.model.horizon import Array

Measure = Literal["hours", "operations"]

SHRINK = 3.0
"""All activities together weigh as much as this many weeks of orders last seen at one."""
LEAST_AGE = 1.0
"""Weeks after the start of the log from which an order's first report is its release."""
DAY = 1 / 7
LEAST_PAST = 2.9
"""Weeks of log before the first origin of the past."""
LEADS = 4
"""Weeks ahead that are tried on the past."""
PRIOR = 12.0
"""Equal weights count as much as this many forecasts of the past."""
USUAL_SPREAD, USUAL_WEIGHT = 0.1, 3.0
"""Relative error of a shop's week that is assumed before any is seen, and for how many it counts:
a few past weeks that came out alike prove little."""
LEVEL, NORMAL_90 = 0.9, 1.645
"""Ranges are made so wide that they hold this share of past values; a normal law's half-width."""
Past = tuple[float, int]
"""An origin [weeks since the start] and the weeks known after it."""


@dataclass(frozen=True)
class Row:
    """One report, in weeks since the start of the log."""

    activity: int
    start: float
    end: float
    amount: float
    """Hours, or 1 operation."""

    def inside(self, begin: float, end: float) -> float:
        """The part of the amount in [begin, end)."""
        if self.end <= self.start:
            return self.amount if begin <= self.start < end else 0.0
        part = min(self.end, end) - max(self.start, begin)
        return self.amount * max(part, 0.0) / (self.end - self.start)


@dataclass(frozen=True)
class Orders:
    """Every order with its reports by start."""

    rows: Mapping[str, Sequence[Row]]
    activities: int

    @staticmethod
    def of(
        reports: Sequence[WorkReport], names: Sequence[str], begin: datetime, measure: Measure
    ) -> Orders:
        place = {name: n for n, name in enumerate(names)}

        def row(r: WorkReport) -> Row:
            a = place.get(r.operation, len(names) - 1)
            start, end = (r.start - begin) / WEEK, (r.end - begin) / WEEK
            if measure == "operations":
                return Row(a, start, start, 1.0)
            return Row(a, start, end, r.minutes / 60)

        found = {
            order: sorted((row(r) for r in mine), key=lambda x: x.start)
            for order, mine in by_order(reports).items()
        }
        return Orders(found, len(names))

    def before(self, at: float) -> dict[str, list[Row]]:
        """What was known at an instant: a report under way has been worked until then."""
        found = {}
        for order, rows in self.rows.items():
            known = [r if r.end <= at else _cut(r, at) for r in rows if r.start < at]
            if known:
                found[order] = known
        return found

    def amounts(self, begin: float, weeks: int) -> Array:
        """(A, W) of all orders."""
        total = np.zeros((self.activities, weeks))
        for rows in self.rows.values():
            for w in range(weeks):
                total[:, w] += _amounts(rows, begin + w, begin + w + 1, self.activities)
        return total


def _cut(row: Row, at: float) -> Row:
    return Row(row.activity, row.start, at, row.inside(row.start, at))


def _amounts(rows: Sequence[Row], begin: float, end: float, activities: int) -> Array:
    total = np.zeros(activities)
    for row in rows:
        if row.start < end and row.end >= begin:
            total[row.activity] += row.inside(begin, end)
    return total


@dataclass(frozen=True)
class Given:
    """What the order book says at an origin."""

    still_open: frozenset[str]
    """Orders of the past that are not over."""
    released: Mapping[str, float]
    """First report of each order that comes [weeks since the start of the log]."""


def given_at(orders: Orders, at: float, until: float) -> Given:
    """Orders seen before an instant and again until another, and those first seen meanwhile."""
    still = {o for o, r in orders.rows.items() if r[0].start < at and _is_seen(r, at, until)}
    new = {o: r[0].start for o, r in orders.rows.items() if at <= r[0].start < until}
    return Given(frozenset(still), new)


def _is_seen(rows: Sequence[Row], begin: float, end: float) -> bool:
    return any(begin <= row.start < end for row in rows)


def order_model(known: Mapping[str, Sequence[Row]], given: Given, at: float, weeks: int,
                window: int, activities: int) -> Array:  # fmt: skip
    """(A, W) expected of the orders given, from the reports before ``at`` alone.

    ``window`` is how many weeks on an open order is known to be seen again.
    """
    found = np.zeros((activities, weeks))
    last = {order: rows[-1].activity for order, rows in known.items()}
    for w in range(weeks):
        after = _after_activity(known, at, w, window, activities)
        for order in given.still_open & known.keys():
            found[:, w] += after[last[order]]
        for first in given.released.values():
            found[:, w] += _after_release(known, at, at + w - first, activities)
    return found


def _after_activity(
    known: Mapping[str, Sequence[Row]], at: float, ahead: int, window: int, activities: int
) -> Array:
    """(A, A) mean amounts of an open order, ``ahead`` whole weeks on, by its last activity."""
    sums, counts = np.zeros((activities, activities)), np.zeros(activities)
    latest = at - max(ahead + 1, window)
    for then in np.arange(LEAST_AGE, latest + 1e-9, DAY).tolist():
        for rows in known.values():
            if rows[0].start < then and _is_seen(rows, then, then + window):
                mine = max((r for r in rows if r.start < then), key=lambda r: r.start).activity
                sums[mine] += _amounts(rows, then + ahead, then + ahead + 1, activities)
                counts[mine] += 1
    usual = sums.sum(axis=0) / max(counts.sum(), 1.0)
    weight = SHRINK / DAY
    mean: Array = (sums + weight * usual) / (counts + weight)[:, None]
    return mean


def _after_release(
    known: Mapping[str, Sequence[Row]], at: float, begin: float, activities: int
) -> Array:
    """Mean amounts of an order in the week that begins so many weeks after its first report."""
    if begin + 1 <= 0:
        return np.zeros(activities)
    whole = [
        rows for rows in known.values()
        if rows[0].start >= LEAST_AGE and rows[0].start + begin + 1 <= at
    ]  # fmt: skip
    if not whole:
        return np.zeros(activities)
    found = [
        _amounts(rows, rows[0].start + begin, rows[0].start + begin + 1, activities)
        for rows in whole
    ]
    mean: Array = np.mean(found, axis=0)
    return mean


NAIVE = ("last week", "mean of all weeks")
Twin = Callable[[float, int], Array]
"""(A, W) mean of the simulated twin from an origin."""


def naive(orders: Orders, at: float, weeks: int) -> dict[str, Array]:
    """(A, W) of each naive forecaster, from the whole weeks before an origin."""
    count = int(at + 1e-9)
    past = orders.amounts(at - count, count)
    return {
        "last week": np.repeat(past[:, -1:], weeks, axis=1),
        "mean of all weeks": np.repeat(past.mean(axis=1, keepdims=True), weeks, axis=1),
    }


@dataclass(frozen=True)
class Forecast:
    """Of every activity and week."""

    samples: Array
    """(S, A, W)"""
    weights: dict[str, float]
    """Of each way of forecasting, as the past has it."""
    spread: tuple[float, float]
    """Variance of a cell of mean m: first × m to the power of the second (Taylor's law)."""
    spread_of_sum: float
    """Standard deviation of the whole shop's week, over its mean."""
    parts: dict[str, Array]
    """(A, W) of each way alone."""


def forecast(
    known: Orders, given: Given, at: float, weeks: int, twin: Twin | None, seed: int,
    samples: int = 400,
) -> Forecast:  # fmt: skip
    """Combine the ways of forecasting by what each would have said in the past.

    ``known`` holds the reports before ``at`` alone.
    """
    tried = [_tried(known, origin, ahead, twin) for origin, ahead in _pasts(at)]
    actual = [known.amounts(origin, ahead) for origin, ahead in _pasts(at)]
    parts = _parts(known, given, at, weeks, twin)
    if "twin" in parts:
        factors = _correction([t["twin"] for t in tried], actual)
        for each in (*tried, parts):
            each["twin"] = each["twin"] * factors
    weights = _weights(tried, actual)
    mean = _combined(parts, weights)
    past = [(_combined(t, weights), a) for t, a in zip(tried, actual, strict=True)]
    spread = _spread(past)
    of_sum = _spread_of_sum(past)
    luck = np.random.default_rng([seed, 11])
    drawn = _draw(mean, spread, of_sum, len(past), luck, samples)
    return Forecast(drawn, weights, spread, of_sum, parts)


def _pasts(at: float) -> list[Past]:
    """Origins a whole number of weeks before, with the weeks after each that are tried."""
    return [(at - k, min(k, _leads(at - k))) for k in range(1, 60) if at - k >= LEAST_PAST]


def _leads(at: float) -> int:
    """Weeks ahead for which the log before an origin shows what open orders do then."""
    return min(int(at - LEAST_AGE - 1 + 1e-9), LEADS)


def _tried(known: Orders, at: float, weeks: int, twin: Twin | None) -> dict[str, Array]:
    return _parts(known, given_at(known, at, at + weeks), at, weeks, twin)


def _parts(
    orders: Orders, given: Given, at: float, weeks: int, twin: Twin | None
) -> dict[str, Array]:
    found = naive(orders, at, weeks)
    found["order model"] = found["mean of all weeks"].copy()
    leads = min(weeks, _leads(at))
    known = orders.before(at)
    found["order model"][:, :leads] = order_model(known, given, at, leads, leads, orders.activities)
    if twin is not None:
        found["twin"] = twin(at, weeks)
    return found


def _correction(said: Sequence[Array], actual: Sequence[Array]) -> Array:
    """(A, 1) what the twin should be multiplied by, drawn towards the shop's own ratio."""
    above = np.array([a.sum(axis=1) for a in actual]).sum(axis=0)
    below = np.array([s.sum(axis=1) for s in said]).sum(axis=0)
    usual = above.sum() / max(below.sum(), 1e-9)
    prior = below.mean() / 2
    return np.asarray((above + prior * usual) / (below + prior))[:, None]


def _weights(tried: Sequence[Mapping[str, Array]], actual: Sequence[Array]) -> dict[str, float]:
    """Weights that sum to 1 and would have erred least, drawn towards equal ones."""
    names = list(tried[0])
    said = np.array([[t[name].ravel() for t in tried] for name in names], dtype=object)
    columns = np.array([np.concatenate([*row]) for row in said], dtype=float).T
    truth = np.concatenate([a.ravel() for a in actual])
    size = 1 / np.sqrt(columns.mean(axis=1) + truth.mean() / 10)
    scale = float(np.mean((truth * size) ** 2))
    prior = np.sqrt(PRIOR * scale) * np.eye(len(names))
    sum_to_one = 1e3 * np.sqrt(scale * len(truth)) * np.ones((1, len(names)))
    left = np.vstack([columns * size[:, None], prior, sum_to_one])
    equal = np.full(len(names), 1 / len(names))
    right = np.concatenate([truth * size, prior @ equal, sum_to_one[0, :1]])
    found, _ = nnls(left, right)
    return dict(zip(names, (found / found.sum()).tolist(), strict=True))


def _combined(parts: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    total: Array = np.sum([weights[name] * parts[name] for name in weights], axis=0)
    return np.maximum(total, 1e-3)


def _spread(past: Sequence[tuple[Array, Array]]) -> tuple[float, float]:
    """Most likely variance of the past errors, so wide that nine in ten of them are inside.

    A little wider still, for having been fitted to them.
    """
    mean = np.concatenate([m.ravel() for m, _ in past])
    error = np.concatenate([(a - m).ravel() for m, a in past])

    def minus_loglik(logs: Array) -> float:
        variance = np.exp(logs[0]) * mean ** np.clip(logs[1], 1.0, 2.0)
        return float(np.sum(np.log(variance) + error**2 / variance))

    start = np.array([np.log(max(float(np.mean(error**2 / (mean + 1))), 1e-6)), 1.4])
    factor, power = minimize(minus_loglik, start, method="Nelder-Mead").x.tolist()
    power = float(np.clip(power, 1.0, 2.0))
    ratio = np.abs(error) / np.sqrt(np.exp(factor) * mean**power)
    needed = max(float(np.quantile(ratio, LEVEL)) / NORMAL_90, 1.0)
    return float(np.exp(factor)) * needed**2 * (1 + 2 / len(past)), power


def _variance(mean: Array, spread: tuple[float, float]) -> Array:
    found: Array = spread[0] * mean ** spread[1]
    return found


def _spread_of_sum(past: Sequence[tuple[Array, Array]]) -> float:
    """Relative standard deviation of the past errors of the whole shop's weeks.

    Smaller than the activities' errors give when they are independent: people who do more of one
    do less of another.
    """
    errors = np.concatenate([a.sum(axis=0) / m.sum(axis=0) - 1 for m, a in past])
    squares = USUAL_WEIGHT * USUAL_SPREAD**2 + float(np.sum(errors**2))
    return float(np.sqrt(squares / (USUAL_WEIGHT + len(errors)) * (1 + 1 / len(past))))


def _draw(
    mean: Array, spread: tuple[float, float], of_sum: float, origins: int,
    luck: np.random.Generator, count: int,
) -> Array:  # fmt: skip
    """(S, A, W) gamma draws of every cell, brought to sums of a week that have their own spread.

    Sums follow Student's law, as their spread is known from few origins. The draw with the n-th
    largest sum of cells is given the n-th largest sum.
    """
    variance = _variance(mean, spread)
    size = (count, *mean.shape)
    cells: Array = luck.gamma(mean**2 / variance, variance / mean, size)
    freedom = max(origins, 3)
    luck_of_sum = luck.standard_t(freedom, (count, mean.shape[1])) * np.sqrt(1 - 2 / freedom)
    sums = np.sort(mean.sum(axis=0) * np.maximum(1 + of_sum * luck_of_sum, 0.05), axis=0)
    for w in range(mean.shape[1]):
        order = np.argsort(cells[:, :, w].sum(axis=1))
        cells[order, :, w] *= (sums[:, w] / cells[order, :, w].sum(axis=1))[:, None]
    return cells
