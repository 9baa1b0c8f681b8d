"""How well the weeks after a real job shop's log are forecast, given the orders released.

    python -m tests.benchmarks.backtest_job_shop TRAIN.csv [TEST.csv] [--split 2012-02-16]

TRAIN is a log of reports (see twin/connectors/job_shop.py), TEST the same shop's next one. With one
file its last two weeks are the test. Everything is fitted to reports before the origin; of the time
after it only this is given: which orders are still open, and which are first reported when, with
how many pieces. Prints JSON lines; the last one is the summary. Each whole week after the origin is
forecast at once, so the last is several weeks ahead.

Two ways are tried: the twin as the nightly job discovers it, and the combination of
job_shop_forecast.py, which weighs the twin among others; the summary is of the combination.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, isfinite
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scenarios.backtest import Effort, Prepare, experiment_of
from scenarios.backtest_discovered import discovered
from scenarios.settings import ReplanConfig, load_config
from tests.benchmarks.job_shop_cells import (
    WEEK,
    Cells,
    activities_of,
    reported,
    simulated,
)
from tests.benchmarks.job_shop_forecast import (
    Forecast,
    Measure,
    Orders,
    forecast,
    given_at,
    naive,
)
from tests.benchmarks.measure import rounded, tell, tell_setting
from twin.accounting.scoring import Score, Verified, score
from twin.calibration.reports import WorkReport, work_reports
from twin.connectors import job_shop
from twin.errors import NoriaError, UnfitData
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.simulation.simulate import simulate

CONFIG = Path(__file__).resolve().parents[2] / "scenarios" / "library" / "job_shop.yaml"
DAY = timedelta(days=1)
TEST_WEEKS = 2
"""Of a single file."""
TWIN_DRAWS = 12
LEAST_WEEKS = 5
"""Of log before the origin: the combination needs a few weeks to learn from."""


@dataclass(frozen=True)
class Shop:
    """The log, and where it is cut."""

    log: EventLog
    reports: list[WorkReport]
    """Of all of it, to compare with."""
    known: list[WorkReport]
    """Those before the origin, as they looked then."""
    begin: datetime
    origin: datetime
    weeks: int
    activities: list[str]

    @property
    def at(self) -> float:
        """The origin in weeks since the beginning."""
        return (self.origin - self.begin) / WEEK


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    config = load_config(CONFIG)
    try:
        shop = read_shop(options.train, options.test, options.split, config)
    except NoriaError as error:
        print(f"backtest_job_shop: {error}", file=sys.stderr)
        return error.exit_code
    tell_setting(
        origin=shop.origin.isoformat(), weeks=shop.weeks, activities=shop.activities,
        reports=len(shop.known), orders_released_after=_released(shop),
    )  # fmt: skip
    summary: dict[str, object] = {}
    for measure in ("hours", "operations"):
        found, twin = run(shop, config, measure, options.seed)
        summary |= scored(shop, found, twin, measure)
    tell(what="summary", **summary)
    return 0


def read_shop(
    train: Path, test: Path | None, split: datetime | None, config: ReplanConfig
) -> Shop:  # fmt: skip
    """Read one log or two, and cut.

    Raises
    ------
    InputError, UnfitData
        For files that cannot be read, and for too short a past or future.
    """
    zone = config.mes.timezone
    log = job_shop.read_log(train, zone)
    cut = split or _next_midnight(log)
    if test is not None:
        job_shop.read_log(test, zone)  # names its own lines where it has faults
        log = _both(train, test, zone)
    elif split is None:
        cut -= TEST_WEEKS * WEEK
    same = config.discover.same if config.discover else {}
    reports = work_reports(log, _next_midnight(log), same)
    begin = reports[0].start.to_pydatetime().replace(hour=0, minute=0)  # type: ignore[attr-defined]
    weeks = int((_next_midnight(log) - cut) / WEEK + 1e-9)
    if weeks < 1 or (cut - begin) / WEEK < LEAST_WEEKS:
        raise UnfitData(
            f"{train}: {(cut - begin) / DAY:.0f} days before {cut:%Y-%m-%d} and {weeks} whole "
            f"weeks after it; {LEAST_WEEKS * 7} days and 1 week are needed; give a longer log"
        )
    known = work_reports(log, cut, same)
    return Shop(log, reports, known, begin, cut, weeks, activities_of(known))


def _next_midnight(log: EventLog) -> datetime:
    last: datetime = log.table["time"].max().to_pydatetime()
    midnight = datetime(last.year, last.month, last.day, tzinfo=UTC)
    return midnight + ceil((last - midnight) / DAY) * DAY


def _both(train: Path, test: Path, zone: str) -> EventLog:
    """Both files as one log; the columns of the second may stand in another order."""
    rows: list[Mapping[str, str]] = []
    for path in (train, test):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows += csv.DictReader(file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(rows)
        return job_shop.read_log(path, zone)


def _released(shop: Shop) -> int:
    orders = Orders.of(shop.reports, shop.activities, shop.begin, "operations")
    return len(given_at(orders, shop.at, shop.at + shop.weeks).released)


def run(
    shop: Shop, config: ReplanConfig, measure: Measure, seed: int
) -> tuple[Forecast, Array]:  # fmt: skip
    """The combined forecast of every activity and week, and the twin's own."""
    everything = Orders.of(shop.reports, shop.activities, shop.begin, measure)
    known = Orders.of(shop.known, shop.activities, shop.begin, measure)
    given = given_at(everything, shop.at, shop.at + shop.weeks)
    twin = Twin(shop, config, measure)
    raw = twin(shop.at, shop.weeks)
    return forecast(known, given, shop.at, shop.weeks, twin, seed), raw


@dataclass(frozen=True)
class Twin:
    """The discovered twin, simulated from an origin in the past or from the last one."""

    shop: Shop
    config: ReplanConfig
    measure: Measure

    def __call__(self, at: float, weeks: int) -> Array:
        """(A, W) mean over plants whose new orders take drawn routes."""
        shop = self.shop
        origin = shop.begin + at * WEEK
        is_last = abs(at - shop.at) < 1e-9
        prepare: Prepare = discovered(
            shop.log if is_last else shop.log.until(shop.origin), self.config
        )
        footing = prepare(origin, origin + weeks * WEEK)
        assert footing.draws is not None
        cells = []
        for standing in footing.draws(TWIN_DRAWS):
            e = experiment_of(standing, 7 * weeks, Effort(seed=self.config.seed))
            log = simulate(e.plant, e.orders, state=e.state, seed=e.seed)
            names = {o.id: o.name or o.id for o in standing.plant.operations}
            cells.append(simulated(log, names, shop.activities, origin, weeks))
        return _of(cells, self.measure)


def _of(cells: Sequence[Cells], measure: Measure) -> Array:
    mean: Array = np.mean([getattr(c, measure) for c in cells], axis=0)
    return mean


def scored(shop: Shop, found: Forecast, twin: Array, measure: Measure) -> dict[str, object]:
    """Tell every week and activity, and give the summary of one measure."""
    cells = reported(shop.reports, shop.activities, shop.origin, shop.weeks)
    actual: Array = getattr(cells, measure)
    known = Orders.of(shop.known, shop.activities, shop.begin, measure)
    rules = naive(known, shop.at, shop.weeks)
    past = known.amounts(shop.at - int(shop.at + 1e-9), int(shop.at + 1e-9))
    whole = _cases(
        found.samples.sum(axis=1), actual.sum(axis=0),
        {k: v.sum(axis=0) for k, v in rules.items()}, past.sum(axis=0),
    )  # fmt: skip
    each = [
        _cases(found.samples[:, a], actual[a], {k: v[a] for k, v in rules.items()}, past[a])
        for a in range(len(shop.activities))
    ]
    _tell(shop, found, measure, actual, rules)
    total, cell, both = score([whole]), score(each), score([whole, *each])
    ways = {name: _mape(part, actual) for name, part in found.parts.items()}
    ways["twin as discovered"] = _mape(twin, actual)
    figures = _figures(total, cell, both)
    if measure == "operations":
        return {f"operations_{name}": value for name, value in figures.items()}
    return {
        **figures, "spread": [*map(rounded, found.spread), rounded(found.spread_of_sum)],
        "weights": {k: rounded(v, 3) for k, v in found.weights.items()},
        "mape_of_each_way": ways, "weeks": shop.weeks, "cells": cell.n,
    }  # fmt: skip


def _cases(
    samples: Array, actual: Array, rules: Mapping[str, Array], past: Array
) -> list[Verified]:  # fmt: skip
    """One forecast a week."""
    return [
        Verified(samples[:, w], float(actual[w]), {k: float(v[w]) for k, v in rules.items()}, past)
        for w in range(samples.shape[1])
    ]


def _figures(total: Score, cell: Score, both: Score) -> dict[str, object]:
    """The shop's weekly sum, each activity's, and the coverage of both together."""
    return {
        "mape": _plain(total.mape),
        "coverage_90": _plain(both.coverage[0.9]),
        "width_90": _plain(total.width[0.9]),
        "crps_skill": _plain(total.skill),
        "error_skill": _plain(total.error_skill),
        "mean_error": _plain(total.mean_error),
        "naive": total.best_naive,
        "crps_skill_spread": _plain(total.skill_spread),
        "coverage_90_total": _plain(total.coverage[0.9]),
        "by_activity": {
            "wape": _plain(cell.wape),
            "coverage_90": _plain(cell.coverage[0.9]),
            "width_90": _plain(cell.width[0.9]),
            "crps_skill": _plain(cell.skill),
            "error_skill": _plain(cell.error_skill),
            "crps_skill_spread": _plain(cell.skill_spread),
        },
    }


def _tell(
    shop: Shop, found: Forecast, measure: Measure, actual: Array, rules: Mapping[str, Array]
) -> None:  # fmt: skip
    for w in range(shop.weeks):
        sums = found.samples[:, :, w].sum(axis=1)
        tell(
            what="week", measure=measure, from_=str((shop.origin + w * WEEK).date()),
            actual=rounded(float(actual[:, w].sum())), forecast=rounded(float(sums.mean())),
            low_90=rounded(float(np.quantile(sums, 0.05))),
            high_90=rounded(float(np.quantile(sums, 0.95))),
            ways={k: rounded(float(v[:, w].sum())) for k, v in found.parts.items()},
            activities={
                name: [rounded(float(actual[a, w]), 3),
                       rounded(float(found.samples[:, a, w].mean()), 3)]
                for a, name in enumerate(shop.activities)
            },
        )  # fmt: skip


def _mape(part: Array, actual: Array) -> float | None:
    sums, truth = part.sum(axis=0), actual.sum(axis=0)
    return _plain(float(np.mean(np.abs(sums - truth) / truth)))


def _plain(value: float) -> float | None:
    return rounded(value) if isfinite(value) else None


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    reader.add_argument("train", type=Path, help="log (CSV)")
    reader.add_argument("test", type=Path, nargs="?", help="the same shop's next log (CSV)")
    reader.add_argument("--split", type=_date, help="cut here (ISO date)")
    reader.add_argument("--seed", type=int, default=1)
    return reader.parse_args(arguments)


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
