"""Plants as uncertain as a calibration leaves them: a parametric bootstrap of every estimate.

What a plant does with calibrated parameters differs from what the real one does by luck, and by
the errors of the parameters. To know the second, plants are drawn as the calibration might have
come out: for each estimate, data of the same size from the fitted law, estimated again. Simulating
them shows what the *input uncertainty* of every figure is (Barton, Nelson & Xie 2014, Quantifying
Input Uncertainty via Simulation Confidence Intervals, INFORMS J. Computing 26).

How each is drawn is said in :mod:`~twin.calibration.redrawn` and its neighbours:

================  =================================================================================
working times     closed form; all keys of an operation share what they share
setups            closed form given the model's variances; all pairs of a unit together
scrap             beta posterior
routing           Dirichlet posterior
times to failure  joint posterior of mean and shape; other families drawn and fitted anew
repairs           closed form (lognormal), else drawn and fitted anew
releases          closed form (exponential), else drawn and fitted anew
power             residuals resampled, all states of a unit together
================  =================================================================================

Estimates of different units err apart. Only those that :func:`~twin.calibration.calibrate.
calibrated` puts into the plant are drawn; others stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, repeat

import numpy as np

from twin.calibration.activity import Activity, minutes_since
from twin.calibration.calibrate import calibrated
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.calibration.redrawn import Luck, Redrawn, by_interval, law_of, share, way
from twin.calibration.redrawn_lives import redraw_lives
from twin.calibration.redrawn_power import redraw_power
from twin.calibration.redrawn_setups import redraw_setups
from twin.calibration.redrawn_times import redraw_times
from twin.calibration.repairs import FEW, PRIOR_REPAIRS
from twin.model.plant import Plant

Row = tuple[ParameterEstimate, Redrawn]
Group = Callable[[Activity, Sequence[ParameterEstimate], Luck], Iterator[Row]]


def parameter_sets(
    activity: Activity, calibration: Calibration, draws: int, seed: int
) -> list[Plant]:
    """So many calibrated plants, drawn as uncertain as their parameters are.

    Parameters
    ----------
    activity
        Of the log that was calibrated on.
    seed
        The n-th plant of a seed is the same however many are drawn, and each estimate has luck of
        its own: another unit in the plant leaves those of others alone (but for times to failure,
        which lean on each other).
    """
    return [
        calibrated(activity.plant, drawn)
        for drawn in drawn_calibrations(activity, calibration, draws, seed)
    ]


def drawn_calibrations(
    activity: Activity, calibration: Calibration, draws: int, seed: int
) -> Iterator[Calibration]:
    """The calibration as it might have come out; intervals are those of the first."""
    found = redrawn(activity, calibration.estimates, Luck(seed, draws, "bootstrap"))
    each = [
        found[i].estimates(e) if i in found else repeat(e, draws)
        for i, e in enumerate(calibration.estimates)
    ]
    for estimates in zip(*each, strict=True):
        yield replace(calibration, estimates=estimates)


def redrawn(
    activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck
) -> dict[int, Redrawn]:
    """Every estimate that the plant is made of, drawn; by its place."""
    places = {id(e): i for i, e in enumerate(estimates)}
    found: dict[int, Redrawn] = {}
    for quantities, redraw in GROUPS:
        mine = [e for e in estimates if e.quantity in quantities]
        for e, drawn in redraw(activity, mine, luck.of(quantities[0])):
            found[places[id(e)]] = drawn
    return found


def _times(activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck) -> Iterator[Row]:
    def operation(e: ParameterEstimate) -> tuple[str, str]:
        return e.work_unit, e.key.partition("/")[0]

    for (unit, name), group in groupby(sorted(estimates, key=operation), operation):
        yield from redraw_times(list(group), luck.of(unit, name))


def _setups(
    activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck
) -> Iterator[Row]:
    units = {u.id: u for u in activity.plant.work_units}
    for id, group in _by_unit(estimates):
        yield from redraw_setups(
            activity.plant, units[id], activity.units[id], group, luck.of(id)
        )  # fmt: skip


def _shares(
    activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck
) -> Iterator[Row]:
    yield from ((e, share(e, luck.of(e.work_unit, e.key))) for e in estimates)


def _ways(activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck) -> Iterator[Row]:
    yield from ((e, way(e, luck.of(e.work_unit, e.key))) for e in estimates)


def _repairs(
    activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck
) -> Iterator[Row]:
    for e in estimates:
        mine = luck.of(e.work_unit, e.key)
        if e.n < FEW:  # as the estimator has it: with the prior's repairs
            yield e, law_of(replace(e, n=round(e.n + PRIOR_REPAIRS)), e.n + PRIOR_REPAIRS, mine)
        else:
            yield e, law_of(e, e.n - 1, mine)


def _releases(
    activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck
) -> Iterator[Row]:
    for e in estimates:
        mine = luck.of(e.key)
        yield e, by_interval(e, mine) if e.law == "constant" else law_of(e, e.n - 1, mine)


def _power(activity: Activity, estimates: Sequence[ParameterEstimate], luck: Luck) -> Iterator[Row]:
    meters = dict(iter(activity.log.of_kind("meter").groupby("work_unit", sort=False)))
    for id, group in _by_unit(estimates):
        rows = meters[id]
        minutes = minutes_since(activity.begin, rows["time"])
        kwh = rows["quantity"].to_numpy(np.float64)
        yield from redraw_power(activity.units[id], minutes, kwh, group, luck.of(id))


def _by_unit(
    estimates: Sequence[ParameterEstimate],
) -> Iterator[tuple[str, list[ParameterEstimate]]]:
    def unit(e: ParameterEstimate) -> str:
        return e.work_unit

    for id, group in groupby(sorted(estimates, key=unit), unit):
        yield id, list(group)


GROUPS: tuple[tuple[tuple[str, ...], Group], ...] = (
    (("processing_time", "processing_cv", "transit", "micro_stop"), _times),
    (("setup_time", "setup_ratio"), _setups),
    (("scrap",), _shares),
    (("routing",), _ways),
    (("time_to_failure",), redraw_lives),
    (("time_to_repair",), _repairs),
    (("interarrival",), _releases),
    (("power_kw",), _power),
)
"""Quantities of a plant's parameters, and what draws them."""
