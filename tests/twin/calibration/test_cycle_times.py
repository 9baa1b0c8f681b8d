"""Processing times: what counts as work, what is left out, and what is said about it."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from twin.calibration.activity import read_activity, shared_open_minutes
from twin.calibration.cycle_times import cycle_time_estimates
from twin.calibration.estimates import ParameterEstimate
from twin.model.plant import Plant
from twin.model.shifts import OpenTime


def estimates(write: Any, plant: Plant, until: datetime) -> dict[str, ParameterEstimate]:
    found = cycle_time_estimates(read_activity(write.log, plant, until))
    return {f"{e.quantity} {e.work_unit} {e.key}": e for e in found}


@pytest.fixture
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=3)


def test_time_down_off_shift_or_blocked_is_no_work(
    write: Any, plant: Plant, until: datetime
) -> None:
    for n, stop in enumerate(("down", "off", "blocked", "standby")):
        t = 200.0 * n
        write.state(t, "P-1", "working", order="O1", operation="press", product="A")
        write.state(t + 10, "P-1", stop)
        write.state(t + 70, "P-1", "working", order="O1", operation="press", product="A")
        write.state(t + 100, "P-1", "standby")
        write.lot(t, t + 100, "P-1", "O1", "press", "A", lot=str(n), good=6000)
    found = estimates(write, plant, until)["processing_time P-1 press/fa"]
    assert found.value == pytest.approx(40 / 6000)
    assert found.n == 4


def test_scrapped_pieces_took_their_time_too(write: Any, plant: Plant, until: datetime) -> None:
    write.state(0, "P-1", "working")
    write.lot(0, 40, "P-1", "O1", "press", "A", good=5000, scrap=1000)
    found = estimates(write, plant, until)["processing_time P-1 press/fa"]
    assert found.value == pytest.approx(40 / 6000, rel=0.01)


def test_a_lot_with_a_hidden_stop_is_left_out_and_named(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "P-1", "working")
    rng, t = np.random.default_rng(1), 0.0
    for n in range(40):
        minutes = 40 * float(rng.lognormal(0, 0.03)) + (60 if n in (7, 23) else 0)
        write.lot(t, t + minutes, "P-1", "O1", "press", "A", lot=str(n), good=6000)
        t += minutes
    found = estimates(write, plant, until)["processing_time P-1 press/fa"]
    assert found.value == pytest.approx(40 / 6000, rel=0.02)
    assert found.n == 38
    assert "2 of 40 lots left out" in found.note


def test_a_furnace_load_takes_its_time_however_full(
    write: Any, plant: Plant, until: datetime
) -> None:
    write.state(0, "F-1", "working")
    for n, pieces in enumerate((50_000, 20_000, 5_000)):
        write.lot(80 * n, 80 * n + 80, "F-1", "O1", "harden", "A", lot=str(n), good=pieces)
    found = estimates(write, plant, until)["processing_time F-1 harden/fa"]
    assert found.value == pytest.approx(80, rel=1e-3)
    assert found.unit == "min/load"


def test_a_product_named_in_the_plant_keeps_its_own_time(
    write: Any, plant: Plant, until: datetime
) -> None:
    content = plant.model_dump(mode="json")
    content["work_units"][0]["processing"][0]["time"] = {"*": 0.01, "B": 0.02}
    named = Plant.model_validate(content)
    write.state(0, "P-1", "working")
    write.lot(0, 60, "P-1", "O1", "press", "B", good=3000)
    write.lot(60, 100, "P-1", "O2", "press", "C", good=3000)
    found = estimates(write, named, until)
    assert found["processing_time P-1 press/B"].nominal == 0.02
    assert found["processing_time P-1 press/fb"].nominal == 0.01


@pytest.fixture
def belt(plant: Plant) -> Plant:
    """The packing bench as a belt with a transit of 30 min."""
    content = plant.model_dump(mode="json")
    content["work_units"][3]["processing"][0]["transit"] = 30
    return Plant.model_validate(content)


def test_the_transit_is_what_first_lots_take_longer(
    write: Any, belt: Plant, until: datetime
) -> None:
    rng, t = np.random.default_rng(2), 0.0
    write.state(0, "K-1", "working")
    for order in range(8):
        for n in range(4):
            minutes = 14 * float(rng.lognormal(0, 0.02)) + (36 if n == 0 else 0)
            write.lot(t, t + minutes, "K-1", f"O{order}", "pack", "A", lot=str(n), good=20_000)
            t += minutes
    found = estimates(write, belt, until)
    assert found["transit K-1 pack"].value == pytest.approx(36, rel=0.02)
    assert found["processing_time K-1 pack/fa"].value == pytest.approx(14 / 200, rel=0.02)


def test_a_transit_that_cannot_be_told_apart_is_kept_and_said_so(
    write: Any, belt: Plant, until: datetime
) -> None:
    write.state(0, "K-1", "working")
    for order in range(4):
        t = 50.0 * order
        write.lot(t, t + 44, "K-1", f"O{order}", "pack", "A", good=20_000)
    found = estimates(write, belt, until)
    assert "transit K-1 pack" not in found
    assert found["processing_time K-1 pack/fa"].value == pytest.approx(14 / 200, rel=1e-6)
    assert "transit kept at 30 min" in found["processing_time K-1 pack/fa"].note


def test_without_states_open_time_counts_and_the_note_says_so(
    write: Any, plant: Plant, until: datetime
) -> None:
    """From 21:50 to 06:10 next day on a unit that is open from 06:00 to 22:00."""
    write.lot(950, 1450, "P-2", "O1", "press", "B", good=2000)
    found = estimates(write, plant, until)["processing_time P-2 press/fb"]
    assert found.value == pytest.approx(20 / 2000, rel=0.01)
    assert "no working states" in found.note


def test_overlapping_reports_share_the_clock() -> None:
    begin, end = np.array([0.0, 10.0]), np.array([20.0, 30.0])
    assert shared_open_minutes(None, begin, end) == pytest.approx([15.0, 15.0])


def test_shared_time_adds_up_to_the_open_time() -> None:
    rng = np.random.default_rng(3)
    begin = np.sort(rng.uniform(0, 900, 50))
    end = begin + rng.uniform(1, 90, 50)
    open_time = OpenTime.of([(0, 300), (400, 800)], 1000)
    busy = np.zeros(100_000, dtype=bool)
    grid = np.linspace(0, 1000, 100_000, endpoint=False)
    for b, e in zip(begin, end, strict=True):
        busy |= (grid >= b) & (grid < e)
    is_open = (grid < 300) | ((grid >= 400) & (grid < 800))
    total = float((busy & is_open).sum()) / 100
    assert shared_open_minutes(open_time, begin, end).sum() == pytest.approx(total, abs=0.5)
