"""True lives against calibrated ones: error, bias and coverage, beside the exact likelihood.

    .venv/bin/python -m tests.benchmarks.lifetime_recovery [--seeds N] [--weeks N]

Three ways, each over many seeds:

* direct: Weibull lives drawn and censored at an age, 60–80 % of them, or first seen at an age;
* line: the log of ``known_truth.py``, through ``calibrate``; its working minutes hide micro-stops,
  which the twin's clock contains, so the true lives are told on that clock;
* machine: the log of one machine with modes on the clocks operating, calendar and count, preventive
  tasks that cut most lives short, and one that repairs leave as bad as old, through ``calibrate``.

The *oracle* is the maximum likelihood of the same lives with their true ages at entry and the true
family, without any nominal law. The engineers' nominal lives are off by about 15 to 30 %.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.known_truth import (
    BEGIN,
    MICRO_LENGTH,
    MICRO_SHARE,
    TruthCase,
    truth_case,
)
from tests.benchmarks.measure import rounded, tell, tell_setting
from twin.calibration.activity import read_activity
from twin.calibration.calibrate import calibrate
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.failures import mode_history
from twin.calibration.life_posterior import Evidence, posteriors
from twin.calibration.lifetimes import Lives, fit_weibull, mean_interval
from twin.calibration.mode_lives import ModeHistory
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.laws import Weibull
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

HIDDEN = 1 + MICRO_SHARE * MICRO_LENGTH
"""Working minutes of the log for each true one."""
FEWEST = 50
"""Renewals from which a mode counts in the summary."""


@dataclass(frozen=True)
class Recovered:
    """One mode: what is true, what came out, and what the exact likelihood would have said."""

    group: str
    shape: float
    mean: float
    found: tuple[float, float, float]
    """Mean life and its interval."""
    scale: float
    lives: Lives

    @property
    def true_scale(self) -> float:
        return self.mean / math.gamma(1 + 1 / self.shape)


def main(arguments: list[str] | None = None) -> None:
    """Tell each group of modes, then all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="none are read; the logs are simulated")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=8, help="length of the line's log")
    chosen = parser.parse_args(arguments)
    tell_setting(seeds=chosen.seeds, weeks=chosen.weeks)
    groups: dict[str, list[Recovered]] = defaultdict(list)
    for seed in range(chosen.seeds):
        for found in (_direct(seed), _line(seed, chosen.weeks), _machine(seed)):
            for one in found:
                groups[one.group].append(one)
    for group, rows in groups.items():
        tell(what="group", group=group, **_facts(rows))
    enough = [r for rows in groups.values() for r in rows if len(r.lives.ages) >= FEWEST]
    heavy = [r for r in enough if 0.6 <= r.lives.censored / len(r.lives.ages) <= 0.8]
    worst = {g: _facts(rows)["coverage"] for g, rows in groups.items()}
    tell(what="summary", **_facts(enough), heavily_censored=_facts(heavy), coverage_by_group=worst)


def _facts(rows: list[Recovered]) -> dict[str, Any]:
    """Errors of ours and of the oracle, 90 % points; bias; coverage."""
    ratio = np.array([r.found[0] / r.mean for r in rows])
    scale = np.array([r.scale / r.true_scale for r in rows])
    oracles = [fit_weibull(r.lives) for r in rows]
    oracle = np.array([o.mean / r.mean for o, r in zip(oracles, rows, strict=True)])
    oracle_scale = np.array(
        [o.parameters["scale"] / r.true_scale for o, r in zip(oracles, rows, strict=True)]
    )
    naive = np.array([_naive(r.lives) / r.mean for r in rows])
    inside = [r.found[1] <= r.mean <= r.found[2] for r in rows]
    intervals = [mean_interval(r.lives, o) for o, r in zip(oracles, rows, strict=True)]
    covered = [low <= r.mean <= high for (low, high), r in zip(intervals, rows, strict=True)]

    def p90(x: Any) -> float:
        return float(np.quantile(np.abs(x - 1), 0.9))

    return {
        "modes": len(rows),
        "renewals": rounded(float(np.mean([len(r.lives.ages) for r in rows]))),
        "censored": rounded(float(np.mean([r.lives.censored / len(r.lives.ages) for r in rows]))),
        "mtbf_p90": rounded(p90(ratio)),
        "oracle_mtbf_p90": rounded(p90(oracle)),
        "mtbf_ratio": rounded(p90(ratio) / p90(oracle)),
        "scale_p90": rounded(p90(scale)),
        "oracle_scale_p90": rounded(p90(oracle_scale)),
        "scale_ratio": rounded(p90(scale) / p90(oracle_scale)),
        "mtbf_bias": rounded(float(ratio.mean() - 1)),
        "oracle_bias": rounded(float(oracle.mean() - 1)),
        "naive_bias": rounded(float(naive.mean() - 1)),
        "coverage": rounded(float(np.mean(inside))),
        "oracle_coverage": rounded(float(np.mean(covered))),
    }


def _naive(lives: Lives) -> float:
    """Mean of the lives that ended in failure."""
    return float(lives.failed @ (lives.ages - lives.entry)) / max(lives.failures, 1.0)


def _direct(seed: int) -> Iterator[Recovered]:
    """Eight modes of one plant, each with its own luck and its own error of the engineers."""
    rng = np.random.default_rng([seed, 11])
    rows: list[tuple[str, Lives, Weibull]] = []
    evidence = []
    for number in range(8):
        law = Weibull(shape=float(np.exp(rng.uniform(0.2, 1.0))), scale=1000.0)
        share = float(rng.uniform(0.6, 0.8))
        group, lives = ("direct, cut short", _cut_short(rng, law, share, 80))
        if number >= 6:
            group, lives = ("direct, seen late", _seen_late(rng, law, 80))
        off = np.exp(rng.normal(0.0, [0.25, 0.2]))
        history = ModeHistory(
            lives, Lives(np.zeros(0), np.zeros(0)), lives.ages[lives.failed > 0],
            float(lives.ages.sum()), math.inf,
        )  # fmt: skip
        evidence.append(Evidence(history, law.mean * off[0], law.shape * off[1]))
        rows.append((group, lives, law))
    for (group, lives, law), found in zip(rows, posteriors(evidence), strict=True):
        values = (found.mean, found.low, found.high)
        yield Recovered(group, law.shape, law.mean, values, found.scale, lives)


def _cut_short(rng: np.random.Generator, law: Weibull, share: float, n: int) -> Lives:
    """Lives censored around the age that the share outlives."""
    limit = law.scale * (-math.log(share)) ** (1 / law.shape)
    ages, limits = law.scale * rng.weibull(law.shape, n), limit * rng.uniform(0.9, 1.1, n)
    failed = ages <= limits
    failed[int(np.argmin(ages / limits))] = True
    return Lives(np.minimum(ages, limits), failed.astype(float))


def _seen_late(rng: np.random.Generator, law: Weibull, n: int) -> Lives:
    """Survivors of an age at which observation began, some of them cut short later."""
    ages = law.scale * rng.weibull(law.shape, 20 * n)
    entry = law.scale * rng.uniform(0.0, 0.8, 20 * n)
    limit = entry + law.scale * rng.uniform(0.3, 1.2, 20 * n)
    seen = np.flatnonzero(ages > entry)[:n]
    failed = ages[seen] <= limit[seen]
    return Lives(np.minimum(ages, limit)[seen], failed.astype(float), entry=entry[seen])


def _line(seed: int, weeks: int) -> Iterator[Recovered]:
    """Modes of the known line whose log gives at least :data:`FEWEST` lives."""
    case = truth_case(seed, weeks)
    for unit, key, mean, shape, estimate, history in _through_calibrate(case):
        kind = "serviced" if case.truth.unit(unit).maintenance and key == "spindle" else "free"
        lives = history.all_lives
        if len(lives.ages) >= FEWEST:
            yield _recovered(f"line, {kind}", mean * HIDDEN, shape, estimate, lives)


def _through_calibrate(
    case: TruthCase,
) -> Iterator[tuple[str, str, float, float, ParameterEstimate, ModeHistory]]:
    calibration = calibrate(case.log, case.nominal, case.until)
    activity = read_activity(case.log, case.nominal, case.until)
    ended = activity.log.of_kind("end")
    minutes = (ended["time"] - activity.begin).dt.total_seconds().to_numpy(dtype=float) / 60
    for unit, mode, states in activity.observed_modes():
        true = next(m for m in case.truth.unit(unit.id).failure_modes if m.id == mode.id).life
        estimate = calibration.find("time_to_failure", unit.id, mode.id)
        assert isinstance(true, Weibull)
        assert estimate is not None
        ends = minutes[(ended["work_unit"] == unit.id).to_numpy()]
        history = mode_history(unit, mode, states, ends)
        yield unit.id, mode.id, true.mean, true.shape, estimate, history


def _recovered(
    group: str, mean: float, shape: float, estimate: ParameterEstimate, lives: Lives
) -> Recovered:
    found = (estimate.value, estimate.low, estimate.high)
    # An exponential is a Weibull of shape 1; other families are judged by the scale of their mean.
    own = estimate.parameters.get("shape", 1.0) if estimate.law == "weibull" else shape
    scale = estimate.value / math.gamma(1 + 1 / own)
    return Recovered(group, shape, mean, found, scale, lives)


def _machine(seed: int) -> Iterator[Recovered]:
    """One machine with a mode on each clock."""
    case = _machine_case(seed)
    for _, key, mean, shape, estimate, history in _through_calibrate(case):
        yield _recovered(f"machine, {key}", mean, shape, estimate, history.all_lives)


def _machine_case(seed: int, weeks: int = 8) -> TruthCase:
    rng = np.random.default_rng([seed, 12])
    nominal = _machine_plant(None)
    truth = _machine_plant(rng)
    horizon = Horizon(BEGIN, weeks * 7 * 1440, "UTC")
    count = horizon.minutes // 200
    orders = OrderBook(
        tuple(
            WorkOrder(f"O{i:04d}", "P", 14, BEGIN + timedelta(minutes=200 * i),
                      BEGIN + timedelta(minutes=200 * i + 1440))
            for i in range(int(count))
        )
    )  # fmt: skip
    compiled = compile_plant(truth, horizon)
    log = simulate(compiled, orders, state=ShopState(BEGIN), seed=seed).until(horizon.end)
    return TruthCase(truth, nominal, log, BEGIN, horizon.end, orders, {})


def _machine_plant(rng: np.random.Generator | None) -> Plant:
    def law(shape: float, scale: float) -> dict[str, Any]:
        if rng is not None:
            shape, scale = shape * np.exp(rng.normal(0, 0.15)), scale * np.exp(rng.normal(0, 0.25))
        return {"law": "weibull", "shape": float(shape), "scale": float(scale)}

    repair = {"law": "lognormal", "median": 20, "sigma": 0.5}
    modes = [
        {"id": "operating", "time_to_failure": law(2.0, 1200), "time_to_repair": repair},
        {"id": "calendar", "clock": "calendar", "time_to_failure": law(1.5, 1100),
         "time_to_repair": repair},
        {"id": "count", "clock": "count", "time_to_failure": law(2.2, 130),
         "time_to_repair": repair},
        {"id": "as bad as old", "repair_effect": "old", "time_to_failure": law(1.7, 900),
         "time_to_repair": repair},
    ]  # fmt: skip
    tasks = [("oil", "operating", 650, ["operating"]), ("knife", "count", 75, ["count"]),
             ("overhaul", "operating", 4000, ["as bad as old"])]  # fmt: skip
    return Plant.model_validate(
        {
            "id": "machine",
            "timezone": "UTC",
            "areas": [{"id": "shop"}],
            "calendars": [{"id": "always", "weekly": {
                day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
            }}],
            "crews": [{"id": "C", "size": 3, "calendar": "always"}],
            "operations": [{"id": "cut"}],
            "routes": [{"id": "r", "operations": ["cut"]}],
            "products": [{"id": "P", "family": "p", "route": "r", "lot_size": 1}],
            "work_units": [{
                "id": "M", "area": "shop", "calendar": "always",
                "processing": [{"operation": "cut", "basis": "piece", "cv": 0.2,
                                "time": {"P": 10}}],
                "power_kw": {"off": 0, "standby": 1, "working": 5},
                "failure_modes": modes,
                "maintenance": [
                    {"id": id, "interval": interval, "due_by": due, "tolerance": 60,
                     "duration": 10, "crew": "C", "renews": renews}
                    for id, due, interval, renews in tasks
                ],
            }],
        }
    )  # fmt: skip


if __name__ == "__main__":
    main()
