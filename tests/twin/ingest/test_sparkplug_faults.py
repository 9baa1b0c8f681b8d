"""Broker and ingester are killed while an edge node counts: every piece is in the store once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_until
from tests.twin.ingest.edge_node import EdgeNode
from tests.twin.ingest.ingester import Ingester

pytestmark = pytest.mark.servers
SOURCE = {
    "kind": "sparkplug",
    "name": "cell-3",
    "group": "Rabat",
    "host_id": "noria",
    "metrics": {
        "PRESS-1": {
            "good": "Gateway1/Press1/Good",
            "order": "Gateway1/Press1/Job",
            "state": {"metric": "Gateway1/Press1/State", "values": {0: "standby", 1: "working"}},
        }
    },
    "report_every": "1 s",
}


def pieces_are_counted_once(
    mosquitto: Mosquitto, folder: Path, *, pieces: int, kills: int, per_second: float
) -> None:
    start: dict[str, int | float | str] = {"Good": 1000, "Job": "WO-1", "State": 1}
    node = EdgeNode(mosquitto.port, start)
    ingester = Ingester(folder, mosquitto.port, SOURCE)
    kill_after = [pieces * n // (2 * kills + 1) for n in range(1, 2 * kills + 1)]
    pids = set()
    with ingester.process:
        wait_until(lambda: ingester.stored() > 0, 60, what="the first state")
        for piece in range(1, pieces + 1):
            node.tell(Good=1000 + piece)
            time.sleep(1 / per_second)
            if piece not in kill_after:
                continue
            if kill_after.index(piece) % 2 == 0:
                pids.add(mosquitto.kill())
                mosquitto.start()
            else:
                ingester.kill()
                pids.add(ingester.process.pid)
                ingester.process.start()
        wait_until(ingester.is_logged_in, 60, what="the last login")
        node.tell(Job="WO-2")
        wait_until(lambda: counted(ingester) >= pieces, 60, what=f"{pieces} pieces", every=0.5)
        assert ingester.process.stop() == 0
    node.close()
    assert len(pids) == 2 * kills  # each was another process
    assert counted(ingester) == pieces


def counted(ingester: Ingester) -> float:
    table = ingester.log()
    return float(table.loc[table["event"] == "end", "quantity"].sum())


def test_killed_once_each_every_piece_is_counted_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    pieces_are_counted_once(mosquitto, tmp_path, pieces=300, kills=1, per_second=150)


@pytest.mark.slow
def test_killed_five_times_each_every_piece_is_counted_once(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    pieces_are_counted_once(mosquitto, tmp_path, pieces=8000, kills=5, per_second=100)
