"""The benchmarks run and answer in JSON. They are not judged here: speed is no fact of a test."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.measure import interval
from tests.benchmarks.recursion import compiled_line

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
PLANTS = CHECKOUT / "tests/benchmarks/plants"


def answers(script: str, *words: str) -> list[dict[str, Any]]:
    """What a benchmark prints, line by line."""
    command = [sys.executable, "-m", f"tests.benchmarks.{script}", *words]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("plant", ["plain_line", "failing_line"])
def test_the_line_runs_in_every_engine(plant: str) -> None:
    told = answers("line_speed", str(PLANTS / f"{plant}.yaml"), "--minutes", "300", "--rounds", "2")
    rows = {row["engine"]: row for row in told if row["what"] == "line"}
    assert {"SimPy reference", "plain SimPy"} < set(rows)
    assert ("lean SimPy" in rows) == (plant == "plain_line")
    assert all(row["parts_per_cpu_s"] > 0 for row in rows.values())


def test_the_engines_agree_with_plain_simpy_on_the_throughput() -> None:
    """Each mean lies in the wide interval around the other; the streams of luck differ."""
    told = answers(
        "line_speed", str(PLANTS / "failing_line.yaml"), "--minutes", "1500", "--rounds", "6"
    )
    rows = [row for row in told if row["what"] == "line"]
    for row in rows[1:]:
        room = 3 * (row["plus_minus"] + rows[0]["plus_minus"])
        assert row["parts_per_minute"] == pytest.approx(rows[0]["parts_per_minute"], abs=room)


def test_simulation_speed_tells_all_it_measures() -> None:
    told = answers(
        "simulation_speed", str(PLANTS / "failing_line.yaml"),
        "--days", "0.1", "--rounds", "1", "--replications", "20", "--parts", "200",
    )  # fmt: skip
    assert [row["what"].split(" ")[0] for row in told] == [
        "setting", "import", "kernel", "two", "20", "memory",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("machines", "buffer", "exact"),
    [(2, 0, 2 / 3), (2, 4, 6 / 7), (3, 0, 22 / 39)],
    ids=["two machines", "four places", "three machines"],
)
def test_the_recursion_finds_exact_throughputs(machines: int, buffer: int, exact: float) -> None:
    """Two exponential machines with b places: (b + 2) / (b + 3); three without: Hunt 1956."""
    line = compiled_line()
    if line is None:
        pytest.skip("no compiler cc")
    minutes = 20_000.0
    found = [line(machines, buffer, minutes, seed) / minutes for seed in range(40)]
    mean, half = interval(found)
    assert half is not None
    assert mean == pytest.approx(exact, abs=2 * half)
