"""Whether every name in a plant file names something: each function gives the faults of one part.

The plant calls these checks when it is loaded, so plant classes are imported for their types only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from twin.errors import Fault, did_you_mean

if TYPE_CHECKING:
    from twin.model.failures import FailureMode, MaintenanceTask
    from twin.model.network import Inspection
    from twin.model.plant import Plant, Processing, Route, SetupTable, WorkUnit

LISTS = (
    "areas", "calendars", "crews", "materials", "stocks", "transports", "common_causes", "sources",
    "operations", "routes", "products", "work_units",
)  # fmt: skip
"""Everything in a plant that has an id, by its key in the file."""
ENDS = ("end", "scrap")
"""Targets of a branch that are no operations."""


@dataclass(frozen=True)
class Known:
    """Every name of a plant, by what it names."""

    areas: frozenset[str]
    calendars: frozenset[str]
    people: Mapping[str, int]
    """Crews and skills, each with the size of the largest crew that can be asked."""
    materials: frozenset[str]
    stocks: frozenset[str]
    transports: frozenset[str]
    causes: frozenset[str]
    operations: frozenset[str]
    routes: Mapping[str, Route]
    products: frozenset[str]
    made: frozenset[str]
    """Products, families and "*": the keys of tables by product."""

    @staticmethod
    def of(plant: Plant) -> Known:
        people: dict[str, int] = {}
        for crew in plant.crews:
            for name in (crew.id, *crew.skills):
                people[name] = max(people.get(name, 0), crew.size)
        products = frozenset(p.id for p in plant.products)
        return Known(
            areas=frozenset(a.id for a in plant.areas),
            calendars=frozenset(plant.calendars_by_id),
            people=people,
            materials=frozenset(m.id for m in plant.materials),
            stocks=frozenset(s.id for s in plant.stocks),
            transports=frozenset(t.id for t in plant.transports),
            causes=frozenset(c.id for c in plant.common_causes),
            operations=frozenset(o.id for o in plant.operations),
            routes={r.id: r for r in plant.routes},
            products=products,
            made=products | {p.family for p in plant.products} | {"*"},
        )


def broken_references(plant: Plant) -> Iterator[Fault]:
    """Every name in a plant that names nothing, or two things."""
    known = Known.of(plant)
    if plant.timezone not in available_timezones():
        hint = did_you_mean(plant.timezone, available_timezones())
        yield Fault("timezone", f'no zone "{plant.timezone}"', hint)
    for name in LISTS:
        ids = [item.id for item in getattr(plant, name)]
        yield from _repeated(name, ids)
        yield from _unusable(name, ids)
    yield from _of_people(plant, known)
    yield from _of_operations(plant, known)
    yield from _of_routes(plant, known)
    yield from _of_products(plant, known)
    yield from _of_sources(plant, known)
    for i, unit in enumerate(plant.work_units):
        yield from _of_unit(f"work_units.{i}", unit, plant, known)


def _of_people(plant: Plant, known: Known) -> Iterator[Fault]:
    skills_of = {crew.id: set(crew.skills) for crew in plant.crews}
    for i, crew in enumerate(plant.crews):
        yield from unknown(f"crews.{i}.calendar", "calendar", crew.calendar, known.calendars)
        yield from _repeated(f"crews.{i}.skills", crew.skills)
        for skill in crew.skills:
            if skill in skills_of and skill not in skills_of[skill]:
                yield Fault(
                    f"crews.{i}.skills", f'"{skill}" is also the id of a crew without this skill',
                    f"rename the skill, or give it to crew {skill} too",
                )  # fmt: skip


def _of_operations(plant: Plant, known: Known) -> Iterator[Fault]:
    for i, step in enumerate(plant.operations):
        where = f"operations.{i}"
        for stock in step.uses:
            yield from unknown(f"{where}.uses", "stock", stock, known.stocks)
        if step.carriage:
            by = step.carriage.by
            yield from unknown(f"{where}.carriage.by", "transport", by, known.transports)
        for other in plant.operations:
            if step.id.endswith(f"/{other.id}"):
                yield Fault(
                    f"{where}.id", f'"{step.id}" ends in "/" and the id of another operation, so '
                    "that the luck of two jobs could be one", 'write it without "/"',
                )  # fmt: skip


def _of_routes(plant: Plant, known: Known) -> Iterator[Fault]:
    for i, route in enumerate(plant.routes):
        where = f"routes.{i}.operations"
        yield from _repeated(where, route.operations)
        for operation in route.operations:
            yield from unknown(where, "operation", operation, known.operations)
            if route.branches and operation in ENDS:
                yield Fault(
                    where, f'"{operation}" is a target of branches and an operation',
                    "give the operation another id",
                )  # fmt: skip
        after = [branch.after for branch in route.branches]
        yield from _repeated(f"routes.{i}.branches", after, "give an operation one branch")
        for n, branch in enumerate(route.branches):
            where = f"routes.{i}.branches.{n}"
            here = f"operation of route {route.id}"
            yield from unknown(f"{where}.after", here, branch.after, route.operations)
            for target in branch.to:
                yield from unknown(f"{where}.to", here, target, [*route.operations, *ENDS])


def _of_products(plant: Plant, known: Known) -> Iterator[Fault]:
    for i, product in enumerate(plant.products):
        where = f"products.{i}"
        yield from unknown(f"{where}.route", "route", product.route, known.routes)
        if product.material:
            yield from unknown(
                f"{where}.material", "material", product.material, known.materials
            )  # fmt: skip
        if product.into is not None:
            yield from unknown(f"{where}.into", "stock", product.into, known.stocks)
        route = known.routes.get(product.route)
        for operation in route.operations if route else []:
            if operation in known.operations and not plant.units_for(operation, product):
                yield Fault(
                    where, f'no work unit can do "{operation}" for "{product.id}"',
                    "add a processing row to a work unit",
                )  # fmt: skip
        for n, step in enumerate(plant.operations):
            lot_kg = product.lot_size * product.piece_mass_g / 1000
            is_on_it = route is not None and step.id in route.operations
            if is_on_it and step.buffer_kg is not None and lot_kg > step.buffer_kg:
                yield Fault(
                    f"operations.{n}.buffer_kg",
                    f"got {step.buffer_kg:g} kg; a container of {product.id} weighs {lot_kg:g} kg",
                    "enlarge the buffer or leave it out",
                )


def _of_sources(plant: Plant, known: Known) -> Iterator[Fault]:
    for i, source in enumerate(plant.sources):
        yield from unknown(f"sources.{i}.product", "product", source.product, known.products)
        if source.id in known.causes:
            yield Fault(
                f"sources.{i}.id", f'"{source.id}" is also a common cause, and their luck would '
                "be one", "rename one of them",
            )  # fmt: skip


def _of_unit(where: str, unit: WorkUnit, plant: Plant, known: Known) -> Iterator[Fault]:
    yield from unknown(f"{where}.area", "area", unit.area, known.areas)
    yield from unknown(f"{where}.calendar", "calendar", unit.calendar, known.calendars)
    for n, row in enumerate(unit.processing):
        yield from _of_processing(f"{where}.processing.{n}", row, known)
    if unit.setup:
        yield from _of_setup(f"{where}.setup", unit.setup, plant, known)
    for field in ("scrap", "defects"):
        for key in getattr(unit, field):
            yield from unknown(f"{where}.{field}", "product or family", key, known.made)
    if unit.inspection:
        yield from _of_inspection(f"{where}.inspection", unit, unit.inspection, plant, known)
    yield from _repeated(f"{where}.failure_modes", (m.id for m in unit.failure_modes))
    yield from _repeated(f"{where}.maintenance", (t.id for t in unit.maintenance))
    for n, mode in enumerate(unit.failure_modes):
        yield from _of_mode(f"{where}.failure_modes.{n}", mode, known)
    for n, task in enumerate(unit.maintenance):
        yield from _of_task(f"{where}.maintenance.{n}", task, unit, known)


def _of_processing(where: str, row: Processing, known: Known) -> Iterator[Fault]:
    yield from unknown(f"{where}.operation", "operation", row.operation, known.operations)
    for key in row.time:
        yield from unknown(f"{where}.time", "product or family", key, known.made)
    if row.operators is not None:
        yield from _people(f"{where}.operators", row.operators, row.people, known)


def _of_setup(where: str, setup: SetupTable, plant: Plant, known: Known) -> Iterator[Fault]:
    """A crew, and the keys between which a setup takes a time of its own."""
    if setup.crew is not None:
        yield from _people(f"{where}.crew", setup.crew, 1, known)
    keys = {
        "product": known.products,
        "family": {product.family for product in plant.products},
    }.get(setup.by) or {p.attributes[setup.by] for p in plant.products if setup.by in p.attributes}
    if not keys:
        return  # nothing is set up by this, which is a fault of its own
    for before, row in setup.times.items():
        yield from unknown(f"{where}.times", setup.by, before, keys)
        for after in row:
            yield from unknown(f"{where}.times.{before}", setup.by, after, keys)


def _of_inspection(
    where: str, unit: WorkUnit, inspection: Inspection, plant: Plant, known: Known
) -> Iterator[Fault]:
    target = inspection.rework_to
    if target is None:
        return
    if target not in known.operations:
        yield from unknown(f"{where}.rework_to", "operation", target, known.operations)
        return
    for product in plant.products:
        route = known.routes.get(product.route)
        steps = route.operations if route else []
        if target not in steps and any(unit.processing_of(o, product) for o in steps):
            yield Fault(
                f"{where}.rework_to",
                f'"{target}" is not in route {product.route} of "{product.id}", which passes here',
                "add it to the route, or leave rework_to out",
            )


def _of_mode(where: str, mode: FailureMode, known: Known) -> Iterator[Fault]:
    if mode.crew is not None:
        yield from _people(f"{where}.crew", mode.crew, mode.people, known)
    if mode.spare is not None:
        yield from unknown(f"{where}.spare", "stock", mode.spare, known.stocks)
    if mode.common_cause is not None:
        yield from unknown(
            f"{where}.common_cause", "common cause", mode.common_cause, known.causes
        )  # fmt: skip


def _of_task(where: str, task: MaintenanceTask, unit: WorkUnit, known: Known) -> Iterator[Fault]:
    yield from _people(f"{where}.crew", task.crew, task.people, known)
    modes = {mode.id: mode for mode in unit.failure_modes}
    for id in task.renews:
        yield from unknown(f"{where}.renews", "failure mode", id, modes)
    if task.condition is None:
        return
    mode = modes.get(task.condition.mode)
    if mode is None:
        name = task.condition.mode
        yield from unknown(f"{where}.condition.mode", "failure mode", name, modes)
    elif mode.degradation is None:
        yield Fault(
            f"{where}.condition.mode", f'failure mode "{mode.id}" has no degradation to inspect',
            "give it one, or make the task due by another clock",
        )  # fmt: skip


def _people(where: str, name: str, wanted: int, known: Known) -> Iterator[Fault]:
    """A crew or skill that exists and has people enough in one crew."""
    yield from unknown(where, "crew or skill", name, known.people)
    largest = known.people.get(name, wanted)
    if largest < wanted:
        yield Fault(
            where,
            f'{wanted} people of "{name}" are needed at once; the largest such crew has {largest}',
            "enlarge the crew or need fewer people",
        )


def unknown(where: str, kind: str, name: str, known: Iterable[str]) -> Iterator[Fault]:
    """The fault of a name that is not known, with the nearest that is."""
    if name not in known:
        yield Fault(where, f'no {kind} "{name}"', did_you_mean(name, known))


def _repeated(
    where: str, ids: Iterable[str], remedy: str = "give each its own id"
) -> Iterator[Fault]:
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            yield Fault(where, f'"{id}" appears twice', remedy)
        seen.add(id)


def _unusable(where: str, ids: Iterable[str]) -> Iterator[Fault]:
    """Ids that are empty or hold control characters, which separate names inside the program."""
    for i, id in enumerate(ids):
        if not id.strip():
            yield Fault(f"{where}.{i}.id", "empty", "give it a name")
        elif any(ord(sign) < 32 or ord(sign) == 127 for sign in id):
            yield Fault(f"{where}.{i}.id", f"{id!r} holds a control character", "write it without")
