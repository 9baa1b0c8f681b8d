"""Reads machines with energy states from JSON: off, standby, on, a price for every interval.

The format is that of Benedikt, Módos, Hanzálek (2020, Constraints 25, Power of pre-processing).
A machine is base-off in the first and in the last interval. It goes between on and each off state
in ``OffOnTime`` and ``OnOffTime`` intervals; null is no way. On it draws ``OnPowerConsumption``
with a job and ``IdlePowerConsumption`` without: idle is on without a job, in no time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from solvers.lines.problem import NEVER, OFF, Line, LineProblem, Order, Site, Transition, Way
from twin.errors import Fault, InputError

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Times = list[Count | None]
Powers = list[Amount | None]


class Job(BaseModel):
    """A job; ``ProcessingTime`` in intervals."""

    model_config = ConfigDict(frozen=True)

    MachineIdx: Count = 0
    ProcessingTime: Positive


class EnergyStates(BaseModel):
    """A whole file. Fields that are not here, such as ``Metadata``, are passed over."""

    model_config = ConfigDict(frozen=True)

    MachinesCount: Positive = 1
    Jobs: list[Job]
    EnergyCosts: Annotated[list[Number], Field(min_length=2)]
    LengthInterval: Annotated[float, Field(gt=0)] = 1
    OffOnTime: Times
    OnOffTime: Times
    OffOnPowerConsumption: Powers
    OnOffPowerConsumption: Powers
    OffIdleTime: Times = []
    IdleOffTime: Times = []
    OffIdlePowerConsumption: Powers = []
    IdleOffPowerConsumption: Powers = []
    OnPowerConsumption: Amount
    IdlePowerConsumption: Amount | None = None
    OffPowerConsumption: Annotated[list[Amount], Field(min_length=1)]

    @model_validator(mode="after")
    def fits_together(self) -> EnergyStates:
        """Every list has a value for each off state, every time its power, every job a machine."""
        states = len(self.OffPowerConsumption)
        for way in ("OffOn", "OnOff", "OffIdle", "IdleOff"):
            times, powers = self.way(way)
            if len(times) != len(powers) or len(times) not in (
                (states,) if "On" in way else (0, states)
            ):
                raise ValueError(
                    f"{way}Time has {len(times)} values and {way}PowerConsumption {len(powers)}; "
                    f"{states} expected, as in OffPowerConsumption"
                )
            if any(time and power is None for time, power in zip(times, powers, strict=True)):
                raise ValueError(f"{way}Time has a value where {way}PowerConsumption has none")
        for n, job in enumerate(self.Jobs):
            if job.MachineIdx >= self.MachinesCount:
                raise ValueError(
                    f"Jobs.{n}.MachineIdx: {job.MachineIdx}; {self.MachinesCount} machines"
                )
        return self

    def way(self, name: str) -> tuple[Times, Powers]:
        """Times and powers of going from each off state, or to each."""
        return getattr(self, f"{name}Time"), getattr(self, f"{name}PowerConsumption")


@dataclass(frozen=True)
class StatesCase:
    """A file as a line problem, with what its objective has besides."""

    problem: LineProblem
    constant: float
    """Cost of being base-off in the first and in the last interval [currency]."""


def read_energy_states(path: Path) -> StatesCase:
    """The line problem of a file.

    Raises
    ------
    InputError
        If the file cannot be read, or with everything in it that does not fit.
    """
    remedy = "name a file of machines with energy states"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = EnergyStates.model_validate(content)
    except OSError as error:
        fault = Fault("file", error.strerror or str(error), remedy)
        raise InputError(str(path), [fault]) from None
    except ValidationError as error:
        raise InputError(
            str(path),
            [Fault(".".join(map(str, e["loc"])) or "file", e["msg"], remedy)
             for e in error.errors()],
        ) from None  # fmt: skip
    except ValueError as error:
        raise InputError(str(path), [Fault("file", f"is not JSON ({error})", remedy)]) from None
    return states_case(found, f"{path.parent.name}/{path.stem}")


def states_case(file: EnergyStates, name: str) -> StatesCase:
    """The machines without the last interval, ready from the second on."""
    slots = len(file.EnergyCosts) - 1
    base_kw = file.OffPowerConsumption[OFF] * file.MachinesCount
    ends = file.EnergyCosts[0] + file.EnergyCosts[-1]
    problem = LineProblem(
        name=name,
        slot_hours=file.LengthInterval,
        slots=slots,
        lines=tuple(_line(file, number, slots) for number in range(file.MachinesCount)),
        orders=tuple(_order(file, number) for number in range(len(file.Jobs))),
        tasks=(),
        site=Site(
            price_per_kwh=np.array(file.EnergyCosts[:slots], dtype=float),
            carbon_intensity=np.zeros(slots),
            carbon_price_per_t=0.0,
            base_kw=np.zeros(slots),
            generation_kw=np.zeros(slots),
        ),
    )
    return StatesCase(problem, base_kw * ends * file.LengthInterval)


def _line(file: EnergyStates, number: int, slots: int) -> Line:
    """A machine: mode s is off state s, the last mode is on."""
    on = len(file.OffPowerConsumption)
    idle_kw = file.IdlePowerConsumption
    return Line(
        id=f"machine {number}",
        is_open=np.ones(slots, dtype=bool),
        hold_kw=(*file.OffPowerConsumption, NEVER if idle_kw is None else idle_kw),
        transitions=(
            *_ways(*file.way("OffOn"), to=on),
            *_ways(*file.way("OffIdle"), to=on),
            *_ways(*file.way("OnOff"), start=on),
            *_ways(*file.way("IdleOff"), start=on),
        ),
        ready=1,
    )


def _ways(
    times: Times, powers: Powers, *, to: int | None = None, start: int | None = None
) -> Sequence[Transition]:
    """Transitions between each off state and on."""
    return [
        Transition(
            state if start is None else start, state if to is None else to, time, power or 0.0
        )
        for state, (time, power) in enumerate(zip(times, powers, strict=True))
        if time is not None
    ]


def _order(file: EnergyStates, number: int) -> Order:
    job = file.Jobs[number]
    runs = ((job.ProcessingTime, file.OnPowerConsumption),)
    return Order(f"job {number}", (Way(job.MachineIdx, len(file.OffPowerConsumption), runs),))
