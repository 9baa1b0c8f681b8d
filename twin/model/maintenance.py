"""Which preventive tasks fall due in a horizon, and when they may start."""

from __future__ import annotations

from dataclasses import dataclass

from twin.model.failures import MaintenanceTask
from twin.model.horizon import Horizon
from twin.model.plant import Plant
from twin.model.state import ShopState

OVERDUE_GRACE = 24 * 60.0
"""An overdue task must start within this time [min], or within twice its tolerance if longer."""
BUSY_GRACE = 4 * 24 * 60.0
"""On a work unit in the middle of an operation or a repair, no window closes before this [min]: the
work is finished first, be there a weekend between."""


@dataclass(frozen=True)
class DueTask:
    """One execution of a preventive task that has to start inside [earliest, latest] [min]."""

    work_unit: str
    task: MaintenanceTask
    due: float
    earliest: float
    latest: float

    def cost_at(self, start: float) -> float:
        """Cost of executing at ``start``: early execution throws away the unused share of the
        interval; late execution (inside the window) is charged the plain cost."""
        unused = max(self.due - start, 0.0) / self.task.interval
        return self.task.cost * (1 + unused)


def due_tasks(plant: Plant, state: ShopState, horizon: Horizon) -> list[DueTask]:
    """Executions whose window closes inside the horizon, by work unit, task and due date.

    The first falls due one interval after the last recorded execution (never recorded: at the
    start of the horizon), the following ones at the interval. An overdue first execution must
    start within :data:`OVERDUE_GRACE` (or twice its tolerance); a unit that is busy at the start
    has at least :data:`BUSY_GRACE`. Only tasks due by calendar have such dates.
    """
    found = []
    running = {order.running_on for order in state.orders.values()}
    for unit in plant.work_units:
        is_busy = unit.id in running or state.unit(unit.id).unavailable_minutes > 0
        for task in unit.maintenance:
            if task.due_by != "calendar":
                continue
            last = state.unit(unit.id).last_maintenance.get(task.id)
            due = task.interval + horizon.to_minutes(last) if last else 0.0
            earliest, latest = max(due - task.tolerance, 0.0), due + task.tolerance
            if latest < OVERDUE_GRACE and due <= 0:
                earliest, latest = 0.0, max(OVERDUE_GRACE, 2 * task.tolerance)
                due = 0.0
            if is_busy:
                latest = max(latest, min(BUSY_GRACE, horizon.minutes - task.duration))
            while latest + task.duration <= horizon.minutes:
                found.append(DueTask(unit.id, task, due, earliest, latest))
                due += task.interval
                earliest, latest = due - task.tolerance, due + task.tolerance
    return found
