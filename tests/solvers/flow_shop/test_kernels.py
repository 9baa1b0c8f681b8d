"""Compiled and as plain Python the kernels do the same, to the last bit."""

from array import array
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from solvers.flow_shop.problem import FlowShop
from solvers.flow_shop.single import costs_by_start
from solvers.flow_shop.tables import tables_of, whole
from tests.solvers.flow_shop.shops import drawn_shop
from twin.native import load

PACKAGE = "solvers.flow_shop"


def both(name: str) -> list[ModuleType]:
    """The compiled kernel and the Python one."""
    compiled = load(f"{PACKAGE}.{name}")
    python = import_module(f"{PACKAGE}.{name}")
    if compiled is python:
        pytest.skip(f"{name} is not compiled")
    return [compiled, python]


def shop_tables(shop: FlowShop) -> list[memoryview]:
    tables = tables_of(shop)
    return [tables.length, tables.first, tables.power, tables.rate, tables.generation]


@pytest.mark.parametrize("machines", [1, 3])
def test_the_search(machines: int) -> None:
    shop = drawn_shop(5, jobs=7, machines=machines, slots=20)

    def walked(kernel: Any) -> object:
        search = kernel.Search(*shop_tables(shop), whole(range(shop.jobs)), machines, 12345)
        search.anneal(300, 5000.0, 50.0)
        search.restart_from_best()
        search.anneal(100, 500.0, 5.0)
        return search.best(), search.current_value()

    compiled, python = both("_flow_kernel")
    assert walked(compiled) == walked(python)


def test_the_exact_method() -> None:
    shop = drawn_shop(5, jobs=6, machines=1, slots=12)
    jobs = list(range(shop.jobs))

    def levels(kernel: Any) -> object:
        times = array("q", (time for [time] in shop.processing_time))
        single = kernel.Single(memoryview(times), costs_by_start(shop, jobs), shop.slots)
        told: list[object] = [single.ascend(30, 1e5)]
        for job in jobs:
            single.track(job)
            told += [single.ascend(5, 1e5), single.level(1e5, 5000), single.least()]
            told += [single.starts(), [single.visits_of(j) for j in jobs]]
        return told

    compiled, python = both("_flow_single_kernel")
    assert levels(compiled) == levels(python)


def test_the_relaxation() -> None:
    shop = drawn_shop(5, jobs=5, machines=3, slots=16)

    def bounds(kernel: Any) -> object:
        relaxation = kernel.Relaxation(*shop_tables(shop), shop.machines)
        return relaxation.ascend(80, 1e5), [relaxation.bounds_by_start(j) for j in range(5)]

    compiled, python = both("_flow_relaxation_kernel")
    assert bounds(compiled) == bounds(python)
