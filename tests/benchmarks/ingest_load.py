"""Sustained load: MQTT messages at a steady rate into the event store, by ``noria ingest``.

    .venv/bin/python -m tests.benchmarks.ingest_load [--rate 2000] [--minutes 5] [--postgres]

Starts mosquitto, a publisher and the ingester, the latter on one core alone. The publisher writes
the time of sending into each message; this script follows the store and takes for each event the
time from sending to being seen there (*lag*), which is at most LOOK_SECONDS above the time to being
durable. Prints a line every ten seconds and a summary: rate, lag, memory of the ingester early,
half-way and at the end, its share of the core, and what was lost or came twice.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import yaml

from tests.benchmarks.measure import rounded, tell, tell_setting
from tests.services.mosquitto import private_mosquitto
from tests.services.postgres import Database, private_postgres
from tests.services.processes import Process, wait_until
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = 20
STATES = ("working", "standby", "setup", "down")
LOOK_SECONDS = 0.2
LINE_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
"""How long what was published may take to arrive after the end."""
TICK_SECONDS = 0.01
"""The publisher sends in steps of so much."""


def publish(port: int, rate: float, seconds: float) -> None:
    """Send messages at a steady rate; prints how many when the broker has them all."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, "load", protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    begin, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        for number in range(sent, round(elapsed * rate)):
            unit, seq = number % UNITS + 1, number // UNITS
            message = {
                "id": number,
                "seq": seq,
                "time": datetime.now(UTC).isoformat(),
                "event": "state",
                "state": STATES[seq % len(STATES)],
                "order": f"WO-{seq // 100}",
            }
            last = client.publish(f"plant/PRESS-{unit}", json.dumps(message), qos=1)
            sent += 1
        time.sleep(TICK_SECONDS)
    last.wait_for_publish(PATIENCE_SECONDS)
    wait_until(lambda: not client.want_write(), PATIENCE_SECONDS)
    print(json.dumps({"sent": sent, "seconds": time.monotonic() - begin}), flush=True)
    client.disconnect()
    client.loop_stop()


@dataclass
class Use:
    """What a process has used so far."""

    cpu_seconds: float
    resident_mib: float

    @staticmethod
    def of(pid: int) -> Use:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        ticks = int(stat[11]) + int(stat[12])
        return Use(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


@dataclass
class Follower:
    """Looks into the store and notes the lag of each event."""

    store: EventStore
    sequence: int = 0
    lags: list[np.ndarray[Any, Any]] = field(default_factory=list)

    def look(self) -> int:
        """How many events were new."""
        log, self.sequence = self.store.since(self.sequence)
        now = datetime.now(UTC)
        if len(log):
            self.lags.append((now - log.table["time"]).dt.total_seconds().to_numpy())
        return len(log)

    def quantiles(self, since: int = 0) -> dict[str, float]:
        """Lag [s] of the events of the looks after ``since``."""
        if len(self.lags) <= since:
            return {}
        lags = np.concatenate(self.lags[since:])
        p50, p99 = np.quantile(lags, [0.5, 0.99])
        return {"p50": rounded(p50), "p99": rounded(p99), "max": rounded(lags.max())}


def configuration(folder: Path, port: int, store: Any) -> Path:
    source = {
        "kind": "mqtt",
        "name": "load",
        "host": "127.0.0.1",
        "port": port,
        "topics": ["plant/+"],
        "fields": {"work_unit": "topic.1"},
        "key": ["id"],
        "sequence": "seq",
    }
    path = folder / "ingest.yaml"
    config = {"store": store, "metrics": {"every_s": 5}, "sources": [source]}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def measured(rate: float, minutes: float, database: Database | None) -> dict[str, Any]:
    """One run; the summary."""
    folder = Path(tempfile.mkdtemp(prefix="noria-load-"))
    setting = database.settings if database else {"url": "sqlite:///events.sqlite"}
    keyring = database.keyring(folder) if database else Keyring({}, folder)
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        limits = ("max_queued_messages 0", "max_inflight_messages 0")
        broker = stack.enter_context(private_mosquitto(*limits))
        config = configuration(folder, broker.port, setting)
        pinned = ["taskset", "-c", str(cores[-1])]
        command = [*pinned, sys.executable, "-m", "scenarios.cli", "ingest", str(config)]
        environ = database.environ if database else {}
        ingester = stack.enter_context(
            Process(command, folder / "ingest.log", folder=CHECKOUT, environ=environ)
        )
        status = folder / "ingest.status.json"
        wait_until(lambda: source_status(status)["connected"], 60, what="the ingester's login")
        store = stack.enter_context(
            open_store(StoreSettings.model_validate(setting), keyring, migrate=False)
        )
        words = [__file__, "--publish", str(broker.port), "--rate", str(rate)]
        sender = stack.enter_context(
            Process(
                [sys.executable, *words, "--minutes", str(minutes)],
                folder / "sender.log",
                folder=CHECKOUT,
            )
        )
        return followed(ingester, sender, broker.process, Follower(store), minutes, status)


def source_status(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["sources"]["load"]
    return found


def followed(
    ingester: Process,
    sender: Process,
    broker: Process,
    follower: Follower,
    minutes: float,
    status: Path,
) -> dict[str, Any]:
    begin = time.monotonic()
    first_cpu, broker_cpu = Use.of(ingester.pid).cpu_seconds, Use.of(broker.pid).cpu_seconds
    seen, looks, next_line, memory = 0, 0, LINE_SECONDS, []
    quiet_since = begin
    while sender.is_running or time.monotonic() - quiet_since < 3:
        new = follower.look()
        seen += new
        if new:
            quiet_since = time.monotonic()
        elapsed = time.monotonic() - begin
        memory.append((elapsed, Use.of(ingester.pid).resident_mib))
        if elapsed >= next_line:
            next_line += LINE_SECONDS
            lag = follower.quantiles(looks)
            tell(
                what="so far",
                s=round(elapsed),
                events=seen,
                lag_s=lag,
                rss_mib=rounded(memory[-1][1]),
            )
            looks = len(follower.lags)
        time.sleep(LOOK_SECONDS)
    elapsed = quiet_since - begin
    sent = json.loads(sender.lines()[-1])
    used = Use.of(ingester.pid).cpu_seconds - first_cpu
    wait_until(lambda: source_status(status)["stored"] >= seen, 20, what="the last status")
    counts = source_status(status)
    return {
        "sent": sent["sent"],
        "sent_per_second": rounded(sent["sent"] / sent["seconds"]),
        "stored": seen,
        "lost": sent["sent"] - seen,
        "duplicates": counts["duplicates"],
        "held": counts["held"],
        "lag_s": follower.quantiles(),
        "rss_mib": {name: rounded(_near(memory, share * 60 * minutes)) for name, share in SHARES},
        "core_share": rounded(used / elapsed),
        "broker_core_share": rounded((Use.of(broker.pid).cpu_seconds - broker_cpu) / elapsed),
        "events_a_transaction": rounded(counts["stored"] / max(counts["batches"], 1)),
        "troubles": counts["troubles"],
    }


SHARES = (("a tenth", 0.1), ("half", 0.5), ("end", 1.0))


def _near(memory: list[tuple[float, float]], at: float) -> float:
    return min(memory, key=lambda pair: abs(pair[0] - at))[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=2000.0, help="messages a second")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--postgres", action="store_true", help="into PostgreSQL as well")
    parser.add_argument("--publish", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish:
        publish(options.publish, options.rate, 60 * options.minutes)
        return
    tell_setting(rate=options.rate, minutes=options.minutes)
    tell(what="sqlite", **measured(options.rate, options.minutes, None))
    if options.postgres:
        with private_postgres(is_durable=True) as server:
            tell(what="postgresql", **measured(options.rate, options.minutes, server.database()))


if __name__ == "__main__":
    main()
