"""An OPC UA source that runs beside a test."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services.opcua_server import OpcUaServer
from tests.twin.ingest.fake_intake import FakeIntake
from twin.ingest.opcua import OpcUaSource
from twin.model.base import validate
from twin.secrets import Keyring

STATES = {0: "standby", 1: "working", 2: "setup", 9: "down"}
PRESS: dict[str, Any] = {
    "state": {"node": "ns=2;s=Press1.State", "values": STATES},
    "good": "ns=2;s=Press1.Good",
    "scrap": "nsu=urn:noria:test;s=Press1.Scrap",
    "order": "/Objects/2:Press1/2:Order",
}


def press_source(server: OpcUaServer, **more: Any) -> OpcUaSource:
    settings = {
        "name": "hall", "endpoint": server.endpoint, "security": "none",
        "publishing_interval": 50, "nodes": {"PRESS-1": PRESS}, "history": False,
    }  # fmt: skip
    return validate({**settings, **more}, OpcUaSource, "ingest.yaml")


@contextmanager
def running(
    source: OpcUaSource,
    folder: Path,
    intake: FakeIntake | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[FakeIntake]:
    """The source receives into an intake; at the end it has to stop within two seconds."""
    intake = intake or FakeIntake()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            source.run(intake, Keyring(environ or {}, folder))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield intake
    finally:
        intake.stop()
        thread.join(2)
    assert not thread.is_alive(), "it stops within two seconds"
    assert not failed, failed


def connected(intake: FakeIntake) -> bool:
    """Whether the connection stands and the first values are stored."""
    return bool(intake.connections and intake.connections[-1][0] and intake.positions)


def counted(rows: Iterable[Mapping[str, Any]], column: str = "quantity") -> float:
    """Pieces of all reports."""
    return math.fsum(row.get(column, 0) for row in rows if row["event"] == "end")
