"""The best plan of a whole problem by its mixed-integer programme, and the proof that it is.

:func:`search_optimum` works where it is called; :func:`optimum` works in a process of its own that
is killed when HiGHS overruns its limit, and returns the best that was told until then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from solvers.lines.bill import bill_of
from solvers.lines.check import check
from solvers.lines.equal_work import solve_equal_work
from solvers.lines.highs_model import SiteModel, site_model
from solvers.lines.highs_run import Listener, minimise
from solvers.lines.network import (
    HOLD,
    ORDER,
    PASS,
    TASK,
    TRANSITION,
    Network,
    paths_of,
    stretches_of,
)
from solvers.lines.problem import LinePlan, LineProblem, Stretch
from solvers.lines.processes import Desk, Worker, process_context, wait_for
from twin.errors import NoriaError
from twin.model.horizon import Array

GRACE = 0.1
"""Share of the time limit after which a solver that overruns it is killed."""
LEAST_GRACE = 1.0
"""The same in seconds, at least."""

Status = Literal["optimal", "feasible", "heuristic", "infeasible", "unknown"]


@dataclass(frozen=True)
class Found:
    """What is known after the search for an optimum."""

    plan: LinePlan | None
    bound: float
    """No plan costs less [currency]; −inf while nothing is proven, inf where there is no plan."""
    is_optimal: bool = False
    is_infeasible: bool = False

    @property
    def status(self) -> Status:
        if self.is_infeasible:
            return "infeasible"
        if self.plan is None:
            return "unknown"
        if self.is_optimal:
            return "optimal"
        return "feasible" if math.isfinite(self.bound) else "heuristic"


def search_optimum(
    problem: LineProblem,
    *,
    seconds: float,
    upper: float = math.inf,
    warm: LinePlan | None = None,
    tell: Callable[[Found], None] | None = None,
    must_stop: Callable[[], bool] | None = None,
    seed: int = 0,
) -> Found:
    """The best plan, or what is known when time is over.

    Parameters
    ----------
    upper
        Value of a plan known elsewhere [currency]; the search ends when the bound reaches it.
    warm
        A plan to begin with.
    tell
        Called with better plans and better bounds on the way; the plan is None where it has not
        changed.
    """
    known = solve_equal_work(problem, seed)
    if known and known.bound == math.inf:
        return Found(None, math.inf, is_infeasible=True)
    if known and known.plan and known.plan.bill.total <= known.bound:
        return Found(known.plan, known.bound, is_optimal=True)
    if known and tell:
        tell(Found(known.plan, known.bound))
    model = site_model(problem)
    told = _Told(model, tell or (lambda found: None), must_stop or (lambda: False), upper)
    warm = (known and known.plan) or warm
    start = values_of(model, warm) if warm and not warm.unplaced else None
    outcome = minimise(
        model.programme(), seconds=seconds, start=start, listener=told.listener(), seed=seed
    )
    if outcome.is_infeasible:
        return Found(None, math.inf, is_infeasible=True)
    plan = None if outcome.values is None else plan_of(model, outcome.values)
    return Found(plan, max(outcome.bound, known.bound if known else -math.inf), outcome.is_optimal)


class _Told:
    """Turns what HiGHS says into plans and bounds."""

    def __init__(
        self,
        model: SiteModel,
        tell: Callable[[Found], None],
        must_stop: Callable[[], bool],
        upper: float,
    ) -> None:
        self.model, self.tell, self.must_stop, self.upper = model, tell, must_stop, upper
        self.bound = -math.inf

    def listener(self) -> Listener:
        return Listener(self._solution, self._bound, self._is_over)

    def _solution(self, objective: float, values: Array) -> None:
        with suppress(NoriaError):  # a solution of rounded rows; the last one is judged in earnest
            self.tell(Found(plan_of(self.model, values), self.bound))

    def _bound(self, bound: float) -> None:
        if bound > self.bound + 1e-9 * abs(bound):
            self.bound = bound
            self.tell(Found(None, bound))

    def _is_over(self) -> bool:
        return self.must_stop() or self.bound >= self.upper


# --- plans and values of columns --------------------------------------------------------------


def plan_of(model: SiteModel, values: Array) -> LinePlan:
    """The plan of a solution, counted anew.

    Raises
    ------
    NoriaError
        If it breaks a rule: a fault of the model or the solver, never handed on as a plan.
    """
    problem = model.problem
    waiting = [list(members) for members in model.classes]
    stretches: list[Stretch] = []
    for network, first, alike in zip(model.networks, model.first_arc, model.lines, strict=False):
        flow = np.rint(values[first : first + network.arcs]).astype(int)
        for number, path in zip(alike, paths_of(network, flow), strict=True):
            stretches += stretches_of(problem, network, path, waiting, number)
    plan = LinePlan(tuple(stretches), bill_of(problem, stretches))
    if faults := check(problem, plan):
        raise NoriaError(f"{problem.name}: the solver's plan breaks a rule: {faults[0]}")
    return plan


def values_of(model: SiteModel, plan: LinePlan) -> Array | None:
    """The columns of a plan; None where the networks do not have all of its arcs."""
    values = np.zeros(model.columns)
    class_of = {j: c for c, members in enumerate(model.classes) for j in members}
    net = model.idle_net.copy()
    for network, first, alike in zip(model.networks, model.first_arc, model.lines, strict=False):
        flow = values[first : first + network.arcs]
        for number in alike:
            arcs = arcs_of(model.problem, network, plan, class_of, number)
            if arcs is None:
                return None
            np.add.at(flow, arcs, 1.0)
        net += network.power(flow)
    surplus = net[model.surplus]
    values[model.imports : model.sales] = np.maximum(surplus, 0.0)
    values[model.sales : model.sells] = np.maximum(-surplus, 0.0)
    values[model.sells : model.peak] = net[model.twofold] < 0
    if model.has_peak:
        values[model.peak] = max(model.lowest_peak, float(net.max(initial=0.0)))
    return values


def arcs_of(
    problem: LineProblem, network: Network, plan: LinePlan, class_of: dict[int, int], line: int
) -> list[int] | None:
    """Arcs of the path that a line's stretches are; None where the network lacks one of them."""
    number = _arc_numbers(network)
    walk = _Walk(problem, network)
    kinds = {"order": ORDER, "task": TASK, "transition": TRANSITION}
    for s in plan.stretches:
        if s.line != line or s.kind == "hold":
            continue
        is_pass = s.kind == "transition" and s.start == s.end
        walk.rest(s.start)
        if is_pass:
            walk.mode = problem.lines[s.line].transitions[s.index].end
            continue
        walk.leave()
        index = class_of[s.index] if s.kind == "order" else s.index
        walk.keys.append((kinds[s.kind], index, s.start))
        if s.kind == "transition":
            walk.mode = problem.lines[s.line].transitions[s.index].end
        walk.arrive(s.end)
    walk.rest(problem.slots)
    walk.leave()
    arcs = [number.get(key, -1) for key in walk.keys]
    return None if -1 in arcs else arcs


def _arc_numbers(network: Network) -> dict[tuple[int, int, int], int]:
    columns = (network.kind.tolist(), network.index.tolist(), network.start.tolist())
    return {key: a for a, key in enumerate(zip(*columns, strict=True))}


class _Walk:
    """Where a line stands while its stretches are followed; ``keys`` are kind, index, start."""

    def __init__(self, problem: LineProblem, network: Network) -> None:
        line = problem.lines[network.line]
        self.at, self.mode = min(line.ready, problem.slots), line.first_mode
        self.arrived_in = self.mode
        self.keys: list[tuple[int, int, int]] = []
        self.pass_between = _pass_ends(problem, network)

    def leave(self) -> None:
        """Change mode in no time, or pass on unchanged, where there are two rows of nodes."""
        if self.pass_between:
            key = self.pass_between.get((self.arrived_in, self.mode), -1)
            self.keys.append((PASS, key, self.at))

    def arrive(self, at: int) -> None:
        self.at, self.arrived_in = at, self.mode

    def rest(self, until: int) -> None:
        while self.at < until:
            self.leave()
            self.keys.append((HOLD, self.mode, self.at))
            self.arrive(self.at + 1)


def _pass_ends(problem: LineProblem, network: Network) -> dict[tuple[int, int], int]:
    """Number of the pass from each mode to each other."""
    modes = network.modes
    is_pass = network.kind == PASS
    ends = zip(
        (network.tail[is_pass] % modes).tolist(),
        (network.head[is_pass] % modes).tolist(),
        network.index[is_pass].tolist(),
        strict=True,
    )
    return {(a, b): k for a, b, k in ends}


# --- in a process of its own ------------------------------------------------------------------


def optimum(
    problem: LineProblem,
    *,
    time_limit: float,
    warm: LinePlan | None = None,
    must_stop: Callable[[], bool] | None = None,
    seed: int = 0,
) -> tuple[LinePlan | None, float, Status]:
    """The best plan, the bound and the status, within the time limit [s] and a tenth more.

    On Ctrl-C, or once ``must_stop`` says so, the best so far is returned.
    """
    best = Found(warm, -math.inf)
    context = process_context()
    deadline = time.monotonic() + time_limit + max(GRACE * time_limit, LEAST_GRACE)
    work = partial(_search_and_tell, problem, time_limit, warm, seed)
    worker = Worker(context, "optimum", work, Desk(context, deadline))
    with suppress(KeyboardInterrupt):
        try:
            while not worker.is_over and time.monotonic() < deadline:
                if must_stop and must_stop():
                    break
                wait_for([worker], min(deadline - time.monotonic(), 0.2))
                for message in worker.heard():
                    if isinstance(message, Found):
                        best = _better(best, message)
        finally:
            worker.end()
    if worker.failure and best.plan is None:
        raise NoriaError(f"{problem.name}: the solver ended early: {worker.failure.reason}")
    return best.plan, best.bound, best.status


def _better(old: Found, new: Found) -> Found:
    """The cheaper plan and the higher bound of two; optimal where they meet."""
    if new.is_infeasible:
        return new
    plans = [plan for plan in (new.plan, old.plan) if plan is not None]
    plan = min(plans, key=lambda p: p.bill.total, default=None)
    return Found(plan, max(old.bound, new.bound), old.is_optimal or new.is_optimal)


def _search_and_tell(
    problem: LineProblem,
    seconds: float,
    warm: LinePlan | None,
    seed: int,
    desk: Desk,
    tell: Callable[[object], None],
) -> None:
    tell(
        search_optimum(
            problem, seconds=seconds, warm=warm, tell=tell, must_stop=desk.must_stop, seed=seed
        )
    )
