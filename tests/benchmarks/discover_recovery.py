"""Plants found in nothing but their logs, compared with the plants that wrote them.

    python -m tests.benchmarks.discover_recovery [--seeds N] [--weeks N] [--dirty] [--backtests N]

Every seed gives two logs: that of the plant of :mod:`tests.benchmarks.known_truth`, and that of a
*varied* one: rooms of other sizes, in jobs or kilograms, or without limit; containers of other
sizes; lots that move on by themselves; a product that skips an operation; a mill on days only; a
crew of two; an oven that is paid by the load. One line for each log, then the summary.

Shares are of what is true: of the routes, of the pairs of unit and operation, of the lot sizes, of
the rooms. A room that the log never filled cannot be told; it counts as unknown. Times, setups,
mean lives and powers are compared as relative errors, on the log's clock (hidden short stops count
as work). ``inside`` is the share of 95 % intervals that hold the truth. ``--backtests`` also
forecasts weeks with the plants found, beside the described ones.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scenarios.backtest import Effort, backtest, origins_of
from scenarios.backtest_inputs import described
from scenarios.demo import with_meters
from tests.benchmarks.known_truth import BEGIN, MICRO_LENGTH, MICRO_SHARE, ZONE, truth_case
from tests.benchmarks.measure import rounded, tell
from twin.accounting.recorded import PIECES
from twin.accounting.scoring import Verified, score
from twin.calibration.calendars import disagreement
from twin.calibration.diagnosis import diagnose
from twin.calibration.discover import Discovery, discover
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.calibration.setups import ARROW
from twin.model.compiled import compile_plant
from twin.model.events import EventLog
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import STATES, Operation, Plant, Product, WorkUnit, by_product
from twin.model.shifts import Calendar, Weekly
from twin.model.state import ShopState
from twin.simulation.simulate import simulate

WEEK = 10080
LEAST_SETUPS = 3
"""Setups of a pair that count as seen."""
DAYS_ONLY: Weekly = {
    day: ["06:00-14:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat")
}  # fmt: skip
Facts = dict[str, list[float]]


@dataclass(frozen=True)
class Case:
    """A plant and its log."""

    name: str
    truth: Plant
    log: EventLog
    until: datetime
    slower: float
    """Mean of all lots over that of plain ones."""


def plain_case(seed: int, weeks: int, is_dirty: bool) -> Case:
    c = truth_case(seed, weeks, is_dirty=is_dirty)
    return Case("known truth", c.truth, c.log, c.until, 1 + MICRO_SHARE * MICRO_LENGTH)


def varied_case(seed: int, weeks: int) -> Case:
    """The plant of the same seed, hung together in another way; without short stops."""
    c = truth_case(seed, weeks)
    rng = np.random.default_rng([seed, 6])
    truth = _varied(c.truth, rng)
    horizon = Horizon(BEGIN, weeks * WEEK, ZONE)
    kept = OrderBook(tuple(o for o in c.orders if rng.random() < 0.85))
    compiled = compile_plant(truth, horizon)
    happened = simulate(compiled, kept, state=ShopState(BEGIN), seed=seed).until(horizon.end)
    log = with_meters(happened, truth, horizon, seed)
    return Case("varied", truth, log, horizon.end, 1.0)


def _varied(plant: Plant, rng: np.random.Generator) -> Plant:
    moves = str(rng.choice(["order", "order", "lot"]))
    rooms = [_room(o, rng) if o.id != "press" else o for o in plant.operations]
    short = plant.routes[0].model_copy(update={"id": "short", "operations": ["press", "mill"]})
    products = [
        _product(p, moves, rng, short.id if p.id == "A2" else p.route) for p in plant.products
    ]
    day = Calendar(id="days", weekly=DAYS_ONLY)
    crew = plant.crews[0].model_copy(update={"size": int(rng.integers(1, 3))})
    units = [
        u.model_copy(update={"calendar": "days"}) if u.id == "MILL-2" and rng.random() < 0.5 else u
        for u in plant.work_units
    ]
    units = [_by_load(u) if u.id == "BENCH" and moves == "order" else u for u in units]
    return plant.model_copy(
        update={
            "operations": rooms, "routes": [*plant.routes, short], "products": products,
            "calendars": [*plant.calendars, day], "crews": [crew], "work_units": units,
        }
    )  # fmt: skip


def _room(operation: Operation, rng: np.random.Generator) -> Operation:
    kind = rng.random()
    jobs = int(rng.integers(0, 5)) if kind < 0.6 else None
    kg = float(rng.choice([800, 1500, 2500])) if 0.6 <= kind < 0.8 else None
    return operation.model_copy(update={"buffer_jobs": jobs, "buffer_kg": kg})


def _product(p: Product, moves: str, rng: np.random.Generator, route: str) -> Product:
    size = int(rng.choice([50, 100, 120]))
    return p.model_copy(update={"moves_by": moves, "lot_size": size, "route": route})


def _by_load(unit: WorkUnit) -> WorkUnit:
    """The same unit as an oven for 150 kg."""
    (row,) = unit.processing
    loaded = row.model_copy(
        update={
            "basis": "load", "load_kg": 150.0,
            "time": {p: 150 * minutes for p, minutes in row.time.items()},
        }
    )  # fmt: skip
    return unit.model_copy(update={"processing": [loaded]})


def facts_of(case: Case, discovery: Discovery) -> Facts:
    """Everything compared, as lists of 0 and 1 or of relative errors."""
    facts: Facts = {}
    found = discovery.plant
    for part in (_network, _rooms, _hours, _times, _setups, _upkeep, _power):
        for name, value in part(case, found):
            facts.setdefault(name, []).append(float(value))
    assert discovery.calibration is not None
    for name, is_inside in _inside(case, discovery.calibration):
        facts.setdefault(name, []).append(float(is_inside))
    return facts


def _inside(case: Case, calibration: Calibration) -> Iterator[tuple[str, bool]]:
    """Whether the 95 % intervals hold the truth: they lean on values read off the same log."""
    for e in calibration.estimates:
        unit = next((u for u in case.truth.work_units if u.id == e.work_unit), None)
        true = None if unit is None else _true_value(case, unit, e)
        if true is not None and e.n > 0:
            yield f"inside_{e.quantity}", e.low <= true <= e.high


def _true_value(case: Case, unit: WorkUnit, e: ParameterEstimate) -> float | None:
    """The truth behind an estimate; None for those not compared."""
    modes = {m.id: m for m in unit.failure_modes}
    if e.quantity == "processing_time" and unit.processing[0].basis == "piece":
        return unit.processing[0].time.get(e.key.rpartition("/")[2])
    if e.quantity == "setup_time" and "*" not in e.key and unit.setup:
        return unit.setup.time_between(*e.key.split(ARROW))
    if e.quantity == "scrap":
        return unit.scrap.get(e.key)
    if e.quantity == "time_to_failure" and e.key in modes:
        return modes[e.key].life.mean * case.slower
    if e.quantity == "time_to_repair" and e.key in modes:
        return modes[e.key].time_to_repair.mean
    metered = [state for state in STATES if state != "maintenance"]
    drawn: dict[str, float] = {state: unit.power_kw.of(state) for state in metered}
    return drawn.get(e.key) if e.quantity == "power_kw" else None


def _network(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    known = {p.id for p in found.products}
    seen = set(case.log.table["product"]) - {""}
    for p in (p for p in case.truth.products if p.id in seen):
        mine = found.product(p.id) if p.id in known else None
        yield "routes", mine is not None and found.route_of(mine) == case.truth.route_of(p)
        if mine:
            yield "lot_sizes", mine.lot_size == p.lot_size
            yield "moves_by", mine.moves_by == p.moves_by
    pairs = {(u.id, r.operation) for u in case.truth.work_units for r in u.processing}
    mine_pairs = {(u.id, r.operation) for u in found.work_units for r in u.processing}
    for pair in pairs | mine_pairs:
        yield "unit_operations", pair in pairs & mine_pairs
    for u in case.truth.work_units:
        for row in u.processing:
            rows = [r for r in found.unit(u.id).processing if r.operation == row.operation]
            yield "basis", bool(rows) and rows[0].basis == row.basis
    families = [{p.id: p.family for p in plant.products} for plant in (case.truth, found)]
    for a, b in itertools.combinations(sorted(known & seen), 2):
        yield "families", (families[0][a] == families[0][b]) == (families[1][a] == families[1][b])


def _rooms(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    """Capacity in jobs; a room told in kg counts when it is within a tenth."""
    rooms = {o.id: o for o in found.operations}
    for o in case.truth.operations[1:]:
        mine = rooms[o.id]
        if o.buffer_jobs is None and o.buffer_kg is None:
            yield "rooms_unlimited_right", mine.buffer_jobs is None and mine.buffer_kg is None
            continue
        is_told = mine.buffer_jobs is not None or mine.buffer_kg is not None
        yield "rooms_told", is_told
        if is_told and o.buffer_jobs is not None:
            apart = abs((mine.buffer_jobs if mine.buffer_jobs is not None else 99) - o.buffer_jobs)
            yield "rooms_equal", apart == 0
            yield "rooms_within_1", apart <= 1
        elif is_told and o.buffer_kg is not None:
            off = abs((mine.buffer_kg or 0.0) / o.buffer_kg - 1)
            yield "rooms_kg_within_10_percent", off <= 0.1


def _hours(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    horizon = Horizon(BEGIN, WEEK * 4, ZONE)
    for u in case.truth.work_units:
        true = case.truth.calendars_by_id[u.calendar]
        mine = found.calendars_by_id[found.unit(u.id).calendar]
        apart = disagreement(mine, true, horizon)
        yield "calendar_minutes_a_week", (apart.only_found + apart.only_nominal) / 4
    (crew,) = case.truth.crews
    named = {m.crew for u in found.work_units for m in u.failure_modes}
    named |= {t.crew for u in found.work_units for t in u.maintenance}
    yield "one_crew", len(named) == 1 and None not in named
    sizes = {c.id: c.size for c in found.crews}
    yield "crew_size", all(sizes.get(name or "") == crew.size for name in named)


def _times(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    made = case.log.of_kind("end")
    for u in case.truth.work_units:
        for row in u.processing:
            mine = next(
                (r for r in found.unit(u.id).processing if r.operation == row.operation), None
            )
            for p in case.truth.products:
                each = by_product(row.time, p)
                lots = int(((made["work_unit"] == u.id) & (made["product"] == p.id)).sum())
                if each is None or lots < 5 or mine is None or mine.basis != row.basis:
                    continue
                told = by_product(mine.time, p)
                yield "time_told", told is not None
                if told is not None:
                    yield "time_error", abs(told / (each * case.slower) - 1)
    for p in case.truth.products:
        for u in case.truth.work_units:
            share = by_product(u.scrap, p)
            mine_share = by_product(found.unit(u.id).scrap, p)
            if share and mine_share is not None:
                yield "scrap_error_points", abs(mine_share - share) * 100


def _setups(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    states = case.log.of_kind("state")
    for u in case.truth.work_units:
        table, mine = u.setup, found.unit(u.id).setup
        assert table is not None
        yield "setups_by_right", mine is not None and mine.by == table.by
        if mine is None or mine.by != table.by:
            continue
        worked = states[(states["work_unit"] == u.id) & states["state"].isin(["setup", "working"])]
        products = worked["product"].tolist()
        counts: dict[tuple[str, str], int] = {}
        for a, b in itertools.pairwise(products):
            if a != b:
                counts[a, b] = counts.get((a, b), 0) + 1
        for (a, b), n in counts.items():
            error = abs(mine.time_between(a, b) / table.time_between(a, b) - 1)
            yield ("setup_error" if n >= LEAST_SETUPS else "setup_error_rare"), error


def _upkeep(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    for u in case.truth.work_units:
        modes: Mapping[str, object] = {m.id: m for m in found.unit(u.id).failure_modes}
        for mode in u.failure_modes:
            yield "modes_told", mode.id in modes
            if mode.id not in modes:
                continue
            mine = next(m for m in found.unit(u.id).failure_modes if m.id == mode.id)
            yield "mtbf_error", abs(mine.life.mean / (mode.life.mean * case.slower) - 1)
            yield "mttr_error", abs(mine.time_to_repair.mean / mode.time_to_repair.mean - 1)
        tasks = {t.id: t for t in found.unit(u.id).maintenance}
        for task in u.maintenance:
            yield "tasks_told", task.id in tasks
            if task.id in tasks:
                told = tasks[task.id]
                yield "task_due_by_right", told.due_by == task.due_by
                yield "task_renews_right", told.renews == task.renews
                yield "task_duration_error", abs(told.duration / task.duration - 1)
                if told.due_by == task.due_by:
                    interval = task.interval * case.slower
                    yield "task_interval_error", abs(told.interval / interval - 1)


def _power(case: Case, found: Plant) -> Iterator[tuple[str, float]]:
    for u in case.truth.work_units:
        for state in ("off", "standby", "setup", "working", "down"):
            true, mine = getattr(u.power_kw, state), getattr(found.unit(u.id).power_kw, state)
            if true and mine is not None:
                yield "power_error", abs(mine / true - 1)


SHARES = (
    "routes", "unit_operations", "lot_sizes", "moves_by", "basis", "families", "rooms_told",
    "rooms_equal", "rooms_within_1", "rooms_kg_within_10_percent", "rooms_unlimited_right",
    "one_crew", "crew_size", "time_told", "setups_by_right", "modes_told", "tasks_told",
    "task_due_by_right", "task_renews_right",
)  # fmt: skip


def told(facts: Facts) -> dict[str, float]:
    """Shares of what is right, and the median and 90th percentile of errors."""
    found = {}
    for name, values in facts.items():
        if name in SHARES or name.startswith("inside_"):
            found[name] = rounded(float(np.mean(values)))
        else:
            found[f"{name}_median"] = rounded(float(np.median(values)))
            found[f"{name}_p90"] = rounded(float(np.quantile(values, 0.9)))
    return dict(sorted(found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--dirty", action="store_true", help="with the dirt of known_truth")
    parser.add_argument("--backtests", type=int, default=0, help="plants to forecast with as well")
    words = parser.parse_args()
    every: dict[str, Facts] = {}
    for seed in range(words.seeds):
        cases = [plain_case(seed, words.weeks, words.dirty), varied_case(seed, words.weeks)]
        for case in cases:
            found = discover(case.log, id="found", timezone=ZONE, until=case.until)
            facts = facts_of(case, found)
            tell(what=case.name, seed=seed, **told(facts))
            for name, values in facts.items():
                every.setdefault(case.name, {}).setdefault(name, []).extend(values)
    kinds: dict[str, object] = {name: told(facts) for name, facts in every.items()}
    if words.backtests:
        kinds["backtest"] = backtested(words.backtests, words.weeks)
    tell(what="summary", seeds=words.seeds, weeks=words.weeks, **kinds)


def backtested(plants: int, weeks: int) -> dict[str, dict[str, float]]:
    """A week's good pieces of each product forecast by the described plant, calibrated, and by the
    one discovered from the log alone, each at two origins of each plant."""
    effort = Effort(60, 0, seed=1)
    found: dict[str, list[list[Verified]]] = {"described": [], "discovered": []}
    for seed in range(plants):
        c = truth_case(seed, weeks)
        clean = diagnose(c.log, c.nominal, c.until).clean
        origins = origins_of(c.begin, c.until, "week", 2)
        for name, fit in (("described", None), ("discovered", _from_the_log)):
            prepare = described(c.log, c.nominal, c.orders, fit)
            done = backtest(clean, c.nominal, c.until, prepare, origins, ["week"], effort)
            for key in done.groups("week").get(("product", PIECES), []):
                found[name].append([check.verified for check in done.of(key, "week")])
    scores = {name: score(checks, seed=1) for name, checks in found.items()}
    return {
        name: {
            "n": s.n, "crps_skill": rounded(s.skill), "mean_error": rounded(s.mean_error),
            "coverage_90": rounded(s.coverage[0.9]),
        }
        for name, s in scores.items()
    }  # fmt: skip


def _from_the_log(log: EventLog, origin: datetime) -> tuple[Plant, None]:
    return discover(log, id="found", timezone=ZONE, until=origin).plant, None


if __name__ == "__main__":
    main()
