"""The nightly job: from last night's data to a proven, published plan.

Each step is a function of values; only the first (reading) and the last three (archive, publish,
ledger) touch the world. Nothing is published that has not passed ``check``, and a job that is
killed leaves either the old plan or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import archive, parameter_store
from scenarios.inputs import Inputs, metered_peak, read_inputs
from scenarios.ledger import PUBLISHED, Ledger, locked
from scenarios.risk import risk_words, risks_of_report
from scenarios.robust import robust_plan
from scenarios.run import Progress, naive_plan, prove
from scenarios.scenario import Case
from scenarios.settings import ReplanConfig
from twin.accounting.check import check
from twin.accounting.comparison import compare
from twin.accounting.moves import Moves, moves_of
from twin.errors import InputError, NoriaError, PublishRefused, UnfitData
from twin.model.schedule import Schedule

if TYPE_CHECKING:
    from scenarios.updating import Updated
    from twin.calibration.diagnosis import Diagnosis
    from twin.calibration.estimates import Calibration
    from twin.connectors.plan_drop import Published

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
    published: Published | None
    """None on a dry run."""
    ledger_row: dict[str, Any]


def replan(
    config: ReplanConfig,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    closeness: Closeness | None = None,
) -> Replanned:
    """Run the whole chain once.

    Raises
    ------
    Locked, InputError, UnfitData, Infeasible, PublishRefused
        See :mod:`twin.errors`; the ledger keeps a row of each but the first.
    """
    with locked(config.archive):
        ledger = Ledger(config.archive)
        number = ledger.begin()
        details: dict[str, Any] = {"versions": versions()}
        run_id, status, code = "", "failed", 1
        try:
            done = _chain(config, dry_run, progress or _silent, closeness, details)
            run_id, status, code = done.run.id, "dry run" if dry_run else PUBLISHED, 0
            return done
        except NoriaError as error:
            status, code = type(error).__name__, error.exit_code
            details["message"] = str(error)
            raise
        except KeyboardInterrupt:
            status, code = "interrupted", 130
            raise
        finally:
            ledger.end(number, status=status, exit_code=code, run_id=run_id, details=details)


def _chain(
    config: ReplanConfig,
    dry_run: bool,
    progress: Progress,
    closeness: Closeness | None,
    details: dict[str, Any],
) -> Replanned:
    ready = prepare(config, progress)
    case, run_id = ready.case, run_identity(config, ready.inputs)
    night = replace(ready.parameters.night, run=run_id)
    details |= {"inputs": ready.inputs.hashes, "seed": config.seed, "orders": len(case.orders)}
    previous = last_plan(config.archive, case)

    schedule = robust_plan(
        case, previous=previous, seed=config.seed, time_limit=config.time_limit_s, progress=progress
    )
    progress("check the plan", 0, 1)
    _refuse_faults(schedule, case, previous)
    moves = _moves(schedule, case, previous)
    proof, naive = (
        prove(
            case, candidate, name=name, replications=config.replications, seed=config.seed,
            progress=progress,
        )
        for name, candidate in (("plan", schedule), ("naive plan", naive_plan(case)))
    )  # fmt: skip
    risk = risks_of_report(case, proof.report)
    details |= {
        "status_of_plan": schedule.status,
        "total_cost": schedule.value.total_cost if schedule.value else None,
        "replications": proof.report.replications,
        "set_aside": sum(ready.diagnosis.set_aside.values()),
        "unplaced": list(schedule.unplaced),
        "parameters": f"{night.verdict}: {night.why}",
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
        previous=previous,
        comparison=compare(naive.outcomes, proof.outcomes),
        ledger_row={**details, "run_id": run_id},
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
    progress("archive and report", 0, 1)
    archive.save_run(config.archive, run, partial(write_html, run, ready))
    published = None
    if not dry_run:
        published = _publish(run, config.publish, progress)
        parameter_store.save(config.archive, night)
    details["changed"] = bool(published and published.changed)
    return Replanned(run, run.folder / archive.HTML, published, dict(run.ledger_row))


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


def _moves(schedule: Schedule, case: Case, previous: Schedule | None) -> Moves | None:
    """What moved since last night and why; None without a plan of last night."""
    if previous is None:
        return None
    return moves_of(
        schedule, previous, case.plant, case.orders, case.forecast, case.state, case.demands
    )


def prepare(config: ReplanConfig, progress: Progress | None = None) -> Prepared:
    """Read, diagnose, calibrate and replay: everything before the plan. Nothing is written.

    Raises
    ------
    UnfitData
        If the data cannot carry a plan; the message says why and what is missing.
    """
    from scenarios.updating import update
    from twin.calibration.calibrate import calibrated
    from twin.calibration.replay import shop_state

    tell = progress or _silent
    tell("read log, orders, prices", 0, 1)
    inputs = read_inputs(config)
    tell("diagnose the log", 0, 1)
    diagnosis = inputs.diagnosed()
    if diagnosis.refusal:
        raise UnfitData(f"{config.mes.path}: {diagnosis.refusal}")
    _refuse_stale(config, diagnosis, inputs)
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


def _refuse_stale(config: ReplanConfig, diagnosis: Diagnosis, inputs: Inputs) -> None:
    last = diagnosis.clean.table["time"].max()
    age_h = (inputs.cut_off - last).total_seconds() / 3600
    if age_h > config.stale_after_h:
        raise UnfitData(
            f"{config.mes.path}: the last event is {age_h:.1f} h older than the cut-off "
            f"{inputs.cut_off.isoformat()}; at most {config.stale_after_h:g} h is allowed; "
            "bring the log up to date or raise stale_after_h"
        )


def run_identity(config: ReplanConfig, inputs: Inputs) -> str:
    """Name of a run: its cut-off, and a hash of everything that decides its figures."""
    settings = config.model_dump(
        mode="json",
        include={
            "horizon_days", "replications", "seed", "discover", "time_limit_s", "plan",
            "calibration",
        },
    )  # fmt: skip
    before = parameter_store.champion(config.archive, inputs.cut_off)
    parameters = before.calibration.to_json() if before and config.discover is None else ""
    content = json.dumps([inputs.hashes, settings, version("noria"), parameters], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{inputs.cut_off.astimezone(inputs.plant.zone):%Y-%m-%dT%H%M}-{digest}"


def last_plan(folder: Path, case: Case) -> Schedule | None:
    """The latest published plan that was made for an earlier cut-off: last night's."""
    published = Ledger(folder).published()
    for candidate in reversed(archive.run_folders(folder)):
        if candidate.name not in published:
            continue
        try:
            schedule = archive.load_run(candidate).schedule
        except InputError:  # damaged: nothing to compare with
            continue
        if schedule.horizon.start < case.horizon.start:
            return schedule
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


def _publish(run: archive.Run, folder: Path, progress: Progress) -> Published:
    from twin.connectors.plan_drop import publish

    progress("publish to the ERP drop", 0, 1)
    return publish(
        run.schedule, run.case.plant, run.case.orders, run.report, folder, run.extras["moves"]
    )


def versions() -> dict[str, str]:
    """Versions that decide a result."""
    return {
        name: version(name) for name in ("noria", "numpy", "pandas", "simpy", "pyomo", "highspy")
    }


def _silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""
