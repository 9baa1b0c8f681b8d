"""An MQTT broker of the tests: mosquitto with a folder and a port of its own, killed at the end."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.processes import Process, free_port, needed_program, wait_until

CONNECT = bytes.fromhex("101100044d5154540402000a000570726f6265")
"""An MQTT 3.1.1 CONNECT packet of client "probe": clean session, keepalive 10 s."""


class Mosquitto:
    """A broker on a free loopback port, persistent as Debian has it: written to disk now and then.

    Killed with -9 it forgets what came since (``autosave_interval``, 30 min), sessions included.

    ``users`` are names and passwords; without any, everybody may connect. ``certificates`` is a
    folder with ``ca.pem``, ``server.pem`` and ``server.key``: then the port speaks TLS only.
    ``options`` are further lines of ``mosquitto.conf``. Without ``max_queued_messages 0`` mosquitto
    drops what exceeds 1,000 messages for a client, in silence.
    """

    def __init__(
        self,
        *options: str,
        users: dict[str, str] | None = None,
        certificates: Path | None = None,
        port: int = 0,
        start: bool = True,
    ) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="noria-mosquitto-"))
        self.certificates = certificates
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([*self._settings(users), *options, ""]), encoding="utf-8")
        program = needed_program("mosquitto", folders=[Path("/usr/sbin")])
        self.process = Process([program, "-c", config], self.folder / "log", start=False)
        if start:
            self.start()

    def start(self) -> None:
        """Start it, also after a kill, and return once it answers."""
        self.process.start()
        wait_until(self.answers, what=f"mosquitto on port {self.port}", every=0.02)

    def kill(self) -> int:
        """Kill -9 the process that serves the port; nobody answers there afterwards. Its pid."""
        served = self.serving_pid
        assert served == self.process.pid, "another process serves the port"
        self.process.kill()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return served

    def close(self) -> None:
        self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def serving_pid(self) -> int:
        """The process that listens on the port, as the kernel knows it; 0 when there is none."""
        inodes = set()
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and int(columns[1].partition(":")[2], 16) == self.port:
                inodes.add(f"socket:[{columns[9]}]")
        for link in Path("/proc").glob("[0-9]*/fd/*"):
            try:
                target = str(link.readlink())
            except OSError:
                continue  # closed meanwhile
            if target in inodes:
                return int(link.parts[2])
        return 0

    def answers(self) -> bool:
        """Whether it takes connections and, where anybody may connect, answers one."""
        if not self.process.is_running:
            raise RuntimeError(self.process.tail())
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as plain:
            if self.certificates:
                return True
            plain.sendall(CONNECT)
            return plain.recv(1) == b"\x20"

    def _settings(self, users: dict[str, str] | None) -> list[str]:
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'false' if users else 'true'}",
            "user root",
            "persistence true",
            f"persistence_location {self.folder}/",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "log_dest stderr",
        ]
        if users:
            passwords = self.folder / "passwords"
            for name, password in users.items():
                create = [] if passwords.exists() else ["-c"]
                program = needed_program("mosquitto_passwd", package="mosquitto")
                words = [program, "-b", *create, str(passwords), name, password]
                subprocess.run(words, check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        if self.certificates:
            lines += [
                f"cafile {self.certificates}/ca.pem",
                f"certfile {self.certificates}/server.pem",
                f"keyfile {self.certificates}/server.key",
            ]
        return lines


@contextmanager
def private_mosquitto(*options: str, **settings: object) -> Iterator[Mosquitto]:
    """A broker of one's own, which may be killed and started again."""
    broker = Mosquitto(*options, **settings)  # type: ignore[arg-type]
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    """A broker that everybody on this machine may use, with room for any number of messages."""
    with private_mosquitto("max_queued_messages 0", "max_inflight_messages 0") as broker:
        yield broker
