"""A line's week as a network of (slot, mode) nodes: every path from source to sink is a plan of it.

An *arc* is something the line may begin in a slot: hold its mode for one slot, make a transition,
an order, a task. Arcs are there only where calendar, release, deadline, window and crew allow
them, so a path needs no other rule of its line than that each order and task is on it once.

Node ``slot * width + mode`` is the line in a mode at the beginning of a slot. Where transitions of
0 slots exist, each slot has a second row of nodes ``slot * width + modes + mode``, after them:
a *pass* arc leads from the first row to the second, everything else begins in the second row and
ends in the first. Arcs therefore always lead to a higher node, and they are sorted by ``tail``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.lines.bill import change_of, tardiness_of
from solvers.lines.problem import NEVER, Line, LineProblem, Order, Stretch, Task, Transition
from twin.model.horizon import Array

HOLD, TRANSITION, ORDER, TASK, PASS = range(5)
"""Kinds of arc."""

Whole = NDArray[Any]
"""Array of whole numbers or of truths."""
OrderClasses = tuple[tuple[int, ...], ...]
"""Orders by class; those of one class differ in nothing but their id."""
LineClasses = tuple[tuple[int, ...], ...]
"""Lines by class, in the same sense."""


@dataclass(frozen=True, eq=False)
class Network:
    """Arcs of one line, (A,), sorted by tail; what they draw as runs of constant power."""

    line: int
    slots: int
    modes: int
    width: int
    """Nodes of one slot: ``modes``, or twice that where transitions of 0 slots exist."""
    source: int
    sinks: Whole
    """Nodes in which the horizon may end."""
    tail: Whole
    head: Whole
    kind: Whole
    index: Whole
    """Mode held, transition of the line, order class, task, or row of ``passes``."""
    start: Whole
    """Slot in which an arc begins."""
    length: Whole
    """Slots."""
    fixed: Array
    """Fees, tardiness, deferral and changes [currency]; energy is not in it."""
    run_at: Whole
    """(A + 1,): the runs of arc a are ``run_at[a]`` up to ``run_at[a + 1]``."""
    run_begin: Whole
    """(R,) first slot of a run."""
    run_end: Whole
    """(R,) slot after its last."""
    run_kw: Array
    """(R,) [kW], never 0."""
    passes: tuple[tuple[int, ...], ...] = ()
    """Transitions of 0 slots made at once, in their order; an empty row changes nothing."""

    @property
    def arcs(self) -> int:
        return len(self.tail)

    @property
    def nodes(self) -> int:
        return (self.slots + 1) * self.width

    @cached_property
    def run_arc(self) -> Whole:
        """(R,) the arc of each run."""
        return np.repeat(np.arange(self.arcs), np.diff(self.run_at))

    def per_run(self, value: Array) -> Array:
        """(A,) sum over the runs of each arc."""
        total = np.bincount(self.run_arc, weights=value, minlength=self.arcs)
        return total.astype(np.float64)

    def energy_cost(self, slot_cost: Array) -> Array:
        """(A,) cost of an arc's power where a kW costs ``slot_cost`` in each slot, (T,)."""
        until = np.concatenate(([0.0], np.cumsum(slot_cost)))
        return self.per_run(self.run_kw * (until[self.run_end] - until[self.run_begin]))

    def power(self, flow: Array) -> Array:
        """(T,) power of the line [kW] when arc a is used ``flow[a]`` times."""
        kw = self.run_kw * flow[self.run_arc]
        rise = np.bincount(self.run_begin, weights=kw, minlength=self.slots + 1)
        rise -= np.bincount(self.run_end, weights=kw, minlength=self.slots + 1)
        return np.cumsum(rise[: self.slots])

    def taken(self, keep: Whole) -> Network:
        """The network of some of its arcs, by mask or by rising numbers."""
        arcs = np.flatnonzero(keep) if keep.dtype == bool else keep
        counts = np.diff(self.run_at)[arcs]
        run_at = np.concatenate(([0], np.cumsum(counts)))
        runs = np.repeat(self.run_at[arcs] - run_at[:-1], counts) + np.arange(run_at[-1])
        columns = {
            name: getattr(self, name)[arcs]
            for name in ("tail", "head", "kind", "index", "start", "length", "fixed")
        }
        powers = {name: getattr(self, name)[runs] for name in ("run_begin", "run_end", "run_kw")}
        return replace(self, run_at=run_at, **columns, **powers)


@dataclass(frozen=True, eq=False)
class Bundle:
    """Arcs of the same thing begun in different slots, (S,), with the same power pattern."""

    kind: int
    index: int
    before: int
    after: int
    """Mode before and after."""
    starts: Whole
    length: int
    fixed: Array | float
    runs: tuple[tuple[int, float], ...]
    """Consecutive (slots, power [kW])."""


def order_classes(problem: LineProblem) -> OrderClasses:
    """Orders that differ in nothing but their id, together; classes by their first order."""
    classes: dict[Order, list[int]] = {}
    for j, order in enumerate(problem.orders):
        is_tied = order.is_frozen or order.move_cost
        plain = replace(order, id="", planned=order.planned if is_tied else None)
        classes.setdefault(plain, []).append(j)
    return tuple(map(tuple, classes.values()))


def single_orders(problem: LineProblem) -> OrderClasses:
    """Every order a class of its own: class j is order j."""
    return tuple((j,) for j in range(len(problem.orders)))


def line_classes(problem: LineProblem) -> LineClasses:
    """Lines that differ in nothing but their id, together: same arcs, no task or order tied."""
    tied = {task.line for task in problem.tasks}
    for order in problem.orders:
        if order.planned and (order.is_frozen or order.move_cost):
            tied.add(order.planned[0])
    classes: dict[object, list[int]] = {}
    for number, line in enumerate(problem.lines):
        plain = (
            np.asarray(line.is_open, dtype=bool).tobytes(),
            (line.hold_kw, line.transitions, line.first_mode, line.last_mode, line.ready),
            tuple(
                (way.mode, way.runs) if (way := order.way_on(number)) else None
                for order in problem.orders
            ),
        )
        classes.setdefault(number if number in tied else plain, []).append(number)
    return tuple(map(tuple, classes.values()))


def line_network(problem: LineProblem, line: int, classes: OrderClasses | None = None) -> Network:
    """The network of a line; arcs that lie on no path from source to sink are left out.

    Parameters
    ----------
    classes : optional
        From :func:`order_classes`: one set of arcs for all orders of a class. Left out, the
        ``index`` of an order arc is the order.
    """
    found = problem.lines[line]
    passes = _passes(found)
    network = _assembled(problem, line, passes, list(_bundles(problem, line, passes, classes)))
    return network.taken(on_paths(network))


def line_networks(problem: LineProblem, classes: OrderClasses | None = None) -> list[Network]:
    """The networks of all lines."""
    return [line_network(problem, line, classes) for line in range(len(problem.lines))]


# --- what a line may begin, and where ---------------------------------------------------------


def _bundles(
    problem: LineProblem, number: int, passes: _Passes, classes: OrderClasses | None
) -> Iterable[Bundle]:
    line = problem.lines[number]
    yield from (Bundle(PASS, k, a, b, _slots(problem, line, 0), 0, fee, ()) for k, (a, b, fee, _)
                in enumerate(passes))  # fmt: skip
    for mode, kw in enumerate(line.hold_kw):
        starts = _slots(problem, line, 1)[: None if kw < NEVER else 0]
        yield Bundle(HOLD, mode, mode, mode, starts, 1, 0.0, ((1, kw),))
    for k, t in enumerate(line.transitions):
        if t.slots:
            yield _transition(problem, line, k, t)
    for c, members in enumerate(classes or single_orders(problem)):
        yield from _order(problem, number, c, problem.orders[members[0]])
    for q, task in enumerate(problem.tasks):
        if task.line == number:
            yield _task(problem, line, q, task)


def _slots(problem: LineProblem, line: Line, length: int) -> Whole:
    """Slots in which something so long may begin, as far as the horizon goes."""
    return np.arange(line.ready, problem.slots + 1 - length)


def _work_slots(problem: LineProblem, line: Line, what: str, length: int) -> Whole:
    """Slots in which an order or a task of such a length may begin; it has to take time."""
    if length < 1:
        raise ValueError(f"{what}: takes {length} slots; it takes at least one")
    return _slots(problem, line, length)


def _transition(problem: LineProblem, line: Line, number: int, t: Transition) -> Bundle:
    starts = _slots(problem, line, t.slots)
    if t.needs_shift:
        starts = _inside(line.is_open, starts, t.slots)
    return Bundle(
        TRANSITION, number, t.start, t.end, starts, t.slots, t.fee, ((t.slots, t.power_kw),)
    )


def _order(problem: LineProblem, line: int, number: int, order: Order) -> Iterable[Bundle]:
    way = order.way_on(line)
    if way is None:
        return
    starts = order_starts(problem, order, line)
    fixed = np.array(
        [tardiness_of(order, s + way.slots) + change_of(order, line, s) for s in starts.tolist()]
    )
    yield Bundle(ORDER, number, way.mode, way.mode, starts, way.slots, fixed, way.runs)


def order_starts(problem: LineProblem, order: Order, line: int) -> Whole:
    """Slots in which an order may start on a line: calendar, release, deadline, frozen or not."""
    way = order.way_on(line)
    if way is None or (order.is_frozen and order.planned is not None and order.planned[0] != line):
        return np.zeros(0, dtype=np.int64)
    starts = _work_slots(problem, problem.lines[line], order.id, way.slots)
    starts = starts[starts >= order.release]
    if order.deadline is not None:
        starts = starts[starts + way.slots <= order.deadline]
    if order.is_frozen and order.planned is not None:
        starts = starts[starts == order.planned[1]]
    return _inside(problem.lines[line].is_open, starts, way.slots)


def _task(problem: LineProblem, line: Line, number: int, task: Task) -> Bundle:
    starts = task_starts(problem, task)
    fixed = np.array(task.deferral)[starts] if task.deferral else 0.0
    runs = ((task.slots, task.power_kw),)
    return Bundle(TASK, number, task.mode, task.mode, starts, task.slots, fixed, runs)


def task_starts(problem: LineProblem, task: Task) -> Whole:
    """Slots in which a task may start: its window, and its crew at work all the while."""
    starts = _work_slots(problem, problem.lines[task.line], task.id, task.slots)
    starts = starts[(starts >= task.earliest) & (starts + task.slots <= task.latest_end)]
    if not problem.site.crews:
        return starts
    return _inside(np.asarray(problem.site.crews[task.crew]) >= 1, starts, task.slots)


def _inside(is_open: Whole, starts: Whole, length: int) -> Whole:
    """Those starts of something so long that all its slots are open."""
    closed = np.concatenate(([0], np.cumsum(~np.asarray(is_open, dtype=bool))))
    fits: Whole = starts[closed[starts + length] == closed[starts]]
    return fits


# --- transitions that take no time ------------------------------------------------------------

_Passes = list[tuple[int, int, float, tuple[int, ...]]]
"""Mode before, mode after, fees, transitions."""


def _passes(line: Line) -> _Passes:
    """Cheapest way from each mode to each other by transitions of 0 slots (Floyd, 1962)."""
    ways: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {
        (mode, mode): (0.0, ()) for mode in range(line.modes)
    }
    for k, t in enumerate(line.transitions):
        if t.slots == 0:
            _keep_cheaper(ways, t.start, t.end, (t.fee, (k,)))
    if len(ways) == line.modes:
        return []
    for via in range(line.modes):
        for a, b in [(a, b) for a, x in ways for y, b in ways if x == via == y]:
            (fee, first), (more, then) = ways[a, via], ways[via, b]
            _keep_cheaper(ways, a, b, (fee + more, first + then))
    return [(a, b, fee, made) for (a, b), (fee, made) in sorted(ways.items())]


def _keep_cheaper(
    ways: dict[tuple[int, int], tuple[float, tuple[int, ...]]],
    before: int,
    after: int,
    way: tuple[float, tuple[int, ...]],
) -> None:
    """Keep a way if it is cheaper than the one known, or as cheap in fewer transitions."""
    known = ways.get((before, after))
    if known is None or (way[0], len(way[1])) < (known[0], len(known[1])):
        ways[before, after] = way


# --- arrays -----------------------------------------------------------------------------------


def _assembled(
    problem: LineProblem, number: int, passes: _Passes, bundles: list[Bundle]
) -> Network:
    """All bundles as one network, sorted by tail."""
    line = problem.lines[number]
    second = line.modes if passes else 0
    width = line.modes + second
    sizes = np.array([len(b.starts) for b in bundles])

    def repeated(values: Sequence[int], dtype: type) -> Whole:
        return np.repeat(np.array(values, dtype=dtype), sizes)

    start = np.concatenate([b.starts for b in bundles]).astype(np.int64)
    length = repeated([b.length for b in bundles], np.int64)
    is_pass = repeated([b.kind == PASS for b in bundles], np.bool_)
    tail = start * width + repeated([b.before for b in bundles], np.int64)
    head = (start + length) * width + repeated([b.after for b in bundles], np.int64)
    run_at, run_begin, run_end, run_kw = _runs(bundles)
    ends = range(line.modes) if line.last_mode is None else (line.last_mode,)
    network = Network(
        line=number,
        slots=problem.slots,
        modes=line.modes,
        width=width,
        source=min(line.ready, problem.slots) * width + line.first_mode,
        sinks=np.array([problem.slots * width + second + mode for mode in ends]),
        tail=np.where(is_pass, tail, tail + second),
        head=np.where(is_pass, head + second, head),
        kind=repeated([b.kind for b in bundles], np.int8),
        index=repeated([b.index for b in bundles], np.int64),
        start=start,
        length=length,
        fixed=np.concatenate([np.broadcast_to(b.fixed, b.starts.shape) for b in bundles]),
        run_at=run_at,
        run_begin=run_begin,
        run_end=run_end,
        run_kw=run_kw,
        passes=tuple(made for _, _, _, made in passes),
    )
    return network.taken(np.argsort(network.tail, kind="stable"))


def _runs(bundles: list[Bundle]) -> tuple[Whole, Whole, Whole, Array]:
    """Runs of the arcs of all bundles, arc by arc: where they are, begin, end, power."""
    counts, begins, ends, powers = [], [], [], []
    for bundle in bundles:
        edges = np.concatenate(([0], np.cumsum([slots for slots, _ in bundle.runs], dtype=int)))
        kw = np.array([kw for _, kw in bundle.runs])
        draws = np.flatnonzero(kw) if len(kw) else np.zeros(0, dtype=int)
        counts.append(np.full(len(bundle.starts), len(draws)))
        begins.append((bundle.starts[:, None] + edges[:-1][draws]).ravel())
        ends.append((bundle.starts[:, None] + edges[1:][draws]).ravel())
        powers.append(np.tile(kw[draws], len(bundle.starts)))
    run_at = np.concatenate(([0], np.cumsum(np.concatenate(counts))))
    return run_at, np.concatenate(begins), np.concatenate(ends), np.concatenate(powers)


def on_paths(network: Network) -> Whole:
    """(A,) whether an arc lies on a path from the source to a sink."""
    ahead = np.zeros(network.nodes, dtype=bool)
    ahead[network.source] = True
    back = np.zeros(network.nodes, dtype=bool)
    back[network.sinks] = True
    rows = network.tail // network.modes
    edges = np.concatenate(([0], np.flatnonzero(np.diff(rows)) + 1, [network.arcs]))
    spans = [slice(a, b) for a, b in pairwise(edges.tolist())]
    for span in spans:
        ahead[network.head[span][ahead[network.tail[span]]]] = True
    for span in reversed(spans):
        back[network.tail[span][back[network.head[span]]]] = True
    return np.asarray(ahead[network.tail] & back[network.head])


def spread(begin: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Every slot of some intervals, and the number of the interval it is in."""
    lengths = end - begin
    which = np.repeat(np.arange(len(begin), dtype=np.int32), lengths)
    offset = (begin - np.cumsum(lengths) + lengths).astype(np.int32)
    return np.arange(len(which), dtype=np.int32) + offset[which], which


# --- back to a plan ---------------------------------------------------------------------------


def stretches_of(
    problem: LineProblem,
    network: Network,
    arcs: Iterable[int],
    waiting: list[list[int]],
    number: int | None = None,
) -> list[Stretch]:
    """What a line does on a path of its network.

    Parameters
    ----------
    arcs
        Arcs of the path, in any order.
    waiting
        Of each order class, the orders that have no place yet; those given one are taken out.
    number
        The line, where it is another than the network's own, of the same class.
    """
    found: list[Stretch] = []
    number = network.line if number is None else number
    line = problem.lines[number]
    for a in sorted(arcs, key=lambda a: int(network.tail[a])):
        kind, index = int(network.kind[a]), int(network.index[a])
        start, end = int(network.start[a]), int(network.start[a] + network.length[a])
        if kind == PASS:
            at = (number, start, start)
            found += [Stretch(*at, "transition", k) for k in network.passes[index]]
        elif kind == TRANSITION:
            found.append(Stretch(number, start, end, "transition", index))
        elif kind == ORDER:
            found.append(Stretch(number, start, end, "order", waiting[index].pop(0)))
        elif kind == TASK:
            found.append(Stretch(number, start, end, "task", index))
        elif line.hold_kw[index]:
            _hold(found, Stretch(number, start, end, "hold", index))
    return found


def paths_of(network: Network, flow: Whole) -> list[list[int]]:
    """An integer flow, (A,), as paths from the source to sinks; arcs of each."""
    left = flow.copy()
    leaving: dict[int, list[int]] = {}
    for a in np.flatnonzero(left).tolist():
        leaving.setdefault(int(network.tail[a]), []).append(a)
    sinks = set(network.sinks.tolist())
    paths: list[list[int]] = []
    while leaving.get(network.source) or not paths:
        node, path = network.source, list[int]()
        while node not in sinks:
            a = leaving[node][-1]
            left[a] -= 1
            if not left[a]:
                leaving[node].pop()
            path.append(a)
            node = int(network.head[a])
        paths.append(path)
        if network.source in sinks:
            break
    return paths


def _hold(found: list[Stretch], hold: Stretch) -> None:
    """Lengthen the last stretch by a hold that continues it, or begin another."""
    last = found[-1] if found else None
    if last and (last.kind, last.index, last.end) == ("hold", hold.index, hold.start):
        found[-1] = replace(last, end=hold.end)
    else:
        found.append(hold)
