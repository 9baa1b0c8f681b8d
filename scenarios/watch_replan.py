"""Start ``noria replan`` when alerts ask for it: one at a time, and not too often."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scenarios.watch_alerts import Alert
from scenarios.watch_settings import Trigger
from twin.errors import Locked

LOG = "watch_replan.log"
"""Output of the last nightly job started, in the archive."""
_MAIN = "import sys; from scenarios.cli import main; sys.exit(main(sys.argv[1:]))"

Start = Callable[[], "subprocess.Popen[bytes]"]


def starter(arguments: Sequence[str], archive: Path) -> Start:
    """Starts ``noria`` with these arguments in a process of its own; its output goes to a file."""

    def start() -> subprocess.Popen[bytes]:
        with (archive / LOG).open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-c", _MAIN, *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    return start


class Replanning:
    """The nightly job between two nights."""

    def __init__(self, trigger: Trigger, start: Start, past: Mapping[str, Any]) -> None:
        self._trigger, self._start = trigger, start
        self._running: subprocess.Popen[bytes] | None = None
        self._facts: dict[str, Any] = {
            name: past.get(name) for name in ("started", "ended", "exit_code", "because")
        }

    def look(self, raised: Iterable[Alert], now: datetime) -> None:
        """Take note of one that has ended, and start one when an alert just raised asks for it.

        A job that finds the archive locked ends with code 3: another one is at work, which is fine.
        """
        if self._running is not None and (code := self._running.poll()) is not None:
            self._facts |= {"ended": _text(now), "exit_code": code}
            self._running = None
        asked = [alert for alert in raised if alert.finding.kind in self._trigger.on]
        if asked and self._running is None and self._may_start(now):
            self._running = self._start()
            self._facts = {
                "started": _text(now), "ended": None, "exit_code": None, "because": asked[0].id,
            }  # fmt: skip

    def _may_start(self, now: datetime) -> bool:
        started = self._facts["started"]
        if started is None:
            return True
        return now - datetime.fromisoformat(started) >= timedelta(
            minutes=self._trigger.at_most_every
        )

    def facts(self) -> dict[str, Any]:
        """What ``live.json`` says of it."""
        return {
            **self._facts,
            "on": sorted(self._trigger.on),
            "is_running": self._running is not None,
            "is_locked_out": self._facts["exit_code"] == Locked.exit_code,
        }


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")
