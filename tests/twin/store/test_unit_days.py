"""Minutes and pieces by unit and day: the databases and the extract say what a plain count says."""

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.twin.store.conftest import NOW
from tests.twin.store.plant_events import START, ended, state
from twin.errors import InputError
from twin.model.plant import STATES
from twin.secrets import Keyring
from twin.store.extract import Extract
from twin.store.record import Event
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store
from twin.store.unit_days import Days, UnitDays

PARIS = ZoneInfo("Europe/Paris")
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)
"""The clock in Paris goes from 02:00 to 03:00."""


def counts(store: EventStore, folder: Path, start: datetime, end: datetime) -> list[UnitDays]:
    """By the store and by DuckDB."""
    extract = store.extract(folder / "extract")
    return [x.unit_days(start, end, PARIS) for x in (store, extract)]


def plain_minutes(
    events: Iterable[Event], start: datetime, end: datetime
) -> dict[tuple[str, date, str], float]:
    """Minutes by unit, day and state, minute by minute."""
    found: dict[tuple[str, date, str], float] = defaultdict(float)
    by_unit = defaultdict(list)
    for event in sorted(events, key=lambda e: e.time):
        by_unit[event.work_unit].append(event)
    for unit, own in by_unit.items():
        for event, following in zip(own, [*own[1:], None], strict=True):
            now = max(event.time, start)
            until = min(following.time if following else end, end)
            while now < until:
                found[unit, now.astimezone(PARIS).date(), event.state] += 1
                now += timedelta(minutes=1)
    return dict(found)


def test_states_are_shared_out_among_local_days(store: EventStore, tmp_path: Path) -> None:
    """Random states over ten days with a change of the clock, on every way of counting."""
    luck = random.Random(3)
    begin = SPRING - timedelta(days=5)
    events = [
        state(0, luck.choice(STATES), f"U{u}", key=f"{u}:{m}", time=begin + timedelta(minutes=m))
        for u in range(3)
        for m in sorted(luck.sample(range(14_400), 60))
    ]
    luck.shuffle(events)
    store.append("line-1", events)
    start, end = begin + timedelta(days=1, minutes=7), begin + timedelta(days=8, minutes=11)
    expected = plain_minutes(events, start, end)
    for counted in counts(store, tmp_path, start, end):
        found = {(s.work_unit, s.day, s.state): s.minutes for s in counted.states}
        assert found == pytest.approx(expected)
        assert list(counted.states) == sorted(counted.states)
    by_day: dict[date, float] = defaultdict(float)
    for one in counted.states:
        by_day[one.day] += one.minutes
    assert by_day[date(2026, 3, 29)] == 3 * 23 * 60
    assert by_day[date(2026, 3, 28)] == 3 * 24 * 60


def test_a_state_of_long_ago_lasts_into_the_window(store: EventStore, tmp_path: Path) -> None:
    store.append(
        "line-1", [state(0, "down", "U1"), state(1, "off", "U2"), state(2, "standby", "U2")]
    )
    start = START + timedelta(days=40)
    for counted in counts(store, tmp_path, start, start + timedelta(hours=1)):
        assert [(s.work_unit, s.state, s.minutes) for s in counted.states] == [
            ("U1", "down", 60.0),
            ("U2", "standby", 60.0),
        ]


def test_of_states_at_one_instant_the_last_told_lasts(store: EventStore, tmp_path: Path) -> None:
    told = [state(0, s, key=f"{n}") for n, s in enumerate(("down", "working", "standby"))]
    store.append("line-1", told)
    for start in (START, START + timedelta(minutes=5)):
        for counted in counts(store, tmp_path, start, START + timedelta(minutes=60)):
            assert [s.state for s in counted.states] == ["standby"]


def test_time_before_the_first_word_of_a_unit_is_in_no_state(
    store: EventStore, tmp_path: Path
) -> None:
    store.append("line-1", [state(30, "working")])
    for counted in counts(store, tmp_path, START, START + timedelta(minutes=60)):
        assert [s.minutes for s in counted.states] == [30.0]


def test_pieces_are_counted_where_their_lot_ended(store: EventStore, tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 3, tzinfo=PARIS)
    same = {"work_unit": "U1", "order": "1", "product": "M8"}
    store.append(
        "line-1",
        [
            ended(1, time=midnight - timedelta(microseconds=1), quantity=5.0, scrap=1.0, **same),
            ended(2, time=midnight, quantity=7.0, scrap=float("nan"), **same),
            ended(3, time=midnight, quantity=7.0, scrap=2.0, **{**same, "order": "2"}),
            ended(4, time=midnight, event="start", **same),
            ended(5, time=midnight + timedelta(days=1), **same),
        ],
    )
    for counted in counts(store, tmp_path, START, midnight + timedelta(days=1)):
        rows = [(m.day.day, m.good, m.scrap, m.lots, m.loads, m.orders) for m in counted.made]
        assert rows == [(2, 5.0, 1.0, 1, 1, 1), (3, 14.0, 2.0, 2, 1, 2)]


def test_stays_are_cut_at_the_window(store: EventStore) -> None:
    store.append("line-1", [state(0, "down"), state(10, "working"), state(20, "down")])
    since, until = START + timedelta(minutes=5), START + timedelta(minutes=25)
    stays = store.stays(since, until, ("down", "repair"))
    assert stays == [
        ("PRESS-1", "down", since, START + timedelta(minutes=10)),
        ("PRESS-1", "down", START + timedelta(minutes=20), until),
    ]


def test_an_empty_window_is_refused(store: EventStore) -> None:
    with pytest.raises(InputError, match="is not after"):
        store.unit_days(START, START, PARIS)


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Paris", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),  # there is no midnight that day
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # by half an hour
    ],
)
def test_a_change_of_the_clock_is_found_to_the_microsecond(zone: str, change: datetime) -> None:
    days = Days.of(change - timedelta(days=3), change + timedelta(days=3), ZoneInfo(zone))
    (until, before), (_, after) = days.offsets
    assert until == (change - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert before != after
    assert len(days.edges) in (7, 8)
    assert list(days.edges) == sorted(set(days.edges))


# --- the extract ---


def test_an_extract_that_two_filled_at_once_is_refused(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", [ended(n) for n in range(5)])
    extract = store.extract(tmp_path / "x")
    (part,) = extract.parts()
    (tmp_path / "x" / "part-000000000001-000000000007.parquet").write_bytes(part.read_bytes())
    with pytest.raises(InputError, match="would be counted twice"):
        extract.unit_days(START, START + timedelta(days=1), PARIS)


def test_an_extract_takes_up_only_what_is_new(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", [ended(n) for n in range(5)])
    first = store.extract(tmp_path / "x")
    assert [p.name for p in first.parts()] == ["part-000000000001-000000000005.parquet"]
    written = first.parts()[0].stat().st_mtime_ns
    store.append("line-1", [ended(7), ended(-3)])
    extract = store.extract(tmp_path / "x")
    assert [p.name for p in extract.parts()][1:] == ["part-000000000006-000000000007.parquet"]
    assert extract.parts()[0].stat().st_mtime_ns == written
    assert len(store.extract(tmp_path / "x").parts()) == 2
    window = (START - timedelta(days=1), NOW)
    assert extract.unit_days(*window, PARIS) == store.unit_days(*window, PARIS)


def test_an_extract_keeps_what_the_store_has_set_aside(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", [ended(n) for n in range(5)])
    before = store.extract(tmp_path / "x").unit_days(START, NOW, PARIS)
    store.retain(NOW, tmp_path / "out")
    assert store.extract(tmp_path / "x").unit_days(START, NOW, PARIS) == before


def test_the_extract_of_another_store_is_refused(store: EventStore, tmp_path: Path) -> None:
    store.append("line-1", [ended(1)])
    store.extract(tmp_path / "x")
    settings = StoreSettings(url="sqlite:///other.sqlite")
    with (
        open_store(settings, Keyring({}, tmp_path)) as other,
        pytest.raises(InputError, match="of another store"),
    ):
        other.extract(tmp_path / "x")


def test_an_extract_ahead_of_its_store_is_refused(store: EventStore, tmp_path: Path) -> None:
    """As after a backup was restored."""
    store.append("line-1", [ended(1)])
    part = store.extract(tmp_path / "x").parts()[0]
    part.rename(part.with_name("part-000000000001-000000000009.parquet"))
    with pytest.raises(InputError, match="set back; remove the folder"):
        store.extract(tmp_path / "x")


def test_an_empty_extract_says_so(store: EventStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the extract is empty"):
        store.extract(tmp_path / "x").unit_days(START, NOW, PARIS)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"store": "x"}'])
def test_a_broken_label_is_refused(store: EventStore, tmp_path: Path, content: str) -> None:
    store.append("line-1", [ended(1)])
    store.extract(tmp_path / "x")
    (tmp_path / "x" / "extract.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        store.extract(tmp_path / "x")


def test_names_in_an_extract_are_data(store: EventStore, tmp_path: Path) -> None:
    folder = tmp_path / "it's * [x]"
    evil = "'); copy (select 1) to '/tmp/x'; --"
    store.append("line-1", [replace(state(0, "down"), work_unit=evil), ended(1, work_unit=evil)])
    extract = Extract(folder)
    store.extract(folder)
    counted = extract.unit_days(START, START + timedelta(minutes=5), PARIS)
    assert [s.work_unit for s in counted.states] == [evil]
    assert [m.work_unit for m in counted.made] == [evil]
