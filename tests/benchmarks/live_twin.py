"""The live twin: false alarms on days that go by plan, and what a look costs beside a big store.

::

    .venv/bin/python -m tests.benchmarks.live_twin alarms --days 20 [--failing]
    .venv/bin/python -m tests.benchmarks.live_twin looks --events 1000000 --rate 2000
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from scenarios.watch import Watch
from scenarios.watch_feed import StoreFeed
from scenarios.watch_replan import starter
from tests.benchmarks.measure import tell, tell_setting
from tests.scenarios.watch_shop import (
    CUT_OFF,
    SMALL,
    Day,
    WatchedShop,
    day_of,
    events_of,
    store_of,
    unfailing,
    watched_shop,
)
from twin.store.record import Event

WORKED_HOURS = 18.0
BATCH = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="what", required=True)
    alarms = kinds.add_parser("alarms")
    alarms.add_argument("--days", type=int, default=20)
    alarms.add_argument("--first", type=int, default=1, help="first seed")
    alarms.add_argument("--failing", action="store_true", help="units break down as they do")
    looks = kinds.add_parser("looks")
    looks.add_argument("--events", type=int, default=1_000_000, help="in the store before")
    looks.add_argument("--rate", type=float, default=2000.0, help="events a second meanwhile")
    looks.add_argument("--looks", type=int, default=60, help="ten seconds apart")
    options = parser.parse_args()
    tell_setting()
    if options.what == "alarms":
        count_alarms(range(options.first, options.first + options.days), options.failing)
    else:
        time_looks(options.events, options.rate, options.looks)


def count_alarms(seeds: range, failing: bool) -> None:
    """Days of one shop each that follow their plan, looked at every five minutes."""
    raised: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            plant = SMALL if failing else unfailing()
            shop = watched_shop(Path(folder), seed=seed, plant=plant, twin=SMALL, forecast="5 min")
            day = day_of(shop)
            for _ in day.looks(events_of(shop.day(), "day"), WORKED_HOURS):
                pass
            told = [f"{kind} {subject}" for change, kind, subject, _ in day.alerts()
                    if change == "raised"]  # fmt: skip
            tell(what="a day", seed=seed, failing=failing, raised=told)
            raised.update(name.partition(" ")[0] for name in told)
    tell(
        what="alerts a day", failing=failing, days=len(seeds),
        looks_a_day=round(WORKED_HOURS * 12), raised=dict(raised),
        rate=round(sum(raised.values()) / len(seeds), 3),
    )  # fmt: skip


def time_looks(events: int, rate: float, looks: int) -> None:
    """First start, restart and looks beside a store of many events, with readings all the time."""
    with tempfile.TemporaryDirectory() as folder:
        shop = watched_shop(Path(folder), twin=SMALL, forecast="2 min")
        day = _filled(shop, events)
        watch = day.watch()
        day.now = CUT_OFF + timedelta(hours=3)
        first = _timed(watch)
        seconds, memory = [], []
        for n in range(looks):
            _tell(day, f"live-{n}", day.now, round(rate * 10))
            day.now += timedelta(seconds=10)
            seconds.append(_timed(watch))
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        watch.stop()
        feed = StoreFeed(store_of(shop.folder), 90)
        again = Watch(shop.config, feed, lambda: day.now, starter([], Path(folder)))
        restart = _timed(again)
    tell(
        what="looks", events=events, rate=rate, first_cpu_s=round(first, 2),
        restart_cpu_s=round(restart, 2), look_cpu_s=round(statistics.median(seconds), 3),
        longest_look_cpu_s=round(max(seconds), 3),
        peak_mb=[round(memory[0]), round(memory[len(memory) // 2]), round(memory[-1])],
    )  # fmt: skip


def _filled(shop: WatchedShop, events: int) -> Day:
    """The history, the day so far, and readings of every unit over the last eight weeks."""
    day = day_of(shop)
    day.store.append("shop", events_of(shop.day().until(CUT_OFF + timedelta(hours=9)), "day"))
    begin = CUT_OFF - timedelta(days=56)
    step = timedelta(days=56) / max(events, 1)
    for first in range(0, events, BATCH):
        day.store.append("meters", list(_readings("past", begin, step, first, BATCH)))
    return day


def _tell(day: Day, tag: str, begin: datetime, count: int) -> None:
    step = timedelta(seconds=10) / max(count, 1)
    for first in range(0, count, BATCH):
        many = min(BATCH, count - first)
        day.store.append("meters", list(_readings(tag, begin, step, first, many)))


def _readings(
    tag: str, begin: datetime, step: timedelta, first: int, count: int
) -> Iterator[Event]:
    units = [unit.id for unit in SMALL.work_units]
    for n in range(first, first + count):
        yield Event(
            f"{tag}-{n}", begin + n * step, "meter", units[n % len(units)],
            quantity=math.fmod(n, 7) / 1000,
        )  # fmt: skip


def _timed(watch: Watch) -> float:
    begun = time.process_time()
    watch.look()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
