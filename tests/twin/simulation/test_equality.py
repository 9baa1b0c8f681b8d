"""The SimPy reference and the kernel give the same result, row by row and bit by bit.

Plants are drawn with every feature and with many equal instants. The full scan is the oracle of
missed wake-ups: it decides anew for everybody at every instant, and must change nothing. An
experiment that fails is ``numbered(n)`` for ever; hypothesis finds a small one of the same kind.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from scenarios.demo import CUT_OFF, DATA, HORIZON_DAYS, ZONE, demo_orders
from scenarios.demo_orders import state_at_start
from solvers.optimize import naive_schedule
from solvers.problem import build_problem
from tests.twin.simulation.comparison import (
    Outcome,
    difference,
    first_difference,
    outcome,
)
from tests.twin.simulation.features import FEATURES, features
from tests.twin.simulation.random_cases import experiments, numbered, widened
from twin.errors import NoriaError
from twin.model.compiled import compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.plant import load_plant
from twin.model.references import broken_references
from twin.simulation.engines import Engine, EngineClass
from twin.simulation.experiment import Experiment
from twin.simulation.kernel_engine import KernelEngine
from twin.simulation.simpy_engine import SimpyEngine

SAMPLE, WHOLE = 240, 2400
"""Plants of the ordinary suite and of the slow run."""
SHARES = 12
"""The slow run is one test for each share, so that several processes can work on it."""
RAREST = 20
"""How often the slow run meets each feature at least."""
SMALL = Path(__file__).parents[2] / "plants" / "small.yaml"


def unequal(numbers: range) -> dict[int, str]:
    """What differs between the engines, by number."""
    return _found(numbers, _engines_differ)


def scanned_unequal(numbers: range) -> dict[int, str]:
    """What the full scan changes, by number."""
    return _found(numbers, _scan_differs)


def _found(numbers: range, compare: Callable[[Experiment], str | None]) -> dict[int, str]:
    results = {n: compare(numbered(n)) for n in numbers}
    return {n: text for n, text in results.items() if text is not None}


def _engines_differ(experiment: Experiment, replication: int = 0) -> str | None:
    reference = outcome(SimpyEngine, experiment, replication)
    return difference(reference, outcome(KernelEngine, experiment, replication), experiment)


def _scan_differs(experiment: Experiment) -> str | None:
    scanned = replace(experiment, full_scan=True)
    usual = outcome(KernelEngine, experiment)
    for engine in (KernelEngine, SimpyEngine):
        found = difference(usual, outcome(engine, scanned), experiment)
        if found is not None:
            return f"{engine.name}: {found}"
    return None


def share(n: int, whole: int) -> range:
    """The n-th share of a slow run's numbers; the sample comes before them."""
    each = whole // SHARES
    return range(SAMPLE + n * each, SAMPLE + (n + 1) * each)


def test_a_sample_of_plants_runs_the_same_on_both_engines() -> None:
    assert unequal(range(SAMPLE)) == {}


def test_a_full_scan_changes_nothing_in_a_sample() -> None:
    assert scanned_unequal(range(0, SAMPLE, 4)) == {}


def test_a_plant_of_many_units_runs_the_same_on_both_engines() -> None:
    """More units than a machine word has bits."""
    wide = [widened(numbered(n), 66) for n in range(6, 18)]
    assert min(len(experiment.plant.unit_ids) for experiment in wide) > 64
    assert [text for experiment in wide if (text := _engines_differ(experiment, 1))] == []


@pytest.mark.parametrize("engine", [KernelEngine, SimpyEngine])
def test_a_run_leaves_nothing_behind_that_changes_the_next(engine: EngineClass) -> None:
    for n in range(0, SAMPLE, 8):
        experiment = numbered(n)
        used = engine(experiment)
        for replication in (1, 0, 1):
            with suppress(NoriaError):
                used.run(replication, trace=replication == 1)
        again = outcome(_again(used), experiment, 2)
        assert difference(outcome(engine, experiment, 2), again, experiment) is None


def _again(engine: Engine) -> Callable[[Experiment], Engine]:
    return lambda _: engine


@pytest.mark.parametrize("engine", [KernelEngine, SimpyEngine])
def test_totals_do_not_depend_on_the_trace(engine: EngineClass) -> None:
    for n in range(0, SAMPLE, 8):
        experiment = numbered(n)
        traced = outcome(engine, experiment).result
        if traced is not None:
            untraced = engine(experiment).run(0)
            assert untraced.trace is None
            assert first_difference(traced, untraced, experiment) is None


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(experiments())
def test_small_plants_run_the_same_on_both_engines(experiment: Experiment) -> None:
    assert _engines_differ(experiment) is None
    assert _scan_differs(experiment) is None


@pytest.mark.slow
@pytest.mark.parametrize("n", range(SHARES))
def test_all_plants_run_the_same_on_both_engines(n: int) -> None:
    assert unequal(share(n, WHOLE)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("n", range(SHARES))
def test_a_full_scan_changes_nothing(n: int) -> None:
    assert scanned_unequal(share(n, WHOLE // 2)) == {}


def test_random_plants_name_nothing_that_is_not_there() -> None:
    for n in range(SAMPLE):
        assert [*broken_references(numbered(n).plant.plant)] == []


@pytest.mark.slow
def test_every_feature_is_met() -> None:
    met = met_features(range(SAMPLE, SAMPLE + WHOLE))
    rare = {feature: met[feature] for feature in FEATURES if met[feature] < RAREST}
    assert rare == {}
    assert set(met) <= set(FEATURES)


def test_most_features_are_met_in_the_sample() -> None:
    met = met_features(range(SAMPLE))
    assert len([feature for feature in FEATURES if met[feature]]) >= 0.9 * len(FEATURES)


def met_features(numbers: range) -> Counter[str]:
    """How many experiments met each feature; those that end in an error count as none."""
    met: Counter[str] = Counter()
    for n in numbers:
        experiment = numbered(n)
        result = outcome(KernelEngine, experiment).result
        if result is not None:
            met.update(features(experiment, result))
    return met


@cache
def demo(has_plan: bool) -> Experiment:
    """The demonstration plant over the days of its nightly job."""
    plant = load_plant(DATA / "plant.yaml")
    past, coming = demo_orders(plant, seed=1)
    orders = OrderBook((*past.orders[-30:], *coming))
    horizon = Horizon(CUT_OFF, HORIZON_DAYS * 1440, ZONE.key)
    state = state_at_start(plant, orders, CUT_OFF, 1)
    return _planned(Experiment(compile_plant(plant, horizon), orders, state), has_plan)


def _planned(experiment: Experiment, has_plan: bool) -> Experiment:
    """The experiment with a price that changes by the quarter of an hour, perhaps with a plan."""
    horizon = experiment.plant.horizon
    wave = np.sin(np.arange(horizon.slots))
    forecast = Forecast(horizon, 1.0 + 0.3 * wave, 0.6 - 0.1 * wave, np.zeros(horizon.slots))
    schedule = None
    if has_plan:
        schedule = naive_schedule(
            build_problem(experiment.plant, experiment.orders, forecast, experiment.state)
        )
    return replace(experiment, forecast=forecast, schedule=schedule, warm_up=600.0)


@pytest.mark.parametrize("has_plan", [False, True])
def test_the_demonstration_runs_the_same_on_both_engines(has_plan: bool) -> None:
    experiment = demo(has_plan)
    for replication in range(2):
        reference = outcome(SimpyEngine, experiment, replication)
        kernel = outcome(KernelEngine, experiment, replication)
        assert difference(reference, kernel, experiment) is None
        assert made(kernel) > 0


@pytest.mark.parametrize("has_plan", [False, True])
def test_the_small_plant_runs_the_same_on_both_engines(
    has_plan: bool, small_orders: OrderBook
) -> None:
    plant = load_plant(SMALL)
    start = min(order.release_date for order in small_orders)
    compiled = compile_plant(plant, Horizon(start, 7 * 1440, plant.timezone))
    state = state_at_start(plant, small_orders, start, 1)
    experiment = _planned(Experiment(compiled, small_orders, state), has_plan)
    reference, kernel = outcome(SimpyEngine, experiment), outcome(KernelEngine, experiment)
    assert difference(reference, kernel, experiment) is None
    assert made(kernel) > 0


def made(found: Outcome) -> int:
    """Good pieces complete."""
    assert found.result is not None
    return int(found.result.totals.completed.sum())
