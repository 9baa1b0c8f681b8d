"""How a plan is followed, in a plant that obeys and in one that does not."""

from typing import Any

import pytest

from twin.model.compiled import compile_plant
from twin.model.plant import Plant, checked
from twin.model.state import OrderState, UnitState

CREW = {"crews": [{"id": "M", "size": 1}]}
SERVICE = {"id": "service", "interval": 5000, "tolerance": 60, "duration": 30, "crew": "M"}


def two_orders(workshop: Any, **facts: Any) -> Any:
    works = workshop({"cut": None}, **CREW)
    works.unit("C", "cut", 100, maintenance=[SERVICE], **facts)
    return works.compiled(1000)


@pytest.fixture
def deterministic(small_plant: Plant) -> Plant:
    """The small plant without failures, scrap and noise, its preventive task kept."""
    content = small_plant.model_dump(mode="json")
    for unit in content["work_units"]:
        unit["failure_modes"], unit["scrap"] = [], {}
        if unit["setup"]:
            unit["setup"]["cv"] = 0
        for task in unit["maintenance"]:
            task["renews"] = []
        for row in unit["processing"]:
            row["cv"] = 0
    return checked(Plant.model_validate(content), "deterministic")


def test_a_deterministic_plant_carries_out_a_plan_to_the_millisecond(
    deterministic: Plant, small: Any, small_orders: Any, run: Any, plan_of: Any
) -> None:
    """A plan read off an unplanned run gives, followed, the same states at the same times."""
    plant = compile_plant(deterministic, small.horizon)
    free = run(plant, small_orders)
    plan = plan_of(free)
    kinds = {"startup", "setup", "work", "standby", "maintenance"}
    assert {segment.kind for segment in plan.segments} == kinds
    planned = run(plant, small_orders, schedule=plan)
    assert len(planned.completions()) == len(small_orders)
    for order, end in planned.completions().items():
        assert end == pytest.approx(plan.completion(order), abs=1e-3)
    columns = ["work_unit", "state"]
    minutes = [r.intervals().groupby(columns)["minutes"].sum().to_dict() for r in (free, planned)]
    assert minutes[1] == pytest.approx(minutes[0], abs=1e-2)


def test_nothing_is_begun_before_its_planned_start(workshop: Any, book: Any, run: Any) -> None:
    rows = [("C", 150, 250, "work", "O1/cut"), ("C", 400, 500, "work", "O2/cut")]
    result = run(two_orders(workshop), book(2), rows=rows)
    assert result.starts("C") == [("O1", 150), ("O2", 400)]


def test_the_planned_sequence_goes_before_the_rule(workshop: Any, book: Any, run: Any) -> None:
    rows = [("C", 0, 100, "work", "O2/cut"), ("C", 100, 200, "work", "O1/cut")]
    result = run(two_orders(workshop), book(2), rows=rows)
    assert result.starts("C") == [("O2", 0), ("O1", 100)]


def test_a_late_batch_lets_the_next_one_pass_once_its_time_has_come(
    workshop: Any, book: Any, run: Any
) -> None:
    """O1, planned first, is released late; O2 is not brought forward, but goes first."""
    rows = [("C", 0, 100, "work", "O1/cut"), ("C", 150, 250, "work", "O2/cut")]
    result = run(two_orders(workshop), book({"O1": 180, "O2": 0}), rows=rows)
    assert result.starts("C") == [("O2", 150), ("O1", 250)]


def test_orders_without_a_place_follow_by_the_rule(workshop: Any, book: Any, run: Any) -> None:
    rows = [("C", 300, 400, "work", "O3/cut")]
    result = run(two_orders(workshop), book(3), rows=rows)
    assert result.starts("C") == [("O3", 300), ("O1", 400), ("O2", 500)]


def test_a_plan_for_later_operations_only_does_not_lock_the_unit(
    workshop: Any, book: Any, run: Any
) -> None:
    """Bending is planned, the cutting before it is not: it is cut when nothing else can be done."""
    works = workshop({"cut": None, "bend": None})
    works.unit("U", "cut", 10)
    works.units[0]["processing"].append(
        {"operation": "bend", "basis": "order", "time": {"*": 5}, "cv": 0}
    )
    result = run(works.compiled(), book(1), rows=[("U", 50, 55, "work", "O1/bend")])
    assert result.completions() == {"O1": 55}


def test_a_task_begins_at_its_planned_start(workshop: Any, book: Any, run: Any) -> None:
    rows = [
        ("C", 0, 100, "work", "O1/cut"),
        ("C", 120, 150, "maintenance", "service"),
        ("C", 150, 250, "work", "O2/cut"),
    ]
    result = run(two_orders(workshop), book(2), rows=rows)
    assert result.states("C") == [
        ("working", 0, 100),
        ("off", 100, 120),
        ("maintenance", 120, 150),
        ("working", 150, 250),
        ("off", 250, 1000),
    ]


def test_a_task_comes_after_an_operation_that_runs_late(workshop: Any, book: Any, run: Any) -> None:
    rows = [
        ("C", 0, 100, "work", "O1/cut"),
        ("C", 120, 150, "maintenance", "service"),
        ("C", 150, 250, "work", "O2/cut"),
    ]
    result = run(two_orders(workshop), book({"O1": 60, "O2": 0}), rows=rows)
    assert result.states("C")[1:4] == [
        ("working", 60, 160),
        ("maintenance", 160, 190),
        ("working", 190, 290),
    ]


def test_a_planned_setup_is_made_before_its_batch_has_come(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    works = workshop({"cut": None})
    works.unit("C", "cut", 100, setup={"by": "family", "default": 40, "cv": 0})
    rows = [("C", 60, 100, "setup", "O1/cut"), ("C", 200, 300, "work", "O1/cut")]
    state = shop(units={"C": UnitState(setup_key="other")})
    result = run(works.compiled(), book({"O1": 150}), state=state, rows=rows)
    assert [row for row in result.states("C") if row[0] in ("setup", "working")] == [
        ("setup", 60, 100),
        ("working", 200, 300),
    ]


def warm_rows(*between: tuple[str, float, float, str, str]) -> list[Any]:
    return [
        ("C", 0, 60, "startup", ""),
        ("C", 60, 160, "work", "O1/cut"),
        *between,
        ("C", 500, 600, "work", "O2/cut"),
    ]


def test_a_unit_is_switched_off_and_warmed_up_as_planned(
    workshop: Any, book: Any, run: Any
) -> None:
    rows = warm_rows(("C", 440, 500, "startup", ""))
    result = run(two_orders(workshop, startup_time=60), book(2), rows=rows)
    assert result.states("C") == [
        ("startup", 0, 60),
        ("working", 60, 160),
        ("off", 160, 440),
        ("startup", 440, 500),
        ("working", 500, 600),
        ("off", 600, 1000),
    ]


def test_a_unit_stays_warm_as_planned(workshop: Any, book: Any, run: Any) -> None:
    rows = warm_rows(("C", 160, 500, "standby", ""))
    result = run(two_orders(workshop, startup_time=60), book(2), rows=rows)
    assert result.states("C")[2:4] == [("standby", 160, 500), ("working", 500, 600)]


def test_a_unit_that_is_late_stays_warm_when_it_could_not_start_up_in_time(
    workshop: Any, book: Any, run: Any
) -> None:
    rows = warm_rows(("C", 440, 500, "startup", ""))
    result = run(two_orders(workshop, startup_time=60), book({"O1": 350, "O2": 0}), rows=rows)
    assert result.states("C")[1:5] == [
        ("standby", 60, 350),
        ("working", 350, 450),
        ("standby", 450, 500),
        ("working", 500, 600),
    ]


def test_a_unit_that_finishes_early_goes_off_when_the_plan_has_it_off_next(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    rows = warm_rows(("C", 440, 500, "startup", ""))[1:]
    state = shop({"O1": OrderState(0, "C", 0.8)}, {"C": UnitState(is_on=True)})
    result = run(two_orders(workshop, startup_time=60), book(2), rows=rows, state=state)
    assert result.states("C")[:3] == [("working", 0, 20), ("off", 20, 440), ("startup", 440, 500)]


def test_a_task_between_two_works_keeps_the_unit_warm(workshop: Any, book: Any, run: Any) -> None:
    rows = [
        ("C", 0, 60, "startup", ""),
        ("C", 60, 160, "work", "O1/cut"),
        ("C", 160, 190, "maintenance", "service"),
        ("C", 190, 290, "work", "O2/cut"),
    ]
    result = run(two_orders(workshop, startup_time=60), book(2), rows=rows)
    assert result.starts("C") == [("O1", 60), ("O2", 190)]


def test_changing_the_sequence_leaves_the_times_of_the_lots_alone(
    workshop: Any, book: Any, run: Any
) -> None:
    works = workshop({"cut": None})
    works.unit("C", "cut", 100, cv=0.5)
    compiled = works.compiled(2000)

    def lot_minutes(first: str, second: str) -> dict[str, float]:
        rows = [("C", 0, 100, "work", f"{first}/cut"), ("C", 100, 200, "work", f"{second}/cut")]
        result = run(compiled, book(2), rows=rows)
        starts, ends = result.events("start"), result.events("end")
        minutes = ends["minute"].to_numpy() - starts["minute"].to_numpy()
        return {o: round(m, 4) for o, m in zip(starts["order"], minutes, strict=True)}

    forwards = lot_minutes("O1", "O2")
    assert forwards["O1"] != forwards["O2"]
    assert lot_minutes("O2", "O1") == forwards


def test_a_running_operation_comes_first_and_goes_on_where_it_was(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    state = shop({"O2": OrderState(0, "C", 0.75)})
    rows = [("C", 0, 25, "work", "O2/cut"), ("C", 25, 125, "work", "O1/cut")]
    for plan in (None, rows):
        result = run(two_orders(workshop), book(2), rows=plan, state=state)
        assert dict(result.starts("C"))["O2"] == 0
        assert result.completions()["O2"] == 25


def test_a_batch_between_operations_waits_at_the_start(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    works = workshop({"cut": None, "bend": None})
    works.unit("C", "cut", 100)
    works.unit("B", "bend", 30)
    result = run(works.compiled(), book({"O1": 0}), state=shop({"O1": OrderState(1)}))
    assert result.starts("B") == [("O1", 0)]
    assert result.starts("C") == []


def test_a_finished_order_is_left_alone(workshop: Any, book: Any, run: Any, shop: Any) -> None:
    result = run(two_orders(workshop), book(1), state=shop({"O1": OrderState(1)}))
    assert len(result.events("release")) == len(result.events("start")) == 0
