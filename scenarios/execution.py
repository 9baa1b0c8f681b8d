"""One execution of the nightly job from lock to notification, whatever happens inside it.

It has a row in the ledger, lines in the log, figures in the metrics file, and tells the plant's own
command how it ended. What could not be recorded never hides what went wrong before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from scenarios.ledger import PUBLISHED, Ledger, locked
from scenarios.night_metrics import LastRun, write_metrics
from scenarios.notify import notify, occasions
from scenarios.outbox import Outbox
from scenarios.run_log import RunLog
from scenarios.settings import DROP, ReplanConfig
from twin.connectors.whole_files import room_for
from twin.erp.drop import DropErp
from twin.erp.signature import ErpWriter
from twin.errors import NoriaError
from twin.secrets import look_up_secrets

INTERRUPTED = 130
DRY_RUN = "dry run"
"""Status of an execution that publishes nothing."""
Targets = Mapping[str, ErpWriter]
"""What plans go to, by name."""


@dataclass
class Execution:
    """What an execution is known by, and what is to be told of it."""

    config: ReplanConfig
    command: str
    ledger: Ledger
    log: RunLog
    number: int
    run_id: str = ""
    status: str = PUBLISHED
    """In the ledger, when it ends well."""
    details: dict[str, Any] = field(default_factory=dict)
    given: Targets | None = None
    """What plans go to; none: as configured."""
    began: float = field(default_factory=monotonic)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.ledger)

    @property
    def targets(self) -> Targets:
        """Everything that plans go to, by name, in the order it is written to."""
        if self.given is not None:
            return self.given
        targets: list[ErpWriter] = []
        if self.config.publish is not None:
            targets.append(DropErp(name=DROP, folder=self.config.publish))
        targets += [erp for erp in self.config.erp if erp.writes]
        return {target.name: target for target in targets}


@contextmanager
def recorded(
    config: ReplanConfig, command: str, targets: Targets | None = None
) -> Iterator[Execution]:
    """Hold the archive's lock and record what the block does.

    Raises
    ------
    Locked
        At once, if another execution holds the lock; nothing is recorded then.
    InputError
        At once, if a secret that the configuration names is not there.
    DiskFull
        Wherever in the block there was no room to write.
    """
    with locked(config.archive):
        ledger = Ledger(config.archive)
        row = _begun(ledger)
        number = row if isinstance(row, int) else 0
        log = RunLog(config.archive, command, number, config.keyring)
        execution = Execution(config, command, ledger, log, number, given=targets)
        status, code = "failed", 1
        try:
            if isinstance(row, NoriaError):
                raise row
            log.info("begun", archive=str(config.archive))
            look_up_secrets(config, config.keyring)
            with room_for(config.archive), ledger.kept_open():
                yield execution
            status, code = execution.status, 0
        except NoriaError as error:
            told = without_secrets(error, config)
            status, code = type(error).__name__, error.exit_code
            execution.details["message"] = str(told)
            raise told from None
        except KeyboardInterrupt:
            status, code = "interrupted", INTERRUPTED
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            execution.details["message"] = config.keyring.redact(text)
            raise
        finally:
            _close(execution, status, code)


def without_secrets(error: NoriaError, config: ReplanConfig) -> NoriaError:
    """The same error; its text redacted, should a library have put a secret there."""
    text = config.keyring.redact(str(error))
    if text == str(error):
        return error
    told = type(error).__new__(type(error))
    Exception.__init__(told, text)
    return told


def _begun(ledger: Ledger) -> int | NoriaError:
    """The number of the row; or why there can be none, which is told as every failure is."""
    try:
        return ledger.begin()
    except NoriaError as error:
        return error


def _close(execution: Execution, status: str, code: int) -> None:
    """Complete row, log, metrics and notification.

    Raises
    ------
    NoriaError
        When all went well but the ledger cannot say so.
    """
    details, log = execution.details, execution.log
    details["seconds"] = round(monotonic() - execution.began, 1)
    log.step("")
    trouble: NoriaError | None = None
    try:
        execution.ledger.end(
            execution.number, status=status, exit_code=code, run_id=execution.run_id,
            details=details,
        )  # fmt: skip
    except NoriaError as error:
        trouble = error
        log.error("ledger not written", message=str(error))
        code = code or error.exit_code
    say = log.error if code else log.info
    say("ended", status=status, exit_code=code, run=execution.run_id, **_counts(details))
    if execution.status != DRY_RUN:  # which somebody tries out, and sees the end of
        _write_metrics(execution, code)
        _notify(execution, status, code)
    log.close()
    if trouble and status in (PUBLISHED, execution.status):
        raise trouble


def _write_metrics(execution: Execution, code: int) -> None:
    try:
        pending = dict.fromkeys(execution.targets, 0)
        for letter in execution.outbox.pending():
            pending[letter.target] = pending.get(letter.target, 0) + 1
        success = execution.ledger.last_success()
        now = datetime.now(UTC)
        seconds = execution.details["seconds"]
        last = LastRun(code, now, seconds, success, pending, execution.details)
        write_metrics(execution.config.archive, last)
    except (OSError, NoriaError) as error:
        execution.log.error("metrics not written", message=str(error))


def _notify(execution: Execution, status: str, code: int) -> None:
    settings, details = execution.config.notify, execution.details
    if settings is None or not occasions(code, details) & settings.on:
        return
    summary = {
        **{name: value for name, value in details.items() if name not in ("inputs", "versions")},
        "command": execution.command,
        "archive": str(execution.config.archive),
        "run_number": execution.number,
        "run": execution.run_id,
        "status": status,
        "exit_code": code,
    }
    if wrong := notify(settings, summary):
        execution.log.error("not notified", message=wrong)
    else:
        execution.log.info("notified", command_run=settings.command[0])


def _counts(details: dict[str, Any]) -> dict[str, Any]:
    """What of the details fits a line of log."""
    shown = (
        "message", "seconds", "orders", "status_of_plan", "total_cost", "moved", "set_aside",
        "frozen", "frozen_kept",
    )  # fmt: skip
    return {name: details[name] for name in shown if name in details}
