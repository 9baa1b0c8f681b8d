"""Messages of a real broker."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.services.certificates import make_certificates
from tests.services.mosquitto import Mosquitto, private_mosquitto
from tests.services.processes import free_port, wait_until
from tests.twin.ingest.listening import Publisher, listening
from twin.errors import InputError
from twin.ingest.mqtt import MqttSource
from twin.secrets import Keyring

pytestmark = pytest.mark.servers
PLUGIN = "mosquitto_dynamic_security.so"
PLUGIN_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")


def source(port: int, **settings: Any) -> MqttSource:
    defaults = {"name": "line-1", "host": "127.0.0.1", "port": port, "topics": ["plant/#"]}
    return MqttSource.model_validate(defaults | settings)


def numbered(*numbers: int) -> list[str]:
    return [json.dumps({"seq": n, "machine": "PRESS-1"}) for n in numbers]


def has_left(mosquitto: Mosquitto) -> None:
    """Wait until the broker has read all that the source said, its farewell included."""
    farewell = "Client noria-line-1 disconnected."
    wait_until(lambda: any(farewell in line for line in mosquitto.process.lines()), what=farewell)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_messages_come_once_in_order_and_are_acknowledged(
    mosquitto: Mosquitto, protocol: str
) -> None:
    with listening(source(mosquitto.port, protocol=protocol)) as intake:
        with Publisher(mosquitto.port) as publisher:
            publisher.send("plant/a", *numbered(*range(300)))
        intake.wait_for(lambda i: len(i.messages) == 300)
    assert [m["seq"] for m in intake.values] == list(range(300))
    has_left(mosquitto)
    # Nothing is left with the broker: a second login brings nothing.
    with listening(source(mosquitto.port, protocol=protocol)) as again:
        again.wait(0.5)
    assert again.messages == []


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_is_published_while_we_are_away_comes_afterwards(
    mosquitto: Mosquitto, protocol: str
) -> None:
    with listening(source(mosquitto.port, protocol=protocol)):
        pass
    with Publisher(mosquitto.port) as publisher:
        publisher.send("plant/a", *numbered(1, 2, 3))
    with listening(source(mosquitto.port, protocol=protocol)) as intake:
        intake.wait_for(lambda i: len(i.messages) == 3)


def test_what_the_store_did_not_take_is_not_acknowledged(mosquitto: Mosquitto) -> None:
    """The store fails, the source ends with that error, and the broker has the message still."""

    def fails(messages: Any) -> Exception | None:
        return RuntimeError("no store") if messages else None

    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="no store"),
        listening(source(mosquitto.port)) as intake,
    ):
        intake.refuse = fails
        with Publisher(mosquitto.port) as publisher:
            publisher.send("plant/a", *numbered(1))
        intake.wait(1)
    assert intake.messages == []
    with listening(source(mosquitto.port)) as again:
        again.wait_for(lambda i: len(i.messages) == 1)


def test_no_more_than_in_flight_is_held_while_the_store_is_away(mosquitto: Mosquitto) -> None:
    """The broker keeps the rest; a store that comes back gets everything."""
    away = {"is": True}

    with listening(source(mosquitto.port, in_flight=50)) as intake:
        intake.refuse = lambda messages: (wait_until(lambda: not away["is"]), None)[1]
        with Publisher(mosquitto.port) as publisher:
            publisher.send("plant/a", *numbered(*range(500)))
        intake.wait(0.5)
        assert sum(intake.pendings) <= 50
        away["is"] = False
        intake.wait_for(lambda i: len(i.messages) == 500)
    assert max(intake.batches) <= 50


def test_a_broker_restarted_while_the_store_is_away_sends_again_and_it_is_one_event(
    mosquitto: Mosquitto,
) -> None:
    """What was received in the lost connection is stored, and cannot be acknowledged any more."""
    away = {"is": True}
    with listening(source(mosquitto.port)) as intake:
        intake.refuse = lambda messages: (wait_until(lambda: not away["is"]), None)[1]
        with Publisher(mosquitto.port) as publisher:
            publisher.send("plant/a", *numbered(*range(10)))
        wait_until(lambda: sum(intake.pendings) == 10, what="ten messages")
        mosquitto.process.stop()  # in peace, so that it remembers
        mosquitto.start()
        away["is"] = False
        intake.wait_for(lambda i: sum(i.batches) == 20)
    assert intake.reconnects == 1
    assert len(intake.messages) == 10


def test_retained_messages_of_each_login_are_one_event(mosquitto: Mosquitto) -> None:
    with Publisher(mosquitto.port) as publisher:
        publisher.send("plant/a", '{"state": "working"}', retain=True)
    with listening(source(mosquitto.port)) as intake:
        intake.wait_for(lambda i: len(i.messages) == 1)
        mosquitto.process.stop()  # in peace, so that it keeps the retained message
        mosquitto.start()
        intake.wait_for(lambda i: i.reconnects == 1)
        intake.wait_for(lambda i: sum(i.batches) == 2)  # positive control: it came again
    assert len(intake.messages) == 1


def test_a_topic_taken_out_of_the_configuration_is_left(mosquitto: Mosquitto) -> None:
    """The broker remembers the subscriptions of a session; we take back what is no longer asked."""
    with listening(source(mosquitto.port, topics=["plant/a", "plant/b"])) as intake:
        with Publisher(mosquitto.port) as publisher:
            publisher.send("plant/a", *numbered(1))
        intake.wait_for(lambda i: bool(i.positions))
    has_left(mosquitto)
    with (
        listening(source(mosquitto.port, topics=["plant/b"]), start_at=intake.positions[-1]) as now,
        Publisher(mosquitto.port) as publisher,
    ):
        publisher.send("plant/a", *numbered(2))
        publisher.send("plant/b", *numbered(3))
        now.wait_for(lambda i: len(i.messages) == 1)
        now.wait(0.3)
    assert [m["seq"] for m in now.values] == [3]


def test_what_cannot_be_read_goes_to_quarantine_and_the_rest_goes_on(mosquitto: Mosquitto) -> None:
    bad: list[bytes | str] = [b"", b"\xff", b"RUN", b"[" * 50_000, b"x" * 10_000_000]
    with listening(source(mosquitto.port)) as intake, Publisher(mosquitto.port) as publisher:
        publisher.send("plant/a", *bad, *numbered(1))
        intake.wait_for(lambda i: len(i.messages) == 6, 30)
    assert len(intake.refused) == 5
    assert [m["seq"] for m in intake.values] == [1]


# --- connections ---


def test_a_broker_that_is_killed_is_found_again(mosquitto: Mosquitto) -> None:
    with listening(source(mosquitto.port)) as intake:
        mosquitto.kill()
        intake.wait_for(lambda i: i.connections[-1][0] is False)
        assert mosquitto.serving_pid == 0
        mosquitto.start()
        intake.wait_for(lambda i: i.reconnects == 1)
        with Publisher(mosquitto.port) as publisher:
            publisher.send("plant/a", *numbered(1))
        intake.wait_for(lambda i: len(i.messages) == 1)
    whys = [why for is_connected, why in intake.connections if not is_connected]
    assert whys[0].startswith(f"127.0.0.1:{mosquitto.port}: the connection broke")


def test_a_broker_that_is_down_at_the_start_is_waited_for() -> None:
    port = free_port()
    with listening(source(port), is_connected=False) as intake:
        intake.wait_for(lambda i: len(i.connections) >= 2)
        assert intake.connections[0] == (False, f"127.0.0.1:{port}: Connection refused")
        with private_mosquitto(port=port):
            intake.wait_for(lambda i: i.connections[-1][0], 20)


def test_a_port_that_takes_connections_and_says_nothing_is_given_up_and_stops_in_time() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        with listening(source(mute.getsockname()[1]), is_connected=False) as intake:
            intake.wait(0.5)
        assert intake.connections == []


def test_two_clients_of_one_name_are_told_apart(mosquitto: Mosquitto) -> None:
    with listening(source(mosquitto.port)) as first, listening(source(mosquitto.port)):
        first.wait_for(lambda i: any(not c for c, _ in i.connections))
    why = next(why for is_connected, why in first.connections if not is_connected)
    assert "does another client use the client_id noria-line-1?" in why


def test_connections_that_come_and_go_leave_no_socket_behind(mosquitto: Mosquitto) -> None:
    handles = Path("/proc/self/fd")
    asked, keyring = source(mosquitto.port), Keyring({}, Path())
    list(asked.check(keyring))
    gc.disable()
    try:
        before = len(list(handles.iterdir()))
        for _ in range(10):
            list(asked.check(keyring))
        assert len(list(handles.iterdir())) == before
    finally:
        gc.enable()


# --- who may ---


def test_a_wrong_password_is_said_without_it_and_tried_slowly(tmp_path: Path) -> None:
    keyring = Keyring({"RIGHT": "orange-tree", "WRONG": "lemon-tree"}, tmp_path)
    with private_mosquitto(users={"noria": "orange-tree"}) as broker:
        wrong = source(broker.port, user="noria", password={"env": "WRONG"})
        with listening(wrong, keyring=keyring, is_connected=False) as intake:
            began = time.monotonic()
            intake.wait_for(lambda i: len(i.connections) >= 2)
            intake.wait(1.5)
            tries, seconds = len(intake.connections), time.monotonic() - began
        assert all(not is_connected for is_connected, _ in intake.connections)
        assert "refuses the login: " in intake.connections[0][1]
        assert "check user and password" in intake.connections[0][1]
        assert "lemon" not in str(intake.connections)
        assert tries <= 3 + seconds
        with pytest.raises(InputError, match="refuses the login"):
            list(wrong.check(keyring))
        right = source(broker.port, user="noria", password={"env": "RIGHT"})
        with listening(right, keyring=keyring) as intake:
            pass
        assert intake.connections == [(True, "")]


def test_tls_checks_the_broker_and_shows_our_certificate(tmp_path: Path) -> None:
    ours = make_certificates(tmp_path / "ours", "server", "client")
    make_certificates(tmp_path / "others", "client")
    keyring = Keyring({}, tmp_path)
    with private_mosquitto("require_certificate true", certificates=ours) as broker:

        def tls(**files: str) -> MqttSource:
            return source(broker.port, tls=files)

        good = tls(ca="ours/ca.pem", cert="ours/client.pem", key="ours/client.key")
        with listening(good, keyring=keyring) as intake:
            pass
        assert intake.connections == [(True, "")]
        with pytest.raises(InputError, match="certificate is not believed"):
            list(tls(ca="others/ca.pem").check(keyring))
        with pytest.raises(InputError, match="source line-1"):  # no certificate of ours
            list(tls(ca="ours/ca.pem").check(keyring))
        with pytest.raises(InputError):  # one that the broker does not believe
            list(
                tls(ca="ours/ca.pem", cert="others/client.pem", key="others/client.key").check(
                    keyring
                )
            )
        with pytest.raises(InputError, match="source line-1"):  # no TLS at all
            list(source(broker.port).check(keyring))
        with pytest.raises(InputError, match=r"nowhere\.pem cannot be used"):
            list(tls(ca="nowhere.pem").check(keyring))


def test_a_topic_we_may_not_read_is_named(tmp_path: Path) -> None:
    rights = {"defaultACLAccess": {"publishClientReceive": True, "subscribe": False}}
    places = [path for folder in PLUGIN_FOLDERS for path in Path(folder).glob(PLUGIN)]
    if not places:
        pytest.skip(f"no {PLUGIN}: it comes with mosquitto")
    config = tmp_path / "rights.json"
    config.write_text(json.dumps(rights), encoding="utf-8")
    with (
        private_mosquitto(f"plugin {places[0]}", f"plugin_opt_config_file {config}") as broker,
        listening(source(broker.port)) as intake,
    ):
        intake.wait_for(lambda i: bool(i.troubles))
    about, text, _ = intake.troubles[0]
    assert about == "topic plant/#"
    assert text == "the broker does not let us read it: Not authorized; grant the right"


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"topics": ["a/#/b"]}, "is no topic"),
        ({"topics": ["a+/b"]}, "is no topic"),
        ({"topics": []}, "at least 1"),
        ({"host": "broker", "user": "u", "password": {"env": "P"}}, "unencrypted"),
        ({"password": {"env": "P"}}, "needs a user"),
        ({"password": "hunter2"}, "does not stand in a configuration"),
        ({"tls": {"cert": "a.pem"}}, "go together"),
        ({"backfill": "plant/missing"}, "give sequence"),
        ({"backfill": "plant/+", "sequence": "n"}, "one topic"),
        ({"client_id": "a b"}, "match"),
        ({"protocol": "4"}, "3.1.1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        source(1883, **settings)


def test_a_password_over_the_network_needs_a_word() -> None:
    login = {"host": "broker", "user": "u", "password": {"env": "P"}}
    assert source(1883, plain_text=True, **login).address == "broker:1883"
    assert MqttSource(name="x", host="b", topics=["#"], tls={}).address == "b:8883"  # type: ignore[arg-type]
