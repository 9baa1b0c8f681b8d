"""A small pin factory inside a Tryton, planted through its remote calls as an administrator would.

Three work centre categories (two presses, two ovens, one packing bench) under one hall, two
products with bills of material and one routing, and users: ``noria`` in the group Production,
``clerk`` (another person of that group) and ``reader`` in no group at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from twin.erp.tryton_rpc import Session

USERS = ("noria", "clerk", "reader")
CENTERS = {
    "Pressing": ("PRESS-1", "PRESS-2"),
    "Hardening": ("OVEN-1", "OVEN-2"),
    "Packing": ("PACK-1",),
}
"""Work centre category, which is also the name of the operation, and its work centres."""
PRODUCTS = ("PIN-10", "PIN-20")
STEEL_KG = 0.05
"""Steel in a pin [kg]."""
MONDAY = date(2026, 11, 23)


def plant_factory(admin: Session, password: str) -> None:
    """Fill an empty Tryton; the administrator's company is set on the way."""
    company = _company(admin)
    _users(admin, company, password)
    admin.context = dict(admin.call("model.res.user.get_preferences", True))
    _work_centers(admin)
    _products(admin)


def add_productions(
    admin: Session,
    references: Sequence[str],
    *,
    days: int = 5,
    quantity: float = 100,
    **values: Any,
) -> dict[str, int]:
    """Draft productions as a planner enters them, due one after the other over some days."""
    found = _named(admin)
    rows = [
        _production(found, reference, number, days, quantity) | values
        for number, reference in enumerate(references)
    ]
    ids = admin.call("model.production.create", rows)
    return dict(zip(references, ids, strict=True))


def press(admin: Session, button: str, *ids: int) -> None:
    """Press a button of productions: wait, assign_force, run, draft, cancel."""
    admin.call(f"model.production.{button}", list(ids))


def _production(
    found: dict[str, Any], reference: str, number: int, days: int, quantity: float
) -> dict[str, Any]:
    product = PRODUCTS[number % 2]
    start = MONDAY + timedelta(days=number % days)
    moves = {"company": found["company"], "quantity": quantity}
    steel = {
        "product": found["STEEL"], "unit": found["kg"], "quantity": round(quantity * STEEL_KG, 2),
        "company": found["company"], "from_location": found["STO"], "to_location": found["PROD"],
    }  # fmt: skip
    pins = {
        "product": found[product], "unit": found["u"], "from_location": found["PROD"],
        "to_location": found["STO"], "unit_price": Decimal(1), "currency": found["currency"],
    }  # fmt: skip
    return {
        "reference": reference,
        "product": found[product],
        "unit": found["u"],
        "quantity": quantity,
        "bom": found[f"bom {product}"],
        "routing": found["routing"],
        "work_center": found["hall"],
        "company": found["company"],
        "warehouse": found["WH"],
        "location": found["PROD"],
        "planned_start_date": start,
        "planned_date": start + timedelta(days=1),
        "inputs": [["create", [steel]]],
        "outputs": [["create", [moves | pins]]],
    }


def _named(admin: Session) -> dict[str, Any]:
    """Ids of what productions refer to, by code or name."""
    found: dict[str, Any] = {}
    for model, key in (
        ("product.product", "code"),
        ("product.uom", "symbol"),
        ("stock.location", "code"),
    ):
        found |= {row[key]: row["id"] for row in admin.all(model, [], [key])}
    for row in admin.all("production.bom", [], ["name"]):
        found[f"bom {row['name']}"] = row["id"]
    found["routing"] = admin.all("production.routing", [], ["name"])[0]["id"]
    hall = admin.all("production.work.center", [["category", "=", None]], ["name"])
    found["hall"] = hall[0]["id"]
    company = admin.all("company.company", [], ["currency"])[0]
    return found | {"company": company["id"], "currency": company["currency"]}


def _company(admin: Session) -> int:
    euro = {"name": "Euro", "code": "EUR", "symbol": "€", "rounding": Decimal("0.01"), "digits": 2}
    [currency] = admin.call("model.currency.currency.create", [euro])
    [party] = admin.call("model.party.party.create", [{"name": "Pins of Rabat"}])
    values = {"party": party, "currency": currency}
    company: int = admin.call("model.company.company.create", [values])[0]
    mine = {"companies": [["add", [company]]], "company": company}
    admin.call("model.res.user.write", [admin.user_id], mine)
    return company


def _users(admin: Session, company: int, password: str) -> None:
    [group] = admin.all("res.group", [["name", "=", "Production"]], ["name"])
    for name in USERS:
        values = {
            "name": name,
            "login": name,
            "password": password,
            "companies": [["add", [company]]],
            "company": company,
            "groups": [["add", [group["id"]]]] if name != "reader" else [],
        }
        admin.call("model.res.user.create", [values])


def _work_centers(admin: Session) -> None:
    [warehouse] = admin.all("stock.location", [["type", "=", "warehouse"]], ["name"])
    common = {"company": admin.context["company"], "warehouse": warehouse["id"]}
    create = "model.production.work.center.create"
    hall: int = admin.call(create, [{"name": "Hall 1", **common}])[0]
    for category, centers in CENTERS.items():
        [id] = admin.call("model.production.work.center.category.create", [{"name": category}])
        rows = [{"name": c, "parent": hall, "category": id, **common} for c in centers]
        admin.call(create, rows)
        operation = {"name": category, "work_center_category": id}
        admin.call("model.production.routing.operation.create", [operation])


def _products(admin: Session) -> None:
    units = {row["symbol"]: row["id"] for row in admin.all("product.uom", [], ["symbol"])}
    steel = _product(admin, "STEEL", units["kg"], producible=False)
    boms, pins = [], []
    for code in PRODUCTS:
        pin = _product(admin, code, units["u"], producible=True)
        [bom] = admin.call("model.production.bom.create", [{
            "name": code,
            "inputs": [["create", [{"product": steel, "quantity": STEEL_KG, "unit": units["kg"]}]]],
            "outputs": [["create", [{"product": pin, "quantity": 1, "unit": units["u"]}]]],
        }])  # fmt: skip
        boms.append(bom)
        pins.append(pin)
    operations = admin.all("production.routing.operation", [], ["name"])
    steps = [{"operation": o["id"], "sequence": i} for i, o in enumerate(operations)]
    routing = {"name": "Pins", "steps": [["create", steps]], "boms": [["add", boms]]}
    [routing_id] = admin.call("model.production.routing.create", [routing])
    for bom, pin in zip(boms, pins, strict=True):
        values = {"product": pin, "bom": bom, "routing": routing_id}
        admin.call("model.product.product-production.bom.create", [values])


def _product(admin: Session, code: str, unit: int, *, producible: bool) -> int:
    values = {
        "name": code.title(),
        "type": "goods",
        "consumable": not producible,
        "producible": producible,
        "default_uom": unit,
        "list_price": Decimal(2),
        "cost_price_method": "fixed",
        "products": [["create", [{"suffix_code": code, "cost_price": Decimal(1)}]]],
    }
    [template] = admin.call("model.product.template.create", [values])
    [product] = admin.all("product.product", [["template", "=", template]], ["code"])
    id: int = product["id"]
    return id
