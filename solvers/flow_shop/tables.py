"""A flow shop as the flat arrays that the kernels read."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from solvers.flow_shop.problem import FlowShop, Starts

Table = memoryview
"""A flat array of numbers, as kernels take it."""


@dataclass(frozen=True)
class Tables:
    """Operations numbered machine · J + job, their profiles one after the other."""

    length: Table
    """(M·J) processing times [slots]."""
    first: Table
    """(M·J) where a profile begins in ``power``."""
    power: Table
    rate: Table
    """(T,)"""
    generation: Table
    """(T,)"""


def tables_of(shop: FlowShop) -> Tables:
    profiles = [shop.power[job][machine] for machine in range(shop.machines) for job in _jobs(shop)]
    first: list[int] = []
    power: list[float] = []
    for profile in profiles:
        first.append(len(power))
        power.extend(profile)
    return Tables(
        whole(map(len, profiles)),
        whole(first),
        real(power or [0.0]),
        real(shop.rate),
        real(shop.generation),
    )


def whole(values: Iterable[int]) -> Table:
    """Whole numbers for a kernel."""
    return memoryview(array("q", values))


def real(values: Iterable[float]) -> Table:
    """Fractions for a kernel."""
    return memoryview(array("d", values))


def starts_of(shop: FlowShop, start: list[int]) -> Starts:
    """(J, M) starts from those of a kernel, which go machine by machine."""
    return tuple(tuple(start[job :: shop.jobs]) for job in _jobs(shop))


def _jobs(shop: FlowShop) -> range:
    return range(shop.jobs)
