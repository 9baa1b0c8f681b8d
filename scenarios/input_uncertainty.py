"""How much of a figure's uncertainty comes from the calibrated parameters.

Some plants are drawn as uncertain as the calibration leaves them, and each is simulated a few
times: a nested design, see :mod:`twin.accounting.input_uncertainty`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from scenarios.run import Progress
from twin.accounting.indicators import Key
from twin.accounting.input_uncertainty import TwoWidths, two_widths
from twin.accounting.report import Estimate
from twin.calibration.estimates import Calibration
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.plant import Plant
from twin.simulation.experiment import Experiment

DEFAULT_DRAWS = 20
EACH = 4
"""Replications of each plant drawn: enough to tell chance within plants from what lies between."""
FIRST = 1_000_000
"""Number of their first replication: luck of their own, apart from that of the best estimate."""

PlantDraws = Callable[[int], Sequence[Plant]]
"""So many plants, drawn as uncertain as the calibration leaves the parameters."""
Observe = Callable[[Experiment, int, int], Sequence[Mapping[Key, float]]]
"""Figures of some replications of an experiment, from a first one on."""


def plant_draws(log: EventLog, nominal: Plant, calibration: Calibration, seed: int) -> PlantDraws:
    """Plants drawn around the calibration of a clean log; the n-th is always the same."""

    def draws(count: int) -> Sequence[Plant]:
        from twin.calibration.activity import read_activity
        from twin.calibration.bootstrap import parameter_sets

        activity = read_activity(log, nominal, calibration.end)
        return parameter_sets(activity, calibration, count, seed)

    return draws


def input_widths(
    figures: Mapping[Key, Estimate],
    experiment: Experiment,
    plants: Sequence[Plant],
    observe: Observe,
    progress: Progress,
) -> dict[Key, TwoWidths]:
    """Both half-widths of every figure; empty when it was stopped before two plants were done.

    Parameters
    ----------
    figures, experiment
        With the best estimate of every parameter.
    """
    drawn: list[Sequence[Mapping[Key, float]]] = []
    horizon = experiment.plant.horizon
    for n, plant in enumerate(plants):
        progress("simulate drawn plants", n, len(plants))
        one = replace(experiment, plant=compile_plant(plant, horizon))
        rows = observe(one, FIRST + n * EACH, EACH)
        if len(rows) < EACH:
            break
        drawn.append(rows)
    progress("simulate drawn plants", len(drawn), len(plants))
    found = {key: two_widths(figure, _values(key, drawn)) for key, figure in figures.items()}
    return {key: widths for key, widths in found.items() if widths is not None}


def _values(key: Key, drawn: Sequence[Sequence[Mapping[Key, float]]]) -> list[Array]:
    return [
        np.array([v for row in rows if isfinite(v := row.get(key, float("nan")))])
        for rows in drawn
    ]  # fmt: skip
