"""An intake that keeps what it is given in lists: for tests of sources without a store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from twin.ingest.signature import Message, Position, Source, Stopped
from twin.secrets import Keyring
from twin.store.record import Appended


@dataclass
class FakeIntake:
    """Stores messages in order of arrival; ``stop`` ends the source, ``refuse`` makes it wait.

    The same key twice counts as a duplicate, as in the store; a message without a key counts by
    its raw text and origin.
    """

    start_at: Position | None = None
    """The position of an earlier run."""
    refuse: Callable[[Sequence[Message]], Exception | None] = lambda messages: None
    """Gives the error that :meth:`store` shall raise for these messages, before storing any."""
    messages: list[Message] = field(default_factory=list)
    """Everything stored once."""
    batches: list[int] = field(default_factory=list)
    """Messages of each call of :meth:`store`."""
    positions: list[dict[str, Any]] = field(default_factory=list)
    connections: list[tuple[bool, str]] = field(default_factory=list)
    pendings: list[int] = field(default_factory=list)
    troubles: list[tuple[str, str, int]] = field(default_factory=list)
    _seen: set[tuple[str, ...]] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def position(self) -> Position | None:
        with self._changed:
            return self.positions[-1] if self.positions else self.start_at

    def store(self, messages: Sequence[Message], position: Position | None = None) -> Appended:
        if self.is_stopped:
            raise Stopped
        with self._changed:
            error = self.refuse(messages)
            if error is not None:
                raise error
            refused = sum(bool(m.refused) for m in messages)
            kept = [m for m in messages if m.refused or self._is_new(m)]
            self.messages += kept
            self.batches.append(len(messages))
            if position is not None:
                self.positions.append(dict(position))
            self._changed.notify_all()
            return Appended(len(kept) - refused, len(messages) - len(kept), refused)

    def _is_new(self, message: Message) -> bool:
        mark = ("key", message.key) if message.key else ("", message.origin, message.raw)
        is_new = mark not in self._seen
        self._seen.add(mark)
        return is_new

    def connected(self, is_connected: bool, why: str = "") -> None:
        with self._changed:
            self.connections.append((is_connected, why))
            self._changed.notify_all()

    def pending(self, messages: int) -> None:
        with self._changed:
            self.pendings.append(messages)

    def trouble(self, about: str, text: str = "", missing: int = 0) -> None:
        with self._changed:
            self.troubles.append((about, text, missing))
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_set()

    # --- for the test ---

    @property
    def values(self) -> list[dict[str, Any]]:
        """The values of every message stored, refused ones aside."""
        with self._changed:
            return [dict(m.values) for m in self.messages if not m.refused]

    @property
    def refused(self) -> list[str]:
        """Why messages were refused, in order."""
        with self._changed:
            return [m.refused for m in self.messages if m.refused]

    @property
    def reconnects(self) -> int:
        """Connections after the first."""
        with self._changed:
            return max(0, sum(is_connected for is_connected, _ in self.connections) - 1)

    def stop(self) -> None:
        """What the supervisor does at its end."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, ready: Callable[[FakeIntake], bool], seconds: float = 10.0) -> None:
        """Return once ``ready`` holds; an AssertionError when it does not in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: ready(self), seconds):
                raise AssertionError(
                    f"not in {seconds} s; {len(self.messages)} messages, {self.connections=}"
                )


@contextmanager
def receiving(
    source: Source, keyring: Keyring, intake: FakeIntake | None = None
) -> Iterator[FakeIntake]:
    """The source in a thread, as the supervisor runs it; at the end it has to stop within two
    seconds, and what it raised is raised here."""
    intake = intake or FakeIntake()
    thread, errors = started(source, keyring, intake)
    try:
        yield intake
    finally:
        intake.stop()
        thread.join(2)
        assert not thread.is_alive(), "it stops within two seconds"
    if errors:
        raise errors[0]


def started(
    source: Source, keyring: Keyring, intake: FakeIntake
) -> tuple[threading.Thread, list[BaseException]]:
    """A source under way, and what it will have raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            source.run(intake, keyring)
        except Stopped:
            pass  # the supervisor expects it
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors
