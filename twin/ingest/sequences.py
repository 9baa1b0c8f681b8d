"""Numbers that a sender gives its messages, so that missing ones are known and named.

A sender counts 1, 2, 3, … A number that is skipped is missing until it comes, late or sent again.
What is missing is remembered with the position of the source, through any restart.
A sender that begins anew at a lower number tells nothing until it passes its old one; let it go on
counting through its restarts, or name its restart in ``of`` as well.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, model_validator

from twin.ingest.signature import Message, Waits
from twin.ingest.values import found_at
from twin.model.base import Frozen

MOST_GAPS = 1000
"""Gaps remembered of one sender; the oldest beyond them is given up, and said so."""
PATIENCE_SECONDS = 5.0
"""How long a gap may last before it is said: messages overtake each other."""
LONGEST_GAP = 1_000_000
"""A number so far ahead is no count of messages."""
SHOWN_GAPS = 10
ASKED_GAPS = 100
"""Gaps of one sender that are asked for at once."""
MOST_SENDERS = 10_000
"""Senders counted; with more, what names the sender is more likely to name the message."""


class Numbering(Frozen):
    """Where a message has its number, and who counts."""

    number: str = Field(min_length=1)
    """Field with the number."""
    of: list[str] = Field(default_factory=lambda: ["topic"])
    """Fields that name the sender that counts; default: the topic."""

    @model_validator(mode="before")
    @classmethod
    def _number_alone(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"number": value}
        if isinstance(value, dict) and isinstance(value.get("of"), str):
            return {**value, "of": [value["of"]]}
        return value


@dataclass
class Sender:
    """What is known of the numbers of one sender."""

    next: int
    """The lowest number never seen, nor known to be missing."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """First and last number of each gap, ascending."""
    given_up: int = 0
    """Messages of gaps that are no longer remembered."""
    since: dict[tuple[int, int], float] = field(default_factory=dict)
    """When a gap was first seen, or changed [s of ``clock``]."""
    strange: int | None = None
    """A number too far ahead to be counted from."""

    @property
    def missing(self) -> int:
        return self.given_up + sum(last - first + 1 for first, last in self.gaps)


@dataclass
class Asking:
    """When a sender may be asked again for what is missing [s of the clock]."""

    due: float
    missing: int = 0
    """Messages that were missing when it was asked last."""
    waits: Waits = field(default_factory=lambda: Waits(first=5, longest=600))


class Sequences:
    """The numbers of all senders of a source.

    >>> numbers = Sequences()
    >>> for number in (1, 2, 5, 4): numbers.take("PRESS-1", number)
    >>> numbers.senders["PRESS-1"].gaps
    [(3, 3)]
    """

    def __init__(
        self, saved: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.senders: dict[str, Sender] = {}
        self._clock = clock
        self._asking: dict[str, Asking] = {}
        self._has_too_many = False
        self._said: dict[str, tuple[str, int]] = {}
        for name, (after, gaps, given_up) in (saved or {}).items():
            pairs = [(first, last) for first, last in gaps]
            self.senders[name] = Sender(after, pairs, given_up, dict.fromkeys(pairs, clock()))

    def as_json(self) -> dict[str, Any]:
        """For the position of the source."""
        return {
            name: [s.next, [list(gap) for gap in s.gaps], s.given_up]
            for name, s in self.senders.items()
        }

    def take(self, name: str, number: int) -> None:
        """A message with this number has come."""
        sender = self.senders.get(name)
        if sender is None and len(self.senders) >= MOST_SENDERS:
            self._has_too_many = True
        elif sender is None:
            self.senders[name] = Sender(number + 1)
        elif number - sender.next >= LONGEST_GAP:
            sender.strange = number
        elif number == sender.next:
            sender.next += 1
            sender.strange = None
        elif number > sender.next:
            self._open(sender, (sender.next, number - 1))
            sender.next = number + 1
        elif sender.gaps:
            self._fill(sender, number)

    def news(self) -> Iterator[tuple[str, str, int]]:
        """Senders whose trouble has changed: what is wrong now (empty: nothing), and how many
        messages are newly known to be missing."""
        now = self._clock()
        if self._has_too_many:
            many = f"more than {MOST_SENDERS} senders; check what sequence.of names"
            yield "sequence", many, 0
        for name, sender in self.senders.items():
            text, missing = _trouble(sender, self._lasting(sender, now))
            said, before = self._said.get(name, ("", 0))
            if (text, missing) != (said, before):
                self._said[name] = (text, missing)
                yield name, text, max(0, missing - before)

    def wanted(self) -> Iterator[tuple[str, list[tuple[int, int]]]]:
        """Gaps that are to be asked for now; each sender is asked less and less often."""
        now = self._clock()
        for name, sender in self.senders.items():
            gaps = self._lasting(sender, now)
            if not gaps:
                self._asking.pop(name, None)
                continue
            asking = self._asking.setdefault(name, Asking(due=now))
            if now < asking.due:
                continue
            if sender.missing < asking.missing:  # it answers
                asking.waits.reset()
            asking.missing, asking.due = sender.missing, now + next(asking.waits)
            yield name, gaps[:ASKED_GAPS]

    def _open(self, sender: Sender, gap: tuple[int, int]) -> None:
        sender.gaps.append(gap)
        sender.since[gap] = self._clock()
        if len(sender.gaps) > MOST_GAPS:
            first, last = oldest = sender.gaps.pop(0)
            sender.since.pop(oldest)
            sender.given_up += last - first + 1

    def _fill(self, sender: Sender, number: int) -> None:
        at = bisect_right(sender.gaps, number, key=lambda gap: gap[0]) - 1
        if at < 0 or number > sender.gaps[at][1]:
            return  # told before
        first, last = gap = sender.gaps[at]
        rest = [g for g in ((first, number - 1), (number + 1, last)) if g[0] <= g[1]]
        sender.gaps[at : at + 1] = rest
        since = sender.since.pop(gap)
        sender.since.update(dict.fromkeys(rest, since))

    def _lasting(self, sender: Sender, now: float) -> list[tuple[int, int]]:
        return [gap for gap in sender.gaps if now - sender.since[gap] >= PATIENCE_SECONDS]


def numbers_of(messages: list[Message], numbering: Numbering) -> Iterator[tuple[str, int]]:
    """Sender and number of each message that has both."""
    take_number, take_names = found_at(numbering.number), [found_at(n) for n in numbering.of]
    for message in messages:
        number = take_number(message.values)
        if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 19:
            number = int(number)
        if type(number) is int and number >= 0:
            names = [str(take(message.values)) for take in take_names]
            yield " ".join(names)[:200], number


def _trouble(sender: Sender, gaps: list[tuple[int, int]]) -> tuple[str, int]:
    """What is wrong with a sender, and how many of its messages are missing."""
    missing = sum(last - first + 1 for first, last in gaps)
    parts = []
    if missing:
        ranges = [str(a) if a == b else f"{a}-{b}" for a, b in gaps[:SHOWN_GAPS]]
        more = f" and {len(gaps) - SHOWN_GAPS} more gaps" if len(gaps) > SHOWN_GAPS else ""
        what = "message is missing: number" if missing == 1 else "messages are missing: numbers"
        parts.append(f"{missing} {what} {', '.join(ranges)}{more}; send again")
    if sender.given_up:
        parts.append(f"{sender.given_up} messages of older gaps are no longer waited for")
    if sender.strange is not None:
        jump = f"number {sender.strange} came after {sender.next - 1}"
        parts.append(f"{jump}; check what sequence.number names")
    return "; ".join(parts), missing + sender.given_up
