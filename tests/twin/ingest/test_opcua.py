"""OPC UA against a real server: every change, its time and its quality."""

import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.opcua_server import OpcUaServer
from tests.services.processes import free_port
from tests.twin.ingest.fake_intake import FakeIntake
from tests.twin.ingest.opcua_runs import (
    PRESS,
    STATES,
    connected,
    counted,
    press_source,
    running,
)
from twin.errors import InputError, StoreAway
from twin.ingest import opcua
from twin.ingest.opcua import OpcUaSource
from twin.model.base import validate
from twin.secrets import Keyring


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcUaServer]:
    """One server for the tests that leave it as it is, but for the values."""
    with OpcUaServer(tmp_path_factory.mktemp("opcua")) as server:
        yield server


def states(intake: FakeIntake) -> list[str]:
    return [v["state"] for v in intake.values if v["event"] == "state"]


@pytest.mark.servers
def test_states_orders_and_pieces_arrive_as_events(press: OpcUaServer, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    press.write("Order", "")
    press.write("State", 0)
    with running(press_source(press, report_every=None), tmp_path) as intake:
        intake.wait_for(connected)
        good, scrap = press.truth("Good"), press.truth("Scrap")
        press.write("Order", "WO-1")
        press.write("State", 1)
        shown = press.rest()
        press.write("Good", shown["Good"] + 1, shown["Good"] + 5)
        press.write("Scrap", shown["Scrap"] + 1)
        press.write("Order", "WO-2")
        intake.wait_for(lambda i: any(v["event"] == "end" for v in i.values))
    end = next(v for v in intake.values if v["event"] == "end")
    assert (end["order"], end["quantity"], end["scrap"]) == ("WO-1", 5, 1)
    assert (press.truth("Good") - good, press.truth("Scrap") - scrap) == (5, 1)
    assert states(intake) == ["standby", "working"]
    working = next(v for v in intake.values if v.get("state") == "working")
    assert (working["order"], working["work_unit"]) == ("WO-1", "PRESS-1")
    assert before < working["time"] <= datetime.now(UTC) + timedelta(seconds=2)


@pytest.mark.servers
@pytest.mark.parametrize(("queue", "is_whole"), [(10_000, True), (1, False)])
def test_the_queue_on_the_server_decides_whether_changes_are_lost(
    press: OpcUaServer, tmp_path: Path, queue: int, is_whole: bool
) -> None:
    """2,000 changes within a publishing interval or two; with a queue of one most are lost."""
    press.write("Fast", 0)
    nodes = {
        "Q": {"state": {"node": "ns=2;s=Press1.Fast", "values": {0: "off", **_alternating(2_000)}}}
    }
    source = press_source(press, nodes=nodes, publishing_interval=300, queue_size=queue)
    with running(source, tmp_path) as intake:
        intake.wait_for(connected)
        press.write("Fast", *range(1, 2_001))
        press.write("Fast", 0)
        intake.wait_for(lambda i: states(i)[1:] != [] and states(i)[-1] == "off", 20)
    found = states(intake)
    if is_whole:
        assert found == ["off", *(["working", "standby"] * 1_000), "off"]
    else:
        assert 2 <= len(found) < 500, "the trap is there, so the test above says something"


def _alternating(count: int) -> dict[int, str]:
    return {n: "working" if n % 2 else "standby" for n in range(1, count + 1)}


@pytest.mark.servers
def test_a_server_that_keeps_fewer_values_loses_no_pieces(tmp_path: Path) -> None:
    """Its own limit of the queue is one value: the counter tells all the same."""
    with (
        OpcUaServer(tmp_path, queue_cap=1) as server,
        running(press_source(server, publishing_interval=300), tmp_path) as intake,
    ):
        intake.wait_for(connected)
        server.write("Good", *range(1, 501))
        server.write("Order", "WO-9")
        intake.wait_for(lambda i: counted(i.values) == 500)
    assert "keeps 1 changes of it, not 10000" in _told(intake, "PRESS-1.state (queue)")


@pytest.mark.servers
def test_a_single_pass_stores_what_the_nodes_hold_and_ends(
    press: OpcUaServer, tmp_path: Path
) -> None:
    """As ``noria ingest --once`` does: the first wait ends the run."""
    intake = FakeIntake()
    intake.wait = lambda seconds: seconds > 0  # type: ignore[method-assign]
    press.write("State", 1)
    press_source(press).run(intake, Keyring({}, tmp_path))
    assert states(intake) == ["working"]


@pytest.mark.servers
def test_a_value_of_bad_quality_is_no_value(press: OpcUaServer, tmp_path: Path) -> None:
    press.write("State", 0)
    with running(press_source(press), tmp_path) as intake:
        intake.wait_for(connected)
        press.write("State", 9, status="BadSensorFailure")
        intake.wait_for(lambda i: _told(i, "PRESS-1.state (quality)") != "")
        assert "BadSensorFailure" in _told(intake, "PRESS-1.state (quality)")
        press.write("State", 1)
        intake.wait_for(lambda i: states(i)[-1] == "working")
        assert _told(intake, "PRESS-1.state (quality)") == "", "well again"
    assert states(intake) == ["standby", "working"]


def _told(intake: FakeIntake, about: str) -> str:
    texts = [text for name, text, _ in intake.troubles if name == about]
    return texts[-1] if texts else ""


@pytest.mark.servers
def test_pieces_counted_while_the_quality_was_bad_are_marked(
    press: OpcUaServer, tmp_path: Path
) -> None:
    with running(press_source(press), tmp_path) as intake:
        intake.wait_for(connected)
        base = int(press.truth("Good"))
        shown = press.rest()["Good"]
        press.write("Good", shown + 3, status="BadCommunicationError")
        press.write("Good", shown + 7)
        intake.wait_for(lambda i: counted(i.values) == 7)
        assert press.truth("Good") == base + 7
    assert [v.get("reason") for v in intake.values if v["event"] == "end"] == ["counted while away"]


@pytest.mark.servers
def test_missing_and_unfit_nodes_are_named_and_the_others_go_on(
    press: OpcUaServer, tmp_path: Path
) -> None:
    nodes = {
        "PRESS-1": {
            **PRESS,
            "scrap": "ns=2;s=Press1.Scrab",
            "energy": {"node": "ns=2;s=Press1", "means": "meter"},
            "lot": "nsu=urn:elsewhere;s=Lot",
            "product": "/Objects/2:Press1/2:Nowhere",
        }
    }
    press.write("State", 0)
    source = press_source(press, nodes=nodes)
    with running(source, tmp_path) as intake:
        intake.wait_for(connected)
        press.write("State", 1)
        intake.wait_for(lambda i: states(i) == ["standby", "working"])
    assert "there is no such node" in _told(intake, "PRESS-1.scrap")
    assert "no variable" in _told(intake, "PRESS-1.energy")
    assert 'no namespace "urn:elsewhere"' in _told(intake, "PRESS-1.lot")
    assert "nothing at this path" in _told(intake, "PRESS-1.product")
    with pytest.raises(InputError) as caught:
        list(source.check(Keyring({}, tmp_path)))
    assert 'did you mean "ns=2;s=Press1.Scrap"?' in str(caught.value)
    assert len(caught.value.faults) == 4


@pytest.mark.servers
def test_a_node_that_goes_and_comes_back_is_named_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua, "LOOK_AGAIN_S", 0.2)
    with (
        OpcUaServer(tmp_path) as server,
        running(press_source(server, report_every="1 s"), tmp_path) as intake,
    ):
        intake.wait_for(connected)
        server.write("Scrap", 3)
        server.ask(do="remove", name="Scrap")
        intake.wait_for(lambda i: "no such node" in _told(i, "PRESS-1.scrap"))
        server.ask(do="add", name="Scrap")
        server.write("Scrap", 8)
        intake.wait_for(lambda i: counted(i.values, "scrap") == 8)
    assert intake.reconnects == 0


@pytest.mark.servers
def test_check_says_what_each_node_holds(press: OpcUaServer, tmp_path: Path) -> None:
    press.write("State", 1)
    lines = list(press_source(press).check(Keyring({}, tmp_path)))
    assert "PRESS-1.state: ns=2;s=Press1.State = 1" in lines
    assert len(lines) == 4


@pytest.mark.servers
def test_a_counter_that_holds_text_is_named(press: OpcUaServer, tmp_path: Path) -> None:
    nodes = {"P": {"good": "ns=2;s=Press1.Text"}}
    with running(press_source(press, nodes=nodes), tmp_path) as intake:
        intake.wait_for(lambda i: _told(i, "P.good (unreadable)") != "")
    assert intake.values == []


@pytest.mark.servers
def test_a_state_without_meaning_goes_to_quarantine(press: OpcUaServer, tmp_path: Path) -> None:
    press.write("State", 0)
    source = press_source(press)
    with running(source, tmp_path) as intake:
        intake.wait_for(connected)
        press.write("State", 5)
        intake.wait_for(lambda i: bool(i.refused))
    assert intake.refused == ['PRESS-1.state: no meaning for the value "5"; known: 0, 1, 2, 9']
    held = next(m for m in intake.messages if m.refused)
    known = {"PRESS-1": {"state": {"node": "ns=2;s=Press1.State", "values": {**STATES, 5: "off"}}}}
    again = press_source(press, nodes=known).reread(held.raw, held.origin)
    assert [m.values["state"] for m in again] == ["off"]


@pytest.mark.servers
def test_a_time_in_the_future_is_not_believed(press: OpcUaServer, tmp_path: Path) -> None:
    press.write("State", 0)
    with running(press_source(press), tmp_path) as intake:
        intake.wait_for(connected)
        press.write("State", 1, ahead_s=7 * 86_400)
        intake.wait_for(lambda i: states(i)[-1] == "working")
    assert "cannot be" in _told(intake, "PRESS-1.state (time)")
    assert all(v["time"] < datetime.now(UTC) + timedelta(minutes=1) for v in intake.values)


@pytest.mark.servers
def test_a_history_fills_the_gap_with_every_change(tmp_path: Path) -> None:
    """States that came and went while the program was away are there, and the pieces by order."""
    with OpcUaServer(tmp_path, history=True) as server:
        source = press_source(server, history=True, report_every=None)
        with running(source, tmp_path) as first:
            first.wait_for(connected)
            server.write("Order", "WO-1")
            server.write("State", 1)
            server.write("Good", 1, 2)
            first.wait_for(lambda i: states(i)[-1:] == ["working"])
            time.sleep(0.3)
            server.write("State", 2)
            first.wait_for(lambda i: states(i)[-1:] == ["setup"])
        server.write("Good", 5)
        server.write("State", 9, 0, 1)
        server.write("Order", "WO-2")
        server.write("Good", 6, 7)
        with running(source, tmp_path, FakeIntake(start_at=first.position())) as second:
            second.wait_for(connected)
            server.write("Order", "WO-3")
            second.wait_for(lambda i: sum(v["event"] == "end" for v in i.values) == 2)
    assert states(second)[:3] == ["down", "standby", "working"]
    ends = [v for v in second.values if v["event"] == "end"]
    assert [(v["order"], v["quantity"]) for v in ends] == [("WO-1", 5), ("WO-2", 2)]
    assert all("reason" not in v for v in ends)


@pytest.mark.servers
def test_without_a_history_the_counter_tells_the_gap(press: OpcUaServer, tmp_path: Path) -> None:
    source = press_source(press)
    with running(source, tmp_path) as first:
        first.wait_for(connected)
        shown = press.rest()["Good"]
        press.write("Good", shown + 1)
        press.write("Order", "GAP-1")
        first.wait_for(lambda i: counted(i.values) == 1)
    press.write("Good", shown + 30)
    with running(source, tmp_path, FakeIntake(start_at=first.position())) as second:
        second.wait_for(lambda i: counted(i.values) == 29)
    end = next(v for v in second.values if v["event"] == "end")
    assert end["reason"] == "counted while away"


def test_a_server_that_is_not_there_is_said_and_tried_again(tmp_path: Path) -> None:
    source = validate(
        {"name": "x", "endpoint": f"opc.tcp://127.0.0.1:{free_port()}", "security": "none",
         "nodes": {"PRESS-1": PRESS}},
        OpcUaSource, "ingest.yaml",
    )  # fmt: skip
    with running(source, tmp_path) as intake:
        intake.wait_for(lambda i: len(i.connections) >= 2)
    assert not any(is_connected for is_connected, _ in intake.connections)
    with pytest.raises(StoreAway, match=r"opc\.tcp://127"):
        list(source.check(Keyring({}, tmp_path)))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0" * 64])
def test_something_else_that_answers_at_the_port_is_no_server(
    tmp_path: Path, answer: bytes
) -> None:
    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1_000)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        settings = {
            "name": "x", "endpoint": f"opc.tcp://127.0.0.1:{other.server_address[1]}",
            "security": "none", "timeout": 1, "nodes": {"PRESS-1": PRESS},
        }  # fmt: skip
        source = validate(settings, OpcUaSource, "ingest.yaml")
        with running(source, tmp_path) as intake:
            intake.wait_for(lambda i: len(i.connections) >= 2)
        other.shutdown()
    assert not any(is_connected for is_connected, _ in intake.connections)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"security": {"certificate": "a.pem", "key": {"file": "k.pem"}}}, "anybody can pose"),
        ({"security": "None"}, "security"),
        ({"endpoint": "opc.tcp://noria:secret@plc:4840"}, "endpoint"),
        ({"password": {"env": "X"}}, "a password without user"),
        ({"nodes": {"P": {"speed": {"node": "ns=2;s=A"}}}}, "means"),
        ({"nodes": {"P": {"state": {"node": "ns=2;s=A", "values": {1: "runing"}}}}}, "runing"),
        ({"nodes": {}}, "nodes"),
        ({"queue_size": 0}, "queue_size"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, Any], word: str) -> None:
    settings = {
        "name": "x", "endpoint": "opc.tcp://plc:4840", "security": "none",
        "nodes": {"PRESS-1": PRESS}, **change,
    }  # fmt: skip
    with pytest.raises(InputError, match=word):
        validate(settings, OpcUaSource, "ingest.yaml")


def _plain() -> OpcUaSource:
    settings = {"name": "x", "endpoint": "opc.tcp://plc:4840", "security": "none"}
    return validate({**settings, "nodes": {"PRESS-1": PRESS}}, OpcUaSource, "ingest.yaml")


def test_a_notification_that_is_missing_is_told() -> None:
    from asyncua import ua

    from twin.ingest.opcua_session import Session

    session = Session(_plain(), Keyring({}, Path()))
    for number in (1, 2, 5):
        values = ua.DataChangeNotification(MonitoredItems=[])
        message = ua.NotificationMessage(SequenceNumber=number, NotificationData=[values])
        session._published(ua.PublishResult(NotificationMessage=message))
    assert dict(session.troubles())["notifications"] == "2 lost before number 5"


def test_an_overflow_of_the_queue_is_told_by_name() -> None:
    from asyncua import ua

    from twin.ingest.opcua_session import Session

    session = Session(_plain(), Keyring({}, Path()))
    full = ua.DataValue(ua.Variant(7), ua.StatusCode(ua.UInt32(0x0480)))
    found = session.value_of("PRESS-1.good", full)
    assert found is not None
    assert found.value == 7
    assert session.interrupted() == ["PRESS-1.good"]
    told = dict(session.troubles())
    assert "queue overflowed" in told["PRESS-1.good (overflow)"]
