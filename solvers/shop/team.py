"""Chains of the search side by side, and the best schedule that any of them has found.

Chains are threads: a compiled kernel runs without the interpreter's lock, so two use two cores; in
plain Python one chain is as fast as two.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from solvers.shop.problem import Schedule
from solvers.shop.search import KERNEL, WORK, Chain
from solvers.shop.starts import Sequence
from solvers.shop.tables import Tables, schedule_of
from twin.native import which

CORES = 2


@dataclass(frozen=True)
class Incumbent:
    """The best that was found: its makespan, by whom, and as the search or CP-SAT has it."""

    makespan: int
    solver: str
    found: Sequence | Schedule


@dataclass
class Team:
    """Chains at work; use it as a context, which ends them."""

    tables: Tables
    seed: int
    best: Incumbent = field(init=False)
    target: int = 0
    """Makespan that cannot be shortened, as far as is known."""

    def __post_init__(self) -> None:
        first = Chain(self.tables, self.seed, 0)
        self._lock = threading.Lock()
        self._failed: list[BaseException] = []
        self.best = Incumbent(first.makespan, "dispatching", first.best)
        count = CORES if which(KERNEL) == "compiled" else 1
        self._ends = [threading.Event() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(number, first), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Team:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for number in range(len(self._threads)):
            self.dismiss(number)
        for thread in self._threads:
            thread.join()

    def dismiss(self, number: int) -> None:
        """Tell a chain to end at its next look."""
        if number < len(self._ends):
            self._ends[number].set()

    @property
    def is_over(self) -> bool:
        """Whether nothing shorter can be found."""
        return self.best.makespan <= self.target

    def raise_failure(self) -> None:
        """Raise what ended a chain against its will, if anything did."""
        if self._failed:
            raise self._failed[0]

    @property
    def schedule(self) -> Schedule:
        """The best schedule."""
        found = self.best.found
        if isinstance(found, Schedule):
            return found
        return schedule_of(self.tables, found.order, found.choice)

    def offer(self, incumbent: Incumbent) -> None:
        """Take a schedule if it is shorter than the best."""
        with self._lock:
            if incumbent.makespan < self.best.makespan:
                self.best = incumbent

    def _work(self, number: int, first: Chain) -> None:
        try:
            chain = first if number == 0 else Chain(self.tables, self.seed, number)
            work = WORK[which(KERNEL)]
            while not self._ends[number].is_set() and not self.is_over:
                chain.target = self.target
                if chain.advance(work):
                    self.offer(Incumbent(chain.makespan, "tabu search", chain.best))
        except BaseException as error:  # handed to the thread that asked for the work
            self._failed.append(error)
