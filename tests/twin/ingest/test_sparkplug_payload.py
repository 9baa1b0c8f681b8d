"""The Sparkplug B payload, held against bytes made by hand from the specification."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from twin.ingest.sparkplug_payload import Unreadable, decode, encode, rebirth_request, value_of


def varint(number: int) -> bytes:
    """A number as protocol buffers write it: seven bits a byte, the lowest first."""
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, content: int | bytes | float, *, is_double: bool = True) -> bytes:
    """A field by its number: integers as varint, bytes with their length, floats fixed."""
    if isinstance(content, float):
        kind, packed = (
            (1, struct.pack("<d", content)) if is_double else (5, struct.pack("<f", content))
        )
        return varint(number << 3 | kind) + packed
    if isinstance(content, bytes):
        return varint(number << 3 | 2) + varint(len(content)) + content
    return varint(number << 3) + varint(content)


MILLISECONDS = 1_795_447_515_123


def test_a_payload_by_the_specification_is_read() -> None:
    """Payload: 1 timestamp, 2 metrics, 3 seq. Metric: 1 name, 2 alias, 3 timestamp, 4 datatype,
    5 is_historical, 7 is_null, 10 int, 11 long, 12 float, 13 double, 14 boolean, 15 string."""
    metric = (
        field(1, b"Status/State") + field(2, 17) + field(3, MILLISECONDS) + field(4, 3)
        + field(5, 1) + field(10, 9)
    )  # fmt: skip
    payload = decode(field(1, MILLISECONDS + 1) + field(2, metric) + field(3, 255))
    assert (payload.milliseconds, payload.seq) == (MILLISECONDS + 1, 255)
    (found,) = payload.metrics
    assert (found.name, found.alias, found.milliseconds) == ("Status/State", 17, MILLISECONDS)
    assert (found.datatype, found.is_historical, found.is_null) == (3, True, False)
    assert value_of(found, found.datatype) == 9


@pytest.mark.parametrize(
    ("datatype", "number", "content", "value"),
    [
        (1, 10, 0xFF, -1),  # Int8 in its own width
        (1, 10, 0xFFFFFF80, -128),  # Int8 widened with its sign
        (1, 10, 127, 127),
        (2, 10, 0xFFFF, -1),
        (2, 10, 40, 40),
        (3, 10, 0xFFFFFFFF, -1),
        (3, 10, 0x80000000, -(2**31)),
        (4, 11, 2**64 - 1, -1),
        (4, 11, 2**63 - 1, 2**63 - 1),
        (5, 10, 255, 255),
        (6, 10, 65535, 65535),
        (7, 10, 2**32 - 1, 2**32 - 1),
        (7, 11, 2**32 - 1, 2**32 - 1),  # UInt32 in the long field, as the Java library writes it
        (8, 11, 2**64 - 1, 2**64 - 1),
        (9, 12, 0.1, 0.1),
        (9, 12, 16777215.0, 16777215.0),
        (10, 13, 0.1, 0.1),
        (11, 14, 1, True),
        (11, 14, 0, False),
        (12, 15, "Größe 4".encode(), "Größe 4"),
        (13, 11, 0, "1970-01-01T00:00:00+00:00"),
        (14, 15, b"", ""),
    ],
)
def test_each_data_type_gives_its_value(
    datatype: int, number: int, content: Any, value: object
) -> None:
    metric = field(1, b"m") + field(4, datatype) + field(number, content, is_double=number == 13)
    (found,) = decode(field(2, metric)).metrics
    assert value_of(found, datatype) == value
    assert type(value_of(found, datatype)) is type(value)


def test_null_is_no_value_whatever_stands_beside_it() -> None:
    metric = field(1, b"m") + field(4, 3) + field(7, 1) + field(10, 5)
    (found,) = decode(field(2, metric)).metrics
    assert value_of(found, 3) is None


@pytest.mark.parametrize(("datatype", "content"), [(1, 300), (1, 200_000), (2, 70_000)])
def test_an_integer_too_wide_for_its_type_is_refused(datatype: int, content: int) -> None:
    (found,) = decode(field(2, field(1, b"m") + field(10, content))).metrics
    with pytest.raises(Unreadable, match="does not fit"):
        value_of(found, datatype)


def test_bytes_and_data_sets_are_no_signals() -> None:
    metrics = [field(1, b"m") + field(4, t) + field(n, b"x") for t, n in ((17, 16), (16, 17))]
    payload = decode(b"".join(field(2, m) for m in metrics))
    assert [value_of(m, m.datatype) for m in payload.metrics] == [None, None]


def test_metrics_of_a_template_stand_under_its_name() -> None:
    """Template is field 18 of a metric, with its metrics in field 2."""
    member = field(1, b"Speed") + field(4, 10) + field(13, 1.5)
    template = field(1, b"Press1") + field(4, 19) + field(18, field(2, member))
    (found,) = decode(field(2, template)).metrics
    assert (found.name, value_of(found, 10)) == ("Press1/Speed", 1.5)


def test_the_definition_of_a_template_is_no_metric() -> None:
    member = field(1, b"Speed") + field(13, 1.5)
    template = field(1, b"_types_/Press") + field(18, field(2, member) + field(5, 1))
    assert decode(field(2, template)).metrics == ()


@pytest.mark.parametrize(
    "data", [b"\xff" * 20, b'{"state": 1}', b"\x0a\xff", field(2, b"\x0a\x02\xff\xfe")]
)
def test_what_is_no_payload_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(data)


def test_templates_nested_without_end_are_refused() -> None:
    metric = field(1, b"m")
    for _ in range(2000):
        metric = field(1, b"m") + field(18, field(2, metric))
    with pytest.raises(Unreadable):
        decode(field(2, metric))


def test_the_wish_for_a_birth_is_what_the_specification_says() -> None:
    wish = field(1, b"Node Control/Rebirth") + field(3, MILLISECONDS) + field(4, 11) + field(14, 1)
    assert rebirth_request(MILLISECONDS) == field(1, MILLISECONDS) + field(2, wish)


def test_what_is_written_is_read_again() -> None:
    data = encode([{"name": "a", "alias": 3, "datatype": 12, "string_value": "x"}], seq=4)
    payload = decode(data)
    assert (payload.seq, payload.metrics[0].alias, payload.metrics[0].content) == (4, 3, "x")
