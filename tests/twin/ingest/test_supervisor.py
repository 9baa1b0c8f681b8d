"""The supervisor: a source that fails or hangs leaves the others alone; all stop in two seconds."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.twin.ingest.fake_store import FakeLog, FakeStore
from twin.errors import InputError, NoriaError, StoreAway
from twin.ingest.mapping import Mapped
from twin.ingest.registry import Registry
from twin.ingest.signature import Intake, Message, Source
from twin.ingest.supervisor import Supervisor
from twin.secrets import Keyring, Secret, SecretPlace, look_up_secrets

OPEN = Registry(is_open=True)


def message(number: int) -> Message:
    values = {"time": 1_795_000_000 + number, "event": "state", "work_unit": "P", "state": "off"}
    return Message(values, str(number), "t")


class Fine(Mapped):
    """Stores one event after the other; its position is their number."""

    kind: Literal["fine"] = "fine"
    name: str = "fine"
    until: int = 10**9
    time_unit: Literal["s", "ms", "us", "ns"] | None = "s"

    def run(self, intake: Intake, keyring: Keyring) -> None:
        intake.connected(True)
        number = (intake.position() or {"done": 0})["done"]
        while number < self.until and not intake.is_stopped:
            intake.store([message(number)], {"done": number + 1})
            number += 1
            if intake.wait(0.01):
                return


class Failing(Mapped):
    """Stores three events and fails, over and over."""

    kind: Literal["failing"] = "failing"
    name: str = "failing"
    time_unit: Literal["s", "ms", "us", "ns"] | None = "s"

    def run(self, intake: Intake, keyring: Keyring) -> None:
        intake.connected(True)
        number = (intake.position() or {"done": 10_000})["done"]
        for each in range(number, number + 3):
            intake.store([message(each)], {"done": each + 1})
        raise ConnectionError("mqtt://noria:hunter2@broker went away")


class Hanging(Mapped):
    """Takes a lock that is never given, as a library might."""

    kind: Literal["hanging"] = "hanging"
    name: str = "hanging"

    def run(self, intake: Intake, keyring: Keyring) -> None:
        intake.connected(True)
        threading.Event().wait()


class Refused(Mapped):
    """Cannot work at all."""

    kind: Literal["refused"] = "refused"
    name: str = "refused"
    error: str = "noria"

    def run(self, intake: Intake, keyring: Keyring) -> None:
        errors: dict[str, BaseException] = {
            "noria": NoriaError("the broker refuses the login"),
            "exit": SystemExit(3),
            "cancelled": asyncio.CancelledError(),
            "program": ZeroDivisionError("a fault of the program"),
            "store": StoreAway("the store is away"),
        }
        raise errors[self.error]


def supervisor(*sources: Source, store: FakeStore | None = None, once: bool = False) -> Supervisor:
    made = Supervisor.of(
        sources, store or FakeStore(), OPEN, Keyring({}, Path()), FakeLog(), is_once=once
    )
    made.first_wait, made.longest_wait = 0.01, 0.05
    return made


def run_until(made: Supervisor, ready: Callable[[], bool], seconds: float = 10.0) -> list[str]:
    """Run until ``ready``; the names that did not return. The stop takes less than 2.5 s."""
    until, asked = time.monotonic() + seconds, [0.0]

    def is_asked() -> bool:
        if not asked[0] and (ready() or time.monotonic() > until):
            asked[0] = time.monotonic()
        return bool(asked[0])

    left = made.run(is_asked, 0.1, lambda: None)
    assert time.monotonic() - asked[0] < 2.5
    assert ready(), made.health
    return left


def log_of(made: Supervisor) -> FakeLog:
    assert isinstance(made.log, FakeLog)
    return made.log


def test_one_fails_one_hangs_and_one_goes_on() -> None:
    store = FakeStore()
    made = supervisor(Failing(), Hanging(), Fine(), store=store)
    made.silent_after_s = 0.2
    health = made.health

    def ready() -> bool:
        return (
            health["failing"].restarts >= 3
            and health["hanging"].is_silent(0.2)
            and "source is silent" in log_of(made).events
            and health["fine"].stored >= 20
        )

    left = run_until(made, ready)
    assert left == ["hanging"]
    assert not health["fine"].is_silent(0.2)
    # What was stored is what was told, each once, whatever failed beside it.
    for name, first in (("fine", 0), ("failing", 10_000)):
        done = store.positions[name]["done"]
        times = {e.time.timestamp() - 1_795_000_000 for e in store.events.values()}
        assert {t for t in times if first <= t < first + 10_000} == set(range(first, done))
    assert health["failing"].stored == 3 * (health["failing"].restarts + 1)


def test_what_a_source_raises_is_told_without_secrets() -> None:
    made = supervisor(Failing())
    run_until(made, lambda: made.health["failing"].restarts >= 1)
    assert made.health["failing"].last_error == "mqtt://noria:•••@broker went away"
    failed = next(facts for _, event, facts in log_of(made).lines if event == "source failed")
    assert failed["source"] == "failing"
    assert failed["again_in_s"] == 0.01


@pytest.mark.parametrize("error", ["noria", "exit", "cancelled", "program"])
def test_whatever_a_source_raises_it_is_started_again(error: str) -> None:
    made = supervisor(Refused(error=error), Fine())
    run_until(made, lambda: made.health["refused"].restarts >= 2)
    assert made.health["fine"].stored > 0


def test_a_fault_of_the_program_is_logged_with_its_place() -> None:
    made = supervisor(Refused(error="program"), once=True)
    made.run(lambda: False, 0.1, lambda: None)
    _, _, facts = next(line for line in log_of(made).lines if line[1] == "source failed")
    assert facts["error"] == "ZeroDivisionError: a fault of the program"
    assert isinstance(facts["exc_info"], ZeroDivisionError)


def test_a_source_that_has_nothing_more_to_say_ends() -> None:
    made = supervisor(Fine(until=5))
    made.run(lambda: False, 0.1, lambda: None)
    assert made.health["fine"].stored == 5
    assert made.health["fine"].state == "ended"


def test_once_reads_what_is_there_and_ends() -> None:
    made = supervisor(Fine(), Refused(), once=True)
    assert made.run(lambda: False, 0.1, lambda: None) == []
    assert made.health["fine"].stored == 1
    assert set(made.failures) == {"refused"}


def test_a_store_that_is_away_holds_no_source_back_at_the_stop() -> None:
    store = FakeStore(fails=[StoreAway("away")] * 100_000)
    made = supervisor(Fine(), store=store)
    assert run_until(made, lambda: bool(made.health["fine"].store_away)) == []
    assert store.positions == {}


def test_health_is_told_at_the_end_as_well() -> None:
    told: list[int] = []
    made = supervisor(Fine(until=3))
    made.run(lambda: False, 100, lambda: told.append(made.health["fine"].stored))
    assert told[-1] == 3


# --- secrets ---


class WithSecrets(Mapped):
    kind: Literal["secret"] = "secret"
    name: str = "s"
    password: Secret | None = None
    nested: dict[str, list[SecretPlace]] | None = None


def test_every_missing_secret_is_told_before_anything_starts(tmp_path: Path) -> None:
    place = SecretPlace(env="NOWHERE")
    source = WithSecrets(password=place, nested={"a": [SecretPlace(file=Path("missing"))]})
    with pytest.raises(InputError) as refused:
        look_up_secrets({"sources": [source]}, Keyring({}, tmp_path))
    assert [fault.where for fault in refused.value.faults] == [
        "sources.0.password", "sources.0.nested.a.0",
    ]  # fmt: skip


def test_a_secret_that_is_there_is_hidden_from_then_on(tmp_path: Path) -> None:
    keyring = Keyring({"PW": "hunter2"}, tmp_path)
    look_up_secrets(WithSecrets(password=SecretPlace(env="PW")), keyring)
    assert keyring.redact("it is hunter2") == "it is •••"
