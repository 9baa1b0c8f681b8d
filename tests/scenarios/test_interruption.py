"""Ctrl-C while ``noria simulate`` runs, as a terminal sends it: to the program and its workers."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LINE = Path(__file__).resolve().parents[2] / "data" / "plants" / "line.yaml"
PATIENCE = 60.0
"""Seconds after which something has failed; nothing here takes so long by itself."""
FOREVER = "3600"
"""Seconds that a rank takes in the slow rules; nobody could wait for it."""
RULES = f"""
import pathlib, time

class Slow:
    def rank(self, waiting):
        pathlib.Path("asked").touch()
        time.sleep({FOREVER})

class Marked:
    def rank(self, waiting):
        pathlib.Path("asked").touch()
        return waiting.arrived
"""

QUICK = """
id: quick
areas: [{id: a}]
sources: [{id: S, product: P}]
operations: [{id: one}]
routes: [{id: r, operations: [one]}]
products: [{id: P, family: p, route: r, lot_size: 1}]
work_units: [{id: M, area: a, processing: [{operation: one, basis: piece, time: {"*": 0.1 s}}]}]
"""
"""A part every tenth of a second: ten years of it take the kernel many minutes."""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command in a group of its own, ended after the test, or when it takes too long."""
    (tmp_path / "rules.py").write_text(RULES)
    begun: list[subprocess.Popen[str]] = []
    ends: list[threading.Timer] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        words = [*map(str, arguments), "--warm-up", "0"]
        begun.append(
            subprocess.Popen(
                [sys.executable, "-m", "scenarios.cli", "simulate", *words],
                cwd=tmp_path, start_new_session=True, text=True,
                env={**os.environ, "PYTHONPATH": str(LINE.parents[2])},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        ends.append(threading.Timer(PATIENCE, end, begun[-1:]))
        ends[-1].start()
        return begun[-1]

    yield run
    for timer, program in zip(ends, begun, strict=True):
        timer.cancel()
        end(program)
        program.communicate()


def end(program: subprocess.Popen[str]) -> None:
    if lives(program):
        os.killpg(program.pid, signal.SIGKILL)


def lives(program: subprocess.Popen[str]) -> bool:
    """Whether the program, or one that it started, still runs."""
    try:
        os.killpg(program.pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(is_so: Callable[[], bool]) -> None:
    last = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.02)


def interrupt(program: subprocess.Popen[str]) -> None:
    os.killpg(program.pid, signal.SIGINT)


def interrupt_twice(program: subprocess.Popen[str]) -> tuple[str, str]:
    """The second once the first has been answered; what was printed."""
    interrupt(program)
    assert program.stderr is not None
    answer = program.stderr.readline()
    assert "once more to stop at once" in answer
    interrupt(program)
    return program.communicate(timeout=PATIENCE)


def test_once_keeps_the_replications_that_are_done(start: Start, tmp_path: Path) -> None:
    program = start(
        LINE, "--quiet", "--policy", "rules:Marked", "--days", "0.05", "--replications", "100000"
    )
    wait_until((tmp_path / "asked").exists)
    interrupt(program)
    out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 7
    assert "of 100000 replications; the figures are those of these" in out
    assert "Throughput" in out
    assert "once more to stop at once" in err
    wait_until(lambda: not lives(program))


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_twice_waits_for_no_rule_and_leaves_no_worker(
    workers: str, start: Start, tmp_path: Path
) -> None:
    program = start(LINE, "--quiet", "--policy", "rules:Slow", "--workers", workers)
    wait_until((tmp_path / "asked").exists)
    out, err = interrupt_twice(program)
    assert (program.returncode, out) == (130, "")
    assert err == "noria simulate: interrupted; nothing half-written remains\n"
    wait_until(lambda: not lives(program))


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_twice_waits_for_no_compiled_replication(
    workers: str, start: Start, tmp_path: Path
) -> None:
    """The kernel cannot be asked to stop within a replication."""
    from twin.simulation.kernel import which

    if which() != "compiled":
        pytest.skip("the kernel is not compiled here")
    plant = tmp_path / "quick.yaml"
    plant.write_text(QUICK)
    program = start(plant, "--days", 3660, "--workers", workers)
    assert program.stderr is not None
    assert program.stderr.readline() == "simulate (0 of 20)\n"
    out, err = interrupt_twice(program)
    assert (program.returncode, out) == (130, "")
    assert err == "noria: interrupted; nothing half-written remains\n"
