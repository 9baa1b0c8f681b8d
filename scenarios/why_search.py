"""How soon one order could be done if it were given its way: a short search around it.

The order and a few of those in its way are taken out of the plan again and again; it goes back
first, then they do, each where it is done soonest (ruin and recreate, as in
:mod:`solvers.improve`). Hours late of the others count as they do in the plan; energy does not.
What is found is a plan: the order *can* be done then; a longer search may find more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from solvers.account import Account
from solvers.constructive import first_done, place_order, withdraw
from solvers.improve import Search
from solvers.plan import Plan
from solvers.problem import Job, Problem
from solvers.sequences.search import anneal_sequences

FAIR, FIRST = 0.99, 10.0
"""How much an hour late of this order counts, as a share of what it does in the plan: hardly less,
so that lateness is not just handed on; or so much that others give way at their expense."""
MOST_OUT = 6
"""Orders taken out at once, this one not counted."""
ROUNDS = 120
MOVES, COOL = 600, 0.6
"""Moves of the search for the cheapest plan with a late order done in time; it starts cool, at
this share of its way."""
SEQUENCE_MOVES, HOT = 20_000, 0.0004
"""Of the search on sequences after it, and its first temperature, as a share of the cost."""
NEAR = 24 * 60.0
"""Orders whose blocks lie so far before this one's waits, or in them, are in its way [min]."""


@dataclass(frozen=True)
class Found:
    """An order's end in a plan, and what that does to the others."""

    end: float
    """[min]"""
    plan: Plan
    others_late: float
    """Σ weight · tardiness of all other orders [min]."""


def carried_over(problem: Problem, plan: Plan) -> Plan | None:
    """The same plan for a problem from which a cause was taken away; None where it does not fit.

    What runs or is frozen stands where the problem has it. A setup that is no longer needed leaves
    its time free.
    """
    twin = Plan(problem)
    tasks = {(pm.work_unit, pm.task.id, pm.due): i for i, pm in enumerate(problem.pms)}
    for pm, start in zip(plan.problem.pms, plan.pm_start, strict=True):
        i = tasks.get((pm.work_unit, pm.task.id, pm.due), -1)
        if i >= 0 and i not in problem.frozen_tasks:
            twin.pm_start[i] = start
            twin.items[problem.pm_unit[i]].append((start, start + pm.task.duration, ~i))
    for op in problem.ops:
        old = plan.choice[op.index]
        if old is None or op.is_bound:
            continue
        twin.choice[op.index] = next(c for c in op.choices if c.unit == old.unit)
        twin.start[op.index], twin.work[op.index] = plan.start[op.index], plan.work[op.index]
        twin.end[op.index] = plan.end[op.index]
        twin.items[old.unit].append((plan.start[op.index], plan.end[op.index], op.index))
    for items in twin.items:
        items.sort()
        if any(b[0] < a[1] - 1e-6 for a, b in pairwise(items)):
            return None
    for m in range(len(problem.units)):
        _set_up(twin, m)
    twin.note_waits()
    return twin


def _set_up(plan: Plan, m: int) -> None:
    """The setup each block of a unit has in this problem; the rest of the old one is free."""
    unit = plan.problem.units[m]
    key = unit.first_key
    for at, (_, end, ref) in enumerate(plan.items[m]):
        choice = plan.choice[ref] if ref >= 0 else None
        if choice is None:
            continue
        running = plan.problem.ops[ref].is_running
        setup = 0.0 if running else unit.setup_minutes[key][choice.key]
        plan.setup[ref], key = setup, choice.key
        if setup <= 0:
            plan.start[ref] = plan.work[ref]
            plan.items[m][at] = (plan.work[ref], end, ref)


def alone_moved(plan: Plan, job: int) -> Found:
    """The order put where it is done soonest, everything else standing still."""
    trial = plan.copy()
    kept = _found(plan, job)
    if withdraw(trial, _free_ops(plan, job)) or not place_order(trial, job, first_done):
        return kept
    found = _found(trial, job)
    return found if found.end < kept.end else kept


def soonest(
    plan: Plan, job: int, aim: float, seed: str, *, right: float = FAIR, rounds: int = ROUNDS
) -> Found:
    """The best of a short search for an order that should be done by ``aim`` [min].

    The same plan, seed and rounds give the same answer.
    """
    random = Random(seed)
    best = now = alone_moved(plan, job)
    for _ in range(rounds):
        trial = _tried(now.plan, job, random)
        if trial is None:
            continue
        found = _found(trial, job)
        if _score(found, plan.problem, job, aim, right) <= _score(
            now, plan.problem, job, aim, right
        ):
            now = found
            if _score(now, plan.problem, job, aim, right) < _score(
                best, plan.problem, job, aim, right
            ):
                best = now
    return best


def cheapest_in_time(plan: Plan, job: Job, seed: str, moves: int = MOVES) -> Found | None:
    """The cheapest plan the optimiser's own moves around an order find that has it done in time."""
    problem = plan.problem
    jobs = tuple(replace(j, deadline=j.due) if j is job else j for j in problem.jobs)
    start = plan.copy()
    start.problem = replace(problem, jobs=jobs)
    search = _Around(Account(start), Random(seed))
    search.job = job.index
    for n in range(moves):
        search.step(COOL + (1 - COOL) * n / moves)
    account, _ = anneal_sequences(
        Account(search.best.plan), seed=seed, moves=SEQUENCE_MOVES, hot=HOT, must_stop=lambda: False
    )
    best = account.plan
    if best.unplaced() != plan.unplaced() or best.end[job.ops[-1]] > job.due + 1e-6:
        return None
    best.problem = problem
    return _found(best, job.index)


class _Around(Search):
    """The optimiser's search with one order, and those in its way, in every move."""

    job = -1

    def _some_orders(self, plan: Plan) -> list[int]:
        pool = _in_the_way(plan, self.job)
        count = min(len(pool), self.random.randint(0, MOST_OUT - 1))
        return [self.job, *self.random.sample(pool, count)]


def _tried(plan: Plan, job: int, random: Random) -> Plan | None:
    """Some orders out, the one first and then the others back; None if something is left out."""
    trial = plan.copy()
    pool = _in_the_way(plan, job)
    out = [job, *random.sample(pool, min(len(pool), random.randint(1, MOST_OUT)))]
    fresh = list(out)
    while fresh:
        late = withdraw(trial, [o for j in fresh for o in _free_ops(trial, j)])
        if any(plan.problem.ops[o].is_bound for o in late):
            return None
        fresh = list(dict.fromkeys(plan.problem.ops[o].job for o in late))
        out += [j for j in fresh if j not in out]
        if len(out) > 2 * MOST_OUT:
            return None
    rest = sorted(out[1:], key=lambda j: (plan.problem.jobs[j].due, j))
    if random.random() < 0.3:
        random.shuffle(rest)
    return trial if all(place_order(trial, j, first_done) for j in [job, *rest]) else None


def _in_the_way(plan: Plan, job: int) -> list[int]:
    """Orders on units this one could use, from somewhat before it could be there to its end."""
    problem, found = plan.problem, set()
    for o in problem.jobs[job].ops:
        begin, end = plan.available(o) - NEAR, plan.end[o]
        for choice in problem.ops[o].choices:
            for start, stop, ref in plan.items[choice.unit]:
                if ref >= 0 and stop > begin and start < end:
                    found.add(problem.ops[ref].job)
    return sorted(found - {job})


def _free_ops(plan: Plan, job: int) -> list[int]:
    ops = plan.problem.jobs[job].ops
    return [o for o in ops if plan.choice[o] is not None and not plan.problem.ops[o].is_bound]


def others_late(plan: Plan, job: int) -> float:
    """Σ weight · tardiness of all orders but one [min]; one left out is late from its due date."""
    return sum(
        j.weight * max(_end(plan, j.index) - j.due, 0.0)
        for j in plan.problem.jobs
        if j.index != job
    )


def _end(plan: Plan, job: int) -> float:
    last = plan.problem.jobs[job].ops[-1]
    return plan.end[last] if plan.is_placed(job) else plan.problem.end


def _found(plan: Plan, job: int) -> Found:
    return Found(_end(plan, job), plan, others_late(plan, job))


def _score(
    found: Found, problem: Problem, job: int, aim: float, right: float
) -> tuple[float, float]:
    own = right * max(problem.jobs[job].weight, 0.1) * max(found.end - aim, 0.0)
    return round(own + found.others_late, 6), found.end
