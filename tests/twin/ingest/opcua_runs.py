"""An OPC UA source that runs beside a test."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.services.opcua_server import OpcUaServer
from tests.twin.ingest.fake_intake import FakeIntake, receiving
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


def running(
    source: OpcUaSource,
    folder: Path,
    intake: FakeIntake | None = None,
    environ: Mapping[str, str] | None = None,
) -> AbstractContextManager[FakeIntake]:
    return receiving(source, Keyring(environ or {}, folder), intake)


def connected(intake: FakeIntake) -> bool:
    """Whether the connection stands and the first values are stored."""
    return bool(intake.connections and intake.connections[-1][0] and intake.positions)


def counted(rows: Iterable[Mapping[str, Any]], column: str = "quantity") -> float:
    """Pieces of all reports."""
    return math.fsum(row.get(column, 0) for row in rows if row["event"] == "end")
