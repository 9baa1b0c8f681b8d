"""Plants that make no sense although every name in them is known, said before anything is run.

Plant classes are imported for their types only, as the plant calls these checks when it is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from twin.errors import Fault, did_you_mean

if TYPE_CHECKING:
    from twin.model.failures import FailureMode, MaintenanceTask
    from twin.model.plant import Plant, Product, Route, WorkUnit
    from twin.model.shifts import Calendar

FASTEST = 1e-3 / 60
"""Minutes between the parts of a source, at least."""
END = -1
"""In place of a step of a route: the job leaves it."""


def nonsense(plant: Plant) -> Iterator[Fault]:
    """What a plant asks for and can never have; names that mean nothing are passed over."""
    routes = {route.id: route for route in plant.routes}
    for i, route in enumerate(plant.routes):
        yield from _endless_loops(f"routes.{i}", route)
        yield from _never_reached(f"routes.{i}", route, plant)
    yield from _sources_without_end(plant, routes)
    yield from _stocks_nobody_fills(plant, routes)
    yield from _stocks_nobody_empties(plant)
    yield from _rooms_that_do_not_go_together(plant)
    for i, unit in enumerate(plant.work_units):
        yield from _setups_by_nothing(f"work_units.{i}", unit, plant)
        yield from _people_never_there(f"work_units.{i}", unit, plant)
        yield from _loads_of_no_time(f"work_units.{i}", unit)
        yield from _loads_that_never_fill(f"work_units.{i}", unit, plant, routes)
        yield from _tasks_without_end(f"work_units.{i}", unit)
        yield from _failures_nobody_finds(f"work_units.{i}", unit)
        yield from _limits_never_met(f"work_units.{i}", unit)


def _sources_without_end(plant: Plant, routes: dict[str, Route]) -> Iterator[Fault]:
    """Parts that come, or are worked, faster than any clock can tell."""
    products = {product.id: product for product in plant.products}
    for i, source in enumerate(plant.sources):
        if source.time_between is not None and source.time_between.mean < FASTEST:
            yield Fault(
                f"sources.{i}.time_between",
                f"got {source.time_between.mean:g} min on average; parts come a millisecond "
                "apart or more",
                "let several pieces come together (quantity), or correct the unit",
            )
        product = products.get(source.product)
        route = routes.get(product.route) if product is not None else None
        if source.time_between is None and product is not None and route is not None:
            rows = [row for o in route.operations for row in plant.rows_for(o, product)]
            if rows and not any(row.transit or any(row.time.values()) for row in rows):
                yield Fault(
                    f"sources.{i}",
                    f'one part of "{product.id}" is always waiting, and none takes any time',
                    "give an operation of its route a time, or the source a time_between",
                )


def successors(route: Route) -> list[dict[int, float]]:
    """Where jobs may go after each step of a route, with the probability; :data:`END` leaves it."""
    place = {id: s for s, id in enumerate(route.operations)}
    last = len(route.operations) - 1
    found = [{s + 1 if s < last else END: 1.0} for s in range(last + 1)]
    for branch in route.branches:
        if branch.after in place:
            targets: dict[int, float] = {}
            for name, share in branch.to.items():
                target = place.get(name, END)
                targets[target] = targets.get(target, 0.0) + share
            found[place[branch.after]] = targets
    return found


def _reached(start: int, after: list[set[int]]) -> set[int]:
    """Steps that a job at a step may come to, itself among them, and :data:`END`."""
    seen, left = {start}, [start]
    while left:
        step = left.pop()
        for target in after[step] if step != END else ():
            if target not in seen:
                seen.add(target)
                left.append(target)
    return seen


def _endless_loops(where: str, route: Route) -> Iterator[Fault]:
    """Rework loops that no job ever leaves."""
    after = [{t for t, share in to.items() if share > 0} for to in successors(route)]
    named: set[int] = set()
    for step in sorted(_reached(0, after) - {END}):
        steps = _reached(step, after)
        if END in steps or step in named:
            continue
        loop = sorted(s for s in steps if step in _reached(s, after))
        if step not in loop or (len(loop) == 1 and step not in after[step]):
            continue
        named |= steps
        names = ", ".join(f'"{route.operations[s]}"' for s in loop)
        yield Fault(
            f"{where}.branches", f"jobs that come to {names} never leave",
            "give a share to end, scrap or an operation further on",
        )  # fmt: skip


def _never_reached(where: str, route: Route, plant: Plant) -> Iterator[Fault]:
    """Operations that every branch goes round."""
    after = _written_successors(route, plant)
    for step in sorted(set(range(len(route.operations))) - _reached(0, after)):
        yield Fault(
            f"{where}.operations", f'no job ever comes to "{route.operations[step]}"; the branches '
            "go round it", "name it in a branch, or leave it out of the route",
        )  # fmt: skip


def _written_successors(route: Route, plant: Plant) -> list[set[int]]:
    """Steps that may follow each step, by branches of any share and by rework."""
    after = [set(to) for to in successors(route)]
    place = {id: s for s, id in enumerate(route.operations)}
    for unit in plant.work_units:
        target = unit.inspection.rework_to if unit.inspection else None
        if target in place:
            for row in unit.processing:
                if row.operation in place:
                    after[place[row.operation]].add(place[target])
    return after


def _users(plant: Plant) -> dict[str, str]:
    """Who takes pieces from each stock, in words."""
    users = {m.spare: f'repairs of "{u.id}"' for u in plant.work_units for m in u.failure_modes
             if m.spare is not None}  # fmt: skip
    return users | {stock: f'"{o.id}"' for o in plant.operations for stock in o.uses}


def _stocks_nobody_fills(plant: Plant, routes: Mapping[str, Route]) -> Iterator[Fault]:
    """Stocks that are used, and can never hold a piece.

    A product that takes from the stock it goes into (pallets that come back) is no nonsense where
    pieces are on hand at the start.
    """
    filled = {s.id for s in plant.stocks if s.on_hand > 0 or s.reorder_point is not None}
    uses = {o.id: set(o.uses) for o in plant.operations}
    known = {s.id for s in plant.stocks}
    made = [p for p in plant.products if p.into in known and p.route in routes]
    is_growing = True
    while is_growing:
        more = {p.into for p in made if _can_be_made(routes[p.route], uses, filled)} - filled
        filled |= {id for id in more if id is not None}
        is_growing = bool(more)
    users = _users(plant)
    for i, stock in enumerate(plant.stocks):
        if stock.id in filled or stock.id not in users:
            continue
        makers = [p for p in made if p.into == stock.id]
        if makers:
            needs = "; ".join(_needs(p, routes[p.route], uses, filled) for p in makers)
            found = f"it is used by {users[stock.id]}, and nothing can ever come into it: {needs}"
        else:
            found = f"it is used by {users[stock.id]}, and nobody fills it"
        yield Fault(
            f"stocks.{i}", f'"{stock.id}": {found}',
            "give it pieces on_hand, a reorder_point with a lead_time, or a product that goes "
            "into it",
        )  # fmt: skip


def _can_be_made(route: Route, uses: Mapping[str, set[str]], filled: set[str]) -> bool:
    """Whether some way through a route needs only parts that can be had."""
    ends = {b.after: b.to.get("end", 0.0) for b in route.branches}
    after = [{t for t, share in to.items() if share > 0} for to in successors(route)]
    can = [uses.get(id, set()) <= filled for id in route.operations]
    open_steps = [after[s] if can[s] else set() for s in range(len(after))]
    last = route.operations[-1]
    return any(
        can[s] and (ends[id] > 0 if id in ends else id == last)
        for s, id in enumerate(route.operations)
        if s in _reached(0, open_steps)
    )


def _needs(
    product: Product, route: Route, uses: Mapping[str, set[str]], filled: set[str]
) -> str:  # fmt: skip
    missing = sorted({stock for o in route.operations for stock in uses.get(o, set()) - filled})
    return f'product "{product.id}" needs {", ".join(missing)} first'


def _stocks_nobody_empties(plant: Plant) -> Iterator[Fault]:
    users = _users(plant)
    for i, stock in enumerate(plant.stocks):
        makers = [p.id for p in plant.products if p.into == stock.id]
        if stock.capacity is not None and makers and stock.id not in users:
            yield Fault(
                f"stocks.{i}.capacity",
                f'got {stock.capacity}; nobody takes from "{stock.id}", so it fills and '
                f"{', '.join(makers)} stays on its unit for ever",
                "leave the capacity out, or name the stock in uses or spare",
            )


def _rooms_that_do_not_go_together(plant: Plant) -> Iterator[Fault]:
    """Two measures of one room, and carriage to a place where nothing may be put down."""
    for i, step in enumerate(plant.operations):
        if step.buffer_kg is not None and step.buffer_jobs is not None:
            yield Fault(
                f"operations.{i}", "room in buffer_kg and in buffer_jobs; one measure is expected",
                "leave one out",
            )  # fmt: skip
        if step.carriage and step.buffer_jobs == 0:
            yield Fault(
                f"operations.{i}.buffer_jobs", f'got 0; jobs are carried to "{step.id}" and must '
                "be put down there", "give it room for one, or leave buffer_jobs out",
            )  # fmt: skip


def _setups_by_nothing(where: str, unit: WorkUnit, plant: Plant) -> Iterator[Fault]:
    """Setups by an attribute that no product has, so that none is ever made."""
    attributes = {name for p in plant.products for name in p.attributes}
    known = attributes | {"product", "family"}
    if unit.setup and unit.setup.by not in known:
        hint = did_you_mean(unit.setup.by, known)
        yield Fault(f"{where}.setup.by", f'no product has an attribute "{unit.setup.by}"', hint)


def _people_never_there(where: str, unit: WorkUnit, plant: Plant) -> Iterator[Fault]:
    """Work that waits for ever, for people whose calendars have no hours."""
    calendars = plant.calendars_by_id
    for place, name, people in _people_asked(unit):
        asked = [
            crew for crew in plant.crews if name in (crew.id, *crew.skills) and crew.size >= people
        ]
        closed = [c for c in asked if c.calendar in calendars and not _hours(calendars[c.calendar])]
        if asked and closed == asked:
            empty = ", ".join(f'"{id}"' for id in dict.fromkeys(crew.calendar for crew in asked))
            yield Fault(
                f"{where}.{place}",
                f'nobody of "{name}" is ever on duty: calendar {empty} has no hours',
                "give it windows, or the crew another calendar",
            )


def _people_asked(unit: WorkUnit) -> Iterator[tuple[str, str, int]]:
    """Where a work unit asks for people, for whom, and for how many at once."""
    if unit.setup and unit.setup.crew is not None:
        yield "setup.crew", unit.setup.crew, 1
    for n, row in enumerate(unit.processing):
        if row.operators is not None:
            yield f"processing.{n}.operators", row.operators, row.people
    for n, mode in enumerate(unit.failure_modes):
        if mode.crew is not None:
            yield f"failure_modes.{n}.crew", mode.crew, mode.people
    for n, task in enumerate(unit.maintenance):
        yield f"maintenance.{n}.crew", task.crew, task.people


def _hours(calendar: Calendar) -> bool:
    """Whether a calendar has any window, on whatever day."""
    patterns = [calendar.weekly, *(variant.weekly for variant in calendar.variants)]
    return any(calendar.exceptions.values()) or any(any(p.values()) for p in patterns)


def _loads_of_no_time(where: str, unit: WorkUnit) -> Iterator[Fault]:
    """A load takes the time of its first job, so this may not hang on which job comes first."""
    for n, row in enumerate(unit.processing):
        if row.load and row.load.max_jobs > 1 and row.basis not in ("order", "load"):
            yield Fault(
                f"{where}.processing.{n}.load",
                f"its time is that of its first job, and by basis {row.basis} this grows with the "
                "pieces of whichever job comes first",
                "give the time by basis order or load",
            )


def _loads_that_never_fill(
    where: str, unit: WorkUnit, plant: Plant, routes: Mapping[str, Route]
) -> Iterator[Fault]:
    """Loads that wait for more jobs than there is room for before their operation."""
    steps = {o.id: o for o in plant.operations}
    for n, row in enumerate(unit.processing):
        step, load = steps.get(row.operation), row.load
        if load is None or load.longest_wait is not None or step is None:
            continue
        if step.buffer_jobs is None or load.min_jobs <= step.buffer_jobs:
            continue
        places = [
            step.buffer_jobs + (0 if step.carriage else _jobs_held_before(route, step.id, plant))
            for route in routes.values()
            if step.id in route.operations[1:]
        ]
        if places and max(places) < load.min_jobs:
            yield Fault(
                f"{where}.processing.{n}.load",
                f"it waits for {load.min_jobs} jobs, and at most {max(places)} find room before "
                f'"{step.id}"',
                "give it a longest_wait, fewer min_jobs or a larger buffer",
            )


def _jobs_held_before(route: Route, operation: str, plant: Plant) -> int:
    """Jobs that can stay on the units before an operation, where they may be taken as well."""
    place = route.operations.index(operation)
    after = _written_successors(route, plant)
    before = {route.operations[s] for s, targets in enumerate(after) if place in targets}
    held = 0
    for unit in plant.work_units:
        rows = [row for row in unit.processing if row.operation in before]
        held += max((row.load.max_jobs if row.load else 1 for row in rows), default=0)
    return held


def _tasks_without_end(where: str, unit: WorkUnit) -> Iterator[Fault]:
    """Tasks that are due again when they end, so that the unit does nothing else."""
    for n, task in enumerate(unit.maintenance):
        at = f"{where}.maintenance.{n}"
        if task.due_by == "calendar" and task.duration >= task.interval:
            yield Fault(
                f"{at}.duration", f"got {task.duration:g} min; the task is due every "
                f"{task.interval:g} min, so the unit would do nothing else",
                "make it shorter or rarer",
            )  # fmt: skip
        elif task.due_by != "condition" and task.opportunity >= task.interval:
            yield Fault(
                f"{at}.opportunity", f"got {task.opportunity:g}; the interval is "
                f"{task.interval:g}, so the task would be due again whenever it ends",
                "less than the interval is expected",
            )  # fmt: skip


def _failures_nobody_finds(where: str, unit: WorkUnit) -> Iterator[Fault]:
    """Hidden failures of a unit on which nothing comes due any more once it stands."""
    for n, mode in enumerate(unit.failure_modes):
        if mode.detected == "at_once":
            continue
        if not any(_comes_while_standing(task, mode, unit) for task in unit.maintenance):
            yield Fault(
                f"{where}.failure_modes.{n}.detected",
                f'nobody ever finds that "{mode.id}" has failed: no task of the unit comes due '
                "while it stands",
                "add a task due by calendar, or by the condition of this mode",
            )


def _comes_while_standing(task: MaintenanceTask, mode: FailureMode, unit: WorkUnit) -> bool:
    if task.due_by == "condition":
        return task.condition is not None and task.condition.mode == mode.id
    if task.due_by == "age":
        first = next((m for m in unit.failure_modes if m.id == task.renews[0]), None)
        return first is None or first.clock == "calendar"
    return task.due_by == "calendar"


def _limits_never_met(where: str, unit: WorkUnit) -> Iterator[Fault]:
    """Conditions that come after the failure they are to prevent."""
    modes = {mode.id: mode for mode in unit.failure_modes}
    for n, task in enumerate(unit.maintenance):
        mode = modes.get(task.condition.mode) if task.condition else None
        if task.condition is None or mode is None or mode.degradation is None:
            continue
        level, limit = task.condition.level, mode.degradation.limit
        if level > limit and mode.detected == "at_once":
            shown = "an infinite level" if math.isinf(level) else f"{level:g}"
            yield Fault(
                f"{where}.maintenance.{n}.condition.level",
                f'got {shown}; "{mode.id}" fails at {limit:g}, before the task is ever due',
                f"a level below {limit:g} is expected",
            )
