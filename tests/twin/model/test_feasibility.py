"""What comes into a plant against what it can take, from means alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from twin.model.compiled import compile_plant
from twin.model.feasibility import Overload, overloaded, unattended
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant, checked
from twin.model.state import ShopState
from twin.simulation.engines import build_engine
from twin.simulation.experiment import Experiment

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HALF = {day: ["00:00-12:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def found(*units: dict[str, Any], **changes: Any) -> list[Overload]:
    """Overloads of the plant of :func:`content`."""
    plant = checked(Plant.model_validate(content(*units, **changes)), "tiny")
    return overloaded(compile_plant(plant, Horizon(MONDAY, 7 * 1440)))


def content(
    *units: dict[str, Any],
    between: float | None = 9,
    operations: str = "a",
    carriage: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A plant to which one part of product P comes every so many minutes."""
    every = {"law": "exponential", "scale": between}
    product = {"id": "P", "family": "p", "route": "r"}
    return {
        "id": "tiny",
        "areas": [{"id": "hall"}],
        "calendars": [{"id": "half", "weekly": HALF}],
        "crews": [{"id": "crew", "size": 1}],
        "operations": [{"id": id, "carriage": (carriage or {}).get(id)} for id in operations],
        "routes": [{"id": "r", "operations": list(operations)}],
        "products": [product],
        "work_units": list(units),
        "sources": [{"id": "in", "product": "P", "time_between": every if between else None}],
        **changes,
    }


def unit(id: str, minutes: float = 10, operations: str = "a", **changes: Any) -> dict[str, Any]:
    row = {"basis": "order", "time": {"*": minutes}, **changes.pop("row", {})}
    rows = [{"operation": operation, **row} for operation in operations]
    return {"id": id, "area": "hall", "processing": rows, **changes}


def mode(life: float, repair: float, **changes: Any) -> dict[str, Any]:
    laws = [{"law": "exponential", "scale": minutes} for minutes in (life, repair)]
    return {"id": "m", "time_to_failure": laws[0], "time_to_repair": laws[1], **changes}


def test_parts_that_come_faster_than_they_are_worked_are_named() -> None:
    (overload,) = found(unit("A"))
    assert overload.operations == ("a",)
    assert overload.resources == ("A",)
    assert overload.load == pytest.approx(60 / 9)
    assert overload.capacity == pytest.approx(6)
    assert str(overload) == (
        "a: 6.667 parts/h come and A can take 6; queues grow without end, "
        "so lengthen the time between parts or add capacity"
    )


def test_a_plant_in_balance_is_not_named() -> None:
    assert found(unit("A"), between=10.5) == []


def test_a_unit_as_busy_as_can_be_is_named() -> None:
    assert len(found(unit("A"), between=10)) == 1


def test_two_units_share_an_operation() -> None:
    assert found(unit("A"), unit("B", 85)) == []
    (overload,) = found(unit("A"), unit("B", 95))
    assert overload.capacity == pytest.approx(60 * (1 / 10 + 1 / 95))


def test_one_unit_with_two_operations_has_half_the_capacity() -> None:
    (overload,) = found(unit("A", 5, "ab"), operations="ab", between=9)
    assert overload.operations == ("a", "b")
    assert overload.load == pytest.approx(2 * 60 / 9)  # each part comes twice
    assert overload.capacity == pytest.approx(60 / 5)


def test_a_unit_for_both_helps_where_it_is_needed() -> None:
    """B can do both; a needs 10 of 9 min, b 6: together 16 of 18."""
    row = {"basis": "order", "time": {"*": 10}}
    both = {
        "id": "B", "area": "hall",
        "processing": [{"operation": "a", **row}, {"operation": "b", **row, "time": {"*": 6}}],
    }  # fmt: skip
    assert found(unit("A"), both, operations="ab") == []


def test_two_narrow_places_are_both_named_the_narrower_first() -> None:
    names = [o.operations for o in found(unit("A", 10), unit("B", 12, "b"), operations="ab")]
    assert names == [("b",), ("a",)]


@pytest.mark.parametrize(
    ("changes", "capacity"),
    [
        ({"calendar": "half"}, 3),
        ({"failure_modes": [mode(60, 30)]}, 60 / 15),  # 15 min a part with its share of repairs
        ({"failure_modes": [mode(60, 30, clock="calendar")]}, 6 / 1.5),
        ({"failure_modes": [mode(4, 20, clock="count")]}, 60 / 15),  # 5 min a lot
        ({"maintenance": [{"id": "t", "interval": 60, "duration": 15, "tolerance": 0,
                           "crew": "crew"}]}, 6 * 0.75),
        ({"row": {"load": {"max_jobs": 2}}, "calendar": "half"}, 6),
        ({"row": {"transit": 2}}, 5),
    ],
)  # fmt: skip
def test_capacity_by_mean_times(changes: dict[str, Any], capacity: float) -> None:
    (overload,) = found(unit("A", **changes), between=1)
    assert overload.capacity == pytest.approx(capacity)


def test_wear_counts_by_its_mean_life() -> None:
    """A level that grows by 1 an hour reaches 9.5 in the tenth step, and 10 h between repairs."""
    wear = {"process": "gamma", "rate": 2, "scale": 0.5, "limit": 9.5}
    worn = {**mode(1, 300), "time_to_failure": None, "degradation": wear}
    (overload,) = found(unit("A", failure_modes=[worn]), between=1)
    assert overload.capacity == pytest.approx(60 / 15)


def test_a_common_cause_counts_by_the_share_it_strikes() -> None:
    struck = {**mode(1, 60), "time_to_failure": None, "common_cause": "air"}
    cause = {"id": "air", "time_between": {"law": "constant", "value": 60}, "share": 0.5}
    (overload,) = found(unit("A", failure_modes=[struck]), common_causes=[cause], between=1)
    assert overload.capacity == pytest.approx(4)


def test_a_rework_loop_brings_parts_again() -> None:
    """Half go back each time, so each part comes twice."""
    branches = [{"after": "a", "to": {"a": 0.5, "end": 0.5}}]
    routes = [{"id": "r", "operations": ["a"], "branches": branches}]
    assert found(unit("A", 4), routes=routes) == []
    (overload,) = found(unit("A", 5), routes=routes)
    assert overload.load == pytest.approx(2 * 60 / 9)


def test_rework_by_inspection_ends_with_its_passes() -> None:
    """Half the parts fail each of at most 3 passes: 1.75 on average."""
    test = {"rework_to": "a", "passes": 3}
    (overload,) = found(unit("A", defects={"*": 0.5}, inspection=test))
    assert overload.load == pytest.approx(1.75 * 60 / 9)


def test_scrapped_parts_do_not_come_further() -> None:
    first, second = unit("A", 8, scrap={"*": 0.2}), unit("B", 11, "b")
    assert found(first, second, operations="ab") == []
    names = [o.operations for o in found(unit("A", 8), second, operations="ab")]
    assert names == [("b",)]


def test_a_saturated_line_and_a_plant_of_orders_are_exempt() -> None:
    assert found(unit("A"), between=None) == []
    assert found(unit("A"), sources=[]) == []


def test_a_source_with_a_limit_is_spread_over_the_horizon() -> None:
    some = {"id": "in", "product": "P", "limit": 100}
    some["time_between"] = {"law": "constant", "value": 1}
    assert found(unit("A"), sources=[some]) == []


def test_vehicles_that_cannot_carry_what_comes_are_named() -> None:
    (overload,) = found(
        unit("A", 1),
        unit("B", 1, "b"),
        operations="ab",
        carriage={"b": {"by": "fork", "time": 20}},
        transports=[{"id": "fork", "vehicles": 2}],
    )
    assert overload.operations == ("b",)
    assert overload.resources == ("fork",)
    assert overload.capacity == pytest.approx(6)


def test_a_run_takes_what_was_said_it_could() -> None:
    """Failures by lots and by work on two units that are never short of parts: within 3 %."""
    wear = mode(60, 12), {**mode(8, 6, clock="count"), "id": "n"}
    units = [unit("A", 4, failure_modes=wear), unit("B", 7, failure_modes=[mode(80, 18)])]
    (overload,) = found(*units, between=2)
    plant = Plant.model_validate(content(*units, between=None))
    horizon = Horizon(MONDAY, 25 * 1440)
    experiment = Experiment(compile_plant(plant, horizon), OrderBook(), ShopState(MONDAY))
    taken = build_engine(experiment).run(0).totals.taken.sum()
    assert taken / (25 * 24) == pytest.approx(overload.capacity, rel=0.03)


def test_a_unit_that_is_never_open_can_take_nothing() -> None:
    [overload] = found(unit("A", calendar="never"), calendars=[{"id": "never"}])
    assert "A can take 0" in str(overload)


@pytest.mark.parametrize("crew", ["sunday", "night", "crew"])
def test_work_for_people_who_are_there_at_other_hours_is_named(crew: str) -> None:
    """A run of Monday to Friday, on a unit that is open until noon."""
    rest = {day: ["12:00-24:00"] for day in HALF}
    calendars = [
        {"id": "half", "weekly": HALF},
        {"id": "sunday", "weekly": {"sun": ["00:00-24:00"]}},
        {"id": "night", "weekly": rest},
    ]
    crews = [{"id": id, "size": 1, "calendar": id} for id in ("sunday", "night")]
    crews.append({"id": "crew", "size": 1})
    a = unit("A", calendar="half", setup={"by": "family", "crew": crew})
    a["processing"][0]["operators"] = crew
    plant = checked(
        Plant.model_validate(content(a, between=100, crews=crews, calendars=calendars)), "tiny"
    )
    words = [str(u) for u in unattended(compile_plant(plant, Horizon(MONDAY, 5 * 1440)))]
    assert len(words) == (0 if crew == "crew" else 2)
    if words:
        assert f"A: operation a waits for {crew}, and nobody of them is on duty" in words[0]
        assert f"A: setup waits for {crew}" in words[1]
