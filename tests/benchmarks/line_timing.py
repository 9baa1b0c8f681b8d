"""How many exact timings of a line, and moves of the search, a core makes in a second.

    python tests/benchmarks/line_timing.py pw-40x3-60min-s1.json ... [--time-limit 3] [--seed 0]

A timing makes all tables of a line anew, as the published figures count it; a move times only what
it changes, from the tables of the last plan. Seconds are those of the process, so that another one
on the same core does not count. The floor is 30,000 timings at 40 orders in slots of 60 minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solvers.lines.construct import build
from solvers.lines.timing import Timing
from solvers.lines.week_files import read_week
from tests.benchmarks.measure import positive, tell
from twin.errors import NoriaError
from twin.native import which

KERNEL = "solvers.lines._timing_kernel"
TIMINGS = 200
"""Of each line between two looks at the clock."""
MOVES = 500


def rates(path: Path, time_limit: float, seed: int) -> dict[str, object]:
    """Whole-line timings and moves a second on one file, half of the time each."""
    problem = read_week(path)
    timing = Timing(problem, is_strict=False)
    began = time.process_time()
    timing.begin(seed=seed)
    unplaced = build(timing, seed)
    construct = time.process_time() - began
    timing.search.settle_peak(20)
    lines = range(len(problem.lines))

    def time_all_lines() -> int:
        for line in lines:
            timing.search.time_often(line, TIMINGS)
        return TIMINGS * len(lines)

    def move() -> int:
        timing.search.run(MOVES, temperature, 3.0, 0.02, 0.0)
        return MOVES

    timings = per_second(time_all_lines, time_limit / 2)
    temperature = 0.001 * timing.search.values()[1]
    moves = per_second(move, time_limit / 2)
    return {
        "instance": problem.name,
        "kernel": which(KERNEL),
        "orders": len(problem.orders),
        "lines": len(lines),
        "slots": problem.slots,
        "construct_seconds": round(construct, 4),
        "unplaced_at_first": len(unplaced),
        "timings_per_second": round(timings),
        "moves_per_second": round(moves),
    }


def per_second(work: Callable[[], int], seconds: float) -> float:
    """How much work, in the units that it returns, a second of the process sees."""
    began, done = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        done += work()
    return done / spent


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--time-limit", type=positive, default=3.0, help="seconds a file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    status, found = 0, []
    for path in options.files:
        try:
            found.append(rates(path, options.time_limit, options.seed))
            tell(**found[-1])
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
    if found:
        tell(
            what="summary",
            instances=len(found),
            median_timings_per_second=median(int(str(f["timings_per_second"])) for f in found),
            median_moves_per_second=median(int(str(f["moves_per_second"])) for f in found),
        )
    return status


if __name__ == "__main__":
    sys.exit(main())
