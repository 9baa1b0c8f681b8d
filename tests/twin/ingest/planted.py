"""Events planted with an MQTT broker, and what of them is in the store."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt
import pandas as pd
from paho.mqtt.enums import CallbackAPIVersion

from tests.services.processes import wait_until

BEGIN = datetime(2026, 11, 2, 5, tzinfo=UTC)
STATES = ("working", "standby", "setup", "down")
MISSING = "plant/missing"
"""Topic on which the ingester asks for what it misses."""


@dataclass(frozen=True)
class Planted:
    """One event, as its sender tells it."""

    unit: str
    seq: int

    @property
    def time(self) -> datetime:
        return BEGIN + timedelta(seconds=7 * self.seq, microseconds=self.seq)

    @property
    def content(self) -> dict[str, Any]:
        return {
            "id": f"{self.unit}-{self.seq}",
            "seq": self.seq,
            "machine": self.unit,
            "time": self.time.isoformat(),
            "event": "state",
            "state": STATES[self.seq % 4],
            "order": f"WO-{self.seq // 50}",
        }

    @property
    def row(self) -> tuple[Any, ...]:
        """What the store shall hold."""
        content = self.content
        return (self.unit, pd.Timestamp(self.time), content["state"], content["order"])


def plant(events: int, units: int) -> dict[str, list[Planted]]:
    """So many events of so many work units, each numbered from 1."""
    each = events // units
    names = [f"PRESS-{n}" for n in range(1, units + 1)]
    return {name: [Planted(name, seq) for seq in range(1, each + 1)] for name in names}


def faults(planted: Mapping[str, Sequence[Planted]], log: pd.DataFrame) -> list[str]:
    """What distinguishes the store from what was planted: nothing, if all is well."""
    wanted = Counter(p.row for unit in planted.values() for p in unit)
    columns = log[["work_unit", "time", "state", "order"]]
    found = Counter(columns.itertuples(index=False, name=None))
    missing, more = wanted - found, found - wanted
    return [f"missing: {row}" for row in missing] + [
        f"not planted, or twice: {row}" for row in more
    ]


class Machine(threading.Thread):
    """Tells the events of one unit, some twice and some late, until the broker has each.

    It keeps what the broker has not acknowledged, and what is asked for on :data:`MISSING`, and
    sends it again; at the end it repeats its last event, so that what is missing can be noticed.
    """

    def __init__(
        self, port: int, events: Sequence[Planted], *, per_second: float, seed: int = 1
    ) -> None:
        super().__init__(daemon=True)
        self.unit = events[0].unit
        self.events = {event.seq: event for event in events}
        self.told = 0
        """Events sent, repetitions included."""
        self.asked_for = 0
        """Events sent because they were asked for."""
        self.repeated = 0
        self.late = 0
        self.told_order = self._disordered(events, random.Random(seed))
        self._pause = 1 / per_second
        self._ended = threading.Event()
        self._wishes: list[int] = []
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"machine-{self.unit}", protocol=mqtt.MQTTv5
        )
        self.client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port, clean_start=True)

    def run(self) -> None:
        self.client.loop_start()
        for event in self.told_order:
            self._send(event)
            self._grant_wishes()
            if self._ended.wait(self._pause):
                return
        while not self._ended.wait(0.3):
            self._send(self.events[max(self.events)])
            self._grant_wishes()

    def end(self) -> None:
        """Stop telling, and leave the broker."""
        self._ended.set()
        self.join(5)
        self.client.disconnect()
        self.client.loop_stop()

    def send_again(self, events: Iterable[Planted]) -> None:
        for event in events:
            self._send(event)

    def _send(self, event: Planted) -> None:
        # The client keeps what is not acknowledged and sends it again after a broken connection.
        self.client.publish(f"plant/{self.unit}", json.dumps(event.content), qos=1)
        self.told += 1

    def _grant_wishes(self) -> None:
        wishes, self._wishes = self._wishes, []
        for seq in wishes:
            self.asked_for += 1
            self._send(self.events[seq])

    def _on_connect(self, client: mqtt.Client, *more: Any) -> None:
        client.subscribe(MISSING, qos=1)

    def _on_message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        asked = json.loads(message.payload)
        if asked["sender"] == self.unit:
            ranges = [range(first, last + 1) for first, last in asked["missing"]]
            self._wishes += itertools.chain(*ranges)

    def _disordered(self, events: Sequence[Planted], draw: random.Random) -> list[Planted]:
        """The first event first; one in twenty twice, one in ten up to thirty places late."""
        places: list[tuple[float, Planted]] = [(-1, events[0])]
        for n, event in enumerate(events[1:]):
            is_late = draw.random() < 0.1
            self.late += is_late
            places.append((n + draw.uniform(1, 30) if is_late else n, event))
            if draw.random() < 0.05:
                self.repeated += 1
                places.append((n + draw.uniform(0, 100), event))
        return [event for _, event in sorted(places, key=lambda place: place[0])]


class Observer:
    """A client of its own that notes what the broker sends out, as a second witness."""

    def __init__(self, port: int) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self.backwards = 0
        """Messages with a lower number than the one before of the same unit."""
        self._last: dict[str, int] = {}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, "observer", protocol=mqtt.MQTTv5)
        self.client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]
        self.client.on_connect = lambda client, *more: client.subscribe("plant/+", qos=1)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(self.client.is_connected, what="the observer's login")

    def _on_message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic == MISSING:
            return
        content = json.loads(message.payload)
        unit, seq = content["machine"], content["seq"]
        self.seen[unit, seq] += 1
        self.backwards += seq < self._last.get(unit, 0)
        self._last[unit] = seq

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
