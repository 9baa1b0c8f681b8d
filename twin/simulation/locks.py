"""Which plants can lock: full buffers that only the units waiting for room there could empty."""

from __future__ import annotations

from twin.model.compiled import CompiledPlant


def units_can_follow_themselves(plant: CompiledPlant) -> bool:
    """Whether a work unit may wait for room that only it can make, at once or over others."""
    doing: dict[int, set[int]] = {o: set() for o in range(len(plant.operation_ids))}
    for (operation, _), units in plant.eligible.items():
        doing[operation].update(units)
    followers: dict[int, set[int]] = {m: set() for m in range(len(plant.unit_ids))}
    for p, route in enumerate(plant.routes):
        for step, operation in enumerate(route):
            for unit in plant.eligible[operation, p]:
                for target in _next_steps(plant, unit, p, step):
                    followers[unit].update(doing[route[target]])
    left = set(followers)
    while gone := {m for m in left if not followers[m] & left}:
        left -= gone
    return bool(left)


def _next_steps(plant: CompiledPlant, unit: int, product: int, step: int) -> list[int]:
    """Steps to which a job may go after a step done on a unit."""
    route, branch = plant.routes[product], plant.branches.get((product, step))
    found = [step + 1] if branch is None else [to for to, _ in branch]
    inspection = plant.plant.work_units[unit].inspection
    if inspection is not None and inspection.rework_to is not None:
        operation = plant.operation_index[inspection.rework_to]
        found += [s for s, o in enumerate(route) if o == operation]
    return [to for to in found if 0 <= to < len(route)]
