"""Sparkplug B through a real broker, from edge node to events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_until
from tests.twin.ingest.edge_node import EdgeNode
from tests.twin.ingest.fake_intake import FakeIntake
from tests.twin.ingest.listening import Publisher, listening
from twin.ingest import sparkplug_nodes
from twin.ingest.sparkplug import SparkplugSource
from twin.ingest.sparkplug_payload import encode

pytestmark = pytest.mark.servers
START: dict[str, int | float | str] = {"State": 0, "Count/Good": 100, "Job": "WO-1"}


def source(port: int, **settings: Any) -> SparkplugSource:
    defaults = {
        "name": "cell-3",
        "host": "127.0.0.1",
        "port": port,
        "group": "Rabat",
        "metrics": {
            "PRESS-1": {
                "state": {
                    "metric": "Gateway1/Press1/State",
                    "values": {0: "standby", 1: "working", 9: "down"},
                },
                "good": "Gateway1/Press1/Count/Good",
                "order": "Gateway1/Press1/Job",
            }
        },
        "report_every": None,
    }
    return SparkplugSource.model_validate(defaults | settings)


@pytest.fixture(autouse=True)
def asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparkplug_nodes, "REBIRTH_FIRST_SECONDS", 0.5)


@contextmanager
def edge_node(port: int, **settings: Any) -> Iterator[EdgeNode]:
    node = EdgeNode(port, START, **settings)
    try:
        yield node
    finally:
        node.close()


def states(intake: FakeIntake) -> list[str]:
    return [m["state"] for m in intake.values if m["event"] == "state"]


def pieces(intake: FakeIntake) -> float:
    return sum(float(m["quantity"]) for m in intake.values if m["event"] == "end")


def troubles(intake: FakeIntake) -> list[tuple[str, str, int]]:
    return [trouble for trouble in intake.troubles if trouble[1]]


def test_states_and_pieces_become_events(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: states(i) == ["standby"])
        node.tell(State=1)
        node.tell(Count__Good=101)
        node.tell(Count__Good=107)
        node.tell(Job="WO-2")
        intake.wait_for(lambda i: pieces(i) > 0)
    assert states(intake) == ["standby", "working"]
    assert pieces(intake) == 7
    ends = [m for m in intake.values if m["event"] == "end"]
    assert [(m["work_unit"], m["order"]) for m in ends] == [("PRESS-1", "WO-1")]


def test_a_listener_that_comes_late_asks_for_the_birth_once(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: bool(states(i)))
        for n in range(20):
            node.tell(Count__Good=100 + n)
        intake.wait(0.5)
        assert (node.births, node.wishes) == (2, 1)


def test_messages_lost_on_the_way_are_said_and_the_counter_makes_up_for_them(
    mosquitto: Mosquitto,
) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: bool(states(i)))
        node.tell(Count__Good=110)
        node.swallow(3)
        node.values["Count/Good"] = 150
        node.tell(State=1)
        intake.wait_for(lambda i: bool(troubles(i)))
        about, text, missing = troubles(intake)[0]
        assert (about, missing) == ("Gateway1", 3)
        assert "3 messages missed" in text
        wait_until(lambda: node.wishes == 2, 15, "the second wish for a birth")
        node.tell(Job="WO-2")
        intake.wait_for(lambda i: pieces(i) >= 50)
        assert intake.troubles[-2:] == [("Gateway1", "", 0), ("Gateway1/Press1", "", 0)]
    assert pieces(intake) == 50
    assert "counted while away" in {m.get("reason") for m in intake.values}


def test_a_death_is_said_and_no_state_is_invented(mosquitto: Mosquitto) -> None:
    with listening(source(mosquitto.port)) as intake:
        with edge_node(mosquitto.port) as node:
            intake.wait_for(lambda i: bool(states(i)))
            node.dies()
            intake.wait_for(lambda i: bool(troubles(i)))
            assert troubles(intake)[0][0] == "Gateway1"
            assert "the edge node is away" in troubles(intake)[0][1]
        with edge_node(mosquitto.port, bd_seq=1) as again:
            intake.wait_for(lambda i: i.troubles[-2] == ("Gateway1", "", 0))
            again.device_dies()
            intake.wait_for(lambda i: troubles(i)[-1][0] == "Gateway1/Press1")
    assert states(intake) == ["standby"]


def test_a_broker_that_is_killed_loses_no_piece(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: bool(states(i)))
        for n in range(1, 300):
            node.tell(Count__Good=100 + n)
            if n == 150:
                mosquitto.kill()
                mosquitto.start()
            time.sleep(0.005)
        intake.wait_for(lambda i: i.reconnects == 1, 20)
        wait_until(node.client.is_connected, 10, "the edge node's login")
        node.tell(Job="WO-2")
        intake.wait_for(lambda i: pieces(i) >= 299, 20)
    assert pieces(intake) == 299


def test_what_is_remembered_goes_through_a_restart(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node:
        with listening(source(mosquitto.port)) as intake:
            intake.wait_for(lambda i: bool(states(i)))
            node.tell(Count__Good=105)
            intake.wait_for(lambda i: 105 in _last_counts(i))
        node.tell(Count__Good=130)  # nobody listens
        memory = json.loads(json.dumps(intake.positions[-1]))
        with listening(source(mosquitto.port), start_at=memory) as again:
            again.wait_for(lambda i: pieces(i) >= 30)
            assert states(again) == []  # still the same state: no event
    assert pieces(intake) + pieces(again) == 30


def test_a_clock_that_is_wrong_for_a_moment_stops_no_counter(mosquitto: Mosquitto) -> None:
    in_ten_years = int(1000 * (time.time() + 315_000_000))
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: bool(states(i)))
        node.tell(at=in_ten_years, Count__Good=105)
        intake.wait_for(lambda i: 105 in _last_counts(i))
        node.tell(Count__Good=130)
        intake.wait_for(lambda i: 130 in _last_counts(i))
        node.tell(Job="WO-2")
        intake.wait_for(lambda i: pieces(i) >= 30)
        said = [about for about, text, _ in troubles(intake) if "clock" in text]
    assert said == ["Gateway1/Press1/Count/Good (time)"]
    assert pieces(intake) == 30


def _last_counts(intake: FakeIntake) -> list[float]:
    if not intake.positions:
        return []
    counters = intake.positions[-1]["signals"]["counters"]
    return [saved["last"][1] for saved in counters.values() if "last" in saved]


def test_edge_nodes_without_a_signal_are_left_alone(mosquitto: Mosquitto) -> None:
    with listening(source(mosquitto.port)), Publisher(mosquitto.port) as other:
        asked: list[str] = []
        other.client.on_message = lambda client, data, message: asked.append(message.topic)
        other.client.subscribe("spBv1.0/Rabat/NCMD/#", qos=1)
        other.send("spBv1.0/Rabat/NDATA/Gateway9", encode([], seq=7))
        other.send("spBv1.0/Rabat/NDATA/Gateway1", encode([], seq=7))  # positive control
        wait_until(lambda: asked, what="the wish for a birth")
        time.sleep(0.3)
    assert set(asked) == {"spBv1.0/Rabat/NCMD/Gateway1"}


# --- store and forward ---


def test_the_primary_host_says_when_it_is_there_and_when_not(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node:
        with listening(source(mosquitto.port, host_id="noria")) as intake:
            intake.wait_for(lambda i: bool(states(i)))
            wait_until(lambda: node.host_states, what="the host's state")
        wait_until(lambda: len(node.host_states) >= 2, what="the host's farewell")
    heard = [json.loads(state) for state in node.host_states]
    assert (heard[0]["online"], heard[-1]["online"]) == (True, False)
    assert all(isinstance(state["timestamp"], int) for state in heard)


def test_a_late_farewell_of_an_earlier_login_is_contradicted(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port, host_id="noria")):
        wait_until(lambda: node.host_states, what="the host's state")
        with Publisher(mosquitto.port) as other:
            other.send("spBv1.0/STATE/noria", '{"online": false, "timestamp": 1}', retain=True)
        wait_until(lambda: len(node.host_states) >= 3, what="the contradiction")
        assert json.loads(node.host_states[-1])["online"] is True


def test_states_kept_by_the_edge_node_become_events_at_their_own_times(
    mosquitto: Mosquitto,
) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: bool(states(i)))
        then = time.time_ns() // 1_000_000 - 3_600_000
        node.tell(then, is_historical=True, State=9)
        node.tell(then + 60_000, is_historical=True, State=1)
        intake.wait_for(lambda i: len(states(i)) == 3)
        at = {m["state"]: m["time"].timestamp() * 1000 for m in intake.values if "state" in m}
        assert round(at["down"]) == then
        assert round(at["working"]) == then + 60_000


def test_what_cannot_be_read_goes_to_quarantine_and_the_rest_goes_on(mosquitto: Mosquitto) -> None:
    with edge_node(mosquitto.port) as node, listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: bool(states(i)))
        with Publisher(mosquitto.port) as other:
            other.send("spBv1.0/Rabat/NDATA/Gateway1", b"\xff" * 50, '{"State": 1}')
        node.tell(State=5)  # has no meaning
        node.tell(State=1)
        intake.wait_for(lambda i: "working" in states(i))
    assert intake.refused.count("not a Sparkplug B payload") == 2
    assert any('no meaning for the value "5"' in why for why in intake.refused)


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"group": "a/b"}, "group"),
        ({"host_id": "a+"}, "host_id"),
        ({"metrics": {}}, "metrics"),
        ({"metrics": {"PRESS-1": {"state": "Gateway1"}}}, "metric"),
        ({"metrics": {"PRESS-1": {"state": "#/State"}}}, "metric"),
        ({"metrics": {"PRESS-1": {"speed": "G1/P1/Speed"}}}, "add means: one of"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        source(1883, **settings)
