"""Operations in the timing model: when each starts, after what, and what lateness costs.

Sequences and work units are given. ``started[i, c]`` is 1 when piece i starts at its candidate c or
earlier; the piece starts at the first c for which it is 1. In these variables "after" is one row
with two entries, and the model stays close to a network, which is why it solves fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from solvers.window import Window


def add_production(model: Any, window: Window) -> None:
    """Choose a start for every open piece; keep sequences and routes; charge lateness and moves."""
    import pyomo.environ as pyo

    rows = [(i, c) for i, p in enumerate(window.pieces) for c in range(len(p.starts) - 1)]
    model.started = pyo.Var(rows, domain=pyo.Binary)

    def stays_started(model: Any, i: int, c: int) -> Any:
        """What has started by one candidate has started by the next."""
        return model.started[i, c - 1] <= model.started[i, c]

    model.stays = pyo.Constraint([row for row in rows if row[1] > 0], rule=stays_started)
    model.follows = pyo.ConstraintList(doc="A piece starts when what precedes it has ended.")
    for before, after in precedences(window):
        for left, right in _after(model, window, before, after):
            add_row(model.follows, left, right)
    model.production_cost = pyo.Expression(
        expr=sum(
            chosen(model, i, piece.costs) for i, piece in enumerate(window.pieces) if piece.ref >= 0
        )
    )


def started(model: Any, window: Window, i: int, c: int) -> Any:
    """Whether piece i starts at candidate c or earlier; at the last it always has."""
    if c < 0:
        return 0.0
    return 1.0 if c >= len(window.pieces[i].starts) - 1 else model.started[i, c]


def chosen(model: Any, i: int, values: Sequence[float]) -> Any:
    """The value of the candidate at which piece i starts."""
    steps = ((values[c] - values[c + 1], c) for c in range(len(values) - 1))
    return values[-1] + sum(step * model.started[i, c] for step, c in steps if step)


def add_row(rows: Any, left: Any, right: Any) -> None:
    """Add left ≤ right, unless it is a plain truth."""
    if isinstance(left, float) and isinstance(right, float):
        if left > right:
            rows.add((1.0, None, 0.0))  # cannot be: the solver will say so
        return
    if (isinstance(left, float) and left <= 0) or (isinstance(right, float) and right >= 1):
        return
    rows.add(left <= right)


def precedences(window: Window) -> Iterator[tuple[int, int]]:
    """Pairs (before, after) on a unit or a route, of which one at least may move."""
    plan, problem = window.plan, window.problem
    for items in plan.items:
        yield from (
            (a[2], b[2]) for a, b in pairwise(items) if a[2] in window.index or b[2] in window.index
        )
    for job in problem.jobs:
        yield from (
            (a, b)
            for a, b in pairwise(job.ops)
            if (a in window.index or b in window.index) and plan.choice[b] is not None
        )


def _after(model: Any, window: Window, before: int, after: int) -> Iterator[tuple[Any, Any]]:
    """Rows left ≤ right by which ``after`` starts when ``before`` has ended."""
    i, j = window.index.get(before, -1), window.index.get(after, -1)
    if j < 0:
        start = window.span(after)[0]
        yield 1.0, started(model, window, i, window.pieces[i].last_ended(start))
        return
    for c, start in enumerate(window.pieces[j].starts):
        if i < 0:
            has_ended = 1.0 if window.span(before)[1] <= start + 1e-9 else 0.0
        else:
            has_ended = started(model, window, i, window.pieces[i].last_ended(start))
        yield started(model, window, j, c), has_ended
