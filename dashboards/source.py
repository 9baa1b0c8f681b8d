"""Where the pages read from: one archive of runs and its table of jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from flask import current_app

from dashboards.jobs import Job, JobTable
from scenarios.archive import Run, latest_run, list_runs, load_run, run_folders
from scenarios.what_if import WhatIf
from twin.errors import NoriaError

WHAT_IF = "what_if"
"""Folder of the archive that holds the what-ifs asked for on the page."""
_KEPT = 8
"""Results kept in memory; they never change on disk under the same name and time."""


def _cached(read: Callable[[Path], Any]) -> Callable[[Path, float], Any]:
    return lru_cache(maxsize=_KEPT)(lambda path, modified: read(path))


@dataclass(frozen=True)
class Source:
    """One archive as the pages see it."""

    archive: Path
    _runs: Callable[[Path, float], Run] = field(default_factory=lambda: _cached(load_run))
    _results: Callable[[Path, float], WhatIf] = field(
        default_factory=lambda: _cached(
            lambda path: WhatIf.from_json(path.read_text(encoding="utf-8"))
        )
    )

    @property
    def jobs(self) -> JobTable:
        return JobTable(self.archive / WHAT_IF)

    def latest(self) -> Run:
        """The run with the latest cut-off; an error that says what to do when there is none."""
        folders = run_folders(self.archive)
        return self._run(folders[-1]) if folders else latest_run(self.archive)

    def run(self, id: str) -> Run:
        """An archived run by its id."""
        for folder in run_folders(self.archive):
            if folder.name == id:
                return self._run(folder)
        raise NoriaError(f'{self.archive}: no run "{id}" any more; load the page again')

    def ledger(self) -> Sequence[Mapping[str, Any]]:
        """Every execution of the nightly job, the latest first."""
        return list_runs(self.archive)

    def result(self, job: Job) -> WhatIf:
        """What a finished job found."""
        path = job.folder / "result.json"
        return self._results(path, path.stat().st_mtime)

    def _run(self, folder: Path) -> Run:
        return self._runs(folder, (folder / "plan.json").stat().st_mtime)


def source() -> Source:
    """The archive behind the app that answers the present request."""
    return cast(Source, current_app.config["NORIA_SOURCE"])
