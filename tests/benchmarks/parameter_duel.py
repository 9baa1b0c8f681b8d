"""Does the duel of parameters let the right ones in and keep the wrong ones out?

    .venv/bin/python -m tests.benchmarks.parameter_duel [--seeds 20] [--weeks 4]

On the plant of :mod:`known_truth`, with a champion fitted to the log up to a cut-off T:

* *as good*: a night after T nothing has changed. The challenger should not lose.
* *wrong*: the same, but the challenger's processing times are 20 % too long. It should lose.
* *drift*: from T on the bottleneck is slower by one standard deviation (about 10 %). A week later
  the challenger should be accepted, and be nearer to the truth there than the champion and than
  a fit to the whole window.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scenarios.duel import DAY, Duel, duel
from scenarios.parameter_store import Champion
from scenarios.settings import MesSource, ReplanConfig, SeriesSource
from scenarios.updating import challenge, duel_days
from tests.benchmarks.drift_detection import SHIFT, gone_on, orders, slower
from tests.benchmarks.known_truth import TruthCase, truth_case
from tests.benchmarks.measure import rounded, tell
from tests.slow_plants import slowed
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.estimates import Calibration
from twin.calibration.replay import shop_state
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import Plant

UNIT = "MILL-1"
WRONG = 1.2


def config_at(case: TruthCase) -> ReplanConfig:
    """The defaults of a nightly job; nothing is read."""
    nothing = Path("none")
    return ReplanConfig(
        plant=nothing, mes=MesSource(path=nothing), orders=nothing, tariff=nothing,
        carbon=SeriesSource(path=nothing, value_column="c"), cut_off=case.until,
    )  # fmt: skip


def fought(
    log: EventLog, pair: tuple[Plant, Plant], book: OrderBook, until: datetime, count: int,
    unseen: int,
) -> Duel:  # fmt: skip
    """The duel of the last days of a log."""
    days = [until - n * DAY for n in range(count, 0, -1)]
    found = duel(log, pair, book, days, unseen, seed=1, progress=lambda *step: None)
    assert found is not None
    return found


def of_seed(seed: int, weeks: int) -> Iterator[dict[str, object]]:
    case = truth_case(seed, weeks)
    at, plan = case.until, case.nominal
    yesterday = at - DAY
    champion = calibrated(plan, calibrate(case.log.until(yesterday), plan, yesterday))
    early = at - 7 * DAY
    stand_in = calibrated(plan, calibrate(case.log.until(early), plan, early))
    for name, other in (("as good", stand_in), ("wrong", slowed(stand_in, WRONG))):
        found = fought(case.log, (champion, other), case.orders, at, 7, 1)
        yield told(seed, name, found)
    yield drift(case, seed)


def drift(case: TruthCase, seed: int) -> dict[str, object]:
    """A week with the bottleneck slower."""
    finished = set(case.log.of_kind("complete")["order"])
    left = OrderBook(tuple(o for o in case.orders if o.id not in finished))
    state = shop_state(case.log, case.truth, left, case.until)
    coming = orders(case, 7, seed)
    changed = slower(case.truth, UNIT, SHIFT)
    after = gone_on(case, changed, state, OrderBook((*left, *coming)), 7, seed + 3000)
    log = EventLog(pd.concat([case.log.table, after.table], ignore_index=True))
    until = case.until + timedelta(days=7)
    old = calibrate(case.log, case.nominal, case.until)
    config = config_at(case)
    champion = Champion(case.until, "", old)
    new = challenge(config, log, case.nominal, champion, until)
    count = duel_days(config, log, new.changes, until)
    then = challenge(config, log, case.nominal, champion, until - count * DAY)
    pair = calibrated(case.nominal, old), calibrated(case.nominal, then.calibration)
    book = OrderBook((*case.orders, *coming))
    found = fought(log, pair, book, until, count, count)
    whole = calibrate(log, case.nominal, until)
    errors = {
        name: rounded(far(each, changed))
        for name, each in (
            ("champion", old),
            ("challenger", new.calibration),
            ("whole_window", whole),
        )
    }
    lasting = any(d.work_unit == UNIT for d in new.changes)
    return told(seed, "drift", found) | {"days": count, "lasting_alarm": lasting, "error": errors}


def far(found: Calibration, truth: Plant) -> float:
    """Mean relative error of the drifted unit's times of the four main products."""
    times = truth.unit(UNIT).processing[0].time
    rows = [
        abs(e.value / times[e.key.partition("/")[2]] - 1)
        for e in found.of("processing_time", UNIT)
        if e.key.partition("/")[2] in ("A1", "A2", "B1", "B2")
    ]
    return float(np.mean(rows))


def told(seed: int, name: str, found: Duel) -> dict[str, object]:
    return {
        "what": name, "seed": seed, "ratio": rounded(found.ratio), "low": rounded(found.low),
        "lost": found.is_lost, "won": found.is_won, "lost_without_allowance": found.low > 1,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=4)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for seed in range(options.seeds):
        for row in of_seed(seed, options.weeks):
            tell(**row)
            rows.append(row)
    summary: dict[str, object] = {}
    for name in ("as good", "wrong", "drift"):
        table = pd.DataFrame([row for row in rows if row["what"] == name])
        summary[name] = {
            "ratio_median": rounded(float(table["ratio"].median())),
            "lost": rounded(float(table["lost"].mean()), 3),
            "won": rounded(float(table["won"].mean()), 3),
            "lost_without_allowance": rounded(float(table["lost_without_allowance"].mean()), 3),
        }
    drifted = [errors_of(row) for row in rows if row["what"] == "drift"]
    names = ("champion", "challenger", "whole_window")
    errors = {n: rounded(float(np.median([row[n] for row in drifted]))) for n in names}
    lasting = float(np.mean([bool(row["lasting_alarm"]) for row in rows if "lasting_alarm" in row]))
    tell(
        what="summary", seeds=options.seeds, weeks=options.weeks, **summary,
        lasting_alarm=rounded(lasting, 3), median_error_of_the_drifted_unit=errors,
    )  # fmt: skip


def errors_of(row: dict[str, object]) -> dict[str, float]:
    found = row["error"]
    assert isinstance(found, dict)
    return found


if __name__ == "__main__":
    main()
