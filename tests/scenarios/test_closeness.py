"""Closeness says which twin is nearer to the true plant, and measures each plant for itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scenarios.closeness import INDICATORS, Closeness, closeness, table
from scenarios.demo import DATA, LOG_START, ZONE, true_plant
from scenarios.scenario import Case
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.state import ShopState, UnitState


@pytest.fixture(scope="module")
def nominal() -> Plant:
    return load_plant(DATA / "plant.yaml")


def case_of(plant: Plant) -> Case:
    """Eight orders, each of another product, through a calm shop of five days."""
    horizon = Horizon(LOG_START, 5 * 1440, ZONE.key)
    release = LOG_START
    orders = OrderBook(
        tuple(
            WorkOrder(
                str(n), product.id, product.lot_size, release, release + timedelta(days=3 + n % 2)
            )
            for n, product in enumerate(plant.products[:8])
        )
    )
    ones = np.ones(horizon.slots)
    forecast = Forecast(horizon, ones, 0.5 * ones, 0 * ones)
    recent = datetime(2026, 11, 1, tzinfo=UTC)
    units = {
        unit.id: UnitState(last_maintenance={task.id: recent for task in unit.maintenance})
        for unit in plant.work_units
    }
    state = ShopState(LOG_START, units=units)
    return Case(plant, orders, forecast, state)


@pytest.mark.parametrize(
    ("nominal_value", "calibrated_value", "closer"),
    [(8.0, 9.0, "calibrated"), (10.5, 12.0, "nominal"), (9.0, 11.0, "neither")],
)
def test_the_smaller_error_is_closer(
    nominal_value: float, calibrated_value: float, closer: str
) -> None:
    row = Closeness.of("flow time", "h", 10.0, nominal_value, calibrated_value)
    assert row.closer == closer
    assert (row.nominal_error, row.calibrated_error) == (nominal_value - 10, calibrated_value - 10)


def test_a_row_is_what_the_report_reads() -> None:
    row = asdict(Closeness.of("scrap", "share", 0.02, 0.01, 0.019))
    assert {"kpi", "unit", "true", "nominal", "calibrated", "closer"} <= row.keys()


def test_every_indicator_has_a_row() -> None:
    values = dict.fromkeys(INDICATORS, 1.0)
    assert [row.kpi for row in table(values, values, values)] == [n for n, _ in INDICATORS.values()]


def test_the_true_plant_as_its_own_twin_is_closer(nominal: Plant) -> None:
    """On what four replications of a calm shop can show: indicators with little luck in them."""
    truth = true_plant(nominal)
    rows = closeness(truth, nominal, case_of(truth), replications=4, seed=5, workers=1)
    closer = {row.kpi: row.closer for row in rows}
    for kpi in ("good pieces", "scrap", "setup", "energy", "energy per tonne", "carbon"):
        assert closer[kpi] == "calibrated", kpi


def test_the_same_seed_gives_the_same_rows(nominal: Plant) -> None:
    truth, case = true_plant(nominal), case_of(nominal)
    first, second = (
        closeness(truth, nominal, case, replications=1, seed=5, workers=1) for _ in range(2)
    )
    assert first == second
