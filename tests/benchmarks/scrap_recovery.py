"""How well calibration gives back known scrap shares, and the shares of jobs that branch off.

    .venv/bin/python -m tests.benchmarks.scrap_recovery [--seeds 20]

* *scrap, drawn*: lots of 100 pieces of which each lot's share varies with a coefficient of
  variation of 0, 0.5 or 1 (a worn tool spoils a whole lot), up to 1,000, 10,000 and 100,000 units;
* *scrap, plant*: eight weeks of the plant of :mod:`known_truth`, by unit and product;
* *routing*: 30, 300 and 3,000 jobs that go on, back, or to scrap, the last so seldom that it may
  never be seen.

``floor`` is the error of scrapped over all, which no method beats without knowing more.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import truth_case
from tests.benchmarks.measure import rounded, tell
from twin.calibration.activity import read_activity
from twin.calibration.routing import branch_shares
from twin.calibration.scrap import lots_share, scrap_estimates

LOT = 100
REPEATS = 20
"""Draws for each seed, so that shares of coverage are sure to a percent."""
SHARES = {"next": 0.9, "back": 0.08, "scrap": 0.02}


@dataclass
class Errors:
    """What was found against what is true, gathered over the seeds."""

    errors: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """The figures of one JSON line."""
        return {
            "p90": rounded(float(np.quantile(np.abs(self.errors), 0.9))),
            "floor_p90": rounded(float(np.quantile(np.abs(self.floor), 0.9))),
            "coverage": rounded(float(np.mean(self.held)), 3),
            "intervals": len(self.held),
        }


def drawn(seeds: int, units: int, variation: float) -> Errors:
    """Scrap of lots that share their fate more or less."""
    found = Errors()
    for seed in range(seeds):
        rng = np.random.default_rng([seed, units, round(10 * variation)])
        for _ in range(REPEATS):
            truth = 0.02 * float(np.exp(rng.normal(0, 0.4)))
            shares = np.full(units // LOT, truth)
            if variation > 0:
                shape = 1 / variation**2
                shares = np.minimum(rng.gamma(shape, truth / shape, units // LOT), 1.0)
            scrapped = rng.binomial(LOT, shares).astype(float)
            value, low, high = lots_share(np.full(units // LOT, float(LOT)), scrapped, 0.02)
            found.errors.append(value / truth - 1)
            found.floor.append(scrapped.sum() / units / truth - 1)
            found.held.append(low <= truth <= high)
    return found


def plant(seeds: int) -> dict[str, Errors]:
    """Scrap by unit and product: of those with 10,000 pieces and more, and of the rest."""
    found = {"10,000 units and more": Errors(), "fewer": Errors()}
    for seed in range(seeds):
        case = truth_case(seed)
        activity = read_activity(case.log, case.nominal, case.until)
        lots = activity.lots.groupby(["work_unit", "product"])[["scrap", "pieces"]].sum()
        for e in scrap_estimates(activity):
            truth = case.truth.unit(e.work_unit).scrap[e.key]
            errors = found["10,000 units and more" if e.n >= 10_000 else "fewer"]
            scrapped, pieces = lots.loc[[(e.work_unit, e.key)]].to_numpy(float)[0]
            errors.errors.append(e.value / truth - 1)
            errors.floor.append(scrapped / pieces / truth - 1)
            errors.held.append(e.low <= truth <= e.high)
    return found


def routing(seeds: int, jobs: int) -> dict[str, Errors]:
    """Shares of each way on after an operation."""
    found = {name: Errors() for name in SHARES}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, jobs, 13])
        for _ in range(REPEATS):
            counts = rng.multinomial(jobs, list(SHARES.values()))
            shares = branch_shares(dict(zip(SHARES, map(float, counts), strict=True)))
            for (name, truth), n in zip(SHARES.items(), counts, strict=True):
                value, low, high = shares[name]
                found[name].errors.append(value / truth - 1)
                found[name].floor.append(n / jobs / truth - 1)
                found[name].held.append(low <= truth <= high)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    rows = []
    for units in (1_000, 10_000, 100_000):
        for variation in (0.0, 0.5, 1.0):
            told = drawn(seeds, units, variation).told()
            rows.append({"what": "scrap, drawn", "units": units, "lot_variation": variation} | told)
    for kind, errors in plant(seeds).items():
        rows.append({"what": "scrap, plant", "units": kind} | errors.told())
    for jobs in (30, 300, 3_000):
        for name, errors in routing(seeds, jobs).items():
            rows.append({"what": "routing", "jobs": jobs, "to": name} | errors.told())
    for row in rows:
        tell(seeds=seeds, **row)
    table = pd.DataFrame(rows)
    coverage = {
        str(what): [float(group["coverage"].min()), float(group["coverage"].max())]
        for what, group in table.groupby("what", sort=False)
    }
    at = {str(r["lot_variation"]): r["p90"] for r in rows if r.get("units") == 10_000}
    tell(
        what="summary", seeds=seeds, scrap_p90_at_10000_units_by_lot_variation=at,
        scrap_p90_plant=next(r["p90"] for r in rows if r["what"] == "scrap, plant"),
        coverage_range=coverage,
    )  # fmt: skip


if __name__ == "__main__":
    main()
