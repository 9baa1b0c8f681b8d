"""``noria ingest``: take in what machines and systems say; ``noria held``: what was refused."""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from scenarios.answer import Answer
from scenarios.ingest_setup import Setup, load_setup
from scenarios.ingest_state import check, status
from scenarios.ingest_text import ScreenLog, live_lines, summary
from scenarios.json_log import Calm, json_log
from twin.errors import Fault, InputError, NoriaError, StoreAway
from twin.ingest.health import Health
from twin.ingest.lock import only_one
from twin.ingest.signature import Waits
from twin.ingest.supervisor import Supervisor
from twin.secrets import Keyring

if TYPE_CHECKING:
    from scenarios.run import Progress
    from twin.store.store import EventStore

PARTLY = 7


def ingest(options: Namespace, progress: Progress) -> Answer:
    if options.status:
        return status(options.config)
    setup = load_setup(options.config)
    if options.check:
        return check(setup)
    with only_one(setup.lock, f"ingest {setup.path}"), _asked_to_stop() as is_asked:
        return _run(setup, options, is_asked)


def _run(setup: Setup, options: Namespace, is_asked: Callable[[], bool]) -> Answer:
    is_live = sys.stderr.isatty() and not options.quiet and not options.json
    with ExitStack() as stack:
        log = _log(setup.keyring, is_live)
        store = _opened(setup, log, is_asked, waits=not options.once)
        if store is None:
            return Answer({"sources": {}}, "stopped before the store could be reached")
        stack.enter_context(store)
        metrics = setup.config.metrics
        supervisor = Supervisor.of(
            setup.sources, store, setup.registry, setup.keyring, log, is_once=options.once
        )
        supervisor.silent_after_s = metrics.silent_after_s
        health = Health(supervisor.health, store.url_shown, metrics.silent_after_s, os.getpid())
        if metrics.port:
            stack.enter_context(_served(health, metrics.port))
        if is_live:
            stack.enter_context(live_lines(health, log.console))
        log.info("ingest begins", sources=[s.name for s in setup.sources], store=store.url_shown)
        tell = _teller(health, setup.status, metrics.file, log)
        left = supervisor.run(is_asked, metrics.every_s, tell)
        log.info("ingest ends", left_behind=left)
    return _ended(health, supervisor, options.once, left)


class _Log(Calm):
    """The log of the command; at a terminal it has a console."""

    def __init__(self, log: Any, console: Any = None) -> None:
        super().__init__(log)
        self.console = console


def _log(keyring: Keyring, is_live: bool) -> _Log:
    if not is_live:
        return _Log(json_log(sys.stderr, keyring))
    from rich.console import Console

    console = Console(stderr=True)
    return _Log(ScreenLog(console, keyring), console)


def _opened(
    setup: Setup, log: Calm, is_asked: Callable[[], bool], *, waits: bool
) -> EventStore | None:
    """The store, waited for while it is away; None when a stop is asked for meanwhile."""
    from time import sleep

    from twin.store.store import open_store

    pauses = Waits()
    while not is_asked():
        try:
            return open_store(setup.config.store, setup.keyring)
        except StoreAway as error:
            if not waits:
                raise
            pause = next(pauses)
            log.error("store is away", error=str(error), again_in_s=pause)
            for _ in range(int(pause / 0.1)):
                if is_asked():
                    break
                sleep(0.1)
    return None


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came; the second one interrupts at once."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _served(health: Health, port: int) -> Iterator[None]:
    """Answer Prometheus on a port of this machine alone."""
    from prometheus_client import start_http_server

    from twin.ingest.metrics import registry_of

    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry_of(health))
    except OSError as error:
        fault = Fault("metrics.port", f"port {port} cannot be used: {error.strerror}", "free it")
        raise InputError("metrics", [fault]) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(1)


def _teller(health: Health, status: Path, metrics: Path | None, log: Calm) -> Callable[[], None]:
    """What writes status and metrics; where it cannot, the sources go on."""
    failed = ""

    def tell() -> None:
        nonlocal failed
        try:
            health.write(status, metrics)
            failed = ""
        except OSError as error:
            if str(error) != failed:
                log.error("status cannot be written", error=str(error))
            failed = str(error)

    return tell


def _ended(health: Health, supervisor: Supervisor, is_once: bool, left: Sequence[str]) -> Answer:
    values = {**health.values(), "left_behind": list(left)}
    text = summary(values)
    failures = supervisor.failures
    if is_once and failures and len(failures) == len(supervisor.sources):
        first = next(iter(failures.values()))
        if isinstance(first, NoriaError):
            raise first
    if left:
        text += f"\ndid not return in time and were left behind: {', '.join(left)}"
    if not is_once:
        return Answer(values, f"stopped\n{text}")
    found = values["sources"].values()
    held = sum(source["held"] for source in found)
    if held:
        text += f"\n{held} messages are held; noria held CONFIG says why"
    unreached = any(source["why"] or source["last_error"] for source in found)
    return Answer(values, text, PARTLY if held or failures or unreached or left else 0)


def held(options: Namespace, progress: Progress) -> Answer:
    from scenarios.held_messages import answer

    setup = load_setup(options.config, needs_sources=False)
    return answer(setup.config, setup.registry, setup.keyring, options, progress)
