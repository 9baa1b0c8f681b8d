"""The demonstration is what its README promises: plant, orders, log, dirt, series."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from scenarios.demo import (
    CUT_OFF,
    DATA,
    LOG_START,
    DemoData,
    demo_data,
    demo_orders,
    make_demo,
    past_horizon,
    true_plant,
)
from scenarios.demo_series import YEARLY_CARBON_INTENSITY, carbon_series, clear_sky
from scenarios.settings import load_config
from twin.connectors.erp_files import read_orders
from twin.connectors.mes_files import read_log
from twin.connectors.tariff import load_tariff
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.plant import STATES, Plant, load_plant

SEED = 1
FILES = (
    "plant.yaml", "tariff.yaml", "true_plant.yaml", "carbon.csv", "generation.csv", "mes_log.csv",
    "dirt.json", "orders.csv", "replan.yaml",
)  # fmt: skip


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(DATA / "plant.yaml")


@pytest.fixture(scope="module")
def data() -> DemoData:
    return demo_data(SEED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo"), seed=SEED).parent


# --- the plant -----------------------------------------------------------------------------------


def test_the_plant_has_24_work_units_and_12_products_in_4_families(plant: Plant) -> None:
    assert len(plant.work_units) == 24
    assert len(plant.products) == 12
    assert len({product.family for product in plant.products}) == 4
    assert {product.attributes["grade"] for product in plant.products} == {"8.8", "10.9"}


def test_most_steps_of_every_product_have_an_alternative(plant: Plant) -> None:
    for product in plant.products:
        choices = [len(plant.units_for(step, product)) for step in plant.route_of(product)]
        assert sum(n > 1 for n in choices) >= len(choices) - 2, product.id


def test_the_day_of_prayer_is_shorter(plant: Plant) -> None:
    calendar = next(c for c in plant.calendars if c.id == "two_shift")
    assert calendar.windows_on(date(2026, 11, 26)) == ["06:00-22:00"]
    assert calendar.windows_on(date(2026, 11, 27)) == ["06:00-12:30", "14:00-22:00"]


@pytest.mark.parametrize(
    ("before", "first", "last", "after"),
    [
        (date(2026, 2, 17), date(2026, 2, 18), date(2026, 3, 19), date(2026, 3, 20)),
        (date(2027, 2, 4), date(2027, 2, 8), date(2027, 3, 9), date(2027, 3, 12)),
    ],
)
def test_ramadan_has_its_own_hours(
    plant: Plant, before: date, first: date, last: date, after: date
) -> None:
    for calendar in (c for c in plant.calendars if c.id != "maintenance"):
        ordinary = {str(calendar.windows_on(day)) for day in (before, after)}
        fasting = {str(calendar.windows_on(day)) for day in (first, last)}
        assert not ordinary & fasting, calendar.id


def test_public_holidays_are_closed_in_the_log_and_after(plant: Plant) -> None:
    for calendar in (c for c in plant.calendars if c.id != "maintenance"):
        for day in (date(2026, 11, 6), date(2026, 11, 18), date(2027, 1, 1)):
            assert calendar.windows_on(day) == []


def test_furnaces_are_the_big_consumers_and_slow_to_warm(plant: Plant) -> None:
    furnaces = [unit for unit in plant.work_units if unit.area == "heat"]
    others = [unit for unit in plant.work_units if unit.area != "heat"]
    assert min(f.power_kw.working for f in furnaces) > max(o.power_kw.working for o in others)
    assert min(f.startup_time for f in furnaces) >= 3 * 60


def test_the_tariff_gives_every_minute_of_the_year_one_price() -> None:
    tariff = load_tariff(DATA / "tariff.yaml")
    assert "must confirm" in tariff.status
    assert tariff.classes == {"peak": 1.4157, "full": 1.0101, "off_peak": 0.7398}


# --- the true plant ------------------------------------------------------------------------------


def test_the_true_plant_differs_in_every_kind_of_parameter(plant: Plant) -> None:
    truth = true_plant(plant)
    for described, real in zip(plant.work_units, truth.work_units, strict=True):
        assert real.processing != described.processing, described.id
        assert real.scrap != described.scrap, described.id
    setups = [(u.setup, t.setup) for u, t in zip(plant.work_units, truth.work_units, strict=True)]
    assert all(real != described for described, real in setups if described)
    powers = [(u, t) for u, t in zip(plant.work_units, truth.work_units, strict=True)]
    assert sum(u.power_kw != t.power_kw for u, t in powers) >= 20


def test_the_true_plant_is_the_same_plant_to_plan_for(plant: Plant) -> None:
    truth = true_plant(plant)
    same = {"work_units", "name"}
    assert truth.model_dump(exclude=same) == plant.model_dump(exclude=same)
    assert [u.maintenance for u in truth.work_units] == [u.maintenance for u in plant.work_units]


def test_factors_multiply_on_the_furnace_with_the_worn_lining(plant: Plant) -> None:
    described, real = plant.unit("HT-2").power_kw, true_plant(plant).unit("HT-2").power_kw
    assert real.standby == pytest.approx(described.standby * 1.2 * 1.1)
    assert real.off == described.off


# --- the series ----------------------------------------------------------------------------------


def test_carbon_intensity_has_the_stated_yearly_mean() -> None:
    year = carbon_series(LOG_START.replace(month=1, day=1, hour=0), 8760, seed=3).values
    # A year holds about 8760/(2·18) independent winds of 5 %: the mean is known to 0.35 %.
    assert year.mean() == pytest.approx(YEARLY_CARBON_INTENSITY, rel=0.012)


def test_carbon_intensity_dips_at_midday_and_peaks_in_the_evening() -> None:
    year = carbon_series(LOG_START.replace(month=1, day=1, hour=0), 8760, seed=3)
    by_hour = year.values[:8736].reshape(-1, 24).mean(axis=0)
    first_hour = year.start.utctimetuple().tm_hour
    hours = (np.arange(24) + first_hour) % 24
    assert 11 <= hours[by_hour.argmin()] <= 14
    assert 18 <= hours[by_hour.argmax()] <= 21


def test_the_sun_stands_highest_at_solar_noon() -> None:
    """Kénitra on 21 June: elevation 90 − 34.26 + 23.45 degrees, about 12:28 UTC."""
    noon = LOG_START.replace(month=6, day=21, hour=0)
    minutes = [noon + timedelta(minutes=m) for m in range(0, 1440, 2)]
    power = clear_sky(minutes)
    best = minutes[int(power.argmax())]
    assert abs(best.utctimetuple().tm_hour * 60 + best.utctimetuple().tm_min - 748) <= 4
    sine = np.sin(np.radians(90 - 34.26 + 23.45))
    assert power.max() == pytest.approx(1098 * sine * np.exp(-0.059 / sine), rel=1e-3)


# --- the log and the orders ----------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = make_demo(tmp_path, seed=SEED).parent
    assert sorted(p.name for p in again.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_another_seed_gives_other_orders(plant: Plant) -> None:
    assert demo_orders(plant, 1)[1] != demo_orders(plant, 2)[1]


def test_the_files_are_what_the_nightly_job_reads(folder: Path, data: DemoData) -> None:
    config = load_config(folder / "replan.yaml")
    assert config.plant is not None
    assert config.orders is not None
    plant = load_plant(config.plant)
    assert list(read_orders(config.orders, plant)) == list(data.open_orders)
    assert len(read_log(config.mes.path)) == len(data.log)
    assert all(path.is_file() for path in config.input_files())


def test_about_150_orders_lie_behind_and_60_before(data: DemoData) -> None:
    assert 125 <= len(data.past_orders) <= 165
    assert 50 <= len(data.open_orders) <= 70
    last_due = max(order.due_date for order in data.open_orders)
    assert timedelta(days=7) < last_due - CUT_OFF < timedelta(days=10)


def test_orders_are_in_process_and_jobs_run_at_the_cut_off(data: DemoData) -> None:
    begun = set(data.clean_log.of_kind("start")["order"])
    in_process = [order for order in data.open_orders if order.id in begun]
    assert 10 <= len(in_process) <= 35
    starts, ends = (data.clean_log.of_kind(kind)["lot"].value_counts() for kind in ("start", "end"))
    assert (starts.sub(ends, fill_value=0) > 0).any()


def test_headers_are_loaded_between_75_and_90_percent(data: DemoData) -> None:
    """Work and setup on the true plant as a share of the headers' shift time."""
    compiled = compile_plant(data.truth, past_horizon())
    intervals = data.clean_log.state_intervals(CUT_OFF)
    headers = [unit.id for unit in data.truth.work_units if unit.area == "heading"]
    busy = intervals[
        intervals["work_unit"].isin(headers) & intervals["state"].isin(["working", "setup"])
    ]
    minutes = (busy["end"] - busy["start"]).dt.total_seconds().sum() / 60
    horizon = past_horizon()
    shift = sum(
        compiled.unit_open[compiled.unit_index[id]].working_minutes(0, horizon.minutes)
        for id in headers
    )
    assert 0.75 <= minutes / shift <= 0.90


def test_meters_read_the_energy_of_the_states(data: DemoData) -> None:
    """Sum over three weeks: 2016 readings with an error of 1 % leave less than 0.2 %."""
    meters = data.clean_log.of_kind("meter").groupby("work_unit")["quantity"].sum()
    intervals = data.clean_log.state_intervals(CUT_OFF)
    hours = (intervals["end"] - intervals["start"]).dt.total_seconds() / 3600
    kw = {(u.id, s): u.power_kw.of(s) for u in data.truth.work_units for s in STATES}
    keys = zip(intervals["work_unit"], intervals["state"], strict=True)
    exact = (hours * [kw[key] for key in keys]).groupby(intervals["work_unit"]).sum()
    assert len(meters) == 24
    for unit, kwh in exact.items():
        assert meters[unit] == pytest.approx(kwh, rel=3e-3), unit


# --- the dirt ------------------------------------------------------------------------------------


def test_rows_add_up(data: DemoData) -> None:
    note = data.dirt
    assert note["clean_rows"] == len(data.clean_log)
    assert (
        note["dirty_rows"]
        == len(data.log)
        == (
            note["clean_rows"]
            - note["clock_skew"]["rows_stamped_after_the_extract"]
            - note["missing_lot_ends"]["rows"]
            + note["retired_unit"]["rows"]
            + note["duplicates"]["rows"]
        )
    )


def test_duplicates_are_2_percent_as_noted(data: DemoData) -> None:
    copies = data.log.table.duplicated().sum() - data.clean_log.table.duplicated().sum()
    assert copies == data.dirt["duplicates"]["rows"]
    assert copies == pytest.approx(0.02 * len(data.clean_log), rel=0.02)


def test_one_percent_of_lot_ends_are_missing_and_named(data: DemoData) -> None:
    def ends(log: EventLog) -> set[str]:
        rows = log.of_kind("end")
        return set(rows["work_unit"].str.strip() + " " + rows["lot"])

    skewed_out = data.dirt["clock_skew"]["rows_stamped_after_the_extract"]
    missing = ends(data.clean_log) - ends(data.log)
    named = {" ".join(name.split()) for name in data.dirt["missing_lot_ends"]["lots"]}
    assert len(missing ^ named) <= skewed_out
    assert len(named) == pytest.approx(0.01 * len(ends(data.clean_log)), rel=0.05)


def test_the_fast_clock_is_seven_minutes_ahead_all_the_time(data: DemoData) -> None:
    unit, columns = "CH-7", ["time", "event", "lot"]
    rows = [
        log.table[(log.table["work_unit"] == unit) & (log.table["event"] == "start")][columns]
        for log in (data.clean_log, EventLog(data.log.table.drop_duplicates()))
    ]
    both = rows[0].merge(rows[1], on=["event", "lot"])
    assert len(both) > 50
    assert set(both["time_y"] - both["time_x"]) == {timedelta(minutes=7)}


def test_rows_out_of_order_are_as_many_as_noted(data: DemoData) -> None:
    table = data.log.table.drop_duplicates()
    assert (table["time"] < table["time"].cummax()).sum() == data.dirt["out_of_order"]["rows"] > 50


def test_names_nobody_knows_are_as_noted(data: DemoData) -> None:
    table = data.log.table.drop_duplicates()
    known = {unit.id for unit in data.nominal.work_units} | {""}
    strange = table[~table["work_unit"].isin(known)]["work_unit"].value_counts()
    assert set(strange.index) == {"VS-1  ", "CH-9"}
    assert strange["VS-1  "] == data.dirt["blanks_after_name"]["rows"] > 0
    assert strange["CH-9"] == data.dirt["retired_unit"]["rows"]


def test_the_clean_log_has_no_dirt(data: DemoData) -> None:
    assert data.clean_log.table["time"].is_monotonic_increasing
    assert not data.clean_log.table.duplicated().any()


def test_the_note_is_in_the_folder(folder: Path, data: DemoData) -> None:
    assert json.loads((folder / "dirt.json").read_text()) == json.loads(json.dumps(data.dirt))
