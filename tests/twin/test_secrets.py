"""Secrets are looked up where the configuration says, and leave by no text."""

import json
from pathlib import Path

import pytest

from twin.errors import InputError
from twin.model.base import HIDDEN, Frozen, validate
from twin.secrets import Keyring, Secret, SecretPlace

WORD = "tp'7 ä/@:%\""
"""A secret that quotation marks and addresses write in other ways."""


class Login(Frozen):
    password: Secret | None = None


def refused(keyring: Keyring, place: SecretPlace) -> str:
    with pytest.raises(InputError) as error:
        keyring.value(place, "sources.0.password")
    return str(error.value)


@pytest.mark.parametrize("literal", ["hunter2", 4711])
def test_a_secret_in_the_configuration_is_refused_and_not_repeated(literal: str | int) -> None:
    with pytest.raises(InputError) as error:
        validate({"password": literal}, Login, "ingest.yaml")
    assert "write {env: NAME} or {file: PATH}" in str(error.value)
    assert str(literal) not in str(error.value)


@pytest.mark.parametrize("both", [{}, {"env": "A", "file": "b"}])
def test_a_secret_is_in_one_place(both: dict[str, str]) -> None:
    with pytest.raises(InputError, match="either env or file"):
        validate({"password": both}, Login, "ingest.yaml")


def test_a_secret_comes_from_the_environment() -> None:
    keyring = Keyring({"MQTT_PASSWORD": WORD}, Path())
    assert keyring.value(SecretPlace(env="MQTT_PASSWORD"), "password") == WORD


def test_a_missing_variable_is_named_with_its_place() -> None:
    message = refused(Keyring({}, Path()), SecretPlace(env="MQTT_PASSWORD"))
    assert "sources.0.password" in message
    assert "MQTT_PASSWORD is not set" in message


def test_a_secret_comes_from_a_file_of_its_owner(tmp_path: Path) -> None:
    (tmp_path / "word").write_text(f"{WORD}\n")
    (tmp_path / "word").chmod(0o600)
    assert Keyring({}, tmp_path).value(SecretPlace(file=Path("word")), "password") == WORD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "word").write_text(WORD)
    (tmp_path / "word").chmod(mode)
    message = refused(Keyring({}, tmp_path), SecretPlace(file=Path("word")))
    assert f"mode 0{mode:o}" in message
    assert "chmod 600" in message


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("\n")
    (tmp_path / "word").chmod(0o600)
    keyring = Keyring({}, tmp_path)
    assert "is empty" in refused(keyring, SecretPlace(file=Path("word")))
    assert "cannot be read" in refused(keyring, SecretPlace(file=Path("gone")))


@pytest.mark.parametrize(
    "text",
    [
        f"login {WORD} refused",
        f"login {WORD!r} refused",
        "postgresql://noria:tp%277%20%C3%A4%2F%40%3A%25%22@db/noria",
        json.dumps({"password": WORD}),
        json.dumps({"password": WORD}, ensure_ascii=False),
    ],
)
def test_a_secret_looked_up_is_taken_out_of_texts(text: str) -> None:
    keyring = Keyring({"WORD": WORD}, Path())
    keyring.value(SecretPlace(env="WORD"), "password")
    shown = keyring.redact(text)
    assert HIDDEN in shown
    assert "tp" not in shown.replace("http", "")


def test_a_password_in_an_address_is_hidden_though_never_looked_up() -> None:
    shown = Keyring({}, Path()).redact("cannot reach mqtts://noria:hunter2@broker:8883/x")
    assert shown == f"cannot reach mqtts://noria:{HIDDEN}@broker:8883/x"


def test_a_keyring_does_not_show_what_it_holds() -> None:
    keyring = Keyring({"WORD": "hunter2"}, Path())
    keyring.value(SecretPlace(env="WORD"), "password")
    assert "hunter2" not in repr(keyring)
