"""The reference engine: a plant on one SimPy clock, from a shop state to the end of its horizon.

What a work unit does is told in :mod:`twin.simulation.work_unit`, what it should do next in
:mod:`twin.simulation.agenda`, where batches wait in :mod:`twin.simulation.shop`.
"""

from __future__ import annotations

import simpy

from twin.behaviour.dispatching import DispatchingRule
from twin.behaviour.randomness import Luck
from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import ShopState
from twin.simulation.agenda import Agenda, Dispatching, Planned
from twin.simulation.clock import OpenTicks, Process, to_tick
from twin.simulation.crews import Crew
from twin.simulation.recorder import Recorder
from twin.simulation.shop import Batch, Shop
from twin.simulation.work_unit import Floor, WorkUnitProcess


class Twin:
    """A plant on one clock: orders, units and crews, from a shop state to the horizon's end."""

    def __init__(
        self,
        plant: CompiledPlant,
        orders: OrderBook,
        state: ShopState,
        schedule: Schedule | None,
        rule: DispatchingRule,
        luck: Luck,
    ) -> None:
        self.plant = plant
        self.env = env = simpy.Environment()
        self.end = to_tick(plant.horizon.minutes)
        self.record = Recorder()
        planned = planned_units(schedule, plant) if schedule else {}
        self.shop = Shop(plant, self.record, lambda: int(env.now), planned)
        crews = {
            crew.id: Crew(env, crew.size, OpenTicks(plant.crew_open[crew.id]))
            for crew in plant.plant.crews
        }
        floor = Floor(env, plant, self.shop, crews, self.record, luck, self.end)
        self.units = [
            WorkUnitProcess(floor, m, state.unit(id)) for m, id in enumerate(plant.unit_ids)
        ]
        self.shop.ring = lambda unit, rank: self.units[unit].ring(rank)
        self.shop.readiness = lambda unit, batch: self.units[unit].readiness(batch)
        for unit in self.units:
            unit.agenda = self._agenda(unit, state, schedule, rule)
        self._place(orders, state)
        self.env.process(self._release_orders())
        for unit in self.units:
            self.env.process(unit.live())

    def run(self, source: str) -> EventLog:
        """Let time pass until the horizon ends; returns what was logged before it."""
        self.env.run(until=self.end)
        return self.record.log(self.plant.horizon, source)

    def _agenda(
        self,
        unit: WorkUnitProcess,
        state: ShopState,
        schedule: Schedule | None,
        rule: DispatchingRule,
    ) -> Agenda:
        if schedule is None:
            last = state.unit(unit.facts.id).last_maintenance
            due = {
                task.id: self.plant.horizon.to_minutes(last[task.id]) + task.interval
                if task.id in last
                else 0.0
                for task in unit.facts.maintenance
            }
            return Dispatching(unit.index, self.shop, rule, due)
        fallback = Dispatching(unit.index, self.shop, rule, {})
        segments = schedule.of_unit(unit.facts.id)
        return Planned(segments, unit.index, self.shop, fallback, unit.calendar)

    def _place(self, orders: OrderBook, state: ShopState) -> None:
        """Put every order where the shop state has it."""
        plant, self._to_release = self.plant, []
        for sequence, order in enumerate(orders):
            product = plant.product_index[order.product]
            due = plant.horizon.to_minutes(order.due_date)
            mass = plant.batch_kg(product, order.quantity)
            batch = Batch(order, sequence, product, due, order.quantity, mass)
            where = state.order(order.id)
            batch.step = where.operations_done
            self.shop.batches[order.id] = batch
            if self.shop.is_complete(batch):
                continue
            if where.running_on:
                self._continue(batch, where.running_on, where.done_fraction)
            elif batch.step == 0:
                release = max(to_tick(plant.horizon.to_minutes(order.release_date)), 0)
                self._to_release.append((release, sequence, batch))
            else:
                self.shop.put_at_start(batch)

    def _continue(self, batch: Batch, unit_id: str, done: float) -> None:
        """A batch is in work when the horizon begins."""
        index = self.plant.unit_index.get(unit_id)
        operation = self.shop.operation(batch)
        if index is None or (index, operation, batch.product) not in self.plant.rows:
            raise NoriaError(
                f"shop state: order {batch.order.id} runs on {unit_id}, which cannot do "
                f"{self.plant.operation_ids[operation]} for {batch.order.product}; "
                "correct the log or the plant's processing rows"
            )
        unit = self.units[index]
        unit.under_way.append((batch, done))
        if isinstance(unit.agenda, Planned):
            unit.agenda.drop(batch.order.id, operation)

    def _release_orders(self) -> Process:
        """Orders may start at their release date; those released earlier, at the beginning."""
        for release, _, batch in sorted(self._to_release, key=lambda row: row[:2]):
            if release >= self.end:
                return
            if release > self.env.now:
                yield self.env.timeout(release - int(self.env.now))
            self.shop.release(batch)


def planned_units(schedule: Schedule, plant: CompiledPlant) -> dict[tuple[str, int], int]:
    """The work unit of every (order, operation) of a schedule."""
    return {
        (s.order, plant.operation_index[s.operation]): plant.unit_index[s.work_unit]
        for s in schedule.segments
        if s.kind == "work"
    }
