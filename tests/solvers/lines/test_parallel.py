"""Parallel machines with energy rates: the front of makespan and cost is the true one."""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from solvers.lines.check import check
from solvers.lines.makespan_front import MakespanFront, cut, makespan_front, makespan_of
from solvers.lines.parallel_files import parallel_files, parallel_problem, read_parallel
from solvers.lines.problem import LineProblem
from tests.benchmarks.parallel_machines import beside, main, published, published_files
from tests.solvers.lines.drawn import drawn_problem
from twin.errors import InputError

SET = Path("benchmarks/scheduling/green-ipm")
Front = list[tuple[int, float]]


def front_of_all(times: list[int], prices: list[float], powers: list[float]) -> Front:
    """Best cost by makespan from all machines and starts of all jobs."""
    slots = len(prices)
    sums = np.concatenate(([0.0], np.cumsum(prices)))
    best = np.full(slots + 1, np.inf)
    places = [[(m, s) for m in range(len(powers)) for s in range(slots - p + 1)] for p in times]
    for chosen in product(*places):
        busy = {(m, t) for (m, s), p in zip(chosen, times, strict=True) for t in range(s, s + p)}
        if len(busy) == sum(times):
            jobs = list(zip(chosen, times, strict=True))
            cost = sum(powers[m] * (sums[s + p] - sums[s]) for (m, s), p in jobs)
            end = max(s + p for (_, s), p in jobs)
            best[end] = min(best[end], cost)
    least = np.minimum.accumulate(best)
    return [(t, float(least[t])) for t in range(1, slots + 1) if least[t] < least[t - 1]]


def searched(problem: LineProblem) -> MakespanFront:
    """The whole front, searched in this process."""
    front = MakespanFront(problem)
    front.search(60)
    return front


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_that_of_all_plans(seed: int) -> None:
    draw = random.Random(f"{seed}/parallel")
    times = [draw.randint(1, 3) for _ in range(3)]
    prices = [float(draw.choice([2, 5, 6])) for _ in range(6)]
    powers = [float(draw.randint(1, 5)) for _ in range(2)]
    front = searched(parallel_problem("drawn", times, prices, powers))
    points = front.points()
    expected = front_of_all(times, prices, powers)
    assert [p.makespan for p in points] == [makespan for makespan, _ in expected]
    assert [p.cost for p in points] == pytest.approx([cost for _, cost in expected])
    assert {p.status for p in points} <= {"optimal"}
    for p in points:
        assert check(front.problem, p.plan, p.bound) == []
        assert makespan_of(p.plan) == p.makespan


def test_machines_that_are_alike_give_the_same_front() -> None:
    times, prices, powers = [2, 1, 2], [1.0, 5.0, 2.0, 1.0, 4.0], [2.0, 2.0]
    points = searched(parallel_problem("alike", times, prices, powers)).points()
    assert [(p.makespan, p.cost) for p in points] == front_of_all(times, prices, powers)


def test_the_process_finds_the_same_front() -> None:
    problem = parallel_problem("same", [2, 1], [1.0, 5.0, 2.0, 1.0], [2.0, 3.0])
    here, there = searched(problem).points(), makespan_front(problem, 60).points()
    assert here == there


def test_jobs_that_do_not_fit_have_no_front() -> None:
    front = searched(parallel_problem("full", [3, 3], [1.0] * 5, [1.0]))
    assert front.points() == []
    assert front.is_closed().all()


def test_without_time_nothing_is_said_to_be_proven() -> None:
    front = MakespanFront(parallel_problem("late", [1], [1.0] * 5, [1.0]))
    front.search(0.0)
    assert front.points() == []
    assert not front.is_closed().any()


def test_a_cut_problem_has_the_same_first_slots() -> None:
    problem = drawn_problem(0)
    short = cut(problem, 10)
    assert short.slots == len(short.site.rate) == len(short.lines[0].is_open) == 10
    assert (short.site.rate == problem.site.rate[:10]).all()


# --- files ------------------------------------------------------------------------------------


def written(folder: Path, name: str, p: str, c: str, e: str) -> Path:
    for kind, text in (("p", p), ("c", c), ("e", e)):
        (folder / f"Data_{kind}{name}.txt").write_text(text, encoding="utf-8")
    return folder / f"Data_p{name}.txt"


def test_any_of_the_three_files_or_the_folder_names_the_instance(tmp_path: Path) -> None:
    first = written(tmp_path, "2", "1\n2\n", "3\n3\n3\n", "1\n")
    second = written(tmp_path, "10", "1.0e+00\n", "2\n", "4\n")
    assert parallel_files([tmp_path]) == [first, second]
    assert parallel_files([tmp_path / "Data_e2.txt", tmp_path / "Data_c2.txt"]) == [first]
    problems = [read_parallel(tmp_path / f"Data_{kind}2.txt") for kind in "pce"]
    assert [len(problem.orders) for problem in problems] == [2, 2, 2]


@pytest.mark.parametrize(
    ("p", "c", "e", "word"),
    [
        ("1.5\n", "1\n", "1\n", "Data_p1.txt: value 1: got 1.5"),
        ("0\n", "1\n", "1\n", "got 0"),
        ("1\n", "1\n", "-1\n", "Data_e1.txt: value 1: got -1"),
        ("1\n", "dear\n", "1\n", "dear"),
        ("", "1\n", "1\n", "processing times expected"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, p: str, c: str, e: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_parallel(written(tmp_path, "1", p, c, e))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "1", "1\n", "1\n", "1\n")
    (tmp_path / "Data_c1.txt").unlink()
    with pytest.raises(InputError, match=r"Data_c1\.txt"):
        read_parallel(path)


@pytest.mark.parametrize("text", ["3;10\n2;14\n", "3 10\n2 14\n", "3, 10\n\n2,14"])
def test_published_fronts_are_read_however_separated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some_1.csv"
    path.write_text(text, encoding="utf-8")
    assert published(path) == [(3.0, 10.0), (2.0, 14.0)]


def test_published_points_are_counted(tmp_path: Path) -> None:
    """One job of two slots: 8 at the earliest, 4 one slot later."""
    front = searched(parallel_problem("one", [2], [5.0, 3.0, 1.0], [1.0]))
    points = front.points()
    assert [(p.makespan, p.cost) for p in points] == [(2, 8.0), (3, 4.0)]
    counted = beside(front, points, [(2, 8.0), (3, 5.0), (2, 7.0)])
    assert counted == {"points": 3, "reached": 2, "beaten": 1, "below_bound": [(2, 7.0)]}


def test_the_script_compares_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "1", "2\n", "5 3 1\n", "1\n")
    (tmp_path / "ref").mkdir()
    (tmp_path / "ref" / "some_1.csv").write_text("3;4\n", encoding="utf-8")
    (tmp_path / "ref" / "some_11.csv").write_text("1;1\n", encoding="utf-8")
    assert [f.name for f in published_files(path)] == ["some_1.csv"]
    assert main([str(tmp_path / "Data_p7.txt"), str(path)]) == 2
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert "Data_p7.txt" in told.err
    assert lines[0]["front"] == [[2, 8.0, 8.0, "optimal"], [3, 4.0, 4.0, "optimal"]]
    assert lines[-1]["reached"] == lines[-1]["published_points"] == 1


@pytest.mark.real_data
@pytest.mark.parametrize("instance", [1, 3, 5, 17])
def test_published_points_are_reached_and_none_lies_below(shared_dir: Path, instance: int) -> None:
    path = shared_dir / SET / f"Data_p{instance}.txt"
    if not path.exists():
        pytest.skip("no parallel machines in the shared data")
    front = searched(read_parallel(path))
    for file in published_files(path):
        counted = beside(front, front.points(), published(file))
        assert counted["reached"] == counted["points"]
        assert counted["below_bound"] == []
