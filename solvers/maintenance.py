"""Preventive tasks in the timing model: in their windows, with a crew, early at a cost."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from solvers.production import chosen, started
from solvers.window import Window


def add_maintenance(model: Any, window: Window) -> None:
    """Share the crews out; charge unused interval and the wear until the renewal.

    Windows and shifts are in the candidates already; the wear of work is not here, because the
    sequence of tasks and operations does not change.
    """
    import pyomo.environ as pyo

    tasks = [(i, p) for i, p in enumerate(window.pieces) if p.ref < 0]
    model.maintenance_cost = pyo.Expression(expr=sum(chosen(model, i, p.costs) for i, p in tasks))
    model.crews = pyo.ConstraintList(doc="A crew does no more tasks at once than it has people.")

    def crew_of(row: Any) -> str:
        return str(window.problem.pms[~row[1].ref].task.crew)

    for crew, rows in groupby(sorted(tasks, key=crew_of), key=crew_of):
        _add_crew(model, window, crew, [i for i, _ in rows])


def _add_crew(model: Any, window: Window, crew: str, pieces: list[int]) -> None:
    size = window.problem.plant.crew_size[crew]
    if len(pieces) <= 1:
        return
    for minute in sorted({t for i in pieces for t in window.pieces[i].starts}):
        busy = window.standing_tasks(crew, minute)
        under_way = sum(
            started(model, window, i, window.pieces[i].last_started(minute))
            - started(model, window, i, window.pieces[i].last_ended(minute))
            for i in pieces
        )
        if busy + len(pieces) > size and not isinstance(under_way, float):
            model.crews.add(under_way <= size - busy)
