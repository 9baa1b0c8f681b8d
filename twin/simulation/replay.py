"""The exact state of a simulated shop at an instant, read from its log up to then.

All luck can be looked up (:mod:`twin.behaviour.randomness`), so log, plant, orders and the name of
the luck say everything: which life of a failure mode runs and how much of it is used up, how
long the repair under way was drawn, what is left of the lot in work, who came to wait before whom.
The log is walked row by row with the same lives the engines draw.

It is done for the features most plants have; :func:`beyond` names those for which it is not.
:mod:`twin.simulation.rerun` knows no such bounds, but must be told the plan and the rule too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from twin.behaviour.randomness import Luck
from twin.errors import NoriaError
from twin.model.compiled import CompiledPlant
from twin.model.events import EventLog
from twin.model.network import Source
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.snapshot import JobSnapshot, People, Snapshot, SourceSnapshot
from twin.model.state import ShopState
from twin.simulation.clock import OpenTicks, duration, to_tick
from twin.simulation.material import Materials
from twin.simulation.unit_walk import Event, JobWalk, Setting, UnitWalk

_TICK = timedelta(microseconds=1)


def replay(
    log: EventLog,
    plant: CompiledPlant,
    orders: OrderBook,
    at: datetime,
    luck: Luck,
    start: ShopState | None = None,
) -> Snapshot:
    """State of a simulated shop at an instant, from the events before it.

    Parameters
    ----------
    log
        As simulated, without a plan, from the start of the plant's horizon on.
    luck
        The luck it was simulated with.
    start
        State it was simulated from; nothing begun and everything new when left out.

    Raises
    ------
    NoriaError
        For a plant beyond what can be read, or a log that another luck has written.
    """
    start = start or ShopState(plant.horizon.start)
    if names := [*beyond(plant.plant), *_beyond_start(start)]:
        raise NoriaError(
            f"replay: the exact state cannot be read from a log where there are "
            f"{', '.join(names)}; give rerun.exact_state the plan and rule too, or start from "
            "shop_state"
        )
    walk = _Walk(plant, orders, luck, start)
    rows = log.until(at).table
    ticks = ((rows["time"] - plant.horizon.start) // _TICK).tolist()
    columns = (rows[name].tolist() for name in _COLUMNS)
    events = [Event(tick, *row) for tick, *row in zip(ticks, *columns, strict=True)]
    for tick, group in groupby(events, key=lambda event: event.tick):
        walk.instant(tick, list(group))
    return walk.snapshot((at - plant.horizon.start) // _TICK)


def beyond(plant: Plant) -> list[str]:
    """Features of a plant of which a log does not tell enough."""
    rows = [row for unit in plant.work_units for row in unit.processing]
    modes = [mode for unit in plant.work_units for mode in unit.failure_modes]
    found = {
        "stocks": plant.stocks,
        "carriages": [o for o in plant.operations if o.carriage],
        "branches": [route for route in plant.routes if route.branches],
        "jobs smaller than their order": [p for p in plant.products if p.moves_by != "order"],
        "loads of several jobs": [row for row in rows if row.load],
        "inspections of jobs": [u for u in plant.work_units if u.inspection],
        "common causes": [m for m in modes if m.common_cause],
        "sources that always have a part waiting": [
            source for source in plant.sources if source.time_between is None
        ],
        "hidden failures that scrap the work": [
            m for m in modes if m.detected == "at_inspection" and m.interrupted == "scrap"
        ],
    }
    return [name for name, having in found.items() if having]


def _beyond_start(start: ShopState) -> list[str]:
    running = [id for id, order in start.orders.items() if order.running_on]
    return ["orders under way at its beginning"] if running else []


_COLUMNS = ("work_unit", "event", "state", "order", "lot", "quantity", "reason")


class _Walk:
    """A whole shop, instant by instant."""

    def __init__(
        self, plant: CompiledPlant, orders: OrderBook, luck: Luck, start: ShopState
    ) -> None:
        self._plant = plant
        self._jobs = {order.id: self._job(n, order, start) for n, order in enumerate(orders)}
        self._materials = Materials(plant)
        self._luck = luck
        self._parts: Counter[str] = Counter()
        """Brought by each source."""
        setting = Setting(plant, luck, self._materials, self._jobs)
        self._units = {
            id: UnitWalk(m, setting, start.unit(id)) for m, id in enumerate(plant.unit_ids)
        }
        self._crews = [
            _Crew(crew.id, crew.size, OpenTicks(plant.crew_open[crew.id]))
            for crew in plant.plant.crews
        ]

    def _job(self, place: int, order: WorkOrder, start: ShopState) -> JobWalk:
        plant, product = self._plant, self._plant.product_index[order.product]
        step = start.order(order.id).operations_done
        job = JobWalk(order.id, order.id, 0, product, step, order.quantity, came=(-1, 0, place))
        job.is_complete = step >= len(plant.routes[product])
        job.is_waiting = step > 0 and not job.is_complete
        return job

    def instant(self, tick: int, events: list[Event]) -> None:
        """All rows of one instant."""
        self._do_again(tick)
        having_rows = {event.unit for event in events}
        for name, unit in self._units.items():
            if name not in having_rows:
                unit.do_again(tick)
        for n, event in enumerate(events):
            seen = self._units.get(event.unit)
            if seen is not None:
                seen.turn_to(tick)
            if event.event == "release":
                job = self._jobs.get(event.order) or self._part(event.order)
                job.released, job.came, job.is_waiting = tick, (tick, 0, n), True
            elif event.event == "complete":
                self._jobs[event.order].is_complete = True
                self._jobs[event.order].is_waiting = False
            elif seen is not None and event.event == "start":
                self._let_others_leave(seen, event)
                seen.start(event)
            elif seen is not None and event.event == "end":
                seen.end(event)
            elif seen is not None and event.event == "state":
                seen.state(event)
        self._serve(tick)

    def _part(self, name: str) -> JobWalk:
        """A part of a source has come."""
        id, _, number = name.rpartition("-")
        source = next(source for source in self._plant.plant.sources if source.id == id)
        product = self._plant.product_index[source.product]
        job = JobWalk(name, id, int(number) - 1, product, 0, source.quantity)
        self._jobs[name] = job
        self._parts[id] += 1
        return job

    def _do_again(self, before: int) -> None:
        """Tasks that were begun again at instants of which the log has no row."""
        while True:
            ends = [u.until for u in self._units.values() if u.overlay == "maintenance"]
            tick = min(ends, default=before)
            if tick >= before:
                return
            for unit in self._units.values():
                unit.do_again(tick)
            self._serve(tick)

    def _let_others_leave(self, taker: UnitWalk, event: Event) -> None:
        """A job that is taken has left the unit before."""
        for unit in self._units.values():
            if unit is not taker and unit.must_leave and unit.job is self._jobs[event.order]:
                unit.leave(event.tick)

    def _serve(self, tick: int) -> None:
        """Who goes free, and who of several crews has come."""
        units = self._units.values()
        for unit in units:
            unit.end_instant(tick)
            for here in unit.freed:
                self._crew(here.crew).busy -= here.people
            unit.freed.clear()
        calls = [(call, unit) for unit in units for call in unit.begun]
        for call, unit in sorted(calls, key=lambda row: row[0]):
            able = [self._crews[c] for c in self._plant.crews_for[call.crew]]
            crew = next(c for c in able if c.could_come(call.people, tick))
            crew.busy += call.people
            unit.here[call.role] = People(crew.id, call.people)
            unit.begun.clear()

    def _crew(self, id: str) -> _Crew:
        return next(crew for crew in self._crews if crew.id == id)

    def snapshot(self, cut: int) -> Snapshot:
        """Instants count from the cut-off from here on."""
        self._do_again(cut)
        units = [unit for unit in self._units.values() if unit.job is not None]
        held = {unit.job.name for unit in units if unit.job and unit.base == "blocked"}
        pieces = {unit.job.name: unit.pieces_now() for unit in units if unit.job}
        inside = dict(self._inside())
        waiting = sorted(inside.values(), key=lambda job: job.came)
        rank = {id(job): n for n, job in enumerate(j for j in waiting if j.is_waiting)}
        jobs = {
            name: JobSnapshot(
                origin=job.origin,
                serial=job.serial,
                step=job.step,
                visits=(1,) * job.step + (0,) * (len(self._plant.routes[job.product]) - job.step),
                pieces=pieces.get(name, job.pieces),
                released=job.released - cut,
                is_waiting=job.is_waiting,
                arrived=max(job.came[0], 0) - cut if job.is_waiting else 0,
                came=rank.get(id(job), 0) if job.is_waiting else 0,
                has_place=job.is_waiting and job.step > 0 and name not in held,
            )
            for name, job in inside.items()
        }
        return Snapshot(
            units={id: unit.snapshot(cut) for id, unit in self._units.items()},
            jobs=jobs,
            complete=tuple(
                name
                for name, job in self._jobs.items()
                if job.is_complete and job.name == job.origin
            ),
            mounted=self._materials.coils.by_unit(),
            issued=dict(self._materials.coils.issued),
            histories=self._materials.snapshot(jobs),
            sources={s.id: self._source(s, cut) for s in self._plant.plant.sources},
        )

    def _source(self, source: Source, cut: int) -> SourceSnapshot:
        """What a source has brought, and when the next part comes."""
        parts, law = self._parts[source.id], source.time_between
        assert law is not None
        if source.limit is not None and parts >= source.limit:
            return SourceSnapshot(parts, None)
        luck = self._luck.stream(source.id, "time between")
        between = (duration(law.quantile(luck.uniform(k))) for k in range(parts + 1))
        tick = to_tick(source.start) + sum(between)
        return SourceSnapshot(parts, tick - cut)

    def _inside(self) -> Iterator[tuple[str, JobWalk]]:
        worked = {id(unit.job) for unit in self._units.values()}
        for name, job in self._jobs.items():
            if not job.is_complete and (job.is_waiting or id(job) in worked):
                yield name, job


@dataclass
class _Crew:
    """People, and when they are on duty."""

    id: str
    size: int
    calendar: OpenTicks
    busy: int = field(default=0)

    def could_come(self, people: int, tick: int) -> bool:
        return self.calendar.closing(tick) is not None and self.busy + people <= self.size
