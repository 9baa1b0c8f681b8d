"""Power by state of one unit, drawn anew together: residual resampling.

Readings are drawn as the fitted energy plus stretches of residuals, for residuals close in time are
alike (the block bootstrap of Künsch 1989, Annals of Statistics 17), and estimated again by least
squares. That tells which states err against each other. How widely each errs is as its interval
says, which knows of rounding, of the meter's scatter and of the prior besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from twin.calibration.activity import UnitActivity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.meters import read_meter
from twin.calibration.power import FIELDS, hours_of, meter_lag
from twin.calibration.redrawn import NORMAL_95, Luck, Redrawn
from twin.calibration.robust import median_deviation
from twin.model.horizon import Array

Row = tuple[ParameterEstimate, Redrawn]
STRETCH = 8
"""Readings whose residuals are drawn together."""
RESAMPLES = 200
MOST_READINGS = 2000
"""A longer log is no help to know how errors lean on each other: its first ones are taken."""
STRAY = 6.0
"""Residuals further away than so many deviations are not drawn."""


def redraw_power(
    states: UnitActivity, minutes: Array, kwh: Array, estimates: Sequence[ParameterEstimate],
    luck: Luck,
) -> Iterator[Row]:  # fmt: skip
    """Power of every state that was estimated, from the meter's (N,) readings."""
    readings = read_meter(minutes, kwh)
    hours, readings = hours_of(states, readings, meter_lag(states, readings))
    fields = list(FIELDS)
    x = hours[:MOST_READINGS, [fields.index(e.key) for e in estimates]]
    residual = readings.kwh[:MOST_READINGS] - x @ np.array([e.value for e in estimates])
    correlation = correlation_of(resampled(x, residual, replace(luck, draws=RESAMPLES)))
    root = np.linalg.cholesky(correlation + 1e-6 * np.eye(len(estimates)))
    moved = luck.normals("error", len(estimates)) @ root.T
    for e, away in zip(estimates, moved.T, strict=True):
        error = (e.high - e.low) / (2 * NORMAL_95)
        yield e, Redrawn(np.maximum(e.value + error * away, 0.0))


def correlation_of(errors: Array) -> Array:
    """(S, S) of (B, S) errors; a state that does not err is on its own."""
    spread = errors.std(axis=0)
    scaled = (errors - errors.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    found: Array = scaled.T @ scaled / len(errors)
    np.fill_diagonal(found, 1.0)
    return found


def resampled(x: Array, residual: Array, luck: Luck) -> Array:
    """(B, S) errors of the power of (S,) states, from (N,) residuals of (N, S) hours."""
    usual = np.abs(residual) <= STRAY * median_deviation(residual)
    x, residual = x[usual], residual[usual]
    n = len(residual)
    if n < 2 * STRETCH:
        return np.zeros((luck.draws, x.shape[1]))
    starts = luck.stream("stretches").integers(0, n - STRETCH + 1, (luck.draws, -(-n // STRETCH)))
    places = (starts[:, :, None] + np.arange(STRETCH)).reshape(luck.draws, -1)[:, :n]
    centred = residual - residual.mean()
    found: Array = centred[places] @ x @ np.linalg.pinv(x.T @ x)
    return found
