"""Which engine runs an experiment: the compiled kernel, or the SimPy reference it is held to.

Both give the same result, bit by bit; the kernel is some hundred times faster. A policy written in
Python can only be asked by the SimPy reference.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, Protocol

from twin.behaviour.dispatching import (
    ApparentTardinessCost,
    DispatchingRule,
    EarliestDueDate,
    FirstInFirstOut,
    ShortestProcessingTime,
)
from twin.errors import Fault, InputError
from twin.model.state import ShopState
from twin.simulation.experiment import Experiment
from twin.simulation.result import Result

EngineChoice = Literal["auto", "kernel", "simpy"]
"""*auto* is the kernel wherever it knows the policy."""
COMPILED = "compiled kernel"
"""Name of the engine that computes without holding other threads of Python up."""
RULES = (EarliestDueDate, FirstInFirstOut, ShortestProcessingTime, ApparentTardinessCost)
"""Policies the kernel knows; exactly these, as a class derived from one may rank otherwise."""


class Engine(Protocol):
    """Runs replications of one experiment, each as if it were the first."""

    name: str
    """For reports."""

    def run(self, replication: int, *, trace: bool = False) -> Result: ...


class EngineClass(Protocol):
    """What makes an engine."""

    name: str

    def __call__(self, experiment: Experiment) -> Engine: ...


def build_engine(experiment: Experiment, engine: EngineChoice = "auto") -> Engine:
    """An engine for an experiment.

    Raises
    ------
    InputError
        If the kernel is asked for, and does not know the policy.
    NoriaError
        If an order of the shop state runs on a unit that cannot do it.
    ValueError
        If plan and plant do not start together.
    """
    schedule, start = experiment.schedule, experiment.plant.horizon.start
    if schedule is not None and schedule.horizon.start != start:
        raise ValueError(
            f"the schedule starts at {schedule.horizon.start}, the plant was compiled for {start}"
        )
    return engine_class(experiment.policy, engine, experiment.state)(experiment)


def engine_name(
    policy: DispatchingRule, engine: EngineChoice = "auto", state: ShopState | None = None
) -> str:
    """Name of the engine that :func:`build_engine` takes, for reports."""
    return engine_class(policy, engine, state).name


def engine_class(
    policy: DispatchingRule, engine: EngineChoice = "auto", state: ShopState | None = None
) -> EngineClass:
    """The class of engine for a policy and a start."""
    obstacle = _obstacle(policy, state)
    if engine == "kernel" and obstacle:
        raise InputError("engine kernel", [Fault("", f"it {obstacle}", "use the engine simpy")])
    if engine == "kernel" or (engine == "auto" and not obstacle and kernel_is_there()):
        from twin.simulation.kernel_engine import KernelEngine

        return KernelEngine
    from twin.simulation.simpy_engine import SimpyEngine

    return SimpyEngine


def _obstacle(policy: DispatchingRule, state: ShopState | None) -> str:
    """Why the kernel cannot be taken; empty when it can."""
    if type(policy) not in RULES:
        known = ", ".join(rule.__name__ for rule in RULES)
        return f"knows the policies {known} and cannot ask {type(policy).__name__}"
    return "cannot start from an exact state" if state and state.exact is not None else ""


def kernel_is_there() -> bool:
    return find_spec("twin.simulation.kernel_engine") is not None
