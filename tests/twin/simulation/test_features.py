"""What a plant can do beyond machines and orders, each on the smallest plant that shows it.

All on the SimPy reference; that the kernel does the same is the matter of ``test_equality.py``.
"""

from typing import Any

import pytest

from tests.twin.simulation.conftest import MONDAY, Run, Workshop, orders
from twin.model.orders import OrderBook
from twin.model.state import ShopState, UnitState
from twin.simulation.experiment import Experiment
from twin.simulation.log import event_log
from twin.simulation.result import Totals
from twin.simulation.simpy_engine import SimpyEngine

CREW = {"id": "M", "size": 1}
NOW = MONDAY


def constant(minutes: float) -> dict[str, Any]:
    return {"law": "constant", "value": minutes}


def mode(life: float | None = None, repair: float = 10, **facts: Any) -> dict[str, Any]:
    life_of = {} if life is None else {"time_to_failure": constant(life)}
    return {"id": "wear", "time_to_repair": constant(repair), **life_of, **facts}


def service(interval: float, **facts: Any) -> dict[str, Any]:
    task = {"id": "service", "interval": interval, "tolerance": 60, "duration": 5, "crew": "M"}
    return task | facts


def simulated(
    works: Workshop, book: OrderBook, units: dict[str, UnitState] | None = None, minutes: int = 600
) -> tuple[Run, Totals]:
    plant = works.compiled(minutes)
    experiment = Experiment(plant, book, ShopState(NOW, {}, units or {}))
    result = SimpyEngine(experiment).run(0, trace=True)
    assert result.trace is not None
    return Run(plant, event_log(result.trace, experiment, "")), result.totals


def states(works: Workshop, book: OrderBook, unit: str = "C", **facts: Any) -> list[Any]:
    return simulated(works, book, **facts)[0].states(unit)


# --- failures ---


@pytest.mark.parametrize(
    ("rule", "lots"),
    [
        ("resume", [("working", 0, 40), ("repair", 40, 50), ("working", 50, 70)]),
        ("restart", [("working", 0, 40), ("repair", 40, 50), ("working", 50, 90)]),
        ("finish_first", [("working", 0, 60), ("repair", 60, 70), ("off", 70, 600)]),
        ("scrap", [("working", 0, 40), ("repair", 40, 50), ("off", 50, 600)]),
    ],
)
def test_a_failure_does_to_the_lot_what_its_mode_says(rule: str, lots: list[Any]) -> None:
    works = Workshop({"cut": None})
    works.unit("C", "cut", 60, failure_modes=[mode(40, interrupted=rule)], standby_timeout=0)
    assert states(works, orders(1))[:3] == lots


def test_a_lot_scrapped_by_a_failure_names_it() -> None:
    works = Workshop({"cut": None})
    works.unit("C", "cut", 60, failure_modes=[mode(40, interrupted="scrap")])
    run, totals = simulated(works, orders(1, quantity=3))
    row = run.events("end").iloc[0]
    assert (row["minute"], row["quantity"], row["scrap"], row["reason"]) == (40, 0, 3, "wear")
    assert totals.order_scrap.tolist() == [3]
    assert run.completions() == {"O1": 50}


def test_a_count_clock_ends_after_so_many_lots() -> None:
    works = Workshop({"cut": None})
    works.unit("C", "cut", 10, failure_modes=[mode(2, clock="count")])
    assert states(works, orders(3))[1:4] == [
        ("working", 10, 20),
        ("repair", 20, 30),
        ("working", 30, 40),
    ]


def test_a_hidden_failure_stands_until_a_task_finds_it() -> None:
    """The task renews nothing, so the failure is found at its end, and then repaired."""
    works = Workshop({"cut": None}, crews=[CREW])
    failing = mode(20, detected="at_inspection")
    works.unit("C", "cut", 60, failure_modes=[failing], maintenance=[service(100)])
    units = {"C": UnitState(last_maintenance={"service": NOW})}
    assert states(works, orders(1), units=units)[:5] == [
        ("working", 0, 20),
        ("down", 20, 100),
        ("maintenance", 100, 105),
        ("repair", 105, 115),
        ("working", 115, 135),
    ]


def test_a_common_cause_strikes_all_units_that_do_not_stand() -> None:
    works = Workshop({"cut": None}, common_causes=[{"id": "power", "time_between": constant(50)}])
    for name, life in (("A", None), ("B", None), ("C", 45)):
        trip = mode(repair=3, common_cause="power", id="trip", clock="calendar")
        own = [] if life is None else [mode(life, clock="calendar")]
        works.unit(name, "cut", 10, failure_modes=[trip, *own])
    run, totals = simulated(works, orders(0), minutes=60)
    assert [run.states(name)[1] for name in "ABC"] == [
        ("repair", 50, 53),
        ("repair", 50, 53),
        ("repair", 45, 55),
    ]
    assert totals.failures.tolist() == [1, 1, 0, 1]


def test_a_repair_waits_for_its_spare() -> None:
    stock = {"id": "S", "on_hand": 1, "reorder_point": 0, "lead_time": constant(100)}
    works = Workshop({"cut": None}, stocks=[stock])
    works.unit("C", "cut", 10, failure_modes=[mode(50, 5, clock="calendar", spare="S")])
    run, totals = simulated(works, orders(0), minutes=200)
    assert run.states("C")[1:5] == [
        ("repair", 50, 55),
        ("off", 55, 105),
        ("down", 105, 150),
        ("repair", 150, 155),
    ]
    assert (totals.demands.tolist(), totals.filled.tolist()) == ([2], [1])


def test_degradation_fails_at_the_step_in_which_it_reaches_its_limit() -> None:
    """Almost without noise: 1 an hour reaches 2.5 within the third hour."""
    wear = {"process": "wiener", "rate": 1, "scale": 1e-6, "limit": 2.5}
    works = Workshop({"cut": None})
    works.unit("C", "cut", 10, failure_modes=[mode(degradation=wear, clock="calendar")])
    assert states(works, orders(0))[:2] == [("off", 0, 180), ("repair", 180, 190)]


# --- preventive tasks ---


def test_a_condition_task_is_due_when_an_inspection_finds_the_level() -> None:
    wear = {"process": "wiener", "rate": 1, "scale": 1e-6, "limit": 9}
    works = Workshop({"cut": None}, crews=[CREW])
    task = service(
        90, due_by="condition", condition={"mode": "wear", "level": 2.5}, renews=["wear"]
    )
    failing = mode(degradation=wear, clock="calendar")
    works.unit("C", "cut", 10, failure_modes=[failing], maintenance=[task])
    run, totals = simulated(works, orders(0), minutes=300)
    assert run.states("C")[1] == ("maintenance", 180, 185)
    assert totals.inspections.tolist() == [3]  # at 90, 180 and 275


def test_a_task_by_work_waits_for_the_end_of_the_lot() -> None:
    works = Workshop({"cut": None}, crews=[CREW])
    works.unit("C", "cut", 30, maintenance=[service(40, due_by="operating")])
    assert states(works, orders(3))[1:4] == [
        ("working", 30, 60),
        ("maintenance", 60, 65),
        ("working", 65, 95),
    ]


def test_a_repair_as_good_as_new_puts_age_replacement_off() -> None:
    works = Workshop({"cut": None}, crews=[CREW])
    task = service(100, due_by="age", renews=["wear"])
    failing = mode(80, clock="calendar")
    works.unit("C", "cut", 10, failure_modes=[failing], maintenance=[task])
    found = {state for state, _, _ in states(works, orders(0))}
    assert "maintenance" not in found


def test_a_task_almost_due_is_done_when_the_unit_stands_anyway() -> None:
    works = Workshop({"cut": None}, crews=[CREW])
    failing = mode(70, clock="calendar")
    works.unit("C", "cut", 10, failure_modes=[failing], maintenance=[service(100, opportunity=30)])
    units = {"C": UnitState(last_maintenance={"service": NOW})}
    assert states(works, orders(0), units=units)[1:3] == [
        ("repair", 70, 80),
        ("maintenance", 80, 85),
    ]


# --- people ---


def test_work_waits_for_its_operators_and_gives_them_back() -> None:
    works = Workshop({"cut": None}, crews=[CREW])
    for name in ("C", "D"):
        works.unit(name, "cut", 30, row={"operators": "M"})
    run, totals = simulated(works, orders(2))
    assert run.starts("C") == [("O1", 0)]
    assert run.starts("D") == [("O2", 30)]
    assert run.states("D")[0] == ("standby", 0, 30)
    assert totals.crew_ticks.tolist() == [60 * 60_000_000]


def test_a_setup_waits_for_its_crew() -> None:
    works = Workshop({"cut": None}, crews=[CREW | {"skills": ["set"]}])
    setup = {"by": "family", "default": 20, "cv": 0, "crew": "set"}
    for name in ("C", "D"):
        works.unit(name, "cut", 30, setup=setup)
    units = {name: UnitState(setup_key="other") for name in ("C", "D")}
    run, _ = simulated(works, orders(2), units)
    assert run.states("C")[:2] == [("setup", 0, 20), ("working", 20, 50)]
    assert run.states("D")[:3] == [("standby", 0, 20), ("setup", 20, 40), ("working", 40, 70)]


# --- stocks, loads, transports ---


def test_assembly_waits_for_parts_that_the_plant_makes() -> None:
    products = [
        {"id": "A", "family": "f", "route": "all"},
        {"id": "PART", "family": "g", "route": "parts", "into": "S"},
    ]
    routes = [{"id": "all", "operations": ["join"]}, {"id": "parts", "operations": ["cut"]}]
    works = Workshop({}, products=products, routes=routes, stocks=[{"id": "S"}])
    works.facts["operations"] = [{"id": "join", "uses": {"S": 2}}, {"id": "cut"}]
    works.unit("J", "join", 5)
    works.unit("C", "cut", 30)
    parts = orders({"P1": 0, "P2": 0}, product="PART")
    run, totals = simulated(works, OrderBook((*orders(1), *parts)))
    assert run.starts("J") == [("O1", 60)]
    assert totals.owed_area.tolist() == [2 * 60 * 60_000_000]


def test_a_full_stock_blocks_the_unit_that_fills_it() -> None:
    """Room for five pieces: the second job of four stays until a repair has used up three."""
    product = {"id": "A", "family": "f", "route": "all", "into": "S"}
    stocks, closed = [{"id": "S", "capacity": 5}], [{"id": "closed"}]
    works = Workshop({"cut": None}, products=[product], stocks=stocks, calendars=closed)
    failing = [mode(50, 5, clock="calendar", spare="S")]
    works.unit("C", "cut", 10)
    works.unit("D", "cut", 10, failure_modes=failing, calendar="closed")
    assert states(works, orders(2, quantity=4))[2] == ("blocked", 20, 160)


def oven(**load: Any) -> Workshop:
    works = Workshop({"heat": None})
    works.unit("H", "heat", 20, row={"load": {"max_jobs": 2, **load}})
    return works


def test_a_load_takes_as_many_jobs_as_fit() -> None:
    run, _ = simulated(oven(), orders(3))
    assert run.starts("H") == [("O1", 0), ("O2", 0), ("O3", 20)]
    assert run.completions() == {"O1": 20, "O2": 20, "O3": 40}


def test_too_few_jobs_for_a_load_wait_for_more_or_for_a_while() -> None:
    works = oven(min_jobs=2, longest_wait=15)
    run, _ = simulated(works, orders({"O1": 0, "O2": 10, "O3": 50}))
    assert run.starts("H") == [("O1", 10), ("O2", 10), ("O3", 65)]


def test_a_job_waits_for_a_vehicle_and_blocks_its_unit() -> None:
    carried = {"id": "bend", "carriage": {"by": "T", "time": 30}}
    routes = [{"id": "all", "operations": ["cut", "bend"]}]
    works = Workshop({}, transports=[{"id": "T", "vehicles": 1}], routes=routes)
    works.facts["operations"] = [{"id": "cut"}, carried]
    works.unit("C", "cut", 10)
    works.unit("B", "bend", 5)
    run, totals = simulated(works, orders(2))
    assert run.starts("B") == [("O1", 40), ("O2", 70)]
    assert ("blocked", 20, 40) in run.states("C")
    assert totals.vehicle_ticks.tolist() == [60 * 60_000_000]


# --- where jobs come from and go ---


def test_a_saturated_source_always_has_one_waiting() -> None:
    works = Workshop({"cut": None}, sources=[{"id": "S", "product": "A", "limit": 3}])
    works.unit("C", "cut", 10)
    run, totals = simulated(works, orders(0))
    assert run.events("release")["minute"].tolist() == [0, 0, 10]
    assert (totals.released.tolist(), totals.completed_jobs.tolist()) == ([3], [3])


def test_pieces_that_move_one_by_one_overlap_on_their_route() -> None:
    product = {"id": "A", "family": "f", "route": "all", "moves_by": "piece"}
    works = Workshop({"cut": None, "bend": None}, products=[product])
    works.unit("C", "cut", 10)
    works.unit("B", "bend", 10)
    run, _ = simulated(works, orders(1, quantity=3))
    assert run.completions() == {"O1": 40}
    assert len(run.events("complete")) == len(run.events("release")) == 1


def test_a_branch_sends_jobs_by_its_shares() -> None:
    branches = [{"after": "cut", "to": {"scrap": 0.25, "bend": 0.75}}]
    routes = [{"id": "all", "operations": ["cut", "bend"], "branches": branches}]
    works = Workshop({"cut": None, "bend": None}, routes=routes)
    works.unit("C", "cut", 1)
    works.unit("B", "bend", 1)
    _, totals = simulated(works, orders(500))
    assert totals.taken.tolist()[0] == 500
    assert 325 < totals.taken.tolist()[1] < 425
    assert totals.scrapped.tolist()[0] == 500 - totals.taken.tolist()[1]


def test_pieces_that_fail_an_inspection_are_put_right_and_come_back() -> None:
    works = Workshop({"cut": None, "test": None})
    works.unit("C", "cut", 10, defects={"*": 0.5})
    works.unit("T", "test", 5, inspection={"rework_to": "cut", "passes": 2})
    run, totals = simulated(works, orders(1, quantity=100))
    assert run.starts("C") == [("O1", 0), ("O1", 15)]
    found = run.events("verdict")[["quantity", "scrap"]].sum(axis=1).tolist()
    assert found == [100, 100]
    assert totals.order_good.tolist()[0] + totals.order_scrap.tolist()[0] == 100
    assert 0 < totals.order_scrap.tolist()[0] < 75


def test_totals_begin_when_the_warm_up_ends() -> None:
    works = Workshop({"cut": None})
    works.unit("C", "cut", 10, power_kw={"working": 6})
    plant = works.compiled(100)
    experiment = Experiment(plant, orders(10), ShopState(NOW), warm_up=45.0, bucket=50.0)
    totals = SimpyEngine(experiment).run(0).totals
    assert totals.completed.tolist() == [5]  # at 50, 60, 70, 80 and 90
    assert totals.energy_kwh.tolist() == pytest.approx([5.5])
    assert totals.state_ticks.sum() == 55 * 60_000_000
    assert totals.series.tolist() == [4, 5]


def blocked_line(rule: str) -> Workshop:
    """C is blocked from 20 on: no place before B, which works for 100; its mode ends at 30."""
    works = Workshop({"cut": None, "bend": None})
    works.facts["operations"] = [{"id": "cut"}, {"id": "bend", "buffer_jobs": 0}]
    failing = mode(30, clock="calendar", interrupted=rule)
    works.unit("C", "cut", 10, failure_modes=[failing])
    works.unit("B", "bend", 100)
    return works


def test_a_failure_that_finishes_its_part_waits_until_it_has_left() -> None:
    assert states(blocked_line("finish_first"), orders(2))[1:4] == [
        ("working", 10, 20),
        ("blocked", 20, 110),
        ("repair", 110, 120),
    ]


def test_a_failure_that_scraps_spoils_the_job_that_stands_on_the_unit() -> None:
    run, totals = simulated(blocked_line("scrap"), orders(2, quantity=3))
    assert run.states("C")[2:4] == [("blocked", 20, 30), ("repair", 30, 40)]
    assert run.completions() == {"O1": 110, "O2": 30}
    assert totals.order_scrap.tolist() == [0, 3]
