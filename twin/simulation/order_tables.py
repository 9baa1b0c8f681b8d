"""Orders as numbers for the kernel: their jobs, the names of their luck, and where they are."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from twin.behaviour.randomness import name_words
from twin.errors import NoriaError
from twin.model.compiled import Lots
from twin.model.orders import WorkOrder
from twin.simulation.clock import to_tick
from twin.simulation.experiment import Experiment
from twin.simulation.lots import remaining_lots
from twin.simulation.sources import due_minutes
from twin.simulation.table_codes import PURPOSES, integers, joined, reals

if TYPE_CHECKING:
    from twin.simulation.tables import Tables


class OrderTables:
    """Orders and sources, and the shop state; every public field is an array of the kernel."""

    def __init__(self, tables: Tables, experiment: Experiment) -> None:
        self._tables = tables
        self._experiment = experiment
        self._plant = experiment.plant
        self._list_orders()
        self._list_legs()
        self._place()

    def _list_orders(self) -> None:
        orders, plant = list(self._experiment.orders), self._plant
        products = [plant.product_index[order.product] for order in orders]
        self.order_product = integers(products)
        self.order_quantity = integers(order.quantity for order in orders)
        self.order_job_size = integers(self._job_size(order) for order in orders)
        jobs = [0]
        for quantity, size in zip(self.order_quantity, self.order_job_size, strict=True):
            jobs.append(jobs[-1] + -(-quantity // size))
        self.order_first_job = integers(jobs)
        self.order_jobs = jobs[-1]
        self.order_due = reals(due_minutes(order, plant.horizon) for order in orders)
        self.order_weight = reals(order.weight for order in orders)

    def _job_size(self, order: WorkOrder) -> int:
        product = self._plant.plant.product(order.product)
        if product.moves_by == "piece":
            return 1
        return product.lot_size if product.moves_by == "lot" else max(order.quantity, 1)

    def _list_legs(self) -> None:
        """A leg is one step of one order or source; the luck of its jobs has its name."""
        plant = self._plant
        origins = [(order.id, order.product) for order in self._experiment.orders]
        origins += [(source.id, source.product) for source in plant.plant.sources]
        needed = self._purposes_needed()
        ids, first, words = self._plant.operation_ids, [0], array("q")
        nothing = (0, 0)
        for id, product in origins:
            p = plant.product_index[product]
            for step, operation in enumerate(self._plant.routes[p]):
                entity, stage = f"{id}/{ids[operation]}", self._tables.stage_first[p] + step
                for n, purpose in enumerate(PURPOSES):
                    words.extend(name_words(entity, purpose) if needed[stage][n] else nothing)
            first.append(first[-1] + len(self._plant.routes[p]))
        self.leg_first, self.leg_stream = integers(first), words

    def _purposes_needed(self) -> list[list[bool]]:
        """Which random numbers the jobs of a stage can ask for."""
        found, tables = [], self._tables
        for stage in range(len(tables.stage_operation)):
            rows = range(tables.taker_first[stage], tables.taker_first[stage + 1])
            units = [tables.taker_unit[row] for row in rows]
            has_scrap = any(tables.row_scrap[row] > 0 for row in rows)
            has_test = any(tables.unit_tests[m] for m in units)
            found.append([
                any(tables.row_spread[row] for row in rows),
                has_scrap,
                has_scrap,
                any(tables.setup_sigma[m] > 0 for m in units),
                tables.branch_first[stage] < tables.branch_first[stage + 1],
                any(tables.row_defects[row] > 0 for row in rows),
                has_test,
                has_test,
            ])  # fmt: skip
        return found

    def _place(self) -> None:
        """What is released later, waits at the start, or is under way on a unit."""
        later: list[tuple[int, int]] = []
        placed: list[tuple[int, int, int]] = []
        under_way: list[list[tuple[int, int, float, float]]] = [
            [] for _ in range(self._tables.units)
        ]
        state, horizon = self._experiment.state, self._plant.horizon
        for n, order in enumerate(self._experiment.orders):
            where, product = state.order(order.id), self.order_product[n]
            if where.operations_done >= len(self._plant.routes[product]):
                continue
            if where.running_on:
                m = self._unit_at_work(order, product, where.operations_done, where.running_on)
                lot = self._lot_under_way(m, n, where.operations_done, where.done_fraction)
                placed.append((n, where.operations_done, m))
                under_way[m].append(lot)
            elif where.operations_done == 0:
                later.append((max(to_tick(horizon.to_minutes(order.release_date)), 0), n))
            else:
                placed.append((n, where.operations_done, -1))
        later.sort()
        self.release_tick = integers(tick for tick, _ in later)
        self.release_order = integers(n for _, n in later)
        first, orders = joined([row[0] for row in rows] for rows in under_way)
        lots = [row for rows in under_way for row in rows]
        self.under_way_first, self.under_way_order = first, orders
        self.under_way_lot = integers(row[1] for row in lots)
        self.under_way_transit = reals(row[2] for row in lots)
        self.under_way_minutes = reals(row[3] for row in lots)
        place = {order: i for i, order in enumerate(orders)}
        self.placed_order = integers(n for n, _, _ in placed)
        self.placed_step = integers(step for _, step, _ in placed)
        self.placed_unit = integers(m for _, _, m in placed)
        self.placed_under_way = integers(place[n] if m >= 0 else -1 for n, _, m in placed)

    def _unit_at_work(self, order: WorkOrder, product: int, step: int, unit_id: str) -> int:
        plant = self._plant
        m, operation = plant.unit_index.get(unit_id), plant.routes[product][step]
        if m is None or (m, operation, product) not in plant.rows:
            raise NoriaError(
                f"shop state: order {order.id} runs on {unit_id}, which cannot do "
                f"{plant.operation_ids[operation]} for {order.product}; "
                "correct the log or the plant's processing rows"
            )
        return m

    def _lot_under_way(
        self, m: int, n: int, step: int, done: float
    ) -> tuple[int, int, float, float]:
        """Order, lot in work, and the transit and mean work left of it [min]."""
        product = self.order_product[n]
        operation = self._plant.routes[product][step]
        pieces = min(self.order_job_size[n], self.order_quantity[n])
        lots = self._plant.lots(m, operation, product, pieces)
        if self._plant.rows[m, operation, product].load is not None:
            lots = Lots((pieces,), lots.minutes[:1], lots.transit, lots.cv)
        lot = remaining_lots(lots, done)[0]
        return n, lot.number, lot.transit, lot.minutes
