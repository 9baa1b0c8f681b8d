"""The hand-made plan passes; one planted fault of each kind is refused by its name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.twin.accounting.conftest import Case, minute, small_plant, work
from twin.accounting.check import RULES
from twin.accounting.inspection import Inspection
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.plant import Plant
from twin.model.schedule import Schedule, Segment
from twin.model.state import OrderState

Edit = Callable[[Case], Case]


def faults_named(case: Case, name: str) -> list[str]:
    return [str(f) for f in case.check().faults if f.found.startswith(f"{name}: ")]


def names(case: Case) -> set[str]:
    return {fault.found.partition(": ")[0] for fault in case.check().faults}


def test_the_hand_made_plan_passes(case: Case) -> None:
    assert case.check().faults == ()


# --- one planted fault of each kind: its name, where it must be reported, and the edit ---


def with_service_on_p2(case: Case, at: float) -> Case:
    """P-2 is served by the same crew of one, on the same due date as P-1."""
    plant = two_services(size=1)
    segment = Segment("P-2", at, at + 90, "maintenance", task="service")
    last = {"service": minute(720) - timedelta(days=7)}
    return case.having(plant=plant).with_unit("P-2", last_maintenance=last).plus(segment)


def two_services(size: int) -> Plant:
    small = small_plant()
    task = small.unit("P-1").maintenance[0].model_copy(update={"renews": []})
    units = [
        u.model_copy(update={"maintenance": [task]}) if u.id == "P-2" else u
        for u in small.work_units
    ]
    crew = small.crews[0].model_copy(update={"size": size})
    return small.model_copy(update={"work_units": units, "crews": [crew]})


def with_buffer(case: Case, kg: float) -> Case:
    """Room before the furnace for so much; O1 (90 kg) and O3 (180 kg) wait there together."""
    operations = [{"id": "press"}, {"id": "harden", "buffer_kg": kg}, {"id": "pack"}]
    plant = small_plant(operations=operations)
    return case.having(plant=plant)


def running(case: Case) -> Case:
    """O1 runs on P-1 at the cut-off, and its plan goes on at 06:00 for the 36 min left."""
    order = OrderState(running_on="P-1", done_fraction=0.4)
    changed = case.having(state=replace(case.state, orders={"O1": order}))
    return changed.moved({"start": 60, "end": 96}, order="O1", operation="press")


def swapped_to_night(case: Case) -> Case:
    """O3 is pressed from 05:30 on, half an hour of it before the shift."""
    return case.moved({"start": 30, "end": 105}, order="O3", operation="press")


def without_hardening(case: Case, order: str) -> Case:
    """Without the operation on the furnace and the one after it."""
    return case.without(order=order, operation="harden").without(order=order, operation="pack")


def cooled_over_night(case: Case) -> Case:
    """The furnace on day shift pauses an operation from 21:20 to 06:00 and goes cold meanwhile."""
    plant = small_plant()
    units = [
        u.model_copy(update={"calendar": "day"}) if u.id == "F-1" else u for u in plant.work_units
    ]
    paused = case.having(plant=plant.model_copy(update={"work_units": units}))
    return without_hardening(paused, "O3").plus(
        Segment("F-1", 270, 930, "standby"),
        Segment("F-1", 930, 990, "setup", "O3", "harden"),
        *work("F-1", "O3", "harden", (990, 1020), (1500, 1550)),
        *work("K-1", "O3", "pack", (1550, 1562)),
        Segment("F-1", 1320, 1500, "startup"),
    )


PLANTED: dict[str, tuple[str, str, Edit]] = {
    "overlap": (
        "overlap",
        "P-1, work of press for order O2, Mon 2026-11-23 07:25",
        lambda c: c.moved({"start": 145, "end": 205}, order="O2", kind="work", operation="press"),
    ),
    "overlap of a long segment with one behind the next": (
        "overlap",
        "K-1, work of pack for order O3",
        lambda c: c.moved({"start": 210, "end": 420}, order="O2", operation="pack"),
    ),
    "work off shift": ("wrong calendar", "P-2, work of press for order O3", swapped_to_night),
    "setup off shift": (
        "wrong calendar",
        "P-1, setup of press for order O2, Mon 2026-11-23 21:50",
        lambda c: c.moved({"start": 1010, "end": 1040}, kind="setup", order="O2").moved(
            {"start": 1500, "end": 1560}, kind="work", order="O2", operation="press"
        ),
    ),
    "missing setup": (
        "missing setup",
        "P-1, work of press for order O2",
        lambda c: c.without(kind="setup", order="O2"),
    ),
    "setup too short": (
        "wrong setup time",
        "P-1, setup of press for order O2",
        lambda c: c.moved({"end": 149}, kind="setup", order="O2"),
    ),
    "setup too long": (
        "wrong setup time",
        "F-1, setup of harden for order O3",
        lambda c: c.moved({"end": 331}, kind="setup", order="O3").moved(
            {"start": 331, "end": 411}, kind="work", order="O3", operation="harden"
        ),
    ),
    "setup where none is needed": (
        "wrong setup time",
        "P-2, setup of press for order O4",
        lambda c: c.plus(Segment("P-2", 560, 600, "setup", "O4", "press")),
    ),
    "setup before the work of another": (
        "setup out of place",
        "P-1, setup of press for order O2",
        lambda c: c.moved({"start": 60, "end": 90}, kind="setup", order="O2").moved(
            {"start": 90, "end": 150}, order="O1", operation="press"
        ),
    ),
    "setup without work behind it": (
        "setup out of place",
        "P-1, setup of press for order O1",
        lambda c: c.plus(Segment("P-1", 400, 440, "setup", "O1", "press")),
    ),
    "maintenance between setup and work": (
        "setup out of place",
        "P-1, setup of press for order O2",
        lambda c: c.moved({"start": 150, "end": 240}, kind="maintenance").moved(
            {"start": 240, "end": 300}, order="O2", kind="work", operation="press"
        ),
    ),
    "wrong unit": (
        "wrong unit",
        "P-2, work of press for order O1",
        lambda c: c.moved(
            {"work_unit": "P-2", "start": 200, "end": 260}, order="O1", operation="press"
        ),
    ),
    "before its predecessor ends": (
        "operation order",
        "K-1, work of pack for order O2",
        lambda c: c.moved({"start": 205, "end": 217}, order="O2", operation="pack"),
    ),
    "before its release": (
        "before release",
        "P-1, setup of press for order O2",
        lambda c: c.with_order("O2", release_date=minute(121)),
    ),
    "before the plan begins": (
        "outside the horizon",
        "F-1, startup",
        lambda c: c.moved({"start": -5, "end": 175}, kind="startup"),
    ),
    "after the plan ends": (
        "outside the horizon",
        "K-1, work of pack for order O4",
        lambda c: c.moved({"start": 2830, "end": 2910}, order="O4", operation="pack"),
    ),
    "too little work": (
        "wrong work minutes",
        "P-1, work of press for order O2",
        lambda c: c.moved({"end": 209.99}, order="O2", kind="work", operation="press"),
    ),
    "too much work": (
        "wrong work minutes",
        "P-1, work of press for order O2",
        lambda c: c.moved({"end": 210.001}, order="O2", kind="work", operation="press"),
    ),
    "order missing": ("order missing", "order O4", lambda c: c.without(order="O4")),
    "operation missing": (
        "operation missing",
        "order O4",
        lambda c: c.without(order="O4", operation="pack"),
    ),
    "operation planned twice": (
        "planned twice",
        "K-1, work of pack for order O2",
        lambda c: c.plus(*work("K-1", "O2", "pack", (222, 234))),
    ),
    "the same segment twice": (
        "overlap",
        "K-1, work of pack for order O2",
        lambda c: c.plus(*work("K-1", "O2", "pack", (210, 222))),
    ),
    "operation done before the cut-off": (
        "already done",
        "P-1, work of press for order O1",
        lambda c: c.having(state=replace(c.state, orders={"O1": OrderState(operations_done=1)})),
    ),
    "operation on two units": (
        "split operation",
        "P-2, work of press for order O4",
        lambda c: c.moved({"work_unit": "P-1"}, order="O4", start=1500),
    ),
    "operation interrupted in open time": (
        "interrupted",
        "P-2, work of press for order O3",
        lambda c: c.without(order="O3", operation="press").plus(
            *work("P-2", "O3", "press", (60, 100), (101, 136))
        ),
    ),
    "unknown order": (
        "unknown order",
        "K-1, work of pack for order O9",
        lambda c: c.plus(*work("K-1", "O9", "pack", (300, 312))),
    ),
    "unknown unit": (
        "unknown unit",
        "K-7, work of pack for order O2",
        lambda c: c.moved({"work_unit": "K-7"}, order="O2", operation="pack"),
    ),
    "operation not on the route": (
        "unknown operation",
        "F-1, work of harden for order O2",
        lambda c: c.plus(*work("F-1", "O2", "harden", (500, 580))),
    ),
    "unknown task": (
        "unknown task",
        "P-1, maintenance oiling",
        lambda c: c.plus(Segment("P-1", 400, 430, "maintenance", task="oiling")),
    ),
    "unknown kind": (
        "unknown kind",
        "P-1, lunch",
        lambda c: c.plus(Segment("P-1", 400, 430, "lunch")),  # type: ignore[arg-type]
    ),
    "ends before it starts": (
        "wrong times",
        "P-1, standby",
        lambda c: c.plus(Segment("P-1", 430, 400, "standby")),
    ),
    "no number": (
        "wrong times",
        "P-1, standby",
        lambda c: c.plus(Segment("P-1", 400, float("nan"), "standby")),
    ),
    "takes no time": (
        "wrong times",
        "P-1, setup of press for order O1",
        lambda c: c.plus(Segment("P-1", 60, 60, "setup", "O1", "press")),
    ),
    "PM outside its window": (
        "maintenance outside its window",
        "P-1, maintenance service, Tue 2026-11-24 17:01",
        lambda c: c.moved({"start": 2161, "end": 2251}, kind="maintenance"),
    ),
    "PM missing": (
        "missing maintenance",
        "P-1, maintenance service",
        lambda c: c.without(kind="maintenance"),
    ),
    "PM that is not due": (
        "maintenance not due",
        "P-1, maintenance service, Tue 2026-11-24 08:00",
        lambda c: c.plus(Segment("P-1", 1620, 1710, "maintenance", task="service")),
    ),
    "PM of wrong length": (
        "wrong maintenance time",
        "P-1, maintenance service",
        lambda c: c.moved({"end": 299}, kind="maintenance"),
    ),
    "PM outside the crew's shift": (
        "crew off shift",
        "P-1, maintenance service, Mon 2026-11-23 21:00",
        lambda c: c.moved({"start": 960, "end": 1050}, kind="maintenance"),
    ),
    "crew over capacity": (
        "crew over capacity",
        "P-2, maintenance service, Mon 2026-11-23 08:59",
        lambda c: with_service_on_p2(c, at=239),
    ),
    "no startup from off": (
        "missing startup",
        "F-1, standby",
        lambda c: c.without(kind="startup"),
    ),
    "startup too short": (
        "wrong startup time",
        "F-1, startup",
        lambda c: c.moved({"start": 1}, kind="startup"),
    ),
    "startup of a unit that needs none": (
        "wrong startup time",
        "K-1, startup",
        lambda c: c.plus(Segment("K-1", 200, 210, "startup")),
    ),
    "startup that leads nowhere": (
        "startup out of place",
        "F-1, startup, Mon 2026-11-23 15:00",
        lambda c: c.plus(Segment("F-1", 600, 780, "startup")),
    ),
    "gap without standby": (
        "missing standby",
        "F-1, work of harden for order O1",
        lambda c: c.moved({"end": 185}, kind="standby"),
    ),
    "cold in the pause of an operation": (
        "missing standby",
        "F-1, work of harden for order O3, Tue 2026-11-24 06:00",
        cooled_over_night,
    ),
    "standby from cold": (
        "missing standby",
        "F-1, standby, Mon 2026-11-23 13:20",
        lambda c: c.plus(Segment("F-1", 500, 510, "standby")),
    ),
    "unit under repair": (
        "unit unavailable",
        "P-2, work of press for order O3",
        lambda c: c.with_unit("P-2", unavailable_minutes=60.5),
    ),
    "running operation on another unit": (
        "running operation moved",
        "P-2, work of press for order O3",
        lambda c: c.having(
            state=replace(c.state, orders={"O3": OrderState(running_on="P-1", done_fraction=0.0)})
        ),
    ),
    "running operation not first": (
        "running operation not first",
        "P-1, setup of press for order O2",
        lambda c: (
            running(c)
            .moved({"start": 60, "end": 90}, kind="setup", order="O2")
            .moved({"start": 90, "end": 150}, kind="work", order="O2", operation="press")
            .moved({"start": 150, "end": 186}, order="O1", operation="press")
        ),
    ),
    "running operation delayed": (
        "running operation delayed",
        "P-1, work of press for order O1",
        lambda c: running(c).moved({"start": 80, "end": 116}, order="O1", operation="press"),
    ),
    "running operation worked in full": (
        "wrong work minutes",
        "P-1, work of press for order O1",
        lambda c: running(c).moved({"start": 60, "end": 120}, order="O1", operation="press"),
    ),
    "buffer over capacity": (
        "buffer over capacity",
        "buffer before harden, Mon 2026-11-23 07:15",
        lambda c: with_buffer(c, kg=269),
    ),
    "unplaced, yet planned": (
        "unplaced, yet planned",
        "order O2",
        lambda c: c.with_segments(c.schedule.segments, unplaced=("O2",)),
    ),
    "unknown order among the unplaced": (
        "unknown order",
        "unplaced orders",
        lambda c: c.with_segments(c.schedule.segments, unplaced=("O22",)),
    ),
    "claimed value": (
        "wrong claim",
        "value.energy_kwh",
        lambda c: c.with_segments(
            c.schedule.segments,
            value=replace(c.value(), energy_kwh=c.value().energy_kwh * (1 + 2e-6)),
        ),
    ),
    "claim that is no number": (
        "wrong claim",
        "value.setup_cost",
        lambda c: c.with_segments(
            c.schedule.segments, value=replace(c.value(), setup_cost=float("nan"))
        ),
    ),
    "bound above the value": (
        "wrong bound",
        "bound",
        lambda c: c.with_segments(c.schedule.segments, bound=c.value().total_cost * 1.00001),
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_refused_by_name(case: Case, kind: str) -> None:
    name, where, edit = PLANTED[kind]
    found = faults_named(edit(case), name)
    assert any(fault.startswith(where) for fault in found), case.check().describe()
    assert not edit(case).check().is_feasible


ALONE = [
    "overlap", "work off shift", "missing setup", "crew over capacity", "PM outside its window",
    "order missing", "before its release", "PM missing", "PM that is not due",
    "operation planned twice", "buffer over capacity", "gap without standby", "unit under repair",
    "running operation delayed", "too little work", "cold in the pause of an operation",
]  # fmt: skip


@pytest.mark.parametrize("kind", ALONE)
def test_a_planted_fault_is_called_nothing_else(case: Case, kind: str) -> None:
    name, _, edit = PLANTED[kind]
    assert names(edit(case)) == {name}


def test_every_rule_has_a_planted_fault(case: Case) -> None:
    spoken = set()
    for _, _, edit in PLANTED.values():
        plan = inspection_of(edit(case))
        spoken |= {rule.__name__ for rule in RULES if [*rule(plan)]}
    assert spoken == {rule.__name__ for rule in RULES}


def inspection_of(case: Case) -> Inspection:
    compiled = compile_plant(case.plant, case.schedule.horizon)
    return Inspection(case.schedule, compiled, case.orders, case.state)


# --- what is allowed is not called a fault ---


def with_night_crew(case: Case) -> Case:
    """P-1 presses O2 over night; the crew, now always there, serves it meanwhile."""
    crews = [{"id": "MECH", "size": 1}]
    return (
        case.having(plant=small_plant(crews=crews))
        .without(order="O2")
        .plus(
            Segment("P-1", 960, 990, "setup", "O2", "press"),
            *work("P-1", "O2", "press", (990, 1020), (1500, 1530)),
            *work("K-1", "O2", "pack", (1530, 1542)),
        )
        .moved({"start": 1100, "end": 1190}, kind="maintenance")
    )


ALLOWED: dict[str, Edit] = {
    "a running operation that goes on at once": running,
    "a setup long before its work": lambda c: (
        c.moved({"start": 160, "end": 220}, order="O2", kind="work", operation="press")
        .moved({"start": 220, "end": 310}, kind="maintenance")
        .moved({"start": 220, "end": 232}, order="O2", operation="pack")
    ),
    "no setup from an unknown key": lambda c: c.with_unit("P-1", setup_key="").moved(
        {"start": 60, "end": 120}, order="O1", operation="press"
    ),
    "a unit that is on needs no startup": lambda c: (
        c.with_unit("F-1", is_on=True).without(kind="startup").moved({"start": 0}, kind="standby")
    ),
    "off and started up again between two orders": lambda c: without_hardening(c, "O3").plus(
        Segment("F-1", 420, 600, "startup"),
        Segment("F-1", 600, 660, "setup", "O3", "harden"),
        *work("F-1", "O3", "harden", (660, 740)),
        *work("K-1", "O3", "pack", (740, 752)),
    ),
    "maintenance by night in the pause of an operation": with_night_crew,
    "two tasks of a crew one behind the other": lambda c: with_service_on_p2(c, at=300),
    "two tasks at once by a crew of two": lambda c: with_service_on_p2(c, at=239).having(
        plant=two_services(size=2)
    ),
    "buffer exactly full": lambda c: with_buffer(c, kg=270),
    "an order heavier than the buffer that waits alone": lambda c: with_buffer(c, kg=100).moved(
        {"start": 200, "end": 275}, order="O3", operation="press"
    ),
    "rounding of a millionth of a minute": lambda c: c.moved(
        {"start": 150 - 5e-7}, order="O2", kind="work", operation="press"
    ),
    "an order left out and listed": lambda c: c.without(order="O4").with_segments(
        c.without(order="O4").schedule.segments, unplaced=("O4",)
    ),
    "a finished order without segments": lambda c: (
        c.without(order="O1")
        .moved({"start": 180, "end": 270}, kind="standby")
        .having(state=replace(c.state, orders={"O1": OrderState(operations_done=3)}))
    ),
}


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_is_allowed_is_no_fault(case: Case, kind: str) -> None:
    found = ALLOWED[kind](case).check()
    assert found.faults == (), found.describe()


def test_batches_that_wait_at_the_cut_off_may_overfill_a_buffer(case: Case) -> None:
    state = replace(
        case.state,
        orders={"O1": OrderState(operations_done=1), "O3": OrderState(operations_done=1)},
    )
    waiting = with_buffer(case, kg=200).having(state=state)
    waiting = waiting.without(order="O1", operation="press").without(order="O3", operation="press")
    assert waiting.check().faults == ()


def test_an_unplaced_order_is_counted_and_charged(case: Case) -> None:
    left = case.without(order="O4")
    result = left.with_segments(left.schedule.segments, unplaced=("O4",)).check()
    assert result.is_feasible
    assert result.unplaced == ("O4",)
    assert result.value.tardiness_cost > case.check().value.tardiness_cost


def test_an_unplaced_order_may_finish_the_operation_it_is_in(case: Case) -> None:
    begun = without_hardening(running(case), "O1")
    begun = begun.moved({"start": 180, "end": 270}, kind="standby")
    assert begun.with_segments(begun.schedule.segments, unplaced=("O1",)).check().faults == ()


def test_a_true_claim_is_believed(case: Case) -> None:
    value = case.value()
    claimed = case.with_segments(case.schedule.segments, value=value, bound=value.total_cost)
    assert claimed.check().is_feasible
    assert claimed.check().disagreement == 0.0


def test_without_a_claim_nothing_disagrees(case: Case) -> None:
    assert case.check().disagreement is None


def test_disagreement_is_the_largest_over_the_figures(case: Case) -> None:
    value = case.value()
    wrong = replace(value, peak_kw=value.peak_kw * 1.25)
    result = case.with_segments(case.schedule.segments, value=wrong).check()
    assert result.disagreement == pytest.approx(0.2)


def test_the_description_names_fault_and_cost(case: Case) -> None:
    text = PLANTED["overlap"][2](case).check().describe()
    assert "P-1" in text
    assert "07:25" in text
    assert "total cost" in text


def test_the_dictionary_has_the_verdict_and_the_figures(case: Case) -> None:
    content = PLANTED["order missing"][2](case).check().to_dict()
    assert content["is_feasible"] is False
    assert content["faults"][0]["where"] == "order O4"
    assert content["value"]["total_cost"] > 0


def test_times_are_those_on_the_wall_when_clocks_change(case: Case) -> None:
    """In the night summer time ends, half past two comes twice, an hour apart."""
    long_night = Horizon(datetime(2026, 10, 24, 22, tzinfo=UTC), 1500, "Europe/Paris")
    plan = inspection_of(case.having(schedule=Schedule(long_night, ())))
    assert plan.at(150) == plan.at(210) == "Sun 2026-10-25 02:30"
