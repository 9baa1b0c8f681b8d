"""A problem and a plan of it as the arrays that the sequence kernel reads and changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.account import Account
from solvers.plan import Plan
from solvers.problem import Mode, Op
from twin.model.horizon import Array
from twin.model.schedule import Kind

Whole = NDArray[np.int64]

FAR = 1e300
"""Infinity, as the kernel has it."""
NOT_PLANNED = -2
"""Unit of an operation that the last plan did not have."""
FREE, RUNNING, FROZEN = 0, 1, 2
OVERFULL_SHARE = 0.01
"""A batch that finds no room in its buffer is fined so much of the plan's cost."""
POWER: tuple[Kind, ...] = ("startup", "setup", "work", "maintenance", "standby")
"""Columns of ``kw``."""


def whole(values: Iterable[Any]) -> Whole:
    return np.array(list(values), dtype=np.int64)


def real(values: Iterable[Any]) -> Array:
    """Numbers, infinity as the kernel has it."""
    return np.asarray(np.minimum(np.array(list(values), dtype=float), FAR))


def starts(counts: Sequence[int]) -> Whole:
    """(n + 1,) where the rows of each of n lists begin."""
    return np.concatenate(([0], np.cumsum(np.array(counts, dtype=np.int64)))).astype(np.int64)


class Tables:
    """Every array of the kernel, by the names it has there."""

    def __init__(self, account: Account) -> None:
        self.problem = account.problem
        self._shifts()
        self._units(account)
        self._operations(account.plan)
        self._orders(account.plan)
        self._tasks(account.plan)
        self._modes()
        self._site(account)
        self._plan(account.plan)

    def views(self) -> Any:
        """The same with memory views in place of arrays, as the kernel wants them."""
        found: dict[str, Any] = {
            name: memoryview(array)  # type: ignore[arg-type]
            for name, array in vars(self).items()
            if isinstance(array, np.ndarray)
        }
        return type("Views", (), found)

    def _shifts(self) -> None:
        shifts = self.problem.shifts
        self.shift_at = starts([len(s.starts) for s in shifts])
        self.opens = real([x for s in shifts for x in s.starts] or [0.0])
        self.closes = real([x for s in shifts for x in s.ends] or [0.0])
        self.before = real([x for s in shifts for x in s.before] or [0.0])
        self.after = real([x for s in shifts for x in s.after] or [0.0])

    def _units(self, account: Account) -> None:
        units = self.problem.units
        self.unit_shift = whole([u.shift for u in units])
        self.startup = real([u.startup for u in units])
        self.ready = real([u.ready for u in units])
        self.is_on = whole([u.is_on for u in units])
        self.first_key = whole([u.first_key for u in units])
        self.keys = whole([len(u.keys) for u in units])
        self.setup_at = starts([len(u.keys) ** 2 for u in units])
        self.setup_minutes = real([t for u in units for row in u.setup_minutes for t in row])
        self.setup_cost = real([u.setup_cost for u in units])
        self.kw = np.array([[account.power_of(u.index)[kind] for kind in POWER] for u in units])

    def _operations(self, plan: Plan) -> None:
        problem, ops = self.problem, self.problem.ops
        before = {b: a for job in problem.jobs for a, b in zip(job.ops, job.ops[1:], strict=False)}
        self.job_of = whole([op.job for op in ops])
        self.previous_op = whole([before.get(op.index, -1) for op in ops])
        self.pinned = whole([_state(op) for op in ops])
        self.pin = np.zeros((len(ops), 4))
        for pin in problem.pins:
            if pin.ref >= 0:
                self.pin[pin.ref] = (pin.start, pin.work, pin.end, pin.setup)
        self.room = real([op.buffer_kg for op in ops])
        limited = sorted({op.operation for op in ops if op.buffer_kg < inf})
        waiting = [[op.index for op in ops if op.operation == b] for b in limited]
        self.buffer_at = starts([len(rows) for rows in waiting])
        self.buffered = whole([o for rows in waiting for o in rows] or [0])
        self.planned_unit = whole([op.planned[0] if op.planned else NOT_PLANNED for op in ops])
        self.planned_start = real([op.planned[1] if op.planned else 0.0 for op in ops])
        self.choice_at = starts([len(op.choices) for op in ops])
        choices = [c for op in ops for c in op.choices]
        self.choice_unit = whole([c.unit for c in choices])
        self.choice_minutes = real([c.minutes for c in choices])
        self.choice_key = whole([c.key for c in choices])

    def _orders(self, plan: Plan) -> None:
        jobs = self.problem.jobs
        self.release = real([j.release for j in jobs])
        self.due = real([j.due for j in jobs])
        self.deadline = real([j.deadline for j in jobs])
        self.weight = real([j.weight for j in jobs])
        self.mass = real([j.kg for j in jobs])
        self.waits_first = whole([j.is_waiting for j in jobs])
        self.last_op = whole([j.ops[-1] if plan.is_placed(j.index) else -1 for j in jobs])
        self.delay_at = starts([len(j.delays) for j in jobs])
        self.delay = real([d for j in jobs for d in j.delays] or [0.0])

    def _tasks(self, plan: Plan) -> None:
        problem = self.problem
        crews = sorted({pm.task.crew for pm in problem.pms})
        pms = problem.pms
        self.task_unit = whole(problem.pm_unit)
        self.task_crew = whole([crews.index(pm.task.crew) for pm in pms])
        self.task_shift = whole([problem.crew_shift[pm.task.crew] for pm in pms])
        self.task_minutes = real([pm.task.duration for pm in pms])
        self.earliest = real([pm.earliest for pm in pms])
        self.latest = real([pm.latest for pm in pms])
        self.task_due = real([pm.due for pm in pms])
        self.task_cost = real([pm.task.cost for pm in pms])
        self.interval = real([pm.task.interval for pm in pms])
        self.task_pinned = whole([q in problem.frozen_tasks for q in range(len(pms))])
        self.crew_size = whole([problem.plant.crew_size[crew] for crew in crews] or [0])

    def _modes(self) -> None:
        problem = self.problem
        modes: list[Mode] = [mode for unit in problem.units for mode in unit.modes]
        self.mode_at = starts([len(unit.modes) for unit in problem.units])
        self.mode_operates = whole([mode.is_operating for mode in modes])
        self.mode_cost = real([mode.mode.cost for mode in modes])
        self.mode_step = real([mode.wear.step for mode in modes])
        self.mode_size = whole([len(mode.wear.new) for mode in modes])
        tables = [table for mode in modes for table in (mode.wear.first, mode.wear.new)]
        begins = [0, *accumulate(len(table) for table in tables)]
        self.mode_first, self.mode_new = whole(begins[:-1:2]), whole(begins[1::2])
        self.mode_table = real([x for table in tables for x in table] or [0.0])
        self.renews = np.zeros((max(len(modes), 1), max(len(problem.pms), 1)), dtype=np.int64)
        for k, mode in enumerate(modes):
            for q, pm in enumerate(problem.pms):
                self.renews[k, q] = pm.task.id in mode.renewed_by

    def _site(self, account: Account) -> None:
        problem, bill = self.problem, account.bill
        slots = problem.horizon.slots
        self.rate = real(bill.rate)
        self.intensity = real(problem.forecast.carbon_intensity)
        self.net_floor = np.broadcast_to(bill.floor - bill.generation, slots).astype(float).copy()
        per_minute = account.marginal / 60
        edges = np.cumsum(per_minute * problem.horizon.slot_minutes)
        self.marginal = np.concatenate(([0.0], edges))
        hours = problem.horizon.slot_minutes / 60
        self.figures = real(
            (
                problem.end, float(problem.horizon.slot_minutes), bill.feed_in, bill.charge,
                bill.incurred, problem.plant.plant.costs.tardiness_per_h / 60,
                problem.plant.plant.costs.moved_operation, problem.deadline_fine,
                problem.power_cap * hours, problem.power_fine if problem.power_cap < inf else 0.0,
                problem.carbon_cap, problem.carbon_fine if problem.carbon_cap < inf else 0.0,
                OVERFULL_SHARE * max(account.total, 1.0),
            )
        )  # fmt: skip

    def _plan(self, plan: Plan) -> None:
        problem = self.problem
        units, ops, tasks = len(problem.units), len(problem.ops), len(problem.pms)
        most = ops + tasks + 1
        self.sequence = np.zeros((units, most), dtype=np.int64)
        self.length = whole([len(items) for items in plan.items])
        for m, items in enumerate(plan.items):
            self.sequence[m, : len(items)] = [ref for _, _, ref in items]
        self.choice = np.full(ops, -1, dtype=np.int64)
        for op in problem.ops:
            chosen = plan.choice[op.index]
            if chosen is not None:
                self.choice[op.index] = self.choice_at[op.index] + op.choices.index(chosen)
        self.not_before = np.array(plan.start, dtype=float)
        self.task_not_before = real([t if t < inf else 0.0 for t in plan.pm_start])
        self.start, self.work, self.end, self.setup = np.zeros((4, ops))
        self.task_start = np.zeros(max(tasks, 1))
        self.energy, self.steady = (np.zeros(problem.horizon.slots + 1) for _ in range(2))
        self.free_at = np.zeros(units)
        for name in ("at", "is_warm", "key_now"):
            setattr(self, name, np.zeros(units, dtype=np.int64))
        self.done = np.zeros(ops, dtype=np.int64)
        for kind in ("old", "best"):
            setattr(self, f"{kind}_sequence", self.sequence.copy())
            setattr(self, f"{kind}_length", self.length.copy())
            setattr(self, f"{kind}_choice", self.choice.copy())
            setattr(self, f"{kind}_not_before", self.not_before.copy())
            setattr(self, f"{kind}_task", self.task_not_before.copy())


def _state(op: Op) -> int:
    if op.is_running:
        return RUNNING
    return FROZEN if op.is_frozen else FREE
