"""Tables of lives, repairs and readings, recognised by their columns.

Reliability tables come without a standard: the time is called hours, kilomiles or cycles, a failure
Fail, Replacement or 1, and counts, competing modes, inspections and systems under repair each have
columns of their own. What is told apart here, by names and by the words inside:

* lives: one row a life (or so many alike), failed, censored, or failed between two inspections;
* recurrences: rows of one system, each a repair, with the start and end of its observation;
* paths: readings of a unit at several times, without events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from twin.calibration.lifetimes import Lives
from twin.errors import NoriaError
from twin.model.horizon import Array

VOCABULARY = """
failed: fail failed failure failures fault dead death died event exact crack break broke broken
failed: burst burned uncensored true yes fracture fractured
repaired: repair repaired replacement replaced action report maintenance recurrence
censored: censor censored cens right right_censored rightcensored survived survive survivor survival
censored: suspended suspension runout run_out alive unfailed removed withdrawn running ok none no
censored: false uncracked not_cracked uninitiated not_initiated unbroken lost good intact
between: interval interval_censored readout grouped
before: left left_censored leftcensored cracked initiated defective found_failed
begun: start begin started install installed entry
ended: end ended mtend stop end_of_observation last
"""
"""Words of events by what they say; kinds are repeated on several lines."""
WORDS = {
    word: line.partition(":")[0]
    for line in VOCABULARY.strip().splitlines()
    for word in line.partition(":")[2].split()
}
ANSWERS = {"yes", "no", "true", "false", "none", "good", "start", "stop", "last"}
"""Words that mean many things in columns of another name."""
EVENT_NAME = re.compile(
    r"(^|_)(event|events|status|cens|censor|censors|censored|censoring|delta|failed|outcome)($|_)"
)
MODE_NAME = re.compile(r"(^|_)(mode|cause|modes|causes|reason)($|_)")
COUNT_NAME = re.compile(r"^(count|counts|weight|weights|freq|frequency|number|n|num|multiplicity)$")
UNIT_NAME = re.compile(
    r"(^|_)(unit|units|system|engine|vehicle|station|machine|id|serial|item|specimen|device|laser|"
    r"path|car|subject|patient|tube|wafer|part|sample|grid|valve)(_?(id|no|number))?$"
)
TIME_NAME = re.compile(
    r"(second|minute|hour|day|week|month|year|cycle|mile|kilomet|km|revolution|time|life|lives|"
    r"(^|_)age$|distance|duration|operations|^t$)"
)
LOW_NAME = re.compile(r"(^|_)(lower|left|low|from|begin|start|l|min|t1|time1|previous)($|_)")
HIGH_NAME = re.compile(r"(^|_)(upper|right|high|to|end|stop|u|max|t2|time2|found)($|_)")
TRUNCATION_NAME = re.compile(r"(trunc|entry|delayed)")
MOST_GROUPS = 12
FEWEST_IN_GROUP = 3


@dataclass(frozen=True)
class Sample:
    """Lives of one kind: a failure mode, a group, or all."""

    case: str
    """Empty for all."""
    lives: Lives
    stress: dict[str, Array] = field(default_factory=dict)
    """Numbers that may speed up failure, one a row."""
    left_out: int = 0
    """Rows without a time above zero and above the age at entry."""


@dataclass(frozen=True)
class Recurrences:
    """Repairs of like systems under observation."""

    case: str
    systems: tuple[tuple[Array, float, float], ...]
    """Times of the repairs, start and end of observation, for each window."""
    costs: float = 0.0
    """Mean cost of one, where given."""


@dataclass(frozen=True)
class Paths:
    """Readings of a level at several times, unit by unit."""

    case: str
    level: str
    units: tuple[tuple[Array, Array], ...]
    """Times and levels."""


Case = Sample | Recurrences | Paths


@dataclass(frozen=True)
class _Columns:
    """Which column is what; empty where there is none."""

    time: str = ""
    low: str = ""
    high: str = ""
    event: str = ""
    mode: str = ""
    count: str = ""
    unit: str = ""
    entry: str = ""
    others: tuple[str, ...] = ()


def read_cases(path: Path) -> list[Case]:
    """What a table holds.

    Raises
    ------
    NoriaError
        If the file cannot be read or no column gives times.
    """
    try:
        table = pd.read_csv(path, skipinitialspace=True)
        if len(table.columns) == 1 and ";" in str(table.columns[0]):
            table = pd.read_csv(path, skipinitialspace=True, sep=";")
    except (OSError, ValueError, pd.errors.ParserError) as fault:
        raise NoriaError(f"{path}: {fault}; expected a table with a header line") from fault
    table.columns = [re.sub(r"[^a-z0-9]+", "_", str(c).lower()).strip("_") for c in table.columns]
    if table.empty:
        raise NoriaError(f"{path}: no rows; expected one a life, a repair or a reading")
    several = _pairs(table)
    if several:
        return [case for name, part in several.items() for case in _lives_of(part, name)]
    columns = _recognised(table, path)
    if _is_recurrent(table, columns):
        return list(_recurrences(table, columns))
    if columns.unit and not columns.event and not columns.mode and _is_path(table, columns):
        return [_paths(table, columns)]
    return list(_samples(table, columns))


def kind_of(word: object) -> str:
    """What an event word or code says; empty where unknown."""
    return WORDS.get(re.sub(r"[^a-z0-9]+", "_", str(word).strip().lower()).strip("_"), "")


def _pairs(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables of the modes of one with several columns ``NAME_hours`` and ``NAME_event``."""
    found = {}
    for event in [c for c in table.columns if c.endswith(("_event", "_status", "_censor"))]:
        name = event.rsplit("_", 1)[0]
        times = [c for c in table.columns if c.startswith(name + "_") and c != event]
        times = [c for c in times if TIME_NAME.search(c)]
        if len(times) == 1:
            found[name] = table[[times[0], event]].set_axis(["time", "event"], axis=1)
    if len(found) < 2:
        return {}
    used = [c for c in table.columns if not any(c.startswith(name + "_") for name in found)]
    return {name: part.join(table[used]) for name, part in found.items()}


def _lives_of(table: pd.DataFrame, name: str) -> Iterator[Case]:
    for case in _samples(table, _recognised(table, Path(name))):
        assert isinstance(case, Sample)
        yield Sample(f"{name} {case.case}".strip(), case.lives, case.stress, case.left_out)


def _recognised(table: pd.DataFrame, path: Path) -> _Columns:
    """Each column's part, by name first and by content where the name says nothing."""
    left = list(table.columns)
    numeric = [c for c in left if _numbers(table[c]).notna().any()]
    text = [c for c in left if c not in numeric]

    def take(names: list[str]) -> str:
        found = next((c for c in names if c in left), "")
        if found:
            left.remove(found)
        return found

    told = [c for c in text if _is_event(table[c], c)]
    event = take(sorted(told, key=lambda c: EVENT_NAME.search(c) is None))
    mode = take([c for c in left if MODE_NAME.search(c)])
    event = event or take([c for c in left if EVENT_NAME.search(c) and _is_code(table[c])])
    if not event and not mode:
        told = [c for c in text if EVENT_NAME.search(c)]
        mode = take([*told, *(c for c in text if table[c].map(kind_of).eq("censored").any())])
    for column in [c for c in numeric if c in left and _is_numbering(table[c])]:
        left.remove(column)
    count = take([c for c in numeric if COUNT_NAME.match(c)])
    entry = take([c for c in numeric if TRUNCATION_NAME.search(c)])
    low = high = ""
    lows = [c for c in left if LOW_NAME.search(c) and (c in numeric or _is_blank(table[c]))]
    highs = [c for c in left if HIGH_NAME.search(c) and (c in numeric or _is_blank(table[c]))]
    if lows and highs:
        low, high = take(lows), take(highs)
    units = [c for c in left if UNIT_NAME.search(c)]
    unit = take([c for c in units if not TIME_NAME.search(c) or c in text])
    time = "" if low else take([c for c in numeric if TIME_NAME.search(c)])
    if not time and not low:
        varied = [c for c in numeric if c in left]
        time = take(sorted(varied, key=lambda c: -table[c].nunique()))
    if not time and not low:
        raise NoriaError(
            f"{path}: columns {', '.join(table.columns)}; expected one with times (hours, cycles, "
            "miles, …) or two with their limits (lower, upper)"
        )
    return _Columns(time, low, high, event, mode, count, unit, entry, tuple(left))


def _numbers(column: pd.Series) -> pd.Series:
    words = column.astype(str).str.strip().str.lower()
    return pd.to_numeric(words, errors="coerce").astype(float)


def _is_numbering(column: pd.Series) -> bool:
    """Whether a column only numbers the rows."""
    numbers = _numbers(column).to_numpy()
    return len(numbers) > 2 and bool(np.all(numbers == np.arange(len(numbers)) + numbers[0]))


def _is_blank(column: pd.Series) -> bool:
    return bool(column.isna().all())


def _is_event(column: pd.Series, name: str) -> bool:
    """Whether all words say what happened to an item; a plain yes only where the name asks it."""
    words = set(column.astype(str).str.strip().str.lower())
    if words <= ANSWERS and not EVENT_NAME.search(name):
        return False
    return all(kind_of(word) for word in words)


def _is_code(column: pd.Series) -> bool:
    return column.nunique() <= 4 and bool(_numbers(column).isin([0, 1, 2, 3, 4]).all())


def _kinds(table: pd.DataFrame, columns: _Columns) -> pd.Series:
    """What each row says: failed, censored, between, before, repaired, begun or ended."""
    if columns.event:
        column = table[columns.event]
        if not _is_code(column):
            return column.map(kind_of).replace("", "failed")
        return _numbers(column).map(_meanings(columns.event, set(_numbers(column))))
    if columns.mode:
        return table[columns.mode].map(lambda word: kind_of(word) or "failed")
    return pd.Series("failed", index=table.index)


def _meanings(name: str, codes: set[float]) -> dict[float, str]:
    """Of numbers; a column *censored* says 1 for a life cut short, others 1 for a failure."""
    if codes <= {0.0, 1.0}:
        is_censoring = "cens" in name
        return {0.0: "failed", 1.0: "censored"} if is_censoring else {
            0.0: "censored", 1.0: "failed"
        }  # fmt: skip
    if 0.0 in codes:
        return {0.0: "censored", 1.0: "failed", 2.0: "before", 3.0: "between"}
    return {1.0: "failed", 2.0: "censored", 3.0: "before", 4.0: "between"}


def _is_recurrent(table: pd.DataFrame, columns: _Columns) -> bool:
    """Whether rows are repairs of systems: they say so, or begin and end observation."""
    if not columns.event or not columns.time:
        return False
    kinds = set(_kinds(table, columns))
    if kinds & {"ended", "begun"}:
        return True
    if kinds == {"repaired"}:
        return True
    if not columns.unit or not table[columns.unit].duplicated().any():
        return False
    return "repaired" in kinds or _ends_each_unit(table, columns)


def _ends_each_unit(table: pd.DataFrame, columns: _Columns) -> bool:
    """Whether each unit has one censored row, its last: the end of its observation."""
    rows = table.assign(is_end=_kinds(table, columns).eq("censored"))
    own = rows.sort_values([columns.time, "is_end"]).groupby(columns.unit)["is_end"]
    return bool((own.sum() == 1).all() and own.last().all())


def _is_path(table: pd.DataFrame, columns: _Columns) -> bool:
    levels = [c for c in columns.others if _numbers(table[c]).notna().all()]
    return bool(columns.time and levels and (table.groupby(columns.unit).size() >= 3).mean() > 0.5)


def _samples(table: pd.DataFrame, columns: _Columns) -> Iterator[Case]:
    """All lives, those of each mode, and those of each group."""
    kinds = _kinds(table, columns)
    if _is_inspected_once(table, columns, kinds):
        kinds = kinds.replace("failed", "before")
    stress = {
        c: _numbers(table[c]).to_numpy()
        for c in columns.others
        if _numbers(table[c]).notna().all() and table[c].nunique() > 1
    }
    whole = _lives(table, columns, kinds)
    empty = _numbers(table[columns.count]).eq(0).sum() if columns.count else 0
    yield Sample("", whole, stress, len(table) - int(empty) - len(whole.ages))
    if columns.mode:
        for mode in sorted(table.loc[kinds != "censored", columns.mode].astype(str).unique()):
            other = table[columns.mode].astype(str) != mode
            own = kinds.where(~other | (kinds == "censored"), "other")
            yield Sample(mode, _lives(table, columns, own), stress)
    for name in columns.others:
        groups = table.groupby(name).indices
        if 2 <= len(groups) <= MOST_GROUPS:
            for group, rows in groups.items():
                if len(rows) >= FEWEST_IN_GROUP:
                    part = table.iloc[rows]
                    yield Sample(f"{name} {group}", _lives(part, columns, kinds.iloc[rows]))


def _is_inspected_once(table: pd.DataFrame, columns: _Columns, kinds: pd.Series) -> bool:
    """Whether failures and survivors are counted at the same ages, so that each item was looked at
    once and had failed at some time before."""
    if not columns.count or not columns.time or {"failed", "censored"} != set(kinds):
        return False
    times = table[columns.time]
    failed, alive = set(times[kinds == "failed"]), set(times[kinds == "censored"])
    return len(failed) >= 4 and len(failed - alive) <= len(failed) / 5


def _lives(table: pd.DataFrame, columns: _Columns, kinds: pd.Series) -> Lives:
    """Rows as lives; limits left open are 0 and infinity."""
    if columns.low:
        low = _numbers(table[columns.low]).fillna(0.0).to_numpy()
        high = _numbers(table[columns.high]).fillna(np.inf).to_numpy()
        if columns.event:
            is_exact = kinds.eq("failed").to_numpy() & ~np.isfinite(high) & (low > 0)
            high = np.where(is_exact, low, high)
        # What another mode ended between two inspections is cut short halfway.
        is_other = kinds.eq("other").to_numpy() & np.isfinite(high)
        is_right = ~np.isfinite(high) | kinds.isin(["censored", "other"]).to_numpy()
        low = np.where(is_other, (low + np.where(is_other, high, low)) / 2, low)
        low = np.where(is_right & (low <= 0) & np.isfinite(high), high, low)
        low = np.where(kinds.eq("before").to_numpy() & (low == high), 0.0, low)
    else:
        high = _numbers(table[columns.time]).to_numpy()
        low = np.where(kinds.eq("before").to_numpy(), 0.0, high)
        is_right = kinds.isin(["censored", "other", "ended"]).to_numpy()
    latest = np.where(is_right, low, high)
    weight = np.ones(len(table))
    if columns.count:
        weight = _numbers(table[columns.count]).fillna(1.0).to_numpy()
    entry = np.zeros(len(table))
    if columns.entry:
        entry = _numbers(table[columns.entry]).fillna(0.0).to_numpy()
    kept = (latest > entry) & (weight > 0)
    rows = (low, 1.0 - is_right, entry, weight, latest)
    ages, failed, entry, weight, latest = (row[kept] for row in rows)
    return Lives(np.maximum(ages, entry), failed, entry, weight, latest)


def _recurrences(table: pd.DataFrame, columns: _Columns) -> Iterator[Case]:
    """Windows of each system, from Start (or 0) to End (or the last row)."""
    kinds = _kinds(table, columns)
    times = _numbers(table[columns.time])
    unit = table[columns.unit] if columns.unit else pd.Series("", index=table.index)
    order = {"begun": 0, "failed": 1, "repaired": 1, "censored": 2, "ended": 2}
    rows = pd.DataFrame({"unit": unit, "time": times, "kind": kinds})
    rows["order"] = rows["kind"].map(order).fillna(1)
    systems: list[tuple[Array, float, float]] = []
    for _, own in rows.sort_values(["time", "order"], kind="stable").groupby("unit", sort=True):
        systems += _windows(own)
    cost = 0.0
    if "cost" in table.columns:
        happened = kinds.isin(["failed", "repaired"])
        cost = float(_numbers(table.loc[happened, "cost"]).mean())
    yield Recurrences("", tuple(systems), cost)


def _windows(rows: pd.DataFrame) -> Iterator[tuple[Array, float, float]]:
    start, last = 0.0, 0.0
    times: list[float] = []
    is_open = True
    for time, kind in zip(rows["time"], rows["kind"], strict=True):
        last = float(time)
        if kind == "begun":
            start, times, is_open = last, [], True
        elif kind in ("ended", "censored"):
            yield np.array(times, dtype=float), start, last
            start, times, is_open = last, [], False
        else:
            times.append(last)
            is_open = True
    if is_open and (times or last > start):
        yield np.array(times, dtype=float), start, last


def _paths(table: pd.DataFrame, columns: _Columns) -> Paths:
    levels = [c for c in columns.others if _numbers(table[c]).notna().all()]
    level = max(levels, key=lambda c: table[c].nunique())
    units = []
    for _, own in table.groupby(columns.unit, sort=True):
        own = own.sort_values(columns.time)
        units.append((_numbers(own[columns.time]).to_numpy(), _numbers(own[level]).to_numpy()))
    return Paths("", level, tuple(units))
