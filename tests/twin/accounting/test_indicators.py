"""Indicators from an engine's totals are those that are counted from the log of the same run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.twin.accounting.conftest import HORIZON, flat_forecast, hand_made_orders, small_plant
from tests.twin.accounting.test_kpi import OPEN, ROWS, log_of
from twin.accounting.indicators import (
    Key,
    known_figures,
    no_totals,
    observe,
    plant_indicators,
    times_of,
    work_unit_indicators,
)
from twin.accounting.kpi import plant_kpis, work_unit_kpis
from twin.model.compiled import STATE_INDEX, CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import load_plant
from twin.model.state import ShopState, UnitState
from twin.simulation.engines import EngineChoice, build_engine
from twin.simulation.experiment import Experiment
from twin.simulation.log import event_log
from twin.simulation.result import Totals

MINUTE = 60_000_000
EXAMPLES = Path(__file__).resolve().parents[3] / "data" / "plants"


@pytest.fixture(scope="module")
def plant() -> CompiledPlant:
    return compile_plant(small_plant(), HORIZON)


def totals_of_the_rows(plant: CompiledPlant) -> Totals:
    """What an engine would have counted of the log written by hand in ``test_kpi``."""
    found = no_totals(plant, hand_made_orders())
    in_state = {"off": 60 + 2880 - 1050, "setup": 30, "working": 120, "down": 10, "repair": 30,
                "blocked": 20, "standby": 690, "maintenance": 90}  # fmt: skip
    in_open = {**in_state, "off": 1020 - 1050 + 30 + 960, "maintenance": 60}
    for state, minutes in in_state.items():
        found.state_ticks[0, STATE_INDEX[state]] = minutes * MINUTE  # type: ignore[index]
        found.open_ticks[0, STATE_INDEX[state]] = in_open[state] * MINUTE  # type: ignore[index]
    found.unit_good[0], found.unit_scrap[0] = 8900, 100
    found.planned_minutes[0] = 9000 * 0.4 / 60
    return found


def test_the_hand_written_log_and_its_totals_agree(plant: CompiledPlant) -> None:
    ours = work_unit_indicators(totals_of_the_rows(plant), plant)["P-1"]
    theirs = work_unit_kpis(log_of(*ROWS), plant)["P-1"]
    assert vars(ours) == pytest.approx(vars(theirs), rel=1e-12)
    assert ours.planned_busy == OPEN - 60


def test_planned_time_before_the_end_of_the_warm_up_does_not_count(plant: CompiledPlant) -> None:
    busy = times_of(no_totals(plant, OrderBook()), plant, warm_up=1000.0).planned_busy
    assert busy[plant.unit_index["P-1"]] == 20 + 960
    assert busy[plant.unit_index["F-1"]] == 1880


def totals_and_log(experiment: Experiment, engine: EngineChoice) -> tuple[Totals, EventLog]:
    result = build_engine(experiment, engine).run(0, trace=True)
    assert result.trace is not None
    return result.totals, event_log(result.trace, experiment, "test")


def orders_of(plant: CompiledPlant, n: int) -> OrderBook:
    start = plant.horizon.start
    return OrderBook(
        tuple(
            WorkOrder(
                f"O{i}", plant.product_ids[i % len(plant.product_ids)], 9_000 + 1_000 * i,
                start + timedelta(hours=2 * i), start + timedelta(hours=48 + 2 * i),
            )
            for i in range(n)
        )
    )  # fmt: skip


def small_week() -> Experiment:
    plant = compile_plant(small_plant(), Horizon(HORIZON.start, 7 * 1440, HORIZON.timezone))
    orders = orders_of(plant, 24)
    return Experiment(
        plant, orders, ShopState(HORIZON.start), seed=3, forecast=flat_forecast(plant.horizon)
    )


def example(name: str, days: float) -> Experiment:
    described = load_plant(EXAMPLES / name)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    plant = compile_plant(described, Horizon(start, int(days * 1440), described.timezone))
    units = {
        unit.id: UnitState(last_maintenance={task.id: start for task in unit.maintenance})
        for unit in described.work_units
    }
    forecast = flat_forecast(plant.horizon)
    return Experiment(plant, OrderBook(), ShopState(start, units=units), seed=5, forecast=forecast)


@pytest.mark.parametrize("engine", ["simpy", "kernel"])
@pytest.mark.parametrize(
    "experiment",
    [small_week(), example("line.yaml", 0.5), example("network.yaml", 1)],
    ids=["small", "line", "network"],
)
def test_totals_and_log_of_one_run_give_the_same_indicators(
    engine: EngineChoice, experiment: Experiment
) -> None:
    totals, log = totals_and_log(experiment, engine)
    plant, forecast, orders = experiment.plant, experiment.forecast, experiment.orders
    ours, theirs = work_unit_indicators(totals, plant), work_unit_kpis(log, plant)
    for id in plant.unit_ids:
        assert vars(ours[id]) == pytest.approx(vars(theirs[id]), rel=1e-9, abs=1e-9), id
    found = plant_indicators(totals, plant, forecast, orders)
    counted = plant_kpis(log, plant, forecast, orders)
    assert found["good_pieces"] > 0
    assert {name: found[name] for name in counted} == pytest.approx(
        counted, rel=1e-9, abs=1e-9, nan_ok=True
    )


def test_every_figure_is_known_before_anything_is_run(plant: CompiledPlant) -> None:
    orders, forecast = hand_made_orders(), flat_forecast()
    known = known_figures(plant, forecast, orders)
    assert set(observe(totals_of_the_rows(plant), plant, forecast, orders)) == set(known)
    assert Key("plant", "", "carbon_kg") in known
    assert Key("work_unit", "P-1", "oee") in known
    assert Key("failure_mode", "P-1/spindle", "failures") in known
    assert Key("crew", "MECH", "utilisation") in known


def test_hourly_rates_are_of_the_time_after_the_warm_up(plant: CompiledPlant) -> None:
    done = no_totals(plant, OrderBook())
    done.completed[0], done.completed_jobs[0], done.flow_ticks[0] = 600, 2, 300 * MINUTE
    done.inside_area[0] = 1440 * MINUTE
    found = observe(done, plant, None, OrderBook(), warm_up=1440.0)
    assert found[Key("plant", "", "throughput_per_h")] == 600 / 24
    assert found[Key("product", plant.product_ids[0], "wip_jobs")] == 1.0
    assert found[Key("plant", "", "flow_time_h")] == 2.5


def test_the_base_load_is_priced_from_the_end_of_the_warm_up(plant: CompiledPlant) -> None:
    found = plant_indicators(no_totals(plant, OrderBook()), plant, flat_forecast(), OrderBook(), 5)
    hours = (2880 - 5) / 60
    assert found["energy_kwh"] == pytest.approx(40 * hours)
    assert found["energy_cost"] == pytest.approx(40 * hours)
    assert found["carbon_kg"] == pytest.approx(20 * hours)


def test_an_order_without_end_is_late_only_when_it_was_due(plant: CompiledPlant) -> None:
    orders = hand_made_orders()  # due at 240, 2000, 2000, 2000
    done = no_totals(plant, orders)
    done.order_complete[1] = 1999 * MINUTE
    assert plant_indicators(done, plant, None, orders)["orders_on_time"] == 1.0
    later = replace(orders["O4"], due_date=HORIZON.end + timedelta(hours=1))
    book = OrderBook((*list(orders)[:3], later))
    assert plant_indicators(done, plant, None, book)["orders_on_time"] == 2.0


def test_vehicles_are_shared_out_over_the_whole_run() -> None:
    network = load_plant(Path(__file__).parents[3] / "data" / "plants" / "network.yaml")
    compiled = compile_plant(network, HORIZON)
    done = no_totals(compiled, OrderBook())
    done.vehicle_ticks[0] = np.int64(1440 * MINUTE)  # of 2880 min, with two vehicles
    found = observe(done, compiled, None, OrderBook())
    assert found[Key("transport", "AGV", "busy_vehicles")] == 0.5
    assert found[Key("transport", "AGV", "utilisation")] == 0.25


def test_people_are_shared_out_over_their_time_on_duty(plant: CompiledPlant) -> None:
    done = no_totals(plant, OrderBook())
    done.crew_ticks[0] = np.int64(480 * MINUTE)
    found = observe(done, plant, None, OrderBook())
    assert found[Key("crew", "MECH", "utilisation")] == 480 / OPEN
    assert found[Key("crew", "MECH", "busy_people")] == 480 / 2880
