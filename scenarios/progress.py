"""Progress of long work on the terminal's error stream: a live bar, or a line a step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from scenarios.run import Progress


@contextmanager
def shown_progress(quiet: bool = False) -> Iterator[Progress]:
    """Yield a function told (step, done, total)."""
    if quiet:
        yield lambda step, done, total: None
    elif sys.stderr.isatty():
        with _live() as tell:
            yield tell
    else:
        yield _lines()


@contextmanager
def _live() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    bars = Bars(*columns, console=Console(stderr=True))
    tasks: dict[str, int] = {}

    def tell(step: str, done: int, total: int) -> None:
        bars.start()  # not before: a command with a display of its own has the screen to itself
        key = step.split(", best")[0]
        if key not in tasks:
            for earlier in tasks.values():
                task = bars.tasks[earlier]
                bars.update(task.id, total=task.total or 1, completed=task.total or 1)
            tasks[key] = bars.add_task(step, total=total or None)
        bars.update(
            bars.tasks[tasks[key]].id, description=step, completed=done, total=total or None
        )

    try:
        yield tell
    finally:
        bars.stop()


def _lines() -> Progress:
    """A line when a step begins, and one at each tenth of a counted step."""
    last: dict[str, int] = {}

    def tell(step: str, done: int, total: int) -> None:
        key, tenth = step.split(", best")[0], (10 * done // total if total else 0)
        if last.get(key) == tenth:
            return
        last[key] = tenth
        print(f"{step} ({done} of {total})" if total > 1 else step, file=sys.stderr, flush=True)

    return tell
