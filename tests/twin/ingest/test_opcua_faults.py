"""OPC UA when things break: servers and programs killed, wrong passwords; every piece counted."""

import math
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.services.opcua_server import PASSWORD, USER, OpcUaServer, write_certificate
from tests.services.processes import Process, wait_until
from tests.twin.ingest.fake_intake import FakeIntake
from tests.twin.ingest.opcua_runs import PRESS, connected, counted, press_source, running
from twin.secrets import Keyring
from twin.store.settings import StoreSettings
from twin.store.store import open_store

ENERGY = {"node": "ns=2;s=Press1.Energy", "means": "meter", "every": 0}
pytestmark = pytest.mark.servers


class Ingester:
    """``noria ingest`` in a process of its own, and what is in its store."""

    def __init__(self, folder: Path, server: OpcUaServer) -> None:
        source = {
            "kind": "opcua", "name": "hall", "endpoint": server.endpoint, "security": "none",
            "publishing_interval": 50, "report_every": "1 s", "history": False,
            "nodes": {"PRESS-1": {**PRESS, "energy": ENERGY}},
        }  # fmt: skip
        config = folder / "ingest.yaml"
        config.write_text(
            yaml.safe_dump({"store": "sqlite:///events.sqlite", "sources": [source]}),
            encoding="utf-8",
        )
        program = str(Path(sys.executable).with_name("noria"))
        self.process = Process([program, "ingest", str(config), "--quiet"], folder / "ingest.log")
        self._folder, self._server = folder, server

    def events(self) -> pd.DataFrame:
        settings = StoreSettings(url="sqlite:///events.sqlite").located(self._folder)
        with open_store(settings, Keyring({}, self._folder), migrate=False) as store:
            return store.log().table

    def sums(self) -> dict[str, float]:
        """Pieces and kWh in the store."""
        table = self.events()
        ends, meters = table[table["event"] == "end"], table[table["event"] == "meter"]
        return {
            "Good": math.fsum(ends["quantity"]), "Scrap": math.fsum(ends["scrap"]),
            "Energy": round(math.fsum(meters["quantity"]), 6),
        }  # fmt: skip

    def wait_until_listening(self) -> None:
        wait_until(lambda: self._server.clients >= 1, what="a connection")
        wait_until(lambda: len(self.events()) > 0, what="the first event")


def truth(server: OpcUaServer) -> dict[str, float]:
    return {name: round(server.truth(name), 6) for name in ("Good", "Scrap", "Energy")}


@contextmanager
def produced_through(
    folder: Path, server_kills: int, ingester_kills: int, rest_s: float
) -> Iterator[tuple[Ingester, OpcUaServer]]:
    """A press that produces all the time, while its server and the ingester are killed."""
    luck = random.Random(7)
    with OpcUaServer(folder) as server:
        ingester = Ingester(folder, server)
        with ingester.process:
            ingester.wait_until_listening()
            server.produce("Good", every_ms=4)
            server.produce("Scrap", every_ms=31)
            server.produce("Energy", every_ms=20, step=0.125)
            deaths = ["server"] * server_kills + ["ingester"] * ingester_kills
            luck.shuffle(deaths)
            for death in deaths:
                time.sleep(rest_s * luck.random())
                wait_until(lambda: server.clients >= 1, what="the ingester back")
                pid = (server.process if death == "server" else ingester.process).pid
                if death == "server":
                    server.kill()
                    time.sleep(0.3 * luck.random())
                    server.start()
                    assert server.process.pid != pid
                else:
                    ingester.process.kill()
                    assert wait_until(lambda: server.clients == 0, what="its connection gone")
                    ingester.process.start()
                    assert ingester.process.pid != pid
            time.sleep(rest_s)
            wait_until(lambda: server.clients >= 1, what="the ingester back")
            server.rest()
            yield ingester, server


def every_piece_is_there(folder: Path, server_kills: int, ingester_kills: int, rest: float) -> None:
    with produced_through(folder, server_kills, ingester_kills, rest) as (ingester, server):
        expected = truth(server)
        assert min(expected.values()) > 0
        try:
            wait_until(lambda: ingester.sums() == expected, 60, "every piece", every=0.5)
        except TimeoutError:
            log = ingester.process.tail(30)
            pytest.fail(f"stored {ingester.sums()}, produced {expected}\n{log}")
        table = ingester.events()
    away = table[table["reason"].str.contains("counted while away")]
    assert server.restarts == server_kills
    assert len(away) >= 1, "the gaps were seen"
    ends = table[table["event"] == "end"]
    doctored = ends.drop(ends.index[ends["quantity"] > 0][0])
    assert math.fsum(doctored["quantity"]) != expected["Good"], "a loss would be seen"
    assert not table.duplicated(["event", "lot", "time", "work_unit"]).any()


def test_every_piece_is_stored_through_restarts_of_server_and_program(tmp_path: Path) -> None:
    every_piece_is_there(tmp_path, server_kills=1, ingester_kills=1, rest=0.8)


@pytest.mark.slow
def test_every_piece_is_stored_through_five_restarts_of_each(tmp_path: Path) -> None:
    every_piece_is_there(tmp_path, server_kills=5, ingester_kills=5, rest=4.0)


def restarted(folder: Path, restarts: int, *, reset: bool) -> None:
    """The server is killed while it rests; all states and pieces around it arrive, in order."""
    with OpcUaServer(folder, reset=reset) as server:
        source = press_source(server, report_every=None)
        with running(source, folder) as intake:
            written: list[str] = []
            for restart in range(restarts + 1):
                intake.wait_for(partial(_is_back, restarts=restart), 30)
                shown = int(server.rest()["Good"])
                states = [0, 1] * 20 if restart == 0 else [9, 1] * 20
                server.write("State", *states)
                written += [
                    "down" if s == 9 else "standby" if s == 0 else "working" for s in states
                ]
                server.write("Good", *range(shown + 1, shown + 11))
                # While connected every change arrives; wait for it before the server dies.
                intake.wait_for(partial(_has_states, count=len(written) - 1))
                if restart < restarts:
                    time.sleep(0.2)
                    assert server.clients == 1, "the one that is killed is the one serving"
                    server.kill()
                    intake.wait_for(lambda i: not i.connections[-1][0])
                    server.start()
            server.write("Order", "the last")
            intake.wait_for(lambda i: counted(i.values) == 10 * (restarts + 1))
        assert counted(intake.values) == server.truth("Good")
    assert _states(intake.values) == _changes(written)
    assert intake.reconnects == restarts


def _is_back(intake: FakeIntake, restarts: int) -> bool:
    return intake.reconnects == restarts and connected(intake)


def _has_states(intake: FakeIntake, count: int) -> bool:
    return len(_states(intake.values)) >= count


def _states(rows: list[dict[str, Any]]) -> list[str]:
    """States in order of time, those stated again for another order aside."""
    told = sorted((r["time"], r["state"]) for r in rows if r["event"] == "state")
    return _changes([state for _, state in told])


def _changes(states: list[str]) -> list[str]:
    return [s for n, s in enumerate(states) if n == 0 or s != states[n - 1]]


def test_states_and_pieces_arrive_around_a_restart_that_sets_the_counters_back(
    tmp_path: Path,
) -> None:
    restarted(tmp_path, 1, reset=True)


@pytest.mark.slow
@pytest.mark.parametrize("reset", [False, True])
def test_states_and_pieces_arrive_around_five_restarts(tmp_path: Path, reset: bool) -> None:
    restarted(tmp_path, 5, reset=reset)


# --- security ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpcUaServer, Path]]:
    """A server that wants certificates and a password, and the folder with ours."""
    folder = tmp_path_factory.mktemp("guarded")
    write_certificate(folder / "noria.pem", folder / "noria-key.pem", "urn:noria:test:client")
    write_certificate(folder / "other.pem", folder / "other-key.pem", "urn:noria:test:other")
    with OpcUaServer(folder, secure=True) as server:
        yield server, folder


SECURE: dict[str, Any] = {
    "security": {
        "certificate": "noria.pem", "key": {"file": "noria-key.pem"},
        "server_certificate": "server.pem",
    },
    "user": USER, "password": {"env": "OPCUA_PASSWORD"},
}  # fmt: skip
RIGHT = {"OPCUA_PASSWORD": PASSWORD}


def test_values_arrive_signed_and_encrypted(guarded: tuple[OpcUaServer, Path]) -> None:
    server, folder = guarded
    with running(press_source(server, **SECURE), folder, environ=RIGHT) as intake:
        intake.wait_for(connected)
        server.write("State", 1)
        intake.wait_for(lambda i: _states(i.values)[-1] == "working")


def refusal(
    server: OpcUaServer, folder: Path, settings: Mapping[str, Any], environ: Mapping[str, str]
) -> str:
    """What is said when the server, or we, refuse; and that it is not said again at once."""
    with running(press_source(server, **settings), folder, environ=environ) as intake:
        intake.wait_for(lambda i: bool(i.connections), 15)
        time.sleep(1.5)
    assert len(intake.connections) == 1, "no hot loop: accounts are locked by that"
    is_connected, why = intake.connections[0]
    assert not is_connected
    return why


def test_a_wrong_password_is_said_without_it_and_not_tried_at_once(
    guarded: tuple[OpcUaServer, Path],
) -> None:
    why = refusal(*guarded, SECURE, {"OPCUA_PASSWORD": "wr0ng&word"})
    assert "the server refuses us" in why
    assert "check user, password" in why
    assert "wr0ng" not in why


def test_nobody_comes_in_without_certificates(guarded: tuple[OpcUaServer, Path]) -> None:
    why = refusal(*guarded, {**SECURE, "security": "none"}, RIGHT)
    assert "security policy" in why


def test_a_server_with_another_certificate_is_not_spoken_to(
    guarded: tuple[OpcUaServer, Path],
) -> None:
    """Somebody poses as the server: its certificate is not the one that was agreed."""
    security = {**SECURE["security"], "server_certificate": "other.pem"}
    server, folder = guarded
    with running(
        press_source(server, **{**SECURE, "security": security}, timeout=2), folder, environ=RIGHT
    ) as intake:
        intake.wait_for(lambda i: bool(i.connections), 25)
        assert not any(is_connected for is_connected, _ in intake.connections)
        assert intake.values == []


def test_a_key_that_others_can_read_is_refused(
    guarded: tuple[OpcUaServer, Path], tmp_path: Path
) -> None:
    from twin.errors import InputError

    server, folder = guarded
    key = tmp_path / "open-key.pem"
    key.write_bytes((folder / "noria-key.pem").read_bytes())
    key.chmod(0o644)
    security = {**SECURE["security"], "key": {"file": str(key)}}
    source = press_source(server, **{**SECURE, "security": security})
    with pytest.raises(InputError, match="mode 0644"):
        list(source.check(Keyring(RIGHT, folder)))
