"""An event with the key that makes it one, and what could not become an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Event:
    """One row of an event log (:mod:`twin.model.events`), with its key."""

    key: str
    """Unique for ever. The same key with the same content is the same event told again."""
    time: datetime
    """When it happened; UTC, to the microsecond."""
    event: str
    work_unit: str = ""
    state: str = ""
    order: str = ""
    operation: str = ""
    product: str = ""
    lot: str = ""
    material: str = ""
    quantity: float = NAN
    scrap: float = NAN
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that could not become an event: kept as it came, until it is replayed."""

    raw: str
    """As it was received."""
    origin: str
    """Topic, node, table, or file and line."""
    reason: str
    """What is wrong and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What one transaction of the store did."""

    stored: int = 0
    """Events that are new."""
    duplicates: int = 0
    """Events that were there already, with the same content."""
    held: int = 0
    """Messages put into quarantine; the events of a known key with other content among them."""
