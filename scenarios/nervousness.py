"""A bound on how much of last night's plan a new one overturns of its own accord.

People prepare for what they were told. Where tonight's plan would move more of it than the plant
accepts, it is made again with moves charged dearer; where that does not help, it is not published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from scenarios.scenario import Case
from scenarios.settings import Nervousness
from twin.accounting.check import check
from twin.accounting.moves import Move, Moves, moves_of
from twin.errors import Infeasible
from twin.model.schedule import Excuse, Schedule

FORCED = frozenset({*get_args(Excuse), "late_start", "unit_gone", "unit_down", "late_batch"})
"""Reasons of a move that leave no choice: the state of the shop at the cut-off."""
QUARTER = 0.25
"""Hours late that a move is worth where the plant says nothing of it."""


class TooNervous(Infeasible):
    """The best plans move more of last night's than the plant accepts; nothing was published."""


def calm_plan(
    case: Case,
    previous: Schedule,
    bound: Nervousness,
    plan: Callable[[Case], Schedule],
    schedule: Schedule,
) -> Schedule:
    """The schedule, if it is within the bound; else one made with dearer moves.

    ``plan`` makes a schedule of a case. The value of the new one is counted with the plant's own
    costs, and its bound is the old one's: what it is to be compared with has not changed.
    """
    share = share_moved(case, previous, schedule)
    if share <= bound.most_moved:
        return schedule
    calmer = plan(with_dearer_moves(case, bound.dearer))
    value = check(
        calmer, case.plant, case.orders, case.forecast, case.state, previous, case.demands
    ).value
    note = (
        f"made again with moves {bound.dearer:g} times as dear: {share:.0%} of last night's plan "
        f"would have moved by choice, {bound.most_moved:.0%} is allowed"
    )
    notes = "; ".join(filter(None, [note, calmer.note]))
    return replace(calmer, value=value, bound=schedule.bound, note=notes)


def refusal(case: Case, previous: Schedule, bound: Nervousness, schedule: Schedule) -> str:
    """Why a plan is too nervous to be published; empty when it is not."""
    share = share_moved(case, previous, schedule)
    if share <= bound.most_moved:
        return ""
    return (
        f"plan: it would move {share:.0%} of last night's plan by choice; {bound.most_moved:.0%} "
        "is allowed (nervousness.most_moved), and dearer moves did not help; nothing was "
        "published, last night's plan stands; look at what moves with noria replan --dry-run, then "
        "raise the bound for a night"
    )


def share_moved(case: Case, previous: Schedule, schedule: Schedule) -> float:
    """Share of what is in both plans that moves without being forced to."""
    moves = moves_between(case, previous, schedule)
    chosen = sum(is_chosen(move) for move in moves.moves)
    return chosen / moves.compared if moves.compared else 0.0


def moves_between(case: Case, previous: Schedule, schedule: Schedule) -> Moves:
    """What moved since last night and why."""
    return moves_of(
        schedule, previous, case.plant, case.orders, case.forecast, case.state, case.demands
    )


def is_chosen(move: Move) -> bool:
    return move.reason not in FORCED


def with_dearer_moves(case: Case, times: float) -> Case:
    """The same case; a moved operation costs so many times as much."""
    costs = case.plant.costs
    each = costs.moved_operation or costs.tardiness_per_h * QUARTER
    dearer = costs.model_copy(update={"moved_operation": each * times})
    return replace(case, plant=case.plant.model_copy(update={"costs": dearer}))
