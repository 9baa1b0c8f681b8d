"""Plans, windows of maintenance, lots: the arithmetic other parts rely on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.maintenance import BUSY_GRACE, due_tasks
from twin.model.plant import load_plant
from twin.model.schedule import Schedule, Segment, Value
from twin.model.state import OrderState, ShopState, UnitState

START = datetime(2026, 11, 23, 5, tzinfo=UTC)
HORIZON = Horizon(START, 7 * 1440, "Africa/Casablanca")
PLANT = load_plant(Path(__file__).parents[2] / "plants" / "small.yaml")


def test_a_schedule_survives_a_round_trip_through_json() -> None:
    schedule = Schedule(
        HORIZON,
        (
            Segment("P-1", 0.1, 10 / 3, "work", "4711", "press"),
            Segment("P-1", 4, 9, "maintenance", task="t"),
        ),
        Value(*([1.25] * 12)),
        status="feasible",
        bound=3.5,
        unplaced=("4712",),
    )
    assert Schedule.from_json(schedule.to_json()) == schedule


def test_an_operation_spans_its_pauses() -> None:
    pieces = (Segment("U", 0, 10, "work", "o", "op"), Segment("U", 50, 60, "work", "o", "op"))
    (assignment,) = Schedule(HORIZON, pieces).assignments
    assert (assignment.start, assignment.end) == (0, 60)


def test_the_window_of_maintenance_is_its_due_date_within_tolerance() -> None:
    last = {"service": START - timedelta(days=4)}
    (task,) = due_tasks(
        PLANT, ShopState(START, units={"P-1": UnitState(last_maintenance=last)}), HORIZON
    )
    assert (task.earliest, task.due, task.latest) == (2 * 1440, 3 * 1440, 4 * 1440)


def test_early_maintenance_pays_for_the_unused_interval() -> None:
    last = {"service": START - timedelta(days=4)}
    (task,) = due_tasks(
        PLANT, ShopState(START, units={"P-1": UnitState(last_maintenance=last)}), HORIZON
    )
    assert task.cost_at(task.due) == task.cost_at(task.latest) == 800
    assert task.cost_at(task.earliest) == pytest.approx(800 * (1 + 1 / 7))


def test_maintenance_never_recorded_is_due_at_once() -> None:
    (task, *_) = due_tasks(PLANT, ShopState(START), HORIZON)
    assert task.earliest == 0
    assert task.latest > 0


def test_a_batch_is_cut_into_containers_and_loads() -> None:
    compiled = compile_plant(PLANT, HORIZON)
    press, furnace = compiled.unit_index["P-1"], compiled.unit_index["F-1"]
    a = compiled.product_index["A"]
    by_container = compiled.lots(press, compiled.operation_index["press"], a, 50_000)
    assert by_container.pieces == (20_000, 20_000, 10_000)
    assert by_container.total_minutes == pytest.approx(50_000 * 0.4 / 60)
    by_load = compiled.lots(furnace, compiled.operation_index["harden"], a, 110_000)
    assert by_load.pieces == (50_000, 50_000, 10_000)
    assert by_load.total_minutes == 3 * 80


def test_setups_depend_on_the_sequence() -> None:
    compiled = compile_plant(PLANT, HORIZON)
    press, a, b = (
        compiled.unit_index["P-1"],
        compiled.product_index["A"],
        compiled.product_index["B"],
    )
    assert compiled.setup_minutes(press, "fa", b) == 30
    assert compiled.setup_minutes(press, "fb", a) == 40
    assert compiled.setup_minutes(press, "fa", a) == 0
    assert compiled.setup_minutes(press, "", a) == 0


def test_a_horizon_is_a_whole_number_of_slots() -> None:
    with pytest.raises(ValueError, match="whole number"):
        replace(HORIZON, minutes=1000)


def test_a_unit_that_is_busy_at_the_cut_off_finishes_before_it_is_serviced() -> None:
    last = {"service": START - timedelta(days=7)}
    units = {"P-1": UnitState(last_maintenance=last)}
    (idle, *_) = due_tasks(PLANT, ShopState(START, units=units), HORIZON)
    running = {"4711": OrderState(running_on="P-1")}
    (busy, *_) = due_tasks(PLANT, ShopState(START, running, units), HORIZON)
    assert (idle.due, idle.latest) == (0, 1440)
    assert (busy.due, busy.latest) == (0, BUSY_GRACE)
