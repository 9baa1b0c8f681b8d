"""Failures, repairs, crews and preventive tasks."""

from typing import Any

import pytest

from twin.model.state import OrderState, ShopState, UnitState

DAY_SHIFT = {"id": "day", "weekly": {"mon": ["06:00-14:00"], "tue": ["06:00-14:00"]}}


def mode(life: float, repair: float, **facts: Any) -> dict[str, Any]:
    return {
        "id": "wear",
        "time_to_failure": {"law": "constant", "value": life},
        "time_to_repair": {"law": "constant", "value": repair},
        **facts,
    }


def task(interval: float, duration: float, **facts: Any) -> dict[str, Any]:
    return {
        "id": "service", "interval": interval, "tolerance": 60, "duration": duration,
        "crew": "M", **facts,
    }  # fmt: skip


def crew(size: int = 1, calendar: str = "always") -> dict[str, Any]:
    calendars = [DAY_SHIFT] if calendar != "always" else []
    return {"crews": [{"id": "M", "size": size, "calendar": calendar}], "calendars": calendars}


def test_a_failure_interrupts_the_lot_which_resumes_after_repair(
    workshop: Any, book: Any, run: Any
) -> None:
    shop = workshop({"cut": None})
    shop.unit("C", "cut", 100, failure_modes=[mode(40, 15)])
    result = run(shop.compiled(300), book(1))
    assert result.states("C")[:5] == [
        ("working", 0, 40),
        ("repair", 40, 55),
        ("working", 55, 95),
        ("repair", 95, 110),
        ("working", 110, 130),
    ]
    assert len(result.events("start")) == len(result.events("end")) == 1


def test_an_operating_clock_stands_still_without_work(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None})
    shop.unit("C", "cut", 30, failure_modes=[mode(50, 10)])
    result = run(shop.compiled(), book({"O1": 0, "O2": 700}))
    assert ("repair", 720, 730) in result.states("C")


def test_a_calendar_clock_stops_an_idle_unit(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None})
    shop.unit("C", "cut", 30, failure_modes=[mode(200, 10, clock="calendar")])
    result = run(shop.compiled(500), book(0))
    assert result.states("C") == [
        ("off", 0, 200),
        ("repair", 200, 210),
        ("off", 210, 410),
        ("repair", 410, 420),
        ("off", 420, 500),
    ]


def test_a_blocked_unit_may_fail_twice_in_a_row(workshop: Any, book: Any, run: Any) -> None:
    """Blocked from 20 on; the second mode's life ends at 60, during the repair of the first."""
    shop = workshop({"cut": None, "bend": 1.0})
    first, second = (mode(life, 30, clock="calendar") for life in (50, 60))
    shop.unit("C", "cut", 10, failure_modes=[first, second | {"id": "second"}])
    shop.unit("B", "bend", 100)
    result = run(shop.compiled(300), book(3))
    assert result.states("C")[3:6] == [("blocked", 30, 50), ("repair", 50, 80), ("repair", 80, 110)]


def test_an_age_at_the_cut_off_is_counted(workshop: Any, book: Any, run: Any, shop: Any) -> None:
    works = workshop({"cut": None})
    works.unit("C", "cut", 100, failure_modes=[mode(80, 10)])
    state = shop(units={"C": UnitState(ages={"wear": 60})})
    assert ("repair", 20, 30) in run(works.compiled(), book(1), state=state).states("C")


def test_a_crew_of_one_repairs_one_after_the_other(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None}, **crew())
    for name in ("C1", "C2", "C3"):
        failing = [mode(100, 20, clock="calendar", crew="M")]
        shop.unit(name, "cut", 10, failure_modes=failing)
    result = run(shop.compiled(160), book(0))
    rows = result.intervals().query("state in ('down', 'repair')")
    assert rows[["work_unit", "state", "begin", "stop"]].values.tolist() == [
        ["C1", "repair", 100, 120],
        ["C2", "down", 100, 120],
        ["C2", "repair", 120, 140],
        ["C3", "down", 100, 140],
        ["C3", "repair", 140, 160],
    ]


def test_no_repair_ever_runs_beside_another_of_the_same_crew_of_one(
    workshop: Any, book: Any, run: Any
) -> None:
    exponential = {"law": "exponential", "scale": 300}
    failing = mode(1, 1, clock="calendar", crew="M") | {
        "time_to_failure": exponential, "time_to_repair": {"law": "exponential", "scale": 90},
    }  # fmt: skip
    shop = workshop({"cut": None}, **crew())
    for n in range(5):
        shop.unit(f"C{n}", "cut", 10, failure_modes=[failing])
    rows = run(shop.compiled(20_000), book(0)).intervals().query("state == 'repair'")
    rows = rows.sort_values("begin")
    assert len(rows) > 100
    assert (rows["begin"].to_numpy()[1:] >= rows["stop"].to_numpy()[:-1] - 1e-9).all()


def test_a_crew_begins_in_its_open_time_and_finishes_after_it(
    workshop: Any, book: Any, run: Any
) -> None:
    """Open 06:00-14:00: the first failure (02:00) waits, the repair begun at 13:30 goes on."""
    shop = workshop({"cut": None}, **crew(2, calendar="day"))
    shop.unit("C1", "cut", 10, failure_modes=[mode(120, 30, clock="calendar", crew="M")])
    shop.unit("C2", "cut", 10, failure_modes=[mode(810, 60, clock="calendar", crew="M")])
    result = run(shop.compiled(1440), book(0))
    assert result.states("C1")[1:3] == [("down", 120, 360), ("repair", 360, 390)]
    assert result.states("C2")[1:3] == [("repair", 810, 870), ("off", 870, 1440)]


def test_a_repair_goes_before_a_preventive_task(workshop: Any, book: Any, run: Any) -> None:
    """The crew is busy from 100 to 150; the task due at 110 lets the failure of 120 pass."""
    shop = workshop({"cut": None}, **crew())
    shop.unit("C1", "cut", 10, maintenance=[task(110, 20)])
    shop.unit("C2", "cut", 10, failure_modes=[mode(100, 50, clock="calendar", crew="M")])
    shop.unit("C3", "cut", 10, failure_modes=[mode(120, 30, clock="calendar", crew="M")])
    compiled = shop.compiled(250)
    done = {"service": compiled.horizon.start}
    state = ShopState(compiled.horizon.start, {}, {"C1": UnitState(last_maintenance=done)})
    result = run(compiled, book(0), state=state)
    assert result.states("C3")[1:4] == [("down", 120, 150), ("repair", 150, 180), ("off", 180, 250)]
    assert ("maintenance", 180, 200) in result.states("C1")


@pytest.mark.parametrize("names", [("TASK", "FAILS"), ("FAILS", "TASK")])
def test_a_repair_goes_first_when_both_come_at_once(
    workshop: Any, book: Any, run: Any, shop: Any, names: tuple[str, str]
) -> None:
    works = workshop({"cut": None}, **crew())
    for name in names:
        if name == "TASK":
            works.unit(name, "cut", 10, maintenance=[task(100, 20)])
        else:
            modes = [mode(100, 30, clock="calendar", crew="M")]
            works.unit(name, "cut", 10, failure_modes=modes)
    compiled = works.compiled(200)
    state = shop(units={"TASK": UnitState(last_maintenance={"service": compiled.horizon.start})})
    result = run(compiled, book(0), state=state)
    assert ("repair", 100, 130) in result.states("FAILS")
    assert ("maintenance", 130, 150) in result.states("TASK")


def test_without_a_plan_a_task_is_done_when_it_falls_due(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    works = workshop({"cut": None}, **crew())
    works.unit("C", "cut", 10, maintenance=[task(300, 30)])
    compiled = works.compiled(1000)
    state = shop(units={"C": UnitState(last_maintenance={"service": compiled.horizon.start})})
    spans = [
        row for row in run(compiled, book(0), state=state).states("C") if row[0] == "maintenance"
    ]
    assert spans == [
        ("maintenance", 300, 330),
        ("maintenance", 600, 630),
        ("maintenance", 900, 930),
    ]


def test_a_task_never_done_is_due_at_the_start(workshop: Any, book: Any, run: Any) -> None:
    works = workshop({"cut": None}, **crew())
    works.unit("C", "cut", 10, maintenance=[task(900, 30)])
    assert run(works.compiled(500), book(0)).states("C")[0] == ("maintenance", 0, 30)


def test_a_task_waits_for_the_end_of_the_operation(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    works = workshop({"cut": None}, **crew())
    works.unit("C", "cut", 200, maintenance=[task(100, 30)])
    compiled = works.compiled(600)
    state = shop(units={"C": UnitState(last_maintenance={"service": compiled.horizon.start})})
    states = run(compiled, book(2), state=state).states("C")
    assert states[:3] == [("working", 0, 200), ("maintenance", 200, 230), ("working", 230, 430)]


def test_a_task_makes_its_modes_as_good_as_new(workshop: Any, book: Any, run: Any) -> None:
    """Life 100 is never reached when the unit is serviced every 70 working minutes."""
    works = workshop({"cut": None}, **crew())
    renewing = [task(70, 5, renews=["wear"])]
    works.unit("C", "cut", 70, failure_modes=[mode(100, 50)], maintenance=renewing)
    states = {row[0] for row in run(works.compiled(2000), book(20)).states("C")}
    assert "maintenance" in states
    assert "repair" not in states


def test_a_task_that_renews_nothing_leaves_the_age(workshop: Any, book: Any, run: Any) -> None:
    works = workshop({"cut": None}, **crew())
    works.unit("C", "cut", 70, failure_modes=[mode(100, 50)], maintenance=[task(70, 5)])
    assert "repair" in {row[0] for row in run(works.compiled(2000), book(20)).states("C")}


def test_a_unit_waits_for_no_crew_while_there_is_work(workshop: Any, book: Any, run: Any) -> None:
    """The crew comes at 06:00; the task due at midnight does not keep the unit from working."""
    works = workshop({"cut": None}, **crew(calendar="day"))
    works.unit("C", "cut", 100, maintenance=[task(5000, 30)])
    states = run(works.compiled(600), book(4)).states("C")
    assert [state for state, _, _ in states[:5]] == [*["working"] * 4, "maintenance"]
    assert states[4] == ("maintenance", 400, 430)


def test_nothing_is_worked_during_repair_or_maintenance(
    run: Any, small: Any, small_orders: Any, shop: Any
) -> None:
    for replication in range(6):
        state = shop(units={"P-1": UnitState(ages={"spindle": 5000})})
        result = run(small, small_orders, state=state, replication=replication)
        rows = result.intervals().query("state in ('down', 'repair', 'maintenance')")
        moves = result.log.table[result.log.table["event"].isin(("start", "end"))]
        for row in rows.itertuples():
            inside = moves[(moves["work_unit"] == row.work_unit) & (moves["time"] > row.start)]
            assert not (inside["time"] < row.end).any()


def test_a_unit_in_repair_at_the_cut_off_does_nothing_before_its_end(
    workshop: Any, book: Any, run: Any, shop: Any
) -> None:
    works = workshop({"cut": None})
    works.unit("C", "cut", 100)
    state = shop({"O1": OrderState(0, "C", 0.25)}, {"C": UnitState(unavailable_minutes=45)})
    states = run(works.compiled(300), book(1), state=state).states("C")
    assert states[:2] == [("repair", 0, 45), ("working", 45, 120)]


@pytest.mark.parametrize("clock", ["operating", "calendar"])
def test_adding_a_unit_leaves_the_lives_of_the_others_alone(
    workshop: Any, book: Any, run: Any, clock: str
) -> None:
    exponential = {"law": "exponential", "scale": 500}
    failing = mode(1, 20, clock=clock) | {"time_to_failure": exponential}

    def repairs(names: list[str]) -> list[tuple[str, float, float]]:
        works = workshop({"cut": None})
        for name in names:
            works.unit(name, "cut", 10_000, failure_modes=[failing])
        releases = {f"O{n}": 0.0 for n in range(len(names))}
        states = run(works.compiled(6000), book(releases)).states("C")
        return [row for row in states if row[0] == "repair"]

    alone = repairs(["C"])
    assert len(alone) > 3
    assert repairs(["ANOTHER", "C"]) == alone
