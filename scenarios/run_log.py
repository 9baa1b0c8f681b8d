"""The job's own log: a JSON line for every step, kept in the archive for whoever looks after it.

``ARCHIVE/replan.log.jsonl`` is opened anew by each execution and only ever added to; logrotate can
take it away between two of them. No secret gets in, and a disk too full for a line of log is no
reason to fail.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from time import monotonic
from typing import TextIO

from scenarios.json_log import Calm, json_log
from scenarios.run import Progress
from twin.secrets import Keyring

FILE = "replan.log.jsonl"


class RunLog(Calm):
    """Writes one execution's lines; every line has its number and the command."""

    def __init__(self, archive: Path, command: str, number: int, keyring: Keyring) -> None:
        self._file = _opened(archive / FILE)
        super().__init__(json_log(self._file, keyring).bind(command=command, run_number=number))
        self._step, self._began = "", monotonic()

    def beside(self, progress: Progress) -> Progress:
        """The same progress, each of its steps logged with its duration when it is over."""

        def tell(step: str, done: int, total: int) -> None:
            self.step(step.partition(":")[0])
            progress(step, done, total)

        return tell

    def step(self, name: str) -> None:
        """Log the step that is over, if another begins."""
        if name == self._step:
            return
        now = monotonic()
        if self._step:
            self.info("step", step=self._step, seconds=round(now - self._began, 3))
        self._step, self._began = name, now

    def close(self) -> None:
        self.step("")
        try:
            self._file.close()
        except OSError:  # what could not be flushed for want of room
            return


def _opened(path: Path) -> TextIO:
    """The file, or where it cannot be opened a place to write to in vain."""
    try:
        return path.open("a", encoding="utf-8", buffering=1)
    except OSError:
        return StringIO()
