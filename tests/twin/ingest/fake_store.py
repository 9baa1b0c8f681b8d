"""An event store that keeps what it is given in lists, and can be away; for tests of the intake."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twin.store.record import Appended, Event, Held


@dataclass
class FakeStore:
    """Stores each key once."""

    fails: list[Exception] = field(default_factory=list)
    """Raised by the next calls of :meth:`append`, one each, before anything is stored."""
    events: dict[str, Event] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    positions: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def append(
        self,
        source: str,
        events: Sequence[Event],
        *,
        position: Mapping[str, Any] | None = None,
        held: Sequence[Held] = (),
    ) -> Appended:
        with self._lock:
            self.calls += 1
            if self.fails:
                raise self.fails.pop(0)
            before = len(self.events)
            self.events |= {event.key: event for event in events}
            self.held += held
            if position is not None:
                self.positions[source] = dict(position)
            stored = len(self.events) - before
            return Appended(stored, len(events) - stored, len(held))

    def position(self, source: str) -> dict[str, Any] | None:
        return self.positions.get(source)


@dataclass
class FakeLog:
    """Keeps what it is told."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, **facts: Any) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, **facts: Any) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, **facts: Any) -> None:
        self.lines.append(("error", event, facts))

    @property
    def events(self) -> list[str]:
        return [event for _, event, _ in self.lines]
