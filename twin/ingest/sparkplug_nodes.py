"""What Sparkplug edge nodes say: births give names to numbers, data follow, deaths end them.

An edge node (a gateway in the plant) speaks for itself and for its devices. Its birth certificate
lists every metric with its current value, type and the number (alias) that stands for its name from
then on. Each message has the next number of a circle from 0 to 255; where one is missing, the names
can no longer be trusted, and the node is asked to be born again. Its birth then tells the current
values: cumulative counters lose nothing, changes of state in between are lost and said so.
MQTT keeps the order of one sender, so messages out of order are taken as missing ones.
Eclipse Sparkplug specification 3.0, chapters 5 and 6.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from twin.ingest.signals import SignalValue
from twin.ingest.signature import Waits
from twin.ingest.sparkplug_payload import Metric, Payload, Unreadable, instant, value_of

CIRCLE = 256
REBIRTH_FIRST_SECONDS = 5.0
REBIRTH_LONGEST_SECONDS = 300.0
CALM_SECONDS = 600.0
"""A node that was not asked for so long is asked at once again."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Who says what: ``spBv1.0/GROUP/TYPE/NODE`` or ``…/NODE/DEVICE``."""

    kind: str
    node: str
    device: str = ""

    @staticmethod
    def of(text: str) -> Topic | None:
        """None for a topic that is none of ours."""
        parts = text.split("/")
        if parts[0] != "spBv1.0" or len(parts) not in (4, 5) or not all(parts):
            return None
        kind, about_device = parts[2], len(parts) == 5
        kinds = ("DBIRTH", "DDATA", "DDEATH") if about_device else ("NBIRTH", "NDATA", "NDEATH")
        return Topic(kind, *parts[3:]) if kind in kinds else None

    @property
    def owner(self) -> str:
        """The node or device that speaks."""
        return f"{self.node}/{self.device}" if self.device else self.node


@dataclass
class Known:
    """A metric's name and type, as the birth gave them."""

    name: str
    datatype: int


@dataclass
class Owner:
    """An edge node or a device between its birth and its death."""

    by_alias: dict[int, Known] = field(default_factory=dict)
    by_name: dict[str, Known] = field(default_factory=dict)


@dataclass
class EdgeNode:
    """What is known of one edge node."""

    seq: int | None = None
    """Number of its last message; None until it is born and whenever one was missed."""
    bd_seq: int | None = None
    """Number of its session, by which a late death is told from a current one."""
    owners: dict[str, Owner] = field(default_factory=dict)
    """Itself and its devices, as far as they are born, by their paths."""


@dataclass
class Asking:
    """When an edge node was asked for its birth, and when it may be again [s of the clock]."""

    due: float
    last: float = 0.0
    waits: Waits = field(
        default_factory=lambda: Waits(REBIRTH_FIRST_SECONDS, REBIRTH_LONGEST_SECONDS)
    )


@dataclass
class Said:
    """What one message says."""

    values: list[SignalValue] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why values were not taken."""
    born: list[str] = field(default_factory=list)
    """Paths of all metrics of a birth."""
    lost: str = ""
    """Path of the node or device whose changes were missed, or that has gone."""
    trouble: str | None = None
    """What is wrong with the one who speaks; empty: it is well again."""
    missing: int = 0
    rebirth: str = ""
    """Edge node that is to be born again."""


class EdgeNodes:
    """All edge nodes of a group. ``wanted`` holds the paths NODE/METRIC or NODE/DEVICE/METRIC."""

    def __init__(self, wanted: Container[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.nodes: dict[str, EdgeNode] = {}
        self._wanted = wanted
        self._clock = clock
        self._wished: set[str] = set()
        self._asked: dict[str, Asking] = {}

    def forget(self) -> None:
        """The connection was lost: every node has to be born again."""
        self.nodes.clear()

    def take(self, topic: Topic, payload: Payload) -> Said:
        """What a message says."""
        said = self._take(self.nodes.setdefault(topic.node, EdgeNode()), topic, payload)
        if said.rebirth:
            self.wish(said.rebirth)
        return said

    def _take(self, node: EdgeNode, topic: Topic, payload: Payload) -> Said:
        if topic.kind == "NBIRTH":
            return self._node_born(node, topic, payload)
        if topic.kind == "NDEATH":
            return self._node_died(node, topic, payload)
        if node.seq is None:
            return Said(lost=topic.node, rebirth=topic.node)
        expected = (node.seq + 1) % CIRCLE
        if payload.seq != expected:
            return self._missed(node, topic, payload, expected)
        node.seq = expected
        if topic.kind == "DBIRTH":
            return self._born(node, topic, payload)
        if topic.kind == "DDEATH":
            node.owners.pop(topic.owner, None)
            return Said(lost=topic.owner, trouble="the device is away: its gateway says so")
        if topic.owner not in node.owners:
            return Said(lost=topic.owner, rebirth=topic.node)
        return self._told(node.owners[topic.owner], topic, payload, Said())

    def wish(self, node: str) -> None:
        """A node is to be asked for its birth, until it is born."""
        self._wished.add(node)

    def due(self) -> list[str]:
        """Nodes to ask for their birth now; each is asked less and less often."""
        now, found = self._clock(), []
        for node in sorted(self._wished):
            asking = self._asked.get(node)
            if asking is None or now - asking.last >= CALM_SECONDS:
                asking = self._asked[node] = Asking(due=now)
            if now >= asking.due:
                asking.last, asking.due = now, now + next(asking.waits)
                found.append(node)
        return found

    def _node_born(self, node: EdgeNode, topic: Topic, payload: Payload) -> Said:
        self._wished.discard(topic.node)
        node.owners.clear()
        node.seq = (payload.seq or 0) % CIRCLE
        node.bd_seq = _bd_seq(payload)
        return self._born(node, topic, payload)

    def _node_died(self, node: EdgeNode, topic: Topic, payload: Payload) -> Said:
        bd_seq = _bd_seq(payload)
        if node.seq is not None and None not in (bd_seq, node.bd_seq) and bd_seq != node.bd_seq:
            return Said()  # of an earlier session, told late
        node.seq = None
        node.owners.clear()
        why = "the edge node is away: the broker says so; see to its power and network"
        return Said(lost=topic.node, trouble=why)

    def _missed(self, node: EdgeNode, topic: Topic, payload: Payload, expected: int) -> Said:
        before = node.seq
        node.seq = None
        if payload.seq is None:
            why = f"a {topic.kind} without its number; number {expected} is expected"
            return Said(lost=topic.node, rebirth=topic.node, trouble=why)
        missing = (payload.seq - expected) % CIRCLE
        why = (
            f"{missing} messages missed (or a multiple of {CIRCLE} more): number {payload.seq} "
            f"came after {before}; its birth is asked for"
        )
        return Said(lost=topic.node, rebirth=topic.node, trouble=why, missing=missing)

    def _born(self, node: EdgeNode, topic: Topic, payload: Payload) -> Said:
        owner = node.owners[topic.owner] = Owner()
        for metric in payload.metrics:
            if metric.name:
                known = Known(metric.name, metric.datatype)
                owner.by_name[metric.name] = known
                if metric.alias is not None:
                    owner.by_alias[metric.alias] = known
        born = [f"{topic.owner}/{name}" for name in owner.by_name]
        return self._told(owner, topic, payload, Said(born=born, trouble=""))

    def _told(self, owner: Owner, topic: Topic, payload: Payload, said: Said) -> Said:
        for metric in payload.metrics:
            known = self._known(owner, metric)
            if known is None:
                said.rebirth = topic.node
                continue
            path = f"{topic.owner}/{known.name}"
            if path not in self._wanted:
                continue
            try:
                said.values.append(_signal_value(path, metric, known, payload))
            except Unreadable as error:
                said.refused.append(f"{path}: {error}")
        return said

    def _known(self, owner: Owner, metric: Metric) -> Known | None:
        if metric.name:
            return owner.by_name.get(metric.name) or Known(metric.name, metric.datatype)
        return owner.by_alias.get(metric.alias) if metric.alias is not None else None


def _signal_value(path: str, metric: Metric, known: Known, payload: Payload) -> SignalValue:
    at = metric.milliseconds if metric.milliseconds is not None else payload.milliseconds
    if at is None:
        raise Unreadable("neither metric nor message has a time")
    value = value_of(metric, metric.datatype or known.datatype)
    return SignalValue(path, value, instant(at), origin=path)


def _bd_seq(payload: Payload) -> int | None:
    found = (m.content for m in payload.metrics if m.name == "bdSeq")
    return next((value for value in found if isinstance(value, int)), None)
