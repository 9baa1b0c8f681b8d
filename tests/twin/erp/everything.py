"""Everything Tryton holds of some productions, and whether its own clients could have made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.services.tryton_plant import CENTERS
from twin.erp.tryton_rpc import Session

Row = dict[str, Any]
REFERRED = {
    "production.work": [
        "work_center.name", "work_center.category", "operation.work_center_category",
    ]
}  # fmt: skip


def everything(session: Session, ids: Iterable[int]) -> dict[str, list[Row]]:
    """All fields of productions, their works and their stock moves, who saved them and when."""
    wanted = list(ids)
    domains = {
        "production": [["id", "in", wanted]],
        "production.work": [["production", "in", wanted]],
        "stock.move": [
            "OR", ["production_input", "in", wanted], ["production_output", "in", wanted],
        ],
    }  # fmt: skip
    found = {}
    for model, domain in domains.items():
        fields = [*session.call(f"model.{model}.fields_get", []), "write_date", "write_uid"]
        fields += REFERRED.get(model, [])
        rows = session.call(f"model.{model}.search_read", domain, 0, None, [["id", "ASC"]], fields)
        # Stock on hand changes with every other order; it is no part of these records.
        found[model] = [{k: v for k, v in row.items() if "quantity" not in k} for row in rows]
        assert rows or model == "production.work"
    return found


def faults(held: dict[str, list[Row]]) -> list[str]:
    """What of these records Tryton's own clients could not have made."""
    found = []
    for row in held["production"]:
        works = [w for w in held["production.work"] if w["production"] == row["id"]]
        moves = [
            m for m in held["stock.move"]
            if row["id"] in (m["production_input"], m["production_output"])
        ]  # fmt: skip
        found += [f"{row['reference']}: {fault}" for fault in _of_one(row, works, moves)]
    return found


def _of_one(row: Row, works: list[Row], moves: list[Row]) -> list[str]:
    start, end = row["planned_start_date"], row["planned_date"]
    checks = {
        "half a pair of dates": (start is None) == (end is None),
        "starts after its end": start is None or end is None or start <= end,
        "effective date of what has not happened": row["state"] in ("running", "done")
        or (row["effective_start_date"] is None and row["effective_date"] is None),
        "a draft with works": row["state"] != "draft" or not works,
        "waiting without its works": row["state"] == "draft" or len(works) == len(CENTERS),
        "waiting without a number": row["state"] == "draft" or bool(row["number"]),
        "a work without a work centre": all(w["work_center"] for w in works),
        "a work on a work centre of another kind": all(
            w["work_center."]["category"] == w["operation."]["work_center_category"]
            for w in works
            if w["work_center"]
        ),
        "material planned for another day": all(
            m["planned_date"] == (start if m["production_input"] else end) for m in moves
        ),
    }
    return [fault for fault, is_well in checks.items() if not is_well]
