"""Judges a plan of a flow shop by the words of the problem alone; knows no solver."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from solvers.flow_shop.problem import FlowShop, Starts, objective

RELATIVE_TOLERANCE = 1e-9


def check(
    shop: FlowShop, order: Sequence[int], starts: Starts, claimed: float | None = None
) -> list[str]:
    """Everything that is wrong with a plan, a sentence each; empty when nothing is.

    Parameters
    ----------
    order : (J,)
        Jobs in the order in which every machine takes them.
    claimed
        The objective that somebody says the plan has.
    """
    shape = _shape_faults(shop, order, starts)
    if shape:
        return shape
    faults = [*_horizon_faults(shop, starts), *_route_faults(shop, starts)]
    faults += _sequence_faults(shop, order, starts)
    if not faults and claimed is not None:
        faults += _objective_faults(shop, starts, claimed)
    return faults


def _shape_faults(shop: FlowShop, order: Sequence[int], starts: Starts) -> list[str]:
    if sorted(order) != list(range(shop.jobs)):
        return [f"the order names {len(order)} jobs; each of {shop.jobs} stands in it once"]
    if len(starts) != shop.jobs or any(len(row) != shop.machines for row in starts):
        return [f"starts are not {shop.jobs} jobs by {shop.machines} machines"]
    return []


def _horizon_faults(shop: FlowShop, starts: Starts) -> list[str]:
    return [
        f"job {job}, machine {machine}: runs in [{start}, {start + time}); "
        f"the horizon is [0, {shop.slots})"
        for job, row in enumerate(starts)
        for machine, start in enumerate(row)
        for time in [shop.processing_time[job][machine]]
        if start < 0 or start + time > shop.slots
    ]


def _route_faults(shop: FlowShop, starts: Starts) -> list[str]:
    """A job is on one machine after the other."""
    return [
        f"job {job}: starts on machine {machine + 1} at {row[machine + 1]}, before it has left "
        f"machine {machine} at {row[machine] + shop.processing_time[job][machine]}"
        for job, row in enumerate(starts)
        for machine in range(shop.machines - 1)
        if row[machine + 1] < row[machine] + shop.processing_time[job][machine]
    ]


def _sequence_faults(shop: FlowShop, order: Sequence[int], starts: Starts) -> list[str]:
    """A machine has one job at a time, and takes them in the order of the plan."""
    return [
        f"machine {machine}: job {after} starts at {starts[after][machine]}, before job {before} "
        f"has ended at {starts[before][machine] + shop.processing_time[before][machine]}"
        for machine in range(shop.machines)
        for before, after in pairwise(order)
        if starts[after][machine] < starts[before][machine] + shop.processing_time[before][machine]
    ]


def _objective_faults(shop: FlowShop, starts: Starts, claimed: float) -> list[str]:
    found = objective(shop, starts)
    if abs(found - claimed) > RELATIVE_TOLERANCE * max(1.0, abs(found)):
        return [f"the objective is {found!r}, and {claimed!r} is claimed"]
    return []
