"""A serial line as a SimPy user would write it by hand: the yardstick of the engines.

Nothing of Noria is used, but its named luck where that is asked for. Work is exponential with mean
1 min, the first machine is never starved and the last never blocked, a finished part waits on its
machine for room (blocking after service).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from twin.behaviour.randomness import Luck

Process = Generator[simpy.Event, Any, None]
POWER_KW = {"standby": 2.0, "working": 10.0, "down": 1.0, "blocked": 2.0}


class Count:
    """Parts that have left the line."""

    def __init__(self) -> None:
        self.parts = 0


def lean_line(machines: int, buffer: int, minutes: float, seed: int) -> int:
    """Parts made by machines that never fail: one process a machine, one store a buffer."""
    env, count = simpy.Environment(), Count()
    stores = [simpy.Store(env, buffer) for _ in range(machines - 1)]

    def machine(i: int, luck: random.Random) -> Process:
        while True:
            if i > 0:
                yield stores[i - 1].get()
            yield env.timeout(luck.expovariate(1.0))
            if i < machines - 1:
                yield stores[i].put(1)
            else:
                count.parts += 1

    for i in range(machines):
        env.process(machine(i, random.Random(f"{seed}/{i}")))
    env.run(until=minutes)
    return count.parts


class NamedLuck:
    """Exponential numbers from a stream of Noria's: every machine keeps its own, come what may."""

    def __init__(self, name: str) -> None:
        seed, machine, purpose = name.split("/")
        self.stream = Luck(int(seed), 0).stream(machine, purpose)
        self.drawn = -1

    def expovariate(self, rate: float) -> float:
        self.drawn += 1
        return -math.log1p(-self.stream.uniform(self.drawn)) / rate


class Level:
    """How many parts there are somewhere, added up over time."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.parts, self.since, self.area = 0, 0.0, 0.0

    def step(self, change: int) -> None:
        now = self.env.now
        self.area += self.parts * (now - self.since)
        self.parts += change
        self.since = now


@dataclass
class Totals:
    """What is counted of a line: that which an engine counts of it when it keeps no trace."""

    inside: Level
    before: list[Level]
    """Parts in the buffer before each machine."""
    parts: int = 0
    flow: float = 0.0
    """Sum of the minutes from the first machine to the end, over the parts made."""
    waited: list[float] = field(default_factory=list)
    """Sum of the minutes in the buffer before each machine, over the parts taken."""
    made: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    spent: list[dict[str, float]] = field(default_factory=list)
    """Minutes by state, of each machine."""
    energy_kwh: list[float] = field(default_factory=list)


class Machine:
    """A machine that fails while it works, is repaired, and counts how it spends its time."""

    def __init__(
        self,
        index: int,
        source: simpy.Store | None,
        sink: simpy.Store | None,
        failing: tuple[float, float] | None,
        seed: int,
        totals: Totals,
        luck: Callable[[str], random.Random | NamedLuck],
    ) -> None:
        self.index, self.source, self.sink, self.totals = index, source, sink, totals
        self.env = totals.inside.env
        self.mean_life, self.mean_repair = failing or (float("inf"), 1.0)
        self.work_luck, self.life_luck, self.repair_luck = (
            luck(f"{seed}/{index}/{name}") for name in ("work", "life", "repair")
        )
        self.spent = dict.fromkeys(POWER_KW, 0.0)
        self.energy_kwh = 0.0
        self.state, self.since = "standby", 0.0
        self.made = self.failures = 0
        self.waited = 0.0

    def enter(self, state: str) -> None:
        """Count the state that ends now."""
        minutes = self.env.now - self.since
        self.spent[self.state] += minutes
        self.energy_kwh += POWER_KW[self.state] * minutes / 60
        self.state, self.since = state, self.env.now

    def life(self) -> float:
        return self.life_luck.expovariate(1 / self.mean_life)

    def live(self) -> Process:
        """Take a part, work on it, stand still where it fails, hand it on; a part is two times."""
        env, totals, before = self.env, self.totals, self.totals.before
        life = self.life() if self.mean_life < float("inf") else float("inf")
        while True:
            if self.source is not None:
                begun, came = yield self.source.get()
                self.waited += env.now - came
                before[self.index].step(-1)
            else:
                begun = env.now
                totals.inside.step(1)
            left = self.work_luck.expovariate(1.0)
            self.enter("working")
            while life < left:
                yield env.timeout(life)
                left -= life
                self.failures += 1
                self.enter("down")
                yield env.timeout(self.repair_luck.expovariate(1 / self.mean_repair))
                life = self.life()
                self.enter("working")
            yield env.timeout(left)
            life -= left
            self.made += 1
            if self.sink is None:
                totals.parts += 1
                totals.flow += env.now - begun
                totals.inside.step(-1)
            else:
                self.enter("blocked")
                yield self.sink.put((begun, env.now))
                before[self.index + 1].step(1)
            self.enter("standby")


def counted_line(
    machines: int,
    buffer: int,
    minutes: float,
    failing: tuple[float, float] | None,
    seed: int,
    luck: Callable[[str], random.Random | NamedLuck] = random.Random,
) -> Totals:
    """A run of machines that fail on an operating clock (mean life, mean repair [min]) or never."""
    env = simpy.Environment()
    totals = Totals(Level(env), [Level(env) for _ in range(machines)])
    stores = [simpy.Store(env, buffer) for _ in range(machines - 1)]
    ends = [None, *stores, None]
    line = [Machine(i, ends[i], ends[i + 1], failing, seed, totals, luck) for i in range(machines)]
    for machine in line:
        env.process(machine.live())
    env.run(until=minutes)
    for level in (totals.inside, *totals.before):
        level.step(0)
    for machine in line:
        machine.enter("standby")
        totals.spent.append(machine.spent)
        totals.energy_kwh.append(machine.energy_kwh)
        totals.made.append(machine.made)
        totals.failures.append(machine.failures)
        totals.waited.append(machine.waited)
    return totals
