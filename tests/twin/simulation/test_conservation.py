"""What goes in comes out, is scrapped or is inside; time and energy add up.

The laws hold for any plant, so they are tested on random ones, whichever engine runs them.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.twin.simulation.comparison import TICKS
from tests.twin.simulation.random_cases import numbered
from twin.errors import NoriaError
from twin.model.compiled import COMPLETE
from twin.model.horizon import Array, Horizon
from twin.simulation.engines import EngineClass
from twin.simulation.experiment import Experiment
from twin.simulation.kernel_engine import KernelEngine
from twin.simulation.result import (
    COMPLETE_ROW,
    GOOD,
    JOB,
    KIND,
    RELEASE_ROW,
    STATE,
    STATE_ROW,
    TICK,
    UNIT,
    Result,
)
from twin.simulation.simpy_engine import SimpyEngine

NUMBERS = {
    KernelEngine.name: range(10_000, 10_200),
    SimpyEngine.name: range(10_000, 10_040),
}
LEAST = 5
"""Plants, at least, to which a law that not all obey has to apply."""

pytestmark = pytest.mark.parametrize("engine", [KernelEngine, SimpyEngine])


def runs(engine: EngineClass) -> list[tuple[Experiment, Result]]:
    """Random experiments, counted from the first instant, that end without an error."""
    return _runs(engine.name)


@cache
def _runs(name: str) -> list[tuple[Experiment, Result]]:
    engine = KernelEngine if name == KernelEngine.name else SimpyEngine
    found = []
    for number in NUMBERS[name]:
        experiment = replace(numbered(number), warm_up=0.0)
        with suppress(NoriaError):
            found.append((experiment, engine(experiment).run(0, trace=True)))
    return found


def end(experiment: Experiment) -> int:
    return experiment.plant.horizon.minutes * TICKS


def begun(experiment: Experiment) -> Array:
    """(P,) pieces inside when the horizon begins."""
    plant = experiment.plant
    pieces = np.zeros(len(plant.product_ids))
    for order in experiment.orders:
        progress = experiment.state.order(order.id)
        product = plant.product_index[order.product]
        is_inside = progress.operations_done > 0 or progress.running_on
        if is_inside and progress.operations_done < len(plant.routes[product]):
            pieces[product] += order.quantity
    return pieces


def test_pieces_come_out_are_scrapped_or_are_inside(engine: EngineClass) -> None:
    for experiment, result in runs(engine):
        totals = result.totals
        inside = begun(experiment) + totals.released - totals.completed - totals.scrapped
        assert (inside >= 0).all()
        quantity = np.array([order.quantity for order in experiment.orders], dtype=np.int64)
        left = quantity - totals.order_good - totals.order_scrap
        assert (left >= 0).all()
        assert (left[totals.order_complete >= 0] == 0).all()
        if not experiment.plant.plant.sources and (totals.order_complete >= 0).all():
            assert (inside == 0).all()


def test_a_part_is_inside_until_it_is_complete(engine: EngineClass) -> None:
    """Pieces inside belong to the orders and parts of which no *complete* row tells."""
    for experiment, result in runs(engine):
        assert result.trace is not None
        orders = list(experiment.orders)
        pieces = [order.quantity for order in orders]
        sources = [source.quantity for source in experiment.plant.plant.sources]
        rows, trace = result.trace.rows, result.trace
        open_parts = np.zeros(len(experiment.plant.product_ids))
        for kind, sign in ((RELEASE_ROW, 1), (COMPLETE_ROW, -1)):
            for row in rows[rows[:, KIND] == kind]:
                origin = trace.origin[row[JOB]]
                size = pieces[origin] if origin < len(orders) else sources[origin - len(orders)]
                open_parts[trace.product[row[JOB]]] += sign * size
        totals = result.totals
        inside = begun(experiment) + totals.released - totals.completed - totals.scrapped
        assert (inside <= begun(experiment) + open_parts).all()


def test_states_last_as_long_as_the_horizon(engine: EngineClass) -> None:
    for experiment, result in runs(engine):
        assert (result.totals.state_ticks.sum(axis=1) == end(experiment)).all()
        warm = replace(experiment, warm_up=20.25)
        counted = engine(warm).run(0).totals.state_ticks.sum(axis=1)
        assert (counted == end(experiment) - round(20.25 * TICKS)).all()


def intervals(experiment: Experiment, result: Result) -> Iterator[tuple[int, int, int, int]]:
    """(unit, state, from, to) of every stay in a state."""
    assert result.trace is not None
    rows = result.trace.rows[result.trace.rows[:, KIND] == STATE_ROW]
    for m in range(len(experiment.plant.unit_ids)):
        own = rows[rows[:, UNIT] == m]
        stops = [*own[1:, TICK].tolist(), end(experiment)]
        for row, stop in zip(own, stops, strict=True):
            yield m, int(row[STATE]), int(row[TICK]), stop


def test_states_are_as_long_in_the_trace_as_in_the_totals(engine: EngineClass) -> None:
    for experiment, result in runs(engine):
        ticks = np.zeros_like(result.totals.state_ticks)
        for unit, state, start, stop in intervals(experiment, result):
            ticks[unit, state] += stop - start
        assert (ticks == result.totals.state_ticks).all()


def test_energy_is_power_times_time_in_each_state(engine: EngineClass) -> None:
    for experiment, result in runs(engine):
        hours = result.totals.state_ticks / (60 * TICKS)
        expected = (experiment.plant.power_kw * hours).sum(axis=1)
        np.testing.assert_allclose(result.totals.energy_kwh, expected, rtol=1e-9, atol=1e-12)


def test_energy_cost_by_unit_is_energy_cost_by_slot(engine: EngineClass) -> None:
    priced = 0
    for experiment, result in runs(engine):
        if experiment.forecast is None:
            assert not result.totals.energy_cost.any()
            continue
        priced += 1
        kwh = energy_by_slot(experiment, result)
        forecast = experiment.forecast
        for found, rate in (
            (result.totals.energy_cost, forecast.price_per_kwh),
            (result.totals.carbon_kg, forecast.carbon_intensity),
        ):
            np.testing.assert_allclose(found, kwh @ rate, rtol=1e-9, atol=1e-9)
    assert priced >= LEAST


def energy_by_slot(experiment: Experiment, result: Result) -> Array:
    """(M, T) [kWh]."""
    horizon: Horizon = experiment.plant.horizon
    slot = horizon.slot_minutes * TICKS
    edges = np.arange(horizon.slots + 1) * slot
    kwh = np.zeros((len(experiment.plant.unit_ids), horizon.slots))
    for unit, state, start, stop in intervals(experiment, result):
        overlap = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
        power = experiment.plant.power_kw[unit, state]
        kwh[unit] += power * np.maximum(overlap, 0) / (60 * TICKS)
    return kwh


def test_littles_law_where_every_part_leaves(engine: EngineClass) -> None:
    """L = TH · W: the integral of the parts inside is the sum of their stays."""
    applied = 0
    for experiment, result in runs(engine):
        if experiment.plant.plant.sources or (result.totals.order_complete < 0).any():
            continue
        totals = result.totals
        assert (totals.inside_area == totals.flow_ticks).all()
        applied += int(totals.completed_jobs.sum() > 0)
    assert applied >= LEAST


def test_a_route_without_branches_or_scrap_gives_back_what_it_got(engine: EngineClass) -> None:
    applied = 0
    for experiment, result in runs(engine):
        plant = experiment.plant.plant
        ends = {step for targets in experiment.plant.branches.values() for step, _ in targets}
        if ends - {COMPLETE} or any(u.scrap or u.inspection for u in plant.work_units):
            continue
        if any(m.interrupted == "scrap" for u in plant.work_units for m in u.failure_modes):
            continue
        assert not result.totals.scrapped.any()
        assert result.trace is not None
        rows = result.trace.rows
        complete = rows[rows[:, KIND] == COMPLETE_ROW]
        made = np.bincount(
            result.trace.product[complete[:, JOB]],
            weights=complete[:, GOOD],
            minlength=len(experiment.plant.product_ids),
        )
        assert (made <= result.totals.completed).all()
        applied += 1
    assert applied >= LEAST


def test_no_more_people_work_than_there_are(engine: EngineClass) -> None:
    for experiment, result in runs(engine):
        sizes = np.array([crew.size for crew in experiment.plant.plant.crews])
        assert (result.totals.crew_ticks <= sizes * end(experiment)).all()


def test_no_more_vehicles_drive_than_there_are(engine: EngineClass) -> None:
    has_driven = False
    for experiment, result in runs(engine):
        sizes = np.array([t.vehicles for t in experiment.plant.plant.transports], dtype=np.int64)
        driven = result.totals.vehicle_ticks
        assert ((driven >= 0) & (driven <= sizes * end(experiment))).all()
        has_driven |= bool(driven.any())
    assert has_driven


def test_buckets_add_up_to_all_pieces(engine: EngineClass) -> None:
    for _, result in runs(engine):
        assert result.totals.series.sum() == result.totals.completed.sum()
