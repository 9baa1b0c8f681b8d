"""Metrics of Sparkplug B edge nodes: states, counters and what is at a work unit.

::

    - kind: sparkplug
      name: cell-3
      host: broker.plant.example
      tls: {ca: plant-ca.pem}
      group: Rabat
      host_id: noria
      metrics:
        PRESS-1:                     # metrics as node/name, or node/device/name
          state: {metric: Gateway1/Press1/Status/State, values: {0: standby, 1: working, 9: down}}
          good: {metric: Gateway1/Press1/Counters/Good, modulo: 65536}
          order: Gateway1/Press1/Job/Order

The name of a signal says what it means when it is one of the meanings of
:mod:`twin.ingest.signals`; otherwise ``means`` does.

Sparkplug sends data at quality of service 0 and in sessions that end with the connection, so what
is on the way when something is killed is gone. Against that stand births, which tell all current
values (:mod:`twin.ingest.sparkplug_nodes`), cumulative counters, and ``host_id``: edge nodes that
name us as their primary host keep their data while we are away and send them afterwards, marked as
historical. A state among these becomes an event at its own time; a counter's reading older than
one already used is left out, since the newer one contains it.

The account needs the right to read the topics of the group, to write ``NCMD`` (it asks for births
and for nothing else) and, with ``host_id``, to write ``spBv1.0/STATE/HOST_ID``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from twin.ingest.mapping import Mapped
from twin.ingest.mqtt import QUIET_SECONDS, check_login
from twin.ingest.mqtt_broker import BrokerSettings, Connection, Received, Will, keep_connected
from twin.ingest.signals import (
    MEANINGS,
    ContextSignal,
    CountSignal,
    MeterSignal,
    Signal,
    SignalOf,
    Signals,
    SignalValue,
    StateSignal,
    VerdictSignal,
    reread,
)
from twin.ingest.signature import Intake, Message
from twin.ingest.sparkplug_nodes import EdgeNodes, Said, Topic
from twin.ingest.sparkplug_payload import Unreadable, decode, rebirth_request
from twin.model.base import Minutes
from twin.secrets import Keyring

TYPES = ("BIRTH", "DATA", "DEATH")
NAMESPACE = "spBv1.0"
TICK_SECONDS = 1.0
NEVER_TOLD_SECONDS = 30.0
"""After so long a metric that no birth has named is reported: it may be misspelt."""
BATCH_SECONDS = 0.1
EARLIEST, FUTURE = datetime(2001, 1, 1, tzinfo=UTC), timedelta(minutes=5)
"""A time before it, or further ahead of our clock than this, is not believed."""


class MetricAt(SignalOf):
    """Where a signal is."""

    metric: str = Field(pattern=r"^[^/+#\x00]+(/[^/]+)+$")
    """Edge node and name of the metric, node/name, or with the device, node/device/name."""


class StateMetric(MetricAt, StateSignal):
    """The state of the machine."""


class CountMetric(MetricAt, CountSignal):
    """A counter of pieces."""


class MeterMetric(MetricAt, MeterSignal):
    """An energy register."""


class ContextMetric(MetricAt, ContextSignal):
    """What is at the unit."""


class VerdictMetric(MetricAt, VerdictSignal):
    """A verdict."""


AnyMetric = Annotated[
    StateMetric | CountMetric | MeterMetric | ContextMetric | VerdictMetric,
    Field(discriminator="means"),
]


def _meant_by_name(metrics: Any) -> Any:
    """A metric alone, and a signal named after its meaning, in full."""
    if not isinstance(metrics, dict):
        return metrics
    full = {}
    for name, given in metrics.items():
        metric = {"metric": given} if isinstance(given, str) else given
        if isinstance(metric, dict) and "means" not in metric and name in MEANINGS:
            metric = {**metric, "means": name}
        if isinstance(metric, dict) and "means" not in metric:
            raise ValueError(f'"{name}" is no meaning; add means: one of {", ".join(MEANINGS)}')
        full[name] = metric
    return full


UnitMetrics = Annotated[dict[str, AnyMetric], BeforeValidator(_meant_by_name)]


class SparkplugSource(BrokerSettings, Mapped):
    """A Sparkplug B group of edge nodes and devices."""

    kind: Literal["sparkplug"] = "sparkplug"
    name: str
    group: str = Field(pattern=r"^[^/+#\x00]+$")
    """Group of the edge nodes."""
    host_id: str = Field(default="", pattern=r"^[^/+#\x00]*$")
    """Name under which edge nodes know us as their primary host; empty: we are none. No two hosts
    may use the same."""
    metrics: dict[str, UnitMetrics] = Field(min_length=1)
    """For each work unit its signals."""
    report_every: Annotated[Minutes, Field(gt=0)] | None = 1.0
    """Pieces of one order are reported this often [min]; null: when the order or lot changes."""

    @property
    def signals(self) -> dict[str, Signal]:
        """Every signal by its name, ``UNIT.SIGNAL``."""
        return {
            f"{unit}.{name}": cast(
                "Signal", metric.model_copy(update={"work_unit": metric.work_unit or unit})
            )
            for unit, metrics in self.metrics.items()
            for name, metric in metrics.items()
        }

    @property
    def names_by_path(self) -> dict[str, list[str]]:
        """The signals that each metric feeds."""
        found: dict[str, list[str]] = {}
        for unit, metrics in self.metrics.items():
            for name, metric in metrics.items():
                found.setdefault(metric.metric, []).append(f"{unit}.{name}")
        return found

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Receive until the supervisor stops."""
        memory = (intake.position() or {}).get("signals")
        group = _Group(self, intake, Signals(self.signals, memory, self.report_every))
        keep_connected(self.address, intake, keyring, lambda: group.serve(keyring))

    def check(self, keyring: Keyring) -> Iterable[str]:
        """Log in once, under another name, so that a running ingester is left alone."""
        yield check_login(self, keyring, self.name)

    def reread(self, raw: str, origin: str) -> Sequence[Message]:
        """A value in quarantine once more, now that the configuration may know it."""
        return reread(self.signals, raw, origin)


class _Group:
    """The group while it is listened to."""

    def __init__(self, source: SparkplugSource, intake: Intake, signals: Signals) -> None:
        self.source, self.intake, self.signals = source, intake, signals
        self.names = source.names_by_path
        self.edge_nodes = sorted({path.partition("/")[0] for path in self.names})
        self.nodes = EdgeNodes(self.names)
        self.told: set[str] = set()
        """Metrics that a birth has named."""
        self.has_news = False
        """Whether values came that are not remembered in the store yet."""
        self.untold: set[str] = set()
        """Metrics that were reported because none has."""
        self.wrong_clocks: set[str] = set()
        """Metrics that were reported because of their times."""

    def serve(self, keyring: Keyring) -> None:
        """Listen until the connection is lost or the supervisor stops."""
        source, now = self.source, _milliseconds()
        will = Will(self._state_topic, self._state(False, now)) if source.host_id else None
        self.nodes.forget()
        with Connection(
            source, keyring, f"noria-{source.name}", where=f"source {source.name}",
            is_kept=False, will=will,
        ) as connection:  # fmt: skip
            connection.open(lambda: self.intake.is_stopped)
            connection.subscribe(self._topics)
            self._say(connection, True, now)
            self.intake.connected(True)
            self.signals.lost()
            for node in self.edge_nodes:
                self.nodes.wish(node)
            try:
                self._listen(connection)
            finally:
                self._say(connection, False, now)

    def _listen(self, connection: Connection) -> None:
        began = next_tick = quiet_from = time.monotonic()
        while not self.intake.is_stopped:
            received = connection.receive(self.source.in_flight, BATCH_SECONDS)
            if received:
                quiet_from = time.monotonic()
            elif time.monotonic() - quiet_from > QUIET_SECONDS and self.intake.wait(0):
                return  # asked to read once what was waiting
            messages = self._messages(received, connection)
            self._ask(connection)
            is_tick = time.monotonic() >= next_tick
            if is_tick:
                next_tick = time.monotonic() + TICK_SECONDS
                messages += self.signals.tick(datetime.now(UTC))
                self._report(connection, time.monotonic() - began)
            if messages or (is_tick and self.has_news):
                self._store(messages, len(received))
            connection.acknowledge(received)

    def _store(self, messages: list[Message], received: int) -> None:
        """Store events with what is remembered; that alone as well, so that a counter's first
        reading survives a kill."""
        self.intake.pending(received)
        self.intake.store(messages, {"signals": self.signals.memory})
        self.intake.pending(0)
        self.has_news = False

    def _messages(self, received: Iterable[Received], connection: Connection) -> list[Message]:
        values: list[SignalValue] = []
        found: list[Message] = []
        for item in received:
            topic = Topic.of(item.topic)
            if topic is None:
                found += self._other(item, connection)
                continue
            try:
                said = self.nodes.take(topic, decode(item.payload))
            except Unreadable as error:
                found.append(_refused(item, str(error)))
                continue
            found += [_refused(item, why) for why in said.refused]
            # What was told before a gap is counted before it.
            found += self._gap(said, values)
            self.has_news |= bool(said.values)
            for v in map(self._timed, said.values):
                values += [replace(v, name=name) for name in self.names[v.name]]
            self._note(said, topic)
        return found + self.signals.take_all(values)

    def _gap(self, said: Said, values: list[SignalValue]) -> list[Message]:
        """Events of the values so far, when changes after them were missed."""
        if not said.lost:
            return []
        found = self.signals.take_all(values)
        values.clear()
        below = (names for path, names in self.names.items() if path.startswith(f"{said.lost}/"))
        self.signals.lost(name for names in below for name in names)
        return found

    def _timed(self, value: SignalValue) -> SignalValue:
        """With its time, or where that cannot be with ours: one value of the year 2036 would make
        all later readings of a counter look old."""
        now = datetime.now(UTC)
        if is_wrong := not EARLIEST <= value.time <= now + FUTURE:
            ahead = FUTURE.total_seconds() / 60
            why = f"its clock is before {EARLIEST:%Y} or over {ahead:g} min ahead; ours is used"
            self.intake.trouble(f"{value.name} (time)", f"{why}; set the clock of its gateway")
            self.wrong_clocks.add(value.name)
        elif value.name in self.wrong_clocks:
            self.intake.trouble(f"{value.name} (time)")
            self.wrong_clocks.remove(value.name)
        return replace(value, time=now) if is_wrong else value

    def _note(self, said: Said, topic: Topic) -> None:
        self.told.update(said.born)
        if said.trouble is not None:
            self.intake.trouble(said.lost or topic.owner, said.trouble, said.missing)

    def _ask(self, connection: Connection) -> None:
        for node in self.nodes.due():
            topic = f"{NAMESPACE}/{self.source.group}/NCMD/{node}"
            connection.publish(topic, rebirth_request(_milliseconds()), qos=0)

    def _report(self, connection: Connection, seconds: float) -> None:
        for name, reason in connection.refused_topics.items():
            why = f"the broker does not let us read it: {reason}; grant the right"
            self.intake.trouble(f"topic {name}", why)
        for what in self.signals.set_aside:
            about, _, reason = what.partition(": ")
            self.intake.trouble(f"{about} ({reason})", f"readings are set aside: {reason}")
        if seconds < NEVER_TOLD_SECONDS:
            return
        untold = set(self.names) - self.told
        for path in sorted(untold ^ self.untold):
            why = "no birth has named it; check node, device and name" if path in untold else ""
            self.intake.trouble(f"metric {path}", why)
        self.untold = untold

    # --- the primary host ---

    @property
    def _topics(self) -> list[str]:
        """Those of the edge nodes that have a signal, and our own state first."""
        group = f"{NAMESPACE}/{self.source.group}"
        topics = [self._state_topic] if self.source.host_id else []
        for node in self.edge_nodes:
            for kind in TYPES:
                topics += [f"{group}/N{kind}/{node}", f"{group}/D{kind}/{node}/+"]
        return topics

    @property
    def _state_topic(self) -> str:
        return f"{NAMESPACE}/STATE/{self.source.host_id}"

    def _state(self, is_online: bool, milliseconds: int) -> bytes:
        return json.dumps({"online": is_online, "timestamp": milliseconds}).encode()

    def _say(self, connection: Connection, is_online: bool, milliseconds: int) -> None:
        """Tell the edge nodes whether we are there; a farewell has the time of its greeting."""
        if self.source.host_id:
            state = self._state(is_online, milliseconds)
            connection.publish(self._state_topic, state, is_retained=True)

    def _other(self, item: Received, connection: Connection) -> list[Message]:
        """What is no birth, data or death: our own state, or nothing Sparkplug knows."""
        if not self.source.host_id or item.topic != self._state_topic:
            return [_refused(item, "no Sparkplug topic; spBv1.0/GROUP/TYPE/NODE is expected")]
        try:
            state = json.loads(item.payload)
        except (ValueError, RecursionError):
            state = None
        # The will of an earlier connection may come late: say again that we are there.
        if not isinstance(state, Mapping) or state.get("online") is not True:
            self._say(connection, True, _milliseconds())
        return []


def _refused(item: Received, why: str) -> Message:
    return Message({}, item.payload[:1000].hex(), item.topic, refused=why)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
