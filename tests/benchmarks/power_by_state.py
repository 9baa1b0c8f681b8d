"""Power by machine state of a real shop whose meters read in whole kW.

    python tests/benchmarks/power_by_state.py company_a_*.csv

Rows say what an asset did in about one minute of every five: its status, for how many seconds,
the mean power in whole kW, pieces, and seconds in the cycle. One line for each asset and state
(kW), for each asset and product (cycle time) and for each asset (availability, inside the shifts
that its own activity shows). The summary has the check out of sample: kW from the first 70 % of the
time foretell the energy of the rest.

A reading of whole kW tells a step, not a value. ``kw`` is the mean reading, which is what the meter
will show again; the true mean may lie elsewhere, most of all below one kW. ``likeliest_kw`` is that
of the normal or gamma law under which the readings are likeliest. The interval holds both, each
over days drawn again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, special

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.measure import report_files, rounded, tell
from twin.calibration.calendars import discover_calendar
from twin.errors import Fault, InputError
from twin.model.horizon import Array, Horizon

STATES = {0: "idle", 1: "manual", 2: "automatic", 3: "alarm"}
COLUMNS = (
    "ts", "asset", "items", "status", "status_time", "power_avg", "cycle_time", "alarm", "product",
)  # fmt: skip
README = "see the README of the set"
ZONE = "Europe/Rome"
FIT_SHARE = 0.7
"""Of the time, from whose readings power is fitted before the rest is foretold."""
REPEATS = 120
BLOCK = pd.Timedelta(days=1)
"""Readings of so long err together."""
AS_GOOD = 3.0
"""Log likelihood by which a law may be worse and still count."""
ONE_STEP = 0.99
"""Share of the readings in one step from which they tell nothing but the step."""
LEAST = 20
"""Readings from which a power is told."""
ROW = 60.0
"""Usual seconds of a row."""


@dataclass(frozen=True)
class Power:
    """Mean power of a state [kW] with its 95 % interval."""

    kw: float
    """Mean of the readings as they are."""
    low: float
    high: float
    n: int
    likeliest: float
    """Mean of the power behind them."""


def read(path: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows in the order of time, and how many were set aside for which reason."""
    if not path.is_file():
        raise InputError(str(path), [Fault("", "no such file", "give the path of a CSV file")])
    rows = pd.read_csv(path)
    missing = [c for c in COLUMNS if c not in rows.columns]
    if missing:
        raise InputError(str(path), [Fault("", f"lacks columns {', '.join(missing)}", README)])
    rows["ts"] = pd.to_datetime(rows["ts"], utc=True)
    rows = rows.sort_values(["asset", "ts"], kind="stable", ignore_index=True)
    faults = {
        "twice": rows.duplicated(),
        "no value": rows[list(COLUMNS)].isna().any(axis=1),
        "impossible": (rows["power_avg"] < 0) | ~rows["status_time"].between(0, ROW),
        "unknown status": ~rows["status"].isin(STATES),
        # Such rows count the pieces and the power of two windows and the seconds of none.
        "pieces without a cycle": (rows["items"] > 0) & (rows["cycle_time"] == 0),
    }
    aside, bad = {}, pd.Series(False, index=rows.index)
    for reason, mask in faults.items():
        if count := int((mask & ~bad).sum()):
            aside[reason] = count
        bad |= mask
    kept = rows[~bad & (rows["status_time"] > 0)].reset_index(drop=True)
    if not len(kept):
        raise InputError(str(path), [Fault("", "no row is left after checking", README)])
    return kept, aside


def power_of(rows: pd.DataFrame, seed: int) -> Power:
    """Power of one asset in one state from its readings, weighed by the seconds they stand for."""
    weight = rows["status_time"].to_numpy(float) / ROW
    reading = rows["power_avg"].to_numpy(float)
    block = pd.factorize(rows["ts"].dt.floor(BLOCK))[0]
    steps = np.arange(int(reading.max()) + 1)
    counts = np.zeros((int(block.max()) + 1, len(steps)))
    np.add.at(counts, (block, reading.astype(int)), weight)
    best, others = latent_means(counts.sum(axis=0))
    rng = np.random.default_rng([seed, len(rows)])
    means, behind = [], []
    for _ in range(REPEATS):
        drawn = counts[rng.integers(0, len(counts), len(counts))].sum(axis=0)
        if drawn.sum() > 0:
            means.append(float(drawn @ steps / drawn.sum()))
            behind.append(latent_means(drawn)[0])
    low, high = np.quantile([means, behind], [0.025, 0.975], axis=1)
    mean = float(weight @ reading / weight.sum())
    total = counts.sum(axis=0)
    if total.max() > ONE_STEP * total.sum():  # the power may lie anywhere in that step
        step = float(np.argmax(total))
        others = [*others, max(step - 0.5, 0.0), step + 0.5]
    bounds = [*low.tolist(), *high.tolist(), *others]
    return Power(mean, min(bounds), max(bounds), len(rows), best)


def latent_means(counts: Array) -> tuple[float, list[float]]:
    """Mean behind counts of readings 0, 1, 2, ...: of the best law, and of all that are as good."""
    found = []
    steps = np.arange(len(counts))
    mean = float(counts @ steps / counts.sum())
    spread = float(np.sqrt(counts @ (steps - mean) ** 2 / counts.sum()))
    start = np.log([max(mean, 0.1), max(spread, 0.2)])
    for law in ("normal", "gamma"):
        fit = optimize.minimize(
            _loss, start, args=(law, counts), method="Nelder-Mead",
            options={"xatol": 1e-3, "fatol": 1e-3, "maxiter": 400},
        )  # fmt: skip
        found.append((-float(fit.fun), float(np.exp(fit.x[0]))))
    top = max(loglik for loglik, _ in found)
    best = next(value for loglik, value in found if loglik == top)
    return best, [value for loglik, value in found if loglik >= top - AS_GOOD]


def _loss(logs: Array, law: str, counts: Array) -> float:
    mean, spread = np.exp(np.clip(logs, -6, 6))
    edges = np.append(np.arange(len(counts)) - 0.5, np.inf)
    if law == "normal":
        below = special.ndtr((edges - mean) / spread)
    else:
        below = special.gammainc((mean / spread) ** 2, np.maximum(edges, 0) * mean / spread**2)
    below[0] = 0.0
    share = np.maximum(np.diff(below), 1e-12)
    # The faintest prior holds a spread that one step alone does not tell.
    return -float(counts @ np.log(share)) + 0.5 * float((logs[1] - np.log(0.3)) / 1.0) ** 2


def cycle_times(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Seconds in the cycle a piece, of each product, with a bootstrap over hours."""
    made = rows[(rows["status"] == 2) & (rows["cycle_time"] > 0)]
    for product, mine in made.groupby("product"):
        hours = mine.groupby(mine["ts"].dt.floor("h"))[["cycle_time", "items"]].sum()
        seconds, pieces = hours["cycle_time"].to_numpy(float), hours["items"].to_numpy(float)
        if pieces.sum() < LEAST:
            continue
        rng = np.random.default_rng([5, len(mine)])
        drawn = rng.integers(0, len(hours), (REPEATS, len(hours)))
        made_again = np.maximum(pieces[drawn].sum(axis=1), 1.0)
        low, high = np.quantile(seconds[drawn].sum(axis=1) / made_again, [0.025, 0.975])
        yield {
            "product": int(product), "seconds_per_piece": rounded(seconds.sum() / pieces.sum()),
            "low": rounded(float(low)), "high": rounded(float(high)), "pieces": int(pieces.sum()),
        }  # fmt: skip


def availability(rows: pd.DataFrame) -> dict[str, object]:
    """Share of the observed time in automatic, over all of it and inside the shifts found."""
    automatic = rows["status"] == 2
    busy = rows[automatic & (rows["cycle_time"] > 0)]
    facts: dict[str, object] = {
        "of_observed_time": rounded(_share(automatic, rows["status_time"])),
        "alarm_share": rounded(_share(rows["status"] == 3, rows["status_time"])),
    }
    if len(busy) < LEAST:
        return facts
    stays = [(t.to_pydatetime(), (t + pd.Timedelta(minutes=5)).to_pydatetime()) for t in busy["ts"]]
    calendar = discover_calendar(stays, ZONE, id="found", may_pause=False).calendar
    begin = rows["ts"].iloc[0].floor("D")
    minutes = (rows["ts"] - begin).dt.total_seconds().to_numpy() / 60
    horizon = Horizon(begin.to_pydatetime(), int(minutes[-1] // 15 + 2) * 15, ZONE)
    opening = calendar.open_time(horizon)
    inside = np.array([opening.is_open(float(m)) for m in minutes])
    facts["availability"] = rounded(_share(automatic[inside], rows["status_time"][inside]))
    facts["shifts"] = {str(day): windows for day, windows in calendar.weekly.items()}
    facts["open_hours"] = rounded(float((opening.ends - opening.starts).sum() / 60))
    return facts


def _share(mask: pd.Series, seconds: pd.Series) -> float:
    total = float(seconds.sum())
    return float(seconds[mask].sum()) / total if total else 0.0


def foretold(rows: pd.DataFrame) -> dict[str, object]:
    """Energy of the last part of an asset's time by the kW of the first.

    A state in cycle draws more than the same state between cycles, so each has its own power where
    it was seen often enough; how much of the time was spent in which is taken as it was.
    """
    rows = rows.assign(kwh=rows["power_avg"] * rows["status_time"] / 3600)
    begin, end = rows["ts"].iloc[0], rows["ts"].iloc[-1]
    cut = begin + (end - begin) * FIT_SHARE
    early, late = rows[rows["ts"] < cut], rows[rows["ts"] >= cut]
    expected, metered, unseen = 0.0, 0.0, 0
    for (state, cycles), mine in late.groupby(["status", late["cycle_time"] > 0]):
        known = early[early["status"] == state]
        alike = known[(known["cycle_time"] > 0) == cycles]
        known = alike if len(alike) >= LEAST else known
        if len(known) < LEAST:
            unseen += len(mine)
            continue
        expected += _kw(known) * float(mine["status_time"].sum()) / 3600
        metered += float(mine["kwh"].sum())
    without = _kw(early) * float(late["status_time"].sum()) / 3600
    total = float(late["kwh"].sum())
    return {
        "metered_kwh": rounded(metered), "expected_kwh": rounded(expected),
        "error": rounded(expected / metered - 1) if metered else None,
        "error_without_states": rounded(without / total - 1) if total else None,
        "rows_in_states_unseen": unseen,
    }  # fmt: skip


def _kw(rows: pd.DataFrame) -> float:
    return float(rows["kwh"].sum() / rows["status_time"].sum() * 3600)


def report(path: Path) -> None:
    """Print what one file tells."""
    rows, aside = read(path)
    checks = {}
    for asset, mine in rows.groupby("asset"):
        for state, part in mine.groupby("status"):
            if len(part) < LEAST:
                continue
            p = power_of(part, int(state))
            tell(
                what="power", asset=int(asset), state=STATES[int(state)], kw=rounded(p.kw),
                low=rounded(p.low), high=rounded(p.high), n=p.n, likeliest_kw=rounded(p.likeliest),
            )  # fmt: skip
        for facts in cycle_times(mine):
            tell(what="cycle time", asset=int(asset), **facts)
        tell(what="availability", asset=int(asset), **availability(mine))
        checks[str(asset)] = foretold(mine)
    metered = sum(float(str(c["metered_kwh"])) for c in checks.values())
    expected = sum(float(str(c["expected_kwh"])) for c in checks.values())
    tell(
        what="summary", file=path.name, rows=len(rows), set_aside=aside,
        begin=rows["ts"].min().isoformat(), end=rows["ts"].max().isoformat(),
        fit_share=FIT_SHARE, energy_error=rounded(expected / metered - 1) if metered else None,
        out_of_sample=checks,
    )  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    return report_files(report, __doc__, words)


if __name__ == "__main__":
    sys.exit(main())
