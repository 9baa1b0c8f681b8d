"""How quickly the event store takes events in, and how quickly it counts them.

``--events N [--postgres]``: a year of a plant with 50 work units as N events, drawn from their
number alone. They are stored in batches of 5,000, as a source hands them over, each batch durable
before the next; then the minutes in each state and the pieces of every unit and day are counted,
for a week and for everything, by the store itself and by DuckDB on an extract of it. The same for
PostgreSQL with its own settings for durability (fsync, synchronous_commit) as they come. Time is by
the clock on the wall and wants a quiet machine; ``events_per_cpu_s`` is of this process alone, for
PostgreSQL without the server's part.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pandas as pd

from tests.benchmarks.measure import rounded, tell, tell_setting
from tests.services.postgres import private_postgres
from twin.model.events import EventLog
from twin.secrets import Keyring
from twin.store.imports import import_log
from twin.store.record import NAN, Event
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

BATCH = 5_000
UNITS = 50
START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_SECONDS = 365 * 86_400
ZONE = ZoneInfo("Africa/Casablanca")
IMPORTED = 1_000_000
"""Most events of the bulk import, which is a measurement of its own."""
ROUNDS = 3
T = TypeVar("T")


def event_of(number: int, seconds: float) -> Event:
    """An event of the plant: each unit is set to work, starts a lot, ends it, waits, is metered."""
    turn, unit = divmod(number, UNITS)
    lot, step = divmod(turn, 5)
    time = START + timedelta(seconds=number * seconds, microseconds=number * 7919 % 1000)
    key, name = f"line-{unit % 4}:{number}", f"PRESS-{unit:02d}"
    order, product = f"WO-{lot // 8:06d}", f"P{(lot // 8 + unit) % 40:03d}"
    if step == 0:
        return Event(key, time, "state", name, "working", order, "press", product)
    if step == 1:
        return Event(key, time, "start", name, "", order, "press", product, f"L{number}")
    if step == 2:
        good, scrap = float(200 + number * 31 % 57), float(number * 17 % 5)
        return Event(
            key, time, "end", name, "", order, "press", product, f"L{number}", "", good, scrap
        )
    if step == 3:
        state = "down" if (lot + unit) % 23 == 0 else "standby"
        return Event(key, time, "state", name, state, reason="drive" if state == "down" else "")
    return Event(key, time, "meter", name, quantity=float(number * 13 % 97) / 10, scrap=NAN)


def batches(events: int) -> Iterator[list[Event]]:
    seconds = YEAR_SECONDS / events
    for first in range(0, events, BATCH):
        yield [event_of(n, seconds) for n in range(first, min(first + BATCH, events))]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL beside SQLite")
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    settings = parser.parse_args(words)
    tell_setting(events=settings.events, batch=BATCH, work_units=UNITS)
    folder = Path(tempfile.mkdtemp(prefix="noria-store-", dir=settings.folder))
    try:
        with ExitStack() as stack:
            stores = {"SQLite": (StoreSettings(url="sqlite:///e.sqlite"), Keyring({}, folder))}
            if settings.postgres:
                server = stack.enter_context(private_postgres(is_durable=True))
                found = server.database()
                stores["PostgreSQL"] = (
                    StoreSettings.model_validate(found.settings), found.keyring(folder),
                )  # fmt: skip
            for name, (where, keyring) in stores.items():
                with open_store(where, keyring) as store:
                    measure(name, store, settings.events, folder / name)
            for name, (where, keyring) in fresh(stores, folder, stack).items():
                with open_store(where, keyring) as store:
                    measure_import(name, store, min(settings.events, IMPORTED))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def fresh(
    stores: dict[str, tuple[StoreSettings, Keyring]], folder: Path, stack: ExitStack
) -> dict[str, tuple[StoreSettings, Keyring]]:
    """Empty stores of the same kinds."""
    found = {"SQLite": (StoreSettings(url="sqlite:///import.sqlite"), Keyring({}, folder))}
    if "PostgreSQL" in stores:
        database = stack.enter_context(private_postgres(is_durable=True)).database()
        found["PostgreSQL"] = (
            StoreSettings.model_validate(database.settings), database.keyring(folder),
        )  # fmt: skip
    return found


def measure(name: str, store: EventStore, events: int, folder: Path) -> None:
    seconds, cpu = [], 0.0
    for batch in batches(events):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        done = store.append("line", batch, position={"row": batch[-1].key})
        seconds.append(time.perf_counter() - begin)
        cpu += time.process_time() - begin_cpu
        assert done.stored == len(batch), done
    tenth = max(len(seconds) // 10, 1)
    tell(
        what="ingest", store=name, events=events,
        events_per_s=rounded(events / sum(seconds)),
        events_per_cpu_s=rounded(events / cpu),
        first_tenth_per_s=rounded(BATCH * tenth / sum(seconds[:tenth])),
        last_tenth_per_s=rounded(BATCH * tenth / sum(seconds[-tenth:])),
        slowest_batch_s=rounded(max(seconds)),
        bytes_per_event=rounded(store.status().bytes / events),
    )  # fmt: skip
    again = next(iter(batches(events)))
    tell(
        what="the same batch again", store=name,
        events_per_s=rounded(len(again) / timed(lambda: store.append("line", again))[0]),
    )  # fmt: skip
    last = store.status().last
    assert last is not None
    week = (last - timedelta(days=7), last)
    tell(
        what="window of a week as a log", store=name, events=len(store.log(*week)),
        seconds=rounded(timed(lambda: store.log(*week))[0]),
    )  # fmt: skip
    spans = {"week": week, "everything": (START, last)}
    for span, (start, end) in spans.items():
        count(name, "the store", span, partial(store.unit_days, start, end, ZONE))
    took, extract = timed(lambda: store.extract(folder))
    size = sum(path.stat().st_size for path in extract.parts())
    tell(
        what="extract for DuckDB", store=name, seconds=rounded(took),
        bytes_per_event=rounded(size / events),
    )  # fmt: skip
    for span, (start, end) in spans.items():
        count(name, "DuckDB", span, partial(extract.unit_days, start, end, ZONE))
    assert store.unit_days(*week, ZONE) == extract.unit_days(*week, ZONE)


def count(name: str, by: str, span: str, asked: Callable[[], object]) -> None:
    rounds = ROUNDS if span == "week" else 1
    seconds = [timed(asked)[0] for _ in range(rounds)]
    tell(
        what=f"OEE figures by unit and day, {span}", store=name, by=by,
        seconds=rounded(statistics.median(seconds)),
    )  # fmt: skip


def measure_import(name: str, store: EventStore, events: int) -> None:
    rows = (event for batch in batches(events) for event in batch)
    table = pd.DataFrame.from_records(
        [(e.time, e.work_unit, e.event, e.state, e.order, e.operation, e.product, e.lot, e.material,
          e.quantity, e.scrap, e.verdict, e.reason) for e in rows],
        columns=["time", "work_unit", "event", "state", "order", "operation", "product", "lot",
                 "material", "quantity", "scrap", "verdict", "reason"],
    )  # fmt: skip
    log = EventLog(table)
    seconds, done = timed(lambda: import_log(store, "import", log))
    assert done.stored == events, done
    tell(what="import of a log", store=name, events=events, events_per_s=rounded(events / seconds))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


if __name__ == "__main__":
    sys.exit(main())
