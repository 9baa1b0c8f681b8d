"""Numbers that senders give their messages."""

import json
import random
from itertools import pairwise

import pytest

from twin.ingest.sequences import (
    MOST_GAPS,
    PATIENCE_SECONDS,
    Numbering,
    Sequences,
    numbers_of,
)
from twin.ingest.signature import Message


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(*numbers: int, clock: Clock | None = None) -> Sequences:
    sequences = Sequences(clock=clock or Clock())
    for number in numbers:
        sequences.take("PRESS-1", number)
    return sequences


def test_what_is_skipped_is_missing_until_it_comes() -> None:
    assert taken(1, 2, 5).senders["PRESS-1"].gaps == [(3, 4)]
    assert taken(1, 2, 5, 4).senders["PRESS-1"].gaps == [(3, 3)]
    assert taken(1, 2, 5, 4, 3).senders["PRESS-1"].missing == 0


def test_any_order_and_any_repetition_end_with_what_never_came() -> None:
    draw = random.Random(7)
    lost = {n for n in range(2, 500) if draw.random() < 0.2}
    came = [n for n in range(1, 501) if n not in lost] * 2
    draw.shuffle(came)
    sequences = taken(1, *came)
    found = {n for a, b in sequences.senders["PRESS-1"].gaps for n in range(a, b + 1)}
    assert found == lost


def test_the_first_number_heard_of_is_where_counting_begins() -> None:
    assert taken(4711, 4710).senders["PRESS-1"].missing == 0


def test_senders_are_counted_apart() -> None:
    sequences = taken(1, 2)
    sequences.take("PRESS-2", 9)
    assert all(s.missing == 0 for s in sequences.senders.values())


def test_a_gap_is_named_once_it_lasts_and_is_well_when_filled() -> None:
    clock = Clock()
    sequences = taken(1, 2, 5, 9, clock=clock)
    assert list(sequences.news()) == []
    clock.now += PATIENCE_SECONDS
    text = "5 messages are missing: numbers 3-4, 6-8; send again"
    assert list(sequences.news()) == [("PRESS-1", text, 5)]
    assert list(sequences.news()) == []
    for number in (3, 4, 6, 7, 8):
        sequences.take("PRESS-1", number)
    assert list(sequences.news()) == [("PRESS-1", "", 0)]


def test_missing_numbers_are_asked_for_less_and_less_often() -> None:
    clock = Clock()
    sequences = taken(1, 3, clock=clock)
    assert list(sequences.wanted()) == []
    asked = []
    for _ in range(400):
        clock.now += 0.5
        asked += [clock.now for _ in sequences.wanted()]
    assert [b - a for a, b in pairwise(asked)] == [5, 10, 20, 40, 80]


def test_a_sender_that_answers_is_asked_for_the_rest_soon() -> None:
    clock = Clock()
    sequences = taken(1, 3, 5, clock=clock)
    asked = []
    for step in range(200):
        clock.now += 0.5
        asked += [clock.now for _ in sequences.wanted()]
        if step == 120:
            sequences.take("PRESS-1", 2)
    assert [b - a for a, b in pairwise(asked)] == [5, 10, 20, 40, 5, 10]


def test_more_senders_than_can_be_are_not_counted_and_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("twin.ingest.sequences.MOST_SENDERS", 3)
    sequences = taken(1)
    for number in range(10):
        sequences.take(f"id-{number}", number)
    assert len(sequences.senders) == 3
    assert list(sequences.news()) == [
        ("sequence", "more than 3 senders; check what sequence.of names", 0)
    ]


def test_a_number_far_ahead_is_said_and_not_counted_from() -> None:
    sequences = taken(1, 2, 10**15)
    text = "number 1000000000000000 came after 2; check what sequence.number names"
    assert list(sequences.news()) == [("PRESS-1", text, 0)]
    sequences.take("PRESS-1", 3)
    assert list(sequences.news()) == [("PRESS-1", "", 0)]


def test_gaps_survive_a_restart() -> None:
    sequences = taken(1, 5, 9)
    again = Sequences(json.loads(json.dumps(sequences.as_json())))
    assert again.senders["PRESS-1"].gaps == [(2, 4), (6, 8)]
    again.take("PRESS-1", 10)
    assert again.senders["PRESS-1"].missing == 6


def test_too_many_gaps_are_given_up_and_said_so() -> None:
    sequences = taken(*range(1, 2 * MOST_GAPS + 10, 2))
    sender = sequences.senders["PRESS-1"]
    assert len(sender.gaps) == MOST_GAPS
    assert sender.given_up > 0
    ((_, text, missing),) = sequences.news()
    assert "no longer waited for" in text
    assert missing == sender.given_up


@pytest.mark.parametrize("number", ["17", 17])
def test_a_number_may_be_text(number: object) -> None:
    message = Message({"machine": "PRESS-1", "at": {"seq": number}}, "", "")
    numbering = Numbering.model_validate({"number": "at.seq", "of": "machine"})
    assert list(numbers_of([message], numbering)) == [("PRESS-1", 17)]


@pytest.mark.parametrize("number", [None, True, 1.5, -1, "x", "1" * 40, [1], {"a": 1}, "²"])
def test_what_is_no_number_counts_as_none(number: object) -> None:
    numbering = Numbering.model_validate("seq")
    assert list(numbers_of([Message({"seq": number, "topic": "a"}, "", "")], numbering)) == []
