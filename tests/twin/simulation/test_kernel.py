"""The parts of the kernel, against the Python they are copies of, and how it is run."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.twin.simulation.comparison import first_difference
from tests.twin.simulation.random_cases import MONDAY, numbered
from twin.behaviour.dispatching import FirstInFirstOut, Waiting
from twin.behaviour.randomness import Luck, name_words
from twin.behaviour.scrap import scrapped_pieces
from twin.errors import NoriaError
from twin.model import quantiles
from twin.model.compiled import compile_plant
from twin.model.horizon import Horizon
from twin.model.laws import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Histogram,
    Law,
    Lognormal,
    Weibull,
    remaining_life,
)
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.state import ShopState
from twin.simulation import _kernel, kernel_engine
from twin.simulation.experiment import Experiment
from twin.simulation.kernel_engine import KernelEngine
from twin.simulation.table_codes import bit_places
from twin.simulation.tables import Tables

SHARES = [1e-12, 1e-3, 0.02, 0.3, 0.5, 0.75, 0.97, 0.9999, 1 - 1e-12]
LAWS: list[Law] = [
    Constant(value=3.0),
    Exponential(scale=100.0),
    Weibull(shape=2.3, scale=80.0),
    Weibull(shape=0.6, scale=80.0),
    Lognormal(median=20.0, sigma=0.8),
    Gamma(shape=0.4, scale=30.0),
    Gamma(shape=7.0, scale=3.0),
    Histogram(edges=(1.0, 2.0, 5.0, 20.0), counts=(1.0, 0.0, 3.0)),
    Empirical(values=(4.0, 1.0, 9.0, 2.5)),
]


def line(stations: int = 2, minutes: int = 1440, **source: Any) -> Experiment:
    """A serial line that works a piece a minute, first come first served."""
    names = [f"o{v}" for v in range(stations)]
    plant = Plant.model_validate(
        {
            "id": "line",
            "areas": [{"id": "a"}],
            "operations": [{"id": name, "buffer_jobs": 3} for name in names],
            "routes": [{"id": "r", "operations": names}],
            "products": [{"id": "A", "family": "f", "route": "r"}],
            "sources": [{"id": "in", "product": "A", **source}],
            "work_units": [
                {
                    "id": f"u{v}",
                    "area": "a",
                    "processing": [
                        {"operation": name, "basis": "piece", "time": {"*": 1.0}, "cv": 0.3}
                    ],
                }
                for v, name in enumerate(names)
            ],
        }
    )
    compiled = compile_plant(plant, Horizon(MONDAY, minutes))
    return Experiment(compiled, OrderBook(), ShopState(MONDAY), policy=FirstInFirstOut())


def kernel_of(experiment: Experiment) -> Any:
    """The kernel as Python, whose registers can be looked at."""
    return _kernel.Kernel(Tables(experiment), 64, 0)


@pytest.mark.parametrize("u", SHARES)
def test_the_normal_quantile_is_that_of_the_model(u: float) -> None:
    assert _kernel.normal_quantile(u) == quantiles.normal_quantile(u)


@pytest.mark.parametrize("shape", [0.05, 0.7, 1.0, 4.5, 400.0, 2e5])
@pytest.mark.parametrize("u", SHARES)
def test_the_gamma_quantiles_are_those_of_the_model(shape: float, u: float) -> None:
    assert _kernel.gamma_inverse(shape, u, 0) == quantiles.gamma_quantile(shape, u)
    assert _kernel.gamma_inverse(shape, u, 1) == quantiles.gamma_upper_quantile(shape, u)


@pytest.mark.parametrize("pieces", [0, 1, 7, 200, 20_000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.4, 1.0])
def test_the_binomial_quantile_is_that_of_the_scrap(pieces: int, share: float) -> None:
    for u in SHARES:
        assert _kernel.binomial_quantile(pieces, share, u) == scrapped_pieces(pieces, share, u)


@pytest.mark.parametrize("k", [0, 1, 2, 77, 2**33, (3 << 52) + (9 << 16) + 4])
def test_random_numbers_are_those_of_the_named_streams(k: int) -> None:
    name, stream = name_words("press", "seal"), Luck(2**32 - 1, 12).stream("press", "seal")
    assert _kernel.philox(2**32 - 1, 12, *name, k) == stream.uniform(k)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
def test_laws_give_the_durations_of_the_model(law: Law) -> None:
    kernel = kernel_of(line(time_between=law))
    for u in SHARES:
        assert kernel.quantile(0, u) == law.quantile(u)
        for age in (0.0, 1.5, 4.0, 250.0):
            assert kernel.remaining_life(0, age, u) == remaining_life(law, age, u)


def test_the_place_of_the_lowest_bit_is_found_for_every_word() -> None:
    kernel = SimpleNamespace(bit_index=bit_places())
    for place in range(64):
        word = (0xFFFFFFFFFFFFFFFF << place) & 0xFFFFFFFFFFFFFFFF
        assert _kernel.Kernel.lowest_bit(kernel, word) == place


def test_of_equal_timers_the_lower_slot_fires_first() -> None:
    kernel = kernel_of(line(5))
    fired: list[int] = []

    def fire(slot: int) -> None:
        fired.append(slot)
        kernel.set_timer(slot, _kernel.OFF)

    kernel.begin_run()
    kernel.fire = fire
    slots = range(len(kernel.slot_kind))
    for slot in slots:
        kernel.set_timer(slot, 7 + slot % 3)
    while kernel.timer[1] != _kernel.OFF:
        kernel.now = kernel.timer[1]
        kernel.fire_due()
    assert fired == sorted(slots, key=lambda slot: (slot % 3, slot))


def test_a_run_that_lacks_room_begins_again_and_ends_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = numbered(3)
    roomy = KernelEngine(experiment).run(0, trace=True)
    monkeypatch.setattr(kernel_engine, "JOBS", 1)
    monkeypatch.setattr(kernel_engine, "ROWS", 1)
    assert first_difference(roomy, KernelEngine(experiment).run(0, trace=True), experiment) is None


@pytest.mark.parametrize("number", [1, 2, 3, 4, 8, 9])
def test_a_run_leaves_nothing_behind_for_the_next(number: int) -> None:
    experiment = numbered(number)
    used, fresh = KernelEngine(experiment), KernelEngine(experiment)
    with suppress(NoriaError):  # its buffers may lock
        used.run(1, trace=True)
    assert first_difference(fresh.run(2, trace=True), used.run(2, trace=True), experiment) is None


def test_two_threads_share_an_engine_and_not_its_registers() -> None:
    engine = KernelEngine(line(3, minutes=120))
    alone = [engine.run(n) for n in range(4)]
    found: dict[int, Any] = {}

    def work(numbers: list[int]) -> None:
        for n in numbers:
            found[n] = engine.run(n)

    threads = [threading.Thread(target=work, args=(numbers,)) for numbers in ([0, 1], [2, 3])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        assert np.array_equal(alone[n].totals.state_ticks, found[n].totals.state_ticks)


def room(experiment: Experiment) -> tuple[int, int]:
    """Parts of a replication, and bytes that it needs beside the tables."""
    tables = Tables(experiment)
    shared = {id(array) for array in vars(tables).values()}
    kernel: Any = _kernel.Kernel(tables, 64, 0)
    while error := kernel.run(0, 0, 0):
        kernel.make_room(error)
    arrays = [array for array in vars(kernel).values() if hasattr(array, "itemsize")]
    own = [array for array in arrays if id(array) not in shared]
    return sum(kernel.totals()["completed_jobs"]), sum(len(a) * a.itemsize for a in own)


def test_the_room_of_a_run_does_not_grow_with_its_parts() -> None:
    few, many = room(line(minutes=60)), room(line(minutes=720))
    assert many[0] > 10 * few[0]
    assert many[1] == few[1] < 20_000


def test_a_policy_it_does_not_know_is_refused() -> None:
    class Fairest(FirstInFirstOut):
        def rank(self, waiting: Waiting) -> float:
            return math.inf

    with pytest.raises(NoriaError, match="does not know the policy Fairest"):
        KernelEngine(replace(line(), policy=Fairest()))
