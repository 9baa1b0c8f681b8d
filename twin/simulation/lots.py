"""The lots of an operation: their luck, and what is left of them when the horizon begins."""

from __future__ import annotations

from twin.behaviour.randomness import Luck
from twin.model.compiled import Lots


class LotLuck:
    """The luck of the lots of one operation of an order; it follows the part to any unit."""

    def __init__(self, luck: Luck, work: tuple[str, str, str]) -> None:
        name = f"{work[0]}/{work[1]}"
        self.time = luck.stream(name, "lot time")
        self.scrap = luck.stream(name, "lot scrap")
        self.reason = luck.stream(name, "scrap reason")


def remaining_lots(lots: Lots, done: float) -> list[tuple[int, float, float | None]]:
    """Pieces, transit left and mean work left [min] of each lot; None for work where it is done.

    >>> remaining_lots(Lots((5, 5), (10.0, 10.0), 0.0, 0.0), 0.75)
    [(5, 0.0, None), (5, 0.0, 5.0)]
    """
    behind = done * lots.total_minutes
    rows: list[tuple[int, float, float | None]] = []
    transit = lots.transit
    for n, (pieces, minutes) in enumerate(zip(lots.pieces, lots.minutes, strict=True)):
        used = min(behind, transit)
        behind, transit_left = behind - used, transit - used
        transit = 0.0
        is_last = n == len(lots.pieces) - 1
        if done > 0 and transit_left == 0 and behind >= minutes - 1e-9 and not is_last:
            rows.append((pieces, 0.0, None))
            behind -= minutes
        else:
            rows.append((pieces, transit_left, max(minutes - max(behind, 0.0), 0.0)))
            behind = 0.0
    return rows
