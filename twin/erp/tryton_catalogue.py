"""What a Tryton says of a plant: products, bills of material, routings, work centres, cycles.

A work centre with a category is a work unit, and those of one category are alternatives; one
without is a hall that others stand in. Tryton knows no cycle times, only how long the cycles took
that people have started and stopped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from twin.erp.tryton_read import Scope
from twin.erp.tryton_rpc import Session


@dataclass(frozen=True)
class Material:
    """What goes into one default unit of a product."""

    product: str
    quantity: float
    unit: str


@dataclass(frozen=True)
class MadeProduct:
    """A product that is made, with the first of its bills of material and of its routings."""

    code: str
    name: str
    unit: str
    materials: tuple[Material, ...]
    """Empty without a bill of material."""
    routing: str
    """Empty without one."""


@dataclass(frozen=True)
class WorkCenter:
    """A work centre of a category."""

    name: str
    category: str
    hall: str
    """The work centre it stands in; empty for none."""


@dataclass(frozen=True)
class Catalogue:
    """Everything but the orders; names as Tryton has them."""

    company: str
    timezone: str
    """Empty where the company has none."""
    currency: str
    products: tuple[MadeProduct, ...]
    routings: Mapping[str, tuple[str, ...]]
    """Operations of each, in order."""
    categories: Mapping[str, str]
    """Work centre category of each operation; empty for none."""
    work_centers: tuple[WorkCenter, ...]
    cycle_minutes: Mapping[tuple[str, str, str], float]
    """Minutes per piece by operation, product and work centre, of the cycles that are done."""
    productions: Mapping[str, int]
    """Production orders in each state."""


def read_catalogue(session: Session, scope: Scope) -> Catalogue:
    """Read it all; a few calls, more for thousands of products."""
    company = session.all(
        "company.company", [["id", "=", scope.company]],
        ["party.name", "timezone", "currency.code"],
    )[0]  # fmt: skip
    operations = session.all(
        "production.routing.operation", [], ["name", "work_center_category.name"]
    )
    states = session.all("production", scope.domain, ["state"])
    return Catalogue(
        company=company["party."]["name"],
        timezone=company["timezone"] or "",
        currency=company["currency."]["code"],
        products=_products(session),
        routings=_routings(session),
        categories={o["name"]: _name(o, "work_center_category.") for o in operations},
        work_centers=_work_centers(session, scope),
        cycle_minutes=_cycles(session, scope),
        productions=Counter(row["state"] for row in states),
    )


def _products(session: Session) -> tuple[MadeProduct, ...]:
    made = session.all(
        "product.product", [["producible", "=", True]], ["code", "name", "default_uom.symbol"]
    )
    links = session.all(
        "product.product-production.bom", [], ["product", "bom", "routing.name", "sequence"]
    )
    outputs = session.all(
        "production.bom.output", [], ["bom", "product", "quantity", "unit.factor"]
    )
    per_bom = {(o["bom"], o["product"]): o["quantity"] * o["unit."]["factor"] for o in outputs}
    inputs: dict[int, list[dict[str, Any]]] = defaultdict(list)
    fields = ["bom", "product.code", "product.name", "quantity", "unit.symbol"]
    for row in session.all("production.bom.input", [], fields):
        if row["product."]:  # else a phantom, that is another bill of material
            inputs[row["bom"]].append(row)
    first: dict[int, dict[str, Any]] = {}
    for link in sorted(links, key=lambda k: (k["sequence"] is not None, k["sequence"], k["id"])):
        first.setdefault(link["product"], link)
    found = []
    for product in made:
        link = first.get(product["id"], {})
        pieces = per_bom.get((link.get("bom", 0), product["id"]), 1.0)
        found.append(
            MadeProduct(
                code=(product["code"] or "").strip(),
                name=product["name"],
                unit=product["default_uom."]["symbol"],
                materials=tuple(_material(row, pieces) for row in inputs[link.get("bom", 0)]),
                routing=_name(link, "routing."),
            )
        )
    return tuple(found)


def _material(row: dict[str, Any], pieces: float) -> Material:
    product = row["product."]
    return Material(
        product["code"] or product["name"], row["quantity"] / pieces, row["unit."]["symbol"]
    )


def _routings(session: Session) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {
        row["name"]: () for row in session.all("production.routing", [], ["name"])
    }
    steps = session.all(
        "production.routing.step", [], ["routing.name", "operation.name", "sequence"]
    )
    # Tryton puts steps without a number first.
    for step in sorted(steps, key=lambda s: (s["sequence"] is not None, s["sequence"], s["id"])):
        found[_name(step, "routing.")] += (_name(step, "operation."),)
    return found


def _work_centers(session: Session, scope: Scope) -> tuple[WorkCenter, ...]:
    rows = session.all(
        "production.work.center", scope.domain, ["name", "category.name", "parent.name"]
    )
    return tuple(
        WorkCenter(row["name"], _name(row, "category."), _name(row, "parent."))
        for row in rows
        if row["category."]
    )


def _cycles(session: Session, scope: Scope) -> dict[tuple[str, str, str], float]:
    fields = [
        "duration", "work.operation.name", "work.work_center.name",
        "work.production.quantity", "work.production.product.code", "work.production.company",
    ]  # fmt: skip
    spent: dict[tuple[str, str, str], timedelta] = defaultdict(timedelta)
    pieces: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for row in session.all("production.work.cycle", [["state", "=", "done"]], fields):
        work = row["work."]
        order = work["production."]
        if order["company"] == scope.company and order["product."] and order["quantity"]:
            code = order["product."]["code"] or ""
            key = (_name(work, "operation."), code, _name(work, "work_center."))
            spent[key] += row["duration"]
            pieces[key][work["id"]] = order["quantity"]
    return {
        key: time.total_seconds() / 60 / sum(pieces[key].values()) for key, time in spent.items()
    }


def _name(row: Mapping[str, Any], relation: str) -> str:
    return ((row.get(relation) or {}).get("name") or "").strip()
