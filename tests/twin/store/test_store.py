"""The event store, the same on SQLite and PostgreSQL."""

import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.twin.store.conftest import NOW, Place
from tests.twin.store.plant_events import START, ended, meter, state
from twin.errors import InputError
from twin.model.events import COLUMNS, EventLog
from twin.store.keys import content_key, event_of_raw
from twin.store.record import NAN, Appended, Event, Held
from twin.store.store import EventStore


def keys_of(place: Place) -> list[str]:
    return [row[0] for row in place.query("select key from noria_event order by sequence")]


def test_what_is_stored_comes_back_as_it_was(store: EventStore) -> None:
    told = [
        Event("a", START, "start", "PRESS-1", "", "4711", "press", "M8", "L1", "coil 7"),
        ended(2, reason="crack", quantity=0.1 + 0.2, scrap=1e-300),
        Event("c", START + timedelta(minutes=3), "verdict", "TEST-1", lot="L1", verdict="fail"),
        state(4, "down", reason="Antrieb überhitzt – 🔥 القفل"),
        replace(meter(5), time=START.replace(microsecond=1) + timedelta(hours=1)),
    ]
    store.append("line-1", told)
    table = store.log().table
    rows = [{name: getattr(e, name) for name in COLUMNS} for e in told]
    assert EventLog.of(rows).table.equals(table[list(COLUMNS)])
    assert table.dtypes[list(COLUMNS)].equals(EventLog.of(rows).table.dtypes)
    assert table["sequence"].tolist() == [1, 2, 3, 4, 5]


def test_an_empty_store_answers(store: EventStore) -> None:
    assert len(store.log()) == 0
    assert len(store.since(0)[0]) == 0
    assert store.since(7)[1] == 7
    assert store.last_sequence() == 0
    assert len(store.last_events()) == 0
    assert store.status().events == 0
    assert store.status().first is None
    assert store.position("line-1") is None
    assert store.quarantine() == []
    assert store.unit_days(START, NOW, ZoneInfo("UTC")).states == ()


def test_the_same_event_again_is_a_duplicate(store: EventStore) -> None:
    assert store.append("line-1", [ended(1), ended(2), ended(1)]) == Appended(2, 1, 0)
    elsewhere = timezone(timedelta(hours=5))
    same = replace(ended(2), time=ended(2).time.astimezone(elsewhere), quantity=102)
    assert store.append("line-2", [same, ended(3)]) == Appended(1, 1, 0)
    assert len(store.log()) == 3


@pytest.mark.parametrize(
    "change",
    [{"quantity": 7.0}, {"quantity": NAN}, {"time": START}, {"work_unit": "PRESS-9"}, {"lot": ""}],
)
def test_the_same_key_with_other_content_is_held(store: EventStore, change: dict[str, Any]) -> None:
    store.append("line-1", [ended(1)])
    other = replace(ended(1), **change)
    assert store.append("line-1", [other, ended(2)]) == Appended(1, 0, 1)
    (held,) = store.quarantine()
    assert "stored with other content" in held.reason
    assert next(iter(change)) in held.reason
    found = event_of_raw(held.raw)
    assert found is not None
    assert str(found) == str(other)
    assert len(store.log()) == 2


def test_two_contents_of_a_key_in_one_batch_are_found(store: EventStore) -> None:
    assert store.append("line-1", [ended(1), ended(1, quantity=7.0)]) == Appended(1, 0, 1)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ended(1, key="a\0b"), "key has a NUL"),
        (replace(ended(1), key=""), "key has 0 characters"),
        (ended(1, key="k" * 301), "key has 301 characters"),
        (ended(1, order="4711\0"), "order has a NUL"),
        (ended(1, reason="\udc80"), "half a character"),
        (ended(1, lot="x" * 1001), "lot has 1001 characters"),
        (ended(1, quantity=float("inf")), "quantity is inf"),
        (ended(1, scrap=float("-inf")), "scrap is -inf"),
        (ended(1, time=datetime(2026, 3, 2)), "no zone"),
        (ended(1, time=datetime(1969, 12, 31, tzinfo=UTC)), "1970 to 2199"),
        (ended(1, time=datetime(2200, 1, 1, tzinfo=UTC)), "1970 to 2199"),
        (ended(1, time=datetime.max.replace(tzinfo=UTC)), "1970 to 2199"),
        (ended(1, event="explode"), 'unknown event "explode"'),
        (ended(1, work_unit=""), "names no work unit"),
        (state(1, ""), "names no state"),
        (state(1, "RUN"), 'unknown state "RUN"'),
    ],
)
def test_what_is_no_event_is_held_and_the_others_stored(
    store: EventStore, event: Event, words: str
) -> None:
    assert store.append("line-1", [ended(7), event, ended(8)]) == Appended(2, 0, 1)
    (held,) = store.quarantine()
    assert words in held.reason
    assert str(event_of_raw(held.raw)) == str(event)


@pytest.mark.parametrize(
    "instant",
    [datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)],
)
def test_the_first_and_the_last_time_are_kept_to_the_microsecond(
    store: EventStore, instant: datetime
) -> None:
    store.append("line-1", [ended(1, time=instant)])
    assert store.log().table["time"][0].to_pydatetime() == instant


INJECTIONS = (
    "'; drop table noria_event; --",
    'PRESS"; delete from noria_event; --',
    "%s %(x)s ? :key $1 {0}",
    "\\'; select pg_sleep(9); --",
    "\\.\n\t\\N",
    "' or '1'='1",
    "NULL",
    "\x1f\x7f",
    '[1, 2] "quoted" \\u0000',
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_is_never_part_of_a_statement(store: EventStore, place: Place, text: str) -> None:
    source = text
    told = ended(1, key=text, work_unit=text, order=text, lot=text, reason=text)
    store.append(source, [told, state(1, "working", unit=text)], position={text: text})
    assert store.append(source, [told]).duplicates == 1
    store.append(source, [], held=[Held(text, text, text)])
    row = store.log().table.iloc[0]
    assert [row[name] for name in ("work_unit", "order", "lot", "reason")] == [text] * 4
    assert store.position(source) == {text: text}
    assert [held.raw for held in store.quarantine(source)] == [text]
    assert store.quarantine("another") == []
    counted = store.unit_days(START, START + timedelta(hours=1), ZoneInfo("UTC"))
    assert {one.work_unit for one in counted.states} == {text}
    assert keys_of(place) == [text, f"{text}:1:working"]


@pytest.mark.parametrize("source", ["", "x" * 201, "a\0"])
def test_a_source_has_a_name(store: EventStore, source: str) -> None:
    with pytest.raises(InputError, match="no name"):
        store.append(source, [ended(1)])


def test_random_batches_leave_what_a_dictionary_would(store: EventStore) -> None:
    """Any order, any repetition: the store holds the first content of each key."""
    luck = random.Random(7)
    oracle: dict[str, Event] = {}
    counted = Appended()
    for _ in range(60):
        batch = []
        for _ in range(luck.randrange(120)):
            number = luck.randrange(900)
            event = ended(number)
            batch.append(replace(event, scrap=99.0) if luck.random() < 0.05 else event)
        stored = duplicates = conflicts = 0
        for event in batch:
            known = oracle.setdefault(event.key, event)
            if known is event:
                stored += 1
            elif known == event:
                duplicates += 1
            else:
                conflicts += 1
        done = store.append("line-1", batch)
        assert done == Appended(stored, duplicates, conflicts)
        counted = Appended(counted.stored + done.stored)
    table = store.log().table
    assert len(table) == len(oracle) == counted.stored == store.last_sequence()
    found = dict(
        zip(table["lot"], zip(table["quantity"], table["scrap"], strict=True), strict=True)
    )
    assert found == {e.lot: (e.quantity, e.scrap) for e in oracle.values()}
    assert store.status().events == len(oracle)


def test_a_batch_larger_than_a_look_up_is_taken_whole(store: EventStore) -> None:
    events = [ended(n) for n in range(25_000)]
    assert store.append("line-1", events).stored == 25_000
    assert store.append("line-1", [*events[::7], ended(25_000)]) == Appended(1, 3572, 0)


def test_a_window_is_half_open_and_in_the_order_of_time(store: EventStore) -> None:
    store.append("late", [ended(n) for n in (5, 3, 9, 1)])
    store.append("line-1", [ended(n) for n in (2, 4)])
    window = store.log(START + timedelta(minutes=2), START + timedelta(minutes=5))
    assert window.table["lot"].tolist() == ["L2", "L3", "L4"]
    assert window.table["sequence"].tolist() == [5, 2, 6]


def test_events_at_one_instant_stay_in_the_order_of_arrival(store: EventStore) -> None:
    store.append("line-1", [ended(n, time=START) for n in (5, 3, 9)])
    store.append("line-1", [ended(1, time=START)])
    assert store.log().table["lot"].tolist() == ["L5", "L3", "L9", "L1"]


def test_since_goes_on_where_it_ended(store: EventStore) -> None:
    store.append("line-1", [ended(n) for n in range(7)][::-1])
    first, sequence = store.since(0, limit=5)
    assert first.table["lot"].tolist() == ["L6", "L5", "L4", "L3", "L2"]
    rest, sequence = store.since(sequence, limit=5)
    assert rest.table["lot"].tolist() == ["L1", "L0"]
    assert sequence == 7 == store.last_sequence()
    store.append("line-1", [ended(3), ended(-5)])
    assert store.since(sequence)[0].table["lot"].tolist() == ["L-5"]


def test_the_position_is_stored_with_the_events(store: EventStore, place: Place) -> None:
    store.append("line-1", [ended(1)], position={"row": 1, "name": "Tür\0", "at": None})
    store.append("line-2", [], position={"file": {"a.csv": [3, 4.5]}})
    with pytest.raises(ValueError, match="JSON"):
        store.append("line-1", [ended(2)], position={"row": float("nan")})
    assert store.position("line-1") == {"row": 1, "name": "Tür\0", "at": None}
    assert store.position("line-2") == {"file": {"a.csv": [3, 4.5]}}
    assert keys_of(place) == ["line-1:1"]
    store.append("line-1", [], position={})
    assert store.position("line-1") == {}


def test_last_events_say_when_each_unit_spoke(store: EventStore) -> None:
    store.append("line-1", [ended(n) for n in (6, 3, 9)] + [state(20, "down", "PRESS-0"), meter(1)])
    store.append("line-1", [ended(0)])
    table = store.last_events()
    rows = [tuple(row) for row in table[["work_unit", "event", "events"]].itertuples(index=False)]
    assert rows == [("", "meter", 1), ("PRESS-0", "end", 4), ("PRESS-0", "state", 1)]
    assert table["last"][1].to_pydatetime() == START + timedelta(minutes=9)


def test_what_is_held_keeps_every_byte_and_is_one_row_however_often_it_comes(
    store: EventStore,
) -> None:
    held = Held("\0\udc80 {bad}\r\n", "line\0/1", "no \0 time")
    assert store.append("line-1", [], held=[held]).held == 1
    store.append("line-1", [], held=[replace(held, reason="still no time")])
    store.append("line-2", [], held=[held])
    first, second = store.quarantine()
    assert (first.raw, first.origin, first.times) == (held.raw, "line\\x00/1", 2)
    assert first.reason == "still no time"
    assert first.received == NOW
    assert (second.source, second.times) == ("line-2", 1)
    assert store.status().held == {"line-1": 1, "line-2": 1}


def test_a_giant_message_is_cut_and_says_so(store: EventStore) -> None:
    store.append("line-1", [], held=[Held("x" * 1_000_001, "t", "too long")])
    (held,) = store.quarantine()
    assert len(held.raw) == 1_000_000
    assert "first 1000000 of its 1000001" in held.reason


def test_a_replay_stores_and_settles_in_one_transaction(store: EventStore) -> None:
    store.append("line-1", [ended(1)], held=[Held(f"m{n}", "t", "unknown") for n in range(4)])
    first, second, third, fourth = (held.id for held in store.quarantine())
    done = store.resolve(
        [first, second, third], "line-1", [ended(2), ended(3)], {third: "unit PRESS-X unknown"}
    )
    assert done == Appended(2, 0, 0)
    waiting = store.quarantine()
    assert [held.id for held in waiting] == [third, fourth]
    assert [(held.tries, held.reason) for held in waiting] == [
        (1, "unit PRESS-X unknown"),
        (0, "unknown"),
    ]
    assert store.resolve([first, second], "line-1", [ended(2), ended(3)], {}) == Appended(0, 2, 0)


def test_the_quarantine_is_read_page_by_page(store: EventStore) -> None:
    store.append("line-1", [], held=[Held(str(n), "t", "x") for n in range(7)])
    found, after = [], 0
    while page := store.quarantine(limit=3, after=after):
        found += [held.raw for held in page]
        after = page[-1].id
    assert found == [str(n) for n in range(7)]


def test_a_replayed_conflict_waits_on_in_its_own_row(store: EventStore) -> None:
    store.append("line-1", [ended(1)])
    store.append("line-1", [ended(1, quantity=7.0)])
    (held,) = store.quarantine()
    event = event_of_raw(held.raw)
    assert event is not None
    assert store.resolve([held.id], "line-1", [event], {}) == Appended(0, 0, 1)
    (again,) = store.quarantine()
    assert again.id == held.id
    assert again.tries == 1
    mended = replace(event, key="line-1:1b")
    assert store.resolve([again.id], "line-1", [mended], {}).stored == 1
    assert store.quarantine() == []


def test_what_is_discarded_waits_no_more_and_is_still_there(
    store: EventStore, place: Place
) -> None:
    store.append("line-1", [], held=[Held("a", "t", "x"), Held("b", "t", "x")])
    first = store.quarantine()[0].id
    assert store.discard([first, 999], "test messages") == 1
    assert store.discard([first], "again") == 0
    many = range(10**6, 10**6 + 70_000)  # more than a statement of PostgreSQL takes
    assert store.discard(many, "never there") == 0
    assert [held.raw for held in store.quarantine()] == ["b"]
    rows = place.query("select status, reason from noria_quarantine order by id")
    assert rows == [("discarded", "test messages"), ("waiting", "x")]


def test_a_reader_sees_whole_batches_only(store: EventStore, place: Place) -> None:
    """Two writers, each batch of 40 rows; whoever looks finds multiples of 40."""
    seen: set[int] = set()
    done = threading.Event()
    faults: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with place.open() as own:
                for batch in range(25):
                    numbers = range(batch * 40, batch * 40 + 40)
                    own.append(name, [ended(n, key=f"{name}:{n}") for n in numbers])
        except BaseException as error:
            faults.append(error)

    def read() -> None:
        try:
            while not done.is_set():
                seen.add(store.status().events)
                log, _ = store.since(0)
                seen.add(len(log))
        except BaseException as error:
            faults.append(error)

    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert faults == []
    assert all(count % 40 == 0 for count in seen)
    assert len(seen - {0, 2000}) > 1, "the reader looked only before or after"
    table = store.since(0)[0].table
    assert table["sequence"].tolist() == list(range(1, 2001))
    assert len({*keys_of(place)}) == 2000


def test_a_follower_misses_nothing_of_two_writers(store: EventStore, place: Place) -> None:
    """Numbers are given in the order of commits: asking since the last one is enough."""

    def write(name: str) -> None:
        with place.open() as own:
            for n in range(30):
                own.append(name, [ended(n, key=f"{name}:{n}")])

    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in writers:
        thread.start()
    followed, sequence = 0, 0
    while any(thread.is_alive() for thread in writers) or sequence < store.last_sequence():
        log, sequence = store.since(sequence, limit=17)
        followed += len(log)
    assert followed == 90


def test_the_key_of_content_ignores_the_key_and_knows_every_column() -> None:
    event = ended(1)
    assert content_key(event) == content_key(replace(event, key="other", scrap=1))
    changes: list[dict[str, Any]] = [
        {"time": event.time + timedelta(microseconds=1)}, {"event": "start"}, {"quantity": 1.0},
        {"work_unit": "X"}, {"order": ""}, {"operation": ""}, {"product": ""}, {"lot": ""},
        {"material": "m"}, {"scrap": NAN}, {"verdict": "v"}, {"reason": "r"}, {"state": "down"},
        {"order": event.operation, "operation": event.order},
    ]  # fmt: skip
    keys = {content_key(replace(event, **change)) for change in changes}
    assert len(keys | {content_key(event)}) == len(changes) + 1
