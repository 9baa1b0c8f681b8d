"""How fast a serial line runs in Noria's engines, in plain SimPy, as a recursion, in other tools.

    python -m tests.benchmarks.line_speed LINE_PLANT [--minutes 3000] [--rounds 5] [--peers PYTHON]

prints JSON lines; README.md says how to read them. The plant has to be like those in plants/: the
same exponential work of mean 1 min everywhere, the same buffers, the same failures or none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import experiment_of, interval, ratio, rounded, tell, tell_setting
from tests.benchmarks.recursion import compiled_line
from tests.benchmarks.simpy_lines import NamedLuck, counted_line, lean_line
from twin.errors import NoriaError
from twin.model.plant import Plant
from twin.simulation.engines import Engine, build_engine
from twin.simulation.experiment import Experiment

HERE = Path(__file__).parent
PEERS = ("salabim", "simantha", "prodsys")
OWN_RULE = "life on an operating clock, the interrupted part is resumed; exponential work"
NO_FAILURES = "nothing fails; exponential work"
WANTED_SECONDS = 0.2
"""A subject in this process runs at least about so long in a round."""


@dataclass(frozen=True)
class Line:
    """The line that all engines run; times in minutes."""

    machines: int
    buffer: int
    failing: tuple[float, float] | None
    """Mean life, mean repair."""


@dataclass
class Subject:
    """An engine and what was measured of it, a value for each round."""

    name: str
    run: Callable[[int], tuple[int, float]]
    """From a number of luck to the parts made and the CPU seconds it took."""
    rule: str
    repeats: int = 1
    parts: list[int] = field(default_factory=list)
    """Of every run."""
    seconds: list[float] = field(default_factory=list)
    """By run, of every round."""
    speeds: list[float] = field(default_factory=list)
    """Parts by CPU second, of every round."""


def line_of(plant: Plant) -> Line:
    """The line that a plant is.

    Raises
    ------
    NoriaError
        If it is more, or other, than the other engines can be told.
    """
    units, operations = plant.work_units, plant.operations
    buffers = {operation.buffer_jobs for operation in operations[1:]}
    rows = [row for unit in units for row in unit.processing]
    modes = [mode for unit in units for mode in unit.failure_modes]
    lives = {(mode.time_to_failure, mode.time_to_repair, mode.clock) for mode in modes}
    if (
        [row.operation for row in rows] != [operation.id for operation in operations]
        or {(row.spread, *row.time.values()) for row in rows} != {("exponential", 1.0)}
        or len(buffers) != 1
        or len(modes) not in (0, len(units))
        or len(lives) > 1
    ):
        raise NoriaError(f"{plant.id}: it is no line of equal machines as those in {HERE}/plants")
    [buffer] = buffers
    if buffer is None:
        raise NoriaError(f"{plant.id}: its buffers have no limit; give them buffer_jobs")
    if not modes:
        return Line(len(units), buffer, None)
    mode = modes[0]
    if mode.clock != "operating" or mode.interrupted != "resume":
        raise NoriaError(f"{plant.id}: its failures are not on the clock operating, with resume")
    return Line(len(units), buffer, (mode.life.mean, mode.time_to_repair.mean))


def timed(run: Callable[[int], int]) -> Callable[[int], tuple[int, float]]:
    """The same run with the CPU seconds it took."""

    def call(number: int) -> tuple[int, float]:
        begin = time.process_time()
        parts = run(number)
        return parts, time.process_time() - begin

    return call


def engines(experiment: Experiment, line: Line) -> list[Subject]:
    """Noria's two."""
    rule = OWN_RULE if line.failing else NO_FAILURES
    built = [build_engine(experiment, "kernel"), build_engine(experiment, "simpy")]
    return [Subject(engine.name, timed(parts_by(engine)), rule) for engine in built]


def parts_by(engine: Engine) -> Callable[[int], int]:
    """Parts made in a replication."""
    return lambda number: int(engine.run(number).totals.completed.sum())


def by_hand(line: Line, minutes: float) -> list[Subject]:
    """Plain SimPy: with all that the engines count, and as lean as can be."""
    shape = line.machines, line.buffer, minutes
    counted = timed(lambda number: counted_line(*shape, line.failing, number).parts)
    rule = OWN_RULE if line.failing else NO_FAILURES
    named = timed(lambda number: counted_line(*shape, line.failing, number, NamedLuck).parts)
    subjects = [
        Subject("plain SimPy", counted, rule),
        Subject("plain SimPy, named luck", named, rule),
    ]
    if line.failing is None:
        lean = timed(lambda number: lean_line(*shape, number))
        subjects.append(Subject("lean SimPy", lean, f"{rule}; only finished parts are counted"))
    return subjects


def recursion(line: Line, minutes: float) -> list[Subject]:
    """The compiled max-plus recursion, where there is a compiler and nothing fails."""
    run = compiled_line()
    if line.failing or run is None:
        reason = "it knows no failures" if line.failing else "there is no compiler cc"
        tell(what="left out", engine="max-plus recursion", reason=reason)
        return []
    call = timed(lambda number: run(line.machines, line.buffer, minutes, number))
    return [Subject("max-plus recursion", call, f"{NO_FAILURES}; only finished parts are counted")]


def peers(python: str | None, line: Line, minutes: float) -> list[Subject]:
    """Other simulators, run by an interpreter that has them."""
    if python is None:
        tell(what="left out", engine=", ".join(PEERS), reason="--peers names no interpreter")
        return []
    subjects = []
    for name in PEERS:
        command = [python, str(HERE / "peers.py"), name, "--minutes", str(minutes)]
        command += ["--machines", str(line.machines), "--buffer", str(line.buffer)]
        if line.failing:
            life, repair = line.failing
            command += ["--mean-life", str(life), "--mean-repair", str(repair)]
        probe = subprocess.run(
            [*command[:4], "1", *command[5:]], capture_output=True, text=True, check=False
        )
        if probe.returncode:
            reason = (probe.stderr.strip().splitlines() or ["no answer"])[-1]
            tell(what="left out", engine=name, reason=reason)
            continue
        told = json.loads(probe.stdout)

        def run(number: int, command: list[str] = command) -> tuple[int, float]:
            words = [*command, "--seed", str(number)]
            answer = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
            return int(answer["parts"]), float(answer["cpu_s"])

        subjects.append(Subject(f"{name} {told['version']}", run, told["rule"]))
    return subjects


def measure(subjects: list[Subject], rounds: int) -> None:
    """Let the subjects take turns; the round before the first warms up and counts the repeats."""
    for subject in subjects:
        _, seconds = subject.run(0)
        if seconds < WANTED_SECONDS:
            _, seconds = subject.run(0)
        subject.repeats = max(round(WANTED_SECONDS / max(seconds, 1e-6)), 1)
    for number in range(rounds):
        for subject in subjects:
            first = 1 + number * subject.repeats
            runs = [subject.run(first + i) for i in range(subject.repeats)]
            parts, seconds = sum(r[0] for r in runs), sum(r[1] for r in runs)
            subject.parts += [r[0] for r in runs]
            subject.seconds.append(seconds / subject.repeats)
            subject.speeds.append(parts / max(seconds, 1e-9))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plant", type=Path, metavar="LINE_PLANT")
    parser.add_argument("--minutes", type=float, default=3000.0, help="horizon of one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with requirements-peers.txt")
    given = parser.parse_args()
    experiment = experiment_of(given.plant, given.minutes)
    line, minutes = line_of(experiment.plant.plant), float(experiment.plant.horizon.minutes)
    tell_setting(plant=given.plant.stem, minutes=minutes, rounds=given.rounds)
    subjects = engines(experiment, line) + by_hand(line, minutes) + recursion(line, minutes)
    subjects += peers(given.peers, line, minutes)
    measure(subjects, given.rounds)
    kernel, plain = subjects[0], subjects[2]
    for subject in subjects:
        mean, half = interval([parts / minutes for parts in subject.parts])
        tell(
            what="line",
            engine=subject.name,
            parts_per_cpu_s=rounded(median(subject.speeds)),
            over_plain_simpy=ratio(subject.speeds, plain.speeds),
            over_kernel=ratio(subject.speeds, kernel.speeds),
            parts_per_minute=round(mean, 4),
            plus_minus=None if half is None else round(half, 4),
            runs=len(subject.parts),
            rule=subject.rule,
        )


if __name__ == "__main__":
    main()
