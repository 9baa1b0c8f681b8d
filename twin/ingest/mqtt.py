"""Messages of an MQTT broker, as JSON.

::

    - kind: mqtt
      name: line-1
      host: broker.plant.example
      tls: {ca: plant-ca.pem}
      user: noria
      password: {env: MQTT_PASSWORD}
      topics: [plant/+/events]
      fields: {time: ts, work_unit: topic.1}
      key: [id]
      sequence: {number: seq, of: topic.1}

A message is acknowledged once it is stored. Killed anywhere, the broker sends the rest again, and
the key makes one event of what came twice; so it is with retained messages, which every login
brings again. Without ``key`` the whole content is the key: let publishers give each event an id.
What a broker lost from its memory (:mod:`twin.ingest.mqtt_broker`) shows as a gap in ``sequence``:
named in log, health and metrics until it is filled. ``backfill`` is a topic on which the missing
numbers are asked for; a publisher that keeps its last messages sends them again. Messages sent at
quality of service 0 may be lost on the wire as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from twin.ingest.mapping import Mapped
from twin.ingest.mqtt_broker import BrokerSettings, Connection, Received, keep_connected
from twin.ingest.mqtt_payload import messages_of
from twin.ingest.sequences import Numbering, Sequences, numbers_of
from twin.ingest.signature import Intake, Message
from twin.secrets import Keyring

REPORT_SECONDS = 1.0
LEVELS = {"topic", *(f"topic.{n}" for n in range(100))}
"""Fields that no sender has to answer for."""
QUIET_SECONDS = 2.0
"""A broker that has been silent for so long has nothing more waiting for us [s]."""


def _one_or_more(topics: Any) -> Any:
    return [topics] if isinstance(topics, str) else topics


class MqttSource(BrokerSettings, Mapped):
    """Topics of a broker whose messages are JSON objects."""

    kind: Literal["mqtt"] = "mqtt"
    name: str
    topics: Annotated[list[str], BeforeValidator(_one_or_more), Field(min_length=1)]
    """Topics to read; ``+`` stands for one level, ``#`` at the end for all below."""
    sequence: Numbering | None = None
    """Number that each sender gives its messages, for example ``{number: seq, of: machine}``."""
    backfill: str = ""
    """Topic on which missing numbers are asked for, as ``{"sender": …, "missing": [[17, 19]]}``.
    The account then needs the right to write there."""
    largest: int = Field(default=1_000_000, ge=100, le=256_000_000)
    """Largest message that is read [bytes]; larger ones go to quarantine."""
    batch_seconds: float = Field(default=0.1, gt=0, le=10)
    """Longest wait for a batch to fill [s]."""

    @field_validator("topics")
    @classmethod
    def _topics_are_filters(cls, topics: list[str]) -> list[str]:
        for topic in topics:
            levels = topic.split("/")
            is_wrong = any(set("+#") & set(level) and len(level) > 1 for level in levels)
            if not topic or "\0" in topic or is_wrong or "#" in levels[:-1]:
                raise ValueError(
                    f'"{topic}" is no topic; + stands for a whole level, # for all below, at the '
                    "end"
                )
        return topics

    @model_validator(mode="after")
    def _backfill_has_numbers(self) -> MqttSource:
        if self.backfill and not self.sequence:
            raise ValueError("backfill asks for missing numbers; give sequence as well")
        if set("+#") & set(self.backfill):
            raise ValueError("backfill is one topic, without + and #")
        return self

    @property
    def read_fields(self) -> set[str]:
        numbered = {self.sequence.number, *self.sequence.of} if self.sequence else set()
        return super().read_fields | numbered | LEVELS

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Receive until the supervisor stops."""
        position = intake.position() or {}
        is_same = position.get("numbering") == self._numbering
        sequences = Sequences(position.get("sequences") if is_same else None)
        earlier = set(position.get("topics", ())) - set(self.topics)

        def serve() -> None:
            with self._connection(keyring) as connection:
                connection.open(lambda: intake.is_stopped)
                connection.unsubscribe(sorted(earlier))
                connection.subscribe(self.topics)
                intake.connected(True)
                self._receive(connection, intake, sequences)

        keep_connected(self.address, intake, keyring, serve)

    def check(self, keyring: Keyring) -> Iterable[str]:
        """Log in once, under another name, so that a running ingester is left alone."""
        yield check_login(self, keyring, self.name)

    def reread(self, raw: str, origin: str) -> Sequence[Message]:
        """The messages of a payload that could not be read before."""
        return messages_of(origin.partition(" #")[0], raw.encode("utf-8"), self.largest)

    def _connection(self, keyring: Keyring) -> Connection:
        return Connection(self, keyring, f"noria-{self.name}", where=f"source {self.name}")

    def _receive(self, connection: Connection, intake: Intake, sequences: Sequences) -> None:
        next_report = 0.0
        quiet_from = time.monotonic()
        while not intake.is_stopped:
            received = connection.receive(self.in_flight, self.batch_seconds)
            if received:
                quiet_from = time.monotonic()
                intake.pending(len(received))
                messages = self._messages(received)
                intake.store(messages, self._position(messages, sequences))
                connection.acknowledge(received)
                intake.pending(0)
            elif time.monotonic() - quiet_from > QUIET_SECONDS and intake.wait(0):
                return  # asked to read once what was waiting
            if time.monotonic() >= next_report:
                next_report = time.monotonic() + REPORT_SECONDS
                self._report(connection, intake, sequences)

    def _messages(self, received: Iterable[Received]) -> list[Message]:
        """Without what we asked for ourselves, where the topics hold that one as well."""
        others = (r for r in received if r.topic != self.backfill)
        return [m for r in others for m in messages_of(r.topic, r.payload, self.largest)]

    @property
    def _numbering(self) -> list[str]:
        """What the remembered numbers belong to."""
        return [self.sequence.number, *self.sequence.of] if self.sequence else []

    def _position(self, messages: list[Message], sequences: Sequences) -> Mapping[str, Any]:
        if self.sequence:
            for sender, number in numbers_of(messages, self.sequence):
                sequences.take(sender, number)
        return {
            "topics": self.topics,
            "numbering": self._numbering,
            "sequences": sequences.as_json(),
        }

    def _report(self, connection: Connection, intake: Intake, sequences: Sequences) -> None:
        for topic, reason in connection.refused_topics.items():
            why = f"the broker does not let us read it: {reason}; grant the right"
            intake.trouble(f"topic {topic}", why)
        for sender, why, missing in sequences.news():
            intake.trouble(sender, why, missing)
        if self.backfill:
            for sender, gaps in sequences.wanted():
                asked = {"sender": sender, "missing": gaps}
                connection.publish(self.backfill, json.dumps(asked).encode())


def check_login(settings: BrokerSettings, keyring: Keyring, name: str) -> str:
    """Log in and out again; a line that says it worked.

    Raises
    ------
    InputError
        When it did not, with the reason.
    """
    from twin.errors import Fault, InputError
    from twin.ingest.mqtt_broker import Lost

    plain = settings.model_copy(update={"client_id": ""})
    where = f"source {name}"
    try:
        with Connection(plain, keyring, f"noria-check-{name}", where=where, is_kept=False) as login:
            login.open(lambda: False)
    except Lost as lost:
        raise InputError(where, [Fault(settings.address, keyring.redact(str(lost)))]) from None
    return f"{settings.address}: MQTT {settings.protocol} login works"
