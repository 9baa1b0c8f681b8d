"""What can stand in an order's way, and the same night with one such cause taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from scenarios.scenario import Case
from twin.model.demands import Demands
from twin.model.orders import OrderBook
from twin.model.plant import WorkUnit
from twin.model.schedule import Schedule

Kind = Literal[
    "capacity", "setup", "maintenance", "failures", "energy", "release", "frozen", "calendar",
    "right_of_way", "priority", "work",
]  # fmt: skip
"""*capacity*: its work unit is taken by other orders. *setup*: setups of that unit take time.
*maintenance*: a preventive task stands there. *failures*: breakdowns make it late, not the plan.
*energy*: it could start sooner, and cheaper hours are worth more. *release*: its date. *frozen*:
what last night's plan told the floor. *calendar*: the unit's shifts. *right_of_way*: other orders
go first that could wait, with no more lateness in all. *priority*: orders that would be late in its
place. *work*: what is left of it takes longer than there
is time, whatever else is done."""
TWIN = "+"
"""Added to the id of a unit that stands twice."""


@dataclass(frozen=True)
class Cause:
    """One cause that can be taken away."""

    kind: Kind
    unit: str = ""
    task: str = ""


def without(cause: Cause, case: Case, order: str) -> Case:
    """The case with one cause taken away; *energy* and giving way are the search's to drop."""
    change = _CHANGES.get(cause.kind)
    return change(cause, case, order) if change else case


def plan_before(cause: Cause, previous: Schedule | None) -> Schedule | None:
    """Last night's plan as the case without a cause knows it."""
    return None if cause.kind == "frozen" else previous


def _second_unit(cause: Cause, case: Case, order: str) -> Case:
    """The work unit stands twice; the second never fails and is not maintained."""
    units = list(case.plant.work_units)
    at = next(i for i, unit in enumerate(units) if unit.id == cause.unit)
    second = units[at].model_copy(
        update={"id": cause.unit + TWIN, "failure_modes": [], "maintenance": []}
    )
    units.append(second)
    condition = replace(case.state.unit(cause.unit), is_on=False, unavailable_minutes=0.0, ages={})
    state = replace(case.state, units={**case.state.units, second.id: condition})
    return replace(_with_units(case, units), state=state)


def _changed(update: Callable[[Cause, WorkUnit], WorkUnit]) -> Callable[[Cause, Case, str], Case]:
    def change(cause: Cause, case: Case, order: str) -> Case:
        units = [update(cause, u) if u.id == cause.unit else u for u in case.plant.work_units]
        return _with_units(case, units)

    return change


def _with_units(case: Case, units: list[WorkUnit]) -> Case:
    return replace(case, plant=case.plant.model_copy(update={"work_units": units}))


def _no_setup(cause: Cause, unit: WorkUnit) -> WorkUnit:
    return unit.model_copy(update={"setup": None})


def _no_task(cause: Cause, unit: WorkUnit) -> WorkUnit:
    return unit.model_copy(
        update={"maintenance": [t for t in unit.maintenance if t.id != cause.task]}
    )


def _always_open(cause: Cause, unit: WorkUnit) -> WorkUnit:
    return unit.model_copy(update={"calendar": "always"})


def _no_failures(cause: Cause, case: Case, order: str) -> Case:
    """One unit that never fails; without a name, none of the plant does."""
    units = [_unfailing(u) if cause.unit in ("", u.id) else u for u in case.plant.work_units]
    common = [] if not cause.unit else case.plant.common_causes
    plant = case.plant.model_copy(update={"work_units": units, "common_causes": common})
    return replace(case, plant=plant)


def _unfailing(unit: WorkUnit) -> WorkUnit:
    tasks = [task.model_copy(update={"renews": []}) for task in unit.maintenance]
    return unit.model_copy(update={"failure_modes": [], "maintenance": tasks})


def _released(cause: Cause, case: Case, order: str) -> Case:
    start = case.horizon.start
    rows = (replace(o, release_date=start) if o.id == order else o for o in case.orders)
    return replace(case, orders=OrderBook(tuple(rows)))


def _unfrozen(cause: Cause, case: Case, order: str) -> Case:
    demands = Demands(**{**case.demands.model_dump(), "freeze": 0.0})
    return replace(case, demands=demands)


_CHANGES: dict[Kind, Callable[[Cause, Case, str], Case]] = {
    "capacity": _second_unit,
    "setup": _changed(_no_setup),
    "maintenance": _changed(_no_task),
    "calendar": _changed(_always_open),
    "failures": _no_failures,
    "release": _released,
    "frozen": _unfrozen,
}
