"""What each command of ``noria`` does: read, call the chain, answer in words and in JSON."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import archive
from scenarios.answer import Answer
from scenarios.run import Progress
from scenarios.scenario import Case
from scenarios.settings import MesSource, ReplanConfig, load_config
from twin.connectors.whole_files import write_text
from twin.errors import ErpAway, Fault, InputError
from twin.model.schedule import Schedule

if TYPE_CHECKING:
    from scenarios.information import Information
    from scenarios.simulate import Simulated
    from twin.model.events import EventLog
    from twin.model.plant import Plant


def demo(options: Namespace, progress: Progress) -> Answer:
    from scenarios.demo import make_demo
    from scenarios.demo_nights import run_demo

    if options.data_only:
        config = make_demo(options.folder, seed=options.seed, progress=progress)
        text = f"wrote the demonstration's data; next: noria replan {config}"
        return Answer({"config": str(config)}, text)
    done = run_demo(
        options.folder, seed=options.seed, replications=options.replications, progress=progress
    )
    return _of_run(done.run, done.report_html, done.ledger_row)


def replan(options: Namespace, progress: Progress) -> Answer:
    from scenarios.planner import told
    from scenarios.replan import replan as run_chain

    done = run_chain(_config(options), dry_run=options.dry_run, progress=progress)
    answer = _of_run(done.run, done.report_html, done.ledger_row)
    notes = [line for line in (told(done.run.case, done.run.schedule), done.too_nervous) if line]
    if done.published is not None:
        values = {**answer.values, "published": True, "changed": done.published.changed,
                  "targets": done.published.lines}  # fmt: skip
        lines = [f"published: {line}" for line in done.published.lines]
        if not done.published.changed:
            lines = list(done.published.lines)  # which say so
        return Answer(values, "\n".join([answer.text, *notes, *lines]))
    would = done.would_write
    assert would is not None
    values = {**answer.values, "published": False, "would_write": would.lines,
              "too_nervous": done.too_nervous}  # fmt: skip
    lines = [f"dry run: not published; to {line}" for line in would.lines]
    text = "\n".join([answer.text, *notes, *lines])
    return Answer(values, text, exit_code=ErpAway.exit_code if would.away else 0)


def discover(options: Namespace, progress: Progress) -> Answer:
    from datetime import datetime
    from zoneinfo import ZoneInfo, available_timezones

    from scenarios.inputs import format_of, read_log
    from twin.calibration.discover import discover as infer
    from twin.calibration.discover import plant_yaml
    from twin.errors import did_you_mean

    if options.timezone not in available_timezones():
        hint = did_you_mean(options.timezone, available_timezones())
        raise InputError("--timezone", [Fault("", f'no zone "{options.timezone}"', hint)])
    format = options.format or format_of(options.log)
    log = read_log(MesSource(path=options.log, format=format, timezone=options.timezone))
    if options.until:
        try:
            until = datetime.fromisoformat(options.until)
        except ValueError:
            fault = Fault("", f'got "{options.until}"; a date such as 2012-02-16 is expected')
            raise InputError("--until", [fault]) from None
        log = log.until(until if until.tzinfo else until.replace(tzinfo=ZoneInfo(options.timezone)))
    progress("discover the plant", 0, 1)
    found = infer(log, id=options.id, timezone=options.timezone)
    text = plant_yaml(found)
    values = {
        "plant": found.plant.model_dump(mode="json"),
        "notes": [asdict(note) for note in found.notes],
    }
    if options.output:
        write_text(options.output, text)
        plant = found.plant
        text = (
            f"{options.output}: {len(plant.work_units)} work units, {len(plant.operations)} "
            f"operations, {len(plant.routes)} routes\n"
            + "\n".join(note.text for note in found.notes if note.where == "plant")
        )
    if options.orders:
        text += f"\n{_write_open_orders(options.orders, log, found.plant)}"
    return Answer(values, text)


def _write_open_orders(path: Path, log: EventLog, plant: Plant) -> str:
    from datetime import timedelta

    from twin.calibration.discover import open_orders
    from twin.connectors.erp_files import write_orders

    end = log.table["time"].max().to_pydatetime() + timedelta(microseconds=1)
    orders, _ = open_orders(log, plant, end)
    write_orders(orders, path)
    return f"{path}: {len(orders)} orders open at the end of the log; due dates are guessed"


def diagnose(options: Namespace, progress: Progress) -> Answer:
    from scenarios.inputs import read_inputs
    from scenarios.unfit import unfit

    config = _config(options)
    inputs = read_inputs(config)
    progress("diagnose the log", 0, 1)
    found = inputs.diagnosed()
    refusal = unfit(config, inputs, found)
    text = found.describe() + "".join(f"\nnote: {note}" for note in inputs.notes)
    values: dict[str, Any] = {**found.to_dict(), "unfit": str(refusal) if refusal else ""}
    if refusal and not found.refusal:
        text += f"\nno plan: {refusal}"
    worth = None
    if options.value_of_information and not refusal:
        worth = _information(config, options, progress)
        values["value_of_information"] = worth.to_dict()
        text = "\n".join([text, *worth.lines()])
    if options.html:
        from dashboards.diagnosis_page import write_page

        write_page(options.html, found, inputs.plant, inputs.notes, worth)
        values["page"] = str(options.html)
        text += f"\nthe page: {options.html}"
    return Answer(values, text, exit_code=refusal.exit_code if refusal else 0)


def _information(config: ReplanConfig, options: Namespace, progress: Progress) -> Information:
    import sys

    from scenarios.information import value_of_information
    from scenarios.interruption import stoppable
    from scenarios.replan import prepare

    ready = prepare(config, progress)
    with stoppable(lambda words: print(words, file=sys.stderr), is_compiled=False) as stopped:
        return value_of_information(
            ready, seed=config.seed, time_limit=options.time_limit, progress=progress,
            cancelled=stopped,
        )  # fmt: skip


def calibrate(options: Namespace, progress: Progress) -> Answer:
    from scenarios.parameters_text import in_force
    from scenarios.replan import prepare

    if options.history:
        return _parameter_history(_config(options))
    ready = prepare(_config(options), progress)
    text = f"{ready.calibration.describe()}\n{in_force(ready.parameters.night)}"
    if options.output:
        write_text(options.output, plant_as_yaml(ready.case.plant.model_dump(mode="json")))
        text += f"\nthe calibrated plant: {options.output}"
    return Answer(json.loads(ready.calibration.to_json()), text)


def _parameter_history(config: ReplanConfig) -> Answer:
    from scenarios.parameter_store import history
    from scenarios.parameters_text import history_text

    nights = history(config.archive)
    return Answer({"nights": [night.to_dict() for night in nights]}, history_text(nights))


def simulate(options: Namespace, progress: Progress) -> Answer:
    import sys

    from scenarios.input_uncertainty import DEFAULT_DRAWS
    from scenarios.interruption import stoppable
    from scenarios.simulate import LEVEL, Effort, figure_named, is_compiled, simulate_question
    from scenarios.simulate_files import try_folder
    from scenarios.simulate_inputs import read_question
    from scenarios.simulate_text import simulation_text
    from twin.accounting.precision import Precision

    question = read_question(options, progress)
    of = figure_named(options.of, question)
    if options.out:
        try_folder(options.out)
    precision = None
    if options.half_width is not None:
        width, is_relative = options.half_width
        fewest = min(Precision.minimum, options.at_most)
        precision = Precision(width, is_relative, LEVEL, fewest, options.at_most)
    effort = Effort(
        replications=None if precision else options.replications or question.replications,
        precision=precision, of=of, engine=options.engine, workers=options.workers,
        draws=DEFAULT_DRAWS if options.draws is None else options.draws,
    )  # fmt: skip
    with stoppable(
        lambda words: print(words, file=sys.stderr), is_compiled=is_compiled(question, effort)
    ) as stopped:
        done = simulate_question(
            question, effort, warm_up=options.warm_up, progress=progress, cancelled=stopped
        )
    if done is None:
        raise KeyboardInterrupt
    answer = Answer(done.to_dict(), simulation_text(done), exit_code=7 if done.shortfall else 0)
    return _with_files(answer, done, options.out, progress) if options.out else answer


def _with_files(answer: Answer, done: Simulated, out: Path, progress: Progress) -> Answer:
    """The answer with the files written; where the disk is full, the figures are still told."""
    from dashboards.figures.states import states_page
    from scenarios.simulate_files import write_results

    progress("write the results", 0, 1)
    try:
        written = [str(path) for path in write_results(done, out, states_page(done.report))]
    except OSError as error:
        lost = f"nothing was written to {out}: {error.strerror or error}"
        shortfall = "; ".join(filter(None, (done.shortfall, lost)))
        values = {**answer.values, "shortfall": shortfall, "written": []}
        return Answer(values, f"{answer.text}\n\n{lost}", exit_code=7)
    text = f"{answer.text}\n\nwritten: {', '.join(written)}"
    return Answer({**answer.values, "written": written}, text, answer.exit_code)


def optimize(options: Namespace, progress: Progress) -> Answer:
    import sys

    from scenarios.interruption import stoppable
    from scenarios.replan import last_plan, prepare
    from scenarios.report_text import plan_summary
    from scenarios.robust import robust_plan

    config = _config(options)
    case = prepare(config, progress).case
    words = "stopping with the best plan so far; once more to stop at once"
    with stoppable(lambda _: print(words, file=sys.stderr), is_compiled=False) as stopped:
        schedule = robust_plan(
            case, previous=last_plan(config.archive, case), seed=config.seed,
            time_limit=options.time_limit or config.time_limit_s, progress=progress,
            cancelled=stopped,
        )  # fmt: skip
    if options.output:
        write_text(options.output, schedule.to_json())
    text = plan_summary(schedule, case)
    return Answer(json.loads(schedule.to_json()), text)


def front(options: Namespace, progress: Progress) -> Answer:
    import sys

    from dashboards.front_page import front_page
    from scenarios.front import make_front, tonights_plan
    from scenarios.front_files import write_front
    from scenarios.front_text import front_text
    from scenarios.interruption import stoppable
    from scenarios.replan import last_plan, prepare
    from scenarios.simulate_files import try_folder

    # Last night's plan is in its own archive.
    config = load_config(options.config, options.data, environ=os.environ)
    folder = (options.out or options.config.parent) / "front"
    try_folder(folder)
    case = prepare(config, progress).case
    words = "stopping with the points found so far; once more to stop at once"
    with stoppable(lambda _: print(words, file=sys.stderr), is_compiled=False) as stopped:
        found = make_front(
            case, previous=last_plan(config.archive, case),
            tonight=tonights_plan(config.archive, case), points=options.points,
            time_limit=options.time_limit, seed=config.seed, progress=progress, cancelled=stopped,
        )  # fmt: skip
    if not found.points:
        raise KeyboardInterrupt
    written = [str(path) for path in write_front(found, folder, front_page(found))]
    text = f"{front_text(found)}\n\nwritten: {', '.join(written[:3])} and {len(written) - 3} plans"
    values = {**found.to_dict(), "written": written}
    return Answer(values, text, exit_code=7 if found.shortfall else 0)


def backtest(options: Namespace, progress: Progress) -> Answer:
    import sys

    from dashboards.backtest_page import write_page
    from scenarios.backtest import DAYS, Effort, Span, origins_of, to_dict
    from scenarios.backtest import backtest as test
    from scenarios.backtest_inputs import read_history
    from scenarios.backtest_text import backtest_text, shortfall
    from scenarios.interruption import stoppable
    from scenarios.simulate_files import try_folder

    config = _config(options)
    folder = (options.out or options.config.parent) / "backtest"
    try_folder(folder)
    past = read_history(config, progress)
    spans: list[Span] = list(DAYS) if options.horizon == "both" else [options.horizon]
    longest = max(spans, key=lambda span: DAYS[span])
    origins = origins_of(past.begin, past.until, longest, options.origins)
    effort = Effort(options.replications, options.draws, config.seed)
    with stoppable(lambda words: print(words, file=sys.stderr), is_compiled=True) as stopped:
        found = test(
            past.log, past.plant, past.until, past.prepare, origins, spans, effort,
            notes=past.notes, progress=progress, cancelled=stopped,
        )  # fmt: skip
    if not found.origins:
        raise KeyboardInterrupt
    written = [folder / "backtest.html", folder / "backtest.json"]
    write_page(written[0], found)
    values = to_dict(found)
    write_text(written[1], json.dumps(values, indent=1, ensure_ascii=False))
    text = f"{backtest_text(found)}\n\nwritten: {', '.join(str(path) for path in written)}"
    names = {"written": [str(path) for path in written], "shortfall": shortfall(found)}
    return Answer({**values, **names}, text, exit_code=7 if shortfall(found) else 0)


def check(options: Namespace, progress: Progress) -> Answer:
    from twin.accounting.check import check as judge

    if options.run.is_file():
        return _checked_plant(options)
    run = archive.load_run(options.run)
    case = run.case
    schedule = schedule_for(case, options.schedule) if options.schedule else run.schedule
    found = judge(
        schedule, case.plant, case.orders, case.forecast, case.state, run.previous, case.demands
    )
    return Answer(found.to_dict(), found.describe(), exit_code=0 if found.is_feasible else 2)


def _checked_plant(options: Namespace) -> Answer:
    """A plant file without faults, and what of it is for the simulator only."""
    from scenarios.simulate_inputs import is_plant
    from solvers.supported import refuse_unsupported
    from twin.model.plant import load_plant

    path = options.run
    if options.schedule:
        fault = Fault("", f"got {options.schedule}; {path} has no orders", "check a run's folder")
        raise InputError("--schedule", [fault])
    if not is_plant(path):
        fault = Fault("", "a configuration, not a plant", "noria diagnose checks its inputs")
        raise InputError(str(path), [fault])
    plant = load_plant(path)
    unsupported: dict[str, list[str]] = {}
    try:
        refuse_unsupported(plant)
    except InputError as error:
        for found in error.faults:
            unsupported.setdefault(found.found, []).append(found.where)
    text = (
        f"{path}: no fault in {len(plant.work_units)} work units, {len(plant.operations)} "
        f"operations and {len(plant.products)} products"
    )
    notes = [f"note: {what}: {'; '.join(where)}" for what, where in unsupported.items()]
    if notes:
        notes.append("noria simulate runs all of this; noria optimize and replan refuse it")
    values = {"plant": plant.id, "is_sound": True, "plans_cannot_honour": unsupported}
    return Answer(values, "\n".join((text, *notes)))


def why(options: Namespace, progress: Progress) -> Answer:
    from scenarios.why import why as explain
    from scenarios.why_text import why_text

    run = _archived(options.run)
    found = explain(run, options.orders, progress)
    values = {"run": run.id, "orders": [one.to_dict() for one in found]}
    return Answer(values, why_text(found, run.case.horizon, run.case.plant.currency))


def _archived(folder: Path) -> archive.Run:
    """The run of a folder, or the latest of an archive."""
    is_run = (folder / archive.PLAN).exists()
    return archive.load_run(folder) if is_run else archive.latest_run(folder)


def report(options: Namespace, progress: Progress) -> Answer:
    run = _archived(options.run)
    return _of_run(run, run.folder / archive.HTML, run.ledger_row)


def dashboard(options: Namespace, progress: Progress) -> Answer:
    from dashboards.app import serve

    archive.latest_run(options.archive)  # says what to do when there is none
    serve(options.archive, options.host, options.port)
    return Answer({"served": str(options.archive)}, "stopped")


def read_schedule(path: Path) -> Schedule:
    """A plan from JSON; anything else is an :class:`~twin.errors.InputError`."""
    try:
        return Schedule.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), [Fault("", str(error.strerror), "check the path")]) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        fault = Fault("", f"not a plan ({why})", "noria optimize -o writes one")
        raise InputError(str(path), [fault]) from None


def schedule_for(case: Case, path: Path) -> Schedule:
    """A plan from JSON that is for the horizon of a case.

    Raises
    ------
    InputError
        When it is no plan, or one for other days.
    """
    schedule = read_schedule(path)
    if schedule.horizon != case.horizon:
        ours, theirs = (
            f"{h.local(0):%Y-%m-%d %H:%M} to {h.local(h.minutes):%Y-%m-%d %H:%M}"
            for h in (case.horizon, schedule.horizon)
        )
        fault = Fault(
            "horizon", f"got {theirs}; {ours} is expected", "plan again from this cut-off"
        )
        raise InputError(str(path), [fault])
    return schedule


def plant_as_yaml(plant: dict[str, Any]) -> str:
    """A plant as YAML that ``load_plant`` reads back."""
    import yaml

    return yaml.safe_dump(plant, sort_keys=False, allow_unicode=True)


def _config(options: Namespace) -> ReplanConfig:
    return load_config(options.config, options.data, options.out, os.environ)


def _of_run(run: archive.Run, html: Path, ledger_row: Mapping[str, Any]) -> Answer:
    from scenarios.report_text import run_summary
    from scenarios.risk import risks_of_report

    values = {
        "run": run.id,
        "folder": str(run.folder),
        "report": str(html) if html.is_file() else None,
        "status": run.schedule.status,
        "bound": run.schedule.bound,
        "value": run.schedule.value.as_dict() if run.schedule.value else None,
        "figures": {k: asdict(v) for k, v in run.report.figures.items()},
        "against_naive": {k: asdict(v) for k, v in (run.comparison or {}).items()},
        "against_last_night": run.extras.get("moves"),
        "orders": [asdict(row) for row in run.report.orders],
        "risk": [one.to_dict() for one in risks_of_report(run.case, run.report)],
        "closeness": run.extras.get("closeness"),
        "ledger": dict(ledger_row),
    }
    return Answer(values, run_summary(run, html))
