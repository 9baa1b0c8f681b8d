"""A real OPC UA server in a process of its own: a press whose counters outlive it.

:class:`OpcUaServer` starts, kills and restarts it, and tells it through a control port what to do;
``python -m tests.services.opcua_server`` is the server itself. What the counters have really
counted stands in its state file, written before a node shows it: that is the truth the tests
compare with.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.services.processes import Process, free_port, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
NAMESPACE = "urn:noria:test"
USER, PASSWORD = "noria", "p4ss/w0rd&more"
START: dict[str, Any] = {
    "State": 0, "Good": 0, "Scrap": 0, "Order": "", "Product": "", "Energy": 0.0, "Fast": 0,
    "Verdict": 0, "Text": "abc",
}  # fmt: skip
"""Variables of Press1 and their first values; ids ns=2;s=Press1.NAME."""


class OpcUaServer:
    """The server of one test. ``reset`` is what its counters do when it restarts."""

    def __init__(
        self,
        folder: Path,
        *,
        history: bool = False,
        secure: bool = False,
        reset: bool = False,
        queue_cap: int = 10_000,
    ) -> None:
        self.port, self._control = free_port(), free_port()
        self.endpoint = f"opc.tcp://127.0.0.1:{self.port}/noria/"
        self.state = folder / "server-state.json"
        self.certificate, self.key = folder / "server.pem", folder / "server-key.pem"
        command = [
            sys.executable, "-m", "tests.services.opcua_server", "--port", str(self.port),
            "--control", str(self._control), "--state", str(self.state),
            "--queue-cap", str(queue_cap),
        ]  # fmt: skip
        if history:
            command.append("--history")
        if reset:
            command.append("--reset")
        if secure:
            write_certificate(self.certificate, self.key, "urn:noria:test:server")
            command += ["--certificate", str(self.certificate), "--key", str(self.key)]
        self.process = Process(command, folder / "server.log", folder=CHECKOUT, start=False)
        self.restarts = -1

    def start(self) -> None:
        self.process.start()
        self.restarts += 1
        wait_until(lambda: self.ask(do="ping"), what="the OPC UA server")

    def kill(self) -> None:
        self.process.kill()

    def ask(self, **order: Any) -> Any:
        """Have the server do something; returns its answer once it is done."""
        with (
            socket.create_connection(("127.0.0.1", self._control), timeout=30) as link,
            link.makefile("rw") as file,
        ):
            file.write(json.dumps(order) + "\n")
            file.flush()
            answer = json.loads(file.readline())
        assert "error" not in answer, answer
        return answer["ok"]

    def write(self, name: str, *values: Any, **how: Any) -> None:
        """Give a variable values, one after the other, each with a time of its own.

        ``status`` is the name of a status code, ``ahead_s`` how far off the source time is.
        """
        self.ask(do="write", name=name, values=list(values), **how)

    def produce(self, name: str, every_ms: float, step: float = 1) -> None:
        """Let a counter rise by itself from now on, also after a restart."""
        self.ask(do="produce", name=name, every_ms=every_ms, step=step)

    def rest(self) -> dict[str, Any]:
        """End production; what the variables hold now."""
        values: dict[str, Any] = self.ask(do="rest")
        return values

    @property
    def clients(self) -> int:
        """Sessions open at this moment, the server's own aside."""
        return int(self.ask(do="clients"))

    def truth(self, name: str) -> float:
        """What a counter has counted since the first start, restarts included."""
        return float(json.loads(self.state.read_text(encoding="utf-8"))["made"].get(name, 0))

    def __enter__(self) -> OpcUaServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def write_certificate(certificate: Path, key: Path, uri: str) -> None:
    """A self-signed certificate of an application, and its key for the owner alone (PEM)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uri)])
    now = datetime.now(UTC)
    names = [x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class _Plant:
    """The variables, their truth, and what produces."""

    def __init__(self, state: Path, reset: bool) -> None:
        self.path = state
        self.kept: dict[str, Any] = {"values": dict(START), "made": {}, "producing": {}}
        if state.exists():
            self.kept = json.loads(state.read_text(encoding="utf-8"))
            if reset:
                self.kept["values"] |= {n: START[n] for n in ("Good", "Scrap", "Energy")}
        self.nodes: dict[str, Any] = {}
        self.at = datetime.now(UTC)
        self.save()

    def save(self) -> None:
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(self.kept), encoding="utf-8")
        os.replace(draft, self.path)

    def count(self, name: str, value: float) -> None:
        """Note what a variable shows next, before it shows it."""
        before = self.kept["values"][name]
        self.kept["values"][name] = value
        if isinstance(value, int | float):
            made = value - before if value >= before else value
            self.kept["made"][name] = self.kept["made"].get(name, 0) + made
        self.save()

    def next_time(self) -> datetime:
        """Now, but always later than before."""
        self.at = max(datetime.now(UTC), self.at + timedelta(microseconds=10))
        return self.at

    async def show(self, name: str, status: str = "Good", ahead_s: float = 0.0) -> None:
        from asyncua import ua
        from asyncua.ua.status_codes import StatusCodes

        node, kind = self.nodes[name]
        value = ua.DataValue(
            ua.Variant(self.kept["values"][name], kind),
            ua.StatusCode(getattr(StatusCodes, status)),
        )
        source = self.next_time() + timedelta(seconds=ahead_s)
        value = replace(value, SourceTimestamp=source, ServerTimestamp=datetime.now(UTC))  # type: ignore[arg-type]
        await node.write_value(value)


async def _serve(given: argparse.Namespace) -> None:
    from asyncua import ua
    from asyncua.crypto.permission_rules import User, UserRole
    from asyncua.server.server import Server
    from asyncua.server.user_managers import UserManager

    class Users(UserManager):
        def get_user(
            self,
            iserver: Any,
            username: str | None = None,
            password: str | None = None,
            certificate: Any = None,
        ) -> User | None:
            is_ours = (username, password) == (USER, PASSWORD)
            return User(role=UserRole.User, name=username) if is_ours else None

    server = Server(user_manager=Users() if given.certificate else None)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{given.port}/noria/")
    server.iserver.max_monitored_item_queue_size = given.queue_cap
    if given.certificate:
        await server.set_application_uri("urn:noria:test:server")
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        await server.load_certificate(str(given.certificate))
        await server.load_private_key(str(given.key))
    plant = _Plant(given.state, given.reset)
    space = await server.register_namespace(NAMESPACE)
    press = await server.nodes.objects.add_object(
        ua.NodeId.from_string(f"ns={space};s=Press1"), f"{space}:Press1"
    )
    kinds = {int: ua.VariantType.Int64, float: ua.VariantType.Double, str: ua.VariantType.String}

    async def add(name: str) -> None:
        value = START[name]
        kind = kinds[type(value)]
        node = await press.add_variable(
            ua.NodeId.from_string(f"ns={space};s=Press1.{name}"), f"{space}:{name}", value, kind
        )
        plant.nodes[name] = node, kind
        await plant.show(name)

    for name in START:
        await add(name)
    async with server:
        if given.history:
            for name in ("State", "Good", "Order"):
                await server.historize_node_data_change(plant.nodes[name][0], count=100_000)
        tasks: set[asyncio.Task[None]] = set()
        for name, (every_ms, step) in plant.kept["producing"].items():
            tasks.add(asyncio.create_task(_produce(plant, name, every_ms, step)))
        await _controlled(given.control, server, plant, tasks, add)


async def _produce(plant: _Plant, name: str, every_ms: float, step: float) -> None:
    while True:
        await asyncio.sleep(every_ms / 1000)
        plant.count(name, plant.kept["values"][name] + step)
        await plant.show(name)


async def _controlled(
    port: int, server: Any, plant: _Plant, tasks: set[Any], add: Callable[[str], Awaitable[None]]
) -> None:
    async def do(order: dict[str, Any]) -> Any:
        if order["do"] == "write":
            for value in order["values"]:
                plant.count(order["name"], value)
                how = {k: order[k] for k in ("status", "ahead_s") if k in order}
                await plant.show(order["name"], **how)
        elif order["do"] == "produce":
            plan = order["every_ms"], order["step"]
            plant.kept["producing"][order["name"]] = plan
            plant.save()
            tasks.add(asyncio.create_task(_produce(plant, order["name"], *plan)))
        elif order["do"] == "rest":
            for task in tasks:
                task.cancel()
            tasks.clear()
            plant.kept["producing"] = {}
            plant.save()
            return plant.kept["values"]
        elif order["do"] == "clients":
            return len(server.bserver.clients)
        elif order["do"] == "remove":
            await server.delete_nodes([plant.nodes[order["name"]][0]])
        elif order["do"] == "add":
            await add(order["name"])
        return True

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            said = {"ok": await do(json.loads(await reader.readline()))}
        except Exception as error:
            said = {"error": repr(error)}
        writer.write(json.dumps(said).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    control = await asyncio.start_server(answer, "127.0.0.1", port)
    async with control:
        await control.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--queue-cap", type=int, default=10_000)
    parser.add_argument("--history", action="store_true")
    parser.add_argument("--reset", action="store_true")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
