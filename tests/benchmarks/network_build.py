"""How long it takes to build a plant's week as a mixed-integer programme and hand it to HiGHS.

    python tests/benchmarks/network_build.py pw-120x10-15min-s1.json

One line for each file: binaries, rows and entries; CPU seconds from the problem in memory to the
programme in HiGHS by the direct path, and of that for the networks, the columns and the handing
over; CPU seconds to build the readable Pyomo model beside it, without handing it to any solver.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.highs_model import site_model
from solvers.lines.highs_run import loaded
from solvers.lines.network import line_networks, single_orders
from solvers.lines.problem import LineProblem
from solvers.lines.week_files import read_week
from tests.benchmarks.measure import rounded, tell
from twin.errors import NoriaError

LARGE = 200_000
"""Binaries of a large programme."""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--time-limit", type=float, default=60.0, help="no meaning here; taken")
    parser.add_argument("--seed", type=int, default=0, help="no meaning here; taken")
    parser.add_argument(
        "--pyomo-binaries", type=int, default=400_000, help="leave Pyomo out above this size"
    )
    settings = parser.parse_args(words)
    import highspy  # noqa: F401, before the clock: an import is no build

    reports: list[dict[str, Any]] = []
    has_failed = False
    for path in settings.files:
        try:
            reports.append(report(read_week(path), settings.pyomo_binaries))
        except NoriaError as error:
            print(error, file=sys.stderr)
            has_failed = True
            continue
        tell(**reports[-1])
    if reports:
        tell(**summary(reports))
    return 2 if has_failed else 0


def report(problem: LineProblem, pyomo_binaries: int) -> dict[str, Any]:
    """Size and times of a problem's programme."""
    clock = time.process_time
    begin, wall = clock(), time.perf_counter()
    model = site_model(problem)
    networks = clock()
    programme = model.programme()
    columns = clock()
    solver = loaded(programme)
    end = clock()
    binaries = int(programme.is_integer.sum())
    facts: dict[str, Any] = {
        "instance": problem.name,
        "status": "built",
        "binaries": binaries,
        "rows": programme.rows,
        "entries": len(programme.a_value),
        "seconds": rounded(end - begin),
        "wall_seconds": rounded(time.perf_counter() - wall),
        "networks_seconds": rounded(networks - begin),
        "columns_seconds": rounded(columns - networks),
        "handing_seconds": rounded(end - columns),
        "in_highs": (solver.getNumCol(), solver.getNumRow()) == (programme.columns, programme.rows),
    }
    del solver, programme, model
    if binaries <= pyomo_binaries:
        facts["pyomo_seconds"] = rounded(pyomo_seconds(problem))
        facts["pyomo_over_direct"] = rounded(facts["pyomo_seconds"] / facts["seconds"])
    return facts


def pyomo_seconds(problem: LineProblem) -> float:
    """CPU time to build the Pyomo model of the same problem, its import not counted."""
    from solvers.lines.model import build

    gc.collect()
    begin = time.process_time()
    orders = single_orders(problem)
    build(problem, line_networks(problem, orders), orders)
    return time.process_time() - begin


def summary(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The slowest build, and of the large ones the time for as many binaries as count."""
    large = [r for r in reports if r["binaries"] >= LARGE]
    return {
        "what": "summary",
        "instances": len(reports),
        "most_binaries": max(r["binaries"] for r in reports),
        "most_seconds": rounded(max(r["seconds"] for r in reports)),
        "seconds_per_200k_binaries": rounded(
            max((r["seconds"] / r["binaries"] * LARGE for r in large), default=0.0)
        ) if large else None,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
