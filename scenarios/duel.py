"""Two sets of parameters against each other: which twin would have foreseen the last days better?

Both forecast each of the same days, from the same state of the shop, with the same orders and the
same luck. A figure's error is the CRPS of its forecast (:mod:`twin.accounting.scoring`) over the
mean of both sets on all days, so that hours and kilowatt-hours can be added up; figures of one kind
(hours at work of the work units, say) count together as one. The errors of one day belong together,
so the interval of the ratio comes from the days (paired, Student's t).

The challenger's stand-in knows nothing of these days; a champion may have been fitted to some of
them, and is better on them for that alone: by 2 % in the median and up to 15 %, where it was fitted
to six of the seven (20 plants of known truth, four weeks of log; tests/benchmarks/parameter_duel).
So much is allowed for (:data:`FAVOUR`), or one good challenger in ten would be turned away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from scenarios.backtest import Backtest, Effort, Footing, Prepare, Standing, backtest
from scenarios.backtest_inputs import standing_at
from scenarios.run import Progress
from twin.accounting.indicators import Key
from twin.accounting.scoring import crps
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.orders import OrderBook
from twin.model.plant import Plant

DAY = timedelta(days=1)
LEVEL = 0.9
FAVOUR = 0.1
"""Allowed to a challenger where the champion was fitted to every day of the duel."""
TOLERATED = 0.1
"""A challenger that comes out worse than this has lost even where so few days prove nothing."""
REPLICATIONS = 40
"""Of each forecast; a duel must not take a fifth of the night."""


@dataclass(frozen=True)
class FigureScore:
    """Mean CRPS of one kind of figure, in its own unit."""

    kind: str
    figure: str
    champion: float
    challenger: float


@dataclass(frozen=True)
class Duel:
    """What came out."""

    days: tuple[datetime, ...]
    """Beginnings of the days forecast."""
    unseen: int
    """Of these, days that are not in the champion's own data."""
    ratio: float
    """Error of the challenger over that of the champion, all figures together."""
    low: float
    high: float
    """``low`` and ``high`` bound the ratio at 90 %: above ``high`` or below ``low`` one in 20."""
    scores: tuple[FigureScore, ...]

    @property
    def limit(self) -> float:
        """Ratio above which the challenger is worse: 1, and what the champion has seen is worth."""
        return 1 + FAVOUR * (1 - self.unseen / len(self.days))

    @property
    def is_lost(self) -> bool:
        """Whether the challenger is clearly worse, or so much that noise is no excuse."""
        return self.low > self.limit or self.ratio > self.limit + TOLERATED

    @property
    def is_won(self) -> bool:
        """Whether it is clearly better."""
        return self.high < 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        found = asdict(self) | {"days": [day.isoformat() for day in self.days]}
        return {k: None if v == float("inf") else v for k, v in found.items()}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Duel:
        """Inverse of :meth:`to_dict`."""
        days = tuple(datetime.fromisoformat(day) for day in content["days"])
        scores = tuple(FigureScore(**row) for row in content["scores"])
        ends = {k: float("inf") for k in ("ratio", "high") if content[k] is None}
        return Duel(**{**content, **ends, "days": days, "scores": scores})


def duel(
    log: EventLog,
    plants: tuple[Plant, Plant],
    orders: OrderBook,
    days: Sequence[datetime],
    unseen: int,
    *,
    seed: int,
    progress: Progress,
) -> Duel | None:
    """Champion's and challenger's twin on some days of a clean log; None where nothing was seen.

    Parameters
    ----------
    plants
        With the champion's parameters, and with those that the challenger had before these days.
    orders
        Every order of the log.
    """
    effort = Effort(REPLICATIONS, draws=0, seed=seed)
    found = [
        backtest(
            log, plant, max(days) + DAY, _fixed(log, plant, orders), days, ["day"], effort,
            progress=partial(_renamed, progress, name),
        )
        for plant, name in zip(plants, ("champion", "challenger"), strict=True)
    ]  # fmt: skip
    return compared(*found, unseen=unseen)


def _renamed(progress: Progress, name: str, step: str, done: int, total: int) -> None:
    progress(f"duel of parameters: {name}", done, total)


def _fixed(log: EventLog, plant: Plant, orders: OrderBook) -> Prepare:
    """Whatever the origin, one plant."""

    def prepare(origin: datetime, end: datetime) -> Footing:
        state, book = standing_at(log.until(origin), plant, orders, origin, end)
        return Footing(Standing(plant, book, state))

    return prepare


def compared(champion: Backtest, challenger: Backtest, *, unseen: int) -> Duel | None:
    """The outcome of two backtests from the same origins."""
    errors = [_errors(each) for each in (champion, challenger)]
    both = sorted(errors[0].keys() & errors[1].keys())
    size = {key: float(np.mean([errors[0][key], errors[1][key]])) for key in both}
    groups: dict[tuple[str, str], list[Key]] = {}
    for key in both:
        if size[key] > 0:
            groups.setdefault((key.kind, key.figure), []).append(key)
    if not groups:
        return None
    ours, theirs = (
        np.mean(
            [np.mean([each[key] / size[key] for key in keys], axis=0) for keys in groups.values()],
            axis=0,
        )
        for each in errors
    )
    scores = tuple(
        FigureScore(
            kind, figure, *(_short(np.mean([each[key] for key in keys])) for each in errors)
        )
        for (kind, figure), keys in groups.items()
    )
    return Duel(champion.origins, unseen, *paired_ratio(ours, theirs), scores)


def paired_ratio(champion: Array, challenger: Array) -> tuple[float, float, float]:
    """Ratio of the mean errors of (D,) days and its interval (E. C. Fieller, JRSS B 16, 1954).

    Those ratios R are inside of which a paired t test does not reject that the mean of
    challenger − R · champion is 0. Its lower end is above 1 where the test says that the challenger
    is worse. Days so few or so unlike that they do not bound the ratio give 0 to ∞.

    >>> paired_ratio(np.array([1.0, 2.0, 2.0]), np.array([1.1, 2.2, 2.2]))
    (1.1, 1.1, 1.1)
    """
    n = len(champion)
    x, y = float(champion.mean()), float(challenger.mean())
    if n < 2 or x <= 0:
        return _short(y / x) if x > 0 else float("inf"), 0.0, float("inf")
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) ** 2 / n
    (xx, xy), (_, yy) = (reach * np.cov(champion, challenger)).tolist()
    a, b, c = x * x - xx, x * y - xy, y * y - yy
    root = max(b * b - a * c, 0.0) ** 0.5
    if a <= 0:
        return _short(y / x), 0.0, float("inf")
    return _short(y / x), _short(max((b - root) / a, 0.0)), _short((b + root) / a)


def _errors(found: Backtest) -> dict[Key, Array]:
    """CRPS of every figure by day, for figures forecast on every day."""
    rows = {key: found.of(key, "day") for key in found.keys("day")}
    return {
        key: np.array([crps(c.verified.samples, c.verified.actual) for c in checks])
        for key, checks in rows.items()
        if len(checks) == len(found.origins)
    }


def _short(value: Any) -> float:
    return float(f"{float(value):.6g}")
