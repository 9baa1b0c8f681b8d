"""A plant with its names turned into indices, for one horizon: what engines and solvers read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from twin.model.horizon import Array, Horizon
from twin.model.network import Branch
from twin.model.plant import STATES, Plant, Processing, Product, by_product, setup_key
from twin.model.shifts import OpenTime

COMPLETE, SCRAP = -1, -2
"""In place of a step of a route: the job is complete, or thrown away."""
STATE_INDEX = {state: i for i, state in enumerate(STATES)}


@dataclass(frozen=True)
class Lots:
    """The lots of one batch on one work unit."""

    pieces: tuple[int, ...]
    minutes: tuple[float, ...]
    """Mean working time of each lot [min]."""
    transit: float
    """Once, before the first lot comes out [min]."""
    cv: float

    @property
    def total_minutes(self) -> float:
        """Working time of the whole batch [min]: the processing time p_jm."""
        total = 0.0
        for minutes in self.minutes:  # sum() rounds differently from one Python to the next
            total += minutes
        return self.transit + total


@dataclass(frozen=True)
class CompiledPlant:
    """Index-aligned view of a plant: units m, products p, operations o.

    All is worked out once in :func:`compile_plant`; the plant itself stays at hand for names.
    """

    plant: Plant
    horizon: Horizon
    unit_ids: tuple[str, ...]
    product_ids: tuple[str, ...]
    operation_ids: tuple[str, ...]
    unit_index: dict[str, int]
    product_index: dict[str, int]
    operation_index: dict[str, int]
    routes: tuple[tuple[int, ...], ...]
    """Operations of product p in order."""
    eligible: dict[tuple[int, int], tuple[int, ...]]
    """Units that can do (operation, product)."""
    setup_key: tuple[tuple[str, ...], ...]
    """``setup_key[m][p]``: what unit m is set up for when it makes p."""
    power_kw: Array
    """(M, S) by unit and state, states in the order of ``STATES``."""
    startup_time: Array
    """(M,) [min]"""
    scrap: Array
    """(M, P) share scrapped."""
    unit_open: tuple[OpenTime, ...]
    """Shift calendar of each unit."""
    crew_open: dict[str, OpenTime]
    """Shift calendar of each crew."""
    rows: dict[tuple[int, int, int], Processing]
    """Processing row of (unit, operation, product), where eligible."""
    crews_for: dict[str, tuple[int, ...]]
    """Crews that can be asked, by crew id or skill, in the order of the plant."""
    branches: dict[tuple[int, int], tuple[tuple[int, float], ...]]
    """Where jobs of product p may go after step s of its route: (step, cumulative share); the step
    is :data:`COMPLETE` or :data:`SCRAP` at an end."""
    uses: tuple[tuple[tuple[int, int], ...], ...]
    """Stocks used by operation o for one piece: (stock, pieces)."""
    stock_index: dict[str, int]
    transport_index: dict[str, int]

    def setup_minutes(self, unit: int, before: str, product: int) -> float:
        """Setup time [min] from a setup key to a product."""
        table = self.plant.work_units[unit].setup
        return table.time_between(before, self.setup_key[unit][product]) if table else 0.0

    def batch_kg(self, product: int, quantity: int) -> float:
        return quantity * self.plant.products[product].piece_mass_g / 1000

    def lots(self, unit: int, operation: int, product: int, quantity: int) -> Lots:
        """Cut a batch into lots with their mean times.

        Raises
        ------
        KeyError
            If the unit cannot do the operation for the product.
        """
        row = self.rows[unit, operation, product]
        made = self.plant.products[product]
        each = by_product(row.time, made)
        assert each is not None
        if row.basis == "order":
            return Lots((quantity,), (each,), row.transit, row.cv)
        size = made.lot_size
        if row.load_kg is not None:
            size = max(int(row.load_kg * 1000 / made.piece_mass_g), 1)
        pieces = tuple(min(size, quantity - n) for n in range(0, quantity, size))
        if row.basis == "load":
            minutes = tuple(each for _ in pieces)
        elif row.basis == "kg":
            minutes = tuple(each * n * made.piece_mass_g / 1000 for n in pieces)
        else:
            minutes = tuple(each * n for n in pieces)
        return Lots(pieces, minutes, row.transit, row.cv)

    def processing_time(self, unit: int, operation: int, product: int, quantity: int) -> float:
        """p_jm: working time [min] of a whole batch on a unit, failures not counted."""
        return self.lots(unit, operation, product, quantity).total_minutes

    @cached_property
    def crew_size(self) -> dict[str, int]:
        return {crew.id: crew.size for crew in self.plant.crews}


def compile_plant(plant: Plant, horizon: Horizon) -> CompiledPlant:
    """Turn names into indices and calendars into open intervals for one horizon."""
    open_time = {id: c.open_time(horizon) for id, c in plant.calendars_by_id.items()}
    unit_index = {u.id: i for i, u in enumerate(plant.work_units)}
    product_index = {p.id: i for i, p in enumerate(plant.products)}
    stocks = {stock.id: i for i, stock in enumerate(plant.stocks)}
    operation_index = {o.id: i for i, o in enumerate(plant.operations)}
    rows = {
        (m, operation_index[o], p): row
        for m, unit in enumerate(plant.work_units)
        for p, product in enumerate(plant.products)
        for o in plant.route_of(product)
        if (row := unit.processing_of(o, product))
    }
    eligible: dict[tuple[int, int], tuple[int, ...]] = {}
    for m, o, p in rows:
        eligible[o, p] = (*eligible.get((o, p), ()), m)
    return CompiledPlant(
        plant=plant,
        horizon=horizon,
        unit_ids=tuple(unit_index),
        product_ids=tuple(product_index),
        operation_ids=tuple(operation_index),
        unit_index=unit_index,
        product_index=product_index,
        operation_index=operation_index,
        routes=tuple(tuple(operation_index[o] for o in plant.route_of(p)) for p in plant.products),
        eligible=eligible,
        setup_key=tuple(tuple(setup_key(u, p) for p in plant.products) for u in plant.work_units),
        power_kw=np.array([[u.power_kw.of(s) for s in STATES] for u in plant.work_units]),
        startup_time=np.array([u.startup_time for u in plant.work_units]),
        scrap=np.array(
            [[by_product(u.scrap, p) or 0.0 for p in plant.products] for u in plant.work_units]
        ),
        unit_open=tuple(open_time[u.calendar] for u in plant.work_units),
        crew_open={crew.id: open_time[crew.calendar] for crew in plant.crews},
        rows=rows,
        crews_for=_crews_for(plant),
        branches={
            (p, plant.route_of(product).index(branch.after)): _branch(branch, plant, product)
            for p, product in enumerate(plant.products)
            for branch in plant.branches_of(product)
        },
        uses=tuple(
            tuple((stocks[id], pieces) for id, pieces in o.uses.items()) for o in plant.operations
        ),
        stock_index=stocks,
        transport_index={t.id: i for i, t in enumerate(plant.transports)},
    )


def _crews_for(plant: Plant) -> dict[str, tuple[int, ...]]:
    names = dict.fromkeys(name for crew in plant.crews for name in (crew.id, *crew.skills))
    return {
        name: tuple(
            c for c, crew in enumerate(plant.crews) if name == crew.id or name in crew.skills
        )
        for name in names
    }


def _branch(branch: Branch, plant: Plant, product: Product) -> tuple[tuple[int, float], ...]:
    route = plant.route_of(product)
    ends = {"end": COMPLETE, "scrap": SCRAP}
    targets = [ends[to] if to in ends else route.index(to) for to in branch.to]
    return tuple(zip(targets, accumulate(branch.to.values()), strict=True))
