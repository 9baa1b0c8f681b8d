"""A what-if changes what it names and nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from scenarios.archive import case_from_dict, case_to_dict
from scenarios.scenario import Case, Scenario, applied, round_the_clock
from twin.errors import InputError
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import load_plant
from twin.model.shifts import Calendar
from twin.model.state import OrderState, ShopState, UnitState

START = datetime(2026, 11, 23, 5, tzinfo=UTC)
HORIZON = Horizon(START, 7 * 1440, "Africa/Casablanca")
PLANT = load_plant(Path(__file__).parents[1] / "plants" / "small.yaml")
LEVEL = np.linspace(0.5, 1.5, HORIZON.slots)


@pytest.fixture
def base() -> Case:
    orders = [
        WorkOrder("started", "A", 1000, START, START + timedelta(days=3), 2.0, "Atlas"),
        WorkOrder("waiting", "B", 1001, START, START + timedelta(days=4)),
    ]
    state = ShopState(
        START,
        {"started": OrderState(1, "F-1", 0.25)},
        {
            "P-1": UnitState(
                "fa", True, 12.5, {"spindle": 99.0}, {"service": START - timedelta(days=4)}
            )
        },
    )
    forecast = Forecast(HORIZON, LEVEL, LEVEL / 2, LEVEL * 10, 0.2, 40.0, 150.0, "made up")
    return Case(PLANT, OrderBook(tuple(orders)), forecast, state)


def test_no_change_is_no_change(base: Case) -> None:
    assert Scenario().changes() == {}
    same = applied(Scenario(), base)
    assert (same.plant, same.orders, same.state) == (base.plant, base.orders, base.state)


def test_demand_grows_only_orders_not_started(base: Case) -> None:
    more = applied(Scenario(demand=1.1), base)
    assert [order.quantity for order in more.orders] == [1000, 1102]


def test_an_extra_shift_opens_the_night_in_its_area_only(base: Case) -> None:
    longer = applied(Scenario(extra_shift=["forming"]), base).plant
    calendars = {c.id: c for c in longer.calendars}
    assert calendars[longer.unit("P-1").calendar].open_time(HORIZON).is_open(22 * 60)
    assert longer.unit("K-1").calendar == "day"


def test_holidays_stay_free_with_an_extra_shift() -> None:
    calendar = Calendar(
        id="d", weekly={"mon": ["06:00-14:00"]}, exceptions={date(2026, 11, 23): []}
    )
    assert round_the_clock(calendar).windows_on(date(2026, 11, 23)) == []
    assert round_the_clock(calendar).windows_on(date(2026, 11, 30)) == ["00:00-24:00"]
    assert round_the_clock(calendar).windows_on(date(2026, 12, 1)) == []


def test_an_unknown_area_is_refused_by_name(base: Case) -> None:
    with pytest.raises(InputError, match='no area "formin"; did you mean "forming"'):
        applied(Scenario(extra_shift=["formin"]), base)


def test_maintenance_interval_and_prices_scale(base: Case) -> None:
    changed = applied(Scenario(maintenance_interval=2, price_level=1.5, carbon_per_t=900), base)
    assert changed.plant.unit("P-1").maintenance[0].interval == 14 * 1440
    assert np.array_equal(changed.forecast.price_per_kwh, LEVEL * 1.5)
    assert changed.forecast.demand_charge_per_kw == 60
    assert changed.plant.costs.carbon_per_t == 900


@pytest.mark.parametrize("bad", [{"demand": 0}, {"price_level": -1}, {"demnd": 1.2}])
def test_nonsense_is_refused(bad: dict) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate(bad)


def test_a_case_survives_a_round_trip_through_json(base: Case) -> None:
    import json

    again = case_from_dict(json.loads(json.dumps(case_to_dict(base))))
    assert (again.plant, again.orders, again.state) == (base.plant, base.orders, base.state)
    assert replace(again.forecast, price_per_kwh=LEVEL, carbon_intensity=LEVEL, generation_kw=LEVEL)
    for name in ("price_per_kwh", "carbon_intensity", "generation_kw"):
        assert np.array_equal(getattr(again.forecast, name), getattr(base.forecast, name))
    assert again.forecast.horizon == HORIZON
    assert again.forecast.peak_incurred_kw == 150
