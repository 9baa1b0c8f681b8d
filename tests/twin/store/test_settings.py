"""Where the store is, as a configuration says it; no password in it."""

from pathlib import Path

import pytest

from twin.errors import InputError
from twin.model.base import Frozen, validate
from twin.secrets import Keyring
from twin.store import engine
from twin.store.settings import StoreSettings


class Config(Frozen):
    store: StoreSettings


def read(store: object) -> StoreSettings:
    return validate({"store": store}, Config, "noria.yaml").store


def test_a_bare_url_is_enough() -> None:
    assert read("sqlite:///events.sqlite") == read({"url": "sqlite:///events.sqlite"})


def test_a_relative_path_starts_at_the_folder() -> None:
    found = read("sqlite:///sub/a b%20c.sqlite").located(Path("/var/lib/noria"))
    assert found.file == Path("/var/lib/noria/sub/a b c.sqlite")
    assert found.located(Path("/elsewhere")) == found
    assert read("sqlite:////srv/e.sqlite").located(Path("/x")).file == Path("/srv/e.sqlite")


def test_certificates_start_at_the_folder() -> None:
    tls = {"ca": "ca.pem", "cert": "/etc/c.pem", "key": "k.pem"}
    found = read({"url": "postgresql://u@h/d", "tls": tls}).located(Path("/etc/noria")).tls
    assert found is not None
    assert (found.mode, found.ca, found.cert, found.key) == (
        "verify-full", Path("/etc/noria/ca.pem"), Path("/etc/c.pem"), Path("/etc/noria/k.pem"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("postgresql://u:geheim@h/d", "password does not stand in an address"),
        ("postgresql://u:@h/d", "password does not stand in an address"),
        ("postgresql://u@h/d?password=geheim", "has no \\? or #"),
        ("postgresql://h/d", "user, host or database is missing"),
        ("postgresql://u@h", "user, host or database is missing"),
        ("postgresql://u@/d", "user, host or database is missing"),
        ("postgresql://u@h:x/d", "no address"),
        ("postgresql://u@h/d/e", "no address"),
        ("mysql://u:geheim@h/d", "password does not stand in an address"),
        ("u:geheim@h/d", "write sqlite:///events.sqlite or postgresql"),
        ("mysql://u@h/d", "write sqlite:///events.sqlite or postgresql"),
        ("events.sqlite", "write sqlite:///events.sqlite or postgresql"),
        ("sqlite://events.sqlite", "three slashes"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("sqlite:///folder/", "three slashes"),
        ("sqlite:///e.sqlite?mode=ro", "has no \\? or #"),
        ({"url": "sqlite:///e.sqlite", "password": {"env": "X"}}, "for PostgreSQL"),
        ({"url": "postgresql://u@h/d", "password": "geheim"}, "secret does not stand"),
        ({"url": "postgresql://u@h/d", "tls": {"cert": "c.pem"}}, "go together"),
        ({"url": "postgresql://u@h/d", "tls": {"mode": "maybe"}}, "verify-full"),
        ({"adress": "sqlite:///e.sqlite"}, "unknown key"),
    ],
)
def test_what_is_wrong_is_said(store: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(store)
    assert "geheim" not in str(caught.value)


def test_tls_is_asked_of_the_library() -> None:
    settings = read({"url": "postgresql://u@h/d", "tls": {"ca": "ca.pem"}})
    found = engine._arguments(settings, Path("/etc/noria"))
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", "/etc/noria/ca.pem")
    system = read({"url": "postgresql://u@h/d", "tls": {"mode": "verify-full"}})
    assert engine._arguments(system, Path())["sslrootcert"] == "system"


def test_a_password_of_a_file_reaches_the_library_and_no_text(tmp_path: Path) -> None:
    secret = tmp_path / "pw"
    secret.write_text("ge:h@im/1%\n", encoding="utf-8")
    secret.chmod(0o600)
    settings = read({"url": "postgresql://u@h/d", "password": {"file": "pw"}})
    found = engine.engine_of(settings, Keyring({}, tmp_path), create=False)
    assert found.url.password == "ge:h@im/1%"
    assert "im/1" not in repr(found)
    assert "im/1" not in str(found.url)
