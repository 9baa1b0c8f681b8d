"""Electric energy by work unit and slot, and what the grid bills for it.

Power is constant between two events, so energy is a sum of rectangles. Each rectangle is cut at the
slot edges and the pieces are added up: exact to rounding, with no sampling. (Differences of one
long running sum would do the same, but lose digits in slots that draw little.)

==========  =======================================  ========
symbol      meaning                                  unit
==========  =======================================  ========
P_m(t)      power drawn by work unit m               kW
E_mt        energy of work unit m in slot t          kWh
G_t         own generation in slot t                 kWh
g_t         grid import max(0, Σ_m E_mt − G_t)       kWh
==========  =======================================  ========
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.model.forecast import Forecast
from twin.model.horizon import Array

MINUTES_PER_HOUR = 60.0


def interval_energy(power_kw: ArrayLike, edges: ArrayLike, slots: ArrayLike) -> Array:
    """Energy used in each slot by work units whose power is piecewise constant.

    Parameters
    ----------
    power_kw : (M, K)
        Power of unit m between edges[k] and edges[k + 1] [kW].
    edges : (K + 1,)
        Strictly increasing instants [min from horizon start].
    slots : (T + 1,)
        Slot boundaries [min]; energy outside them is not counted.

    Returns
    -------
    (M, T)
        Energy [kWh]. Row sums equal power × duration inside the slots.

    Raises
    ------
    ValueError
        If ``edges`` or ``slots`` do not increase.

    Examples
    --------
    >>> interval_energy([[6.0]], [0, 30], [0, 15, 30])
    array([[1.5, 1.5]])
    """
    power, at = np.asarray(power_kw, dtype=float), np.asarray(edges, dtype=float)
    units, intervals = power.shape
    if at.shape != (intervals + 1,):
        raise ValueError(f"{intervals} powers need {intervals + 1} edges; got {at.size}")
    if not (np.diff(at) > 0).all():
        raise ValueError("edges do not increase")
    return energy_of_intervals(
        np.repeat(np.arange(units), intervals),
        np.tile(at[:-1], units),
        np.tile(at[1:], units),
        power.ravel(),
        np.asarray(slots, dtype=float),
        units,
    )


def energy_of_intervals(
    unit: NDArray[np.int64], start: Array, end: Array, power_kw: Array, slots: Array, units: int
) -> Array:
    """Energy in each slot from intervals of constant power, in any order.

    Parameters
    ----------
    unit, start, end, power_kw : (N,)
        Interval n: work unit, instants [min], power [kW]. Overlapping intervals add up; an interval
        that does not end after it starts counts nothing.
    slots : (T + 1,)
        Slot boundaries [min]; energy outside them is not counted.
    units : int
        Number of work units M.

    Returns
    -------
    (M, T)
        Energy [kWh].
    """
    if not (np.diff(slots) > 0).all():
        raise ValueError("slots do not increase")
    count = len(slots) - 1
    begin, stop = np.clip(start, slots[0], slots[-1]), np.clip(end, slots[0], slots[-1])
    kept = np.flatnonzero(stop > begin)
    begin, stop = begin[kept], stop[kept]
    first = np.searchsorted(slots, begin, side="right") - 1
    pieces = np.searchsorted(slots, stop, side="left") - first
    row = np.repeat(np.arange(len(kept)), pieces)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    slot = first[row] + nth
    minutes = np.minimum(stop[row], slots[slot + 1]) - np.maximum(begin[row], slots[slot])
    kwh = power_kw[kept][row] * minutes / MINUTES_PER_HOUR
    cell = unit[kept][row] * count + slot
    return sums(cell, kwh, units * count).reshape(units, count)


def sums(index: NDArray[np.int64], weights: Array, length: int) -> Array:
    """Sum of the weights at each index, (length,)."""
    return np.bincount(index, weights=weights, minlength=length).astype(np.float64)


@dataclass(frozen=True)
class GridBill:
    """What a site's draw means at its grid connection. Costs in the plant's currency."""

    import_kwh: Array
    """(T,) bought: draw above own generation."""
    surplus_kwh: Array
    """(T,) sold: own generation above the draw."""
    energy_cost: float
    """Σ import · price − Σ surplus · feed-in."""
    carbon_kg: float
    """kgCO2e of the import."""
    peak_kw: float
    """Highest slot mean of the import."""
    demand_cost: float
    """Charge on the part of the peak above the one already metered this billing month."""


def grid_bill(draw_kwh: Array, forecast: Forecast) -> GridBill:
    """Net a site's draw against own generation, slot by slot, and price what is left.

    Parameters
    ----------
    draw_kwh : (T,)
        Energy drawn by all work units and the base load [kWh].
    """
    hours = forecast.horizon.slot_minutes / MINUTES_PER_HOUR
    net = draw_kwh - forecast.generation_kw * hours
    bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    peak = float(bought.max()) / hours
    raised = max(0.0, peak - forecast.peak_incurred_kw)
    return GridBill(
        import_kwh=bought,
        surplus_kwh=sold,
        energy_cost=float(
            (bought * forecast.price_per_kwh).sum() - sold.sum() * forecast.feed_in_per_kwh
        ),
        carbon_kg=float((bought * forecast.carbon_intensity).sum()),
        peak_kw=peak,
        demand_cost=forecast.demand_charge_per_kw * raised,
    )
