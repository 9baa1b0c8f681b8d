"""Power by state from quarter-hourly meters of a plant whose power is known.

    python -m tests.benchmarks.power_recovery [--seeds N] [--weeks N]

Each plant is metered in several ways: as it is (two percent of noise), read in whole kW, by a clock
that is minutes late, as a counter that resets, and with readings missing. One line for each way,
then the summary over all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import truth_case
from tests.benchmarks.measure import rounded, tell
from twin.calibration.activity import minutes_since, read_activity
from twin.calibration.power import FIELDS, estimate_power
from twin.model.horizon import Array

Readings = tuple[Array, Array]
"""Minutes and kWh."""
Meter = Callable[[Array, Array, np.random.Generator], Readings]


@dataclass
class Tally:
    """Relative errors and hits of the intervals over seeds, units and states."""

    errors: list[float] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    by_state: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, state: str, truth: float, value: float, low: float, high: float) -> None:
        self.errors.append(abs(value / truth - 1))
        self.hits.append(low <= truth <= high)
        self.widths.append((high - low) / truth)
        self.by_state.setdefault(state, []).append(self.hits[-1])

    def facts(self) -> dict[str, object]:
        return {
            "n": len(self.errors),
            "median_error": rounded(float(np.median(self.errors))),
            "p90_error": rounded(float(np.quantile(self.errors, 0.9))),
            "coverage": rounded(float(np.mean(self.hits))),
            "median_width": rounded(float(np.median(self.widths))),
            "coverage_by_state": {
                state: rounded(float(np.mean(hits))) for state, hits in self.by_state.items()
            },
        }


def as_it_is(minutes: Array, kwh: Array, rng: np.random.Generator) -> Readings:
    return minutes, kwh


def whole_kw(minutes: Array, kwh: Array, rng: np.random.Generator) -> Readings:
    return minutes, np.round(kwh * 4) / 4


def late_clock(minutes: Array, kwh: Array, rng: np.random.Generator) -> Readings:
    return minutes + rng.uniform(-12, 12), kwh


def counter(minutes: Array, kwh: Array, rng: np.random.Generator) -> Readings:
    """To tenths of a kWh, set to zero three times."""
    position = np.cumsum(kwh)
    for at in np.sort(rng.integers(1, len(kwh), 3)):
        position[at:] -= position[at]
    return minutes, np.round(1000 * (rng.random() < 0.5) + position, 1)


def missing(minutes: Array, kwh: Array, rng: np.random.Generator) -> Readings:
    kept = rng.random(len(kwh)) > 0.05
    return minutes[kept], kwh[kept]


METERS: dict[str, Meter] = {
    "as it is": as_it_is, "whole kW": whole_kw, "late clock": late_clock, "counter": counter,
    "missing": missing,
}  # fmt: skip


def recovered(seed: int, weeks: int) -> Iterator[tuple[str, str, float, float, float, float]]:
    """Meter, state, true power, estimate and its interval, for every unit and state of a plant."""
    case = truth_case(seed, weeks)
    activity = read_activity(case.log, case.nominal, case.until)
    meters = dict(iter(activity.log.of_kind("meter").groupby("work_unit")))
    for unit in case.nominal.work_units:
        true = case.truth.unit(unit.id).power_kw
        rows = meters[unit.id]
        minutes = minutes_since(activity.begin, rows["time"])
        for name, meter in METERS.items():
            rng = np.random.default_rng([seed, len(name)])
            read = meter(minutes, rows["quantity"].to_numpy(float), rng)
            for e in estimate_power(unit, activity.units[unit.id], *read):
                truth = true.of(FIELDS[e.key][0])
                if truth > 0:
                    yield name, e.key, truth, e.value, e.low, e.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=4)
    words = parser.parse_args()
    tallies = {name: Tally() for name in METERS}
    for seed in range(words.seeds):
        for meter, *row in recovered(seed, words.weeks):
            tallies[meter].add(*row)
    for name, tally in tallies.items():
        tell(what=name, **tally.facts())
    every = Tally()
    for tally in tallies.values():
        every.errors += tally.errors
        every.hits += tally.hits
        every.widths += tally.widths
    clean = tallies["as it is"].facts()
    tell(
        what="summary", seeds=words.seeds, weeks=words.weeks, p90_error=clean["p90_error"],
        coverage=clean["coverage"], all_meters=every.facts(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
