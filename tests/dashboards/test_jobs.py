"""Jobs live on disk and in a process of their own: every state, cancelling, progress."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dashboards.jobs import (
    WAITING,
    Job,
    JobTable,
    Progress,
    ProgressFile,
    Request,
    end_worker,
    read_job,
    wait_until,
    work,
    worker_alive,
    write_worker,
)
from twin.errors import NoriaError

PATIENCE_S = 30.0
REQUEST = Request(run="r1", scenario={"name": "more", "demand": 1.2})

SLEEPS = "import time; time.sleep(300)"
STUBBORN = """
import signal, sys, time, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[2], "ready").touch()
time.sleep(300)
"""
PARENT = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path(sys.argv[2], "child").write_text(str(child.pid))
pathlib.Path(sys.argv[2], "ready").touch()
child.wait()
"""
OBEDIENT = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[2], "cancel").exists():
    time.sleep(0.01)
"""
FINISHES = "import pathlib, sys; pathlib.Path(sys.argv[2], 'result.json').write_text('{}')"


def table(folder: Path, script: str) -> JobTable:
    """A table whose workers run a small script instead of a calculation."""
    return JobTable(folder / "what_if", (sys.executable, "-c", script))


def is_gone(pid: int) -> bool:
    """Whether no process of this number runs; a zombie no longer does."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def running(folder: Path, script: str) -> tuple[JobTable, Job]:
    """A job whose worker runs; it is ended with the test's process at the latest."""
    jobs = table(folder, script)
    job = jobs.submit(folder, REQUEST)
    assert job.pid is not None
    return jobs, job


def new_folder(parent: Path, **files: str) -> Path:
    """A job's folder as a worker finds it."""
    folder = parent / "what_if" / "0001"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps(vars(REQUEST)))
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


class Result:
    """What a calculation gives back, as far as a job looks at it."""

    def to_json(self) -> str:
        return '{"answer": 42}'


@pytest.fixture(autouse=True)
def _any_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers in this process do not read a run: the calculations here need none."""
    monkeypatch.setattr("scenarios.archive.load_run", lambda folder: folder)


# --- the table ---


def test_jobs_are_numbered_as_they_are_asked_for(tmp_path: Path) -> None:
    jobs = table(tmp_path, FINISHES)
    assert [jobs.submit(tmp_path, REQUEST).id for _ in range(3)] == ["0001", "0002", "0003"]


def test_the_newest_job_is_listed_first_and_only_those_of_the_run(tmp_path: Path) -> None:
    jobs = table(tmp_path, FINISHES)
    for run in ("r1", "r2", "r1"):
        jobs.submit(tmp_path, Request(run=run, scenario={}))
    assert [job.id for job in jobs.jobs("r1")] == ["0003", "0001"]


@pytest.mark.parametrize("id", ["", "7", "../..", "1/../1", "٣", "-1"])
def test_a_number_without_a_job_finds_none(tmp_path: Path, id: str) -> None:
    jobs = table(tmp_path, FINISHES)
    jobs.submit(tmp_path, REQUEST)
    assert jobs.job(id) is None


def test_a_job_is_found_by_its_number_in_any_spelling(tmp_path: Path) -> None:
    jobs = table(tmp_path, FINISHES)
    jobs.submit(tmp_path, REQUEST)
    found = [jobs.job("1"), jobs.job("0001"), jobs.job("01")]
    assert [job.id for job in found if job] == ["0001"] * 3


def test_a_request_is_read_back_as_it_was_asked(tmp_path: Path) -> None:
    assert table(tmp_path, FINISHES).submit(tmp_path, REQUEST).request == REQUEST


def test_a_worker_that_writes_a_result_ends_as_done(tmp_path: Path) -> None:
    _, job = running(tmp_path, FINISHES)
    assert wait_until(lambda: read_job(job.folder).is_final, PATIENCE_S)
    assert read_job(job.folder).state == "done"


def test_a_worker_that_dies_without_a_word_is_a_failure(tmp_path: Path) -> None:
    _, job = running(tmp_path, "raise SystemExit(1)")
    assert wait_until(lambda: read_job(job.folder).is_final, PATIENCE_S)
    found = read_job(job.folder)
    assert (found.state, "without a result" in found.error) == ("failed", True)


# --- cancelling ---


def test_a_worker_that_looks_for_the_cancel_file_ends_by_itself(tmp_path: Path) -> None:
    jobs, job = running(tmp_path, OBEDIENT)
    cancelled = jobs.cancel(job.id, grace=PATIENCE_S)
    assert cancelled is not None
    assert (cancelled.state, is_gone(job.pid or 0)) == ("cancelled", True)


def test_cancelling_ends_a_worker_that_does_not_look(tmp_path: Path) -> None:
    jobs, job = running(tmp_path, SLEEPS)
    cancelled = jobs.cancel(job.id, grace=0.05)
    assert cancelled is not None
    assert (cancelled.state, is_gone(job.pid or 0)) == ("cancelled", True)


def test_cancelling_ends_a_worker_that_refuses_to_go(tmp_path: Path) -> None:
    _, job = running(tmp_path, STUBBORN)
    assert wait_until((job.folder / "ready").exists, PATIENCE_S)
    end_worker(job.folder, patience=0.2)
    assert wait_until(lambda: is_gone(job.pid or 0), PATIENCE_S)


def test_cancelling_ends_the_children_of_a_worker_too(tmp_path: Path) -> None:
    jobs, job = running(tmp_path, PARENT)
    assert wait_until((job.folder / "ready").exists, PATIENCE_S)
    child = int((job.folder / "child").read_text())
    assert not is_gone(child)
    jobs.cancel(job.id, grace=0.05)
    assert wait_until(lambda: is_gone(child), PATIENCE_S)


def test_a_finished_job_cannot_be_cancelled(tmp_path: Path) -> None:
    jobs, job = running(tmp_path, FINISHES)
    assert wait_until(lambda: read_job(job.folder).is_final, PATIENCE_S)
    kept = jobs.cancel(job.id)
    assert kept is not None
    assert kept.state == "done"


def test_another_process_of_the_same_number_is_not_the_worker(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    write_worker(folder, os.getpid())
    assert worker_alive(folder)
    worker = json.loads((folder / "worker.json").read_text())
    (folder / "worker.json").write_text(json.dumps({**worker, "birth": "another boot/1"}))
    assert not worker_alive(folder)


def test_a_process_that_only_shares_the_number_is_not_ended(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPS], start_new_session=True)
    try:
        folder = new_folder(tmp_path, worker__json=json.dumps({"pid": bystander.pid, "birth": "x"}))
        end_worker(folder)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


# --- states read from files ---


def test_a_job_that_never_got_a_worker_is_a_failure(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    assert read_job(folder).state == "queued"
    long_ago = time.time() - 3600
    os.utime(folder / "request.json", (long_ago, long_ago))
    assert read_job(folder).state == "failed"


@pytest.mark.parametrize(("step", "state"), [(WAITING, "queued"), ("simulate: base", "running")])
def test_a_job_runs_once_it_has_its_turn(tmp_path: Path, step: str, state: str) -> None:
    folder = new_folder(tmp_path)
    write_worker(folder, os.getpid())
    ProgressFile(folder / "progress.json")(step, 0, 10)
    assert read_job(folder).state == state


def test_an_error_file_is_told_as_it_stands(tmp_path: Path) -> None:
    job = read_job(new_folder(tmp_path, error__txt="orders: nothing to plan\n"))
    assert (job.state, job.error) == ("failed", "orders: nothing to plan")
    assert job.log_reference == "what_if/0001/log.txt"


# --- progress ---


def test_progress_is_written_when_a_step_begins_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    tell = ProgressFile(path)
    seen = []
    for done in (0, 1, 2, 3):
        tell("simulate: base", done, 3)
        seen.append(json.loads(path.read_text())["done"])
    assert (seen[0], seen[-1]) == (0, 3)


def test_news_of_the_same_step_does_not_begin_it_again(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    tell = ProgressFile(path)
    tell("optimise: search, best 900 MAD", 0, 0)
    began = json.loads(path.read_text())["began"]
    time.sleep(0.25)
    tell("optimise: search, best 800 MAD", 0, 0)
    now = json.loads(path.read_text())
    assert (now["began"], now["step"]) == (began, "optimise: search, best 800 MAD")


def test_the_rest_of_a_step_follows_its_pace() -> None:
    assert Progress("s", 25, 100, began=1000.0, written=1010.0).seconds_left == pytest.approx(30.0)


@pytest.mark.parametrize(("done", "total"), [(0, 100), (5, 0)])
def test_nothing_is_said_of_the_rest_before_it_can_be(done: int, total: int) -> None:
    assert Progress("s", done, total, 0.0, 9.0).seconds_left is None


# --- inside the worker ---


def test_a_calculation_leaves_its_result(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    asked: dict[str, Any] = {}

    def compute(run: Path, scenario: Any, **options: Any) -> Any:
        asked.update(run=run, demand=scenario.demand, seed=options["seed"])
        return Result()

    assert work(tmp_path / "r1", folder, compute) == "done"
    assert json.loads((folder / "result.json").read_text()) == {"answer": 42}
    assert asked == {"run": tmp_path / "r1", "demand": 1.2, "seed": 0}


def test_what_a_user_can_repair_is_told_word_for_word(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)

    def compute(*_: Any, **__: Any) -> Any:
        raise NoriaError("replan: no shift is open; add one")

    assert work(tmp_path, folder, compute) == "failed"
    assert read_job(folder).error == "replan: no shift is open; add one"


def test_an_unexpected_fault_is_told_without_its_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = new_folder(tmp_path)

    def compute(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("inside")

    assert work(tmp_path, folder, compute) == "failed"
    error = read_job(folder).error
    assert ("Traceback" in error, "ZeroDivisionError" in error) == (False, True)
    assert "Traceback" in capfd.readouterr().err  # the worker's log has it


def test_a_cancelled_calculation_leaves_no_result(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)

    def compute(*_: Any, **options: Any) -> Any:
        (folder / "cancel").touch()
        assert options["cancelled"]()
        return Result()

    assert work(tmp_path, folder, compute) == "cancelled"
    assert (read_job(folder).state, (folder / "result.json").exists()) == ("cancelled", False)


def test_a_calculation_that_stumbles_over_its_cancelling_has_not_failed(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)

    def compute(*_: Any, **__: Any) -> Any:
        (folder / "cancel").touch()
        raise ValueError("nothing to average")

    assert work(tmp_path, folder, compute) == "cancelled"
    assert not (folder / "error.txt").exists()


def test_one_job_calculates_at_a_time(tmp_path: Path) -> None:
    first, second = new_folder(tmp_path), tmp_path / "what_if" / "0002"
    second.mkdir()
    (second / "request.json").write_text((first / "request.json").read_text())
    states = []

    def other(*_: Any, **__: Any) -> Any:
        return Result()

    def compute(*_: Any, **__: Any) -> Any:
        from threading import Thread

        waiting = Thread(target=lambda: states.append(work(tmp_path, second, other)))
        waiting.start()
        assert wait_until((second / "progress.json").exists, PATIENCE_S)
        states.append(json.loads((second / "progress.json").read_text())["step"])
        compute.thread = waiting  # type: ignore[attr-defined]
        return Result()

    states.append(work(tmp_path, first, compute))
    compute.thread.join(PATIENCE_S)  # type: ignore[attr-defined]
    assert states == [WAITING, "done", "done"]
