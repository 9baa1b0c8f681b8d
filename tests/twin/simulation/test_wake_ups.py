"""No unit sleeps through something it should have acted on.

A unit decides when it is marked because something changed. The full scan marks every unit at every
instant; a mark that somebody forgot makes the two runs differ. Plants are drawn with many ties:
times are multiples of a quarter of an hour, crews have one person, buffers little room. (Plants
with every feature are drawn in ``test_equality.py``.)
"""

from typing import Any

import numpy as np
import pytest

from twin.model.compiled import CompiledPlant
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import ShopState
from twin.simulation.experiment import Experiment
from twin.simulation.result import Integers
from twin.simulation.simpy_engine import SimpyEngine

MINUTES = 4320
CALENDARS = [
    {"id": "day", "weekly": {day: ["06:00-14:00"] for day in ("mon", "tue", "wed")}},
    {"id": "two", "weekly": {day: ["06:00-12:00", "12:30-22:00"] for day in ("mon", "tue", "wed")}},
]


def drawn_plant(workshop: Any, seed: int) -> CompiledPlant:
    generator = np.random.default_rng([11, seed])

    def pick(*values: Any) -> Any:
        return values[generator.integers(len(values))]

    operations = [f"o{n}" for n in range(generator.integers(1, 5))]
    works = workshop(
        {o: pick(None, 2.0, 4.0) for o in operations},
        calendars=CALENDARS,
        crews=[{"id": "M", "size": 1, "calendar": pick("always", "day")}],
        products=[{"id": "A", "family": "f", "route": "all", "piece_mass_g": 500, "lot_size": 2}],
    )
    for n in range(len(operations) + generator.integers(0, 3)):
        fails = bool(pick(True, False))
        law = pick({"law": "constant", "value": 600}, {"law": "exponential", "scale": 900})
        mode = {
            "id": "wear", "time_to_failure": law, "clock": pick("operating", "calendar"),
            "time_to_repair": {"law": "constant", "value": pick(15, 60)}, "crew": pick(None, "M"),
        }  # fmt: skip
        task = {
            "id": "service", "interval": pick(900, 1800), "tolerance": 60, "duration": 30,
            "crew": "M", "renews": ["wear"] if fails and pick(True, False) else [],
        }  # fmt: skip
        works.unit(
            f"U{n}", operations[n % len(operations)], pick(15, 30, 60), cv=pick(0, 0.3),
            calendar=pick("always", "day", "two"), startup_time=pick(0, 0, 60),
            standby_timeout=pick(0, 60), failure_modes=[mode] if fails else [],
            maintenance=[task] if pick(True, False) else [], scrap={"*": pick(0, 0.1)},
        )  # fmt: skip
    return works.compiled(MINUTES)


def rows(
    plant: CompiledPlant, orders: OrderBook, schedule: Schedule | None, *, full_scan: bool
) -> Integers:
    """The trace of a run, with or without a look at everything at every instant."""
    state = ShopState(plant.horizon.start)
    experiment = Experiment(plant, orders, state, schedule, full_scan=full_scan)
    trace = SimpyEngine(experiment).run(0, trace=True).trace
    assert trace is not None
    return trace.rows


@pytest.mark.parametrize("seed", range(60))
def test_a_full_scan_changes_nothing(workshop: Any, book: Any, seed: int) -> None:
    plant = drawn_plant(workshop, seed)
    orders = book({f"O{n}": 15.0 * (n // 2) for n in range(12)}, quantity=3)
    usual, scanned = (rows(plant, orders, None, full_scan=scan) for scan in (False, True))
    assert np.array_equal(usual, scanned)


@pytest.mark.parametrize("seed", range(30))
def test_a_full_scan_changes_nothing_under_a_plan(
    workshop: Any, book: Any, run: Any, plan_of: Any, seed: int
) -> None:
    """The plan is the same plant's run under other luck, so it is met late and early."""
    plant = drawn_plant(workshop, seed)
    orders = book({f"O{n}": 15.0 * (n // 2) for n in range(12)}, quantity=3)
    plan = plan_of(run(plant, orders, replication=1))
    usual, scanned = (rows(plant, orders, plan, full_scan=scan) for scan in (False, True))
    assert np.array_equal(usual, scanned)
