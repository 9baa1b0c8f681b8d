"""A plant description to be completed, from what an ERP says of work centres and routings.

What the ERP does not know is left empty (``null``), so that the file is refused, with the place
named, until somebody has filled it in: above all cycle times, where no cycle was ever recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from twin.erp.tryton_catalogue import Catalogue, WorkCenter
from twin.model.plant import Plant

HALL = "Site"
"""Area of work centres that stand in no other."""
UNKNOWN_MINUTES = 1.0
"""Stands for an unknown cycle time while the orders are read; it is not written."""


def skeleton_of(found: Catalogue) -> dict[str, Any]:
    """The plant as YAML content, with ``None`` where the ERP does not say.

    Products without a routing, or with one whose operations no work centre can do, are left out;
    :func:`left_out` names them.
    """
    missing = left_out(found)
    products = [p for p in found.products if p.code and p.code not in missing]
    routes = {p.routing: list(found.routings[p.routing]) for p in products}
    operations = list(dict.fromkeys(o for names in routes.values() for o in names))
    units = [c for c in found.work_centers if _operations_of(found, c, operations)]
    return {
        "id": found.company,
        "timezone": found.timezone or None,
        "currency": found.currency,
        "areas": [{"id": area} for area in dict.fromkeys(c.hall or HALL for c in units)],
        "operations": [{"id": operation} for operation in operations],
        "routes": [{"id": name, "operations": names} for name, names in routes.items()],
        "products": [
            {"id": p.code, "name": p.name, "family": p.routing, "route": p.routing}
            for p in products
        ],
        "work_units": [
            {
                "id": center.name,
                "area": center.hall or HALL,
                "processing": [
                    {"operation": o, "basis": "piece", "time": _times(found, o, center)}
                    for o in _operations_of(found, center, operations)
                ],
            }
            for center in units
        ],
    }


def left_out(found: Catalogue) -> dict[str, str]:
    """Products that cannot be planned from what the ERP says, each with the reason."""
    categories = {center.category for center in found.work_centers}
    reasons = {}
    for product in found.products:
        able = [o for o in found.routings.get(product.routing, ()) if _can(found, o, categories)]
        name = product.code or product.name
        if not product.code:
            reasons[name] = "has no code"
        elif not product.routing:
            reasons[name] = "has no routing (on its bill of material)"
        elif not found.routings[product.routing]:
            reasons[name] = f"its routing {product.routing} has no steps"
        elif lacking := set(found.routings[product.routing]) - set(able):
            names = ", ".join(sorted(lacking))
            reasons[name] = f"no work centre has the category of operation {names}"
    return reasons


def without_gaps(content: Mapping[str, Any]) -> Plant:
    """The plant with one minute for each unknown time, and UTC for an unknown zone.

    It serves to read the orders, not to plan them.
    """

    def filled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: filled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [filled(v) for v in value]
        return UNKNOWN_MINUTES if value is None else value

    zone = content["timezone"] or "UTC"
    return Plant.model_validate(filled({**content, "timezone": zone}))


def skeleton_text(content: Mapping[str, Any], source: str) -> str:
    """YAML with a word on what is to be filled in."""
    head = (
        f"# Plant as {source} describes it. Fill in every null: the file is refused until then.\n"
        "# Times are minutes per piece: the mean of the cycles recorded in the ERP, by product;\n"
        '# "*" is any other. Add calendars, setups, power and failures.\n'
    )
    return head + yaml.safe_dump(
        dict(content), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )


def _can(found: Catalogue, operation: str, categories: set[str]) -> bool:
    return found.categories.get(operation, "") in categories


def _operations_of(found: Catalogue, center: WorkCenter, operations: list[str]) -> list[str]:
    return [o for o in operations if found.categories.get(o) == center.category]


def _times(found: Catalogue, operation: str, center: WorkCenter) -> dict[str, float | None]:
    """Minutes per piece on a work centre: as recorded there, else anywhere, else unknown."""
    rows = {k: v for k, v in found.cycle_minutes.items() if k[0] == operation}
    here = {k: v for k, v in rows.items() if k[2] == center.name} or rows
    by_product: dict[str, list[float]] = {}
    for (_, product, _), minutes in here.items():
        by_product.setdefault(product, []).append(minutes)
    means = {p: round(sum(v) / len(v), 4) for p, v in sorted(by_product.items())}
    other = round(sum(means.values()) / len(means), 4) if means else None
    return {**means, "*": other}
