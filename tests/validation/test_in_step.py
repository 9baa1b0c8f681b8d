"""Lines in discrete time and the plants that stand for them make the same parts in the same cycles.

Each model is played cycle by cycle, as its authors tell it, with the luck of the engine's units.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.validation.anchor import Anchor, Content
from tests.validation.exact_lines import Free, after_service, by_levels
from tests.validation.lines import HALF_A_CYCLE, bernoulli, in_step
from twin.behaviour.randomness import Luck
from twin.model.laws import Law, remaining_life
from twin.model.plant import Plant
from twin.simulation.engines import build_engine
from twin.simulation.result import COMPLETE_ROW, KIND, TICK

CYCLE = 60_000_000
"""[tick]"""
SEED = 7
CYCLES = 600


def whole(law: Law, stream: str, entity: str, replication: int, age: float = 0) -> Iterator[int]:
    """Drawn numbers of cycles, the first one from an age."""
    draws = Luck(SEED, replication).stream(entity, stream)
    k = 0
    while True:
        yield round(remaining_life(law, age if k == 0 else 0, draws.uniform(k)) + 1e-6)
        k += 1


class Machine:
    """Lives and repairs of one unit, in cycles."""

    def __init__(self, plant: Plant, unit: int, replication: int, age: float) -> None:
        found = plant.work_units[unit]
        mode = found.failure_modes[0]
        assert mode.time_to_failure is not None
        self.lives = whole(mode.time_to_failure, "life of wear", found.id, replication, age)
        self.repairs = whole(mode.time_to_repair, "repair of wear", found.id, replication)
        self.left = next(self.lives) - (1 if age else 0)
        self.down = 0


def play_in_step(machines: list[Machine], free: Free) -> list[int]:
    """Cycles in which a part leaves the line: machine states first, by the levels at the start."""
    levels = [0] * (len(machines) - 1)
    made = []
    for cycle in range(CYCLES):
        works = []
        can = free(tuple(levels))
        for i, machine in enumerate(machines):
            if machine.down:
                machine.down -= 1
                if not machine.down:
                    machine.left = next(machine.lives)
            elif can[i] and not machine.left:
                machine.down = next(machine.repairs)
            works.append(not machine.down and can[i])
            machine.left -= works[-1]
        levels = [level + works[i] - works[i + 1] for i, level in enumerate(levels)]
        if works[-1]:
            made.append(cycle)
    return made


def play_bernoulli(machines: list[Machine], rooms: tuple[int, ...]) -> list[int]:
    """The same for the Bernoulli line: from the last machine to the first, who takes makes room."""
    levels = [0] * len(rooms)
    made = []
    for cycle in range(CYCLES):
        does = [False] * len(machines)
        for i in reversed(range(len(machines))):
            machine = machines[i]
            if machine.down:
                machine.down -= 1
                if not machine.down:
                    machine.left = next(machine.lives)
            elif not machine.left:
                machine.down = next(machine.repairs)
            has_part = i == 0 or levels[i - 1] > 0
            has_room = i == len(rooms) or levels[i] < rooms[i] or does[i + 1]
            does[i] = not machine.down and has_part and has_room
            machine.left -= not machine.down
        levels = [level + does[i] - does[i + 1] for i, level in enumerate(levels)]
        if does[-1]:
            made.append(cycle)
    return made


def departures(plant: Content, age: float | None, replication: int) -> tuple[Plant, list[int]]:
    """Cycles at the end of which a part left the simulated line."""
    anchor = Anchor("line", "", plant, (), hours=(CYCLES + 1) / 60, age=age)
    experiment = anchor.experiment(SEED)
    trace = build_engine(experiment).run(replication, trace=True).trace
    assert trace is not None
    ticks = trace.rows[trace.rows[:, KIND] == COMPLETE_ROW, TICK]
    assert not np.any(ticks % CYCLE)
    return experiment.plant.plant, [int(tick) for tick in ticks // CYCLE - 1]


@pytest.mark.parametrize(
    ("fails", "repairs", "rooms"),
    [
        ((0.01, 0.012), (0.1, 0.08), (10,)),
        ((0.05, 0.1, 0.05), (0.3, 0.2, 0.4), (5, 2)),
        ((0.1,) * 4, (0.5,) * 4, (2, 3, 2)),
    ],
)
def test_a_line_in_step(
    fails: tuple[float, ...], repairs: tuple[float, ...], rooms: tuple[int, ...]
) -> None:
    for replication in range(3):
        plant, found = departures(in_step(fails, repairs, rooms), HALF_A_CYCLE, replication)
        machines = [Machine(plant, i, replication, 0.5) for i in range(len(fails))]
        # Only with two machines are both rules of blocking one and the same.
        free = by_levels(rooms) if len(rooms) == 1 else after_service([n - 2 for n in rooms])
        assert found == play_in_step(machines, free)


@pytest.mark.parametrize(
    ("works", "rooms"),
    [((0.9, 0.85), (2,)), ((0.95, 0.85, 0.9, 0.92), (2, 3, 2)), ((0.5, 0.6, 0.5), (1, 1))],
)
def test_a_bernoulli_line(works: tuple[float, ...], rooms: tuple[int, ...]) -> None:
    for replication in range(3):
        plant, found = departures(bernoulli(works, rooms), None, replication)
        machines = [Machine(plant, i, replication, 0) for i in range(len(works))]
        assert found == play_bernoulli(machines, rooms)
