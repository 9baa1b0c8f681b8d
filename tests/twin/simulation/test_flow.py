"""How batches move: sequence, shifts, buffers, warm-up, material."""

from collections.abc import Callable
from typing import Any

import pytest

from twin.behaviour.dispatching import EarliestDueDate, ShortestProcessingTime
from twin.behaviour.randomness import Luck, lognormal_factor
from twin.errors import NoriaError
from twin.model.orders import OrderBook, WorkOrder
from twin.model.state import UnitState
from twin.simulation.clock import duration

DAY_SHIFT = {"id": "day", "weekly": {"mon": ["06:00-14:00"], "tue": ["06:00-14:00"]}}


def test_orders_follow_each_other_through_the_route(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None, "bend": None})
    shop.unit("C", "cut", 10)
    shop.unit("B", "bend", 25)
    result = run(shop.compiled(), book(3))
    assert result.completions() == {"O1": 35, "O2": 60, "O3": 85}


def test_nothing_starts_before_its_release(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None})
    shop.unit("C", "cut", 10)
    result = run(shop.compiled(), book({"O1": 120.5}))
    assert result.starts("C") == [("O1", 120.5)]


def test_a_released_order_is_logged_once_and_a_finished_one_too(
    workshop: Any, book: Any, run: Any
) -> None:
    shop = workshop({"cut": None, "bend": None})
    shop.unit("C", "cut", 10)
    shop.unit("B", "bend", 10)
    result = run(shop.compiled(), book({"O1": 30}, quantity=40))
    assert result.events("release")[["order", "quantity", "minute"]].values.tolist() == [
        ["O1", 40, 30]
    ]
    assert result.events("complete")[["order", "quantity", "minute"]].values.tolist() == [
        ["O1", 40, 50]
    ]


def test_work_pauses_off_shift_and_goes_on(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None}, calendars=[DAY_SHIFT])
    shop.unit("C", "cut", 300, calendar="day")
    result = run(shop.compiled(2880), book(2))
    assert result.completions() == {"O1": 660, "O2": 1440 + 480}
    assert result.states("C")[2:4] == [("working", 660, 840), ("off", 840, 1800)]


def test_a_unit_that_needs_warmth_keeps_it_off_shift(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None}, calendars=[DAY_SHIFT])
    shop.unit("C", "cut", 600, calendar="day", startup_time=30)
    result = run(shop.compiled(2880), book(1))
    assert result.states("C") == [
        ("off", 0, 360),
        ("startup", 360, 390),
        ("working", 390, 840),
        ("standby", 840, 1800),
        ("working", 1800, 1950),
        ("standby", 1950, 1980),
        ("off", 1980, 2880),
    ]


def test_without_a_plan_an_idle_unit_goes_off_after_its_timeout(
    workshop: Any, book: Any, run: Any
) -> None:
    shop = workshop({"cut": None})
    shop.unit("C", "cut", 10, startup_time=5, standby_timeout=40)
    result = run(shop.compiled(200), book({"O1": 0, "O2": 50, "O3": 120}))
    assert [row for row in result.states("C") if row[0] != "working"] == [
        ("startup", 0, 5),
        ("standby", 15, 50),
        ("standby", 60, 100),
        ("off", 100, 120),
        ("startup", 120, 125),
        ("standby", 135, 175),
        ("off", 175, 200),
    ]


def test_a_setup_comes_where_the_key_changes(workshop: Any, run: Any) -> None:
    products = [{"id": id, "family": id, "route": "all"} for id in "AB"]
    shop = workshop({"cut": None}, products=products)
    setup = {"by": "family", "default": 20, "times": {"A": {"B": 30}}, "cv": 0}
    shop.unit("C", "cut", 10, setup=setup)
    compiled = shop.compiled()
    start = compiled.horizon.start
    rows = [WorkOrder(f"O{n}", p, 1, start, start) for n, p in enumerate("AABA")]
    result = run(compiled, OrderBook(tuple(rows)))
    spans = [row for row in result.states("C") if row[0] == "setup"]
    assert spans == [("setup", 20, 50), ("setup", 60, 80)]
    assert result.events("state").query("state == 'setup'")["reason"].tolist() == ["B", "A"]


def test_setups_vary_around_the_table(workshop: Any, run: Any) -> None:
    products = [{"id": id, "family": id, "route": "all"} for id in "AB"]
    shop = workshop({"cut": None}, products=products)
    shop.unit("C", "cut", 1, setup={"by": "family", "default": 20})
    compiled = shop.compiled(30_000)
    start = compiled.horizon.start
    rows = [WorkOrder(f"O{n}", "AB"[n % 2], 1, start, start) for n in range(600)]
    rows_run = run(compiled, OrderBook(tuple(rows))).intervals()
    minutes = rows_run.loc[rows_run["state"] == "setup", "minutes"]
    assert len(minutes) == 599
    assert minutes.mean() == pytest.approx(20, abs=2.576 * 2 / 599**0.5)
    assert minutes.std() == pytest.approx(2, rel=0.12)


def test_the_rule_decides_which_batch_goes_next(workshop: Any, run: Any) -> None:
    products = [{"id": id, "family": "f", "route": "all"} for id in "AB"]
    shop = workshop({"cut": None}, products=products)
    shop.unit("C", "cut", {"A": 30, "B": 10})
    compiled = shop.compiled()
    at = compiled.horizon.to_datetime
    rows = OrderBook(
        (WorkOrder("long", "A", 1, at(0), at(50)), WorkOrder("short", "B", 1, at(0), at(90)))
    )
    assert run(compiled, rows, policy=EarliestDueDate()).starts("C")[0][0] == "long"
    assert run(compiled, rows, policy=ShortestProcessingTime()).starts("C")[0][0] == "short"


def test_the_idle_unit_that_can_begin_soonest_takes_the_batch(
    workshop: Any, book: Any, run: Any, shop: Callable[..., Any]
) -> None:
    works = workshop({"cut": None})
    works.unit("COLD", "cut", 10, startup_time=60)
    works.unit("WARM", "cut", 10, startup_time=60, standby_timeout=500)
    state = shop(units={"WARM": UnitState(is_on=True)})
    assert run(works.compiled(), book({"O1": 100}), state=state).starts("WARM") == [("O1", 100)]


def test_a_batch_without_room_blocks_its_unit(workshop: Any, book: Any, run: Any) -> None:
    """Room for one batch before B: the third waits on C until B takes the second."""
    shop = workshop({"cut": None, "bend": 1.0})
    shop.unit("C", "cut", 10)
    shop.unit("B", "bend", 50)
    result = run(shop.compiled(), book(4))
    assert [row for row in result.states("C") if row[0] == "blocked"] == [
        ("blocked", 30, 60),
        ("blocked", 70, 110),
    ]
    assert result.completions() == {"O1": 60, "O2": 110, "O3": 160, "O4": 210}


def test_a_batch_heavier_than_the_buffer_waits_in_it_alone(
    workshop: Any, book: Any, run: Any
) -> None:
    shop = workshop({"cut": None, "bend": 1.0})
    shop.unit("C", "cut", 10)
    shop.unit("B", "bend", 50)
    result = run(shop.compiled(), book(3, quantity=5))
    assert [row for row in result.states("C") if row[0] == "blocked"] == [("blocked", 30, 60)]


def test_a_batch_may_pass_a_full_buffer_to_a_free_unit(workshop: Any, run: Any) -> None:
    """The buffer is full of a batch for B1; a batch for the idle B2 does not stop C."""
    products = [{"id": id, "family": id, "route": "all", "lot_size": 1} for id in "AB"]
    shop = workshop({"cut": None, "bend": 1.0}, products=products)
    shop.unit("C", "cut", 10)
    shop.unit("B1", "bend", {"A": 500})
    shop.unit("B2", "bend", {"B": 5})
    compiled = shop.compiled()
    start = compiled.horizon.start
    rows = [WorkOrder(f"O{n}", p, 1, start, start) for n, p in enumerate("AAB")]
    result = run(compiled, OrderBook(tuple(rows)))
    assert result.starts("B2") == [("O2", 30)]
    assert "blocked" not in [row[0] for row in result.states("C")]


def test_units_that_block_each_other_for_good_are_named(workshop: Any, run: Any, book: Any) -> None:
    """One unit cuts and bends and prefers to cut: the place before bending fills for good."""
    shop = workshop({"cut": None, "bend": 1.0})
    shop.unit("C", "cut", 10)
    shop.units[0]["processing"].append({"operation": "bend", "basis": "order", "time": {"*": 30}})
    with pytest.raises(NoriaError, match=r"before bend are full and only C could empty"):
        run(shop.compiled(), book(3), policy=ShortestProcessingTime())


def test_transit_comes_once_per_operation(workshop: Any, book: Any, run: Any) -> None:
    row = {"basis": "piece", "time": {"*": 2}, "transit": 15}
    product = {"id": "A", "family": "f", "route": "all", "lot_size": 5}
    shop = workshop({"cut": None}, products=[product])
    shop.unit("C", "cut", 0, row=row)
    result = run(shop.compiled(), book(1, quantity=10))
    assert result.events("start")["minute"].tolist() == [0, 25]
    assert result.events("end")["minute"].tolist() == [25, 35]


def test_lot_times_follow_the_nominal_time_and_its_variation(
    workshop: Any, book: Any, run: Any
) -> None:
    product = {"id": "A", "family": "f", "route": "all", "lot_size": 1}
    shop = workshop({"cut": None}, products=[product])
    shop.unit("C", "cut", 0, row={"basis": "piece", "time": {"*": 8}, "cv": 0.3})
    result = run(shop.compiled(60_000), book(1, quantity=4000))
    minutes = (
        result.events("end")["minute"].to_numpy() - result.events("start")["minute"].to_numpy()
    )
    assert minutes.mean() == pytest.approx(8, abs=2.576 * 2.4 / 4000**0.5)
    assert minutes.std() == pytest.approx(2.4, rel=0.06)


def test_a_lot_names_the_coils_it_is_drawn_from(workshop: Any, book: Any, run: Any) -> None:
    """300 kg lots from 500 kg coils: the second lot ends the first coil and begins the next."""
    product = {
        "id": "A", "family": "f", "route": "all",
        "piece_mass_g": 1000, "lot_size": 300, "material": "WIRE",
    }  # fmt: skip
    shop = workshop({"cut": None}, products=[product], materials=[{"id": "WIRE", "unit_kg": 500}])
    shop.unit("C", "cut", 0, row={"basis": "piece", "time": {"*": 0.01}})
    result = run(shop.compiled(), book(1, quantity=900))
    assert result.events("start")[["lot", "material"]].values.tolist() == [
        ["O1-cut-001", "WIRE-00001"],
        ["O1-cut-002", "WIRE-00001+WIRE-00002"],
        ["O1-cut-003", "WIRE-00002"],
    ]


def test_a_downstream_lot_names_the_lots_it_is_drawn_from(
    workshop: Any, book: Any, run: Any
) -> None:
    """Containers of 40 pieces become loads of 50."""
    product = {"id": "A", "family": "f", "route": "all", "piece_mass_g": 1000, "lot_size": 40}
    shop = workshop({"cut": None, "heat": None}, products=[product])
    shop.unit("C", "cut", 0, row={"basis": "piece", "time": {"*": 0.1}})
    shop.unit("H", "heat", 0, row={"basis": "load", "load_kg": 50, "time": {"*": 60}})
    result = run(shop.compiled(), book(1, quantity=100))
    starts = result.events("start")
    assert starts.loc[starts["work_unit"] == "H", ["lot", "material"]].values.tolist() == [
        ["O1-heat-001", "O1-cut-001+O1-cut-002"],
        ["O1-heat-002", "O1-cut-002+O1-cut-003"],
    ]


def test_scrapped_pieces_do_not_go_on(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None, "bend": None})
    shop.unit("C", "cut", 10, scrap={"*": 0.2}, scrap_reasons={"lap": 1})
    shop.unit("B", "bend", 10)
    result = run(shop.compiled(), book(1, quantity=1000))
    cut, bend = result.events("end").itertuples()
    assert 100 < cut.scrap < 300
    assert cut.reason == "lap"
    assert bend.quantity == cut.quantity == 1000 - cut.scrap
    assert result.events("complete")["quantity"].tolist() == [bend.quantity]


def test_only_an_inspection_gives_verdicts(workshop: Any, book: Any, run: Any) -> None:
    shop = workshop({"cut": None, "sort": None})
    shop.unit("C", "cut", 10, scrap={"*": 0.2})
    shop.unit("S", "sort", 10, scrap={"*": 0.2}, inspects=True)
    verdicts = run(shop.compiled(), book(1, quantity=1000)).events("verdict")
    assert verdicts["work_unit"].tolist() == ["S"]
    assert verdicts["verdict"].tolist() == ["pass"]


def test_a_serial_line_obeys_the_max_plus_recursion(workshop: Any, book: Any, run: Any) -> None:
    """s(v,i) = max(d(v−1,i), d(v,i−1)), f = s + p, d(v,i) = max(f, s(v+1, i−B)) to the microsecond.

    d is when part i leaves unit v; B places before unit v + 1.
    """
    operations = {"v0": None, "v1": 2.0, "v2": 1.0, "v3": 3.0}
    room = [0, 2, 1, 3]
    shop = workshop(dict(operations))
    for operation in operations:
        shop.unit(f"U-{operation}", operation, 10, cv=0.8)
    names = [f"O{i + 1}" for i in range(120)]
    begins: list[list[int]] = [[] for _ in operations]
    leaves: list[list[int]] = [[] for _ in operations]
    for i, name in enumerate(names):
        came = 0
        for v, operation in enumerate(operations):
            luck = Luck(0, 0).stream(f"{name}/{operation}", "lot time")
            begin = max(came, leaves[v][-1] if i else 0)
            came = begin + duration(10 * lognormal_factor(0.8, luck.uniform(0)))
            is_last = v == len(operations) - 1
            held = 0 if is_last or i < room[v + 1] else begins[v + 1][i - room[v + 1]]
            begins[v].append(begin)
            leaves[v].append(max(came, held))
    result = run(shop.compiled(7200), book(len(names)))
    ticks = {o: round(m * 60e6) for o, m in result.exact_completions().items()}
    assert ticks == dict(zip(names, leaves[-1], strict=True))
