"""Times to failure, drawn anew.

Weibull and exponential modes are estimated together, by summing a posterior on a grid; that grid
*is* the law of mean life and shape given the log, and both are drawn from it at once, with the
correlation they have. A mode that never failed scatters as widely as the plant's other modes say,
where drawing its lives again and again would find no failure each time.

A mode of another family speaks by its own lives: they are drawn from the law with the censoring
they had and fitted anew (the conditional bootstrap of Davison & Hinkley 1997, §3.5). A failed life
is cut short at an age drawn from those at which older lives were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special, stats

from twin.calibration.activity import Activity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.failures import nominal_shape, observed
from twin.calibration.life_posterior import Evidence, LifePosterior, posteriors
from twin.calibration.lifetimes import Lives, fit_gamma
from twin.calibration.many_lives import fit_lognormal_many
from twin.calibration.redrawn import Luck, Redrawn, by_interval, means
from twin.model.horizon import Array

Row = tuple[ParameterEstimate, Redrawn]
TREND = "power law"
"""In the note of a mode whose failures come ever faster or slower."""
MOST_GAMMA_FITS = 100
"""Gamma laws have no fit of many samples at once; so many are fitted, and then drawn from."""


def redraw_lives(
    activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck
) -> Iterator[Row]:
    """Time to failure of every mode that was estimated."""
    by_mode = {(e.work_unit, e.key): e for e in estimates}
    gridded: list[tuple[ParameterEstimate, Evidence]] = []
    for m in observed(activity):
        e = by_mode.get((m.unit.id, m.mode.id))
        if e is None:
            continue
        if TREND in e.note:
            yield e, by_interval(e, _named(luck, e))
        elif e.law in ("exponential", "weibull"):
            is_memoryless = e.law == "exponential"
            shape = 1.0 if is_memoryless else nominal_shape(m.mode.life)
            gridded.append((e, Evidence(m.history, m.mode.life.mean, shape, is_memoryless)))
        else:
            yield e, _from_lives(e, m.history.lives, _named(luck, e))
    found = posteriors([evidence for _, evidence in gridded])
    for (e, evidence), posterior in zip(gridded, found, strict=True):
        yield e, from_grid(evidence, posterior, _named(luck, e))


def _named(luck: Luck, e: ParameterEstimate) -> Luck:
    return luck.of(e.work_unit, e.key)


def from_grid(evidence: Evidence, posterior: LifePosterior, luck: Luck) -> Redrawn:
    """Mean life and shape from their joint posterior, evenly within a cell of the grid."""
    p = posterior.joint
    u = luck.stream("grid").random((luck.draws, 3))
    cell = np.searchsorted(np.cumsum(p.ravel()), u[:, 0] * p.sum()).clip(0, p.size - 1)
    row, column = np.unravel_index(cell, p.shape)
    lives = evidence.mean * np.exp(_within(posterior.rho, row, u[:, 1]))
    if evidence.is_shape_kept:
        return Redrawn(lives, {"scale": lives})
    shapes = np.exp(_within(posterior.form, column, u[:, 2]))
    return Redrawn(lives, {"shape": shapes, "scale": lives / special.gamma(1 + 1 / shapes)})


def _within(points: Array, cell: Array, u: Array) -> Array:
    step = points[1] - points[0] if len(points) > 1 else 0.0
    found: Array = points[cell] + (u - 0.5) * step
    return found


def _from_lives(e: ParameterEstimate, lives: Lives, luck: Luck) -> Redrawn:
    """Lognormal or gamma lives, drawn and fitted anew."""
    if lives.entry.any() or lives.has_intervals or lives.failures < 3:
        return by_interval(e, luck)
    ages, failed = drawn_lives(e, lives, luck)
    if e.law == "lognormal":
        medians, sigmas = fit_lognormal_many(ages, failed)
        found = {"median": medians, "sigma": sigmas}
        return _known(e, Redrawn(means("lognormal", found), found))
    fits = [
        fit_gamma(Lives(a, f)).parameters
        for a, f in zip(ages[:MOST_GAMMA_FITS], failed[:MOST_GAMMA_FITS], strict=True)
        if f.any()
    ]
    again = np.arange(len(ages)) % len(fits)
    gammas = {name: np.array([fit[name] for fit in fits])[again] for name in e.parameters}
    return Redrawn(means("gamma", gammas), gammas)


def _known(e: ParameterEstimate, drawn: Redrawn) -> Redrawn:
    """With the estimate itself where nothing failed in a draw."""
    lost = ~np.isfinite(drawn.values)
    return Redrawn(
        np.where(lost, e.value, drawn.values),
        {name: np.where(lost, e.parameters[name], x) for name, x in drawn.parameters.items()},
    )


def drawn_lives(e: ParameterEstimate, lives: Lives, luck: Luck) -> tuple[Array, Array]:
    """(B, n) ages and whether they are failures, censored as the lives were."""
    shape = (luck.draws, len(lives.ages))
    level = luck.stream("lives").random(shape)
    p = e.parameters
    if e.law == "lognormal":
        ages = p["median"] * np.exp(p["sigma"] * special.ndtri(level))
    else:
        ages = stats.gamma.ppf(level, p["shape"], scale=p["scale"])
    limit = np.where(lives.failed > 0, np.inf, lives.ages) * np.ones(shape)
    cut = np.sort(lives.ages[lives.failed == 0])
    pick = luck.stream("censoring").random(shape)
    for k in np.flatnonzero(lives.failed > 0):
        later = cut[cut > lives.ages[k]]
        if len(later):
            limit[:, k] = later[(pick[:, k] * len(later)).astype(int)]
    return np.minimum(ages, limit), (ages <= limit).astype(float)
