"""How soon a slower work unit is noticed, and how often one that is not.

    .venv/bin/python -m tests.benchmarks.drift_detection [--seeds 20] [--weeks 8]

The plant of :mod:`known_truth` with its micro-stops is calibrated on eight weeks of its log. Then
it goes on from where it stood:

* unchanged for four weeks: every alarm is a false one;
* unchanged for a day, and from then on one unit's cycle times are longer by one standard deviation
  of their own: the delay is counted in lots of that unit until the alarm. Each unit in turn.

The alarms are those of :func:`twin.calibration.drift.cusum`, against the calibrated laws.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import known_truth
from tests.benchmarks.known_truth import TruthCase, truth_case
from tests.benchmarks.measure import rounded, tell
from twin.calibration.activity import read_activity
from twin.calibration.calibrate import calibrate
from twin.calibration.drift import cusum, series
from twin.calibration.estimates import Calibration
from twin.calibration.replay import shop_state
from twin.calibration.robust import sigma_of
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

QUIET_DAYS = 28
BEFORE_DAYS, AFTER_DAYS = 1, 5
LUCKS = 3
"""Drifts of each unit of each seed."""
WITHIN = 20
EACH = 900
SHIFT = 1.0
"""Of the drift [standard deviations]."""


def gone_on(
    case: TruthCase, plant: Plant, state: ShopState, book: OrderBook, days: int, seed: int
) -> EventLog:
    """What happens from a state on; micro-stops are hidden as in :mod:`known_truth`."""
    content = plant.model_dump(mode="json")
    stuttering = Plant.model_validate(known_truth._with_micro_stops(content, case.micro_minutes))
    horizon = Horizon(state.at, days * 1440, plant.timezone)
    compiled = compile_plant(stuttering, horizon)
    log = simulate(compiled, book, state=state, seed=seed)
    return known_truth._without_micro_stops(log.until(horizon.end))


def slower(plant: Plant, unit: str, deviations: float) -> Plant:
    """The plant with one unit's cycle times longer by deviations of their logarithm."""
    units = []
    for u in plant.work_units:
        if u.id == unit:
            rows = []
            for row in u.processing:
                factor = float(np.exp(deviations * sigma_of(row.cv)))
                longer = {key: time * factor for key, time in row.time.items()}
                rows.append(row.model_copy(update={"time": longer}))
            u = u.model_copy(update={"processing": rows})
        units.append(u)
    return plant.model_copy(update={"work_units": units})


def alarms(
    log: EventLog, plant: Plant, found: Calibration, unit: str, until: datetime
) -> tuple[list[tuple[int, str]], np.ndarray]:
    """Alarms of a unit, each by the number of its lot, and when every lot started."""
    activity = read_activity(log, plant, until)
    row = plant.unit(unit).processing[0]
    seen = series(activity, found, unit, row, activity.begin)
    begin = activity.begin
    starts = np.array([begin + timedelta(minutes=m) for m in seen.starts.tolist()])
    return [(a.last, a.direction) for a in cusum(seen.z, seen.usual_strays)], starts


def orders(case: TruthCase, days: int, seed: int) -> OrderBook:
    """New ones, named so that none is one of the eight weeks'."""
    rng = np.random.default_rng([seed, 11])
    horizon = Horizon(case.until, days * 1440, case.truth.timezone)
    since = case.until - known_truth.BEGIN
    return OrderBook(
        tuple(
            replace(
                o, id=f"N{o.id}", release_date=o.release_date + since, due_date=o.due_date + since
            )
            for o in known_truth._orders(rng, horizon)
        )
    )


def of_seed(seed: int, weeks: int) -> Iterator[dict[str, object]]:
    """False alarms of every unit, then the delay of each unit's drift."""
    case = truth_case(seed, weeks)
    found = calibrate(case.log, case.nominal, case.until)
    finished = set(case.log.of_kind("complete")["order"])
    left = OrderBook(tuple(o for o in case.orders if o.id not in finished))
    state = shop_state(case.log, case.truth, left, case.until)
    book = OrderBook((*left, *orders(case, QUIET_DAYS, seed)))
    until = case.until + timedelta(days=QUIET_DAYS)
    quiet = gone_on(case, case.truth, state, book, QUIET_DAYS, seed + 1000)
    for unit in case.truth.work_units:
        told, starts = alarms(quiet, case.nominal, found, unit.id, until)
        yield {
            "what": "no drift", "seed": seed, "unit": unit.id, "lots": len(starts),
            "alarms": len(told),
        }  # fmt: skip
    onset = case.until + timedelta(days=BEFORE_DAYS)
    before = quiet.until(onset)
    open_orders = OrderBook(
        tuple(o for o in book if o.id not in set(before.of_kind("complete")["order"]))
    )
    then = shop_state(before, case.truth, open_orders, onset)
    for unit in case.truth.work_units:
        drifted = slower(case.truth, unit.id, SHIFT)
        for luck in range(LUCKS):
            after = gone_on(
                case, drifted, then, open_orders, AFTER_DAYS, 2000 + LUCKS * seed + luck
            )
            log = EventLog(pd.concat([before.table, after.table], ignore_index=True))
            end = onset + timedelta(days=AFTER_DAYS)
            told, starts = alarms(log, case.nominal, found, unit.id, end)
            first = int((starts < onset).sum())
            late = [
                at - first + 1 for at, direction in told if at >= first and direction == "slower"
            ]
            yield {
                "what": "drift", "seed": seed, "unit": unit.id, "luck": luck,
                "lots_after": len(starts) - first, "delay": late[0] if late else None,
            }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=8, help="that the calibration has seen")
    options = parser.parse_args()
    lots = false = 0
    delays: list[float] = []
    by_unit: dict[str, list[int]] = {}
    for seed in range(options.seeds):
        for row in of_seed(seed, options.weeks):
            tell(**row)
            if row["what"] == "no drift":
                lots += int(str(row["lots"]))
                false += int(str(row["alarms"]))
                sums = by_unit.setdefault(str(row["unit"]), [0, 0])
                sums[0] += int(str(row["lots"]))
                sums[1] += int(str(row["alarms"]))
            else:
                delays.append(np.inf if row["delay"] is None else float(str(row["delay"])))
    told = np.array(delays)
    tell(
        what="summary",
        seeds=options.seeds,
        weeks_calibrated=options.weeks,
        drifts=len(told),
        flagged_within_20=rounded(float((told <= WITHIN).mean()), 3),
        delay_median=float(np.median(told)),
        delay_p90=float(np.quantile(told, 0.9, method="higher")),
        missed=int(np.isinf(told).sum()),
        quiet_lots=lots,
        false_alarms=false,
        false_alarms_per_900=rounded(EACH * false / lots, 3),
        false_alarms_per_900_by_unit={u: rounded(EACH * f / n, 3) for u, (n, f) in by_unit.items()},
    )


if __name__ == "__main__":
    main()
