"""What is wrong with a log, what that means for the plan, and whether the log can carry one.

``diagnose`` reads a raw log against the plant. Events that cannot be used are set aside and
counted with an example; what is left is ``clean``. Findings say what it means and what to do;
readiness says which conclusions the log can carry; a refusal says that it can carry no plan at
all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from twin.calibration.activity import Activity, read_activity
from twin.calibration.cleaning import (
    AFTER,
    DUPLICATE,
    UNKNOWN_UNIT,
    SetAside,
    in_order,
    sound,
    usable,
)
from twin.calibration.clock_repair import set_right, without_doubtful
from twin.calibration.clocks import ClockShift
from twin.calibration.findings import Finding, findings_of
from twin.calibration.jumps import ClockJump
from twin.calibration.losses import NO_LOSSES, Losses, losses_of
from twin.calibration.readiness import Readiness, readiness_of
from twin.calibration.registry import Mismatch, mismatches
from twin.calibration.signals import (
    EnergyBalance,
    SignalGaps,
    Transition,
    read_signals,
)
from twin.calibration.stop_codes import StopCodes
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import Plant

STALE_HOURS = 72.0
"""A log whose last sign of work is older than this, with a shift worked since, carries no plan."""
STALE_OPEN_HOURS = 8.0
MOST_UNKNOWN = 0.2
"""Share of events of unknown work units from which the log is taken for another plant's."""
MOST_SET_ASIDE = 0.4


@dataclass(frozen=True)
class Coverage:
    """What the log has of one work unit."""

    work_unit: str
    events: int
    first: datetime | None
    last: datetime | None
    lots: int
    """Lots with a start and an end."""
    state_share: float
    """Share of the log's length with a known state."""
    meter_share: float
    """Share of the log's length covered by meter readings."""


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on one log."""

    source: str
    begin: datetime | None
    until: datetime
    timezone: str
    """IANA zone of the plant, in which begin and until are."""
    events: int
    """As received."""
    clean: EventLog
    """What can be used, in time order."""
    details: tuple[SetAside, ...] = ()
    """What was not used as it came, reason by reason."""
    clock_shifts: tuple[ClockShift, ...] = ()
    clock_jumps: tuple[ClockJump, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    readiness: dict[str, Readiness] = field(default_factory=dict)
    losses: Losses = NO_LOSSES
    signal_gaps: tuple[SignalGaps, ...] = ()
    transitions: tuple[Transition, ...] = ()
    """States that cannot follow each other."""
    stop_codes: tuple[StopCodes, ...] = ()
    energy: tuple[EnergyBalance, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    """Names that log, plant file and order book do not share."""
    refusal: str = ""
    """Why the log can carry no plan; empty when it can."""

    @property
    def set_aside(self) -> dict[str, int]:
        """Events not used, by reason."""
        return {d.reason: d.count for d in self.details if d.action != "adjusted"}

    @property
    def adjusted(self) -> dict[str, int]:
        """Events used after a correction, by the correction."""
        return {d.reason: d.count for d in self.details if d.action == "adjusted"}

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them; the clean log is left out."""
        return {
            "source": self.source,
            "begin": self.begin.isoformat() if self.begin else None,
            "until": self.until.isoformat(),
            "timezone": self.timezone,
            "events": self.events,
            "clean_events": len(self.clean),
            "set_aside": self.set_aside,
            "adjusted": self.adjusted,
            "details": [asdict(d) for d in self.details],
            "clock_shifts": [{**asdict(s), "is_certain": s.is_certain} for s in self.clock_shifts],
            "clock_jumps": [_plain(asdict(j)) for j in self.clock_jumps],
            "findings": [asdict(f) for f in self.findings],
            "coverage": [_plain(asdict(c)) for c in self.coverage],
            "readiness": {name: asdict(r) for name, r in self.readiness.items()},
            "losses": {
                "bottleneck": self.losses.bottleneck,
                "busy_share": self.losses.busy_share,
                "price_per_kwh": self.losses.price_per_kwh,
                "currency": self.losses.currency,
                "counted": self.losses.counted,
                "rows": self.losses.to_rows(),
            },
            "signal_gaps": [asdict(g) for g in self.signal_gaps],
            "transitions": [asdict(t) for t in self.transitions],
            "stop_codes": [asdict(c) for c in self.stop_codes],
            "energy": [
                {**asdict(e), "unexplained_share": e.unexplained_share} for e in self.energy
            ],
            "mismatches": [{**asdict(m), "text": str(m)} for m in self.mismatches],
            "refusal": self.refusal,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True, ensure_ascii=False)

    def describe(self) -> str:
        """The diagnosis as text."""
        from twin.calibration.diagnosis_text import diagnosis_text

        return diagnosis_text(self)


def diagnose(
    log: EventLog,
    plant: Plant,
    until: datetime,
    *,
    orders: OrderBook | None = None,
    price_per_kwh: float | None = None,
) -> Diagnosis:
    """Look a raw log over against its plant, up to a cut-off.

    Parameters
    ----------
    orders
        The ERP's open orders, to compare with those of the log.
    price_per_kwh
        Mean price of energy, to put a figure on what is drawn while time is lost.
    """
    table, details = usable(log, plant, until)
    clocks = set_right(table, plant)
    table, late = in_order(clocks.table, clocks.recorded)
    table, broken = sound(table, plant, until)
    table, doubtful = without_doubtful(table, clocks.jumps)
    details += [*late, *broken, *clocks.details, *doubtful]
    cleaned = EventLog(table.reset_index(drop=True), log.source)
    jumps = [found.jump for found in clocks.jumps]
    activity = read_activity(cleaned, plant, until)
    signals = read_signals(activity)
    return Diagnosis(
        source=log.source,
        begin=activity.begin.astimezone(plant.zone) if len(cleaned) else None,
        until=until.astimezone(plant.zone),
        timezone=plant.timezone,
        events=len(log),
        clean=cleaned,
        details=tuple(details),
        clock_shifts=tuple(clocks.shifts),
        clock_jumps=tuple(jumps),
        findings=tuple(findings_of(activity, signals, details, clocks.shifts, jumps, len(log))),
        coverage=tuple(coverage_of(activity)),
        readiness=readiness_of(activity),
        losses=losses_of(activity, price_per_kwh),
        signal_gaps=signals.gaps,
        transitions=signals.transitions,
        stop_codes=signals.stop_codes,
        energy=signals.energy,
        mismatches=tuple(mismatches(log, plant, orders, until)),
        refusal=refusal_of(log, activity, details),
    )


def coverage_of(activity: Activity) -> Iterator[Coverage]:
    """What the log has of every work unit of the plant, seen or not."""
    table = activity.log.table
    grouped = dict(iter(table.groupby("work_unit", sort=False)))
    lots = activity.lots["work_unit"].value_counts()
    for unit in activity.plant.work_units:
        rows = grouped.get(unit.id)
        states = activity.units.get(unit.id)
        known = float(states.ends[-1] - states.starts[0]) if states else 0.0
        yield Coverage(
            unit.id,
            0 if rows is None else len(rows),
            None if rows is None else rows["time"].iloc[0].to_pydatetime(),
            None if rows is None else rows["time"].iloc[-1].to_pydatetime(),
            int(lots.get(unit.id, 0)),
            known / activity.minutes if activity.minutes else 0.0,
            0.0 if rows is None else _metered_share(rows, activity.minutes),
        )


def _metered_share(rows: Any, minutes: float) -> float:
    times = rows.loc[rows["event"] == "meter", "time"]
    if len(times) < 2 or not minutes:
        return 0.0
    gaps = times.diff().dt.total_seconds().iloc[1:] / 60
    covered = gaps[gaps <= 1.5 * gaps.median()].sum() + gaps.median()
    return float(min(covered / minutes, 1.0))


def refusal_of(log: EventLog, activity: Activity, details: list[SetAside]) -> str:
    """Why a log can carry no plan at all; empty when it can."""
    counts = {d.reason: d for d in details}
    considered = len(log) - sum(counts[r].count for r in (AFTER, DUPLICATE) if r in counts)
    if not len(log):
        return (
            "the log is empty; a plan needs the events of the last weeks: extract them again, or, "
            "from an event store, look at noria ingest --status"
        )
    if considered <= 0:
        return (
            f"no event before the cut-off {activity.moment(activity.until)}; "
            "extract earlier days or move the cut-off"
        )
    unknown = counts.get(UNKNOWN_UNIT)
    if unknown and unknown.count > MOST_UNKNOWN * considered:
        return (
            f"{unknown.count} of {considered} events are of work units the plant does not have "
            f"({unknown.example}); rename them in the plant or the MES, or check that the log "
            "belongs to this plant"
        )
    unused = [d for d in details if d.action == "set aside" and d.reason not in (AFTER, DUPLICATE)]
    dropped = sum(d.count for d in unused)
    if dropped > MOST_SET_ASIDE * considered:
        worst = max(unused, key=lambda d: d.count)
        return (
            f"{dropped} of {considered} events cannot be used, most of them for: {worst.reason} "
            f"({worst.example}); mend the extract"
        )
    if activity.lots.empty:
        return (
            "no lot has both a start and an end; without finished lots nothing is known about "
            "times and progress: extract start and end events"
        )
    return _stale(activity)


def _stale(activity: Activity) -> str:
    """Whether nothing but meters has spoken for days in which shifts were worked."""
    table = activity.log.table
    signs = table[table["event"].isin(["state", "start", "end"]) & (table["work_unit"] != "")]
    last = signs["time"].max().to_pydatetime()
    silent = (activity.until - last).total_seconds() / 60
    since = activity.minutes - silent
    opened = max(
        (o.working_minutes(since, activity.minutes) for o in activity.open_time.values()),
        default=0,
    )
    if silent <= STALE_HOURS * 60 or opened < STALE_OPEN_HOURS * 60:
        return ""
    return (
        f"the last sign of work is of {activity.moment(last)}, {silent / 60:.0f} h before the "
        f"cut-off {activity.moment(activity.until)}, with {opened / 60:.0f} h of shifts since; the "
        "state of the shop is unknown: extract the days up to the cut-off"
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}
