"""The twin's parameters follow the plant: a champion in force, and every night a challenger.

The *champion* are the parameters that the last published night had in force. Every night a
*challenger* is fitted to the log's last weeks. It takes the champion's place unless it lost a duel:

* Both forecast each of the last days (:mod:`scenarios.duel`). What forecasts for the challenger was
  fitted by the same procedure, but only to the log before these days.
* It has lost where its error is above the champion's beyond the noise (the 90 % interval of the
  ratio lies above 1, or a little higher where the champion was itself fitted to days of the duel),
  or where it comes out worse by more than a tenth, proven or not. Otherwise it is accepted: of two
  sets that foresee equally well the one that knows the plant of today is to be preferred. So a fit
  that has gone wrong does not get in, and a champion does not grow old for want of proof.
* Once accepted, the challenger that goes in force is the one fitted up to the cut-off.

What the window says nothing about keeps the champion's value, which it had from an older window.
Beyond that the champion is no prior of the challenger's: nearly all of its data are in the window
too and would count twice. The plant file's values are the prior of both, and shown as *nominal*.

Cycle times have an alarm of their own (:mod:`twin.calibration.drift`). Where one drifts and goes on
doing so, the challenger takes that operation's times from the lots since, and the duel is about the
days since, three at least: what came before says nothing about the plant of today. Such a change is
remembered until the window has passed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from scenarios import parameter_store
from scenarios.backtest import LEAST_DAYS, LEAST_SHARE
from scenarios.backtest_inputs import orders_of_log, without_sources
from scenarios.duel import Duel, duel
from scenarios.inputs import Inputs
from scenarios.parameter_store import Champion, Night, fingerprint
from scenarios.run import Progress
from scenarios.settings import ReplanConfig
from twin.calibration.activity import read_activity
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.cycle_times import cycle_time_estimates
from twin.calibration.drift import Drift, Place, drifts
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.model.events import EventLog
from twin.model.plant import Plant

DAY = timedelta(days=1)
FEWEST_DAYS = 3
"""Of a duel: two days' differences give no interval worth the name."""
LOTS_SINCE = 20
"""Lots since a drift began from which an operation's times are taken from these alone."""
OF_THE_OPERATION = ("processing_cv", "micro_stop", "transit")
"""Quantities that stand or fall with the processing times of an operation."""


@dataclass(frozen=True)
class Updated:
    """The parameters in force tonight, and how that came."""

    night: Night
    calibration: Calibration
    """In force."""
    earlier: tuple[Night, ...]
    """The nights before, the latest last."""

    @property
    def nights(self) -> tuple[Night, ...]:
        return (*self.earlier, self.night)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return {
            "in_force": self.night.to_dict(),
            "history": [night.to_dict() for night in self.earlier],
        }


def update(config: ReplanConfig, inputs: Inputs, clean: EventLog, progress: Progress) -> Updated:
    """Decide which parameters are in force tonight; nothing is written."""
    cut_off, plant = inputs.cut_off, inputs.plant
    progress("calibrate the twin", 0, 1)
    before = None
    if config.discover is None:
        before = parameter_store.champion(config.archive, cut_off)
    own = before if before and before.plant == fingerprint(plant) else None
    tonights = challenge(config, clean, plant, own, cut_off)
    challenger = tonights.calibration
    night = Night(
        cut_off, "first", _why_first(config, before), cut_off,
        (challenger.begin or cut_off, cut_off), fingerprint(plant), drifts=tonights.drifts,
        changes=tonights.changes, calibration=challenger,
    )  # fmt: skip
    if own is not None:
        night = _decided(night, _duel(config, inputs, clean, own, tonights.changes, progress), own)
    earlier = parameter_store.history(config.archive, cut_off)
    return Updated(night, night.calibration or _of(own), earlier)


def _of(champion: Champion | None) -> Calibration:
    assert champion is not None
    return champion.calibration


def _why_first(config: ReplanConfig, before: Champion | None) -> str:
    if config.discover is not None:
        return "the plant itself is discovered anew every night, its parameters with it"
    if before is not None:
        return "the plant's description has changed: earlier parameters belong to another one"
    return "no earlier night has published: there is nothing to compare with"


def _decided(night: Night, outcome: Duel | None, champion: Champion) -> Night:
    """The night after the duel."""
    if outcome is None:
        why = f"no duel: the log is too short for one of {FEWEST_DAYS} days; the newer are taken"
        return replace(night, verdict="accepted", why=why)
    ratio = (
        f"error {outcome.ratio:.3f} of the champion's (90 %: {outcome.low:.3f} to "
        f"{outcome.high:.3f}) over {len(outcome.days)} days"
    )
    if seen := len(outcome.days) - outcome.unseen:
        ratio += f", {seen} of which the champion had been fitted to"
    if outcome.is_lost:
        if outcome.limit > 1:
            ratio += f" ({outcome.limit:.3f} would be allowed for that)"
        return replace(
            night, verdict="kept", why=f"the challenger lost: {ratio}", since=champion.since,
            duel=outcome, calibration=None,
        )  # fmt: skip
    how = "the challenger won" if outcome.is_won else "no worse within the noise, and newer"
    return replace(night, verdict="accepted", why=f"{how}: {ratio}", duel=outcome)


def _duel(
    config: ReplanConfig,
    inputs: Inputs,
    clean: EventLog,
    champion: Champion,
    changes: Sequence[Drift],
    progress: Progress,
) -> Duel | None:
    """None where the log is too short."""
    cut_off = inputs.cut_off
    count = duel_days(config, clean, changes, cut_off)
    if count < FEWEST_DAYS:
        return None
    plant = without_sources(inputs.plant)
    days = [cut_off - n * DAY for n in range(count, 0, -1)]
    then = challenge(config, clean, plant, champion, days[0]).calibration
    return duel(
        clean,
        (calibrated(plant, champion.calibration), calibrated(plant, then)),
        orders_of_log(clean, plant, inputs.orders),
        days,
        sum(day >= champion.calibration.end for day in days),
        seed=config.seed,
        progress=progress,
    )


def duel_days(
    config: ReplanConfig, clean: EventLog, changes: Sequence[Drift], cut_off: datetime
) -> int:
    """Days of a duel: as configured, those since the last change was noticed, what the log has."""
    count = config.calibration.duel_days
    if changes:
        noticed = max(change.raised for change in changes)
        count = min(count, max((cut_off - noticed) // DAY, FEWEST_DAYS))
    begin: datetime = clean.table["time"].min().to_pydatetime()
    learnt_from = max((cut_off - begin) * LEAST_SHARE, timedelta(days=LEAST_DAYS))
    return min(count, (cut_off - begin - learnt_from) // DAY)


@dataclass(frozen=True)
class Challenger:
    """What is fitted at an instant."""

    calibration: Calibration
    drifts: tuple[Drift, ...] = ()
    """Alarms against the champion, by then."""
    changes: tuple[Drift, ...] = ()
    """Lasting drifts inside the window, those the champion knew of included."""


def challenge(
    config: ReplanConfig, clean: EventLog, plant: Plant, champion: Champion | None, at: datetime
) -> Challenger:
    """Fit the log's last weeks before an instant, knowing what had drifted from the champion."""
    begin = at - config.calibration.window_days * DAY
    window = since(clean.until(at), begin)
    fresh = calibrate(window, plant, at)
    if champion is None:
        return Challenger(fresh)
    behind = champion.calibration
    known = {d.place: d for d in champion.changes if begin < d.since < at}
    found = drifts(
        read_activity(window, plant, at), behind,
        min(behind.end, at - config.calibration.duel_days * DAY),
        {place: change.since for place, change in known.items()},
    )  # fmt: skip
    latest = {d.place: d for d in reversed(found) if d.is_lasting}
    changes = known | latest
    renewed = replace(fresh, estimates=tuple(_renewed(fresh, window, plant, changes, at)))
    return Challenger(carried_over(renewed, behind), tuple(found), tuple(changes.values()))


def since(log: EventLog, begin: datetime) -> EventLog:
    """Events from an instant on."""
    return EventLog(log.table[log.table["time"] >= pd.Timestamp(begin)], log.source)


def _renewed(
    fresh: Calibration, window: EventLog, plant: Plant, changes: Mapping[Place, Drift], at: datetime
) -> Iterator[ParameterEstimate]:
    """Estimates with the operations that have changed fitted to the lots since."""
    new = {place: _fitted_since(change, window, plant, at) for place, change in changes.items()}
    for e in fresh.estimates:
        own = new.get((e.work_unit, _operation(e)), [])
        if not own:
            yield e
        elif e.quantity == "processing_time" and all(o.key != e.key for o in own):
            yield e  # a product not made since
        elif e.quantity == "transit" and all(o.quantity != "transit" for o in own):
            yield e
    for rows in new.values():
        yield from (row.rounded() for row in rows)


def _fitted_since(
    drift: Drift, window: EventLog, plant: Plant, at: datetime
) -> list[ParameterEstimate]:
    """Cycle times of one operation of a unit by the lots since its drift; none for too few."""
    log = since(window, drift.since)
    log = EventLog(log.table[log.table["work_unit"] == drift.work_unit], log.source)
    said = f"from the lots since the drift of {drift.since:%Y-%m-%d %H:%M} UTC"
    rows = [
        replace(e, note="; ".join(filter(None, [said, e.note])))
        for e in cycle_time_estimates(read_activity(log, plant, at))
        if e.work_unit == drift.work_unit and _operation(e) == drift.operation
    ]
    lots = sum(e.n for e in rows if e.quantity == "processing_time")
    return rows if lots >= LOTS_SINCE else []


def carried_over(fresh: Calibration, older: Calibration) -> Calibration:
    """Estimates with those of an older calibration about which the log now says nothing."""
    known = {_subject(e) for e in fresh.estimates}
    operations = {
        (e.work_unit, _operation(e)) for e in fresh.estimates if e.quantity == "processing_time"
    }
    said = f"nothing seen since; from the parameters of {older.end:%Y-%m-%d}"
    kept = [
        e if "nothing seen since" in e.note else replace(e, note="; ".join([said, e.note]))
        for e in older.estimates
        if _subject(e) not in known
        and e.quantity != "interarrival"
        and not (e.quantity in OF_THE_OPERATION and (e.work_unit, _operation(e)) in operations)
    ]
    return replace(fresh, estimates=(*fresh.estimates, *kept))


def _subject(e: ParameterEstimate) -> tuple[str, str, str]:
    """What an estimate cannot be mixed within: a unit's setups are fitted together, and the
    shares of one operation's routes add up to 1."""
    if e.quantity in ("setup_time", "setup_ratio"):
        return "setups", e.work_unit, ""
    if e.quantity == "routing":
        return e.quantity, e.work_unit, e.key.partition(" → ")[0]
    return e.quantity, e.work_unit, e.key


def _operation(e: ParameterEstimate) -> str:
    """Operation of a cycle time's estimate; empty for others."""
    if e.quantity == "processing_time":
        return e.key.partition("/")[0]
    return e.key if e.quantity in OF_THE_OPERATION else ""
