"""From trace rows to the event log: names, lots and the way of the material."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from twin.model.compiled import STATE_INDEX, CompiledPlant, compile_plant
from twin.model.events import COLUMNS, EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant, State, checked
from twin.model.state import OrderState, ShopState
from twin.simulation.experiment import Experiment
from twin.simulation.log import event_log
from twin.simulation.result import (
    COMPLETE_ROW,
    END_ROW,
    RELEASE_ROW,
    START_ROW,
    STATE_ROW,
    VERDICT_ROW,
    Trace,
)

CUT, TEST = 0, 1
"""The two units, and the two steps of the route."""


def state(
    tick: int, unit: int, name: State, job: int = -1, step: int = -1, reason: int = -1
) -> Any:
    visit = 0 if job >= 0 else -1
    return (tick, STATE_ROW, unit, STATE_INDEX[name], job, step, visit, -1, -1, -1, reason)


def start(tick: int, unit: int, job: int, lot: int, pieces: int, visit: int = 0) -> Any:
    return (tick, START_ROW, unit, -1, job, unit, visit, lot, pieces, -1, -1)


def end(
    tick: int, unit: int, job: int, lot: int, good: int, scrap: int = 0, reason: int = -1,
    *, visit: int = 0,
) -> Any:  # fmt: skip
    return (tick, END_ROW, unit, -1, job, unit, visit, lot, good, scrap, reason)


def verdict(tick: int, unit: int, job: int, lot: int, good: int, scrap: int) -> Any:
    return (tick, VERDICT_ROW, unit, -1, job, unit, 0, lot, good, scrap, -1)


@pytest.fixture(scope="module")
def plant(shop: Any) -> CompiledPlant:
    content: dict[str, Any] = {
        "id": "two",
        "areas": [{"id": "a"}],
        "crews": [{"id": "M", "size": 1}],
        "materials": [{"id": "WIRE", "unit_kg": 25}],
        "operations": [{"id": "cut"}, {"id": "test"}],
        "routes": [{"id": "r", "operations": ["cut", "test"]}],
        "products": [
            {"id": "A", "family": "f", "route": "r", "lot_size": 10, "material": "WIRE"},
            {"id": "L", "family": "g", "route": "r", "lot_size": 10, "moves_by": "lot"},
        ],
        "sources": [{"id": "IN", "product": "L", "time_between": {"law": "constant", "value": 9}}],
        "work_units": [
            {
                "id": "C", "area": "a", "setup": {"by": "family"},
                "processing": [{"operation": "cut", "basis": "piece", "time": {"*": 1}}],
                "scrap": {"*": 0.1}, "scrap_reasons": {"lap": 1, "crack": 1},
                "failure_modes": [
                    {
                        "id": "belt", "time_to_failure": {"law": "constant", "value": 100},
                        "time_to_repair": {"law": "constant", "value": 5},
                    }
                ],
                "maintenance": [
                    {"id": "oil", "interval": 900, "tolerance": 9, "duration": 5, "crew": "M"}
                ],
            },
            {
                "id": "T", "area": "a", "inspects": True, "scrap": {"*": 0.05},
                "processing": [{"operation": "test", "basis": "piece", "time": {"*": 1}}],
            },
        ],
    }  # fmt: skip
    made = checked(Plant.model_validate(content), "two")
    return compile_plant(made, Horizon(shop().at, 1440))


@pytest.fixture
def log(plant: CompiledPlant, book: Any) -> Any:
    """A log of rows; jobs are (origin, serial, product), orders O1 … of product A or L."""

    def make(
        rows: list[Any],
        jobs: tuple[tuple[int, int, int], ...] = ((0, 0, 0),),
        orders: OrderBook | None = None,
        state: ShopState | None = None,
    ) -> EventLog:
        orders = orders or book(1, quantity=30)
        origin, serial, product = np.array(jobs, dtype=np.int64).reshape(-1, 3).T
        table = np.array(rows, dtype=np.int64).reshape(-1, 11)
        experiment = Experiment(plant, orders, state or ShopState(plant.horizon.start))
        return event_log(Trace(table, origin, serial, product), experiment, "hand-made")

    return make


def column(log: EventLog, name: str) -> list[Any]:
    return list(log.table[name])


def materials(log: EventLog) -> dict[str, str]:
    starts = log.of_kind("start")
    return dict(zip(starts["lot"], starts["material"], strict=True))


def test_an_empty_trace_is_an_empty_log_of_the_right_types(log: Any) -> None:
    empty = log([], ())
    assert list(empty.table.columns) == list(COLUMNS)
    assert empty.table.dtypes.to_dict() == EventLog.of([]).table.dtypes.to_dict()
    assert empty.source == "hand-made"


def test_a_trace_has_the_types_of_a_log_from_rows(log: Any) -> None:
    made = log([(0, RELEASE_ROW, -1, -1, 0, -1, -1, -1, 30, -1, -1), start(5, CUT, 0, 0, 10)])
    again = EventLog.of(made.table.to_dict("records"))
    assert made.table.equals(again.table)


def test_time_is_counted_from_the_start_of_the_horizon(log: Any, plant: CompiledPlant) -> None:
    made = log([start(90_000_001, CUT, 0, 0, 10)])
    assert column(made, "time") == [plant.horizon.start + timedelta(seconds=90, microseconds=1)]


def test_a_state_names_its_work_and_its_reason(log: Any) -> None:
    made = log(
        [
            state(0, CUT, "setup", 0, 0),
            state(1, CUT, "down", 0, 0, 0),
            state(2, CUT, "maintenance", reason=0),
            state(3, TEST, "repair"),
        ]
    )
    names = ["work_unit", "state", "order", "operation", "product", "reason"]
    assert made.table[names].to_numpy().tolist() == [
        ["C", "setup", "O1", "cut", "A", "f"],
        ["C", "down", "O1", "cut", "A", "belt"],
        ["C", "maintenance", "", "", "", "oil"],
        ["T", "repair", "", "", "", ""],
    ]


def test_scrap_has_the_reason_of_the_lot_or_the_failure(log: Any) -> None:
    made = log([end(1, CUT, 0, 0, 9, 1, 1), end(2, CUT, 0, 1, 0, 10, 2), end(3, CUT, 0, 2, 9)])
    assert column(made, "reason") == ["crack", "belt", ""]
    assert column(made, "scrap") == [1, 10, 0]


def test_release_and_complete_carry_pieces_and_no_unit(log: Any) -> None:
    rows = [(t, k, -1, -1, 0, -1, -1, -1, 30 - t, -1, -1) for t, k in enumerate((4, 5))]
    made = log(rows)
    assert [RELEASE_ROW, COMPLETE_ROW] == [4, 5]
    assert made.table[["work_unit", "event", "order", "quantity"]].to_numpy().tolist() == [
        ["", "release", "O1", 30],
        ["", "complete", "O1", 29],
    ]
    assert made.table["scrap"].isna().all()


def test_a_lot_fails_with_over_twice_the_usual_scrap_a_job_with_any(log: Any) -> None:
    made = log(
        [
            verdict(1, TEST, 0, 0, 9, 1),
            verdict(2, TEST, 0, 1, 8, 2),
            verdict(3, TEST, 0, -1, 17, 0),
            verdict(4, TEST, 0, -1, 16, 1),
        ]
    )
    assert column(made, "verdict") == ["pass", "fail", "pass", "fail"]
    assert column(made, "lot") == ["O1-test-001", "O1-test-002", "", ""]


def test_lots_draw_coils_and_then_the_lots_before(log: Any) -> None:
    made = log(
        [
            *(row for n in range(3) for row in (start(n, CUT, 0, n, 10), end(n, CUT, 0, n, 8))),
            *(row for n in range(3) for row in (start(n, TEST, 0, n, 8), end(n, TEST, 0, n, 8))),
        ]
    )
    assert materials(made) == {
        "O1-cut-001": "WIRE-00001",
        "O1-cut-002": "WIRE-00001",
        "O1-cut-003": "WIRE-00001+WIRE-00002",
        "O1-test-001": "O1-cut-001",
        "O1-test-002": "O1-cut-002",
        "O1-test-003": "O1-cut-003",
    }


def test_pieces_are_drawn_first_in_first_out(log: Any) -> None:
    made = log(
        [
            *(row for n in range(3) for row in (start(n, CUT, 0, n, 10), end(n, CUT, 0, n, 6 - n))),
            start(4, TEST, 0, 0, 10), start(5, TEST, 0, 1, 5),
        ]
    )  # fmt: skip
    assert materials(made)["O1-test-001"] == "O1-cut-001+O1-cut-002"
    assert materials(made)["O1-test-002"] == "O1-cut-002+O1-cut-003"


def test_a_job_that_comes_back_is_made_from_the_lots_before(log: Any) -> None:
    """Work put right is not cut from the coil once more, and its lots have names of their own."""
    made = log(
        [
            start(1, CUT, 0, 0, 30), end(2, CUT, 0, 0, 30),
            start(3, TEST, 0, 0, 30), end(4, TEST, 0, 0, 30),
            start(5, CUT, 0, 0, 30, visit=1), end(6, CUT, 0, 0, 29, visit=1),
            start(7, TEST, 0, 0, 29, visit=1),
        ]
    )  # fmt: skip
    assert materials(made) == {
        "O1-cut-001": "WIRE-00001+WIRE-00002",
        "O1-test-001": "O1-cut-001",
        "O1-cut-001-again1": "O1-test-001",
        "O1-test-001-again1": "O1-cut-001-again1",
    }


def test_lots_before_the_horizon_are_known_by_name(log: Any, plant: CompiledPlant) -> None:
    begun = ShopState(plant.horizon.start, {"O1": OrderState(0, "C", 0.5)})
    made = log(
        [start(1, CUT, 0, 1, 10), end(2, CUT, 0, 1, 10), start(3, TEST, 0, 0, 20)], state=begun
    )
    assert materials(made)["O1-test-001"] == "O1-cut-001+O1-cut-002"


def test_a_job_from_before_the_horizon_does_not_know_its_lots(log: Any) -> None:
    assert materials(log([start(1, TEST, 0, 0, 10)])) == {"O1-test-001": ""}


def test_an_order_in_several_jobs_has_a_name_for_every_lot(log: Any, book: Any) -> None:
    jobs = ((0, 0, 1), (0, 1, 1), (0, 2, 1))
    made = log(
        [start(n, CUT, n, 0, 10) for n in range(3)],
        jobs,
        book(1, quantity=25, product="L"),
    )
    assert column(made, "lot") == ["O1-cut-001-001", "O1-cut-002-001", "O1-cut-003-001"]
    assert column(made, "order") == ["O1"] * 3


def test_parts_of_a_source_are_orders_of_their_own(log: Any) -> None:
    made = log([start(n, CUT, n, 0, 1) for n in range(2)], ((1, 0, 1), (1, 1, 1)))
    assert column(made, "order") == ["IN-000001", "IN-000002"]
    assert column(made, "lot") == ["IN-000001-cut-001", "IN-000002-cut-001"]


def test_a_log_is_written_faster_than_plants_are_simulated(log: Any) -> None:
    """Some 200 000 rows a second on an idle computer; a tenth of it is asked for here."""
    jobs = tuple((1, n, 1) for n in range(5_000))
    rows = [
        row
        for n in range(5_000)
        for row in (
            state(n, CUT, "working", n, 0), start(n, CUT, n, 0, 10),
            end(n, CUT, n, 0, 10), state(n, CUT, "standby"),
        )
    ]  # fmt: skip
    begin = time.process_time()
    made = log(rows, jobs)
    assert len(made) == 20_000
    assert time.process_time() - begin < 1
