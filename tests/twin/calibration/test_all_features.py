"""A plant of every feature is diagnosed, calibrated, replayed and accounted for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twin.accounting.check import check
from twin.accounting.outcome import outcome
from twin.accounting.value import value_of
from twin.calibration.activity import read_activity
from twin.calibration.bootstrap import parameter_sets
from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.diagnosis import diagnose
from twin.calibration.replay import WORN_SHARE, shop_state
from twin.errors import NoriaError
from twin.model.base import read_yaml
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, checked, load_plant
from twin.model.schedule import Schedule, Segment
from twin.model.state import ShopState

ALL = Path(__file__).resolve().parents[2] / "plants" / "all_features.yaml"
BEGIN = datetime(2026, 11, 23, 5, tzinfo=UTC)
DAYS = 21
UNTIL = BEGIN + timedelta(days=DAYS)


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(ALL)


@pytest.fixture(scope="module")
def orders() -> OrderBook:
    days = [timedelta(days=d) for d in (0, 2, 25)]
    rows = [WorkOrder(f"H{i}", "housing", 40, BEGIN + d, BEGIN + 2 * d) for i, d in enumerate(days)]
    return OrderBook((*rows, WorkOrder("P1", "pump", 12, BEGIN, UNTIL)))


@pytest.fixture(scope="module")
def log(plant: Plant, orders: OrderBook) -> EventLog:
    """Every unit works lots and is hindered in turn by each of its modes and tasks."""
    random = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for unit in plant.work_units:
        product = "pump" if unit.id == "CELL-1" else "housing"
        names = {"order": "P1" if product == "pump" else "H0", "product": product}
        stops = [("down", m.id) for m in unit.failure_modes]
        stops += [("maintenance", t.id) for t in unit.maintenance]
        minute, lot = 0.0, 0
        while minute < DAYS * 1440 - 400:
            operation = unit.processing[lot % len(unit.processing)].operation
            about = {"work_unit": unit.id, **names, "operation": operation}
            span = float(random.uniform(20, 60))

            def at(minute: float) -> datetime:
                return BEGIN + timedelta(minutes=minute)

            name = f"{lot}"
            rows.append({"time": at(minute), "event": "state", "state": "working", **about})
            rows.append({"time": at(minute), "event": "start", "lot": name, **about})
            minute += span
            rows.append({"time": at(minute), "event": "end", "lot": name, "quantity": 4,
                         "scrap": 0, **about})  # fmt: skip
            if stops and lot % 5 == 4:
                state, reason = stops[lot // 5 % len(stops)]
                stop = {"work_unit": unit.id, "event": "state", "reason": reason}
                rows.append({"time": at(minute), "state": state, **stop})
                if state == "down":
                    minute += 15
                    rows.append({"time": at(minute), "state": "repair", **stop})
                minute += float(random.uniform(10, 90))
            lot += 1
    return EventLog.of(rows, "by hand").ordered()


@pytest.fixture(scope="module")
def state(log: EventLog, plant: Plant, orders: OrderBook) -> ShopState:
    return shop_state(log, plant, orders, UNTIL)


def test_its_log_is_diagnosed(log: EventLog, plant: Plant) -> None:
    assert diagnose(log, plant, UNTIL).describe()


def test_lives_that_a_log_does_not_show_stay_as_in_the_plant_file(
    log: EventLog, plant: Plant
) -> None:
    found = calibrate(log, plant, UNTIL)
    assert {e.key for e in found.estimates if e.quantity == "time_to_failure"} == {"clamp"}
    assert {e.key for e in found.estimates if e.quantity == "time_to_repair"} == {
        "spindle", "tool", "no air", "thermocouple", "clamp",
    }  # fmt: skip
    (note,) = [note for note in found.notes if note.startswith("failures as in the plant file")]
    assert "LATHE-1 spindle, LATHE-1 tool, LATHE-1 no air, OVEN-1 thermocouple" in note
    after = calibrated(plant, found)
    for unit, before in zip(after.work_units, plant.work_units, strict=True):
        for mode, old in zip(unit.failure_modes, before.failure_modes, strict=True):
            assert mode.id == "clamp" or mode.time_to_failure == old.time_to_failure
            assert mode.degradation == old.degradation
    assert checked(after, "calibrated")


def test_a_life_of_any_law_is_estimated(log: EventLog) -> None:
    content = read_yaml(ALL)
    modes = content["work_units"][0]["failure_modes"]
    for law in (
        {"law": "gamma", "shape": 3, "scale": 90},
        {"law": "histogram", "edges": [0, 100, 900], "counts": [1, 2]},
        {"law": "empirical", "values": [100, 200, 400]},
        {"law": "constant", "value": 300},
    ):
        modes[1] = {"id": "tool", "time_to_failure": law, "time_to_repair": law}
        found = calibrate(log, Plant.model_validate(content), UNTIL)
        lives = {e.key: e for e in found.estimates if e.quantity == "time_to_failure"}
        assert lives.keys() == {"tool", "clamp"}
        assert lives["tool"].value > 0


def test_the_shop_stands_where_its_log_ends(state: ShopState, plant: Plant, log: EventLog) -> None:
    ages = state.unit("LATHE-1").ages
    wear = plant.unit("LATHE-1").failure_modes[0].degradation
    assert wear is not None
    assert 0 < ages["spindle"] <= WORN_SHARE * wear.limit
    lots = log.of_kind("end")
    assert ages["tool"] == int(ages["tool"]) < (lots["work_unit"] == "LATHE-1").sum()
    assert compile_plant(plant, Horizon(UNTIL, 1440, plant.timezone))


def test_wear_grows_by_its_mean_until_it_is_nearly_over(log: EventLog, orders: OrderBook) -> None:
    content = read_yaml(ALL)
    lathe = content["work_units"][0]
    lathe["failure_modes"][0].update(id="unseen", clock="calendar")
    lathe["maintenance"] = []
    grown = {}
    for limit in (1e6, 5.0):
        lathe["failure_modes"][0]["degradation"]["limit"] = limit
        state = shop_state(log, Plant.model_validate(content), orders, UNTIL)
        grown[limit] = state.unit("LATHE-1").ages["unseen"]
    assert grown[1e6] == pytest.approx(0.05 * DAYS * 24, rel=0.01)
    assert grown[5.0] == WORN_SHARE * 5


def test_a_repair_as_bad_as_old_leaves_the_age(log: EventLog, orders: OrderBook) -> None:
    content = read_yaml(ALL)
    tool = content["work_units"][0]["failure_modes"][1]
    content["work_units"][0]["maintenance"] = []
    ages = {}
    for effect in ("new", "old"):
        tool["repair_effect"] = effect
        state = shop_state(log, Plant.model_validate(content), orders, UNTIL)
        ages[effect] = state.unit("LATHE-1").ages["tool"]
    lots = log.of_kind("end")
    assert ages["old"] == (lots["work_unit"] == "LATHE-1").sum()
    assert ages["new"] < ages["old"]


def plan(*segments: Segment) -> Schedule:
    return Schedule(Horizon(UNTIL, 7 * 1440, "Europe/Paris"), segments)


def forecast() -> Forecast:
    horizon = plan().horizon
    return Forecast(horizon, *(np.ones(horizon.slots) for _ in range(3)))


def test_a_plan_for_failures_that_cost_money_and_have_no_life_is_refused_in_words(
    plant: Plant, orders: OrderBook, state: ShopState
) -> None:
    with pytest.raises(NoriaError, match="failure mode spindle: it has no time_to_failure"):
        value_of(plan(), plant, orders, forecast(), state)


def test_a_simulated_log_with_source_parts_has_an_outcome(
    plant: Plant, orders: OrderBook, log: EventLog
) -> None:
    """Parts of a source are in no order book; their lots count as work and their ends as pieces."""
    compiled = compile_plant(plant, Horizon(BEGIN, DAYS * 1440, plant.timezone))
    slots = Forecast(compiled.horizon, *(np.ones(compiled.horizon.slots) for _ in range(3)))
    part = {"event": "complete", "order": "castings from the foundry", "product": "housing"}
    done = EventLog.of([{"time": BEGIN + timedelta(days=1), "quantity": 4, **part}])
    both = EventLog(pd.concat([log.table, done.table], ignore_index=True)).ordered()
    found = outcome(both, compiled, orders, slots, ShopState(BEGIN))
    assert found.value.maintenance_cost > 0
    assert found.value.failure_cost >= plant.unit("LATHE-1").failure_modes[0].cost


def test_a_plan_is_checked_with_people_by_skill(orders: OrderBook, state: ShopState) -> None:
    """Two of three settings at once are too many; on Sunday nobody of the skill is there."""
    content = read_yaml(ALL)
    content["work_units"][0]["failure_modes"][0]["cost"] = 0
    tasks = content["work_units"][0]["maintenance"]
    tasks[1].update(due_by="calendar", interval="1 d", tolerance="12 h")
    tasks.append({**tasks[1], "id": "again", "people": 2})
    plant = Plant.model_validate(content)
    begin, sunday = 26 * 60.0, 6 * 1440 + 12 * 60.0
    found = check(
        plan(
            Segment("LATHE-1", begin, begin + 8, "maintenance", task="tool change"),
            Segment("LATHE-1", begin, begin + 8, "maintenance", task="again"),
            Segment("LATHE-1", sunday, sunday + 8, "maintenance", task="tool change"),
        ),
        plant, orders, forecast(), state,
    )  # fmt: skip
    faults = [str(fault) for fault in found.faults]
    assert sum("crew over capacity" in fault for fault in faults) == 1
    assert sum("crew setting is off shift" in fault for fault in faults) == 1


def test_plants_drawn_around_its_calibration_are_sound(plant: Plant, log: EventLog) -> None:
    clean = diagnose(log, plant, UNTIL).clean
    found = calibrate(clean, plant, UNTIL)
    drawn = parameter_sets(read_activity(clean, plant, UNTIL), found, 8, 1)
    assert len({p.model_dump_json() for p in drawn}) == 8
    for one in drawn:
        checked(Plant.model_validate(one.model_dump()), "drawn")
        compile_plant(one, Horizon(BEGIN, 1440, plant.timezone))
