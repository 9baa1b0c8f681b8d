"""How many messages a second become events on one core, from JSON text to the store's door.

``--messages N``: MQTT payloads of ten fields are parsed, mapped and checked against a plant of 50
work units; with ids of their own, and with the content as the key; then through the intake into a
SQLite store, in batches of 1,000, each durable before the next. CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.measure import rounded, tell, tell_setting
from tests.twin.ingest.fake_store import FakeLog
from twin.ingest.health import SourceHealth
from twin.ingest.intake import StoreIntake
from twin.ingest.mapping import Mapped
from twin.ingest.reading import Reader, compile_reader
from twin.ingest.registry import Registry
from twin.ingest.signature import Message
from twin.secrets import Keyring
from twin.store.keys import content_key
from twin.store.settings import StoreSettings
from twin.store.store import open_store

UNITS, BATCH, ROUNDS = 50, 1000, 3
FIELDS = {
    "time": "ts",
    "work_unit": "head.machine",
    "event": {"value": "end"},
    "state": {"from": "status", "values": {"RUN": "working", "IDLE": "standby"}},
    "quantity": {"from": "qty", "factor": 1000},
}
PLANT = Registry(
    units={f"header{n}": f"CH-{n}" for n in range(UNITS)},
    operations=frozenset({"head"}),
    products=frozenset({"M6x16"}),
)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def payloads(number: int) -> Iterator[str]:
    """JSON texts, each another event."""
    for each in range(number):
        sent = {"id": each, "ts": 1_790_000_000_000 + each, "status": "RUN", "wo": each // 400}
        sent |= {"head": {"machine": f"header{each % UNITS}"}, "operation": "head"}
        sent |= {"product": "M6x16", "qty": 1.5, "scrap": 2, "firmware": "1.7.2"}
        yield json.dumps(sent)


def reader(**settings: object) -> Reader:
    mapped = Mapped.model_validate({"fields": FIELDS, "time_unit": "ms", **settings})
    return compile_reader(mapped, "line-1", PLANT, content_key)


def messages(texts: list[str]) -> list[Message]:
    return [Message(json.loads(text), text, "plant/events") for text in texts]


def rate(texts: list[str], work: Callable[[list[str]], object]) -> float:
    """Best of some rounds [messages per CPU second]."""
    best = 0.0
    for _ in range(ROUNDS):
        begin = time.process_time()
        work(texts)
        best = max(best, len(texts) / (time.process_time() - begin))
    return best


def read_all(read: Reader) -> Callable[[list[str]], object]:
    return lambda texts: [read(message, NOW) for message in messages(texts)]


def stored(texts: list[str]) -> None:
    """Through the intake into a store that is new."""
    with tempfile.TemporaryDirectory() as folder:
        keyring = Keyring({}, Path(folder))
        settings = StoreSettings(url="sqlite:///events.sqlite").located(Path(folder))
        with open_store(settings, keyring) as store:
            intake = StoreIntake(
                "line-1", store, reader(key=["id"]), SourceHealth("line-1"), threading.Event(),
                FakeLog(), clock=lambda: NOW,
            )  # fmt: skip
            for first in range(0, len(texts), BATCH):
                batch = messages(texts[first : first + BATCH])
                done = intake.store(batch, {"row": first})
                assert done.stored == len(batch), done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    texts = list(payloads(parser.parse_args().messages))
    tell_setting()
    for what, work in (
        ("JSON parsed", messages),
        ("parsed, mapped and checked, ids as keys", read_all(reader(key=["id"]))),
        ("parsed, mapped and checked, content as keys", read_all(reader())),
        ("the same with ids, stored in SQLite", stored),
    ):
        tell(what=what, messages=len(texts), per_cpu_second=rounded(rate(texts, work)))


if __name__ == "__main__":
    main()
