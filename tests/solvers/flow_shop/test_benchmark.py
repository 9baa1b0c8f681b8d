"""The benchmark script takes any files of the format, and goes on after a bad one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.solvers.flow_shop.shops import drawn_shop, write

CHECKOUT = Path(__file__).resolve().parents[3]
SCRIPT = CHECKOUT / "tests" / "benchmarks" / "carbon_flow_shop.py"


def run(*arguments: object) -> tuple[int, list[dict[str, object]], str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_files_are_solved_and_compared(tmp_path: Path) -> None:
    folder = tmp_path / "CAS-PFSP-M1T1"
    folder.mkdir()
    good = write(drawn_shop(1, machines=1), folder / "good.cas")
    bad = folder / "bad.cas"
    bad.write_text("nothing\n", encoding="utf-8")
    table = "instance,average object MA - carbon\ngood.cas,1000000.0\n"
    (tmp_path / "results_M1T1.csv").write_text(table, encoding="utf-8")
    code, lines, errors = run(bad, good, "--time-limit", 20)
    assert code == 2
    assert "bad.cas: line 1:" in errors
    line, summary = lines
    assert line["instance"] == "good"
    assert line["status"] == "optimal"
    assert line["gap"] == 0
    assert line["memetic"] == 1000000.0
    assert line["deviation"] == pytest.approx(float(str(line["objective"])) / 1e6 - 1, abs=1e-6)
    assert summary["optimal"] == 1


def test_a_time_limit_of_nothing_is_refused(tmp_path: Path) -> None:
    good = write(drawn_shop(1), tmp_path / "good.cas")
    assert run(good, "--time-limit", 0)[0] == 2
