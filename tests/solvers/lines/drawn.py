"""Small line problems drawn at random, each around a plan that obeys every rule of it.

The plan comes first: lines are walked from slot to slot, and windows, caps and crews are then
drawn around what was done. So a drawn problem is never infeasible, whatever features it has.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from solvers.lines.bill import bill_of
from solvers.lines.problem import (
    NEVER,
    OFF,
    Line,
    LinePlan,
    LineProblem,
    Order,
    Site,
    Stretch,
    Task,
    Transition,
    Way,
)

FEATURES = frozenset(
    {
        "setups",  # setup times and fees between families; without them a change takes no slot
        "calendars",  # closed slots
        "sleep",  # a second mode of rest, at less power
        "heating",  # a mode in which no line can rest, on the way from off to family 1
        "ends",  # lines that begin in a family, or later, or may end in any mode
        "windows",  # releases and deadlines
        "tardiness",
        "crews",  # fewer crews than lines
        "deferral",  # cost of a task by its start
        "peak",  # demand charge, with a peak incurred already
        "generation",
        "feed_in",  # below every price
        "contract",
        "carbon_cap",
        "planned",  # an order charged for its move
        "frozen",
    }
)
DEAR_FEED_IN = "dear_feed_in"
"""Feed-in above some prices, so that the cost of power is not convex; not among FEATURES."""


def drawn_problem(
    seed: int,
    *,
    orders: int = 4,
    lines: int = 2,
    slots: int = 24,
    families: int = 2,
    tasks: int = 1,
    features: Collection[str] = FEATURES,
) -> LineProblem:
    """A problem with these features; see :data:`FEATURES`."""
    return drawn_case(
        seed,
        orders=orders,
        lines=lines,
        slots=slots,
        families=families,
        tasks=tasks,
        features=features,
    )[0]


def drawn_case(
    seed: int,
    *,
    orders: int = 4,
    lines: int = 2,
    slots: int = 24,
    families: int = 2,
    tasks: int = 1,
    features: Collection[str] = FEATURES,
) -> tuple[LineProblem, LinePlan]:
    """A problem, and a plan that obeys its rules and is far from the best."""
    for attempt in range(1000):
        draw = random.Random(f"{seed}/{attempt}/line problem")
        case = _Case(draw, frozenset(features), slots, families)
        if case.fill(orders, lines, tasks):
            return case.problem(f"drawn {seed}"), case.plan
    raise ValueError(f"{orders} orders on {lines} lines do not fit into {slots} slots")


@dataclass
class _Walk:
    """Where a line stands while it is walked."""

    line: Line
    at: int
    mode: int
    done: list[tuple[int, int, str, int]] = field(default_factory=list)
    """Start, end, kind, index."""

    def copy(self) -> _Walk:
        return replace(self, done=list(self.done))

    def hold(self, until: int) -> None:
        if until > self.at:
            if self.mode != OFF:
                self.done.append((self.at, until, "hold", self.mode))
            self.at = until

    def change(self, to: int) -> bool:
        """By one transition, or by two through OFF, as soon as the calendar lets them."""
        if self.mode == to:
            return True
        direct = self._transition(to)
        if direct is not None:
            return self._take(direct)
        return self.mode != OFF and to != OFF and self.change(OFF) and self.change(to)

    def _transition(self, to: int) -> int | None:
        ways = enumerate(self.line.transitions)
        return next((k for k, w in ways if (w.start, w.end) == (self.mode, to)), None)

    def _take(self, k: int) -> bool:
        way, slots = self.line.transitions[k], len(self.line.is_open)
        for t in range(self.at, slots - way.slots + 1):
            if not way.needs_shift or self.line.is_open[t : t + way.slots].all():
                self.hold(t)
                self.done.append((t, t + way.slots, "transition", k))
                self.at, self.mode = t + way.slots, way.end
                return True
        return False

    def work(self, kind: str, index: int, slots: int, needs_shift: bool) -> bool:
        for t in range(self.at, len(self.line.is_open) - slots + 1):
            if not needs_shift or self.line.is_open[t : t + slots].all():
                self.hold(t)
                self.done.append((t, t + slots, kind, index))
                self.at = t + slots
                return True
        return False

    def finish(self) -> bool:
        if self.line.last_mode is not None and not self.change(self.line.last_mode):
            return False
        self.hold(len(self.line.is_open))
        return True


class _Case:
    """A problem in the making."""

    def __init__(
        self, draw: random.Random, features: frozenset[str], slots: int, families: int
    ) -> None:
        self.draw, self.features, self.slots, self.families = draw, features, slots, families
        self.orders: list[Order] = []
        self.tasks: list[Task] = []
        self.walks: list[_Walk] = []
        self.plan = LinePlan((), bill_of(self._bare([]), ()))

    def has(self, feature: str) -> bool:
        return feature in self.features

    def fill(self, orders: int, lines: int, tasks: int) -> bool:
        """Walk the lines through so many orders and tasks; False where they do not fit."""
        self.walks = [self._walk(n) for n in range(lines)]
        items = ["order"] * orders + ["task"] * tasks
        self.draw.shuffle(items)
        for kind in items:
            add = self._add_order if kind == "order" else self._add_task
            if not add():
                return False
        return all(walk.finish() for walk in self.walks)

    def _walk(self, number: int) -> _Walk:
        line = self._line(number)
        return _Walk(line, line.ready, line.first_mode)

    def _line(self, number: int) -> Line:
        draw, families = self.draw, range(1, self.families + 1)
        hold = [0.0, *(round(draw.uniform(5, 15), 1) for _ in families)]
        ways = [
            Transition(OFF, f, draw.randint(1, 2), round(draw.uniform(20, 40), 1)) for f in families
        ]
        down = draw.randint(0, 1)
        ways += [
            Transition(f, OFF, down, round(draw.uniform(2, 9), 1), 0.0, False) for f in families
        ]
        ways += [self._setup(f, g) for f in families for g in families if f != g]
        if self.has("sleep"):
            hold.append(2.0)
            ways += [Transition(f, len(hold) - 1, 0, 0.0, 0.0, False) for f in families]
            ways += [Transition(len(hold) - 1, f, 1, 11.0) for f in families]
        if self.has("heating"):
            hold.append(NEVER)
            ways += [Transition(OFF, len(hold) - 1, 1, 9.0), Transition(len(hold) - 1, 1, 0, 0.0)]
        return self._ends(Line(f"line {number}", self._calendar(), tuple(hold), tuple(ways)))

    def _setup(self, start: int, end: int) -> Transition:
        if not self.has("setups"):
            return Transition(start, end, 0, 0.0)
        slots = self.draw.randint(0, 2)
        return Transition(start, end, slots, round(self.draw.uniform(5, 25), 1), 3.0)

    def _calendar(self) -> np.ndarray:
        is_open = np.ones(self.slots, dtype=bool)
        if self.has("calendars"):
            for _ in range(max(self.slots // 20, 1)):
                start = self.draw.randrange(self.slots)
                is_open[start : start + self.draw.randint(1, 4)] = False
        return is_open

    def _ends(self, line: Line) -> Line:
        if not self.has("ends"):
            return line
        return replace(
            line,
            first_mode=self.draw.choice([OFF, OFF, 1]),
            last_mode=self.draw.choice([OFF, OFF, None]),
            ready=self.draw.choice([0, 0, 1, 2]),
        )

    def _add_order(self) -> bool:
        """An order of one family, made by the line that was drawn, and perhaps by others."""
        draw, number = self.draw, len(self.orders)
        family, slots = draw.randint(1, self.families), draw.randint(1, 4)
        power_kw = round(draw.uniform(30, 90), 1)
        on = draw.randrange(len(self.walks))
        ways = tuple(
            self._way(line, family, slots if line == on else draw.randint(1, 4), power_kw)
            for line in range(len(self.walks))
            if line == on or draw.random() < 0.7
        )
        self.orders.append(Order(f"order {number}", ways))
        return self._extend(on, family, "order", number, slots, needs_shift=True)

    def _way(self, line: int, mode: int, slots: int, power_kw: float) -> Way:
        first = self.draw.randint(1, slots)
        runs = ((first, power_kw * 1.25), (slots - first, power_kw))
        return Way(line, mode, tuple(run for run in runs if run[0]))

    def _add_task(self) -> bool:
        draw, number = self.draw, len(self.tasks)
        on, slots = draw.randrange(len(self.walks)), draw.randint(1, 2)
        mode = draw.choice([OFF, OFF, 1])
        power_kw = draw.choice([0.0, 4.0])
        crew = number % 2
        task = Task(f"task {number}", on, slots, 0, self.slots, mode, power_kw, crew)
        self.tasks.append(task)
        return self._extend(on, mode, "task", number, slots, needs_shift=False)

    def _extend(
        self, on: int, mode: int, kind: str, index: int, slots: int, needs_shift: bool
    ) -> bool:
        """A stretch more on a line, after a while of rest."""
        walk = self.walks[on].copy()
        walk.hold(min(walk.at + self.draw.randint(0, 2), self.slots))
        if not (walk.change(mode) and walk.work(kind, index, slots, needs_shift)):
            return False
        self.walks[on] = walk
        return True

    def problem(self, name: str) -> LineProblem:
        """The problem around the plan, and the plan with its bill under it."""
        stretches = tuple(
            Stretch(n, a, b, kind, index)  # type: ignore[arg-type]
            for n, walk in enumerate(self.walks)
            for a, b, kind, index in walk.done
        )
        found = {(s.kind, s.index): s for s in stretches}
        orders = [self._dated(o, found["order", j]) for j, o in enumerate(self.orders)]
        tasks = [self._windowed(t, found["task", q]) for q, t in enumerate(self.tasks)]
        bare = replace(
            self._bare([w.line for w in self.walks]),
            name=name,
            orders=tuple(orders),
            tasks=tuple(tasks),
        )
        problem = self._capped(replace(bare, site=self._site(stretches)), stretches)
        self.plan = LinePlan(stretches, bill_of(problem, stretches))
        return problem

    def _dated(self, order: Order, s: Stretch) -> Order:
        """Dates before and after where the order is made."""
        draw = self.draw
        if self.has("windows") and draw.random() < 0.7:
            order = replace(order, release=draw.randint(0, s.start))
        if self.has("windows") and draw.random() < 0.5:
            order = replace(order, deadline=draw.randint(s.end, self.slots))
        if self.has("tardiness"):
            due = draw.randint(0, self.slots)
            order = replace(order, due=due, tardiness=round(draw.uniform(0, 4), 2))
        if self.has("frozen") and draw.random() < 0.15:
            return replace(order, planned=(s.line, s.start), is_frozen=True)
        if self.has("planned") and draw.random() < 0.4:
            other = draw.choice(order.ways).line, draw.randrange(self.slots)
            return replace(order, planned=other, move_cost=5.0)
        return order

    def _windowed(self, task: Task, s: Stretch) -> Task:
        draw = self.draw
        task = replace(
            task, earliest=draw.randint(0, s.start), latest_end=draw.randint(s.end, self.slots)
        )
        if self.has("deferral"):
            slope = draw.uniform(0, 2)
            task = replace(task, deferral=tuple(round(slope * t, 3) for t in range(self.slots)))
        return task

    def _bare(self, lines: Sequence[Line]) -> LineProblem:
        """A problem with prices and nothing shared."""
        draw, slots = self.draw, self.slots
        price = np.array([round(draw.uniform(0.05, 0.4), 3) for _ in range(slots)])
        carbon = np.array([round(draw.uniform(0.1, 0.5), 3) for _ in range(slots)])
        site = Site(price, carbon, 60.0, np.full(slots, 12.0), np.zeros(slots))
        return LineProblem("bare", 1.0, slots, tuple(lines), (), (), site)

    def _site(self, stretches: Sequence[Stretch]) -> Site:
        draw, slots = self.draw, self.slots
        site = self._bare([]).site
        if self.has("peak"):
            incurred = draw.choice([0.0, 40.0])
            site = replace(site, demand_charge_per_kw=0.7, peak_incurred_kw=incurred)
        if self.has("generation"):
            sun = [round(max(0.0, 60 * np.sin(np.pi * (t % 24 - 6) / 12)), 1) for t in range(slots)]
            site = replace(site, generation_kw=np.array(sun))
        if self.has("feed_in"):
            site = replace(site, feed_in_per_kwh=0.04)
        if self.has(DEAR_FEED_IN):
            site = replace(site, feed_in_per_kwh=0.25)
        return replace(site, crews=self._crews(stretches))

    def _crews(self, stretches: Sequence[Stretch]) -> tuple[np.ndarray, ...]:
        """Two crews, each as large as the plan needs and no larger, and one man at least."""
        if not self.has("crews"):
            return ()
        busy = np.zeros((2, self.slots), dtype=int)
        for s in stretches:
            if s.kind == "task":
                busy[self.tasks[s.index].crew, s.start : s.end] += 1
        return tuple(np.maximum(row, 1) for row in busy)

    def _capped(self, problem: LineProblem, stretches: Sequence[Stretch]) -> LineProblem:
        bill = bill_of(problem, stretches)
        if self.has("contract"):
            contract_kw = max(bill.peak_kw, 12.0) * self.draw.uniform(1.0, 1.3)
            problem = replace(problem, site=replace(problem.site, contract_kw=contract_kw))
        if self.has("carbon_cap"):
            cap = bill.carbon_kg * self.draw.uniform(0.95, 1.2)
            problem = replace(problem, carbon_cap_kg=max(cap, bill.carbon_kg))
        return problem
