"""A permutation flow shop whose draw from the grid is charged slot by slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

SLOT_HOURS = 0.25

Profile = tuple[float, ...]
"""Power of an operation in each of its slots [W]; an empty one passes its machine at once."""
Starts = tuple[tuple[int, ...], ...]
"""(J, M) first slot of each operation; one of no length has the instant at which it passes."""


@dataclass(frozen=True)
class FlowShop:
    """Every job visits the machines 0, 1, ... in turn, and all machines keep one order of jobs."""

    name: str
    power: tuple[tuple[Profile, ...], ...]
    """(J, M) profiles; the length of a profile is the processing time [slots]."""
    generation: tuple[float, ...]
    """(T,) power made on the site, which costs nothing and is not sold [W]."""
    rate: tuple[float, ...]
    """(T,) what 1 W from the grid costs during the slot; what the objective counts."""
    carbon_intensity: tuple[float, ...] = ()
    """(T,) of the grid [gCO2e/kWh]."""
    price: tuple[float, ...] = ()
    """(T,) of the grid [currency/MWh]."""

    @property
    def jobs(self) -> int:
        return len(self.power)

    @property
    def machines(self) -> int:
        return len(self.power[0])

    @property
    def slots(self) -> int:
        return len(self.rate)

    @cached_property
    def processing_time(self) -> tuple[tuple[int, ...], ...]:
        """(J, M) slots."""
        return tuple(tuple(len(profile) for profile in job) for job in self.power)

    def charged_for_carbon(self) -> FlowShop:
        """The same shop, with the grid's carbon as objective [mgCO2e]."""
        return replace(self, rate=_rate(self.carbon_intensity))

    def charged_for_cost(self) -> FlowShop:
        """The same shop, with the grid's price as objective [1e-6 currency]."""
        return replace(self, rate=_rate(self.price))


def _rate(value_per_energy: Sequence[float]) -> tuple[float, ...]:
    return tuple(SLOT_HOURS * value for value in value_per_energy)


def power_drawn(shop: FlowShop, starts: Starts) -> list[float]:
    """(T,) power of all operations together [W]."""
    total = [0.0] * shop.slots
    for profiles, job_starts in zip(shop.power, starts, strict=True):
        for profile, start in zip(profiles, job_starts, strict=True):
            for slot, power in enumerate(profile, start):
                total[slot] += power
    return total


def objective(shop: FlowShop, starts: Starts) -> float:
    """What a plan draws from the grid beyond the site's own generation, at the rate of its slot.

    sum_t rate_t · max(0, P_t − generation_t), after Mencaroni et al. (2025).
    """
    drawn = power_drawn(shop, starts)
    slots = zip(shop.rate, drawn, shop.generation, strict=True)
    return sum(rate * max(0.0, power - own) for rate, power, own in slots)


def impossible(shop: FlowShop) -> str:
    """Why no plan fits into the horizon, in a sentence; empty when nothing is known against it.

    A machine needs its whole work, after the shortest way to it and before the shortest way from
    it (the machine bound of Lageweg, Lenstra and Rinnooy Kan, 1978).
    """
    times = shop.processing_time
    for machine in range(shop.machines):
        before = min(sum(job[:machine]) for job in times)
        after = min(sum(job[machine + 1 :]) for job in times)
        needed = before + sum(job[machine] for job in times) + after
        if needed > shop.slots:
            return (
                f"machine {machine}: its {shop.jobs} operations need {needed} slots with the way "
                f"to it and from it, and the horizon has {shop.slots}"
            )
    return ""
