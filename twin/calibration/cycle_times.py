"""Processing times from lots: working time of a lot, divided by what was in it.

Stoppages are not work: minutes down, off shift, blocked or starved lie outside the working state
and do not count. Short stops that hide inside it (:mod:`twin.calibration.micro_stops`) are told
apart: time and spread are of plain lots, and the share and length of the stops are an estimate of
their own, ``micro_stop``. The simulated plant has no micro-stops, so :func:`with_cycle_times`
lengthens every plain time by what they cost on average and widens its spread by what they add to
it: mean and variance of a lot's time are those observed, and forecasts of a week are as uncertain
as weeks are. Only the shape is lost, which is not one hump but two.

Rounded stamps are taken as such (:mod:`twin.calibration.fit_times`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from twin.calibration.activity import Activity
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.micro_stops import LEAST_PLAIN
from twin.calibration.paces import SPREADS, Paces
from twin.calibration.robust import cv_of, lognormal_mean, sigma_interval
from twin.calibration.stamps import grain_of, rounding_width
from twin.calibration.time_laws import LOGNORMAL
from twin.calibration.transits import find_transit, without_transit
from twin.model.horizon import Array
from twin.model.plant import Processing, Product, WorkUnit, by_product

_REPORTS_ONLY = (
    "no working states: open time between start and end of the reports; "
    "time shared by overlapping reports is split between them"
)


def cycle_time_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Time, spread, transit and micro-stops of every (work unit, operation) with lots."""
    products = {p.id: p for p in activity.plant.products}
    by_row = dict(iter(activity.lots.groupby(["work_unit", "operation"], sort=False)))
    for unit in activity.plant.work_units:
        for row in unit.processing:
            lots = by_row.get((unit.id, row.operation))
            if lots is not None:
                note = "" if activity.has_working_states(unit.id) else _REPORTS_ONLY
                lots = measured(with_rounding(activity, unit.id, lots), row, products)
                yield from _of_row(unit, row, lots, note)


def time_key(table: dict[str, float], product: Product) -> str:
    """The finest key that a table by product, family or "*" can be refined with for a product."""
    return product.id if product.id in table else product.family


def with_rounding(activity: Activity, unit: str, lots: pd.DataFrame) -> pd.DataFrame:
    """The lots of a unit with ``width``: half-width of the rounding error of the working time."""
    table = activity.log.table
    events = table[(table["work_unit"] == unit) & table["event"].isin(["start", "end"])]
    grain = grain_of(events["time"])
    if grain == 0:
        return lots.assign(width=0.0)
    stretches = np.ones(len(lots))
    if activity.has_working_states(unit):
        states = activity.units[unit]
        working = states.states.eq("working").to_numpy()
        begun = states.starts[working & ~np.append(False, working[:-1])]
        begin, end = lots["start"].to_numpy(), lots["end"].to_numpy()
        stretches += np.searchsorted(begun, end, "left") - np.searchsorted(begun, begin, "right")
        stretches -= ~_is_inside(begin, states.starts[working], states.ends[working])
    return lots.assign(width=rounding_width(grain, stretches))


def _is_inside(at: Array, starts: Array, ends: Array) -> NDArray[np.bool_]:
    place = np.searchsorted(starts, at, "right") - 1
    inside: NDArray[np.bool_] = (place >= 0) & (at < ends[np.maximum(place, 0)])
    return inside


def measured(lots: pd.DataFrame, row: Processing, products: dict[str, Product]) -> pd.DataFrame:
    """Lots a row speaks of, with ``key``, ``amount`` in its basis and working time above zero.

    Where stamps are so coarse that lots often begin and end on the same, those count too.
    """
    can = {id for id, p in products.items() if by_product(row.time, p) is not None}
    lots = lots[lots["product"].isin(can)]
    is_coarse = lots["working"].median() <= 2 * lots["width"].median()
    lots = lots[(lots["working"] > 0) | (is_coarse & (lots["width"] > 0))].copy()
    lots["key"] = lots["product"].map({id: time_key(row.time, products[id]) for id in can})
    mass = lots["product"].map({id: p.piece_mass_g for id, p in products.items()})
    mass = mass.astype(float) / 1000  # no lots at all would leave text
    if row.basis in ("load", "order"):
        lots["amount"] = 1.0
    else:
        lots["amount"] = lots["pieces"] * (mass if row.basis == "kg" else 1.0)
    return lots[lots["amount"] > 0]


def _of_row(
    unit: WorkUnit, row: Processing, lots: pd.DataFrame, note: str
) -> Iterator[ParameterEstimate]:
    if lots.empty:
        return
    if row.transit > 0:
        transit, transit_note = find_transit(unit, row, lots)
        yield from transit
        lots = without_transit(lots, transit[0].value if transit else row.transit)
        note = "; ".join(filter(None, [note, transit_note]))
    if lots.empty:
        return
    paces = Paces.of(lots, row)
    yield from _times(unit, row, paces, note)
    if paces.freedom > 0:
        yield _spread(unit, row, paces)
    if paces.split.has_stops:
        yield _micro_stop(unit, row, paces)


def _times(unit: WorkUnit, row: Processing, paces: Paces, note: str) -> Iterator[ParameterEstimate]:
    for k, key in enumerate(paces.names):
        n, freedom, noise = paces.known(k)
        if n < LEAST_PLAIN:
            continue
        centre, sigma = float(paces.centre[k]), float(paces.own_sigma[k])
        value, low, high = lognormal_mean(centre, sigma, n, freedom, noise=noise)
        parameters = {"median": float(np.exp(centre)), "sigma": sigma}
        scale = float(np.exp(centre))
        if paces.law is not LOGNORMAL:
            chosen = paces.fits[0]
            factor = chosen.law.mean(chosen.theta) * scale / value
            value, low, high = value * factor, low * factor, high * factor
            parameters = chosen.candidate(scale).parameters
        nominal = row.time.get(key)
        if nominal is None:
            nominal = row.time.get("*")
        yield ParameterEstimate(
            "processing_time", unit.id, f"{row.operation}/{key}", value, low, high,
            f"min/{row.basis}", round(n), law=paces.law.name, parameters=parameters,
            fit=_fit(paces), nominal=nominal,
            note="; ".join(filter(None, [_left_out(paces, k, value), note])),
            candidates=tuple(f.candidate(scale) for f in paces.fits), p_value=paces.p_value,
        )  # fmt: skip


def _fit(paces: Paces) -> str:
    if not paces.fits:
        return ""
    coarse = ", rounding of the stamps allowed for" if paces.noise.any() else ""
    return (
        f"laws compared on the {int(paces.split.is_kept.sum())} lots of all keys; "
        f"χ² test of the first{coarse}"
    )


def _left_out(paces: Paces, k: int, value: float) -> str:
    """What was taken for stray and for stopped among the lots of a key."""
    mine = paces.keys == k
    stray = mine & ~paces.split.is_kept
    minutes = paces.seen.values * paces.amounts
    excess = minutes - value * paces.amounts
    notes = []
    if stray.any():
        lost = excess[stray].sum() / minutes[mine].sum()
        notes.append(
            f"{int(stray.sum())} of {int(mine.sum())} lots left out as stray "
            f"({lost:+.1%} of the working time)"
        )
    if paces.split.has_stops:
        hidden = (1 - paces.split.plain) * (mine & paces.split.is_kept)
        lost = hidden @ excess / minutes[mine].sum()
        notes.append(
            f"{hidden.sum():.0f} of {int(mine.sum())} lots hide a short stop "
            f"({lost:+.1%} of the working time), which the plant's time includes"
        )
    return "; ".join(notes)


def _spread(unit: WorkUnit, row: Processing, paces: Paces) -> ParameterEstimate:
    """Coefficient of variation of plain lots, all keys together."""
    noise = float(paces.split.plain @ paces.noise / paces.split.plain.sum())
    low, high = sigma_interval(paces.sigma, paces.freedom, noise=noise)
    value, least, most = (cv_of(min(s, 1.6)) for s in (paces.sigma, low, high))
    parameters = {"sigma": paces.sigma}
    if paces.law is not LOGNORMAL:
        chosen = paces.fits[0]
        factor = chosen.law.cv(chosen.theta) / value
        value, least, most = value * factor, least * factor, most * factor
        parameters = chosen.candidate(1 / chosen.law.mean(chosen.theta)).parameters
    return ParameterEstimate(
        "processing_cv", unit.id, row.operation, min(value, 2.0), least, most, "share",
        round(float(paces.split.plain.sum())), law=paces.law.name, parameters=parameters,
        fit=_fit(paces), nominal=row.cv, candidates=tuple(f.candidate() for f in paces.fits),
        p_value=paces.p_value, note=_unusable(paces),
    )  # fmt: skip


def _unusable(paces: Paces) -> str:
    best = min(paces.fits, key=lambda f: f.aicc, default=None)
    if best is None or best.law.name in SPREADS or paces.fits[0].aicc - best.aicc < 2:
        return ""
    return f"{best.law.name} would fit better (AICc); a lot's time in the plant cannot have it"


def _micro_stop(unit: WorkUnit, row: Processing, paces: Paces) -> ParameterEstimate:
    """Share of lots with a hidden stop, and how long it is.

    The interval is that of a beta law worth as many lots as the information about the share: lots
    of which it is unsure whether they had a stop count in part.
    """
    s, kept = paces.split, paces.split.is_kept
    plain = s.plain[kept]
    hidden = 1 - plain
    slope = hidden / s.share - plain / (1 - s.share)
    worth = float(slope @ slope) * s.share * (1 - s.share)
    a, b = 0.5 + s.share * worth, 0.5 + (1 - s.share) * worth
    low, high = stats.beta.ppf([0.025, 0.975], a, b)
    means = np.exp(paces.centre + paces.own_sigma**2 / 2)[paces.keys[kept]] * paces.amounts[kept]
    minutes = paces.seen.values[kept] * paces.amounts[kept]
    excess = minutes - means
    length = max(float(hidden @ excess / hidden.sum()), 0.0)
    noise = float(plain @ excess**2 / plain.sum())
    variance = float(hidden @ excess**2 / hidden.sum()) - length**2 - noise
    length_cv = math.sqrt(max(variance, 0.0)) / length if length > 0 else 0.0
    return ParameterEstimate(
        "micro_stop", unit.id, row.operation, s.share, float(low), float(high), "share of lots",
        int(kept.sum()), law="lognormal",
        parameters={
            "minutes": length, "relative": length / float(means.mean()), "length_cv": length_cv,
        },
        fit="second component of a mixture on the logarithms of the times",
        note=f"a hidden stop takes {length:.3g} min on average, "
        f"{s.share * length / means.mean():.1%} on top of the plain working time",
    )  # fmt: skip


def with_cycle_times(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its processing times, laws, spreads and transits put in.

    Times are lengthened by what micro-stops cost on average, and spread as much wider.
    """
    rows = []
    for row in unit.processing:
        mine = [e for e in estimates if e.key.partition("/")[0] == row.operation]
        cost, stop_variance = _of_micro_stops(mine)
        update: dict[str, object] = {}
        times = dict(row.time)
        for e in mine:
            if e.quantity == "processing_time":
                times[e.key.partition("/")[2]] = e.value * cost
            elif e.quantity == "processing_cv":
                update["cv"] = min(math.hypot(e.value, math.sqrt(stop_variance) / cost), 2.0)
                if e.law in SPREADS:
                    update["spread"] = e.law
            elif e.quantity == "transit":
                update["transit"] = e.value
        rows.append(row.model_copy(update={**update, "time": times}))
    return unit.model_copy(update={"processing": rows})


def _of_micro_stops(estimates: list[ParameterEstimate]) -> tuple[float, float]:
    """Mean time of a lot over that of a plain one, and the variance that stops add to it.

    A lot has a stop with probability p, of relative length r and coefficient of variation s: mean
    1 + p r, variance p r² (1 + s²) − (p r)².
    """
    for e in estimates:
        if e.quantity == "micro_stop":
            share, length = e.value, e.parameters["relative"]
            spread = 1 + e.parameters["length_cv"] ** 2
            return 1 + share * length, share * length**2 * (spread - share)
    return 1.0, 0.0
