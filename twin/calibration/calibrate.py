"""Every parameter of a plant from one log, and the plant with them put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from twin.calibration.activity import Activity, read_activity
from twin.calibration.cycle_times import cycle_time_estimates, with_cycle_times
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.calibration.failures import failure_estimates, is_learnt, with_failures
from twin.calibration.power import power_estimates, with_power
from twin.calibration.releases import release_estimates, with_releases
from twin.calibration.repairs import repair_estimates
from twin.calibration.report_times import report_time_estimates
from twin.calibration.routing import routing_estimates, with_routing
from twin.calibration.scrap import scrap_estimates, with_scrap
from twin.calibration.setups import setup_estimates, with_setups
from twin.model.events import EventLog
from twin.model.plant import Plant

Progress = Callable[[str, int, int], None]
"""Called with the step's name, steps done and steps in all."""

STEPS: dict[str, Callable[[Activity], Iterator[ParameterEstimate]]] = {
    "cycle times": cycle_time_estimates,
    "reports": report_time_estimates,
    "setups": setup_estimates,
    "scrap": scrap_estimates,
    "routing": routing_estimates,
    "failures": failure_estimates,
    "repairs": repair_estimates,
    "power": power_estimates,
    "releases": release_estimates,
}


def calibrate(
    log: EventLog, plant: Plant, until: datetime, progress: Progress | None = None
) -> Calibration:
    """Estimate every parameter that a log shows, each with its 95 % interval.

    Parameters
    ----------
    log
        A clean log: what :func:`~twin.calibration.diagnosis.diagnose` left of the plant's.
    until
        Cut-off; later events are not looked at.
    """
    activity = read_activity(log, plant, until)
    found: list[ParameterEstimate] = []
    for done, (name, step) in enumerate(STEPS.items()):
        if progress:
            progress(name, done, len(STEPS))
        if len(activity.log):
            found += step(activity)
    if progress:
        progress("done", len(STEPS), len(STEPS))
    position = {u.id: i for i, u in enumerate(plant.work_units)}
    found.sort(key=lambda e: position.get(e.work_unit, len(position)))
    return Calibration(
        plant=plant.id,
        source=log.source,
        begin=activity.begin if len(activity.log) else None,
        end=until,
        events=len(activity.log),
        estimates=tuple(estimate.rounded() for estimate in found),
        notes=tuple(kept_nominal(plant, found)),
    )


def kept_nominal(plant: Plant, estimates: list[ParameterEstimate]) -> Iterator[str]:
    """Sentences on what the log says nothing about, so that the plant file still speaks."""
    seen = {(e.quantity, e.work_unit) for e in estimates}
    wanted = {
        "processing_time": [u.id for u in plant.work_units],
        "setup_time": [u.id for u in plant.work_units if u.setup],
        "time_to_repair": [u.id for u in plant.work_units if u.failure_modes],
        "time_to_failure": [
            u.id for u in plant.work_units if any(is_learnt(m) for m in u.failure_modes)
        ],
        "power_kw": [u.id for u in plant.work_units],
    }
    for quantity, units in wanted.items():
        missing = [u for u in units if (quantity, u) not in seen]
        if missing:
            yield f"{quantity} as in the plant file, nothing seen: {', '.join(missing)}"
    others = [
        f"{u.id} {m.id}" for u in plant.work_units for m in u.failure_modes if not is_learnt(m)
    ]
    if others:
        yield (
            "failures as in the plant file, as a log does not show their lives (degradation, "
            "common cause, chance repair, seen late): " + ", ".join(others)
        )


def calibrated(plant: Plant, calibration: Calibration) -> Plant:
    """The plant with the estimates put in; what was not estimated stays as it is."""
    by_unit: dict[str, list[ParameterEstimate]] = {}
    for estimate in calibration.estimates:
        by_unit.setdefault(estimate.work_unit, []).append(estimate)
    units = []
    for unit in plant.work_units:
        estimates = by_unit.get(unit.id, [])
        for put_in in (with_cycle_times, with_setups, with_scrap, with_failures, with_power):
            unit = put_in(unit, estimates)
        units.append(unit)
    plant = plant.model_copy(update={"work_units": units})
    plant = with_routing(plant, calibration.estimates)
    return with_releases(plant, calibration.estimates)
