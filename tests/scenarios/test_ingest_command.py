"""``noria ingest`` and ``noria held`` as people and timers call them, on a small table."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from scenarios.cli import main
from tests.services.processes import free_port
from twin.ingest.health import read_status
from twin.secrets import Keyring
from twin.store.schema import EVENT, QUARANTINE
from twin.store.settings import StoreSettings
from twin.store.store import open_store

TABLE = "CREATE TABLE event (id INTEGER PRIMARY KEY, ts TEXT, machine TEXT, status TEXT)"
SOURCE = {
    "kind": "sql",
    "name": "mes",
    "url": "sqlite:///mes.sqlite",
    "table": "event",
    "changed_by": "id",
    "every_s": 0.05,
    "batch": 50,
    "key": ["id"],
    "fields": {
        "time": "ts",
        "work_unit": "machine",
        "event": {"value": "state"},
        "state": {"from": "status", "values": {"RUN": "working", "IDLE": "standby"}},
    },
}


class Place:
    """A folder with a configuration and the table of an MES."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "line.yaml"
        with self._mes() as mes:
            mes.execute(TABLE)
        self.write()

    def _mes(self) -> Any:
        return closing(sqlite3.connect(self.folder / "mes.sqlite", isolation_level=None))

    def write(self, sources: Sequence[Any] = (SOURCE,), **settings: Any) -> None:
        content = {
            "store": "sqlite:///events.sqlite",
            "metrics": {"every_s": 1},
            "sources": list(sources),
            **settings,
        }
        self.config.write_text(yaml.safe_dump(content), encoding="utf-8")

    def happens(self, first: int, last: int, machine: str = "PRESS-1", status: str = "RUN") -> None:
        """Rows ``first`` to ``last`` - 1 appear in the table."""
        rows = [
            (n, f"2026-10-{1 + n // 86400:02}T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z",
             machine, status)
            for n in range(first, last)
        ]  # fmt: skip
        with self._mes() as mes:
            mes.execute("BEGIN")
            mes.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", rows)
            mes.execute("COMMIT")

    def store(self) -> Any:
        settings = StoreSettings(url="sqlite:///events.sqlite").located(self.folder)
        return open_store(settings, Keyring({}, self.folder), migrate=False)

    def keys(self) -> list[str]:
        """Keys of the events stored, as often as they are there."""
        with closing(sqlite3.connect(self.folder / "events.sqlite")) as db:
            return [key for (key,) in db.execute(f"SELECT key FROM {EVENT.name} ORDER BY sequence")]

    def status(self) -> Any:
        return read_status(self.folder / "line.status.json") or {"sources": {"mes": {}}}

    @contextmanager
    def ingester(self, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "scenarios.cli", "ingest", str(self.config), *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environ},
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def wait_for(ready: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, f"not in {seconds} s"
        time.sleep(0.02)


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any, str]:
    """Exit code, JSON answer, and what was said on the error stream."""
    code = main([str(argument) for argument in arguments] + ["--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out.strip() else None, told.err


# --- once ---


def test_once_takes_in_what_is_there(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.happens(0, 120)
    code, answer, _ = run(capsys, "ingest", place.config, "--once")
    assert code == 0
    assert answer["sources"]["mes"]["stored"] == 120
    assert place.keys() == [f"mes:{n}" for n in range(120)]


def test_once_again_changes_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.happens(0, 10)
    for expected in (10, 0):
        code, answer, _ = run(capsys, "ingest", place.config, "--once")
        assert (code, answer["sources"]["mes"]["stored"]) == (0, expected)


def test_once_says_that_something_is_held(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.happens(0, 5)
    place.happens(5, 8, status="RNU")
    code, answer, _ = run(capsys, "ingest", place.config, "--once")
    assert code == 7
    assert (answer["sources"]["mes"]["stored"], answer["sources"]["mes"]["held"]) == (5, 3)


def test_once_without_the_table_is_a_wrong_input(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write([{**SOURCE, "table": "evnt"}])
    code, _, told = run(capsys, "ingest", place.config, "--once")
    assert code == 2
    assert "evnt" in told


# --- the service ---


def test_it_runs_until_it_is_stopped(place: Place) -> None:
    place.happens(0, 5)
    with place.ingester() as process:
        wait_for(lambda: place.status()["sources"]["mes"].get("stored") == 5)
        place.happens(5, 9)
        wait_for(lambda: place.status()["sources"]["mes"].get("stored") == 9)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        out, log = process.communicate(timeout=20)
        assert time.monotonic() - began < 4
    assert process.returncode == 0
    assert "9 stored" in out
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["event"] for line in lines] == ["ingest begins", "connected", "ingest ends"]
    assert place.status()["sources"]["mes"]["state"] == "ended"


def test_a_second_ingester_of_the_configuration_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with place.ingester():
        wait_for(lambda: "stored" in place.status()["sources"]["mes"])
        code, _, told = run(capsys, "ingest", place.config)
        assert code == 3
        assert "another process holds" in told


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_anywhere_every_row_is_stored_once(place: Place, kills: int) -> None:
    """kill -9, each seen to hit the process that was storing."""
    total, killed = 0, []
    for _ in range(kills):
        place.happens(total, total + 2000)
        total += 2000
        with place.ingester() as process:
            before = len(place.keys()) if (place.folder / "events.sqlite").exists() else 0
            wait_for(lambda known=before: _count(place) > known)  # type: ignore[misc]
            assert process.poll() is None
            process.kill()
            process.wait()
            assert process.returncode == -signal.SIGKILL
            killed.append(len(place.keys()))
    assert any(found < 2000 * (n + 1) for n, found in enumerate(killed)), "none was hit midway"
    with place.ingester("--once") as process:
        process.communicate(timeout=60)
    assert sorted(place.keys()) == sorted(f"mes:{n}" for n in range(total))


def _count(place: Place) -> int:
    try:
        return len(place.keys())
    except sqlite3.Error:
        return 0


def test_metrics_are_written_and_served(place: Place) -> None:
    port = free_port()
    place.happens(0, 5)
    place.write(metrics={"every_s": 1, "file": "noria.prom", "port": port})
    with place.ingester() as process:
        wait_for(lambda: place.status()["sources"]["mes"].get("stored") == 5)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            served = answer.read().decode()
        process.terminate()
        process.communicate(timeout=20)
    line = 'noria_ingest_events_stored_total{kind="sql",source="mes"} 5.0'
    assert line in served
    assert line in (place.folder / "noria.prom").read_text(encoding="utf-8")


def test_a_port_in_use_is_a_wrong_input(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place.write(metrics={"port": taken.getsockname()[1]})
        code, _, told = run(capsys, "ingest", place.config, "--once")
    assert code == 2
    assert "metrics.port" in told


# --- status and check ---


def test_the_status_tells_running_from_not(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "ingest", place.config, "--status")[:2] == (4, {"running": False})
    place.happens(0, 5)
    with place.ingester() as process:
        wait_for(lambda: place.status()["sources"]["mes"].get("stored") == 5)
        code, answer, _ = run(capsys, "ingest", place.config, "--status")
        assert (code, answer["running"], answer["pid"]) == (0, True, process.pid)
        process.kill()
        process.wait()
        code, answer, _ = run(capsys, "ingest", place.config, "--status")
        assert (code, answer["running"]) == (4, False)


def test_a_hanging_ingester_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with place.ingester() as process:
        wait_for(lambda: "stored" in place.status()["sources"]["mes"])
        process.send_signal(signal.SIGSTOP)
        path = place.folder / "line.status.json"
        found = {**json.loads(path.read_text(encoding="utf-8"))}
        path.write_text(json.dumps({**found, "written": "2026-01-01T00:00:00+00:00"}))
        code, answer, _ = run(capsys, "ingest", place.config, "--status")
        assert (code, answer["hangs"]) == (4, True)


def test_check_says_what_is_there_and_stores_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.happens(0, 5)
    code, answer, _ = run(capsys, "ingest", place.config, "--check")
    assert (code, answer) == (0, {"sources": ["mes"], "wrong": []})
    assert not (place.folder / "events.sqlite").exists()
    place.write([{**SOURCE, "table": "evnt"}])
    code, answer, _ = run(capsys, "ingest", place.config, "--check")
    assert code == 7
    assert answer["wrong"][0]["where"] == "mes"


def test_every_missing_secret_and_name_is_told_at_once(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = {"env": "NORIA_TEST_NOT_SET"}
    place.write(
        [{**SOURCE, "password": secret}, {**SOURCE, "name": "b", "password": secret}],
        equipment={"P": ["x", ""], "Q": ["x"]},
    )
    code, _, told = run(capsys, "ingest", place.config)
    assert code == 2
    assert told.count("NORIA_TEST_NOT_SET is not set") == 2
    assert '"x" is another name of P' in told


def test_every_missing_file_is_told_at_once(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write(plant="nowhere.yaml", equipment="neither.yaml")
    code, _, told = run(capsys, "ingest", place.config)
    assert code == 2
    assert told.count("no such file") == 2


def test_a_mistyped_state_is_told_before_anything_is_held(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = {"from": "status", "values": {"RUN": "wroking"}}
    place.write([{**SOURCE, "fields": {"state": rule}}])
    code, _, told = run(capsys, "ingest", place.config, "--once")
    assert code == 2
    assert 'sources.0.fields.state.values.RUN: unknown state "wroking"' in told


def test_a_secret_is_nowhere_to_be_read(place: Place) -> None:
    """The password is looked up, used in vain, and in no file or line that comes out."""
    address = "postgresql://noria@127.0.0.1:1/mes"
    place.write([{**SOURCE, "url": address, "password": {"env": "NORIA_TEST_PW"}}])
    with place.ingester(NORIA_TEST_PW="hunter2secret") as process:
        wait_for(lambda: bool(place.status()["sources"]["mes"].get("last_error")))
        process.terminate()
        out, log = process.communicate(timeout=20)
    assert "last_error" in (place.folder / "line.status.json").read_text(encoding="utf-8")
    texts = [p.read_bytes() for p in place.folder.iterdir() if p.is_file()]
    assert not any(b"hunter2secret" in text for text in [*texts, out.encode(), log.encode()])


# --- held ---


def hold_some(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.write(equipment={"PRESS-1": []}, plant=None)
    place.happens(0, 4)
    place.happens(4, 10, status="RNU")
    place.happens(10, 12, status="DOWN")
    assert run(capsys, "ingest", place.config, "--once")[0] == 7


def mend(place: Place, **values: str) -> None:
    known: dict[str, Any] = {**SOURCE, "fields": {**SOURCE["fields"]}}  # type: ignore[dict-item]
    rule = {"from": "status", "values": {"RUN": "working", "IDLE": "standby", **values}}
    known["fields"]["state"] = rule
    place.write([known])


def test_what_is_held_is_listed_by_reason(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    hold_some(place, capsys)
    code, answer, _ = run(capsys, "held", place.config)
    assert (code, answer["held"]) == (0, 8)
    assert [group["messages"] for group in answer["groups"]] == [6, 2]
    assert '"RNU" is not among fields.state.values' in answer["groups"][0]["reason"]
    assert answer["groups"][0]["examples"][0]["origin"].startswith("event")


def test_a_mended_mapping_and_a_replay_make_events(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    hold_some(place, capsys)
    mend(place, RNU="working")
    code, answer, _ = run(capsys, "held", place.config, "--replay")
    assert (code, answer["replayed"], answer["stored"]) == (7, 6, 6)
    assert [s["messages"] for s in answer["still"]] == [2]
    mend(place, RNU="working", DOWN="down")
    assert run(capsys, "held", place.config, "--replay")[0] == 0
    code, answer, _ = run(capsys, "held", place.config, "--replay")
    assert (code, answer["replayed"], answer["stored"]) == (0, 0, 0)
    assert sorted(place.keys()) == sorted(f"mes:{n}" for n in range(12))


def test_held_messages_are_exported_as_they_came(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    hold_some(place, capsys)
    file = place.folder / "held.jsonl"
    assert run(capsys, "held", place.config, "--export", file)[0] == 0
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 8
    assert {row["source"] for row in rows} == {"mes"}
    assert "RNU" in rows[0]["raw"]
    assert not list(place.folder.glob("*.part"))


def test_messages_are_set_aside_with_a_reason_or_not_at_all(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    hold_some(place, capsys)
    ids = [g["examples"][0]["id"] for g in run(capsys, "held", place.config)[1]["groups"]]
    assert run(capsys, "held", place.config, "--discard", str(ids[0]))[0] == 2
    code, answer, _ = run(
        capsys, "held", place.config, "--discard", f"{ids[0]},{ids[1]}-{ids[1]}", "--reason", "test"
    )
    assert (code, answer) == (0, {"discarded": 2})
    assert run(capsys, "held", place.config)[1]["held"] == 6
    with closing(sqlite3.connect(place.folder / "events.sqlite")) as db:
        assert db.execute(f"SELECT count(*) FROM {QUARANTINE.name}").fetchone() == (8,)


@pytest.mark.parametrize("ids", ["x", "1;2", "5-", "1-999999999", "-1", "1 OR 1=1"])
def test_ids_that_are_none_are_refused(
    place: Place, capsys: pytest.CaptureFixture[str], ids: str
) -> None:
    hold_some(place, capsys)
    code = run(capsys, "held", place.config, f"--discard={ids}", "--reason", "x")[0]
    assert code == 2
    assert run(capsys, "held", place.config)[1]["held"] == 8


def test_an_unknown_source_and_a_missing_store_are_told(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "held", place.config)[0] == 2
    assert not (place.folder / "events.sqlite").exists()
    hold_some(place, capsys)
    code, _, told = run(capsys, "held", place.config, "--source", "mse")
    assert code == 2
    assert 'did you mean "mes"?' in told
