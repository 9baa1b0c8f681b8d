"""Lives of failure modes: competition, age, renewal."""

import math

import numpy as np
import pytest

from twin.behaviour.randomness import Luck
from twin.behaviour.reliability import Reliability
from twin.model.failures import FailureMode
from twin.model.laws import Constant, Weibull

HOUR = 60.0


def mode(id: str, law: Weibull | Constant, clock: str = "operating") -> FailureMode:
    return FailureMode.model_validate(
        {"id": id, "time_to_failure": law, "clock": clock, "time_to_repair": Constant(value=5)}
    )


def reliability(modes: list[FailureMode], ages: dict[str, float], replication: int) -> Reliability:
    return Reliability("P-1", modes, ages, Luck(3, replication), round)


def test_competing_modes_fail_first_in_the_shares_of_the_closed_form() -> None:
    """Weibull modes of equal shape β: P(mode i first) = η_i^−β / Σ η_j^−β."""
    beta, scales = 1.8, {"a": 800 * HOUR, "b": 1200 * HOUR, "c": 2000 * HOUR}
    modes = [mode(id, Weibull(shape=beta, scale=scale)) for id, scale in scales.items()]
    n = 4000
    first = []
    for replication in range(n):
        unit = reliability(modes, {}, replication)
        unit.age(int(unit.work_left()))
        failed = unit.failed(0)
        assert failed is not None
        first.append(failed.mode.id)
    for id, share in {"a": 0.597312, "b": 0.287897, "c": 0.114791}.items():
        half_width = 2.576 * math.sqrt(share * (1 - share) / n)
        assert first.count(id) / n == pytest.approx(share, abs=half_width)


def test_an_aged_mode_has_its_conditional_life_left() -> None:
    """Mean residual life of Weibull(2.5, 1000 h) at 600 h is 438.012 h."""
    law = mode("a", Weibull(shape=2.5, scale=1000 * HOUR))
    left = [reliability([law], {"a": 600 * HOUR}, r).work_left() / HOUR for r in range(6000)]
    half_width = 2.576 * float(np.std(left)) / math.sqrt(len(left))
    assert half_width < 0.03 * 438.012
    assert float(np.mean(left)) == pytest.approx(438.012, abs=half_width)


def test_an_operating_clock_is_used_up_by_work_only() -> None:
    unit = reliability([mode("a", Constant(value=100))], {}, 0)
    assert unit.failed(10_000) is None
    unit.age(100)
    assert unit.failed(0) is not None


def test_a_calendar_clock_runs_without_work() -> None:
    unit = reliability([mode("a", Constant(value=100), "calendar")], {}, 0)
    assert unit.failed(99) is None
    assert unit.failed(100) is not None


def test_a_renewal_leaves_the_other_modes_as_old_as_they_were() -> None:
    modes = [mode("a", Constant(value=100)), mode("b", Constant(value=150))]
    unit = reliability(modes, {}, 0)
    unit.age(90)
    unit.renew(["a"], now=90)
    assert [life.left for life in unit.lives] == [100, 60]


def test_the_luck_of_a_mode_does_not_depend_on_the_other_modes() -> None:
    wear = mode("wear", Weibull(shape=2, scale=1000))
    other = mode("other", Weibull(shape=1, scale=500))
    alone, together = reliability([wear], {}, 0), reliability([other, wear], {}, 0)
    assert together.lives[1].left == alone.lives[0].left
    assert together.lives[1].repair_ticks() == alone.lives[0].repair_ticks()
