"""A plan that misses deadlines by as little as a short search can: for saying what is possible.

Nothing is looked at but hard deadlines: orders are placed by deadline, each where it is done first,
then late orders and what is in their way are taken out and put back again and again (ruin and
recreate, as in :mod:`solvers.improve`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random

from solvers.constructive import construct, first_done, place_order, withdraw
from solvers.plan import Plan
from solvers.problem import Problem

ROUNDS = 120
MOST_OUT = 6
"""Orders taken out at once."""


@dataclass(frozen=True)
class Excess:
    """A plan, and by how much it misses deadlines in all [min]."""

    minutes: float
    plan: Plan
    hurried_end: float = 0.0


def least_excess(problem: Problem, hurried: int = -1, rounds: int = ROUNDS) -> Excess:
    """The best of a short search, the same every time.

    ``hurried`` is an order to be done as soon as can be once every deadline is met.
    """
    random = Random("deadlines")
    sequence = sorted(
        (job.index for job in problem.jobs),
        key=lambda j: (not problem.jobs[j].is_begun, problem.jobs[j].deadline, j != hurried,
                       problem.jobs[j].due),
    )  # fmt: skip
    best = now = _excess(construct(problem, sequence, first_done), hurried)
    for _ in range(rounds):
        if best.minutes <= 0 and hurried < 0:
            break
        trial = _tried(now, hurried, random)
        if trial is None:
            continue
        found = _excess(trial, hurried)
        if _rank(found) <= _rank(now):
            now = found
            best = min(best, now, key=_rank)
    return best


def _rank(excess: Excess) -> tuple[float, float]:
    return excess.minutes, excess.hurried_end


def _excess(plan: Plan, hurried: int) -> Excess:
    problem = plan.problem
    total = sum(
        max((plan.end[job.ops[-1]] if plan.is_placed(job.index) else problem.end + 1440)
            - job.deadline, 0.0)
        for job in problem.jobs
        if job.deadline < inf
    )  # fmt: skip
    end = 0.0
    if hurried >= 0:
        placed = plan.is_placed(hurried)
        end = plan.end[problem.jobs[hurried].ops[-1]] if placed else 2 * problem.end
    return Excess(total, plan, end)


def _tried(now: Excess, hurried: int, random: Random) -> Plan | None:
    """A late or hurried order and some in its way out, and back in another sequence."""
    plan, problem = now.plan, now.plan.problem
    late = [
        job.index
        for job in problem.jobs
        if job.deadline < inf
        and (not plan.is_placed(job.index) or plan.end[job.ops[-1]] > job.deadline)
    ]
    first = random.choice(late) if late else hurried
    pool = [job.index for job in problem.jobs if job.index != first]
    near = [j for j in pool if _meets(plan, j, first)]
    out = [first, *random.sample(near, min(len(near), random.randint(1, MOST_OUT)))]
    trial = plan.copy()
    fresh = list(out)
    while fresh:
        moved = withdraw(trial, [o for j in fresh for o in _free(trial, j)])
        if any(problem.ops[o].is_bound for o in moved):
            return None
        fresh = list(dict.fromkeys(problem.ops[o].job for o in moved))
        out += [j for j in fresh if j not in out]
    rest = sorted(out[1:], key=lambda j: (problem.jobs[j].deadline, problem.jobs[j].due))
    if random.random() < 0.4:
        random.shuffle(rest)
    for j in [first, *rest]:
        place_order(trial, j, first_done)
    return trial


def _meets(plan: Plan, job: int, other: int) -> bool:
    """Whether two orders could use a common work unit."""
    units = [
        {c.unit for o in plan.problem.jobs[j].ops for c in plan.problem.ops[o].choices}
        for j in (job, other)
    ]
    return bool(units[0] & units[1])


def _free(plan: Plan, job: int) -> list[int]:
    ops = plan.problem.jobs[job].ops
    return [o for o in ops if plan.choice[o] is not None and not plan.problem.ops[o].is_bound]
