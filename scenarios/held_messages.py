"""``noria held``: what was refused and why; its replay, its export, setting it aside for good."""

from __future__ import annotations

import json
import os
import re
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scenarios.answer import Answer
from twin.errors import Fault, InputError, did_you_mean
from twin.ingest.mapping import Mapped
from twin.ingest.registry import Registry
from twin.ingest.replaying import Way, as_received, grouped, replay
from twin.ingest.settings import IngestConfig
from twin.ingest.signature import Source
from twin.ingest.supervisor import reader_of
from twin.ingest.values import printable
from twin.secrets import Keyring

if TYPE_CHECKING:
    from scenarios.run import Progress
    from twin.store.quarantine import HeldMessage
    from twin.store.store import EventStore

PARTLY = 7
PAGE = 1000
EXAMPLES = 2
MOST_GROUPS = 1000
"""Reasons told apart; a plant with more has one cause behind them."""
LONGEST_EXAMPLE = 160
MOST_IDS = 100_000
_IDS = re.compile(r"\d{1,18}(-\d{1,18})?")


@dataclass
class Group:
    """Messages of one source that are held for one reason."""

    source: str
    reason: str
    messages: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def take(self, message: HeldMessage) -> None:
        self.messages += 1
        if len(self.examples) < EXAMPLES:
            raw = printable(as_received(message.raw))[:LONGEST_EXAMPLE]
            row = {"id": message.id, "origin": printable(message.origin), "raw": raw}
            self.examples.append({**row, "reason": printable(message.reason)})


def answer(
    config: IngestConfig, registry: Registry, keyring: Keyring, options: Namespace, told: Progress
) -> Answer:
    """Do what was asked of the quarantine."""
    from twin.store.store import open_store

    if bool(options.discard) != bool((options.reason or "").strip()):
        fault = Fault("", "--discard and --reason go together", 'give both: --reason "test run"')
        raise InputError("held", [fault])
    with open_store(config.store, keyring, migrate=False) as store:
        counted = store.status().held
        _check_source(options.source, {*counted, *(s.name for s in _sources(config))})
        chosen = [s for s in counted if options.source in (None, s)]
        if options.replay:
            return _replayed(store, config, registry, chosen)
        if options.discard:
            done = store.discard(_ids(options.discard), options.reason)
            text = f"{done} messages are set aside for good; the store keeps them with the reason"
            return Answer({"discarded": done}, text)
        if options.export:
            return _exported(store, chosen, options.export)
        return _listed(store, chosen)


def _sources(config: IngestConfig) -> list[Source]:
    return cast("list[Source]", config.sources)


def _check_source(name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        fault = Fault("", f'no source "{name}" here or in quarantine', did_you_mean(name, known))
        raise InputError("--source", [fault])


def _all(store: EventStore, sources: list[str]) -> Iterator[HeldMessage]:
    """Every message of the sources, a page at a time."""
    for source in sources:
        after = 0
        while page := store.quarantine(source, PAGE, after=after):
            yield from page
            after = page[-1].id


def _listed(store: EventStore, sources: list[str]) -> Answer:
    groups: dict[tuple[str, str], Group] = {}
    for message in _all(store, sources):
        reason = grouped(message.reason)
        if (message.source, reason) not in groups and len(groups) >= MOST_GROUPS:
            reason = "other reasons"
        group = groups.setdefault((message.source, reason), Group(message.source, reason))
        group.take(message)
    found = sorted(groups.values(), key=lambda g: (g.source, -g.messages, g.reason))
    total = sum(group.messages for group in found)
    values = {"held": total, "groups": [vars(group) for group in found]}
    if not found:
        return Answer(values, "nothing is held")
    lines = [f"{total} messages are held"]
    for group in found:
        lines.append(f"\n{group.messages} of {group.source}: {printable(group.reason)}")
        for example in group.examples:
            lines.append(f"  {example['id']}  {example['origin']}  {example['raw']}")
    lines.append("\nMend names or mapping, then: noria held CONFIG --replay")
    return Answer(values, "\n".join(lines))


def _replayed(
    store: EventStore, config: IngestConfig, registry: Registry, sources: list[str]
) -> Answer:
    ways = {}
    for source in _sources(config):
        read = reader_of(cast("Mapped", source), source.name, registry)
        ways[source.name] = Way(read, cast("Any", source) if hasattr(source, "reread") else None)
    done = replay(store, ways, sources)
    stay = sum(done.still.values())
    lines = [
        f"{done.messages} messages left quarantine: {done.stored} new events, "
        f"{done.duplicates} known ones, {done.ignored} messages that are no events; {stay} stay"
    ]
    lines += [f"  {n} of {s}: {printable(reason)}" for (s, reason), n in done.still.most_common()]
    gone = sorted(set(sources) - set(ways))
    if gone:
        lines.append(f"  no source of the configuration reads those of {', '.join(gone)}")
    still = [{"source": s, "reason": r, "messages": n} for (s, r), n in done.still.most_common()]
    values = {
        "replayed": done.messages, "stored": done.stored, "duplicates": done.duplicates,
        "ignored": done.ignored, "still": still,
    }  # fmt: skip
    return Answer(values, "\n".join(lines), PARTLY if stay else 0)


def _exported(store: EventStore, sources: list[str], path: Path) -> Answer:
    """A JSON object a line; the file appears whole."""
    part = path.with_name(f".{path.name}.part")
    counts: Counter[str] = Counter()
    try:
        with part.open("w", encoding="utf-8") as file:
            for message in _all(store, sources):
                counts[message.source] += 1
                file.write(json.dumps(_row(message)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    total = sum(counts.values())
    return Answer({"exported": total, "file": str(path)}, f"wrote {total} messages to {path}")


def _row(message: HeldMessage) -> dict[str, Any]:
    names = ("id", "source", "origin", "reason", "tries", "times")
    row = {name: getattr(message, name) for name in names}
    return {**row, "received": message.received.isoformat(), "raw": as_received(message.raw)}


def _ids(text: str) -> list[int]:
    """Numbers of messages, from "12,15-20"."""
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        if not _IDS.fullmatch(part):
            raise InputError("--discard", [Fault("", f'got "{part}"; 12,15-20 is the form of it')])
        first, _, last = part.partition("-")
        if int(last or first) - int(first) + len(found) >= MOST_IDS:
            raise InputError("--discard", [Fault("", f"at most {MOST_IDS} numbers are expected")])
        found += range(int(first), int(last or first) + 1)
    return found
