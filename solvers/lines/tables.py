"""A line problem as the flat arrays that the timing kernel reads and works in.

A *row* is a way of making an order on a line, or a task; a *level* is a power that a line draws;
a *class* is what several transitions have in common: slots, power, fee and need of a shift.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from solvers.lines.bill import change_of, tardiness_of
from solvers.lines.problem import NEVER, Line, LineProblem, Order, Task, Way
from solvers.lines.rests import rests_of
from twin.model.horizon import Array

NONE = -1
NO_TIME = 1e-6
"""Charged in the search for a transition of no slots, so that no circle of them costs nothing."""


PER_PROBLEM = (
    "row_slots", "row_mode", "row_earliest", "row_latest", "row_crew", "row_run", "run_slots",
    "run_level", "class_first", "class_slots", "class_level", "pair_first", "arc_class", "arc_id",
    "rest_first", "rest_mode", "rest_rank", "hold_level", "first_mode", "last_mode", "ready",
    "longest",
)  # fmt: skip
PER_LINE = (
    "count", "is_fresh", "forth_count", "back_count", "work_slots", "forth_slots", "back_slots",
    "end_slots", "stamp", "lowest", "was_backed", "kept_back", "kept_stamp", "priced_crew",
)  # fmt: skip
PER_ITEM = ("line_of", "start", "back_hi", "rest_lo", "rest_hi", "rest_row")


@dataclass
class Levels:
    """The powers that each line draws, numbered line by line."""

    of_line: list[dict[float, int]] = field(default_factory=list)

    def open(self) -> None:
        self.of_line.append({})

    def number(self, power_kw: float) -> int:
        """Number of a power of the line opened last."""
        own = self.of_line[-1]
        return own.setdefault(float(power_kw), self.first[-2] + len(own))

    @property
    def first(self) -> list[int]:
        return [sum(len(own) for own in self.of_line[:n]) for n in range(len(self.of_line) + 1)]

    @property
    def kw(self) -> list[float]:
        return [power for own in self.of_line for power in own]


class Tables:
    """Arrays of one problem for one search; the problem's part is made once."""

    def __init__(self, problem: LineProblem, *, is_strict: bool = False) -> None:
        self.problem = problem
        self.is_strict = is_strict
        self.ints: defaultdict[str, list[int]] = defaultdict(list)
        self.reals: defaultdict[str, list[float]] = defaultdict(list)
        self.costs: list[Array] = []
        self.class_costs: list[Array] = []
        self.levels = Levels()
        self.row_of = np.full((self.items, len(problem.lines)), NONE, dtype=np.int64)
        self.ints["row_run"].append(0)
        self.ints["class_first"].append(0)
        self.ints["rest_first"].append(0)
        self.ints["pair_first"].append(0)
        for number, line in enumerate(problem.lines):
            self.levels.open()
            self._line(number, line)

    @property
    def items(self) -> int:
        return len(self.problem.orders) + len(self.problem.tasks)

    @cached_property
    def modes(self) -> int:
        return max((line.modes for line in self.problem.lines), default=1)

    @property
    def width(self) -> int:
        """Slot borders, and one more so that rows do not lie a power of two apart."""
        return self.problem.slots + 2

    def _line(self, number: int, line: Line) -> None:
        before = len(self.ints["row_slots"])
        for j, order in enumerate(self.problem.orders):
            if (way := order.way_on(number)) is not None:
                self._order(number, line, j, order, way)
        for q, task in enumerate(self.problem.tasks):
            if task.line == number:
                self._task(line, q, task)
        self.ints["longest"].append(max(self.ints["row_slots"][before:], default=0))
        held = [self.levels.number(kw) if kw < NEVER else NONE for kw in line.hold_kw]
        self.ints["hold_level"] += held + [NONE] * (self.modes - line.modes)
        self._transitions(line)
        rests = rests_of(line, self.problem, is_strict=self.is_strict)
        self.ints["rest_mode"] += rests
        self.ints["rest_first"].append(len(self.ints["rest_mode"]))
        self.ints["rest_rank"] += [
            rests.index(m) if m in rests else NONE for m in range(self.modes)
        ]
        self.ints["first_mode"].append(line.first_mode)
        self.ints["last_mode"].append(NONE if line.last_mode is None else line.last_mode)
        self.ints["ready"].append(line.ready)

    def _order(self, number: int, line: Line, j: int, order: Order, way: Way) -> None:
        starts = np.arange(self.width)
        costs = np.array(
            [
                float(tardiness_of(order, t + way.slots) + change_of(order, number, t))
                for t in range(self.width)
            ]
        )
        costs[starts < max(order.release, line.ready)] = NEVER
        if order.deadline is not None:
            costs[starts + way.slots > order.deadline] = NEVER
        costs[closed_for(line, way.slots, self.width)] = NEVER
        if order.is_frozen:
            costs[[(number, t) != order.planned for t in range(self.width)]] = NEVER
        self._row(j, number, way.mode, way.runs, costs, NONE)

    def _task(self, line: Line, q: int, task: Task) -> None:
        starts = np.arange(self.width)
        costs = np.zeros(self.width)
        if task.deferral:
            costs[: len(task.deferral)] = task.deferral
        is_outside = (starts < max(task.earliest, line.ready)) | (
            starts + task.slots > min(task.latest_end, self.problem.slots)
        )
        costs[is_outside] = NEVER
        crew = task.crew if self.problem.site.crews else NONE
        runs = ((task.slots, task.power_kw),)
        self._row(len(self.problem.orders) + q, task.line, task.mode, runs, costs, crew)

    def _row(
        self,
        item: int,
        line: int,
        mode: int,
        runs: tuple[tuple[int, float], ...],
        costs: Array,
        crew: int,
    ) -> None:
        finite = np.flatnonzero(costs < NEVER)
        if not finite.size:
            return
        self.row_of[item, line] = len(self.costs)
        self.costs.append(costs)
        ints = self.ints
        ints["row_slots"].append(sum(slots for slots, _ in runs))
        ints["row_mode"].append(mode)
        ints["row_earliest"].append(int(finite[0]))
        ints["row_latest"].append(int(finite[-1]))
        ints["row_crew"].append(crew)
        for slots, power_kw in runs:
            ints["run_slots"].append(slots)
            ints["run_level"].append(self.levels.number(power_kw))
        ints["row_run"].append(len(ints["run_slots"]))

    def _transitions(self, line: Line) -> None:
        classes: dict[tuple[int, float, float, bool], int] = {}
        base = self.ints["class_first"][-1]
        of_pair: defaultdict[tuple[int, int], list[tuple[int, int, float]]] = defaultdict(list)
        for number, way in enumerate(line.transitions):
            kind = (way.slots, way.power_kw, way.fee, way.needs_shift)
            if kind not in classes:
                classes[kind] = base + len(classes)
                self._class(line, *kind)
            of_pair[way.start, way.end].append((classes[kind], number, way.fee))
        self.ints["class_first"].append(base + len(classes))
        for a in range(self.modes):
            for b in range(self.modes):
                for kind_number, number, fee in of_pair[a, b] if a != b else ():
                    self.ints["arc_class"].append(kind_number)
                    self.ints["arc_id"].append(number)
                    self.reals["arc_fee"].append(fee)
                self.ints["pair_first"].append(len(self.ints["arc_id"]))

    def _class(self, line: Line, slots: int, power_kw: float, fee: float, in_shift: bool) -> None:
        costs = np.full(self.width, fee if slots else fee + NO_TIME)
        costs[self.problem.slots - slots + 1 :] = NEVER
        if in_shift:
            costs[closed_for(line, slots, self.width)] = NEVER
        costs[: line.ready] = NEVER
        self.class_costs.append(costs)
        self.ints["class_slots"].append(slots)
        self.ints["class_level"].append(self.levels.number(power_kw))

    # What the kernel is made from --------------------------------------------------------------

    @cached_property
    def fixed_rows(self) -> Array:
        """Rate, feed-in, net base load, costs of rows and of classes, (rows, width)."""
        site, slots, hours = self.problem.site, self.problem.slots, self.problem.slot_hours
        first = np.zeros((3, self.width))
        first[0, :slots] = site.rate * hours
        first[1, :slots] = site.feed_in_per_kwh * hours
        first[2, :slots] = site.base_kw - site.generation_kw
        return np.vstack([first, *(row[None] for row in self.costs + self.class_costs)])

    @cached_property
    def sizes(self) -> dict[str, int]:
        width, row = self.width, 3 * self.width
        return {
            "slots": self.problem.slots,
            "width": width,
            "lines": len(self.problem.lines),
            "items": self.items,
            "orders": len(self.problem.orders),
            "modes": self.modes,
            "crews": len(self.problem.site.crews),
            "rate": 0,
            "feed": width,
            "base": 2 * width,
            "row_cost": row,
            "class_cost": row + len(self.costs) * width,
        }

    def pool_costs(self) -> list[float]:
        """What an order without a place counts: more than its worst tardiness and power."""
        site, hours = self.problem.site, self.problem.slot_hours
        dearest = float(np.abs(site.rate).max(initial=0.0)) * hours
        orders = []
        for order in self.problem.orders:
            late = tardiness_of(order, self.problem.slots)
            power = [sum(n * kw for n, kw in way.runs) for way in order.ways]
            most = [max((kw for _, kw in way.runs), default=0.0) for way in order.ways]
            orders.append(
                late
                + order.move_cost
                + 3 * dearest * max(power, default=0.0)
                + site.demand_charge_per_kw * max(most, default=0.0)
            )
        common = max(max(orders, default=0.0), 1.0)
        return [common] * len(orders) + [20 * common] * len(self.problem.tasks)

    def arrays(self) -> tuple[dict[str, int], dict[str, float], dict[str, Any], dict[str, Any]]:
        """Sizes, numbers, arrays of whole numbers and arrays of reals, for ``Search``."""
        site, pool = self.problem.site, self.pool_costs()
        numbers = {
            "peak_price": site.demand_charge_per_kw,
            "incurred": site.peak_incurred_kw,
            "contract": site.contract_kw * (1 + 1e-9),
            "excess": 30 * max(pool, default=1.0),
        }
        return self.sizes, numbers, self._whole_numbers(), self._reals(pool)

    def _whole_numbers(self) -> dict[str, Any]:
        """What the problem says, then room for the plan and for what the kernel keeps."""
        lines, items = len(self.problem.lines), self.items
        ints = {name: whole(self.ints[name]) for name in PER_PROBLEM}
        ints |= {name: whole([0] * lines) for name in PER_LINE}
        ints |= {name: whole([0] * items) for name in PER_ITEM}
        crews = lines * len(self.problem.site.crews)
        ints |= {
            "level_first": whole(self.levels.first),
            "row_of": whole(self.row_of.ravel()),
            "crew_size": whole(np.concatenate([*self.problem.site.crews, [0]])),
            "sequence": whole([0] * (lines * items)),
            "forth_lo": whole([0] * (items + lines)),
            "forth_hi": whole([0] * (items + lines)),
            "has_end": whole([0] * (lines * self.modes)),
            "crew_free": whole([0] * (crews * self.width)),
            "crew_is_bound": whole([0] * crews),
            "buffer": whole([0] * (items + 2)),
            "counts": whole([0] * 8),
            "kept_i": seen(np.zeros((2, lines * (items + 1) + 2 * items + 1), dtype=np.int64)),
            "notes": seen(np.zeros((4 * self.problem.slots + 4 * items + 8, 4), dtype=np.int64)),
        }
        return ints

    def _reals(self, pool: list[float]) -> dict[str, Any]:
        lines, items, width = len(self.problem.lines), self.items, self.width
        levels, classes = len(self.levels.kw), len(self.class_costs)
        runs = max(np.diff(self.ints["row_run"]), default=1)
        rows = 3 * items + lines * (3 + self.modes) + levels + 3 + classes + 7 + self.modes + runs
        return {
            "level_kw": real(self.levels.kw),
            "arc_fee": real(self.reals["arc_fee"]),
            "pool_cost": real(pool),
            "s": real(self.fixed_rows.ravel()),
            "own": real([0.0] * lines),
            "constant": real([0.0] * lines),
            "priced_peak": real([0.0] * lines),
            "most_kw": real([max(own, default=0.0) for own in self.levels.of_line]),
            "least_kw": real([min(own, default=0.0) for own in self.levels.of_line]),
            "v": real(np.zeros(rows * width)),
            "kept_f": seen(np.zeros((2, (lines + 1) * width + lines + 4))),
        }


def closed_for(line: Line, slots: int, width: int) -> Array:
    """Whether one of so many slots from t is not open, (width,) of bool."""
    closed = np.concatenate([[0], np.cumsum(~np.asarray(line.is_open, dtype=bool))])
    horizon = len(closed) - 1
    ends = np.minimum(np.arange(width) + slots, horizon)
    begins = np.minimum(np.arange(width), horizon)
    return np.asarray((closed[ends] != closed[begins]) | (np.arange(width) + slots > horizon))


def whole(values: Any) -> memoryview:
    """Whole numbers as the kernel takes them; one more than given, so that none is empty."""
    return seen(np.array([*values, 0], dtype=np.int64))


def real(values: Any) -> memoryview:
    return seen(np.array([*values, 0.0], dtype=np.float64))


def seen(array: Any) -> memoryview:
    """An array as the kernel takes it: reading one number gives Python's own, not numpy's."""
    return memoryview(array)
