"""Long calculations as jobs: a folder each, a process each, alive beyond the page that asked.

A job's folder holds ``request.json``, ``worker.json`` (process id and its birth), ``progress.json``
(replaced in one stroke), ``log.txt``, and at its end ``result.json`` or ``error.txt``. The file
``cancel`` asks it to stop. Its state is read from these files alone, so a reload, a second browser
and a restart of the server all see the same.

::

    queued ──► running ──► done
      │           ├──────► failed       error.txt, or the process is gone without a word
      └───────────┴──────► cancelled

One job of an archive calculates at a time; the others wait for the lock in the order the system
gives it to them. The worker is ``python -m dashboards.jobs RUN JOB``.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twin.connectors.whole_files import write_text
from twin.errors import NoriaError

if TYPE_CHECKING:
    from scenarios.what_if import WhatIf

State = Literal["queued", "running", "done", "cancelled", "failed"]
FINAL: tuple[State, ...] = ("done", "cancelled", "failed")
WORKER = (sys.executable, "-m", "dashboards.jobs")
"""Command of a worker, before its two arguments: the run's folder and the job's."""

START_GRACE_S = 30.0
"""A job without a worker for longer than this will never have one."""
CANCEL_GRACE_S = 2.0
"""Time to stop by itself before a worker is ended."""
BETWEEN_WRITES_S = 0.2
"""Progress is written no more often than this, except when a step begins or ends."""


WAITING = "wait for another job"
"""Step of a job that has not got its turn yet."""


class Cancelled(Exception):
    """The job was asked to stop. Not a failure."""


@dataclass(frozen=True)
class Request:
    """What a job is asked to calculate, enough to do it again."""

    run: str
    """Id of the run it starts from."""
    scenario: dict[str, Any]
    """Fields of :class:`scenarios.scenario.Scenario`."""
    replications: int = 100
    time_limit: float = 30.0
    """Of the optimiser [s]."""
    seed: int = 0
    asked: str = ""
    """Instant of the request, ISO 8601."""


@dataclass(frozen=True)
class Progress:
    """How far a job has come, in units that can be counted."""

    step: str
    done: int
    total: int
    """0 when the length of the step is not known."""
    began: float
    """When the step began [s since 1970]."""
    written: float
    """When this was written [s since 1970]."""

    @property
    def seconds_left(self) -> float | None:
        """Rest of the step at its mean pace so far [s]; None before that can be said."""
        if not 0 < self.done <= self.total:
            return None
        return (self.written - self.began) / self.done * (self.total - self.done)


@dataclass(frozen=True)
class Job:
    """A job as its folder tells it at one moment."""

    id: str
    folder: Path
    state: State
    request: Request
    progress: Progress | None = None
    error: str = ""
    """For a failed job: what a user can do about it, never a traceback."""
    pid: int | None = None
    """Process of its worker, dead or alive."""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def log_reference(self) -> str:
        return f"{self.folder.parent.name}/{self.id}/log.txt"


@dataclass(frozen=True)
class JobTable:
    """The jobs of one archive, numbered as they are asked for."""

    folder: Path
    worker: tuple[str, ...] = WORKER

    def submit(self, run_folder: Path, request: Request) -> Job:
        """Write a request down and start its worker."""
        folder = self._new_folder()
        write_text(folder / "request.json", json.dumps(asdict(request), ensure_ascii=False))
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [*self.worker, str(run_folder), str(folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # outlives the server, and is ended with its children
            )  # fmt: skip
        write_worker(folder, process.pid)
        return read_job(folder)

    def job(self, id: str) -> Job | None:
        """One job by its number, in any spelling of it; None when there is none."""
        if not id.isascii() or not id.isdigit():
            return None
        folder = self.folder / f"{int(id):04d}"
        return read_job(folder) if (folder / "request.json").is_file() else None

    def jobs(self, run: str = "") -> list[Job]:
        """Jobs, the newest first; of one run if it is named."""
        found = [read_job(path.parent) for path in sorted(self.folder.glob("*/request.json"))]
        return [job for job in reversed(found) if run in ("", job.request.run)]

    def cancel(self, id: str, grace: float = CANCEL_GRACE_S) -> Job | None:
        """Ask a job to stop; end its process and all its children if it has not within the grace.

        Returns the job when its process is gone.
        """
        job = self.job(id)
        if job is None or job.is_final:
            return job
        (job.folder / "cancel").touch()
        wait_until(lambda: not worker_alive(job.folder), grace)
        end_worker(job.folder)
        return self.job(id)

    def _new_folder(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = [int(path.name) for path in self.folder.iterdir() if path.name.isdigit()]
        number = max(taken, default=0) + 1
        while True:
            folder = self.folder / f"{number:04d}"
            try:
                folder.mkdir()
            except FileExistsError:  # another request was faster
                number += 1
            else:
                return folder


def read_job(folder: Path) -> Job:
    """The job of a folder, its state worked out from what the folder holds."""
    request = Request(**_read_json(folder / "request.json"))
    worker = _read_json(folder / "worker.json")
    progress = _read_json(folder / "progress.json")
    job = Job(
        id=folder.name,
        folder=folder,
        state="queued",
        request=request,
        progress=Progress(**progress) if progress else None,
        pid=worker.get("pid"),
    )
    alive = worker_alive(folder)  # before the results: a worker writes them, then ends
    if (folder / "result.json").is_file():
        return replace(job, state="done")
    if (folder / "error.txt").is_file():
        error = (folder / "error.txt").read_text(encoding="utf-8").strip()
        return replace(job, state="failed", error=error)
    if alive:
        has_turn = job.progress is not None and job.progress.step != WAITING
        return replace(job, state="running" if has_turn else "queued")
    if (folder / "cancel").is_file():
        return replace(job, state="cancelled")
    if not worker and _age_s(folder / "request.json") < START_GRACE_S:
        return job
    return replace(job, state="failed", error=_LOST)


_LOST = (
    "the calculation ended without a result (the machine was restarted, or memory ran out); "
    "run it again"
)


# --- the worker's process ---


def write_worker(folder: Path, pid: int) -> None:
    """Note which process works on a job; its birth tells it from a later one of the same number."""
    write_text(folder / "worker.json", json.dumps({"pid": pid, "birth": _birth(pid)}))


def worker_alive(folder: Path) -> bool:
    """Whether the very process that was started for a job still runs."""
    worker = _read_json(folder / "worker.json")
    if not worker:
        return False
    _reap(worker["pid"])
    birth = _birth(worker["pid"])
    return birth is not None and birth == worker["birth"]


def end_worker(folder: Path, patience: float = 2.0) -> None:
    """End a job's process and its children: first politely, then for good."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if not worker_alive(folder):
            return
        # Its session has its own process group, whose number is that of the worker.
        os.killpg(_read_json(folder / "worker.json")["pid"], how)
        wait_until(lambda: not worker_alive(folder), patience)


def wait_until(fact: Callable[[], bool], seconds: float) -> bool:
    """Wait for a fact, at most so long; whether it came true."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def _reap(pid: int) -> None:
    """Take leave of a child that has ended, else it lingers as a zombie."""
    with suppress(ChildProcessError, PermissionError):  # not ours: another server started it
        os.waitpid(pid, os.WNOHANG)


def _birth(pid: int) -> str | None:
    """Start of a living process in ticks since boot, with the boot's id; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"


# --- inside the worker ---

Compute = Callable[..., "WhatIf"]


def work(run_folder: Path, folder: Path, compute: Compute | None = None) -> State:
    """Do one job to its end; result, message or (cancelled) nothing is left in its folder."""
    is_cancelled = (folder / "cancel").exists
    tell = ProgressFile(folder / "progress.json")
    try:
        with _turn(folder.parent / "lock", tell, is_cancelled):
            text = _calculate(run_folder, folder, compute, tell, is_cancelled)
        if is_cancelled():
            return "cancelled"
        write_text(folder / "result.json", text)
        return "done"
    except Cancelled:
        return "cancelled"
    except Exception as error:
        if is_cancelled():  # half a calculation may stumble over what it lacks
            return "cancelled"
        traceback.print_exc()
        write_text(folder / "error.txt", _message(error))
        return "failed"


def _calculate(
    run_folder: Path,
    folder: Path,
    compute: Compute | None,
    tell: ProgressFile,
    is_cancelled: Callable[[], bool],
) -> str:
    from scenarios.archive import load_run
    from scenarios.scenario import Scenario
    from scenarios.what_if import what_if

    request = Request(**_read_json(folder / "request.json"))
    tell("read the run", 0, 0)
    result = (compute or what_if)(
        load_run(run_folder),
        Scenario.model_validate(request.scenario),
        replications=request.replications,
        time_limit=request.time_limit,
        seed=request.seed,
        progress=tell,
        cancelled=is_cancelled,
    )
    return result.to_json()


def _message(error: Exception) -> str:
    if isinstance(error, NoriaError):
        return str(error)
    return f"the calculation stopped on an unexpected fault ({type(error).__name__})"


class ProgressFile:
    """Writes progress to a file, often enough for a reader and no oftener."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._step = ""
        self._began = self._written = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.time()
        name = step.partition(",")[0]  # what follows a comma is news of the same step
        begins = name != self._step
        if begins:
            self._step, self._began = name, now
        if begins or done == total > 0 or now - self._written >= BETWEEN_WRITES_S:
            self._written = now
            progress = Progress(step, done, total, self._began, now)
            write_text(self._path, json.dumps(asdict(progress), ensure_ascii=False))


class _turn:
    """Hold the lock of the job table; raises :class:`Cancelled` when asked to stop meanwhile."""

    def __init__(self, path: Path, tell: ProgressFile, is_cancelled: Callable[[], bool]) -> None:
        self._path, self._tell, self._is_cancelled = path, tell, is_cancelled

    def __enter__(self) -> None:
        self._file = self._path.open("a")
        while True:
            if self._is_cancelled():
                self._file.close()
                raise Cancelled
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                self._tell(WAITING, 0, 0)
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def main(arguments: list[str]) -> int:
    """Entry of the worker process: the folder of a run and that of a job."""
    run_folder, folder = (Path(argument) for argument in arguments)
    write_worker(folder, os.getpid())
    return 1 if work(run_folder, folder) == "failed" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
