"""Who is closer to the true plant: the twin as described, or the twin after calibration?

Only where the truth is known, as in the demonstration. The same orders run from the same state
under the same policy through three plants, many times each; the truth has its own luck. An
indicator is compared by its mean over the replications.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

from scenarios.scenario import Case
from twin.accounting.kpi import plant_kpis
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.plant import Plant

if TYPE_CHECKING:
    from scenarios.run import Progress

INDICATORS: dict[str, tuple[str, str]] = {
    "good_pieces": ("good pieces", "pieces"),
    "flow_time_h": ("flow time", "h"),
    "availability": ("availability", ""),
    "oee": ("OEE", ""),
    "scrap_share": ("scrap", "share"),
    "setup_h": ("setup", "h"),
    "failures": ("failures", ""),
    "repair_h": ("repair", "h"),
    "energy_kwh": ("energy", "kWh"),
    "kwh_per_tonne": ("energy per tonne", "kWh/t"),
    "carbon_kg": ("carbon", "kgCO2e"),
}
"""What is compared: name and unit. Not the number of orders: all three plants finish nearly all."""

OTHER_LUCK = 1_000_003
"""Added to the seed for the true plant, whose breakdowns nobody can foresee."""


@dataclass(frozen=True)
class Closeness:
    """One indicator of the true plant and of both twins."""

    kpi: str
    unit: str
    true: float
    nominal: float
    calibrated: float
    nominal_error: float
    """Signed, in the unit of the indicator."""
    calibrated_error: float
    closer: str
    """*calibrated*, *nominal* or, when both are equally far, *neither*."""

    @staticmethod
    def of(kpi: str, unit: str, true: float, nominal: float, calibrated: float) -> Closeness:
        errors = nominal - true, calibrated - true
        gain = abs(errors[0]) - abs(errors[1])
        closer = "calibrated" if gain > 0 else "nominal" if gain < 0 else "neither"
        return Closeness(kpi, unit, true, nominal, calibrated, *errors, closer)


def closeness(
    true: Plant,
    nominal: Plant,
    case: Case,
    *,
    replications: int = 40,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Closeness]:
    """Indicators of the true plant, the nominal twin and the calibrated twin (``case.plant``).

    The case's orders start from its state under earliest due date and calendar maintenance.
    """
    simulated = partial(
        mean_kpis, standard=nominal, case=case, replications=replications, workers=workers,
        progress=progress,
    )  # fmt: skip
    truth = simulated(true, seed=seed + OTHER_LUCK, name="true plant")
    described = simulated(nominal, seed=seed, name="nominal twin")
    calibrated = simulated(case.plant, seed=seed, name="calibrated twin")
    return table(truth, described, calibrated)


def table(
    true: Mapping[str, float], nominal: Mapping[str, float], calibrated: Mapping[str, float]
) -> list[Closeness]:
    """Rows for the indicators that all three have."""
    return [
        Closeness.of(name, unit, true[key], nominal[key], calibrated[key])
        for key, (name, unit) in INDICATORS.items()
        if key in true
    ]


def mean_kpis(
    plant: Plant,
    *,
    standard: Plant,
    case: Case,
    replications: int,
    seed: int,
    workers: int | None,
    progress: Progress | None,
    name: str,
) -> dict[str, float]:
    """Mean of each indicator over the replications of one plant."""
    from twin.simulation.simulate import replicate

    compiled = compile_plant(plant, case.horizon)
    measure = partial(
        kpis_of, plant=compiled, standard=compile_plant(standard, case.horizon),
        forecast=case.forecast, orders=case.orders,
    )  # fmt: skip
    results = replicate(
        compiled, case.orders, measure, state=case.state, seed=seed, replications=replications,
        workers=workers, progress=progress and partial(progress, f"closeness: {name}"),
    )  # fmt: skip
    return _means(results)


def kpis_of(
    log: EventLog,
    plant: CompiledPlant,
    standard: CompiledPlant,
    forecast: Forecast,
    orders: OrderBook,
) -> dict[str, float]:
    """Indicators of one log. OEE is against the described times, one standard for all plants."""
    return {
        **plant_kpis(log, plant, forecast, orders),
        "oee": plant_kpis(log, standard, None, orders)["oee"],
    }


def _means(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: fmean(result[key] for result in results) for key in results[0]}
