"""The reference engine: a plant on one SimPy clock, from a shop state to the end of its horizon.

What a plant does is written in ``semantics.md``; here it is put together and run. What a work unit
does is told in :mod:`twin.simulation.work_unit`, what it should do next in
:mod:`twin.simulation.agenda`, where jobs wait in :mod:`twin.simulation.shop`, whom people serve in
:mod:`twin.simulation.crews`.
"""

from __future__ import annotations

from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant
from twin.model.orders import WorkOrder
from twin.model.schedule import Schedule
from twin.model.snapshot import Snapshot
from twin.simulation.agenda import Agenda, Dispatching, Planned
from twin.simulation.causes import Cause
from twin.simulation.clock import to_tick
from twin.simulation.crews import People
from twin.simulation.experiment import Experiment
from twin.simulation.floor import Floor
from twin.simulation.hindrance import Overlay
from twin.simulation.jobs import Job
from twin.simulation.result import Result
from twin.simulation.resume import take_up
from twin.simulation.shop import Shop
from twin.simulation.sources import Releases, Source, order_jobs
from twin.simulation.stocks import Stock
from twin.simulation.transports import Transport
from twin.simulation.work_unit import WorkUnit

_END_WARM_UP = _LOOK_AROUND = 1
"""Priority before every timer."""


class SimpyEngine:
    """Runs replications of one experiment, event by event, in plain Python."""

    name = "SimPy reference"

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def run(self, replication: int, *, trace: bool = False) -> Result:
        """Let time pass until the horizon ends."""
        twin = Twin(self._experiment, replication, trace=trace)
        twin.run_until(twin.floor.end)
        return twin.result()


class Twin:
    """A plant on one clock: orders, units and people, from a shop state to the horizon's end."""

    def __init__(self, experiment: Experiment, replication: int, *, trace: bool = False) -> None:
        self.experiment = experiment
        self.floor = floor = Floor(experiment, replication, trace=trace)
        self.plant = plant = experiment.plant
        self._scans_all = experiment.full_scan
        schedule = experiment.schedule
        stocks = [Stock(floor, k, facts) for k, facts in enumerate(plant.plant.stocks)]
        planned = planned_units(schedule, plant) if schedule is not None else {}
        self.shop = Shop(floor, stocks, planned, schedule is not None, experiment.policy)
        self.people = People(floor)
        self._add_transports()
        named = {stock.id: stocks[k] for k, stock in enumerate(plant.plant.stocks)}
        self.units = [
            WorkUnit(
                floor, m, experiment.state.unit(id), self.shop, self.people, named,
                is_planned=schedule is not None,
            )
            for m, id in enumerate(plant.unit_ids)
        ]  # fmt: skip
        self._maintained = [unit for unit in self.units if unit.facts.maintenance]
        for unit in self.units:
            unit.peers = self.units
            unit.agenda = self._agenda(unit)
        self.shop.holders = self.units
        self._place_orders()
        self._start_horizon()

    def run_until(self, instant: int) -> None:
        """Let time pass up to an instant, before anything happens at it."""
        self.floor.fire_until(instant, self._settle)
        self.floor.now = instant

    def result(self) -> Result:
        """What has been seen up to now."""
        now, tally, record = self.floor.now, self.floor.tally, self.floor.record
        if now <= self._warm_up:
            tally.restart(now)
        return Result(tally.totals(now), None if record is None else record.trace(self.shop.jobs))

    def unreleased(self) -> list[Job]:
        """Jobs of orders that are not yet released."""
        return self._releases.to_come

    # --- one instant, when all its timers have fired ---

    def _settle(self) -> None:
        """Let units decide and people be served until nothing changes, then log the states."""
        floor, units, scans_all = self.floor, self.units, self._scans_all
        dirty, stirred = floor.dirty, floor.stirred
        if scans_all:
            floor.mark_all()
        has_served = True
        while True:
            while dirty:
                units[floor.next_dirty()].settle()
                has_served = True
            if not floor.calls_are_open and not (scans_all and has_served):
                break
            if self._mark_who_wants_a_task():
                continue
            floor.calls_are_open = False
            has_served = self._serve_calls()
            if scans_all and has_served:
                floor.mark_all()
        for m in sorted(stirred):
            units[m].log_state()
        stirred.clear()

    def _serve_calls(self) -> bool:
        """Vehicles, then people; who asked for a task in vain goes on with something else."""
        has_served = self.shop.serve_vehicles()
        has_served |= self.people.serve()
        for unit in self._maintained:
            if unit.hindrance.overlay is Overlay.ASKED:
                unit.hindrance.refuse()
        self._mark_who_wants_a_task()
        return has_served

    def _mark_who_wants_a_task(self) -> bool:
        """Idle units that wait for the crew of a task look around when it could come."""
        found = [unit.index for unit in self._maintained if unit.wants_task()]
        for unit in found:
            self.floor.mark(unit)
        return bool(found)

    # --- the start ---

    def _agenda(self, unit: WorkUnit) -> Agenda:
        upkeep, experiment = unit.hindrance.upkeep, self.experiment
        rule = Dispatching(unit.index, self.shop, experiment.policy, upkeep)
        if experiment.schedule is None:
            return rule
        segments = experiment.schedule.of_unit(unit.facts.id)
        return Planned(segments, unit.index, self.shop, rule, unit.calendar, upkeep)

    def _add_transports(self) -> None:
        first = 0
        transports = self.plant.plant.transports
        for facts, driving in zip(transports, self.floor.tally.driving, strict=True):
            numbers = range(first, first + facts.vehicles)
            self.shop.transports.append(Transport(self.floor, numbers, driving, self.shop.arrive))
            first += facts.vehicles

    def _place_orders(self) -> None:
        """Put every order where the shop state has it."""
        plant = self.plant
        self._to_release: list[tuple[int, int, list[Job]]] = []
        placed: list[tuple[WorkOrder, list[Job]]] = []
        for sequence, order in enumerate(self.experiment.orders):
            placed.append((order, order_jobs(self.shop, order, sequence)))
        if self.experiment.state.exact is not None:
            self._take_up(self.experiment.state.exact)
            return
        for sequence, (order, jobs) in enumerate(placed):
            where = self.experiment.state.order(order.id)
            steps = len(plant.routes[jobs[0].product])
            for job in jobs:
                job.go_to(min(where.operations_done, steps))
                job.is_complete = job.step == steps
            if jobs[0].is_complete:
                continue
            if where.running_on:
                self._continue(jobs[0], where.running_on, where.done_fraction)
                waiting = jobs[1:]
            elif where.operations_done == 0:
                release = max(to_tick(plant.horizon.to_minutes(order.release_date)), 0)
                self._to_release.append((release, sequence, jobs))
                waiting = []
            else:
                waiting = jobs
            for job in waiting:
                self.shop.put_at_start(job)

    def _take_up(self, snapshot: Snapshot) -> None:
        """Go on from an exact state; the orders it does not know are still to be released."""
        for jobs in take_up(snapshot, self.shop, self.units, self.experiment.schedule):
            first = jobs[0]
            release = max(to_tick(self.plant.horizon.to_minutes(first.order.release_date)), 0)
            self._to_release.append((release, first.origin, jobs))

    def _continue(self, job: Job, unit_id: str, done: float) -> None:
        """A job is in work when the horizon begins."""
        index = self.plant.unit_index.get(unit_id)
        operation = job.operation
        if index is None or (index, operation, job.product) not in self.plant.rows:
            raise NoriaError(
                f"shop state: order {job.order.id} runs on {unit_id}, which cannot do "
                f"{self.plant.operation_ids[operation]} for {job.order.product}; "
                "correct the log or the plant's processing rows"
            )
        unit = self.units[index]
        unit.under_way.append((job, done))
        self.shop.appear(job)
        self.shop.planned.pop((job.order.id, operation), None)
        if isinstance(unit.agenda, Planned):
            unit.agenda.drop(job.order.id, operation)

    def _start_horizon(self) -> None:
        """Instant 0 is worked through like any other, when all is in place."""
        floor, plant = self.floor, self.plant.plant
        if self.experiment.state.exact is None:
            for unit in self.units:
                unit.hindrance.look()
        units = [unit.hindrance for unit in self.units]
        self.causes = [Cause(floor, n, units) for n in range(len(plant.common_causes))]
        orders = len(self.experiment.orders)
        self.sources = sources = [
            Source(floor, self.shop, n, facts, orders) for n, facts in enumerate(plant.sources)
        ]
        if (exact := self.experiment.state.exact) is not None:
            for facts, source in zip(plant.sources, sources, strict=True):
                source.take_up(exact.sources[facts.id])
            for event, cause in zip(plant.common_causes, self.causes, strict=True):
                cause.take_up(exact.causes[event.id])

        def taken(job: Job) -> None:
            if job.origin >= orders:
                sources[job.origin - orders].taken(job)

        self.shop.taken = taken
        self._releases = Releases(floor, self.shop, self._to_release)
        self._warm_up = warm_up = to_tick(self.experiment.warm_up)
        if 0 < warm_up < floor.end:
            floor.at(warm_up, _END_WARM_UP, lambda _: floor.tally.restart(warm_up))
        floor.mark_all()
        floor.stirred.update(range(len(self.units)))  # an exact state may be in work all along
        floor.at(0, _LOOK_AROUND, lambda _: None)


def planned_units(schedule: Schedule, plant: CompiledPlant) -> dict[tuple[str, int], int]:
    """The work unit of every (order, operation) of a schedule."""
    return {
        (s.order, plant.operation_index[s.operation]): plant.unit_index[s.work_unit]
        for s in schedule.segments
        if s.kind == "work"
    }
