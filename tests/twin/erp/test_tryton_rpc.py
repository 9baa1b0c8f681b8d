"""The session with Tryton: values, refusals in its own words, nothing that shows a password."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.services.processes import free_port, needed_program
from tests.services.tryton_plant import add_productions
from tests.services.trytond import PASSWORD, PASSWORD_VARIABLE, Erp
from twin.erp.tryton_rpc import Connection, Refusal, Session, Stale, _pack, _unpack
from twin.errors import ErpAway, InputError
from twin.model.base import validate
from twin.secrets import Keyring

PLACE = {"env": PASSWORD_VARIABLE}


def connection(**content: Any) -> Connection:
    base = {"url": "https://erp", "database": "d", "user": "u", "password": PLACE}
    return validate({**base, **content}, Connection, "erp")


@pytest.mark.parametrize(
    "value",
    [
        Decimal("12.340"), date(2026, 2, 28), datetime(2026, 2, 28, 12, 30, 1, 7),
        timedelta(minutes=90), b"\x00plan", "text", None, [1, {"a": 2}],
    ],
)  # fmt: skip
def test_a_value_comes_back_as_it_was_sent(value: Any) -> None:
    assert json.loads(json.dumps(value, default=_pack), object_hook=_unpack) == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"url": "http://erp:8000"}, "shows the password"),
        ({"url": "https://me:secret@erp:8000"}, "holds a user or password"),
        ({"url": "erp:8000"}, "an address like"),
        ({"url": "https://erp:99999999"}, "an address like"),
        ({"url": "https://erp/database"}, "nothing follows the port"),
        ({"password": "geheim"}, "a secret does not stand in a configuration"),
        ({"timeout_s": 0}, "greater than 0"),
        ({"datbase": "x"}, 'unknown key "datbase"; did you mean "database"?'),
    ],
)
def test_a_wrong_address_is_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="erp: ") as refused:
        connection(**content)
    assert words in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert "me:secret" not in str(refused.value)


def test_plain_http_is_for_this_machine_or_said() -> None:
    assert connection(url="http://127.0.0.1:8000")
    assert connection(url="http://erp:8000", plain_http=True)


def test_nobody_listening_is_said() -> None:
    away = connection(url=f"http://127.0.0.1:{free_port()}")
    with (
        pytest.raises(ErpAway, match="cannot be reached \\(Connection refused\\)"),
        Session(away, Keyring({PASSWORD_VARIABLE: PASSWORD}, Path())),
    ):
        pass


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    made, key = folder / "server.crt", folder / "server.key"
    command = [
        needed_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        "-keyout", str(key), "-out", str(made), "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.mark.servers
def test_a_certificate_that_nobody_vouches_for_is_refused(stranger: Any, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    stranger.socket = context.wrap_socket(stranger.socket, server_side=True)
    stranger.answer = b"hello"
    url = f"https://127.0.0.1:{stranger.server_port}"
    for ca, words in ((None, "certificate"), (made, "what answers is no Tryton")):
        with (
            pytest.raises(ErpAway, match=words),
            Session(connection(url=url, ca=ca), Keyring({PASSWORD_VARIABLE: PASSWORD}, Path())),
        ):
            pass


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_file_that_is_none_is_said(tmp_path: Path, content: str | None) -> None:
    ca = tmp_path / "ca.pem"
    if content:
        ca.write_text(content, encoding="utf-8")
    with (
        pytest.raises(InputError, match="cannot be read as a certificate"),
        Session(connection(ca=ca), Keyring({PASSWORD_VARIABLE: PASSWORD}, Path())),
    ):
        pass


class _Stranger(http.server.BaseHTTPRequestHandler):
    """A web server that is no Tryton; it answers ``server.answer``, if that is not None."""

    def do_POST(self) -> None:
        answer = self.server.answer  # type: ignore[attr-defined]
        if answer is None:
            time.sleep(3)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"[1, 2]", b"\xff\xfe", b"7"])
def test_a_web_server_that_is_no_tryton_is_said(stranger: Any, answer: bytes) -> None:
    stranger.answer = answer
    address = connection(url=f"http://127.0.0.1:{stranger.server_port}")
    with (
        pytest.raises(ErpAway, match="what answers is no Tryton"),
        Session(address, Keyring({PASSWORD_VARIABLE: PASSWORD}, Path())),
    ):
        pass


def test_a_server_that_keeps_silent_is_given_up(stranger: Any) -> None:
    stranger.answer = None
    address = connection(url=f"http://127.0.0.1:{stranger.server_port}", timeout_s=0.2)
    with (
        pytest.raises(ErpAway, match="no answer in time"),
        Session(address, Keyring({PASSWORD_VARIABLE: PASSWORD}, Path())),
    ):
        pass


def test_words_of_the_erp_come_without_secrets(stranger: Any) -> None:
    told = json.dumps({"id": 1, "error": [f"connection to db with {PASSWORD} failed", ""]})
    stranger.answer = told.encode()
    address = connection(url=f"http://127.0.0.1:{stranger.server_port}")
    session = Session(address, Keyring({PASSWORD_VARIABLE: PASSWORD}, Path()))
    session.keyring.value(address.password, "erp.password")
    with pytest.raises(Refusal) as refused:
        session.call("model.production.read")
    assert PASSWORD not in str(refused.value)
    assert "connection to db" in str(refused.value)


@pytest.mark.servers
def test_a_wrong_password_is_refused_without_showing_it(shared_erp: Erp) -> None:
    wrong = "wrong-Pass-9"
    with (
        pytest.raises(ErpAway, match=r"the login of user noria .* is refused") as refused,
        Session(shared_erp.connection(), Keyring({PASSWORD_VARIABLE: wrong}, Path())),
    ):
        pass
    assert wrong not in str(refused.value)
    assert "erp.password" in str(refused.value)


@pytest.mark.servers
def test_a_database_that_is_not_there_is_said(shared_erp: Erp) -> None:
    elsewhere = shared_erp.connection().model_copy(update={"database": "pinns"})
    with (
        pytest.raises(ErpAway, match="no database pinns"),
        Session(elsewhere, shared_erp.keyring()),
    ):
        pass


@pytest.mark.servers
def test_a_forgotten_session_logs_in_again(shared_erp: Erp) -> None:
    with shared_erp.session("noria") as session:
        session._send("common.db.logout", (), with_token=True)
        before = session._token
        assert session.all("company.company", [], ["party.name"])
        assert session._token != before


@pytest.mark.servers
def test_a_save_after_somebody_else_saved_is_stale(shared_erp: Erp) -> None:
    with shared_erp.session("noria") as session, shared_erp.session("clerk") as clerk:
        add_productions(clerk, ["WO-1"])
        [row] = session.all("production", [], ["_timestamp"])
        time.sleep(0.01)
        clerk.call("model.production.write", [row["id"]], {"reference": "WO-1b"})
        stamp = {f"production,{row['id']}": row["_timestamp"]}
        with pytest.raises(Stale):
            session.call("model.production.write", [row["id"]], {"reference": ""}, _timestamp=stamp)
        [after] = session.all("production", [], ["reference"])
        assert after["reference"] == "WO-1b"


@pytest.mark.servers
def test_tryton_says_no_in_its_own_words(shared_erp: Erp) -> None:
    with shared_erp.session("reader") as reader, pytest.raises(Refusal, match="not allowed"):
        reader.call("model.production.create", [{}])


@pytest.mark.servers
def test_many_records_come_in_pages(shared_erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    with shared_erp.session() as session:
        add_productions(session, [f"WO-{n}" for n in range(7)])
        monkeypatch.setattr("twin.erp.tryton_rpc.PAGE", 3)
        found = session.all("production", [], ["reference"])
    assert [row["reference"] for row in found][-7:] == [f"WO-{n}" for n in range(7)]


def test_the_token_of_a_login_holds_no_password() -> None:
    session = Session(connection(), Keyring({}, Path()))
    assert PASSWORD not in base64.b64decode(session._token).decode()
