"""From a question to figures with intervals: warm-up, replications, precision, what to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scenarios.input_uncertainty import EACH, input_widths
from scenarios.run import Progress
from scenarios.simulate_inputs import Checked, Question
from twin.accounting.indicators import Key, no_totals, observe
from twin.accounting.input_uncertainty import TwoWidths
from twin.accounting.precision import Precision, Series, replicate_until
from twin.accounting.report import Estimate
from twin.accounting.simulation_report import (
    SimulationReport,
    estimates,
    figure_key,
    find_bottleneck,
    order_reports,
    with_scrapped_parts,
)
from twin.accounting.warm_up import mser5
from twin.behaviour.dispatching import DispatchingRule
from twin.errors import Fault, InputError, NoriaError, did_you_mean
from twin.simulation.engines import COMPILED, EngineChoice, engine_name
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
    draws: int = 0
    """Plants drawn as uncertain as the calibration, where there is one."""


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
    inputs: Mapping[Key, TwoWidths] = field(default_factory=dict)
    """Half-widths by chance and by the calibrated parameters; empty where no plants were drawn."""

    def to_dict(self) -> dict[str, Any]:
        """The report with how it was made, as plain values."""
        content = self.report.to_dict()
        for key, widths in self.inputs.items():
            of_kind = content["figures"][key.kind]
            figures = of_kind if key.kind == "plant" else of_kind[key.id]
            figures[key.figure] |= {
                "half_width_by_chance": widths.simulation,
                "half_width_by_inputs": widths.inputs,
                "half_width": widths.both,
                "mean_of_draws": widths.mean_of_draws,
            }
        drawn = max((widths.draws for widths in self.inputs.values()), default=0)
        return {
            **content,
            "input_draws": {"plants": drawn, "replications_each": EACH if drawn else 0},
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
    nothing = no_totals(experiment.plant, experiment.orders)
    figures = observe(nothing, experiment.plant, experiment.forecast, experiment.orders)
    known = list(with_scrapped_parts(figures))
    if found := figure_key(name, known):
        return found
    wanted, _, id = name.partition(":")
    ids = list(dict.fromkeys(key.id for key in known if key.id))
    if id and id not in ids:
        fault = Fault("", f'got "{name}"; nothing is called "{id}"', did_you_mean(id, ids))
    else:
        names = [key.figure for key in known if key.id == id]
        fault = Fault("", f'got "{name}"; no such figure', did_you_mean(wanted, names))
    raise InputError("--of", [fault])


def is_compiled(question: Question, effort: Effort) -> bool:
    """Whether the compiled kernel will run it."""
    return engine_name(question.experiment.policy, effort.engine) == COMPILED


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
    figures = estimates(observed, LEVEL)
    inputs = _inputs(question, runner, figures)
    if effort.draws and question.draws and not inputs:
        shortfall = "; ".join(filter(None, [shortfall, "stopped before plants were drawn"]))
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
        figures=figures,
        orders=order_reports(
            series.results, plant, orders, experiment.state, experiment.schedule, LEVEL
        ),
        bottleneck=find_bottleneck(observed, LEVEL),
        notes=(*question.notes, *notes),
    )
    return Simulated(
        report, experiment, rule, asked, shortfall, question.warnings, effort, tuple(observed),
        inputs,
    )  # fmt: skip


def _inputs(
    question: Question, runner: _Runner, figures: Mapping[Key, Estimate]
) -> dict[Key, TwoWidths]:
    """What the calibrated parameters add to the uncertainty of the figures."""
    effort = runner.effort
    if effort.draws == 0 or question.draws is None or runner.cancelled():
        return {}
    runner.progress("draw plants", 0, effort.draws)
    plants = question.draws(effort.draws)

    def observe(experiment: Experiment, first: int, count: int) -> list[dict[Key, float]]:
        quiet = replace(runner, experiment=experiment, progress=lambda step, done, total: None)
        return [quiet.observe(result) for result in quiet.run("", first, count)]

    return input_widths(figures, runner.experiment, plants, observe, runner.progress)


@dataclass
class _Runner:
    """Runs replications of an experiment with what the user chose."""

    experiment: Experiment
    effort: Effort
    progress: Progress
    cancelled: Callable[[], bool]

    def run(self, step: str, first: int, count: int) -> list[Totals]:
        self.progress(step, first, first + count)
        with naming(self.experiment.policy):
            return totals(
                self.experiment, count, first=first, engine=self.effort.engine,
                workers=self.effort.workers, cancelled=self.cancelled,
                progress=lambda done, total: self.progress(step, first + done, first + total),
            )  # fmt: skip

    def observe(self, result: Totals) -> dict[Key, float]:
        e = self.experiment
        return with_scrapped_parts(observe(result, e.plant, e.forecast, e.orders, e.warm_up))


@contextmanager
def naming(policy: DispatchingRule) -> Iterator[None]:
    """Whatever a rule of the user's own does wrong is said as its fault, not as the program's."""
    try:
        yield
    except NoriaError:
        raise
    except (Exception, SystemExit) as error:
        if not isinstance(policy, Checked):
            raise
        name = type(policy.rule).__name__
        found = f"{name} failed while it was asked: {type(error).__name__}: {error}"
        raise InputError("--policy", [Fault("", found, "correct its rank")]) from error


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
