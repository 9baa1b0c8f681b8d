"""Tonight's plan when the optimiser fails, is killed or hangs; and a plan that moves too much."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarios import nervousness
from scenarios.isolated import WorkFailed, isolated
from scenarios.planner import told, tonights_plan
from scenarios.run import Progress, naive_plan
from scenarios.scenario import Case
from scenarios.settings import Nervousness, ReplanConfig
from tests.archives import small_case
from tests.scenarios.test_outbox import config_of
from tests.services.processes import wait_until
from twin.accounting.check import check
from twin.errors import Fault, Infeasible, InputError
from twin.model.schedule import Schedule


def silent(step: str, done: int, total: int) -> None: ...


@pytest.fixture(scope="module")
def case() -> Case:
    return small_case()


@pytest.fixture
def config(tmp_path: Path) -> ReplanConfig:
    return config_of(tmp_path)


def raises(case: Case, **_: Any) -> Schedule:
    raise ZeroDivisionError("a bug in the search")


def is_killed(case: Case, **_: Any) -> Schedule:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def hangs(case: Case, **_: Any) -> Schedule:
    while True:
        time.sleep(1)


@pytest.mark.parametrize(
    ("planner", "words"),
    [
        (raises, "ZeroDivisionError: a bug in the search"),
        (is_killed, "its process was ended by SIGKILL"),
        (hangs, "it did not end within 2 s"),
    ],
)
def test_where_the_optimiser_fails_the_plan_by_due_dates_stands_in_and_says_so(
    case: Case, config: ReplanConfig, planner: Callable[..., Schedule], words: str
) -> None:
    config = config.model_copy(update={"give_up_after_s": 2.0})
    found = tonights_plan(case, None, config, planner, silent)
    assert found.status == "fallback"
    assert f"the optimiser failed: {words}" in found.note
    assert "plan by due dates" in found.note
    assert "fallback plan, for 7 orders" in told(case, found)
    assert found.segments == naive_plan(case).segments
    assert check(found, case.plant, case.orders, case.forecast, case.state).faults == ()


def test_a_plan_of_the_optimiser_is_handed_over_as_it_is(case: Case, config: ReplanConfig) -> None:
    steps = []

    def plans(case: Case, *, progress: Progress | None = None, **_: Any) -> Schedule:
        assert progress
        progress("optimise: construct", 1, 2)
        return replace(naive_plan(case), status="feasible", note="mine", bound=1.5)

    found = tonights_plan(case, None, config, plans, lambda *step: steps.append(step))
    assert found == replace(naive_plan(case), status="feasible", note="mine", bound=1.5)
    assert steps == [("optimise: construct", 1, 2)]
    assert told(case, found) == ""


@pytest.mark.parametrize(
    "error", [Infeasible("no plan keeps 4101"), InputError("plant", [Fault("a", "b", "c")])]
)
def test_that_there_is_no_plan_is_no_failure(
    case: Case, config: ReplanConfig, error: Infeasible | InputError
) -> None:
    def refuses(case: Case, **_: Any) -> Schedule:
        raise error

    with pytest.raises(type(error)) as raised:
        tonights_plan(case, None, config, refuses, silent)
    assert str(raised.value) == str(error)
    if isinstance(raised.value, InputError) and isinstance(error, InputError):
        assert raised.value.faults == error.faults


def test_what_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    def starts_another(tell: Progress) -> None:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        path.write_text(str(child))
        time.sleep(60)

    with pytest.raises(WorkFailed, match="did not end within 1 s"):
        isolated(starts_another, 1.0, silent)
    pid = int(path.read_text())

    def is_gone() -> bool:
        try:
            return (Path("/proc") / str(pid) / "stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    wait_until(is_gone, what="the process it started is ended")


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed with -9, the job leaves nothing behind that goes on computing."""
    path = tmp_path / "pid"

    def work(tell: Progress) -> None:
        path.write_text(str(os.getpid()))
        time.sleep(60)

    parent = os.fork()
    if parent == 0:
        isolated(work, 60.0, silent)
        os._exit(0)
    wait_until(lambda: path.exists() and path.read_text(), what="the work has begun")
    worker = Path("/proc") / path.read_text()
    assert worker.exists()
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    wait_until(lambda: not worker.exists() or "Z" in (worker / "stat").read_text().split()[2])


# --- nervousness ---


def later(schedule: Schedule, minutes: float) -> Schedule:
    """The same plan with everything so much later."""
    segments = tuple(
        replace(s, start=s.start + minutes, end=s.end + minutes) for s in schedule.segments
    )
    return replace(schedule, segments=segments, value=None)


@pytest.fixture(scope="module")
def tonight(case: Case) -> Schedule:
    return naive_plan(case)


@pytest.fixture(scope="module")
def last_night(tonight: Schedule) -> Schedule:
    """A plan of the night before in which everything is to begin three hours later."""
    horizon = replace(tonight.horizon, start=tonight.horizon.start - timedelta(days=1))
    return replace(later(tonight, 1440 + 180), horizon=horizon)


def test_what_is_moved_by_choice_is_counted(
    case: Case, tonight: Schedule, last_night: Schedule
) -> None:
    moves = nervousness.moves_between(case, last_night, tonight)
    share = nervousness.share_moved(case, last_night, tonight)
    assert share > 0.5
    assert share == sum(map(nervousness.is_chosen, moves.moves)) / moves.compared
    assert nervousness.share_moved(case, last_night, later(tonight, 180)) == 0


def test_moves_that_the_shop_forces_are_no_choice(case: Case, tonight: Schedule) -> None:
    """Last night's plan began everything before the cut-off, and nothing has."""
    horizon = replace(tonight.horizon, start=tonight.horizon.start - timedelta(days=9))
    missed = replace(tonight, horizon=horizon)
    moves = nervousness.moves_between(case, missed, tonight)
    operations = [move for move in moves.moves if not move.task]
    assert operations
    assert {move.reason for move in operations} == {"late_start"}
    assert not any(map(nervousness.is_chosen, operations))


def test_a_plan_within_the_bound_is_left_alone(
    case: Case, tonight: Schedule, last_night: Schedule
) -> None:
    bound = Nervousness(most_moved=1.0)

    def never(_: Case) -> Schedule:
        raise AssertionError

    assert nervousness.calm_plan(case, last_night, bound, never, tonight) is tonight
    assert nervousness.refusal(case, last_night, bound, tonight) == ""


def test_above_the_bound_it_is_made_again_with_dearer_moves(
    case: Case, tonight: Schedule, last_night: Schedule
) -> None:
    bound = Nervousness(most_moved=0.1, dearer=20)
    asked: list[Case] = []

    def keeps(dearer: Case) -> Schedule:
        asked.append(dearer)
        return later(tonight, 180)

    found = nervousness.calm_plan(case, last_night, bound, keeps, replace(tonight, bound=7.0))
    costs = case.plant.costs
    each = costs.moved_operation or costs.tardiness_per_h / 4
    assert [c.plant.costs.moved_operation for c in asked] == [20 * each]
    assert "made again with moves 20 times as dear" in found.note
    assert "10% is allowed" in found.note
    assert found.bound == 7.0
    judged = check(
        found, case.plant, case.orders, case.forecast, case.state, last_night, case.demands
    )
    assert found.value == judged.value  # counted with the plant's own costs
    assert nervousness.refusal(case, last_night, bound, found) == ""


def test_above_the_bound_again_it_is_refused_in_words(
    case: Case, tonight: Schedule, last_night: Schedule
) -> None:
    bound = Nervousness(most_moved=0.1)
    found = nervousness.calm_plan(case, last_night, bound, lambda _: tonight, tonight)
    why = nervousness.refusal(case, last_night, bound, found)
    assert "by choice; 10% is allowed (nervousness.most_moved)" in why
    assert "last night's plan stands" in why
    assert nervousness.TooNervous(why).exit_code == 5
