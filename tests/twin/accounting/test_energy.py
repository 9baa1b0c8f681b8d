"""Energy is exact, adds up both ways, and is netted and priced slot by slot."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.accounting.energy import energy_of_intervals, grid_bill, interval_energy
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon

DAY = Horizon(datetime(2026, 11, 23, tzinfo=UTC), 1440, "UTC")


def forecast(horizon: Horizon = DAY, generation_kw: float = 0.0, **terms: float) -> Forecast:
    slots = horizon.slots
    return Forecast(
        horizon,
        price_per_kwh=np.linspace(0.5, 2.0, slots),
        carbon_intensity=np.linspace(0.3, 0.7, slots),
        generation_kw=np.full(slots, generation_kw),
        **terms,
    )


def draw(kw: float, horizon: Horizon = DAY) -> Array:
    """A constant draw as energy in each slot."""
    return np.full(horizon.slots, kw * horizon.slot_minutes / 60)


def test_energy_of_a_step_is_split_at_slot_borders() -> None:
    energy = interval_energy([[0.0, 60.0, 6.0]], [0, 10, 20, 45], [0, 15, 30, 45])
    assert energy == pytest.approx(np.array([[5.0, 5.0 + 1.0, 1.5]]), rel=1e-15)


def test_energy_outside_the_slots_is_not_counted() -> None:
    assert interval_energy([[12.0]], [-30, 90], [0, 15, 30]).tolist() == [[3.0, 3.0]]


def test_slots_of_different_length_are_filled_by_their_length() -> None:
    assert interval_energy([[6.0]], [0, 60], [0, 10, 60]).tolist() == [[1.0, 5.0]]


@pytest.mark.parametrize(
    ("edges", "slots"), [([0, 30, 30], [0, 15]), ([0, 15, 30], [0, 15, 15]), ([0, 15], [0, 15])]
)
def test_edges_and_slots_must_increase_and_fit(edges: list[float], slots: list[float]) -> None:
    with pytest.raises(ValueError, match=r"increase|edges"):
        interval_energy([[1.0, 2.0]], edges, slots)


def test_no_interval_gives_no_energy() -> None:
    none = np.zeros(0)
    assert energy_of_intervals(none.astype(np.int64), none, none, none, DAY.edges, 2).sum() == 0.0


durations = st.lists(
    st.tuples(st.floats(0.001, 700.0), st.floats(0.0, 500.0)), min_size=1, max_size=40
)


@given(durations, st.sampled_from([5, 15, 60]))
def test_energy_by_unit_is_energy_by_slot(steps: list[tuple[float, float]], slot: int) -> None:
    """Over the slots and over time the same sum, to 1e-9."""
    edges = np.concatenate(([0.0], np.cumsum([minutes for minutes, _ in steps])))
    power = np.array([[kw for _, kw in steps], [2 * kw for _, kw in steps]])
    slots = np.arange(0.0, edges[-1] + slot, slot)
    energy = interval_energy(power, edges, slots)
    metered = power @ np.diff(edges) / 60
    assert energy.sum(axis=1) == pytest.approx(metered, rel=1e-9)
    assert energy.sum(axis=0).sum() == pytest.approx(metered.sum(), rel=1e-9)


def test_a_slot_of_little_energy_after_a_long_large_draw_is_exact() -> None:
    """No digits are lost to a running sum of the large draw before."""
    slots = np.arange(0.0, 100_001.0, 10.0)
    energy = interval_energy([[1e6, 1e-3]], [0.0, 99_985.0, 100_000.0], slots)
    assert energy[0, -1] == pytest.approx(1e-3 * 10 / 60, rel=1e-12)


def test_the_day_summer_time_ends_has_25_hours_of_energy() -> None:
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)  # Sunday 00:00 in Paris
    long_day = Horizon(midnight, 25 * 60, "Europe/Paris", slot_minutes=60)
    assert long_day.local(long_day.minutes).hour == 0
    energy = interval_energy([[10.0]], [0, long_day.minutes], long_day.edges)
    assert energy.sum() == pytest.approx(250.0)
    at_two = [t for t in range(long_day.slots) if long_day.local(t * 60.0).hour == 2]
    assert energy[0, at_two].tolist() == [10.0, 10.0]


def test_imported_energy_is_priced_in_its_slot() -> None:
    energy = np.zeros(DAY.slots)
    energy[[0, -1]] = 4.0, 6.0
    assert grid_bill(energy, forecast()).energy_cost == pytest.approx(4 * 0.5 + 6 * 2.0)


def test_prices_doubled_double_the_energy_cost() -> None:
    bill = grid_bill(draw(80), forecast())
    assert grid_bill(draw(80), forecast().scaled(2.0)).energy_cost == pytest.approx(
        2 * bill.energy_cost
    )


def test_own_generation_is_netted_within_the_slot_only() -> None:
    """Sun at noon does not pay for the night."""
    sunny = np.zeros(DAY.slots)
    sunny[40] = 100.0
    series = Forecast(DAY, np.ones(DAY.slots), np.ones(DAY.slots), sunny)
    bill = grid_bill(draw(20), series)
    assert bill.import_kwh[40] == 0.0
    assert bill.surplus_kwh[40] == pytest.approx(20.0)
    assert bill.import_kwh.sum() == pytest.approx(20 * 24 - 5)


def test_surplus_is_paid_at_the_feed_in_price_and_saves_no_carbon() -> None:
    bill = grid_bill(draw(10), forecast(generation_kw=30.0, feed_in_per_kwh=0.25))
    assert bill.energy_cost == pytest.approx(-0.25 * 20 * 24)
    assert bill.carbon_kg == 0.0


def test_draw_less_generation_is_import_less_surplus() -> None:
    rng = np.random.default_rng(3)
    energy = rng.uniform(0, 20, DAY.slots)
    bill = grid_bill(energy, forecast(generation_kw=40.0))
    assert bill.import_kwh - bill.surplus_kwh == pytest.approx(energy - 10.0)


def test_peak_is_the_highest_slot_mean_of_the_import() -> None:
    energy = draw(20)
    energy[7] = 60.0
    assert grid_bill(energy, forecast(generation_kw=15.0)).peak_kw == pytest.approx(240.0 - 15.0)


@pytest.mark.parametrize(
    ("incurred", "charged"), [(0.0, 80.0), (60.0, 20.0), (80.0, 0.0), (95.0, 0.0)]
)
def test_only_the_peak_above_the_one_incurred_is_charged(incurred: float, charged: float) -> None:
    terms = forecast(demand_charge_per_kw=7.0, peak_incurred_kw=incurred)
    assert grid_bill(draw(80), terms).demand_cost == pytest.approx(7.0 * charged)
