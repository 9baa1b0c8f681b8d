"""How work flows, read from the lots of a log: routes, lot sizes, what moves, who can do what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from twin.calibration.routes import Route, nearest
from twin.calibration.routing import END, transitions
from twin.model.network import Branch

Moves = Literal["order", "lot", "piece"]

CHANCE = 0.05
"""A unit that never made a product is believed unable to when luck explains it less often."""
OVERLAP = 1 / 60
"""An operation begun so much before the end of the one before began early [min]."""
EARLY = 0.05
"""Share of the steps that begin early, from which lots move on by themselves."""
ALIKE = 0.9
"""Share of full lots that have the usual size, from which it is the size of a container."""
BRANCHED, LEAST_BRANCHED = 0.01, 3
"""Orders that leave the usual route, from which a branch is put in."""


@dataclass(frozen=True)
class Flow:
    """The lots of a log and the orders behind them."""

    lots: pd.DataFrame
    """As :func:`~twin.calibration.activity.pair_lots` gives them, with working minutes."""
    released: frozenset[str]
    """Orders whose release is in the log; empty where it has none."""
    completed: frozenset[str]

    @cached_property
    def visits(self) -> pd.DataFrame:
        """One row for each order at each operation, by order and start: start, end, lots, units."""
        lots = self.lots.sort_values(["order", "start"], kind="stable")
        grouped = lots.groupby(["order", "operation"], sort=False)
        found = grouped.agg(
            product=("product", "first"), start=("start", "min"), end=("end", "max"),
            lots=("lot", "size"), pieces=("pieces", "sum"), units=("work_unit", "nunique"),
            work_unit=("work_unit", "first"),
        )  # fmt: skip
        return found.reset_index()

    @cached_property
    def whole(self) -> pd.DataFrame:
        """Visits of the orders seen from release to completion, as far as the log tells."""
        visits = self.visits
        for known in (self.released, self.completed):
            if known:
                visits = visits[visits["order"].isin(known)]
        return visits


@dataclass(frozen=True)
class FoundRoute:
    """The way a product goes."""

    operations: Route
    orders: int
    """Whole orders it rests on."""
    share: float
    """Of them that went exactly this way."""
    branches: tuple[Branch, ...] = ()
    note: str = ""


def routes_of(flow: Flow) -> dict[str, FoundRoute]:
    """Route of every product that was worked; of a product without a whole order, the nearest."""
    whole, every = _sequences(flow.whole), _sequences(flow.visits)
    found = {product: _usual(rows) for product, rows in whole.items()}
    known = [r.operations for r in found.values()]
    for product in every.keys() - found.keys():
        longest = max(every[product], key=len)
        candidates = [r for r in known if r[: len(longest)] == longest] or [longest]
        note = "no whole order seen: the route of another product that begins alike"
        found[product] = FoundRoute(nearest(longest, candidates), 0, 0.0, note=note)
    return dict(sorted(found.items()))


def _sequences(visits: pd.DataFrame) -> dict[str, list[Route]]:
    """Operations of each order in the order they began, by product."""
    found: dict[str, list[Route]] = {}
    for _, rows in visits.groupby("order", sort=False):
        found.setdefault(str(rows["product"].iloc[0]), []).append(tuple(rows["operation"]))
    return found


def _usual(sequences: Sequence[Route]) -> FoundRoute:
    counts = Counter(sequences)
    best, n = max(counts.items(), key=lambda row: (row[1], len(row[0]), row[0]))
    return FoundRoute(best, len(sequences), n / len(sequences))


def with_branches(
    found: Mapping[str, FoundRoute], flow: Flow, jobs: Mapping[str, Sequence[Route]]
) -> dict[str, FoundRoute]:
    """Routes with branches where enough orders left the usual way.

    Parameters
    ----------
    jobs
        Operations of every whole order with its returns, by product; for products whose orders
        move as one.
    """
    return {
        product: _branched(route, jobs[product]) if product in jobs else route
        for product, route in found.items()
    }


def _branched(route: FoundRoute, jobs: Sequence[Route]) -> FoundRoute:
    apart = sum(job != route.operations for job in jobs)
    if apart < max(LEAST_BRANCHED, BRANCHED * len(jobs)):
        return route
    counts = transitions(jobs)
    common = Counter(o for job in jobs for o in set(job))
    kept = [o for o in common if common[o] >= max(LEAST_BRANCHED, BRANCHED * len(jobs))]
    place = {o: float(np.mean([job.index(o) / len(job) for job in jobs if o in job])) for o in kept}
    operations = tuple(sorted(kept, key=lambda o: (place[o], o)))
    branches = tuple(_branches(operations, counts))
    if any(sum(b.to.values()) == 0 for b in branches):
        return route
    note = f"{apart} of {len(jobs)} orders left the usual way"
    return FoundRoute(operations, len(jobs), 1 - apart / len(jobs), branches, note)


def _branches(
    operations: Sequence[str], counts: Mapping[str, Mapping[str, int]]
) -> Iterator[Branch]:
    for n, operation in enumerate(operations):
        after = operations[n + 1] if n + 1 < len(operations) else END
        ways = {w: k for w, k in counts.get(operation, {}).items() if w in (*operations, END)}
        total = sum(ways.values())
        ways = {w: k for w, k in ways.items() if k >= max(LEAST_BRANCHED, BRANCHED * total)}
        if ways and set(ways) != {after}:
            total = sum(ways.values())
            yield Branch(after=operation, to={w: k / total for w, k in sorted(ways.items())})


@dataclass(frozen=True)
class FoundLots:
    """How the orders of a product are cut and moved."""

    size: int | None
    """Pieces of a container; None where orders are worked whole."""
    moves_by: Moves
    note: str = ""
    moves_note: str = ""
    evidence: int = 0
    doubts: tuple[str, ...] = field(default=())


def lots_of(flow: Flow, routes: Mapping[str, FoundRoute], loads: set[str]) -> dict[str, FoundLots]:
    """Lot size of every product and what moves from operation to operation.

    Parameters
    ----------
    loads
        Work units whose lots are loads of their own, whatever the container.
    """
    rows = flow.lots[~flow.lots["work_unit"].isin(loads)]
    found = {}
    for product, route in routes.items():
        mine = rows[rows["product"] == product]
        first = next((o for o in route.operations if (mine["operation"] == o).any()), "")
        size, note, n = _lot_size(mine[mine["operation"] == first])
        moves, moves_note = _moves(flow, product, route.operations, size)
        found[product] = FoundLots(size, moves, note, moves_note, n)
    return found


def _lot_size(lots: pd.DataFrame) -> tuple[int | None, str, int]:
    """The size of all lots of an order but its last, where they agree.

    Parameters
    ----------
    lots
        Of the first operation that is cut into containers, before scrap has thinned them out.
    """
    ordered = lots.sort_values(["order", "start"], kind="stable")
    is_last = ~ordered.duplicated("order", keep="last")
    full = ordered.loc[~is_last, "pieces"].to_numpy()
    full = full[full > 0]
    if len(full) < 2:
        return None, "orders are worked whole, in one lot", len(lots)
    size, n = Counter(full.tolist()).most_common(1)[0]
    if n < ALIKE * len(full):
        size, n = float(np.median(full)), int((full == np.median(full)).sum())
        return round(size), f"lots differ: median of {len(full)}; unsure", len(full)
    note = f"{n} of {len(full)} lots before the last of an order; sure"
    return round(size), note, len(full)


def _moves(flow: Flow, product: str, route: Route, size: int | None) -> tuple[Moves, str]:
    """Whether the next operation begins before the one before has ended."""
    visits = flow.visits[flow.visits["product"] == product]
    place = {o: n for n, o in enumerate(route)}
    steps = visits[visits["operation"].isin(place)]
    steps = steps.assign(place=steps["operation"].map(place)).sort_values(["order", "place"])
    following = steps.groupby("order")["start"].shift(-1)
    several = (steps["lots"] > 1) & following.notna()
    early = int((following[several] < steps.loc[several, "end"] - OVERLAP).sum())
    n = int(several.sum())
    if n == 0 or early < max(EARLY * n, 1):
        return "order", (
            f"in {n - early} of {n} steps of several lots the next operation waited for the last"
        )
    note = f"in {early} of {n} steps of several lots the next operation began before the last ended"
    return ("piece" if size == 1 else "lot"), note


def able_units(flow: Flow, routes: Mapping[str, FoundRoute]) -> dict[tuple[str, str], set[str]]:
    """Products that each unit can do an operation for.

    Those it made, and those made so seldom that chance may have kept them away.
    """
    counts = flow.lots.drop_duplicates(["order", "operation", "work_unit"])
    made = counts.groupby(["operation", "work_unit", "product"]).size()
    found: dict[tuple[str, str], set[str]] = {}
    for operation, rows in made.groupby(level=0):
        table = rows.droplevel(0).unstack(fill_value=0)
        share = table.sum(axis=1) / table.to_numpy().sum()
        for unit in table.index:
            mine = {p for p in table.columns if table.loc[unit, p] > 0}
            rest = [p for p in table.columns if p not in mine]
            orders = {p: int(table[p].sum()) for p in rest}
            overlap = _shared_with(table, unit)
            mine |= {p for p in rest if (1 - share[unit]) ** orders[p] > CHANCE and overlap}
            found[str(unit), str(operation)] = {
                p for p in mine if p in routes and operation in routes[p].operations
            }
    return {key: products for key, products in found.items() if products}


def _shared_with(table: pd.DataFrame, unit: str) -> bool:
    """Whether a unit makes what others make too, so that it may well make more of it."""
    mine = table.loc[unit] > 0
    others = table.drop(index=unit)
    return bool(mine.sum() > 1 and len(others) and (others.loc[:, mine] > 0).any().any())
