"""What is in an MQTT message: a JSON object, a list of them, or one a line.

The topic stands beside the fields of the object: ``topic`` whole, ``topic.0``, ``topic.1``, … its
levels. A field of the message itself that is called ``topic`` stays hidden behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NoReturn

from twin.ingest.signature import Message

SHOWN = 2000
"""Characters kept of a payload that is too large; any other is kept whole."""


def messages_of(topic: str, payload: bytes, largest: int) -> list[Message]:
    """The messages of a payload; what cannot be read is one that is refused, with the reason.

    >>> [dict(m.values) for m in messages_of("line/1", b'[{"a": 1}, {"a": 2}]', 100)]
    [{'a': 1, 'topic': 'line/1', 'topic.0': 'line', 'topic.1': '1'},
     {'a': 2, 'topic': 'line/1', 'topic.0': 'line', 'topic.1': '1'}]
    """
    if not payload:
        return [_refused("", topic, "the message is empty; a JSON object is expected")]
    if len(payload) > largest:
        start = payload[:SHOWN].decode("utf-8", "backslashreplace")[:SHOWN]
        why = f"{len(payload)} bytes; at most {largest} are taken, and only its beginning is kept"
        # What is cut off must never read as if it were whole.
        return [_refused(f"{start}…", topic, f"{why}; see largest of the source")]
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = payload.decode("utf-8", "backslashreplace")
        why = f"byte {error.start} is not UTF-8; JSON in UTF-8 is expected"
        return [_refused(shown, topic, why)]
    try:
        content = _parsed(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and lines[0].lstrip().startswith("{"):
            return [_of_line(line, topic, n) for n, line in enumerate(lines, 1)]
        return [_refused(text, topic, _why_not(error))]
    if isinstance(content, dict):
        return [_message(content, text, topic, topic)]
    if isinstance(content, list):
        return list(_of_list(content, topic))
    return [_refused(text, topic, f"a JSON object is expected, got {_kind(content)}")]


def _of_line(line: str, topic: str, number: int) -> Message:
    origin = f"{topic} #{number}"
    try:
        content = _parsed(line)
    except (ValueError, RecursionError) as error:
        return _refused(line, origin, f"line {number}: {_why_not(error)}")
    if isinstance(content, dict):
        return _message(content, line, topic, origin)
    why = f"line {number}: a JSON object is expected, got {_kind(content)}"
    return _refused(line, origin, why)


def _of_list(content: list[Any], topic: str) -> Iterator[Message]:
    if not content:
        yield _refused("[]", topic, "the list is empty; JSON objects are expected in it")
    for number, item in enumerate(content, 1):
        origin = f"{topic} #{number}"
        text = json.dumps(item, ensure_ascii=False)
        if isinstance(item, dict):
            yield _message(item, text, topic, origin)
        else:
            why = f"item {number}: a JSON object is expected, got {_kind(item)}"
            yield _refused(text, origin, why)


def _message(content: dict[str, Any], text: str, topic: str, origin: str) -> Message:
    content.update(_levels(topic))
    return Message(content, text, origin)


@lru_cache(maxsize=4096)
def _levels(topic: str) -> dict[str, str]:
    return {"topic": topic, **{f"topic.{n}": part for n, part in enumerate(topic.split("/"))}}


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_no_number, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; the second of two fields with one name would hide the first without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field appears twice")
    return found


def _refused(raw: str, origin: str, why: str) -> Message:
    return Message({}, raw, origin, refused=why)


def _why_not(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    return f"not JSON: {error}"


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return kinds.get(type(value), "a list")
