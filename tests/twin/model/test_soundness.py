"""Plants that make no sense are refused in words, although every name in them is known."""

from typing import Any

import pytest

from twin.errors import InputError
from twin.model.plant import Plant, checked


def plant(**changes: Any) -> dict[str, Any]:
    """Two operations, a and b, a unit for each, one product; with some keys changed."""
    return {
        "id": "tiny",
        "areas": [{"id": "hall"}],
        "crews": [{"id": "crew", "size": 1}],
        "operations": [{"id": "a"}, {"id": "b"}],
        "routes": [{"id": "ab", "operations": ["a", "b"]}],
        "products": [{"id": "P", "family": "p", "route": "ab"}],
        "work_units": [unit("A", "a"), unit("B", "b")],
        **changes,
    }


def unit(id: str, operation: str, row: Any = None, **changes: Any) -> dict[str, Any]:
    facts = {"operation": operation, "basis": "order", "time": {"*": 1}, **(row or {})}
    return {"id": id, "area": "hall", "processing": [facts], **changes}


def mode(**changes: Any) -> dict[str, Any]:
    once = {"law": "constant", "value": 60}
    return {"id": "wear", "time_to_failure": once, "time_to_repair": once, **changes}


def task(**changes: Any) -> dict[str, Any]:
    facts = {"id": "t", "interval": 600, "tolerance": 0, "duration": 5, "crew": "crew"}
    return {**facts, **changes}


def worn(**changes: Any) -> dict[str, Any]:
    """A mode that wears until level 3."""
    wear = {"process": "wiener", "rate": 1, "scale": 1, "limit": 3}
    return mode(time_to_failure=None, degradation=wear, **changes)


def faults(content: dict[str, Any]) -> list[str]:
    try:
        checked(Plant.model_validate(content), "tiny")
    except InputError as error:
        return [str(fault) for fault in error.faults]
    return []


def branch(after: str, **to: float) -> dict[str, Any]:
    return {"after": after, "to": to}


def route(*branches: dict[str, Any], operations: str = "ab") -> list[dict[str, Any]]:
    return [{"id": "ab", "operations": list(operations), "branches": list(branches)}]


def test_a_plain_plant_is_sound() -> None:
    assert faults(plant()) == []


# --- routes ---


def test_a_rework_loop_that_nothing_leaves_is_named() -> None:
    found = faults(plant(routes=route(branch("b", a=1))))
    assert found == [
        'routes.0.branches: jobs that come to "a", "b" never leave; '
        "give a share to end, scrap or an operation further on"
    ]


def test_an_endless_loop_behind_a_branch_is_named_once() -> None:
    operations = [{"id": id} for id in "abc"]
    units = [unit(id.upper(), id) for id in "abc"]
    found = faults(
        plant(
            operations=operations,
            work_units=units,
            routes=route(branch("a", b=0.5, end=0.5), branch("c", b=1), operations="abc"),
        )
    )
    assert len(found) == 1
    assert '"b", "c" never leave' in found[0]


def test_a_share_of_nothing_leaves_no_loop() -> None:
    assert len(faults(plant(routes=route(branch("b", a=1, end=0))))) == 1


@pytest.mark.parametrize("way_out", ["end", "scrap"])
def test_a_rework_loop_that_some_leave_is_sound(way_out: str) -> None:
    assert faults(plant(routes=route(branch("b", a=0.9, **{way_out: 0.1})))) == []


def test_an_operation_that_branches_go_round_is_named() -> None:
    found = faults(plant(routes=route(branch("a", end=1))))
    assert found[0].startswith('routes.0.operations: no job ever comes to "b"')


def test_an_operation_that_only_rework_comes_to_is_sound() -> None:
    units = [unit("A", "a", inspection={"rework_to": "b"}), unit("B", "b")]
    assert faults(plant(work_units=units, routes=route(branch("a", end=1)))) == []


# --- stocks ---


def assembly(**stock: Any) -> dict[str, Any]:
    operations = [{"id": "a"}, {"id": "b", "uses": {"nuts": 2}}]
    return plant(operations=operations, stocks=[{"id": "nuts", **stock}])


def test_a_part_that_nobody_makes_or_buys_is_named() -> None:
    (found,) = faults(assembly())
    assert found.startswith('stocks.0: "nuts": it is used by "b", and nobody fills it; give it')


@pytest.mark.parametrize(
    "stock",
    [{"on_hand": 5}, {"reorder_point": -1, "lead_time": {"law": "constant", "value": 5}}],
)
def test_parts_on_hand_or_on_order_are_enough(stock: dict[str, Any]) -> None:
    assert faults(assembly(**stock)) == []


def test_a_spare_that_can_never_be_had_is_named() -> None:
    units = [unit("A", "a", failure_modes=[mode(spare="bolt")]), unit("B", "b")]
    (found,) = faults(plant(stocks=[{"id": "bolt"}], work_units=units))
    assert 'it is used by repairs of "A", and nobody fills it' in found


def test_a_product_that_needs_itself_first_is_named() -> None:
    content = assembly()
    content["products"][0]["into"] = "nuts"
    (found,) = faults(content)
    assert 'it is used by "b", and nothing can ever come into it: product "P" needs nuts' in found


def test_pallets_that_come_back_are_sound() -> None:
    content = assembly(on_hand=4)
    content["products"][0]["into"] = "nuts"
    assert faults(content) == []


def test_two_products_that_wait_for_each_other_are_named() -> None:
    operations = [{"id": "a", "uses": {"second": 1}}, {"id": "b", "uses": {"first": 1}}]
    found = faults(
        plant(
            operations=operations,
            routes=[{"id": "one", "operations": ["a"]}, {"id": "two", "operations": ["b"]}],
            stocks=[{"id": "first"}, {"id": "second"}],
            products=[
                {"id": "P", "family": "p", "route": "one", "into": "first"},
                {"id": "Q", "family": "p", "route": "two", "into": "second"},
            ],
        )
    )
    assert len(found) == 2
    assert 'product "P" needs second first' in found[0]
    assert 'product "Q" needs first first' in found[1]


def test_a_stock_with_a_limit_that_nobody_empties_is_named() -> None:
    products = [{"id": "P", "family": "p", "route": "ab", "into": "shelf"}]
    full = plant(products=products, stocks=[{"id": "shelf", "capacity": 9}])
    assert 'stocks.0.capacity: got 9; nobody takes from "shelf"' in faults(full)[0]
    assert faults(plant(products=products, stocks=[{"id": "shelf"}])) == []


# --- room, loads, setups ---


def test_room_has_one_measure() -> None:
    operations = [{"id": "a"}, {"id": "b", "buffer_kg": 5e6, "buffer_jobs": 2}]
    (found,) = faults(plant(operations=operations))
    assert "operations.1: room in buffer_kg and in buffer_jobs" in found


def test_jobs_are_not_carried_to_where_there_is_no_room() -> None:
    step = {"id": "b", "buffer_jobs": 0, "carriage": {"by": "fork", "time": 5}}
    carried = plant(operations=[{"id": "a"}, step], transports=[{"id": "fork", "vehicles": 1}])
    assert faults(carried)[0].startswith("operations.1.buffer_jobs: got 0; jobs are carried")
    step["buffer_jobs"] = 1
    assert faults(carried) == []


def test_a_load_whose_time_hangs_on_its_first_job_is_named() -> None:
    load = {"max_jobs": 3}
    units = [unit("A", "a", {"basis": "piece", "load": load}), unit("B", "b")]
    (found,) = faults(plant(work_units=units))
    assert found.startswith("work_units.0.processing.0.load: its time is that of its first job")
    assert faults(plant(work_units=[unit("A", "a", {"load": load}), unit("B", "b")])) == []


def waiting_load(room: int, **load: Any) -> list[str]:
    operations = [{"id": "a"}, {"id": "b", "buffer_jobs": room}]
    row = {"load": {"max_jobs": 4, "min_jobs": 4, **load}}
    return faults(plant(operations=operations, work_units=[unit("A", "a"), unit("B", "b", row)]))


def test_a_load_that_waits_for_more_jobs_than_find_room_is_named() -> None:
    """Two in the buffer and one that stays on the unit before are three."""
    assert "it waits for 4 jobs, and at most 3 find room before" in waiting_load(2)[0]


def test_a_load_that_can_fill_or_does_not_wait_for_ever_is_sound() -> None:
    assert waiting_load(3) == []
    assert waiting_load(1, longest_wait=60) == []


def asking(work: str, crew: str) -> dict[str, Any]:
    """One kind of work on unit A asks for a crew; nobody of NIGHT is ever there."""
    crews = [
        {"id": "DAY", "size": 1, "skills": ["some"]},
        {"id": "NIGHT", "size": 2, "skills": ["some", "pairs"], "calendar": "never"},
    ]
    people = 2 if crew == "pairs" else 1
    row = {"operators": crew, "people": people} if work == "operators" else {}
    parts = {
        "setup": {"setup": {"by": "family", "crew": crew}},
        "failure": {"failure_modes": [mode(crew=crew, people=people)]},
        "task": {"maintenance": [task(crew=crew, people=people)]},
    }
    units = [unit("A", "a", row, **parts.get(work, {})), unit("B", "b")]
    never = {"id": "never", "weekly": {"mon": []}, "exceptions": {"2026-12-25": []}}
    return plant(crews=crews, calendars=[never], work_units=units)


@pytest.mark.parametrize(
    ("work", "where"),
    [
        ("setup", "setup.crew"),
        ("operators", "processing.0.operators"),
        ("failure", "failure_modes.0.crew"),
        ("task", "maintenance.0.crew"),
    ],
)
def test_work_for_people_who_are_never_there_is_named(work: str, where: str) -> None:
    assert faults(asking(work, "NIGHT")) == [
        f'work_units.0.{where}: nobody of "NIGHT" is ever on duty: calendar "never" has no hours; '
        "give it windows, or the crew another calendar"
    ]
    assert faults(asking(work, "some")) == []
    assert len(faults(asking(work, "pairs"))) == 1


def test_a_crew_of_single_dates_is_there_at_times() -> None:
    content = asking("setup", "NIGHT")
    content["calendars"][0]["exceptions"]["2026-12-26"] = ["08:00-12:00"]
    assert faults(content) == []


def test_a_setup_by_what_no_product_has_is_named() -> None:
    units = [unit("A", "a", setup={"by": "famly"}), unit("B", "b")]
    (found,) = faults(plant(work_units=units))
    assert found == (
        'work_units.0.setup.by: no product has an attribute "famly"; did you mean "family"?'
    )


# --- maintenance ---


def kept(*modes: dict[str, Any], **changes: Any) -> list[str]:
    """Faults with some failure modes and one task on unit A."""
    first = unit("A", "a", failure_modes=list(modes), maintenance=[task(**changes)])
    return faults(plant(work_units=[first, unit("B", "b")]))


def test_a_task_that_is_due_again_when_it_ends_is_named() -> None:
    assert "the unit would do nothing else" in kept(duration=600)[0]
    assert "due again whenever it ends" in kept(opportunity=600)[0]
    assert kept(duration=599, opportunity=599) == []


def test_a_hidden_failure_that_nobody_would_find_is_named() -> None:
    hidden = mode(detected="at_inspection")
    (found,) = kept(hidden, due_by="operating")
    assert "nobody ever finds that" in found
    assert "work_units.0.failure_modes.0.detected" in found
    assert kept(hidden, due_by="calendar") == []


def test_a_hidden_failure_is_found_by_its_condition_or_its_age_in_calendar_time() -> None:
    found_by = {"due_by": "condition", "condition": {"mode": "wear", "level": 2}}
    assert kept(worn(detected="at_inspection"), **found_by) == []
    aged = mode(detected="at_inspection", clock="calendar")
    assert kept(aged, due_by="age", renews=["wear"]) == []
    assert len(kept(mode(detected="at_inspection"), due_by="age", renews=["wear"])) == 1


def test_a_condition_beyond_the_failure_is_named_unless_it_finds_hidden_ones() -> None:
    late = {"due_by": "condition", "condition": {"mode": "wear", "level": float("inf")}}
    (found,) = kept(worn(), **late)
    assert 'got an infinite level; "wear" fails at 3, before the task is ever due' in found
    assert kept(worn(detected="at_inspection"), **late) == []


def test_parts_always_waiting_that_take_no_time_are_named() -> None:
    units = [unit(id, o, {"time": {"*": 0}}) for id, o in (("A", "a"), ("B", "b"))]
    [fault] = faults(plant(work_units=units, sources=[{"id": "S", "product": "P"}]))
    assert "none takes any time" in fault


def test_parts_that_come_faster_than_a_clock_can_tell_are_named() -> None:
    between = {"law": "exponential", "scale": 1e-6}
    [fault] = faults(plant(sources=[{"id": "S", "product": "P", "time_between": between}]))
    assert "a millisecond" in fault


@pytest.mark.parametrize(
    "changes",
    [
        {"stocks": [{"id": "S", "on_hand": 10**30}]},
        {"transports": [{"id": "T", "vehicles": 10**9}]},
        {"operations": [{"id": "a", "uses": {"S": 10**15}}, {"id": "b"}]},
        {"work_units": [unit("A", "a", {"time": {"*": float("inf")}}), unit("B", "b")]},
    ],
)
def test_numbers_that_somebody_mistyped_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"less than or equal|finite"):
        Plant.model_validate(plant(**changes))
