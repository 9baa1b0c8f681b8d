"""A plant-week file is read as the benchmark describes it; one with faults is refused whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solvers.lines.bill import bill_of
from solvers.lines.problem import OFF, Stretch, Transition
from solvers.lines.week_files import read_week
from twin.errors import InputError

Rows = dict[str, Any]
SLOTS = 8
"""Of half an hour."""


def week() -> Rows:
    """One line and two families over four hours."""
    return {
        "name": "small",
        "slot_minutes": 30,
        "slots": SLOTS,
        "price_per_mwh": [100.0, 200.0, 300.0, 400.0],
        "carbon_t_per_mwh": [0.1, 0.2, 0.3, 0.4],
        "carbon_price_per_t": 50.0,
        "demand_charge_per_kw": 2.0,
        "base_load_kw": 10.0,
        "maintenance_crews": 1,
        "setup_fee": 9.0,
        "setup_slots": [[0, 1], [2, 0]],
        "family_power_kw": [40.0, 60.0],
        "startup_slots": 1,
        "shutdown_slots": 1,
        "first_slots": 1,
        "first_power_factor": 1.5,
        "lines": [
            {
                "open": [[0, 6]],
                "power_factor": 2.0,
                "standby_kw": 3.0,
                "startup_kw": 20.0,
                "shutdown_kw": 5.0,
                "setup_kw": 8.0,
            }
        ],
        "orders": [
            {"family": 1, "slots": {"0": 3}, "release": 1, "due": 3, "tardiness_per_slot": 4.0}
        ],
        "maintenance": [{"line": 0, "slots": 2, "earliest": 5, "latest_end": 8}],
    }


def saved(folder: Path, rows: object) -> Path:
    path = folder / "week.json"
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return path


def test_a_week_becomes_lines_orders_and_tasks(tmp_path: Path) -> None:
    problem = read_week(saved(tmp_path, week()))
    line, order, task = problem.lines[0], problem.orders[0], problem.tasks[0]
    assert (problem.name, problem.slots, problem.slot_hours) == ("small", SLOTS, 0.5)
    assert line.is_open.tolist() == [True] * 6 + [False] * 2
    assert line.hold_kw == (0.0, 3.0, 3.0)
    assert (line.first_mode, line.last_mode) == (OFF, OFF)
    assert set(line.transitions) == {
        Transition(OFF, 1, 1, 20.0),
        Transition(OFF, 2, 1, 20.0),
        Transition(1, OFF, 1, 5.0, needs_shift=False),
        Transition(2, OFF, 1, 5.0, needs_shift=False),
        Transition(1, 2, 1, 8.0, 9.0),
        Transition(2, 1, 2, 8.0, 9.0),
    }
    (way,) = order.ways
    assert (way.line, way.mode, way.runs) == (0, 2, ((1, 180.0), (2, 120.0)))
    assert (order.release, order.due, order.tardiness, order.deadline) == (1, 3, 4.0, None)
    assert (task.line, task.slots, task.earliest, task.latest_end) == (0, 2, 5, 8)


def test_hours_are_spread_over_slots(tmp_path: Path) -> None:
    site = read_week(saved(tmp_path, week())).site
    assert site.price_per_kwh.tolist() == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    assert site.rate == pytest.approx(np.repeat([0.105, 0.21, 0.315, 0.42], 2))


def test_a_plan_costs_what_the_description_says(tmp_path: Path) -> None:
    """Start-up, order one slot late of its due date twice over, shut-down: counted by hand."""
    problem = read_week(saved(tmp_path, week()))
    stretches = (
        Stretch(0, 0, 1, "transition", 1),
        Stretch(0, 1, 4, "order", 0),
        Stretch(0, 4, 5, "transition", 3),
    )
    bill = bill_of(problem, stretches)
    energy = 0.5 * (20 * 0.105 + 180 * 0.105 + (120 + 120) * 0.21 + 5 * 0.315)
    assert bill.total == pytest.approx(energy + 4.0 + 2.0 * 190.0)


def test_an_order_shorter_than_the_first_slots_draws_more_all_the_time(tmp_path: Path) -> None:
    rows = week() | {"first_slots": 5}
    (way,) = read_week(saved(tmp_path, rows)).orders[0].ways
    assert way.runs == ((3, 180.0),)


def without(key: str) -> Callable[[Rows], object]:
    return lambda rows: {k: v for k, v in rows.items() if k != key}


def changed(key: str, value: object) -> Callable[[Rows], object]:
    return lambda rows: rows | {key: value}


def changed_order(**values: object) -> Callable[[Rows], object]:
    return lambda rows: rows | {"orders": [rows["orders"][0] | values]}


def changed_line(**values: object) -> Callable[[Rows], object]:
    return lambda rows: rows | {"lines": [rows["lines"][0] | values]}


BAD: dict[str, tuple[Callable[[Rows], object], str]] = {
    "a key is missing": (without("setup_fee"), "setup_fee"),
    "a key too much": (changed("colour", "red"), "colour"),
    "too few hours of price": (changed("price_per_mwh", [1.0, 2.0]), "price_per_mwh"),
    "too few hours of carbon": (changed("carbon_t_per_mwh", [0.1]), "carbon_t_per_mwh"),
    "setups of another size": (changed("setup_slots", [[0]]), "setup_slots"),
    "negative power": (changed("family_power_kw", [-1.0, 2.0]), "family_power_kw.0"),
    "no slots": (changed("slots", 0), "slots"),
    "price not a number": (changed("price_per_mwh", [1.0, "x", 2.0, 3.0]), "price_per_mwh.1"),
    "price infinite": (changed("price_per_mwh", [1.0, float("inf"), 2.0, 3.0]), "price_per_mwh.1"),
    "unknown line": (changed_order(slots={"3": 2}), "orders.0"),
    "no line at all": (changed_order(slots={}), "orders.0"),
    "unknown family": (changed_order(family=2), "orders.0.family"),
    "no duration": (changed_order(slots={"0": 0}), "orders.0.slots.0"),
    "calendar behind the horizon": (changed_line(open=[[0, 99]]), "lines.0.open"),
    "calendar backwards": (changed_line(open=[[5, 2]]), "lines.0.open"),
    "task of an unknown line": (
        changed("maintenance", [{"line": 4, "slots": 1, "earliest": 0, "latest_end": 8}]),
        "maintenance.0.line",
    ),
    "no object": (lambda rows: [rows], "file"),
    "not JSON": (lambda rows: "{", "is not JSON"),
    "not text": (lambda rows: "\0", "is not JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    spoil, where = BAD[name]
    path = saved(tmp_path, spoil(week()))
    with pytest.raises(InputError) as refused:
        read_week(path)
    assert str(path) in str(refused.value)
    assert where in str(refused.value)


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    rows = week() | {"price_per_mwh": [1.0], "carbon_t_per_mwh": [1.0]}
    rows["orders"] = [rows["orders"][0] | {"family": 9}, rows["orders"][0] | {"slots": {"8": 1}}]
    with pytest.raises(InputError) as refused:
        read_week(saved(tmp_path, rows))
    for where in ("price_per_mwh", "carbon_t_per_mwh", "orders.0.family", "orders.1.slots"):
        assert where in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json"):
        read_week(tmp_path / "nowhere.json")


def test_the_shared_weeks_are_read(shared_dir: Path) -> None:
    folder = shared_dir / "benchmarks" / "scheduling" / "plant-week"
    if not folder.is_dir():
        pytest.skip(f"no plant weeks: {folder} is not a folder")
    for path in sorted(folder.glob("pw-*.json")):
        problem = read_week(path)
        assert problem.name == path.stem
        assert problem.slots * problem.slot_hours == 168
