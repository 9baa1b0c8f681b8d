"""ISO 22400 indicators and plant figures of a log written by hand, counted on paper."""

import math
from typing import Any

import pytest

from tests.twin.accounting.conftest import (
    HORIZON,
    flat_forecast,
    hand_made_orders,
    minute,
    small_plant,
)
from twin.accounting.kpi import (
    failure_rows,
    indicators,
    log_energy,
    maintenance_rows,
    plant_kpis,
    state_minutes,
    unit_times,
    work_unit_kpis,
)
from twin.accounting.log_view import LogView, view
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import STATES

OPEN = 2 * 16 * 60.0
"""Two day shifts, Monday and Tuesday, from minutes 60 and 1500."""


def state(at: float, unit: str, state: str, **more: str) -> dict[str, Any]:
    return {"time": minute(at), "work_unit": unit, "event": "state", "state": state, **more}


def lot_end(
    at: float, unit: str, order: str, good: float, scrap: float, **more: str
) -> dict[str, Any]:
    row = {"time": minute(at), "work_unit": unit, "event": "end", "order": order, "product": "A"}
    return {**row, "operation": "press", "quantity": good, "scrap": scrap, **more}


ROWS = [
    {"time": minute(30), "event": "release", "order": "O1", "product": "A", "quantity": 9000},
    state(0, "P-1", "off"),
    state(60, "P-1", "setup", order="O1", operation="press", product="A"),
    state(90, "P-1", "working", order="O1", operation="press", product="A"),
    state(150, "P-1", "down", reason="spindle"),
    state(160, "P-1", "repair", reason="spindle"),
    state(190, "P-1", "working", order="O1", operation="press", product="A"),
    lot_end(250, "P-1", "O1", good=8900, scrap=100),
    state(250, "P-1", "blocked"),
    state(270, "P-1", "standby"),
    state(960, "P-1", "maintenance", reason="service"),  # one hour on shift, half an hour after
    state(1050, "P-1", "off"),
    {"time": minute(270), "event": "complete", "order": "O1", "product": "A", "quantity": 8900},
]


@pytest.fixture(scope="module")
def plant() -> CompiledPlant:
    return compile_plant(small_plant(), HORIZON)


def log_of(*rows: dict[str, Any]) -> EventLog:
    return EventLog.of(rows)


@pytest.fixture
def seen(plant: CompiledPlant) -> LogView:
    return view(log_of(*ROWS), plant)


def test_production_setup_and_delay_are_times_of_their_states(plant: CompiledPlant) -> None:
    found = work_unit_kpis(log_of(*ROWS), plant)["P-1"]
    assert (found.production, found.setup, found.delay) == (120.0, 30.0, 60.0)


def test_planned_busy_time_is_open_time_less_maintenance_in_it(plant: CompiledPlant) -> None:
    assert work_unit_kpis(log_of(*ROWS), plant)["P-1"].planned_busy == OPEN - 60


def test_planned_busy_time_is_production_setup_delay_and_down_time(plant: CompiledPlant) -> None:
    found = work_unit_kpis(log_of(*ROWS), plant)["P-1"]
    assert found.production + found.setup + found.delay + found.down == found.planned_busy


def test_oee_is_availability_times_effectiveness_times_quality(plant: CompiledPlant) -> None:
    found = work_unit_kpis(log_of(*ROWS), plant)["P-1"]
    assert found.availability == pytest.approx(120 / 1860)
    assert found.effectiveness == pytest.approx(60 / 120)  # 9000 pieces at 0.4 s
    assert found.quality_ratio == pytest.approx(8900 / 9000)
    assert found.oee == pytest.approx(120 / 1860 * 0.5 * 8900 / 9000)


def test_a_repair_off_shift_is_no_delay(plant: CompiledPlant) -> None:
    rows = [state(0, "P-1", "off"), state(1000, "P-1", "repair"), state(1200, "P-1", "off")]
    assert work_unit_kpis(log_of(*rows), plant)["P-1"].delay == 20.0


def test_maintenance_by_night_costs_no_availability(plant: CompiledPlant) -> None:
    rows = [state(0, "P-1", "off"), state(1100, "P-1", "maintenance"), state(1190, "P-1", "off")]
    assert work_unit_kpis(log_of(*rows), plant)["P-1"].planned_busy == OPEN


def test_a_unit_without_production_has_no_effectiveness(plant: CompiledPlant) -> None:
    found = work_unit_kpis(log_of(*ROWS), plant)["P-2"]
    assert found.availability == 0.0
    assert (found.effectiveness, found.quality_ratio, found.oee) == (None, None, None)


@pytest.mark.parametrize(
    ("unit", "operation", "pieces", "minutes"),
    [
        ("P-1", "press", [9000, 3000], 80.0),  # 0.4 s a piece
        ("F-1", "harden", [50000, 100], 160.0),  # 80 min a load, full or not
        ("K-1", "pack", [9000], 6.0),  # 4 s a kg
    ],
)
def test_planned_runtime_follows_the_basis_of_the_processing(
    plant: CompiledPlant, unit: str, operation: str, pieces: list[float], minutes: float
) -> None:
    ends = [lot_end(200, unit, "O1", n, 0, operation=operation) for n in pieces]
    runtime = unit_times(view(log_of(*ends), plant)).planned_runtime
    assert runtime[plant.unit_index[unit]] == pytest.approx(minutes)


def test_transit_counts_once_for_each_batch() -> None:
    small = small_plant()
    row = small.unit("F-1").processing[0].model_copy(update={"transit": 25.0})
    belt = small.unit("F-1").model_copy(update={"processing": [row]})
    units = [belt if u.id == "F-1" else u for u in small.work_units]
    plant = compile_plant(small.model_copy(update={"work_units": units}), HORIZON)
    ends = [lot_end(200 + n, "F-1", f"O{n // 2}", 10, 0, operation="harden") for n in range(4)]
    runtime = unit_times(view(log_of(*ends), plant)).planned_runtime
    assert runtime.sum() == pytest.approx(4 * 80 + 2 * 25)


def test_states_are_cut_at_the_ends_of_the_horizon(plant: CompiledPlant) -> None:
    rows = [state(-500, "K-1", "working"), state(100, "K-1", "standby"), state(3000, "K-1", "off")]
    minutes = state_minutes(view(log_of(*rows), plant))[plant.unit_index["K-1"]]
    assert minutes[STATES.index("working")] == 100.0
    assert minutes.sum() == HORIZON.minutes


def test_minutes_of_a_unit_heard_of_at_minute_0_fill_the_horizon(seen: LogView) -> None:
    assert state_minutes(seen)[0].sum() == pytest.approx(HORIZON.minutes, rel=1e-12)


def test_events_of_one_instant_keep_their_order(plant: CompiledPlant) -> None:
    rows = [state(0, "K-1", "off"), state(60, "K-1", "setup"), state(60, "K-1", "working")]
    minutes = state_minutes(view(log_of(*rows), plant))[plant.unit_index["K-1"]]
    assert minutes[STATES.index("setup")] == 0.0
    assert minutes[STATES.index("working")] == 2820.0


def test_a_log_out_of_order_gives_the_same_figures(plant: CompiledPlant) -> None:
    ours, theirs = (
        plant_kpis(log_of(*rows), plant, flat_forecast(), hand_made_orders())
        for rows in (ROWS, ROWS[::-1])
    )
    assert ours == theirs


def test_energy_follows_the_states(plant: CompiledPlant, seen: LogView) -> None:
    minutes_at_kw = {30.0: 120, 5.0: 30, 2.0: 40, 4.0: 20 + 690}
    off = 2880 - sum(minutes_at_kw.values())
    expected = (sum(kw * m for kw, m in minutes_at_kw.items()) + 0.2 * off) / 60
    assert log_energy(seen)[0].sum() == pytest.approx(expected, rel=1e-12)


def test_energy_by_unit_is_energy_by_slot(plant: CompiledPlant, seen: LogView) -> None:
    energy = log_energy(seen)
    by_state = (state_minutes(seen)[0] * plant.power_kw[0]).sum() / 60
    assert energy[0].sum() == pytest.approx(by_state, rel=1e-12)


def test_a_unit_never_heard_of_draws_off_power(seen: LogView) -> None:
    assert log_energy(seen)[1].sum() == pytest.approx(0.2 * 48)


def test_down_and_repair_of_one_mode_are_one_failure(seen: LogView) -> None:
    assert len(failure_rows(seen)) == 1


def test_two_modes_in_a_row_are_two_failures(plant: CompiledPlant) -> None:
    rows = [
        state(0, "F-1", "working"),
        state(10, "F-1", "repair", reason="heater"),
        state(20, "F-1", "down", reason="fan"),
        state(30, "F-1", "repair", reason="fan"),
    ]
    assert len(failure_rows(view(log_of(*rows), plant))) == 2


def test_a_repair_under_way_at_the_cut_off_is_no_new_failure(plant: CompiledPlant) -> None:
    rows = [state(0, "P-1", "repair", reason="spindle"), state(40, "P-1", "off")]
    assert len(failure_rows(view(log_of(*rows), plant), frozenset({0}))) == 0


def test_failures_before_and_after_the_horizon_are_not_counted(plant: CompiledPlant) -> None:
    rows = [
        state(-100, "P-1", "off"),
        state(-50, "P-1", "repair", reason="spindle"),
        state(10, "P-1", "off"),
        state(2900, "P-1", "repair", reason="spindle"),
    ]
    assert len(failure_rows(view(log_of(*rows), plant))) == 0


def test_maintenance_is_counted_where_it_begins(seen: LogView) -> None:
    assert seen.stays.start[maintenance_rows(seen)].tolist() == [960.0]


def test_rows_of_unknown_units_are_left_out(plant: CompiledPlant) -> None:
    strange = log_of(*ROWS, state(5, "X-9", "working"), lot_end(9, "X-9", "O1", 5, 5))
    same = plant_kpis(log_of(*ROWS), plant, None, hand_made_orders())
    assert plant_kpis(strange, plant, None, hand_made_orders()) == same


def test_plant_figures_are_those_counted_by_hand(plant: CompiledPlant) -> None:
    kpis = plant_kpis(log_of(*ROWS), plant, flat_forecast(), hand_made_orders())
    assert kpis["orders_completed"] == 1
    assert kpis["good_pieces"] == 8900
    assert kpis["flow_time_h"] == pytest.approx((270 - 30) / 60)
    assert kpis["scrap_share"] == pytest.approx(100 / 9000)
    assert (kpis["setup_h"], kpis["repair_h"], kpis["failures"]) == (0.5, 0.5, 1)
    assert kpis["kwh_per_tonne"] == pytest.approx(kpis["energy_kwh"] / 0.089)
    assert kpis["mean_kw"] == pytest.approx(kpis["energy_kwh"] / 48)
    assert kpis["carbon_kg"] == pytest.approx(0.5 * kpis["energy_kwh"])


def test_plant_availability_is_a_ratio_of_sums(plant: CompiledPlant) -> None:
    kpis = plant_kpis(log_of(*ROWS), plant, None, hand_made_orders())
    busy = 3 * OPEN + HORIZON.minutes - 60  # two presses and packing on day shift, one furnace
    assert kpis["availability"] == pytest.approx(120 / busy)


def test_without_a_forecast_there_is_no_carbon_figure(plant: CompiledPlant) -> None:
    assert "carbon_kg" not in plant_kpis(log_of(*ROWS), plant, None, hand_made_orders())


def test_an_empty_log_has_no_mean_flow_time(plant: CompiledPlant) -> None:
    kpis = plant_kpis(log_of(), plant, None, OrderBook(()))
    assert math.isnan(kpis["flow_time_h"])
    assert kpis["orders_completed"] == 0


def test_an_order_not_released_in_the_log_flows_from_its_release_date(plant: CompiledPlant) -> None:
    kpis = plant_kpis(log_of(*ROWS[1:]), plant, None, hand_made_orders())
    assert kpis["flow_time_h"] == pytest.approx(270 / 60)


def test_several_units_together_are_ratios_of_their_sums(seen: LogView) -> None:
    times = unit_times(seen)
    assert indicators(times, [0, 1]).availability == pytest.approx(120 / (2 * OPEN - 60))
