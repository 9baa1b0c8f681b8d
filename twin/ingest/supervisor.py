"""All sources of a configuration at once: a thread each, started again when one fails.

A source that fails or hangs leaves the others alone. What it does is told by its health; nothing
can end a thread that hangs, so at the end it is left behind, by name, and the process ends anyway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twin.errors import NoriaError
from twin.ingest.health import SourceHealth
from twin.ingest.intake import Keeper, Log, StoreIntake
from twin.ingest.mapping import Mapped
from twin.ingest.reading import Reader, compile_reader
from twin.ingest.registry import Registry
from twin.ingest.signature import Source, Stopped, Waits
from twin.secrets import Keyring
from twin.store.keys import content_key

PATIENCE = 2.0
"""What sources are given to return when all is to stop [s]."""
LONG_RUN = 60.0
"""A source that ran so long before it failed is started again after the first wait [s]."""
LOOK_EVERY = 0.1


def reader_of(source: Mapped, name: str, registry: Registry) -> Reader:
    """What reads the messages of a source."""
    return compile_reader(source, name, registry, content_key)


@dataclass
class Supervisor:
    """Runs the sources of one configuration."""

    sources: Sequence[Source]
    intakes: Mapping[str, StoreIntake]
    keyring: Keyring
    log: Log
    stop: threading.Event
    is_once: bool = False
    first_wait: float = 1.0
    longest_wait: float = 60.0
    silent_after_s: float = 60.0
    failures: dict[str, Exception] = field(default_factory=dict)
    """The last error of each source that has ended by one."""
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)

    @staticmethod
    def of(
        sources: Sequence[Source],
        store: Keeper,
        registry: Registry,
        keyring: Keyring,
        log: Log,
        *,
        is_once: bool = False,
    ) -> Supervisor:
        """A supervisor with an intake for each source."""
        stop = threading.Event()
        intakes = {}
        for source in sources:
            assert isinstance(source, Mapped)
            health = SourceHealth(source.name, str(getattr(source, "kind", "")), keyring.redact)
            intakes[source.name] = StoreIntake(
                source=source.name,
                store_events=store,
                read=reader_of(source, source.name, registry),
                health=health,
                stop=stop,
                log=log,
                rereads=hasattr(source, "reread"),
                is_once=is_once,
            )
        return Supervisor(sources, intakes, keyring, log, stop, is_once)

    @property
    def health(self) -> dict[str, SourceHealth]:
        return {name: intake.health for name, intake in self.intakes.items()}

    def run(self, is_asked_to_stop: Callable[[], bool], every_s: float, tell: Tell) -> list[str]:
        """Run until all sources have ended or a stop is asked for.

        Returns the names of sources that did not return in time.
        """
        self.start()
        next_tell = 0.0
        try:
            while self.is_working and not is_asked_to_stop():
                if time.monotonic() >= next_tell:
                    self._tell_silent()
                    tell()
                    next_tell = time.monotonic() + every_s
                time.sleep(LOOK_EVERY)
        finally:
            left = self.finish()
            tell()
        return left

    def _tell_silent(self) -> None:
        """Log sources that have fallen silent, and those that are heard of again."""
        silent = {n for n, h in self.health.items() if h.is_silent(self.silent_after_s)}
        for name in silent - self._silent:
            self.log.error("source is silent", source=name, for_longer_than_s=self.silent_after_s)
        for name in self._silent - silent:
            self.log.info("source is heard of again", source=name)
        self._silent = silent

    def start(self) -> None:
        for source in self.sources:
            thread = threading.Thread(
                target=self._keep, args=(source,), name=f"source {source.name}", daemon=True
            )
            self._threads[source.name] = thread
            thread.start()

    @property
    def is_working(self) -> bool:
        return any(thread.is_alive() for thread in self._threads.values())

    def finish(self, patience: float = PATIENCE) -> list[str]:
        """Stop all sources; the names of those that do not return in time."""
        self.stop.set()
        until = time.monotonic() + patience
        for thread in self._threads.values():
            thread.join(max(0.0, until - time.monotonic()))
        left = [name for name, thread in self._threads.items() if thread.is_alive()]
        for name in left:
            self.log.error("source does not return and is left behind", source=name)
        return left

    def _keep(self, source: Source) -> None:
        """Run a source, and again after each error, until the stop."""
        intake = self.intakes[source.name]
        waits = Waits(self.first_wait, self.longest_wait)
        while not self.stop.is_set():
            began = time.monotonic()
            intake.health.entered("running")
            pause = self._run_once(source, intake, waits)
            if pause is None or self.is_once:
                break
            if time.monotonic() - began > LONG_RUN:
                waits.reset()
            intake.health.entered("waiting")
            if self.stop.wait(pause):
                break
            intake.health.restarted()
        intake.health.entered("ended")

    def _run_once(self, source: Source, intake: StoreIntake, waits: Waits) -> float | None:
        """Seconds until the source is to be started again; None: it has ended."""
        try:
            source.run(intake, self.keyring)
        except Stopped:
            return None
        except BaseException as error:  # a cancelled task, a panic of a library: none may end it
            pause = next(waits)
            self._tell_failure(source.name, intake, error, pause)
            return pause
        self.failures.pop(source.name, None)
        every: float | None = getattr(source, "every", None)
        return None if every is None else every * 60

    def _tell_failure(
        self, name: str, intake: StoreIntake, error: BaseException, pause: float
    ) -> None:
        is_known = isinstance(error, NoriaError | OSError)
        text = str(error) if is_known else f"{type(error).__name__}: {error}"
        self.failures[name] = error if isinstance(error, Exception) else RuntimeError(text)
        intake.health.failed(text)
        facts: dict[str, Any] = {} if self.is_once else {"again_in_s": pause}
        if not is_known:
            facts["exc_info"] = error
        self.log.error("source failed", source=name, error=text, **facts)


Tell = Callable[[], None]
"""Writes how the sources are."""
