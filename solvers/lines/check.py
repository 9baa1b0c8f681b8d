"""Judges a line plan from the problem and its stretches alone; knows no solver.

Each rule is a method of one sentence. What a plan costs is counted again, and a bound above the
value of a plan that obeys every rule is a fault too: it would not be a bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from solvers.lines.bill import bill_of, power_of
from solvers.lines.problem import NEVER, LinePlan, LineProblem, Stretch

TOLERANCE = 1e-6
"""Relative difference of two counts of the same money or power that is rounding."""


def check(problem: LineProblem, plan: LinePlan, bound: float | None = None) -> list[str]:
    """Every rule that a plan breaks, in words; empty for a plan that can be carried out.

    Parameters
    ----------
    bound : float, optional
        A proven lower bound [currency]; above the plan's value it is a fault.
    """
    return list(Judge(problem, plan).faults(bound))


@dataclass(frozen=True)
class Judge:
    """A plan before the rules of its problem."""

    problem: LineProblem
    plan: LinePlan

    def faults(self, bound: float | None) -> Iterator[str]:
        well_formed = list(self.ill_formed())
        yield from well_formed
        if well_formed:
            return
        yield from self.counts()
        for line in range(len(self.problem.lines)):
            yield from self.modes(line)
        for s in self.plan.stretches:
            if s.kind == "order":
                yield from self.order(s)
            elif s.kind == "task":
                yield from self.task(s)
            elif s.kind == "transition":
                yield from self.transition(s)
        yield from self.crews()
        yield from self.site()
        yield from self.money(bound)

    def ill_formed(self) -> Iterator[str]:
        """Every stretch names something there is, lies in the horizon and lasts as long as it."""
        lines, slots = self.problem.lines, self.problem.slots
        for s in self.plan.stretches:
            if not 0 <= s.line < len(lines):
                yield f"{s}: there is no line {s.line}"
                continue
            things = {
                "order": len(self.problem.orders),
                "task": len(self.problem.tasks),
                "transition": len(lines[s.line].transitions),
                "hold": lines[s.line].modes,
            }
            if not 0 <= s.index < things[s.kind]:
                yield f"{s}: there is no {s.kind} {s.index}"
            elif not 0 <= s.start <= s.end <= slots:
                yield f"{s}: outside the horizon of {slots} slots"
            elif s.end - s.start != (length := self.length(s)):
                yield f"{s}: lasts {s.end - s.start} slots; it takes {length}"

    def length(self, s: Stretch) -> int:
        """How long a stretch has to last; −1 for an order that the line cannot make."""
        if s.kind == "order":
            way = self.problem.orders[s.index].way_on(s.line)
            return way.slots if way else -1
        if s.kind == "task":
            return self.problem.tasks[s.index].slots
        if s.kind == "transition":
            return self.problem.lines[s.line].transitions[s.index].slots
        return s.end - s.start

    def counts(self) -> Iterator[str]:
        """Every order is made once or named as unplaced; every task is done once."""
        made = Counter(s.index for s in self.plan.stretches if s.kind == "order")
        for j, order in enumerate(self.problem.orders):
            expected = 0 if j in self.plan.unplaced else 1
            if made[j] != expected:
                yield f"order {order.id}: made {made[j]} times; {expected} expected"
        done = Counter(s.index for s in self.plan.stretches if s.kind == "task")
        for q, task in enumerate(self.problem.tasks):
            if done[q] != 1:
                yield f"task {task.id}: done {done[q]} times; once is expected"

    def modes(self, line: int) -> Iterator[str]:
        """A line does one thing at a time and is in the mode that each thing starts from."""
        found = self.problem.lines[line]
        own = sorted(
            (s for s in self.plan.stretches if s.line == line), key=lambda s: (s.start, s.end)
        )
        for a, b in pairwise(own):
            if b.start < a.end:
                yield f"{found.id}: {b} begins before the end of {a}"
        if own and own[0].start < found.ready:
            yield f"{found.id}: {own[0]} begins before slot {found.ready}, when the line is ready"
        mode, at = found.first_mode, found.ready
        for s in own:
            if s.start > at and found.hold_kw[mode] != 0:
                yield f"{found.id}: nothing is said of slots {at} to {s.start} in mode {mode}"
            before, after = self.modes_of(s)
            if before != mode:
                yield f"{found.id}: {s} starts in mode {before}; the line is in mode {mode}"
            if s.kind == "hold" and s.end > s.start and found.hold_kw[before] == NEVER:
                yield f"{found.id}: {s} in a mode in which the line cannot rest"
            mode, at = after, s.end
        if at < self.problem.slots and found.hold_kw[mode] != 0:
            yield f"{found.id}: nothing is said of slots {at} to the end in mode {mode}"
        if found.last_mode is not None and mode != found.last_mode:
            yield f"{found.id}: ends in mode {mode}; {found.last_mode} is expected"

    def modes_of(self, s: Stretch) -> tuple[int, int]:
        """Mode before and after a stretch."""
        if s.kind == "order":
            way = self.problem.orders[s.index].way_on(s.line)
            return (way.mode, way.mode) if way else (-1, -1)
        if s.kind == "task":
            mode = self.problem.tasks[s.index].mode
            return mode, mode
        if s.kind == "transition":
            transition = self.problem.lines[s.line].transitions[s.index]
            return transition.start, transition.end
        return s.index, s.index

    def order(self, s: Stretch) -> Iterator[str]:
        """An order starts after its release, ends by its deadline, and works in open slots."""
        order, line = self.problem.orders[s.index], self.problem.lines[s.line]
        if s.start < order.release:
            yield f"order {order.id}: starts in slot {s.start}; released in {order.release}"
        if order.deadline is not None and s.end > order.deadline:
            yield f"order {order.id}: ends at {s.end}; its deadline is {order.deadline}"
        if not line.is_open[s.start : s.end].all():
            yield f"order {order.id}: works in closed slots of {line.id}"
        if order.is_frozen and order.planned != (s.line, s.start):
            yield f"order {order.id}: is frozen at {order.planned}; planned at {s.line, s.start}"

    def task(self, s: Stretch) -> Iterator[str]:
        """A task is done on its line inside its window."""
        task = self.problem.tasks[s.index]
        if s.line != task.line:
            yield f"task {task.id}: done on line {s.line}; it belongs to line {task.line}"
        if s.start < task.earliest or s.end > task.latest_end:
            window = f"{task.earliest} to {task.latest_end}"
            yield f"task {task.id}: done from {s.start} to {s.end}; its window is {window}"

    def transition(self, s: Stretch) -> Iterator[str]:
        """Start-ups and setups are made in open slots where they need people."""
        line = self.problem.lines[s.line]
        if line.transitions[s.index].needs_shift and not line.is_open[s.start : s.end].all():
            yield f"{line.id}: {s} in closed slots"

    def crews(self) -> Iterator[str]:
        """No crew does more tasks at a time than it can."""
        for c, size in enumerate(self.problem.site.crews):
            busy = np.zeros(self.problem.slots)
            for s in self.plan.stretches:
                if s.kind == "task" and self.problem.tasks[s.index].crew == c:
                    busy[s.start : s.end] += 1
            for t in np.flatnonzero(busy > size)[:1]:
                yield f"crew {c}: {busy[t]:g} tasks in slot {t}; it can do {size[t]}"

    def site(self) -> Iterator[str]:
        """The import stays below the contract, and the carbon of the lines below its cap."""
        site = self.problem.site
        net = site.base_kw + power_of(self.problem, self.plan.stretches) - site.generation_kw
        if (peak := float(net.max(initial=0.0))) > site.contract_kw * (1 + TOLERANCE):
            yield f"import of {peak:.6g} kW; the contract allows {site.contract_kw:.6g} kW"
        carbon = bill_of(self.problem, self.plan.stretches).carbon_kg
        cap = self.problem.carbon_cap_kg
        if carbon > cap + TOLERANCE * abs(cap):
            yield f"{carbon:.6g} kgCO2e; the cap is {cap:.6g} kgCO2e"

    def money(self, bound: float | None) -> Iterator[str]:
        """The bill is what the stretches cost, and no bound lies above it."""
        counted = bill_of(self.problem, self.plan.stretches)
        scale = max(abs(counted.total), 1.0)
        if abs(counted.total - self.plan.bill.total) > TOLERANCE * scale:
            yield f"the bill says {self.plan.bill.total:.8g}; counted {counted.total:.8g}"
        if bound is not None and not self.plan.unplaced and bound > counted.total + 1e-6 * scale:
            yield f"the bound {bound:.8g} lies above the value {counted.total:.8g}"
