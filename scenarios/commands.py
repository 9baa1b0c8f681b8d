"""What each command of ``noria`` does: read, call the chain, answer in words and in JSON."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scenarios import archive
from scenarios.run import Progress
from scenarios.scenario import Case
from scenarios.settings import MesSource, ReplanConfig, load_config
from twin.connectors.whole_files import write_text
from twin.errors import Fault, InputError
from twin.model.schedule import Schedule


@dataclass(frozen=True)
class Answer:
    """A command's result: values for programs, text for people."""

    values: Mapping[str, Any]
    text: str
    exit_code: int = 0

    def as_json(self) -> str:
        return json.dumps(self.values, indent=1, ensure_ascii=False, default=str)


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
    from scenarios.replan import replan as run_chain

    done = run_chain(_config(options), dry_run=options.dry_run, progress=progress)
    answer = _of_run(done.run, done.report_html, done.ledger_row)
    if done.published is None:
        return Answer(
            {**answer.values, "published": False}, answer.text + "\ndry run: not published"
        )
    changed = "published" if done.published.changed else "already published, nothing changed"
    return Answer(
        {**answer.values, "published": True, "changed": done.published.changed},
        f"{answer.text}\n{changed}: {done.published.folder}",
    )


def discover(options: Namespace, progress: Progress) -> Answer:
    from datetime import datetime
    from zoneinfo import ZoneInfo, available_timezones

    from scenarios.inputs import read_log
    from twin.calibration.discover import discover as infer
    from twin.calibration.discover import plant_yaml
    from twin.errors import did_you_mean

    if options.timezone not in available_timezones():
        hint = did_you_mean(options.timezone, available_timezones())
        raise InputError("--timezone", [Fault("", f'no zone "{options.timezone}"', hint)])
    source = MesSource(path=options.log, format=options.format, timezone=options.timezone)
    log = read_log(source)
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
    return Answer(values, text)


def diagnose(options: Namespace, progress: Progress) -> Answer:
    from scenarios.inputs import read_inputs
    from twin.calibration.diagnosis import diagnose as judge

    inputs = read_inputs(_config(options))
    progress("diagnose the log", 0, 1)
    found = judge(inputs.log, inputs.plant, inputs.cut_off)
    notes = "".join(f"\nassumed: {note}" for note in inputs.notes)
    return Answer(found.to_dict(), found.describe() + notes, exit_code=4 if found.refusal else 0)


def calibrate(options: Namespace, progress: Progress) -> Answer:
    from scenarios.replan import prepare

    ready = prepare(_config(options), progress)
    text = ready.calibration.describe()
    if options.output:
        write_text(options.output, plant_as_yaml(ready.case.plant.model_dump(mode="json")))
        text += f"\nthe calibrated plant: {options.output}"
    return Answer(json.loads(ready.calibration.to_json()), text)


def simulate(options: Namespace, progress: Progress) -> Answer:
    import sys

    from scenarios.simulate import (
        LEVEL,
        Effort,
        figure_named,
        make_folder,
        simulate_question,
        stoppable,
        write_results,
    )
    from scenarios.simulate_inputs import read_question
    from scenarios.simulate_text import simulation_text
    from twin.accounting.precision import Precision

    question = read_question(options, progress)
    of = figure_named(options.of, question)
    if options.out:
        make_folder(options.out)
    precision = None
    if options.half_width is not None:
        width, is_relative = options.half_width
        fewest = min(Precision.minimum, options.at_most)
        precision = Precision(width, is_relative, LEVEL, fewest, options.at_most)
    effort = Effort(
        replications=None if precision else options.replications or question.replications,
        precision=precision, of=of, engine=options.engine, workers=options.workers,
    )  # fmt: skip
    with stoppable(lambda words: print(words, file=sys.stderr)) as stopped:
        done = simulate_question(
            question, effort, warm_up=options.warm_up, progress=progress, cancelled=stopped
        )
    if done is None:
        raise KeyboardInterrupt
    text, values = simulation_text(done), done.to_dict()
    if options.out:
        from dashboards.figures.states import states_page

        written = write_results(done, options.out, states_page(done.report))
        text += "\n\nwritten: " + ", ".join(str(path) for path in written)
        values["written"] = [str(path) for path in written]
    return Answer(values, text, exit_code=7 if done.shortfall else 0)


def optimize(options: Namespace, progress: Progress) -> Answer:
    from scenarios.replan import last_plan, prepare
    from scenarios.report_text import plan_summary
    from scenarios.robust import robust_plan

    config = _config(options)
    case = prepare(config, progress).case
    schedule = robust_plan(
        case, previous=last_plan(config.archive, case), seed=config.seed,
        time_limit=options.time_limit or config.time_limit_s, progress=progress,
    )  # fmt: skip
    if options.output:
        write_text(options.output, schedule.to_json())
    text = plan_summary(schedule, case)
    return Answer(json.loads(schedule.to_json()), text)


def check(options: Namespace, progress: Progress) -> Answer:
    from twin.accounting.check import check as judge

    run = archive.load_run(options.run)
    case = run.case
    schedule = schedule_for(case, options.schedule) if options.schedule else run.schedule
    found = judge(schedule, case.plant, case.orders, case.forecast, case.state, run.previous)
    return Answer(found.to_dict(), found.describe(), exit_code=0 if found.is_feasible else 2)


def report(options: Namespace, progress: Progress) -> Answer:
    is_run = (options.run / archive.PLAN).exists()
    run = archive.load_run(options.run) if is_run else archive.latest_run(options.run)
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
    return load_config(options.config, options.data, options.out)


def _of_run(run: archive.Run, html: Path, ledger_row: Mapping[str, Any]) -> Answer:
    from scenarios.report_text import run_summary

    values = {
        "run": run.id,
        "folder": str(run.folder),
        "report": str(html) if html.is_file() else None,
        "status": run.schedule.status,
        "bound": run.schedule.bound,
        "value": run.schedule.value.as_dict() if run.schedule.value else None,
        "figures": {k: asdict(v) for k, v in run.report.figures.items()},
        "against_naive": {k: asdict(v) for k, v in (run.comparison or {}).items()},
        "closeness": run.extras.get("closeness"),
        "ledger": dict(ledger_row),
    }
    return Answer(values, run_summary(run, html))
