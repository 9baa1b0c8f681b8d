"""Quarantine and its replay, on a real store: nothing lost, nothing twice, twice is as once."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.postgres import Database
from tests.twin.ingest.fake_store import FakeLog
from twin.errors import NoriaError
from twin.ingest.health import SourceHealth
from twin.ingest.intake import StoreIntake
from twin.ingest.kept_fields import values_of
from twin.ingest.mapping import Mapped
from twin.ingest.reading import Reader, compile_reader
from twin.ingest.registry import Registry
from twin.ingest.replaying import (
    Replayed,
    Way,
    as_received,
    grouped,
    raw_of,
    replay,
)
from twin.ingest.signature import Message
from twin.secrets import Keyring
from twin.store.keys import content_key
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
BEFORE = Registry({"PRESS-1": "PRESS-1"})
AFTER = Registry({"PRESS-1": "PRESS-1", "press2": "PRESS-2"})


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    """A new store: a file, and where :data:`on_both` stands, once more a server."""
    settings, keyring = StoreSettings(url="sqlite:///events.sqlite"), Keyring({}, tmp_path)
    if getattr(request, "param", "sqlite") == "postgres":
        database: Database = request.getfixturevalue("postgres")
        settings = StoreSettings.model_validate(database.settings)
        keyring = database.keyring(tmp_path)
    with open_store(settings.located(tmp_path), keyring, clock=lambda: NOW) as opened:
        yield opened


on_both = pytest.mark.parametrize(
    "store", ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)], indirect=True
)


def reader(registry: Registry, **settings: Any) -> Reader:
    return compile_reader(Mapped.model_validate(settings), "mes", registry, content_key)


def intake(store: EventStore, registry: Registry = BEFORE, **settings: Any) -> StoreIntake:
    read = reader(registry, **settings)
    given: dict[str, Any] = {"clock": lambda: NOW}
    return StoreIntake(
        "mes", store, read, SourceHealth("mes"), threading.Event(), FakeLog(), **given
    )


def message(number: int, unit: str = "press2", key: str = "", **values: Any) -> Message:
    time = (NOW - timedelta(minutes=number + 1)).isoformat()
    sent = {"time": time, "event": "state", "work_unit": unit, "state": "working", **values}
    return Message(sent, json.dumps(sent, default=str), f"line/{number}", key)


def again(store: EventStore, registry: Registry, **settings: Any) -> Replayed:
    return replay(store, {"mes": Way(reader(registry, **settings))}, ["mes"], batch=7)


def test_a_replay_makes_events_of_what_was_refused_by_name(store: EventStore) -> None:
    intake(store).store([message(n) for n in range(20)])
    assert len(store.quarantine()) == 20
    done = again(store, AFTER)
    assert (done.messages, done.stored, sum(done.still.values())) == (20, 20, 0)
    assert store.quarantine() == []
    assert set(store.log().table["work_unit"]) == {"PRESS-2"}


def test_a_second_replay_changes_nothing(store: EventStore) -> None:
    intake(store).store([message(n) for n in range(20)])
    again(store, AFTER)
    done = again(store, AFTER)
    assert (done.messages, done.stored, sum(done.still.values())) == (0, 0, 0)
    assert store.status().events == 20


@on_both
def test_what_is_still_no_event_stays_with_the_reason_of_today(store: EventStore) -> None:
    intake(store).store([message(1), message(2, unit="press3"), message(3, quantity="much")])
    done = again(store, AFTER)
    assert done.stored == 1
    assert sum(done.still.values()) == 2
    left = {held.origin: held for held in store.quarantine()}
    assert left["line/2"].reason.startswith('unknown work unit "press3"')
    assert left["line/3"].reason.startswith('quantity got "much"')
    assert left["line/3"].tries == 1


def test_an_event_told_again_meanwhile_is_not_stored_twice(store: EventStore) -> None:
    intake(store).store([message(1)])
    intake(store, AFTER).store([message(1)])
    done = again(store, AFTER)
    assert (done.stored, done.duplicates) == (0, 1)
    assert store.status().events == 1


def test_a_replay_keeps_the_key_that_the_source_gave(store: EventStore) -> None:
    intake(store).store([message(1, key="n-7")])
    again(store, AFTER)
    done = intake(store, AFTER).store([message(1, key="n-7")])
    assert (done.stored, done.duplicates) == (0, 1)


def test_another_event_under_a_known_key_stays_and_is_counted_once(store: EventStore) -> None:
    ways = intake(store, AFTER)
    ways.store([message(1, key="n-7")])
    ways.store([message(1, key="n-7", state="down")])
    assert len(store.quarantine()) == 1
    for _ in range(2):
        done = again(store, AFTER)
        assert (done.messages, done.stored) == (0, 0)
        assert sum(done.still.values()) == 1
    assert store.status().events == 1
    assert len(store.quarantine()) == 1


def test_what_a_sender_writes_like_a_held_event_is_none(store: EventStore) -> None:
    """It would otherwise come in under the key of another source, with any unit and time."""
    forged = {"key": "other:1", "time": NOW.isoformat(), "event": "end", "work_unit": "PRESS-9"}
    sent = {"conflict": forged}
    intake(store).store([Message(sent, json.dumps(sent), "line/1")])
    done = again(store, AFTER)
    assert (done.stored, sum(done.still.values())) == (0, 1)
    assert store.status().events == 0


@on_both
def test_two_held_messages_with_one_key_and_two_contents_become_one_event(
    store: EventStore,
) -> None:
    intake(store).store([message(1, key="a"), message(1, key="a", state="down")])
    done = again(store, AFTER)
    assert done.stored == 1
    assert sum(done.still.values()) == 1
    assert store.status().events == 1
    assert len(store.quarantine()) == 1


def test_a_wrong_clock_is_not_made_right_by_waiting(store: EventStore) -> None:
    ahead = (NOW + timedelta(hours=3)).isoformat()
    intake(store, AFTER).store([message(1, time=ahead)])
    done = again(store, AFTER)
    assert sum(done.still.values()) == 1


def test_messages_that_are_now_to_be_ignored_leave_without_an_event(store: EventStore) -> None:
    intake(store).store([message(1, type="test")])
    done = again(store, AFTER, ignore={"type": ["test"]})
    assert (done.messages, done.ignored, done.stored) == (1, 1, 0)


def test_messages_of_a_source_that_is_gone_stay(store: EventStore) -> None:
    intake(store).store([message(1)])
    done = replay(store, {}, ["mes"])
    assert sum(done.still.values()) == 1
    assert store.quarantine()[0].reason.startswith("unknown work unit")


class Rereading:
    """Reads its raw messages by itself: their topic is one of their fields."""

    def reread(self, raw: str, origin: str) -> Sequence[Message]:
        if raw == "{":
            raise NoriaError("it is no JSON")
        return [Message({**json.loads(raw), "topic": origin}, raw, origin)]


def test_a_source_that_reads_its_raw_messages_is_asked(store: EventStore) -> None:
    fields = {"order": "topic"}
    one = intake(store, fields=fields)
    one.rereads = True
    one.store([message(1), Message({}, "{", "line/2", refused="no JSON: line 1")])
    done = replay(store, {"mes": Way(reader(AFTER, fields=fields), Rereading())}, ["mes"])
    assert done.stored == 1
    assert store.log().table["order"].tolist() == ["line/1"]
    assert store.quarantine()[0].reason == "it cannot be read again: it is no JSON"


@on_both
def test_a_message_that_could_not_be_parsed_stays_as_it_came(store: EventStore) -> None:
    raw = "\x00\ud800{"
    intake(store).store([Message({}, raw, "line/2", refused="no JSON: line 1")])
    assert sum(again(store, AFTER).still.values()) == 1
    held = store.quarantine()[0]
    assert (held.raw, held.reason) == (raw, "no JSON: line 1")


class Interrupted(Exception):
    """The process is killed here."""


class DyingStore:
    """A store that stops taking part at the third batch."""

    def __init__(self, store: EventStore) -> None:
        self.store, self.left = store, 2

    def quarantine(self, source: str | None = None, limit: int = 1000, *, after: int = 0) -> Any:
        return self.store.quarantine(source, limit, after=after)

    def resolve(self, ids: Any, source: str, events: Any, still: Mapping[int, str]) -> Any:
        if not self.left:
            raise Interrupted
        self.left -= 1
        return self.store.resolve(ids, source, events, still)


@on_both
def test_an_interrupted_replay_is_completed_by_the_next(store: EventStore) -> None:
    intake(store).store([message(n) for n in range(20)])
    with pytest.raises(Interrupted):
        replay(DyingStore(store), {"mes": Way(reader(AFTER))}, ["mes"], batch=7)
    assert store.status().events == 14
    again(store, AFTER)
    assert (store.status().events, store.quarantine()) == (20, [])


# --- how a message is kept ---

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
trees = st.recursive(leaves, lambda t: st.lists(t) | st.dictionaries(st.text(), t), max_leaves=5)


@given(st.dictionaries(st.text(), trees), st.text(), st.text())
def test_fields_and_key_are_kept_and_read_back(values: dict[str, Any], key: str, raw: str) -> None:
    kept = raw_of(Message(values, raw, "t", key), rereads=False)
    assert values_of(kept) == (values, key)
    if raw and not values.get("noria_fields"):
        assert as_received(kept) == raw


def test_what_libraries_give_is_kept_so_that_it_reads_the_same() -> None:
    values = {"time": NOW, "quantity": Decimal("1.5"), "event": "meter"}
    kept = raw_of(Message(values, "row 4", "table"), rereads=False)
    found = values_of(kept)
    assert found is not None
    read = reader(Registry(is_open=True))
    assert read(Message(found[0], "", ""), NOW) == read(Message(values, "", ""), NOW)
    assert as_received(kept) == "row 4"


def test_json_is_kept_as_it_came() -> None:
    raw = '{ "a": 1,  "b": [2.50] }'
    assert raw_of(Message(json.loads(raw), raw, "t"), rereads=False) == raw


def test_a_huge_message_is_kept_as_it_came() -> None:
    raw = "x" * 300_000
    assert raw_of(Message({"a": raw}, raw, "t"), rereads=False) == raw


@pytest.mark.parametrize("raw", ["", "[1]", "null", "7", '{"a": ', "[" * 100_000])
def test_what_has_no_fields_has_none(raw: str) -> None:
    assert values_of(raw) is None


def test_reasons_are_grouped_without_the_value_of_each_message() -> None:
    reasons = {grouped(f'quantity got "{n}"; a number is expected') for n in range(9)}
    assert reasons == {"quantity got …; a number is expected"}
    assert len({grouped(f'unknown work unit "U{n}"') for n in range(9)}) == 9
