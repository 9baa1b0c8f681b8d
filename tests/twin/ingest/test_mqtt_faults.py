"""Broker and ingester are killed again and again: the store ends with what was planted."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.services.mosquitto import Mosquitto, private_mosquitto
from tests.services.processes import wait_until
from tests.twin.ingest.ingester import Ingester
from tests.twin.ingest.listening import Publisher, listening
from tests.twin.ingest.planted import MISSING, Machine, Observer, Planted, faults, plant
from twin.ingest import sequences
from twin.ingest.mqtt import MqttSource

pytestmark = pytest.mark.servers
SOURCE = {
    "kind": "mqtt",
    "name": "line-1",
    "topics": ["plant/+"],
    "fields": {"work_unit": "machine"},
    "key": ["id"],
    "sequence": {"number": "seq", "of": "machine"},
    "backfill": MISSING,
}
UNLIMITED = ("max_queued_messages 0", "max_inflight_messages 0")


def logins(broker: Mosquitto, client_id: str) -> int:
    """How often a client has logged in, by the broker's own log."""
    return sum(f" as {client_id} (" in line for line in broker.process.lines())


def ends_with_the_planted_set(
    folder: Path, *, events: int, kills: int, per_second: float, seconds: float
) -> None:
    planted = plant(events, units=4)
    with private_mosquitto(*UNLIMITED) as broker:
        ingester = Ingester(folder, broker.port, SOURCE)
        with ingester.process:
            wait_until(ingester.is_logged_in, 30, what=ingester.process.tail())
            observer = Observer(broker.port)
            machines = [
                Machine(broker.port, told, per_second=per_second / 4, seed=n)
                for n, told in enumerate(planted.values())
            ]
            for machine in machines:
                machine.start()
            pids = set()
            for kill in range(1, 2 * kills + 1):
                enough = events * kill // (2 * kills + 1)
                ingester.has_stored(enough, seconds)
                if kill % 2:
                    pids.add(broker.kill())
                    broker.start()
                else:
                    ingester.kill()
                    pids.add(ingester.process.pid)
                    ingester.process.start()
            ingester.has_stored(events, seconds)
            assert ingester.process.stop() == 0
            for machine in machines:
                machine.end()
            observer.close()
            # The faults were real: different processes served, and the ingester logged in again.
            assert len(pids) == 2 * kills
            assert logins(broker, "noria-line-1") > kills
        assert max(observer.seen.values()) > 1
        assert observer.backwards > 0
        assert sum(machine.repeated for machine in machines) > 0
    log = ingester.log()
    assert faults(planted, log) == []
    assert_the_check_finds_what_is_wrong(planted, log)


def assert_the_check_finds_what_is_wrong(
    planted: dict[str, list[Planted]], log: pd.DataFrame
) -> None:
    """Positive control: a lost, a doubled and a changed event are each found."""
    assert len(faults(planted, log.iloc[1:])) == 1
    assert len(faults(planted, pd.concat([log, log.iloc[:1]]))) == 1
    changed = log.copy()
    changed.loc[changed.index[5], "state"] = "repair"
    assert len(faults(planted, changed)) == 2


def test_killed_once_each_the_store_ends_with_the_planted_set(tmp_path: Path) -> None:
    ends_with_the_planted_set(tmp_path, events=1500, kills=1, per_second=400, seconds=60)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_five_times_each_the_store_ends_with_the_planted_set(tmp_path: Path) -> None:
    ends_with_the_planted_set(tmp_path, events=20_000, kills=5, per_second=600, seconds=300)


# --- what the broker forgets ---


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps are told at once."""
    monkeypatch.setattr(sequences, "PATIENCE_SECONDS", 0.5)


def source(port: int, **settings: str) -> MqttSource:
    return MqttSource.model_validate(
        {
            "name": "line-1",
            "host": "127.0.0.1",
            "port": port,
            "topics": ["plant/+"],
            "sequence": {"number": "seq", "of": "machine"},
            **settings,
        }
    )


@pytest.mark.usefixtures("impatient")
def test_what_a_killed_broker_forgot_is_missed_by_name_and_found_when_told_again() -> None:
    """With the subscriber away the broker acknowledges, is killed, and knows nothing any more."""
    told = [json.dumps(event.content) for event in plant(400, units=1)["PRESS-1"]]
    with private_mosquitto(*UNLIMITED) as broker:
        with listening(source(broker.port)) as before, Publisher(broker.port) as publisher:
            publisher.send("plant/PRESS-1", *told[:100])
            before.wait_for(lambda i: len(i.messages) == 100)
        with Publisher(broker.port) as publisher:
            publisher.send("plant/PRESS-1", *told[100:350])  # the broker has acknowledged them
        broker.kill()
        broker.start()
        with (
            listening(source(broker.port), start_at=before.positions[-1]) as intake,
            Publisher(broker.port) as publisher,
        ):
            publisher.send("plant/PRESS-1", told[399])
            intake.wait_for(lambda i: bool(i.troubles))
            assert [m["seq"] for m in intake.values] == [400]  # they are lost indeed
            text = "299 messages are missing: numbers 101-399; send again"
            assert intake.troubles == [("PRESS-1", text, 299)]
            publisher.send("plant/PRESS-1", *told[100:399])
            intake.wait_for(lambda i: i.troubles[-1] == ("PRESS-1", "", 0))
        assert {m["seq"] for m in intake.values} == set(range(101, 401))


@pytest.mark.usefixtures("impatient")
def test_a_sender_is_asked_for_what_is_missing_until_it_has_come(mosquitto: Mosquitto) -> None:
    (events,) = plant(20, units=1).values()
    lost = {4, 5, 11}
    machine = Machine(mosquitto.port, events, per_second=200)
    machine.told_order = [e for e in machine.told_order if e.seq not in lost]
    asks = source(mosquitto.port, backfill=MISSING)
    with listening(asks) as intake:
        machine.start()
        intake.wait_for(lambda i: len({m["seq"] for m in i.values}) == 20)
        machine.end()
    assert machine.asked_for == len(lost)
    assert intake.refused == []  # what we ask for does not come back as a message
    assert "3 messages are missing: numbers 4-5, 11" in intake.troubles[0][1]
