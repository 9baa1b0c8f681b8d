"""One connection to an OPC UA server: opened, subscribed, listened to, closed.

Written for asyncua 2.1, whose own reconnection is not used: after a restart of the server it
subscribes again without saying so, and what was missed in between would not be noticed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from twin.errors import NoriaError
from twin.ingest.opcua_nodes import UNFIT_NODE, has_history, node_at, status_name, unfit
from twin.ingest.opcua_security import Refused, secure
from twin.ingest.signals import Scalar, SignalValue
from twin.secrets import Keyring

if TYPE_CHECKING:
    from twin.ingest.opcua import NodeAt, OpcUaSource

logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what matters is told by the health

SESSION_MS = 60_000
"""After this long without a word the server forgets a client that was killed [ms]."""
KEEP_ALIVE_S = 5.0
"""How often the server says that the subscription lives, when nothing has changed [s]."""
SKEW_TOLD_S = 2.0
"""A server's clock further off than this is reported [s]."""
MOST_AT_ONCE = 500
"""Nodes subscribed with one request; servers limit it."""
MOST_WAITING = 200_000
"""Values kept here while the store is away; with more the connection is given up, and the counters
are read again later."""
OVERFLOW = 0x0480
"""Bits of a status: information about a data value, and that the queue before it overflowed
(OPC UA part 4, 7.39.1)."""
HISTORY_WINDOW = timedelta(hours=1)
"""History is read and stored in pieces of this length."""
LONGEST_HISTORY = timedelta(days=31)
"""Older gaps are told by the counters alone."""
FUTURE = timedelta(minutes=5)
"""A time further ahead of the server's clock than this is not believed."""
EARLIEST = datetime(2001, 1, 1, tzinfo=UTC)
"""Nor is an earlier one: controllers without a set clock begin in 1601, 1970 or 2000."""
REFUSALS = (
    "BadUserAccessDenied", "BadIdentityTokenInvalid", "BadIdentityTokenRejected",
    "BadCertificate", "BadSecurity", "BadUserSignatureInvalid",
)  # fmt: skip


class Away(Exception):
    """The server cannot be reached, or was lost."""


@dataclass(frozen=True)
class FoundNode:
    """A node on the server."""

    node: Node
    has_history: bool


class Session:
    """A connection with its subscription; used once."""

    def __init__(self, source: OpcUaSource, keyring: Keyring) -> None:
        self._source = source
        self._keyring = keyring
        self.nodes: dict[str, NodeAt] = {
            f"{unit}.{name}": node
            for unit, nodes in source.nodes.items()
            for name, node in nodes.items()
        }
        self.client: Client | None = None
        self._subscription = ua.UInt32(0)
        self._sequence = 0
        """Number of the last notification."""
        self._heard_at = time.monotonic()
        self._silent_after_s = 3 * KEEP_ALIVE_S
        self.found: dict[str, FoundNode] = {}
        """Nodes that are there."""
        self._names: dict[int, str] = {}
        """Signal of each client handle."""
        self._values: deque[SignalValue] = deque()
        self._news = asyncio.Event()
        self._heard: set[str] = set()
        self._bad: dict[str, str] = {}
        self._interrupted: set[str] = set()
        self._troubles: deque[tuple[str, str]] = deque()
        self._told: dict[str, str] = {}
        self._loss: Away | None = None
        self.skew_s = 0.0
        """How far the server's clock is ahead of ours [s]."""

    # --- opening and closing ---

    async def open(self) -> None:
        """Connect and subscribe.

        Raises
        ------
        Away
            When the server does not answer.
        Refused
            When it does not let us in.
        """
        source = self._source
        try:
            self.client = await self._connected()
            await self._compare_clocks()
            await self._find(self.nodes)
            await self._listen()
            await self._subscribe(dict(self.found))
        except NoriaError:
            raise
        except Exception as error:  # also what the library raises when something else answers
            raise _reason(source.endpoint, error) from None

    async def _connected(self) -> Client:
        source = self._source
        client = Client(source.endpoint, timeout=source.timeout, watchdog_intervall=5.0)
        client.name = client.description = "Noria"
        client.session_timeout = SESSION_MS
        if source.user:
            client.set_user(source.user)
            client.set_password(self._keyring.value(source.password, "password"))
        if source.security != "none":
            await secure(client, source.security, self._keyring)
        await client.connect()
        return client

    async def close(self) -> None:
        """End the connection, within a second whatever the server does."""
        if self.client is None:
            return
        with suppress(Exception):
            await asyncio.wait_for(self.client.disconnect(), 1.0)
        with suppress(Exception):
            self.client.disconnect_socket()

    @property
    def is_alive(self) -> bool:
        """Whether there is something to receive, now or later."""
        return bool(self._values) or self._loss is None

    @property
    def loss(self) -> Away:
        return self._loss or Away(f"{self._source.endpoint}: the connection was lost")

    # --- nodes ---

    async def look_again(self) -> None:
        """Look which nodes have come or gone, and compare the clocks once more."""
        try:
            await self._compare_clocks()
            before = set(self.found)
            await self._find(self.nodes)
            await self._subscribe({n: f for n, f in self.found.items() if n not in before})
        except (OSError, UaError) as error:
            raise _reason(self._source.endpoint, error) from None

    async def _find(self, nodes: Mapping[str, NodeAt]) -> None:
        """Find nodes; those that are not there are named, and the others go on."""
        assert self.client is not None
        spaces = await self.client.get_namespace_array()
        for name, at in nodes.items():
            try:
                node = await node_at(self.client, at.node, spaces)
                self.found[name] = FoundNode(node, await has_history(node))
            except (UaError, ValueError) as error:
                self.found.pop(name, None)
                self._interrupted.add(name)
                self._troubles.append((name, f"node {at.node}: {unfit(error)}"))
            else:
                self._troubles.append((name, ""))

    async def _listen(self) -> None:
        """Create the subscription, without items yet."""
        assert self.client is not None
        interval = self._source.publishing_interval
        keep_alive = max(1, int(1000 * KEEP_ALIVE_S / interval))
        wanted = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=interval,
            RequestedLifetimeCount=10 * keep_alive,
            RequestedMaxKeepAliveCount=keep_alive,
            MaxNotificationsPerPublish=0,
            PublishingEnabled=True,
            Priority=0,
        )
        made = await self.client.uaclient.create_subscription(wanted, self._published)
        self._subscription = made.SubscriptionId
        seconds = made.RevisedPublishingInterval * made.RevisedMaxKeepAliveCount / 1000
        self._silent_after_s = max(3 * KEEP_ALIVE_S, 3 * seconds)

    async def _subscribe(self, found: Mapping[str, FoundNode]) -> None:
        names = list(found)
        for first in range(0, len(names), MOST_AT_ONCE):
            await self._subscribe_some({n: found[n] for n in names[first : first + MOST_AT_ONCE]})

    async def _subscribe_some(self, found: Mapping[str, FoundNode]) -> None:
        assert self.client is not None
        requests = []
        for name, one in found.items():
            handle = len(self._names) + 1
            self._names[handle] = name
            requests.append(self._request(handle, name, one.node))
        results = await self.client.uaclient.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=requests,
            )
        )
        for name, result in zip(found, results, strict=True):
            self._note_item(name, result)

    def _note_item(self, name: str, result: ua.MonitoredItemCreateResult) -> None:
        """Name what the server does not watch, and what it may lose."""
        if not result.StatusCode.is_good():
            why = UNFIT_NODE.get(result.StatusCode.name, result.StatusCode.name)
            self._troubles.append((name, f"node {self.nodes[name].node}: {why}"))
            del self.found[name]
            return
        size, wanted = int(result.RevisedQueueSize), self._source.queue_size
        text = f"the server keeps {size} changes of it, not {wanted}; quick changes may be lost,"
        text += " cumulative counters lose nothing"
        self._troubles.append((f"{name} (queue)", text if size < wanted else ""))

    def _request(self, handle: int, name: str, node: Node) -> ua.MonitoredItemCreateRequest:
        # A verdict may be the same twice: its time tells that it is another.
        is_verdict = getattr(self.nodes[name], "means", "") == "verdict"
        trigger = ua.DataChangeTrigger.StatusValueTimestamp
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=node.nodeid, AttributeId=AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=handle,
                SamplingInterval=self.nodes[name].sampling_interval,
                QueueSize=self._source.queue_size,
                DiscardOldest=True,
                Filter=ua.DataChangeFilter(Trigger=trigger) if is_verdict else None,
            ),
        )

    async def _compare_clocks(self) -> None:
        assert self.client is not None
        clock = self.client.get_node(ObjectIds.Server_ServerStatus_CurrentTime)
        asked = datetime.now(UTC)
        theirs = _utc(await clock.read_value())
        answered = datetime.now(UTC)
        self.skew_s = (theirs - asked - (answered - asked) / 2).total_seconds()
        about = f"the server's clock is {self.skew_s:+.1f} s off ours; set both by NTP"
        self._troubles.append(("clock", about if abs(self.skew_s) > SKEW_TOLD_S else ""))

    # --- values ---

    def _published(self, result: ua.PublishResult) -> None:
        """Take what the server sends: values, the end of the subscription, or that it lives."""
        self._heard_at = time.monotonic()
        message = result.NotificationMessage
        for part in message.NotificationData or ():
            if isinstance(part, ua.StatusChangeNotification) and not part.Status.is_good():
                is_gone = part.Status.name == "BadShutdown"  # the library's word for it as well
                self._lose("the connection was lost" if is_gone else f"ended: {part.Status.name}")
                return
            if isinstance(part, ua.DataChangeNotification):
                self._check_sequence(int(message.SequenceNumber))
                for item in part.MonitoredItems:
                    self._take(item)
        if len(self._values) > MOST_WAITING:
            self._lose("the event store has been away too long; counters are read again later")
        self._news.set()

    def _check_sequence(self, number: int) -> None:
        """Notifications are numbered; a number left out is one that was lost."""
        if self._sequence and number > self._sequence + 1:
            self._interrupted |= set(self.found)
            lost = number - self._sequence - 1
            self._troubles.append(("notifications", f"{lost} lost before number {number}"))
        self._sequence = number

    def _take(self, item: ua.MonitoredItemNotification) -> None:
        name = self._names.get(int(item.ClientHandle or 0))
        if name is None or item.Value is None:
            return
        self._heard.add(name)
        value = self.value_of(name, item.Value)
        if value is not None:
            self._values.append(value)

    def _lose(self, why: str) -> None:
        self._loss = self._loss or Away(f"{self._source.endpoint}: {why}")
        self._news.set()

    async def received(self, seconds: float) -> list[SignalValue]:
        """What has arrived; waits for the first value at most so long."""
        if self.client is not None and self.client.state.name != "CONNECTED":
            self._lose("the connection was lost")
        if time.monotonic() - self._heard_at > self._silent_after_s:
            self._lose("the subscription has fallen silent")
        if not self._values and self._loss is None:
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        found = list(self._values)
        self._values.clear()
        return found

    async def first_values(self) -> list[SignalValue]:
        """What each node holds now; a node that stays silent is waited for two seconds."""
        end = time.monotonic() + 2.0 + 2 * self._source.publishing_interval / 1000
        while self._loss is None and not set(self.found) <= self._heard:
            if time.monotonic() > end:
                break
            await asyncio.sleep(0.05)
        return await self.received(0.0)

    async def history(
        self, since: Mapping[str, datetime | None]
    ) -> AsyncIterator[tuple[list[SignalValue], list[str]]]:
        """Values the server has kept since the last ones used, window by window.

        With each window come the signals known without a gap up to it: those whose history still
        has the value used last.
        """
        now = datetime.now(UTC) + timedelta(seconds=self.skew_s)
        starts = {
            name: max(start, now - LONGEST_HISTORY)
            for name, start in since.items()
            if start is not None and name in self.found and self.found[name].has_history
        }
        until = now + FUTURE  # the clocks may differ
        window = min(starts.values(), default=until)
        while window < until:
            end = window + HISTORY_WINDOW
            values, covered = [], []
            for name, start in list(starts.items()):
                if start >= end:
                    continue
                kept = await self._kept(name, max(start, window), end)
                if kept is None:
                    del starts[name]
                    continue
                if start >= window and kept and kept[0].time == start:
                    covered.append(name)
                values += kept
            yield values, covered
            window = end

    async def _kept(self, name: str, start: datetime, end: datetime) -> list[SignalValue] | None:
        """What the server's history has of a signal in [start, end); None where it has none."""
        node = self.found[name].node
        try:
            found = await node.read_raw_history(start, end, return_bounds=False)
        except (UaError, ValueError) as error:
            self._troubles.append((f"{name} (history)", f"cannot be read: {unfit(error)}"))
            return None
        except OSError as error:
            raise _reason(self._source.endpoint, error) from None
        values = (self.value_of(name, value) for value in found)
        return [v for v in values if v is not None and start <= v.time < end]

    def value_of(self, name: str, found: ua.DataValue) -> SignalValue | None:
        """A value with its time, unless its quality is bad or it is no single value."""
        status = found.StatusCode or ua.StatusCode()
        if status.value & OVERFLOW == OVERFLOW:
            self._interrupted.add(name)
            queue = "the server's queue overflowed and changes were lost; a larger queue_size"
            self._troubles.append((f"{name} (overflow)", f"{queue}, or a counter, is needed"))
        value, why = _scalar(found)
        why = f"quality {status.name}" if not status.is_good() else why
        if why != self._bad.get(name, ""):
            self._bad[name] = why
            self._troubles.append((f"{name} (quality)", why))
        if why:
            self._interrupted.add(name)
            return None
        return SignalValue(name, value, self._time_of(name, found), origin=self.nodes[name].node)

    def _time_of(self, name: str, found: ua.DataValue) -> datetime:
        """When the machine says so; when the server does, where that cannot be."""
        now = datetime.now(UTC) + timedelta(seconds=self.skew_s)
        for stamp in (found.SourceTimestamp, found.ServerTimestamp):
            if stamp is None:
                continue
            if EARLIEST < _utc(stamp) <= now + FUTURE:
                return _utc(stamp)
            text = f"its time {stamp.isoformat()} cannot be; the server's is used"
            self._troubles.append((f"{name} (time)", text))
        return now

    # --- what was not well ---

    def interrupted(self) -> list[str]:
        """Signals of which values were lost or bad since the last question."""
        found = sorted(self._interrupted)
        self._interrupted.clear()
        return found

    def troubles(self) -> Iterator[tuple[str, str]]:
        """What is wrong with single signals, each told once; an empty text: well again."""
        while self._troubles:
            about, text = self._troubles.popleft()
            if self._told.get(about) != text:
                self._told[about] = text
                yield about, text


def _scalar(found: ua.DataValue) -> tuple[Scalar, str]:
    """The value as text, number or truth, or why it is none of these."""
    value = found.Value.Value if found.Value is not None else None
    if isinstance(value, ua.LocalizedText):
        value = value.Text or ""
    if isinstance(value, ua.QualifiedName):
        value = value.Name or ""
    if value is None:
        return None, "there is no value"
    if isinstance(value, bool | int | float | str):
        return value, ""
    return None, f"a single value is expected, not {type(value).__name__}"


def _utc(stamp: datetime) -> datetime:
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def _reason(endpoint: str, error: BaseException) -> Away | Refused:
    """Why a connection could not be opened, in a plant's words."""
    name = status_name(error)
    if any(name.startswith(refusal) for refusal in REFUSALS):
        what = "certificates" if "Certificate" in name or "Security" in name else "user, password"
        return Refused(f"{endpoint}: the server refuses us ({name}); check {what} and their rights")
    if isinstance(error, UaError) and "endpoint" in str(error).lower():
        return Refused(f"{endpoint}: the server does not offer this security policy and mode")
    if "certificate mismatch" in str(error).lower():
        return Refused(f"{endpoint}: the server shows another certificate than server_certificate")
    text = str(error) or name
    return Away(f"{endpoint}: {'no answer in time' if 'Timeout' in name else text}")
