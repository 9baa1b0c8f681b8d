"""Lives of failure modes: competition, age, clocks, renewal, repair effects."""

import math
from typing import Any

import numpy as np
import pytest

from twin.behaviour.randomness import Luck
from twin.behaviour.reliability import NEVER, Reliability
from twin.model.failures import FailureMode
from twin.model.laws import Constant, Exponential, Weibull

HOUR = 60.0


def mode(id: str, law: Weibull | Constant | Exponential, **facts: Any) -> FailureMode:
    return FailureMode.model_validate(
        {"id": id, "time_to_failure": law, "time_to_repair": Constant(value=5), **facts}
    )


def reliability(
    modes: list[FailureMode], ages: dict[str, float] | None = None, replication: int = 0
) -> Reliability:
    """A unit whose clocks count whole minutes."""

    def minutes(x: float) -> int:
        return max(round(x), 1)

    return Reliability("P-1", modes, ages or {}, Luck(3, replication), minutes, minutes)


def test_competing_modes_fail_first_in_the_shares_of_the_closed_form() -> None:
    """Weibull modes of equal shape β: P(mode i first) = η_i^−β / Σ η_j^−β."""
    beta, scales = 1.8, {"a": 800 * HOUR, "b": 1200 * HOUR, "c": 2000 * HOUR}
    modes = [mode(id, Weibull(shape=beta, scale=scale)) for id, scale in scales.items()]
    n = 4000
    first = []
    for replication in range(n):
        unit = reliability(modes, replication=replication)
        unit.worked += unit.work_left()
        failed = unit.failed(0)
        assert failed is not None
        first.append(failed.mode.id)
    for id, share in {"a": 0.597312, "b": 0.287897, "c": 0.114791}.items():
        half_width = 2.576 * math.sqrt(share * (1 - share) / n)
        assert first.count(id) / n == pytest.approx(share, abs=half_width)


def test_an_aged_mode_has_its_conditional_life_left() -> None:
    """Mean residual life of Weibull(2.5, 1000 h) at 600 h is 438.012 h."""
    law = mode("a", Weibull(shape=2.5, scale=1000 * HOUR))
    ages = {"a": 600 * HOUR}
    left = [reliability([law], ages, r).work_left() / HOUR for r in range(6000)]
    half_width = 2.576 * float(np.std(left)) / math.sqrt(len(left))
    assert half_width < 0.03 * 438.012
    assert float(np.mean(left)) == pytest.approx(438.012, abs=half_width)


def test_an_operating_clock_is_used_up_by_work_only() -> None:
    unit = reliability([mode("a", Constant(value=100))])
    assert unit.failed(10_000) is None
    unit.worked += 100
    assert unit.failed(0) is not None


def test_a_calendar_clock_runs_without_work() -> None:
    unit = reliability([mode("a", Constant(value=100), clock="calendar")])
    assert unit.failed(99) is None
    assert unit.failed(100) is not None


def test_a_count_clock_counts_lots() -> None:
    unit = reliability([mode("a", Constant(value=3), clock="count")])
    unit.lots += 2
    assert unit.failed(10_000) is None
    unit.lots += 1
    assert unit.failed(0) is not None


def test_what_is_over_limits_neither_work_nor_calendar() -> None:
    modes = [mode("a", Constant(value=100)), mode("b", Constant(value=100), clock="calendar")]
    unit = reliability(modes)
    unit.worked += 100
    assert unit.work_left() + unit.worked == NEVER
    assert unit.next_calendar_end(100) == NEVER


def test_a_mode_that_finishes_its_lot_lets_the_next_one_strike() -> None:
    modes = [mode("a", Constant(value=9), interrupted="finish_first"), mode("b", Constant(value=9))]
    unit = reliability(modes)
    unit.worked += 9
    found = [unit.failed(0, has_part) for has_part in (True, False)]
    assert [life.mode.id for life in found if life] == ["b", "a"]


def test_a_renewal_leaves_the_other_modes_as_old_as_they_were() -> None:
    unit = reliability([mode("a", Constant(value=100)), mode("b", Constant(value=150))])
    unit.worked = 90
    unit.life("a").renew(unit.worked)
    assert [life.ends - unit.worked for life in unit.lives] == [100, 60]
    assert [life.age(unit.worked) for life in unit.lives] == [0, 90]


def test_the_luck_of_a_mode_does_not_depend_on_the_other_modes() -> None:
    wear = mode("wear", Weibull(shape=2, scale=1000))
    other = mode("other", Weibull(shape=1, scale=500))
    alone, together = reliability([wear]), reliability([other, wear])
    assert together.lives[1].ends == alone.lives[0].ends
    assert together.lives[1].repair_minutes() == alone.lives[0].repair_minutes()


@pytest.mark.parametrize(
    ("effect", "restores", "age"),
    [("new", 1, 0), ("old", 1, 100), ("partial", 0.75, 25), ("chance", 0, 100), ("chance", 1, 0)],
)
def test_a_repair_leaves_the_age_its_mode_says(effect: str, restores: float, age: int) -> None:
    law = mode("a", Constant(value=100), repair_effect=effect, restores=restores)
    unit = reliability([law])
    life = unit.lives[0]
    unit.worked = 100
    life.repair_minutes()
    life.repaired(unit.worked)
    assert life.age(unit.worked) == age


def test_minimal_repair_gives_a_poisson_process_of_the_same_hazard() -> None:
    """As bad as old: failures until t are Poisson with mean H(t) = (t / η)^β."""
    law = mode("a", Weibull(shape=2, scale=1000 * HOUR), repair_effect="old")
    counts = []
    for replication in range(2000):
        unit = reliability([law], replication=replication)
        life, failures = unit.lives[0], 0
        while life.ends <= 1500 * HOUR:
            failures += 1
            life.repaired(life.ends)
        counts.append(failures)
    mean = 1.5**2
    assert np.mean(counts) == pytest.approx(mean, abs=2.576 * math.sqrt(mean / len(counts)))
    assert np.var(counts) == pytest.approx(mean, rel=0.12)
