"""The serial line of the benchmarks in other simulators, run by an interpreter that has them.

    python peers.py ENGINE --machines 10 --buffer 5 --mean-life 100 --mean-repair 10 \\
        --minutes 2000 --seed 1

prints one JSON line. Work is exponential with mean 1 min, or what comes nearest; without
``--mean-life`` nothing fails. Of Noria nothing is needed here. ``RULES`` says what each engine
makes of a failure, as its source has it; the durations are given in minutes everywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEP = 0.1
"""Simantha counts in whole steps; one is this long [min]."""

RULES = {
    "salabim": (
        "the model's own: life on an operating clock, the interrupted part is resumed; "
        "exponential work; all default monitors on"
    ),
    "simantha": (
        "degradation matrix of two states, a step of 0.1 min: life on a calendar clock (also "
        "while starved or blocked, not while under repair), the interrupted part is lost (a "
        "waiting finished part too); geometric work and repair; no data collected"
    ),
    "prodsys": (
        "BreakDownState: life on a calendar clock from the end of the repair (also while starved "
        "or blocked), the interrupted part is resumed; exponential work; parts move by a "
        "transport of 0 min; its event log is always kept"
    ),
}


@dataclass(frozen=True)
class Line:
    """Machines in series, the same everywhere. Times in minutes."""

    machines: int
    buffer: int
    mean_life: float | None
    mean_repair: float
    minutes: float
    seed: int


def salabim(line: Line) -> Callable[[], int]:
    """A component for each machine, a store for each buffer, a component for each part."""
    import salabim as sim

    sim.yieldless(False)
    env = sim.Environment(random_seed=line.seed, trace=False)
    stores = [sim.Store(capacity=line.buffer) for _ in range(line.machines - 1)]
    made = [0]

    class Part(sim.Component):  # type: ignore[misc]
        pass

    class Machine(sim.Component):  # type: ignore[misc]
        def setup(self, before: Any, after: Any) -> None:
            self.before, self.after = before, after

        def process(self) -> Any:
            work, life = sim.Exponential(1), sim.Exponential(line.mean_life or 1)
            repair = sim.Exponential(line.mean_repair)
            left_to_live = life() if line.mean_life else sim.inf
            while True:
                if self.before is None:
                    part = Part()
                else:
                    part = yield self.from_store(self.before, mode="standby")
                left = work()
                while left_to_live < left:
                    yield self.hold(left_to_live, mode="working")
                    left -= left_to_live
                    yield self.hold(repair(), mode="down")
                    left_to_live = life()
                yield self.hold(left, mode="working")
                left_to_live -= left
                if self.after is None:
                    made[0] += 1
                else:
                    yield self.to_store(self.after, part, mode="blocked")

    for i in range(line.machines):
        Machine(
            before=stores[i - 1] if i else None, after=stores[i] if i + 1 < line.machines else None
        )

    def run() -> int:
        env.run(line.minutes)
        return made[0]

    return run


def simantha(line: Line) -> Callable[[], int]:
    """Its own objects: the durations are whole steps, drawn from geometric laws."""
    import random

    from simantha import Buffer, Machine, Sink, Source, System
    from simantha.utils import generate_degradation_matrix

    random.seed(line.seed)
    p = STEP / line.mean_life if line.mean_life else 0.0
    matrix = generate_degradation_matrix(p, 1) if p else [[1, 0], [0, 1]]
    machines = [
        Machine(
            f"M{i}",
            cycle_time={"geometric": STEP},
            degradation_matrix=matrix,
            cm_distribution={"geometric": STEP / line.mean_repair},
        )
        for i in range(line.machines)
    ]
    buffers = [Buffer(f"B{i}", capacity=line.buffer) for i in range(line.machines - 1)]
    source, sink = Source(), Sink()
    for i, machine in enumerate(machines):
        machine.define_routing(
            upstream=[buffers[i - 1] if i else source],
            downstream=[buffers[i] if i + 1 < line.machines else sink],
        )
    source.define_routing(downstream=[machines[0]])
    sink.define_routing(upstream=[machines[-1]])
    for i, buffer in enumerate(buffers):
        buffer.define_routing(upstream=[machines[i]], downstream=[machines[i + 1]])
    system = System([source, *machines, *buffers, sink])

    def run() -> int:
        steps = round(line.minutes / STEP)
        system.simulate(simulation_time=steps, verbose=False, collect_data=False)
        return int(sink.level)

    return run


def prodsys(line: Line) -> Callable[[], int]:
    """Resources with queues before and behind them, and carriers without a travel time."""
    import prodsys.express as psx
    from prodsys.models import port_data
    from prodsys.simulation import sim

    sim.VERBOSE = 0
    kinds = port_data.PortInterfaceType

    def exponential(mean: float) -> Any:
        return psx.FunctionTimeModel(distribution_function="exponential", location=mean)

    def constant(minutes: float) -> Any:
        return psx.FunctionTimeModel(distribution_function="constant", location=minutes)

    def queue(places: int, kind: Any, at: float) -> Any:
        return psx.Queue(capacity=places, interface_type=kind, location=[at, 0])

    carrying = psx.TransportProcess(constant(0), "carrying")
    carriers = psx.Resource(
        [carrying], [0, 0], capacity=line.machines + 1, can_move=True, ID="carriers"
    )
    steps, machines = [], []
    for i in range(line.machines):
        step = psx.ProductionProcess(exponential(1), f"work{i}")
        states = []
        if line.mean_life:
            states = [
                psx.BreakDownState(exponential(line.mean_life), exponential(line.mean_repair))
            ]
        machine = psx.Resource([step], [i + 1, 0], states=states, ID=f"M{i}")
        machine.ports = [
            queue(max(line.buffer - 1, 1), kinds.INPUT, i + 0.9),
            queue(1, kinds.OUTPUT, i + 1.1),
        ]
        steps.append(step)
        machines.append(machine)
    part = psx.Product(steps, transport_process=carrying, ID="part")
    sink = psx.Sink(part, [line.machines + 2, 0], "sink")
    source = psx.Source(part, constant(0.001), [0, 0], ID="source")
    source.ports = [queue(1, kinds.OUTPUT, 0.1)]
    system = psx.ProductionSystem([*machines, carriers], [source], [sink])
    system.validate()

    def run() -> int:
        system.run(line.minutes, line.seed)
        return len(system.runner.product_factory.finished_products)

    return run


ENGINES = {"salabim": salabim, "simantha": simantha, "prodsys": prodsys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--machines", type=int, default=10)
    parser.add_argument("--buffer", type=int, default=5)
    parser.add_argument("--mean-life", type=float)
    parser.add_argument("--mean-repair", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=2000.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    line = Line(
        given.machines, given.buffer, given.mean_life, given.mean_repair, given.minutes, given.seed
    )
    warnings.simplefilter("ignore")
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        run = ENGINES[given.engine](line)
        begin = time.process_time()
        parts = run()
        seconds = time.process_time() - begin
    answer = {
        "engine": given.engine,
        "version": importlib.metadata.version(given.engine),
        "parts": parts,
        "cpu_s": seconds,
        "rule": RULES[given.engine],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
