"""How each source is: counted while it works, told in a status file (and :mod:`.metrics`).

Texts that come from libraries are redacted on their way in, so nothing here can hold a secret.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.connectors.whole_files import write_text
from twin.ingest.settings import IngestConfig
from twin.store.record import Appended

LONGEST_ERROR = 500
MOST_TROUBLES = 50
"""Senders named as in trouble; further ones are not kept."""

Redact = Callable[[str], str]


def _as_is(text: str) -> str:
    return text


@dataclass
class SourceHealth:
    """What is known of one source. Called from its thread; read from any."""

    name: str
    kind: str = ""
    redact: Redact = _as_is
    state: str = "starting"
    """starting, running, waiting (to start again after an error), ended."""
    connected: bool = False
    why: str = ""
    """Why it is not connected."""
    since: float | None = None
    """When the connection was made or lost [s since 1970], as all times here."""
    connections: int = 0
    restarts: int = 0
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    held: int = 0
    ignored: int = 0
    missing: int = 0
    pending: int = 0
    batches: int = 0
    store_seconds: float = 0.0
    """Time that handing over to the store took, all batches together [s]."""
    delay: float | None = None
    """From the newest event of the last batch to its being durable in the store [s]."""
    last_event: float | None = None
    last_stored: float | None = None
    last_error: str = ""
    last_error_at: float | None = None
    store_away: str = ""
    """Why the store takes nothing; empty while it does."""
    troubles: dict[str, str] = field(default_factory=dict)
    _awake_until: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def awake(self, seconds: float = 0.0) -> None:
        """The source gave a sign of life, and rests for so long."""
        self._awake_until = time.monotonic() + seconds

    def entered(self, state: str) -> None:
        self.awake()
        with self._lock:
            self.state = state
            if state in ("waiting", "ended"):
                self._lose("")

    def restarted(self) -> None:
        with self._lock:
            self.restarts += 1

    def connection(self, is_connected: bool, why: str) -> bool:
        """Note how the connection is; whether that is news."""
        self.awake()
        why = self._brief(why)
        with self._lock:
            if not is_connected:
                is_news = self.connected or why != self.why
                self._lose(why)
                return is_news
            is_news = not self.connected
            if is_news:
                self.connected, self.why, self.since = True, "", time.time()
                self.connections += 1
            return is_news

    def _lose(self, why: str) -> None:
        if self.connected or self.since is None:
            self.since = time.time()
        self.connected = False
        self.why = why or self.why
        if why:
            self.last_error, self.last_error_at = why, time.time()

    def failed(self, text: str) -> None:
        """Something went wrong; the text is kept until the next."""
        with self._lock:
            self.last_error, self.last_error_at = self._brief(text), time.time()

    def store_is_away(self, why: str) -> None:
        with self._lock:
            self.store_away = self._brief(why)
        if why:
            self.failed(why)

    def trouble(self, about: str, text: str, missing: int) -> bool:
        """Note that one sender is in trouble, or (no text) well again; whether that is news."""
        about, text = self._brief(about), self._brief(text)
        with self._lock:
            self.missing += missing
            before = self.troubles.get(about, "")
            if not text:
                self.troubles.pop(about, None)
            elif about in self.troubles or len(self.troubles) < MOST_TROUBLES:
                self.troubles[about] = text
            return text != before and (not text or about in self.troubles)

    def took(
        self, received: int, ignored: int, done: Appended, newest: datetime | None, seconds: float
    ) -> None:
        """One batch is durable; ``newest`` is the time of its newest event."""
        now = time.time()
        with self._lock:
            self.received += received
            self.ignored += ignored
            self.stored += done.stored
            self.duplicates += done.duplicates
            self.held += done.held
            self.batches += 1
            self.store_seconds += seconds
            self.store_away = ""
            if done.stored:
                self.last_stored = now
            if done.stored and newest is not None:
                self.delay = now - newest.timestamp()
                self.last_event = max(self.last_event or 0.0, newest.timestamp())

    def is_silent(self, after_s: float) -> bool:
        """Whether nothing was heard of the connector for longer than it may rest."""
        return self.state == "running" and time.monotonic() - self._awake_until > after_s

    def values(self, silent_after_s: float) -> dict[str, Any]:
        """All of it as JSON values."""
        with self._lock:
            counts = {name: getattr(self, name) for name in _COUNTS}
            return {
                "kind": self.kind,
                "state": self.state,
                "connected": self.connected,
                "why": self.why,
                "since": _iso(self.since),
                "silent": self.is_silent(silent_after_s),
                **counts,
                "reconnects": max(0, self.connections - 1),
                "pending": self.pending,
                "delay_s": self.delay,
                "last_event": _iso(self.last_event),
                "last_stored": _iso(self.last_stored),
                "store_seconds": self.store_seconds,
                "store_away": self.store_away,
                "last_error": self.last_error,
                "last_error_at": _iso(self.last_error_at),
                "troubles": dict(self.troubles),
            }

    def _brief(self, text: str) -> str:
        return " ".join(self.redact(text).split())[:LONGEST_ERROR]


_COUNTS = (
    "received", "stored", "duplicates", "held", "ignored", "missing", "restarts", "batches",
)  # fmt: skip


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC).isoformat()


@dataclass
class Health:
    """All sources of one supervisor."""

    sources: Mapping[str, SourceHealth]
    store: str = ""
    """The store's address, without password."""
    silent_after_s: float = 60.0
    pid: int = 0
    started: float = field(default_factory=time.time)

    def values(self) -> dict[str, Any]:
        """What the status file says."""
        return {
            "written": _iso(time.time()),
            "started": _iso(self.started),
            "pid": self.pid,
            "store": self.store,
            "sources": {n: s.values(self.silent_after_s) for n, s in self.sources.items()},
        }

    def write(self, status: Path, metrics: Path | None) -> None:
        """Replace the status file, and the metrics file if there is one, each in one stroke."""
        write_text(status, json.dumps(self.values(), indent=1, ensure_ascii=False) + "\n")
        if metrics is not None:
            from twin.ingest.metrics import metrics_text

            write_text(metrics, metrics_text(self))


def status_file(config_path: Path, config: IngestConfig) -> Path:
    """Where ``noria ingest`` of a configuration says how it is."""
    return (config.state or config_path.absolute().parent) / f"{config_path.stem}.status.json"


def read_status(path: Path) -> dict[str, Any] | None:
    """The status last written; None when there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
