"""What a plan cannot honour yet, although the simulator does it: refused by name, not overlooked.

A plan has one batch for each order, each operation of its route once, on a unit that is ready at
once; people are asked for preventive tasks only, and failures cost what their expected number
costs. What breaks one of these would make a plan wrong. What only delays work in ways that no plan
foresees (repairs that wait for a crew or spare part, scrap, defects, inspections that scrap, tasks
due by condition, the spread of times) is left to the simulation that judges the plan.
"""

from __future__ import annotations

from collections.abc import Iterator

from twin.errors import Fault, InputError
from twin.model.failures import FailureMode, MaintenanceTask
from twin.model.laws import Exponential
from twin.model.plant import Operation, Plant, Product, WorkUnit

REMEDY = "leave it out to plan, or only simulate this plant"


def refuse_unsupported(plant: Plant) -> None:
    """Stop before a plan is made that the plant would not follow.

    Raises
    ------
    InputError
        With every part of the plant that plans cannot honour.
    """
    faults = [Fault(where, f"plans cannot honour {what}", REMEDY) for where, what in _found(plant)]
    if faults:
        raise InputError(f"plant {plant.id}", faults)


def _found(plant: Plant) -> Iterator[tuple[str, str]]:
    """Where something stands, and what it is."""
    for source in plant.sources:
        yield f"source {source.id}", "parts that come without a work order"
    for operation in plant.operations:
        yield from _of_operation(operation)
    for route in plant.routes:
        for branch in route.branches:
            yield f"route {route.id}", f"a branch after {branch.after}"
    for product in plant.products:
        yield from _of_product(product, plant)
    for unit in plant.work_units:
        yield from _of_unit(unit)
        for task in unit.maintenance:
            yield from _of_task(f"{unit.id}, maintenance {task.id}", task, plant)
        for mode in unit.failure_modes:
            if mode.cost > 0:
                yield from _of_mode(f"{unit.id}, failure mode {mode.id}", mode)


def _of_operation(operation: Operation) -> Iterator[tuple[str, str]]:
    where = f"operation {operation.id}"
    if operation.buffer_jobs is not None:
        yield where, "room counted in jobs (buffer_jobs; buffer_kg can be planned)"
    if operation.carriage:
        yield where, f"carriage by {operation.carriage.by}"
    if operation.uses:
        yield where, f"parts from stock ({', '.join(operation.uses)})"


def _of_product(product: Product, plant: Plant) -> Iterator[tuple[str, str]]:
    where = f"product {product.id}"
    if product.moves_by != "order":
        yield where, f"orders cut into jobs (moves_by {product.moves_by})"
    full = {stock.id for stock in plant.stocks if stock.capacity is not None}
    if product.into in full:
        yield where, f"a stock that may be full ({product.into})"


def _of_unit(unit: WorkUnit) -> Iterator[tuple[str, str]]:
    for row in unit.processing:
        where = f"{unit.id}, operation {row.operation}"
        if row.load and row.load.max_jobs > 1:
            yield where, "a load of several jobs"
        if row.operators is not None:
            yield where, f"operators ({row.operators})"
    if unit.setup and unit.setup.crew is not None:
        yield f"{unit.id}, setup", f"setups by a crew ({unit.setup.crew})"
    if unit.inspection and unit.inspection.rework_to is not None:
        yield f"{unit.id}, inspection", f"rework ({unit.inspection.rework_to})"


def _of_task(where: str, task: MaintenanceTask, plant: Plant) -> Iterator[tuple[str, str]]:
    if task.due_by == "condition":
        return  # done when found due, as a repair is
    if task.due_by != "calendar":
        yield where, f"a task due by {task.due_by}; by calendar it can be planned"
    asked = [crew.id for crew in plant.crews if task.crew in (crew.id, *crew.skills)]
    if asked != [task.crew]:
        yield where, f"people by skill ({task.crew}: {', '.join(asked)}; name one crew)"
    if task.people > 1:
        yield where, f"a task of {task.people} people"


def _of_mode(where: str, mode: FailureMode) -> Iterator[tuple[str, str]]:
    """A failure that costs money is counted on its own life and mended as new, seen at once."""
    law = mode.time_to_failure
    if law is None:
        what = "degradation" if mode.degradation else f"common cause {mode.common_cause}"
        yield where, f"the cost of failures by {what}"
    if mode.clock == "count":
        yield where, "the cost of failures by lots (clock count)"
    if mode.detected != "at_once":
        yield where, "the cost of failures that nobody sees at once"
    is_as_new = mode.repair_effect == "new" or (
        mode.repair_effect != "old" and mode.restores == 1
    )  # fmt: skip
    if law is not None and not is_as_new and not isinstance(law, Exponential):
        yield where, f"the cost of failures after repairs that leave it {mode.repair_effect}"
