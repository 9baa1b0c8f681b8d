"""``noria ingest`` as a process that tests kill, beside a broker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tests.services.processes import Process, wait_until
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import EventStore, open_store


class Ingester:
    """``noria ingest`` as a process of its own, with its configuration and its store."""

    def __init__(self, folder: Path, port: int, source: dict[str, Any]) -> None:
        self.folder = folder
        self.port = port
        self.config = folder / "ingest.yaml"
        config = {
            "store": "sqlite:///events.sqlite",
            "metrics": {"every_s": 1},
            "sources": [{"host": "127.0.0.1", "port": port, **source}],
        }
        self.config.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [sys.executable, "-m", "scenarios.cli", "ingest", str(self.config)]
        self.process = Process(command, folder / "ingest.log")

    def kill(self) -> None:
        """Kill -9 the process, which must be the one that is logged in at the broker."""
        wait_until(self.is_logged_in, what="the ingester's login")
        self.process.kill()
        assert not self.process.is_running

    def is_logged_in(self) -> bool:
        """Whether this very process holds a connection to the broker, as the kernel knows it."""
        far = f"0100007F:{self.port:04X}"
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        columns = [line.split() for line in lines]
        inodes = {f"socket:[{c[9]}]" for c in columns if c[2] == far and c[3] == "01"}
        handles = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return any(str(handle.readlink()) in inodes for handle in handles)

    def store(self) -> EventStore:
        settings = StoreSettings(url="sqlite:///events.sqlite")
        return open_store(settings, Keyring({}, self.folder), migrate=False)

    def stored(self) -> int:
        """Events in the store; 0 as long as there is none."""
        try:
            with self.store() as store:
                return store.status().events
        except Exception:
            return 0

    def has_stored(self, events: int, seconds: float) -> None:
        """Wait until so many are in the store."""
        wait_until(lambda: self.stored() >= events, seconds, f"{events} events", every=0.2)

    def log(self) -> pd.DataFrame:
        with self.store() as store:
            return store.log().table
