"""Back to an earlier plan: published again to every target, through the same outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scenarios import archive
from scenarios.cut_off import moment_of
from scenarios.execution import DRY_RUN, Execution, Targets, recorded
from scenarios.publication import Delivery, compare, decide_and_deliver
from scenarios.run import Progress
from scenarios.settings import ReplanConfig
from twin.errors import Fault, InputError, did_you_mean


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did."""

    run: archive.Run
    """Whose plan is in force now."""
    instead_of: str
    """Run whose plan was in force before."""
    delivery: Delivery
    """On a dry run: what publishing would do."""


def rollback(
    config: ReplanConfig,
    to: str | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    targets: Targets | None = None,
    now: datetime | None = None,
) -> RolledBack:
    """Publish the plan before the one in force again, or that of a run.

    The next night compares with it. Orders that start within the frozen window from now keep what
    the ERP says. ``now`` is the moment; left out, the clock's, or the cut-off where the
    configuration has a fixed one.

    Raises
    ------
    InputError
        When there is no such plan, or its horizon is over.
    Locked, PublishRefused, ErpAway, Partial, DiskFull
        As of the nightly job.
    """
    with recorded(config, "rollback", targets) as execution:
        if dry_run:
            execution.status = DRY_RUN
        moment = now or moment_of(config.cut_off, datetime.now(UTC))
        published = execution.ledger.publications()
        run = _run(config, _wanted(config, published, to), moment)
        execution.run_id = run.id
        execution.details |= {"instead_of": published[-1], "rolled_back_to": run.id}
        if progress:
            progress(f"roll back to {run.id}", 0, 1)
        delivery = _published(execution, run, moment, dry_run)
        return RolledBack(run, published[-1], delivery)


def _published(execution: Execution, run: archive.Run, moment: datetime, dry_run: bool) -> Delivery:
    frozen_until = moment + timedelta(minutes=execution.config.plan.freeze)
    if dry_run:
        return compare(execution, run, frozen_until)
    return decide_and_deliver(execution, run, frozen_until)


def _wanted(config: ReplanConfig, published: list[str], to: str | None) -> str:
    """Id of the run to go back to."""
    source = str(config.archive)
    if not published:
        found = "no plan was published from this archive; there is none to go back to"
        raise InputError(source, [Fault("rollback", found)])
    if to is not None:
        if to not in published:
            hint = did_you_mean(to, dict.fromkeys(published))
            found = f'"{to}" is no run whose plan was published; {hint}'
            raise InputError("--to", [Fault("", found)])
        return to
    earlier = [id for id in published if id != published[-1]]
    if not earlier:
        found = f"{published[-1]} is the only plan that was published; there is none before"
        raise InputError(source, [Fault("rollback", found)])
    return earlier[-1]


def _run(config: ReplanConfig, id: str, moment: datetime) -> archive.Run:
    """The archived run, if its plan still says something."""
    run = archive.load_run(config.archive / id)
    horizon = run.case.horizon
    if horizon.end <= moment:
        zone = run.case.plant.zone
        found = (
            f"its horizon ended {horizon.end.astimezone(zone):%Y-%m-%d %H:%M}, before "
            f"{moment.astimezone(zone):%Y-%m-%d %H:%M}; a plan with days to come is expected"
        )
        remedy = "name a later run with --to, or plan anew with noria replan"
        raise InputError(f"run {id}", [Fault("", found, remedy)])
    return run
