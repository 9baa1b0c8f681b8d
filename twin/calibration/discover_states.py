"""A plant read from a full MES log: states of machines, lots with their products, meters.

First names and routes, then a plant with neutral values, then the calibration of that plant on the
same log, whose estimates are put in. Where nothing could be told the neutral value stays, and the
note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from twin.calibration.activity import Activity, read_activity
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.diagnosis import diagnose
from twin.calibration.discover_jobs import Flow
from twin.calibration.discover_network import network_of
from twin.calibration.discover_units import units_of
from twin.calibration.discover_words import notes_of
from twin.calibration.plant_text import Discovery, Note
from twin.errors import UnfitData
from twin.model.events import EventLog
from twin.model.plant import (
    ANY,
    Area,
    Operation,
    Plant,
    Processing,
    Product,
    Route,
    WorkUnit,
)

NAMES = ("work_unit", "order", "operation", "product", "lot")
FAILURE, TASK = "failure", "task"
"""Of stops and maintenance whose reason the log does not say."""
LEAST_LOTS = 3
"""A unit with fewer lots, while others have hundreds, is a name by mistake, or retired."""
RARE = 0.005
MOST_LACKING = 0.5
DIGITS = 4


def discover_states(
    log: EventLog,
    *,
    id: str,
    timezone: str,
    until: datetime,
    name: str,
    currency: str,
    working_kw: float | None,
    standby_kw: float | None,
) -> Discovery:
    """The plant behind a full log; see :func:`~twin.calibration.discover.discover`."""
    tidy, left_out = _tidy(log)
    bare = _names_only(tidy, timezone)
    diagnosis = diagnose(tidy, bare, until)
    activity = read_activity(diagnosis.clean, bare, until)
    flow = flow_of(activity)
    _can_be_read(flow, log.source)
    network = network_of(flow, _blocked(activity))
    units = units_of(activity, flow, network, working_kw, standby_kw)
    skeleton = Plant(
        id=id,
        name=name or id,
        note=f"Discovered from {len(activity.log)} events before {until:%Y-%m-%d %H:%M %Z}.",
        timezone=timezone,
        currency=currency,
        areas=[Area(id=o) for o in network.operations],
        calendars=list(units.calendars),
        crews=list(units.crews),
        operations=network.operation_parts(),
        routes=network.route_parts(),
        products=network.product_parts(units.families, units.attributes, units.mass_g),
        work_units=list(units.parts),
    )
    found = calibrate(activity.log, skeleton, until)
    plant = rounded(units.corrected(calibrated(skeleton, found)))
    details = [f"{d.action}: {d.count} × {d.reason}" for d in diagnosis.details]
    notes = [
        *_general(left_out, details),
        *network.notes(),
        *units.notes,
        *(Note("plant", text) for text in found.notes),
        *notes_of(found.estimates),
    ]
    return Discovery(plant, tuple(notes), found, skeleton)


def _can_be_read(flow: Flow, source: str) -> None:
    """Stop at a log that lacks what everything rests on."""
    if flow.whole.empty:
        raise UnfitData(f"{source}: no order is complete, no route can be told")
    lots = len(flow.lots)
    lacking = {
        "name no order": (flow.lots["order"] == "", "routes cannot be told", "the order's number"),
        "report no pieces": (flow.lots["pieces"] <= 0, "times cannot be told", "quantity"),
    }
    for what, (missing, so, column) in lacking.items():
        if missing.mean() > MOST_LACKING:
            raise UnfitData(
                f"{source}: {int(missing.sum())} of {lots} lots {what}; {so}; let the MES export "
                f"{column} with the start and end of every lot"
            )


def flow_of(activity: Activity) -> Flow:
    """The lots of a log with their good pieces, and what is known of the orders behind them."""
    lots = activity.lots
    lots = lots.assign(good=lots["pieces"] - lots["scrap"])
    released, completed = (
        frozenset(activity.log.of_kind(kind)["order"]) - {""} for kind in ("release", "complete")
    )
    return Flow(lots, released, completed)


def _tidy(log: EventLog) -> tuple[EventLog, list[str]]:
    """Names without blanks around them, stops with a reason, units that worked; and the others."""
    table = log.table
    table = table.assign(**{name: table[name].str.strip() for name in NAMES})
    for states, reason in ((("down", "repair"), FAILURE), (("maintenance",), TASK)):
        nameless = table["state"].isin(states) & (table["reason"] == "")
        table.loc[nameless, "reason"] = reason
    lots = table[table["event"] == "start"]["work_unit"].value_counts()
    least = max(LEAST_LOTS, RARE * float(lots.median())) if len(lots) > 1 else 1
    kept = {u for u, n in zip(lots.index.astype(str), lots, strict=True) if u and n >= least}
    counts = table.loc[~table["work_unit"].isin(kept | {""}), "work_unit"].value_counts()
    left_out = [f"{unit} ({n} events)" for unit, n in counts.items()]
    table = table[table["work_unit"].isin(kept | {""})]
    return EventLog(table, log.source), left_out


def _names_only(log: EventLog, timezone: str) -> Plant:
    """A plant that knows every name of a log, the routes as they mostly went, and nothing else."""
    starts = log.of_kind("start")
    starts = starts[(starts["product"] != "") & (starts["operation"] != "")]
    if starts.empty:
        raise UnfitData(f"{log.source}: no lot with a product and an operation")
    operations = sorted(set(starts["operation"]))
    firsts = starts.drop_duplicates(["order", "operation"]).groupby(["product", "order"])
    usual = firsts["operation"].agg(tuple).groupby(level=0).agg(lambda s: s.value_counts().index[0])
    pairs = starts[["work_unit", "operation"]].drop_duplicates()
    units = [
        WorkUnit(
            id=str(unit),
            area="all",
            processing=[
                Processing(operation=o, basis="piece", time={ANY: 1.0})
                for o in sorted(rows["operation"])
            ],
        )
        for unit, rows in pairs.groupby("work_unit")
    ]
    return Plant(
        id="names",
        timezone=timezone,
        areas=[Area(id="all")],
        operations=[Operation(id=o) for o in operations],
        routes=[Route(id=f"of {p}", operations=list(route)) for p, route in usual.items()],
        products=[Product(id=str(p), family=str(p), route=f"of {p}") for p in usual.index],
        work_units=units,
    )


def _blocked(activity: Activity) -> pd.DataFrame:
    """Stretches in state *blocked* [min], with their order, operation and product."""
    rows = activity.log.state_intervals(activity.until)
    rows = rows[rows["state"] == "blocked"].copy()
    for side in ("start", "end"):
        rows[side] = (rows[side] - pd.Timestamp(activity.begin)).dt.total_seconds() / 60
    return rows


def _general(left_out: list[str], details: list[str]) -> Iterator[Note]:
    yield Note(
        "plant",
        "Values say from how many observations they come, their 95 % interval and how sure they "
        "are: sure is within 5 %, fairly sure within 20 %, unsure within 50 %, else a guess.",
    )
    yield Note("plant", "Not in any log: costs, contract and base load, people who operate, stocks")
    if left_out:
        yield Note("plant", f"work units that hardly worked, left out: {', '.join(left_out)}")
    if details:
        yield Note("plant", f"events not used as they came: {'; '.join(details)}")


def rounded(plant: Plant) -> Plant:
    """The plant with every number to four significant digits; shares of branches stay exact."""
    content = plant.model_dump(mode="json")
    return Plant.model_validate(
        {key: value if key == "routes" else _rounded(value) for key, value in content.items()}
    )


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if abs(value) < 1e6 else value
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
