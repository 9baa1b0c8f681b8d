"""Signals of a machine become events: states, reports of pieces, energy; nothing lost or twice."""

import json
import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter

from twin.calibration.activity import pair_lots
from twin.ingest.signals import AWAY, Signal, Signals, SignalValue, reread
from twin.ingest.signature import Message
from twin.model.events import EventLog

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRESS: dict[str, dict[str, Any]] = {
    "state": {"means": "state", "values": {0: "standby", 1: "working", 9: "down"}},
    "good": {"means": "good"},
    "scrap": {"means": "scrap"},
    "order": {"means": "order"},
    "product": {"means": "product", "values": {0: "", 7: "BRACKET"}},
    "reason": {"means": "reason"},
    "energy": {"means": "meter", "factor": 0.001, "every": "1 min"},
    "camera": {"means": "verdict", "values": {0: "", 1: "pass", 2: "fail"}},
}


def signals(*names: str, unit: str = "PRESS-1", **more: Any) -> dict[str, Signal]:
    adapter: TypeAdapter[Signal] = TypeAdapter(Signal)
    return {
        name: adapter.validate_python({**PRESS[name], "work_unit": unit, **more.get(name, {})})
        for name in names
    }


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def feed(taker: Signals, *told: tuple[float, str, Any]) -> list[dict[str, Any]]:
    """The rows that values give, told as (second, signal, value)."""
    return rows(taker.take_all([SignalValue(name, v, at(s)) for s, name, v in told]))


def rows(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return [dict(m.values) for m in messages if not m.refused]


def kind(found: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [row for row in found if row["event"] == event]


def pieces(found: list[dict[str, Any]]) -> tuple[float, float]:
    ends = kind(found, "end")
    return math.fsum(r["quantity"] for r in ends), math.fsum(r["scrap"] for r in ends)


def test_a_state_is_told_when_it_changes() -> None:
    found = feed(
        Signals(signals("state")),
        (0, "state", 0),
        (1, "state", 0),
        (2, "state", 1),
        (3, "state", 0),
    )
    assert [r["state"] for r in found] == ["standby", "working", "standby"]
    assert [r["time"] for r in found] == [at(0), at(2), at(3)]


def test_a_value_told_again_after_a_restart_has_the_same_key() -> None:
    first = Signals(signals("state")).take("state", 1, NOON)
    again = Signals(signals("state")).take("state", 1, NOON)
    assert first[0].key
    assert first[0].key == again[0].key


def test_a_state_without_meaning_is_held_once_and_can_be_reread() -> None:
    taker = Signals(signals("state"))
    held = taker.take("state", 4, NOON) + taker.take("state", 4, at(1))
    assert len(held) == 1
    assert 'no meaning for the value "4"' in held[0].refused
    known = signals("state", state={"values": {4: "repair"}})
    again = reread(known, held[0].raw, held[0].origin)
    assert [(m.values["state"], m.values["time"]) for m in again] == [("repair", NOON)]


def test_an_event_held_for_an_unknown_name_is_given_again_as_it_was() -> None:
    taker = Signals(signals("good", "product"))
    told = [("product", 7, 0.0), ("good", 0, 0.0), ("good", 5, 70.0)]
    made = [m for name, value, s in told for m in taker.take(name, value, at(s))]
    assert [m.values["event"] for m in made] == ["start", "end"]
    for message in made:
        (again,) = reread(signals("good"), message.raw, message.origin)
        assert again.key == message.key
        assert again.values == {**message.values, "time": message.values["time"].isoformat()}


@pytest.mark.parametrize("raw", ["not JSON", "17", '{"signal": "gone", "value": 1}'])
def test_what_cannot_be_read_again_stays_where_it_is(raw: str) -> None:
    with pytest.raises(ValueError, match="only states and verdicts"):
        reread(signals("state"), raw, "")


def test_what_is_at_the_unit_is_stamped_on_the_events_that_follow() -> None:
    taker = Signals(signals("state", "order", "product", "reason"))
    found = feed(
        taker, (0, "order", "WO-1"), (0, "product", 7), (0, "reason", "E12"), (0, "state", 9),
        (5, "state", 1),
    )  # fmt: skip
    assert [(r["order"], r["product"], r.get("reason")) for r in kind(found, "state")] == [
        ("WO-1", "BRACKET", "E12"), ("WO-1", "BRACKET", None),
    ]  # fmt: skip


def test_the_state_goes_on_for_the_next_order() -> None:
    taker = Signals(signals("state", "order"))
    found = feed(taker, (0, "order", "A"), (0, "state", 1), (60, "order", "B"))
    found += rows(taker.tick(at(70)))
    assert [(r["time"], r["state"], r["order"]) for r in kind(found, "state")] == [
        (at(0), "working", "A"), (at(60), "working", "B"),
    ]  # fmt: skip
    assert not kind(found, "start"), "a unit whose pieces are not counted reports none"


def test_pieces_of_an_order_are_a_report_with_start_and_end() -> None:
    taker = Signals(signals("good", "scrap", "order"), report_every=None)
    found = feed(
        taker, (0, "good", 100), (0, "scrap", 3), (10, "order", "A"), (20, "good", 101),
        (30, "good", 104), (30, "scrap", 4), (50, "order", "B"),
    )  # fmt: skip
    start, end = kind(found, "start")[0], kind(found, "end")[0]
    assert (start["time"], start["order"]) == (at(10), "A")
    assert (end["time"], end["order"], end["quantity"], end["scrap"]) == (at(30), "A", 4, 1)
    assert start["lot"] == end["lot"]


def test_a_piece_counted_as_the_order_changes_belongs_to_the_order_before() -> None:
    taker = Signals(signals("good", "order"), report_every=None)
    found = feed(
        taker,
        (0, "order", "A"),
        (0, "good", 0),
        (9, "order", "B"),
        (9, "good", 1),
        (20, "order", ""),
    )
    assert [(r["order"], r["quantity"]) for r in kind(found, "end")] == [("A", 1), ("B", 0)]


def test_reports_follow_one_another_without_a_gap() -> None:
    taker = Signals(signals("good", "order"))
    found = feed(taker, (0, "order", "A"), *((7.0 * n, "good", n) for n in range(60)))
    starts, ends = kind(found, "start"), kind(found, "end")
    assert [r["time"] for r in starts[1:]] == [r["time"] for r in ends[: len(starts) - 1]]
    spans = [end["time"] - start["time"] for start, end in zip(starts, ends, strict=False)]
    assert [timedelta(seconds=7 * r["quantity"]) for r in ends] == spans, "7 s a piece, exactly"
    assert len({r["lot"] for r in starts}) == len(starts)


def test_the_diagnosis_reads_the_true_cycle_time_from_reports() -> None:
    """Pieces and time of a report belong together, whatever the reporting interval."""
    taker = Signals(signals("good", "order"))
    told = [(7.0 * n, "good", n) for n in range(1_000)]
    found = feed(taker, (0, "order", "A"), *told) + rows(taker.take("order", "B", at(7_000)))
    lots = pair_lots(EventLog.of(found))
    paces = (lots["end"] - lots["start"]).dt.total_seconds() / lots["pieces"]
    assert lots["pieces"].sum() == 999
    assert paces.tolist() == pytest.approx([7.0] * len(lots))


def test_a_report_is_closed_when_the_machine_has_stopped() -> None:
    taker = Signals(signals("good", "order"))
    feed(taker, (0, "order", "A"), (0, "good", 0), (5, "good", 2))
    found = rows(taker.tick(at(61)))
    assert [(r["time"], r["quantity"]) for r in kind(found, "end")] == [(at(5), 2)]


def test_paging_through_the_orders_makes_no_lots() -> None:
    taker = Signals(signals("good", "order"))
    found = feed(
        taker,
        (0, "good", 5),
        (1, "order", "A"),
        (2, "order", "B"),
        (3, "order", "C"),
        (60, "good", 6),
    )
    assert [r["order"] for r in kind(found, "start")] == ["C"]


def test_a_lot_of_the_plant_is_one_report() -> None:
    known = signals("good", "order") | {
        "lot": TypeAdapter(Signal).validate_python({"means": "lot", "work_unit": "PRESS-1"})
    }
    found = feed(
        Signals(known), (0, "order", "A"), (0, "lot", "L1"),
        *((60.0 * n, "good", n) for n in range(9)), (600, "lot", "L2"),
    )  # fmt: skip
    assert [(r["lot"], r["quantity"]) for r in kind(found, "end")] == [("L1", 8)]


def test_what_was_counted_while_away_is_a_report_of_its_own() -> None:
    taker = Signals(signals("good", "order"), report_every=None)
    found = feed(taker, (0, "order", "A"), (0, "good", 0), (10, "good", 3))
    taker.lost()
    found += feed(
        taker, (500, "good", 45), (0, "order", "A"), (510, "good", 46), (520, "order", "B")
    )
    assert [(r["quantity"], r.get("reason", "")) for r in kind(found, "end")] == [
        (3, ""), (42, AWAY), (1, ""),
    ]  # fmt: skip


def test_an_order_that_changed_while_away_is_said() -> None:
    taker = Signals(signals("good", "order"))
    feed(taker, (0, "order", "A"), (0, "good", 0), (10, "good", 3))
    taker.lost()
    found = feed(taker, (400, "order", "B"), (500, "good", 45))
    assert kind(found, "end")[-1]["reason"] == f"{AWAY}; the order changed meanwhile"


def test_a_gap_that_was_filled_is_no_gap() -> None:
    taker = Signals(signals("good", "order"), report_every=None)
    feed(taker, (0, "order", "A"), (0, "good", 0))
    taker.lost()
    taker.caught_up("good")
    found = feed(taker, (500, "good", 45), (600, "order", "B"))
    assert "reason" not in kind(found, "end")[-1]


def test_only_the_signals_that_were_lost_are_away() -> None:
    taker = Signals(signals("good") | {"other": signals("good", unit="PRESS-2")["good"]})
    feed(taker, (0, "good", 0), (0, "other", 0))
    taker.lost(["other"])
    found = feed(taker, (90, "good", 1), (90, "other", 1))
    assert {r["work_unit"]: r.get("reason", "") for r in kind(found, "end")} == {
        "PRESS-1": "", "PRESS-2": AWAY,
    }  # fmt: skip


def test_energy_is_told_once_a_minute_in_kwh() -> None:
    taker = Signals(signals("energy"))
    found = feed(taker, *((10.0 * n, "energy", 5_000 + 250 * n) for n in range(13)))
    assert [(r["time"], r["quantity"]) for r in found] == [(at(60), 1.5), (at(120), 1.5)]


def test_the_meter_of_the_site_has_no_work_unit() -> None:
    taker = Signals(signals("energy", energy={"is_site": True}))
    assert feed(taker, (0, "energy", 0), (60, "energy", 10))[0]["work_unit"] == ""


def test_the_same_verdict_twice_is_two_verdicts() -> None:
    taker = Signals(signals("camera"))
    found = feed(taker, (0, "camera", 0), (1, "camera", 1), (2, "camera", 1), (2, "camera", 1))
    assert [(r["time"], r["verdict"]) for r in found] == [(at(1), "pass"), (at(2), "pass")]


def test_the_verdict_shown_after_a_gap_is_no_new_one() -> None:
    taker = Signals(signals("camera"))
    feed(taker, (1, "camera", 1))
    taker.lost()
    assert feed(taker, (60, "camera", 1)) == []
    assert [r["verdict"] for r in feed(taker, (61, "camera", 2))] == ["fail"]


def test_a_jump_is_held_and_named() -> None:
    taker = Signals(signals("good", good={"most_per_hour": 600}))
    held = [m for s, v in ((0, 5), (60, 90_000), (120, 9)) for m in taker.take("good", v, at(s))]
    refused = [m for m in held if m.refused]
    assert len(refused) == 1
    assert "at most 600 an hour" in refused[0].refused
    assert json.loads(refused[0].raw)["value"] == 90_000
    with pytest.raises(ValueError, match="only states and verdicts"):  # so it stays held
        reread(signals("good"), refused[0].raw, "")
    assert taker.set_aside == {"good: jump": 1}


@pytest.mark.parametrize("value", ["abc", None, True, "nan"])
def test_a_counter_that_gives_no_number_is_counted_and_named(value: Any) -> None:
    taker = Signals(signals("good"))
    assert taker.take("good", value, NOON) == []
    assert taker.set_aside == {"good: unreadable": 1}


def test_a_state_told_late_keeps_its_time_and_a_late_order_is_set_aside() -> None:
    taker = Signals(signals("state", "order"))
    feed(taker, (10, "order", "B"), (10, "state", 1))
    late = taker.take("state", 9, at(5)) + taker.take("order", "A", at(4))
    assert [(m.values["state"], m.values["time"]) for m in late] == [("down", at(5))]
    assert "order" not in late[0].values
    assert taker.set_aside == {"order: late": 1}


def day(luck: random.Random) -> list[tuple[float, str, Any]]:
    """A day at the press: counters with resets, orders, states."""
    told: list[tuple[float, str, Any]] = [(0, "good", 50), (0, "scrap", 7), (0, "state", 1)]
    good, scrap, order = 50, 7, 0
    for minute in range(1, 600):
        second = 60.0 * minute + luck.random()
        if luck.random() < 0.01:
            good = scrap = 0
            told += [(second, "good", 0), (second, "scrap", 0)]
        if luck.random() < 0.02:
            order += 1
            told += [(second, "order", f"WO-{order}"), (second + 0.1, "product", 7)]
        if luck.random() < 0.1:
            told.append((second, "state", luck.choice([0, 1, 9])))
        good, scrap = good + luck.randrange(9), scrap + luck.randrange(2)
        told += [(second + 0.2, "good", good), (second + 0.2, "scrap", scrap)]
    return told


def made(told: list[tuple[float, str, Any]], name: str) -> float:
    values = [int(v) for _, n, v in told if n == name]
    return sum(b - a if b >= a else b for a, b in pairwise(values))


@pytest.mark.parametrize("every", [1.0, 15.0, None])
@pytest.mark.parametrize("seed", range(5))
def test_every_piece_counted_is_reported_through_restarts(seed: int, every: float | None) -> None:
    """The program is killed again and again; what it stored last is where it goes on."""
    luck = random.Random(seed)
    told = day(luck)
    known = signals("good", "scrap", "order", "product", "state")
    taker, memory = Signals(known, None, every), None
    stored: dict[str, dict[str, Any]] = {}
    behind = place = restarts = 0
    while place < len(told):
        batch = told[place : place + luck.randrange(1, 12)]
        place += len(batch)
        messages = taker.take_all(SignalValue(n, v, at(s)) for s, n, v in batch)
        messages += taker.tick(at(batch[-1][0]))
        if luck.random() < 0.05:  # killed before it could store
            restarts += 1
            place = behind  # a history, or a broker's queue, tells again what was not stored
            taker = Signals(known, memory and json.loads(json.dumps(memory)), every)
            for name in known:
                taker.caught_up(name)
            continue
        for message in messages:
            stored.setdefault(message.key, dict(message.values))
            assert stored[message.key] == dict(message.values), "one key, one content"
        memory, behind = taker.memory, place
    last = taker.tick(at(60.0 * 700)) + taker.take("order", "last", at(60.0 * 701))
    found = [*stored.values(), *rows(last)]
    assert restarts > 3
    assert pieces(found) == (made(told, "good"), made(told, "scrap"))
    lost_one = [r for r in found if r is not kind(found, "end")[3]]
    assert pieces(lost_one) != (made(told, "good"), made(told, "scrap")), "a loss would be seen"


@pytest.mark.parametrize("seed", range(3))
def test_starts_and_ends_pair_as_the_diagnosis_pairs_them(seed: int) -> None:
    told = day(random.Random(seed))
    taker = Signals(signals("good", "scrap", "order", "product", "state"))
    found = feed(taker, *told) + rows(taker.tick(at(60.0 * 700)))
    table = EventLog.of(found).ordered().table
    lots = table[table["event"].isin(["start", "end"])]
    keys = ["work_unit", "order", "operation", "lot"]
    sides = lots.groupby(keys)["event"].agg(list)
    whole = [side for side in sides if side != ["start"]]
    assert whole
    assert all(side == ["start", "end"] for side in whole)
    times = lots.pivot_table(index=keys, columns="event", values="time", aggfunc="first")
    spans = times.dropna()
    assert (spans["end"] >= spans["start"]).all()
    assert (spans["end"] - spans["start"] < pd.Timedelta("5 min")).all()
