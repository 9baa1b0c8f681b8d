"""Folders appear whole or not at all; one job at a time; every job leaves its row."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from scenarios.archive import (
    case_from_dict,
    case_to_dict,
    folder_in_one_step,
    latest_run,
    load_run,
)
from scenarios.ledger import Ledger, locked
from tests.archives import small_case
from twin.errors import InputError, Locked, NoriaError
from twin.model.demands import Demands
from twin.model.orders import OrderBook


def test_a_folder_replaces_an_older_one_whole(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with folder_in_one_step(tmp_path / "run") as folder:
            (folder / "a").write_text(text)
    assert (tmp_path / "run" / "a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_failure_leaves_the_older_folder_and_nothing_else(tmp_path: Path) -> None:
    with folder_in_one_step(tmp_path / "run") as folder:
        (folder / "a").write_text("old")
    with pytest.raises(ZeroDivisionError):
        _half_write(tmp_path / "run")
    assert (tmp_path / "run" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def _half_write(target: Path) -> None:
    with folder_in_one_step(target) as folder:
        (folder / "a").write_text("half")
        _ = 1 / 0


def test_a_killed_writer_leaves_no_run_behind(tmp_path: Path) -> None:
    code = f"""
        import os, signal, pathlib
        from scenarios.archive import folder_in_one_step
        with folder_in_one_step(pathlib.Path({str(tmp_path / "run")!r})) as folder:
            (folder / "a").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    dead = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert dead.returncode == -signal.SIGKILL
    assert not (tmp_path / "run").exists()
    with folder_in_one_step(tmp_path / "run") as folder:
        (folder / "a").write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_an_archive_without_a_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoriaError, match="noria replan"):
        latest_run(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"case\.json"):
        load_run(tmp_path)
    (tmp_path / "case.json").write_text("{}")
    with pytest.raises(InputError, match=r"case\.json: damaged"):
        load_run(tmp_path)


def test_a_second_job_is_told_of_the_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable, "-c",
            f"import pathlib, time; from scenarios.ledger import locked\n"
            f"with locked(pathlib.Path({str(tmp_path)!r})):\n"
            "    print('held', flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Locked, match="another run"), locked(tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with locked(tmp_path):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_a_row_left_open_by_a_killed_job_is_marked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin()
    second = ledger.begin()
    ledger.end(second, status="ok", exit_code=0, run_id="r", details={"orders": 3})
    newest, oldest = ledger.rows()
    assert (newest["status"], newest["orders"]) == ("ok", 3)
    assert oldest["status"] == "interrupted"


def test_demands_and_deadlines_survive_the_archive() -> None:
    case = small_case()
    first, *others = case.orders
    orders = OrderBook((replace(first, deadline=first.due_date), *others))
    demands = Demands(freeze=480.0, power_cap_kw=200.0)
    case = replace(case, orders=orders, demands=demands)
    again = case_from_dict(json.loads(json.dumps(case_to_dict(case))))
    assert again.demands == demands
    assert again.orders == orders


def test_an_archive_from_before_demands_is_still_read() -> None:
    content = case_to_dict(small_case())
    del content["demands"]
    assert case_from_dict(content).demands == Demands()
