"""Where the shop stood at a cut-off, read back from its log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from twin.calibration.replay import mean_rest, shop_state
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.laws import Constant, Exponential, Weibull
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, load_plant
from twin.model.state import OrderState, ShopState
from twin.simulation.clock import to_tick
from twin.simulation.experiment import Experiment
from twin.simulation.log import event_log
from twin.simulation.simpy_engine import Twin

SMALL = Path(__file__).resolve().parents[2] / "plants" / "small.yaml"
START = datetime(2026, 11, 2, 5, tzinfo=UTC)
"""A Monday, 06:00 on the plant's clock."""


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(SMALL)


def order(id: str, product: str = "C", quantity: int = 30000) -> WorkOrder:
    return WorkOrder(id, product, quantity, START, START + timedelta(days=5))


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def log_of(*rows: tuple[float, str, str, dict[str, Any]]) -> EventLog:
    """A log from (minute, work unit, event or state, columns)."""
    events = ("start", "end", "complete", "release")
    return EventLog.of(
        {
            "time": at(minute),
            "work_unit": unit,
            "event": what if what in events else "state",
            "state": "" if what in events else what,
            **columns,
        }
        for minute, unit, what, columns in rows
    )


PRESS = {"order": "1", "operation": "press", "product": "C"}
PACK = {"order": "1", "operation": "pack", "product": "C"}
LOT_1, LOT_2 = {**PRESS, "lot": "L1"}, {**PRESS, "lot": "L2"}


def state_of(plant: Plant, log: EventLog, minute: float) -> ShopState:
    return shop_state(log, plant, OrderBook((order("1"),)), at(minute))


def test_an_order_the_log_does_not_know_has_not_started(plant: Plant) -> None:
    assert state_of(plant, log_of((0, "P-1", "off", {})), 60).orders == {}


def test_events_at_the_cutoff_are_not_looked_at(plant: Plant) -> None:
    log = log_of((60, "P-1", "working", PRESS), (60, "P-1", "start", LOT_1))
    assert state_of(plant, log, 60).order("1") == OrderState()


def test_lots_ended_and_minutes_of_the_current_lot_count(plant: Plant) -> None:
    """30 000 pieces at 0.4 s in lots of 10 000: one lot of 66.7 min ended, half of the next."""
    lot = 10000 * 0.4 / 60
    log = log_of(
        (0, "P-1", "working", PRESS),
        (0, "P-1", "start", LOT_1),
        (lot, "P-1", "end", {**LOT_1, "quantity": 10000, "scrap": 0}),
        (lot, "P-1", "start", LOT_2),
    )
    found = state_of(plant, log, 1.5 * lot).order("1")
    assert (found.operations_done, found.running_on) == (0, "P-1")
    assert found.done_fraction == pytest.approx(0.5)


def test_a_pause_inside_a_lot_is_no_work(plant: Plant) -> None:
    log = log_of(
        (0, "P-1", "working", PRESS),
        (0, "P-1", "start", LOT_1),
        (20, "P-1", "off", PRESS),
        (500, "P-1", "working", PRESS),
    )
    found = state_of(plant, log, 520).order("1")
    assert found.done_fraction == pytest.approx(40 / 200)


def test_a_lot_that_takes_too_long_is_never_quite_done(plant: Plant) -> None:
    log = log_of((0, "P-1", "working", PRESS), (0, "P-1", "start", LOT_1))
    found = state_of(plant, log, 5000).order("1")
    assert found.done_fraction == pytest.approx(0.95 / 3)


def test_an_operation_is_done_when_its_pieces_are(plant: Plant) -> None:
    log = log_of(
        (0, "P-1", "start", LOT_1),
        (200, "P-1", "end", {**LOT_1, "quantity": 29700, "scrap": 300}),
    )
    assert state_of(plant, log, 201).order("1") == OrderState(1)


def test_the_next_operation_needs_only_the_good_pieces(plant: Plant) -> None:
    pack = {**PACK, "lot": "P1"}
    log = log_of(
        (0, "P-1", "start", LOT_1),
        (200, "P-1", "end", {**LOT_1, "quantity": 29700, "scrap": 300}),
        (210, "K-1", "start", pack),
        (220, "K-1", "end", {**pack, "quantity": 29700, "scrap": 0}),
    )
    assert state_of(plant, log, 230).order("1") == OrderState(2)


def test_an_operation_is_done_when_its_unit_has_begun_another_order(plant: Plant) -> None:
    """One lost end event does not hold an order for ever."""
    other = {"order": "2", "operation": "press", "product": "C", "lot": "X"}
    log = log_of((0, "P-1", "start", LOT_1), (300, "P-1", "start", other))
    assert state_of(plant, log, 301).order("1") == OrderState(1)


def test_a_lost_end_of_a_lot_does_not_hold_the_operation(plant: Plant) -> None:
    lots = [{**PRESS, "lot": f"L{n}"} for n in range(3)]
    log = log_of(
        (0, "P-1", "start", lots[0]),
        (67, "P-1", "start", lots[1]),
        (134, "P-1", "end", {**lots[1], "quantity": 10000, "scrap": 0}),
        (134, "P-1", "start", lots[2]),
        (200, "P-1", "end", {**lots[2], "quantity": 10000, "scrap": 0}),
    )
    assert state_of(plant, log, 150).order("1").operations_done == 0
    assert state_of(plant, log, 201).order("1") == OrderState(1)


def test_a_lost_end_does_not_make_the_next_operation_done_too_early(plant: Plant) -> None:
    """Two of three lots packed, off shift: pressing lost the end of one of its three."""
    press = [{**PRESS, "lot": f"L{n}"} for n in range(3)]
    pack = [{**PACK, "lot": f"K{n}"} for n in range(2)]
    made = {"quantity": 10000, "scrap": 0}
    log = log_of(
        *((67.0 * n, "P-1", "start", lot) for n, lot in enumerate(press)),
        *((67.0 * n + 66, "P-1", "end", {**lot, **made}) for n, lot in enumerate(press) if n != 1),
        *((300.0 + 20 * n, "K-1", "start", lot) for n, lot in enumerate(pack)),
        *((310.0 + 20 * n, "K-1", "end", {**lot, **made}) for n, lot in enumerate(pack)),
    )
    found = state_of(plant, log, 400).order("1")
    assert (found.operations_done, found.running_on) == (1, "K-1")
    assert found.done_fraction == pytest.approx(2 / 3)


def test_a_complete_order_has_its_whole_route_done(plant: Plant) -> None:
    log = log_of((0, "", "complete", {"order": "1", "product": "C", "quantity": 29000}))
    assert state_of(plant, log, 1).order("1") == OrderState(2)


def test_a_setup_under_way_keeps_the_unit_for_its_order(plant: Plant) -> None:
    other = {"order": "9", "operation": "press", "product": "A"}
    log = log_of(
        (0, "P-1", "working", other),
        (100, "P-1", "setup", {**PRESS, "reason": "fb"}),
    )
    found = state_of(plant, log, 110)
    assert found.order("1") == OrderState(0, "P-1")
    assert found.unit("P-1").setup_key == "fb"
    assert found.unit("P-1").unavailable_minutes == pytest.approx(20)  # fa -> fb takes 30


def test_a_setup_for_a_batch_not_there_yet_leaves_the_order_where_it_is(plant: Plant) -> None:
    harden = {"order": "1", "operation": "harden", "product": "A"}
    press = {**LOT_1, "product": "A"}
    log = log_of(
        (0, "P-1", "working", press),
        (0, "P-1", "start", press),
        (10, "F-1", "setup", {**harden, "reason": "870"}),
    )
    orders = OrderBook((order("1", "A"),))
    found = shop_state(log, plant, orders, at(20))
    assert found.order("1").operations_done == 0
    assert found.order("1").running_on == "P-1"
    assert found.unit("F-1").unavailable_minutes == pytest.approx(50)


def test_a_finished_setup_leaves_its_key(plant: Plant) -> None:
    log = log_of(
        (0, "P-1", "setup", {**PRESS, "reason": "fb"}),
        (40, "P-1", "standby", {}),
    )
    found = state_of(plant, log, 50)
    assert found.order("1") == OrderState()
    assert (found.unit("P-1").setup_key, found.unit("P-1").unavailable_minutes) == ("fb", 0)


def test_a_working_unit_is_set_up_for_what_it_makes(plant: Plant) -> None:
    assert state_of(plant, log_of((0, "P-1", "working", PRESS)), 9).unit("P-1").setup_key == "fb"


@pytest.mark.parametrize(
    ("states", "is_on"),
    [
        (("off",), False),
        (("standby",), True),
        (("working",), True),
        (("startup",), False),
        (("standby", "down", "repair"), True),
        (("off", "repair"), False),
        (("standby", "maintenance"), False),
    ],
)
def test_what_counts_as_on(plant: Plant, states: tuple[str, ...], is_on: bool) -> None:
    log = log_of(*((n, "F-1", state, {}) for n, state in enumerate(states)))
    assert state_of(plant, log, 60).unit("F-1").is_on is is_on


def test_an_operating_clock_counts_work_since_the_repair(plant: Plant) -> None:
    log = log_of(
        (0, "P-1", "working", PRESS),
        (100, "P-1", "down", {**PRESS, "reason": "spindle"}),
        (130, "P-1", "repair", {**PRESS, "reason": "spindle"}),
        (200, "P-1", "working", PRESS),
        (230, "P-1", "off", {}),
        (300, "P-1", "working", PRESS),
    )
    assert state_of(plant, log, 310).unit("P-1").ages == {"spindle": 40}


def test_a_renewing_task_resets_the_age_and_another_does_not(plant: Plant) -> None:
    def age_after(task: str) -> float:
        log = log_of(
            (0, "P-1", "working", PRESS),
            (100, "P-1", "maintenance", {"reason": task}),
            (190, "P-1", "working", PRESS),
        )
        return state_of(plant, log, 200).unit("P-1").ages["spindle"]

    assert (age_after("service"), age_after("cleaning")) == (10, 110)


def test_a_calendar_clock_runs_from_the_start_of_the_log(plant: Plant) -> None:
    log = log_of((0, "P-1", "off", {}), (50, "F-1", "off", {}))
    assert state_of(plant, log, 600).unit("F-1").ages == {"heater": 600}


def test_the_last_maintenance_is_its_start_or_the_start_of_the_log(plant: Plant) -> None:
    done = log_of((0, "P-1", "off", {}), (100, "P-1", "maintenance", {"reason": "service"}))
    assert state_of(plant, done, 300).unit("P-1").last_maintenance == {"service": at(100)}
    never = log_of((7, "P-1", "off", {}))
    assert state_of(plant, never, 300).unit("P-1").last_maintenance == {"service": at(7)}


def test_the_rest_of_maintenance_is_its_planned_duration_less_what_is_done(plant: Plant) -> None:
    log = log_of((0, "P-1", "maintenance", {"reason": "service"}))
    assert state_of(plant, log, 60).unit("P-1").unavailable_minutes == pytest.approx(30)


def test_the_rest_of_a_repair_is_its_mean_given_how_long_it_has_lasted(plant: Plant) -> None:
    law = plant.unit("F-1").failure_modes[0].time_to_repair
    log = log_of((0, "F-1", "repair", {"reason": "heater"}))
    found = state_of(plant, log, 60).unit("F-1").unavailable_minutes
    assert found == pytest.approx(mean_rest(law, 60))


def test_a_unit_down_off_duty_waits_for_its_crew(plant: Plant) -> None:
    """Its crew comes at 06:00 on Tuesday, 60 min after the cut-off."""
    log = log_of((1300, "F-1", "down", {"reason": "heater"}))
    mean = plant.unit("F-1").failure_modes[0].time_to_repair.mean
    found = state_of(plant, log, 1380).unit("F-1").unavailable_minutes
    assert found == pytest.approx(60 + mean)


def test_the_rest_of_a_memoryless_duration_is_its_mean() -> None:
    assert mean_rest(Exponential(scale=90), 1000) == pytest.approx(90, rel=0.002)


def test_the_rest_of_a_constant_is_what_is_left() -> None:
    assert mean_rest(Constant(value=90), 60) == pytest.approx(30)


def test_the_rest_of_a_wearing_duration_shrinks() -> None:
    law = Weibull(shape=3, scale=100)
    rests = [mean_rest(law, elapsed) for elapsed in (0, 50, 100, 150)]
    assert rests[0] == pytest.approx(law.mean, rel=0.002)
    assert all(a > b for a, b in pairwise(rests))


# --- a simulated log, cut at many instants, against what the simulator itself holds ---


def simulated(plant: Plant, seed: int) -> Iterator[tuple[float, Twin, OrderBook]]:
    horizon = Horizon(START, 7 * 1440, plant.timezone)
    products = ("A", "B", "C")
    book = OrderBook(tuple(order(f"{n}", products[n % 3], 40000 + 9000 * n) for n in range(12)))
    experiment = Experiment(compile_plant(plant, horizon), book, ShopState(START), seed=seed)
    twin = Twin(experiment, 0, trace=True)
    for minute in range(37, 7 * 1440, 411):
        twin.run_until(to_tick(minute))
        yield float(minute), twin, book


def log_so_far(twin: Twin) -> EventLog:
    trace = twin.result().trace
    assert trace is not None
    return event_log(trace, twin.experiment, "simulated")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_simulated_log_gives_back_the_work_in_process_exactly(plant: Plant, seed: int) -> None:
    for minute, twin, book in simulated(plant, seed):
        log = log_so_far(twin)
        found = shop_state(log, plant, book, at(minute))
        for id, batch in twin.shop.batches.items():
            assert found.order(id).operations_done == batch.step, (minute, id)
            in_work = not batch.is_waiting and not batch.is_complete
            if in_work:
                assert found.order(id).running_on, (minute, id)
            if batch.is_waiting and not batch.is_claimed:
                assert not found.order(id).running_on, (minute, id)
        for unit in twin.units:
            seen = found.unit(unit.facts.id)
            if not seen.unavailable_minutes:
                assert seen.setup_key == unit.setup_key, (minute, unit.facts.id)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_share_done_agrees_with_what_the_run_goes_on_to_do(plant: Plant, seed: int) -> None:
    """At every cut, the running operations' shares against their work over the whole run."""
    found = []
    for minute, twin, book in simulated(plant, seed):
        log = log_so_far(twin)
        state = shop_state(log, plant, book, at(minute))
        found += [(minute, id, s) for id, s in state.orders.items() if s.done_fraction > 0]
    whole = log.state_intervals(at(7 * 1440))
    work = whole[whole["state"] == "working"]
    ends = log.of_kind("complete").set_index("order")["time"]
    errors = []
    for minute, id, state in found:
        if id not in ends.index:
            continue
        rows = work[(work["order"] == id) & (work["work_unit"] == state.running_on)]
        minutes = (rows["end"] - rows["start"]).dt.total_seconds() / 60
        before = (rows["end"].clip(upper=at(minute)) - rows["start"]).dt.total_seconds() / 60
        errors.append(abs(before.clip(lower=0).sum() / minutes.sum() - state.done_fraction))
    assert len(errors) > 10
    assert max(errors) < 0.08  # lots vary by up to 10 %
