"""Killed anywhere, Tryton is left as its own clients could leave it, and the next run completes.

The job is a forked process that kills itself (signal 9) before or after its n-th step, a step being
a note or confirmation in the outbox or a call that writes.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.services.tryton_plant import add_productions, press
from tests.services.trytond import Erp
from tests.twin.erp.everything import everything, faults
from tests.twin.erp.pins import Outbox, day, plan_of, tryton
from twin.erp import tryton_write
from twin.erp.signature import PlanToPublish, Written
from twin.erp.tryton import TrytonErp
from twin.erp.tryton_rpc import Session
from twin.errors import ErpAway

pytestmark = pytest.mark.servers
WRITES = (".write", ".create", ".wait")


class Deadly:
    """Counts the steps of a job and kills it at one of them."""

    def __init__(self, at: int, after: bool) -> None:
        self.at, self.after = at, after
        self.steps: list[str] = []

    def wraps(self, name: str, step: Callable[[], Any]) -> Any:
        self.steps.append(name)
        fatal = len(self.steps) - 1 == self.at
        if fatal and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = step()
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return found


class DeadlyOutbox(Outbox):
    def __init__(self, path: Path, deadly: Deadly) -> None:
        super().__init__(path)
        self.deadly = deadly

    def note(self, record: str, values: Mapping[str, Any]) -> None:
        self.deadly.wraps(f"note {record}", lambda: super(DeadlyOutbox, self).note(record, values))

    def confirm(self, record: str) -> None:
        self.deadly.wraps(f"confirm {record}", lambda: super(DeadlyOutbox, self).confirm(record))


def publish(
    erp: Erp, target: TrytonErp, plan: PlanToPublish, path: Path, deadly: Deadly
) -> Written:
    """Publish with every step counted; at the fatal one this process is gone."""
    plain = Session._send

    def send(session: Session, method: str, *rest: Any, **options: Any) -> Any:
        if not method.endswith(WRITES):
            return plain(session, method, *rest, **options)
        return deadly.wraps(method, lambda: plain(session, method, *rest, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_send", send)
        return target.publish(plan, DeadlyOutbox(path, deadly), erp.keyring())


def killed_at(erp: Erp, target: TrytonErp, plan: PlanToPublish, path: Path, deadly: Deadly) -> bool:
    """Publish in a process of its own; False when it lived to the end."""
    if not (pid := os.fork()):
        try:
            publish(erp, target, plan, path, deadly)
        finally:
            os._exit(0 if len(deadly.steps) <= deadly.at else 1)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


WRITTEN, WAITING = 7, 17
"""After the transaction of dates, and after that of the release; three orders' notes before each,
and their confirmations between, make the steps."""


@pytest.mark.parametrize(
    "points", [(WRITTEN, WAITING), pytest.param(range(200), marks=pytest.mark.slow)]
)
def test_a_job_killed_between_two_steps_is_completed_by_the_next(
    shared_erp: Erp, tmp_path: Path, points: Sequence[int]
) -> None:
    """Two drafts get dates, a third is released too; each kill has three orders of its own.

    Point 2n is before step n, point 2n + 1 after it.
    """
    target = tryton(shared_erp, release_within="24 h")
    keys = shared_erp.keyring()
    killed = []
    for n in points:
        ids = [f"K{len(points)}-{n}-{k}" for k in range(3)]
        plan = plan_of(ids, {ids[0]: 0, ids[1]: 3, ids[2]: 4}, unit=1)
        with shared_erp.session() as admin:
            made = add_productions(admin, ids, days=9)
            old = everything(admin, made.values())["production"]
        box = tmp_path / f"outbox-{n}.json"
        deadly = Deadly(n // 2, after=bool(n % 2))
        if not killed_at(shared_erp, target, plan, box, deadly):
            break
        killed.append(n)
        with shared_erp.session() as admin:
            left = everything(admin, made.values())
            assert faults(left) == [], f"killed at {n}"
            for row, before in zip(left["production"], old, strict=True):
                pair = row["planned_start_date"], row["planned_date"]
                wanted = plan_day(plan, row["reference"])
                assert pair in [(before["planned_start_date"], before["planned_date"]), wanted]
            outbox = Outbox(box)
            assert target.publish(plan, outbox, keys).is_whole, f"killed at {n}"
            done = everything(admin, made.values())
            assert faults(done) == []
            assert [r["state"] for r in done["production"]] == ["waiting", "draft", "draft"]
            assert [r["planned_date"] for r in done["production"]] == [day(0), day(3), day(4)]
            centers = [w["work_center."]["name"] for w in done["production.work"]]
            assert centers == ["PRESS-2", "OVEN-2", "PACK-1"]
            again = target.publish(plan, outbox, keys)
            assert (again.written, again.unchanged, again.files) == (0, 3, ())
            assert everything(admin, made.values()) == done
    assert len(killed) >= min(len(points), 22), "fewer steps than notes, writes, confirmations"


def test_a_release_killed_before_tryton_heard_of_it_can_still_come(
    shared_erp: Erp, tmp_path: Path
) -> None:
    """The next plan starts the order later; the one after that soon again."""
    target, keys = tryton(shared_erp, release_within="24 h"), shared_erp.keyring()
    with shared_erp.session() as admin:
        made = add_productions(admin, ["R-1"], days=9)
    box = tmp_path / "outbox.json"
    noted = Deadly(3, after=True)  # after note, write, confirmation: the note of the release
    assert killed_at(shared_erp, target, plan_of(["R-1"]), box, noted)
    outbox = Outbox(box)
    assert (outbox.intended("production R-1") or {})["released"]
    assert target.publish(plan_of(["R-1"], {"R-1": 4}), outbox, keys).written == 1
    assert target.publish(plan_of(["R-1"], {"R-1": 0}), outbox, keys).written == 1
    with shared_erp.session() as admin:
        held = everything(admin, made.values())
    assert [row["state"] for row in held["production"]] == ["waiting"]
    assert faults(held) == []


def plan_day(plan: PlanToPublish, order: str) -> tuple[Any, Any]:
    starts = [a.start for a in plan.schedule.assignments if a.order == order]
    found = plan.schedule.horizon.local(min(starts)).date()
    return found, found


def test_the_check_would_find_what_no_client_makes(shared_erp: Erp) -> None:
    with shared_erp.session() as admin:
        made = add_productions(admin, ["C-1"])
        press(admin, "wait", made["C-1"])
        held = everything(admin, made.values())
    assert faults(held) == []
    [row] = held["production"]
    for model, change, words in (
        ("production", {"planned_start_date": None}, "half a pair"),
        ("production", {"effective_start_date": day(0)}, "effective date"),
        ("production", {"state": "draft"}, "a draft with works"),
        ("production", {"planned_date": day(9)}, "material planned for another day"),
        ("production.work", {"work_center": None}, "without a work centre"),
        ("production.work", {"work_center.": {"category": 99}}, "of another kind"),
    ):
        doctored = {name: [dict(r) for r in rows] for name, rows in held.items()}
        doctored[model][0].update(change)
        assert any(words in fault for fault in faults(doctored)), words
    assert row["reference"] == "C-1"


def test_what_somebody_saved_meanwhile_is_read_again_and_left(
    shared_erp: Erp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clerk saves two orders between reading and writing: dates of one, a remark of the other."""
    ids = [f"S-{k}" for k in range(4)]
    plain = Session.call
    with shared_erp.session("clerk") as clerk:
        made = add_productions(clerk, ids)
        meddled: list[str] = []

        def call(session: Session, method: str, *rest: Any, **context: Any) -> Any:
            if method == "model.production.write" and session is not clerk and not meddled:
                meddled.append(method)
                write = "model.production.write"
                plain(clerk, write, [made["S-1"]], {"planned_date": day(12)})
                plain(clerk, write, [made["S-2"]], {"effective_date": None})
            return plain(session, method, *rest, **context)

        monkeypatch.setattr(Session, "call", call)
        outbox = Outbox(tmp_path / "outbox.json")
        written = tryton(shared_erp).publish(
            plan_of(ids, dict.fromkeys(ids, 6)), outbox, shared_erp.keyring()
        )
        assert meddled
        assert written.written == 3
        assert written.refused == {}
        assert written.untouched.keys() == {"S-1"}
        rows = clerk.all("production", [["id", "in", list(made.values())]], ["planned_date"])
        assert [row["planned_date"] for row in rows] == [day(6), day(12), day(6), day(6)]


def test_an_order_saved_again_and_again_is_reported(
    shared_erp: Erp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Session.call
    with shared_erp.session("clerk") as clerk:
        made = add_productions(clerk, ["Q-1", "Q-2"])

        def call(session: Session, method: str, *rest: Any, **context: Any) -> Any:
            if method == "model.production.write" and session is not clerk:
                plain(clerk, method, [made["Q-1"]], {"effective_date": None})
            return plain(session, method, *rest, **context)

        monkeypatch.setattr(Session, "call", call)
        plan = plan_of(["Q-1", "Q-2"], {"Q-1": 6, "Q-2": 6})
        outbox = Outbox(tmp_path / "outbox.json")
        written = tryton(shared_erp).publish(plan, outbox, shared_erp.keyring())
    assert written.written == 1
    assert "modified in the meanwhile" in written.refused["Q-1"]


def test_a_tryton_that_is_down_is_said_and_nothing_is_noted(erp: Erp, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.json")
    erp.server.kill()
    for step in (tryton(erp).publish, tryton(erp).compare):
        with pytest.raises(ErpAway, match="cannot be reached"):
            step(plan_of(["WO-1"]), outbox, erp.keyring())
    assert not outbox.path.exists()


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_tryton_killed_midway_is_completed_by_the_next_run(
    erp: Erp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Signal 9 to the server while it carries out the third transaction of dates."""
    ids = [f"WO-{n}" for n in range(count)]
    plan, outbox = plan_of(ids, dict.fromkeys(ids, 6)), Outbox(tmp_path / "outbox.json")
    with erp.session() as admin:
        made = add_productions(admin, ids)
    monkeypatch.setattr(tryton_write, "BATCH", count // 5)
    plain = Session.call
    killer = threading.Thread(target=lambda: (time.sleep(0.01), erp.server.kill()))
    transactions = []

    def call(session: Session, method: str, *rest: Any, **context: Any) -> Any:
        if method == "model.production.write":
            transactions.append(erp.server.process.pid)
            if len(transactions) == 3:
                assert erp.server.process.is_running
                killer.start()
        return plain(session, method, *rest, **context)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "call", call)
        with pytest.raises(ErpAway):
            tryton(erp).publish(plan, outbox, erp.keyring())
    killer.join()
    assert not erp.server.process.is_running

    erp.server.start()
    erp.server.answers(erp)
    assert erp.server.process.pid not in transactions
    with erp.session() as admin:
        left = everything(admin, made.values())
        assert faults(left) == []
        moved = [r for r in left["production"] if r["planned_start_date"] == day(6)]
        assert 2 * count // 5 <= len(moved) <= 3 * count // 5
    rest = tryton(erp).publish(plan, outbox, erp.keyring())
    assert rest.is_whole
    assert rest.written == count - len(moved)
    assert tryton(erp).publish(plan, outbox, erp.keyring()).written == 0
