"""A source that runs in a thread beside the test, and clients that publish to its broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.services.processes import wait_until
from tests.twin.ingest.fake_intake import FakeIntake
from twin.ingest.signature import Source
from twin.secrets import Keyring

STOP_SECONDS = 2.0
"""A source has to return so soon after a stop."""


@contextmanager
def listening(
    source: Source,
    *,
    start_at: dict[str, Any] | None = None,
    keyring: Keyring | None = None,
    is_connected: bool = True,
) -> Iterator[FakeIntake]:
    """The intake of a source that listens; afterwards it must stop in time, without an error."""
    intake = FakeIntake(start_at=start_at)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            source.run(intake, keyring or Keyring({}, Path()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        if is_connected:
            intake.wait_for(lambda i: any(c for c, _ in i.connections), 20)
        yield intake
    finally:
        intake.stop()
        thread.join(STOP_SECONDS)
    assert not thread.is_alive(), f"still runs {STOP_SECONDS} s after the stop"
    if errors:
        raise errors[0]


class Publisher:
    """A client that publishes at quality of service 1 and waits until the broker has it."""

    def __init__(self, port: int, **login: Any) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.max_inflight_messages_set(1000)
        if login:
            self.client.username_pw_set(login["user"], login["password"])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(self.client.is_connected, what="the publisher's login")

    def send(self, topic: str, *payloads: bytes | str, retain: bool = False, qos: int = 1) -> None:
        sent = [self.client.publish(topic, p, qos=qos, retain=retain) for p in payloads]
        for message in sent:
            message.wait_for_publish(20)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *args: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()
