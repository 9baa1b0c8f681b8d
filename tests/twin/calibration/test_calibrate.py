"""Calibrating a simulated log gives back the parameters it was simulated with."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from twin.calibration.calibrate import calibrate, calibrated
from twin.calibration.estimates import Calibration
from twin.model.events import EventLog
from twin.model.laws import Weibull
from twin.model.plant import Plant

Simulated = Callable[..., EventLog]
RUNS = 30


@pytest.fixture(scope="module")
def until(begin: datetime) -> datetime:
    return begin + timedelta(days=21)


@pytest.fixture(scope="module")
def calibration(weeks: EventLog, frail_plant: Plant, until: datetime) -> Calibration:
    return calibrate(weeks, frail_plant, until)


@pytest.fixture(scope="module")
def hits(frail_plant: Plant, simulated: Simulated, until: datetime) -> dict[str, list[bool]]:
    """Whether the truth lay in the interval, for every estimate of many simulated logs."""
    found = defaultdict(list)
    for seed in range(RUNS):
        log = simulated(frail_plant, seed=100 + seed)
        for e in calibrate(log, frail_plant, until).estimates:
            if e.nominal is None:
                continue
            found[e.quantity].append(e.low <= e.nominal <= e.high)
    return dict(found)


@pytest.mark.parametrize(
    "quantity",
    [
        "processing_time", "processing_cv", "setup_time", "setup_ratio", "scrap",
        "time_to_failure", "time_to_repair", "power_kw",
    ],
)  # fmt: skip
def test_intervals_hold_the_truth_as_often_as_they_claim(
    hits: dict[str, list[bool]], quantity: str
) -> None:
    seen = hits[quantity]
    assert len(seen) >= RUNS
    # 95 % claimed; three standard deviations of a share below it, estimates of one log in pairs.
    margin = 3 * (0.95 * 0.05 / (len(seen) / 2)) ** 0.5
    assert sum(seen) / len(seen) > 0.95 - margin - 0.01


def test_a_slower_plant_is_found_out(
    frail_plant: Plant, simulated: Simulated, until: datetime
) -> None:
    """The nominal plant says 0.4 s a piece; the log comes from one that needs 0.46 s."""
    content = frail_plant.model_dump(mode="json")
    content["work_units"][0]["processing"][0]["time"] = {"*": 0.46 / 60}
    content["work_units"][2]["power_kw"]["working"] = 170
    slower = Plant.model_validate(content)
    plant = calibrated(frail_plant, calibrate(simulated(slower, seed=7), frail_plant, until))
    press, furnace = plant.unit("P-1"), plant.unit("F-1")
    assert press.processing[0].time["fa"] == pytest.approx(0.46 / 60, rel=0.03)
    assert furnace.power_kw.working == pytest.approx(170, rel=0.01)


def test_what_was_not_seen_keeps_its_nominal_value(
    frail_plant: Plant, begin: datetime, until: datetime
) -> None:
    nothing = calibrate(EventLog.of([]), frail_plant, until)
    assert nothing.estimates == ()
    assert calibrated(frail_plant, nothing) == frail_plant
    assert any("P-1" in note for note in nothing.notes)


def test_the_calibrated_plant_is_valid_and_carries_the_laws(
    frail_plant: Plant, calibration: Calibration
) -> None:
    plant = calibrated(frail_plant, calibration)
    assert Plant.model_validate(plant.model_dump(mode="json")) == plant
    estimate = calibration.find("time_to_failure", "P-1", "spindle")
    assert estimate is not None
    law = plant.unit("P-1").failure_modes[0].time_to_failure
    assert isinstance(law, Weibull)
    assert law.mean == pytest.approx(estimate.value)


def test_a_calibration_survives_json(calibration: Calibration) -> None:
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_the_table_has_a_line_for_every_estimate(calibration: Calibration) -> None:
    lines = calibration.describe().splitlines()
    assert len(lines) == 1 + len(calibration.estimates) + len(calibration.notes)


def test_events_after_the_cut_off_are_not_looked_at(
    weeks: EventLog, frail_plant: Plant, begin: datetime
) -> None:
    day_ten = begin + timedelta(days=10)
    early = calibrate(weeks, frail_plant, day_ten)
    assert early == calibrate(weeks.until(day_ten), frail_plant, day_ten)


def test_progress_is_told_step_by_step(
    weeks: EventLog, frail_plant: Plant, until: datetime
) -> None:
    told: list[tuple[str, int, int]] = []
    calibrate(weeks, frail_plant, until, lambda *step: told.append(step))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert told[-1][1] == told[-1][2]


def test_estimates_end_where_machines_begin_to_differ() -> None:
    from twin.calibration.estimates import ParameterEstimate

    third = ParameterEstimate(
        "power_kw", "P-1", "working", 1 / 3, 0.0, 1e9 / 7, "kW", 3, parameters={"scale": 2 / 3}
    )
    again = third.rounded()
    assert (again.value, again.high) == (0.33333333, 142857140.0)
    assert again.parameters == {"scale": 0.66666667}
