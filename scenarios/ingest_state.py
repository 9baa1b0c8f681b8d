"""``noria ingest --status`` and ``--check``: how it is, and how it would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from scenarios.answer import Answer
from scenarios.ingest_setup import Setup, lock_of
from scenarios.ingest_text import is_well, summary
from twin.errors import NoriaError
from twin.ingest.health import read_status, status_file
from twin.ingest.lock import is_locked
from twin.ingest.settings import load_ingest
from twin.secrets import Keyring

PARTLY, STALE = 7, 4
MISSED_BEATS = 6
"""A status that was not written for so many times its interval is of a process that hangs."""


def status(path: Path) -> Answer:
    config = load_ingest(path)
    place = status_file(path, config)
    values = read_status(place)
    if values is None:
        text = f"{place}: no status; noria ingest {path} has not run here"
        return Answer({"running": False}, text, STALE)
    is_running = is_locked(lock_of(place))
    late = datetime.now(UTC) - datetime.fromisoformat(values["written"])
    hangs = is_running and late.total_seconds() > MISSED_BEATS * config.metrics.every_s
    head = f"running, process {values['pid']}" if is_running else "NOT RUNNING; it ran"
    if hangs:
        head = f"process {values['pid']} HANGS: no status for {late.total_seconds():.0f} s;"
    code = STALE if hangs or not is_running else 0 if is_well(values) else PARTLY
    told = {**values, "running": is_running, "hangs": hangs}
    since = f"since {_shown(values['started'])}, as of {_shown(values['written'])}"
    return Answer(told, f"{head} {since}\n{summary(values)}", code)


def _shown(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def check(setup: Setup) -> Answer:
    """Say what a configuration holds, and try what can be tried without receiving anything."""
    lines = [f"{setup.path}: the configuration is sound"]
    wrong = []
    names = setup.registry.units
    lines.append(f"{len(set(names.values()))} work units under {len(names)} names")
    for place, found, fault in _tried(setup):
        lines += [f"{place}: {line}" for line in found]
        if fault:
            wrong.append({"where": place, "fault": fault})
            lines.append(f"{place}: {fault}")
    values = {"sources": [s.name for s in setup.sources], "wrong": wrong}
    return Answer(values, "\n".join(lines), PARTLY if wrong else 0)


def _tried(setup: Setup) -> Iterator[tuple[str, list[str], str]]:
    """Store and sources: the name, what was found, and what is wrong."""
    yield ("store", *_attempt(partial(_store_found, setup), setup.keyring))
    for source in setup.sources:
        check = getattr(source, "check", None)
        lines = [f"{getattr(source, 'kind', '')} source"]
        if check is None:
            yield source.name, lines, ""
        else:
            found, fault = _attempt(partial(check, setup.keyring), setup.keyring)
            yield source.name, [*lines, *found], fault


def _attempt(look: Callable[[], Any], keyring: Keyring) -> tuple[list[str], str]:
    try:
        return [keyring.redact(str(line)) for line in look()], ""
    except (NoriaError, OSError) as error:
        return [], keyring.redact(str(error))


def _store_found(setup: Setup) -> list[str]:
    from twin.store.store import open_store

    file = setup.config.store.file
    if file is not None and not file.exists():
        return [f"{file} will be made"]
    with open_store(setup.config.store, setup.keyring, migrate=False) as store:
        status = store.status()
    return [f"{status.url}: {status.events} events, {sum(status.held.values())} messages held"]
