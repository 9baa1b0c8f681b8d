"""How the sources are, in words: a line a source, for the terminal and for ``--status``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twin.ingest.health import Health
from twin.ingest.values import printable
from twin.secrets import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

Values = Mapping[str, Any]


def summary(values: Values) -> str:
    """Every source in a line, and below it what troubles it."""
    lines = []
    for name, source in values["sources"].items():
        lines.append(f"{name} ({source['kind']}): {condition(source)}; {counts(source)}")
        lines += [f"  {about}: {text}" for about, text in source["troubles"].items()]
        if source["last_error"]:
            lines.append(f"  last error: {source['last_error']}")
    return "\n".join(lines)


def condition(source: Values) -> str:
    """Whether a source works, in a word or two."""
    if source["store_away"]:
        return "waits for the store"
    if source["silent"]:
        return "SILENT: the connector does not turn"
    if source["state"] == "running":
        return "connected" if source["connected"] else "not connected"
    return "failed, starts again soon" if source["state"] == "waiting" else str(source["state"])


def counts(source: Values) -> str:
    """What came and what became of it."""
    parts = [f"{source['stored']:,} stored".replace(",", " ")]
    for name, words in (
        ("duplicates", "told again"), ("held", "held"), ("ignored", "ignored"),
        ("missing", "missing"), ("pending", "pending"), ("reconnects", "reconnects"),
        ("restarts", "restarts"),
    ):  # fmt: skip
        if source[name]:
            parts.append(f"{source[name]:,} {words}".replace(",", " "))
    if source["last_event"]:
        parts.append(f"last event {age(source['last_event'])} ago")
    return ", ".join(parts)


def age(instant: str) -> str:
    """How long ago an ISO time is.

    >>> age("2000-01-01T00:00:00+00:00").endswith(" d")
    True
    """
    seconds = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


def is_well(values: Values) -> bool:
    """Whether no source needs anybody."""
    return all(
        source["connected"] and not source["silent"] and not source["store_away"]
        for source in values["sources"].values()
    )


class ScreenLog:
    """Tells people at a terminal what happens, above the live lines."""

    def __init__(self, console: Console, keyring: Keyring) -> None:
        self._console = console
        self._keyring = keyring

    def info(self, event: str, **facts: Any) -> None:
        self._tell(event, facts)

    warning = error = info

    def _tell(self, event: str, facts: dict[str, Any]) -> None:
        facts.pop("exc_info", None)
        source = facts.pop("source", "")
        words = ", ".join(f"{name}: {value}" for name, value in facts.items() if value)
        text = f"{datetime.now():%H:%M:%S} {source + ': ' if source else ''}{event}  {words}"
        self._console.print(printable(self._keyring.redact(text)), markup=False, highlight=False)


@contextmanager
def live_lines(health: Health, console: Console) -> Iterator[None]:
    """Show a line a source until the block ends."""
    from rich.live import Live

    with Live(
        get_renderable=lambda: _table(health.values()), console=console, refresh_per_second=2
    ):
        yield


def _table(values: Values) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("source", "kind", "condition", "counts", box=None, pad_edge=False)
    for name, source in values["sources"].items():
        why = "" if source["connected"] else source["why"] or source["last_error"]
        told = f"{condition(source)}: {why}" if why else condition(source)
        cells = (name, source["kind"], told, counts(source))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
