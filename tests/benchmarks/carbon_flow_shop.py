"""Carbon-aware permutation flow shops (CAS-PFSP) against the published memetic algorithm.

    python tests/benchmarks/carbon_flow_shop.py FILES... [--time-limit 60] [--seed 0] [--cost]

prints a JSON line for each file and one of all. A file ``FOLDER/CAS-PFSP-CLASS/X.cas`` is compared
with ``FOLDER/results_CLASS.csv`` where that is there: ``memetic`` is the published mean of ten
runs, ``deviation`` says by which share the plan is above it. Every plan is checked.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.flow_shop.check import check
from solvers.flow_shop.files import load_flow_shop
from solvers.flow_shop.problem import FlowShop
from solvers.flow_shop.search import Result, solve
from tests.benchmarks.measure import positive, tell
from twin.errors import NoriaError

INSTANCE, MEMETIC = "instance", "average object MA - carbon"
"""Columns of the published results."""
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    lines: list[dict[str, object]] = []
    failed = False
    for path in options.files:
        try:
            line, was_interrupted = measure(path, options)
        except NoriaError as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        lines.append(line)
        failed = failed or bool(line["faults"])
        tell(**line)
        if was_interrupted:
            return INTERRUPTED
    tell(**summary(lines))
    return 2 if failed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILES")
    parser.add_argument("--time-limit", type=positive, default=60.0, help="for each file [s]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cost", action="store_true", help="minimise cost instead of carbon")
    return parser.parse_args(arguments)


def measure(path: Path, options: argparse.Namespace) -> tuple[dict[str, object], bool]:
    """Solve a file; its JSON line, and whether somebody pressed Ctrl-C."""
    shop = load_flow_shop(path)
    if options.cost:
        shop = shop.charged_for_cost()
    result = solve(shop, time_limit=options.time_limit, seed=options.seed)
    line = _line(shop, result)
    memetic = None if options.cost else published(path)
    if memetic is not None and math.isfinite(result.objective):
        line["memetic"] = memetic
        line["deviation"] = round(result.objective / memetic - 1, 6)
    return line, result.was_interrupted


def _line(shop: FlowShop, result: Result) -> dict[str, object]:
    faults = []
    if result.starts:
        faults = check(shop, result.order, result.starts, result.objective)
    line: dict[str, object] = {
        "instance": shop.name,
        "status": result.status,
        "objective": _finite(result.objective),
        "bound": _finite(result.bound),
        "gap": result.gap,
        "seconds": round(result.seconds, 2),
        "faults": faults,
    }
    if result.message:
        line["message"] = result.message
    return line


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def published(path: Path) -> float | None:
    """Mean of the memetic algorithm for a file, where the published table is beside its folder."""
    path = path.resolve()
    table = path.parent.parent / f"results_{path.parent.name.rpartition('-')[2]}.csv"
    try:
        with table.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                if row.get(INSTANCE) == path.name:
                    return float(row[MEMETIC])
    except (OSError, ValueError, KeyError, UnicodeDecodeError):
        return None
    return None


def summary(lines: list[dict[str, object]]) -> dict[str, object]:
    """One line for all: how many are proven, mean and worst of gaps and deviations."""
    facts: dict[str, object] = {
        "what": "summary",
        "instances": len(lines),
        "optimal": sum(line["status"] == "optimal" for line in lines),
        "faulty": sum(bool(line["faults"]) for line in lines),
    }
    for name in ("gap", "deviation", "seconds"):
        values = [value for line in lines if isinstance(value := line.get(name), int | float)]
        if values:
            facts[f"mean_{name}"] = round(sum(values) / len(values), 6)
            facts[f"worst_{name}"] = round(max(values), 6)
    return facts


if __name__ == "__main__":
    sys.exit(main())
