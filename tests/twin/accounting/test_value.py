"""The value of the hand-made plan, figure by figure, counted on paper."""

import math
from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest

from tests.twin.accounting.conftest import HORIZON, Case, flat_forecast, minute, small_plant, work
from twin.accounting.value import planned_energy, site_draw
from twin.behaviour.renewals import expected_failures
from twin.model.laws import Weibull
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule, Segment
from twin.model.state import OrderState, ShopState

HOURS = 48.0
P_1 = 0.2 * HOURS + (30 - 0.2) * 2 + (5 - 0.2) * 0.5  # two hours of work, half an hour of setup
P_2 = 0.2 * HOURS + (26 - 0.2) * (75 + 500) / 60
F_1 = 0.5 * HOURS + ((180 - 0.5) * 180 + (60 - 0.5) * 10 + (150 - 0.5) * 160 + (80 - 0.5) * 60) / 60
K_1 = 3 * (12 + 6 + 12 + 80) / 60
BASE = 40 * HOURS


def test_energy_of_each_unit_is_its_power_by_state(case: Case) -> None:
    energy = planned_energy(case.schedule, case.plant)
    assert energy.sum(axis=1) == pytest.approx([P_1, P_2, F_1, K_1], rel=1e-12)


def test_energy_by_unit_and_base_load_is_energy_by_slot(case: Case) -> None:
    energy = planned_energy(case.schedule, case.plant)
    by_slot = site_draw(energy, case.plant, HORIZON).sum()
    assert by_slot == pytest.approx(energy.sum(axis=1).sum() + BASE, rel=1e-12)


def test_energy_of_the_plan_is_all_units_and_the_base_load(case: Case) -> None:
    assert case.value().energy_kwh == pytest.approx(P_1 + P_2 + F_1 + K_1 + BASE, rel=1e-12)


def test_flat_price_and_intensity_multiply_the_energy(case: Case) -> None:
    value = case.value()
    assert value.energy_cost == pytest.approx(1.0 * value.energy_kwh)
    assert value.carbon_kg == pytest.approx(0.5 * value.energy_kwh)
    assert value.carbon_cost == pytest.approx(value.carbon_kg / 1000 * 300)


def test_peak_is_the_slot_of_warm_up_and_two_presses(case: Case) -> None:
    assert case.value().peak_kw == pytest.approx(40 + 30 + 26 + 180)


def test_prices_doubled_double_energy_and_demand_cost_only(case: Case) -> None:
    tariff = flat_forecast(demand_charge_per_kw=5.0, peak_incurred_kw=100.0)
    once = case.having(forecast=tariff).value()
    twice = case.having(forecast=tariff.scaled(2.0)).value()
    doubled = replace(once, energy_cost=2 * once.energy_cost, demand_cost=2 * once.demand_cost)
    assert twice == doubled


def test_own_generation_lowers_the_import_but_not_the_energy(case: Case) -> None:
    sunny = case.having(forecast=flat_forecast(generation_kw=np.full(HORIZON.slots, 10.0)))
    assert sunny.value().energy_kwh == case.value().energy_kwh
    assert sunny.value().import_kwh == pytest.approx(case.value().import_kwh - 10 * HOURS)


def test_each_setup_costs_once_where_the_table_has_a_cost(case: Case) -> None:
    """P-1 charges 200; the furnace charges nothing."""
    assert case.value().setup_cost == 200.0


def test_a_setup_in_two_parts_costs_once(case: Case) -> None:
    split = case.without(kind="setup", order="O2")
    parts = [Segment("P-1", a, b, "setup", "O2", "press") for a, b in ((120, 140), (140, 150))]
    assert split.plus(*parts).value().setup_cost == 200.0


def test_a_setup_of_no_length_costs_nothing(case: Case) -> None:
    nothing = Segment("P-2", 60, 60, "setup", "O3", "press")
    assert case.plus(nothing).value().setup_cost == 200.0


def test_early_maintenance_throws_away_the_unused_interval(case: Case) -> None:
    """Due at minute 720, done at 210."""
    assert case.value().maintenance_cost == pytest.approx(800 * (1 + 510 / 10080))


def test_late_maintenance_costs_its_plain_cost(case: Case) -> None:
    late = case.moved({"start": 1600, "end": 1690}, kind="maintenance")
    assert late.value().maintenance_cost == 800.0


def failures(a: float, b: float) -> float:
    """Of a spindle (Weibull 2, 120 h) between two ages, each repair as good as new."""
    return expected_failures(Weibull(shape=2.0, scale=7200.0), a, b - a)


def test_failures_of_an_operating_clock_grow_with_work_and_start_anew_after_maintenance(
    case: Case,
) -> None:
    spindle = failures(1200, 1320)  # two hours of work before the service, none after
    heater = 2880 / 12000
    assert case.value().failure_cost == pytest.approx(3000 * spindle + 5000 * heater)


def test_work_after_maintenance_is_that_of_a_new_part(case: Case) -> None:
    first = case.moved({"start": 60, "end": 150}, kind="maintenance").without(
        work_unit="P-1", order="O1"
    )
    only_o2 = first.value().failure_cost - 5000 * 2880 / 12000
    assert only_o2 == pytest.approx(3000 * failures(0, 60))


def test_failures_of_a_calendar_clock_start_anew_at_the_end_of_maintenance(case: Case) -> None:
    plant = small_plant()
    mode = (
        plant.unit("P-1")
        .failure_modes[0]
        .model_copy(
            update={"clock": "calendar", "time_to_failure": Weibull(shape=2.0, scale=7200.0)}
        )
    )
    unit = plant.unit("P-1").model_copy(update={"failure_modes": [mode]})
    rest = [u for u in plant.work_units if u.id != "P-1"]
    calendar = case.having(plant=plant.model_copy(update={"work_units": [unit, *rest]}))
    expected = failures(1200, 1200 + 300) + failures(0, 2880 - 300)
    assert calendar.value().failure_cost == pytest.approx(3000 * expected + 5000 * 0.24)


def test_tardiness_is_weighted_hours_behind_the_due_date(case: Case) -> None:
    assert case.value().tardiness_cost == pytest.approx(2.0 * 36 / 60 * 150)


def test_an_order_without_a_place_is_late_until_the_end(case: Case) -> None:
    without = case.without(order="O2")
    late = (2880 - 2000) / 60 * 150
    assert without.value().tardiness_cost == pytest.approx(case.value().tardiness_cost + late)


def test_an_order_without_its_last_operation_is_not_complete(case: Case) -> None:
    without = case.without(order="O2", operation="pack")
    late = (2880 - 2000) / 60 * 150
    assert without.value().tardiness_cost == pytest.approx(case.value().tardiness_cost + late)


def test_an_order_due_after_the_horizon_is_never_late_in_it(case: Case) -> None:
    without = case.with_order("O1", due_date=minute(5000)).without(order="O1")
    assert without.value().tardiness_cost == 0.0


def test_an_order_finished_before_the_cut_off_is_charged_nothing(case: Case) -> None:
    state = replace(case.state, orders={"O1": OrderState(operations_done=3)})
    assert case.without(order="O1").having(state=state).value().tardiness_cost == 0.0


@pytest.mark.parametrize(("minutes", "moved"), [(0, 0), (60, 0), (-60, 0), (60.01, 1), (-61, 1)])
def test_an_operation_has_moved_when_it_starts_over_an_hour_away(
    case: Case, minutes: float, moved: int
) -> None:
    before = case.moved(
        {"start": 1580 + minutes, "end": 1660 + minutes}, order="O4", operation="pack"
    )
    assert case.having(previous=before.schedule).value().change_cost == 20.0 * moved


def test_an_operation_on_another_unit_has_moved(case: Case) -> None:
    before = case.moved({"work_unit": "P-1"}, order="O3", operation="press")
    assert case.having(previous=before.schedule).value().change_cost == 20.0


def test_starts_are_compared_as_instants(case: Case) -> None:
    """Last night's plan began a day before; the same instants are not moved."""
    earlier = replace(HORIZON, start=HORIZON.start - timedelta(days=1), minutes=2880 + 1440)
    shifted = tuple(
        replace(s, start=s.start + 1440, end=s.end + 1440) for s in case.schedule.segments
    )
    assert case.having(previous=Schedule(earlier, shifted)).value().change_cost == 0.0


def test_operations_that_are_new_or_running_have_not_moved(case: Case) -> None:
    before = case.without(order="O4").moved(
        {"start": 500, "end": 560}, order="O1", operation="press"
    )
    state = replace(case.state, orders={"O1": OrderState(running_on="P-1")})
    assert case.having(previous=before.schedule, state=state).value().change_cost == 0.0


def test_no_earlier_plan_no_change(case: Case) -> None:
    assert case.value().change_cost == 0.0


def test_an_empty_plan_draws_off_power_and_base_load(case: Case) -> None:
    empty = case.with_segments([]).having(orders=OrderBook(()))
    assert empty.value().energy_kwh == pytest.approx((0.2 + 0.2 + 0.5 + 0 + 40) * HOURS)


def test_work_beyond_the_horizon_counts_only_inside_it(case: Case) -> None:
    late = case.with_segments(work("P-2", "O3", "press", (2850, 2910)))
    energy = planned_energy(late.schedule, late.plant)[1].sum()
    assert energy == pytest.approx(0.2 * HOURS + (26 - 0.2) * 0.5)


def test_the_order_of_segments_does_not_matter(case: Case) -> None:
    turned = case.with_segments(reversed(case.schedule.segments)).value()
    for field in fields(turned):
        ours, theirs = getattr(case.value(), field.name), getattr(turned, field.name)
        assert math.isclose(ours, theirs, rel_tol=1e-12)


def test_horizons_must_agree(case: Case) -> None:
    other = replace(HORIZON, minutes=1440)
    with pytest.raises(ValueError, match="horizons"):
        case.having(forecast=flat_forecast(other)).value()


def test_a_plant_where_nothing_is_known_has_a_value(case: Case) -> None:
    assert case.having(state=ShopState(at=HORIZON.start)).value().total_cost > 0
