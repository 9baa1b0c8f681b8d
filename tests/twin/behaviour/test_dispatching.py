"""Dispatching rules, and what every rule must keep to."""

from datetime import UTC, datetime

import pytest

from twin.behaviour.dispatching import (
    DispatchingRule,
    EarliestDueDate,
    FirstInFirstOut,
    ShortestProcessingTime,
    Waiting,
)
from twin.model.orders import WorkOrder

RULES: list[DispatchingRule] = [EarliestDueDate(), FirstInFirstOut(), ShortestProcessingTime()]
DAY = datetime(2026, 11, 23, tzinfo=UTC)


def waiting(*, arrived: float = 0, due: float = 0, work: float = 0) -> Waiting:
    return Waiting(WorkOrder("1", "A", 10, DAY, DAY), arrived, due, work)


@pytest.mark.parametrize("rule", RULES)
def test_two_rules_of_one_kind_are_equal(rule: DispatchingRule) -> None:
    assert type(rule)() == rule


@pytest.mark.parametrize(
    ("rule", "first", "second"),
    [
        (EarliestDueDate(), waiting(due=1, arrived=9, work=9), waiting(due=2)),
        (FirstInFirstOut(), waiting(arrived=1, due=9, work=9), waiting(arrived=2)),
        (ShortestProcessingTime(), waiting(work=1, due=9, arrived=9), waiting(work=2)),
    ],
)
def test_a_rule_looks_at_its_own_figure(
    rule: DispatchingRule, first: Waiting, second: Waiting
) -> None:
    assert rule.rank(first) < rule.rank(second)
