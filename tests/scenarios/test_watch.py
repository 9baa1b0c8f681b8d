"""The live twin beside a shop that follows its plan: alerts at the right time, and no others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarios.cli import main
from scenarios.watch import CHECKPOINT, read_live, watching
from scenarios.watch_alerts import FILE as ALERTS
from scenarios.watch_feed import StoreFeed
from scenarios.watch_metrics import FILE as METRICS
from scenarios.watch_text import as_text
from tests.scenarios.watch_shop import (
    CUT_OFF,
    SMALL,
    Day,
    WatchedShop,
    changed,
    day_of,
    events_of,
    store_of,
    unfailing,
    watched_shop,
    without,
)
from twin.calibration.replay import shop_state
from twin.errors import Locked
from twin.model.events import EventLog
from twin.store.record import Event

CALM = unfailing()
LOOK_H = 0.5
"""Between two looks [h]."""


def hour(hours: float) -> pd.Timestamp:
    return pd.Timestamp(CUT_OFF + timedelta(hours=hours))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> WatchedShop:
    """A shop in which nothing breaks, whose twin thinks it may, with its history in a store."""
    shop = watched_shop(tmp_path_factory.mktemp("shop"), plant=CALM, twin=SMALL, forecast="3 h")
    day_of(shop)
    return shop


@pytest.fixture
def day(original: WatchedShop, tmp_path: Path) -> Day:
    """A copy of it, on the morning of the plan."""
    folder = tmp_path / "shop"
    shutil.copytree(original.folder, folder)
    shop = WatchedShop(
        folder, original.run, original.history, original.experiment, original.orders, original.seed
    )
    return Day(shop, store_of(folder))


def raised(day: Day) -> dict[tuple[str, str], float]:
    """Kind and subject of every alert, and the hour it was first raised."""
    found: dict[tuple[str, str], float] = {}
    for change, kind, subject, at in day.alerts():
        if change == "raised":
            found.setdefault((kind, subject), at)
    return found


def kinds(day: Day) -> set[str]:
    return {kind for kind, _ in raised(day)}


def run(day: Day, log: EventLog, hours: float) -> dict[str, Any]:
    """Let the hours go by; returns the last look."""
    *_, last = day.looks(events_of(log, "day"), hours, every=60 * LOOK_H)
    return last


def test_a_day_that_goes_by_its_plan_raises_nothing(day: Day) -> None:
    live = run(day, day.shop.day(), 17)
    assert day.alerts() == []
    assert live["alerts"] == []
    assert live["data"]["trouble"] == ""
    assert "nothing out of the ordinary" in as_text(live)


def broken_at(log: EventLog, unit: str, at: float) -> tuple[EventLog, set[str]]:
    """The unit is under repair from an hour on; nothing more of the orders it still had to do."""
    table = log.table
    later = table["time"] >= hour(at)
    stuck = set(table.loc[later & (table["work_unit"] == unit), "order"]) - {""}
    gone = later & (
        ((table["work_unit"] == unit) & (table["event"] != "meter")) | table["order"].isin(stuck)
    )
    repair = {
        "time": hour(at), "work_unit": unit, "event": "state", "state": "repair",
        "reason": "spindle",
    }  # fmt: skip
    rows = pd.concat([without(log, gone).table, EventLog.of([repair]).table])
    return EventLog(rows.sort_values("time", kind="stable", ignore_index=True)), stuck


def test_a_breakdown_is_an_alarm_when_it_outlasts_nearly_all_repairs(day: Day) -> None:
    """Of the spindle's repairs 98 % are over after 309 min (lognormal, median 90 min, σ 0.6)."""
    log, stuck = broken_at(day.shop.day(), "P-1", 3)
    live = run(day, log, 10)
    limit = SMALL.unit("P-1").failure_modes[0].time_to_repair.quantile(0.98) / 60
    assert 3 + limit < raised(day)["stop", "P-1"] <= 3 + limit + LOOK_H
    assert kinds(day) <= {"stop", "behind_plan", "late_risk"}
    assert {subject for kind, subject in raised(day) if kind != "stop"} <= stuck
    alarm = next(alert for alert in live["alerts"] if alert["kind"] == "stop")
    assert alarm["since"] == hour(3).tz_convert("UTC").isoformat()
    assert "under repair (spindle)" in alarm["what"]


def test_a_repair_of_usual_length_is_no_alarm(day: Day) -> None:
    log, _ = broken_at(day.shop.day(), "P-1", 3)
    run(day, log, 6)
    assert "stop" not in kinds(day)


def test_a_unit_that_falls_silent_is_named_and_nothing_is_concluded_from_it(day: Day) -> None:
    """Its meter is read every quarter of an hour: half an hour of silence is not usual."""
    log = day.shop.day()
    silent = (log.table["work_unit"] == "K-1") & (log.table["time"] > hour(5))
    run(day, without(log, silent), 8)
    assert 5.5 < raised(day)["silent_unit", "K-1"] <= 5.5 + 2 * LOOK_H
    assert kinds(day) == {"silent_unit"}


def test_a_feed_that_stops_is_one_alarm_and_silences_all_others(day: Day) -> None:
    log = day.shop.day()
    live = run(day, without(log, log.table["time"] > hour(5)), 12)
    assert 5.3 < raised(day)["feed_lag", "feed"] <= 5.4 + 2 * LOOK_H
    assert kinds(day) == {"feed_lag"}
    assert live["alerts"][0]["severity"] == "alarm"


def test_lots_that_take_longer_are_a_drift(day: Day) -> None:
    """A sixth slower, three standard deviations: three or four lots of some two hours tell."""
    unit = CALM.unit("P-2")
    rows = [row.model_copy(update={"time": {"fb": 0.59 / 60}}) for row in unit.processing]
    run(day, day.shop.day(changed(CALM, "P-2", processing=rows)), 16)
    assert 4 < raised(day)["drift", "P-2/press"] < 16
    assert kinds(day) <= {"drift", "behind_plan", "late_risk"}


def test_more_scrap_than_the_lots_before_is_named(day: Day) -> None:
    run(day, day.shop.day(changed(CALM, "P-2", scrap={"*": 0.03})), 8)
    assert 2 < raised(day)["scrap", "P-2/press"] < 8
    assert kinds(day) == {"scrap"}


def test_a_quarter_above_the_contract_is_an_alarm_until_the_load_is_down(day: Day) -> None:
    log = day.shop.day()
    meters = (log.table["event"] == "meter") & (log.table["time"] == hour(4.25))
    log.table.loc[meters & (log.table["work_unit"] == "F-1"), "quantity"] += 90.0
    run(day, log, 6)
    assert [told[:3] for told in day.alerts()] == [
        ("raised", "energy_peak", "metered"), ("cleared", "energy_peak", "metered"),
    ]  # fmt: skip
    assert 4.25 <= raised(day)["energy_peak", "metered"] <= 4.25 + LOOK_H


def test_a_clock_that_is_ahead_is_named_until_it_is_set(day: Day) -> None:
    watch, log = day.watch(), day.shop.day()
    for _ in day.looks(events_of(log, "day"), 2, watch, every=30):
        pass
    early = Event("early", day.now + timedelta(minutes=40), "meter", "K-1", quantity=0.1)
    day.store.append("shop", [early])
    ahead = watch.look()
    day.store.append("shop", [Event("set", day.now, "meter", "K-1", quantity=0.1)])
    day.now += timedelta(minutes=5)
    assert [alert["kind"] for alert in ahead["alerts"]] == ["clock_ahead"]
    assert watch.look()["alerts"] == []


def test_a_plan_of_the_night_before_last_is_too_old(day: Day) -> None:
    day.now = CUT_OFF + timedelta(hours=26.2)
    day.store.append("shop", [e for e in events_of(day.shop.day(), "day") if e.time < day.now])
    day.watch().look()
    assert ("plan_too_old", "plan") in raised(day)


def test_the_state_shown_is_that_of_a_full_replay(day: Day) -> None:
    live = run(day, day.shop.day(), 5)
    case = day.shop.run.case
    truth = shop_state(day.store.log(None, day.now), case.plant, case.orders, day.now)
    for row in live["orders"]:
        state = truth.order(row["order"])
        assert row["operations_done"] == state.operations_done
        assert row["done"] == pytest.approx(state.done_fraction, abs=1e-4)
        assert row["is_running"] == bool(state.running_on)
    for unit in live["units"]:
        assert unit["setup_key"] == truth.unit(unit["id"]).setup_key
        assert unit["ages"] == pytest.approx(truth.unit(unit["id"]).ages, abs=0.1)


def test_events_older_than_what_is_settled_have_the_log_read_anew(day: Day) -> None:
    log = day.shop.day()
    held_back = (log.table["work_unit"] == "P-2") & (log.table["time"] < hour(3))
    late = EventLog(log.table[held_back].reset_index(drop=True))
    watch = day.watch()
    for _ in day.looks(events_of(without(log, held_back), "day"), 16, watch, every=120):
        pass
    day.store.append("shop", events_of(late, "late"))
    told = watch.look()
    day.now += timedelta(minutes=11)
    live = watch.look()
    assert 0 < told["data"]["too_late"] <= len(late)
    assert [alert["kind"] for alert in told["alerts"]] == ["late_events"]
    assert live["data"]["too_late"] == 0
    case = day.shop.run.case
    truth = shop_state(day.store.log(None, day.now), case.plant, case.orders, day.now)
    for row in live["orders"]:
        assert row["operations_done"] == truth.order(row["order"]).operations_done


def test_after_a_kill_it_goes_on_from_its_checkpoint_and_tells_no_alert_twice(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = broken_at(day.shop.day(), "P-1", 1)
    before = run(day, log, 7)
    lines = (day.shop.config.archive / ALERTS).read_text()

    def never(self: StoreFeed, now: Any) -> Any:
        raise AssertionError("the whole log was read")

    monkeypatch.setattr(StoreFeed, "_whole", never)
    day.now += timedelta(seconds=10)
    after = day.watch().look()  # nothing was said to the first one: as after kill -9
    assert before["alerts"]
    assert [a["id"] for a in after["alerts"]] == [a["id"] for a in before["alerts"]]
    assert (day.shop.config.archive / ALERTS).read_text() == lines
    assert [u["state"] for u in after["units"]] == [u["state"] for u in before["units"]]


def test_a_torn_line_and_a_damaged_checkpoint_do_no_harm(day: Day) -> None:
    watch = day.watch()
    day.now = CUT_OFF + timedelta(hours=27)
    watch.look()
    folder = day.shop.config.archive
    lines = len((folder / ALERTS).read_text().splitlines())
    with (folder / ALERTS).open("a") as file:
        file.write('{"at": "2026-11-24T0')
    (folder / CHECKPOINT).write_text('{"version": 1, "sour')
    live = day.watch().look()
    assert len((folder / ALERTS).read_text().splitlines()) == lines + 1  # the torn one
    assert live["data"]["arrived"] > 0


def test_metrics_and_files_are_for_machines(day: Day) -> None:
    live = run(day, day.shop.day(), 3)
    folder = day.shop.config.archive
    text = (folder / METRICS).read_text()
    assert 'noria_watch_work_units{state="working"}' in text
    assert "noria_watch_data_age_seconds" in text
    assert read_live(folder)["at"] == live["at"]
    assert not [p.name for p in folder.iterdir() if p.name.startswith(".live")]


def test_two_cannot_watch_one_archive(day: Day) -> None:
    code = "import sys; from pathlib import Path; from scenarios.watch import watching\n"
    code += "with watching(Path(sys.argv[1])): print('mine', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(day.shop.config.archive)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == b"mine\n"
    with pytest.raises(Locked, match="another noria watch"), watching(day.shop.config.archive):
        pass
    other.communicate()


def test_once_prints_a_look_and_ends(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(day.shop.folder / "replan.yaml"), "--once"]) == 0
    shown = capsys.readouterr().out
    assert "P-1" in shown
    assert main(["watch", str(day.shop.folder / "replan.yaml"), "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"]["run"] == day.shop.run.id


def test_without_a_published_plan_it_says_what_to_do(
    day: Day, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(day.shop.config.archive)
    assert main(["watch", str(day.shop.folder / "replan.yaml"), "--once"]) == 2
    assert "run noria replan" in capsys.readouterr().err


def test_without_a_store_it_makes_none(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    (day.shop.folder / "events.sqlite").unlink()
    assert main(["watch", str(day.shop.folder / "replan.yaml"), "--once"]) == 2
    assert "events.sqlite" in capsys.readouterr().err
    assert not (day.shop.folder / "events.sqlite").exists()


def test_a_process_killed_with_9_goes_on_and_one_asked_to_stop_says_so(day: Day) -> None:
    folder = day.shop.config.archive
    code = "import sys; from scenarios.cli import main; sys.exit(main(sys.argv[1:]))"
    config = str(day.shop.folder / "replan.yaml")
    command = [sys.executable, "-c", code, "watch", config, "--every", "1"]
    seen = ""
    for end in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 60
            while read_live(folder).get("at", "") in (seen, "") and time.monotonic() < deadline:
                assert process.poll() is None, process.communicate()
                time.sleep(0.1)
            seen = read_live(folder)["at"]
            os.kill(process.pid, end)
            out, _ = process.communicate(timeout=20)
        finally:
            process.kill()
        assert process.returncode == (-9 if end is signal.SIGKILL else 0), out
    told = [json.loads(line) for line in (folder / ALERTS).read_text().splitlines()]
    names = [(t["kind"], t["subject"]) for t in told if t["change"] == "raised"]
    assert len(names) == len(set(names))
    assert read_live(folder)["stopped"]
