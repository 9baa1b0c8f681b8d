"""The present picture as plain values: what ``live.json`` holds, the terminal and the page show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from scenarios.watch_alerts import Alert
from scenarios.watch_findings import Picture
from scenarios.watch_forecast import Prospect
from scenarios.watch_plan import Place, Standing
from twin.calibration.following import Stretch
from twin.calibration.shop_track import MICROSECONDS, UnitTrack, moment, stamp
from twin.model.plant import WorkUnit

VERSION = 1
FILE = "live.json"
IDLE = ("off", "standby", "")
"""States in which a unit without work has nothing to do."""


def live_of(
    picture: Picture, alerts: Iterable[Alert], stretches: Iterable[Stretch], feed: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything known now, for people and programs; instants are ISO 8601 in UTC."""
    run = picture.plan.run
    plant = run.case.plant
    units = [_unit(picture, unit) for unit in plant.work_units]
    return {
        "version": VERSION,
        "at": _text(picture.now),
        "plant": {"id": plant.id, "name": plant.name, "timezone": plant.timezone},
        "plan": {
            "run": run.id,
            "cut_off": _text(picture.plan.age_start),
            "age_min": _minutes((picture.now - picture.plan.age_start).total_seconds() / 60),
        },
        "data": {
            **feed,
            "newest": _text(moment(picture.pulse.newest)) if picture.pulse.newest else None,
            "too_late": picture.too_late,
        },
        "units": units,
        "orders": _orders(picture),
        "unplanned": [u["id"] for u in units if u["order"] and not u["as_planned"]],
        "missing": [
            {"work_unit": u["id"], **u["planned"]}
            for u in units
            if u["planned"]["kind"] in ("setup", "work") and not u["as_planned"]
        ],
        "waiting": _waiting(picture),
        "forecast": _forecast(picture),
        "alerts": [alert.to_dict() for alert in alerts],
        "stretches": [
            {**s._asdict(), "start": _text(moment(s.start)), "end": _text(moment(s.end))}
            for s in stretches
        ],
    }


def _unit(picture: Picture, unit: WorkUnit) -> dict[str, Any]:
    track, state = picture.track.units[unit.id], picture.state.unit(unit.id)
    place = picture.plan.place(unit.id, picture.now)
    own = [s for s in picture.standings if s.order.id == track.order]
    pulse = picture.pulse.units.get(unit.id)
    standing = own[0] if own and own[0].operation == track.operation else None
    return {
        "id": unit.id,
        "name": unit.name,
        "area": unit.area,
        "state": track.state,
        "since": _text(moment(track.entered)) if track.entered else None,
        "reason": track.reason,
        "order": track.order,
        "operation": track.operation,
        "product": track.product,
        "done": round(standing.state.done_fraction, 4) if standing else None,
        "behind_min": _minutes(standing.behind) if standing else None,
        "planned": {
            "kind": place.kind, "order": place.order, "operation": place.operation,
            "task": place.task,
        },
        "as_planned": _is_as_planned(track, place),
        "in_shift": picture.shifts.since(unit.id, stamp(picture.now)) is not None,
        "rest_min": _minutes(state.unavailable_minutes),
        "stopped_min": _minutes((stamp(picture.now) - track.stopped) / MICROSECONDS)
        if track.stopped
        else None,
        "setup_key": state.setup_key,
        "ages": {mode: _minutes(age) for mode, age in state.ages.items()},
        "last_maintenance": {task: _text(at) for task, at in state.last_maintenance.items()},
        "last_event": _text(moment(pulse.last)) if pulse and pulse.last else None,
    }  # fmt: skip


def _is_as_planned(track: UnitTrack, place: Place) -> bool:
    if place.kind == "maintenance":
        return track.state == "maintenance" and track.reason in (place.task, "")
    if place.kind in ("setup", "work"):
        return (track.order, track.operation) == (place.order, place.operation)
    return not track.order or track.state in IDLE


def _orders(picture: Picture) -> list[dict[str, Any]]:
    planned = {row.order: row.on_time.mean for row in picture.plan.run.report.orders if row.on_time}
    prospects = picture.outlook.orders if picture.outlook else {}
    risk = picture.plan.run.case.demands.risk
    rows = [_order(picture, s, prospects.get(s.order.id), planned, risk) for s in picture.standings]
    return sorted(rows, key=lambda row: (row["due"], row["order"]))


def _order(
    picture: Picture,
    standing: Standing,
    prospect: Prospect | None,
    planned: Mapping[str, float],
    risk: Mapping[str, float],
) -> dict[str, Any]:
    order, chance = standing.order, prospect.on_time if prospect else None
    return {
        "order": order.id,
        "product": order.product,
        "quantity": order.quantity,
        "due": _text(order.due_date),
        "operation": standing.operation,
        "work_unit": standing.work_unit,
        "is_running": standing.is_running,
        "operations_done": standing.state.operations_done,
        "operations": len(picture.plan.route(order)),
        "done": round(standing.state.done_fraction, 4),
        "behind_min": _minutes(standing.behind),
        "planned_end": _text(standing.planned_end) if standing.planned_end else None,
        "expected_end": _text(prospect.end) if prospect and prospect.end else None,
        "chance": [round(v, 4) for v in (chance.mean, chance.low, chance.high)] if chance else None,
        "chance_planned": planned.get(order.id),
        "limit": risk.get(order.customer_class),
    }


def _waiting(picture: Picture) -> list[dict[str, Any]]:
    """Orders between two operations, by the operation they wait for, in the plant's order."""
    found: dict[str, list[Standing]] = {}
    for standing in picture.standings:
        if standing.state.operations_done and not standing.is_running:
            found.setdefault(standing.operation, []).append(standing)
    return [
        {
            "operation": operation.id,
            "orders": [s.order.id for s in found[operation.id]],
            "pieces": sum(s.order.quantity for s in found[operation.id]),
        }
        for operation in picture.plan.run.case.plant.operations
        if operation.id in found
    ]


def _forecast(picture: Picture) -> dict[str, Any]:
    outlook = picture.outlook
    if outlook is None:
        return {"at": None, "replications": 0, "trouble": "not yet simulated", "import_kw": []}
    return {
        "at": _text(outlook.at),
        "replications": outlook.replications,
        "trouble": outlook.trouble,
        "import_kw": [
            [_text(at), kw] for at, kw in zip(outlook.slots, outlook.import_kw, strict=True)
        ],
    }


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _minutes(minutes: float | None) -> float | None:
    return None if minutes is None else round(minutes, 1)
