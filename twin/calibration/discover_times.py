"""What a lot's time scales with, and a first value of it for every unit, operation and product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from twin.model.horizon import Array

Basis = Literal["piece", "order", "load"]

LEAST_LOTS = 12
"""Lots of unlike size from which what their time scales with can be told."""
UNLIKE = 0.1
"""A lot's size differs from the usual one of its product by more than this share."""
CAPPED = 3.0
"""Deviations count up to so many times their median: stray lots say nothing."""
BETTER = 0.8
"""Misfit of lots by the load over that by the piece, below which the load is believed."""
FIRST_LATER = 0.25
"""Extra time of the first lot of an order, over a lot's, from which there is a transit."""
TOGETHER = 0.2
"""Share of lots begun at the same instant as another order's, from which jobs share a load."""


@dataclass(frozen=True)
class FoundTimes:
    """The processing row of one unit and operation."""

    basis: Basis
    minutes: Mapping[str, float]
    """First value by product [min per piece, order or load]."""
    load_pieces: Mapping[str, int]
    """Pieces of a full load, by product; for basis *load*."""
    transit: float
    max_jobs: int
    basis_note: str
    n: Mapping[str, int]


def times_of(lots: pd.DataFrame) -> FoundTimes:
    """The row behind the lots of one unit and operation, with working minutes above 0."""
    lots = lots[(lots["working"] > 0) & (lots["pieces"] > 0)]
    max_jobs = _jobs_together(lots)
    basis, note = _basis(lots)
    if max_jobs > 1 and basis != "piece":
        basis = "order"
    amount = lots["pieces"].to_numpy(float) if basis == "piece" else np.ones(len(lots))
    first, pace = lots["is_first"].to_numpy(bool), lots["working"].to_numpy(float) / amount
    products = lots["product"].to_numpy(str)
    later = {p: pace[(products == p) & ~first] for p in np.unique(products)}
    transit = _transit(lots, pace, first, products) if basis != "order" else 0.0
    minutes = {
        p: float(np.median(later[p] if transit and len(later[p]) else pace[products == p]))
        for p in later
    }
    loads = {p: int(lots["pieces"].to_numpy()[products == p].max()) for p in later}
    counts = Counter(products.tolist())
    return FoundTimes(
        basis, minutes, loads if basis == "load" else {}, transit, max_jobs, note, counts
    )


def _jobs_together(lots: pd.DataFrame) -> int:
    """Most orders begun on the unit at one instant, where that is its habit."""
    at_once = lots.groupby("start")["order"].nunique()
    if at_once.empty or (at_once > 1).mean() < TOGETHER:
        return 1
    return int(at_once.max())


def _basis(lots: pd.DataFrame) -> tuple[Basis, str]:
    """Piece, unless the time of unlike lots is foretold better by counting each as one."""
    whole: Basis = "load" if (~lots["is_first"]).mean() > 0.05 else "order"
    by_product = lots.groupby("product")["pieces"]
    usual = by_product.transform(lambda n: n.mode().iloc[0])
    unlike = (lots["pieces"] - usual).abs() > UNLIKE * usual
    if unlike.sum() < LEAST_LOTS:
        return "piece", f"by the piece or by the lot: left open, {int(unlike.sum())} lots differ"
    logs = np.log(lots["working"].to_numpy(float))
    sizes = np.log(lots["pieces"].to_numpy(float))
    keys = lots["product"].to_numpy(str)
    misfit = {
        "piece": _misfit(logs - sizes, keys, unlike.to_numpy()),
        whole: _misfit(logs, keys, unlike.to_numpy()),
    }
    basis: Basis = whole if misfit[whole] < BETTER * misfit["piece"] else "piece"
    other = "piece" if basis == whole else whole
    return basis, (
        f"{int(unlike.sum())} lots of unlike size are {misfit[basis]:.0%} off by the {basis}, "
        f"{misfit[other]:.0%} by the {other}"
    )


def _misfit(logs: Array, keys: np.ndarray, unlike: np.ndarray) -> float:
    """Mean deviation of unlike lots from the median of all lots of their product, capped."""
    table = pd.DataFrame({"log": logs, "key": keys})
    apart = (table["log"] - table.groupby("key")["log"].transform("median")).abs().to_numpy()
    found = apart[unlike]
    return float(np.minimum(found, CAPPED * max(float(np.median(found)), 1e-9)).mean())


def _transit(lots: pd.DataFrame, pace: Array, first: np.ndarray, products: np.ndarray) -> float:
    """Minutes by which the first lot of an order takes longer than the others."""
    extra, noise = [], []
    amount = lots["working"].to_numpy(float) / pace
    for p in np.unique(products):
        one, more = (products == p) & first, (products == p) & ~first
        if min(one.sum(), more.sum()) >= 5:
            usual = float(np.median(pace[more]))
            extra.append(float(np.median((pace[one] - usual) * amount[one])))
            noise.append(float(np.median(pace[more] * amount[more])))
    if not extra:
        return 0.0
    found, lot = float(np.median(extra)), float(np.median(noise))
    return found if found > FIRST_LATER * lot else 0.0


def unseen_minutes(unit: str, product: str, found: Mapping[str, FoundTimes]) -> float | None:
    """Time of a product that a unit has not made: the others' times at this unit's pace.

    Parameters
    ----------
    found
        Rows of one operation by work unit.
    """
    mine = found[unit].minutes
    guesses = []
    for other, row in found.items():
        shared = [p for p in row.minutes if p in mine]
        if other != unit and product in row.minutes and shared:
            pace = float(np.median([mine[p] / row.minutes[p] for p in shared]))
            guesses.append(row.minutes[product] * pace)
    return float(np.median(guesses)) if guesses else None


def masses(rows: Mapping[tuple[str, str], FoundTimes]) -> dict[str, float]:
    """Mass of one piece [g], up to a common factor: what fills one load weighs the same.

    Products of no load weigh the 1000 g that a plant file takes for granted.
    """
    loads = [dict(row.load_pieces) for row in rows.values() if row.basis == "load"]
    found: dict[str, float] = {}
    while loads:
        known = [load for load in loads if found.keys() & load.keys()] or loads[:1]
        load = max(known, key=len)
        loads.remove(load)
        shared = [found[p] * n for p, n in load.items() if p in found]
        full = float(np.median(shared)) if shared else 1000.0 * max(load.values())
        for p, n in load.items():
            found.setdefault(p, full / n)
    return found


def load_kg(row: FoundTimes, mass: Mapping[str, float]) -> float:
    """Capacity of one load [kg]: as many pieces of each product as were seen at most."""
    return max(n * mass.get(p, 1000.0) / 1000 for p, n in row.load_pieces.items()) * (1 + 1e-9)
