"""The health of the sources as Prometheus metrics.

Names follow Prometheus' rules: ``noria_ingest_``, base units, ``_total`` for what only grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from twin.ingest.health import Health


def metrics_text(health: Health) -> str:
    """Everything in Prometheus' text form."""
    return generate_latest(registry_of(health)).decode("utf-8")


def registry_of(health: Health) -> CollectorRegistry:
    """A registry that asks the sources anew each time it is read."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(health))
    return registry


COUNTERS = {
    "received": ("messages_received", "Messages handed over by the source."),
    "stored": ("events_stored", "New events in the store."),
    "duplicates": ("events_duplicate", "Events that were in the store already."),
    "held": ("messages_held", "Messages put into quarantine."),
    "ignored": ("messages_ignored", "Messages that are no events, by the mapping."),
    "missing": ("messages_missing", "Messages known to be lost before they came here."),
    "reconnects": ("reconnects", "Connections made after the first."),
    "restarts": ("restarts", "Starts of the source after an error."),
    "batches": ("batches", "Transactions with the store."),
    "store_seconds": ("store_seconds", "Time spent handing over to the store [s]."),
}
"""Field of the status: name between ``noria_ingest_`` and ``_total``, and what it is."""
FLAGS = {
    "connected": ("connected", "Whether the connection stands (0 or 1)."),
    "silent": ("silent", "Whether the source has not been heard of for too long (0 or 1)."),
    "pending": ("messages_pending", "Messages received and not yet stored."),
    "delay_s": ("event_delay_seconds", "From the newest event stored last to its being stored."),
}
INSTANTS = {
    "last_event": ("last_event_timestamp_seconds", "Time of the newest event stored."),
    "last_stored": ("last_stored_timestamp_seconds", "When an event was last stored."),
}


@dataclass(eq=False)
class _Collector:
    """Health as metric families."""

    health: Health

    def collect(self) -> Iterator[Metric]:
        found = self.health.values()["sources"]
        labels = ["source", "kind"]
        for field, (name, text) in COUNTERS.items():
            counter = CounterMetricFamily(f"noria_ingest_{name}", text, labels=labels)
            for source, values in found.items():
                counter.add_metric([source, values["kind"]], values[field])
            yield counter
        for field, (name, text) in (FLAGS | INSTANTS).items():
            gauge = GaugeMetricFamily(f"noria_ingest_{name}", text, labels=labels)
            for source, values in found.items():
                if values[field] is not None:
                    gauge.add_metric([source, values["kind"]], _number(values[field]))
            yield gauge
        yield from self._of_all(any(values["store_away"] for values in found.values()))

    def _of_all(self, is_away: bool) -> Iterator[Metric]:
        text = "Whether the store takes nothing at the moment (0 or 1)."
        yield GaugeMetricFamily("noria_ingest_store_away", text, value=float(is_away))
        text = "When this ingester started."
        name = "noria_ingest_start_timestamp_seconds"
        yield GaugeMetricFamily(name, text, value=self.health.started)


def _number(value: Any) -> float:
    """A value of the status as a number; a time as seconds since 1970."""
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else float(value)
