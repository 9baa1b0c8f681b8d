"""One order through the plan: its steps, when and where, and how long it waits before each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboards.figures.causes import Cause, delay_causes
from scenarios.scenario import Case
from twin.accounting.report import OrderReport, Report
from twin.model.orders import WorkOrder
from twin.model.plant import Product
from twin.model.schedule import Assignment, Schedule

StepState = Literal["done", "running", "planned", "no place"]


@dataclass(frozen=True)
class Step:
    """One operation of an order. Times in minutes from the horizon's start."""

    operation: str
    """Name, else id."""
    state: StepState
    work_unit: str = ""
    start: float | None = None
    end: float | None = None
    waiting: float | None = None
    """From the end of the step before (or release, or minute 0) to the first minute of work."""


@dataclass(frozen=True)
class OrderStory:
    """Everything the plan and the twin say about one order."""

    order: WorkOrder
    product: Product
    steps: tuple[Step, ...]
    due: float
    """[min]"""
    planned_end: float | None
    """[min]"""
    expected: OrderReport | None
    """From the twin; None when it was not simulated."""
    causes: tuple[Cause, ...]
    """Where its time goes; they add up to the time from release to planned end."""

    @property
    def margin(self) -> float | None:
        """Due date less planned end [min]; negative when late."""
        return None if self.planned_end is None else self.due - self.planned_end

    @property
    def waiting(self) -> float:
        """Sum of the waits before its steps [min]."""
        return sum(step.waiting or 0.0 for step in self.steps)


def order_story(
    case: Case, schedule: Schedule, report: Report | None, id: str
) -> OrderStory | None:
    """The story of an order; None when the order book has no such order."""
    order = next((o for o in case.orders if o.id == id), None)
    if order is None:
        return None
    expected = next((o for o in report.orders if o.order == id), None) if report else None
    return OrderStory(
        order=order,
        product=case.plant.product(order.product),
        steps=_steps(case, schedule, order),
        due=case.horizon.to_minutes(order.due_date),
        planned_end=None if id in schedule.unplaced else schedule.completion(id),
        expected=expected,
        causes=delay_causes(schedule, case.plant, order),
    )


def _steps(case: Case, schedule: Schedule, order: WorkOrder) -> tuple[Step, ...]:
    names = {o.id: o.name or o.id for o in case.plant.operations}
    planned = {a.operation: a for a in schedule.assignments if a.order == order.id}
    state = case.state.order(order.id)
    ready = max(case.horizon.to_minutes(order.release_date), 0.0)
    steps = []
    for number, operation in enumerate(case.plant.route_of(case.plant.product(order.product))):
        if number < state.operations_done:
            steps.append(Step(names[operation], "done"))
            continue
        is_running = number == state.operations_done and bool(state.running_on)
        work = planned.get(operation)
        steps.append(_step(names[operation], work, ready, is_running))
        ready = work.end if work else ready
    return tuple(steps)


def _step(name: str, work: Assignment | None, ready: float, is_running: bool) -> Step:
    if work is None:
        return Step(name, "no place")
    return Step(
        name,
        "running" if is_running else "planned",
        work.work_unit,
        work.start,
        work.end,
        0.0 if is_running else max(work.start - ready, 0.0),
    )
