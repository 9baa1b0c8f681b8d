"""Publishing into a real Tryton: the difference and nothing else, and everybody's work left be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.tryton_plant import add_productions, press
from tests.services.trytond import Erp
from tests.twin.erp.everything import everything, faults
from tests.twin.erp.pins import CUT_OFF, Outbox, day, pin_plant, plan_of, tryton
from twin.errors import PublishRefused

pytestmark = pytest.mark.servers


@pytest.fixture
def erp(shared_erp: Erp) -> Erp:
    """One server for these tests: each has orders of its own."""
    return shared_erp


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.json")


def dates(erp: Erp, ids: Iterable[str]) -> dict[str, tuple[Any, Any, str]]:
    """Planned dates and state of orders, as Tryton has them."""
    with erp.session() as admin:
        names = ["reference", "planned_start_date", "planned_date", "state"]
        rows = admin.all("production", [["reference", "in", list(ids)]], names)
    return {r["reference"]: (r["planned_start_date"], r["planned_date"], r["state"]) for r in rows}


@pytest.mark.parametrize(
    ("count", "moved"), [(20, 3), pytest.param(200, 30, marks=pytest.mark.slow)]
)
def test_a_plan_is_written_once_and_its_difference_exactly(
    erp: Erp, outbox: Outbox, count: int, moved: int
) -> None:
    ids = [f"A{count}-{n}" for n in range(count)]
    with erp.session() as admin:
        add_productions(admin, ids, days=7)
    target, keys = tryton(erp), erp.keyring()
    plan = plan_of(ids)

    seen = target.compare(plan, outbox, keys)
    done = target.publish(plan, outbox, keys)
    assert seen == done
    assert done.is_whole
    assert done.written + done.unchanged == count
    assert done.written > 0
    assert dates(erp, ids) == {id: (day(n % 5), day(n % 5), "draft") for n, id in enumerate(ids)}

    again = target.publish(replace(plan, run="run-2"), outbox, keys)
    assert (again.written, again.unchanged, again.files) == (0, count, ())

    later = {id: 6 + n % 3 for n, id in enumerate(ids[-moved:])}
    shifted = plan_of(ids, later)
    assert target.compare(shifted, outbox, keys).written == moved
    done = target.publish(shifted, outbox, keys)
    assert (done.written, done.unchanged) == (moved, count - moved)
    assert done.files == ("noria-plan.csv",)
    held = dates(erp, ids)
    assert {id: held[id][0] for id in later} == {id: day(n) for id, n in later.items()}
    assert target.publish(shifted, outbox, keys).written == 0
    with erp.session() as admin:
        productions = admin.all("production", [["reference", "in", ids]], [])
        assert faults(everything(admin, [row["id"] for row in productions])) == []


def test_what_is_not_ours_survives_untouched(erp: Erp, outbox: Outbox) -> None:
    ids = [f"B-{n}" for n in range(9)]
    edited, waiting, assigned, running, done, cancelled = ids[:6]
    target, keys = tryton(erp), erp.keyring()
    with erp.session() as admin, erp.session("clerk") as clerk:
        made = add_productions(admin, ids)
        assert target.publish(plan_of(ids), outbox, keys).is_whole
        clerk.call("model.production.write", [made[edited]], {"planned_date": day(12)})
        press(clerk, "wait", *(made[id] for id in (waiting, assigned, running, done)))
        press(clerk, "assign_try", *(made[id] for id in (assigned, running, done)))
        press(clerk, "run", made[running], made[done])
        _finish(clerk, made[done])
        press(clerk, "cancel", made[cancelled])
        others = [made[id] for id in ids[:6]]
        before = everything(admin, others)
        assert before == everything(admin, others)
        states = [row["state"] for row in before["production"]]
        assert states == ["draft", "waiting", "assigned", "running", "done", "cancelled"]

        later = plan_of(ids, dict.fromkeys(ids, 8))
        seen = target.compare(later, outbox, keys)
        written = target.publish(later, outbox, keys)
        assert everything(admin, others) == before
    assert seen == written
    assert written.written == 3
    assert written.untouched.keys() == set(ids[:6])
    assert written.untouched[edited].startswith(
        "edited by a user: planned 2026-11-23 to 2026-12-05"
    )
    assert written.untouched[running] == "running"
    assert {held[0] for held in dates(erp, ids[6:]).values()} == {day(8)}


def _finish(clerk: Any, production: int) -> None:
    works = clerk.all("production.work", [["production", "=", production]], ["state"])
    for button in ("start", "stop"):
        clerk.call(f"model.production.work.{button}", [work["id"] for work in works])
    press(clerk, "do", production)


def test_an_edit_stays_until_the_user_gives_the_dates_back(erp: Erp, outbox: Outbox) -> None:
    target, keys = tryton(erp), erp.keyring()
    with erp.session("clerk") as clerk:
        made = add_productions(clerk, ["C-1"])
        target.publish(plan_of(["C-1"]), outbox, keys)
        clerk.call("model.production.write", [made["C-1"]], {"planned_date": day(5)})
        moved = plan_of(["C-1"], {"C-1": 3})
        for _ in range(2):
            assert target.publish(moved, outbox, keys).written == 0
        clerk.call("model.production.write", [made["C-1"]], {"planned_date": day(0)})
        assert target.publish(moved, outbox, keys).written == 1


def test_orders_that_start_soon_are_released_on_their_work_units(erp: Erp, outbox: Outbox) -> None:
    ids = ["D-0", "D-1"]
    with erp.session() as admin:
        made = {id: add_productions(admin, [id])[id] for id in ids}
    target, keys = tryton(erp, release_within="24 h"), erp.keyring()
    wanted = [{"PRESS-1", "OVEN-1", "PACK-1"}, {"PRESS-2", "OVEN-2", "PACK-1"}]
    for unit, (id, centers) in enumerate(zip(ids, wanted, strict=True)):
        plan = plan_of([id], unit=unit)
        assert target.compare(plan, outbox, keys).written == 1
        assert target.publish(plan, outbox, keys).written == 1
        with erp.session() as admin:
            domain = [["production", "=", made[id]]]
            works = admin.all("production.work", domain, ["work_center.name"])
            assert {work["work_center."]["name"] for work in works} == centers
            assert faults(everything(admin, [made[id]])) == []
        again = target.publish(plan, outbox, keys)
        assert (again.written, again.unchanged) == (0, 1)


def test_a_work_centre_that_a_user_chose_stays(erp: Erp, outbox: Outbox) -> None:
    target, keys = tryton(erp, release_within="24 h"), erp.keyring()
    with erp.session("clerk") as clerk:
        made = add_productions(clerk, ["E-1"])
        plan = plan_of(["E-1"])
        target.publish(plan, outbox, keys)
        [press_2] = clerk.all("production.work.center", [["name", "=", "PRESS-2"]], [])
        domain = [["production", "=", made["E-1"]], ["operation.name", "=", "Pressing"]]
        [work] = clerk.all("production.work", domain, [])
        clerk.call("model.production.work.write", [work["id"]], {"work_center": press_2["id"]})
        before = everything(clerk, made.values())
        assert target.publish(plan, outbox, keys).written == 0
        assert everything(clerk, made.values()) == before


def test_frozen_orders_keep_what_tryton_says(erp: Erp, outbox: Outbox) -> None:
    ids = ["F-1", "F-2"]
    target, keys = tryton(erp), erp.keyring()
    with erp.session() as admin:
        add_productions(admin, ids)
    target.publish(plan_of(ids, {"F-1": 0, "F-2": 4}), outbox, keys)
    soon = CUT_OFF + timedelta(hours=24)
    written = target.publish(plan_of(ids, dict.fromkeys(ids, 6), frozen_until=soon), outbox, keys)
    assert written.untouched == {"F-1": "frozen: it starts Mon 23 Nov 06:00"}
    assert dates(erp, ids) == {"F-1": (day(0), day(0), "draft"), "F-2": (day(6), day(6), "draft")}


def test_one_bad_order_does_not_refuse_the_others(erp: Erp, outbox: Outbox) -> None:
    """Tryton cannot release an order into a hall without work centres."""
    ids = [f"G-{n}" for n in range(5)]
    with erp.session() as admin:
        made = add_productions(admin, ids)
        company = admin.context["company"]
        empty = {"name": "Hall 2", "warehouse": _warehouse(admin), "company": company}
        [other] = admin.call("model.production.work.center.create", [empty])
        admin.call("model.production.write", [made["G-2"]], {"work_center": other})
    target, keys = tryton(erp, release_within="24 h"), erp.keyring()
    written = target.publish(plan_of(ids, dict.fromkeys(ids, 0)), outbox, keys)
    assert written.written == 4
    assert not written.is_whole
    assert "Hall 2" in written.refused["G-2"]
    held = dates(erp, ids)
    assert held.pop("G-2") == (day(0), day(0), "draft")
    assert {state for *_, state in held.values()} == {"waiting"}


def _warehouse(admin: Any) -> int:
    [warehouse] = admin.all("stock.location", [["type", "=", "warehouse"]], [])
    id: int = warehouse["id"]
    return id


def test_an_order_that_tryton_does_not_have_is_refused_by_name(erp: Erp, outbox: Outbox) -> None:
    with erp.session() as admin:
        add_productions(admin, ["H-1", "H-2", "H-2"])
    target, keys = tryton(erp), erp.keyring()
    written = target.publish(plan_of(["H-1", "H-2", "H-9"]), outbox, keys)
    assert written.refused.keys() == {"H-2", "H-9"}
    assert written.refused["H-9"] == "Tryton has no production of this reference"
    assert written.refused["H-2"].startswith("Tryton has 2 productions of this reference")
    with pytest.raises(PublishRefused, match="H-8: Tryton has no production"):
        target.publish(plan_of(["H-8"]), outbox, keys)


def test_a_user_without_the_group_is_refused_before_anything_is_written(
    erp: Erp, outbox: Outbox
) -> None:
    with erp.session() as admin:
        add_productions(admin, ["I-1"])
    before = dates(erp, ["I-1"])
    reader = tryton(erp, user="reader")
    assert "I-1" in [o.id for o in reader.survey(pin_plant(), erp.keyring()).orders]
    with pytest.raises(PublishRefused, match="Tryton's group Production"):
        reader.publish(plan_of(["I-1"], {"I-1": 4}), outbox, erp.keyring())
    assert dates(erp, before) == before
    assert not outbox.path.exists()


def test_the_plan_is_attached_once_and_replaced_in_place(erp: Erp, outbox: Outbox) -> None:
    with erp.session() as admin:
        add_productions(admin, ["J-1"])
    target, keys = tryton(erp), erp.keyring()
    for hour in (6, 9, 9):
        target.publish(plan_of(["J-1"], hour=hour), outbox, keys)
    with erp.session("clerk") as clerk:
        [company] = clerk.all("company.company", [], ["party"])
        resource = f"party.party,{company['party']}"
        files = clerk.all("ir.attachment", [["resource", "=", resource]], ["name", "data"])
    assert [file["name"] for file in files] == ["noria-plan.csv", "noria-maintenance.csv"]
    assert b"J-1,PIN-10,100,Pressing,PRESS-1,2026-11-23T09:00:00+01:00" in files[0]["data"]


def test_attachments_can_be_left_out(erp: Erp, outbox: Outbox) -> None:
    with erp.session() as admin:
        add_productions(admin, ["K-1"])
    target = tryton(erp, attachment=False)
    assert target.publish(plan_of(["K-1"]), outbox, erp.keyring()).files == ()
