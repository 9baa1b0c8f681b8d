"""Findings: what in a log is odd, what it means for the plan, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from twin.calibration.activity import Activity, UnitActivity, minutes_since
from twin.calibration.calendar_check import MANNED, check_calendars
from twin.calibration.cleaning import (
    AFTER,
    BACKWARDS,
    BLANKS,
    BY_NAME,
    DUPLICATE,
    LONG_BEFORE,
    NEVER_ENDED,
    NEVER_STARTED,
    OUT_OF_ORDER,
    UNKNOWN_PRODUCT,
    UNKNOWN_UNIT,
    SetAside,
)
from twin.calibration.clock_repair import DOUBTFUL, JUMPED, SHIFTED, is_at_the_end, jump_words
from twin.calibration.clocks import LEAST_BROKEN, TOLERANCE, ClockShift, handovers
from twin.calibration.jumps import ClockJump
from twin.calibration.power import FIELDS, LEAST_READINGS, hours_by_field
from twin.calibration.signals import NO_REPAIR, EnergyBalance, Signals, Transition
from twin.calibration.stop_codes import StopCodes
from twin.model.horizon import Array
from twin.model.plant import WorkUnit

OF_CLOCKS = (SHIFTED, JUMPED, DOUBTFUL)
"""Reasons that a finding of a clock already tells."""
Severity = Literal["note", "warning", "severe"]
SEVERE_SHARE = 0.1
"""Share of events touched from which a finding is severe."""
OFF_HOURS = 0.03
"""Share of working and setup time outside the shifts that is worth a word; lots are ended."""
SILENT_HOURS = 24.0
"""Open hours without an event of a unit that otherwise reports."""
STUCK_HOURS = 24.0
"""A unit that works for longer without a lot's start or end has missed a state."""
UNEXPLAINED = 0.3
"""Share of a unit's energy that no power by state explains from which that is worth a word."""
METER_OFF = 0.25
"""Relative difference between metered and nominal energy that is worth a word."""


@dataclass(frozen=True)
class Finding:
    """One oddity of a log."""

    kind: str
    severity: Severity
    work_unit: str
    """Empty when it concerns the whole log."""
    count: int
    share: float
    """Of the events, lots or hours it is counted among."""
    text: str
    """What was found and what it means for the plan."""
    remedy: str = ""
    example: str = ""

    def __str__(self) -> str:
        where = f"{self.work_unit}: " if self.work_unit else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        example = f" [{self.example}]" if self.example else ""
        return f"{self.severity}: {where}{self.text}{remedy}{example}"


MEANING: dict[str, tuple[str, str]] = {
    AFTER: ("lie at or after the cut-off and were not looked at", ""),
    LONG_BEFORE: (
        "lie weeks before all others, and would make the log seem to begin there",
        "set the clock of the controller, or correct the year",
    ),
    DUPLICATE: (
        "came twice; the repeats were dropped, so that no lot counts double",
        "find out which interface sends twice",
    ),
    OUT_OF_ORDER: ("were recorded late and put in order of time; nothing is lost by it", ""),
    BY_NAME: ("give the operation by its name; it was put under its id", ""),
    BLANKS: ("had blanks around a name; they were taken off", "mend the terminal's master data"),
    UNKNOWN_UNIT: (
        "are of work units the plant does not have; their work is not in the calibration",
        "add them to the plant or rename them",
    ),
    UNKNOWN_PRODUCT: (
        "are about products the plant does not have; their orders cannot be planned",
        "add the products to the plant",
    ),
    BACKWARDS: ("are of lots that end before they start", "check the clocks of the terminals"),
    NEVER_STARTED: (
        "end a lot that never started; the lot counts for progress, not for times",
        "record starts",
    ),
    NEVER_ENDED: (
        "start a lot that never ended; its pieces are missing, later events show its progress",
        "record ends",
    ),
}


def findings_of(
    activity: Activity,
    signals: Signals,
    details: list[SetAside],
    shifts: list[ClockShift],
    jumps: list[ClockJump],
    events: int,
) -> list[Finding]:
    """Everything odd, the severe first."""
    found = [_of_detail(d, events) for d in details if d.reason not in OF_CLOCKS]
    found += [_of_shift(s) for s in shifts]
    found += [_of_jump(j, activity) for j in jumps]
    if len(activity.log):
        found += _overlaps(activity)
        found += _early_starts(activity)
        found += _instant_lots(activity)
        found += _silence(activity)
        found += _stop_codes(signals.stop_codes)
        found += _out_of_turn(activity, signals.transitions)
        found += _unexplained(signals.energy)
        found += _off_hours(activity)
        for unit in activity.plant.work_units:
            states = activity.units.get(unit.id)
            if states is not None:
                found += _states(activity, unit, states)
    order = {"severe": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda f: order[f.severity])


def _off_hours(activity: Activity) -> Iterator[Finding]:
    """Work outside the shifts written down: other hours, or a log on another clock."""
    outside, total = {}, 0.0
    for unit, states in activity.units.items():
        open_time = activity.open_time.get(unit)
        if open_time is None or not len(open_time.starts):
            continue
        manned = states.states.isin(MANNED).to_numpy()
        starts, ends = states.starts[manned], states.ends[manned]
        opened = open_time.minutes_before(ends) - open_time.minutes_before(starts)
        outside[unit] = float((ends - starts - opened).sum())
        total += float((ends - starts).sum())
    share = sum(outside.values()) / total if total else 0.0
    if share > OFF_HOURS:
        checks = [c for c in check_calendars(activity) if c.is_worth_a_word]
        worst = sorted(outside, key=lambda unit: -outside[unit])[:4]
        yield Finding(
            "work outside the shifts", "severe" if share > SEVERE_SHARE else "warning", "",
            round(sum(outside.values()) / 60), share,
            f"{share:.0%} of the working and setup time lies outside the shifts of the plant file "
            f"(most at {', '.join(worst)}); plans are made for those shifts",
            "correct the calendars, or the time zone of the log",
            "; ".join(c.describe() for c in checks if c.disagreement.only_found > 0),
        )  # fmt: skip


def _of_detail(detail: SetAside, events: int) -> Finding:
    meaning, remedy = MEANING.get(
        detail.reason, (f"set aside: {detail.reason}", "mend the extract")
    )
    share = detail.count / events
    severity: Severity = "warning"
    if detail.reason in (AFTER, OUT_OF_ORDER) or (detail.action == "adjusted"):
        severity = "note"
    elif share > SEVERE_SHARE:
        severity = "severe"
    text = f"{detail.count} events ({share:.2%}) {meaning}"
    return Finding(
        detail.reason, severity, detail.work_unit, detail.count, share, text, remedy, detail.example
    )


def _of_shift(shift: ClockShift) -> Finding:
    way = "ahead" if shift.minutes > 0 else "behind"
    done = (
        "it was taken out of all its events" if shift.is_certain
        else "it was left in, for nothing confirms how far: waits and idle times around it are off"
    )  # fmt: skip
    text = (
        f"the clock is about {abs(shift.minutes):.1f} min {way}: {shift.broken} of "
        f"{shift.handovers} hand-overs cannot have happened as recorded; {done}"
    )
    share = shift.broken / max(shift.handovers, 1)
    severity: Severity = "note" if shift.is_certain else "warning"
    return Finding(
        "clock shift", severity, shift.work_unit, shift.broken, share, text,
        "set the terminal's clock", shift.evidence,
    )  # fmt: skip


def _of_jump(jump: ClockJump, activity: Activity) -> Finding:
    days = (jump.end - jump.begin).total_seconds() / 86400
    how_long = f"{days:.1f} days" if days >= 1 else f"{24 * days:.1f} h"
    severity: Severity = "warning"
    if not jump.work_unit:
        way = "set back (time passes twice)" if jump.minutes < 0 else "set on, or silent"
        what = f"all clocks of the plant were {way}, by {abs(jump.minutes):.0f} min"
        done = (
            "its states and lots of that time are left out of every time" if jump.minutes < 0
            else "nothing is changed: shifts and orders on one side of it may be off by so much"
        )  # fmt: skip
        remedy = "record in UTC, or convert to it once"
    else:
        what = f"the clock was {jump_words(jump).partition(': ')[2]}, {how_long}"
        remedy = "set the terminal's clock by the network"
        if jump.is_certain:
            severity, done = "note", f"it was taken out of {jump.rows} events"
            if jump.unclear:
                done += f"; {jump.unclear} events of either side were set aside"
        elif is_at_the_end(jump, activity.log.table):
            severity, done = "severe", "nothing confirms it, and the log ends so: it was left in"
        else:
            done = "nothing else confirms it: that stretch is left out of every time"
    return Finding(
        "clock jump", severity, jump.work_unit, jump.rows, jump.rows / max(len(activity.log), 1),
        f"{what}; {done}", remedy, jump.evidence,
    )  # fmt: skip


def _overlaps(activity: Activity) -> Iterator[Finding]:
    """Lots that start before the lot before them on the unit has ended."""
    lots = activity.lots.sort_values(["work_unit", "start"], kind="stable")
    running_end = lots.groupby("work_unit")["end"].cummax().groupby(lots["work_unit"]).shift(1)
    overlap = lots["start"] < running_end - 1e-6
    by_unit = overlap.groupby(lots["work_unit"]).agg(["sum", "size"])
    touched = by_unit[by_unit["sum"] > 0]
    if touched.empty:
        return
    count, size = int(touched["sum"].sum()), len(lots)
    is_stated = all(activity.has_working_states(str(u)) for u in touched.index)
    what = (
        "their working time is read from the unit's states" if is_stated
        else "the time they share is split between them, so that the unit is not planned twice over"
    )  # fmt: skip
    first = lots[overlap].iloc[0]
    worst = touched.assign(share=touched["sum"] / touched["size"]).nlargest(3, "share")
    names = ", ".join(f"{u} {r['share']:.0%}" for u, r in worst.iterrows())
    severity: Severity = "warning" if count > SEVERE_SHARE * size else "note"
    yield Finding(
        "overlapping lots", severity, "", count, count / size,
        f"{count} of {size} lots ({count / size:.0%}) start before the one before them on the same "
        f"work unit has ended ({names}): done side by side, or reported twice; {what}",
        "report what a unit does one lot at a time",
        f"{first['work_unit']} {first['order']} {first['lot']}",
    )  # fmt: skip


def _early_starts(activity: Activity) -> Iterator[Finding]:
    """Orders whose next operation begins on another unit before the one before it has ended."""
    passed = handovers(activity.log, activity.plant)
    early = passed[passed["gap"] < -TOLERANCE]
    if len(early) < LEAST_BROKEN:
        return
    first, share = early.iloc[0], len(early) / len(passed)
    yield Finding(
        "operations of one order at once", "warning" if share > SEVERE_SHARE else "note", "",
        len(early), share,
        f"{len(early)} of {len(passed)} hand-overs ({share:.0%}) begin before the operation "
        "before has ended: batches passed on in part, or reports made up later; the plan passes "
        "whole batches on, so its orders take longer",
        "report when it happens, or plan smaller orders",
        f"order {first['order']} from {first['giver']} to {first['taker']}",
    )  # fmt: skip


def _instant_lots(activity: Activity) -> Iterator[Finding]:
    """Lots without any working time."""
    lots = activity.lots
    empty = lots[lots["working"] <= 0]
    if len(empty):
        first = empty.iloc[0]
        yield Finding(
            "lots without working time", "warning" if len(empty) > 0.02 * len(lots) else "note", "",
            len(empty), len(empty) / len(lots),
            f"{len(empty)} of {len(lots)} lots took no working time; they count for progress and "
            "scrap, not for times",
            "report start and end when they happen",
            f"{first['work_unit']} {first['order']} {first['lot']}",
        )  # fmt: skip


def _silence(activity: Activity) -> Iterator[Finding]:
    """Units that never speak, and long stretches of shifts without a word."""
    table = activity.log.table
    minutes = minutes_since(activity.begin, table["time"])
    times = {str(u): np.sort(minutes[i]) for u, i in table.groupby("work_unit").indices.items()}
    for unit in activity.plant.work_units:
        spoken = times.get(unit.id)
        if spoken is None:
            yield Finding(
                "silent unit", "warning", unit.id, 0, 1.0,
                "no event at all; the plan takes the plant file's values, and it for free and off",
                "connect it to the MES, or take it out of the plant",
            )  # fmt: skip
            continue
        gaps = _open_gaps(activity, unit.id, np.append(spoken, activity.minutes))
        long = [(g, at) for g, at in gaps if g > SILENT_HOURS * 60]
        if long:
            longest, at = max(long)
            since = activity.moment(activity.begin + timedelta(minutes=at))
            share = sum(g for g, _ in long) / max(activity.minutes, 1)
            yield Finding(
                "gap", "warning", unit.id, len(long), share,
                f"{len(long)} times silent for over {SILENT_HOURS:.0f} h of its shifts, at most "
                f"{longest / 60:.0f} h; what it did then is not in the calibration",
                "look for lost messages", f"from {since}",
            )  # fmt: skip


def _stop_codes(of_units: Iterable[StopCodes]) -> Iterator[Finding]:
    """Reasons of stops that tell nothing."""
    for codes in of_units:
        if codes.meaning and codes.work_unit:
            yield Finding(
                "stop reasons that tell nothing", "warning", codes.work_unit, codes.stops,
                codes.commonest_share, codes.meaning, "ask for the cause, from a short list",
            )  # fmt: skip


def _out_of_turn(activity: Activity, transitions: Iterable[Transition]) -> Iterator[Finding]:
    """States that cannot follow each other, but for repairs that were not recorded."""
    by_unit: dict[str, list[Transition]] = {}
    for transition in transitions:
        if transition.meaning != NO_REPAIR:
            by_unit.setdefault(transition.work_unit, []).append(transition)
    for unit, found in by_unit.items():
        count = sum(t.count for t in found)
        worst = max(found, key=lambda t: t.count)
        yield Finding(
            "states out of turn", "note", unit, count, count / max(len(activity.units[unit]), 1),
            f"{count} times a state that cannot follow the one before, mostly {worst.before} to "
            f"{worst.after}: {worst.meaning}; a state between them is missing",
            "look for lost messages",
        )  # fmt: skip


def _unexplained(balances: Iterable[EnergyBalance]) -> Iterator[Finding]:
    """Meters that no power by state explains."""
    for balance in balances:
        if balance.unexplained_share > UNEXPLAINED:
            yield Finding(
                "energy unexplained", "warning", balance.work_unit, 0, balance.unexplained_share,
                f"{balance.unexplained_kwh:.0f} of {balance.metered_kwh:.0f} kWh "
                f"({balance.unexplained_share:.0%}) are explained by no power by state: the meter "
                "feeds something else too, its clock is off, or states are missing; power by state "
                "is a guess",
                "check what the meter feeds",
            )  # fmt: skip


def _open_gaps(activity: Activity, unit: str, times: Array) -> list[tuple[float, float]]:
    """Open minutes between events further apart than the limit, and where each gap begins.

    A unit without a meter that is off or waits has nothing to say.
    """
    far = np.flatnonzero(np.diff(times) > SILENT_HOURS * 60)
    states = activity.units.get(unit)
    if states is not None and not activity.log.of_kind("meter")["work_unit"].eq(unit).any():
        idle = states.minutes_in(["off", "standby"], times[far], times[far + 1])
        far = far[idle < 0.99 * (times[far + 1] - times[far])]
    open_time = activity.open_time[unit]
    return [(open_time.working_minutes(times[i], times[i + 1]), float(times[i])) for i in far]


def _states(activity: Activity, unit: WorkUnit, states: UnitActivity) -> Iterator[Finding]:
    yield from _transitions(unit, states)
    yield from _stuck(activity, unit, states)
    yield from _meter(activity, unit, states)


def _transitions(unit: WorkUnit, states: UnitActivity) -> Iterator[Finding]:
    """Stops that end without the repair they were waiting for."""
    crewed = {m.id for m in unit.failure_modes if m.crew is not None}
    after = states.states.shift(-1)
    waits = states.states.eq("down") & states.reasons.isin(crewed) & after.notna()
    broken = waits & ~after.isin(["down", "repair", "off", "standby"])
    if broken.any():
        first = int(np.flatnonzero(broken.to_numpy())[0])
        yield Finding(
            "impossible transition", "warning", unit.id, int(broken.sum()),
            float(broken.sum() / max(waits.sum(), 1)),
            f"{int(broken.sum())} times from down straight to {after.iloc[first]}: the repair was "
            "not recorded, and repair times miss it",
            "record when the crew begins and ends",
        )  # fmt: skip
    modes = {m.id for m in unit.failure_modes}
    stops = states.episodes(["down", "repair"])
    nameless = stops[~stops["reason"].isin(modes)]
    if len(nameless):
        words = ", ".join(sorted({str(r) or "no reason" for r in nameless["reason"]})[:4])
        yield Finding(
            "stop without a known failure mode", "warning", unit.id, len(nameless),
            len(nameless) / len(stops),
            f"{len(nameless)} of {len(stops)} stops name no failure mode of the plant ({words}); "
            "no life and no repair time is learnt from them, and the plan expects too few failures",
            "use the plant's failure modes as reasons",
        )  # fmt: skip


def _stuck(activity: Activity, unit: WorkUnit, states: UnitActivity) -> Iterator[Finding]:
    long = states.states.eq("working").to_numpy() & (states.ends - states.starts > STUCK_HOURS * 60)
    lots = activity.lots[activity.lots["work_unit"] == unit.id]
    marks = np.sort(np.concatenate([lots["start"].to_numpy(), lots["end"].to_numpy()]))
    inside = np.searchsorted(marks, states.ends) - np.searchsorted(
        marks, states.starts, side="right"
    )
    stuck = np.flatnonzero(long & (inside == 0))
    if len(stuck):
        hours = float((states.ends - states.starts)[stuck].sum() / 60)
        yield Finding(
            "stuck state", "warning", unit.id, len(stuck), hours * 60 / max(activity.minutes, 1),
            f"{len(stuck)} times working for over {STUCK_HOURS:.0f} h without a lot "
            f"({hours:.0f} h): a state is missing, and working time is overstated",
            "check the state signal",
        )  # fmt: skip


def _meter(activity: Activity, unit: WorkUnit, states: UnitActivity) -> Iterator[Finding]:
    """Metered energy against the plant file's power for the states at the time."""
    rows = activity.log.of_kind("meter")
    rows = rows[rows["work_unit"] == unit.id]
    if len(rows) < LEAST_READINGS:
        return
    minutes = minutes_since(activity.begin, rows["time"])
    hours, kwh = hours_by_field(states, minutes, rows["quantity"].to_numpy(float))
    nominal = hours @ np.array([unit.power_kw.of(s[0]) for s in FIELDS.values()])
    expected, drawn = float(nominal.sum()), float(kwh.sum())
    if expected > 0 and abs(drawn / expected - 1) > METER_OFF:
        yield Finding(
            "meter against states", "note", unit.id, len(kwh), drawn / expected - 1,
            f"drew {drawn:.0f} kWh where the plant file and the states expect {expected:.0f} "
            f"({drawn / expected - 1:+.0%}); the calibrated power follows the meter",
            "check the meter's factor, or the power in the plant file",
        )  # fmt: skip
