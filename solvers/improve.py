"""Local search: take a few orders or a maintenance task out of the plan, put them back better.

Ruin and recreate (Schrimpf et al. 2000, *Record breaking optimization results using the ruin and
recreate principle*) under simulated annealing. What is taken out belongs together: neighbours on a
unit, a late order and what stands in its way, everything around a maintenance task. What goes back
looks for the places that cost least, with everything else standing still, so a move takes
milliseconds. The number of moves follows from the size of the problem and the time allowed, not
from the clock: the same problem and seed give the same plan on any machine.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf
from random import Random

from solvers.account import Account
from solvers.constructive import (
    first_done,
    first_window,
    insert_task,
    place_order,
    remove_task,
    withdraw,
)
from solvers.places import Thrift
from solvers.plan import Plan

FIRST_TEMPERATURE, LAST_TEMPERATURE = 0.003, 0.00005
"""Of the cost at the start; a move that costs this much more is taken with probability 1/e."""
MOST_ORDERS = 4
"""Orders taken out in one move."""
MOST_TAKEN_ALONG = 8
"""Orders out at which no more are taken along because their setups have lost their time."""
DRIFT_CHECK = 500
"""Moves after which sums kept up to date are counted afresh, against rounding."""

Stop = Callable[[], bool]


@dataclass
class Outcome:
    """The best plan of a search, and whether the search ran its full course."""

    account: Account
    moves: int
    is_complete: bool


def improve(start: Account, random: Random, moves: int, stop: Stop) -> Outcome:
    """Anneal from a plan for a number of moves, or until told to stop."""
    search = Search(start, random)
    for n in range(moves):
        if n % 20 == 0 and stop():
            return Outcome(search.best, n, False)
        search.step(n / moves)
    return Outcome(search.best, moves, True)


class Search:
    """The present plan, the best one, and the moves between them."""

    def __init__(self, start: Account, random: Random) -> None:
        self.problem = start.problem
        self.random = random
        self.now = start.copy_of(start.plan.copy())
        self.best = start
        # An order left out costs more than any plan: orders come before money.
        self.out_cost = max(start.total, 1.0)
        self.scale = max(start.total, 1.0)
        self.cost = self._cost(self.now)
        self.best_cost = self.cost
        self.thrift = Thrift(self.now, random)
        self.steps = 0
        self.tasks = [i for i in range(len(self.problem.pms)) if i not in self.problem.frozen_tasks]

    def _cost(self, account: Account) -> float:
        return account.total + self.out_cost * len(account.plan.unplaced())

    def step(self, progress: float) -> None:
        """One move: ruin, recreate, keep or go back."""
        self.steps += 1
        if self.steps % DRIFT_CHECK == 0:
            self._refresh()
        trial = self.now.copy_of(self.now.plan.copy())
        cost = self._move(trial)
        ratio = LAST_TEMPERATURE / FIRST_TEMPERATURE
        temperature = FIRST_TEMPERATURE * self.scale * ratio**progress
        if cost < self.cost or (
            cost < inf and self.random.random() < exp((self.cost - cost) / temperature)
        ):
            self.now, self.cost = trial, cost
            if cost < self.best_cost - 1e-9:
                self.best, self.best_cost = trial, cost

    def _refresh(self) -> None:
        """Count the present plan afresh, at its own marginal prices."""
        self.now = Account(self.now.plan)
        self.cost = self._cost(self.now)
        self.thrift.account = self.now
        self.thrift.reprice()

    def _move(self, trial: Account) -> float:
        plan, random = trial.plan, self.random
        thrift = self.thrift
        thrift.account = trial
        thrift.begin_move(float(self.now.net_kw.max()))
        task = -1
        if self.tasks and random.random() < 0.15:
            task, jobs = self._around_a_task(plan)
        else:
            jobs = self._some_orders(plan)
        touched = self._ruin(plan, jobs, task)
        if touched is None:
            return inf
        if task >= 0 and not self._replace_task(plan, task):
            return inf
        trial.recount(sorted(touched), ())
        thrift.observe(sorted(touched))
        for n, job in enumerate(self._sequence(jobs)):
            rank = first_done if random.random() < 0.05 else thrift
            placed = place_order(plan, job, rank)
            used = {c.unit for o in self.problem.jobs[job].ops if (c := plan.choice[o])}
            if placed and n + 1 < len(jobs):
                trial.recount(sorted(used), ())
                thrift.observe(sorted(used))
            touched |= used
        trial.recount(sorted(touched), jobs)
        cost = self._cost(trial)
        thrift.observe(sorted(touched))
        return cost

    # --- what to take out ---

    def _ruin(self, plan: Plan, jobs: list[int], task: int) -> set[int] | None:
        """Take orders and a task out, and orders that cannot stay without them; the units touched.

        None if too many orders would have to go.
        """
        touched: set[int] = set()
        if task >= 0:
            touched.add(self.problem.pm_unit[task])
            remove_task(plan, task)
        fresh = list(jobs)
        while fresh:
            ops = [o for job in fresh for o in self._placed(plan, job)]
            touched |= {c.unit for o in ops if (c := plan.choice[o])}
            late = withdraw(plan, ops)
            fresh = list(dict.fromkeys(self.problem.ops[o].job for o in late))
            if any(self.problem.ops[o].is_bound for o in late) or len(jobs) > MOST_TAKEN_ALONG:
                return None
            jobs += fresh
        return touched

    def _placed(self, plan: Plan, job: int) -> list[int]:
        """Operations of an order that have a place and may lose it."""
        ops = self.problem.jobs[job].ops
        return [o for o in ops if plan.choice[o] and not self.problem.ops[o].is_bound]

    def _some_orders(self, plan: Plan) -> list[int]:
        random = self.random
        out = plan.unplaced()
        kind = random.random()
        if out and kind < 0.4:
            jobs = [random.choice(out)]
            return self._with_neighbours(plan, jobs, random.randint(0, MOST_ORDERS - 1))
        if kind < 0.2:
            late = [j for j, cost in enumerate(self.now.late) if cost > 0]
            jobs = [random.choice(late) if late else self._any_order()]
            return self._with_neighbours(plan, jobs, random.randint(1, MOST_ORDERS - 1))
        if kind < 0.3:
            return [self._any_order()]
        if kind < 0.4:
            some = random.sample(range(len(self.problem.jobs)), min(2, len(self.problem.jobs)))
            return some
        return self._a_run(plan, random.randint(1, MOST_ORDERS))

    def _any_order(self) -> int:
        return self.random.randrange(len(self.problem.jobs))

    def _a_run(self, plan: Plan, length: int) -> list[int]:
        """Orders that follow each other on one unit."""
        busy = [m for m, items in enumerate(plan.items) if items]
        if not busy:
            return [self._any_order()]
        m = self.random.choice(busy)
        at = self.random.randrange(len(plan.items[m]))
        return self._orders_of(plan, m, at, at + length) or [self._any_order()]

    def _orders_of(self, plan: Plan, m: int, first: int, last: int) -> list[int]:
        ops = [ref for _, _, ref in plan.items[m][first:last] if ref >= 0]
        return list(dict.fromkeys(self.problem.ops[o].job for o in ops))

    def _with_neighbours(self, plan: Plan, jobs: list[int], count: int) -> list[int]:
        """Orders and some of those beside their operations, on units they use or could use."""
        random = self.random
        for _ in range(count):
            op = self.problem.ops[random.choice(self.problem.jobs[jobs[0]].ops)]
            choice = random.choice(op.choices)
            items = plan.items[choice.unit]
            if not items:
                continue
            when = (
                plan.start[op.index] if plan.choice[op.index] else random.uniform(0, items[-1][1])
            )
            at = min(max(bisect_left(items, (when,)) + random.randint(-2, 0), 0), len(items) - 1)
            ref = items[at][2]
            if ref >= 0 and self.problem.ops[ref].job not in jobs:
                jobs.append(self.problem.ops[ref].job)
        return jobs

    def _around_a_task(self, plan: Plan) -> tuple[int, list[int]]:
        """A maintenance task and a few orders on its unit, near where it is or where it goes."""
        random = self.random
        task = random.choice(self.tasks)
        due, m = self.problem.pms[task], self.problem.pm_unit[task]
        self._target = random.uniform(due.earliest, due.latest)
        near = plan.pm_start[task] if random.random() < 0.5 else self._target
        items = plan.items[m]
        at = bisect_left(items, (near,))
        count = random.randint(0, 2)
        return task, self._orders_of(plan, m, max(at - 1, 0), at - 1 + count + 1) if count else []

    def _replace_task(self, plan: Plan, task: int) -> bool:
        """Put a task back at or after its target, and set up anew what follows."""
        start = first_window(plan, task, self._target)
        if start == inf:
            start = first_window(plan, task, 0.0)
        if start == inf:
            return False
        insert_task(plan, task, start)
        return not plan.mend(self.problem.pm_unit[task])

    def _sequence(self, jobs: list[int]) -> list[int]:
        """Orders in the sequence they go back: begun ones first, then by due date or by chance."""
        problem = self.problem
        if self.random.random() < 0.5:
            self.random.shuffle(jobs)
        else:
            jobs.sort(key=lambda j: (problem.jobs[j].aim, j))
        return sorted(jobs, key=lambda j: not problem.jobs[j].is_begun)
