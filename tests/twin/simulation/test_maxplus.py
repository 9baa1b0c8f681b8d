"""Plain serial lines agree to the tick with a recursion that knows no engine."""

import random
from typing import Any

import numpy as np
import pytest

from tests.twin.simulation.maxplus import TICKS, LineTimes, line_times, lot_ticks
from tests.twin.simulation.random_cases import MONDAY
from twin.behaviour.dispatching import FirstInFirstOut
from twin.behaviour.randomness import Luck
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation.engines import EngineClass
from twin.simulation.experiment import Experiment
from twin.simulation.kernel_engine import KernelEngine
from twin.simulation.result import COMPLETE_ROW, KIND, START_ROW, TICK, UNIT, Result
from twin.simulation.simpy_engine import SimpyEngine

MINUTES = 240
LINES = 12
REPLICATION = 3


def line(number: int) -> tuple[Experiment, LineTimes]:
    """A random serial line, and what must come out of it."""
    generator = random.Random(number)
    stations = generator.randint(1, 6)
    minutes = [generator.choice((0.5, 1.0, 1.5, 2.0)) for _ in range(stations)]
    cvs = [generator.choice((0.0, 0.2, 0.5, 1.5)) for _ in range(stations)]
    places = [generator.choice((0, 0, 1, 2, 5, None)) for _ in range(stations)]
    between = generator.choice((None, 1.25, 2.0))
    source: dict[str, Any] = {"id": "in", "product": "A"}
    if between is not None:
        source["time_between"] = {"law": "constant", "value": between}
    experiment = Experiment(
        compile_plant(_plant(minutes, cvs, places, source), Horizon(MONDAY, MINUTES)),
        OrderBook(),
        ShopState(MONDAY),
        policy=FirstInFirstOut(),
        seed=number,
    )
    parts = int(MINUTES / (between or minutes[0] / 8)) + 2
    luck = Luck(number, REPLICATION)
    work = [
        lot_ticks(luck, "in", f"o{v}", minutes[v], cvs[v], parts) for v in range(stations)
    ]  # fmt: skip
    arrivals = np.arange(1, parts + 1) * int((between or 0) * TICKS)
    return experiment, line_times(np.array(work), arrivals, places)


def _plant(
    minutes: list[float], cvs: list[float], places: list[int | None], source: dict[str, Any]
) -> Plant:
    operations = [f"o{v}" for v in range(len(minutes))]
    return Plant.model_validate(
        {
            "id": "line",
            "areas": [{"id": "a"}],
            "operations": [
                {"id": id, "buffer_jobs": room if v else None}
                for v, (id, room) in enumerate(zip(operations, places, strict=True))
            ],
            "routes": [{"id": "all", "operations": operations}],
            "products": [{"id": "A", "family": "f", "route": "all"}],
            "sources": [source],
            "work_units": [
                {
                    "id": f"u{v}",
                    "area": "a",
                    "processing": [
                        {"operation": id, "basis": "piece", "time": {"*": minute}, "cv": cv}
                    ],
                }
                for v, (id, minute, cv) in enumerate(zip(operations, minutes, cvs, strict=True))
            ],
        }
    )


def ticks(result: Result, kind: int, unit: int) -> list[int]:
    assert result.trace is not None
    rows = result.trace.rows
    return [int(t) for t in rows[(rows[:, KIND] == kind) & (rows[:, UNIT] == unit)][:, TICK]]


@pytest.mark.parametrize("engine", [SimpyEngine, KernelEngine])
@pytest.mark.parametrize("number", range(LINES))
def test_parts_start_and_leave_when_the_recursion_says(engine: EngineClass, number: int) -> None:
    experiment, expected = line(number)
    result = engine(experiment).run(REPLICATION, trace=True)
    end = MINUTES * TICKS
    for v, starts in enumerate(expected.starts):
        assert ticks(result, START_ROW, v) == [t for t in starts.tolist() if t < end]
    left = [t for t in expected.departures[-1].tolist() if t < end]
    assert ticks(result, COMPLETE_ROW, -1) == left
    assert left


def test_the_recursion_blocks_a_station_that_has_no_room() -> None:
    """Two stations of 1 and 3 minutes: without room the second part waits on the first station."""
    work = np.array([[1, 1, 1], [3, 3, 3]])
    tight = line_times(work, np.zeros(3, dtype=np.int64), [None, 0])
    loose = line_times(work, np.zeros(3, dtype=np.int64), [None, 1])
    assert tight.departures[0].tolist() == [1, 4, 7]
    assert loose.departures[0].tolist() == [1, 2, 4]
    assert tight.departures[1].tolist() == loose.departures[1].tolist() == [4, 7, 10]
