"""Whether the backtest's ranges hold, on plants whose truth is known.

    python -m tests.benchmarks.backtest_simulated [--seeds 20] [--origins 3] [--weeks 8]

Each seed is another plant (known_truth.py) with eight weeks of log. At each of its origins the twin
is calibrated on what came before, and the next week's good pieces of every product are forecast.
Prints JSON lines, one for each plant; the last one is the summary over all of them: how many actual
values lie inside the 90 % ranges (82 to 97 % is right), CRPS skill against the better naive
forecaster (at least 0.25) and the mean error (at most 2 %).

``--exact`` takes the true parameters instead of calibrated ones: what is then amiss is not the
calibration's.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scenarios.backtest import Backtest, Effort, Prepare, backtest, origins_of
from scenarios.backtest_inputs import described
from tests.benchmarks.known_truth import (
    MICRO_LENGTH,
    MICRO_SHARE,
    TruthCase,
    truth_case,
)
from tests.benchmarks.measure import rounded, tell, tell_setting
from twin.accounting.recorded import PIECES
from twin.accounting.scoring import Score, Verified, score
from twin.calibration.diagnosis import diagnose
from twin.model.plant import Plant

GROUPS = (
    ("product", PIECES), ("plant", PIECES), ("plant", "orders_completed"),
    ("work_unit", "working_h"), ("work_unit", "setup_h"), ("work_unit", "down_h"),
    ("plant", "energy_kwh"),
)  # fmt: skip
STRETCH = 1 + MICRO_SHARE * MICRO_LENGTH
"""Working time with micro-stops over that without."""
MICRO_CV = MICRO_LENGTH * math.sqrt(MICRO_SHARE * (1 + 0.3**2))
"""Standard deviation of the micro-stops of a lot over its mean time: a compound Poisson law's."""
COVERAGE = (0.82, 0.97)
LEAST_SKILL, LARGEST_ERROR = 0.25, 0.02
LEAST_ORIGINS = 40


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    tell_setting(
        seeds=options.seeds, origins=options.origins, replications=options.replications,
        draws=options.draws, parameters="true" if options.exact else "calibrated",
    )  # fmt: skip
    effort = Effort(options.replications, options.draws, seed=1)
    found = []
    for seed in range(options.first, options.first + options.seeds):
        case = truth_case(seed, options.weeks)
        found.append(backtested(case, options.origins, effort, is_exact=options.exact))
        tell(what="plant", seed=seed, **_figures(_pooled(found[-1:], *GROUPS[0])))
    tell(what="summary", **summary(found))
    return 0


def backtested(case: TruthCase, origins: int, effort: Effort, *, is_exact: bool) -> Backtest:
    """A week forecast from each of some origins of one plant."""
    clean = diagnose(case.log, case.nominal, case.until).clean
    prepare = exactly(case) if is_exact else described(case.log, case.nominal, case.orders)
    return backtest(
        clean, case.nominal, case.until, prepare,
        origins_of(case.begin, case.until, "week", origins), ["week"], effort,
    )  # fmt: skip


def exactly(case: TruthCase) -> Prepare:
    """Footings with the true parameters."""
    plant = with_micro_stops(case)
    return described(case.log, case.nominal, case.orders, lambda log, origin: (plant, None))


def with_micro_stops(case: TruthCase) -> Plant:
    """The true plant with its hidden micro-stops in the working time, where the log has them."""
    units = []
    for unit in case.truth.work_units:
        rows = [
            row.model_copy(
                update={
                    "time": {key: time * STRETCH for key, time in row.time.items()},
                    "cv": float(np.hypot(row.cv, MICRO_CV) / STRETCH),
                }
            )
            for row in unit.processing
        ]
        units.append(unit.model_copy(update={"processing": rows}))
    return case.truth.model_copy(update={"work_units": units})


def summary(found: Sequence[Backtest]) -> dict[str, object]:
    """The bar of the weekly throughput per product, and every other figure beside it."""
    whole = _pooled(found, *GROUPS[0])
    origins = sum(len(b.origins) for b in found)
    is_met = (
        origins >= LEAST_ORIGINS
        and COVERAGE[0] <= whole.coverage[0.9] <= COVERAGE[1]
        and whole.skill >= LEAST_SKILL
        and abs(whole.mean_error) <= LARGEST_ERROR
    )
    groups = {f"{kind} {figure}": _figures(_pooled(found, kind, figure)) for kind, figure in GROUPS}
    return {
        **_figures(whole), "origins": origins, "plants": len(found), "is_met": is_met,
        "groups": groups,
    }  # fmt: skip


def _pooled(found: Sequence[Backtest], kind: str, figure: str) -> Score:
    """One score over all plants; each figure of each plant is one of its own."""
    figures: list[list[Verified]] = []
    for each in found:
        for key in each.groups("week").get((kind, figure), []):
            figures.append([check.verified for check in each.of(key, "week")])
    return score(figures, seed=1)


def _figures(found: Score) -> dict[str, object]:
    return {
        "n": found.n,
        "coverage_90": rounded(found.coverage[0.9]),
        "coverage_50": rounded(found.coverage[0.5]),
        "width_90": rounded(found.width[0.9]),
        "crps_skill": rounded(found.skill),
        "crps_skill_spread": rounded(found.skill_spread),
        "naive": found.best_naive,
        "mean_error": rounded(found.mean_error),
        "pit": found.pit_verdict,
        "ks_p": rounded(found.ks_p),
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    reader.add_argument("--seeds", type=int, default=20, help="plants (%(default)s)")
    reader.add_argument("--first", type=int, default=0, help="first seed (%(default)s)")
    reader.add_argument("--origins", type=int, default=3, help="of each plant (%(default)s)")
    reader.add_argument("--weeks", type=int, default=8, help="of log (%(default)s)")
    reader.add_argument("--replications", type=int, default=200)
    reader.add_argument("--draws", type=int, default=20)
    reader.add_argument("--exact", action="store_true", help="take the true parameters")
    return reader.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
