"""The shop against its published plan: how far each order is ahead or behind, and what runs where.

Ahead and behind are minutes of the work unit's own shifts: nobody falls behind in a closed night.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from scenarios import archive
from scenarios.archive import Run
from scenarios.ledger import Ledger
from twin.errors import Fault, InputError
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.orders import WorkOrder
from twin.model.schedule import Segment
from twin.model.state import OrderState, ShopState

NOTHING = OrderState()


def published_last(folder: Path) -> str:
    """Id of the run whose plan was published last; empty when none was."""
    published = Ledger(folder).publications()
    return published[-1] if published else ""


def plan_in_force(folder: Path) -> Run:
    """The run whose plan was published last.

    Raises
    ------
    InputError
        When no plan has been published, or the run is gone or damaged.
    """
    id = published_last(folder)
    if not id:
        found = "no plan has been published, so there is nothing to watch against"
        remedy = "run noria replan on the same configuration first"
        raise InputError(str(folder), [Fault("", found, remedy)])
    if folder / id not in archive.run_folders(folder):
        found = f"the plan published last, {id}, is not in the archive any more"
        raise InputError(str(folder), [Fault("", found, "run noria replan again")])
    return archive.load_run(folder / id)


@dataclass(frozen=True)
class Place:
    """What a plan has a work unit do at an instant."""

    kind: str = ""
    """As of a segment; empty: nothing."""
    order: str = ""
    operation: str = ""
    task: str = ""


@dataclass(frozen=True)
class Standing:
    """How far an open order has come, against its plan."""

    order: WorkOrder
    state: OrderState
    operation: str
    """Running, or the next one."""
    work_unit: str
    """Where it runs, or is planned to; empty when neither is known."""
    behind: float | None
    """Minutes of shift behind the plan, negative ahead; None without a place in the plan."""
    planned_end: datetime | None

    @property
    def is_running(self) -> bool:
        return bool(self.state.running_on)


@dataclass(frozen=True)
class InForce:
    """A published plan, ready to be compared with."""

    run: Run

    @cached_property
    def compiled(self) -> CompiledPlant:
        return compile_plant(self.run.case.plant, self.run.case.horizon)

    @cached_property
    def _steps(self) -> dict[tuple[str, str], tuple[Segment, ...]]:
        """Setup and work of every operation, in time order."""
        found: dict[tuple[str, str], list[Segment]] = {}
        for s in sorted(self.run.schedule.segments, key=lambda s: (s.start, s.end)):
            if s.kind in ("setup", "work"):
                found.setdefault((s.order, s.operation), []).append(s)
        return {step: tuple(segments) for step, segments in found.items()}

    def minute(self, at: datetime) -> float:
        return self.run.schedule.horizon.to_minutes(at)

    def route(self, order: WorkOrder) -> list[str]:
        plant = self.run.case.plant
        return plant.route_of(plant.product(order.product))

    def place(self, unit: str, at: datetime) -> Place:
        """What a work unit should be doing."""
        now = self.minute(at)
        for s in self.run.schedule.segments:
            if s.work_unit == unit and s.start <= now < s.end:
                return Place(s.kind, s.order, s.operation, s.task)
        return Place()

    def standings(self, state: ShopState) -> Iterator[Standing]:
        """Every order of the plan that is not complete."""
        for order in self.run.case.orders:
            mine, route = state.order(order.id), self.route(order)
            if mine.operations_done >= len(route):
                continue
            operation = route[mine.operations_done]
            own = self._steps.get((order.id, operation), ())
            end = self.run.schedule.completion(order.id)
            yield Standing(
                order, mine, operation,
                mine.running_on or (own[0].work_unit if own else ""),
                self._behind(order, mine, state.at),
                None if end is None else self.run.schedule.horizon.to_datetime(end),
            )  # fmt: skip

    def _behind(self, order: WorkOrder, state: OrderState, at: datetime) -> float | None:
        """Shift minutes from the planned instant of this progress until now.

        Between two operations, and during a setup, a stretch of time is on plan.
        """
        route, n = self.route(order), state.operations_done
        own = self._steps.get((order.id, route[n]), ())
        work = [s for s in own if s.kind == "work"]
        if not work:
            return None
        now = self.minute(at)
        if state.running_on and state.done_fraction > 0:
            instant = self._instant(order.id, n, state.done_fraction, work)
            return self._open_minutes(state.running_on, instant, now)
        earliest, latest = own[0].start, own[0].start
        if state.running_on:
            latest = work[0].start
        else:  # waiting: on plan since the operation before was to end, if the plan has one
            before = self._steps.get((order.id, route[n - 1]), ()) if n else ()
            earliest = min(before[-1].end, latest) if before else -float("inf")
        if now > latest:
            return self._open_minutes(work[0].work_unit, latest, now)
        return -self._open_minutes(work[0].work_unit, now, earliest) if now < earliest else 0.0

    def _instant(self, order: str, n: int, fraction: float, work: list[Segment]) -> float:
        """When the plan has an operation done to a fraction."""
        at_cut_off = self.run.case.state.order(order)
        was = at_cut_off.done_fraction if at_cut_off.operations_done == n else 0.0
        left = max((fraction - was) / (1 - was), 0.0) * sum(s.minutes for s in work)
        for s in work:
            if left <= s.minutes:
                return s.start + left
            left -= s.minutes
        return work[-1].end

    def _open_minutes(self, unit: str, begin: float, end: float) -> float:
        """Shift minutes of a unit from one instant to another; negative backwards."""
        if end < begin:
            return -self._open_minutes(unit, end, begin)
        open_time = self.compiled.unit_open[self.compiled.unit_index[unit]]
        return open_time.working_minutes(begin, end)

    @property
    def age_start(self) -> datetime:
        """The cut-off that the plan was made for."""
        return self.run.schedule.horizon.start
