"""Whether a fitted law describes lives that are partly censored: a score test.

Hazards h(t) exp(θ₁F + θ₂F²), F the fitted distribution function, contain the fitted law at θ = 0;
the test asks whether the likelihood rises away from it (Peña 1998, J. Am. Stat. Assoc. 93, smooth
tests for hazards). Why this one: it needs neither whole lives nor bootstraps, counts entry ages and
censoring in full, and allows for the parameters having been fitted; the distance of Kolmogorov on
Cox–Snell residuals does none of these and rejects far too seldom. F and F² catch a hazard that
rises too late, too early, or only in the middle.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import stats

from twin.calibration.life_laws import FAMILIES, LawName, LifeLaw
from twin.calibration.lifetimes import Fit, Lives
from twin.model.horizon import Array

FEWEST = 6
"""Failures from which the test is made."""
_CELLS = 600
_STEP = 1e-4
_LEAST = 2.0
"""Failures expected in a cell of Pearson's test."""


def fit_p_value(lives: Lives, fit: Fit) -> float | None:
    """p-value of the law against smooth departures from it; None with few failures.

    Failures known only to lie between two ages get Pearson's test, where their limits allow it.
    """
    if lives.failures < FEWEST:
        return None
    family = FAMILIES[fit.law]
    position = family.position(fit.parameters)
    if lives.has_intervals:
        return _pearson_p_value(lives, family, position)
    if np.sum(lives.failed) < 4:
        return None
    ages = lives.ages
    grid = _grid(ages, lives.entry)
    middle = (grid[1:] + grid[:-1]) / 2
    hazard = -np.diff(family.log_survival(grid, position))
    at_risk = _at_risk(ages, lives, middle)
    spent = at_risk * hazard

    def departure(t: Array) -> Array:
        share = -np.expm1(family.log_survival(t, position))
        return np.stack([share, share**2])

    seen = lives.failed > 0
    observed = departure(ages[seen]) @ lives.weight[seen]
    psi = departure(middle)
    eta = _hazard_slopes(family, middle, position)
    score = observed - psi @ spent
    across = (psi * spent) @ eta.T
    information = (psi * spent) @ psi.T
    information -= across @ np.linalg.pinv((eta * spent) @ eta.T) @ across.T
    statistic = float(score @ np.linalg.pinv(information, rcond=1e-9) @ score)
    return float(stats.chi2.sf(max(statistic, 0.0), len(score)))


def describes(p_value: float | None, law: LawName) -> str:
    """The outcome in words."""
    if p_value is None:
        return "too few failures to test the law"
    verdict = "describes the lives" if p_value >= 0.05 else "does not describe the lives"
    return f"{law} {verdict} (score test p {p_value:.2g})"


def _pearson_p_value(lives: Lives, family: LifeLaw, position: Array) -> float | None:
    """Of counts at inspections: those alive at one and seen at the next, by the share that failed.

    Σ(O − nq)²/nq(1 − q) is χ² with as many degrees of freedom as cells less parameters. Where each
    item is inspected once, a cell is an age, and q the share that fails by it. None where limits
    overlap otherwise.
    """
    failed = lives.failed > 0
    if np.any(lives.entry > 0):
        return None
    if np.all(lives.ages[failed] == 0):
        looks = np.unique(np.append(lives.ages[~failed], lives.latest[failed]))
        cells = [(0.0, t) for t in looks.tolist()]
        is_inside = np.array([lives.latest == t for _, t in cells])
    else:
        edges = np.unique(np.concatenate([[0.0], lives.ages, lives.latest]))
        position_of = np.searchsorted(edges, np.stack([lives.ages, lives.latest]))
        if np.any(failed & (position_of[1] - position_of[0] > 1)):
            return None
        cells = [*pairwise(edges.tolist())]
        is_inside = np.array([np.where(failed, lives.ages >= a, lives.ages >= b) for a, b in cells])
    alive = np.array([np.exp(family.log_survival(np.array(cell), position)) for cell in cells])
    q = 1 - alive[:, 1] / np.maximum(alive[:, 0], 1e-300)
    n = is_inside @ lives.weight
    ends_here = np.array([failed & (lives.latest == b) for _, b in cells])
    observed = (ends_here & is_inside) @ lives.weight
    return _pearson(observed, n * q, n * q * (1 - q), len(position))


def _pearson(observed: Array, expected: Array, variance: Array, parameters: int) -> float | None:
    """Cells of fewer than :data:`_LEAST` expected are joined with their neighbours."""
    groups: list[list[float]] = [[0.0, 0.0, 0.0]]
    for row in zip(observed, expected, variance, strict=True):
        if groups[-1][1] >= _LEAST:
            groups.append([0.0, 0.0, 0.0])
        groups[-1] = [a + b for a, b in zip(groups[-1], row, strict=True)]
    if len(groups) > 1 and groups[-1][1] < _LEAST:
        last = groups.pop()
        groups[-1] = [a + b for a, b in zip(groups[-1], last, strict=True)]
    freedom = len(groups) - parameters
    if freedom < 1:
        return None
    statistic = sum((o - e) ** 2 / max(v, 1e-12) for o, e, v in groups)
    return float(stats.chi2.sf(statistic, freedom))


def _grid(ages: Array, entry: Array) -> Array:
    """Ages from 0 to the last, so that every change of the number at risk is an edge or close."""
    top = float(ages.max())
    even = np.linspace(0.0, 1.0, _CELLS)
    both = np.concatenate([top * even, top * np.geomspace(1e-6, 1.0, _CELLS // 3), ages, entry])
    grid: Array = np.unique(both)
    return grid


def _at_risk(ages: Array, lives: Lives, middle: Array) -> Array:
    """Items under observation at each age."""
    left = _weight_above(ages, lives.weight, middle)
    not_yet = _weight_above(lives.entry, lives.weight, middle)
    result: Array = left - not_yet
    return result


def _weight_above(ages: Array, weight: Array, at: Array) -> Array:
    order = np.argsort(ages)
    above = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)
    result: Array = above[np.searchsorted(ages[order], at, side="left")]
    return result


def _hazard_slopes(family: LifeLaw, ages: Array, position: Array) -> Array:
    """Derivative of ln h by each coordinate; (p, n)."""

    def log_hazard(x: Array) -> Array:
        return family.log_density(ages, x) - family.log_survival(ages, x)

    rows = []
    for i in range(len(position)):
        step = np.zeros(len(position))
        step[i] = _STEP
        rows.append((log_hazard(position + step) - log_hazard(position - step)) / (2 * _STEP))
    return np.nan_to_num(np.stack(rows))
