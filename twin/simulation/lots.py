"""The lots of a job on a work unit: how long each takes, and what is left of them at the start."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.behaviour.randomness import lognormal_factor
from twin.model.compiled import Lots
from twin.model.network import Spread
from twin.model.quantiles import gamma_quantile
from twin.simulation.clock import duration


@dataclass(frozen=True)
class Lot:
    """One lot that is still to be worked."""

    number: int
    """Place among the lots of its operation."""
    pieces: int
    transit: float
    """Left, before it [min]."""
    minutes: float
    """Mean work left [min]."""
    whole_minutes: float
    """Mean time of the whole lot, with the transit before it [min]."""

    def ticks(self, spread: Spread, cv: float, u: float) -> int:
        """How long it takes, at quantile ``u`` of the law of its time."""
        ticks = duration(self.minutes * spread_factor(spread, cv, u))
        if self.transit > 0:
            ticks += duration(self.transit)
        return ticks


def spread_factor(spread: Spread, cv: float, u: float) -> float:
    """Multiplier of mean 1 of a lot's time, at quantile ``u`` of its law."""
    if spread == "exponential":
        return -math.log1p(-u)
    if spread == "gamma" and cv > 0:
        return gamma_quantile(1 / (cv * cv), u) * (cv * cv)
    return lognormal_factor(cv, u)


def remaining_lots(lots: Lots, done: float) -> list[Lot]:
    """The lots still to be worked when a share of all the work is done.

    >>> remaining_lots(Lots((5, 5), (10.0, 10.0), 0.0, 0.0), 0.75)
    [Lot(number=1, pieces=5, transit=0.0, minutes=5.0, whole_minutes=10.0)]
    """
    behind = done * lots.total_minutes
    found: list[Lot] = []
    transit = lots.transit
    for n, (pieces, minutes) in enumerate(zip(lots.pieces, lots.minutes, strict=True)):
        whole = minutes + lots.transit if n == 0 else minutes
        used = min(behind, transit)
        behind, transit_left = behind - used, transit - used
        transit = 0.0
        is_last = n == len(lots.pieces) - 1
        is_behind = done > 0 and transit_left == 0 and behind >= minutes - 1e-9
        if is_behind and not is_last and not found:
            behind -= minutes
        else:
            found.append(Lot(n, pieces, transit_left, max(minutes - max(behind, 0.0), 0.0), whole))
            behind = 0.0
    return found


def as_one_lot(lots: Lots, pieces: int) -> Lots:
    """Jobs worked together are one lot, with the time of the first job's first lot."""
    return Lots((pieces,), lots.minutes[:1], lots.transit, lots.cv)
