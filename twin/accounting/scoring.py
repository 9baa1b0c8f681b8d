"""How good forecasts were: many of them, each a sample of possible values, against what happened.

Terms of the field (T. Gneiting and A. E. Raftery, *Strictly proper scoring rules, prediction, and
estimation*, JASA 102, 2007; T. Gneiting, F. Balabdaoui and A. E. Raftery, *Probabilistic forecasts,
calibration and sharpness*, JRSS B 69, 2007):

coverage   share of actual values inside the central interval of a level; should equal the level.
width      of that interval; of two forecasts with right coverage the narrower is the better.
PIT        place of the actual value in the forecast, 0 to 1; over many forecasts spread evenly.
CRPS       distance of a forecast from the actual value, in its unit; of a single value it is the
           absolute error. Lower is better, and no forecast gains by stating what it does not think.
skill      1 − CRPS over that of a naive forecaster: 0 is no better, 1 is perfect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.stats import chisquare, kstest

from twin.model.horizon import Array

LEVELS = (0.5, 0.8, 0.9, 0.95)
PIT_BINS = 10
LEAST_IN_BIN = 5
"""Expected in each bin of a χ² test; with fewer forecasts the bins are made wider."""
DOUBT = 0.05
"""Below, a test says that the PIT values are not spread evenly."""

PitVerdict = Literal["even", "too narrow", "too wide", "too low", "too high", "uneven", "too few"]


@dataclass(frozen=True)
class Verified:
    """One forecast and what happened."""

    samples: Array
    """(R,) equally likely values."""
    actual: float
    naive: Mapping[str, float] = field(default_factory=dict)
    """What naive forecasters said, by their names."""
    history: Array = field(default_factory=lambda: np.empty(0))
    """What was seen in like stretches before: a naive forecaster that knows its spread."""


def interval(samples: Array, level: float) -> tuple[float, float]:
    """Central interval of a sample, so that a new draw of the same law falls inside at ``level``.

    Order statistics k and R + 1 − k hold a further draw with probability 1 − 2k/(R + 1) exactly;
    between them it is linear (Hyndman and Fan 1996, type 6). A level that a small sample cannot
    hold is given its range.
    """
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], method="weibull").tolist()
    return low, high


def crps(samples: Array, actual: float) -> float:
    """Continuous ranked probability score of a sample, fair to its size.

    Mean |x − y| less half the mean |x − x'| over distinct pairs (C. A. T. Ferro, *Fair scores for
    ensemble forecasts*, QJRMS 140, 2014, eq. 7), so that a small sample of the right law expects
    what a large one does. Of one value it is the absolute error.

    >>> crps(np.array([3.0]), 5.0)
    2.0
    """
    sample = np.sort(np.asarray(samples, dtype=float))
    error = float(np.abs(sample - actual).mean())
    n = len(sample)
    if n < 2:
        return error
    weight = 2 * np.arange(1, n + 1) - n - 1
    return error - float(weight @ sample) / (n * (n - 1))


def pit(samples: Array, actual: float, luck: float) -> float:
    """Place of a value in a sample, 0 to 1; among equal ones decided by ``luck``, 0 to 1.

    Evenly spread for a draw of the same law, discrete or not (the randomised PIT; C. Czado,
    T. Gneiting and L. Held, *Predictive model assessment for count data*, Biometrics 65, 2009).

    >>> pit(np.array([1.0, 2.0, 2.0]), 2.0, luck=0.5)
    0.625
    """
    sample = np.asarray(samples)
    below, equal = int((sample < actual).sum()), int((sample == actual).sum())
    return (below + luck * (equal + 1)) / (len(sample) + 1)


@dataclass(frozen=True)
class Score:
    """What forecasts of one figure, or of several, were worth."""

    n: int
    """Forecasts."""
    mean_actual: float
    mean_forecast: float
    mean_error: float
    """Forecast mean less actual value, over the mean actual value."""
    mape: float
    """Mean |forecast mean − actual value| over the actual value; NaN where one is 0."""
    wape: float
    """Σ |forecast mean − actual value| over Σ |actual value|."""
    coverage: dict[float, float]
    """By level."""
    width: dict[float, float]
    """Mean by level, over the mean actual value."""
    crps: float
    """Over the mean actual value."""
    naive_crps: dict[str, float]
    """The same of each naive forecaster that forecast every figure."""
    best_naive: str
    """The naive forecaster that came out best, where there are several figures in most of them."""
    skill: float
    """Against the naive forecaster that came out best for each figure; NaN without any."""
    error_skill: float
    """Of the forecast means alone: 1 − their absolute error over the naive forecaster's. A range
    that is right gains in CRPS even where its middle knows no more; here it does not."""
    skill_spread: float
    """Against all that was seen before taken as a forecast with its own spread."""
    pit: tuple[float, ...]
    pit_verdict: PitVerdict
    ks_p: float
    """Of Kolmogorov and Smirnov's test that the PIT values are spread evenly."""
    chi2_p: float
    """Of the χ² test of the same."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them; what has no value is None."""
        found = asdict(self)
        for name in ("coverage", "width"):
            found[name] = {f"{level:.0%}": value for level, value in found[name].items()}
        return {name: _plain(value) for name, value in found.items()}


def score(figures: Iterable[Sequence[Verified]], seed: int = 0) -> Score:
    """Score of forecasts of one or several figures, each with its forecasts in order of time.

    Errors and widths are added up and set against the sum of the actual values, so that a figure
    weighs by its size, and one that is seldom other than 0 does little harm. All must have one
    unit. ``seed`` decides the PIT of ties.

    Raises
    ------
    ValueError
        Without any forecast.
    """
    parts = [_Part(list(cases)) for cases in figures if cases]
    if not parts:
        raise ValueError("no forecast to score")
    cases = [case for part in parts for case in part.cases]
    luck = np.random.default_rng([seed, 7]).random(len(cases)).tolist()
    places = [pit(c.samples, c.actual, u) for c, u in zip(cases, luck, strict=True)]
    means = np.array([float(c.samples.mean()) for c in cases])
    actuals = np.array([c.actual for c in cases])
    size = float(np.abs(actuals).mean()) or 1.0
    counts = [len(part.cases) for part in parts]
    bounds = np.array([_bounds(case.samples) for case in cases])
    width = bounds[:, :, 1] - bounds[:, :, 0]
    inside = (bounds[:, :, 0] <= actuals[:, None]) & (actuals[:, None] <= bounds[:, :, 1])

    def average(values: Iterable[float]) -> float:
        return float(np.average(list(values), weights=counts)) / size

    own = average(part.crps for part in parts)
    shared = set.intersection(*(set(part.naive) for part in parts))
    naive = {name: average(part.naive[name] for part in parts) for name in sorted(shared)}
    best = average(min(part.naive.values(), default=np.nan) for part in parts)
    rivals = [p.best_naive for p in parts if p.naive]
    verdict, ks_p, chi2_p = pit_verdict(places)
    return Score(
        n=len(cases),
        mean_actual=float(actuals.mean()),
        mean_forecast=float(means.mean()),
        mean_error=float(np.mean(means - actuals)) / size,
        mape=_mape(means, actuals),
        wape=_ratio(float(np.abs(means - actuals).sum()), float(np.abs(actuals).sum())),
        coverage=dict(zip(LEVELS, inside.mean(axis=0).tolist(), strict=True)),
        width=dict(zip(LEVELS, (width.mean(axis=0) / size).tolist(), strict=True)),
        crps=own,
        naive_crps=naive,
        best_naive=max(sorted(set(rivals)), key=rivals.count) if rivals else "",
        skill=_skill(own, best),
        error_skill=_skill(average(part.error for part in parts), best),
        skill_spread=_skill(own, average(part.history for part in parts)),
        pit=tuple(places),
        pit_verdict=verdict,
        ks_p=ks_p,
        chi2_p=chi2_p,
    )


@dataclass(frozen=True)
class _Part:
    """Forecasts of one figure."""

    cases: list[Verified]

    @property
    def crps(self) -> float:
        return _mean(crps(c.samples, c.actual) for c in self.cases)

    @property
    def error(self) -> float:
        return _mean(abs(float(c.samples.mean()) - c.actual) for c in self.cases)

    @cached_property
    def naive(self) -> dict[str, float]:
        names = set.intersection(*(set(c.naive) for c in self.cases))
        return {
            name: _mean(abs(c.naive[name] - c.actual) for c in self.cases) for name in sorted(names)
        }

    @property
    def best_naive(self) -> str:
        return min(self.naive, key=lambda name: self.naive[name])

    @property
    def history(self) -> float:
        if not all(len(c.history) for c in self.cases):
            return float("nan")
        return _mean(crps(c.history, c.actual) for c in self.cases)


def pit_verdict(places: Sequence[float]) -> tuple[PitVerdict, float, float]:
    """Whether PIT values are spread evenly, in a word, and the p-values of both tests.

    Both tests take the forecasts as independent; where stretches overlap, they doubt too soon.
    """
    values = np.asarray(places, dtype=float)
    bins = min(PIT_BINS, len(values) // LEAST_IN_BIN)
    if bins < 2:
        return "too few", float("nan"), float("nan")
    ks_p = float(kstest(values, "uniform").pvalue)
    counts, _ = np.histogram(values, bins=bins, range=(0, 1))
    chi2_p = float(chisquare(counts).pvalue)
    if min(ks_p, chi2_p) >= DOUBT / 2:  # two tests share the doubt
        return "even", ks_p, chi2_p
    return _shape(values), ks_p, chi2_p


def _shape(values: Array) -> PitVerdict:
    """What is uneven most: a shift of the mean, or a spread unlike an even one's, 1/12."""
    n = len(values)
    shift = (float(values.mean()) - 0.5) * np.sqrt(12 * n)
    spread = (float(np.mean((values - 0.5) ** 2)) - 1 / 12) / np.sqrt(1 / 180 / n)
    if max(abs(shift), abs(spread)) < 2:
        return "uneven"
    if abs(shift) > abs(spread):
        return "too low" if shift > 0 else "too high"
    return "too narrow" if spread > 0 else "too wide"


def _bounds(samples: Array) -> Array:
    """(levels, 2) ends of the central interval of every level."""
    tails = (1 - np.array(LEVELS)) / 2
    ends = np.quantile(samples, np.concatenate([tails, 1 - tails]), method="weibull")
    found: Array = ends.reshape(2, -1).T
    return found


def _mape(forecasts: Array, actuals: Array) -> float:
    if not actuals.all():
        return float("nan")
    return float(np.mean(np.abs(forecasts - actuals) / np.abs(actuals)))


def _skill(own: float, naive: float) -> float:
    return 1 - own / naive if naive > 0 else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
