"""The common signature of the sources.

A source is a pydantic model of its settings (what a plant writes in YAML under ``sources:``) with
one method, :meth:`Source.run`. It connects, hands on what it receives, and comes back from every
lost connection by itself, with the waits of :class:`Waits`. What it cannot repair it raises.

::

    position  = intake.position()              # where the last run got to
    messages  = … read from there …
    intake.store(messages, position)           # durable when this returns
    … acknowledge to the sender …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from twin.secrets import Keyring
from twin.store.record import Appended

Position = Mapping[str, Any]
"""Where a source got to, as JSON values: a row, a file and line, the last counter of each node."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing a source received, before anything is concluded from it."""

    values: Mapping[str, Any]
    """Its fields by the source's own names; nested mappings are reached by dotted names."""
    raw: str
    """As received, for the quarantine; :mod:`twin.ingest.kept_fields` reads it back."""
    origin: str
    """Topic, node, table, or file and line."""
    key: str = ""
    """What the source itself guarantees to be unique, within the source; empty: the fields named
    under ``key`` decide, or the content."""
    refused: str = ""
    """Why it cannot be read at all; it then goes straight to quarantine."""


class Intake(Protocol):
    """What a source is given: where to put what it receives, and where to say how it is."""

    def position(self) -> Position | None:
        """The position stored last; None on the first run."""

    def store(self, messages: Sequence[Message], position: Position | None = None) -> Appended:
        """Store events, quarantine and position in one transaction; they are durable on return.

        A store that is away for a while is waited for; the call returns late, not in vain. It
        raises :class:`Stopped` when the supervisor stops while it waits.
        """

    def connected(self, is_connected: bool, why: str = "") -> None:
        """Say that the connection stands, or that it is lost and why (kept free of secrets)."""

    def trouble(self, about: str, text: str = "", missing: int = 0) -> None:
        """Say what is wrong with one sender (a unit, a node, a device, a file).

        It is named in log and health; ``missing`` messages known to be lost are counted in the
        metrics. An empty text: it is well again.
        """

    def pending(self, messages: int) -> None:
        """Say how many messages are received but not yet stored, for the metrics."""

    def wait(self, seconds: float) -> bool:
        """Sleep; True at once when the supervisor wants the source to return."""

    @property
    def is_stopped(self) -> bool:
        """Whether the supervisor wants the source to return."""


class Source(Protocol):
    """One connector. Settings of its own are fields; ``name`` is unique in a configuration."""

    @property
    def name(self) -> str: ...

    def run(self, intake: Intake, keyring: Keyring) -> None:
        """Receive until ``intake.is_stopped``; then return within two seconds.

        A source that has nothing more to say (a folder read once in a test) may return earlier;
        the supervisor starts it again after ``every``, if it has such a field.
        """


class Stopped(Exception):
    """The supervisor stops; nothing of the current batch was stored or acknowledged."""


@dataclass
class Waits:
    """How long to wait before trying again: doubling from ``first`` to ``longest`` [s].

    >>> waits = Waits(first=1, longest=5)
    >>> [next(waits) for _ in range(4)]
    [1, 2, 4, 5]
    """

    first: float = 0.5
    longest: float = 30.0
    _next: float = field(default=0.0, init=False)

    def __iter__(self) -> Iterator[float]:
        return self

    def __next__(self) -> float:
        wait = min(self._next or self.first, self.longest)
        self._next = 2 * wait
        return wait

    def reset(self) -> None:
        """Begin with the first wait again, after a connection that held."""
        self._next = 0.0


class Clock(Protocol):
    """What says the time; tests give their own."""

    def __call__(self) -> datetime: ...
