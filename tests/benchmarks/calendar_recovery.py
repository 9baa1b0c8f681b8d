"""Shift calendars found in the logs of plants whose calendar is known.

    python -m tests.benchmarks.calendar_recovery [--seeds N] [--weeks N]

Every seed draws a calendar of each kind, with holidays, Saturdays of overtime and a change of the
clock, and four logs of it: states of six machines, reports of six machines, states of one that is
used a third of the time, and its reports. A report runs from the start to the end of a lot, over
nights if it must. One line for each kind and log, then the summary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.measure import rounded, tell
from twin.calibration.calendars import Interval, disagreement, discover_calendar
from twin.model.horizon import Horizon
from twin.model.shifts import WEEKDAYS, Calendar, OpenTime, Variant, Weekly

ZONE = "Europe/Paris"
FIRST = date(2026, 2, 9)
"""A Monday; the clock changes on 29 March, in the seventh week."""
LOGS = {
    "states of six": (6, 0.75, False), "reports of six": (6, 0.75, True),
    "states of one": (1, 0.35, False), "reports of one": (1, 0.35, True),
}  # fmt: skip
"""Machines, share of the open time in which each works, and whether lots are reported."""
Draw = np.random.Generator


def clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def window(begin: int, end: int) -> str:
    return f"{clock(begin)}-{clock(end) if end != 1440 else '24:00'}"


def every(days: str, *windows: str) -> Weekly:
    return {day: list(windows) for day in WEEKDAYS if day in days.split()}


def one_shift(rng: Draw) -> Weekly:
    begin = int(rng.integers(72, 102)) * 5
    noon = begin + int(rng.integers(46, 56)) * 5
    pause = int(rng.choice([30, 45, 60]))
    return every("mon tue wed thu fri", window(begin, noon), window(noon + pause, begin + 525))


def two_shifts(rng: Draw) -> Weekly:
    begin = int(rng.choice([345, 350, 360, 390]))
    week = every("mon tue wed thu", window(begin, begin + 960))
    week |= every("fri", window(begin, 750), window(840, begin + 960))
    return week | every("sat", window(begin, begin + 480))


def three_shifts(rng: Draw) -> Weekly:
    begin = int(rng.choice([300, 350, 360]))
    around = ["00:00-24:00"]
    week: Weekly = {"tue": around, "wed": around, "thu": around, "fri": around}
    return week | {"mon": [window(begin, 1440)], "sat": [window(0, begin)]}


def nights(rng: Draw) -> Weekly:
    begin = int(rng.choice([1080, 1200, 1320]))
    return every("sun mon tue wed thu", window(begin, begin + int(rng.choice([420, 480]))))


def weekends(rng: Draw) -> Weekly:
    begin = int(rng.choice([300, 360, 420]))
    return every("fri sat sun", window(begin, begin + 720))


def round_the_clock(rng: Draw) -> Weekly:
    return every("mon tue wed thu fri sat sun", "00:00-24:00")


KINDS: dict[str, Callable[[Draw], Weekly]] = {
    "one shift": one_shift, "two shifts": two_shifts, "three shifts": three_shifts,
    "nights": nights, "weekends": weekends, "round the clock": round_the_clock,
    "Ramadan": two_shifts,
}  # fmt: skip


def true_calendar(kind: str, rng: Draw, weeks: int) -> Calendar:
    """A week of the kind, two holidays, two Saturdays of overtime, and Ramadan where it is."""
    weekly = KINDS[kind](rng)
    days = [FIRST + timedelta(days=n) for n in range(1, 7 * weeks - 1)]
    works = [d for d in days if WEEKDAYS[d.weekday()] in weekly]
    closed = [works[int(n)] for n in rng.choice(len(works), 2, replace=False)]
    exceptions: dict[date, list[str]] = {d: [] for d in closed}
    if kind not in ("round the clock", "weekends"):
        saturdays = [d for d in days if d.weekday() == 5 and d not in closed]
        for n in rng.choice(len(saturdays), 2, replace=False):
            exceptions[saturdays[int(n)]] = ["07:00-13:00"]
    variants = []
    if kind == "Ramadan":
        begin = FIRST + timedelta(days=int(rng.integers(7, 20)))
        hours = every("mon tue wed thu fri", window(480, 900 + int(rng.integers(0, 4)) * 15))
        variants = [
            Variant(name="Ramadan", first=begin, last=begin + timedelta(days=28), weekly=hours)
        ]
    return Calendar(id="true", weekly=weekly, exceptions=exceptions, variants=variants)


def log_of(
    opening: OpenTime, horizon: Horizon, machines: int, use: float, is_reported: bool, rng: Draw
) -> list[Interval]:
    """Lots worked in open time: their pieces, or their reports from start to end."""
    minutes: list[tuple[float, float]] = []
    for _ in range(machines):
        at = float(rng.exponential(30.0))
        lot = float(rng.uniform(15, 60))
        while at < horizon.minutes:
            pieces = opening.work(opening.next_open(at), lot * float(rng.lognormal(0, 0.4)))
            if not pieces:
                break
            minutes += [(pieces[0][0], pieces[-1][1])] if is_reported else pieces
            idle = opening.work(pieces[-1][1], float(rng.exponential(lot * (1 - use) / use)))
            if not idle:
                break
            at = idle[-1][1]
    return [
        (horizon.to_datetime(float(np.round(a, 1))), horizon.to_datetime(float(np.round(b, 1))))
        for a, b in minutes
    ]


def wrong_share(kind: str, log: str, seed: int, weeks: int) -> float:
    """Share of all minutes that the found calendar calls open or closed wrongly."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind), list(LOGS).index(log)])
    midnight = datetime.combine(FIRST, datetime.min.time(), ZoneInfo(ZONE))
    horizon = Horizon(midnight, weeks * 7 * 1440, ZONE)
    truth = true_calendar(kind, rng, weeks)
    machines, use, is_reported = LOGS[log]
    intervals = log_of(truth.open_time(horizon), horizon, machines, use, is_reported, rng)
    found = discover_calendar(intervals, ZONE, id="found", may_pause=is_reported).calendar
    return disagreement(found, truth, horizon).share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=8)
    words = parser.parse_args()
    every_share = []
    for kind in KINDS:
        for log in LOGS:
            shares = [wrong_share(kind, log, seed, words.weeks) for seed in range(words.seeds)]
            every_share += shares
            tell(what=kind, log=log, **_facts(shares))
    tell(what="summary", seeds=words.seeds, weeks=words.weeks, **_facts(every_share))


def _facts(shares: list[float]) -> dict[str, float]:
    return {
        "median_wrong": rounded(float(np.median(shares))),
        "p90_wrong": rounded(float(np.quantile(shares, 0.9))),
        "max_wrong": rounded(max(shares)),
        "within_1_percent": rounded(float(np.mean(np.array(shares) <= 0.01))),
    }


if __name__ == "__main__":
    main()
