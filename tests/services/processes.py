"""Servers that tests start and kill: free ports, readiness, a process with its children."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest

T = TypeVar("T")


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    fact: Callable[[], T], seconds: float = 30.0, what: str = "", every: float = 0.05
) -> T:
    """What ``fact`` returns as soon as that is true; exceptions count as not yet.

    Raises
    ------
    TimeoutError
        With ``what`` was waited for and the last exception, if there was one.
    """
    end = time.monotonic() + seconds
    last: Exception | None = None
    while True:
        try:
            if found := fact():
                return found
        except Exception as error:
            last = error
        if time.monotonic() > end:
            raise TimeoutError(f"{what or fact}: not within {seconds:g} s; last: {last!r}")
        time.sleep(every)


def needed_program(*names: str, folders: Sequence[Path] = (), package: str = "") -> str:
    """Path of the first of these programs that is there; without one the test is skipped.

    ``NORIA_REQUIRE_SERVERS=1`` turns the skip into a failure; the Makefile sets it in CI.
    ``folders`` are looked into after the search path.
    """
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    for name in names:
        if path := shutil.which(name, path=places):
            return path
    reason = f"no server: {', '.join(names)} not found; install {package or names[0]}"
    if os.environ.get("NORIA_REQUIRE_SERVERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def descendants(pid: int) -> list[int]:
    """Processes started by this one and by those it started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # gone meanwhile
        parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(
            int(stat.parent.name)
        )
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


class Process:
    """A program that runs beside the test, with its output in ``log``; killed on leaving.

    ::

        with Process(["mosquitto", "-c", str(config)], tmp_path / "broker.log") as broker:
            wait_until(lambda: connects(port), what="the broker")
            broker.kill()          # -9, with all its children
            broker.start()         # the same command again, appending to the log
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
        user: str | None = None,
        start: bool = True,
    ) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        self._folder = folder
        self._environ = None if environ is None else {**os.environ, **environ}
        self._user = user
        self._running: subprocess.Popen[bytes] | None = None
        if start:
            self.start()

    def start(self) -> None:
        """Start the command, again after it ended or was killed."""
        if self.is_running:
            raise RuntimeError(f"{self.command[0]} runs already")
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environ,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        if self._running is None:
            raise RuntimeError("not started")
        return self._running.pid

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def kill(self) -> None:
        """Kill it and its children with signal 9, and wait until it is gone."""
        if self._running is None:
            return
        family = [self.pid, *descendants(self.pid)] if self.is_running else []
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._running.wait(30)
        wait_until(lambda: not any(map(_lives, family)), what=f"end of {self.command[0]}")

    def stop(self, seconds: float = 10.0, signal_number: int = signal.SIGTERM) -> int:
        """Ask it to end and return its exit code; a process that will not end is an error."""
        if self._running is None:
            raise RuntimeError("not started")
        if self.is_running:
            self._running.send_signal(signal_number)
        return self._running.wait(seconds)

    def wait(self, seconds: float = 60.0) -> int:
        """Exit code once it has ended by itself."""
        if self._running is None:
            raise RuntimeError("not started")
        return self._running.wait(seconds)

    def lines(self) -> list[str]:
        """What it has written so far."""
        if not self.log.exists():
            return []
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def tail(self, count: int = 20) -> str:
        """Its last lines, for messages."""
        return "\n".join(self.lines()[-count:])

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def _lives(pid: int) -> bool:
    """Whether a process is there and not merely waiting for its parent to notice its end."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
