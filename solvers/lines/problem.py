"""The nouns of line planning: a site with lines, orders and tasks in slots of equal length.

===============  ======  ====================================================
In code          Symbol  Meaning
===============  ======  ====================================================
``slots``        T       number of slots; slot t is the half-open [t, t + 1)
``release``      r_j     first slot in which order j may start
``due``          d_j     slot border by which it should be complete
``deadline``     d̄_j     slot border by which it must be complete
``rate``         c_t     price with carbon in it [currency/kWh]
``generation``   G_t     own generation [kW]
``peak``         K       highest mean import of a slot [kW]
===============  ======  ====================================================

The objective is Σ_t Δ·[F_t(P_t) − F_t(base_t)] + demand charge · max(K − incurred, 0) + fees of
transitions + tardiness + deferral of tasks + changes, with P_t the base load and all lines, and
F_t(P) = c_t·max(P − G_t, 0) − feed-in·max(G_t − P, 0): what the lines add to the idle site's bill.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from twin.model.horizon import Array

OFF = 0
"""The mode that a line rests in for nothing, and in which tasks are done, unless said otherwise."""
NEVER = float("inf")

Kind = Literal["hold", "transition", "order", "task"]


@dataclass(frozen=True)
class Transition:
    """A way from one mode of a line to another: start-up, shut-down, setup."""

    start: int
    """Mode before."""
    end: int
    """Mode after."""
    slots: int
    """How long it takes; 0 is allowed."""
    power_kw: float
    fee: float = 0.0
    needs_shift: bool = True
    """Whether all its slots have to be open."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line as a machine of modes, with its calendar."""

    id: str
    is_open: Array
    """Shift calendar, (T,) of bool."""
    hold_kw: tuple[float, ...]
    """Power of resting in each mode [kW]; infinite where a line cannot rest."""
    transitions: tuple[Transition, ...]
    first_mode: int = OFF
    last_mode: int | None = OFF
    """Mode at the end of the horizon; None for any."""
    ready: int = 0
    """Does nothing before this slot."""

    @property
    def modes(self) -> int:
        return len(self.hold_kw)


@dataclass(frozen=True)
class Way:
    """How an order is made on one line: mode before and after, and power slot by slot in runs."""

    line: int
    mode: int
    runs: tuple[tuple[int, float], ...]
    """Consecutive (slots, power [kW])."""

    @cached_property
    def slots(self) -> int:
        return sum(slots for slots, _ in self.runs)


@dataclass(frozen=True)
class Order:
    """Work to be done once, without pause, in open slots of one of its lines."""

    id: str
    ways: tuple[Way, ...]
    release: int = 0
    due: int = 0
    tardiness: float = 0.0
    """Cost of each slot between the due date and completion [currency]."""
    deadline: int | None = None
    planned: tuple[int, int] | None = None
    """Line and start of the last plan, where another line or start is charged."""
    move_cost: float = 0.0
    """Charged for a line other than planned, or a start more than ``MOVED_SLOTS`` away."""
    is_frozen: bool = False
    """Stays where ``planned`` says."""

    def way_on(self, line: int) -> Way | None:
        return next((way for way in self.ways if way.line == line), None)


MOVED_SLOTS = 4
"""A start at most so many slots from the planned one has not moved."""


@dataclass(frozen=True)
class Task:
    """Maintenance of one line, from mode to the same mode, in any open or closed slots."""

    id: str
    line: int
    slots: int
    earliest: int
    latest_end: int
    mode: int = OFF
    power_kw: float = 0.0
    crew: int = 0
    deferral: tuple[float, ...] = ()
    """Cost by start slot, (T,) [currency]: expected failures until then; empty for none."""


@dataclass(frozen=True, eq=False)
class Site:
    """What the lines share: the grid connection, its prices, and the maintenance crews."""

    price_per_kwh: Array
    """(T,) [currency/kWh]"""
    carbon_intensity: Array
    """(T,) [kgCO2e/kWh]"""
    carbon_price_per_t: float
    base_kw: Array
    """(T,) [kW]"""
    generation_kw: Array
    """(T,) [kW]"""
    feed_in_per_kwh: float = 0.0
    demand_charge_per_kw: float = 0.0
    peak_incurred_kw: float = 0.0
    contract_kw: float = NEVER
    """No slot may import more."""
    crews: tuple[Array, ...] = ()
    """Of each crew, (T,) of int: tasks it can do at a time."""

    @cached_property
    def rate(self) -> Array:
        """c_t: price with the price of carbon in it, (T,) [currency/kWh]."""
        return np.asarray(
            self.price_per_kwh + self.carbon_intensity * (self.carbon_price_per_t / 1000)
        )


@dataclass(frozen=True, eq=False)
class LineProblem:
    """Everything line planning reads; names are only for people."""

    name: str
    slot_hours: float
    slots: int
    lines: tuple[Line, ...]
    orders: tuple[Order, ...]
    tasks: tuple[Task, ...]
    site: Site
    carbon_cap_kg: float = NEVER
    """The lines may add at most this [kgCO2e] to the idle site's import."""


@dataclass(frozen=True, order=True)
class Stretch:
    """What one line does for a while. Time in no stretch is spent at rest in OFF at no power."""

    line: int
    start: int
    end: int
    kind: Kind
    index: int
    """The order, the task, the mode held, or the transition of the line."""


@dataclass(frozen=True)
class Bill:
    """What a plan costs [currency] and causes."""

    energy: float
    """Without carbon."""
    carbon: float
    demand: float
    fees: float
    tardiness: float
    deferral: float
    changes: float
    energy_kwh: float
    carbon_kg: float
    peak_kw: float

    @property
    def total(self) -> float:
        return (
            self.energy + self.carbon + self.demand + self.fees
            + self.tardiness + self.deferral + self.changes
        )  # fmt: skip


@dataclass(frozen=True)
class LinePlan:
    """When each line does what, with the solver's own word about it."""

    stretches: tuple[Stretch, ...]
    bill: Bill
    unplaced: tuple[int, ...] = field(default=())
    """Orders that found no place."""

    def start_of(self, order: int) -> tuple[int, int] | None:
        """Line and start slot of an order; None where it has no place."""
        for s in self.stretches:
            if s.kind == "order" and s.index == order:
                return s.line, s.start
        return None
