"""What a plan may ask of one work unit. Each rule is a function: the faults of one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, zip_longest

from twin.accounting.inspection import (
    Inspection,
    in_words,
    is_later,
    is_same,
    is_timed,
    total_minutes,
    what,
)
from twin.accounting.value import STATE_OF_KIND, TOLERANCE
from twin.errors import Fault, did_you_mean
from twin.model.plant import WorkUnit
from twin.model.schedule import Segment


def names_are_known(plan: Inspection) -> Iterator[Fault]:
    """A segment has a known kind, proper times, and names things that exist."""
    for s in sorted(plan.schedule.segments, key=str):
        if plan.is_proper(s):
            continue
        yield Fault(plan.where(s), *_what_is_unknown(plan, s))


def _what_is_unknown(plan: Inspection, s: Segment) -> tuple[str, str]:
    if s.end == s.start:
        return "wrong times: it takes no time", "leave it out"
    if not is_timed(s):
        return f"wrong times: from minute {s.start:g} to {s.end:g}", "end it after it starts"
    if s.kind not in STATE_OF_KIND:
        return f'unknown kind: "{s.kind}"', did_you_mean(str(s.kind), STATE_OF_KIND)
    if s.work_unit not in plan.unit_of:
        return f'unknown unit: "{s.work_unit}"', did_you_mean(s.work_unit, plan.unit_of)
    if s.kind == "maintenance":
        tasks = [t.id for t in plan.unit_of[s.work_unit].maintenance]
        return f'unknown task: "{s.task}"', did_you_mean(s.task, tasks)
    if s.order not in plan.order_of:
        return f'unknown order: "{s.order}"', did_you_mean(s.order, plan.order_of)
    return (
        f'unknown operation: "{s.operation}" is not on the route of order {s.order}',
        did_you_mean(s.operation, plan.route(s.order)),
    )


def does_one_thing_at_a_time(plan: Inspection) -> Iterator[Fault]:
    """A unit does one thing at a time."""
    for segments in plan.by_unit.values():
        longest: Segment | None = None
        for s in segments:
            if longest and is_later(min(longest.end, s.end), s.start):
                yield plan.fault(
                    s,
                    "overlap",
                    f"{what(longest)} lasts until {plan.at(longest.end)}",
                    "start it afterwards or on another unit",
                )
            if longest is None or s.end > longest.end:
                longest = s


def stays_in_the_horizon(plan: Inspection) -> Iterator[Fault]:
    """Nothing begins before the horizon or ends after it."""
    horizon = plan.schedule.horizon
    for s in plan.segments:
        if is_later(0.0, s.start):
            found = f"starts {in_words(-s.start)} before the plan does, at {plan.at(0.0)}"
            yield plan.fault(s, "outside the horizon", found, "start it later")
        if is_later(s.end, horizon.minutes):
            found = f"ends {plan.at(s.end)}, after the plan does, at {plan.at(horizon.minutes)}"
            yield plan.fault(
                s, "outside the horizon", found, "end it earlier or leave the order unplaced"
            )


def works_in_its_shifts(plan: Inspection) -> Iterator[Fault]:
    """Setup and work happen only in the open time of their unit."""
    for s in plan.segments:
        if s.kind not in ("setup", "work"):
            continue
        open_time = plan.open_time(s.work_unit)
        closed = s.minutes - open_time.working_minutes(s.start, s.end)
        if closed > TOLERANCE:
            shut = s.start if not open_time.is_open(s.start) else open_time.next_change(s.start)
            yield plan.fault(
                s,
                "wrong calendar",
                f"{in_words(closed)} of it are off shift, from {plan.at(shut)}",
                f"move it into calendar {plan.unit_of[s.work_unit].calendar}",
            )


def waits_until_available(plan: Inspection) -> Iterator[Fault]:
    """A unit under repair or maintenance at the cut-off does nothing until that ends."""
    for s in plan.segments:
        free = plan.available_from(s.work_unit)
        if is_later(free, s.start):
            yield plan.fault(
                s,
                "unit unavailable",
                f"{s.work_unit} is under repair or maintenance until {plan.at(free)}",
                "start it then",
            )


def works_without_interruption(plan: Inspection) -> Iterator[Fault]:
    """Setup and work pause only while their unit is off shift."""
    runs: dict[tuple[str, str, str, str], list[Segment]] = {}
    for s in plan.segments:
        if s.kind in ("setup", "work"):
            runs.setdefault((s.work_unit, s.kind, s.order, s.operation), []).append(s)
    for run in runs.values():
        for a, b in pairwise(run):
            idle = plan.open_time(b.work_unit).working_minutes(a.end, b.start)
            if idle > TOLERANCE:
                yield plan.fault(
                    b,
                    "interrupted",
                    f"it stopped at {plan.at(a.end)} and paused for {in_words(idle)} of open time",
                    "finish it before anything else",
                )


def is_set_up(plan: Inspection) -> Iterator[Fault]:
    """Where the setup key changes, a setup of the right length comes directly before the work."""
    for unit, segments in plan.by_unit.items():
        key = plan.state.unit(unit).setup_key
        setups: list[Segment] = []
        serviced: Segment | None = None  # maintenance since the last setup
        current = ("", "")
        for s in segments:
            if s.kind == "setup":
                setups.append(s)
                serviced = None
            elif s.kind == "maintenance" and setups:
                serviced = s
            elif s.kind == "work":
                if (s.order, s.operation) != current or setups:
                    yield from _faults_of_setup(plan, s, key, setups, serviced)
                key, current = plan.setup_key(unit, s.order), (s.order, s.operation)
                setups, serviced = [], None
        for s in setups:
            yield plan.fault(s, "setup out of place", "no work follows it", "leave it out")


def _faults_of_setup(
    plan: Inspection, work: Segment, key: str, setups: list[Segment], serviced: Segment | None
) -> Iterator[Fault]:
    own = [s for s in setups if (s.order, s.operation) == (work.order, work.operation)]
    for s in setups:
        if s not in own:
            found = f"the next work there is {what(work)}"
            yield plan.fault(s, "setup out of place", found, "put it directly before its own work")
    if own and serviced:
        found = f"{what(serviced)} comes between the setup and the work"
        yield plan.fault(own[-1], "setup out of place", found, "set up after the maintenance")
    is_running = (work.order, work.operation) in plan.running
    needed = 0.0 if is_running else plan.setup_minutes(work.work_unit, key, work.order)
    planned = total_minutes(own)
    change = f"from {key or 'unknown'} to {plan.setup_key(work.work_unit, work.order) or 'none'}"
    if needed > TOLERANCE and not own:
        found = f"{change} takes {in_words(needed)}; none is planned"
        yield plan.fault(work, "missing setup", found, "put the setup directly before the work")
    elif not is_same(planned, needed):
        found = f"{change} takes {in_words(needed)}; {in_words(planned)} are planned"
        yield plan.fault(own[0] if own else work, "wrong setup time", found, "plan what it takes")


def is_warm(plan: Inspection) -> Iterator[Fault]:
    """A unit that must warm up is started up from off, and kept warm by standby without a gap."""
    for unit, segments in plan.by_unit.items():
        yield from _faults_of_startup(plan, plan.unit_of[unit], segments)
        if plan.unit_of[unit].startup_time > 0:
            yield from _faults_of_warmth(plan, plan.unit_of[unit], segments)
            yield from _faults_of_pauses(plan, segments)


def _faults_of_startup(
    plan: Inspection, unit: WorkUnit, segments: tuple[Segment, ...]
) -> Iterator[Fault]:
    """A startup takes the unit's startup time and ends where setup, work or standby begins."""
    for s, following in zip_longest(segments, segments[1:]):
        if s.kind != "startup":
            continue
        if not is_same(s.minutes, unit.startup_time):
            found = f"{in_words(s.minutes)} planned; {unit.id} takes {in_words(unit.startup_time)}"
            yield plan.fault(s, "wrong startup time", found, "plan exactly that")
        used = following is not None and following.kind in ("setup", "work", "standby")
        if following is None or not used or not is_same(following.start, s.end):
            found = "neither setup, work nor standby begins where it ends"
            yield plan.fault(s, "startup out of place", found, "move it up to what needs it")


def _faults_of_warmth(
    plan: Inspection, unit: WorkUnit, segments: tuple[Segment, ...]
) -> Iterator[Fault]:
    """Setup, work and standby follow directly on a warm segment.

    Maintenance keeps a warm unit warm but does not warm up a cold one.
    """
    warm, last = plan.is_on(unit.id), 0.0
    worked = False
    for s in segments:
        if is_later(s.start, last):
            warm = False
        if s.kind == "startup":
            warm = True
        elif s.kind != "maintenance" and not warm:
            yield _cold(plan, unit, s, last if worked else None)
            warm = True  # one fault for one cold start
        worked = worked or s.kind != "maintenance"
        last = max(last, s.end)


def _cold(plan: Inspection, unit: WorkUnit, s: Segment, since: float | None) -> Fault:
    remedy = f"plan a startup of {in_words(unit.startup_time)} that ends at {plan.at(s.start)}"
    if since is None:
        return plan.fault(s, "missing startup", f"{unit.id} is off until then", remedy)
    found = f"{unit.id} is neither in standby nor started up again after {plan.at(since)}"
    return plan.fault(s, "missing standby", found, f"fill the gap with standby, or {remedy}")


def _faults_of_pauses(plan: Inspection, segments: tuple[Segment, ...]) -> Iterator[Fault]:
    """An operation that pauses is kept warm: no startup lies inside it."""
    last: dict[tuple[str, str, str], int] = {}
    for i, s in enumerate(segments):
        if s.kind not in ("setup", "work"):
            continue
        key = (s.kind, s.order, s.operation)
        between = segments[last[key] + 1 : i] if key in last else ()
        if any(b.kind == "startup" for b in between):
            found = f"{s.work_unit} cools down in the pause before and is started up again"
            yield plan.fault(s, "missing standby", found, "fill the pause with standby")
        last[key] = i


UNIT_RULES = (
    names_are_known,
    does_one_thing_at_a_time,
    stays_in_the_horizon,
    works_in_its_shifts,
    waits_until_available,
    works_without_interruption,
    is_set_up,
    is_warm,
)
