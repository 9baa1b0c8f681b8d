"""From a container back to its coils, from a coil to its containers, and the energy of lots."""

from typing import Any

import numpy as np
import pytest

from tests.twin.accounting.conftest import (
    HORIZON,
    hand_made_orders,
    hand_made_state,
    minute,
    small_plant,
)
from twin.accounting.kpi import state_minutes
from twin.accounting.log_view import view
from twin.accounting.traceability import Genealogy, shared_minutes, trace
from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.plant import STATES
from twin.simulation.simulate import simulate


def state(at: float, unit: str, state: str) -> dict[str, Any]:
    return {"time": minute(at), "work_unit": unit, "event": "state", "state": state}


def lot(unit: str, id: str, material: str, start: float, end: float) -> list[dict[str, Any]]:
    row = {"work_unit": unit, "order": "O1", "product": "A", "lot": id, "operation": "press"}
    return [
        {**row, "time": minute(start), "event": "start", "material": material},
        {**row, "time": minute(end), "event": "end", "quantity": 90, "scrap": 10},
    ]


ROWS = [
    state(0, "P-1", "off"),
    state(60, "P-1", "working"),
    state(100, "P-1", "down"),
    state(110, "P-1", "working"),
    state(160, "P-1", "standby"),
    *lot("P-1", "L1", "COIL-1", 60, 120),
    *lot("P-1", "L2", "COIL-1+COIL-2", 120, 160),
    *lot("P-1", "L3", "COIL-3", 200, 220),
    *lot("K-1", "BOX", "L1+L2", 300, 330),
    {"time": minute(330), "work_unit": "K-1", "event": "verdict", "lot": "BOX", "verdict": "pass"},
    {"time": minute(340), "work_unit": "K-1", "event": "verdict", "lot": "BOX", "verdict": "fail"},
]


@pytest.fixture(scope="module")
def plant() -> CompiledPlant:
    return compile_plant(small_plant(), HORIZON)


@pytest.fixture
def lots(plant: CompiledPlant) -> Genealogy:
    return trace(EventLog.of(ROWS), plant)


def names(records: Any) -> list[str]:
    return [record.lot for record in records]


def test_a_container_leads_back_to_its_coils(lots: Genealogy) -> None:
    assert names(lots.upstream("BOX")) == ["COIL-1", "COIL-2", "L1", "L2", "BOX"]


def test_a_coil_leads_to_everything_made_from_it(lots: Genealogy) -> None:
    assert names(lots.downstream("COIL-2")) == ["COIL-2", "L2", "BOX"]


def test_a_lot_knows_its_unit_times_and_pieces(lots: Genealogy) -> None:
    found = lots.records["L2"]
    assert (found.work_unit, found.start, found.end) == ("P-1", 120, 160)
    assert (found.good, found.scrap) == (90, 10)


def test_a_lot_keeps_its_verdicts_in_time_order(lots: Genealogy) -> None:
    assert lots.records["BOX"].verdicts == ("pass", "fail")


def test_raw_material_has_no_times(lots: Genealogy) -> None:
    assert lots.records["COIL-1"].start is None


def test_the_energy_of_a_lot_is_that_of_the_work_in_its_time(lots: Genealogy) -> None:
    """L1 is worked for 50 min at 30 kW; its ten minutes of breakdown are not laid on it."""
    assert lots.records["L1"].energy_kwh == pytest.approx(25.0)
    assert lots.records["L2"].energy_kwh == pytest.approx(20.0)
    assert lots.records["L3"].energy_kwh == 0.0


def test_an_unknown_lot_is_named_with_the_nearest_known(lots: Genealogy) -> None:
    with pytest.raises(KeyError, match="BOX"):
        lots.upstream("BOXX")


def test_lots_worked_together_share_the_minutes() -> None:
    begin, end = np.array([0.0, 20.0, 20.0]), np.array([40.0, 40.0, 50.0])
    shared = shared_minutes(begin, end, np.array([10.0]), np.array([60.0]))
    assert shared == pytest.approx([10 + 20 / 3, 20 / 3, 20 / 3 + 10])


def test_a_lot_made_from_itself_is_no_circle(plant: CompiledPlant) -> None:
    found = trace(EventLog.of(lot("K-1", "BOX", "BOX+L1", 0, 10)), plant)
    assert names(found.upstream("BOX")) == ["L1", "BOX"]


@pytest.fixture(scope="module")
def simulated(plant: CompiledPlant) -> EventLog:
    return simulate(plant, hand_made_orders(), state=hand_made_state(), seed=3)


def test_every_packed_container_of_a_simulated_log_leads_back_to_a_coil(
    plant: CompiledPlant, simulated: EventLog
) -> None:
    found = trace(simulated, plant)
    packed = [r.lot for r in found.records.values() if r.operation == "pack"]
    assert packed
    for id in packed:
        assert any(name.startswith("WIRE-") for name in names(found.upstream(id)))


def test_lots_of_a_simulated_log_add_up_to_the_working_energy(
    plant: CompiledPlant, simulated: EventLog
) -> None:
    lots = trace(simulated, plant).records.values()
    minutes = state_minutes(view(simulated, plant))[:, STATES.index("working")]
    working = minutes * plant.power_kw[:, STATES.index("working")] / 60
    for m, unit in enumerate(plant.unit_ids):
        own = sum(r.energy_kwh for r in lots if r.work_unit == unit)
        assert own == pytest.approx(working[m], rel=1e-9)
