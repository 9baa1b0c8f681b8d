"""One message to one event: the mapping, the plant's names, and what an event needs."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twin.ingest.mapping import Mapped
from twin.ingest.reading import NEEDED, Reader, compile_reader
from twin.ingest.registry import Registry
from twin.ingest.signature import Message
from twin.ingest.values import Refused
from twin.model.events import KINDS
from twin.store.keys import content_key, row_of
from twin.store.record import Event
from twin.store.writing import printable

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
TIME = "2026-11-23T05:00:00Z"
PLANT = Registry(
    units={"PRESS-1": "PRESS-1", "press1": "PRESS-1", "OVEN-1": "OVEN-1", "site": ""},
    operations=frozenset({"pressing"}),
    products=frozenset({"M4x20"}),
    areas=frozenset({"hall"}),
)


def reader(registry: Registry = PLANT, source: str = "line-1", **settings: Any) -> Reader:
    return compile_reader(Mapped.model_validate(settings), source, registry, content_key)


def read(values: dict[str, Any], own_key: str = "", **settings: Any) -> Event | None:
    return reader(**settings)(Message(values, json.dumps(values, default=str), "t", own_key), NOW)


def event(values: dict[str, Any], own_key: str = "", **settings: Any) -> Event:
    found = read(values, own_key, **settings)
    assert found is not None
    return found


def reason(values: dict[str, Any], own_key: str = "", **settings: Any) -> str:
    with pytest.raises(Refused) as refused:
        read(values, own_key, **settings)
    return str(refused.value)


STATE = {"time": TIME, "event": "state", "work_unit": "PRESS-1", "state": "working"}


def test_a_message_with_norias_own_names_needs_no_mapping() -> None:
    found = event({**STATE, "order": 4711, "quantity": 3, "operation": "pressing"})
    assert (found.time, found.event, found.work_unit) == (
        datetime(2026, 11, 23, 5, tzinfo=UTC), "state", "PRESS-1",
    )  # fmt: skip
    assert (found.state, found.order, found.quantity) == ("working", "4711", 3.0)
    assert math.isnan(found.scrap)


def test_the_mapping_of_the_handbook() -> None:
    fields = {
        "time": "head.ts",
        "work_unit": {"template": "{line}-{station}"},
        "event": {"value": "end"},
        "quantity": {"from": "kilos", "factor": 1000, "default": 0},
        "reason": {"from": "code", "values": {"17": "tool", "*": "other"}},
    }
    sent = {"head": {"ts": 1795410000000}, "line": "PRESS", "station": 1, "kilos": 1.5, "code": 17}
    found = event(sent, fields=fields, time_unit="ms")
    assert (found.work_unit, found.quantity, found.reason) == ("PRESS-1", 1500.0, "tool")
    found = event({**sent, "kilos": "", "code": 99}, fields=fields, time_unit="ms")
    assert (found.quantity, found.reason) == (0.0, "other")


def test_other_names_of_a_unit_mean_the_unit() -> None:
    assert event({**STATE, "work_unit": " press1 "}).work_unit == "PRESS-1"


def test_a_meter_of_the_site_has_no_unit() -> None:
    meter = {"time": TIME, "event": "meter", "quantity": 12.5}
    assert event({**meter, "work_unit": "site"}).work_unit == ""
    assert event(meter).work_unit == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"work_unit": "PRES-1"}, 'unknown work unit "PRES-1"; did you mean "PRESS-1"?'),
        ({"work_unit": "PRESS1"}, 'unknown work unit "PRESS1"; did you mean "press1"?'),
        ({"work_unit": "hall"}, '"hall" is an area'),
        ({"work_unit": "../../etc/passwd"}, 'unknown work unit "../../etc/passwd"'),
        ({"work_unit": ""}, "an event state needs work_unit"),
        ({"work_unit": None}, "an event state needs work_unit"),
        ({"operation": "welding"}, 'unknown operation "welding"'),
        ({"product": "M4x2"}, 'unknown product "M4x2"; did you mean "M4x20"?'),
        ({"state": "RUN"}, 'unknown state "RUN"'),
        ({"state": ""}, "an event state needs state"),
        ({"event": "stat"}, 'unknown event "stat"; did you mean "state"?'),
        ({"event": ""}, "event is missing"),
        ({"time": ""}, "time is missing"),
        ({"time": "1970-01-21T10:30:00Z"}, "before 2001"),
        ({"time": "2026-11-23T07:00:01Z"}, "h ahead of ours"),
        ({"quantity": -1}, "a quantity is 0 or above"),
        ({"verdict": "good"}, 'unknown verdict "good"'),
        ({"event": "meter", "quantity": None}, "an event meter needs quantity"),
        ({"event": "release"}, "an event release needs order"),
        ({"event": "verdict"}, "an event verdict needs verdict"),
    ],
)
def test_what_is_no_event_is_held_with_the_reason(change: dict[str, Any], told: str) -> None:
    assert told in reason({**STATE, **change})


def test_all_faults_of_a_message_are_told_together() -> None:
    told = reason({**STATE, "work_unit": "X", "quantity": "much", "time": "today"})
    assert told.count("; and ") == 2


def test_an_event_up_to_an_hour_ahead_is_a_clock_that_goes_fast() -> None:
    ahead = (NOW + timedelta(minutes=59)).isoformat()
    assert event({**STATE, "time": ahead}).time == NOW + timedelta(minutes=59)


def test_a_value_without_translation_is_held_by_name() -> None:
    rule = {"state": {"from": "s", "values": {"RUN": "working"}}}
    assert event({**STATE, "s": "RUN"}, fields=rule).state == "working"
    told = reason({**STATE, "s": "RUNNING"}, fields=rule)
    assert 'state: "RUNNING" is not among fields.state.values' in told
    assert "a single value" in reason({**STATE, "s": ["RUN"]}, fields=rule)


def test_a_template_lacking_a_part_is_held() -> None:
    rule = {"order": {"template": "{plant}-{number}"}}
    assert event({**STATE, "plant": "K", "number": 7}, fields=rule).order == "K-7"
    assert event({**STATE}, fields=rule).order == ""
    assert "the template lacks number" in reason({**STATE, "plant": "K"}, fields=rule)


def test_a_template_is_filled_not_evaluated() -> None:
    rule = {"order": {"template": "{a.__class__}"}}
    assert event({**STATE, "a": "x"}, fields=rule).order == ""


def test_messages_to_ignore_are_no_events() -> None:
    ignore = {"type": ["heartbeat", 0]}
    assert read({"type": "heartbeat"}, ignore=ignore) is None
    assert read({"type": 0}, ignore=ignore) is None
    assert read({**STATE, "type": "data"}, ignore=ignore) is not None
    assert "time is missing" in reason({"type": ["heartbeat"]}, ignore=ignore)


def test_unread_fields_are_ignored_unless_strict() -> None:
    assert event({**STATE, "firmware": "1.2"}).state == "working"
    assert 'unknown field "firmware"' in reason({**STATE, "firmware": "1.2"}, strict=True)


def test_without_a_key_the_content_is_the_key_whoever_tells_it() -> None:
    first = event(STATE)
    assert first.key == content_key(first) == event(STATE, source="line-2").key
    assert event({**STATE, "state": "down"}).key != first.key


def test_keys_of_two_sources_do_not_meet() -> None:
    keyed = {**STATE, "id": 17}
    assert {event(keyed, source=s, key=["id"]).key for s in "ab"} == {"a:17", "b:17"}
    assert {event(keyed, source=s, key=["id"], key_space="mes").key for s in "ab"} == {"mes:17"}


def test_the_sources_own_key_comes_first() -> None:
    assert event({**STATE, "id": 1}, "n-5").key == "line-1:n-5"


@pytest.mark.parametrize(
    ("one", "other"), [(("a|b", "c"), ("a", "b|c")), (("a\\", "b"), ("a", "\\|b"))]
)
def test_keys_of_several_fields_cannot_be_mistaken(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    keys = {event({**STATE, "x": x, "y": y}, key=["x", "y"]).key for x, y in (one, other)}
    assert len(keys) == 2


def test_a_long_key_becomes_a_digest() -> None:
    key = event(STATE, "k" * 5000).key
    assert len(key) < 100
    assert key != event(STATE, "k" * 5001).key


def test_a_key_that_is_missing_or_no_text_is_held() -> None:
    one = reader(key=["id"])
    for value in (None, "", [1], 1.5, True):
        with pytest.raises(Refused, match="key"):
            one(Message({**STATE, "id": value}, "", ""), NOW)


def test_what_the_source_refused_stays_refused() -> None:
    with pytest.raises(Refused, match="not JSON"):
        reader()(Message({}, "{", "t", refused="not JSON"), NOW)


def test_every_kind_says_what_it_needs() -> None:
    assert set(NEEDED) == set(KINDS)


# --- whatever comes in ---

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from([TIME, "PRESS-1", "state", "working", "pass", "1e5", "-0", "site"])
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
NAMES = ("time", "event", "work_unit", "state", "quantity", "scrap", "verdict", "order", "id", "a")
messages = st.dictionaries(st.sampled_from(NAMES) | st.text(), anything)
readers = st.sampled_from(
    [
        reader(),
        reader(registry=Registry(is_open=True), time_unit="ms", timezone="Europe/Paris"),
        reader(key=["id", "a.b"], ignore={"a": ["x"]}, strict=True),
        reader(
            fields={
                "work_unit": {"template": "{a.b}-{id}"},
                "state": {"from": "a", "values": {"1": "working", "*": "down"}, "default": "off"},
                "quantity": {"from": "quantity", "factor": 1e10},
            }
        ),
    ]
)


def outcome(read_one: Reader, message: Message) -> tuple[Event | None, str]:
    """The event, or the reason."""
    try:
        return read_one(message, NOW), ""
    except Refused as refused:
        return None, str(refused) or "NO REASON"


@given(readers, messages, st.text())
@example(reader(), {**STATE, "order": "\ud800"}, "")
def test_any_json_is_an_event_or_has_a_reason(
    read_one: Reader, values: dict[str, Any], key: str
) -> None:
    found, why = outcome(read_one, Message(values, "", "t", key))
    assert (found is None) or not why
    assert printable(why) == why
    if found is None:
        return
    assert found.key
    assert found.event in KINDS
    assert found.time.utcoffset() == timedelta(0)
    assert all(math.isnan(n) or 0 <= n < math.inf for n in (found.quantity, found.scrap))
    assert all(isinstance(cell, str) for cell in row_of(found)[2:-2])
    json.dumps([found.order, found.key], ensure_ascii=False).encode()
