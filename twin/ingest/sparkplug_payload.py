"""The payload of Sparkplug B messages, a protocol buffer, read into plain values and written.

Field numbers and data types are those of the Eclipse Sparkplug specification 3.0, chapter 6
(package org.eclipse.tahu.protobuf): Payload, Metric and, for metrics within a metric, Template.
What a plant cannot use as a signal (data sets, files, properties) is skipped by number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types of integers that may be negative, and their width; they travel unsigned."""
FLOAT, BOOLEAN, DATE_TIME, TEMPLATE = 9, 11, 13, 19
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACKAGE = "noria.sparkplug"
_PAYLOAD = {"timestamp": (1, "uint64"), "metrics": (2, "*Metric"), "seq": (3, "uint64")}
_METRIC = {
    "name": (1, "string"),
    "alias": (2, "uint64"),
    "timestamp": (3, "uint64"),
    "datatype": (4, "uint32"),
    "is_historical": (5, "bool"),
    "is_null": (7, "bool"),
    "int_value": (10, "uint32"),
    "long_value": (11, "uint64"),
    "float_value": (12, "float"),
    "double_value": (13, "double"),
    "boolean_value": (14, "bool"),
    "string_value": (15, "string"),
    "template_value": (18, "Template"),
}
_TEMPLATE = {"metrics": (2, "*Metric"), "is_definition": (5, "bool")}
_VALUES = tuple(name for name in _METRIC if name.endswith("_value"))


class Unreadable(ValueError):
    """A payload or value that is not what the specification says; the text tells what."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it came; ``name`` or ``alias`` says which."""

    name: str
    alias: int | None
    milliseconds: int | None
    """Since 1970 UTC; None: as the payload."""
    datatype: int
    """0 where the message leaves it to the birth."""
    is_historical: bool
    is_null: bool
    field: str
    """Which of the value fields is filled; empty when none is."""
    content: Any
    """What is in that field, before the data type is applied."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One message."""

    milliseconds: int | None
    seq: int | None
    metrics: tuple[Metric, ...]


def decode(data: bytes) -> Payload:
    """Read a payload.

    Raises
    ------
    Unreadable
        When the bytes are no such protocol buffer.
    """
    from google.protobuf.message import DecodeError

    message = _payload_class()()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError, UnicodeDecodeError):
        raise Unreadable("not a Sparkplug B payload") from None
    return Payload(
        message.timestamp if message.HasField("timestamp") else None,
        message.seq if message.HasField("seq") else None,
        tuple(_metrics(message.metrics, "")),
    )


def encode(
    metrics: list[dict[str, Any]], *, seq: int | None = None, milliseconds: int | None = None
) -> bytes:
    """Write a payload; each metric is a mapping of its fields by name."""
    message = _payload_class()()
    if milliseconds is not None:
        message.timestamp = milliseconds
    if seq is not None:
        message.seq = seq
    for metric in metrics:
        message.metrics.add(**metric)
    data: bytes = message.SerializeToString()
    return data


def rebirth_request(milliseconds: int) -> bytes:
    """The command that asks an edge node for its birth certificate."""
    wish = {
        "name": "Node Control/Rebirth",
        "timestamp": milliseconds,
        "datatype": BOOLEAN,
        "boolean_value": True,
    }
    return encode([wish], milliseconds=milliseconds)


def value_of(metric: Metric, datatype: int) -> bool | int | float | str | None:
    """The value in its data type; None when it is null.

    >>> value_of(Metric("t", None, None, 0, False, False, "int_value", 4294967295), 3)
    -1

    Raises
    ------
    Unreadable
        When a signal cannot have such a value, or it does not fit its type.
    """
    if metric.is_null or not metric.field:
        return None
    value = metric.content
    if bits := SIGNED_BITS.get(datatype):
        return _signed(value, bits)
    if datatype == FLOAT and isinstance(value, float):
        return _shortest(value)
    if datatype == DATE_TIME and isinstance(value, int):
        return instant(value).isoformat()
    if isinstance(value, bool | int | float | str):
        return value
    raise Unreadable(f"data type {datatype} cannot be a signal")


def instant(milliseconds: int) -> datetime:
    """The time of a timestamp.

    Raises
    ------
    Unreadable
        Beyond the year 9999.
    """
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise Unreadable(f"{milliseconds} ms since 1970 is no time") from None


def _signed(value: Any, bits: int) -> int:
    """An integer that travels unsigned: in its own width, or widened with its sign."""
    if not isinstance(value, int):
        raise Unreadable(f"{value!r} is no integer of {bits} bits")
    half, sizes = 1 << (bits - 1), (bits, 32, 64)
    if value < half:
        return value
    for size in sizes:
        if (1 << size) - half <= value < 1 << size:
            return value - (1 << size)
    raise Unreadable(f"{value} does not fit {bits} bits")


def _shortest(value: float) -> float:
    """The shortest decimal that is this number in 32 bits: 0.1, not 0.10000000149."""
    if value in (float("inf"), float("-inf")) or value != value:
        return value
    exact = struct.pack("<f", value)
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == exact:
            return short
    return float(f"{value:.9g}")


def _metrics(messages: Any, above: str) -> Iterator[Metric]:
    """Metrics, those of a template under its name."""
    for m in messages:
        if not isinstance(m.name, str):
            raise Unreadable("the name of a metric is not UTF-8")
        name = above + m.name
        field = next((f for f in _VALUES if m.HasField(f)), "")
        if field == "template_value":
            if not m.template_value.is_definition:
                yield from _metrics(m.template_value.metrics, f"{name}/" if name else "")
            continue
        yield Metric(
            name if m.HasField("name") else "",
            m.alias if m.HasField("alias") else None,
            m.timestamp if m.HasField("timestamp") else None,
            m.datatype,
            m.is_historical,
            m.is_null,
            field,
            getattr(m, field) if field else None,
        )


@cache
def _payload_class() -> Any:
    """The class of payloads, made from the tables above."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="noria_sparkplug.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in (("Payload", _PAYLOAD), ("Metric", _METRIC), ("Template", _TEMPLATE)):
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            item = message.field.add(name=field, number=number)
            item.label = item.LABEL_REPEATED if kind[0] == "*" else item.LABEL_OPTIONAL
            if kind.lstrip("*")[0].isupper():
                item.type = item.TYPE_MESSAGE
                item.type_name = f".{_PACKAGE}.{kind.lstrip('*')}"
            else:
                item.type = getattr(item, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))
