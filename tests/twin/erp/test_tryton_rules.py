"""What may be written to a production, decided without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.services.tryton_plant import MONDAY
from tests.twin.erp.pins import CUT_OFF, Outbox, plan_of
from twin.erp.tryton_memory import Memory, Note, memory_of, record_of
from twin.erp.tryton_orders import Names
from twin.erp.tryton_read import Production, Work
from twin.erp.tryton_rules import Step, decide, wishes_of

NAMES = Names("reference", {}, {}, {})
ASKED = (MONDAY, MONDAY + timedelta(days=1))
LATER = (date(2026, 12, 1), date(2026, 12, 2))
ENTERED = datetime(2026, 11, 1, 8)
WISH = wishes_of(plan_of(["WO-1"], {"WO-1": 2}))["WO-1"]
SOON = CUT_OFF + timedelta(days=4)


def production(
    state: str = "draft",
    dates: tuple[date | None, date | None] = ASKED,
    works: tuple[Work, ...] = (),
) -> Production:
    return Production(
        id=1, shown="(1)", number="", reference="WO-1", state=state, product="PIN-10",
        quantity=100.0, unit="u", planned_start_date=dates[0], planned_date=dates[1],
        routing="Pins", entered=ENTERED, timestamp="1", works=works,
    )  # fmt: skip


def note(dates: tuple[date, date] = LATER, *, released: bool = False, days: float = 8) -> Note:
    return Note(dates, ASKED, CUT_OFF + timedelta(days=days), ENTERED, released=released)


def test_a_draft_gets_the_days_of_its_first_and_last_minute() -> None:
    assert WISH.dates == (date(2026, 11, 25), date(2026, 11, 25))
    assert decide(WISH, production(), Memory(), NAMES).step is Step.DATES


def test_work_until_midnight_ends_on_the_day_before() -> None:
    wish = wishes_of(plan_of(["WO-1"], {"WO-1": 0}, hour=18))["WO-1"]
    assert wish.dates == (MONDAY, MONDAY)


def test_work_past_midnight_ends_on_the_next_day() -> None:
    wish = wishes_of(plan_of(["WO-1"], {"WO-1": 0}, hour=18.5))["WO-1"]
    assert wish.dates == (MONDAY, MONDAY + timedelta(days=1))


def test_a_production_that_holds_the_plan_is_kept() -> None:
    assert decide(WISH, production(dates=WISH.dates), Memory(), NAMES).step is Step.KEEP


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("request", "nobody has confirmed"), ("waiting", "waiting"), ("assigned", "assigned"),
        ("running", "running"), ("done", "done"), ("cancelled", "cancelled"), ("odd", "odd"),
    ],
)  # fmt: skip
def test_only_drafts_are_written(state: str, words: str) -> None:
    for held in (ASKED, WISH.dates):
        decision = decide(WISH, production(state, held), Memory(note(ASKED)), NAMES)
        assert decision.step is Step.LEAVE
        assert words in decision.reason


def test_dates_that_noria_wrote_are_written_again() -> None:
    assert decide(WISH, production(dates=LATER), Memory(note()), NAMES).step is Step.DATES


def test_dates_that_a_user_changed_are_left() -> None:
    decision = decide(WISH, production(dates=(LATER[0], ASKED[1])), Memory(note()), NAMES)
    assert decision.step is Step.LEAVE
    assert decision.reason == (
        "edited by a user: planned 2026-12-01 to 2026-11-24; Noria had written 2026-12-01 to "
        "2026-12-02"
    )


def test_dates_put_back_to_what_was_asked_are_an_edit() -> None:
    assert decide(WISH, production(), Memory(note()), NAMES).step is Step.LEAVE


def test_a_first_writing_that_was_cut_off_is_done_again_on_either_side() -> None:
    cut = Memory(pending=note())
    assert decide(WISH, production(), cut, NAMES).step is Step.DATES
    assert decide(WISH, production(dates=LATER), cut, NAMES).step is Step.DATES
    edited = production(dates=(date(2027, 1, 1), date(2027, 1, 1)))
    assert decide(WISH, edited, cut, NAMES).step is Step.LEAVE


def test_a_later_writing_that_was_cut_off_is_done_again_on_either_side() -> None:
    cut = Memory(last=note(), pending=note((LATER[0], date(2026, 12, 5))))
    for held in (LATER, (LATER[0], date(2026, 12, 5))):
        assert decide(WISH, production(dates=held), cut, NAMES).step is Step.DATES
    assert decide(WISH, production(), cut, NAMES).step is Step.LEAVE


def test_what_was_to_start_soon_is_frozen() -> None:
    memory = Memory(note(days=1))
    decision = decide(WISH, production(dates=LATER), memory, NAMES, frozen=(CUT_OFF, SOON))
    assert decision.step is Step.LEAVE
    assert decision.reason == "frozen: it starts Tue 24 Nov 05:00"
    memory = Memory(note(days=8))
    assert decide(WISH, production(dates=LATER), memory, NAMES, frozen=(CUT_OFF, SOON)).step is (
        Step.DATES
    )


def test_a_start_that_did_not_come_is_not_frozen() -> None:
    memory = Memory(note(days=-1))
    assert decide(WISH, production(dates=LATER), memory, NAMES, frozen=(CUT_OFF, SOON)).step is (
        Step.DATES
    )


def test_an_order_never_written_is_not_frozen() -> None:
    assert decide(WISH, production(), Memory(), NAMES, frozen=(CUT_OFF, SOON)).step is Step.DATES


def test_orders_that_start_soon_are_released() -> None:
    steps = [
        decide(WISH, production(dates=held), Memory(), NAMES, release_until=SOON).step
        for held in (ASKED, WISH.dates)
    ]
    assert steps == [Step.DATES_AND_RELEASE, Step.RELEASE]
    late = CUT_OFF + timedelta(hours=24)
    assert decide(WISH, production(), Memory(), NAMES, release_until=late).step is Step.DATES


def test_what_a_user_took_back_to_draft_is_not_released_again() -> None:
    memory = Memory(note(WISH.dates, released=True))
    held = production(dates=WISH.dates)
    assert decide(WISH, held, memory, NAMES, release_until=SOON).step is Step.KEEP


def test_a_release_that_was_cut_off_is_finished() -> None:
    memory = Memory(note(WISH.dates), note(WISH.dates, released=True))
    held = production("waiting", WISH.dates)
    assert decide(WISH, held, memory, NAMES).step is Step.ASSIGN


def test_a_finished_release_holds_the_plan() -> None:
    memory = Memory(note(WISH.dates, released=True))
    assert decide(WISH, production("waiting", WISH.dates), memory, NAMES).step is Step.KEEP
    assert decide(WISH, production("waiting", LATER), memory, NAMES).step is Step.LEAVE


def test_an_order_that_changed_since_it_was_read_is_left() -> None:
    more = replace(production(), quantity=120.0)
    decision = decide(WISH, more, Memory(), NAMES)
    assert decision.step is Step.LEAVE
    assert decision.reason.endswith("quantity 100 -> 120")
    other = replace(production(), product="PIN-20")
    assert "product PIN-10 -> PIN-20" in decide(WISH, other, Memory(), NAMES).reason


def test_an_order_that_has_started_on_the_floor_is_left() -> None:
    wish = wishes_of(plan_of(["WO-1"], done=1))["WO-1"]
    assert decide(wish, production(), Memory(), NAMES).reason.startswith("started on the floor")


def test_wished_dates_come_back_through_any_number_of_nights() -> None:
    first, second = note(), note((date(2026, 12, 8), date(2026, 12, 9)))
    assert Memory(first).wished(production(dates=first.dates)) == ASKED
    assert Memory(first, second).wished(production(dates=second.dates)) == ASKED
    assert Memory(first, second).wished(production(dates=first.dates)) == ASKED


def test_a_date_that_a_user_changed_is_the_new_wish() -> None:
    held = production(dates=(LATER[0], date(2026, 12, 24)))
    assert Memory(note()).wished(held) == (ASKED[0], date(2026, 12, 24))


def test_a_note_comes_back_from_the_outbox(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.json")
    kept = replace(note(), wished=(None, None))
    outbox.note(record_of("WO-1"), kept.as_values())
    assert memory_of(production(), "WO-1", outbox) == Memory(pending=kept)
    outbox.confirm(record_of("WO-1"))
    assert memory_of(production(), "WO-1", outbox) == Memory(last=kept)


def test_a_newer_production_of_the_same_reference_is_another(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.json")
    outbox.note(record_of("WO-1"), note().as_values())
    newer = replace(production(), entered=ENTERED + timedelta(days=30))
    assert memory_of(newer, "WO-1", outbox) == Memory()
