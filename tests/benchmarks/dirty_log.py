"""What dirt in a log costs: parameters found in a dirty log against those found in the clean one.

    .venv/bin/python -m tests.benchmarks.dirty_log [--seeds 20] [--weeks 8]

The plant of :mod:`known_truth`; the dirty log has two percent of its rows twice, one percent of its
ends missing, one percent of its rows out of order, and one unit whose clock runs an hour ahead for
two days. Each log is diagnosed and what is left is calibrated. Errors are relative to the truth;
the 90th percentile is over seeds, units and keys, and its ratio, dirty over clean, is what the dirt
costs after the diagnosis. One line for each seed says what the diagnosis found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import (
    BEGIN,
    JUMP,
    MICRO_SHARE,
    PRODUCTS,
    UNITS,
    TruthCase,
    truth_case,
)
from tests.benchmarks.known_truth import MICRO_LENGTH as LENGTH
from tests.benchmarks.measure import rounded, tell
from twin.calibration.calibrate import calibrate
from twin.calibration.diagnosis import Diagnosis, diagnose
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.power import FIELDS
from twin.calibration.robust import sigma_of
from twin.calibration.setups import ARROW
from twin.model.plant import WorkUnit

BAR = 1.3
"""Dirty over clean that passes."""
LEAST_SETUPS = 3
QUANTITIES = ("location", "sigma", "mtbf", "repair", "setup", "scrap", "kw")
Errors = dict[str, list[float]]


def errors_of(case: TruthCase, found: Diagnosis) -> Errors:
    """Relative error of every estimate whose truth is known, by quantity."""
    errors: Errors = {name: [] for name in QUANTITIES}
    for e in calibrate(found.clean, case.nominal, case.until).estimates:
        if e.work_unit in UNITS:
            for name, value, truth in _compared(e, case.truth.unit(e.work_unit)):
                errors[name].append(value / truth - 1)
    return errors


def _compared(e: ParameterEstimate, unit: WorkUnit) -> Iterator[tuple[str, float, float]]:
    """Quantity, value and truth."""
    row = unit.processing[0]
    if e.quantity == "processing_time":
        sigma = e.parameters.get("sigma", 0.0)
        plain = e.parameters.get("median", e.value) * float(np.exp(sigma**2 / 2))
        yield "location", plain, row.time[e.key.partition("/")[2]]
        if sigma:
            yield "sigma", sigma, sigma_of(row.cv)
    elif e.quantity in ("time_to_failure", "time_to_repair"):
        mode = next(m for m in unit.failure_modes if m.id == e.key)
        if e.quantity == "time_to_failure" and mode.time_to_failure is not None:
            # The log calls a micro-stop working: its clock runs so much longer.
            yield "mtbf", e.value, mode.time_to_failure.mean * (1 + MICRO_SHARE * LENGTH)
        elif e.quantity == "time_to_repair":
            yield "repair", e.value, mode.time_to_repair.mean
    elif e.quantity == "setup_time" and unit.setup is not None and e.n >= LEAST_SETUPS:
        before, _, after = e.key.partition(ARROW)
        if before in PRODUCTS and after in PRODUCTS:
            yield "setup", e.value, unit.setup.time_between(before, after)
    elif e.quantity == "scrap":
        yield "scrap", e.value, unit.scrap[e.key]
    elif e.quantity == "power_kw" and (truth := unit.power_kw.of(FIELDS[e.key][0])) > 0:
        yield "kw", e.value, truth


def what_was_found(case: TruthCase, found: Diagnosis, seed: int) -> dict[str, object]:
    """The jump that was put in, and what the diagnosis made of it."""
    rng = np.random.default_rng([seed, 5])
    unit = sorted(UNITS)[int(rng.integers(len(UNITS)))]
    length = (case.until - BEGIN) - pd.Timedelta(days=4)
    since = pd.Timestamp(BEGIN + pd.Timedelta(days=1) + float(rng.random()) * length)
    right = [
        jump for jump in found.clock_jumps
        if jump.work_unit == unit and abs(jump.begin - (since + JUMP)) < pd.Timedelta(hours=12)
        and abs(jump.minutes - JUMP.total_seconds() / 60) < 0.5
    ]  # fmt: skip
    return {
        "jumped": unit,
        "found": bool(right),
        "taken_out": any(jump.is_certain for jump in right),
        "rows": sum(jump.rows for jump in right),
        "signs": max((len(jump.signs) for jump in right), default=0),
        "false_jumps": len(found.clock_jumps) - len(right),
        "set_aside": found.set_aside,
        "adjusted": found.adjusted,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="none are read; the logs are simulated")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=8)
    words = parser.parse_args()
    clean: Errors = {name: [] for name in QUANTITIES}
    dirty: Errors = {name: [] for name in QUANTITIES}
    taken_out = false_jumps = false_on_clean = 0
    for seed in range(words.seeds):
        for sums, is_dirty in ((clean, False), (dirty, True)):
            case = truth_case(seed, words.weeks, is_dirty=is_dirty)
            found = diagnose(case.log, case.nominal, case.until)
            for name, errors in errors_of(case, found).items():
                sums[name] += errors
            if is_dirty:
                facts = what_was_found(case, found, seed)
                tell(what="dirty log", seed=seed, **facts)
                taken_out += bool(facts["taken_out"])
                false_jumps += len(found.clock_jumps) - bool(facts["found"])
            else:
                false_on_clean += len(found.clock_jumps) + len(found.clock_shifts)
    ratios = {}
    for name in QUANTITIES:
        p90 = [float(np.quantile(np.abs(sums[name]), 0.9)) for sums in (clean, dirty)]
        ratios[name] = rounded(p90[1] / p90[0], 3)
        tell(
            what="p90 of errors", quantity=name, clean=rounded(p90[0]), dirty=rounded(p90[1]),
            ratio=ratios[name], n=[len(clean[name]), len(dirty[name])], passes=ratios[name] <= BAR,
        )  # fmt: skip
    tell(
        what="summary", seeds=words.seeds, weeks=words.weeks, bar=BAR, ratios=ratios,
        passes=all(r <= BAR for r in ratios.values()), jumps_taken_out=f"{taken_out}/{words.seeds}",
        false_jumps=false_jumps, false_clocks_on_clean=false_on_clean,
    )  # fmt: skip


if __name__ == "__main__":
    main()
