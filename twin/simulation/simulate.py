"""One replication of a plant, or many: from a shop state and a plan to event logs and totals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from twin.behaviour.dispatching import DispatchingRule, EarliestDueDate
from twin.model.compiled import CompiledPlant
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule
from twin.model.state import ShopState
from twin.simulation.engines import COMPILED, EngineChoice, build_engine, engine_name
from twin.simulation.experiment import Experiment
from twin.simulation.log import event_log
from twin.simulation.result import Totals
from twin.simulation.workers import run_series

__all__ = ["build_engine", "engine_name", "replicate", "simulate", "totals"]

T = TypeVar("T")


def simulate(
    plant: CompiledPlant,
    orders: OrderBook,
    *,
    state: ShopState,
    schedule: Schedule | None = None,
    policy: DispatchingRule = EarliestDueDate(),  # noqa: B008 - frozen, without fields
    seed: int = 0,
    replication: int = 0,
    engine: EngineChoice = "auto",
    forecast: Forecast | None = None,
) -> EventLog:
    """What the plant might do over its horizon, as the log its MES would write.

    Parameters
    ----------
    state
        Where orders and work units are at the start of the plant's horizon.
    schedule
        The plan to follow; ``policy`` then decides only on work it leaves out. Without a plan, idle
        units take waiting batches by ``policy`` and preventive tasks are done at their due date.
    seed, replication
        Name the luck. Two plans of the same seed and replication meet the same lives, repairs,
        lot times and scrap.
    engine
        See :mod:`twin.simulation.engines`; the source of the log names the one that ran.
    forecast
        Prices of energy; no log depends on it.

    Raises
    ------
    NoriaError
        If an order runs on a unit that cannot do it, or full buffers stop each other for good.
    """
    experiment = Experiment(plant, orders, state, schedule, policy, seed, forecast)
    return _Logs(experiment, engine, _itself).begin()(replication)


def replicate(
    plant: CompiledPlant,
    orders: OrderBook,
    measure: Callable[[EventLog], T],
    *,
    state: ShopState,
    schedule: Schedule | None = None,
    policy: DispatchingRule = EarliestDueDate(),  # noqa: B008 - frozen, without fields
    seed: int = 0,
    replications: int = 100,
    engine: EngineChoice = "auto",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[T]:
    """Measure the logs of many replications; results in their order, for any number of workers.

    Where sums are all that is wanted, :func:`totals` is much faster.

    Parameters
    ----------
    measure
        From a log to what is kept of it. In a program with threads it must be a function of a
        module (or a ``functools.partial`` of one), as the workers are then started afresh.
    workers
        Processes; two, or one on a single core, when left out.
    progress
        Called with the number done and the number wanted.
    cancelled
        Asked before each replication; once true, the replications already finished are returned.
    """
    experiment = Experiment(plant, orders, state, schedule, policy, seed)
    return run_series(
        _Logs(experiment, engine, measure), range(replications),
        workers=workers, progress=progress, cancelled=cancelled,
    )  # fmt: skip


def totals(
    experiment: Experiment,
    replications: int,
    *,
    first: int = 0,
    engine: EngineChoice = "auto",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Totals]:
    """Totals of many replications, in their order, for any number of workers.

    Parameters
    ----------
    first
        Number of the first replication, so that a series can be continued.
    workers, progress, cancelled
        As of :func:`replicate`; but the compiled kernel works in threads.
    """
    name = engine_name(experiment.policy, engine, experiment.state)
    return run_series(
        _Sums(experiment, engine), range(first, first + replications),
        workers=workers, progress=progress, cancelled=cancelled,
        in_threads=name == COMPILED,
    )  # fmt: skip


@dataclass(frozen=True)
class _Sums:
    """Totals by replication."""

    experiment: Experiment
    engine: EngineChoice

    def begin(self) -> Callable[[int], Totals]:
        engine = build_engine(self.experiment, self.engine)
        return lambda replication: engine.run(replication).totals


@dataclass(frozen=True)
class _Logs(Generic[T]):
    """A measure of the log by replication."""

    experiment: Experiment
    engine: EngineChoice
    measure: Callable[[EventLog], T]

    def begin(self) -> Callable[[int], T]:
        engine = build_engine(self.experiment, self.engine)

        def run(replication: int) -> T:
            trace = engine.run(replication, trace=True).trace
            assert trace is not None
            luck = f"seed {self.experiment.seed}, replication {replication}"
            return self.measure(event_log(trace, self.experiment, f"{engine.name}, {luck}"))

        return run


def _itself(log: EventLog) -> EventLog:
    return log
