"""Causes in a planner's words: what stands in the way, for how long, and how sure that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from scenarios.causes import Cause
from scenarios.why import Removal, Why
from scenarios.why_chance import Chance
from scenarios.why_waits import Stretch
from twin.model.horizon import Horizon

SHOWN_ORDERS = 6
NOTHING_HELPS = (
    "no single cause: nothing that was taken away helps by a quarter of an hour; the plant is "
    "loaded wherever it goes"
)
LEAST_SHOWN = 30.0
"""Waits shorter than this are not told one by one [min]."""
SURE = 0.9
"""An order that is on time so often without breakdowns has a plan that is not to blame."""


def why_text(found: Sequence[Why], horizon: Horizon, currency: str) -> str:
    """All orders, one paragraph each."""
    if not found:
        return "no order is late, unsure or dear"
    return "\n\n".join("\n  ".join(lines_of(one, horizon, currency)) for one in found)


def lines_of(one: Why, horizon: Horizon, currency: str) -> list[str]:
    """One order: where it stands, its binding cause, where its time goes, what else was tried."""
    lines = [f"order {one.order} {_standing(one, horizon)}"]
    if sentence := _sentence(one, horizon, currency):
        lines.append(sentence)
    if one.stretches:
        lines.append(f"its time: {_time(one.stretches, horizon)}")
    others = [_tried(r) for r in one.removals if r.cause != one.cause and r.sooner_h >= 0.25]
    if others:
        head = "less help" if one.matter == "late" else "more time for it"
        lines.append(f"{head}: {'; '.join(others[:4])}")
    if one.matter == "dear" and one.dear:
        parts = ", ".join(f"{k} {v:,.0f}" for k, v in one.dear.parts.items() if v >= 1)
        lines.append(
            f"its energy costs {one.dear.energy:,.0f} {currency}, {one.dear.flat:,.0f} at the mean "
            f"price and {one.dear.least_any_time:,.0f} in the cheapest hours; above that: {parts}"
        )
    if one.moved:
        lines.append(f"moved since last night: {'; '.join(one.moved)}")
    if one.not_tried:
        lines.append(f"not tried, the plan would not fit: {', '.join(one.not_tried)}")
    return lines


def _standing(one: Why, horizon: Horizon) -> str:
    due = f"due {horizon.local(one.due):%a %d %b %H:%M}"
    chance = "" if one.on_time is None else f"; on time in {_share(one)} of the replications"
    if one.planned_end is None or one.late_h is None:
        return f"has no place in the plan ({due}{chance})"
    ends = f"planned {horizon.local(one.planned_end):%a %d %b %H:%M}{chance}"
    word = (
        f"is {hours(one.late_h)} late" if one.late_h > 0 else f"has {hours(-one.late_h)} to spare"
    )
    return f"{word} ({due}, {ends})"


def _share(one: Why) -> str:
    found = one.on_time
    assert found is not None
    return f"{found.mean:.0%} ({found.low:.0%} to {found.high:.0%})"


def _sentence(one: Why, horizon: Horizon, currency: str) -> str:
    if one.is_certain and one.cause:
        return _certain(one, one.cause, horizon)
    if one.matter == "unsure" and one.cause and one.cause.kind == "failures":
        return _chance_words(one, one.chances)
    if one.cause is None:
        return "" if one.matter in ("dear", "fine") else NOTHING_HELPS
    removal = next((r for r in one.removals if r.cause == one.cause), None)
    return _binding(one, removal, horizon, currency) if removal else ""


def _certain(one: Why, cause: Cause, horizon: Horizon) -> str:
    alone = f"alone in the plant it would be done {horizon.local(one.earliest_end):%a %d %b %H:%M}"
    if one.earliest_end > horizon.minutes:
        alone = "alone in the plant it would not be done within the horizon"
    words = {
        "release": "it is released too late for its due date",
        "calendar": "the shifts leave it too little time",
        "work": "it was overdue at the cut-off"
        if one.due <= 0
        else "its work takes longer than there is time",
    }[cause.kind]
    return f"certain: {words}; {alone}, and no plan does it sooner"


def _binding(one: Why, removal: Removal, horizon: Horizon, currency: str) -> str:
    late = _then(removal.late_h)
    cause = removal.cause
    if cause.kind in ("energy", "right_of_way", "priority"):
        return _could(one, removal, currency)
    about = {
        "capacity": f"{cause.unit} is full{_full(one, cause.unit, horizon)}; with a second "
        f"{cause.unit}",
        "setup": f"setups of {cause.unit} take its time; without them",
        "maintenance": f"{cause.task} of {cause.unit} stands in its way; without it",
        "calendar": f"{cause.unit} is closed{_closed(one, cause.unit)}; open round the clock",
        "release": "it may not start sooner; released at the cut-off",
        "frozen": "last night's plan is frozen; without that",
    }[cause.kind]
    return (
        f"{about} it would be {late}, {hours(removal.sooner_h)} sooner than by the same search "
        "with the cause in place"
    )


def _could(one: Why, removal: Removal, currency: str) -> str:
    """It could be sooner with nothing taken away: the plan prefers otherwise, and says for what."""
    how = "nothing else need move" if removal.cause.kind == "energy" else "others giving way"
    words = f"the plan prefers others: it could be {_then(removal.late_h)}, {how}"
    if removal.dearer is not None and removal.dearer > 0:
        words += f", for up to {removal.dearer:,.0f} {currency} more in all"
    elif removal.dearer is not None:
        words += (
            f", and a longer search would have found it: {-removal.dearer:,.0f} {currency} less"
        )
    if one.late_h and one.late_h > 0 and one.dear:
        words += f"; its lateness costs {one.dear.lateness:,.0f} {currency}"
    if abs(removal.others_later_h) >= 0.05:
        words += f"; all others {removal.others_later_h:+.1f} h of weighted tardiness"
    return words


def _chance_words(one: Why, chances: Sequence[Chance]) -> str:
    parts = [
        f"{chance.on_time.mean:.0%} {_without(chance.cause)} ({_points(chance)})"
        for chance in chances
        if chance.gain.is_clear
    ]
    best = max((c.on_time.mean for c in chances if c.gain.is_clear), default=0.0)
    blame = (
        "breakdowns make it late, not the plan"
        if best >= SURE
        else ("breakdowns make it late, and the plan leaves it little to spare")
    )
    return f"{blame}: on time in {', '.join(parts)}"


def _without(cause: Cause) -> str:
    return f"without those of {cause.unit}" if cause.unit else "without any"


def _points(chance: Chance) -> str:
    gain = chance.gain
    mean, low, high = (100 * share for share in (gain.mean, gain.low, gain.high))
    return f"{mean:+.0f} points, {low:+.0f} to {high:+.0f}"


def _tried(removal: Removal) -> str:
    return f"{name_of(removal.cause)}, {hours(removal.sooner_h)} sooner"


def name_of(cause: Cause) -> str:
    """What is taken away, in a few words."""
    return {
        "capacity": f"a second {cause.unit}",
        "setup": f"no setups on {cause.unit}",
        "maintenance": f"without {cause.task} of {cause.unit}",
        "failures": f"no breakdowns{f' of {cause.unit}' if cause.unit else ''}",
        "energy": "not waiting for cheaper hours",
        "release": "released at the cut-off",
        "frozen": "nothing frozen",
        "calendar": f"{cause.unit} open round the clock",
        "right_of_way": "others moved, at no more lateness in all",
        "priority": "others giving way at their expense",
        "work": "less work",
    }[cause.kind]


def _full(one: Why, unit: str, horizon: Horizon) -> str:
    """From when until when others are on a unit while the order waits, and which."""
    busy = [s for s in one.stretches if s.kind == "busy" and s.unit == unit]
    if not busy:
        return ""
    begin, end = min(s.begin for s in busy), max(s.end for s in busy)
    span = f" from {horizon.local(begin):%a %H:%M} to {horizon.local(end):%a %H:%M}"
    return f"{span} with {_orders(s.by for s in busy)}"


def _closed(one: Why, unit: str) -> str:
    minutes = sum(s.minutes for s in one.stretches if s.kind == "closed" and s.unit == unit)
    return f" for {hours(minutes / 60)} of its time" if minutes else ""


def _orders(ids: Iterable[str]) -> str:
    names = list(dict.fromkeys(ids))
    rest = len(names) - SHOWN_ORDERS
    word = "orders" if len(names) > 1 else "order"
    return f"{word} {', '.join(names[:SHOWN_ORDERS])}" + (f" and {rest} more" if rest > 0 else "")


def _time(stretches: Sequence[Stretch], horizon: Horizon) -> str:
    """Work and setups in sum, then waits by unit and reason, the longest first."""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for s in stretches:
        sums[s.kind, "" if s.kind in ("work", "setup") else s.unit] += s.minutes
    own = {kind: sums.pop((kind, ""), 0.0) for kind in ("work", "setup")}
    head = [f"{minutes / 60:.1f} h {kind}" for kind, minutes in own.items() if minutes >= 3]
    waits = sorted(sums.items(), key=lambda item: -item[1])
    told = [
        f"{minutes / 60:.1f} h {_wait(kind, unit, stretches)}"
        for (kind, unit), minutes in waits
        if minutes >= LEAST_SHOWN
    ]
    rest = sum(minutes for _, minutes in waits if minutes < LEAST_SHOWN)
    if rest >= 6:
        told.append(f"{rest / 60:.1f} h other waits")
    return ", ".join([*head, *told])


def _wait(kind: str, unit: str, stretches: Sequence[Stretch]) -> str:
    by = [s.by for s in stretches if s.kind == kind and s.unit == unit and s.by]
    return {
        "busy": f"waiting for {unit} ({_orders(by)})",
        "maintenance": f"waiting for {', '.join(dict.fromkeys(by))} of {unit}",
        "closed": f"{unit} closed",
        "down": f"{unit} under repair",
        "warm_up": f"{unit} warming up",
        "idle": f"before {unit}, which is free: for cheaper hours, or room in a buffer",
    }[kind]


def hours(value: float) -> str:
    """Hours with one digit, or minutes."""
    return f"{value:.1f} h" if abs(value) >= 1 else f"{value * 60:.0f} min"


def _then(late_h: float) -> str:
    return f"{hours(late_h)} late" if late_h > 1 / 120 else f"on time, {hours(-late_h)} early"
