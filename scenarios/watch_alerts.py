"""Alerts: raised once, kept while they last, cleared when they are clearly over, written down.

``alerts.jsonl`` in the archive has a line for each alert raised and for each one cleared; it is the
memory across restarts, so that no alert is raised twice. A last line torn by a kill is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from scenarios.watch_settings import AlertKind
from twin.connectors.whole_files import room_for

FILE = "alerts.jsonl"
Severity = Literal["alarm", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("alarm", "warning", "note")
"""*alarm*: act now; *warning*: look at it in this shift; *note*: know it."""


@dataclass(frozen=True)
class Finding:
    """Something that is the case now and deserves an alert, or keeps one that is raised."""

    kind: AlertKind
    subject: str
    """What it is about; with the kind, its name."""
    severity: Severity
    since: datetime
    what: str
    """What was found."""
    expected: str
    """What was to be expected."""
    remedy: str
    """What to do."""
    order: str = ""
    work_unit: str = ""
    raises: bool = True
    """False: not enough to raise it, but it is not over either."""

    @property
    def name(self) -> tuple[str, str]:
        return self.kind, self.subject


@dataclass(frozen=True)
class Alert:
    """A finding that has been raised."""

    id: str
    """The same for as long as it lasts; no other alert ever has it."""
    raised: datetime
    finding: Finding

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        found = asdict(self.finding)
        del found["raises"]
        found["since"] = _text(self.finding.since)
        return {"id": self.id, "raised": _text(self.raised), **found}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Alert:
        """Inverse of :meth:`to_dict`."""
        own = {name: content[name] for name in Finding.__dataclass_fields__ if name != "raises"}
        own["since"] = datetime.fromisoformat(content["since"])
        finding = Finding(**own)
        return Alert(content["id"], datetime.fromisoformat(content["raised"]), finding)


@dataclass(frozen=True)
class Changed:
    """What one look changed."""

    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()


class AlertBook:
    """The alerts that stand, and the file of all that ever stood."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / FILE if folder else None
        self.standing: dict[tuple[str, str], Alert] = {}
        if self._path and self._path.exists():
            self._remember(self._path)

    def look(self, findings: Iterable[Finding], now: datetime) -> Changed:
        """Raise what is new, and clear what is over."""
        found = {finding.name: finding for finding in findings}
        cleared = [alert for name, alert in self.standing.items() if name not in found]
        for alert in cleared:
            del self.standing[alert.finding.name]
        raised = []
        for name, finding in found.items():
            if name in self.standing:
                told = self.standing[name]
                kept = replace(finding, since=told.finding.since, raises=True)
                self.standing[name] = replace(told, finding=kept)
            elif finding.raises:
                alert = Alert(_id(finding, now), now, finding)
                self.standing[name] = alert
                raised.append(alert)
        self._write(now, raised, cleared)
        return Changed(tuple(raised), tuple(cleared))

    def sorted(self) -> list[Alert]:
        """The alerts that stand, the gravest first, then the latest."""
        latest = sorted(self.standing.values(), key=lambda alert: alert.raised, reverse=True)
        return sorted(latest, key=lambda alert: SEVERITIES.index(alert.finding.severity))

    def _write(self, now: datetime, raised: list[Alert], cleared: list[Alert]) -> None:
        if self._path is None or not (raised or cleared):
            return
        told = [("cleared", alert) for alert in cleared] + [("raised", alert) for alert in raised]
        lines = [
            json.dumps({"at": _text(now), "change": change, **alert.to_dict()}, ensure_ascii=False)
            for change, alert in told
        ]
        with room_for(self._path), self._path.open("ab") as file:
            if file.tell() and not _ends_line(self._path):
                file.write(b"\n")  # after a line that a kill has torn
            file.write(("\n".join(lines) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def _remember(self, path: Path) -> None:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    content = json.loads(line)
                    alert = Alert.from_dict(content)
                except (ValueError, KeyError, TypeError):
                    continue
                if content.get("change") == "raised":
                    self.standing[alert.finding.name] = alert
                else:
                    self.standing.pop(alert.finding.name, None)


def _id(finding: Finding, now: datetime) -> str:
    return f"{cast(str, finding.kind)}:{finding.subject}:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
