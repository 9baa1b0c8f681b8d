"""How well calibration gives back known cycle times: exact stamps, whole seconds, whole minutes.

    .venv/bin/python -m tests.benchmarks.cycle_time_recovery [--seeds 20]

Three kinds of log of eight weeks each, with blocked, starved and failing stretches and with stops
of which the log says nothing in 4 % of the lots:

* *cycles*: one unit that makes one product, 1,000 cycles and more;
* *short cycles*: 30 s each, a hidden stop takes 60 s; stamps of a hundredth of a second;
* *plant*: the plant of :mod:`known_truth`, four units and six products, few lots of some.

Each is read with its own stamps, and (but for the short cycles, which are read in whole seconds)
with stamps cut to the minute. Errors are relative to the truth; p90 over seeds, units and products.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import BEGIN, MICRO_SHARE, MIX, PRODUCTS, truth_case
from tests.benchmarks.measure import rounded, tell
from twin.calibration.activity import Activity, read_activity
from twin.calibration.cycle_times import cycle_time_estimates
from twin.calibration.robust import sigma_of
from twin.model.events import EventLog
from twin.model.plant import Plant

WEEKS = 8
REPEATS = {"cycles": 4, "short cycles": 4, "plant": 1}
"""Logs of each seed: one unit alone says little about how often intervals hold."""
MANY = 300
"""Lots of a product from which its own errors count; those of fewer are told apart."""
PAUSES = ("blocked", "standby", "down")


@dataclass
class Errors:
    """What was found against what is true, gathered over the seeds."""

    location: list[float] = field(default_factory=list)
    location_of_few: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    micro: list[float] = field(default_factory=list)
    missed: int = 0
    """Units whose stops were not noticed."""
    held: dict[str, list[bool]] = field(default_factory=dict)
    p_values: list[float] = field(default_factory=list)
    lots: list[int] = field(default_factory=list)

    def hold(self, quantity: str, low: float, truth: float, high: float) -> None:
        self.held.setdefault(quantity, []).append(low <= truth <= high)

    def told(self) -> dict[str, object]:
        """The figures of one JSON line."""
        return {
            "lots": [min(self.lots), max(self.lots)],
            "location_p90": _p90(self.location),
            "location_p90_of_few": _p90(self.location_of_few),
            "sigma_p90": _p90(self.sigma),
            "micro_share_p90": _p90(self.micro),
            "micro_missed": self.missed,
            "naive_mean_p90": _p90(self.naive),
            "coverage": {
                name: rounded(float(np.mean(held)), 3) for name, held in self.held.items()
            },
            "intervals": {name: len(held) for name, held in self.held.items()},
            "fit_rejected_at_5_percent": rounded(float(np.mean(np.array(self.p_values) < 0.05)), 3),
        }


def _p90(errors: list[float]) -> float | None:
    return rounded(float(np.quantile(np.abs(errors), 0.9))) if errors else None


def cycles(seed: int, minutes: float, stop: float) -> tuple[Plant, EventLog, float]:
    """One unit, one product; the truth of it, its log and the true share of lots with a stop.

    Parameters
    ----------
    minutes, stop
        Mean of a cycle and of a hidden stop.
    """
    rng = np.random.default_rng([seed, round(100 * minutes)])
    cv = 0.1 * float(np.exp(rng.normal(0, 0.2)))
    mean = minutes * float(np.exp(rng.normal(0, 0.2)))
    n = int(rng.integers(1000, 4000))
    sigma = sigma_of(cv)
    plain = mean * np.exp(rng.normal(-(sigma**2) / 2, sigma, n))
    hidden = np.where(rng.random(n) < MICRO_SHARE, stop * np.exp(rng.normal(-0.045, 0.3, n)), 0.0)
    rows: list[dict[str, Any]] = []
    t = 0.0
    work = {"work_unit": "U", "order": "O", "operation": "op", "product": "P"}
    for number, length in enumerate(plain + hidden):
        rows.append({**work, "event": "start", "time": t, "lot": str(number)})
        rows.append({**work, "event": "state", "time": t, "state": "working"})
        if rng.random() < 0.1:
            t += length * float(rng.random())
            rows.append({"work_unit": "U", "event": "state", "time": t, "state": "down"})
            length -= t - rows[-2]["time"]
            t += float(rng.exponential(2 * mean))
            rows.append({**work, "event": "state", "time": t, "state": "working"})
        t += length
        rows.append({**work, "event": "end", "time": t, "lot": str(number), "quantity": 1})
        if rng.random() < 0.2:
            state = str(rng.choice(PAUSES))
            rows.append({"work_unit": "U", "event": "state", "time": t, "state": state})
            t += float(rng.exponential(mean))
    for row in rows:
        row["time"] = BEGIN + timedelta(minutes=row["time"])
    return _lone_unit(mean, cv), EventLog.of(rows), MICRO_SHARE


def _lone_unit(mean: float, cv: float) -> Plant:
    processing = {"operation": "op", "basis": "piece", "time": {"P": mean}, "cv": cv}
    return Plant.model_validate(
        {
            "id": "lone",
            "timezone": "UTC",
            "areas": [{"id": "shop"}],
            "operations": [{"id": "op"}],
            "routes": [{"id": "r", "operations": ["op"]}],
            "products": [{"id": "P", "family": "P", "route": "r", "lot_size": 1}],
            "work_units": [{"id": "U", "area": "shop", "processing": [processing]}],
        }
    )


def gather(errors: Errors, truth: Plant, activity: Activity, share: dict[str, float]) -> None:
    """Add one log's errors."""
    estimates = list(cycle_time_estimates(activity))
    lots = activity.lots
    seen = lots[lots["pieces"] > 0].groupby(["work_unit", "product"])[["working", "pieces"]].sum()
    stopped = {e.work_unit for e in estimates if e.quantity == "micro_stop"}
    errors.missed += sum(unit not in stopped for unit in share)
    for e in estimates:
        row = truth.unit(e.work_unit).processing[0]
        if e.quantity == "processing_time":
            product = e.key.partition("/")[2]
            true = row.time[product]
            working, pieces = seen.loc[[(e.work_unit, product)]].to_numpy(float)[0]
            errors.lots.append(e.n)
            (errors.location if e.n >= MANY else errors.location_of_few).append(e.value / true - 1)
            errors.naive.append(working / pieces / true - 1)
            errors.hold("processing_time", e.low, true, e.high)
        elif e.quantity == "processing_cv":
            errors.sigma.append(sigma_of(e.value) / sigma_of(row.cv) - 1)
            errors.hold("processing_cv", e.low, row.cv, e.high)
            if e.p_value is not None:
                errors.p_values.append(e.p_value)
        elif e.quantity == "micro_stop":
            errors.micro.append(e.value / share[e.work_unit] - 1)
            errors.hold("micro_stop", e.low, share[e.work_unit], e.high)


def logs_of(kind: str, seed: int) -> Iterator[tuple[str, Plant, EventLog, dict[str, float]]]:
    """The truth and the log of one seed, with each kind of stamps."""
    if kind == "plant":
        case = truth_case(seed, WEEKS)
        truth, log = case.truth, case.log
        share = {u.id: _share(truth, case.log, u.id) for u in truth.work_units}
    else:
        truth, log, one = cycles(seed, *((0.5, 1.0) if kind == "short cycles" else (10.0, 20.0)))
        share = {"U": one}
    for stamps, grid in (("exact", None), _COARSE[kind]):
        table = log.table
        cut = table if grid is None else table.assign(time=table["time"].dt.floor(grid))
        yield stamps, truth, EventLog(cut), share


_COARSE = {
    "cycles": ("whole minutes", "1min"),
    "short cycles": ("whole seconds", "1s"),
    "plant": ("whole minutes", "1min"),
}


def _share(truth: Plant, log: EventLog, unit: str) -> float:
    """True share of the lots with at least one stop: these come at a rate of working time."""
    ends = log.of_kind("end")
    counts = ends[ends["work_unit"] == unit]["product"].value_counts()
    times = truth.unit(unit).processing[0].time
    lot = {p.id: times[p.id] * p.lot_size for p in truth.products}
    mean = sum(share * lot[p] for p, share in zip(PRODUCTS, MIX, strict=True))
    chance = [-math.expm1(-MICRO_SHARE * lot[str(p)] / mean) for p in counts.index]
    return float(np.average(chance, weights=counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    summary: dict[str, object] = {}
    held: dict[str, list[bool]] = {}
    for kind in _COARSE:
        found: dict[str, Errors] = {}
        for seed in range(seeds * REPEATS[kind]):
            for stamps, truth, log, share in logs_of(kind, seed):
                until = log.table["time"].max().to_pydatetime() + timedelta(minutes=1)
                activity = read_activity(log, truth, until)
                gather(found.setdefault(stamps, Errors()), truth, activity, share)
        for stamps, errors in found.items():
            told = errors.told()
            for quantity, inside in errors.held.items():
                held.setdefault(quantity, []).extend(inside)
            tell(what="cycle times", log=kind, stamps=stamps, seeds=seeds, **told)
            summary[f"{kind}, {stamps}"] = {
                name: told[name]
                for name in ("location_p90", "sigma_p90", "naive_mean_p90", "coverage")
            }
    coverage = {name: rounded(float(np.mean(inside)), 3) for name, inside in held.items()}
    tell(what="summary", seeds=seeds, coverage=coverage, **summary)


if __name__ == "__main__":
    main()
