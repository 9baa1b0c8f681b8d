"""What one electricity meter tells of a steel works: load profile, states, peaks, and next week.

    python tests/benchmarks/steel_meter.py steel_energy_*.csv

The file has kWh a quarter of an hour. Its row of 00:00 bears the date of the day that it closes, so
that it stands last of its day. Lines: readings, profile by weekday and quarter, states (idle, low,
high: mixtures of normal laws), peaks, shifts, and the backtest: every week of the last third
forecast from the weeks before, with intervals, beside last week repeated and beside the mean of
the quarter over all weeks. The summary comes last.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.measure import report_files, rounded, tell
from twin.calibration.calendars import discover_calendar
from twin.errors import Fault, InputError
from twin.model.horizon import Array
from twin.model.shifts import WEEKDAYS

DATE, USAGE = "date", "Usage_kWh"
DAY, WEEK = 96, 672
"""Quarters of an hour."""
STATES = ("idle", "low", "high")
ROUNDS = 300
FEWEST_WEEKS = 8
"""Weeks known before the first that is forecast."""
TESTED_SHARE = 1 / 3
RECENT = 8
"""Weeks that the forecast looks back on."""
LEVELS = (0.5, 0.8, 0.9, 0.95)
ZONE = "Asia/Seoul"
Numbers = NDArray[np.int_]


@dataclass(frozen=True)
class Load:
    """kWh of (T,) quarters of an hour without a gap; NaN where there is no reading."""

    begin: datetime
    kwh: Array

    @property
    def weekday(self) -> Numbers:
        return (np.arange(len(self.kwh)) // DAY + self.begin.weekday()) % 7

    @property
    def of_week(self) -> Numbers:
        """Quarter of the week, from Monday midnight."""
        return self.weekday * DAY + np.arange(len(self.kwh)) % DAY


def read(path: Path) -> tuple[Load, dict[str, int]]:
    """The load from the first midnight to the last, and what was put right or left out."""
    if not path.is_file():
        raise InputError(str(path), [Fault("", "no such file", "give the path of a CSV file")])
    rows = pd.read_csv(path)
    if missing := [c for c in (DATE, USAGE) if c not in rows.columns]:
        raise InputError(str(path), [Fault("", f"lacks {', '.join(missing)}", "see the README")])
    ends = pd.to_datetime(rows[DATE], format="%d-%m-%Y %H:%M", errors="coerce")
    kwh = pd.to_numeric(rows[USAGE], errors="coerce").to_numpy(float)
    closes = (ends.dt.hour == 0) & (ends.dt.minute == 0) & _stands_last(ends)
    ends = ends.where(~closes, ends + pd.Timedelta(days=1))
    known = ends.notna().to_numpy() & np.isfinite(kwh) & (kwh >= 0)
    begins = (ends - pd.Timedelta(minutes=15))[known]
    on_beat = (begins.dt.minute % 15 == 0).to_numpy()
    first = begins.min().floor("D")
    place = ((begins - first).dt.total_seconds() // 900).to_numpy().astype(int)
    days = -(-(int(place.max()) + 1) // DAY)
    load = np.full(days * DAY, np.nan)
    _, once = np.unique(place[on_beat], return_index=True)
    load[place[on_beat][once]] = kwh[known][on_beat][once]
    notes = {
        "rows": len(rows), "midnights_put_after_their_day": int(closes.sum()),
        "unreadable": int((~known).sum()), "off_the_beat": int((~on_beat).sum()),
        "twice": int(on_beat.sum()) - len(once), "missing": int(np.isnan(load).sum()),
    }  # fmt: skip
    return Load(first.to_pydatetime(), load), notes


def _stands_last(ends: pd.Series) -> pd.Series:
    """Whether the row before is later on the same date: then 00:00 is the end of that day."""
    before = ends.shift(1)
    return (before.dt.normalize() == ends.dt.normalize()) & (before > ends)


def profile(load: Load) -> list[dict[str, object]]:
    """Mean, and share of the days' range, of each weekday by quarter of an hour."""
    found: list[dict[str, object]] = []
    for w, name in enumerate(WEEKDAYS):
        days = load.kwh[load.weekday == w].reshape(-1, DAY)
        mean = np.nanmean(days, axis=0)
        found.append(
            {"weekday": name, "days": len(days), "kwh_a_day": rounded(float(np.nansum(mean))),
             "peak_quarter": _clock(int(np.argmax(mean))),
             "kwh_by_quarter": [rounded(float(x), 3) for x in mean]}
        )  # fmt: skip
    return found


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def states_of(kwh: Array) -> Numbers:
    """(T,) state of each quarter: 0 idle, 1 low, 2 high.

    Idle is told from running in ln kWh, where each is one hump; running at low from running at high
    load in kWh, where they are.
    """
    logs = np.log(np.maximum(kwh, max(float(kwh[kwh > 0].min()), 1e-3)))
    runs = logs > border(logs)
    return runs.astype(int) + (runs & (kwh > border(kwh[runs])))


def border(values: Array) -> float:
    """Between the two normal laws that make up some values (Dempster et al. 1977): where a value
    is as likely of the one as of the other."""
    mean = np.quantile(values, [0.25, 0.75])
    deviation, share = np.full(2, values.std() / 2), np.full(2, 0.5)
    for _ in range(ROUNDS):
        belongs = _belongs(values, share, mean, deviation)
        weight = belongs.sum(axis=0)
        moved = belongs.T @ values / weight
        spread = np.sqrt((belongs * (values[:, None] - moved) ** 2).sum(axis=0) / weight)
        still = np.abs(moved - mean).max() < 1e-6 * np.ptp(values)
        share, mean, deviation = weight / weight.sum(), moved, np.maximum(spread, 1e-3)
        if still:
            break
    between = np.linspace(*np.sort(mean), 400)
    upper = _belongs(between, share, mean, deviation)[:, int(np.argmax(mean))]
    return float(between[np.argmin(np.abs(upper - 0.5))])


def _belongs(values: Array, share: Array, mean: Array, deviation: Array) -> Array:
    z = (values[:, None] - mean) / deviation
    density = share / deviation * np.exp(-0.5 * z**2) + 1e-300
    found: Array = density / density.sum(axis=1, keepdims=True)
    return found


def states(load: Load) -> list[dict[str, object]]:
    """Energy and time in each state, and how long a stay in it lasts."""
    kwh = load.kwh[np.isfinite(load.kwh)]
    state = states_of(kwh)
    edges = np.flatnonzero(np.diff(state)) + 1
    stays = np.diff(np.concatenate([[0], edges, [len(kwh)]]))
    of_stay = state[np.concatenate([[0], edges])]
    rows: list[dict[str, object]] = []
    for n, name in enumerate(STATES):
        mine = kwh[state == n]
        if not len(mine):
            continue
        low, high = _mean_interval(state == n, kwh)
        rows.append(
            {"state": name, "share_of_time": rounded(len(mine) / len(kwh)),
             "share_of_energy": rounded(float(mine.sum() / kwh.sum())),
             "kwh_a_quarter": rounded(float(mine.mean())), "low": rounded(low),
             "high": rounded(high), "kw": rounded(float(mine.mean()) * 4),
             "from_kwh": rounded(float(mine.min())), "to_kwh": rounded(float(mine.max())),
             "median_stay_minutes": float(np.median(stays[of_stay == n]) * 15), "n": len(mine)}
        )  # fmt: skip
    return rows


def _mean_interval(mine: NDArray[np.bool_], kwh: Array) -> tuple[float, float]:
    """95 % interval of a state's mean, from days drawn again."""
    days = -(-len(kwh) // DAY)
    day = np.arange(len(kwh)) // DAY
    total = np.bincount(day, kwh * mine, minlength=days)
    count = np.bincount(day, mine, minlength=days)
    drawn = np.random.default_rng(4).integers(0, days, (400, days))
    means = total[drawn].sum(axis=1) / np.maximum(count[drawn].sum(axis=1), 1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def peaks(load: Load) -> dict[str, object]:
    """Highest demand of the file and of its months, and when it comes."""
    months = (
        pd.period_range(load.begin, periods=len(load.kwh), freq="15min").asfreq("M").astype(str)
    )
    kw = pd.Series(load.kwh * 4)
    top = int(np.nanargmax(load.kwh))
    high = np.flatnonzero(load.kwh >= np.nanquantile(load.kwh, 0.999))
    return {
        "peak_kw": rounded(float(kw.iloc[top])),
        "at": (load.begin + timedelta(minutes=15 * top)).isoformat(sep=" "),
        "by_month_kw": {str(m): rounded(float(x)) for m, x in kw.groupby(months).max().items()},
        "mean_over_peak": rounded(float(np.nanmean(load.kwh) * 4 / kw.iloc[top])),
        "hours_of_the_highest_thousandth": sorted({int(q % DAY // 4) for q in high}),
    }


def shifts(load: Load, state: Numbers) -> dict[str, object]:
    """When the works run, from the quarters that are not idle."""
    busy = np.flatnonzero(state > 0)
    begin = load.begin.replace(tzinfo=ZoneInfo(ZONE))
    stays = [
        (begin + timedelta(minutes=15 * int(q)), begin + timedelta(minutes=15 * int(q) + 15))
        for q in busy
    ]
    found = discover_calendar(stays, ZONE, id="works", may_pause=False)
    return {
        "weekly": {str(day): windows for day, windows in found.calendar.weekly.items()},
        "dates_of_their_own": len(found.calendar.exceptions),
        "ranges_of_their_own": [f"{v.first} to {v.last}" for v in found.calendar.variants],
        "inside": rounded(found.inside),
    }


@dataclass(frozen=True)
class WeekAhead:
    """Forecast of the (672,) quarters of a week: centre, scale, and limits by level."""

    centre: Array
    scale: Array


def week_ahead(weeks: Array) -> WeekAhead:
    """The week after (W, 672) weeks: median and spread of each quarter over the recent ones.

    The quarters before and after count too, and newer weeks twice.
    """
    recent = weeks[-RECENT:]
    recent = np.vstack([recent, recent[-RECENT // 2 :]])
    near = np.vstack([np.roll(recent, shift, axis=1) for shift in (-1, 0, 0, 1)])
    low, centre, high = np.nanquantile(near, [0.2, 0.5, 0.8], axis=0)
    least = 0.05 * float(np.nanmedian(weeks))
    return WeekAhead(centre, np.maximum((high - low) / 2, np.maximum(least, 0.1 * centre)))


def backtest(load: Load) -> list[dict[str, object]]:
    """Every week of the last third, forecast at its begin.

    The limits are those that held for the weeks forecast before (split conformal prediction, Vovk
    et al. 2005): misses are measured in scales, by the hour of the day, and their quantiles carried
    over. Nothing of the week itself or after is known to its forecast.
    """
    weeks = load.kwh[len(load.kwh) % WEEK :].reshape(-1, WEEK)
    tested = max(int(len(weeks) * TESTED_SHARE), 1)
    if len(weeks) - tested < FEWEST_WEEKS:
        return []
    misses: list[Array] = []
    rows: list[dict[str, object]] = []
    for n in range(FEWEST_WEEKS // 2, len(weeks)):
        ahead = week_ahead(weeks[:n])
        actual = weeks[n]
        if n >= len(weeks) - tested:
            rows.append({"week": n, **_judged(ahead, np.array(misses), weeks[:n], actual)})
        misses.append((actual - ahead.centre) / ahead.scale)
    return rows


def _judged(ahead: WeekAhead, misses: Array, known: Array, actual: Array) -> dict[str, object]:
    seen = np.isfinite(actual)
    naive, mean = known[-1], np.nanmean(known, axis=0)
    facts: dict[str, object] = {
        "mae": _mae(ahead.centre, actual), "mae_last_week": _mae(naive, actual),
        "mae_mean_week": _mae(mean, actual), "pinball": _pinball(ahead, misses, actual),
        "kwh_error": float(np.nansum(ahead.centre[seen]) / np.nansum(actual) - 1),
    }  # fmt: skip
    for level in LEVELS:
        low, high = _limits(ahead, misses, (1 - level) / 2), _limits(ahead, misses, (1 + level) / 2)
        inside = (actual >= low) & (actual <= high)
        facts[f"coverage_{level:.0%}"] = float(inside[seen].mean())
        facts[f"width_{level:.0%}"] = float((high - low)[seen].mean())
    return facts


def _limits(ahead: WeekAhead, misses: Array, share: float) -> Array:
    """(672,) quantile of the forecast."""
    hour = np.arange(WEEK) % DAY // 16
    found = np.empty(WEEK)
    for h in np.unique(hour):
        found[hour == h] = np.nanquantile(misses[:, hour == h], share)
    return np.maximum(ahead.centre + found * ahead.scale, 0.0)


def _pinball(ahead: WeekAhead, misses: Array, actual: Array) -> float:
    """Mean over nineteen quantiles of twice the pinball loss: the CRPS, nearly [kWh]."""
    losses = []
    for share in np.arange(0.05, 1.0, 0.05):
        away = actual - _limits(ahead, misses, float(share))
        losses.append(2 * np.nanmean(np.maximum(share * away, (share - 1) * away)))
    return float(np.mean(losses))


def _mae(forecast: Array, actual: Array) -> float:
    return float(np.nanmean(np.abs(forecast - actual)))


def report(path: Path) -> None:
    """Print what one file tells."""
    load, notes = read(path)
    known = np.isfinite(load.kwh)
    tell(
        what="readings", file=path.name, begin=load.begin.isoformat(sep=" "),
        days=len(load.kwh) // DAY, kwh=rounded(float(np.nansum(load.kwh))), **notes,
    )  # fmt: skip
    for row in profile(load):
        tell(what="profile", **row)
    rows = states(load)
    for row in rows:
        tell(what="state", **row)
    tell(what="peaks", **peaks(load))
    state = np.zeros(len(load.kwh), dtype=int)
    state[known] = states_of(load.kwh[known])
    tell(what="shifts", **shifts(load, state))
    weeks = backtest(load)
    for week in weeks:
        tell(what="week ahead", **{k: rounded(float(str(v))) for k, v in week.items()})
    tell(what="summary", file=path.name, weeks=len(weeks), **_summary(weeks), states=rows)


def _summary(weeks: list[dict[str, object]]) -> dict[str, object]:
    """Means over the weeks, and skill: 1 − own error over the naive one's."""
    if not weeks:
        return {"backtest": f"needs {FEWEST_WEEKS} weeks before the last third"}
    mean = {k: float(np.mean([float(str(w[k])) for w in weeks])) for k in weeks[0] if k != "week"}
    return {
        **{k: rounded(v) for k, v in mean.items()},
        "skill_mae_last_week": rounded(1 - mean["mae"] / mean["mae_last_week"]),
        "skill_mae_mean_week": rounded(1 - mean["mae"] / mean["mae_mean_week"]),
        "skill_crps_last_week": rounded(1 - mean["pinball"] / mean["mae_last_week"]),
        "weeks_better_than_last": sum(
            float(str(w["mae"])) < float(str(w["mae_last_week"])) for w in weeks
        ),
    }


def main(words: Sequence[str] | None = None) -> int:
    return report_files(report, __doc__, words)


if __name__ == "__main__":
    sys.exit(main())
