"""Energy cost against makespan on identical parallel machines, every point of the front proven.

    python tests/benchmarks/parallel_machines.py green-ipm/Data_p1.txt --time-limit 60
    python tests/benchmarks/parallel_machines.py green-ipm

A file may be any of the three of an instance, ``Data_p``, ``Data_c``, ``Data_e``; a folder is all
instances in it. One line for each instance: points of the front as makespan, cost, bound, status.
Published fronts in a folder ``ref`` beside the files (``<method>_<instance>.csv``) are compared:
how many of their points are on the front or dominated by one of it, and how many lie below what is
proven, which would be a fault.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.check import check
from solvers.lines.makespan_front import FrontPoint, MakespanFront, makespan_front
from solvers.lines.parallel_files import instance_of, parallel_files, read_parallel
from tests.benchmarks.measure import report_instances, rounded
from twin.errors import Fault, InputError

SAME = 1e-6
"""Relative difference of two costs that is rounding."""
Point = tuple[float, float]
"""Makespan and cost."""


def main(words: Sequence[str] | None = None) -> int:
    return report_instances(report, summary, __doc__.splitlines()[0], words, parallel_files)


def report(path: Path, seconds: float, seed: int) -> dict[str, Any]:
    """The front of an instance beside those published."""
    begin = time.perf_counter()
    problem = read_parallel(path)
    front = makespan_front(problem, seconds, seed)
    taken = time.perf_counter() - begin
    points = front.points()
    cheapest = points[-1] if points else None
    faults = [f for p in points for f in check(problem, p.plan, p.bound)]
    return {
        "instance": problem.name,
        "status": status_of(front, points),
        "objective": cheapest and rounded(cheapest.cost, 9),
        "bound": cheapest and rounded(min(cheapest.bound, cheapest.cost), 9),
        "gap": cheapest and rounded(gap_of(cheapest)),
        "seconds": rounded(taken),
        "points": len(points),
        "optimal_points": sum(p.status == "optimal" for p in points),
        "published": {
            file.stem.rsplit("_", 1)[0]: beside(front, points, published(file))
            for file in published_files(path)
        },
        "faults": faults[:3],
        "front": [
            (p.makespan, rounded(p.cost, 9), rounded(min(p.bound, p.cost), 9), p.status)
            for p in points
        ],
    }


def status_of(front: MakespanFront, points: list[FrontPoint]) -> str:
    """``optimal`` when the front is complete and every point of it is proven."""
    if not points:
        return "infeasible" if front.is_closed().all() else "unknown"
    return "optimal" if front.is_closed().all() else "feasible"


def gap_of(point: FrontPoint) -> float:
    return max(point.cost - point.bound, 0.0) / point.cost if point.cost else 0.0


def published_files(path: Path) -> list[Path]:
    """Published fronts of an instance: ``ref/<method>_<instance>.csv``."""
    instance = re.escape(instance_of(path))
    found = path.parent.glob(f"ref/*_{instance_of(path)}.csv")
    return sorted(f for f in found if re.fullmatch(rf"[^_]+_{instance}", f.stem))


def published(path: Path) -> list[Point]:
    """Points of a published front, a line each: makespan and energy cost, however separated."""
    points: list[Point] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = re.split(r"[;,\s]+", line.strip())
        if words == [""]:
            continue
        try:
            makespan, cost = map(float, words)
        except ValueError:
            where = f"line {number}"
            fault = Fault(where, f"got {line!r}; makespan and energy cost expected")
            raise InputError(str(path), [fault]) from None
        points.append((makespan, cost))
    return points


def beside(front: MakespanFront, points: list[FrontPoint], known: list[Point]) -> dict[str, Any]:
    """Published points that are reached, those beaten, and those below what is proven."""
    reached = beaten = 0
    below = []
    for makespan, cost in known:
        slack = SAME * max(abs(cost), 1.0)
        mine = min((p.cost for p in points if p.makespan <= makespan), default=float("inf"))
        reached += mine <= cost + slack
        beaten += mine < cost - slack
        horizon = min(int(makespan), len(front.lower) - 1)
        if cost < front.lower[horizon] - slack:
            below.append((makespan, cost))
    return {"points": len(known), "reached": reached, "beaten": beaten, "below_bound": below}


def summary(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """How many fronts are complete, and how they stand beside those published."""
    fronts = [facts for r in reports for facts in r["published"].values()]
    return {
        "what": "summary",
        "instances": len(reports),
        "optimal": sum(r["status"] == "optimal" for r in reports),
        "points": sum(r["points"] for r in reports),
        "optimal_points": sum(r["optimal_points"] for r in reports),
        "published_points": sum(f["points"] for f in fronts),
        "reached": sum(f["reached"] for f in fronts),
        "beaten": sum(f["beaten"] for f in fronts),
        "below_bound": sum(len(f["below_bound"]) for f in fronts),
        "faults": sum(len(r["faults"]) for r in reports),
        "most_seconds": rounded(max(r["seconds"] for r in reports)),
    }


if __name__ == "__main__":
    sys.exit(main())
