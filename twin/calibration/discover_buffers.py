"""Room before operations, read from units that stood blocked and the jobs that waited then.

A unit is blocked when its job is done and there is no room before the next operation. The jobs that
wait there then, without those that still stand on blocked units, are what the room holds: by the
number when that is always the same, by the pieces when it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.model.horizon import Array

SHORTEST = 1 / 60
"""Blocked for less than this is none [min]."""
LEAST_STOPS = 3
CONSTANT = 0.8
"""Share of the blocked stretches at which the same number waited, from which it is the room."""
Route = tuple[str, ...]


@dataclass(frozen=True)
class FoundBuffer:
    """Room for jobs before one operation."""

    operation: str
    jobs: int | None
    """None: the log shows no limit."""
    kg: float | None
    longest: int
    """Most jobs that ever waited."""
    stops: int
    """Blocked stretches of the units before."""
    note: str


def buffers_of(
    lots: pd.DataFrame,
    blocked: pd.DataFrame,
    routes: Mapping[str, Route],
    moves_by: Mapping[str, str],
    mass_g: Mapping[str, float],
) -> list[FoundBuffer]:
    """Room before each operation that follows another, in the order of their names.

    Parameters
    ----------
    lots
        With ``good`` pieces.
    blocked
        Stretches in state *blocked*: order, operation, product, start and end [min].
    """
    waits = _waits(lots, routes, moves_by, mass_g)
    stops = _stops(blocked, routes)
    found = []
    for operation, rows in sorted(waits.groupby("operation")):
        found.append(_buffer(str(operation), rows, stops[stops["next"] == operation]))
    return found


def _waits(
    lots: pd.DataFrame, routes: Mapping[str, Route], moves_by: Mapping[str, str],
    mass_g: Mapping[str, float],
) -> pd.DataFrame:  # fmt: skip
    """Jobs between two operations: operation, job, start and end of the wait, kg."""
    job = lots["order"].where(lots["product"].map(moves_by) == "order", lots["order"] + _tail(lots))
    table = lots.assign(job=job).groupby(["job", "operation"], sort=False)
    steps = table.agg(
        order=("order", "first"), product=("product", "first"), start=("start", "min"),
        end=("end", "max"), pieces=("pieces", "sum"), good=("good", "sum"),
    ).reset_index()  # fmt: skip
    place = {(p, o): n for p, route in routes.items() for n, o in enumerate(route)}
    keys = list(zip(steps["product"], steps["operation"], strict=True))
    steps["place"] = [place.get(key, -1) for key in keys]
    steps = steps[steps["place"] >= 0].sort_values(["job", "place"], kind="stable")
    following = steps.groupby("job", sort=False)
    steps["begun"] = following["start"].shift(-1).fillna(np.inf)
    steps["next"] = [
        route[n + 1] if n + 1 < len(route := routes[p]) else ""
        for p, n in zip(steps["product"], steps["place"], strict=True)
    ]
    mass = steps["product"].map(lambda p: mass_g.get(p, 1000.0)) / 1000
    found = pd.DataFrame(
        {"operation": steps["next"], "order": steps["order"], "start": steps["end"],
         "end": steps["begun"], "kg": steps["good"] * mass}
    )  # fmt: skip
    return found[(found["operation"] != "") & (steps["good"] > 0)]


def _tail(lots: pd.DataFrame) -> pd.Series:
    """What tells the lots of an order apart at every operation: their number in it."""
    nth = lots.sort_values("start", kind="stable").groupby(["order", "operation"]).cumcount()
    return "#" + nth.reindex(lots.index).astype(str)


def _stops(blocked: pd.DataFrame, routes: Mapping[str, Route]) -> pd.DataFrame:
    """Blocked stretches with the operation to which their job wants to go."""
    following = {
        (p, o): route[n + 1] for p, route in routes.items() for n, o in enumerate(route[:-1])
    }
    long = blocked[blocked["end"] - blocked["start"] > SHORTEST]
    keys = zip(long["product"], long["operation"], strict=True)
    return long.assign(next=[following.get(key, "") for key in keys])


def _buffer(operation: str, waits: pd.DataFrame, stops: pd.DataFrame) -> FoundBuffer:
    begin, end = np.sort(waits["start"].to_numpy()), np.sort(waits["end"].to_numpy())
    middle = (stops["start"].to_numpy() + stops["end"].to_numpy()) / 2
    standing = _under_way(np.sort(stops["start"].to_numpy()), np.sort(stops["end"].to_numpy()),
                          middle)  # fmt: skip
    queue = _under_way(begin, end, middle) - standing
    knots = waits["start"].to_numpy() + SHORTEST
    blocked = _under_way(
        np.sort(stops["start"].to_numpy()), np.sort(stops["end"].to_numpy()), knots
    )
    held = _under_way(begin, end, knots) - blocked
    longest = int(held.max()) if len(held) else 0
    if len(stops) < LEAST_STOPS:
        seen = f"{len(stops)} blocked stretches before it" if len(stops) else "never blocked"
        note = f"at least {longest}, left unlimited: {seen}; unsure"
        return FoundBuffer(operation, None, None, longest, len(stops), note)
    values, counts = np.unique(queue, return_counts=True)
    n = int(counts.max())
    room = int(values[counts.argmax()])
    if n >= CONSTANT * len(queue):
        sure = "sure" if len(queue) >= 10 and n >= 0.95 * len(queue) else "fairly sure"
        note = f"{room} waited in {n} of {len(queue)} blocked stretches; {sure}"
        return FoundBuffer(operation, room, None, longest, len(stops), note)
    return _by_mass(operation, waits, stops, middle, longest)


def _by_mass(
    operation: str, waits: pd.DataFrame, stops: pd.DataFrame, middle: Array, longest: int
) -> FoundBuffer:
    """Room in kg: below what would not fit, and at least what once did."""
    standing = {}
    for at, order in zip(middle, stops["order"], strict=True):
        here = stops[(stops["start"] < at) & (stops["end"] > at)]
        standing[at] = (set(here["order"]), order)
    least, most = 0.0, np.inf
    start, end, kg = (waits[c].to_numpy(float) for c in ("start", "end", "kg"))
    orders = waits["order"].to_numpy(str)
    for at, (blocked, order) in standing.items():
        inside = (start < at) & (end > at)
        free = inside & ~np.isin(orders, list(blocked))
        mine = kg[inside & (orders == order)]
        held = float(kg[free].sum())
        least = max(least, held)
        if len(mine):
            most = min(most, held + float(mine[0]))
    if not least < most < np.inf:
        note = (
            f"{len(stops)} blocked stretches before it, with neither a constant number nor mass of "
            f"jobs waiting; left unlimited, at least {longest} jobs"
        )
        return FoundBuffer(operation, None, None, longest, len(stops), note)
    note = (
        f"{least:.4g} kg fitted and {most:.4g} kg did not, in {len(stops)} blocked stretches (in "
        "masses of 1 kg a piece unless loads tell); fairly sure"
    )
    return FoundBuffer(operation, None, float(f"{(least + most) / 2:.4g}"), longest,
                       len(stops), note)  # fmt: skip


def _under_way(begin: Array, end: Array, at: Array) -> np.ndarray:
    found: np.ndarray = np.searchsorted(begin, at, "right") - np.searchsorted(end, at, "right")
    return found
