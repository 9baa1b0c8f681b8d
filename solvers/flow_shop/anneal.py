"""The search over orders: several chains of simulated annealing, and how their effort is shared.

The kernel tries the moves and times them. Here is decided which chain runs, from where, and how
warm. Effort is a number of moves, and then the same seed gives the same plan, or the time that
is left.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Protocol

from solvers.flow_shop.problem import FlowShop, Starts
from solvers.flow_shop.tables import Tables, starts_of, tables_of, whole
from twin.native import load

KERNEL = "solvers.flow_shop._flow_kernel"
SHARES = (0.04, 0.16, 0.18, 0.20, 0.20, 0.22)
"""Of the whole effort, chain by chain: a short one soon gives a fair plan."""
BEGIN = (0.005, 0.02, 0.005, 0.02, 0.005, 0.003)
"""Temperature of each chain at its beginning, as a share of the best value. Shops differ in which
is better: warm where days compete for the same jobs, cool where the order is nearly given."""
END = 0.00007
"""Temperature at the end of all chains."""
CHUNK_SECONDS = 0.03
CHUNK_MOVES = 500
FITS = 1e29
"""Kernel's values above this count the slots by which an order overruns the horizon."""


@dataclass(frozen=True)
class Plan:
    """An order of jobs and its starts."""

    objective: float
    """Infinite while the order does not fit into the horizon; then the starts mean nothing."""
    order: tuple[int, ...]
    starts: Starts


class Effort(Protocol):
    """How much of the search is done."""

    def spent(self) -> float:
        """Share of the whole effort that is used up, 1 at the end."""

    def chunk(self) -> int:
        """Moves to try before asking again."""

    def count(self, moves: int) -> None:
        """So many moves were tried."""


class Moves:
    """An effort that knows no clock."""

    def __init__(self, moves: int) -> None:
        self.moves = max(moves, 1)
        self.done = 0

    def spent(self) -> float:
        return self.done / self.moves

    def chunk(self) -> int:
        return max(min(CHUNK_MOVES, self.moves - self.done), 1)

    def count(self, moves: int) -> None:
        self.done += moves


class Clock:
    """An effort that ends at an instant, in chunks short enough to be on time."""

    def __init__(self, deadline: float) -> None:
        self.begin = self.last = time.monotonic()
        self.deadline = deadline
        self.size = 1.0

    def spent(self) -> float:
        left = self.deadline - time.monotonic()
        return 1.0 - left / max(self.deadline - self.begin, 1e-9) if left > 0 else 1.0

    def chunk(self) -> int:
        return max(int(self.size), 1)

    def count(self, moves: int) -> None:
        """Double a chunk that was short, halve one that was long."""
        now = time.monotonic()
        if now - self.last < CHUNK_SECONDS / 2:
            self.size *= 2
        elif now - self.last > CHUNK_SECONDS:
            self.size = max(self.size / 2, 1.0)
        self.last = now


class Annealing:
    """Chains one after the other; the best plan of all is kept."""

    def __init__(self, shop: FlowShop, effort: Effort, seed: int) -> None:
        self.shop = shop
        self.effort = effort
        self.seed = seed
        self.chain = -1
        self.luck = random.Random(f"{seed}/flow shop/orders")
        self.kernel = _kernel(shop, tables_of(shop), seed)
        self._begin_chain(0)

    @property
    def value(self) -> float:
        """Objective of the best plan; infinite without one."""
        return float(self.kernel.best_objective())

    def best(self) -> Plan:
        objective, order, start = self.kernel.best()
        return Plan(objective, tuple(order), starts_of(self.shop, start))

    def advance(self) -> bool:
        """Try a chunk of moves; False when the effort is spent."""
        spent = self.effort.spent()
        if spent >= 1.0:
            return False
        if self.chain + 1 < len(SHARES) and spent >= sum(SHARES[: self.chain + 1]):
            self._begin_chain(self.chain + 1)
        moves = self.effort.chunk()
        temperature = self._temperature(spent)
        self.kernel.anneal(moves, temperature, temperature)
        self.effort.count(moves)
        return True

    def offer(self, plan: Plan) -> None:
        """Keep a plan that was found elsewhere, if it is the best; the chain goes on."""
        start = [row[machine] for machine in range(self.shop.machines) for row in plan.starts]
        self.kernel.offer(whole(plan.order), whole(start))

    def _begin_chain(self, chain: int) -> None:
        """The first chain starts as the jobs stand in the file, the last from the best plan."""
        self.chain = chain
        if chain == len(SHARES) - 1:
            self.kernel.restart_from_best()
        elif chain > 1:
            order = list(range(self.shop.jobs))
            self.luck.shuffle(order)
            nothing = [0] * (self.shop.jobs * self.shop.machines)
            self.kernel.restart(whole(order), whole(nothing))

    def _temperature(self, spent: float) -> float:
        begun = sum(SHARES[: self.chain])
        share = min(max((spent - begun) / SHARES[self.chain], 0.0), 1.0)
        warmest = BEGIN[self.chain]
        scale = self.value if self.value < FITS else 1.0
        falling: float = (END / warmest) ** share
        return max(abs(scale) * warmest * falling, 1e-9)


def _kernel(shop: FlowShop, tables: Tables, seed: int) -> Any:
    luck = random.Random(f"{seed}/flow shop/moves").getrandbits(63)
    return load(KERNEL).Search(
        tables.length,
        tables.first,
        tables.power,
        tables.rate,
        tables.generation,
        whole(range(shop.jobs)),
        shop.machines,
        luck,
    )
