"""The nightly job: from last night's data to a proven, published plan.

Each step is a function of values; only the first (reading) and the last (archive, then publish)
touch the world, and :mod:`scenarios.execution` records what happens. Nothing is published that has
not passed ``check``, and a job that is killed leaves either the old plan or the new one: what was
decided waits in the outbox until it has arrived. Inputs that were decided on before are not planned
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import archive, nervousness, parameter_store
from scenarios.cut_off import moment_of
from scenarios.execution import DRY_RUN, Execution, Targets, recorded
from scenarios.feeds import metered_peak
from scenarios.inputs import Inputs, read_inputs
from scenarios.ledger import Ledger
from scenarios.planner import Planner, tonights_plan
from scenarios.publication import Delivery, compare, decide_and_deliver, deliver_pending
from scenarios.risk import risk_words, risks_of_report
from scenarios.robust import robust_plan
from scenarios.run import Progress, naive_plan, prove
from scenarios.scenario import Case
from scenarios.settings import ReplanConfig
from scenarios.unfit import refuse_unfit
from twin.accounting.check import check
from twin.accounting.comparison import compare as difference
from twin.accounting.moves import Moves
from twin.errors import InputError, PublishRefused
from twin.model.schedule import Schedule

if TYPE_CHECKING:
    from scenarios.updating import Updated
    from twin.calibration.diagnosis import Diagnosis
    from twin.calibration.estimates import Calibration

Closeness = Callable[[Case, "Prepared"], list[dict[str, Any]]]
"""Compares twin and truth where the truth is known (the demonstration)."""


@dataclass(frozen=True)
class Prepared:
    """Data diagnosed, twin calibrated, shop replayed: ready to plan."""

    inputs: Inputs
    diagnosis: Diagnosis
    parameters: Updated
    """In force tonight, and how that came."""
    case: Case

    @property
    def calibration(self) -> Calibration:
        """The parameters in force."""
        return self.parameters.calibration


@dataclass(frozen=True)
class Replanned:
    """What a nightly job leaves behind."""

    run: archive.Run
    report_html: Path
    published: Delivery | None
    """None on a dry run."""
    would_write: Delivery | None
    """On a dry run: what publishing would do."""
    too_nervous: str
    """On a dry run: why the plan would not be published; empty when it would."""
    ledger_row: dict[str, Any]


def replan(
    config: ReplanConfig,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    closeness: Closeness | None = None,
    planner: Planner = robust_plan,
    targets: Targets | None = None,
    now: datetime | None = None,
) -> Replanned:
    """Run the whole chain once.

    ``targets`` are those of the configuration where none are given; ``now`` is what the rule of a
    cut-off is reckoned from, the clock's where it is left out.

    Raises
    ------
    Locked, InputError, UnfitData, FeedMissing, StoreAway, Infeasible, PublishRefused, ErpAway,
    Partial, DiskFull
        See :mod:`twin.errors`; the ledger keeps a row of each but the first.
    """
    with recorded(config, "replan", targets) as execution:
        if dry_run:
            execution.status = DRY_RUN
        tell = execution.log.beside(progress or _silent)
        now = now or datetime.now(UTC)
        if not dry_run:
            tell("deliver what was decided before", 0, 1)
            deliver_pending(execution, moment_of(config.cut_off, now))
        inputs = _read(execution, tell, now)
        previous = last_published(config.archive, inputs.cut_off)
        execution.run_id = run_identity(config, inputs, previous)
        run = _decided(execution, closeness)
        if run is None:
            run = _planned(execution, inputs, previous, planner, tell, closeness)
        return _published(execution, run, dry_run, tell)


def _read(execution: Execution, tell: Progress, now: datetime) -> Inputs:
    tell("read log, orders, prices", 0, 1)
    config = execution.config
    execution.details |= {"versions": versions(), "seed": config.seed}
    inputs = read_inputs(config, now)
    execution.details |= {
        "inputs": inputs.hashes,
        "cut_off": inputs.cut_off.isoformat(),
        "orders": len(inputs.orders),
        "events": len(inputs.log),
    }
    return inputs


def _decided(execution: Execution, closeness: Closeness | None) -> archive.Run | None:
    """The archived run, where the same inputs were decided on before; a fallback plan is tried to
    be bettered."""
    if execution.run_id not in execution.outbox.decided():
        return None
    try:
        run = archive.load_run(execution.config.archive / execution.run_id)
    except InputError:  # damaged or taken away: planned again
        return None
    if run.schedule.status == "fallback" or (closeness and not run.extras.get("closeness")):
        return None
    execution.log.info("decided before", run=run.id)
    execution.details |= run.ledger_row
    return run


def _planned(
    execution: Execution,
    inputs: Inputs,
    previous: archive.Run | None,
    planner: Planner,
    tell: Progress,
    closeness: Closeness | None,
) -> archive.Run:
    """Prepare, plan, check and prove; the run is archived when this returns."""
    config, run_id = execution.config, execution.run_id
    ready = prepare(config, tell, inputs)
    case, last = ready.case, previous.schedule if previous else None
    schedule = _schedule(config, case, last, planner, tell)
    tell("check the plan", 0, 1)
    _refuse_faults(schedule, case, last)
    moves = nervousness.moves_between(case, last, schedule) if last else None
    proof, naive = (
        prove(
            case, candidate, name=name, replications=config.replications, seed=config.seed,
            progress=tell,
        )
        for name, candidate in (("plan", schedule), ("naive plan", naive_plan(case)))
    )  # fmt: skip
    risk = risks_of_report(case, proof.report)
    night = ready.parameters.night
    execution.details |= {
        "status_of_plan": schedule.status,
        "note": schedule.note,
        "total_cost": schedule.value.total_cost if schedule.value else None,
        "replications": proof.report.replications,
        "set_aside": sum(ready.diagnosis.set_aside.values()),
        "unplaced": list(schedule.unplaced),
        "parameters": f"{night.verdict}: {night.why}",
        "compared_with": previous.id if previous else None,
        "moved": len(moves.moves) if moves else None,
        "frozen": moves.frozen if moves else 0,
        "frozen_kept": moves.kept if moves else 0,
        "below_risk_limit": [one.order for one in risk if not one.is_kept],
    }
    run = archive.Run(
        id=run_id,
        folder=config.archive / run_id,
        case=case,
        schedule=schedule,
        report=proof.report,
        naive_report=naive.report,
        previous=last,
        comparison=difference(naive.outcomes, proof.outcomes),
        ledger_row={**execution.details, "run_id": run_id},
        extras={
            "diagnosis": ready.diagnosis.to_dict(),
            "calibration": json.loads(ready.calibration.to_json()),
            "parameters": ready.parameters.to_dict(),
            "closeness": closeness(case, ready) if closeness else None,
            "notes": list(ready.inputs.notes),
            "moves": moves.to_dict() if moves else None,
            "risk": [one.to_dict() for one in risk],
        },
    )
    tell("archive and report", 0, 1)
    archive.save_run(config.archive, run, partial(write_html, run, ready))
    return run


def _schedule(
    config: ReplanConfig,
    case: Case,
    previous: Schedule | None,
    planner: Planner,
    tell: Progress,
) -> Schedule:
    """The optimiser's plan or the fallback's, calmed down where it moves too much."""

    def plan(of: Case) -> Schedule:
        return tonights_plan(of, previous, config, planner, tell)

    schedule = plan(case)
    if previous is None or config.nervousness is None:
        return schedule
    return nervousness.calm_plan(case, previous, config.nervousness, plan, schedule)


def _published(execution: Execution, run: archive.Run, dry_run: bool, tell: Progress) -> Replanned:
    """Publish an archived run, or on a dry run say what publishing would do."""
    page, bound = run.folder / archive.HTML, execution.config.nervousness
    nervous = ""
    if bound and run.previous:
        nervous = nervousness.refusal(run.case, run.previous, bound, run.schedule)
    if dry_run:
        tell("compare with the ERP", 0, 1)
        would = compare(execution, run)
        return Replanned(run, page, None, would, nervous, dict(execution.details))
    if nervous:
        raise nervousness.TooNervous(nervous)
    tell("publish to the ERP", 0, 1)
    delivery = decide_and_deliver(execution, run)
    execution.details["changed"] = delivery.changed
    return Replanned(run, page, delivery, None, "", dict(run.ledger_row))


def _refuse_faults(schedule: Schedule, case: Case, previous: Schedule | None) -> None:
    """Nothing leaves the house that has not passed ``check``."""
    found = check(
        schedule, case.plant, case.orders, case.forecast, case.state, previous, case.demands
    )
    if found.faults:
        raise PublishRefused(
            "the optimiser's plan breaks its own rules, nothing was published:\n"
            + "\n".join(str(fault) for fault in found.faults)
        )


def prepare(
    config: ReplanConfig, progress: Progress | None = None, inputs: Inputs | None = None
) -> Prepared:
    """Read, diagnose, calibrate and replay: everything before the plan. Nothing is written.

    ``inputs`` are read where they are not given.

    Raises
    ------
    UnfitData
        If the data cannot carry a plan; the message says why and what is missing.
    """
    from scenarios.updating import update
    from twin.calibration.calibrate import calibrated
    from twin.calibration.replay import shop_state

    tell = progress or _silent
    if inputs is None:
        tell("read log, orders, prices", 0, 1)
        inputs = read_inputs(config)
    tell("diagnose the log", 0, 1)
    diagnosis = inputs.diagnosed()
    refuse_unfit(config, inputs, diagnosis)
    parameters = update(config, inputs, diagnosis.clean, tell)
    twin = calibrated(inputs.plant, parameters.calibration)
    tell("replay the shop", 0, 1)
    state = shop_state(diagnosis.clean, twin, inputs.orders, inputs.cut_off)
    if inputs.order_states is not None:
        state = replace(state, orders=inputs.order_states)
    forecast = inputs.forecast
    if config.peak_incurred_kw is None:
        peak = metered_peak(diagnosis.clean, inputs.plant, config, forecast.horizon)
        forecast = replace(forecast, peak_incurred_kw=peak)
    return Prepared(
        inputs, diagnosis, parameters, Case(twin, inputs.orders, forecast, state, config.plan)
    )


def run_identity(config: ReplanConfig, inputs: Inputs, previous: archive.Run | None = None) -> str:
    """Name of a run: its cut-off, and a hash of everything that decides its figures, the plan it
    is compared with included."""
    settings = config.model_dump(
        mode="json",
        include={
            "horizon_days", "replications", "seed", "discover", "time_limit_s", "plan",
            "calibration", "nervousness",
        },
    )  # fmt: skip
    before = parameter_store.champion(config.archive, inputs.cut_off)
    parameters = before.calibration.to_json() if before and config.discover is None else ""
    last = previous.id if previous else ""
    content = json.dumps(
        [inputs.hashes, settings, version("noria"), parameters, last], sort_keys=True
    )
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{inputs.cut_off.astimezone(inputs.plant.zone):%Y-%m-%dT%H%M}-{digest}"


def last_plan(folder: Path, case: Case) -> Schedule | None:
    """The latest published plan that was made for an earlier cut-off: last night's."""
    previous = last_published(folder, case.horizon.start)
    return previous.schedule if previous else None


def last_published(folder: Path, before: datetime) -> archive.Run | None:
    """The run whose plan was published last, of those made for an earlier cut-off; after a
    rollback, the one gone back to."""
    for id in reversed(Ledger(folder).publications()):
        try:
            run = archive.load_run(folder / id)
        except InputError:  # damaged: nothing to compare with
            continue
        if run.case.horizon.start < before:
            return run
    return None


def write_html(run: archive.Run, ready: Prepared, path: Path) -> None:
    """The self-contained report of a run."""
    from dashboards.html_report import write_report

    write_report(
        path,
        plant=run.case.plant,
        orders=run.case.orders,
        forecast=run.case.forecast,
        schedule=run.schedule,
        report=run.report,
        previous=run.previous,
        comparison=run.comparison,
        calibration=ready.calibration,
        parameters=ready.parameters.nights,
        diagnosis=ready.diagnosis,
        closeness=run.extras["closeness"],
        moves=Moves.from_dict(run.extras["moves"]) if run.extras["moves"] else None,
        ledger_row=run.ledger_row,
        risk=risk_words(risks_of_report(run.case, run.report)),
        notes=ready.inputs.notes,
    )


def versions() -> dict[str, str]:
    """Versions that decide a result."""
    return {
        name: version(name) for name in ("noria", "numpy", "pandas", "simpy", "pyomo", "highspy")
    }


def _silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""
