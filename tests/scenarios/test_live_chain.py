"""Whichever way a log comes into the event store, the twin learns from it what it would from the
file: same events, same parameters, same plan. What cannot be taken in is counted, not lost."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import create_engine

from scenarios.cli import main
from scenarios.demo import make_demo
from scenarios.demo_dirt import Dirt, dirty
from scenarios.inputs import Inputs, read_inputs
from scenarios.settings import load_config
from tests.scenarios.conftest import CUT_OFF
from tests.services.mosquitto import private_mosquitto
from tests.services.postgres import Database
from tests.services.processes import wait_until
from tests.twin.ingest.listening import Publisher
from twin.calibration.calibrate import calibrate
from twin.connectors.mes_files import read_log, write_log
from twin.ingest.health import read_status
from twin.model.events import COLUMNS, NUMBERS, EventLog
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

DIRT = Dirt(skewed_unit="P-2", late_rows=40, blank_unit="K-1", retired_unit="P-9")
"""Rows of P-9, which the plant does not have, are set aside by the file's reader and held here."""
STORE = "sqlite:///events.sqlite"
DROP = {"kind": "drop_folder", "folder": "drop", "pattern": "*.csv"}

TABLE = {"kind": "sql", "table": "event", "changed_by": "id", "key": ["id"]}
TOPICS = {"kind": "mqtt", "host": "127.0.0.1", "topics": ["plant/+/events"]}


@dataclass(frozen=True)
class Plant:
    """A folder where ``replan.yaml`` reads the file of the log, and ``live.yaml`` the store."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "mes_log.csv"

    @property
    def rows(self) -> list[dict[str, str]]:
        """Of the file, in its order; only what is filled in."""
        with self.log.open(encoding="utf-8", newline="") as file:
            return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]

    def configure(self, source: Mapping[str, Any], **settings: Any) -> None:
        metrics = {"every_s": 1}
        content = {"store": STORE, "plant": "plant.yaml", "metrics": metrics, **settings}
        self._write("ingest.yaml", {**content, "sources": [{"name": "mes", **source}]})
        nightly = yaml.safe_load((self.folder / "replan.yaml").read_text(encoding="utf-8"))
        self._write("live.yaml", {**nightly, "mes": {"store": STORE}})

    def noria(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and JSON answer of a command, run as a timer would."""
        made = subprocess.run(
            [*self._command(arguments), "--quiet", "--json"],
            cwd=self.folder, text=True, capture_output=True, timeout=280,
        )  # fmt: skip
        assert made.returncode in (0, 7), made.stderr
        return made.returncode, json.loads(made.stdout)

    def ingester(self) -> subprocess.Popen[bytes]:
        """``noria ingest`` as a service, its log in a file."""
        command = self._command(["ingest", "ingest.yaml", "--quiet"])
        with (self.folder / "ingest.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)

    def status(self) -> dict[str, Any]:
        """What the ingester says of its source; empty before it began."""
        written = read_status(self.folder / "ingest.status.json") or {"sources": {}}
        found: dict[str, Any] = written["sources"].get("mes", {})
        return found

    def store(self) -> EventStore:
        settings = StoreSettings(url=STORE).located(self.folder)
        return open_store(settings, Keyring({}, self.folder), migrate=False)

    def inputs(self, config: str) -> Inputs:
        return read_inputs(load_config(self.folder / config))

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "scenarios.cli", *arguments]

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture
def plant(shop: Path) -> Plant:
    """The small shop's folder, with everything in its log that real logs have."""
    dirtied, _ = dirty(read_log(shop / "mes_log.csv"), CUT_OFF, DIRT, seed=7)
    write_log(dirtied, shop / "mes_log.csv")
    return Plant(shop)


def take_in(plant: Plant, source: Mapping[str, Any]) -> dict[str, Any]:
    """Run ``noria ingest --once`` with one source; what it says of the source."""
    plant.configure(source)
    assert main(["ingest", str(plant.folder / "ingest.yaml"), "--once", "--quiet", "--json"]) == 7
    return plant.status()


def by_drop_folder(plant: Plant) -> dict[str, Any]:
    (plant.folder / "drop").mkdir()
    shutil.copy(plant.log, plant.folder / "drop")
    return take_in(plant, DROP)


def fill_table(plant: Plant, url: str) -> None:
    """The log as a table of an MES that numbers its rows."""
    table = pd.DataFrame(plant.rows, columns=list(COLUMNS))
    table[list(NUMBERS)] = table[list(NUMBERS)].astype(float)
    table.insert(0, "id", range(1, len(table) + 1))
    with closing(create_engine(url).connect()) as connection, connection.begin():
        table.to_sql("event", connection, index=False)


def publish(plant: Plant, publisher: Publisher) -> None:
    for row in plant.rows:
        values = {k: float(v) if k in NUMBERS else v for k, v in row.items()}
        topic = f"plant/{row.get('work_unit', 'site').strip()}/events"
        publisher.client.publish(topic, json.dumps(values), qos=1)
    publisher.send("plant/last", "{}")


def by_broker(plant: Plant) -> dict[str, Any]:
    """The log published row by row to a broker, and taken in by a running ``noria ingest``."""
    with private_mosquitto("max_queued_messages 0", "max_inflight_messages 0") as broker:
        plant.configure({**TOPICS, "port": broker.port})
        ingester = plant.ingester()
        try:
            wait_until(lambda: plant.status().get("connected"), 30, "the ingester's login")
            with Publisher(broker.port) as publisher:
                publish(plant, publisher)
            everything = len(plant.rows)
            wait_until(lambda: dealt_with(plant.status()) == everything, 120, "all messages")
            ingester.send_signal(signal.SIGTERM)
            assert ingester.wait(10) == 0
        finally:
            ingester.kill()
    return plant.status()


def dealt_with(said: Mapping[str, Any]) -> int:
    """Messages that were stored, known already, or held."""
    return sum(int(said.get(name, 0)) for name in ("stored", "duplicates", "held"))


def usable(plant: Plant, config: str) -> pd.DataFrame:
    """The events that calibration may use."""
    return in_one_order(plant.inputs(config).diagnosed().clean.table)


def in_one_order(events: pd.DataFrame) -> pd.DataFrame:
    """Those of one instant in the order of their content.

    A file tells such rows in the order they were recorded, the store in that of their stamps; that
    is not the same where the clock of one unit is wrong, and set right afterwards.
    """
    return events.sort_values(list(COLUMNS), ignore_index=True)


def learnt(plant: Plant, config: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Usable events, and the parameters fitted to them."""
    inputs = plant.inputs(config)
    clean = inputs.diagnosed().clean
    parameters = calibrate(clean, inputs.plant, inputs.cut_off).to_dict()
    return in_one_order(clean.table), parameters


def assert_same(plant: Plant) -> None:
    """From the store comes what comes from the file: usable events and parameters."""
    events, parameters = learnt(plant, "replan.yaml")
    stored, of_store = learnt(plant, "live.yaml")
    pd.testing.assert_frame_equal(events, stored)
    assert parameters.pop("source") != of_store.pop("source")
    assert parameters == of_store


def assert_counted(plant: Plant, said: Mapping[str, Any]) -> None:
    """Every row of the file is an event, the repeat of one, or held with the reason."""
    retired = [row for row in plant.rows if row.get("work_unit") == DIRT.retired_unit]
    different = {tuple(row.items()) for row in plant.rows if row not in retired}
    assert said["stored"] == len(different)
    assert said["duplicates"] == len(plant.rows) - len(retired) - len(different) > 0
    assert said["held"] == len(retired) > 0
    with plant.store() as store:
        assert sum(held.times for held in store.quarantine()) == len(retired)
        assert all(DIRT.retired_unit in held.reason for held in store.quarantine())


def test_a_drop_folder_gives_what_the_file_gives(plant: Plant) -> None:
    said = by_drop_folder(plant)
    assert_same(plant)
    assert_counted(plant, said)
    warning = next(f for f in plant.inputs("live.yaml").diagnosed().findings if f.kind == "held")
    assert "held in the event store and are not in the log" in str(warning)
    assert warning.count == said["held"]


@pytest.mark.slow
def test_a_table_gives_what_the_file_gives(plant: Plant) -> None:
    fill_table(plant, f"sqlite:///{plant.folder}/mes.sqlite")
    said = take_in(plant, {**TABLE, "url": "sqlite:///mes.sqlite"})
    assert_same(plant)
    assert said["stored"] + said["held"] == len(plant.rows), "each number is an event of its own"
    found = plant.inputs("live.yaml").diagnosed()
    assert found.set_aside["the same event twice"] > 0


def test_an_event_less_is_seen(plant: Plant) -> None:
    """The control of this file: what is compared tells a lost event."""
    by_drop_folder(plant)
    lost = next(row for row in plant.rows[::-1] if row["event"] == "end")
    rows = read_log(plant.log).table
    kept = rows[(rows["lot"] != lost["lot"]) | (rows["event"] != "end")]
    write_log(EventLog(kept), plant.log)
    with pytest.raises(AssertionError, match="DataFrame shape mismatch"):
        assert_same(plant)


def test_what_is_held_for_want_of_a_name_is_not_lost(plant: Plant) -> None:
    """The other name of a unit is forgotten, then written down, and what was held is replayed."""
    table = read_log(plant.log).table
    write_log(EventLog(table.replace({"work_unit": {"P-1": "press1"}})), plant.log)
    by_drop_folder(plant)
    write_log(EventLog(table), plant.log)
    assert len(usable(plant, "live.yaml")) < len(usable(plant, "replan.yaml"))
    plant.configure(DROP, equipment={"P-1": ["press1"]})
    assert main(["held", str(plant.folder / "ingest.yaml"), "--replay", "--quiet"]) == 7
    with plant.store() as store:
        assert all(DIRT.retired_unit in held.raw for held in store.quarantine())
    pd.testing.assert_frame_equal(usable(plant, "replan.yaml"), usable(plant, "live.yaml"))


@pytest.mark.servers
def test_a_broker_gives_what_the_file_gives(plant: Plant) -> None:
    said = by_broker(plant)
    assert_same(plant)
    assert_counted(plant, said)


@pytest.mark.slow
def test_the_plan_is_that_of_the_file(plant: Plant) -> None:
    by_drop_folder(plant)
    first, second = (
        plant.noria("replan", config, "--dry-run", "--out", out)[1]
        for config, out in (("replan.yaml", "of_file"), ("live.yaml", "of_store"))
    )
    for answer in (first, second):
        for place in ("run", "folder", "report", "ledger", "would_write"):
            answer.pop(place)
    assert first == second


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("way", ["folder", "table", "broker"])
def test_so_it_is_with_the_demonstration(
    tmp_path: Path, way: str, request: pytest.FixtureRequest
) -> None:
    make_demo(tmp_path)
    plant = Plant(tmp_path)
    if way == "folder":
        by_drop_folder(plant)
    elif way == "broker":
        by_broker(plant)
    else:
        mes: Database = request.getfixturevalue("postgres")
        fill_table(plant, mes.dsn.replace("postgresql:", "postgresql+psycopg:"))
        password = plant.folder / "mes-password"
        password.write_text(mes.password, encoding="utf-8")
        password.chmod(0o600)
        take_in(plant, {**TABLE, "url": mes.url, "password": {"file": password.name}})
    assert_same(plant)
