"""Working times of one operation on one work unit, drawn anew together.

All keys share the spread of plain lots, as far as they have no spread of their own, and the error
of a spread moves the mean of a lognormal law: so they are drawn as they are estimated, from one
χ² for each key (closed form, see :mod:`~twin.calibration.redrawn`). For gamma and exponential laws
the mean and the spread err apart from each other, as the information of these laws has it.

Of micro-stops the share is beta and the length lognormal; that whoever finds more of them finds
shorter ones is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from twin.calibration.estimates import ParameterEstimate
from twin.calibration.paces import OWN_SPREAD_FROM
from twin.calibration.redrawn import WIDEST, Luck, Redrawn, by_interval, share
from twin.calibration.robust import sigma_of
from twin.model.horizon import Array

Row = tuple[ParameterEstimate, Redrawn]
MOST_CV = 2.0


def redraw_times(estimates: Sequence[ParameterEstimate], luck: Luck) -> Iterator[Row]:
    """Times by key, their spread, transit and micro-stops of one operation."""
    times = [e for e in estimates if e.quantity == "processing_time"]
    spread = next((e for e in estimates if e.quantity == "processing_cv"), None)
    if spread is not None and all(e.law == "lognormal" for e in (*times, spread)):
        yield from _lognormal_times(times, spread, luck)
    else:
        for e in (*times, *filter(None, (spread,))):
            drawn = by_interval(e, luck.of(e.quantity, e.key))
            if e is spread:
                drawn = Redrawn(np.minimum(drawn.values, MOST_CV), drawn.parameters)
            yield e, drawn
    for e in estimates:
        if e.quantity == "transit":
            yield e, by_interval(e, luck.of("transit"))
        elif e.quantity == "micro_stop":
            yield e, _micro_stops(e, luck.of("micro_stop"))


def _lognormal_times(
    times: Sequence[ParameterEstimate], spread: ParameterEstimate, luck: Luck
) -> Iterator[Row]:
    """exp(μ* + σ*²/2) of each key, and σ* of all."""
    seen = {e.key: luck.of("processing_time", e.key) for e in times}
    own = {
        e.key: seen[e.key].chi_squares("spread", e.n - 1) if e.n > 1 else np.ones(luck.draws)
        for e in times
    }
    freedom = max(sum(e.n - 1 for e in times), 1)
    pooled = np.ones(luck.draws)
    if any(e.n > 1 for e in times):
        pooled = sum((own[e.key] * (e.n - 1) for e in times), np.zeros(luck.draws)) / freedom
    for e in times:
        sigma, has_own = e.parameters["sigma"], e.n >= OWN_SPREAD_FROM
        known = e.n - 1 if has_own else freedom
        sigmas = sigma * np.sqrt(own[e.key] if has_own else pooled)
        moved = seen[e.key].students("centre", known) * centre_error(e, known)
        medians = e.parameters["median"] * np.exp(np.clip(moved, -WIDEST, WIDEST))
        values = medians * np.exp(sigmas**2 / 2)
        yield e, Redrawn(values, {"median": medians, "sigma": sigmas})
    sigmas = np.minimum(spread.parameters["sigma"] * np.sqrt(pooled), sigma_of(MOST_CV))
    yield spread, Redrawn(np.sqrt(np.expm1(sigmas**2)), {"sigma": sigmas})


def centre_error(e: ParameterEstimate, freedom: float) -> float:
    """Standard error of μ: what the interval of exp(μ + σ²/2) leaves beside σ⁴/2ν.

    It is σ/√n, and larger where stamps are rounded.
    """
    sigma = e.parameters["sigma"]
    least = sigma / np.sqrt(max(e.n, 1))
    if not 0 < e.low < e.high:
        return float(least)
    reach = np.log(e.high / e.low) / 2 / float(special.stdtrit(freedom, 0.975))
    return float(np.sqrt(max(reach**2 - sigma**4 / (2 * freedom), least**2)))


def _micro_stops(e: ParameterEstimate, luck: Luck) -> Redrawn:
    drawn = share(e, luck)
    stops = max(e.value * e.n, 1.0)
    spread = sigma_of(e.parameters.get("length_cv", USUAL_LENGTH_CV))
    longer: Array = np.exp(luck.students("length", stops) * spread / np.sqrt(stops))
    names = [name for name in ("minutes", "relative") if name in e.parameters]
    return Redrawn(drawn.values, {name: e.parameters[name] * longer for name in names})


USUAL_LENGTH_CV = 0.5
"""Coefficient of variation of a hidden stop's length, where the estimate does not tell it."""
