"""From a question to figures with intervals: warm-up, replications, precision, what to keep."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.run import Progress
from scenarios.simulate_inputs import Checked, Question
from twin.accounting.indicators import Key, known_figures, observe
from twin.accounting.precision import Precision, Series, replicate_until
from twin.accounting.simulation_report import (
    SimulationReport,
    estimates,
    figure_key,
    find_bottleneck,
    order_reports,
)
from twin.accounting.warm_up import mser5
from twin.errors import Fault, InputError, NoriaError, did_you_mean
from twin.simulation.engines import EngineChoice, engine_name
from twin.simulation.experiment import Experiment
from twin.simulation.result import Totals
from twin.simulation.simulate import totals

LEVEL = 0.9
"""Of every interval."""
PILOTS = 5
"""Replications whose mean course shows where the start ends."""
BUCKETS = 1000
"""Into so many the horizon is cut for that, where no shift begins or ends."""
PER_DAY = 5
"""Into so many a day is cut where there are shifts: a mean of five is then a whole day."""


@dataclass(frozen=True)
class Effort:
    """How the replications are made."""

    replications: int | None = None
    """A fixed number; or else ``precision``."""
    precision: Precision | None = None
    of: Key | None = None
    """The figure whose interval is to be so narrow."""
    engine: EngineChoice = "auto"
    workers: int | None = None


@dataclass(frozen=True)
class Simulated:
    """A report, and what it was made from."""

    report: SimulationReport
    experiment: Experiment
    """With the warm-up that was cut."""
    warm_up_rule: str
    """How the warm-up was found, in words."""
    asked: str
    """What replications were asked for, in words."""
    shortfall: str
    """What was asked for and not done, in words; empty when all was."""
    warnings: tuple[str, ...]
    """Why the figures may not mean what they seem to."""
    effort: Effort
    observed: tuple[Mapping[Key, float], ...]
    """Every figure of each replication, in order; for comparisons in pairs."""

    def to_dict(self) -> dict[str, Any]:
        """The report with how it was made, as plain values."""
        return {
            **self.report.to_dict(),
            "warm_up_rule": self.warm_up_rule,
            "asked": self.asked,
            "shortfall": self.shortfall,
            "warnings": list(self.warnings),
        }


def figure_named(name: str, question: Question) -> Key:
    """The figure that ``--of`` means.

    Raises
    ------
    InputError
        If the plant has no such figure.
    """
    experiment = question.experiment
    known = known_figures(experiment.plant, experiment.forecast, experiment.orders)
    if found := figure_key(name, known):
        return found
    wanted, _, id = name.partition(":")
    ids = list(dict.fromkeys(key.id for key in known if key.id))
    if id and id not in ids:
        fault = Fault("", f'got "{name}"; nothing is called "{id}"', did_you_mean(id, ids))
    else:
        figures = [key.figure for key in known if key.id == id]
        fault = Fault("", f'got "{name}"; no such figure', did_you_mean(wanted, figures))
    raise InputError("--of", [fault])


def simulate_question(
    question: Question,
    effort: Effort,
    *,
    warm_up: float | str | None = None,
    progress: Progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Simulated | None:
    """Run the replications and count them; None when it was stopped before the first was done.

    Parameters
    ----------
    warm_up
        Minutes to cut off; "auto" to find them by MSER-5; None to find them where there is a
        steady state to speak of, and to cut nothing where there is none.

    Raises
    ------
    InputError
        If the warm-up is longer than the run, or "auto" and the run too short to find it.
    """
    runner = _Runner(question.experiment, effort, progress, cancelled)
    found = _warm_up(question, warm_up, runner)
    if found is None:
        return None
    minutes, rule, notes = found
    runner.experiment = experiment = replace(question.experiment, warm_up=minutes)
    series, asked = _replicated(runner)
    if not series.results:
        return None
    shortfall = _shortfall(series, effort)
    plant, orders = experiment.plant, experiment.orders
    observed = [runner.observe(result) for result in series.results]
    report = SimulationReport(
        plant=plant.plant.id,
        plan=question.plan,
        engine=engine_name(experiment.policy, effort.engine),
        seed=experiment.seed,
        replications=len(observed),
        horizon=plant.horizon,
        warm_up=minutes,
        currency=plant.plant.currency,
        level=LEVEL,
        figures=estimates(observed, LEVEL),
        orders=order_reports(
            series.results, plant, orders, experiment.state, experiment.schedule, LEVEL
        ),
        bottleneck=find_bottleneck(observed, LEVEL),
        notes=(*question.notes, *notes),
    )
    return Simulated(
        report, experiment, rule, asked, shortfall, question.warnings, effort, tuple(observed)
    )


@dataclass
class _Runner:
    """Runs replications of an experiment with what the user chose."""

    experiment: Experiment
    effort: Effort
    progress: Progress
    cancelled: Callable[[], bool]

    def run(self, step: str, first: int, count: int) -> list[Totals]:
        try:
            return totals(
                self.experiment, count, first=first, engine=self.effort.engine,
                workers=self.effort.workers, cancelled=self.cancelled,
                progress=lambda done, total: self.progress(step, first + done, first + total),
            )  # fmt: skip
        except NoriaError:
            raise
        except Exception as error:
            if not isinstance(self.experiment.policy, Checked):
                raise
            name = type(self.experiment.policy.rule).__name__
            found = f"{name} failed while it was asked: {type(error).__name__}: {error}"
            raise InputError("--policy", [Fault("", found, "correct its rank")]) from error

    def observe(self, result: Totals) -> dict[Key, float]:
        e = self.experiment
        return observe(result, e.plant, e.forecast, e.orders, e.warm_up)


def _replicated(runner: _Runner) -> tuple[Series[Totals], str]:
    """The replications, and what was asked for in words."""
    effort = runner.effort
    if effort.precision is None:
        assert effort.replications is not None
        results = runner.run("simulate", 0, effort.replications)
        is_stopped = len(results) < effort.replications
        return Series(results, None, not is_stopped, is_stopped), f"{effort.replications}"
    assert effort.of is not None
    key, wish = effort.of, width_in_words(effort.precision)
    series = replicate_until(
        lambda first, count: runner.run(f"simulate until {wish}", first, count),
        lambda result: runner.observe(result)[key],
        effort.precision,
    )
    return series, f"until {wish} for {key_in_words(key)}"


def _shortfall(series: Series[Totals], effort: Effort) -> str:
    done = len(series.results)
    if series.is_stopped:
        asked = f" of {effort.replications}" if effort.replications else ""
        return f"stopped after {done}{asked} replications; the figures are those of these {done}"
    if series.is_reached or effort.precision is None or effort.of is None:
        return ""
    wish, name = width_in_words(effort.precision), key_in_words(effort.of)
    if series.estimate is None:
        return f"{wish} was not reached: {name} has no value in any of {done} replications"
    half = (series.estimate.high - series.estimate.low) / 2
    if effort.precision.is_relative and series.estimate.mean:
        reached = f"±{half / abs(series.estimate.mean):.2%} of the mean"
    else:
        reached = f"±{half:.4g}"
    return (
        f"{wish} was not reached for {name} in {done} replications: it is {reached}; "
        "allow more with --at-most, or ask for less"
    )


def width_in_words(precision: Precision) -> str:
    """``±2 %`` or ``±0.5``."""
    width = precision.half_width
    return f"±{100 * width:g} %" if precision.is_relative else f"±{width:g}"


def key_in_words(key: Key) -> str:
    return f"{key.figure} of {key.id}" if key.id else key.figure


def _warm_up(
    question: Question, wanted: float | str | None, runner: _Runner
) -> tuple[float, str, list[str]] | None:
    """Minutes to cut off, how they were found, and what is to be said about it."""
    horizon = question.experiment.plant.horizon
    if isinstance(wanted, float):
        if wanted >= horizon.minutes:
            found = f"got {wanted:g} min; the run lasts {horizon.minutes} min"
            raise InputError("--warm-up", [Fault("", found, "cut less, or simulate more --days")])
        return wanted, "as asked" if wanted else "none, as asked", []
    if wanted is None and not question.is_steady:
        return 0.0, "none: the run starts from where the shop is", []
    bucket = _bucket(question.experiment)
    runner.experiment = replace(question.experiment, bucket=bucket)
    pilots = runner.run("find the end of the start", 0, PILOTS)
    if not pilots:
        return None
    whole = int(horizon.minutes / bucket + 1e-9)
    cut = mser5(np.mean([pilot.series[:whole] for pilot in pilots], axis=0))
    if cut.is_found:
        words = (
            f"found by MSER-5 on the mean of {len(pilots)} replications in steps of {bucket:g} min"
        )
        return cut.observations * bucket, words, []
    days = horizon.minutes / 1440
    why = f"a run of {days:g} days is too short to tell its start from its steady state"
    if wanted == "auto":
        remedy = "simulate more --days, or name the --warm-up yourself"
        raise InputError("--warm-up auto", [Fault("", why, remedy)])
    note = f"{why}: nothing was cut off, and the figures include the start"
    return 0.0, "none found", [note]


def _bucket(experiment: Experiment) -> float:
    """Length of the steps in which output is looked at [min]; five of them are a day of shifts."""
    horizon = experiment.plant.horizon
    shifts = any(
        opened.working_minutes(0, horizon.minutes) < horizon.minutes
        for opened in experiment.plant.unit_open
    )
    return 1440 / PER_DAY if shifts else max(horizon.minutes / BUCKETS, 1.0)


@contextmanager
def stoppable(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Make the first interruption a wish to stop, which is asked for; the second stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def stop(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        tell("stopping when the replications under way are done; once more to stop at once")

    kept = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def make_folder(folder: Path) -> None:
    """A place for the results, before anything is computed for it."""
    if folder.exists() and not folder.is_dir():
        raise InputError("--out", [Fault("", f"{folder} is a file", "name a folder")])
    folder.mkdir(parents=True, exist_ok=True)


def write_results(done: Simulated, folder: Path, picture: str) -> list[Path]:
    """The report as JSON, the log of replication 0 as CSV, and a picture as a page.

    Files of the same names are replaced.
    """
    from twin.connectors.mes_files import write_log
    from twin.connectors.whole_files import write_text
    from twin.simulation.simulate import simulate

    experiment = done.experiment
    paths = [folder / name for name in ("report.json", "log.csv", "states.html")]
    log = simulate(
        experiment.plant, experiment.orders, state=experiment.state,
        schedule=experiment.schedule, policy=experiment.policy, seed=experiment.seed,
        engine=done.effort.engine,
    )  # fmt: skip
    write_text(paths[0], json.dumps(done.to_dict(), indent=1, ensure_ascii=False))
    write_log(log, paths[1])
    write_text(paths[2], picture)
    return paths
