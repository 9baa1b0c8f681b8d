"""A plan taken up again: from a schedule's segments back to what the search works on."""

from __future__ import annotations

from collections import defaultdict

from solvers.plan import Plan
from solvers.problem import Problem
from twin.model.schedule import Schedule, Segment


def taken_up(problem: Problem, schedule: Schedule) -> Plan | None:
    """The plan of a schedule of the same problem; None where it does not fit the problem.

    What is frozen, or runs, stands where the problem has it.
    """
    plan = Plan(problem)
    blocks: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    services: dict[tuple[str, str], list[float]] = defaultdict(list)
    for s in sorted(schedule.segments, key=lambda s: s.start):
        if s.kind in ("setup", "work"):
            blocks[s.order, s.operation].append(s)
        elif s.kind == "maintenance":
            services[s.work_unit, s.task].append(s.start)
    for op in problem.ops:
        job = problem.jobs[op.job]
        block = blocks.get((job.order, problem.plant.operation_ids[op.operation]), [])
        if op.is_bound:
            if not _stands(plan, op.index, block):
                return None
        elif job.order not in schedule.unplaced and not _put_block(plan, op.index, block):
            return None
    return plan if _put_services(plan, services) else None


def _stands(plan: Plan, op: int, block: list[Segment]) -> bool:
    work = [s.start for s in block if s.kind == "work"]
    return bool(work) and abs(work[0] - plan.work[op]) < 1e-6


def _put_block(plan: Plan, op: int, block: list[Segment]) -> bool:
    work = [s for s in block if s.kind == "work"]
    if not work:
        return False
    index = plan.problem.plant.unit_index
    choices = plan.problem.ops[op].choices
    choice = next((c for c in choices if c.unit == index.get(work[0].work_unit)), None)
    if choice is None:
        return False
    plan.choice[op] = choice
    plan.start[op], plan.work[op], plan.end[op] = block[0].start, work[0].start, work[-1].end
    plan.items[choice.unit].append((block[0].start, work[-1].end, op))
    return True


def _put_services(plan: Plan, services: dict[tuple[str, str], list[float]]) -> bool:
    """Preventive tasks in time order, setups by sequence, waits in the buffers."""
    problem = plan.problem
    for i, (due, m) in enumerate(zip(problem.pms, problem.pm_unit, strict=True)):
        starts = services.get((due.work_unit, due.task.id), [])
        if not starts:
            return False
        start = starts.pop(0)
        if i in problem.frozen_tasks:
            continue
        plan.pm_start[i] = start
        plan.items[m].append((start, start + due.task.duration, ~i))
    for items in plan.items:
        items.sort()
    for m, unit in enumerate(problem.units):
        key = unit.first_key
        for _, _, ref in plan.items[m]:
            choice = plan.choice[ref] if ref >= 0 else None
            if choice is not None:
                running = problem.ops[ref].is_running
                plan.setup[ref] = 0.0 if running else unit.setup_minutes[key][choice.key]
                key = choice.key
    plan.note_waits()
    return True
