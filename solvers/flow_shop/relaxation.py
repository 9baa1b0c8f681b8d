"""A bound for several machines within a second, and the starts that can still be better.

See :mod:`solvers.flow_shop._flow_relaxation_kernel` for the method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from solvers.flow_shop.problem import FlowShop
from solvers.flow_shop.tables import tables_of
from twin.native import load

KERNEL = "solvers.flow_shop._flow_relaxation_kernel"
STEPS = 500
ENOUGH = 1e-6
"""Relative rise over a round of steps below which the multipliers are good."""
MOST_ROUNDS = 40
NOWHERE = 1e299
"""Bounds above this stand where an operation does not fit."""


class Relaxed:
    """The Lagrangian relaxation of a shop."""

    def __init__(self, shop: FlowShop) -> None:
        self.shop = shop
        tables = tables_of(shop)
        self.kernel: Any = load(KERNEL).Relaxation(
            tables.length,
            tables.first,
            tables.power,
            tables.rate,
            tables.generation,
            shop.machines,
        )
        self.bound = -float("inf")

    def climb(
        self,
        upper: Callable[[], float],
        tell: Callable[[float], None] = lambda bound: None,
        rounds: int = MOST_ROUNDS,
    ) -> float:
        """Raise the bound until it stands; return it."""
        for _ in range(rounds):
            before = self.bound
            self.bound = float(self.kernel.ascend(STEPS, upper()))
            tell(self.bound)
            if self.bound - before < ENOUGH * abs(self.bound):
                break
        return self.bound

    def possible_starts(self, upper: float) -> dict[tuple[int, int], list[int]]:
        """Starts of each operation (job, machine) that some plan below ``upper`` may have.

        A start is left out when the bound of all plans that have it is not below.
        """
        possible = {}
        row = self.shop.slots + 1
        for job in range(self.shop.jobs):
            bounds = self.kernel.bounds_by_start(job)
            for machine in range(self.shop.machines):
                own = bounds[machine * row : (machine + 1) * row]
                most = min(upper, NOWHERE)
                possible[job, machine] = [t for t, bound in enumerate(own) if bound < most]
        return possible
