"""Weeks of a plant planned against price, carbon and demand charge: value, bound and gap of each.

    python tests/benchmarks/plant_week.py pw-40x3-60min-s1.json ... --time-limit 100 [--seed 1]

One line an instance, and the summary by size last. ``faults`` is what the judge of plans, which
knows no solver, finds in the plan; none is expected. Where a ``reference.csv`` (name, value, bound)
lies beside an instance, its figures are put beside ours. What is found on the way goes to stderr.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.answer import Answer
from solvers.lines.check import check
from solvers.lines.problem import LineProblem
from solvers.lines.solve import solve
from solvers.lines.week_files import read_week
from tests.benchmarks.measure import positive, rounded, tell
from twin.errors import NoriaError

REFERENCE = "reference.csv"
FIGURES = 8
"""Significant digits of money."""


@dataclass(frozen=True)
class Row:
    """An instance and what came of it."""

    problem: LineProblem
    answer: Answer
    faults: list[str]

    @property
    def size(self) -> str:
        p = self.problem
        return f"{len(p.orders)}x{len(p.lines)}-{p.slot_hours * 60:g}min"


def planned(path: Path, time_limit: float, seed: int) -> Row:
    """Plan one file, telling what is found on the way."""
    problem = read_week(path)

    def progress(
        seconds: float, value: float | None, bound: float | None, gap: float | None
    ) -> None:
        known = [f"{seconds:6.1f} s"]
        known += [f"value {value:.2f}"] if value is not None else ["no complete plan"]
        known += [f"bound {bound:.2f}"] if bound is not None else []
        known += [f"gap {gap:.2%}"] if gap is not None else []
        print(f"\r{problem.name}: {', '.join(known)}   ", end="", file=sys.stderr, flush=True)

    answer = solve(problem, time_limit=time_limit, seed=seed, progress=progress)
    print(file=sys.stderr)
    return Row(problem, answer, check(problem, answer.plan, answer.bound))


def tell_row(row: Row, reference: dict[str, float]) -> None:
    """One JSON line."""
    answer = row.answer
    tell(
        instance=row.problem.name,
        status=answer.status,
        objective=rounded(answer.objective, FIGURES),
        bound=None if answer.bound is None else rounded(answer.bound, FIGURES),
        gap=None if answer.gap is None else rounded(answer.gap),
        seconds=rounded(answer.seconds),
        first_plan_seconds=rounded(answer.first_plan_seconds),
        first_plan_objective=rounded(answer.first_plan_objective, FIGURES),
        search=answer.search,
        bound_method=answer.bound_method,
        unplaced=[row.problem.orders[j].id for j in answer.plan.unplaced],
        faults=row.faults,
        reasons=answer.reasons,
        **{f"reference_{name}": value for name, value in reference.items()},
    )


def references(folder: Path) -> dict[str, dict[str, float]]:
    """Best known values and bounds of the instances of a folder, by name; empty without a file."""
    path = folder / REFERENCE
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["name"]: {key: float(row[key]) for key in ("value", "bound") if row.get(key)}
            for row in csv.DictReader(file)
            if row.get("name")
        }


def tell_summary(rows: Sequence[Row]) -> None:
    """Means and worst cases by size, and over all."""
    by_size: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_size[row.size].append(row)
    tell(
        what="summary",
        instances=len(rows),
        faults=sum(len(row.faults) for row in rows),
        sizes={size: _figures(some) for size, some in sorted(by_size.items())},
        **_figures(rows),
    )


def _figures(rows: Sequence[Row]) -> dict[str, object]:
    gaps = [row.answer.gap for row in rows if row.answer.gap is not None]
    return {
        "plans": len(rows),
        "complete": sum(not row.answer.plan.unplaced for row in rows),
        "mean_gap": rounded(statistics.mean(gaps)) if gaps else None,
        "worst_gap": rounded(max(gaps)) if gaps else None,
        "worst_first_plan_seconds": rounded(max(row.answer.first_plan_seconds for row in rows)),
        "worst_seconds": rounded(max(row.answer.seconds for row in rows)),
    }


def main(words: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where a file cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--time-limit", type=positive, default=60.0, help="of each instance [s]")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    rows, status = [], 0
    for path in asked.files:
        try:
            row = planned(path, asked.time_limit, asked.seed)
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
            continue
        rows.append(row)
        tell_row(row, references(path.parent).get(row.problem.name, {}))
    if rows:
        tell_summary(rows)
    return status


if __name__ == "__main__":
    sys.exit(main())
