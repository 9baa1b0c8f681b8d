"""How fast the engines are on a plant, against each other and on two threads.

    python -m tests.benchmarks.simulation_speed PLANT... [--days 2] [--rounds 5]

prints JSON lines; README.md says how to read them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measure import (
    cpu_of_children,
    experiment_of,
    interleaved,
    ratio,
    rounded,
    tell,
    tell_setting,
)
from twin.simulation.engines import Engine, build_engine
from twin.simulation.experiment import Experiment
from twin.simulation.result import Result
from twin.simulation.simulate import totals

IMPORTS = {
    "bare Python": "pass",
    "numpy": "import numpy",
    "plant model": "import twin.simulation.experiment",
    "engine": "import twin.simulation.kernel_engine",
}
CONTEXTS = 12
PAGE_KIB = 4
WANTED_SECONDS = 0.2
"""A subject takes at least about so long in a round, so that the clock's steps do not matter."""


def repeated(engine: Engine, least: float) -> tuple[Callable[[int], None], int]:
    """Enough replications in one call to take some time, and how many these are."""
    begin = time.process_time()
    engine.run(0)
    count = max(round(least / max(time.process_time() - begin, 1e-6)), 1)

    def run(number: int) -> None:
        for replication in range(count):
            engine.run(number * count + replication)

    return run, count


def parts_of(result: Result) -> int:
    return int(result.totals.completed.sum())


def compare_engines(path: Path, experiment: Experiment, rounds: int) -> None:
    """The kernel against the SimPy reference: the same experiment, no trace."""
    kernel, reference = build_engine(experiment, "kernel"), build_engine(experiment, "simpy")
    run, count = repeated(kernel, WANTED_SECONDS)
    seconds = interleaved({"kernel": run, "reference": reference.run}, rounds)
    each = [s / count for s in seconds["kernel"]]
    traced = kernel.run(1, trace=True)
    assert traced.trace is not None
    rows, lots = len(traced.trace.rows), int(traced.totals.taken.sum())
    tell(
        what="kernel against SimPy reference",
        plant=path.stem,
        kernel=kernel.name,
        faster=ratio(seconds["reference"], each),
        kernel_ms=rounded(1e3 * min(each)),
        reference_ms=rounded(1e3 * min(seconds["reference"])),
        parts=parts_of(traced),
        kernel_ns_per_operation=rounded(1e9 * min(each) / max(lots, 1)),
        kernel_ns_per_trace_row=rounded(1e9 * min(each) / rows),
        replications_in_a_round=count,
    )


def compare_threads(path: Path, experiment: Experiment, rounds: int) -> None:
    """Replications by the clock on the wall, by two workers and by one."""
    _, count = repeated(build_engine(experiment, "kernel"), 3 * WANTED_SECONDS)
    count = max(count, 2)

    def by(workers: int) -> Callable[[int], object]:
        return lambda number: totals(
            experiment, count, first=number * count, engine="kernel", workers=workers
        )

    seconds = interleaved({"one": by(1), "two": by(2)}, rounds, time.perf_counter)
    tell(
        what="two workers against one",
        plant=path.stem,
        faster=ratio(seconds["one"], seconds["two"]),
        replications=count,
        one_s=rounded(min(seconds["one"])),
        two_s=rounded(min(seconds["two"])),
    )


def compare_series(path: Path, experiment: Experiment, replications: int, rounds: int) -> None:
    """Many replications of the kernel against four of the reference, by the clock on the wall."""
    reference = build_engine(experiment, "simpy")

    def kernel(number: int) -> None:
        totals(experiment, replications, first=number, engine="kernel", workers=2)

    def four(number: int) -> None:
        for replication in range(4):
            reference.run(4 * number + replication)

    seconds = interleaved({"kernel": kernel, "four": four}, rounds, time.perf_counter)
    tell(
        what=f"{replications} replications by two workers over 4 of the SimPy reference",
        plant=path.stem,
        takes=ratio(seconds["kernel"], seconds["four"]),
        kernel_s=rounded(min(seconds["kernel"])),
        four_s=rounded(min(seconds["four"])),
    )


def weigh_contexts(path: Path, parts: int) -> None:
    """Memory of one replication's context, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.simulation_speed", str(path)]
    subprocess.run([*command, "--contexts", str(parts)], check=True)


def contexts(path: Path, parts: int) -> None:
    """Growth of this process by engines that have each run as long as so many parts take."""
    day = 1440.0
    made = parts_of(build_engine(experiment_of(path, day), "kernel").run(0))
    experiment = experiment_of(path, day * parts / max(made, 1))
    engines = [build_engine(experiment, "kernel")]
    result = engines[0].run(0)
    before = resident_kib()
    for replication in range(CONTEXTS):
        engines.append(build_engine(experiment, "kernel"))
        engines[-1].run(replication)
    tell(
        what="memory of one context",
        plant=path.stem,
        kib=rounded((resident_kib() - before) / CONTEXTS),
        parts=parts_of(result),
        process_mib=rounded(resident_kib() / 1024),
    )


def resident_kib() -> float:
    """Memory of this process; Linux only."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_KIB


def time_imports(rounds: int) -> None:
    """CPU time of fresh processes that import the engine, or less."""

    def start(code: str) -> Callable[[int], object]:
        return lambda _: subprocess.run([sys.executable, "-c", code], check=True)

    subjects = {name: start(code) for name, code in IMPORTS.items()}
    least = {n: min(s) for n, s in interleaved(subjects, rounds, cpu_of_children).items()}
    tell(
        what="import of the engine",
        ms_over_bare_python=rounded(1e3 * (least["engine"] - least["bare Python"])),
        ms_over_numpy=rounded(1e3 * (least["engine"] - least["numpy"])),
        ms_over_plant_model=rounded(1e3 * (least["engine"] - least["plant model"])),
        ms_in_all=rounded(1e3 * least["engine"]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plants", nargs="+", type=Path, metavar="PLANT")
    parser.add_argument("--days", type=float, default=2.0, help="horizon of one replication")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--replications", type=int, default=1000, help="of the long series")
    parser.add_argument("--parts", type=int, default=20_000, help="made to weigh a context")
    parser.add_argument("--contexts", type=int, metavar="PARTS", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contexts is not None:
        contexts(given.plants[0], given.contexts)
        return
    tell_setting(days=given.days, rounds=given.rounds)
    time_imports(2 * given.rounds)
    for path in given.plants:
        experiment = experiment_of(path, 1440 * given.days)
        compare_engines(path, experiment, given.rounds)
        compare_threads(path, experiment, given.rounds)
        compare_series(path, experiment, given.replications, max(given.rounds // 2, 1))
        weigh_contexts(path, given.parts)


if __name__ == "__main__":
    main()
