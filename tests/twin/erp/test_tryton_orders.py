"""Work orders out of Tryton: what they say, and every one that cannot be planned, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.tryton_plant import CENTERS, MONDAY, add_productions, press
from tests.services.trytond import Erp
from tests.twin.erp.pins import ZONE, Outbox, day, pin_plant, plan_of, tryton
from tests.twin.erp.test_tryton_rules import production
from twin.erp.tryton_orders import Names, Reading, orders_of
from twin.erp.tryton_read import Production, Work
from twin.errors import InputError, PublishRefused
from twin.model.orders import WorkOrder
from twin.model.state import OrderState

PLANT = pin_plant()


def read(*productions: Production, **names: Any) -> Reading:
    settings = {"order_id": "reference", "products": {}, "operations": {}, "work_centers": {}}
    return orders_of(productions, PLANT, Names(**{**settings, **names}), None, "tryton")


def faults(*productions: Production, **names: Any) -> list[str]:
    return [str(fault) for fault in read(*productions, **names).faults.found]


def test_dates_are_days_on_the_plants_clock() -> None:
    """Released with the first instant of the day, due with the last."""
    assert list(read(production()).orders) == [
        WorkOrder(
            "WO-1", "PIN-10", 100,
            datetime.combine(MONDAY, datetime.min.time(), ZONE),
            datetime.combine(MONDAY + timedelta(days=2), datetime.min.time(), ZONE),
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": ""}, "has no reference to know it by; give it a reference"),
        ({"product": ""}, "names no product, or one without a code"),
        ({"product": "PIN10"}, 'not made by plant pins; did you mean "PIN-10"?'),
        ({"quantity": None}, "no quantity; a positive whole number"),
        ({"quantity": 2.5}, "quantity 2.5 u; a positive whole number"),
        ({"quantity": -3.0}, "quantity -3 u; a positive whole number"),
        ({"quantity": 9e6}, "days of work at one operation alone"),
        ({"planned_start_date": None}, "has no planned start date; enter one"),
        ({"planned_date": None}, "has no planned date; enter one"),
        ({"planned_date": date(2026, 11, 1)}, "planned from 2026-11-23 to 2026-11-01"),
        ({"planned_date": date(3026, 11, 1)}, "a year from 1970 to 2199 is expected"),
    ],
)
def test_a_production_that_cannot_be_planned_is_named(changes: dict[str, Any], words: str) -> None:
    [fault] = faults(replace(production(), **changes))
    assert fault.startswith("production (1): ")
    assert words in fault


def test_all_faults_are_told_together() -> None:
    broken = replace(production(), quantity=None, planned_date=None)
    unknown = replace(production(), id=2, shown="(2)", reference="WO-2", product="PIN-99")
    assert len(faults(broken, unknown)) == 3


def test_two_productions_of_one_reference_are_a_fault() -> None:
    [fault] = faults(production(), replace(production(), id=2, shown="(2)"))
    assert 'order "WO-1" is also (1) (record 1)' in fault


def test_names_of_tryton_can_differ_from_the_plants() -> None:
    other = replace(production(), product="4711", number="12")
    [order] = read(other, order_id="number", products={"4711": "PIN-10"}).orders
    assert (order.id, order.product) == ("12", "PIN-10")
    [order] = read(production(), order_id="record").orders
    assert order.id == "(1)"


def test_a_running_order_says_how_far_it_has_come() -> None:
    def works(*states: str) -> tuple[Work, ...]:
        return tuple(
            Work(n, operation, CENTERS[operation][0], state, 1, "")
            for n, (operation, state) in enumerate(zip(CENTERS, states, strict=True))
        )

    def state_of(*states: str, **names: Any) -> OrderState:
        return read(production("running", works=works(*states)), **names).states["WO-1"]

    assert state_of("finished", "running", "draft") == OrderState(1, "OVEN-1")
    assert state_of("finished", "waiting", "draft") == OrderState(1)
    assert state_of("done", "done", "done") == OrderState(3)
    assert state_of("running", "draft", "draft", work_centers={"PRESS-1": "P1"}) == (
        OrderState(0, "P1")
    )


@pytest.fixture
def erp(shared_erp: Erp) -> Erp:
    """One server for these tests: each has orders of its own."""
    return shared_erp


def of(found: Sequence[WorkOrder], prefix: str) -> list[str]:
    return [order.id for order in found if order.id.startswith(prefix)]


@pytest.mark.servers
def test_open_productions_are_read_and_others_are_not(erp: Erp) -> None:
    ids = [f"A-{n}" for n in range(6)]
    with erp.session() as admin:
        made = add_productions(admin, ids)
        press(admin, "wait", *(made[id] for id in ids[1:4]))
        press(admin, "assign_try", *(made[id] for id in ids[2:4]))
        press(admin, "run", made[ids[3]])
        press(admin, "cancel", made[ids[5]])
        [first] = admin.all("production.work", [["production", "=", made[ids[3]]]], [])[:1]
        for button in ("start", "stop"):
            admin.call(f"model.production.work.{button}", [first["id"]])
    reading = tryton(erp).survey(PLANT, erp.keyring())
    assert of(reading.orders.orders, "A-") == ids[:5]
    assert reading.states == {ids[3]: OrderState(1)}
    assert reading.orders[ids[1]] == WorkOrder(
        ids[1], "PIN-20", 100,
        datetime.combine(day(1), datetime.min.time(), ZONE),
        datetime.combine(day(3), datetime.min.time(), ZONE),
    )  # fmt: skip


@pytest.mark.servers
def test_a_late_plan_does_not_move_the_due_date(erp: Erp, tmp_path: Path) -> None:
    """The plan is written over the dates that were asked for; the outbox gives these back."""
    outbox = Outbox(tmp_path / "outbox.json")
    target, keys = tryton(erp), erp.keyring()

    def order() -> WorkOrder:
        return target.survey(PLANT, keys, outbox).orders["B-1"]

    with erp.session("clerk") as clerk:
        made = add_productions(clerk, ["B-1"])
        asked = order()
        for late in (8, 9):
            assert target.publish(plan_of(["B-1"], {"B-1": late}), outbox, keys).written == 1
            assert order() == asked
        forgotten = target.survey(PLANT, keys).orders["B-1"]
        assert forgotten.due_date > asked.due_date, "without the outbox it would have moved"
        clerk.call("model.production.write", [made["B-1"]], {"planned_date": day(11)})
        assert order().release_date == asked.release_date
        assert order().due_date.astimezone(ZONE).date() == day(12)


@pytest.mark.servers
def test_quantities_come_in_the_products_default_unit(erp: Erp) -> None:
    with erp.session() as admin:
        [unit] = admin.all("product.uom", [["symbol", "=", "u"]], ["category"])
        dozen = {
            "name": "Dozen", "symbol": "dz", "category": unit["category"], "factor": 12.0,
            "rate": round(1 / 12, 12), "digits": 0, "rounding": 1.0,
        }  # fmt: skip
        [id] = admin.call("model.product.uom.create", [dozen])
        add_productions(admin, ["C-1"], quantity=3, unit=id)
    assert tryton(erp).survey(PLANT, erp.keyring()).orders["C-1"].quantity == 36


@pytest.mark.servers
def test_a_company_or_warehouse_that_is_not_there_is_said(erp: Erp) -> None:
    with pytest.raises(InputError, match=r'no company "Pins of Rabbat".* mean "Pins of Rabat"'):
        tryton(erp, company="Pins of Rabbat").read_orders(PLANT, erp.keyring())
    with pytest.raises(InputError, match=r'no warehouse "HW" .*; known: WH'):
        tryton(erp, warehouse="HW").read_orders(PLANT, erp.keyring())
    assert tryton(erp, company="Pins of Rabat", warehouse="WH").survey(PLANT, erp.keyring())


@pytest.mark.servers
def test_faults_are_raised_before_anything_is_planned(erp: Erp) -> None:
    with erp.session() as admin:
        made = add_productions(admin, ["", "D-1"], planned_date=None, planned_start_date=None)
    with pytest.raises(InputError) as refused:
        tryton(erp).read_orders(PLANT, erp.keyring())
    with erp.session() as admin:
        press(admin, "cancel", *made.values())
    assert "has no reference" in str(refused.value)
    assert "production [D-1]: has no planned date" in str(refused.value)


@pytest.mark.servers
def test_the_catalogue_has_everything_but_the_orders(erp: Erp) -> None:
    found = tryton(erp).catalogue(erp.keyring())
    assert found.company == "Pins of Rabat"
    assert {
        p.code: [(m.product, m.quantity, m.unit) for m in p.materials] for p in found.products
    } == ({"PIN-10": [("STEEL", 0.05, "kg")], "PIN-20": [("STEEL", 0.05, "kg")]})
    assert found.routings == {"Pins": tuple(CENTERS)}
    assert {(c.name, c.category, c.hall) for c in found.work_centers} == {
        (center, category, "Hall 1") for category, names in CENTERS.items() for center in names
    }


@pytest.mark.servers
def test_a_user_without_a_company_is_told(erp: Erp) -> None:
    with erp.session() as admin:
        [reader] = admin.all("res.user", [["login", "=", "reader"]], ["companies"])
        nothing = {"company": None, "companies": [["remove", reader["companies"]]]}
        admin.call("model.res.user.write", [reader["id"]], nothing)
    with pytest.raises((InputError, PublishRefused), match="company"):
        tryton(erp, user="reader").read_orders(PLANT, erp.keyring())
