"""What the benchmarks share: experiments, rounds in which subjects take turns, JSON lines."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from twin.errors import NoriaError
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import load_plant
from twin.model.state import ShopState
from twin.simulation.experiment import Experiment

START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""
Seconds = dict[str, list[float]]
"""Of each subject, one time a round."""


def experiment_of(path: Path, minutes: float, seed: int = 0) -> Experiment:
    """A plant that starts empty and makes what its sources bring, for about so many minutes."""
    slots = max(math.ceil(minutes / 15), 1)
    plant = compile_plant(load_plant(path), Horizon(START, slots * 15))
    return Experiment(plant, OrderBook(), ShopState(at=START), seed=seed)


def interleaved(
    subjects: dict[str, Callable[[int], Any]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> Seconds:
    """Time of each subject in each round: A B A B ...; the round before the first is not counted.

    A subject is called with the number of its round.
    """
    seconds: Seconds = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, subject in subjects.items():
            begin = clock()
            subject(number)
            if number > 0:
                seconds[name].append(clock() - begin)
    return seconds


def cpu_of_children() -> float:
    """CPU seconds of the processes waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Median of the ratios round by round, and their range."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {
        "median": rounded(statistics.median(ratios)),
        "low": rounded(min(ratios)),
        "high": rounded(max(ratios)),
    }


def interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and the half-width of its 95 % interval, which one value alone does not give."""
    if len(values) < 2:
        return statistics.mean(values), None
    quantile = float(student.ppf(0.975, len(values) - 1))
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values), half


def rounded(value: float, digits: int = 4) -> float:
    """To significant digits."""
    return float(f"{value:.{digits}g}")


def tell(**facts: object) -> None:
    """Print one JSON line."""
    print(json.dumps(facts), flush=True)


def report_files(
    report: Callable[[Path], None], description: str | None, words: Sequence[str] | None = None
) -> int:
    """Report on every file of a command line; 2 where one of them cannot be used, else 0.

    A file that cannot be used is named on stderr, and the next is read.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("files", nargs="+", type=Path)
    status = 0
    for path in parser.parse_args(words).files:
        try:
            report(path)
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
    return status


def report_instances(
    report: Callable[[Path, float, int], dict[str, Any]],
    summary: Callable[[list[dict[str, Any]]], dict[str, Any]],
    description: str | None,
    words: Sequence[str] | None,
    listed: Callable[[list[Path]], Iterable[Path]] = list,
) -> int:
    """One row for each instance of a command line and a last one for all; 2 where one is unusable.

    ``report`` is given the file, the time limit [s] and the seed.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--time-limit", type=positive, default=60.0, help="seconds for each")
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args(words)
    reports: list[dict[str, Any]] = []
    status = 0
    for path in listed(settings.files):
        try:
            reports.append(report(path, settings.time_limit, settings.seed))
        except NoriaError as error:
            print(error, file=sys.stderr)
            status = 2
            continue
        tell(**reports[-1])
    if reports:
        tell(**summary(reports))
    return status


def positive(text: str) -> float:
    """A number above 0 of a command line."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}; a number above 0 is expected")
    return value


def tell_setting(**facts: object) -> None:
    """Print when and where this was measured; figures without that are worth nothing."""
    tell(
        what="setting",
        date=datetime.now(UTC).isoformat(timespec="minutes"),
        python=platform.python_version(),
        processor=_processor(),
        cores=os.cpu_count(),
        load=os.getloadavg()[0],
        **facts,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "?")
