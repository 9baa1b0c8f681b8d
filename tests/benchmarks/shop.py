"""Makespan of job shops and flexible job shops against the best known, within a time limit.

    python tests/benchmarks/shop.py shop/*.txt shop/*.fjs --time-limit 60

One line for each file, which ``solvers/shop/files.py`` describes. ``best_known`` is the least
makespan published in a ``best_known.csv`` in the file's folder or the one above, ``deviation`` how
far ours lies above it. ``pyjobshop`` is what PyJobShop finds in the same time on two cores after
us, or "absent"; ``--peer PYTHON`` names the interpreter that has it. It runs in a process of its
own, because it brings OR-tools.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.shop.check import faults
from solvers.shop.files import BestKnown, read_best_known, read_problem
from solvers.shop.problem import Problem
from solvers.shop.solve import gap_of, solve
from tests.benchmarks.measure import positive, rounded, tell
from twin.errors import NoriaError

Facts = dict[str, Any]
PEER = Path(__file__).with_name("shop_peer.py")
PEER_GRACE_SECONDS = 30.0
"""To import and to build the model; beyond it and 1.2 times the limit PyJobShop is killed."""
GOAL = 0.05
"""Above the best known."""


def main(words: Sequence[str] | None = None) -> int:
    """Report on every file; 2 if one cannot be used, 1 if a schedule breaks a rule, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--time-limit", type=positive, default=60.0, help="seconds for each file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-cp-sat", action="store_true", help="as if OR-tools were not there")
    parser.add_argument("--peer", default=sys.executable, help="interpreter that has PyJobShop")
    settings = parser.parse_args(words)
    reports: list[Facts] = []
    status = 0
    for path in settings.files:
        try:
            problem = read_problem(path)
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
            continue
        cp_sat = False if settings.no_cp_sat else None
        known = best_known_of(path)
        reports.append(report(problem, known, settings.time_limit, settings.seed, cp_sat))
        reports[-1]["pyjobshop"] = ask_peer(settings.peer, problem, settings.time_limit)
        tell(**reports[-1])
    if reports:
        tell(**summary(reports))
    return 1 if status == 0 and any("faults" in each for each in reports) else status


def best_known_of(path: Path) -> BestKnown | None:
    """The published makespan of an instance; None where there is no list that can be used."""
    for folder in path.resolve().parents[:2]:
        try:
            found = read_best_known(folder).get(path.stem)
        except NoriaError as error:
            print(f"{error}; without it nothing is compared", file=sys.stderr)
            continue
        if found:
            return found
    return None


def report(
    problem: Problem, known: BestKnown | None, seconds: float, seed: int, cp_sat: bool | None
) -> Facts:
    """What is found for a shop, judged by the check and compared with the best known."""
    begin = time.perf_counter()
    result = solve(problem, time_limit=seconds, seed=seed, cp_sat=cp_sat)
    taken = time.perf_counter() - begin
    best = known.upper if known else None
    facts: Facts = {
        "instance": problem.name,
        "status": result.status,
        "objective": result.objective,
        "bound": result.bound,
        "gap": rounded(result.gap),
        "seconds": rounded(taken),
        "best_known": best,
        "deviation": rounded(result.objective / best - 1) if best else None,
        "solver": result.solver,
    }
    broken = faults(problem, result.schedule)
    if broken or result.schedule.makespan != result.objective:
        facts |= {"status": "wrong", "faults": broken or ["the objective is not the makespan"]}
    return facts


def ask_peer(python: str, problem: Problem, seconds: float) -> object:
    """PyJobShop's makespan, bound and gap, or why there are none."""
    asked = json.dumps({**asdict(problem), "seconds": seconds})
    try:
        ran = subprocess.run(
            [python, str(PEER)],
            input=asked,
            capture_output=True,
            text=True,
            timeout=1.2 * seconds + PEER_GRACE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "killed beyond the time limit"
    except OSError as error:
        return f"absent: {error}"
    if ran.returncode != 0:
        return f"failed: {(ran.stderr.strip().splitlines() or ['no word'])[-1]}"
    told = json.loads(ran.stdout.splitlines()[-1])
    if isinstance(told, dict) and told["objective"] and told["bound"] is not None:
        told["gap"] = rounded(gap_of(told["objective"], told["bound"]))
    return told


def summary(reports: list[Facts]) -> Facts:
    """The deviations of all instances that have a best known."""
    facts: Facts = {
        "what": "summary",
        "instances": len(reports),
        "optimal": sum(each["status"] == "optimal" for each in reports),
        "longest_seconds": max(each["seconds"] for each in reports),
    }
    deviations = [each["deviation"] for each in reports if each["deviation"] is not None]
    if deviations:
        facts |= {
            "compared": len(deviations),
            "mean_deviation": rounded(statistics.mean(deviations)),
            "worst_deviation": rounded(max(deviations)),
            "within_goal": sum(deviation <= GOAL for deviation in deviations),
            "goal": GOAL,
        }
    return facts


if __name__ == "__main__":
    sys.exit(main())
