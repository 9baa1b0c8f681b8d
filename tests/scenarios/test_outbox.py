"""What was decided reaches every target once, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scenarios import archive
from scenarios.execution import Execution, recorded
from scenarios.ledger import Ledger
from scenarios.outbox import Outbox
from scenarios.publication import decide_and_deliver, deliver_pending
from scenarios.settings import MesSource, ReplanConfig, SeriesSource
from tests.archives import CUT_OFF, RUN_ID, small_run
from tests.fake_erp import FakeErp
from twin.errors import DiskFull, ErpAway, InputError, NoriaError, Partial, PublishRefused
from twin.secrets import Keyring


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archived") / "runs"
    small_run(folder, replications=2)
    (folder / "ledger.sqlite").unlink()  # archived, and nothing decided yet
    return folder


@pytest.fixture
def config(archived: Path, tmp_path: Path) -> ReplanConfig:
    shutil.copytree(archived, tmp_path / "runs")
    return config_of(tmp_path)


def config_of(folder: Path) -> ReplanConfig:
    """What the outbox needs of a configuration."""
    return ReplanConfig(
        plant=folder / "plant.yaml", orders=folder / "orders.csv", tariff=folder / "tariff.yaml",
        mes=MesSource(path=folder / "log.csv"),
        carbon=SeriesSource(path=folder / "carbon.csv", value_column="x"),
        cut_off=CUT_OFF, publish=folder / "drop", archive=folder / "runs",
    )  # fmt: skip


def night(config: ReplanConfig, *targets: FakeErp) -> None:
    """One execution whose plan is the archived run, as a rerun of the same inputs has it."""
    with recorded(config, "replan", {t.name: t for t in targets}) as execution:
        execution.run_id = RUN_ID
        deliver_pending(execution, CUT_OFF)
        decide_and_deliver(execution, archive.load_run(config.archive / RUN_ID))


def one_night(config: ReplanConfig, job: Callable[[Execution], object], *targets: FakeErp) -> None:
    with recorded(config, "replan", {t.name: t for t in targets}) as execution:
        job(execution)


def states(config: ReplanConfig) -> list[tuple[str, str]]:
    return [(letter.target, letter.state) for letter in Outbox(Ledger(config.archive)).letters()]


def test_a_plan_is_sent_to_every_target_and_marked(config: ReplanConfig, tmp_path: Path) -> None:
    one, two = FakeErp(tmp_path / "one", "one"), FakeErp(tmp_path / "two", "two")
    night(config, one, two)
    assert states(config) == [("one", "sent"), ("two", "sent")]
    assert len(one.journal) == len(two.journal) == len(one.records) > 5
    (row,) = Ledger(config.archive).rows()
    assert (row["status"], row["run_id"]) == ("ok", RUN_ID)
    assert Ledger(config.archive).publications() == [RUN_ID]


def test_the_same_plan_again_writes_nothing(config: ReplanConfig, tmp_path: Path) -> None:
    erp = FakeErp(tmp_path / "erp")
    night(config, erp)
    before = erp.journal
    night(config, erp)
    assert erp.journal == before
    assert Ledger(config.archive).publications() == [RUN_ID]


class Killer:
    """Ends this process at the n-th step: each transaction and each write has one before it and
    one after it."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        original = Ledger.transaction

        @contextmanager
        def transaction(ledger: Ledger) -> Iterator[sqlite3.Connection]:
            self.step()
            with original(ledger) as db:
                yield db
            self.step()

        patch.setattr(Ledger, "transaction", transaction)


def killed(fatal: int, job: Callable[[Killer], None]) -> bool:
    """Run a job in a process of its own; whether it was killed before it ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            killer = Killer(fatal)
            with pytest.MonkeyPatch.context() as patch:
                killer.watch(patch)
                job(killer)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def test_killed_at_any_step_the_next_run_publishes_exactly_once(
    archived: Path, tmp_path: Path
) -> None:
    """Every step of an execution is tried, from the ledger's row to its end."""
    seen: set[tuple[str, ...]] = set()
    fatal, survived = 0, False
    while not survived:
        fatal += 1
        folder = tmp_path / str(fatal)
        shutil.copytree(archived, folder / "runs")
        config, erp = config_of(folder), FakeErp(folder / "erp")

        def job(killer: Killer, config: ReplanConfig = config, folder: Path = folder) -> None:
            night(config, FakeErp(folder / "erp", step=killer.step))

        survived = not killed(fatal, job)
        seen.add(tuple(state for _, state in states(config)))
        written = len(erp.journal)
        night(config, erp)
        records = [line["record"] for line in erp.journal]
        assert len(records) == len(set(records)) == 7, f"killed at step {fatal} after {written}"
        assert Ledger(config.archive).publications() == [RUN_ID]
        assert [state for _, state in states(config)][-1] == "sent"
        assert "running" not in {row["status"] for row in Ledger(config.archive).rows()}
        last = Outbox(Ledger(config.archive)).memory("fake")
        assert all(last.last(id) == values for id, values in erp.records.items())
        assert all(last.intended(id) is None for id in erp.records)
    assert fatal > 40  # before and after every note, write, confirmation and mark
    assert seen >= {(), ("pending",), ("sent",)}  # killed before, amid and after


def test_a_second_write_would_be_found(config: ReplanConfig, tmp_path: Path) -> None:
    """The check above fails on an ERP that has lost a record: it is written again."""
    erp = FakeErp(tmp_path / "erp")
    night(config, erp)
    (erp.folder / "records.json").write_text("{}")
    night(config, erp)
    records = [line["record"] for line in erp.journal]
    assert len(records) == 2 * len(set(records))


def test_what_waits_is_delivered_before_anything_else(config: ReplanConfig, tmp_path: Path) -> None:
    erp, drop = FakeErp(tmp_path / "erp", is_away=True), FakeErp(tmp_path / "drop", "drop")
    with pytest.raises(ErpAway) as away:
        night(config, drop, erp)
    said = str(away.value)
    assert "drop: 7 written" in said
    assert "waits in the outbox for fake" in said
    assert str(config.archive / RUN_ID) in said
    assert states(config) == [("drop", "sent"), ("fake", "pending")]
    assert Ledger(config.archive).rows()[0]["exit_code"] == 9
    erp.is_away = False

    def fails_later(execution: Execution) -> None:
        deliver_pending(execution, CUT_OFF)
        raise RuntimeError("no data tonight")

    with pytest.raises(RuntimeError, match="no data"):
        one_night(config, fails_later, drop, erp)
    assert len(erp.journal) == len(drop.journal) == 7
    assert states(config) == [("drop", "sent"), ("fake", "sent")]


def test_a_newer_decision_supersedes_what_waits(config: ReplanConfig, tmp_path: Path) -> None:
    erp = FakeErp(tmp_path / "erp", is_away=True)
    for _ in range(2):
        with pytest.raises(ErpAway):
            night(config, erp)
    assert states(config) == [("fake", "superseded"), ("fake", "pending")]
    letters = Outbox(Ledger(config.archive)).letters()
    assert [letter.attempts for letter in letters] == [2, 1]
    assert "connection refused" in letters[1].error


def test_a_plan_whose_days_are_over_is_not_published_late(
    config: ReplanConfig, tmp_path: Path
) -> None:
    erp = FakeErp(tmp_path / "erp", is_away=True)
    with pytest.raises(ErpAway):
        night(config, erp)
    erp.is_away = False
    one_night(config, lambda e: deliver_pending(e, CUT_OFF + timedelta(days=9)), erp)
    assert erp.journal == []
    assert states(config) == [("fake", "superseded")]


def test_a_target_that_is_gone_or_a_damaged_run_does_not_block_later_nights(
    config: ReplanConfig, tmp_path: Path
) -> None:
    gone, erp = FakeErp(tmp_path / "a", "gone", is_away=True), FakeErp(tmp_path / "b", is_away=True)
    with pytest.raises(ErpAway):
        night(config, gone, erp)
    (config.archive / RUN_ID / archive.PLAN).write_text("{")
    one_night(config, lambda e: deliver_pending(e, CUT_OFF), erp)
    assert states(config) == [("gone", "superseded"), ("fake", "superseded")]
    errors = [letter.error for letter in Outbox(Ledger(config.archive)).letters()]
    assert "no longer has this target" in errors[0]
    assert "damaged" in errors[1]


def test_refusals_have_their_own_codes(config: ReplanConfig, tmp_path: Path) -> None:
    drop = FakeErp(tmp_path / "drop", "drop")
    closed = FakeErp(tmp_path / "closed", "closed", refuses_all=True)
    with pytest.raises(PublishRefused, match="closed for bookings") as refused:
        night(config, closed)
    assert refused.value.exit_code == 6
    with pytest.raises(Partial, match=r"(?s)drop: 7 written.*closed: refused.*is archived") as part:
        night(config, drop, closed)
    assert part.value.exit_code == 7
    choosy = FakeErp(tmp_path / "choosy", "choosy", refuses=frozenset({"4103"}))
    with pytest.raises(Partial, match=r"(?s)6 written.*4103 refused; it is locked"):
        night(config, choosy)
    choosy.refuses = frozenset()
    night(config, choosy)
    assert len(choosy.journal) == 7


def test_a_connector_that_fails_is_named_and_stops_nobody_else(
    config: ReplanConfig, tmp_path: Path
) -> None:
    broken = FakeErp(tmp_path / "broken", "broken", trouble=[ZeroDivisionError("by zero")])
    erp = FakeErp(tmp_path / "erp")
    with pytest.raises(Partial, match=r"broken: refused; its connector failed \(ZeroDivisionError"):
        night(config, broken, erp)
    assert len(erp.journal) == 7


def test_a_full_disk_leaves_the_plan_waiting(config: ReplanConfig, tmp_path: Path) -> None:
    erp = FakeErp(tmp_path / "erp", trouble=[OSError(28, "No space left on device")])
    with pytest.raises(DiskFull, match="waits in the outbox"):
        night(config, erp)
    assert states(config) == [("fake", "pending")]


def test_no_secret_of_a_connector_gets_into_ledger_or_message(
    config: ReplanConfig, tmp_path: Path
) -> None:
    config._keyring = config.keyring
    config.keyring._known.add("hunter2")
    why = PublishRefused("login noria:hunter2 was refused by https://u:p4ss@erp.example/db")
    erp = FakeErp(tmp_path / "erp", trouble=[why])
    with pytest.raises(PublishRefused) as refused:
        night(config, erp)
    kept = b"".join(p.read_bytes() for p in config.archive.iterdir() if p.is_file())
    assert b"was refused by" in kept  # what is looked through does have the message
    for secret in ("hunter2", "p4ss"):
        assert secret not in str(refused.value)
        assert secret.encode() not in kept


def test_a_secret_that_is_missing_is_told_before_anything_is_done(
    config: ReplanConfig, tmp_path: Path
) -> None:
    """All of them at once, by the key that names them; with them, the job goes on."""
    tls = {"url": "postgresql://noria@db/x", "password": {"env": "STORE"}}
    erp = {"kind": "tryton", "url": "https://erp", "database": "x", "user": "noria"}
    wanted = config.model_dump(exclude={"mes", "erp"}) | {
        "mes": {"store": tls}, "erp": {**erp, "password": {"env": "ERP"}},
    }  # fmt: skip
    needy, fake = ReplanConfig(**wanted), FakeErp(tmp_path / "erp")
    with pytest.raises(InputError, match=r"(?s)mes.store.password.*STORE.*erp.0.password.*ERP"):
        night(needy, fake)
    assert Outbox(Ledger(config.archive)).letters() == []
    needy._keyring = Keyring({"STORE": "a-secret", "ERP": "another"}, tmp_path)
    night(needy, fake)
    assert len(fake.journal) == 7


# --- the ledger's file ---


def test_a_ledger_of_an_earlier_version_keeps_its_rows_and_publications(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as old:
        old.execute(
            "CREATE TABLE run (number INTEGER PRIMARY KEY AUTOINCREMENT, started TEXT NOT NULL, "
            "ended TEXT, status TEXT NOT NULL, exit_code INTEGER, run_id TEXT, "
            "details TEXT NOT NULL DEFAULT '{}')"
        )
        old.executemany(
            "INSERT INTO run (started, status, exit_code, run_id) VALUES ('2026-11-22', ?, ?, ?)",
            [("ok", 0, "a"), ("dry run", 0, "b"), ("ok", 0, "c"), ("ok", 0, "c")],
        )
    old.close()
    ledger = Ledger(tmp_path)
    assert ledger.publications() == ["a", "c"]
    assert [row["run_id"] for row in ledger.rows()] == ["c", "c", "b", "a"]
    number = ledger.begin()
    (letter,) = Outbox(ledger).decide(number, "d", "hash", ["erp"], {"orders": 3})
    Outbox(ledger).mark(letter, "sent")
    assert ledger.publications() == ["a", "c", "d"]
    assert Outbox(ledger).decided() == {"d"}


def test_a_ledger_of_a_newer_noria_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(NoriaError, match="written by a newer Noria"):
        Ledger(tmp_path).begin()


def test_a_decision_is_whole_or_not_at_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    outbox, number = Outbox(ledger), ledger.begin()

    def targets() -> Iterator[str]:
        yield "one"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.decide(number, "run", "hash", targets(), {})
    assert outbox.letters() == []
    assert ledger.rows()[0]["status"] == "running"


def test_memory_tells_a_noted_value_from_a_confirmed_one(tmp_path: Path) -> None:
    memory = Outbox(Ledger(tmp_path)).memory("erp")
    assert memory.last("1") is None
    memory.note("1", {"start": "a"})
    assert (memory.last("1"), memory.intended("1")) == (None, {"start": "a"})
    memory.confirm("1")
    assert (memory.last("1"), memory.intended("1")) == ({"start": "a"}, None)
    memory.note("1", {"start": "b"})
    assert (memory.last("1"), memory.intended("1")) == ({"start": "a"}, {"start": "b"})
    assert Outbox(Ledger(tmp_path)).memory("other").last("1") is None
    assert replace(memory, target="erp").last("1") == {"start": "a"}
