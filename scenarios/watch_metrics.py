"""What monitoring sees of the live twin: a text file that Prometheus' node exporter picks up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

FILE = "noria-watch.prom"


def write_metrics(path: Path, live: Mapping[str, Any], seconds: float) -> None:
    """Replace the file in one stroke; ``seconds`` is what the last look took."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    from twin.connectors.whole_files import write_text

    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"noria_watch_{name}", text, labels, registry=registry)

    now = datetime.fromisoformat(live["at"])
    gauge("last_look_timestamp_seconds", "When the live twin last looked.").set(now.timestamp())
    gauge("look_seconds", "How long the last look took.").set(round(seconds, 3))
    gauge("plan_age_seconds", "Since the cut-off of the plan.").set(live["plan"]["age_min"] * 60)
    gauge("events", "Events followed since the log was last read whole.").set(
        live["data"]["arrived"]
    )
    newest = live["data"]["newest"]
    if newest:
        age = (now - datetime.fromisoformat(newest)).total_seconds()
        gauge("data_age_seconds", "Since the latest event.").set(max(age, 0.0))
    units = gauge("work_units", "Work units by state.", "state")
    for state, count in Counter(unit["state"] or "unknown" for unit in live["units"]).items():
        units.labels(state).set(count)
    alerts = gauge("alerts", "Alerts that stand.", "kind", "severity")
    for (kind, severity), count in Counter(
        (alert["kind"], alert["severity"]) for alert in live["alerts"]
    ).items():
        alerts.labels(kind, severity).set(count)
    chance = gauge("order_chance_on_time", "Chance of an open order to be on time.", "order")
    behind = gauge("order_behind_minutes", "Behind the plan, negative ahead.", "order")
    for row in live["orders"]:
        if row["chance"]:
            chance.labels(row["order"]).set(row["chance"][0])
        if row["behind_min"] is not None:
            behind.labels(row["order"]).set(row["behind_min"])
    write_text(path, generate_latest(registry).decode())
