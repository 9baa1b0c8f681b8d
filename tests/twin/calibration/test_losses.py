"""Losses are counted in hours always, in money where there is a rate, and ranked."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from twin.calibration.activity import Activity, read_activity
from twin.calibration.losses import Loss, bottleneck_of, losses_of
from twin.calibration.registry import mismatches
from twin.calibration.signals import energy_balances, signal_gaps, transitions_of
from twin.calibration.stop_codes import normalised_entropy, stop_codes
from twin.model.events import EventLog
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant


@pytest.fixture(scope="module")
def activity(weeks: EventLog, frail_plant: Plant, begin: datetime) -> Activity:
    return read_activity(weeks, frail_plant, begin + timedelta(days=21))


def of_kind(rows: tuple[Loss, ...], kind: str, unit: str) -> list[Loss]:
    return [r for r in rows if r.kind == kind and r.work_unit == unit]


def test_hours_of_stops_are_those_of_their_states(activity: Activity) -> None:
    rows = losses_of(activity).rows
    states = activity.units["P-1"]
    lengths = pd.Series(states.ends - states.starts).groupby(states.states).sum() / 60
    failures = sum(r.hours for r in of_kind(rows, "failure", "P-1"))
    assert failures == pytest.approx(lengths["down"] + lengths["repair"])
    assert sum(r.hours for r in of_kind(rows, "setup", "P-1")) == pytest.approx(lengths["setup"])


def test_scrap_takes_the_time_of_its_share_of_each_lot(activity: Activity) -> None:
    lots = activity.lots[activity.lots["work_unit"] == "P-1"]
    expected = (lots["working"] * lots["scrap"] / lots["pieces"]).sum() / 60
    found = of_kind(losses_of(activity).rows, "scrap", "P-1")
    assert sum(r.hours for r in found) == pytest.approx(expected)
    assert sum(r.count for r in found) == pytest.approx(lots["scrap"].sum(), abs=len(found))


def test_money_needs_a_rate(activity: Activity) -> None:
    free, priced = losses_of(activity), losses_of(activity, 0.5)
    assert sum(r.energy for r in free.rows) == 0
    assert sum(r.energy for r in priced.rows) > 0
    assert sum(r.parts for r in free.rows) == sum(r.parts for r in priced.rows)
    (spindle,) = [r for r in of_kind(free.rows, "failure", "P-1") if r.reason == "spindle"]
    assert spindle.cost == 3000 * spindle.count
    assert "labour" in free.counted


def test_shares_add_up_without_waiting_away_from_the_bottleneck(activity: Activity) -> None:
    losses = losses_of(activity)
    assert sum(r.share for r in losses.rows) == pytest.approx(1)
    assert all(r.is_counted for r in losses.rows if r.work_unit == losses.bottleneck)
    waits = [r for r in losses.rows if r.kind == "waiting" and not r.at_bottleneck]
    assert waits
    assert not any(r.is_counted or r.share for r in waits)
    counted = [r.hours for r in losses.rows if r.is_counted]
    assert counted == sorted(counted, reverse=True)
    assert sum(hours for _, hours, _ in losses.by_kind()) == pytest.approx(sum(counted))


def test_the_bottleneck_is_the_busiest_in_its_shifts(activity: Activity) -> None:
    unit, busy = bottleneck_of(activity)
    assert unit in activity.units
    assert 0.3 < busy <= 1.0 + 1e-9


def test_slow_cycles_are_a_loss_against_the_plant_file(activity: Activity) -> None:
    """The same log beside a plant file that promises a press twice as fast."""
    content = activity.plant.model_dump(mode="json")
    press = content["work_units"][0]
    for row in press["processing"]:
        row["time"] = {key: time / 2 for key, time in row["time"].items()}
    fast = Activity(
        Plant.model_validate(content), activity.log, activity.begin, activity.until, activity.units
    )
    before = sum(r.hours for r in of_kind(losses_of(activity).rows, "slow", press["id"]))
    slow = sum(r.hours for r in of_kind(losses_of(fast).rows, "slow", press["id"]))
    worked = activity.lots.loc[activity.lots["work_unit"] == press["id"], "working"].sum() / 60
    assert slow - before > 0.35 * worked


# --- reasons of stops ---


def test_entropy_is_one_for_equal_reasons_and_none_for_one() -> None:
    assert normalised_entropy(pd.Series([5.0, 5.0, 5.0]).to_numpy(), 3) == pytest.approx(1)
    assert normalised_entropy(pd.Series([15.0]).to_numpy(), 3) == 0


def test_one_reason_for_everything_is_named_unless_the_plant_file_expects_it() -> None:
    reasons = pd.Series(["jam"] * 28 + ["belt"])
    doubted = stop_codes("U", reasons, {"jam": 0.3, "belt": 0.7})
    expected = stop_codes("U", reasons, {"jam": 0.9, "belt": 0.1})
    assert "first button" in doubted.meaning
    assert expected.meaning == ""


def test_stops_without_a_word_are_counted() -> None:
    found = stop_codes("U", pd.Series(["", "Other", "jam", "jam"] * 5), {"jam": 1.0})
    assert found.wordless_share == 0.5
    assert "says nothing" in found.meaning


# --- names ---


def test_names_are_compared_in_both_directions(
    weeks: EventLog, frail_plant: Plant, begin: datetime
) -> None:
    table = weeks.table.copy()
    table.loc[table["work_unit"] == "P-1", "work_unit"] = "P-9"
    until = begin + timedelta(days=21)
    due = until + timedelta(days=5)
    book = OrderBook(
        (WorkOrder("O0", "A", 100, begin, due), WorkOrder("GHOST", "A", 100, begin, due))
    )
    found = {(m.what, m.present): m for m in mismatches(EventLog(table), frail_plant, book, until)}
    assert found["work unit", "log"].names == ("P-9",)
    assert found["work unit", "plant"].names == ("P-1",)
    assert found["order", "order book"].names == ("GHOST",)
    assert found["completed order", "order book"].names == ("O0",)
    assert "P-9" in str(found["work unit", "log"])


def test_a_sound_log_has_no_strange_names(activity: Activity) -> None:
    found = mismatches(activity.log, activity.plant, None, activity.until)
    assert [m for m in found if m.present == "log"] == []


# --- signals ---


def test_a_sound_log_has_no_state_out_of_turn_and_explains_its_meters(activity: Activity) -> None:
    assert list(transitions_of(activity)) == []
    assert all(e.unexplained_share < 0.1 for e in energy_balances(activity))
    assert sum(g.overlaps for g in signal_gaps(activity)) == 0


def test_states_out_of_turn_are_counted(write: Any, plant: Plant) -> None:
    for n in range(3):
        write.state(60 * n, "P-1", "off")
        write.state(60 * n + 20, "P-1", "blocked")
        write.state(60 * n + 40, "P-1", "working")
    until = write.rows[0]["time"] + timedelta(minutes=200)
    (found,) = transitions_of(read_activity(write.log, plant, until))
    assert (found.before, found.after, found.count) == ("off", "blocked", 3)


def test_overlapping_minutes_are_added(write: Any, plant: Plant) -> None:
    for n in range(4):
        write.lot(60 * n, 60 * n + 75, "P-1", f"O{n}", "press", "A", lot=str(n))
    until = write.rows[0]["time"] + timedelta(minutes=400)
    (found,) = signal_gaps(read_activity(write.log, plant, until))
    assert (found.overlaps, found.overlap_minutes) == (3, 45)


def test_a_silence_that_is_too_long_for_a_unit_is_counted(
    activity: Activity, weeks: EventLog, begin: datetime
) -> None:
    """Six hours of a Wednesday are lost."""
    since = pd.Timestamp(begin + timedelta(days=9, hours=2))
    rows = (weeks.table["work_unit"] == "P-1") & (weeks.table["time"] >= since)
    rows &= weeks.table["time"] < since + pd.Timedelta(hours=6)
    before = {g.work_unit: g for g in signal_gaps(activity)}["P-1"]
    lost = read_activity(EventLog(weeks.table[~rows]), activity.plant, activity.until)
    after = {g.work_unit: g for g in signal_gaps(lost)}["P-1"]
    assert after.gaps == before.gaps + 1
    assert after.gap_minutes - before.gap_minutes == pytest.approx(360, abs=40)


def test_a_meter_that_feeds_something_else_is_unexplained(
    activity: Activity, weeks: EventLog
) -> None:
    """A heater on the press's meter that goes on and off by its own clock."""
    table = weeks.table.copy()
    rows = table.index[(table["event"] == "meter") & (table["work_unit"] == "P-1")]
    table.loc[rows[::2], "quantity"] += 3 * table.loc[rows, "quantity"].mean()
    spoilt = read_activity(EventLog(table), activity.plant, activity.until)
    found = {e.work_unit: e for e in energy_balances(spoilt)}
    assert found["P-1"].unexplained_share > 0.4
    assert found["P-1"].is_odd
