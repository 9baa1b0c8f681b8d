"""The benchmark's lines and codes, on shops written here; PyJobShop is played by a stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.shop import main

GOOD = "2 2\n0 3 1 2\n1 4 0 1\n"
STAND_IN = """
class Model:
    def add_machine(self): return object()
    def add_job(self): return object()
    def add_task(self, job): return object()
    def add_mode(self, task, machines, duration): assert len(machines) == 1 and 0 < duration < 5
    def add_end_before_start(self, one, other): assert one is not other
    def set_objective(self, weight_makespan): assert weight_makespan == 1
    def solve(self, time_limit, display, num_workers):
        assert num_workers == 2
        return self
    objective, lower_bound, status = 8.0, 6.0, "Feasible"
"""


def rows_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_for_each_file_and_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.txt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "best_known.csv").write_text("instance,lb,ub\none,5,5\n", encoding="utf-8")
    assert main([str(tmp_path / "one.txt"), "--time-limit", "0.2", "--no-cp-sat"]) == 0
    row, summary = rows_of(capsys)
    assert {
        "instance", "status", "objective", "bound", "gap", "seconds", "best_known", "deviation",
        "solver", "pyjobshop",
    } == set(row)  # fmt: skip
    assert (row["instance"], row["best_known"], row["objective"]) == ("one", 5, 6)
    assert row["deviation"] == pytest.approx(0.2)
    assert (summary["instances"], summary["within_goal"]) == (1, 0)


def test_a_bad_file_is_named_and_the_others_are_solved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {"bad.txt": "2 2\n0 3\n", "good.txt": GOOD}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [str(tmp_path / name) for name in ("bad.txt", "none.txt", "good.txt")]
    assert main([*files, "--time-limit", "0.1", "--no-cp-sat"]) == 2
    told = capsys.readouterr()
    assert "bad.txt: line 1: 2 jobs are announced" in told.err
    assert "none.txt: cannot be read" in told.err
    first = json.loads(told.out.splitlines()[0])
    assert (first["instance"], first["best_known"], first["deviation"]) == ("good", None, None)


def test_an_unusable_list_of_best_known_costs_only_the_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.txt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "best_known.csv").write_text("name\none\n", encoding="utf-8")
    assert main([str(tmp_path / "one.txt"), "--time-limit", "0.1", "--no-cp-sat"]) == 0
    told = capsys.readouterr()
    assert "best_known.csv" in told.err
    assert json.loads(told.out.splitlines()[0])["best_known"] is None


def test_pyjobshop_stands_beside_us_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.txt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "pyjobshop.py").write_text(STAND_IN, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    main([str(tmp_path / "one.txt"), "--time-limit", "0.1", "--no-cp-sat"])
    peer = rows_of(capsys)[0]["pyjobshop"]
    assert (peer["objective"], peer["bound"], peer["gap"]) == (8.0, 6.0, 0.25)


@pytest.mark.parametrize(
    ("module", "word"),
    [("raise ImportError", "absent"), ("class Model: x = 1 / 0", "failed: ZeroDivisionError")],
)
def test_why_pyjobshop_says_nothing_is_told(
    module: str,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "one.txt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "pyjobshop.py").write_text(module, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    main([str(tmp_path / "one.txt"), "--time-limit", "0.1", "--no-cp-sat"])
    assert rows_of(capsys)[0]["pyjobshop"].startswith(word)
