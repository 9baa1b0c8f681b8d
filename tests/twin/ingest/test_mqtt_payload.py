"""What is in an MQTT message."""

import json

import pytest

from twin.ingest.mqtt_payload import messages_of

TOPIC = "plant/line1/events"


def read(payload: bytes, largest: int = 10_000) -> list[dict[str, object]]:
    return [
        {k: v for k, v in m.values.items() if not k.startswith("topic")}
        for m in messages_of(TOPIC, payload, largest)
        if not m.refused
    ]


def refused(payload: bytes, largest: int = 10_000) -> list[str]:
    return [m.refused for m in messages_of(TOPIC, payload, largest) if m.refused]


@pytest.mark.parametrize(
    "payload",
    [
        b'[{"a": 1}, {"a": 2}]',
        b' [{"a":1},{"a":2}] ',
        b'{"a": 1}\n{"a": 2}\n',
        b'{"a": 1}\r\n\r\n{"a": 2}',
    ],
)
def test_an_object_each_from_a_list_or_lines(payload: bytes) -> None:
    assert read(payload) == [{"a": 1}, {"a": 2}]
    assert refused(payload) == []


def test_the_topic_and_its_levels_stand_beside_the_fields() -> None:
    (message,) = messages_of("plant/line1", b'{"a": 1}', 100)
    assert message.values == {
        "a": 1,
        "topic": "plant/line1",
        "topic.0": "plant",
        "topic.1": "line1",
    }


def test_a_sender_cannot_pretend_to_another_topic() -> None:
    (message,) = messages_of("plant/line1", b'{"topic": "plant/line2", "topic.1": "line2"}', 100)
    assert message.values["topic"] == "plant/line1"
    assert message.values["topic.1"] == "line1"


def test_one_bad_line_leaves_the_others() -> None:
    payload = b'{"a": 1}\n{"a": \n{"a": 3}'
    assert read(payload) == [{"a": 1}, {"a": 3}]
    assert len(refused(payload)) == 1
    assert refused(payload)[0].startswith("line 2: not JSON")


def test_one_bad_item_leaves_the_others() -> None:
    payload = b'[{"a": 1}, 7, {"a": 3}]'
    assert read(payload) == [{"a": 1}, {"a": 3}]
    assert refused(payload) == ["item 2: a JSON object is expected, got a number"]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "empty"),
        (b"[]", "empty"),
        (b"RUN", "not JSON"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8"),
        ('{"a": "é"}'.encode("latin-1"), "is not UTF-8"),
        (b'{"a": 1', "not JSON"),
        (b"17", "got a number"),
        (b"null", "got null"),
        (b'"text"', "got a text"),
        (b"true", "got true or false"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1, "a": 2}', "a field appears twice"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not JSON"),
    ],
)
def test_what_cannot_be_read_says_why(payload: bytes, why: str) -> None:
    found = messages_of(TOPIC, payload, 10_000_000)
    assert len(found) == 1
    assert why in found[0].refused
    assert found[0].raw == payload.decode("utf-8", "backslashreplace")  # nothing is cut off
    found[0].raw.encode("utf-8")  # can be kept


def test_what_was_cut_off_never_reads_as_if_it_were_whole() -> None:
    payload = b'{"id": 12345}' + b" " * 6 + b"\n"
    payload *= 3000 // len(payload)
    (cut,) = messages_of(TOPIC, payload, 2900)
    assert "only its beginning is kept" in cut.refused
    again = messages_of(TOPIC, cut.raw.encode(), 10_000)
    assert any(message.refused for message in again)


def test_ten_megabytes_are_refused_by_their_size() -> None:
    payload = json.dumps({"a": "x" * 10_000_000}).encode()
    (why,) = refused(payload, largest=1_000_000)
    assert "10000009 bytes; at most 1000000" in why


def test_a_refused_message_can_be_read_again_from_what_is_kept() -> None:
    from twin.ingest.mqtt import MqttSource

    source = MqttSource(name="x", host="localhost", topics=["#"])
    (message,) = source.reread('{"a": 1}', "plant/line1 #3")
    assert message.values["topic"] == "plant/line1"
