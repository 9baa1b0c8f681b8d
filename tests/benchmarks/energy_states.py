"""Cheapest energy of machines with off, standby and on, proven, on the instances of a benchmark.

    python tests/benchmarks/energy_states.py benedikt2020a_medium_twosby/*.json --time-limit 60

One line for each file. ``best_known`` is the least value in a ``best_known.csv`` in the file's
folder or the one above, where there is one that names the instance.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.check import check
from solvers.lines.energy_state_files import read_energy_states
from solvers.lines.optimum import optimum
from tests.benchmarks.measure import report_instances, rounded

SAME = 1e-6
"""Relative difference of two values that is rounding."""


def main(words: Sequence[str] | None = None) -> int:
    return report_instances(report, summary, __doc__.splitlines()[0], words)


def report(path: Path, seconds: float, seed: int) -> dict[str, Any]:
    """What is found for a file."""
    begin = time.perf_counter()
    case = read_energy_states(path)
    plan, bound, status = optimum(case.problem, time_limit=seconds, seed=seed)
    taken = time.perf_counter() - begin
    facts: dict[str, Any] = {"instance": case.problem.name, "status": status}
    value = None if plan is None else plan.bill.total + case.constant
    known = best_known(path)
    if value is not None and status == "optimal":
        bound = value - case.constant
    has_bound = abs(bound) < float("inf")
    gap = (value - bound - case.constant) / value if value and has_bound else None
    facts |= {
        "objective": _short(value),
        "bound": _short(bound + case.constant) if has_bound else None,
        "gap": None if gap is None else rounded(gap),
        "seconds": rounded(taken),
        "best_known": known,
    }
    if value is not None and known is not None:
        facts["is_best_known"] = value <= known + SAME * abs(known)
    if plan is not None:
        facts["faults"] = check(case.problem, plan, bound if has_bound else None)
    return facts


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def best_known(path: Path) -> float | None:
    """The least value of any method in the nearest ``best_known.csv``."""
    for folder in path.resolve().parents[:2]:
        table = folder / "best_known.csv"
        if not table.is_file():
            continue
        with table.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                if (row.get("dataset"), row.get("instance")) == (
                    path.resolve().parent.name,
                    path.stem,
                ):
                    values = [_number(row[name]) for name in row if name and name.endswith("_obj")]
                    return min((v for v in values if v is not None), default=None)
    return None


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def summary(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """How many are proven, how many reach the best known, how long they take."""
    compared = [r["is_best_known"] for r in reports if "is_best_known" in r]
    return {
        "what": "summary",
        "instances": len(reports),
        "optimal": sum(r["status"] == "optimal" for r in reports),
        "with_best_known": len(compared),
        "reach_best_known": sum(compared),
        "faults": sum(len(r.get("faults", ())) for r in reports),
        "median_seconds": rounded(statistics.median(r["seconds"] for r in reports)),
        "most_seconds": rounded(max(r["seconds"] for r in reports)),
    }


if __name__ == "__main__":
    sys.exit(main())
