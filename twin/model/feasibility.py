"""Whether what comes into a plant can be worked at all, from means alone, before anything is run.

Work that waits for people waits for ever where nobody is on duty in its hours (:func:`unattended`).

For each operation o and product p, λ is the mean number of parts a minute that come before it. A
share x of them goes to work unit m, which is busy t minutes for each. The load of the plant is the
least ρ for which shares exist with

    Σ_m x(m, o, p) = λ(o, p)        and        Σ_(o, p) t(m, o, p) · x(m, o, p) ≤ ρ · a(m)

where a(m) is the share of time in which unit m can work. From ρ = 1 on, parts pile up for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from twin.model.compiled import COMPLETE, SCRAP, CompiledPlant
from twin.model.failures import Degradation, FailureMode
from twin.model.horizon import Array
from twin.model.network import Source
from twin.model.plant import Processing, WorkUnit, by_product

MINUTES_PER_HOUR = 60.0
CERTAIN = 1 - 1e-9
"""Loads from here on count as 1."""

Stream = tuple[int, int]
"""Parts of one product before one operation: (operation, product)."""


@dataclass(frozen=True)
class Overload:
    """More parts come to some operations than their work units, or vehicles, can ever take.

    For the plant this means queues that grow as long as it runs: averages of a simulation then
    depend on its length, which is sound for a transient study and for nothing else.
    """

    operations: tuple[str, ...]
    resources: tuple[str, ...]
    """The work units, or the one transport, that cannot keep up."""
    load: float
    """Parts that come to the operations [1/h]."""
    capacity: float
    """Parts that can be taken at most, in the same mix [1/h]."""

    def __str__(self) -> str:
        return (
            f"{', '.join(self.operations)}: {self.load:.4g} parts/h come and "
            f"{', '.join(self.resources)} can take {self.capacity:.4g}; queues grow without end, "
            "so lengthen the time between parts or add capacity"
        )


def overloaded(compiled: CompiledPlant) -> list[Overload]:
    """Where the sources of a plant bring more than it can work; empty for a plant in balance.

    Counted are mean times, shifts, failures with their mean repairs, scrap, branches and rework.
    Setups, waiting for people and parts, and preventive tasks done within closed hours are not, so
    a plant may be overloaded that is not named. Saturated sources bring what the plant takes, and
    work orders are no steady stream; neither counts.
    """
    traffic = _traffic(compiled)
    return [*_overloaded_units(compiled, traffic), *_overloaded_transports(compiled, traffic)]


@dataclass(frozen=True)
class Unattended:
    """Work on a unit that waits for people of whom nobody is there in the hours of this run."""

    work_unit: str
    work: str
    """Setups, or an operation."""
    people: str
    """Crew or skill."""

    def __str__(self) -> str:
        return (
            f"{self.work_unit}: {self.work} waits for {self.people}, and nobody of them is on duty "
            "while the unit is open in this run: it is never done; change the calendar of one"
        )


def unattended(compiled: CompiledPlant) -> list[Unattended]:
    """Setups and operations that cannot begin in the whole horizon, for want of people."""
    found = []
    meet: dict[tuple[str, int], bool] = {}
    for m, unit in enumerate(compiled.plant.work_units):
        asked = [(f"operation {r.operation}", r.operators, r.people) for r in unit.processing]
        if unit.setup:
            asked.append(("setup", unit.setup.crew, 1))
        for work, people, number in asked:
            crews = compiled.crews_for[people] if people is not None else ()
            able = [c for c in crews if compiled.plant.crews[c].size >= number]
            for c in able:
                if (unit.calendar, c) not in meet:
                    meet[unit.calendar, c] = _meet(compiled, m, c)
            if people is not None and not any(meet[unit.calendar, c] for c in able):
                found.append(Unattended(unit.id, work, people))
    return found


def _meet(compiled: CompiledPlant, m: int, c: int) -> bool:
    """Whether somebody of a crew is on duty at some time while a unit is open."""
    duty = compiled.crew_open[compiled.plant.crews[c].id]
    opened = compiled.unit_open[m]
    shared = opened.minutes_before(duty.ends) - opened.minutes_before(duty.starts)
    return bool((shared > 0).any())


@dataclass(frozen=True)
class Traffic:
    """What comes before one operation of one product."""

    jobs: float
    """[1/min]"""
    pieces: float
    """In one job, on average."""
    carried: float
    """Jobs that come from another operation [1/min]."""


def _traffic(compiled: CompiledPlant) -> dict[Stream, Traffic]:
    """Mean streams of parts from all sources that are not saturated."""
    found: dict[Stream, Traffic] = {}
    for p, product in enumerate(compiled.plant.products):
        sources = [s for s in compiled.plant.sources if s.product == product.id]
        rates = [(_rate(s, compiled), s.quantity) for s in sources if s.time_between]
        jobs = sum(rate for rate, _ in rates)
        if jobs <= 0:
            continue
        pieces = sum(rate * quantity for rate, quantity in rates)
        moves = _moves(compiled, p, pieces / jobs)
        scrap = np.array([_scrap(compiled, o, p) for o in compiled.routes[p]])
        some_left = 1 - scrap ** max(pieces / jobs, 1.0)
        visits = _visits(moves * some_left[:, None], jobs)
        flow = _visits(moves * (1 - scrap)[:, None], pieces)
        for step, operation in enumerate(compiled.routes[p]):
            if visits[step] > 0:
                fresh = jobs if step == 0 else 0.0
                come = float(visits[step])
                found[operation, p] = Traffic(come, float(flow[step]) / come, come - fresh)
    return found


def _rate(source: Source, compiled: CompiledPlant) -> float:
    """Parts a minute; those of a source with a limit are spread over the horizon."""
    assert source.time_between is not None
    rate = 1 / source.time_between.mean
    return rate if source.limit is None else min(rate, source.limit / compiled.horizon.minutes)


def _moves(compiled: CompiledPlant, p: int, pieces: float) -> Array:
    """(S, S) probability that a job of product p goes from one step to another."""
    route = compiled.routes[p]
    moves = np.zeros((len(route), len(route)))
    clean = 1.0
    for step, operation in enumerate(route):
        before = 0.0
        for target, reached in compiled.branches.get((p, step), ((step + 1, 1.0),)):
            if target not in (COMPLETE, SCRAP) and target < len(route):
                moves[step, target] += reached - before
            before = reached
        units = [compiled.plant.work_units[m] for m in compiled.eligible[operation, p]]
        clean *= 1 - _mean(by_product(u.defects, compiled.plant.products[p]) or 0 for u in units)
        back: dict[int, float] = {}
        for unit in units:
            if unit.inspection and unit.inspection.rework_to is not None:
                target = route.index(compiled.operation_index[unit.inspection.rework_to])
                share = _sent_back(unit, 1 - clean, pieces) / len(units)
                back[target] = back.get(target, 0.0) + share
        moves[step] *= 1 - sum(back.values())
        for target, share in back.items():
            moves[step, target] += share
    return moves


def _sent_back(unit: WorkUnit, defective: float, pieces: float) -> float:
    """Chance that an inspection sends a job back, such that its mean number of visits is right.

    With chance f at each of n passes there are (1 − fⁿ)/(1 − f) visits on average; a loop without
    a limit has as many where it is taken with f (1 − fⁿ⁻¹)/(1 − fⁿ).
    """
    assert unit.inspection is not None
    test = unit.inspection
    fails = defective * test.sensitivity + (1 - defective) * (1 - test.specificity)
    chance = 1 - math.pow(1 - fails, pieces)
    if chance >= 1:
        return (test.passes - 1) / test.passes
    return chance * (1 - math.pow(chance, test.passes - 1)) / (1 - math.pow(chance, test.passes))


def _visits(moves: Array, fresh: float) -> Array:
    """(S,) what comes to each step when ``fresh`` comes to the first: v = fresh · e₀ + Mᵀ v."""
    come = np.zeros(len(moves))
    come[0] = fresh
    return np.asarray(np.linalg.solve(np.eye(len(moves)) - moves.T, come), dtype=np.float64)


def _scrap(compiled: CompiledPlant, operation: int, p: int) -> float:
    return _mean(float(compiled.scrap[m, p]) for m in compiled.eligible[operation, p])


def _overloaded_units(
    compiled: CompiledPlant, traffic: Mapping[Stream, Traffic]
) -> Iterator[Overload]:
    """The narrowest group of units, then the next among the rest, as long as they are too narrow.

    The dual values of the linear programme tell which units are in the group.
    """
    able = {stream: compiled.eligible[stream] for stream in traffic}
    while able:
        load, prices = _narrowest(compiled, traffic, able)
        group = {m for m, price in prices.items() if price > 1e-9 * max(prices.values())}
        streams = sorted(s for s in able if group.issuperset(able[s]))
        if load < CERTAIN or not streams:
            return
        come = sum(traffic[s].jobs for s in streams) * MINUTES_PER_HOUR
        operations = dict.fromkeys(compiled.operation_ids[o] for o, _ in streams)
        units = tuple(compiled.unit_ids[m] for m in sorted(group))
        yield Overload(tuple(operations), units, come, come / load)
        rest = {s: tuple(m for m in can if m not in group) for s, can in able.items()}
        able = {s: can for s, can in rest.items() if can}


def _narrowest(
    compiled: CompiledPlant,
    traffic: Mapping[Stream, Traffic],
    able: Mapping[Stream, tuple[int, ...]],
) -> tuple[float, dict[int, float]]:
    """ρ and the price of each unit's time; unknowns are the shares x and, last, ρ."""
    streams = list(able)
    pairs = [(k, m) for k, s in enumerate(streams) for m in able[s]]
    units = sorted({m for _, m in pairs})
    open_share = {m: _able(compiled, m) for m in units}
    goes = np.zeros((len(streams), len(pairs) + 1))
    busy = np.zeros((len(units), len(pairs) + 1))
    for column, (k, m) in enumerate(pairs):
        now = traffic[streams[k]]
        goes[k, column] = 1.0
        busy[units.index(m), column] = now.jobs * _minutes(compiled, m, streams[k], now.pieces)
    busy[:, -1] = [-max(open_share[m], 1e-12) for m in units]
    wanted = np.zeros(len(pairs) + 1)
    wanted[-1] = 1.0
    found = linprog(wanted, busy, np.zeros(len(units)), goes, np.ones(len(streams)))
    if not found.success:  # no bounded answer: a unit that is never open
        return math.inf, dict.fromkeys(units, 1.0)
    prices = -found.ineqlin.marginals
    return float(found.fun), dict(zip(units, prices.tolist(), strict=True))


def _minutes(compiled: CompiledPlant, m: int, stream: Stream, pieces: float) -> float:
    """Minutes that one part keeps a unit busy, repairs of its operating failures included."""
    operation, product = stream
    row: Processing = compiled.rows[m, operation, product]
    lots = compiled.lots(m, operation, product, max(round(pieces), 1))
    together = 1 if row.load is None else row.load.max_jobs
    minutes = lots.total_minutes if row.load is None else lots.transit + lots.minutes[0]
    number = len(lots.pieces) if row.load is None else 1
    repairs = 0.0
    for mode in compiled.plant.work_units[m].failure_modes:
        life = _mean_life(mode)
        if life is not None and mode.clock == "operating":
            repairs += minutes / life * mode.time_to_repair.mean
        elif life is not None and mode.clock == "count":
            repairs += number / life * mode.time_to_repair.mean
    return (minutes + repairs) / together


def _able(compiled: CompiledPlant, m: int) -> float:
    """Share of time in which a unit is open and neither down nor under a task for the calendar."""
    unit, minutes = compiled.plant.work_units[m], compiled.horizon.minutes
    share = compiled.unit_open[m].working_minutes(0.0, minutes) / minutes
    closed = 1 - share
    tasks = sum(t.duration / t.interval for t in unit.maintenance if t.due_by == "calendar")
    share -= max(tasks - closed, 0.0)
    causes = {cause.id: cause for cause in compiled.plant.common_causes}
    for mode in unit.failure_modes:
        repair = mode.time_to_repair.mean
        if mode.common_cause is not None:
            cause = causes[mode.common_cause]
            share /= 1 + cause.share * repair / cause.time_between.mean
        elif mode.clock == "calendar":
            life = _mean_life(mode)
            share /= 1 + (repair / life if life else 0.0)
    return max(share, 0.0)


def _mean_life(mode: FailureMode) -> float | None:
    """Mean life on the mode's clock, each life taken as new; none under a common cause."""
    if mode.degradation is not None:
        return _mean_wear(mode.degradation)
    if mode.time_to_failure is None:
        return None
    return mode.time_to_failure.mean


def _mean_wear(wear: Degradation) -> float:
    """Minutes until the mean level passes the limit, in whole steps."""
    return wear.limit / wear.mean_growth(1.0) + wear.step / 2


def _overloaded_transports(
    compiled: CompiledPlant, traffic: Mapping[Stream, Traffic]
) -> Iterator[Overload]:
    """Transports whose vehicles would have to drive longer than there is time."""
    for transport in compiled.plant.transports:
        driven, jobs, names = 0.0, 0.0, []
        for o, operation in enumerate(compiled.plant.operations):
            carriage = operation.carriage
            if carriage is None or carriage.by != transport.id:
                continue
            carried = sum(t.carried for (at, _), t in traffic.items() if at == o)
            if carried > 0:
                names.append(operation.id)
                jobs += carried
                driven += carried * carriage.time
        load = driven / transport.vehicles
        if load >= CERTAIN:
            come = jobs * MINUTES_PER_HOUR
            yield Overload(tuple(names), (transport.id,), come, come / load)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
