"""A Sparkplug edge node with one device, as the specification wants it, for tests of the host."""

from __future__ import annotations

import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.services.processes import wait_until
from twin.ingest.sparkplug_payload import decode, encode

TYPES = {int: (3, "int_value"), float: (10, "double_value"), str: (12, "string_value")}


class EdgeNode:
    """Gateway1 of group Rabat, with the device Press1; births itself when it is asked to."""

    def __init__(self, port: int, values: dict[str, int | float | str], bd_seq: int = 0) -> None:
        self.port = port
        self.values = dict(values)
        self.aliases = {name: n for n, name in enumerate(values, 1)}
        self.births = 0
        self.wishes = 0
        """How often its birth was asked for."""
        self.host_states: list[bytes] = []
        self._seq = -1
        self._bd_seq = bd_seq
        self._lock = threading.RLock()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, f"edge-{port}-{bd_seq}")
        self.client.will_set(self._topic("NDEATH"), encode([self._session]), qos=1)
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(lambda: self.births, what="the birth of the edge node")

    def tell(
        self, at: int | None = None, *, is_historical: bool = False, **values: int | float | str
    ) -> None:
        """New values of the device; names with __ for /."""
        named = {name.replace("__", "/"): value for name, value in values.items()}
        with self._lock:
            if not is_historical:
                self.values |= named
            metrics = []
            for name, value in named.items():
                metric = {"alias": self.aliases[name], TYPES[type(value)][1]: value}
                metrics.append(metric | ({"is_historical": True} if is_historical else {}))
            self._publish("DDATA", metrics, device="Press1", at=at)

    def swallow(self, count: int = 1) -> None:
        """Lose messages on the way: their numbers are used up."""
        with self._lock:
            self._seq = (self._seq + count) % 256

    def device_dies(self) -> None:
        with self._lock:
            self._publish("DDEATH", [], device="Press1")

    def dies(self) -> None:
        """The gateway loses its power: the broker tells its death."""
        self.client.loop_stop()
        sock = self.client.socket()
        assert sock is not None
        sock.close()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def be_born(self) -> None:
        with self._lock:
            self._seq = -1
            wish = {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": False}
            self._publish("NBIRTH", [self._session, wish])
            metrics = []
            for name, value in self.values.items():
                datatype, field = TYPES[type(value)]
                metric = {"name": name, "alias": self.aliases[name], "datatype": datatype}
                metrics.append({**metric, field: value})
            self._publish("DBIRTH", metrics, device="Press1")
            self.births += 1

    @property
    def _session(self) -> dict[str, Any]:
        return {"name": "bdSeq", "datatype": 4, "long_value": self._bd_seq}

    def _topic(self, kind: str, device: str = "") -> str:
        return f"spBv1.0/Rabat/{kind}/Gateway1" + (f"/{device}" if device else "")

    def _publish(
        self, kind: str, metrics: list[dict[str, Any]], device: str = "", at: int | None = None
    ) -> None:
        self._seq = (self._seq + 1) % 256
        at = time.time_ns() // 1_000_000 if at is None else at
        payload = encode([{**m, "timestamp": at} for m in metrics], seq=self._seq, milliseconds=at)
        self.client.publish(self._topic(kind, device), payload, qos=0)

    def _on_connect(self, client: mqtt.Client, *more: Any) -> None:
        client.subscribe([(self._topic("NCMD"), 1), ("spBv1.0/STATE/#", 1)])
        self.be_born()

    def _on_message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith("spBv1.0/STATE/"):
            self.host_states.append(bytes(message.payload))
            return
        names = [metric.name for metric in decode(bytes(message.payload)).metrics]
        if names == ["Node Control/Rebirth"]:
            self.wishes += 1
            self.be_born()
