"""The front of cost and carbon of plant weeks: the cheapest plan below each of several caps.

    python tests/benchmarks/line_front.py pw-40x3-60min-s1.json ... --time-limit 200 [--points 9]

One line a point, the cleanest first, each with its own bound and gap; then one for the instance,
with the ends and what the judge of plans found amiss; the summary last. The time limit is that of
an instance.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.check import check
from solvers.lines.front import Front, Point, carbon_front
from solvers.lines.problem import LineProblem
from solvers.lines.week_files import read_week
from tests.benchmarks.measure import positive, rounded, tell
from twin.errors import NoriaError

FIGURES = 8
"""Significant digits of money and carbon."""


def faults_of(problem: LineProblem, point: Point) -> list[str]:
    """What is amiss with the plan of a point below its cap."""
    return check(replace(problem, carbon_cap_kg=point.cap_kg), point.plan, point.bound)


def tell_point(problem: LineProblem, point: Point) -> None:
    tell(
        what="point",
        instance=problem.name,
        status=point.answer.status,
        objective=rounded(point.cost, FIGURES),
        bound=None if point.bound is None else rounded(point.bound, FIGURES),
        gap=None if point.gap is None else rounded(point.gap),
        seconds=rounded(point.answer.seconds),
        carbon_kg=rounded(point.carbon_kg, FIGURES),
        cap_kg=None if math.isinf(point.cap_kg) else rounded(point.cap_kg, FIGURES),
        faults=faults_of(problem, point),
        reasons=point.answer.reasons,
    )


def tell_front(problem: LineProblem, front: Front, seconds: float) -> dict[str, object]:
    """One line of an instance; the same facts come back."""
    clean, cheap = front.points[0], front.points[-1]
    gaps = [point.gap for point in front.points if point.gap is not None]
    facts = {
        "instance": problem.name,
        "status": cheap.answer.status,
        "objective": rounded(cheap.cost, FIGURES),
        "bound": None if cheap.bound is None else rounded(cheap.bound, FIGURES),
        "gap": None if cheap.gap is None else rounded(cheap.gap),
        "seconds": rounded(seconds),
        "points": len(front.points),
        "mean_gap": rounded(statistics.mean(gaps)) if gaps else None,
        "cheapest": {"cost": rounded(cheap.cost, FIGURES), "carbon_kg": rounded(cheap.carbon_kg)},
        "cleanest": {"cost": rounded(clean.cost, FIGURES), "carbon_kg": rounded(clean.carbon_kg)},
        "least_carbon_bound_kg": front.least_carbon_kg,
        "carbon_saved": rounded(1 - clean.carbon_kg / cheap.carbon_kg) if cheap.carbon_kg else 0.0,
        "cost_of_that": rounded(clean.cost / cheap.cost - 1) if cheap.cost else 0.0,
        "faults": sum(len(faults_of(problem, point)) for point in front.points),
    }
    tell(what="front", **facts)
    return facts


def main(words: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where a file cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--time-limit", type=positive, default=200.0, help="of a whole front [s]")
    parser.add_argument("--points", type=int, default=9, help="with both ends")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    told, status = [], 0
    for path in asked.files:
        begin = perf_counter()
        try:
            problem = read_week(path)
            front = carbon_front(
                problem, time_limit=asked.time_limit, points=asked.points, seed=asked.seed
            )
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
            continue
        for point in front.points:
            tell_point(problem, point)
        told.append(tell_front(problem, front, perf_counter() - begin))
    tell(what="summary", instances=len(told), faults=sum(int(str(row["faults"])) for row in told))
    return status


if __name__ == "__main__":
    sys.exit(main())
