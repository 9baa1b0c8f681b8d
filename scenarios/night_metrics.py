"""Figures of the last execution of the nightly job as Prometheus text, for a node exporter.

``ARCHIVE/noria-replan.prom`` is replaced in one stroke when an execution ends, however it ends; one
that found the lock taken leaves the other's figures alone. Point the textfile collector of the node
exporter at the archive, or link the file into its folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from twin.connectors.whole_files import write_text

FILE = "noria-replan.prom"


@dataclass(frozen=True)
class LastRun:
    """What is told of an execution."""

    exit_code: int
    ended: datetime
    seconds: float
    last_success: datetime | None
    """When an execution last ended well, this one included."""
    pending: Mapping[str, int]
    """Plans that wait in the outbox, by target."""
    details: Mapping[str, Any]
    """As in the ledger row."""


def write_metrics(archive: Path, run: LastRun) -> None:
    """Replace the metrics file."""
    write_text(archive / FILE, metrics_text(run))


def metrics_text(run: LastRun) -> str:
    """The figures, one metric each; those that the execution did not come to are left out."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float | None) -> None:
        if value is not None:
            Gauge(f"noria_replan_{name}", text, registry=registry).set(value)

    details = run.details
    gauge("exit_code", "Exit code of the last execution; 0 is good.", run.exit_code)
    gauge("duration_seconds", "Duration of the last execution.", run.seconds)
    gauge("ended_timestamp_seconds", "When the last execution ended.", run.ended.timestamp())
    gauge(
        "last_success_timestamp_seconds", "When an execution last ended well.",
        run.last_success.timestamp() if run.last_success else None,
    )  # fmt: skip
    gauge("orders", "Open orders of the last execution.", _number(details, "orders"))
    gauge("unplaced_orders", "Orders for which no place was found.", _count(details, "unplaced"))
    gauge("cost", "Cost of the plan on paper, currency.", _number(details, "total_cost"))
    gauge("moved", "Operations and tasks moved against last night.", _number(details, "moved"))
    gauge("set_aside_events", "Events of the log not used.", _number(details, "set_aside"))
    status = details.get("status_of_plan")
    gauge(
        "fallback", "1 when the optimiser failed and the plan stands in for its.",
        None if status is None else float(status == "fallback"),
    )  # fmt: skip
    waiting = Gauge(
        "noria_replan_outbox_pending", "Plans decided that have not reached their target.",
        ["target"], registry=registry,
    )  # fmt: skip
    for target, count in run.pending.items():
        waiting.labels(target).set(count)
    return generate_latest(registry).decode()


def _number(details: Mapping[str, Any], name: str) -> float | None:
    value = details.get(name)
    return float(value) if isinstance(value, int | float) else None


def _count(details: Mapping[str, Any], name: str) -> float | None:
    return float(len(details[name])) if isinstance(details.get(name), list) else None
