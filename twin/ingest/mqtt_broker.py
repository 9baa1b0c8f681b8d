"""A connection to an MQTT broker: what a plant writes about it, and how it is kept.

MQTT quality of service 1 covers the wire: the broker sends a message again until it is
acknowledged, and we acknowledge only what is stored. It does not cover the broker's memory: what a
broker has taken and not yet delivered is gone when the broker is killed. Against that stand keys
(the same message twice is one event), sequence numbers (:mod:`twin.ingest.sequences`) and an
ingester that is seldom away.

A broker limits what it holds for a client. For mosquitto set ``max_queued_messages`` to a good hour
of messages (1,000 is its default, and more is dropped in silence), ``max_inflight_messages`` to
``in_flight`` below (its default of 20 makes catching up slow), ``message_size_limit`` to what a
machine may send, ``persistence true`` and a short ``autosave_interval``. The account needs the
right to read the topics, and nothing else.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from twin.errors import Fault, InputError
from twin.ingest.signature import Intake, Stopped, Waits
from twin.model.base import Frozen, Minutes
from twin.secrets import Keyring, Secret

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

CONNECT_SECONDS = 1.0
"""Longest wait for the broker's port, and again for TLS: a stop must not wait for more."""
ANSWER_SECONDS = 10.0
"""Longest wait for the answer to the login."""
QUIET_SECONDS = 0.02
"""A batch ends when nothing more has come for so long: the broker may wait for acknowledgements."""
MOST_BYTES = 8_000_000
"""A batch ends when it holds so much, so that large messages do not add up."""
HELD_SECONDS = 5.0
"""A connection that stood so long is followed by a quick attempt; others by longer and longer."""
REMEDIES = {
    "Unsupported protocol version": "set protocol: 3.1.1",
    "Client identifier not valid": "give another client_id",
    "Server unavailable": "see the broker's log",
    "Server busy": "see the broker's log",
}
"""What to do about a login that was refused for another reason than the usual."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Tls(Frozen):
    """Encryption, and who is believed. The broker's certificate is always checked."""

    ca: Path | None = None
    """Certificates of the authorities that are believed; default: the system's. Relative to the
    configuration's folder, as the next two."""
    cert: Path | None = None
    """Our own certificate, where the broker asks for one."""
    key: Path | None = None
    """Its private key."""
    key_password: Secret | None = None

    @model_validator(mode="after")
    def _cert_has_key(self) -> Self:
        if bool(self.cert) != bool(self.key):
            raise ValueError("cert and key go together")
        return self

    def context(self, keyring: Keyring, where: str) -> ssl.SSLContext:
        """What the connection is made with.

        Raises
        ------
        InputError
            When a file cannot be read or is no certificate.
        """
        password = keyring.value(self.key_password, f"{where}.key_password")
        file = self.ca
        try:
            context = ssl.create_default_context(cafile=file and keyring.folder / file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert and self.key:
                file = self.cert
                # An empty password, so that nothing is ever asked for at a terminal.
                paths = (keyring.folder / self.cert, keyring.folder / self.key)
                context.load_cert_chain(*paths, password=password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or keyring.redact(str(error))
            found = f"{file} cannot be used: {reason}"
            raise InputError(where, [Fault("", found, "check the PEM files of tls")]) from None
        return context


class BrokerSettings(Frozen):
    """Which broker, as whom, and how much at a time."""

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    """Default 1883, with TLS 8883."""
    protocol: Annotated[Literal["5", "3.1.1"], BeforeValidator(str)] = "5"
    """Version of MQTT."""
    client_id: str = Field(default="", pattern=r"^[A-Za-z0-9_.:-]{0,128}$")
    """By which the broker knows us again and keeps our messages; default ``noria-`` and the name
    of the source. No two clients of a broker may use the same."""
    user: str = ""
    password: Secret | None = None
    tls: Tls | None = None
    plain_text: bool = False
    """Whether a password may go unencrypted over the network."""
    keepalive: int = Field(default=30, ge=5, le=3600)
    """Silence after which the connection is tested [s]."""
    in_flight: int = Field(default=1000, ge=1, le=65535)
    """Most messages taken before they are stored, so that memory stays flat while the store is
    away; the broker is told so (MQTT 5)."""
    session_expiry: Minutes = Field(default=7 * 1440, gt=0)
    """How long the broker shall keep messages for us while we are away [min]."""

    @model_validator(mode="after")
    def _password_is_kept_from_the_network(self) -> Self:
        is_open = self.tls is None and not self.plain_text and self.host not in LOOPBACK
        if self.password and is_open:
            raise ValueError(
                "the password would cross the network unencrypted; give tls, or plain_text: true "
                "where the network is trusted"
            )
        if self.password and not self.user:
            raise ValueError("a password needs a user")
        return self

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port or (8883 if self.tls else 1883)}"


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came over the wire."""

    topic: str
    payload: bytes
    mid: int
    """Packet identifier, valid in this connection only."""
    qos: int


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker shall publish for us when the connection breaks."""

    topic: str
    payload: bytes
    is_retained: bool = True


class Lost(Exception):
    """The connection could not be made or did not hold; the text says why."""


class Connection:
    """One connection, from the login until it is lost; used by one thread.

    Each has a client of its own, so that an acknowledgement can never reach a later connection, in
    which the broker may have given the same number to another message.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        keyring: Keyring,
        client_id: str,
        *,
        where: str,
        is_kept: bool = True,
        will: Will | None = None,
    ) -> None:
        from paho.mqtt.client import Client, MQTTv5, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        self.settings = settings
        self.client_id = settings.client_id or client_id
        self.refused_topics: dict[str, str] = {}
        """Topics the broker does not let us read, and why."""
        self._is_kept = is_kept
        self._received: list[Received] = []
        self._received_bytes = 0
        self._answer: str | None = None
        self._goodbye = ""
        self._login = 0.0
        self._subscriptions: dict[int, list[str]] = {}
        is_five = settings.protocol == "5"
        self._client: Client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=None if is_five else not is_kept,
            protocol=MQTTv5 if is_five else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.connect_timeout = CONNECT_SECONDS
        if settings.user:
            password = keyring.value(settings.password, f"{where}.password")
            self._client.username_pw_set(settings.user, password or None)
        if settings.tls:
            self._client.tls_set_context(settings.tls.context(keyring, f"{where}.tls"))
        if will:
            self._client.will_set(will.topic, will.payload, qos=1, retain=will.is_retained)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe

    def open(self, is_stopped: Callable[[], bool]) -> None:
        """Connect and log in.

        Raises
        ------
        Lost
            When nobody listens, the login is refused, or no answer comes.
        """
        settings = self.settings
        host, port = settings.host, int(settings.address.rpartition(":")[2])
        options: dict[str, Any] = {}
        if settings.protocol == "5":
            options = {"clean_start": not self._is_kept, "properties": self._properties()}
        try:
            self._client.connect(host, port, settings.keepalive, **options)
        except ssl.SSLError as error:
            raise Lost(_tls_reason(error)) from None
        except OSError as error:
            raise Lost(error.strerror or str(error) or "no answer in time") from None
        end = time.monotonic() + ANSWER_SECONDS
        while self._answer is None:
            if is_stopped():
                raise Stopped
            if time.monotonic() > end:
                raise Lost(f"no answer to the login within {ANSWER_SECONDS:.0f} s")
            self._turn(0.1)
        if self._answer:
            remedy = REMEDIES.get(self._answer, "check user and password")
            raise Lost(f"the broker refuses the login: {self._answer}; {remedy}")

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for topics at quality of service 1. Retained messages come again at each time."""
        names = list(topics)
        _, mid = self._client.subscribe([(name, 1) for name in names])
        if mid is not None:
            self._subscriptions[mid] = names

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Leave topics that an earlier configuration asked for; the broker remembers them."""
        names = list(topics)
        if names:
            self._client.unsubscribe(names)

    def receive(self, most: int, seconds: float) -> list[Received]:
        """Messages, as soon as ``most`` are there, ``seconds`` passed, or no more follow.

        Raises
        ------
        Lost
            When the connection breaks. What was received and not acknowledged comes again.
        """
        end = time.monotonic() + seconds
        while len(self._received) < most and self._received_bytes < MOST_BYTES:
            left = end - time.monotonic()
            if left <= 0:
                break
            before = len(self._received)
            began = time.monotonic()
            self._turn(min(left, QUIET_SECONDS) if before else left)
            is_quiet = time.monotonic() - began >= QUIET_SECONDS
            if before and len(self._received) == before and is_quiet:
                break
            if not before and self._received:
                end = time.monotonic() + seconds
        batch, self._received, self._received_bytes = self._received, [], 0
        return batch

    def acknowledge(self, received: Iterable[Received]) -> None:
        """Tell the broker that these messages are safe; a broken connection shows at the next
        :meth:`receive`."""
        for message in received:
            self._client.ack(message.mid, message.qos)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, is_retained: bool = False
    ) -> None:
        """Send a message; it leaves during the next turns."""
        self._client.publish(topic, payload, qos=qos, retain=is_retained)

    def close(self) -> None:
        """Say goodbye if the connection stands; the broker goes on keeping our messages."""
        client = self._client
        client.disconnect()
        # Without a way back to us the client goes at once, and its sockets with it.
        client.on_connect = client.on_message = client.on_disconnect = client.on_subscribe = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _turn(self, seconds: float) -> None:
        """Let the client send and receive; at most one message comes in a turn."""
        outcome = self._client.loop(seconds)
        if self._answer:  # a refusal, which open() tells
            return
        if self._goodbye:
            raise Lost(self._goodbye)
        if outcome:
            from paho.mqtt.client import error_string

            raise Lost(error_string(outcome).rstrip("."))

    def _properties(self) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = self.settings.in_flight
        if self._is_kept:
            seconds = min(round(60 * self.settings.session_expiry), 0xFFFFFFFE)
            properties.SessionExpiryInterval = seconds
        return properties

    # --- what the client calls during a turn ---

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._answer = str(reason) if reason.is_failure else ""
        self._login = time.monotonic()

    def _on_message(self, client: Any, data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "a topic that is not UTF-8"
        self._received.append(Received(topic, bytes(message.payload), message.mid, message.qos))
        self._received_bytes += len(message.payload)

    def _on_disconnect(
        self, client: Any, data: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if self._goodbye:
            return  # what the broker said first is the reason
        said = "the connection broke" if str(reason) == "Unspecified error" else str(reason)
        if time.monotonic() - self._login < HELD_SECONDS:  # not every broker says why
            said += (
                f" soon after the login; does another client use the client_id {self.client_id}?"
            )
        self._goodbye = said

    def _on_subscribe(self, client: Any, data: Any, mid: int, reasons: Any, props: Any) -> None:
        for topic, reason in zip(self._subscriptions.pop(mid, []), reasons, strict=False):
            if reason.is_failure:
                self.refused_topics[topic] = str(reason)


def keep_connected(
    address: str, intake: Intake, keyring: Keyring, serve: Callable[[], None]
) -> None:
    """Call ``serve`` again, with longer and longer waits, each time it loses its connection."""
    waits = Waits()
    while not intake.is_stopped:
        began = time.monotonic()
        try:
            serve()
        except Stopped:
            return
        except Lost as lost:
            if time.monotonic() - began > HELD_SECONDS:
                waits.reset()
            intake.connected(False, keyring.redact(f"{address}: {lost}"))
            intake.wait(next(waits))


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the broker's certificate is not believed: {error.verify_message}; check host and "
            "tls.ca"
        )
    return f"no TLS: {error.reason or error}; check port and tls"
