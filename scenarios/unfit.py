"""Whether the data can carry a plan tonight: not too old, not too poor, not half of it missing."""

from __future__ import annotations

import numpy as np

from scenarios.inputs import Inputs
from scenarios.settings import ReplanConfig
from twin.calibration.activity import Activity, read_activity
from twin.calibration.completeness import half_empty
from twin.calibration.diagnosis import Diagnosis
from twin.errors import StaleData, UnfitData

LEAST_OPEN_H = 1.0
"""Hours of shifts without an event from which a log that is too old counts as such: over a weekend
off nothing is to be reported. Of a furnace or two that are never closed nothing is expected."""


def refuse_unfit(config: ReplanConfig, inputs: Inputs, diagnosis: Diagnosis) -> None:
    """Raise what keeps a plan from being made.

    Raises
    ------
    StaleData
        When the last event is too old and a shift was worked since.
    UnfitData
        When the log is too poor, or its last shifts are half empty; the message says what of it.
    """
    if error := unfit(config, inputs, diagnosis):
        raise error


def unfit(config: ReplanConfig, inputs: Inputs, diagnosis: Diagnosis) -> UnfitData | None:
    """Why the data can carry no plan; None when they can."""
    source = inputs.log.source or "the log"
    activity = read_activity(diagnosis.clean, inputs.plant, inputs.cut_off)
    if len(diagnosis.clean) and (why := _stale(activity, config.stale_after_h)):
        return StaleData(f"{source}: {why}")
    if diagnosis.refusal:
        return UnfitData(f"{source}: {diagnosis.refusal}")
    if config.least_activity and (why := half_empty(activity, config.least_activity)):
        return UnfitData(f"{source}: {why}, or lower least_activity where this is as it should be")
    return None


def _stale(activity: Activity, most_h: float) -> str:
    """Whether nothing has come for longer than allowed, with a shift worked since."""
    last = activity.log.table["time"].max().to_pydatetime()
    age_h = (activity.until - last).total_seconds() / 3600
    if age_h <= most_h:
        return ""
    since = activity.minutes - age_h * 60
    opened = [o.working_minutes(since, activity.minutes) for o in activity.open_time.values()]
    open_h = float(np.median(opened)) / 60 if opened else age_h
    if open_h < LEAST_OPEN_H:
        return ""
    return (
        f"the last event is {age_h:.1f} h older than the cut-off {activity.until.isoformat()}, "
        f"with {open_h:.1f} h of shifts since on most work units; at most {most_h:g} h is allowed; "
        "bring the log up to date or raise stale_after_h"
    )
