"""Signals of machines by OPC UA: a subscription that misses nothing, and says so when it did.

::

    - kind: opcua
      name: hall-2
      endpoint: opc.tcp://192.0.2.10:4840
      security: {certificate: noria.pem, key: {file: noria-key.pem}, server_certificate: plc.pem}
      user: noria
      password: {env: OPCUA_PASSWORD}
      nodes:
        PRESS-1:
          state: {node: "ns=2;s=Press1.State", values: {0: standby, 1: working, 9: down}}
          good:  {node: "ns=2;s=Press1.Good", most_per_hour: 900}
          order: {node: "/Objects/2:Press1/2:Order"}

The name of a signal says what it means when it is one of the meanings of
:mod:`twin.ingest.signals`; otherwise ``means`` does.

What makes it lossless
----------------------
- Every change is sampled by the server (sampling interval 0: as fast as it can) and kept there in a
  queue of ``queue_size`` values until it is sent. With the usual queue of one value, all but the
  last change of a publishing interval are lost.
- Pieces and energy come from cumulative counters: after any gap the next reading holds what was
  counted meanwhile, and is marked so. Where the server keeps a history, it is read instead.
- The last value of every counter is stored in one transaction with the events made of it.

The rights it needs: to browse and to read the nodes named, their history, and nothing else.
Account and certificate should allow no writing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import BeforeValidator, Field, model_validator

from twin.ingest.mapping import Mapped
from twin.ingest.signals import (
    MEANINGS,
    ContextSignal,
    CountSignal,
    MeterSignal,
    Signal,
    Signals,
    StateSignal,
    VerdictSignal,
    reread,
)
from twin.ingest.signature import Intake, Message, Stopped, Waits
from twin.model.base import Frozen, Minutes
from twin.secrets import Keyring, Secret

if TYPE_CHECKING:
    from twin.ingest.opcua_session import Session

STORE_AT_LEAST_S = 10.0
"""How often the counters are stored when they make no events [s]."""
LOOK_AGAIN_S = 60.0
"""How often missing nodes are looked for, and the clocks compared [s]."""
T = TypeVar("T")


class OpcUaSecurity(Frozen):
    """Signed and encrypted connection."""

    policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = (
        "Basic256Sha256"
    )
    mode: Literal["SignAndEncrypt", "Sign"] = "SignAndEncrypt"
    certificate: Path
    """Noria's own certificate (PEM or DER); the server has to trust it."""
    key: Secret
    """Its private key (PEM)."""
    server_certificate: Path | None = None
    """Certificate of the server (PEM or DER): no other is spoken to."""
    trust_any_server: bool = False
    """Whether the certificate the server shows is believed without ``server_certificate``."""

    @model_validator(mode="after")
    def _server_is_known(self) -> Self:
        if self.server_certificate is None and not self.trust_any_server:
            raise ValueError(
                "server_certificate is missing: without it anybody can pose as the server; "
                "export it from the server, or write trust_any_server: true"
            )
        return self


class NodeAt(Frozen):
    """Where a signal is on the server."""

    node: Annotated[str, Field(min_length=1)]
    """Node id ("ns=2;s=Press1.State", or with the namespace's name "nsu=urn:plc;s=Press1.State",
    which survives a new order of namespaces), or browse path ("/Objects/2:Press1/2:State")."""
    sampling_interval: Annotated[float, Field(ge=0)] = 0.0
    """How often the server looks at the value [ms]; 0: as fast as it can."""


class StateNode(NodeAt, StateSignal):
    """The state of the machine."""


class CountNode(NodeAt, CountSignal):
    """A counter of pieces."""


class MeterNode(NodeAt, MeterSignal):
    """An energy register."""


class ContextNode(NodeAt, ContextSignal):
    """What is at the unit."""


class VerdictNode(NodeAt, VerdictSignal):
    """The verdict of an inspection."""


AnyNode = Annotated[
    StateNode | CountNode | MeterNode | ContextNode | VerdictNode, Field(discriminator="means")
]


def _meant_by_name(nodes: Any) -> Any:
    """A node alone, and a signal named after its meaning, in full."""
    if not isinstance(nodes, dict):
        return nodes
    full = {}
    for name, given in nodes.items():
        node = {"node": given} if isinstance(given, str) else given
        if isinstance(node, dict) and "means" not in node and name in MEANINGS:
            node = {**node, "means": name}
        full[name] = node
    return full


UnitNodes = Annotated[dict[str, AnyNode], BeforeValidator(_meant_by_name)]


class OpcUaSource(Mapped):
    """Nodes of one OPC UA server."""

    kind: Literal["opcua"] = "opcua"
    name: str
    endpoint: Annotated[str, Field(pattern=r"^opc\.tcp://[^/@\s]+(/\S*)?$")]
    """Address of the server: opc.tcp://HOST:PORT."""
    security: OpcUaSecurity | Literal["none"]
    """Certificates; or "none" where the network is trusted: everything can then be read and
    changed on its way, and on some servers the password as well."""
    user: str = ""
    """Account on the server; empty: none."""
    password: Secret | None = None
    nodes: dict[str, UnitNodes] = Field(min_length=1)
    """For each work unit its signals."""
    publishing_interval: Annotated[float, Field(ge=10, le=60_000)] = 500.0
    """How often the server sends what has changed [ms]."""
    queue_size: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Changes the server keeps of each node until they are sent."""
    report_every: Annotated[Minutes, Field(gt=0)] | None = 1.0
    """Pieces of one order are reported this often [min]; null: when the order or lot changes."""
    history: bool = True
    """Whether gaps are filled from the server's history, where it keeps one."""
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long a request may take [s]."""

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password is not None and not self.user:
            raise ValueError("a password without user; add user")
        return self

    @property
    def signals(self) -> dict[str, Signal]:
        """Every signal by its name, ``UNIT.SIGNAL``."""
        return {
            f"{unit}.{name}": cast(
                "Signal", node.model_copy(update={"work_unit": node.work_unit or unit})
            )
            for unit, nodes in self.nodes.items()
            for name, node in nodes.items()
        }

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Receive until told to stop; see :class:`~twin.ingest.signature.Source`."""
        try:
            asyncio.run(_Run(self, intake, keyring).until_stopped())
        except Stopped:
            return

    def check(self, keyring: Keyring) -> Iterable[str]:
        """Connect once and say what each node gives now; nodes that are not there are faults."""
        from twin.ingest.opcua_check import describe

        return asyncio.run(describe(self, keyring))

    def reread(self, raw: str, origin: str) -> Sequence[Message]:
        """A value in quarantine once more."""
        return reread(self.signals, raw, origin)


class _Run:
    """One run of a source: its connections one after the other."""

    def __init__(self, source: OpcUaSource, intake: Intake, keyring: Keyring) -> None:
        self._source = source
        self._intake = intake
        self._keyring = keyring
        saved: Mapping[str, Any] = intake.position() or {}
        self._signals = Signals(source.signals, saved.get("signals"), source.report_every)
        self._stored = time.monotonic()
        self._set_aside: dict[str, int] = {}

    async def until_stopped(self) -> None:
        from twin.ingest.opcua_security import Refused
        from twin.ingest.opcua_session import Away, Session

        waits, refusals = Waits(longest=5.0), Waits(first=10.0, longest=300.0)
        while not self._intake.is_stopped:
            session = Session(self._source, self._keyring)
            try:
                await self._unless_stopped(session.open())
                await self._receive(session, waits, refusals)
                wait = next(waits)
            except Refused as error:  # by and by, lest the account be locked
                wait = next(refusals)
                self._intake.connected(False, self._keyring.redact(str(error)))
            except (Away, ConnectionError) as error:
                wait = next(waits)
                self._intake.connected(False, self._keyring.redact(str(error)))
            finally:
                await session.close()
            self._signals.lost()
            if self._intake.wait(wait):
                return

    async def _receive(self, session: Session, waits: Waits, refusals: Waits) -> None:
        """From a connection that stands until it is lost."""
        self._intake.connected(True, f"the server's clock is {session.skew_s:+.1f} s off ours")
        self._tell_troubles(session)
        waiting = await self._unless_stopped(session.first_values())
        if self._source.history:
            await self._fill_gap(session)
        looked = time.monotonic()
        while True:
            await self._store(session, waiting)
            if self._intake.wait(0.001):  # with --once this is the end
                raise Stopped
            if not session.is_alive:
                raise session.loss
            waits.reset()
            refusals.reset()
            if time.monotonic() - looked > LOOK_AGAIN_S:
                await self._unless_stopped(session.look_again())
                looked = time.monotonic()
            waiting = await session.received(0.5)

    async def _fill_gap(self, session: Session) -> None:
        """Store what the server's history has of the time we were away."""
        since = {name: self._signals.last_time(name) for name in self._source.signals}
        windows = session.history(since)
        while (window := await self._unless_stopped(anext(windows, None))) is not None:
            values, covered = window
            for name in covered:
                self._signals.caught_up(name)
            await self._store(session, values)

    async def _store(self, session: Session, waiting: list[Any]) -> None:
        self._signals.lost(session.interrupted())
        messages = self._signals.take_all(waiting)
        now = datetime.now(UTC) + timedelta(seconds=session.skew_s)
        messages += self._signals.tick(now)
        self._tell_troubles(session)
        is_due = time.monotonic() - self._stored > STORE_AT_LEAST_S
        if not messages and not (waiting and is_due):
            return
        position = {"signals": self._signals.memory}
        self._intake.pending(len(messages))
        # In a thread of its own: the server wants its answers while a store is waited for.
        await asyncio.to_thread(self._intake.store, messages, position)
        self._intake.pending(0)
        self._stored = time.monotonic()

    def _tell_troubles(self, session: Session) -> None:
        for about, text in session.troubles():
            self._intake.trouble(about, self._keyring.redact(text))
        for what, count in self._signals.set_aside.items():
            if count > self._set_aside.get(what, 0):
                about, _, reason = what.partition(": ")
                self._intake.trouble(f"{about} ({reason})", f"{count} readings set aside: {reason}")
        self._set_aside = dict(self._signals.set_aside)

    async def _unless_stopped(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=0.2)
            if self._intake.is_stopped and not task.done():
                task.cancel()
                raise Stopped
        if task.cancelled():  # the library's way of saying so
            raise ConnectionError("the connection was lost")
        return task.result()
