"""What in a log cannot be used, set aside row by row with its reason; nothing is mended in silence.

The rules run in the order of :data:`RULES`; a row is set aside by the first that it breaks. Then
clocks are set right and rows put in order, and the rules that need both run. Rows keep their number
in the log as received, so that each example can be looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.calibration.activity import LOT_KEY
from twin.calibration.reports import plain_name
from twin.errors import did_you_mean
from twin.model.events import COLUMNS, KINDS, EventLog
from twin.model.plant import STATES, Plant

NAMES = ("work_unit", "order", "operation", "product", "lot")
METER_SPIKE = 3.0
"""A reading above so many times what the unit can draw is no energy but a jump of the counter."""

HOLE_DAYS, FEW = 28, 0.01
"""No more than so small a share of a log lies before a hole of so many days by mistake."""

Action = Literal["set aside", "kept, not used for times", "adjusted"]
"""*set aside*: not in the clean log. *kept, not used for times*: in it, as a sign of progress only.
*adjusted*: in it after a correction that the reason names."""


@dataclass(frozen=True)
class SetAside:
    """Events not used as they came, for one reason."""

    reason: str
    count: int
    example: str
    """Row number, time, work unit and what was found."""
    action: Action = "set aside"
    work_unit: str = ""
    """Where all of them come from one unit."""


@dataclass(frozen=True)
class _Rules:
    """What the rules compare a row with."""

    table: pd.DataFrame
    plant: Plant
    until: datetime


Mask = pd.Series
Rule = Callable[[_Rules], Mask]


def usable(log: EventLog, plant: Plant, until: datetime) -> tuple[pd.DataFrame, list[SetAside]]:
    """The rows that can be used, in the order of the file and under their numbers there."""
    table = log.table.reset_index(drop=True)
    table.index = table.index + 1
    table, found = _without_blanks(table)
    table, renamed = _by_id(table, plant)
    table, broken = _obeying(RULES, table, plant, until)
    return table, found + renamed + broken


def in_order(table: pd.DataFrame, recorded: pd.Series) -> tuple[pd.DataFrame, list[SetAside]]:
    """The rows in the order of time, and those that came late.

    A file keeps either the order of arrival or that of its stamps, wrong ones too; rows count as
    late by the stamps, set right or as ``recorded``, by which fewer do.
    """
    moved = (table["time"] != recorded).to_numpy(dtype=bool)
    by_right = table["time"].where(~moved).cummax().ffill()
    by_stamp = recorded.cummax()
    late_right = (table["time"] < by_right).to_numpy(dtype=bool) & ~moved
    late_stamp = (recorded < by_stamp).to_numpy(dtype=bool)
    is_sorted = late_stamp.sum() <= late_right.sum() + int(moved.sum()) / 2
    late, behind = (
        (late_stamp, by_stamp - recorded) if is_sorted else (late_right, by_right - table["time"])
    )
    found = [_out_of_order(table, behind, late)] if late.any() else []
    return table.sort_values("time", kind="stable"), found


def sound(
    table: pd.DataFrame, plant: Plant, until: datetime
) -> tuple[pd.DataFrame, list[SetAside]]:
    """Rows in the order of time without those that only their order shows to be wrong."""
    table, found = _obeying(RULES_OF_ORDER, table, plant, until)
    for reason, rows, action in _broken_lots(table):
        found.append(_set_aside(reason, table.loc[rows], plant, action))
        table = table.drop(rows) if action == "set aside" else table
    return table, found


def _obeying(
    rules: dict[str, Rule], table: pd.DataFrame, plant: Plant, until: datetime
) -> tuple[pd.DataFrame, list[SetAside]]:
    found = []
    for reason, rule in rules.items():
        broken = rule(_Rules(table, plant, until)).to_numpy(dtype=bool)
        if broken.any():
            found.append(_set_aside(reason, table[broken], plant))
            table = table[~broken]
    return table, found


def describe_row(table: pd.DataFrame, row: int) -> str:
    """One event in words, with its row number."""
    e = table.loc[row]
    when = e["time"].strftime("%Y-%m-%d %H:%M:%S UTC") if pd.notna(e["time"]) else "no time"
    parts = [e["event"], e["state"], e["order"], e["operation"], e["product"], e["lot"]]
    return f"row {row}, {when}, {e['work_unit'] or 'no unit'}: {' '.join(p for p in parts if p)}"


def _without_blanks(table: pd.DataFrame) -> tuple[pd.DataFrame, list[SetAside]]:
    """Names without blanks around them, and how many rows had some."""
    stripped = table.assign(**{name: table[name].str.strip() for name in NAMES})
    changed = (stripped[list(NAMES)] != table[list(NAMES)]).any(axis=1).to_numpy(dtype=bool)
    if not changed.any():
        return table, []
    example = describe_row(table, table.index[changed][0])
    only = _only_unit(stripped[changed])
    return stripped, [SetAside(BLANKS, int(changed.sum()), example, "adjusted", only)]


def _by_id(table: pd.DataFrame, plant: Plant) -> tuple[pd.DataFrame, list[SetAside]]:
    """Operations given by their names, in any case, under their ids."""
    ids = {o.id for o in plant.operations}
    by_name = {plain_name(o.name): o.id for o in plant.operations if o.name}
    words = [w for w in table["operation"].unique() if w not in ids and plain_name(w) in by_name]
    if not words:
        return table, []
    renamed = table["operation"].isin(words)
    translated = table["operation"].replace({w: by_name[plain_name(w)] for w in words})
    example = describe_row(table, table.index[renamed][0])
    return table.assign(operation=translated), [
        SetAside(BY_NAME, int(renamed.sum()), example, "adjusted")
    ]


def _set_aside(
    reason: str, rows: pd.DataFrame, plant: Plant, action: Action = "set aside"
) -> SetAside:
    example = describe_row(rows, rows.index[0])
    if reason == UNKNOWN_UNIT:
        names = rows["work_unit"].value_counts()
        hint = did_you_mean(str(names.index[0]), [u.id for u in plant.work_units])
        example += f"; units {', '.join(names.index[:5])}; {hint}"
    return SetAside(reason, len(rows), example, action, _only_unit(rows))


def _only_unit(rows: pd.DataFrame) -> str:
    """The work unit that all rows are of; empty when there are several."""
    units = rows["work_unit"].unique()
    return str(units[0]) if len(units) == 1 else ""


def _no_time(r: _Rules) -> Mask:
    return r.table["time"].isna()


def _after_cutoff(r: _Rules) -> Mask:
    return r.table["time"] >= pd.Timestamp(r.until)


def _long_before(r: _Rules) -> Mask:
    """The few rows before a hole of weeks: a controller that had lost its clock, or a wrong year.

    They would make the log seem to begin there, and every machine to have run since.
    """
    times = r.table["time"].sort_values(ignore_index=True)
    few = times[: max(int(FEW * len(times)), 1) + 1]
    jumps = few.index[few.diff() > pd.Timedelta(days=HOLE_DAYS)]
    if not len(jumps):
        return pd.Series(False, index=r.table.index)
    found: Mask = r.table["time"] < few[jumps[-1]]
    return found


def _unknown_word(r: _Rules) -> Mask:
    is_state = r.table["event"] == "state"
    return ~r.table["event"].isin(KINDS) | (is_state & ~r.table["state"].isin(STATES))


def _repeated(r: _Rules) -> Mask:
    return r.table.duplicated(list(COLUMNS))


def _unknown_unit(r: _Rules) -> Mask:
    return ~r.table["work_unit"].isin({u.id for u in r.plant.work_units} | {""})


def _no_unit(r: _Rules) -> Mask:
    needs = r.table["event"].isin(["state", "start", "end", "verdict"])
    return needs & (r.table["work_unit"] == "")


def _unknown_product(r: _Rules) -> Mask:
    about_work = r.table["event"].isin(["start", "end", "verdict", "release", "complete"])
    known = {p.id for p in r.plant.products} | {""}
    return about_work & ~r.table["product"].isin(known)


def _unknown_operation(r: _Rules) -> Mask:
    about_work = r.table["event"].isin(["start", "end", "verdict"])
    return about_work & ~r.table["operation"].isin({o.id for o in r.plant.operations} | {""})


def _impossible_quantity(r: _Rules) -> Mask:
    return (r.table["quantity"] < 0) | (r.table["scrap"] < 0)


def _meter_without_value(r: _Rules) -> Mask:
    return (r.table["event"] == "meter") & r.table["quantity"].isna()


def _meter_spike(r: _Rules) -> Mask:
    """Readings of more energy than the unit's highest power could draw since the last one."""
    highest = {u.id: max(u.power_kw.of(s) for s in STATES) for u in r.plant.work_units}
    meters = r.table[(r.table["event"] == "meter") & (r.table["work_unit"] != "")]
    meters = meters.sort_values("time", kind="stable")
    hours = meters.groupby("work_unit")["time"].diff().dt.total_seconds() / 3600
    limit = METER_SPIKE * meters["work_unit"].map(highest).astype(float) * hours
    spike = (meters["quantity"] > limit) & (limit > 0)
    return pd.Series(r.table.index.isin(meters.index[spike]), index=r.table.index)


UNKNOWN_UNIT = "work unit not in the plant"
UNKNOWN_PRODUCT = "product not in the plant"
DUPLICATE = "the same event twice"
AFTER = "at or after the cut-off"
LONG_BEFORE = "weeks before the rest of the log"
BY_NAME = "operation given by its name"
BLANKS = "blanks around a name"
OUT_OF_ORDER = "recorded out of time order"
NEVER_STARTED = "lot ends that never started"
NEVER_ENDED = "lot starts that never ended, later lots started after it"
BACKWARDS = "lot ends before it starts"

RULES: dict[str, Rule] = {
    "no time": _no_time,
    AFTER: _after_cutoff,
    LONG_BEFORE: _long_before,
    "event or state word unknown": _unknown_word,
    DUPLICATE: _repeated,
    UNKNOWN_UNIT: _unknown_unit,
    "no work unit named": _no_unit,
    UNKNOWN_PRODUCT: _unknown_product,
    "operation not in the plant": _unknown_operation,
    "negative quantity": _impossible_quantity,
    "meter reading without a value": _meter_without_value,
}
RULES_OF_ORDER: dict[str, Rule] = {
    AFTER: _after_cutoff,
    "meter reading beyond what the unit can draw": _meter_spike,
}
"""Broken only once the rows are in order and the clocks are right."""


def _out_of_order(table: pd.DataFrame, late_by: pd.Series, late: NDArray[np.bool_]) -> SetAside:
    behind = late_by[late].dt.total_seconds() / 60
    row = table.index[late][int(behind.to_numpy().argmax())]
    example = f"{describe_row(table, row)}; {behind.max():.1f} min behind a row before it"
    return SetAside(OUT_OF_ORDER, int(late.sum()), example, "adjusted", _only_unit(table[late]))


def _broken_lots(table: pd.DataFrame) -> Iterator[tuple[str, list[int], Action]]:
    """Starts and ends of lots that have no counterpart, or one on the wrong side of them.

    A lot under way at the beginning or at the end of the log is none of these.
    """
    lots = table[table["event"].isin(["start", "end"])]
    if lots.empty:
        return
    is_start = lots["event"] == "start"
    lots = lots.assign(row=lots.index, nth=lots.groupby([*LOT_KEY, "event"], sort=False).cumcount())
    pairs = lots[is_start].merge(
        lots[~is_start],
        on=[*LOT_KEY, "nth"],
        how="outer",
        suffixes=("_start", "_end"),
        indicator=True,
    )
    backwards = pairs[(pairs["_merge"] == "both") & (pairs["time_end"] < pairs["time_start"])]
    ends = pairs[pairs["_merge"] == "right_only"]
    starts = pairs[pairs["_merge"] == "left_only"]
    first_start = lots[is_start].groupby("work_unit")["time"].min()
    last_start = lots[is_start].groupby("work_unit")["time"].max()
    # A lot that began before the log ends before, or very near, the unit's first start.
    began = first_start.reindex(ends["work_unit"]).set_axis(ends.index)
    orphans = ends[began.notna() & (ends["time_end"] > began)]
    last = last_start.reindex(starts["work_unit"]).set_axis(starts.index)
    abandoned = starts[starts["time_start"] < last]
    found: tuple[tuple[str, list[int], Action], ...] = (
        (BACKWARDS, [*backwards["row_start"], *backwards["row_end"]], "set aside"),
        (NEVER_STARTED, [*orphans["row_end"]], "kept, not used for times"),
        (NEVER_ENDED, [*abandoned["row_start"]], "kept, not used for times"),
    )
    for reason, rows, action in found:
        if rows:
            yield reason, np.sort(np.array(rows, dtype=int)).tolist(), action
