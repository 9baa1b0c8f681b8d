"""Brings decided plans to their targets: the drop folder and the ERPs of a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from scenarios import archive, parameter_store
from scenarios.execution import Execution, Targets
from scenarios.outbox import Letter
from twin.calibration.estimates import Calibration
from twin.connectors.whole_files import room_for
from twin.erp.signature import PlanToPublish, Written
from twin.errors import DiskFull, ErpAway, InputError, NoriaError, Partial, PublishRefused


@dataclass
class Delivery:
    """What became of one plan, target by target."""

    run: str
    written: dict[str, Written] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)
    """Targets that could not be reached, with the reason; the plan waits for them."""
    refused: dict[str, str] = field(default_factory=dict)
    """Targets that took nothing, with the reason."""

    @property
    def changed(self) -> bool:
        """False when every target already held the plan."""
        return any(written.written for written in self.written.values())

    @property
    def lines(self) -> list[str]:
        """One line a target, in words."""
        return [
            *(written_text(written) for written in self.written.values()),
            *(f"{name}: not reached; {why}" for name, why in self.away.items()),
            *(f"{name}: refused; {why}" for name, why in self.refused.items()),
        ]


def plan_to_publish(run: archive.Run, frozen_until: datetime | None = None) -> PlanToPublish:
    """An archived run on its way; the frozen window is that of the run unless said otherwise."""
    freeze = timedelta(minutes=run.case.demands.freeze)
    return PlanToPublish(
        run=run.id,
        schedule=run.schedule,
        plant=run.case.plant,
        orders=run.case.orders,
        report=run.report,
        changes=run.extras.get("moves"),
        frozen_until=frozen_until or run.case.horizon.start + freeze,
    )


def decide_and_deliver(
    execution: Execution, run: archive.Run, frozen_until: datetime | None = None
) -> Delivery:
    """Decide a plan in the ledger, then bring it to every target.

    Raises
    ------
    ErpAway, PublishRefused, Partial, DiskFull
        When not every target took all of it. What did not arrive for want of a connection or of
        room stays in the outbox.
    """
    targets = execution.targets
    plan = plan_to_publish(run, frozen_until)
    letters = execution.outbox.decide(
        execution.number, run.id, content_of(run), targets, execution.details
    )
    execution.log.info("decided", run=run.id, targets=list(targets))
    delivery = deliver(execution, letters, plan, targets)
    execution.details["targets"] = delivery.lines
    _accept_parameters(execution, run, delivery)
    refuse_incomplete(delivery, run.folder)
    return delivery


def deliver_pending(execution: Execution, now: datetime) -> list[Delivery]:
    """Bring what an earlier execution decided, and could not bring, to its targets.

    A target that still cannot be reached keeps its letter; tonight's decision will supersede it. A
    plan whose horizon is over, whose archive is damaged, or whose target the configuration no
    longer has, is not published any more.
    """
    targets = execution.targets
    by_run: dict[str, list[Letter]] = {}
    for letter in execution.outbox.pending():
        by_run.setdefault(letter.run, []).append(letter)
    found = []
    for id, letters in by_run.items():
        wanted = [letter for letter in letters if letter.target in targets]
        for letter in letters:
            if letter.target not in targets:
                _drop(execution, letter, "the configuration no longer has this target")
        try:
            run = archive.load_run(execution.config.archive / id)
        except InputError as error:
            for letter in wanted:
                _drop(execution, letter, f"its run cannot be read: {error}")
            continue
        if run.case.horizon.end <= now:
            for letter in wanted:
                _drop(execution, letter, "its horizon is over")
            continue
        delivery = deliver(execution, wanted, plan_to_publish(run), targets)
        _accept_parameters(execution, run, delivery)
        found.append(delivery)
    return found


def deliver(
    execution: Execution,
    letters: Sequence[Letter],
    plan: PlanToPublish,
    targets: Targets,
) -> Delivery:
    """Publish one plan to the target of each letter, and mark what became of it."""
    outbox, redact = execution.outbox, execution.config.keyring.redact
    delivery = Delivery(plan.run)
    for letter in letters:
        name = letter.target
        outbox.attempt(letter)
        try:
            with room_for(execution.config.archive, "the plan waits in the outbox"):
                written = targets[name].publish(plan, outbox.memory(name), execution.config.keyring)
        except ErpAway as error:
            delivery.away[name] = redact(str(error))
            outbox.mark(letter, "pending", delivery.away[name])
        except DiskFull as error:
            outbox.mark(letter, "pending", redact(str(error)))
            raise
        except NoriaError as error:
            delivery.refused[name] = redact(str(error))
            outbox.mark(letter, "refused", delivery.refused[name])
        except Exception as error:  # of a connector: the other targets, and later nights, go on
            delivery.refused[name] = redact(
                f"its connector failed ({type(error).__name__}: {error})"
            )
            outbox.mark(letter, "refused", delivery.refused[name])
        else:
            delivery.written[name] = written
            outbox.mark(letter, "sent", redact(_refused_text(written)))
        _log(execution, name, delivery)
    return delivery


def compare(
    execution: Execution, run: archive.Run, frozen_until: datetime | None = None
) -> Delivery:
    """What publishing a run would write; nothing is written."""
    delivery = Delivery(run.id)
    keyring = execution.config.keyring
    for name, target in execution.targets.items():
        try:
            memory = execution.outbox.memory(name)
            plan = plan_to_publish(run, frozen_until)
            delivery.written[name] = target.compare(plan, memory, keyring)
        except ErpAway as error:
            delivery.away[name] = keyring.redact(str(error))
        except NoriaError as error:
            delivery.refused[name] = keyring.redact(str(error))
    return delivery


def refuse_incomplete(delivery: Delivery, folder: Path) -> None:
    """Say what did not arrive, and what did.

    Raises
    ------
    ErpAway
        When a target could not be reached: it is brought there when the next execution begins.
    PublishRefused
        When no target took anything.
    Partial
        When some was taken and some refused.
    """
    in_part = [written for written in delivery.written.values() if not written.is_whole]
    if not (delivery.away or delivery.refused or in_part):
        return
    text = "\n".join([*delivery.lines, f"the plan is archived: {folder}"])
    if delivery.away:
        waits = ", ".join(delivery.away)
        raise ErpAway(
            f"{text}\nit waits in the outbox for {waits}, and goes there when the next run begins "
            "or when noria replan is started again"
        )
    if not delivery.written:
        raise PublishRefused(text)
    raise Partial(text)


def written_text(written: Written) -> str:
    """What publishing to one target did, in one line and those refused."""
    if not written.written and written.is_whole and not written.files:
        line = f"{written.target}: already published, nothing changed"
    else:
        line = f"{written.target}: {written.written} written, {written.unchanged} as they were"
    if written.files:
        line += f" ({', '.join(written.files)})"
    if written.untouched:
        line += f", {len(written.untouched)} left alone"
    return "\n".join([line, *_refusals(written)])


def content_of(run: archive.Run) -> str:
    """Hash of a plan: equal plans have equal hashes."""
    return sha256(run.schedule.to_json().encode()).hexdigest()


def _refusals(written: Written) -> list[str]:
    return [
        f"{written.target}: {order} refused; {why}"
        for order, why in sorted(written.refused.items())
    ]


def _refused_text(written: Written) -> str:
    return "; ".join(_refusals(written))


def _drop(execution: Execution, letter: Letter, why: str) -> None:
    execution.outbox.mark(letter, "superseded", why)
    execution.log.error("not published any more", run=letter.run, target=letter.target, why=why)


def _log(execution: Execution, name: str, delivery: Delivery) -> None:
    if name in delivery.written:
        written = delivery.written[name]
        execution.log.info(
            "published", target=name, run=delivery.run, written=written.written,
            unchanged=written.unchanged, untouched=len(written.untouched),
            refused=dict(written.refused),
        )  # fmt: skip
    else:
        why = delivery.away.get(name) or delivery.refused.get(name, "")
        execution.log.error("not published", target=name, run=delivery.run, why=why)


def _accept_parameters(execution: Execution, run: archive.Run, delivery: Delivery) -> None:
    """The parameters a plan was made with are in force once it has reached a target."""
    told = run.extras.get("parameters")
    if not delivery.written or not told:
        return
    night = parameter_store.Night.from_dict({**told["in_force"], "run": run.id})
    if night.verdict != "kept":
        own = Calibration.from_json(json.dumps(run.extras["calibration"]))
        night = replace(night, calibration=own)
    parameter_store.save(execution.config.archive, night)
