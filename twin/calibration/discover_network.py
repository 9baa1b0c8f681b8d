"""How the parts of a discovered plant hang together: operations, routes, products, room between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from twin.calibration.discover_buffers import FoundBuffer, buffers_of
from twin.calibration.discover_jobs import (
    Flow,
    FoundLots,
    FoundRoute,
    able_units,
    lots_of,
    routes_of,
    with_branches,
)
from twin.calibration.discover_times import FoundTimes, masses, times_of
from twin.calibration.plant_text import Note
from twin.calibration.routes import Route
from twin.model.network import Branch
from twin.model.plant import Operation, Product
from twin.model.plant import Route as PlantRoute


@dataclass(frozen=True)
class Network:
    """Routes, lots, times and rooms, by the names of the log."""

    routes: Mapping[str, FoundRoute]
    lots: Mapping[str, FoundLots]
    rows: Mapping[tuple[str, str], FoundTimes]
    """By work unit and operation."""
    able: Mapping[tuple[str, str], set[str]]
    buffers: Mapping[str, FoundBuffer]
    mass_g: Mapping[str, float]

    @property
    def operations(self) -> list[str]:
        """In the order of the routes, the most usual route first."""
        ranked = sorted(self.routes.values(), key=lambda r: -r.orders)
        return list(dict.fromkeys(o for route in ranked for o in route.operations))

    @property
    def route_ids(self) -> dict[tuple[Route, tuple[Branch, ...]], str]:
        """Id of each different route."""
        ranked = sorted(self.routes.items(), key=lambda row: (-row[1].orders, row[0]))
        ways = dict.fromkeys((r.operations, r.branches) for _, r in ranked)
        return {way: f"route-{n + 1}" for n, way in enumerate(ways)}

    def operation_parts(self) -> list[Operation]:
        found = []
        for o in self.operations:
            room = self.buffers.get(o)
            found.append(
                Operation(
                    id=o,
                    buffer_jobs=room.jobs if room else None,
                    buffer_kg=room.kg if room else None,
                )
            )
        return found

    def route_parts(self) -> list[PlantRoute]:
        return [
            PlantRoute(id=id, operations=list(operations), branches=list(branches))
            for (operations, branches), id in self.route_ids.items()
        ]

    def product_parts(
        self,
        families: Mapping[str, str],
        attributes: Mapping[str, Mapping[str, str]],
        mass_g: Mapping[str, float],
    ) -> list[Product]:
        ids = self.route_ids
        found = []
        for p, route in self.routes.items():
            lots = self.lots[p]
            part = Product(
                id=p,
                family=families.get(p, p),
                route=ids[route.operations, route.branches],
                piece_mass_g=mass_g.get(p, 1000.0),
                moves_by=lots.moves_by,
                attributes=dict(attributes.get(p, {})),
            )
            found.append(part.model_copy(update={"lot_size": lots.size}) if lots.size else part)
        return found

    def notes(self) -> Iterator[Note]:
        for p, route in self.routes.items():
            went = f"{route.share:.0%} of {route.orders} whole orders went exactly this way"
            yield Note(f"products.{p}.route", route.note or went)
            yield Note(f"products.{p}.lot_size", self.lots[p].note)
            where = "" if self.lots[p].moves_by == "order" else ".moves_by"
            yield Note(f"products.{p}{where}", self.lots[p].moves_note)
        for o, room in self.buffers.items():
            field = ".buffer_jobs" if room.jobs is not None else ".buffer_kg"
            is_limited = room.jobs is not None or room.kg is not None
            text = room.note if is_limited else f"room: {room.note}"
            yield Note(f"operations.{o}{field if is_limited else ''}", text)
        for (unit, o), row in self.rows.items():
            yield Note(f"work_units.{unit}.processing.{o}", row.basis_note)


def network_of(flow: Flow, blocked: pd.DataFrame) -> Network:
    """Routes, lots, processing rows and rooms of a log.

    Parameters
    ----------
    blocked
        Stretches in state *blocked*, for :func:`buffers_of`.
    """
    routes = routes_of(flow)
    grouped = flow.lots.groupby(["work_unit", "operation"])
    able = able_units(flow, routes)
    rows = {
        (str(u), str(o)): times_of(lots) for (u, o), lots in grouped
        if (lots["working"] > 0).any() and (str(u), str(o)) in able
    }  # fmt: skip
    loads = {u for (u, _), row in rows.items() if row.basis == "load"}
    lots = lots_of(flow, routes, loads)
    mass_g = masses(rows)
    moves = {p: found.moves_by for p, found in lots.items()}
    plain = {p: route.operations for p, route in routes.items()}
    rooms = buffers_of(flow.lots, blocked, plain, moves, mass_g)
    return Network(
        with_branches(routes, flow, _job_ways(flow, moves)), lots, rows, able,
        {room.operation: room for room in rooms}, mass_g,
    )  # fmt: skip


def _job_ways(flow: Flow, moves: Mapping[str, str]) -> dict[str, list[Route]]:
    """Operations of every whole order with its returns, of products that move as one."""
    lots = flow.lots[flow.lots["product"].map(moves) == "order"]
    lots = lots[lots["order"].isin(set(flow.whole["order"]))]
    lots = lots.sort_values(["order", "start"], kind="stable")
    changed = lots["operation"].ne(lots["operation"].shift()) | lots["order"].ne(
        lots["order"].shift()
    )
    found: dict[str, list[Route]] = {}
    for (product, _), rows in lots[changed].groupby(["product", "order"], sort=False):
        found.setdefault(str(product), []).append(tuple(rows["operation"]))
    return found
