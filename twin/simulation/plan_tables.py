"""The part of every work unit in a schedule, as numbers for the kernel (``agenda.py``)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from twin.model.failures import MaintenanceTask
from twin.simulation.clock import OpenTicks
from twin.simulation.experiment import Experiment
from twin.simulation.unit_plan import Item, UnitPlan

NO_FOLLOWER, COLD, WARM = range(3)
WORK, KEEPS_ON, TASK = range(3)


class PlanTables:
    """Items, segments, edges and maintenance windows of all units; empty without a schedule."""

    def __init__(self, experiment: Experiment) -> None:
        plant, schedule = experiment.plant, experiment.schedule
        self._orders = {order.id: n for n, order in enumerate(experiment.orders)}
        self._routes = [plant.routes[plant.product_index[o.product]] for o in experiment.orders]
        tasks = 0
        items, segments, windows, edges = _Lists(7), _Lists(4), _Lists(3), _Lists(1)
        for m, unit in enumerate(plant.plant.work_units):
            mine = schedule.of_unit(unit.id) if schedule else ()
            plan = UnitPlan(mine, plant.operation_index, OpenTicks(plant.unit_open[m]))
            segments.extend(_segment_rows(plan, plant.operation_index, len(items)))
            items.extend(self._item_row(item) for item in plan.items)
            edges.extend((tick,) for tick in plan.edges)
            windows.extend(_window_rows(plan, unit.maintenance, tasks))
            tasks += len(unit.maintenance)
        self.item_first, self.segment_first = items.first, segments.first
        self.edge_first, self.window_first = edges.first, windows.first
        (
            self.item_order, self.item_operation, self.item_step, self.item_start,
            self.item_work, self.item_has_setup, self.item_is_followed,
        ) = items.columns  # fmt: skip
        self.segment_start, self.segment_end, self.segment_kind, self.segment_item = (
            segments.columns
        )
        self.window_task, self.window_start, self.window_follower = windows.columns
        (self.edges,) = edges.columns
        self.leg_unit = self._leg_units(experiment)

    def _item_row(self, item: Item) -> tuple[int, ...]:
        order = self._orders.get(item.order, -1)
        route = self._routes[order] if order >= 0 else ()
        step = route.index(item.operation) if item.operation in route else -1
        return (
            order, item.operation, step, item.start,
            item.work_start, int(item.has_setup), int(item.is_followed),
        )  # fmt: skip

    def _leg_units(self, experiment: Experiment) -> array[int]:
        """Work unit planned for each step of each order; -1 for none."""
        schedule, plant = experiment.schedule, experiment.plant
        if schedule is None:
            return array("q")
        planned = {
            (s.order, plant.operation_index[s.operation]): plant.unit_index[s.work_unit]
            for s in schedule.segments
            if s.kind == "work"
        }
        return array(
            "q",
            (
                planned.get((order.id, operation), -1)
                for order, route in zip(experiment.orders, self._routes, strict=True)
                for operation in route
            ),
        )


class _Lists:
    """Columns of rows that belong to one unit after the other."""

    def __init__(self, width: int) -> None:
        self.columns = [array("q") for _ in range(width)]
        self.first = array("q", [0])

    def __len__(self) -> int:
        return len(self.columns[0])

    def extend(self, rows: Iterable[tuple[int, ...]]) -> None:
        """The rows of the next unit."""
        for row in rows:
            for column, value in zip(self.columns, row, strict=True):
                column.append(value)
        self.first.append(len(self))


def _segment_rows(
    plan: UnitPlan, operations: dict[str, int], first_item: int
) -> Iterator[tuple[int, ...]]:
    """Start, end, kind and item of each segment."""
    numbers = {(item.order, item.operation): n for n, item in enumerate(plan.items, first_item)}
    for start, end, s in plan.spans:
        if s.kind in ("setup", "work"):
            yield start, end, WORK, numbers.get((s.order, operations[s.operation]), -1)
        else:
            yield start, end, TASK if s.kind == "maintenance" else KEEPS_ON, -1


def _window_rows(
    plan: UnitPlan, tasks: Sequence[MaintenanceTask], first_task: int
) -> Iterator[tuple[int, ...]]:
    """Task, start and what follows, of each planned task; those by condition are not planned."""
    numbers = {task.id: n for n, task in enumerate(tasks)}
    for start, end, s in plan.spans:
        if s.kind == "maintenance" and tasks[numbers[s.task]].due_by != "condition":
            follower = plan.follower(end)
            is_cold = follower is not None and follower.kind == "startup"
            code = NO_FOLLOWER if follower is None else COLD if is_cold else WARM
            yield first_task + numbers[s.task], start, code
