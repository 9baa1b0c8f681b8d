"""How finely a log's stamps are written, and what that does to a time between two of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from twin.model.horizon import Array

GRAINS = (900, 300, 60, 30, 10, 5, 1)
"""Widths looked for [s], coarse ones first."""
LEAST_STAMPS = 20
ON_GRID = 0.99
"""Share of the stamps that lie on the grid."""


def grain_of(stamps: pd.Series) -> float:
    """Width of the grid that zone-aware instants lie on [min]; 0 where there is none.

    A grid counts when a minute more or less than the stamps' own count would show: a tenth of a
    second never does.
    """
    if len(stamps) < LEAST_STAMPS:
        return 0.0
    ticks = stamps.dt.as_unit("us").astype("int64").to_numpy()
    for seconds in GRAINS:
        if (ticks % (seconds * 1_000_000) == 0).mean() >= ON_GRID:
            return seconds / 60
    return 0.0


def rounding_width(grain: float, stretches: Array) -> Array:
    """Half-width of the triangular error of a time made of some stretches, each between two stamps.

    Exact for one stretch; for more, the triangle with the variance of the sum: two stamps each, of
    variance w²/12.
    """
    return grain * np.sqrt(np.maximum(stretches, 1.0))
