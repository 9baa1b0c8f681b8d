"""Faults of a night, tried on the whole job: each has its code, its words and no half-written
output, and the next night is as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarios.archive import list_runs, load_run, run_folders
from scenarios.ledger import Ledger
from scenarios.outbox import Outbox
from scenarios.replan import Replanned, replan
from scenarios.run import naive_plan
from scenarios.scenario import Case
from scenarios.settings import Nervousness, Notification, ReplanConfig, load_config
from tests.fake_erp import FakeErp
from tests.services.processes import free_port, wait_until
from twin.connectors.mes_files import read_log
from twin.connectors.plan_drop import read_published
from twin.errors import ErpAway, InputError, StaleData
from twin.model.schedule import Schedule


def by_due_dates(case: Case, *, previous: Schedule | None = None, **_: Any) -> Schedule:
    """A planner that takes no time."""
    return naive_plan(case, previous)


def fails(case: Case, **_: Any) -> Schedule:
    raise MemoryError("the search ran out of memory")


def quick(shop: Path, **changes: Any) -> ReplanConfig:
    few = {"replications": 2, "time_limit_s": 0.5}
    return load_config(shop / "replan.yaml").model_copy(update={**few, **changes})


def rewrite(shop: Path, *changes: tuple[str, str]) -> Path:
    path = shop / "replan.yaml"
    text = path.read_text().replace("replications: 8", "replications: 2")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def noria(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scenarios.cli", *map(str, arguments)]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


# --- two at once, and a stop ---


def test_of_two_at_once_the_second_is_locked_at_once_and_a_stop_leaves_nothing(shop: Path) -> None:
    """The first waits in the midst of its reading, for a pipe that nobody writes to."""
    (shop / "carbon.csv").unlink()
    os.mkfifo(shop / "carbon.csv")
    config = rewrite(shop)
    first = noria("replan", config, "--quiet")
    try:
        log = shop / "runs" / "replan.log.jsonl"
        wait_until(lambda: b'"begun"' in log.read_bytes(), 60, "the first one runs")
        assert [row["status"] for row in list_runs(shop / "runs")] == ["running"]
        before = log.read_bytes()
        second = noria("replan", config, "--quiet")
        out, err = second.communicate(timeout=60)
        assert (second.returncode, out) == (3, "")
        assert "another run holds the lock" in err
        assert first.poll() is None  # it was running all the while
        assert len(list_runs(shop / "runs")) == 1
        assert log.read_bytes() == before
        assert not (shop / "runs" / "noria-replan.prom").exists()
        first.send_signal(signal.SIGTERM)
        _, err = first.communicate(timeout=60)
        assert first.returncode == 130
        assert err == "noria replan: interrupted; nothing half-written remains\n"
    finally:
        first.kill()
    (row,) = list_runs(shop / "runs")
    assert (row["status"], row["exit_code"]) == ("interrupted", 130)
    assert run_folders(shop / "runs") == []
    assert not (shop / "erp_drop").exists()


# --- killed with -9 in the whole job ---


def test_killed_while_the_erp_is_written_the_next_run_finds_it_decided(shop: Path) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from scenarios.replan import replan
        from tests.fake_erp import FakeErp
        from tests.scenarios.test_nightly_faults import by_due_dates, quick

        calls = []
        def third_write():
            calls.append(1)
            if len(calls) == 6:
                os.kill(os.getpid(), signal.SIGKILL)

        shop = Path({str(shop)!r})
        erp = FakeErp(shop / "erp", step=third_write)
        replan(quick(shop), planner=by_due_dates, targets={{"fake": erp}})
    """
    dead = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()
    erp = FakeErp(shop / "erp")
    assert len(erp.journal) == 3  # it was the one that wrote
    (letter,) = Outbox(Ledger(shop / "runs")).pending()

    def never(case: Case, **_: Any) -> Schedule:
        raise AssertionError("planned again")

    done = replan(quick(shop), planner=never, targets={"fake": erp})
    assert done.run.id == letter.run
    assert done.run.schedule.status == "heuristic"  # no fallback: it was not planned again
    records = [line["record"] for line in erp.journal]
    assert len(records) == len(set(records)) == len(erp.records)
    assert [row["status"] for row in list_runs(shop / "runs")] == ["ok", "interrupted"]
    nights = sorted(p.name for p in (shop / "runs" / "parameters").iterdir())
    assert nights == ["2026-11-23T040000Z.json"]


# --- the ERP is away ---


def test_an_erp_that_is_away_gets_the_plan_when_the_next_run_begins(shop: Path) -> None:
    erp = FakeErp(shop / "erp", is_away=True)
    with pytest.raises(ErpAway) as away:
        replan(quick(shop), planner=by_due_dates, targets={"fake": erp})
    assert away.value.exit_code == 9
    (folder,) = run_folders(shop / "runs")
    assert load_run(folder).id in str(away.value)
    assert not (shop / "runs" / "parameters").exists()
    erp.is_away = False
    (shop / "orders.csv").unlink()  # tonight there is nothing to plan from
    with pytest.raises(InputError):
        replan(quick(shop), planner=by_due_dates, targets={"fake": erp})
    assert erp.records
    assert {line["run"] for line in erp.journal} == {folder.name}
    assert (shop / "runs" / "parameters").exists()
    assert [row["exit_code"] for row in list_runs(shop / "runs")] == [2, 9]


# --- the optimiser fails ---


def test_a_fallback_plan_is_published_told_everywhere_and_bettered_by_the_next_run(
    shop: Path,
) -> None:
    heard = shop / "heard.json"
    tell = Notification(command=("/bin/sh", "-c", f"cat > {heard}"))
    config = quick(shop, notify=tell)
    done = replan(config, planner=fails)
    why = "the optimiser failed: MemoryError: the search ran out of memory"
    assert done.run.schedule.status == "fallback"
    assert read_published(shop / "erp_drop") == done.run.schedule
    (row,) = list_runs(shop / "runs")
    assert (row["status"], row["status_of_plan"]) == ("ok", "fallback")
    assert why in row["note"]
    assert why in done.report_html.read_text()
    assert why in json.loads(heard.read_text())["note"]
    assert "noria_replan_fallback 1.0" in (shop / "runs" / "noria-replan.prom").read_text()
    heard.unlink()
    better = replan(config, planner=by_due_dates)
    assert better.run.schedule.status == "heuristic"
    assert "noria_replan_fallback 0.0" in (shop / "runs" / "noria-replan.prom").read_text()
    assert not heard.exists()


# --- too nervous ---


def test_a_plan_that_moves_too_much_is_not_published_and_a_dry_run_shows_it(shop: Path) -> None:
    config = quick(shop, nervousness=Nervousness(most_moved=0.01))
    assert isinstance(config.cut_off, datetime)
    earlier = {"cut_off": config.cut_off - timedelta(hours=12), "nervousness": None}
    before = replan(config.model_copy(update=earlier), planner=by_due_dates)

    def restless(case: Case, **_: Any) -> Schedule:
        """Every other order first."""
        orders = tuple(
            replace(o, due_date=case.horizon.end - (o.due_date - case.horizon.start))
            for o in case.orders
        )
        other = naive_plan(replace(case, orders=type(case.orders)(orders)))
        return replace(other, value=None)

    shown = replan(config, planner=restless, dry_run=True)
    assert "1% is allowed (nervousness.most_moved)" in shown.too_nervous
    assert shown.would_write is not None
    assert shown.would_write.changed
    from scenarios.nervousness import TooNervous

    with pytest.raises(TooNervous, match="last night's plan stands"):
        replan(config, planner=restless)
    assert read_published(shop / "erp_drop") == before.run.schedule
    row = list_runs(shop / "runs")[0]
    assert (row["status"], row["exit_code"]) == ("TooNervous", 5)


# --- the disk is full ---

FULL = """
    set -e
    mount -t tmpfs -o size={size}k tmpfs {folder}
    set +e
    {python} -m scenarios.cli replan {config} --out {folder} --quiet; echo "code $?"
    cat {folder}/runs/noria-replan.prom 2>/dev/null | grep -c . ; echo "files:"
    cd {folder}; find . -type f -not -name '.lock' | sort
    echo "left: $(df --output=avail -k {folder} | tail -1)"
"""


def on_a_small_disk(shop: Path, folder: Path, size_kb: int) -> str:
    """Run the job with a disk of its own for its outputs; the test is skipped where no disk can be
    mounted."""
    unshare = shutil.which("unshare")
    probe = [str(unshare), "-Urm", "true"]
    if not unshare or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("no small disk: unshare -Urm is not possible here")
    folder.mkdir()
    script = FULL.format(
        size=size_kb, folder=folder, config=shop / "replan.yaml", python=sys.executable
    )
    done = subprocess.run(
        [unshare, "-Urm", "/bin/sh", "-c", textwrap.dedent(script)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("size_kb", [32, pytest.param(220, marks=pytest.mark.slow), 520])
def test_a_full_disk_has_its_code_and_leaves_nothing_half_written(
    shop: Path, tmp_path: Path, size_kb: int
) -> None:
    """Full when the ledger is opened, in the archive, and in the drop or shortly before."""
    rewrite(shop, ("time_limit_s: 20", "time_limit_s: 1"))
    said = on_a_small_disk(shop, tmp_path / "disk", size_kb)
    assert "code 10" in said, said
    assert "no room left on the disk" in said
    assert "Traceback" not in said
    files, _, left_kb = said.partition("files:")[2].partition("left:")
    # It was full: in the kernel's own words, or the ledger's first page has no place even now.
    assert "No space left on device" in said or int(left_kb.split()[0]) < 32
    assert ".new/" not in files
    assert ".incoming" not in files
    assert "erp_drop" not in files


@pytest.mark.slow
def test_the_same_disk_with_room_is_not_full(shop: Path, tmp_path: Path) -> None:
    """What the test above shows comes of the size alone."""
    rewrite(shop, ("time_limit_s: 20", "time_limit_s: 1"))
    said = on_a_small_disk(shop, tmp_path / "disk", 20_000)
    assert "code 0" in said, said
    assert "./erp_drop/plan.csv" in said


# --- data that are too old ---


@pytest.mark.parametrize(
    ("last", "is_stale"), [("2026-11-20T21:30", False), ("2026-11-20T15", True)]
)
def test_only_hours_in_which_a_shift_was_worked_make_a_log_stale(
    shop: Path, last: str, is_stale: bool
) -> None:
    """Shifts end on Friday night, but for the furnace's, which has none to itself."""
    path = shop / "mes_log.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], *(row for row in rows[1:] if row < last)]) + "\n")
    config = quick(shop, stale_after_h=6.0, least_activity=0.0)
    if is_stale:
        with pytest.raises(
            StaleData, match=r"h of shifts since on most .*; at most 6 h is allowed"
        ) as stale:
            replan(config, planner=by_due_dates)
        assert stale.value.exit_code == 4
    else:
        replan(config, planner=by_due_dates, dry_run=True)


# --- a cut-off by the clock, and events of the store ---


@pytest.mark.parametrize("cut_off", ["05:00", pytest.param("now", marks=pytest.mark.slow)])
def test_a_cut_off_by_the_clock_is_said_in_notes_ledger_and_run(shop: Path, cut_off: str) -> None:
    path = rewrite(shop, ("2026-11-23T05:00:00+01:00", f'"{cut_off}"'))
    now = datetime.fromisoformat("2026-11-23T04:00:25+00:00")
    done = replan(quick(path.parent), planner=by_due_dates, dry_run=True, now=now)
    assert done.run.id.startswith("2026-11-23T0500-")
    said = f'cut-off 2026-11-23T05:00:00+01:00: "{cut_off}", asked at 2026-11-23T05:00:25+01:00'
    assert done.run.extras["notes"] == [said]
    assert list_runs(shop / "runs")[0]["cut_off"] == "2026-11-23T05:00:00+01:00"
    assert said in done.report_html.read_text().replace("&quot;", '"').replace("&#x27;", "'")


@pytest.mark.slow  # test_live_chain has a quick one
def test_the_same_events_from_the_store_give_the_same_plan(shop: Path) -> None:
    from twin.secrets import Keyring
    from twin.store.record import Event
    from twin.store.settings import StoreSettings
    from twin.store.store import open_store

    table = read_log(shop / "mes_log.csv").table
    events = [
        Event(key=str(n), **{**row, "time": row["time"].to_pydatetime()})
        for n, row in enumerate(table.to_dict("records"))
    ]
    settings = StoreSettings(url=f"sqlite:///{shop / 'events.sqlite'}")
    with open_store(settings, Keyring({}, shop)) as store:
        assert store.append("test", events).stored == len(events)
    from_file = replan(quick(shop), planner=by_due_dates, dry_run=True)
    rewrite(shop, ("mes: {path: mes_log.csv}", "mes: {store: sqlite:///events.sqlite}"))
    from_store = replan(quick(shop), planner=by_due_dates)
    assert from_store.run.schedule.segments == from_file.run.schedule.segments
    hashes = list_runs(shop / "runs")[0]["inputs"]
    assert len(hashes["event store"]) == 64
    assert "mes_log.csv" not in hashes
    again: Replanned = replan(quick(shop), planner=by_due_dates)
    assert again.run.id == from_store.run.id


def test_a_store_that_is_away_is_told_by_its_own_code(shop: Path) -> None:
    url = f"postgresql://noria@127.0.0.1:{free_port()}/events"
    rewrite(shop, ("mes: {path: mes_log.csv}", f"mes: {{store: '{url}'}}"))
    job = noria("replan", shop / "replan.yaml", "--quiet")
    out, err = job.communicate(timeout=60)
    assert (job.returncode, out) == (12, "")
    assert url in err
    assert "Traceback" not in err
