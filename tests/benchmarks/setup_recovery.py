"""How well calibration gives back known setup times, pair by pair.

    .venv/bin/python -m tests.benchmarks.setup_recovery [--seeds 20]

Eight weeks of the plant of :mod:`known_truth`: four units, thirty pairs of products in two families
each, setups with a spread of 20 %, pairs that differ from their families' mean by 25 %. The same
log is read three times: with what the engineers wrote down (families' means), with *wrong* times
(drawn at random between a third and three times the truth) and with *none*. Errors are relative to
the true mean; ``oracle`` is the error of the plain mean of a pair's visits, which no method beats
by much where there are many.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import PRODUCTS, TruthCase, truth_case
from tests.benchmarks.measure import rounded, tell
from twin.calibration.activity import read_activity
from twin.calibration.setups import ARROW, setup_estimates, setups_of, with_setups
from twin.model.plant import Plant, WorkUnit

WELL_SEEN = 10
READINGS = ("as written", "wrong", "none")


@dataclass
class Errors:
    """What was found against what is true, gathered over the seeds."""

    well_seen: list[float] = field(default_factory=list)
    seldom_seen: list[float] = field(default_factory=list)
    oracle: list[float] = field(default_factory=list)
    unseen: list[float] = field(default_factory=list)
    unseen_family: list[float] = field(default_factory=list)
    """Mean prediction of the unseen pairs of two families, against the true mean of all of them."""
    held: dict[str, list[bool]] = field(default_factory=dict)

    def told(self) -> dict[str, object]:
        """The figures of one JSON line."""
        return {
            "pairs_well_seen": len(self.well_seen),
            "pairs_unseen": len(self.unseen),
            "well_seen_p90": _quantile(self.well_seen, 0.9),
            "well_seen_median": _quantile(self.well_seen, 0.5),
            "oracle_well_seen_p90": _quantile(self.oracle, 0.9),
            "seldom_seen_p90": _quantile(self.seldom_seen, 0.9),
            "unseen_median": _quantile(self.unseen, 0.5),
            "unseen_p90": _quantile(self.unseen, 0.9),
            "unseen_family_mean_median": _quantile(self.unseen_family, 0.5),
            "unseen_family_mean_p90": _quantile(self.unseen_family, 0.9),
            "coverage": {k: rounded(float(np.mean(h)), 3) for k, h in self.held.items()},
            "intervals": {k: len(h) for k, h in self.held.items()},
        }


def _quantile(errors: list[float], level: float) -> float | None:
    return rounded(float(np.quantile(np.abs(errors), level))) if errors else None


def rewritten(unit: WorkUnit, truth: WorkUnit, reading: str, rng: np.random.Generator) -> WorkUnit:
    """The unit as described, with other setup times written down."""
    assert unit.setup is not None
    assert truth.setup is not None
    if reading == "as written":
        return unit
    times: dict[str, dict[str, float]] = {}
    if reading == "wrong":
        times = {
            b: {a: t * 3.0 ** float(rng.uniform(-1, 1)) for a, t in row.items()}
            for b, row in truth.setup.times.items()
        }
    table = unit.setup.model_copy(update={"times": times, "default": 0.0})
    return unit.model_copy(update={"setup": table})


def gather(errors: Errors, plant: Plant, case: TruthCase) -> None:
    """Add the errors of one log, read with one plant."""
    activity = read_activity(case.log, plant, case.until)
    estimates = list(setup_estimates(activity))
    for unit in plant.work_units:
        true = case.truth.unit(unit.id).setup
        assert true is not None
        mine = [e for e in estimates if e.work_unit == unit.id]
        visits = setups_of(plant, unit, activity.units[unit.id])
        means = visits.groupby(["before", "after"])["minutes"].mean()
        found = with_setups(unit, mine).setup
        assert found is not None
        predicted: dict[tuple[str, str], list[float]] = {}
        real: dict[tuple[str, str], list[float]] = {}
        for e in mine:
            before, _, after = e.key.partition(ARROW)
            if e.quantity != "setup_time" or before not in PRODUCTS:
                continue
            time = true.time_between(before, after)
            error = found.time_between(before, after) / time - 1
            families = PRODUCTS[before], PRODUCTS[after]
            real.setdefault(families, []).append(time)
            kind = "well seen" if e.n >= WELL_SEEN else "seldom seen" if e.n else "unseen"
            errors.held.setdefault(kind, []).append(e.low <= time <= e.high)
            if kind == "well seen":
                errors.well_seen.append(error)
                errors.oracle.append(float(means[(before, after)]) / time - 1)
            elif kind == "seldom seen":
                errors.seldom_seen.append(error)
            else:
                errors.unseen.append(error)
                predicted.setdefault(families, []).append(e.value)
        errors.unseen_family += [
            float(np.mean(times) / np.mean(real[key])) - 1 for key, times in predicted.items()
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    found = {reading: Errors() for reading in READINGS}
    for seed in range(seeds):
        case = truth_case(seed)
        rng = np.random.default_rng([seed, 12])
        for reading, errors in found.items():
            units = [
                rewritten(u, case.truth.unit(u.id), reading, rng) for u in case.nominal.work_units
            ]
            plant = case.nominal.model_copy(update={"work_units": units})
            gather(errors, plant, case)
    summary = {}
    for reading, errors in found.items():
        told = errors.told()
        tell(what="setups", nominal=reading, seeds=seeds, **told)
        summary[reading] = {
            name: told[name]
            for name in (
                "well_seen_p90", "well_seen_median", "unseen_median", "unseen_family_mean_p90",
                "coverage",
            )
        }  # fmt: skip
    tell(what="summary", seeds=seeds, **summary)


if __name__ == "__main__":
    main()
