"""The check accepts what keeps the rules and names each fault planted in a schedule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solvers.shop.check import faults
from solvers.shop.problem import Alternative, Operation, Problem, Schedule, Work

SHOP = Problem(
    "two jobs",
    2,
    (
        (Operation((Alternative(0, 3), Alternative(1, 5))), Operation((Alternative(1, 2),))),
        (Operation((Alternative(1, 4),)), Operation((Alternative(0, 0),))),
    ),
)
GOOD = (Work(0, 0, 0, 0, 3), Work(0, 1, 1, 4, 6), Work(1, 0, 1, 0, 4), Work(1, 1, 0, 4, 4))


def with_work(place: int, **changed: int) -> Schedule:
    works = list(GOOD)
    works[place] = replace(works[place], **changed)
    return Schedule(tuple(works))


def test_a_schedule_that_keeps_the_rules_has_no_faults() -> None:
    assert faults(SHOP, Schedule(GOOD)) == []
    assert Schedule(GOOD).makespan == 6


def test_an_operation_without_duration_may_stand_inside_another() -> None:
    schedule = with_work(0, start=3, end=6)
    works = (schedule.works[0], replace(GOOD[1], start=6, end=8), *GOOD[2:])
    assert faults(SHOP, Schedule(works)) == []


@pytest.mark.parametrize(
    ("schedule", "word"),
    [
        (Schedule(GOOD[:3]), "is worked 0 times"),
        (Schedule((*GOOD, GOOD[0])), "is worked 2 times"),
        (Schedule((*GOOD, Work(2, 0, 0, 9, 9))), "no such operation"),
        (Schedule((*GOOD, Work(0, -1, 0, 9, 9))), "no such operation"),
        (with_work(0, start=-1, end=2), "nothing starts before 0"),
        (with_work(0, end=4), "lasts 4; 3 is expected"),
        (with_work(0, machine=1, end=3), "lasts 3; 5 is expected"),
        (with_work(1, machine=0), "cannot be worked on machine 0"),
        (with_work(0, machine=7), "cannot be worked on machine 7"),
        (with_work(1, start=2, end=4), "before job 0 step 0 ends at 3"),
        (with_work(1, start=3, end=5), "machine 1: job 0 step 1 starts at 3"),
    ],
)
def test_a_planted_fault_is_named(schedule: Schedule, word: str) -> None:
    found = faults(SHOP, schedule)
    assert any(word in fault for fault in found), found
