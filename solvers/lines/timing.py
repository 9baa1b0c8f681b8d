"""Exact timing of given orders of work: when each line does what, at least cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import numpy as np

from solvers.lines.bill import bill_of
from solvers.lines.problem import OFF, Kind, LinePlan, LineProblem, Stretch
from solvers.lines.tables import Tables
from twin.errors import NoriaError
from twin.native import load

Sequences = tuple[tuple[int, ...], ...]
"""Per line its items in order: item j >= 0 is order j, item ~q < 0 is task q."""

KINDS: tuple[Kind, ...] = ("hold", "transition", "order")


class Search(Protocol):
    """What the kernel's class does; its own docstrings say how."""

    def clear(self) -> None: ...
    def begin(self, peak: float, seed: int) -> bool: ...
    def load(self, sequences: list[list[int]]) -> list[int]: ...
    def place(self, item: int) -> bool: ...
    def settle_peak(self, rounds: int) -> float: ...
    def run(
        self,
        steps: int,
        temperature: float,
        margin: float,
        peak_share: float,
        rebuild_share: float,
    ) -> float: ...
    def back_to_best(self) -> None: ...
    def forget_best(self) -> None: ...
    def sequences(self) -> list[list[int]]: ...
    def written(self, line: int) -> int: ...
    def values(self) -> tuple[float, float, float, float]: ...
    def timed(self, line: int) -> float: ...
    def time_often(self, line: int, times: int) -> float: ...
    def cost_if(self, line: int, keep: int, items: list[int], go_on: int) -> float: ...
    def cost_as_if(self, line: int, items: list[int]) -> float: ...


class Timing:
    """Times the lines of one problem.

    Parameters
    ----------
    is_strict : bool
        Whether a line may also pass through modes that help only in rare cases (see ``rests``);
        searches leave them out and are several times faster where it matters.
    """

    def __init__(self, problem: LineProblem, *, is_strict: bool = True) -> None:
        self.problem = problem
        self._arrays = Tables(problem, is_strict=is_strict).arrays()
        kernel = load("solvers.lines._timing_kernel")
        self.search = cast(Search, kernel.Search(*self._arrays))

    def plan(self, sequences: Sequences, peak_kw: float | None = None) -> LinePlan:
        """The plan of least cost that a line finds while the others stay, line after line.

        Lines are timed in turns, and the peak target with them, until nothing gets cheaper. Orders
        for which their line has no time are unplaced.

        Parameters
        ----------
        peak_kw : float, optional
            Where to begin with the target of the peak [kW]; by default :func:`likely_peak`.

        Raises
        ------
        NoriaError
            If a task has no time in its window, or a line cannot even rest.
        """
        self.begin(peak_kw)
        missing = self.search.load(self.items_of(sequences))
        self.search.settle_peak(20)
        self._refuse([m for m in missing if m >= len(self.problem.orders)])
        return self.written()

    def line_cost(self, line: int, sequences: Sequences) -> float:
        """Least cost of a line's sequence on top of what the others do [currency]."""
        self.begin(None)
        self.search.load(self.items_of(sequences))
        return self.search.timed(line)

    def begin(self, peak_kw: float | None = None, seed: int = 0) -> None:
        """Begin with no item placed."""
        self.search.clear()
        self.search.forget_best()
        peak = likely_peak(self.problem) if peak_kw is None else peak_kw
        if not self.search.begin(peak, seed):
            raise NoriaError(
                f"{self.problem.name}: a line cannot go from its first mode to its last one; "
                "a way through transitions is expected; add the transition that is missing"
            )

    def plan_of_best(self, other: Timing) -> LinePlan:
        """The best plan that another timing's search has seen, timed here; that stays untouched."""
        self.take_up_best(other)
        self.search.settle_peak(20)
        return self.written()

    def take_up_best(self, other: Timing) -> None:
        """Begin from the best plan that another timing's search has seen."""
        for kind, name in ((2, "kept_i"), (3, "kept_f")):
            mine, others = (np.asarray(timing._arrays[kind][name]) for timing in (self, other))
            mine[1] = others[1]
        self.search.forget_best()
        self.search.back_to_best()

    def items_of(self, sequences: Sequences) -> list[list[int]]:
        """The kernel numbers tasks after the orders."""
        all_items = [item for sequence in sequences for item in sequence]
        if len(set(all_items)) < len(all_items):
            raise ValueError(f"sequences: an item stands twice in {sequences}")
        orders = len(self.problem.orders)
        return [[j if j >= 0 else orders + ~j for j in sequence] for sequence in sequences]

    def sequences(self) -> Sequences:
        """The sequences of the plan that the search has."""
        orders = len(self.problem.orders)
        found = self.search.sequences()
        return tuple(tuple(j if j < orders else ~(j - orders) for j in line) for line in found)

    def written(self) -> LinePlan:
        """The plan that the search has, timed once more line by line, with its bill."""
        stretches: list[Stretch] = []
        for line in range(len(self.problem.lines)):
            stretches += self._stretches(line)
        placed = {s.index for s in stretches if s.kind == "order"}
        done = {s.index for s in stretches if s.kind == "task"}
        orders = len(self.problem.orders)
        self._refuse([orders + q for q in range(len(self.problem.tasks)) if q not in done])
        unplaced = tuple(j for j in range(orders) if j not in placed)
        return LinePlan(tuple(stretches), bill_of(self.problem, stretches), unplaced)

    def _stretches(self, line: int) -> list[Stretch]:
        rows = np.asarray(self._arrays[2]["notes"])[: self.search.written(line)][::-1].tolist()
        return list(self._merged(line, rows))

    def _merged(self, line: int, rows: list[list[int]]) -> Iterable[Stretch]:
        orders = len(self.problem.orders)
        resting: Stretch | None = None
        for kind, index, start, end in rows:
            if kind == 0 and resting is not None and resting.index == index:
                resting = Stretch(line, resting.start, end, "hold", index)
                continue
            if resting is not None and self._is_told(resting):
                yield resting
            resting = None
            if kind == 0:
                resting = Stretch(line, start, end, "hold", index)
            elif index >= orders and kind == 2:
                yield Stretch(line, start, end, "task", index - orders)
            else:
                yield Stretch(line, start, end, KINDS[kind], index)
        if resting is not None and self._is_told(resting):
            yield resting

    def _is_told(self, rest: Stretch) -> bool:
        """Rest in off at no power goes without saying."""
        return rest.index != OFF or self.problem.lines[rest.line].hold_kw[OFF] != 0

    def _refuse(self, missing: Sequence[int]) -> None:
        tasks = [self.problem.tasks[m - len(self.problem.orders)] for m in missing]
        if tasks:
            names = ", ".join(task.id for task in tasks)
            raise NoriaError(
                f"{self.problem.name}: {names}: no time found in the window beside the other tasks "
                "of the line and the crew; every task has to be done; widen a window or add a crew"
            )


def sequences_of(problem: LineProblem, plan: LinePlan) -> Sequences:
    """The order of work of a plan, for starting a search from it."""
    found: list[list[tuple[int, int]]] = [[] for _ in problem.lines]
    for s in plan.stretches:
        if s.kind == "order":
            found[s.line].append((s.start, s.index))
        elif s.kind == "task":
            found[s.line].append((s.start, ~s.index))
    return tuple(tuple(item for _, item in sorted(line)) for line in found)


def likely_peak(problem: LineProblem) -> float:
    """A peak to begin with [kW]: the idle site's, and the orders' work spread over the shifts."""
    site = problem.site
    idle = site.base_kw - site.generation_kw
    energy = sum(
        min((sum(n * kw for n, kw in way.runs) for way in order.ways), default=0.0)
        for order in problem.orders
    )
    is_open = np.zeros(problem.slots, dtype=bool)
    for line in problem.lines:
        is_open |= np.asarray(line.is_open, dtype=bool)
    spread = 1.3 * energy / max(int(is_open.sum()), 1)
    return max(float(idle.max(initial=0.0)) + spread, site.peak_incurred_kw)
