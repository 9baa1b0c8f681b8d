"""Searches for a short schedule: tabu search runs from dispatched and from mixed schedules.

A chain keeps a small population of good schedules (as Peng, Lü and Cheng 2015 do). While it is not
full, runs of the kernel begin at dispatched schedules; then at mixtures of two members, and what
comes out replaces the worst member unless it is worse or there already. A population whose members
have become alike is begun anew around its best. Chains of different seeds know nothing of each
other, so a chain that the clock does not end always goes the same way.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from solvers.shop.starts import Elite, Sequence, before_on_machine, difference, dispatched, mixed
from solvers.shop.tables import Tables
from twin.native import load

KERNEL = "solvers.shop._shop_kernel"
POPULATION = 12
PATIENCE, PATIENCE_FLEXIBLE = 12_500, 4_000
"""Steps without improvement that end a run.

Flexible shops have more ways out of a bad schedule. With shorter runs and half the tenure, single
chains of 3 s of CPU time ended 0.1 % above the best known on average of Brandimarte's mk06, mk07
and mk11, each with two seeds, and else 1.4 % above it.
"""
WORK = {"compiled": 1_000_000, "Python": 10_000}
"""Visits of operations between two looks at the clock: 2 to 20 ms."""
NOISE = 0.5
"""Dispatched schedules differ by drawn priorities of this width."""
ALIKE = 0.02
"""Two schedules whose operations differ in at most this share of neighbours are one."""
REFUSALS = 30
"""So many runs that bring nothing new, and the population is begun anew around its best."""
WORK_OVER, TARGET_MET = 1, 3
"""Codes of the kernel: only so much work was asked for, or the target is met."""


class Chain:
    """One search of its own seed; :meth:`advance` makes a little of it.

    ``patience`` is the number of steps without improvement that ends a run, 0 for the usual one.
    """

    def __init__(self, tables: Tables, seed: int, number: int, patience: int = 0) -> None:
        self.tables = tables
        self.random = Random(f"{seed}/shop/{number}")
        self.patience = patience or _patience_of(tables)
        self.kernel = _kernel_of(tables, self.random.getrandbits(48))
        self.population: list[Elite] = []
        self.runs = 0
        self.refused = 0
        self.target = 0
        self.makespan = self._begin(dispatched(tables, self.random, NOISE if number else 0.0))
        self.best = self._copy_best()

    @property
    def is_done(self) -> bool:
        """Whether the best schedule has the target's makespan."""
        return self.makespan <= self.target

    def advance(self, work: int) -> bool:
        """Search for so much work; say whether a better schedule was found."""
        code = self.kernel.climb(self.patience, work, self.target)
        found = bool(self.kernel.best_makespan() < self.makespan)
        if found:
            self.makespan = int(self.kernel.best_makespan())
            self.best = self._copy_best()
        if code not in (WORK_OVER, TARGET_MET):
            self._end_run()
        return found

    def _begin(self, sequence: Sequence) -> int:
        makespan = self.kernel.load(sequence.order.data, sequence.choice.data)
        return int(makespan)

    def _copy_best(self) -> Sequence:
        order = np.zeros(self.tables.operations, np.int64)
        choice = np.zeros_like(order)
        self.kernel.copy_best(order.data, choice.data)
        return Sequence(order, choice)

    def _end_run(self) -> None:
        """Take the run's best schedule into the population and begin the next run."""
        self.runs += 1
        if not self._welcome(self._elite()):
            self.refused += 1
        if self.refused > REFUSALS and len(self.population) == POPULATION:
            self.population = [min(self.population, key=lambda member: member.makespan)]
            self.refused = 0
        if len(self.population) < POPULATION:
            self._begin(dispatched(self.tables, self.random, NOISE))
            return
        one, other = self.random.sample(self.population, 2)
        self._begin(mixed(one, other, self.random.randint(30, 70), self.random))

    def _elite(self) -> Elite:
        sequence = self._copy_best()
        makespan = self._begin(sequence)
        done = np.zeros(self.tables.operations, np.int64)
        rest = np.zeros_like(done)
        self.kernel.copy_times(done.data, rest.data)
        before = before_on_machine(self.tables, sequence)
        return Elite(makespan, sequence, done - rest + makespan, before)

    def _welcome(self, elite: Elite) -> bool:
        """Keep a schedule if it is new and not worse than the worst; say whether it was kept."""
        twins = [m for m in self.population if difference(m, elite) <= ALIKE]
        if twins and min(member.makespan for member in twins) <= elite.makespan:
            return False
        self.population = [m for m in self.population if all(m is not twin for twin in twins)]
        if len(self.population) == POPULATION:
            worst = max(range(POPULATION), key=lambda i: self.population[i].makespan)
            if elite.makespan > self.population[worst].makespan:
                return False
            del self.population[worst]
        self.population.append(elite)
        return True


def _kernel_of(tables: Tables, seed: int) -> Any:
    arrays = (
        tables.job_before,
        tables.job_after,
        tables.last_of_job,
        tables.choices_from,
        tables.machine,
        tables.time,
        tables.queue_from,
    )
    return load(KERNEL).ShopSearch(*(array.data for array in arrays), _tenure_of(tables), seed)


def _patience_of(tables: Tables) -> int:
    return PATIENCE_FLEXIBLE if tables.problem.is_flexible else PATIENCE


def _tenure_of(tables: Tables) -> int:
    """Steps for which what a move left is tabu at least; twice as many at most (Zhang 2007)."""
    shop = tables.problem
    tenure = 15 + 3 * len(shop.jobs) // (2 * shop.machines)
    return tenure // 2 if shop.is_flexible else tenure
