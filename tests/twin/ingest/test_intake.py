"""The intake: every message an event or held, one transaction, and a store that is away awaited."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.twin.ingest.fake_store import FakeLog, FakeStore
from twin.errors import DiskFull, StoreAway
from twin.ingest.health import SourceHealth
from twin.ingest.intake import StoreIntake
from twin.ingest.mapping import Mapped
from twin.ingest.reading import compile_reader
from twin.ingest.registry import Registry
from twin.ingest.signature import Intake, Message, Stopped, Waits
from twin.store.keys import content_key

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
STATE = {"time": "2026-11-23T05:00:00Z", "event": "state", "work_unit": "P", "state": "working"}


def intake(store: FakeStore, **settings: Any) -> StoreIntake:
    read = compile_reader(
        Mapped.model_validate({"ignore": {"type": ["beat"]}}),
        "a",
        Registry({"P": "P"}),
        content_key,
    )
    given: dict[str, Any] = {"waits": Waits(0.01, 0.02), "clock": lambda: NOW, **settings}
    return StoreIntake("a", store, read, SourceHealth("a"), threading.Event(), FakeLog(), **given)


def message(**values: Any) -> Message:
    return Message({**STATE, **values}, "raw", "topic/1")


def test_it_is_an_intake() -> None:
    one: Intake = intake(FakeStore())
    assert one.position() is None


def test_a_store_that_answers_again_is_not_called_away() -> None:
    store = FakeStore()
    one = intake(store)
    one.health.store_is_away("no answer")
    one.position()
    assert one.health.store_away == ""


def test_events_quarantine_and_position_go_in_one_call() -> None:
    store = FakeStore()
    one = intake(store)
    batch = [message(), message(), message(work_unit="X"), message(type="beat")]
    done = one.store(batch, {"row": 4})
    assert (done.stored, done.duplicates, done.held) == (1, 1, 1)
    assert store.calls == 1
    assert one.position() == {"row": 4}
    held = store.held[0]
    assert held.origin == "topic/1"
    assert held.reason.startswith('unknown work unit "X"')
    health = one.health.values(60)
    assert [health[n] for n in ("received", "stored", "duplicates", "held", "ignored")] == [
        4, 1, 1, 1, 1,
    ]  # fmt: skip
    assert health["last_event"] == "2026-11-23T05:00:00+00:00"


def test_an_empty_batch_stores_its_position() -> None:
    store = FakeStore()
    intake(store).store([], {"row": 9})
    assert store.positions == {"a": {"row": 9}}


@pytest.mark.parametrize("error", [StoreAway("the store is away"), DiskFull("no room")])
def test_a_store_that_is_away_is_waited_for(error: Exception) -> None:
    store = FakeStore(fails=[error, error, error])
    one = intake(store)
    assert one.store([message()], {"row": 1}).stored == 1
    assert store.calls == 4
    assert one.health.store_away == ""
    assert one.health.last_error == str(error)
    assert isinstance(one.log, FakeLog)
    assert one.log.events == ["store is away", "store takes events again"]


def test_a_stop_ends_the_wait_for_the_store() -> None:
    store = FakeStore(fails=[StoreAway("away")] * 1000)
    one = intake(store, waits=Waits(10, 10))
    threading.Timer(0.1, one.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        one.store([message()], {"row": 1})
    assert time.monotonic() - began < 2
    assert (store.events, store.positions) == ({}, {})


def test_other_errors_of_the_store_are_not_waited_for() -> None:
    with pytest.raises(RuntimeError):
        intake(FakeStore(fails=[RuntimeError("a fault of the program")])).store([message()])


def test_a_reason_is_logged_once() -> None:
    one = intake(FakeStore())
    one.store([message(work_unit="X"), message(quantity=-1), message(quantity=-2)])
    assert isinstance(one.log, FakeLog)
    assert one.log.events == ["held", "held"]


def test_a_connection_is_news_only_when_it_changes() -> None:
    one = intake(FakeStore())
    for is_connected, why in ((True, ""), (True, ""), (False, "gone"), (False, "gone"), (True, "")):
        one.connected(is_connected, why)
    assert isinstance(one.log, FakeLog)
    assert one.log.events == ["connected", "connection lost", "connected"]
    assert one.health.values(60)["reconnects"] == 1


def test_trouble_of_a_sender_is_named_until_it_is_well() -> None:
    one = intake(FakeStore())
    one.trouble("PRESS-1", "3 messages missing: 17-19", 3)
    assert one.health.values(60)["troubles"] == {"PRESS-1": "3 messages missing: 17-19"}
    one.trouble("PRESS-1")
    found = one.health.values(60)
    assert (found["troubles"], found["missing"]) == ({}, 3)


def test_once_a_wait_ends_the_source_and_an_absent_store_is_an_error() -> None:
    one = intake(FakeStore(fails=[StoreAway("away")]), is_once=True)
    assert not one.is_stopped
    with pytest.raises(StoreAway):
        one.store([message()])
    assert not one.wait(0)
    assert one.wait(100)
    assert one.is_stopped
